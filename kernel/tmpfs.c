/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tmpfs - a file system in memory: names in directories, and what they name.
 * An inode lives while it has a name or a node: what is removed while it is open stays until it is closed. */
#include "tmpfs.h"
#include "mem.h"
#include "sparse.h"
#include "time.h"
#include "vfs.h"

enum {
    DAY = 86400,
    DOT = 1,
    DOTDOT = 2,
    FIRST = 3,   /* cookies */
    DIRENT = 20, /* what a name adds to a directory's size, as on Linux */
    KEEP = 8,    /* one part of memory in so many is not for files: the rest must live when they have taken all */
};

struct entry {
    struct entry *next;
    struct inode *inode;
    u64 cookie; /* ascending along the list, never used twice in a directory: listings go on behind one whatever comes and goes */
    u16 len;
    char name[];
};

struct inode {
    struct attr a; /* all but its blocks */
    u32 nodes;
    struct sparse data;
    char *target; /* a link's */
    struct entry *entries, **last;
    struct inode *parent; /* it stands while this is a directory that has a name */
    u64 cookie;           /* for the next entry */
};

static u64 last_ino;

static struct inode *inode_of(const struct node *node)
{
    return (struct inode *)(uintptr_t)node->id;
}

static u32 type_of(const struct inode *i)
{
    return i->a.mode & S_IFMT;
}

static u32 is_dir(const struct inode *i)
{
    return type_of(i) == S_IFDIR;
}

static struct timestamp now(void)
{
    u64 ns = time_wall_ns();
    return (struct timestamp){ns / SECOND, ns % SECOND};
}

static void touch(struct inode *i)
{
    i->a.mtime = i->a.ctime = now();
}

static bool is_later(struct timestamp a, struct timestamp b)
{
    return a.sec != b.sec ? a.sec > b.sec : a.nsec > b.nsec;
}

/* As "relatime" has it: the first time after a change, and once a day. */
static void accessed(struct inode *i)
{
    struct timestamp t = now();
    if (!is_later(i->a.atime, i->a.mtime) || !is_later(i->a.atime, i->a.ctime) || (s64)(t.sec - i->a.atime.sec) >= DAY)
        i->a.atime = t;
}

/* Pages that files may still take. */
static u64 room(void)
{
    u64 kept = mem_total_count() / KEEP, free = mem_free_count() + mem_kept;
    return free > kept ? free - kept : 0;
}

static void *allocate(size_t size)
{
    return room() ? mem_new(size) : NULL;
}

static struct inode *new_inode(u32 mode)
{
    struct inode *i = allocate(sizeof *i);
    if (!i)
        return NULL;
    i->a.mode = mode;
    i->a.blksize = PAGE_SIZE;
    i->a.qid = (struct qid){is_dir(i) ? QID_DIR : type_of(i) == S_IFLNK ? QID_SYMLINK : 0, 0, ++last_ino};
    i->last = &i->entries;
    i->cookie = FIRST;
    i->a.nlink = is_dir(i); /* its own "." */
    i->a.size = is_dir(i) ? 2 * DIRENT : 0;
    return i;
}

static void free_if_unused(struct inode *i)
{
    if (i->a.nlink || i->nodes)
        return;
    sparse_cut(&i->data, 0);
    mem_delete(i->target, i->a.size);
    mem_delete(i, sizeof *i);
}

/* ---- data ---- */

static s64 tmpfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct inode *i = inode_of(node);
    u64 want = offset < i->a.size ? MIN(mem_span_total(spans, n), i->a.size - offset) : 0;
    sparse_read(&i->data, spans, n, offset, want);
    if (want)
        accessed(i);
    return (s64)want;
}

static s64 tmpfs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct inode *i = inode_of(node);
    u64 want = mem_span_total(spans, n);
    if (want && offset >= INT64_MAX)
        return -EFBIG;
    want = MIN(want, INT64_MAX - offset);
    u64 done = sparse_write(&i->data, spans, n, offset, want, room());
    if (done) {
        i->a.size = MAX(i->a.size, offset + done);
        touch(i);
    }
    return done || !want ? (s64)done : -ENOSPC;
}

static void set_size(struct inode *i, u64 size)
{
    sparse_cut(&i->data, size);
    i->a.size = size;
    touch(i);
}

/* ---- names ---- */

static struct entry **find(struct inode *dir, struct name name)
{
    struct entry **e = &dir->entries;
    while (*e && !vfs_same_name((struct name){(*e)->name, (*e)->len}, name))
        e = &(*e)->next;
    return e;
}

/* A name more for the inode; a directory's ".." is a name of its parent. */
static void hold(struct inode *dir, struct inode *i)
{
    i->a.nlink++;
    dir->a.nlink += is_dir(i);
    i->parent = dir;
}

/* A name less. A directory has no other. */
static void let_go(struct inode *dir, struct inode *i)
{
    i->a.nlink -= 1 + is_dir(i);
    dir->a.nlink -= is_dir(i);
    i->a.ctime = now();
    free_if_unused(i);
}

/* Takes an inode that has no name yet if it comes to nothing. */
static int add_name(struct inode *dir, struct name name, struct inode *inode)
{
    struct entry *e = dir->a.nlink ? allocate(sizeof *e + name.len) : NULL;
    if (!e)
        return dir->a.nlink ? -ENOSPC : -ENOENT; /* removed while somebody stands in it */
    e->inode = inode;
    e->cookie = dir->cookie++;
    e->len = name.len;
    memcpy(e->name, name.s, name.len);
    *dir->last = e;
    dir->last = &e->next;
    dir->a.size += DIRENT;
    hold(dir, inode);
    touch(dir);
    return 0;
}

static void remove_name(struct inode *dir, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next;
    if (dir->last == &e->next)
        dir->last = at;
    dir->a.size -= DIRENT;
    touch(dir);
    let_go(dir, e->inode);
    mem_delete(e, sizeof *e + e->len);
}

static int make(const struct node *node, struct name name, u32 mode, struct inode **out)
{
    struct inode *dir = inode_of(node), *i;
    if (*find(dir, name))
        return -EEXIST;
    *out = i = new_inode(mode);
    if (!i)
        return -ENOSPC;
    i->a.atime = i->a.mtime = i->a.ctime = now();
    if (dir->a.mode & S_ISGID) {
        i->a.gid = dir->a.gid;
        i->a.mode |= is_dir(i) ? S_ISGID : 0;
    }
    int err = add_name(dir, name, i);
    if (err < 0)
        mem_delete(i, sizeof *i);
    return err;
}

/* ---- verbs ---- */

static struct node node_for(struct fs *fs, struct inode *i)
{
    i->nodes++;
    return (struct node){.fs = fs, .id = (u64)(uintptr_t)i, .qid = i->a.qid};
}

static int tmpfs_attach(struct fs *fs, struct node *root)
{
    struct inode *i = fs->priv ? fs->priv : new_inode(S_IFDIR | 01777);
    if (!i)
        return -ENOMEM;
    i->a.nlink += !fs->priv;
    fs->priv = i->parent = i;
    *root = node_for(fs, i);
    return 0;
}

static int tmpfs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    struct inode *i = inode_of(from);
    for (unsigned k = 0; k < n; k++) {
        struct entry *e = is_dir(i) ? *find(i, names[k]) : NULL;
        if (!e)
            return k ? (int)k : -ENOENT;
        i = e->inode;
        qids[k] = i->a.qid;
    }
    *out = node_for(from->fs, i);
    return (int)n;
}

static void tmpfs_clunk(struct node *node)
{
    inode_of(node)->nodes--;
    free_if_unused(inode_of(node));
}

static int tmpfs_getattr(struct node *node, struct attr *attr)
{
    struct inode *i = inode_of(node);
    vfs_tell_time();
    if (!i->a.ctime.sec) /* the root, which is older than the clock */
        i->a.atime = i->a.mtime = i->a.ctime = now();
    *attr = i->a;
    attr->blocks = i->data.pages * (PAGE_SIZE / 512);
    return 0;
}

static int tmpfs_open(struct node *node, u32 flags, struct attr *attr)
{
    struct inode *i = inode_of(node);
    if (type_of(i) != S_IFREG && !is_dir(i))
        return -ENXIO;
    if (flags & O_TRUNC)
        set_size(i, 0);
    node->open = true;
    return tmpfs_getattr(node, attr);
}

static int tmpfs_create(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr)
{
    struct inode *i;
    (void)flags;
    int err = make(dir, name, S_IFREG | mode, &i);
    if (err < 0)
        return err;
    struct node node = node_for(dir->fs, i);
    tmpfs_clunk(dir);
    *dir = node;
    dir->open = true;
    return tmpfs_getattr(dir, attr);
}

static int tmpfs_mkdir(const struct node *dir, struct name name, u32 mode)
{
    struct inode *i;
    return make(dir, name, S_IFDIR | mode | (inode_of(dir)->a.mode & S_ISGID), &i);
}

static int tmpfs_mount_point(const struct node *dir, struct name name)
{
    return tmpfs_mkdir(dir, name, 0755);
}

static int tmpfs_mknod(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor)
{
    struct inode *i;
    int err = make(dir, name, mode, &i);
    if (err == 0 && (type_of(i) == S_IFCHR || type_of(i) == S_IFBLK)) {
        i->a.rdev_major = major;
        i->a.rdev_minor = minor;
    }
    return err;
}

static int tmpfs_symlink(const struct node *dir, struct name name, const char *target, size_t len)
{
    struct inode *i;
    char *copy = allocate(len);
    if (!copy)
        return -ENOSPC;
    int err = make(dir, name, S_IFLNK | 0777, &i);
    if (err < 0) {
        mem_delete(copy, len);
        return err;
    }
    i->target = memcpy(copy, target, len);
    i->a.size = len;
    return 0;
}

static int tmpfs_link(const struct node *dir, struct name name, const struct node *target)
{
    struct inode *i = inode_of(target);
    if (*find(inode_of(dir), name))
        return -EEXIST;
    int err = i->a.nlink ? add_name(inode_of(dir), name, i) : -ENOENT;
    if (err == 0)
        i->a.ctime = now();
    return err;
}

/* Whether `i` may take the place of what has the name already. */
static int may_replace(const struct inode *i, const struct inode *there)
{
    if (is_dir(i) && !is_dir(there))
        return -ENOTDIR;
    if (!is_dir(i) && is_dir(there))
        return -EISDIR;
    return there->entries ? -ENOTEMPTY : 0;
}

static int tmpfs_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    struct inode *source = inode_of(from), *target = inode_of(to);
    struct entry *old = *find(source, old_name), *there = *find(target, new_name);
    struct inode *i = old ? old->inode : NULL;
    if (!old || !target->a.nlink)
        return -ENOENT;
    for (const struct inode *up = target; is_dir(i) && up->parent != up; up = up->parent)
        if (up == i)
            return -EINVAL; /* into itself */
    if (there && there->inode == i)
        return 0;
    int err = there ? may_replace(i, there->inode) : add_name(target, new_name, i);
    if (err < 0)
        return err;
    if (there) {
        hold(target, i);
        let_go(target, there->inode);
        there->inode = i;
        touch(target);
    }
    remove_name(source, find(source, old_name));
    i->a.nlink += is_dir(i); /* its ".", which went with what was taken for its only name */
    return 0;
}

static int tmpfs_unlink(const struct node *node, struct name name, bool directory)
{
    struct inode *dir = inode_of(node);
    struct entry **e = find(dir, name);
    if (!*e)
        return -ENOENT;
    if (is_dir((*e)->inode) != directory)
        return directory ? -ENOTDIR : -EISDIR;
    if ((*e)->inode->entries)
        return -ENOTEMPTY;
    remove_name(dir, e);
    return 0;
}

/* A new owner takes off the bits that would lend him rights. */
static void set_owner(struct inode *i, const struct attr_change *c)
{
    if (c->valid & CHANGE_UID)
        i->a.uid = c->uid;
    if (c->valid & CHANGE_GID)
        i->a.gid = c->gid;
    if (!is_dir(i))
        i->a.mode &= ~(S_ISUID | (i->a.mode & S_IXGRP ? S_ISGID : 0u));
}

static int tmpfs_setattr(struct node *node, const struct attr_change *c)
{
    struct inode *i = inode_of(node);
    struct timestamp t = now();
    if ((c->valid & CHANGE_SIZE) && (node->open || c->size != i->a.size)) /* by name what stays so is not touched */
        set_size(i, c->size);
    if (c->valid & (CHANGE_UID | CHANGE_GID) || c->valid == CHANGE_CTIME)
        set_owner(i, c);
    if (c->valid & CHANGE_MODE)
        i->a.mode = type_of(i) | (c->mode & 07777);
    if (c->valid & CHANGE_ATIME)
        i->a.atime = c->valid & CHANGE_ATIME_SET ? c->atime : t;
    if (c->valid & CHANGE_MTIME)
        i->a.mtime = c->valid & CHANGE_MTIME_SET ? c->mtime : t;
    i->a.ctime = t;
    return 0;
}

/* Cookie c: behind the entry that has it. */
static int tmpfs_readdir(struct node *node, u64 from, size_t size, dirent_fn emit, void *ctx)
{
    struct inode *dir = inode_of(node);
    int taken = 0;
    (void)size;
    if (!dir->a.nlink)
        return -ENOENT; /* its parent may be gone */
    const struct dirent_info dots[] = {{dir->a.qid.path, DOT, S_IFDIR >> 12, {".", 1}},
                                       {dir->parent->a.qid.path, DOTDOT, S_IFDIR >> 12, {"..", 2}}};
    for (u64 i = from; i < ARRAY_LEN(dots); i++, taken++)
        if (!emit(ctx, &dots[i]))
            return taken;
    accessed(dir);
    for (const struct entry *e = dir->entries; e; e = e->next) {
        if (e->cookie <= from)
            continue;
        u8 type = (u8)(type_of(e->inode) >> 12);
        if (!emit(ctx, &(struct dirent_info){e->inode->a.qid.path, e->cookie, type, {e->name, e->len}}))
            break;
        taken++;
    }
    return taken;
}

static int tmpfs_readlink(struct node *node, char *buf, size_t size)
{
    struct inode *i = inode_of(node);
    if (i->a.size > size)
        return -ENAMETOOLONG;
    memcpy(buf, i->target, i->a.size);
    accessed(i);
    return (int)i->a.size;
}

static int tmpfs_statfs(struct node *node, struct fs_stat *out)
{
    enum { TMPFS_MAGIC = 0x01021994 };
    u64 all = mem_total_count() - mem_total_count() / KEEP, free = room();
    (void)node;
    *out = (struct fs_stat){TMPFS_MAGIC, PAGE_SIZE, VFS_NAME_MAX, all, free, free, all, free, 0, false};
    return 0;
}

static const struct fs_ops ops = {
    .type = "tmpfs",
    .attach = tmpfs_attach,
    .walk = tmpfs_walk,
    .clunk = tmpfs_clunk,
    .open = tmpfs_open,
    .read = tmpfs_read,
    .write = tmpfs_write,
    .create = tmpfs_create,
    .readdir = tmpfs_readdir,
    .getattr = tmpfs_getattr,
    .setattr = tmpfs_setattr,
    .readlink = tmpfs_readlink,
    .statfs = tmpfs_statfs,
    .mkdir = tmpfs_mkdir,
    .mount_point = tmpfs_mount_point,
    .mknod = tmpfs_mknod,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .rename = tmpfs_rename,
    .unlink = tmpfs_unlink,
};

int tmpfs_init(void)
{
    static struct fs fs = {.ops = &ops, .tag = "tmpfs"};
    fs.priv = NULL;
    return vfs_register(&fs);
}
