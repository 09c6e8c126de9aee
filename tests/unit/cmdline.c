/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cmdline - words, options, arguments byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmdline.h"

static struct cmdline c;
static char text[65536];

static int parse(const char *s)
{
    size_t len = strlen(s);
    memcpy(text, s, len);
    text[len] = 'x'; /* whatever stands behind is not part of it */
    return cmdline_parse(&c, text, len);
}

static void options_and_arguments(void **state)
{
    (void)state;
    assert_int_equal(parse("  mount=host:/host\tro -- cat  /a%20b % -- \n"), 0);
    assert_int_equal(c.noptions, 2);
    assert_string_equal(cmdline_option(&c, "mount", 0), "host:/host");
    assert_string_equal(cmdline_option(&c, "ro", 0), "");
    assert_int_equal(c.nargs, 4);
    assert_string_equal(c.args[0], "cat");
    assert_string_equal(c.args[1], "/a b");
    assert_string_equal(c.args[2], "");
    assert_string_equal(c.args[3], "--");
    assert_null(c.args[4]);
}

static void repeated_options_are_counted(void **state)
{
    (void)state;
    parse("mount=a:/a mounts=no mount=b:/b mount");
    assert_string_equal(cmdline_option(&c, "mount", 0), "a:/a");
    assert_string_equal(cmdline_option(&c, "mount", 1), "b:/b");
    assert_string_equal(cmdline_option(&c, "mount", 2), "");
    assert_null(cmdline_option(&c, "mount", 3));
    assert_null(cmdline_option(&c, "mou", 0));
}

static void empty_and_blank(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(c.noptions + c.nargs, 0);
    assert_int_equal(parse(" \t\n"), 0);
    assert_int_equal(c.noptions + c.nargs, 0);
    assert_int_equal(parse("--"), 0);
    assert_int_equal(c.nargs, 0);
}

static void bad_sequences_stand_for_themselves(void **state)
{
    (void)state;
    parse("-- %zz %4 %% %00 a% %e2%82%ac %2");
    static const char *const want[] = {"%zz", "%4", "%%", "%00", "a%", "\xe2\x82\xac", "%2"};
    assert_int_equal(c.nargs, ARRAY_LEN(want));
    for (unsigned i = 0; i < c.nargs; i++)
        assert_string_equal(c.args[i], want[i]);
}

static void case_b10_too_many_words_are_refused_not_overrun(void **state)
{
    (void)state;
    char many[16384] = "";
    for (int i = 0; i < 3000; i++)
        strcat(many, "a ");
    assert_int_equal(parse(many), -E2BIG);
    assert_int_equal(c.noptions, CMDLINE_OPTIONS);
    memcpy(many, "-- ", 3);
    assert_int_equal(parse(many), -E2BIG);
    assert_int_equal(c.nargs, CMDLINE_ARGS);
    assert_null(c.args[CMDLINE_ARGS]);
}

/* The encoding that launchers use (docs/tour.md): every byte but the plain ones as %XX. */
static void random_bytes_arrive(void **state)
{
    (void)state;
    srand(7);
    for (int round = 0; round < 2000; round++) {
        unsigned char word[64];
        char line[256] = "-- ";
        size_t n = (size_t)(rand() % 60);
        for (size_t i = 0; i < n; i++) {
            word[i] = (unsigned char)(1 + rand() % 255);
            sprintf(line + strlen(line), "%%%02x", word[i]);
        }
        word[n] = 0;
        if (!n)
            strcat(line, "%");
        parse(line);
        assert_int_equal(c.nargs, 1);
        assert_string_equal(c.args[0], (char *)word);
    }
}

static void numbers(void **state)
{
    (void)state;
    u64 v;
    assert_true(cmdline_number("0", &v) && v == 0);
    assert_true(cmdline_number("0xE9", &v) && v == 0xe9);
    assert_true(cmdline_number("18446744073709551615", &v) && v == ~0ull);
    assert_true(cmdline_number("0xffffffffffffffff", &v) && v == ~0ull);
    static const char *const bad[] = {"", "0x", "a", "1a", "18446744073709551616", "0x10000000000000000", "-1", " 1"};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(cmdline_number(bad[i], &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments),
        cmocka_unit_test(repeated_options_are_counted),
        cmocka_unit_test(empty_and_blank),
        cmocka_unit_test(bad_sequences_stand_for_themselves),
        cmocka_unit_test(case_b10_too_many_words_are_refused_not_overrun),
        cmocka_unit_test(random_bytes_arrive),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
