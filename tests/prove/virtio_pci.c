/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_pci - a capability of any content: what is taken from it leads to no register beyond the BAR.
 *
 * also kernel/virtio_bar.c
 * plant caps: kernel/virtio_pci.c: kind > CAP_WINDOW || -> kind > CAP_WINDOW + 1 ||
 * plant caps: kernel/virtio_pci.c: b.len >= limits[kind].least -> b.len + 1 >= limits[kind].least
 * plant doorbell: kernel/virtio_pci.c: place->len - offset < width -> place->len - offset < width - 1
 */
#include "kernel/virtio_pci.c"

/* No multiple of four, so that a structure ends before the BAR, at its end or behind it. */
enum { BAR = 63 };
static u8 registers[BAR];
static struct pci_dev pci;
static u32 offset_said;
static u8 kind_said;

u8 pci_read8(const struct pci_dev *dev, u16 offset)
{
    (void)dev;
    return offset == 0x40 + CAP_TYPE ? kind_said : (u8)any(0, 0xff);
}

u32 pci_read32(const struct pci_dev *dev, u16 offset)
{
    (void)dev;
    return offset == 0x40 + CAP_OFFSET ? offset_said : any_u32();
}

bool pci_decodes(const struct pci_dev *dev, bool io)
{
    (void)dev, (void)io;
    return true;
}

void *pci_map_bar(const struct pci_dev *dev, unsigned bar, u64 offset, u64 len)
{
    (void)dev;
    must(bar < PCI_BARS);
    return len && offset <= BAR && len <= BAR - offset ? registers + offset : NULL;
}

u8 arch_read8(const void *reg)
{
    return *(const u8 *)reg;
}

u16 arch_read16(const void *reg)
{
    return *(const u16 *)reg;
}

u32 arch_read32(const void *reg)
{
    return *(const u32 *)reg;
}

void pci_write8(const struct pci_dev *dev, u16 offset, u8 v)
{
    (void)dev, (void)offset, (void)v;
}

void pci_write32(const struct pci_dev *dev, u16 offset, u32 v)
{
    (void)dev, (void)offset, (void)v;
}

/* Wherever the structure is said to be: its last field is read. */
static void caps(void)
{
    struct function f = {.pci = &pci};
    any_bytes(registers, sizeof registers);
    read_cap(&f, 0x40, false);
    if (f.places[CAP_COMMON].pci)
        get(&f, __builtin_offsetof(struct common_cfg, queue_device) + 4, 4);
}

void prove_caps(void)
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        pci.bars[i] = (struct pci_bar){.base = 0x10000, .size = BAR};
    for (unsigned kind = 0; kind <= CAP_WINDOW + 1; kind++)
        for (offset_said = 0; offset_said <= BAR + 1; offset_said++) {
            kind_said = (u8)kind;
            caps();
        }
    kind_said = (u8)any(CAP_WINDOW + 1, 0xff);
    caps();
}

/* Each place that a queue's doorbell may be said to have in a structure of each length. */
void prove_doorbell(void)
{
    static struct function f;
    static struct virtio_device dev = {.transport_priv = &f};
    static struct virtq q = {.device = &dev};
    pci.bars[2] = (struct pci_bar){.base = 0x10000, .size = BAR};
    f.pci = &pci;
    for (u32 len = 2; len <= 12; len++)
        for (u16 notify_off = 0; notify_off <= 12; notify_off++) {
            struct virtio_bar doorbell;
            dev.accepted = notify_off % 2 ? VIRTIO_F_NOTIFICATION_DATA : 0;
            f.multiplier = 1;
            f.places[CAP_NOTIFY] = (struct virtio_bar){.pci = &pci, .bar = 2, .offset = 20, .len = len};
            q.notify_off = notify_off;
            if (find_doorbell(&q, &doorbell))
                must(doorbell.offset + notify_width(&q) <= 20 + len);
        }
}
