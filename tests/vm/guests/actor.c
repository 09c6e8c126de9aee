/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* actor - does what its arguments say, one after the other, and tells a line of each: VERB [WORD [WORD]] in one argument. Descriptors count from 3. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char bytes[1 << 20];

static void show(const char *s, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++)
        printf(s[i] >= ' ' && s[i] < 127 && s[i] != '\\' ? "%c" : "\\x%02x", (unsigned char)s[i]);
}

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){0, 20000000}, NULL);
}

/* Until the path is there (or gone), which may be never. */
static int await(const char *path, int there)
{
    while (!access(path, F_OK) != there)
        pause_a_little();
    return 0;
}

static int open_as(const char *path, const char *how)
{
    int flags = strchr(how, 'w') ? strchr(how, 'r') ? O_RDWR : O_WRONLY : O_RDONLY;
    return open(path, flags | (strchr(how, 'n') ? O_NONBLOCK : 0));
}

static int poll_one(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    poll(&p, 1, ms);
    return p.revents;
}

/* Until the descriptor's poll has these bits. */
static int poll_until(int fd, int bits)
{
    while ((poll_one(fd, 0) & bits) != bits)
        pause_a_little();
    return bits;
}

static int list(const char *path)
{
    DIR *d = opendir(path);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            printf("%s ", e->d_name);
    return closedir(d);
}

/* Sends back what comes until the end. */
static ssize_t echo(int fd)
{
    ssize_t n, all = 0;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t at = 0, put; at < n; at += put, all += put)
            if ((put = write(fd, bytes + at, (size_t)(n - at))) < 0)
                return -1;
    return n < 0 ? n : all;
}

/* How much comes until the end, and its sum. */
static ssize_t drain(int fd)
{
    ssize_t n, all = 0;
    unsigned sum = 0;
    for (; (n = read(fd, bytes, sizeof bytes)) > 0; all += n)
        for (ssize_t i = 0; i < n; i++)
            sum = sum * 31 + (unsigned char)bytes[i];
    printf("%u ", sum);
    return n < 0 ? n : all;
}

static ssize_t do_one(const char *verb, const char *a, const char *b)
{
    struct stat st;
    struct winsize size;
    struct termios t;
    int fd = atoi(a);
    ssize_t n = -1;
    if (!strcmp(verb, "open"))
        return open_as(a, b);
    if (!strcmp(verb, "close"))
        return close(fd);
    if (!strcmp(verb, "read") && (n = read(fd, bytes, (size_t)atoi(b))) >= 0)
        show(bytes, n);
    if (!strcmp(verb, "write"))
        return write(fd, b, strlen(b));
    if (!strcmp(verb, "fill")) {
        memset(bytes, 'x', sizeof bytes);
        return write(fd, bytes, (size_t)atoi(b));
    }
    if (!strcmp(verb, "poll"))
        return poll_one(fd, atoi(b));
    if (!strcmp(verb, "until"))
        return poll_until(fd, atoi(b));
    if (!strcmp(verb, "await"))
        return await(a, 1);
    if (!strcmp(verb, "gone"))
        return await(a, 0);
    if (!strcmp(verb, "list"))
        return list(a);
    if (!strcmp(verb, "echo"))
        return echo(fd);
    if (!strcmp(verb, "drain"))
        return drain(fd);
    if (!strcmp(verb, "link") && (n = readlink(a, bytes, sizeof bytes)) >= 0)
        show(bytes, n);
    if (!strcmp(verb, "stat") && (n = stat(a, &st)) == 0)
        printf("%o %u,%u ", st.st_mode, major(st.st_rdev), minor(st.st_rdev));
    if (!strcmp(verb, "chance") && (n = getrandom(bytes, (size_t)atoi(a), 0)) >= 0)
        for (ssize_t i = 0; i < n; i++)
            printf("%02x", (unsigned char)bytes[i]);
    if (!strcmp(verb, "size") && (n = ioctl(fd, TIOCGWINSZ, &size)) == 0)
        printf("%dx%d ", size.ws_col, size.ws_row);
    if (!strcmp(verb, "tty") && (n = tcgetattr(fd, &t)) == 0)
        printf("%x ", t.c_lflag & (ICANON | ECHO));
    return n;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 4096);
    for (int i = 1; i < argc; i++) {
        char verb[16] = "", a[256] = "", b[256] = "";
        sscanf(argv[i], "%15s %255s %255s", verb, a, b);
        errno = 0;
        printf("%s: ", argv[i]);
        ssize_t n = do_one(verb, a, b);
        if (n < 0)
            printf("-%d\n", errno);
        else
            printf("= %zd\n", n);
    }
    return 0;
}
