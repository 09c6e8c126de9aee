/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_edit - the messages that change a share: one function a message, all in the same steps. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum { AT_REMOVEDIR = 0x200 };
#define NO_GID 0xffffffffu /* whatever the server's user has (rule C8) */

static void put_name(struct wire *w, struct name name)
{
    wire_put_string(w, name.s, name.len);
}

/* For answers that consist of the qid of what is new in a directory. */
static int exchange_for_qid(struct p9_call *call, struct wire *w, const struct node *dir)
{
    int err = p9_exchange(call, w);
    p9_dirs_changed(dir, err);
    if (err < 0)
        return err;
    p9_cache_changed(call->client, p9_get_qid(w).path); /* the number was another's before */
    return wire_ok(w) ? 0 : p9_bad(call, "no qid");
}

int p9_clone(const struct node *node, u32 *out)
{
    struct node clone;
    int err = node->fs->ops->walk(node, &(struct name){0}, 0, &clone, &clone.qid);
    *out = err < 0 ? P9_NOFID : p9_fid(&clone);
    return err;
}

/* EXCL goes along always: servers give an existing file other rights, or take it for one of theirs (rule C7). */
int p9fs_create(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr)
{
    struct p9_call call;
    struct node in = *dir;
    p9_cache_edit(dir, name, false);
    struct wire w = p9_begin_on(&call, dir, P9_TLCREATE);
    put_name(&w, name);
    wire_put32(&w, (flags & P9_OPEN_FLAGS) | O_CREAT | O_EXCL | O_LARGEFILE);
    wire_put32(&w, mode);
    wire_put32(&w, NO_GID);
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    dir->qid = p9_get_qid(&w);
    wire_get32(&w); /* iounit, as in Rlopen */
    dir->open = true;
    dir->told = vfs_may_write(flags);
    if (!wire_ok(&w) || dir->qid.type & (QID_DIR | QID_SYMLINK))
        return p9_bad(&call, "no regular file created");
    err = p9_note(p9_of(dir), p9_fid(dir), p9_fid(dir), &name, 1, &dir->qid);
    if (err < 0)
        return err;
    p9_note_open(p9_of(dir), p9_fid(dir), flags);
    p9_cache_changed(p9_of(dir), dir->qid.path); /* the number was another's before */
    p9_cache_learn_walk(&in, &name, 1, 1, &dir->qid);
    *attr = (struct attr){.qid = dir->qid, .mode = S_IFREG | mode, .nlink = 1};
    return 0;
}

int p9fs_mkdir(const struct node *dir, struct name name, u32 mode)
{
    struct p9_call call;
    u32 parents;
    /* Within a set-group-id directory it is one, too; a server that sets the mode that we send would take that away. */
    int err = p9_dirs_mode(dir, &parents);
    if (err < 0)
        return err;
    p9_cache_edit(dir, name, false);
    struct wire w = p9_begin_on(&call, dir, P9_TMKDIR);
    put_name(&w, name);
    wire_put32(&w, mode | (parents & S_ISGID));
    wire_put32(&w, NO_GID);
    return exchange_for_qid(&call, &w, dir);
}

int p9fs_symlink(const struct node *dir, struct name name, const char *target, size_t len)
{
    struct p9_call call;
    p9_cache_edit(dir, name, false);
    struct wire w = p9_begin_long(&call, p9_of(dir), P9_TSYMLINK);
    wire_put32(&w, p9_fid(dir));
    put_name(&w, name);
    wire_put_string(&w, target, len);
    wire_put32(&w, NO_GID);
    return exchange_for_qid(&call, &w, dir);
}

int p9fs_mknod(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor)
{
    struct p9_call call;
    p9_cache_edit(dir, name, false);
    struct wire w = p9_begin_on(&call, dir, P9_TMKNOD);
    put_name(&w, name);
    wire_put32(&w, mode);
    wire_put32(&w, major);
    wire_put32(&w, minor);
    wire_put32(&w, NO_GID);
    return exchange_for_qid(&call, &w, dir);
}

int p9fs_link(const struct node *dir, struct name name, const struct node *target)
{
    struct p9_call call;
    p9_cache_edit(dir, name, false);
    p9_cache_changed(p9_of(dir), target->qid.path);
    struct wire w = p9_begin_on(&call, dir, P9_TLINK);
    wire_put32(&w, p9_fid(target));
    put_name(&w, name);
    int err = p9_exchange(&call, &w);
    p9_dirs_changed(dir, err);
    return err;
}

/* For servers that move and remove only what a fid stands for. */
static int rename_fid(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    struct p9_call call;
    struct node node;
    struct qid qid;
    int err = from->fs->ops->walk(from, &old_name, 1, &node, &qid);
    if (err < 0)
        return err;
    struct wire w = p9_begin_on(&call, &node, P9_TRENAME);
    wire_put32(&w, p9_fid(to));
    put_name(&w, new_name);
    err = p9_exchange(&call, &w);
    p9_clunk(p9_of(&node), p9_fid(&node), true);
    return err;
}

int p9fs_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    int err = -EOPNOTSUPP;
    p9_cache_rename(from, old_name, to, new_name);
    if (!p9_lacks(p9_of(from), P9_TRENAMEAT)) {
        struct p9_call call;
        struct wire w = p9_begin_on(&call, from, P9_TRENAMEAT);
        put_name(&w, old_name);
        wire_put32(&w, p9_fid(to));
        put_name(&w, new_name);
        err = p9_exchange(&call, &w);
    }
    err = err == -EOPNOTSUPP ? rename_fid(from, old_name, to, new_name) : err;
    p9_cache_rename(from, old_name, to, new_name);
    p9_dirs_changed(from, err);
    if (p9_fid(from) != p9_fid(to))
        p9_dirs_changed(to, err);
    p9_dirs_gone(from, old_name);
    p9_dirs_gone(to, new_name);
    if (err == 0)
        p9_note_rename(p9_of(from), p9_fid(from), old_name, p9_fid(to), new_name);
    return err;
}

/* Tremove takes whatever it is, so the kind is looked at before. */
static int remove_fid(const struct node *dir, struct name name, bool directory)
{
    struct node node;
    struct qid qid;
    int err = dir->fs->ops->walk(dir, &name, 1, &node, &qid);
    if (err < 0)
        return err;
    if (directory == !!(qid.type & QID_DIR))
        return p9_end(p9_of(&node), P9_TREMOVE, p9_fid(&node));
    p9_clunk(p9_of(&node), p9_fid(&node), true);
    return directory ? -ENOTDIR : -EISDIR;
}

int p9fs_unlink(const struct node *dir, struct name name, bool directory)
{
    int err = -EOPNOTSUPP;
    p9_cache_remove(dir, name, directory);
    if (!p9_lacks(p9_of(dir), P9_TUNLINKAT)) {
        struct p9_call call;
        struct wire w = p9_begin_on(&call, dir, P9_TUNLINKAT);
        put_name(&w, name);
        wire_put32(&w, directory ? AT_REMOVEDIR : 0);
        err = p9_exchange(&call, &w);
    }
    err = err == -EOPNOTSUPP ? remove_fid(dir, name, directory) : err;
    p9_dirs_changed(dir, err);
    if (directory)
        p9_dirs_gone(dir, name);
    if (err == 0)
        p9_cache_learn_walk(dir, &name, 1, -ENOENT, NULL);
    return err;
}

static void put_time(struct wire *w, struct timestamp t)
{
    wire_put64(w, t.sec);
    wire_put64(w, t.nsec);
}

/* A mode goes out with the file's type: servers that keep modes beside their files would forget the type. What can be open is a file or a directory. */
static int add_type(struct node *node, u32 *mode)
{
    struct attr attr = {.mode = node->qid.type & QID_DIR ? S_IFDIR : S_IFREG};
    int err = node->open || (node->qid.type & QID_DIR) ? 0 : node->fs->ops->getattr(node, &attr);
    *mode |= attr.mode & S_IFMT;
    return err;
}

int p9_check_name(const struct node *node)
{
    struct node clone;
    struct attr attr;
    struct qid none;
    p9_cache_changed(p9_of(node), node->qid.path); /* which would tell of the file, not of the name */
    int err = node->open ? node->fs->ops->walk(node, &(struct name){0}, 0, &clone, &none) : -ENOENT;
    if (err < 0)
        return err == -ENOENT ? 0 : err;
    err = node->fs->ops->getattr(&clone, &attr);
    p9_clunk(p9_of(&clone), p9_fid(&clone), true);
    if (err < 0)
        return err == -ENOENT ? 0 : err;
    return attr.qid.path == node->qid.path ? 0 : -ESTALE;
}

/* A file that has no name any more can still be made longer: by its last byte. */
static int grow(struct node *node, u64 size, int error)
{
    struct attr attr;
    int err = node->fs->ops->getattr(node, &attr);
    if (err < 0 || size <= attr.size)
        return err < 0 ? err : size == attr.size ? 0 : error;
    u8 *zero = mem_new(1);
    struct span span = {mem_phys(zero), 1};
    s64 put = zero ? p9_write(p9_of(node), p9_fid(node), &span, 1, size - 1) : -ENOMEM;
    mem_delete(zero, 1);
    return (int)MIN(put, 0);
}

static int send_setattr(struct node *node, const struct attr_change *c)
{
    struct p9_call call;
    u32 mode = c->mode;
    p9_cache_changed(p9_of(node), node->qid.path);
    int err = p9_check_name(node);
    p9_dirs_modes_changed(p9_of(node));
    if (err == 0 && (c->valid & CHANGE_MODE))
        err = add_type(node, &mode);
    if (err < 0)
        return err;
    struct wire w = p9_begin_on(&call, node, P9_TSETATTR);
    wire_put32(&w, c->valid);
    wire_put32(&w, mode);
    wire_put32(&w, c->uid);
    wire_put32(&w, c->gid);
    wire_put64(&w, c->size);
    put_time(&w, c->atime);
    put_time(&w, c->mtime);
    return p9_exchange(&call, &w);
}

int p9fs_setattr(struct node *node, const struct attr_change *c)
{
    p9_gather_flush(p9_of(node));
    p9_ahead_changed(node);
    int err = send_setattr(node, c);
    if ((err == -ENOENT || err == -ESTALE) && c->valid == CHANGE_SIZE)
        err = grow(node, c->size, err);
    p9_cache_changed(p9_of(node), node->qid.path); /* it was looked at before it was changed */
    return err;
}

int p9fs_fsync(struct node *node, bool data_only)
{
    struct p9_call call;
    int lost = p9_gather_sync(node);
    if (lost < 0)
        return lost;
    struct wire w = p9_begin_on(&call, node, P9_TFSYNC);
    wire_put32(&w, data_only);
    return p9_exchange(&call, &w);
}
