/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* init - the first program of the Linux guest: loads the modules that /order names, mounts the share, and becomes the benchmark.
 *
 * usage, by the kernel's command line: init FOLDER CACHE PROGRAM [ARG...]; FOLDER is where the share's "host" goes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* The largest messages that Linux's own transport knows: 128 descriptors less the three for heads, a page each. */
#define MSIZE "msize=512000"

static void fail(const char *what)
{
    dprintf(1, "! init: %s: %m\n", what);
    for (;;)
        pause();
}

static void load_modules(void)
{
    char name[128];
    FILE *order = fopen("/order", "r");
    if (!order)
        fail("/order");
    while (fscanf(order, "%127s", name) == 1) {
        int fd = open(name, O_RDONLY);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
            fail(name);
        close(fd);
    }
    fclose(order);
}

/* The bytes as they are, both ways. */
static void raw_terminal(void)
{
    struct termios t;
    if (tcgetattr(0, &t) < 0)
        fail("tcgetattr");
    cfmakeraw(&t);
    tcsetattr(0, TCSANOW, &t);
}

int main(int argc, char **argv)
{
    char options[128];
    if (argc < 4)
        fail("usage: init FOLDER CACHE PROGRAM [ARG...]");
    raw_terminal();
    load_modules();
    mkdir("/proc", 0755);
    mkdir(argv[1], 0755);
    snprintf(options, sizeof(options), "trans=virtio,version=9p2000.L," MSIZE ",cache=%s", argv[2]);
    if (mount("proc", "/proc", "proc", 0, "") < 0 || mount("host", argv[1], "9p", 0, options) < 0)
        fail("mount");
    execv(argv[3], argv + 3);
    fail(argv[3]);
    return 1;
}
