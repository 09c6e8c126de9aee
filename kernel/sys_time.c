/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_time - system calls on clocks. */
#include "proc.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

struct timespec {
    u64 sec, nsec;
};

s64 clock_value(u32 clock, u64 *ns)
{
    enum { KNOWN = 0xbff, WALL = 1 << 0 | 1 << 5 | 1 << 8 | 1 << 11 }; /* CLOCK_REALTIME, _COARSE, _ALARM, CLOCK_TAI */
    bool process = (s32)clock < 0 && (clock & 3) != 3 &&
                   (~clock >> 3 == 0 || ~clock >> 3 == proc_current->pid); /* whose time to run it tells */
    if (!process && (clock >= 32 || !(KNOWN >> clock & 1)))
        return -EINVAL;
    vfs_tell_time();
    *ns = !process && WALL >> clock & 1 ? time_wall_ns() : time_ns();
    return 0;
}

static s64 timespec_out(u64 va, u64 ns)
{
    struct timespec t = {ns / SECOND, ns % SECOND};
    return proc_copy_out(va, &t, sizeof t);
}

SYSCALL(clock_gettime)
{
    u64 ns;
    s64 result = clock_value((u32)arg[0], &ns);
    return result < 0 ? result : timespec_out(arg[1], ns);
}

s64 timespec_in(u64 va, u64 *ns)
{
    struct timespec t;
    if (proc_copy_in(&t, va, sizeof t) < 0)
        return -EFAULT;
    if ((s64)t.sec < 0 || t.nsec >= SECOND)
        return -EINVAL;
    *ns = t.sec >= INT64_MAX / SECOND ? INT64_MAX : t.sec * SECOND + t.nsec;
    return 0;
}

/* The clock is the host's. limit: of the fraction of a second. */
static s64 refuse_time(u64 va, u64 limit)
{
    struct timespec t;
    if (proc_copy_in(&t, va, sizeof t) < 0)
        return -EFAULT;
    return (s64)t.sec < 0 || t.nsec >= limit ? -EINVAL : -EPERM;
}

SYSCALL_IS(clock_settime, (u32)arg[0] ? -EINVAL : refuse_time(arg[1], SECOND))
SYSCALL_IS(settimeofday, arg[0] ? refuse_time(arg[0], SECOND / 1000) : arg[1] ? -EPERM : 0)

SYSCALL(clock_getres)
{
    u64 ns;
    s64 result = clock_value((u32)arg[0], &ns);
    return result < 0 || !arg[1] ? result : timespec_out(arg[1], 1);
}

SYSCALL(gettimeofday)
{
    u64 now = time_wall_ns();
    struct timespec t = {now / SECOND, now % SECOND / 1000};
    s32 zone[2] = {0, 0};
    vfs_tell_time();
    if (arg[0] && proc_copy_out(arg[0], &t, sizeof t) < 0)
        return -EFAULT;
    return arg[1] ? proc_copy_out(arg[1], zone, sizeof zone) : 0;
}

SYSCALL(time)
{
    u64 now = time_wall_ns() / SECOND;
    vfs_tell_time();
    return arg[0] && proc_copy_out(arg[0], &now, sizeof now) < 0 ? -EFAULT : (s64)now;
}

SYSCALL(times)
{
    u64 ticks[4] = {time_ns() / (SECOND / 100)};
    vfs_tell_time();
    return arg[0] && proc_copy_out(arg[0], ticks, sizeof ticks) < 0 ? -EFAULT : (s64)ticks[0];
}

/* left: where to tell what a signal cut off; 0: nowhere. */
static s64 sleep_for(u64 va, u64 already, u64 left)
{
    u64 ns;
    s64 result = timespec_in(va, &ns);
    if (result < 0)
        return result;
    u64 end = time_ns() + (ns > already ? ns - already : 0);
    if (signal_sleep(end))
        return 0;
    return left && timespec_out(left, end - MIN(time_ns(), end)) < 0 ? -EFAULT : -EINTR;
}

SYSCALL_IS(nanosleep, sleep_for(arg[0], 0, arg[1]))

SYSCALL(clock_nanosleep)
{
    enum {
        TIMER_ABSTIME = 1,
        NO_ALARM = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6
    }; /* CLOCK_THREAD_CPUTIME_ID, _RAW, _COARSE */
    u64 now;
    s64 result = clock_value((u32)arg[0], &now);
    if (result == 0 && (u32)arg[0] < 32 && NO_ALARM >> (u32)arg[0] & 1)
        return -EOPNOTSUPP;
    if (result < 0)
        return result;
    return arg[1] & TIMER_ABSTIME ? sleep_for(arg[2], now, 0) : sleep_for(arg[2], 0, arg[3]);
}

SYSCALL(pause)
{
    signal_sleep(~0ull);
    return -EINTR;
}
