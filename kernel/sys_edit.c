/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_edit - system calls that change trees: names, modes, owners, times, sizes. */
#include "proc.h"
#include "sys_file.h"
#include "sys_path.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

static u32 masked(u64 mode)
{
    return (u32)mode & 07777 & ~proc_current->umask;
}

/* ---- names ---- */

static s64 do_mkdir(u64 dirfd, u64 va, u64 mode)
{
    struct user_path path;
    s64 result = path_get(&path, dirfd, va, 0);
    return result < 0 ? result : path_put(&path, vfs_mkdir(path.at, path.text, masked(mode) & 01777));
}

SYSCALL_IS(mkdir, do_mkdir(AT_FDCWD, arg[0], arg[1]))
SYSCALL_IS(mkdirat, do_mkdir(arg[0], arg[1], arg[2]))

static s64 do_mknod(u64 dirfd, u64 va, u32 mode, u32 dev)
{
    struct user_path path;
    u32 type = mode & S_IFMT;
    if (type == S_IFDIR)
        return -EPERM;
    if (type != 0 && type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
        return -EINVAL;
    s64 result = path_get(&path, dirfd, va, 0);
    if (result < 0)
        return result;
    mode = (type ? type : S_IFREG) | masked(mode);
    return path_put(&path, vfs_mknod(path.at, path.text, mode, vfs_device_major(dev), vfs_device_minor(dev)));
}

SYSCALL_IS(mknod, do_mknod(AT_FDCWD, arg[0], (u32)arg[1], (u32)arg[2]))
SYSCALL_IS(mknodat, do_mknod(arg[0], arg[1], (u32)arg[2], (u32)arg[3]))

static s64 do_unlink(u64 dirfd, u64 va, bool directory)
{
    struct user_path path;
    s64 result = path_get(&path, dirfd, va, 0);
    return result < 0 ? result : path_put(&path, vfs_unlink(path.at, path.text, directory));
}

SYSCALL_IS(unlink, do_unlink(AT_FDCWD, arg[0], false))
SYSCALL_IS(rmdir, do_unlink(AT_FDCWD, arg[0], true))
SYSCALL_IS(unlinkat, (u32)arg[2] & ~(u32)AT_REMOVEDIR ? -EINVAL : do_unlink(arg[0], arg[1], arg[2] & AT_REMOVEDIR))

/* Two paths, the old one first; let go of by put_two(). */
struct two_paths {
    struct user_path old, new;
};

/* new_flags: AT_EMPTY_PATH, where an empty new name is told after a bad old one. */
static s64 get_two(struct two_paths *p, u64 old_dirfd, u64 old_va, u32 old_flags, u64 dirfd, u64 va, u32 new_flags)
{
    s64 result = path_get(&p->old, old_dirfd, old_va, old_flags);
    if (result < 0)
        return result;
    result = path_get(&p->new, dirfd, va, new_flags);
    return result < 0 ? path_put(&p->old, result) : 0;
}

static s64 put_two(struct two_paths *p, s64 result)
{
    return path_put(&p->old, path_put(&p->new, result));
}

static s64 do_rename(u64 old_dirfd, u64 old_va, u64 dirfd, u64 va, u32 flags)
{
    struct two_paths p;
    enum { KNOWN = 7, EXCHANGE = 2 };
    if (flags & ~(u32)KNOWN || (flags & RENAME_NOREPLACE && flags & EXCHANGE))
        return -EINVAL;
    s64 result = get_two(&p, old_dirfd, old_va, 0, dirfd, va, AT_EMPTY_PATH);
    return result < 0 ? result : put_two(&p, vfs_rename(p.old.at, p.old.text, p.new.at, p.new.text, flags));
}

SYSCALL_IS(rename, do_rename(AT_FDCWD, arg[0], AT_FDCWD, arg[1], 0))
SYSCALL_IS(renameat, do_rename(arg[0], arg[1], arg[2], arg[3], 0))
SYSCALL_IS(renameat2, do_rename(arg[0], arg[1], arg[2], arg[3], (u32)arg[4]))

static s64 do_link(u64 old_dirfd, u64 old_va, u64 dirfd, u64 va, u32 flags)
{
    struct two_paths p;
    u32 old_flags = flags ^ (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW);
    if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    s64 result = get_two(&p, old_dirfd, old_va, old_flags, dirfd, va, AT_EMPTY_PATH);
    return result < 0 ? result : put_two(&p, vfs_link(p.old.at, p.old.text, p.new.at, p.new.text, p.old.look));
}

SYSCALL_IS(link, do_link(AT_FDCWD, arg[0], AT_FDCWD, arg[1], 0))
SYSCALL_IS(linkat, do_link(arg[0], arg[1], arg[2], arg[3], (u32)arg[4]))

static s64 do_symlink(u64 target_va, u64 dirfd, u64 va)
{
    struct two_paths p;
    s64 result = get_two(&p, AT_FDCWD, target_va, 0, dirfd, va, 0);
    return result < 0 ? result : put_two(&p, vfs_symlink(p.old.text, p.new.at, p.new.text));
}

SYSCALL_IS(symlink, do_symlink(arg[0], AT_FDCWD, arg[1]))
SYSCALL_IS(symlinkat, do_symlink(arg[0], arg[1], arg[2]))

/* ---- attributes ---- */

static s64 change_path(u64 dirfd, u64 va, u32 flags, const struct attr_change *change)
{
    struct user_path path;
    if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    s64 result = path_get(&path, dirfd, va, flags);
    return result < 0 ? result : path_put(&path, vfs_change_path(path.at, path.text, path.look, change));
}

static s64 change_file(u64 fd, const struct attr_change *change)
{
    struct file *file = proc_file((u32)fd);
    return file ? vfs_change(file, change) : -EBADF;
}

static struct attr_change mode_change(u64 mode)
{
    return (struct attr_change){.valid = CHANGE_MODE, .mode = (u32)mode & 07777};
}

static s64 do_chmod(u64 dirfd, u64 va, u64 mode, u32 flags)
{
    struct attr_change c = mode_change(mode);
    return change_path(dirfd, va, flags, &c);
}

SYSCALL_IS(chmod, do_chmod(AT_FDCWD, arg[0], arg[1], 0))
SYSCALL_IS(fchmodat, do_chmod(arg[0], arg[1], arg[2], 0))
SYSCALL_IS(fchmodat2, do_chmod(arg[0], arg[1], arg[2], (u32)arg[3]))

SYSCALL(fchmod)
{
    struct attr_change c = mode_change(arg[1]);
    return change_file(arg[0], &c);
}

/* An id of -1 stays as it is. */
static struct attr_change owner_change(u64 uid, u64 gid)
{
    u32 valid = ((u32)uid != ~0u ? CHANGE_UID : 0) | ((u32)gid != ~0u ? CHANGE_GID : 0);
    /* With neither, servers still chown: that is what takes set-id bits off, as Linux does. */
    return (struct attr_change){.valid = valid ? valid : CHANGE_CTIME, .uid = (u32)uid, .gid = (u32)gid};
}

static s64 do_chown(u64 dirfd, u64 va, u64 uid, u64 gid, u32 flags)
{
    struct attr_change c = owner_change(uid, gid);
    return change_path(dirfd, va, flags, &c);
}

SYSCALL_IS(chown, do_chown(AT_FDCWD, arg[0], arg[1], arg[2], 0))
SYSCALL_IS(lchown, do_chown(AT_FDCWD, arg[0], arg[1], arg[2], AT_SYMLINK_NOFOLLOW))
SYSCALL_IS(fchownat, do_chown(arg[0], arg[1], arg[2], arg[3], (u32)arg[4]))

SYSCALL(fchown)
{
    struct attr_change c = owner_change(arg[1], arg[2]);
    return change_file(arg[0], &c);
}

/* A size above the limit is for files only that have it already. */
static s64 resize(struct file *file, u64 size)
{
    struct attr_change c = {.valid = CHANGE_SIZE, .size = size};
    struct attr attr;
    u64 dev, last = 1;
    s64 result = 0;
    if (size > proc_current->limits[PROC_LIMIT_FILE_SIZE][0])
        result = vfs_getattr(file, &attr, &dev);
    else
        attr.size = size;
    if (result == 0 && size > attr.size)
        result = file_room(file, size - 1, false, &last);
    return result < 0 ? result : vfs_change(file, &c);
}

static s64 resize_path(u64 va, u64 size)
{
    struct user_path path;
    struct file *file;
    s64 result = path_get(&path, AT_FDCWD, va, 0);
    if (result < 0)
        return result;
    result = vfs_open(path.at, path.text, O_WRONLY, 0, &file);
    if (result == 0) {
        result = resize(file, size);
        vfs_put(file);
    }
    return path_put(&path, result);
}

SYSCALL(truncate)
{
    if ((s64)arg[1] < 0)
        return -EINVAL;
    if (arg[1] > proc_current->limits[PROC_LIMIT_FILE_SIZE][0])
        return resize_path(arg[0], arg[1]);
    return change_path(AT_FDCWD, arg[0], 0, &(struct attr_change){.valid = CHANGE_SIZE, .size = arg[1]});
}

SYSCALL(ftruncate)
{
    struct file *file = proc_file((u32)arg[0]);
    if ((s64)arg[1] < 0)
        return -EINVAL;
    if (!file || (file->flags & O_PATH))
        return -EBADF;
    if (!vfs_may_write(file->flags) || vfs_type(file) != S_IFREG)
        return -EINVAL;
    return resize(file, arg[1]);
}

/* ---- times ---- */

struct timespec {
    s64 sec, nsec;
};

enum { UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe };

/* What two times ask for; nothing (valid 0) if one of them is none. */
static struct attr_change time_change(const struct timespec t[2])
{
    static const u32 bits[2][2] = {{CHANGE_ATIME, CHANGE_ATIME_SET}, {CHANGE_MTIME, CHANGE_MTIME_SET}};
    struct attr_change c = {.valid = 0};
    for (unsigned i = 0; i < 2; i++) {
        if (t[i].nsec == UTIME_OMIT)
            continue;
        c.valid |= bits[i][0];
        if (t[i].nsec == UTIME_NOW)
            continue;
        if ((u64)t[i].nsec >= SECOND)
            return (struct attr_change){.valid = 0};
        c.valid |= bits[i][1];
        *(i ? &c.mtime : &c.atime) = (struct timestamp){(u64)t[i].sec, (u64)t[i].nsec};
    }
    return c;
}

SYSCALL(utimensat)
{
    struct timespec t[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    if (arg[2] && proc_copy_in(t, arg[2], sizeof t) < 0)
        return -EFAULT;
    if (t[0].nsec == UTIME_OMIT && t[1].nsec == UTIME_OMIT)
        return 0;
    struct attr_change c = time_change(t);
    if (arg[1] || (u32)arg[0] == AT_FDCWD)
        return change_path(arg[0], arg[1], (u32)arg[3], &c);
    return (u32)arg[3] ? -EINVAL : change_file(arg[0], &c);
}

/* ---- to the host's disk ---- */

static s64 sync_file(u64 fd, bool data_only)
{
    struct file *file = proc_file((u32)fd);
    return file ? vfs_fsync(file, data_only) : -EBADF;
}

SYSCALL_IS(fsync, sync_file(arg[0], false))
SYSCALL_IS(fdatasync, sync_file(arg[0], true))

/* What the host still has to write is the host's. Errors stay for those who close the files. */
SYSCALL(sync)
{
    for (struct file *f = vfs_files(); f; f = f->next)
        vfs_flush(f, false);
    return 0;
}

SYSCALL_IS(syncfs, file_open(arg[0]) ? sys_sync(arg) : -EBADF)

/* Blocks cannot be promised over 9P; C libraries then write zeroes themselves. */
SYSCALL(fallocate)
{
    const struct file *file = file_open(arg[0]);
    if (!file)
        return -EBADF;
    if ((s64)arg[2] < 0 || (s64)arg[3] <= 0)
        return -EINVAL;
    if ((u32)arg[1])
        return -EOPNOTSUPP;
    if (!vfs_may_write(file->flags))
        return -EBADF;
    return arg[2] > (u64)INT64_MAX - arg[3] ? -EFBIG : -EOPNOTSUPP;
}

/* What is read on end is read ahead, advised or not. */
SYSCALL(fadvise64)
{
    enum { POSIX_FADV_NOREUSE = 5 };
    const struct file *file = file_open(arg[0]);
    if (!file || vfs_type(file) == S_IFIFO)
        return file ? -ESPIPE : -EBADF;
    return (u32)arg[3] > POSIX_FADV_NOREUSE || (s64)arg[2] < 0 ? -EINVAL : 0;
}

SYSCALL(readahead)
{
    const struct file *file = file_open(arg[0]);
    if (!file || !vfs_may_read(file->flags))
        return -EBADF;
    return (vfs_type(file) != S_IFREG && vfs_type(file) != S_IFBLK) || (s64)arg[2] < 0 ? -EINVAL : 0;
}

/* All that was gathered goes out, whatever the range. */
SYSCALL(sync_file_range)
{
    enum { WAIT_BEFORE = 1, WRITE = 2, WAIT_AFTER = 4 };
    struct file *file = file_open(arg[0]);
    u32 flags = (u32)arg[3];
    if (!file)
        return -EBADF;
    if (flags > (WAIT_BEFORE | WRITE | WAIT_AFTER) || (s64)arg[1] < 0 || (s64)(arg[1] + arg[2]) < (s64)arg[1])
        return -EINVAL;
    if (vfs_type(file) != S_IFREG && vfs_type(file) != S_IFBLK && vfs_type(file) != S_IFDIR)
        return -ESPIPE;
    return flags ? vfs_flush(file, flags != WRITE) : 0;
}
