/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_acpi - tables as firmware would leave them, in the fake firmware memory. */
#ifndef FAKE_ACPI_H
#define FAKE_ACPI_H

#include "base.h"

struct boot;

/* Starts again: no tables; *boot gets the fake machine's memory map. */
void fake_acpi_start(struct boot *boot);
/* A table of len bytes, header filled in, listed in the root table unless it is the DSDT. */
u8 *fake_acpi_add(const char signature[4], u32 len);
/* Checksums, root tables and root pointer: revision 0 has an RSDT, 2 an XSDT. Sets boot->rsdp. */
u8 *fake_acpi_finish(struct boot *boot, u8 revision);
/* Makes the checksum of a table right again. */
void fake_acpi_seal(u8 *table);
/* One MCFG with this window. */
void fake_acpi_mcfg(u64 base, u16 segment, u8 first, u8 last);

void put16(u8 *at, u16 v);
void put32(u8 *at, u32 v);
void put64(u8 *at, u64 v);

#endif
