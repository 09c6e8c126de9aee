/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* args - writes its arguments, each with a NUL byte behind it; then its environment after an empty one. */
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv, char **envp)
{
    (void)argc;
    for (char **a = argv + 1; *a; a++)
        write(1, *a, strlen(*a) + 1);
    write(1, "", 1);
    for (char **e = envp; *e; e++)
        write(1, *e, strlen(*e) + 1);
    return 0;
}
