/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_edit - the messages that change a share: one function a message, all in the same steps. */
#include "9p.h"
#include "9p_client.h"
#include "vfs.h"
#include "wire.h"

enum { AT_REMOVEDIR = 0x200 };
#define NO_GID 0xffffffffu /* whatever the server's user has (rule C8) */

static struct p9 *client_of(const struct node *node)
{
    return node->fs->priv;
}

static u32 fid_of(const struct node *node)
{
    return (u32)node->id;
}

static struct wire begin(struct p9_call *call, const struct node *node, u8 type)
{
    struct wire w = p9_begin(call, client_of(node), type);
    wire_put32(&w, fid_of(node));
    return w;
}

static void put_name(struct wire *w, struct name name)
{
    wire_put_string(w, name.s, name.len);
}

/* EXCL goes along always: servers give an existing file other rights, or take it for one of theirs (rule C7). */
int p9fs_create(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr)
{
    struct p9_call call;
    struct wire w = begin(&call, dir, P9_TLCREATE);
    put_name(&w, name);
    wire_put32(&w, (flags & P9_OPEN_FLAGS) | O_CREAT | O_EXCL | O_LARGEFILE);
    wire_put32(&w, mode);
    wire_put32(&w, NO_GID);
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    dir->qid = p9_get_qid(&w);
    dir->open = true;
    if (!wire_ok(&w))
        return p9_bad(&call, "short Rlcreate");
    return dir->fs->ops->getattr(dir, attr);
}

int p9fs_mkdir(const struct node *dir, struct name name, u32 mode)
{
    struct p9_call call;
    struct wire w = begin(&call, dir, P9_TMKDIR);
    put_name(&w, name);
    wire_put32(&w, mode);
    wire_put32(&w, NO_GID);
    return p9_exchange(&call, &w);
}

int p9fs_symlink(const struct node *dir, struct name name, const char *target, size_t len)
{
    struct p9_call call;
    struct wire w = p9_begin_long(&call, client_of(dir), P9_TSYMLINK);
    wire_put32(&w, fid_of(dir));
    put_name(&w, name);
    wire_put_string(&w, target, len);
    wire_put32(&w, NO_GID);
    return p9_exchange(&call, &w);
}

int p9fs_mknod(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor)
{
    struct p9_call call;
    struct wire w = begin(&call, dir, P9_TMKNOD);
    put_name(&w, name);
    wire_put32(&w, mode);
    wire_put32(&w, major);
    wire_put32(&w, minor);
    wire_put32(&w, NO_GID);
    return p9_exchange(&call, &w);
}

int p9fs_link(const struct node *dir, struct name name, const struct node *target)
{
    struct p9_call call;
    struct wire w = begin(&call, dir, P9_TLINK);
    wire_put32(&w, fid_of(target));
    put_name(&w, name);
    return p9_exchange(&call, &w);
}

int p9fs_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    struct p9_call call;
    struct wire w = begin(&call, from, P9_TRENAMEAT);
    put_name(&w, old_name);
    wire_put32(&w, fid_of(to));
    put_name(&w, new_name);
    return p9_exchange(&call, &w);
}

int p9fs_unlink(const struct node *dir, struct name name, bool directory)
{
    struct p9_call call;
    struct wire w = begin(&call, dir, P9_TUNLINKAT);
    put_name(&w, name);
    wire_put32(&w, directory ? AT_REMOVEDIR : 0);
    return p9_exchange(&call, &w);
}

static void put_time(struct wire *w, struct timestamp t)
{
    wire_put64(w, t.sec);
    wire_put64(w, t.nsec);
}

int p9fs_setattr(struct node *node, const struct attr_change *c)
{
    struct p9_call call;
    struct wire w = begin(&call, node, P9_TSETATTR);
    wire_put32(&w, c->valid);
    wire_put32(&w, c->mode);
    wire_put32(&w, c->uid);
    wire_put32(&w, c->gid);
    wire_put64(&w, c->size);
    put_time(&w, c->atime);
    put_time(&w, c->mtime);
    return p9_exchange(&call, &w);
}

int p9fs_fsync(struct node *node, bool data_only)
{
    struct p9_call call;
    struct wire w = begin(&call, node, P9_TFSYNC);
    wire_put32(&w, data_only);
    return p9_exchange(&call, &w);
}
