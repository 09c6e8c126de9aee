/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* hello - greets, says who runs it, lists a folder and shows the first text file in it. */
#include <app.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Whether this is a plain file whose beginning has no byte that text does not have. */
static int is_text(const char *path)
{
    struct stat st;
    char head[512];
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return 0;
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i < n; i++)
        if ((unsigned char)head[i] < ' ' && !strchr("\t\n\r\f\033", head[i]))
            return 0;
    return n > 0 && !memchr(head, 0, (size_t)n);
}

static int show_text(const char *path)
{
    static char buffer[64 * 1024];
    printf("\n%s:\n\n", path);
    fflush(stdout);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return warn("%s", path);
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        if (write_all(STDOUT_FILENO, buffer, (size_t)n) < 0)
            return warn("write error");
    close(fd);
    return n < 0 ? warn("%s", path) : 0;
}

static void show_entry(const char *path, const char *name)
{
    struct stat st;
    char mode[11];
    if (lstat(path, &st) < 0) {
        printf("  ?           %14s  %s\n", "", name);
        return;
    }
    mode_text(st.st_mode, mode);
    char *target = S_ISLNK(st.st_mode) ? link_target(path) : NULL;
    printf("  %s  %14lld  %s%s%s\n", mode, (long long)st.st_size, name, target ? " -> " : "", target ? target : "");
    free(target);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : ".";
    struct utsname who;
    size_t n;
    if (uname(&who) == 0)
        printf("Hello! I am a program on newlib; %s %s on %s runs me.\n", who.sysname, who.release, who.machine);
    char **names = list_names(dir, &n);
    if (!names)
        return warn("%s", dir);
    printf("This is in %s:\n\n", dir);
    char *text = NULL;
    for (size_t i = 0; i < n; i++) {
        char *path = join(dir, names[i]);
        if (names[i][0] != '.') {
            show_entry(path, names[i]);
            if (!text && is_text(path)) {
                text = path;
                continue;
            }
        }
        free(path);
    }
    free_names(names, n);
    int status = text ? show_text(text) : 0;
    free(text);
    return finish(status);
}
