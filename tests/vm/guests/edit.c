/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* edit - changes the folder that it stands in, in every way that there is, and tells each result. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define TELL(call)                                                                                                     \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long r_ = (long)(call);                                                                                        \
        printf("%s = %ld %d\n", #call, r_, r_ < 0 ? errno : 0);                                                        \
    } while (0)

static char big[1 << 20];

static void files(void)
{
    int fd;
    TELL(fd = open("new", O_CREAT | O_EXCL | O_RDWR, 0640));
    TELL(write(fd, "hello world\n", 12));
    TELL(lseek(fd, 0, SEEK_CUR));
    TELL(pwrite(fd, "HELLO", 5, 0));
    TELL(lseek(fd, 0, SEEK_CUR));
    TELL(ftruncate(fd, 8));
    TELL(pread(fd, big, 100, 0));
    TELL(write(fd, "after a hole", 12));
    TELL(fsync(fd));
    TELL(fdatasync(fd));
    TELL(fchmod(fd, 0604));
    TELL(close(fd));
    TELL(open("new", O_CREAT | O_EXCL | O_RDWR, 0640));
    TELL(fd = open("new", O_WRONLY | O_APPEND));
    TELL(write(fd, "!", 1));
    TELL(lseek(fd, 0, SEEK_CUR));
    TELL(pwrite(fd, "?", 1, 0));
    TELL(close(fd));
    TELL(fd = open("big", O_CREAT | O_WRONLY | O_TRUNC, 0600));
    for (unsigned i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + i / 251);
    TELL(write(fd, big, sizeof big));
    TELL(pwrite(fd, big, 1000, 5000001));
    TELL(close(fd));
    TELL(truncate("big", 3000000));
    TELL(truncate("big", -1));
    TELL(truncate("nope", 1));
    TELL(fd = open("gone", O_CREAT | O_RDWR, 0600));
    TELL(unlink("gone"));
    TELL(write(fd, "still here", 10));
    TELL(pread(fd, big, 100, 0));
    TELL(close(fd));
    TELL(open("x/", O_CREAT | O_RDWR, 0600));
    TELL(open("nodir/x", O_CREAT | O_RDWR, 0600));
    TELL(open(".", O_CREAT | O_RDWR, 0600));
}

static void names(void)
{
    TELL(mkdir("d", 0755));
    TELL(mkdir("d", 0755));
    TELL(mkdir("d/e/", 0700));
    TELL(mkdir("nodir/e", 0700));
    TELL(mkdir(".", 0700));
    TELL(mkdir("/", 0700));
    TELL(symlink("../new", "d/link"));
    TELL(symlink("x", "d/link"));
    TELL(symlink("", "d/empty"));
    TELL(symlink("dangling-target", "dangling"));
    TELL(close(open("dangling", O_CREAT | O_WRONLY, 0644)));
    TELL(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644));
    TELL(link("new", "d/hard"));
    TELL(link("new", "d/hard"));
    TELL(link("nope", "d/hard2"));
    TELL(link("d", "d2"));
    TELL(linkat(AT_FDCWD, "d/link", AT_FDCWD, "d/linklink", 0));
    TELL(rename("big", "d/moved"));
    TELL(rename("nope", "d/x"));
    TELL(rename("d", "d/e/inside"));
    TELL(rename("new", "d"));
    TELL(rename("d/e", "new"));
    TELL(rename("d/hard", "new"));
    TELL(syscall(SYS_renameat2, AT_FDCWD, "d/moved", AT_FDCWD, "new", 1));
    TELL(rename("d/moved/", "y"));
    TELL(rename(".", "y"));
    TELL(rmdir("d"));
    TELL(rmdir("d/e/."));
    TELL(rmdir("d/e/.."));
    TELL(rmdir("new"));
    TELL(unlink("d"));
    TELL(unlink("new/"));
    TELL(unlink("nope"));
    TELL(unlink("nope/x"));
    TELL(rmdir("d/e/"));
    TELL(mknod("plain", 0600, 0));
    TELL(mknod("d3", S_IFDIR | 0600, 0));
}

static void attributes(void)
{
    struct timespec t[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    struct stat st;
    TELL(chmod("new", 04711));
    TELL(chmod("nope", 0600));
    TELL(utimensat(AT_FDCWD, "new", t, 0));
    TELL(utimensat(AT_FDCWD, "new", omit, 0));
    TELL(utimensat(AT_FDCWD, "nope", t, 0));
    TELL(utimensat(AT_FDCWD, "d/link", t, AT_SYMLINK_NOFOLLOW));
    TELL(stat("new", &st));
    printf("%o %ld %ld.%09ld %ld.%09ld\n", st.st_mode, (long)st.st_size, (long)st.st_atim.tv_sec, st.st_atim.tv_nsec,
           (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    TELL(chown("new", -1, -1));
    TELL(ftruncate(0, 1));
    TELL(fsync(99));
    umask(077);
    TELL(close(open("masked", O_CREAT | O_WRONLY, 0666)));
    TELL(mkdir("maskeddir", 0777));
}

static void show_stat(int fd)
{
    struct stat st;
    TELL(fstat(fd, &st));
    printf("mode %o links %ld size %ld\n", st.st_mode, (long)st.st_nlink, (long)st.st_size);
}

static void nameless(void)
{
    int fd, other;
    TELL(fd = open("loses-name", O_CREAT | O_RDWR, 0600));
    TELL(write(fd, "bytes", 5));
    TELL(unlink("loses-name"));
    show_stat(fd);
    TELL(pread(fd, big, 100, 0));
    TELL(pwrite(fd, "more", 4, 5));
    TELL(ftruncate(fd, 20)); /* not shorter: docs/coherence.md */
    show_stat(fd);
    TELL(pread(fd, big, 100, 0));
    TELL(fsync(fd));
    TELL(lseek(fd, 0, SEEK_END));
    TELL(other = open("loses-name", O_CREAT | O_EXCL | O_RDWR, 0600));
    TELL(write(other, "new", 3));
    show_stat(other);
    show_stat(fd);
    TELL(close(fd));
    TELL(pread(other, big, 100, 0));
    TELL(fd = open("comes-over", O_CREAT | O_RDWR, 0600));
    TELL(write(fd, "over", 4));
    TELL(rename("comes-over", "loses-name"));
    show_stat(other);
    show_stat(fd);
    TELL(pread(other, big, 100, 0));
    TELL(ftruncate(fd, 2));
    TELL(fchmod(fd, 0640));
    show_stat(fd);
    TELL(close(other));
    TELL(close(fd));
}

static void appending(void)
{
    int a, b, c;
    TELL(a = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600));
    TELL(b = open("log", O_RDWR | O_APPEND));
    TELL(c = open("log", O_RDWR));
    TELL(write(a, "one ", 4));
    TELL(write(b, "two ", 4));
    TELL(write(a, "three ", 6));
    TELL(lseek(a, 0, SEEK_CUR));
    TELL(lseek(b, 0, SEEK_CUR));
    TELL(lseek(b, 0, SEEK_SET));
    TELL(write(b, "four ", 5));
    TELL(pwrite(b, "five ", 5, 0));
    TELL(lseek(b, 0, SEEK_CUR));
    TELL(read(b, big, 100));
    TELL(fcntl(b, F_SETFL, 0));
    TELL(pwrite(b, "ONE", 3, 0));
    TELL(fcntl(c, F_SETFL, O_APPEND));
    TELL(write(c, "six", 3));
    TELL(lseek(c, 0, SEEK_CUR));
    TELL(fcntl(c, F_SETFL, 0));
    TELL(pwrite(c, "TWO", 3, 4));
    TELL(close(a));
    TELL(close(b));
    TELL(close(c));
}

static void holes(void)
{
    struct stat st;
    int fd;
    TELL(fd = open("holes", O_CREAT | O_RDWR, 0600));
    TELL(pwrite(fd, "end", 3, 30 << 20));
    TELL(ftruncate(fd, 40 << 20));
    TELL(pread(fd, big, 100, 5 << 20));
    TELL(big[0] | big[99]);
    TELL(pread(fd, big, 100, (30 << 20) - 50));
    TELL(memcmp(big + 50, "end", 3));
    TELL(fstat(fd, &st));
    TELL(st.st_blocks * 512 < 1 << 20);
    TELL(lseek(fd, 35 << 20, SEEK_HOLE) >= 35 << 20);
    TELL(lseek(fd, 41 << 20, SEEK_DATA));
    TELL(close(fd));
}

static void synced(void)
{
    int fd;
    TELL(fd = open("synced", O_CREAT | O_WRONLY | O_SYNC, 0600));
    TELL(write(fd, "a", 1));
    TELL(fcntl(fd, F_GETFL) & (O_SYNC | O_DSYNC));
    TELL(close(fd));
    TELL(fd = open("synced", O_WRONLY | O_DSYNC | O_APPEND));
    TELL(write(fd, "b", 1));
    TELL(fsync(fd));
    TELL(fdatasync(fd));
    TELL(syncfs(fd));
    TELL(close(fd));
    sync();
}

static void groups(void)
{
    struct stat st;
    umask(022);
    TELL(mkdir("shared", 0775));
    TELL(chown("shared", -1, 5));
    TELL(chmod("shared", 02775));
    TELL(close(open("shared/file", O_CREAT | O_WRONLY, 0664)));
    TELL(mkdir("shared/below", 0700));
    TELL(mkdir("shared/below/again", 0700));
    TELL(mknod("shared/node", 0600, 0));
    const char *names[] = {"shared", "shared/file", "shared/below", "shared/below/again", "shared/node"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        TELL(stat(names[i], &st));
        printf("%s %o %u\n", names[i], st.st_mode, st.st_gid);
    }
    TELL(chown("shared/file", 7, 8));
    TELL(chmod("shared/file", 06755));
    TELL(chown("shared/file", 9, -1)); /* takes the set-id bits off */
    TELL(stat("shared/file", &st));
    printf("%o %u %u\n", st.st_mode, st.st_uid, st.st_gid);
    TELL(mkdir("sticky", 01777));
    TELL(stat("sticky", &st));
    printf("%o\n", st.st_mode);
}

/* Whether it changed a directory's time, which is set to an old one before. */
#define TOUCHES(folder, call)                                                                                          \
    do {                                                                                                               \
        struct stat st_;                                                                                               \
        utimensat(AT_FDCWD, folder, old, 0);                                                                           \
        TELL(call);                                                                                                    \
        stat(folder, &st_);                                                                                            \
        printf("touches %s: %d, links %ld\n", folder, st_.st_mtime != old[1].tv_sec, (long)st_.st_nlink);              \
    } while (0)

static void touches(void)
{
    struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    struct stat st;
    TELL(mkdir("t", 0755));
    TOUCHES("t", mkdir("t/d", 0755));
    TOUCHES("t", close(open("t/f", O_CREAT | O_WRONLY, 0600)));
    TOUCHES("t", close(open("t/f", O_CREAT | O_WRONLY, 0600)));
    TOUCHES("t", link("t/f", "t/g"));
    TOUCHES("t", stat("t/g", &st));
    TELL(st.st_nlink);
    TOUCHES("t", symlink("f", "t/l"));
    TOUCHES("t", rename("t/f", "t/h"));
    TOUCHES("t", rename("t/h", "t/g"));
    TOUCHES("t", rename("t/h", "t/d/h"));
    TOUCHES("t", chmod("t/g", 0640));
    TOUCHES("t", unlink("t/g"));
    TOUCHES("t", rmdir("t/d"));
    TELL(stat("t/d/h", &st));
    TELL(st.st_nlink);
    TOUCHES("t/d/h", truncate("t/d/h", 10));
    TOUCHES("t/d/h", truncate("t/d/h", 10));
    TOUCHES("t/d/h", chmod("t/d/h", 0600));
}

/* other: a folder on another file system. */
static void between_mounts(const char *other)
{
    char between[100], linked[100];
    snprintf(between, sizeof between, "%s/sheepskin-between", other);
    snprintf(linked, sizeof linked, "%s/sheepskin-linked", other);
    int here, there;
    off_t from = 1, to = 100;
    memset(big, 'x', sizeof big);
    TELL(here = open("between", O_CREAT | O_RDWR | O_TRUNC, 0600));
    TELL(there = open(between, O_CREAT | O_RDWR | O_TRUNC, 0600));
    TELL(write(here, big, 300000));
    TELL(sendfile(there, here, &(off_t){0}, 1 << 20));
    TELL(lseek(there, 0, SEEK_CUR));
    TELL(copy_file_range(there, &from, here, &to, 1000, 0));
    TELL(from * 1000 + to);
    TELL(lseek(here, 0, SEEK_END));
    TELL(sendfile(here, there, &(off_t){299990}, 100));
    TELL(lseek(here, 0, SEEK_END));
    TELL(rename(between, "moved-over"));
    TELL(link("between", linked));
    TELL(unlink(between));
    TELL(close(here));
    TELL(close(there));
}

int main(int argc, char **argv)
{
    if (argc > 2 && chdir(argv[2]))
        return 1;
    files();
    names();
    attributes();
    nameless();
    appending();
    holes();
    synced();
    groups();
    touches();
    between_mounts(argv[1]);
    return 0;
}
