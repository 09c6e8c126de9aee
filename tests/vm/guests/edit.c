/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* edit - changes the folder that it stands in, in every way that there is, and tells each result. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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

int main(void)
{
    files();
    names();
    attributes();
    return 0;
}
