/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* watch - does to files what each line of its input says, and tells in one line what came of it, so that somebody else can change them in between.
 * A line: a letter, a slot (0-9), two numbers, a text. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fds[10];
static char *maps[10], memory[70000 + 1], *const bytes = memory + 1; /* not whole pages */

static void tell(long result)
{
    if (result < 0)
        printf("errno %d", errno);
    else
        printf("%ld", result);
}

/* The bytes, or the first and how many when there are many. */
static void tell_bytes(const char *p, long n)
{
    if (n < 0)
        tell(n);
    else if (n <= 60)
        printf("%.*s", (int)n, p);
    else
        printf("%.*s...%ld", 4, p, n);
}

static void tell_stat(int result, const struct stat *st)
{
    if (result < 0)
        tell(result);
    else
        printf("size %ld links %ld mode %o", (long)st->st_size, (long)st->st_nlink, st->st_mode);
}

/* Names of one getdents64, but for those of the directory itself. */
static void tell_names(int fd, size_t room)
{
    long n = syscall(SYS_getdents64, fd, bytes, room);
    if (n <= 0)
        tell(n);
    for (long at = 0; at < n; at += *(unsigned short *)(bytes + at + 16))
        if (bytes[at + 19] != '.')
            printf("%s ", bytes + at + 19);
}

static void run(char what, int slot, long a, long b, const char *text)
{
    struct stat st;
    int fd = fds[slot];
    switch (what) {
    case 'o':
        tell(fds[slot] = open(text, (int)a, 0644));
        break;
    case 'c':
        tell(close(fd));
        break;
    case 'r':
        tell_bytes(bytes, pread(fd, bytes, (size_t)b, a));
        break;
    case 'n':
        tell_bytes(bytes, read(fd, bytes, (size_t)a));
        break;
    case 'w':
        tell(pwrite(fd, text, strlen(text), a));
        break;
    case 't':
        tell(ftruncate(fd, a));
        break;
    case 'e':
        tell(lseek(fd, 0, SEEK_END));
        break;
    case 'f':
        tell_stat(fstat(fd, &st), &st);
        break;
    case 's':
        tell_stat(lstat(text, &st), &st);
        break;
    case 'd':
        tell_names(fd, (size_t)a);
        break;
    case 'm':
        maps[slot] = mmap(NULL, (size_t)a, PROT_READ, MAP_PRIVATE, fd, 0);
        tell(maps[slot] == MAP_FAILED ? -1 : 0);
        break;
    case 'p':
        tell_bytes(maps[slot] + a, b);
        break;
    case 'u':
        tell(unlink(text));
        break;
    case 'v':
        tell(rename("new", "data"));
        break;
    case 'k':
        tell(mkdir(text, 0755));
        break;
    }
}

int main(int argc, char **argv)
{
    if (chdir(argv[1]))
        return 1;
    char line[5000], text[4096];
    while (fgets(line, sizeof line, stdin)) {
        char what;
        int slot;
        long a, b;
        *text = 0;
        if (sscanf(line, "%c %d %ld %ld %4095s", &what, &slot, &a, &b, text) < 4)
            return 1;
        run(what, slot, a, b, text);
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
