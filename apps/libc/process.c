/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* process - memory, time, chance and the process itself. */
#include <signal.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linux.h"

enum { CLOCK_WALL = 0, CLOCK_STEADY = 1 };

int getentropy(void *buf, size_t n);

/* The heap: newlib's malloc asks for more of it. Linux's brk() answers where the end is now, moved or not. */
void *sbrk(ptrdiff_t more)
{
    static char *end;
    if (!end)
        end = (char *)linux_raw(SYS_brk, 0, 0, 0, 0);
    char *old = end, *want = end + more;
    if (more && (char *)linux_raw(SYS_brk, (long)want, 0, 0, 0) != want) {
        errno = ENOMEM;
        return (void *)-1;
    }
    end = want;
    return old;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    struct timespec now;
    if (linux_call(SYS_clock_gettime, CLOCK_WALL, (long)&now, 0, 0) < 0)
        return -1;
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

/* What ran is taken to be all the time there was: one program has the machine. */
clock_t times(struct tms *out)
{
    struct timespec now;
    if (linux_call(SYS_clock_gettime, CLOCK_STEADY, (long)&now, 0, 0) < 0)
        return (clock_t)-1;
    clock_t ticks = (clock_t)(now.tv_sec * CLOCKS_PER_SEC + now.tv_nsec / (1000000000 / CLOCKS_PER_SEC));
    *out = (struct tms){.tms_utime = ticks};
    return ticks;
}

int getentropy(void *buf, size_t n)
{
    long got = linux_call(SYS_getrandom, (long)buf, (long)n, 0, 0);
    if (got >= 0 && (size_t)got != n)
        errno = EIO;
    return got == (long)n ? 0 : -1;
}

int uname(struct utsname *out)
{
    return (int)linux_call(SYS_uname, (long)out, 0, 0, 0);
}

pid_t getpid(void)
{
    return (pid_t)linux_call(SYS_getpid, 0, 0, 0, 0);
}

int kill(pid_t pid, int signal)
{
    return (int)linux_call(SYS_kill, pid, signal, 0, 0);
}

pid_t fork(void)
{
    return (pid_t)linux_call(SYS_fork, 0, 0, 0, 0);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    return (int)linux_call(SYS_execve, (long)path, (long)argv, (long)envp, 0);
}

pid_t wait(int *status)
{
    return (pid_t)linux_call(SYS_wait4, -1, (long)status, 0, 0);
}
