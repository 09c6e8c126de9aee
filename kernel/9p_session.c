/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_session - a 9P2000.L client's session: version and message size, fid numbers, and beginning again.
 *
 * A fid number is taken until the server has answered its Tclunk or Tremove, or has forgotten all of them. */
#include "9p.h"
#include "9p_client.h"
#include "cmdline.h"
#include "later.h"
#include "mem.h"
#include "print.h"
#include "time.h"
#include "vfs.h"
#include "wire.h"

enum { MSIZE_MIN = 4096, RESTARTS_MAX = 100 /* each has its lines in the log */ };
#define VERSION "9P2000.L"

static struct p9 *clients, *retired;

/* A client and what belongs to it, in one piece. */
struct whole {
    struct p9 client;
    struct p9_counters counters;
    struct p9_slot *slots[P9_REQUESTS];
};

static void bury_retired(struct later *work);
static struct later burial = {.fn = bury_retired};

/* Rversion: exactly our version, and a size that is neither more than we asked for nor too small to work with (rule C1). */
static int ask_version(struct p9 *c, u32 msize)
{
    struct p9_call call;
    struct wire w = p9_begin(&call, c, P9_TVERSION);
    wire_put32(&w, msize);
    wire_put_string(&w, VERSION, strlen(VERSION));
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    u32 got = wire_get32(&w);
    u16 len;
    const char *version = wire_get_string(&w, &len);
    if (!wire_ok(&w) || len != strlen(VERSION) || memcmp(version, VERSION, len) != 0)
        return p9_bad(&call, "not 9P2000.L");
    if (got > msize || got < MSIZE_MIN)
        return p9_bad(&call, "unusable msize");
    c->msize = got;
    return 0;
}

/* 9p.msize=N: no larger messages, for people who look at a server's. */
static u32 msize_wanted(void)
{
    const char *value = cmdline_boot ? cmdline_option(cmdline_boot, "9p.msize", 0) : NULL;
    u64 n = P9_MSIZE;
    if (value && (!cmdline_number(value, &n) || n < MSIZE_MIN || n > P9_MSIZE)) {
        log_warn("9p.msize=%s is no number from %u to %u; taking %u", value, MSIZE_MIN, P9_MSIZE, P9_MSIZE);
        n = P9_MSIZE;
    }
    return (u32)n;
}

int p9_session(struct p9 *c)
{
    static const u32 sizes[] = {P9_MSIZE, 65536, 8192};
    u32 wanted = c->msize ? 0 : msize_wanted();
    int err = 0;
    for (unsigned i = 0; !c->msize && i < ARRAY_LEN(sizes); i++)
        err = ask_version(c, MIN(sizes[i], wanted));
    return c->msize ? 0 : err;
}

u32 p9_io(const struct p9 *c)
{
    u32 io = c->msize - P9_IOHDR;
    return io > PAGE_SIZE ? (u32)ALIGN_DOWN(io, PAGE_SIZE) : io;
}

static u32 free_fid(struct p9 *c)
{
    for (u32 i = 0; i < ARRAY_LEN(c->fids); i++)
        if (~c->fids[i]) {
            unsigned bit = (unsigned)__builtin_ctzll(~c->fids[i]);
            c->fids[i] |= 1ull << bit;
            c->counters->fids++;
            return i * 64 + bit;
        }
    return P9_NOFID;
}

u32 p9_fid_new(struct p9 *c)
{
    u32 fid = free_fid(c);
    return fid == P9_NOFID && p9_fids_short(c) ? free_fid(c) : fid;
}

void p9_fid_free(struct p9 *c, u32 fid)
{
    struct p9_origin **at = p9_origin(c, fid);
    if (at && *at)
        p9_forget(c, fid);
    c->fids[fid / 64] &= ~(1ull << fid % 64);
    c->counters->fids--;
    if (c->dead && !c->counters->fids)
        later_ask(&burial);
}

void p9_fid_unmade(struct p9 *c, u32 fid, bool unsure)
{
    if (unsure)
        p9_clunk(c, fid, true);
    else
        p9_fid_free(c, fid);
}

/* In a new session none of those that were to be ended is. */
static void forget_riding(struct p9 *c)
{
    while (c->nriding)
        p9_fid_free(c, c->riding[--c->nriding]);
}

void p9_payload_out(struct p9_call *call)
{
    if (call->req)
        call->req->payload_in = false;
}

bool p9_answered(const struct p9_call *call)
{
    return call->error || call->req->done;
}

struct p9_origin **p9_make_origin(struct p9 *c, u32 fid)
{
    if (fid < P9_FIDS && !p9_origin(c, fid))
        c->origins[fid / P9_ORIGINS] = mem_new(P9_ORIGINS * sizeof **c->origins);
    return p9_origin(c, fid);
}

/* Under the very first message (msize 0), too: the link says whether there is something to begin anew. */
int p9_restart(struct p9 *c)
{
    u32 msize = c->msize;
    if (c->dead || c->restarting || !c->link->ops->restart)
        return -EIO;
    c->restarting = true;
    forget_riding(c);
    c->msize = 0;
    p9_cache_free(c); /* this server may number otherwise */
    int err = c->life < RESTARTS_MAX ? c->link->ops->restart(c->link) : -EIO;
    if (err == 0)
        err = p9_session(c);
    if (err == 0)
        err = c->msize < msize ? -EIO : p9_restore(c);
    c->restarting = false;
    c->dead = err < 0;
    c->life++;
    c->counters->restarts += !err;
    if (err ? msize : time_rarely(&c->told))
        log_warn("9p: \"%s\" %s", c->tag, err ? "could not be mounted again" : "was mounted again");
    return err < 0 ? -EIO : 0; /* why it failed is no answer to what was asked */
}

struct p9 *p9_make(struct p9_link *link, const char *tag)
{
    struct whole *whole = mem_new(sizeof *whole);
    if (!whole)
        return NULL;
    struct p9 *c = &whole->client;
    c->counters = &whole->counters;
    c->slots = whole->slots;
    c->link = link;
    print_string(c->tag, c->tag + sizeof c->tag, tag);
    LIST_APPEND(clients, c, next);
    return c;
}

/* ---- the end ---- */

static void bury(struct p9 *c)
{
    p9_cache_free(c);
    p9_list_free(c);
    p9_stat_free(c);
    p9_ahead_bury(c);
    p9_free_slots(c);
    for (unsigned i = 0; i < ARRAY_LEN(c->origins); i++)
        mem_delete(c->origins[i], P9_ORIGINS * sizeof *c->origins[i]);
    if (c->link->ops->free)
        c->link->ops->free(c->link);
    mem_delete(c->fs, sizeof *c->fs);
    mem_delete(container_of(c, struct whole, client), sizeof(struct whole));
}

/* At a safe point nobody is in the middle of a call to one. */
static void bury_retired(struct later *work)
{
    (void)work;
    for (struct p9 **at = &retired, *c; (c = *at);) {
        if (c->counters->fids || c->in_flight) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        bury(c);
    }
}

void p9_retire(struct p9 *c)
{
    LIST_REMOVE(clients, c, next);
    c->next = retired;
    retired = c;
    c->dead = true;
    p9_kick(c);
    if (c->fs)
        vfs_unregister(c->fs);
    later_ask(&burial);
}

const char *p9_aname(const struct p9 *c)
{
    return c->link->aname ? c->link->aname : "";
}

bool p9_lacks(const struct p9 *c, u8 type)
{
    return c->lacks[type / 64] >> type % 64 & 1;
}

const struct p9_counters *p9_counters(const struct p9 *c)
{
    return c->counters;
}

struct p9 *p9_client(unsigned i, const char **tag)
{
    struct p9 *c = clients;
    while (c && i--)
        c = c->next;
    if (c)
        *tag = c->tag;
    return c;
}
