/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_ring - the device's side of split and packed rings (virtio 1.x, 2.7, 2.8), which checks the driver's. */
#include "fake_virtio.h"
#include "virtq.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7, USED = 1 << 15 };
enum { ENABLE = 0, DISABLE = 1, AT_PLACE = 2 };

struct desc {
    u64 addr;
    u32 len;
    u16 flags, next;
};

struct packed_desc {
    u64 addr;
    u32 len;
    u16 id, flags;
};

static const char *complaint;

void fake_complain(const char *what)
{
    if (!complaint)
        complaint = what;
}

const char *fake_complaint(void)
{
    const char *c = complaint;
    complaint = NULL;
    return c;
}

struct fake_ring fake_ring_of(const struct virtq *q)
{
    return (struct fake_ring){.size = q->size,
                              .desc = q->desc_pa,
                              .driver = q->driver_pa,
                              .device = q->device_pa,
                              .event_idx = q->flags & VIRTQ_EVENT_IDX,
                              .indirect = q->flags & VIRTQ_INDIRECT,
                              .packed = q->flags & VIRTQ_PACKED,
                              .in_order = q->flags & VIRTQ_IN_ORDER};
}

static u16 get16(u64 at)
{
    return __atomic_load_n((u16 *)at, __ATOMIC_ACQUIRE);
}

static void set16(u64 at, u16 v)
{
    __atomic_store_n((u16 *)at, v, __ATOMIC_RELEASE);
}

static u32 driver_event(const struct fake_ring *r)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n((u32 *)r->driver, __ATOMIC_ACQUIRE);
}

bool fake_ring_is_quiet(const struct fake_ring *r)
{
    return r->packed ? driver_event(r) >> 16 == DISABLE : get16(r->driver) == 1;
}

static u64 sum_bytes(u64 sum, u64 at, u64 len)
{
    for (u64 i = 0; i < len; i++)
        sum = (sum ^ ((const u8 *)at)[i]) * 1099511628211ull;
    return sum;
}

/* A place in a packed ring is the device's until it marks it used, whichever request stood there; a split one's until its request is. */
static u64 sum_of(const struct fake_ring *r, const struct fake_taken *t)
{
    u64 sum = sum_bytes(14695981039346656037ull, t->table, t->table_len);
    for (u16 n = 0, at = t->at; n < t->count && !r->packed; n++) {
        const struct desc *d = (const struct desc *)r->desc + at;
        sum = sum_bytes(sum, (u64)d, sizeof(*d));
        at = d->next % r->size;
    }
    return sum;
}

static void check_place(struct fake_ring *r, u16 at, bool back)
{
    u64 sum = sum_bytes(1, r->desc + 16 * (u64)at, 16);
    if (back && r->places[at % FAKE_IDS] && r->places[at % FAKE_IDS] != sum)
        fake_complain("DR-PQ-2/3: a descriptor changed while it was the device's");
    r->places[at % FAKE_IDS] = back ? 0 : sum;
}

static void remember(struct fake_ring *r, const struct fake_chain *c, u16 at)
{
    struct fake_taken *t = &r->taken[c->head % FAKE_IDS];
    if (r->in_order && at != r->head)
        fake_complain("DR-SQ-5: in order, but not where the last one ended");
    r->head = (u16)((at + c->count) % r->size);
    if (t->count)
        fake_complain("a head that the device has already");
    *t = (struct fake_taken){at, c->count, c->table_len, c->table, 0};
    t->sum = sum_of(r, t);
    for (u16 i = 0; r->packed && i < c->count; i++)
        check_place(r, (u16)((at + i) % r->size), false);
}

u16 fake_ring_forget(struct fake_ring *r, u32 id)
{
    struct fake_taken *t = &r->taken[id % FAKE_IDS], was = *t;
    if (was.count && was.sum != sum_of(r, &was))
        fake_complain("DR-CL-1: descriptors changed while the device had them");
    t->count = 0;
    return MAX(was.count, (u16)1);
}

static void add_span(struct fake_chain *c, u64 addr, u32 len, bool write)
{
    if (c->out + c->in == FAKE_CHAIN || len == 0) {
        fake_complain("an empty descriptor, or too many");
        return;
    }
    if (!write && c->in)
        fake_complain("DR-SQ-2, DR-PQ-6: readable behind writable");
    c->spans[c->out + c->in] = (struct span){addr, len};
    c->out += !write;
    c->in += write;
    c->room += write ? len : 0;
}

static bool table_is_wrong(const struct fake_ring *r, const struct fake_chain *c, u32 len, u16 flags)
{
    if (flags & NEXT)
        fake_complain("DR-IND-4, DR-PQ-10: INDIRECT and NEXT");
    if (!r->indirect || c->indirect)
        fake_complain("DR-IND-1/2, DR-PQ-9: INDIRECT not negotiated, or inside a table");
    if (len % 16 || len / 16 > r->size || len == 0)
        fake_complain("DR-IND-3, DR-PQ-5: length of the table");
    return complaint != NULL;
}

/* ---- split ---- */

static void check_split(const struct fake_ring *r)
{
    if (r->desc % 16 || r->driver % 2 || r->device % 4)
        fake_complain("DR-SQ-1: alignment");
    if (get16(r->driver) > (r->event_idx ? 0 : 1))
        fake_complain("DR-UN-1/2: avail.flags");
    if ((u16)(get16(r->driver + 2) - r->seen) > r->size)
        fake_complain("DR-AV-1: avail.idx");
}

static void walk(const struct fake_ring *r, struct fake_chain *c, const struct desc *table, u32 size, u32 at)
{
    for (u32 n = 0; n < size; n++) {
        const struct desc *d = &table[at];
        c->count += !c->indirect;
        if (d->flags & INDIRECT) {
            if (table_is_wrong(r, c, d->len, d->flags))
                return;
            c->indirect = true;
            c->table = d->addr;
            c->table_len = d->len;
            walk(r, c, (const struct desc *)d->addr, d->len / 16, 0);
            return;
        }
        add_span(c, d->addr, d->len, d->flags & WRITE);
        if (!(d->flags & NEXT))
            return;
        if (r->in_order && d->next != (at + 1) % size)
            fake_complain("DR-SQ-5, DR-IND-5: next is not the next");
        at = d->next;
        if (at >= size)
            break;
    }
    fake_complain("DR-SQ-4: the chain does not end");
}

static bool pop_split(struct fake_ring *r, struct fake_chain *chain)
{
    check_split(r);
    if (get16(r->driver + 2) == r->seen)
        return false;
    *chain = (struct fake_chain){.head = get16(r->driver + 4 + 2 * (u64)(r->seen % r->size))};
    r->seen++;
    if (chain->head >= r->size) {
        fake_complain("a head beyond the table");
        return true;
    }
    walk(r, chain, (const struct desc *)r->desc, r->size, chain->head);
    remember(r, chain, chain->head);
    return true;
}

/* ---- packed ---- */

static void step(const struct fake_ring *r, u16 *at, bool *odd, unsigned n)
{
    *odd ^= (*at + n) / r->size & 1;
    *at = (u16)((*at + n) % r->size);
}

static bool is_available(const struct packed_desc *d, bool odd)
{
    u16 flags = get16((u64)&d->flags);
    return !!(flags & AVAIL) == !odd && !!(flags & USED) == odd;
}

static void read_table(struct fake_chain *c, const struct packed_desc *table, u32 n)
{
    c->indirect = true;
    c->table = (u64)table;
    c->table_len = n * 16;
    for (u32 i = 0; i < n; i++) {
        if (table[i].flags & ~WRITE)
            fake_complain("DR-PQ-9: a flag inside a table");
        add_span(c, table[i].addr, table[i].len, table[i].flags & WRITE);
    }
}

/* A list is whole as soon as its first descriptor is available. */
static bool pop_packed(struct fake_ring *r, struct fake_chain *chain)
{
    const struct packed_desc *table = (const struct packed_desc *)r->desc, *d;
    u16 at = r->seen;
    if (r->desc % 16 || r->driver % 4 || r->device % 4)
        fake_complain("DR-PQ-1: alignment");
    if (driver_event(r) >> 16 > (r->event_idx ? AT_PLACE : DISABLE))
        fake_complain("DR-UN-1: event flags");
    if (!is_available(&table[r->seen], r->seen_odd))
        return false;
    *chain = (struct fake_chain){0};
    do {
        d = &table[r->seen];
        if (!is_available(d, r->seen_odd))
            fake_complain("DR-PQ-8: a list whose rest is not there");
        if (++chain->count > r->size) {
            fake_complain("DR-PQ-5: the list does not end");
            return true;
        }
        if (!(d->flags & INDIRECT))
            add_span(chain, d->addr, d->len, d->flags & WRITE);
        else if (!table_is_wrong(r, chain, d->len, d->flags | (chain->count > 1 ? NEXT : 0)))
            read_table(chain, (const struct packed_desc *)d->addr, d->len / 16);
        step(r, &r->seen, &r->seen_odd, 1);
    } while (d->flags & NEXT);
    chain->head = d->id;
    remember(r, chain, at);
    return true;
}

bool fake_ring_pop(struct fake_ring *r, struct fake_chain *chain)
{
    return r->packed ? pop_packed(r, chain) : pop_split(r, chain);
}

/* ---- the way back ---- */

void fake_ring_used(struct fake_ring *r, u16 at, u32 id, u32 len)
{
    u32 *e = (u32 *)(r->device + 4 + 8 * (u64)(at % r->size));
    struct packed_desc *d = (struct packed_desc *)r->desc + at % r->size;
    if (r->packed) {
        d->id = (u16)id;
        d->len = len;
        return;
    }
    e[0] = id;
    e[1] = len;
}

void fake_ring_set_used_idx(struct fake_ring *r, u16 idx)
{
    r->used = idx;
    if (!r->packed)
        set16(r->device + 2, idx);
}

void fake_ring_mark(struct fake_ring *r, u16 at, u16 flags)
{
    set16(r->desc + 16 * (u64)(at % r->size) + 14, flags);
}

/* The driver wants to hear of it: its event lies in [old, new). */
static bool crossed(u16 event, u16 old, u16 new)
{
    return (u16)(new - event - 1) < (u16)(new - old);
}

static bool wants_packed(const struct fake_ring *r, unsigned n)
{
    u32 event = driver_event(r);
    u16 at = event & 0x7fff;
    if (event >> 16 != AT_PLACE)
        return event >> 16 == ENABLE;
    if ((event >> 15 & 1) == r->used_odd)
        at -= r->size;
    return crossed(at, (u16)(r->used - n), r->used);
}

bool fake_ring_push_batch(struct fake_ring *r, unsigned n, unsigned descriptors, u32 id, u32 len)
{
    if (r->packed) {
        u16 at = r->used;
        bool odd = r->used_odd;
        for (unsigned i = 0; i < descriptors; i++)
            check_place(r, (u16)((at + i) % r->size), true);
        fake_ring_used(r, at, id, len);
        step(r, &r->used, &r->used_odd, descriptors);
        fake_ring_mark(r, at, odd ? 0 : AVAIL | USED);
        return wants_packed(r, descriptors);
    }
    u16 old = r->used;
    fake_ring_used(r, old, id, len);
    fake_ring_set_used_idx(r, (u16)(old + n));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!r->event_idx)
        return !(get16(r->driver) & 1);
    return crossed(get16(r->driver + 4 + 2 * (u64)r->size), old, r->used);
}

bool fake_ring_push(struct fake_ring *r, u32 id, u32 len)
{
    return fake_ring_push_batch(r, 1, fake_ring_forget(r, id), id, len);
}

void fake_ring_want_kick(struct fake_ring *r, bool want, u16 at)
{
    u32 event = !want ? (u32)DISABLE << 16 : r->event_idx ? at | (u32)AT_PLACE << 16 : 0;
    if (r->packed)
        __atomic_store_n((u32 *)r->device, event, __ATOMIC_RELEASE);
    else if (r->event_idx)
        set16(r->device + 4 + 8 * (u64)r->size, want ? at : (u16)(at + 0x8000));
    else
        set16(r->device, !want);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
