/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* block - what drivers of disks share: any bytes out of whole blocks, Linux's questions, names in /dev.
 *
 * Nothing is cached: a read asks the device, a write is over when the device has it, fsync() makes the device flush. Of a block that is moved in part the
 * whole is read into a page of ours, changed there and written back. */
#include "block.h"
#include "devfs.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"

enum { SECTOR = 512, MINORS = 16, SPANS = 64, LETTERS = 26, BLOCKS = LETTERS + LETTERS * LETTERS };

static struct block_device *devices;
static unsigned numbers;

/* ---- reading and writing ---- */

/* A move that a program asked for, cut to what the device has. */
struct move {
    struct block_device *b;
    bool write;
    const struct span *spans;
    unsigned n;
    u64 at, len;
};

/* The part of one block that is to be moved from `done` on, or a block that lies in too many pieces. */
static s64 move_part(const struct move *m, u64 done)
{
    struct block_device *b = m->b;
    u64 at = m->at + done, inside = at % b->block, len = MIN(b->block - inside, m->len - done);
    struct span page = {mem_phys(b->page), b->block};
    s64 got = m->write && len == b->block ? (s64)len : b->ops->move(b, false, &page, 1, at - inside);
    if (got < (s64)b->block)
        return got < 0 ? got : -EIO;
    if (!m->write)
        return (s64)mem_to_spans(m->spans, m->n, done, b->page + inside, len);
    mem_from_spans(b->page + inside, m->spans, m->n, done, len);
    got = b->ops->move(b, true, &page, 1, at - inside);
    return got < 0 ? got : (s64)len;
}

/* Whole blocks from `done` on, as many as there are. */
static s64 move_blocks(const struct move *m, u64 done)
{
    struct span spans[SPANS];
    unsigned first = 0, n = 0;
    u64 skip = done, left = ALIGN_DOWN(m->len - done, (u64)m->b->block), len = 0;
    while (skip >= m->spans[first].len)
        skip -= m->spans[first++].len;
    for (; first + n < m->n && n < SPANS && len < left; n++, skip = 0) {
        const struct span *s = &m->spans[first + n];
        spans[n] = (struct span){s->pa + skip, MIN(s->len - skip, left - len)};
        len += spans[n].len;
    }
    for (u64 cut = len % m->b->block, part; cut; cut -= part, len -= part) {
        part = MIN(cut, spans[n - 1].len);
        spans[n - 1].len -= part;
        n -= spans[n - 1].len == 0;
    }
    return len ? m->b->ops->move(m->b, m->write, spans, n, m->at + done) : -E2BIG;
}

static s64 move(struct block_device *b, bool write, const struct span *spans, unsigned n, u64 offset)
{
    u64 done = 0, len = MIN(mem_span_total(spans, n), b->size - MIN(offset, b->size));
    struct move m = {b, write, spans, n, offset, len};
    s64 got = 1;
    for (; done < len && got > 0; done += got > 0 ? (u64)got : 0) {
        bool part = (offset + done) % b->block || len - done < b->block;
        got = part ? -E2BIG : move_blocks(&m, done);
        if (got == -E2BIG)
            got = move_part(&m, done);
    }
    return done ? (s64)done : MIN(got, 0);
}

static s64 read(const struct device *node, const struct span *spans, unsigned n, u64 offset)
{
    return move(node->priv, false, spans, n, offset);
}

static s64 write(const struct device *node, const struct span *spans, unsigned n, u64 offset)
{
    struct block_device *b = node->priv;
    if (b->readonly)
        return -EPERM;
    if (mem_span_total(spans, n) && offset >= b->size)
        return -ENOSPC;
    return move(b, true, spans, n, offset);
}

static int fsync(const struct device *node)
{
    struct block_device *b = node->priv;
    return b->ops->flush(b);
}

/* ---- ranges ---- */

/* Zeroes by writing them, where the device has no other way. */
static int write_zeroes(struct block_device *b, u64 at, u64 len)
{
    struct span spans[SPANS];
    memset(b->page, 0, PAGE_SIZE);
    for (s64 got; len; at += (u64)got, len -= (u64)got) {
        unsigned n = 0;
        for (u64 covered = 0; n < SPANS && covered < len; covered += PAGE_SIZE)
            spans[n++] = (struct span){mem_phys(b->page), MIN(PAGE_SIZE, len - covered)};
        struct move m = {b, true, spans, n, at, mem_span_total(spans, n)};
        got = move_blocks(&m, 0);
        if (got == -E2BIG)
            got = b->ops->move(b, true, &(struct span){mem_phys(b->page), b->block}, 1, at);
        if (got <= 0)
            return got < 0 ? (int)got : -EIO;
    }
    return 0;
}

/* BLKDISCARD, BLKZEROOUT, BLKSECDISCARD; range: first byte and length. Of what is wrong Linux names one thing, and not always the same first. */
static int do_range(struct block_device *b, enum block_range what, const u64 range[2])
{
    if (what == BLOCK_DISCARD && b->readonly && b->most[what])
        return -EPERM;
    if (what != BLOCK_ZERO && !b->most[what])
        return -EOPNOTSUPP;
    if ((range[0] | range[1]) % b->block || !range[1] || range[0] >= b->size || range[1] > b->size - range[0])
        return -EINVAL;
    if (b->readonly)
        return -EPERM;
    return b->most[what] ? b->ops->range(b, what, range[0], range[1]) : write_zeroes(b, range[0], range[1]);
}

/* ---- questions ---- */

static u64 size(const struct device *node)
{
    return ((const struct block_device *)node->priv)->size;
}

/* The largest unit up to a page that divides the whole. */
static u32 soft_block(const struct block_device *b)
{
    u32 unit = b->block;
    while (unit < PAGE_SIZE && b->size % (2ul * unit) == 0)
        unit *= 2;
    return unit;
}

static int ioctl(const struct device *node, u32 cmd, void *data, size_t room)
{
    struct block_device *b = node->priv;
    const struct {
        u32 cmd, bytes;
        u64 value;
    } answers[] = {
        {BLKROGET, 4, b->readonly},
        {BLKGETSIZE, 8, b->size / SECTOR},
        {BLKGETSIZE64, 8, b->size},
        {BLKSSZGET, 4, b->block},
        {BLKBSZGET, 4, soft_block(b)},
        {BLKPBSZGET, 4, b->physical},
        {BLKIOMIN, 4, b->min_io},
        {BLKIOOPT, 4, b->opt_io},
        {BLKALIGNOFF, 4, b->alignment},
        {BLKDISCARDZEROES, 4, 0},
        {BLKROTATIONAL, 2, 1},
        {BLKFLSBUF, 0, 0},
        {HDIO_GETGEO, 4, b->heads | (u64)b->sectors << 8 | (u64)b->cylinders << 16},
    };
    u64 range[2];
    for (unsigned i = 0; i < ARRAY_LEN(answers); i++)
        if (answers[i].cmd == cmd) {
            memset(data, 0, MIN(room, 16u));
            memcpy(data, &answers[i].value, answers[i].bytes);
            return 0;
        }
    if (cmd != BLKDISCARD && cmd != BLKZEROOUT && cmd != BLKSECDISCARD)
        return -ENOTTY;
    memcpy(range, data, sizeof range);
    return do_range(b, cmd == BLKDISCARD ? BLOCK_DISCARD : cmd == BLKZEROOUT ? BLOCK_ZERO : BLOCK_ERASE, range);
}

/* ---- coming and going ---- */

struct block_device *block_next(unsigned number)
{
    struct block_device *b = devices;
    while (b && b->number < number)
        b = b->next;
    return b;
}

/* a to z, then aa, ab..., as on Linux: the first that no disk has. */
static unsigned free_letter(void)
{
    unsigned letter = 0;
    for (const struct block_device *b = devices; b;) {
        bool taken = b->letter == letter;
        letter += taken;
        b = taken ? devices : b->next;
    }
    return letter;
}

static void give_name(struct block_device *b, const char *prefix)
{
    char second[2] = {0};
    b->letter = free_letter();
    if (b->letter >= LETTERS)
        second[0] = (char)('a' + b->letter / LETTERS - 1);
    print_text(b->name, sizeof b->name, "%s%s%c", prefix, second, 'a' + b->letter % LETTERS);
}

int block_add(struct block_device *b, const char *prefix, u32 major)
{
    u64 page = mem_pages(1, PAGE_SIZE);
    give_name(b, prefix);
    b->major = major;
    b->minor = b->letter * MINORS;
    b->node = mem_new(sizeof *b->node);
    b->page = page ? memset(mem_virt(page), 0, PAGE_SIZE) : NULL;
    if (b->node)
        *b->node = (struct device){.name = b->name,
                                   .major = major,
                                   .minor = b->minor,
                                   .perm = 0600,
                                   .read = read,
                                   .write = write,
                                   .ioctl = ioctl,
                                   .size = size,
                                   .fsync = fsync,
                                   .priv = b};
    int err = !b->node || !page ? -ENOMEM : b->letter >= BLOCKS ? -ENOSPC : devfs_add(b->node);
    if (err < 0) {
        mem_delete(b->node, sizeof *b->node);
        mem_pages_free(page, page ? 1 : 0);
        return err;
    }
    b->number = numbers++;
    LIST_APPEND(devices, b, next);
    return 0;
}

void block_remove(struct block_device *b)
{
    LIST_REMOVE(devices, b, next);
    devfs_remove(b->node);
    mem_delete(b->node, sizeof *b->node);
    mem_pages_free(mem_phys(b->page), 1);
}
