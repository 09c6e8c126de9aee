/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_signal - system calls on signals. They come from the program itself, from its faults and its timers (sys_timer.c), and are delivered where a
 * system call or a trap ends: that of the next heartbeat at the latest.
 *
 *   sp -> restorer | struct ucontext | siginfo | vector registers | ... red zone of 128 bytes <- sp before */
#include "arch.h"
#include "later.h"
#include "mem.h"
#include "proc.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

enum { SIGNALS = 64, SIGRTMIN = 32, SIGKILL = 9, SIGSEGV = 11, SIGSTOP = 19 };

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
enum { SI_USER = 0, SI_KERNEL = 0x80, SI_TIMER = -2, SI_TKILL = -6, SS_ONSTACK = 1, SS_DISABLE = 2 };

/* struct ucontext of x86-64 Linux. */
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
    union {
        struct {
            u32 pid, uid; /* SI_TIMER: the timer, and what overran */
        };
        u64 address; /* a fault's */
    };
    u64 rest[13];
};
_Static_assert(sizeof(struct info) == 128, "siginfo_t");

struct handler_frame {
    u64 restorer;
    struct context context;
    struct info info;
};

static struct action actions[SIGNALS];
enum { QUEUE = 128 };
static struct info *queue; /* what waits, oldest first: one of each signal, of real-time ones all; made for the first */
static unsigned queued;
static u8 vectors[ARCH_VECTORS] __attribute__((aligned(64)));
static u64 blocked, pending; /* pending: those in the queue */
static u64 awaited;          /* by sigtimedwait, though they may be blocked */
static u64 mask_after;       /* sigsuspend: what is blocked again behind the handler; as a rule the same as blocked */
static bool suspended;
static struct alternate alternate = {.flags = SS_DISABLE};

static bool is_ignored(u32 signal)
{
    u64 handler = actions[signal - 1].handler;
    return handler == IGNORE || (handler == DEFAULT && (HARMLESS >> (signal - 1) & 1));
}

static void take_out(unsigned i)
{
    memmove(queue + i, queue + i + 1, (--queued - i) * sizeof *queue);
    for (pending = 0, i = 0; i < queued; i++)
        pending |= 1ull << (queue[i].signal - 1);
}

/* Takes the oldest of a pending signal out of the queue. */
static struct info take(u32 signal)
{
    unsigned i = 0;
    while (queue[i].signal != (s32)signal)
        i++;
    struct info info = queue[i];
    take_out(i);
    if (info.code == SI_TIMER)
        info.uid = timer_go_on(info.pid);
    return info;
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
    while (arg[1] && is_ignored(signal) && (pending >> (signal - 1) & 1))
        take(signal);
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
    struct alternate given, old = alternate;
    bool used = on_alternate(syscall_frame->rsp);
    old.flags |= used ? SS_ONSTACK : 0;
    if (arg[0]) {
        if (proc_copy_in(&given, arg[0], sizeof given) < 0)
            return -EFAULT;
        if (used)
            return -EPERM;
        if (given.flags > SS_DISABLE)
            return -EINVAL;
        if (given.flags != SS_DISABLE && given.size < SMALLEST)
            return -ENOMEM;
        given.flags &= SS_DISABLE;
        alternate = given.flags ? (struct alternate){.flags = SS_DISABLE} : given;
    }
    return arg[1] ? proc_copy_out(arg[1], &old, sizeof old) : 0;
}

/* ---- sending ---- */

static s64 enqueue(const struct info *info)
{
    u64 bit = info->signal ? 1ull << (info->signal - 1) : 0;
    bool is_single = info->signal < SIGRTMIN && info->code != SI_TIMER;
    if (!bit || (is_ignored((u32)info->signal) && !((blocked | awaited) & bit)) || (is_single && (pending & bit)))
        return 0;
    if (!queue)
        queue = mem_new(QUEUE * sizeof *queue);
    if (!queue || queued >= QUEUE - (is_single ? 0 : SIGRTMIN))
        return -EAGAIN; /* there is room for one of each of the others */
    queue[queued++] = *info;
    pending |= bit;
    return 0;
}

static s64 to_self(u32 signal, s32 code)
{
    if (signal > SIGNALS)
        return -EINVAL;
    return enqueue(&(struct info){
        .signal = (s32)signal, .code = code, .pid = (u32)proc_current->pid, .uid = proc_current->uids[0]});
}

s64 signal_of_timer(u32 signal, u32 timer, u64 value)
{
    unsigned before = queued;
    bool made = timer != SIGNAL_NO_TIMER;
    s64 result = enqueue(&(struct info){
        .signal = (s32)signal, .code = made ? SI_TIMER : SI_KERNEL, .pid = made ? timer : 0, .rest = {value}});
    return result < 0 ? result : queued == before;
}

void signal_forget_timer(u32 timer)
{
    for (unsigned i = queued; i--;)
        if (queue[i].code == SI_TIMER && queue[i].pid == timer)
            take_out(i);
}

/* The program's process group is the program too, and so is "everybody". */
SYSCALL(kill)
{
    s32 pid = (s32)arg[0], own = (s32)proc_current->pid;
    return pid && pid != own && pid != -own && pid != -1 ? -ESRCH : to_self((u32)arg[1], SI_USER);
}

static s64 to_thread(s32 tid, u32 signal)
{
    if (tid <= 0)
        return -EINVAL;
    return (u64)tid != proc_current->pid ? -ESRCH : to_self(signal, SI_TKILL);
}

SYSCALL_IS(tkill, to_thread((s32)arg[0], (u32)arg[1]))

SYSCALL(tgkill)
{
    if ((s32)arg[0] <= 0)
        return -EINVAL;
    return to_thread((u64)(u32)arg[0] != proc_current->pid && (s32)arg[1] > 0 ? INT32_MAX : (s32)arg[1], (u32)arg[2]);
}

/* What the program says of itself is not checked: it is all who hears it. */
SYSCALL(rt_sigqueueinfo)
{
    enum { KNOWN = 48 }; /* bytes: Linux reads no more either */
    struct info info = {0};
    if (proc_copy_in(&info, arg[2], KNOWN) < 0)
        return -EFAULT;
    info.signal = (s32)arg[1];
    return (u32)arg[0] != proc_current->pid ? -ESRCH : (u32)arg[1] > SIGNALS ? -EINVAL : enqueue(&info);
}

SYSCALL(rt_sigpending)
{
    u64 waiting = pending & blocked;
    vfs_heard++;
    return arg[1] > MASK_SIZE ? -EINVAL : proc_copy_out(arg[0], &waiting, arg[1]);
}

/* ---- waiting ---- */

bool signal_waiting(void)
{
    timer_ring();
    u64 open = ~blocked | awaited;
    for (u32 signal = 1; signal <= SIGNALS && (pending & open); signal++)
        while ((pending & open & ~awaited) >> (signal - 1) & 1 && is_ignored(signal))
            take(signal);
    return pending & open;
}

bool signal_sleep(u64 end)
{
    vfs_heard++;
    while (!signal_waiting()) {
        u64 now = time_ns(), next = MIN(end, timer_next());
        if (now >= end)
            return true;
        if (next > now)
            later_sleep(next - now);
    }
    return false;
}

void signal_mask(u64 mask)
{
    mask_after = blocked;
    blocked = mask & ~UNMASKED;
    suspended = true;
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

static void enter_handler(struct arch_frame *f, const struct info *info)
{
    u32 signal = (u32)info->signal;
    struct action *action = &actions[signal - 1];
    bool other = (action->flags & SA_ONSTACK) && !(alternate.flags & SS_DISABLE) && !on_alternate(f->rsp);
    u64 top = other ? alternate.sp + alternate.size : f->rsp - 128;
    struct handler_frame h = {.restorer = action->restorer, .info = *info};
    size_t n = arch_vectors_save(vectors);
    u64 vectors_at = ALIGN_DOWN(top - n, 64ull), at = ALIGN_DOWN(vectors_at - sizeof h, 16ull) - 8;
    struct context *c = &h.context;
    vfs_heard++;
    *c = (struct context){
        .stack = alternate, .segments = f->cs | f->ss << 48, .old_mask = mask_after, .mask = mask_after};
    c->error = f->error, c->vector = f->vector, c->cr2 = info->address, c->vectors = vectors_at;
    c->r8 = f->r8, c->r9 = f->r9, c->r10 = f->r10, c->r11 = f->r11, c->r12 = f->r12, c->r13 = f->r13, c->r14 = f->r14;
    c->r15 = f->r15, c->rdi = f->rdi, c->rsi = f->rsi, c->rbp = f->rbp, c->rbx = f->rbx, c->rdx = f->rdx;
    c->rax = f->rax, c->rcx = f->rcx, c->rsp = f->rsp, c->rip = f->rip, c->rflags = f->rflags;
    if (proc_copy_out(vectors_at, vectors, n) < 0 || proc_copy_out(at, &h, sizeof h) < 0 ||
        action->handler >= ARCH_USER_MAX)
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

bool signal_fault(struct arch_frame *frame, int signal, int code, u64 va)
{
    u64 handler = actions[signal - 1].handler;
    if (handler == DEFAULT || handler == IGNORE || (blocked >> (signal - 1) & 1))
        return false;
    mask_after = blocked;
    enter_handler(frame, &(struct info){.signal = signal, .code = code, .address = va});
    return true;
}

void signal_deliver(struct arch_frame *frame)
{
    timer_ring();
    if (!suspended && !(pending & ~blocked))
        return;
    if (!suspended)
        mask_after = blocked;
    suspended = false;
    while (pending & ~blocked) {
        struct info info = take((u32)__builtin_ctzll(pending & ~blocked) + 1);
        if (to_handle((u32)info.signal))
            enter_handler(frame, &info);
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
    if (c.vectors && proc_copy_in(vectors, c.vectors, arch_vectors_save(vectors)) < 0)
        proc_kill(SIGSEGV);
    if (c.vectors)
        arch_vectors_restore(vectors);
    f->vector = 0; /* rcx and r11 are the program's too, as after a trap */
    f->rcx = c.rcx, f->r11 = c.r11;
    f->r8 = c.r8, f->r9 = c.r9, f->r10 = c.r10, f->r12 = c.r12, f->r13 = c.r13, f->r14 = c.r14, f->r15 = c.r15;
    f->rdi = c.rdi, f->rsi = c.rsi, f->rbp = c.rbp, f->rbx = c.rbx, f->rdx = c.rdx;
    f->rsp = c.rsp, f->rip = c.rip;
    f->rflags = (f->rflags & ~RFLAGS_PROGRAM) | (c.rflags & RFLAGS_PROGRAM);
    blocked = c.mask & ~UNMASKED;
    return (s64)c.rax;
}

/* Another mask until a signal came. */
SYSCALL(rt_sigsuspend)
{
    u64 mask;
    if (arg[1] != MASK_SIZE)
        return -EINVAL;
    if (proc_copy_in(&mask, arg[0], sizeof mask) < 0)
        return -EFAULT;
    signal_mask(mask);
    return sys_pause(arg);
}

SYSCALL(rt_sigtimedwait)
{
    u64 set, ns = 0;
    s64 result = 0;
    if (arg[3] != MASK_SIZE)
        return -EINVAL;
    if (proc_copy_in(&set, arg[0], sizeof set) < 0)
        return -EFAULT;
    if (arg[2] && (result = timespec_in(arg[2], &ns)) < 0)
        return result;
    awaited = set & ~UNMASKED;
    bool over = signal_sleep(arg[2] ? time_ns() + ns : ~0ull);
    u64 found = pending & awaited;
    awaited = 0;
    if (!found)
        return over ? -EAGAIN : -EINTR;
    struct info info = take((u32)__builtin_ctzll(found) + 1);
    return arg[1] && proc_copy_out(arg[1], &info, sizeof info) < 0 ? -EFAULT : info.signal;
}
