/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* calls - makes system calls with good and bad arguments and prints what each returned. In a share's folder it says the same on Linux and in the guest. */
#define _GNU_SOURCE
#include "table.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#undef pread64
#undef pwrite64
#undef creat
#undef lseek
#undef fstat
#undef lstat
#undef stat
#undef open
#undef openat
#undef getdents64
#undef mmap
#undef prlimit64

#define KERNEL  0xffffffff80100000ul
#define PHYSMAP 0xffff800000100000ul
#define ODD     0x8000000000000000ul /* not canonical */
#define TOP     0x7ffffffff000ul     /* where programs end */
#define PAGE    4096ul
#define UPPER   0x1234567800000000ul /* what may stand above an int argument: the ABI leaves those bits undefined */
#define BIG     (64ul << 40)
#define ANON    (MAP_PRIVATE | MAP_ANONYMOUS)
#define FIXED   (ANON | MAP_FIXED)
#define RW      (PROT_READ | PROT_WRITE)

static char *page, *end; /* a page and its end, behind which nothing is mapped */
static char *base;       /* room to map in */
static int poem, folder, many, path;

/* A result that is an address: only whether there is one. */
#define A(name, ...) show(#name "(" #__VA_ARGS__ ")", good(SYS(name, __VA_ARGS__)))

static long good(long result)
{
    return result < 0 && result > -4096 ? result : 1;
}

int main(int argc, char **argv);

static void reads(void)
{
    T(read, poem, page, 10);
    T(read, poem, page, 0);
    T(read, poem, NULL, 0);
    T(read, poem, NULL, 10);
    T(read, poem, KERNEL, 10);
    T(read, poem, PHYSMAP, 10);
    T(read, poem, ODD, 10);
    T(read, poem, KERNEL, 0);
    T(read, poem, -1, 10);
    T(read, poem, page, -1);
    T(read, poem, page, 1ul << 63);
    T(read, poem, page, BIG);
    T(read, poem, page, TOP);
    T(read, poem, TOP - 1, 1);
    T(read, poem, TOP - 1, 2);
    T(read, poem, main, 10);
    T(read, poem, "constant", 4);
    T(lseek, poem, 0, SEEK_CUR);
    T(read, poem, end - 1, 10);
    T(read, poem, end - 5, 5);
    T(read, poem, end, 1);
    T(lseek, poem, 0, SEEK_CUR);
    T(pread64, poem, page, PAGE, 4);
    T(pread64, poem, page, 10, -1);
    T(pread64, poem, page, 10, 1ul << 40);
    T(pread64, poem, page, 10, INT64_MAX);
    T(pread64, poem, page, 0, INT64_MAX);
    T(pread64, -1, page, 10, -1);
    T(pread64, folder, page, 10, 0);
    T(read, folder, page, 10);
    T(read, folder, page, 0);
    T(read, path, page, 10);
    T(read, -1, page, 10);
    T(read, 99, NULL, -1);
    T(read, 1ul << 31, page, 10);
    T(read, poem | UPPER, page, 1);
    T(write, poem, page, 1);
    T(write, poem, NULL, 0);
    T(write, 77, page, 1);
    T(write, folder, page, 1);
    T(write, path, page, 1);
    T(pwrite64, poem, page, 1, 0);
    T(pwrite64, poem, page, 1, -1);
    T(write, 1, NULL, 1);
    T(write, 1, KERNEL, 1);
    T(write, 1, ODD, 5);
    T(write, 1, page, 0);
    T(write, 1, page, -1);
    T(close, SYS(dup, poem) | UPPER);
    T(close, -1);
    T(close, 99);
    T(close, 1ul << 31);
}

static long sum(const char *p, size_t n)
{
    unsigned long s = 0;
    while (n--)
        s = s * 31 + (unsigned char)*p++;
    return s & 0xffffffff;
}

static void large_reads(void)
{
    size_t size = 12 << 20;
    char *p = mmap(NULL, size, RW, ANON, -1, 0);
    int fd = open("size-9000001", O_RDONLY), sparse = open("sparse", O_RDONLY);
    T(read, fd, p + 1, size - 1);
    V(sum(p, size));
    V(p[9000002]);
    madvise(p, size, MADV_DONTNEED);
    T(pread64, fd, p + PAGE - 1, 2 * PAGE + 2, 4095);
    V(sum(p, 4 * PAGE));
    munmap(p + (5 << 20) + PAGE, PAGE);
    T(pread64, fd, p, size, 0);
    V(sum(p, (5 << 20) + PAGE));
    mprotect(p + (3 << 20), PAGE, PROT_READ);
    T(pread64, fd, p + 7, size, 3);
    mprotect(p + (2 << 20) - PAGE, PAGE, PROT_NONE);
    T(pread64, fd, p + 7, size, 3);
    V(sum(p, (2 << 20) - PAGE));
    T(lseek, sparse, 0, SEEK_END);
    T(lseek, sparse, -4, SEEK_END);
    T(read, sparse, page, 10);
    T(read, sparse, page, 10);
    T(pread64, sparse, page, 10, 0x13ffffff8);
    V(sum(page, 10));
    T(lseek, sparse, 1ul << 40, SEEK_SET);
    T(read, sparse, page, 10);
    struct stat st;
    T(fstat, sparse, &st);
    V(st.st_size);
    close(fd);
    close(sparse);
}

static void vectors(void)
{
    struct iovec v[] = {{page, 3}, {NULL, 0}, {page + 3, 4}, {end - 2, 10}, {page, 3}};
    struct iovec negative[] = {{page, 3}, {page, -1}}, much[] = {{page, 1ul << 62}, {page, 1ul << 62}},
                 bad[] = {{page, 2}, {NULL, 5}, {page, 2}};
    struct iovec kernel[] = {{page, 2}, {(void *)KERNEL, 5}}, nothing[] = {{NULL, 0}, {(void *)16, 0}},
                 one[] = {{page, -1}}, wide[] = {{page, 0x7ffff000}, {page, 0x7ffff000}};
    struct iovec *last = (void *)(end - 8);
    lseek(poem, 0, SEEK_SET);
    T(readv, poem, v, 3);
    T(readv, poem, v, 5);
    T(lseek, poem, 0, SEEK_CUR);
    T(readv, poem, v, 0);
    T(readv, poem, NULL, 0);
    T(readv, poem, NULL, 1);
    T(readv, poem, KERNEL, 1);
    T(readv, poem, last, 1);
    T(readv, poem, v, -1);
    T(readv, poem, v, 1025);
    T(readv, -1, v, 1025);
    T(readv, -1, v, 0);
    T(readv, poem, negative, 2);
    T(readv, poem, one, 1);
    T(readv, poem, much, 2);
    T(readv, poem, bad, 3);
    T(readv, poem, kernel, 2);
    T(readv, poem, nothing, 2);
    T(readv, folder, v, 1);
    T(readv, folder, nothing, 1);
    T(readv, poem | UPPER, v, 1);
    T(preadv, poem, v, 3, 5, 0);
    T(preadv, poem, v, 3, -1, 0);
    T(preadv, poem, v, 3, 5000, 0);
    T(preadv, poem, v, 3, 5, 7);
    T(lseek, poem, 0, SEEK_CUR);
    T(writev, 1, bad + 1, 1);
    T(writev, 1, nothing, 2);
    T(writev, 1, v, 0);
    T(writev, poem, v, 1);
    T(pwritev, poem, v, 1, 0, 0);
}

static void descriptors(void)
{
    int fd;
    T(dup, poem);
    T(dup, -1);
    T(dup, path);
    T(dup2, poem, 9);
    T(dup2, poem, 9);
    T(dup2, 9, 9);
    T(dup2, 9 | UPPER, 9);
    T(dup2, 66, 66);
    T(dup2, 66, 9);
    T(dup2, poem, -1);
    T(dup2, poem, 1 << 30);
    T(dup2, poem, 10 | UPPER);
    T(dup3, poem, 11, O_CLOEXEC);
    T(dup3, poem, 11, O_CLOEXEC | UPPER);
    T(dup3, poem, poem, 0);
    T(dup3, poem, 12, 1);
    T(dup3, 66, 12, 0);
    T(fcntl, 11, F_GETFD);
    T(fcntl, 11 | UPPER, F_GETFD | UPPER);
    T(fcntl, 11, F_SETFD, 0);
    T(fcntl, 11, F_GETFD);
    T(fcntl, 11, F_SETFD, 0xffff);
    T(fcntl, 11, F_GETFD);
    T(fcntl, poem, F_GETFD);
    T(fcntl, poem, F_DUPFD, 20);
    T(fcntl, poem, F_DUPFD, 20);
    T(fcntl, poem, F_DUPFD, -1);
    T(fcntl, poem, F_DUPFD, 1 << 30);
    T(fcntl, poem, F_DUPFD_CLOEXEC, 30);
    T(fcntl, 30, F_GETFD);
    T(fcntl, 66, F_GETFD);
    T(fcntl, poem, 12345);
    T(fcntl, poem, F_GETFL);
    T(fcntl, poem, F_SETFL, O_NONBLOCK | O_APPEND | O_RDWR | O_TRUNC);
    T(fcntl, 9, F_GETFL);
    T(fcntl, poem, F_SETFL, 0);
    T(fcntl, poem, F_GETFL);
    T(fcntl, path, F_GETFL);
    T(fcntl, path, F_SETFL, 0);
    T(fcntl, path, F_GETFD);
    T(fcntl, folder, F_GETFL);
    fd = open("poem.txt", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    T(fcntl, fd, F_GETFL);
    T(fcntl, fd, F_GETFD);
    close(fd);
    lseek(poem, 7, SEEK_SET);
    T(lseek, 9, 0, SEEK_CUR);
    T(lseek, 9, 5, SEEK_CUR);
    T(lseek, poem, 0, SEEK_CUR);
    T(lseek, poem, -13, SEEK_CUR);
    T(lseek, poem, -1, SEEK_SET);
    T(lseek, poem, INT64_MAX, SEEK_CUR);
    T(lseek, poem, INT64_MIN, SEEK_CUR);
    T(lseek, poem, 0, 9);
    T(lseek, poem, 0, -1);
    T(lseek, poem, 0, SEEK_END | UPPER);
    T(lseek, poem, -1000, SEEK_END);
    T(lseek, poem, 5000, SEEK_END);
    T(read, poem, page, 5);
    T(lseek, path, 0, SEEK_SET);
    T(lseek, 66, 0, SEEK_SET);
    T(lseek, -1, 0, 77);
    for (fd = 3; fd < 40; fd++)
        if (fd != poem && fd != folder && fd != many && fd != path)
            close(fd);
    T(ioctl, poem, 0x5401, page);
    T(ioctl, poem, 0x5413, page);
    T(ioctl, poem, 0x5401, NULL);
    T(ioctl, folder, 0x5401, page);
    T(ioctl, path, 0x5401, page);
    T(ioctl, 66, 0x5401, page);
    T(ioctl, poem, 12345, page);
    T(ioctl, poem, 0x5451, 0);
    T(fcntl, poem, F_GETFD);
    T(ioctl, poem, 0x5450, 0);
    T(fcntl, poem, F_GETFD);
}

static void devices(void)
{
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY);
    struct stat st;
    memset(page, 'x', 100);
    T(read, null, page, 10);
    T(read, zero, page, 10);
    V(page[9]);
    V(page[10]);
    T(pread64, zero, page, 20, 1ul << 40);
    T(pread64, null, page, 20, 7);
    T(write, null, page, 10);
    T(write, zero, page, 1);
    T(pwrite64, null, page, 10, 5);
    T(lseek, null, 100, SEEK_SET);
    T(lseek, zero, 0, SEEK_CUR);
    T(lseek, zero, 0, SEEK_END);
    T(read, zero, end - 4, 10);
    T(fstat, null, &st);
    V(st.st_mode);
    V(st.st_rdev);
    V(st.st_size);
    T(ioctl, null, 0x5401, page);
    T(ioctl, zero, 0x5413, page);
    T(open, "/dev/null", O_RDONLY | O_DIRECTORY);
    T(open, "/dev/null/x", O_RDONLY);
    T(open, "/dev/null/", O_RDONLY);
    T(open, "/dev", O_RDWR);
    T(access, "/dev/null", R_OK | W_OK);
    T(access, "/dev/null", X_OK);
    T(getdents64, null, page, 1000);
    T(fchdir, null);
    close(null);
    close(zero);
}

static char *at_end(const char *text)
{
    char *p = end - strlen(text) - 1;
    strcpy(p, text);
    return p;
}

static long opened(const char *name, int flags)
{
    long fd = SYS(open, name, flags, 0600);
    if (fd < 0)
        return fd;
    close(fd);
    return 1;
}

static void opens(void)
{
    V(opened("poem.txt", O_RDONLY));
    V(opened("poem.txt", O_WRONLY));
    V(opened("poem.txt", O_RDWR));
    V(opened("poem.txt", O_RDONLY | O_TRUNC));
    V(opened("poem.txt", O_RDONLY | O_CREAT));
    V(opened("poem.txt", O_RDONLY | O_CREAT | O_EXCL));
    V(opened("poem.txt", O_RDONLY | O_EXCL));
    V(opened("poem.txt", O_WRONLY | O_CREAT | O_EXCL));
    V(opened("poem.txt", O_RDONLY | O_APPEND));
    V(opened("poem.txt", O_RDONLY | O_NOATIME | O_SYNC | O_LARGEFILE));
    V(opened("poem.txt", O_DIRECTORY));
    V(opened("poem.txt", O_PATH));
    V(opened("poem.txt", O_PATH | O_RDWR | O_CREAT | O_TRUNC));
    V(opened("poem.txt", O_PATH | O_DIRECTORY));
    V(opened("poem.txt", O_CREAT | O_DIRECTORY));
    V(opened("poem.txt/", O_RDONLY));
    V(opened("poem.txt/.", O_RDONLY));
    V(opened("poem.txt/..", O_RDONLY));
    V(opened("poem.txt/x", O_RDONLY | O_CREAT));
    V(opened("new", O_RDONLY | O_CREAT));
    V(opened("new/", O_WRONLY | O_CREAT));
    V(opened("nowhere/new", O_WRONLY | O_CREAT));
    V(opened("d0", O_RDONLY));
    V(opened("d0", O_RDONLY | O_DIRECTORY));
    V(opened("d0", O_WRONLY));
    V(opened("d0", O_RDWR | O_DIRECTORY));
    V(opened("d0", O_RDONLY | O_CREAT));
    V(opened("d0", O_RDONLY | O_TRUNC));
    V(opened("d0/", O_RDONLY | O_CREAT));
    V(opened("d0", O_PATH | O_RDWR));
    V(opened("d0/.", O_RDONLY));
    V(opened("d0/..", O_RDONLY));
    V(opened("d0/../poem.txt", O_RDONLY));
    V(opened("nowhere/../poem.txt", O_RDONLY));
    V(opened("", O_RDONLY));
    V(opened("", O_RDONLY | O_CREAT));
    V(opened("/", O_RDONLY | O_DIRECTORY));
    V(opened("/", O_RDWR));
    V(opened("//", O_RDONLY));
    V(opened(".", O_RDONLY));
    V(opened(".", O_RDONLY | O_CREAT));
    V(opened(".", O_TMPFILE | O_RDONLY));
    V(opened("./././poem.txt", O_RDONLY));
    V(opened("d0////d1", O_RDONLY));
}

static void open_links(void)
{
    V(opened("link", O_RDONLY));
    V(opened("link", O_RDONLY | O_NOFOLLOW));
    V(opened("link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    V(opened("link", O_PATH | O_NOFOLLOW));
    V(opened("link", O_RDONLY | O_CREAT | O_EXCL));
    V(opened("link/", O_RDONLY));
    V(opened("link-dir", O_RDONLY | O_DIRECTORY));
    V(opened("link-dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    V(opened("link-dir/", O_RDONLY | O_NOFOLLOW));
    V(opened("link-dangling", O_RDONLY));
    V(opened("link-dangling", O_RDONLY | O_CREAT));
    V(opened("link-dangling", O_RDONLY | O_CREAT | O_EXCL));
    V(opened("link-loop", O_RDONLY));
    V(opened("link-loop", O_RDONLY | O_CREAT));
    V(opened("link-loop", O_PATH | O_NOFOLLOW));
    V(opened("chain-1", O_RDONLY));
    V(opened("chain-too-long", O_RDONLY));
    V(opened("fifo", O_PATH));
}

static void open_texts(void)
{
    char text[5000];
    memset(text, 'a', sizeof text);
    text[255] = 0;
    V(opened(text, O_RDONLY));
    text[255] = 'a', text[256] = 0;
    V(opened(text, O_RDONLY));
    V(opened(text, O_RDONLY | O_CREAT));
    text[256] = 'a', text[4095] = 0;
    V(opened(text, O_RDONLY));
    text[4095] = 'a', text[4096] = 0;
    V(opened(text, O_RDONLY));
    for (unsigned i = 0; i < 4095; i++)
        text[i] = i % 2 ? '/' : '.';
    text[4095] = 0;
    V(opened(text, O_RDONLY));
    for (unsigned i = 0; i < 4095; i++)
        text[i] = '/';
    V(opened(text, O_RDONLY));
    V(opened(NULL, O_RDONLY));
    V(opened((void *)KERNEL, O_RDONLY));
    V(opened((void *)ODD, O_RDONLY));
    V(opened(at_end("poem.txt"), O_RDONLY));
    memset(page, '.', PAGE);
    V(opened(page, O_RDONLY));
    V(opened(end - 8, O_RDONLY));
    V(opened(end, O_RDONLY));
}

static void opens_at(void)
{
    V(good(SYS(openat, AT_FDCWD, "poem.txt", O_RDONLY)));
    V(good(SYS(openat, (unsigned)AT_FDCWD, "poem.txt", O_RDONLY)));
    V(good(SYS(openat, AT_FDCWD, "poem.txt", O_RDONLY | UPPER)));
    V(good(SYS(openat, folder, "d1", O_RDONLY)));
    V(good(SYS(openat, folder | UPPER, "d1", O_RDONLY)));
    V(good(SYS(openat, folder, "../poem.txt", O_RDONLY)));
    V(good(SYS(openat, poem, "d1", O_RDONLY)));
    V(good(SYS(openat, poem, "", O_RDONLY)));
    V(good(SYS(openat, poem, "/dev/null", O_RDONLY)));
    V(good(SYS(openat, -1, "/dev/null", O_RDONLY)));
    V(good(SYS(openat, -1, "d1", O_RDONLY)));
    V(good(SYS(openat, 66, "d1", O_RDONLY)));
    V(good(SYS(openat, 66, NULL, O_RDONLY)));
    T(creat, "nowhere/x", 0600);
    int fd = 3;
    for (fd = 3; fd < 100; fd++)
        if (fd != poem && fd != folder && fd != many && fd != path)
            close(fd);
}

static void names(void)
{
    struct stat st;
    static char statx_buf[256];
    T(stat, "poem.txt", &st);
    V(st.st_size);
    V(st.st_mode);
    V(st.st_nlink);
    V(st.st_blocks);
    V(st.st_mtim.tv_nsec);
    T(stat, "nowhere", NULL);
    T(stat, "poem.txt", NULL);
    T(stat, "poem.txt", KERNEL);
    T(stat, "poem.txt", end - 8);
    T(stat, NULL, &st);
    T(stat, "", &st);
    T(stat, "poem.txt/", &st);
    T(lstat, "link", &st);
    V(st.st_mode);
    V(st.st_size);
    T(lstat, "link-dir/", &st);
    V(st.st_mode);
    T(stat, "link-dangling", &st);
    T(lstat, "link-dangling", &st);
    T(fstat, poem, &st);
    T(fstat, poem | UPPER, &st);
    T(fstat, -1, &st);
    T(fstat, 66, NULL);
    T(fstat, poem, NULL);
    T(fstat, path, &st);
    V(st.st_mode);
    T(newfstatat, AT_FDCWD, "poem.txt", &st, 0);
    T(newfstatat, folder, "d1", &st, 0);
    T(newfstatat, folder | UPPER, "d1", &st, UPPER);
    T(newfstatat, poem, "", &st, AT_EMPTY_PATH);
    T(newfstatat, poem, "", &st, 0);
    T(newfstatat, path, "", &st, AT_EMPTY_PATH);
    T(newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH);
    T(newfstatat, -1, "", &st, AT_EMPTY_PATH);
    T(newfstatat, poem, "d1", &st, AT_EMPTY_PATH);
    T(newfstatat, folder, "d1", &st, 0x10000000);
    T(newfstatat, folder, "d1", &st, AT_SYMLINK_FOLLOW);
    T(newfstatat, 66, "/dev/null", &st, 0);
    T(statx, AT_FDCWD, "poem.txt", 0, 0x7ff, statx_buf);
    V(*(uint32_t *)statx_buf & 0x7ff);
    V(*(uint64_t *)(statx_buf + 40));
    T(statx, AT_FDCWD, "poem.txt", 0x6000, 0x7ff, statx_buf);
    T(statx, AT_FDCWD, "poem.txt", 0, 1u << 31, statx_buf);
    T(statx, AT_FDCWD, "poem.txt", 1, 0x7ff, statx_buf);
    T(statx, AT_FDCWD, "poem.txt", UPPER, 0x7ff, statx_buf);
    T(statx, poem, "", AT_EMPTY_PATH, 0x7ff, statx_buf);
    T(statx, poem, "", 0, 0x7ff, statx_buf);
    T(statx, AT_FDCWD, "poem.txt", 0, 0x7ff, NULL);
}

static void accesses(void)
{
    char buf[200];
    T(access, "poem.txt", F_OK);
    T(access, "poem.txt", R_OK);
    T(access, "poem.txt", W_OK);
    T(access, "poem.txt", R_OK | UPPER);
    T(access, "poem.txt", X_OK);
    T(access, "poem.txt", 8);
    T(access, "poem.txt", -1);
    T(access, "d0", R_OK | X_OK);
    T(access, "d0", W_OK);
    T(access, "nowhere", W_OK);
    T(access, "link-dangling", F_OK);
    T(access, NULL, F_OK);
    T(faccessat, folder, "d1", R_OK);
    T(faccessat, 66, "d1", R_OK);
    T(faccessat2, AT_FDCWD, "link-dangling", F_OK, AT_SYMLINK_NOFOLLOW);
    T(faccessat2, poem, "", R_OK, AT_EMPTY_PATH);
    T(faccessat2, AT_FDCWD, "poem.txt", R_OK, AT_EACCESS);
    T(faccessat2, AT_FDCWD, "poem.txt", R_OK, 1);
    T(readlink, "link", buf, sizeof buf);
    T(readlink, "link", buf, 3);
    T(readlink, "link", buf, 0);
    T(readlink, "link", buf, -1);
    T(readlink, "link", buf, 100 | UPPER);
    T(readlink, "link", NULL, 10);
    T(readlink, "link", end - 3, 3);
    T(readlink, "link", end - 3, 100);
    T(readlink, "poem.txt", buf, 10);
    T(readlink, "d0", buf, 10);
    T(readlink, "nowhere", buf, 10);
    T(readlink, "link/", buf, 10);
    T(readlink, "link-dir/", buf, 10);
    T(readlink, "", buf, 10);
    T(readlink, NULL, buf, 10);
    T(readlink, "link-loop", buf, 100);
    T(readlinkat, folder, "../link", buf, 100);
    T(readlinkat, 66, "link", buf, 100);
    T(statfs, "poem.txt", buf);
    V(*(long *)(buf + 80)); /* f_flags */
    T(statfs, "nowhere", buf);
    T(statfs, "poem.txt", NULL);
    T(fstatfs, poem, buf);
    V(*(long *)(buf + 80));
    T(fstatfs, 66, buf);
    T(umask, 0123);
    T(umask, 0xffff);
    T(umask, 022);
}

static void cwd(void)
{
    static char before[5000], now[5000];
    long len = SYS(getcwd, before, sizeof before);
    V(len == (long)strlen(before) + 1);
    T(getcwd, now, 1);
    T(getcwd, now, len - 1);
    V(SYS(getcwd, now, len) == len);
    T(getcwd, NULL, 5000);
    T(getcwd, NULL, 0);
    T(getcwd, KERNEL, 5000);
    T(chdir, "poem.txt");
    T(chdir, "nowhere");
    T(chdir, "");
    T(chdir, NULL);
    T(chdir, "link-loop");
    T(chdir, "link-dir");
    SYS(getcwd, now, sizeof now);
    V(strcmp(now + len - 1, "/d0/d1"));
    T(access, "d2", F_OK);
    T(chdir, "..");
    T(access, "d1", F_OK);
    T(chdir, "../..");
    T(chdir, before);
    T(fchdir, poem);
    T(fchdir, 66);
    T(fchdir, folder | UPPER);
    T(access, "d1", F_OK);
    T(fchdir, path);
    T(chdir, "/");
    T(getcwd, now, 2);
    V(strcmp(now, "/"));
    T(chdir, "..");
    T(getcwd, now, 2);
    T(access, "dev/null", F_OK);
    V(SYS(chdir, before));
    char deep[4096] = "";
    for (unsigned i = 0; i < 40; i++)
        sprintf(deep + strlen(deep), "d%u/", i);
    V(SYS(chdir, deep));
    T(access, "treasure", F_OK);
    for (unsigned i = 0; i < 40; i++)
        if (SYS(chdir, ".."))
            printf("no way up\n");
    SYS(getcwd, now, sizeof now);
    V(strcmp(now, before));
}

/* Lists a folder by getdents64 with that much room: entries, and a sum that the order does not change. */
static void list(const char *name, size_t room)
{
    char buf[70000];
    int fd = open(name, O_RDONLY | O_DIRECTORY);
    long n, entries = 0, total = 0, odd = 0;
    while ((n = SYS(getdents64, fd, buf, room)) > 0)
        for (char *p = buf; p < buf + n; p += *(uint16_t *)(p + 16)) {
            entries++;
            total += sum(p + 19, strlen(p + 19)) + p[18];
            odd += *(uint16_t *)(p + 16) % 8;
        }
    printf("%s with %zu: end %ld, %ld entries, sum %ld, odd %ld\n", name, room, n, entries, total, odd);
    T(getdents64, fd, buf, room);
    T(getdents64, fd, buf, 0);
    T(lseek, fd, 0, SEEK_SET);
    V(SYS(getdents64, fd, buf, room) > 0);
    close(fd);
}

static void seeks(const char *name)
{
    DIR *d = opendir(name);
    long where = 0, same = 0;
    char third[256], again[256];
    for (unsigned i = 0; i < 777; i++)
        readdir(d);
    where = telldir(d);
    strcpy(third, readdir(d)->d_name);
    for (unsigned i = 0; i < 1000; i++)
        readdir(d);
    seekdir(d, where);
    strcpy(again, readdir(d)->d_name);
    V(strcmp(third, again));
    rewinddir(d);
    unsigned n = 0;
    while (readdir(d))
        n++;
    V(n);
    closedir(d);
}

static void directories(void)
{
    T(getdents64, many, page, 0);
    T(getdents64, many, page, 1);
    T(getdents64, many, page, 23);
    T(getdents64, many, NULL, 1000);
    T(getdents64, many, KERNEL, 1000);
    T(getdents64, poem, page, 1000);
    T(getdents64, path, page, 1000);
    T(getdents64, 66, page, 1000);
    V(SYS(getdents64, many | UPPER, page, 1000 | UPPER) > 0);
    list("many", 24);
    list("many", 32);
    list("many", 40);
    list("many", 100);
    list("many", 4096);
    list("many", 65536);
    list(".", 24);
    list(".", 32);
    list(".", 280);
    list(".", 32768);
    list("d0", 4096);
    seeks("many");
}

#define AT(n) (base + (n)*PAGE)

static void fill(size_t pages)
{
    mmap(base, 16 * PAGE, RW, FIXED, -1, 0);
    for (size_t i = 0; i < pages; i++)
        AT(i)[0] = 'a' + i;
}

/* Whether a byte can be read and written, by the kernel: neither faults. */
static const char *rights(char *p)
{
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    char keep = 0;
    /* /dev/null looks at nothing: read by a path instead */
    int r = SYS(open, p, O_RDONLY) != -EFAULT;
    if (r)
        keep = *p;
    int w = SYS(read, zero, p, 1) == 1;
    if (w)
        *p = keep;
    close(zero);
    close(null);
    return r ? w ? "rw" : "r" : w ? "w" : "-";
}

static void map_of(const char *what)
{
    printf("%s:", what);
    for (unsigned i = 0; i < 16; i++) {
        const char *r = rights(AT(i));
        printf(" %s%s", r, *r == 'r' ? (char[]){AT(i)[0] ? AT(i)[0] : '0', 0} : "");
    }
    printf("\n");
    for (int fd = 3; fd < 100; fd++)
        if (fd != poem && fd != folder && fd != many && fd != path)
            close(fd);
}

static void memory(void)
{
    base = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0);
    fill(16);
    T(mprotect, AT(2), PAGE, PROT_READ);
    T(mprotect, AT(4), 3 * PAGE, PROT_NONE);
    T(mprotect, AT(5), PAGE, RW);
    map_of("split");
    T(munmap, AT(6), 2 * PAGE);
    T(munmap, AT(6), 2 * PAGE);
    map_of("hole");
    T(mprotect, AT(5), 4 * PAGE, PROT_READ);
    map_of("protected up to the hole");
    T(mprotect, AT(4), PAGE, PROT_READ);
    map_of("seen again");
    T(munmap, AT(1) + 1, PAGE);
    T(munmap, AT(1), 0);
    T(munmap, AT(1), 1);
    T(munmap, AT(0), 3 * PAGE);
    map_of("overlap");
    T(munmap, KERNEL, PAGE);
    T(munmap, ODD, PAGE);
    T(munmap, TOP, PAGE);
    T(munmap, TOP - PAGE, 2 * PAGE);
    T(munmap, AT(1), -1);
    T(munmap, AT(1), BIG * 2);
    T(mprotect, AT(9), 0, RW);
    T(mprotect, AT(9), PAGE - 1, PROT_READ);
    T(mprotect, AT(9) + 1, PAGE, RW);
    T(mprotect, AT(9), PAGE, 0x100);
    T(mprotect, AT(9), -1, PROT_READ);
    T(mprotect, KERNEL, PAGE, RW);
    T(mprotect, ODD, PAGE, RW);
    T(mprotect, NULL, PAGE, RW);
    T(mprotect, TOP - PAGE, 2 * PAGE, RW);
    map_of("after all");
    A(mmap, AT(0), 16 * PAGE, RW, FIXED, -1, 0);
    map_of("fresh");
    fill(16);
    A(mmap, AT(3), 2 * PAGE, PROT_READ, FIXED, -1, 0);
    map_of("replaced");
    T(madvise, AT(7), 2 * PAGE, MADV_DONTNEED);
    T(madvise, AT(7), 0, MADV_DONTNEED);
    T(madvise, AT(7) + 1, PAGE, MADV_DONTNEED);
    T(madvise, AT(7), PAGE, 12345);
    T(madvise, AT(7), -1, MADV_DONTNEED);
    T(madvise, AT(7), PAGE, MADV_WILLNEED | UPPER);
    map_of("thrown away");
    munmap(AT(12), PAGE);
    T(madvise, AT(11), 3 * PAGE, MADV_DONTNEED);
    map_of("thrown away around a hole");
    unsigned char there[8];
    base = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
    *AT(0) = *AT(2) = *AT(3) = *AT(7) = 1;
    munmap(AT(5), PAGE);
    memset(there, 9, sizeof there);
    T(mincore, AT(0), 5 * PAGE - 1, there);
    for (unsigned i = 0; i < 8; i++)
        V(there[i]);
    memset(there, 9, sizeof there);
    T(mincore, AT(3), 5 * PAGE, there);
    V(there[0]);
    V(there[1]);
    V(there[2]);
    T(mincore, AT(0), 0, there);
    T(mincore, AT(5), 0, NULL);
    T(mincore, AT(0) + 1, PAGE, there);
    T(mincore, AT(5) + 1, PAGE, NULL);
    T(mincore, AT(5), PAGE, there);
    T(mincore, AT(5), PAGE, KERNEL);
    T(mincore, AT(0), PAGE, KERNEL);
    T(mincore, AT(0), PAGE, NULL);
    T(mincore, AT(0), -1, there);
    T(mincore, KERNEL, PAGE, there);
    T(mincore, KERNEL, PAGE, KERNEL);
    T(mincore, NULL, PAGE, there);
    T(mincore, TOP - PAGE, 2 * PAGE, there);
}

static void mappings(void)
{
    base = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0);
    fill(16);
    A(mmap, NULL, 0, RW, ANON, -1, 0);
    A(mmap, NULL, -1, RW, ANON, -1, 0);
    A(mmap, NULL, BIG * 2, RW, ANON, -1, 0);
    A(mmap, NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0);
    A(mmap, NULL, PAGE, RW, 0, -1, 0);
    A(mmap, NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    A(mmap, NULL, PAGE, RW, ANON | MAP_NORESERVE | MAP_STACK | MAP_POPULATE, -1, 0);
    A(mmap, NULL, PAGE, RW, ANON, 66, 0);
    A(mmap, NULL, PAGE, RW, ANON, -1, 5);
    A(mmap, NULL, PAGE, PROT_NONE, ANON, -1, 0);
    A(mmap, NULL, 1ul << 40, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    A(mmap, NULL, 1ul << 40, RW, ANON, -1, 0);
    long last = 0;
    for (int i = 0; i < 300 && last == 0; i++)
        last = munmap(mmap(NULL, 1ul << 46, PROT_NONE, ANON, -1, 0), 1ul << 46);
    show("half of all addresses given back, many times", last);
    A(mmap, AT(1) + 1, PAGE, RW, FIXED, -1, 0);
    A(mmap, AT(1) + 1, PAGE, RW, ANON, -1, 0);
    A(mmap, KERNEL & -PAGE, PAGE, RW, FIXED, -1, 0);
    A(mmap, ODD, PAGE, RW, FIXED, -1, 0);
    A(mmap, TOP, PAGE, RW, FIXED, -1, 0);
    A(mmap, TOP - PAGE, 2 * PAGE, RW, FIXED, -1, 0);
    A(mmap, KERNEL, PAGE, RW, ANON, -1, 0);
    A(mmap, AT(1), PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    munmap(AT(1), PAGE);
    V(SYS(mmap, AT(1), PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == (long)AT(1));
    munmap(AT(1), PAGE);
    V(SYS(mmap, AT(1) + 5, PAGE, RW, ANON, -1, 0) == (long)AT(1));
    V(SYS(mmap, AT(1), PAGE, RW, ANON, -1, 0) == (long)AT(1));
    fill(16);
    V(SYS(mremap, AT(2), 3 * PAGE, PAGE, 0) == (long)AT(2));
    map_of("shrunk");
    A(mremap, AT(2) + 1, PAGE, PAGE, 0);
    A(mremap, AT(2), PAGE, 0, 0);
    A(mremap, AT(3), PAGE, PAGE, 0);
    A(mremap, AT(5), PAGE, 2 * PAGE, 0);
    A(mremap, AT(5), PAGE, PAGE, 0x1000);
    A(mremap, AT(5), PAGE, PAGE, MREMAP_FIXED, AT(7));
    A(mremap, AT(5), PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, AT(7) + 1);
    A(mremap, KERNEL, 2 * PAGE, PAGE, 0);
    char *free_end = mmap(NULL, 300 * PAGE, RW, ANON, -1, 0);
    V(good(SYS(mmap, NULL, 300 * PAGE, RW, ANON, -1, 0)) && free_end[299 * PAGE] == 0);
    unsigned bad = 0;
    for (unsigned i = 0; i < 300; i += 2)
        bad += munmap(free_end + i * PAGE, PAGE) != 0;
    for (unsigned i = 1; i < 300; i += 2)
        free_end[i * PAGE + i] = i;
    for (unsigned i = 0; i < 300; i += 2)
        bad += mmap(free_end + i * PAGE, PAGE, RW, FIXED, -1, 0) == MAP_FAILED;
    for (unsigned i = 1; i < 300; i += 2)
        bad += free_end[i * PAGE + i] != (char)i;
    V(bad);
    V(SYS(pread64, open("size-9000001", O_RDONLY), free_end + 5, 299 * PAGE, 0));
    V(sum(free_end, 300 * PAGE));
}

static void mapped_files(void)
{
    int fd = open("size-9000001", O_RDONLY), small = open("size-4097", O_RDONLY), wo = open("/dev/null", O_WRONLY);
    char *p;
    A(mmap, NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, small, 0);
    p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, small, 0);
    V(sum(p, 2 * PAGE));
    p[5000] = 1;
    p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, small, PAGE);
    V(p[0] | p[1]);
    p = mmap(NULL, 9000001, PROT_READ, MAP_PRIVATE, fd, 0);
    V(sum(p, 9000001));
    A(mmap, NULL, PAGE, PROT_READ, MAP_SHARED, small, 0);
    A(mmap, NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, small, 0);
    A(mmap, NULL, PAGE, PROT_NONE, MAP_PRIVATE, small, 0);
    p = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE, small, 0);
    T(mprotect, p, PAGE, PROT_READ);
    V(sum(p, 20));
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, small, 5);
    A(mmap, NULL, 0, PROT_READ, MAP_PRIVATE, small, 0);
    A(mmap, NULL, 0, PROT_READ, MAP_PRIVATE, 66, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, 66, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, path, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, folder, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0);
    A(mmap, NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, small, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, small | UPPER, 0);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, small, 1ul << 40);
    A(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, small, -PAGE);
    T(munmap, p, 2 * PAGE);
    p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, small, 0);
    T(madvise, p, PAGE, MADV_DONTNEED); /* what comes back is the file's */
    V(sum(p, 2 * PAGE));
    T(uname, p + 2 * PAGE); /* behind the file's end */
    T(mprotect, p, 4 * PAGE, PROT_READ);
    T(access, p + 3 * PAGE, 0);
    T(munmap, p, 4 * PAGE);
    T(madvise, p, PAGE, MADV_NORMAL);
    T(madvise, page, 2 * PAGE, MADV_WILLNEED);
    T(madvise, page, PAGE, 5);
}

static void behind(void)
{
    char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, open("size-4097", O_RDONLY), 0);
    V(p[PAGE]);
    V(p[PAGE + 1]);
    fflush(stdout);
    V(p[2 * PAGE]);
}

static void breaks(void)
{
    char *old = (char *)SYS(brk, 0);
    V((char *)SYS(brk, old) == old);
    V((char *)SYS(brk, old + 10000) == old + 10000);
    old[9999] = 7;
    V((char *)SYS(brk, 1) == old + 10000);
    V((char *)SYS(brk, KERNEL) == old + 10000);
    V((char *)SYS(brk, -1) == old + 10000);
    V((char *)SYS(brk, TOP) == old + 10000);
    V((char *)SYS(brk, old + BIG) == old + 10000);
    V((char *)SYS(brk, old + 1) == old + 1);
    V((char *)SYS(brk, old + 10000) == old + 10000);
    V(old[9999]);
    V((char *)SYS(brk, old) == old);
}

static void clocks(void)
{
    struct timespec t, zero = {0, 0}, negative = {-1, 0}, many_ns = {0, 1000000000}, past = {5, 5},
                       short_time = {0, 1000};
    T(clock_gettime, CLOCK_REALTIME, &t);
    V(t.tv_sec > 1600000000);
    T(clock_gettime, CLOCK_MONOTONIC, &t);
    T(clock_gettime, CLOCK_MONOTONIC | UPPER, &t);
    T(clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t);
    T(clock_gettime, CLOCK_BOOTTIME, &t);
    T(clock_gettime, CLOCK_MONOTONIC_COARSE, &t);
    T(clock_gettime, CLOCK_TAI, &t);
    T(clock_gettime, 99, &t);
    T(clock_gettime, CLOCK_REALTIME, NULL);
    T(clock_gettime, CLOCK_REALTIME, KERNEL);
    T(clock_settime, CLOCK_MONOTONIC, &t); /* only one can be set */
    T(clock_settime, CLOCK_MONOTONIC, NULL);
    T(clock_settime, CLOCK_REALTIME, NULL);
    T(clock_settime, CLOCK_REALTIME, &negative);
    T(clock_settime, CLOCK_REALTIME, &many_ns);
    T(clock_settime, 99, &negative);
    T(settimeofday, &negative, NULL);
    T(clock_getres, CLOCK_REALTIME, &t);
    V(t.tv_sec);
    T(clock_getres, CLOCK_REALTIME, NULL);
    T(clock_getres, 99, &t);
    T(gettimeofday, &t, NULL);
    T(gettimeofday, NULL, NULL);
    T(gettimeofday, KERNEL, NULL);
    T(nanosleep, &zero, NULL);
    T(nanosleep, &short_time, NULL);
    T(nanosleep, &negative, NULL);
    T(nanosleep, &many_ns, NULL);
    T(nanosleep, NULL, NULL);
    T(clock_nanosleep, CLOCK_MONOTONIC, 0, &short_time, NULL);
    T(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL);
    T(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &past, NULL);
    T(clock_nanosleep, 99, 0, &zero, NULL);
    T(clock_nanosleep, CLOCK_MONOTONIC, 0, NULL, NULL);
    T(clock_nanosleep, CLOCK_MONOTONIC, 0, &negative, NULL);
    for (int clock = 3; clock < 7; clock++) /* no alarm can be set on these */
        V(SYS(clock_nanosleep, clock, 0, &zero, NULL));
    T(clock_gettime, -6, page); /* the program's own */
    T(clock_gettime, ~1u << 3 | 2, NULL);
    T(clock_getres, -6, page);
    T(clock_getres, -1, page);
    T(clock_getres, (~999999u << 3) + 2, page);
    V(SYS(time, NULL) > 1600000000);
    T(time, KERNEL);
    V(SYS(times, page) > 0);
    T(times, KERNEL);
    T(sched_yield, 0);
}

struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

static void signals(void)
{
    struct action ignore = {SIG_IGN, 0, NULL, 0x50}, old = {(void *)77};
    uint64_t mask = 1 << (SIGUSR1 - 1) | 1 << (SIGKILL - 1), was = 99;
    stack_t alt = {page, 0, PAGE}, alt_old = {(void *)77, 77, 77};
    memset(&old, 0x55, sizeof old);
    T(rt_sigaction, SIGUSR1, NULL, &old, 8);
    V(old.handler == SIG_DFL && old.flags == 0 && old.mask == 0);
    T(rt_sigaction, SIGUSR1, &ignore, NULL, 8);
    T(rt_sigaction, SIGUSR1, NULL, &old, 8);
    V(old.handler == SIG_IGN);
    V(old.mask == 0x50);
    T(rt_sigaction, SIGUSR1 | UPPER, &ignore, &old, 8);
    T(rt_sigaction, SIGKILL, &ignore, NULL, 8);
    T(rt_sigaction, SIGSTOP, NULL, &old, 8);
    T(rt_sigaction, 0, NULL, &old, 8);
    T(rt_sigaction, 65, NULL, &old, 8);
    T(rt_sigaction, -1, NULL, &old, 8);
    T(rt_sigaction, SIGUSR1, &ignore, NULL, 4);
    T(rt_sigaction, SIGUSR1, KERNEL, NULL, 8);
    T(rt_sigaction, SIGUSR1, NULL, KERNEL, 8);
    T(rt_sigaction, SIGUSR1, NULL, NULL, 8);
    T(rt_sigprocmask, SIG_BLOCK, NULL, &was, 8);
    V(was);
    T(rt_sigprocmask, SIG_BLOCK, &mask, &was, 8);
    T(rt_sigprocmask, SIG_BLOCK, NULL, &was, 8);
    V(was);
    T(rt_sigprocmask, SIG_UNBLOCK, &mask, &was, 8);
    T(rt_sigprocmask, SIG_SETMASK, &mask, &was, 8);
    V(was);
    T(rt_sigprocmask, 9, &mask, &was, 8);
    T(rt_sigprocmask, 9, NULL, &was, 8);
    T(rt_sigprocmask, SIG_SETMASK, &mask, &was, 4);
    T(rt_sigprocmask, SIG_SETMASK, KERNEL, &was, 8);
    T(rt_sigprocmask, SIG_SETMASK, NULL, KERNEL, 8);
    mask = 0;
    T(rt_sigprocmask, SIG_SETMASK | UPPER, &mask, NULL, 8);
    T(sigaltstack, NULL, &alt_old);
    V(alt_old.ss_flags == SS_DISABLE && alt_old.ss_sp == NULL);
    T(sigaltstack, &alt, NULL);
    T(sigaltstack, NULL, &alt_old);
    V(alt_old.ss_sp == page && alt_old.ss_size == PAGE && alt_old.ss_flags == 0);
    T(sigaltstack, KERNEL, NULL);
    long me = SYS(getpid, 0);
    V(SYS(kill, me, 0));
    V(SYS(kill, me | UPPER, UPPER));
    V(SYS(kill, me, 65));
    V(SYS(kill, me, -1));
    V(SYS(kill, me, SIGUSR1)); /* ignored */
    V(SYS(tgkill, me, me, 0));
    V(SYS(tgkill, -1, me, 0));
    V(SYS(tgkill, me, 0, 0));
    V(SYS(kill, 999999999, 0));
    V(SYS(tkill, me, SIGCHLD));
    V(SYS(gettid, 0) == me);
}

static uint64_t waiting_signals(void)
{
    uint64_t set = 99;
    SYS(rt_sigpending, &set, 8);
    return set;
}

/* What is ignored does not wait; who may be told; alternate stacks. */
static void more_signals(void)
{
    stack_t alt = {page, SS_ONSTACK, PAGE}, old;
    uint64_t mask = 1 << (SIGUSR1 - 1) | 1 << (SIGCHLD - 1);
    long me = SYS(getpid, 0);
    T(rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
    V(SYS(kill, me, SIGUSR1));
    V(SYS(kill, me, SIGCHLD));
    V(waiting_signals());
    T(rt_sigaction, SIGUSR1, NULL, &(struct action){0}, 8);
    V(waiting_signals());
    T(rt_sigaction, SIGUSR1, (&(struct action){.handler = SIG_IGN}), NULL, 8);
    V(waiting_signals());
    T(rt_sigaction, SIGCHLD, &(struct action){0}, NULL, 8);
    V(waiting_signals());
    V(SYS(kill, 0, 0));
    T(kill, -999999999, 0);
    T(kill, 1 << 31, 0);
    T(sigaltstack, &alt, NULL);
    T(sigaltstack, NULL, &old);
    V(old.ss_flags);
    alt.ss_flags = 3;
    T(sigaltstack, &alt, NULL);
    alt.ss_flags = 4;
    T(sigaltstack, &alt, NULL);
    alt.ss_flags = 0;
    alt.ss_size = 2047;
    T(sigaltstack, &alt, NULL);
    alt.ss_flags = SS_DISABLE;
    T(sigaltstack, &alt, NULL);
    T(sigaltstack, NULL, &old);
    V(old.ss_flags);
}

static char seen[32];
static int nseen;

static void note(int number, siginfo_t *info, void *context)
{
    (void)context;
    seen[nseen++] = (char)(number == SIGRTMIN + 1 ? '0' + info->si_value.sival_int : number == SIGUSR1 ? 'a' : 'b');
}

/* Real-time ones wait all, in their order, with a value; of others one. */
static void queued_signals(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    struct timespec none = {0, 0}, odd = {0, -1};
    siginfo_t info = {.si_code = SI_QUEUE};
    sigset_t all;
    long me = SYS(getpid, 0), real_time = SIGRTMIN + 1;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction((int)real_time, &action, NULL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int i = 1; i < 4; i++) {
        info.si_value.sival_int = i;
        V(SYS(rt_sigqueueinfo, me, real_time, &info));
        V(SYS(rt_sigqueueinfo, me, SIGUSR1, &info));
    }
    V(SYS(kill, me, SIGUSR2));
    V(SYS(rt_sigqueueinfo, me, 0, &info));
    V(SYS(rt_sigqueueinfo, me, 65, &info));
    V(SYS(rt_sigqueueinfo, 999999999, SIGUSR1, &info));
    V(SYS(rt_sigqueueinfo, me, SIGUSR1, KERNEL));
    T(rt_sigtimedwait, &all, &info, &none, 4);
    T(rt_sigtimedwait, KERNEL, &info, &none, 8);
    T(rt_sigtimedwait, &all, &info, &none, 8);
    V(info.si_signo);
    V(info.si_code);
    V(info.si_value.sival_int);
    T(rt_sigtimedwait, &all, NULL, NULL, 8);
    V(SYS(rt_sigtimedwait, &all, &info, &none, 8) - real_time);
    V(info.si_value.sival_int);
    V(SYS(kill, me, SIGUSR1));
    V(SYS(kill, me, SIGUSR2));
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    printf("%s\n", seen); /* each handler interrupts the one before it; those of one signal follow each other */
    sigaddset(&all, SIGUSR1);
    T(rt_sigtimedwait, &all, &info, &none, 8);
    T(rt_sigtimedwait, &all, &info, &odd, 8);
    T(rt_sigtimedwait, &all, &info, KERNEL, 8);
}

/* Up to PIPE_BUF bytes go in at once or not at all. */
static void pipes(void)
{
    static char bytes[65536];
    int ends[2];
    pipe2(ends, O_NONBLOCK);
    struct pollfd in = {ends[0], POLLIN, 0}, out = {ends[1], POLLOUT, 0};
    T(fcntl, ends[1], F_GETFL);
    T(read, ends[0], bytes, 0);
    T(read, ends[0], bytes, 1);
    T(write, ends[1], bytes, sizeof bytes);
    T(write, ends[1], bytes, 1);
    T(write, ends[1], bytes, 0);
    T(poll, &out, 1, 0);
    T(read, ends[0], bytes, 100);
    T(write, ends[1], bytes, 200);
    T(poll, &out, 1, 0);
    T(read, ends[0], bytes, 4096 - 100);
    T(poll, &out, 1, 0);
    T(write, ends[1], bytes, 4096);
    T(ioctl, ends[0], 0x541b, page);
    V(*(int *)page);
    T(poll, &in, 1, 0);
    T(close, ends[0]);
    T(write, ends[1], bytes, 0);
    T(poll, &out, 1, 0);
    V(out.revents & POLLERR);
    T(rt_sigaction, SIGPIPE, (&(struct action){.handler = SIG_IGN}), NULL, 8);
    T(write, ends[1], bytes, 1);
}

static void self(void)
{
    char names[6 * 65 + 1];
    uint64_t fs, limit[2];
    T(uname, names);
    V(strcmp(names, "Linux"));
    V(strcmp(names + 4 * 65, "x86_64"));
    T(uname, NULL);
    T(uname, end - 10);
    T(arch_prctl, 0x1003, &fs);
    T(arch_prctl, 0x1003, NULL);
    T(arch_prctl, 0x1002, KERNEL);
    T(arch_prctl, 0x1002, ODD);
    T(arch_prctl, 0x1002 | UPPER, fs);
    T(arch_prctl, 0x7777, fs);
    T(getrandom, page, 10, 0);
    T(getrandom, page, 1000, 1);
    T(getrandom, page, 0, 0);
    T(getrandom, page, 10, 0x100);
    T(getrandom, NULL, 10, 0);
    T(getrandom, KERNEL, 10, 0);
    T(getrandom, end - 10, 100, 0);
    T(getrandom, page, 10, UPPER);
    T(prlimit64, 0, 3, NULL, limit);
    T(prlimit64, 0, 77, NULL, limit);
    T(prlimit64, 0, 3, NULL, KERNEL);
    T(getrlimit, 7, limit);
    T(getrlimit, 77, limit);
    T(getrlimit, 7, NULL);
    T(sysinfo, NULL);
    show("no such call", call(9999, 0, 0, 0, 0, 0, 0));
    show("minus one", call(-1, 0, 0, 0, 0, 0, 0));
    show("negative", call(1ul << 63 | 9999, -1, 0, 0, 0, 0, 0));
    show("x32", call(0x40000001, 1, 0, 0, 0, 0, 0));
    show("bits above the number", call(SYS_dup | UPPER, -1, 0, 0, 0, 0, 0));
}

/* Makes a call with all registers and flags known: at p stand number, first argument and flags; behind them it leaves the flags and registers that it found afterwards. */
void known_call(unsigned long *p);
__asm__("known_call: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n\t"
        "mov %rdi, %r13; mov (%r13), %rax; mov 8(%r13), %rdi\n\t"
        "mov $11, %esi; mov $12, %edx; mov $13, %r10d; mov $14, %r8d; mov $15, %r9d; mov $16, %ebx; mov $17, %ebp; mov "
        "$18, %r12d; mov $19, %r14d; mov $20, %r15d\n\t"
        "push 16(%r13); popfq\n\t"
        "syscall\n\t"
        "pushfq; pop 24(%r13); push $2; popfq\n\t"
        "mov %r11, 32(%r13); mov %rdi, 40(%r13); mov %rsi, 48(%r13); mov %rdx, 56(%r13); mov %r10, 64(%r13); mov %r8, "
        "72(%r13); mov %r9, 80(%r13)\n\t"
        "mov %rbx, 88(%r13); mov %rbp, 96(%r13); mov %r12, 104(%r13); mov %r14, 112(%r13); mov %r15, 120(%r13); mov "
        "%rcx, 128(%r13)\n\t"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret");

/* Which of them changed: 1 flags, 2 the saved flags in r11, 4 an argument, 8 another register. */
static long changed(long nr, long fd, unsigned long flags)
{
    enum { SEEN = 0x247fd5 };
    unsigned long p[17] = {nr, fd, flags | 0x202}, bits = 0;
    known_call(p);
    bits |= (p[3] ^ flags) & SEEN & ~0x200 ? 1 : 0;
    bits |= (p[4] ^ flags) & SEEN & ~0x200 ? 2 : 0;
    bits |= p[5] == fd ? 0 : 4;
    for (unsigned i = 0; i < 10; i++)
        bits |= p[6 + i] == 11 + i ? 0 : i < 5 ? 4 : 8;
    return bits;
}

static unsigned char vector_in[32], vector_out[16][32];

/* All vector registers hold their own pattern while time passes and calls are made. */
static long vectors_kept(long rounds)
{
    int avx = __builtin_cpu_supports("avx"), bad = 0;
    for (unsigned i = 0; i < 32; i++)
        vector_in[i] = i * 7 + 1;
    for (long i = 0; i < rounds; i++) {
        if (avx)
            __asm__ volatile("vmovdqu %1, %%ymm0; vmovdqu %1, %%ymm7; vmovdqu %1, %%ymm15\n\t"
                             "mov $39, %%eax; syscall; mov $20000, %%ecx; 1: dec %%ecx; jnz 1b\n\t"
                             "vmovdqu %%ymm0, %0; vmovdqu %%ymm7, 32+%0; vmovdqu %%ymm15, 64+%0"
                             : "=m"(vector_out)
                             : "m"(vector_in)
                             : "rax", "rcx", "r11", "xmm0", "xmm7", "xmm15");
        else
            for (unsigned k = 0; k < 3; k++)
                memcpy(vector_out[k], vector_in, 32);
        for (unsigned k = 0; k < 3; k++)
            bad += memcmp(vector_out[k], vector_in, 32) != 0;
    }
    return bad;
}

/* Bytes below the stack pointer are a leaf function's own, whatever interrupts come. */
static long red_zone_kept(long rounds)
{
    long bad = 0;
    for (long i = 0; i < rounds; i++)
        __asm__ volatile("movq $0x1234567, -8(%%rsp); movq $0x7654321, -128(%%rsp)\n\t"
                         "mov $40000, %%ecx; 1: dec %%ecx; jnz 1b\n\t"
                         "cmpq $0x1234567, -8(%%rsp); je 2f; inc %0; 2: cmpq $0x7654321, -128(%%rsp); je 3f; inc %0; 3:"
                         : "+r"(bad)::"rcx", "memory", "cc");
    return bad;
}

static __thread int local = 42, local_zero;

static void processor(void)
{
    uint16_t control;
    uint32_t mxcsr;
    unsigned long sp;
    V(changed(SYS_getpid, -1, 0x202));
    V(changed(SYS_close, -1, 0x202 | 0xcd5));    /* all arithmetic flags, direction */
    V(changed(SYS_close, -1, 0x202 | 0x4000));   /* nested task */
    V(changed(SYS_close, -1, 0x202 | 0x40000));  /* alignment check */
    V(changed(SYS_close, -1, 0x202 | 0x200000)); /* identification */
    __asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(control), "=m"(mxcsr));
    V(control);
    V(mxcsr & 0xffc0);
    V(local * 100 + local_zero);
    V(vectors_kept(300));
    V(red_zone_kept(300));
    volatile long double x = 1;
    for (int i = 0; i < 50; i++)
        x = x / 3 + 2;
    printf("%.17Lg %.17g\n", x, (double)x / 7);
}

/* Touches memory until there is no more. */
static void waiting(void)
{
    int ends[2] = {0};
    long none[2] = {0, 0}, wrong[2] = {0, 1000000000}, negative[2] = {-1, 0};
    unsigned long set[16] = {0};
    struct pollfd p[4];
    T(pipe2, ends, O_CLOEXEC);
    V(ends[0] >= 0 && ends[1] == ends[0] + 1);
    V(SYS(fcntl, ends[0], F_GETFD));
    V(SYS(fcntl, ends[1], F_GETFL) & O_ACCMODE);
    T(pipe2, ends, O_APPEND);
    T(pipe, KERNEL);
    T(pipe2, NULL, 0);
    V(SYS(lseek, ends[0], 0, 0));
    V(SYS(pread64, ends[0], page, 1, 0));
    V(SYS(read, ends[1], page, 1));
    V(SYS(write, ends[0], page, 1));
    V(SYS(getdents64, ends[0], page, 100));
    V(SYS(fsync, ends[0]));
    V(SYS(ftruncate, ends[1], 0));
    V(SYS(fchdir, ends[0]));
    V(SYS(write, ends[1], "wool", 4));
    V(SYS(read, ends[0], KERNEL, 2));
    p[0] = (struct pollfd){ends[0], POLLIN | POLLOUT | POLLPRI, 99};
    p[1] = (struct pollfd){ends[1], POLLIN | POLLOUT, 99};
    p[2] = (struct pollfd){-1, POLLIN, 99};
    p[3] = (struct pollfd){999, POLLIN, 99};
    T(poll, p, 4, 0);
    for (int i = 0; i < 4; i++)
        V(p[i].revents);
    p[0].fd = poem, p[1].fd = folder, p[2].fd = path, p[3].fd = SYS(open, "/dev/null", O_RDWR);
    T(poll, p, 4, -1);
    for (int i = 0; i < 4; i++)
        V(p[i].revents);
    p[0].events = 0, p[0].fd = ends[0];
    T(poll, p, 1, 0);
    V(p[0].revents);
    T(poll, NULL, 0, 1);
    T(poll, NULL, 1, 0);
    T(poll, KERNEL, 1, 0);
    T(poll, end - 8, 2, 0);
    T(poll, p, 1u << 30, 0);
    T(poll, p, -1, 0);
    T(poll, p, UPPER, UPPER);
    T(ppoll, p, 1, none, NULL, 8);
    T(ppoll, p, 1, wrong, NULL, 8);
    T(ppoll, p, 1, negative, NULL, 8);
    T(ppoll, p, 1, KERNEL, NULL, 8);
    T(ppoll, p, 1, none, set, 4);
    T(ppoll, p, 1, none, KERNEL, 8);
    p[0].events = POLLIN;
    T(ppoll, p, 1, NULL, NULL, 0);
    V(SYS(ioctl, ends[0], 0x541b, page));
    V(*(int *)page);
    V(SYS(ioctl, poem, 0x541b, page) == 0 && *(int *)page > 0);
    *(int *)page = 1;
    V(SYS(ioctl, ends[0], 0x5421, page));
    V(SYS(fcntl, ends[0], F_GETFL) & O_NONBLOCK);
    V(SYS(ioctl, ends[0], 0x5421, KERNEL));
    V(SYS(read, ends[0], page, 100));
    V(SYS(read, ends[0], page, 100));
    V(SYS(close, ends[1]));
    V(SYS(read, ends[0], page, 100));
    T(poll, p, 1, -1);
    V(p[0].revents);
}

static void selecting(void)
{
    int ends[2];
    long none[2] = {0, 0}, wrong[2] = {0, 1000000000}, negative[2] = {-1, 0}, little[2] = {0, 1000};
    unsigned long set[16] = {0}, *sets = set;
    pipe(ends);
    write(ends[1], "wool", 4);
    set[0] = 1ul << ends[0];
    T(select, ends[0] + 1, set, NULL, NULL, none);
    V(set[0] == 1ul << ends[0]);
    T(select, ends[0], set, NULL, NULL, none);
    T(select, ends[0] + 1, NULL, set, NULL, none);
    V(set[0]);
    set[0] = 1ul << ends[1];
    T(select, ends[1] + 1, NULL, set, NULL, NULL);
    set[0] = 1ul << 60;
    T(select, 64, set, NULL, NULL, none);
    T(select, -1, NULL, NULL, NULL, none);
    T(select, 64, KERNEL, NULL, NULL, none);
    T(select, 0, NULL, NULL, NULL, negative);
    T(select, 0, NULL, NULL, NULL, KERNEL);
    T(select, 0, NULL, NULL, NULL, little);
    V(little[0] == 0 && little[1] == 0);
    T(pselect6, 0, NULL, NULL, NULL, wrong, NULL);
    T(pselect6, 0, NULL, NULL, NULL, none, KERNEL);
    T(pselect6, 0, NULL, NULL, NULL, none, &sets);
}

static void scheduling(void)
{
    static const int zero = 0, one = 1, hundred = 100;
    unsigned long set[16];
    for (int policy = -1; policy < 7; policy++) {
        V(SYS(sched_get_priority_max, policy));
        V(SYS(sched_get_priority_min, policy));
    }
    T(sched_get_priority_max, 99);
    T(sched_getscheduler, 0);
    T(sched_getscheduler, -1);
    T(sched_getscheduler, 99999999);
    T(sched_getparam, 0, page);
    V(*(int *)page);
    T(sched_getparam, 0, NULL);
    T(sched_getparam, 0, KERNEL);
    T(sched_getparam, -1, page);
    T(sched_getparam, 99999999, page);
    T(sched_setscheduler, 0, SCHED_BATCH, &zero);
    T(sched_getscheduler, 0);
    T(sched_setscheduler, 0, SCHED_IDLE | SCHED_RESET_ON_FORK, &zero);
    T(sched_getscheduler, 0);
    T(sched_setparam, 0, &zero);
    T(sched_getscheduler, 0);
    T(sched_setparam, 0, &one);
    T(sched_setparam, 0, NULL);
    T(sched_setparam, 0, KERNEL);
    T(sched_setparam, -1, &zero);
    T(sched_setparam, 99999999, &zero);
    T(sched_setscheduler, 0, SCHED_OTHER, &one);
    T(sched_setscheduler, 0, SCHED_FIFO, &zero);
    T(sched_setscheduler, 0, SCHED_RR, &hundred);
    T(sched_setscheduler, 0, SCHED_DEADLINE, &zero);
    T(sched_setscheduler, 0, 4, &zero);
    T(sched_setscheduler, 0, -1, &zero);
    T(sched_setscheduler, 0, SCHED_OTHER, NULL);
    T(sched_setscheduler, 0, SCHED_OTHER, KERNEL);
    T(sched_setscheduler, -1, SCHED_OTHER, &zero);
    T(sched_setscheduler, 99999999, SCHED_OTHER, &zero);
    T(sched_rr_get_interval, 0, page);
    T(sched_rr_get_interval, 0, KERNEL);
    T(sched_rr_get_interval, -1, page);
    T(sched_rr_get_interval, 99999999, page);
    V(SYS(sched_getaffinity, 0, sizeof set, set) >= 8);
    T(sched_setaffinity, 0, 8, set);
    T(sched_setaffinity, 0, 8, KERNEL);
    T(sched_setaffinity, 99999999, 8, set);
    memset(set, 0, sizeof set);
    T(sched_setaffinity, 0, 8, set);
    T(setpriority, PRIO_PROCESS, 0, 100);
    T(getpriority, PRIO_PROCESS, 0);
    T(getpriority, PRIO_PROCESS, SYS(getpid, 0));
    T(getpriority, PRIO_PROCESS, 99999999);
    T(setpriority, PRIO_PROCESS, 99999999, 0);
    T(getpriority, 3, 0);
    T(setpriority, 3, 0, 0);
    T(setresuid, 77, 77, 77);
    T(sched_setscheduler, 0, SCHED_FIFO, &one);
    T(setpriority, PRIO_PROCESS, 0, 5);
    T(setpriority, PRIO_PROCESS, 0, 19);
    T(setpriority, PRIO_PROCESS, 0, -100);
    T(getpriority, PRIO_PROCESS, 0);
}

static void interrupt(int signal)
{
    (void)signal;
}

/* Nobody wakes it: what ends it is the time or a signal. */
static void futexes(void)
{
    enum { WAIT, WAKE, WAIT_BITSET = 9, WAKE_BITSET, PRIVATE = 128, REALTIME = 256 };
    static const struct timespec little = {0, 20000000}, past = {5, 5}, negative = {-1, 0}, odd = {0, 1000000000};
    static const struct itimerval often = {{0, 5000}, {0, 5000}};
    struct sigaction action = {.sa_handler = interrupt};
    struct timespec before, after;
    unsigned word = 1;
    T(futex, &word, WAIT, 2, NULL);
    T(futex, &word, WAIT, 2, &little);
    T(futex, &word, WAIT, 2, &negative);
    T(futex, &word, WAIT, 1, &odd);
    T(futex, &word, WAIT, 2, KERNEL);
    T(futex, KERNEL, WAIT, 1, &little);
    T(futex, (char *)&word + 1, WAIT, 1, &little);
    SYS(clock_gettime, CLOCK_MONOTONIC, &before);
    T(futex, &word, WAIT | PRIVATE, 1, &little);
    SYS(clock_gettime, CLOCK_MONOTONIC, &after);
    V((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= little.tv_nsec);
    T(futex, &word, WAIT_BITSET, 1, &past, NULL, -1);
    T(futex, &word, WAIT_BITSET | REALTIME, 1, &past, NULL, -1);
    T(futex, &word, WAIT_BITSET, 1, &past, NULL, 0);
    SYS(clock_gettime, CLOCK_REALTIME, &before);
    before.tv_nsec += little.tv_nsec;
    before.tv_sec += before.tv_nsec / 1000000000;
    before.tv_nsec %= 1000000000;
    T(futex, &word, WAIT_BITSET | REALTIME, 1, &before, NULL, -1);
    SYS(clock_gettime, CLOCK_REALTIME, &after);
    V(after.tv_sec > before.tv_sec || (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec));
    T(futex, &word, WAKE, 1);
    T(futex, &word, WAKE_BITSET, 1, NULL, NULL, 0);
    T(futex, &word, 77, 1);
    T(futex, &word, WAIT | 0x200, 2, NULL);
    T(futex, &word, WAIT | 0x1000, 2, NULL);
    T(futex, NULL, WAKE, 1);
    T(futex, NULL, WAKE | PRIVATE, 1);
    T(futex, (char *)NULL + 1, WAKE | PRIVATE, 1);
    T(futex, KERNEL, WAKE | PRIVATE, 1);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    T(futex, &word, WAIT, 1, NULL);
    T(futex, &word, WAIT_BITSET | REALTIME, 1, (&(struct timespec){1l << 40, 0}), NULL, -1);
}

/* Which clocks and events a timer may have; what is told of one that runs, and of one that does not exist. */
static void timers(void)
{
    enum { SIGNAL = 40 };
    static const int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 99, -1, -2, -6};
    static const int notify[] = {SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, 3, 5, 99, -1}, numbers[] = {0, 1, 64, 65, -1};
    static const struct itimerspec off, far = {{3, 4}, {1000, 0}}, shut = {{5, 5}, {0, 0}};
    struct itimerspec odd[] = {{{0, -1}, {1, 0}}, {{0, 0}, {0, 1000000000}}, {{-1, 0}, {1, 0}}, {{0, 0}, {-1, 0}}}, old;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL};
    int id, next;
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++)
        T(timer_create, clocks[i], &event, &id);
    for (unsigned i = 0; i < sizeof notify / sizeof *notify; i++) {
        event.sigev_notify = notify[i];
        T(timer_create, CLOCK_MONOTONIC, &event, &id);
    }
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        event.sigev_signo = numbers[i];
        event.sigev_notify = SIGEV_NONE;
        T(timer_create, CLOCK_MONOTONIC, &event, &id);
        event.sigev_notify = SIGEV_SIGNAL;
        T(timer_create, CLOCK_MONOTONIC, &event, &id);
    }
    event.sigev_notify = 4; /* SIGEV_THREAD_ID */
    event.sigev_signo = SIGNAL;
    ((int *)&event)[4] = 99999999;
    T(timer_create, CLOCK_MONOTONIC, &event, &id);
    ((int *)&event)[4] = (int)SYS(gettid, 0);
    T(timer_create, CLOCK_MONOTONIC, &event, &id);
    T(timer_create, 99, KERNEL, &id);
    T(timer_create, CLOCK_MONOTONIC, &event, KERNEL);
    T(timer_create, CLOCK_MONOTONIC, NULL, NULL);
    T(timer_create, CLOCK_MONOTONIC, NULL, &id);
    T(timer_create, CLOCK_MONOTONIC, NULL, &next);
    V(next != id);
    T(timer_gettime, id, &old);
    V(old.it_value.tv_sec | old.it_value.tv_nsec | old.it_interval.tv_sec | old.it_interval.tv_nsec);
    T(timer_settime, id, 0, &far, NULL);
    T(timer_settime, id, 0x100, &far, &old);
    V(old.it_interval.tv_sec * 100 + old.it_interval.tv_nsec);
    V(old.it_value.tv_sec >= 990 && old.it_value.tv_sec <= 1000);
    T(timer_gettime, next, &old);
    V(old.it_value.tv_sec | old.it_value.tv_nsec | old.it_interval.tv_sec | old.it_interval.tv_nsec);
    for (unsigned i = 0; i < 4; i++)
        T(timer_settime, id, 0, &odd[i], NULL);
    T(timer_settime, id, 0, NULL, &old);
    T(timer_settime, id, 0, KERNEL, &old);
    T(timer_settime, 12345, 0, KERNEL, &old);
    T(timer_settime, 12345, 0, NULL, &old);
    T(timer_settime, 12345, 0, &far, &old);
    T(timer_settime, 12345, 0, &odd[0], &old);
    T(timer_gettime, id, KERNEL);
    T(timer_gettime, id, NULL);
    T(timer_gettime, id, &old);
    V(old.it_interval.tv_sec);
    T(timer_settime, id, 0, &shut, KERNEL); /* it is set though */
    T(timer_gettime, id, &old);
    V(old.it_value.tv_sec | old.it_value.tv_nsec | old.it_interval.tv_sec | old.it_interval.tv_nsec);
    T(timer_settime, next, TIMER_ABSTIME, (&(struct itimerspec){{INT64_MAX, 0}, {INT64_MAX, 999999999}}), NULL);
    T(timer_settime, next, 0, (&(struct itimerspec){{INT64_MAX, 0}, {INT64_MAX, 999999999}}), &old);
    V(old.it_value.tv_sec > 1l << 31);
    T(timer_getoverrun, id);
    T(timer_delete, id);
    T(timer_delete, id);
    T(timer_getoverrun, id);
    T(timer_gettime, id, KERNEL);
    T(timer_settime, next, 0, &off, NULL);
    T(timer_delete, next | UPPER);
    T(timer_delete, -1);
    T(timer_delete, 1u << 31);
}

static siginfo_t heard;
static int times_heard;

static void hear(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    heard = *info;
    times_heard++;
}

static void show_info(const siginfo_t *info, int id)
{
    V(info->si_signo);
    V(info->si_code);
    V(info->si_errno);
    V(info->si_value.sival_int);
    V(info->si_timerid == id);
}

enum { MS = 1000000, SIGNAL = 40 };
static const struct itimerspec once = {{0, 0}, {0, 5 * MS}}, often = {{0, 2 * MS}, {0, 2 * MS}};
static const struct timespec none, little = {0, 60 * MS}, huge = {1000, 0};

/* A timer's signals waited for; how many went by. */
static void timer_signals(void)
{
    static const struct itimerspec off, past = {{1, 0}, {5, 5}}, dense = {{0, 1}, {5, 5}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL, .sigev_value.sival_int = 77};
    struct itimerspec left;
    struct timespec before, after;
    siginfo_t info;
    sigset_t all;
    int id, other;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    T(timer_create, CLOCK_MONOTONIC, &event, &id);
    event.sigev_value.sival_int = 78;
    event.sigev_signo = SIGUSR1;
    T(timer_create, CLOCK_REALTIME, &event, &other);
    T(timer_settime, id, 0, &once, NULL);
    T(rt_sigtimedwait, &all, &info, &huge, 8);
    show_info(&info, id);
    V(info.si_overrun);
    T(timer_gettime, id, &left);
    V(left.it_value.tv_sec | left.it_value.tv_nsec);
    SYS(clock_gettime, CLOCK_MONOTONIC, &before);
    T(timer_settime, id, 0, &often, NULL); /* one waits, the others are counted */
    T(nanosleep, &little, NULL);
    T(timer_gettime, id, &left);
    V(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 2 * MS);
    T(rt_sigtimedwait, &all, &info, &none, 8);
    show_info(&info, id);
    SYS(clock_gettime, CLOCK_MONOTONIC, &after);
    V(info.si_overrun >= 20);
    V(info.si_overrun <= (after.tv_sec - before.tv_sec) * 500 + (after.tv_nsec - before.tv_nsec) / (2 * MS));
    V(SYS(timer_getoverrun, id) == info.si_overrun);
    T(rt_sigtimedwait, &all, &info, &huge, 8); /* it runs on */
    T(timer_settime, id, 0, &off, NULL);
    SYS(rt_sigtimedwait, &all, &info, &none, 8);
    T(rt_sigtimedwait, &all, &info, &little, 8);
    T(timer_getoverrun, id);
    T(timer_settime, other, TIMER_ABSTIME, &past, NULL); /* every second since 1970 */
    T(rt_sigtimedwait, &all, &info, &huge, 8);
    show_info(&info, other);
    V(info.si_overrun > 1600000000);
    T(timer_gettime, other, &left);
    V(left.it_value.tv_sec <= 1 && left.it_interval.tv_sec == 1);
    T(timer_settime, other, TIMER_ABSTIME, &dense, NULL);
    T(rt_sigtimedwait, &all, &info, &huge, 8);
    V(info.si_overrun);
    T(timer_settime, other, 0, &once, NULL);
    T(timer_settime, id, TIMER_ABSTIME, &dense, NULL); /* two timers, two signals, though of one number; and a third */
    T(timer_settime, id, TIMER_ABSTIME, &((struct itimerspec){{0, 0}, {0, 1}}), NULL);
    T(nanosleep, &little, NULL);
    V(SYS(kill, SYS(getpid, 0), SIGUSR1));
    V(waiting_signals() == (1ul << (SIGNAL - 1) | 1ul << (SIGUSR1 - 1)));
    T(rt_sigtimedwait, &all, &info, &none, 8);
    V(info.si_code);
    T(rt_sigtimedwait, &all, &info, &none, 8);
    V(info.si_code);
    SYS(rt_sigtimedwait, &all, &info, &none, 8);
    T(rt_sigtimedwait, &all, &info, &none, 8);
}

static long clock_now(void)
{
    struct timespec t;
    SYS(clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 * MS + t.tv_nsec;
}

/* None comes before the time that it was set to. More of them than there is room for, and there is room for others beside them. */
static void timer_numbers(void)
{
    enum { TIMERS = 300, TIMES = 100 };
    struct sigevent event = {.sigev_notify = SIGEV_NONE, .sigev_signo = SIGNAL};
    struct itimerspec set = {{0, 0}, {0, 1}}, left;
    char seen[TIMERS] = {0};
    siginfo_t info;
    sigset_t all;
    int id, early = 0, timers = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    T(timer_create, CLOCK_MONOTONIC, &event, &id);
    for (int i = 0; i < TIMES; i++) {
        long at = clock_now() + 100000l * MS;
        SYS(timer_settime, id, TIMER_ABSTIME, (&(struct itimerspec){{0, 0}, {at / (1000 * MS), at % (1000 * MS)}}),
            NULL);
        SYS(timer_gettime, id, &left);
        early += clock_now() + left.it_value.tv_sec * 1000 * MS + left.it_value.tv_nsec < at;
    }
    V(early);
    T(timer_delete, id);
    event.sigev_notify = SIGEV_SIGNAL;
    for (event.sigev_value.sival_int = 0; event.sigev_value.sival_int < TIMERS; event.sigev_value.sival_int++)
        early |= SYS(timer_create, CLOCK_MONOTONIC, &event, &id) | SYS(timer_settime, id, 0, &set, NULL);
    V(early);
    T(nanosleep, &little, NULL);
    V(SYS(kill, SYS(getpid, 0), SIGUSR1));
    V(SYS(kill, SYS(getpid, 0), SIGUSR2));
    while (SYS(rt_sigtimedwait, &all, &info, &little, 8) > 0)
        timers += info.si_code == SI_TIMER && !seen[info.si_value.sival_int]++;
    V(timers);
}

/* ... none at all, caught, ignored. */
static void timer_handlers(void)
{
    static const struct itimerspec off;
    struct sigevent event = {.sigev_notify = SIGEV_NONE, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 78};
    struct sigaction action = {.sa_sigaction = hear, .sa_flags = SA_SIGINFO};
    struct itimerspec left;
    siginfo_t info;
    sigset_t all;
    int other, still, value = 1;
    sigfillset(&all);
    T(timer_create, CLOCK_BOOTTIME, &event, &still);
    event.sigev_notify = SIGEV_SIGNAL;
    T(timer_create, CLOCK_REALTIME, &event, &other);
    T(timer_settime, still, 0, &often, NULL); /* one that sends nothing only tells the time */
    T(nanosleep, &little, NULL);
    T(timer_gettime, still, &left);
    V(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 2 * MS);
    T(timer_getoverrun, still);
    T(timer_settime, still, 0, &once, NULL);
    T(nanosleep, &little, NULL);
    T(timer_gettime, still, &left);
    V(left.it_value.tv_sec | left.it_value.tv_nsec);
    V(waiting_signals());
    sigaction(SIGUSR1, &action, NULL);
    T(timer_settime, other, 0, &often, NULL);
    T(pause, 0);
    show_info(&heard, other);
    T(nanosleep, &huge, NULL);
    T(poll, NULL, 0, -1);
    T(futex, &value, 0, 1, NULL);
    V(times_heard >= 4);
    T(timer_settime, other, 0, &off, NULL);
    value = times_heard;
    action.sa_handler = SIG_IGN;
    sigaction(SIGUSR1, &action, NULL);
    T(timer_settime, other, 0, &often, NULL); /* what is ignored ends nothing, and runs on */
    T(nanosleep, &little, NULL);
    V(times_heard - value);
    action.sa_sigaction = hear;
    sigaction(SIGUSR1, &action, NULL);
    for (int before = times_heard; times_heard < before + 3;)
        SYS(nanosleep, &huge, NULL);
    V(heard.si_code);
    T(timer_delete, other);
    value = times_heard;
    T(nanosleep, &little, NULL);
    V(times_heard - value);
    sigprocmask(SIG_SETMASK, &all, NULL);
    T(timer_create, CLOCK_THREAD_CPUTIME_ID, NULL, &other);
    T(timer_settime, other, 0, &once, NULL);
    while (!(waiting_signals() & 1ul << (SIGALRM - 1)))
        ;
    T(rt_sigtimedwait, &all, &info, &none, 8);
    V(info.si_value.sival_int == other);
}

static void identity(void)
{
    unsigned ids[3];
    long me = SYS(getpid, 0);
    T(wait4, -1, NULL, 0, NULL);
    T(wait4, 1 << 30, NULL, 1, NULL);
    V(SYS(getpgid, me) == SYS(getpgid, 0));
    T(getpgid, 99999999);
    T(getpgid, -1);
    T(setpgid, 0, -1);
    T(setpgid, 99999999, 0);
    T(prctl, 15, "a name longer than it may be");
    T(prctl, 16, page);
    V(page[14] == 'n' && page[15] == 0);
    T(prctl, 15, KERNEL);
    T(prctl, 16, KERNEL);
    T(prctl, 4, 7);
    T(prctl, 3);
    T(prctl, 987654);
    T(sched_getaffinity, 0, 4, page);
    T(sched_getaffinity, 0, 1023, page);
    T(sched_getaffinity, 0, 1024, KERNEL);
    T(sched_getaffinity, 99999999, 1024, page);
    V(SYS(sched_getaffinity, 0, 1024, page) >= 8);
    T(getcpu, NULL, NULL, NULL);
    T(getcpu, KERNEL, NULL, NULL);
    T(getrusage, 0, page);
    T(getrusage, -1, page);
    T(getrusage, 5, page);
    T(getrusage, 0, KERNEL);
    T(msync, base = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0), 4 * PAGE, MS_SYNC);
    T(msync, AT(0) + 1, PAGE, MS_SYNC);
    T(msync, AT(0), PAGE, MS_SYNC | MS_ASYNC);
    T(msync, AT(0), PAGE, 8);
    munmap(AT(2), PAGE);
    T(msync, AT(1), 2 * PAGE, MS_ASYNC);
    T(mlock, AT(0) + 5, 10);
    T(mlock, AT(1), 2 * PAGE);
    T(mlockall, 0);
    T(mlockall, 8);
    T(mlockall, 1l << 32);
    T(mlockall, 4);
    T(munlock, AT(0) + 5, 10);
    T(getpeername, 0, NULL, NULL);
    T(connect, 999, NULL, 0);
    T(sendto, poem, page, 1, 0, NULL, 0);
    T(getresuid, &ids[0], &ids[1], &ids[2]);
    V(ids[0] | ids[1] | ids[2]);
    T(getresuid, &ids[0], KERNEL, &ids[2]);
    T(setregid, -1, 77);
    T(getresgid, &ids[0], &ids[1], &ids[2]);
    V(ids[0]);
    V(ids[1]);
    V(ids[2]);
    T(setresgid, 1, -1, 3);
    T(getgid, 0);
    T(getegid, 0);
    T(setgid, -1);
    T(setgid, 4);
    T(getegid, 0);
    T(setreuid, 10, 20);
    T(getresuid, &ids[0], &ids[1], &ids[2]);
    V(ids[0]);
    V(ids[1]);
    V(ids[2]);
    T(setuid, 0);
    T(setuid, 20);
    T(setuid, 10);
    T(geteuid, 0);
    T(setreuid, 20, 10);
    T(setresuid, -1, 99, -1);
    T(setresuid, 20, 20, 20);
    T(setgid, 9);
    T(setgroups, 0, NULL);
    T(clock_settime, 0, page);
}

static void limits(void)
{
    uint64_t limit[2] = {20, 60}, old[2];
    int low = dup(poem);
    T(prlimit64, 0, 7, limit, old);
    V(old[0] >= 256 || old[0] == limit[0]);
    T(getrlimit, 7, limit);
    V(limit[0]);
    V(limit[1]);
    T(dup2, poem, 20);
    T(dup2, poem, 19);
    T(dup3, poem, 25, 0);
    T(fcntl, poem, F_DUPFD, 20);
    T(fcntl, poem, F_DUPFD, 19);
    while (dup(poem) >= 0)
        ;
    T(dup, poem);
    T(pipe2, page, 0);
    V(SYS(close, low));
    T(pipe2, page, 0);
    T(open, "poem.txt", O_RDONLY);
    limit[0] = 70, limit[1] = 60;
    T(setrlimit, 7, limit);
    limit[0] = limit[1] = 30;
    T(setrlimit, 7, limit);
    V(SYS(dup2, poem, 29));
    T(setrlimit, 3, KERNEL);
    T(setrlimit, 3, NULL);
    T(setrlimit, 99, limit);
    T(prlimit64, 0, 3, NULL, KERNEL);
    T(prlimit64, 99999999, 3, NULL, old);
    limit[0] = limit[1] = 0;
    T(setrlimit, 4, limit);
    T(getrlimit, 4, old);
    V(old[0] | old[1]);
}

static void waste(void)
{
    for (size_t i = 0;; i++)
        if (mmap(NULL, 1 << 20, RW, ANON | MAP_POPULATE, -1, 0) == MAP_FAILED ||
            !memset(mmap(NULL, 1 << 20, RW, ANON, -1, 0), 1, 1 << 20))
            return;
}

static void chance(void)
{
    static const char none[32];
    T(getrandom, page, 32, 0);
    V(memcmp(page, none, 32) != 0);
    T(getrandom, page, 32, 4);
}

/* What only W^X changes. */
static void write_or_execute(void)
{
    A(mmap, NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0);
    T(mprotect, page, PAGE, RW | PROT_EXEC);
    T(mprotect, page, PAGE, PROT_READ | PROT_EXEC);
}

/* Linux would wait: nobody is there who could end that, nor is a timer that is gone. */
static void for_ever(void)
{
    int value = 1, id;
    T(futex, &value, 0, 1, NULL);
    T(timer_create, CLOCK_MONOTONIC, NULL, &id);
    T(timer_settime, id, 0, (&(struct itimerspec){{0, 0}, {1000, 0}}), NULL);
    T(timer_delete, id);
    T(futex, &value, 0, 1, NULL);
}

/* All descriptors that there may be; every one is another file. */
static void exhaust(void)
{
    long fd, last = 0;
    while ((fd = SYS(open, "poem.txt", O_RDONLY)) >= 0)
        last = fd;
    show("open", fd);
    T(dup, poem);
    T(fcntl, poem, F_DUPFD, 0);
    T(dup2, poem, last);
    T(read, last, page, 4);
    T(close, 7);
    T(dup, poem);
}

static const struct group {
    const char *name;
    void (*run)(void);
} groups[] = {{"reads", reads},
              {"large-reads", large_reads},
              {"vectors", vectors},
              {"descriptors", descriptors},
              {"devices", devices},
              {"opens", opens},
              {"open-links", open_links},
              {"open-texts", open_texts},
              {"opens-at", opens_at},
              {"names", names},
              {"accesses", accesses},
              {"cwd", cwd},
              {"directories", directories},
              {"memory", memory},
              {"mappings", mappings},
              {"mapped-files", mapped_files},
              {"breaks", breaks},
              {"clocks", clocks},
              {"signals", signals},
              {"more-signals", more_signals},
              {"queued-signals", queued_signals},
              {"pipes", pipes},
              {"behind", behind},
              {"self", self},
              {"processor", processor},
              {"waiting", waiting},
              {"selecting", selecting},
              {"identity", identity},
              {"scheduling", scheduling},
              {"futexes", futexes},
              {"timers", timers},
              {"timer-signals", timer_signals},
              {"timer-numbers", timer_numbers},
              {"timer-handlers", timer_handlers},
              {"limits", limits},
              {"waste", waste},
              {"chance", chance},
              {"write-or-execute", write_or_execute},
              {"for-ever", for_ever},
              {"exhaust", exhaust}};

int main(int argc, char **argv)
{
    static char room[65536];
    setvbuf(stdout, room, _IOFBF, sizeof room);
    page = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    end = page + PAGE;
    munmap(end, PAGE);
    poem = open("poem.txt", O_RDONLY);
    folder = open("d0", O_RDONLY);
    many = open("many", O_RDONLY);
    path = open("poem.txt", O_PATH);
    for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++)
        if (argc > 1 && strcmp(argv[1], groups[i].name) == 0) {
            groups[i].run();
            return fflush(stdout);
        }
    return 99;
}
