/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* console - /dev/console: a program's input, output and (console-err) its errors, on the byte channels to whoever started the machine.
 *
 * The command line says what they are: stdin=none: the input is at its end; stdin=dle: DLE DLE stands for a DLE in the input and DLE EOT for its end; else it is
 * taken as it comes. tty=COLSxROWS: a terminal of that size; else no terminal. */
#include "arch.h"
#include "cmdline.h"
#include "devfs.h"
#include "mem.h"

enum { DLE = 0x10, EOT = 0x04 };
enum { TCGETS = 0x5401, TCSETSF = 0x5404, TIOCGWINSZ = 0x5413 };
enum { PIECE = 512, EAGER = 20, NAP_MIN = 20000, NAP_MAX = 5000000 }; /* naps in ns */

static bool ended;   /* DLE EOT was read */
static bool escaped; /* a DLE was read, not yet what follows */

static const char *option(const char *key)
{
    return cmdline_boot ? cmdline_option(cmdline_boot, key, 0) : NULL;
}

static bool option_is(const char *key, const char *value)
{
    const char *is = option(key);
    return is && strcmp(is, value) == 0;
}

/* Takes the escapes out of n bytes; what is behind the end is dropped. Returns the bytes that stay. */
static size_t unescape(u8 *bytes, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n && !ended; i++) {
        if (!escaped && bytes[i] == DLE) {
            escaped = true;
            continue;
        }
        if (escaped && bytes[i] == EOT)
            ended = true;
        else
            bytes[out++] = bytes[i];
        escaped = false;
    }
    return out;
}

/* Waits for at least one byte, then gives what is there. Input has no interrupt: it is looked for eagerly, then more and more seldom. */
static s64 console_read(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    u8 bytes[PIECE];
    size_t room = (size_t)MIN(mem_span_total(spans, n), PIECE), got = 0;
    bool dle = option_is("stdin", "dle");
    (void)dev, (void)offset;
    if (room == 0 || option_is("stdin", "none"))
        return 0;
    u64 nap = NAP_MIN;
    for (unsigned tries = 0; !got && !ended; tries++) {
        got = arch_console_read(bytes, room);
        if (dle && got)
            got = unescape(bytes, got);
        if (got || tries < EAGER)
            continue;
        arch_wait_ns(nap);
        nap = MIN(nap * 2, NAP_MAX);
    }
    return (s64)mem_to_spans(spans, n, 0, bytes, got);
}

static s64 console_write(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    enum console channel = dev->priv ? CONSOLE_ERR : CONSOLE_OUT;
    (void)offset;
    for (unsigned i = 0; i < n; i++)
        arch_console_write(channel, mem_virt(spans[i].pa), spans[i].len);
    return (s64)mem_span_total(spans, n);
}

/* "80x24" */
static bool window_size(u16 *cols, u16 *rows)
{
    u16 value[2] = {0, 0};
    unsigned i = 0;
    const char *s = option("tty");
    if (!s)
        return false;
    for (; *s; s++) {
        if (*s == 'x' && i == 0)
            i = 1;
        else if (*s >= '0' && *s <= '9')
            value[i] = (u16)(value[i] * 10 + (*s - '0'));
    }
    *cols = value[0];
    *rows = value[1];
    return true;
}

/* struct termios of a terminal that its own side edits and echoes: the flag words of a Linux terminal after start-up. */
static void get_termios(void *data, size_t size)
{
    static const u32 flags[4] = {0x500, 0x5, 0xbf, 0x8a3b}; /* input, output, control, local */
    memset(data, 0, size);
    memcpy(data, flags, MIN(size, sizeof flags));
}

static int console_ioctl(const struct device *dev, u32 cmd, void *data, size_t size)
{
    u16 window[4] = {0}; /* rows, columns, and two in pixels */
    (void)dev;
    if (!window_size(&window[1], &window[0]))
        return -ENOTTY;
    if (cmd == TIOCGWINSZ)
        memcpy(data, window, MIN(size, sizeof window));
    else if (cmd == TCGETS)
        get_termios(data, size);
    else if (cmd < TCGETS || cmd > TCSETSF)
        return -ENOTTY;
    return 0;
}

static const bool errors = true;
DEVICE(console) = {.name = "console",
                   .major = 5,
                   .minor = 1,
                   .perm = 0600,
                   .read = console_read,
                   .write = console_write,
                   .ioctl = console_ioctl};
DEVICE(console_err) = {.name = "console-err",
                       .major = 5,
                       .minor = 64,
                       .perm = 0600,
                       .read = console_read,
                       .write = console_write,
                       .ioctl = console_ioctl,
                       .priv = (void *)&errors};
