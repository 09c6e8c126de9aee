/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_timer - system calls on timers: the three interval timers, and those that a program makes. The time that a program computes is taken to be the
 * clock's, as times() does.
 *
 * What a made timer with an interval sends is in the queue of signals once at most. Meanwhile the timer stands still; when the signal is let in, those that
 * it would have sent are counted, and it runs on. */
#include "mem.h"
#include "proc.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

enum { SIGALRM = 14, SIGVTALRM = 26, SIGPROF = 27, SIGNALS = 64, TIMERS = 3, NS_PER_US = 1000 };
enum { OFF, RUNS, SENT, SILENT };

static struct timer {
    struct timer *next;
    s64 at; /* on time_ns()'s clock, where it may lie before the start */
    u64 every, value;
    u32 clock, id, overrun;
    u8 signal, state;
} intervals[TIMERS] = {{.next = &intervals[1], .id = SIGNAL_NO_TIMER, .signal = SIGALRM},
                       {.next = &intervals[2], .id = SIGNAL_NO_TIMER, .signal = SIGVTALRM},
                       {.id = SIGNAL_NO_TIMER, .signal = SIGPROF}},
  *timers = intervals;      /* those that were made, and the three */
static u64 soonest = ~0ull; /* of their times; 0: to be found */

/* To the next end of an interval; how many went by, but for the first one. */
static u32 forward(struct timer *t, u64 now)
{
    u64 n = (now - (u64)t->at) / t->every;
    t->at += (s64)((n + 1) * t->every);
    return (u32)MIN(n, (u64)INT32_MAX);
}

/* A signal that is ignored, or finds no room, may be wanted soon. */
void timer_ring(void)
{
    u64 now = soonest == ~0ull ? 0 : time_ns(), again = now + SECOND / 100;
    if (now < soonest)
        return;
    soonest = ~0ull;
    for (struct timer *t = timers; t; t = t->next) {
        if (t->state == RUNS && t->at <= (s64)now) {
            s64 result = signal_of_timer(t->signal, t->id, t->value);
            t->state = result < 0 ? RUNS : !t->every ? OFF : t->id == SIGNAL_NO_TIMER || result ? RUNS : SENT;
            if (t->every && t->id == SIGNAL_NO_TIMER)
                forward(t, now);
        }
        if (t->state == RUNS)
            soonest = MIN(soonest, t->at > (s64)now ? (u64)t->at : again);
    }
}

u64 timer_next(void)
{
    return soonest;
}

static struct timer *find(u64 id)
{
    struct timer *t = timers;
    while (t && (t->id == SIGNAL_NO_TIMER || t->id != (u32)id))
        t = t->next;
    return t;
}

u32 timer_go_on(u32 id)
{
    struct timer *t = find(id);
    if (!t || t->state != SENT)
        return 0;
    t->state = RUNS;
    soonest = 0;
    return t->overrun = forward(t, time_ns());
}

/* The interval and what is left of it, each in seconds and fractions of one. */
static void tell(const struct timer *t, u64 unit, u64 out[4])
{
    s64 left = t->at - (s64)time_ns();
    vfs_tell_time();
    if (left <= 0 && t->every)
        left = (s64)(t->every - (u64)-left % t->every);
    u64 ns = t->state == OFF ? 0 : (u64)MAX(left, t->state == SILENT ? 0 : (s64)unit);
    out[0] = t->every / SECOND, out[1] = t->every % SECOND / unit;
    out[2] = ns / SECOND, out[3] = ns % SECOND / unit;
}

static void set(struct timer *t, u64 at, u64 every, u8 state)
{
    t->at = (s64)at;
    t->every = every;
    t->state = state;
    soonest = 0;
}

/* ---- the three, in microseconds ---- */

static u64 get_time(const u64 t[2])
{
    enum { LONGEST = 1u << 31 }; /* seconds: 68 years */
    return MIN(t[0], (u64)LONGEST) * SECOND + t[1] * NS_PER_US;
}

/* Sets a timer (NULL: does not) and tells what it was: struct itimerval, interval before value. */
static void exchange(u32 which, const u64 new[4], u64 old[4])
{
    struct timer *t = &intervals[which];
    tell(t, NS_PER_US, old);
    if (new)
        set(t, time_ns() + get_time(new + 2), get_time(new), new[2] | new[3] ? RUNS : OFF);
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

/* ---- those that a program makes ---- */

SYSCALL(timer_create)
{
    enum { SIGEV_NONE = 1, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
    enum { NO_TIMER = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 9 }; /* CLOCK_MONOTONIC_RAW, _COARSE, _ALARM */
    static u32 made;
    struct {
        u64 value;
        u32 signal, notify, thread, rest[11];
    } event = {.value = made, .signal = SIGALRM};
    u64 now;
    if (arg[1] && proc_copy_in(&event, arg[1], sizeof event) < 0)
        return -EFAULT;
    if (clock_value((u32)arg[0], &now) < 0)
        return -EINVAL;
    if ((u32)arg[0] < 32 && NO_TIMER >> (u32)arg[0] & 1)
        return -EOPNOTSUPP;
    bool silent = event.notify == SIGEV_NONE, thread = event.notify == SIGEV_THREAD_ID;
    if ((event.notify > SIGEV_THREAD && !thread) || (thread && event.thread != proc_current->pid) ||
        (event.signal - 1 >= SIGNALS && !silent))
        return -EINVAL;
    if (proc_copy_out(arg[2], &made, sizeof made) < 0)
        return -EFAULT;
    struct timer *t = mem_new(sizeof *t);
    if (!t)
        return -EAGAIN;
    *t = (struct timer){.next = timers, .value = event.value, .clock = (u32)arg[0], .id = made};
    t->signal = silent ? 0 : (u8)event.signal;
    timers = t;
    made = (made + 1) & INT32_MAX;
    return 0;
}

/* struct itimerspec: interval before value. */
SYSCALL(timer_settime)
{
    enum { TIMER_ABSTIME = 1 };
    const u64 longest = INT64_MAX / 2;
    struct timer *t = find(arg[0]);
    u64 every, ns, old[4], start = 0;
    s64 result = arg[2] ? timespec_in(arg[2], &every) : -EINVAL;
    if (result == 0)
        result = timespec_in(arg[2] + sizeof old / 2, &ns);
    if (result < 0 || !t)
        return result < 0 ? result : -EINVAL;
    tell(t, 1, old);
    signal_forget_timer(t->id);
    if (arg[1] & TIMER_ABSTIME)
        clock_value(t->clock, &start);
    t->overrun = 0;
    /* The clock was read before this, so that the timer never comes before it says that time. */
    set(t, time_ns() + MIN(ns, longest) - start, ns ? MIN(every, longest) : 0, !ns ? OFF : t->signal ? RUNS : SILENT);
    return arg[3] ? proc_copy_out(arg[3], old, sizeof old) : 0;
}

SYSCALL(timer_gettime)
{
    const struct timer *t = find(arg[0]);
    u64 out[4];
    if (!t)
        return -EINVAL;
    tell(t, 1, out);
    return proc_copy_out(arg[1], out, sizeof out);
}

SYSCALL_IS(timer_getoverrun, find(arg[0]) ? (s64)find(arg[0])->overrun : -EINVAL)

SYSCALL(timer_delete)
{
    struct timer *t = find(arg[0]);
    if (!t)
        return -EINVAL;
    signal_forget_timer(t->id);
    LIST_REMOVE(timers, t, next);
    soonest = 0;
    mem_delete(t, sizeof *t);
    return 0;
}
