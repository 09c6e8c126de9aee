/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* errno - each call that takes a path with each odd path, and every other call with each odd argument. Makes its folder w anew after whatever succeeded;
 * beside w there are mnt, another file system with the same in it, and ro, which is read-only. */
#define _GNU_SOURCE
#include "table.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* musl makes other names of these. */
#undef pread64
#undef pwrite64
#undef getdents64

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define NOWHERE ((char *)0x7000000000)
#define KERNEL  ((char *)0xffffffff80100000)

static char longest[256], too_long[257], deep[4096], too_deep[4097];
static int base;      /* w */
static int in_memory; /* the file system keeps no attributes */
static char page[65536];

/* ---- the folder ---- */

static void wipe(const char *path)
{
    char name[512];
    struct dirent *e;
    DIR *dir = opendir(path);
    if (!dir)
        return;
    while ((e = readdir(dir))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (unlink(name) && rmdir(name)) {
            wipe(name);
            rmdir(name);
        }
    }
    closedir(dir);
}

static void put(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    write(fd, text, strlen(text));
    close(fd);
}

static void build(const char *path)
{
    wipe(path);
    int dir = open(path, O_DIRECTORY);
    put(dir, "f", "hello world");
    mkdirat(dir, "d", 0755);
    mkdirat(dir, "full", 0755);
    put(dir, "full/x", "x");
    symlinkat("f", dir, "lf");
    symlinkat("d", dir, "ld");
    symlinkat("nowhere", dir, "dang");
    symlinkat("loop", dir, "loop");
    close(dir);
}

static void restore(void)
{
    fchdir(base);
    build(".");
    build("../mnt");
}

static void set_up(void)
{
    umask(022);
    mkfifo("fifo", 0644); /* where the host made none */
    mkdir("w", 0755);
    chdir("w");
    base = open(".", O_RDONLY);
    memset(longest, 'n', 255);
    memset(too_long, 'n', 256);
    for (unsigned i = 0; i < 4095; i += 2)
        memcpy(deep + i, "./", 2);
    deep[4094] = 'f';
    memcpy(too_deep, deep, 4094);
    memcpy(too_deep + 4094, "/f", 2);
    restore();
}

/* ---- each call with each path ---- */

static const struct timespec old[2] = {{1000000000, 1}, {1100000000, 2}};

static int good(const char *p)
{
    return p && p != NOWHERE && p != KERNEL;
}

#define OPEN(name, flags)                                                                                              \
    static long name(const char *p)                                                                                    \
    {                                                                                                                  \
        long fd = SYS(open, p, (flags) | O_NONBLOCK, 0644);                                                            \
        if (fd >= 0)                                                                                                   \
            close(fd);                                                                                                 \
        return fd;                                                                                                     \
    }
OPEN(open_read, O_RDONLY)
OPEN(open_write, O_WRONLY)
OPEN(open_trunc, O_RDWR | O_TRUNC)
OPEN(open_trunc_read, O_RDONLY | O_TRUNC)
OPEN(open_create, O_CREAT | O_RDWR)
OPEN(open_create_read, O_CREAT | O_RDONLY)
OPEN(open_new, O_CREAT | O_EXCL | O_RDWR)
OPEN(open_create_nofollow, O_CREAT | O_NOFOLLOW | O_RDWR)
OPEN(open_directory, O_DIRECTORY)
OPEN(open_create_directory, O_CREAT | O_DIRECTORY)
OPEN(open_nofollow, O_NOFOLLOW)
OPEN(open_directory_nofollow, O_DIRECTORY | O_NOFOLLOW)
OPEN(open_path, O_PATH)
OPEN(open_path_nofollow, O_PATH | O_NOFOLLOW)
OPEN(open_directory_write, O_DIRECTORY | O_RDWR)

static long do_creat(const char *p)
{
    long fd = good(p) && strstr(p, "fifo") ? -EINTR /* it would wait */ : SYS(creat, p, 0644);
    if (fd >= 0)
        close(fd);
    return fd;
}

#define PATH(name, ...)                                                                                                \
    static long name(const char *p)                                                                                    \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }

PATH(do_stat, SYS(stat, p, page))
PATH(do_lstat, SYS(lstat, p, page))
PATH(do_newfstatat_empty, SYS(newfstatat, base, p, page, AT_EMPTY_PATH))
PATH(do_statx, SYS(statx, AT_FDCWD, p, 0, 0x7ff, page))
PATH(do_access, SYS(access, p, F_OK))
PATH(do_access_write, SYS(access, p, W_OK))
PATH(do_access_execute, SYS(access, p, X_OK))
PATH(do_faccessat2_nofollow, SYS(faccessat2, AT_FDCWD, p, W_OK, AT_SYMLINK_NOFOLLOW))
PATH(do_readlink, SYS(readlink, p, page, 100))
PATH(do_statfs, SYS(statfs, p, page))
PATH(do_chdir, SYS(chdir, p))
PATH(do_mkdir, SYS(mkdir, p, 0755))
PATH(do_mknod, SYS(mknod, p, S_IFREG | 0600, 0))
PATH(do_mknod_directory, SYS(mknod, p, S_IFDIR | 0600, 0))
PATH(do_mknod_odd, SYS(mknod, p, S_IFLNK | 0600, 0))
PATH(do_symlink, SYS(symlink, "f", p))
PATH(do_rmdir, SYS(rmdir, p))
PATH(do_unlink, SYS(unlink, p))
PATH(do_unlinkat_directory, SYS(unlinkat, AT_FDCWD, p, AT_REMOVEDIR))
PATH(do_rename, SYS(rename, p, "moved"))
PATH(do_rename_slash, SYS(rename, p, "moved/"))
PATH(do_rename_onto, SYS(rename, "f", p))
PATH(do_rename_directory_onto, SYS(rename, "full", p))
PATH(do_rename_from_mount, SYS(rename, "../mnt/f", p))
PATH(do_rename_noreplace, SYS(renameat2, AT_FDCWD, "f", AT_FDCWD, p, 1))
PATH(do_rename_inside, SYS(rename, p, "full/inside"))
PATH(do_link, SYS(link, p, "linked"))
PATH(do_link_onto, SYS(link, "f", p))
PATH(do_link_from_mount, SYS(link, "../mnt/f", p))
PATH(do_linkat_follow, SYS(linkat, AT_FDCWD, p, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW))
PATH(do_chmod, SYS(chmod, p, 0755))
PATH(do_fchmodat2_nofollow, SYS(fchmodat2, AT_FDCWD, p, 0755, AT_SYMLINK_NOFOLLOW))
PATH(do_chown, SYS(chown, p, 0, 0))
PATH(do_lchown, SYS(lchown, p, -1, -1))
PATH(do_truncate, SYS(truncate, p, 5))
PATH(do_utimensat, SYS(utimensat, AT_FDCWD, p, old, 0))
PATH(do_utimensat_now, SYS(utimensat, AT_FDCWD, p, NULL, 0))
PATH(do_utimensat_nofollow, SYS(utimensat, AT_FDCWD, p, old, AT_SYMLINK_NOFOLLOW))
PATH(do_getxattr, SYS(getxattr, p, "user.none", page, 100))
PATH(do_lgetxattr, SYS(lgetxattr, p, "user.none", page, 100))
PATH(do_setxattr, SYS(setxattr, p, "user.a", "value", 5, 0))
PATH(do_lsetxattr, SYS(lsetxattr, p, "user.a", "value", 5, 0))
PATH(do_setxattr_replace, SYS(setxattr, p, "user.a", "value", 5, XATTR_REPLACE))
PATH(do_listxattr, SYS(listxattr, p, page, 1000))
PATH(do_llistxattr, SYS(llistxattr, p, page, 1000))
PATH(do_removexattr, SYS(removexattr, p, "user.a"))
PATH(do_lremovexattr, SYS(lremovexattr, p, "user.a"))

static const struct {
    const char *name;
    long (*run)(const char *path);
    int reads; /* changes nothing */
    int takes; /* the name may be gone */
} calls[] = {
#define C(name)                                                                                                        \
    {                                                                                                                  \
#name, name                                                                                                    \
    }
#define R(name)                                                                                                        \
    {                                                                                                                  \
#name, name, 1                                                                                                 \
    }
#define TAKES(name)                                                                                                    \
    {                                                                                                                  \
#name, name, 0, 1                                                                                              \
    }
    R(open_read),
    C(open_write),
    C(open_trunc),
    C(open_trunc_read),
    C(open_create),
    C(open_create_read),
    C(open_new),
    C(open_create_nofollow),
    R(open_directory),
    C(open_create_directory),
    R(open_nofollow),
    R(open_directory_nofollow),
    R(open_path),
    R(open_path_nofollow),
    R(open_directory_write),
    C(do_creat),
    R(do_stat),
    R(do_lstat),
    R(do_newfstatat_empty),
    R(do_statx),
    R(do_access),
    R(do_access_write),
    R(do_access_execute),
    R(do_faccessat2_nofollow),
    R(do_readlink),
    R(do_statfs),
    R(do_chdir),
    C(do_mkdir),
    C(do_mknod),
    C(do_mknod_directory),
    C(do_mknod_odd),
    C(do_symlink),
    C(do_rmdir),
    TAKES(do_unlink),
    C(do_unlinkat_directory),
    TAKES(do_rename),
    TAKES(do_rename_slash),
    TAKES(do_rename_onto),
    C(do_rename_directory_onto),
    TAKES(do_rename_from_mount),
    C(do_rename_noreplace),
    TAKES(do_rename_inside),
    C(do_link),
    C(do_link_onto),
    C(do_link_from_mount),
    C(do_linkat_follow),
    C(do_chmod),
    C(do_fchmodat2_nofollow),
    C(do_chown),
    C(do_lchown),
    C(do_truncate),
    C(do_utimensat),
    C(do_utimensat_now),
    C(do_utimensat_nofollow),
    R(do_getxattr),
    R(do_lgetxattr),
    C(do_setxattr),
    C(do_lsetxattr),
    C(do_setxattr_replace),
    R(do_listxattr),
    R(do_llistxattr),
    C(do_removexattr),
    C(do_lremovexattr),
};

static void each_path(int from, int to)
{
    static const char *const paths[] = {
        "",           "new",        "new/",        "new//",      "new/x",      "new/.",      "new/..",   "f",
        "f/",         "f/x",        "f/.",         "f/..",       "d",          "d/",         "d/.",      "d/..",
        "d/new",      "full",       "full/",       "full/x",     ".",          "..",         "./",       "../",
        "lf",         "lf/",        "lf/x",        "ld",         "ld/",        "ld/.",       "ld/..",    "ld/new",
        "dang",       "dang/",      "dang/x",      "loop",       "loop/",      "loop/x",     "../fifo",  "../fifo/",
        longest,      too_long,     deep,          too_deep,     "../mnt",     "../mnt/",    "../mnt/f", "../mnt/new",
        "../mnt/.",   "../mnt/..",  "../mnt/d",    "../ro",      "../ro/",     "../ro/f",    "../ro/f/", "../ro/f/x",
        "../ro/new",  "../ro/new/", "../ro/new/x", "../ro/d",    "../ro/d/",   "../ro/full", "../ro/lf", "../ro/ld",
        "../ro/dang", "../ro/.",    "../ro/..",    "../ro/loop", "../ro/fifo", NULL,         NOWHERE,    KERNEL,
    };
    for (int i = from; i < to; i++)
        for (unsigned k = 0; k < sizeof paths / sizeof *paths; k++) {
            const char *p = paths[k];
            if (in_memory && strstr(calls[i].name, "xattr"))
                continue;
            if (good(p) && strncmp(p, "../fifo", 7) == 0 && calls[i].takes)
                continue; /* it could not be made anew */
            long result = calls[i].run(p);
            char what[200];
            snprintf(what, sizeof what, "%s(\"%.30s\")", calls[i].name,
                     !p             ? "NULL"
                     : p == NOWHERE ? "NOWHERE"
                     : p == KERNEL  ? "KERNEL"
                                    : p);
            show(what, result);
            if (result >= 0 && calls[i].reads)
                fchdir(base);
            else if (result >= 0)
                restore();
        }
}

static unsigned count_calls(void)
{
    return sizeof calls / sizeof *calls;
}

static void paths_first(void)
{
    each_path(0, count_calls() / 2);
}

static void paths_second(void)
{
    each_path(count_calls() / 2, count_calls());
}

/* ---- by descriptors ---- */

static int file, reader, writer, dir, opath, dpath, appender;

static void open_all(void)
{
    reader = open("f", O_RDONLY);
    writer = open("f", O_WRONLY);
    file = open("f", O_RDWR);
    appender = open("f", O_RDWR | O_APPEND);
    dir = open("d", O_RDONLY);
    opath = open("f", O_PATH);
    dpath = open("d", O_PATH);
}

static struct iovec one = {page, 5}, none = {NULL, 0}, bad = {NOWHERE, 5}, two[2] = {{page, 2}, {NOWHERE, 2}},
                    many[1025];
static struct iovec huge[2] = {{page, INT64_MAX}, {page, INT64_MAX}};

static void bytes(void)
{
    for (unsigned i = 0; i < 1025; i++)
        many[i] = (struct iovec){page, 1};
    T(write, reader, page, 5);
    T(write, reader, NULL, 0);
    T(write, opath, page, 5);
    T(write, dir, page, 5);
    T(write, 99, page, 5);
    T(read, writer, page, 5);
    T(read, opath, page, 5);
    T(read, dir, page, 5);
    T(read, dpath, page, 5);
    T(pread64, writer, page, 5, 0);
    T(pread64, dir, page, 5, 0);
    T(pread64, file, page, 5, -1);
    T(pwrite64, reader, page, 5, 0);
    T(pwrite64, file, page, 5, -1);
    T(pwrite64, reader, page, 5, -1);
    T(pwrite64, dir, page, 5, 0);
    T(pwrite64, opath, page, 5, 0);
    T(pwrite64, file, page, 1, INT64_MAX);
    T(pwrite64, file, page, 0, INT64_MAX);
    T(pwrite64, file, page, 5, INT64_MAX - 2);
    T(write, file, NOWHERE, 0);
    T(write, file, NOWHERE, 5);
    T(write, file, page, -1);
    T(write, file, page, INT64_MAX);
    T(write, file, KERNEL, 5);
    T(writev, reader, &one, 1);
    T(writev, dir, &one, 1);
    T(writev, file, &none, 1);
    T(writev, file, &bad, 1);
    T(writev, file, two, 2);
    T(lseek, file, 0, SEEK_SET);
    T(writev, file, huge, 2);
    T(writev, file, &one, -1);
    T(writev, file, many, 1025);
    T(writev, file, many, 1024);
    T(ftruncate, file, 11);
    T(lseek, file, 0, SEEK_SET);
}

static void vectors(void)
{
    T(readv, file, many, 1025);
    T(readv, writer, &one, 1);
    T(readv, opath, &one, 1);
    T(preadv, file, &one, 1, -1, 0);
    T(preadv, writer, &one, 1, 0, 0);
    T(preadv, opath, &one, 1, 0, 0);
    T(pwritev, reader, &one, 1, 0, 0);
    T(pwritev, file, &one, 1, -1, 0);
    T(pwritev, file, &one, 1025, 0, 0);
    T(pwritev, file, NULL, 1, 0, 0);
    T(pwritev, file, NULL, 0, 0, 0);
    T(preadv2, file, &one, 1, 0, 0, 0);
    T(preadv2, file, &one, 1, 2, 0, 0);
    T(preadv2, file, &one, 1, -1, -1, 0);
    T(preadv2, file, &one, 1, -1, 0, 0);
    T(lseek, file, 0, SEEK_CUR);
    T(preadv2, file, &one, 1, -2, 0, 0);
    T(preadv2, file, &one, 1, 0, 0, 1 << 20);
    T(preadv2, file, &one, 1, 0, 0, 1 << 31);
    T(preadv2, writer, &one, 1, 0, 0, 1 << 20);
    T(preadv2, file, &one, 1, 0, 0, 1);
    T(preadv2, 99, &one, 1, 0, 0, 1 << 20);
    T(preadv2, file, &none, 1, 0, 0, 1 << 20);
    T(pwritev2, file, &one, 1, 0, 0, 0);
    T(pwritev2, file, &one, 1, -1, -1, 2);
    T(pwritev2, file, &one, 1, 0, 0, 4);
    T(pwritev2, file, &one, 1, 0, 0, 16);
    T(lseek, file, 0, SEEK_END);
    T(pwritev2, file, &one, 1, -1, -1, 16);
    T(pwritev2, file, &one, 1, 0, 0, 1 << 20);
    T(pwritev2, reader, &one, 1, 0, 0, 1 << 20);
    T(pwritev2, reader, &one, 1, 0, 0, 0);
    T(lseek, file, 0, SEEK_END);
    T(ftruncate, file, 11);
}

static void positions(void)
{
    T(lseek, 99, 0, SEEK_SET);
    T(lseek, opath, 0, SEEK_SET);
    T(lseek, file, -1, SEEK_SET);
    T(lseek, file, INT64_MAX, SEEK_END);
    T(lseek, file, 0, 5);
    T(lseek, file, 0, -1);
    T(lseek, file, 0, SEEK_DATA);
    T(lseek, file, 3, SEEK_DATA);
    T(lseek, file, 11, SEEK_DATA);
    T(lseek, file, 12, SEEK_DATA);
    T(lseek, file, -1, SEEK_DATA);
    T(lseek, file, 0, SEEK_HOLE);
    T(lseek, file, 10, SEEK_HOLE);
    T(lseek, file, 11, SEEK_HOLE);
    T(lseek, file, 100, SEEK_HOLE);
    T(lseek, file, -5, SEEK_HOLE);
    T(lseek, opath, 0, SEEK_DATA);
    T(lseek, 99, 0, SEEK_HOLE);
    T(read, file, page, 5);
    T(ftruncate, file, -1);
    T(ftruncate, reader, 5);
    T(ftruncate, reader, -1);
    T(ftruncate, opath, 5);
    T(ftruncate, dir, 5);
    T(ftruncate, dpath, 5);
    T(ftruncate, 99, 5);
    T(ftruncate, 99, -1);
    T(ftruncate, file, INT64_MAX);
    T(truncate, "f", -1);
    T(truncate, "f", INT64_MAX);
    T(truncate, "d", -1);
    T(truncate, "new", -1);
    T(truncate, NULL, -1);
}

static void blocks(void)
{
    T(fallocate, 99, 0, 0, 1);
    T(fallocate, reader, 0, 0, 1);
    T(fallocate, opath, 0, 0, 1);
    T(fallocate, dir, 0, 0, 1);
    T(fallocate, file, 0, -1, 1);
    T(fallocate, file, 0, 0, 0);
    T(fallocate, file, 0, 0, -1);
    T(fallocate, file, 1 << 30, 0, 1);
    T(fallocate, file, 2, 0, 1);
    T(fallocate, file, 0x13, 0, 1);
    T(fallocate, reader, 0, 0, 0);
    T(fallocate, reader, 1 << 30, 0, 1);
    T(fallocate, 99, 1 << 30, 0, 0);
    T(fallocate, file, 0, INT64_MAX, 1);
    T(fallocate, file, 0, 0, 100);
    T(ftruncate, file, 11);
    T(fsync, 99);
    T(fsync, opath);
    T(fsync, dir);
    T(fsync, reader);
    T(fdatasync, 99);
    T(fdatasync, opath);
    T(fdatasync, reader);
    T(syncfs, 99);
    T(syncfs, opath);
    T(syncfs, reader);
    T(sync, 0);
    T(fadvise64, 99, 0, 0, 0);
    T(fadvise64, opath, 0, 0, 0);
    T(fadvise64, file, 0, 0, 5);
    T(fadvise64, file, 0, 0, 6);
    T(fadvise64, file, 0, -1, 0);
    T(fadvise64, file, -5, 5, 0);
    T(fadvise64, dir, 0, 0, 0);
}

/* Bytes in a file are advised and written back; those of a pipe have no place. */
static void ranges(void)
{
    int ends[2];
    pipe(ends);
    T(readahead, 99, 0, 5);
    T(readahead, 99, 0, -1);
    T(readahead, opath, 0, 5);
    T(readahead, writer, 0, 5);
    T(readahead, writer, 0, -1);
    T(readahead, reader, 0, 5);
    T(readahead, reader, 0, 0);
    T(readahead, reader, -5, 5);
    T(readahead, reader, 1000000, 5);
    T(readahead, reader, 0, -1);
    T(readahead, reader, 0, INT64_MAX);
    T(readahead, dir, 0, 5);
    T(readahead, ends[0], 0, 5);
    T(readahead, ends[1], 0, 5);
    T(sync_file_range, 99, 0, 5, 0);
    T(sync_file_range, 99, 0, 5, 8);
    T(sync_file_range, opath, 0, 5, 7);
    T(write, file, page, 5);
    for (int flags = 0; flags <= 8; flags++)
        T(sync_file_range, file, 0, 5, flags);
    T(sync_file_range, file, 0, 0, 7);
    T(sync_file_range, file, 3, -1, 7);
    T(sync_file_range, file, 3, -5, 7);
    T(sync_file_range, file, -1, 5, 7);
    T(sync_file_range, file, -1, 5, 8);
    T(sync_file_range, file, INT64_MAX, 5, 7);
    T(sync_file_range, file, 0, INT64_MAX, 7);
    T(sync_file_range, file, 0, 5, -1);
    T(sync_file_range, file, 0, 5, 1l << 32 | 2);
    T(sync_file_range, reader, 0, 5, 7);
    T(sync_file_range, dir, 0, 5, 7);
    T(sync_file_range, ends[0], 0, 5, 7);
    T(sync_file_range, ends[1], -1, 5, 7);
    T(sync_file_range, ends[1], 0, 5, 8);
    for (int i = 0; i < 2; i++) {
        T(fadvise64, ends[i], 0, 0, 0);
        T(fadvise64, ends[i], 0, -1, 9);
        T(pread64, ends[i], page, 5, 0);
        T(pread64, ends[i], page, 5, -1);
        T(pread64, ends[i], NOWHERE, 5, 0);
        T(pread64, ends[i], page, 0, 0);
        T(pwrite64, ends[i], page, 5, 0);
        T(pwrite64, ends[i], page, 5, -1);
        T(pwrite64, ends[i], page, -1, 0);
        T(preadv, ends[i], &one, 1, 0, 0);
        T(preadv, ends[i], &bad, 1, 0, 0);
        T(preadv, ends[i], many, 1025, 0, 0);
        T(pwritev, ends[i], &one, 1, 0, 0);
        T(pwritev, ends[i], NULL, 1, 0, 0);
        T(preadv2, ends[i], &one, 1, 0, 0, 0);
        T(pwritev2, ends[i], &one, 1, 0, 0, 1 << 20);
        T(lseek, ends[i], 0, SEEK_CUR);
        T(lseek, ends[i], -1, SEEK_SET);
        T(lseek, ends[i], 0, SEEK_HOLE);
        T(lseek, ends[i], 0, 5);
        T(lseek, ends[i], 0, -1);
    }
    T(pwritev2, ends[0], &one, 1, -1, 0, 0);
    T(preadv2, ends[1], &one, 1, -1, 0, 0);
    T(lseek, dir, 0, 5);
    T(lseek, dir, 0, SEEK_SET);
    close(ends[0]);
    close(ends[1]);
}

static void descriptors(void)
{
    T(dup2, file, file);
    T(dup2, opath, opath);
    T(dup2, 99, 99);
    T(dup2, 99, 50);
    T(dup2, file, -1);
    T(dup3, file, file, 0);
    T(dup3, file, 50, O_CLOEXEC);
    T(dup3, file, 51, O_NONBLOCK);
    T(dup3, 99, 99, 0);
    T(fcntl, 50, F_GETFD);
    T(close, 50);
    T(close, 50);
    T(close, -1);
    T(fcntl, 50, F_GETFD);
    T(fcntl, 50, F_GETFL);
    T(fcntl, file, F_DUPFD, -1);
    T(fcntl, file, F_DUPFD, 1 << 20);
    T(fcntl, file, F_GETFL);
    T(fcntl, appender, F_GETFL);
    T(fcntl, appender, F_SETFL, 0);
    T(fcntl, appender, F_GETFL);
    T(fcntl, appender, F_SETFL, O_APPEND | O_CREAT | O_TRUNC | O_WRONLY);
    T(fcntl, appender, F_GETFL);
    T(fcntl, opath, F_GETFL);
    T(fcntl, opath, F_SETFL, 0);
    T(fcntl, opath, F_GETFD);
    T(fcntl, opath, F_SETFD, 1);
    T(fcntl, opath, F_GETFD);
    T(fcntl, file, 999);
    T(fcntl, 99, 999);
    T(fcntl, opath, 999);
    for (int fd = 60; fd < 70; fd += 2)
        T(dup2, file, fd);
    T(close_range, 62, 61, 0);
    T(close_range, 62, 61, 4);
    T(close_range, 60, 69, 1);
    T(close_range, 60, 69, 8);
    T(close_range, 60, 69, -1);
    T(close_range, -1, 0, 0);
    T(close_range, 63, 66, 4);
    for (int fd = 60; fd < 70; fd++)
        T(fcntl, fd, F_GETFD);
    T(close_range, 62, 64, 0);
    T(close_range, 62, 64, 0);
    T(close_range, 61, 61, 2);
    T(close_range, 66, 66, 2);
    T(close_range, 70, 1l << 32 | 80, 0);
    T(close_range, 1l << 32 | 68, 1l << 32 | 68, 1l << 32);
    for (int fd = 60; fd < 70; fd++)
        T(fcntl, fd, F_GETFD);
    T(close_range, 60, -1, 6);
    T(fcntl, 60, F_GETFD);
    T(close_range, 60, -1, 0);
    T(fcntl, 60, F_GETFD);
    T(close_range, 1000, -1, 0);
    T(close_range, -1, -1, 0);
    T(write, file, page, 0);
}

static void opens(void)
{
    T(openat, -1, "f", O_RDONLY);
    T(openat, 99, "f", O_RDONLY);
    T(openat, file, "f", O_RDONLY);
    T(openat, file, "", O_RDONLY);
    T(openat, 99, "", O_RDONLY);
    T(openat, dpath, "../new/x", O_RDONLY);
    T(openat, opath, "f", O_RDONLY);
    T(openat, 99, NOWHERE, O_RDONLY);
    T(openat, AT_FDCWD, "f", 3);
    T(openat, AT_FDCWD, "d", O_TMPFILE);
    T(openat, AT_FDCWD, "d/none", O_TMPFILE | O_RDWR, 0600);
    T(openat, AT_FDCWD, "f", O_TMPFILE | O_RDWR);
    T(openat, AT_FDCWD, "new", O_TMPFILE | O_RDWR, 0600);
    T(openat, AT_FDCWD, "d", O_TMPFILE | O_RDWR | O_CREAT, 0600);
    T(openat, AT_FDCWD, "../ro/d", O_TMPFILE | O_RDWR, 0600);
    T(openat, AT_FDCWD, "d", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600);
    T(openat, AT_FDCWD, "f", O_EXCL);
    T(openat, AT_FDCWD, "f", O_PATH | O_CREAT | O_EXCL);
    T(openat, AT_FDCWD, "new", O_PATH | O_CREAT);
    T(openat, AT_FDCWD, "f", O_PATH | O_TRUNC | O_WRONLY);
    T(openat, AT_FDCWD, "f", O_CREAT | O_EXCL | O_DIRECTORY);
    T(openat, AT_FDCWD, "f", 0x80000000);
}

static void stats(void)
{
    T(fstat, 99, page);
    T(fstat, opath, page);
    T(fstat, file, NULL);
    T(fstat, 99, NULL);
    T(newfstatat, 99, "", page, AT_EMPTY_PATH);
    T(newfstatat, file, "", page, AT_EMPTY_PATH);
    T(newfstatat, file, "", page, 0);
    T(newfstatat, opath, "", page, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    T(newfstatat, file, "x", page, 0);
    T(newfstatat, 99, "x", page, 0);
    T(newfstatat, file, NULL, page, AT_EMPTY_PATH);
    T(newfstatat, AT_FDCWD, "", page, AT_EMPTY_PATH);
    T(newfstatat, AT_FDCWD, "f", page, 1);
    T(newfstatat, AT_FDCWD, "f", page, AT_SYMLINK_FOLLOW);
    T(newfstatat, AT_FDCWD, "f", NULL, 0);
    T(newfstatat, AT_FDCWD, "new", NULL, 0);
    T(statx, AT_FDCWD, "f", 0, 0x80000000, page);
    T(statx, AT_FDCWD, "f", 0x6000, 0, page);
    T(statx, AT_FDCWD, "f", 0x2000, 0, page);
    T(statx, AT_FDCWD, "f", 0x4000, 0x7fffffff, page);
    T(statx, AT_FDCWD, "f", 1, 0, page);
    T(statx, AT_FDCWD, "", AT_EMPTY_PATH, 0, page);
    T(statx, file, "", AT_EMPTY_PATH, 0, page);
    T(statx, 99, "", AT_EMPTY_PATH, 0, page);
    T(statx, file, "", 0, 0, page);
    T(statx, AT_FDCWD, "f", 0, 0, NULL);
    T(faccessat2, AT_FDCWD, "f", 8, 0);
    T(faccessat2, AT_FDCWD, "f", 0, 1);
    T(faccessat2, AT_FDCWD, "f", R_OK | W_OK, AT_EACCESS);
    T(faccessat2, file, "", R_OK, AT_EMPTY_PATH);
    T(faccessat2, file, "", R_OK, 0);
    T(faccessat2, 99, "", R_OK, AT_EMPTY_PATH);
    T(faccessat2, 99, "f", R_OK, 0);
    T(faccessat2, file, "f", R_OK, 0);
    T(faccessat, AT_FDCWD, "f", -1);
    T(access, "f", 8);
    T(access, NULL, 8);
    T(access, "f", X_OK);
    T(access, "d", X_OK);
}

static void links(void)
{
    T(readlinkat, AT_FDCWD, "lf", page, 0);
    T(readlinkat, AT_FDCWD, "lf", page, -1);
    T(readlinkat, AT_FDCWD, "f", page, 10);
    T(readlinkat, 99, "lf", page, 10);
    T(readlinkat, file, "lf", page, 10);
    T(readlinkat, file, "", page, 10);
    T(readlinkat, AT_FDCWD, "lf", NULL, 10);
    T(readlinkat, AT_FDCWD, "new", NULL, 0);
    int link = open("lf", O_PATH | O_NOFOLLOW);
    T(readlinkat, link, "", page, 10);
    T(fstat, link, page);
    T(read, link, page, 10);
    T(newfstatat, link, "x", page, 0);
    T(fchmodat2, link, "", 0600, AT_EMPTY_PATH);
    T(fchmod, link, 0600);
    T(fchownat, link, "", -1, -1, AT_EMPTY_PATH);
    T(faccessat2, link, "", R_OK, AT_EMPTY_PATH);
    T(utimensat, link, "", old, AT_EMPTY_PATH);
    T(linkat, link, "", AT_FDCWD, "from-link", AT_EMPTY_PATH);
    T(fchdir, link);
    T(fchdir, 99);
    T(fchdir, file);
    T(fchdir, dpath);
    T(fchdir, base);
    T(fstatfs, 99, page);
    T(fstatfs, opath, page);
    T(fstatfs, file, NULL);
    T(statfs, "f", NULL);
    T(statfs, "new", NULL);
    T(getcwd, NULL, 100);
    T(getcwd, NULL, 0);
    T(getcwd, page, 1);
    T(getcwd, page, 0);
    T(getdents64, file, page, 1000);
    T(getdents64, 99, page, 1000);
    T(getdents64, dpath, page, 1000);
    T(getdents64, dir, page, 1);
    T(getdents64, dir, page, 0);
    T(getdents64, dir, page, 23);
    T(getdents64, dir, page, 24);
    T(getdents64, dir, NULL, 1000);
    T(getdents64, dir, NOWHERE, 1);
    T(ioctl, file, 12345, 0);
    T(ioctl, opath, 12345, 0);
    T(ioctl, dir, 0x5401, page);
    T(umask, 022);
    T(umask, 0xffffffff);
    T(umask, 022);
}

static struct timespec wrong[2] = {{5, 1000000000}, {5, 0}}, negative[2] = {{5, 0}, {5, -1}},
                       past[2] = {{-5, 0}, {-5, 5}}, omit[2] = {{5, UTIME_OMIT}, {5, UTIME_OMIT}},
                       now[2] = {{-1, UTIME_NOW}, {7, UTIME_OMIT}};

static void changes(void)
{
    T(mkdirat, 99, "new", 0700);
    T(mkdirat, file, "new", 0700);
    T(mkdirat, 99, "", 0700);
    T(mkdirat, dpath, "new", 0700);
    T(mknodat, 99, "new", S_IFREG, 0);
    T(mknodat, file, "new", S_IFREG, 0);
    T(mknodat, AT_FDCWD, "d/fifo", S_IFIFO | 0600, 0);
    T(mknodat, AT_FDCWD, "d/socket", S_IFSOCK | 0600, 0);
    T(mknodat, AT_FDCWD, "d/null", S_IFCHR | 0600, 0x103);
    T(mknodat, AT_FDCWD, "d/block", S_IFBLK | 0600, 0x700);
    T(mknodat, AT_FDCWD, "d/plain", 0600, 0);
    T(mknodat, AT_FDCWD, "d/odd", 0110000, 0);
    T(mknodat, AT_FDCWD, "f", S_IFDIR, 0);
    T(mknodat, AT_FDCWD, "f", S_IFLNK, 0);
    T(mknodat, AT_FDCWD, "f", S_IFIFO, 0);
    T(mknodat, AT_FDCWD, "new/", S_IFDIR, 0);
    T(open, "d/socket", O_RDONLY);
    T(open, "d/socket", O_PATH);
    T(unlinkat, 99, "f", 0);
    T(unlinkat, file, "f", 0);
    T(unlinkat, AT_FDCWD, "f", 1);
    T(unlinkat, AT_FDCWD, "new", 1);
    T(unlinkat, AT_FDCWD, "", 0);
    T(unlinkat, file, "", 0);
    T(unlinkat, AT_FDCWD, "f", AT_REMOVEDIR);
    T(unlinkat, AT_FDCWD, "full", 0);
    T(unlinkat, AT_FDCWD, "full", AT_REMOVEDIR);
}

static void renames(void)
{
    T(renameat, 99, "f", AT_FDCWD, "new");
    T(renameat, AT_FDCWD, "f", 99, "new");
    T(renameat, file, "f", AT_FDCWD, "new");
    T(renameat, AT_FDCWD, "f", file, "new");
    T(renameat, AT_FDCWD, "", 99, "new");
    T(renameat, 99, NOWHERE, 99, "new");
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "new", 8);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "new", 3);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "new", 6);
    T(renameat2, AT_FDCWD, "new", AT_FDCWD, "new2", 3);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "full", 1);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "f", 1);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "lf", 1);
    T(renameat2, AT_FDCWD, "new", AT_FDCWD, "f", 1);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, ".", 1);
    T(renameat2, AT_FDCWD, "f", AT_FDCWD, "../mnt/f", 1);
    T(rename, "f", "f");
    T(rename, "d", "d");
    T(rename, "full", "full/x");
    T(rename, "full", "full/y");
    T(rename, "full", "full/x/y");
    T(rename, "full/x", "full");
    T(rename, "d", "full");
    T(rename, "full", "f");
    T(rename, "f", "full");
    T(rename, "d", "f/x");
    T(rename, "../w", "d/x");
    T(rename, "../mnt", "d/x");
    T(rename, "f", "../mnt");
    T(rename, "../ro", "../ro2");
    T(rename, "../ro/f", "../ro/g");
    T(rename, "../ro/f", "../ro/d");
    T(rename, "../ro/new", "../ro/g");
    T(rename, "../ro/f", "f");
    T(rename, "f", "../ro/f");
    T(rename, "new", "../ro/f");
}

static void hard_links(void)
{
    T(linkat, AT_FDCWD, "f", AT_FDCWD, "new", 1);
    T(linkat, 99, "f", AT_FDCWD, "new", 0);
    T(linkat, AT_FDCWD, "f", 99, "new", 0);
    T(linkat, file, "", AT_FDCWD, "d/by-fd", AT_EMPTY_PATH);
    T(linkat, opath, "", AT_FDCWD, "d/by-path", AT_EMPTY_PATH);
    T(linkat, dir, "", AT_FDCWD, "d/by-dir", AT_EMPTY_PATH);
    T(linkat, file, "", AT_FDCWD, "d/by-fd2", 0);
    T(linkat, 99, "", AT_FDCWD, "d/by-fd2", AT_EMPTY_PATH);
    T(link, "d", "new");
    T(link, "d", "f");
    T(link, "new", "f");
    T(link, "f", "../mnt/new");
    T(link, "f", "../mnt/f");
    T(link, "../ro/f", "../ro/new");
    T(link, "../ro/f", "../ro/d");
    T(link, "../ro/new", "../ro/d");
    T(symlinkat, "f", 99, "new");
    T(symlinkat, "f", file, "new");
    T(symlinkat, "", AT_FDCWD, "new");
    T(symlinkat, "", AT_FDCWD, "f");
    T(symlinkat, NULL, AT_FDCWD, "f");
    T(symlinkat, too_deep, AT_FDCWD, "new");
    T(symlinkat, deep, AT_FDCWD, "d/longest");
    T(stat, "d/longest", page);
    T(open, "d/longest", O_RDONLY);
}

static void modes(void)
{
    T(fchmod, 99, 0600);
    T(fchmod, opath, 0600);
    T(fchmod, reader, 0100644);
    T(fchmodat, 99, "f", 0600);
    T(fchmodat, file, "f", 0600);
    T(fchmodat2, AT_FDCWD, "f", 0644, 1);
    T(fchmodat2, AT_FDCWD, "f", 0644, 0);
    T(fchmodat2, file, "", 0644, AT_EMPTY_PATH);
    T(fchmodat2, opath, "", 0644, AT_EMPTY_PATH);
    T(fchmodat2, 99, "", 0644, AT_EMPTY_PATH);
    T(fchmodat2, file, "", 0644, 0);
    T(fchmodat2, AT_FDCWD, "lf", 0644, AT_SYMLINK_NOFOLLOW);
    T(fchown, 99, 0, 0);
    T(fchown, opath, 0, 0);
    T(fchown, reader, -1, 0);
    T(fchownat, AT_FDCWD, "f", 0, 0, 1);
    T(fchownat, file, "", 0, 0, AT_EMPTY_PATH);
    T(fchownat, opath, "", 0, 0, AT_EMPTY_PATH);
    T(fchownat, 99, "", 0, 0, AT_EMPTY_PATH);
    T(fchownat, file, "", 0, 0, 0);
    T(fchownat, 99, "f", 0, 0, 0);
}

static void times(void)
{
    T(utimensat, AT_FDCWD, "f", wrong, 0);
    T(utimensat, AT_FDCWD, "new", wrong, 0);
    T(utimensat, AT_FDCWD, "f", negative, 0);
    T(utimensat, AT_FDCWD, "f", past, 0);
    T(utimensat, AT_FDCWD, "f", omit, 0);
    T(utimensat, AT_FDCWD, "new", omit, 0);
    T(utimensat, 99, "new", omit, 0);
    T(utimensat, 99, NOWHERE, omit, 0);
    T(utimensat, AT_FDCWD, "new", omit, 1);
    T(utimensat, AT_FDCWD, "f", now, 0);
    T(utimensat, AT_FDCWD, "f", NULL, 1);
    T(utimensat, AT_FDCWD, "f", NOWHERE, 0);
    T(utimensat, AT_FDCWD, "f", NOWHERE, 1);
    T(utimensat, AT_FDCWD, "new", NOWHERE, 0);
    T(utimensat, file, NULL, old, 0);
    T(utimensat, reader, NULL, old, 0);
    T(utimensat, opath, NULL, old, 0);
    T(utimensat, 99, NULL, old, 0);
    T(utimensat, file, NULL, old, AT_SYMLINK_NOFOLLOW);
    T(utimensat, AT_FDCWD, NULL, old, 0);
    T(utimensat, AT_FDCWD, NULL, NULL, 0);
    T(utimensat, file, "", old, AT_EMPTY_PATH);
    T(utimensat, opath, "", old, AT_EMPTY_PATH);
    T(utimensat, file, "", old, 0);
    T(utimensat, file, "x", old, 0);
    T(utimensat, AT_FDCWD, "../ro/f", old, 0);
    T(utimensat, AT_FDCWD, "../ro/f", omit, 0);
    T(utimensat, AT_FDCWD, "../ro/f", wrong, 0);
}

static void read_only(void)
{
    int ro = open("../ro/f", O_RDONLY), ro_dir = open("../ro/d", O_RDONLY);
    T(fchmod, ro, 0644);
    T(fchown, ro, -1, -1);
    T(utimensat, ro, NULL, old, 0);
    T(ftruncate, ro, 0);
    T(fsetxattr, ro, "user.a", "v", 1, 0);
    T(fremovexattr, ro, "user.a");
    T(fsync, ro);
    T(fallocate, ro, 0, 0, 10);
    T(openat, ro_dir, "new", O_CREAT | O_RDWR, 0600);
    T(mkdirat, ro_dir, "new", 0700);
    T(unlinkat, ro_dir, "new", 0);
    T(unlinkat, ro_dir, "../f", 0);
    T(unlinkat, ro_dir, "../full", AT_REMOVEDIR);
    T(faccessat, ro_dir, "../f", W_OK);
}

static void gone_files(void)
{
    int gone = open("d/gone", O_CREAT | O_RDWR, 0600), gone_dir;
    mkdir("d/gone-dir", 0700);
    gone_dir = open("d/gone-dir", O_RDONLY);
    T(unlink, "d/gone");
    T(rmdir, "d/gone-dir");
    T(write, gone, "bytes", 5);
    T(pread64, gone, page, 10, 0);
    T(fstat, gone, page);
    T(lseek, gone, 0, SEEK_END);
    T(fsync, gone);
    T(linkat, gone, "", AT_FDCWD, "d/again", AT_EMPTY_PATH);
    T(openat, gone_dir, "new", O_CREAT | O_RDWR, 0600);
    T(mkdirat, gone_dir, "new", 0700);
    T(openat, gone_dir, "x", O_RDONLY);
    T(openat, gone_dir, ".", O_RDONLY);
    T(fstat, gone_dir, page);
    T(getdents64, gone_dir, page, 1000);
    T(mkdir, "d/gone-dir", 0700); /* another one */
    T(mknodat, gone_dir, "new", S_IFREG | 0600, 0);
    T(openat, gone_dir, "new", O_CREAT | O_RDWR, 0600);
    T(renameat, AT_FDCWD, "f", gone_dir, "new");
    T(unlinkat, gone_dir, "new", 0);
    T(rmdir, "d/gone-dir");
    T(openat, AT_FDCWD, "d", O_TMPFILE | O_WRONLY, 0600);
}

static void copies(void)
{
    long at = 0, far = 1000, below = -1, edge = INT64_MAX;
    int to = open("new", O_CREAT | O_RDWR, 0600), other = open("../mnt/f", O_RDWR);
    T(copy_file_range, file, NULL, to, NULL, 5, 0);
    T(copy_file_range, file, &at, to, NULL, 5, 0);
    V(at);
    T(copy_file_range, file, NULL, to, &far, 5, 0);
    V(far);
    T(lseek, to, 0, SEEK_END);
    T(copy_file_range, file, NULL, to, NULL, 5, 1);
    T(copy_file_range, 99, NULL, to, NULL, 5, 1);
    T(copy_file_range, 99, NULL, to, NULL, 5, 0);
    T(copy_file_range, file, NULL, 99, NULL, 5, 0);
    T(copy_file_range, writer, NULL, to, NULL, 5, 0);
    T(copy_file_range, file, NULL, reader, NULL, 5, 0);
    T(copy_file_range, file, NULL, appender, NULL, 5, 0);
    T(copy_file_range, dir, NULL, to, NULL, 5, 0);
    T(copy_file_range, file, NULL, dir, NULL, 5, 0);
    T(copy_file_range, opath, NULL, to, NULL, 5, 0);
    T(copy_file_range, file, NULL, opath, NULL, 5, 0);
    at = 0, far = 3;
    T(copy_file_range, file, &at, file, &far, 5, 0);
    T(copy_file_range, file, &at, file, &at, 5, 0);
    T(copy_file_range, file, &at, file, &far, 3, 0);
    at = 0;
    T(copy_file_range, file, &at, appender, &far, 3, 0);
    T(copy_file_range, file, &below, to, NULL, 5, 0);
    T(copy_file_range, file, &at, to, &below, 5, 0);
    T(copy_file_range, file, &edge, to, NULL, 5, 0);
    T(copy_file_range, file, &at, to, &edge, 5, 0);
    T(copy_file_range, file, NOWHERE, to, NULL, 5, 0);
    T(copy_file_range, file, NULL, to, NOWHERE, 5, 0);
    T(copy_file_range, file, NULL, to, NULL, 0, 0);
    T(copy_file_range, file, &far, to, NULL, 0, 0);
    T(copy_file_range, file, &at, to, NULL, -1, 0);
    T(lseek, file, 0, SEEK_SET);
    at = 0;
    T(sendfile, to, file, &at, 5);
    V(at);
    T(sendfile, to, file, NULL, 5);
    T(lseek, file, 0, SEEK_CUR);
    T(sendfile, appender, file, NULL, 5);
    T(sendfile, to, 99, NULL, 5);
    T(sendfile, 99, file, NULL, 5);
    T(sendfile, reader, file, NULL, 5);
    T(sendfile, to, writer, NULL, 5);
    T(sendfile, to, dir, NULL, 5);
    T(sendfile, dir, file, NULL, 5);
    T(sendfile, to, opath, NULL, 5);
    T(sendfile, opath, file, NULL, 5);
    T(sendfile, to, file, &below, 5);
    T(sendfile, to, file, NOWHERE, 5);
    T(sendfile, to, file, &edge, 5);
    T(sendfile, to, file, NULL, 0);
    T(sendfile, to, file, NULL, -1);
    at = 0;
    T(sendfile, other, file, &at, 5);
    T(lseek, file, 0, SEEK_SET);
    T(copy_file_range, other, NULL, other, NULL, 0, 0);
}

/* A limit on sizes; its signal is ignored. */
static void sizes(void)
{
    unsigned long limit[2] = {20, -1}, none[2] = {-1, -1};
    struct iovec two[2] = {{page, 3}, {page, 30}};
    signal(SIGXFSZ, SIG_IGN);
    int to = open("new", O_CREAT | O_RDWR, 0600);
    T(setrlimit, RLIMIT_FSIZE, limit);
    T(pwrite64, file, page, 10, 5);
    T(pwrite64, file, page, 10, 15);
    T(pwrite64, file, page, 10, 20);
    T(pwrite64, file, page, 10, 21);
    T(pwrite64, file, page, 0, 21);
    T(pwrite64, file, page, 10, 5);
    T(lseek, file, 18, SEEK_SET);
    T(writev, file, two, 2);
    T(write, file, page, 1);
    T(write, appender, page, 1);
    T(ftruncate, file, 19);
    T(write, appender, page, 5);
    T(ftruncate, file, 21);
    T(truncate, "f", 21);
    T(truncate, "f", 20);
    T(truncate, "new2", 21);
    T(ftruncate, file, 11);
    T(lseek, file, 0, SEEK_SET);
    T(sendfile, to, file, NULL, 11);
    T(lseek, file, 0, SEEK_SET);
    T(sendfile, to, file, NULL, 11);
    T(sendfile, to, file, NULL, 11);
    T(write, writer, page, 30);
    T(setrlimit, RLIMIT_FSIZE, none);
    T(ftruncate, file, 100);
    T(setrlimit, RLIMIT_FSIZE, limit);
    T(ftruncate, file, 90);
    T(ftruncate, file, 91);
    T(truncate, "f", 80);
    T(setrlimit, RLIMIT_FSIZE, none);
}

static void attributes(void)
{
    static char name[300] = "user.";
    memset(name + 5, 'a', 251);
    T(setxattr, "f", "user.a", "value", 5, 0);
    T(setxattr, "f", "user.a", "value", 5, XATTR_CREATE);
    T(setxattr, "f", "user.b", "value", 5, XATTR_REPLACE);
    T(setxattr, "f", "user.b", "value", 5, 4);
    T(setxattr, "f", "user.b", "value", 5, 3);
    T(setxattr, "f", "user.b", "value", 65537, 0);
    T(setxattr, "f", "user.b", NULL, 5, 0);
    T(setxattr, "f", "user.b", NOWHERE, 65537, 0);
    T(setxattr, "f", NULL, "value", 5, 0);
    T(setxattr, "f", "", "value", 5, 0);
    T(setxattr, "f", name, "value", 5, 0);
    T(setxattr, "new", name, "value", 5, 0);
    T(setxattr, "new", name, "value", 5, 4);
    T(setxattr, "f", "nonsense", "value", 5, 0);
    T(setxattr, "f", "user.", "value", 5, 0);
    T(setxattr, "f", "other.a", "value", 5, 0);
    T(getxattr, "f", "user.a", page, 100);
    T(getxattr, "f", "user.a", page, 5);
    T(getxattr, "f", "user.a", page, 4);
    T(getxattr, "f", "user.a", NULL, 0);
    T(getxattr, "f", "user.a", NULL, 5);
    T(getxattr, "f", "user.a", page, -1);
    T(getxattr, "f", "user.none", NULL, 0);
    T(getxattr, "f", "user.none", NULL, 5);
    T(getxattr, "f", NULL, page, 5);
    T(getxattr, "f", "", page, 5);
    T(getxattr, "f", name, page, 5);
    T(getxattr, "f", "nonsense", page, 5);
    T(getxattr, "f", "other.a", page, 5);
    T(getxattr, "f", "user.", page, 5);
    T(lgetxattr, "lf", "user.a", page, 100);
    T(getxattr, "lf", "user.a", page, 100);
    T(lsetxattr, "lf", "user.a", "v", 1, 0);
    T(lremovexattr, "lf", "user.a");
    T(listxattr, "f", page, 1000);
    T(listxattr, "f", page, 3);
    T(listxattr, "f", NULL, 0);
    T(listxattr, "f", NULL, 1000);
    T(llistxattr, "lf", page, 1000);
    T(fgetxattr, reader, "user.a", page, 100);
    T(fgetxattr, opath, "user.a", page, 100);
    T(fgetxattr, 99, "user.a", page, 100);
    T(fgetxattr, 99, NULL, page, 100);
    T(fsetxattr, reader, "user.c", "v", 1, 0);
    T(fsetxattr, opath, "user.c", "v", 1, 0);
    T(fsetxattr, 99, "user.c", "v", 1, 0);
    T(fsetxattr, 99, "user.c", "v", 1, 4);
    T(fsetxattr, 99, NULL, "v", 1, 0);
    T(flistxattr, opath, page, 100);
    T(flistxattr, 99, page, 100);
    T(fremovexattr, reader, "user.c");
    T(fremovexattr, reader, "user.c");
    T(fremovexattr, opath, "user.c");
    T(removexattr, "f", "user.none");
    T(removexattr, "f", "");
    T(removexattr, "f", name);
    T(removexattr, "f", NULL);
    T(removexattr, "f", "nonsense");
    T(setxattr, "f", "user.empty", "", 0, 0);
    T(setxattr, "f", "user.empty", NULL, 0, 0);
    T(getxattr, "f", "user.empty", page, 10);
    T(setxattr, "d", "user.a", "value", 5, 0);
    T(setxattr, "../fifo", "user.a", "value", 5, 0);
    T(getxattr, "../fifo", "user.a", page, 5);
    T(listxattr, "../fifo", page, 5);
    T(setxattr, "dang", "user.a", "value", 5, 0);
    T(setxattr, "../ro/f", "user.a", "value", 5, 0);
    T(setxattr, "../ro/f", "other.a", "value", 5, 0);
    T(setxattr, "../ro/f", "user.a", "value", 5, 4);
    T(removexattr, "../ro/f", "user.a");
}

/* Without a descriptor for it nothing is opened: no file is made, none emptied. */
static void no_descriptors(void)
{
    struct rlimit all, none;
    getrlimit(RLIMIT_NOFILE, &all);
    none = (struct rlimit){0, all.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    T(open, "f", O_WRONLY | O_TRUNC);
    T(openat, AT_FDCWD, "made", O_WRONLY | O_CREAT, 0600);
    T(creat, "made", 0600);
    T(open, "nowhere/x", O_RDONLY);
    T(open, "", O_RDONLY);
    T(open, NOWHERE, O_RDONLY);
    T(dup, file);
    T(fcntl, file, F_DUPFD, 0);
    T(dup2, file, 50);
    T(pipe, page);
    setrlimit(RLIMIT_NOFILE, &all);
    T(access, "made", F_OK);
    T(pread64, file, page, 100, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {{"paths-first", paths_first},
              {"paths-second", paths_second},
              {"bytes", bytes},
              {"vectors", vectors},
              {"positions", positions},
              {"blocks", blocks},
              {"ranges", ranges},
              {"descriptors", descriptors},
              {"opens", opens},
              {"stats", stats},
              {"links", links},
              {"changes", changes},
              {"renames", renames},
              {"hard_links", hard_links},
              {"modes", modes},
              {"times", times},
              {"read_only", read_only},
              {"gone_files", gone_files},
              {"copies", copies},
              {"sizes", sizes},
              {"attributes", attributes},
              {"no_descriptors", no_descriptors}};

/* Each group on a new folder, and with the same descriptors. */
int main(int argc, char **argv)
{
    in_memory = strcmp(argv[1], "tmpfs") == 0;
    static char room[1 << 16];
    setvbuf(stdout, room, _IOFBF, sizeof room);
    set_up();
    for (unsigned i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (in_memory && groups[i].run == attributes)
            continue;
        restore();
        printf("# %s\n", groups[i].name);
        if (strncmp(groups[i].name, "paths", 5) != 0)
            open_all();
        groups[i].run();
        for (int fd = base + 1; fd < 100; fd++)
            close(fd);
    }
    return fflush(stdout);
}
