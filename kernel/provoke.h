/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* provoke - ways to fail on purpose, so that tests see how the kernel ends and what its page tables forbid. */
#ifndef PROVOKE_H
#define PROVOKE_H

#include "base.h"

/* "needs-reset:N" (in 1..): provoke_device() is true once, the N-th time that it is called. "queue-reset:N": the same. */
extern u64 provoke_until_device, provoke_until_queue;
static inline bool provoke_device(void)
{
    return provoke_until_device && --provoke_until_device == 0;
}

static inline bool provoke_queue(void)
{
    return provoke_until_queue && --provoke_until_queue == 0;
}

/* "panic", "null", "write-text", "run-data", "stack", "smash", "undefined", "reset", "hang": does it. Any other word: a line in the log. */
void provoke(const char *what);

#endif
