/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio - the bus: negotiation in the order of 3.1.1, configuration, waiting, giving up (virtio 1.x, chapters 2 and 3). */
#include "virtio.h"

#include "arch.h"
#include "cmdline.h"
#include "later.h"
#include "mem.h"
#include "print.h"
#include "time.h"
#include "virtq.h"

enum { GENERATION_TRIES = 16, SILENCES_MAX = 3, REVIVALS_MAX = 16, STATUS_GONE = 0xff };

static struct virtio_device *first;
static u32 registered;

struct virtio_device *virtio_first(void)
{
    return first;
}

/* ---- status ---- */

static void add_status(struct virtio_device *dev, u8 bit)
{
    dev->status |= bit;
    dev->transport->set_status(dev, dev->status);
}

static int reset(struct virtio_device *dev)
{
    struct patience p = {0};
    u8 status;
    dev->status = 0;
    dev->transport->set_status(dev, 0);
    while ((status = dev->transport->get_status(dev)) != 0)
        if (status == STATUS_GONE || !time_patience(&p))
            return -ETIMEDOUT;
    return 0;
}

/* Stops the device, so that none of our memory is its any more, and that not by its word alone; tells how. What was cut off may not be reachable,
 * to be brought up again. */
static const char *stop(struct virtio_device *dev)
{
    dev->failed = true;
    for (unsigned i = 0; i < dev->nqueues; i++)
        if (dev->queues[i])
            dev->queues[i]->broken = true; /* so that nobody adds to it or tells the device of it (3.1.1) */
    int err = reset(dev);
    dev->transport->admit(dev, false);
    if (err == 0)
        return "it was reset";
    dev->transport->cut_off(dev);
    dev->silent = true;
    return "it was cut off";
}

static const char *broken_by(const struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->nqueues; i++)
        if (dev->queues[i] && dev->queues[i]->broken)
            return dev->queues[i]->why;
    return NULL;
}

static void revive(struct later *work);

void virtio_fail(struct virtio_device *dev, const char *why)
{
    static struct later revival = {.fn = revive};
    if (dev->failed)
        return;
    const char *lie = broken_by(dev), *how = stop(dev);
    bool rare = time_rarely(&dev->told);
    if (rare || why != dev->told_why)
        log_warn("%s: %s; %s", dev->name, lie ? lie : why, how);
    dev->told_why = why;
    add_status(dev, VIRTIO_STATUS_FAILED);
    if (dev->driver->again)
        later_ask(&revival);
}

/* ---- start ---- */

static const char *negotiate(struct virtio_device *dev)
{
    add_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(dev, VIRTIO_STATUS_DRIVER);
    dev->offered = dev->transport->get_features(dev);
    dev->accepted = virtio_features(dev);
    if (!dev->transport->legacy && !virtio_has(dev, VIRTIO_F_VERSION_1))
        return dev->offered & VIRTIO_F_VERSION_1 ? "VERSION_1 is switched off"
                                                 : "it does not offer VERSION_1, so it is older than virtio 1.0";
    dev->transport->set_features(dev, dev->accepted);
    if (dev->transport->legacy)
        return NULL;
    add_status(dev, VIRTIO_STATUS_FEATURES_OK);
    if (!(dev->transport->get_status(dev) & VIRTIO_STATUS_FEATURES_OK))
        return "it does not take the features that we took";
    return NULL;
}

/*
 * Entries of a queue that may have `max`; 0: no ring has that many. A device that offers 32768 is told 256: no driver has more in flight, every entry may
 * come to own a table, and descriptors used again soon are still in the cache. A legacy device cannot be told.
 */
static u16 queue_size(const struct virtio_device *dev, u16 max)
{
    u16 most = dev->driver->queue_size ? dev->driver->queue_size : VIRTQ_SENSIBLE, size = VIRTQ_MAX;
    if (dev->transport->legacy)
        return max <= VIRTQ_MAX && !(max & (max - 1)) ? max : 0;
    if (virtio_has(dev, VIRTIO_F_RING_PACKED))
        return MIN(MIN(max, most), (u16)VIRTQ_MAX);
    while (size > MIN(max, most))
        size /= 2;
    return size;
}

static u32 queue_flags(const struct virtio_device *dev)
{
    return (virtio_has(dev, VIRTIO_F_INDIRECT_DESC) ? VIRTQ_INDIRECT : 0) |
           (virtio_has(dev, VIRTIO_F_EVENT_IDX) ? VIRTQ_EVENT_IDX : 0) |
           (virtio_has(dev, VIRTIO_F_RING_PACKED) ? VIRTQ_PACKED : 0) |
           (virtio_has(dev, VIRTIO_F_IN_ORDER) ? VIRTQ_IN_ORDER : 0) | (dev->transport->legacy ? VIRTQ_LEGACY : 0);
}

static const char *make_queue(struct virtio_device *dev, u16 index)
{
    u16 max = dev->transport->queue_max(dev, index), size = max ? queue_size(dev, max) : 0;
    if (size == 0)
        return max ? "its queue has a size that no ring has" : "it lacks a queue";
    struct virtq *q = virtq_new(index, size, queue_flags(dev));
    if (!q)
        return "no memory for its queues";
    q->device = dev;
    q->notify = dev->transport->notify;
    dev->queues[index] = q;
    return dev->transport->queue_enable(dev, q) < 0 ? "a queue cannot be enabled" : NULL;
}

static const char *make_queues(struct virtio_device *dev)
{
    unsigned n = dev->driver->count_queues ? dev->driver->count_queues(dev) : dev->driver->queues;
    const char *why = NULL;
    n = MIN(MAX(n, dev->driver->queues), (unsigned)VIRTIO_QUEUES);
    dev->queues = mem_new(n * sizeof(struct virtq *));
    if (!dev->queues)
        return "no memory for its queues";
    dev->nqueues = n;
    dev->transport->irqs(dev, n);
    for (unsigned i = 0; i < n && !why; i++)
        why = make_queue(dev, (u16)i);
    return why;
}

/* To DRIVER_OK. What it was told before its reset is other people's memory by now. */
static const char *bring_up(struct virtio_device *dev)
{
    if (reset(dev) < 0)
        return "it does not reset";
    dev->transport->admit(dev, true);
    const char *why = negotiate(dev);
    if (!why)
        why = make_queues(dev);
    if (!why)
        add_status(dev, VIRTIO_STATUS_DRIVER_OK);
    return why;
}

static const char *start(struct virtio_device *dev)
{
    const char *why = bring_up(dev);
    if (why)
        return why;
    dev->bound = dev->driver->probe(dev) == 0;
    return dev->bound ? NULL : "its driver refused it";
}

static void free_queues(struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->nqueues; i++)
        if (dev->queues[i])
            virtq_free(dev->queues[i]);
    mem_delete(dev->queues, dev->nqueues * sizeof(struct virtq *));
    dev->queues = NULL;
    dev->nqueues = 0;
}

/* A legacy device has no way to say that it needs a reset: it does nothing any more (2.1.2). It gets a few more chances. */
static bool is_mute(const struct virtio_device *dev)
{
    return dev->silent && (!dev->transport->legacy || dev->silences > SILENCES_MAX);
}

int virtio_restart(struct virtio_device *dev)
{
    u64 features = dev->accepted;
    if (!dev->failed || !dev->bound || is_mute(dev) || dev->transport->get_status(dev) == STATUS_GONE)
        return -EIO;
    free_queues(dev);
    dev->failed = false;
    const char *why = bring_up(dev);
    if (!why && dev->accepted != features)
        why = "it offers other features than before";
    if (why)
        virtio_fail(dev, why);
    return why ? -EIO : 0;
}

/* Those whose drivers begin anew, a few times each. */
static void revive(struct later *work)
{
    (void)work;
    for (struct virtio_device *dev = first; dev; dev = dev->next) {
        bool may = dev->failed && dev->bound && dev->driver->again && !is_mute(dev) && dev->revivals < REVIVALS_MAX;
        if (!may || dev->transport->get_status(dev) == STATUS_GONE)
            continue;
        dev->revivals++;
        if (virtio_bind(dev, dev->driver) == 0 && !dev->failed)
            log_info("%s: brought up again", dev->name);
    }
}

int virtio_queue_stop(struct virtio_device *dev, struct virtq *q)
{
    if (dev->failed)
        return -EIO;
    if (!virtio_has(dev, VIRTIO_F_RING_RESET))
        return -EOPNOTSUPP;
    if (dev->transport->queue_reset(dev, q) == 0)
        return 0;
    virtio_fail(dev, "it does not give a queue back");
    return -EIO;
}

int virtio_queue_start(struct virtio_device *dev, struct virtq *q)
{
    if (dev->failed)
        return -EIO;
    if (virtq_renew(q) == 0 && dev->transport->queue_enable(dev, q) == 0)
        return 0;
    virtio_fail(dev, "a queue cannot be enabled again");
    return -EIO;
}

static const struct virtio_driver *find_driver(u32 id)
{
    for (const struct virtio_driver *const *d = __start_virtio_drivers; d < __stop_virtio_drivers; d++)
        if ((*d)->id == id)
            return *d;
    return NULL;
}

static bool has_name(const char *name)
{
    for (const struct virtio_device *d = first; d; d = d->next)
        if (strcmp(d->name, name) == 0)
            return true;
    return false;
}

/* To the end of the list, where numbers ascend. */
static void enlist(struct virtio_device *dev)
{
    char name[sizeof(dev->name)] = "virtio";
    unsigned i = 0;
    do
        print_number(name + 6, name + sizeof(name), i++, 10, 1);
    while (has_name(name));
    memcpy(dev->name, name, sizeof(name));
    dev->number = registered++;
    LIST_APPEND(first, dev, next);
}

static void look_after_all(struct later *work);

static struct later care = {.fn = look_after_all, .seldom = true};

int virtio_bind(struct virtio_device *dev, const struct virtio_driver *driver)
{
    later_watch(&care);
    if (dev->driver)
        virtio_unbind(dev);
    dev->driver = driver;
    dev->failed = dev->silent = false;
    const char *why = start(dev);
    if (!why)
        return 0;
    virtio_fail(dev, why);
    return -EIO;
}

void virtio_unbind(struct virtio_device *dev)
{
    if (dev->driver && !dev->failed)
        stop(dev);
    if (dev->bound)
        dev->driver->remove(dev);
    dev->bound = false;
    dev->driver = NULL;
    free_queues(dev);
}

int virtio_register(struct virtio_device *dev)
{
    enlist(dev);
    const struct virtio_driver *driver = find_driver(dev->id);
    if (driver)
        return virtio_bind(dev, driver);
    dev->offered = dev->transport->get_features(dev); /* for people who look */
    log_info("%s: device type %u, no driver", dev->name, dev->id);
    return 0;
}

void virtio_unregister(struct virtio_device *dev)
{
    LIST_REMOVE(first, dev, next);
    virtio_unbind(dev);
}

/* ---- while it runs ---- */

int virtio_config(struct virtio_device *dev, u32 offset, void *bytes, u32 len)
{
    for (int tries = 0; tries < GENERATION_TRIES; tries++) {
        u8 before = dev->transport->generation(dev);
        u32 part = len == 8 ? 4 : len; /* 64 bits are read as two halves (4.1.3.1) */
        int result = dev->transport->config_read(dev, offset, bytes, part);
        if (result == 0 && part < len)
            result = dev->transport->config_read(dev, offset + part, (u8 *)bytes + part, len - part);
        if (result < 0 || dev->transport->generation(dev) == before)
            return result;
    }
    return -EIO;
}

int virtio_config_write(struct virtio_device *dev, u32 offset, const void *bytes, u32 len)
{
    return dev->transport->config_write(dev, offset, bytes, len);
}

const char *virtio_ailment(struct virtio_device *dev)
{
    u8 status = dev->transport->get_status(dev);
    dev->config_seen = dev->config_changes;
    if (status == STATUS_GONE)
        return "it is gone";
    if (status & VIRTIO_STATUS_NEEDS_RESET)
        return "it needs a reset";
    return status & VIRTIO_STATUS_DRIVER_OK ? NULL : "it stopped by itself";
}

/* Tells drivers of changed configurations, which must not happen while they are in the middle of something. What changed may be that it is ill. */
static void tell_changes(struct later *work)
{
    (void)work;
    for (struct virtio_device *dev = first; dev; dev = dev->next) {
        bool changed = dev->changed && dev->bound && !dev->failed && dev->driver->config_changed;
        const char *why = changed ? virtio_ailment(dev) : NULL;
        dev->changed = false;
        if (why)
            virtio_fail(dev, why);
        else if (changed)
            dev->driver->config_changed(dev);
    }
}

/* A line may stay quiet, and who is polled calls nobody: the generation tells, if there is one. */
static bool may_have_changed(struct virtio_device *dev)
{
    if (!dev->driver->config_changed || !dev->queues[0] || dev->queues[0]->vector < VIRTIO_LINE)
        return false;
    care.seldom = false;
    u8 before = dev->generation;
    dev->generation = dev->transport->generation(dev);
    return dev->transport->legacy || dev->generation != before;
}

/* At each heartbeat. A queue that broke behind a good answer has nobody who waits for it and would find out. */
static void look_after_all(struct later *work)
{
    for (struct virtio_device *dev = first; dev; dev = dev->next) {
        if (!dev->bound || dev->failed)
            continue;
        if (broken_by(dev))
            virtio_fail(dev, "its queue is broken");
        else
            dev->changed |= may_have_changed(dev);
    }
    tell_changes(work);
}

void virtio_config_interrupt(struct virtio_device *dev)
{
    static struct later changes = {.fn = tell_changes};
    dev->config_changes++;
    dev->changed = true;
    later_ask(&changes);
}
