/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* devfs - /dev: what drivers publish. */
#ifndef DEVFS_H
#define DEVFS_H

#include "base.h"

/* A character or block device, a link or a folder of them. A verb that is NULL answers EINVAL, an ioctl ENOTTY. */
struct device {
    const char *name;        /* in its folder */
    const struct device *in; /* the folder; NULL: /dev */
    bool folder;
    u32 major, minor; /* Linux's numbers where it has them */
    u32 perm;         /* 0666 */
    const char *link; /* not NULL: only a link, to there */
    /* An open file begins, unless the answer is an error, and ends; not told of files that were open when the device was removed. */
    int (*open)(const struct device *dev);
    void (*close)(const struct device *dev);
    s64 (*read)(const struct device *dev, const struct span *spans, unsigned n, u64 offset);
    s64 (*write)(const struct device *dev, const struct span *spans, unsigned n, u64 offset);
    int (*ioctl)(const struct device *dev, u32 cmd, void *data, size_t size);
    u32 (*poll)(const struct device *dev);  /* absent: never waits */
    u64 (*size)(const struct device *dev);  /* in bytes; whoever has this is a block device */
    int (*fsync)(const struct device *dev); /* absent: nothing waits to be stored */
    void *priv;
};

/* Declares a device that is always there: DEVICE(null) = {.name = "null", ...}; */
#define DEVICE(ident)                                                                                                  \
    static const struct device ident;                                                                                  \
    TABLE_ENTRY(devices, struct device, ident);                                                                        \
    static const struct device ident

/* Publishes one that was found; it lives until devfs_remove, behind which files that are open on it hear ENODEV. -ENOSPC: too many;
 * -EEXIST: its folder has that name; -EINVAL: it is none for a file, as hosts may give them. */
int devfs_add(const struct device *dev);
void devfs_remove(const struct device *dev);

/* Registers the file system under the tag "devtmpfs". */
void devfs_init(void);

#endif
