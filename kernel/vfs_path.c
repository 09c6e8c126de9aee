/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_path - known file systems, the mount table, and the look-up of paths.
 *
 * A look-up works on two texts: `path`, canonical so far, and `rest`, still to be read. Names move from rest to path; then the whole path is walked from the root of its
 * mount in as few steps as the file system takes. A link that is met is replaced by its target in the texts, and the walk starts anew. ".." cuts the path,
 * once it is known to lead through directories, so no file system ever sees one, and none can be left through it. */
#include "vfs.h"
#include "mem.h"
#include "print.h"

enum { NAMES = 64 }; /* given to one walk() */

struct mount {
    struct fs *fs;
    struct node root;
    u32 flags;
    size_t len; /* of path; 0 for "/" */
    char *path;
};

static struct fs *registered;
static struct mount mounts[VFS_MOUNTS];
static unsigned nmounts;

/* One look-up at a time: the kernel does not start another one while it waits in this one. */
static struct look_up {
    char path[VFS_PATH_MAX]; /* "" is the root; NUL-terminated */
    size_t len;
    size_t sure; /* path[0..sure) is a directory and has no link in it */
    char texts[2][VFS_PATH_MAX];
    char *rest; /* in one of texts */
    unsigned links;
    bool directory; /* the path ends in '/' or "." */
    unsigned got;   /* names that the last walk found */
    struct name names[NAMES];
    struct qid qids[NAMES];
} look;

int vfs_register(struct fs *fs)
{
    int err = vfs_find(fs->tag) ? -EEXIST : 0;
    struct fs **end = &registered;
    u64 dev = 1;
    for (; *end; dev++)
        end = &(*end)->next;
    fs->dev = dev;
    *end = fs;
    return err;
}

struct fs *vfs_find(const char *tag)
{
    struct fs *fs = registered;
    while (fs && strcmp(fs->tag, tag) != 0)
        fs = fs->next;
    return fs;
}

struct fs *vfs_registered(unsigned i)
{
    struct fs *fs = registered;
    while (fs && i--)
        fs = fs->next;
    return fs;
}

bool vfs_mount_at(unsigned i, struct fs **fs, const char **path, u32 *flags)
{
    if (i >= nmounts)
        return false;
    *fs = mounts[i].fs;
    *path = mounts[i].path;
    *flags = mounts[i].flags;
    return true;
}

/* The mount that a canonical path lies in: the longest that it starts with. */
static struct mount *mount_of(const char *path)
{
    struct mount *best = NULL;
    for (struct mount *m = mounts; m < mounts + nmounts; m++)
        if (strncmp(path, m->path, m->len) == 0 && (path[m->len] == '/' || path[m->len] == 0))
            if (!best || m->len > best->len)
                best = m;
    return best;
}

static void clunk(struct node *node)
{
    if (node->fs->ops->clunk)
        node->fs->ops->clunk(node);
}

static int walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    return from->fs->ops->walk(from, names, n, out, qids);
}

/* Reads the link path[start..end), whose node goes, and puts its target in its place: what is before it stays path, what is behind it becomes rest. */
static int follow(struct look_up *l, struct node *link, size_t start, size_t end)
{
    char *text = l->texts[l->rest < l->texts[1]]; /* the one that rest is not in */
    const struct fs_ops *ops = link->fs->ops;
    int len = l->links++ >= VFS_LINKS_MAX ? -ELOOP : ops->readlink ? ops->readlink(link, text, VFS_PATH_MAX) : -EINVAL;
    clunk(link);
    if (len < 0)
        return len;
    size_t behind = l->len - end, rest = strlen(l->rest);
    if (len == 0 || memchr(text, 0, (size_t)len))
        return -ENOENT;
    if ((size_t)len + behind + 1 + rest >= VFS_PATH_MAX)
        return -ENAMETOOLONG;
    char *p = text + len;
    memcpy(p, l->path + end, behind);
    p += behind;
    if (rest || l->directory)
        *p++ = '/';
    memcpy(p, l->rest, rest);
    p[rest] = 0;
    l->rest = text;
    l->len = l->sure = *text == '/' ? 0 : start - 1;
    l->path[l->len] = 0;
    return 1;
}

/* Names of the path from byte `at` on, as many as one walk takes. */
static unsigned cut_names(struct look_up *l, size_t at)
{
    unsigned n = 0;
    while (n < NAMES && at < l->len) {
        const char *s = l->path + at + 1, *end = memchr(s, '/', l->len - at - 1);
        size_t len = end ? (size_t)(end - s) : l->len - at - 1;
        l->names[n++] = (struct name){s, (u16)len};
        at += len + 1;
    }
    return n;
}

/* Why a walk ended behind `got` names, the last of them no link: the file system told no error for the next one, so it is asked again. */
static int why_not(struct look_up *l, const struct node *from, unsigned got)
{
    struct node dir, found;
    struct qid qid[NAMES];
    if (got == 0)
        return -ENOENT;
    if (!(l->qids[got - 1].type & QID_DIR))
        return -ENOTDIR;
    int err = walk(from, l->names, got, &dir, qid);
    if (err < (int)got)
        return err < 0 ? err : -ENOENT;
    err = walk(&dir, l->names + got, 1, &found, qid);
    clunk(&dir);
    if (err == 1)
        clunk(&found);
    return err < 0 ? err : -ENOENT;
}

/* The first link among the names walked that is to be followed; `got` if there is none. */
static unsigned find_link(const struct look_up *l, unsigned got, bool follow_last)
{
    unsigned i = 0;
    while (i < got &&
           (!(l->qids[i].type & QID_SYMLINK) || (!follow_last && l->names[i].s + l->names[i].len == l->path + l->len)))
        i++;
    return i;
}

/* One step along `n` names. 0: *next is there; 1: a link was followed, so walk anew; -errno. */
static int step(struct look_up *l, const struct node *from, unsigned n, bool follow_last, struct node *next)
{
    if (n && !(from->qid.type & QID_DIR))
        return -ENOTDIR;
    int got = walk(from, l->names, n, next, l->qids);
    l->got = got < 0 ? 0 : (unsigned)got;
    if (got < 0)
        return got;
    unsigned link = find_link(l, (unsigned)got, follow_last);
    bool whole = (unsigned)got == n;
    if (link == (unsigned)got)
        return whole ? 0 : why_not(l, from, (unsigned)got);
    if (!whole || link + 1 < n) {
        if (whole)
            clunk(next);
        got = walk(from, l->names, link + 1, next, l->qids);
        if (got <= (int)link)
            return got < 0 ? got : -ENOENT;
    }
    const struct name *name = &l->names[link];
    return follow(l, next, (size_t)(name->s - l->path), (size_t)(name->s + name->len - l->path));
}

/* Walks the whole path from the root of its mount. Results as step()'s. */
static int walk_path(struct look_up *l, bool follow_last, struct place *out)
{
    const struct mount *m = mount_of(l->path);
    if (!m)
        return -ENOENT;
    struct node at = m->root;
    size_t pos = m->len;
    int err;
    do {
        unsigned n = cut_names(l, pos);
        err = step(l, &at, n, follow_last, &out->node);
        if (pos > m->len)
            clunk(&at);
        if (n)
            pos = (size_t)(l->names[n - 1].s + l->names[n - 1].len - l->path);
        out->last = err == -ENOENT && pos == l->len && l->got + 1 == n;
        at = out->node;
    } while (!err && pos < l->len);
    out->mount = (u16)(m - mounts);
    return err;
}

/* Cuts the last name off the path, once that is known to be a directory. 1: it was a link, read on. */
static int go_up(struct look_up *l, struct place *out)
{
    if (l->len > l->sure) {
        int err = walk_path(l, true, out);
        out->last = false;
        if (err)
            return err;
        clunk(&out->node);
        if (!(out->node.qid.type & QID_DIR))
            return -ENOTDIR;
    }
    while (l->len && l->path[--l->len] != '/')
        ;
    l->path[l->len] = 0;
    l->sure = l->len;
    return 0;
}

static int append(struct look_up *l, const char *name, size_t len)
{
    if (len > VFS_NAME_MAX || l->len + 1 + len >= VFS_PATH_MAX)
        return -ENAMETOOLONG;
    l->path[l->len++] = '/';
    memcpy(l->path + l->len, name, len);
    l->len += len;
    l->path[l->len] = 0;
    l->directory = false;
    return 0;
}

/* Moves the next name from rest to path. 0; 1: there was none; -errno. */
static int next_name(struct look_up *l, struct place *out)
{
    char *name = l->rest;
    while (*name == '/')
        name++;
    size_t len = 0;
    while (name[len] && name[len] != '/')
        len++;
    if (len == 0 || (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))))
        l->directory |= len || name > l->rest;
    else {
        l->rest = name + len;
        return append(l, name, len);
    }
    if (len == 2) {
        l->rest = name;
        int err = go_up(l, out);
        if (err)
            return err < 0 ? err : 0;
    }
    l->rest = name + len;
    return len == 0;
}

static int resolve(struct look_up *l, bool follow_last, struct place *out)
{
    for (;;) {
        int err = next_name(l, out);
        if (err == 1)
            err = walk_path(l, follow_last || l->directory, out);
        else if (err == 0)
            continue;
        if (err != 1)
            return err;
    }
}

int vfs_look_up(const struct file *at, const char *path, u32 flags, struct place *out)
{
    struct look_up *l = &look;
    size_t len = strnlen(path, VFS_PATH_MAX);
    *out = (struct place){.path = l->path};
    if (len == 0 || len == VFS_PATH_MAX)
        return len ? -ENAMETOOLONG : -ENOENT;
    if (*path != '/' && at && !at->directory)
        return -ENOTDIR;
    l->len = 0;
    if (*path != '/' && at && at->path[1]) {
        l->len = strlen(at->path);
        memcpy(l->path, at->path, l->len);
    }
    l->path[l->len] = 0;
    l->sure = l->len;
    l->rest = l->texts[0];
    memcpy(l->rest, path, len + 1);
    l->links = 0;
    l->directory = false;
    int err = resolve(l, !(flags & VFS_NOFOLLOW), out);
    if (err == 0 && l->directory && !(out->node.qid.type & QID_DIR)) {
        clunk(&out->node);
        err = -ENOTDIR;
    }
    if (l->len == 0)
        out->path = "/";
    return err;
}

int vfs_look_up_parent(const struct file *at, const char *path, struct place *out, char last[VFS_NAME_MAX + 1],
                       bool *slash)
{
    static char text[VFS_PATH_MAX];
    size_t len = strnlen(path, VFS_PATH_MAX), end = len;
    if (len == 0 || len == VFS_PATH_MAX)
        return len ? -ENAMETOOLONG : -ENOENT;
    while (end && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start && path[start - 1] != '/')
        start--;
    if (end - start > VFS_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(last, path + start, end - start);
    last[end - start] = 0;
    *slash = end < len;
    memcpy(text, start ? path : ".", start ? start : 1);
    text[start ? start : 1] = 0;
    return vfs_look_up(at, text, 0, out);
}

bool vfs_is_mount_point(const char *directory, const char *name)
{
    size_t len = directory[1] ? strlen(directory) : 0;
    for (const struct mount *m = mounts; m < mounts + nmounts; m++)
        if (m->len == len + 1 + strlen(name) && strncmp(m->path, directory, len) == 0 &&
            strcmp(m->path + len + 1, name) == 0)
            return true;
    return false;
}

/* ---- mounting ---- */

/* The directory at `path`, whose parent is there, where the file system can. */
static void make_directory(char *path)
{
    struct place place;
    char *name = path + strlen(path);
    int err = vfs_look_up(NULL, path, 0, &place);
    if (err == 0)
        clunk(&place.node);
    if (err != -ENOENT || !place.last || name[-1] == '/')
        return;
    while (name[-1] != '/')
        name--;
    char first = *name;
    *name = 0;
    err = vfs_look_up(NULL, path, 0, &place);
    *name = first;
    if (err)
        return;
    if (place.node.fs->ops->mount_point)
        place.node.fs->ops->mount_point(&place.node, (struct name){name, (u16)strlen(name)});
    clunk(&place.node);
}

static void make_directories(const char *path)
{
    char text[VFS_NAME_MAX + 1];
    print_text(text, sizeof text, "%s", path);
    for (char *p = text + 1; p[-1]; p++) {
        char end = *p;
        if (end && end != '/')
            continue;
        *p = 0;
        make_directory(text);
        *p = end;
    }
}

/* Finds the canonical path of a mount point. One that is missing, and cannot be made, can be mounted on all the same; it is only not listed. */
static int find_mount_point(const char *path, const char **canonical)
{
    struct place place;
    *canonical = path;
    if (strlen(path) > VFS_NAME_MAX)
        return -ENAMETOOLONG;
    if (path[0] != '/')
        return -EINVAL;
    if (nmounts == 0)
        return path[1] ? -ENOENT : 0;
    int err = vfs_look_up(NULL, path, 0, &place);
    if (err == -ENOENT) {
        make_directories(path);
        err = vfs_look_up(NULL, path, 0, &place);
    }
    *canonical = place.path;
    if (err)
        return err == -ENOENT && place.last ? 0 : err;
    clunk(&place.node);
    return place.node.qid.type & QID_DIR ? 0 : -ENOTDIR;
}

int vfs_mount(struct fs *fs, const char *path, u32 flags)
{
    int err = find_mount_point(path, &path);
    if (err < 0)
        return err;
    for (unsigned i = 0; i < nmounts; i++)
        if (strcmp(mounts[i].path, path) == 0)
            return -EBUSY;
    if (nmounts == VFS_MOUNTS)
        return -ENOSPC;
    struct mount m = {.fs = fs, .flags = flags, .len = path[1] ? strlen(path) : 0};
    m.path = mem_new(strlen(path) + 1);
    if (!m.path)
        return -ENOMEM;
    memcpy(m.path, path, strlen(path));
    err = fs->ops->attach(fs, &m.root);
    if (err < 0) {
        mem_delete(m.path, strlen(path) + 1);
        return err;
    }
    mounts[nmounts++] = m;
    return 0;
}
