/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_client - inside the 9P client: what 9p.c (session, requests, tags, fids, checks) gives to those who make messages. */
#ifndef NINEP_CLIENT_H
#define NINEP_CLIENT_H

#include "base.h"

struct p9;
struct p9_link;
struct p9_request;
struct wire;
struct dirent_info;
struct qid;

enum {
    P9_NAMES = 16,  /* in one Twalk */
    P9_IOHDR = 24,  /* bytes of msize that payload leaves free */
    P9_HEAD = 11,   /* bytes of an Rread or Rreaddir before the data, and of a whole Rlerror */
    P9_REPLY = 256, /* room for any other reply */
    P9_OUT = 1024,  /* room for a T-message */
};
#define P9_NOFID 0xffffffffu

/*
 * One message and its answer, always in these steps:
 *
 *     struct p9_call call;
 *     struct wire w = p9_begin(&call, client, P9_TCLUNK);   a slot, which is the tag, and a cursor behind the header
 *     wire_put32(&w, fid);                                   the body
 *     p9_send(&call, &w);                                    handed to the link, not yet kicked
 *     int err = p9_finish(&call, &w);                        kicked, awaited, checked; w: a cursor over the reply's body
 *
 * Several calls may be sent before the first one is finished: they share a kick. Errors stick in the call, p9_finish() tells them. Every call that was
 * begun must be finished or cancelled. The reply's body stands until the next p9_begin().
 */
struct p9_call {
    struct p9 *client;
    struct p9_request *req;
    int error;
    u32 payload; /* after p9_finish(): bytes of the reply that went to the payload */
};

struct wire p9_begin(struct p9_call *call, struct p9 *client, u8 type);
/* Adds memory for the reply's data behind its head. false: the link takes no more pieces. */
bool p9_payload(struct p9_call *call, struct span piece);
void p9_send(struct p9_call *call, const struct wire *w);
/* 0, or -errno: the server's, or -EIO for a reply that is not one. */
int p9_finish(struct p9_call *call, struct wire *reply);
/* Both of the last two, for a message that is sent alone. */
int p9_exchange(struct p9_call *call, struct wire *w);
/* Gives up waiting for an answer: Tflush, and the memory is back when the link has returned the request. */
void p9_cancel(struct p9_call *call);

/* For a reply whose body is wrong: one line in the log for each client at most, and -EIO. */
int p9_bad(const struct p9_call *call, const char *what);

/* A client over a link that is in the list of clients. NULL: no memory. */
struct p9 *p9_make(struct p9_link *link, const char *tag);
/* Agrees on version and message size, once. */
int p9_session(struct p9 *client);
/* Payload bytes for one message, whole pages if it can. */
u32 p9_io(const struct p9 *client);

/* A fid number that is not in use; P9_NOFID: all are. */
u32 p9_fid_new(struct p9 *client);
/* Gives back a number that the server never knew. */
void p9_fid_free(struct p9 *client, u32 fid);
/* Sends Tclunk and does not wait; the number is free when the answer came. kick: nothing follows that would. */
void p9_clunk(struct p9 *client, u32 fid, bool kick);

struct qid p9_get_qid(struct wire *w);

/* 9p_io.c: the verbs read and readdir of struct fs_ops on an open fid. size: the file's, as far as known: 0: not; all ones: that or more. */
s64 p9_read(struct p9 *client, u32 fid, u32 size, const struct span *spans, unsigned n, u64 offset);
int p9_readdir(struct p9 *client, u32 fid, u64 from, size_t room, bool (*emit)(void *, const struct dirent_info *),
               void *ctx);

#endif
