/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* twoface - does all things otherwise in the guest than on Linux, each to the file that is named for it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

static int guest;

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    write(fd, text, strlen(text));
    close(fd);
}

static void change(void)
{
    struct timespec times[2] = {{1000, 0}, {1000 + guest, 0}};
    chmod("mode", guest ? 0640 : 0600);
    utimensat(AT_FDCWD, "time", times, 0);
    put("contents", guest ? "contentS" : "contents");
    put("size", guest ? "longer" : "long");
    setxattr("attribute", "user.colour", guest ? "white" : "black", 5, 0);
    unlink("target");
    symlink(guest ? "there" : "here", "target");
    unlink("type");
    if (guest)
        mkdir("type", 0755);
    else
        put("type", "");
    link(guest ? "size" : "contents", "linked");
    put(guest ? "guest's" : "host's", "");
}

int main(void)
{
    struct utsname name;
    uname(&name);
    guest = strstr(name.release, "sheepskin") != NULL;
    printf("the same\nI am on the %s\n", guest ? "guest" : "host");
    if (guest)
        fputs("an error\n", stderr);
    change();
    return 1 + guest;
}
