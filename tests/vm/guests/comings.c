/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* comings - has a file of a device open while that goes and comes: by its own hand (hand ROUNDS KIND=FUNCTION...), or the VMM's (plug ROUNDS KIND=FUNCTION...).
 * Or waits until it changed (watch). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { SETTLED = 3 };

struct kind {
    const char *name, *node;
    long (*use)(int fd); /* < 0: it failed */
    char function[32], device[32];
};

static unsigned long free_memory(void)
{
    struct sysinfo info;
    sysinfo(&info);
    return info.freeram * info.mem_unit;
}

static const char *name_of(int err)
{
    return !err            ? "ok"
           : err == EIO    ? "EIO"
           : err == ENODEV ? "ENODEV"
           : err == ENOENT ? "ENOENT"
           : err == ENXIO  ? "ENXIO"
                           : strerror(err);
}

static void say(const char *what, long result)
{
    printf(" %s=%s", what, name_of(result < 0 ? errno : 0));
}

static long put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    long n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int err = errno;
    close(fd);
    errno = err;
    return n;
}

/* ---- what they are for ---- */

static char buffer[4096];

static long use_disk(int fd)
{
    static unsigned char turn;
    memset(buffer, ++turn, 1024);
    if (pwrite(fd, buffer, 1024, 700) != 1024 || fsync(fd) < 0)
        return -1;
    memset(buffer, 0, 1024);
    if (pread(fd, buffer, 1024, 700) != 1024)
        return -1;
    if ((unsigned char)buffer[0] != turn || (unsigned char)buffer[1023] != turn)
        puts(" WRONG BYTES");
    return 0;
}

static long use_rng(int fd)
{
    return read(fd, buffer, 8);
}

static long use_line(int fd)
{
    return write(fd, "baa\n", 4);
}

static long use_share(int fd)
{
    return pread(fd, buffer, 10, 0);
}

/* The host has 24 MiB of the memory as long as there is a balloon. */
static long use_balloon(int fd)
{
    struct sysinfo info;
    (void)fd;
    sysinfo(&info);
    errno = ENODEV;
    return info.freeram < info.totalram - (20ul << 20) ? 0 : -1;
}

static struct kind kinds[] = {
    {.name = "disk", .node = "/dev/vda", .use = use_disk},
    {.name = "rng", .node = "/dev/hwrng", .use = use_rng},
    {.name = "port", .node = "/dev/virtio-ports/org.example.1", .use = use_line},
    {.name = "console", .node = "/dev/hvc0", .use = use_line},
    {.name = "share", .node = "/tmp/m/g", .use = use_share},
    {.name = "balloon", .node = "/dev/null", .use = use_balloon},
};

static struct kind *kind_of(const char *word)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].name);
        if (!strncmp(word, kinds[i].name, n) && word[n] == '=') {
            strcpy(kinds[i].function, word + n + 1);
            return &kinds[i];
        }
    }
    exit(2);
}

/* Opens its file; waits until there is one. */
static int begin(const struct kind *k)
{
    int fd = -1;
    for (int i = 0; i < 20000 && fd < 0; i++) {
        if (k->use == use_share)
            mount("second", "/tmp/m", "9p", 0, "trans=virtio");
        fd = open(k->node, k->use == use_rng ? O_RDONLY : O_RDWR);
        if (fd < 0)
            usleep(1000);
    }
    for (int i = 0; i < 20000 && k->use == use_balloon && use_balloon(0) < 0; i++)
        usleep(1000);
    return fd;
}

static void end(const struct kind *k, int fd)
{
    close(fd);
    if (k->use == use_share && umount("/tmp/m") < 0)
        perror("umount");
}

static int polled(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    poll(&p, 1, 0);
    return p.revents;
}

/* What the program sees of a device that is gone. */
static void see(const struct kind *k, int fd)
{
    say("use", k->use(fd));
    say("read", pread(fd, buffer, 1, 0) < 0 && errno == ESPIPE ? read(fd, buffer, 1) : pread(fd, buffer, 1, 0));
    if (k->use != use_rng)
        say("write", write(fd, buffer, 1));
    printf(" poll=%x", polled(fd));
    say("open", k->use == use_balloon ? 0 : access(k->node, F_OK) < 0 ? -1 : open(k->node, O_RDONLY));
}

/* ---- by hand ---- */

static void find_device(struct kind *k)
{
    char path[128], to[128] = "";
    for (int i = 0; i < 40; i++) {
        snprintf(path, sizeof path, "/sys/bus/virtio/devices/virtio%d", i);
        if (readlink(path, to, sizeof to - 1) > 0 && strstr(to, k->function))
            snprintf(k->device, sizeof k->device, "virtio%d", i);
        memset(to, 0, sizeof to);
    }
}

static void round_of(struct kind *k, int way)
{
    char off[128], on[128];
    const char *what = way == 0 ? k->device : way == 1 ? k->function : "1";
    find_device(k);
    const char *bus = way ? "pci" : "virtio";
    char path[64], to[64] = "/";
    snprintf(path, sizeof path, "/sys/bus/%s/devices/%s/driver", bus, way ? k->function : k->device);
    readlink(path, to, sizeof to - 1);
    snprintf(off, sizeof off, "/sys/bus/%s/drivers/%s/unbind", bus, strrchr(to, '/') + 1);
    snprintf(on, sizeof on, "/sys/bus/%s/drivers/%s/bind", bus, strrchr(to, '/') + 1);
    if (way == 2) {
        snprintf(off, sizeof off, "/sys/bus/pci/devices/%s/remove", k->function);
        strcpy(on, "/sys/bus/pci/rescan");
    }
    int fd = begin(k);
    printf("%s %d:", k->name, way);
    say("before", k->use(fd));
    long away = put(off, what);
    say("away", away);
    if (away < 0)
        exit(1);
    see(k, fd);
    say("again", put(on, what));
    say("old", k->use == use_balloon ? -1 : k->use(fd));
    end(k, fd);
    fd = begin(k);
    say("new", k->use(fd));
    end(k, fd);
    puts("");
}

static void by_hand(int rounds, char **words)
{
    for (; *words; words++)
        for (int way = 0; way < 3; way++) {
            struct kind *k = kind_of(*words);
            round_of(k, way);
            fflush(stdout);
            int out = dup(1), null = open("/dev/null", O_WRONLY);
            unsigned long before = 0;
            dup2(null, 1);
            for (int i = 0; i < rounds; i++) {
                round_of(k, way);
                before = i == SETTLED ? free_memory() : before;
            }
            unsigned long after = free_memory();
            fflush(stdout);
            dup2(out, 1);
            close(out);
            close(null);
            printf("%s %d lost=%ld\n", k->name, way, (long)(before - after));
        }
}

/* ---- by the VMM ---- */

static void by_vmm(int rounds, char **words)
{
    unsigned long before = 0;
    struct kind *k;
    for (int i = 0; i < rounds; i++) {
        for (char **w = words; *w; w++) {
            char path[64];
            k = kind_of(*w);
            snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", k->function);
            printf("plug %s\n", k->name);
            fflush(stdout);
            int fd = begin(k);
            printf("here %s:", k->name);
            say("use", k->use(fd));
            printf("\nunplug %s\n", k->name);
            fflush(stdout);
            long n = 0;
            if (k->use == use_line) /* sleeps until it is gone */
                n = read(fd, buffer, 1);
            else
                while ((n = k->use(fd)) >= 0)
                    ;
            int err = errno;
            while (access(path, F_OK) == 0)
                usleep(1000);
            printf("gone %s:", k->name);
            errno = err;
            say("first", n);
            see(k, fd);
            puts("");
            end(k, fd);
        }
        before = i == 1 ? free_memory() : before;
    }
    printf("lost=%ld\n", (long)(before - free_memory()));
}

/* ---- changes of which no interrupt tells ---- */

static void until(const char *what, int (*true)(void))
{
    printf("await %s\n", what);
    fflush(stdout);
    while (!true())
        usleep(1000);
}

static int is_larger(void)
{
    struct stat st;
    int fd = open("/dev/vda", O_RDONLY);
    long end = lseek(fd, 0, SEEK_END);
    close(fd);
    return fd >= 0 && stat("/dev/vda", &st) == 0 && end == 2 << 20;
}

static int has_port(void)
{
    return access("/dev/virtio-ports/org.example.2", F_OK) == 0;
}

static int has_balloon(void)
{
    return use_balloon(0) == 0;
}

static int is_deflated(void)
{
    return use_balloon(0) < 0;
}

static void watch(void)
{
    until("disk", is_larger);
    until("port", has_port);
    until("balloon", has_balloon);
    until("memory", is_deflated);
}

int main(int argc, char **argv)
{
    (void)argc;
    mkdir("/tmp/m", 0755);
    if (!strcmp(argv[1], "watch"))
        watch();
    else
        (strcmp(argv[1], "hand") ? by_vmm : by_hand)(atoi(argv[2]), argv + 3);
    puts("end");
    return 0;
}
