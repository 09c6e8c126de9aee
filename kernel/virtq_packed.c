/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq_packed - the packed layout (virtio 1.x, 2.8): one ring of descriptors, which both sides write, lap after lap. */
#include "mem.h"
#include "virtq.h"

/*
 * One block of memory, shared with the device:
 *
 *     { addr len id flags }[size]     16 bytes each     we write a request's descriptors; it writes one in the place of the request's first
 *     { where:15 lap:1 flags:2 }      4 bytes           we write: after which one it is to interrupt
 *     { where:15 lap:1 flags:2 }      4 bytes           it writes: after which one we are to notify
 *
 * Each side keeps the parity of its lap. A descriptor is available when its AVAIL bit is the writer's parity and its USED bit is not; it is
 * used when both are the reader's. Requests finish in any order, each where the next to be looked at stands, so a place says nothing about the
 * request: its id does, which is the head.
 */
enum { DESC_F_NEXT = 1, DESC_F_WRITE = 2, DESC_F_INDIRECT = 4, DESC_F_AVAIL = 1 << 7, DESC_F_USED = 1 << 15 };
enum { EVENT_DISABLE = 1, EVENT_DESC = 2, EVENT_FLAGS = 3 };

struct desc {
    le64 addr;
    le32 len;
    le16 id, flags;
};
_Static_assert(sizeof(struct desc) == 16, "virtio 2.8.13");

struct ring {
    struct desc *desc;
    le32 *driver_event, *device_event; /* "where", "lap" and flags as one word, so that neither side sees half of it */
    struct desc
        *curtain; /* the first descriptor that is staged: as long as it is not available, nothing behind it is */
    u16 curtain_flags;
    u16 staged; /* descriptors */
    u16 next;   /* where the next request will stand */
    u16 taken;  /* where the next used descriptor will */
    bool lap, taken_lap;
    u16 free_head, free_count; /* ids that are free, in a list; descriptors */
    u32 asked;                 /* what driver_event says */
};

static size_t ring_bytes(const struct virtq *q)
{
    return q->size * sizeof(struct desc) + 2 * sizeof(le32);
}

static void ask(struct ring *r, u32 event)
{
    if (r->asked != event)
        __atomic_store_n(&r->driver_event->raw, event, __ATOMIC_RELAXED);
    r->asked = event;
}

static int packed_init(struct virtq *q)
{
    struct ring *r = q->ring = mem_new(sizeof(*r));
    u8 *block = r ? mem_new(ring_bytes(q)) : NULL;
    if (!block)
        return -ENOMEM;
    r->desc = (struct desc *)block;
    r->driver_event = (le32 *)(block + q->size * sizeof(struct desc));
    r->device_event = r->driver_event + 1;
    q->desc_pa = mem_phys(r->desc);
    q->driver_pa = mem_phys(r->driver_event);
    q->device_pa = mem_phys(r->device_event);
    for (u16 i = 0; i < q->size; i++)
        q->slots[i].next = i + 1;
    r->free_count = virtq_room(q);
    r->lap = r->taken_lap = true;
    ask(r, EVENT_DISABLE << 16);
    return 0;
}

static void packed_free(struct virtq *q)
{
    struct ring *r = q->ring;
    mem_delete(r ? r->desc : NULL, ring_bytes(q));
    mem_delete(r, sizeof(*r));
}

/* Behind `n` more descriptors. */
static void advance(const struct virtq *q, u16 *at, bool *lap, u16 n)
{
    bool over = n >= q->size - *at;
    *at = over ? (u16)(n - (q->size - *at)) : *at + n;
    *lap ^= over;
}

/* false: there is no table to be had. In a table flags but WRITE mean nothing, and the order is the order (2.8.19). */
static bool make_table(struct virtq *q, u16 id, const struct span *spans, unsigned out, unsigned n, struct span *at)
{
    struct desc *table = virtq_table(q, id);
    for (unsigned i = 0; table && i < n; i++)
        table[i] = (struct desc){to_le64(spans[i].pa), to_le32((u32)spans[i].len), to_le16(0),
                                 to_le16(i >= out ? DESC_F_WRITE : 0)};
    if (table)
        *at = (struct span){mem_phys(table), n * sizeof(struct desc)};
    return table != NULL;
}

/* From the last to the first, each one's flags behind the rest of it, so that none is available before all that follows it is whole (2.8.21.1.1). */
static void add_list(struct virtq *q, const struct span *spans, unsigned out, u16 n, u16 id, u16 flags)
{
    struct ring *r = q->ring;
    for (u16 i = n; i-- > 0;) {
        u16 at = r->next, f = flags | (i >= out ? DESC_F_WRITE : 0) | (i + 1 < n ? DESC_F_NEXT : 0);
        bool lap = r->lap;
        advance(q, &at, &lap, i);
        struct desc *d = &r->desc[at];
        d->addr = to_le64(spans[i].pa);
        d->len = to_le32((u32)spans[i].len);
        d->id = to_le16(id);
        f |= lap ? DESC_F_AVAIL : DESC_F_USED;
        if (i || r->staged)
            __atomic_store_n(&d->flags.raw, f, __ATOMIC_RELEASE);
        else
            r->curtain = d, r->curtain_flags = f;
    }
    advance(q, &r->next, &r->lap, n);
    r->staged += n;
    r->free_count -= n;
}

static int packed_add(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie)
{
    struct ring *r = q->ring;
    struct span table;
    u64 room;
    int err = virtq_check(q, spans, out, in, &room);
    if (err < 0)
        return err;
    u16 id = q->flags & VIRTQ_IN_ORDER ? r->next : r->free_head, n = (u16)(out + in), flags = 0;
    if (r->free_count == 0)
        return -ENOSPC;
    if (n > 1 && q->flags & VIRTQ_INDIRECT && make_table(q, id, spans, out, n, &table)) {
        spans = &table;
        out = n = 1;
        flags = DESC_F_INDIRECT;
    }
    if (n > r->free_count)
        return -ENOSPC;
    r->free_head = q->slots[id].next;
    add_list(q, spans, out, n, id, flags);
    return virtq_staged(q, id, n, room, cookie);
}

static void packed_lay_out(struct virtq_pair *pair, u64 out_pa, u64 in_pa)
{
    struct desc *table = (struct desc *)pair->table;
    table[0] = (struct desc){.addr = to_le64(out_pa)};
    table[1] = (struct desc){.addr = to_le64(in_pa), .flags = to_le16(DESC_F_WRITE)};
}

static int packed_add_pair(struct virtq *q, struct virtq_pair *pair, u32 out, u32 in, void *cookie)
{
    struct ring *r = q->ring;
    struct desc *table = (struct desc *)pair->table;
    if (q->broken)
        return -EIO;
    u16 id = q->flags & VIRTQ_IN_ORDER ? r->next : r->free_head;
    if (r->free_count == 0)
        return -ENOSPC;
    table[0].len = to_le32(out);
    table[1].len = to_le32(in);
    r->free_head = q->slots[id].next;
    add_list(q, &(struct span){pair->table_pa, sizeof pair->table}, 1, 1, id, DESC_F_INDIRECT);
    return virtq_staged(q, id, 1, in, cookie);
}

static void packed_release(struct virtq *q, u16 head)
{
    struct ring *r = q->ring;
    r->free_count += q->slots[head].count;
    advance(q, &r->taken, &r->taken_lap, q->slots[head].count);
    q->slots[head].next = r->free_head;
    r->free_head = head;
}

/* As with an available index: told when the event lies in what was published. A place of the other lap is `size` behind (2.8.10). */
static bool packed_publish(struct virtq *q)
{
    struct ring *r = q->ring;
    u16 n = r->staged;
    r->staged = 0;
    q->available = r->next | (u16)(r->lap << 15);
    __atomic_store_n(&r->curtain->flags.raw, r->curtain_flags, __ATOMIC_RELEASE);
    /* The device must see it before we look whether it still wants to be told (2.8.21.3.1): a store before a load needs a full fence. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    u32 event = __atomic_load_n(&r->device_event->raw, __ATOMIC_RELAXED);
    u16 flags = event >> 16 & EVENT_FLAGS, at = event & 0x7fff;
    if (flags != EVENT_DESC || !(q->flags & VIRTQ_EVENT_IDX))
        return flags != EVENT_DISABLE;
    if ((event >> 15 & 1) != r->lap)
        at -= q->size;
    return (u16)(r->next - at - 1) < n;
}

static bool is_used(const struct ring *r)
{
    /* The rest of the descriptor is read behind its flags (2.8.21.2). */
    u16 flags = __atomic_load_n(&r->desc[r->taken].flags.raw, __ATOMIC_ACQUIRE);
    return !!(flags & DESC_F_AVAIL) == r->taken_lap && !!(flags & DESC_F_USED) == r->taken_lap;
}

static struct virtq_used packed_used(struct virtq *q, u32 out)
{
    struct ring *r = q->ring;
    if (!is_used(r))
        return (struct virtq_used){0};
    ask(r, EVENT_DISABLE << 16);
    return (struct virtq_used){MAX(out, 1u), __atomic_load_n(&r->desc[r->taken].id.raw, __ATOMIC_RELAXED),
                               __atomic_load_n(&r->desc[r->taken].len.raw, __ATOMIC_RELAXED)};
}

/* A place comes again after two laps, so it is only asked for while somebody waits. Where requests take several places each, the n-th comes sooner. */
static bool packed_arm(struct virtq *q, u16 n)
{
    struct ring *r = q->ring;
    u16 at = r->taken;
    bool lap = r->taken_lap;
    advance(q, &at, &lap, (u16)(n - 1));
    ask(r, q->flags & VIRTQ_EVENT_IDX ? at | (u32)lap << 15 | EVENT_DESC << 16 : 0);
    /* The device must see the wish before we look for the last time. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return is_used(r);
}

const struct virtq_layout virtq_packed = {
    .init = packed_init,
    .free = packed_free,
    .add = packed_add,
    .lay_out = packed_lay_out,
    .add_pair = packed_add_pair,
    .release = packed_release,
    .publish = packed_publish,
    .used = packed_used,
    .arm = packed_arm,
};
