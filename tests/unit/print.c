/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* print - the formatter against the C library's, and what a log line may hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "print.h"
#include "fake_arch.h"

#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        char ours[128], theirs[128];                                                                                   \
        size_t n = print_text(ours, sizeof ours, __VA_ARGS__);                                                         \
        assert_int_equal(n, snprintf(theirs, sizeof theirs, __VA_ARGS__));                                             \
        assert_string_equal(ours, theirs);                                                                             \
    } while (0)

static void formats_like_the_c_library(void **state)
{
    (void)state;
    SAME("plain %% text");
    SAME("%d %d %d", 0, -1, INT32_MIN);
    SAME("%ld %ld", INT64_MIN, INT64_MAX);
    SAME("%u %lu %zu", UINT32_MAX, UINT64_MAX, SIZE_MAX);
    SAME("%x %08x %016lx", 0xabcu, 0x1234u, 0xffff800000000000ul);
    SAME("[%5d] [%-5d] [%05d]", 42, 42, 42);
    SAME("[%s] [%8s] [%-8s] [%.*s]", "abc", "abc", "abc", 2, "abc");
    SAME("%c%c", 'a', 'z');
}

static void cut_text_is_terminated_and_measured(void **state)
{
    (void)state;
    char small[4] = "###";
    assert_int_equal(print_text(small, sizeof small, "%s", "abcdef"), 6);
    assert_string_equal(small, "abc");
    assert_int_equal(print_text(NULL, 0, "%d", 12345), 5);
}

static void levels_and_prefixes(void **state)
{
    (void)state;
    fake_reset();
    print_level = LOG_INFO;
    log_debug("hidden");
    log_info("00:04.0");
    log_warn("odd");
    assert_string_equal(fake_console(CONSOLE_LOG), "00:04.0\nsheepskin: odd\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    (void)state;
    fake_reset();
    log_info("%s", "a\x1b[2Jb\nc\x7f\xc3\xa9");
    assert_string_equal(fake_console(CONSOLE_LOG), "a?[2Jb?c?\xc3\xa9\n");
}

static void a_long_line_is_cut_at_its_end(void **state)
{
    (void)state;
    char big[1000];
    memset(big, 'x', sizeof big);
    big[999] = 0;
    fake_reset();
    log_info("%s", big);
    assert_int_equal(strlen(fake_console(CONSOLE_LOG)), 256);
    assert_int_equal(fake_console(CONSOLE_LOG)[255], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_like_the_c_library),    cmocka_unit_test(cut_text_is_terminated_and_measured),
        cmocka_unit_test(levels_and_prefixes),           cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(a_long_line_is_cut_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
