/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci - any functions on any buses: 64 bytes of data are one's configuration space, again and again. */
#include "fake_arch.h"
#include "mem.h"
#include "pci.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static const u8 *bytes;
static size_t length;
static u32 address, bars[64];

/* What is written to a BAR stays, but for as many low bits as the data says. */
static u32 config(void *ctx, u64 offset, unsigned width)
{
    u32 function = address >> 8 & 0xffff, reg = (address & 0xfc) + ((u32)offset & 3), v = 0;
    (void)ctx;
    if (offset < 4 || function * 64 >= length)
        return ~0u;
    for (unsigned i = 0; i < width; i++)
        v |= (u32)bytes[(function * 64 + (reg + i) % 64) % length] << 8 * i;
    return reg >= 0x10 && reg < 0x28 && bars[reg / 4] ? bars[reg / 4] & (0xffffffff << v % 32 | 0xf) : v;
}

static void set_config(void *ctx, u64 offset, unsigned width, u32 v)
{
    (void)ctx, (void)width;
    if (offset < 4)
        address = v;
    else
        bars[(address & 0xff) / 4] = v;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static const struct span window = {0xc0000000, 0x10000000};
    bytes = data;
    length = len;
    address = 0;
    memset(bars, 0, sizeof bars);
    fake_reset();
    fake_ports_add(&(struct fake_region){0xcf8, 8, config, set_config, NULL});
    mem_init(&(struct span){FAKE_RAM, FAKE_RAM_SIZE}, 1); /* functions live for ever */
    pci_scan(&window);
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        for (u16 cap = 0; (cap = pci_find_cap(d, PCI_CAP_VENDOR, cap)) != 0;)
            pci_read32(d, cap);
    return 0;
}
