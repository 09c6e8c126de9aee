/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* string - the kernel's own memory and string functions, under other names, against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define memcpy  k_memcpy
#define memccpy k_memccpy
#define memmove k_memmove
#define memset  k_memset
#define memcmp  k_memcmp
#define memchr  k_memchr
#define strlen  k_strlen
#define strnlen k_strnlen
#define strcmp  k_strcmp
#define strncmp k_strncmp
#include "../../kernel/string.c"
#undef memcpy
#undef memccpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp

enum { SIZE = 300 };

static void fill(u8 *p)
{
    for (int i = 0; i < SIZE; i++)
        p[i] = (u8)rand();
}

static void check_copies(void)
{
    u8 a[SIZE], b[SIZE], source[SIZE];
    srand(3);
    for (size_t n = 0; n < 120; n++) {
        for (size_t from = 0; from < 40; from++) {
            size_t to = (size_t)rand() % 80;
            fill(a);
            memcpy(b, a, SIZE);
            memcpy(source, a, SIZE);
            assert_ptr_equal(k_memmove(a + to, a + from, n), a + to);
            memmove(b + to, b + from, n);
            assert_memory_equal(a, b, SIZE);
            k_memcpy(a + to, source + from, n);
            memcpy(b + to, source + from, n);
            assert_memory_equal(a, b, SIZE);
            k_memset(a + from, (int)n, n);
            memset(b + from, (int)n, n);
            assert_memory_equal(a, b, SIZE);
        }
    }
}

/* By moves, by the processor's string instructions, and some of both. */
static void copies_of_every_length_and_overlap(void **state)
{
    (void)state;
    static const size_t least[] = {SIZE_MAX, 0, 33};
    for (unsigned i = 0; i < ARRAY_LEN(least); i++) {
        arch_string_least = least[i];
        check_copies();
    }
    arch_string_least = SIZE_MAX;
}

/* No byte behind the last one that counts is written. */
static void a_copy_ends_with_a_byte(void **state)
{
    (void)state;
    u8 a[SIZE], b[SIZE], source[SIZE];
    for (size_t n = 0; n < 40; n++)
        for (size_t last = 0; last < 44; last++) {
            memset(source, 'x', SIZE);
            source[3 + last] = 0x80;
            memset(a, 0, SIZE);
            memset(b, 0, SIZE);
            const u8 *end = k_memccpy(a + 5, source + 3, 0x180, n);
            assert_ptr_equal(end, last < n ? a + 5 + last + 1 : NULL);
            memcpy(b + 5, source + 3, MIN(n, last + 1));
            assert_memory_equal(a, b, SIZE);
        }
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void comparisons(void **state)
{
    (void)state;
    static const char *const words[] = {"", "a", "ab", "abc", "abd", "\xff", "b"};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        for (unsigned j = 0; j < ARRAY_LEN(words); j++) {
            assert_int_equal(sign(k_strcmp(words[i], words[j])), sign(strcmp(words[i], words[j])));
            for (size_t n = 0; n < 4; n++)
                assert_int_equal(sign(k_strncmp(words[i], words[j], n)), sign(strncmp(words[i], words[j], n)));
        }
    assert_int_equal(sign(k_memcmp("a\0b", "a\0c", 3)), -1);
    assert_int_equal(k_memcmp("a", "b", 0), 0);
    assert_int_equal(k_strlen("four"), 4);
    assert_int_equal(k_strnlen("four", 2), 2);
    const char *text = "text";
    assert_ptr_equal(k_memchr(text, 'x', 4), text + 2);
    assert_null(k_memchr(text, 'x', 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_every_length_and_overlap),
        cmocka_unit_test(a_copy_ends_with_a_byte),
        cmocka_unit_test(comparisons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
