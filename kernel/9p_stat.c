/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_stat - what a share says of itself, and attributes by name: Twalk, then Tgetattr and Tclunk in one kick.
 *
 * The fid is nobody's but this file's and nothing is noted of it, so that in a new session the look-up begins anew.
 *
 * Who asks about a second name of a listing, in its order, gets the answers for those behind it fetched as well, by the very messages that he would have
 * sent: all Twalks in one kick, then all Tgetattrs. An answer is given once, while the program could not tell it from a new one: nothing was heard from
 * outside but answers of the same batch, and only for a few milliseconds (docs/coherence.md). */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum { V9FS_MAGIC = 0x01021997 };
enum {
    TRIES = 3,        /* one for each session that is lost under a look-up */
    BATCH_FIRST = 31, /* names in the first batch; */
    BATCH_MOST =
        84, /* in those that follow: of the tags, 128, a third is left for the ends of fids, half of them with the next batch */
    BATCH_LEAST = 1, /* down to none, when most of a batch was for nothing */
    BATCH_TEXT = 4096,
    BATCH_PREFIX = 512,
    BATCH_FREE = 1024, /* pages of memory that are free, or there are no batches */
    OUT_OF_ORDER = 8,  /* names that a program may leave out */
    UNKNOWN = 1,
};

/* One name of a batch. state: 0: attr is what it has; UNKNOWN; -ENOENT. */
struct answer {
    struct name name;
    struct attr attr;
    struct p9_call call;
    u32 fid;
    int state;
};

struct p9_batch {
    u64 dir;              /* qid.path of the directory whose names are asked about, */
    u32 from, prefix_len; /* and how: from this fid along the prefix, of names each ended by '/' */
    char prefix[BATCH_PREFIX];
    u32 n, next; /* answers, and the first that may be given */
    u32 size;    /* of the next batch */
    u32 given;   /* of this */
    u32 life;
    struct vfs_moment asked;
    char text[BATCH_TEXT]; /* the names */
    struct answer answers[BATCH_MOST];
};

/* By a node: for an open file's other nature, its name, the end of a path that takes several Twalks, and where both can be asked at once. */
static int stat_node(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                     struct qid *qids, struct attr *attr)
{
    from->fs->next_verb = VFS_NEXT_GETATTR;
    int got = from->fs->ops->walk(from, names, n, out, qids);
    if (got != (int)n || (follow && (out->qid.type & QID_SYMLINK)))
        return got;
    int err = from->fs->ops->getattr(out, attr);
    from->fs->ops->clunk(out);
    out->fs = NULL;
    return err < 0 ? err : got;
}

/* The fid that one Twalk made, at its end. */
static int ask(struct p9 *client, u32 fid, struct attr *attr)
{
    struct p9_call call;
    p9_send_getattr(&call, client, fid);
    call.once = true;
    p9_clunk(client, fid, false);
    p9_expect(client, 2);
    return p9_finish_getattr(&call, attr);
}

/* Where it is not known yet whether the server works in order, this may be the time to try. */
static int walk(struct p9 *client, u32 from, u32 fid, const struct name *names, unsigned n, struct qid *qids)
{
    struct p9_call call;
    p9_send_walk(&call, client, from, fid, names, n);
    bool tries = client->order == P9_ORDER_UNKNOWN;
    if (tries)
        p9_chain_send(client, from, fid, 0);
    int got = p9_finish_walk(&call, n, qids);
    if (tries)
        p9_chain_finish(client, NULL);
    return got;
}

static int stat_once(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                     struct qid *qids, struct attr *attr)
{
    struct p9 *client = p9_of(from);
    u32 fid = p9_fid_new(client);
    if (fid == P9_NOFID)
        return -ENFILE;
    int got = walk(client, p9_fid(from), fid, names, n, qids), err;
    if (got == (int)n && follow && (qids[n - 1].type & QID_SYMLINK)) {
        *out = (struct node){.fs = from->fs, .id = fid, .qid = qids[n - 1]};
        err = p9_note(client, fid, p9_fid(from), names, n, &out->qid);
        if (err < 0)
            p9_clunk(client, fid, true);
        return err < 0 ? err : got;
    }
    if (got == (int)n) {
        *out = (struct node){.qid = qids[n - 1]};
        err = ask(client, fid, attr);
        return err < 0 ? err : got;
    }
    p9_fid_unmade(client, fid, got == -EIO);
    return got;
}

/* By one path: a Twalk of it, and its end. */
static int stat_alone(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                      struct qid *qids, struct attr *attr)
{
    struct p9 *client = p9_of(from);
    int got;
    u32 life, tries = 0;
    if (client->order == P9_IN_ORDER)
        return stat_node(from, names, n, follow, out, qids, attr);
    do {
        life = client->life;
        got = stat_once(from, names, n, follow, out, qids, attr);
    } while (got == -EIO && client->life != life && ++tries < TRIES);
    return got;
}

/* ---- batches ---- */

/* The way to the directory as text; its length, or BATCH_PREFIX when there is no room for it. */
static u32 put_prefix(const struct name *names, unsigned n, char *text)
{
    u32 len = 0;
    for (unsigned i = 0; i < n; i++) {
        if (names[i].len + 1u >= BATCH_PREFIX - len)
            return BATCH_PREFIX;
        memcpy(text + len, names[i].s, names[i].len);
        len += names[i].len;
        text[len++] = '/';
    }
    return len;
}

static bool is_here(const struct p9_batch *b, const struct node *from, const struct name *names, unsigned n)
{
    u32 at = 0;
    if (b->from != p9_fid(from))
        return false;
    for (unsigned i = 0; i < n; at += names[i++].len + 1u)
        if (names[i].len >= b->prefix_len - at || memcmp(b->prefix + at, names[i].s, names[i].len) != 0 ||
            b->prefix[at + names[i].len] != '/')
            return false;
    return at == b->prefix_len;
}

static bool is_fresh(const struct p9_batch *b, const struct p9 *client)
{
    return b->next < b->n && b->life == client->life && vfs_is_still(b->asked);
}

/* The answer for a name, which is not given again. NULL: there is none. */
static struct answer *take_answer(struct p9_batch *b, struct p9 *client, struct name name)
{
    struct name same;
    if (!is_fresh(b, client))
        return NULL;
    for (u32 i = b->next; i < MIN(b->n, b->next + OUT_OF_ORDER); i++) {
        struct answer *a = &b->answers[i];
        if (!vfs_same_name(a->name, name))
            continue;
        b->next = i + 1;
        b->given++;
        p9_list_expect(client, b->dir, name, &same, 1);
        return a->state == UNKNOWN ? NULL : a;
    }
    return NULL;
}

/* As by walk(). Whoever has this answer has heard something, though nothing that makes the others of its batch old. */
static int give(struct p9_batch *b, const struct answer *a, unsigned n, struct node *out, struct qid *qids,
                struct attr *attr)
{
    b->asked.heard = ++vfs_heard;
    for (unsigned i = 0; i < n; i++)
        qids[i] = (struct qid){.type = QID_DIR};
    if (a->state < 0)
        return n > 1 ? (int)n - 1 : a->state;
    *attr = a->attr;
    qids[n - 1] = a->attr.qid;
    *out = (struct node){.qid = a->attr.qid};
    return (int)n;
}

/* The names that are asked about from now on, copied: 0: none but perhaps the first. */
static u32 expect(struct p9_batch *b, struct p9 *client, struct name first)
{
    struct name names[BATCH_MOST];
    size_t used = 0;
    unsigned n = p9_list_expect(client, b->dir, first, names, b->size);
    b->n = 0;
    for (unsigned i = 0; i < n && names[i].len <= BATCH_TEXT - used; i++, b->n++) {
        memcpy(b->text + used, names[i].s, names[i].len);
        b->answers[i].name = (struct name){b->text + used, names[i].len};
        used += names[i].len;
    }
    return b->n;
}

static void send_walks(struct p9_batch *b, struct p9 *client, u32 from, const struct name *names, unsigned n)
{
    struct name path[P9_NAMES];
    memcpy(path, names, n * sizeof *names);
    p9_drain(client);
    for (struct answer *a = b->answers; a < b->answers + b->n; a++) {
        path[n - 1] = a->name;
        a->fid = p9_names_that_fit(path, n) == n ? p9_fid_new(client) : P9_NOFID;
        if (a->fid != P9_NOFID)
            p9_send_walk(&a->call, client, from, a->fid, path, n);
    }
    p9_expect(client, b->n);
}

/* Sends Tgetattr for what was found, and ends all fids. A link that is to be followed is of no use. */
static void send_getattrs(struct p9_batch *b, const struct node *from, const struct name *names, unsigned n,
                          bool follow)
{
    struct p9 *client = p9_of(from);
    struct qid qids[P9_NAMES];
    struct name path[P9_NAMES];
    memcpy(path, names, n * sizeof *names);
    for (struct answer *a = b->answers; a < b->answers + b->n; a++) {
        int got = a->fid == P9_NOFID ? -ENFILE : p9_finish_walk(&a->call, n, qids);
        path[n - 1] = a->name;
        p9_cache_learn_walk(from, path, n, got, qids);
        a->state = got == -ENOENT || got == (int)n - 1 ? -ENOENT : UNKNOWN;
        if (got == (int)n && !(follow && (qids[n - 1].type & QID_SYMLINK))) {
            a->state = 0;
            continue;
        }
        if (got == (int)n || got == -EIO)
            p9_clunk(client, a->fid, false);
        else if (a->fid != P9_NOFID)
            p9_fid_free(client, a->fid);
        a->fid = P9_NOFID;
    }
    unsigned sent = 0;
    p9_drain(client);
    for (struct answer *a = b->answers; a < b->answers + b->n; a++) {
        if (a->fid == P9_NOFID)
            continue;
        p9_send_getattr(&a->call, client, a->fid);
        a->call.once = true;
        sent++;
    }
    for (struct answer *a = b->answers; a < b->answers + b->n; a++)
        if (a->fid != P9_NOFID)
            p9_clunk(client, a->fid, false);
    p9_expect(client, sent);
}

static void finish_getattrs(struct p9_batch *b)
{
    for (struct answer *a = b->answers; a < b->answers + b->n; a++)
        if (a->fid != P9_NOFID && p9_finish_getattr(&a->call, &a->attr) < 0)
            a->state = UNKNOWN;
}

/* Who used most of a batch gets a larger one. */
static void set_size(struct p9_batch *b, const struct p9 *client)
{
    if (b->n && 2 * b->given < b->n)
        b->size = MAX(b->size / 2, BATCH_LEAST);
    else if (b->n)
        b->size *= 4;
    b->size = MIN(b->size, MIN(BATCH_MOST, client->link->depth * 2 / 3));
}

static bool ask_batch(struct p9_batch *b, const struct node *from, const struct name *names, unsigned n, bool follow)
{
    struct p9 *client = p9_of(from);
    struct name same;
    set_size(b, client);
    b->given = b->next = 0;
    if (mem_free_count() < BATCH_FREE || expect(b, client, names[n - 1]) < 2) {
        b->n = 0;
        return false;
    }
    b->life = client->life;
    b->asked = vfs_now();
    p9_cache_busy(true);
    send_walks(b, client, p9_fid(from), names, n);
    send_getattrs(b, from, names, n, follow);
    finish_getattrs(b);
    p9_cache_busy(false);
    /* All are kept then, and not asked for here again. */
    for (; client->fs->cache == CACHE_LOOSE && b->given < b->n; b->given++)
        p9_list_expect(client, b->dir, b->answers[b->given].name, &same, 1);
    b->asked.heard = vfs_heard;
    return true;
}

/* Whoever asks about a name of a listing may ask about the next one. */
static void follow_listing(const struct node *from, const struct name *names, unsigned n, u64 dir)
{
    struct p9 *client = p9_of(from);
    struct name name;
    if (!p9_list_expect(client, dir, names[n - 1], &name, 1))
        return;
    if (!client->batch && mem_free_count() >= BATCH_FREE && !(client->batch = mem_new(sizeof *client->batch)))
        return;
    struct p9_batch *b = client->batch;
    if (!b)
        return;
    if (b->dir != dir)
        b->size = BATCH_FIRST;
    b->dir = dir;
    b->from = p9_fid(from);
    b->prefix_len = put_prefix(names, n - 1, b->prefix);
}

/* What is kept of it, by the modes that keep something. -EAGAIN: nothing. */
static int stat_known(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                      struct qid *qids, struct attr *attr)
{
    int got = p9_cache_walk(from, names, n, qids);
    if (got != (int)n)
        return got;
    *out = (struct node){.qid = qids[n - 1]};
    bool link = follow && (out->qid.type & QID_SYMLINK);
    return !link && p9_cache_attr(p9_of(from), out->qid.path, attr) ? got : -EAGAIN;
}

/* An answer that came with others. -EAGAIN: there is none. */
static int stat_answered(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                         struct qid *qids, struct attr *attr)
{
    struct p9_batch *b = p9_of(from)->batch;
    const struct answer *a = take_answer(b, p9_of(from), names[n - 1]);
    return a && !(follow && (a->attr.qid.type & QID_SYMLINK)) ? give(b, a, n, out, qids, attr) : -EAGAIN;
}

static void try_listing(const struct node *from, const struct name *names, unsigned n, int got, const struct qid *qids)
{
    if (p9_of(from)->list && (got == (int)n || got == (int)n - 1))
        follow_listing(from, names, n, n > 1 ? qids[n - 2].path : from->qid.path);
}

/* Names that more than one Twalk takes: from the directory that all but the last of these lead to. */
static COLD int stat_far(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                         struct qid *qids, struct attr *attr, bool batch)
{
    struct node at;
    unsigned far = 0;
    while (p9_names_that_fit(names + far, n - far) < n - far)
        far += p9_names_that_fit(names + far, n - far);
    int got = from->fs->ops->walk(from, names, far, &at, qids);
    if (got != (int)far)
        return got;
    bool here = at.qid.type & QID_DIR;
    /* The walk may have needed the batch's memory. */
    if (here && batch && p9_of(from)->batch && ask_batch(p9_of(from)->batch, &at, names + far, n - far, follow)) {
        got = stat_answered(from, names, n, follow, out, qids, attr);
        here = got == -EAGAIN;
    }
    if (here) {
        got = stat_node(&at, names + far, n - far, follow, out, qids + far, attr);
        got += got > 0 ? (int)far : 0;
        try_listing(from, names, n, got, qids);
    }
    from->fs->ops->clunk(&at);
    return got;
}

int p9fs_stat(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
              struct qid *qids, struct attr *attr)
{
    struct p9 *client = p9_of(from);
    p9_gather_flush(client);
    if (n == 0 && !from->open) {
        struct node same = *from;
        *out = (struct node){.qid = from->qid};
        return from->fs->ops->getattr(&same, attr);
    }
    if (n == 0)
        return stat_node(from, names, n, follow, out, qids, attr);
    int got = client->cache ? stat_known(from, names, n, follow, out, qids, attr) : -EAGAIN;
    bool batch = client->batch && is_here(client->batch, from, names, n - 1);
    bool near = p9_names_that_fit(names, n) == n;
    if (got == -EAGAIN && batch) {
        got = stat_answered(from, names, n, follow, out, qids, attr);
        if (got == -EAGAIN && near && ask_batch(client->batch, from, names, n, follow))
            got = stat_answered(from, names, n, follow, out, qids, attr);
    }
    if (got != -EAGAIN)
        return got;
    if (!near)
        return stat_far(from, names, n, follow, out, qids, attr, batch);
    got = stat_alone(from, names, n, follow, out, qids, attr);
    if (from->fs->cache == CACHE_LOOSE)
        p9_cache_learn_walk(from, names, n, got, qids);
    try_listing(from, names, n, got, qids);
    return got;
}

void p9_stat_free(struct p9 *client)
{
    mem_delete(client->batch, sizeof *client->batch);
    client->batch = NULL;
}

int p9fs_statfs(struct node *node, struct fs_stat *out)
{
    struct p9_call call;
    p9_gather_flush(p9_of(node));
    struct wire w = p9_begin_on(&call, node, P9_TSTATFS);
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    wire_get32(&w);
    out->type = V9FS_MAGIC; /* what the host has below says nothing of what this is */
    out->bsize = wire_get32(&w);
    out->blocks = wire_get64(&w);
    out->bfree = wire_get64(&w);
    out->bavail = wire_get64(&w);
    out->files = wire_get64(&w);
    out->ffree = wire_get64(&w);
    out->fsid = wire_get64(&w);
    out->namelen = wire_get32(&w);
    out->bsize = MAX(out->bsize, 1); /* programs divide by it */
    return wire_ok(&w) ? 0 : p9_bad(&call, "short Rstatfs");
}
