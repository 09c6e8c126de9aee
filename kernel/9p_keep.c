/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_keep - what cache=loose keeps of the data of files, for who reads them again by whatever descriptor.
 *
 * It hangs on the attributes that 9p_cache.c keeps of the object and goes with them, so that whatever this guest changes drops it, and when others come that
 * have another version, size or time: a walk to the file tells the version, so that each open checks it. A file is as long as its attributes said when it
 * was first read. Pages come from reads that the server answered: copied, or those of a window of 9p_ahead.c as they are, but for such as the program has.
 * A read is answered from here as a whole or not at all. The file that was not read for longest goes first, when there is too much, and when
 * memory is needed. */
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"

enum {
    PART = 4,         /* of the memory that is free or kept, for all files, */
    FILE_PART = 8,    /* for one; */
    SMALL = 1 << 17,  /* bytes; a larger file is not kept of reads of as many bytes, */
    HANDED = 1 << 16, /* or of so many that go to whole pages: they cost a copy wherever they come from */
    SHARED = 1024,    /* bytes: a table of so many shares a page with others */
    LEAST_FREE = 1024 /* pages of memory that stay free */
};
#define NO_PAGE (~0ull)

struct kept {
    struct kept *next, *before; /* in a ring from `ring` on: read last, ..., read first */
    struct kept **at;           /* what points to it: 9p_cache.c's */
    u64 size, npages, table;    /* table: pages that this here takes */
    u64 growing, have;          /* the page of which there are so many bytes yet; NO_PAGE: there are all of all */
    u64 pages[];                /* 0: none */
};

static struct kept ring = {.next = &ring, .before = &ring};

static void unlink(struct kept *k)
{
    k->before->next = k->next;
    k->next->before = k->before;
}

static void link(struct kept *k)
{
    k->next = ring.next;
    k->before = &ring;
    k->next->before = ring.next = k;
}

/* Pages from the i-th on, before `end`, that lie behind each other. */
static u64 run(const struct kept *k, u64 i, u64 end)
{
    u64 n = 1;
    while (i + n < end && k->pages[i + n] == k->pages[i] + n * PAGE_SIZE)
        n++;
    return n;
}

static size_t size_of(u64 npages)
{
    return sizeof(struct kept) + npages * sizeof(u64);
}

static void set_page(struct kept *k, u64 i, u64 pa)
{
    if (k->pages[i])
        mem_lent_back(k->pages[i], 1);
    mem_kept += !!pa - (u64) !!k->pages[i];
    k->pages[i] = pa;
    if (k->growing == i)
        k->growing = NO_PAGE;
}

void p9_keep_drop(struct kept *k)
{
    unlink(k);
    *k->at = NULL;
    for (u64 i = 0; i < k->npages; i++)
        set_page(k, i, 0);
    mem_kept -= k->table;
    mem_delete(k, size_of(k->npages));
}

/* Memory is short. */
static bool give(void)
{
    if (ring.before == &ring)
        return false;
    p9_keep_drop(ring.before);
    return true;
}

static u64 share(unsigned part)
{
    return (mem_free_count() + mem_kept) / part;
}

/* One more page, for which others may have to go. */
static bool has_room(const struct kept *k)
{
    while (mem_kept >= share(PART) && ring.before != k)
        give();
    return mem_kept < share(PART) && mem_free_count() >= LEAST_FREE;
}

static struct kept *find(struct p9 *c, u64 ino)
{
    const struct attr *attr;
    struct kept **at = p9_cache_data(c, ino, &attr), *k = at ? *at : NULL;
    if (k && k != ring.next) {
        unlink(k);
        link(k);
    }
    return k;
}

/* An empty one, where the file's size is known. Memory comes first: whoever gives it back may drop what is known. Windows that are there already may be
 * of another version. */
static struct kept *make(struct p9 *c, u64 ino)
{
    static struct mem_keeper keeper;
    const struct attr *attr;
    u64 size = p9_cache_data(c, ino, &attr) && attr ? attr->size : 0, npages = (size - 1) / PAGE_SIZE + 1;
    if (!size || npages > share(FILE_PART) || size_of(npages) > 1 << 20 || mem_free_count() < LEAST_FREE)
        return NULL;
    struct kept *k = mem_new(size_of(npages)), **at = k ? p9_cache_data(c, ino, &attr) : NULL;
    if (!at) {
        mem_delete(k, size_of(npages));
        return NULL;
    }
    if (!keeper.give) {
        keeper.give = give;
        mem_keep(&keeper);
    }
    *k = (struct kept){.at = at, .size = size, .npages = npages, .growing = NO_PAGE};
    link(k);
    mem_kept += k->table = size_of(npages) > SHARED ? ALIGN_UP(size_of(npages), PAGE_SIZE) / PAGE_SIZE : 0;
    has_room(k);
    p9_ahead_changed(&(struct node){.fs = c->fs, .qid.path = ino});
    return *at = k;
}

/* ---- giving ---- */

static bool is_there(const struct kept *k, u64 i)
{
    return k->pages[i] && i != k->growing;
}

static bool has(const struct kept *k, u64 offset, u64 len)
{
    for (u64 i = offset / PAGE_SIZE; len && i <= (offset + len - 1) / PAGE_SIZE; i++)
        if (!is_there(k, i))
            return false;
    return true;
}

/* What is kept. -EAGAIN: it has to be asked for. Pages of a small file are not handed over then. */
static s64 give_read(const struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct p9 *c = p9_of(node);
    if (node->through || p9_lost(c, p9_fid(node)))
        return -EAGAIN;
    struct kept *k = find(c, node->qid.path);
    if (!k && !(k = make(c, node->qid.path)))
        return -EAGAIN;
    if (k->size <= SMALL)
        vfs_reader.swap = NULL;
    u64 want = offset < k->size ? MIN(mem_span_total(spans, n), k->size - offset) : 0;
    if (!has(k, offset, want))
        return -EAGAIN;
    for (u64 done = 0, piece; done < want; done += piece) {
        u64 i = (offset + done) / PAGE_SIZE, in = (offset + done) % PAGE_SIZE;
        piece = MIN(run(k, i, (offset + want - 1) / PAGE_SIZE + 1) * PAGE_SIZE - in, want - done);
        mem_to_spans(spans, n, done, (u8 *)mem_virt(k->pages[i]) + in, piece);
    }
    return (s64)want;
}

/* ---- taking ---- */

/* How many bytes of the file are in its i-th page. */
static u64 length_of(const struct kept *k, u64 i)
{
    return MIN(k->size - i * PAGE_SIZE, PAGE_SIZE);
}

/* Where bytes go that go on behind what there is of a page; NULL: they are there, or do not, or there is no memory for them. */
static u8 *place(struct kept *k, u64 i, u64 in, u64 len)
{
    u64 have = is_there(k, i) ? PAGE_SIZE : k->pages[i] ? k->have : 0;
    if (in > have || in + len <= have)
        return NULL;
    if (!k->pages[i])
        set_page(k, i, has_room(k) ? mem_pages_if_free(1, PAGE_SIZE) : 0);
    if (!k->pages[i])
        return NULL;
    if (k->growing != NO_PAGE && k->growing != i && in + len < length_of(k, i))
        set_page(k, k->growing, 0);
    if (in + len < length_of(k, i)) {
        k->growing = i;
        k->have = in + len;
    } else if (k->growing == i) {
        k->growing = NO_PAGE;
    }
    return (u8 *)mem_virt(k->pages[i]) + in;
}

/* Bytes from `skip` to `end` of the spans, the first of which is byte `offset` of the file. */
static void copy(struct kept *k, const struct span *spans, unsigned n, u64 offset, u64 skip, u64 end)
{
    for (u64 piece; skip < end; skip += piece) {
        u64 in = (offset + skip) % PAGE_SIZE;
        piece = MIN(PAGE_SIZE - in, end - skip);
        u8 *to = place(k, (offset + skip) / PAGE_SIZE, in, piece);
        if (to)
            mem_from_spans(to, spans, n, skip, piece);
    }
}

/* The file, unless it is longer now. */
static struct kept *find_to_learn(struct p9 *c, u64 ino, u64 end)
{
    struct kept *k = find(c, ino);
    if (k && end > k->size) {
        p9_cache_changed(c, ino);
        return NULL;
    }
    return k;
}

/* What the server gave; up to byte `skip` it came from windows, which are kept by themselves. */
static void learn(const struct node *node, const struct span *spans, unsigned n, u64 offset, u64 skip, u64 end)
{
    struct kept *k = find_to_learn(p9_of(node), node->qid.path, offset + end);
    bool pages = vfs_reader.swap && spans->pa % PAGE_SIZE == 0;
    if (k && (k->size <= SMALL || end < (pages ? HANDED : SMALL)))
        copy(k, spans, n, offset, skip, end);
}

u64 p9_keep_pages(struct p9 *c, u64 ino, u64 pa, u64 npages, u64 offset, u64 len)
{
    struct kept *k = find_to_learn(c, ino, offset + len);
    if (k && offset % PAGE_SIZE)
        copy(k, &(struct span){pa, len}, 1, offset, 0, len);
    if (!k || offset % PAGE_SIZE)
        return 0;
    for (u64 done = 0, i = offset / PAGE_SIZE; done < npages * PAGE_SIZE; done += PAGE_SIZE, i++) {
        bool whole = i < k->npages && done < len && len - done >= length_of(k, i);
        if (whole && !is_there(k, i) && has_room(k))
            set_page(k, i, pa + done);
        else
            mem_lent_back(pa + done, 1);
    }
    return npages;
}

static COLD s64 read_loose(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    p9_gather_read(node);
    s64 got = give_read(node, spans, n, offset);
    if (got >= 0)
        return got;
    p9_ahead_had = 0;
    got = p9_ahead_read(node, spans, n, offset);
    if (got > (s64)p9_ahead_had)
        learn(node, spans, n, offset, p9_ahead_had, (u64)got);
    return got;
}

s64 p9fs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    return node->fs->cache == CACHE_LOOSE ? read_loose(node, spans, n, offset) : p9_ahead_read(node, spans, n, offset);
}
