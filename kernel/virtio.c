/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio - the bus: negotiation in the order of 3.1.1, configuration, waiting, giving up (virtio 1.x, chapters 2 and 3). */
#include "virtio.h"

#include "arch.h"
#include "print.h"
#include "time.h"
#include "virtq.h"

/* What this file and virtq.c understand; nothing else is ever accepted (2.2.1). */
#define COMMON_FEATURES                                                                                                \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM |                     \
     VIRTIO_F_ORDER_PLATFORM)

enum { GENERATION_TRIES = 16, POLLS_EAGER = 100000, SLEEPS_WITHOUT_INTERRUPT = 3, STATUS_GONE = 0xff };

extern const struct virtio_driver *const __start_virtio_drivers[], *const __stop_virtio_drivers[];

static struct virtio_device *first;
static unsigned registered;

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
    dev->status = 0;
    dev->transport->set_status(dev, 0);
    while (dev->transport->get_status(dev) != 0)
        if (!time_patience(&p))
            return -ETIMEDOUT;
    return 0;
}

/* Stops the device, so that none of our memory is its any more. */
static void stop(struct virtio_device *dev)
{
    dev->failed = true;
    if (reset(dev) == 0)
        return;
    log_warn("%s: it does not even reset and is cut off", dev->name);
    dev->transport->cut_off(dev);
}

void virtio_fail(struct virtio_device *dev, const char *why)
{
    if (dev->failed)
        return;
    log_warn("%s: %s; it was reset", dev->name, why);
    stop(dev);
    add_status(dev, VIRTIO_STATUS_FAILED);
}

/* ---- start ---- */

static const char *negotiate(struct virtio_device *dev)
{
    add_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
    add_status(dev, VIRTIO_STATUS_DRIVER);
    dev->offered = dev->transport->get_features(dev);
    dev->accepted = dev->offered & (dev->driver->features | COMMON_FEATURES);
    if (!virtio_has(dev, VIRTIO_F_VERSION_1))
        return "it does not offer VERSION_1, so it is older than virtio 1.0";
    dev->transport->set_features(dev, dev->accepted);
    add_status(dev, VIRTIO_STATUS_FEATURES_OK);
    if (!(dev->transport->get_status(dev) & VIRTIO_STATUS_FEATURES_OK))
        return "it does not take the features that we took";
    return NULL;
}

static const char *make_queue(struct virtio_device *dev, u16 index)
{
    u32 flags = (virtio_has(dev, VIRTIO_F_INDIRECT_DESC) ? VIRTQ_INDIRECT : 0) |
                (virtio_has(dev, VIRTIO_F_EVENT_IDX) ? VIRTQ_EVENT_IDX : 0);
    u16 max = dev->transport->queue_max(dev, index), size = VIRTQ_MAX;
    if (max == 0)
        return "it lacks a queue";
    while (size > max)
        size /= 2;
    struct virtq *q = virtq_new(index, size, flags);
    if (!q)
        return "no memory for its queues";
    q->device = dev;
    q->notify = dev->transport->notify;
    dev->queues[index] = q;
    return dev->transport->queue_enable(dev, q) < 0 ? "a queue cannot be enabled" : NULL;
}

/* To DRIVER_OK. */
static const char *bring_up(struct virtio_device *dev)
{
    const char *why = reset(dev) < 0 ? "it does not reset" : negotiate(dev);
    if (why)
        return why;
    dev->transport->irqs(dev, dev->driver->queues);
    for (unsigned i = 0; i < dev->driver->queues && !why; i++)
        why = make_queue(dev, (u16)i);
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
    for (unsigned i = 0; i < VIRTIO_QUEUES; i++) {
        if (dev->queues[i])
            virtq_free(dev->queues[i]);
        dev->queues[i] = NULL;
    }
}

int virtio_restart(struct virtio_device *dev)
{
    u64 features = dev->accepted;
    if (!dev->failed || !dev->bound || dev->silent || dev->transport->get_status(dev) == STATUS_GONE)
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

static const struct virtio_driver *find_driver(u32 id)
{
    for (const struct virtio_driver *const *d = __start_virtio_drivers; d < __stop_virtio_drivers; d++)
        if ((*d)->id == id && (*d)->queues <= VIRTIO_QUEUES)
            return *d;
    return NULL;
}

int virtio_register(struct virtio_device *dev)
{
    struct virtio_device **at = &first;
    while (*at)
        at = &(*at)->next;
    *at = dev;
    print_text(dev->name, sizeof(dev->name), "virtio%u", registered++);
    dev->driver = find_driver(dev->id);
    if (!dev->driver) {
        log_info("%s: device type %u, no driver", dev->name, dev->id);
        return 0;
    }
    const char *why = start(dev);
    if (!why)
        return 0;
    virtio_fail(dev, why);
    return -EIO;
}

void virtio_unregister(struct virtio_device *dev)
{
    struct virtio_device **at = &first;
    while (*at && *at != dev)
        at = &(*at)->next;
    if (*at)
        *at = dev->next;
    if (dev->driver && !dev->failed)
        stop(dev);
    if (dev->bound)
        dev->driver->remove(dev);
    dev->bound = false;
    free_queues(dev);
}

/* ---- while it runs ---- */

int virtio_config(struct virtio_device *dev, u32 offset, void *bytes, u32 len)
{
    for (int tries = 0; tries < GENERATION_TRIES; tries++) {
        u8 before = dev->transport->generation(dev);
        int result = dev->transport->config_read(dev, offset, bytes, len);
        if (result < 0 || dev->transport->generation(dev) == before)
            return result;
    }
    return -EIO;
}

/* NULL: the device says that it is well. */
static const char *ailment(struct virtio_device *dev)
{
    u8 status = dev->transport->get_status(dev);
    dev->config_seen = dev->config_changes;
    if (status == STATUS_GONE)
        return "it is gone";
    if (status & VIRTIO_STATUS_NEEDS_RESET)
        return "it needs a reset";
    return status & VIRTIO_STATUS_DRIVER_OK ? NULL : "it stopped by itself";
}

/* Looks at the device itself only when it was silent for a heartbeat, or called: reading its status costs an exit from the guest. */
static const char *look(struct virtio_device *dev, struct virtq *q)
{
    u64 now = arch_heartbeats(), progress = q->counters.requests + q->counters.completed;
    if (progress != q->progress) {
        q->progress = progress;
        q->since = q->beat = now;
        q->polls = 0;
    }
    dev->silent = now - q->since >= VIRTIO_SILENCE;
    if (dev->silent)
        return "it is silent";
    if (now == q->beat && dev->config_changes == dev->config_seen)
        return NULL;
    q->beat = now;
    return ailment(dev);
}

static void nap(struct virtio_device *dev, struct virtq *q)
{
    if (q->vector == VIRTIO_NO_VECTOR) {
        if (++q->polls > POLLS_EAGER)
            arch_wait();
        return;
    }
    arch_wait();
    if (q->counters.interrupts == 0 && virtq_arm(q) && ++q->sleeps == SLEEPS_WITHOUT_INTERRUPT) {
        log_warn("%s: queue %u finishes requests without an interrupt; polling it", dev->name, q->index);
        q->vector = VIRTIO_NO_VECTOR;
    }
}

int virtio_wait(struct virtio_device *dev, struct virtq *q)
{
    if (dev->failed || q->broken)
        return -EIO;
    const char *why = look(dev, q);
    if (why) {
        virtio_fail(dev, why);
        return -EIO;
    }
    if (!virtq_arm(q))
        nap(dev, q);
    return 0;
}
