/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cases - system calls that no honest program makes, grouped by the hostile case (S) that they belong to. What Linux says of each is what the guest must say. */
#define _GNU_SOURCE
#include "table.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* musl makes other names of these. */
#undef pread64
#undef pwrite64
#undef getdents64

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static char *page, *end; /* one page; nothing is mapped behind it */
static int file, folder, sink, blank;

/* NULL, the first page, what is not mapped, the kernel's half and its image, what no address is, the last byte. */
static const uintptr_t nowhere[] = {
    0,    8,   0x10000, 0x7ffffffff000, 0xffff800000000000, 0xffffffff80100000, 0x8000000000000000, 0x800000000000,
    -8ul, -1ul};
enum { NOWHERE = sizeof nowhere / sizeof *nowhere };

static void s1(void)
{
    for (int i = 0; i < NOWHERE; i++) {
        char *p = (char *)nowhere[i];
        printf("# %lx\n", nowhere[i]);
        T(lseek, file, 0, SEEK_SET);
        T(read, file, p, 8);
        T(write, sink, p, 8);
        T(stat, p, page);
        T(stat, "f", p);
        T(open, p, O_RDONLY);
        T(getcwd, p, 100);
        T(getdents64, folder, p, 4096);
        T(readv, file, p, 1);
        T(uname, p);
        T(rename, "f", p);
        T(poll, p, 1, 0);
        T(readlink, "l", p, 10);
        T(clock_gettime, 0, p);
        T(rt_sigaction, SIGUSR1, p, NULL, 8);
        T(getrandom, p, 8, 0);
        T(prlimit64, 0, 7, NULL, p);
    }
}

static void s2(void)
{
    T(lseek, file, 0, SEEK_SET);
    T(read, file, end - 1, 8);
    T(lseek, file, 0, SEEK_CUR);
    T(pread64, file, end - 3, 3, 0);
    T(pread64, file, end, 1, 0);
    T(write, sink, end - 1, 1);
    T(write, sink, end, 1);
    T(stat, "f", end - 143);
    T(stat, "f", end - 144);
    T(uname, end - 389);
    end[-1] = 'f';
    T(open, end - 1, O_RDONLY);
    T(readlink, end - 1, page, 10);
    struct iovec v[2] = {{end - 4, 4}, {end, 4}};
    T(lseek, file, 0, SEEK_SET);
    T(readv, file, v, 2);
    memcpy(end - 16, v, 16);
    T(readv, file, end - 16, 2);
    T(getdents64, folder, end - 8, 4096);
}

static const unsigned long lengths[] = {0x7ffff000, 0x7ffff001, 1ul << 32, 1ul << 62, 1ul << 63, -4096ul, -1ul};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static void s3(void)
{
    for (int i = 3; i < LENGTHS; i++) {
        printf("# %lx\n", lengths[i]);
        T(write, sink, NULL, lengths[i]);
        T(write, sink, (void *)-4096, lengths[i]);
        T(pread64, file, end, lengths[i], 0);
        T(read, file, 0x7ffffffff000, lengths[i]);
        T(getdents64, folder, end, lengths[i]);
        T(getrandom, end, lengths[i], 0);
        T(mmap, NULL, lengths[i], RW, ANON, -1, 0);
        T(munmap, page, lengths[i]);
        T(mprotect, page, lengths[i], RW);
        T(madvise, page, lengths[i], MADV_DONTNEED);
    }
}

/* Nothing is asked for beyond 7ffff000h bytes. */
static void s4(void)
{
    char *big = mmap(NULL, 3ul << 30, RW, ANON | MAP_NORESERVE, -1, 0);
    V(big != MAP_FAILED);
    for (int i = 0; i < 2; i++) {
        printf("# %lx\n", lengths[i]);
        T(pread64, file, big, lengths[i], 0);
        T(preadv, file, (&(struct iovec){big, lengths[i]}), 1, 0, 0);
    }
    static struct iovec v[1024];
    for (int i = 0; i < 1024; i++)
        v[i] = (struct iovec){big, 3 << 20};
    T(writev, blank, v, 1024); /* the same memory, again and again */
    T(writev, blank, v, 600);
    munmap(big, 3ul << 30);
}

static void s5(void)
{
    static struct iovec v[1025];
    for (int i = 0; i < 1025; i++)
        v[i] = (struct iovec){page, 1};
    T(lseek, file, 0, SEEK_SET);
    T(readv, file, v, -1);
    T(readv, file, v, 0);
    T(readv, file, v, 1024);
    T(readv, file, v, 1025);
    T(readv, file, v, INT_MIN);
    T(readv, file, v, 1ul << 32);
    T(writev, sink, v, -1);
    T(writev, sink, v, 1025);
    T(lseek, file, 0, SEEK_SET);
    v[0].iov_len = v[1].iov_len = 1ul << 62;
    T(readv, file, v, 2);
    v[0].iov_len = v[1].iov_len = (1ul << 63) - 1;
    T(readv, file, v, 2);
    v[0].iov_len = 1ul << 63;
    T(readv, file, v, 1);
    T(writev, sink, v, 1);
    v[0].iov_len = -1ul;
    T(preadv, file, v, 1, 0, 0);
    T(pwritev, sink, v, 1, 0, 0);
}

static void s6(void)
{
    static char path[3 * PAGE];
    memset(path, 'a', sizeof path);
    T(open, path, O_RDONLY);
    T(stat, path, page);
    T(mkdir, path, 0755);
    T(rename, "f", path);
    T(symlink, path, "new");
    T(chdir, path);
    T(truncate, path, 0);
    T(getxattr, "f", path, NULL, 0);
    memset(path, '/', PAGE);
    T(open, path, O_RDONLY);
    path[PAGE - 1] = '\0';
    T(close, SYS(open, path, O_RDONLY));
    path[PAGE - 2] = 'f';
    T(open, path, O_RDONLY);
    memset(path + 2, 'a', 256);
    path[0] = '.', path[1] = '/', path[2 + 255] = '\0';
    T(open, path, O_RDONLY);
    path[2 + 255] = 'a', path[2 + 256] = '\0';
    T(open, path, O_RDONLY);
    memset(page, 'a', PAGE); /* cut off by the end of memory, not by NUL */
    T(open, page, O_RDONLY);
    T(open, end - 10, O_RDONLY);
}

/* What is read goes over the very path or vector that names it. */
static void s7(void)
{
    strcpy(page, "f");
    int fd = SYS(open, page, O_RDONLY);
    T(pread64, fd, page, 100, 0);
    V(page[0]);
    strcpy(page, "l");
    T(readlink, page, page, 100);
    V(page[0]);
    strcpy(page, "f");
    T(stat, page, page);
    V(((struct stat *)page)->st_size);
    struct iovec *v = (struct iovec *)page;
    v[0] = v[1] = (struct iovec){page, 32};
    T(lseek, fd, 0, SEEK_SET);
    T(readv, fd, page, 2);
    V(page[0] == 'f' && page[31] == 'f');
    strcpy(page, ".");
    V(SYS(getcwd, page, 100) > 0);
    T(close, fd);
}

static void s8(void)
{
    static const unsigned fds[] = {999999, 255, -1, INT_MAX, INT_MIN, 1u << 30};
    int closed = dup(file);
    close(closed);
    for (int i = -1; i < 6; i++) {
        unsigned fd = i < 0 ? (unsigned)closed : fds[i];
        printf("# %d\n", (int)fd);
        T(read, fd, page, 8);
        T(write, fd, page, 8);
        T(close, fd);
        T(fstat, fd, page);
        T(lseek, fd, 0, SEEK_SET);
        T(dup, fd);
        T(dup2, fd, 5);
        T(fcntl, fd, F_GETFD);
        T(fsync, fd);
        T(ioctl, fd, 0x5401, page);
        T(getdents64, fd, page, 100);
        T(openat, fd, "f", O_RDONLY);
        T(fchdir, fd);
        T(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
        T(sendfile, fd, fd, NULL, 8);
    }
    T(dup2, file, -1);
    T(dup2, file, 1 << 30);
}

static void s9(void)
{
    static const long numbers[] = {500,        1000,       0x7fffffff, 0x80000000, 0xffffffff, 0x40000000, 0x40000001,
                                   0x4000003b, 0x40000200, -1,         -38,        LONG_MIN,   LONG_MAX,   1l << 32};
    char what[32];
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(what, sizeof what, "call %lx", numbers[i]);
        show(what, call(numbers[i], -1, -1, -1, -1, -1, -1));
    }
}

static void s10(void)
{
    static const long offsets[] = {-1, LONG_MIN, LONG_MAX, LONG_MAX - 1, 1l << 62};
    for (unsigned i = 0; i < 3; i++)
        for (int whence = 0; whence < 3; whence++) {
            T(lseek, file, 50, SEEK_SET);
            printf("# %lx %d\n", offsets[i], whence);
            if (offsets[i] != LONG_MAX || whence) /* how far a file goes is the file system's */
                T(lseek, file, offsets[i], whence);
        }
    T(lseek, file, 0, 7);
    T(lseek, file, 0, -1);
    T(pread64, file, page, 1, -1);
    T(pread64, file, page, 1, LONG_MIN);
    T(pwrite64, sink, page, 1, -1);
    T(pread64, file, page, 100, LONG_MAX - 50);
    T(ftruncate, sink, -1);
    T(ftruncate, sink, LONG_MIN);
    T(fallocate, sink, 0, LONG_MAX, LONG_MAX);
    T(fallocate, sink, 0, -1, 1);
    T(copy_file_range, file, (&(long){LONG_MAX}), sink, NULL, 100, 0);
    T(sendfile, sink, file, (&(long){-1}), 10);
}

static void s11(void)
{
    char *code = (char *)((uintptr_t)s11 & -PAGE);
    T(mmap, NULL, 0, RW, ANON, -1, 0);
    T(mmap, page + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    T(mmap, page + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    for (int i = 4; i < NOWHERE; i++)
        T(mmap, nowhere[i] & -PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    T(mmap, 0x7ffffffff000, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    T(mmap, code, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    T(mmap, NULL, PAGE, RW, 0, -1, 0);
    T(mmap, NULL, PAGE, RW, MAP_PRIVATE, -1, 0);
    T(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 1);
    T(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, file, -PAGE);
    T(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, folder, 0);
    T(mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, sink, 0);
    T(mremap, page, PAGE, 0, 0, 0);
    T(mremap, 0xffff800000000000, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
    T(mremap, page + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0);
}

/* The one deliberate difference from Linux. */
static void s11_write_or_execute(void)
{
    T(mmap, NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0);
    T(mprotect, page, PAGE, RW | PROT_EXEC);
}

static void s12(void)
{
    for (int i = 3; i < NOWHERE; i++) {
        printf("# %lx\n", nowhere[i]);
        T(munmap, nowhere[i] & -PAGE, PAGE);
        T(mprotect, nowhere[i] & -PAGE, PAGE, RW);
        T(madvise, nowhere[i] & -PAGE, PAGE, MADV_DONTNEED);
    }
    T(munmap, page + 1, PAGE);
    T(munmap, page, 0);
    T(munmap, 0x7ffffffff000, -PAGE);
    T(mprotect, page + 1, PAGE, RW);
    T(mprotect, page, 2 * PAGE, PROT_READ);
    T(mprotect, page, PAGE, 0x80);
    T(munmap, end, PAGE);
    T(mprotect, page, PAGE, RW);
    V((page[0] = 1));
}

static void s13(void)
{
    char *old = (char *)SYS(brk, 0);
    static const uintptr_t bad[] = {1,    0x1000,        0xffff800000000000, 0xffffffff80100000, 0x800000000000,
                                    -1ul, 0x7fffffffffff};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        V((char *)SYS(brk, bad[i]) == old);
    V((char *)SYS(brk, old - 1) == old);
    V((char *)SYS(brk, old + (1l << 46)) == old);
    V((char *)SYS(brk, old + PAGE) == old + PAGE);
    V((old[PAGE - 1] = 7));
    V((char *)SYS(brk, old) == old);
}

static unsigned long flags_after(unsigned long with)
{
    unsigned long flags;
    __asm__ volatile("pushfq\n"
                     "orq %1, (%%rsp)\n"
                     "popfq\n"
                     "mov $39, %%eax\n"
                     "syscall\n"
                     "pushfq\n"
                     "pop %0\n"
                     "pushq $2\n"
                     "popfq\n"
                     : "=r"(flags)
                     : "r"(with)
                     : "rax", "rcx", "r11", "memory", "cc");
    return flags & with;
}

/* Direction, alignment check, nested task, ID, and all that a program may set: they come back, and the calls in between are right. */
static void s15(void)
{
    static const unsigned long flags[] = {0x400, 0x40000, 0x4000, 0x200000, 0x8d5, 0x644d5};
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        V(flags_after(flags[i]));
    T(pread64, file, page, 100, 0);
    V(page[99]);
}

/* More than a small machine has, in each way to ask for it; and then all that there is goes on. */
static void s18(void)
{
    char *old = (char *)SYS(brk, 0);
    ftruncate(sink, 1 << 30);
    int big = open("sink", O_RDONLY);
    T(mmap, NULL, 1 << 30, RW, ANON, -1, 0);
    T(mmap, NULL, 1 << 30, RW, ANON | MAP_POPULATE, -1, 0);
    T(mmap, NULL, 1 << 30, PROT_READ, MAP_PRIVATE, big, 0);
    T(mremap, page, PAGE, 1 << 30, MREMAP_MAYMOVE, 0);
    V((char *)SYS(brk, old + (1 << 30)) == old);
    V(malloc(1 << 30) == NULL);
    for (int i = 0; i < 1000; i++) {
        char *p = mmap(NULL, 4 << 20, RW, ANON, -1, 0);
        memset(p, 1, 4 << 20);
        if (munmap(p, 4 << 20))
            break;
    }
    T(pread64, file, page, 100, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {{"s1", s1},   {"s2", s2},   {"s3", s3},   {"s4", s4},   {"s5", s5},
              {"s6", s6},   {"s7", s7},   {"s8", s8},   {"s9", s9},   {"s10", s10},
              {"s11", s11}, {"s12", s12}, {"s13", s13}, {"s15", s15}, {"s11-w^x", s11_write_or_execute},
              {"s18", s18}};

static void set_up(void)
{
    page = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    end = page + PAGE;
    munmap(end, PAGE);
    file = open("f", O_CREAT | O_RDWR | O_TRUNC, 0644);
    for (int i = 0; i < 100; i++)
        write(file, "f", 1);
    symlink("f", "l");
    folder = open(".", O_RDONLY);
    sink = open("sink", O_CREAT | O_WRONLY | O_TRUNC, 0644);
    blank = open("/dev/null", O_WRONLY);
}

int main(int argc, char **argv)
{
    static char room[1 << 16];
    setvbuf(stdout, room, _IOFBF, sizeof room);
    set_up();
    for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++)
        if (argc > 1 && !strcmp(argv[1], "all") ? i + 1 < sizeof groups / sizeof *groups
                                                : argc > 1 && !strcmp(argv[1], groups[i].name)) {
            printf("== %s\n", groups[i].name);
            groups[i].run();
        }
    return fflush(stdout);
}
