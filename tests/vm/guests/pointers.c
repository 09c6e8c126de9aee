/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pointers - each system call that takes a pointer, with each bad pointer in the place of each good one; and lengths that nothing has.
 * `pointers list` tells the numbers of all calls that stand here. */
#define _GNU_SOURCE
#include "table.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* musl makes other names of these. */
#undef pread64
#undef pwrite64
#undef getdents64

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { PAGE = 4096, ARGS = 6, FILE_FD = 3, DIR_FD, WRITE_FD, FIRST_FREE };

/* An argument: a number, bytes that the kernel reads, or room that it writes to. */
struct arg {
    enum { NUMBER, READ, WRITE, BOTH } kind;
    long value;
    size_t size;
};
#define I(number)                                                                                                      \
    {                                                                                                                  \
        NUMBER, (long)(number), 0                                                                                      \
    }
#define R(object)                                                                                                      \
    {                                                                                                                  \
        READ, (long)&(object), sizeof(object)                                                                          \
    }
#define B(object)                                                                                                      \
    {                                                                                                                  \
        BOTH, (long)&(object), sizeof(object)                                                                          \
    }
#define S(text)                                                                                                        \
    {                                                                                                                  \
        READ, (long)(text), sizeof(text)                                                                               \
    }
#define W(size)                                                                                                        \
    {                                                                                                                  \
        WRITE, 0, size                                                                                                 \
    }

static char good[2 * PAGE];
static struct iovec vector[2] = {{good, 3}, {good + 8, 3}};
static struct timespec soon = {0, 1}, times[2] = {{1000000000, 1}, {1100000000, 2}};
static struct timespec odd_spec = {1, -1};
static struct timeval odd_time = {1, 2000000}, short_time = {0, 1}, no_time;
static struct itimerval no_timer;
static struct itimerspec unset;
static struct sigevent event = {.sigev_notify = SIGEV_NONE};
static struct pollfd polled = {FILE_FD, POLLIN, 0};
static struct flock lock = {F_RDLCK, SEEK_SET, 0, 1, 0};
static struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
} action;
static stack_t stack = {NULL, SS_DISABLE, 0};
static siginfo_t queued = {.si_code = SI_QUEUE};
static char whole[PAGE] __attribute__((aligned(4096))) = {1};
static unsigned long reads = 1 << FILE_FD, set, offset, mask[2] = {0, 8};
static unsigned long limit[2] = {0, RLIM_INFINITY};
static unsigned groups[1];
static int word = 7;

static const struct {
    int nr;
    const char *name;
    struct arg args[ARGS];
} calls[] = {
#define C(name, ...)                                                                                                   \
    {                                                                                                                  \
        SYS_##name, #name,                                                                                             \
        {                                                                                                              \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
    C(read, I(FILE_FD), W(8), I(8)),
    C(write, I(WRITE_FD), S("written"), I(8)),
    C(open, S("f"), I(O_RDONLY)),
    C(stat, S("f"), W(144)),
    C(fstat, I(FILE_FD), W(144)),
    C(lstat, S("f"), W(144)),
    C(poll, B(polled), I(1), I(0)),
    C(rt_sigaction, I(SIGUSR1), R(action), W(32), I(8)),
    C(rt_sigprocmask, I(SIG_SETMASK), R(set), W(8), I(8)),
    C(ioctl, I(FILE_FD), I(0x541b), W(4)),
    C(ioctl, I(FILE_FD), I(0x5401), W(36)),
    C(pread64, I(FILE_FD), W(8), I(8), I(1)),
    C(pwrite64, I(WRITE_FD), S("written"), I(8), I(1)),
    C(readv, I(FILE_FD), R(vector), I(2)),
    C(writev, I(WRITE_FD), R(vector), I(2)),
    C(access, S("f"), I(R_OK)),
    C(pipe, W(8)),
    C(select, I(8), B(reads), W(8), W(8), R(short_time)),
    C(nanosleep, R(soon), W(16)),
    C(sendfile, I(WRITE_FD), I(FILE_FD), B(offset), I(3)),
    C(wait4, I(-1), W(4), I(0), W(144)),
    C(uname, W(390)),
    C(fcntl, I(FILE_FD), I(F_GETLK), B(lock)),
    C(fcntl, I(FILE_FD), I(F_SETLK), R(lock)),
    C(truncate, S("t"), I(3)),
    C(getcwd, W(2), I(2)),
    C(chdir, S(".")),
    C(rename, S("t"), S("t2")),
    C(mkdir, S("d/new"), I(0700)),
    C(rmdir, S("d")),
    C(creat, S("t"), I(0600)),
    C(link, S("f"), S("d/new")),
    C(unlink, S("d/new")),
    C(symlink, S("f"), S("d/new")),
    C(readlink, S("l"), W(8), I(8)),
    C(chmod, S("f"), I(0644)),
    C(chown, S("f"), I(-1), I(-1)),
    C(lchown, S("l"), I(-1), I(-1)),
    C(gettimeofday, W(16), W(8)),
    C(getrlimit, I(RLIMIT_CORE), W(16)),
    C(getrusage, I(0), W(144)),
    C(sysinfo, W(112)),
    C(times, W(32)),
    C(getitimer, I(ITIMER_REAL), W(32)),
    C(setitimer, I(ITIMER_PROF), R(no_timer), W(32)),
    C(setgroups, I(1), R(groups)),
    C(getresuid, W(4), W(4), W(4)),
    C(getresgid, W(4), W(4), W(4)),
    C(rt_sigpending, W(8), I(8)),
    C(rt_sigsuspend, R(set), I(8)),
    C(rt_sigtimedwait, R(set), W(128), I(&soon), I(8)),
    C(rt_sigqueueinfo, I(999999999), I(0), R(queued)),
    C(sigaltstack, R(stack), W(24)),
    C(mknod, S("d/new"), I(S_IFREG | 0600), I(0)),
    C(statfs, S("f"), W(120)),
    C(mount, S("none"), S("."), S("no-such-type"), I(0), S("data")),
    C(umount2, S("f"), I(0)),
    C(fstatfs, I(FILE_FD), W(120)),
    C(prctl, I(PR_SET_NAME), S("fifteen letters")),
    C(prctl, I(PR_GET_NAME), W(16)),
    C(arch_prctl, I(0x1003), W(8)),
    C(setrlimit, I(RLIMIT_CORE), R(limit)),
    C(settimeofday, R(odd_time)),
    C(setxattr, S("f"), S("user.a"), S("value"), I(5), I(0)),
    C(lsetxattr, S("f"), S("user.a"), S("value"), I(5), I(0)),
    C(fsetxattr, I(FILE_FD), S("user.a"), S("value"), I(5), I(0)),
    C(getxattr, S("f"), S("user.a"), W(6), I(6)),
    C(lgetxattr, S("f"), S("user.a"), W(6), I(6)),
    C(fgetxattr, I(FILE_FD), S("user.a"), W(6), I(6)),
    C(listxattr, S("f"), W(8), I(8)),
    C(llistxattr, S("f"), W(8), I(8)),
    C(flistxattr, I(FILE_FD), W(8), I(8)),
    C(removexattr, S("f"), S("user.none")),
    C(lremovexattr, S("f"), S("user.none")),
    C(fremovexattr, I(FILE_FD), S("user.none")),
    C(time, W(8)),
    C(futex, R(word), I(1), I(0)),
    C(mincore, I(whole), I(1), W(1)),
    C(getpriority, I(0), I(0)),
    C(setpriority, I(0), I(0), I(0)),
    C(sched_setparam, I(0), R(groups)),
    C(sched_getparam, I(0), W(4)),
    C(sched_setscheduler, I(0), I(0), R(groups)),
    C(sched_getscheduler, I(0)),
    C(sched_get_priority_max, I(0)),
    C(sched_get_priority_min, I(0)),
    C(sched_rr_get_interval, I(0), W(16)),
    C(sched_setaffinity, I(0), I(4), R(word)),
    C(sched_getaffinity, I(0), I(8), W(8)),
    C(getdents64, I(DIR_FD), W(64), I(64)),
    C(timer_create, I(0), R(event), W(4)),
    C(timer_settime, I(0), I(0), R(unset), W(32)),
    C(timer_gettime, I(0), W(32)),
    C(timer_getoverrun, I(0)),
    C(timer_delete, I(99)),
    C(clock_settime, I(0), R(odd_spec)),
    C(clock_gettime, I(0), W(16)),
    C(clock_getres, I(0), W(16)),
    C(clock_nanosleep, I(0), I(0), R(soon), W(16)),
    C(openat, I(AT_FDCWD), S("f"), I(O_RDONLY)),
    C(mkdirat, I(AT_FDCWD), S("d/new"), I(0700)),
    C(mknodat, I(AT_FDCWD), S("d/new"), I(S_IFREG | 0600), I(0)),
    C(fchownat, I(AT_FDCWD), S("f"), I(-1), I(-1), I(0)),
    C(newfstatat, I(AT_FDCWD), S("f"), W(144), I(0)),
    C(unlinkat, I(AT_FDCWD), S("d/new"), I(0)),
    C(renameat, I(AT_FDCWD), S("t"), I(AT_FDCWD), S("t2")),
    C(linkat, I(AT_FDCWD), S("f"), I(AT_FDCWD), S("d/new"), I(0)),
    C(symlinkat, S("f"), I(AT_FDCWD), S("d/new")),
    C(readlinkat, I(AT_FDCWD), S("l"), W(8), I(8)),
    C(fchmodat, I(AT_FDCWD), S("f"), I(0644)),
    C(faccessat, I(AT_FDCWD), S("f"), I(R_OK)),
    C(pselect6, I(8), B(reads), W(8), W(8), R(soon), R(mask)),
    C(ppoll, B(polled), I(1), R(soon), R(set), I(8)),
    C(utimensat, I(AT_FDCWD), S("f"), R(times), I(0)),
    C(pipe2, W(8), I(0)),
    C(preadv, I(FILE_FD), R(vector), I(2), I(1), I(0)),
    C(pwritev, I(WRITE_FD), R(vector), I(2), I(1), I(0)),
    C(prlimit64, I(0), I(RLIMIT_CORE), R(limit), W(16)),
    C(getcpu, W(4), W(4)),
    C(renameat2, I(AT_FDCWD), S("t"), I(AT_FDCWD), S("t2"), I(0)),
    C(getrandom, W(8), I(8), I(0)),
    C(copy_file_range, I(FILE_FD), B(offset), I(WRITE_FD), B(offset), I(3), I(0)),
    C(preadv2, I(FILE_FD), R(vector), I(2), I(1), I(0), I(0)),
    C(pwritev2, I(WRITE_FD), R(vector), I(2), I(1), I(0), I(0)),
    C(statx, I(AT_FDCWD), S("f"), I(0), I(0x7ff), W(256)),
    C(faccessat2, I(AT_FDCWD), S("f"), I(R_OK), I(0)),
    C(fchmodat2, I(AT_FDCWD), S("f"), I(0644), I(0)),
};

/* No pointers, or (in the second list) none that is looked at: there are no groups, no sockets, no second thread, no second process; and
 * rt_sigreturn finds what it reads by the stack. */
static const int without[] =
    {
        SYS_close,       SYS_lseek,  SYS_mmap,     SYS_mprotect,  SYS_munmap,     SYS_brk,
        SYS_sched_yield, SYS_alarm,  SYS_mremap,   SYS_msync,     SYS_madvise,    SYS_dup,
        SYS_dup2,        SYS_pause,  SYS_getpid,   SYS_socket,    SYS_shutdown,   SYS_listen,
        SYS_exit,        SYS_kill,   SYS_flock,    SYS_fsync,     SYS_fdatasync,  SYS_ftruncate,
        SYS_fchdir,      SYS_fchmod, SYS_fchown,   SYS_umask,     SYS_getuid,     SYS_getgid,
        SYS_setuid,      SYS_setgid, SYS_geteuid,  SYS_getegid,   SYS_setpgid,    SYS_getppid,
        SYS_getpgrp,     SYS_setsid, SYS_setreuid, SYS_setregid,  SYS_setresuid,  SYS_setresgid,
        SYS_getpgid,     SYS_getsid, SYS_mlock,    SYS_munlock,   SYS_mlockall,   SYS_munlockall,
        SYS_sync,        SYS_gettid, SYS_tkill,    SYS_fadvise64, SYS_exit_group, SYS_tgkill,
        SYS_fallocate,   SYS_dup3,   SYS_syncfs,   SYS_mlock2,    SYS_readahead,  SYS_sync_file_range,
        SYS_close_range,
},
                 unused[] = {
                     SYS_getgroups,   SYS_set_tid_address, SYS_set_robust_list, SYS_rseq,       SYS_fork,
                     SYS_vfork,       SYS_clone,           SYS_clone3,          SYS_execve,     SYS_execveat,
                     SYS_waitid,      SYS_rt_sigreturn,    SYS_socketpair,      SYS_sendmsg,    SYS_recvmsg,
                     SYS_connect,     SYS_accept,          SYS_sendto,          SYS_recvfrom,   SYS_bind,
                     SYS_getsockname, SYS_getpeername,     SYS_setsockopt,      SYS_getsockopt, SYS_accept4,
};

/* ---- the bad ones ---- */

static char *fence; /* a page, behind which nothing is mapped */
static char *fixed; /* one that is only to be read */

static const char *const kinds[] = {"NULL",   "low",     "unmapped", "crossing", "fixed", "none",
                                    "kernel", "physmap", "odd",      "top",      "last"};

/* A bad pointer for an argument; 0 with *skip: this one would be good. */
static long bad_pointer(const struct arg *a, unsigned kind, int *skip)
{
    char *cross = fence + PAGE - a->size / 2;
    *skip = 0;
    switch (kind) {
    case 0:
        return 0;
    case 1:
        return 8;
    case 2:
        return (long)fence + PAGE;
    case 3:
        *skip = a->size < 2;
        if (a->kind != WRITE)
            memcpy(cross, (void *)a->value, a->size / 2);
        return (long)cross;
    case 4:
        *skip = a->kind == READ;
        return (long)fixed;
    case 5:
        return (long)fixed + PAGE;
    case 6:
        return 0xffffffff80100000;
    case 7:
        return 0xffff800000100000;
    case 8:
        return 1ul << 63;
    case 9:
        *skip = a->size < 2;
        return 0x7ffffffff000 - 1;
    default:
        return -1;
    }
}

static long good_pointer(const struct arg *a, unsigned i)
{
    static char room[ARGS][PAGE];
    if (a->kind == NUMBER)
        return a->value;
    memset(room[i], 0, PAGE);
    if (a->kind != WRITE)
        memcpy(room[i], (void *)a->value, a->size);
    return (long)room[i];
}

static void tidy(void)
{
    fchdir(DIR_FD);
    for (int fd = FIRST_FREE; fd < FIRST_FREE + 4; fd++)
        close(fd);
    lseek(FILE_FD, 0, SEEK_SET);
    lseek(DIR_FD, 0, SEEK_SET);
    lseek(WRITE_FD, 0, SEEK_SET);
    unlink("d/new");
    rmdir("d/new");
    rename("t2", "t");
    setxattr("f", "user.a", "value", 5, 0);
}

static void try(unsigned c, unsigned k)
{
    for (unsigned kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        int skip;
        char what[100];
        long a[ARGS], bad = bad_pointer(&calls[c].args[k], kind, &skip);
        if (skip)
            continue;
        for (unsigned i = 0; i < ARGS; i++)
            a[i] = i == k ? bad : good_pointer(&calls[c].args[i], i);
        if (calls[c].nr == SYS_getcwd)
            chdir("/"); /* which is as long everywhere */
        long result = call(calls[c].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (result > 0 && (calls[c].nr == SYS_times || calls[c].nr == SYS_time))
            result = 1;
        snprintf(what, sizeof what, "%s, argument %u %s", calls[c].name, k, kinds[kind]);
        show(what, result);
        tidy();
    }
}

static void try_all(void)
{
    for (unsigned c = 0; c < sizeof calls / sizeof *calls; c++)
        for (unsigned k = 0; k < ARGS; k++)
            if (calls[c].args[k].kind != NUMBER)
                try(c, k);
}

/* ---- lengths ---- */

static void lengths(void)
{
    static const unsigned long sizes[] = {0x7ffff000, 0x7ffff001, 1ul << 31, 1ul << 32,
                                          INT64_MAX,  1ul << 63,  -4096ul,   -1ul};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned long n = sizes[i];
        struct iovec huge[2] = {{good, n}, {good, n}};
        printf("# %#lx\n", n);
        T(read, FILE_FD, good, n);
        T(lseek, FILE_FD, 0, SEEK_SET);
        T(pread64, FILE_FD, good, n, 1);
        T(write, WRITE_FD, NULL, n);
        T(write, WRITE_FD, (void *)8, n);
        T(pwrite64, WRITE_FD, fence + PAGE, n, 1);
        T(readv, FILE_FD, huge, 2);
        T(lseek, FILE_FD, 0, SEEK_SET);
        T(readv, FILE_FD, huge, n);
        T(writev, WRITE_FD, huge, n);
        T(preadv2, FILE_FD, huge, n, 0, 0, 0);
        T(poll, good, n, 0);
        T(select, n, NULL, NULL, NULL, &no_time);
        T(getdents64, DIR_FD, fence + PAGE, n);
        T(readlink, "l", good, n);
        T(readlink, "l", fence + PAGE, n);
        T(getcwd, fence + PAGE, n);
        T(getxattr, "f", "user.a", good, n);
        T(getxattr, "f", "user.a", fence + PAGE, n);
        T(listxattr, "f", good, n);
        T(setxattr, "f", "user.b", good, n, 0);
        T(getrandom, fence + PAGE, n, 0);
        T(rt_sigaction, SIGUSR1, NULL, NULL, n);
        T(rt_sigprocmask, SIG_BLOCK, NULL, NULL, n);
        T(sendfile, WRITE_FD, 99, NULL, n);
        T(copy_file_range, FILE_FD, NULL, WRITE_FD, NULL, n, 1);
        T(setgroups, n, good);
        if (n != INT64_MAX) /* which some file systems have */
            T(lseek, FILE_FD, n, SEEK_CUR);
        T(ftruncate, FILE_FD, n);
        tidy();
    }
}

static void list(void)
{
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
        printf("%d\n", calls[i].nr);
    for (unsigned i = 0; i < sizeof without / sizeof *without; i++)
        printf("%d\n", without[i]);
    for (unsigned i = 0; i < sizeof unused / sizeof *unused; i++)
        printf("%d\n", unused[i]);
}

static void set_up(void)
{
    fence = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fixed = fence + 2 * PAGE;
    munmap(fence + PAGE, PAGE);
    mprotect(fixed, PAGE, PROT_READ);
    mprotect(fixed + PAGE, PAGE, PROT_NONE);
    close(creat("f", 0644));
    close(creat("t", 0644));
    close(creat("to", 0644));
    truncate("f", 100);
    mkdir("d", 0755);
    symlink("f", "l");
    for (int fd = FILE_FD; fd < 20; fd++)
        close(fd);
    open("f", O_RDONLY);
    open(".", O_RDONLY);
    open("to", O_WRONLY);
    tidy();
}

int main(int argc, char **argv)
{
    static char room[1 << 16];
    setvbuf(stdout, room, _IOFBF, sizeof room);
    if (argc > 1) {
        list();
        return fflush(stdout);
    }
    set_up();
    try_all();
    lengths();
    return fflush(stdout);
}
