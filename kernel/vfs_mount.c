/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_mount - known file systems, and the mount table.
 *
 * A mount is found by its path. Of those that a path lies in, the last one mounted counts: its mount point was found through all the others,
 * so it hides what they had there. A place in the table is used again only for what those behind it do not hide. */
#include "mem.h"
#include "print.h"
#include "vfs.h"

static struct fs *registered;
static struct mount mounts[VFS_MOUNTS]; /* without fs: free */
static unsigned nmounts;                /* behind the last that is not */

int vfs_register(struct fs *fs)
{
    int err = vfs_find(fs->tag) ? -EEXIST : 0;
    LIST_APPEND(registered, fs, next);
    return err;
}

void vfs_unregister(struct fs *fs)
{
    LIST_REMOVE(registered, fs, next);
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

const struct mount *vfs_mount_get(unsigned i)
{
    return i < nmounts && mounts[i].fs ? &mounts[i] : NULL;
}

bool vfs_is_readonly(unsigned i)
{
    return mounts[i].flags & MOUNT_READONLY;
}

static bool lies_in(const char *path, const struct mount *m)
{
    size_t i = 0;
    while (i < m->len && path[i] == m->path[i])
        i++;
    return m->fs && i == m->len && (path[i] == '/' || path[i] == 0);
}

const struct mount *vfs_mount_of(const char *path)
{
    for (const struct mount *m = mounts + nmounts; m-- > mounts;)
        if (lies_in(path, m))
            return m;
    return NULL;
}

int vfs_mount_attach(const struct mount *mount)
{
    struct mount *m = &mounts[mount->index];
    return m->root.fs ? 0 : m->fs->ops->attach(m->fs, &m->root);
}

void vfs_mounts_moved(const char *from, const char *to)
{
    for (struct mount *m = mounts; m < mounts + nmounts; m++) {
        if (!m->fs)
            continue;
        vfs_path_moved(&m->path, from, to);
        m->len = m->path[1] ? strlen(m->path) : 0;
    }
}

/* ---- mounting ---- */

/* The directory at `path`, whose parent is there, where the file system can. */
static void make_directory(const char *path)
{
    struct place place;
    char name[VFS_NAME_MAX + 2];
    bool slash;
    int err = vfs_look_up(NULL, path, 0, &place);
    if (err == 0)
        vfs_clunk(&place.node);
    if (err != -ENOENT || !place.last || vfs_look_up_parent(NULL, path, 0, &place, name, &slash) < 0)
        return;
    if (place.node.fs->ops->mount_point)
        place.node.fs->ops->mount_point(&place.node, vfs_name(name));
    vfs_clunk(&place.node);
}

static void make_directories(const char *path)
{
    char text[VFS_NAME_MAX + 1];
    print_string(text, text + sizeof text, path);
    for (char *p = text + 1; p[-1]; p++) {
        char end = *p;
        if (end && end != '/')
            continue;
        *p = 0;
        make_directory(text);
        *p = end;
    }
}

/* A folder of the root that the root itself can make, and that is new, needs no look-up. */
static bool is_new_folder(const char *path)
{
    const struct mount *m = vfs_mount_of("");
    size_t len = strlen(path + 1);
    return m->fs->ops->mount_point && len && !memchr(path + 1, '/', len) && path[1] != '.' &&
           vfs_mount_attach(m) == 0 && m->fs->ops->mount_point(&m->root, (struct name){path + 1, (u16)len}) == 0;
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
    if (is_new_folder(path))
        return 0;
    int err = vfs_look_up(NULL, path, 0, &place);
    if (err == -ENOENT) {
        make_directories(path);
        err = vfs_look_up(NULL, path, 0, &place);
    }
    *canonical = place.path;
    if (err)
        return err == -ENOENT && place.last ? 0 : err;
    vfs_clunk(&place.node);
    return place.node.qid.type & QID_DIR ? 0 : -ENOTDIR;
}

/* The first place that is free and behind all that the path lies in. */
static unsigned free_place(const char *path)
{
    unsigned i = nmounts;
    while (i > 0 && !lies_in(path, &mounts[i - 1]))
        i--;
    while (i < nmounts && mounts[i].fs)
        i++;
    return i;
}

int vfs_mount(struct fs *fs, const char *path, u32 flags)
{
    int err = find_mount_point(path, &path);
    if (err < 0)
        return err;
    const struct mount *there = vfs_mount_of(path[1] ? path : "");
    if (there && there->fs == fs && strcmp(there->path, path) == 0)
        return -EBUSY;
    unsigned i = free_place(path[1] ? path : "");
    if (i == VFS_MOUNTS)
        return -ENOSPC;
    struct mount m = {.fs = fs, .flags = flags, .len = path[1] ? strlen(path) : 0, .index = (u16)i};
    m.path = vfs_path_copy(path);
    if (!m.path)
        return -ENOMEM;
    err = flags & MOUNT_LATER ? 0 : fs->ops->attach(fs, &m.root);
    if (err < 0) {
        vfs_path_free(m.path);
        return err;
    }
    mounts[i] = m;
    nmounts = MAX(nmounts, i + 1);
    return 0;
}

/* ---- words ---- */

/* Which of the list's words, with one space between them, this is; -1: none. */
static int place_in(const char *list, const char *word, size_t len)
{
    for (int i = 0; *list; i++) {
        size_t n = 0;
        while (list[n] && list[n] != ' ')
            n++;
        if (n == len && memcmp(list, word, len) == 0)
            return i;
        list += n + (list[n] == ' ');
    }
    return -1;
}

static int take_word(struct mount_options *o, struct name word)
{
    enum { RO, SYNC, CACHE, TRANS, VERSION };
    static const u8 modes[] = {CACHE_NONE, CACHE_NONE, CACHE_READAHEAD, CACHE_LOOSE, CACHE_LOOSE};
    static const char keys[] =
        "ro sync cache trans version msize access uname aname posixacl noxattr nodevmap debug dfltuid dfltgid afid "
        "cachetag locktimeout port privport rfdno wfdno noextend ignoreqv directio";
    const char *is = memchr(word.s, '=', word.len), *value = is ? is + 1 : word.s + word.len;
    size_t len = (size_t)(word.s + word.len - value);
    int key = place_in(keys, word.s, is ? (size_t)(is - word.s) : word.len), mode = 0;
    if (is ? key == RO || key == SYNC : key >= CACHE && key <= VERSION)
        return 1;
    o->flags |= key == RO ? MOUNT_READONLY : 0;
    o->sync |= key == SYNC;
    if (key == CACHE)
        mode = place_in("none mmap readahead loose fscache", value, len);
    if (key == CACHE && mode >= 0)
        o->cache = modes[mode];
    if (key == TRANS || key == VERSION)
        mode = place_in(key == TRANS ? "virtio" : "9p2000.L", value, len);
    return mode < 0 ? -EINVAL : key < 0;
}

int vfs_mount_words(struct mount_options *o, const char *words, const char *ends, struct name *odd)
{
    int result = 0;
    while (*words && result >= 0) {
        struct name word = {.s = words};
        while (*words && !memchr(ends, *words, strlen(ends)))
            words++;
        word.len = (u16)(words - word.s);
        words += *words != 0;
        int err = take_word(o, word);
        if (err)
            *odd = word;
        result = err ? err : result;
    }
    return result;
}

/* ---- giving up ---- */

static struct mount *mounted_at(const char *path)
{
    const struct mount *m = vfs_mount_of(path);
    return m && strcmp(path, m->path) == 0 ? &mounts[m->index] : NULL;
}

/* What is mounted there. A file system that does not answer any more must not keep it from being found: the path counts first, then where links lead. */
static int find_mounted(const struct file *at, const char *path, struct mount **out)
{
    struct place place;
    char last[VFS_NAME_MAX + 2];
    bool slash;
    int err = vfs_look_up_parent(at, path, 0, &place, last, &slash);
    if (err < 0)
        return err;
    char *full = last[0] ? vfs_path_join(place.path, last) : NULL;
    vfs_clunk(&place.node);
    *out = full ? mounted_at(full) : NULL;
    vfs_path_free(full);
    if (*out)
        return 0;
    err = vfs_look_up(at, path, 0, &place);
    if (err < 0)
        return err;
    vfs_clunk(&place.node);
    *out = mounted_at(place.path);
    return *out ? 0 : -EINVAL;
}

static bool is_busy(const struct mount *m)
{
    for (const struct file *f = vfs_files(); f; f = f->next)
        if (f->path[0] && f->mount == m->index)
            return true;
    for (const struct mount *other = mounts; other < mounts + nmounts; other++)
        if (other->fs && other > m && lies_in(other->path, m))
            return true;
    return false;
}

int vfs_unmount(const struct file *at, const char *path)
{
    struct mount *m;
    int err = find_mounted(at, path, &m);
    if (err == 0 && (m->len == 0 || is_busy(m)))
        err = -EBUSY;
    if (err < 0)
        return err;
    vfs_clunk(&m->root);
    vfs_path_free(m->path);
    *m = (struct mount){0};
    while (nmounts && !mounts[nmounts - 1].fs)
        nmounts--;
    return 0;
}
