/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p - a server that answers anything: right in size, type and tag most of the time, or no check behind those would be reached. */
#include <stdlib.h>
#include <unistd.h>

#include "9p_client.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static const u8 *at, *end;

static u8 next(void)
{
    return at < end ? *at++ : 0;
}

/* The first byte: so many bytes of the reply, from the place that the second one names, are others; or the whole of it is. */
static void mangle(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    u8 how = next();
    (void)server;
    if (how & 0x80 && req->type != P9_TVERSION) {
        r->len = r->written = 7 + next();
        for (u64 i = 7; i < r->len; i++)
            r->bytes[i] = next();
        put32(r->bytes, r->written);
    } else if (how & 0x40) {
        r->written = next();
    }
    u8 from = how & 15 ? next() : 0;
    for (unsigned i = 0; i < (how & 15u); i++)
        r->bytes[from + i] = next();
}

/* What an open file is asked for, and what is done to it. */
static void use_open(struct node *node, struct span *room)
{
    struct file_lock lock = {.type = F_WRLCK, .pid = 1, .start = next(), .len = next()};
    unsigned n = 0;
    fs->ops->read(node, room, 1, next());
    fs->ops->write(node, room, 1, next());
    fs->ops->readdir(node, next(), PAGE_SIZE, count_entry, &n);
    fs->ops->lock(node, &lock);
    fs->ops->getlock(node, &lock);
    fs->ops->fsync(node, next() & 1);
}

/* A program's buffer of single pages, which takes others for them. */
enum { BUFFER = 0x10000000, FRAMES = 40 };
static struct span frames[FRAMES];

static bool is_named(u64 pa)
{
    for (unsigned i = 0; i < s.npending; i++)
        for (unsigned j = 0; j < s.pending[i].req->npayload; j++)
            if (pa - s.pending[i].req->payload[j].pa < s.pending[i].req->payload[j].len)
                return true;
    return false;
}

/* No page that is handed over is named by a message. */
static u64 swap(u64 va, u64 from, u64 to, u64 len)
{
    u64 done = 0;
    for (; done < len; done += PAGE_SIZE) {
        struct span *frame = &frames[(va - BUFFER + done) / PAGE_SIZE];
        if ((va - BUFFER + done) / PAGE_SIZE >= FRAMES || frame->pa != from + done || next() == 0xff)
            break;
        if (is_named(from + done) || is_named(to + done))
            abort();
        frame->pa = to + done;
    }
    return done;
}

static s64 read_frames(struct node *node, unsigned n, u64 offset)
{
    vfs_reader = (struct vfs_reader){swap, BUFFER};
    s64 got = fs->ops->read(node, frames, n, offset);
    vfs_reader.swap = NULL;
    return got;
}

/* A file that is read and written on end, and a listing whose names are asked about. */
static void use_on_end(struct node *node, struct span *room, bool swaps)
{
    static const char *const names[] = {"file", "big", "dir", "link", "fifo", "none"};
    u64 at = 0, pages = swaps ? mem_pages(FRAMES, PAGE_SIZE) : 0;
    unsigned n = 0;
    for (unsigned i = 0; i < FRAMES; i++)
        frames[i] = (struct span){pages + i * PAGE_SIZE, PAGE_SIZE};
    for (unsigned i = next() % 32; i; i--) {
        u8 how = next();
        s64 got = !(how & 7) ? fs->ops->write(node, room, 1, at)
                  : pages    ? read_frames(node, how >> 3 & 1 ? FRAMES : 1 + (how >> 4), at)
                             : fs->ops->read(node, room, 1, at);
        at += got > 0 ? (u64)got : 1;
    }
    for (unsigned i = 0; pages && i < FRAMES; i++)
        mem_pages_free(frames[i].pa, 1);
    fs->ops->readdir(&root, 0, PAGE_SIZE, count_entry, &n);
    for (unsigned i = next() % 16; i; i--) {
        struct name name = name_of(names[next() % ARRAY_LEN(names)]);
        struct node out = {0};
        struct qid qid;
        struct attr attr;
        if (fs->ops->stat(&root, &name, 1, next() & 1, &out, &qid, &attr) == 1 && out.fs)
            fs->ops->clunk(&out);
    }
}

/* The link dies, once or for good, at once or after some messages; what is open then is walked to again. */
static void die(void)
{
    u8 how = next();
    s.lives = how & 3;
    s.dies_again = how & 4;
    s.shrinks = how & 8;
    if (how & 0xf0)
        s.die_after = s.log_len + (how >> 4);
    else
        fake_9p_kill(&s);
}

/* Directories moved, perhaps into themselves, with fids below them. */
static void move(void)
{
    static const char *const names[] = {"dir", "deep", "folder", "a"};
    struct node nodes[3];
    struct name at[3];
    unsigned n = 0;
    for (; n < 3; n++) {
        struct qid qids[3];
        unsigned depth = next() % 3;
        for (unsigned i = 0; i < depth; i++)
            at[i] = name_of(names[next() % 4]);
        if (fs->ops->walk(&root, at, depth, &nodes[n], qids) != (int)depth)
            break;
    }
    for (unsigned i = next() % 8; n && i; i--) {
        struct node *from = &nodes[next() % n], *to = &nodes[next() % n];
        fs->ops->rename(from, name_of(names[next() % 4]), to, name_of(names[next() % 4]));
    }
    if (next() & 1)
        die();
    while (n--)
        fs->ops->clunk(&nodes[n]);
}

/* One change of the tree with the answers as they come; a fid that it made goes again. */
static void edit(struct node *node)
{
    struct attr_change change = {.valid = next(), .size = next()};
    struct attr attr;
    struct node file;
    u8 *value = buffer(300);
    fs->ops->setattr(node, &change);
    fs->ops->setxattr(node, name_of("user.f"), value, next(), next() & 3);
    fs->ops->getxattr(node, name_of(next() & 1 ? "user.f" : ""), value, 300);
    fs->ops->link(&root, name_of("l"), node);
    fs->ops->mkdir(&root, name_of("d"), 0755);
    fs->ops->symlink(&root, name_of("s"), "a/b", 3);
    fs->ops->mknod(&root, name_of("f"), S_IFIFO | 0644, 0, 0);
    fs->ops->rename(&root, name_of("l"), &root, name_of("m"));
    if (fs->ops->walk(&root, &(struct name){0}, 0, &file, &file.qid) == 0) {
        fs->ops->create(&file, name_of("c"), O_RDWR | next() << 6, 0644, &attr);
        fs->ops->clunk(&file);
    }
    for (const char *name = "lmsfcd"; *name; name++)
        fs->ops->unlink(&root, (struct name){name, 1}, *name == 'd');
    drop(value, 300);
}

static void use(struct node *node)
{
    static char buf[VFS_PATH_MAX];
    struct span room = {mem_pages(4, PAGE_SIZE), 4 * PAGE_SIZE};
    struct attr attr;
    struct fs_stat stat;
    fs->ops->getattr(node, &attr);
    if (next() & 1)
        edit(node);
    if (next() & 1)
        move();
    fs->ops->readlink(node, buf, sizeof buf);
    fs->ops->statfs(node, &stat);
    if (!(next() & 3))
        die();
    if (fs->ops->open(node, next() & 3, &attr) == 0) {
        use_open(node, &room);
        u8 how = next();
        fs->cache = how % (CACHE_LOOSE + 1);
        s.serial = next() & 1;
        if (next() & 1)
            use_on_end(node, &room, how & 0x80);
    }
    fs->ops->clunk(node);
    mem_pages_free(room.pa, 4);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static const char *const names[] = {"file", "big", "dir", "link", "fifo", "deep", "none"};
    struct node node;
    if (!client)
        start(NULL);
    at = data;
    end = data + len;
    s.mangle = mangle;
    while (at < end)
        if (walk1(names[next() % ARRAY_LEN(names)], &node) == 1)
            use(&node);
    s.mangle = NULL;
    s.die_after = 0;
    if (!s.dead && !client->dead)
        settle();
    if (s.dead || client->dead || fake_9p_fids(&s) > 1000) /* what bad answers to Tclunk cost */
        start(NULL);
    if (mem_free_count() < mem_total_count() / 4)
        _exit(0); /* shares live for ever */
    return 0;
}
