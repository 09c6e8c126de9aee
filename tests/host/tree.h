/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tree - initial files, /dev, /sys, a read-only share with links and depth, and an empty writable /tmp, mounted as the kernel does it. */
#ifndef TREE_H
#define TREE_H

#include "share.h"

enum { TREE_DEPTH = 150 };

/* Before all tests of a file; before each; after each: no rule broken, no fid left but the two mounts' roots. */
int mount_all(void **state);
int begin(void **state);
int end(void **state);

int stat_of(const char *path, u32 flags);
u64 ino_of(const char *path);
int open_error(const char *path, u32 flags);
/* Fails unless path opens and its canonical path is this. */
void leads_to(const struct file *at, const char *path, const char *canonical);

/* The first names of a directory, for vfs_readdir(d, room, list_name, &listing). */
struct listing {
    unsigned n, room; /* names taken, names wanted */
    char names[64][32];
};
bool list_name(void *listing, const struct dirent_info *entry);
bool lists(const struct listing *listing, const char *name);

#endif
