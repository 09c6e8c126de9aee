/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* memory - /dev/null, zero, full, random and urandom: what Linux has under major number 1. */
#include "devfs.h"
#include "mem.h"
#include "rand.h"

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

/* Where nothing secret was ever fed, random has nothing to give; who takes urandom takes what there is. */
static s64 read_chance(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    u64 done = 0, len = mem_span_total(spans, n);
    (void)offset;
    while (done < len) {
        u8 bytes[256];
        u64 piece = MIN(len - done, sizeof bytes);
        if (!rand_bytes(bytes, piece) && dev->priv)
            return -EAGAIN;
        done += mem_to_spans(spans, n, done, bytes, piece);
    }
    return (s64)len;
}

static s64 write_away(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)offset;
    return (s64)mem_span_total(spans, n);
}

static s64 write_full(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)spans, (void)n, (void)offset;
    return -ENOSPC;
}

static s64 write_chance(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)offset;
    for (unsigned i = 0; i < n; i++)
        rand_feed(mem_virt(spans[i].pa), spans[i].len, false);
    return (s64)mem_span_total(spans, n);
}

#define MEMORY(ident, number, read_it, write_it, what)                                                                 \
    DEVICE(ident) = {                                                                                                  \
        .name = #ident, .major = 1, .minor = number, .perm = 0666, .read = read_it, .write = write_it, .priv = what}

static bool secret = true;
MEMORY(null, 3, read_nothing, write_away, NULL);
MEMORY(zero, 5, read_zeroes, write_away, NULL);
MEMORY(full, 7, read_zeroes, write_full, NULL);
MEMORY(random, 8, read_chance, write_chance, &secret);
MEMORY(urandom, 9, read_chance, write_chance, NULL);
