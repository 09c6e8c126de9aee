/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* linux - system calls of Linux x86-64, by number; the kernel of this project answers the same ones. */
#ifndef LINUX_H
#define LINUX_H

#include <errno.h>

enum {
    SYS_read = 0,
    SYS_write = 1,
    SYS_close = 3,
    SYS_fstat = 5,
    SYS_lseek = 8,
    SYS_brk = 12,
    SYS_ioctl = 16,
    SYS_pread64 = 17,
    SYS_pwrite64 = 18,
    SYS_getpid = 39,
    SYS_fork = 57,
    SYS_execve = 59,
    SYS_exit = 60,
    SYS_wait4 = 61,
    SYS_kill = 62,
    SYS_uname = 63,
    SYS_fcntl = 72,
    SYS_fsync = 74,
    SYS_ftruncate = 77,
    SYS_getcwd = 79,
    SYS_chdir = 80,
    SYS_umask = 95,
    SYS_getdents64 = 217,
    SYS_clock_gettime = 228,
    SYS_exit_group = 231,
    SYS_openat = 257,
    SYS_mkdirat = 258,
    SYS_newfstatat = 262,
    SYS_unlinkat = 263,
    SYS_renameat = 264,
    SYS_linkat = 265,
    SYS_symlinkat = 266,
    SYS_readlinkat = 267,
    SYS_fchmodat = 268,
    SYS_faccessat = 269,
    SYS_getrandom = 318,
};

/* The kernel's answer as it is: a value, or -errno. */
static inline long linux_raw(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}

/* The same as C programs want it: -1, and errno set. */
static inline long linux_call(long number, long a, long b, long c, long d)
{
    long result = linux_raw(number, a, b, c, d);
    if (result >= -4095 && result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

#endif
