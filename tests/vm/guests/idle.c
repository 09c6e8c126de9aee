/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* idle - waits in several ways and prints how many interrupts each of them took: what a guest that has nothing to do costs its host. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static unsigned long interrupts(void)
{
    char text[4096] = "";
    int fd = open("/proc/stat", O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    return strtoul(strstr(text, "intr ") + 5, NULL, 10);
}

static unsigned long before;

static void tell(const char *what)
{
    unsigned long now = interrupts();
    printf("%s: %lu\n", what, now - before);
    fflush(stdout);
    before = interrupts();
}

static void on_alarm(int signal)
{
    (void)signal;
}

int main(int argc, char **argv)
{
    char byte = 0;
    int ends[2];
    struct pollfd p = {.fd = 0, .events = POLLIN};
    fd_set set;
    before = interrupts();
    nanosleep(&(struct timespec){3, 0}, NULL);
    tell("nanosleep");
    poll(&p, 1, 2000);
    tell("poll");
    pipe(ends);
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    select(ends[0] + 1, &set, NULL, NULL, &(struct timeval){2, 0});
    tell("select");
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {1, 0}}, NULL);
    printf("poll until a signal: %d\n", poll(&p, 1, -1));
    tell("signal");
    for (int i = 1; i < argc; i++) {
        printf("reading %s\n", argv[i]);
        fflush(stdout);
        int fd = open(argv[i], O_RDONLY);
        int got = read(fd, &byte, 1);
        printf("read: %d %c\n", got, byte);
        tell("read");
        close(fd);
    }
    return 0;
}
