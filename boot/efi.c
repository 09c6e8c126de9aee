/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* efi - an EFI application that carries the kernel and the initial files: loads them, leaves the firmware, jumps (UEFI 2.10). */
#include <efi.h>
#include "boot.h"

/* The hand-over to kernel_entry: these, the image at its linked address, and struct boot's address within DIRECT_MAP. */
#define DIRECT_MAP 0xffff800000000000ull
#define REACH      (1ull << 32) /* what DIRECT_MAP and the identity map of the first tables show */

enum { LARGE_PAGE = 2 << 20, ENTRIES = 512, CMDLINE_MAX = 65536, MAP_ROOM = 64, ELF_PT_LOAD = 1 };
enum { PTE_PRESENT = 1, PTE_WRITE = 2, PTE_LARGE = 0x80, CR4_LA57 = 1 << 12 };

extern const u8 efi_kernel[], efi_kernel_end[], efi_initfs[], efi_initfs_end[], efi_jump[], efi_jump_end[];

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};

/* The kernel as it lies in memory. */
struct image {
    u64 va, pa, size, entry;
};

static EFI_SYSTEM_TABLE *st;
static EFI_BOOT_SERVICES *bs;

/* ---- small things that the firmware has no service for ---- */

static void put(const CHAR16 *text)
{
    if (st->ConOut)
        st->ConOut->OutputString(st->ConOut, (CHAR16 *)text);
}

static EFI_STATUS refuse(const CHAR16 *why, EFI_STATUS status)
{
    put(u"sheepskin: ");
    put(why);
    put(u"\r\n");
    return status;
}

static bool same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
    const u64 *x = (const u64 *)a, *y = (const u64 *)b;
    return x[0] == y[0] && x[1] == y[1];
}

/* Zeroed pages below 4 GiB; NULL: none left. `type` is LoaderCode for what will be executed under the firmware's tables. */
static void *pages(EFI_MEMORY_TYPE type, u64 bytes)
{
    EFI_PHYSICAL_ADDRESS pa = REACH - 1;
    u64 n = (bytes + EFI_PAGE_MASK) >> EFI_PAGE_SHIFT;
    if (EFI_ERROR(bs->AllocatePages(AllocateMaxAddress, type, n, &pa)))
        return NULL;
    bs->SetMem((void *)pa, n << EFI_PAGE_SHIFT, 0);
    return (void *)pa;
}

/* ---- the kernel ---- */

static const struct elf_segment *segments(unsigned *n)
{
    const struct elf_header *elf = (const void *)efi_kernel;
    *n = elf->phnum;
    return (const void *)(efi_kernel + elf->phoff);
}

/* The build made this ELF file: its segments ascend and lie as far from each other in memory as in their addresses. */
static bool load_kernel(struct image *image)
{
    unsigned n;
    const struct elf_segment *seg = segments(&n);
    image->entry = ((const struct elf_header *)efi_kernel)->entry;
    for (unsigned i = 0; i < n; i++) {
        if (seg[i].type != ELF_PT_LOAD)
            continue;
        if (!image->size)
            image->va = ALIGN_DOWN(seg[i].vaddr, PAGE_SIZE);
        image->size = seg[i].vaddr + seg[i].memsz - image->va;
    }
    image->pa = (u64)pages(EfiLoaderCode, image->size);
    for (unsigned i = 0; image->pa && i < n; i++)
        if (seg[i].type == ELF_PT_LOAD)
            bs->CopyMem((void *)(image->pa + seg[i].vaddr - image->va), (void *)(efi_kernel + seg[i].offset),
                        seg[i].filesz);
    return image->pa != 0;
}

/* The table below an entry of `table`, made on first use. */
static u64 *below(u64 *table, unsigned index)
{
    if (!table[index]) {
        u64 pa = (u64)pages(EfiLoaderData, PAGE_SIZE);
        table[index] = pa ? pa | PTE_PRESENT | PTE_WRITE : 0;
    }
    return (u64 *)ALIGN_DOWN(table[index], PAGE_SIZE);
}

static unsigned slot(u64 va, unsigned level)
{
    return (va >> (PAGE_SHIFT + 9 * level)) % ENTRIES;
}

static bool map_page(u64 *root, u64 va, u64 pa)
{
    u64 *table = root;
    for (unsigned level = 3; table && level; level--)
        table = below(table, slot(va, level));
    if (table)
        table[slot(va, 0)] = pa | PTE_PRESENT | PTE_WRITE;
    return table;
}

/* The first 4 GiB appear twice, at their own addresses and in DIRECT_MAP, through the same tables. */
static bool map_low(u64 *root)
{
    u64 *gigabytes = below(root, 0);
    for (u64 pa = 0; gigabytes && pa < REACH; pa += LARGE_PAGE) {
        u64 *table = below(gigabytes, slot(pa, 2));
        if (!table)
            return false;
        table[slot(pa, 1)] = pa | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
    }
    root[slot(DIRECT_MAP, 3)] = root[0];
    return gigabytes;
}

static u64 *first_tables(const struct image *image)
{
    u64 *root = pages(EfiLoaderData, PAGE_SIZE);
    bool ok = root && map_low(root);
    for (u64 at = 0; ok && at < image->size; at += PAGE_SIZE)
        ok = map_page(root, image->va + at, image->pa + at);
    return ok ? root : NULL;
}

/* ---- what struct boot tells ---- */

static u64 find_rsdp(void)
{
    static const EFI_GUID acpi1 = ACPI_TABLE_GUID, acpi2 = ACPI_20_TABLE_GUID;
    u64 rsdp = 0;
    for (UINTN i = 0; i < st->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *t = &st->ConfigurationTable[i];
        if (same_guid(&t->VendorGuid, &acpi2))
            return (u64)t->VendorTable;
        if (same_guid(&t->VendorGuid, &acpi1))
            rsdp = (u64)t->VendorTable;
    }
    return rsdp;
}

static void find_framebuffer(struct boot_framebuffer *fb)
{
    static EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
    if (EFI_ERROR(bs->LocateProtocol(&guid, NULL, (void **)&gop)) || !gop->Mode || !gop->Mode->Info)
        return;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = gop->Mode->Info;
    *fb = (struct boot_framebuffer){
        .pa = info->PixelFormat == PixelBltOnly ? 0 : gop->Mode->FrameBufferBase,
        .width = info->HorizontalResolution,
        .height = info->VerticalResolution,
        .pitch = info->PixelsPerScanLine * 4,
        .format = info->PixelFormat,
    };
}

/* Days since 1970 of a date in the Gregorian calendar; the year is counted from March on, so that the leap day ends it. */
static u64 days(unsigned year, unsigned month, unsigned day)
{
    u64 y = month > 2 ? year : year - 1;
    u64 m = (month + 9) % 12;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static u64 wall_clock(void)
{
    EFI_TIME t;
    if (EFI_ERROR(st->RuntimeServices->GetTime(&t, NULL)) || t.Year < 1970)
        return 0;
    u64 seconds = days(t.Year, t.Month, t.Day) * 86400 + t.Hour * 3600u + t.Minute * 60u + t.Second;
    if (t.TimeZone != EFI_UNSPECIFIED_TIMEZONE)
        seconds += (u64)((s64)t.TimeZone * 60); /* local time = UTC - TimeZone (UEFI 8.3) */
    return seconds * 1000000000 + t.Nanosecond;
}

/* The options as bytes. A boot manager may leave binary data there: that is no command line. */
static void take_options(const EFI_LOADED_IMAGE *self, struct boot_blob *out)
{
    const CHAR16 *text = self->LoadOptions;
    u64 n = MIN(self->LoadOptionsSize / sizeof *text, (u64)CMDLINE_MAX - 1);
    u8 *bytes = text && n ? pages(EfiLoaderData, n + 1) : NULL;
    u64 len = 0;
    for (; bytes && len < n && text[len]; len++) {
        if (text[len] < ' ' || text[len] > '~')
            return;
        bytes[len] = (u8)text[len];
    }
    *out = (struct boot_blob){(u64)bytes, len};
}

/* ---- memory map and farewell ---- */

struct map {
    u8 *bytes;
    UINTN room, size, key, stride;
};

static u64 kind_of(u32 type)
{
    switch (type) {
    case EfiLoaderCode:
    case EfiLoaderData:
    case EfiBootServicesCode:
    case EfiBootServicesData:
    case EfiConventionalMemory:
        return BOOT_RAM;
    case EfiACPIReclaimMemory:
        return BOOT_ACPI;
    case EfiACPIMemoryNVS:
        return BOOT_NVS;
    default:
        return BOOT_RESERVED;
    }
}

/* What does not fit is left out; memory that the kernel does not know of is never used. */
static void add_range(struct boot *boot, struct boot_range r)
{
    struct boot_range *last = boot->nranges ? &boot->ranges[boot->nranges - 1] : NULL;
    if (last && last->kind == r.kind && last->base + last->size == r.base)
        last->size += r.size;
    else if (boot->nranges < BOOT_RANGES)
        boot->ranges[boot->nranges++] = r;
}

static void take_map(struct boot *boot, const struct map *map)
{
    for (UINTN at = 0; map->size - at >= map->stride; at += map->stride) {
        const EFI_MEMORY_DESCRIPTOR *d = (const void *)(map->bytes + at);
        add_range(boot, (struct boot_range){d->PhysicalStart, d->NumberOfPages << EFI_PAGE_SHIFT, kind_of(d->Type)});
    }
}

static bool make_room(struct map *map)
{
    u32 version;
    map->size = 0;
    bs->GetMemoryMap(&map->size, NULL, &map->key, &map->stride, &version);
    map->room =
        map->size + MAP_ROOM * map->stride; /* asking for pages, and events until the end, make the map longer */
    map->bytes = pages(EfiLoaderData, map->room);
    return map->bytes;
}

/* The map as it is now. It may have outgrown its room, for which there is more only while no farewell was tried (UEFI 7.4.6). */
static EFI_STATUS fetch_map(struct map *map, bool may_grow)
{
    EFI_STATUS status;
    u32 version;
    do {
        map->size = map->room;
        status = bs->GetMemoryMap(&map->size, (EFI_MEMORY_DESCRIPTOR *)map->bytes, &map->key, &map->stride, &version);
    } while (status == EFI_BUFFER_TOO_SMALL && may_grow && map->size > map->room && make_room(map));
    return !EFI_ERROR(status) && map->stride < sizeof(EFI_MEMORY_DESCRIPTOR) ? EFI_INCOMPATIBLE_VERSION : status;
}

/* A map that changed in between makes its key stale: the firmware then wants nothing but a new map and another try (UEFI 7.4.6). */
static EFI_STATUS leave_firmware(EFI_HANDLE self, struct map *map)
{
    EFI_STATUS status = EFI_INVALID_PARAMETER;
    for (int tries = 0; tries < 8 && status == EFI_INVALID_PARAMETER; tries++) {
        status = fetch_map(map, tries == 0);
        if (!EFI_ERROR(status))
            status = bs->ExitBootServices(self, map->key);
    }
    return status;
}

static bool five_levels(void)
{
    u64 cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    return cr4 & CR4_LA57;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
    static EFI_GUID loaded_image = LOADED_IMAGE_PROTOCOL;
    EFI_LOADED_IMAGE *loaded;
    struct image image = {0};
    struct map map = {0};
    st = table;
    bs = st->BootServices;
    if (five_levels())
        return refuse(u"the firmware runs with 5-level paging; switch that off", EFI_UNSUPPORTED);
    if (EFI_ERROR(bs->HandleProtocol(self, &loaded_image, (void **)&loaded)))
        return refuse(u"this firmware does not tell what it loaded", EFI_UNSUPPORTED);
    struct boot *boot = pages(EfiLoaderData, sizeof *boot);
    void (*jump)(u64 * root, u64 entry, u64 boot) __attribute__((sysv_abi)) = pages(EfiLoaderCode, PAGE_SIZE);
    u64 *root = load_kernel(&image) ? first_tables(&image) : NULL;
    if (!boot || !jump || !root || !make_room(&map))
        return refuse(u"too little memory below 4 GiB; give the machine more", EFI_OUT_OF_RESOURCES);
    bs->CopyMem((void *)jump, (void *)efi_jump, (UINTN)(efi_jump_end - efi_jump));
    bs->CopyMem(boot->door, "efi", 4);
    boot->kernel_pa = image.pa;
    boot->rsdp = find_rsdp();
    find_framebuffer(&boot->framebuffer);
    take_options(loaded, &boot->cmdline);
    boot->initfs = (struct boot_blob){(u64)efi_initfs, (u64)(efi_initfs_end - efi_initfs)};
    boot->wall_ns = wall_clock();
    if (EFI_ERROR(leave_firmware(self, &map)))
        return refuse(u"the firmware does not let go", EFI_ABORTED);
    take_map(boot, &map);
    jump(root, image.entry, DIRECT_MAP + (u64)boot);
    return EFI_ABORTED;
}
