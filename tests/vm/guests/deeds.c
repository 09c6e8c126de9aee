/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* deeds - one edit of each kind in the folder that is named, or where it stands, whatever the last one said; then all that is there, as stat and readlink tell. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void tell(const char *what, long result)
{
    printf("%s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok");
}

static int make(const char *name, mode_t mode)
{
    int fd = open(name, O_CREAT | O_RDWR | O_EXCL, mode);
    if (fd >= 0 && write(fd, "hello\n", 6) != 6)
        return -1;
    return fd < 0 ? -1 : close(fd);
}

static void deeds(void)
{
    struct timespec times[2] = {{11, 22}, {33, 44}};
    char value[16];
    tell("create", make("created", 0640));
    tell("private", make("private", 0600));
    tell("open", open("there", O_RDWR));
    tell("chmod", chmod("there", 0711));
    tell("chown", chown("chowned", 123, 456));
    tell("chgrp", chown("tagged", -1, getgid()));
    tell("mkdir", mkdir("directory", 0750));
    tell("symlink", symlink("created", "symlink"));
    tell("link", link("tagged", "linked"));
    tell("rename", rename("old", "kept/new"));
    tell("unlink", unlink("gone"));
    tell("rmdir", rmdir("empty"));
    tell("mkfifo", mknod("fifo", S_IFIFO | 0620, 0));
    tell("mknod", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    tell("truncate", truncate("cut", 3));
    tell("utimens", utimensat(AT_FDCWD, "aged", times, 0));
    tell("setxattr", setxattr("there", "user.wool", "white", 5, 0));
    tell("getxattr", getxattr("there", "user.wool", value, sizeof value));
    tell("listxattr", listxattr("there", NULL, 0));
    tell("removexattr", removexattr("tagged", "user.tag"));
}

static void show(const char *name)
{
    struct stat st;
    char target[256] = "";
    if (lstat(name, &st))
        tell(name, -1);
    else if (S_ISLNK(st.st_mode) && readlink(name, target, sizeof target - 1) < 0)
        tell(name, -1);
    else
        printf("%s %o %u:%u %ld %d %ld.%ld %s\n", name, st.st_mode, st.st_uid, st.st_gid,
               S_ISDIR(st.st_mode) ? 0 : (long)st.st_size, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink,
               st.st_mtim.tv_sec < 1000000000 ? (long)st.st_mtim.tv_sec : 0,
               st.st_mtim.tv_sec < 1000000000 ? st.st_mtim.tv_nsec : 0, target);
}

int main(int argc, char **argv)
{
    struct dirent **names;
    umask(0);
    if (argc > 1 && chdir(argv[1]))
        return 1;
    deeds();
    puts("--");
    int n = scandir(".", &names, NULL, alphasort);
    tell("readdir", n);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i]->d_name, ".") && strcmp(names[i]->d_name, ".."))
            show(names[i]->d_name);
    puts("--");
    FILE *f = fopen("/sys/fs/9p/host/by_type", "r");
    for (int c; f && (c = getc(f)) != EOF;)
        putchar(c);
    return 0;
}
