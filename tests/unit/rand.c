/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* rand - never the same twice, and never said to be secret when it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "rand.h"
#include "fake_arch.h"

static void case_b14_without_a_source_bytes_are_not_secret(void **state)
{
    (void)state;
    u8 a[32], b[32];
    fake_has_random = false;
    assert_false(rand_bytes(a, sizeof a));
    rand_feed("0123456789abcdef", 16, false);
    assert_false(rand_bytes(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    rand_feed("0123456789", 10, true);
    assert_false(rand_bytes(b, sizeof b));
}

static unsigned asked, waited, gives;

static size_t give(struct rand_source *source, void *bytes, size_t len, bool wait)
{
    (void)source;
    asked++;
    waited += wait;
    memset(bytes, 0x11, len);
    return gives < len ? gives : len;
}

/* Before any secret was fed: it is waited for, again and again, until it gave enough. */
static void b14_a_source_is_waited_for_only_while_nothing_is_secret(void **state)
{
    (void)state;
    u8 bytes[32];
    struct rand_source slow = {.give = give}, late = {.give = give}, gone = {.give = give};
    fake_has_random = false;
    rand_add_source(&gone);
    rand_remove_source(&gone);
    rand_remove_source(&gone);
    rand_add_source(&slow);
    for (gives = 0; gives < 16; gives += 15)
        assert_false(rand_bytes(bytes, sizeof bytes));
    assert_true(asked == 2 && waited == 2);
    gives = 100;
    assert_true(rand_bytes(bytes, sizeof bytes));
    assert_true(rand_bytes(bytes, sizeof bytes));
    assert_true(asked == 3 && waited == 3);
    gives = 0;
    rand_add_source(&late);
    assert_true(rand_bytes(bytes, sizeof bytes));
    assert_true(asked == 4 && waited == 3);
    gives = 32;
    assert_true(rand_bytes(bytes, sizeof bytes));
    assert_true(rand_bytes(bytes, sizeof bytes));
    assert_true(asked == 5 && waited == 3);
    rand_remove_source(&late);
    rand_remove_source(&slow);
}

static void a_secret_seed_makes_them_so(void **state)
{
    (void)state;
    u8 a[100], b[100];
    rand_feed("0123456789abcdef", 16, true);
    assert_true(rand_bytes(a, sizeof a));
    assert_true(rand_bytes(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, a + 36, 64);
}

static void bytes_spread_over_all_values(void **state)
{
    (void)state;
    static u8 bytes[65536];
    unsigned count[256] = {0};
    rand_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        count[bytes[i]]++;
    for (int v = 0; v < 256; v++)
        assert_in_range(count[v], 150, 370);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_b14_without_a_source_bytes_are_not_secret),
        cmocka_unit_test(b14_a_source_is_waited_for_only_while_nothing_is_secret),
        cmocka_unit_test(a_secret_seed_makes_them_so),
        cmocka_unit_test(bytes_spread_over_all_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
