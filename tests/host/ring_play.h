/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* ring_play - a queue between a driver that keeps to its rules and a device that does what bytes say, which must not hurt the driver. */
#ifndef RING_PLAY_H
#define RING_PLAY_H

#include "base.h"

/* Plays the bytes out on a queue with these VIRTQ_ flags. Ends the process when a request comes back that was not out, twice, or with too many bytes. */
void ring_play(u32 flags, const u8 *bytes, size_t len);

#endif
