/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* print - the kernel log. A line is formatted into one buffer and written at once; there is nothing to flush. */
#include "print.h"
#include "arch.h"

enum log_level print_level = LOG_INFO;

struct sink {
    char *buf;
    size_t size, len; /* len: what the whole text needs */
};

struct format {
    unsigned width, longs;
    int precision; /* -1: none */
    bool left, zero, upper;
};

static void put(struct sink *s, char c)
{
    if (s->len + 1 < s->size)
        s->buf[s->len] = c;
    s->len++;
}

static void put_padded(struct sink *s, const char *text, size_t len, const struct format *f)
{
    size_t pad = f->width > len ? f->width - len : 0;
    for (size_t i = 0; !f->left && i < pad; i++)
        put(s, f->zero ? '0' : ' ');
    for (size_t i = 0; i < len; i++)
        put(s, text[i]);
    for (size_t i = 0; f->left && i < pad; i++)
        put(s, ' ');
}

static void put_number(struct sink *s, u64 v, unsigned base, bool negative, const struct format *f)
{
    char digits[24];
    char *p = digits + sizeof digits;
    do {
        *--p = "0123456789abcdef0123456789ABCDEF"[v % base + (f->upper ? 16 : 0)];
        v /= base;
    } while (v);
    if (negative)
        *--p = '-';
    put_padded(s, p, (size_t)(digits + sizeof digits - p), f);
}

static void put_signed(struct sink *s, s64 v, const struct format *f)
{
    put_number(s, v < 0 ? -(u64)v : (u64)v, 10, v < 0, f);
}

static void put_string(struct sink *s, const char *text, const struct format *f)
{
    if (!text)
        text = "(null)";
    put_padded(s, text, f->precision >= 0 ? strnlen(text, (size_t)f->precision) : strlen(text), f);
}

/* Reads flags, width, precision and length from *fmt on. */
static struct format read_format(const char **fmt, va_list *args)
{
    const char *p = *fmt;
    struct format f = {.precision = -1};
    for (; *p == '-' || *p == '0'; p++)
        *(*p == '-' ? &f.left : &f.zero) = true;
    for (; *p >= '0' && *p <= '9'; p++)
        f.width = f.width * 10 + (unsigned)(*p - '0');
    if (p[0] == '.' && p[1] == '*') {
        f.precision = va_arg(*args, int);
        p += 2;
    }
    for (; *p == 'l' || *p == 'z'; p++)
        f.longs++;
    f.upper = *p == 'X';
    *fmt = p;
    return f;
}

static void put_conversion(struct sink *s, char c, const struct format *f, va_list *args)
{
    char one;
    switch (c) {
    case 'd':
        put_signed(s, f->longs ? va_arg(*args, s64) : va_arg(*args, int), f);
        break;
    case 'u':
    case 'x':
    case 'X':
        put_number(s, f->longs ? va_arg(*args, u64) : va_arg(*args, u32), c == 'u' ? 10 : 16, false, f);
        break;
    case 'p':
        put_number(s, (u64)va_arg(*args, void *), 16, false, f);
        break;
    case 's':
        put_string(s, va_arg(*args, const char *), f);
        break;
    default:
        one = c == 'c' ? (char)va_arg(*args, int) : c;
        put_padded(s, &one, 1, f);
    }
}

size_t print_vtext(char *buf, size_t size, const char *fmt, va_list caller_args)
{
    struct sink s = {buf, size, 0};
    va_list args;
    va_copy(args, caller_args);
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&s, *fmt);
            continue;
        }
        fmt++;
        struct format f = read_format(&fmt, &args);
        if (*fmt == '\0')
            break;
        put_conversion(&s, *fmt, &f, &args);
    }
    va_end(args);
    if (size)
        buf[MIN(s.len, size - 1)] = '\0';
    return s.len;
}

size_t print_text(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t len = print_vtext(buf, size, fmt, args);
    va_end(args);
    return len;
}

char *print_string(char *at, const char *end, const char *text)
{
    while (*text && at + 1 < end)
        *at++ = *text++;
    *at = '\0';
    return at;
}

char *print_number(char *at, const char *end, u64 v, unsigned base, unsigned digits)
{
    char text[24], *p = text + sizeof text;
    *--p = '\0';
    for (; v || digits; v /= base, digits -= digits > 0)
        *--p = "0123456789abcdef"[v % base];
    return print_string(at, end, p);
}

/* What came from the host or a program may hold anything; control characters would act on the reader's terminal. */
static void make_printable(char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((u8)s[i] < ' ' || s[i] == 0x7f)
            s[i] = '?';
}

static void write_line(const char *prefix, const char *fmt, va_list args)
{
    char line[256];
    size_t at = print_text(line, sizeof line, "%s", prefix);
    size_t len = MIN(at + print_vtext(line + at, sizeof line - at, fmt, args), sizeof line - 1);
    make_printable(line, len);
    line[len] = '\n';
    arch_console_write(CONSOLE_LOG, line, len + 1);
}

void print_log(enum log_level level, const char *fmt, ...)
{
    if (level > print_level)
        return;
    va_list args;
    va_start(args, fmt);
    write_line(level <= LOG_WARN ? "sheepskin: " : "", fmt, args);
    va_end(args);
}

static void print_backtrace(u64 sp)
{
    u64 at[16];
    size_t n = arch_backtrace(sp, at, ARRAY_LEN(at));
    for (size_t i = 0; i < n; i++)
        print_log(LOG_ERROR, "  %s", arch_symbol(at[i], (char[64]){0}, 64));
}

void panic(const char *fmt, ...)
{
    static bool again;
    va_list args;
    va_start(args, fmt);
    write_line("sheepskin: panic: ", fmt, args);
    va_end(args);
    if (!again) {
        again = true;
        print_backtrace((u64)__builtin_frame_address(0));
    }
    arch_console_write(CONSOLE_CTL, "panic\n", 6);
    arch_exit(255);
    arch_reset();
}
