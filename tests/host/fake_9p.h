/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_9p - a 9P2000.L server over a tree in memory, behind a struct p9_link. It checks what the client may do, answers in any order, and lies when told to. */
#ifndef FAKE_9P_H
#define FAKE_9P_H

#include "9p.h"

struct fake_file {
    struct fake_file *parent, *children, *next, *older;
    const char *name;
    u32 mode;
    const char *data; /* content or target; NULL: byte i is fake_byte(i) */
    u64 size, ino;
    int error; /* what Tlopen of it and Twalk through it answer; 0: it works */
};
struct fake_file *fake_file(struct fake_file *dir, const char *name, u32 mode, const char *data, u64 size);
u8 fake_byte(u64 offset);

/* A reply on its way; bytes has room for 128 KiB more than the client gave. */
struct fake_reply {
    u8 *bytes;
    u64 len;     /* bytes that are put into the client's memory, as far as they fit */
    u32 written; /* what the link says has arrived */
    int error;
};

enum fake_order { FAKE_FIRST, FAKE_LAST, FAKE_SHUFFLED, FAKE_ALL }; /* which completion a wait delivers */
enum { FAKE_FIDS = 8192, FAKE_LOG = 4096 };

struct fake_pending {
    struct p9_request *req;
    struct fake_reply reply;
    bool kicked, held, cancelled;
    u32 fid, newfid; /* that this message uses and makes; ~0: none */
};

struct fake_9p {
    struct p9_link link;
    struct fake_file *root;
    enum fake_order order;
    u32 msize_max, max_read; /* 0: no limit */
    u8 hold; /* Ts of this type, but for the first `hold_after`, are answered only when they are flushed, */
    unsigned hold_after;
    u8 refuse;        /* Ts of this type get the error in arg */
    bool flush_first; /* and Rflush comes before the flushed one is back */
    bool dead;
    unsigned die_after; /* messages; 0: never */
    void (*mangle)(struct fake_9p *s, const struct p9_request *req, struct fake_reply *reply);
    u8 lie;  /* for mangle: the T type that it is about, */
    u64 arg; /* and a number */

    const char *violation; /* the first rule that the client broke */
    unsigned seen[128], log_len, most_in_flight;
    u8 log[FAKE_LOG]; /* types in the order of their arrival */
    u32 last_read_count, msize, seed;
    struct {
        struct fake_file *file;
        bool open, opening, visible, clunking;
    } fids[FAKE_FIDS];
    struct fake_pending pending[P9_REQUESTS];
    unsigned npending;
};

/* A server for `root`, well-behaved. */
void fake_9p_init(struct fake_9p *s, struct fake_file *root);
/* How many fids it knows. */
unsigned fake_9p_fids(const struct fake_9p *s);
/* Drops what was seen so far. */
void fake_9p_forget(struct fake_9p *s);
/* Everything in flight comes back with -EIO, and nothing works any more. */
void fake_9p_kill(struct fake_9p *s);

#endif
