/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* paging - four-level page tables (Intel SDM volume 3, 4.5): the kernel's own, and programs'. */
#include "arch.h"
#include "boot.h"
#include "x86.h"

/*
 *   0000000000010000 .. 00007fffffffefff   the program
 *   ffff800000000000 .. ffff87ffffffffff   physical map, read-write, not executable
 *   ffffc00000000000 .. ffffc0003fffffff   device registers, uncached, in pieces of 2 MiB
 *   ffffffff80000000 .. ffffffff801fffff   the kernel image, page by page, so that text can be read-only and data not executable
 */
#define PHYSMAP      0xffff800000000000ull
#define PHYSMAP_SIZE (1ull << 44)
#define REGISTERS    0xffffc00000000000ull
#define IMAGE        0xffffffff80000000ull
#define LARGE        (2ull << 20)
#define GIGA         (1ull << 30)

enum { ENTRIES = PAGING_ENTRIES };

typedef u64 table[ENTRIES];

#define TABLE static table __attribute__((aligned(4096), section(".bss.pages")))
TABLE root, physical_pdpt, physical_pd, image_pdpt, image_pd, image_pt, register_pdpt, register_pd;
static u64 image_pa = 0x100000;
static struct span *early; /* where tables come from before there is an allocator */
static size_t nearly;

void *arch_phys_to_virt(u64 pa)
{
    return (void *)(PHYSMAP + pa);
}

u64 arch_virt_to_phys(const void *va)
{
    u64 at = (u64)va;
    return at >= IMAGE ? at - (u64)image_start + image_pa : at - PHYSMAP;
}

u64 arch_physical_limit(void)
{
    return MIN(1ull << MIN(cpu_physical_bits, 52u), PHYSMAP_SIZE);
}

u64 arch_image_size(void)
{
    return (u64)(image_end - image_start);
}

u64 *paging_table(u64 *entry, u64 flags, u64 (*new_table)(void))
{
    if (!(*entry & PTE_PRESENT)) {
        u64 pa = new_table();
        if (!pa)
            return NULL;
        *entry = pa | flags;
    }
    return arch_phys_to_virt(*entry & PTE_ADDRESS);
}

/* ---- the kernel's tables ---- */

static u64 early_page(void)
{
    for (size_t i = 0; i < nearly; i++) {
        if (early[i].len < PAGE_SIZE || early[i].pa >= GIGA)
            continue;
        early[i].pa += PAGE_SIZE;
        early[i].len -= PAGE_SIZE;
        return early[i].pa - PAGE_SIZE;
    }
    return 0;
}

static u64 early_table(void)
{
    u64 pa = early_page();
    if (pa)
        memset(arch_phys_to_virt(pa), 0, PAGE_SIZE);
    return pa;
}

/* Maps pieces of 2 MiB from pa on, as far as one table goes, or the whole GiB where the processor can and [pa, end) covers it; returns the bytes mapped, 0:
 * no memory. */
static u64 map_pieces(u64 pa, u64 end)
{
    u64 rights = PTE_PRESENT | PTE_WRITE | PTE_LARGE | cpu_nx, done = 0;
    u64 *pdpt = paging_table(&root[paging_index(PHYSMAP + pa, 3)], PTE_PRESENT | PTE_WRITE, early_table);
    if (!pdpt)
        return 0;
    u64 *entry = &pdpt[paging_index(pa, 2)];
    if (*entry & PTE_LARGE)
        return GIGA - pa % GIGA;
    if (!*entry && cpu_has_1g_pages && pa % GIGA == 0 && end - pa >= GIGA) {
        *entry = pa | rights;
        return GIGA;
    }
    u64 *pd = paging_table(entry, PTE_PRESENT | PTE_WRITE, early_table);
    if (!pd)
        return 0;
    for (u64 *at = pd + paging_index(pa, 1); at < pd + ENTRIES && done < end - pa; at++, done += LARGE)
        *at = (pa + done) | rights;
    return done;
}

static int map_physical(u64 base, u64 size)
{
    u64 limit = arch_physical_limit();
    if (size == 0 || base >= limit)
        return 0;
    u64 end = ALIGN_UP(base + MIN(size, limit - base), LARGE);
    u64 step;
    for (u64 pa = ALIGN_DOWN(base, LARGE); pa < end; pa += step) {
        step = map_pieces(pa, end);
        if (!step)
            return -ENOMEM;
    }
    return 0;
}

/* The table of small pages in the physical map for pa; *out NULL where it is mapped by the GiB. */
static int small_pages(u64 pa, u64 **out)
{
    u64 *pdpt = arch_phys_to_virt(root[paging_index(PHYSMAP + pa, 3)] & PTE_ADDRESS);
    u64 *entry = &pdpt[paging_index(pa, 2)];
    *out = NULL;
    if (*entry & PTE_LARGE)
        return 0;
    entry = (u64 *)arch_phys_to_virt(*entry & PTE_ADDRESS) + paging_index(pa, 1);
    if (*entry & PTE_LARGE) {
        u64 table = early_page(), at = *entry & ~(u64)PTE_LARGE, *pte = arch_phys_to_virt(table);
        if (!table)
            return -ENOMEM;
        *entry = table | PTE_PRESENT | PTE_WRITE;
        for (u64 *end = pte + ENTRIES; pte < end; pte += 4, at += 4 * PAGE_SIZE) {
            pte[0] = at, pte[1] = at + PAGE_SIZE;
            pte[2] = at + 2 * PAGE_SIZE, pte[3] = at + 3 * PAGE_SIZE;
        }
    }
    *out = arch_phys_to_virt(*entry & PTE_ADDRESS);
    return 0;
}

static void map_part(const char *from, const char *to, u64 rights)
{
    u64 pa = arch_virt_to_phys(from) | PTE_PRESENT | rights;
    for (u64 *pte = &image_pt[paging_index((u64)from, 0)]; from < to; from += PAGE_SIZE, pa += PAGE_SIZE)
        *pte++ = pa;
}

/* The image's text and constants must not be writable through the physical map either. */
static int protect_alias(void)
{
    u64 end = arch_virt_to_phys(text_end), *pt;
    for (u64 pa = arch_virt_to_phys(rodata_start), stop; pa < end; pa = stop) {
        stop = MIN(end, ALIGN_UP(pa + 1, LARGE));
        if (small_pages(pa, &pt) < 0)
            return -ENOMEM;
        for (u64 *pte = pt ? &pt[paging_index(pa, 0)] : NULL; pte && pa < stop; pa += PAGE_SIZE)
            *pte++ &= ~PTE_WRITE;
    }
    return 0;
}

static int map_image(void)
{
    map_part(image_start, rodata_start, PTE_WRITE | cpu_nx);
    map_part(rodata_start, text_start, cpu_nx);
    map_part(text_start, text_end, 0);
    map_part((const char *)ALIGN_UP((u64)text_end, PAGE_SIZE), image_end, PTE_WRITE | cpu_nx);
    image_pt[paging_index((u64)kernel_stack_guard, 0)] = image_pt[paging_index((u64)fault_stack_guard, 0)] = 0;
    return protect_alias();
}

static void link_tables(void)
{
    root[paging_index(IMAGE, 3)] = arch_virt_to_phys(image_pdpt) | PTE_PRESENT | PTE_WRITE;
    image_pdpt[paging_index(IMAGE, 2)] = arch_virt_to_phys(image_pd) | PTE_PRESENT | PTE_WRITE;
    image_pd[paging_index(IMAGE, 1)] = arch_virt_to_phys(image_pt) | PTE_PRESENT | PTE_WRITE;
    root[paging_index(REGISTERS, 3)] = arch_virt_to_phys(register_pdpt) | PTE_PRESENT | PTE_WRITE;
    register_pdpt[0] = arch_virt_to_phys(register_pd) | PTE_PRESENT | PTE_WRITE;
}

int arch_memory_init(const struct boot *boot, struct span *free, size_t n)
{
    early = free;
    nearly = n;
    image_pa = boot->kernel_pa;
    root[paging_index(PHYSMAP, 3)] = arch_virt_to_phys(physical_pdpt) | PTE_PRESENT | PTE_WRITE;
    physical_pdpt[0] = arch_virt_to_phys(physical_pd) | PTE_PRESENT | PTE_WRITE;
    int result = map_physical(boot->kernel_pa, arch_image_size());
    for (u64 i = 0; i < boot->nranges && result == 0; i++)
        if (boot_is_memory(boot->ranges[i].kind))
            result = map_physical(boot->ranges[i].base, boot->ranges[i].size);
    if (result == 0)
        result = map_physical(boot->cmdline.pa, boot->cmdline.len + 1);
    if (result == 0)
        result = map_physical(boot->initfs.pa, boot->initfs.len);
    if (result == 0)
        result = map_image();
    if (result == 0) {
        link_tables();
        cr3_write(arch_virt_to_phys(root));
    }
    return result;
}

void paging_copy_kernel(u64 *program_root)
{
    memcpy(program_root + ENTRIES / 2, root + ENTRIES / 2, sizeof root / 2);
}

/* A run of pieces that covers [pa, end), or room for one; ENTRIES when there is none. */
static unsigned find_pieces(u64 pa, unsigned count)
{
    for (unsigned first = 0; first + count <= ENTRIES; first++) {
        unsigned i = 0;
        u64 rights = PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_UNCACHED | cpu_nx;
        while (i < count && (!register_pd[first + i] || register_pd[first + i] == ((pa + i * LARGE) | rights)))
            i++;
        if (i < count)
            continue;
        for (i = 0; i < count; i++)
            register_pd[first + i] = (pa + i * LARGE) | rights;
        return first;
    }
    return ENTRIES;
}

void *arch_map_registers(u64 pa, u64 len)
{
    u64 first = ALIGN_DOWN(pa, LARGE), top = 1ull << MIN(cpu_physical_bits, 52u);
    if (pa >= top || len == 0 || len > GIGA || len > top - pa)
        return NULL;
    u64 count = (pa - first + len + LARGE - 1) / LARGE;
    unsigned at = find_pieces(first, (unsigned)count);
    return at == ENTRIES ? NULL : (void *)(REGISTERS + at * LARGE + (pa - first));
}
