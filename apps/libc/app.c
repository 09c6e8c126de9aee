/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* app - what several programs of apps/ share. */
#include <app.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const char *program_name;

static int complain(const char *format, va_list args, const char *reason)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, args);
    fprintf(stderr, reason ? ": %s\n" : "\n", reason);
    return 1;
}

int warn(const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list args;
    va_start(args, format);
    int status = complain(format, args, reason);
    va_end(args);
    return status;
}

int warnx(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int status = complain(format, args, NULL);
    va_end(args);
    return status;
}

/* newlib's getopt() takes a lone "-" for an option, so it cannot serve programs that read standard input by that name. */
int take_options(char **argv, const char *letters, const char *usage, unsigned *given)
{
    int kept = 0, ended = 0;
    *given = 0;
    for (int i = 1; argv[i]; i++) {
        if (ended || argv[i][0] != '-' || !argv[i][1]) {
            argv[++kept] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            ended = 1;
        } else {
            for (const char *letter = argv[i] + 1; *letter; letter++) {
                const char *known = strchr(letters, *letter);
                if (!known) {
                    warnx("invalid option -- '%c'; usage: %s", *letter, usage);
                    return -1;
                }
                *given |= 1u << (known - letters);
            }
        }
    }
    argv[kept + 1] = NULL;
    return kept;
}

int finish(int status)
{
    if (fflush(stdout))
        return warn("write error");
    if (ferror(stdout)) /* earlier: its reason is gone */
        return warnx("write error");
    return status;
}

int write_all(int fd, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t wrote = write(fd, (const char *)bytes + done, n - done);
        if (wrote < 0)
            return -1;
        done += (size_t)wrote;
    }
    return 0;
}

static void *grow(void *old, size_t size)
{
    void *new = realloc(old, size);
    if (!new) {
        warn("memory");
        exit(1);
    }
    return new;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **list_names(const char *path, size_t *n)
{
    DIR *dir = opendir(path);
    if (!dir)
        return NULL;
    char **names = NULL;
    size_t room = 0;
    *n = 0;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0) {
        if (*n >= room)
            names = grow(names, (room = 2 * room + 64) * sizeof *names);
        names[(*n)++] = strcpy(grow(NULL, strlen(entry->d_name) + 1), entry->d_name);
    }
    int error = errno;
    closedir(dir);
    if (error) {
        free_names(names, *n);
        errno = error;
        return NULL;
    }
    names = grow(names, (*n + 1) * sizeof *names);
    qsort(names, *n, sizeof *names, by_bytes);
    return names;
}

void free_names(char **names, size_t n)
{
    while (n)
        free(names[--n]);
    free(names);
}

char *join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    char *path = grow(NULL, len + strlen(name) + 2);
    strcpy(path, dir);
    if (!len || dir[len - 1] != '/')
        path[len++] = '/';
    strcpy(path + len, name);
    return path;
}

static char type_letter(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return 'd';
    case S_IFLNK:
        return 'l';
    case S_IFCHR:
        return 'c';
    case S_IFBLK:
        return 'b';
    case S_IFIFO:
        return 'p';
    case S_IFSOCK:
        return 's';
    default:
        return '-';
    }
}

void mode_text(mode_t mode, char out[11])
{
    strcpy(out, "-rwxrwxrwx");
    out[0] = type_letter(mode);
    for (int bit = 0; bit < 9; bit++)
        if (!(mode & (0400 >> bit)))
            out[1 + bit] = '-';
    if (mode & S_ISUID)
        out[3] = mode & S_IXUSR ? 's' : 'S';
    if (mode & S_ISGID)
        out[6] = mode & S_IXGRP ? 's' : 'S';
    if (mode & S_ISVTX)
        out[9] = mode & S_IXOTH ? 't' : 'T';
}

void time_text(time_t when, char out[32])
{
    struct tm tm;
    if (!gmtime_r(&when, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
        strcpy(out, "?");
}

char *link_target(const char *path)
{
    for (size_t size = 128;; size *= 2) {
        char *target = grow(NULL, size);
        ssize_t len = readlink(path, target, size);
        if (len >= 0 && (size_t)len < size) {
            target[len] = 0;
            return target;
        }
        free(target);
        if (len < 0)
            return NULL;
    }
}

ssize_t read_attribute(const char *dir, const char *name, char *out, size_t size)
{
    char *path = join(dir, name);
    int fd = open(path, O_RDONLY);
    free(path);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return -1;
    if (n > 0 && out[n - 1] == '\n')
        n--;
    out[n] = 0;
    return n;
}
