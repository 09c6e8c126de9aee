/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_ring - the device's side of a split ring (virtio 1.x, 2.7), which checks the driver's. */
#include "fake_virtio.h"
#include "virtq.h"

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

struct desc {
    u64 addr;
    u32 len;
    u16 flags, next;
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
                              .indirect = q->flags & VIRTQ_INDIRECT};
}

static u16 get16(u64 at)
{
    return __atomic_load_n((u16 *)at, __ATOMIC_ACQUIRE);
}

static void set16(u64 at, u16 v)
{
    __atomic_store_n((u16 *)at, v, __ATOMIC_RELEASE);
}

u16 fake_ring_avail_flags(const struct fake_ring *r)
{
    return get16(r->driver);
}

static void check_ring(const struct fake_ring *r)
{
    if (r->desc % 16 || r->driver % 2 || r->device % 4)
        fake_complain("DR-SQ-1: alignment");
    if (fake_ring_avail_flags(r) > (r->event_idx ? 0 : 1))
        fake_complain("DR-UN-1/2: avail.flags");
    if ((u16)(get16(r->driver + 2) - r->seen) > r->size)
        fake_complain("DR-AV-1: avail.idx");
}

static void add_span(struct fake_chain *c, const struct desc *d)
{
    if (c->out + c->in == FAKE_CHAIN || d->len == 0) {
        fake_complain("an empty descriptor, or too many");
        return;
    }
    if (!(d->flags & WRITE) && c->in)
        fake_complain("DR-SQ-2: readable behind writable");
    c->spans[c->out + c->in] = (struct span){d->addr, d->len};
    if (d->flags & WRITE) {
        c->in++;
        c->room += d->len;
    } else {
        c->out++;
    }
}

static void walk(const struct fake_ring *r, struct fake_chain *c, const struct desc *table, u32 size, u32 at)
{
    for (u32 n = 0; n < size; n++) {
        const struct desc *d = &table[at];
        if (d->flags & INDIRECT && d->flags & NEXT)
            fake_complain("DR-IND-4: INDIRECT and NEXT");
        if (d->flags & INDIRECT) {
            if (!r->indirect || c->indirect)
                fake_complain("DR-IND-1/2: INDIRECT not negotiated, or inside a table");
            if (d->len % 16 || d->len / 16 > r->size || d->len == 0)
                fake_complain("DR-IND-3: length of the table");
            c->indirect = true;
            walk(r, c, (const struct desc *)d->addr, d->len / 16, 0);
            return;
        }
        add_span(c, d);
        if (!(d->flags & NEXT))
            return;
        at = d->next;
        if (at >= size)
            break;
    }
    fake_complain("DR-SQ-4: the chain does not end");
}

bool fake_ring_pop(struct fake_ring *r, struct fake_chain *chain)
{
    check_ring(r);
    if (get16(r->driver + 2) == r->seen)
        return false;
    *chain = (struct fake_chain){.head = get16(r->driver + 4 + 2 * (u64)(r->seen % r->size))};
    r->seen++;
    if (chain->head >= r->size)
        fake_complain("a head beyond the table");
    else
        walk(r, chain, (const struct desc *)r->desc, r->size, chain->head);
    return true;
}

void fake_ring_used(struct fake_ring *r, u16 at, u32 id, u32 len)
{
    u32 *e = (u32 *)(r->device + 4 + 8 * (u64)(at % r->size));
    e[0] = id;
    e[1] = len;
}

void fake_ring_set_used_idx(struct fake_ring *r, u16 idx)
{
    r->used = idx;
    set16(r->device + 2, idx);
}

bool fake_ring_push(struct fake_ring *r, u32 id, u32 len)
{
    fake_ring_used(r, r->used, id, len);
    fake_ring_set_used_idx(r, r->used + 1);
    if (!r->event_idx)
        return !(fake_ring_avail_flags(r) & 1);
    return get16(r->driver + 4 + 2 * (u64)r->size) == (u16)(r->used - 1);
}

void fake_ring_want_kick(struct fake_ring *r, bool want, u16 at)
{
    if (r->event_idx)
        set16(r->device + 4 + 8 * (u64)r->size, want ? at : (u16)(at + 0x8000));
    else
        set16(r->device, !want);
}
