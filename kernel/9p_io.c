/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_io - data of a 9P2000.L share: reads straight into the caller's memory, several in flight. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum {
    READS = 8, /* in flight for one read() */
};

struct qid p9_get_qid(struct wire *w)
{
    u8 *p = wire_take(w, 13);
    return p ? (struct qid){*p, *(wire32 *)(p + 1), *(wire64 *)(p + 5)} : (struct qid){0};
}

/* What is left of a read: pieces, from byte `skip` of the first one on. And how it went. */
struct rest {
    const struct span *spans;
    unsigned n;
    u64 skip, offset, len;
    bool full; /* all that was asked for came */
    s64 error;
};

/* Gives a message as much of the rest as it takes; returns how much that is. */
static u32 take_pieces(struct p9_call *call, struct p9 *client, struct rest *r)
{
    u64 count = 0, room = MIN(r->len, p9_io(client));
    while (count < room && r->n) {
        struct span piece = {r->spans->pa + r->skip, MIN(r->spans->len - r->skip, room - count)};
        if (piece.len && !p9_payload(call, piece))
            break;
        count += piece.len;
        r->skip += piece.len;
        if (r->skip == r->spans->len) {
            r->spans++, r->n--;
            r->skip = 0;
        }
    }
    r->offset += count;
    r->len -= count;
    return (u32)count;
}

/* One Tread for as much of the rest as it takes; returns how much that is. */
static u32 send_read(struct p9_call *call, struct p9 *client, u32 fid, struct rest *r)
{
    struct wire w = p9_begin_fid(call, client, P9_TREAD, fid);
    u64 offset = r->offset;
    u32 count = take_pieces(call, client, r);
    wire_put64(&w, offset);
    wire_put32(&w, count);
    p9_send(call, &w);
    return count;
}

static s64 finish_read(struct p9_call *call, u32 asked)
{
    struct wire w;
    int err = p9_finish(call, &w);
    if (err < 0)
        return err;
    u32 count = wire_get32(&w);
    if (!wire_ok(&w) || count > asked || count > call->payload)
        return p9_bad(call, "more data than asked or sent");
    return count;
}

/* One Tread, or several in flight for what lies below `expected`. Returns the bytes that came in one piece from the start on. */
static s64 read_parts(struct p9 *client, u32 fid, struct rest *r, u64 expected)
{
    struct p9_call calls[READS];
    u32 asked[READS];
    unsigned n = 0;
    s64 total = 0;
    do
        asked[n] = send_read(&calls[n], client, fid, r);
    while (asked[n++] && r->len && n < READS && r->offset < expected);
    r->full = true;
    p9_expect(client, n);
    for (unsigned i = 0; i < n; i++) {
        if (r->error) {
            struct wire w;
            p9_cancel(&calls[i], &w);
            continue;
        }
        s64 got = finish_read(&calls[i], asked[i]);
        if (!r->full)
            continue;
        if (got < 0)
            r->error = got;
        else
            total += got;
        r->full = got == asked[i];
    }
    return total;
}

/* One Twrite for as much of the rest as it takes. */
static u32 send_write(struct p9_call *call, struct p9 *client, u32 fid, struct rest *r)
{
    struct wire w = p9_begin_fid(call, client, P9_TWRITE, fid);
    u64 offset = r->offset;
    p9_payload_out(call);
    u32 count = take_pieces(call, client, r);
    wire_put64(&w, offset);
    wire_put32(&w, count);
    p9_send(call, &w);
    return count;
}

static s64 finish_write(struct p9_call *call, u32 sent)
{
    struct wire w;
    int err = p9_finish(call, &w);
    if (err < 0)
        return err;
    u32 count = wire_get32(&w);
    if (!wire_ok(&w) || count > sent)
        return p9_bad(call, "more written than sent");
    return count;
}

static struct rest rest_behind(const struct span *spans, unsigned n, u64 done)
{
    struct rest r = {.spans = spans, .n = n, .skip = done};
    while (r.n && r.skip >= r.spans->len) {
        r.skip -= r.spans->len;
        r.spans++, r.n--;
    }
    return r;
}

/* A short answer is the end, where no more is expected; below that it is not, until nothing comes. */
s64 p9_read(struct p9 *client, u32 fid, u64 expected, u64 end, const struct span *spans, unsigned n, u64 offset)
{
    u64 want = mem_span_total(spans, n);
    s64 total = 0, got;
    struct rest r;
    bool whole = true;
    if (offset < end)
        want = MIN(want, end - offset);
    if (want == 0)
        return 0;
    do {
        r = rest_behind(spans, n, (u64)total);
        r.offset = offset + (u64)total;
        r.len = want - (u64)total;
        got = read_parts(client, fid, &r,
                         whole ? expected : 0); /* who gives little is asked once for it, not eight times */
        whole &= r.full;
        total += got;
    } while (!r.error && got && (u64)total < want && (r.full || offset + (u64)total < expected));
    return total ? total : r.error;
}

static bool no_room(s64 error)
{
    return error == -ENOSPC || error == -EDQUOT || error == -EFBIG;
}

/*
 * One message at a time: what a failed one in the middle of several would leave, no program expects. When room ran out a server may have written a
 * part and not say so: the same bytes go out again by pages, and what it takes then counts. Appended they would be there twice.
 */
s64 p9_write(struct p9 *client, u32 fid, const struct span *spans, unsigned n, u64 offset)
{
    u64 want = mem_span_total(spans, n), most = ~0ull;
    bool append = offset == VFS_CURRENT;
    s64 total = 0, put = 0;
    while ((u64)total < want) {
        struct p9_call call;
        struct rest r = rest_behind(spans, n, (u64)total);
        r.offset = append ? 0 : offset + (u64)total;
        r.len = MIN(want - (u64)total, most - r.offset % most);
        u32 sent = send_write(&call, client, fid, &r);
        put = finish_write(&call, sent);
        if (no_room(put) && sent > PAGE_SIZE && !append) {
            most = PAGE_SIZE;
            continue;
        }
        if (put <= 0)
            return total ? total : put ? put : p9_bad(&call, "nothing written");
        total += put;
    }
    return total;
}
