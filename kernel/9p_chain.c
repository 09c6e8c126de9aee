/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_chain - servers that carry messages out in the order in which they come: what is asked of a fid goes out with the walk that makes it.
 *
 * crosvm, kvmtool and OpenVMM do; QEMU's server does not, and says so at once. It is tried out with walks that are waited for anyway: a clone of a fid, a
 * question about the clone, and its end, in one kick, succeed only where each of them waits for the one before. Until they have, some times running,
 * and for ever where they have not, no fid is used before the answer that makes it (rule C5).
 *
 * What goes out with a walk changes nothing and has a fid number of its own, as the walk may fail. It counts only if the walk succeeded. What failed
 * behind a walk that succeeded is asked for once more: if it succeeds then, the server does not keep the order after all. An answer that
 * is none (EIO) stands: what it was about may have happened. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"
#include "wire.h"

enum {
    TRIED_FROM = 16, /* walks: a program that looks at a file or two is none the slower */
    TRIED_TIMES = 3
};

/* One at a time, as there is one look-up at a time. */
static struct chain {
    struct p9 *client;
    u32 fid;
    u8 next;    /* VFS_NEXT_*: what was asked for, or is kept; 0: nothing */
    bool tried; /* instead: a clone, a question, its end */
    bool sent;  /* and not heard of yet */
    bool opened, left;
    struct p9_call calls[3];
    u64 pages; /* two: for Rreadlink, and for what it says */
    int result;
    struct qid qid;
    struct attr attr;
} chain;

const struct p9 *p9_chained;

void p9_chain_forget(void)
{
    if (chain.pages)
        mem_lent_back(chain.pages, 2);
    chain = (struct chain){0};
    p9_chained = NULL;
}

/* ---- is it one of them? ---- */

static void try_order(struct chain *ch, struct p9 *c, u32 from)
{
    p9_chain_forget();
    u32 fid = p9_fid_new(c);
    if (fid == P9_NOFID)
        return;
    *ch = (struct chain){.client = c, .fid = fid, .tried = true};
    struct wire w = p9_begin_fid(&ch->calls[0], c, P9_TWALK, from);
    wire_put32(&w, fid);
    wire_put16(&w, 0);
    ch->calls[0].once = true; /* later it would tell nothing of the order */
    p9_send(&ch->calls[0], &w);
    p9_send_getattr(&ch->calls[1], c, fid);
    w = p9_begin_fid(&ch->calls[2], c, P9_TCLUNK, fid);
    p9_send(&ch->calls[2], &w);
    p9_expect(c, 4); /* and the walk before them */
}

static void settle(struct p9 *c, bool in_order)
{
    c->order = in_order ? P9_IN_ORDER : P9_ANY_ORDER;
    c->counters->in_order = in_order;
}

/* The number is free when the server has said that it ended, and else when it answers once more. A clone that failed (the server may be short of files)
 * tells nothing: it is tried again some walks later. */
static void learn_order(struct chain *ch)
{
    struct p9 *c = ch->client;
    struct wire w;
    bool walked = p9_finish(&ch->calls[0], &w) == 0, good = walked;
    for (unsigned i = 1; i < ARRAY_LEN(ch->calls); i++)
        good &= p9_finish(&ch->calls[i], &w) == 0;
    if (good)
        p9_fid_free(c, ch->fid);
    else
        p9_clunk(c, ch->fid, false);
    if (!walked)
        c->walks = 0;
    else if (!good || ++c->tried == TRIED_TIMES)
        settle(c, good);
    ch->tried = false;
}

/* ---- chains ---- */

static char *target_of(const struct chain *ch)
{
    return (char *)mem_virt(ch->pages) + PAGE_SIZE;
}

/* What has no answer yet. */
static void ask(struct chain *ch)
{
    ch->sent = true;
    if (ch->next == VFS_NEXT_OPEN && !ch->opened)
        p9_send_open(&ch->calls[0], ch->client, ch->fid, O_NOFOLLOW);
    if (ch->next == VFS_NEXT_READLINK)
        p9_send_readlink(&ch->calls[1], ch->client, ch->fid, ch->pages);
    else
        p9_send_getattr(&ch->calls[1], ch->client, ch->fid);
    p9_expect(ch->client, ch->next == VFS_NEXT_OPEN ? 3 : 2);
}

static void hear(struct chain *ch)
{
    int err = 0, got;
    ch->sent = false;
    if (ch->next == VFS_NEXT_OPEN && !ch->opened)
        err = p9_finish_open(&ch->calls[0], ch->client, ch->fid, O_RDONLY, &ch->qid);
    ch->opened = err == 0;
    if (ch->next == VFS_NEXT_READLINK)
        got = p9_finish_readlink(&ch->calls[1], ch->pages, target_of(ch), PAGE_SIZE);
    else
        got = p9_finish_getattr(&ch->calls[1], &ch->attr);
    ch->result = err < 0 ? err : got;
    ch->left |= got >= 0 || (ch->next == VFS_NEXT_OPEN && err == 0);
}

void p9_chain_send(struct p9 *c, u32 from, u32 fid, u8 next)
{
    struct chain *ch = &chain;
    if (c->order == P9_ORDER_UNKNOWN) {
        if (++c->walks >= TRIED_FROM)
            try_order(ch, c, from);
        return;
    }
    p9_chain_forget();
    u64 pages = next == VFS_NEXT_READLINK ? mem_lend(2) : 0;
    if (!next || (next == VFS_NEXT_READLINK && !pages))
        return;
    *ch = (struct chain){.client = c, .fid = fid, .next = next, .pages = pages};
    p9_chained = c;
    ask(ch);
}

bool p9_chain_finish(struct p9 *c, const struct qid *walked)
{
    struct chain *ch = &chain;
    if (ch->tried)
        learn_order(ch);
    if (!ch->sent)
        return false;
    hear(ch);
    if (!walked) {
        bool left = ch->left;
        p9_chain_forget();
        return left;
    }
    if (ch->result >= 0 || ch->result == -EIO)
        return false;
    /* Links are followed, not opened, and nothing else is read like one. */
    if (ch->next != VFS_NEXT_GETATTR && (ch->next == VFS_NEXT_READLINK) != !!(walked->type & QID_SYMLINK))
        return false;
    ask(ch);
    hear(ch);
    if (ch->result < 0)
        return false;
    settle(c, false);
    log_info("9p: \"%s\" does not work in order after all", c->tag);
    return false;
}

const struct p9_answers *p9_chain_take(u32 fid, u8 verb)
{
    static struct p9_answers answers = {.qid = &chain.qid, .attr = &chain.attr};
    const struct chain *ch = &chain;
    if (ch->next != verb || ch->fid != fid)
        return NULL;
    answers.result = ch->result;
    answers.target = verb == VFS_NEXT_READLINK ? target_of(ch) : NULL;
    p9_chained = NULL;
    return &answers;
}
