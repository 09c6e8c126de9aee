/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - requests in flight and every check on what the device says of them (virtio 1.x, 2.6-2.8). */
#include "virtq.h"

#include "mem.h"
#include "print.h"

/*
 * The slots are ours alone: what a finished request is, which descriptors it took and how much it may have written is never read back from
 * memory that the device can write. A device that names what is not in flight, or claims more than there was room for, breaks the queue.
 */

struct virtq *virtq_new(u16 index, u16 size, u32 flags)
{
    struct virtq *q = mem_new(sizeof(*q));
    if (!q)
        return NULL;
    q->index = index;
    q->size = size;
    q->vector = 0xffff;
    q->flags = flags;
    q->layout = &virtq_split;
    q->slots = mem_new(size * sizeof(*q->slots));
    if (q->slots && q->layout->init(q) == 0)
        return q;
    virtq_free(q);
    return NULL;
}

void virtq_free(struct virtq *q)
{
    q->layout->free(q);
    if (q->slots)
        mem_delete(q->slots, q->size * sizeof(*q->slots));
    mem_delete(q, sizeof(*q));
}

unsigned virtq_in_flight(const struct virtq *q)
{
    return (unsigned)(q->counters.requests - q->counters.completed);
}

/* Bytes in n spans; more than 32 bits, which no chain may have (2.7.5.2), when one is empty or too long. */
static u64 length(const struct span *spans, unsigned n)
{
    u64 sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += spans[i].len - 1 < 0xffffffffull ? spans[i].len : 1ull << 32;
    return sum;
}

int virtq_add(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie)
{
    unsigned n = out + in;
    u64 room = length(spans + out, in);
    if (q->broken)
        return -EIO;
    if (n == 0 || n > MIN(VIRTQ_MAX_SPANS, q->size) || length(spans, out) + room > 0xffffffffull)
        return -E2BIG;
    int head = q->layout->add(q, spans, out, in);
    if (head < 0)
        return head;
    q->slots[head].cookie = cookie;
    q->slots[head].room = (u32)room;
    q->counters.requests++;
    return 0;
}

void virtq_kick(struct virtq *q)
{
    if (q->broken || !q->layout->publish(q))
        return;
    q->counters.kicks++;
    q->notify(q);
}

/* Ends a request: its descriptors are free, its cookie goes to the caller. */
static void *finish(struct virtq *q, u16 head)
{
    void *cookie = q->slots[head].cookie;
    q->slots[head].cookie = NULL;
    q->layout->release(q, head);
    q->counters.completed++;
    return cookie;
}

static void *break_queue(struct virtq *q, const char *what, u32 value)
{
    log_warn("queue %u: the device says %s %u; nothing more is believed", q->index, what, value);
    q->broken = true;
    return NULL;
}

void *virtq_take(struct virtq *q, u32 *written)
{
    u32 id = 0, len = 0;
    int result = q->broken ? 0 : q->layout->used(q, &id, &len);
    if (result == 0)
        return NULL;
    if (result < 0)
        return break_queue(q, "it finished more than is in flight, by index", id);
    if (id >= q->size || !q->slots[id].cookie)
        return break_queue(q, "it finished what is not in flight, id", id);
    if (len > q->slots[id].room)
        return break_queue(q, "it wrote beyond the room given, bytes", len);
    *written = len;
    return finish(q, (u16)id);
}

bool virtq_arm(struct virtq *q)
{
    return q->layout->arm(q);
}

void *virtq_reclaim(struct virtq *q)
{
    for (u16 head = 0; head < q->size && virtq_in_flight(q); head++)
        if (q->slots[head].cookie)
            return finish(q, head);
    return NULL;
}
