/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* rand - random bytes: ChaCha20 (RFC 8439, 2.3) with a key that is replaced after every use, so that old output cannot be computed from it. */
#include "rand.h"
#include "arch.h"

static u32 key[8];
static bool have_secret, asked_processor;
static bool stirred = true; /* what was fed went through the cipher */
static struct rand_source *sources;

enum { ENOUGH = 16 }; /* bytes of one source, without which nothing is secret */

static u32 rotate(u32 v, unsigned n)
{
    return v << n | v >> (32 - n);
}

static void quarter_round(u32 *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b], s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d], s[b] = rotate(s[b] ^ s[c], 7);
}

static void block(u32 out[16], u32 counter)
{
    u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(in + 4, key, sizeof key);
    in[12] = counter;
    memcpy(out, in, sizeof in);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++)
            quarter_round(out, i, 4 + i, 8 + i, 12 + i);
        for (unsigned i = 0; i < 4; i++)
            quarter_round(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        out[i] += in[i];
}

/* The second half of block 0 becomes the next key; the first is for who wants as many bytes, NULL: thrown away. */
static void next_key(void *bytes, size_t len)
{
    u32 out[16];
    block(out, 0);
    memcpy(key, out + 8, sizeof key);
    stirred = true;
    if (len)
        memcpy(bytes, out, len);
}

void rand_feed(const void *bytes, size_t len, bool secret)
{
    const u8 *p = bytes;
    for (size_t at = 0; at < len; stirred = false) {
        if (!stirred)
            next_key(NULL, 0); /* or who knows both could let one undo the other */
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
    struct rand_source **at = &sources;
    while (*at && *at != source)
        at = &(*at)->next;
    if (*at)
        *at = source->next;
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
    }
    next_key(p, len);
    return have_secret;
}
