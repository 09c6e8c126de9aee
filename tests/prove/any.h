/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* any - values of which nothing is known but their bounds, for what the host may say. Read before each source that is analysed. */
#ifndef ANY_H
#define ANY_H

#include <__fc_builtin.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"

static inline u64 any(u64 least, u64 most)
{
    return Frama_C_unsigned_long_interval(least, most);
}

static inline u64 any_u64(void)
{
    return any(0, ~0ul);
}

static inline u32 any_u32(void)
{
    return (u32)any(0, ~0u);
}

static inline bool any_bool(void)
{
    return any(0, 1);
}

/* len bytes of anything. */
static inline void any_bytes(void *bytes, size_t len)
{
    if (len)
        Frama_C_make_unknown(bytes, len);
}

/* What the kernel promises besides memory that is there: a number within its bounds. */
/*@ requires what; */
static inline void must(int what)
{
    (void)what;
}

/* What the device may write is another value at each look. */
#define __atomic_load_n(p, order)         (any_bytes((void *)(p), sizeof *(p)), *(p))
#define __atomic_store_n(p, value, order) (*(p) = (value))
#define __atomic_thread_fence(order)      ((void)0)

/* Nothing is copied from the end of a block without a byte being read: Eva wants a byte there all the same. */
static inline void *copy(void *to, const void *from, size_t n)
{
    return n ? memcpy(to, from, n) : to;
}
#define memcpy copy

/* Where a byte is, place by place. */
static inline void *find_byte(const void *bytes, int byte, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((const u8 *)bytes)[i] == (u8)byte)
            return (u8 *)bytes + i;
    return NULL;
}

#endif
