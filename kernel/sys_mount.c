/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_mount - a share under a path, and away again: mount(2) of type 9p, as Linux mounts it over virtio; umount2(2). */
#include "mem.h"
#include "proc.h"
#include "sys_path.h"
#include "syscall.h"
#include "vfs.h"

enum { MS_RDONLY = 1, MS_SYNCHRONOUS = 0x10, MS_REMOUNT = 0x20, MS_BIND = 0x1000, MS_MOVE = 0x2000 };
enum { MNT_FORCE = 1, MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8 };
enum { TYPE_MAX = 32, TAG_MAX = 64, DATA_MAX = 512 };

/* The share that has this tag. */
static struct fs *share_of(const char *tag)
{
    struct fs *fs = vfs_find(tag);
    return fs && strcmp(fs->ops->type, "9p") == 0 ? fs : NULL;
}

/* Mounts with these options, which count for all mounts of the share from then on. */
static int mount_at(struct fs *fs, const char *path, u64 flags, u8 cache)
{
    u8 was = fs->cache;
    bool sync = fs->sync;
    fs->cache = cache;
    fs->sync = flags & MS_SYNCHRONOUS;
    int err = vfs_mount(fs, path, flags & MS_RDONLY ? MOUNT_READONLY : 0);
    if (err < 0) {
        fs->cache = was;
        fs->sync = sync;
    }
    return err;
}

/* As Linux does, the path is looked at before what is to be mounted there. */
static s64 mount_share(const struct user_path *path, const char *type, const char *tag, u64 flags, const char *data)
{
    struct place place;
    struct fs *fs = share_of(tag);
    struct mount_options options = {0};
    struct name odd;
    int err = vfs_look_up(path->at, path->text, 0, &place);
    if (err < 0)
        return err;
    vfs_clunk(&place.node);
    if (flags & (MS_REMOUNT | MS_BIND | MS_MOVE) || !type[0])
        return -EINVAL;
    if (strcmp(type, "9p") != 0)
        return -ENODEV;
    err = vfs_mount_words(&options, data, ",", &odd); /* what Linux does not know is none of its 9p's business */
    if (err < 0 || !fs)
        return err < 0 ? err : -ENOENT;
    if (!(place.node.qid.type & QID_DIR))
        return -ENOTDIR;
    char *full = vfs_path_copy(place.path);
    if (!full)
        return -ENOMEM;
    err = mount_at(fs, full, flags, options.cache);
    vfs_path_free(full);
    return err;
}

/* A word that may be absent (NULL, then ""); one that is longer than any that we know is none of them. */
static s64 copy_word(char *word, u64 va, size_t size)
{
    word[0] = '\0';
    s64 err = va ? proc_copy_string(word, va, size) : 0;
    if (err != -ENAMETOOLONG)
        return err;
    memcpy(word, "\1", 2);
    return 0;
}

/* As on Linux, the data ends where the program's memory does, if that is before its NUL. */
static s64 copy_data(char data[DATA_MAX], u64 va)
{
    s64 err = copy_word(data, va, DATA_MAX);
    size_t here = MIN(PAGE_SIZE - va % PAGE_SIZE, (size_t)DATA_MAX - 1);
    if (err != -EFAULT || proc_copy_in(data, va, here) < 0)
        return err;
    data[here] = '\0';
    return 0;
}

/* source, target, type, flags, data. */
SYSCALL(mount)
{
    char type[TYPE_MAX], tag[TAG_MAX], data[DATA_MAX];
    struct user_path path;
    s64 err = copy_word(type, arg[2], sizeof type);
    if (err >= 0)
        err = copy_word(tag, arg[0], sizeof tag);
    if (err >= 0)
        err = copy_data(data, arg[4]);
    if (err >= 0)
        err = path_get(&path, AT_FDCWD, arg[1], 0);
    return err < 0 ? err : path_put(&path, mount_share(&path, type, tag, arg[3], data));
}

/* Nothing is given up while it is in use, whatever force is asked for. */
SYSCALL(umount2)
{
    struct user_path path;
    if (arg[1] & ~(u64)(MNT_FORCE | MNT_DETACH | UMOUNT_NOFOLLOW))
        return -EINVAL;
    s64 err = path_get(&path, AT_FDCWD, arg[0], 0);
    return err < 0 ? err : path_put(&path, vfs_unmount(path.at, path.text));
}
