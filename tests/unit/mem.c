/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* mem - memory maps that lie, and the page allocator against a model of what is free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "boot.h"
#include "fake_arch.h"

enum { K = 1024, PAGE = 4096, MAX = 16 };

static struct boot boot;
static struct span out[MAX];

static void range(u64 base, u64 size, u64 kind)
{
    boot.ranges[boot.nranges++] = (struct boot_range){base, size, kind};
}

static int start(void **state)
{
    (void)state;
    memset(&boot, 0, sizeof boot);
    return 0;
}

static size_t clean(void)
{
    return mem_map_clean(&boot, 0, 0, out, MAX);
}

static void expect(size_t i, u64 pa, u64 end)
{
    assert_int_equal(out[i].pa, pa);
    assert_int_equal(out[i].pa + out[i].len, end);
}

static void map_page_zero_is_never_free(void **state)
{
    (void)state;
    range(0, 640 * K, BOOT_RAM);
    assert_int_equal(clean(), 1);
    expect(0, PAGE, 640 * K);
}

static void map_case_b1_overlapping_ram_is_counted_once(void **state)
{
    (void)state;
    range(0x100000, 0x100000, BOOT_RAM);
    range(0x180000, 0x100000, BOOT_RAM);
    range(0x280000, 0x1000, BOOT_RAM);
    assert_int_equal(clean(), 1);
    expect(0, 0x100000, 0x281000);
}

static void map_case_b1_reserved_wins_over_ram(void **state)
{
    (void)state;
    range(0x1ff800, 0x1000, BOOT_RESERVED);
    range(0x100000, 0x200000, BOOT_RAM);
    assert_int_equal(clean(), 2);
    expect(0, 0x100000, 0x1ff000);
    expect(1, 0x201000, 0x300000);
}

static void map_case_b2_range_that_wraps_is_cut(void **state)
{
    (void)state;
    range(0x100000, ~0ull, BOOT_RAM);
    range(~0ull - 10, 100, BOOT_RAM);
    range(~0ull - 10, 100, BOOT_RESERVED);
    assert_int_equal(clean(), 1);
    expect(0, 0x100000, 1ull << 44);
}

static void map_case_b5_memory_that_the_processor_cannot_reach(void **state)
{
    (void)state;
    fake_physical_limit = 1ull << 36;
    range(0x100000, 1ull << 46, BOOT_RAM);
    range(1ull << 40, 1ull << 30, BOOT_RAM);
    assert_int_equal(clean(), 1);
    expect(0, 0x100000, 1ull << 36);
    fake_physical_limit = 1ull << 44;
}

static void map_case_b3_unsorted_and_empty_ranges(void **state)
{
    (void)state;
    range(0x500000, 0x1000, BOOT_RAM);
    range(0x400000, 0, BOOT_RAM);
    range(0x300800, 0x1000, BOOT_RAM);
    range(0x100000, 0x1800, BOOT_RAM);
    assert_int_equal(clean(), 2);
    expect(0, 0x100000, 0x101000);
    expect(1, 0x500000, 0x501000);
}

static void map_case_b3_more_ranges_than_fit(void **state)
{
    (void)state;
    for (u64 i = 0; i < BOOT_RANGES; i++)
        range(0x100000 + i * 0x2000, 0x1000, BOOT_RAM);
    boot.nranges = 100000;
    assert_int_equal(clean(), MAX);
}

static void map_case_b6_image_and_blobs_are_kept_out(void **state)
{
    (void)state;
    range(0x100000, 0x100000, BOOT_RAM);
    boot.cmdline = (struct boot_blob){0x110ff0, 15};
    boot.initfs = (struct boot_blob){0x120010, 0x1000};
    assert_int_equal(mem_map_clean(&boot, 0x100000, 0x8000, out, MAX), 3);
    expect(0, 0x108000, 0x110000);
    expect(1, 0x111000, 0x120000);
    expect(2, 0x122000, 0x200000);
}

static void map_cmdline_terminator_is_kept_out_too(void **state)
{
    (void)state;
    range(0x100000, 0x4000, BOOT_RAM);
    boot.cmdline = (struct boot_blob){0x100000, 0x1000};
    assert_int_equal(clean(), 1);
    expect(0, 0x102000, 0x104000);
}

static void map_case_b1_reserved_over_several_ranges_of_ram(void **state)
{
    (void)state;
    for (u64 i = 1; i <= 5; i++)
        range(i << 20, 0x80000, BOOT_RAM);
    range(0x1c0000, 0x400000, BOOT_RESERVED);
    assert_int_equal(clean(), 1);
    expect(0, 0x100000, 0x180000);
}

/* ---- pages ---- */

static u64 arena;

static int arena_start(void **state)
{
    (void)state;
    arena = mem_pages(64, PAGE);
    assert_true(arena != 0);
    return 0;
}

static int arena_end(void **state)
{
    (void)state;
    mem_pages_free(arena, 64);
    return 0;
}

static void pages_come_aligned_and_are_counted(void **state)
{
    (void)state;
    u64 before = mem_free_count();
    u64 a = mem_pages(3, 64 * K), b = mem_pages(1, PAGE);
    assert_int_equal(a % (64 * K), 0);
    assert_int_equal(mem_free_count(), before - 4);
    mem_pages_free(b, 1);
    mem_pages_free(a, 3);
    assert_int_equal(mem_free_count(), before);
}

static void pages_too_many_give_none(void **state)
{
    (void)state;
    assert_int_equal(mem_pages(mem_total_count() + 1, PAGE), 0);
    assert_int_equal(mem_pages(SIZE_MAX, PAGE), 0);
    assert_int_equal(mem_pages(0, PAGE), 0);
}

static void pages_freed_one_by_one_make_a_run_again(void **state)
{
    (void)state;
    u64 before = mem_free_count(), n = before - 8;
    u64 all = mem_pages(n, PAGE);
    assert_true(all != 0);
    for (u64 i = 0; i < n; i += 2)
        mem_pages_free(all + i * PAGE, 1);
    for (u64 i = 1; i < n; i += 2)
        mem_pages_free(all + i * PAGE, 1);
    assert_int_equal(mem_pages(n, PAGE), all);
    mem_pages_free(all, n);
    assert_int_equal(mem_free_count(), before);
}

static void pages_random_never_overlap(void **state)
{
    (void)state;
    enum { LIVE = 64, ROUNDS = 20000 };
    struct {
        u64 pa, n;
    } live[LIVE] = {{0}};
    u64 before = mem_free_count();
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        int i = rand() % LIVE;
        if (live[i].n) {
            for (u64 p = 0; p < live[i].n; p++)
                assert_int_equal(*(u64 *)mem_virt(live[i].pa + p * PAGE + 64), (u64)i << 32 | p);
            (i % 2 ? mem_pages_free : mem_lent_back)(live[i].pa, live[i].n);
            live[i].n = 0;
            continue;
        }
        live[i].n = 1 + (u64)(rand() % 3 ? 0 : rand() % 40);
        live[i].pa = i % 2 ? mem_pages(live[i].n, PAGE << rand() % 4) : mem_lend(live[i].n);
        assert_true(live[i].pa != 0);
        for (u64 p = 0; p < live[i].n; p++)
            *(u64 *)mem_virt(live[i].pa + p * PAGE + 64) = (u64)i << 32 | p;
    }
    for (int i = 0; i < LIVE; i++)
        mem_pages_free(live[i].pa, live[i].n);
    assert_int_equal(mem_free_count(), before);
}

/* Written to by a device that has said long ago that it is done. */
static void pages_that_were_lent_are_nobody_elses_while_there_are_others(void **state)
{
    (void)state;
    enum { LENT = 10 };
    u64 before = mem_free_count(), pa = mem_lend(LENT), other[LENT];
    mem_lent_back(pa, LENT);
    assert_int_equal(mem_free_count(), before);
    for (unsigned round = 0; round < 100; round++) {
        memset(mem_virt(pa), 0xff, LENT * PAGE);
        for (unsigned i = 0; i < LENT; i++) {
            other[i] = mem_pages(1 + i % 3, PAGE);
            assert_true(other[i] + (1 + i % 3) * PAGE <= pa || other[i] >= pa + LENT * PAGE);
        }
        assert_true(mem_new(3000) != NULL);
        for (unsigned i = 0; i < LENT; i++)
            mem_pages_free(other[i], 1 + i % 3);
    }
    assert_int_equal(mem_lend(LENT), pa);
    mem_lent_back(pa, LENT);
    assert_int_equal(mem_lend(1), pa);
    assert_int_equal(mem_lend_if_free(LENT - 1), pa + PAGE);
    mem_lent_back(pa, 1);
    mem_lent_back(pa + PAGE, LENT - 1);
}

/* As a window's do that were the program's for a while: in each order but the one where what comes last goes on where the last one ended, which has to be
 * quick. Of two runs the one that came back last is lent first. */
static void pages_that_were_lent_come_together_again(void **state)
{
    (void)state;
    enum { PART = 32, LENT = 3 * PART };
    static const u64 orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 1, 0}};
    u64 other = mem_lend(2 * (LENT + 1)), between = other + LENT * PAGE, pa = between + PAGE;
    mem_lent_back(other, LENT);
    for (unsigned i = 0; i < ARRAY_LEN(orders); i++) {
        for (unsigned part = 0; part < 3; part++)
            mem_lent_back(pa + orders[i][part] * PART * PAGE, PART);
        assert_int_equal(mem_lend_if_free(LENT), pa);
    }
    mem_lent_back(pa, LENT + 1);
    mem_lent_back(between, 1);
    assert_int_equal(mem_lend_if_free(2 * (LENT + 1)), other);
    mem_lent_back(other, 2 * (LENT + 1));
}

/* Pages that can be had in one piece. */
static u64 longest(void)
{
    u64 n = mem_free_count(), pa;
    while (!(pa = mem_pages(n, PAGE)))
        n--;
    mem_pages_free(pa, n);
    return n;
}

static void pages_that_were_lent_are_there_when_there_are_no_others(void **state)
{
    (void)state;
    enum { PIECES = 40 };
    u64 n = mem_free_count(), most = longest(), pa[PIECES];
    for (unsigned i = 0; i < PIECES; i++)
        pa[i] = mem_lend(n / PIECES / 2);
    for (unsigned i = 0; i < PIECES; i++)
        mem_lent_back(pa[i], n / PIECES / 2);
    assert_int_equal(mem_free_count(), n);
    assert_int_equal(longest(), most); /* in one piece */
    assert_int_equal(mem_free_count(), n);
}

static void objects_are_cleared_aligned_and_apart(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16, 17, 100, 2048, 2049, 4096, 70000};
    u8 *at[ARRAY_LEN(sizes)];
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            at[i] = mem_new(sizes[i]);
            assert_int_equal((uintptr_t)at[i] % 16, 0);
            for (size_t b = 0; b < sizes[i]; b++)
                assert_int_equal(at[i][b], 0);
            memset(at[i], 0xa5, sizes[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            mem_delete(at[i], sizes[i]);
    }
    mem_delete(NULL, 8);
}

static void spans_copy_across_borders(void **state)
{
    (void)state;
    char a[4] = "abc", b[8] = "defghij";
    struct span spans[] = {{mem_phys(a), 3}, {mem_phys(b), 0}, {mem_phys(b), 7}};
    char text[16] = {0};
    assert_int_equal(mem_span_total(spans, 3), 10);
    assert_int_equal(mem_from_spans(text, spans, 3, 1, 5), 5);
    assert_string_equal(text, "bcdef");
    assert_int_equal(mem_from_spans(text, spans, 3, 8, 100), 2);
    assert_int_equal(mem_to_spans(spans, 3, 2, "XYZ", 3), 3);
    assert_string_equal(a, "abX");
    assert_memory_equal(b, "YZfghij", 7);
    assert_int_equal(mem_zero_spans(spans, 3, 9, 9), 1);
    assert_int_equal(b[6], 0);
    assert_int_equal(mem_from_spans(text, spans, 3, 10, 1), 0);
}

/* Small objects of all sizes, given back in another order than they were taken: no page is left, and none was shared by two. */
static void small_objects_give_their_pages_back(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    static struct {
        u8 *p;
        size_t size;
    } objects[MANY];
    u64 before = mem_free_count();
    u32 seed = 5;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < MANY; i++) {
            unsigned k = (i * 1009 + round) % MANY;
            seed = seed * 1664525 + 1013904223;
            if (objects[k].p) {
                for (size_t b = 0; b < objects[k].size; b++)
                    assert_int_equal(objects[k].p[b], k % 251);
                mem_delete(objects[k].p, objects[k].size);
                objects[k].p = NULL;
            } else if (seed >> 30) {
                objects[k].size = 1 + (seed >> 8) % (seed & 0x10000 ? 2100 : 100);
                objects[k].p = mem_new(objects[k].size);
                assert_non_null(objects[k].p);
                assert_int_equal((uintptr_t)objects[k].p % 16, 0);
                memset(objects[k].p, (int)(k % 251), objects[k].size);
            }
        }
    for (unsigned k = 0; k < MANY; k++)
        mem_delete(objects[k].p, objects[k].size);
    assert_int_equal(mem_free_count(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(map_page_zero_is_never_free, start),
        cmocka_unit_test_setup(map_case_b1_overlapping_ram_is_counted_once, start),
        cmocka_unit_test_setup(map_case_b1_reserved_wins_over_ram, start),
        cmocka_unit_test_setup(map_case_b1_reserved_over_several_ranges_of_ram, start),
        cmocka_unit_test_setup(map_case_b2_range_that_wraps_is_cut, start),
        cmocka_unit_test_setup(map_case_b5_memory_that_the_processor_cannot_reach, start),
        cmocka_unit_test_setup(map_case_b3_unsorted_and_empty_ranges, start),
        cmocka_unit_test_setup(map_case_b3_more_ranges_than_fit, start),
        cmocka_unit_test_setup(map_case_b6_image_and_blobs_are_kept_out, start),
        cmocka_unit_test_setup(map_cmdline_terminator_is_kept_out_too, start),
        cmocka_unit_test_setup_teardown(pages_come_aligned_and_are_counted, arena_start, arena_end),
        cmocka_unit_test(pages_too_many_give_none),
        cmocka_unit_test(pages_freed_one_by_one_make_a_run_again),
        cmocka_unit_test(pages_that_were_lent_are_nobody_elses_while_there_are_others),
        cmocka_unit_test(pages_that_were_lent_come_together_again),
        cmocka_unit_test(pages_that_were_lent_are_there_when_there_are_no_others),
        cmocka_unit_test(pages_random_never_overlap),
        cmocka_unit_test(objects_are_cleared_aligned_and_apart),
        cmocka_unit_test(small_objects_give_their_pages_back),
        cmocka_unit_test(spans_copy_across_borders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
