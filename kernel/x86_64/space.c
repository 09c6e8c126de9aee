/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* space - address spaces of programs: the low half of four-level page tables, in pages of 4 KiB. */
#include "arch.h"
#include "mem.h"
#include "x86.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER)

enum { RELOAD = 64 }; /* pages; beyond, one reload of cr3 is cheaper than invlpg for each */

/* The first tables came cleared with the image. None ever goes back: there is one program. */
static u64 new_table(void)
{
    static u64 first[7][PAGING_ENTRIES] __attribute__((aligned(PAGE_SIZE)));
    static unsigned used;
    if (used < ARRAY_LEN(first))
        return arch_virt_to_phys(first[used++]);
    u64 pa = mem_pages(1, PAGE_SIZE);
    if (pa)
        memset(mem_virt(pa), 0, PAGE_SIZE);
    return pa;
}

/* A page without any right keeps its address and is not present. */
static u64 rights(int prot)
{
    if (!prot)
        return 0;
    return PTE_PRESENT | PTE_USER | (prot & PROT_WRITE ? PTE_WRITE : 0) | (prot & PROT_EXEC ? 0 : cpu_nx);
}

/* The entry for va; NULL: its table is not there. */
static u64 *find_entry(u64 space, u64 va)
{
    u64 pa = space;
    for (unsigned level = 3; level > 0; level--) {
        u64 e = ((u64 *)mem_virt(pa))[paging_index(va, level)];
        if (!(e & PTE_PRESENT))
            return NULL;
        pa = e & PTE_ADDRESS;
    }
    return (u64 *)mem_virt(pa) + paging_index(va, 0);
}

/* The same, and its table is made; NULL: there is no memory for it. */
static u64 *make_entry(u64 space, u64 va)
{
    u64 *t = mem_virt(space);
    for (unsigned level = 3; level > 0; level--) {
        t = paging_table(&t[paging_index(va, level)], TABLE_FLAGS, new_table);
        if (!t)
            return NULL;
    }
    return &t[paging_index(va, 0)];
}

u64 arch_space_new(void)
{
    u64 space = new_table();
    if (space)
        paging_copy_kernel(mem_virt(space));
    return space;
}

void arch_space_use(u64 space)
{
    cr3_write(space);
}

/* The processor may remember what stood in the tables. */
static void forget(u64 space, u64 va, u64 len)
{
    if (cr3_read() != space)
        return;
    if (len > RELOAD * PAGE_SIZE) {
        cr3_write(space);
        return;
    }
    for (u64 at = va; at < va + len; at += PAGE_SIZE)
        __asm__ volatile("invlpg (%0)" ::"r"(at) : "memory");
}

int arch_space_map(u64 space, u64 va, u64 pa, u64 len, int prot)
{
    u64 *e = NULL, flags = rights(prot);
    for (u64 done = 0; done < len; done += PAGE_SIZE) {
        e = e && paging_index(va + done, 0) ? e + 1 : make_entry(space, va + done);
        if (!e) {
            arch_space_unmap(space, va, done, NULL);
            return -ENOMEM;
        }
        *e = (pa + done) | flags;
    }
    return 0;
}

/* Calls fn for each entry in [va, va+len) that holds a page, skipping in one step what has no table: a program may map all of its half. */
static void each_entry(u64 table, unsigned level, u64 va, u64 len, void (*fn)(u64 *entry, void *ctx), void *ctx)
{
    u64 end = va + len, step = PAGE_SIZE << 9 * level, stop;
    for (u64 *e = (u64 *)mem_virt(table) + paging_index(va, level); va < end; e++, va = stop) {
        stop = MIN(end, ALIGN_DOWN(va, step) + step);
        if (level == 0 && *e & PTE_ADDRESS)
            fn(e, ctx);
        else if (level > 0 && *e & PTE_PRESENT)
            each_entry(*e & PTE_ADDRESS, level - 1, va, stop - va, fn, ctx);
    }
}

static void change_rights(u64 *entry, void *prot)
{
    *entry = (*entry & PTE_ADDRESS) | rights(*(int *)prot);
}

void arch_space_protect(u64 space, u64 va, u64 len, int prot)
{
    each_entry(space, 3, va, len, change_rights, &prot);
    forget(space, va, len);
}

struct run {
    u64 pa, len;
    void (*gone)(u64 pa, u64 len);
};

static void clear_entry(u64 *entry, void *ctx)
{
    struct run *run = ctx;
    u64 pa = *entry & PTE_ADDRESS;
    *entry = 0;
    if (run->len && pa == run->pa + run->len) {
        run->len += PAGE_SIZE;
        return;
    }
    if (run->len && run->gone)
        run->gone(run->pa, run->len);
    run->pa = pa;
    run->len = PAGE_SIZE;
}

void arch_space_unmap(u64 space, u64 va, u64 len, void (*gone)(u64 pa, u64 len))
{
    struct run run = {0, 0, gone};
    each_entry(space, 3, va, len, clear_entry, &run);
    forget(space, va, len);
    if (run.len && gone)
        gone(run.pa, run.len);
}

u64 arch_space_lookup(u64 space, u64 va, u64 max, int prot, u64 *pa)
{
    u64 need = PTE_PRESENT | PTE_USER | (prot & PROT_WRITE ? PTE_WRITE : 0);
    u64 matters = need | (prot & PROT_EXEC ? cpu_nx : 0), got = PAGE_SIZE - va % PAGE_SIZE;
    const u64 *e = find_entry(space, va);
    if (!e || (*e & matters) != need)
        return 0;
    u64 next = *e & (matters | PTE_ADDRESS);
    *pa = (*e & PTE_ADDRESS) + va % PAGE_SIZE;
    for (; got < max; got += PAGE_SIZE) {
        e = paging_index(va + got, 0) ? e + 1 : find_entry(space, va + got);
        next += PAGE_SIZE;
        if (!e || (*e & (matters | PTE_ADDRESS)) != next)
            break;
    }
    return MIN(got, max);
}

/* In one table. What was never accessed the processor does not remember (Intel SDM volume 3, 4.10.2.3): who reads into the same buffer again and again
 * without a look at it pays no invlpg. It may look at any time, for no instruction's sake, but marks an entry by a locked cycle before it remembers it
 * (8.1.2.1): an exchange sees that mark, or is before it. */
u64 arch_space_swap(u64 space, u64 va, u64 len, u64 from, u64 to)
{
    const u64 used = PTE_ACCESSED | PTE_DIRTY, may = ~(used | PTE_NX), table = PAGING_ENTRIES * PAGE_SIZE;
    u64 all = 0, is = from | TABLE_FLAGS, *e = find_entry(space, va);
    for (u64 end = is + (e ? MIN(len, table - va % table) : 0); is < end && !((*e - is) & may); is += PAGE_SIZE) {
        all |= __atomic_exchange_n(e, (*e & ~used) + (to - from), __ATOMIC_RELAXED);
        e++;
    }
    len = is - (from | TABLE_FLAGS);
    if (all & PTE_ACCESSED)
        forget(space, va, len);
    return len;
}

int paging_fault_prot(u64 error)
{
    return error & 16 ? PROT_EXEC : error & 2 ? PROT_WRITE : PROT_READ;
}
