/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* trouble - meets bad conditions of the host, in the folder that is named, and tells what each call says. At some points it waits for the host: it
 * makes at-NAME in /ctl (or $CTL), and goes on when go-NAME is there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 50000, MANY = 240 };
static char out[PIECE], in[PIECE];

static long tell(const char *what, long result)
{
    printf("%s %ld %s\n", what, result < 0 ? -1 : result, result < 0 ? strerrorname_np(errno) : "ok");
    return result;
}

static void meet(const char *name)
{
    char path[256];
    const char *ctl = getenv("CTL") ? getenv("CTL") : "/ctl";
    snprintf(path, sizeof path, "%s/at-%s", ctl, name);
    close(open(path, O_CREAT | O_WRONLY, 0644));
    snprintf(path, sizeof path, "%s/go-%s", ctl, name);
    while (access(path, F_OK))
        usleep(2000);
}

static char byte_at(long i)
{
    return (char)(i * 7 + i / 251);
}

/* Writes until nothing goes any more; returns how much went. */
static long fill(int fd, long at)
{
    long n;
    do {
        for (long i = 0; i < PIECE; i++)
            out[i] = byte_at(at + i);
        n = write(fd, out, PIECE);
        at += n > 0 ? n : 0;
    } while (n == PIECE);
    if (n >= 0)
        tell("after a part", write(fd, out, PIECE));
    else
        tell("at once", n);
    return at;
}

static long wrong_bytes(int fd, long size)
{
    long bad = 0, n, at = 0;
    while ((n = pread(fd, in, PIECE, at)) > 0)
        for (long i = 0; i < n; i++, at++)
            bad += in[i] != byte_at(at);
    return bad + (at != size);
}

/* A disk, or what a user may have of it, that is full: every byte that was counted is there. */
static void full(void)
{
    struct stat st;
    int fd = open("big", O_CREAT | O_RDWR, 0644);
    long size = fill(fd, 0);
    tell("fsync", fsync(fd));
    fstat(fd, &st);
    tell("size", st.st_size);
    tell("counted", size);
    tell("missing", st.st_size - size);
    tell("wrong", wrong_bytes(fd, size));
    tell("within", pwrite(fd, out, 0, 100));
    for (long i = 0; i < 5000; i++)
        out[i] = byte_at(100 + i);
    tell("within", pwrite(fd, out, 5000, 100));
    int other = open("other", O_CREAT | O_RDWR, 0644);
    tell("more", write(other, out, 5000));
    tell("room", unlink("ballast"));
    tell("more", pwrite(other, out, 5000, 0));
    long more = fill(fd, size);
    tell("grown", more >= size);
    tell("wrong", wrong_bytes(fd, more));
    tell("close", close(fd));
}

/* What QEMU's user may not do. */
static void denied(void)
{
    struct stat st;
    tell("read", open("secret", O_RDONLY));
    tell("write", open("secret", O_WRONLY));
    tell("readable", close(open("public", O_RDONLY)));
    tell("write public", open("public", O_RDWR));
    tell("truncate", truncate("public", 0));
    tell("chmod", chmod("public", 0666));
    tell("list", open("closed", O_RDONLY | O_DIRECTORY));
    tell("in it", stat("closed/x", &st));
    tell("make in it", mkdir("closed/y", 0755));
    tell("make", open("new", O_CREAT | O_WRONLY, 0644));
    tell("mkdir", mkdir("new", 0755));
    tell("symlink", symlink("x", "new"));
    tell("rename", rename("public", "new"));
    tell("unlink", unlink("public"));
    tell("stat", stat("secret", &st));
    tell("fine", close(open("own/new", O_CREAT | O_WRONLY, 0644)));
    tell("fine", rename("own/new", "own/newer"));
    tell("link", link("public", "own/public"));
}

static void list(DIR *d)
{
    struct dirent *e;
    errno = 0;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            printf("entry %s\n", e->d_name);
    printf("listed %s\n", errno ? strerrorname_np(errno) : "ok");
}

/* Files and folders that go, shrink or change under an open descriptor. */
static void vanish(void)
{
    struct stat st;
    int gone = open("gone", O_RDWR), cut = open("cut", O_RDWR), other = open("other", O_RDONLY),
        dir = open("dir", O_RDONLY | O_DIRECTORY);
    DIR *d = opendir("dir");
    tell("read", read(gone, in, 1000));
    tell("read", read(cut, in, 1000));
    tell("read", read(other, in, 1000));
    meet("open");
    tell("gone", read(gone, in, 1000));
    tell("gone", in[0] == 'g');
    tell("gone", write(gone, "x", 1));
    tell("gone", fstat(gone, &st));
    tell("links", st.st_nlink);
    tell("again", open("gone", O_RDONLY));
    tell("cut", read(cut, in, 1000));
    tell("cut", pread(cut, in, 1000, 0));
    tell("cut", fstat(cut, &st));
    tell("size", st.st_size);
    tell("other", read(other, in, 1000));
    tell("other", in[0] == 'o');
    int again = open("other", O_RDONLY);
    tell("new other", read(again, in, 1000));
    tell("new other", in[0] == 'n');
    tell("in dir", openat(dir, "x", O_RDONLY));
    tell("in dir", openat(dir, "y", O_CREAT | O_WRONLY, 0644));
    tell("in dir", mkdirat(dir, "y", 0755));
    tell("by path", stat("dir/x", &st));
    list(d);
    tell("close", close(gone) | close(cut) | close(other) | close(again) | close(dir) | closedir(d));
    tell("then", close(open("then", O_CREAT | O_WRONLY, 0644)));
}

static long put_text(int fd, int round, int i)
{
    char text[64];
    snprintf(text, sizeof text, "round %d file %d", round, i);
    return pwrite(fd, text, strlen(text), 0) != (long)strlen(text);
}

static long check_text(int fd, int round, int i)
{
    char text[64];
    snprintf(text, sizeof text, "round %d file %d", round, i);
    long n = pread(fd, in, sizeof in, 0);
    return n != (long)strlen(text) || memcmp(in, text, n) != 0;
}

/* More open files than QEMU may have: those that open work, each is itself; and afterwards all is as before. */
static void many(void)
{
    static int fds[MANY];
    char name[32];
    for (int round = 0; round < 3; round++) {
        long opened = 0, refused = 0, wrong = 0;
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "f%d", i);
            fds[i] = open(name, O_CREAT | O_RDWR, 0644);
            opened += fds[i] >= 0;
            refused += fds[i] < 0 && errno == EMFILE;
            wrong += fds[i] >= 0 && put_text(fds[i], round, i);
        }
        for (int i = MANY - 1; i >= 0; i--)
            wrong += fds[i] >= 0 && (check_text(fds[i], round, i) || close(fds[i]));
        tell("opened", opened);
        tell("refused", refused);
        tell("wrong", wrong);
    }
    tell("then", close(open("f7", O_RDWR)));
}

/* The first of many open files, which QEMU has closed meanwhile, goes another way on the host. */
static void moved(void)
{
    static int fds[MANY];
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "f%d", i);
        fds[i] = open(name, O_RDONLY);
        pread(fds[i], in, 10, 0);
    }
    meet("open");
    tell("moved", pread(fds[0], in, 10, 0));
    tell("gone", pread(fds[1], in, 10, 0));
    tell("last", pread(fds[MANY - 1], in, 10, 0));
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    tell("again", close(open("f5", O_RDONLY)));
}

/* Eight shares: each has its own files, names lead into each, and nothing goes from one to another but by copying. */
static void shares(void)
{
    enum { SHARES = 8 };
    char name[64], other[64];
    static struct stat st[SHARES];
    for (int i = 0; i < SHARES; i++) {
        snprintf(name, sizeof name, "/s%d/mine", i);
        int fd = open(name, O_CREAT | O_RDWR, 0644);
        snprintf(other, sizeof other, "%s of %d", name, i);
        tell("write", fd < 0 ? fd : write(fd, other, strlen(other)));
        fstat(fd, &st[i]);
    }
    for (int i = 0; i < SHARES; i++) {
        snprintf(name, sizeof name, "/s%d/../s%d/mine", (i + 1) % SHARES, i);
        snprintf(other, sizeof other, "/s%d/theirs", (i + 1) % SHARES);
        tell("rename", rename(name, other));
        tell("link", link(name, other));
        tell("same device", i && st[i].st_dev == st[i - 1].st_dev);
    }
}

/* Ten pieces of a file, one by one, and whether they are what the host put there; once more each that failed. */
/* In an order in which nothing is read ahead, so that each read is one of the host's. */
static void reads(void)
{
    enum { AT_ONCE = 10000, TIMES = 10, STEP = 7 };
    int fd = open("data", O_RDONLY);
    for (long i = 0; i < TIMES; i++) {
        long at = i * STEP % TIMES * AT_ONCE, n = tell("read", pread(fd, in, AT_ONCE, at)), wrong = 0;
        if (n < 0)
            n = tell("again", pread(fd, in, AT_ONCE, at));
        for (long k = 0; k < n; k++)
            wrong += in[k] != byte_at(at + k);
        if (wrong)
            tell("wrong", wrong);
    }
    tell("other", close(open("other", O_RDONLY)));
}

static void writes(void)
{
    enum { AT_ONCE = 10000 };
    int fd = open("data", O_CREAT | O_RDWR, 0644);
    for (long at = 0; at < 5 * AT_ONCE; at += AT_ONCE) {
        for (long i = 0; i < AT_ONCE; i++)
            out[i] = byte_at(at + i);
        if (tell("write", pwrite(fd, out, AT_ONCE, at)) < 0)
            tell("again", pwrite(fd, out, AT_ONCE, at));
    }
    tell("wrong", wrong_bytes(fd, 5 * AT_ONCE));
    tell("fsync", fsync(fd));
    tell("other", close(open("other", O_CREAT | O_RDWR, 0644)));
}

/* Writes for ever; tells how much was made sure. */
static void killed(void)
{
    int fd = open("data", O_CREAT | O_RDWR, 0644);
    for (long at = 0;; at += PIECE) {
        for (long i = 0; i < PIECE; i++)
            out[i] = byte_at(at + i);
        if (pwrite(fd, out, PIECE, at) != PIECE || (at / PIECE % 16 == 15 && fsync(fd)))
            return;
        if (at / PIECE % 16 == 15)
            printf("sure %ld\n", at + PIECE), fflush(stdout);
    }
}

/* The whole share goes. */
static void removed(void)
{
    struct stat st;
    int fd = open("data", O_RDWR), dir = open(".", O_RDONLY | O_DIRECTORY);
    tell("read", pread(fd, in, 1000, 0));
    meet("open");
    tell("read", pread(fd, in, 1000, 500));
    tell("right", in[0] == byte_at(500));
    tell("stat", fstat(fd, &st));
    tell("links", st.st_nlink);
    tell("name", stat("data", &st));
    tell("open", open("data", O_RDONLY));
    tell("make", open("new", O_CREAT | O_WRONLY, 0644));
    tell("mkdir", mkdir("new", 0755));
    tell("folder", fstat(dir, &st));
    tell("close", close(fd) | close(dir));
}

/* What a folder can have besides files. */
static void special(void)
{
    static const char *const names[] = {"fifo", "socket", "zero", "disk"};
    struct stat st;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (stat(names[i], &st))
            continue;
        printf("%s %o\n", names[i], st.st_mode & S_IFMT);
        tell("read", open(names[i], O_RDONLY));
        tell("write", open(names[i], O_WRONLY));
        tell("both", open(names[i], O_RDWR | O_NONBLOCK));
        tell("truncate", truncate(names[i], 0) < 0 ? 1 : 0);
    }
    tell("other", close(open("other", O_RDONLY)));
}

/* How many names, and the sum of a number made of each: names that are lost or come twice change it. */
static void names(void)
{
    unsigned long count = 0, sum = 0;
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d));) {
        unsigned long number = 5381;
        for (const unsigned char *p = (void *)e->d_name; *p; p++)
            number = number * 33 + *p;
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            count++, sum += number;
    }
    printf("%lu %lu\n", count, sum);
}

/* Two file systems under one share. */
static void inodes(void)
{
    struct stat a, b;
    tell("a", stat("a/file", &a));
    tell("b", stat("b/file", &b));
    tell("same device", a.st_dev == b.st_dev);
    tell("same inode", a.st_ino == b.st_ino);
}

static const struct {
    const char *name;
    void (*run)(void);
} scenes[] = {{"full", full},       {"denied", denied}, {"vanish", vanish}, {"many", many},     {"moved", moved},
              {"shares", shares},   {"reads", reads},   {"writes", writes}, {"killed", killed}, {"removed", removed},
              {"special", special}, {"names", names},   {"inodes", inodes}};

int main(int argc, char **argv)
{
    umask(022);
    if (argc < 3 || chdir(argv[2]))
        return 2;
    for (unsigned i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (!strcmp(scenes[i].name, argv[1]))
            scenes[i].run();
    return fflush(stdout);
}
