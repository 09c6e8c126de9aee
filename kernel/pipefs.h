/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pipefs - pipes: nameless files with two ends. */
#ifndef PIPEFS_H
#define PIPEFS_H

#include "base.h"

struct file;

/* ends[0] is read from, ends[1] is written to; flags: O_NONBLOCK. Each belongs to the caller. 0; -ENOMEM. */
int pipefs_make(u32 flags, struct file *ends[2]);

#endif
