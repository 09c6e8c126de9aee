/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* below - what stands under each source that is analysed: memory, which is never short, and a log that goes nowhere. */
#include "mem.h"
#include "print.h"

enum log_level print_level;

void print_log(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

size_t print_text(char *buf, size_t size, const char *fmt, ...)
{
    (void)fmt;
    any_bytes(buf, size);
    buf[size - 1] = 0;
    return any(0, 1000);
}

void *mem_new(size_t size)
{
    return calloc(1, size);
}

void mem_delete(void *object, size_t size)
{
    (void)object, (void)size;
}
