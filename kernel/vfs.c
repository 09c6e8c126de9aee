/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs - open files, and what programs ask about paths. */
#include "vfs.h"
#include "arch.h"
#include "mem.h"

enum { TMPFS_MAGIC = 0x01021994, MEMORY_DEVICES = 1 };
enum { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE };

u64 vfs_heard, vfs_clock, vfs_began;
struct vfs_reader vfs_reader;

struct vfs_moment vfs_now(void)
{
    return (struct vfs_moment){vfs_heard, arch_cycles()};
}

/* Whoever looked at no clock knows only how long he was busy himself: that is not exact, nor known to others. */
bool vfs_is_still(struct vfs_moment then)
{
    enum { OLD = 1 << 27, OLD_BY_CLOCK = 1 << 23 }; /* cycles: some fifty milliseconds, and some four */
    return then.heard == vfs_heard && arch_cycles() - then.cycles < OLD &&
           (s64)(vfs_clock - then.cycles) < OLD_BY_CLOCK;
}

void vfs_tell_time(void)
{
    vfs_clock = arch_cycles();
}

/* Positions mean nothing to a device or a pipe; Linux's memory devices say so by staying at 0, all others by ESPIPE. */
static bool has_no_position(const struct file *file)
{
    return vfs_type(file) == S_IFCHR || vfs_type(file) == S_IFIFO;
}

bool vfs_is_stream(const struct file *file)
{
    return has_no_position(file) && file->rdev_major != MEMORY_DEVICES;
}

/* ---- paths ---- */

int vfs_getattr_path(const struct file *at, const char *path, u32 flags, struct attr *attr, u64 *dev)
{
    struct place place;
    int err = vfs_look_up_attr(at, path, flags, &place, attr);
    *dev = place.mount + 1u;
    return err;
}

int vfs_access(const struct file *at, const char *path, u32 flags, u32 rights)
{
    struct place place;
    struct attr attr;
    int err = vfs_look_up_attr(at, path, flags, &place, &attr);
    u32 type = attr.mode & S_IFMT;
    if (err == 0 && (rights & VFS_EXECUTE) && type != S_IFDIR && !(attr.mode & 0111))
        err = -EACCES;
    if (err == 0 && (rights & VFS_WRITE) && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
        err = !vfs_mount_get(place.mount)->fs->ops->write || vfs_is_readonly(place.mount) ? -EROFS : 0;
    return err;
}

s64 vfs_readlink(const struct file *at, const char *path, char *buf, size_t size)
{
    static char target[VFS_PATH_MAX];
    struct place place;
    int len = vfs_look_up(at, path, VFS_NOFOLLOW | VFS_EMPTY | VFS_NEXT_READLINK, &place);
    if (len < 0)
        return len;
    const struct fs_ops *ops = place.node.fs->ops;
    len = -EINVAL;
    if ((place.node.qid.type & QID_SYMLINK) && ops->readlink)
        len = ops->readlink(&place.node, target, sizeof target);
    vfs_clunk(&place.node);
    if (len < 0)
        return len;
    size = MIN((size_t)len, size);
    memcpy(buf, target, size);
    return (s64)size;
}

static int statfs_node(struct node *node, u16 mount, struct fs_stat *out)
{
    *out = (struct fs_stat){.type = TMPFS_MAGIC, .bsize = PAGE_SIZE, .namelen = VFS_NAME_MAX};
    int err = node->fs->ops->statfs ? node->fs->ops->statfs(node, out) : 0;
    out->readonly = vfs_is_readonly(mount);
    return err;
}

int vfs_statfs_path(const struct file *at, const char *path, struct fs_stat *out)
{
    struct place place;
    int err = vfs_look_up(at, path, 0, &place);
    if (err < 0)
        return err;
    err = statfs_node(&place.node, place.mount, out);
    vfs_clunk(&place.node);
    return err;
}

/* ---- open files ---- */

/* The size of what it is; -errno. */
static COLD s64 size_of(struct file *file)
{
    struct attr attr;
    int err = file->node.fs->ops->getattr(&file->node, &attr);
    return err < 0 ? err : (s64)attr.size;
}

/* Finds out where a position is that was left behind what had been appended. */
static COLD int settle(struct file *file)
{
    s64 size = size_of(file);
    if (size < 0)
        return (int)size;
    file->offset = (u64)size;
    file->at_end = false;
    return 0;
}

/* The same for all positions in an object, before its end is moved by other means than `mover`. */
void vfs_settle(const struct node *node, const struct file *mover)
{
    for (struct file *f = vfs_files(); f; f = f->next)
        if (f->at_end && f != mover && f->node.fs == node->fs && f->node.qid.path == node->qid.path)
            settle(f);
}

/* Where a transfer of len bytes begins; negative: -errno. */
static s64 position(struct file *file, u64 offset, u64 len)
{
    int err = offset == VFS_CURRENT && file->at_end ? settle(file) : 0;
    if (err < 0)
        return err;
    s64 from = (s64)(offset == VFS_CURRENT ? file->offset : offset);
    return from < 0 || len > (u64)(INT64_MAX - from) ? -EINVAL : from;
}

/* A block device's end is where there is nothing to be said about blocks: reads and writes there have answers of their own. */
static COLD int check_direct(struct file *file, u64 offset, u64 len)
{
    u64 from = offset == VFS_CURRENT ? file->offset : offset;
    u32 block = 1;
    s64 size = size_of(file);
    vfs_ioctl(file, BLKSSZGET, &block, sizeof block);
    return len && size >= 0 && from < (u64)size && (from | len) & (block - 1) ? -EINVAL : 0;
}

int vfs_check_direct(struct file *file, u64 offset, u64 len)
{
    return vfs_type(file) == S_IFBLK && (file->flags & O_DIRECT) ? check_direct(file, offset, len) : 0;
}

/* What O_DSYNC promises: on other file systems the server was told when the file was opened. */
static s64 written(struct file *file, s64 put)
{
    int err = put > 0 && vfs_type(file) == S_IFBLK && (file->flags & O_DSYNC) ? vfs_fsync(file, true) : 0;
    return err < 0 ? err : put;
}

static s64 moved(struct file *file, u64 offset, s64 n)
{
    if (offset == VFS_CURRENT && n > 0 && !has_no_position(file))
        file->offset += (u64)n;
    return n;
}

s64 vfs_read(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    if ((file->flags & O_PATH) || !vfs_may_read(file->flags))
        return -EBADF;
    if (file->directory)
        return -EISDIR;
    if (offset != VFS_CURRENT && vfs_is_stream(file))
        return -ESPIPE;
    if (!file->node.fs->ops->read)
        return -EINVAL;
    if ((file->flags & O_NONBLOCK) && mem_span_total(spans, n) && !(vfs_poll(file) & (POLLIN | POLLHUP)))
        return -EAGAIN;
    s64 from = position(file, offset, mem_span_total(spans, n));
    return from < 0 ? from : moved(file, offset, file->node.fs->ops->read(&file->node, spans, n, (u64)from));
}

s64 vfs_read_copy(struct file *file, void *bytes, size_t len, u64 offset)
{
    struct span span = {mem_lend((len + PAGE_SIZE - 1) / PAGE_SIZE), len};
    if (!span.pa)
        return -ENOMEM;
    s64 got = vfs_read(file, &span, 1, offset);
    memcpy(bytes, mem_virt(span.pa), (size_t)MAX(got, 0));
    mem_lent_back(span.pa, (len + PAGE_SIZE - 1) / PAGE_SIZE);
    return got;
}

/* Behind the end, wherever that is. Where the server sees to that, we need not know where. */
s64 vfs_append(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    if (has_no_position(file) || vfs_type(file) == S_IFBLK)
        return vfs_write(file, spans, n, offset);
    vfs_settle(&file->node, offset == VFS_CURRENT ? file : NULL);
    const struct fs_ops *ops = file->node.fs->ops;
    struct attr attr = {.size = VFS_CURRENT};
    int err = file->appends ? 0 : ops->getattr(&file->node, &attr);
    s64 put = err < 0 ? err : ops->write(&file->node, spans, n, attr.size);
    file->at_end |= put > 0 && offset == VFS_CURRENT;
    return put;
}

s64 vfs_write(struct file *file, const struct span *spans, unsigned n, u64 offset)
{
    if ((file->flags & O_PATH) || !vfs_may_write(file->flags))
        return -EBADF;
    if (offset != VFS_CURRENT && vfs_is_stream(file))
        return -ESPIPE;
    if (!file->node.fs->ops->write)
        return -EINVAL;
    if (vfs_type(file) == S_IFCHR && (file->flags & O_NONBLOCK) && mem_span_total(spans, n) &&
        !(vfs_poll(file) & (POLLOUT | POLLERR)))
        return -EAGAIN; /* a pipe may have room for some of it */
    if (has_no_position(file))
        return file->node.fs->ops->write(&file->node, spans, n, 0);
    if ((file->flags & O_APPEND) && vfs_type(file) != S_IFBLK)
        return vfs_append(file, spans, n, offset);
    vfs_settle(&file->node, NULL);
    s64 from = position(file, offset, mem_span_total(spans, n));
    s64 put = from < 0 ? from : file->node.fs->ops->write(&file->node, spans, n, (u64)from);
    return written(file, moved(file, offset, put));
}

int vfs_flush(struct file *file, bool tell)
{
    return file->node.fs->ops->flush ? file->node.fs->ops->flush(&file->node, tell) : 0;
}

/* What the server opened to append it goes on appending, so that another node is opened in its place. */
static int reopen(struct file *file, u32 flags)
{
    struct node node;
    struct attr attr;
    struct qid none;
    int err = file->node.fs->ops->walk(&file->node, &(struct name){0}, 0, &node, &none);
    if (err < 0)
        return err;
    err = node.fs->ops->open(&node, flags, &attr);
    if (err == 0 && (node.qid.path != file->node.qid.path || (attr.mode & S_IFMT) != vfs_type(file)))
        err = -ESTALE; /* locks stand on what it was */
    vfs_clunk(err < 0 ? &node : &file->node);
    if (err < 0)
        return err;
    node.through = file->node.through;
    file->node = node;
    file->appends = false;
    return 0;
}

int vfs_set_flags(struct file *file, u32 flags)
{
    enum { SETTABLE = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME };
    if (file->flags & O_PATH)
        return -EBADF;
    flags = (file->flags & ~(u32)SETTABLE) | (flags & SETTABLE);
    int err = file->appends && !(flags & O_APPEND) ? reopen(file, flags) : 0;
    if (err == 0) {
        file->flags = flags;
        file->node.through = flags & (O_DIRECT | O_SYNC);
    }
    return err;
}

/* Over 9P nobody is told of holes: all is data up to the end, behind which is one. */
static s64 seek_data(struct file *file, s64 offset, bool hole)
{
    s64 size = size_of(file);
    if (size >= 0 && (offset < 0 || offset >= size))
        return -ENXIO;
    return size < 0 || hole ? size : offset;
}

s64 vfs_seek(struct file *file, s64 offset, int whence)
{
    s64 base = 0;
    if (file->flags & O_PATH)
        return -EBADF;
    if (whence < SEEK_SET || whence > SEEK_HOLE)
        return -EINVAL;
    if (has_no_position(file))
        return vfs_is_stream(file) ? -ESPIPE : 0;
    if (vfs_type(file) == S_IFBLK && (whence == SEEK_DATA || whence == SEEK_HOLE))
        return -EINVAL;
    if (whence == SEEK_CUR)
        base = position(file, VFS_CURRENT, 0);
    else if (whence == SEEK_END)
        base = file->directory ? -EINVAL : size_of(file);
    else if (whence != SEEK_SET)
        base = seek_data(file, offset, whence == SEEK_HOLE);
    if (base < 0)
        return base;
    if (whence == SEEK_DATA || whence == SEEK_HOLE)
        offset = 0;
    if ((offset > 0 && base > INT64_MAX - offset) || base + offset < 0)
        return -EINVAL;
    if (vfs_type(file) == S_IFBLK && base + offset > size_of(file))
        return -EINVAL; /* unlike a file, a block device has no positions behind its end */
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
    if (file->removed)
        return -ENOENT;
    return file->node.fs->ops->readdir(&file->node, file->offset, room, take, &t);
}

int vfs_getattr(struct file *file, struct attr *attr, u64 *dev)
{
    *dev = file->mount + 1u;
    return file->node.fs->ops->getattr(&file->node, attr);
}

int vfs_statfs(struct file *file, struct fs_stat *out)
{
    const struct mount *m = vfs_mount_get(file->mount);
    int err = statfs_node(&file->node, file->mount, out);
    /* A server that goes by names has none for what was removed while it was open; the top of the share is on the same file system. */
    if (err == -ENOENT && m)
        err = vfs_statfs_path(NULL, m->path, out);
    return err;
}

/* What is left of a regular file is all there to be read. */
static int bytes_left(struct file *file, void *data)
{
    s64 size = size_of(file);
    u32 left = (u32)((u64)size - MIN((u64)size, file->offset));
    if (size >= 0)
        memcpy(data, &left, sizeof left);
    return (int)MIN(size, 0);
}

int vfs_ioctl(struct file *file, u32 cmd, void *data, size_t size)
{
    if (file->flags & O_PATH)
        return -EBADF;
    if ((cmd == BLKDISCARD || cmd == BLKSECDISCARD || cmd == BLKZEROOUT) && !vfs_may_write(file->flags))
        return -EBADF;
    if (cmd == FIONREAD && vfs_type(file) == S_IFREG)
        return bytes_left(file, data);
    return file->node.fs->ops->ioctl ? file->node.fs->ops->ioctl(&file->node, cmd, data, size) : -ENOTTY;
}

u32 vfs_poll(struct file *file)
{
    const struct fs_ops *ops = file->node.fs->ops;
    return ops->poll ? ops->poll(&file->node) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}
