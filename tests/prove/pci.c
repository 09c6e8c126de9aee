/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci - configuration space in which each read gives anything: the list of capabilities, and what is found in it.
 *
 * flags caps: -eva-slevel-function read_caps:100
 * plant caps: kernel/pci.c: dev->ncaps < PCI_CAPS -> dev->ncaps <= PCI_CAPS
 * plant msix: kernel/pci.c: index >= dev->msix_count -> index > dev->msix_count
 */
#include "kernel/pci.c"

u8 arch_read8(const void *reg)
{
    (void)reg;
    return (u8)any(0, 0xff);
}

u16 arch_read16(const void *reg)
{
    (void)reg;
    return (u16)any(0, 0xffff);
}

u32 arch_read32(const void *reg)
{
    (void)reg;
    return any_u32();
}

/* A table of vectors lies where its BAR is, and no register is beyond it. */
static u8 table[64];

void arch_write8(void *reg, u8 v)
{
    *(u8 *)reg = v;
}

void arch_write16(void *reg, u16 v)
{
    *(u16 *)reg = v;
}

void arch_write32(void *reg, u32 v)
{
    *(u32 *)reg = v;
}

u32 arch_in(u16 port, unsigned width)
{
    (void)port, (void)width;
    return any_u32();
}

void arch_out(u16 port, unsigned width, u32 v)
{
    (void)port, (void)width, (void)v;
}

void arch_irq_message(int irq, u64 *address, u32 *data)
{
    (void)irq;
    *address = any_u64();
    *data = any_u32();
}

void *arch_map_registers(u64 pa, u64 len)
{
    must(pa >= 0x1000);
    must(pa - 0x1000 <= sizeof table);
    must(len <= sizeof table);
    return table + (pa - 0x1000);
}

void prove_caps(void)
{
    struct pci_dev dev = {.bus = 1};
    read_caps(&dev);
    must(dev.ncaps <= PCI_CAPS);
    must(dev.msix_count <= 2048);
    u16 cap = pci_find_cap(&dev, PCI_CAP_VENDOR, (u16)any(0, 0xff));
    must(cap <= 0xfc);
}

/* A table of one vector to four, and a route to any. */
void prove_msix(void)
{
    for (u16 n = 1; n <= 4; n++) {
        struct pci_dev dev = {.bus = 1, .msix_count = n, .msix_table = table + sizeof table - 16 * n};
        pci_msix_route(&dev, (unsigned)any(0, ~0u), 5);
    }
}
