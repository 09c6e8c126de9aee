/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sha256sum - SHA-256 of files or standard input (FIPS 180-4). */
#include <app.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sha256 {
    uint32_t h[8];
    uint64_t length; /* bytes hashed */
    unsigned char block[64];
};

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void hash_block(uint32_t h[8], const unsigned char *p)
{
    uint32_t w[64], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], i = h[7];
    for (int t = 0; t < 16; t++, p += 4)
        w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    for (int t = 0; t < 64; t++) {
        uint32_t t1 = i + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + K[t] + w[t];
        uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        i = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += i;
}

static void start(struct sha256 *s)
{
    static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(s->h, first, sizeof first);
    s->length = 0;
}

static void add(struct sha256 *s, const unsigned char *bytes, size_t n)
{
    while (n) {
        size_t filled = s->length % 64, take = 64 - filled < n ? 64 - filled : n;
        if (take == 64) {
            hash_block(s->h, bytes);
        } else {
            memcpy(s->block + filled, bytes, take);
            if (filled + take == 64)
                hash_block(s->h, s->block);
        }
        s->length += take;
        bytes += take;
        n -= take;
    }
}

static void end(struct sha256 *s, char hex[65])
{
    unsigned char tail[72] = {0x80};
    uint64_t bits = s->length * 8;
    size_t pad = 64 - (s->length + 8) % 64; /* 1..64: at least the byte 0x80 */
    for (int i = 0; i < 8; i++)
        tail[pad + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
    add(s, tail, pad + 8);
    for (int i = 0; i < 8; i++)
        sprintf(hex + 8 * i, "%08lx", (unsigned long)s->h[i]);
}

/* A name with a newline or backslash is written with escapes, and the line then begins with a backslash. */
static void show(const char *hex, const char *name)
{
    int escape = strpbrk(name, "\\\n\r") != NULL;
    printf("%s%s  ", escape ? "\\" : "", hex);
    for (; *name; name++) {
        if (*name == '\n')
            fputs("\\n", stdout);
        else if (*name == '\r')
            fputs("\\r", stdout);
        else if (*name == '\\')
            fputs("\\\\", stdout);
        else
            putchar(*name);
    }
    putchar('\n');
}

static int sum(const char *name)
{
    static _Alignas(4096) unsigned char buffer[128 * 1024];
    struct sha256 s;
    char hex[65];
    ssize_t n;
    int input = strcmp(name, "-") == 0, fd = input ? STDIN_FILENO : open(name, O_RDONLY);
    if (fd < 0)
        return warn("%s", name);
    start(&s);
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        add(&s, buffer, (size_t)n);
    int status = n < 0 ? warn("%s", name) : 0;
    if (!input)
        close(fd);
    if (status == 0) {
        end(&s, hex);
        show(hex, name);
    }
    return status;
}

int main(int argc, char **argv)
{
    unsigned given;
    int n = take_options(argv, "", "sha256sum [FILE | -]...", &given), status = 0;
    (void)argc;
    if (n < 0)
        return 1;
    if (n == 0)
        status = sum("-");
    for (int i = 1; i <= n; i++)
        status |= sum(argv[i]);
    return finish(status);
}
