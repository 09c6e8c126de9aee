/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sparse - bytes at 64-bit offsets, with holes.
 *
 * Pages hang in a tree of tables, each one page of 512 physical addresses, as high as the largest offset needs: one page of data has no table at all. */
#include "sparse.h"
#include "mem.h"

enum { BITS = 9, SLOTS = 1 << BITS };

/* Pages below one slot of a table that has `below` levels under it. */
static u64 span_of(unsigned below)
{
    return 1ull << BITS * below;
}

static u64 *slot_of(u64 table, u64 page, unsigned below)
{
    return (u64 *)mem_virt(table) + (page >> BITS * below) % SLOTS;
}

static u64 new_page(void)
{
    u64 pa = mem_pages(1, PAGE_SIZE);
    if (pa)
        memset(mem_virt(pa), 0, PAGE_SIZE);
    return pa;
}

/* A page's bytes; NULL: a hole. */
static u8 *get(const struct sparse *s, u64 page)
{
    u64 at = page < span_of(s->height) ? s->root : 0;
    for (unsigned below = s->height; at && below-- > 0;)
        at = *slot_of(at, page, below);
    return at ? mem_virt(at) : NULL;
}

/* Puts tables on top until the page's number fits. */
static bool grow(struct sparse *s, u64 page)
{
    while (page >= span_of(s->height)) {
        u64 table = s->root ? new_page() : 0;
        if (s->root && !table)
            return false;
        if (table)
            *slot_of(table, 0, 0) = s->root;
        s->root = table;
        s->height++;
    }
    return true;
}

/* The same, made of zeroes if it is a hole; NULL: no memory. */
static u8 *make(struct sparse *s, u64 page)
{
    if (!grow(s, page))
        return NULL;
    u64 *at = &s->root;
    for (unsigned below = s->height;; at = slot_of(*at, page, --below)) {
        if (!*at) {
            *at = new_page();
            s->pages += *at && !below;
        }
        if (!*at || !below)
            return *at ? mem_virt(*at) : NULL;
    }
}

/* Frees what is at or behind number `from` under *at, whose first page has number 0. */
static void cut(struct sparse *s, u64 *at, unsigned height, u64 from)
{
    if (!*at)
        return;
    for (u64 i = height ? from / span_of(height - 1) : SLOTS; i < SLOTS; i++) {
        u64 first = i * span_of(height - 1);
        cut(s, (u64 *)mem_virt(*at) + i, height - 1, from > first ? from - first : 0);
    }
    if (from)
        return;
    s->pages -= height == 0;
    mem_pages_free(*at, 1);
    *at = 0;
}

void sparse_cut(struct sparse *s, u64 size)
{
    u64 page = size / PAGE_SIZE, in = size % PAGE_SIZE;
    u8 *bytes = in ? get(s, page) : NULL;
    if (bytes)
        memset(bytes + in, 0, PAGE_SIZE - in);
    if (page < span_of(s->height))
        cut(s, &s->root, s->height, page + (in != 0));
    if (!s->root)
        s->height = 0;
}

void sparse_read(const struct sparse *s, const struct span *spans, unsigned n, u64 offset, u64 len)
{
    for (u64 done = 0, piece; done < len; done += piece) {
        u64 at = offset + done, in = at % PAGE_SIZE;
        const u8 *page = get(s, at / PAGE_SIZE);
        piece = MIN(PAGE_SIZE - in, len - done);
        if (page)
            mem_to_spans(spans, n, done, page + in, piece);
        else
            mem_zero_spans(spans, n, done, piece);
    }
}

u64 sparse_write(struct sparse *s, const struct span *spans, unsigned n, u64 offset, u64 len, u64 room)
{
    u64 done = 0, most = s->pages + room;
    while (done < len) {
        u64 at = offset + done, in = at % PAGE_SIZE;
        u8 *page = get(s, at / PAGE_SIZE);
        if (!page && s->pages < most)
            page = make(s, at / PAGE_SIZE);
        if (!page)
            break;
        done += mem_from_spans(page + in, spans, n, done, MIN(PAGE_SIZE - in, len - done));
    }
    return done;
}
