/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_io - replies that bring data: counts of bytes read and written.
 *
 * flags counts: -eva-split-return-function p9_finish:0
 * plant counts: kernel/9p_io.c: count > asked || count > call->payload) -> count > asked)
 * plant counts: kernel/9p_io.c: count > sent) -> count > sent + 1)
 */
#include "kernel/9p_io.c"

#include "replies.h"

u64 mem_span_total(const struct span *spans, unsigned n)
{
    return n ? spans->len : 0;
}

u32 p9_io(const struct p9 *c)
{
    (void)c;
    return PAGE_SIZE;
}

void p9_payload_out(struct p9_call *call)
{
    (void)call;
}

int p9_cancel(struct p9_call *call, struct wire *reply)
{
    return p9_finish(call, reply);
}

static void counts(void)
{
    struct p9_call call = {.client = &client, .payload = 300};
    s64 got = finish_read(&call, 400);
    must(got <= 300);
    got = finish_write(&call, 400);
    must(got <= 400);
}

void prove_counts(void)
{
    with_every_reply(counts, 12);
}
