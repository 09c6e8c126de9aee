/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pvh - hvm_start_info (Xen's public/arch-x86/hvm/start_info.h) -> struct boot. */
#include "boot.h"
#include "mem.h"

enum { START_MAGIC = 0x336ec578, CMDLINE_MAX = 65536 };

/* The first page tables reach this far; all but the modules' bytes must lie below. */
#define REACH (1ull << 30)
/* The final ones could reach further, but no loader puts a module there, and an address that the processor lacks would be a fault. */
#define MODULE_REACH (1ull << 32)

struct start_info {
    u32 magic, version, flags, nr_modules;
    u64 modlist_paddr, cmdline_paddr, rsdp_paddr;
    u64 memmap_paddr; /* from version 1 on */
    u32 memmap_entries, reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info, version 1");

struct module {
    u64 paddr, size, cmdline_paddr, reserved;
};

struct memmap_entry {
    u64 addr, size;
    u32 type, reserved; /* the types are those of E820, and enum boot_kind's */
};

extern char image_start[], image_end[], bss_start[];

_Noreturn void kmain(const struct boot *boot);
_Noreturn void pvh_main(u64 start_info);

static const void *reach(u64 pa, u64 len)
{
    return pa && pa < REACH && len <= REACH - pa ? mem_virt(pa) : NULL;
}

/* A copy, as the original may stand at any address, and change. */
static bool fetch(void *copy, u64 pa, u64 len)
{
    const void *from = reach(pa, len);
    if (from)
        memcpy(copy, from, len);
    return from;
}

static void take_memory_map(struct boot *boot, const struct start_info *info)
{
    struct memmap_entry entry;
    u64 n = MIN(info->memmap_entries, (u64)BOOT_RANGES);
    for (u64 i = 0; i < n && fetch(&entry, info->memmap_paddr + i * sizeof entry, sizeof entry); i++)
        boot->ranges[boot->nranges++] = (struct boot_range){entry.addr, entry.size, entry.type};
}

static void take_blobs(struct boot *boot, const struct start_info *info)
{
    const char *text = reach(info->cmdline_paddr, CMDLINE_MAX);
    if (text)
        boot->cmdline = (struct boot_blob){info->cmdline_paddr, strnlen(text, CMDLINE_MAX - 1)};
    struct module first;
    if (info->nr_modules && fetch(&first, info->modlist_paddr, sizeof first) && first.paddr < MODULE_REACH &&
        first.size <= MODULE_REACH - first.paddr)
        boot->initfs = (struct boot_blob){first.paddr, first.size};
}

/* In a very small machine QEMU puts the module over the kernel's last pages, which must be zero. What stands in this function's stack and
 * in the page tables lies before bss_start. */
static void rescue(struct boot *boot)
{
    u64 size = (u64)(image_end - image_start), start = boot->initfs.pa;
    boot->initfs_lost =
        start < boot->kernel_pa ? boot->initfs.len > boot->kernel_pa - start : start - boot->kernel_pa < size;
    if (!boot->initfs_lost)
        return;
    memset(bss_start, 0, (size_t)(image_end - bss_start));
    boot->initfs.len = 0;
}

void pvh_main(u64 start_info)
{
    static struct boot boot __attribute__((section(".bss.pages"))); /* where rescue() does not clear */
    memset(&boot, 0, offsetof(struct boot, ranges));
    memcpy(boot.door, "pvh", 4);
    boot.kernel_pa = 0x100000;
    struct start_info info;
    if (fetch(&info, start_info, sizeof info) && info.magic == START_MAGIC) {
        boot.rsdp = info.rsdp_paddr;
        take_blobs(&boot, &info);
        if (info.version >= 1)
            take_memory_map(&boot, &info);
        rescue(&boot);
    }
    kmain(&boot);
}
