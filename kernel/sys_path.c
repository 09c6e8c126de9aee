/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_path - system calls that name files: open, stat, readlink, directories. */
#include "sys_path.h"
#include "arch.h"
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

static struct file *file_at(u64 dirfd)
{
    return (u32)dirfd == AT_FDCWD ? proc_current->cwd : proc_file((u32)dirfd);
}

/* The directory that a relative path starts from. An absolute path needs none, whatever dirfd says. */
static s64 find_start(struct user_path *path, u64 dirfd, u32 flags)
{
    bool empty = !path->text[0];
    if (empty && !(flags & AT_EMPTY_PATH))
        return -ENOENT;
    path->look = (flags & AT_SYMLINK_NOFOLLOW ? VFS_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH ? VFS_EMPTY : 0);
    path->at = path->text[0] == '/' ? proc_current->cwd : file_at(dirfd);
    if (!path->at)
        return -EBADF;
    return empty || path->at->directory ? 0 : -ENOTDIR;
}

_Static_assert(VFS_PATH_MAX == PAGE_SIZE, "a path has a page");

static char *spare_text; /* for the next path; few calls have two */

s64 path_get(struct user_path *path, u64 dirfd, u64 va, u32 flags)
{
    u64 page = spare_text ? 0 : mem_pages(1, PAGE_SIZE); /* not cleared, as mem_new()'s would be */
    path->text = page ? mem_virt(page) : spare_text;
    if (!path->text)
        return -ENOMEM;
    spare_text = NULL;
    s64 result = proc_copy_string(path->text, va, VFS_PATH_MAX);
    if (result >= 0)
        result = find_start(path, dirfd, flags);
    return result < 0 ? path_put(path, result) : 0;
}

s64 path_put(struct user_path *path, s64 result)
{
    if (spare_text)
        mem_pages_free(mem_phys(path->text), 1);
    else
        spare_text = path->text;
    return result;
}

static s64 do_open(u64 dirfd, u64 va, u64 flags, u64 mode)
{
    struct user_path path;
    struct file *file;
    u32 open_flags = (u32)flags & ~(u32)O_CLOEXEC;
    s64 result = vfs_open_flags(&open_flags);
    if (result == 0)
        result = path_get(&path, dirfd, va, 0);
    if (result < 0)
        return result;
    result = proc_fd_free(0); /* first, for opening may make or empty the file */
    if (result >= 0)
        result = vfs_open(path.at, path.text, open_flags, (u32)mode & ~proc_current->umask & 07777, &file);
    if (result == 0)
        result = proc_fd_add(file, 0, flags & O_CLOEXEC);
    return path_put(&path, result);
}

SYSCALL_IS(open, do_open(AT_FDCWD, arg[0], arg[1], arg[2]))
SYSCALL_IS(openat, do_open(arg[0], arg[1], arg[2], arg[3]))
SYSCALL_IS(creat, do_open(AT_FDCWD, arg[0], O_CREAT | O_WRONLY | O_TRUNC, arg[1]))

/* ---- stat ---- */

/* A block device's size is not told by stat(). */
static u64 size_told(const struct attr *a)
{
    return (a->mode & S_IFMT) == S_IFBLK ? 0 : a->size;
}

static s64 stat_out(u64 va, const struct attr *a, u64 dev)
{
    struct linux_stat own, *place = va % _Alignof(struct linux_stat) ? NULL : proc_known(va, sizeof own, PROT_WRITE);
    struct linux_stat *s = place ? place : &own;
    *s = (struct linux_stat){
        .dev = dev,
        .ino = a->qid.path,
        .nlink = a->nlink,
        .mode = a->mode,
        .uid = a->uid,
        .gid = a->gid,
        .pad = 0,
        .rdev = vfs_device(a->rdev_major, a->rdev_minor),
        .size = size_told(a),
        .blksize = a->blksize,
        .blocks = a->blocks,
        .atime = a->atime,
        .mtime = a->mtime,
        .ctime = a->ctime,
        .unused = {0, 0, 0},
    };
    return place ? 0 : proc_copy_out(va, s, sizeof *s);
}

/* Attributes of (dirfd, path); no path at all with AT_EMPTY_PATH is dirfd itself, too. */
static s64 attributes(u64 dirfd, u64 va, u32 flags, struct attr *attr, u64 *dev)
{
    struct user_path path;
    if (!va && (flags & AT_EMPTY_PATH)) {
        struct file *file = file_at(dirfd);
        return file ? vfs_getattr(file, attr, dev) : -EBADF;
    }
    s64 result = path_get(&path, dirfd, va, flags);
    if (result < 0)
        return result;
    if (path.text[0])
        result = vfs_getattr_path(path.at, path.text, path.look, attr, dev);
    else
        result = vfs_getattr((struct file *)path.at, attr, dev);
    return path_put(&path, result);
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

SYSCALL_IS(stat, do_stat(AT_FDCWD, arg[0], 0, arg[1]))
SYSCALL_IS(lstat, do_stat(AT_FDCWD, arg[0], AT_SYMLINK_NOFOLLOW, arg[1]))
SYSCALL_IS(newfstatat, do_stat(arg[0], arg[1], (u32)arg[3], arg[2]))

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
        .size = size_told(&a),
        .blocks = a.blocks,
        .atime = statx_time(a.atime),
        .btime = statx_time(a.btime),
        .ctime = statx_time(a.ctime),
        .mtime = statx_time(a.mtime),
        .rdev_major = a.rdev_major,
        .rdev_minor = a.rdev_minor,
        .dev_major = vfs_device_major(dev),
        .dev_minor = vfs_device_minor(dev),
    };
    return proc_copy_out(arg[4], &s, sizeof s);
}

/* ---- access: there is one user, root, but nobody executes what has no x bit ---- */

static s64 do_access(u64 dirfd, u64 va, u32 mode, u32 flags)
{
    enum { MODES = 7 }; /* R_OK 4; the others are VFS_* */
    struct user_path path;
    if ((mode & ~(u32)MODES) || (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    s64 result = path_get(&path, dirfd, va, flags);
    return result < 0 ? result : path_put(&path, vfs_access(path.at, path.text, path.look, mode));
}

SYSCALL_IS(access, do_access(AT_FDCWD, arg[0], (u32)arg[1], 0))
SYSCALL_IS(faccessat, do_access(arg[0], arg[1], (u32)arg[2], 0))
SYSCALL_IS(faccessat2, do_access(arg[0], arg[1], (u32)arg[2], (u32)arg[3]))

/* ---- links, directories, file systems ---- */

/* No path is a link that dirfd itself stands for. */
static s64 do_readlink(u64 dirfd, u64 va, u64 out, u64 size)
{
    struct user_path path;
    if ((s32)size <= 0)
        return -EINVAL;
    s64 result = path_get(&path, dirfd, va, AT_EMPTY_PATH);
    if (result < 0)
        return result;
    char *target = mem_new(VFS_PATH_MAX);
    result = target ? vfs_readlink(path.at, path.text, target, MIN((u32)size, (u32)VFS_PATH_MAX)) : -ENOMEM;
    if (result == -EINVAL && !path.text[0])
        result = -ENOENT;
    if (result > 0 && proc_copy_out(out, target, (u64)result) < 0)
        result = -EFAULT;
    mem_delete(target, VFS_PATH_MAX);
    return path_put(&path, result);
}

SYSCALL_IS(readlink, do_readlink(AT_FDCWD, arg[0], arg[1], arg[2]))
SYSCALL_IS(readlinkat, do_readlink(arg[0], arg[1], arg[2], arg[3]))

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
    struct user_path path;
    struct file *dir;
    s64 result = path_get(&path, AT_FDCWD, arg[0], 0);
    if (result < 0)
        return result;
    result = vfs_open(path.at, path.text, O_DIRECTORY | O_PATH, 0, &dir);
    if (result == 0)
        set_cwd(dir);
    return path_put(&path, result);
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
    enum { ST_RDONLY = 1, ST_VALID = 0x20, ST_RELATIME = 0x1000 };
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
        .flags = ST_VALID | ST_RELATIME | (f->readonly ? ST_RDONLY : 0),
    };
    return proc_copy_out(va, &s, sizeof s);
}

SYSCALL(statfs)
{
    struct user_path path;
    struct fs_stat f;
    s64 result = path_get(&path, AT_FDCWD, arg[0], 0);
    if (result < 0)
        return result;
    result = path_put(&path, vfs_statfs_path(path.at, path.text, &f));
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
