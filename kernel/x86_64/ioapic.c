/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* ioapic - leads interrupt lines to vectors of the local APIC (Intel 82093AA, 3; the controllers stand in ACPI's MADT). */
#include "acpi.h"
#include "arch.h"

enum { SELECT = 0, WINDOW = 0x10, REG_VERSION = 1, REG_ENTRY = 0x10, CONTROLLERS_MAX = 16 };
enum { ACTIVE_LOW = 1 << 13, LEVEL = 1 << 15, MASKED = 1 << 16 };

static u32 reg_read(u8 *registers, u32 reg)
{
    arch_write32(registers + SELECT, reg);
    return arch_read32(registers + WINDOW);
}

static void reg_write(u8 *registers, u32 reg, u32 v)
{
    arch_write32(registers + SELECT, reg);
    arch_write32(registers + WINDOW, v);
}

/* The controller of a line, and its register there; NULL: none has it. */
static u8 *find(u32 gsi, u32 *entry)
{
    struct acpi_ioapic io;
    for (unsigned i = 0; i < CONTROLLERS_MAX && acpi_ioapic(i, &io); i++) {
        u8 *registers = arch_map_registers(io.base, WINDOW + 4);
        u32 last = registers ? reg_read(registers, REG_VERSION) >> 16 & 0xff : 0;
        *entry = REG_ENTRY + 2 * (gsi - io.first_line);
        if (registers && gsi >= io.first_line && gsi - io.first_line <= last)
            return registers;
    }
    return NULL;
}

int arch_line_open(u32 gsi, bool active_low, int irq)
{
    u64 address;
    u32 entry, vector;
    u8 *registers = find(gsi, &entry);
    if (!registers)
        return -ENODEV;
    arch_irq_message(irq, &address, &vector);
    reg_write(registers, entry + 1, (u32)(address >> 12 & 0xff) << 24);
    reg_write(registers, entry, vector | LEVEL | (active_low ? (u32)ACTIVE_LOW : 0));
    return 0;
}

void arch_line_close(u32 gsi)
{
    u32 entry;
    u8 *registers = find(gsi, &entry);
    if (registers)
        reg_write(registers, entry, MASKED);
}
