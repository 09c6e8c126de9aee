/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_fs - a 9P2000.L share as a file system: struct fs_ops, and the messages but those that move data (9p_io.c).
 *
 * node.id is the fid in its low half. The high half is a hint. Of an open file: its size when that was last heard of (0: not known, all ones: that or
 * more), up to which reads go out together. Of an open directory: the entries given since its start. */
#include "9p.h"
#include "9p_client.h"
#include "arch.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"
#include "wire.h"

enum {
    DIRECTORY_MAX = 1u << 24,  /* entries; a server that gives more gives the same ones for ever */
    BLKSIZE_MAX = 64 * 1024,   /* st_blksize is what programs make their buffers of; QEMU says msize */
    TARGET_MAX = VFS_PATH_MAX, /* bytes of a symbolic link */
    GETATTR_BASIC = 0x7ff,
    SURE_CYCLES = 1 << 24 /* a few milliseconds: what a slow machine needs from open to read */
};
/* Bits of Rgetattr's valid. */
enum {
    MODE = 1,
    NLINK = 2,
    UID = 4,
    GID = 8,
    RDEV = 16,
    ATIME = 32,
    MTIME = 64,
    CTIME = 128,
    SIZE = 512,
    BLOCKS = 1024
};

struct p9 *p9_of(const struct node *node)
{
    return node->fs->priv;
}

u32 p9_fid(const struct node *node)
{
    return (u32)node->id;
}

struct wire p9_begin_on(struct p9_call *call, const struct node *node, u8 type)
{
    return p9_begin_fid(call, p9_of(node), type, p9_fid(node));
}

u32 p9_hint(const struct node *node)
{
    return (u32)(node->id >> 32);
}

static void set_hint(struct node *node, u64 hint)
{
    node->id = p9_fid(node) | MIN(hint, ~0u) << 32;
}

COLD int p9_attach_fid(struct p9 *client, u32 fid, struct qid *qid)
{
    struct p9_call call;
    struct wire w = p9_begin(&call, client, P9_TATTACH);
    wire_put32(&w, fid);
    wire_put32(&w, P9_NOFID);
    wire_put_string(&w, "root", 4);
    wire_put_string(&w, p9_aname(client), strlen(p9_aname(client)));
    wire_put32(&w, ~0u); /* NONUNAME: whoever the server is (rule C8) */
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    *qid = p9_get_qid(&w);
    return wire_ok(&w) && (qid->type & QID_DIR) ? 0 : p9_bad(&call, "no root directory");
}

static COLD int p9fs_attach(struct fs *fs, struct node *root)
{
    struct p9 *client = fs->priv;
    int err = p9_session(client);
    if (err < 0)
        return err;
    u32 fid = p9_fid_new(client);
    if (fid == P9_NOFID)
        return -ENFILE;
    p9_chain_forget();
    p9_gather_flush(client); /* which another mode may have allowed */
    p9_cache_free(client);
    struct qid qid;
    err = p9_attach_fid(client, fid, &qid);
    if (err == 0)
        err = p9_note(client, fid, P9_NOFID, NULL, 0, &qid);
    if (err < 0)
        p9_fid_unmade(client, fid, err == -EIO || err == -ENOMEM);
    else
        *root = (struct node){.fs = fs, .id = fid, .qid = qid};
    return MIN(err, 0);
}

/* How many of the names one Twalk takes: 16, or fewer when they are long. */
unsigned p9_names_that_fit(const struct name *names, unsigned n)
{
    size_t room = P9_OUT - 17;
    unsigned i = 0;
    while (i < MIN(n, P9_NAMES) && (size_t)names[i].len + 2 <= room)
        room -= names[i++].len + 2u;
    return i;
}

void p9_send_walk(struct p9_call *call, struct p9 *client, u32 fid, u32 newfid, const struct name *names, unsigned n)
{
    struct wire w = p9_begin_fid(call, client, P9_TWALK, fid);
    size_t size = 6;
    for (unsigned i = 0; i < n; i++)
        size += 2u + names[i].len;
    u8 *p = wire_take(&w, size);
    if (p) {
        *(wire32 *)p = newfid;
        *(wire16 *)(p + 4) = (u16)n;
        p += 6;
    }
    for (unsigned i = 0; p && i < n; p += 2 + names[i++].len) {
        *(wire16 *)p = names[i].len;
        memcpy(p + 2, names[i].s, names[i].len);
    }
    p9_send(call, &w);
}

int p9_finish_walk(struct p9_call *call, unsigned n, struct qid *qids)
{
    struct wire w;
    int err = p9_finish(call, &w);
    if (err < 0)
        return err;
    u16 got = wire_get16(&w);
    if (got > n)
        return p9_bad(call, "walked further than asked");
    for (unsigned i = 0; i < got; i++)
        qids[i] = p9_get_qid(&w);
    if (!wire_ok(&w))
        return p9_bad(call, "short Rwalk");
    return got || !n ? got : -ENOENT;
}

/* Names walked; newfid exists if that is n. */
int p9_walk_some(struct p9 *client, u32 fid, u32 newfid, const struct name *names, unsigned n, struct qid *qids)
{
    struct p9_call call;
    p9_send_walk(&call, client, fid, newfid, names, n);
    return p9_finish_walk(&call, n, qids);
}

/* More than one Twalk takes goes on from the new fid to itself. */
static int p9fs_walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    struct p9 *client = p9_of(from);
    unsigned done = 0, part;
    u8 next = from->fs->next_verb;
    struct p9_call call;
    from->fs->next_verb = 0;
    if (p9_chained) /* answers that nobody took are for no other node */
        p9_chain_forget();
    p9_gather_flush(client);
    int got = next & (VFS_NEXT_CHANGE | VFS_NEXT_WALK) ? p9_dirs_walk(from, next, names, n, out, qids) : -EAGAIN;
    if (got != -EAGAIN)
        return got;
    got = p9_cache_walk(from, names, n, qids);
    if (got != -EAGAIN && got != (int)n)
        return got;
    u32 at = p9_fid(from), fid = p9_fid_new(client);
    if (fid == P9_NOFID)
        return -ENFILE;
    do {
        part = p9_names_that_fit(names + done, n - done);
        p9_send_walk(&call, client, at, fid, names + done, part);
        if (client->order != P9_ANY_ORDER && done + part == n)
            p9_chain_send(client, at, fid, next & ~(VFS_NEXT_CHANGE | VFS_NEXT_WALK));
        got = p9_finish_walk(&call, part, qids + done);
        const struct qid *last = part ? &qids[done + part - 1] : &from->qid;
        if (got == (int)part && p9_note(client, fid, at, names + done, part, last) < 0)
            got = -ENOMEM;
        if (got == (int)part)
            at = fid;
        done += (unsigned)MAX(got, 0);
    } while (got == (int)part && done < n && (qids[done - 1].type & QID_DIR));
    bool there = got == (int)part && done == n, left = false;
    p9_cache_learn_walk(from, names, n, got < 0 && !done ? got : (int)done, qids);
    if (there)
        *out = (struct node){.fs = from->fs, .id = fid, .qid = n ? qids[n - 1] : from->qid};
    if (client->order != P9_ANY_ORDER)
        left = p9_chain_finish(client, there ? &out->qid : NULL);
    if (there && next == VFS_NEXT_CHANGE)
        p9_dirs_keep(from, qids, n, out);
    if (there)
        return (int)n;
    p9_fid_unmade(client, fid, left || at == fid || got == -EIO || got == -ENOMEM);
    return got < 0 && (!done || got == -EIO) ? got : (int)done;
}

static void p9fs_clunk(struct node *node)
{
    struct p9 *client = p9_of(node);
    if (node->known) {
        p9_dirs_clunk(node);
        return;
    }
    p9_list_close(client, p9_fid(node));
    p9_ahead_close(node);
    p9_dirs_close(client, p9_fid(node));
    p9_clunk(client, p9_fid(node), node->told || client->nriding >= P9_RIDE);
}

/* Rgetattr's body. */
struct rgetattr {
    le64 valid;
    u8 qid_type;
    le32 qid_version;
    le64 qid_path;
    le32 mode, uid, gid;
    le64 nlink, rdev, size, blksize, blocks;
    le64 atime[2], mtime[2], ctime[2]; /* seconds, nanoseconds */
    le64 not_asked_for[4];             /* btime, gen, data_version */
} __attribute__((packed, may_alias));
_Static_assert(sizeof(struct rgetattr) == 153, "9P2000.L, getattr");

static struct timestamp get_time(le64 sec, le64 nsec, bool valid)
{
    return valid && le64_get(nsec) < 1000000000 ? (struct timestamp){le64_get(sec), le64_get(nsec)}
                                                : (struct timestamp){0};
}

/* Only fields whose bit is set count (rule C10); without a type there is no object to speak of. */
static int get_attr(struct p9_call *call, struct wire *w, struct attr *a)
{
    const struct rgetattr *r = (const struct rgetattr *)wire_take(w, sizeof *r);
    u64 valid = r ? le64_get(r->valid) : 0;
    if (!(valid & MODE) || ((le32_get(r->mode) & S_IFMT) == S_IFDIR) != !!(r->qid_type & QID_DIR))
        return p9_bad(call, "attributes without a type, or with two");
    a->qid = (struct qid){r->qid_type, le32_get(r->qid_version), le64_get(r->qid_path)};
    a->mode = le32_get(r->mode);
    a->uid = valid & UID ? le32_get(r->uid) : 0;
    a->gid = valid & GID ? le32_get(r->gid) : 0;
    a->nlink = valid & NLINK ? le64_get(r->nlink) : 1;
    a->size = valid & SIZE ? le64_get(r->size) : 0;
    a->blksize = MIN(MAX(le64_get(r->blksize), 512), BLKSIZE_MAX);
    a->blocks = valid & BLOCKS ? le64_get(r->blocks) : (a->size + 511) / 512;
    a->atime = get_time(r->atime[0], r->atime[1], valid & ATIME);
    a->mtime = get_time(r->mtime[0], r->mtime[1], valid & MTIME);
    a->ctime = get_time(r->ctime[0], r->ctime[1], valid & CTIME);
    a->btime = (struct timestamp){0};
    u64 rdev = valid & RDEV ? le64_get(r->rdev) : 0;
    a->rdev_major = vfs_device_major(rdev);
    a->rdev_minor = vfs_device_minor(rdev);
    return a->size > INT64_MAX ? -EOVERFLOW : 0;
}

void p9_send_getattr(struct p9_call *call, struct p9 *client, u32 fid)
{
    struct wire w = p9_begin_fid(call, client, P9_TGETATTR, fid);
    wire_put64(&w, GETATTR_BASIC);
    p9_send(call, &w);
}

int p9_finish_getattr(struct p9_call *call, struct attr *attr)
{
    struct wire w;
    int err = p9_finish(call, &w);
    if (err == 0)
        err = get_attr(call, &w, attr);
    if (err == 0 && call->client->fs->cache == CACHE_LOOSE)
        p9_cache_learn_attr(call->client, attr);
    return err;
}

/* What was asked of the node together with its walk. */
static const struct p9_answers *answered(const struct node *node, u8 verb)
{
    return p9_chained == p9_of(node) ? p9_chain_take(p9_fid(node), verb) : NULL;
}

/*
 * A file's size is sure only while this guest cannot have heard that it is another one: nothing was sent or heard since, and no time went by to speak of.
 * A read that comes at once then asks for no more than there is, which saves the server a second look (rule C9).
 */
static struct sure {
    const struct fs *fs;
    u32 fid;
    u64 size, heard, cycles;
} sure;

static void learn_size(struct node *node, const struct attr *attr)
{
    if (!node->open || (attr->mode & S_IFMT) != S_IFREG)
        return;
    set_hint(node, attr->size);
    sure = (struct sure){node->fs, p9_fid(node), attr->size, vfs_heard, arch_cycles()};
}

u64 p9_sure_size(const struct node *node)
{
    bool same = sure.fs == node->fs && sure.fid == p9_fid(node) && sure.heard == vfs_heard;
    return same && arch_cycles() - sure.cycles < SURE_CYCLES ? sure.size : 0;
}

static int p9fs_getattr(struct node *node, struct attr *attr)
{
    const struct p9_answers *had = answered(node, VFS_NEXT_GETATTR);
    struct p9_call call;
    p9_gather_flush(p9_of(node));
    if (had) {
        *attr = *had->attr;
        return had->result;
    }
    if (p9_cache_attr(p9_of(node), node->qid.path, attr))
        return 0;
    p9_send_getattr(&call, p9_of(node), p9_fid(node));
    int err = p9_finish_getattr(&call, attr);
    if (err == 0)
        learn_size(node, attr);
    return err;
}

/* Not blocking: a server that opens a fifo must not wait for its other end. */
void p9_send_open(struct p9_call *call, struct p9 *client, u32 fid, u32 flags)
{
    struct wire w = p9_begin_fid(call, client, P9_TLOPEN, fid);
    wire_put32(&w, flags | O_NONBLOCK | O_LARGEFILE);
    p9_send(call, &w);
}

int p9_finish_open(struct p9_call *call, struct p9 *client, u32 fid, u32 flags, struct qid *qid)
{
    struct wire w;
    int err = p9_finish(call, &w);
    if (err < 0)
        return err;
    *qid = p9_get_qid(&w);
    wire_get32(&w); /* iounit: no bound that we need, and the server's word only (case P23) */
    p9_note_open(client, fid, flags);
    return wire_ok(&w) ? 0 : p9_bad(call, "short Rlopen");
}

/* Tlopen and Tgetattr in one kick. */
static int open_and_getattr(struct node *node, u32 flags, struct qid *qid, struct attr *attr)
{
    const struct p9_answers *had = answered(node, VFS_NEXT_OPEN);
    struct p9 *client = p9_of(node);
    struct p9_call open, get;
    if (had) {
        *qid = *had->qid;
        *attr = *had->attr;
        return had->result;
    }
    if (flags & O_TRUNC)
        p9_cache_changed(client, node->qid.path);
    bool known = p9_cache_attr(client, node->qid.path, attr);
    p9_send_open(&open, client, p9_fid(node), flags & P9_OPEN_FLAGS);
    if (known)
        return p9_finish_open(&open, client, p9_fid(node), flags, qid);
    p9_send_getattr(&get, client, p9_fid(node));
    p9_expect(client, 2);
    int err = p9_finish_open(&open, client, p9_fid(node), flags, qid);
    int err_get = p9_finish_getattr(&get, attr);
    return err < 0 ? err : err_get;
}

/* What is a device or a fifo on the host is none here. */
static int p9fs_open(struct node *node, u32 flags, struct attr *attr)
{
    struct attr own;
    attr = attr ? attr : &own;
    struct qid qid;
    int err = open_and_getattr(node, flags, &qid, attr);
    if (err < 0)
        return err;
    u32 type = attr->mode & S_IFMT;
    if (type != S_IFREG && type != S_IFDIR)
        return -ENXIO;
    node->qid = qid;
    node->open = true;
    node->told = vfs_may_write(flags);
    if (flags & O_TRUNC) {
        p9_ahead_changed(node);
        p9_cache_changed(p9_of(node), qid.path);
        attr->size = 0; /* the two answers may have been made in either order */
    }
    learn_size(node, attr);
    return 0;
}

static int p9fs_readdir(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    u64 given = from ? p9_hint(node) : 0;
    int n = p9_readdir(node, from, room, emit, ctx);
    if (n <= 0)
        return n;
    set_hint(node, given + (unsigned)n);
    return given < DIRECTORY_MAX ? n : -EIO;
}

static int get_target(struct p9_call *call, struct wire *w, const char *rest, char *buf, size_t size)
{
    u16 len = wire_get16(w);
    size_t first = MIN(len, wire_left(w));
    if (!wire_ok(w) || len == 0 || len - first > call->payload || len > TARGET_MAX)
        return p9_bad(call, "no link target");
    if (len > size)
        return -ENAMETOOLONG;
    memcpy(buf, wire_take(w, first), first);
    memcpy(buf + first, rest, len - first);
    return memchr(buf, 0, len) ? p9_bad(call, "link target with NUL") : len;
}

/* With the head's room, a page is enough for the longest target and its header. */
void p9_send_readlink(struct p9_call *call, struct p9 *client, u32 fid, u64 page)
{
    struct wire w = p9_begin_fid(call, client, P9_TREADLINK, fid);
    p9_payload(call, (struct span){page, PAGE_SIZE});
    p9_send(call, &w);
}

int p9_finish_readlink(struct p9_call *call, u64 page, char *buf, size_t size)
{
    struct wire w;
    int err = p9_finish(call, &w);
    return err < 0 ? err : get_target(call, &w, mem_virt(page), buf, size);
}

static int p9fs_readlink(struct node *node, char *buf, size_t size)
{
    const struct p9_answers *had = answered(node, VFS_NEXT_READLINK);
    if (had && had->result > 0)
        memcpy(buf, had->target, MIN((size_t)had->result, size));
    if (had)
        return had->result > 0 && (size_t)had->result > size ? -ENAMETOOLONG : had->result;
    u64 page = mem_lend(1);
    if (!page)
        return -ENOMEM;
    struct p9_call call;
    p9_send_readlink(&call, p9_of(node), p9_fid(node), page);
    int err = p9_finish_readlink(&call, page, buf, size);
    mem_lent_back(page, 1);
    return err;
}

static const struct fs_ops ops = {
    .type = "9p",
    .appends = true,
    .attach = p9fs_attach,
    .walk = p9fs_walk,
    .stat = p9fs_stat,
    .absent = p9fs_absent,
    .clunk = p9fs_clunk,
    .open = p9fs_open,
    .read = p9fs_read,
    .readdir = p9fs_readdir,
    .getattr = p9fs_getattr,
    .readlink = p9fs_readlink,
    .statfs = p9fs_statfs,
    .write = p9fs_write,
    .flush = p9fs_flush,
    .create = p9fs_create,
    .mkdir = p9fs_mkdir,
    .symlink = p9fs_symlink,
    .mknod = p9fs_mknod,
    .link = p9fs_link,
    .rename = p9fs_rename,
    .unlink = p9fs_unlink,
    .setattr = p9fs_setattr,
    .fsync = p9fs_fsync,
    .getxattr = p9fs_getxattr,
    .setxattr = p9fs_setxattr,
    .lock = p9fs_lock,
    .getlock = p9fs_getlock,
};

struct p9 *p9_new(struct p9_link *link, const char *tag)
{
    struct fs *fs = mem_new(sizeof *fs);
    struct p9 *client = fs ? p9_make(link, tag) : NULL;
    if (!client) {
        mem_delete(fs, sizeof *fs);
        return NULL;
    }
    fs->ops = &ops;
    fs->priv = client;
    client->fs = fs;
    size_t len = strnlen(tag, sizeof fs->tag - 1);
    memcpy(fs->tag, tag, len);
    if (vfs_register(fs) < 0)
        log_warn("another file system is named \"%s\" already; give this share a mount_tag= of its own", tag);
    return client;
}
