/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* console - /dev/console: a program's input, output and (console-err) its errors, on the byte channels to whoever started the machine.
 *
 * The command line says what they are. stdin=none: the input is at its end; stdin=dle: DLE and another byte in the input stand for what the enum
 * below says; else it is taken as it comes. tty=COLSxROWS: a terminal of that size; else no terminal. tty=COLSxROWS:SETTINGS, the settings being a
 * struct termios in hexadecimal: its other side edits lines and echoes as they ask for, and changes them when the ctl channel says
 *     tty HOW SETTINGS
 * with HOW as 0 (TCSETS), 1 (TCSETSW) or 2 (TCSETSF), which it answers in the input. So the terminal's rules are those of the user's own. */
#include "arch.h"
#include "cmdline.h"
#include "devfs.h"
#include "later.h"
#include "mem.h"
#include "time.h"
#include "vfs.h"

/* What stands behind a DLE in the input. */
enum {
    EOT = 0x04, /* the end */
    ACK = 0x06, /* settings are in force */
    DLE = 0x10, /* a DLE */
    ETB = 0x17, /* the end of a line */
};
enum {
    TCGETS = 0x5401,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCSBRK = 0x5409,
    TCXONC,
    TCFLSH,
    TIOCSCTTY = 0x540e,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCGWINSZ = 0x5413,
    TIOCGSID = 0x5429
};
enum { ICANON = 2, VTIME = 5, VMIN = 6 };
enum { PIECE = 512, QUEUE = 5120, EAGER = 20, NAP_MIN = 20000, NAP_MAX = 5000000 }; /* naps in ns */

/* Linux's struct termios. */
struct settings {
    u32 input, output, control, local;
    u8 discipline, cc[19];
};
_Static_assert(sizeof(struct settings) == 36, "struct termios of Linux");

/* Input that no read has taken: bytes, and ends of lines. */
enum { END_OF_LINE = 0x100 };
static u16 queue[QUEUE];
static u32 first, count, lines;
static bool ended;    /* DLE EOT was read */
static bool escaped;  /* a DLE was read, not yet what follows */
static bool answered; /* DLE ACK was read */

static struct settings settings;
static const char *settings_from; /* the option that they began as */
static bool relayed;              /* the other side keeps to them */
static u32 foreground = 1;        /* process group */

static const char *option(const char *key)
{
    return cmdline_boot ? cmdline_option(cmdline_boot, key, 0) : NULL;
}

static bool stdin_is(const char *value)
{
    const char *is = option("stdin");
    return is && strcmp(is, value) == 0;
}

/* ---- the terminal ---- */

/* "80x24", with or without more */
static void window_size(const char *s, u16 window[2])
{
    unsigned i = 1; /* rows stand first in struct winsize */
    for (; *s && *s != ':'; s++) {
        if (*s == 'x' && i == 1)
            i = 0;
        else if (*s >= '0' && *s <= '9')
            window[i] = (u16)(window[i] * 10 + (*s - '0'));
    }
}

static unsigned digit(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

/* The settings of the option, or those of a Linux terminal after start-up. NULL: there is no terminal. */
static struct settings *terminal(void)
{
    static const struct settings usual = {0x500,  0x5, 0xbf,
                                          0x8a3b, 0,   {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22}};
    const char *s = option("tty"), *hex = s ? memchr(s, ':', strlen(s)) : NULL;
    if (s == settings_from)
        return s ? &settings : NULL;
    u8 *bytes = (u8 *)&settings;
    settings_from = s;
    settings = usual;
    relayed = hex && strlen(hex + 1) == 2 * sizeof settings;
    for (unsigned i = 0; relayed && i < 2 * sizeof settings; i++)
        bytes[i / 2] = (u8)(bytes[i / 2] << 4 | digit(hex[1 + i]));
    return s ? &settings : NULL;
}

/* Does a read get one line, as the other side made it? */
static bool by_lines(void)
{
    return terminal() && relayed && (settings.local & ICANON);
}

/* ---- the input's queue ---- */

static void push(u16 what)
{
    if (count == QUEUE)
        return;
    queue[(first + count++) % QUEUE] = what;
    lines += what == END_OF_LINE;
}

static u16 pop(void)
{
    u16 what = queue[first];
    first = (first + 1) % QUEUE;
    count--;
    lines -= what == END_OF_LINE;
    return what;
}

static void take_byte(u8 byte, bool dle)
{
    bool special = escaped && byte != DLE;
    if (ended)
        return;
    if (dle && !escaped && byte == DLE) {
        escaped = true;
        return;
    }
    escaped = false;
    if (special && byte == EOT)
        ended = true;
    else if (special && byte == ACK)
        answered = true;
    else
        push(special && byte == ETB ? END_OF_LINE : byte);
}

static void fill(void)
{
    u8 bytes[PIECE];
    bool dle = stdin_is("dle");
    size_t got = 1;
    /* Codes take no room in the queue, so that there may be no end of them. */
    for (unsigned pieces = 0; got && pieces <= QUEUE / PIECE; pieces++) {
        got = arch_console_read(bytes, MIN(PIECE, QUEUE - count));
        for (size_t i = 0; i < got; i++)
            take_byte(bytes[i], dle);
    }
}

/* Whether a read that wants so many bytes would have its answer, which may be the end. */
static bool can_answer(u32 wanted)
{
    fill();
    if (ended || count == QUEUE || stdin_is("none"))
        return true;
    return by_lines() ? lines : count - lines >= wanted;
}

/* Input is looked for eagerly, then at interrupts; where there are none, more and more seldom. */
static void wait_for_input(u32 room)
{
    bool by_bytes = terminal() && relayed && !by_lines();
    u32 wanted = !by_bytes ? 1 : MIN(settings.cc[VMIN], room), seen = count;
    u64 limit = by_bytes ? settings.cc[VTIME] * 100000000ull : 0, start = limit ? time_ns() : 0, nap = NAP_MIN;
    bool at_once = limit && !wanted; /* the time runs from now on, not from the first byte */
    if (at_once)
        wanted = 1;
    for (unsigned tries = 0; !can_answer(wanted); tries++) {
        if (seen != count)
            start = limit ? time_ns() : 0;
        seen = count;
        bool runs = limit && (at_once || seen);
        u64 passed = runs ? time_ns() - start : 0, left = runs ? limit - MIN(passed, limit) : ~0ull;
        if (!left)
            return;
        if (tries < EAGER)
            continue;
        later_sleep(arch_console_listen() ? left : MIN(nap, left));
        nap = MIN(nap * 2, NAP_MAX);
    }
}

static size_t take_input(u8 *bytes, size_t room)
{
    size_t n = 0;
    while (count && (n < room || queue[first] == END_OF_LINE)) {
        u16 what = pop();
        if (what != END_OF_LINE)
            bytes[n++] = (u8)what;
        else if (by_lines())
            break;
    }
    return n;
}

static s64 console_read(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    u8 bytes[PIECE];
    size_t room = (size_t)MIN(mem_span_total(spans, n), PIECE);
    (void)dev, (void)offset;
    if (room == 0 || stdin_is("none"))
        return 0;
    wait_for_input((u32)room);
    return (s64)mem_to_spans(spans, n, 0, bytes, take_input(bytes, room));
}

static u32 console_poll(const struct device *dev)
{
    (void)dev;
    if (can_answer(1))
        return POLLOUT | POLLWRNORM | POLLIN | POLLRDNORM;
    return POLLOUT | POLLWRNORM | (arch_console_listen() ? 0 : VFS_POLL_AGAIN);
}

static s64 console_write(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    enum console channel = dev->priv ? CONSOLE_ERR : CONSOLE_OUT;
    (void)offset;
    for (unsigned i = 0; i < n; i++)
        arch_console_write(channel, mem_virt(spans[i].pa), spans[i].len);
    return (s64)mem_span_total(spans, n);
}

/* ---- control ---- */

/* Tells the other side, and waits until it has done so: what is written next already looks as the settings want it. */
static void tell_settings(u32 how)
{
    char line[6 + 2 * sizeof settings + 1] = "tty 0 ";
    const u8 *bytes = (const u8 *)&settings;
    line[4] = (char)('0' + how);
    for (unsigned i = 0; i < 2 * sizeof settings; i++)
        line[6 + i] = "0123456789abcdef"[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
    line[sizeof line - 1] = '\n';
    struct patience patience = {0};
    answered = false;
    arch_console_write(CONSOLE_CTL, line, sizeof line);
    for (fill(); !answered && time_patience(&patience);)
        fill();
}

/* What was typed byte by byte is a line now; ends that came with bytes that were read as such are none. */
static void join_lines(void)
{
    for (u32 n = count; n; n--) {
        u16 what = pop();
        if (what != END_OF_LINE)
            push(what);
    }
    if (count)
        push(END_OF_LINE);
}

static void set_settings(u32 how, const void *data)
{
    bool before = by_lines();
    memcpy(&settings, data, sizeof settings);
    if (relayed)
        tell_settings(how);
    if (how == TCSETSF - TCSETS)
        first = count = lines = 0;
    if (!before && by_lines())
        join_lines();
}

static u32 bytes_to_read(void)
{
    u32 n = 0;
    fill();
    if (!by_lines())
        return count - lines;
    while (lines && queue[(first + n) % QUEUE] != END_OF_LINE)
        n++;
    return n;
}

static int console_ioctl(const struct device *dev, u32 cmd, void *data, size_t size)
{
    u32 value = cmd == FIONREAD ? bytes_to_read() : cmd == TIOCGPGRP ? foreground : 1;
    (void)dev;
    if (!terminal())
        return -ENOTTY;
    switch (cmd) {
    case TIOCGWINSZ:
        memset(data, 0, size);
        window_size(settings_from, data);
        return 0;
    case TCGETS:
        memcpy(data, &settings, MIN(size, sizeof settings));
        return 0;
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        set_settings(cmd - TCSETS, data);
        return 0;
    case TCFLSH:
        first = count = lines = 0;
        return 0;
    case FIONREAD:
    case TIOCGPGRP:
    case TIOCGSID:
        memcpy(data, &value, sizeof value);
        return 0;
    case TIOCSPGRP:
        memcpy(&foreground, data, sizeof foreground);
        return 0;
    default:
        return cmd == TCSBRK || cmd == TCXONC || cmd == TIOCSCTTY ? 0 : -ENOTTY;
    }
}

#define CONSOLE(ident, in_dev, number, rights, what)                                                                   \
    DEVICE(ident) = {.name = in_dev,                                                                                   \
                     .major = 5,                                                                                       \
                     .minor = number,                                                                                  \
                     .perm = rights,                                                                                   \
                     .read = console_read,                                                                             \
                     .write = console_write,                                                                           \
                     .ioctl = console_ioctl,                                                                           \
                     .poll = console_poll,                                                                             \
                     .priv = what}

static bool errors = true;
CONSOLE(tty, "tty", 0, 0666, NULL);
CONSOLE(console, "console", 1, 0600, NULL);
CONSOLE(console_err, "console-err", 64, 0600, &errors);
