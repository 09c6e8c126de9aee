/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cmdline - a command line of any bytes.
 *
 * flags words: -eva-slevel 500
 * flags many: -eva-slevel 300
 * plant words: kernel/cmdline.c: while (p < end && !is_blank(*p) -> while (p <= end && !is_blank(*p)
 * plant many: kernel/cmdline.c: out->noptions == CMDLINE_OPTIONS -> out->noptions == CMDLINE_OPTIONS + 1
 */
#include "kernel/cmdline.c"

void prove_words(void)
{
    static char text[6];
    static struct cmdline c;
    for (size_t len = 0; len <= 5; len++) {
        char *at = text + sizeof text - 1 - len;
        u64 number;
        any_bytes(text, sizeof text);
        if (cmdline_parse(&c, at, len) < 0)
            continue;
        must(c.noptions <= CMDLINE_OPTIONS && c.nargs <= CMDLINE_ARGS);
        at[len] = 0;
        cmdline_number(at, &number);
    }
}

/* Words of one byte, more than there is room for. */
void prove_many(void)
{
    static char text[2 * CMDLINE_OPTIONS + 5];
    struct cmdline *c = calloc(1, sizeof *c);
    if (!c)
        return;
    memset(text, 'a', sizeof text);
    for (unsigned i = 1; i < sizeof text; i += 2)
        text[i] = ' ';
    must(cmdline_parse(c, text, sizeof text - 1) == -E2BIG);
}
