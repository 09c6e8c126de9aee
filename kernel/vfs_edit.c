/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_edit - what changes trees: names made, moved and removed, attributes set. */
#include "vfs.h"
#include "mem.h"

/* The last name of a path. */
enum last { NAME, ROOT, DOT, DOTDOT };

/* A name in the directory that holds it; both are ours until let_go(). */
struct slot {
    struct place dir;
    struct name name;
    enum last last;
    bool slash; /* the path said that it is a directory */
    char text[VFS_NAME_MAX + 2];
    char *path; /* canonical */
};

static const struct fs_ops *ops_of(const struct place *place)
{
    return place->node.fs->ops;
}

static int let_go(struct slot *s, int result)
{
    vfs_clunk(&s->dir.node);
    vfs_path_free(s->path);
    return result;
}

/* A change of names begins here, and with it all that is asked for it; how often it was tried. */
static unsigned begin(void)
{
    vfs_began = vfs_heard;
    return 0;
}

/* After an error: may the directory that was known be another one by now? It is not known any more then, so that a second look tells. */
static bool is_old(const struct slot *s, int err, unsigned *tries)
{
    bool lost = err == -ENOENT || err == -ENOTDIR || err == -ESTALE || err == -ELOOP;
    if (!lost || s->dir.node.known != NODE_IS_KNOWN || *tries)
        return false;
    *tries = begin() + 1;
    return true;
}

static enum last last_of(const char *name)
{
    return !*name ? ROOT : strcmp(name, ".") == 0 ? DOT : strcmp(name, "..") == 0 ? DOTDOT : NAME;
}

/* Finds the directory that a path's last name is in. */
static int find_slot(const struct file *at, const char *path, struct slot *s)
{
    s->dir.node = (struct node){0};
    int err = vfs_look_up_parent(at, path, VFS_NEXT_CHANGE, &s->dir, s->text, &s->slash);
    if (err < 0)
        return err;
    s->name = vfs_name(s->text);
    s->last = last_of(s->text);
    s->path = vfs_path_join(s->dir.path, s->text);
    if (!s->path)
        vfs_clunk(&s->dir.node);
    return s->path ? 0 : -ENOMEM;
}

static bool is_mounted(const struct slot *s)
{
    return strcmp(vfs_mount_of(s->path)->path, s->path) == 0;
}

/* Whether something has the slot's name: 0, -ENOENT... */
static int exists(const struct slot *s, struct qid *qid)
{
    struct place found;
    int n = ops_of(&s->dir)->walk(&s->dir.node, &s->name, 1, &found.node, qid);
    if (n == 1)
        vfs_clunk(&found.node);
    return n == 1 ? 0 : n < 0 ? n : -ENOENT;
}

/* `error`, but for a name that is there Linux says that first. */
static int unless_exists(const struct slot *s, int error)
{
    struct qid qid;
    int err = exists(s, &qid);
    return err == 0 ? -EEXIST : err == -ENOENT ? error : err;
}

/* The slot for a new name, and what Linux says before it asks the file system to make one. After an error nothing is to let go of. */
static int find_new(const struct file *at, const char *path, bool directory, struct slot *s)
{
    int err = find_slot(at, path, s);
    if (err < 0)
        return err;
    if (s->name.len > VFS_NAME_MAX)
        err = -ENAMETOOLONG;
    else if (s->last != NAME || is_mounted(s))
        err = -EEXIST;
    else if (s->slash && !directory)
        err = unless_exists(s, -ENOENT);
    else if (vfs_is_readonly(s->dir.mount))
        err = unless_exists(s, -EROFS);
    return err < 0 ? let_go(s, err) : 0;
}

/* ---- making ---- */

/* What is to have a new name: another one of `old`; a link to `target`; a directory; or else a node. */
struct making {
    const struct place *old;
    const char *target;
    size_t len;
    bool directory;
    u32 mode, major, minor;
};

static int link_to(const struct place *old, const struct slot *s)
{
    if (old->mount != s->dir.mount)
        return unless_exists(s, -EXDEV);
    if ((old->node.qid.type & QID_DIR) || !ops_of(old)->link)
        return unless_exists(s, -EPERM);
    return ops_of(old)->link(&s->dir.node, s->name, &old->node);
}

static int make_in(const struct slot *s, const struct making *m)
{
    const struct fs_ops *ops = ops_of(&s->dir);
    const struct node *dir = &s->dir.node;
    if (m->old)
        return link_to(m->old, s);
    if (m->target)
        return ops->symlink ? ops->symlink(dir, s->name, m->target, m->len) : unless_exists(s, -EPERM);
    if (m->directory)
        return ops->mkdir ? ops->mkdir(dir, s->name, m->mode) : unless_exists(s, -EPERM);
    return ops->mknod ? ops->mknod(dir, s->name, m->mode, m->major, m->minor) : unless_exists(s, -EPERM);
}

static int make(const struct file *at, const char *path, const struct making *m)
{
    struct slot s;
    unsigned tries = m->old ? 0 : begin();
    int err;
    do {
        err = find_new(at, path, m->directory, &s);
        if (err == 0)
            err = let_go(&s, make_in(&s, m));
    } while (is_old(&s, err, &tries));
    return err;
}

int vfs_mkdir(const struct file *at, const char *path, u32 mode)
{
    return make(at, path, &(struct making){.directory = true, .mode = mode});
}

int vfs_mknod(const struct file *at, const char *path, u32 mode, u32 major, u32 minor)
{
    return make(at, path, &(struct making){.mode = mode, .major = major, .minor = minor});
}

int vfs_symlink(const char *target, const struct file *at, const char *path)
{
    size_t len = strnlen(target, VFS_PATH_MAX);
    if (len == 0 || len == VFS_PATH_MAX)
        return len ? -ENAMETOOLONG : -ENOENT;
    return make(at, path, &(struct making){.target = target, .len = len});
}

int vfs_link(const struct file *old_at, const char *old_path, const struct file *at, const char *path, u32 flags)
{
    struct place old;
    begin();
    int err = vfs_look_up(old_at, old_path, flags, &old);
    if (err < 0)
        return err;
    err = make(at, path, &(struct making){.old = &old});
    vfs_clunk(&old.node);
    return err;
}

/* ---- moving and removing ---- */

/* What Linux says of two names before it asks the file system. */
static int may_rename(const struct slot *from, const struct slot *to, u32 flags)
{
    struct qid qid, there;
    bool mounted = is_mounted(from) || is_mounted(to);
    bool into = vfs_path_below(to->path, from->path), over = vfs_path_below(from->path, to->path);
    bool too_long = to->name.len > VFS_NAME_MAX;
    if (!flags && !from->slash && !to->slash && !mounted && !into && !over && !too_long)
        return 0;
    int err = exists(from, &qid);
    if (err < 0 || too_long)
        return err < 0 ? err : -ENAMETOOLONG;
    if (flags && exists(to, &there) == 0)
        return -EEXIST;
    if (!(qid.type & QID_DIR) && (from->slash || to->slash))
        return -ENOTDIR;
    if (into != over)
        return into ? -EINVAL : -ENOTEMPTY;
    return mounted ? qid.type & QID_DIR ? -EBUSY : -EISDIR : 0;
}

static int rename_to(const struct slot *from, const struct slot *to, u32 flags)
{
    const struct fs_ops *ops = ops_of(&from->dir);
    if (from->dir.mount != to->dir.mount)
        return -EXDEV;
    if (from->last != NAME || to->last != NAME)
        return from->last == NAME && flags ? -EEXIST : -EBUSY;
    if (vfs_is_readonly(from->dir.mount))
        return -EROFS;
    if (from->name.len > VFS_NAME_MAX)
        return -ENAMETOOLONG;
    int err = may_rename(from, to, flags);
    if (err == 0)
        err = ops->rename ? ops->rename(&from->dir.node, from->name, &to->dir.node, to->name) : -EPERM;
    if (err < 0 || strcmp(from->path, to->path) == 0)
        return err;
    vfs_directory_removed(to->path);
    vfs_files_moved(from->path, to->path);
    vfs_mounts_moved(from->path, to->path);
    return 0;
}

int vfs_rename(const struct file *old_at, const char *old_path, const struct file *at, const char *path, u32 flags)
{
    struct slot from, to;
    unsigned tries = begin();
    int err;
    if (flags & ~(u32)RENAME_NOREPLACE)
        return -EINVAL;
    do {
        err = find_slot(old_at, old_path, &from);
        if (err < 0)
            return err;
        to.dir.node = (struct node){0};
        err = find_slot(at, path, &to);
        if (err == 0)
            err = let_go(&to, rename_to(&from, &to, flags));
        let_go(&from, err);
    } while (is_old(&from, err, &tries) || is_old(&to, err, &tries));
    return err;
}

static int remove_name(const struct slot *s, bool directory)
{
    static const int odd[] = {[ROOT] = -EBUSY, [DOT] = -EINVAL, [DOTDOT] = -ENOTEMPTY};
    const struct fs_ops *ops = ops_of(&s->dir);
    struct qid qid;
    if (s->last != NAME)
        return directory ? odd[s->last] : -EISDIR;
    if (vfs_is_readonly(s->dir.mount))
        return -EROFS;
    if (s->name.len > VFS_NAME_MAX)
        return -ENAMETOOLONG;
    if (is_mounted(s))
        return directory ? -EBUSY : -EISDIR;
    if (s->slash && !directory) {
        int err = exists(s, &qid);
        return err ? err : qid.type & QID_DIR ? -EISDIR : -ENOTDIR;
    }
    int err = ops->unlink ? ops->unlink(&s->dir.node, s->name, directory) : -EPERM;
    if (err == 0 && directory)
        vfs_directory_removed(s->path);
    return err;
}

int vfs_unlink(const struct file *at, const char *path, bool directory)
{
    struct slot s;
    unsigned tries = begin();
    int err;
    do {
        err = find_slot(at, path, &s);
        if (err == 0)
            err = let_go(&s, remove_name(&s, directory));
    } while (is_old(&s, err, &tries));
    return err;
}

/* ---- attributes ---- */

static int change_node(const struct place *place, struct node *node, const struct attr_change *change)
{
    if (!change->valid)
        return -EINVAL;
    if (vfs_is_readonly(place->mount))
        return -EROFS;
    if ((change->valid & CHANGE_MODE) && (node->qid.type & QID_SYMLINK))
        return -EOPNOTSUPP;
    if (change->valid & CHANGE_SIZE)
        vfs_settle(node, NULL);
    return node->fs->ops->setattr ? node->fs->ops->setattr(node, change) : -EPERM;
}

/* Only a regular file has a size to be set. */
static int may_resize(struct node *node)
{
    struct attr attr;
    if (node->qid.type & QID_DIR)
        return -EISDIR;
    int err = node->fs->ops->getattr(node, &attr);
    return err < 0 ? err : (attr.mode & S_IFMT) == S_IFREG ? 0 : -EINVAL;
}

int vfs_change_path(const struct file *at, const char *path, u32 flags, const struct attr_change *change)
{
    struct place place;
    u32 next = change->valid & (CHANGE_SIZE | CHANGE_MODE) ? VFS_NEXT_GETATTR : 0;
    int err = vfs_look_up(at, path, flags | next, &place);
    if (err < 0)
        return err;
    err = change->valid & CHANGE_SIZE ? may_resize(&place.node) : 0;
    if (err == 0)
        err = change_node(&place, &place.node, change);
    vfs_clunk(&place.node);
    return err;
}

int vfs_change(struct file *file, const struct attr_change *change)
{
    struct place place = {.mount = file->mount};
    if (file->flags & O_PATH)
        return -EBADF;
    return change_node(&place, &file->node, change);
}

int vfs_fsync(struct file *file, bool data_only)
{
    if (file->flags & O_PATH)
        return -EBADF;
    if (vfs_type(file) == S_IFCHR || vfs_type(file) == S_IFIFO)
        return -EINVAL;
    return file->node.fs->ops->fsync ? file->node.fs->ops->fsync(&file->node, data_only) : 0;
}

/* ---- extended attributes ---- */

/* The node that a file or a path names. */
static int find_node(struct file *file, const struct file *at, const char *path, u32 flags, struct place *place)
{
    if (!file)
        return vfs_look_up(at, path, flags, place);
    if (file->flags & O_PATH)
        return -EBADF;
    *place = (struct place){.node = file->node, .mount = file->mount};
    return 0;
}

s64 vfs_getxattr(struct file *file, const struct file *at, const char *path, u32 flags, const char *name, void *value,
                 size_t size)
{
    struct place place;
    s64 got = find_node(file, at, path, flags, &place);
    if (got < 0)
        return got;
    const struct fs_ops *ops = ops_of(&place);
    if (ops->getxattr)
        got = ops->getxattr(&place.node, vfs_name(name), value, size);
    else
        got = *name ? -EOPNOTSUPP : 0;
    if (!file)
        vfs_clunk(&place.node);
    return got;
}

int vfs_setxattr(struct file *file, const struct file *at, const char *path, u32 flags, const char *name,
                 const void *value, size_t size, u32 how)
{
    struct place place;
    int err = find_node(file, at, path, flags, &place);
    if (err < 0)
        return err;
    if (vfs_is_readonly(place.mount))
        err = -EROFS;
    else if (ops_of(&place)->setxattr)
        err = ops_of(&place)->setxattr(&place.node, vfs_name(name), value, size, how);
    else
        err = -EOPNOTSUPP;
    if (!file)
        vfs_clunk(&place.node);
    return err;
}
