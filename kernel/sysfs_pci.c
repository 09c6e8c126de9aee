/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_pci - /sys/bus/pci and the devices in /sys/devices: what the scan found, in Linux's files and formats (its Documentation/ABI, sysfs-bus-pci). */
#include "attrfs.h"
#include "pci.h"
#include "print.h"
#include "sysfs.h"
#include "vfs.h"

enum {
    RESOURCES = 7,
    RESOURCES_OF_BRIDGE = 17,
    BRIDGE_PORTS = 13
}; /* six BARs, ROM, six of virtual functions, four windows */
enum { CONFIG_SIZE = 256, CONFIG_SIZE_EXPRESS = 4096 };
/* Linux's resource flags. */
enum {
    IORESOURCE_IO = 0x100,
    IORESOURCE_MEM = 0x200,
    IORESOURCE_PREFETCH = 0x2000,
    IORESOURCE_SIZEALIGN = 0x40000,
    IORESOURCE_MEM_64 = 0x100000
};
enum { BAR_IO = 1, BAR_MEM_64 = 4, BAR_MEM_PREFETCH = 8 };

/* The first function from number *i on, which becomes its own. They are mostly asked for in their order. */
static const struct pci_dev *from_number(unsigned *i)
{
    static const struct pci_dev *last;
    static u64 seen;
    if (seen != pci_changes || !last || last->number > *i)
        last = pci_first();
    seen = pci_changes;
    const struct pci_dev *dev = last;
    for (; dev && dev->number < *i; dev = dev->next)
        last = dev;
    *i = dev ? dev->number : *i;
    return dev;
}

static void folder(const void *object, char path[])
{
    enum { TOP = 32 };
    const struct pci_dev *dev = object;
    char names[ATTRFS_PATH - TOP], *p = names + sizeof names - 1;
    for (*p = 0;; dev = dev->parent) {
        size_t len = strlen(dev->name);
        if (len >= (size_t)(p - names))
            return; /* behind more bridges than a path has room for */
        p -= len;
        memcpy(p, dev->name, len);
        *--p = '/';
        if (!dev->parent)
            break;
    }
    print_text(path, ATTRFS_PATH, "sys/devices/pci%04x:%02x%s", dev->segment, dev->bus, p);
}

void sysfs_pci_folder(const char *name, char path[])
{
    const struct pci_dev *dev = pci_first();
    while (dev && strcmp(dev->name, name) != 0)
        dev = dev->next;
    if (dev)
        folder(dev, path);
}

/* ---- a device ---- */

ATTRFS_LINE(vendor, struct pci_dev, "0x%04x\n", o->vendor)
ATTRFS_LINE(device, struct pci_dev, "0x%04x\n", o->device)
ATTRFS_LINE(subvendor, struct pci_dev, "0x%04x\n", o->subvendor)
ATTRFS_LINE(subdevice, struct pci_dev, "0x%04x\n", o->subdevice)
ATTRFS_LINE(class, struct pci_dev, "0x%06x\n", o->class)
ATTRFS_LINE(revision, struct pci_dev, "0x%02x\n", o->revision)
ATTRFS_LINE(irq, struct pci_dev, "%u\n", o->irq_line)
ATTRFS_LINE(enable, struct pci_dev, "%u\n", o->driver != NULL)
ATTRFS_SAYS(numa_node, "-1\n")

ATTRFS_SHOW(modalias)
{
    const struct pci_dev *d = object;
    return attrfs_add(out, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", d->vendor, d->device, d->subvendor,
                      d->subdevice, d->class >> 16, d->class >> 8 & 0xff, d->class & 0xff);
}

ATTRFS_SHOW(uevent)
{
    const struct pci_dev *d = object;
    if (d->driver)
        attrfs_add(out, "DRIVER=%s\n", d->driver->name);
    attrfs_add(out, "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\nPCI_SLOT_NAME=%s\nMODALIAS=", d->class,
               d->vendor, d->device, d->subvendor, d->subdevice, d->name);
    return show_modalias(object, out);
}

static u64 flags_of(const struct pci_bar *bar)
{
    if (bar->io)
        return IORESOURCE_SIZEALIGN | IORESOURCE_IO | BAR_IO;
    return IORESOURCE_SIZEALIGN | IORESOURCE_MEM | (bar->prefetch ? IORESOURCE_PREFETCH | BAR_MEM_PREFETCH : 0) |
           (bar->wide ? IORESOURCE_MEM_64 | BAR_MEM_64 : 0);
}

static const u64 window_flags[] = {IORESOURCE_IO, IORESOURCE_MEM,
                                   IORESOURCE_MEM | IORESOURCE_PREFETCH | IORESOURCE_MEM_64 | 1};

/* A line for each BAR, the ROM, and what a bridge has besides: first address, last address, flags. */
ATTRFS_SHOW(resource)
{
    const struct pci_dev *dev = object;
    unsigned lines = dev->header == 1 ? RESOURCES_OF_BRIDGE : RESOURCES;
    for (unsigned i = 0; i < lines; i++) {
        struct span s = {0, 0};
        u64 flags = 0;
        if (i < PCI_BARS && dev->bars[i].base) {
            s = (struct span){dev->bars[i].base, dev->bars[i].size};
            flags = flags_of(&dev->bars[i]);
        } else if (i - BRIDGE_PORTS < ARRAY_LEN(dev->windows) && dev->windows[i - BRIDGE_PORTS].len) {
            s = dev->windows[i - BRIDGE_PORTS];
            flags = window_flags[i - BRIDGE_PORTS];
        }
        attrfs_add(out, "0x%016lx 0x%016lx 0x%016lx\n", s.pa, s.len ? s.pa + s.len - 1 : 0, flags);
    }
    return 0;
}

static bool has_extended(const struct pci_dev *dev)
{
    return dev->ecam && pci_find_cap(dev, PCI_CAP_EXPRESS, 0);
}

static int add_config(const struct pci_dev *dev, u32 size, struct attrfs_text *out)
{
    for (u32 at = 0; at < size && out->len < out->size; at += 4) {
        le32 word = to_le32(pci_read32(dev, (u16)at));
        attrfs_add_bytes(out, &word, sizeof word);
    }
    return 0;
}

ATTRFS_SHOW(config)
{
    return has_extended(object) ? -ENOENT : add_config(object, CONFIG_SIZE, out);
}

ATTRFS_SHOW(config_extended)
{
    return has_extended(object) ? add_config(object, CONFIG_SIZE_EXPRESS, out) : -ENOENT;
}

ATTRFS_SHOW(driver)
{
    const struct pci_dev *dev = object;
    return dev->driver ? attrfs_add(out, "bus/pci/drivers/%s", dev->driver->name) : -ENOENT;
}

ATTRFS_SAYS(subsystem, "bus/pci")

/* 1 is Linux's word for yes, 0 does nothing. */
static int do_if_yes(const char *text, void (*what)(struct pci_dev *dev), struct pci_dev *dev)
{
    u64 yes;
    int err = attrfs_number(text, &yes);
    if (err == 0 && yes)
        what(dev);
    return err;
}

ATTRFS_STORE(remove)
{
    return do_if_yes(text, pci_remove, (struct pci_dev *)object);
}

/* The bus that the function is on. */
ATTRFS_STORE(rescan)
{
    return do_if_yes(text, pci_rescan, ((const struct pci_dev *)object)->parent);
}

ATTRFS_STORE(rescan_all)
{
    return do_if_yes(text, pci_rescan, NULL);
}

static const struct attrfs_file files[] = {
    {"vendor", 0444, show_vendor, 0, NULL},
    {"device", 0444, show_device, 0, NULL},
    {"subsystem_vendor", 0444, show_subvendor, 0, NULL},
    {"subsystem_device", 0444, show_subdevice, 0, NULL},
    {"class", 0444, show_class, 0, NULL},
    {"revision", 0444, show_revision, 0, NULL},
    {"irq", 0444, show_irq, 0, NULL},
    {"enable", 0444, show_enable, 0, NULL},
    {"numa_node", 0444, show_numa_node, 0, NULL},
    {"modalias", 0444, show_modalias, 0, NULL},
    {"uevent", 0444, show_uevent, 0, NULL},
    {"resource", 0444, show_resource, 0, NULL},
    {"config", 0444, show_config, CONFIG_SIZE, NULL},
    {"config", 0444, show_config_extended, CONFIG_SIZE_EXPRESS, NULL},
    {"driver", S_IFLNK, show_driver, 0, NULL},
    {"subsystem", S_IFLNK, show_subsystem, 0, NULL},
    {"remove", 0220, NULL, 0, store_remove},
    {"rescan", 0220, NULL, 0, store_rescan},
};

static const void *device(unsigned *i, char path[ATTRFS_PATH])
{
    const struct pci_dev *dev = from_number(i);
    if (dev)
        folder(dev, path);
    return dev;
}

ATTRFS_CLASS(pci_devices) = {.object = device, .files = files, .nfiles = ARRAY_LEN(files)};

/* ---- the bus ---- */

static const struct attrfs_file bus_files[] = {{"rescan", 0200, NULL, 0, store_rescan_all}};

static const void *bus(unsigned *i, char path[ATTRFS_PATH])
{
    print_text(path, ATTRFS_PATH, "sys/bus/pci");
    return *i ? NULL : bus_files;
}

ATTRFS_CLASS(pci_bus) = {.object = bus, .files = bus_files, .nfiles = 1};

static const void *driver(unsigned i, const char **name)
{
    if (i >= (size_t)(__stop_pci_drivers - __start_pci_drivers))
        return NULL;
    *name = __start_pci_drivers[i]->name;
    return __start_pci_drivers[i];
}

static const void *on_bus(unsigned *i, const char **name, const void **driver_of)
{
    const struct pci_dev *dev = from_number(i);
    *name = dev ? dev->name : NULL;
    *driver_of = dev ? dev->driver : NULL;
    return dev;
}

static int bind(void *device, const void *d)
{
    struct pci_dev *dev = device;
    return !pci_matches(d, dev) ? -ENODEV : dev->driver ? -EBUSY : pci_bind(dev, d);
}

static void unbind(void *dev)
{
    pci_unbind(dev);
}

SYSFS_BUS(pci) = {.name = "pci", .driver = driver, .device = on_bus, .folder = folder, .bind = bind, .unbind = unbind};
