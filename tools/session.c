/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* session - one run of a machine: its channels relayed, its last word turned into a status. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sheepskin.h"

enum { DLE = 0x10, DLE_EOF = 0x04, DLE_SET = 0x06, DLE_LINE = 0x17, BLOCK = 65536, NOISE = 16384, GRACE_MS = 2000 };

struct session {
    const struct request *req;
    pid_t qemu;
    int out[CHANNELS], noise; /* read ends; -1: closed. noise: QEMU's own stderr */
    int serial, signals;
    bool input_open, alive, running, terminal;
    int status; /* the guest's last word; -1: none yet */
    double end; /* no later than this, and why: */
    enum { WAIT_BOOT, WAIT_PROGRAM, WAIT_QEMU } waiting;
    double limit; /* of the whole run; 0: none */
    char line[256];
    size_t line_len;
    char noise_text[NOISE];
    size_t noise_len;
    unsigned char input[2 * BLOCK + 64]; /* escaped, on its way to the guest */
    size_t input_at, input_len;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double boot_timeout(void)
{
    const char *s = getenv("SHEEPSKIN_BOOT_TIMEOUT");
    double t = s ? atof(s) : 0;
    return t > 0 ? t : 20;
}

/* ---- QEMU's start ---- */

static void make_pipe(int *ours, int *theirs)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC))
        fatal(STATUS_USAGE, "cannot make a pipe: %s", strerror(errno));
    *ours = fds[0];
    *theirs = fds[1];
}

static bool has_input(void)
{
    struct stat st;
    return !fstat(0, &st) && (fcntl(0, F_GETFL) & O_ACCMODE) != O_WRONLY &&
           !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static void wire(struct session *s, struct wiring *w)
{
    *w = (struct wiring){.in = -1};
    s->serial = -1;
    for (int i = 0; i < CHANNELS; i++)
        make_pipe(&s->out[i], &w->out[i]);
    if (!has_input())
        return;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        fatal(STATUS_USAGE, "cannot make a socket: %s", strerror(errno));
    s->serial = pair[0];
    w->in = pair[1];
    s->input_open = true;
    s->terminal = terminal_open(w);
}

_Noreturn static void become_qemu(char **words, const struct wiring *w, int noise, int report, pid_t launcher,
                                  const sigset_t *mask)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher)
        _exit(STATUS_USAGE);
    for (int i = 0; i < CHANNELS; i++)
        fcntl(w->out[i], F_SETFD, 0);
    if (w->in >= 0)
        fcntl(w->in, F_SETFD, 0);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(noise, 2);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGTTIN, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(words[0], words);
    int error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(STATUS_NOT_FOUND);
    _exit(STATUS_USAGE);
}

static void start(struct session *s)
{
    struct wiring w;
    wire(s, &w);
    char **words = machine_words(s->req, &w);
    int noise, report, told;
    make_pipe(&s->noise, &noise);
    make_pipe(&report, &told);
    sigset_t ours, before;
    sigemptyset(&ours);
    for (const int *sig = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGCHLD, 0}; *sig; sig++)
        sigaddset(&ours, *sig);
    sigprocmask(SIG_BLOCK, &ours, &before);
    s->signals = signalfd(-1, &ours, SFD_CLOEXEC);
    pid_t launcher = getpid();
    s->qemu = fork();
    if (s->qemu == 0)
        become_qemu(words, &w, noise, told, launcher, &before);
    close(noise);
    close(told);
    for (int i = 0; i < CHANNELS; i++)
        close(w.out[i]);
    if (w.in >= 0)
        close(w.in);
    int error = errno;
    if (s->qemu < 0 || read(report, &error, sizeof error) > 0)
        fatal(STATUS_USAGE, "cannot run %s: %s; install the package qemu-system-x86, or name another with --qemu",
              words[0], strerror(error));
    close(report);
}

/* ---- its end ---- */

static int reap(struct session *s)
{
    int status = 0;
    while (waitpid(s->qemu, &status, 0) < 0 && errno == EINTR)
        ;
    s->qemu = 0;
    return status;
}

static void kill_qemu(struct session *s)
{
    if (s->qemu > 0) {
        kill(s->qemu, SIGKILL);
        reap(s);
    }
}

/* Ends as the signal would have ended us, but with nothing left behind. */
_Noreturn static void die_of(struct session *s, int sig)
{
    kill_qemu(s);
    share_clean_up();
    terminal_restore();
    signal(sig, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, sig);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(sig);
    _exit(128 + sig);
}

static void show_noise(const struct session *s)
{
    for (size_t at = 0; at < s->noise_len;) {
        ssize_t n = write(2, s->noise_text + at, s->noise_len - at);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void show_line(const struct session *s)
{
    say("this line runs the same by hand:");
    fputs("  ", stderr);
    machine_print(s->req, stderr);
}

/* ---- standard input: escaped, because the serial line has no end of file ---- */

/* Behind what waits already; there is room for one read's worth and some words. */
static void put_input(struct session *s, const unsigned char *bytes, size_t n)
{
    if (s->input_at)
        memmove(s->input, s->input + s->input_at, s->input_len -= s->input_at);
    s->input_at = 0;
    if (n <= sizeof s->input - s->input_len) {
        memcpy(s->input + s->input_len, bytes, n);
        s->input_len += n;
    }
}

/* A terminal gives a line at a time, which stays one; none at all is its end of file, behind which it may go on. */
static void read_input(struct session *s, bool hung_up)
{
    static const unsigned char end[] = {DLE, DLE_EOF}, line[] = {DLE, DLE_LINE}, dle[] = {DLE};
    unsigned char bytes[BLOCK - 1];
    ssize_t n = read(0, bytes, sizeof bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == DLE)
            put_input(s, dle, 1);
        put_input(s, bytes + i, 1);
    }
    if (s->terminal && n >= 0 && !hung_up) {
        put_input(s, line, sizeof line);
    } else if (n <= 0) {
        put_input(s, end, sizeof end);
        s->input_open = false;
    }
}

/* ---- channels ---- */

/* Half an output with a status of 0 would pass for the whole. */
_Noreturn static void lose_output(struct session *s, int fd)
{
    int error = errno;
    kill_qemu(s);
    fatal(STATUS_USAGE, "cannot write the program's %s: %s; send it to another place", fd == 1 ? "output" : "errors",
          strerror(error));
}

static void write_all(struct session *s, int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EPIPE)
            die_of(s, SIGPIPE);
        if (done < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        else if (done < 0 && errno != EINTR)
            lose_output(s, fd);
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

static void drain(struct session *s, int *fd, enum channel channel);

/* What the program wrote before it asked for other settings goes out under the old ones; then the guest is told that they hold. */
static void set_terminal(struct session *s, const char *settings)
{
    static const unsigned char done[] = {DLE, DLE_SET};
    for (int i = CHANNEL_OUT; i <= CHANNEL_ERR; i++)
        if (s->out[i] >= 0 && poll(&(struct pollfd){.fd = s->out[i], .events = POLLIN}, 1, 0) > 0)
            drain(s, &s->out[i], (enum channel)i); /* once is all that a pipe holds; some guest may never stop */
    terminal_set(settings);
    put_input(s, done, sizeof done);
}

static void take_word(struct session *s, const char *word)
{
    int status;
    if (!strcmp(word, "sheepskin 1") && !s->alive) {
        s->alive = true;
        s->end = now() + boot_timeout();
    } else if (!strcmp(word, "run") && !s->running) {
        s->running = true;
        s->waiting = WAIT_PROGRAM;
        s->end = 0;
    } else if (!strncmp(word, "tty ", 4) && s->terminal) {
        set_terminal(s, word + 4);
    } else if (!strcmp(word, "panic")) {
        say("the guest's kernel panicked; the lines above tell where");
        s->status = STATUS_PANIC;
    } else if (sscanf(word, "exit %d", &status) == 1 || sscanf(word, "fail %d", &status) == 1) {
        s->status = status & 255;
    }
    if (s->status >= 0 && s->waiting != WAIT_QEMU) {
        s->waiting = WAIT_QEMU;
        s->end = now() + GRACE_MS / 1000.0;
    }
}

static void take_control(struct session *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            s->line[s->line_len] = 0;
            s->line_len = 0;
            take_word(s, s->line);
        } else if (s->line_len < sizeof s->line - 1) {
            s->line[s->line_len++] = bytes[i];
        }
    }
}

static void take_noise(struct session *s, const char *bytes, size_t n)
{
    size_t room = sizeof s->noise_text - s->noise_len;
    n = n < room ? n : room;
    memcpy(s->noise_text + s->noise_len, bytes, n);
    s->noise_len += n;
    if (!memmem(s->noise_text, s->noise_len, "KVM internal error", strlen("KVM internal error")) ||
        s->waiting == WAIT_QEMU)
        return;
    kill_qemu(s); /* it would wait for ever */
    show_noise(s);
    fatal(STATUS_NO_WORD, "KVM cannot go on with the guest; use --accel tcg");
}

static void drain(struct session *s, int *fd, enum channel channel)
{
    static char bytes[BLOCK];
    ssize_t n = read(*fd, bytes, sizeof bytes);
    if (n <= 0) {
        if (n == 0 || errno != EINTR) {
            close(*fd);
            *fd = -1;
        }
    } else if (channel == CHANNEL_CTL) {
        take_control(s, bytes, (size_t)n);
    } else if (channel == CHANNELS) {
        take_noise(s, bytes, (size_t)n);
    } else {
        write_all(s, channel == CHANNEL_OUT ? 1 : 2, bytes, (size_t)n);
    }
}

static void send_input(struct session *s)
{
    ssize_t n = send(s->serial, s->input + s->input_at, s->input_len - s->input_at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        s->input_at += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR)
        s->input_open = false, s->input_at = s->input_len;
}

/* What is written to the serial line (firmware does so under EFI) is nobody's output. */
static void drop_serial(struct session *s)
{
    char bytes[4096];
    ssize_t n = recv(s->serial, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        close(s->serial);
        s->serial = -1;
        s->input_open = false;
        s->input_at = s->input_len = 0;
    }
}

/* ---- the loop ---- */

static void expire(struct session *s)
{
    double t = now();
    if (s->limit && t >= s->limit && s->waiting != WAIT_QEMU) {
        kill_qemu(s);
        show_noise(s);
        fatal(STATUS_TIMEOUT, "time-out: not done after %g s; raise --timeout", s->req->timeout);
    }
    if (!s->end || t < s->end)
        return;
    if (s->waiting == WAIT_QEMU) {
        kill(s->qemu, SIGKILL);
        s->end = 0;
        return;
    }
    kill_qemu(s);
    show_noise(s);
    say(s->alive ? "the guest began to boot, but had no program running after %g s"
                 : "no sign of life from the guest in %g s",
        boot_timeout());
    show_line(s);
    exit(STATUS_NO_WORD);
}

static int wait_ms(const struct session *s)
{
    double end = s->end;
    if (s->limit && s->waiting != WAIT_QEMU && (!end || s->limit < end))
        end = s->limit;
    double ms = (end - now()) * 1000 + 1;
    return !end ? -1 : ms < 0 ? 0 : ms > 1e6 ? 1000000 : (int)ms;
}

static void take_signal(struct session *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
        die_of(s, (int)info.ssi_signo);
}

static bool open_channels(const struct session *s)
{
    return s->out[0] >= 0 || s->out[1] >= 0 || s->out[2] >= 0 || s->noise >= 0;
}

static void relay(struct session *s)
{
    enum { P_SIGNALS = CHANNELS + 1, P_SERIAL, P_INPUT, P_COUNT };
    bool pending = s->input_at < s->input_len;
    struct pollfd p[P_COUNT] = {
        [P_SIGNALS] = {s->signals, POLLIN, 0},
        [P_SERIAL] = {s->serial, (short)(POLLIN | (pending ? POLLOUT : 0)), 0},
        [P_INPUT] = {s->running && s->input_open && !pending ? 0 : -1, POLLIN, 0},
    };
    int *fds[CHANNELS + 1] = {&s->out[0], &s->out[1], &s->out[2], &s->noise};
    for (int i = 0; i <= CHANNELS; i++)
        p[i] = (struct pollfd){*fds[i], POLLIN, 0};
    if (poll(p, P_COUNT, wait_ms(s)) > 0) {
        for (int i = 0; i <= CHANNELS; i++)
            if (p[i].revents)
                drain(s, fds[i], (enum channel)i);
        if (p[P_SIGNALS].revents)
            take_signal(s);
        if (p[P_INPUT].revents)
            read_input(s, p[P_INPUT].revents & POLLHUP);
        if (p[P_SERIAL].revents & POLLOUT)
            send_input(s);
        if (p[P_SERIAL].revents & ~POLLOUT)
            drop_serial(s);
    }
    expire(s);
}

int session_run(const struct request *req)
{
    static struct session s;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTIN, SIG_IGN);
    s.req = req;
    s.status = -1;
    s.limit = req->timeout ? now() + req->timeout : 0;
    s.end = now() + boot_timeout();
    start(&s);
    while (open_channels(&s))
        relay(&s);
    int how = reap(&s);
    if (s.status >= 0)
        return s.status;
    show_noise(&s);
    bool failed = !s.alive && (WIFSIGNALED(how) || WEXITSTATUS(how));
    if (failed)
        fatal(STATUS_USAGE, "%s could not start the machine; %s", req->qemu,
              s.noise_len ? "its message is above" : "it said nothing");
    say(s.alive ? "the guest ended with no word" : "the guest ended before it gave a sign of life");
    show_line(&s);
    return STATUS_NO_WORD;
}
