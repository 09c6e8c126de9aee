/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_features - which features of a device are accepted: what is offered, understood, complete and not switched off (virtio 1.x, 2.2, chapter 6). */
#include "cmdline.h"
#include "print.h"
#include "virtio.h"

/*
 * What the bus, virtq and every transport understand. Two of them ask nothing more of this machine: addresses are physical and no IOMMU is ever
 * switched on (ACCESS_PLATFORM), and virtq's fences are real instructions, whether the other side is a processor or hardware; on x86 both see
 * plain memory in the same order (ORDER_PLATFORM).
 */
static const struct {
    const char *name;
    u64 bit;
} common[] = {
    {"indirect_desc", VIRTIO_F_INDIRECT_DESC},
    {"event_idx", VIRTIO_F_EVENT_IDX},
    {"version_1", VIRTIO_F_VERSION_1},
    {"access_platform", VIRTIO_F_ACCESS_PLATFORM},
    {"packed", VIRTIO_F_RING_PACKED},
    {"in_order", VIRTIO_F_IN_ORDER},
    {"order_platform", VIRTIO_F_ORDER_PLATFORM},
    {"notification_data", VIRTIO_F_NOTIFICATION_DATA},
    {"notif_config_data", VIRTIO_F_NOTIF_CONFIG_DATA},
    {"ring_reset", VIRTIO_F_RING_RESET},
};

/* Bits from VERSION_1 on belong to virtio 1.0 and later (6.4). */
enum { LEGACY_BITS = 32 };

static bool told; /* the command line's slips were named once */

static u64 bit_named(const char *name, size_t len)
{
    for (unsigned i = 0; i < ARRAY_LEN(common); i++)
        if (strlen(common[i].name) == len && strncmp(common[i].name, name, len) == 0)
            return common[i].bit;
    return 0;
}

static void name_slip(const char *word, size_t len)
{
    char names[192];
    for (size_t i = 0, n = 0; i < ARRAY_LEN(common); i++)
        n += print_text(names + n, sizeof(names) - n, " %s", common[i].name);
    log_warn("virtio.features: \"%.*s\" is not + or - before one of%s", (int)len, word, names);
}

/* "-packed,+event_idx" takes bits from `mask` and puts them back. */
static u64 switched(u64 mask, const char *list)
{
    for (size_t len; *list; list += len + (list[len] == ',')) {
        const char *comma = memchr(list, ',', strlen(list));
        len = comma ? (size_t)(comma - list) : strlen(list);
        u64 bit = len ? bit_named(list + 1, len - 1) : 0;
        if (bit && *list == '-')
            mask &= ~bit;
        else if (bit && *list == '+')
            mask |= bit;
        else if (!told)
            name_slip(list, len);
    }
    return mask;
}

/* "rng" is the type of "virtio_rng". */
static bool is_type(const struct virtio_driver *driver, const char *type, size_t len)
{
    const char *cut = memchr(driver->name, '_', strlen(driver->name)), *own = cut ? cut + 1 : driver->name;
    return strlen(own) == len && strncmp(own, type, len) == 0;
}

static void check_type(const char *type, size_t len)
{
    const struct virtio_driver *const *d = __start_virtio_drivers;
    while (d < __stop_virtio_drivers && !is_type(*d, type, len))
        d++;
    if (d == __stop_virtio_drivers && !told)
        log_warn("virtio.features: there is no driver virtio_%.*s", (int)len, type);
}

/* The options that are for every device, and those with this driver's type before a colon. */
static u64 allowed(const struct virtio_driver *driver)
{
    const char *value;
    u64 mask = ~0ull;
    for (unsigned n = 0; cmdline_boot && (value = cmdline_option(cmdline_boot, "virtio.features", n)); n++) {
        const char *colon = memchr(value, ':', strlen(value));
        size_t len = colon ? (size_t)(colon - value) : 0;
        u64 changed = switched(mask, colon ? colon + 1 : value);
        if (colon)
            check_type(value, len);
        if (!colon || is_type(driver, value, len))
            mask = changed;
    }
    told = true;
    return mask;
}

/* Without what it is built on, a feature is not accepted either, and so what is built on that one (2.2.1). */
static u64 complete(const struct virtio_driver *driver, u64 features)
{
    u64 before;
    do {
        before = features;
        for (unsigned i = 0; i < ARRAY_LEN(driver->needs); i++)
            if ((features & driver->needs[i].base) != driver->needs[i].base)
                features &= ~driver->needs[i].feature;
    } while (features != before);
    return features;
}

u64 virtio_features(const struct virtio_device *dev)
{
    u64 understood = dev->driver->features;
    for (unsigned i = 0; i < ARRAY_LEN(common); i++)
        understood |= common[i].bit;
    if (!dev->transport->queue_reset)
        understood &= ~VIRTIO_F_RING_RESET;
    if (dev->transport->legacy)
        understood = (understood | VIRTIO_F_ANY_LAYOUT) & ((1ull << LEGACY_BITS) - 1);
    return complete(dev->driver, dev->offered & understood & allowed(dev->driver));
}
