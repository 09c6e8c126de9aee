/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_balloon - memory that the host asks for and gives back (virtio 1.x, 5.5).
 *
 * The host says how many pages it wants, and gets them at safe points, but never the last ones. A page that it has is used again only when it has
 * been told and has answered, whether it wants that (MUST_TELL_HOST) or not. Pages are of 4096 bytes, and the configuration is little-endian for a legacy
 * device as well (5.5.4.1). */
#include "later.h"
#include "mem.h"
#include "print.h"
#include "virtio.h"
#include "virtq.h"

#define VIRTIO_BALLOON_F_MUST_TELL_HOST (1ull << 0)
#define VIRTIO_BALLOON_F_STATS_VQ       (1ull << 1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM (1ull << 2)

enum { NUM_PAGES = 0, ACTUAL = 4 }; /* the configuration's fields of 32 bits (5.5.4) */
enum { INFLATE, DEFLATE, STATS };   /* queues */

/* 5.5.6.3: a tag of 16 bits and a value of 64 with nothing between them. */
enum { S_MEMFREE = 4, S_MEMTOT = 5, S_AVAIL = 6, STATISTICS = 3, STATISTIC_BYTES = 10 };

/* Which pages the host has, newest first; where it cannot write. */
struct chunk {
    struct chunk *next;
    u64 count;
    u32 pfns[(PAGE_SIZE - 16) / sizeof(u32)];
};
_Static_assert(sizeof(struct chunk) == PAGE_SIZE, "a page holds one");
enum { CHUNK = (PAGE_SIZE - 16) / 4, LEAST = 256, RESERVE = 1024, RESERVE_PART = 16 };

struct balloon {
    struct later work; /* the statistics that were asked for */
    struct virtio_device *dev;
    struct chunk *chunks;
    u64 pages;  /* that the host has */
    le32 *wire; /* a page: the numbers in a request */
    u8 *statistics;
    u32 target;  /* what the host asked for last */
    bool busy;   /* in the middle of giving or taking */
    bool enough; /* programs needed it back: nothing more is given for this target */
};

/* The balloon that memory comes out of when there is none; NULL: no such one. */
static struct balloon *reserve;

/* ---- pages ---- */

/* Sends the last n numbers of the first chunk, and waits until the device has them. */
static int send(struct balloon *b, unsigned queue, u64 n)
{
    struct virtq *q = b->dev->queues[queue];
    u32 written;
    for (u64 i = 0; i < n; i++)
        b->wire[i] = to_le32(b->chunks->pfns[b->chunks->count - n + i]);
    if (b->dev->failed || virtq_add(q, &(struct span){mem_phys(b->wire), n * sizeof(le32)}, 1, 0, b) < 0)
        return -EIO;
    virtq_kick(q);
    while (!virtq_take(q, &written))
        if (virtio_wait(b->dev, q) < 0) {
            virtio_fail(b->dev, "its queue is broken");
            while (virtq_reclaim(q))
                ;
            return -EIO;
        }
    return 0;
}

/* Frees the last n pages of the first chunk, and a chunk that is empty. */
static void free_pages(struct balloon *b, u64 n)
{
    struct chunk *c = b->chunks;
    b->pages -= n;
    while (n--)
        mem_pages_free((u64)c->pfns[--c->count] << PAGE_SHIFT, 1);
    if (c->count == 0) {
        b->chunks = c->next;
        mem_pages_free(mem_phys(c), 1);
    }
}

/* What can be spared: the machine goes on, and programs start. */
static u64 spare(void)
{
    u64 keep = MAX(mem_total_count() / RESERVE_PART, (u64)RESERVE), free = mem_free_count() + mem_kept;
    return free - MIN(keep, free);
}

/* One that has a number of 32 bits; 0: none. */
static u64 take_page(void)
{
    u64 pa = mem_pages(1, PAGE_SIZE);
    if (pa >> PAGE_SHIFT <= UINT32_MAX)
        return pa;
    mem_pages_free(pa, 1);
    return 0;
}

/* Gives up to n pages. How many it gave; 0: none can be spared, or the device is out of order. */
static u64 inflate(struct balloon *b, u64 n)
{
    u64 got = 0, pa;
    if (!spare())
        return 0;
    if (!b->chunks || b->chunks->count == CHUNK) {
        struct chunk *c = mem_new(sizeof *c);
        if (!c)
            return 0;
        c->next = b->chunks;
        b->chunks = c;
    }
    struct chunk *c = b->chunks;
    for (n = MIN(n, CHUNK - c->count); got < n && spare() && (pa = take_page()) != 0; got++)
        c->pfns[c->count++] = (u32)(pa >> PAGE_SHIFT);
    b->pages += got;
    if (!got && !c->count)
        free_pages(b, 0);
    return got && send(b, INFLATE, got) == 0 ? got : 0;
}

/* Takes up to n pages back; 0: there are none, or the device is out of order. */
static u64 deflate(struct balloon *b, u64 n)
{
    n = b->chunks ? MIN(n, b->chunks->count) : 0;
    if (n == 0 || send(b, DEFLATE, n) < 0)
        return 0;
    free_pages(b, n);
    return n;
}

/* What the host took it has to be told again that it may not have, or it keeps it; others forget when they are reset. */
static void abandon(struct balloon *b)
{
    if (virtio_has(b->dev, VIRTIO_BALLOON_F_MUST_TELL_HOST) && b->pages) {
        log_warn("%s: the host keeps %lu pages of memory", b->dev->name, b->pages);
        return;
    }
    while (b->chunks)
        free_pages(b, b->chunks->count);
}

/* Goes to the size that the host wants, as far as that is possible, and says how far. */
static void follow(struct balloon *b)
{
    le32 want = {0};
    if (b->busy || b->dev->failed)
        return;
    b->busy = true;
    if (virtio_config(b->dev, NUM_PAGES, &want, sizeof want) < 0)
        virtio_fail(b->dev, "its configuration cannot be read");
    b->enough &= b->target == le32_get(want);
    b->target = le32_get(want);
    while (!b->dev->failed && !b->enough && b->pages < b->target && inflate(b, b->target - b->pages))
        ;
    while (!b->dev->failed && b->pages > b->target && deflate(b, b->pages - b->target))
        ;
    b->busy = false;
}

static void finish(struct balloon *b)
{
    le32 actual = to_le32((u32)b->pages);
    mem_reclaimable = reserve == b && !b->dev->failed ? b->pages : 0;
    if (b->dev->failed)
        abandon(b);
    else if (virtio_config_write(b->dev, ACTUAL, &actual, sizeof actual) < 0)
        log_debug("%s: nobody can be told its size", b->dev->name);
}

static void config_changed(struct virtio_device *dev)
{
    struct balloon *b = dev->priv;
    u64 before = b->pages;
    follow(b);
    if (b->pages == before && !dev->failed)
        return;
    finish(b);
    if (!dev->failed)
        log_info("%s: the host has %lu pages", dev->name, b->pages);
}

/* mem.c has no `pages` pages left: takes back some. The host hears of it, and does not get them again before it asks for another number. */
static bool reclaim(size_t pages)
{
    struct balloon *b = reserve;
    if (!b || b->busy || b->dev->failed)
        return false;
    b->busy = b->enough = true;
    u64 got = deflate(b, MAX(pages, (size_t)LEAST));
    b->busy = false;
    finish(b);
    return got > 0;
}

/* ---- statistics: a buffer that the device keeps until it wants another (5.5.6.3) ---- */

static void put_statistic(u8 *at, u16 tag, u64 pages)
{
    le16 t = to_le16(tag);
    le64 v = to_le64(pages * PAGE_SIZE);
    memcpy(at, &t, sizeof t);
    memcpy(at + sizeof t, &v, sizeof v);
}

static void send_statistics(struct balloon *b)
{
    struct virtq *q = b->dev->queues[STATS];
    put_statistic(b->statistics, S_MEMFREE, mem_free_count());
    put_statistic(b->statistics + STATISTIC_BYTES, S_MEMTOT, mem_total_count() - b->pages);
    put_statistic(b->statistics + 2 * STATISTIC_BYTES, S_AVAIL, mem_free_count() + mem_kept + mem_reclaimable);
    if (virtq_add(q, &(struct span){mem_phys(b->statistics), STATISTICS * STATISTIC_BYTES}, 1, 0, b) == 0)
        virtq_kick(q);
}

static void answer(struct later *work)
{
    struct balloon *b = container_of(work, struct balloon, work);
    u32 written;
    if (b->dev->failed)
        return;
    if (virtq_take(b->dev->queues[STATS], &written))
        send_statistics(b);
    else if (b->dev->queues[STATS]->broken)
        virtio_fail(b->dev, "its queue is broken");
    if (b->dev->failed)
        finish(b);
}

/* ---- coming and going ---- */

static unsigned count_queues(struct virtio_device *dev)
{
    return virtio_has(dev, VIRTIO_BALLOON_F_STATS_VQ) ? STATS + 1 : STATS;
}

static void remove(struct virtio_device *dev)
{
    struct balloon *b = dev->priv;
    later_forget(&b->work);
    for (unsigned i = 0; i < dev->nqueues; i++)
        while (dev->queues[i] && virtq_reclaim(dev->queues[i]))
            ;
    abandon(b);
    if (reserve == b) {
        mem_reclaim = NULL;
        mem_reclaimable = 0;
        reserve = NULL;
    }
    mem_delete(b->wire, PAGE_SIZE);
    mem_delete(b->statistics, STATISTICS * STATISTIC_BYTES);
    mem_delete(b, sizeof *b);
}

static int probe(struct virtio_device *dev)
{
    struct balloon *b = mem_new(sizeof *b);
    if (!b)
        return -ENOMEM;
    *b = (struct balloon){.work = {.fn = answer}, .dev = dev};
    b->wire = mem_new(PAGE_SIZE);
    b->statistics = mem_new(STATISTICS * STATISTIC_BYTES);
    dev->priv = b;
    if (!b->wire || !b->statistics) {
        remove(dev);
        return -ENOMEM;
    }
    log_info("%s: balloon", dev->name);
    if (virtio_has(dev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM) && !reserve) {
        reserve = b;
        mem_reclaim = reclaim;
    }
    if (virtio_has(dev, VIRTIO_BALLOON_F_STATS_VQ)) {
        send_statistics(b);
        later_watch(&b->work);
    }
    config_changed(dev);
    return 0;
}

VIRTIO_DRIVER(virtio_balloon) = {
    .name = "virtio_balloon",
    .id = VIRTIO_ID_BALLOON,
    .features = VIRTIO_BALLOON_F_MUST_TELL_HOST | VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
    .queues = 2,
    .queue_size = 16,
    .count_queues = count_queues,
    .probe = probe,
    .config_changed = config_changed,
    .remove = remove,
    .again = true,
};
