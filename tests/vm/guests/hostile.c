/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* hostile - does what its arguments say with files that may be lies, "VERB PATH" one after the other, and prints what came of each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { READS_MAX = 1000, ENTRIES_MAX = 2000 };

static const char *failure(void)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{EIO, "EIO"},
                 {ENOENT, "ENOENT"},
                 {ELOOP, "ELOOP"},
                 {EOVERFLOW, "EOVERFLOW"},
                 {ESTALE, "ESTALE"},
                 {ENOSYS, "ENOSYS"},
                 {ENAMETOOLONG, "ENAMETOOLONG"},
                 {ENODEV, "ENODEV"}};
    static char other[16];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == errno)
            return names[i].name;
    snprintf(other, sizeof other, "%d", errno);
    return other;
}

static void do_stat(const char *path)
{
    struct stat s;
    if (stat(path, &s) < 0)
        printf("%s\n", failure());
    else
        printf("mode %o size %llu\n", s.st_mode, (unsigned long long)s.st_size);
}

/* Bytes and their sum, and how it ended. */
static void do_read(const char *path)
{
    static unsigned char buf[4 << 20];
    unsigned long long total = 0, sum = 0;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY), i;
    for (i = 0; fd >= 0 && i < READS_MAX && (n = read(fd, buf, sizeof buf)) > 0; i++) {
        for (ssize_t k = 0; k < n; k++)
            sum += buf[k];
        total += n;
    }
    printf("%s: %s after %llu bytes, sum %llu\n", fd < 0 ? "open" : "read",
           n < 0 ? failure()
           : n   ? "no end"
                 : "end",
           total, sum);
    if (fd >= 0)
        close(fd);
}

enum { STEP = 64 << 10, PARTS = 3 << 20 };

static unsigned char *pages(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* On end into the same whole pages; each byte counts by its place. */
static void do_steps(const char *path)
{
    unsigned char *buf = pages(STEP);
    unsigned long long total = 0, sum = 0;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY), i;
    for (i = 0; fd >= 0 && i < READS_MAX && (n = read(fd, buf, STEP)) > 0; i++)
        for (ssize_t k = 0; k < n; k++)
            sum += buf[k] * (++total % 65521);
    printf("%s: %s after %llu bytes, sum %llu\n", fd < 0 ? "open" : "steps",
           n < 0 ? failure()
           : n   ? "no end"
                 : "end",
           total, sum);
    munmap(buf, STEP);
    close(fd);
}

/* By one write(), which may say less, and another one for the rest, if there is any; how much of it is there then. */
static void do_fill(const char *path)
{
    unsigned char *buf = pages(PARTS), *back = pages(STEP);
    int fd = open(path, O_RDWR | O_TRUNC);
    size_t done = 0, same = 0;
    ssize_t n;
    for (size_t i = 0; i < PARTS; i++)
        buf[i] = (unsigned char)(i * 2654435761u >> 13);
    for (int i = 0; i < 2 && done < PARTS; i++) {
        n = write(fd, buf + done, PARTS - done);
        printf("%s%zd", i ? ", " : "", n);
        if (n < 0)
            printf(" %s", failure());
        done += n > 0 ? n : 0;
    }
    while (same < PARTS && (n = pread(fd, back, STEP, same)) > 0 && memcmp(back, buf + same, n) == 0)
        same += n;
    printf(": %s\n", same == PARTS ? "all is there" : same >= done ? "what was said is there" : "bytes are lost");
    munmap(buf, PARTS);
    munmap(back, STEP);
    close(fd);
}

static void do_again(const char *path)
{
    do_read(path);
    printf("again: ");
    do_read(path);
}

static void do_write(const char *path)
{
    static char buf[5000];
    int fd = open(path, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, buf, sizeof buf);
    if (n < 0)
        printf("%s: %s\n", fd < 0 ? "open" : "write", failure());
    else
        printf("write: %zd\n", n);
    close(fd);
}

static void do_list(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *e = NULL;
    int n = 0;
    if (dir)
        while (errno = 0, n < ENTRIES_MAX && (e = readdir(dir)) != NULL)
            n++;
    printf("%s: %s after %d\n", dir ? "list" : "open", e ? "no end" : errno ? failure() : "end", n);
    if (dir)
        closedir(dir);
}

static void do_link(const char *path)
{
    char buf[8192];
    ssize_t n = readlink(path, buf, sizeof buf - 1);
    if (n < 0)
        printf("%s\n", failure());
    else
        printf("-> %.*s\n", (int)n, buf);
}

static void do_statfs(const char *path)
{
    struct statfs s;
    if (statfs(path, &s) < 0)
        printf("%s\n", failure());
    else
        printf("bsize %ld\n", (long)s.f_bsize);
}

/* A small file of the kernel's, its first line. */
static void do_show(const char *path)
{
    char line[256] = "";
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, sizeof line, f))
        printf("%s\n", f ? "empty" : failure());
    else
        printf("%s%s", line, strchr(line, '\n') ? "" : "\n");
    if (f)
        fclose(f);
}

/* Each entry of a folder of links to folders, where it leads, and a file in it. */
static void do_each(const char *path)
{
    char slash[512], *file = strrchr(strncpy(slash, path, sizeof slash - 1), '/');
    *file++ = 0;
    DIR *dir = opendir(slash);
    struct dirent *e;
    printf("\n");
    while (dir && (e = readdir(dir)) != NULL) {
        char at[1024];
        if (e->d_name[0] == '.')
            continue;
        snprintf(at, sizeof at, "%s/%s", slash, e->d_name);
        printf("link %s = ", at);
        do_link(at);
        snprintf(at, sizeof at, "%s/%s/%s", slash, e->d_name, file);
        printf("show %s = ", at);
        do_show(at);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*act)(const char *path);
    } verbs[] = {{"stat", do_stat},     {"read", do_read},   {"again", do_again}, {"steps", do_steps},
                 {"fill", do_fill},     {"write", do_write}, {"list", do_list},   {"link", do_link},
                 {"statfs", do_statfs}, {"show", do_show},   {"each", do_each}};
    for (int i = 1; i + 1 < argc; i += 2) {
        printf("%s %s = ", argv[i], argv[i + 1]);
        for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
            if (strcmp(argv[i], verbs[k].name) == 0)
                verbs[k].act(argv[i + 1]);
        fflush(stdout);
    }
    return 42;
}
