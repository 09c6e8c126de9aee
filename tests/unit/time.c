/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* time - tests of kernel/time.c: clocks that the host stops, turns back or lets jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "time.h"

enum { PORT = 0x608, TICKS = 3579545 };
static u32 readings[4]; /* of the PM timer, one after the other; the last one stays */
static unsigned at;

/* A host of a GHz, on which each look at a clock takes a microsecond; but at one of them, before the timer is read or after it, it does something else for 20 ms. */
static unsigned busy_at, reads;

static void pass(u64 ns)
{
    u64 step = fake_cycles_step;
    fake_cycles_step = ns;
    arch_cycles();
    fake_cycles_step = step;
}

static u32 busy_port_read(void *ctx, u64 offset, unsigned width)
{
    (void)ctx, (void)offset, (void)width;
    unsigned n = reads++;
    if (n == busy_at / 2 && busy_at % 2 == 0)
        pass(20000000);
    u32 pm = (u32)((unsigned __int128)arch_cycles() * TICKS / 1000000000) & 0xffffff;
    if (n == busy_at / 2 && busy_at % 2 == 1)
        pass(20000000);
    return pm;
}

static bool flows; /* the PM timer goes as time does */

static u32 port_read(void *ctx, u64 offset, unsigned width)
{
    if (flows)
        return busy_port_read(ctx, offset, width);
    return readings[at < 3 ? at++ : 3];
}

static void start(u32 first, u32 second, u32 third, u32 last)
{
    fake_reset();
    fake_cycles_hz = 0;
    readings[0] = first, readings[1] = second, readings[2] = third, readings[3] = last;
    at = 0;
    fake_ports_add(&(struct fake_region){PORT, 4, port_read, NULL, NULL});
    time_init(PORT, 0);
}

/* Whatever the clock says is a time; it does not go back. */
static void goes_on(void)
{
    u64 before = time_ns();
    assert_true(time_ns() >= before);
}

static void test_pm_timer_that_jumps_back_to_its_start(void **state)
{
    (void)state;
    start(5, 0, TICKS / 100, 5);
    goes_on();
}

static void test_counter_that_stands_still(void **state)
{
    (void)state;
    start(0, 0, TICKS / 100, TICKS / 100);
    fake_cycles_step = 0;
    goes_on();
    assert_int_equal(fake_log_count("no clock tells"), 1);
}

static void test_pm_timer_that_stands_still(void **state)
{
    (void)state;
    start(7, 7, 7, 7);
    goes_on();
    assert_int_equal(fake_log_count("no clock tells"), 1);
}

static void test_rate_from_a_host_that_is_busy(void **state)
{
    (void)state;
    static const u64 passed[] = {1000, 10000000, 5500000000, 9000000000};
    for (unsigned i = 0; i < 4; i++)
        for (busy_at = 0, reads = 0; busy_at <= 2 * reads && busy_at < 1000; busy_at++) {
            fake_reset();
            fake_cycles_hz = 0;
            fake_ports_add(&(struct fake_region){PORT, 4, busy_port_read, NULL, NULL});
            reads = 0;
            time_init(PORT, 0);
            pass(passed[i]);
            u64 before = time_ns();
            pass(1000000000);
            assert_in_range(time_ns() - before, 980000000, 1020000000);
        }
}

/* What the processor's leaves may say is up to the host, too: a rate by which the clock would stand still, or pass centuries, is none. */
static void test_rates_that_cannot_be(void **state)
{
    static const u64 rates[] = {1, 999999, 1000000000001, 1ull << 62, ~0ull};
    (void)state;
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        start(0, 0, TICKS / 100, TICKS / 100); /* 10 ms */
        fake_cycles_step = 10000000;
        fake_cycles_hz = rates[i];
        goes_on();
        u64 before = time_ns();
        assert_in_range(time_ns() - before, 1000000, 100000000);
    }
}

/* ---- the host's factor ---- */

static u8 page[PVCLOCK_SIZE];
static u32 versions[4];
static unsigned looks;

/* The version goes through four values, then stays; the rest is as it stands. */
static u32 clock_read(void *ctx, u64 offset, unsigned width)
{
    (void)ctx;
    u32 v = 0;
    if (offset == PVCLOCK_VERSION)
        return versions[looks < 3 ? looks++ : 3];
    memcpy(&v, page + offset, width);
    return v;
}

/* The PM timer says that ten million cycles went by in 10 ms or in no time, which is another rate than the page's. */
static void start_with_clock(u32 mul, int8_t shift, const u32 *four)
{
    start(0, 0, TICKS / 100, TICKS / 100);
    fake_cycles_step = 1000;
    memcpy(versions, four, sizeof versions);
    looks = 0;
    memcpy(page + PVCLOCK_MUL, &mul, sizeof mul);
    page[PVCLOCK_SHIFT] = (u8)shift;
    fake_region_add(&(struct fake_region){(u64)page, sizeof page, clock_read, NULL, NULL});
    fake_host_clock = page;
}

/* Nanoseconds by which the clock goes on in 1,000 cycles, which lie between two looks at it. */
static u64 thousand_cycles(void)
{
    time_ns();
    u64 before = time_ns();
    u64 took = time_ns() - before;
    assert_int_equal(fake_host_clock_on, 0);
    return took;
}

static void test_rate_from_the_hosts_factor(void **state)
{
    static const struct {
        u32 mul;
        int8_t shift;
        u64 low, high; /* ns for 1,000 cycles */
    } cases[] = {{1u << 31, 0, 499, 500},
                 {1u << 31, 1, 999, 1000},
                 {0x80000000, -1, 249, 250},
                 {0xffffffff, -1, 499, 500},
                 {1431655765, 1, 666, 667} /* 1.5 GHz */,
                 {0xc0000000, -1, 374, 375}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_with_clock(cases[i].mul, cases[i].shift, (const u32[4]){2, 2, 2, 2});
        assert_in_range(thousand_cycles(), cases[i].low, cases[i].high);
    }
}

static void test_factor_that_is_being_written(void **state)
{
    (void)state;
    start_with_clock(1u << 31, 0, (const u32[4]){1, 2, 4, 4}); /* odd, then another, then it stays */
    assert_in_range(thousand_cycles(), 499, 500);
    assert_int_equal(looks, 3);
}

/* Then the next clock is asked: the PM timer, by which cycles are far slower. */
static void test_factors_that_cannot_be(void **state)
{
    static const struct {
        u32 mul;
        int8_t shift;
        u32 version;
    } cases[] = {{0, 0, 2},           {1u << 31, 32, 2}, {1u << 31, 127, 2},  {1u << 31, -32, 2},
                 {1u << 31, -128, 2}, {1, -31, 2},       {0xffffffff, 31, 2}, {0xffffffff, -31, 2},
                 {1, 0, 2},           {1u << 31, 0, 0},  {1u << 31, 0, 1},    {1u << 31, 0, 0xffffffff}};
    (void)state;
    flows = true;
    busy_at = 1000;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const u32 v = cases[i].version;
        start_with_clock(cases[i].mul, cases[i].shift, (const u32[4]){v, v, v, v});
        fake_cycles_step = 10000000;
        goes_on();
        assert_in_range(thousand_cycles(), 1000000, 100000000);
        assert_int_equal(fake_log_count("no clock tells"), 0);
    }
    flows = false;
}

static void test_leaves_go_before_the_hosts_factor(void **state)
{
    (void)state;
    start_with_clock(1u << 31, 0, (const u32[4]){2, 2, 2, 2});
    fake_cycles_hz = 1000000000;
    assert_in_range(thousand_cycles(), 999, 1000);
    assert_int_equal(looks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pm_timer_that_jumps_back_to_its_start),
        cmocka_unit_test(test_counter_that_stands_still),
        cmocka_unit_test(test_pm_timer_that_stands_still),
        cmocka_unit_test(test_rate_from_a_host_that_is_busy),
        cmocka_unit_test(test_rates_that_cannot_be),
        cmocka_unit_test(test_rate_from_the_hosts_factor),
        cmocka_unit_test(test_factor_that_is_being_written),
        cmocka_unit_test(test_factors_that_cannot_be),
        cmocka_unit_test(test_leaves_go_before_the_hosts_factor),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
