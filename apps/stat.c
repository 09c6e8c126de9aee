/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* stat - what is known of a file. Inode and device numbers are left out: they are the server's business and differ between host and guest. */
#include <app.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *type_name(const struct stat *st)
{
    switch (st->st_mode & S_IFMT) {
    case S_IFREG:
        return st->st_size ? "regular file" : "regular empty file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symbolic link";
    case S_IFCHR:
        return "character device";
    case S_IFBLK:
        return "block device";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    default:
        return "unknown";
    }
}

static int show(const char *path, int follow)
{
    struct stat st;
    if (follow ? stat(path, &st) : lstat(path, &st))
        return warn("cannot stat '%s'", path);
    char *target = S_ISLNK(st.st_mode) ? link_target(path) : NULL;
    char mode[11], when[32];
    mode_text(st.st_mode, mode);
    time_text(st.st_mtime, when);
    printf("  File: %s%s%s\n", path, target ? " -> " : "", target ? target : "");
    printf("  Type: %s\n", type_name(&st));
    printf("  Size: %lld\n", (long long)st.st_size);
    printf("  Mode: %04o (%s)\n", (unsigned)st.st_mode & 07777, mode);
    printf(" Owner: %u:%u\n", (unsigned)st.st_uid, (unsigned)st.st_gid);
    printf(" Links: %lu\n", (unsigned long)st.st_nlink);
    printf("Modify: %.19s.%09ldZ\n", when, (long)st.st_mtim.tv_nsec);
    free(target);
    return 0;
}

int main(int argc, char **argv)
{
    static const char usage[] = "stat [-L] FILE...";
    unsigned follow;
    int n = take_options(argv, "L", usage, &follow), status = 0;
    (void)argc;
    if (n < 0)
        return 1;
    if (n == 0)
        return warnx("usage: %s", usage);
    for (int i = 1; i <= n; i++)
        status |= show(argv[i], follow != 0);
    return finish(status);
}
