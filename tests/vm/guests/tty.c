/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tty - tells whether its standard streams are a terminal, and the terminal's size. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(void)
{
    struct winsize size = {0};
    ioctl(1, TIOCGWINSZ, &size);
    printf("input %d output %d size %dx%d\n", isatty(0), isatty(1), size.ws_col, size.ws_row);
    return 0;
}
