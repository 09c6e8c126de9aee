/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs - /sys: a tree that is nowhere stored; every look-up asks the classes.
 *
 * A node's id names what it is: its level, the class, and below that the object and the attribute. A directory above the objects is
 * the first `at` bytes of a class's path, of the first class that has them, so that it has one id only. */
#include "sysfs.h"
#include "mem.h"
#include "vfs.h"

extern const struct sysfs_class *const __start_sysfs_classes[], *const __stop_sysfs_classes[];

enum level { PREFIX, OBJECT, ATTR };
enum { NAME_MAX = 32 };

struct spot {
    enum level level;
    unsigned class;
    unsigned at; /* PREFIX: bytes of the path; ATTR: which */
    unsigned object;
};

static u64 pack(struct spot s)
{
    return (u64)s.object << 32 | (u64)s.class << 20 | (u64)s.at << 4 | s.level << 1 | 1;
}

static struct spot unpack(u64 id)
{
    return (struct spot){(enum level)(id >> 1 & 7), id >> 20 & 0xfff, id >> 4 & 0xffff, (unsigned)(id >> 32)};
}

static unsigned classes(void)
{
    return (unsigned)(__stop_sysfs_classes - __start_sysfs_classes);
}

static const struct sysfs_class *class_at(unsigned i)
{
    return __start_sysfs_classes[i];
}

static const struct sysfs_attr *attr_of(struct spot s)
{
    return &class_at(s.class)->attrs[s.at];
}

/* NULL: it is gone. */
static const void *object_of(struct spot s)
{
    char name[NAME_MAX];
    return class_at(s.class)->object(s.object, name);
}

static u32 mode_of(struct spot s)
{
    u32 mode = s.level == ATTR ? attr_of(s)->mode : S_IFDIR | 0555;
    return (mode & S_IFMT) == S_IFLNK ? mode | 0777 : mode & S_IFMT ? mode : mode | S_IFREG;
}

static struct qid qid_of(struct spot s)
{
    u32 type = mode_of(s) & S_IFMT;
    return (struct qid){type == S_IFDIR ? QID_DIR : type == S_IFLNK ? QID_SYMLINK : 0, 0, pack(s)};
}

/* ---- what is in a directory: the i-th entry; each returns false when there are no more, *skip when there is none at i ---- */

/* The part of class k's path that lies in directory s: its name, and the directory that it leads to. */
static bool prefix_entry(struct spot s, unsigned k, struct spot *child, struct name *name)
{
    const char *path = class_at(k)->path;
    if (strncmp(path, class_at(s.class)->path, s.at) != 0 || (s.at && path[s.at] != '/'))
        return false;
    name->s = path + s.at + (s.at > 0);
    for (name->len = 0; name->s[name->len] && name->s[name->len] != '/';)
        name->len++;
    *child = (struct spot){PREFIX, k, (unsigned)(name->s + name->len - path), 0};
    for (unsigned first = 0; first < k; first++) {
        const char *other = class_at(first)->path;
        if (strncmp(other, path, child->at) == 0 && (other[child->at] == '/' || !other[child->at]))
            return false;
    }
    return true;
}

static bool is_class(struct spot s)
{
    return s.level == PREFIX && class_at(s.class)->path[s.at] == 0;
}

static bool has_attr(struct spot s, const void *object, char *buf)
{
    return object && attr_of(s)->show(object, buf, PAGE_SIZE) != -ENOENT;
}

/* Entry i of directory s. 1: there it is, its name in *name (or in text); 0: nothing at i; -1: the end. */
static int entry_at(struct spot s, unsigned i, struct spot *child, struct name *name, char text[NAME_MAX], char *page)
{
    if (is_class(s)) {
        *child = (struct spot){OBJECT, s.class, 0, i};
        if (!class_at(s.class)->object(i, text))
            return -1;
        *name = (struct name){text, (u16)strlen(text)};
        return 1;
    }
    if (s.level == PREFIX)
        return i >= classes() ? -1 : prefix_entry(s, i, child, name);
    *child = (struct spot){ATTR, s.class, i, s.object};
    if (s.level == ATTR || i >= class_at(s.class)->nattrs)
        return -1;
    *name = (struct name){attr_of(*child)->name, (u16)strlen(attr_of(*child)->name)};
    return has_attr(*child, object_of(s), page);
}

/* ---- the file system ---- */

static int sysfs_attach(struct fs *fs, struct node *out)
{
    struct spot top = {PREFIX, 0, 0, 0};
    *out = (struct node){.fs = fs, .id = pack(top), .qid = qid_of(top)};
    return 0;
}

static int find(struct spot s, struct name name, struct spot *child, char *page)
{
    char text[NAME_MAX];
    struct name is;
    int kind;
    for (unsigned i = 0; (kind = entry_at(s, i, child, &is, text, page)) >= 0; i++)
        if (kind && is.len == name.len && memcmp(is.s, name.s, name.len) == 0)
            return 0;
    return -ENOENT;
}

static int sysfs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    struct spot s = unpack(from->id), child;
    char *page = mem_new(PAGE_SIZE);
    unsigned i = 0;
    if (!page)
        return -ENOMEM;
    for (; i < n && find(s, names[i], &child, page) == 0; i++) {
        s = child;
        qids[i] = qid_of(s);
    }
    mem_delete(page, PAGE_SIZE);
    if (i < n)
        return i ? (int)i : -ENOENT;
    *out = (struct node){.fs = from->fs, .id = pack(s), .qid = qid_of(s)};
    return (int)n;
}

static int sysfs_getattr(struct node *node, struct attr *attr)
{
    u32 mode = mode_of(unpack(node->id));
    *attr = (struct attr){.qid = node->qid, .mode = mode, .nlink = 1, .blksize = PAGE_SIZE};
    attr->nlink += (mode & S_IFMT) == S_IFDIR;
    attr->size = (mode & S_IFMT) == S_IFREG ? PAGE_SIZE : 0; /* as on Linux: not known before it is read */
    return 0;
}

static int sysfs_open(struct node *node, u32 flags, struct attr *attr)
{
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EROFS;
    node->open = true;
    return sysfs_getattr(node, attr);
}

/* A file's content: its length. */
static s64 show(const struct node *node, char *buf, size_t size)
{
    struct spot s = unpack(node->id);
    const void *object = s.level == ATTR ? object_of(s) : NULL;
    return object ? attr_of(s)->show(object, buf, size) : s.level == ATTR ? -ENODEV : -EINVAL;
}

static s64 sysfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    char *page = mem_new(PAGE_SIZE);
    if (!page)
        return -ENOMEM;
    s64 len = show(node, page, PAGE_SIZE);
    if (len > 0)
        len = offset >= (u64)len ? 0 : (s64)mem_to_spans(spans, n, 0, page + offset, (u64)len - offset);
    mem_delete(page, PAGE_SIZE);
    return len;
}

static int sysfs_readlink(struct node *node, char *buf, size_t size)
{
    return (int)show(node, buf, size);
}

/* Cookie i: behind place i of the directory; "." and ".." are the first two. */
static int sysfs_readdir(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    struct spot s = unpack(node->id), child;
    char text[NAME_MAX], *page = mem_new(PAGE_SIZE);
    int taken = 0, kind = 1;
    (void)room;
    if (!page)
        return -ENOMEM;
    for (u64 i = from; kind >= 0; i++) {
        struct dirent_info info = {node->id, i + 1, S_IFDIR >> 12, {"..", (u16)(i + 1)}};
        if (i >= 2)
            kind = entry_at(s, (unsigned)i - 2, &child, &info.name, text, page);
        if (i >= 2 && kind > 0) {
            info.ino = pack(child);
            info.type = (u8)((mode_of(child) & S_IFMT) >> 12);
        }
        if (kind > 0 && !emit(ctx, &info))
            break;
        taken += kind > 0;
    }
    mem_delete(page, PAGE_SIZE);
    return taken;
}

static const struct fs_ops ops = {
    .type = "sysfs",
    .attach = sysfs_attach,
    .walk = sysfs_walk,
    .open = sysfs_open,
    .read = sysfs_read,
    .readdir = sysfs_readdir,
    .getattr = sysfs_getattr,
    .readlink = sysfs_readlink,
};

void sysfs_init(void)
{
    static struct fs fs = {.ops = &ops, .tag = "sysfs"};
    vfs_register(&fs);
}
