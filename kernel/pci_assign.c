/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci_assign - sizes of BARs, and addresses for those that firmware left empty (PCI Local Bus 3.0, 6.2.5; PCI-to-PCI Bridge 1.2, 3.2.5). */
#include "acpi.h"
#include "arch.h"
#include "pci.h"
#include "print.h"

/*
 * Firmware's assignments stay, if they can be right. Where there was no firmware, memory BARs get 32-bit addresses from the top of
 * the window down, largest first, which wastes nothing, and I/O BARs ports in the same way; BARs behind bridges come out of the bridge's window, and
 * a closed one is opened as wide as what is behind it needs.
 */
#define MIB       (1ull << 20)
#define LARGEST   (1ull << 30)
#define HOTPLUG   (2 * MIB) /* for what may come to a slot, as firmware leaves it too */
#define BAR_AT(i) ((u16)(0x10 + 4 * (i)))

enum {
    REG_COMMAND = 0x04,
    COMMAND_DECODE = 3,
    COMMAND_MASTER = 4,
    REG_PORTS = 0x1c,
    REG_WINDOW = 0x20,
    REG_PREFETCH = 0x24,
    REG_PREFETCH_HIGH = 0x28
};
enum { HEADER_BRIDGE = 1, CLASS_HOST_BRIDGE = 0x0600 };
/* Ports below 0x400 and those of configuration space belong to the board. None of a board's are known above 0xc000, where firmware has BARs too. */
enum {
    PORTS_LEAST = 0x400,
    PORTS_CONFIG = 0xcf8,
    PORTS_END = 0x10000,
    PORTS_FREE = 0xc000,
    PORTS_FREE_SIZE = 0x3f00,
    PORTS_STEP = 0x1000
};
enum { PORTS, MEMORY, PREFETCHABLE, KINDS }; /* of a bridge's windows */
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_TYPE_64 = 4, BAR_PREFETCH = 8 };

/* ---- sizes ---- */

/* What sticks of all ones at BAR i; the old value comes back. */
static u32 size_mask(const struct pci_dev *dev, unsigned i, u32 old)
{
    pci_write32(dev, BAR_AT(i), ~0u);
    u32 mask = pci_read32(dev, BAR_AT(i));
    pci_write32(dev, BAR_AT(i), old);
    return mask;
}

static void read_bar(struct pci_dev *dev, unsigned i, unsigned n)
{
    struct pci_bar *bar = &dev->bars[i];
    u32 low = pci_read32(dev, BAR_AT(i)), high = 0;
    u32 flags = low & BAR_IO ? 3 : 15;
    u64 mask = size_mask(dev, i, low) & ~flags;
    bar->io = low & BAR_IO;
    bar->wide = !bar->io && (low & BAR_TYPE) == BAR_TYPE_64;
    bar->prefetch = !bar->io && low & BAR_PREFETCH;
    if (bar->wide && i + 1 == n)
        return;
    if (bar->wide) {
        high = pci_read32(dev, BAR_AT(i + 1));
        mask |= (u64)size_mask(dev, i + 1, high) << 32;
    }
    bar->base = (u64)high << 32 | (low & ~flags);
    bar->size = mask & -mask;
    if (bar->size == 0)
        bar->base = 0;
}

static struct span window_between(u64 base, u64 limit)
{
    return base && base <= limit ? (struct span){base, limit - base + 1} : (struct span){0, 0};
}

static void read_windows(struct pci_dev *bridge)
{
    u32 memory = pci_read32(bridge, REG_WINDOW), prefetch = pci_read32(bridge, REG_PREFETCH);
    u16 ports = pci_read16(bridge, REG_PORTS);
    u64 base_high = 0, limit_high = 0;
    if (prefetch & 1) {
        base_high = (u64)pci_read32(bridge, REG_PREFETCH_HIGH) << 32;
        limit_high = (u64)pci_read32(bridge, REG_PREFETCH_HIGH + 4) << 32;
    }
    bridge->windows[PORTS] = window_between((ports & 0xf0u) << 8, (ports & 0xf000u) | (PORTS_STEP - 1));
    bridge->windows[MEMORY] = window_between((memory & 0xfff0ull) << 16, (memory & 0xfff00000) | (MIB - 1));
    bridge->windows[PREFETCHABLE] =
        window_between(base_high | (prefetch & 0xfff0ull) << 16, limit_high | (prefetch & 0xfff00000) | (MIB - 1));
}

/* A host bridge's BARs may be what we run from: they are left alone. What firmware left at work reaches memory no more: that is ours now. */
void pci_assign_read(struct pci_dev *dev)
{
    unsigned n = dev->header == HEADER_BRIDGE ? 2 : PCI_BARS;
    if (dev->class >> 8 == CLASS_HOST_BRIDGE)
        return;
    u16 command = pci_read16(dev, REG_COMMAND);
    command &= dev->header == HEADER_BRIDGE ? 0xffff : (u16)~COMMAND_MASTER;
    pci_write16(dev, REG_COMMAND, (u16)(command & ~COMMAND_DECODE));
    for (unsigned i = 0; i < n; i += dev->bars[i].wide ? 2 : 1)
        read_bar(dev, i, n);
    pci_write16(dev, REG_COMMAND, command);
    if (dev->header == HEADER_BRIDGE)
        read_windows(dev);
}

/* ---- what is taken ---- */

static bool overlap(u64 a, u64 alen, u64 b, u64 blen)
{
    return a <= b ? b - a < alen : a - b < blen;
}

static bool is_above(const struct pci_dev *bridge, const struct pci_dev *dev)
{
    while (dev && dev != bridge)
        dev = dev->parent;
    return dev == bridge;
}

static bool taken(u64 base, u64 size, u64 pa, u64 len, u64 *start)
{
    *start = base;
    return size && base && overlap(base, size, pa, len);
}

/* Whether something has a byte, or port, of [pa, pa+len), on the bus behind `parent`; *start: where that begins. `until`: the first BAR not to ask. */
static bool find_taken(const struct pci_dev *parent, bool io, u64 pa, u64 len, const struct pci_bar *until, u64 *start)
{
    struct acpi_ecam w;
    for (unsigned i = 0; !io && acpi_ecam(i, &w); i++)
        if (taken(w.base, (w.last + 1ull) << 20, pa, len, start))
            return true;
    for (const struct pci_dev *d = pci_first(); d; d = d->next) {
        for (unsigned i = 0; i < PCI_BARS; i++) {
            const struct pci_bar *bar = &d->bars[i];
            if (bar == until)
                return false;
            if (bar->io == io && taken(bar->base, bar->size, pa, len, start))
                return true;
        }
        for (unsigned i = 0; i < KINDS && !until && !is_above(d, parent); i++)
            if (io == (i == PORTS) && taken(d->windows[i].pa, d->windows[i].len, pa, len, start))
                return true;
    }
    return false;
}

/* ---- addresses ---- */

static bool is_unplaced(const struct pci_bar *bar)
{
    return bar->size && !bar->base && bar->size <= (bar->io ? (u64)PORTS_STEP : LARGEST);
}

/* No two memory BARs share a page, so that mapping one maps no other. */
static u64 room_for(const struct pci_bar *bar)
{
    return bar->io ? bar->size : MAX(bar->size, PAGE_SIZE);
}

/* A host bridge that has ports answers at those of configuration too, whose address register reads back; microvm's has none. */
static bool has_ports(void)
{
    const u32 enable = 1u << 31;
    arch_out(PORTS_CONFIG, 4, enable);
    return arch_in(PORTS_CONFIG, 4) == enable;
}

static struct span room_behind(const struct pci_dev *parent, bool io, const struct span *window)
{
    if (parent)
        return parent->windows[io ? PORTS : MEMORY];
    return io ? (struct span){PORTS_FREE, has_ports() ? PORTS_FREE_SIZE : 0} : *window;
}

/* Len bytes of `in` on the bus behind `parent` (NULL: a root bus), as high as can be; 0: there is no room. */
static u64 place(const struct pci_dev *parent, bool io, const struct span *in, u64 len, u64 align)
{
    u64 top = in->pa + in->len, pa, start;
    while (top >= len && (pa = ALIGN_DOWN(top - len, align)) >= in->pa && pa) {
        if (!find_taken(parent, io, pa, len, NULL, &start))
            return pa;
        top = start;
    }
    return 0;
}

/* Where the last BAR of this size on this bus went: all above is taken. Without it the time would grow with the cube of the BARs. */
struct last {
    const struct pci_dev *parent;
    u64 size, pa;
    bool io;
};

static void place_bar(struct pci_dev *dev, unsigned i, const struct span *window, struct last *last)
{
    struct pci_bar *bar = &dev->bars[i];
    struct span in = room_behind(dev->parent, bar->io, window);
    if (last->pa && last->parent == dev->parent && last->io == bar->io && last->size == bar->size)
        in.len = last->pa - in.pa;
    bar->base = place(dev->parent, bar->io, &in, room_for(bar), room_for(bar));
    *last = (struct last){dev->parent, bar->size, bar->base, bar->io};
    pci_write32(dev, BAR_AT(i), (u32)bar->base);
    if (bar->wide)
        pci_write32(dev, BAR_AT(i + 1), 0);
}

static void set_window(struct pci_dev *bridge, bool io, u64 pa, u64 len)
{
    u64 last = pa + len - 1;
    bridge->windows[io ? PORTS : MEMORY] = (struct span){pa, len};
    if (io)
        pci_write16(bridge, REG_PORTS, (u16)((pa >> 8 & 0xf0) | (last & 0xf000)));
    else
        pci_write32(bridge, REG_WINDOW, (u32)(pa >> 16 | (last & 0xfff00000)));
    if (io && (pci_read16(bridge, REG_PORTS) & 0xf0f0) != ((pa >> 8 & 0xf0) | (last & 0xf000)))
        bridge->windows[PORTS].len = 0; /* a bridge need not have this one */
}

/* Opens a closed bridge for the BARs behind it; a bridge behind it may round its part up to a whole step. */
static void open_bridge(struct pci_dev *bridge, bool io, const struct span *window)
{
    u64 step = io ? (u64)PORTS_STEP : MIB, len = 0, align = step;
    for (const struct pci_dev *d = pci_first(); d; d = d->next) {
        for (unsigned i = 0; i < PCI_BARS && d != bridge && is_above(bridge, d); i++) {
            if (!is_unplaced(&d->bars[i]) || d->bars[i].io != io)
                continue;
            len += room_for(&d->bars[i]) + (d->parent == bridge ? 0 : step);
            align = MAX(align, d->bars[i].size);
        }
    }
    if (!io && pci_hotplug_slot(bridge))
        len = MAX(len, HOTPLUG);
    if (len == 0 || bridge->windows[io ? PORTS : MEMORY].len)
        return;
    len = ALIGN_UP(len, align);
    struct span in = room_behind(bridge->parent, io, window);
    u64 pa = place(bridge->parent, io, &in, len, align);
    if (pa)
        set_window(bridge, io, pa, len);
}

/* Whether no honest firmware gives such an address. */
static bool is_wrong(const struct pci_dev *dev, const struct pci_bar *bar)
{
    u64 start;
    if (bar->base & (bar->size - 1) || bar->size - 1 > ~bar->base)
        return true;
    if (!bar->io && acpi_is_ram(bar->base, bar->size))
        return true;
    if (bar->io && (bar->base < PORTS_LEAST || bar->base >= PORTS_END || bar->size > PORTS_END - bar->base ||
                    overlap(bar->base, bar->size, PORTS_CONFIG, 8)))
        return true;
    return find_taken(dev->parent, bar->io, bar->base, bar->size, bar, &start);
}

/* Takes addresses away that no honest firmware gives; the sizes, each a bit, of the BARs that need one. */
static u64 sizes_unplaced(void)
{
    u64 sizes = 0;
    for (struct pci_dev *d = pci_first(); d; d = d->next) {
        for (unsigned i = 0; i < PCI_BARS; i++) {
            struct pci_bar *bar = &d->bars[i];
            if (bar->base && is_wrong(d, bar)) {
                log_warn("%s: BAR %u at 0x%lx is in the way of others and moves", d->name, i, bar->base);
                bar->base = 0;
                pci_write16(d, REG_COMMAND, (u16)(pci_read16(d, REG_COMMAND) & ~COMMAND_DECODE));
            }
            sizes |= is_unplaced(bar) ? bar->size : 0;
        }
    }
    return sizes;
}

void pci_assign_all(const struct span *window)
{
    struct last last = {0};
    u64 sizes = sizes_unplaced();
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        for (unsigned io = 0; d->header == HEADER_BRIDGE && io < 2; io++)
            open_bridge(d, io, window);
    for (u64 size = LARGEST; size; size >>= 1)
        for (struct pci_dev *d = sizes & size ? pci_first() : NULL; d; d = d->next)
            for (unsigned i = 0; i < PCI_BARS; i++)
                if (is_unplaced(&d->bars[i]) && d->bars[i].size == size)
                    place_bar(d, i, window, &last);
}
