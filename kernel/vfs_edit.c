/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_edit - what changes trees: names made, moved and removed, attributes set. */
#include "vfs.h"
#include "mem.h"

/* A name in the directory that holds it; the directory's node is ours until let_go(). */
struct slot {
    struct place dir;
    struct name name;
    bool slash;   /* the path said that it is a directory */
    bool mounted; /* something is mounted there */
    char text[VFS_NAME_MAX + 1];
};

static const struct fs_ops *ops_of(const struct place *place)
{
    return place->node.fs->ops;
}

static void let_go(struct place *place)
{
    if (ops_of(place)->clunk)
        ops_of(place)->clunk(&place->node);
}

static bool is_dots(const struct slot *s)
{
    return s->name.s[0] == '.' && (s->name.len == 1 || (s->name.len == 2 && s->name.s[1] == '.'));
}

/* Finds the directory that a path's last name is in. A path without one ("/", "..", "a/.") fails with `odd`. */
static int find_slot(const struct file *at, const char *path, int odd, struct slot *s)
{
    int err = vfs_look_up_parent(at, path, &s->dir, s->text, &s->slash);
    if (err < 0)
        return err;
    s->name = (struct name){s->text, (u16)strlen(s->text)};
    s->mounted = vfs_is_mount_point(s->dir.path, s->text);
    if (s->name.len && !is_dots(s))
        return 0;
    let_go(&s->dir);
    return odd;
}

static bool is_readonly(const struct place *place)
{
    struct fs *fs;
    const char *path;
    u32 flags;
    vfs_mount_at(place->mount, &fs, &path, &flags);
    return flags & MOUNT_READONLY;
}

/* Whether something has the slot's name: 0, -ENOENT... */
static int exists(const struct slot *s, struct qid *qid)
{
    struct node found;
    int n = ops_of(&s->dir)->walk(&s->dir.node, &s->name, 1, &found, qid);
    if (n == 1 && ops_of(&s->dir)->clunk)
        ops_of(&s->dir)->clunk(&found);
    return n == 1 ? 0 : n < 0 ? n : -ENOENT;
}

/* What Linux says before it asks the file system to make a name. */
static int may_make(const struct slot *s, bool directory)
{
    struct qid qid;
    if (s->mounted)
        return -EEXIST;
    bool readonly = is_readonly(&s->dir);
    if (!readonly && (!s->slash || directory))
        return 0;
    int err = exists(s, &qid);
    if (err != -ENOENT)
        return err ? err : -EEXIST;
    return s->slash && !directory ? -ENOENT : -EROFS;
}

/* And before one is taken away. */
static int may_remove(const struct slot *s)
{
    struct qid qid;
    if (s->mounted)
        return -EBUSY;
    if (!is_readonly(&s->dir))
        return 0;
    int err = exists(s, &qid);
    return err ? err : -EROFS;
}

/* ---- making ---- */

int vfs_mkdir(const struct file *at, const char *path, u32 mode)
{
    struct slot s;
    int err = find_slot(at, path, -EEXIST, &s);
    if (err < 0)
        return err;
    err = may_make(&s, true);
    if (err == 0)
        err = ops_of(&s.dir)->mkdir ? ops_of(&s.dir)->mkdir(&s.dir.node, s.name, mode) : -EPERM;
    let_go(&s.dir);
    return err;
}

int vfs_mknod(const struct file *at, const char *path, u32 mode, u32 major, u32 minor)
{
    struct slot s;
    int err = find_slot(at, path, -EEXIST, &s);
    if (err < 0)
        return err;
    err = may_make(&s, false);
    if (err == 0)
        err = ops_of(&s.dir)->mknod ? ops_of(&s.dir)->mknod(&s.dir.node, s.name, mode, major, minor) : -EPERM;
    let_go(&s.dir);
    return err;
}

int vfs_symlink(const char *target, const struct file *at, const char *path)
{
    struct slot s;
    size_t len = strnlen(target, VFS_PATH_MAX);
    if (len == 0 || len == VFS_PATH_MAX)
        return len ? -ENAMETOOLONG : -ENOENT;
    int err = find_slot(at, path, -EEXIST, &s);
    if (err < 0)
        return err;
    err = may_make(&s, false);
    if (err == 0)
        err = ops_of(&s.dir)->symlink ? ops_of(&s.dir)->symlink(&s.dir.node, s.name, target, len) : -EPERM;
    let_go(&s.dir);
    return err;
}

static int link_to(const struct place *old, const struct slot *s)
{
    int err = may_make(s, false);
    if (err < 0)
        return err;
    if (old->mount != s->dir.mount)
        return -EXDEV;
    if (old->node.qid.type & QID_DIR)
        return -EPERM;
    return ops_of(&s->dir)->link ? ops_of(&s->dir)->link(&s->dir.node, s->name, &old->node) : -EPERM;
}

int vfs_link(const struct file *old_at, const char *old_path, const struct file *at, const char *path, u32 flags)
{
    struct place old;
    struct slot s;
    int err = vfs_look_up(old_at, old_path, flags, &old);
    if (err < 0)
        return err;
    err = find_slot(at, path, -EEXIST, &s);
    if (err == 0) {
        err = link_to(&old, &s);
        let_go(&s.dir);
    }
    let_go(&old);
    return err;
}

/* ---- moving and removing ---- */

static int rename_to(const struct slot *from, const struct slot *to, u32 flags)
{
    struct qid qid = {0}, there;
    if (from->dir.mount != to->dir.mount)
        return -EXDEV;
    int err = exists(from, &qid);
    if (err < 0)
        return err;
    if (!(qid.type & QID_DIR) && (from->slash || to->slash))
        return -ENOTDIR;
    if ((flags & RENAME_NOREPLACE) && exists(to, &there) == 0)
        return -EEXIST;
    err = may_remove(from);
    if (err == 0 && to->mounted)
        err = -EBUSY;
    if (err < 0)
        return err;
    const struct fs_ops *ops = ops_of(&from->dir);
    return ops->rename ? ops->rename(&from->dir.node, from->name, &to->dir.node, to->name) : -EPERM;
}

int vfs_rename(const struct file *old_at, const char *old_path, const struct file *at, const char *path, u32 flags)
{
    struct slot from, to;
    if (flags & ~(u32)RENAME_NOREPLACE)
        return -EINVAL;
    int odd = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    int err = find_slot(old_at, old_path, -EBUSY, &from);
    if (err < 0)
        return err;
    err = find_slot(at, path, odd, &to);
    if (err == 0) {
        err = rename_to(&from, &to, flags);
        let_go(&to.dir);
    }
    let_go(&from.dir);
    return err;
}

/* "a/" names a directory: unlink says EISDIR or ENOTDIR, whichever is true. */
static int unlink_slash(const struct slot *s)
{
    struct qid qid = {0};
    int err = exists(s, &qid);
    return err ? err : qid.type & QID_DIR ? -EISDIR : -ENOTDIR;
}

static int odd_removal(const char *path, bool directory)
{
    size_t len = strlen(path);
    if (!directory)
        return -EISDIR;
    while (len && path[len - 1] == '/')
        len--;
    if (len == 0)
        return -EBUSY;
    return len >= 2 && path[len - 2] == '.' ? -ENOTEMPTY : -EINVAL;
}

int vfs_unlink(const struct file *at, const char *path, bool directory)
{
    struct slot s;
    int err = find_slot(at, path, odd_removal(path, directory), &s);
    if (err < 0)
        return err;
    err = s.slash && !directory ? unlink_slash(&s) : may_remove(&s);
    if (err == 0)
        err = ops_of(&s.dir)->unlink ? ops_of(&s.dir)->unlink(&s.dir.node, s.name, directory) : -EPERM;
    let_go(&s.dir);
    return err;
}

/* ---- attributes ---- */

static int change_node(const struct place *place, struct node *node, const struct attr_change *change)
{
    if (is_readonly(place))
        return -EROFS;
    if (change->valid & CHANGE_SIZE) {
        if (node->qid.type & QID_DIR)
            return -EISDIR;
        if (node->qid.type & QID_SYMLINK)
            return -EINVAL;
    }
    return node->fs->ops->setattr ? node->fs->ops->setattr(node, change) : -EPERM;
}

int vfs_change_path(const struct file *at, const char *path, u32 flags, const struct attr_change *change)
{
    struct place place;
    int err = vfs_look_up(at, path, flags, &place);
    if (err < 0)
        return err;
    err = change_node(&place, &place.node, change);
    let_go(&place);
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
    if ((file->mode & S_IFMT) == S_IFCHR)
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

static struct name name_of(const char *name)
{
    return (struct name){name, (u16)strlen(name)};
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
        got = ops->getxattr(&place.node, name_of(name), value, size);
    else
        got = *name ? -EOPNOTSUPP : 0;
    if (!file)
        let_go(&place);
    return got;
}

int vfs_setxattr(struct file *file, const struct file *at, const char *path, u32 flags, const char *name,
                 const void *value, size_t size, u32 how)
{
    struct place place;
    int err = find_node(file, at, path, flags, &place);
    if (err < 0)
        return err;
    if (is_readonly(&place))
        err = -EROFS;
    else if (ops_of(&place)->setxattr)
        err = ops_of(&place)->setxattr(&place.node, name_of(name), value, size, how);
    else
        err = -EOPNOTSUPP;
    if (!file)
        let_go(&place);
    return err;
}
