/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tree - folders of the host: copied with all that they are, compared with all that a program can have done to them, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "sheepskin.h"

void tree_copy(const char *from, const char *to)
{
    int how = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("cp", "cp", "-a", "--", text("%s/.", from), to, (char *)NULL);
        _exit(STATUS_NOT_FOUND);
    }
    while (pid > 0 && waitpid(pid, &how, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || how)
        fatal(STATUS_USAGE,
              "cannot copy all of %s to %s; is all of it readable, and is there room? TMPDIR names the place", from,
              to);
}

void tree_remove(const char *path)
{
    char *const roots[] = {(char *)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    for (FTSENT *e; walk && (e = fts_read(walk));) {
        /* A folder closed to its owner is opened before it is entered. */
        if (e->fts_info == FTS_D)
            chmod(e->fts_path, 0700);
        else if (e->fts_info == FTS_DP)
            rmdir(e->fts_path);
        else
            unlink(e->fts_path);
    }
    fts_close(walk);
}

/* ---- one name on both sides ---- */

enum { HOST, GUEST };

struct links {
    struct link {
        ino_t ino;
        char *first; /* the first name that was met */
    } * link;
    size_t n;
};

struct comparison {
    time_t since;
    unsigned differences;
    struct links links[2];
};

struct pair {
    struct comparison *c;
    char *path[2]; /* on the host's disk */
    const char *name;
    struct stat st[2];
};

/* A name as it is shown: from the top folder on. */
static const char *label(const char *name)
{
    name += strncmp(name, "./", 2) ? 0 : 2;
    return shown(name, strlen(name));
}

static void differ(struct pair *p, const char *what, const char *host, const char *guest)
{
    printf("tree: %s: %s: host %s, guest %s\n", label(p->name), what, host, guest);
    p->c->differences++;
}

static void number(struct pair *p, const char *what, const char *fmt, long long host, long long guest)
{
    char a[32], b[32];
    snprintf(a, sizeof a, fmt, host);
    snprintf(b, sizeof b, fmt, guest);
    if (host != guest)
        differ(p, what, a, b);
}

static const char *type_name(mode_t mode)
{
    static const char *const names[16] = {
        [1] = "a fifo",  [2] = "a character device", [4] = "a folder", [6] = "a block device", [8] = "a file",
        [10] = "a link", [12] = "a socket"};
    const char *name = names[(mode & S_IFMT) >> 12];
    return name ? name : "something unknown";
}

/*
 * A time that both runs made is the time of the runs, and differs by nature. Any other was there before or was set by the program. Machines
 * that count whole seconds may be one behind.
 */
static void times(struct pair *p, const char *what, time_t host, time_t guest)
{
    time_t now = p->c->since - 2;
    if (host < now || guest < now)
        number(p, what, "%lld", host, guest);
}

static void access_time(struct pair *p)
{
    time_t now = p->c->since - 2;
    if (p->st[HOST].st_atime < now && p->st[GUEST].st_atime < now)
        number(p, "access time", "%lld", p->st[HOST].st_atime, p->st[GUEST].st_atime);
}

/* The name under which the walk met this file first; its own when it has no other. */
static const char *first_name(struct links *l, const struct stat *st, const char *name)
{
    if (st->st_nlink < 2)
        return name;
    for (size_t i = 0; i < l->n; i++)
        if (l->link[i].ino == st->st_ino)
            return l->link[i].first;
    l->link = realloc(l->link, (l->n + 1) * sizeof *l->link);
    if (!l->link)
        fatal(STATUS_USAGE, "out of memory");
    l->link[l->n++] = (struct link){st->st_ino, text("%s", name)};
    return name;
}

static void hard_links(struct pair *p)
{
    const char *host = first_name(&p->c->links[HOST], &p->st[HOST], p->name);
    const char *guest = first_name(&p->c->links[GUEST], &p->st[GUEST], p->name);
    if (strcmp(host, guest))
        differ(p, "the same file as", label(host), label(guest));
    else
        number(p, "links", "%lld", p->st[HOST].st_nlink, p->st[GUEST].st_nlink);
}

static void target(struct pair *p)
{
    char to[2][PATH_MAX];
    for (int i = 0; i < 2; i++) {
        ssize_t n = readlink(p->path[i], to[i], PATH_MAX - 1);
        to[i][n > 0 ? n : 0] = 0;
    }
    if (strcmp(to[HOST], to[GUEST]))
        differ(p, "target", label(to[HOST]), label(to[GUEST]));
}

/* Where the next byte stands that is in no hole. */
static off_t next_data(int fd, off_t at, off_t end)
{
    off_t next = lseek(fd, at, SEEK_DATA);
    return next >= 0 ? next : errno == ENXIO ? end : at;
}

static void contents(struct pair *p)
{
    static char bytes[2][65536];
    int fd[2];
    for (int i = 0; i < 2; i++) {
        if (!(p->st[i].st_mode & S_IRUSR))
            chmod(p->path[i], 0400);
        fd[i] = open(p->path[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    off_t size = p->st[HOST].st_size;
    for (off_t at = 0; at < size;) {
        off_t next[2] = {next_data(fd[HOST], at, size), next_data(fd[GUEST], at, size)};
        at = next[HOST] < next[GUEST] ? next[HOST] : next[GUEST];
        ssize_t n = pread(fd[HOST], bytes[HOST], sizeof bytes[HOST], at),
                m = pread(fd[GUEST], bytes[GUEST], sizeof bytes[GUEST], at), i = 0;
        while (i < n && i < m && bytes[HOST][i] == bytes[GUEST][i])
            i++;
        at += i;
        if (i < n || i < m || (n <= 0 && at < size)) {
            printf("tree: %s: contents differ at byte %lld\n", label(p->name), (long long)at);
            p->c->differences++;
            break;
        }
    }
    close(fd[HOST]);
    close(fd[GUEST]);
}

/* ---- extended attributes ---- */

static bool has_name(const char *list, ssize_t len, const char *name)
{
    for (const char *s = list; s < list + len; s += strlen(s) + 1)
        if (!strcmp(s, name))
            return true;
    return false;
}

static void attributes(struct pair *p)
{
    static char list[2][65536], value[2][65536];
    ssize_t len[2];
    for (int i = 0; i < 2; i++)
        len[i] = llistxattr(p->path[i], list[i], sizeof list[i]);
    for (int i = 0; i < 2; i++)
        for (const char *s = list[i]; s < list[i] + len[i]; s += strlen(s) + 1) {
            bool both = has_name(list[!i], len[!i], s);
            ssize_t n = lgetxattr(p->path[HOST], s, value[HOST], sizeof value[HOST]),
                    m = lgetxattr(p->path[GUEST], s, value[GUEST], sizeof value[GUEST]);
            if (!both)
                differ(p, s, i == HOST ? "has it" : "does not", i == HOST ? "does not" : "has it");
            else if (i == HOST && (n != m || (n > 0 && memcmp(value[HOST], value[GUEST], (size_t)n))))
                differ(p, s, shown(value[HOST], n > 0 ? (size_t)n : 0), shown(value[GUEST], m > 0 ? (size_t)m : 0));
        }
}

/* ---- folders ---- */

static void compare(struct pair *p);

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *e)
{
    return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

static void only(struct pair *p, int side, const char *name)
{
    char *path = text("%s/%s", p->name, name);
    printf("tree: only %s: %s\n", side == HOST ? "on the host" : "in the guest", label(path));
    free(path);
    p->c->differences++;
}

static void child(struct pair *p, const char *name)
{
    struct pair inner = {p->c, {text("%s/%s", p->path[HOST], name), text("%s/%s", p->path[GUEST], name)}, NULL, {}};
    inner.name = text("%s/%s", p->name, name);
    compare(&inner);
    free(inner.path[HOST]);
    free(inner.path[GUEST]);
    free((char *)inner.name);
}

static void entries(struct pair *p)
{
    struct dirent **names[2];
    int n[2], at[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        if ((p->st[i].st_mode & S_IRWXU) != S_IRWXU)
            chmod(p->path[i], S_IRWXU);
        n[i] = scandir(p->path[i], &names[i], not_dots, by_bytes);
    }
    while (at[HOST] < n[HOST] || at[GUEST] < n[GUEST]) {
        const char *host = at[HOST] < n[HOST] ? names[HOST][at[HOST]]->d_name : NULL,
                   *guest = at[GUEST] < n[GUEST] ? names[GUEST][at[GUEST]]->d_name : NULL;
        int order = !host ? 1 : !guest ? -1 : strcmp(host, guest);
        if (order)
            only(p, order < 0 ? HOST : GUEST, order < 0 ? host : guest);
        else
            child(p, host);
        at[HOST] += order <= 0;
        at[GUEST] += order >= 0;
    }
    for (int i = 0; i < 2; i++) {
        while (n[i] > 0)
            free(names[i][--n[i]]);
        free(names[i]);
    }
}

/* Attributes first: reading what is below a folder changes its times. */
static void compare(struct pair *p)
{
    const struct stat *host = &p->st[HOST], *guest = &p->st[GUEST];
    if (lstat(p->path[HOST], &p->st[HOST]) || lstat(p->path[GUEST], &p->st[GUEST]))
        fatal(STATUS_USAGE, "cannot look at %s: %s", p->path[HOST], strerror(errno));
    mode_t type = host->st_mode & S_IFMT;
    if (type != (guest->st_mode & S_IFMT)) {
        differ(p, "type", type_name(host->st_mode), type_name(guest->st_mode));
        return;
    }
    number(p, "mode", "%#llo", host->st_mode & 07777, guest->st_mode & 07777);
    number(p, "owner", "%lld", host->st_uid, guest->st_uid);
    number(p, "group", "%lld", host->st_gid, guest->st_gid);
    times(p, "modification time", host->st_mtime, guest->st_mtime);
    access_time(p);
    attributes(p);
    if (type == S_IFDIR) {
        entries(p);
        return;
    }
    hard_links(p);
    if (type == S_IFLNK)
        target(p);
    else if (type == S_IFCHR || type == S_IFBLK)
        number(p, "device", "%#llx", (long long)host->st_rdev, (long long)guest->st_rdev);
    else if (type == S_IFREG && host->st_size != guest->st_size)
        number(p, "size", "%lld", host->st_size, guest->st_size);
    else if (type == S_IFREG)
        contents(p);
}

unsigned tree_compare(const char *host, const char *guest, time_t since)
{
    struct comparison c = {.since = since};
    struct pair root = {&c, {(char *)host, (char *)guest}, ".", {}};
    compare(&root);
    for (int i = 0; i < 2; i++) {
        while (c.links[i].n)
            free(c.links[i].link[--c.links[i].n].first);
        free(c.links[i].link);
    }
    return c.differences;
}

char *tree_folder(const char *parent, const char *path)
{
    char *whole = text("%s/%s", parent, path);
    for (char *p = whole + strlen(parent) + 1;; p++)
        if (!*p || *p == '/') {
            char was = *p;
            *p = 0;
            if (mkdir(whole, 0755) && errno != EEXIST)
                fatal(STATUS_USAGE, "cannot make %s: %s", whole, strerror(errno));
            *p = was;
            if (!was)
                return whole;
        }
}
