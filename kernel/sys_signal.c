/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_signal - system calls on signals. They come from the program itself only, so they are delivered where a system call ends: there no vector
 * register holds anything that a C function may count on (psABI 3.2.1), and the handler's frame needs none.
 *
 *   sp -> restorer | struct ucontext | siginfo | ... red zone of 128 bytes <- sp before */
#include "arch.h"
#include "proc.h"
#include "syscall.h"

enum { SIGNALS = 64, SIGKILL = 9, SIGSEGV = 11, SIGSTOP = 19 };

/* Signals that do nothing unless somebody catches them: CHLD, CONT, URG, WINCH. Bit 0 is signal 1. */
#define HARMLESS  (1ull << 16 | 1ull << 17 | 1ull << 22 | 1ull << 27)
#define UNMASKED  (1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1))
#define DEFAULT   0ull /* SIG_DFL */
#define IGNORE    1ull /* SIG_IGN */
#define MASK_SIZE sizeof(u64)

struct action {
    u64 handler, flags, restorer, mask;
};

/* What a program may set in its flags: carry, parity, adjust, zero, sign, trap, direction, overflow, alignment check. */
#define RFLAGS_PROGRAM 0x40dd5ull
#define RFLAGS_TF      0x100ull
#define RFLAGS_DF      0x400ull

struct alternate {
    u64 sp;
    u32 flags, pad;
    u64 size;
};

enum { SA_ONSTACK = 0x08000000, SA_NODEFER = 0x40000000, SA_RESETHAND = 0x80000000 };
enum { SI_USER = 0, SI_TKILL = -6, SS_ONSTACK = 1, SS_DISABLE = 2 };

/* struct ucontext of x86-64 Linux, without vector registers. */
struct context {
    u64 flags, link;
    struct alternate stack;
    u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    u64 segments, error, vector, old_mask, cr2, vectors, reserved[8];
    u64 mask;
};
_Static_assert(sizeof(struct context) == 304, "struct ucontext of x86-64");

struct info {
    s32 signal, error, code, pad;
    u32 pid, uid;
    u32 rest[26];
};
_Static_assert(sizeof(struct info) == 128, "siginfo_t");

struct handler_frame {
    u64 restorer;
    struct context context;
    struct info info;
};

static struct action actions[SIGNALS];
static s32 codes[SIGNALS]; /* of the pending ones: how each was sent */
static u64 blocked, pending;
static u64 mask_after; /* sigsuspend: what is blocked again behind the handler; as a rule the same as blocked */
static bool suspended;
static struct alternate alternate = {.flags = SS_DISABLE};

static bool is_ignored(u32 signal)
{
    u64 handler = actions[signal - 1].handler;
    return handler == IGNORE || (handler == DEFAULT && (HARMLESS >> (signal - 1) & 1));
}

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
    if (arg[1] && is_ignored(signal))
        pending &= ~(1ull << (signal - 1)); /* one that waited is gone, too */
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

static bool on_alternate(u64 sp)
{
    return !(alternate.flags & SS_DISABLE) && sp - alternate.sp < alternate.size;
}

SYSCALL(sigaltstack)
{
    enum { SMALLEST = 2048 };
    struct alternate new, old = alternate;
    bool used = on_alternate(syscall_frame->rsp);
    old.flags |= used ? SS_ONSTACK : 0;
    if (arg[0]) {
        if (proc_copy_in(&new, arg[0], sizeof new) < 0)
            return -EFAULT;
        if (used)
            return -EPERM;
        if (new.flags > SS_DISABLE)
            return -EINVAL;
        if (new.flags != SS_DISABLE &&new.size < SMALLEST)
            return -ENOMEM;
        new.flags &= SS_DISABLE;
        alternate = new.flags ? (struct alternate){.flags = SS_DISABLE} : new;
    }
    return arg[1] ? proc_copy_out(arg[1], &old, sizeof old) : 0;
}

/* ---- sending ---- */

static s64 send_signal(u32 signal, s32 code)
{
    if (signal > SIGNALS)
        return -EINVAL;
    if (signal) {
        pending |= 1ull << (signal - 1);
        codes[signal - 1] = code;
    }
    return 0;
}

/* The program's process group is the program too, and so is "everybody". */
SYSCALL(kill)
{
    s32 pid = (s32)arg[0], own = (s32)proc_current->pid;
    return pid && pid != own && pid != -own && pid != -1 ? -ESRCH : send_signal((u32)arg[1], SI_USER);
}

static s64 to_thread(s32 tid, u32 signal)
{
    if (tid <= 0)
        return -EINVAL;
    return (u64)tid != proc_current->pid ? -ESRCH : send_signal(signal, SI_TKILL);
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

SYSCALL(rt_sigpending)
{
    u64 waiting = pending & blocked;
    return arg[1] > MASK_SIZE ? -EINVAL : proc_copy_out(arg[0], &waiting, arg[1]);
}

/* ---- delivery ---- */

/* Is there a handler for this one? One that is to be ignored is gone; one that is not ends the program. */
static bool to_handle(u32 signal)
{
    if (is_ignored(signal))
        return false;
    if (actions[signal - 1].handler == DEFAULT)
        proc_kill((int)signal);
    return true;
}

static void enter_handler(struct arch_frame *f, u32 signal)
{
    struct action *action = &actions[signal - 1];
    bool other = (action->flags & SA_ONSTACK) && !(alternate.flags & SS_DISABLE) && !on_alternate(f->rsp);
    u64 top = other ? alternate.sp + alternate.size : f->rsp - 128;
    struct handler_frame h = {.restorer = action->restorer, .info = {.signal = (s32)signal, .code = codes[signal - 1]}};
    u64 at = ALIGN_DOWN(top - sizeof h, 16ull) - 8;
    h.info.pid = (u32)proc_current->pid;
    h.info.uid = proc_current->uids[0];
    h.context = (struct context){0,
                                 0,
                                 alternate,
                                 f->r8,
                                 f->r9,
                                 f->r10,
                                 f->r11,
                                 f->r12,
                                 f->r13,
                                 f->r14,
                                 f->r15,
                                 f->rdi,
                                 f->rsi,
                                 f->rbp,
                                 f->rbx,
                                 f->rdx,
                                 f->rax,
                                 f->rcx,
                                 f->rsp,
                                 f->rip,
                                 f->rflags,
                                 .segments = f->cs | f->ss << 48,
                                 .old_mask = mask_after,
                                 .mask = mask_after};
    if (proc_copy_out(at, &h, sizeof h) < 0 || action->handler >= ARCH_USER_MAX)
        proc_kill(SIGSEGV);
    f->rsp = at;
    f->rip = action->handler;
    f->rdi = signal;
    f->rsi = at + offsetof(struct handler_frame, info);
    f->rdx = at + offsetof(struct handler_frame, context);
    f->rax = 0;
    f->rflags &= ~(u64)(RFLAGS_DF | RFLAGS_TF);
    blocked |= (action->mask | (action->flags & SA_NODEFER ? 0 : 1ull << (signal - 1))) & ~UNMASKED;
    mask_after = blocked;
    if (action->flags & SA_RESETHAND)
        action->handler = DEFAULT;
}

void signal_deliver(struct arch_frame *frame)
{
    if (!suspended)
        mask_after = blocked;
    suspended = false;
    for (u32 signal = 1; signal <= SIGNALS && (pending & ~blocked); signal++) {
        u64 bit = 1ull << (signal - 1);
        if (!(pending & ~blocked & bit))
            continue;
        pending &= ~bit;
        if (to_handle(signal))
            enter_handler(frame, signal);
    }
    blocked = mask_after;
}

/* Back to where the signal came. What the program put there is taken only as far as it may have set it itself. */
SYSCALL(rt_sigreturn)
{
    struct arch_frame *f = syscall_frame;
    struct context c;
    if (proc_copy_in(&c, f->rsp, sizeof c) < 0 || c.rip >= ARCH_USER_MAX)
        proc_kill(SIGSEGV);
    f->r8 = c.r8, f->r9 = c.r9, f->r10 = c.r10, f->r12 = c.r12, f->r13 = c.r13, f->r14 = c.r14, f->r15 = c.r15;
    f->rdi = c.rdi, f->rsi = c.rsi, f->rbp = c.rbp, f->rbx = c.rbx, f->rdx = c.rdx;
    f->rsp = c.rsp, f->rip = c.rip;
    f->rflags = (f->rflags & ~RFLAGS_PROGRAM) | (c.rflags & RFLAGS_PROGRAM);
    blocked = c.mask & ~UNMASKED;
    return (s64)c.rax;
}

/* Another mask until a signal came. None comes from elsewhere: without one that waits already it is for ever. */
SYSCALL(rt_sigsuspend)
{
    u64 mask;
    if (arg[1] != MASK_SIZE)
        return -EINVAL;
    if (proc_copy_in(&mask, arg[0], sizeof mask) < 0)
        return -EFAULT;
    mask &= ~UNMASKED;
    if (!(pending & ~mask))
        sys_pause(arg);
    mask_after = blocked;
    blocked = mask;
    suspended = true;
    return -EINTR;
}
