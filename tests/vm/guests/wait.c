/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* wait - writes "waiting" and goes on looking for the file that its argument names; ends with 7 once it is there. */
#include <unistd.h>

int main(int argc, char **argv)
{
    write(1, "waiting\n", 8);
    while (argc > 1 && access(argv[1], F_OK) != 0)
        usleep(1000);
    return 7;
}
