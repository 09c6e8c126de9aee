/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_pci - a PCI bus of scripted functions: configuration space by ECAM and ports, bridges that route, BARs that decode, MSI-X. */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

#include "base.h"

#define FAKE_ECAM      0xe0000000ull
#define FAKE_MMIO      0xc0000000ull /* memory space of the bus, up to FAKE_ECAM; and a piece above 4 GiB */
#define FAKE_MMIO_HIGH 0x4000000000ull
#define FAKE_MMIO_SIZE 0x20000000ull

enum { FAKE_BAR_IO = 1, FAKE_BAR_64 = 4, FAKE_BAR_PREFETCH = 8 };
enum { FAKE_VECTORS = 64 };

struct fake_function {
    struct fake_function *next, *parent;
    u8 slot, function;
    u8 config[4096];
    u8 writable[4096]; /* bits that stick */
    u64 bar_size[6];
    u16 last_cap, free_cap; /* offsets: where the list ends, where there is room */
    u8 msix_cap, msix_bar;
    u32 msix_offset, msix_count;
    u32 msix[FAKE_VECTORS * 4];
    void *ctx;
    u32 (*bar_read)(struct fake_function *f, unsigned bar, u64 offset, unsigned width);
    void (*bar_write)(struct fake_function *f, unsigned bar, u64 offset, unsigned width, u32 v);
    /* Last word on what a read of configuration space gives. */
    u32 (*config_hook)(struct fake_function *f, u16 offset, unsigned width, u32 v);
    void (*write_hook)(struct fake_function *f, u16 offset, unsigned width, u32 v);
};

/* An empty bus, of which ACPI tells by MCFG, or that is found by ports, or neither. Calls fake_reset(). */
enum { FAKE_BY_ECAM = 1, FAKE_BY_PORTS = 2 };
void fake_pci_start(unsigned by);

struct fake_function *fake_pci_add(struct fake_function *parent, u8 slot, u8 function, u16 vendor, u16 device,
                                   u32 class);
/* A type 1 function; secondary 0: firmware has not been there. */
struct fake_function *fake_pci_bridge(struct fake_function *parent, u8 slot, u8 secondary, u8 subordinate);
/* base 0: firmware has not been there. */
void fake_pci_bar(struct fake_function *f, unsigned bar, u64 base, u64 size, u32 flags);
u64 fake_pci_bar_base(const struct fake_function *f, unsigned bar);
/* Appends a capability of len bytes (its head counted): its offset. */
u16 fake_pci_cap(struct fake_function *f, u8 id, u8 len);
void fake_pci_msix(struct fake_function *f, unsigned bar, u32 offset, u32 count);
/* MSI-X is on; else, its line may call. */
bool fake_pci_has_msix(const struct fake_function *f);
bool fake_pci_has_intx(const struct fake_function *f);
/* The function raises its vector; false: masked, disabled, or no bus master. */
bool fake_pci_raise(struct fake_function *f, unsigned vector);

void fake_pci_set16(struct fake_function *f, u16 offset, u16 v);
void fake_pci_set32(struct fake_function *f, u16 offset, u32 v);
u16 fake_pci_get16(const struct fake_function *f, u16 offset);
u32 fake_pci_get32(const struct fake_function *f, u16 offset);

/* Accesses to configuration space since fake_pci_start(), and accesses to memory space that nobody answered. */
extern u64 fake_pci_accesses, fake_pci_aborts;

#endif
