/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_copy - system calls that move bytes from file to file without the program's memory. */
#include "mem.h"
#include "proc.h"
#include "syscall.h"
#include "vfs.h"

enum { TURN = 256 * 1024 };

/* Moves up to len bytes; positions: VFS_CURRENT or bytes. Returns how many; -errno only when there were none. */
static s64 copy(struct file *in, u64 in_at, struct file *out, u64 out_at, u64 len)
{
    u64 pages = TURN / PAGE_SIZE, pa = mem_pages(pages, PAGE_SIZE), done = 0;
    s64 got = pa ? 1 : -ENOMEM, put = 0;
    while (got > 0 && done < len) {
        struct span span = {pa, MIN(len - done, (u64)TURN)};
        got = vfs_read(in, &span, 1, in_at == VFS_CURRENT ? in_at : in_at + done);
        if (got <= 0)
            break;
        span.len = (u64)got;
        put = vfs_write(out, &span, 1, out_at == VFS_CURRENT ? out_at : out_at + done);
        done += (u64)MAX(put, 0);
        if (put == got)
            continue;
        if (in_at == VFS_CURRENT) /* what was read and not written is to be read again */
            vfs_seek(in, MAX(put, 0) - (s64)span.len, 1);
        got = MIN(put, 0);
    }
    mem_pages_free(pa, pa ? pages : 0);
    return done ? (s64)done : got;
}

/* The position at va, if there is one; else the file's own. */
static s64 get_position(u64 va, u64 *at)
{
    *at = VFS_CURRENT;
    if (!va)
        return 0;
    if (proc_copy_in(at, va, sizeof *at) < 0)
        return -EFAULT;
    return (s64)*at < 0 ? -EINVAL : 0;
}

static s64 put_position(u64 va, u64 at, s64 moved)
{
    u64 next = at + (u64)MAX(moved, 0);
    return va && proc_copy_out(va, &next, sizeof next) < 0 ? -EFAULT : moved;
}

static s64 two_files(u64 in_fd, u64 out_fd, struct file **in, struct file **out)
{
    *in = proc_file((u32)in_fd);
    *out = proc_file((u32)out_fd);
    if (!*in || !*out || ((*in)->flags & O_PATH) || ((*out)->flags & O_PATH))
        return -EBADF;
    return ((*in)->flags & O_ACCMODE) == O_WRONLY || ((*out)->flags & O_ACCMODE) == O_RDONLY ? -EBADF : 0;
}

SYSCALL(sendfile)
{
    struct file *in, *out;
    u64 at;
    s64 result = two_files(arg[1], arg[0], &in, &out);
    if (result == 0)
        result = get_position(arg[2], &at);
    if (result < 0)
        return result;
    if ((in->mode & S_IFMT) != S_IFREG || (out->flags & O_APPEND))
        return -EINVAL;
    return put_position(arg[2], at, copy(in, at, out, VFS_CURRENT, MIN(arg[3], 0x7ffff000ul)));
}

SYSCALL(copy_file_range)
{
    struct file *in, *out;
    u64 in_at, out_at;
    s64 result = two_files(arg[0], arg[2], &in, &out);
    if (result < 0)
        return result;
    if ((u32)arg[5])
        return -EINVAL;
    if (in->directory || out->directory)
        return -EISDIR;
    if ((in->mode & S_IFMT) != S_IFREG || (out->mode & S_IFMT) != S_IFREG)
        return -EINVAL;
    if (out->flags & O_APPEND)
        return -EBADF;
    result = get_position(arg[1], &in_at);
    if (result == 0)
        result = get_position(arg[3], &out_at);
    if (result < 0)
        return result;
    result = copy(in, in_at, out, out_at, MIN(arg[4], 0x7ffff000ul));
    result = put_position(arg[1], in_at, result);
    return put_position(arg[3], out_at, result);
}
