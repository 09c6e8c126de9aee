/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cmdline - any bytes as the command line. */
#include <stdlib.h>

#include "cmdline.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static struct cmdline c;
    u64 number;
    char *text = malloc(len + 1);
    memcpy(text, data, len);
    text[len] = 'x'; /* no terminator is promised */
    c.noptions = c.nargs = 0;
    cmdline_parse(&c, text, len);
    for (unsigned i = 0; i < c.noptions; i++)
        cmdline_number(c.options[i], &number);
    for (unsigned i = 0; i < c.nargs; i++)
        if (strlen(c.args[i]) > len)
            abort();
    cmdline_option(&c, "mount", 1);
    free(text);
    return 0;
}
