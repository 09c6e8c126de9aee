/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_9p_edit - the fake server's messages that change the tree, and those that may end a fid. */
#include <stdlib.h>
#include <string.h>

#include "fake_9p.h"
#include "vfs.h"
#include "wire.h"

enum { NO_GID = -1, AT_REMOVEDIR = 0x200 };

#define VERB(name)                                                                                                     \
    static int name(struct fake_9p *s, __attribute__((unused)) struct fake_pending *p, struct wire *in,                \
                    __attribute__((unused)) struct wire *out)

static bool is_dir(const struct fake_file *f)
{
    return (f->mode & S_IFMT) == S_IFDIR;
}

/* The next name of a message, checked (rule C16). */
static struct name get_name(struct fake_9p *s, struct wire *in)
{
    struct name name;
    name.s = wire_get_string(in, &name.len);
    fake_9p_check_name(s, name.s, name.len);
    return name;
}

static void check_gid(struct fake_9p *s, struct wire *in)
{
    if (wire_get32(in) != (u32)NO_GID)
        fake_9p_violated(s, "C8: a gid that is not ~0");
}

/* Of a name or a target; none is ever lost. */
static char *copy_of(const char *bytes, size_t len)
{
    static struct copy {
        struct copy *older;
        char bytes[];
    } * all;
    struct copy *copy = calloc(1, sizeof *copy + len + 1);
    copy->older = all;
    all = copy;
    memcpy(copy->bytes, bytes, len);
    return copy->bytes;
}

/* A new object in a directory; NULL: *err tells why not. */
static struct fake_file *add(struct fake_file *dir, struct name name, u32 mode, int *err)
{
    *err = !dir ? -ENOENT : !is_dir(dir) ? -ENOTDIR : fake_9p_child(dir, name.s, name.len) ? -EEXIST : 0;
    return *err ? NULL : fake_file(dir, copy_of(name.s, name.len), mode, "", 0);
}

static void take_out(struct fake_file *f)
{
    struct fake_file **at = &f->parent->children;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    f->next = f->parent = NULL;
}

static int unlink_file(struct fake_file *f)
{
    if (f->children)
        return -ENOTEMPTY;
    take_out(f);
    return 0;
}

VERB(do_lcreate)
{
    int err;
    u32 fid = wire_get32(in);
    struct fake_file *dir = fake_9p_file(s, p, fid);
    struct name name = get_name(s, in);
    u32 flags = wire_get32(in), mode = wire_get32(in);
    check_gid(s, in);
    if ((flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
        fake_9p_violated(s, "C7: Tlcreate without EXCL");
    if (dir && s->fids[fid].open)
        fake_9p_violated(s, "Tlcreate with an open fid");
    struct fake_file *f = add(dir, name, S_IFREG | mode, &err);
    if (!f)
        return err;
    s->fids[fid] = (struct fake_fid){.file = f, .open = true, .flags = flags};
    p->newfid = fid;
    fake_9p_put_qid(out, f);
    wire_put32(out, 0);
    return 0;
}

/* Gives a file content of its own that can grow to `size`. */
static void own(struct fake_file *f, u64 size)
{
    char *bytes = calloc(1, MAX(size, f->size) + 1);
    for (u64 i = 0; i < f->size; i++)
        bytes[i] = f->data ? f->data[i] : (char)fake_byte(i);
    free(f->own);
    f->data = f->own = bytes;
}

static int collect(struct fake_9p *s, struct fake_fid *fid, u64 offset, const u8 *data, u32 count)
{
    if (offset > fid->announced || count > fid->announced - offset) {
        fake_9p_violated(s, "more written than Txattrcreate announced");
        return -ENOSPC;
    }
    memcpy(fid->value->bytes + offset, data, count);
    fid->value->len += count;
    return (int)count;
}

static int write_file(struct fake_fid *fid, struct fake_file *f, u64 offset, const u8 *data, u32 count)
{
    if (!fid->open || (fid->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (fid->flags & O_APPEND)
        offset = f->size;
    if (offset + count > f->size || !f->own)
        own(f, offset + count);
    memcpy(f->own + offset, data, count);
    f->size = MAX(f->size, offset + count);
    return (int)count;
}

VERB(do_write)
{
    u32 fid = wire_get32(in);
    u64 offset = wire_get64(in);
    u32 count = wire_get32(in);
    const u8 *data = wire_take(in, count);
    struct fake_file *f = fake_9p_file(s, p, fid);
    if (!f || !data)
        return -EINVAL;
    u32 n = s->max_write ? MIN(count, s->max_write) : count;
    struct fake_fid *at = &s->fids[fid];
    u64 from = at->flags & O_APPEND ? f->size : offset;
    bool full = s->room && n > s->room - MIN(s->room, from);
    n = full ? (u32)(s->room - MIN(s->room, from)) : n;
    int put = at->collects ? collect(s, at, offset, data, n) : write_file(at, f, offset, data, n);
    put = full ? -ENOSPC : put;
    wire_put32(out, (u32)put);
    return MIN(put, 0);
}

VERB(do_mkdir)
{
    int err;
    struct fake_file *dir = fake_9p_file(s, p, wire_get32(in));
    struct name name = get_name(s, in);
    u32 mode = wire_get32(in);
    check_gid(s, in);
    struct fake_file *f = add(dir, name, S_IFDIR | mode, &err);
    if (f)
        fake_9p_put_qid(out, f);
    return err;
}

VERB(do_symlink)
{
    int err;
    u16 len;
    struct fake_file *dir = fake_9p_file(s, p, wire_get32(in));
    struct name name = get_name(s, in);
    const char *target = wire_get_string(in, &len);
    check_gid(s, in);
    struct fake_file *f = add(dir, name, S_IFLNK | 0777, &err);
    if (!f)
        return err;
    f->data = copy_of(target, len);
    f->size = len;
    fake_9p_put_qid(out, f);
    return 0;
}

VERB(do_mknod)
{
    int err;
    struct fake_file *dir = fake_9p_file(s, p, wire_get32(in));
    struct name name = get_name(s, in);
    u32 mode = wire_get32(in), major = wire_get32(in), minor = wire_get32(in);
    check_gid(s, in);
    struct fake_file *f = add(dir, name, mode, &err);
    if (!f)
        return err;
    f->major = major;
    f->minor = minor;
    fake_9p_put_qid(out, f);
    return 0;
}

VERB(do_link)
{
    int err;
    struct fake_file *dir = fake_9p_file(s, p, wire_get32(in)), *old = fake_9p_file(s, p, wire_get32(in));
    struct name name = get_name(s, in);
    if (!old)
        return -ENOENT;
    struct fake_file *f = add(dir, name, old->mode, &err);
    if (!f)
        return err;
    f->ino = old->ino;
    f->size = old->size;
    f->data = old->data ? copy_of(old->data, old->size) : NULL;
    return 0;
}

static int move(struct fake_file *f, struct fake_file *dir, struct name name)
{
    if (!f || !dir)
        return -ENOENT;
    for (struct fake_file *up = dir; up && up != up->parent; up = up->parent)
        if (up == f)
            return -EINVAL;
    struct fake_file *there = fake_9p_child(dir, name.s, name.len);
    if (there == f)
        return 0;
    int err = there ? unlink_file(there) : 0;
    if (err < 0)
        return err;
    take_out(f);
    f->name = copy_of(name.s, name.len);
    f->parent = dir;
    f->next = dir->children;
    dir->children = f;
    return 0;
}

VERB(do_rename)
{
    struct fake_file *f = fake_9p_file(s, p, wire_get32(in)), *dir = fake_9p_file(s, p, wire_get32(in));
    return move(f, dir, get_name(s, in));
}

VERB(do_renameat)
{
    struct fake_file *from = fake_9p_file(s, p, wire_get32(in));
    struct name old = get_name(s, in);
    struct fake_file *to = fake_9p_file(s, p, wire_get32(in));
    return move(from ? fake_9p_child(from, old.s, old.len) : NULL, to, get_name(s, in));
}

VERB(do_unlinkat)
{
    struct fake_file *dir = fake_9p_file(s, p, wire_get32(in));
    struct name name = get_name(s, in);
    u32 flags = wire_get32(in);
    struct fake_file *f = dir ? fake_9p_child(dir, name.s, name.len) : NULL;
    if (flags & ~(u32)AT_REMOVEDIR)
        fake_9p_violated(s, "Tunlinkat with other flags than AT_REMOVEDIR");
    if (!f)
        return -ENOENT;
    if (is_dir(f) != !!flags)
        return flags ? -ENOTDIR : -EISDIR;
    return unlink_file(f);
}

VERB(do_setattr)
{
    struct fake_file *f = fake_9p_file(s, p, wire_get32(in));
    u32 valid = wire_get32(in), mode = wire_get32(in), uid = wire_get32(in), gid = wire_get32(in);
    u64 size = wire_get64(in);
    wire_take(in, 32);
    if (valid & ~0x1ffu)
        fake_9p_violated(s, "Tsetattr with bits that are none");
    if (!f)
        return -EINVAL;
    f->mode =
        valid & CHANGE_MODE ? mode : f->mode; /* the type too, as servers do that write modes down beside their files */
    f->uid = valid & CHANGE_UID ? uid : f->uid;
    f->gid = valid & CHANGE_GID ? gid : f->gid;
    if (valid & CHANGE_SIZE) {
        own(f, size);
        f->size = size;
    }
    return 0;
}

VERB(do_fsync)
{
    u32 fid = wire_get32(in), data_only = wire_get32(in);
    if (data_only > 1)
        fake_9p_violated(s, "Tfsync's datasync is 0 or 1");
    return fake_9p_file(s, p, fid) && s->fids[fid].open ? 0 : -EBADF;
}

/* ---- attributes ---- */

static struct fake_value *new_value(struct name name)
{
    static struct fake_value *all; /* so that none is ever lost */
    struct fake_value *v = calloc(1, sizeof *v);
    v->older = all;
    memcpy(v->name, name.s, MIN(name.len, 255));
    return all = v;
}

void fake_9p_set_value(struct fake_file *file, const char *name, const void *bytes, u64 len)
{
    struct fake_value *v = new_value((struct name){name, (u16)strlen(name)});
    memcpy(v->bytes, bytes, len);
    v->len = len;
    v->next = file->values;
    file->values = v;
}

static struct fake_value **value_of(struct fake_file *f, const char *name)
{
    struct fake_value **at = &f->values;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static struct fake_value *list_of(const struct fake_file *f)
{
    struct fake_value *list = new_value((struct name){"", 0});
    for (const struct fake_value *v = f->values; v; v = v->next) {
        memcpy(list->bytes + list->len, v->name, strlen(v->name) + 1);
        list->len += strlen(v->name) + 1;
    }
    return list;
}

VERB(do_xattrwalk)
{
    u16 len;
    char name[256] = {0};
    struct fake_file *f = fake_9p_file(s, p, wire_get32(in));
    u32 newfid = wire_get32(in);
    const char *text = wire_get_string(in, &len);
    if (!f || !text || len > 255)
        return -EINVAL;
    memcpy(name, text, len);
    struct fake_value *v = len ? *value_of(f, name) : list_of(f);
    int err = v ? fake_9p_make(s, p, newfid, f) : -ENODATA;
    if (err < 0)
        return err;
    s->fids[newfid].value = v;
    wire_put64(out, v->len);
    return 0;
}

VERB(do_xattrcreate)
{
    struct name name;
    u32 fid = wire_get32(in);
    struct fake_file *f = fake_9p_file(s, p, fid);
    name.s = wire_get_string(in, &name.len);
    u64 size = wire_get64(in);
    u32 flags = wire_get32(in);
    if (!f || s->fids[fid].open || size > 65536)
        return f ? -ENOSPC : -EINVAL;
    s->fids[fid].value = new_value(name);
    s->fids[fid].collects = true;
    s->fids[fid].announced = size;
    s->fids[fid].how = flags;
    return 0;
}

/* What was collected becomes the value, or the value goes. */
static int commit(const struct fake_fid *fid)
{
    struct fake_value **at = value_of(fid->file, fid->value->name);
    if (fid->value->len != fid->announced)
        return -EINVAL;
    if (*at ? (fid->how & XATTR_CREATE) : (fid->how & XATTR_REPLACE) || !fid->announced)
        return *at ? -EEXIST : -ENODATA;
    struct fake_value *next = *at ? (*at)->next : NULL;
    *at = fid->announced ? fid->value : next;
    if (fid->announced)
        fid->value->next = next;
    return 0;
}

/* ---- the ends of fids ---- */

VERB(do_clunk)
{
    u32 fid = wire_get32(in);
    if (!fake_9p_file(s, p, fid))
        return -ENOENT;
    int err = s->fids[fid].collects ? commit(&s->fids[fid]) : 0;
    s->fids[fid].file = NULL;
    s->fids[fid].clunking = true;
    return err;
}

VERB(do_remove)
{
    u32 fid = wire_get32(in);
    struct fake_file *f = fake_9p_file(s, p, fid);
    if (!f)
        return -ENOENT;
    s->fids[fid].file = NULL;
    s->fids[fid].clunking = true;
    return unlink_file(f);
}

/* ---- locks ---- */

static void check_lock(struct fake_9p *s, struct fake_pending *p, u32 fid, u8 type, u16 len)
{
    if (!fake_9p_file(s, p, fid) || !s->fids[fid].open)
        fake_9p_violated(s, "a lock on a fid that is not open");
    if (type > F_UNLCK || len == 0)
        fake_9p_violated(s, "a lock without a type or a client");
}

VERB(do_lock)
{
    u16 len;
    u32 fid = wire_get32(in);
    u8 type = wire_get8(in);
    if (wire_get32(in))
        fake_9p_violated(s, "Tlock that blocks");
    wire_take(in, 8 + 8 + 4);
    wire_get_string(in, &len);
    check_lock(s, p, fid, type, len);
    wire_put8(out, s->lock_status);
    return 0;
}

VERB(do_getlock)
{
    u16 len;
    u32 fid = wire_get32(in);
    u8 type = wire_get8(in);
    wire_take(in, 8 + 8 + 4);
    const char *client = wire_get_string(in, &len);
    check_lock(s, p, fid, type, len);
    wire_put8(out, s->held_type);
    wire_put64(out, s->held_start);
    wire_put64(out, s->held_len);
    wire_put32(out, s->held_pid);
    wire_put_string(out, client, len);
    return 0;
}

const fake_verb fake_9p_edits[128] = {
    [P9_TLCREATE] = do_lcreate,
    [P9_TSYMLINK] = do_symlink,
    [P9_TMKNOD] = do_mknod,
    [P9_TRENAME] = do_rename,
    [P9_TSETATTR] = do_setattr,
    [P9_TXATTRWALK] = do_xattrwalk,
    [P9_TXATTRCREATE] = do_xattrcreate,
    [P9_TFSYNC] = do_fsync,
    [P9_TLOCK] = do_lock,
    [P9_TGETLOCK] = do_getlock,
    [P9_TLINK] = do_link,
    [P9_TMKDIR] = do_mkdir,
    [P9_TRENAMEAT] = do_renameat,
    [P9_TUNLINKAT] = do_unlinkat,
    [P9_TWRITE] = do_write,
    [P9_TCLUNK] = do_clunk,
    [P9_TREMOVE] = do_remove,
};
