/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* life - a program that has files open on a share whose device goes and comes: by its own hand (bind VIRTIO FUNCTION), or the VMM's (plug ROUNDS COLD). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define PORT "/sys/bus/pci/devices/0000:01:00.0"

static const char *name_of(int err)
{
    static const struct {
        int err;
        const char *name;
    } names[] = {{0, "ok"},          {EIO, "EIO"},       {ENODEV, "ENODEV"}, {EBUSY, "EBUSY"},
                 {ENOENT, "ENOENT"}, {EINVAL, "EINVAL"}, {EACCES, "EACCES"}};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].err == err)
            return names[i].name;
    return strerror(err);
}

static void say(const char *what, long result)
{
    printf("%s: %s\n", what, name_of(result < 0 ? errno : 0));
    fflush(stdout);
}

static long put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    if (fd < 0)
        return -1;
    long n = write(fd, text, strlen(text));
    int err = errno;
    close(fd);
    errno = err;
    return n;
}

static long get(const char *path)
{
    char text[100];
    int fd = open(path, O_RDONLY);
    long n = fd < 0 ? -1 : read(fd, text, sizeof text);
    int err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    return n;
}

static unsigned long free_memory(void)
{
    struct sysinfo info;
    sysinfo(&info);
    return info.freeram * info.mem_unit;
}

static long attach(void)
{
    return mount("second", "/tmp/m", "9p", 0, "trans=virtio,version=9p2000.L");
}

/* One round: everything that is open hears it, the rest goes on, and it all comes back under the same names. */
static void round_of(const char *unbind, const char *bind, const char *name, const char *again)
{
    char text[100];
    say("mount", attach());
    int file = open("/tmp/m/g", O_RDWR), folder = open("/tmp/m", O_RDONLY | O_DIRECTORY);
    say("read", pread(file, text, sizeof text, 0));
    say("away", put(unbind, name));
    say("read open", pread(file, text, sizeof text, 0));
    say("write open", pwrite(file, "x", 1, 0));
    say("sync open", fsync(file));
    say("list open", lseek(folder, 0, SEEK_SET) < 0 ? -1 : getdents(folder, (void *)text, sizeof text));
    say("open", get("/tmp/m/g"));
    say("mount there", mount("second", "/tmp/n", "9p", 0, "trans=virtio"));
    say("other share", get("/host/f"));
    say("again", put(bind, again));
    say("read old", pread(file, text, sizeof text, 0));
    say("mount new", mount("second", "/tmp/n", "9p", MS_RDONLY, "trans=virtio"));
    say("read new", get("/tmp/n/g"));
    say("umount busy", umount("/tmp/m"));
    close(file);
    close(folder);
    say("umount", umount("/tmp/m"));
    say("umount twice", umount("/tmp/m"));
    say("umount new", umount("/tmp/n"));
}

/* What is lost goes on being lost, in both halves of the rounds; what is made once and kept is missing in one of them at most. */
static long lost(unsigned long first, unsigned long middle, unsigned long last)
{
    long a = (long)(first - middle), b = (long)(middle - last);
    return a < b ? a : b;
}

static int by_hand(char **argv)
{
    char remove[100];
    snprintf(remove, sizeof remove, "/sys/bus/pci/devices/%s/remove", argv[1]);
    const char *ways[3][4] = {
        {"/sys/bus/virtio/drivers/virtio_9p/unbind", "/sys/bus/virtio/drivers/virtio_9p/bind", argv[0], argv[0]},
        {"/sys/bus/pci/drivers/virtio-pci/unbind", "/sys/bus/pci/drivers/virtio-pci/bind", argv[1], argv[1]},
        {remove, "/sys/bus/pci/rescan", "1", "1"},
    };
    for (int i = 0; i < 3; i++) {
        printf("== %d\n", i);
        round_of(ways[i][0], ways[i][1], ways[i][2], ways[i][3]);
    }
    puts("== errors");
    say("unbind nothing", put(ways[0][0], "virtio7\n"));
    say("unbind another's", put("/sys/bus/virtio/drivers/virtio_rng/unbind", argv[0]));
    say("bind what is bound", put(ways[0][1], argv[0]));
    say("bind to another", put("/sys/bus/virtio/drivers/virtio_rng/bind", argv[0]));
    say("remove maybe", put(remove, "maybe"));
    say("read unbind", get(ways[0][0]));
    say("mount nothing", mount("third", "/tmp/m", "9p", 0, ""));
    say("mount unknown", mount("second", "/tmp/m", "ext4", 0, ""));
    say("mount nowhere", mount("second", "/tmp/nowhere", "9p", 0, ""));
    for (int i = 0; i < 3; i++) {
        enum { FIRST = 29, MIDDLE = 79, ROUNDS = 130 };
        unsigned long before = 0, between = 0;
        int out = dup(1), null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        for (int k = 0; k < ROUNDS; k++) {
            round_of(ways[i][0], ways[i][1], ways[i][2], ways[i][3]);
            before = k == FIRST ? free_memory() : before;
            between = k == MIDDLE ? free_memory() : between;
        }
        dup2(out, 1);
        close(out);
        close(null);
        printf("lost: %ld\n", lost(before, between, free_memory()));
        fflush(stdout);
    }
    return 0;
}

static int there(void)
{
    return access(PORT "/driver", F_OK) == 0;
}

/* Says what it waits for; the VMM does it. */
static int by_vmm(int rounds, int cold)
{
    char text[100];
    unsigned long before = 0, between = 0;
    enum { LOOK_UPS = 20 }; /* among them the one that makes what a client makes once and keeps */
    for (int i = 0; i < LOOK_UPS; i++)
        access("/host/f", F_OK);
    for (int i = 0; i < rounds; i++) {
        if (!cold || i)
            puts("plug");
        fflush(stdout);
        while (!there())
            usleep(1000);
        if (attach() < 0)
            say("mount", -1);
        int fd = open("/tmp/m/g", O_RDONLY), vendor = open(PORT "/vendor", O_RDONLY);
        long n = 0;
        puts("unplug");
        fflush(stdout);
        while ((n = pread(fd, text, sizeof text, 0)) == 7)
            ;
        say("read", n);
        while (access(PORT, F_OK) == 0)
            usleep(1000);
        say("attribute", pread(vendor, text, 5, 0));
        say("open", get("/tmp/m/g"));
        say("other share", get("/host/f"));
        close(fd);
        close(vendor);
        say("umount", umount("/tmp/m"));
        usleep(1000);
        if (i == 4)
            before = free_memory();
        if (i == (rounds + 4) / 2)
            between = free_memory();
    }
    printf("lost: %ld\n", lost(before, between, free_memory()));
    puts("end");
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    mkdir("/tmp/m", 0755);
    mkdir("/tmp/n", 0755);
    return strcmp(argv[1], "bind") == 0 ? by_hand(argv + 2) : by_vmm(atoi(argv[2]), atoi(argv[3]));
}
