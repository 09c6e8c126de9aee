/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_virtio - /sys/bus/virtio and the devices in /sys/devices: what came out of the transports, in Linux's files and some of ours. */
#include "attrfs.h"
#include "print.h"
#include "sysfs.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

extern const struct virtio_driver *const __start_virtio_drivers[], *const __stop_virtio_drivers[];

static const struct virtio_device *nth(unsigned i)
{
    const struct virtio_device *dev = virtio_first();
    while (dev && i--)
        dev = dev->next;
    return dev;
}

static void folder_of(const struct virtio_device *dev, char path[ATTRFS_PATH])
{
    sysfs_pci_folder(dev->parent, path);
    size_t len = strlen(path);
    if (len + strlen(dev->name) + 2 > ATTRFS_PATH)
        path[0] = 0;
    else if (len)
        print_text(path + len, ATTRFS_PATH - len, "/%s", dev->name);
}

/* ---- a device ---- */

ATTRFS_SHOW(device)
{
    return attrfs_add(out, "0x%04x\n", ((const struct virtio_device *)object)->id);
}

ATTRFS_SHOW(vendor)
{
    return attrfs_add(out, "0x%04x\n", ((const struct virtio_device *)object)->vendor);
}

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
    if (dev->driver)
        attrfs_add(out, "DRIVER=%s\n", dev->driver->name);
    attrfs_add(out, "MODALIAS=");
    return show_modalias(object, out);
}

/* A line for each queue: index, size, MSI-X vector (65535: polled), requests, kicks, interrupts. */
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
    return dev->driver ? attrfs_add(out, "bus/virtio/drivers/%s", dev->driver->name) : -ENOENT;
}

ATTRFS_SHOW(subsystem)
{
    return attrfs_add(out, "bus/virtio");
}

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
    {"driver", S_IFLNK, show_driver, 0, NULL},
    {"subsystem", S_IFLNK, show_subsystem, 0, NULL},
    {"mount_tag", 0444, show_mount_tag, 0, NULL},
};

static const void *device(unsigned i, char path[ATTRFS_PATH])
{
    const struct virtio_device *dev = nth(i);
    if (dev)
        folder_of(dev, path);
    return dev;
}

ATTRFS_CLASS(virtio_devices) = {.object = device, .files = files, .nfiles = ARRAY_LEN(files)};

/* ---- the bus: links to devices, and to those that a driver took ---- */

ATTRFS_SHOW(link)
{
    char path[ATTRFS_PATH] = "";
    folder_of(object, path);
    return path[0] ? attrfs_add(out, "%s", path + strlen("sys/")) : -ENOENT;
}

static const struct attrfs_file links[] = {{"", S_IFLNK, show_link, 0, NULL}};

static const void *listed(unsigned i, char path[ATTRFS_PATH])
{
    const struct virtio_device *dev = nth(i);
    if (dev)
        print_text(path, ATTRFS_PATH, "sys/bus/virtio/devices/%s", dev->name);
    return dev;
}

static const void *driver(unsigned i, char path[ATTRFS_PATH])
{
    if (i >= (size_t)(__stop_virtio_drivers - __start_virtio_drivers))
        return NULL;
    print_text(path, ATTRFS_PATH, "sys/bus/virtio/drivers/%s", __start_virtio_drivers[i]->name);
    return __start_virtio_drivers[i];
}

static const void *driven(unsigned i, char path[ATTRFS_PATH])
{
    const struct virtio_device *dev = nth(i);
    if (dev && dev->driver)
        print_text(path, ATTRFS_PATH, "sys/bus/virtio/drivers/%s/%s", dev->driver->name, dev->name);
    return dev;
}

ATTRFS_CLASS(virtio_listed) = {.object = listed, .files = links, .nfiles = 1};
ATTRFS_CLASS(virtio_drivers_listed) = {.object = driver};
ATTRFS_CLASS(virtio_driven) = {.object = driven, .files = links, .nfiles = 1};
