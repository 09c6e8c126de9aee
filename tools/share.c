/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* share - the host's folders and programs as the guest will see them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sheepskin.h"

static struct share *share_new(struct request *req, char *host, char *guest, bool readonly, const char *mode)
{
    if (req->nshares == SHARES)
        fatal(STATUS_USAGE, "more than %d shares, the program's own among them; share a folder above some of them",
              SHARES);
    struct share *s = &req->shares[req->nshares];
    *s = (struct share){.host = host, .guest = guest, .readonly = readonly, .mode = mode};
    snprintf(s->tag, sizeof s->tag, req->nshares ? "host%u" : "host", req->nshares);
    req->nshares++;
    return s;
}

/* The guest's path starts behind the last ":/", so that host paths may hold colons. */
static char *split(char *spec)
{
    for (char *p = spec + strlen(spec); p-- > spec;)
        if (p[0] == ':' && p[1] == '/') {
            *p = 0;
            return p + 1;
        }
    return NULL;
}

/* Makes the one spelling of an absolute path: no double slashes, dots, or slash at the end. */
static void tidy(char *path)
{
    char *out = path;
    for (char *p = path; *p;) {
        size_t n = strcspn(++p, "/");
        if (n == 2 && !memcmp(p, "..", 2)) {
            while (out > path && *--out != '/')
                ;
        } else if (n && !(n == 1 && *p == '.')) {
            *out++ = '/';
            memmove(out, p, n);
            out += n;
        }
        p += n;
    }
    if (out == path)
        *out++ = '/';
    *out = 0;
}

/* What the guest has there itself, and cannot do without. */
static void check_guest(const char *guest)
{
    static const char *const taken[] = {"/dev", "/proc", "/sys", "/prog", NULL};
    for (const char *const *t = taken; *t; t++)
        if (!strcmp(guest, *t))
            fatal(STATUS_USAGE, "%s is taken in the guest; choose another place, such as /host", guest);
}

/* Takes the words behind the guest's path. *mode: those that the guest is told as they are. */
static void cut_words(const char *spec, char *guest, bool *readonly, const char **mode)
{
    static const char *const modes[] = {"sync", "cache=none", "cache=readahead", "cache=loose", NULL};
    *readonly = false;
    *mode = "";
    strsep(&guest, ":");
    for (char *word; (word = strsep(&guest, ":"));) {
        const char *const *m = modes;
        while (*m && strcmp(*m, word))
            m++;
        if (*m)
            *mode = text("%s:%s", *mode, word);
        else if (!strcmp(word, "ro") || !strcmp(word, "rw"))
            *readonly = word[1] == 'o';
        else
            fatal(STATUS_USAGE,
                  "'%s' in -v '%s' is unknown; choose of: ro, rw, sync, cache=none, cache=readahead, cache=loose", word,
                  spec);
    }
}

void share_add(struct request *req, const char *spec)
{
    char *host = text("%s", spec);
    bool readonly;
    const char *mode;
    char *guest = split(host);
    if (!guest || !*host)
        fatal(STATUS_USAGE,
              "-v '%s' is not HOST:GUEST, a folder and where it is to be, which starts with /; try: -v .:/host", spec);
    cut_words(spec, guest, &readonly, &mode);
    tidy(guest);
    check_guest(guest);
    char *real = realpath(host, NULL);
    struct stat st;
    if (!real || stat(real, &st))
        fatal(STATUS_USAGE, "cannot share %s: %s; name a folder that exists", host, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        fatal(STATUS_USAGE, "cannot share %s: it is no folder; share the one that holds it", host);
    if (access(real, R_OK | X_OK))
        fatal(STATUS_USAGE, "cannot share %s: %s; change its mode", host, strerror(errno));
    for (unsigned i = 0; i < req->nshares; i++)
        if (!strcmp(req->shares[i].guest, guest))
            fatal(STATUS_USAGE, "two -v options name %s; give each share a place of its own", guest);
    share_new(req, real, guest, readonly, mode);
}

/* ---- the program ---- */

static char *folder; /* holds the link or copy below, nothing else */
static char *staged;
static pid_t owner;

void share_clean_up(void)
{
    if (getpid() != owner)
        return;
    if (staged)
        unlink(staged);
    rmdir(folder);
}

static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    folder = text("%s/sheepskin-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        fatal(STATUS_USAGE, "cannot make %s: %s; set TMPDIR to a folder that can be written", folder, strerror(errno));
    owner = getpid();
    atexit(share_clean_up);
}

static bool copy(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
    ssize_t n = -1;
    while (in >= 0 && out >= 0 && (n = sendfile(out, in, NULL, 1 << 30)) > 0)
        ;
    int error = errno;
    close(in);
    close(out);
    errno = error;
    return n == 0;
}

/* A folder with nothing but the program: the guest is to see no more of the host than it was given. */
static char *stage(const char *program, const char *name)
{
    make_folder();
    char *to = text("%s/%s", folder, name);
    staged = to;
    if (link(program, to) && !copy(program, to))
        fatal(STATUS_USAGE, "cannot copy %s to %s: %s; set TMPDIR to a folder with room", program, to, strerror(errno));
    return folder;
}

static void check_program(const char *name, const char *real)
{
    struct stat st;
    if (!real || stat(real, &st))
        fatal(errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE,
              "%s: %s; check the path, which is one of the host", name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        fatal(STATUS_NOT_EXECUTABLE, "%s is no regular file; name a static x86-64 ELF file", name);
    if (access(real, R_OK))
        fatal(STATUS_NOT_EXECUTABLE, "%s: %s; make it readable", name, strerror(errno));
    if (access(real, X_OK))
        fatal(STATUS_NOT_EXECUTABLE, "%s is not executable; chmod +x it", name);
}

static const char *inside(const char *path, const struct share *share)
{
    size_t n = strcmp(share->host, "/") ? strlen(share->host) : 0;
    return !strncmp(path, share->host, n) && path[n] == '/' ? path + n + 1 : NULL;
}

static void share_prog(struct request *req, const char *base, char *host, char *origin)
{
    req->exe = text("/prog/%s", base);
    struct share *share = share_new(req, host, text("/prog"), true, "");
    strcpy(share->tag, "prog");
    share->origin = origin;
}

/* One of ours in a machine that is too small for all of them. */
static void share_ours(struct request *req, const char *name)
{
    if (req->dry_run)
        fatal(STATUS_USAGE,
              "below 4M a program of ours comes in a folder that ends with the launcher; give --dry-run 4M");
    make_folder();
    staged = text("%s/%s", folder, name);
    if (initial_extract(name, staged))
        share_prog(req, name, folder, NULL);
}

void share_program(struct request *req)
{
    const char *name = req->argv[0];
    if (!strchr(name, '/')) {
        if (initial_small(req))
            share_ours(req, name);
        return;
    }
    char *real = realpath(name, NULL);
    check_program(name, real);
    for (unsigned i = 0; i < req->nshares; i++) {
        const char *rest = inside(real, &req->shares[i]);
        const char *guest = req->shares[i].guest;
        if (rest) {
            req->exe = text("%s/%s", strcmp(guest, "/") ? guest : "", rest);
            return;
        }
    }
    const char *base = strrchr(name, '/') + 1;
    char *origin = realpath(text("%.*s/.", (int)(base - name), name), NULL);
    char *host = req->dry_run ? origin : stage(real, base);
    share_prog(req, base, host, origin);
}
