/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* work - what is measured: one static program, the same bytes in our guest, in Linux and on the host.
 *
 * usage: work FOLDER [-d]. Sends the content of FOLDER/first, then does one line of standard input after the other and answers each by
 * "= NANOSECONDS COUNT [NANOSECONDS]". -d: empties Linux's caches before each of them (only for a guest that has nobody else's). */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef PAD
#define PAD 1
#endif
#define PAGE   4096
#define BUFFER (4 << 20)
#define LINES  4096

typedef uint64_t u64;

static u64 pad[PAD / sizeof(u64) + 1] = {1}; /* makes a large program of a small one */
static char *buffer;
static int drop;

/* The plugin counts from one call of this to the next. */
__attribute__((noinline)) void mark(void)
{
    __asm__ volatile("" ::: "memory");
}

static void fail(const char *what)
{
    dprintf(1, "! %s: %m\n", what);
    _exit(1);
}

static u64 now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

/* FOLDER/f00000 and so on, in few instructions: what is measured is what is done with the name. */
static char *nth(const char *folder, unsigned i)
{
    static char path[512], *digits;
    if (i == 0)
        digits = path + snprintf(path, sizeof(path), "%s/f", folder);
    for (unsigned n = 5; n > 0; i /= 10)
        digits[--n] = (char)('0' + i % 10);
    digits[5] = 0;
    return path;
}

/* ---- each kind of work returns how many things it has done ---- */

static u64 read_blocks(const char *path, u64 block, u64 size)
{
    u64 done = 0;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail(path);
    while (done < size) {
        ssize_t n = read(fd, buffer, block);
        if (n <= 0)
            fail("read");
        done += (u64)n;
    }
    close(fd);
    return done;
}

static u64 read_anywhere(const char *path, u64 block, u64 count)
{
    struct stat st;
    u64 state = 1;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        fail(path);
    for (u64 i = 0; i < count; i++) {
        state = state * 6364136223846793005 + 1442695040888963407;
        if (pread(fd, buffer, block, (off_t)((state >> 33) % ((u64)st.st_size / block) * block)) != (ssize_t)block)
            fail("pread");
    }
    close(fd);
    return count;
}

static u64 stat_all(const char *folder, u64 unused, u64 count)
{
    struct stat st;
    (void)unused;
    for (unsigned i = 0; i < count; i++)
        if (stat(nth(folder, i), &st) < 0)
            fail("stat");
    return count;
}

static u64 open_all(const char *folder, u64 unused, u64 count)
{
    (void)unused;
    for (unsigned i = 0; i < count; i++) {
        int fd = open(nth(folder, i), O_RDONLY);
        if (fd < 0 || read(fd, buffer, PAGE) <= 0)
            fail("open, read");
        close(fd);
    }
    return count;
}

/* with_stat: as ls -l does. */
static u64 list(const char *folder, u64 with_stat, u64 unused)
{
    u64 count = 0;
    struct stat st;
    DIR *d = opendir(folder);
    (void)unused;
    if (!d)
        fail(folder);
    for (struct dirent *e; (e = readdir(d)); count++)
        if (with_stat && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            fail("fstatat");
    closedir(d);
    return count;
}

/* As a shell's ls -l * does: names first, then attributes in the order of the names. */
static u64 list_sorted(const char *folder, u64 unused, u64 unused_too)
{
    struct dirent **names;
    struct stat st;
    int n = scandir(folder, &names, NULL, alphasort);
    (void)unused, (void)unused_too;
    if (n < 0 || chdir(folder) < 0)
        fail(folder);
    for (int i = 0; i < n; i++)
        if (lstat(names[i]->d_name, &st) < 0)
            fail("lstat");
    if (chdir("..") < 0)
        fail("chdir");
    return (u64)n;
}

static u64 before_fsync;

static u64 write_blocks(const char *path, u64 block, u64 size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0)
        fail(path);
    for (u64 done = 0; done < size; done += block)
        if (write(fd, buffer, block) != (ssize_t)block)
            fail("write");
    before_fsync = now();
    if (fsync(fd) < 0 || close(fd) < 0)
        fail("fsync");
    return size;
}

static u64 create_all(const char *folder, u64 size, u64 count)
{
    for (unsigned i = 0; i < count; i++) {
        int fd = open(nth(folder, i), O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0 || write(fd, buffer, size) != (ssize_t)size || close(fd) < 0)
            fail("create, write, close");
    }
    return count;
}

static u64 unlink_all(const char *folder, u64 unused, u64 count)
{
    (void)unused;
    for (unsigned i = 0; i < count; i++)
        if (unlink(nth(folder, i)) < 0)
            fail("unlink");
    return count;
}

/* Two instructions each time, to see that they are counted. */
static u64 spin(const char *path, u64 times, u64 unused)
{
    (void)path, (void)unused;
    for (u64 left = times; left;)
        __asm__ volatile("1: dec %0; jnz 1b" : "+r"(left));
    return times;
}

static u64 rest(const char *path, u64 ms, u64 unused)
{
    (void)path, (void)unused;
    nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)}, NULL);
    return 1;
}

static const struct {
    const char *name;
    u64 (*work)(const char *path, u64 a, u64 b);
} works[] = {
    {"read", read_blocks},   {"random", read_anywhere}, {"stat", stat_all},     {"open", open_all},     {"list", list},
    {"sorted", list_sorted}, {"write", write_blocks},   {"create", create_all}, {"unlink", unlink_all}, {"spin", spin},
    {"rest", rest},
};

/* ---- the lines ---- */

static int get_line(char line[LINES])
{
    for (unsigned i = 0; i < LINES - 1; i++) {
        if (read(0, line + i, 1) != 1)
            return 0;
        if (line[i] == '\n' || line[i] == '\r') {
            line[i] = '\0';
            return 1;
        }
    }
    return 0;
}

/* What a share keeps in this mode goes with its mount. */
static void mount_anew(const char *mode)
{
    char folder[PAGE], options[64];
    snprintf(options, sizeof(options), "trans=virtio,version=9p2000.L,cache=%s", mode);
    if (!getcwd(folder, sizeof(folder)) || chdir("/") < 0 || umount2(folder, 0) < 0 ||
        mount("host", folder, "9p", 0, options) < 0 || chdir(folder) < 0)
        fail("mount");
}

static void drop_caches(void)
{
    int fd = drop ? open("/proc/sys/vm/drop_caches", O_WRONLY) : -1;
    if (drop && (fd < 0 || write(fd, "3\n", 2) != 2))
        fail("drop_caches");
    close(fd);
}

static void show(const char *path)
{
    char text[PAGE];
    ssize_t n;
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        fail(path);
    while ((n = read(fd, text, sizeof(text))) > 0)
        if (write(1, text, (size_t)n) != n)
            _exit(1);
    close(fd);
    dprintf(1, "= 0 0\n");
}

static void have_buffer(void)
{
    buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        fail("memory");
    memset(buffer, 'x', BUFFER);
}

static int obey(char *line)
{
    char name[16] = "", path[512] = "";
    unsigned long a = 0, b = 0;
    sscanf(line, "%15s %511s %lu %lu", name, path, &a, &b);
    if (!strcmp(name, "show"))
        return show(path), 1;
    if (!strcmp(name, "drop") && *path)
        return mount_anew(path), dprintf(1, "= 0 0\n"), 1;
    if (!strcmp(name, "drop"))
        return drop_caches(), dprintf(1, "= 0 0\n"), 1;
    for (unsigned i = 0; i < sizeof(works) / sizeof(*works); i++) {
        if (strcmp(works[i].name, name))
            continue;
        if (!buffer)
            have_buffer();
        if (works[i].work == write_blocks)
            unlink(path); /* cutting off what the last one has written is not to count */
        before_fsync = 0;
        mark();
        u64 start = now(), count = works[i].work(path, a, b), end = now();
        mark();
        dprintf(1, "= %lu %lu %lu\n", end - start, count, before_fsync ? before_fsync - start : 0);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    char line[LINES];
    volatile u64 sum = 0;
    for (size_t i = 0; i < sizeof(pad) / sizeof(*pad); i += PAGE / sizeof(u64))
        sum += pad[i];
    if (argc < 2 || chdir(argv[1]) < 0)
        fail("usage: work FOLDER [-d]");
    drop = argc > 2;
    int fd = open("first", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line));
    if (n < 0 || write(1, line, (size_t)n) != n)
        fail("first");
    mark();
    close(fd);
    while (get_line(line))
        if (*line && !obey(line))
            fail(line);
    return 0;
}
