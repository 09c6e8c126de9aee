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

static inline u64 wire_get(struct wire *w, unsigned bytes)
{
    const u8 *at = wire_take(w, bytes);
    u64 v = 0;
    for (unsigned i = 0; at && i < bytes; i++)
        v |= (u64)at[i] << (8 * i);
    return v;
}

static inline void wire_put(struct wire *w, u64 v, unsigned bytes)
{
    u8 *at = wire_take(w, bytes);
    for (unsigned i = 0; at && i < bytes; i++)
        at[i] = (u8)(v >> (8 * i));
}

static inline u8 wire_get8(struct wire *w)
{
    return (u8)wire_get(w, 1);
}

static inline u16 wire_get16(struct wire *w)
{
    return (u16)wire_get(w, 2);
}

static inline u32 wire_get32(struct wire *w)
{
    return (u32)wire_get(w, 4);
}

static inline u64 wire_get64(struct wire *w)
{
    return wire_get(w, 8);
}

static inline void wire_put8(struct wire *w, u8 v)
{
    wire_put(w, v, 1);
}

static inline void wire_put16(struct wire *w, u16 v)
{
    wire_put(w, v, 2);
}

static inline void wire_put32(struct wire *w, u32 v)
{
    wire_put(w, v, 4);
}

static inline void wire_put64(struct wire *w, u64 v)
{
    wire_put(w, v, 8);
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
