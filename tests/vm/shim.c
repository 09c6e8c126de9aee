/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* shim - loaded into QEMU (LD_PRELOAD), does to one file's preadv and pwritev what the host might.
 * The SHIM_NTH call on the file $SHIM_FILE (-N: from the N-th on; 0: each) does what $SHIM says: an errno by number, "short" (a part only), "cut" (the file is
 * first cut to 100 bytes), "noise" (other bytes than the file's), "delay" (by SHIM_SECONDS). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PART = 777, CUT = 100 };

typedef ssize_t (*call_fn)(int fd, const struct iovec *iov, int n, off_t offset);

static bool is_its_turn(int fd)
{
    static atomic_int count;
    char link[64], path[4096];
    const char *file = getenv("SHIM_FILE"), *nth = getenv("SHIM_NTH");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (!file || len < 0 || (size_t)len != strlen(file) || memcmp(path, file, (size_t)len) != 0)
        return false;
    int now = ++count, which = nth ? atoi(nth) : 0;
    return which > 0 ? now == which : now >= -which;
}

/* Who waits for the file $SHIM_FILE.now knows that the call is under way. */
static void delay(void)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.now", getenv("SHIM_FILE"));
    close(open(path, O_CREAT | O_WRONLY, 0644));
    sleep((unsigned)atoi(getenv("SHIM_SECONDS")));
}

static ssize_t act(call_fn call, bool reads, int fd, const struct iovec *iov, int n, off_t offset)
{
    const char *what = getenv("SHIM");
    if (!what || !is_its_turn(fd))
        return call(fd, iov, n, offset);
    if (strcmp(what, "short") == 0) {
        struct iovec part = {iov->iov_base, iov->iov_len < PART ? iov->iov_len : PART};
        return call(fd, &part, 1, offset);
    }
    if (strcmp(what, "delay") == 0)
        delay();
    if (strcmp(what, "cut") == 0 && truncate(getenv("SHIM_FILE"), CUT) != 0)
        abort();
    ssize_t done = atoi(what) ? -1 : call(fd, iov, n, offset);
    for (int i = 0; reads && strcmp(what, "noise") == 0 && i < n; i++)
        memset(iov[i].iov_base, 0xcc, iov[i].iov_len);
    if (atoi(what))
        errno = atoi(what);
    return done;
}

#define HOOK(name, reads)                                                                                              \
    ssize_t name(int fd, const struct iovec *iov, int n, off_t offset);                                                \
    ssize_t name(int fd, const struct iovec *iov, int n, off_t offset)                                                 \
    {                                                                                                                  \
        return act((call_fn)dlsym(RTLD_NEXT, #name), reads, fd, iov, n, offset);                                       \
    }
HOOK(preadv, true)
HOOK(preadv64, true)
HOOK(pwritev, false)
HOOK(pwritev64, false)
