/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* full - fills the folder that it stands in until no more goes in, empties it, and tells whether all room is back. Twice, for what is kept at hand. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static char block[1 << 16];

static const char *why(void)
{
    return errno == ENOSPC ? "ENOSPC" : strerror(errno);
}

static unsigned long room(void)
{
    struct statfs f;
    return statfs(".", &f) ? 0 : f.f_bfree;
}

static const char *fill_file(void)
{
    int fd = open("big", O_CREAT | O_WRONLY, 0644);
    if (fd < 0)
        return "no file";
    while (write(fd, block, sizeof block) > 0)
        ;
    close(fd);
    return why();
}

static const char *fill_names(void)
{
    char name[300];
    unsigned n = 0;
    for (;; n++) {
        snprintf(name, sizeof name, "%0250u", n);
        if (mkdir(name, 0755))
            break;
    }
    const char *reason = why();
    while (n--) {
        snprintf(name, sizeof name, "%0250u", n);
        rmdir(name);
    }
    return reason;
}

int main(void)
{
    unsigned long before = 0, after = 1;
    const char *file = "", *names = "";
    for (int round = 0; round < 2; round++) {
        before = room();
        file = fill_file();
        int fd = open("big", O_RDWR);
        ftruncate(fd, lseek(fd, 0, SEEK_END) - 300 * 4096); /* little is left, so that there need not be many names */
        names = fill_names();
        unlink("big");
        close(fd);
        after = room();
    }
    printf("a file until %s\nnames until %s\nroom again: %s\n", file, names,
           after == before ? "as much as before" : "less");
    return 0;
}
