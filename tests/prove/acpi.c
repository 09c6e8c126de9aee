/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* acpi - tables of any bytes: their fields, the constants in AML, and the walk from the root pointer.
 *
 * plant fields: kernel/acpi.c: bytes > t.len - offset -> bytes > t.len - offset + 1
 * plant names: kernel/acpi.c: at <= t.len - 4; at++ -> at <= t.len - 3; at++
 * plant load: kernel/acpi.c: pa - r->base <= r->size - len -> pa - r->base <= r->size - len + 1
 */
#include "kernel/acpi.c"

enum { SIZE = 44 };
static u8 memory[SIZE];
static struct boot boot;

/* Where tables lie: at an address of their own, to the last byte of their memory. */
enum { BASE = 0x100000 };

void *mem_virt(u64 pa)
{
    return memory + (pa - BASE);
}

u64 arch_physical_limit(void)
{
    return 1ull << 46;
}

void *arch_map_registers(u64 pa, u64 len)
{
    (void)pa, (void)len;
    return NULL;
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

void arch_write8(void *reg, u8 v)
{
    (void)reg, (void)v;
}

void arch_write16(void *reg, u16 v)
{
    (void)reg, (void)v;
}

static void begin(void)
{
    boot = (struct boot){.nranges = 1, .ranges = {{BASE, SIZE, BOOT_ACPI}}};
    acpi.boot = &boot;
    any_bytes(memory, SIZE);
}

/* The table that ends where the memory ends. */
static struct table last(u32 len)
{
    return (struct table){memory + SIZE - len, len};
}

void prove_fields(void)
{
    for (u32 len = 0; len <= SIZE; len++) {
        begin();
        field(last(len), any_u32(), 8);
        acpi.fadt = last(len);
        acpi_pm_timer();
        acpi_reset();
        read_mcfg(last(len));
        must(acpi.nwindows <= WINDOWS);
    }
}

void prove_names(void)
{
    for (u32 len = 0; len <= SIZE; len++) {
        u64 type[2];
        begin();
        find_s5(last(len), type);
        find_cba(last(len));
    }
}

/* Each place and each length of a table. */
void prove_load(void)
{
    for (u32 at = 0; at <= SIZE - HEADER; at++)
        for (u32 len = 0; len <= SIZE + 1; len++) {
            begin();
            memory[at + 4] = (u8)len;
            memory[at + 5] = memory[at + 6] = memory[at + 7] = 0;
            struct table t = load(BASE + at, "APIC");
            must(t.len <= SIZE);
        }
}
