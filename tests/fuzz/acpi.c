/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* acpi - tables with right checksums and any content: the first byte of a piece says which table, the second how long. */
#include "acpi.h"
#include "boot.h"
#include "fake_acpi.h"
#include "fake_arch.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static u32 nothing(void *ctx, u64 offset, unsigned width)
{
    (void)ctx, (void)offset, (void)width;
    return ~0u;
}

static void ignore(void *ctx, u64 offset, unsigned width, u32 v)
{
    (void)ctx, (void)offset, (void)width, (void)v;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static const char *const signatures[] = {"FACP", "MCFG", "DSDT", "APIC"};
    static struct boot boot;
    u8 *dsdt = NULL;
    struct acpi_ecam w;
    u32 n;
    fake_reset();
    fake_region_add(&(struct fake_region){0, 1ull << 47, nothing, ignore, NULL});
    fake_acpi_start(&boot);
    for (size_t at = 0, tables = 0; len - at > 2 && tables < 8; tables++) {
        const char *signature = signatures[data[at] % 4];
        size_t size = MIN((size_t)data[at + 1] * 2, len - at - 2);
        u8 *t = fake_acpi_add(signature, 36 + (u32)size);
        memcpy(t + 36, data + at + 2, size);
        if (signature[0] == 'D')
            dsdt = t;
        if (signature[0] == 'F' && size >= 8)
            put32(t + 40, (u32)(u64)dsdt); /* elsewhere is nothing that could be read */
        if (signature[0] == 'F' && size >= 112)
            put64(t + 140, 0);
        fake_acpi_seal(t);
        at += 2 + size;
    }
    fake_acpi_finish(&boot, len && data[0] & 0x80 ? 0 : 2);
    acpi_init(&boot);
    for (unsigned i = 0; acpi_ecam(i, &w); i++)
        acpi_is_ram(w.base, 1ull << 28);
    acpi_find("APIC", &n);
    acpi_power_off();
    acpi_reset();
    return 0;
}
