/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* attrfs - /proc and /sys: folders of small files whose content is made when it is asked for, laid out as on Linux. */
#ifndef ATTRFS_H
#define ATTRFS_H

#include "base.h"

enum { ATTRFS_PATH = 512, ATTRFS_AS_IT_IS = 1 };

/* What a file's content is written to. What does not fit is dropped; a reader who wants it comes again with more room. */
struct attrfs_text {
    char *s;
    size_t len, size;
};
/* Both return 0, for a show()'s last line. */
int attrfs_add(struct attrfs_text *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
int attrfs_add_bytes(struct attrfs_text *out, const void *bytes, size_t n);

struct attrfs_file {
    const char *name; /* in its object's folder; "": the object is no folder but this file */
    u32 mode;         /* permission bits, or S_IFLNK */
    /* Writes the file's content, or a link's target: from the folder that holds all others, or, with ATTRFS_AS_IT_IS returned,
     * as programs are to see it. Else 0; -ENOENT: this object has no such file. With no room in `out` it may be called from a look-up,
     * only to know that. */
    int (*show)(const void *object, struct attrfs_text *out);
    u32 size; /* as stat tells it; 0: the file system's usual */
    /* Takes what a program wrote in one piece: at least one byte, a page at most, and a NUL behind it. 0; -errno. The object may be gone afterwards. */
    int (*store)(const void *object, const char *text);
};

struct attrfs_class {
    /* The first object from number *i on, which becomes its own number: one that always means the same object. And its place:
     * "sys/bus/pci/drivers/virtio-pci"; folders on the way need no object. NULL: no more. A path that stays "": nothing has this number now; one that
     * ends in '/': a folder of others. */
    const void *(*object)(unsigned *i, char path[ATTRFS_PATH]);
    const struct attrfs_file *files;
    unsigned nfiles;
};

/* Declares a class: ATTRFS_CLASS(pci_devices) = {.object = ..., .files = ..., .nfiles = ...}; several may add files to one folder. */
#define ATTRFS_CLASS(ident)                                                                                            \
    static const struct attrfs_class ident;                                                                            \
    TABLE_ENTRY(attrfs_classes, struct attrfs_class, ident);                                                           \
    static const struct attrfs_class ident

/* The head of a show(). */
#define ATTRFS_SHOW(name)                                                                                              \
    static int show_##name(__attribute__((unused)) const void *object, __attribute__((unused)) struct attrfs_text *out)

/* A show() that is one line about its object, `o`; and one that is the same for all of them. */
#define ATTRFS_LINE(name, type, ...)                                                                                   \
    ATTRFS_SHOW(name)                                                                                                  \
    {                                                                                                                  \
        const type *o = object;                                                                                        \
        return attrfs_add(out, __VA_ARGS__);                                                                           \
    }
#define ATTRFS_SAYS(name, text)                                                                                        \
    ATTRFS_SHOW(name)                                                                                                  \
    {                                                                                                                  \
        return attrfs_add(out, text);                                                                                  \
    }

/* The same for a store(). */
#define ATTRFS_STORE(name) static int store_##name(__attribute__((unused)) const void *object, const char *text)

/* What was written is this word, with or without a newline behind it. */
bool attrfs_says(const char *text, const char *word);
/* What was written as a number, the same way. 0; -EINVAL. */
int attrfs_number(const char *text, u64 *out);

/* Registers both file systems, under the tags "proc" and "sysfs". */
void attrfs_init(void);

#endif
