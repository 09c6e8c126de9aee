/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* disk - does to a disk, or to a file, what a script says, a line each, and tells what came of it: disk SCRIPT DISK. Runs on Linux as well. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROOM = 32 << 20 };
static unsigned char *buffer;

static uint64_t hash(const unsigned char *p, long n)
{
    uint64_t h = 0xcbf29ce484222325;
    for (long i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3;
    return h;
}

static void fill(unsigned char *p, long n, uint64_t seed)
{
    for (long i = 0; i < n; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = seed >> 56;
    }
}

static void tell(long result)
{
    if (result < 0)
        printf(" E%d\n", errno);
    else
        printf(" %ld\n", result);
}

static void tell_bytes(long n)
{
    if (n < 0)
        tell(n);
    else
        printf(" %ld %016lx\n", n, hash(buffer, n));
}

static void show(const char *path)
{
    unsigned char text[4096];
    int fd = open(path, O_RDONLY);
    long n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0)
        tell(n);
    for (long i = 0; i < n; i++)
        printf(i ? "%02x" : " %02x", text[i]);
    if (n >= 0)
        printf("\n");
    close(fd);
}

/* Asks until the disk has so many bytes. */
static void wait_size(int fd, long size)
{
    printf("\n");
    fflush(stdout);
    while (lseek(fd, 0, SEEK_END) != size)
        usleep(1000);
}

static void map(int fd, long at, long len, int flags)
{
    unsigned char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, at);
    if (p == MAP_FAILED) {
        tell(-1);
        return;
    }
    uint64_t h = hash(p, len);
    p[0]++;
    printf(" %016lx\n", h);
    munmap(p, len);
}

static int act(int fd, const char *disk, const char *word, long a, long b, long c, const char *path)
{
    struct iovec two[2] = {{buffer, b / 2}, {buffer + b / 2, b - b / 2}};
    uint64_t range[2] = {a, b};
    unsigned char out[64];
    struct stat s;
#define IS(name) (strcmp(word, name) == 0)
    if (IS("open")) {
        if (fd >= 0)
            close(fd);
        fd = open(disk, a);
        tell(fd < 0 ? -1 : 0);
    } else if (IS("align")) {
        buffer = (unsigned char *)((uintptr_t)buffer & -4096l) + a;
        printf("\n");
    } else if (IS("pread")) {
        memset(buffer, 0xee, b);
        tell_bytes(pread(fd, buffer, b, a));
    } else if (IS("preadv"))
        tell_bytes(preadv(fd, two, 2, a));
    else if (IS("read"))
        tell_bytes(read(fd, buffer, a));
    else if (IS("pwrite")) {
        fill(buffer, b, c);
        tell(pwrite(fd, buffer, b, a));
    } else if (IS("write")) {
        fill(buffer, a, b);
        tell(write(fd, buffer, a));
    } else if (IS("zeroes")) {
        memset(buffer, 0, b);
        tell(pwrite(fd, buffer, b, a));
    } else if (IS("lseek"))
        tell(lseek(fd, a, b));
    else if (IS("range"))
        tell(ioctl(fd, c, range));
    else if (IS("ask")) {
        memset(out, 0xee, sizeof out);
        int result = ioctl(fd, a, out);
        if (result < 0)
            tell(result);
        for (long i = 0; result >= 0 && i < b; i++)
            printf(i ? "%02x" : " %02x", out[i]);
        if (result >= 0)
            printf("\n");
    } else if (IS("fsync"))
        tell(fsync(fd));
    else if (IS("fdatasync"))
        tell(fdatasync(fd));
    else if (IS("ftruncate"))
        tell(ftruncate(fd, a));
    else if (IS("map"))
        map(fd, a, b, MAP_PRIVATE);
    else if (IS("stat")) {
        fstat(fd, &s);
        printf(" %o %u:%u %ld\n", s.st_mode, major(s.st_rdev), minor(s.st_rdev), (long)s.st_size);
    } else if (IS("poll")) {
        struct pollfd p = {fd, POLLIN | POLLOUT, 0};
        int n = poll(&p, 1, -1);
        printf(" %d %d\n", n, p.revents);
    } else if (IS("until"))
        wait_size(fd, a);
    else if (IS("show"))
        show(path);
    else if (IS("sleep"))
        usleep(a * 1000), printf("\n");
    else
        exit(99);
    return fd;
}

int main(int argc, char **argv)
{
    char line[400], word[20], path[300];
    FILE *script = fopen(argv[1], "r");
    int fd = -1;
    if (argc != 3 || !script)
        return 98;
    buffer = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (fgets(line, sizeof line, script)) {
        long a = 0, b = 0, c = 0;
        path[0] = 0;
        line[strcspn(line, "\n")] = 0;
        printf("%s:", line);
        if (sscanf(line, "%19s %li %li %li", word, &a, &b, &c) < 2)
            sscanf(line, "%19s %299s", word, path);
        fd = act(fd, argv[2], word, a, b, c, path);
        fflush(stdout);
    }
    return 0;
}
