/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* mem - physical pages, contiguous blocks that the host may read and write, and small objects. */
#include "mem.h"
#include "arch.h"
#include "boot.h"

/*
 * Free memory is a list of extents, lowest first, each described in its own first bytes, so that memory which nobody asked for is never
 * touched. Single pages that came back wait on a list of their own and join the extents when a larger run is wanted.
 */
struct extent {
    struct extent *next;
    u64 pages;
};

struct single {
    struct single *next;
};

/* Small objects of one size, a power of two, share pages: each begins with this in the place of its first object. A page that is all free goes back. */
struct shared {
    u32 free;
    u32 begun; /* bytes; behind them are objects that nobody has had, which are free too, but on no list */
};

struct object {
    struct object *next, **at; /* at: what points to it */
};

enum { SMALLEST = 16, LARGEST = 1024, CLASSES = 7, COOLING = 32 };

static struct extent *extents;
static struct single *singles;
static struct object *classes[CLASSES]; /* those that are free */
static struct shared *fresh[CLASSES];   /* the page that was begun last; NULL: none, or it is all begun */
static u64 free_count, total_count;
static struct span cooling[COOLING]; /* free, and lent before; the one that came back last stands last */
static unsigned ncooling;

bool (*mem_reclaim)(size_t pages);
u64 mem_reclaimable, mem_kept;
static struct mem_keeper *keepers;

/* ---- the memory map ---- */

struct ranges {
    struct span *at;
    size_t n, max;
};

static u64 end_of(const struct span *s)
{
    return s->pa + s->len;
}

static void remove_at(struct ranges *r, size_t i)
{
    r->n--;
    memmove(r->at + i, r->at + i + 1, (r->n - i) * sizeof *r->at);
}

/* When the table is full the piece is lost: memory unused, never memory used twice. */
static void insert_at(struct ranges *r, size_t i, u64 start, u64 end)
{
    if (r->n == r->max)
        return;
    memmove(r->at + i + 1, r->at + i, (r->n - i) * sizeof *r->at);
    r->at[i] = (struct span){start, end - start};
    r->n++;
}

static void add_range(struct ranges *r, u64 start, u64 end)
{
    size_t i = 0;
    while (i < r->n && end_of(&r->at[i]) < start)
        i++;
    while (i < r->n && r->at[i].pa <= end) {
        start = MIN(start, r->at[i].pa);
        end = MAX(end, end_of(&r->at[i]));
        remove_at(r, i);
    }
    insert_at(r, i, start, end);
}

/* From the last to the first, so that what goes or comes moves only ranges that are done. */
static void cut_range(struct ranges *r, u64 start, u64 end)
{
    for (size_t i = r->n; i-- > 0;) {
        u64 from = r->at[i].pa, to = end_of(&r->at[i]);
        if (to <= start || from >= end)
            continue;
        remove_at(r, i);
        if (end < to)
            insert_at(r, i, end, to);
        if (from < start)
            insert_at(r, i, from, start);
    }
}

/* Whole pages that touch [base, base+size), clipped to what can be mapped. */
static void cut_outward(struct ranges *r, u64 base, u64 size)
{
    u64 limit = arch_physical_limit(), end = size > limit - MIN(base, limit) ? limit : base + size;
    if (size)
        cut_range(r, ALIGN_DOWN(base, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE));
}

static void add_ram(struct ranges *r, const struct boot_range *b)
{
    u64 limit = arch_physical_limit();
    if (b->kind != BOOT_RAM || b->base >= limit)
        return;
    u64 start = ALIGN_UP(b->base, PAGE_SIZE);
    u64 end = ALIGN_DOWN(b->base + MIN(b->size, limit - b->base), PAGE_SIZE);
    if (start < end)
        add_range(r, start, end);
}

size_t mem_map_clean(const struct boot *boot, u64 image, u64 image_size, struct span *out, size_t max)
{
    struct ranges r = {out, 0, max};
    size_t n = MIN(boot->nranges, (u64)BOOT_RANGES);
    for (size_t i = 0; i < n; i++)
        add_ram(&r, &boot->ranges[i]);
    for (size_t i = 0; i < n; i++)
        if (boot->ranges[i].kind != BOOT_RAM)
            cut_outward(&r, boot->ranges[i].base, boot->ranges[i].size);
    cut_outward(&r, 0, PAGE_SIZE);
    cut_outward(&r, image, image_size);
    cut_outward(&r, boot->cmdline.pa, boot->cmdline.len + 1);
    cut_outward(&r, boot->initfs.pa, boot->initfs.len);
    return r.n;
}

/* ---- pages ---- */

static void add_extent(struct span run)
{
    struct extent *self = mem_virt(run.pa), **at = &extents, *before = NULL;
    while (*at && *at < self) {
        before = *at;
        at = &before->next;
    }
    *self = (struct extent){*at, run.len / PAGE_SIZE};
    *at = self;
    if (self->next && (u8 *)self + run.len == (u8 *)self->next) {
        self->pages += self->next->pages;
        self->next = self->next->next;
    }
    if (before && (u8 *)before + before->pages * PAGE_SIZE == (u8 *)self) {
        before->pages += self->pages;
        before->next = self->next;
    }
}

void mem_init(const struct span *free, size_t n)
{
    extents = NULL;
    singles = NULL;
    memset(classes, 0, sizeof classes);
    memset(fresh, 0, sizeof fresh);
    free_count = ncooling = 0;
    for (size_t i = n; i-- > 0;)
        mem_pages_free(free[i].pa, free[i].len / PAGE_SIZE);
    total_count = free_count;
}

/* Takes [start, start + n pages) out of *at. */
static void carve(struct extent **at, u64 start, u64 n)
{
    struct extent *e = *at;
    u64 base = mem_phys(e);
    u64 before = (start - base) / PAGE_SIZE, after = e->pages - before - n;
    struct extent *next = e->next;
    if (after) {
        struct extent *rest = mem_virt(start + n * PAGE_SIZE);
        *rest = (struct extent){next, after};
        next = rest;
    }
    if (before) {
        e->pages = before;
        e->next = next;
    } else {
        *at = next;
    }
}

static u64 find_pages(u64 n, u64 align)
{
    for (struct extent **at = &extents; *at; at = &(*at)->next) {
        u64 base = mem_phys(*at), start = ALIGN_UP(base, align);
        u64 skipped = (start - base) / PAGE_SIZE;
        if ((*at)->pages > skipped && n <= (*at)->pages - skipped) {
            carve(at, start, n);
            return start;
        }
    }
    return 0;
}

/* There is one. */
static u64 first_page(void)
{
    struct extent *e = extents;
    extents = e->next;
    if (e->pages > 1) {
        extents = (struct extent *)((u8 *)e + PAGE_SIZE);
        *extents = (struct extent){e->next, e->pages - 1};
    }
    return mem_phys(e);
}

static void singles_to_extents(void)
{
    while (singles) {
        struct single *s = singles;
        singles = s->next;
        add_extent((struct span){mem_phys(s), PAGE_SIZE});
    }
}

static struct span take_out(unsigned i)
{
    struct span s = cooling[i];
    memmove(cooling + i, cooling + i + 1, (--ncooling - i) * sizeof s);
    return s;
}

u64 mem_pages_if_free(size_t n, u64 align)
{
    u64 pa = 0;
    if (n == 1 && align <= PAGE_SIZE && singles) {
        pa = mem_phys(singles);
        singles = singles->next;
    } else if (n == 1 && align <= PAGE_SIZE && extents) {
        pa = first_page();
    } else if (n) {
        pa = find_pages(n, align);
    }
    if (!pa && n && singles) {
        singles_to_extents();
        pa = find_pages(n, align);
    }
    while (!pa && n && ncooling) {
        add_extent(take_out(0));
        pa = find_pages(n, align);
    }
    if (pa)
        free_count -= n;
    return pa;
}

void mem_keep(struct mem_keeper *keeper)
{
    keeper->next = keepers;
    keepers = keeper;
}

static bool give_back(void)
{
    for (struct mem_keeper *k = keepers; k; k = k->next)
        if (k->give())
            return true;
    return false;
}

u64 mem_pages(size_t n, u64 align)
{
    u64 pa = mem_pages_if_free(n, align);
    while (!pa && n && give_back())
        pa = mem_pages_if_free(n, align);
    while (!pa && n && mem_reclaim && mem_reclaim(n))
        pa = mem_pages_if_free(n, align);
    return pa;
}

void mem_pages_free(u64 pa, size_t n)
{
    free_count += n;
    if (n == 1) {
        struct single *s = mem_virt(pa);
        s->next = singles;
        singles = s;
    } else if (n) {
        add_extent((struct span){pa, n * PAGE_SIZE});
    }
}

/* From the smallest run that has as many, of equal ones the last, which a cache may still have; or else as mem_pages_if_free(). */
u64 mem_lend_if_free(size_t n)
{
    unsigned best = COOLING;
    for (unsigned i = 0; n && i < ncooling; i++)
        if (cooling[i].len / PAGE_SIZE >= n && (best == COOLING || cooling[i].len <= cooling[best].len))
            best = i;
    if (best == COOLING)
        return mem_pages_if_free(n, PAGE_SIZE);
    struct span s = take_out(best);
    mem_lent_back(s.pa + n * PAGE_SIZE, s.len / PAGE_SIZE - n);
    free_count -= s.len / PAGE_SIZE;
    return s.pa;
}

/* With what lay beside it before it was lent. */
static void cool(struct span s)
{
    for (unsigned i = ncooling; i-- > 0;)
        if (end_of(&cooling[i]) == s.pa || end_of(&s) == cooling[i].pa) {
            struct span beside = take_out(i);
            s = (struct span){MIN(s.pa, beside.pa), s.len + beside.len};
        }
    if (ncooling == COOLING)
        add_extent(take_out(0));
    cooling[ncooling++] = s;
}

void mem_lent_back(u64 pa, size_t n)
{
    struct span *last = cooling + ncooling - 1;
    free_count += n;
    if (n && ncooling && end_of(last) == pa)
        last->len += n * PAGE_SIZE;
    else if (n)
        cool((struct span){pa, n * PAGE_SIZE});
}

u64 mem_free_count(void)
{
    return free_count;
}

u64 mem_total_count(void)
{
    return total_count;
}

/* ---- small objects ---- */

static unsigned class_of(size_t size)
{
    return size <= SMALLEST ? 0 : 64 - __builtin_ctz(SMALLEST) - (unsigned)__builtin_clzll(size - 1);
}

static struct shared *page_of(void *object)
{
    return (struct shared *)ALIGN_DOWN((uintptr_t)object, PAGE_SIZE);
}

static void put(unsigned c, void *object)
{
    struct object *o = object;
    *o = (struct object){classes[c], &classes[c]};
    if (o->next)
        o->next->at = &o->next;
    classes[c] = o;
    page_of(o)->free++;
}

static void *take(struct object *o)
{
    *o->at = o->next;
    if (o->next)
        o->next->at = o->at;
    page_of(o)->free--;
    return o;
}

static void *take_fresh(unsigned c)
{
    size_t size = (size_t)SMALLEST << c;
    struct shared *page = fresh[c];
    if (!page) {
        u64 pa = mem_pages(1, PAGE_SIZE);
        if (!pa)
            return NULL;
        page = mem_virt(pa);
        *page = (struct shared){PAGE_SIZE / size - 1, size};
    }
    void *object = (u8 *)page + page->begun;
    page->begun += size;
    page->free--;
    fresh[c] = page->begun < PAGE_SIZE ? page : NULL;
    return object;
}

void *mem_new(size_t size)
{
    void *object;
    if (size > LARGEST) {
        u64 pa = mem_pages((size + PAGE_SIZE - 1) / PAGE_SIZE, PAGE_SIZE);
        if (!pa)
            return NULL;
        object = mem_virt(pa);
    } else {
        unsigned c = class_of(size);
        object = classes[c] ? take(classes[c]) : take_fresh(c);
    }
    return object ? memset(object, 0, size) : NULL;
}

void mem_delete(void *object, size_t size)
{
    if (!object)
        return;
    if (size > LARGEST) {
        mem_pages_free(mem_phys(object), (size + PAGE_SIZE - 1) / PAGE_SIZE);
        return;
    }
    unsigned c = class_of(size);
    u8 *page = (u8 *)page_of(object);
    size = (size_t)SMALLEST << c;
    put(c, object);
    if (page_of(page)->free < PAGE_SIZE / size - 1)
        return;
    for (size_t at = size; at < page_of(page)->begun; at += size)
        take((struct object *)(page + at));
    if (fresh[c] == page_of(page))
        fresh[c] = NULL;
    mem_pages_free(mem_phys(page), 1);
}

void *mem_virt(u64 pa)
{
    return arch_phys_to_virt(pa);
}

u64 mem_phys(const void *va)
{
    return arch_virt_to_phys(va);
}

/* ---- spans ---- */

enum direction { TO_SPANS, FROM_SPANS, ZERO_SPANS };

/* Runs over bytes [skip, skip+len) of the spans; returns how many of them there were. */
static u64 span_move(enum direction d, const struct span *spans, unsigned n, u64 skip, u8 *bytes, u64 len)
{
    u64 done = 0;
    for (unsigned i = 0; i < n && done < len; i++) {
        if (skip >= spans[i].len) {
            skip -= spans[i].len;
            continue;
        }
        u64 piece = MIN(spans[i].len - skip, len - done);
        void *at = mem_virt(spans[i].pa + skip);
        if (d == TO_SPANS)
            memcpy(at, bytes + done, piece);
        else if (d == FROM_SPANS)
            memcpy(bytes + done, at, piece);
        else
            memset(at, 0, piece);
        done += piece;
        skip = 0;
    }
    return done;
}

u64 mem_to_spans(const struct span *spans, unsigned n, u64 skip, const void *src, u64 len)
{
    return span_move(TO_SPANS, spans, n, skip, (u8 *)(uintptr_t)src, len);
}

u64 mem_from_spans(void *dst, const struct span *spans, unsigned n, u64 skip, u64 len)
{
    return span_move(FROM_SPANS, spans, n, skip, dst, len);
}

u64 mem_zero_spans(const struct span *spans, unsigned n, u64 skip, u64 len)
{
    return span_move(ZERO_SPANS, spans, n, skip, NULL, len);
}

u64 mem_span_total(const struct span *spans, unsigned n)
{
    u64 total = 0;
    for (unsigned i = 0; i < n; i++)
        total += spans[i].len;
    return total;
}
