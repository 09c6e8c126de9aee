/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_copy - system calls that move bytes from file to file without the program's memory. */
#include "mem.h"
#include "proc.h"
#include "sys_file.h"
#include "syscall.h"
#include "vfs.h"

enum { TURN_MIN = 16, TURN_MAX = 256, PART = 16 }; /* pages of one turn, and what part of the free memory they may be */
#define MOST 0x7ffff000ull                         /* bytes of one call, as of one write */

/* Moves up to len bytes; positions: VFS_CURRENT or bytes. Returns how many; -errno only when there were none. */
static s64 copy(struct file *in, u64 in_at, struct file *out, u64 out_at, u64 len)
{
    s64 room = file_room(out, out_at, false, &len);
    if (room < 0)
        return room;
    u64 pages = MIN(MAX(mem_free_count() / PART, TURN_MIN), TURN_MAX), turn = pages * PAGE_SIZE, pa = mem_lend(pages),
        done = 0;
    s64 got = pa ? 0 : -ENOMEM, put = 0;
    while (got >= 0 && done < len) {
        struct span span = {pa, MIN(len - done, turn)};
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
    mem_lent_back(pa, pa ? pages : 0);
    return done ? (s64)done : got;
}

/* The position at va, if there is one; else the file's own. */
static s64 get_position(u64 va, u64 *at)
{
    *at = VFS_CURRENT;
    return va && proc_copy_in(at, va, sizeof *at) < 0 ? -EFAULT : 0;
}

static s64 put_position(u64 va, u64 at, s64 moved)
{
    u64 next = at + (u64)MAX(moved, 0);
    return va && proc_copy_out(va, &next, sizeof next) < 0 ? -EFAULT : moved;
}

SYSCALL(sendfile)
{
    struct file *in = file_open(arg[1]), *out = file_open(arg[0]);
    u64 at;
    s64 result = get_position(arg[2], &at);
    if (result < 0)
        return result;
    if (!in || !vfs_may_read(in->flags))
        return -EBADF;
    if ((arg[2] && (s64)at < 0) || (s64)arg[3] < 0)
        return -EINVAL;
    if (!out || !vfs_may_write(out->flags))
        return -EBADF;
    if (vfs_type(in) != S_IFREG || (vfs_type(out) == S_IFREG && (out->flags & O_APPEND)))
        return -EINVAL;
    if (in != out || arg[2])
        return put_position(arg[2], at, copy(in, at, out, VFS_CURRENT, MIN(arg[3], MOST)));
    /* One position, which reading and writing are not to move twice. */
    s64 from = vfs_seek(in, 0, 1), done = copy(in, (u64)from, out, (u64)from, MIN(arg[3], MOST));
    vfs_seek(in, from + MAX(done, 0), 0);
    return done;
}

/* What can be copied at once of what is asked for: nothing behind the end, nothing onto itself. */
static s64 check_range(struct file *in, u64 in_at, struct file *out, u64 out_at, u64 *len)
{
    struct attr attr;
    u64 dev;
    if (in_at + *len < in_at || out_at + *len < out_at)
        return -EOVERFLOW;
    int err = vfs_getattr(in, &attr, &dev);
    if (err < 0)
        return err;
    if (out_at >= INT64_MAX)
        return -EFBIG;
    *len = in_at < attr.size ? MIN(MIN(*len, attr.size - in_at), MOST) : 0;
    bool same = in->node.fs == out->node.fs && in->node.qid.path == out->node.qid.path;
    return same && out_at + *len > in_at && out_at < in_at + *len ? -EINVAL : 0;
}

static s64 copy_range(struct file *in, struct file *out, const u64 arg[6])
{
    u64 in_at, out_at, len = arg[4];
    s64 result = get_position(arg[1], &in_at);
    if (result == 0)
        result = get_position(arg[3], &out_at);
    if (result < 0)
        return result;
    if ((u32)arg[5])
        return -EINVAL;
    if (in->directory || out->directory)
        return -EISDIR;
    if (vfs_type(in) != S_IFREG || vfs_type(out) != S_IFREG)
        return -EINVAL;
    if (!vfs_may_read(in->flags) || !vfs_may_write(out->flags) || (out->flags & O_APPEND))
        return -EBADF;
    if (in->node.fs != out->node.fs)
        return -EXDEV;
    s64 from = arg[1] ? (s64)in_at : vfs_seek(in, 0, 1), to = arg[3] ? (s64)out_at : vfs_seek(out, 0, 1);
    result = check_range(in, (u64)from, out, (u64)to, &len);
    if (result < 0)
        return result;
    result = copy(in, in_at, out, out_at, len);
    result = put_position(arg[1], in_at, result);
    return put_position(arg[3], out_at, result);
}

SYSCALL(copy_file_range)
{
    struct file *in = file_open(arg[0]), *out = file_open(arg[2]);
    return in && out ? copy_range(in, out, arg) : -EBADF;
}
