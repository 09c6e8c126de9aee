/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_virtio - /sys/bus/virtio/devices: what came out of the transports, in Linux's files and some of ours. */
#include "print.h"
#include "sysfs.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

static s64 clip(size_t len, size_t size)
{
    return (s64)(size ? MIN(len, size - 1) : 0);
}

static s64 show_device(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%04x\n", ((const struct virtio_device *)object)->id), size);
}

static s64 show_vendor(const void *object, char *buf, size_t size)
{
    return clip(print_text(buf, size, "0x%04x\n", ((const struct virtio_device *)object)->vendor), size);
}

static s64 show_status(const void *object, char *buf, size_t size)
{
    struct virtio_device *dev = (struct virtio_device *)object;
    return clip(print_text(buf, size, "0x%08x\n", dev->transport->get_status(dev)), size);
}

/* Bit 0 first. */
static s64 show_bits(u64 bits, char *buf, size_t size)
{
    if (size < 65)
        return -EINVAL;
    for (unsigned i = 0; i < 64; i++)
        buf[i] = bits >> i & 1 ? '1' : '0';
    buf[64] = '\n';
    return 65;
}

static s64 show_features(const void *object, char *buf, size_t size)
{
    return show_bits(((const struct virtio_device *)object)->accepted, buf, size);
}

static s64 show_features_offered(const void *object, char *buf, size_t size)
{
    return show_bits(((const struct virtio_device *)object)->offered, buf, size);
}

/* A line for each queue: index, size, MSI-X vector (65535: polled), requests, kicks, interrupts. */
static s64 show_queues(const void *object, char *buf, size_t size)
{
    const struct virtio_device *dev = object;
    size_t len = 0;
    for (unsigned i = 0; i < VIRTIO_QUEUES && len < size; i++) {
        const struct virtq *q = dev->queues[i];
        if (q)
            len += print_text(buf + len, size - len, "%u %u %u %lu %lu %lu\n", q->index, q->size, q->vector,
                              q->counters.requests, q->counters.kicks, q->counters.interrupts);
    }
    return clip(len, size);
}

static s64 show_driver(const void *object, char *buf, size_t size)
{
    const struct virtio_device *dev = object;
    if (!dev->driver)
        return -ENOENT;
    return clip(print_text(buf, size, "../../../bus/virtio/drivers/%s", dev->driver->name), size);
}

/* As Linux shows it, with a NUL at the end. */
static s64 show_mount_tag(const void *object, char *buf, size_t size)
{
    struct virtio_device *dev = (struct virtio_device *)object;
    le16 len;
    if (dev->id != VIRTIO_ID_9P || dev->failed || !virtio_has(dev, 1))
        return -ENOENT;
    if (virtio_config(dev, 0, &len, sizeof(len)) < 0 || le16_get(len) >= size ||
        virtio_config(dev, sizeof(len), buf, le16_get(len)) < 0)
        return -EIO;
    buf[le16_get(len)] = '\0';
    return le16_get(len) + 1;
}

static const struct sysfs_attr attrs[] = {
    {"device", 0444, show_device},
    {"vendor", 0444, show_vendor},
    {"status", 0444, show_status},
    {"features", 0444, show_features},
    {"features_offered", 0444, show_features_offered},
    {"queues", 0444, show_queues},
    {"driver", S_IFLNK, show_driver},
    {"mount_tag", 0444, show_mount_tag},
};

static const void *object(unsigned i, char name[32])
{
    const struct virtio_device *dev = virtio_first();
    while (dev && i--)
        dev = dev->next;
    if (dev)
        print_text(name, 32, "%s", dev->name);
    return dev;
}

SYSFS_CLASS(virtio_devices) = {
    .path = "bus/virtio/devices", .object = object, .attrs = attrs, .nattrs = ARRAY_LEN(attrs)};
