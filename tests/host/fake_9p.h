/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_9p - a 9P2000.L server over a tree in memory, behind a struct p9_link. It checks what the client may do, answers in any order, and lies when told
 * to. fake_9p.c: the link, the session and what reads; fake_9p_edit.c: what writes. */
#ifndef FAKE_9P_H
#define FAKE_9P_H

#include "9p.h"

struct wire;

/* A value of an extended attribute, or one that is being read or collected. */
struct fake_value {
    struct fake_value *older, *next;
    char name[256];
    u64 len;
    u8 bytes[65536];
};

struct fake_file {
    struct fake_file *parent, *children, *next, *older;
    const char *name;
    u32 mode, uid, gid, major, minor;
    const char *data; /* content or target; NULL: byte i is fake_byte(i) */
    char *own;        /* the same, once it was written to */
    u64 size, ino;
    u32 version; /* of its qid, how much more than others have */
    int error;   /* what Tlopen of it and Twalk through it answer; 0: it works */
    struct fake_value *values;
};
/* Gives a file an extended attribute that it had not. */
void fake_9p_set_value(struct fake_file *file, const char *name, const void *bytes, u64 len);
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
enum { FAKE_FIDS = 8192, FAKE_LOG = 4096, FAKE_SENT = 8256 };

struct fake_fid {
    struct fake_file *file;
    bool open, opening, visible, clunking;
    bool clone;               /* made by a walk of no names */
    u32 flags;                /* that it was opened with */
    struct fake_value *value; /* of a fid that is an attribute's, */
    bool collects;            /* and is written to, */
    u64 announced;            /* so many bytes */
    u32 how;
};

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
    u32 msize_max, max_read, max_write; /* 0: no limit */
    u64 room; /* bytes that a file may have; what does not fit of a write is ENOSPC for all of it. 0: no limit */
    unsigned most_fids; /* more are EMFILE; 0: no limit */
    u8 hold;            /* Ts of this type, but for the first `hold_after`, are answered only when they are flushed, */
    unsigned hold_after;
    u8 refuse;          /* Ts of this type get the error in arg, */
    u8 lacks;           /* and Ts of this EOPNOTSUPP */
    bool rewrites;      /* the device writes into a reply's head again when it has given it back */
    bool flush_first;   /* and Rflush comes before the flushed one is back */
    bool serial;        /* a fid can be used in the kick that makes it */
    bool leaves_fids;   /* as kvmtool: a walk that stops short is an error and makes newfid all the same, a ghost, */
    bool ghosts_answer; /* of which there are attributes */
    bool dead;
    unsigned die_after; /* messages; 0: never */
    unsigned die_wait;  /* or instead of its so many-th wait */
    unsigned lives;     /* times that the link can be restarted yet; the server is a new one then */
    bool dies_again;    /* at the same place */
    bool shrinks;       /* takes one piece a message from the restart on */
    void (*mangle)(struct fake_9p *s, const struct p9_request *req, struct fake_reply *reply);
    u8 lie;  /* for mangle: the T type that it is about, */
    u64 arg; /* and a number */

    const char *violation; /* the first rule that the client broke */
    bool was_serial;       /* at any time, so that the client may think that it is */
    unsigned seen[128], log_len, most_in_flight;
    u8 log[FAKE_LOG]; /* types in the order of their arrival */
    u32 last_read_count, msize, seed;
    u8 sent[128][FAKE_SENT]; /* the last message of each type, as it stood on the wire, */
    u32 sent_len[128];
    u8 lock_status; /* what Rlock says, */
    u8 held_type;   /* and Rgetlock, */
    u32 held_pid;
    u64 held_start, held_len;
    struct fake_fid fids[FAKE_FIDS];
    struct fake_pending pending[P9_REQUESTS];
    unsigned npending;
};

/* Carries a message out: reads its T's body from `in`, writes its R's to `out`; -errno: Rlerror. */
typedef int (*fake_verb)(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out);
/* By type: the messages that write. What neither this nor fake_9p.c's own table has is not to be sent. */
extern const fake_verb fake_9p_edits[128];
/* Types that any client has sent to any server since the test program began. */
extern bool fake_9p_ever[256];

/* For verbs: a rule that the client broke; the file of a fid that may be used now; a new fid; a name; a name in a directory. */
void fake_9p_violated(struct fake_9p *s, const char *rule);
struct fake_file *fake_9p_file(struct fake_9p *s, struct fake_pending *p, u32 fid);
int fake_9p_make(struct fake_9p *s, struct fake_pending *p, u32 fid, struct fake_file *file);
void fake_9p_check_name(struct fake_9p *s, const char *name, u16 len);
struct fake_file *fake_9p_child(struct fake_file *dir, const char *name, size_t len);
void fake_9p_put_qid(struct wire *w, const struct fake_file *f);

/* A server for `root`, well-behaved. */
void fake_9p_init(struct fake_9p *s, struct fake_file *root);
/* How many fids it knows. */
unsigned fake_9p_fids(const struct fake_9p *s);
/* Drops what was seen so far. */
void fake_9p_forget(struct fake_9p *s);
/* Everything in flight comes back with -EIO, and nothing works any more. */
void fake_9p_kill(struct fake_9p *s);

#endif
