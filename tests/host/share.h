/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* share - what the tests of the 9P client stand on: a share with some files, a client of it, lies that its server tells, and operations that they spoil. */
#ifndef SHARE_H
#define SHARE_H

#include "9p.h"
#include "later.h"
#include "fake_9p.h"
#include "vfs.h"

extern struct fake_9p s;
extern struct fake_file *top, *file, *big, *dir, *deep, *link_file, *fifo;
extern struct fs *fs;
extern struct node root;
extern struct p9 *client;

/* A new share with a tag of its own, and a client that has sent nothing yet. */
void make_client(void);
/* Before a test: the same, attached; after: the client broke no rule. */
int start(void **state);
int finish(void **state);

/* A client as make_client()'s, whose share is mounted at /s. After a test of it: it broke no rule, and has given back all fids. */
void mount_client(u8 cache);
int keeps_rules(void **state);
/* A file by its path. */
struct file *opened(const char *path, u32 flags);

struct name name_of(const char *text);
int walk1(const char *text, struct node *out);
struct node must_walk(const char *text);
struct node must_open(const char *text);
struct node must_open_with(const char *text, u32 flags);
/* A name that was never used. */
struct name new_name(void);
void put(struct node *node);
/* Lets the answers to Tclunk come, by some other exchange. */
void settle(void);
s64 read_at(struct node *node, void *bytes, u64 len, u64 offset);
s64 write_at(struct node *node, const void *bytes, u64 len, u64 offset);
/* The last message of this type stood on the wire like this, and had so many bytes. format: a letter for each field: 1 2 4 8: a number of so many
 * bytes; s: a string; d: data, as pointer and u64 length. */
void assert_sent(u8 type, u32 size, const char *format, ...);
/* No fid is left but the root's. */
void assert_no_fids(void);
/* A last test: nothing went to a server that is no message of 9P2000.L, or that we never send. */
void nothing_but_9p2000l_was_sent(void **state);
/* The bytes are fake_byte()'s from `offset` on. */
void assert_pattern(const u8 *bytes, u64 len, u64 offset);
/* Memory that is one span. */
u8 *buffer(size_t len);
void drop(u8 *bytes, size_t len);

#define LIE(ident)                                                                                                     \
    static void ident##_body(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);              \
    void ident(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)                             \
    {                                                                                                                  \
        if (lied(server, req))                                                                                         \
            ident##_body(server, req, r);                                                                              \
    }                                                                                                                  \
    static void ident##_body(__attribute__((unused)) struct fake_9p *server,                                           \
                             __attribute__((unused)) const struct p9_request *req,                                     \
                             __attribute__((unused)) struct fake_reply *r)

typedef void (*mangle_fn)(struct fake_9p *, const struct p9_request *, struct fake_reply *);
bool lied(struct fake_9p *server, const struct p9_request *req);
/* From now on replies to `type` go through mangle, which s.arg tells more. */
void set_size(struct fake_reply *r, u32 size);
void lie(u8 type, mangle_fn mangle, u64 arg);
#define AT(offset, value) ((u64)(offset) | (u64)(value) << 32)
void lie_written(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_cut(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_one_short(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_one_long(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_size(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_size_less(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_tag(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_type(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_beyond(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_error(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_u8(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_u16(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);
void lie_u32(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r);

s64 op_walk(void);
s64 op_open(void);
s64 op_getattr(void);
s64 op_read(void);
s64 op_readdir(void);
s64 op_readlink(void);
s64 op_statfs(void);
s64 op_create(void);
s64 op_write(void);
s64 op_mkdir(void);
s64 op_symlink(void);
s64 op_mknod(void);
s64 op_link(void);
s64 op_setattr(void);
s64 op_fsync(void);
s64 op_setxattr(void);
s64 op_getxattr(void);
s64 op_lock(void);
s64 op_getlock(void);
s64 op_rename(void);
s64 op_unlink(void);
bool count_entry(void *ctx, const struct dirent_info *e);

enum { OPS = 25 };
extern const struct op {
    const char *name;
    u8 type;
    s64 (*run)(void);
    bool bare; /* the answer is a header only */
} ops[OPS];
/* Each operation fails with `want` under the lie, works afterwards, and leaves no fid behind. */
void all_ops(mangle_fn mangle, u64 arg, s64 want);

#endif
