/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_path - system calls that name files: open, stat, readlink, directories. */
#include "sys_path.h"
#include "mem.h"
#include "proc.h"
#include "syscall.h"
#include "vfs.h"

struct linux_stat {
    u64 dev, ino, nlink;
    u32 mode, uid, gid, pad;
    u64 rdev, size, blksize, blocks;
    struct timestamp atime, mtime, ctime;
    u64 unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of x86-64");

struct linux_statfs {
    u64 type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs of x86-64");

struct statx_time {
    u64 sec;
    u32 nsec, pad;
};

struct linux_statx {
    u32 mask, blksize;
    u64 attributes;
    u32 nlink, uid, gid;
    u16 mode, pad;
    u64 ino, size, blocks, attributes_mask;
    struct statx_time atime, btime, ctime, mtime;
    u32 rdev_major, rdev_minor, dev_major, dev_minor;
    u64 spare[14];
};
_Static_assert(sizeof(struct linux_statx) == 256, "struct statx");

/* The path at va in a page of its own; free with put_path. */
static s64 get_path(u64 va, char **path)
{
    *path = mem_new(VFS_PATH_MAX);
    if (!*path)
        return -ENOMEM;
    s64 len = proc_copy_string(*path, va, VFS_PATH_MAX);
    if (len < 0) {
        mem_delete(*path, VFS_PATH_MAX);
        *path = NULL;
    }
    return len;
}

static s64 put_path(char *path, s64 result)
{
    mem_delete(path, VFS_PATH_MAX);
    return result;
}

/* The directory that a relative path starts from. An absolute path needs none, whatever dirfd says. */
static int start_of(u64 dirfd, const char *path, const struct file **at)
{
    if (!path[0])
        return -ENOENT;
    *at = (u32)dirfd == AT_FDCWD || path[0] == '/' ? proc_current->cwd : proc_file((u32)dirfd);
    if (!*at)
        return -EBADF;
    return *at == proc_current->cwd || (*at)->directory ? 0 : -ENOTDIR;
}

s64 path_get(struct user_path *path, u64 dirfd, u64 va)
{
    s64 result = get_path(va, &path->text);
    if (result < 0)
        return result;
    result = start_of(dirfd, path->text, &path->at);
    return result < 0 ? put_path(path->text, result) : 0;
}

s64 path_put(struct user_path *path, s64 result)
{
    return put_path(path->text, result);
}

static s64 do_open(u64 dirfd, u64 va, u64 flags, u64 mode)
{
    char *path;
    const struct file *at;
    struct file *file;
    s64 result = get_path(va, &path);
    if (result < 0)
        return result;
    result = start_of(dirfd, path, &at);
    if (result == 0)
        result = vfs_open(at, path, (u32)flags & ~(u32)O_CLOEXEC, (u32)mode & ~proc_current->umask & 07777, &file);
    if (result == 0)
        result = proc_fd_add(file, 0, flags & O_CLOEXEC);
    return put_path(path, result);
}

SYSCALL(open)
{
    return do_open(AT_FDCWD, arg[0], arg[1], arg[2]);
}

SYSCALL(openat)
{
    return do_open(arg[0], arg[1], arg[2], arg[3]);
}

SYSCALL(creat)
{
    return do_open(AT_FDCWD, arg[0], O_CREAT | O_WRONLY | O_TRUNC, arg[1]);
}

/* ---- stat ---- */

static u64 device_number(u64 major, u64 minor)
{
    return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffull) << 12 | (major & ~0xfffull) << 32;
}

static s64 stat_out(u64 va, const struct attr *a, u64 dev)
{
    struct linux_stat s = {
        .dev = dev,
        .ino = a->qid.path,
        .nlink = a->nlink,
        .mode = a->mode,
        .uid = a->uid,
        .gid = a->gid,
        .rdev = device_number(a->rdev_major, a->rdev_minor),
        .size = a->size,
        .blksize = a->blksize,
        .blocks = a->blocks,
        .atime = a->atime,
        .mtime = a->mtime,
        .ctime = a->ctime,
    };
    return proc_copy_out(va, &s, sizeof s);
}

/* Attributes of (dirfd, path); an empty path with AT_EMPTY_PATH is dirfd itself. */
static s64 attributes(u64 dirfd, u64 va, u32 flags, struct attr *attr, u64 *dev)
{
    char *path;
    const struct file *at;
    s64 result = get_path(va, &path);
    if (result < 0)
        return result;
    if (result == 0 && (flags & AT_EMPTY_PATH)) {
        struct file *file = (u32)dirfd == AT_FDCWD ? proc_current->cwd : proc_file((u32)dirfd);
        return put_path(path, file ? vfs_getattr(file, attr, dev) : -EBADF);
    }
    result = start_of(dirfd, path, &at);
    if (result == 0)
        result = vfs_getattr_path(at, path, flags & AT_SYMLINK_NOFOLLOW ? VFS_NOFOLLOW : 0, attr, dev);
    return put_path(path, result);
}

static s64 do_stat(u64 dirfd, u64 path, u32 flags, u64 out)
{
    struct attr attr;
    u64 dev;
    if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
        return -EINVAL;
    s64 result = attributes(dirfd, path, flags, &attr, &dev);
    return result < 0 ? result : stat_out(out, &attr, dev);
}

SYSCALL(stat)
{
    return do_stat(AT_FDCWD, arg[0], 0, arg[1]);
}

SYSCALL(lstat)
{
    return do_stat(AT_FDCWD, arg[0], AT_SYMLINK_NOFOLLOW, arg[1]);
}

SYSCALL(newfstatat)
{
    return do_stat(arg[0], arg[1], (u32)arg[3], arg[2]);
}

SYSCALL(fstat)
{
    struct attr attr;
    u64 dev;
    struct file *file = proc_file((u32)arg[0]);
    int result = file ? vfs_getattr(file, &attr, &dev) : -EBADF;
    return result < 0 ? result : stat_out(arg[1], &attr, dev);
}

static struct statx_time statx_time(struct timestamp t)
{
    return (struct statx_time){t.sec, (u32)t.nsec, 0};
}

SYSCALL(statx)
{
    enum { BASIC = 0x7ff, BTIME = 0x800 };
    u32 flags = (u32)arg[2], reserved = 1u << 31;
    struct attr a;
    u64 dev;
    if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC) || (arg[3] & reserved) ||
        (flags & AT_STATX_SYNC) == AT_STATX_SYNC)
        return -EINVAL;
    s64 result = attributes(arg[0], arg[1], flags, &a, &dev);
    if (result < 0)
        return result;
    struct linux_statx s = {
        .mask = BASIC | (a.btime.sec ? BTIME : 0),
        .blksize = (u32)a.blksize,
        .nlink = (u32)a.nlink,
        .uid = a.uid,
        .gid = a.gid,
        .mode = (u16)a.mode,
        .ino = a.qid.path,
        .size = a.size,
        .blocks = a.blocks,
        .atime = statx_time(a.atime),
        .btime = statx_time(a.btime),
        .ctime = statx_time(a.ctime),
        .mtime = statx_time(a.mtime),
        .rdev_major = a.rdev_major,
        .rdev_minor = a.rdev_minor,
        .dev_major = (u32)(dev >> 8 & 0xfff),
        .dev_minor = (u32)(dev & 0xff),
    };
    return proc_copy_out(arg[4], &s, sizeof s);
}

/* ---- access: there is one user, root, but nobody executes what has no x bit ---- */

static s64 do_access(u64 dirfd, u64 va, u32 mode, u32 flags)
{
    enum { MODES = 7 }; /* R_OK 4; the others are VFS_* */
    char *path;
    const struct file *at;
    if ((mode & ~(u32)MODES) || (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    s64 result = get_path(va, &path);
    if (result < 0)
        return result;
    if (result == 0 && (flags & AT_EMPTY_PATH)) {
        struct file *file = (u32)dirfd == AT_FDCWD ? proc_current->cwd : proc_file((u32)dirfd);
        return put_path(path, file ? vfs_access(file, "", VFS_EMPTY, mode) : -EBADF);
    }
    result = start_of(dirfd, path, &at);
    if (result == 0)
        result = vfs_access(at, path, flags & AT_SYMLINK_NOFOLLOW ? VFS_NOFOLLOW : 0, mode);
    return put_path(path, result);
}

SYSCALL(access)
{
    return do_access(AT_FDCWD, arg[0], (u32)arg[1], 0);
}

SYSCALL(faccessat)
{
    return do_access(arg[0], arg[1], (u32)arg[2], 0);
}

SYSCALL(faccessat2)
{
    return do_access(arg[0], arg[1], (u32)arg[2], (u32)arg[3]);
}

/* ---- links, directories, file systems ---- */

static s64 do_readlink(u64 dirfd, u64 va, u64 out, u64 size)
{
    char *path, *target = NULL;
    const struct file *at;
    if ((s32)size <= 0)
        return -EINVAL;
    s64 result = get_path(va, &path);
    if (result < 0)
        return result;
    size = MIN((u32)size, (u32)VFS_PATH_MAX);
    result = start_of(dirfd, path, &at);
    if (result == 0 && !(target = mem_new(VFS_PATH_MAX)))
        result = -ENOMEM;
    if (result == 0)
        result = vfs_readlink(at, path, target, size);
    if (result > 0 && proc_copy_out(out, target, (u64)result) < 0)
        result = -EFAULT;
    mem_delete(target, VFS_PATH_MAX);
    return put_path(path, result);
}

SYSCALL(readlink)
{
    return do_readlink(AT_FDCWD, arg[0], arg[1], arg[2]);
}

SYSCALL(readlinkat)
{
    return do_readlink(arg[0], arg[1], arg[2], arg[3]);
}

SYSCALL(getcwd)
{
    const char *path = proc_current->cwd->path;
    u64 len = strlen(path) + 1;
    if (proc_current->cwd->removed)
        return -ENOENT;
    if (len > VFS_PATH_MAX)
        return -ENAMETOOLONG;
    if (len > arg[1])
        return -ERANGE;
    return proc_copy_out(arg[0], path, len) < 0 ? -EFAULT : (s64)len;
}

static void set_cwd(struct file *dir)
{
    vfs_put(proc_current->cwd);
    proc_current->cwd = dir;
}

SYSCALL(chdir)
{
    char *path;
    struct file *dir;
    s64 result = get_path(arg[0], &path);
    if (result < 0)
        return result;
    result = vfs_open(proc_current->cwd, path, O_DIRECTORY | O_PATH, 0, &dir);
    if (result == 0)
        set_cwd(dir);
    return put_path(path, result);
}

SYSCALL(fchdir)
{
    struct file *dir = proc_file((u32)arg[0]);
    if (!dir)
        return -EBADF;
    if (!dir->directory)
        return -ENOTDIR;
    set_cwd(vfs_get(dir));
    return 0;
}

static s64 statfs_out(u64 va, const struct fs_stat *f)
{
    struct linux_statfs s = {
        .type = f->type,
        .bsize = f->bsize,
        .blocks = f->blocks,
        .bfree = f->bfree,
        .bavail = f->bavail,
        .files = f->files,
        .ffree = f->ffree,
        .fsid = f->fsid,
        .namelen = f->namelen,
        .frsize = f->bsize,
    };
    return proc_copy_out(va, &s, sizeof s);
}

SYSCALL(statfs)
{
    char *path;
    struct fs_stat f;
    s64 result = get_path(arg[0], &path);
    if (result < 0)
        return result;
    result = vfs_statfs_path(proc_current->cwd, path, &f);
    put_path(path, 0);
    return result < 0 ? result : statfs_out(arg[1], &f);
}

SYSCALL(fstatfs)
{
    struct fs_stat f;
    struct file *file = proc_file((u32)arg[0]);
    int result = file ? vfs_statfs(file, &f) : -EBADF;
    return result < 0 ? result : statfs_out(arg[1], &f);
}

SYSCALL(umask)
{
    u32 old = proc_current->umask;
    proc_current->umask = arg[0] & 0777;
    return old;
}
