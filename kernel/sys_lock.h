/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_lock - the commands of fcntl that lock. */
#ifndef SYS_LOCK_H
#define SYS_LOCK_H

#include "base.h"

struct file;

/* F_GETLK and its like on a file that is no O_PATH; va: struct flock. -EINVAL: another command. */
s64 lock_fcntl(struct file *file, u32 cmd, u64 va);

#endif
