/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* provoke - ways to fail on purpose, so that tests see how the kernel ends and what its page tables forbid. */
#ifndef PROVOKE_H
#define PROVOKE_H

#include "base.h"

/* "needs-reset:N" (in 1..): provoke_device() is true once, the N-th time that it is called. */
bool provoke_device(void);
/* "queue-reset:N": the same. */
bool provoke_queue(void);

/* "panic", "null", "write-text", "run-data", "stack", "smash", "undefined", "reset", "hang": does it. Any other word: a line in the log. */
void provoke(const char *what);

#endif
