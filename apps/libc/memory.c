/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* memory - memcpy, memmove, memset: by words, or by the processor's string instructions where these are quick. Newlib's own use them everywhere, at 150
 * times the price under emulation. */
#include <cpuid.h>
#include <stdint.h>
#include <string.h>

/* The compiler must not turn these loops into calls of the very functions they are. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

/* Words may lie anywhere and alias anything. */
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

enum { LEAST = 512, ERMS = 1 << 9, HYPERVISOR = 0x40000000 };

/* From so many bytes on by string instructions; 0: not known yet, which costs the first large copy some exits from the guest. */
static size_t string_least;

static size_t choose(unsigned features, const unsigned vendor[3])
{
    return (features & ERMS) && memcmp(vendor, "TCGTCGTCGTCG", 12) != 0 ? LEAST : SIZE_MAX;
}

static int by_string(size_t n)
{
    unsigned a, b = 0, c, d, vendor[3] = {0};
    if (n < LEAST)
        return 0;
    if (!string_least) {
        __cpuid(1, a, b, c, d);
        if (c >> 31)
            __cpuid(HYPERVISOR, a, vendor[0], vendor[1], vendor[2]);
        b = 0;
        __get_cpuid_count(7, 0, &a, &b, &c, &d);
        string_least = choose(b, vendor);
    }
    return n >= string_least;
}

/* Lowest byte first, each block read before it is written: right for dst < src even when they overlap. */
static inline void copy_up(unsigned char *d, const unsigned char *s, size_t n)
{
    for (; n >= 32; n -= 32, d += 32, s += 32) {
        uint64_t a = ((const word *)s)[0], b = ((const word *)s)[1], c = ((const word *)s)[2], e = ((const word *)s)[3];
        ((word *)d)[0] = a;
        ((word *)d)[1] = b;
        ((word *)d)[2] = c;
        ((word *)d)[3] = e;
    }
    for (; n >= 8; n -= 8, d += 8, s += 8)
        *(word *)d = *(const word *)s;
    while (n--)
        *d++ = *s++;
}

/* The same from the highest byte on. */
static inline void copy_down(unsigned char *d, const unsigned char *s, size_t n)
{
    while (n >= 8) {
        n -= 8;
        *(word *)(d + n) = *(const word *)(s + n);
    }
    while (n--)
        d[n] = s[n];
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    void *d = dst;
    const void *s = src;
    if (by_string(n))
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
    else
        copy_up(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    size_t up = (size_t)((uintptr_t)dst - (uintptr_t)src);
    if (up >= n)
        copy_up(dst, src, n);
    else
        copy_down(dst, src, n);
    return dst;
}

void *memset(void *dst, int byte, size_t n)
{
    unsigned char *d = dst;
    uint64_t fill = (unsigned char)byte * 0x0101010101010101ull;
    if (by_string(n)) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(byte) : "memory");
        return dst;
    }
    for (; n >= 32; n -= 32, d += 32) {
        ((word *)d)[0] = fill;
        ((word *)d)[1] = fill;
        ((word *)d)[2] = fill;
        ((word *)d)[3] = fill;
    }
    for (; n >= 8; n -= 8, d += 8)
        *(word *)d = fill;
    while (n--)
        *d++ = (unsigned char)byte;
    return dst;
}
