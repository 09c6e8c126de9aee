/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* devfs - /dev: one flat directory of what drivers publish, by DEVICE() or when they found it. */
#include "devfs.h"
#include "vfs.h"

enum { FOUND = 256, ROOT = 0xffff, PLACE_BITS = 16 };

extern const struct device *const __start_devices[], *const __stop_devices[];

/* serial: how many devices had this place before, so that a file which is open on one of them never means another. */
static struct {
    const struct device *dev;
    u64 serial;
} found[FOUND];

DEVICE(fd) = {.name = "fd", .link = "/proc/self/fd"};
DEVICE(stdin_link) = {.name = "stdin", .link = "/proc/self/fd/0"};
DEVICE(stdout_link) = {.name = "stdout", .link = "/proc/self/fd/1"};
DEVICE(stderr_link) = {.name = "stderr", .link = "/proc/self/fd/2"};

static u64 built_in(void)
{
    return (u64)(__stop_devices - __start_devices);
}

static u64 places(void)
{
    return built_in() + FOUND;
}

/* What is in the i-th place; NULL: nothing. */
static const struct device *device_at(u64 i)
{
    return i < built_in() ? __start_devices[i] : found[i - built_in()].dev;
}

/* A node's id: the place, and above it the serial number. */
static u64 id_at(u64 i)
{
    return i | (i < built_in() ? 0 : found[i - built_in()].serial << PLACE_BITS);
}

/* The place of a name in a folder (NULL: the root); places(): there is none. */
static u64 find(const struct device *folder, struct name name)
{
    u64 i = 0;
    for (; i < places(); i++) {
        const struct device *dev = device_at(i);
        if (dev && dev->in == folder && strncmp(dev->name, name.s, name.len) == 0 && !dev->name[name.len])
            break;
    }
    return i;
}

/* One that can stand in a folder, and that nobody takes for something else. */
static bool is_name(const char *s)
{
    bool good = *s && strlen(s) <= VFS_NAME_MAX && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
    for (; good && *s; s++)
        good = (u8)*s >= ' ' && *s != '/' && *s != 0x7f;
    return good;
}

int devfs_add(const struct device *dev)
{
    if (!is_name(dev->name))
        return -EINVAL;
    if (find(dev->in, vfs_name(dev->name)) != places())
        return -EEXIST;
    for (unsigned i = 0; i < FOUND; i++)
        if (!found[i].dev) {
            found[i].dev = dev;
            return 0;
        }
    return -ENOSPC;
}

void devfs_remove(const struct device *dev)
{
    for (unsigned i = 0; i < FOUND; i++)
        if (found[i].dev == dev) {
            found[i].dev = NULL;
            found[i].serial++;
        }
}

static u32 type_of(const struct device *dev)
{
    return dev->folder ? S_IFDIR : dev->link ? S_IFLNK : dev->size ? S_IFBLK : S_IFCHR;
}

/* NULL: the root, or a device that is gone. */
static const struct device *device_of(const struct node *node)
{
    u64 i = node->id & ROOT;
    return i != ROOT && id_at(i) == node->id ? device_at(i) : NULL;
}

static struct qid qid_of(u64 id)
{
    const struct device *dev = id == ROOT ? NULL : device_at(id & ROOT);
    bool folder = id == ROOT || (dev && dev->folder);
    return (struct qid){folder ? QID_DIR : dev && dev->link ? QID_SYMLINK : 0, 0, id == ROOT ? 1 : id + 2};
}

static int devfs_attach(struct fs *fs, struct node *out)
{
    *out = (struct node){.fs = fs, .id = ROOT, .qid = qid_of(ROOT)};
    return 0;
}

static int devfs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    struct node at = {.fs = from->fs, .id = from->id, .qid = from->qid};
    vfs_heard++;
    unsigned done = 0;
    for (; done < n && (at.qid.type & QID_DIR); done++) {
        u64 i = at.id == ROOT || device_of(&at) ? find(device_of(&at), names[done]) : places();
        if (i == places())
            break;
        at.id = id_at(i);
        at.qid = qids[done] = qid_of(at.id);
    }
    if (done == n)
        *out = at;
    return done || !n ? (int)done : -ENOENT;
}

static int devfs_getattr(struct node *node, struct attr *attr)
{
    const struct device *dev = device_of(node);
    vfs_heard++;
    *attr = (struct attr){.qid = node->qid, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = PAGE_SIZE};
    if (node->id == ROOT || (dev && dev->folder))
        return 0;
    if (!dev)
        return -ENODEV;
    attr->mode = type_of(dev) | (dev->link ? 0777 : dev->perm);
    attr->size = dev->link ? strlen(dev->link) : dev->size ? dev->size(dev) : 0;
    attr->nlink = 1;
    attr->rdev_major = dev->major;
    attr->rdev_minor = dev->minor;
    return 0;
}

static int devfs_open(struct node *node, u32 flags, struct attr *attr)
{
    const struct device *dev = device_of(node);
    (void)flags;
    int err = devfs_getattr(node, attr);
    if (err == 0 && dev && dev->open)
        err = dev->open(dev);
    node->open = err == 0;
    return err;
}

static void devfs_clunk(struct node *node)
{
    const struct device *dev = device_of(node);
    if (node->open && dev && dev->close)
        dev->close(dev);
}

static s64 devfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    const struct device *dev = device_of(node);
    vfs_heard++;
    return !dev ? -ENODEV : dev->read ? dev->read(dev, spans, n, offset) : -EINVAL;
}

static s64 devfs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    const struct device *dev = device_of(node);
    return !dev ? -ENODEV : dev->write ? dev->write(dev, spans, n, offset) : -EINVAL;
}

static int devfs_ioctl(struct node *node, u32 cmd, void *data, size_t size)
{
    const struct device *dev = device_of(node);
    vfs_heard++;
    return !dev ? -ENODEV : dev->ioctl ? dev->ioctl(dev, cmd, data, size) : -ENOTTY;
}

static int devfs_fsync(struct node *node, bool data_only)
{
    const struct device *dev = device_of(node);
    (void)data_only;
    return !dev ? -ENODEV : dev->fsync ? dev->fsync(dev) : 0;
}

static u32 devfs_poll(struct node *node)
{
    const struct device *dev = device_of(node);
    vfs_heard++;
    if (!dev)
        return POLLERR | POLLHUP;
    return dev->poll ? dev->poll(dev) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static int devfs_readlink(struct node *node, char *buf, size_t size)
{
    const struct device *dev = device_of(node);
    size_t len = dev && dev->link ? strlen(dev->link) : 0;
    if (!len || len > size)
        return len ? -ENAMETOOLONG : -EINVAL;
    memcpy(buf, dev->link, len);
    return (int)len;
}

static int devfs_readdir(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    const struct device *folder = device_of(node);
    int taken = 0;
    vfs_heard++;
    (void)room;
    if (node->id != ROOT && !folder)
        return -ENOENT;
    for (u64 i = from; i < places() + 2; i++) {
        u64 own = i ? 1 : qid_of(node->id).path;
        struct dirent_info info = {own, i + 1, S_IFDIR >> 12, {"..", (u16)(i + 1)}};
        const struct device *dev = i < 2 ? NULL : device_at(i - 2);
        if (i >= 2 && (!dev || dev->in != folder))
            continue;
        if (dev) {
            info =
                (struct dirent_info){qid_of(id_at(i - 2)).path, i + 1, (u8)(type_of(dev) >> 12), vfs_name(dev->name)};
        }
        if (!emit(ctx, &info))
            break;
        taken++;
    }
    return taken;
}

static const struct fs_ops ops = {
    .type = "devtmpfs",
    .attach = devfs_attach,
    .walk = devfs_walk,
    .clunk = devfs_clunk,
    .open = devfs_open,
    .read = devfs_read,
    .write = devfs_write,
    .readdir = devfs_readdir,
    .getattr = devfs_getattr,
    .ioctl = devfs_ioctl,
    .fsync = devfs_fsync,
    .readlink = devfs_readlink,
    .poll = devfs_poll,
};

void devfs_init(void)
{
    static struct fs fs = {.ops = &ops, .tag = "devtmpfs"};
    vfs_register(&fs);
}
