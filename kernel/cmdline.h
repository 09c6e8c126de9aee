/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cmdline - the command line: kernel options, "--", the program and its arguments; %XX stands for a byte, a lone % for an empty word. */
#ifndef CMDLINE_H
#define CMDLINE_H

#include "base.h"

/*
 *     mount=host:/host loglevel=debug -- cat /host/two%20words.txt %
 *     `--- options ---------------'    `-- argv: "cat", "/host/two words.txt", ""
 *
 * Words are separated by spaces, tabs or newlines. A bad %-sequence stands for itself.
 */
enum { CMDLINE_OPTIONS = 64, CMDLINE_ARGS = 1024 };

struct cmdline {
    unsigned noptions, nargs;
    char *options[CMDLINE_OPTIONS]; /* "key=value" or "key", decoded */
    char *args[CMDLINE_ARGS + 1];   /* argv of the program, ended by NULL */
};

/* Cuts and decodes `text` (len bytes, changed in place; text[len] must be writable) into words. 0, or -E2BIG: too many words. */
int cmdline_parse(struct cmdline *out, char *text, size_t len);

/* The value of one option if it has this key ("" for a bare key); else NULL. */
const char *cmdline_value(const char *option, const char *key);

/* The value of the n-th option with this key ("" for a bare key); NULL: not there. */
const char *cmdline_option(const struct cmdline *c, const char *key, unsigned n);

/* The command line that this machine was started with; NULL before main read it. */
extern const struct cmdline *cmdline_boot;

/* A number: decimal or 0x...; false when it is not one. */
bool cmdline_number(const char *s, u64 *out);

#endif
