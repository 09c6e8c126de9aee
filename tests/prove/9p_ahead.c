/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_ahead - what a window has of the file, by the server's count.
 *
 * flags window: -eva-split-return-function p9_collect:0,p9_finish:0
 * plant window: kernel/9p_ahead.c: count <= w->asked && count <= w->call.payload) -> count <= w->asked)
 * plant window: kernel/9p_ahead.c: count <= w->asked && count <= w->call.payload) -> count <= w->call.payload)
 */
#include "kernel/9p_ahead.c"

#include "replies.h"

bool p9_answered(const struct p9_call *call)
{
    (void)call;
    return any_bool();
}

int p9_collect(struct p9_call *call, struct wire *reply)
{
    return p9_finish(call, reply);
}

static void answer(void)
{
    struct window more = {.asked = 200, .flying = true, .call = {.client = &client, .payload = 300}};
    struct window less = {.asked = 400, .flying = true, .call = {.client = &client, .payload = 300}};
    land(&more);
    must(more.got <= 200);
    land(&less);
    must(less.got <= 300);
}

void prove_window(void)
{
    with_every_reply(answer, 12);
}
