/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_virtio - /sys/bus/virtio and the devices in /sys/devices: what came out of the transports, in Linux's files and some of ours. */
#include "attrfs.h"
#include "print.h"
#include "sysfs.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

/* The first device from number *i on, which becomes its own. */
static const struct virtio_device *from_number(unsigned *i)
{
    const struct virtio_device *dev = virtio_first();
    while (dev && dev->number < *i)
        dev = dev->next;
    *i = dev ? dev->number : *i;
    return dev;
}

static void folder(const void *object, char path[])
{
    const struct virtio_device *dev = object;
    sysfs_pci_folder(dev->parent, path);
    size_t len = strlen(path);
    if (len + strlen(dev->name) + 2 > ATTRFS_PATH)
        path[0] = 0;
    else if (len)
        print_text(path + len, ATTRFS_PATH - len, "/%s", dev->name);
}

/* ---- a device ---- */

ATTRFS_LINE(device, struct virtio_device, "0x%04x\n", o->id)
ATTRFS_LINE(vendor, struct virtio_device, "0x%04x\n", o->vendor)
ATTRFS_SHOW(status)
{
    struct virtio_device *dev = (struct virtio_device *)object;
    return attrfs_add(out, "0x%08x\n", dev->transport->get_status(dev));
}

/* Bit 0 first. */
static int add_bits(u64 bits, struct attrfs_text *out)
{
    for (unsigned i = 0; i < 64; i++)
        attrfs_add(out, "%u", (u32)(bits >> i & 1));
    return attrfs_add(out, "\n");
}

ATTRFS_SHOW(features)
{
    return add_bits(((const struct virtio_device *)object)->accepted, out);
}

ATTRFS_SHOW(features_offered)
{
    return add_bits(((const struct virtio_device *)object)->offered, out);
}

ATTRFS_SHOW(modalias)
{
    const struct virtio_device *dev = object;
    return attrfs_add(out, "virtio:d%08Xv%08X\n", dev->id, dev->vendor);
}

ATTRFS_SHOW(uevent)
{
    const struct virtio_device *dev = object;
    if (dev->bound)
        attrfs_add(out, "DRIVER=%s\n", dev->driver->name);
    attrfs_add(out, "MODALIAS=");
    return show_modalias(object, out);
}

/* Waits that an answer ended while we looked for it, and those in which we looked in vain. */
ATTRFS_SHOW(spins)
{
    const struct virtio_device *dev = object;
    u64 spins = 0, misses = 0;
    for (unsigned i = 0; i < dev->nqueues; i++) {
        spins += dev->queues[i] ? dev->queues[i]->counters.spins : 0;
        misses += dev->queues[i] ? dev->queues[i]->counters.misses : 0;
    }
    return attrfs_add(out, "%lu %lu\n", spins, misses);
}

/* A line for each queue: index, size, MSI-X vector (65534: its line, 65535: polled), requests, kicks, interrupts. */
ATTRFS_SHOW(queues)
{
    const struct virtio_device *dev = object;
    for (unsigned i = 0; i < dev->nqueues; i++) {
        const struct virtq *q = dev->queues[i];
        if (q)
            attrfs_add(out, "%u %u %u %lu %lu %lu\n", q->index, q->size, q->vector, q->counters.requests,
                       q->counters.kicks, q->counters.interrupts);
    }
    return 0;
}

ATTRFS_SHOW(driver)
{
    const struct virtio_device *dev = object;
    return dev->bound ? attrfs_add(out, "bus/virtio/drivers/%s", dev->driver->name) : -ENOENT;
}

ATTRFS_SAYS(subsystem, "bus/virtio")

/* As Linux shows it, with a NUL at the end. */
ATTRFS_SHOW(mount_tag)
{
    struct virtio_device *dev = (struct virtio_device *)object;
    size_t room = out->size - out->len;
    char *tag = out->s + out->len;
    le16 len;
    if (dev->id != VIRTIO_ID_9P || dev->failed || !virtio_has(dev, 1))
        return -ENOENT;
    if (room == 0)
        return 0;
    if (virtio_config(dev, 0, &len, sizeof(len)) < 0)
        return -EIO;
    size_t n = MIN(le16_get(len), room - 1);
    if (virtio_config(dev, sizeof(len), tag, (u32)n) < 0)
        return -EIO;
    tag[n] = '\0';
    out->len += n + 1;
    return 0;
}

static const struct attrfs_file files[] = {
    {"device", 0444, show_device, 0, NULL},
    {"vendor", 0444, show_vendor, 0, NULL},
    {"status", 0444, show_status, 0, NULL},
    {"features", 0444, show_features, 0, NULL},
    {"features_offered", 0444, show_features_offered, 0, NULL},
    {"modalias", 0444, show_modalias, 0, NULL},
    {"uevent", 0444, show_uevent, 0, NULL},
    {"queues", 0444, show_queues, 0, NULL},
    {"spins", 0444, show_spins, 0, NULL},
    {"driver", S_IFLNK, show_driver, 0, NULL},
    {"subsystem", S_IFLNK, show_subsystem, 0, NULL},
    {"mount_tag", 0444, show_mount_tag, 0, NULL},
};

static const void *device(unsigned *i, char path[ATTRFS_PATH])
{
    const struct virtio_device *dev = from_number(i);
    if (dev)
        folder(dev, path);
    return dev;
}

ATTRFS_CLASS(virtio_devices) = {.object = device, .files = files, .nfiles = ARRAY_LEN(files)};

/* ---- the bus ---- */

static const void *driver(unsigned i, const char **name)
{
    if (i >= (size_t)(__stop_virtio_drivers - __start_virtio_drivers))
        return NULL;
    *name = __start_virtio_drivers[i]->name;
    return __start_virtio_drivers[i];
}

static const void *on_bus(unsigned *i, const char **name, const void **driver_of)
{
    const struct virtio_device *dev = from_number(i);
    *name = dev ? dev->name : NULL;
    *driver_of = dev ? virtio_driver_of(dev) : NULL;
    return dev;
}

static int bind(void *device, const void *d)
{
    const struct virtio_driver *driver = d;
    struct virtio_device *dev = device;
    return driver->id != dev->id ? -ENODEV : dev->bound ? -EBUSY : virtio_bind(dev, driver);
}

static void unbind(void *dev)
{
    virtio_unbind(dev);
}

SYSFS_BUS(virtio) = {
    .name = "virtio", .driver = driver, .device = on_bus, .folder = folder, .bind = bind, .unbind = unbind};
