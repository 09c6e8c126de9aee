/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* files - open files and paths. newlib's structures and flags are Linux's own here (include/), so all go through as they are. */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux.h"

int openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    return (int)linux_call(SYS_openat, dir, (long)path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    return openat(AT_FDCWD, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd)
{
    return (int)linux_call(SYS_close, fd, 0, 0, 0);
}

_READ_WRITE_RETURN_TYPE read(int fd, void *buf, size_t n)
{
    return linux_call(SYS_read, fd, (long)buf, (long)n, 0);
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *buf, size_t n)
{
    return linux_call(SYS_write, fd, (long)buf, (long)n, 0);
}

ssize_t pread(int fd, void *buf, size_t n, off_t offset)
{
    return linux_call(SYS_pread64, fd, (long)buf, (long)n, offset);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    return linux_call(SYS_pwrite64, fd, (long)buf, (long)n, offset);
}

off_t lseek(int fd, off_t offset, int whence)
{
    return linux_call(SYS_lseek, fd, offset, whence, 0);
}

int fsync(int fd)
{
    return (int)linux_call(SYS_fsync, fd, 0, 0, 0);
}

int ftruncate(int fd, off_t length)
{
    return (int)linux_call(SYS_ftruncate, fd, length, 0, 0);
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    long arg = va_arg(args, long);
    va_end(args);
    return (int)linux_call(SYS_fcntl, fd, command, arg, 0);
}

int ioctl(int fd, unsigned long request, void *arg)
{
    return (int)linux_call(SYS_ioctl, fd, (long)request, (long)arg, 0);
}

int isatty(int fd)
{
    char termios[64];
    return ioctl(fd, TCGETS, termios) == 0;
}

int fstat(int fd, struct stat *out)
{
    return (int)linux_call(SYS_fstat, fd, (long)out, 0, 0);
}

int fstatat(int dir, const char *path, struct stat *out, int flags)
{
    return (int)linux_call(SYS_newfstatat, dir, (long)path, (long)out, flags);
}

int stat(const char *path, struct stat *out)
{
    return fstatat(AT_FDCWD, path, out, 0);
}

int lstat(const char *path, struct stat *out)
{
    return fstatat(AT_FDCWD, path, out, AT_SYMLINK_NOFOLLOW);
}

ssize_t readlink(const char *path, char *buf, size_t size)
{
    return linux_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)buf, (long)size);
}

int access(const char *path, int mode)
{
    return (int)linux_call(SYS_faccessat, AT_FDCWD, (long)path, mode, 0);
}

int link(const char *from, const char *to)
{
    return (int)linux_call(SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)to);
}

int symlink(const char *target, const char *path)
{
    return (int)linux_call(SYS_symlinkat, (long)target, AT_FDCWD, (long)path, 0);
}

int unlink(const char *path)
{
    return (int)linux_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0);
}

int rmdir(const char *path)
{
    return (int)linux_call(SYS_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR, 0);
}

int rename(const char *from, const char *to)
{
    return (int)linux_call(SYS_renameat, AT_FDCWD, (long)from, AT_FDCWD, (long)to);
}

int mkdir(const char *path, mode_t mode)
{
    return (int)linux_call(SYS_mkdirat, AT_FDCWD, (long)path, mode, 0);
}

int chmod(const char *path, mode_t mode)
{
    return (int)linux_call(SYS_fchmodat, AT_FDCWD, (long)path, mode, 0);
}

mode_t umask(mode_t mask)
{
    return (mode_t)linux_call(SYS_umask, mask, 0, 0, 0);
}

int chdir(const char *path)
{
    return (int)linux_call(SYS_chdir, (long)path, 0, 0, 0);
}

char *getcwd(char *buf, size_t size)
{
    return linux_call(SYS_getcwd, (long)buf, (long)size, 0, 0) < 0 ? NULL : buf;
}
