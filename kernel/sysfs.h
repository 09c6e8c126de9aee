/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs - /sys: one folder for each object of a class, one file for each of its attributes, laid out as on Linux. */
#ifndef SYSFS_H
#define SYSFS_H

#include "base.h"

struct sysfs_attr {
    const char *name;
    u32 mode; /* 0444, or S_IFLNK: show() gives the target */
    /* The file's content into buf: its length, at most size; -ENOENT: this object has no such file. */
    s64 (*show)(const void *object, char *buf, size_t size);
};

struct sysfs_class {
    const char *path; /* below /sys: "bus/pci/devices" */
    /* The i-th object and its folder's name; NULL: no more. */
    const void *(*object)(unsigned i, char name[32]);
    const struct sysfs_attr *attrs;
    unsigned nattrs;
};

/* Declares a class: SYSFS_CLASS(pci_devices) = {.path = "bus/pci/devices", ...}; */
#define SYSFS_CLASS(ident)                                                                                             \
    static const struct sysfs_class ident;                                                                             \
    TABLE_ENTRY(sysfs_classes, struct sysfs_class, ident);                                                             \
    static const struct sysfs_class ident

/* Registers the file system under the tag "sysfs". */
void sysfs_init(void);

#endif
