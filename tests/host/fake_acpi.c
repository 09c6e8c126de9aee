/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_acpi - tables as firmware would leave them. */
#include <stdlib.h>

#include "boot.h"
#include "fake_acpi.h"
#include "fake_arch.h"

enum { TABLES = 16, HEADER = 36 };

static u8 *tables[TABLES];
static unsigned ntables;
static u8 *top;

void put16(u8 *at, u16 v)
{
    memcpy(at, &v, 2);
}

void put32(u8 *at, u32 v)
{
    memcpy(at, &v, 4);
}

void put64(u8 *at, u64 v)
{
    memcpy(at, &v, 8);
}

static u8 *take(size_t len)
{
    u8 *at = top;
    top += ALIGN_UP(len, 16);
    if (top > (u8 *)FAKE_FIRMWARE + FAKE_FIRMWARE_SIZE)
        abort();
    return memset(at, 0, len);
}

static void sum(u8 *bytes, size_t len, u8 *into)
{
    u8 s = 0;
    *into = 0;
    for (size_t i = 0; i < len; i++)
        s += bytes[i];
    *into = -s;
}

void fake_acpi_start(struct boot *boot)
{
    ntables = 0;
    top = (u8 *)FAKE_FIRMWARE;
    *boot = (struct boot){.door = "test", .nranges = 2};
    boot->ranges[0] = (struct boot_range){FAKE_RAM, FAKE_RAM_SIZE, BOOT_RAM};
    boot->ranges[1] = (struct boot_range){FAKE_FIRMWARE, FAKE_FIRMWARE_SIZE, BOOT_ACPI};
}

static u8 *new_table(const char signature[4], u32 len)
{
    u8 *t = take(len);
    memcpy(t, signature, 4);
    put32(t + 4, len);
    return t;
}

u8 *fake_acpi_add(const char signature[4], u32 len)
{
    u8 *t = new_table(signature, len);
    if (memcmp(signature, "DSDT", 4) != 0 && ntables < TABLES)
        tables[ntables++] = t;
    return t;
}

void fake_acpi_seal(u8 *table)
{
    u32 len;
    memcpy(&len, table + 4, 4);
    sum(table, len, table + 9);
}

u8 *fake_acpi_finish(struct boot *boot, u8 revision)
{
    unsigned width = revision >= 2 ? 8 : 4;
    u8 *root = new_table(revision >= 2 ? "XSDT" : "RSDT", HEADER + ntables * width);
    for (unsigned i = 0; i < ntables; i++) {
        fake_acpi_seal(tables[i]);
        u64 pa = (u64)tables[i];
        memcpy(root + HEADER + i * width, &pa, width);
    }
    fake_acpi_seal(root);
    u8 *p = take(36);
    memcpy(p, "RSD PTR ", 8);
    p[15] = revision;
    if (revision >= 2)
        put64(p + 24, (u64)root);
    else
        put32(p + 16, (u32)(u64)root);
    sum(p, 20, p + 8);
    sum(p, 36, p + 32);
    boot->rsdp = (u64)p;
    return p;
}

void fake_acpi_mcfg(u64 base, u16 segment, u8 first, u8 last)
{
    u8 *t = fake_acpi_add("MCFG", HEADER + 8 + 16);
    put64(t + 44, base);
    put16(t + 52, segment);
    t[54] = first;
    t[55] = last;
}
