/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq_split - the split layout (virtio 1.x, 2.7): descriptor table, available ring, used ring. */
#include "mem.h"
#include "virtq.h"

/*
 * One block of memory, shared with the device:
 *
 *     descriptors[size]                     16 bytes each     we write
 *     flags idx ring[size] used_event       2 bytes each      we write     "available"
 *     flags idx { id len }[size] avail_event                  it writes    "used", aligned to 4, for a legacy device to 4096
 *
 * A request takes one descriptor that points to an indirect table, or a chain where indirect was not negotiated. Indices count
 * modulo 65536 and are masked only to address a ring.
 */
enum { DESC_F_NEXT = 1, DESC_F_WRITE = 2, DESC_F_INDIRECT = 4 };
enum { AVAIL_F_NO_INTERRUPT = 1, USED_F_NO_NOTIFY = 1 };

struct desc {
    le64 addr;
    le32 len;
    le16 flags, next;
};
_Static_assert(sizeof(struct desc) == 16, "virtio 2.7.5");

struct avail {
    le16 flags, idx, ring[];
};

struct used_elem {
    le32 id, len;
};

struct used {
    le16 flags, idx;
    struct used_elem ring[];
};

struct ring {
    struct desc *desc;
    struct avail *avail;
    struct used *used;
    u16 free_head, free_count;
    u16 staged, published; /* the index behind the last request added, and behind the last that the device may see */
    u16 taken;             /* the used index up to which we have looked */
    bool quiet;            /* avail.flags says: no interrupts */
};

static u16 load(const le16 *p)
{
    return __atomic_load_n(&p->raw, __ATOMIC_RELAXED);
}

static void store(le16 *p, u16 v)
{
    __atomic_store_n(&p->raw, v, __ATOMIC_RELAXED);
}

static le16 *used_event(const struct virtq *q)
{
    struct ring *r = q->ring;
    return &r->avail->ring[q->size];
}

static const le16 *avail_event(const struct virtq *q)
{
    struct ring *r = q->ring;
    return (const le16 *)&r->used->ring[q->size];
}

static size_t used_offset(const struct virtq *q)
{
    return ALIGN_UP(q->size * sizeof(struct desc) + 6 + 2 * (size_t)q->size, q->flags & VIRTQ_LEGACY ? PAGE_SIZE : 4);
}

/* A legacy device knows the block by the number of its first page: whole pages are aligned to pages. */
static size_t ring_bytes(const struct virtq *q)
{
    return ALIGN_UP(used_offset(q) + 6 + q->size * sizeof(struct used_elem), q->flags & VIRTQ_LEGACY ? PAGE_SIZE : 4);
}

/* Without EVENT_IDX interrupts are off but while somebody waits; with it the flags stay 0 (2.7.7.1). */
static void set_quiet(struct virtq *q, bool quiet)
{
    struct ring *r = q->ring;
    if (q->flags & VIRTQ_EVENT_IDX || r->quiet == quiet)
        return;
    r->quiet = quiet;
    store(&r->avail->flags, quiet ? AVAIL_F_NO_INTERRUPT : 0);
}

static int split_init(struct virtq *q)
{
    struct ring *r = q->ring = mem_new(sizeof(*r));
    u8 *block = r ? mem_new(ring_bytes(q)) : NULL;
    if (!block)
        return -ENOMEM;
    r->desc = (struct desc *)block;
    r->avail = (struct avail *)(block + q->size * sizeof(struct desc));
    r->used = (struct used *)(block + used_offset(q));
    q->desc_pa = mem_phys(r->desc);
    q->driver_pa = mem_phys(r->avail);
    q->device_pa = mem_phys(r->used);
    for (u16 i = 0; i < q->size; i++)
        q->slots[i].next = (u16)(i + 1);
    q->slots[q->size - 1].next = 0;
    r->free_count = q->size;
    set_quiet(q, true);
    return 0;
}

static void split_free(struct virtq *q)
{
    struct ring *r = q->ring;
    mem_delete(r ? r->desc : NULL, ring_bytes(q));
    mem_delete(r, sizeof(*r));
}

static void describe(struct desc *d, const struct span *s, u16 flags, u16 next)
{
    d->addr = to_le64(s->pa);
    d->len = to_le32((u32)s->len);
    d->flags = to_le16(flags);
    d->next = to_le16(next);
}

/* The request behind one descriptor. */
static inline void add_indirect(struct desc *d, const struct virtq_slot *slot, const struct span *spans, unsigned out,
                                unsigned n)
{
    struct desc *table = slot->table;
    unsigned i = 0;
    for (; i < out; i++)
        describe(&table[i], &spans[i], DESC_F_NEXT, (u16)(i + 1));
    for (; i < n; i++)
        describe(&table[i], &spans[i], DESC_F_NEXT | DESC_F_WRITE, (u16)(i + 1));
    table[n - 1].flags = to_le16(n > out ? DESC_F_WRITE : 0);
    table[n - 1].next = to_le16(0);
    describe(d, &(struct span){slot->table_pa, n * sizeof(struct desc)}, DESC_F_INDIRECT, 0);
}

/* A descriptor for each span; the last of them. */
static COLD u16 add_chain(struct virtq *q, const struct span *spans, unsigned out, unsigned n)
{
    struct ring *r = q->ring;
    u16 at = r->free_head, last = at;
    for (unsigned i = 0; i < n; i++, last = at, at = q->slots[at].next)
        describe(&r->desc[at], &spans[i], (i < out ? 0 : DESC_F_WRITE) | (i + 1 < n ? DESC_F_NEXT : 0),
                 q->slots[at].next);
    return last;
}

/* The descriptors from the first free one to `last` are no longer free; the device finds the request by the first. */
static inline u16 stage(struct virtq *q, struct ring *r, u16 last, unsigned count)
{
    u16 head = r->free_head;
    r->free_head = q->slots[last].next;
    r->free_count -= (u16)count;
    store(&r->avail->ring[r->staged++ & (q->size - 1)], head);
    return head;
}

/* As many descriptors as it has spans, or a table that is not there yet. */
static COLD int add_otherwise(struct virtq *q, const struct span *spans, unsigned out, unsigned in, u64 room,
                              void *cookie)
{
    struct ring *r = q->ring;
    unsigned n = out + in;
    u16 head = r->free_head;
    if (n > 1 && q->flags & VIRTQ_INDIRECT && virtq_table(q, head)) {
        add_indirect(&r->desc[head], &q->slots[head], spans, out, n);
        return virtq_staged(q, stage(q, r, head, 1), 1, room, cookie);
    }
    if (n > r->free_count)
        return -ENOSPC;
    return virtq_staged(q, stage(q, r, add_chain(q, spans, out, n), n), n, room, cookie);
}

static int split_add(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie)
{
    struct ring *r = q->ring;
    u64 room;
    int err = virtq_check(q, spans, out, in, &room);
    if (err < 0)
        return err;
    u16 head = r->free_head;
    if (r->free_count == 0)
        return -ENOSPC;
    if (out + in == 1 || !q->slots[head].table)
        return add_otherwise(q, spans, out, in, room, cookie);
    add_indirect(&r->desc[head], &q->slots[head], spans, out, out + in);
    return virtq_staged(q, stage(q, r, head, 1), 1, room, cookie);
}

static void split_lay_out(struct virtq_pair *pair, u64 out_pa, u64 in_pa)
{
    struct desc *table = (struct desc *)pair->table;
    describe(&table[0], &(struct span){out_pa, 0}, DESC_F_NEXT, 1);
    describe(&table[1], &(struct span){in_pa, 0}, DESC_F_WRITE, 0);
}

static int split_add_pair(struct virtq *q, struct virtq_pair *pair, u32 out, u32 in, void *cookie)
{
    struct ring *r = q->ring;
    struct desc *table = (struct desc *)pair->table;
    if (q->broken)
        return -EIO;
    u16 head = r->free_head;
    if (r->free_count == 0)
        return -ENOSPC;
    table[0].len = to_le32(out);
    table[1].len = to_le32(in);
    describe(&r->desc[head], &(struct span){pair->table_pa, sizeof pair->table}, DESC_F_INDIRECT, 0);
    return virtq_staged(q, stage(q, r, head, 1), 1, in, cookie);
}

/* With IN_ORDER descriptors are taken and come back as they stand in the table, one behind the other, so that no list is needed. */
static void split_release(struct virtq *q, u16 head)
{
    struct ring *r = q->ring;
    u16 last = head;
    r->taken++;
    r->free_count += q->slots[head].count;
    if (q->flags & VIRTQ_IN_ORDER)
        return;
    for (unsigned i = 1; i < q->slots[head].count; i++)
        last = q->slots[last].next;
    q->slots[last].next = r->free_head;
    r->free_head = head;
}

static bool split_publish(struct virtq *q)
{
    struct ring *r = q->ring;
    u16 old = r->published, new = r->staged;
    r->published = q->available = new;
    /* The device must see descriptors and ring entries before the index that covers them (2.7.13.3.1). */
    __atomic_store_n(&r->avail->idx.raw, new, __ATOMIC_RELEASE);
    /* And the index before we look whether it still wants to be told (2.7.13.4.1): a store before a load needs a full fence. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (q->flags & VIRTQ_EVENT_IDX)
        return (u16)(new - load(avail_event(q)) - 1) < (u16)(new - old);
    return !(load(&r->used->flags) & USED_F_NO_NOTIFY);
}

static struct virtq_used split_used(struct virtq *q, u32 out)
{
    struct ring *r = q->ring;
    (void)out;
    /* The entries are read behind the index that covers them (2.7.14). */
    u16 finished = (u16)(__atomic_load_n(&r->used->idx.raw, __ATOMIC_ACQUIRE) - r->taken);
    if (finished == 0)
        return (struct virtq_used){0};
    const struct used_elem *e = &r->used->ring[r->taken & (q->size - 1)];
    set_quiet(q, true);
    return (struct virtq_used){finished, __atomic_load_n(&e->id.raw, __ATOMIC_RELAXED),
                               __atomic_load_n(&e->len.raw, __ATOMIC_RELAXED)};
}

static bool split_arm(struct virtq *q, u16 n)
{
    struct ring *r = q->ring;
    if (q->flags & VIRTQ_EVENT_IDX)
        store(used_event(q), (u16)(r->taken + n - 1));
    set_quiet(q, false);
    /* The device must see the wish before we look for the last time. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return load(&r->used->idx) != r->taken;
}

const struct virtq_layout virtq_split = {
    .init = split_init,
    .free = split_free,
    .add = split_add,
    .lay_out = split_lay_out,
    .add_pair = split_add_pair,
    .release = split_release,
    .publish = split_publish,
    .used = split_used,
    .arm = split_arm,
};
