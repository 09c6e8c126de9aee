/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* mode - mounts the share TAG with each of the options that follow, one after the other, and tells what came of it: an error, or what /proc/mounts says. An option that
 * begins with '+' is mounted synchronously. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static void tell_mounts(const char *tag)
{
    char line[500], from[100], at[100], options[200];
    FILE *f = fopen("/proc/mounts", "r");
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%99s %99s 9p %199s", from, at, options) == 3 && !strcmp(from, tag))
            printf("%s %s;", at, options);
    fclose(f);
}

int main(int argc, char **argv)
{
    mkdir("/tmp/m", 0755);
    for (int i = 2; i < argc; i++) {
        int sync = argv[i][0] == '+';
        printf("%s: ", argv[i]);
        if (mount(argv[1], "/tmp/m", "9p", sync ? MS_SYNCHRONOUS : 0, argv[i] + sync) < 0)
            printf("%s", strerror(errno));
        else
            tell_mounts(argv[1]);
        printf("\n");
        umount("/tmp/m");
    }
    return 0;
}
