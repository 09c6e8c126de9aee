/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* replies - in the place of kernel/9p.c and what is below it: whatever is asked, any reply of any length comes, at the very end of its memory. */
#ifndef REPLIES_H
#define REPLIES_H

static struct p9_link link;
static struct p9 client = {.link = &link};
static u8 reply_room[P9_REPLY];
static u64 reply_len, then_len; /* of the next reply; not 0: of the one behind it */
static u8 out_room[P9_OUT];
static u8 page[PAGE_SIZE];
u64 vfs_heard;

struct wire p9_begin(struct p9_call *call, struct p9 *c, u8 type)
{
    (void)type;
    *call = (struct p9_call){.client = c};
    return wire_over(out_room, sizeof out_room);
}

struct wire p9_begin_fid(struct p9_call *call, struct p9 *c, u8 type, u32 fid)
{
    struct wire w = p9_begin(call, c, type);
    wire_put32(&w, fid);
    return w;
}

bool p9_payload(struct p9_call *call, struct span piece)
{
    call->payload += (u32)piece.len;
    return true;
}

void p9_send(struct p9_call *call, const struct wire *w)
{
    (void)call, (void)w;
}

/* As kernel/9p.c promises: no more has come to the payload than was given. */
int p9_finish(struct p9_call *call, struct wire *reply)
{
    u64 len = reply_len;
    reply_len = then_len ? then_len : reply_len;
    if (any_bool())
        return -(int)any(1, 511);
    any_bytes(reply_room, sizeof reply_room);
    *reply = wire_over(reply_room + sizeof reply_room - len, len);
    call->payload = (u32)any(0, call->payload);
    return 0;
}

int p9_exchange(struct p9_call *call, struct wire *w)
{
    p9_send(call, w);
    return p9_finish(call, w);
}

int p9_bad(const struct p9_call *call, const char *what)
{
    (void)call, (void)what;
    return -EIO;
}

u64 mem_pages(size_t n, size_t align)
{
    (void)align;
    return n == 1 && any_bool() ? (u64)page : 0;
}

void mem_pages_free(u64 pa, size_t n)
{
    (void)pa, (void)n;
}

u64 mem_lend_if_free(size_t n)
{
    return mem_pages(n, 1);
}

void mem_lent_back(u64 pa, size_t n)
{
    (void)pa, (void)n;
}

void *mem_virt(u64 pa)
{
    return (void *)pa;
}

/* Nothing is kept. */
int p9_cache_walk(const struct node *from, const struct name *names, unsigned n, struct qid *qids)
{
    (void)from, (void)names, (void)n, (void)qids;
    return -EAGAIN;
}

void p9_cache_learn_walk(const struct node *from, const struct name *names, unsigned n, int got, const struct qid *qids)
{
    (void)from, (void)names, (void)n, (void)got, (void)qids;
}

bool p9_cache_attr(struct p9 *c, u64 ino, struct attr *attr)
{
    (void)c, (void)ino, (void)attr;
    return false;
}

void p9_cache_learn_attr(struct p9 *c, const struct attr *attr)
{
    (void)c, (void)attr;
}

void p9_cache_changed(struct p9 *c, u64 ino)
{
    (void)c, (void)ino;
}

void p9_cache_free(struct p9 *c)
{
    (void)c;
}

void p9_cache_busy(bool now)
{
    (void)now;
}

void p9_keep(void)
{
}

/* Nothing is on its way but this message. */
void p9_gather_flush(const struct p9 *c)
{
    (void)c;
}

/* A reply of each length to this message: one analysis after the other, for what is behind the end is then out of bounds in each. */
static void with_every_reply(void (*message)(void), u64 most)
{
    //@ loop unroll 300;
    for (u64 len = 0; len <= most; len++) {
        reply_len = len;
        message();
    }
}

#endif
