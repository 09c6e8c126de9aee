/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* later - tests of kernel/later.c: asked often, done once, in order to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "later.h"

static unsigned done[2];
static struct later work[2];

static void count(struct later *w)
{
    done[w - work]++;
}

static void ask_again(struct later *w)
{
    done[w - work]++;
    later_ask(w);
    later_run(); /* a safe point within a safe point is none */
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    later_forget(&work[0]);
    later_forget(&work[1]);
    work[0] = work[1] = (struct later){.fn = count};
    done[0] = done[1] = 0;
    later_run(); /* sees the first heartbeat */
    return 0;
}

static void test_done_once_however_often_it_was_asked_for(void **state)
{
    (void)state;
    later_ask(&work[0]);
    later_ask(&work[1]);
    later_ask(&work[0]);
    assert_int_equal(done[0], 0);
    later_run();
    later_run();
    assert_int_equal(done[0], 1);
    assert_int_equal(done[1], 1);
}

static void test_who_asks_again_is_done_at_the_next_safe_point(void **state)
{
    (void)state;
    work[0].fn = ask_again;
    later_ask(&work[0]);
    for (unsigned i = 1; i < 4; i++) {
        later_run();
        assert_int_equal(done[0], i);
    }
}

static void test_a_watch_is_done_at_each_heartbeat(void **state)
{
    (void)state;
    later_watch(&work[0]);
    later_watch(&work[0]);
    later_watch(&work[1]);
    later_run();
    assert_int_equal(done[0], 0);
    for (unsigned i = 1; i < 4; i++) {
        fake_beat(1);
        later_run();
        later_run();
        assert_int_equal(done[0], i);
        assert_int_equal(done[1], i);
    }
}

/* Who sleeps is woken by interrupts; by the heartbeat only for who has to look at something, and else once in ten seconds. */
static void test_how_long_a_sleep_is(void **state)
{
    (void)state;
    work[0].seldom = true;
    later_watch(&work[0]);
    later_sleep(50000000);
    assert_int_equal(arch_heartbeats(), 0);
    later_sleep(~0ull);
    assert_int_equal(arch_heartbeats(), 100);
    assert_int_equal(done[0], 1);
    later_watch(&work[1]);
    u64 before = arch_heartbeats();
    later_sleep(~0ull);
    assert_int_equal(arch_heartbeats(), before + 1);
    assert_int_equal(done[1], 1);
    later_forget(&work[1]);
    later_sleep(200000000);
    assert_int_equal(arch_heartbeats(), before + 3);
}

/* Asked for behind the last safe point: by an interrupt in another wait of the same system call, or by work that was done then. */
static void test_who_sleeps_does_what_was_asked_for_first(void **state)
{
    (void)state;
    later_ask(&work[0]);
    later_sleep(~0ull);
    assert_int_equal(done[0], 1);
    assert_int_equal(arch_heartbeats(), 0);
    work[1].fn = ask_again; /* who always has more to do lets time pass all the same */
    later_ask(&work[1]);
    for (unsigned i = 0; i < 1000 && arch_heartbeats() < 3; i++)
        later_sleep(50000000);
    assert_int_equal(arch_heartbeats(), 3);
}

static void test_what_is_forgotten_is_not_done(void **state)
{
    (void)state;
    later_watch(&work[0]);
    later_watch(&work[1]);
    later_ask(&work[0]);
    later_ask(&work[1]);
    later_forget(&work[0]);
    fake_beat(1);
    later_run();
    assert_int_equal(done[0], 0);
    assert_int_equal(done[1], 1);
    later_forget(&work[1]);
    later_forget(&work[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_done_once_however_often_it_was_asked_for, setup),
        cmocka_unit_test_setup(test_who_asks_again_is_done_at_the_next_safe_point, setup),
        cmocka_unit_test_setup(test_a_watch_is_done_at_each_heartbeat, setup),
        cmocka_unit_test_setup(test_what_is_forgotten_is_not_done, setup),
        cmocka_unit_test_setup(test_how_long_a_sleep_is, setup),
        cmocka_unit_test_setup(test_who_sleeps_does_what_was_asked_for_first, setup),
    };
    return cmocka_run_group_tests_name("later", tests, NULL, NULL);
}
