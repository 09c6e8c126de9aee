/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* null_zero - /dev/null and /dev/zero. */
#include "devfs.h"
#include "mem.h"

static s64 read_nothing(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)spans, (void)n, (void)offset;
    return 0;
}

static s64 read_zeroes(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)offset;
    return (s64)mem_zero_spans(spans, n, 0, mem_span_total(spans, n));
}

static s64 write_away(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)offset;
    return (s64)mem_span_total(spans, n);
}

DEVICE(null) = {.name = "null", .major = 1, .minor = 3, .perm = 0666, .read = read_nothing, .write = write_away};
DEVICE(zero) = {.name = "zero", .major = 1, .minor = 5, .perm = 0666, .read = read_zeroes, .write = write_away};
