/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_sched - system calls on who runs when. One program has the one processor; what it says of that is kept and told back. */
#include "proc.h"
#include "syscall.h"

enum { SCHED_FIFO = 1, SCHED_RR, SCHED_DEADLINE = 6, KNOWN = 0x6f }; /* and SCHED_OTHER, _BATCH, _IDLE */
enum { SCHED_RESET_ON_FORK = 0x40000000, LARGEST = 99, NICE_MAX = 19 };

static u32 policy; /* with SCHED_RESET_ON_FORK */
static u32 priority;
static s32 nice;

static bool is_realtime(u32 p)
{
    return p == SCHED_FIFO || p == SCHED_RR;
}

/* 0: the program itself. */
static s64 check_pid(u64 pid)
{
    return (s32)pid < 0 ? -EINVAL : (u32)pid == 0 || (u32)pid == proc_current->pid ? 0 : -ESRCH;
}

/* A bound of a policy's priorities, which only those of real time have. */
static s64 bound(u32 p, s64 realtime)
{
    return p > SCHED_DEADLINE || !(KNOWN >> p & 1) ? -EINVAL : is_realtime(p) ? realtime : 0;
}

SYSCALL_IS(sched_get_priority_max, bound((u32)arg[0], LARGEST))
SYSCALL_IS(sched_get_priority_min, bound((u32)arg[0], 1))

SYSCALL(sched_getscheduler)
{
    s64 result = check_pid(arg[0]);
    return result < 0 ? result : policy;
}

SYSCALL(sched_getparam)
{
    s64 result = arg[1] ? check_pid(arg[0]) : -EINVAL;
    return result < 0 ? result : proc_copy_out(arg[1], &priority, sizeof priority);
}

/* SCHED_DEADLINE takes more than a priority, which only another call can say. */
static s64 set(u64 pid, u32 to, u64 param)
{
    u32 kind = to & ~(u32)SCHED_RESET_ON_FORK, new;
    s64 found = check_pid(pid);
    if (!param || found == -EINVAL)
        return -EINVAL;
    if (proc_copy_in(&new, param, sizeof new) < 0)
        return -EFAULT;
    if (found < 0)
        return found;
    if (bound(kind, 0) < 0 || kind == SCHED_DEADLINE || new > LARGEST || is_realtime(kind) != (new > 0))
        return -EINVAL;
    if (is_realtime(kind) && proc_current->uids[1] && (to != policy || new > priority))
        return -EPERM;
    policy = to;
    priority = new;
    return 0;
}

SYSCALL_IS(sched_setscheduler, (s32)arg[1] < 0 ? -EINVAL : set(arg[0], (u32)arg[1], arg[2]))
SYSCALL_IS(sched_setparam, set(arg[0], policy, arg[1]))

/* struct timespec: how long it runs before another of its kind does. */
SYSCALL(sched_rr_get_interval)
{
    u32 kind = policy & ~(u32)SCHED_RESET_ON_FORK;
    u64 t[2] = {0, kind == SCHED_FIFO ? 0 : kind == SCHED_RR ? 100000000 : 4000000};
    s64 result = check_pid(arg[0]);
    return result < 0 ? result : proc_copy_out(arg[1], t, sizeof t);
}

/* ---- the one processor ---- */

SYSCALL_IS(sched_yield, 0)

SYSCALL(sched_getaffinity)
{
    u64 first = 1;
    if (check_pid(arg[0]) < 0)
        return -ESRCH;
    if ((u32)arg[1] < sizeof first || (u32)arg[1] % sizeof first)
        return -EINVAL;
    return proc_copy_out(arg[2], &first, sizeof first) < 0 ? -EFAULT : (s64)sizeof first;
}

SYSCALL(sched_setaffinity)
{
    u64 first = 0;
    if (proc_copy_in(&first, arg[2], MIN((u32)arg[1], sizeof first)) < 0)
        return -EFAULT;
    return check_pid(arg[0]) < 0 ? -ESRCH : first & 1 ? 0 : -EINVAL;
}

SYSCALL(getcpu)
{
    u32 zero = 0;
    for (unsigned i = 0; i < 2; i++)
        if (arg[i] && proc_copy_out(arg[i], &zero, sizeof zero) < 0)
            return -EFAULT;
    return 0;
}

/* ---- nice values ---- */

/* which: a process, a group, a user. The program is all of its group and of its user. */
static s64 check_who(const u64 arg[6])
{
    u32 which = (u32)arg[0], who = (u32)arg[1];
    u64 own = which == 2 ? proc_current->uids[0] : proc_current->pid;
    return which > 2 ? -EINVAL : who == 0 || who == own ? 0 : -ESRCH;
}

SYSCALL(getpriority)
{
    s64 result = check_who(arg);
    return result < 0 ? result : NICE_MAX + 1 - nice;
}

SYSCALL(setpriority)
{
    s32 to = MIN(MAX((s32)arg[2], -NICE_MAX - 1), NICE_MAX);
    s64 result = check_who(arg);
    if (result == 0 && to < nice && proc_current->uids[1])
        return -EACCES;
    nice = result < 0 ? nice : to;
    return result;
}
