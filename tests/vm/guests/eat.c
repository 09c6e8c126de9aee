/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* eat - takes memory and tells how much there is, one word of its arguments after the other:
 * free (KiB), read:FILE (twice), below:KIB, above:KIB (waits until so much is free), eat:MIB (by brk, written and read back), drop (gives it back). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long available(void)
{
    char line[200];
    long kib = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof line, f))
        sscanf(line, "MemFree: %ld", &kib);
    fclose(f);
    return kib;
}

static void eat(long mib)
{
    static long start;
    start = start ? start : syscall(SYS_brk, 0);
    long end = start + mib * (1 << 20), bad = 0;
    if (syscall(SYS_brk, end) != end) {
        printf(" no memory\n");
        return;
    }
    for (long i = start; i + 4096 <= end; i += 4096) {
        bad += *(long *)i != 0;
        *(long *)i = i;
    }
    for (long i = start; i + 4096 <= end; i += 4096)
        bad += *(long *)i != i;
    printf(" %ld bad\n", bad);
    syscall(SYS_brk, start);
}

/* Every byte, which must be the same again. */
static void read_twice(const char *path)
{
    static char bytes[2][70000];
    int fds[2] = {open(path, O_RDONLY), open(path, O_RDONLY)};
    ssize_t n;
    long bad = 0;
    while ((n = read(fds[0], bytes[0], sizeof bytes[0])) > 0)
        bad += read(fds[1], bytes[1], (size_t)n) != n || memcmp(bytes[0], bytes[1], (size_t)n) != 0;
    close(fds[0]);
    close(fds[1]);
    printf(" %ld bad\n", bad + (n < 0));
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *colon = strchr(argv[i], ':');
        long n = colon ? atol(colon + 1) : 0, kib;
        printf("%s", argv[i]);
        fflush(stdout);
        if (strncmp(argv[i], "below", 5) == 0 || strncmp(argv[i], "above", 5) == 0) {
            while (kib = available(), argv[i][0] == 'b' ? kib >= n : kib <= n)
                usleep(1000);
            printf(" reached\n");
        } else if (strncmp(argv[i], "eat", 3) == 0)
            eat(n);
        else if (strncmp(argv[i], "read", 4) == 0)
            read_twice(colon + 1);
        else
            printf(" %ld\n", available());
        fflush(stdout);
    }
    return 0;
}
