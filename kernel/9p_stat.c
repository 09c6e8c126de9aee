/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_stat - attributes by name: Twalk, then Tgetattr and Tclunk in one kick.
 *
 * The fid is nobody's but this file's and nothing is noted of it, so that in a new session the look-up begins anew. */
#include "9p.h"
#include "9p_client.h"
#include "vfs.h"

enum { TRIES = 3 }; /* one for each session that is lost under a look-up */

/* By a node: for a path that takes several Twalks, for an open file's other nature, its name, and where both can be asked at once. */
static int stat_node(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                     struct qid *qids, struct attr *attr)
{
    from->fs->next_verb = VFS_NEXT_GETATTR;
    int got = from->fs->ops->walk(from, names, n, out, qids);
    if (got != (int)n || (follow && (out->qid.type & QID_SYMLINK)))
        return got;
    int err = from->fs->ops->getattr(out, attr);
    from->fs->ops->clunk(out);
    out->fs = NULL;
    return err < 0 ? err : got;
}

/* The fid that one Twalk made, at its end. */
static int ask(struct p9 *client, u32 fid, struct attr *attr)
{
    struct p9_call call;
    p9_send_getattr(&call, client, fid);
    call.once = true;
    p9_clunk(client, fid, call.error != 0);
    return p9_finish_getattr(&call, attr);
}

/* Where it is not known yet whether the server works in order, this may be the time to try. */
static int walk(struct p9 *client, u32 from, u32 fid, const struct name *names, unsigned n, struct qid *qids)
{
    struct p9_call call;
    p9_send_walk(&call, client, from, fid, names, n);
    bool tries = client->order == P9_ORDER_UNKNOWN;
    if (tries)
        p9_chain_send(client, from, fid, 0);
    int got = p9_finish_walk(&call, n, qids);
    if (tries)
        p9_chain_finish(client, NULL);
    return got;
}

static int stat_once(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                     struct qid *qids, struct attr *attr)
{
    struct p9 *client = p9_of(from);
    u32 fid = p9_fid_new(client);
    if (fid == P9_NOFID)
        return -ENFILE;
    int got = walk(client, p9_fid(from), fid, names, n, qids), err;
    if (got == (int)n && follow && (qids[n - 1].type & QID_SYMLINK)) {
        *out = (struct node){.fs = from->fs, .id = fid, .qid = qids[n - 1]};
        err = p9_note(client, fid, p9_fid(from), names, n, &out->qid);
        if (err < 0)
            p9_clunk(client, fid, true);
        return err < 0 ? err : got;
    }
    if (got == (int)n) {
        *out = (struct node){.qid = qids[n - 1]};
        err = ask(client, fid, attr);
        return err < 0 ? err : got;
    }
    if (got == -EIO) /* the server may know it or not */
        p9_clunk(client, fid, true);
    else
        p9_fid_free(client, fid);
    return got;
}

int p9fs_stat(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
              struct qid *qids, struct attr *attr)
{
    struct p9 *client = p9_of(from);
    if (n == 0 && !from->open) {
        struct node same = *from;
        *out = (struct node){.qid = from->qid};
        return from->fs->ops->getattr(&same, attr);
    }
    if (n == 0 || client->order == P9_IN_ORDER || p9_names_that_fit(names, n) < n)
        return stat_node(from, names, n, follow, out, qids, attr);
    int got;
    unsigned tries = 0;
    u32 life;
    do {
        life = client->life;
        got = stat_once(from, names, n, follow, out, qids, attr);
    } while (got == -EIO && client->life != life && ++tries < TRIES);
    return got;
}
