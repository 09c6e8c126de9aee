/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - requests in flight and every check on what the device says of them (virtio 1.x, 2.6-2.9). */
#include "virtq.h"

#include "mem.h"
#include "print.h"

/*
 * The slots are ours alone: what a finished request is, which descriptors it took and how much it may have written is never read back from
 * memory that the device can write. A device that names what it does not have, or claims more than there was room for, breaks the queue.
 * Requests are numbered from 1 as they are added: the device has those up to `published` whose cookies were not yet handed back.
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
    q->max_spans = MIN((u16)VIRTQ_MAX_SPANS, virtq_room(q));
    q->layout = flags & VIRTQ_PACKED ? &virtq_packed : &virtq_split;
    q->slots = mem_new(size * sizeof(*q->slots));
    if (q->slots && q->layout->init(q) == 0)
        return q;
    virtq_free(q);
    return NULL;
}

static size_t table_bytes(const struct virtq *q)
{
    return MIN(q->size, VIRTQ_MAX_SPANS) * (size_t)16;
}

void *virtq_table(struct virtq *q, u16 head)
{
    struct virtq_slot *slot = &q->slots[head];
    if (!slot->table && (slot->table = mem_new(table_bytes(q))))
        slot->table_pa = mem_phys(slot->table);
    return slot->table;
}

void virtq_free(struct virtq *q)
{
    q->layout->free(q);
    for (u16 i = 0; q->slots && i < q->size; i++)
        mem_delete(q->slots[i].table, table_bytes(q));
    mem_delete(q->slots, q->size * sizeof(*q->slots));
    mem_delete(q, sizeof(*q));
}

int virtq_renew(struct virtq *q)
{
    q->layout->free(q);
    q->published = (u32)q->counters.requests;
    q->batch = 0;
    q->oldest = 0;
    int err = q->layout->init(q);
    q->broken = err < 0; /* it has no rings to look at */
    return err;
}

bool virtq_lay_out(struct virtq *q, struct virtq_pair *pair, u64 out_pa, u64 in_pa)
{
    if (!(q->flags & VIRTQ_INDIRECT))
        return false;
    q->layout->lay_out(pair, out_pa, in_pa);
    pair->table_pa = mem_phys(pair->table);
    return true;
}

void virtq_kick(struct virtq *q)
{
    if (q->broken || q->published == (u32)q->counters.requests)
        return;
    q->published = (u32)q->counters.requests;
    if (!q->layout->publish(q))
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

/* The next of the requests that one word of the device ended; those before its last were used to their end (2.7.9). */
static void *finish_oldest(struct virtq *q, u32 *written)
{
    u16 head = q->oldest;
    const struct virtq_slot *slot = &q->slots[head];
    *written = --q->batch ? slot->room : q->batch_written;
    q->oldest = (u16)((head + slot->count) % q->size);
    return finish(q, head);
}

static COLD void *break_queue(struct virtq *q, const char *what, u32 value)
{
    print_text(q->why, sizeof q->why, "queue %u: %s %u", q->index, what, value);
    q->broken = true;
    return NULL;
}

/* The device has it: it is in flight, and not only staged. */
static bool has(const struct virtq *q, u32 id)
{
    return id < q->size && q->slots[id].cookie && (s32)(q->published - q->slots[id].number) >= 0;
}

static void *finish_batch(struct virtq *q, const struct virtq_used *used, u32 *written)
{
    u32 n = q->slots[used->id].number - (u32)q->counters.completed;
    if (n > used->finished)
        return break_queue(q, "it finished out of order, id", used->id);
    q->batch = n;
    q->batch_written = used->len;
    return finish_oldest(q, written);
}

void *virtq_take(struct virtq *q, u32 *written)
{
    u32 completed = (u32)q->counters.completed, out = q->published - completed;
    if (q->broken)
        return NULL;
    if (q->batch)
        return finish_oldest(q, written);
    struct virtq_used used = q->layout->used(q, out);
    if (used.finished == 0)
        return NULL;
    if (used.finished > out)
        return break_queue(q, "it finished more than is in flight, requests:", used.finished);
    if (!has(q, used.id))
        return break_queue(q, "it finished what is not in flight, id", used.id);
    if (used.len > q->slots[used.id].room)
        return break_queue(q, "it wrote beyond the room given, bytes", used.len);
    if (!(q->flags & VIRTQ_IN_ORDER)) {
        *written = used.len;
        return finish(q, (u16)used.id);
    }
    return finish_batch(q, &used, written);
}

bool virtq_arm(struct virtq *q, u16 n)
{
    return q->layout->arm(q, n);
}

void *virtq_reclaim(struct virtq *q)
{
    q->batch = 0;
    for (u16 head = 0; head < q->size && virtq_in_flight(q); head++)
        if (q->slots[head].cookie)
            return finish(q, head);
    return NULL;
}
