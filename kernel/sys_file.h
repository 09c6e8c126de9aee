/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_file - open files by their numbers, and how large RLIMIT_FSIZE lets them become, for other system calls. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include "base.h"

struct file;

/* Cuts a write of *len bytes at `at` (VFS_CURRENT: at the file's position; append: at its end) to what the limit leaves of it. 0; -EFBIG if that is
 * nothing, and the signal is sent; other errors of finding where the write goes. */
s64 file_room(struct file *file, u64 at, bool append, u64 *len);

/* An open file that is more than a place in the tree; NULL: it is not. */
struct file *file_open(u64 fd);

#endif
