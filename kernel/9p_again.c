/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_again - a session that is begun again: after a reset of the device each fid stands for what it stood for before (client rule C12).
 *
 * Of each fid that the server knows its place is kept: the names that lead there from the root, each ended by '/'. What has another qid.path there by
 * then, and what was an attribute's fid, is lost: it answers EIO until it is clunked. */
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"

struct p9_origin {
    u64 qid_path;
    u32 flags; /* it was opened with */
    u32 len;   /* of path */
    bool open;
    bool fleeting; /* an attribute's: nowhere in the tree */
    bool lost;
    char path[];
};

static struct p9_origin *origin_of(struct p9 *c, u32 fid)
{
    struct p9_origin **at = p9_origin(c, fid);
    return at ? *at : NULL;
}

static void set(struct p9_origin **at, struct p9_origin *o)
{
    if (*at)
        mem_delete(*at, sizeof **at + (*at)->len);
    *at = o;
}

void p9_forget(struct p9 *c, u32 fid)
{
    struct p9_origin **at = p9_origin(c, fid);
    if (at)
        set(at, NULL);
}

static size_t put(char *to, const void *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return len;
}

int p9_note(struct p9 *c, u32 fid, u32 from, const struct name *names, unsigned n, const struct qid *qid)
{
    const struct p9_origin *base = from == P9_NOFID ? NULL : origin_of(c, from);
    size_t len = base ? base->len : 0;
    for (unsigned i = 0; i < n; i++)
        len += names[i].len + 1u;
    struct p9_origin **at = p9_make_origin(c, fid), *o = at ? mem_new(sizeof *o + len) : NULL;
    if (!o)
        return -ENOMEM;
    *o = (struct p9_origin){.qid_path = qid->path, .len = (u32)len, .lost = base && base->lost};
    char *end = o->path + (base ? put(o->path, base->path, base->len) : 0);
    for (unsigned i = 0; i < n; i++) {
        end += put(end, names[i].s, names[i].len);
        *end++ = '/';
    }
    set(at, o);
    return 0;
}

void p9_note_open(struct p9 *c, u32 fid, u32 flags)
{
    struct p9_origin *o = origin_of(c, fid);
    if (!o)
        return;
    o->open = true;
    o->flags = flags & P9_OPEN_FLAGS & ~(u32)O_TRUNC;
}

void p9_note_attribute(struct p9 *c, u32 fid)
{
    if (p9_note(c, fid, P9_NOFID, NULL, 0, &(struct qid){0}) == 0)
        origin_of(c, fid)->fleeting = true;
}

bool p9_lost(struct p9 *c, u32 fid)
{
    const struct p9_origin *o = origin_of(c, fid);
    return o && o->lost;
}

/* Does o lie at or below `name` in the directory `dir`? */
static bool lies_below(const struct p9_origin *o, const struct p9_origin *dir, struct name name)
{
    const char *p = o->path + dir->len;
    return o->len > dir->len + name.len && memcmp(o->path, dir->path, dir->len) == 0 &&
           memcmp(p, name.s, name.len) == 0 && p[name.len] == '/';
}

bool p9_lies_below(struct p9 *c, u32 fid, u32 dir, struct name name)
{
    const struct p9_origin *o = origin_of(c, fid), *top = origin_of(c, dir);
    return o && top && lies_below(o, top, name);
}

bool p9_is_at(struct p9 *c, u32 fid, u32 from, const struct name *names, unsigned n)
{
    const struct p9_origin *o = origin_of(c, fid), *base = origin_of(c, from);
    if (!o || !base || o->len < base->len || memcmp(o->path, base->path, base->len) != 0)
        return false;
    const char *p = o->path + base->len;
    size_t left = o->len - base->len;
    for (unsigned i = 0; i < n; i++) {
        if (left <= names[i].len || memcmp(p, names[i].s, names[i].len) != 0 || p[names[i].len] != '/')
            return false;
        p += names[i].len + 1;
        left -= names[i].len + 1u;
    }
    return left == 0;
}

/* The place of one that is moved; without memory for it, it would be lost. */
static void move(struct p9_origin **at, size_t cut, const struct p9_origin *dir, struct name name)
{
    const struct p9_origin *old = *at;
    size_t rest = old->len - cut, len = dir->len + name.len + 1 + rest;
    struct p9_origin *o = mem_new(sizeof *o + len);
    if (!o) {
        (*at)->fleeting = true;
        return;
    }
    *o = *old;
    o->len = (u32)len;
    char *end = o->path + put(o->path, dir->path, dir->len);
    end += put(end, name.s, name.len);
    *end++ = '/';
    put(end, old->path + cut, rest);
    set(at, o);
}

void p9_note_rename(struct p9 *c, u32 from, struct name old_name, u32 to, struct name new_name)
{
    const struct p9_origin *old_dir = origin_of(c, from), *new_dir = origin_of(c, to);
    /* Nothing moves into itself, whatever a server says. */
    if (!old_dir || !new_dir || lies_below(new_dir, old_dir, old_name))
        return;
    for (u32 fid = 0; fid < P9_FIDS; fid++) {
        struct p9_origin **at = p9_origin(c, fid);
        if (at && *at && lies_below(*at, old_dir, old_name))
            move(at, old_dir->len + old_name.len + 1, new_dir, new_name);
    }
}

/* From the root, in as many messages as it takes. */
static int walk_again(struct p9 *c, u32 root, u32 fid, const struct p9_origin *o)
{
    struct name names[P9_NAMES];
    struct qid qids[P9_NAMES];
    const char *p = o->path, *end = p + o->len;
    u32 at = root;
    do {
        unsigned n = 0;
        for (; p < end && n < P9_NAMES; n++) {
            names[n] = (struct name){p, (u16)((const char *)memchr(p, '/', (size_t)(end - p)) - p)};
            p += names[n].len + 1;
        }
        unsigned part = p9_names_that_fit(names, n);
        for (; n > part; n--)
            p -= names[n - 1].len + 1;
        int got = p9_walk_some(c, at, fid, names, n, qids);
        if (got != (int)n || (n && p == end && qids[n - 1].path != o->qid_path))
            return got < 0 ? got : -ESTALE;
        at = fid;
    } while (p < end);
    return 0;
}

static int open_again(struct p9 *client, u32 fid, u32 flags)
{
    struct p9_call call;
    struct qid qid;
    p9_send_open(&call, client, fid, flags);
    return p9_finish_open(&call, client, fid, flags, &qid);
}

static int restore(struct p9 *c, u32 root, u32 fid, const struct p9_origin *o)
{
    int err = walk_again(c, root, fid, o);
    return err < 0 || !o->open ? err : open_again(c, fid, o->flags);
}

/* The mount's: it is never walked from itself nor opened. */
static u32 find_root(struct p9 *c)
{
    for (u32 fid = 0; fid < P9_FIDS; fid++) {
        const struct p9_origin *o = origin_of(c, fid);
        if (o && o->len == 0 && !o->open && !o->fleeting)
            return fid;
    }
    return P9_NOFID;
}

static bool knows_none(struct p9 *c)
{
    for (u32 fid = 0; fid < P9_FIDS; fid++)
        if (origin_of(c, fid))
            return false;
    return true;
}

/* Fids that no answer has made yet have no place: their messages are sent again. Below another root nothing is what it was. */
int p9_restore(struct p9 *c)
{
    struct qid qid;
    u32 root = find_root(c);
    if (knows_none(c))
        return 0; /* it was about to be mounted */
    int err = root == P9_NOFID ? -EIO : p9_attach_fid(c, root, &qid);
    if (err == 0 && qid.path != origin_of(c, root)->qid_path)
        err = -ESTALE;
    for (u32 fid = 0; fid < P9_FIDS && err == 0; fid++) {
        struct p9_origin *o = origin_of(c, fid);
        if (o && fid != root)
            o->lost = o->lost || o->fleeting || restore(c, root, fid, o) < 0;
    }
    return err;
}
