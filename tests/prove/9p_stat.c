/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_stat - what a share says of itself.
 *
 * flags statfs: -eva-split-return-function p9_exchange:0,p9_finish:0
 * plant statfs: kernel/wire.h: n > wire_left(w) -> n > wire_left(w) + 8
 */
#include "kernel/9p_stat.c"

#include "replies.h"

struct p9 *p9_of(const struct node *node)
{
    return node->fs->priv;
}

struct wire p9_begin_on(struct p9_call *call, const struct node *node, u8 type)
{
    return p9_begin_fid(call, node->fs->priv, type, (u32)node->id);
}

static void statfs(void)
{
    static struct fs fs = {.priv = &client};
    struct node node = {.fs = &fs};
    struct fs_stat stat;
    if (p9fs_statfs(&node, &stat) == 0)
        must(stat.bsize > 0);
}

void prove_statfs(void)
{
    with_every_reply(statfs, 64);
}
