/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_blk - tests of kernel/drivers/virtio_blk.c and kernel/block.c: a disk from the PCI function up to /dev, and devices that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "attrfs.h"
#include "block.h"
#include "devfs.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "initfs.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

enum {
    SIZE_MAX_ = 1,
    SEG_MAX = 2,
    GEOMETRY = 4,
    RO = 5,
    BLK_SIZE = 6,
    FLUSH = 9,
    TOPOLOGY = 10,
    WCE = 11,
    DISCARD = 13,
    ZEROES = 14,
    ERASE = 16,
    ZONED = 17
};
enum { IN, OUT, T_FLUSH = 4, GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13, T_ERASE = 14 };
enum { SECTORS = 8192, BYTES = SECTORS * 512, ROOM = 4 << 20 };

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
static struct fake_virtio device;
static u8 store[BYTES], copy[BYTES];
static u8 *memory;                   /* ROOM bytes that programs could have */
static unsigned asked[16], together; /* requests by type; most in flight at a time */

/* How it lies. */
static int status_lie;       /* -1: none; 256: the status is not written */
static s64 written_lie;      /* -1: none */
static u64 bad_sector;       /* what touches it fails */
static unsigned break_after; /* so many requests later it needs a reset; 0: never */

/* ---- the device ---- */

static u32 get32(const u8 *p)
{
    return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static u64 get64(const u8 *p)
{
    return get32(p) | (u64)get32(p + 4) << 32;
}

static bool has(unsigned bit)
{
    return device.accepted >> bit & 1;
}

static u32 block_size(void)
{
    return has(BLK_SIZE) ? get32(device.config + 20) : 512;
}

/* What the specification wants of any request's data. */
static void check_data(const struct fake_chain *c, unsigned first, unsigned n, u64 len, u64 sector)
{
    if (len % block_size() || sector * 512 % block_size())
        fake_complain("DR-BLK-5: no whole blocks");
    if (sector > get64(device.config) || len / 512 > get64(device.config) - sector)
        fake_complain("DR-BLK-3: beyond the capacity");
    if (has(SEG_MAX) && n > MAX(get32(device.config + 12), 1u))
        fake_complain("more segments than seg_max");
    for (unsigned i = first; i < first + n; i++)
        if (has(SIZE_MAX_) && c->spans[i].len > get32(device.config + 8))
            fake_complain("a segment longer than size_max");
}

static void do_range(const struct fake_chain *c, u32 type)
{
    static const unsigned at[] = {[T_DISCARD] = 36, [T_ZEROES] = 48, [T_ERASE] = 60},
                          bits[] = {[T_DISCARD] = DISCARD, [T_ZEROES] = ZEROES, [T_ERASE] = ERASE};
    u8 range[16];
    if (c->out != 2 || mem_from_spans(range, c->spans + 1, 1, 0, 16) != 16 || c->spans[1].len != 16)
        fake_complain("DR-BLK-5/6: not one range");
    u64 sector = get64(range), n = get32(range + 8), most = get32(device.config + at[type]);
    if (get32(range + 12))
        fake_complain("DR-BLK-7: flags");
    if (!has(bits[type]) || sector > SECTORS || n > SECTORS - sector || n == 0 || (most && n > most))
        fake_complain("DR-BLK-3: a range beyond a limit");
    else
        memset(store + sector * 512, type == T_ZEROES ? 0 : 0xdd, n * 512);
}

static u32 serve(struct fake_virtio *v, const struct fake_chain *c)
{
    u8 head[16];
    u64 len = mem_span_total(c->spans + c->out, c->in) - 1, out = mem_span_total(c->spans, c->out) - 16;
    if (!c->out || !c->in)
        return 0; /* the ring has complained already */
    const struct span *last = &c->spans[c->out + c->in - 1];
    if (!c->out || !c->in || c->spans[0].len != 16 || last->len != 1)
        fake_complain("no head or status of its own");
    mem_from_spans(head, c->spans, 1, 0, 16);
    u32 type = get32(head), written = 1;
    u64 sector = get64(head + 8);
    u8 status = 0;
    asked[type & 15]++;
    if (*(u8 *)last->pa != 0xff)
        fake_complain("the status was not poisoned");
    if (type > OUT && sector)
        fake_complain("DR-BLK-4: a sector where there is none");
    if (type == IN && (check_data(c, 1, c->in - 1, len, sector), true)) {
        mem_to_spans(c->spans + 1, c->in - 1, 0, store + sector * 512, len);
        written += (u32)len;
    } else if (type == OUT) {
        check_data(c, 1, c->out - 1, out, sector);
        mem_from_spans(store + sector * 512, c->spans + 1, c->out - 1, 0, out);
    } else if (type == GET_ID) {
        if (len != 20)
            fake_complain("DR-BLK-5: GET_ID has 20 bytes");
        mem_to_spans(c->spans + 1, c->in - 1, 0, "twenty bytes, no end.", 20);
        written += 20;
    } else if (type == T_FLUSH) {
        if (!has(FLUSH) || c->out != 1 || c->in != 1)
            fake_complain("DR-BLK-4: a flush");
    } else
        do_range(c, type);
    u64 bytes = type == IN ? len : type == OUT ? out : 0;
    if (bytes && bad_sector >= sector && bad_sector < sector + bytes / 512)
        status = 1;
    if (break_after && --break_after == 0)
        v->status_or = VIRTIO_STATUS_NEEDS_RESET;
    if (status_lie < 256)
        *(u8 *)last->pa = (u8)(status_lie >= 0 ? status_lie : status);
    return written_lie >= 0 ? (u32)written_lie : written;
}

/* Looks at what is in flight before it answers any of it; a reset makes it well. */
static void run(void)
{
    struct virtio_device *dev = virtio_first();
    if (dev && dev->nqueues)
        together = MAX(together, virtq_in_flight(dev->queues[0]));
    fake_virtio_run(&device);
}

static int setup(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, 0x1042, 2);
    fake_virtio_caps(&device);
    device.serve = serve;
    device.config_len = 96;
    put32(device.config, SECTORS);
    memset(asked, 0, sizeof asked);
    together = 0;
    status_lie = -1;
    written_lie = -1;
    bad_sector = ~0ull;
    break_after = 0;
    for (unsigned i = 0; i < BYTES; i++)
        store[i] = (u8)(i * 7 + i / 512);
    memcpy(copy, store, BYTES);
    fake_idle = run;
    fake_complaint();
    return 0;
}

static void offer(unsigned bit, unsigned at, unsigned width, u64 value)
{
    device.offered |= 1ull << bit;
    memcpy(device.config + at, &value, width);
}

static struct virtio_device *bring_up(void)
{
    pci_scan(&window);
    pci_bind_all();
    return virtio_first();
}

static struct file *start(u32 flags)
{
    struct file *f;
    struct virtio_device *dev = bring_up();
    assert_false(dev->failed);
    assert_int_equal(vfs_open(NULL, "/dev/vda", flags, 0, &f), 0);
    return f;
}

static int teardown(void **state)
{
    (void)state;
    const char *complaint = fake_complaint();
    if (complaint)
        fail_msg("%s", complaint);
    while (vfs_files())
        vfs_put(vfs_files());
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        if (d->driver && d->priv)
            d->driver->remove(d);
    return 0;
}

/* ---- reading and writing ---- */

/* The program's memory from `at` on, in pieces of so many bytes that do not touch. */
static unsigned scatter(struct span *spans, u64 len, u64 piece)
{
    unsigned n = 0;
    u8 *at = memory;
    for (; len; at += piece + 8) {
        u64 part = MIN(piece, len);
        spans[n++] = (struct span){mem_phys(at), part};
        len -= part;
    }
    return n;
}

static s64 get(struct file *f, u64 at, u64 len, u64 piece)
{
    struct span spans[1000];
    memset(memory, 0xee, ROOM);
    unsigned n = scatter(spans, len, piece);
    s64 got = vfs_read(f, spans, n, at);
    for (u64 i = 0; got > 0 && i < (u64)got; i++)
        assert_int_equal(memory[i / piece * (piece + 8) + i % piece], store[at + i]);
    return got;
}

static s64 put(struct file *f, u64 at, u64 len, u64 piece)
{
    struct span spans[1000];
    unsigned n = scatter(spans, len, piece);
    for (u64 i = 0; i < len; i++) {
        u8 byte = (u8)(i * 13 + at);
        memory[i / piece * (piece + 8) + i % piece] = byte;
        if (at + i < BYTES)
            copy[at + i] = byte;
    }
    return vfs_write(f, spans, n, at);
}

/* Every way in which bytes, blocks and pieces of memory can lie to each other. */
static void any_bytes(void)
{
    static const struct {
        u64 at, len, piece;
    } rows[] = {{0, 512, 512},
                {0, 4096, 4096},
                {1, 1, 1},
                {511, 2, 2},
                {512, 1024, 1000},
                {3, 5000, 4096},
                {4096, 100000, 4095},
                {1000, 30000, 100},
                {0, 3 << 20, 1 << 20},
                {513, 3 << 20, 4 << 20},
                {BYTES - 512, 512, 512},
                {BYTES - 1, 1, 1},
                {8192, 8192, 300}};
    struct file *f = start(O_RDWR);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        u64 len = rows[i].len;
        assert_int_equal(get(f, rows[i].at, len, rows[i].piece), len);
        assert_int_equal(put(f, rows[i].at, len, rows[i].piece), len);
        assert_memory_equal(store, copy, BYTES);
    }
    assert_int_equal(get(f, BYTES - 10, 4096, 4096), 10);
    assert_int_equal(get(f, BYTES, 4096, 4096), 0);
    assert_int_equal(put(f, BYTES - 700, 4096, 4096), 700);
    assert_int_equal(put(f, BYTES, 1, 1), -ENOSPC);
    assert_memory_equal(store, copy, BYTES);
    assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), 0);
}

static void dr_blk_3_dr_blk_5_any_bytes_as_whole_sectors(void **state)
{
    (void)state;
    any_bytes();
    assert_in_range(together, 2, 16); /* a large transfer is several requests */
}

static void dr_blk_5_whole_blocks_of_4096(void **state)
{
    (void)state;
    offer(BLK_SIZE, 20, 4, 4096);
    any_bytes();
}

static void segments_are_no_more_and_no_longer_than_the_device_takes(void **state)
{
    (void)state;
    static const u32 limits[][2] = {{1, 512}, {1, 1 << 20}, {2, 600}, {5, 4096}, {0, 512}, {126, 65536}, {~0u, ~0u}};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        setup(NULL);
        offer(SEG_MAX, 12, 4, limits[i][0]);
        offer(SIZE_MAX_, 8, 4, limits[i][1]);
        any_bytes();
        teardown(NULL);
    }
    setup(NULL);
}

static void the_smallest_queue(void **state)
{
    (void)state;
    device.offered &= ~VIRTIO_F_INDIRECT_DESC;
    device.queues[0].max = device.queues[0].size = 4;
    any_bytes();
}

static void by_polling(void **state)
{
    (void)state;
    device.mute = true;
    any_bytes();
}

/* ---- the rest of what there is to ask ---- */

static void dr_blk_4_dr_blk_9_flush_only_where_it_was_offered(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    assert_int_equal(vfs_fsync(f, false), 0);
    assert_int_equal(asked[T_FLUSH], 0);
    teardown(NULL);
    setup(NULL);
    offer(FLUSH, 0, 4, SECTORS);
    f = start(O_RDWR | O_DSYNC);
    assert_int_equal(vfs_fsync(f, true), 0);
    assert_int_equal(put(f, 0, 512, 512), 512);
    assert_int_equal(asked[T_FLUSH], 2);
}

static int range(struct file *f, u32 cmd, u64 at, u64 len)
{
    u64 data[2] = {at, len};
    int err = vfs_ioctl(f, cmd, data, sizeof data);
    if (err == 0)
        memset(copy + at, cmd == BLKZEROOUT ? 0 : 0xdd, len);
    assert_memory_equal(store, copy, BYTES);
    return err;
}

static void dr_blk_6_dr_blk_7_ranges_within_the_limits(void **state)
{
    (void)state;
    offer(DISCARD, 36, 4, 100);
    offer(DISCARD, 40, 4, 7);
    offer(DISCARD, 44, 4, 8);
    offer(ZEROES, 48, 4, 3);
    offer(ZEROES, 52, 4, 1);
    offer(ERASE, 60, 4, 0); /* 0: any */
    offer(ERASE, 64, 4, 1);
    struct file *f = start(O_RDWR);
    assert_int_equal(range(f, BLKDISCARD, 512, 250 * 512), 0);
    assert_int_equal(asked[T_DISCARD], 3);
    assert_int_equal(range(f, BLKZEROOUT, 1024, 4 * 512), 0);
    assert_int_equal(asked[T_ZEROES], 2);
    assert_int_equal(range(f, BLKSECDISCARD, 0, BYTES), 0);
    assert_int_equal(asked[T_ERASE], 1);
    assert_int_equal(range(f, BLKDISCARD, 0, BYTES + 512), -EINVAL);
    assert_int_equal(range(f, BLKDISCARD, ~0ull - 511, 1024), -EINVAL);
    status_lie = 2;
    u64 data[2] = {0, 512};
    assert_int_equal(vfs_ioctl(f, BLKDISCARD, data, sizeof data), -EOPNOTSUPP);
    status_lie = 1;
    assert_int_equal(vfs_ioctl(f, BLKDISCARD, data, sizeof data), -EIO);
    memcpy(copy, store, BYTES);
}

/* A device that takes no range at all, or less than a block, cannot do it. */
static void dr_blk_6_no_ranges_taken(void **state)
{
    (void)state;
    offer(BLK_SIZE, 20, 4, 4096);
    offer(DISCARD, 36, 4, 100);
    offer(DISCARD, 40, 4, 0);
    offer(ZEROES, 48, 4, 7);
    offer(ZEROES, 52, 4, 1);
    struct file *f = start(O_RDWR);
    assert_int_equal(range(f, BLKDISCARD, 0, 4096), -EOPNOTSUPP);
    assert_int_equal(range(f, BLKZEROOUT, 4096, 1 << 20), 0);
    assert_int_equal(asked[T_DISCARD] + asked[T_ZEROES], 0);
    assert_true(asked[OUT] > 0);
}

static struct block_device *disk(void)
{
    struct block_device *b = block_next(0);
    assert_non_null(b);
    return b;
}

static void dr_blk_5_the_serial_number(void **state)
{
    (void)state;
    char text[BLOCK_SERIAL];
    start(O_RDONLY);
    assert_int_equal(disk()->ops->serial(disk(), text), 0);
    assert_memory_equal(text, "twenty bytes, no end", 20);
    status_lie = 2;
    assert_int_equal(disk()->ops->serial(disk(), text), -EOPNOTSUPP);
}

static void dr_blk_9_read_only(void **state)
{
    (void)state;
    offer(RO, 0, 4, SECTORS);
    struct file *f = start(O_RDWR);
    assert_int_equal(vfs_write(f, &(struct span){mem_phys(memory), 512}, 1, 0), -EPERM);
    assert_int_equal(range(f, BLKZEROOUT, 0, 512), -EPERM);
    assert_int_equal(get(f, 0, 512, 512), 512);
    assert_int_equal(asked[OUT], 0);
}

static void topology(void **state)
{
    (void)state;
    u32 n;
    offer(BLK_SIZE, 20, 4, 1024);
    offer(TOPOLOGY, 24, 8, 2 | 1 << 8 | 16 << 16 | 1000ull << 32);
    struct file *f = start(O_RDONLY);
    static const u32 answers[][2] = {
        {BLKPBSZGET, 4096}, {BLKALIGNOFF, 1024}, {BLKIOMIN, 16384}, {BLKIOOPT, 1024000}, {BLKSSZGET, 1024}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_int_equal(vfs_ioctl(f, answers[i][0], &n, 4), 0);
        assert_int_equal(n, answers[i][1]);
    }
    teardown(NULL);
    setup(NULL);
    offer(TOPOLOGY, 24, 8, ~0ull); /* an exponent of 255 */
    f = start(O_RDONLY);
    assert_int_equal(vfs_ioctl(f, BLKPBSZGET, &n, 4), 0);
    assert_int_equal(n, 512);
    assert_int_equal(vfs_ioctl(f, BLKIOOPT, &n, 4), 0);
    assert_int_equal(n, 0);
}

static void dr_blk_1_writeback_is_read_behind_features_ok(void **state)
{
    (void)state;
    offer(FLUSH, 0, 4, SECTORS);
    offer(WCE, 32, 1, 0);
    start(O_RDONLY);
    assert_false(disk()->volatile_cache);
    bool accepted = false;
    for (unsigned i = 0; i < device.nstatus; i++)
        accepted |= device.status_log[i] & VIRTIO_STATUS_FEATURES_OK;
    assert_true(accepted && device.config_reads > 0);
    teardown(NULL);
    setup(NULL);
    offer(FLUSH, 0, 4, SECTORS);
    offer(WCE, 32, 1, 1);
    start(O_RDONLY);
    assert_true(disk()->volatile_cache);
}

static void dr_blk_9_the_capacity_changes(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    put32(device.config, 100);
    assert_int_equal(vfs_seek(f, 0, 2), BYTES); /* nobody said so yet */
    fake_virtio_config_interrupt(&device);
    arch_wait();
    later_run();
    assert_int_equal(vfs_seek(f, 0, 2), 51200);
    assert_int_equal(get(f, 51200 - 512, 4096, 4096), 512);
    assert_int_equal(put(f, 51200, 512, 512), -ENOSPC);
    put32(device.config, 0);
    fake_virtio_config_interrupt(&device);
    arch_wait();
    later_run();
    assert_int_equal(get(f, 0, 512, 512), 0);
    memset(device.config, 0xff, 8);
    fake_virtio_config_interrupt(&device);
    arch_wait();
    later_run();
    assert_int_equal(fake_log_count("more bytes than there are numbers for"), 1);
    assert_true(virtio_first()->failed);
    memcpy(copy, store, BYTES);
}

/* ---- devices that lie ---- */

static void refused(const char *why)
{
    struct file *f;
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count(why), 1);
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
    assert_int_equal(vfs_open(NULL, "/dev/vda", O_RDONLY, 0, &f), -ENOENT);
    teardown(NULL);
    setup(NULL);
}

static void configurations_that_make_no_sense(void **state)
{
    (void)state;
    static const u32 sizes[] = {0, 1, 3, 511, 513, 8192, 0x80000000, ~0u};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        offer(BLK_SIZE, 20, 4, sizes[i]);
        refused("block size is no power of two");
    }
    offer(SIZE_MAX_, 8, 4, 0);
    refused("too small for a block");
    offer(SIZE_MAX_, 8, 4, 511);
    offer(SEG_MAX, 12, 4, 1);
    refused("too small for a block");
    offer(FLUSH, 0, 8, ~0ull);
    refused("more bytes than there are numbers for");
    offer(FLUSH, 0, 8, 1ull << 54);
    refused("more bytes than there are numbers for");
    device.queues[0].max = device.queues[0].size = 2;
    refused("too small for a request");
    device.generation_moves = -1;
    refused("cannot be read");
    for (u16 at = 0x40; at; at = device.pci->config[at + 1]) /* the device structure is 4 bytes long */
        if (device.pci->config[at] == 9 && device.pci->config[at + 3] == 4)
            fake_pci_set32(device.pci, at + 12, 4);
    refused("cannot be read");
}

static void dr_blk_2_zones(void **state)
{
    (void)state;
    offer(ZONED, 92, 1, 1);
    refused("zone by zone");
    offer(ZONED, 92, 1, 2); /* host-aware: an ordinary disk, too */
    start(O_RDONLY);
    assert_false(has(ZONED));
}

static void a_disk_of_nothing(void **state)
{
    (void)state;
    put32(device.config, 0);
    struct file *f = start(O_RDWR);
    assert_int_equal(get(f, 0, 512, 512), 0);
    assert_int_equal(vfs_write(f, &(struct span){mem_phys(memory), 512}, 1, 0), -ENOSPC);
    assert_int_equal(range(f, BLKZEROOUT, 0, 512), -EINVAL);
}

static void a_status_that_is_none(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    static const int lies[] = {3, 4, 100, 255, 256};
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        status_lie = lies[i];
        assert_int_equal(get(f, 0, 512, 512), -EIO);
        assert_int_equal(vfs_write(f, &(struct span){mem_phys(memory), 1024}, 1, 0), -EIO);
    }
    assert_int_equal(fake_log_count("which is no answer"), 1);
    status_lie = -1;
    memcpy(copy, store, BYTES);
    assert_int_equal(get(f, 0, 512, 512), 512);
}

static void case_r17_a_read_that_wrote_too_little(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    static const s64 lies[] = {0, 1, 511};
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        written_lie = lies[i];
        assert_int_equal(get(f, 0, 512, 512), -EIO);
    }
    written_lie = 512; /* who does not count the status is understood */
    assert_int_equal(get(f, 0, 512, 512), 512);
    written_lie = 0; /* a write needs to write nothing */
    assert_int_equal(put(f, 0, 512, 512), 512);
    assert_memory_equal(store, copy, BYTES);
}

static void dr_blk_8_what_stands_before_an_error_counts(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    bad_sector = 3000;
    s64 got = get(f, 0, 3 << 20, 4 << 20);
    assert_in_range(got, 512, 3000 * 512);
    assert_int_equal(got % 512, 0);
    assert_int_equal(get(f, 3000 * 512, 512, 512), -EIO);
    assert_int_equal(get(f, 2999 * 512 + 100, 600, 600), 412);
    assert_int_equal(get(f, 3001 * 512, 512, 512), 512);
    assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), 0);
}

static void dead(struct file *f, const char *why)
{
    assert_int_equal(get(f, 0, 3 << 20, 4 << 20), -EIO);
    assert_true(virtio_first()->failed);
    assert_true(fake_log_count(why) >= 1);
    assert_true(fake_log_count(virtio_first()->name) <= 5);
}

static void case_r21_never_answers(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    device.hold = true;
    dead(f, "silent");
    u64 before = arch_heartbeats();
    assert_int_equal(get(f, 0, 512, 512), -EIO); /* at once */
    assert_int_equal(vfs_fsync(f, false), -EIO);
    assert_int_equal(arch_heartbeats(), before);
}

static void case_r16_writes_beyond_the_room(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    written_lie = 0x7fffffff;
    dead(f, "beyond the room");
}

static void case_r23_needs_reset_and_is_brought_up_again(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    break_after = 3;
    device.mute = true;
    assert_int_equal(get(f, 0, 100, 100), 100);
    virtio_fail(virtio_first(), "provoked");
    assert_int_equal(put(f, 100, 3 << 20, 4 << 20), 3 << 20);
    assert_memory_equal(store, copy, BYTES);
    assert_false(virtio_first()->failed);
    for (unsigned i = 0; i < 40; i++) {
        virtio_fail(virtio_first(), "provoked");
        s64 got = get(f, 0, 512, 512);
        assert_true(got == 512 || (i >= 10 && got == -EIO)); /* not for ever */
    }
    assert_int_equal(get(f, 0, 512, 512), -EIO);
}

enum lie { NO_SUCH_ID, TWICE, NEVER_SENT };
static enum lie lie;
static bool lied;

/* Lies once, behind an answer that is good. */
static u32 lie_behind(struct fake_virtio *v, const struct fake_chain *c)
{
    u32 written = serve(v, c);
    if (lied)
        return written;
    lied = true;
    fake_ring_push(&v->queues[0].ring, c->head, written);
    if (lie != TWICE)
        ((struct fake_chain *)c)->head = lie == NO_SUCH_ID ? 9999 : 77;
    return written;
}

/* The device is reset, and what was asked for is asked for again: nobody hears of it but in the log. */
static void case_r12_r13_r14_dr_st_4_a_queue_that_breaks_behind_a_good_answer(void **state)
{
    enum { WRITE = 1, PACKED = 2, LONG = 4 };
    for (unsigned i = 0; i < 8; i++)
        for (lie = NO_SUCH_ID; lie <= NEVER_SENT; lie++) {
            u64 len = i & LONG ? 3 << 20 : 512;
            setup(state);
            device.offered |= i & PACKED ? VIRTIO_F_RING_PACKED : 0;
            struct file *f = start(O_RDWR);
            lied = false;
            device.serve = lie_behind;
            assert_int_equal(i & WRITE ? put(f, 0, len, ROOM) : get(f, 0, len, ROOM), len);
            assert_int_equal(get(f, 512, 512, 512), 512);
            assert_memory_equal(store, copy, BYTES);
            assert_false(virtio_first()->failed || virtio_first()->queues[0]->broken);
            assert_int_equal(fake_log_count("queue 0: it finished"), 1);
            teardown(state);
        }
    setup(state);
}

static void another_block_size_after_the_reset(void **state)
{
    (void)state;
    offer(BLK_SIZE, 20, 4, 1024);
    struct file *f = start(O_RDWR);
    virtio_fail(virtio_first(), "provoked");
    put32(device.config + 20, 4096);
    assert_int_equal(get(f, 0, 512, 512), -EIO);
    assert_int_equal(fake_log_count("another block size"), 1);
}

static u32 vanish(struct fake_virtio *v, const struct fake_chain *c)
{
    (void)c;
    v->gone_from = v->naccesses;
    v->gone_for = ~0ull;
    return 0;
}

/* In the middle of a transfer: it ends, once and for all, and the log has a line. */
static void case_r11_dr_cl_2_gone_in_the_middle(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    status_lie = 256;
    device.serve = vanish;
    assert_int_equal(get(f, 0, 3 << 20, 4 << 20), -EIO);
    u64 before = arch_heartbeats();
    for (int i = 0; i < 40; i++)
        assert_int_equal(get(f, 0, 512, 512), -EIO);
    assert_int_equal(arch_heartbeats(), before);
    assert_true(fake_log_count("sheepskin: ") <= 2);
    assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), 0);
    device.gone_for = 0;
}

static void removed_under_an_open_file(void **state)
{
    (void)state;
    struct file *f = start(O_RDWR);
    struct pci_dev *d = pci_first();
    d->driver->remove(d);
    d->driver = NULL;
    assert_int_equal(get(f, 0, 512, 512), -ENODEV);
    assert_int_equal(vfs_fsync(f, false), -ENODEV);
    assert_null(block_next(0));
}

static int begin(void **state)
{
    (void)state;
    assert_int_equal(initfs_init(NULL, 0), 0);
    devfs_init();
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    memory = mem_virt(mem_pages(ROOM / PAGE_SIZE + 64, PAGE_SIZE));
    return vfs_mount(vfs_find("devtmpfs"), "/dev", 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(dr_blk_3_dr_blk_5_any_bytes_as_whole_sectors),
        T(dr_blk_5_whole_blocks_of_4096),
        T(segments_are_no_more_and_no_longer_than_the_device_takes),
        T(the_smallest_queue),
        T(by_polling),
        T(dr_blk_4_dr_blk_9_flush_only_where_it_was_offered),
        T(dr_blk_6_dr_blk_7_ranges_within_the_limits),
        T(dr_blk_6_no_ranges_taken),
        T(dr_blk_5_the_serial_number),
        T(dr_blk_9_read_only),
        T(topology),
        T(dr_blk_1_writeback_is_read_behind_features_ok),
        T(dr_blk_9_the_capacity_changes),
        T(configurations_that_make_no_sense),
        T(dr_blk_2_zones),
        T(a_disk_of_nothing),
        T(a_status_that_is_none),
        T(case_r17_a_read_that_wrote_too_little),
        T(dr_blk_8_what_stands_before_an_error_counts),
        T(case_r21_never_answers),
        T(case_r16_writes_beyond_the_room),
        T(case_r23_needs_reset_and_is_brought_up_again),
        T(case_r12_r13_r14_dr_st_4_a_queue_that_breaks_behind_a_good_answer),
        T(another_block_size_after_the_reset),
        T(case_r11_dr_cl_2_gone_in_the_middle),
        T(removed_under_an_open_file),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
