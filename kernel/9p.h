/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p - a 9P2000.L client over a struct p9_link; knows no virtio. */
#ifndef NINEP_H
#define NINEP_H

#include "base.h"

enum {
    P9_REQUESTS = 128,  /* in flight at most; a request's tag is its index, 0..127 (client rule C2) */
    P9_SPANS = 126,     /* payload spans in one request, besides the head on either side */
    P9_MSIZE = 4186112, /* bytes of a message that we ask for: (1024 - 2) * 4096, what newer QEMUs cap at (rule C1) */
};

/* Message types; a reply's is one more. */
enum {
    P9_RLERROR = 7,
    P9_TSTATFS = 8,
    P9_TLOPEN = 12,
    P9_TLCREATE = 14,
    P9_TSYMLINK = 16,
    P9_TMKNOD = 18,
    P9_TRENAME = 20,
    P9_TREADLINK = 22,
    P9_TGETATTR = 24,
    P9_TSETATTR = 26,
    P9_TXATTRWALK = 30,
    P9_TXATTRCREATE = 32,
    P9_TREADDIR = 40,
    P9_TFSYNC = 50,
    P9_TLOCK = 52,
    P9_TGETLOCK = 54,
    P9_TLINK = 70,
    P9_TMKDIR = 72,
    P9_TRENAMEAT = 74,
    P9_TUNLINKAT = 76,
    P9_TVERSION = 100,
    P9_TATTACH = 104,
    P9_TFLUSH = 108,
    P9_TWALK = 110,
    P9_TREAD = 116,
    P9_TWRITE = 118,
    P9_TCLUNK = 120,
    P9_TREMOVE = 122,
};

/*
 * One exchange as the link sees it. The reply's head goes to `in`, and what the server sends behind in.len to the payload (if payload_in); a request's
 * payload follows `out` (if not payload_in). All of it stays untouched by us until p9_complete().
 */
struct p9_request {
    u64 own[5]; /* the link's, from message to message; 0 at first */
    unsigned npayload;
    bool payload_in;
    bool fixed; /* out and in are where they are each time that this request has no other place for them */
    /* The client's from here on. */
    bool busy, done;
    u16 tag;
    u8 type;
    int error;
    u32 written;
    union {
        struct {
            struct span out, in, payload[P9_SPANS];
        };
        struct span spans[2 + P9_SPANS]; /* the same: in the order of a queue, if payload_in */
    };
};

struct p9_link;

/* What carries messages: virtio (drivers/virtio_9p.c), a socket or a script in tests. */
struct p9_link_ops {
    /* Takes a request to send. 0; -ENOSPC: full, wait() first; -E2BIG: too many spans; -EIO: dead for ever. Does not wait. */
    int (*submit)(struct p9_link *link, struct p9_request *req);
    /* What was submitted goes out now. */
    void (*kick)(struct p9_link *link);
    /* Sleeps until at least one completion was delivered through p9_complete(). n: nothing can go on before so many were, so wake up once. -EIO: dead; all requests were completed with -EIO before. */
    int (*wait)(struct p9_link *link, unsigned n);
    /* After -EIO: makes it work again, with nothing in flight and a server that remembers nothing. -EIO: it cannot, as whoever
     * is silent and not broken may not be asked again. NULL: it never can. */
    int (*restart)(struct p9_link *link);
    /* The client that p9_retire() was told of is no more: the link's memory may go. NULL: nothing to do. */
    void (*free)(struct p9_link *link);
};

struct p9_link {
    const struct p9_link_ops *ops;
    void *priv;
    unsigned max_spans; /* payload spans that one request may have, <= P9_SPANS */
    unsigned depth;     /* requests in flight that it can hold, <= P9_REQUESTS */
    const char *aname;  /* which tree the server is asked for; NULL: the only one that it has */
};

/* For links: req is finished; written: bytes of the reply that really arrived (head and payload), or error: -errno. The memory is the client's again. */
void p9_complete(struct p9_request *req, u32 written, int error);

/* Counted since the client was made; readable under /sys. */
struct p9_counters {
    u64 messages; /* T-messages sent */
    u64 waits;    /* times that the caller had to wait; for all that went out with one kick at most one */
    u64 kicks;
    u64 restarts;     /* sessions begun again */
    u64 by_type[128]; /* T-messages, by type */
    u64 fids;         /* in use now */
    bool in_order;    /* the server carries messages out one after the other, as far as is known */
};

struct p9;
/* A client over link, registered with the mount table under `tag`. Sends nothing before it is mounted. NULL: no memory. */
struct p9 *p9_new(struct p9_link *link, const char *tag);
/* The link is gone for ever, with nothing in flight: whoever uses the client hears EIO, its tag is free for another, and when the last file and mount of it
 * are given up its memory goes. Files that are open do not come back with a new link: nobody can know that it leads to the same folder. */
void p9_retire(struct p9 *client);
const struct p9_counters *p9_counters(const struct p9 *client);
/* The i-th client and its tag; NULL: no more. */
struct p9 *p9_client(unsigned i, const char **tag);

#endif
