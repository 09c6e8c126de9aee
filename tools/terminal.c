/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* terminal - the user's terminal, which becomes the guest's: it edits lines and echoes as the guest's program asks, and is given back as it was. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "sheepskin.h"

/* The kernel's struct termios, not the C library's: the guest's programs speak of that one. */
enum { SETTINGS = 36, CONTROL = 8, DISCIPLINE = 16 /* speed, bits, hang-up: the line's, and so the user's */ };

static unsigned char before[SETTINGS];
static bool changed;

bool terminal_open(struct wiring *w)
{
    struct winsize size;
    if (!isatty(0) || !isatty(1) || ioctl(1, TIOCGWINSZ, &size) || ioctl(0, TCGETS, before))
        return false;
    w->columns = size.ws_col ? size.ws_col : 80;
    w->rows = size.ws_row ? size.ws_row : 24;
    for (int i = 0; i < SETTINGS; i++)
        sprintf(w->terminal + 2 * i, "%02x", before[i]);
    atexit(terminal_restore);
    return true;
}

/* Only who is in the foreground may: another's terminal is not ours to change. */
static void set(unsigned long how, const unsigned char *settings)
{
    if (tcgetpgrp(0) == getpgrp())
        ioctl(0, how, settings);
}

void terminal_set(const char *word)
{
    unsigned char settings[SETTINGS];
    unsigned how, byte;
    if (sscanf(word, "%1u", &how) != 1 || how > 2 || strlen(word) != 2 + 2 * SETTINGS)
        return;
    for (int i = 0; i < SETTINGS; i++) {
        if (sscanf(word + 2 + 2 * i, "%2x", &byte) != 1)
            return;
        settings[i] = (unsigned char)byte;
    }
    memcpy(settings + CONTROL, before + CONTROL, sizeof(unsigned));
    settings[DISCIPLINE] = before[DISCIPLINE];
    changed = true;
    set(TCSETS + how, settings);
}

void terminal_restore(void)
{
    if (changed)
        set(TCSETSW, before);
    changed = false;
}
