/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys - tells what is at the given paths and, from those that begin with +, all below them; then what it knows of itself. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char bytes[1 << 18];

static void hex(const char *s, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++)
        printf("%02x", (unsigned char)s[i]);
}

/* path TAB type TAB mode TAB size TAB major:minor TAB content or target in hexadecimal, or the error. */
static void tell(const char *path, int deep)
{
    struct stat st;
    ssize_t n = 0, got;
    int fd = -1;
    if (lstat(path, &st) < 0) {
        printf("%s\tnone\t0\t0\t0:0\t%s\n", path, strerror(errno));
        return;
    }
    if (S_ISLNK(st.st_mode))
        n = readlink(path, bytes, sizeof bytes);
    else if (S_ISREG(st.st_mode) && (fd = open(path, O_RDONLY)) >= 0)
        while ((got = read(fd, bytes + n, sizeof bytes - (size_t)n)) > 0)
            n += got;
    if (fd >= 0)
        close(fd);
    printf("%s\t%c\t%04o\t%lld\t%u:%u\t", path, "?pc?d?b?-?l?s???"[st.st_mode >> 12 & 15], st.st_mode & 07777,
           (long long)st.st_size, major(st.st_rdev), minor(st.st_rdev));
    hex(bytes, n);
    putchar('\n');
    DIR *dir = deep && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char child[PATH_MAX];
        struct stat real;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(child, sizeof child, "%s/%s", path, e->d_name);
        if (lstat(child, &real) == 0 && (real.st_ino != e->d_ino || (e->d_type && e->d_type != real.st_mode >> 12)))
            printf("%s\tdiffers\t0\t0\t0:0\tfrom its entry\n", child);
        tell(child, 1);
    }
    if (dir)
        closedir(dir);
}

static void fact(const char *name, unsigned long value)
{
    printf("=\t%s\t%lx\n", name, value);
}

/* A descriptor is opened anew by its name: another position, the same file. */
static void reopen(const char *folder)
{
    char name[64], text[16] = "", again[16] = "";
    int fd = open("/tmp/reopened", O_CREAT | O_RDWR | O_TRUNC, 0600);
    fact("written", (unsigned long)write(fd, "0123456789", 10));
    lseek(fd, 4, SEEK_SET);
    snprintf(name, sizeof name, "%s/%d", folder, fd);
    int other = open(name, O_RDONLY);
    fact("other opened", other >= 0 && other != fd);
    fact("other reads", (unsigned long)read(other, again, 3));
    fact("first reads", (unsigned long)read(fd, text, 3));
    printf("=\treopened %s\t%s %s\n", folder, again, text);
    close(other);
    close(fd);
    fact("closed", access(name, F_OK) == 0);
    unlink("/tmp/reopened");
}

/* A listing goes on though what it lists changes, and is whole in small pieces. */
static void listing(void)
{
    int spare[20];
    for (int i = 0; i < 20; i++)
        spare[i] = dup(0);
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    fact("listed", n);
    rewinddir(dir);
    readdir(dir);
    for (int i = 0; i < 20; i++)
        close(spare[i]);
    for (n = 0; readdir(dir);)
        n++;
    closedir(dir);
    dir = opendir("/proc/self");
    int zero = dup(0);
    close(0);
    for (n = 0; readdir(dir);)
        n++;
    fact("self listed without standard input", n > 5);
    dup2(zero, 0);
    close(zero);
    closedir(dir);
}

static void pieces(const char *path)
{
    char whole[4096], part[4096];
    ssize_t n = 0, got;
    int fd = open(path, O_RDONLY);
    n = pread(fd, whole, sizeof whole, 0);
    for (size_t size = 1; size < 300; size += 37) {
        size_t at = 0;
        lseek(fd, 0, SEEK_SET);
        while ((got = read(fd, part + at, size)) > 0)
            at += (size_t)got;
        fact("pieces", at == (size_t)n && memcmp(part, whole, at) == 0);
    }
    close(fd);
}

int main(int argc, char **argv, char **envp)
{
    struct statfs fs;
    int local = 0;
    for (int i = 1; i < argc; i++)
        tell(argv[i] + (*argv[i] == '+'), *argv[i] == '+');
    static const char *const mounts[] = {"/", "/dev", "/proc", "/sys", "/tmp", "/host"};
    for (int i = 0; i < 6; i++)
        if (statfs(mounts[i], &fs) == 0)
            printf("=\tstatfs %s\t%lx\n", mounts[i], (unsigned long)fs.f_type);
    fact("&local", (unsigned long)&local);
    fact("&main", (unsigned long)main);
    fact("&bytes", (unsigned long)bytes);
    fact("argv[0]", (unsigned long)argv[0]);
    fact("envp[0]", (unsigned long)envp[0]);
    fact("brk", (unsigned long)syscall(SYS_brk, syscall(SYS_brk, 0) + 4096) - 1);
    fact("pid", (unsigned long)getpid());
    tell("/proc/self/maps", 0);
    reopen("/proc/self/fd");
    reopen("/dev/fd");
    listing();
    pieces("/proc/self/mounts");
    fact("write to /proc", open("/proc/version", O_WRONLY) < 0);
    return 0;
}
