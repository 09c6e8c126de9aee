/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* time - tests of kernel/time.c: clocks that the host stops, turns back or lets jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "time.h"

enum { PORT = 0x608, TICKS = 3579545 };
static u32 readings[4]; /* of the PM timer, one after the other; the last one stays */
static unsigned at;

static u32 port_read(void *ctx, u64 offset, unsigned width)
{
    (void)ctx, (void)offset, (void)width;
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

static void test_rate_from_the_pm_timer(void **state)
{
    (void)state;
    start(0, 0, TICKS / 100, TICKS / 100); /* 10 ms */
    fake_cycles_step = 10000000;
    goes_on();
    u64 before = time_ns();
    assert_in_range(time_ns() - before, 1000000, 100000000);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_from_the_pm_timer),    cmocka_unit_test(test_pm_timer_that_jumps_back_to_its_start),
        cmocka_unit_test(test_counter_that_stands_still), cmocka_unit_test(test_pm_timer_that_stands_still),
        cmocka_unit_test(test_rates_that_cannot_be),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
