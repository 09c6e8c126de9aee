/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* exec - loaded into make: lets make become the command of `make run`, as make itself can end with 0 and 2 only (GNU make, "load"). */
#include <gnumake.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int plugin_is_GPL_compatible; /* make asks for this name before it loads anything */

int exec_setup(const gmk_floc *where);

/* make 4.4 hands out its jobs through a fifo, which it removes when it ends; it ends here. */
static void remove_fifo(void)
{
    static const char mark[] = "--jobserver-auth=fifo:";
    char *flags = gmk_expand("$(MAKEFLAGS)"), *level = gmk_expand("$(MAKELEVEL)");
    char *fifo = strstr(flags, mark);
    if (fifo && strcmp(level, "0") == 0) {
        fifo += sizeof mark - 1;
        fifo[strcspn(fifo, " ")] = 0;
        unlink(fifo);
    }
    gmk_free(flags);
    gmk_free(level);
}

static char *become(const char *name, unsigned argc, char **argv)
{
    sigset_t none;
    (void)name;
    (void)argc;
    remove_fifo();
    fflush(NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl("/bin/sh", "sh", "-c", argv[0], (char *)NULL);
    return NULL; /* the recipe then goes on and runs it */
}

int exec_setup(const gmk_floc *where)
{
    (void)where;
    gmk_add_function("become", become, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
