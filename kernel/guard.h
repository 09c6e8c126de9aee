/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* guard - the word between a function's arrays and its return address (-fstack-protector-strong). */
#ifndef GUARD_H
#define GUARD_H

#include "base.h"

/* Gives the word a value that nobody knows. Only from a function that never returns: those that run have the old one on their stacks. */
void guard_init(void);

#endif
