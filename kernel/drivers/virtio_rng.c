/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_rng - random bytes from the host: /dev/hwrng, and a source for rand.c (virtio 1.x, 5.4). */
#include "arch.h"
#include "devfs.h"
#include "later.h"
#include "mem.h"
#include "rand.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

/* How long the device may take, in heartbeats: it may be throttled, or silent for ever. */
enum { PIECE = 64, WAIT_FIRST = 300, WAIT_MORE = 2, WAIT_SECRET = 50, RESTARTS = 16 };

struct rng {
    struct rand_source source;
    struct rng *next;
    struct virtio_device *dev;
    bool slow; /* it was waited for in vain */
    u32 have, restarts;
    u8 pool[PIECE];   /* `have` bytes that nobody was given yet */
    u8 buffer[PIECE]; /* the device's */
};

static struct rng *first; /* the one behind /dev/hwrng */

static void ask(struct rng *r)
{
    struct virtq *q = r->dev->queues[0];
    if (virtq_add(q, &(struct span){mem_phys(r->buffer), PIECE}, 0, 1, r) == 0)
        virtq_kick(q);
}

/* The device may give less than it was asked for, but not nothing (5.4.6). */
static void keep(struct rng *r, u32 written)
{
    u32 n = MIN(written, PIECE - r->have);
    memcpy(r->pool + r->have, r->buffer, n);
    r->have += n;
    if (written == 0)
        virtio_fail(r->dev, "it gives no random bytes");
    else
        ask(r);
}

/* A device that got out of order is brought up again by whoever comes next; what it was asked for may be asked twice. */
static void recover(struct rng *r)
{
    struct virtq *q = r->dev->nqueues ? r->dev->queues[0] : NULL;
    if (!r->dev->failed || !q || r->restarts == RESTARTS)
        return;
    while (virtq_reclaim(q))
        ;
    r->restarts++;
    if (virtio_restart(r->dev) == 0)
        ask(r);
}

/* Whether `want` bytes are in the pool, within so many heartbeats. */
static bool await(struct rng *r, u32 want, u64 beats)
{
    u64 start = arch_heartbeats();
    u32 written;
    while (r->have < want && !r->dev->failed) {
        struct virtq *q = r->dev->queues[0]; /* a device that did not come up again has none */
        if (virtq_take(q, &written))
            keep(r, written);
        else if (arch_heartbeats() - start >= beats)
            break;
        else if (virtio_idle(r->dev, q) < 0)
            virtio_fail(r->dev, "its queue is broken");
    }
    return r->have >= want;
}

/* What was given once is nobody's any more. */
static size_t take(struct rng *r, void *bytes, size_t len)
{
    size_t n = MIN(len, r->have);
    r->have -= n;
    memcpy(bytes, r->pool + r->have, n);
    memset(r->pool + r->have, 0, n);
    return n;
}

/* All that was asked for or nothing, as few bytes make no secret; what came is kept for the next time. */
static size_t give(struct rand_source *source, void *bytes, size_t len, bool wait)
{
    struct rng *r = container_of(source, struct rng, source);
    len = MIN(len, (size_t)PIECE);
    recover(r);
    bool enough = await(r, (u32)len, wait && !r->slow ? WAIT_SECRET : 0);
    r->slow |= wait && !enough;
    return enough ? take(r, bytes, len) : 0;
}

/* The program may sleep here until the device is unplugged, and go on with the next one. */
static s64 hwrng_read(const struct device *node, const struct span *spans, unsigned n, u64 offset)
{
    u8 bytes[PIECE];
    u64 done = 0, len = mem_span_total(spans, n), since = arch_heartbeats();
    (void)node, (void)offset;
    recover(first);
    while (first && done < len) {
        if (await(first, 1, 0)) {
            done += mem_to_spans(spans, n, done, bytes, take(first, bytes, MIN(len - done, sizeof bytes)));
            since = arch_heartbeats();
        } else if (first->dev->failed || arch_heartbeats() - since >= (done ? WAIT_MORE : WAIT_FIRST))
            break;
        else if (virtio_idle(first->dev, first->dev->queues[0]) < 0)
            virtio_fail(first->dev, "its queue is broken");
        else
            later_run();
    }
    return done || !len ? (s64)done : first ? -EIO : -ENODEV;
}

static u32 hwrng_poll(const struct device *node)
{
    (void)node;
    recover(first);
    return await(first, 1, 0) ? POLLIN | POLLRDNORM : first->dev->failed ? POLLERR | POLLHUP : VFS_POLL_AGAIN;
}

static const struct device hwrng = {
    .name = "hwrng", .major = 10, .minor = 183, .perm = 0600, .read = hwrng_read, .poll = hwrng_poll};

static int rng_probe(struct virtio_device *dev)
{
    struct rng *r = mem_new(sizeof *r);
    if (!r)
        return -ENOMEM;
    *r = (struct rng){.source.give = give, .dev = dev};
    dev->priv = r;
    ask(r);
    rand_add_source(&r->source);
    LIST_APPEND(first, r, next);
    if (first == r)
        devfs_add(&hwrng);
    return 0;
}

static void rng_remove(struct virtio_device *dev)
{
    struct rng *r = dev->priv;
    LIST_REMOVE(first, r, next);
    rand_remove_source(&r->source);
    if (!first)
        devfs_remove(&hwrng);
    mem_delete(r, sizeof *r);
}

VIRTIO_DRIVER(rng) = {
    .name = "virtio_rng",
    .id = VIRTIO_ID_RNG,
    .queues = 1,
    .queue_size = 2, /* for one request: a packed ring must not be full (virtq_room) */
    .probe = rng_probe,
    .remove = rng_remove,
};
