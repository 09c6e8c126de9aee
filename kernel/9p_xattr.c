/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_xattr - extended attributes of a share: a value is read and written through a fid of its own. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

/* A fid from which the value (or with an empty name the list of names) is read; *size: its length. */
static int walk_to(const struct node *node, struct name name, u32 *fid, u64 *size)
{
    struct p9 *client = p9_of(node);
    struct p9_call call;
    *fid = p9_fid_new(client);
    if (*fid == P9_NOFID)
        return -ENFILE;
    struct wire w = p9_begin_on(&call, node, P9_TXATTRWALK);
    wire_put32(&w, *fid);
    wire_put_string(&w, name.s, name.len);
    int err = p9_exchange(&call, &w);
    if (err == 0) {
        *size = wire_get64(&w);
        p9_note_attribute(client, *fid);
        if (wire_ok(&w) && *size <= XATTR_SIZE_MAX)
            return 0;
        err = p9_bad(&call, "attribute of an impossible size");
    }
    p9_fid_unmade(client, *fid, err == -EIO);
    return err;
}

s64 p9fs_getxattr(const struct node *node, struct name name, void *value, size_t size)
{
    u32 fid = P9_NOFID;
    u64 len = 0;
    int err = p9_check_name(node);
    if (err == 0)
        err = walk_to(node, name, &fid, &len);
    if (err < 0)
        return err;
    s64 got = (s64)len;
    if (size && len > size)
        got = -ERANGE;
    else if (size && len) {
        struct span span = {mem_phys(value), len};
        got = p9_read(p9_of(node), fid, len, len, &span, 1, 0);
        got = got >= 0 && got < (s64)len ? -EIO : got;
    }
    p9_clunk(p9_of(node), fid, true);
    return got;
}

static int create(struct p9 *client, u32 fid, struct name name, size_t size, u32 flags)
{
    struct p9_call call;
    struct wire w = p9_begin_fid(&call, client, P9_TXATTRCREATE, fid);
    wire_put_string(&w, name.s, name.len);
    wire_put64(&w, size);
    wire_put32(&w, flags);
    int err = p9_exchange(&call, &w);
    if (err == 0)
        p9_note_attribute(client, fid);
    return err;
}

/* Servers take a value from its beginning to its end, and no byte twice: its messages go one by one. */
static int put_value(struct p9 *client, u32 fid, u64 pa, size_t size)
{
    s64 put = 0;
    for (size_t done = 0; done < size; done += (size_t)put) {
        struct span span = {pa + done, MIN(size - done, p9_io(client))};
        put = p9_write(client, fid, &span, 1, done);
        if (put < (s64)span.len)
            return put < 0 ? (int)put : -EIO;
    }
    return 0;
}

/* The server sets the value when the fid goes, so Tclunk is waited for and its error is the result. size 0 removes the attribute. */
int p9fs_setxattr(const struct node *node, struct name name, const void *value, size_t size, u32 flags)
{
    struct p9 *client = p9_of(node);
    u32 fid = P9_NOFID;
    if (value && !size)
        return -EOPNOTSUPP;
    int err = p9_check_name(node);
    if (err == 0)
        err = p9_clone(node, &fid);
    if (err < 0)
        return err;
    err = create(client, fid, name, size, flags);
    if (err == 0 && size)
        err = put_value(client, fid, mem_phys(value), size);
    int end = p9_end(client, P9_TCLUNK, fid);
    p9_cache_changed(client, node->qid.path); /* it was looked at before it was changed */
    return err < 0 ? err : end;
}
