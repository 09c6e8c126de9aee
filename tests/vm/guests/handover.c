/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* handover - reads FILE on end into page-aligned memory in many ways, and holds each byte against the same file read byte by byte's copy; tells what it found wrong.
 * What is read from the share ahead may come as whole pages in the place of the program's: nothing that a program does with its memory may show it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 2 << 20, BLOCK = 64 << 10, TAIL = 777 };

static uint8_t *buffer, *want;
static const char *path;
static unsigned wrong;

static void check(int good, const char *what, size_t at)
{
    if (!good && wrong++ < 10)
        printf("wrong: %s at %zu\n", what, at);
}

static uint8_t byte_of(size_t at)
{
    uint32_t x = (uint32_t)at * 2654435761u;
    return (uint8_t)(x >> 24 ^ x >> 11);
}

static uint8_t *map(size_t size)
{
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        printf("no memory\n");
        exit(1);
    }
    return p;
}

static long number(const char *file, const char *name)
{
    char line[200], format[80];
    long n = -1;
    FILE *f = fopen(file, "r");
    snprintf(format, sizeof(format), "%s: %%ld", name);
    while (fgets(line, sizeof(line), f))
        sscanf(line, format, &n);
    fclose(f);
    return n;
}

static void same(const uint8_t *at, size_t len, size_t offset, const char *what)
{
    check(memcmp(at, want + offset, len) == 0, what, offset);
}

/* The whole file, piece by piece, to where `place` says; `look` afterwards. */
static void read_all(const char *what, size_t block, uint8_t *(*place)(size_t at),
                     void (*look)(uint8_t *at, size_t len, size_t offset))
{
    int fd = open(path, O_RDONLY);
    ssize_t got;
    for (size_t at = 0;; at += (size_t)got) {
        uint8_t *to = place(at);
        to[0] = to[block - 1] = 0xa5;
        got = read(fd, to, block);
        check(got >= 0, what, at);
        if (got <= 0)
            break;
        check((size_t)got == (SIZE + TAIL - at < block ? SIZE + TAIL - at : block), "length", at);
        check((size_t)got == block || to[block - 1] == 0xa5, "what is behind the end", at);
        if (look)
            look(to, (size_t)got, at);
        same(to, (size_t)got, at, what);
    }
    close(fd);
}

static uint8_t *one_place(size_t at)
{
    (void)at;
    return buffer;
}

static uint8_t *all_places(size_t at)
{
    return buffer + at;
}

static uint8_t *any_page(size_t at)
{
    return buffer + at * 7 / PAGE % 64 * PAGE;
}

static uint8_t *no_page(size_t at)
{
    (void)at;
    return buffer + 24;
}

static void change(uint8_t *at, size_t len, size_t offset)
{
    same(at, len, offset, "before it is changed");
    memset(at, 0x11, len);
    for (size_t i = 0; i < len; i += PAGE)
        check(at[i] == 0x11, "what was changed", offset + i);
    memcpy(at, want + offset, len);
}

static void protect(uint8_t *at, size_t len, size_t offset)
{
    mprotect(at, BLOCK, PROT_READ);
    int fd = open(path, O_RDONLY);
    check(read(fd, at, len) < 0, "a read to where nothing may be written", offset);
    close(fd);
    same(at, len, offset, "read-only");
    mprotect(at, BLOCK, PROT_READ | PROT_WRITE);
}

static void discard(uint8_t *at, size_t len, size_t offset)
{
    same(at, len, offset, "before it is thrown away");
    madvise(at, BLOCK, MADV_DONTNEED);
    for (size_t i = 0; i < BLOCK; i++)
        check(at[i] == 0, "a page that was thrown away is zero", offset + i);
    memcpy(at, want + offset, len);
}

/* It is mapped elsewhere, and what is mapped here in its place is empty. */
static void move(uint8_t *at, size_t len, size_t offset)
{
    uint8_t *moved = mremap(at, BLOCK, BLOCK + PAGE, MREMAP_MAYMOVE);
    check(moved != MAP_FAILED, "mremap", offset);
    same(moved, len, offset, "moved");
    check(moved[BLOCK] == 0, "a new page is zero", offset);
    if (moved != at)
        mmap(at, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy(at, moved, len);
    munmap(moved == at ? at + BLOCK : moved, moved == at ? PAGE : BLOCK + PAGE);
}

/* What was read goes to another file, from whatever pages it lies in; and back. */
static void copy_file(const char *copy)
{
    int in = open(path, O_RDONLY), out = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0644);
    ssize_t n;
    while ((n = read(in, buffer, BLOCK)) > 0)
        check(write(out, buffer, (size_t)n) == n, "write", 0);
    for (size_t at = 0; at < SIZE; at += BLOCK) /* into a large buffer, which pieces make */
        check(pread(in, buffer + at, BLOCK, (off_t)at) == BLOCK, "pread", at);
    check(pwrite(out, buffer, SIZE, 0) == SIZE, "a large write", 0);
    memset(buffer, 0, SIZE);
    check(pread(out, buffer, SIZE, 0) == SIZE, "a large read", 0);
    same(buffer, SIZE, 0, "read at once");
    close(in);
    close(out);
}

static void read_vectors(void)
{
    int fd = open(path, O_RDONLY);
    for (size_t at = 0; at + 3 * BLOCK <= SIZE; at += 2 * BLOCK + PAGE + 5) {
        struct iovec v[] = {{buffer + 4 * BLOCK, BLOCK}, {buffer, PAGE}, {buffer + 8, 5}, {buffer + 2 * BLOCK, BLOCK}};
        check(readv(fd, v, 4) == 2 * BLOCK + PAGE + 5, "readv", at);
        same(buffer + 4 * BLOCK, BLOCK, at, "the first of a vector");
        same(buffer + 2 * BLOCK, BLOCK, at + BLOCK + PAGE + 5, "the last of a vector");
        same(buffer + 8, 5, at + BLOCK + PAGE, "five bytes on top of a page");
        same(buffer + 13, PAGE - 13, at + BLOCK + 13, "a page");
    }
    close(fd);
}

static void all_ways(const char *copy)
{
    read_all("one place", BLOCK, one_place, NULL);
    read_all("one page", PAGE, one_place, NULL);
    read_all("one place, looked at", BLOCK, one_place, change);
    read_all("many places", BLOCK, all_places, NULL);
    same(buffer, SIZE + TAIL, 0, "all of it");
    read_all("pages", PAGE, any_page, change);
    read_all("odd pieces", 3 * PAGE, any_page, NULL);
    read_all("not aligned", BLOCK, no_page, change);
    read_all("read-only", BLOCK, one_place, protect);
    read_all("thrown away", BLOCK, any_page, discard);
    read_all("moved", BLOCK, any_page, move);
    read_vectors();
    copy_file(copy);
}

int main(int argc, char **argv)
{
    long kept = 0, resident = 0;
    path = argv[1];
    buffer = map(SIZE + 2 * BLOCK);
    want = map(SIZE + TAIL + PAGE);
    for (size_t i = 0; i < SIZE + TAIL; i++)
        want[i] = byte_of(i);
    for (int round = 0; round < atoi(argv[3]); round++) {
        all_ways(argv[2]);
        madvise(buffer, SIZE + 2 * BLOCK, MADV_DONTNEED);
        long now = number("/proc/meminfo", "MemFree"), mine = number("/proc/self/status", "VmRSS");
        if (round < 2)
            kept = now, resident = mine;
        check(now >= kept - 64, "memory that is free", (size_t)(kept - now));
        check(mine == resident, "memory that is resident", (size_t)mine);
    }
    printf("%u wrong\n", wrong);
    return argc != 4 || wrong;
}
