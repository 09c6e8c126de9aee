/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* wire - a bounds-checked cursor over a little-endian message. Its error sticks: do all accesses, then ask wire_ok() once. */
#ifndef WIRE_H
#define WIRE_H

#include "base.h"

struct wire {
    u8 *p;    /* next byte */
    u8 *end;  /* first byte behind the message */
    bool bad; /* an access went beyond the end */
};

static inline struct wire wire_over(void *bytes, size_t len)
{
    return (struct wire){bytes, (u8 *)bytes + len, false};
}

static inline bool wire_ok(const struct wire *w)
{
    return !w->bad;
}

static inline size_t wire_left(const struct wire *w)
{
    return (size_t)(w->end - w->p);
}

/* The next n bytes, which the cursor steps over; NULL, and bad, when there are fewer. */
static inline u8 *wire_take(struct wire *w, size_t n)
{
    if (w->bad || n > wire_left(w)) {
        w->bad = true;
        return NULL;
    }
    u8 *at = w->p;
    w->p += n;
    return at;
}

/* What they point to may lie anywhere and be anything. */
typedef u16 __attribute__((may_alias, aligned(1))) wire16;
typedef u32 __attribute__((may_alias, aligned(1))) wire32;
typedef u64 __attribute__((may_alias, aligned(1))) wire64;

static inline u8 wire_get8(struct wire *w)
{
    const u8 *at = wire_take(w, 1);
    return at ? *at : 0;
}

static inline u16 wire_get16(struct wire *w)
{
    const wire16 *at = (const wire16 *)wire_take(w, 2);
    return at ? *at : 0;
}

static inline u32 wire_get32(struct wire *w)
{
    const wire32 *at = (const wire32 *)wire_take(w, 4);
    return at ? *at : 0;
}

static inline u64 wire_get64(struct wire *w)
{
    const wire64 *at = (const wire64 *)wire_take(w, 8);
    return at ? *at : 0;
}

static inline void wire_put8(struct wire *w, u8 v)
{
    u8 *at = wire_take(w, 1);
    if (at)
        *at = v;
}

static inline void wire_put16(struct wire *w, u16 v)
{
    wire16 *at = (wire16 *)wire_take(w, 2);
    if (at)
        *at = v;
}

static inline void wire_put32(struct wire *w, u32 v)
{
    wire32 *at = (wire32 *)wire_take(w, 4);
    if (at)
        *at = v;
}

static inline void wire_put64(struct wire *w, u64 v)
{
    wire64 *at = (wire64 *)wire_take(w, 8);
    if (at)
        *at = v;
}

/* A 9P string: len[2] and bytes, no terminator. */
static inline void wire_put_string(struct wire *w, const char *s, size_t len)
{
    if (len > 0xffff)
        w->bad = true;
    wire_put16(w, (u16)len);
    u8 *at = wire_take(w, len);
    if (at)
        memcpy(at, s, len);
}

static inline const char *wire_get_string(struct wire *w, u16 *len)
{
    *len = wire_get16(w);
    return (const char *)wire_take(w, *len);
}

#endif
