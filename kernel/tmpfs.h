/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tmpfs - a file system in memory. */
#ifndef TMPFS_H
#define TMPFS_H

#include "base.h"

/* Registers an empty file system under the tag "tmpfs". */
int tmpfs_init(void);

#endif
