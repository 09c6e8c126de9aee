/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_pci - a PCI bus of scripted functions. */
#include <stdlib.h>

#include "acpi.h"
#include "boot.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"

enum { FUNCTIONS = 512 };
enum {
    COMMAND = 4,
    COMMAND_IO = 1,
    COMMAND_MEMORY = 2,
    COMMAND_INTX_OFF = 1 << 10,
    COMMAND_MASTER = 4,
    STATUS = 6,
    CAPS = 0x34
};

static struct fake_function functions[FUNCTIONS];
static unsigned nfunctions;
static u32 selected;
static struct boot boot;
u64 fake_pci_accesses, fake_pci_aborts;

/* ---- configuration space ---- */

/* The bus that f sits on, or -1 when the bridges above it do not lead there. */
static int bus_of(const struct fake_function *f)
{
    int bus = f->parent ? f->parent->config[0x19] : 0;
    if (f->parent && bus == 0)
        return -1;
    for (const struct fake_function *b = f->parent; b; b = b->parent)
        if (bus < b->config[0x19] || bus > b->config[0x1a] || (b->parent && b->parent->config[0x19] != b->config[0x18]))
            return -1;
    return bus;
}

static struct fake_function *find(u8 bus, u8 slot, u8 function)
{
    for (unsigned i = 0; i < nfunctions; i++)
        if (functions[i].slot == slot && functions[i].function == function && bus_of(&functions[i]) == bus)
            return &functions[i];
    return NULL;
}

static u32 config_read(u32 bdf, u16 offset, unsigned width)
{
    struct fake_function *f = find((u8)(bdf >> 8), bdf >> 3 & 31, bdf & 7);
    u32 v = ~0u;
    fake_pci_accesses++;
    if (offset % width)
        abort();
    if (f) {
        v = 0;
        memcpy(&v, f->config + offset, width);
        if (f->config_hook)
            v = f->config_hook(f, offset, width, v);
    }
    return v;
}

static void config_write(u32 bdf, u16 offset, unsigned width, u32 v)
{
    struct fake_function *f = find((u8)(bdf >> 8), bdf >> 3 & 31, bdf & 7);
    fake_pci_accesses++;
    if (offset % width)
        abort();
    for (unsigned i = 0; f && i < width; i++) {
        u8 mask = f->writable[offset + i], byte = (u8)(v >> 8 * i);
        f->config[offset + i] = (u8)((f->config[offset + i] & ~mask) | (byte & mask));
    }
    if (f && f->write_hook)
        f->write_hook(f, offset, width, v);
}

static u32 ecam_read(void *ctx, u64 offset, unsigned width)
{
    (void)ctx;
    return config_read((u32)(offset >> 12), offset & 0xfff, width);
}

static void ecam_write(void *ctx, u64 offset, unsigned width, u32 v)
{
    (void)ctx;
    config_write((u32)(offset >> 12), offset & 0xfff, width, v);
}

static u32 port_read(void *ctx, u64 offset, unsigned width)
{
    (void)ctx;
    if (offset < 4)
        return selected;
    return selected >> 31 ? config_read(selected >> 8 & 0xffff, (u16)((selected & 0xfc) + offset - 4), width) : ~0u;
}

static void port_write(void *ctx, u64 offset, unsigned width, u32 v)
{
    (void)ctx;
    if (offset < 4)
        selected = v;
    else if (selected >> 31)
        config_write(selected >> 8 & 0xffff, (u16)((selected & 0xfc) + offset - 4), width, v);
}

/* ---- memory space and ports ---- */

u64 fake_pci_bar_base(const struct fake_function *f, unsigned bar)
{
    u32 low = fake_pci_get32(f, (u16)(0x10 + 4 * bar));
    u64 high = low & FAKE_BAR_64 ? fake_pci_get32(f, (u16)(0x14 + 4 * bar)) : 0;
    return high << 32 | (low & (low & FAKE_BAR_IO ? ~3u : ~15u));
}

static bool forwards(const struct fake_function *bridge, u64 pa)
{
    u32 window = fake_pci_get32(bridge, 0x20);
    u64 base = (window & 0xfff0ull) << 16, limit = (window & 0xfff00000) | 0xfffff;
    return bridge->config[COMMAND] & COMMAND_MEMORY && pa >= base && pa <= limit;
}

static struct fake_function *decode(u64 pa, unsigned *bar, u64 *offset)
{
    for (unsigned i = 0; i < nfunctions; i++) {
        struct fake_function *f = &functions[i], *b = f->parent;
        while (b && forwards(b, pa))
            b = b->parent;
        if (b || !(f->config[COMMAND] & COMMAND_MEMORY))
            continue;
        for (*bar = 0; *bar < 6; ++*bar) {
            *offset = pa - fake_pci_bar_base(f, *bar);
            if (f->bar_size[*bar] && !(f->config[0x10 + 4 * *bar] & FAKE_BAR_IO) && *offset < f->bar_size[*bar])
                return f;
        }
    }
    return NULL;
}

static bool forwards_port(const struct fake_function *bridge, u64 port)
{
    u16 window = fake_pci_get16(bridge, 0x1c);
    return bridge->config[COMMAND] & COMMAND_IO && port >= (window & 0xf0u) << 8 &&
           port <= ((window & 0xf000u) | 0xfff);
}

static struct fake_function *decode_port(u64 port, unsigned *bar, u64 *offset)
{
    for (unsigned i = 0; i < nfunctions; i++) {
        struct fake_function *f = &functions[i], *b = f->parent;
        while (b && forwards_port(b, port))
            b = b->parent;
        if (b || !(f->config[COMMAND] & COMMAND_IO))
            continue;
        for (*bar = 0; *bar < 6; ++*bar) {
            *offset = port - fake_pci_bar_base(f, *bar);
            if (f->bar_size[*bar] && f->config[0x10 + 4 * *bar] & FAKE_BAR_IO && *offset < f->bar_size[*bar])
                return f;
        }
    }
    return NULL;
}

static u32 bar_port_read(void *ctx, u64 at, unsigned width)
{
    unsigned bar;
    u64 offset;
    struct fake_function *f = decode_port((u64)ctx + at, &bar, &offset);
    if (f && f->bar_read)
        return f->bar_read(f, bar, offset, width);
    fake_pci_aborts++;
    return ~0u;
}

static void bar_port_write(void *ctx, u64 at, unsigned width, u32 v)
{
    unsigned bar;
    u64 offset;
    struct fake_function *f = decode_port((u64)ctx + at, &bar, &offset);
    if (f && f->bar_write)
        f->bar_write(f, bar, offset, width, v);
    else
        fake_pci_aborts++;
}

static bool in_msix(const struct fake_function *f, unsigned bar, u64 offset)
{
    return f->msix_count && bar == f->msix_bar && offset - f->msix_offset < f->msix_count * 16;
}

static u32 mmio_read(void *ctx, u64 at, unsigned width)
{
    unsigned bar;
    u64 offset;
    struct fake_function *f = decode((u64)ctx + at, &bar, &offset);
    if (f && in_msix(f, bar, offset))
        return f->msix[(offset - f->msix_offset) / 4];
    if (f && f->bar_read)
        return f->bar_read(f, bar, offset, width);
    fake_pci_aborts++;
    return ~0u;
}

static void mmio_write(void *ctx, u64 at, unsigned width, u32 v)
{
    unsigned bar;
    u64 offset;
    struct fake_function *f = decode((u64)ctx + at, &bar, &offset);
    if (f && in_msix(f, bar, offset))
        f->msix[(offset - f->msix_offset) / 4] = v;
    else if (f && f->bar_write)
        f->bar_write(f, bar, offset, width, v);
    else
        fake_pci_aborts++;
}

/* ---- building ---- */

void fake_pci_start(unsigned by)
{
    fake_reset();
    fake_acpi_start(&boot);
    nfunctions = 0;
    fake_pci_accesses = fake_pci_aborts = 0;
    if (by & FAKE_BY_ECAM) {
        fake_acpi_mcfg(FAKE_ECAM, 0, 0, 255);
        fake_region_add(&(struct fake_region){FAKE_ECAM, 256 << 20, ecam_read, ecam_write, NULL});
    }
    if (by & FAKE_BY_PORTS)
        fake_ports_add(&(struct fake_region){0xcf8, 8, port_read, port_write, NULL});
    fake_ports_add(&(struct fake_region){0x1000, 0xf000, bar_port_read, bar_port_write, (void *)0x1000});
    fake_region_add(&(struct fake_region){FAKE_MMIO, FAKE_MMIO_SIZE, mmio_read, mmio_write, (void *)FAKE_MMIO});
    fake_region_add(
        &(struct fake_region){FAKE_MMIO_HIGH, FAKE_MMIO_SIZE, mmio_read, mmio_write, (void *)FAKE_MMIO_HIGH});
    fake_acpi_finish(&boot, 2);
    acpi_init(&boot);
}

struct fake_function *fake_pci_add(struct fake_function *parent, u8 slot, u8 function, u16 vendor, u16 device,
                                   u32 class)
{
    if (nfunctions == FUNCTIONS)
        abort();
    struct fake_function *f = &functions[nfunctions++];
    *f = (struct fake_function){.parent = parent, .slot = slot, .function = function, .free_cap = 0x40};
    fake_pci_set16(f, 0, vendor);
    fake_pci_set16(f, 2, device);
    fake_pci_set32(f, 8, class << 8);
    put16(f->writable + COMMAND, 0x0547);
    for (unsigned i = 0; function && i < nfunctions; i++)
        if (functions[i].parent == parent && functions[i].slot == slot && functions[i].function == 0)
            functions[i].config[0x0e] |= 0x80;
    return f;
}

struct fake_function *fake_pci_bridge(struct fake_function *parent, u8 slot, u8 secondary, u8 subordinate)
{
    struct fake_function *f = fake_pci_add(parent, slot, 0, 0x1b36, 0x0001, 0x060400);
    f->config[0x0e] = 1;
    f->config[0x18] = parent ? parent->config[0x19] : 0;
    f->config[0x19] = secondary;
    f->config[0x1a] = subordinate;
    put32(f->writable + 0x18, 0xffffff);
    put32(f->writable + 0x20, 0xfff0fff0);
    put16(f->writable + 0x1c, 0xf0f0);
    return f;
}

void fake_pci_bar(struct fake_function *f, unsigned bar, u64 base, u64 size, u32 flags)
{
    u16 at = (u16)(0x10 + 4 * bar);
    f->bar_size[bar] = size;
    fake_pci_set32(f, at, (u32)base | flags);
    put32(f->writable + at, flags & FAKE_BAR_IO ? (u32) ~(size - 1) & 0xfffc : (u32) ~(size - 1) & ~15u);
    if (flags & FAKE_BAR_64 && bar < 5) {
        fake_pci_set32(f, at + 4, (u32)(base >> 32));
        put32(f->writable + at + 4, (u32)(~(size - 1) >> 32));
    }
}

u16 fake_pci_cap(struct fake_function *f, u8 id, u8 len)
{
    u16 at = f->free_cap;
    f->config[STATUS] |= 0x10;
    f->config[f->last_cap ? f->last_cap + 1 : CAPS] = (u8)at;
    f->config[at] = id;
    f->last_cap = at;
    f->free_cap = (u16)ALIGN_UP(at + len, 4);
    return at;
}

void fake_pci_msix(struct fake_function *f, unsigned bar, u32 offset, u32 count)
{
    u16 at = fake_pci_cap(f, 0x11, 12);
    fake_pci_set16(f, at + 2, (u16)(count - 1));
    put16(f->writable + at + 2, 0xc000);
    fake_pci_set32(f, at + 4, offset | bar);
    f->msix_cap = (u8)at;
    f->msix_bar = (u8)bar;
    f->msix_offset = offset;
    f->msix_count = MIN(count, (u32)FAKE_VECTORS);
}

bool fake_pci_has_msix(const struct fake_function *f)
{
    return f->msix_cap && fake_pci_get16(f, f->msix_cap + 2) & 0x8000;
}

bool fake_pci_has_intx(const struct fake_function *f)
{
    return f->config[0x3d] && !fake_pci_has_msix(f) && !(fake_pci_get16(f, COMMAND) & COMMAND_INTX_OFF);
}

bool fake_pci_raise(struct fake_function *f, unsigned vector)
{
    u16 control = fake_pci_get16(f, f->msix_cap + 2);
    if (vector >= f->msix_count || !(control & 0x8000) || control & 0x4000 || f->msix[vector * 4 + 3] & 1 ||
        !(f->config[COMMAND] & COMMAND_MASTER))
        return false;
    fake_msi(f->msix[vector * 4] | (u64)f->msix[vector * 4 + 1] << 32, f->msix[vector * 4 + 2]);
    return true;
}

void fake_pci_set16(struct fake_function *f, u16 offset, u16 v)
{
    put16(f->config + offset, v);
}

void fake_pci_set32(struct fake_function *f, u16 offset, u32 v)
{
    put32(f->config + offset, v);
}

u16 fake_pci_get16(const struct fake_function *f, u16 offset)
{
    u16 v;
    memcpy(&v, f->config + offset, 2);
    return v;
}

u32 fake_pci_get32(const struct fake_function *f, u16 offset)
{
    u32 v;
    memcpy(&v, f->config + offset, 4);
    return v;
}
