/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* acpi - the tables that firmware left (ACPI 6.5, chapter 5). */

#include "acpi.h"

#include "arch.h"
#include "boot.h"
#include "mem.h"
#include "print.h"
#include "wire.h"

/*
 * Tables are the host's: a length is read once, believed only up to TABLE_MAX, and every field is read through field(), for which
 * a field behind the table's end is 0. ECAM windows are copied here; of the FADT each field is read when it is needed, which most never are.
 */
enum { HEADER = 36, TABLE_MAX = 1 << 20, ENTRIES_MAX = 256, WINDOWS = 8 };

struct table {
    const u8 *bytes; /* NULL: not there */
    u32 len;
};

/* A Generic Address Structure (5.2.3.2). */
enum { SPACE_MEMORY = 0, SPACE_IO = 1 };
struct gas {
    u8 space;
    u64 address; /* 0: not there */
};

static struct {
    const struct boot *boot;
    struct table root;
    unsigned entry_size; /* bytes of a pointer in the root table: 4 in an RSDT, 8 in an XSDT */
    unsigned nwindows;
    struct acpi_ecam windows[WINDOWS];
    struct table fadt;
} acpi;

static u64 field(struct table t, u32 offset, unsigned bytes)
{
    u64 v = 0;
    if (offset > t.len || bytes > t.len - offset)
        return 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (u64)t.bytes[offset + i] << (8 * i);
    return v;
}

static bool sum_is_zero(const u8 *bytes, u32 len)
{
    u64 low = 0x00ff00ff00ff00ff, sums = 0; /* four of them, modulo 256 */
    for (; len >= 8; len -= 8, bytes += 8) {
        u64 word = *(const wire64 *)bytes;
        sums = (sums + (word & low) + (word >> 8 & low)) & low;
    }
    u64 sum = sums + (sums >> 16) + (sums >> 32) + (sums >> 48);
    while (len--)
        sum += *bytes++;
    return (u8)sum == 0;
}

static bool inside(const struct boot_range *r, u64 pa, u64 len)
{
    return pa >= r->base && len <= r->size && pa - r->base <= r->size - len;
}

/* Where [pa, pa+len) can be read. The physical map has RAM and ACPI's memory; other ranges of the memory map, and holes below 4 GiB (where
 * BIOSes keep tables), are mapped as registers are. An address that a processor might not have would be a fault. */
static const u8 *view(u64 pa, u64 len)
{
    if (pa >= arch_physical_limit() || len > arch_physical_limit() - pa)
        return NULL;
    for (u64 i = 0; i < acpi.boot->nranges && i < BOOT_RANGES; i++) {
        const struct boot_range *r = &acpi.boot->ranges[i];
        if (inside(r, pa, len))
            return boot_is_memory(r->kind) ? mem_virt(pa) : arch_map_registers(pa, len);
    }
    return pa < 1ull << 32 && len <= (1ull << 32) - pa && !acpi_is_ram(pa, len) ? arch_map_registers(pa, len) : NULL;
}

bool acpi_is_ram(u64 pa, u64 len)
{
    for (u64 i = 0; acpi.boot && i < acpi.boot->nranges && i < BOOT_RANGES; i++) {
        const struct boot_range *r = &acpi.boot->ranges[i];
        if (r->kind != BOOT_RESERVED && (r->base <= pa ? pa - r->base < r->size : r->base - pa < len))
            return true;
    }
    return false;
}

/* The table at pa if it is whole and has this signature; a wrong signature is no fault, all else earns a warning. */
static struct table load(u64 pa, const char signature[4])
{
    struct table t = {pa ? view(pa, HEADER) : NULL, HEADER};
    if (!t.bytes || memcmp(t.bytes, signature, 4) != 0)
        return (struct table){NULL, 0};
    t.len = (u32)field(t, 4, 4);
    t.bytes = t.len >= HEADER && t.len <= TABLE_MAX ? view(pa, t.len) : NULL;
    if (!t.bytes || !sum_is_zero(t.bytes, t.len)) {
        log_warn("acpi: table %.*s has a wrong length or checksum and is left out", 4, signature);
        return (struct table){NULL, 0};
    }
    return t;
}

static struct table find(const char signature[4])
{
    u32 n = acpi.root.bytes ? (acpi.root.len - HEADER) / acpi.entry_size : 0;
    for (u32 i = 0; i < n && i < ENTRIES_MAX; i++) {
        struct table t = load(field(acpi.root, HEADER + i * acpi.entry_size, acpi.entry_size), signature);
        if (t.bytes)
            return t;
    }
    return (struct table){NULL, 0};
}

const void *acpi_find(const char signature[4], u32 *len)
{
    struct table t = find(signature);
    *len = t.len;
    return t.bytes;
}

/* ---- the root pointer (5.2.5) ---- */

static u64 search(u64 pa, u64 len)
{
    const u8 *bytes = view(pa, len);
    for (u64 at = 0; bytes && at + 36 <= len; at += 16)
        if (memcmp(bytes + at, "RSD PTR ", 8) == 0 && sum_is_zero(bytes + at, 20))
            return pa + at;
    return 0;
}

static u64 search_bios(void)
{
    u64 found = search(0xe0000, 0x20000);
    const u8 *bda = found ? NULL : view(0x40e, 2);
    u64 ebda = bda ? (u64)(bda[0] | bda[1] << 8) << 4 : 0;
    return ebda >= 0x400 ? search(ebda, 1024) : found;
}

static void find_root(u64 rsdp)
{
    if (rsdp == 0)
        rsdp = search_bios();
    struct table p = {rsdp ? view(rsdp, 36) : NULL, 36};
    if (!p.bytes)
        return;
    if (memcmp(p.bytes, "RSD PTR ", 8) != 0 || !sum_is_zero(p.bytes, 20)) {
        log_warn("acpi: no root pointer at 0x%lx", rsdp);
        return;
    }
    if (field(p, 15, 1) >= 2 && sum_is_zero(p.bytes, 36)) {
        acpi.entry_size = 8;
        acpi.root = load(field(p, 24, 8), "XSDT");
    }
    if (!acpi.root.bytes) {
        acpi.entry_size = 4;
        acpi.root = load(field(p, 16, 4), "RSDT");
    }
}

/* ---- constants in AML (20.2): there is no interpreter; names are searched for, bytes ---- */

/* The integer constant at *at, which moves behind it; false: there is none that is whole. */
static bool constant(struct table t, u32 *at, u64 *v)
{
    u8 op = (u8)field(t, *at, 1);
    u32 size = op == 0x0a ? 1 : op == 0x0b ? 2 : op == 0x0c ? 4 : op == 0x0e ? 8 : 0;
    if (*at >= t.len || t.len - *at <= size || (size == 0 && op > 1))
        return false;
    *v = size ? field(t, *at + 1, size) : op;
    *at += 1 + size;
    return true;
}

/* The offset behind the next `name` from `at` on that stands where a definition has it; 0: no more. */
static u32 find_name(struct table t, u32 at, const char name[4])
{
    for (; t.bytes && t.len >= 4 && at <= t.len - 4; at++)
        if (t.bytes[at] == '_' && memcmp(t.bytes + at, name, 4) == 0)
            return at + 4;
    return 0;
}

/* Sleep types of S5, for PM1a and PM1b: Name (_S5_, Package () {a, b...}). */
static bool find_s5(struct table t, u64 type[2])
{
    for (u32 at = HEADER; (at = find_name(t, at, "_S5_")) != 0;) {
        /* PackageOp, PkgLength of 1 to 4 bytes, NumElements */
        u32 element = at + 3 + (u32)(field(t, at + 1, 1) >> 6);
        if (field(t, at, 1) == 0x12 && constant(t, &element, &type[0]) && constant(t, &element, &type[1]))
            return true;
    }
    return false;
}

/* A host bridge's _CBA, as a name or as a method that returns it: where configuration space is, on machines without MCFG. */
static u64 find_cba(struct table t)
{
    u64 base;
    for (u32 at = HEADER; (at = find_name(t, at, "_CBA")) != 0;) {
        u32 value = at;
        if (field(t, at + 1, 1) == 0xa4) /* MethodFlags, ReturnOp */
            value = at + 2;
        if (constant(t, &value, &base))
            return base;
    }
    return 0;
}

/* ---- what is taken from them ---- */

static struct gas gas_at(struct table t, u32 offset)
{
    struct gas g = {(u8)field(t, offset, 1), field(t, offset + 4, 8)};
    if (g.space > SPACE_IO || (g.space == SPACE_IO && g.address > 0xffff) ||
        (g.space == SPACE_MEMORY && acpi_is_ram(g.address, 4)))
        g.address = 0;
    return g;
}

/* A register block that has a 64-bit address at `wide`, or else a port at `narrow`. */
static struct gas block(struct table t, u32 narrow, u32 wide)
{
    struct gas g = gas_at(t, wide);
    if (g.address == 0)
        g = (struct gas){SPACE_IO, field(t, narrow, 4)};
    return g.space == SPACE_IO && g.address > 0xffff ? (struct gas){0, 0} : g;
}

/* The FADT (5.2.9). */
enum { RESET_REG_SUP = 1 << 10, HW_REDUCED_ACPI = 1 << 20 };

static bool fadt_says(u32 flag)
{
    return field(acpi.fadt, 112, 4) & flag;
}

static struct table load_dsdt(void)
{
    u64 wide = field(acpi.fadt, 140, 8), pa = wide ? wide : field(acpi.fadt, 40, 4);
    return pa ? load(pa, "DSDT") : (struct table){NULL, 0};
}

static bool window_is_good(const struct acpi_ecam *w)
{
    if (w->base == 0 || w->base >> 46 || w->base % PAGE_SIZE || w->first > w->last ||
        acpi_is_ram(w->base + ((u64)w->first << 20), ((u64)w->last - w->first + 1) << 20))
        return false;
    for (unsigned i = 0; i < acpi.nwindows; i++)
        if (w->segment == acpi.windows[i].segment && w->first <= acpi.windows[i].last &&
            acpi.windows[i].first <= w->last)
            return false;
    return true;
}

static void add_window(struct acpi_ecam w)
{
    if (acpi.nwindows == WINDOWS || !window_is_good(&w))
        log_warn("acpi: ECAM window 0x%lx for buses %u to %u is left out", w.base, w.first, w.last);
    else
        acpi.windows[acpi.nwindows++] = w;
}

/* The windows come out disjoint: no bus is reached by two. */
static void read_mcfg(struct table t)
{
    for (u32 at = HEADER + 8; t.len >= 16 && at <= t.len - 16; at += 16)
        add_window((struct acpi_ecam){field(t, at, 8), (u16)field(t, at + 8, 2), (u8)field(t, at + 10, 1),
                                      (u8)field(t, at + 11, 1)});
}

/* With neither MCFG nor the ports that every PC has (they read all ones), only _CBA is left: QEMU's microvm. */
static void read_cba(void)
{
    u64 base = acpi.fadt.bytes && arch_in(0xcf8, 4) == ~0u ? find_cba(load_dsdt()) : 0;
    if (base)
        add_window((struct acpi_ecam){base, 0, 0, 255});
}

void acpi_init(const struct boot *boot)
{
    memset(&acpi, 0, sizeof(acpi));
    acpi.boot = boot;
    find_root(boot->rsdp);
    acpi.fadt = find("FACP");
    read_mcfg(find("MCFG"));
    if (acpi.nwindows == 0)
        read_cba();
}

/* ---- interrupt controllers (5.2.12) ---- */

enum { MADT_FIRST = HEADER + 8, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, POLARITY = 3, ACTIVE_HIGH = 1 };

/* The next entry of this kind from *at in the MADT, which moves behind it; its offset, or 0: no more. */
static u32 madt_next(struct table t, u32 *at, u8 kind, u32 size)
{
    while (*at < t.len) {
        u32 entry = *at, len = (u32)field(t, entry + 1, 1);
        *at += MAX(len, 2u);
        if (field(t, entry, 1) == kind && len >= size && len <= t.len - entry)
            return entry;
    }
    return 0;
}

bool acpi_ioapic(unsigned i, struct acpi_ioapic *out)
{
    struct table t = find("APIC");
    u32 at = MADT_FIRST, entry;
    while ((entry = madt_next(t, &at, MADT_IOAPIC, 12)) && i)
        i--;
    if (!entry)
        return false;
    *out = (struct acpi_ioapic){field(t, entry + 4, 4), (u32)field(t, entry + 8, 4)};
    return out->base && !acpi_is_ram(out->base, PAGE_SIZE);
}

u32 acpi_isa_line(u8 irq, bool *active_low)
{
    struct table t = find("APIC");
    u32 at = MADT_FIRST, entry;
    *active_low = true;
    while ((entry = madt_next(t, &at, MADT_OVERRIDE, 10)) != 0) {
        if (field(t, entry + 3, 1) != irq)
            continue;
        *active_low = (field(t, entry + 8, 2) & POLARITY) != ACTIVE_HIGH;
        return (u32)field(t, entry + 4, 4);
    }
    return irq;
}

bool acpi_ecam(unsigned i, struct acpi_ecam *out)
{
    if (i >= acpi.nwindows)
        return false;
    *out = acpi.windows[i];
    return true;
}

u16 acpi_pm_timer(void)
{
    struct gas timer = fadt_says(HW_REDUCED_ACPI) ? (struct gas){0, 0} : block(acpi.fadt, 76, 208);
    return timer.space == SPACE_IO ? (u16)timer.address : 0;
}

/* ---- power off and reset ---- */

static void gas_write(struct gas g, unsigned bytes, u32 v)
{
    void *reg = g.space == SPACE_MEMORY && g.address ? arch_map_registers(g.address, bytes) : NULL;
    if (g.space == SPACE_IO && g.address)
        arch_out((u16)g.address, bytes, v);
    else if (reg && bytes == 1)
        arch_write8(reg, (u8)v);
    else if (reg)
        arch_write16(reg, (u16)v);
}

enum { SCI_EN = 1, SLP_TYP_SHIFT = 10, SLP_TYP = 7 << SLP_TYP_SHIFT, SLP_EN = 1 << 13 };

static void pm1_sleep(struct gas g, u64 type)
{
    if (g.address == 0 || g.space != SPACE_IO)
        return;
    u32 v = arch_in((u16)g.address, 2) & ~(u32)(SLP_TYP | SLP_EN);
    gas_write(g, 2, v | ((u32)type << SLP_TYP_SHIFT & SLP_TYP) | SLP_EN);
}

/* Firmware may still own the fixed registers; this asks for them (4.8.2.5). */
static void take_over(struct gas pm1a)
{
    u32 smi_port = (u32)field(acpi.fadt, 48, 4), enable = (u32)field(acpi.fadt, 52, 1);
    if (pm1a.address && enable && smi_port && smi_port <= 0xffff && !(arch_in((u16)pm1a.address, 2) & SCI_EN))
        arch_out((u16)smi_port, 1, enable);
}

void acpi_power_off(void)
{
    u64 type[2];
    if (!find_s5(load_dsdt(), type))
        return;
    if (fadt_says(HW_REDUCED_ACPI)) {
        gas_write(gas_at(acpi.fadt, 244), 1, (u32)(type[0] & 7) << 2 | 1 << 5); /* SLP_TYP, SLP_EN (4.8.3.7) */
        return;
    }
    struct gas pm1a = block(acpi.fadt, 64, 172);
    take_over(pm1a);
    pm1_sleep(pm1a, type[0]);
    pm1_sleep(block(acpi.fadt, 68, 184), type[1]);
}

void acpi_reset(void)
{
    if (fadt_says(RESET_REG_SUP))
        gas_write(gas_at(acpi.fadt, 116), 1, (u32)field(acpi.fadt, 128, 1));
}
