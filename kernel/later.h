/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* later - work that an interrupt asks for, done when the kernel is in the middle of nothing. */
#ifndef LATER_H
#define LATER_H

#include "base.h"

/* Belongs to who asks; zeroed but for fn. */
struct later {
    void (*fn)(struct later *work);
    struct later *next, *next_watch; /* later.c's */
    bool asked, watched;
    bool seldom; /* a watch: while the machine sleeps not at each heartbeat, but when an interrupt came */
};

/* work->fn runs once at the next safe point, however often it was asked for until then. May be called from an interrupt. */
void later_ask(struct later *work);

/* Asks for it at each heartbeat (about ten a second) that a safe point sees: for what raises no interrupt. */
void later_watch(struct later *work);

/* Asks for it before the processor rests (later_rest), or at the next heartbeat that a safe point sees: for what was put off until there is nothing else to do. It
 * must not wait. */
void later_idle(struct later *work);
void later_rest(void);

/* Takes back what was asked for and the watch; the memory may go. */
void later_forget(struct later *work);

/* A safe point: does what was asked for. Only where no request and no structure is half-way: at the end of a system call, on the way back to the program, and in a
 * wait that holds nothing. May wait for devices. Costs next to nothing when there is nothing to do. */
void later_run(void);

/* A wait that holds nothing: until an interrupt, or about ns nanoseconds at most; then a safe point. */
void later_sleep(u64 ns);

#endif
