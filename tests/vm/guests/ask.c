/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* ask - asks, twice, for what there is not, and tells the answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void *thread(void *arg)
{
    return arg;
}

static int ask(const char *what, char **argv)
{
    pthread_t t;
    pid_t pid;
    int fd;
    char *words[] = {"/host/ask", NULL};
    errno = 0;
    if (!strcmp(what, "fork"))
        return fork();
    if (!strcmp(what, "vfork"))
        return vfork();
    if (!strcmp(what, "spawn"))
        return errno = posix_spawn(&pid, words[0], NULL, NULL, words, environ);
    if (!strcmp(what, "thread"))
        return errno = pthread_create(&t, NULL, thread, NULL);
    if (!strcmp(what, "exec"))
        return execv(words[0], words);
    if (!strcmp(what, "socket"))
        return socket(AF_INET, SOCK_STREAM, 0);
    if (!strcmp(what, "unix"))
        return socket(AF_UNIX, SOCK_STREAM, 0);
    if (!strcmp(what, "shared")) {
        fd = open("/tmp/file", O_RDWR | O_CREAT, 0644);
        return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0;
    }
    if (!strcmp(what, "peer"))
        return getpeername(0, NULL, NULL);
    return syscall(atoi(what), 0, 0, 0);
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 2; i++) {
        int result = ask(argv[1], argv);
        printf("%s\n", result ? strerror(errno) : "granted");
    }
    return 0;
}
