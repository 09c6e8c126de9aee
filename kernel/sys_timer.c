/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_timer - system calls on the three interval timers. The time that a program computes is taken to be the clock's, as times() does. */
#include "proc.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

enum { SIGALRM = 14, SIGVTALRM = 26, SIGPROF = 27, TIMERS = 3, NS_PER_US = 1000 };

static struct {
    u64 at, every; /* on time_ns()'s clock, and nanoseconds; 0: never */
} timers[TIMERS];
static u64 soonest = ~0ull; /* of their times */

static void find_soonest(void)
{
    soonest = ~0ull;
    for (unsigned i = 0; i < TIMERS; i++)
        soonest = timers[i].at ? MIN(soonest, timers[i].at) : soonest;
}

void timer_ring(void)
{
    static const u8 signals[TIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    u64 now = soonest == ~0ull ? 0 : time_ns();
    if (now < soonest)
        return;
    for (unsigned i = 0; i < TIMERS; i++) {
        if (!timers[i].at || now < timers[i].at)
            continue;
        signal_send(signals[i], SI_KERNEL);
        timers[i].at = timers[i].every ? now + timers[i].every - (now - timers[i].at) % timers[i].every : 0;
    }
    find_soonest();
}

u64 timer_next(void)
{
    return soonest;
}

/* A struct timeval: seconds and microseconds. */
static void put_time(u64 ns, u64 out[2])
{
    out[0] = ns / SECOND;
    out[1] = ns % SECOND / NS_PER_US;
}

static u64 get_time(const u64 t[2])
{
    enum { LONGEST = 1u << 31 }; /* seconds: 68 years */
    return MIN(t[0], (u64)LONGEST) * SECOND + t[1] * NS_PER_US;
}

/* Sets a timer (NULL: does not) and tells what it was: struct itimerval, interval before value. */
static void exchange(u32 which, const u64 new[4], u64 old[4])
{
    bool set = new && (new[2] | new[3]);
    u64 at = timers[which].at, now = at || set ? time_ns() : 0;
    vfs_tell_time();
    put_time(timers[which].every, old);
    put_time(!at ? 0 : at > now + NS_PER_US ? at - now : NS_PER_US, old + 2);
    if (!new)
        return;
    timers[which].every = get_time(new);
    timers[which].at = set ? now + get_time(new + 2) : 0;
    find_soonest();
}

SYSCALL(getitimer)
{
    u64 old[4];
    if ((u32)arg[0] >= TIMERS)
        return -EINVAL;
    exchange((u32)arg[0], NULL, old);
    return proc_copy_out(arg[1], old, sizeof old);
}

SYSCALL(setitimer)
{
    u64 new[4] = {0}, old[4];
    if (arg[1] && proc_copy_in(new, arg[1], sizeof new) < 0)
        return -EFAULT;
    for (unsigned i = 0; i < 4; i += 2)
        if ((s64) new[i] < 0 || new[i + 1] >= SECOND / NS_PER_US)
            return -EINVAL;
    if ((u32)arg[0] >= TIMERS)
        return -EINVAL;
    exchange((u32)arg[0], new, old);
    return arg[2] ? proc_copy_out(arg[2], old, sizeof old) : 0;
}

/* Tells whole seconds, rounded, but never none of a timer that runs. */
SYSCALL(alarm)
{
    u64 old[4];
    exchange(0, (const u64[4]){0, 0, (u32)arg[0], 0}, old);
    return (s64)(old[2] + (old[3] >= SECOND / NS_PER_US / 2 || (!old[2] && old[3])));
}
