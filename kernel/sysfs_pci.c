/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_pci - /sys/bus/pci/devices: what the scan found, in Linux's files and formats. */
#include "pci.h"
#include "print.h"
#include "sysfs.h"
#include "vfs.h"

enum { RESOURCES = 7, CONFIG_SIZE = 256 };
/* Linux's resource flags. */
enum { IORESOURCE_IO = 0x100, IORESOURCE_MEM = 0x200, IORESOURCE_PREFETCH = 0x2000, IORESOURCE_MEM_64 = 0x100000 };
enum { BAR_IO = 1, BAR_MEM_64 = 4, BAR_MEM_PREFETCH = 8 };

static s64 clip(size_t len, size_t size)
{
    return (s64)(size ? MIN(len, size - 1) : 0);
}

static s64 show_vendor(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%04x\n", ((const struct pci_dev *)object)->vendor), size);
}

static s64 show_device(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%04x\n", ((const struct pci_dev *)object)->device), size);
}

static s64 show_subvendor(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%04x\n", ((const struct pci_dev *)object)->subvendor), size);
}

static s64 show_subdevice(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%04x\n", ((const struct pci_dev *)object)->subdevice), size);
}

static s64 show_class(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%06x\n", ((const struct pci_dev *)object)->class), size);
}

static s64 show_revision(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%02x\n", ((const struct pci_dev *)object)->revision), size);
}

static s64 show_irq(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "%u\n", ((const struct pci_dev *)object)->irq_line), size);
}

static u64 flags_of(const struct pci_bar *bar)
{
    if (bar->io)
        return IORESOURCE_IO | BAR_IO;
    return IORESOURCE_MEM | (bar->prefetch ? IORESOURCE_PREFETCH | BAR_MEM_PREFETCH : 0) |
           (bar->wide ? IORESOURCE_MEM_64 | BAR_MEM_64 : 0);
}

/* A line for each BAR and the ROM: first address, last address, flags. */
static s64 show_resource(const void *object, char *buf, size_t size)
{
    const struct pci_dev *dev = object;
    size_t len = 0;
    for (unsigned i = 0; i < RESOURCES && len < size; i++) {
        struct pci_bar bar = i < PCI_BARS ? dev->bars[i] : (struct pci_bar){0};
        u64 end = bar.base ? bar.base + bar.size - 1 : 0;
        len += print_text(buf + len, size - len, "0x%016lx 0x%016lx 0x%016lx\n", bar.base, end,
                          bar.base ? flags_of(&bar) : 0);
    }
    return clip(len, size);
}

static s64 show_config(const void *object, char *buf, size_t size)
{
    u32 at = 0;
    for (; at < CONFIG_SIZE && at + 4 <= size; at += 4) {
        le32 word = to_le32(pci_read32(object, (u16)at));
        memcpy(buf + at, &word, 4);
    }
    return at;
}

static s64 show_driver(const void *object, char *buf, size_t size)
{
    const struct pci_dev *dev = object;
    if (!dev->driver)
        return -ENOENT;
    return clip(print_text(buf, size, "../../../bus/pci/drivers/%s", dev->driver->name), size);
}

static const struct sysfs_attr attrs[] = {
    {"vendor", 0444, show_vendor},
    {"device", 0444, show_device},
    {"class", 0444, show_class},
    {"revision", 0444, show_revision},
    {"subsystem_vendor", 0444, show_subvendor},
    {"subsystem_device", 0444, show_subdevice},
    {"irq", 0444, show_irq},
    {"resource", 0444, show_resource},
    {"config", 0444, show_config},
    {"driver", S_IFLNK, show_driver},
};

static const void *object(unsigned i, char name[32])
{
    const struct pci_dev *dev = pci_first();
    while (dev && i--)
        dev = dev->next;
    if (dev)
        print_text(name, 32, "%s", dev->name);
    return dev;
}

SYSFS_CLASS(pci_devices) = {.path = "bus/pci/devices", .object = object, .attrs = attrs, .nattrs = ARRAY_LEN(attrs)};
