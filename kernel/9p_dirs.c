/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_dirs - the directories in which this guest changes names: the next change in one of them needs no walk to it.
 *
 * The fid of a mount's root or of an open directory does for what is changed in it. One that was walked to is kept, and stands for its path as long as the
 * program could not tell it from a new walk: while nothing was heard but that changes in this very directory succeeded (a rename is one in both of its
 * directories), and, for who looks at a clock, for a few milliseconds since the walk; with cache=loose until this guest renames or removes a directory on
 * its way. The mode that new directories go by is kept with it.
 *
 * A mount's root that is only walked from (chdir, O_PATH) needs no fid of its own: the mount stands as long as such a file. */
#include "9p.h"
#include "9p_client.h"
#include "later.h"
#include "vfs.h"

static bool is_fresh(const struct p9 *c, const struct p9_dir *d)
{
    if (d->old || d->life != c->life)
        return false;
    return p9_is_loose(c) || vfs_is_still((struct vfs_moment){d->heard < vfs_began ? d->heard : vfs_heard, d->cycles});
}

/* It is not found any more; who uses it still does so. */
static void end(struct p9 *c, struct p9_dir *d)
{
    d->old = true;
    if (d->users)
        return;
    if (d->walked)
        p9_clunk(c, d->fid, false);
    *d = (struct p9_dir){0};
}

static struct p9_dir *find(struct p9 *c, u32 fid)
{
    for (struct p9_dir *d = c->dirs; d < c->dirs + P9_DIRS; d++)
        if (d->used && d->fid == fid)
            return d;
    return NULL;
}

/* The next that nobody uses. There is one: a rename has two. */
static struct p9_dir *replace(struct p9 *c)
{
    struct p9_dir *d;
    do
        d = &c->dirs[c->next_dir++ % P9_DIRS];
    while (d->users);
    if (d->used)
        end(c, d);
    return d;
}

static void use(struct p9 *c, struct p9_dir *d, const struct node *from, u8 known, struct node *out)
{
    d->users++;
    *out = (struct node){.fs = c->fs, .id = d->fid, .known = known};
    out->qid = d->walked ? (struct qid){QID_DIR, d->version, d->qid_path} : from->qid;
}

static void begin(struct p9 *c, struct p9_dir *d)
{
    d->used = true;
    d->has_mode = false;
    d->life = c->life;
    d->heard = vfs_now().heard;
    d->cycles = vfs_now().cycles;
}

/* The directory that an open file or a mount's root is. */
static int use_itself(const struct node *from, struct node *out)
{
    struct p9 *c = p9_of(from);
    struct p9_dir *d = find(c, p9_fid(from));
    if (!d) {
        d = replace(c);
        *d = (struct p9_dir){.fid = p9_fid(from), .from = p9_fid(from)};
        begin(c, d);
    } else if (!is_fresh(c, d))
        begin(c, d);
    d->old = false;
    use(c, d, from, NODE_IS_ITSELF, out);
    return 0;
}

int p9_dirs_walk(const struct node *from, u8 next, const struct name *names, unsigned n, struct node *out,
                 struct qid *qids)
{
    struct p9 *c = p9_of(from);
    if (next == VFS_NEXT_WALK && n == 0) {
        *out = *from;
        out->known = NODE_IS_ROOT;
    }
    if (next == VFS_NEXT_WALK)
        return n ? -EAGAIN : 0;
    if (n == 0)
        return from->qid.type & QID_DIR ? use_itself(from, out) : -EAGAIN;
    for (struct p9_dir *d = c->dirs; d < c->dirs + P9_DIRS; d++) {
        if (!d->walked || d->old || d->from != p9_fid(from) || !p9_is_at(c, d->fid, d->from, names, n))
            continue;
        if (!is_fresh(c, d)) {
            end(c, d);
            continue;
        }
        for (unsigned i = 0; i < n; i++)
            qids[i] = (struct qid){.type = QID_DIR};
        use(c, d, from, NODE_IS_KNOWN, out);
        return (int)n;
    }
    return -EAGAIN;
}

static void give_up(struct p9 *c)
{
    for (struct p9_dir *d = c->dirs; d < c->dirs + P9_DIRS; d++)
        if (d->walked && !d->users)
            end(c, d);
}

static void rest(struct later *work)
{
    const char *tag;
    struct p9 *c;
    (void)work;
    for (unsigned i = 0; (c = p9_client(i, &tag)); i++) {
        if (!p9_is_loose(c))
            give_up(c);
        p9_kick(c);
    }
}

COLD bool p9_fids_short(struct p9 *c)
{
    if (c->restarting)
        return false;
    give_up(c);
    bool some = c->nriding || c->in_flight;
    p9_kick(c);
    p9_drain(c);
    return some;
}

void p9_idle(void)
{
    static struct later work = {.fn = rest};
    later_idle(&work);
}

void p9_dirs_keep(const struct node *from, const struct qid *qids, unsigned n, struct node *out)
{
    struct p9 *c = p9_of(from);
    for (unsigned i = 0; i < n; i++)
        if (!(qids[i].type & QID_DIR))
            return;
    struct p9_dir *d = replace(c);
    *d = (struct p9_dir){.fid = p9_fid(out), .from = p9_fid(from), .walked = true, .version = out->qid.version};
    d->qid_path = out->qid.path;
    begin(c, d);
    use(c, d, from, NODE_IS_KEPT, out);
    p9_idle();
}

void p9_dirs_clunk(const struct node *node)
{
    struct p9_dir *d = node->known == NODE_IS_ROOT ? NULL : find(p9_of(node), p9_fid(node));
    if (d && --d->users == 0 && d->old)
        end(p9_of(node), d);
}

void p9_dirs_close(struct p9 *c, u32 from)
{
    for (struct p9_dir *d = c->dirs; d < c->dirs + P9_DIRS; d++)
        if (d->used && d->from == from)
            end(c, d);
}

void p9_dirs_changed(const struct node *dir, int err)
{
    struct p9_dir *d = dir->known ? find(p9_of(dir), p9_fid(dir)) : NULL;
    if (!d)
        return;
    if (err < 0)
        end(p9_of(dir), d);
    else if (d->heard >= vfs_began)
        d->heard = vfs_heard;
}

void p9_dirs_gone(const struct node *dir, struct name name)
{
    struct p9 *c = p9_of(dir);
    for (struct p9_dir *d = c->dirs; d < c->dirs + P9_DIRS; d++)
        if (d->walked && p9_lies_below(c, d->fid, p9_fid(dir), name))
            end(c, d);
}

int p9_dirs_mode(const struct node *dir, u32 *mode)
{
    struct p9_dir *d = dir->known ? find(p9_of(dir), p9_fid(dir)) : NULL;
    struct node same = *dir;
    struct attr attr;
    if (d && d->has_mode && is_fresh(p9_of(dir), d)) {
        *mode = d->mode;
        return 0;
    }
    int err = dir->fs->ops->getattr(&same, &attr);
    if (err < 0)
        return err;
    p9_dirs_changed(dir, 0);
    *mode = attr.mode;
    if (d) {
        d->has_mode = true;
        d->mode = attr.mode;
    }
    return 0;
}

void p9_dirs_modes_changed(struct p9 *c)
{
    for (struct p9_dir *d = c->dirs; d < c->dirs + P9_DIRS; d++)
        d->has_mode = false;
}
