/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* wc - counts lines, words and bytes. */
#include <app.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct counts {
    unsigned long long lines, words, bytes;
};

static _Alignas(4096) char buffer[128 * 1024];
static int show_lines, show_words, show_bytes;
static int width = 1;

static void count(const char *bytes, size_t n, struct counts *c, int *in_word)
{
    c->bytes += n;
    for (size_t i = 0; i < n; i++) {
        int space = isspace((unsigned char)bytes[i]) != 0;
        c->lines += bytes[i] == '\n';
        c->words += !space && !*in_word;
        *in_word = !space;
    }
}

static int count_open(int fd, const char *name, struct counts *c)
{
    struct stat st;
    off_t at;
    *c = (struct counts){0};
    /* The bytes of a plain file are known without reading it; a size of 0 may be one that is made while it is read. */
    if (!show_lines && !show_words && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (at = lseek(fd, 0, SEEK_CUR)) >= 0) {
        c->bytes = st.st_size > at ? (unsigned long long)(st.st_size - at) : 0;
        return 0;
    }
    int in_word = 0;
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        count(buffer, (size_t)n, c, &in_word);
    return n < 0 ? warn("%s", name) : 0;
}

static void show(const struct counts *c, const char *name)
{
    const char *gap = "";
    if (show_lines)
        printf("%*llu", width, c->lines), gap = " ";
    if (show_words)
        printf("%s%*llu", gap, width, c->words), gap = " ";
    if (show_bytes)
        printf("%s%*llu", gap, width, c->bytes);
    printf(name ? " %s\n" : "\n", name);
}

/* As wide as the largest count can get, so that columns stand in line: at least 7 when that cannot be known. */
static void set_width(char **names, int n)
{
    unsigned long long total = 0;
    int least = 1;
    if (n <= 1 && show_lines + show_words + show_bytes == 1)
        return;
    for (int i = 0; i < (n ? n : 1); i++) {
        struct stat st;
        int bad = !n || strcmp(names[i], "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(names[i], &st);
        if (!bad && S_ISREG(st.st_mode))
            total += (unsigned long long)st.st_size;
        else if (!bad)
            least = 7;
    }
    for (; total >= 10; total /= 10)
        width++;
    if (width < least)
        width = least;
}

static int count_file(const char *name, struct counts *total)
{
    struct counts c;
    int input = strcmp(name, "-") == 0;
    int fd = input ? STDIN_FILENO : open(name, O_RDONLY);
    if (fd < 0)
        return warn("%s", name);
    int status = count_open(fd, name, &c);
    if (!input)
        close(fd);
    show(&c, name);
    total->lines += c.lines;
    total->words += c.words;
    total->bytes += c.bytes;
    return status;
}

int main(int argc, char **argv)
{
    unsigned given;
    int n = take_options(argv, "lwc", "wc [-lwc] [FILE | -]...", &given), status = 0;
    (void)argc;
    if (n < 0)
        return 1;
    show_lines = !given || given & 1;
    show_words = !given || given & 2;
    show_bytes = !given || given & 4;
    set_width(argv + 1, n);
    struct counts total = {0};
    if (n == 0) {
        status = count_open(STDIN_FILENO, "-", &total);
        show(&total, NULL);
    }
    for (int i = 1; i <= n; i++)
        status |= count_file(argv[i], &total);
    if (n > 1)
        show(&total, "total");
    return finish(status);
}
