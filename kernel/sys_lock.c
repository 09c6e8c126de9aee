/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_lock - flock, and the commands of fcntl that lock. */
#include "sys_lock.h"
#include "proc.h"
#include "syscall.h"
#include "vfs.h"

struct linux_flock {
    u16 type, whence;
    u32 pad;
    s64 start, len;
    s32 pid;
    u32 pad2;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock of x86-64");

/* The range in bytes, which may be told from its end backwards. */
static int get_range(struct file *file, const struct linux_flock *f, struct file_lock *lock)
{
    enum { SEEK_SET, SEEK_CUR, SEEK_END };
    struct attr attr = {.size = 0};
    u64 dev;
    int err = f->whence == SEEK_END ? vfs_getattr(file, &attr, &dev) : 0;
    if (err < 0)
        return err;
    if (f->whence != SEEK_SET && f->whence != SEEK_CUR && f->whence != SEEK_END)
        return -EINVAL;
    s64 base = f->whence == SEEK_CUR ? vfs_seek(file, 0, SEEK_CUR) : (s64)attr.size;
    base = MAX(base, 0);
    if (f->start > INT64_MAX - base)
        return -EOVERFLOW;
    s64 start = base + f->start;
    if (start < 0 || start + MIN(f->len, 0) < 0)
        return -EINVAL;
    s64 from = start + MIN(f->len, 0);
    if (f->len > 0 && f->len - 1 > INT64_MAX - start)
        return -EOVERFLOW;
    lock->start = (u64)from;
    lock->len = (u64)(start - from) + (u64)MAX(f->len, 0);
    return 0;
}

static s64 get_lock(struct file *file, enum lock_kind kind, struct linux_flock *f, struct file_lock *lock, u64 va)
{
    int err = vfs_getlock(file, kind, proc_current->pid, lock);
    if (err < 0)
        return err;
    f->type = lock->type;
    if (lock->type != F_UNLCK) {
        f->whence = 0;
        f->start = (s64)lock->start;
        f->len = (s64)lock->len;
        f->pid = (s32)lock->pid;
    }
    return proc_copy_out(va, f, sizeof *f);
}

static bool may_lock(const struct file *file, u8 type)
{
    u32 mode = file->flags & O_ACCMODE;
    return type == F_UNLCK || mode == O_RDWR || mode == (type == F_RDLCK ? O_RDONLY : O_WRONLY);
}

s64 lock_fcntl(struct file *file, u32 cmd, u64 va)
{
    enum { F_GETLK = 5, F_SETLK, F_SETLKW, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW };
    bool ofd = cmd >= F_OFD_GETLK;
    enum lock_kind kind = ofd ? LOCK_OFD : LOCK_PROCESS;
    u32 what = ofd ? cmd - F_OFD_GETLK + F_GETLK : cmd;
    struct linux_flock f;
    if (what < F_GETLK || what > F_SETLKW)
        return -EINVAL;
    if (proc_copy_in(&f, va, sizeof f) < 0)
        return -EFAULT;
    struct file_lock lock = {.type = (u8)f.type};
    if (what == F_GETLK && f.type == F_UNLCK)
        return -EINVAL;
    int err = get_range(file, &f, &lock);
    if (err < 0)
        return err;
    if (f.type > F_UNLCK)
        return -EINVAL;
    if (what != F_GETLK && !may_lock(file, lock.type))
        return -EBADF;
    if (ofd && f.pid)
        return -EINVAL;
    if (what == F_GETLK)
        return get_lock(file, kind, &f, &lock, va);
    return vfs_lock(file, kind, proc_current->pid, &lock, what == F_SETLKW);
}

SYSCALL(flock)
{
    enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8, LOCK_MAND = 32 };
    u32 how = (u32)arg[1] & ~(u32)LOCK_NB;
    struct file *file = proc_file((u32)arg[0]);
    if (how & LOCK_MAND)
        return 0; /* Linux knows it no more */
    if (how != LOCK_SH && how != LOCK_EX && how != LOCK_UN)
        return -EINVAL;
    if (!file || (file->flags & O_PATH))
        return -EBADF;
    struct file_lock lock = {.type = how == LOCK_SH ? F_RDLCK : how == LOCK_EX ? F_WRLCK : F_UNLCK};
    return vfs_lock(file, LOCK_FLOCK, proc_current->pid, &lock, !(arg[1] & LOCK_NB));
}
