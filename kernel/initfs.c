/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* initfs - the files that came with the image (cpio newc): a tree of nodes over an archive that stays where it is. */
#include "initfs.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"
#include "wire.h"

/*
 * An entry of the archive, each part padded to 4 bytes:
 *
 *     magic[6] 13 fields of 8 hex digits | name, NULs | data
 *
 * Who wants data at a certain place makes a name longer by more NULs, as for Linux.
 */
enum { HEADER = 110, MAGIC = 6, DIGITS = 8 };
enum {
    INO,
    MODE,
    UID,
    GID,
    NLINK,
    MTIME,
    FILESIZE,
    NAMESIZE = 11,
    FIELDS
}; /* those between are of devices; the 13th is not used */
#define TRAILER "TRAILER!!!"

struct entry {
    struct entry *next, *children, *parent; /* of the parent's children, in the archive's order */
    struct entry *linked;                   /* all files with more than one name, */
    bool is_linked;                         /* in which this one is */
    const char *name;
    u8 *data; /* a file's bytes, a link's target */
    u32 len;  /* of name */
    u32 mode, uid, gid, mtime, size;
    u32 ino;     /* ours */
    u32 archive; /* the archive's inode number, the same for all names of a file */
};

static struct entry root = {.parent = &root, .mode = S_IFDIR | 0755, .ino = 1};
static struct entry *linked;
static u32 last_ino = 1;

/* What points to it; where it is missing, the end of the list. */
static struct entry **find(struct entry *dir, const char *name, size_t len)
{
    struct entry **at = &dir->children;
    while (*at && ((*at)->len != len || *(*at)->name != *name || memcmp((*at)->name, name, len) != 0))
        at = &(*at)->next;
    return at;
}

/* At the end of the list of dir's children. The name must stay where it is. NULL: no memory. */
static struct entry *add(struct entry **end, struct entry *dir, const char *name, size_t len, u32 mode)
{
    struct entry *e = *end = mem_new(sizeof *e);
    if (!e)
        return NULL;
    e->parent = dir;
    e->name = name;
    e->len = (u32)len;
    e->mode = mode;
    e->ino = ++last_ino;
    return e;
}

/* ---- the archive ---- */

static bool is_dir(const struct entry *e)
{
    return (e->mode & S_IFMT) == S_IFDIR;
}

/* The entry for a path of the archive, with the directories before it. *out NULL: the name is not one that can be ("..", too long, a file in its middle). */
static int make_path(const char *path, size_t len, u32 mode, struct entry **out)
{
    const char *end = path + len;
    struct entry *e = &root;
    *out = NULL;
    while (path < end) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t n = (size_t)((slash ? slash : end) - path);
        if (n > VFS_NAME_MAX || (n == 2 && memcmp(path, "..", 2) == 0) || !is_dir(e))
            return 0;
        if (n > 1 || (n == 1 && *path != '.')) {
            struct entry **child = find(e, path, n);
            if (!*child && !add(child, e, path, n, path + n == end ? mode : S_IFDIR | 0755))
                return -ENOMEM;
            e = *child;
        }
        path += n + (slash != NULL);
    }
    *out = e;
    return 0;
}

/* All names of a file have its data, though the archive gives it with one of them only. */
static void share_data(struct entry *e)
{
    for (struct entry *other = linked; other; other = other->linked)
        if (other->archive == e->archive && !other->size && e->size) {
            other->data = e->data;
            other->size = e->size;
        } else if (other->archive == e->archive && !e->size) {
            e->data = other->data;
            e->size = other->size;
        }
    if (e->is_linked)
        return;
    e->is_linked = true;
    e->linked = linked;
    linked = e;
}

/* One entry into the tree; a name that was there before gets the later content, as when an archive is unpacked. */
static int take_entry(const u32 *field, const char *name, u8 *data)
{
    struct entry *e = NULL;
    u32 type = field[MODE] & S_IFMT;
    if (type != S_IFDIR && type != S_IFREG && type != S_IFLNK)
        return 0;
    size_t size = field[NAMESIZE], len = (size_t)((const char *)memchr(name, 0, size) - name);
    bool bad = len + 1 < size && name[len + 1] != 0; /* behind a name there is nothing but NULs */
    int err = bad ? 0 : make_path(name, len, field[MODE], &e);
    if (err < 0)
        return err;
    if (!e || is_dir(e) != (type == S_IFDIR)) {
        log_warn("initfs: \"%.*s\" left out: not a name that can be here", (int)MIN(len, 80), name);
        return 0;
    }
    e->mode = field[MODE] & 0177777;
    e->uid = field[UID];
    e->gid = field[GID];
    e->mtime = field[MTIME];
    e->archive = field[INO];
    if (type == S_IFDIR)
        return 0;
    e->data = data;
    e->size = field[FILESIZE];
    if (type == S_IFREG && field[NLINK] > 1)
        share_data(e);
    return 0;
}

/* From the last digit to the first that is not 0: most fields have none. */
static bool read_field(const char *p, u32 *out)
{
    u64 digits = *(const wire64 *)p, zeros = '0' * 0x0101010101010101ull;
    *out = 0;
    for (u32 unit = 1; digits != zeros; digits = digits << 8 | '0', unit *= 16) {
        u32 c = digits >> 56, digit = c - '0', letter = (c | 0x20) - 'a';
        if (digit > 9) {
            if (letter > 5)
                return false;
            digit = letter + 10;
        }
        *out += digit * unit;
    }
    return true;
}

static bool read_fields(const char *p, u32 *field)
{
    if (memcmp(p, "07070", 5) != 0 || (p[5] != '1' && p[5] != '2'))
        return false;
    for (unsigned i = 0; i < FIELDS; i++)
        if (!read_field(p + MAGIC + i * DIGITS, &field[i]))
            return false;
    return true;
}

/* The entry at `at`; returns where the next one is, 0: no entry there, `len`: the end. */
static size_t read_entry(u8 *archive, size_t len, size_t at, int *err)
{
    u32 field[FIELDS];
    if (len - at < HEADER || !read_fields((const char *)archive + at, field))
        return 0;
    const char *name = (const char *)archive + at + HEADER;
    size_t left = len - at - HEADER;
    if (field[NAMESIZE] == 0 || field[NAMESIZE] > MIN(left, VFS_PATH_MAX) || name[field[NAMESIZE] - 1] != 0)
        return 0;
    if (field[NAMESIZE] == sizeof TRAILER && memcmp(name, TRAILER, sizeof TRAILER) == 0)
        return len;
    size_t data = ALIGN_UP(at + HEADER + field[NAMESIZE], 4);
    if (data > len || field[FILESIZE] > len - data)
        return 0;
    *err = take_entry(field, name, archive + data);
    return MIN(ALIGN_UP(data + field[FILESIZE], 4), len);
}

static int read_archive(u8 *archive, size_t len)
{
    int err = 0;
    for (size_t at = 0, next; at < len && err == 0; at = next) {
        next = read_entry(archive, len, at, &err);
        if (next == 0) {
            log_warn("initfs: no cpio entry at byte %zu of %zu; the files before it are there", at, len);
            break;
        }
    }
    return err;
}

/* ---- the file system ---- */

static struct entry *entry_of(const struct node *node)
{
    return (struct entry *)(uintptr_t)node->id;
}

static struct qid qid_of(const struct entry *e)
{
    u32 type = e->mode & S_IFMT;
    return (struct qid){type == S_IFDIR ? QID_DIR : type == S_IFLNK ? QID_SYMLINK : 0, 0, e->ino};
}

static int initfs_attach(struct fs *fs, struct node *out)
{
    *out = (struct node){.fs = fs, .id = (u64)(uintptr_t)&root, .qid = qid_of(&root)};
    return 0;
}

static int initfs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out,
                       struct qid *qids)
{
    struct entry *e = entry_of(from);
    for (unsigned i = 0; i < n; i++) {
        struct entry *child = is_dir(e) ? *find(e, names[i].s, names[i].len) : NULL;
        if (!child)
            return i ? (int)i : -ENOENT;
        qids[i] = qid_of(child);
        e = child;
    }
    *out = (struct node){.fs = from->fs, .id = (u64)(uintptr_t)e, .qid = qid_of(e)};
    return (int)n;
}

static int initfs_getattr(struct node *node, struct attr *attr)
{
    const struct entry *e = entry_of(node);
    *attr = (struct attr){.qid = qid_of(e), .mode = e->mode, .uid = e->uid, .gid = e->gid, .nlink = 1, .size = e->size};
    attr->blksize = PAGE_SIZE;
    attr->blocks = (e->size + 511ull) / 512;
    attr->atime.sec = attr->mtime.sec = attr->ctime.sec = e->mtime;
    for (const struct entry *c = e->children; c; c = c->next)
        attr->nlink += is_dir(c);
    attr->nlink += is_dir(e);
    return 0;
}

static int initfs_open(struct node *node, u32 flags, struct attr *attr)
{
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    node->open = true;
    return initfs_getattr(node, attr);
}

static s64 initfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    const struct entry *e = entry_of(node);
    if (offset >= e->size)
        return 0;
    return (s64)mem_to_spans(spans, n, 0, e->data + offset, e->size - offset);
}

/* Cookie i: behind the i-th entry; "." and ".." are the first two. */
static int initfs_readdir(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    struct entry *dir = entry_of(node), *child = dir->children;
    int taken = 0;
    (void)room;
    for (u64 i = 0; i < 2 || child; i++) {
        struct entry *e = i == 0 ? dir : i == 1 ? dir->parent : child;
        struct dirent_info info = {e->ino, i + 1, (u8)((e->mode & S_IFMT) >> 12), {e->name, (u16)e->len}};
        if (i < 2)
            info.name = (struct name){"..", (u16)(i + 1)};
        else
            child = child->next;
        if (i < from)
            continue;
        if (!emit(ctx, &info))
            break;
        taken++;
    }
    return taken;
}

static int initfs_readlink(struct node *node, char *buf, size_t size)
{
    const struct entry *e = entry_of(node);
    if (e->size > size)
        return -ENAMETOOLONG;
    memcpy(buf, e->data, e->size);
    return (int)e->size;
}

static int initfs_mount_point(const struct node *parent, struct name name)
{
    struct entry *dir = entry_of(parent), **end = find(dir, name.s, name.len);
    if (*end)
        return -EEXIST;
    char *own = mem_new(name.len);
    if (!own)
        return -ENOMEM;
    memcpy(own, name.s, name.len);
    return add(end, dir, own, name.len, S_IFDIR | 0755) ? 0 : -ENOMEM;
}

static u64 initfs_lies(const struct node *node, u64 offset, u64 len)
{
    const struct entry *e = entry_of(node);
    return offset <= e->size && len <= e->size - offset ? mem_phys(e->data + offset) : 0;
}

static const struct fs_ops ops = {
    .type = "initfs",
    .attach = initfs_attach,
    .walk = initfs_walk,
    .open = initfs_open,
    .read = initfs_read,
    .lies = initfs_lies,
    .readdir = initfs_readdir,
    .getattr = initfs_getattr,
    .readlink = initfs_readlink,
    .mount_point = initfs_mount_point,
};

int initfs_init(void *archive, size_t len)
{
    static struct fs fs = {.ops = &ops, .tag = "initfs"};
    if (!vfs_find(fs.tag))
        vfs_register(&fs);
    return read_archive(archive, len);
}

const void *initfs_bytes(const char *dir, const char *name, size_t *len)
{
    struct entry *e = *find(&root, dir, strlen(dir));
    e = e ? *find(e, name, strlen(name)) : NULL;
    *len = e ? e->size : 0;
    return e ? e->data : NULL;
}
