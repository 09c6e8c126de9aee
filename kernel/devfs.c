/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* devfs - /dev: one flat directory of what drivers publish, by DEVICE() or when they found it. */
#include "devfs.h"
#include "vfs.h"

enum { FOUND = 32, ROOT = 0xffff };

extern const struct device *const __start_devices[], *const __stop_devices[];
static const struct device *found[FOUND];

DEVICE(fd) = {.name = "fd", .link = "/proc/self/fd"};
DEVICE(stdin_link) = {.name = "stdin", .link = "/proc/self/fd/0"};
DEVICE(stdout_link) = {.name = "stdout", .link = "/proc/self/fd/1"};
DEVICE(stderr_link) = {.name = "stderr", .link = "/proc/self/fd/2"};

/* The i-th place for a device, which may be empty; a node's id is i. */
static const struct device *device_at(u64 i)
{
    u64 built_in = (u64)(__stop_devices - __start_devices);
    return i < built_in ? __start_devices[i] : found[i - built_in];
}

static u64 places(void)
{
    return (u64)(__stop_devices - __start_devices) + FOUND;
}

int devfs_add(const struct device *dev)
{
    for (unsigned i = 0; i < FOUND; i++)
        if (!found[i]) {
            found[i] = dev;
            return 0;
        }
    return -ENOSPC;
}

void devfs_remove(const struct device *dev)
{
    for (unsigned i = 0; i < FOUND; i++)
        if (found[i] == dev)
            found[i] = NULL;
}

/* NULL: the root, or a device that is gone. */
static const struct device *device_of(const struct node *node)
{
    return node->id == ROOT ? NULL : device_at(node->id);
}

static struct qid qid_of(u64 id)
{
    const struct device *dev = id == ROOT ? NULL : device_at(id);
    return (struct qid){id == ROOT ? QID_DIR : dev && dev->link ? QID_SYMLINK : 0, 0, id == ROOT ? 1 : id + 2};
}

static int devfs_attach(struct fs *fs, struct node *out)
{
    *out = (struct node){.fs = fs, .id = ROOT, .qid = qid_of(ROOT)};
    return 0;
}

static u64 find(struct name name)
{
    u64 i = 0;
    for (; i < places(); i++) {
        const struct device *dev = device_at(i);
        if (dev && strlen(dev->name) == name.len && memcmp(dev->name, name.s, name.len) == 0)
            break;
    }
    return i;
}

static int devfs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    u64 id = from->id;
    if (n) {
        id = id == ROOT ? find(names[0]) : places();
        if (id == places())
            return -ENOENT;
        qids[0] = qid_of(id);
    }
    if (n <= 1)
        *out = (struct node){.fs = from->fs, .id = id, .qid = qid_of(id)};
    return n ? 1 : 0;
}

static int devfs_getattr(struct node *node, struct attr *attr)
{
    const struct device *dev = device_of(node);
    *attr = (struct attr){.qid = node->qid, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = PAGE_SIZE};
    if (node->id == ROOT)
        return 0;
    if (!dev)
        return -ENXIO;
    attr->mode = dev->link ? S_IFLNK | 0777 : S_IFCHR | dev->perm;
    attr->size = dev->link ? strlen(dev->link) : 0;
    attr->nlink = 1;
    attr->rdev_major = dev->major;
    attr->rdev_minor = dev->minor;
    return 0;
}

static int devfs_open(struct node *node, u32 flags, struct attr *attr)
{
    (void)flags;
    node->open = true;
    return devfs_getattr(node, attr);
}

static s64 devfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    const struct device *dev = device_of(node);
    return !dev ? -ENXIO : dev->read ? dev->read(dev, spans, n, offset) : -EINVAL;
}

static s64 devfs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    const struct device *dev = device_of(node);
    return !dev ? -ENXIO : dev->write ? dev->write(dev, spans, n, offset) : -EINVAL;
}

static int devfs_ioctl(struct node *node, u32 cmd, void *data, size_t size)
{
    const struct device *dev = device_of(node);
    return dev && dev->ioctl ? dev->ioctl(dev, cmd, data, size) : -ENOTTY;
}

static u32 devfs_poll(struct node *node)
{
    const struct device *dev = device_of(node);
    return !dev ? POLLERR : dev->poll ? dev->poll(dev) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
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
    int taken = 0;
    (void)node, (void)room;
    for (u64 i = from; i < places() + 2; i++) {
        struct dirent_info info = {1, i + 1, S_IFDIR >> 12, {"..", (u16)(i + 1)}};
        const struct device *dev = i < 2 ? NULL : device_at(i - 2);
        if (i >= 2 && !dev)
            continue;
        if (dev)
            info = (struct dirent_info){
                i, i + 1, (dev->link ? S_IFLNK : S_IFCHR) >> 12, {dev->name, (u16)strlen(dev->name)}};
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
    .open = devfs_open,
    .read = devfs_read,
    .write = devfs_write,
    .readdir = devfs_readdir,
    .getattr = devfs_getattr,
    .ioctl = devfs_ioctl,
    .readlink = devfs_readlink,
    .poll = devfs_poll,
};

void devfs_init(void)
{
    static struct fs fs = {.ops = &ops, .tag = "devtmpfs"};
    vfs_register(&fs);
}
