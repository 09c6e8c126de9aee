/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs - open files, and what programs ask about paths; the look-up itself is vfs_path.c. */
#include "vfs.h"
#include "mem.h"

enum { TMPFS_MAGIC = 0x01021994, MEMORY_DEVICES = 1 };
enum { SEEK_SET, SEEK_CUR, SEEK_END };

static void clunk(struct node *node)
{
    if (node->fs->ops->clunk)
        node->fs->ops->clunk(node);
}

/* Positions mean nothing to a device; Linux's memory devices say so by staying at 0, all others by ESPIPE. */
static bool is_device(const struct file *file)
{
    return (file->mode & S_IFMT) == S_IFCHR;
}

static bool is_stream(const struct file *file)
{
    return is_device(file) && file->rdev_major != MEMORY_DEVICES;
}

/* ---- opening ---- */

static bool wants_write(u32 flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int may_write(const struct place *place)
{
    struct fs *fs;
    const char *path;
    u32 mounted;
    vfs_mount_at(place->mount, &fs, &path, &mounted);
    return !fs->ops->write || (mounted & MOUNT_READONLY) ? -EROFS : 0;
}

/* What Linux says before it asks the file system. */
static int may_open(const struct place *place, u32 flags)
{
    u8 type = place->node.qid.type;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((flags & O_DIRECTORY) && !(type & QID_DIR))
        return -ENOTDIR;
    if (flags & O_PATH)
        return 0;
    if (type & QID_SYMLINK)
        return -ELOOP;
    if ((type & QID_DIR) && (wants_write(flags) || (flags & O_CREAT)))
        return -EISDIR;
    if (!wants_write(flags))
        return 0;
    return may_write(place);
}

static int open_node(struct node *node, u32 flags, struct attr *attr)
{
    if (flags & O_PATH)
        return node->fs->ops->getattr(node, attr);
    return node->fs->ops->open(node, flags, attr);
}

static struct file *new_file(const struct place *place, u32 flags, const struct attr *attr)
{
    size_t len = strlen(place->path);
    struct file *file = mem_new(sizeof *file);
    char *path = file ? mem_new(len + 1) : NULL;
    if (!path) {
        if (file)
            mem_delete(file, sizeof *file);
        return NULL;
    }
    memcpy(path, place->path, len);
    flags &= ~(u32)(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
    flags |= flags & O_PATH ? 0 : O_LARGEFILE;
    *file = (struct file){.refs = 1, .flags = flags, .node = place->node, .mount = place->mount};
    file->path = path;
    file->mode = attr->mode;
    file->rdev_major = attr->rdev_major;
    file->directory = (attr->mode & S_IFMT) == S_IFDIR;
    return file;
}

int vfs_open(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct place place;
    struct attr attr;
    (void)mode;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return (flags & O_ACCMODE) == O_RDONLY ? -EINVAL : -EOPNOTSUPP;
    if ((flags & O_ACCMODE) == O_ACCMODE || ((flags & O_CREAT) && (flags & O_DIRECTORY)))
        return -EINVAL;
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    bool stay = (flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL));
    int err = vfs_look_up(at, path, stay ? VFS_NOFOLLOW : 0, &place);
    if (err == -ENOENT && place.last && (flags & O_CREAT))
        return path[strlen(path) - 1] == '/' ? -EISDIR : -EROFS;
    if (err < 0)
        return err;
    err = may_open(&place, flags);
    if (err == 0)
        err = open_node(&place.node, flags, &attr);
    if (err == 0 && !(*out = new_file(&place, flags, &attr)))
        err = -ENOMEM;
    if (err < 0)
        clunk(&place.node);
    return err < 0 ? err : 0;
}

struct file *vfs_get(struct file *file)
{
    file->refs++;
    return file;
}

void vfs_put(struct file *file)
{
    if (--file->refs)
        return;
    clunk(&file->node);
    mem_delete(file->path, strlen(file->path) + 1);
    mem_delete(file, sizeof *file);
}

/* ---- paths ---- */

int vfs_getattr_path(const struct file *at, const char *path, u32 flags, struct attr *attr, u64 *dev)
{
    struct place place;
    int err = vfs_look_up(at, path, flags, &place);
    if (err < 0)
        return err;
    err = place.node.fs->ops->getattr(&place.node, attr);
    *dev = place.node.fs->dev;
    clunk(&place.node);
    return err;
}

int vfs_access(const struct file *at, const char *path, u32 flags, u32 rights)
{
    struct place place;
    struct attr attr;
    int err = vfs_look_up(at, path, flags, &place);
    if (err < 0)
        return err;
    err = place.node.fs->ops->getattr(&place.node, &attr);
    clunk(&place.node);
    u32 type = attr.mode & S_IFMT;
    if (err == 0 && (rights & VFS_EXECUTE) && type != S_IFDIR && !(attr.mode & 0111))
        err = -EACCES;
    if (err == 0 && (rights & VFS_WRITE) && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
        err = may_write(&place);
    return err;
}

s64 vfs_readlink(const struct file *at, const char *path, char *buf, size_t size)
{
    static char target[VFS_PATH_MAX];
    struct place place;
    int len = vfs_look_up(at, path, VFS_NOFOLLOW, &place);
    if (len < 0)
        return len;
    const struct fs_ops *ops = place.node.fs->ops;
    len = -EINVAL;
    if ((place.node.qid.type & QID_SYMLINK) && ops->readlink)
        len = ops->readlink(&place.node, target, sizeof target);
    clunk(&place.node);
    if (len < 0)
        return len;
    size = MIN((size_t)len, size);
    memcpy(buf, target, size);
    return (s64)size;
}

static int statfs_node(struct node *node, struct fs_stat *out)
{
    if (node->fs->ops->statfs)
        return node->fs->ops->statfs(node, out);
    *out = (struct fs_stat){.type = TMPFS_MAGIC, .bsize = PAGE_SIZE, .namelen = VFS_NAME_MAX};
    return 0;
}

int vfs_statfs_path(const struct file *at, const char *path, struct fs_stat *out)
{
    struct place place;
    int err = vfs_look_up(at, path, 0, &place);
    if (err < 0)
        return err;
    err = statfs_node(&place.node, out);
    clunk(&place.node);
    return err;
}

/* ---- open files ---- */

/* Where a transfer begins; negative: EINVAL. */
static s64 position(const struct file *file, u64 offset)
{
    return (s64)(offset == VFS_CURRENT ? file->offset : offset);
}

static s64 moved(struct file *file, u64 offset, s64 n)
{
    if (offset == VFS_CURRENT && n > 0)
        file->offset += (u64)n;
    return n;
}

s64 vfs_read(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    s64 from = position(file, offset);
    if ((file->flags & O_PATH) || (file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (file->directory)
        return -EISDIR;
    if (offset != VFS_CURRENT && is_stream(file))
        return -ESPIPE;
    if (!file->node.fs->ops->read || from < 0)
        return -EINVAL;
    return moved(file, offset, file->node.fs->ops->read(&file->node, spans, n, (u64)from));
}

s64 vfs_write(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    s64 from = position(file, offset);
    if ((file->flags & O_PATH) || (file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (offset != VFS_CURRENT && is_stream(file))
        return -ESPIPE;
    if (!file->node.fs->ops->write || from < 0)
        return -EINVAL;
    return moved(file, offset, file->node.fs->ops->write(&file->node, spans, n, (u64)from));
}

s64 vfs_seek(struct file *file, s64 offset, int whence)
{
    struct attr attr;
    s64 base = 0;
    if (file->flags & O_PATH)
        return -EBADF;
    if (is_device(file))
        return is_stream(file) ? -ESPIPE : 0;
    if (whence == SEEK_CUR)
        base = (s64)file->offset;
    else if (whence == SEEK_END && !file->directory) {
        int err = file->node.fs->ops->getattr(&file->node, &attr);
        if (err < 0)
            return err;
        base = (s64)attr.size;
    } else if (whence != SEEK_SET)
        return -EINVAL;
    if (offset > 0 && base > INT64_MAX - offset)
        return -EINVAL;
    if (base + offset < 0)
        return -EINVAL;
    file->offset = (u64)(base + offset);
    return base + offset;
}

struct taker {
    struct file *file;
    dirent_fn emit;
    void *ctx;
};

/* The position moves with each entry that was taken. */
static bool take(void *ctx, const struct dirent_info *entry)
{
    struct taker *t = ctx;
    if (!t->emit(t->ctx, entry))
        return false;
    t->file->offset = entry->next;
    return true;
}

int vfs_readdir(struct file *file, size_t room, dirent_fn emit, void *ctx)
{
    struct taker t = {file, emit, ctx};
    if (file->flags & O_PATH)
        return -EBADF;
    if (!file->directory || !file->node.fs->ops->readdir)
        return -ENOTDIR;
    return file->node.fs->ops->readdir(&file->node, file->offset, room, take, &t);
}

int vfs_getattr(struct file *file, struct attr *attr, u64 *dev)
{
    *dev = file->node.fs->dev;
    return file->node.fs->ops->getattr(&file->node, attr);
}

int vfs_statfs(struct file *file, struct fs_stat *out)
{
    return statfs_node(&file->node, out);
}

int vfs_ioctl(struct file *file, u32 cmd, void *data, size_t size)
{
    if (file->flags & O_PATH)
        return -EBADF;
    return file->node.fs->ops->ioctl ? file->node.fs->ops->ioctl(&file->node, cmd, data, size) : -ENOTTY;
}
