/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* lent - lent FILE OUT: does with its own constants and instructions all that a program may, and tells what went wrong; FILE is what it was started from. Of pages that
 * the guest has lent to it, neither another mapping of the file nor the file may ever show it. Then how many KiB it has to itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 6, MOST = 1 << 20 };

#define FILLED(i) [(i)*PAGE...(i) * PAGE + PAGE - 1] = '0' + (i)

__attribute__((aligned(PAGE))) static const char constants[PAGES * PAGE] = {FILLED(0), FILLED(1), FILLED(2),
                                                                            FILLED(3), FILLED(4), FILLED(5)};

__attribute__((section("alone"), aligned(PAGE), noinline)) static int code(int n)
{
    return n * 3 + 1;
}

static unsigned wrong;

static void check(int good, const char *what)
{
    if (!good && wrong++ < 10)
        printf("wrong: %s\n", what);
}

static void *page(int i)
{
    __asm__ volatile("" ::: "memory"); /* they are not what the compiler knows of them */
    return (void *)(constants + i * PAGE);
}

/* Each page of the constants, as text: the first byte and the last. */
static void has(const char *want, const char *when)
{
    for (int i = 0; i < PAGES; i++) {
        const volatile char *p = page(i);
        check(want[i] == '-' || (p[0] == want[i] && p[PAGE - 1] == want[i]), when);
    }
}

static size_t content(const char *path, char *out)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, out, MOST);
    check(n > PAGES * PAGE && close(fd) == 0, "the file is read");
    return (size_t)n;
}

static void write_constants(void)
{
    check(mprotect(page(1), 2 * PAGE, PROT_READ | PROT_WRITE) == 0, "two pages may be written");
    memset(page(1), 'w', 2 * PAGE);
    has("0ww345", "what was written is there");
    check(mprotect(page(1), PAGE, PROT_READ) == 0, "one may not be");
    check(mprotect(page(3), PAGE, PROT_NONE) == 0, "one may not even be read");
    has("0ww-45", "and the others are as they were");
    check(mprotect(page(3), PAGE, PROT_READ | PROT_WRITE) == 0, "now it may be written");
    has("0ww345", "with what it had");
    memset(page(3), 'x', PAGE);
    has("0wwx45", "what was written is there");
}

static void give_up(void)
{
    check(madvise(page(4), PAGE, MADV_DONTNEED) == 0, "a page is not needed");
    has("0wwx45", "but comes again from the file");
    check(mmap(page(5), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page(5),
          "another in its place");
    has("0wwx4\0", "which is clear");
    memset(page(5), 'z', PAGE);
    check(munmap(page(4), PAGE) == 0, "a page goes");
    has("0wwx-z", "and no other with it");
}

static void write_code(void)
{
    char *at = (char *)((size_t)code & -(size_t)PAGE);
    check(mprotect(at, PAGE, PROT_READ | PROT_WRITE) == 0, "instructions may be written");
    memmove(at, at, PAGE);
    check(mprotect(at, PAGE, PROT_READ | PROT_EXEC) == 0, "and run");
    check(code(5) == 16, "as before");
}

/* Whole pages of the file, mapped beside those that the program has: they differ from them when they are written. */
static void map_file(const char *path, const char *want, size_t len)
{
    int fd = open(path, O_RDONLY);
    char *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    check(p != MAP_FAILED && !memcmp(p, want, len), "the file is mapped");
    check(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE) == 0, "its mapping may be written");
    memset(p, 'm', 2 * PAGE);
    check(!memcmp(p + 2 * PAGE, want + 2 * PAGE, len - 2 * PAGE), "the rest of the mapping is as it was");
    check(munmap(p, len) == 0 && close(fd) == 0, "the mapping goes");
}

static long resident(void)
{
    char line[200];
    long n = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "VmRSS: %ld", &n);
    return n;
}

int main(int argc, char **argv)
{
    static char before[MOST], after[MOST];
    (void)argc;
    long own = resident();
    size_t n = content(argv[1], before);
    int fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    has("012345", "they are as they were made");
    check(write(fd, page(0), PAGES * PAGE) == PAGES * PAGE, "they are written to a file");
    write_constants();
    give_up();
    write_code();
    check(write(fd, page(0), 4 * PAGE) == 4 * PAGE, "they are written to a file again");
    map_file(argv[1], before, n / PAGE * PAGE);
    check(content(argv[1], after) == n && !memcmp(before, after, n), "the file is as it was");
    printf("%u wrong\n%ld\n", wrong, own);
    return wrong != 0;
}
