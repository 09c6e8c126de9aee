/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_proc - system calls on the program itself: memory, clocks, identity, the end. */
#include "arch.h"
#include "mem.h"
#include "proc.h"
#include "rand.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

/* ---- memory ---- */

enum {
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_SHARED_VALIDATE = 3,
    MAP_TYPE = 15,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_NORESERVE = 0x4000,
    MAP_FIXED_NOREPLACE = 0x100000
};

static int check_prot(u64 prot)
{
    if (prot & ~(u64)(PROT_READ | PROT_WRITE | PROT_EXEC))
        return -EINVAL;
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
        return -EACCES; /* W^X */
    return prot ? (int)prot | PROT_READ : 0;
}

/* Bytes rounded up to pages; 0: none, or more than there can be. */
static u64 round_len(u64 len)
{
    return len > ARCH_USER_MAX ? 0 : ALIGN_UP(len, PAGE_SIZE);
}

static s64 choose_address(u64 hint, u64 len, u64 flags)
{
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        u64 at = proc_find_gap(len, ALIGN_DOWN(hint, PAGE_SIZE));
        return at ? (s64)at : -ENOMEM;
    }
    if (hint % PAGE_SIZE)
        return -EINVAL;
    if (hint < ARCH_USER_MIN)
        return -EPERM;
    if (hint >= ARCH_USER_MAX || len > ARCH_USER_MAX - hint)
        return -ENOMEM;
    if ((flags & MAP_FIXED_NOREPLACE) && proc_find_gap(len, hint) != hint)
        return -EEXIST;
    return (s64)hint;
}

/* A mapping of a file is a copy that is made at once. A shared one that is only read differs from it in nothing but the host's later changes. */
static s64 check_file(const struct file *file, bool shared_write, u64 *size)
{
    struct attr attr;
    u64 dev;
    if ((file->flags & O_ACCMODE) == O_WRONLY || (shared_write && (file->flags & O_ACCMODE) == O_RDONLY))
        return -EACCES;
    int result = vfs_getattr((struct file *)file, &attr, &dev);
    if (result < 0)
        return result;
    *size = attr.size;
    return shared_write || (attr.mode & S_IFMT) != S_IFREG ? -ENODEV : 0;
}

static s64 map_file(struct file *file, u64 at, u64 len, int prot, u64 offset, u64 size)
{
    size = offset < size ? MIN(len, size - offset) : 0;
    int result = proc_place(file, &(struct proc_piece){at, len, offset, size, prot});
    if (result < 0)
        proc_unmap(at, len);
    return result;
}

/* As Linux does without overcommit_memory: refused is only what can never be. */
static bool too_much(u64 len, int prot, u64 flags)
{
    return (prot & PROT_WRITE) && !(flags & MAP_NORESERVE) && len / PAGE_SIZE > mem_total_count();
}

SYSCALL(mmap)
{
    u64 len = round_len(arg[1]), flags = arg[3], type = flags & MAP_TYPE, size = 0;
    int prot = check_prot(arg[2]);
    struct file *file = flags & MAP_ANONYMOUS ? NULL : proc_file((u32)arg[4]);
    if (arg[5] % PAGE_SIZE)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS) && (!file || (file->flags & O_PATH)))
        return -EBADF;
    if (prot < 0 || !arg[1] || (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE))
        return prot < 0 ? prot : -EINVAL;
    if (!len || too_much(len, prot, flags))
        return -ENOMEM;
    if (arg[5] + len < arg[5])
        return -EOVERFLOW;
    s64 at = choose_address(arg[0], len, flags), result = 0;
    if (at >= 0 && file)
        result = check_file(file, type != MAP_PRIVATE && (prot & PROT_WRITE), &size);
    if (at < 0 || result < 0)
        return MIN(at, result);
    result = file ? map_file(file, (u64)at, len, prot, arg[5], size) : proc_map((u64)at, len, prot);
    return result < 0 ? result : at;
}

SYSCALL(munmap)
{
    u64 len = round_len(arg[1]);
    return arg[0] % PAGE_SIZE || !len ? -EINVAL : proc_unmap(arg[0], len);
}

SYSCALL(mprotect)
{
    u64 len = round_len(arg[1]);
    int prot = check_prot(arg[2]);
    if (arg[0] % PAGE_SIZE || prot < 0)
        return arg[0] % PAGE_SIZE ? -EINVAL : prot;
    if (!arg[1])
        return 0;
    return len ? proc_protect(arg[0], len, prot) : -ENOMEM;
}

SYSCALL(brk)
{
    struct proc *p = proc_current;
    u64 old_end = ALIGN_UP(p->brk, PAGE_SIZE), new_end = ALIGN_UP(arg[0], PAGE_SIZE);
    if (arg[0] < p->brk_start || arg[0] >= ARCH_USER_MAX)
        return (s64)p->brk;
    int result = 0;
    if (new_end > old_end &&
        (proc_find_gap(new_end - old_end, old_end) != old_end || (new_end - old_end) / PAGE_SIZE > mem_free_count()))
        result = -ENOMEM;
    else if (new_end > old_end)
        result = proc_map(old_end, new_end - old_end, PROT_READ | PROT_WRITE);
    else if (new_end < old_end)
        result = proc_unmap(new_end, old_end - new_end);
    if (result == 0)
        p->brk = arg[0];
    return (s64)p->brk;
}

/* Advice may be ignored, but MADV_DONTNEED promises zeroes. */
SYSCALL(madvise)
{
    enum { MADV_DONTNEED = 4, MADV_LAST = 25 };
    u64 len = round_len(arg[1]);
    u32 advice = (u32)arg[2];
    if (arg[0] % PAGE_SIZE || advice > MADV_LAST || (arg[1] && !len))
        return -EINVAL;
    return advice == MADV_DONTNEED && len ? proc_discard(arg[0], len) : 0;
}

/* Shrinks only; programs that get ENOMEM for more copy by themselves. */
SYSCALL(mremap)
{
    enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };
    u64 old_len = round_len(arg[1]), new_len = round_len(arg[2]);
    if (arg[0] % PAGE_SIZE || !old_len || !new_len || (arg[3] & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED)))
        return -EINVAL;
    if (!proc_is_mapped(arg[0], old_len))
        return -EFAULT;
    if (new_len > old_len || (arg[3] & MREMAP_FIXED))
        return -ENOMEM;
    int result = new_len < old_len ? proc_unmap(arg[0] + new_len, old_len - new_len) : 0;
    return result < 0 ? result : (s64)arg[0];
}

SYSCALL(arch_prctl)
{
    enum { ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003 };
    u64 base = arch_get_tls();
    if ((u32)arg[0] == ARCH_GET_FS)
        return proc_copy_out(arg[1], &base, sizeof base);
    if ((u32)arg[0] != ARCH_SET_FS)
        return -EINVAL;
    if (arg[1] >= ARCH_USER_MAX)
        return -EPERM;
    arch_set_tls(arg[1]);
    return 0;
}

/* ---- clocks ---- */

struct timespec {
    u64 sec, nsec;
};

#define SECOND 1000000000ull

static s64 clock_value(u32 clock, u64 *ns)
{
    enum { KNOWN = 0xbff, WALL = 1 << 0 | 1 << 5 | 1 << 8 | 1 << 11 }; /* CLOCK_REALTIME, _COARSE, _ALARM, CLOCK_TAI */
    if (clock >= 32 || !(KNOWN >> clock & 1))
        return -EINVAL;
    *ns = WALL >> clock & 1 ? time_wall_ns() : time_ns();
    return 0;
}

SYSCALL(clock_gettime)
{
    u64 ns;
    s64 result = clock_value((u32)arg[0], &ns);
    if (result < 0)
        return result;
    struct timespec t = {ns / SECOND, ns % SECOND};
    return proc_copy_out(arg[1], &t, sizeof t);
}

SYSCALL(clock_getres)
{
    u64 ns;
    s64 result = clock_value((u32)arg[0], &ns);
    struct timespec t = {0, 1};
    return result < 0 || !arg[1] ? result : proc_copy_out(arg[1], &t, sizeof t);
}

SYSCALL(gettimeofday)
{
    u64 now = time_wall_ns();
    struct timespec t = {now / SECOND, now % SECOND / 1000};
    return arg[0] ? proc_copy_out(arg[0], &t, sizeof t) : 0;
}

SYSCALL(time)
{
    u64 now = time_wall_ns() / SECOND;
    return arg[0] && proc_copy_out(arg[0], &now, sizeof now) < 0 ? -EFAULT : (s64)now;
}

SYSCALL(times)
{
    u64 ticks[4] = {time_ns() / (SECOND / 100)};
    return arg[0] && proc_copy_out(arg[0], ticks, sizeof ticks) < 0 ? -EFAULT : (s64)ticks[0];
}

static s64 sleep_for(u64 va, u64 already)
{
    struct timespec t;
    if (proc_copy_in(&t, va, sizeof t) < 0)
        return -EFAULT;
    if ((s64)t.sec < 0 || t.nsec >= SECOND)
        return -EINVAL;
    u64 ns = t.sec > INT64_MAX / SECOND ? INT64_MAX : t.sec * SECOND + t.nsec;
    if (ns > already)
        time_sleep(ns - already);
    return 0;
}

SYSCALL(nanosleep)
{
    return sleep_for(arg[0], 0);
}

SYSCALL(clock_nanosleep)
{
    enum { TIMER_ABSTIME = 1 };
    u64 now;
    s64 result = clock_value((u32)arg[0], &now);
    return result < 0 ? result : sleep_for(arg[2], arg[1] & TIMER_ABSTIME ? now : 0);
}

SYSCALL(sched_yield)
{
    return 0;
}

/* ---- chance ---- */

SYSCALL(getrandom)
{
    enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4 };
    u8 bytes[256];
    if ((u32)arg[2] & ~(u32)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    u64 len = MIN(arg[1], (u64)INT32_MAX);
    for (u64 done = 0; done < len;) {
        u64 n = MIN(MIN(len - done, sizeof bytes), PAGE_SIZE - (arg[0] + done) % PAGE_SIZE);
        if (!rand_bytes(bytes, n) && !(arg[2] & GRND_INSECURE))
            return -EAGAIN; /* no source that anybody could trust: better none than a bad one */
        if (proc_copy_out(arg[0] + done, bytes, n) < 0)
            return done ? (s64)done : -EFAULT;
        done += n;
    }
    return (s64)len;
}

/* ---- identity ---- */

SYSCALL(own_id)
{
    return (s64)proc_current->pid;
}

/* What a program with one thread, one user and no signals to receive may be told without harm. */
SYSCALL(zero)
{
    return 0;
}

/* Nobody else could wake a waiter: with the value expected, waiting would be for ever. */
SYSCALL(futex)
{
    enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, FUTEX_WAIT_BITSET = 9, FUTEX_WAKE_BITSET = 10, COMMAND = 0x7f };
    u64 command = arg[1] & COMMAND;
    u32 value;
    if (proc_copy_in(&value, arg[0], sizeof value) < 0)
        return -EFAULT;
    if (arg[0] % sizeof value)
        return -EINVAL;
    if (command == FUTEX_WAKE || command == FUTEX_WAKE_BITSET)
        return 0;
    if (command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    return value != (u32)arg[2] ? -EAGAIN : arg[3] ? -ETIMEDOUT : -EDEADLK;
}

/* Restartable sequences are for threads; C libraries ask, and do without. */
SYSCALL(rseq)
{
    return -ENOSYS;
}

SYSCALL(uname)
{
    static const char names[6][65] = {"Linux", "sheepskin", "6.1.0-sheepskin", "Sheepskin 0.1.0", "x86_64", "(none)"};
    return proc_copy_out(arg[0], names, sizeof names);
}

SYSCALL(sysinfo)
{
    struct {
        u64 uptime, loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
        u16 procs, pad;
        u64 totalhigh, freehigh;
        u32 mem_unit;
    } info = {.uptime = time_ns() / SECOND,
              .totalram = mem_total_count() * PAGE_SIZE,
              .freeram = mem_free_count() * PAGE_SIZE,
              .procs = 1,
              .mem_unit = 1};
    _Static_assert(sizeof info == 112, "struct sysinfo of x86-64");
    return proc_copy_out(arg[0], &info, sizeof info);
}

SYSCALL(prlimit64)
{
    enum { RLIMIT_STACK = 3, RLIMIT_NOFILE = 7, LIMITS = 16 };
    u64 infinity = ~0ull, limit[2] = {infinity, infinity};
    u32 which = (u32)arg[1];
    if (which >= LIMITS)
        return -EINVAL;
    if (which == RLIMIT_STACK)
        limit[0] = PROC_STACK;
    if (which == RLIMIT_NOFILE)
        limit[0] = limit[1] = PROC_FDS;
    if (arg[2])
        return -EPERM;
    return arg[3] ? proc_copy_out(arg[3], limit, sizeof limit) : 0;
}

SYSCALL(getrlimit)
{
    if (!arg[1])
        return -EFAULT;
    return sys_prlimit64((const u64[6]){0, arg[0], 0, arg[1]});
}

/* ---- the end ---- */

SYSCALL(exit)
{
    proc_exit((int)(arg[0] & 0xff));
}

SYSCALL(exit_group)
{
    proc_exit((int)(arg[0] & 0xff));
}
