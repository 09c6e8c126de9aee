/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_gather - small writes on end, gathered into large messages: with cache=readahead and loose, but not for files opened O_DIRECT, O_DSYNC or O_SYNC, nor
 * where the mount says sync.
 *
 * What is gathered goes out before anybody in this guest could miss it: before a read of the file, before any question to the server about names or
 * attributes, with fsync() and close(), and when the program ends. Bytes that the server then does not take are lost, as on NFS: the next write(),
 * fsync() or close() of that file says so, and the log where nobody is left to be told. */
#include "9p_client.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"

enum {
    FILES = 8,         /* that are written to at the same time */
    SMALL = 64 * 1024, /* writes of as much go out as they are */
    MOST_PAGES = 64,   /* gathered of one file, */
    LEAST_PAGES = 4,   /* which must be more than this to pay, */
    PART = 64          /* and this part of the memory that is free at most */
};

struct gather {
    struct gather *next;
    struct p9 *client;
    u64 qid_path;
    u32 fid;
    u32 len;
    u64 pa, pages;
    u64 offset;
    int error; /* that nobody was told yet */
};

static struct gather *gathers;

static struct gather **find(const struct node *node)
{
    struct gather **at = &gathers;
    while (*at && ((*at)->client != p9_of(node) || (*at)->fid != p9_fid(node)))
        at = &(*at)->next;
    return at;
}

static void flush(struct gather *g)
{
    u32 len = g->len, done = 0;
    s64 put = 0;
    g->len = 0;
    p9_cache_changed(g->client, g->qid_path);
    while (done < len) {
        struct span span = {g->pa + done, len - done};
        put = p9_write(g->client, g->fid, &span, 1, g->offset + done);
        if (put <= 0)
            break;
        done += (u32)put;
    }
    if (put < 0 && !g->error)
        g->error = (int)put;
}

void p9_gather_flush(const struct p9 *client)
{
    for (struct gather *g = gathers; g; g = g->next)
        if (g->client == client)
            flush(g);
}

static void flush_file(const struct node *node, const struct gather *but)
{
    for (struct gather *g = gathers; g; g = g->next)
        if (g != but && g->client == p9_of(node) && g->qid_path == node->qid.path)
            flush(g);
}

void p9_gather_read(const struct node *node)
{
    flush_file(node, NULL);
}

/* Once for each error. */
static int take_error(struct gather *g)
{
    int err = g->error;
    g->error = 0;
    return err;
}

int p9fs_flush(struct node *node, bool tell)
{
    struct gather *g = *find(node);
    if (!g)
        return 0;
    flush(g);
    return tell ? take_error(g) : 0;
}

/* What went wrong now is told to who asks for this file by another descriptor, and to who wrote it later. */
int p9_gather_sync(struct node *node)
{
    int err = p9fs_flush(node, true);
    for (struct gather *g = gathers; g; g = g->next) {
        if (g->client != p9_of(node) || g->qid_path != node->qid.path || g->error)
            continue;
        flush(g);
        err = err ? err : g->error;
    }
    return err;
}

void p9_gather_close(const struct node *node)
{
    struct gather **at = find(node), *g = *at;
    if (!g)
        return;
    flush(g);
    if (g->error)
        log_error("9p: a file was closed, and the server had not taken all that was written to it (error %d)",
                  -g->error);
    *at = g->next;
    mem_pages_free(g->pa, g->pages);
    mem_delete(g, sizeof *g);
}

/* NULL: too many already, or no memory to spare. */
static struct gather *add(const struct node *node)
{
    unsigned n = 0;
    for (struct gather *g = gathers; g; g = g->next)
        n++;
    u64 pages = MIN(mem_free_count() / PART, (u64)MOST_PAGES);
    u64 pa = n < FILES && pages > LEAST_PAGES ? mem_pages_if_free(pages, PAGE_SIZE) : 0;
    struct gather *g = pa ? mem_new(sizeof *g) : NULL;
    if (!g) {
        mem_pages_free(pa, pa ? pages : 0);
        return NULL;
    }
    *g = (struct gather){.next = gathers, .client = p9_of(node), .fid = p9_fid(node), .pa = pa, .pages = pages};
    g->qid_path = node->qid.path;
    return gathers = g;
}

static bool may_gather(const struct node *node, u64 len, u64 offset)
{
    const struct fs *fs = node->fs;
    return fs->cache != CACHE_NONE && !fs->sync && !node->through && offset != VFS_CURRENT && len && len < SMALL;
}

/* Takes the bytes, as if they had been sent: what was asked before is old then. */
static s64 keep(struct gather *g, const struct span *spans, unsigned n, u64 len, u64 offset)
{
    if (!g->len)
        g->offset = offset;
    mem_from_spans((u8 *)mem_virt(g->pa) + g->len, spans, n, 0, len);
    g->len += (u32)len;
    vfs_heard++;
    return (s64)len;
}

s64 p9fs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    u64 len = mem_span_total(spans, n);
    p9_ahead_changed(node);
    p9_cache_changed(p9_of(node), node->qid.path);
    struct gather *g = *find(node);
    bool small = may_gather(node, len, offset);
    if (gathers)
        flush_file(node, g);
    if (!g && small)
        g = add(node);
    if (g && (!small || offset != g->offset + g->len || len > g->pages * PAGE_SIZE - g->len))
        flush(g);
    int err = g ? take_error(g) : 0;
    if (err < 0)
        return err;
    if (g && small && len <= g->pages * PAGE_SIZE)
        return keep(g, spans, n, len, offset);
    return p9_write(p9_of(node), p9_fid(node), spans, n, offset);
}
