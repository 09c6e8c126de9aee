/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* locks - flock and fcntl's locks by one process through several open files: odd arguments, and thousands of requests from a seed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "table.h"

#define NO ((void *)16)

static long lock(int fd, int cmd, int type, int whence, long long start, long long len)
{
    struct flock f = {.l_type = (short)type, .l_whence = (short)whence, .l_start = start, .l_len = len, .l_pid = 0};
    return SYS(fcntl, fd, cmd, &f);
}

/* What F_GETLK and F_OFD_GETLK tell; a pid only as what kind it is. */
static void tell(const char *who, int fd, int cmd, int type, int whence, long long start, long long len)
{
    struct flock f = {.l_type = (short)type, .l_whence = (short)whence, .l_start = start, .l_len = len, .l_pid = 0};
    long result = SYS(fcntl, fd, cmd, &f);
    printf("%s: %ld: type %d whence %d [%lld,+%lld) pid %d\n", who, result, f.l_type, f.l_whence, (long long)f.l_start,
           (long long)f.l_len, f.l_pid == getpid() ? 1 : f.l_pid);
}

/* Of several locks any may be told: so only whether one is there, that it does meet the byte, and is as strong as it must be. */
static void tell_any(const char *who, int fd, int cmd, int type, long long at)
{
    struct flock f = {.l_type = (short)type, .l_start = at, .l_len = 1};
    long result = SYS(fcntl, fd, cmd, &f);
    int meets = f.l_start <= at && (!f.l_len || at < f.l_start + f.l_len);
    printf("%s: %ld %d %d\n", who, result, f.l_type, meets);
}

static void arguments(void)
{
    int rw = open("f", O_CREAT | O_RDWR, 0644), rd = open("f", O_RDONLY), wr = open("f", O_WRONLY),
        path = open("f", O_PATH);
    int dir = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
    struct flock pid = {.l_type = F_RDLCK, .l_pid = 5};
    V(write(rw, "0123456789", 10));
    V(SYS(fcntl, rw, F_SETLK, 0));
    V(SYS(fcntl, rw, F_GETLK, NO));
    V(SYS(fcntl, 99, F_SETLK, NO));
    V(SYS(fcntl, path, F_SETLK, NO));
    V(SYS(fcntl, rw, F_OFD_SETLK, &pid));
    V(SYS(fcntl, rd, F_OFD_GETLK, &pid));
    V(SYS(fcntl, rw, F_SETLK, &pid));
    for (int cmd = F_GETLK; cmd <= F_OFD_SETLKW; cmd = cmd == F_SETLKW ? F_OFD_GETLK : cmd + 1)
        for (int type = -1; type <= 3; type++)
            for (int whence = -1; whence <= 3; whence++)
                if (!(cmd == F_OFD_GETLK && type == F_UNLCK)) /* newer than some Linuxes */
                    printf("fcntl(rw, %d, {%d, %d, 0, 5}) = %ld\n", cmd, type, whence,
                           lock(rw, cmd, type, whence, 0, 5));
    static const long long ends[] = {
        0, 1, -1, 5, -5, 10, -10, -11, 11, 1ll << 62, 0x7ffffffffffffffe, 0x7fffffffffffffff, -0x7fffffffffffffff - 1};
    lseek(rw, 4, SEEK_SET);
    for (int whence = 0; whence < 3; whence++)
        for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
            for (unsigned k = 0; k < sizeof ends / sizeof *ends; k++) {
                long result = lock(rw, F_SETLK, F_WRLCK, whence, ends[i], ends[k]);
                printf("fcntl(rw, F_SETLK, {F_WRLCK, %d, %lld, %lld}) = %s\n", whence, ends[i], ends[k],
                       result ? error_name(result) : "0");
                if (result == 0) {
                    tell("which is", rd, F_OFD_GETLK, F_RDLCK, SEEK_SET, 0, 0);
                    V(lock(rw, F_SETLK, F_UNLCK, whence, ends[i], ends[k]));
                    tell("and then", rd, F_OFD_GETLK, F_WRLCK, SEEK_SET, 0, 0);
                }
            }
    int fds[] = {rw, rd, wr, path, dir, null, 99, -1};
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
        for (int type = F_RDLCK; type <= F_UNLCK; type++) {
            printf("file %u type %d: %ld %ld %ld %ld\n", i, type, lock(fds[i], F_SETLK, type, 0, 0, 0),
                   lock(fds[i], F_OFD_SETLK, type, 0, 0, 0), lock(fds[i], F_SETLKW, type, 0, 1, 1),
                   lock(fds[i], F_SETLK, F_UNLCK, 0, 0, 0));
            printf("file %u type %d: %ld\n", i, type, lock(fds[i], F_OFD_SETLK, F_UNLCK, 0, 0, 0));
        }
    for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++)
        for (int how = 0; how < 17; how++)
            printf("flock %u %d: %ld\n", i, how, SYS(flock, fds[i], how | (how == LOCK_UN ? 0 : LOCK_NB)));
    for (int fd = 3; fd < 20; fd++)
        close(fd);
}

/* Who keeps a lock, and for how long. */
static void lifetimes(void)
{
    int a = open("f", O_RDWR), b = open("f", O_RDWR), c = dup(a), other = open("g", O_CREAT | O_RDWR, 0644);
    V(lock(a, F_SETLK, F_WRLCK, 0, 0, 0));
    V(lock(b, F_SETLK, F_WRLCK, 0, 0, 0));
    V(lock(b, F_OFD_SETLK, F_RDLCK, 0, 0, 0));
    V(lock(other, F_OFD_SETLK, F_WRLCK, 0, 0, 0));
    tell("a process lock", b, F_OFD_GETLK, F_WRLCK, 0, 3, 1);
    V(close(open("g", O_RDONLY)));
    V(lock(b, F_OFD_SETLK, F_RDLCK, 0, 0, 0));
    V(close(open("f", O_PATH)));
    V(lock(b, F_OFD_SETLK, F_RDLCK, 0, 0, 0));
    V(close(open("f", O_RDONLY))); /* any descriptor of the file */
    V(lock(b, F_OFD_SETLK, F_RDLCK, 0, 0, 0));
    V(lock(a, F_OFD_SETLK, F_RDLCK, 0, 0, 0));
    V(lock(a, F_OFD_SETLK, F_WRLCK, 0, 0, 0));
    V(lock(a, F_SETLK, F_WRLCK, 0, 0, 0));
    V(close(b));
    V(lock(c, F_OFD_SETLK, F_WRLCK, 0, 5, 5)); /* the same open file */
    b = open("f", O_RDWR);
    tell("an open file's lock", b, F_GETLK, F_RDLCK, 0, 0, 0);
    V(close(a));
    V(lock(b, F_SETLK, F_RDLCK, 0, 5, 1));
    V(close(c));
    V(lock(b, F_SETLK, F_RDLCK, 0, 5, 1));
    a = open("f", O_RDONLY);
    V(flock(a, LOCK_SH | LOCK_NB));
    V(flock(b, LOCK_SH | LOCK_NB));
    V(SYS(flock, b, LOCK_EX | LOCK_NB)); /* loses the shared one */
    V(flock(a, LOCK_EX | LOCK_NB));
    V(SYS(flock, b, LOCK_SH | LOCK_NB));
    V(lock(b, F_SETLK, F_WRLCK, 0, 0, 0)); /* they do not see each other */
    V(lock(b, F_SETLK, F_UNLCK, 0, 0, 0));
    V(unlink("f"));
    V(SYS(flock, b, LOCK_SH | LOCK_NB));
    V(close(a));
    V(SYS(flock, b, LOCK_SH | LOCK_NB));
    V(dup2(other, b)); /* closes it */
    a = open("f", O_CREAT | O_RDWR, 0644);
    V(SYS(flock, a, LOCK_EX | LOCK_NB));
    for (int fd = 3; fd < 20; fd++)
        close(fd);
}

static unsigned seed = 3;
static unsigned next(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 10) % n;
}

static void requests(void)
{
    int fds[4];
    for (unsigned i = 0; i < 4; i++)
        fds[i] = open("f", O_CREAT | O_RDWR, 0644);
    for (unsigned k = 0; k < 4000; k++) {
        unsigned who = next(4), type = next(3), start = next(12), len = next(13 - start), what = next(9);
        long result;
        if (what == 8) {
            close(fds[who]);
            fds[who] = open("f", O_RDWR);
            result = 0;
        } else if (what == 7)
            result = SYS(flock, fds[who], (type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN) | LOCK_NB);
        else
            result = lock(fds[who], what < 2 ? F_SETLK : F_OFD_SETLK, (int)type, 0, start, len);
        printf("%u: %u %u %u [%u,+%u) = %ld\n", k, what, who, type, start, len, result);
        tell_any("  process", fds[next(4)], F_GETLK, F_WRLCK, next(12));
        tell_any("  open file", fds[next(4)], F_OFD_GETLK, F_RDLCK, next(12));
    }
}

int main(void)
{
    arguments();
    lifetimes();
    requests();
    return 0;
}
