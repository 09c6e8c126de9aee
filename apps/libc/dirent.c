/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* dirent - reading folders with getdents64. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "linux.h"

struct dir {
    int fd;
    size_t next, filled; /* bytes of `entries` that were handed out, and that are valid */
    _Alignas(struct dirent) char entries[64 * 1024];
};

DIR *fdopendir(int fd)
{
    DIR *dir = malloc(sizeof *dir);
    if (dir) {
        dir->fd = fd;
        dir->next = dir->filled = 0;
    }
    return dir;
}

DIR *opendir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

/* NULL: the end (errno is untouched) or an error (errno is set). */
struct dirent *readdir(DIR *dir)
{
    if (dir->next >= dir->filled) {
        long got = linux_call(SYS_getdents64, dir->fd, (long)dir->entries, sizeof dir->entries, 0);
        if (got <= 0)
            return NULL;
        dir->next = 0;
        dir->filled = (size_t)got;
    }
    struct dirent *entry = (struct dirent *)(dir->entries + dir->next);
    dir->next += entry->d_reclen;
    return entry;
}

void rewinddir(DIR *dir)
{
    lseek(dir->fd, 0, SEEK_SET);
    dir->next = dir->filled = 0;
}

int dirfd(DIR *dir)
{
    return dir->fd;
}

int closedir(DIR *dir)
{
    int fd = dir->fd;
    free(dir);
    return close(fd);
}
