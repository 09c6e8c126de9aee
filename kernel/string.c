/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* string - the C library's memory and string functions, which compilers call by themselves. */
#include "arch.h"

/* The compiler must not turn these loops into calls of the very functions they are, nor compute behind each what it has counted already. Here speed
 * counts more than size. */
#pragma GCC optimize("O2", "no-tree-loop-distribute-patterns", "no-tree-scev-cprop")

/* Words may lie anywhere and alias anything. */
typedef u64 __attribute__((may_alias, aligned(1))) word;
typedef u32 __attribute__((may_alias, aligned(1))) half;

static inline void copy_16(u8 *d, const u8 *s)
{
    u64 a = ((const word *)s)[0], b = ((const word *)s)[1];
    ((word *)d)[0] = a;
    ((word *)d)[1] = b;
}

static inline void copy_32(u8 *d, const u8 *s)
{
    u64 a = ((const word *)s)[0], b = ((const word *)s)[1], c = ((const word *)s)[2], e = ((const word *)s)[3];
    ((word *)d)[0] = a;
    ((word *)d)[1] = b;
    ((word *)d)[2] = c;
    ((word *)d)[3] = e;
}

/* Lowest byte first, each block read before it is written: right for dst < src even when they overlap. */
static inline __attribute__((always_inline)) void copy_up(u8 *d, const u8 *s, size_t n)
{
    for (; n >= 32; n -= 32, d += 32, s += 32)
        copy_32(d, s);
    for (; n >= 8; n -= 8, d += 8, s += 8)
        *(word *)d = *(const word *)s;
    for (; n; n--)
        *d++ = *s++;
}

/* Up to 16 bytes, as names and heads of messages are: what stands at the beginning and what stands at the end, which may be partly the same. */
static inline __attribute__((always_inline)) void copy_few(u8 *d, const u8 *s, size_t n)
{
    if (n >= 8) {
        u64 last = *(const word *)(s + n - 8);
        *(word *)d = *(const word *)s;
        *(word *)(d + n - 8) = last;
    } else if (n >= 4) {
        u32 last = *(const half *)(s + n - 4);
        *(half *)d = *(const half *)s;
        *(half *)(d + n - 4) = last;
    } else if (n) {
        u8 middle = s[n / 2], last = s[n - 1];
        *d = *s;
        d[n / 2] = middle;
        d[n - 1] = last;
    }
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    u8 *d = dst;
    const u8 *s = src;
    if (n <= 16) {
        copy_few(d, s, n);
        return dst;
    }
    if (n >= arch_string_least)
        return arch_string_copy(dst, src, n);
    for (; n >= 128; n -= 128, d += 128, s += 128) {
        copy_32(d, s);
        copy_32(d + 32, s + 32);
        copy_32(d + 64, s + 64);
        copy_32(d + 96, s + 96);
    }
    for (; n > 16; n -= 16, d += 16, s += 16)
        copy_16(d, s);
    copy_few(d, s, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    u8 *d = dst;
    const u8 *s = src;
    if ((size_t)(d - s) >= n)
        copy_up(d, s, n);
    else
        while (n--)
            d[n] = s[n];
    return dst;
}

/* Each byte is read once, so that what is looked at is what is copied. */
void *memccpy(void *restrict dst, const void *restrict src, int last, size_t n)
{
    u64 ones = 0x0101010101010101ull, wanted = (u8)last * ones;
    u8 *d = dst;
    const u8 *s = src;
    for (; n >= 8; n -= 8, d += 8, s += 8) {
        u64 v = *(const word *)s, equal = v ^ wanted;
        if ((equal - ones) & ~equal & 0x80 * ones) /* one of its bytes is 0 */
            for (;; v >>= 8)
                if ((*d++ = (u8)v) == (u8)last)
                    return d;
        *(word *)d = v;
    }
    for (; n; n--)
        if ((*d++ = *s++) == (u8)last)
            return d;
    return NULL;
}

static inline void fill_32(u8 *d, u64 fill)
{
    ((word *)d)[0] = fill;
    ((word *)d)[1] = fill;
    ((word *)d)[2] = fill;
    ((word *)d)[3] = fill;
}

static inline void fill_128(u8 *d, u64 fill)
{
    fill_32(d, fill);
    fill_32(d + 32, fill);
    fill_32(d + 64, fill);
    fill_32(d + 96, fill);
}

void *memset(void *dst, int byte, size_t n)
{
    u8 *d = dst;
    u64 fill = (u8)byte * 0x0101010101010101ull;
    if (n >= arch_string_least)
        return arch_string_fill(dst, byte, n);
    for (; n >= 256; n -= 256, d += 256) {
        fill_128(d, fill);
        fill_128(d + 128, fill);
    }
    for (; n >= 32; n -= 32, d += 32)
        fill_32(d, fill);
    for (; n >= 8; n -= 8, d += 8)
        *(word *)d = fill;
    for (; n; n--)
        *d++ = (u8)byte;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *p = a, *q = b;
    for (; n; n--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
    for (const u8 *p = s; n; n--, p++)
        if (*p == (u8)byte)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n && *a && *a == *b; n--)
        a++, b++;
    return n ? (u8)*a - (u8)*b : 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}
