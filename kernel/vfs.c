/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs - open files, and what programs ask about paths; the look-up itself is vfs_path.c. */
#include "vfs.h"
#include "mem.h"

enum { TMPFS_MAGIC = 0x01021994, MEMORY_DEVICES = 1 };
enum { SEEK_SET, SEEK_CUR, SEEK_END };

static struct file *files; /* all that are open */

static void clunk(struct node *node)
{
    if (node->fs->ops->clunk)
        node->fs->ops->clunk(node);
}

/* Positions mean nothing to a device or a pipe; Linux's memory devices say so by staying at 0, all others by ESPIPE. */
static bool has_no_position(const struct file *file)
{
    return (file->mode & S_IFMT) == S_IFCHR || (file->mode & S_IFMT) == S_IFIFO;
}

static bool is_stream(const struct file *file)
{
    return has_no_position(file) && file->rdev_major != MEMORY_DEVICES;
}

/* ---- opening ---- */

static bool wants_write(u32 flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int may_write(const struct place *place)
{
    return !place->node.fs->ops->write || vfs_is_readonly(place->mount) ? -EROFS : 0;
}

/* What Linux says before it asks the file system. */
static int may_open(const struct place *place, u32 flags)
{
    u8 type = place->node.qid.type;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((type & QID_DIR) && (flags & O_CREAT))
        return -EISDIR;
    if ((flags & O_DIRECTORY) && !(type & QID_DIR))
        return -ENOTDIR;
    if (flags & O_PATH)
        return 0;
    if (type & QID_SYMLINK)
        return -ELOOP;
    if ((type & QID_DIR) && wants_write(flags))
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
    struct file *file = mem_new(sizeof *file);
    char *path = file ? vfs_path_copy(place->path) : NULL;
    if (!path) {
        mem_delete(file, sizeof *file);
        return NULL;
    }
    flags &= ~(u32)(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
    flags |= flags & O_PATH ? 0 : O_LARGEFILE;
    *file = (struct file){.refs = 1, .flags = flags, .node = place->node, .mount = place->mount};
    file->path = path;
    file->mode = attr->mode;
    file->rdev_major = attr->rdev_major;
    file->directory = (attr->mode & S_IFMT) == S_IFDIR;
    file->next = files;
    files = file;
    return file;
}

static int open_place(struct place *place, u32 flags, struct file **out)
{
    struct attr attr;
    int err = may_open(place, flags);
    if (err == 0)
        err = open_node(&place->node, flags, &attr);
    if (err == 0 && !(*out = new_file(place, flags, &attr)))
        err = -ENOMEM;
    if (err < 0)
        clunk(&place->node);
    return err < 0 ? err : 0;
}

static int open_existing(const struct file *at, const char *path, u32 flags, struct file **out)
{
    struct place place;
    bool stay = (flags & O_NOFOLLOW) || ((flags & O_CREAT) && (flags & O_EXCL));
    int err = vfs_look_up(at, path, stay ? VFS_NOFOLLOW : 0, &place);
    return err < 0 ? err : open_place(&place, flags, out);
}

/* Makes a file at a canonical path that leads nowhere yet. -EEXIST: somebody was quicker. */
static int open_new(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct place dir;
    struct attr attr;
    char last[VFS_NAME_MAX + 1];
    bool slash, below = at && at->path[1] && vfs_path_below(path, at->path);
    int err = vfs_look_up_parent(below ? at : NULL, below ? path + strlen(at->path) + 1 : path, &dir, last, &slash);
    if (err < 0)
        return err;
    if (!dir.node.fs->ops->create || vfs_is_readonly(dir.mount))
        err = -EROFS;
    else
        err = dir.node.fs->ops->create(&dir.node, (struct name){last, (u16)strlen(last)}, flags, mode, &attr);
    dir.path = path;
    if (err == 0 && !(*out = new_file(&dir, flags, &attr)))
        err = -ENOMEM;
    if (err < 0)
        clunk(&dir.node);
    return err;
}

/* An existing file, or else a new one. A link that leads nowhere is followed: the file is made where it leads. */
static int open_or_create(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct place place;
    enum { RACES = 8 };
    int err = -EEXIST;
    for (unsigned tries = 0; tries < RACES; tries++) {
        bool stay = (flags & O_NOFOLLOW) || (flags & O_EXCL);
        err = vfs_look_up(at, path, stay ? VFS_NOFOLLOW : 0, &place);
        if (err == 0)
            return open_place(&place, flags, out);
        if (err != -ENOENT || !place.last)
            return err;
        if (path[strlen(path) - 1] == '/')
            return -EISDIR;
        char *canonical = vfs_path_copy(place.path); /* place.path is the look-up's, and the next one's too */
        if (!canonical)
            return -ENOMEM;
        err = open_new(at, canonical, flags, mode, out);
        mem_delete(canonical, strlen(canonical) + 1);
        if (err != -EEXIST || (flags & O_EXCL))
            return err;
    }
    return err;
}

int vfs_open(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return (flags & O_ACCMODE) == O_RDONLY ? -EINVAL : -EOPNOTSUPP;
    if ((flags & O_ACCMODE) == O_ACCMODE || ((flags & O_CREAT) && (flags & O_DIRECTORY)))
        return -EINVAL;
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    if (flags & O_CREAT)
        return open_or_create(at, path, flags, mode, out);
    return open_existing(at, path, flags, out);
}

struct file *vfs_nameless(struct node *node, u32 flags)
{
    struct attr attr;
    struct file *file = NULL;
    if (node->fs->ops->getattr(node, &attr) == 0)
        file = new_file(&(struct place){.node = *node, .path = ""}, flags, &attr);
    if (!file)
        clunk(node);
    return file;
}

struct file *vfs_get(struct file *file)
{
    file->refs++;
    return file;
}

void vfs_put(struct file *file)
{
    struct file **at = &files;
    if (--file->refs)
        return;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    vfs_unlock_file(file);
    clunk(&file->node);
    mem_delete(file->path, strlen(file->path) + 1);
    mem_delete(file, sizeof *file);
}

void vfs_files_moved(const char *from, const char *to)
{
    for (struct file *f = files; f; f = f->next)
        if (!f->removed && vfs_path_moved(&f->path, from, to) < 0)
            f->removed = true; /* no memory for the name: it has none that anybody could tell */
}

void vfs_directory_removed(const char *path)
{
    for (struct file *f = files; f; f = f->next)
        f->removed |= f->directory && strcmp(f->path, path) == 0;
}

/* ---- paths ---- */

int vfs_getattr_path(const struct file *at, const char *path, u32 flags, struct attr *attr, u64 *dev)
{
    struct place place;
    int err = vfs_look_up(at, path, flags, &place);
    if (err < 0)
        return err;
    err = place.node.fs->ops->getattr(&place.node, attr);
    *dev = place.mount + 1u;
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

/* Where a transfer begins; negative: -errno. Devices have no position. */
static s64 position(struct file *file, u64 offset)
{
    struct attr attr;
    if (offset != VFS_CURRENT)
        return (s64)offset < 0 ? -EINVAL : (s64)offset;
    if (file->at_end) {
        int err = file->node.fs->ops->getattr(&file->node, &attr);
        if (err < 0)
            return err;
        file->offset = attr.size;
        file->at_end = false;
    }
    return (s64)file->offset;
}

static s64 moved(struct file *file, u64 offset, s64 n)
{
    if (offset == VFS_CURRENT && n > 0 && !has_no_position(file))
        file->offset += (u64)n;
    return n;
}

s64 vfs_read(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    if ((file->flags & O_PATH) || (file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (file->directory)
        return -EISDIR;
    if (offset != VFS_CURRENT && is_stream(file))
        return -ESPIPE;
    if (!file->node.fs->ops->read)
        return -EINVAL;
    if ((file->flags & O_NONBLOCK) && !(vfs_poll(file) & (POLLIN | POLLHUP)))
        return -EAGAIN;
    s64 from = position(file, offset);
    return from < 0 ? from : moved(file, offset, file->node.fs->ops->read(&file->node, spans, n, (u64)from));
}

/* Behind the end, wherever that is. Where the server sees to that, we need not know where. */
static s64 append(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    const struct fs_ops *ops = file->node.fs->ops;
    struct attr attr = {.size = 0};
    int err = ops->appends ? 0 : ops->getattr(&file->node, &attr);
    s64 put = err < 0 ? err : ops->write(&file->node, spans, n, attr.size);
    file->at_end |= put > 0 && offset == VFS_CURRENT;
    return put;
}

s64 vfs_write(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    if ((file->flags & O_PATH) || (file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (offset != VFS_CURRENT && is_stream(file))
        return -ESPIPE;
    if (!file->node.fs->ops->write)
        return -EINVAL;
    if ((file->flags & O_APPEND) && !has_no_position(file))
        return append(file, spans, n, offset);
    s64 from = position(file, offset);
    return from < 0 ? from : moved(file, offset, file->node.fs->ops->write(&file->node, spans, n, (u64)from));
}

s64 vfs_seek(struct file *file, s64 offset, int whence)
{
    struct attr attr;
    s64 base = 0;
    if (file->flags & O_PATH)
        return -EBADF;
    if (has_no_position(file))
        return is_stream(file) ? -ESPIPE : 0;
    if (whence == SEEK_CUR) {
        base = position(file, VFS_CURRENT);
        if (base < 0)
            return base;
    } else if (whence == SEEK_END && !file->directory) {
        int err = file->node.fs->ops->getattr(&file->node, &attr);
        if (err < 0)
            return err;
        base = (s64)attr.size;
    } else if (whence != SEEK_SET && whence != SEEK_CUR)
        return -EINVAL;
    if (offset > 0 && base > INT64_MAX - offset)
        return -EINVAL;
    if (base + offset < 0)
        return -EINVAL;
    file->offset = (u64)(base + offset);
    file->at_end = false;
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
    *dev = file->mount + 1u;
    return file->node.fs->ops->getattr(&file->node, attr);
}

int vfs_statfs(struct file *file, struct fs_stat *out)
{
    return statfs_node(&file->node, out);
}

/* What is left of a regular file is all there to be read. */
static int bytes_left(struct file *file, void *data)
{
    struct attr attr;
    int err = file->node.fs->ops->getattr(&file->node, &attr);
    u32 left = (u32)(attr.size - MIN(attr.size, file->offset));
    if (err == 0)
        memcpy(data, &left, sizeof left);
    return err;
}

int vfs_ioctl(struct file *file, u32 cmd, void *data, size_t size)
{
    if (file->flags & O_PATH)
        return -EBADF;
    if (cmd == FIONREAD && (file->mode & S_IFMT) == S_IFREG)
        return bytes_left(file, data);
    return file->node.fs->ops->ioctl ? file->node.fs->ops->ioctl(&file->node, cmd, data, size) : -ENOTTY;
}

u32 vfs_poll(struct file *file)
{
    const struct fs_ops *ops = file->node.fs->ops;
    return ops->poll ? ops->poll(&file->node) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}
