/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_path - the look-up of paths.
 *
 * A look-up works on two texts: `path`, canonical so far, and `rest`, still to be read. Names move from rest to path; then the whole path is walked in as
 * few steps as the file system takes, from the open directory that a relative path starts at, whatever its name is by now, else from the root of
 * its mount. A link that is met is replaced by its target in the texts, and the walk starts anew. ".." cuts the path, once it is known to lead through
 * directories, so no file system ever sees one, and none can be left through it. */
#include "mem.h"
#include "vfs.h"

enum {
    NAMES = 64, /* given to one walk() */
    /* Bytes of a canonical path: from deep in a tree a whole path goes on. */
    DEEP = 2 * VFS_PATH_MAX,
};

/* One look-up at a time: the kernel does not start another one while it waits in this one. Its memory is taken by the first. */
static struct look_up {
    char path[DEEP]; /* "" is the root; NUL-terminated */
    size_t len;
    size_t sure;           /* path[0..sure) is a directory and has no link in it */
    const struct file *at; /* path[0..base) leads to this directory; NULL: to none that is open */
    size_t base;
    const char *rest;  /* in the caller's path, behind a link in one of these: */
    const char *limit; /* it has to end before */
    char texts[2][DEEP];
    struct attr *attr; /* asked for of what the path leads to; NULL: a node is, */
    u8 next;           /* of which VFS_NEXT_* will be */
    unsigned links;
    bool directory; /* the path ends in '/' or "." */
    bool dot;       /* in "." */
    unsigned got;   /* names that the last walk found */
    struct name names[NAMES];
    struct qid qids[NAMES];
} * look;

static bool have_look(struct attr *attr, u8 next)
{
    u64 pa = look ? 0 : mem_pages((sizeof *look + PAGE_SIZE - 1) / PAGE_SIZE, PAGE_SIZE);
    if (pa)
        look = mem_virt(pa);
    if (!look)
        return false;
    look->attr = attr;
    look->next = next;
    return true;
}

void vfs_clunk(struct node *node)
{
    if (node->fs && node->fs->ops->clunk)
        node->fs->ops->clunk(node);
}

static int walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids,
                u8 next)
{
    from->fs->next_verb = next;
    return from->fs->ops->walk(from, names, n, out, qids);
}

/* Cuts the path to its first len bytes, which lead to a directory. */
static void cut(struct look_up *l, size_t len)
{
    l->path[len] = 0;
    l->len = l->sure = len;
    if (len < l->base)
        l->at = NULL;
}

/* Reads the link path[start..end), whose node goes, and puts its target in its place: what is before it stays path, what is behind it becomes rest. */
static COLD int follow(struct look_up *l, struct node *link, size_t start, size_t end)
{
    char *text = l->texts[l->rest < l->texts[1]]; /* one that rest is not in */
    const struct fs_ops *ops = link->fs->ops;
    int len = l->links++ >= VFS_LINKS_MAX ? -ELOOP : ops->readlink ? ops->readlink(link, text, VFS_PATH_MAX) : -EINVAL;
    vfs_clunk(link);
    if (len < 0)
        return len;
    size_t behind = l->len - end, rest = strlen(l->rest);
    if (len == 0 || memchr(text, 0, (size_t)len))
        return -ENOENT;
    if ((size_t)len + behind + 2 + rest >= DEEP)
        return -ENAMETOOLONG;
    char *p = text + len;
    memcpy(p, l->path + end, behind);
    p += behind;
    if (rest || l->directory)
        *p++ = '/';
    if (!rest && l->dot)
        *p++ = '.';
    memcpy(p, l->rest, rest);
    p[rest] = 0;
    l->rest = text;
    l->limit = text + DEEP;
    cut(l, *text == '/' ? 0 : start - 1);
    return 1;
}

/* Names of the path from byte `at` on, as many as one walk takes. */
static unsigned cut_names(struct look_up *l, size_t at)
{
    const char *p = l->path + at, *end = l->path + l->len;
    struct name *name = l->names;
    while (p < end && name < l->names + NAMES) {
        const char *start = ++p;
        while (p < end && *p != '/')
            p++;
        *name++ = (struct name){start, (u16)(p - start)};
    }
    return (unsigned)(name - l->names);
}

/* Why a walk ended behind `got` names, the last of them no link: the file system told no error for the next one, so it is asked again. */
static COLD int why_not(struct look_up *l, const struct node *from, unsigned got)
{
    struct node dir, found;
    struct qid qid[NAMES];
    if (got == 0)
        return -ENOENT;
    if (!(l->qids[got - 1].type & QID_DIR))
        return -ENOTDIR;
    if (from->fs->ops->absent && from->fs->ops->absent(from, l->names, got + 1))
        return -ENOENT;
    int err = walk(from, l->names, got, &dir, qid, 0);
    if (err < (int)got)
        return err < 0 ? err : -ENOENT;
    err = walk(&dir, l->names + got, 1, &found, qid, 0);
    vfs_clunk(&dir);
    if (err == 1)
        vfs_clunk(&found);
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
static int step(struct look_up *l, const struct node *from, unsigned n, bool follow_last, struct node *next, bool last)
{
    struct attr *attr = last ? l->attr : NULL;
    if (n && !(from->qid.type & QID_DIR))
        return -ENOTDIR;
    int got = attr && from->fs->ops->stat ? from->fs->ops->stat(from, l->names, n, follow_last, next, l->qids, attr)
                                          : walk(from, l->names, n, next, l->qids, last ? l->next : 0);
    l->got = got < 0 ? 0 : (unsigned)got;
    if (got < 0)
        return got;
    unsigned link = find_link(l, (unsigned)got, follow_last);
    bool whole = (unsigned)got == n;
    if (link == (unsigned)got)
        return whole ? 0 : why_not(l, from, (unsigned)got);
    if (!whole || link + 1 < n) {
        if (whole)
            vfs_clunk(next);
        got = walk(from, l->names, link + 1, next, l->qids, VFS_NEXT_READLINK);
        if (got <= (int)link)
            return got < 0 ? got : -ENOENT;
    }
    const struct name *name = &l->names[link];
    return follow(l, next, (size_t)(name->s - l->path), (size_t)(name->s + name->len - l->path));
}

/* Walks the path, to a node or, for the last time, to what is asked for. Results as step()'s. */
static int walk_path(struct look_up *l, bool follow_last, struct place *out, bool last)
{
    const struct mount *m = vfs_mount_of(l->path);
    if (!m)
        return -ENOENT;
    int err = m->root.fs ? 0 : vfs_mount_attach(m);
    if (err < 0)
        return err;
    bool here = l->at && l->at->mount == m->index;
    if (here && l->next == VFS_NEXT_WALK)
        l->next = 0; /* that directory may be closed before */
    const struct node *from = here ? &l->at->node : &m->root;
    struct node at;
    size_t start = here ? l->base : m->len, pos = start;
    unsigned n;
    for (;;) {
        n = cut_names(l, pos);
        size_t end = n ? (size_t)(l->names[n - 1].s + l->names[n - 1].len - l->path) : pos;
        err = step(l, from, n, follow_last, &out->node, last && end == l->len);
        if (pos > start)
            vfs_clunk(&at);
        pos = end;
        if (err || pos == l->len)
            break;
        at = out->node;
        from = &at;
    }
    out->last = err == -ENOENT && pos == l->len && l->got + 1 == n;
    out->vague = err == -ENOENT && pos == l->len && !l->got && last && !l->directory;
    out->mount = m->index;
    return err;
}

/* Makes sure that the path so far leads to a directory. 1: it was a link, read on. */
static COLD int enter(struct look_up *l, struct place *out)
{
    if (l->len == l->sure)
        return 0;
    int err = walk_path(l, true, out, false);
    out->last = false;
    if (err)
        return err;
    vfs_clunk(&out->node);
    return out->node.qid.type & QID_DIR ? 0 : -ENOTDIR;
}

static inline int append(struct look_up *l, const char *name, size_t len)
{
    if (len > VFS_NAME_MAX || l->len + 1 + len >= DEEP)
        return -ENAMETOOLONG;
    l->path[l->len++] = '/';
    memcpy(l->path + l->len, name, len);
    l->len += len;
    l->path[l->len] = 0;
    l->directory = l->dot = false;
    return 0;
}

/* One that is no plain name: ".", "..", too long. */
static COLD int odd_name(struct look_up *l, const char *name, size_t len, struct place *out)
{
    bool up = len == 2 && name[0] == '.' && name[1] == '.';
    if (up || len > VFS_NAME_MAX) { /* a bad path is told before a bad name */
        l->rest = name;
        int err = enter(l, out);
        if (err)
            return MIN(err, 0);
    }
    if (up) {
        size_t end = l->len;
        while (end && l->path[--end] != '/')
            ;
        cut(l, end);
    }
    if (!up && (len > 1 || *name != '.')) {
        l->rest = name + len;
        return append(l, name, len);
    }
    l->directory = l->dot = true;
    l->rest = name + len;
    return 0;
}

/* Moves the next name from rest to path. 0; 1: there was none; -errno. */
static inline int next_name(struct look_up *l, struct place *out)
{
    const char *name = l->rest, *end;
    while (*name == '/')
        name++;
    for (end = name; *end && *end != '/'; end++)
        ;
    size_t len = (size_t)(end - name);
    if (end >= l->limit)
        return -ENAMETOOLONG;
    if (!len) {
        l->directory |= name > l->rest;
        l->rest = name;
        return 1;
    }
    if (*name == '.' || len > VFS_NAME_MAX)
        return odd_name(l, name, len, out);
    l->rest = end;
    return append(l, name, len);
}

/* A file is to be made where the whole path leads, which says by a slash that it is a directory: Linux goes no further than to its parent. */
static COLD int refuse_slash(struct look_up *l, struct place *out)
{
    int err = walk_path(l, false, out, false);
    if (err == 0)
        vfs_clunk(&out->node);
    return err == 0 || (err == -ENOENT && out->last) ? -EISDIR : err;
}

static int resolve(struct look_up *l, u32 flags, struct place *out)
{
    for (;;) {
        int err = next_name(l, out);
        if (err == 0)
            continue;
        if (err == 1 && (flags & VFS_CREATE) && l->directory && !l->dot && l->len)
            err = refuse_slash(l, out);
        else if (err == 1)
            err = walk_path(l, !(flags & VFS_NOFOLLOW) || l->directory, out, true);
        if (err != 1)
            return err;
    }
}

/* The texts begin at the directory `at`, if the path is relative. */
static inline int begin(struct look_up *l, const struct file *at, bool relative)
{
    l->base = relative && at && at->path[1] ? strlen(at->path) : 0;
    if (l->base >= DEEP)
        return -ENAMETOOLONG;
    if (l->base)
        memcpy(l->path, at->path, l->base);
    l->at = relative ? at : NULL;
    cut(l, l->base);
    l->links = 0;
    l->directory = l->dot = false;
    return 0;
}

/* The open file itself, by another node. */
static COLD int clone(const struct file *at, struct place *out)
{
    struct qid none;
    int err = at->node.fs->ops->walk ? begin(look, at, true) : -EINVAL;
    if (err < 0)
        return err;
    out->mount = at->mount;
    return walk(&at->node, &(struct name){0}, 0, &out->node, &none, look->next);
}

static int look_up(struct look_up *l, const struct file *at, const char *path, u32 flags, struct place *out)
{
    out->node.fs = NULL;
    out->mount = 0;
    out->last = out->vague = false;
    out->path = l->path;
    if (!*path)
        return at && (flags & VFS_EMPTY) ? clone(at, out) : -ENOENT;
    if (*path != '/' && at && !at->directory)
        return -ENOTDIR;
    if (*path != '/' && *path != '.' && at && at->removed)
        return -ENOENT; /* a server that goes by names would look in what has its name by now */
    int err = begin(l, at, *path != '/');
    if (err < 0)
        return err;
    l->rest = path;
    l->limit = path + VFS_PATH_MAX;
    err = resolve(l, flags, out);
    if (err == 0 && l->directory && !(out->node.qid.type & QID_DIR)) {
        vfs_clunk(&out->node);
        err = -ENOTDIR;
    }
    out->last &= !l->dot;
    if (l->len == 0)
        out->path = "/";
    return err;
}

int vfs_look_up(const struct file *at, const char *path, u32 flags, struct place *out)
{
    return have_look(NULL, (u8)(flags & VFS_NEXT)) ? look_up(look, at, path, flags, out) : -ENOMEM;
}

int vfs_look_up_attr(const struct file *at, const char *path, u32 flags, struct place *out, struct attr *attr)
{
    int err = have_look(attr, VFS_NEXT_GETATTR) ? look_up(look, at, path, flags, out) : -ENOMEM;
    if (err < 0 || !out->node.fs)
        return err;
    err = out->node.fs->ops->getattr(&out->node, attr);
    vfs_clunk(&out->node);
    return err;
}

int vfs_look_up_parent(const struct file *at, const char *path, u32 next, struct place *out,
                       char last[VFS_NAME_MAX + 2], bool *slash)
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
    *slash = end < len;
    if (!start && at && at->removed)
        return -ENOENT;
    memcpy(text, start ? path : ".", start ? start : 1);
    text[start ? start : 1] = 0;
    int err = vfs_look_up(at, text, next, out);
    size_t len_last = MIN(end - start, (size_t)VFS_NAME_MAX + 1);
    memcpy(last, path + start, len_last);
    last[len_last] = 0;
    return err;
}

/* ---- what paths become when a tree changes ---- */

bool vfs_path_below(const char *path, const char *top)
{
    size_t len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == 0);
}

char *vfs_path_copy(const char *path)
{
    size_t len = strlen(path);
    char *copy = mem_new(len + 1);
    return copy ? memcpy(copy, path, len) : NULL;
}

void vfs_path_free(char *path)
{
    if (path)
        mem_delete(path, strlen(path) + 1);
}

char *vfs_path_join(const char *dir, const char *name)
{
    size_t top = dir[1] ? strlen(dir) : 0, len = strlen(name);
    char *path = mem_new(top + 1 + len + 1);
    if (!path)
        return NULL;
    memcpy(path, dir, top);
    path[top] = '/';
    memcpy(path + top + 1, name, len);
    return path;
}

int vfs_path_moved(char **path, const char *from, const char *to)
{
    if (!vfs_path_below(*path, from))
        return 0;
    const char *rest = *path + strlen(from);
    char *moved = mem_new(strlen(to) + strlen(rest) + 1);
    if (!moved)
        return -ENOMEM;
    memcpy(moved, to, strlen(to));
    memcpy(moved + strlen(to), rest, strlen(rest));
    vfs_path_free(*path);
    *path = moved;
    return 0;
}
