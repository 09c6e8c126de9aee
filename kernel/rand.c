/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* rand - random bytes: ChaCha20 (RFC 8439, 2.3) with a key that is replaced after every use, so that old output cannot be computed from it. */
#include "rand.h"
#include "arch.h"

static u32 key[8];
static u8 spare[32]; /* of the last block, the first `nspare` of which nobody has had */
static size_t nspare;
static bool have_secret, asked_processor;
static bool stirred = true; /* what was fed went through the cipher, and nobody has had what the key gives */
static struct rand_source *sources;

enum { ENOUGH = 16 }; /* bytes of one source, without which nothing is secret */

static u32 rotate(u32 v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static void quarter_round(u32 *at_a, u32 *at_b, u32 *at_c, u32 *at_d)
{
    u32 a = *at_a, b = *at_b, c = *at_c, d = *at_d;
    a += b, d = rotate(d ^ a, 16);
    c += d, b = rotate(b ^ c, 12);
    a += b, d = rotate(d ^ a, 8);
    c += d, b = rotate(b ^ c, 7);
    *at_a = a, *at_b = b, *at_c = c, *at_d = d;
}

static void block(u32 out[16], u32 counter)
{
    u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(in + 4, key, sizeof key);
    in[12] = counter;
    memcpy(out, in, sizeof in);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++)
            quarter_round(out + i, out + 4 + i, out + 8 + i, out + 12 + i);
        for (unsigned i = 0; i < 4; i++)
            quarter_round(out + i, out + 4 + (i + 1) % 4, out + 8 + (i + 2) % 4, out + 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] += in[i];
}

/* The second half of block 0 becomes the next key; the first is spare. */
static void next_key(void)
{
    u32 out[16];
    block(out, 0);
    memcpy(key, out + 8, sizeof key);
    memcpy(spare, out, sizeof spare);
    nspare = sizeof spare;
    stirred = true;
}

void rand_feed(const void *bytes, size_t len, bool secret)
{
    const u8 *p = bytes;
    for (size_t at = 0; at < len; stirred = false) {
        if (!stirred)
            next_key(); /* or who knows both could let one undo the other */
        for (size_t i = 0; i < sizeof key && at < len; i++)
            ((u8 *)key)[i] ^= p[at++];
    }
    have_secret |= secret && len >= ENOUGH;
}

static void ask_processor(void)
{
    u64 words[4] = {arch_cycles()}, word;
    unsigned n = 0;
    asked_processor = true;
    for (; n < ARRAY_LEN(words) && arch_random(&word); n++)
        words[n] ^= word;
    rand_feed(words, sizeof words, n == ARRAY_LEN(words));
}

/* Every source goes into the key once; it is waited for only where nothing else is secret. */
static void ask_sources(void)
{
    u8 bytes[32];
    for (struct rand_source *s = sources; s; s = s->next) {
        if (s->given)
            continue;
        size_t n = s->give(s, bytes, sizeof bytes, !have_secret);
        s->given = n >= ENOUGH;
        rand_feed(bytes, n, true);
    }
    memset(bytes, 0, sizeof bytes);
}

void rand_add_source(struct rand_source *source)
{
    source->next = sources;
    sources = source;
}

void rand_remove_source(struct rand_source *source)
{
    LIST_REMOVE(sources, source, next);
}

bool rand_bytes(void *bytes, size_t len)
{
    if (!asked_processor)
        ask_processor();
    ask_sources();
    u8 *p = bytes;
    for (u32 counter = 1; len > sizeof key; counter++) {
        u32 out[16];
        block(out, counter);
        size_t n = MIN(len, sizeof out);
        memcpy(p, out, n);
        p += n;
        len -= n;
        stirred = false; /* nor is this key used again */
    }
    if (len > nspare || !stirred)
        next_key();
    nspare -= len;
    memcpy(p, spare + nspare, len);
    memset(spare + nspare, 0, len); /* what was given is forgotten */
    return have_secret;
}
