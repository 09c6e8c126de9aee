/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq_split - a device that writes anything into a split ring, at any time between the driver's steps. */
#include "ring_play.h"
#include "virtq.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    ring_play(0, data, len);
    return 0;
}
