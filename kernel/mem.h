/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* mem - physical pages, contiguous blocks that the host may read and write, and small objects. */
#ifndef MEM_H
#define MEM_H

#include "base.h"

struct boot;

/* Sorts, trims to whole pages and merges the RAM of a memory map that may lie; takes out all that overlaps another kind, the
 * blobs, page 0 and [image, image + image_size). Returns how many ranges it wrote to out (at most max), lowest first. */
size_t mem_map_clean(const struct boot *boot, u64 image, u64 image_size, struct span *out, size_t max);

/* Gives the allocator its memory: `free`, physical, page-aligned, ascending, mapped at mem_virt(). */
void mem_init(const struct span *free, size_t n);

/* n contiguous pages, not cleared, aligned to `align` bytes (a power of two, >= PAGE_SIZE). Returns the physical address, 0 when
 * there is none. Waits only for mem_reclaim. */
u64 mem_pages(size_t n, u64 align);

/* Whoever has lent pages out of the machine, if anybody: gets some of them back when `pages` pages cannot be found; false: there are no more, or not now.
 * It may wait, and must bear being called while it waits. mem_reclaimable: how many there are at most. */
extern bool (*mem_reclaim)(size_t pages);
extern u64 mem_reclaimable;

/* The same, from what is free now: nobody has to give anything back for it. */
u64 mem_pages_if_free(size_t n, u64 align);

/* Whoever keeps pages only because it may need them again: give() frees some, without waiting; false: there are none. */
struct mem_keeper {
    struct mem_keeper *next; /* mem.c's */
    bool (*give)(void);
};
/* Of what they keep, pages that they would give at any time: they count as free for who asks how much there is. */
extern u64 mem_kept;
/* For good. */
void mem_keep(struct mem_keeper *keeper);

/* Gives back n pages at pa: any part of what mem_pages() gave. */
void mem_pages_free(u64 pa, size_t n);

/* The same for pages that a device is told to write to. They are the first to be lent again, and the last to be anybody else's: a device that goes on writing
 * when it has said that it is done, hits nobody. */
u64 mem_lend_if_free(size_t n);
void mem_lent_back(u64 pa, size_t n);
static inline u64 mem_lend(size_t n)
{
    u64 pa = mem_lend_if_free(n);
    return pa ? pa : mem_pages(n, PAGE_SIZE);
}

/* Pages free now / in all. */
u64 mem_free_count(void);
u64 mem_total_count(void);

/* A cleared object of `size` bytes (at most 1 MiB), aligned to 16, physically contiguous; NULL when there is no memory. The caller remembers the size. */
void *mem_new(size_t size);
void mem_delete(void *object, size_t size);

/* Physical memory is mapped once, high; RAM only. */
void *mem_virt(u64 pa);
/* The physical address of anything in that map or in the kernel image. */
u64 mem_phys(const void *va);

/* Copies between a buffer and `n` spans, from byte `skip` of the spans on; returns the bytes copied, at most len. */
u64 mem_to_spans(const struct span *spans, unsigned n, u64 skip, const void *src, u64 len);
u64 mem_from_spans(void *dst, const struct span *spans, unsigned n, u64 skip, u64 len);
u64 mem_zero_spans(const struct span *spans, unsigned n, u64 skip, u64 len);
/* Sum of the lengths. */
u64 mem_span_total(const struct span *spans, unsigned n);

#endif
