/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tmpfs - file systems in memory: a tree of names over inodes whose data are pages. */
#include "tmpfs.h"
#include "mem.h"
#include "time.h"
#include "vfs.h"

enum { NANO = 1000000000, DOT = 1, DOTDOT = 2, FIRST = 3, PAGES_MAX = (1 << 20) / 8 };

struct entry {
    struct entry *next;
    struct inode *inode;
    u64 cookie; /* ascending along the list, never used twice in a directory */
    u16 len;
    char name[];
};

/* Lives while it has a name or a node. */
struct inode {
    u64 ino;
    u32 links, nodes;
    u32 mode, uid, gid, major, minor;
    struct timestamp atime, mtime, ctime;
    u64 size;
    char *target;  /* a link's */
    u64 *pages;    /* physical addresses, 0: a hole */
    u64 npages;    /* room in the table */
    u64 allocated; /* pages that are there */
    struct entry *entries, **last;
    struct inode *parent;
    u64 cookie;
};

static u64 last_ino;

static struct inode *inode_of(const struct node *node)
{
    return (struct inode *)(uintptr_t)node->id;
}

static bool is_dir(const struct inode *i)
{
    return (i->mode & S_IFMT) == S_IFDIR;
}

static struct timestamp now(void)
{
    u64 ns = time_wall_ns();
    return (struct timestamp){ns / NANO, ns % NANO};
}

static void touch(struct inode *i)
{
    i->mtime = i->ctime = now();
}

static struct qid qid_of(const struct inode *i)
{
    u32 type = i->mode & S_IFMT;
    return (struct qid){type == S_IFDIR ? QID_DIR : type == S_IFLNK ? QID_SYMLINK : 0, 0, i->ino};
}

static struct inode *new_inode(u32 mode)
{
    struct inode *i = mem_new(sizeof *i);
    if (!i)
        return NULL;
    i->ino = ++last_ino;
    i->mode = mode;
    i->last = &i->entries;
    i->cookie = FIRST;
    return i;
}

/* ---- data ---- */

static void free_pages(struct inode *i, u64 from)
{
    for (u64 p = from; p < i->npages; p++) {
        mem_pages_free(i->pages[p], i->pages[p] ? 1 : 0);
        i->allocated -= i->pages[p] != 0;
        i->pages[p] = 0;
    }
}

static void free_inode(struct inode *i)
{
    if (i->links || i->nodes)
        return;
    free_pages(i, 0);
    mem_delete(i->pages, i->npages * sizeof *i->pages);
    if ((i->mode & S_IFMT) == S_IFLNK)
        mem_delete(i->target, i->size);
    mem_delete(i, sizeof *i);
}

static int grow_table(struct inode *i, u64 pages)
{
    u64 room = MAX(i->npages, 2ul);
    if (pages <= i->npages)
        return 0;
    if (pages > PAGES_MAX)
        return -EFBIG;
    while (room < pages)
        room *= 2;
    u64 *table = mem_new(room * sizeof *table);
    if (!table)
        return -ENOSPC;
    if (i->pages)
        memcpy(table, i->pages, i->npages * sizeof *table);
    mem_delete(i->pages, i->npages * sizeof *table);
    i->pages = table;
    i->npages = room;
    return 0;
}

/* The page that holds byte `offset`, made if need be; NULL: no memory. */
static u8 *page_at(struct inode *i, u64 offset)
{
    u64 *page = &i->pages[offset / PAGE_SIZE];
    if (!*page) {
        *page = mem_pages(1, PAGE_SIZE);
        if (!*page)
            return NULL;
        memset(mem_virt(*page), 0, PAGE_SIZE);
        i->allocated++;
    }
    return mem_virt(*page);
}

static s64 tmpfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct inode *i = inode_of(node);
    u64 want = offset < i->size ? MIN(mem_span_total(spans, n), i->size - offset) : 0;
    for (u64 done = 0; done < want;) {
        u64 at = offset + done, in = at % PAGE_SIZE, piece = MIN(PAGE_SIZE - in, want - done);
        u64 page = at / PAGE_SIZE < i->npages ? i->pages[at / PAGE_SIZE] : 0;
        if (page)
            mem_to_spans(spans, n, done, (u8 *)mem_virt(page) + in, piece);
        else
            mem_zero_spans(spans, n, done, piece);
        done += piece;
    }
    return (s64)want;
}

static s64 tmpfs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct inode *i = inode_of(node);
    u64 want = mem_span_total(spans, n), done = 0;
    if (want > (u64)INT64_MAX - offset)
        return -EFBIG;
    int err = want == 0 ? 0 : grow_table(i, (offset + want + PAGE_SIZE - 1) / PAGE_SIZE);
    while (err == 0 && done < want) {
        u64 at = offset + done, in = at % PAGE_SIZE, piece = MIN(PAGE_SIZE - in, want - done);
        u8 *page = page_at(i, at);
        if (!page)
            break;
        done += mem_from_spans(page + in, spans, n, done, piece);
    }
    if (done) {
        i->size = MAX(i->size, offset + done);
        touch(i);
    }
    return done ? (s64)done : err ? err : want ? -ENOSPC : 0;
}

static int set_size(struct inode *i, u64 size)
{
    int err = size <= i->size ? 0 : grow_table(i, (size + PAGE_SIZE - 1) / PAGE_SIZE);
    if (err < 0)
        return err;
    if (size < i->size) {
        free_pages(i, (size + PAGE_SIZE - 1) / PAGE_SIZE);
        if (size % PAGE_SIZE && i->pages[size / PAGE_SIZE])
            memset((u8 *)mem_virt(i->pages[size / PAGE_SIZE]) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
    }
    i->size = size;
    touch(i);
    return 0;
}

/* ---- names ---- */

static struct entry **find(struct inode *dir, struct name name)
{
    struct entry **e = &dir->entries;
    while (*e && ((*e)->len != name.len || memcmp((*e)->name, name.s, name.len) != 0))
        e = &(*e)->next;
    return e;
}

static int add_name(struct inode *dir, struct name name, struct inode *inode)
{
    struct entry *e = mem_new(sizeof *e + name.len);
    if (!e)
        return -ENOSPC;
    e->inode = inode;
    e->cookie = dir->cookie++;
    e->len = name.len;
    memcpy(e->name, name.s, name.len);
    *dir->last = e;
    dir->last = &e->next;
    inode->links++;
    if (is_dir(inode))
        inode->parent = dir;
    return 0;
}

static void unname(struct inode *dir, struct entry **at)
{
    struct entry *e = *at;
    *at = e->next;
    if (dir->last == &e->next)
        dir->last = at;
    e->inode->links--;
    e->inode->ctime = now();
    free_inode(e->inode);
    mem_delete(e, sizeof *e + e->len);
}

static int make(const struct node *node, struct name name, u32 mode, struct inode **out)
{
    struct inode *dir = inode_of(node);
    if (!dir->links && dir->parent != dir)
        return -ENOENT; /* removed while somebody stands in it */
    if (*find(dir, name))
        return -EEXIST;
    struct inode *i = new_inode(mode);
    int err = i ? add_name(dir, name, i) : -ENOSPC;
    if (err < 0) {
        mem_delete(i, sizeof *i);
        return err;
    }
    i->atime = now();
    touch(i);
    touch(dir);
    *out = i;
    return 0;
}

/* ---- verbs ---- */

static struct node node_for(struct fs *fs, struct inode *i)
{
    i->nodes++;
    return (struct node){.fs = fs, .id = (u64)(uintptr_t)i, .qid = qid_of(i)};
}

static int tmpfs_attach(struct fs *fs, struct node *root)
{
    *root = node_for(fs, fs->priv);
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
        qids[k] = qid_of(i);
    }
    *out = node_for(from->fs, i);
    return (int)n;
}

static void tmpfs_clunk(struct node *node)
{
    struct inode *i = inode_of(node);
    i->nodes--;
    free_inode(i);
}

static int tmpfs_getattr(struct node *node, struct attr *attr)
{
    const struct inode *i = inode_of(node);
    *attr = (struct attr){.qid = qid_of(i),
                          .mode = i->mode,
                          .uid = i->uid,
                          .gid = i->gid,
                          .nlink = i->links,
                          .size = i->size,
                          .atime = i->atime,
                          .mtime = i->mtime,
                          .ctime = i->ctime,
                          .rdev_major = i->major,
                          .rdev_minor = i->minor};
    attr->blksize = PAGE_SIZE;
    attr->blocks = i->allocated * (PAGE_SIZE / 512);
    if (!is_dir(i))
        return 0;
    attr->nlink = i->links || i->parent == i ? 2 : 0;
    for (const struct entry *e = i->entries; e; e = e->next)
        attr->nlink += is_dir(e->inode);
    return 0;
}

static int tmpfs_open(struct node *node, u32 flags, struct attr *attr)
{
    u32 type = inode_of(node)->mode & S_IFMT;
    if (type != S_IFREG && type != S_IFDIR)
        return -ENXIO;
    int err = flags & O_TRUNC ? set_size(inode_of(node), 0) : 0;
    node->open = err == 0;
    return err < 0 ? err : tmpfs_getattr(node, attr);
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
    return make(dir, name, S_IFDIR | mode, &i);
}

static int tmpfs_mount_point(const struct node *dir, struct name name)
{
    return tmpfs_mkdir(dir, name, 0755);
}

static int tmpfs_mknod(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor)
{
    struct inode *i;
    int err = make(dir, name, mode, &i);
    if (err == 0) {
        i->major = major;
        i->minor = minor;
    }
    return err;
}

static int tmpfs_symlink(const struct node *dir, struct name name, const char *target, size_t len)
{
    struct inode *i;
    char *copy = mem_new(len);
    if (!copy)
        return -ENOSPC;
    memcpy(copy, target, len);
    int err = make(dir, name, S_IFLNK | 0777, &i);
    if (err < 0) {
        mem_delete(copy, len);
        return err;
    }
    i->target = copy;
    i->size = len;
    return 0;
}

static int tmpfs_link(const struct node *dir, struct name name, const struct node *target)
{
    struct inode *i = inode_of(target);
    if (*find(inode_of(dir), name))
        return -EEXIST;
    if (!i->links)
        return -ENOENT;
    i->ctime = now();
    touch(inode_of(dir));
    return add_name(inode_of(dir), name, i);
}

/* Whether `old` may take the place of what has the name already. */
static int may_replace(const struct inode *old, const struct inode *there)
{
    if (is_dir(old) && !is_dir(there))
        return -ENOTDIR;
    if (!is_dir(old) && is_dir(there))
        return -EISDIR;
    return is_dir(there) && there->entries ? -ENOTEMPTY : 0;
}

static int tmpfs_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    struct inode *source = inode_of(from), *target = inode_of(to);
    struct entry **old = find(source, old_name), **there = find(target, new_name);
    if (!*old)
        return -ENOENT;
    struct inode *i = (*old)->inode;
    for (const struct inode *up = target; is_dir(i) && up->parent != up; up = up->parent)
        if (up == i)
            return -EINVAL; /* into itself */
    if (*there && (*there)->inode == i)
        return 0;
    int err = *there ? may_replace(i, (*there)->inode) : 0;
    if (err == 0)
        err = add_name(target, new_name, i);
    if (err < 0)
        return err;
    if (*there && (*there)->inode != i)
        unname(target, there);
    unname(source, find(source, old_name));
    touch(source);
    touch(target);
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
    if (directory && (*e)->inode->entries)
        return -ENOTEMPTY;
    unname(dir, e);
    touch(dir);
    return 0;
}

static int tmpfs_setattr(struct node *node, const struct attr_change *c)
{
    struct inode *i = inode_of(node);
    int err = c->valid & CHANGE_SIZE ? set_size(i, c->size) : 0;
    if (err < 0)
        return err;
    if (c->valid & CHANGE_MODE)
        i->mode = (i->mode & S_IFMT) | (c->mode & 07777);
    if (c->valid & CHANGE_UID)
        i->uid = c->uid;
    if (c->valid & CHANGE_GID)
        i->gid = c->gid;
    if (c->valid & CHANGE_ATIME)
        i->atime = c->valid & CHANGE_ATIME_SET ? c->atime : now();
    if (c->valid & CHANGE_MTIME)
        i->mtime = c->valid & CHANGE_MTIME_SET ? c->mtime : now();
    i->ctime = now();
    return 0;
}

/* Cookie c: behind the entry that has it. */
static int tmpfs_readdir(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    struct inode *dir = inode_of(node);
    const struct dirent_info dots[] = {{dir->ino, DOT, S_IFDIR >> 12, {".", 1}},
                                       {dir->parent->ino, DOTDOT, S_IFDIR >> 12, {"..", 2}}};
    int taken = 0;
    (void)room;
    for (u64 i = from; i < ARRAY_LEN(dots); i++, taken++)
        if (!emit(ctx, &dots[i]))
            return taken;
    for (const struct entry *e = dir->entries; e; e = e->next) {
        if (e->cookie <= from)
            continue;
        u8 type = (u8)((e->inode->mode & S_IFMT) >> 12);
        if (!emit(ctx, &(struct dirent_info){e->inode->ino, e->cookie, type, {e->name, e->len}}))
            break;
        taken++;
    }
    return taken;
}

static int tmpfs_readlink(struct node *node, char *buf, size_t size)
{
    const struct inode *i = inode_of(node);
    if (i->size > size)
        return -ENAMETOOLONG;
    memcpy(buf, i->target, i->size);
    return (int)i->size;
}

static int tmpfs_statfs(struct node *node, struct fs_stat *out)
{
    enum { TMPFS_MAGIC = 0x01021994 };
    (void)node;
    *out =
        (struct fs_stat){.type = TMPFS_MAGIC, .bsize = PAGE_SIZE, .namelen = VFS_NAME_MAX, .blocks = mem_total_count()};
    out->bfree = out->bavail = mem_free_count();
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
    struct inode *root = new_inode(S_IFDIR | 01777);
    if (!root)
        return -ENOMEM;
    root->parent = root;
    fs.priv = root;
    return vfs_register(&fs);
}
