/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* ring_play - a queue between a driver that keeps to its rules and a device that does what bytes say. */
#include <stdio.h>
#include <stdlib.h>

#include "fake_arch.h"
#include "fake_virtio.h"
#include "ring_play.h"
#include "virtq.h"

enum { COOKIES = 64, ROOM = 32 };

static const u8 *at, *end;
static struct virtq *q;
static struct fake_ring ring;
static u32 rooms[COOKIES]; /* and 1; 0: not out */
static u8 memory[4 * ROOM];

static u8 next(void)
{
    return at < end ? *at++ : 0;
}

static u32 next32(void)
{
    u32 v = next();
    v |= (u32)next() << 8;
    v |= (u32)next() << 16;
    return v | (u32)next() << 24;
}

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "ring_play: %s\n", what);
    abort();
}

static void ignore(struct virtq *queue)
{
    must(queue == q, "another queue's doorbell");
}

static void add(u8 how)
{
    struct span spans[4];
    unsigned i = next() % COOKIES, n = how % 4 + 1, in = how / 4 % (n + 1);
    for (unsigned k = 0; k < n; k++)
        spans[k] = (struct span){(u64)memory + k * ROOM, ROOM};
    if (rooms[i] == 0 && virtq_add(q, spans, n - in, in, &rooms[i]) == 0)
        rooms[i] = in * ROOM + 1;
}

static void back(const u32 *cookie, u32 written)
{
    must(cookie >= rooms && cookie < rooms + COOKIES && *cookie, "a request that is not out came back");
    must(written < *cookie, "more was written than there was room");
    rooms[cookie - rooms] = 0;
}

static void take(void)
{
    u32 written, *cookie = virtq_take(q, &written);
    if (cookie)
        back(cookie, written);
}

/* The device is reset: everything comes back, and the queue is as new. */
static void start_again(void)
{
    for (u32 *cookie; (cookie = virtq_reclaim(q)) != NULL;)
        back(cookie, 0);
    must(virtq_in_flight(q) == 0, "not all came back");
    for (unsigned i = 0; i < COOKIES; i++)
        must(rooms[i] == 0, "one did not come back");
    must(virtq_renew(q) == 0, "no memory");
    ring = fake_ring_of(q);
}

/* As an honest device does. It is told the head from within, because the rings hold lies. */
static void push(u8 how)
{
    u16 head = q->oldest;
    if (!(q->flags & VIRTQ_IN_ORDER))
        for (head = 0; head < q->size && q->slots[head].cookie != &rooms[how % COOKIES];)
            head++;
    if (head < q->size && q->slots[head].cookie)
        fake_ring_push_batch(&ring, 1, q->slots[head].count, head, next() % (q->slots[head].room + 1));
}

/* Anything that a device can write: an entry, the index or a descriptor's flags, or any word of the rings. */
static void lie(u8 how)
{
    u64 bytes = q->device_pa - q->desc_pa + (ring.packed ? 4 : 6 + 8 * (u64)q->size);
    switch (how % 4) {
    case 0:
        fake_ring_used(&ring, ring.used, next32(), next32());
        break;
    case 1:
        fake_ring_set_used_idx(&ring, (u16)(ring.used + next()));
        break;
    case 2:
        fake_ring_mark(&ring, ring.used, (u16)(next() << 8 | next()));
        break;
    default:
        *(u8 *)(q->desc_pa + next32() % bytes) = next();
    }
}

static void move(u8 what)
{
    u8 how = what >> 3;
    switch (what & 7) {
    case 0:
        add(how);
        break;
    case 1:
        virtq_kick(q);
        break;
    case 2:
        take();
        break;
    case 3:
        virtq_arm(q, 1);
        break;
    case 4:
    case 5:
        push(next());
        break;
    case 6:
        lie(how);
        break;
    default:
        if (how == 0 || q->broken)
            start_again();
    }
}

void ring_play(u32 flags, const u8 *bytes, size_t len)
{
    static const u16 sizes[] = {1, 2, 4, 8, 64, 256, 3, 7};
    at = bytes;
    end = bytes + len;
    fake_reset();
    fake_complaint();
    u8 how = next();
    u16 size = sizes[how / 8 % (flags & VIRTQ_PACKED ? 8 : 6)];
    flags |= (how & 1 ? VIRTQ_INDIRECT : 0) | (how & 2 ? VIRTQ_EVENT_IDX : 0) | (how & 4 ? VIRTQ_IN_ORDER : 0);
    q = virtq_new(0, size, flags);
    must(q, "no memory");
    q->notify = ignore;
    ring = fake_ring_of(q);
    while (at < end)
        move(next());
    start_again();
    virtq_free(q);
}
