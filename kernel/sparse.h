/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sparse - bytes at 64-bit offsets, with holes: what a file in memory has. All zero: empty. */
#ifndef SPARSE_H
#define SPARSE_H

#include "base.h"

struct sparse {
    u64 root;        /* physical address of the first page, or of a table; 0: a hole */
    unsigned height; /* levels of tables */
    u64 pages;       /* data pages that are there */
};

/* Bytes [offset, offset+len) to the spans, which have room for them; holes read as zeroes. */
void sparse_read(const struct sparse *s, const struct span *spans, unsigned n, u64 offset, u64 len);
/* The first len bytes of the spans to `offset`, with no more than `room` new pages of data. Returns how many were put: less when memory is out. The end
 * is at most 2^63. */
u64 sparse_write(struct sparse *s, const struct span *spans, unsigned n, u64 offset, u64 len, u64 room);
/* All from this byte on becomes a hole. */
void sparse_cut(struct sparse *s, u64 size);

#endif
