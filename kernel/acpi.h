/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* acpi - the tables that firmware left (ACPI 6.5, chapter 5): ECAM windows, the PM timer, power off, reset. No AML interpreter. */
#ifndef ACPI_H
#define ACPI_H

#include "base.h"

struct boot;

/* Finds and checks the tables from boot->rsdp, or by the search that ACPI 5.2.5.1 allows when that is 0. Bad tables are
 * left out with one warning each; with none at all everything below says "not there". *boot must stay. */
void acpi_init(const struct boot *boot);

/* The first table with this signature whose length and checksum are right, header included; NULL. */
const void *acpi_find(const char signature[4], u32 *len);

/* ECAM window number i, from MCFG or from AML: configuration space of buses first..last of a segment (PCI Firmware 3.3, 4.1.2). */
struct acpi_ecam {
    u64 base; /* physical address of bus 0's space, even when first > 0 */
    u16 segment;
    u8 first, last;
};
bool acpi_ecam(unsigned i, struct acpi_ecam *out);

/* Whether a byte of [pa, pa+len) is memory by the firmware's map (ACPI 6.5, chapter 15): RAM, tables or NVS. No registers can be there. */
bool acpi_is_ram(u64 pa, u64 len);

/* I/O APIC number i of the MADT (5.2.12.3): where its registers are, and the global number of its first line. */
struct acpi_ioapic {
    u64 base;
    u32 first_line;
};
bool acpi_ioapic(unsigned i, struct acpi_ioapic *out);

/* The global line that an ISA interrupt number means (5.2.12.5); *active_low: its polarity as a PCI interrupt. */
u32 acpi_isa_line(u8 irq, bool *active_low);

/* I/O port of the 3.579545 MHz timer; 0: none. */
u16 acpi_pm_timer(void);

/* Asks for power off (S5) / reset by the FADT's registers. They return when that did not work. */
void acpi_power_off(void);
void acpi_reset(void);

#endif
