/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_open - how a path becomes an open file, and the list of all that are open. */
#include "mem.h"
#include "vfs.h"

static struct file *files; /* all that are open */

static bool wants_write(u32 flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int may_write(const struct place *place)
{
    return !place->node.fs->ops->write || vfs_is_readonly(place->mount) ? -EROFS : 0;
}

/* What Linux says before it asks the file system. */
static int may_open(const struct place *place, u32 flags)
{
    u8 type = place->node.qid.type;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if ((type & QID_DIR) && (flags & O_CREAT))
        return -EISDIR;
    if ((flags & O_DIRECTORY) && !(type & QID_DIR))
        return -ENOTDIR;
    if (flags & O_PATH)
        return 0;
    if (type & QID_SYMLINK)
        return -ELOOP;
    if ((type & QID_DIR) && wants_write(flags))
        return -EISDIR;
    return 0;
}

/* A read-only mount holds back what would change it; devices and fifos are something else behind their names. */
static int may_open_to_write(struct place *place)
{
    struct attr attr;
    int err = may_write(place);
    if (err == 0 || place->node.fs->ops->getattr(&place->node, &attr) < 0)
        return err;
    return (attr.mode & S_IFMT) == S_IFREG ? err : 0;
}

static int open_node(struct node *node, u32 flags, struct attr *attr)
{
    if ((flags & O_PATH) && (node->qid.type & QID_DIR)) {
        attr->mode = S_IFDIR; /* what an open file keeps of its attributes; chdir() needs no message for it */
        attr->rdev_major = attr->rdev_minor = 0;
        return 0;
    }
    if (flags & O_PATH)
        return node->fs->ops->getattr(node, attr);
    return node->fs->ops->open(node, flags, attr);
}

static struct file *new_file(const struct place *place, u32 flags, const struct attr *attr)
{
    struct file *file = mem_new(sizeof *file);
    char *path = file ? vfs_path_copy(place->path) : NULL;
    if (!path) {
        mem_delete(file, sizeof *file);
        return NULL;
    }
    flags &= ~(u32)(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);
    flags |= (flags & O_PATH) || !place->path[0] ? 0 : O_LARGEFILE; /* a pipe was not opened */
    *file = (struct file){.refs = 1, .flags = flags, .node = place->node, .mount = place->mount};
    file->node.through = flags & (O_DIRECT | O_SYNC);
    file->path = path;
    file->mode = attr->mode;
    file->rdev_major = attr->rdev_major;
    file->directory = (attr->mode & S_IFMT) == S_IFDIR;
    file->appends = (flags & O_APPEND) && place->node.fs->ops->appends;
    file->next = files;
    files = file;
    return file;
}

static int open_place(struct place *place, u32 flags, struct file **out, struct attr *attr)
{
    int err = may_open(place, flags);
    if (err == 0 && wants_write(flags))
        err = may_open_to_write(place);
    if (err == 0 && (flags & O_TRUNC))
        vfs_settle(&place->node, NULL);
    if (err == 0)
        err = open_node(&place->node, flags, attr);
    if (err == 0 && !(*out = new_file(place, flags, attr)))
        err = -ENOMEM;
    if (err < 0)
        vfs_clunk(&place->node);
    return err < 0 ? err : 0;
}

/* What changes nothing may be asked before it is known what the path leads to. */
static u32 next_of(u32 flags)
{
    if (flags & O_PATH)
        return flags & O_DIRECTORY ? VFS_NEXT_WALK : VFS_NEXT_GETATTR;
    return flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_NOATIME | O_SYNC) ? 0 : VFS_NEXT_OPEN;
}

static int open_existing(const struct file *at, const char *path, u32 flags, struct file **out, struct attr *attr)
{
    struct place place;
    int err = vfs_look_up(at, path, next_of(flags) | (flags & O_NOFOLLOW ? VFS_NOFOLLOW : 0), &place);
    return err < 0 ? err : open_place(&place, flags, out, attr);
}

int vfs_open_to_read(const char *path, struct file **out, struct attr *attr)
{
    return open_existing(NULL, path, O_RDONLY, out, attr);
}

/* Makes a file of this canonical path in dir, whose node becomes the file's or goes. -EEXIST: somebody was quicker. */
static int create_in(struct place *dir, const char *last, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct attr attr;
    int err = -EROFS;
    if (dir->node.fs->ops->create && !vfs_is_readonly(dir->mount))
        err = dir->node.fs->ops->create(&dir->node, vfs_name(last), flags, mode, &attr);
    dir->path = path;
    if (err == 0 && !(*out = new_file(dir, flags, &attr)))
        err = -ENOMEM;
    if (err < 0)
        vfs_clunk(&dir->node);
    return err;
}

/* Makes a file at a canonical path that leads nowhere yet. */
static int open_new(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct place dir;
    char last[VFS_NAME_MAX + 2];
    bool slash, below = at && at->path[1] && vfs_path_below(path, at->path);
    int err = vfs_look_up_parent(below ? at : NULL, below ? path + strlen(at->path) + 1 : path, 0, &dir, last, &slash);
    return err < 0 ? err : create_in(&dir, last, path, flags, mode, out);
}

static bool may_make(const struct place *dir, const char *path)
{
    bool mounted = strcmp(vfs_mount_of(path)->path, path) == 0;
    return !mounted && !vfs_is_readonly(dir->mount) && dir->node.fs->ops->create;
}

/* Who wants a new file only need not look first: the file system says whether it is there. 1: not so for this path. */
static int open_exclusive(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct place dir;
    char last[VFS_NAME_MAX + 2];
    bool slash;
    int err = vfs_look_up_parent(at, path, 0, &dir, last, &slash);
    if (err < 0)
        return err;
    size_t len = strlen(last);
    bool plain = len && len <= VFS_NAME_MAX && !slash && strcmp(last, ".") != 0 && strcmp(last, "..") != 0;
    char *full = plain ? vfs_path_join(dir.path, last) : NULL;
    if (full && may_make(&dir, full)) {
        err = create_in(&dir, last, full, flags, mode, out);
    } else {
        vfs_clunk(&dir.node);
        err = 1;
    }
    vfs_path_free(full);
    return err;
}

/* An existing file, or else a new one. A link that leads nowhere is followed: the file is made where it leads. */
static int open_or_create(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct place place;
    struct attr attr;
    enum { RACES = 8 };
    bool stay = (flags & O_NOFOLLOW) || (flags & O_EXCL);
    int err = flags & O_EXCL ? open_exclusive(at, path, flags, mode, out) : 1;
    if (err <= 0)
        return err;
    for (unsigned tries = 0; tries < RACES; tries++) {
        err = vfs_look_up(at, path, stay ? VFS_CREATE | VFS_NOFOLLOW : VFS_CREATE, &place);
        if (err == 0)
            return open_place(&place, flags, out, &attr);
        if (err != -ENOENT || !(place.last || place.vague))
            return err;
        char *canonical = vfs_path_copy(place.path); /* place.path is the look-up's, and the next one's too */
        if (!canonical)
            return -ENOMEM;
        err = open_new(at, canonical, flags, mode, out);
        vfs_path_free(canonical);
        if (err != -EEXIST || (flags & O_EXCL))
            return err;
    }
    return err;
}

int vfs_open_flags(u32 *flags)
{
    if (*flags & O_PATH)
        *flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    if ((*flags & O_CREAT) && (*flags & O_DIRECTORY))
        return -EINVAL;
    if ((*flags & O_TMPFILE & ~(u32)O_DIRECTORY) && (!(*flags & O_DIRECTORY) || !vfs_may_write(*flags)))
        return -EINVAL;
    return 0;
}

/* A file without a name: there is no message for it, so that only the directory is looked at. */
static int open_nameless(const struct file *at, const char *path)
{
    struct place dir;
    int err = vfs_look_up(at, path, 0, &dir);
    if (err < 0)
        return err;
    vfs_clunk(&dir.node);
    if (!(dir.node.qid.type & QID_DIR))
        return -ENOTDIR;
    return may_write(&dir) ? -EROFS : -EOPNOTSUPP;
}

int vfs_open(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out)
{
    struct attr attr;
    int err = vfs_open_flags(&flags);
    if (err < 0)
        return err;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return open_nameless(at, path);
    if (flags & O_CREAT)
        return open_or_create(at, path, flags, mode, out);
    return open_existing(at, path, flags, out, &attr);
}

struct file *vfs_nameless(struct node *node, u32 flags)
{
    struct attr attr;
    struct file *file = NULL;
    if (node->fs->ops->getattr(node, &attr) == 0)
        file = new_file(&(struct place){.node = *node, .path = ""}, flags, &attr);
    if (!file)
        vfs_clunk(node);
    return file;
}

struct file *vfs_get(struct file *file)
{
    file->refs++;
    return file;
}

void vfs_put(struct file *file)
{
    if (--file->refs)
        return;
    LIST_REMOVE(files, file, next);
    vfs_unlock_file(file);
    vfs_clunk(&file->node);
    vfs_path_free(file->path);
    mem_delete(file, sizeof *file);
}

struct file *vfs_files(void)
{
    return files;
}

void vfs_files_moved(const char *from, const char *to)
{
    for (struct file *f = files; f; f = f->next)
        if (!f->removed && vfs_path_moved(&f->path, from, to) < 0)
            f->removed = true; /* no memory for the name: it has none that anybody could tell */
}

void vfs_directory_removed(const char *path)
{
    for (struct file *f = files; f; f = f->next)
        f->removed |= f->directory && strcmp(f->path, path) == 0;
}
