/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* diff - runs a program on Linux and in the guest, on copies of the same folders, and tells what came out differently. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sheepskin.h"

enum side { HOST, GUEST, SIDES };
static const char *const side_names[SIDES] = {"host", "guest"};
static const char *const stream_names[2] = {"stdout", "stderr"};

struct outcome {
    char *text[2]; /* standard output and errors */
    size_t len[2];
    int status; /* as a shell has it */
};

struct twins {
    struct request req[SIDES]; /* the same, but for the copies that they share */
    char *folder;              /* temporary; holds the copies and what stands beside them on the host */
    char *input;               /* what both are to read */
    size_t input_len;
    time_t since;  /* no time that a run makes is before this */
    bool own_root; /* the host's run has one, in which its folders stand where the guest has them */
};

/* ---- a folder of our own ---- */

static char *work;
static pid_t owner;

static void clean_up(void)
{
    if (getpid() == owner)
        tree_remove(work);
}

static char *make_work(void)
{
    const char *tmp = getenv("TMPDIR");
    work = text("%s/sheepskin-diff-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(work))
        fatal(STATUS_USAGE, "cannot make %s: %s; set TMPDIR to a folder that can be written", work, strerror(errno));
    owner = getpid();
    atexit(clean_up);
    return work;
}

static void copy_shares(struct twins *t)
{
    for (unsigned i = 0; i < t->req[HOST].nshares; i++)
        for (int side = 0; side < SIDES; side++) {
            struct share *s = &t->req[side].shares[i];
            if (s->readonly)
                continue;
            char *copy = tree_folder(t->folder, text("%s/%u", side_names[side], i));
            tree_copy(s->host, copy);
            s->host = copy;
        }
}

/* ---- our own programs, which the host has only within the initial files ---- */

static void unpack_programs(struct twins *t)
{
    const char *name = t->req[HOST].argv[0];
    initial_unpack(tree_folder(t->folder, "initial"));
    if (t->req[HOST].exe)
        return;
    t->req[HOST].exe = text("/bin/%s", name);
    if (access(text("%s/initial/bin/%s", t->folder, name), X_OK))
        fatal(STATUS_NOT_FOUND, "%s: none of our programs; name one of %s, or a path with a / in it", name,
              library("initfs.cpio"));
}

/* ---- the host's side ---- */

/* Where a path of the guest is on the host, outside any root of ours. */
static char *outside(const struct twins *t, const char *path)
{
    const struct request *req = &t->req[HOST];
    for (unsigned i = req->nshares; i-- > 0;) {
        size_t n = strlen(req->shares[i].guest);
        if (!strncmp(path, req->shares[i].guest, n) && (path[n] == '/' || !path[n]))
            return text("%s%s", req->shares[i].host, path + n);
    }
    return text("%s/initial%s", t->folder, path);
}

_Noreturn static void run_on_host(const struct twins *t)
{
    const struct request *req = &t->req[HOST];
    char *env[VARIABLES + 1] = {NULL};
    char *program = outside(t, req->exe);
    memcpy(env, req->variables, req->nvariables * sizeof *env);
    umask(022);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    if (t->own_root ? !root_enter(req, t->folder) : chdir(outside(t, req->cwd)))
        fatal(STATUS_USAGE, "cannot enter %s: %s", req->cwd, strerror(errno));
    execve(t->own_root ? req->exe : program, req->argv, env);
    fatal(STATUS_NOT_EXECUTABLE, "%s: %s; name a static x86-64 ELF file", req->argv[0], strerror(errno));
}

/* ---- one run ---- */

struct run {
    pid_t pid;
    int out[2], in, signals; /* our ends; -1: closed */
    size_t fed;
    FILE *text[2];
};

static void make_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC))
        fatal(STATUS_USAGE, "cannot make a pipe: %s", strerror(errno));
}

static void start(struct run *r, const struct twins *t, enum side side)
{
    int in[2], out[2], err[2];
    sigset_t ours;
    make_pipe(in);
    make_pipe(out);
    make_pipe(err);
    sigemptyset(&ours);
    for (const int *sig = (const int[]){SIGINT, SIGTERM, SIGHUP, 0}; *sig; sig++)
        sigaddset(&ours, *sig);
    sigprocmask(SIG_BLOCK, &ours, NULL);
    fflush(stdout);
    r->pid = fork();
    if (r->pid == 0) {
        prctl(PR_SET_PDEATHSIG, side == HOST ? SIGKILL : SIGTERM);
        dup2(t->input ? in[0] : open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
        close(in[1]); /* or the end of the input would never come */
        dup2(out[1], 1);
        dup2(err[1], 2);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &ours, NULL);
        if (side == HOST)
            run_on_host(t);
        exit(session_run(&t->req[GUEST]));
    }
    if (r->pid < 0)
        fatal(STATUS_USAGE, "cannot start a process: %s", strerror(errno));
    close(in[0]);
    close(out[1]);
    close(err[1]);
    r->out[0] = out[0];
    r->out[1] = err[0];
    r->in = in[1];
    r->signals = signalfd(-1, &ours, SFD_CLOEXEC);
}

_Noreturn static void give_up(const struct run *r, enum side side, int status, const char *why)
{
    kill(r->pid, side == HOST ? SIGKILL : SIGTERM);
    waitpid(r->pid, NULL, 0);
    fatal(status, "%s while the program ran %s", why, side == HOST ? "on the host" : "in the guest");
}

static void feed(struct run *r, const struct twins *t)
{
    ssize_t n = write(r->in, t->input + r->fed, MIN(t->input_len - r->fed, PIPE_BUF));
    r->fed += n > 0 ? (size_t)n : 0;
    if (n < 0 || r->fed == t->input_len) {
        close(r->in);
        r->in = -1;
    }
}

static void drain(struct run *r, int i)
{
    char bytes[65536];
    ssize_t n = read(r->out[i], bytes, sizeof bytes);
    if (n > 0) {
        fwrite(bytes, 1, (size_t)n, r->text[i]);
        return;
    }
    close(r->out[i]);
    r->out[i] = -1;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void relay(struct run *r, const struct twins *t, enum side side)
{
    double limit = t->req[HOST].timeout, end = now() + limit;
    if (!t->input_len)
        close(r->in), r->in = -1;
    while (r->out[0] >= 0 || r->out[1] >= 0) {
        struct pollfd p[] = {
            {r->out[0], POLLIN, 0}, {r->out[1], POLLIN, 0}, {r->in, POLLOUT, 0}, {r->signals, POLLIN, 0}};
        double left = (end - now()) * 1000 + 1;
        poll(p, 4, !limit ? -1 : left < 0 ? 0 : left > 1e6 ? 1000000 : (int)left);
        for (int i = 0; i < 2; i++)
            if (p[i].revents)
                drain(r, i);
        if (p[2].revents)
            feed(r, t);
        if (p[3].revents)
            give_up(r, side, 128 + SIGINT, "interrupted");
        if (limit && now() >= end)
            give_up(r, side, STATUS_TIMEOUT, text("time-out: not done after %g s", limit));
    }
}

static void run(const struct twins *t, enum side side, struct outcome *o)
{
    struct run r = {0};
    for (int i = 0; i < 2; i++)
        r.text[i] = open_memstream(&o->text[i], &o->len[i]);
    start(&r, t, side);
    relay(&r, t, side);
    int how = 0;
    waitpid(r.pid, &how, 0);
    o->status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
    for (int i = 0; i < 2; i++)
        fclose(r.text[i]);
    if (r.in >= 0)
        close(r.in);
    close(r.signals);
}

static const char mark[] = "sheepskin: "; /* begins the launcher's lines, and those of the guest's kernel */

/* The launcher's own statuses come with a line of its own as the last word. */
static void check_ran(const struct outcome *o)
{
    bool own = o->status >= STATUS_NO_WORD || (o->status >= STATUS_TIMEOUT && o->status <= STATUS_NOT_FOUND);
    const char *last = o->text[1] + o->len[1];
    while (last > o->text[1] + 1 && last[-2] != '\n')
        last--;
    last -= last > o->text[1];
    if (!own || strncmp(last, mark, strlen(mark)))
        return;
    fwrite(o->text[1], 1, o->len[1], stderr);
    exit(STATUS_USAGE);
}

/* ---- what differs ---- */

/* The guest's kernel has its word on the program's standard error, Linux has not. */
static bool is_remark(const char *line, const char *end)
{
    return (size_t)(end - line) > strlen(mark) && !memcmp(line, mark, strlen(mark));
}

/* Takes out the lines that --ignore names, and the kernel's remarks, which are returned. */
static char *ignore(const struct request *req, struct outcome *o, int stream)
{
    char *remarks = text("%s", "");
    char *to = o->text[stream], *end = to + o->len[stream];
    for (char *line = to, *next; line < end; line = next) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        next = newline ? newline + 1 : end;
        regmatch_t m = {.rm_so = 0, .rm_eo = (newline ? newline : end) - line};
        bool found = stream && is_remark(line, next);
        if (found)
            remarks = text("%s%.*s", remarks, (int)(next - line), line);
        for (unsigned i = 0; i < req->nignored; i++)
            found = found || !regexec(&req->ignored[i], line, 1, &(regmatch_t){m.rm_so, m.rm_eo}, REG_STARTEND);
        if (!found) {
            memmove(to, line, (size_t)(next - line));
            to += next - line;
        }
    }
    o->len[stream] = (size_t)(to - o->text[stream]);
    return remarks;
}

/* From the start of the line on, if that is near. */
static const char *excerpt(const struct outcome *o, int stream, size_t at)
{
    size_t from = at;
    while (from > 0 && at - from < 40 && o->text[stream][from - 1] != '\n')
        from--;
    return at < o->len[stream] ? shown(o->text[stream] + from, o->len[stream] - from) : "the end";
}

static unsigned compare_stream(const struct outcome o[SIDES], int stream)
{
    size_t at = 0, n = MIN(o[HOST].len[stream], o[GUEST].len[stream]);
    while (at < n && o[HOST].text[stream][at] == o[GUEST].text[stream][at])
        at++;
    if (at == n && o[HOST].len[stream] == o[GUEST].len[stream])
        return 0;
    printf("%s differs at byte %zu: host %s, guest %s\n", stream_names[stream], at, excerpt(&o[HOST], stream, at),
           excerpt(&o[GUEST], stream, at));
    return 1;
}

static unsigned compare(const struct twins *t, struct outcome o[SIDES])
{
    const struct request *req = t->req;
    const char *remarks = "";
    unsigned n = 0;
    for (int stream = 0; stream < 2; stream++) {
        ignore(req, &o[HOST], stream);
        remarks = ignore(req, &o[GUEST], stream);
        n += compare_stream(o, stream);
    }
    if (o[HOST].status != o[GUEST].status)
        n += printf("status: host %d, guest %d\n", o[HOST].status, o[GUEST].status) > 0;
    for (unsigned i = 0; i < req->nshares; i++)
        if (!req->shares[i].readonly)
            n += tree_compare(t->req[HOST].shares[i].host, t->req[GUEST].shares[i].host, t->since);
    if (n)
        fputs(remarks, stderr);
    if (n && !t->own_root)
        say("no mount namespace is granted here, so the program was not kept to its folders on the host; use relative "
            "paths");
    return n;
}

/* ---- all of it ---- */

/* Read to its end: both runs are to have the same. A terminal or /dev/null is none. */
static void read_input(struct twins *t)
{
    struct stat st;
    char bytes[65536];
    if (fstat(0, &st) || S_ISCHR(st.st_mode))
        return;
    FILE *f = open_memstream(&t->input, &t->input_len);
    for (ssize_t n; (n = read(0, bytes, sizeof bytes)) > 0;)
        fwrite(bytes, 1, (size_t)n, f);
    fclose(f);
}

static void share_something(struct request *req, const char *folder)
{
    if (!req->nshares)
        share_add(req, text("%s:/host", tree_folder(folder, "empty")));
    for (unsigned i = 0; i < req->nshares; i++)
        if (!strcmp(req->shares[i].guest, "/"))
            fatal(STATUS_USAGE, "diff cannot show a folder at /; choose another place, such as /host");
    req->cwd = req->shares[0].guest;
}

/* Without a root of its own the host's run has its folders where its copies are: then the guest's has its own there too. */
static void meet_there(struct twins *t)
{
    struct request *guest = &t->req[GUEST];
    if (guest->exe && strncmp(guest->exe, "/prog/", 6))
        guest->exe = outside(t, guest->exe);
    for (unsigned i = 0; i < guest->nshares; i++)
        if (strcmp(guest->shares[i].guest, "/prog"))
            guest->shares[i].guest = t->req[HOST].shares[i].host;
    guest->cwd = guest->shares[0].guest;
}

int diff_run(struct request *req)
{
    static struct twins t;
    static struct outcome o[SIDES];
    signal(SIGPIPE, SIG_IGN);
    t.folder = make_work();
    share_something(req, t.folder);
    share_program(req);
    t.req[HOST] = t.req[GUEST] = *req;
    t.req[GUEST].timeout = 0; /* the host's is kept for both */
    tree_folder(t.folder, "root");
    unpack_programs(&t);
    copy_shares(&t);
    t.own_root = root_granted(t.folder);
    if (!t.own_root)
        meet_there(&t);
    read_input(&t);
    struct timespec start;
    clock_gettime(CLOCK_REALTIME_COARSE, &start);
    t.since = start.tv_sec;
    for (int side = SIDES; side-- > 0;) {
        run(&t, side, &o[side]);
        check_ran(&o[side]);
    }
    return compare(&t, o) != 0;
}
