/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_bar - registers of a virtio function: memory, ports, or the window in configuration space (virtio 1.x, 4.1.3.1, 4.1.4.9). */
#include "virtio_bar.h"

#include "arch.h"
#include "pci.h"

enum { WINDOW_BAR = 4, WINDOW_OFFSET = 8, WINDOW_LENGTH = 12, WINDOW_DATA = 16 };

int virtio_bar_open(struct virtio_bar *b, u32 most, u16 window)
{
    const struct pci_bar *p = b->bar < PCI_BARS ? &b->pci->bars[b->bar] : NULL;
    if (!p || b->len == 0 || b->offset > p->size || b->len > p->size - b->offset)
        return -EINVAL;
    if (p->io && pci_decodes(b->pci, true))
        b->port = (u16)(p->base + b->offset);
    else if (!p->io)
        b->mapped = pci_map_bar(b->pci, b->bar, b->offset, MIN(b->len, most));
    if (!b->port && !b->mapped)
        b->window = window;
    return b->port || b->mapped || b->window ? 0 : -ENXIO;
}

/* Points the window at a register, which lies in a structure that a capability names, at a multiple of its width (4.1.4.9.2). */
static u16 point(const struct virtio_bar *b, u32 at, unsigned width)
{
    pci_write8(b->pci, b->window + WINDOW_BAR, b->bar);
    pci_write32(b->pci, b->window + WINDOW_OFFSET, b->offset + at);
    pci_write32(b->pci, b->window + WINDOW_LENGTH, width);
    return b->window + WINDOW_DATA;
}

u32 virtio_bar_read(const struct virtio_bar *b, u32 at, unsigned width)
{
    if (b->port)
        return arch_in((u16)(b->port + at), width);
    if (width == 1)
        return b->mapped ? arch_read8(b->mapped + at) : pci_read8(b->pci, point(b, at, 1));
    if (width == 2)
        return b->mapped ? arch_read16(b->mapped + at) : pci_read16(b->pci, point(b, at, 2));
    return b->mapped ? arch_read32(b->mapped + at) : pci_read32(b->pci, point(b, at, 4));
}

static void write_window(const struct virtio_bar *b, u32 at, unsigned width, u32 v)
{
    u16 data = point(b, at, width);
    if (width == 1)
        pci_write8(b->pci, data, (u8)v);
    else if (width == 2)
        pci_write16(b->pci, data, (u16)v);
    else
        pci_write32(b->pci, data, v);
}

void virtio_bar_write(const struct virtio_bar *b, u32 at, unsigned width, u32 v)
{
    if (b->port)
        arch_out((u16)(b->port + at), width, v);
    else if (!b->mapped)
        write_window(b, at, width, v);
    else if (width == 1)
        arch_write8(b->mapped + at, (u8)v);
    else if (width == 2)
        arch_write16(b->mapped + at, (u16)v);
    else
        arch_write32(b->mapped + at, v);
}

static bool is_field(u32 at, u32 len)
{
    return (len == 2 || len == 4) && at % len == 0;
}

void virtio_bar_get(const struct virtio_bar *b, u32 at, void *bytes, u32 len)
{
    u32 step = is_field(at, len) ? len : 1;
    for (u32 i = 0; i < len; i += step) {
        le32 v = to_le32(virtio_bar_read(b, at + i, step));
        memcpy((u8 *)bytes + i, &v, step);
    }
}

void virtio_bar_put(const struct virtio_bar *b, u32 at, const void *bytes, u32 len)
{
    u32 step = is_field(at, len) ? len : 1;
    for (u32 i = 0; i < len; i += step) {
        le32 v = {0};
        memcpy(&v, (const u8 *)bytes + i, step);
        virtio_bar_write(b, at + i, step, le32_get(v));
    }
}
