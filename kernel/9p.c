/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p - the 9P2000.L client: requests in flight, tags, and every check on a reply's head.
 *
 * A request's tag is its slot. The link owns a request's memory from submit() to p9_complete(), whatever Rflush says. A slot is taken by
 * p9_begin() and free after p9_finish(); a Tclunk's, for which nobody waits, is free when it completes. Replies are copied once, when they come, to
 * memory that the link was never told of, and read there. What a reset of the device swallowed is sent again in a new session, if it may be (rule C12). */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"
#include "wire.h"

/* size[4] type[1] tag[2]: how each message begins. */
struct head {
    le32 size;
    u8 type;
    le16 tag;
} __attribute__((packed, may_alias));

enum {
    NOTAG = 0xffff,
    TRIES = 3,        /* of one message, if the link dies under it each time */
    UNSENT = -ENODEV, /* a request's error when the link did not even take it */
    ERRNO_SENT = 511  /* above are numbers that Linux keeps inside the kernel */
};

struct p9_slot {
    struct p9_request req;
    struct p9 *client;
    u64 pa, data;   /* its own; bytes of the payload */
    u64 bit, *busy; /* that it is: of the client's */
    u16 tag;        /* but of Tversion */
    u32 ends;       /* the fid that this Tclunk or Tremove ends; else P9_NOFID */
    bool nobodys;   /* and nobody waits for the answer */
    u8 copy[P9_REPLY];
    u8 in[P9_REPLY];
    u8 out[P9_OUT];
};
_Static_assert(sizeof(struct p9_slot) <= PAGE_SIZE, "a slot is allocated when first needed, in one piece");

static COLD struct p9_slot *make_slot(struct p9 *c, u32 tag)
{
    u64 pa = mem_pages(1, PAGE_SIZE);
    if (!pa)
        return NULL;
    struct p9_slot *s = c->slots[tag] = memset(mem_virt(pa), 0, offsetof(struct p9_slot, req.spans));
    s->client = c;
    s->pa = pa;
    s->tag = (u16)tag;
    s->bit = 1ull << tag % 64;
    s->busy = &c->busy[tag / 64];
    s->req.in.pa = pa + offsetof(struct p9_slot, in);
    return s;
}

static inline void set_busy(struct p9_request *req, bool busy)
{
    const struct p9_slot *s = container_of(req, struct p9_slot, req);
    req->busy = busy;
    *s->busy = busy ? *s->busy | s->bit : *s->busy & ~s->bit;
}

/* The first slot that is not busy. NULL: all of them are, or there is no memory for it. */
static inline struct p9_slot *spare_slot(struct p9 *c)
{
    _Static_assert(P9_REQUESTS == 8 * sizeof c->busy, "a bit for each");
    u32 word = ~c->busy[0] ? 0 : 1;
    if (!~c->busy[word])
        return NULL;
    u32 tag = word * 64 + (u32)__builtin_ctzll(~c->busy[word]);
    return c->slots[tag] ? c->slots[tag] : make_slot(c, tag);
}

static void send_end(struct p9_call *call, struct p9 *c, u8 type, u32 fid, bool nobodys);

/* As many as there is room for, behind all that is waited for: the rest goes with the next kick. */
static __attribute__((noinline)) void send_riding(struct p9 *c)
{
    struct p9_call call;
    unsigned n = c->nriding, sent = 0;
    c->nriding = 0; /* it may have to wait for room in the queue, which kicks again */
    while (sent < n && c->in_flight < c->link->depth && spare_slot(c))
        send_end(&call, c, P9_TCLUNK, c->riding[sent++], true);
    for (unsigned i = sent; i < n; i++)
        c->riding[c->nriding++] = c->riding[i];
    c->expected += c->expected ? sent : 0;
    if (c->nriding)
        p9_idle();
}

void p9_kick(struct p9 *c)
{
    if (c->nriding)
        send_riding(c);
    if (!c->unkicked)
        return;
    c->unkicked = c->waited = false;
    c->counters->kicks++;
    c->link->ops->kick(c->link);
}

/* Until at least one more request is complete. */
static int wait(struct p9 *c)
{
    if (c->unkicked)
        p9_kick(c);
    if (c->in_flight == 0)
        return -EIO;
    c->counters->waits += !c->waited;
    c->waited = true;
    return c->link->ops->wait(c->link, MAX(c->expected, 1u));
}

/* A bit for each type that changes names; T-messages have even numbers. */
#define BIT(type) (1ull << (type) / 2)
static const u64 changes_names = BIT(P9_TLCREATE) | BIT(P9_TSYMLINK) | BIT(P9_TMKNOD) | BIT(P9_TRENAME) |
                                 BIT(P9_TLINK) | BIT(P9_TMKDIR) | BIT(P9_TRENAMEAT) | BIT(P9_TUNLINKAT) |
                                 BIT(P9_TREMOVE);

static int offer(struct p9 *c, struct p9_request *req)
{
    return c->dead ? -EIO : c->link->ops->submit(c->link, req);
}

static COLD int offer_later(struct p9 *c, struct p9_request *req)
{
    int err = wait(c);
    return err < 0 ? err : offer(c, req);
}

static inline int submit(struct p9 *c, struct p9_request *req)
{
    int err = offer(c, req);
    while (err == -ENOSPC)
        err = offer_later(c, req);
    if (err < 0 && err != -EIO)
        return err;
    c->in_flight++;
    if (err < 0) {
        p9_complete(req, 0, UNSENT);
        return 0;
    }
    c->unkicked = true;
    c->counters->messages++;
    c->edits += changes_names >> req->type / 2 & 1;
    vfs_heard += req->type != P9_TCLUNK;
    c->counters->by_type[req->type]++;
    return 0;
}

/* The next that an answer leaves, when all are busy or there is no memory for more. NULL: none will be. */
static COLD struct p9_slot *await_slot(struct p9 *c)
{
    struct p9_slot *s = NULL;
    while (!s && wait(c) == 0)
        s = spare_slot(c);
    return s;
}

void p9_free_slots(struct p9 *c)
{
    for (unsigned tag = 0; tag < P9_REQUESTS; tag++)
        mem_delete(c->slots[tag], PAGE_SIZE);
}

/* The head of a message, its size still open. */
static inline u8 *put_head(const struct p9_request *req, void *bytes)
{
    *(struct head *)bytes = (struct head){.type = req->type, .tag = to_le16(req->tag)};
    return (u8 *)bytes + sizeof(struct head);
}

static void free_pages(struct p9_call *call)
{
    if (call->pages)
        mem_pages_free(call->pages, P9_LONG / PAGE_SIZE);
    call->pages = 0;
}

/* No message: p9_finish() will tell the error. */
static COLD u8 *refuse(struct p9_call *call, int err)
{
    if (call->req)
        set_busy(call->req, false);
    call->req = NULL;
    call->error = err;
    return NULL;
}

/* Where the body goes. */
static inline u8 *begin(struct p9_call *call, struct p9 *c, u8 type)
{
    struct p9_slot *s = spare_slot(c);
    call->client = c;
    call->req = NULL;
    call->error = 0;
    call->pages = 0;
    call->once = false;
    if (!s && !(s = await_slot(c)))
        return refuse(call, -ENOMEM);
    struct p9_request *req = call->req = &s->req;
    set_busy(req, true);
    s->ends = P9_NOFID;
    s->data = 0;
    req->payload_in = req->fixed = true;
    req->done = s->nobodys = false;
    req->npayload = 0;
    req->type = type;
    req->tag = type == P9_TVERSION ? NOTAG : s->tag;
    req->out.pa = s->pa + offsetof(struct p9_slot, out);
    req->in.len = type == P9_TREAD || type == P9_TREADDIR ? P9_HEAD : P9_REPLY;
    return put_head(req, s->out);
}

/* A body that begins with a fid; p NULL: there is none. */
static inline struct wire begin_body(u8 *p, u32 fid)
{
    if (!p)
        return (struct wire){.bad = true};
    *(wire32 *)p = fid;
    return wire_over(p + sizeof fid, P9_OUT - sizeof(struct head) - sizeof fid);
}

struct wire p9_begin_fid(struct p9_call *call, struct p9 *c, u8 type, u32 fid)
{
    u8 *p = begin(call, c, type);
    return begin_body(c->life && p && p9_lost(c, fid) ? refuse(call, -EIO) : p, fid);
}

COLD struct wire p9_begin(struct p9_call *call, struct p9 *c, u8 type)
{
    struct wire w = p9_begin_fid(call, c, type, P9_NOFID); /* which cannot be lost */
    return w.bad ? w : wire_over(w.p - sizeof(u32), P9_OUT - sizeof(struct head));
}

struct wire p9_begin_long(struct p9_call *call, struct p9 *c, u8 type)
{
    call->pages = p9_begin(call, c, type).bad ? 0 : mem_pages(P9_LONG / PAGE_SIZE, PAGE_SIZE);
    if (!call->pages)
        return begin_body(refuse(call, -ENOMEM), 0);
    call->req->out.pa = call->pages;
    call->req->fixed = false;
    return wire_over(put_head(call->req, mem_virt(call->pages)), P9_LONG - sizeof(struct head));
}

bool p9_payload(struct p9_call *call, struct span piece)
{
    struct p9_request *req = call->req;
    if (!req || req->npayload >= MIN(call->client->link->max_spans, P9_SPANS))
        return false;
    req->payload[req->npayload++] = piece;
    container_of(req, struct p9_slot, req)->data += piece.len;
    return true;
}

void p9_send(struct p9_call *call, const struct wire *w)
{
    if (call->error)
        return;
    struct p9_request *req = call->req;
    struct p9_slot *s = container_of(req, struct p9_slot, req);
    u8 *out = call->pages ? mem_virt(call->pages) : s->out;
    req->out.len = (u64)(w->p - out);
    ((struct head *)out)->size = to_le32((u32)(req->out.len + (req->payload_in ? 0 : s->data)));
    call->life = call->client->life;
    call->error = wire_ok(w) ? submit(call->client, req) : -E2BIG;
    if (!call->error)
        return;
    set_busy(req, false);
    free_pages(call);
}

int p9_bad(const struct p9_call *call, const char *what)
{
    struct p9 *c = call->client;
    if (!c->warned)
        log_warn("9p: \"%s\" sent a bad reply to message %u: %s", c->tag, call->req->type, what);
    c->warned = true;
    return -EIO;
}

/* Checks a reply's head; what is wrong with it, or NULL. *type: the reply's. */
static const char *open_reply(struct p9_slot *s, struct wire *reply, u8 *type)
{
    const struct p9_request *req = &s->req;
    u64 room = req->in.len + (req->payload_in ? s->data : 0);
    *reply = wire_over(s->copy, MIN(req->written, req->in.len));
    const struct head *head = (const struct head *)wire_take(reply, sizeof *head);
    if (!head)
        return "shorter than a header";
    *type = head->type;
    if (le32_get(head->size) != req->written || req->written > room)
        return "its size is not what arrived";
    if (le16_get(head->tag) != req->tag)
        return "another tag";
    if (*type != req->type + 1 && (*type != P9_RLERROR || req->type == P9_TFLUSH))
        return "another type";
    return NULL;
}

/* The request is the link's no more: a slot for which nobody waits can go, and the fid that this ends, even when that fails: a server that is lost with
 * its link knows none. */
void p9_complete(struct p9_request *req, u32 written, int error)
{
    if (!req->busy || req->done)
        return;
    struct p9_slot *s = container_of(req, struct p9_slot, req);
    req->done = true;
    req->written = written;
    req->error = error;
    s->client->in_flight--;
    s->client->expected -= s->client->expected > 0;
    if (!error)
        memcpy(s->copy, s->in, MIN(written, req->in.len));
    struct wire w;
    u8 type;
    if (s->ends != P9_NOFID && (error || !open_reply(s, &w, &type)))
        p9_fid_free(s->client, s->ends);
    if (s->nobodys)
        set_busy(req, false);
}

static int error_of(struct p9_call *call, struct wire *reply)
{
    u32 ecode = wire_get32(reply);
    if (!wire_ok(reply) || ecode == 0 || ecode > ERRNO_SENT)
        return p9_bad(call, "no error number");
    if (ecode == EOPNOTSUPP)
        call->client->lacks[call->req->type / 64] |= 1ull << call->req->type % 64;
    return -(int)ecode;
}

/* A link that fails without having given the request back keeps its slot for ever: it may still write there. */
static int await(struct p9_call *call)
{
    if (call->error)
        return call->error;
    struct p9_request *req = call->req;
    while (!req->done)
        if (wait(call->client) < 0 && !req->done)
            return -EIO;
    set_busy(req, false);
    return req->error;
}

static int judge(struct p9_call *call, struct wire *reply)
{
    struct p9_request *req = call->req;
    u8 type;
    const char *fault = open_reply(container_of(req, struct p9_slot, req), reply, &type);
    if (fault)
        return p9_bad(call, fault);
    call->payload = req->written - (u32)MIN(req->written, req->in.len);
    return type == P9_RLERROR ? error_of(call, reply) : 0;
}

/* What a server may be told twice: it changes nothing, or the same again. And what it was not told yet, but for what ends a fid: that has ended. */
static bool repeatable(const struct p9_request *req)
{
    static const u8 types[] = {P9_TSTATFS, P9_TLOPEN,   P9_TREADLINK, P9_TGETATTR, P9_TREADDIR,   P9_TFSYNC,
                               P9_TLOCK,   P9_TGETLOCK, P9_TWALK,     P9_TREAD,    P9_TXATTRWALK, P9_TATTACH};
    if (req->error == UNSENT)
        return container_of(req, struct p9_slot, req)->ends == P9_NOFID && req->type != P9_TFLUSH;
    return memchr(types, req->type, sizeof types) != NULL;
}

/* 0, and the answer came; or -errno, and the request is nobody's. */
static int submit_again(struct p9_call *call)
{
    struct p9_request *req = call->req;
    req->done = false;
    call->life = call->client->life;
    int err = submit(call->client, req);
    if (err == 0)
        return await(call);
    req->done = true; /* the link does not have it */
    set_busy(req, false);
    return err;
}

/* Sends a message again that was lost with its session. Fids have the same numbers in the new one. */
static int send_again(struct p9_call *call)
{
    struct p9 *c = call->client;
    struct p9_request *req = call->req;
    struct wire body = wire_over((u8 *)mem_virt(req->out.pa) + sizeof(struct head), 4);
    set_busy(req, true);
    int err = call->life == c->life ? p9_restart(c) : 0;
    if (err == 0 && (call->once || !repeatable(req) || p9_lost(c, wire_get32(&body))))
        err = -EIO;
    if (err < 0) {
        set_busy(req, false);
        return err;
    }
    return submit_again(call);
}

static COLD int finish_again(struct p9_call *call, struct wire *reply, int err)
{
    for (unsigned i = 0; i < TRIES && (err == -EIO || err == UNSENT) && call->req && call->req->done; i++)
        err = send_again(call);
    if (call->req && call->req->done)
        free_pages(call);
    return err == UNSENT ? -EIO : err < 0 ? err : judge(call, reply);
}

/* The server had no fid left, and did nothing: once more, when others have ended. What goes once may be about one of those. */
static COLD int finish_short(struct p9_call *call, struct wire *reply, int err)
{
    struct p9_request *req = call->req;
    if (call->once || container_of(req, struct p9_slot, req)->ends != P9_NOFID)
        return err;
    set_busy(req, true);
    if (!p9_fids_short(call->client)) {
        set_busy(req, false);
        return err;
    }
    return submit_again(call) < 0 ? -EIO : judge(call, reply);
}

int p9_finish(struct p9_call *call, struct wire *reply)
{
    int err = await(call);
    if (err < 0)
        return finish_again(call, reply, err);
    err = judge(call, reply);
    if (err == -EMFILE || err == -ENFILE)
        err = finish_short(call, reply, err);
    free_pages(call);
    return err;
}

int p9_collect(struct p9_call *call, struct wire *reply)
{
    int err = await(call);
    return err == UNSENT ? -EIO : err < 0 ? err : judge(call, reply);
}

int p9_exchange(struct p9_call *call, struct wire *w)
{
    p9_send(call, w);
    return p9_finish(call, w);
}

/* A request that comes back empty was not carried out. An answer counts, whichever of the two came first. */
int p9_cancel(struct p9_call *call, struct wire *reply)
{
    if (!call->error && !call->req->done) {
        struct p9_call flush;
        p9_expect(call->client, 1);
        struct wire w = p9_begin(&flush, call->client, P9_TFLUSH);
        wire_put16(&w, call->req->tag);
        p9_exchange(&flush, &w);
    }
    int err = await(call);
    if (call->req && call->req->done)
        free_pages(call);
    if (err < 0)
        return err == UNSENT ? -EIO : err;
    return call->req->written ? judge(call, reply) : -EINTR;
}

/* A message whose body is a fid that it ends. */
static void send_end(struct p9_call *call, struct p9 *c, u8 type, u32 fid, bool nobodys)
{
    struct wire w = begin_body(begin(call, c, type), fid); /* though it may be lost */
    if (call->req) {
        struct p9_slot *s = container_of(call->req, struct p9_slot, req);
        s->ends = fid;
        s->nobodys = nobodys;
    }
    p9_send(call, &w);
}

void p9_clunk(struct p9 *c, u32 fid, bool now)
{
    struct p9_call call;
    if (!now && !c->dead && c->nriding < P9_RIDING) {
        c->riding[c->nriding++] = fid;
        p9_idle();
        return;
    }
    send_end(&call, c, P9_TCLUNK, fid, true);
    p9_kick(c);
}

void p9_drain(struct p9 *c)
{
    while (c->in_flight && wait(c) == 0)
        ;
}

int p9_end(struct p9 *c, u8 type, u32 fid)
{
    struct p9_call call;
    struct wire w;
    send_end(&call, c, type, fid, false);
    return p9_finish(&call, &w);
}
