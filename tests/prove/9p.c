/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p - the head of a reply: whatever stands in it, and however much the link says has come.
 *
 * plant head: kernel/9p.c: memcpy(s->copy, s->in, MIN(written, req->in.len)); -> memcpy(s->copy, s->in, written);
 * plant head: kernel/9p.c: ecode > ERRNO_SENT -> ecode > 0xffffffff
 */
#include "kernel/9p.c"

static struct p9_counters counters;
static struct p9_link link;
static struct p9_slot slots[2], *slot;
static struct p9 client = {.link = &link, .counters = &counters};
u64 vfs_heard;

void p9_fid_free(struct p9 *c, u32 fid)
{
    (void)c, (void)fid;
}

void *mem_virt(u64 pa)
{
    return (void *)pa;
}

u64 mem_phys(const void *va)
{
    return (u64)va;
}

/* Only as much of the reply as the slot has room for is there, right before the message that went out. */
void prove_head(void)
{
    for (unsigned head = 0; head < 2; head++) {
        struct p9_call call = {.client = &client};
        struct wire reply;
        slot = &slots[head];
        slot->client = &client;
        slot->busy = client.busy;
        slot->bit = 1;
        slot->ends = any_bool() ? P9_NOFID : 1;
        slot->nobodys = any_bool();
        slot->req = (struct p9_request){
            .busy = true, .tag = (u16)any(0, 127), .type = (u8)any(8, 122), .payload_in = any_bool()};
        slot->req.in.len = head ? P9_HEAD : P9_REPLY;
        slot->data = any(0, P9_MSIZE);
        call.req = &slot->req;
        client.in_flight = 1;
        any_bytes(slot->in, sizeof slot->in);
        p9_complete(&slot->req, any_u32(), 0);
        int err = judge(&call, &reply);
        must(err <= 0);
        must(err >= -511);
    }
}
