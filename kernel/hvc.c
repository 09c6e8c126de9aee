/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* hvc - consoles that the host gives. They are terminals that are always raw: who is at their other side edits lines and echoes. */
#include "hvc.h"
#include "arch.h"
#include "devfs.h"
#include "print.h"
#include "vfs.h"

enum { TCGETS = 0x5401, TCSETSF = 0x5404, TCSBRK = 0x5409, TCXONC, TCFLSH, TIOCGWINSZ = 0x5413 };
enum { MAJOR = 229, CONSOLES_MAX = 64, LOG_WAIT = 50 };

static struct hvc *first; /* the kernel's; the others follow it */

static void kernel_write(enum console channel, const void *bytes, size_t n)
{
    static bool busy;  /* what goes wrong in there cannot be told there */
    static bool stuck; /* nobody took the last line of the log, so that the next one is not waited for */
    if (busy)
        return;
    busy = true;
    stuck = !first->put(first, bytes, n, channel != CONSOLE_LOG ? HVC_FOREVER : stuck ? 0 : LOG_WAIT);
    busy = false;
}

static size_t kernel_read(void *bytes, size_t n)
{
    return first->take(first, bytes, n);
}

static bool kernel_listen(void)
{
    return !(first->node->poll(first->node) & (POLLIN | VFS_POLL_AGAIN));
}

static const struct console_device as_console = {.write = kernel_write, .read = kernel_read, .listen = kernel_listen};

/* TCSETS succeeds, as it does wherever a terminal cannot all that it is asked for; TCGETS tells what came of it. */
static int hvc_ioctl(const struct device *node, u32 cmd, void *data, size_t size)
{
    static const u8 raw[36] = {[8] = 0xbf /* 38400 baud, 8 bits */, [17 + 6] = 1 /* VMIN */};
    struct hvc *hvc = first;
    while (hvc->node != node)
        hvc = hvc->next;
    const u16 window[4] = {hvc->rows, hvc->cols};
    if (cmd == TCGETS)
        memcpy(data, raw, MIN(size, sizeof raw));
    else if (cmd == TIOCGWINSZ)
        memcpy(data, window, MIN(size, sizeof window));
    else if (cmd == TCFLSH)
        hvc->take(hvc, (u8[4096]){0}, 4096);
    else if (cmd < TCGETS || (cmd > TCSETSF && cmd != TCSBRK && cmd != TCXONC))
        return -ENOTTY;
    return 0;
}

int hvc_add(struct hvc *hvc)
{
    int err = -EEXIST;
    hvc->node->name = hvc->name;
    hvc->node->major = MAJOR;
    hvc->node->perm = 0600;
    hvc->node->ioctl = hvc_ioctl;
    for (u32 n = 0; err == -EEXIST && n < CONSOLES_MAX; n++) {
        print_text(hvc->name, sizeof hvc->name, "hvc%u", n);
        hvc->node->minor = n;
        err = devfs_add(hvc->node);
    }
    if (err < 0)
        return -ENOSPC;
    hvc->next = NULL;
    LIST_APPEND(first, hvc, next);
    if (first == hvc)
        arch_console_device(&as_console);
    return 0;
}

void hvc_remove(struct hvc *hvc)
{
    devfs_remove(hvc->node);
    LIST_REMOVE(first, hvc, next);
    if (!first)
        arch_console_device(NULL);
}
