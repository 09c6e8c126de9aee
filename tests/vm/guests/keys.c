/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* keys - what a terminal gives to a program, in the ways that its argument names; "> " is its wish for input. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;

static void ask(void)
{
    write(1, "> ", 2);
}

static int take(char *bytes, int room)
{
    int n = read(0, bytes, room);
    printf("read %d:", n);
    for (int i = 0; i < n; i++)
        printf(" %02x", bytes[i] & 255);
    printf("\n");
    fflush(stdout);
    return n;
}

static void raw(int min, int time)
{
    struct termios t = before;
    cfmakeraw(&t);
    t.c_oflag = before.c_oflag;
    t.c_cc[VMIN] = min;
    t.c_cc[VTIME] = time;
    tcsetattr(0, TCSAFLUSH, &t);
}

static void lines(void)
{
    char bytes[64];
    int ends = 0;
    while (ends < 2) {
        ask();
        ends += take(bytes, sizeof bytes) == 0;
    }
    ask();
    while (take(bytes, 4) == 4 && bytes[3] != '\n')
        ;
}

static void pending(void)
{
    char bytes[64];
    int n;
    struct pollfd p = {0, POLLIN, 0};
    printf("now %d\n", poll(&p, 1, 0));
    printf("soon %d\n", poll(&p, 1, 30));
    fflush(stdout);
    ask();
    printf("then %d", poll(&p, 1, -1));
    ioctl(0, FIONREAD, &n);
    printf(" %x %d\n", p.revents, n);
    take(bytes, 3);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(0, &set);
    printf("more %d\n", select(1, &set, NULL, NULL, &(struct timeval){0, 0}));
    take(bytes, sizeof bytes);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    take(bytes, sizeof bytes);
    printf("%s\n", strerror(errno));
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) & ~O_NONBLOCK);
}

static void bytewise(int min, int time, int times)
{
    char bytes[64];
    raw(min, time);
    for (int i = 0; i < times; i++) {
        ask();
        take(bytes, 16);
    }
    tcsetattr(0, TCSADRAIN, &before);
}

static void settings(void)
{
    struct termios t = before, got;
    struct winsize size;
    printf("%x %x %x %x", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag);
    for (int i = 0; i < 17; i++)
        printf(" %x", t.c_cc[i]);
    ioctl(0, TIOCGWINSZ, &size);
    printf("\n%d %d %d\n", size.ws_row, size.ws_col, isatty(2));
    printf("%d %d\n", tcgetpgrp(0) == getpgrp(), tcsetpgrp(0, getpgrp()));
    t.c_lflag &= ~ECHO;
    t.c_cc[VERASE] = '#';
    t.c_oflag &= ~ONLCR;
    tcsetattr(0, TCSANOW, &t);
    tcgetattr(0, &got);
    printf("%d without carriage\n",
           t.c_lflag == got.c_lflag && t.c_oflag == got.c_oflag && t.c_cc[VERASE] == got.c_cc[VERASE]);
    fflush(stdout);
    char bytes[64];
    ask();
    take(bytes, sizeof bytes);
    tcsetattr(0, TCSADRAIN, &before);
    printf("with it again\n");
    printf("%d %d %d\n", tcflush(0, TCIFLUSH), tcdrain(1), tcsendbreak(0, 0));
    int fd = open("/dev/tty", O_RDWR);
    printf("%d\n", isatty(fd));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    tcgetattr(0, &before);
    if (!strcmp(argv[1], "lines"))
        lines();
    if (!strcmp(argv[1], "pending"))
        pending();
    if (!strcmp(argv[1], "bytes"))
        bytewise(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
    if (!strcmp(argv[1], "settings"))
        settings();
    if (!strcmp(argv[1], "leave"))
        raw(1, 0), ask(), pause(), 0;
    return 0;
}
