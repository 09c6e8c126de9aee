/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pvh - boot/pvh.c: start information that is right, and that is not. Names carry the hostile case (B) that they show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../boot/pvh.c"
#include "fake_arch.h"

/* An image of two pages, the second one .bss. */
__asm__(".data\n"
        ".balign 4096\n"
        ".globl image_start, bss_start, image_end\n"
        "image_start: .zero 4096\n"
        "bss_start: .zero 4096\n"
        "image_end: .text\n");

static jmp_buf entered;
static struct boot got;

void kmain(const struct boot *boot)
{
    got = *boot;
    longjmp(entered, 1);
}

/* All of it lies at the end of the firmware's memory, so that a step beyond would be a fault. */
enum { MAP_MAX = 300 };

static struct {
    struct start_info *info;
    struct memmap_entry *map;
    struct module *module;
    char *text;
} at;

static int start(void **state)
{
    (void)state;
    fake_reset();
    u8 *base = mem_virt(FAKE_FIRMWARE);
    at.info = (void *)base;
    at.map = (void *)(base + 4096);
    at.module = (void *)(base + 65536);
    at.text = (char *)base + FAKE_FIRMWARE_SIZE - CMDLINE_MAX;
    strcpy(at.text, "loglevel=info -- hello");
    *at.module = (struct module){.paddr = 0x8000000, .size = 12345};
    at.map[0] = (struct memmap_entry){.addr = 0, .size = 0x9fc00, .type = BOOT_RAM};
    at.map[1] = (struct memmap_entry){.addr = 0x100000, .size = 64 << 20, .type = BOOT_RAM};
    *at.info = (struct start_info){
        .magic = START_MAGIC,
        .version = 1,
        .nr_modules = 1,
        .modlist_paddr = (u64)at.module,
        .cmdline_paddr = (u64)at.text,
        .rsdp_paddr = 0xf5a10,
        .memmap_paddr = (u64)at.map,
        .memmap_entries = 2,
    };
    return 0;
}

static void enter_with(u64 info)
{
    memset(&got, 0xee, sizeof got);
    if (setjmp(entered) == 0)
        pvh_main(info);
    assert_string_equal(got.door, "pvh");
    assert_int_equal(got.kernel_pa, 0x100000);
    assert_true(got.nranges <= BOOT_RANGES);
}

static void enter(void)
{
    enter_with((u64)at.info);
}

static void all_that_it_tells(void **state)
{
    (void)state;
    enter();
    assert_int_equal(got.rsdp, 0xf5a10);
    assert_int_equal(got.cmdline.pa, (u64)at.text);
    assert_int_equal(got.cmdline.len, 22);
    assert_int_equal(got.initfs.pa, 0x8000000);
    assert_int_equal(got.initfs.len, 12345);
    assert_false(got.initfs_lost);
    assert_int_equal(got.nranges, 2);
    assert_int_equal(got.ranges[1].base, 0x100000);
    assert_int_equal(got.ranges[1].kind, BOOT_RAM);
}

static void case_b9_another_magic_number(void **state)
{
    (void)state;
    at.info->magic++;
    enter();
    assert_true(got.rsdp == 0 && got.cmdline.len == 0 && got.initfs.len == 0 && got.nranges == 0);
    static const u64 nowhere[] = {0, REACH, REACH - sizeof(struct start_info) + 1, ~0ull, 1ull << 63};
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        enter_with(nowhere[i]);
        assert_true(got.rsdp == 0 && got.cmdline.len == 0 && got.nranges == 0);
    }
}

/* Version 0 ends before the memory map: what stands there is not ours to read. */
static void case_b9_version_0_has_no_memory_map(void **state)
{
    (void)state;
    at.info->version = 0;
    enter();
    assert_int_equal(got.nranges, 0);
    assert_int_equal(got.cmdline.len, 22);
}

static void case_b3_b10_b11_what_lies_out_of_reach_is_left_out(void **state)
{
    static const u64 nowhere[] = {0, REACH, REACH - 16, ~0ull, ~0ull - 16, 1ull << 52};
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        start(state);
        at.info->memmap_paddr = at.info->cmdline_paddr = at.info->modlist_paddr = nowhere[i];
        enter();
        assert_true(got.nranges == 0 && got.cmdline.len == 0 && got.initfs.len == 0);
    }
}

static void case_b3_more_ranges_than_fit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MAP_MAX; i++)
        at.map[i] = (struct memmap_entry){.addr = (u64)i << 20, .size = 1 << 20, .type = BOOT_RAM};
    at.info->memmap_entries = MAP_MAX;
    enter();
    assert_int_equal(got.nranges, BOOT_RANGES);
    assert_int_equal(got.ranges[BOOT_RANGES - 1].base, (u64)(BOOT_RANGES - 1) << 20);
    at.info->memmap_entries = 0xffffffff;
    enter();
    assert_int_equal(got.nranges, BOOT_RANGES);
}

static void case_b10_a_command_line_without_an_end(void **state)
{
    (void)state;
    memset(at.text, 'x', CMDLINE_MAX);
    enter();
    assert_int_equal(got.cmdline.len, CMDLINE_MAX - 1);
    *at.text = '\0';
    enter();
    assert_int_equal(got.cmdline.len, 0);
}

static void case_b11_modules_that_cannot_be(void **state)
{
    static const struct module bad[] = {{.paddr = MODULE_REACH, .size = 1},
                                        {.paddr = MODULE_REACH - 1, .size = 2},
                                        {.paddr = 0x8000000, .size = ~0ull},
                                        {.paddr = ~0ull, .size = 100},
                                        {.paddr = 1ull << 63, .size = 1ull << 63}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(state);
        *at.module = bad[i];
        enter();
        assert_int_equal(got.initfs.len, 0);
        assert_false(got.initfs_lost);
    }
    start(state);
    at.info->nr_modules = 0xffffffff; /* the first one is taken, and no other looked at */
    enter();
    assert_int_equal(got.initfs.len, 12345);
    at.info->nr_modules = 0;
    enter();
    assert_int_equal(got.initfs.len, 0);
}

static void case_b6_a_module_over_the_kernel_is_lost(void **state)
{
    static const struct module over[] = {
        {.paddr = 0x100000, .size = 1}, {.paddr = 0x101fff, .size = 100}, {.paddr = 0x1000, .size = 0xff001}};
    for (size_t i = 0; i < ARRAY_LEN(over); i++) {
        start(state);
        *at.module = over[i];
        memset(bss_start, 0x55, 4096);
        enter();
        assert_true(got.initfs_lost);
        assert_int_equal(got.initfs.len, 0);
        for (int k = 0; k < 4096; k++)
            assert_int_equal(bss_start[k], 0);
    }
    *at.module = (struct module){.paddr = 0x102000, .size = 100};
    enter();
    assert_false(got.initfs_lost);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup(fn, start)
    const struct CMUnitTest tests[] = {
        T(all_that_it_tells),
        T(case_b9_another_magic_number),
        T(case_b9_version_0_has_no_memory_map),
        T(case_b3_b10_b11_what_lies_out_of_reach_is_left_out),
        T(case_b3_more_ranges_than_fit),
        T(case_b10_a_command_line_without_an_end),
        T(case_b11_modules_that_cannot_be),
        T(case_b6_a_module_over_the_kernel_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
