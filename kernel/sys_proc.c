/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_proc - system calls on the program itself: chance, identity, limits, the end. */
#include "arch.h"
#include "mem.h"
#include "print.h"
#include "proc.h"
#include "rand.h"
#include "syscall.h"
#include "time.h"
#include "vfs.h"

/* One line a boot for what a program asks for in vain. */
static s64 refuse(bool *told, int error, const char *what)
{
    if (!*told)
        log_warn("%s: no %s", proc_current->name, what);
    *told = true;
    return error;
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

SYSCALL_IS(own_id, (s64)proc_current->pid)

/* What a program with one thread, one processor and no signals to receive may be told without harm. */
SYSCALL_IS(zero, 0)

/* The program leads its session and its group. pid: 0 is itself. */
static s64 own_group(u64 pid)
{
    return (u32)pid == 0 || (u32)pid == proc_current->pid ? (s64)proc_current->pid : -ESRCH;
}

SYSCALL_IS(getpgid, own_group(arg[0]))

SYSCALL(setpgid)
{
    s64 result = (s32)arg[1] < 0 ? -EINVAL : own_group(arg[0]);
    return result < 0 ? result : own_group(arg[1]) < 0 ? -EPERM : 0;
}

SYSCALL_IS(setsid, -EPERM) /* a leader already */

/* ---- users and groups: kept as told; what they may do to files is up to the server ---- */

enum { REAL, EFFECTIVE, SAVED, IDS };
#define KEEP ((u32)-1)

static bool privileged(void)
{
    return proc_current->uids[EFFECTIVE] == 0;
}

SYSCALL_IS(getuid, proc_current->uids[REAL])
SYSCALL_IS(geteuid, proc_current->uids[EFFECTIVE])
SYSCALL_IS(getgid, proc_current->gids[REAL])
SYSCALL_IS(getegid, proc_current->gids[EFFECTIVE])

static s64 get_ids(const u32 ids[IDS], const u64 arg[6])
{
    for (unsigned i = 0; i < IDS; i++)
        if (proc_copy_out(arg[i], &ids[i], sizeof ids[i]) < 0)
            return -EFAULT;
    return 0;
}

SYSCALL_IS(getresuid, get_ids(proc_current->uids, arg))
SYSCALL_IS(getresgid, get_ids(proc_current->gids, arg))

/* Without privilege only to an id that the program has already. */
static s64 set_ids(u32 ids[IDS], const u32 to[IDS])
{
    for (unsigned i = 0; i < IDS; i++)
        if (to[i] != KEEP && to[i] != ids[REAL] && to[i] != ids[EFFECTIVE] && to[i] != ids[SAVED] && !privileged())
            return -EPERM;
    for (unsigned i = 0; i < IDS; i++)
        ids[i] = to[i] == KEEP ? ids[i] : to[i];
    return 0;
}

static s64 set_one(u32 ids[IDS], u32 id)
{
    u32 others = privileged() ? id : KEEP;
    return id == KEEP ? -EINVAL : set_ids(ids, (const u32[IDS]){others, id, others});
}

static s64 set_two(u32 ids[IDS], u32 real, u32 effective)
{
    bool save = real != KEEP || (effective != KEEP && effective != ids[REAL]);
    u32 saved = !save ? KEEP : effective == KEEP ? ids[EFFECTIVE] : effective;
    if (real != KEEP && real != ids[REAL] && real != ids[EFFECTIVE] && !privileged())
        return -EPERM;
    return set_ids(ids, (const u32[IDS]){real, effective, saved});
}

SYSCALL_IS(setuid, set_one(proc_current->uids, (u32)arg[0]))
SYSCALL_IS(setgid, set_one(proc_current->gids, (u32)arg[0]))
SYSCALL_IS(setreuid, set_two(proc_current->uids, (u32)arg[0], (u32)arg[1]))
SYSCALL_IS(setregid, set_two(proc_current->gids, (u32)arg[0], (u32)arg[1]))
SYSCALL_IS(setresuid, set_ids(proc_current->uids, (const u32[IDS]){(u32)arg[0], (u32)arg[1], (u32)arg[2]}))
SYSCALL_IS(setresgid, set_ids(proc_current->gids, (const u32[IDS]){(u32)arg[0], (u32)arg[1], (u32)arg[2]}))

SYSCALL(setgroups)
{
    enum { NGROUPS_MAX = 65536 };
    u32 group;
    if (!privileged())
        return -EPERM;
    if ((u32)arg[0] > NGROUPS_MAX)
        return -EINVAL;
    for (u64 i = 0; i < (u32)arg[0]; i++)
        if (proc_copy_in(&group, arg[1] + i * sizeof group, sizeof group) < 0)
            return -EFAULT;
    return 0;
}

SYSCALL(prctl)
{
    enum { GET_DUMPABLE = 3, SET_DUMPABLE, SET_NAME = 15, GET_NAME, SET_NO_NEW_PRIVS = 38 };
    char *name = proc_current->name;
    s64 len;
    switch ((u32)arg[0]) {
    case SET_NAME:
        len = proc_copy_string(name, arg[1], sizeof proc_current->name);
        name[sizeof proc_current->name - 1] = '\0';
        return len == -EFAULT ? len : 0;
    case GET_NAME:
        return proc_copy_out(arg[1], name, sizeof proc_current->name);
    case GET_DUMPABLE:
        return 1;
    case SET_DUMPABLE:
    case SET_NO_NEW_PRIVS:
        return arg[1] == 1 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* Nobody else wakes a waiter: the time does, or a signal that a timer sends. With neither, waiting would be for ever. FUTEX_WAIT_BITSET's time is a
 * clock's, FUTEX_WAIT's counts from now. */
SYSCALL(futex)
{
    enum { WAIT, WAKE, WAIT_BITSET = 9, WAKE_BITSET, PRIVATE = 128, REALTIME = 256 };
    u32 command = (u32)arg[1] & ~(u32)(PRIVATE | REALTIME), value;
    bool waits = command == WAIT || command == WAIT_BITSET, bits = command == WAIT_BITSET || command == WAKE_BITSET;
    bool wall = arg[1] & REALTIME, limited = waits && arg[3];
    u64 ns = 0, now = time_ns();
    s64 result = limited ? timespec_in(arg[3], &ns) : 0;
    if (result < 0)
        return result;
    if ((!waits && !bits && command != WAKE) || (wall && command != WAIT_BITSET))
        return -ENOSYS;
    if (arg[0] % sizeof value || (bits && !(u32)arg[5]))
        return -EINVAL;
    /* What is woken may be gone by then: only its address is wanted. */
    if (waits || !(arg[1] & PRIVATE) ? proc_copy_in(&value, arg[0], sizeof value) < 0 : arg[0] >= ARCH_USER_MAX)
        return -EFAULT;
    if (!waits || value != (u32)arg[2])
        return waits ? -EAGAIN : 0;
    if (!limited && timer_next() == ~0ull && !signal_waiting())
        return -EDEADLK;
    ns -= bits ? MIN(ns, wall ? time_wall_ns() : now) : 0;
    return signal_sleep(limited ? now + ns : ~0ull) ? -ETIMEDOUT : -EINTR;
}

/* Restartable sequences are for threads; C libraries ask, and do without. */
SYSCALL_IS(rseq, -ENOSYS)
SYSCALL_IS(uname, proc_copy_out(arg[0], proc_uname, sizeof proc_uname))

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
    vfs_heard++;
    return proc_copy_out(arg[0], &info, sizeof info);
}

SYSCALL(getrusage)
{
    enum { SELF = 0, CHILDREN = -1, THREAD = 1 };
    u64 usage[18] = {0}; /* user time, system time, largest size in KiB... */
    s32 who = (s32)arg[0];
    if (who != SELF && who != CHILDREN && who != THREAD)
        return -EINVAL;
    if (who != CHILDREN) {
        u64 now = time_ns();
        vfs_tell_time();
        usage[0] = now / SECOND;
        usage[1] = now % SECOND / 1000;
        usage[4] = proc_current->pages * (PAGE_SIZE / 1024);
    }
    return proc_copy_out(arg[1], usage, sizeof usage);
}

/* Limits are kept; the one on descriptors also holds. */
SYSCALL(prlimit64)
{
    u64 new[2], *limit;
    u32 which = (u32)arg[1];
    if (which >= PROC_LIMITS)
        return -EINVAL;
    if (own_group(arg[0]) < 0)
        return -ESRCH;
    limit = proc_current->limits[which];
    if (arg[2] && proc_copy_in(new, arg[2], sizeof new) < 0)
        return -EFAULT;
    if (arg[2] && new[0] > new[1])
        return -EINVAL;
    if (arg[2] && which == PROC_LIMIT_FDS && new[1] > PROC_FDS)
        return -EPERM;
    if (arg[2] && new[1] > limit[1] && !privileged())
        return -EPERM;
    if (arg[3] && proc_copy_out(arg[3], limit, sizeof new) < 0)
        return -EFAULT;
    if (arg[2])
        memcpy(limit, new, sizeof new);
    return 0;
}

SYSCALL_IS(getrlimit, arg[1] ? sys_prlimit64((const u64[6]){0, arg[0], 0, arg[1]}) : -EFAULT)
SYSCALL_IS(setrlimit, arg[1] ? sys_prlimit64((const u64[6]){0, arg[0], arg[1]}) : -EFAULT)

/* ---- what only more than one program would need ---- */

SYSCALL(fork)
{
    static bool told;
    return refuse(&told, -ENOSYS, "second process here (fork); start the other program by itself, with sheepskin run");
}

SYSCALL(clone)
{
    static bool told;
    enum { CLONE_THREAD = 0x10000 };
    u64 flags = arg[0];
    if (flags & CLONE_THREAD)
        return refuse(&told, -ENOSYS, "threads here (clone); let it run with one, or take a build without them");
    return sys_fork(arg);
}

/* The C library then tries clone. */
SYSCALL_IS(clone3, -ENOSYS)

SYSCALL(execve)
{
    static bool told;
    return refuse(&told, -ENOSYS, "other program in its place (execve); start that one by itself, with sheepskin run");
}

SYSCALL_IS(wait4, -ECHILD)

SYSCALL(socket)
{
    static bool told;
    enum { AF_UNIX = 1 };
    if ((u32)arg[0] == AF_UNIX) /* C libraries look for a name service this way, and do without */
        return -EAFNOSUPPORT;
    return refuse(&told, -EAFNOSUPPORT, "network here (socket); bring what it needs as files");
}

/* All that takes a socket. */
SYSCALL_IS(not_socket, proc_file((u32)arg[0]) ? -ENOTSOCK : -EBADF)

/* ---- the end ---- */

SYSCALL(exit)
{
    proc_exit((int)(arg[0] & 0xff));
}
