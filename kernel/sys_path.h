/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_path - a program's paths, for all system calls that take one. */
#ifndef SYS_PATH_H
#define SYS_PATH_H

#include "base.h"

struct file;

enum {
    AT_SYMLINK_NOFOLLOW = 0x100,
    AT_EACCESS = 0x200,
    AT_REMOVEDIR = 0x200,
    AT_SYMLINK_FOLLOW = 0x400,
    AT_NO_AUTOMOUNT = 0x800,
    AT_EMPTY_PATH = 0x1000,
    AT_STATX_SYNC = 0x6000
};
#define AT_FDCWD ((u32)-100)

/* A path copied from a program, once. */
struct user_path {
    char *text;            /* VFS_PATH_MAX bytes */
    const struct file *at; /* where it starts when it is relative */
    u32 look;              /* VFS_* for the look-up: what AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH ask for */
};

/* Copies the path at va, to be read relative to dirfd. flags: AT_*; with AT_EMPTY_PATH an empty one is dirfd itself. 0, then path_put() must
 * follow; -EFAULT, -ENAMETOOLONG, -ENOENT for an empty one, -EBADF, -ENOTDIR, -ENOMEM. */
s64 path_get(struct user_path *path, u64 dirfd, u64 va, u32 flags);
/* Lets go of it; returns result, for the caller's last line. */
s64 path_put(struct user_path *path, s64 result);

#endif
