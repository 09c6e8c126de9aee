/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_signal - system calls on signals. None is ever delivered: what a program sets up is kept for it to ask back, and one that it sends to itself
 * ends it, or is ignored. */
#include "proc.h"
#include "syscall.h"

enum { SIGNALS = 64, SIGKILL = 9, SIGSTOP = 19 };

/* Signals that do nothing unless somebody catches them: CHLD, CONT, URG, WINCH. Bit 0 is signal 1. */
#define HARMLESS  (1ull << 16 | 1ull << 17 | 1ull << 22 | 1ull << 27)
#define UNMASKED  (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))
#define IGNORE    1ull /* SIG_IGN */
#define MASK_SIZE sizeof(u64)

struct action {
    u64 handler, flags, restorer, mask;
};

struct alternate {
    u64 sp;
    u32 flags, pad;
    u64 size;
};

static struct action actions[SIGNALS];
static u64 blocked;

SYSCALL(rt_sigaction)
{
    u32 signal = (u32)arg[0];
    struct action new;
    if (arg[3] != MASK_SIZE)
        return -EINVAL;
    if (arg[1] && proc_copy_in(&new, arg[1], sizeof new) < 0)
        return -EFAULT;
    if (signal - 1 >= SIGNALS || (arg[1] && UNMASKED >> (signal - 1) & 1))
        return -EINVAL;
    struct action old = actions[signal - 1];
    new.mask &= ~UNMASKED;
    if (arg[1])
        actions[signal - 1] = new;
    return arg[2] ? proc_copy_out(arg[2], &old, sizeof old) : 0;
}

SYSCALL(rt_sigprocmask)
{
    enum { BLOCK, UNBLOCK, SETMASK };
    u64 set, old = blocked;
    if (arg[3] != MASK_SIZE)
        return -EINVAL;
    if (arg[1]) {
        if (proc_copy_in(&set, arg[1], sizeof set) < 0)
            return -EFAULT;
        if ((u32)arg[0] > SETMASK)
            return -EINVAL;
        set = (u32)arg[0] == BLOCK ? old | set : (u32)arg[0] == UNBLOCK ? old & ~set : set;
        blocked = set & ~UNMASKED;
    }
    return arg[2] ? proc_copy_out(arg[2], &old, sizeof old) : 0;
}

SYSCALL(sigaltstack)
{
    enum { DISABLE = 2, SMALLEST = 2048 };
    static struct alternate now = {.flags = DISABLE};
    struct alternate new, old = now;
    if (arg[0]) {
        if (proc_copy_in(&new, arg[0], sizeof new) < 0)
            return -EFAULT;
        if (!(new.flags &DISABLE) && new.size < SMALLEST)
            return -ENOMEM;
        now = new.flags &DISABLE ? (struct alternate){.flags = DISABLE} : new;
    }
    return arg[1] ? proc_copy_out(arg[1], &old, sizeof old) : 0;
}

static s64 send_signal(u32 signal)
{
    if (signal > SIGNALS)
        return -EINVAL;
    if (signal == 0 || HARMLESS >> (signal - 1) & 1 || actions[signal - 1].handler == IGNORE)
        return 0;
    proc_kill((int)signal);
}

/* Process groups and "everybody" are the program too. */
SYSCALL(kill)
{
    return (s32)arg[0] > 1 ? -ESRCH : send_signal((u32)arg[1]);
}

static s64 to_thread(s32 tid, u32 signal)
{
    if (tid <= 0)
        return -EINVAL;
    return (u64)tid != proc_current->pid ? -ESRCH : send_signal(signal);
}

SYSCALL(tkill)
{
    return to_thread((s32)arg[0], (u32)arg[1]);
}

SYSCALL(tgkill)
{
    if ((s32)arg[0] <= 0)
        return -EINVAL;
    return to_thread((u64)(u32)arg[0] != proc_current->pid && (s32)arg[1] > 0 ? INT32_MAX : (s32)arg[1], (u32)arg[2]);
}
