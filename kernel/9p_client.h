/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_client - inside the 9P client: what 9p.c (requests, tags, checks) and 9p_session.c give to those who make messages. */
#ifndef NINEP_CLIENT_H
#define NINEP_CLIENT_H

#include "base.h"

struct p9_link;
struct p9_request;
struct p9_counters;
struct wire;
struct dirent_info;
struct qid;
struct node;
struct name;
struct attr;
struct attr_change;
struct file_lock;
struct kept;

enum {
    P9_NAMES = 16,   /* in one Twalk */
    P9_IOHDR = 24,   /* bytes of msize that payload leaves free */
    P9_HEAD = 11,    /* bytes of an Rread or Rreaddir before the data, and of a whole Rlerror */
    P9_REPLY = 256,  /* room for any other reply */
    P9_OUT = 1024,   /* room for a T-message, but for those begun as long */
    P9_FIDS = 4096,  /* in use at a time */
    P9_DIRS = 6,     /* for changes of names; a few of them with a fid of their own (rule C11) */
    P9_RIDING = 128, /* Tclunks that wait for a kick at most, */
    P9_RIDE = 4,     /* but for those of a batch: as many */
    P9_ORIGINS = 64  /* fids in one piece of what is known of them */
};
#define P9_NOFID 0xffffffffu
/* Whether the server carries messages out one after the other. */
enum { P9_ORDER_UNKNOWN, P9_ANY_ORDER, P9_IN_ORDER };

/* A directory for changes of names: 9p_dirs.c's. from: the fid that its path starts at; walked: the fid is of its own. */
struct p9_dir {
    u32 fid, from, life, mode;
    bool used, walked, old, has_mode;
    u8 users;
    u32 version;
    u64 qid_path, heard, cycles;
};

struct p9 {
    struct p9 *next;
    struct fs *fs; /* as it is mounted */
    struct p9_link *link;
    char tag[64];
    u32 msize;          /* agreed on; 0: no session yet */
    unsigned in_flight; /* submitted and not completed */
    unsigned expected;  /* of those so many are waited for together; a hint */
    bool unkicked;      /* something was submitted since the last kick */
    bool waited;        /* since the last kick */
    bool warned;
    struct p9_counters *counters;
    u32 life;               /* sessions that ended before this one */
    u64 edits;              /* messages sent that change names */
    struct p9_cache *cache; /* 9p_cache.c's; NULL: nothing is kept */
    struct p9_batch *batch; /* 9p_stat.c's; NULL: none was sent yet */
    struct p9_list *list;   /* 9p_list.c's; NULL: nothing was listed yet */
    u64 told;               /* when the log last had a line about that */
    bool restarting, dead;
    u64 fids[P9_FIDS / 64]; /* a bit for each number in use */
    struct p9_origin **origins[P9_FIDS / P9_ORIGINS];
    u8 order;        /* P9_ANY_ORDER..., found out by 9p_chain.c */
    u8 walks, tried; /* its; only until it is */
    struct p9_dir dirs[P9_DIRS];
    u8 next_dir;
    u8 nriding;             /* fids to end with the next kick: */
    u32 riding[P9_RIDING];  /* these */
    u64 lacks[2];           /* a bit for each type that the server said it does not know */
    struct p9_slot **slots; /* P9_REQUESTS of them; 9p.c makes each when it is first needed */
    u64 busy[2];            /* a bit for each that is */
};

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
    u32 life;    /* of the session in which it was sent */
    u32 payload; /* after p9_finish(): bytes of the reply that went to the payload */
    u64 pages;   /* a long message's own memory */
    bool once;   /* it is not sent again: what it is about may have ended, or is not known in another session */
};

struct wire p9_begin(struct p9_call *call, struct p9 *client, u8 type);
/* The same for a message whose body begins with a fid that exists. */
struct wire p9_begin_fid(struct p9_call *call, struct p9 *client, u8 type, u32 fid);
/* The same as p9_begin for a message of up to P9_LONG bytes. */
enum { P9_LONG = 8192 };
struct wire p9_begin_long(struct p9_call *call, struct p9 *client, u8 type);
/* Makes the payload what follows the message (Twrite), not room for the reply. Before p9_payload(). */
void p9_payload_out(struct p9_call *call);
/* Adds memory for the reply's data behind its head. false: the link takes no more pieces. */
bool p9_payload(struct p9_call *call, struct span piece);
void p9_send(struct p9_call *call, const struct wire *w);
/* What was sent goes out now, though nobody waits for an answer. */
void p9_kick(struct p9 *client);
/* 0, or -errno: the server's, or -EIO for a reply that is not one. */
int p9_finish(struct p9_call *call, struct wire *reply);
/* Before the first p9_finish() of several, when n answers are to come before their caller can go on: it is woken once. */
static inline void p9_expect(struct p9 *client, unsigned n)
{
    client->expected = n;
}
/* Both of the last two, for a message that is sent alone. */
int p9_exchange(struct p9_call *call, struct wire *w);
/* Gives up waiting for an answer, instead of p9_finish(): Tflush; the memory is back when the link has returned the request. -EINTR: the server did
 * nothing; else it was answered all the same, and did what the answer says. */
int p9_cancel(struct p9_call *call, struct wire *reply);

/* For what nobody asked for yet. Sends what p9_send() left; has the answer come, or the message failed? p9_finish() for what is not sent again when its
 * session ends. */
void p9_kick(struct p9 *client);
bool p9_answered(const struct p9_call *call);
int p9_collect(struct p9_call *call, struct wire *reply);

/* For a reply whose body is wrong: one line in the log for each client at most, and -EIO. */
int p9_bad(const struct p9_call *call, const char *what);

/* A client over a link that is in the list of clients. NULL: no memory. */
struct p9 *p9_make(struct p9_link *link, const char *tag);
/* 9p.c: gives the memory of its requests back; none is in flight. */
void p9_free_slots(struct p9 *client);
const char *p9_aname(const struct p9 *client);
/* Agrees on version and message size, once. */
int p9_session(struct p9 *client);
/* A new session on a link that lost the old one, and all fids in it. -EIO: never again. */
int p9_restart(struct p9 *client);
/* Payload bytes for one message, whole pages if it can. */
u32 p9_io(const struct p9 *client);

/* A fid number that is not in use; P9_NOFID: all are. */
u32 p9_fid_new(struct p9 *client);
/* Gives back a number that the server never knew. */
void p9_fid_free(struct p9 *client, u32 fid);
/* A message that was to make the fid failed. unsure: the server may have made it all the same, as after an answer that cannot be believed; then Tclunk
 * settles it. */
void p9_fid_unmade(struct p9 *client, u32 fid, bool unsure);
/* Sends Tclunk and does not wait; the number is free when the answer came. now: at once; else with the next kick, or when there is nothing to do. */
void p9_clunk(struct p9 *client, u32 fid, bool now);
/* Who needs the room of all messages for his own: what is on its way comes back before. */
void p9_drain(struct p9 *client);
/* Tclunk or Tremove, waited for: the server's answer. The fid ends either way. */
int p9_end(struct p9 *client, u8 type, u32 fid);

struct qid p9_get_qid(struct wire *w);

/*
 * 9p_again.c: where each fid is, so that the session can begin again after the device's reset. Every fid that an answer made is noted: n names behind
 * `from` (P9_NOFID: the root); -ENOMEM. Then that it was opened; or that it is an attribute's, which cannot be had again; or that things were moved.
 */
struct p9_origin;
int p9_note(struct p9 *client, u32 fid, u32 from, const struct name *names, unsigned n, const struct qid *qid);
void p9_note_open(struct p9 *client, u32 fid, u32 flags);
void p9_note_attribute(struct p9 *client, u32 fid);
void p9_note_rename(struct p9 *client, u32 from, struct name old_name, u32 to, struct name new_name);
void p9_forget(struct p9 *client, u32 fid);
/* Does a fid stand for what these names lead to from another one; for something at or below a name in a directory? */
bool p9_is_at(struct p9 *client, u32 fid, u32 from, const struct name *names, unsigned n);
bool p9_lies_below(struct p9 *client, u32 fid, u32 dir, struct name name);
/* It was there before the reset, and could not be had again. */
bool p9_lost(struct p9 *client, u32 fid);
/* Attaches, walks and opens all of them in a new session. 0; -errno: the root is not there any more. */
int p9_restore(struct p9 *client);
/* Where 9p_again.c keeps what it knows of a fid. NULL: there never was anything; there is no room for it. */
static inline struct p9_origin **p9_origin(const struct p9 *client, u32 fid)
{
    struct p9_origin **page = fid < P9_FIDS ? client->origins[fid / P9_ORIGINS] : NULL;
    return page ? page + fid % P9_ORIGINS : NULL;
}
struct p9_origin **p9_make_origin(struct p9 *client, u32 fid);
/* 9p_fs.c: its messages, for 9p_again.c. */
int p9_attach_fid(struct p9 *client, u32 fid, struct qid *qid);
unsigned p9_names_that_fit(const struct name *names, unsigned n);
int p9_walk_some(struct p9 *client, u32 fid, u32 newfid, const struct name *names, unsigned n, struct qid *qids);
/* The halves of a message: what goes out, for others to go out with it, and what its answer says, as in struct fs_ops. page: where a target goes. */
void p9_send_walk(struct p9_call *call, struct p9 *client, u32 fid, u32 newfid, const struct name *names, unsigned n);
int p9_finish_walk(struct p9_call *call, unsigned n, struct qid *qids);
void p9_send_getattr(struct p9_call *call, struct p9 *client, u32 fid);
int p9_finish_getattr(struct p9_call *call, struct attr *attr);
void p9_send_open(struct p9_call *call, struct p9 *client, u32 fid, u32 flags);
int p9_finish_open(struct p9_call *call, struct p9 *client, u32 fid, u32 flags, struct qid *qid);
void p9_send_readlink(struct p9_call *call, struct p9 *client, u32 fid, u64 page);
int p9_finish_readlink(struct p9_call *call, u64 page, char *buf, size_t size);

/*
 * 9p_chain.c: what is asked together with the walk that makes a fid, where the server works in order. send: behind the message, before its answer; next:
 * VFS_NEXT_*. finish: behind the answer, and p9_note(); walked: what the fid stands for, NULL: there is none. true: the server made it all the same,
 * so it has to be clunked. take: the answers for that fid, once; NULL: it was not asked.
 */
struct p9_answers {
    int result; /* as that of the verb */
    const struct qid *qid;
    const struct attr *attr;
    const char *target;
};
extern const struct p9 *p9_chained; /* whose answers are kept */
void p9_chain_send(struct p9 *client, u32 from, u32 fid, u8 next);
bool p9_chain_finish(struct p9 *client, const struct qid *walked);
const struct p9_answers *p9_chain_take(u32 fid, u8 next);
void p9_chain_forget(void);

/* Has the server said that it does not know such a message? */
bool p9_lacks(const struct p9 *client, u8 type);

/* 9p_fs.c: a node's client and fid; a message that begins with that fid; a second fid on the same object: 0 or -errno. */
struct p9 *p9_of(const struct node *node);
u32 p9_fid(const struct node *node);
/* The hint of an open file's node: its size when that was last heard of, ~0: that or more; and its size if that is sure, else 0. */
u32 p9_hint(const struct node *node);
u64 p9_sure_size(const struct node *node);
struct wire p9_begin_on(struct p9_call *call, const struct node *node, u8 type);
int p9_clone(const struct node *node, u32 *out);

/* Open flags that mean something to a server; the rest is ours. */
#define P9_OPEN_FLAGS (O_ACCMODE | O_TRUNC | O_APPEND | O_DIRECTORY | O_SYNC | O_NOATIME)

/*
 * 9p_dirs.c. walk: to a directory in which names are to be changed, or that is only walked from, as far as no message is needed: n, or -EAGAIN. keep: it
 * was walked to for that, and may be kept. clunk: for nodes of these two (node.known). close: a fid that paths start at ends. changed: what became of a
 * change in it, of one message; gone: what has this name there is renamed, replaced or removed. mode: as that of new directories in it goes by;
 * modes_changed: somebody's did. idle: see p9_clunk.
 */
int p9_dirs_walk(const struct node *from, u8 next, const struct name *names, unsigned n, struct node *out,
                 struct qid *qids);
void p9_dirs_keep(const struct node *from, const struct qid *qids, unsigned n, struct node *out);
void p9_dirs_clunk(const struct node *node);
void p9_dirs_close(struct p9 *client, u32 from);
void p9_dirs_changed(const struct node *dir, int err);
void p9_dirs_gone(const struct node *dir, struct name name);
int p9_dirs_mode(const struct node *dir, u32 *mode);
void p9_dirs_modes_changed(struct p9 *client);
void p9_idle(void);
/* There are no fids left, here or at the server (rule C11): those that are only kept end, and those that were to end. false: there were none. */
bool p9_fids_short(struct p9 *client);

/* 9p_stat.c: the verbs of these names. */
struct fs_stat;
int p9fs_statfs(struct node *node, struct fs_stat *out);
int p9fs_stat(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
              struct qid *qids, struct attr *attr);
/* All that is kept goes. */
void p9_stat_free(struct p9 *client);

/* 9p_edit.c: the verbs of struct fs_ops that change a tree. */
int p9fs_create(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr);
int p9fs_mkdir(const struct node *dir, struct name name, u32 mode);
int p9fs_symlink(const struct node *dir, struct name name, const char *target, size_t len);
int p9fs_mknod(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor);
int p9fs_link(const struct node *dir, struct name name, const struct node *target);
int p9fs_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name);
int p9fs_unlink(const struct node *dir, struct name name, bool directory);
/* Servers act by the name that an open file once had, but for reads and writes. 0: if there is one, it is still this file; -ESTALE: another one has
 * it, which must not be touched. */
int p9_check_name(const struct node *node);
int p9fs_setattr(struct node *node, const struct attr_change *change);
int p9fs_fsync(struct node *node, bool data_only);
/* 9p_gather.c */
int p9fs_flush(struct node *node, bool tell);
/* What was gathered of this file, by whatever descriptor; its error. Sends all that was gathered; before a read of the file; when it is closed. */
int p9_gather_sync(struct node *node);
void p9_gather_flush(const struct p9 *client);
void p9_gather_read(const struct node *node);
void p9_gather_close(const struct node *node);
s64 p9fs_write(struct node *node, const struct span *spans, unsigned n, u64 offset);
/* 9p_xattr.c */
s64 p9fs_getxattr(const struct node *node, struct name name, void *value, size_t size);
int p9fs_setxattr(const struct node *node, struct name name, const void *value, size_t size, u32 flags);
/* 9p_lock.c */
int p9fs_lock(struct node *node, const struct file_lock *lock);
int p9fs_getlock(struct node *node, struct file_lock *lock);

/*
 * 9p_io.c: the verbs read and write of struct fs_ops on an open fid. expected: the file is thought to reach to here, and messages for what
 * is below go out together; end: it surely ends here, and nothing behind is asked for (0: not known).
 */
s64 p9_read(struct p9 *client, u32 fid, u64 expected, u64 end, const struct span *spans, unsigned n, u64 offset);
/*
 * 9p_ahead.c: a read() of an open file, from what was read ahead of it as far as it may be used, and from the server; who reads on where he ended gets the
 * next pieces fetched while he is busy.
 */
s64 p9_ahead_read(struct node *node, const struct span *spans, unsigned n, u64 offset);
extern u64 p9_ahead_had; /* bytes of the last one that were read ahead, where it looked for such */
/* The file is another one now, as this guest knows, or it may be: nothing of it that was read ahead is used any more. */
void p9_ahead_changed(const struct node *node);
/* This fid is closed: what was read and gathered for it goes. */
void p9_ahead_close(const struct node *node);
/* The client goes; nothing is in flight. */
void p9_ahead_bury(struct p9 *client);
/* offset: VFS_CURRENT on a fid that the server opened to append. */
s64 p9_write(struct p9 *client, u32 fid, const struct span *spans, unsigned n, u64 offset);

/* 9p_list.c: the verb readdir. This fid is closed. All that is kept goes. */
int p9_readdir(const struct node *dir, u64 from, size_t room, bool (*emit)(void *, const struct dirent_info *),
               void *ctx);
/* When `name` is among those that are asked about next, after a listing of the directory with this qid.path: it and the names behind it, in the listing's
 * order or that of bytes, that were given to the program, at most `most`, which stand until the next listing or mem_new(). 0: it is not. */
unsigned p9_list_expect(struct p9 *client, u64 dir, struct name name, struct name *out, unsigned most);
void p9_list_close(struct p9 *client, u32 fid);
void p9_list_free(struct p9 *client);

/*
 * 9p_cache.c, where the share is mounted with cache=loose; else nothing is known. What a walk of these names would say: its result, or -EAGAIN: it has to be
 * asked. And what it said. The attributes of an object, by its qid.path, and that they are others now.
 */
int p9_cache_walk(const struct node *from, const struct name *names, unsigned n, struct qid *qids);
/* The verb absent. */
bool p9fs_absent(const struct node *from, const struct name *names, unsigned n);
void p9_cache_learn_walk(const struct node *from, const struct name *names, unsigned n, int got,
                         const struct qid *qids);
bool p9_cache_attr(struct p9 *client, u64 ino, struct attr *attr);
void p9_cache_learn_attr(struct p9 *client, const struct attr *attr);
void p9_cache_changed(struct p9 *client, u64 ino);
/* Where 9p_keep.c hangs what it keeps of an object's data, which goes with its attributes. They go to *attr; NULL there: they may be old. NULL: there
 * are none. Stands until the next message or mem_new(). */
struct kept **p9_cache_data(struct p9 *client, u64 ino, const struct attr **attr);
/* A name in this directory is made, or nobody's any more: before that is asked for. gone: what had it has it no more. */
void p9_cache_edit(const struct node *dir, struct name name, bool gone);
void p9_cache_remove(const struct node *dir, struct name name, bool directory);
void p9_cache_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name);
void p9_cache_free(struct p9 *client);
bool p9_is_loose(const struct p9 *client);
/*
 * 9p_keep.c: the verb read, and where the share is mounted with cache=loose, what is kept of files' data. pages: those in which `len` bytes of a file
 * came: as many as it returns, all or none, are its own then. drop: what hangs on attributes that are not kept any more.
 */
s64 p9fs_read(struct node *node, const struct span *spans, unsigned n, u64 offset);
u64 p9_keep_pages(struct p9 *client, u64 ino, u64 pa, u64 npages, u64 offset, u64 len);
void p9_keep_drop(struct kept *kept);
/* What clients keep goes when memory is needed, from the first call on; not while it is busy. */
void p9_keep(void);
void p9_cache_busy(bool now);

#endif
