/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fileops - operations on files drawn by lot: fileops [-q] COUNT SEED[:SKIP,SKIP-SKIP...] | FIRST..LAST... */
/* Each seed has a folder of its own, and a line a call; with -q a line a seed, and one more if fids or memory were lost on the way. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 8, MOST = 200000, OLD = 1200000000 };

/*
 * What no client can get from the server, and so is not drawn (QEMU 7.2 to 10.2, security_model=none; docs/trust.md tells of others):
 *  - attributes of an open file are set by the name that it was opened by: not when that name is gone. named() asks for that; names that are
 *    hard links (HARD) and others (PLAIN) never mix, because of two names the one may go that the server knows;
 *  - fifos, devices and sockets cannot be made (ENXIO);
 *  - holes are not told: what lseek answers within a file is not printed;
 *  - what sendfile from a file into itself does where the ranges meet hangs on Linux's buffers;
 *  - positions in a directory are the server's own numbers;
 *  - an extended attribute without a value is none for the server;
 *  - a descriptor whose name is gone goes on appending;
 *  - RENAME_EXCHANGE, O_TMPFILE, O_DIRECT have no message.
 */
static const char *const plain[] = {"a",     "b",         "c",      "d",   "e",      "d/a",      "d/b", "d/e", "e/a",
                                    "e/c",   "d/e/a",     "d/../a", "./b", "e/../d", "a/",       "d/",  "e/.", "a/x",
                                    "d/x/y", "nowhere/x", "",       ".",   "..",     "d/e/../b", "l",   "m",   "d/l"};
static const char *const hard[] = {"h", "i", "j", "d/h", "e/i", "d/e/h"};
static char long_name[300];

static uint64_t state;

static uint64_t draw(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
    return (unsigned)(draw() % n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static int slot[SLOTS];
static bool by_plain[SLOTS]; /* its name is none of the hard links' */
static char buf[MOST], other[MOST];

/* ---- arguments ---- */

/* Mostly one that is open, if there is any. */
static unsigned pick(void)
{
    unsigned s = below(SLOTS);
    if (chance(90))
        for (unsigned i = 0; i < SLOTS && slot[s] < 0; i++)
            s = (s + 1) % SLOTS;
    return s;
}

/* The first names are the most frequent. */
static const char *name(void)
{
    if (chance(1))
        return long_name;
    unsigned n = sizeof plain / sizeof *plain, m = below(n);
    return plain[chance(80) ? m % 10 : m];
}

static const char *hard_name(void)
{
    return hard[chance(60) ? 0 : below(sizeof hard / sizeof *hard)];
}

static bool is_hard(const char *path)
{
    size_t n = strlen(path);
    return n && strchr("hij", path[n - 1]);
}

static const char *any_name(void)
{
    return chance(20) ? hard_name() : name();
}

static long size(void)
{
    switch (below(8)) {
    case 0:
        return 0;
    case 1:
        return 4096 * (long)below(20);
    case 2:
        return 4096 * (long)below(20) + (long)below(3) - 1;
    case 3:
        return (long)below(MOST);
    default:
        return (long)below(200);
    }
}

static mode_t mode(void)
{
    static const mode_t modes[] = {0600, 0644, 0640, 0755, 0700, 04755, 02750, 01777, 0666, 0711};
    return modes[below(sizeof modes / sizeof *modes)];
}

static size_t fill(void)
{
    size_t n = (size_t)size();
    n = n > MOST ? 0 : n;
    uint64_t x = draw();
    for (size_t i = 0; i < n; i++)
        buf[i] = (char)((x >> i % 57) + i / 64);
    return n;
}

static unsigned hash(const void *bytes, size_t n)
{
    unsigned h = 2166136261u;
    for (const unsigned char *p = bytes; n--; p++)
        h = (h ^ *p) * 16777619u;
    return h;
}

/* ---- telling ---- */

static long result(long r)
{
    r = r < 0 ? -errno : r;
    printf(" = %ld", r);
    return r;
}

static void data(long n, const void *bytes)
{
    if (n > 0)
        printf(" %08x", hash(bytes, (size_t)n));
}

/* Times that the program did not set differ by nature, and so do sizes and links of folders. */
static void attributes(const struct stat *st)
{
    printf(" %o %u %u %lx", st->st_mode, st->st_uid, st->st_gid, (long)st->st_rdev);
    if (!S_ISDIR(st->st_mode))
        printf(" %ld %ld", (long)st->st_nlink, (long)st->st_size);
    if (st->st_mtime < OLD)
        printf(" %ld.%09ld", (long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(int fd)
{
    char *names[2000];
    unsigned n = 0;
    long len = syscall(SYS_getdents64, fd, other, sizeof other);
    for (long at = 0; at < len && n < 2000; at += *(unsigned short *)(other + at + 16)) {
        char *d = other + at;
        d[18] = (char)(d[18] + 'a'); /* the type, ahead of the name */
        names[n++] = d + 18;
    }
    result(len < 0 ? len : (long)n);
    qsort(names, n, sizeof *names, by_bytes);
    for (unsigned i = 0; i < n; i++)
        printf(" %s", names[i]);
}

/* Is the name still there by which the server knows the open file? */
static bool named(unsigned s)
{
    struct stat st;
    return by_plain[s] && !fstat(slot[s], &st) && st.st_nlink;
}

static bool is_directory(unsigned s)
{
    struct stat st;
    return !fstat(slot[s], &st) && S_ISDIR(st.st_mode);
}

static bool same_file(unsigned s, unsigned t)
{
    struct stat a, b;
    return !fstat(slot[s], &a) && !fstat(slot[t], &b) && a.st_ino == b.st_ino;
}

/* A directory to start from: mostly the current one. */
static int at(unsigned *s)
{
    struct stat st;
    *s = pick();
    if (chance(70) || (!fstat(slot[*s], &st) && !st.st_nlink))
        *s = SLOTS;
    return *s < SLOTS ? slot[*s] : AT_FDCWD;
}

/* ---- calls: each draws all its arguments, tells them, and does it ---- */

static void do_open(void)
{
    static const int extra[] = {O_CREAT,
                                O_CREAT,
                                O_CREAT,
                                O_CREAT | O_EXCL,
                                O_CREAT | O_TRUNC,
                                O_TRUNC,
                                O_APPEND,
                                O_CREAT | O_APPEND,
                                O_NOFOLLOW,
                                O_DIRECTORY,
                                O_DIRECTORY | O_NOFOLLOW,
                                O_CLOEXEC,
                                O_SYNC,
                                O_DSYNC,
                                O_NONBLOCK,
                                O_NOCTTY,
                                O_CREAT | O_EXCL | O_NOFOLLOW,
                                O_NOATIME,
                                0,
                                0};
    unsigned s = below(SLOTS), from;
    int dir = at(&from);
    const char *path = any_name();
    int flags = (chance(50) ? O_RDWR : (int)below(3)) | extra[below(sizeof extra / sizeof *extra)];
    mode_t m = mode();
    printf("openat(%u, %s, %o, %o) -> %u", from, path, flags, m, s);
    close(slot[s]);
    slot[s] = -1;
    int fd = openat(dir, path, flags, m);
    result(fd < 0 ? fd : 0);
    if (fd >= 0) {
        slot[s] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
        close(fd);
        by_plain[s] = !is_hard(path);
    }
}

static void do_close(void)
{
    unsigned s = pick();
    printf("close(%u)", s);
    result(close(slot[s]));
    slot[s] = -1;
}

static void do_dup(void)
{
    unsigned s = pick(), t = below(SLOTS);
    printf("dup(%u) -> %u", s, t);
    int fd = dup(slot[s]);
    result(fd < 0 ? fd : 0);
    if (fd >= 0) {
        by_plain[t] = by_plain[s];
        close(slot[t]);
        slot[t] = fcntl(fd, F_DUPFD_CLOEXEC, 100);
        close(fd);
    }
}

static void do_read(void)
{
    unsigned s = pick();
    size_t n = (size_t)size() % MOST;
    printf("read(%u, %zu)", s, n);
    data(result(read(slot[s], buf, n)), buf);
}

static void do_pread(void)
{
    unsigned s = pick();
    size_t n = (size_t)size() % MOST;
    long where = size() - (chance(5) ? 100 : 0);
    printf("pread(%u, %zu, %ld)", s, n, where);
    data(result(pread(slot[s], buf, n, where)), buf);
}

static void do_write(void)
{
    unsigned s = pick();
    size_t n = fill();
    printf("write(%u, %zu)", s, n);
    result(write(slot[s], buf, n));
}

static void do_pwrite(void)
{
    unsigned s = pick();
    size_t n = fill();
    long where = size() - (chance(5) ? 100 : 0);
    printf("pwrite(%u, %zu, %ld)", s, n, where);
    result(pwrite(slot[s], buf, n, where));
}

static void do_vector(void)
{
    unsigned s = pick(), how = below(4);
    struct iovec v[4];
    size_t n = fill(), from = 0;
    for (int i = 0; i < 4; i++) {
        size_t part = i == 3 ? n - from : below((unsigned)(n - from + 1));
        v[i] = (struct iovec){(how & 1 ? buf : other) + from, part};
        from += part;
    }
    long where = size();
    printf("%s(%u, %zu, %ld)", (const char *const[]){"readv", "writev", "preadv", "pwritev"}[how], s, n, where);
    long r = how == 0   ? readv(slot[s], v, 4)
             : how == 1 ? writev(slot[s], v, 4)
             : how == 2 ? preadv(slot[s], v, 4, where)
                        : pwritev(slot[s], v, 4, where);
    r = result(r);
    if (!(how & 1))
        data(r, other);
}

static void do_seek(void)
{
    unsigned s = pick();
    int whence = chance(95) ? (int)below(3) : 9;
    long by = size() * (chance(20) ? -1 : 1);
    printf("lseek(%u, %ld, %d)", s, by, whence);
    if (!is_directory(s))
        result(lseek(slot[s], by, whence));
}

/* Only what does not hang on where the holes are. */
static void do_seek_hole(void)
{
    unsigned s = pick();
    int whence = chance(50) ? SEEK_DATA : SEEK_HOLE;
    long where = size();
    struct stat st = {0};
    printf("lseek(%u, %ld, %s)", s, where, whence == SEEK_DATA ? "SEEK_DATA" : "SEEK_HOLE");
    off_t was = lseek(slot[s], 0, SEEK_CUR);
    if (!fstat(slot[s], &st) && (S_ISDIR(st.st_mode) || where < st.st_size)) {
        printf(" within");
        return;
    }
    result(lseek(slot[s], where, whence));
    lseek(slot[s], was, SEEK_SET);
}

static void do_ftruncate(void)
{
    unsigned s = pick();
    long n = size() - (chance(5) ? 300 : 0);
    printf("ftruncate(%u, %ld)", s, n);
    if (slot[s] < 0 || named(s))
        result(ftruncate(slot[s], n));
}

static void do_truncate(void)
{
    const char *path = any_name();
    long n = chance(3) ? (1l << 30) + size() : size();
    printf("truncate(%s, %ld)", path, n);
    result(truncate(path, n));
}

static void do_rename(void)
{
    bool hardly = chance(20);
    unsigned from;
    int dir = at(&from);
    const char *old = hardly ? hard_name() : name(), *new = hardly ? hard_name() : name();
    unsigned flags = chance(20);
    printf("renameat2(%u, %s, %s, %u)", from, old, new, flags);
    result(syscall(SYS_renameat2, dir, old, dir, new, flags));
}

static void do_link(void)
{
    const char *old = hard_name(), *new = hard_name();
    int flags = chance(30) ? AT_SYMLINK_FOLLOW : 0;
    printf("linkat(%s, %s, %x)", old, new, flags);
    result(linkat(AT_FDCWD, old, AT_FDCWD, new, flags));
}

static void do_symlink(void)
{
    unsigned from;
    int dir = at(&from);
    const char *target = name(), *path = chance(50) ? "l" : name();
    printf("symlinkat(%s, %u, %s)", target, from, path);
    result(symlinkat(target, dir, path));
}

static void do_unlink(void)
{
    unsigned from;
    int dir = at(&from), flags = chance(30) ? AT_REMOVEDIR : 0;
    const char *path = any_name();
    printf("unlinkat(%u, %s, %x)", from, path, flags);
    result(unlinkat(dir, path, flags));
}

static void do_mkdir(void)
{
    unsigned from;
    int dir = at(&from);
    const char *path = chance(50) ? (const char *const[]){"d", "e", "d/e"}[below(3)] : name();
    mode_t m = mode();
    printf("mkdirat(%u, %s, %o)", from, path, m);
    result(mkdirat(dir, path, m));
}

static void do_mknod(void)
{
    const char *path = any_name();
    mode_t m = mode() | (chance(50) ? S_IFREG : chance(10) ? S_IFDIR : 0);
    printf("mknod(%s, %o)", path, m);
    result(mknod(path, m, 0));
}

static void do_chmod(void)
{
    unsigned s = pick();
    bool by_name = chance(50);
    const char *path = any_name();
    mode_t m = mode();
    printf("chmod(%s, %u, %o)", by_name ? path : "", s, m);
    if (by_name)
        result(chmod(path, m));
    else if (slot[s] < 0 || named(s))
        result(fchmod(slot[s], m));
}

static void do_chown(void)
{
    unsigned s = pick(), how = below(3);
    const char *path = any_name();
    uid_t uid = chance(30) ? (uid_t)-1 : below(3) * 1000;
    gid_t gid = chance(30) ? (gid_t)-1 : below(3) * 5;
    printf("chown(%u, %s, %u, %d, %d)", how, how < 2 ? path : "", s, (int)uid, (int)gid);
    if (how < 2)
        result(fchownat(AT_FDCWD, path, uid, gid, how ? AT_SYMLINK_NOFOLLOW : 0));
    else if (slot[s] < 0 || named(s))
        result(fchown(slot[s], uid, gid));
}

static void one_time(struct timespec *t)
{
    static const long special[] = {UTIME_NOW, UTIME_OMIT, 1000000000, -1};
    *t = (struct timespec){100000000 + below(1000000000), below(1000000000)};
    if (chance(30))
        t->tv_nsec = special[chance(80) ? below(2) : below(4)];
}

static void do_times(void)
{
    unsigned s = pick(), how = below(4);
    const char *path = any_name();
    struct timespec t[2];
    one_time(&t[0]);
    one_time(&t[1]);
    printf("utimensat(%u, %s, %u, %ld.%ld, %ld.%ld)", how, how < 3 ? path : "", s, (long)t[0].tv_sec, t[0].tv_nsec,
           (long)t[1].tv_sec, t[1].tv_nsec);
    if (how < 3)
        result(utimensat(AT_FDCWD, path, how == 2 ? NULL : t, how ? AT_SYMLINK_NOFOLLOW : 0));
    else if (slot[s] < 0 || named(s))
        result(futimens(slot[s], t));
}

static void do_stat(void)
{
    unsigned s = pick(), from;
    int dir = at(&from), flags = chance(50) ? AT_SYMLINK_NOFOLLOW : 0;
    bool by_name = chance(60);
    const char *path = any_name();
    struct stat st;
    printf("stat(%u, %s, %u, %x)", from, by_name ? path : "", s, flags);
    if (result(by_name ? fstatat(dir, path, &st, flags) : fstat(slot[s], &st)) == 0)
        attributes(&st);
}

static void do_statx(void)
{
    const char *path = any_name();
    int flags = chance(50) ? AT_SYMLINK_NOFOLLOW : 0;
    struct statx st;
    printf("statx(%s, %x)", path, flags);
    if (result(statx(AT_FDCWD, path, flags, STATX_BASIC_STATS, &st)) == 0)
        printf(" %o %u %u %llu %x", st.stx_mode, st.stx_uid, st.stx_gid,
               S_ISDIR(st.stx_mode) ? 0 : (unsigned long long)st.stx_size, st.stx_mask & STATX_BASIC_STATS);
}

static void do_statfs(void)
{
    unsigned s = pick();
    bool by_name = chance(50);
    const char *path = any_name();
    struct statfs st;
    printf("statfs(%s, %u)", by_name ? path : "", s);
    if (by_name || slot[s] < 0 || named(s))
        if (result(by_name ? statfs(path, &st) : fstatfs(slot[s], &st)) == 0)
            printf(" %ld", (long)st.f_namelen);
}

static void do_access(void)
{
    unsigned from;
    int dir = at(&from), how = (int)below(8);
    const char *path = any_name();
    printf("faccessat(%u, %s, %d)", from, path, how);
    result(faccessat(dir, path, how, 0));
}

static void do_readlink(void)
{
    unsigned from;
    int dir = at(&from);
    const char *path = chance(50) ? "l" : any_name();
    size_t n = chance(20) ? below(4) : 4096;
    printf("readlinkat(%u, %s, %zu)", from, path, n);
    data(result(readlinkat(dir, path, buf, n)), buf);
}

static void do_list(void)
{
    unsigned s = pick();
    const char *path = name();
    if (chance(40)) {
        printf("getdents(%u)", s);
        lseek(slot[s], 0, SEEK_SET);
        list(slot[s]);
        lseek(slot[s], 0, SEEK_SET);
        return;
    }
    printf("list(%s)", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    list(fd);
    close(fd);
}

static void do_sync(void)
{
    unsigned s = pick(), how = below(4);
    printf("sync(%u, %u)", how, s);
    result(how == 0   ? fsync(slot[s])
           : how == 1 ? fdatasync(slot[s])
           : how == 2 ? syncfs(slot[s])
                      : sync_file_range(slot[s], 0, 0, 7));
}

static void do_copy(void)
{
    unsigned s = pick(), t = pick();
    bool range = chance(50), with_offset = chance(50);
    off_t from = size(), to = size();
    size_t n = (size_t)size();
    if (is_directory(s) || (!range && same_file(s, t) && (s != t || with_offset)))
        return;
    printf("%s(%u, %u, %ld, %ld, %zu)", range ? "copy_file_range" : "sendfile", s, t, with_offset ? (long)from : -1,
           with_offset ? (long)to : -1, n);
    if (range)
        result(copy_file_range(slot[s], with_offset ? &from : NULL, slot[t], with_offset ? &to : NULL, n, 0));
    else
        result(sendfile(slot[t], slot[s], with_offset ? &from : NULL, n));
    printf(" %ld", with_offset ? (long)from : 0);
}

static void do_setxattr(void)
{
    static const char *const names[] = {"user.a", "user.b", "user.c", "nospace", "user.", "", "bad.x"};
    unsigned s = pick();
    bool by_name = chance(60);
    const char *path = any_name(), *key = names[chance(80) ? below(3) : below(7)];
    size_t n = 1 + (size_t)below(chance(5) ? 2000 : 50);
    int flags = chance(30) ? (int)below(4) : 0;
    bool removes = chance(25);
    memset(buf, 'A' + (int)below(26), n);
    printf("%s(%s, %u, %s, %zu, %d)", removes ? "removexattr" : "setxattr", by_name ? path : "", s, key, n, flags);
    if (removes && (by_name || slot[s] < 0 || named(s)))
        result(by_name ? removexattr(path, key) : fremovexattr(slot[s], key));
    else if (by_name || slot[s] < 0 || named(s))
        result(by_name ? setxattr(path, key, buf, n, flags) : fsetxattr(slot[s], key, buf, n, flags));
}

static void do_getxattr(void)
{
    unsigned s = pick();
    bool by_name = chance(60), lists = chance(30);
    const char *path = any_name(),
               *key = (const char *const[]){"user.a", "user.b", "user.c", "user.none", "bad.x"}[below(5)];
    size_t n = chance(30) ? below(20) : MOST / 4;
    printf("%s(%s, %u, %s, %zu)", lists ? "listxattr" : "getxattr", by_name ? path : "", s, key, n);
    if (!by_name && slot[s] >= 0 && !named(s))
        return;
    long r = lists     ? by_name ? llistxattr(path, buf, n) : flistxattr(slot[s], buf, n)
                 : by_name ? getxattr(path, key, buf, n)
                       : fgetxattr(slot[s], key, buf, n);
    r = result(r);
    if (!lists && n)
        data(r, buf);
}

static void do_lock(void)
{
    static const int ops[] = {LOCK_SH, LOCK_EX, LOCK_UN};
    unsigned s = pick(), how = below(3);
    int op = ops[below(3)];
    short type = (short)below(3);
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = size(), .l_len = size()};
    printf("lock(%u, %u, %d, %d, %ld, %ld)", how, s, op, type, (long)l.l_start, (long)l.l_len);
    if (how == 0) {
        result(flock(slot[s], op | LOCK_NB));
    } else if (how == 1) {
        result(fcntl(slot[s], F_SETLK, &l));
    } else if (result(fcntl(slot[s], F_GETLK, &l)) == 0) {
        printf(" %d", l.l_type);
    }
}

static void do_fcntl(void)
{
    unsigned s = pick(), how = below(3);
    int flags = chance(50) ? O_APPEND : 0;
    printf("fcntl(%u, %u, %o)", how, s, flags);
    if (how != 1 || slot[s] < 0 || named(s))
        result(how == 0   ? fcntl(slot[s], F_GETFL)
               : how == 1 ? fcntl(slot[s], F_SETFL, flags)
                          : fcntl(slot[s], F_GETFD));
}

static void do_map(void)
{
    unsigned s = pick();
    size_t n = (size_t)size();
    struct stat st;
    printf("mmap(%u, %zu)", s, n);
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, slot[s], 0);
    result(p == MAP_FAILED ? -1 : 0);
    if (p == MAP_FAILED)
        return;
    if (!fstat(slot[s], &st) && (size_t)st.st_size < n)
        data((long)st.st_size, p);
    else
        data((long)n, p);
    munmap(p, n);
}

/* Made, removed, used and closed at once: no later step is needed to see it. */
static void do_orphan(void)
{
    const char *path = name();
    size_t n = fill();
    struct stat st;
    printf("orphan(%s, %zu)", path, n);
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    result(fd < 0 ? fd : 0);
    if (fd < 0)
        return;
    result(unlink(path));
    result(write(fd, buf, n));
    result(pread(fd, other, n, 0));
    result(memcmp(buf, other, n) ? 1 : 0);
    struct statfs fs;
    result(fstatfs(fd, &fs));
    result(-posix_fallocate(fd, (off_t)n / 2, (off_t)n + 1));
    if (result(fstat(fd, &st)) == 0)
        attributes(&st);
    result(close(fd));
}

static void do_path_fd(void)
{
    const char *path = any_name();
    int flags = O_PATH | (chance(50) ? O_NOFOLLOW : 0);
    struct stat st;
    printf("O_PATH(%s, %o)", path, flags);
    int fd = open(path, flags);
    result(fd < 0 ? fd : 0);
    if (fd < 0)
        return;
    if (result(fstat(fd, &st)) == 0)
        attributes(&st);
    result(read(fd, buf, 1));
    result(fchmod(fd, 0600));
    close(fd);
}

/* Rows of regressions (test_diff.py) hang on this table and on what each call draws: new calls need new rows. */
static const struct {
    void (*call)(void);
    unsigned weight;
} calls[] = {
    {do_open, 18},    {do_close, 4},    {do_dup, 2},     {do_read, 6},      {do_pread, 5},     {do_write, 9},
    {do_pwrite, 6},   {do_vector, 4},   {do_seek, 4},    {do_seek_hole, 2}, {do_ftruncate, 4}, {do_truncate, 3},
    {do_rename, 7},   {do_link, 3},     {do_symlink, 3}, {do_unlink, 6},    {do_mkdir, 5},     {do_mknod, 2},
    {do_chmod, 4},    {do_chown, 3},    {do_times, 4},   {do_stat, 6},      {do_statx, 2},     {do_statfs, 1},
    {do_access, 2},   {do_readlink, 2}, {do_list, 5},    {do_sync, 1},      {do_copy, 5},      {do_setxattr, 4},
    {do_getxattr, 4}, {do_lock, 3},     {do_fcntl, 3},   {do_map, 2},       {do_orphan, 1},    {do_path_fd, 1},
};

static void step(void)
{
    unsigned total = 0, i = 0;
    for (unsigned k = 0; k < sizeof calls / sizeof *calls; k++)
        total += calls[k].weight;
    for (unsigned at = below(total); at >= calls[i].weight; i++)
        at -= calls[i].weight;
    calls[i].call();
}

/* ---- sequences ---- */

/* "3,7-9": is n in it? */
static bool listed(const char *ranges, unsigned n)
{
    for (const char *p = ranges; *p;) {
        char *end;
        unsigned long from = strtoul(p, &end, 10), to = *end == '-' ? strtoul(end + 1, &end, 10) : from;
        if (n >= from && n <= to)
            return true;
        p = *end == ',' ? end + 1 : "";
    }
    return false;
}

/* Each step draws from a beginning of its own: leaving some out does not change the others. */
static void sequence(const char *word, unsigned count)
{
    char *end, folder[40];
    uint64_t seed = strtoull(word, &end, 10);
    const char *skipped = *end == ':' ? end + 1 : "";
    snprintf(folder, sizeof folder, "s%llu", (unsigned long long)seed);
    mkdir(folder, 0755);
    if (chdir(folder))
        exit(1);
    mkdir("d", 0755);
    mkdir("e", 0755);
    mkdir("d/e", 0755);
    for (unsigned s = 0; s < SLOTS; s++)
        slot[s] = -1;
    for (unsigned i = 0; i < count; i++) {
        state = seed * 0x2545f4914f6cdd1d + i * 0x9e3779b97f4a7c15u;
        draw();
        state = draw();
        if (listed(skipped, i))
            continue;
        printf("%llu.%u ", (unsigned long long)seed, i);
        step();
        putchar('\n');
    }
    for (unsigned s = 0; s < SLOTS; s++)
        close(slot[s]);
    if (chdir(".."))
        exit(1);
}

/* ---- leaks ---- */

struct usage {
    long fids, pages;
};

/* Of the guest; on Linux there is no such file, and memory is not ours alone. */
static struct usage usage(void)
{
    struct usage u = {0};
    struct sysinfo info;
    FILE *f = fopen("/sys/fs/9p/host/fids", "r");
    if (!f)
        return u;
    fscanf(f, "%ld", &u.fids);
    fclose(f);
    sysinfo(&info);
    u.pages = (long)(info.freeram / 4096);
    return u;
}

static void quiet(const char *word, unsigned count)
{
    static char text[1 << 20];
    FILE *to = stdout;
    if (!(stdout = fmemopen(text, sizeof text, "w")))
        exit(1);
    sequence(word, count);
    long len = ftell(stdout);
    fclose(stdout);
    stdout = to;
    printf("%s %08x\n", word, hash(text, (size_t)len));
    memset(text, 1, sizeof text);
}

static void words(char **word, unsigned count, void (*run)(const char *, unsigned))
{
    for (; *word; word++) {
        char *dots = strstr(*word, ".."), one[24];
        unsigned long first = strtoul(*word, NULL, 10), last = dots ? strtoul(dots + 2, NULL, 10) : first;
        for (unsigned long seed = first; seed <= last; seed++) {
            snprintf(one, sizeof one, "%lu", seed);
            run(dots ? one : *word, count);
        }
    }
}

int main(int argc, char **argv)
{
    static char out[1 << 16];
    bool silent = argc > 1 && !strcmp(argv[1], "-q");
    argv += silent;
    setvbuf(stdout, out, _IOFBF, sizeof out);
    umask(022);
    memset(long_name, 'n', 256);
    if (!silent) {
        words(argv + 2, (unsigned)atoi(argv[1]), sequence);
        return 0;
    }
    enum { FEW = 32, KEPT = 6 };
    memset(buf, 1, sizeof buf);
    memset(other, 1, sizeof other);
    words((char *[]){"0..9", NULL}, (unsigned)atoi(argv[1]),
          quiet); /* nearly all that is kept for ever is had after that */
    struct usage before = usage();
    words(argv + 2, (unsigned)atoi(argv[1]), quiet);
    struct usage after = usage();
    /* What was put off, the ends of fids, goes out when the guest idles. */
    for (int tries = 0; tries < 1000 && labs(after.fids - before.fids) > KEPT; tries++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        after = usage();
    }
    /* Messages' slots and their tables (a page each) are as many as there ever had to be at once, the last listing is kept (6), and this program's own memory grows by a
     * few pages: 24 in all after three times as many operations, and not one of them lost.
     * Of fids, those of directories kept for the next change differ by what came last: six at most. */
    if (labs(after.fids - before.fids) > KEPT || before.pages - after.pages > FEW)
        printf("lost: %ld fids, %ld pages\n", after.fids - before.fids, before.pages - after.pages);
    return 0;
}
