/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* hear - reads a file on end, and in the middle of it does something by which a program may hear of the world outside, or nothing of the kind. Tells how many
 * messages that took, at least: whoever heard something cannot be given what was read ahead before. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char bytes[4096];
static int disk, console, kept;

static long messages(void)
{
    char text[32] = "";
    int fd = open("/sys/fs/9p/host/messages", O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    return atol(text);
}

/* ---- by which nothing is heard ---- */

static void nothing(void)
{
}

static void an_own_number(void)
{
    syscall(SYS_getpid);
}

static void a_line_written(void)
{
    dprintf(2, ".\n");
}

static void an_own_file(void)
{
    pread(kept, bytes, 100, 0);
    pwrite(kept, bytes, 100, 0);
    lseek(kept, 0, SEEK_END);
}

static void a_place(void)
{
    lseek(console, 0, SEEK_CUR);
}

static void a_pipe_of_its_own(void)
{
    int ends[2];
    pipe(ends);
    write(ends[1], "x", 1);
    read(ends[0], bytes, 1);
    close(ends[0]);
    close(ends[1]);
}

static void a_clock_at_once(void)
{
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
}

/* ---- by which something may be ---- */

static void on_alarm(int signal)
{
    (void)signal;
}

static void sleeping(void)
{
    nanosleep(&(struct timespec){0, 1000}, NULL);
}

static void poll_for_a_while(void)
{
    poll(NULL, 0, 1);
}

static void select_for_a_while(void)
{
    select(0, NULL, NULL, NULL, &(struct timeval){0, 1000});
}

static void a_signal(void)
{
    sigset_t alarm, none;
    sigemptyset(&none);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 1000}}, NULL);
    sigsuspend(&none);
    sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

static void a_signal_by_itself(void)
{
    kill(getpid(), SIGALRM);
}

static void waiting_for_a_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigtimedwait(&set, NULL, &(struct timespec){0, 1000});
}

static void signals_that_wait(void)
{
    sigset_t set;
    sigpending(&set);
}

static void poll_the_console(void)
{
    poll(&(struct pollfd){.fd = console, .events = POLLIN}, 1, 0);
}

static void bytes_that_wait(void)
{
    int n;
    ioctl(console, FIONREAD, &n);
}

static void a_window_size(void)
{
    struct winsize size;
    ioctl(console, TIOCGWINSZ, &size);
}

static void a_disk(void)
{
    pread(disk, bytes, 512, 0);
}

static void a_disk_size(void)
{
    unsigned long size;
    ioctl(disk, 0x80081272, &size);
}

static void a_disk_end(void)
{
    lseek(disk, 0, SEEK_END);
}

static void a_disk_by_name(void)
{
    struct stat st;
    stat("/dev/vda", &st);
}

static void whether_a_device_is_there(void)
{
    access("/dev/vdb", F_OK);
}

static void list(const char *path)
{
    DIR *dir = opendir(path);
    while (readdir(dir))
        ;
    closedir(dir);
}

static void devices(void)
{
    list("/dev");
}

static void devices_by_number(void)
{
    list("/sys/bus/virtio/devices");
}

static void a_link(void)
{
    readlink("/sys/bus/virtio/devices/virtio0", bytes, sizeof bytes);
}

static void read_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    read(fd, bytes, sizeof bytes);
    close(fd);
}

static void up_time(void)
{
    read_file("/proc/uptime");
}

static void interrupts(void)
{
    read_file("/proc/stat");
}

static void free_memory(void)
{
    struct sysinfo info;
    sysinfo(&info);
}

static void spin(void)
{
    for (unsigned long begin = __builtin_ia32_rdtsc(); __builtin_ia32_rdtsc() - begin < 1 << 24;)
        ;
}

static void a_clock_later(void)
{
    spin();
    a_clock_at_once();
}

static void seconds_later(void)
{
    spin();
    syscall(SYS_time, NULL);
}

static void microseconds_later(void)
{
    struct timeval t;
    spin();
    syscall(SYS_gettimeofday, &t, NULL);
}

static void own_time_later(void)
{
    struct rusage usage;
    spin();
    getrusage(RUSAGE_SELF, &usage);
}

static void a_timer_later(void)
{
    struct itimerval left;
    spin();
    getitimer(ITIMER_REAL, &left);
}

static void a_new_file_later(void)
{
    struct stat st;
    spin();
    pwrite(kept, bytes, 1, 0);
    fstat(kept, &st);
}

#define WAY(name, hears)                                                                                               \
    {                                                                                                                  \
#name, name, hears                                                                                             \
    }
static const struct {
    const char *name;
    void (*run)(void);
    int hears;
} ways[] = {WAY(nothing, 0),
            WAY(an_own_number, 0),
            WAY(a_line_written, 0),
            WAY(an_own_file, 0),
            WAY(a_place, 0),
            WAY(a_pipe_of_its_own, 0),
            WAY(a_clock_at_once, 0),
            WAY(sleeping, 1),
            WAY(poll_for_a_while, 1),
            WAY(select_for_a_while, 1),
            WAY(a_signal, 1),
            WAY(a_signal_by_itself, 1),
            WAY(waiting_for_a_signal, 1),
            WAY(signals_that_wait, 1),
            WAY(poll_the_console, 1),
            WAY(bytes_that_wait, 1),
            WAY(a_window_size, 1),
            WAY(a_disk, 1),
            WAY(a_disk_size, 1),
            WAY(a_disk_end, 1),
            WAY(a_disk_by_name, 1),
            WAY(whether_a_device_is_there, 1),
            WAY(devices, 1),
            WAY(devices_by_number, 1),
            WAY(a_link, 1),
            WAY(up_time, 1),
            WAY(interrupts, 1),
            WAY(free_memory, 1),
            WAY(a_clock_later, 1),
            WAY(seconds_later, 1),
            WAY(microseconds_later, 1),
            WAY(own_time_later, 1),
            WAY(a_timer_later, 1),
            WAY(a_new_file_later, 1)};

static long cost(const char *path, void (*way)(void))
{
    long before = messages();
    int fd = open(path, O_RDONLY);
    for (int i = 0; i < 8; i++)
        read(fd, bytes, sizeof bytes);
    way();
    for (int i = 0; i < 4; i++)
        read(fd, bytes, sizeof bytes);
    close(fd);
    return messages() - before;
}

int main(int argc, char **argv)
{
    signal(SIGALRM, on_alarm);
    disk = open("/dev/vda", O_RDONLY);
    console = open("/dev/console", O_RDWR);
    kept = open("/tmp/kept", O_RDWR | O_CREAT, 0644);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        long least = 1000;
        for (int tries = 0; tries < 8; tries++) {
            long n = cost(argv[1], ways[i].run);
            least = n < least ? n : least;
        }
        printf("%s %d %ld\n", ways[i].name, ways[i].hears, least);
    }
    return argc != 2 || disk < 0 || console < 0 || kept < 0;
}
