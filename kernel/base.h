/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* base - the words that every other file is written in: sizes, byte orders, spans, errno numbers. */
#ifndef BASE_H
#define BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/* Little-endian fields of wires, rings and registers. They are structs, so that using one as a number does not compile. */
typedef struct {
    u16 raw;
} le16;
typedef struct {
    u32 raw;
} le32;
typedef struct {
    u64 raw;
} le64;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian port swaps in these accessors");

static inline u16 le16_get(le16 v)
{
    return v.raw;
}

static inline u32 le32_get(le32 v)
{
    return v.raw;
}

static inline u64 le64_get(le64 v)
{
    return v.raw;
}

static inline le16 to_le16(u16 v)
{
    return (le16){v};
}

static inline le32 to_le32(u32 v)
{
    return (le32){v};
}

static inline le64 to_le64(u64 v)
{
    return (le64){v};
}

/* A run of physical memory: `len` bytes from physical address `pa`. What devices and file systems move data through. */
struct span {
    u64 pa;
    u64 len;
};

#define PAGE_SIZE  4096ul
#define PAGE_SHIFT 12

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)                  (((x) + ((a)-1)) & ~((a)-1)) /* a: a power of two; may wrap */
#define ALIGN_DOWN(x, a)                ((x) & ~((a)-1))

/* To the end of a list, whose elements have `next`; and out of it, if it is in there. */
#define LIST_APPEND(first, element, next)                                                                              \
    do {                                                                                                               \
        __typeof__(&(first)) at_ = &(first);                                                                           \
        while (*at_)                                                                                                   \
            at_ = &(*at_)->next;                                                                                       \
        *at_ = (element);                                                                                              \
    } while (0)
#define LIST_REMOVE(first, element, next)                                                                              \
    do {                                                                                                               \
        __typeof__(&(first)) at_ = &(first);                                                                           \
        while (*at_ && *at_ != (element))                                                                              \
            at_ = &(*at_)->next;                                                                                       \
        if (*at_)                                                                                                      \
            *at_ = (*at_)->next;                                                                                       \
    } while (0)

/* A rare case, kept out of the way of the usual one. */
#define COLD __attribute__((cold, noinline))

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* A const pointer to `object` in linker section `table`; the section's ends are __start_TABLE and __stop_TABLE. */
#define TABLE_ENTRY(table, type, object)                                                                               \
    static const type *const object##_entry __attribute__((section(#table), used)) = &(object)

/* The C library's memory and string functions that the kernel has (string.c); the host build has its own. */
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memccpy(void *restrict dst, const void *restrict src, int last, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Linux's errno numbers; the 9P ecode, the kernel and the system calls share them. */
#define EPERM        1
#define ENOENT       2
#define ESRCH        3
#define EINTR        4
#define EIO          5
#define ENXIO        6
#define E2BIG        7
#define ENOEXEC      8
#define EBADF        9
#define ECHILD       10
#define EAGAIN       11
#define ENOMEM       12
#define EACCES       13
#define EFAULT       14
#define EBUSY        16
#define EEXIST       17
#define EXDEV        18
#define ENODEV       19
#define ENOTDIR      20
#define EISDIR       21
#define EINVAL       22
#define ENFILE       23
#define EMFILE       24
#define ENOTTY       25
#define ETXTBSY      26
#define EFBIG        27
#define ENOSPC       28
#define ESPIPE       29
#define EROFS        30
#define EMLINK       31
#define EPIPE        32
#define EDOM         33
#define ERANGE       34
#define EDEADLK      35
#define ENAMETOOLONG 36
#define ENOLCK       37
#define ENOSYS       38
#define ENOTEMPTY    39
#define ELOOP        40
#define ENODATA      61
#define EPROTO       71
#define EOVERFLOW    75
#define ENOTSOCK     88
#define EOPNOTSUPP   95
#define EAFNOSUPPORT 97
#define ETIMEDOUT    110
#define ESTALE       116
#define EDQUOT       122
#define ERRNO_MAX    4095

#endif
