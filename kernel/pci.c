/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci - configuration space, the scan of every bus, drivers, MSI-X (PCI Local Bus 3.0 chapter 6, PCI Express 5.0 chapter 7). */
#include "pci.h"

#include "acpi.h"
#include "arch.h"
#include "mem.h"
#include "print.h"

/*
 * What configuration space says is the host's. The scan reads each thing once into struct pci_dev, and everybody works on that copy; the
 * number of functions, the depth of bridges and the length of capability lists have bounds.
 */
enum { FUNCTIONS_MAX = 1024, DEPTH_MAX = 32 };

enum {
    REG_ID = 0x00,
    REG_STATUS = 0x06,
    REG_CLASS = 0x08,
    REG_HEADER = 0x0e,
    REG_BUSES = 0x18,
    REG_SUBSYSTEM = 0x2c,
    REG_CAPS = 0x34,
    REG_IRQ = 0x3c
};
enum { PORT_ROOT = 4, PORT_DOWNSTREAM = 6, PORT_SLOT = 1 << 8 }; /* PCI Express 5.0, 7.5.3.2 */
enum { SLOT_CAPABILITIES = 0x14, SLOT_HOTPLUG = 1 << 6, SLOT_END = 0x1c };
enum { STATUS_CAPS = 0x10, HEADER_MULTIFUNCTION = 0x80, HEADER_TYPE = 0x7f, HEADER_BRIDGE = 1 };

static struct pci_dev *first, **tail = &first;
static unsigned nfunctions;
static u32 numbers; /* given */
static bool full;   /* of functions, and that was told */
static struct span window;
u64 pci_changes;

struct pci_dev *pci_first(void)
{
    return first;
}

/* ---- configuration space ---- */

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };

static u16 select_port(const struct pci_dev *dev, u16 offset)
{
    u32 at = 1u << 31 | (u32)dev->bus << 16 | (u32)dev->slot << 11 | (u32)dev->function << 8 | (offset & 0xfc);
    arch_out(CONFIG_ADDRESS, 4, at);
    return (u16)(CONFIG_DATA + (offset & 3));
}

static void *at(const struct pci_dev *dev, u16 offset)
{
    return (u8 *)dev->ecam + offset;
}

u8 pci_read8(const struct pci_dev *dev, u16 offset)
{
    return dev->ecam ? arch_read8(at(dev, offset)) : (u8)arch_in(select_port(dev, offset), 1);
}

u16 pci_read16(const struct pci_dev *dev, u16 offset)
{
    return dev->ecam ? arch_read16(at(dev, offset)) : (u16)arch_in(select_port(dev, offset), 2);
}

u32 pci_read32(const struct pci_dev *dev, u16 offset)
{
    return dev->ecam ? arch_read32(at(dev, offset)) : arch_in(select_port(dev, offset), 4);
}

void pci_write8(const struct pci_dev *dev, u16 offset, u8 v)
{
    if (dev->ecam)
        arch_write8(at(dev, offset), v);
    else
        arch_out(select_port(dev, offset), 1, v);
}

void pci_write16(const struct pci_dev *dev, u16 offset, u16 v)
{
    if (dev->ecam)
        arch_write16(at(dev, offset), v);
    else
        arch_out(select_port(dev, offset), 2, v);
}

void pci_write32(const struct pci_dev *dev, u16 offset, u32 v)
{
    if (dev->ecam)
        arch_write32(at(dev, offset), v);
    else
        arch_out(select_port(dev, offset), 4, v);
}

/* A bus's configuration space by ECAM; NULL: only the ports lead there. */
static void *map_bus(u16 segment, u8 bus)
{
    struct acpi_ecam w;
    for (unsigned i = 0; acpi_ecam(i, &w); i++)
        if (w.segment == segment && bus >= w.first && bus <= w.last)
            return arch_map_registers(w.base + ((u64)bus << 20), 1 << 20);
    return NULL;
}

/* ---- one function ---- */

static const char *class_name(u32 class)
{
    static const struct {
        u16 class;
        const char *name;
    } names[] = {{0x0600, "host bridge"}, {0x0601, "ISA bridge"}, {0x0604, "PCI bridge"}, {0x0680, "bridge"},
                 {0x0101, "IDE"},         {0x0106, "SATA"},       {0x0200, "Ethernet"},   {0x0300, "display"},
                 {0x0c03, "USB"},         {0x0c05, "SMBus"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].class == class >> 8)
            return names[i].name;
    return NULL;
}

static void tell(const struct pci_dev *dev)
{
    char hex[16];
    const char *what = class_name(dev->class);
    for (const struct pci_driver *const *d = __start_pci_drivers; d < __stop_pci_drivers; d++)
        if (!(*d)->last_resort && !(*d)->bridges && pci_matches(*d, dev))
            what = (*d)->name;
    if (!what)
        print_text(hex, sizeof(hex), "class %06x", dev->class);
    log_info("%s %04x:%04x %s", dev->name + (dev->segment ? 0 : 5), dev->vendor, dev->device, what ? what : hex);
}

_Static_assert(PCI_CAPS == (0x100 - 0x40) / 4, "a place in the list for each place where one can be");

/* Copies the capability list. One that has more entries than there are places comes back to one of them, and has no end (PCI 3.0, 6.7). */
static void read_caps(struct pci_dev *dev)
{
    if (!(pci_read16(dev, REG_STATUS) & STATUS_CAPS))
        return;
    u8 offset = pci_read8(dev, REG_CAPS) & 0xfc;
    for (; offset >= 0x40 && dev->ncaps < PCI_CAPS; dev->ncaps++) {
        u16 cap = pci_read16(dev, offset);
        dev->caps[dev->ncaps].id = (u8)cap;
        dev->caps[dev->ncaps].offset = offset;
        offset = cap >> 8 & 0xfc;
    }
    dev->bad = offset >= 0x40;
    if (dev->bad) {
        log_warn("%s: its capability list loops; the function is not used", dev->name);
        dev->ncaps = 0; /* pci_find_cap() goes on behind a place, so there must not be two of it */
    }
    dev->msix_cap = pci_find_cap(dev, PCI_CAP_MSIX, 0);
    if (dev->msix_cap)
        dev->msix_count = (pci_read16(dev, dev->msix_cap + 2) & 0x7ff) + 1;
}

/* 0000:00:04.0 */
static void name_function(struct pci_dev *dev)
{
    const u16 parts[] = {dev->segment, dev->bus, dev->slot, dev->function};
    static const char digits[] = {4, 2, 2, 1}, behind[] = "::.";
    char *at = dev->name, *end = at + sizeof(dev->name);
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        at = print_number(at, end - 1, parts[i], 16, digits[i]);
        *at++ = behind[i];
    }
}

static void read_function(struct pci_dev *dev)
{
    u32 class = pci_read32(dev, REG_CLASS), buses = 0, irq = pci_read32(dev, REG_IRQ);
    dev->class = class >> 8;
    dev->revision = (u8) class;
    dev->irq_line = (u8)irq;
    dev->irq_pin = (u8)(irq >> 8);
    if (dev->header == HEADER_BRIDGE) {
        buses = pci_read32(dev, REG_BUSES);
        dev->secondary = (u8)(buses >> 8);
        dev->subordinate = (u8)(buses >> 16);
    } else {
        u32 subsystem = pci_read32(dev, REG_SUBSYSTEM);
        dev->subvendor = (u16)subsystem;
        dev->subdevice = (u16)(subsystem >> 16);
    }
    name_function(dev);
    if (print_level >= LOG_INFO)
        tell(dev);
    read_caps(dev);
    pci_assign_read(dev);
}

static bool is_known(const struct pci_dev *where)
{
    for (const struct pci_dev *d = first; d; d = d->next)
        if (d->segment == where->segment && d->bus == where->bus && d->slot == where->slot &&
            d->function == where->function)
            return true;
    return false;
}

/* Adds the function that `where` points at, if there is one and it is new; false: there is none. *multi: it says that it has sisters. */
static bool add_function(const struct pci_dev *where, bool *multi)
{
    u32 id = pci_read32(where, REG_ID);
    *multi = false;
    if ((u16)id == 0xffff || (u16)id == 0)
        return false;
    u8 header = pci_read8(where, REG_HEADER);
    *multi = header & HEADER_MULTIFUNCTION && header != 0xff;
    if ((header & HEADER_TYPE) > HEADER_BRIDGE || is_known(where))
        return true;
    struct pci_dev *dev = nfunctions < FUNCTIONS_MAX ? mem_new(sizeof(*dev)) : NULL;
    if (!dev) {
        if (!full)
            log_warn("pci: too many functions; the rest is left out");
        full = true;
        return false;
    }
    memcpy(dev, where, offsetof(struct pci_dev, next));
    dev->vendor = (u16)id;
    dev->device = (u16)(id >> 16);
    dev->header = header & HEADER_TYPE;
    *tail = dev;
    tail = &dev->next;
    nfunctions++;
    dev->number = numbers++;
    pci_changes++;
    read_function(dev);
    return true;
}

/* ---- the scan ---- */

struct scan {
    u16 segment;
    u8 seen[32]; /* a bit for each bus */
};

/* Below a PCI Express port there is one slot. */
static unsigned slots_behind(const struct pci_dev *bridge)
{
    u16 flags;
    return bridge && pci_port(bridge, &flags) ? 1 : 32;
}

static void scan_slots(struct scan *scan, u8 bus, struct pci_dev *parent)
{
    struct pci_dev where = {.parent = parent, .segment = scan->segment, .bus = bus};
    u8 *space = map_bus(scan->segment, bus);
    if (!space && scan->segment)
        return;
    for (unsigned i = 0, slots = slots_behind(parent); i < slots * 8; i++) {
        bool there, multi;
        where.slot = (u8)(i / 8);
        where.function = i % 8;
        where.ecam = space ? space + (i << 12) : NULL;
        there = add_function(&where, &multi);
        if (where.function == 0 && !(there && multi))
            i += 7;
    }
}

static bool seen(const struct scan *scan, u8 bus)
{
    return scan->seen[bus / 8] >> bus % 8 & 1;
}

static void set_buses(struct pci_dev *bridge, u8 secondary, u8 subordinate)
{
    bridge->secondary = secondary;
    bridge->subordinate = subordinate;
    pci_write8(bridge, REG_BUSES, bridge->bus);
    pci_write8(bridge, REG_BUSES + 1, secondary);
    pci_write8(bridge, REG_BUSES + 2, subordinate);
}

/* The bridge's own numbers lead down, to buses that are its parent's and not yet scanned. */
static bool numbers_are_good(const struct scan *scan, const struct pci_dev *bridge, u8 limit)
{
    return bridge->secondary > bridge->bus && bridge->secondary <= bridge->subordinate &&
           bridge->subordinate <= limit && !seen(scan, bridge->secondary);
}

/* The first bridge on the bus from `b` on. */
static struct pci_dev *bridge_on(const struct scan *scan, u8 bus, const struct pci_dev *parent, struct pci_dev *b)
{
    while (b && (b->header != HEADER_BRIDGE || b->parent != parent || b->bus != bus || b->segment != scan->segment))
        b = b->next;
    return b;
}

/*
 * Scans `bus` and all below it, which may use numbers up to `limit`. Bridges that firmware numbered keep their numbers; the others get
 * the next ones that are free. Returns the highest number in use.
 */
static u8 scan_bus(struct scan *scan, u8 bus, u8 limit, struct pci_dev *parent, unsigned depth)
{
    struct pci_dev *b;
    u8 high = bus;
    scan->seen[bus / 8] |= (u8)(1 << bus % 8);
    scan_slots(scan, bus, parent);
    for (b = first; (b = bridge_on(scan, bus, parent, b)); b = b->next)
        if (numbers_are_good(scan, b, limit))
            high = MAX(high, b->subordinate);
    for (b = first; (b = bridge_on(scan, bus, parent, b)); b = b->next) {
        if (b->secondary == 0 && high < limit && depth < DEPTH_MAX) {
            set_buses(b, high + 1, limit);
            high = scan_bus(scan, high + 1, limit, b, depth + 1);
            set_buses(b, b->secondary, high);
        } else if (numbers_are_good(scan, b, limit) && depth < DEPTH_MAX) {
            scan_bus(scan, b->secondary, b->subordinate, b, depth + 1);
        } else {
            log_warn("%s: the bridge's bus numbers %u to %u lead nowhere", b->name, b->secondary, b->subordinate);
        }
    }
    return high;
}

static void scan_all(void)
{
    struct acpi_ecam w = {.first = 0, .last = 255};
    unsigned i = 0;
    bool more = acpi_ecam(i, &w);
    do {
        struct scan scan = {.segment = w.segment};
        scan_bus(&scan, w.first, w.last, NULL, 0);
        more = more && acpi_ecam(++i, &w);
    } while (more);
}

void pci_scan(const struct span *space)
{
    window = *space;
    first = NULL;
    tail = &first;
    nfunctions = 0;
    full = false;
    scan_all();
    pci_assign_all(&window);
}

/* ---- coming and going ---- */

static unsigned depth_of(const struct pci_dev *dev)
{
    unsigned depth = 0;
    for (; dev; dev = dev->parent)
        depth++;
    return depth;
}

void pci_rescan(struct pci_dev *bridge)
{
    struct scan scan = {.segment = bridge ? bridge->segment : 0};
    if (!bridge)
        scan_all();
    else if (bridge->secondary > bridge->bus && depth_of(bridge) <= DEPTH_MAX)
        scan_bus(&scan, bridge->secondary, bridge->subordinate, bridge, depth_of(bridge));
    pci_assign_all(&window);
    pci_bind_all();
}

struct pci_dev *pci_behind(const struct pci_dev *bridge)
{
    struct pci_dev *d = first;
    while (d && d->parent != bridge)
        d = d->next;
    return d;
}

void pci_remove(struct pci_dev *dev)
{
    struct pci_dev **at = &first, *behind;
    while ((behind = pci_behind(dev)) != NULL)
        pci_remove(behind);
    pci_unbind(dev);
    while (*at != dev)
        at = &(*at)->next;
    *at = dev->next;
    if (tail == &dev->next)
        tail = at;
    nfunctions--;
    pci_changes++;
    log_info("%s: removed", dev->name);
    mem_delete(dev, sizeof(*dev));
}

/* ---- capabilities and BARs ---- */

u16 pci_find_cap(const struct pci_dev *dev, u8 id, u16 from)
{
    for (unsigned i = 0; i < dev->ncaps; i++) {
        if (from == 0 && dev->caps[i].id == id)
            return dev->caps[i].offset;
        if (dev->caps[i].offset == from)
            from = 0;
    }
    return 0;
}

u16 pci_port(const struct pci_dev *bridge, u16 *flags)
{
    u16 cap = pci_find_cap(bridge, PCI_CAP_EXPRESS, 0);
    *flags = cap ? pci_read16(bridge, cap + 2) : 0;
    u16 type = *flags >> 4 & 15;
    return type == PORT_ROOT || type == PORT_DOWNSTREAM ? cap : 0;
}

u16 pci_hotplug_slot(const struct pci_dev *bridge)
{
    u16 flags, cap = bridge->header == HEADER_BRIDGE ? pci_port(bridge, &flags) : 0;
    bool has = cap && cap <= 0x100 - SLOT_END && flags & PORT_SLOT;
    return has && pci_read32(bridge, cap + SLOT_CAPABILITIES) & SLOT_HOTPLUG ? cap : 0;
}

bool pci_decodes(const struct pci_dev *dev, bool io)
{
    bool any = false;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &dev->bars[i];
        if (bar->size && bar->io == io && !bar->base)
            return false;
        any |= bar->size && bar->io == io;
    }
    return any;
}

void *pci_map_bar(const struct pci_dev *dev, unsigned bar, u64 offset, u64 len)
{
    const struct pci_bar *b = bar < PCI_BARS ? &dev->bars[bar] : NULL;
    if (!b || b->io || !pci_decodes(dev, false) || len == 0 || offset > b->size || len > b->size - offset)
        return NULL;
    return arch_map_registers(b->base + offset, len);
}

/* ---- MSI-X (PCI 3.0, 6.8.2) ---- */

enum { MSIX_ENABLE = 1 << 15, MSIX_MASK_ALL = 1 << 14, MSIX_MASKED = 1 };

struct msix_entry {
    le32 address, address_high, data, control;
};
_Static_assert(sizeof(struct msix_entry) == 16, "PCI 3.0, 6.8.2.6");

int pci_msix_enable(struct pci_dev *dev)
{
    if (!dev->msix_cap)
        return -ENODEV;
    u32 where = pci_read32(dev, dev->msix_cap + 4);
    struct msix_entry *table = pci_map_bar(dev, where & 7, where & ~7u, dev->msix_count * sizeof(*table));
    if (!table)
        return -ENODEV;
    u16 control = pci_read16(dev, dev->msix_cap + 2) & (u16)~MSIX_MASK_ALL;
    pci_write16(dev, dev->msix_cap + 2, control | MSIX_ENABLE | MSIX_MASK_ALL);
    for (unsigned i = 0; i < dev->msix_count; i++)
        arch_write32(&table[i].control, MSIX_MASKED);
    pci_write16(dev, dev->msix_cap + 2, control | MSIX_ENABLE);
    dev->msix_table = table;
    return dev->msix_count;
}

int pci_msix_route(struct pci_dev *dev, unsigned index, int irq)
{
    u64 address;
    u32 data;
    if (!dev->msix_table || index >= dev->msix_count)
        return -EINVAL;
    struct msix_entry *entry = (struct msix_entry *)dev->msix_table + index;
    arch_irq_message(irq, &address, &data);
    arch_write32(&entry->address, (u32)address);
    arch_write32(&entry->address_high, (u32)(address >> 32));
    arch_write32(&entry->data, data);
    arch_write32(&entry->control, 0);
    return 0;
}

void pci_msix_disable(struct pci_dev *dev)
{
    if (dev->msix_table)
        pci_write16(dev, dev->msix_cap + 2, pci_read16(dev, dev->msix_cap + 2) & (u16)~MSIX_ENABLE);
    dev->msix_table = NULL;
}
