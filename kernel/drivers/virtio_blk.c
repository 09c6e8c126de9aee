/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_blk - disks: /dev/vda and so on (virtio 1.x, 5.2). A large transfer is many requests at once, in which the program's own memory stands. */
#include "block.h"
#include "mem.h"
#include "print.h"
#include "provoke.h"
#include "virtio.h"
#include "virtq.h"

#define VIRTIO_BLK_F_SIZE_MAX     (1ull << 1)
#define VIRTIO_BLK_F_SEG_MAX      (1ull << 2)
#define VIRTIO_BLK_F_GEOMETRY     (1ull << 4)
#define VIRTIO_BLK_F_RO           (1ull << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (1ull << 6)
#define VIRTIO_BLK_F_FLUSH        (1ull << 9)
#define VIRTIO_BLK_F_TOPOLOGY     (1ull << 10)
#define VIRTIO_BLK_F_CONFIG_WCE   (1ull << 11)
#define VIRTIO_BLK_F_DISCARD      (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)
#define VIRTIO_BLK_F_SECURE_ERASE (1ull << 16)
#define VIRTIO_BLK_F_ZONED        (1ull << 17)

/* 5.2.4 */
struct config {
    le64 capacity; /* in sectors */
    le32 size_max, seg_max;
    le16 cylinders;
    u8 heads, sectors;
    le32 blk_size;
    u8 physical_block_exp, alignment_offset;
    le16 min_io_size;
    le32 opt_io_size;
    u8 writeback, unused0;
    le16 num_queues;
    le32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
    le32 max_write_zeroes_sectors, max_write_zeroes_seg;
    u8 write_zeroes_may_unmap, unused1[3];
    le32 max_secure_erase_sectors, max_secure_erase_seg, secure_erase_sector_alignment;
    le32 zones[5];
    u8 zoned_model, unused2[3];
};
_Static_assert(sizeof(struct config) == 96, "virtio 5.2.4");
enum { ZONED_HOST_MANAGED = 1 };

enum type { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13, T_SECURE_ERASE = 14 };
enum status { S_OK, S_IOERR, S_UNSUPP, S_UNTOUCHED = 0xff };

/* What of a request the device sees, besides the data; `range` is the data of those that have none from a program (5.2.6). */
struct wire {
    le32 type, reserved;
    le64 sector;
    le64 range_sector;
    le32 range_sectors, range_flags;
    u8 status, unused[31];
};
_Static_assert(sizeof(struct wire) == 64 && offsetof(struct wire, range_sector) == 16, "virtio 5.2.6");

enum { SECTOR = 512, REQUESTS = 16, PIECE = 512 << 10, RESTARTS = 16, TRIES = 3, MAJOR = 254 };

struct request {
    u64 start, len; /* of the transfer that it is a piece of */
    bool busy;
};

struct disk {
    struct block_device block;
    struct virtio_device *dev;
    struct virtq *q;    /* NULL: it did not come up again */
    struct wire *wires; /* REQUESTS of them, in one page */
    struct request requests[REQUESTS];
    unsigned restarts;
    bool unreadable; /* its configuration */
    bool told;       /* that it gives answers that are none */
};

/* ---- a transfer: one operation on a run of bytes, as many requests ---- */

struct transfer {
    enum type type;
    const struct span *spans; /* the data */
    unsigned n;
    u64 at, len;
    u64 most;   /* bytes in one request */
    u64 next;   /* what is asked for already */
    u64 failed; /* all before it was done, when nothing is in flight */
    int err;
};

/* The next request's data: as much as fits, whole blocks. 0: not even one fits, so scattered is it. */
static u64 gather(const struct disk *d, const struct transfer *t, struct span out[], unsigned *n)
{
    u64 skip = t->next, room = MIN(t->len - t->next, t->most), len = 0;
    u64 unit = t->type == T_GET_ID ? BLOCK_SERIAL : d->block.block;
    for (unsigned i = 0; i < t->n && len < room && *n < d->block.max_spans;) {
        if (skip >= t->spans[i].len) {
            skip -= t->spans[i++].len;
            continue;
        }
        u64 piece = MIN(MIN(t->spans[i].len - skip, room - len), d->block.max_span);
        out[(*n)++] = (struct span){t->spans[i].pa + skip, piece};
        skip += piece;
        len += piece;
    }
    for (u64 cut = len % unit, part; cut; cut -= part, len -= part) {
        part = MIN(cut, out[*n - 1].len);
        out[*n - 1].len -= part;
        *n -= out[*n - 1].len == 0;
    }
    return len;
}

/* The spans of the next request between head and status; how much of the transfer it is. */
static u64 fill(struct disk *d, const struct transfer *t, struct wire *w, struct span out[], unsigned *n)
{
    u64 len = MIN(t->len - t->next, t->most), sector = (t->at + t->next) / SECTOR;
    bool plain = t->type == T_IN || t->type == T_OUT;
    *w = (struct wire){.type = to_le32(t->type), .sector = to_le64(plain ? sector : 0), .status = S_UNTOUCHED};
    if (t->type == T_FLUSH)
        return len;
    if (plain || t->type == T_GET_ID)
        return gather(d, t, out, n);
    w->range_sector = to_le64(sector);
    w->range_sectors = to_le32((u32)(len / SECTOR));
    out[(*n)++] = (struct span){mem_phys(&w->range_sector), 16};
    return len;
}

/* Queues the next request. false: no room for it now, or there will not be any. */
static bool send(struct disk *d, struct transfer *t)
{
    struct span spans[VIRTQ_MAX_SPANS];
    unsigned slot = 0, n = 0; /* of data, between head and status */
    while (slot < REQUESTS && d->requests[slot].busy)
        slot++;
    if (slot == REQUESTS)
        return false;
    struct wire *w = &d->wires[slot];
    struct request *r = &d->requests[slot];
    u64 len = fill(d, t, w, spans + 1, &n);
    spans[0] = (struct span){mem_phys(w), provoke_device() ? 4 : 16};
    spans[n + 1] = (struct span){mem_phys(&w->status), 1};
    bool in = t->type == T_IN || t->type == T_GET_ID;
    int err = len ? virtq_add(d->q, spans, in ? 1 : n + 1, in ? n + 1 : 1, r) : -E2BIG;
    if (err < 0 && (len == 0 || virtq_in_flight(d->q) == 0)) {
        t->failed = t->next;
        t->err = err;
    }
    if (err < 0)
        return false;
    *r = (struct request){t->next, len, true};
    t->next += len;
    return true;
}

/* What the device says of a request. Who counts the bytes as virtio 1.0 wants them must have written the data that there is to be. */
static int verdict(struct disk *d, const struct transfer *t, const struct request *r, u32 written)
{
    u8 status;
    memcpy(&status, &d->wires[r - d->requests].status, sizeof status); /* once, whatever a compiler likes */
    bool in = t->type == T_IN || t->type == T_GET_ID;
    bool short_of = in && written < r->len && virtio_has(d->dev, VIRTIO_F_VERSION_1);
    if (status == S_OK && !short_of)
        return 0;
    if (status == S_UNSUPP)
        return -EOPNOTSUPP;
    if (status != S_IOERR && !d->told) {
        log_warn("%s: it answers a request with status %u and %u bytes, which is no answer", d->block.name, status,
                 written);
        d->told = true;
    }
    return -EIO;
}

static void complete(struct transfer *t, struct request *r, int err)
{
    r->busy = false;
    if (err < 0 && r->start < t->failed) {
        t->failed = r->start;
        t->err = err;
    }
}

/* Takes what is done, and waits until something is. -EIO: the device is out of order, and nothing is in flight. */
static int take(struct disk *d, struct transfer *t)
{
    struct request *r;
    u32 written;
    unsigned taken = 0;
    for (;;) {
        for (; (r = virtq_take(d->q, &written)) != NULL; taken++)
            complete(t, r, verdict(d, t, r, written));
        if (taken && !d->q->broken)
            return 0;
        if (virtio_wait(d->dev, d->q) < 0)
            break;
    }
    virtio_fail(d->dev, "its queue is broken");
    while ((r = virtq_reclaim(d->q)) != NULL)
        complete(t, r, -EIO);
    return -EIO;
}

/* One try. 0: the device did its part, as t->failed and t->err tell; -EIO: it is out of order. */
static int attempt(struct disk *d, struct transfer *t)
{
    t->next = 0;
    t->failed = t->len;
    t->err = 0;
    if (!d->q || d->dev->failed)
        return -EIO;
    do {
        while (!t->err && t->next < t->len && send(d, t))
            ;
        virtq_kick(d->q);
        if (virtq_in_flight(d->q) && take(d, t) < 0)
            return -EIO;
    } while (virtq_in_flight(d->q) || (!t->err && t->next < t->len));
    return 0;
}

/* ---- configuration ---- */

/* A field of it, if the device has the feature that it belongs to. */
static u64 field(struct disk *d, u64 feature, u32 offset, u32 width, u64 otherwise)
{
    le64 v = {0};
    if (feature && !virtio_has(d->dev, feature))
        return otherwise;
    d->unreadable |= virtio_config(d->dev, offset, &v, width) < 0;
    return le64_get(v);
}

#define FIELD(d, feature, name, otherwise)                                                                             \
    field(d, feature, offsetof(struct config, name), sizeof(((struct config *)0)->name), otherwise)

/* A request has a head, the data and a status. NULL: that works. */
static const char *read_requests(struct disk *d)
{
    struct block_device *b = &d->block;
    b->block = (u32)FIELD(d, VIRTIO_BLK_F_BLK_SIZE, blk_size, SECTOR);
    b->max_span = (u32)FIELD(d, VIRTIO_BLK_F_SIZE_MAX, size_max, ~0u);
    u32 most = d->q->max_spans;
    u32 spans = (u32)FIELD(d, VIRTIO_BLK_F_SEG_MAX, seg_max, VIRTQ_MAX_SPANS);
    if (b->block < SECTOR || b->block > PAGE_SIZE || (b->block & (b->block - 1)))
        return "its block size is no power of two from 512 to 4096";
    if (most < 3)
        return "its queue is too small for a request";
    b->max_spans = MIN(most - 2, MAX(spans, 1u));
    return (u64)b->max_span * b->max_spans < b->block ? "its requests are too small for a block" : NULL;
}

static const char *read_size(struct disk *d)
{
    u64 sectors = FIELD(d, 0, capacity, 0);
    if (sectors > (u64)INT64_MAX / SECTOR)
        return "it claims more bytes than there are numbers for";
    d->block.size = ALIGN_DOWN(sectors * SECTOR, (u64)d->block.block);
    return d->unreadable ? "its configuration cannot be read" : NULL;
}

/* Values that make no sense count as those of a device that tells none. */
static void read_topology(struct disk *d)
{
    enum { EXP_MAX = 12 };
    struct block_device *b = &d->block;
    u64 exp = FIELD(d, VIRTIO_BLK_F_TOPOLOGY, physical_block_exp, 0);
    u64 least = FIELD(d, VIRTIO_BLK_F_TOPOLOGY, min_io_size, 0) * b->block;
    u64 best = FIELD(d, VIRTIO_BLK_F_TOPOLOGY, opt_io_size, 0) * b->block;
    b->physical = b->block << (exp > EXP_MAX ? 0 : exp);
    b->alignment = (u32)FIELD(d, VIRTIO_BLK_F_TOPOLOGY, alignment_offset, 0) * b->block % b->physical;
    b->min_io = MAX((u32)least, b->physical);
    b->opt_io = best > UINT32_MAX ? 0 : (u32)best;
    b->cylinders = (u16)FIELD(d, VIRTIO_BLK_F_GEOMETRY, cylinders, b->size / SECTOR >> 11);
    b->heads = (u8)FIELD(d, VIRTIO_BLK_F_GEOMETRY, heads, 64);
    b->sectors = (u8)FIELD(d, VIRTIO_BLK_F_GEOMETRY, sectors, 32);
}

/* One range is sent in a request (5.2.6.1: no more than the device takes). A device that takes none, or less than a block, cannot. */
static u64 most_bytes(const struct disk *d, u64 sectors, u64 ranges)
{
    return ranges ? ALIGN_DOWN((sectors ? sectors : UINT32_MAX) * SECTOR, (u64)d->block.block) : 0;
}

static void read_ranges(struct disk *d)
{
    struct block_device *b = &d->block;
    b->most[BLOCK_DISCARD] = most_bytes(d, FIELD(d, VIRTIO_BLK_F_DISCARD, max_discard_sectors, 0),
                                        FIELD(d, VIRTIO_BLK_F_DISCARD, max_discard_seg, 0));
    b->most[BLOCK_ZERO] = most_bytes(d, FIELD(d, VIRTIO_BLK_F_WRITE_ZEROES, max_write_zeroes_sectors, 0),
                                     FIELD(d, VIRTIO_BLK_F_WRITE_ZEROES, max_write_zeroes_seg, 0));
    b->most[BLOCK_ERASE] = most_bytes(d, FIELD(d, VIRTIO_BLK_F_SECURE_ERASE, max_secure_erase_sectors, 0),
                                      FIELD(d, VIRTIO_BLK_F_SECURE_ERASE, max_secure_erase_seg, 0));
    u64 unit = FIELD(d, VIRTIO_BLK_F_DISCARD, discard_sector_alignment, 0) * SECTOR;
    b->granularity = !b->most[BLOCK_DISCARD] ? 0 : unit && unit <= UINT32_MAX ? (u32)unit : b->block;
}

/* All that the configuration says. NULL: it makes sense. */
static const char *read_config(struct disk *d)
{
    struct virtio_device *dev = d->dev;
    u8 model = 0;
    const char *why = read_requests(d);
    if (!why)
        why = read_size(d);
    if (why)
        return why;
    read_topology(d);
    read_ranges(d);
    d->block.readonly = virtio_has(dev, VIRTIO_BLK_F_RO);
    d->block.volatile_cache = virtio_has(dev, VIRTIO_BLK_F_FLUSH) && FIELD(d, VIRTIO_BLK_F_CONFIG_WCE, writeback, 1);
    if (dev->offered & VIRTIO_BLK_F_ZONED)
        d->unreadable |= virtio_config(dev, offsetof(struct config, zoned_model), &model, 1) < 0;
    if (model == ZONED_HOST_MANAGED)
        return "it is written zone by zone, which is not for us";
    return d->unreadable ? "its configuration cannot be read" : NULL;
}

/* A device that got out of order is brought up again; all requests may be sent twice. */
static int recover(struct disk *d)
{
    u32 block = d->block.block;
    if (!d->q || d->restarts++ >= RESTARTS)
        return -EIO;
    int err = virtio_restart(d->dev);
    d->q = err < 0 ? NULL : d->dev->queues[0];
    const char *why = err < 0 ? NULL : read_config(d);
    if (!why && err == 0 && d->block.block != block)
        why = "it has another block size than before";
    if (why)
        virtio_fail(d->dev, why);
    return why ? -EIO : err;
}

/* Bytes done; -errno when there are none. */
static s64 transfer(struct disk *d, struct transfer t)
{
    for (unsigned i = 1; attempt(d, &t) < 0; i++)
        if (i == TRIES || recover(d) < 0)
            return -EIO;
    return t.failed ? (s64)t.failed : t.err;
}

/* ---- what block.c asks for ---- */

static struct disk *disk_of(struct block_device *b)
{
    return container_of(b, struct disk, block);
}

static s64 move(struct block_device *b, bool write, const struct span *spans, unsigned n, u64 at)
{
    struct transfer t = {.type = write ? T_OUT : T_IN, .spans = spans, .n = n, .at = at, .most = PIECE};
    t.len = mem_span_total(spans, n);
    return transfer(disk_of(b), t);
}

/* Without FLUSH the device has no cache that forgets (5.2.5.2). */
static int flush(struct block_device *b)
{
    struct disk *d = disk_of(b);
    if (!virtio_has(d->dev, VIRTIO_BLK_F_FLUSH))
        return d->dev->failed ? -EIO : 0;
    s64 done = transfer(d, (struct transfer){.type = T_FLUSH, .len = 1, .most = 1});
    return (int)MIN(done, 0);
}

static int range(struct block_device *b, enum block_range what, u64 at, u64 len)
{
    static const enum type types[BLOCK_RANGES] = {T_DISCARD, T_WRITE_ZEROES, T_SECURE_ERASE};
    s64 done =
        transfer(disk_of(b), (struct transfer){.type = types[what], .at = at, .len = len, .most = b->most[what]});
    return done < 0 ? (int)done : (u64)done < len ? -EIO : 0;
}

static int serial(struct block_device *b, char out[BLOCK_SERIAL])
{
    struct span s = {mem_phys(b->page), BLOCK_SERIAL};
    struct transfer t = {.type = T_GET_ID, .spans = &s, .n = 1, .len = BLOCK_SERIAL, .most = BLOCK_SERIAL};
    memset(b->page, 0, BLOCK_SERIAL);
    s64 got = transfer(disk_of(b), t);
    memcpy(out, b->page, BLOCK_SERIAL);
    return (int)MIN(got, 0);
}

static const struct block_ops ops = {.move = move, .flush = flush, .range = range, .serial = serial};

/* ---- coming and going ---- */

static int publish(struct disk *d)
{
    struct block_device *b = &d->block;
    u64 wires = mem_pages(1, PAGE_SIZE);
    b->ops = &ops;
    b->parent = d->dev->parent;
    b->bus_name = d->dev->name;
    if (!wires)
        return -ENOMEM;
    d->wires = mem_virt(wires);
    int err = block_add(b, "vd", MAJOR);
    if (err < 0)
        mem_pages_free(wires, 1);
    else
        log_info("%s: disk, /dev/%s, %lu blocks of %u bytes%s", d->dev->name, b->name, b->size / b->block, b->block,
                 b->readonly ? ", read-only" : "");
    return err;
}

static int probe(struct virtio_device *dev)
{
    struct disk *d = mem_new(sizeof *d);
    if (!d)
        return -ENOMEM;
    d->dev = dev;
    d->q = dev->queues[0];
    const char *why = read_config(d);
    if (why)
        virtio_fail(dev, why);
    int err = why ? -EINVAL : publish(d);
    if (err < 0)
        mem_delete(d, sizeof *d);
    else
        dev->priv = d;
    return err;
}

static void config_changed(struct virtio_device *dev)
{
    struct disk *d = dev->priv;
    u64 before = d->block.size;
    const char *why = read_size(d);
    if (why)
        virtio_fail(dev, why);
    else if (d->block.size != before)
        log_info("%s: now %lu blocks of %u bytes", d->block.name, d->block.size / d->block.block, d->block.block);
}

static void remove(struct virtio_device *dev)
{
    struct disk *d = dev->priv;
    block_remove(&d->block);
    mem_pages_free(mem_phys(d->wires), 1);
    mem_delete(d, sizeof *d);
}

VIRTIO_DRIVER(virtio_blk) = {
    .name = "virtio_blk",
    .id = VIRTIO_ID_BLOCK,
    .features = VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_GEOMETRY | VIRTIO_BLK_F_RO |
                VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_CONFIG_WCE |
                VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES | VIRTIO_BLK_F_SECURE_ERASE,
    .queues = 1,
    .probe = probe,
    .config_changed = config_changed,
    .remove = remove,
};
