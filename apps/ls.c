/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* ls - lists folders, one name a line, in the order of the names' bytes. */
#include <app.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int long_format, all, recursive;
static int status;
static int first = 1; /* no block of output yet: nothing to be set off from */

/* 2: something named on the command line is missing; 1: something below it. */
static void failed(int severity)
{
    if (severity > status)
        status = severity;
}

static void show(const char *path, const char *name, const struct stat *st)
{
    if (!long_format) {
        puts(name);
        return;
    }
    char mode[11], when[32];
    mode_text(st->st_mode, mode);
    time_text(st->st_mtime, when);
    printf("%s %3lu %5u %5u %11lld %s %s", mode, (unsigned long)st->st_nlink, (unsigned)st->st_uid,
           (unsigned)st->st_gid, (long long)st->st_size, when, name);
    char *target = S_ISLNK(st->st_mode) ? link_target(path) : NULL;
    printf(target ? " -> %s\n" : "\n", target);
    free(target);
}

static void show_entry(const char *dir, const char *name, int *is_dir)
{
    struct stat st = {0};
    char *path = join(dir, name);
    *is_dir = 0;
    if ((long_format || recursive) && lstat(path, &st) < 0) {
        warn("cannot access '%s'", path);
        failed(1);
    } else {
        *is_dir = S_ISDIR(st.st_mode) && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
        show(path, name, &st);
    }
    free(path);
}

static void list(const char *dir, int heading, int severity)
{
    size_t n, ndirs = 0;
    char **names = list_names(dir, &n);
    if (!names) {
        warn("cannot open directory '%s'", dir);
        failed(severity);
        return;
    }
    if (heading)
        printf("%s%s:\n", first ? "" : "\n", dir);
    first = 0;
    /* Folders that are to be descended into move to the front of names. */
    for (size_t i = 0; i < n; i++) {
        int is_dir;
        if (names[i][0] == '.' && !all)
            continue;
        show_entry(dir, names[i], &is_dir);
        if (recursive && is_dir) {
            char *name = names[i];
            names[i] = names[ndirs];
            names[ndirs++] = name;
        }
    }
    for (size_t i = 0; i < ndirs; i++) {
        char *path = join(dir, names[i]);
        list(path, 1, 1);
        free(path);
    }
    free_names(names, n);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files that were named come first, then the folders, each with a heading when there is more than one thing. */
static void list_named(char **paths, int n)
{
    int ndirs = 0;
    qsort(paths, (size_t)n, sizeof *paths, by_bytes);
    for (int i = 0; i < n; i++) {
        struct stat st;
        int bad = long_format ? lstat(paths[i], &st) : stat(paths[i], &st) && lstat(paths[i], &st);
        if (bad) {
            warn("cannot access '%s'", paths[i]);
            failed(2);
        } else if (S_ISDIR(st.st_mode)) {
            paths[ndirs++] = paths[i];
        } else {
            show(paths[i], paths[i], &st);
            first = 0;
        }
    }
    for (int i = 0; i < ndirs; i++)
        list(paths[i], n > 1 || recursive, 2);
}

int main(int argc, char **argv)
{
    unsigned given;
    int n = take_options(argv, "laR1", "ls [-laR1] [PATH...]", &given);
    (void)argc;
    if (n < 0)
        return 2;
    long_format = given & 1;
    all = given & 2;
    recursive = given & 4;
    static char *here[] = {".", NULL};
    if (n == 0)
        list_named(here, 1);
    else
        list_named(argv + 1, n);
    int written = finish(0);
    return written ? written : status;
}
