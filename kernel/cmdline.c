/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cmdline - the command line: kernel options, "--", the program and its arguments. */
#include "cmdline.h"

const struct cmdline *cmdline_boot;

static bool is_blank(char c)
{
    return (u8)c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the word [from, end) to where it stands and ends it with NUL. "%00" cannot be part of a C string and stays as it is. */
static void decode(char *from, char *end)
{
    if (end - from == 1 && *from == '%') {
        *from = '\0';
        return;
    }
    while (from < end && *from != '%')
        from++;
    char *to = from;
    while (from < end) {
        int high = end - from > 2 && *from == '%' ? hex_digit(from[1]) : -1;
        int low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low >= 0 && (high | low) != 0) {
            *to++ = (char)(high << 4 | low);
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

int cmdline_parse(struct cmdline *out, char *text, size_t len)
{
    char *end = text + len, *next;
    bool options = true;
    out->noptions = out->nargs = 0;
    for (char *p = text; p < end; p = next) {
        char *word = p;
        while (p < end && !is_blank(*p) && *p != '\0')
            p++;
        next = p + 1;
        if (p == word)
            continue;
        if (options && p - word == 2 && word[0] == '-' && word[1] == '-') {
            options = false;
            continue;
        }
        if (options ? out->noptions == CMDLINE_OPTIONS : out->nargs == CMDLINE_ARGS)
            return -E2BIG;
        decode(word, p);
        if (options)
            out->options[out->noptions++] = word;
        else
            out->args[out->nargs++] = word;
    }
    out->args[out->nargs] = NULL;
    return 0;
}

const char *cmdline_value(const char *option, const char *key)
{
    for (; *key; key++, option++)
        if (*key != *option)
            return NULL;
    return *option == '=' ? option + 1 : *option ? NULL : option;
}

const char *cmdline_option(const struct cmdline *c, const char *key, unsigned n)
{
    for (char *const *o = c->options, *const *end = o + c->noptions; o < end; o++) {
        const char *value = **o == *key ? cmdline_value(*o, key) : NULL;
        if (value && n-- == 0)
            return value;
    }
    return NULL;
}

bool cmdline_number(const char *s, u64 *out)
{
    u64 base = 10, v = 0;
    if (s[0] == '0' && (s[1] | 0x20) == 'x') {
        base = 16;
        s += 2;
    }
    if (*s == '\0')
        return false;
    for (; *s; s++) {
        int digit = hex_digit(*s);
        if (digit < 0 || (u64)digit >= base || v > (~0ull - (u64)digit) / base)
            return false;
        v = v * base + (u64)digit;
    }
    *out = v;
    return true;
}
