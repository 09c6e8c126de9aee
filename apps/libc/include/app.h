/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* app.h - what several programs of apps/ share. */
#ifndef APP_H
#define APP_H

#include <sys/types.h>

/* Print "PROGRAM: message", and ": reason of errno" but for the x one, on stderr. Both give 1, the status that a program then ends with. */
int warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
int warnx(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes the options (letters of `letters`, alone or together, anywhere before "--") out of argv. What is left are the operands argv[1]... with a
 * NULL behind; returns how many. *given: bit i is set when letters[i] was there. An unknown option: prints the usage, returns -1. "-" is an operand. */
int take_options(char **argv, const char *letters, const char *usage, unsigned *given);

/* The status to end with: `status`, or 1 (with a message) when not all that was printed could be written. */
int finish(int status);

/* Writes all n bytes to fd. 0 or -1. */
int write_all(int fd, const void *bytes, size_t n);

/* Names in a folder (with "." and "..") in the order of their bytes. The caller frees it by free_names(). NULL: see errno. */
char **list_names(const char *path, size_t *n);
void free_names(char **names, size_t n);

/* "DIR/NAME", to be freed. Ends the program when there is no memory. */
char *join(const char *dir, const char *name);

/* What stat shows of a mode, "-rw-r--r--", and of a time, "2025-01-31T23:59:59Z". */
void mode_text(mode_t mode, char out[11]);
void time_text(time_t when, char out[32]);

/* Where a symbolic link points, to be freed; NULL: see errno. */
char *link_target(const char *path);

/* Reads the small file DIR/NAME without the newline at its end. Bytes, or -1. */
ssize_t read_attribute(const char *dir, const char *name, char *out, size_t size);

#endif
