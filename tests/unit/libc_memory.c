/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* libc_memory - the programs' memcpy, memmove and memset, under other names, against the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define memcpy  a_memcpy
#define memmove a_memmove
#define memset  a_memset
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
#include "../../apps/libc/memory.c"
#undef memcpy
#undef memmove
#undef memset

enum { SIZE = 2000 };

static void check(size_t n)
{
    unsigned char a[SIZE], b[SIZE], source[SIZE];
    size_t from = (size_t)rand() % 40, to = (size_t)rand() % 40;
    for (int i = 0; i < SIZE; i++)
        a[i] = b[i] = source[i] = (unsigned char)rand();
    assert_ptr_equal(a_memmove(a + to, a + from, n), a + to);
    memmove(b + to, b + from, n);
    assert_memory_equal(a, b, SIZE);
    assert_ptr_equal(a_memcpy(a + to, source + from, n), a + to);
    memcpy(b + to, source + from, n);
    assert_memory_equal(a, b, SIZE);
    assert_ptr_equal(a_memset(a + from, 0x1a5, n), a + from);
    memset(b + from, 0x1a5, n);
    assert_memory_equal(a, b, SIZE);
}

static void copies_of_every_length_and_overlap(void **state)
{
    (void)state;
    static const size_t least[] = {SIZE_MAX, LEAST, LEAST + 9, 0};
    for (unsigned i = 0; i < sizeof least / sizeof *least; i++) {
        string_least = least[i];
        for (size_t n = 0; n < 130; n++)
            check(n);
        for (size_t n = LEAST - 20; n < LEAST + 80; n++)
            check(n);
    }
    assert_int_not_equal(string_least, 0); /* chosen at the first copy that is large */
}

static void string_instructions_where_they_are_quick(void **state)
{
    (void)state;
    unsigned none[3] = {0}, tcg[3], kvm[3];
    memcpy(tcg, "TCGTCGTCGTCG", 12);
    memcpy(kvm, "KVMKVMKVM\0\0", 12);
    assert_int_equal(choose(ERMS, none), LEAST);
    assert_int_equal(choose(ERMS, kvm), LEAST);
    assert_int_equal(choose(ERMS, tcg), SIZE_MAX);
    assert_int_equal(choose(~(unsigned)ERMS, none), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_every_length_and_overlap),
        cmocka_unit_test(string_instructions_where_they_are_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
