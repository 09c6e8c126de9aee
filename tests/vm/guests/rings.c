/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* rings - rings FOLDER: file operations in it, each with what it cost the share's queue: name, requests, kicks, interrupts. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BIG = 5 << 20 };
static char *data;

static void must(int holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    exit(1);
}

static void counters(unsigned long n[3])
{
    FILE *f = fopen("/sys/bus/virtio/devices/virtio0/queues", "r");
    must(f && fscanf(f, "%*u %*u %*u %lu %lu %lu", &n[0], &n[1], &n[2]) == 3, "queues");
    fclose(f);
}

static void do_stat(void)
{
    struct stat st;
    must(stat("poem.txt", &st) == 0, "stat");
}

static void do_small(void)
{
    char text[64];
    int fd = open("poem.txt", O_RDONLY);
    must(read(fd, text, sizeof text) > 0, "read");
    close(fd);
}

static void do_list(void)
{
    unsigned n = 0;
    DIR *d = opendir("many");
    must(d != NULL, "opendir");
    while (readdir(d))
        n++;
    closedir(d);
    must(n == 202, "readdir");
}

static void do_write(void)
{
    int fd = open("written", O_RDWR | O_CREAT | O_TRUNC, 0644);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 7 + i / 251);
    must(write(fd, data, BIG) == BIG, "write");
    close(fd);
}

static void do_read(void)
{
    int fd = open("written", O_RDONLY);
    memset(data, 0, BIG);
    must(read(fd, data, BIG) == BIG, "read");
    close(fd);
    for (size_t i = 0; i < BIG; i++)
        must(data[i] == (char)(i * 7 + i / 251), "what was written");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } deeds[] = {{"stat", do_stat}, {"small", do_small}, {"list", do_list}, {"write", do_write}, {"read", do_read}};
    unsigned long before[3], after[3];
    must(argc == 2 && chdir(argv[1]) == 0 && (data = malloc(BIG)) != NULL, "start");
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        deeds[i].fn();
        counters(before);
        deeds[i].fn();
        counters(after);
        printf("%s %lu %lu %lu\n", deeds[i].name, after[0] - before[0], after[1] - before[1], after[2] - before[2]);
    }
    must(rename("written", "kept") == 0, "rename");
    return 0;
}
