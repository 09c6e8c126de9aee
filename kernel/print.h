/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* print - the kernel log, and panic. */
#ifndef PRINT_H
#define PRINT_H

#include "base.h"

/*
 * Levels. ERROR: something the user asked for will not happen. WARN: it happens otherwise than asked. INFO: the story of
 * the boot, one line a step. DEBUG: what a person who debugs a device wants. A hostile host may cause WARN, never a flood:
 * whoever reports per message or per entry reports once.
 */
enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above this level are dropped. Set once from the command line. */
extern enum log_level print_level;

/* One line of log, no newline at its end. Formats: %s %c %d %u %x %X %p %%, with l/ll/z, width, '-', '0' and %.*s. Never waits. */
void print_log(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define log_error(...) print_log(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  print_log(LOG_WARN, __VA_ARGS__)
#define log_info(...)  print_log(LOG_INFO, __VA_ARGS__)
#define log_debug(...) print_log(LOG_DEBUG, __VA_ARGS__)

/* Formats into buf, always NUL-terminated when size > 0. Returns the length the whole text has, like snprintf. */
size_t print_text(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
size_t print_vtext(char *buf, size_t size, const char *fmt, va_list args);

/* For names that are made at each start, where what print_text() would cost counts: they write to `at`, no further than end[-1], which ends in NUL, and return
 * where that NUL is. */
char *print_string(char *at, const char *end, const char *text);
char *print_number(char *at, const char *end, u64 v, unsigned base, unsigned digits); /* with zeros before it */

/* For bugs of this kernel only, never for what a host or a program did: says why, with a backtrace, and ends the machine. */
_Noreturn void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
