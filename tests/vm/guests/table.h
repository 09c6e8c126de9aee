/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* table - one line for each system call: what was asked, and the errno's name or the result. */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static const char *error_name(long result)
{
    static const char *const names[] = {
        [1] = "EPERM",      [2] = "ENOENT",     [3] = "ESRCH",       [4] = "EINTR",       [5] = "EIO",
        [6] = "ENXIO",      [7] = "E2BIG",      [8] = "ENOEXEC",     [9] = "EBADF",       [10] = "ECHILD",
        [11] = "EAGAIN",    [12] = "ENOMEM",    [13] = "EACCES",     [14] = "EFAULT",     [16] = "EBUSY",
        [17] = "EEXIST",    [18] = "EXDEV",     [19] = "ENODEV",     [20] = "ENOTDIR",    [21] = "EISDIR",
        [22] = "EINVAL",    [23] = "ENFILE",    [24] = "EMFILE",     [25] = "ENOTTY",     [26] = "ETXTBSY",
        [27] = "EFBIG",     [28] = "ENOSPC",    [29] = "ESPIPE",     [30] = "EROFS",      [31] = "EMLINK",
        [32] = "EPIPE",     [33] = "EDOM",      [34] = "ERANGE",     [35] = "EDEADLK",    [36] = "ENAMETOOLONG",
        [38] = "ENOSYS",    [39] = "ENOTEMPTY", [40] = "ELOOP",      [61] = "ENODATA",    [71] = "EPROTO",
        [75] = "EOVERFLOW", [88] = "ENOTSOCK",  [95] = "EOPNOTSUPP", [110] = "ETIMEDOUT", [116] = "ESTALE"};
    return result < 0 && -result < (long)(sizeof names / sizeof *names) ? names[-result] : NULL;
}

static void show(const char *what, long result)
{
    const char *name = error_name(result);
    if (name)
        printf("%s = %s\n", what, name);
    else
        printf("%s = %ld\n", what, result);
}

#define SIX(nr, a, b, c, d, e, f, ...) call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS(name, ...)                 SIX(SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define T(name, ...)                   show(#name "(" #__VA_ARGS__ ")", SYS(name, __VA_ARGS__))
#define V(expression)                  show(#expression, (long)(expression))
