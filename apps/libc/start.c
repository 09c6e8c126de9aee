/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* start - from _start to main() and from there to exit(). */
#include <stdlib.h>
#include <unistd.h>

#include "linux.h"

extern char **environ;
extern const char *program_name;

int main(int argc, char **argv, char **envp);
void __libc_init_array(void);
void __libc_fini_array(void);
void _init(void);
void _fini(void);
_Noreturn void start(long *stack);

/* newlib calls both; the constructors themselves stand in .init_array and .fini_array. */
void _init(void)
{
}

void _fini(void)
{
}

const char *program_name = "?";

static void name_program(const char *path)
{
    program_name = path;
    for (; *path; path++)
        if (*path == '/' && path[1])
            program_name = path + 1;
}

void start(long *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    environ = argv + argc + 1;
    if (argc > 0)
        name_program(argv[0]);
    atexit(__libc_fini_array);
    __libc_init_array();
    exit(main(argc, argv, environ));
}

void _exit(int status)
{
    for (;;)
        linux_raw(SYS_exit_group, status, 0, 0, 0);
}
