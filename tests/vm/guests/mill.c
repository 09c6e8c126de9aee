/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* mill - grinds the file in to out, every byte changed, by pieces of many sizes; makes, renames, removes and lists small files;
 * shows what the share's device agreed on. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = 30 };

static void must(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static void grind(void)
{
    static const size_t pieces[] = {1, 4095, 65536, 17, 1 << 20, 4097, 300000};
    static unsigned char bytes[1 << 20];
    int in = open("in", O_RDONLY), out = open("out", O_RDWR | O_CREAT | O_EXCL, 0644);
    must(in >= 0 && out >= 0, "open");
    ssize_t n;
    for (unsigned i = 0; (n = read(in, bytes, pieces[i++ % 7])) > 0;) {
        for (ssize_t k = 0; k < n; k++)
            bytes[k] ^= 0x5a;
        must(write(out, bytes, n) == n, "write");
    }
    must(n == 0 && fsync(out) == 0, "read or fsync");
    for (off_t at = lseek(in, 0, SEEK_END) - 1; at > 0; at = at * 2 / 3) {
        unsigned char x, y;
        must(pread(in, &x, 1, at) == 1 && pread(out, &y, 1, at) == 1 && x == (y ^ 0x5a), "single bytes");
    }
    close(in);
    close(out);
}

static void small_files(void)
{
    char name[40], other[40], text[40], back[40] = "";
    must(mkdir("small", 0755) == 0, "mkdir");
    for (int i = 0; i < SMALL; i++) {
        sprintf(name, "small/%d", i);
        sprintf(other, "small/renamed-%d", i);
        sprintf(text, "file %d\n", i);
        int fd = open(name, O_RDWR | O_CREAT, 0600);
        must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "create");
        must(pread(fd, back, sizeof back, 0) == (ssize_t)strlen(text) && memcmp(text, back, strlen(text)) == 0,
             "read back");
        close(fd);
        must(i % 3 ? rename(name, other) == 0 : i % 2 ? unlink(name) == 0 : 1, "rename or unlink");
    }
}

static void list(const char *folder)
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);
    must(n >= 0, "scandir");
    for (int i = 0; i < n; i++)
        if (names[i]->d_name[0] != '.')
            printf("name %s\n", names[i]->d_name);
}

/* The lines of the file of that name in the folder of the device that has the share. */
static void show(const char *device, const char *file)
{
    char path[200], line[200];
    snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(device, '/') - device), device, file);
    FILE *f = fopen(path, "r");
    must(f != NULL, path);
    while (fgets(line, sizeof line, f))
        printf("%s %s", file, line);
    fclose(f);
}

int main(void)
{
    glob_t found;
    grind();
    small_files();
    list("small");
    must(glob("/sys/bus/virtio/devices/*/mount_tag", 0, NULL, &found) == 0, "no share");
    show(found.gl_pathv[0], "features");
    show(found.gl_pathv[0], "queues");
    puts("ground");
}
