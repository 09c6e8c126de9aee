/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* block - what drivers of disks share: any bytes out of whole blocks, Linux's questions, names in /dev. */
#ifndef BLOCK_H
#define BLOCK_H

#include "base.h"

struct block_device;

enum block_range { BLOCK_DISCARD, BLOCK_ZERO, BLOCK_ERASE, BLOCK_RANGES };
enum { BLOCK_SERIAL = 20 };

/* All may wait. Places and lengths are in bytes, whole blocks, and inside the size that the device had when it was asked for. */
struct block_ops {
    /* Moves what the spans hold. Bytes done, less than asked for when there was an error behind them; -E2BIG: the first block lies in more pieces than the
     * device takes. */
    s64 (*move)(struct block_device *b, bool write, const struct span *spans, unsigned n, u64 at);
    int (*flush)(struct block_device *b);
    int (*range)(struct block_device *b, enum block_range what, u64 at, u64 len);
    /* Bytes of the serial number, which need not be text. */
    int (*serial)(struct block_device *b, char out[BLOCK_SERIAL]);
};

/* Belongs to a driver, which fills it, zeroed otherwise, and may change the size later. */
struct block_device {
    const struct block_ops *ops;
    const char *parent, *bus_name; /* the PCI function it came out of, and its name on its own bus: "virtio1" */
    u64 size;                      /* bytes, whole blocks */
    u32 block;                     /* bytes, a power of two, 512..PAGE_SIZE */
    bool readonly, volatile_cache; /* flush() has something to do */
    u32 physical, alignment, min_io, opt_io, granularity; /* bytes, as Linux tells them */
    u32 max_spans, max_span;                              /* in one request */
    u64 most[BLOCK_RANGES];                               /* bytes of one such request; 0: the device cannot */
    u16 cylinders;
    u8 heads, sectors;
    /* block.c's */
    struct block_device *next;
    struct device *node;
    char name[8];
    u32 major, minor;
    unsigned letter, number; /* no other ever has this number */
    u8 *page;
};

/* Publishes it: /dev/PREFIXa to PREFIXz, PREFIXaa...: the first that is free. major: with minor numbers in steps of 16. 0; -ENOSPC; -ENOMEM. */
int block_add(struct block_device *b, const char *prefix, u32 major);
/* Nobody asks it for anything any more. */
void block_remove(struct block_device *b);

/* The one with the lowest number from `number` on; NULL: no more. */
struct block_device *block_next(unsigned number);

#endif
