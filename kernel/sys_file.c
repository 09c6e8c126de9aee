/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_file - system calls on open files: bytes, positions, descriptors. */
#include "arch.h"
#include "mem.h"
#include "proc.h"
#include "sys_file.h"
#include "sys_lock.h"
#include "syscall.h"
#include "vfs.h"

/* Most bytes of one read or write, as Linux has it. */
#define IO_MAX 0x7ffff000ull
/* One turn: what is faulted in at a time, so that a large buffer does not cost memory before there are bytes for it. */
#define IO_TURN (4ull << 20)

enum { SIGPIPE = 13, IO_SPANS = 64, IOV_MAX = 1024 };

typedef s64 (*move_fn)(struct file *file, const struct span *spans, unsigned n, u64 offset);

struct file *file_open(u64 fd)
{
    struct file *file = proc_file((u32)fd);
    return file && !(file->flags & O_PATH) ? file : NULL;
}

static int file_for(u32 fd, bool write, u64 offset, struct file **out)
{
    *out = proc_file(fd);
    if (!*out || ((*out)->flags & O_PATH))
        return -EBADF;
    if (offset != VFS_CURRENT && vfs_is_stream(*out))
        return -ESPIPE;
    return write ? vfs_may_write((*out)->flags) ? 0 : -EBADF : vfs_may_read((*out)->flags) ? 0 : -EBADF;
}

/* Whether a program could have len bytes at va; as on Linux that is looked at first, and nothing moves if it could not. */
static bool possible(u64 va, u64 len)
{
    return len <= ARCH_USER_MAX && va <= ARCH_USER_MAX - len;
}

s64 file_room(struct file *file, u64 at, bool append, u64 *len)
{
    enum { SIGXFSZ = 25 };
    struct attr attr;
    u64 limit = proc_current->limits[PROC_LIMIT_FILE_SIZE][0], dev;
    if (limit > INT64_MAX || (file->mode & S_IFMT) != S_IFREG || !*len)
        return 0;
    s64 from = append ? vfs_getattr(file, &attr, &dev) : at == VFS_CURRENT ? vfs_seek(file, 0, 1) : (s64)at;
    if (from < 0)
        return from;
    at = append ? attr.size : (u64)from;
    if (at >= limit) {
        sys_tkill((const u64[6]){proc_current->pid, SIGXFSZ});
        return -EFBIG;
    }
    *len = MIN(*len, limit - at);
    return 0;
}

/* Moves len bytes between the program's [va, va+len) and the file, in turns, until one comes up short. */
static s64 move(struct file *file, u64 va, u64 len, u64 offset, move_fn fn)
{
    struct span spans[IO_SPANS];
    int prot = fn == vfs_read ? PROT_WRITE : PROT_READ;
    u64 done = 0, covered = 0;
    s64 got = 0;
    if (!possible(va, len))
        return -EFAULT;
    len = MIN(len, IO_MAX);
    if (fn != vfs_read)
        got = file_room(file, offset, fn == vfs_append || (file->flags & O_APPEND), &len);
    if (got < 0)
        return got;
    do {
        unsigned n = proc_spans(va + done, MIN(len - done, IO_TURN), prot, spans, IO_SPANS, &covered);
        if (!n && len)
            return done ? (s64)done : -EFAULT;
        if (fn == vfs_read)
            vfs_reader = (struct vfs_reader){proc_swap, va + done};
        got = fn(file, spans, n, offset == VFS_CURRENT ? offset : offset + done);
        vfs_reader.swap = NULL;
        if (got > 0)
            done += (u64)got;
    } while (got > 0 && (u64)got == covered && done < len);
    if (got == -EPIPE)
        sys_tkill((const u64[6]){proc_current->pid, SIGPIPE});
    return done ? (s64)done : got;
}

static s64 move_checked(u32 fd, u64 va, u64 len, u64 offset, bool write)
{
    struct file *file;
    int result = file_for(fd, write, offset, &file);
    if (result == 0)
        result = vfs_check_direct(file, offset, len);
    return result < 0 ? result : move(file, va, len, offset, write ? vfs_write : vfs_read);
}

SYSCALL(read)
{
    return move_checked((u32)arg[0], arg[1], arg[2], VFS_CURRENT, false);
}

SYSCALL(write)
{
    return move_checked((u32)arg[0], arg[1], arg[2], VFS_CURRENT, true);
}

SYSCALL(pread64)
{
    return (s64)arg[3] < 0 ? -EINVAL : move_checked((u32)arg[0], arg[1], arg[2], arg[3], false);
}

SYSCALL(pwrite64)
{
    return (s64)arg[3] < 0 ? -EINVAL : move_checked((u32)arg[0], arg[1], arg[2], arg[3], true);
}

struct iovec {
    u64 base, len;
};

/* Reads and checks the vector as Linux does: no length negative, no impossible buffer; what is too much in all is cut. */
static s64 copy_iovec(struct iovec *iov, u64 va, u64 count)
{
    if (proc_copy_in(iov, va, count * sizeof *iov) < 0)
        return -EFAULT;
    u64 total = 0;
    for (u64 i = 0; i < count; i++)
        if ((s64)iov[i].len < 0)
            return -EINVAL;
    for (u64 i = 0; i < count; i++) {
        if (!possible(iov[i].base, iov[i].len))
            return -EFAULT;
        iov[i].len = MIN(iov[i].len, IO_MAX - total);
        total += iov[i].len;
    }
    return 0;
}

/* All of a vector, as far as one piece after the other goes in whole. */
static s64 move_pieces(struct file *file, const struct iovec *iov, u64 count, u64 offset, move_fn fn)
{
    s64 done = 0, got = 0;
    for (u64 i = 0; i < count; i++) {
        if (!iov[i].len)
            continue;
        got = move(file, iov[i].base, iov[i].len, offset == VFS_CURRENT ? offset : offset + (u64)done, fn);
        done += MAX(got, 0);
        if (got != (s64)iov[i].len)
            break;
    }
    return done ? done : got;
}

/* RWF_*: what a caller wants of one transfer. */
enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_APPEND = 16 };

static s64 move_flagged(struct file *file, const struct iovec *iov, u64 count, u64 offset, bool write, u32 flags)
{
    u64 total = 0;
    for (u64 i = 0; i < count; i++)
        total += iov[i].len;
    if (total && (flags & ~(u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND)))
        return -EOPNOTSUPP;
    move_fn fn = !write ? vfs_read : flags & RWF_APPEND ? vfs_append : vfs_write;
    if (vfs_check_direct(file, offset, total) < 0)
        return -EINVAL;
    s64 done = move_pieces(file, iov, count, offset, fn);
    int err = write && done > 0 && (flags & (RWF_DSYNC | RWF_SYNC)) ? vfs_fsync(file, !(flags & RWF_SYNC)) : 0;
    return err < 0 ? err : done;
}

static s64 move_vector(u32 fd, u64 va, u32 count, u64 offset, bool write, u32 flags)
{
    struct file *file;
    s64 got = file_for(fd, write, offset, &file);
    if (got < 0)
        return got;
    if (count > IOV_MAX)
        return -EINVAL;
    struct iovec *iov = mem_new(MAX(count, 1u) * sizeof *iov);
    if (!iov)
        return -ENOMEM;
    got = copy_iovec(iov, va, count);
    if (got >= 0)
        got = move_flagged(file, iov, count, offset, write, flags);
    mem_delete(iov, MAX(count, 1u) * sizeof *iov);
    return got;
}

SYSCALL(readv)
{
    return move_vector((u32)arg[0], arg[1], (u32)arg[2], VFS_CURRENT, false, 0);
}

SYSCALL(writev)
{
    return move_vector((u32)arg[0], arg[1], (u32)arg[2], VFS_CURRENT, true, 0);
}

SYSCALL(preadv)
{
    return (s64)arg[3] < 0 ? -EINVAL : move_vector((u32)arg[0], arg[1], (u32)arg[2], arg[3], false, 0);
}

SYSCALL(pwritev)
{
    return (s64)arg[3] < 0 ? -EINVAL : move_vector((u32)arg[0], arg[1], (u32)arg[2], arg[3], true, 0);
}

/* An offset of -1 is the file's own position, which is VFS_CURRENT. */
static s64 move_vector2(const u64 arg[6], bool write)
{
    if ((s64)arg[3] < -1)
        return -EINVAL;
    return move_vector((u32)arg[0], arg[1], (u32)arg[2], arg[3], write, (u32)arg[5]);
}

SYSCALL(preadv2)
{
    return move_vector2(arg, false);
}

SYSCALL(pwritev2)
{
    return move_vector2(arg, true);
}

SYSCALL(lseek)
{
    struct file *file = proc_file((u32)arg[0]);
    if (!file || (file->flags & O_PATH))
        return -EBADF;
    return vfs_seek(file, (s64)arg[1], (int)arg[2]);
}

SYSCALL(close)
{
    struct file *file = proc_file((u32)arg[0]);
    int lost = file ? vfs_flush(file, true) : 0, err = proc_fd_close((u32)arg[0]);
    return err < 0 ? err : lost;
}

/* What a close loses is told by the log, as nobody is told here. */
SYSCALL(close_range)
{
    enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };
    u32 first = (u32)arg[0], last = (u32)arg[1], flags = (u32)arg[2];
    if ((flags & ~(u32)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
        return -EINVAL;
    for (u32 fd = first; fd <= MIN(last, PROC_FDS - 1u); fd++)
        if (!(flags & CLOSE_RANGE_CLOEXEC))
            proc_fd_close(fd);
        else if (proc_file(fd))
            proc_current->cloexec[fd] = true;
    return 0;
}

/* ---- descriptors ---- */

SYSCALL(dup)
{
    struct file *file = proc_file((u32)arg[0]);
    return file ? proc_fd_add(vfs_get(file), 0, false) : -EBADF;
}

static s64 dup_to(u32 from, u32 to, bool cloexec)
{
    struct file *file = proc_file(from);
    if (!file || to >= proc_current->limits[PROC_LIMIT_FDS][0])
        return -EBADF;
    vfs_get(file);
    proc_fd_close(to);
    return proc_fd_add(file, to, cloexec);
}

SYSCALL(dup2)
{
    u32 from = (u32)arg[0], to = (u32)arg[1];
    if (from == to)
        return proc_file(from) ? (s64)to : -EBADF;
    return dup_to(from, to, false);
}

SYSCALL(dup3)
{
    u32 from = (u32)arg[0], to = (u32)arg[1], flags = (u32)arg[2];
    if (from == to || (flags & ~(u32)O_CLOEXEC))
        return -EINVAL;
    return dup_to(from, to, flags & O_CLOEXEC);
}

SYSCALL(fcntl)
{
    enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 1030 };
    u32 fd = (u32)arg[0], cmd = (u32)arg[1];
    struct file *file = proc_file(fd);
    if (!file)
        return -EBADF;
    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return arg[2] >= proc_current->limits[PROC_LIMIT_FDS][0]
                   ? -EINVAL
                   : proc_fd_add(vfs_get(file), (unsigned)arg[2], cmd == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return proc_current->cloexec[fd];
    case F_SETFD:
        proc_current->cloexec[fd] = arg[2] & 1;
        return 0;
    case F_GETFL:
        return file->flags;
    case F_SETFL:
        return vfs_set_flags(file, (u32)arg[2]);
    default:
        return file->flags & O_PATH ? -EBADF : lock_fcntl(file, cmd, arg[2]);
    }
}

/* ---- directories and devices ---- */

struct linux_dirent64 {
    u64 ino, off;
    u16 reclen;
    u8 type;
    char name[]; /* NUL, padding to 8 */
};
enum { NAME_AT = 19 };
_Static_assert(offsetof(struct linux_dirent64, name) == NAME_AT, "struct linux_dirent64");

struct listing {
    u8 *bytes;
    size_t size, len;
    bool full; /* an entry was there that found no room */
};

static bool add_entry(void *ctx, const struct dirent_info *e)
{
    struct listing *l = ctx;
    size_t record = ALIGN_UP(NAME_AT + (size_t)e->name.len + 1, 8ul);
    l->full = record > l->size - l->len;
    if (l->full)
        return false;
    struct linux_dirent64 *out = (void *)(l->bytes + l->len);
    out->ino = e->ino;
    out->off = e->next;
    out->reclen = (u16)record;
    out->type = e->type;
    memcpy(out->name, e->name.s, e->name.len);
    l->len += record;
    return true;
}

/* As many whole entries as there is memory for; the position goes behind the last of them. */
static s64 entries_out(struct file *file, u64 va, const struct listing *l)
{
    size_t done = 0;
    bool all = proc_copy_out(va, l->bytes, l->len) == 0;
    while (done < l->len) {
        const struct linux_dirent64 *entry = (const void *)(l->bytes + done);
        if (!all && proc_copy_out(va + done, entry, entry->reclen) < 0)
            return done ? (s64)done : -EFAULT;
        file->offset = entry->off;
        done += entry->reclen;
    }
    return (s64)done;
}

SYSCALL(getdents64)
{
    enum { ROOM = 32768 };
    struct file *file = proc_file((u32)arg[0]);
    if (!file)
        return -EBADF;
    u64 before = file->offset;
    size_t size = (size_t)MIN(MAX((s32)arg[2], 0), ROOM);
    struct listing l = {mem_new(MAX(size, 1u)), size, 0, false};
    if (!l.bytes)
        return -ENOMEM;
    s64 got = vfs_readdir(file, size, add_entry, &l);
    file->offset = before;
    if (got == 0 && l.full)
        got = -EINVAL; /* not the end, which 0 would say */
    if (got > 0)
        got = entries_out(file, arg[1], &l);
    mem_delete(l.bytes, MAX(size, 1u));
    return got;
}

SYSCALL(ioctl)
{
    enum { FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX };
    static const struct {
        u32 cmd;
        u8 in, out;
    } known[] = {
        {0x5401, 0, 36},                                                  /* TCGETS */
        {0x5402, 36, 0},          {0x5403, 36, 0},       {0x5404, 36, 0}, /* TCSETS, TCSETSW, TCSETSF */
        {0x5409, 0, 0},           {0x540a, 0, 0},        {0x540b, 0, 0},  /* TCSBRK, TCXONC, TCFLSH */
        {0x540e, 0, 0},           {0x540f, 0, 4},        {0x5410, 4, 0},  /* TIOCSCTTY, TIOCGPGRP, TIOCSPGRP */
        {0x5413, 0, 8},           {0x5429, 0, 4},                         /* TIOCGWINSZ, TIOCGSID */
        {FIONREAD, 0, 4},         {HDIO_GETGEO, 0, 16},  {BLKROGET, 0, 4},  {BLKGETSIZE, 0, 8},   {BLKFLSBUF, 0, 0},
        {BLKSSZGET, 0, 4},        {BLKIOMIN, 0, 4},      {BLKIOOPT, 0, 4},  {BLKALIGNOFF, 0, 4},  {BLKPBSZGET, 0, 4},
        {BLKDISCARDZEROES, 0, 4}, {BLKROTATIONAL, 0, 2}, {BLKBSZGET, 0, 4}, {BLKGETSIZE64, 0, 8}, {BLKDISCARD, 16, 0},
        {BLKSECDISCARD, 16, 0},   {BLKZEROOUT, 16, 0},
    };
    u8 data[36] = {0};
    u32 fd = (u32)arg[0];
    struct file *file = proc_file(fd);
    if (!file || (file->flags & O_PATH))
        return -EBADF;
    if ((u32)arg[1] == FIOCLEX || (u32)arg[1] == FIONCLEX) {
        proc_current->cloexec[fd] = (u32)arg[1] == FIOCLEX;
        return 0;
    }
    if ((u32)arg[1] == FIONBIO) {
        if (proc_copy_in(data, arg[2], sizeof(u32)) < 0)
            return -EFAULT;
        file->flags = data[0] ? file->flags | O_NONBLOCK : file->flags & ~(u32)O_NONBLOCK;
        return 0;
    }
    for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].cmd != (u32)arg[1])
            continue;
        if (known[i].in && proc_copy_in(data, arg[2], known[i].in) < 0)
            return -EFAULT;
        int result = vfs_ioctl(file, known[i].cmd, data, sizeof data);
        if (result >= 0 && known[i].out && proc_copy_out(arg[2], data, known[i].out) < 0)
            return -EFAULT;
        return result;
    }
    return -ENOTTY;
}
