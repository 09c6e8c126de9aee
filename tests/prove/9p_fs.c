/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_fs - every reply of every length to the messages of kernel/9p_fs.c, up to some bytes more than a whole one has.
 *
 * also kernel/9p_io.c
 * flags attach: -eva-slevel 50 -eva-split-return-function p9_exchange:0,p9_finish:0,wire_take:0
 * flags open: -eva-slevel 100 -eva-split-return-function open_and_getattr:0,p9_finish_open:0,p9_finish_getattr:0,p9_finish:0,get_attr:0,wire_take:0
 * flags readlink: -eva-slevel 100 -eva-domains symbolic-locations,equality,octagon
 * plant getattr: kernel/wire.h: n > wire_left(w) -> n > wire_left(w) + 40
 * plant walk: kernel/9p_fs.c: got > n -> got > n + 1
 * plant readlink: kernel/9p_fs.c: len > size -> len > size + 1
 * plant readlink: kernel/9p_fs.c: MIN(len, wire_left(w)) -> MIN(len, wire_left(w) + 1)
 */
#include "kernel/9p_fs.c"

#include "replies.h"

const char *p9_aname(const struct p9 *c)
{
    (void)c;
    return "";
}

void p9_note_open(struct p9 *c, u32 fid, u32 flags)
{
    (void)c, (void)fid, (void)flags;
}

void p9_ahead_changed(const struct node *node)
{
    (void)node;
}

const struct p9 *p9_chained;

void p9_chain_forget(void)
{
}

const struct p9_answers *p9_chain_take(u32 fid, u8 verb)
{
    (void)fid, (void)verb;
    return NULL;
}

u64 arch_cycles(void)
{
    return any_u64();
}

static struct fs fs = {.priv = &client};
static struct node node = {.fs = &fs};

static void getattr(void)
{
    struct attr attr;
    client.fs = &fs;
    p9fs_getattr(&node, &attr);
}

/* Rlopen of any length; then a whole Rgetattr. */
static void open(void)
{
    struct attr attr;
    client.fs = &fs;
    node = (struct node){.fs = &fs, .id = any_u64()};
    then_len = 153;
    p9fs_open(&node, any_u32(), &attr);
}

static void walk(void)
{
    static const struct name names[3] = {{"one", 3}, {"two", 3}, {"three", 5}};
    struct qid qids[3];
    for (unsigned n = 0; n <= 3; n++)
        p9_walk_some(&client, 1, 2, names, n, qids);
}

static void readlink(void)
{
    static char target[300];
    p9fs_readlink(&node, target, sizeof target);
}

static void attach(void)
{
    struct qid qid;
    p9_attach_fid(&client, 1, &qid);
}

void prove_getattr(void)
{
    with_every_reply(getattr, 160);
}

void prove_open(void)
{
    with_every_reply(open, 24);
}

void prove_walk(void)
{
    with_every_reply(walk, 44);
}

void prove_readlink(void)
{
    with_every_reply(readlink, 24);
}

void prove_attach(void)
{
    with_every_reply(attach, 20);
}
