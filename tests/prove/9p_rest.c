/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_rest - the replies that make a session, lock, and carry extended attributes.
 *
 * also kernel/cmdline.c
 * flags version: -eva-slevel 50 -eva-domains equality,symbolic-locations -eva-equality-through-calls formals -eva-split-return-function p9_exchange:0,p9_finish:0,wire_take:0,wire_get_string:0
 * flags lock: -eva-slevel 50 -eva-split-return-function p9_exchange:0,p9_finish:0
 * flags getlock: -eva-slevel 50 -eva-split-return-function p9_exchange:0,p9_finish:0
 * flags xattr: -eva-split-return-function p9_exchange:0,p9_finish:0
 * plant version: kernel/9p_session.c: len != strlen(VERSION) -> len < 4
 * plant lock: kernel/9p_lock.c: status < ARRAY_LEN(errors) -> status <= ARRAY_LEN(errors)
 * plant getlock: kernel/wire.h: n > wire_left(w) -> n > wire_left(w) + 1
 * plant xattr: kernel/9p_xattr.c: *size <= XATTR_SIZE_MAX -> *size <= XATTR_SIZE_MAX + 1
 */
#include "kernel/9p_session.c"

#include "kernel/9p_lock.c"
#include "mem.h"
#include "vfs.h"

#include "kernel/9p_xattr.c"

#include "replies.h"

static struct fs fs = {.priv = &client};
static struct p9_counters counters;

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

int p9_clone(const struct node *node, u32 *out)
{
    (void)node;
    *out = 3;
    return any_bool() ? 0 : -EIO;
}

int p9_check_name(const struct node *node)
{
    (void)node;
    return any_bool() ? 0 : -ESTALE;
}

void p9_clunk(struct p9 *c, u32 fid, bool now)
{
    (void)c, (void)fid, (void)now;
}

int p9_end(struct p9 *c, u8 type, u32 fid)
{
    (void)c, (void)type, (void)fid;
    return any_bool() ? 0 : -EIO;
}

void p9_note_attribute(struct p9 *c, u32 fid)
{
    (void)c, (void)fid;
}

void p9_forget(struct p9 *c, u32 fid)
{
    (void)c, (void)fid;
}

int p9_restore(struct p9 *c)
{
    (void)c;
    return any_bool() ? 0 : -EIO;
}

u64 mem_phys(const void *va)
{
    return (u64)va;
}

void rand_bytes(void *bytes, size_t len)
{
    any_bytes(bytes, len);
}

/* What a value is read into has the room. */
s64 p9_read(struct p9 *c, u32 fid, u64 expected, u64 end, const struct span *spans, unsigned n, u64 offset)
{
    (void)c, (void)fid, (void)expected, (void)end, (void)offset;
    must(n == 1);
    any_bytes(mem_virt(spans->pa), spans->len);
    return (s64)any(0, spans->len);
}

s64 p9_write(struct p9 *c, u32 fid, const struct span *spans, unsigned n, u64 offset)
{
    (void)c, (void)fid, (void)offset, (void)spans, (void)n;
    return any_bool() ? -EIO : 1;
}

static void version(void)
{
    client = (struct p9){.link = &link, .counters = &counters};
    p9_session(&client);
    must(client.msize <= P9_MSIZE);
}

void prove_version(void)
{
    with_every_reply(version, 16);
}

static void lock(void)
{
    struct node node = {.fs = &fs, .open = true};
    const struct file_lock l = {.type = 1};
    int err = p9fs_lock(&node, &l);
    must(err <= 0);
}

void prove_lock(void)
{
    with_every_reply(lock, 8);
}

static void getlock(void)
{
    struct node node = {.fs = &fs, .open = true};
    struct file_lock l = {.type = 1};
    if (p9fs_getlock(&node, &l) == 0)
        must(l.type <= F_UNLCK);
}

void prove_getlock(void)
{
    with_every_reply(getlock, 40);
}

/* A value into room for 40 bytes, by a size that is announced in one reply and counted in the next. */
static void xattr(void)
{
    static u8 value[40];
    const struct node node = {.fs = &fs};
    client = (struct p9){.link = &link, .counters = &counters, .msize = 8192};
    must(p9fs_getxattr(&node, (struct name){"user.a", 6}, value, sizeof value) <= XATTR_SIZE_MAX);
}

void prove_xattr(void)
{
    with_every_reply(xattr, 12);
}
