/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* acpi - tests of kernel/acpi.c. Names carry the case of the list of hostile cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acpi.h"
#include "boot.h"
#include "fake_acpi.h"
#include "fake_arch.h"

static struct boot boot;
static u8 *fadt, *dsdt;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_acpi_start(&boot);
    return 0;
}

/* A FADT as QEMU's pc has it, with S5 = 5. */
static void add_fadt(void)
{
    static const u8 s5[] = {0x08, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0x0a, 3, 0, 0};
    dsdt = fake_acpi_add("DSDT", 36 + 64);
    memcpy(dsdt + 50, s5, sizeof(s5));
    fake_acpi_seal(dsdt);
    fadt = fake_acpi_add("FACP", 244);
    put32(fadt + 40, (u32)(u64)dsdt);
    put32(fadt + 64, 0x604);
    put32(fadt + 76, 0x608);
    put32(fadt + 112, 1 << 10);
    fadt[116] = 1;
    put64(fadt + 120, 0xcf9);
    fadt[128] = 0xf;
}

static u32 port_writes[16][3]; /* port, width, value */
static unsigned nwrites;
static u32 pm1_value;

static u32 port_read(void *ctx, u64 offset, unsigned width)
{
    (void)ctx, (void)offset, (void)width;
    return pm1_value;
}

static void port_write(void *ctx, u64 offset, unsigned width, u32 v)
{
    u32 *w = port_writes[nwrites++ % 16];
    w[0] = (u32)((u64)ctx + offset);
    w[1] = width;
    w[2] = v;
}

static void listen(u16 port)
{
    nwrites = 0;
    fake_ports_add(&(struct fake_region){port, 4, port_read, port_write, (void *)(u64)port});
}

static void finish(u8 revision)
{
    fake_acpi_finish(&boot, revision);
    acpi_init(&boot);
}

static void test_rsdt_revision_0(void **state)
{
    (void)state;
    u32 len;
    fake_acpi_add("APIC", 44);
    finish(0);
    assert_non_null(acpi_find("APIC", &len));
    assert_int_equal(len, 44);
    assert_null(acpi_find("HPET", &len));
    assert_string_equal(fake_console(CONSOLE_LOG), "");
}

static void test_xsdt_revision_2(void **state)
{
    (void)state;
    u32 len;
    fake_acpi_add("APIC", 36);
    finish(2);
    assert_non_null(acpi_find("APIC", &len));
}

static void test_xsdt_preferred_but_rsdt_taken_when_it_is_bad(void **state)
{
    (void)state;
    u32 len;
    fake_acpi_add("APIC", 36);
    u8 *old = fake_acpi_finish(&boot, 0);
    u32 rsdt;
    memcpy(&rsdt, old + 16, 4);
    u8 *p = fake_acpi_finish(&boot, 2);
    u64 xsdt;
    memcpy(&xsdt, p + 24, 8);
    ((u8 *)xsdt)[12] ^= 1; /* checksum wrong */
    p[8] -= (u8)(rsdt + (rsdt >> 8) + (rsdt >> 16) + (rsdt >> 24));
    put32(p + 16, rsdt);
    acpi_init(&boot);
    assert_non_null(acpi_find("APIC", &len));
    assert_int_equal(fake_log_count("XSDT"), 1);
}

static void test_case_b7_no_rsdp(void **state)
{
    (void)state;
    u32 len;
    struct acpi_ecam w;
    acpi_init(&boot);
    assert_null(acpi_find("APIC", &len));
    assert_false(acpi_ecam(0, &w));
    assert_int_equal(acpi_pm_timer(), 0);
    acpi_power_off();
    acpi_reset();
}

static void test_case_b7_rsdp_checksum(void **state)
{
    (void)state;
    u32 len;
    fake_acpi_add("APIC", 36);
    fake_acpi_finish(&boot, 0)[9] ^= 1;
    acpi_init(&boot);
    assert_null(acpi_find("APIC", &len));
    assert_int_equal(fake_log_count("root pointer"), 1);
}

static void test_case_b7_rsdp_beyond_memory(void **state)
{
    (void)state;
    u32 len;
    boot.rsdp = 0x1234567890000;
    acpi_init(&boot);
    boot.rsdp = ~0ull;
    acpi_init(&boot);
    boot.rsdp = 1ull << 45; /* above 4 GiB and in no range */
    acpi_init(&boot);
    assert_null(acpi_find("APIC", &len));
}

static void test_search_in_the_bios_area(void **state)
{
    (void)state;
    u32 len;
    fake_acpi_add("APIC", 36);
    u8 *p = fake_acpi_finish(&boot, 0);
    u8 *bios = (u8 *)FAKE_BIOS;
    memcpy(bios + 0x10, "RSD PTR broken", 14);
    memcpy(bios + FAKE_BIOS_SIZE - 48, p, 36);
    boot.rsdp = 0;
    acpi_init(&boot);
    assert_non_null(acpi_find("APIC", &len));
}

/* The physical map has neither; to read there would be a fault. */
static void test_case_b7_rsdp_in_ranges_that_are_not_mapped(void **state)
{
    (void)state;
    u32 len;
    boot.ranges[2] = (struct boot_range){0x10000, 0x1000, 5};
    boot.ranges[3] = (struct boot_range){1ull << 45, 0x100000, BOOT_ACPI};
    boot.nranges = 4;
    boot.rsdp = 0x10000;
    acpi_init(&boot);
    boot.rsdp = 1ull << 45;
    acpi_init(&boot);
    assert_null(acpi_find("APIC", &len));
}

static void test_case_b7_table_across_the_end_of_a_range(void **state)
{
    (void)state;
    u32 len;
    u8 *t = fake_acpi_add("APIC", 64);
    fake_acpi_finish(&boot, 0);
    boot.ranges[1].size = (u64)t + 40 - FAKE_FIRMWARE; /* header inside, body not */
    boot.ranges[2] = (struct boot_range){(u64)t + 40, FAKE_FIRMWARE_SIZE, BOOT_NVS};
    boot.nranges = 3;
    acpi_init(&boot);
    assert_null(acpi_find("APIC", &len));
    assert_int_equal(fake_log_count("APIC"), 1);
}

static void test_tables_in_reserved_and_unlisted_memory(void **state)
{
    (void)state;
    u32 len;
    fake_acpi_add("APIC", 36);
    fake_acpi_finish(&boot, 2);
    boot.ranges[1].kind = BOOT_RESERVED;
    acpi_init(&boot);
    assert_non_null(acpi_find("APIC", &len));
    boot.nranges = 1;
    acpi_init(&boot);
    assert_non_null(acpi_find("APIC", &len));
}

static void test_case_b8_table_length_below_header(void **state)
{
    (void)state;
    u32 len;
    u8 *t = fake_acpi_add("APIC", 64);
    fake_acpi_finish(&boot, 2);
    for (u32 bad = 0; bad < 36; bad++) {
        put32(t + 4, bad);
        acpi_init(&boot);
        assert_null(acpi_find("APIC", &len));
    }
}

static void test_case_b8_table_length_huge(void **state)
{
    (void)state;
    u32 len;
    u8 *t = fake_acpi_add("APIC", 64);
    fake_acpi_finish(&boot, 2);
    put32(t + 4, (1 << 20) + 1);
    acpi_init(&boot);
    assert_null(acpi_find("APIC", &len));
    put32(t + 4, ~0u);
    assert_null(acpi_find("APIC", &len));
    setup(NULL);
    t = fake_acpi_add("APIC", (1 << 20) + 1); /* right in all else */
    finish(2);
    assert_null(acpi_find("APIC", &len));
}

static void test_case_b8_table_checksum(void **state)
{
    (void)state;
    u32 len;
    u8 *t = fake_acpi_add("APIC", 64);
    finish(2);
    t[50] ^= 0x80;
    assert_null(acpi_find("APIC", &len));
}

static void test_case_b8_xsdt_entries_are_nonsense(void **state)
{
    (void)state;
    u32 len;
    u8 *root = fake_acpi_add("APIC", 36);
    u8 *p = fake_acpi_finish(&boot, 2);
    u8 *big = fake_acpi_add("XSDT", 1 << 20);
    for (u32 at = 36; at + 8 <= 1 << 20; at += 8)
        put64(big + at, at % 3 ? ~0ull - at : 0);
    put64(big + 36 + 8 * 100, (u64)root);
    fake_acpi_seal(big);
    u8 before = p[32];
    u64 old;
    memcpy(&old, p + 24, 8);
    put64(p + 24, (u64)big);
    for (int i = 0; i < 8; i++)
        before += (u8)(old >> 8 * i) - (u8)((u64)big >> 8 * i);
    p[32] = before;
    acpi_init(&boot);
    assert_non_null(acpi_find("APIC", &len));
}

/* Entries of a MADT (5.2.12): kind, length, bytes. */
static void madt(const u8 *entries, u32 len)
{
    u8 *t = fake_acpi_add("APIC", 44 + len);
    memcpy(t + 44, entries, len);
    finish(2);
}

static void test_interrupt_controllers_and_overrides(void **state)
{
    (void)state;
    static const u8 entries[] = {0, 8,  0, 0,  1,  0,    0,    0,                  /* a processor */
                                 1, 12, 0, 0,  0,  0,    0xc0, 0xfe, 0,   0, 0, 0, /* lines from 0 on */
                                 1, 12, 1, 0,  0,  0x10, 0xc0, 0xfe, 24,  0, 0, 0, /* and from 24 on */
                                 2, 10, 0, 0,  2,  0,    0,    0,    0,   0,       /* 0 is line 2, as its bus has it */
                                 2, 10, 0, 11, 11, 0,    0,    0,    0xd, 0};      /* active high, level */
    struct acpi_ioapic io;
    bool low;
    madt(entries, sizeof(entries));
    assert_true(acpi_ioapic(0, &io));
    assert_int_equal(io.base, 0xfec00000);
    assert_true(acpi_ioapic(1, &io));
    assert_int_equal(io.base, 0xfec01000);
    assert_int_equal(io.first_line, 24);
    assert_false(acpi_ioapic(2, &io));
    assert_int_equal(acpi_isa_line(0, &low), 2);
    assert_true(low);
    assert_int_equal(acpi_isa_line(11, &low), 11);
    assert_false(low);
    assert_int_equal(acpi_isa_line(10, &low), 10);
    assert_true(low);
}

static void test_case_b8_interrupt_controllers_that_cannot_be(void **state)
{
    (void)state;
    static const u8 bad[][12] = {{1, 0, 0, 0, 0, 0, 0xc0, 0xfe},  /* an entry without length */
                                 {1, 1, 0, 0, 0, 0, 0xc0, 0xfe},  /* and one that ends in its head */
                                 {1, 11, 0, 0, 0, 0, 0xc0, 0xfe}, /* too short for what it is */
                                 {1, 13, 0, 0, 0, 0, 0xc0, 0xfe}, /* runs past the table */
                                 {1, 12, 0, 0, 0, 0, 0, 0x10},    /* in memory */
                                 {1, 12},                         /* nowhere */
                                 {2, 9, 0, 5, 99}};
    struct acpi_ioapic io;
    bool low;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setup(NULL);
        madt(bad[i], 12);
        assert_false(acpi_ioapic(0, &io));
        assert_int_equal(acpi_isa_line(5, &low), 5);
    }
    setup(NULL);
    finish(2);
    assert_false(acpi_ioapic(0, &io));
    assert_int_equal(acpi_isa_line(5, &low), 5);
}

static void test_mcfg(void **state)
{
    (void)state;
    struct acpi_ecam w;
    fake_acpi_mcfg(0xb0000000, 0, 0, 255);
    finish(2);
    assert_true(acpi_ecam(0, &w));
    assert_int_equal(w.base, 0xb0000000);
    assert_int_equal(w.segment, 0);
    assert_int_equal(w.last, 255);
    assert_false(acpi_ecam(1, &w));
}

static void test_case_b8_mcfg_windows_that_cannot_be(void **state)
{
    (void)state;
    struct acpi_ecam w;
    static const struct {
        u64 base;
        u8 first, last;
    } bad[] = {{0xb0000000, 5, 4}, {0, 0, 255}, {1ull << 60, 0, 255}, {FAKE_RAM, 0, 1}, {0xb0000001, 0, 1}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setup(NULL);
        fake_acpi_mcfg(bad[i].base, 0, bad[i].first, bad[i].last);
        finish(2);
        assert_false(acpi_ecam(0, &w));
        assert_int_equal(fake_log_count("ECAM window"), 1);
    }
}

static void test_mcfg_windows_overlap_or_are_cut(void **state)
{
    (void)state;
    struct acpi_ecam w;
    u8 *t = fake_acpi_add("MCFG", 44 + 16 * 3 + 7);
    put64(t + 44, 0xb0000000);
    t[55] = 127;
    put64(t + 60, 0xc0000000); /* bus 127 again */
    t[70] = 127, t[71] = 255;
    put64(t + 76, 0xd0000000); /* another segment */
    put16(t + 84, 1);
    t[87] = 3;
    finish(2);
    assert_true(acpi_ecam(0, &w));
    assert_true(acpi_ecam(1, &w));
    assert_int_equal(w.segment, 1);
    assert_false(acpi_ecam(2, &w));
}

/* QEMU's microvm has no MCFG and no ports: its host bridge's _CBA tells. */
static void test_ecam_by_cba(void **state)
{
    (void)state;
    static const u8 method[] = {0x14, 12, '_', 'C', 'B', 'A', 0, 0xa4, 0x0c, 0, 0, 0, 0xe0};
    static const u8 name[] = {0x08, '_', 'C', 'B', 'A', 0x0e, 0, 0, 0, 0, 0x40, 0, 0, 0};
    struct acpi_ecam w;
    add_fadt();
    memcpy(dsdt + 70, method, sizeof(method));
    fake_acpi_seal(dsdt);
    finish(2);
    assert_true(acpi_ecam(0, &w));
    assert_int_equal(w.base, 0xe0000000);
    assert_int_equal(w.last, 255);
    memcpy(dsdt + 70, name, sizeof(name));
    fake_acpi_seal(dsdt);
    acpi_init(&boot);
    assert_true(acpi_ecam(0, &w));
    assert_int_equal(w.base, 0x4000000000);
    for (u32 len = 71; len < 84; len++) { /* cut anywhere */
        put32(dsdt + 4, len);
        fake_acpi_seal(dsdt);
        acpi_init(&boot);
        assert_false(acpi_ecam(0, &w));
    }
    put32(dsdt + 4, 100);
    fake_acpi_seal(dsdt);
    listen(0xcf8); /* with ports nobody looks */
    acpi_init(&boot);
    assert_false(acpi_ecam(0, &w));
}

static void test_pm_timer(void **state)
{
    (void)state;
    add_fadt();
    finish(2);
    assert_int_equal(acpi_pm_timer(), 0x608);
}

static void test_pm_timer_by_its_wide_field(void **state)
{
    (void)state;
    add_fadt();
    fadt[208] = 1;
    put64(fadt + 212, 0xb008);
    finish(2);
    assert_int_equal(acpi_pm_timer(), 0xb008);
}

static void test_pm_timer_where_none_can_be(void **state)
{
    (void)state;
    add_fadt();
    put32(fadt + 76, 0x10608); /* no such port */
    finish(2);
    assert_int_equal(acpi_pm_timer(), 0);
    setup(NULL);
    add_fadt();
    put32(fadt + 112, 1 << 20); /* hardware-reduced: the fixed registers are not there */
    finish(2);
    assert_int_equal(acpi_pm_timer(), 0);
}

static void test_power_off(void **state)
{
    (void)state;
    add_fadt();
    listen(0x604);
    finish(2);
    pm1_value = 1 | 7 << 10;
    acpi_power_off();
    assert_int_equal(nwrites, 1);
    assert_int_equal(port_writes[0][0], 0x604);
    assert_int_equal(port_writes[0][1], 2);
    assert_int_equal(port_writes[0][2], 1 | 5 << 10 | 1 << 13);
}

static void test_power_off_asks_firmware_first(void **state)
{
    (void)state;
    add_fadt();
    put32(fadt + 48, 0xb2);
    fadt[52] = 0xf1;
    listen(0x604);
    fake_ports_add(&(struct fake_region){0xb2, 1, port_read, port_write, (void *)0xb2});
    finish(2);
    pm1_value = 0;
    acpi_power_off();
    assert_int_equal(nwrites, 2);
    assert_int_equal(port_writes[0][0], 0xb2);
    assert_int_equal(port_writes[0][2], 0xf1);
}

static void test_power_off_hardware_reduced(void **state)
{
    (void)state;
    add_fadt();
    u8 *reg = fake_acpi_add("NONE", 36); /* stands for the register */
    fadt = fake_acpi_add("FACP", 268);
    put32(fadt + 112, 1 << 20);
    put64(fadt + 140, (u64)dsdt);
    put64(fadt + 248, (u64)reg);
    finish(2);
    acpi_power_off();
    assert_int_equal(reg[0], 'N'); /* It lies in memory: not a register. */
    setup(NULL);
    add_fadt();
    put32(fadt + 112, 1 << 20);
    listen(0x600);
    u8 *longer = fake_acpi_add("FACP", 268);
    memcpy(longer + 36, fadt + 36, 244 - 36);
    memcpy(fadt, "NONE", 4);
    longer[244] = 1;
    put64(longer + 248, 0x600);
    finish(2);
    acpi_power_off();
    assert_int_equal(nwrites, 1);
    assert_int_equal(port_writes[0][1], 1);
    assert_int_equal(port_writes[0][2], 5 << 2 | 1 << 5);
}

/* Each way in which the package may be cut or not be one. */
static void test_power_off_without_a_package(void **state)
{
    (void)state;
    add_fadt();
    listen(0x604);
    finish(2);
    for (u32 len = 36; len < 36 + 24; len++) {
        put32(dsdt + 4, len);
        fake_acpi_seal(dsdt);
        acpi_power_off();
        assert_int_equal(nwrites, 0);
    }
    put32(dsdt + 4, 100);
    dsdt[55] = 0x13;
    fake_acpi_seal(dsdt);
    acpi_power_off();
    dsdt[55] = 0x12;
    dsdt[58] = 0x0d; /* a string */
    fake_acpi_seal(dsdt);
    acpi_power_off();
    assert_int_equal(nwrites, 0);
}

static void test_power_off_package_of_constants(void **state)
{
    (void)state;
    static const u8 s5[] = {'\\', '_', 'S', '5', '_', 0x12, 0x46, 0, 4, 1, 0, 0, 0};
    add_fadt();
    memcpy(dsdt + 50, s5, sizeof(s5));
    fake_acpi_seal(dsdt);
    listen(0x604);
    finish(2);
    pm1_value = 1;
    acpi_power_off();
    assert_int_equal(port_writes[0][2], 1 | 1 << 10 | 1 << 13);
}

static void test_reset(void **state)
{
    (void)state;
    add_fadt();
    listen(0xcf9);
    finish(2);
    acpi_reset();
    assert_int_equal(nwrites, 1);
    assert_int_equal(port_writes[0][2], 0xf);
}

static void test_is_ram(void **state)
{
    (void)state;
    boot.ranges[2] = (struct boot_range){~0ull - 0xfff, ~0ull, BOOT_RAM}; /* B2: wraps */
    boot.ranges[3] = (struct boot_range){0xf0000000, 0x1000, BOOT_RESERVED};
    boot.nranges = 4;
    acpi_init(&boot);
    assert_true(acpi_is_ram(FAKE_RAM, 1));
    assert_true(acpi_is_ram(FAKE_RAM - 1, 2));
    assert_false(acpi_is_ram(FAKE_RAM - 1, 1));
    assert_true(acpi_is_ram(0, ~0ull));
    assert_true(acpi_is_ram(FAKE_RAM + FAKE_RAM_SIZE - 1, 1));
    assert_false(acpi_is_ram(FAKE_RAM + FAKE_RAM_SIZE, 1));
    assert_false(acpi_is_ram(0xf0000000, 0x1000));
    assert_true(acpi_is_ram(~0ull, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_rsdt_revision_0, setup),
        cmocka_unit_test_setup(test_xsdt_revision_2, setup),
        cmocka_unit_test_setup(test_xsdt_preferred_but_rsdt_taken_when_it_is_bad, setup),
        cmocka_unit_test_setup(test_case_b7_rsdp_checksum, setup),
        cmocka_unit_test_setup(test_case_b7_rsdp_beyond_memory, setup),
        cmocka_unit_test_setup(test_case_b7_rsdp_in_ranges_that_are_not_mapped, setup),
        cmocka_unit_test_setup(test_search_in_the_bios_area, setup),
        cmocka_unit_test_setup(test_case_b7_table_across_the_end_of_a_range, setup),
        cmocka_unit_test_setup(test_tables_in_reserved_and_unlisted_memory, setup),
        cmocka_unit_test_setup(test_case_b8_table_length_below_header, setup),
        cmocka_unit_test_setup(test_case_b8_table_length_huge, setup),
        cmocka_unit_test_setup(test_case_b8_table_checksum, setup),
        cmocka_unit_test_setup(test_case_b8_xsdt_entries_are_nonsense, setup),
        cmocka_unit_test_setup(test_interrupt_controllers_and_overrides, setup),
        cmocka_unit_test_setup(test_case_b8_interrupt_controllers_that_cannot_be, setup),
        cmocka_unit_test_setup(test_mcfg, setup),
        cmocka_unit_test_setup(test_case_b8_mcfg_windows_that_cannot_be, setup),
        cmocka_unit_test_setup(test_mcfg_windows_overlap_or_are_cut, setup),
        cmocka_unit_test_setup(test_ecam_by_cba, setup),
        cmocka_unit_test_setup(test_pm_timer, setup),
        cmocka_unit_test_setup(test_pm_timer_by_its_wide_field, setup),
        cmocka_unit_test_setup(test_pm_timer_where_none_can_be, setup),
        cmocka_unit_test_setup(test_power_off, setup),
        cmocka_unit_test_setup(test_power_off_asks_firmware_first, setup),
        cmocka_unit_test_setup(test_power_off_hardware_reduced, setup),
        cmocka_unit_test_setup(test_power_off_without_a_package, setup),
        cmocka_unit_test_setup(test_power_off_package_of_constants, setup),
        cmocka_unit_test_setup(test_reset, setup),
        cmocka_unit_test_setup(test_is_ram, setup),
        cmocka_unit_test_setup(test_case_b7_no_rsdp, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
