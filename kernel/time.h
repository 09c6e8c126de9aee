/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* time - the clocks, and waiting with a bound. */
#ifndef TIME_H
#define TIME_H

#include "base.h"

/* pm_port: I/O port of ACPI's 3.579545 MHz timer, 0 if none; it tells the cycle counter's rate where the processor does not. wall_ns: UTC
 * as the door knew it, 0: ask the machine when first needed. Does not wait. */
void time_init(u16 pm_port, u64 wall_ns);

#define SECOND 1000000000ul /* ns */

/* Nanoseconds since time_init(); never goes back. */
u64 time_ns(void);
/* Nanoseconds since 1970, UTC. */
u64 time_wall_ns(void);

/* Sleeps for about ns. */
void time_sleep(u64 ns);

/* A bounded wait for a register that changes soon:
 *     struct patience p = {0};
 *     while (...) if (!time_patience(&p)) return -ETIMEDOUT;
 * Each call pauses, briefly at first, later until the next interrupt; false once TIME_PATIENCE heartbeats went by. */
struct patience {
    u64 calls;
    u64 start; /* heartbeats at the first call */
};
enum { TIME_PATIENCE = 50 }; /* heartbeats: about five seconds */
bool time_patience(struct patience *p);

/* For lines of the log that a host could cause without end: true, at most once in TIME_PATIENCE heartbeats. *last: 0 at first. */
bool time_rarely(u64 *last);

#endif
