/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_bar - registers of a virtio function, by whatever way leads to them: memory, ports, or configuration space (virtio 1.x, 4.1.4, 4.1.4.9). */
#ifndef VIRTIO_BAR_H
#define VIRTIO_BAR_H

#include "base.h"

struct pci_dev;

/* `len` bytes from `offset` of a BAR. */
struct virtio_bar {
    struct pci_dev *pci; /* NULL: not there */
    u8 bar;
    u32 offset, len;
    u8 *mapped; /* or: */
    u16 port;   /* or: */
    u16 window; /* the capability VIRTIO_PCI_CAP_PCI_CFG, through which each access takes four */
};

/* Finds the way to what the caller filled in (pci, bar, offset, len), of which only the first `most` bytes will be used; window: 0, or the last resort.
 * It lasts for ever. 0; -EINVAL: the BAR has no such bytes; -ENXIO: there is no way. */
int virtio_bar_open(struct virtio_bar *b, u32 most, u16 window);

/* One access of 1, 2 or 4 bytes at a multiple of that, within len. */
u32 virtio_bar_read(const struct virtio_bar *b, u32 at, unsigned width);
void virtio_bar_write(const struct virtio_bar *b, u32 at, unsigned width, u32 v);

/* Copies len bytes from, or to, `at` of b, which must hold them: 2 and 4 aligned bytes are one field, accessed as such (4.1.3.1); all else byte by byte. */
void virtio_bar_get(const struct virtio_bar *b, u32 at, void *bytes, u32 len);
void virtio_bar_put(const struct virtio_bar *b, u32 at, const void *bytes, u32 len);

#endif
