/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* acl - reads, sets and removes POSIX ACLs as what they are to the kernel: extended attributes. */
#include "table.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACCESS  "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

static char value[1000];

static void show_acl(const char *path, const char *name)
{
    long n = SYS(getxattr, path, name, value, sizeof value);
    show(path, n);
    for (long i = 0; i < n; i++)
        printf("%02x", (unsigned char)value[i]);
    printf("\n");
}

static void show_names(const char *path)
{
    static char names[1000];
    long n = SYS(listxattr, path, names, sizeof names);
    show(path, n);
    for (long at = 0; at < n; at += (long)strlen(names + at) + 1)
        printf("  %s\n", names + at);
}

static void show_mode(const char *path)
{
    struct stat st;
    stat(path, &st);
    printf("%s %o\n", path, st.st_mode);
}

int main(void)
{
    show_acl("file", ACCESS);
    show_acl("file", DEFAULT);
    show_acl("folder", ACCESS);
    show_acl("folder", DEFAULT);
    show_names("file");
    show_names("folder");
    long n = SYS(getxattr, "file", ACCESS, value, sizeof value);
    T(setxattr, "plain", ACCESS, value, n, 0);
    show_mode("plain");
    show_acl("plain", ACCESS);
    T(setxattr, "plain", DEFAULT, value, n, 0);
    T(setxattr, "plain", ACCESS, "nonsense", 8, 0);
    T(setxattr, "other", DEFAULT, value, n, 0);
    T(setxattr, "other", DEFAULT, value, n, XATTR_CREATE);
    show_acl("other", DEFAULT);
    int fd = open("file", O_RDONLY);
    T(fgetxattr, fd, ACCESS, NULL, 0);
    T(fgetxattr, fd, ACCESS, value, 3);
    T(fremovexattr, fd, ACCESS);
    show_acl("file", ACCESS);
    T(removexattr, "folder", DEFAULT);
    T(removexattr, "folder", DEFAULT);
    show_names("folder");
    T(chmod, "plain", 0600);
    show_acl("plain", ACCESS);
    T(lsetxattr, "link", ACCESS, value, n, 0);
    T(setxattr, "link", "user.through", "link", 4, 0);
    show_names("file");
    return fflush(stdout);
}
