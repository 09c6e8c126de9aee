/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* library - what a C library offers on files, memory and text; library FOLDER works there. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <getopt.h>
#include <glob.h>
#include <locale.h>
#include <poll.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static void options(void)
{
    char *words[] = {"x", "-a", "--long=5", "rest", "-b", "value", NULL};
    static const struct option longs[] = {{"long", required_argument, NULL, 'l'}, {0}};
    int c;
    while ((c = getopt_long(6, words, "ab:", longs, NULL)) != -1)
        printf("option %c %s\n", c, optarg ? optarg : "-");
    printf("rest %s\n", words[optind]);
}

static void streams(void)
{
    char line[80];
    FILE *f = fopen("stream", "w+");
    for (int i = 0; i < 20000; i++)
        fprintf(f, "%d:%a:%.17g\n", i, i / 3.0, i * 1e-5);
    fseek(f, 100000, SEEK_SET);
    fgets(line, sizeof line, f);
    fgets(line, sizeof line, f);
    printf("at %ld %s", ftell(f), line);
    rewind(f);
    int a;
    double b, c;
    printf("scanned %d", fscanf(f, "%d:%la:%lg", &a, &b, &c));
    printf(" %d %g %g\n", a, b, c);
    fclose(f);
    f = fopen("stream", "a");
    fputs("end\n", f);
    printf("appended at %ld\n", ftell(f));
    fclose(f);
    f = tmpfile();
    printf("temporary %d\n", f && fputs("x", f) >= 0 && fclose(f) == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    printf("visit %s %d %d %lld\n", path, type, ftw->level, S_ISREG(st->st_mode) ? (long long)st->st_size : 0);
    return 0;
}

static void folders(void)
{
    struct dirent **names;
    glob_t g;
    mkdir("folder", 0755);
    for (int i = 0; i < 300; i++) {
        char name[40];
        sprintf(name, "folder/%c%d", i % 3 ? 'a' : 'b', i);
        close(open(name, O_CREAT | O_WRONLY, 0644));
    }
    int n = scandir("folder", &names, NULL, by_name);
    printf("entries %d first %s last %s\n", n, names[0]->d_name, names[n - 1]->d_name);
    DIR *d = opendir("folder");
    long where = 0;
    for (int i = 0; i < 100; i++)
        readdir(d), where = i == 49 ? telldir(d) : where;
    seekdir(d, where);
    n = 0;
    while (readdir(d))
        n++;
    printf("behind the fiftieth %d\n", n);
    closedir(d);
    glob("folder/b*[05]", 0, NULL, &g);
    printf("glob %zu %s\n", g.gl_pathc, g.gl_pathv[0]);
    for (int i = 0; i < 297; i++) {
        char name[40];
        sprintf(name, "folder/%c%d", i % 3 ? 'a' : 'b', i);
        unlink(name);
    }
    symlink("b297", "folder/link");
    nftw(".", visit, 8, FTW_PHYS);
}

static int number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void texts(void)
{
    int v[1000];
    regex_t r;
    regmatch_t m[2];
    srand(1);
    for (int i = 0; i < 1000; i++)
        v[i] = i * 7919 % 1000;
    qsort(v, 1000, sizeof *v, number);
    printf("sorted %d %d\n", v[0], v[999]);
    printf("number %.6f %ld\n", strtod("0x1.8p3x", NULL), strtol("-0777", NULL, 0));
    regcomp(&r, "b([a-z]+)r", REG_EXTENDED);
    printf("match %d %d\n", regexec(&r, "foobarbaz", 2, m, 0), (int)m[1].rm_so);
    printf("pattern %d\n", fnmatch("*.[ch]", "x.c", 0));
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    time_t t = 1700000000;
    char s[80];
    strftime(s, sizeof s, "%Y-%m-%d %H:%M:%S %Z %j %a", localtime(&t));
    printf("time %s\n", s);
    printf("locale %s %s\n", setlocale(LC_ALL, "C"), localeconv()->decimal_point);
    wchar_t w[8];
    printf("wide %zu %x\n", mbstowcs(w, "wool", 8), (unsigned)w[1]);
}

static void memory(void)
{
    int fd = open("stream", O_RDONLY);
    char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    printf("mapped %.5s\n", p);
    int result = mprotect(p, 4096, PROT_READ | PROT_WRITE);
    printf("stays read-only %d %d\n", result, errno);
    char *q = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(q, "grows");
    q = mremap(q, 8192, 64 << 20, MREMAP_MAYMOVE);
    q[(64 << 20) - 1] = 1;
    printf("remapped %s %d\n", q, q[8192]);
    printf("unmapped %d\n", munmap(q, 64 << 20));
    char *big = malloc(1 << 20);
    memset(big, 7, 1 << 20);
    for (int i = 2; i < 20; i++)
        big = realloc(big, i << 20);
    printf("realloc %d %d\n", big[0], big[(1 << 20) - 1]);
    close(fd);
}

static void waiting(void)
{
    int ends[2];
    char c;
    struct timeval none = {0};
    fd_set set;
    pipe(ends);
    struct pollfd p[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 7}};
    int n = poll(p, 3, 0);
    printf("empty %d %x %x %x\n", n, p[0].revents, p[1].revents, p[2].revents);
    write(ends[1], "abc", 3);
    n = poll(p, 3, -1);
    printf("filled %d %x %x\n", n, p[0].revents, p[1].revents);
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    n = select(ends[0] + 1, &set, NULL, NULL, &none);
    printf("select %d %d\n", n, FD_ISSET(ends[0], &set) != 0);
    close(ends[1]);
    while (read(ends[0], &c, 1) == 1)
        putchar(c);
    n = poll(p, 1, 1000);
    printf(" closed %d %x\n", n, p[0].revents);
    close(ends[0]);
    n = poll(p, 1, 0);
    printf("gone %d %x\n", n, p[0].revents);
    int file = open("stream", O_RDONLY);
    p[0] = (struct pollfd){file, POLLIN | POLLOUT, 0};
    n = poll(p, 1, -1);
    printf("file %d %x\n", n, p[0].revents);
    n = poll(NULL, 0, 5);
    printf("nothing %d\n", n);
    n = select(0, NULL, NULL, NULL, &(struct timeval){0, 2000});
    printf("slept %d\n", n);
    close(file);
}

static void identity(void)
{
    struct rusage usage;
    struct rlimit limit = {16, 64};
    int fds[64], n = 0;
    printf("limited %d\n", setrlimit(RLIMIT_NOFILE, &limit));
    while (n < 64 && (fds[n] = open("stream", O_RDONLY)) >= 0)
        n++;
    printf("files %d errno %d\n", n, errno);
    while (n)
        close(fds[--n]);
    printf("usage %d %d\n", getrusage(RUSAGE_SELF, &usage), usage.ru_maxrss > 0);
    int child = wait(NULL);
    printf("child %d errno %d\n", child, errno);
    printf("leader %d\n", getpgid(0) == getpgrp());
    printf("group %d %d\n", setegid(3), getegid());
    printf("user %d %d %d\n", setresuid(5, 6, 7), getuid(), geteuid());
    int back = setuid(0);
    printf("back %d %d\n", back, errno);
    printf("saved %d %d\n", seteuid(7), geteuid());
}

static sigjmp_buf back;
static char other[65536];
static volatile double kept = 1.5;

static void told(int signal)
{
    kept *= 2;
    printf("handler %d %g\n", signal, kept);
}

static void told_more(int signal, siginfo_t *info, void *context)
{
    sigset_t now;
    stack_t stack;
    char here;
    sigprocmask(SIG_BLOCK, NULL, &now);
    sigaltstack(NULL, &stack);
    printf("handler %d code %d self %d blocks %d %d other %d %d context %d\n", info->si_signo, info->si_code,
           info->si_pid == getpid(), sigismember(&now, signal), sigismember(&now, SIGUSR2),
           &here >= other && &here < other + sizeof other, (stack.ss_flags & SS_ONSTACK) != 0, context != NULL);
}

static void jump(int signal)
{
    siglongjmp(back, signal);
}

static void signals(void)
{
    sigset_t set, old;
    struct sigaction a = {.sa_sigaction = told_more, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    signal(SIGUSR1, told);
    printf("raised %d\n", raise(SIGUSR1));
    printf("sent %d\n", kill(getpid(), SIGUSR1));
    sigaltstack(&(stack_t){.ss_sp = other, .ss_size = sizeof other}, NULL);
    sigaddset(&a.sa_mask, SIGUSR2);
    sigaction(SIGHUP, &a, NULL);
    kill(getpid(), SIGHUP);
    raise(SIGHUP);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    raise(SIGHUP);
    sigpending(&set);
    printf("waiting %d %d %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGHUP), sigismember(&set, SIGUSR2));
    sigfillset(&set);
    sigdelset(&set, SIGHUP);
    int result = sigsuspend(&set);
    printf("suspended %d %d\n", result, errno == EINTR);
    sigprocmask(SIG_SETMASK, &old, NULL);
    a = (struct sigaction){.sa_handler = told, .sa_flags = SA_RESETHAND | SA_NODEFER};
    sigaction(SIGTERM, &a, NULL);
    raise(SIGTERM);
    sigaction(SIGTERM, NULL, &a);
    printf("default again %d\n", a.sa_handler == SIG_DFL);
    signal(SIGINT, jump);
    int caught = sigsetjmp(back, 1);
    if (!caught)
        raise(SIGINT);
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("jumped %d %d\n", caught, sigismember(&set, SIGINT));
    signal(SIGTERM, SIG_IGN);
    printf("ignored %d\n", raise(SIGTERM));
    int ends[2];
    signal(SIGPIPE, told);
    pipe(ends);
    close(ends[0]);
    result = write(ends[1], "x", 1);
    printf("broken %d %d\n", result, errno == EPIPE);
    close(ends[1]);
}

static sigjmp_buf out;
static volatile sig_atomic_t caught;
static char *guarded;

static void leap(int number, siginfo_t *info, void *context)
{
    (void)context;
    printf("fault %d code %d at %s\n", number, info->si_code,
           info->si_addr == guarded ? "the page"
           : info->si_addr          ? "elsewhere"
                                    : "0");
    siglongjmp(out, 1);
}

static void unlock(int number, siginfo_t *info, void *context)
{
    (void)context;
    caught += number == SIGSEGV && info->si_code == SEGV_ACCERR && info->si_addr == guarded;
    mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}

static void count(int number)
{
    volatile double spoil = 0;
    for (int i = 1; i < 100; i++)
        spoil += 1.0 / i;
    caught += number == SIGALRM || number == SIGVTALRM || number == SIGPROF;
}

static void on(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(number, &action, NULL);
}

static void faults(void)
{
    guarded = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(guarded + 4096, 4096);
    on(SIGSEGV, leap);
    on(SIGFPE, leap);
    on(SIGILL, leap);
    on(SIGBUS, leap);
    if (!sigsetjmp(out, 1))
        *(volatile char *)guarded = 1;
    if (!sigsetjmp(out, 1))
        *(volatile char *)(guarded + 4096) = 1;
    if (!sigsetjmp(out, 1))
        *(volatile char *)0x8000000000000000 = 1;
    if (!sigsetjmp(out, 1))
        __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" ::: "eax", "ecx", "edx");
    if (!sigsetjmp(out, 1))
        __asm__ volatile("ud2");
    int fd = open("stream", O_RDWR | O_CREAT | O_TRUNC, 0600);
    char *behind = ftruncate(fd, 10) ? NULL : mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
    if (!sigsetjmp(out, 1))
        printf("%d\n", *(volatile char *)(behind + 4096));
    close(fd);
    on(SIGSEGV, unlock);
    *(volatile char *)guarded = 7;
    printf("mended %d %d\n", (int)caught, *guarded);
    signal(SIGSEGV, SIG_DFL);
}

/* The sum is the same whatever comes between, for a handler's frame keeps the registers that it is made in. */
static double compute(void)
{
    double sum = 0;
    for (caught = 0; caught < 3;)
        for (int i = 1; i < 1000; i++)
            sum = sum / 3 + i * 0.5;
    return sum;
}

static void ended(const char *what, int result)
{
    printf("%s %d %d\n", what, result, errno);
}

static void timers(void)
{
    static const int which[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}, numbers[] = {SIGALRM, SIGVTALRM, SIGPROF};
    const struct itimerval off = {0}, often = {{0, 10000}, {0, 10000}};
    struct itimerval now;
    struct timespec day = {86400, 0};
    struct pollfd nothing = {.fd = -1};
    siginfo_t info;
    sigset_t set;
    for (int i = 0; i < 3; i++) {
        signal(numbers[i], count);
        setitimer(which[i], &often, NULL);
        printf("timer %d: %.17g\n", i, compute());
        setitimer(which[i], &off, &now);
        printf("it ran %d\n", now.it_interval.tv_usec == 10000 && timerisset(&now.it_value));
    }
    printf("alarm %u", alarm(1000));
    printf(" %u", alarm(50));
    printf(" %u\n", alarm(0));
    setitimer(ITIMER_REAL, &often, NULL);
    ended("sleep", nanosleep(&day, &day));
    printf("left %d\n", day.tv_sec == 86399);
    ended("pause", pause());
    ended("poll", poll(&nothing, 1, -1));
    ended("select", select(0, NULL, NULL, NULL, NULL));
    setitimer(ITIMER_REAL, &off, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    while (sigtimedwait(&set, &info, &(struct timespec){0, 1000}) > 0)
        ;
    ended("none", sigtimedwait(&set, &info, &(struct timespec){0, 1000}));
    printf("queued %d\n", sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42}));
    printf("got %d", sigwaitinfo(&set, &info));
    printf(" code %d value %d\n", info.si_code, info.si_value.sival_int);
    setitimer(ITIMER_REAL, &often, NULL);
    printf("got %d", sigwaitinfo(&set, &info));
    printf(" code %d\n", info.si_code);
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOFBF, 65536);
    if (chdir(argv[1]))
        return 1;
    options();
    streams();
    folders();
    texts();
    memory();
    waiting();
    faults();
    timers();
    identity();
    signals();
    fflush(stdout);
    abort();
}
