/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* attrfs - /proc and /sys: trees that are nowhere stored; every look-up asks the classes for their objects' paths.
 *
 * A node's id names what it is: a file of an object, or a folder, which is the first `at` bytes of an object's path: of the first one that
 * has them, so that a folder has one id only. The top has no object. */
#include "attrfs.h"
#include "cmdline.h"
#include "mem.h"
#include "print.h"
#include "time.h"
#include "vfs.h"

enum { PROC_SUPER_MAGIC = 0x9fa0, SYSFS_MAGIC = 0x62656572 };
enum { FOLDER = 0xff, TOP = 0xfff }; /* in place of a file's number; in place of a class's */
#define CONTENT_MAX (1ul << 20)

extern const struct attrfs_class *const __start_attrfs_classes[], *const __stop_attrfs_classes[];

static const struct tree {
    const char *top; /* what its objects' paths begin with */
    u32 magic, folder_mode, file_size;
} trees[] = {{"proc", PROC_SUPER_MAGIC, 0555, 0}, {"sys", SYSFS_MAGIC, 0755, PAGE_SIZE}};

struct spot {
    unsigned object, class;
    unsigned at; /* bytes of the object's path: a folder's, or the folder's that the file is in */
    unsigned file;
};

static u64 pack(struct spot s)
{
    return (u64)s.object << 32 | (u64)s.class << 20 | (u64)s.at << 8 | s.file;
}

static struct spot unpack(u64 id)
{
    return (struct spot){(unsigned)(id >> 32), id >> 20 & 0xfff, id >> 8 & 0xfff, id & 0xff};
}

static unsigned classes(void)
{
    return (unsigned)(__stop_attrfs_classes - __start_attrfs_classes);
}

static const struct attrfs_class *class_of(struct spot s)
{
    return __start_attrfs_classes[s.class];
}

static const struct attrfs_file *file_of(struct spot s)
{
    return &class_of(s)->files[s.file];
}

/* The object, or if it is gone the next one that there is; NULL: the class has no more. */
static const void *object_from(struct spot *s, char path[ATTRFS_PATH])
{
    unsigned number = s->object;
    path[0] = 0;
    const void *object = class_of(*s)->object(&number, path);
    if (number != s->object)
        *s = (struct spot){number, s->class, 0, 0};
    return object;
}

/* NULL: it is gone. */
static const void *object_of(struct spot s, char path[ATTRFS_PATH])
{
    unsigned number = s.object;
    const void *object = object_from(&s, path);
    return s.object == number ? object : NULL;
}

/* Its path is the file's, not a folder's. */
static bool is_file_itself(struct spot s)
{
    return class_of(s)->nfiles && !class_of(s)->files[0].name[0];
}

static const struct tree *tree_of(const struct node *node)
{
    return node->fs->priv;
}

static u32 type_of(struct spot s)
{
    return s.file == FOLDER ? S_IFDIR : (file_of(s)->mode & S_IFMT) == S_IFLNK ? S_IFLNK : S_IFREG;
}

static struct qid qid_of(struct spot s)
{
    u32 type = type_of(s);
    return (struct qid){type == S_IFDIR ? QID_DIR : type == S_IFLNK ? QID_SYMLINK : 0, 0, pack(s)};
}

/* ---- content ---- */

int attrfs_add(struct attrfs_text *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t room = out->size - out->len;
    size_t n = print_vtext(out->s + out->len, room, fmt, args);
    va_end(args);
    out->len += room ? MIN(n, room - 1) : 0;
    return 0;
}

int attrfs_add_bytes(struct attrfs_text *out, const void *bytes, size_t n)
{
    n = MIN(n, out->size - out->len);
    memcpy(out->s + out->len, bytes, n);
    out->len += n;
    return 0;
}

bool attrfs_says(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && (!text[len] || (text[len] == '\n' && !text[len + 1]));
}

int attrfs_number(const char *text, u64 *out)
{
    char word[24];
    size_t len = strlen(text);
    len -= len && text[len - 1] == '\n';
    if (len >= sizeof word)
        return -EINVAL;
    memcpy(word, text, len);
    word[len] = 0;
    return cmdline_number(word, out) ? 0 : -EINVAL;
}

static int show(struct spot s, struct attrfs_text *out)
{
    char path[ATTRFS_PATH];
    const void *object = object_of(s, path);
    if (!object || !path[0])
        return -ENODEV;
    return file_of(s)->show ? file_of(s)->show(object, out) : 0;
}

/* ---- what is in a folder ---- */

struct cursor {
    char folder[ATTRFS_PATH];
    size_t len;             /* of folder */
    struct spot next;       /* what comes next: an object, and which of its files; `at` means nothing */
    char path[ATTRFS_PATH]; /* of the object at hand */
    struct spot child;      /* what was found, */
    struct name name;       /* which points into path, or is a file's */
};

static void start(struct cursor *c, struct spot folder, u64 from)
{
    c->next = unpack(from);
    c->len = folder.at;
    if (folder.class == TOP)
        print_text(c->folder, sizeof c->folder, "%s", trees[folder.object].top);
    else if (!object_of(folder, c->folder) || strlen(c->folder) < folder.at)
        c->len = 0;
}

/* The name that the object at hand has in the folder. */
static bool next_below(struct cursor *c)
{
    const char *name = c->path + c->len + 1, *end = name;
    if (c->next.file++)
        return false;
    while (*end && *end != '/')
        end++;
    if (end == name)
        return false;
    c->name = (struct name){name, (u16)(end - name)};
    c->child = c->next;
    c->child.at = (unsigned)(end - c->path);
    c->child.file = *end == 0 && is_file_itself(c->next) ? 0 : FOLDER;
    return true;
}

static bool next_file(struct cursor *c)
{
    if (c->next.file >= class_of(c->next)->nfiles)
        return false;
    c->child = c->next;
    c->child.at = (unsigned)c->len;
    c->name = vfs_name(file_of(c->child)->name);
    c->next.file++;
    return true;
}

/* The next entry, which may be the same folder again, or a file that the object does not have. */
static bool next(struct cursor *c)
{
    for (; c->len && c->next.class < classes(); c->next = (struct spot){.class = c->next.class + 1})
        for (; object_from(&c->next, c->path); c->next = (struct spot){c->next.object + 1, c->next.class, 0, 0}) {
            char end = strncmp(c->path, c->folder, c->len) == 0 ? c->path[c->len] : ' ';
            if ((end == '/' && next_below(c)) || (end == 0 && next_file(c)))
                return true;
        }
    return false;
}

/* The file is there; the folder is met for the first time. */
static bool counts(const struct cursor *c)
{
    char path[ATTRFS_PATH];
    struct spot s = {0}, child = c->child;
    if (child.file != FOLDER)
        return show(child, &(struct attrfs_text){path, 0, 0}) != -ENOENT;
    for (; s.class <= child.class; s = (struct spot){.class = s.class + 1})
        for (; object_from(&s, path) && (s.class < child.class || s.object < child.object); s.object++)
            if (strncmp(path, c->path, child.at) == 0 && (path[child.at] == '/' || !path[child.at]))
                return false;
    return true;
}

static bool is_named(const struct cursor *c, struct name name)
{
    return vfs_same_name(c->name, name) && (c->child.file == FOLDER || counts(c));
}

/* ---- the file systems ---- */

static int attrfs_attach(struct fs *fs, struct node *out)
{
    const struct tree *tree = fs->priv;
    struct spot top = {(unsigned)(tree - trees), TOP, (unsigned)strlen(tree->top), FOLDER};
    *out = (struct node){.fs = fs, .id = pack(top), .qid = qid_of(top)};
    return 0;
}

/* What was found last under a name, so that the next look-up need not ask every object. Made by the first look-up. */
enum { RECENT = 512 };
static struct recent {
    u64 folder, child;
} * recent;

static struct recent *recent_of(struct spot folder, struct name name)
{
    static struct recent only;
    if (!recent && !(recent = mem_new(RECENT * sizeof *recent)))
        return &only;
    u64 hash = pack(folder);
    for (unsigned i = 0; i < name.len; i++)
        hash = hash * 31 + (u8)name.s[i];
    return &recent[(hash ^ hash >> 32) % RECENT];
}

/* Is the child, whatever it is by now, still there in the cursor's folder under this name? */
static bool is_still(struct cursor *c, struct name name, struct spot child)
{
    c->next = c->child = child;
    if (!object_of(child, c->path) || strncmp(c->path, c->folder, c->len) != 0)
        return false;
    c->next.file = child.file == FOLDER || is_file_itself(child) ? 0 : child.file;
    bool found = c->path[c->len] == '/' ? next_below(c) : c->path[c->len] == 0 && next_file(c);
    return found && pack(c->child) == pack(child) && is_named(c, name);
}

static int find(struct spot folder, struct name name, struct spot *child)
{
    struct cursor c;
    struct recent *r = recent_of(folder, name);
    if (folder.file != FOLDER)
        return -ENOTDIR;
    start(&c, folder, 0);
    bool found = r->folder == pack(folder) && is_still(&c, name, unpack(r->child));
    for (c.next = found ? c.next : (struct spot){0}; !found && next(&c);)
        found = is_named(&c, name);
    if (!found)
        return -ENOENT;
    *r = (struct recent){pack(folder), pack(c.child)};
    *child = c.child;
    return 0;
}

static int attrfs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out,
                       struct qid *qids)
{
    struct spot s = unpack(from->id);
    vfs_heard++;
    for (unsigned i = 0; i < n; i++) {
        int err = find(s, names[i], &s);
        if (err < 0)
            return i ? (int)i : err;
        qids[i] = qid_of(s);
    }
    *out = (struct node){.fs = from->fs, .id = pack(s), .qid = qid_of(s)};
    return (int)n;
}

/* Sizes are as on Linux: not those of the contents, which nobody knows before they are read. Links of folders are not counted. */
static int attrfs_getattr(struct node *node, struct attr *attr)
{
    static u64 born;
    struct spot s = unpack(node->id);
    u32 type = type_of(s), mode = type == S_IFDIR   ? tree_of(node)->folder_mode
                                  : type == S_IFLNK ? 0777
                                                    : file_of(s)->mode;
    if (!born)
        born = time_wall_ns() / SECOND;
    *attr = (struct attr){.qid = node->qid, .mode = type | mode, .nlink = 1, .blksize = PAGE_SIZE};
    if (type == S_IFREG)
        attr->size = file_of(s)->size ? file_of(s)->size : tree_of(node)->file_size;
    attr->atime.sec = attr->mtime.sec = attr->ctime.sec = born;
    return 0;
}

/* A file's mode counts for everybody, as in Linux's sysfs. */
static int attrfs_open(struct node *node, u32 flags, struct attr *attr)
{
    struct spot s = unpack(node->id);
    u32 mode = s.file == FOLDER ? 0444 : file_of(s)->mode, how = flags & O_ACCMODE;
    if ((how != O_RDONLY && !(mode & 0222)) || (how != O_WRONLY && !(mode & 0444)))
        return -EACCES;
    node->open = true;
    return attrfs_getattr(node, attr);
}

static s64 attrfs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct spot s = unpack(node->id);
    u64 wanted = offset + mem_span_total(spans, n);
    size_t size = PAGE_SIZE;
    vfs_heard++;
    if (wanted < offset || offset >= CONTENT_MAX)
        return 0;
    for (;; size *= 2) {
        struct attrfs_text text = {mem_new(size), 0, MIN(size, wanted + 1)};
        if (!text.s)
            return -ENOMEM;
        s64 result = show(s, &text);
        bool all = text.len + 1 < size || wanted < size || size == CONTENT_MAX;
        if (result >= 0 && all && offset < text.len)
            result = (s64)mem_to_spans(spans, n, 0, text.s + offset, text.len - offset);
        mem_delete(text.s, size);
        if (result < 0 || all)
            return result;
    }
}

/* What comes in one call is one content, wherever it is written to; what is longer than a page is cut, as on Linux. */
static s64 attrfs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct spot s = unpack(node->id);
    char path[ATTRFS_PATH];
    size_t len = MIN(mem_span_total(spans, n), PAGE_SIZE);
    char *text = len ? mem_new(len + 1) : NULL;
    (void)offset;
    if (!text)
        return len ? -ENOMEM : 0;
    mem_from_spans(text, spans, n, 0, len);
    const void *object = object_of(s, path);
    int err = object && path[0] ? file_of(s)->store(object, text) : -ENODEV;
    mem_delete(text, len + 1);
    return err < 0 ? err : (s64)len;
}

/* Sizes mean nothing, so that any will do; the rest cannot be changed. */
static int sysfs_setattr(struct node *node, const struct attr_change *change)
{
    (void)node;
    return change->valid & (CHANGE_MODE | CHANGE_UID | CHANGE_GID) ? -EPERM : 0;
}

/* Who writes to a name that is not there hears it. */
static int sysfs_create(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr)
{
    (void)dir, (void)name, (void)flags, (void)mode, (void)attr;
    return -EACCES;
}

/* A target is told from the link's own folder, as on Linux. */
static int attrfs_readlink(struct node *node, char *buf, size_t size)
{
    struct spot s = unpack(node->id);
    struct attrfs_text text = {buf, 0, size};
    char path[ATTRFS_PATH];
    size_t up = 0;
    int result = object_of(s, path) ? 0 : -ENOENT;
    for (unsigned i = 0; i < s.at && path[i]; i++)
        up += path[i] == '/';
    for (up -= up && is_file_itself(s); up; up--)
        attrfs_add(&text, "../");
    up = text.len;
    if (result == 0)
        result = show(s, &text);
    if (result == ATTRFS_AS_IT_IS)
        memmove(buf, buf + up, text.len -= up);
    return result < 0 ? result : (int)text.len;
}

/* "." and ".." come first; then a cookie says where the cursor goes on. */
static int attrfs_readdir(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    struct cursor c;
    int taken = 0;
    (void)room;
    vfs_heard++;
    for (; from < 2; from++, taken++)
        if (!emit(ctx, &(struct dirent_info){node->id, from + 1, S_IFDIR >> 12, {"..", (u16)(from + 1)}}))
            return taken;
    for (start(&c, unpack(node->id), from - 2); next(&c);) {
        struct dirent_info info = {pack(c.child), pack(c.next) + 2, (u8)(type_of(c.child) >> 12), c.name};
        if (!counts(&c))
            continue;
        if (!emit(ctx, &info))
            break;
        taken++;
    }
    return taken;
}

static int attrfs_statfs(struct node *node, struct fs_stat *out)
{
    *out = (struct fs_stat){.type = tree_of(node)->magic, .bsize = PAGE_SIZE, .namelen = VFS_NAME_MAX};
    return 0;
}

#define OPS(name)                                                                                                      \
    .type = name, .attach = attrfs_attach, .walk = attrfs_walk, .open = attrfs_open, .read = attrfs_read,              \
    .readdir = attrfs_readdir, .getattr = attrfs_getattr, .readlink = attrfs_readlink, .statfs = attrfs_statfs

void attrfs_init(void)
{
    static const struct fs_ops proc_ops = {OPS("proc")};
    static const struct fs_ops sysfs_ops = {OPS("sysfs"), .write = attrfs_write, .setattr = sysfs_setattr,
                                            .create = sysfs_create};
    static struct fs proc = {.ops = &proc_ops, .priv = (void *)&trees[0], .tag = "proc"};
    static struct fs sysfs = {.ops = &sysfs_ops, .priv = (void *)&trees[1], .tag = "sysfs"};
    vfs_register(&proc);
    vfs_register(&sysfs);
}
