/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* initfs - the files that came with the image (cpio newc), read-only but for directories that mounts need. */
#ifndef INITFS_H
#define INITFS_H

#include "base.h"

/* Registers the archive as the file system with the tag "initfs"; len 0: an empty tree. The archive stays where it is and is used in place. A bad archive: what was good before the
 * first bad header is there, one warning tells where. 0 or -ENOMEM. */
int initfs_init(void *archive, size_t len);

/* The bytes of a file of the archive, DIR/NAME; NULL: it has none. */
const void *initfs_bytes(const char *dir, const char *name, size_t *len);

#endif
