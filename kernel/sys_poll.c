/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_poll - system calls that wait for files, and the pipes that they are often for. */
#include "arch.h"
#include "later.h"
#include "mem.h"
#include "pipefs.h"
#include "proc.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

#define NEVER (~0ull)

/* ---- time-outs ---- */

struct wait {
    u64 end; /* on time_ns()'s clock */
    u64 nap;
    bool cut;   /* by a signal */
    bool again; /* what is waited for has no interrupt */
    u64 seen;   /* interrupts, before it was looked at the last time */
};

static struct wait wait_for(u64 ns)
{
    enum { NAP = 20000 };
    u64 now = ns && ns != NEVER ? time_ns() : 0;
    return (struct wait){.end = ns > NEVER - now ? NEVER : now + ns, .nap = NAP, .seen = arch_interrupts()};
}

/* Sleeps until an interrupt, or where there is none a little, longer each time; false: the time is over, or a signal came. */
static bool wait_more(struct wait *w)
{
    enum { NAP_MAX = 5000000 };
    u64 end = MIN(w->end, timer_next()), now = end == NEVER || !w->end ? 0 : time_ns();
    w->cut = now < w->end && signal_waiting();
    if (now >= w->end || w->cut)
        return false;
    vfs_heard++;
    /* One that came since, while another file's device was waited for, may have been the one that is waited for here. */
    if (w->seen == arch_interrupts())
        later_sleep(MIN(w->again ? w->nap : NEVER, end - MIN(now, end)));
    w->again = false;
    w->seen = arch_interrupts();
    w->nap = MIN(w->nap * 2, NAP_MAX);
    return true;
}

/* A struct timespec (scale 1) or timeval (1000) at va to nanoseconds; NULL is for ever. */
static s64 time_in(u64 va, u64 scale, u64 *ns)
{
    u64 t[2];
    *ns = NEVER;
    if (!va)
        return 0;
    if (proc_copy_in(t, va, sizeof t) < 0)
        return -EFAULT;
    if ((s64)t[0] < 0 || (s64)t[1] < 0 || (scale == 1 && t[1] >= SECOND))
        return -EINVAL;
    t[0] += t[1] / (SECOND / scale);
    t[1] %= SECOND / scale;
    if (t[0] < NEVER / SECOND - 1)
        *ns = t[0] * SECOND + t[1] * scale;
    return 0;
}

/* Linux tells what is left of it. */
static void time_out(u64 va, u64 scale, const struct wait *w)
{
    u64 now = w->end == NEVER || !w->end ? 0 : time_ns(), left = w->end > now ? w->end - now : 0;
    vfs_tell_time();
    if (va && w->end != NEVER)
        proc_copy_out(va, (const u64[2]){left / SECOND, left % SECOND / scale}, 2 * sizeof left);
}

/* ---- poll ---- */

struct pollfd {
    s32 fd;
    u16 events, revents;
};

static u16 poll_one(const struct pollfd *p, struct wait *w)
{
    struct file *file = p->fd < 0 ? NULL : proc_file((u32)p->fd);
    if (p->fd < 0)
        return 0;
    if (!file || (file->flags & O_PATH))
        return POLLNVAL;
    u32 now = vfs_poll(file);
    w->again |= (now & VFS_POLL_AGAIN) != 0;
    return (u16)(now & (p->events | POLLERR | POLLHUP));
}

static s64 poll_all(struct pollfd *p, u64 n, struct wait *w)
{
    s64 ready = 0;
    do
        for (u64 i = 0; i < n; i++)
            ready += (p[i].revents = poll_one(&p[i], w)) != 0;
    while (!ready && wait_more(w));
    return w->cut ? -EINTR : ready;
}

static s64 do_poll(u64 va, u32 n, struct wait *w)
{
    size_t size = MAX(n, 1u) * sizeof(struct pollfd);
    if (n > proc_current->limits[PROC_LIMIT_FDS][0])
        return -EINVAL;
    struct pollfd *p = mem_new(size);
    if (!p)
        return -ENOMEM;
    s64 ready = proc_copy_in(p, va, n * sizeof *p) < 0 ? -EFAULT : poll_all(p, n, w);
    if (ready >= 0 && proc_copy_out(va, p, n * sizeof *p) < 0)
        ready = -EFAULT;
    mem_delete(p, size);
    return ready;
}

SYSCALL(poll)
{
    s32 ms = (s32)arg[2];
    struct wait w = wait_for(ms < 0 ? NEVER : (u64)ms * 1000000);
    return do_poll(arg[0], (u32)arg[1], &w);
}

/* A set of signals to keep out meanwhile. */
static s64 check_mask(u64 va, u64 size)
{
    u64 mask;
    if (va && size != sizeof mask)
        return -EINVAL;
    if (va && proc_copy_in(&mask, va, sizeof mask) < 0)
        return -EFAULT;
    if (va)
        signal_mask(mask);
    return 0;
}

SYSCALL(ppoll)
{
    u64 ns;
    s64 result = time_in(arg[2], 1, &ns);
    if (result == 0)
        result = check_mask(arg[3], arg[4]);
    if (result < 0)
        return result;
    struct wait w = wait_for(ns);
    result = do_poll(arg[0], (u32)arg[1], &w);
    time_out(arg[2], 1, &w);
    return result;
}

/* ---- select ---- */

enum { READ, WRITE, EXCEPT, SETS, WORDS = PROC_FDS / 64 };

struct sets {
    u64 in[SETS][WORDS], out[SETS][WORDS];
};

static s64 select_once(struct sets *s, u32 n, struct wait *w)
{
    static const u16 meaning[SETS] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI};
    s64 ready = 0;
    for (u32 fd = 0; fd < n; fd++)
        for (unsigned set = 0; set < SETS; set++) {
            u64 bit = 1ull << fd % 64;
            if (!(s->in[set][fd / 64] & bit))
                continue;
            u16 now = poll_one(&(struct pollfd){.fd = (s32)fd, .events = meaning[set]}, w);
            if (now & POLLNVAL)
                return -EBADF;
            if (!(now & meaning[set]))
                continue;
            s->out[set][fd / 64] |= bit;
            ready++;
        }
    return ready;
}

static s64 do_select(const u64 arg[6], struct wait *w)
{
    struct sets s = {0};
    u32 n = MIN((u32)arg[0], (u32)PROC_FDS);
    u64 bytes = ALIGN_UP(n, 64u) / 8;
    s64 ready;
    if ((s32)arg[0] < 0)
        return -EINVAL;
    for (unsigned set = 0; set < SETS; set++)
        if (arg[1 + set] && proc_copy_in(s.in[set], arg[1 + set], bytes) < 0)
            return -EFAULT;
    do
        ready = select_once(&s, n, w);
    while (!ready && wait_more(w));
    if (w->cut)
        return -EINTR;
    for (unsigned set = 0; set < SETS && ready >= 0; set++)
        if (arg[1 + set] && proc_copy_out(arg[1 + set], s.out[set], bytes) < 0)
            return -EFAULT;
    return ready;
}

static s64 timed_select(const u64 arg[6], u64 scale)
{
    u64 ns;
    s64 result = time_in(arg[4], scale, &ns);
    if (result < 0)
        return result;
    struct wait w = wait_for(ns);
    result = do_select(arg, &w);
    time_out(arg[4], scale, &w);
    return result;
}

SYSCALL_IS(select, timed_select(arg, 1000))

SYSCALL(pselect6)
{
    u64 mask[2] = {0, 0};
    if (arg[5] && proc_copy_in(mask, arg[5], sizeof mask) < 0)
        return -EFAULT;
    s64 result = check_mask(mask[0], mask[1]);
    return result < 0 ? result : timed_select(arg, 1);
}

/* ---- pipes ---- */

static s64 make_pipe(u64 va, u32 flags)
{
    struct file *ends[2];
    s32 fds[2];
    if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    int result = pipefs_make(flags & O_NONBLOCK, ends);
    if (result < 0)
        return result;
    fds[0] = proc_fd_add(ends[0], 0, flags & O_CLOEXEC);
    fds[1] = proc_fd_add(ends[1], 0, flags & O_CLOEXEC);
    if (fds[0] >= 0 && fds[1] >= 0 && proc_copy_out(va, fds, sizeof fds) == 0)
        return 0;
    for (unsigned i = 0; i < 2; i++)
        if (fds[i] >= 0)
            proc_fd_close((u32)fds[i]);
    return MIN(fds[0], fds[1]) < 0 ? -EMFILE : -EFAULT;
}

SYSCALL_IS(pipe, make_pipe(arg[0], 0))
SYSCALL_IS(pipe2, make_pipe(arg[0], (u32)arg[1]))
