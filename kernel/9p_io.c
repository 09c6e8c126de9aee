/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_io - data of a 9P2000.L share: straight into the caller's memory and out of it, several messages in flight. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum {
    PARTS = 8, /* in flight for one read() or write() */
};

struct qid p9_get_qid(struct wire *w)
{
    u8 *p = wire_take(w, 13);
    return p ? (struct qid){*p, *(wire32 *)(p + 1), *(wire64 *)(p + 5)} : (struct qid){0};
}

/* What is left to be read or written: pieces, from byte `skip` of the first one on. And how it went. */
struct rest {
    const struct span *spans;
    unsigned n;
    u64 skip, offset, len;
    bool full; /* all that was asked for was done */
    s64 error;
};

/* Several that go out together are of one length: who waits for all of them waits for the longest. */
static COLD u64 length_of_part(u64 most, const struct rest *r, u64 expected)
{
    u64 together = r->offset < expected ? MIN(r->len, expected - r->offset) : 0;
    return together <= most ? most : MIN(ALIGN_UP(together / ((together - 1) / most + 1), PAGE_SIZE), most);
}

/* How much of the rest a message is for. */
static inline u64 length_of_next(const struct p9 *client, const struct rest *r, u64 expected)
{
    u64 most = p9_io(client);
    return r->len <= most ? r->len : length_of_part(most, r, expected);
}

/* Gives a message as much of the rest as it takes, up to `room` bytes; returns how much that is. */
static u32 take_pieces(struct p9_call *call, u64 room, struct rest *r)
{
    u64 count = 0;
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

/* One Tread or Twrite; returns for how many bytes. */
static inline u32 send_part(struct p9_call *call, struct p9 *client, u8 type, u32 fid, struct rest *r, u64 expected)
{
    struct wire w = p9_begin_fid(call, client, type, fid);
    u64 offset = r->offset;
    if (type == P9_TWRITE)
        p9_payload_out(call);
    u32 count = take_pieces(call, length_of_next(client, r, expected), r);
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

static s64 finish_write(struct p9_call *call, u32 sent)
{
    struct wire w;
    int err = p9_finish(call, &w);
    if (err < 0)
        return err;
    u32 count = wire_get32(&w);
    if (!wire_ok(&w) || count > sent)
        return p9_bad(call, "more written than sent");
    return count ? (s64)count : p9_bad(call, "nothing written");
}

static inline s64 finish_part(struct p9_call *call, u8 type, u32 asked, struct rest *r)
{
    s64 got = type == P9_TREAD ? finish_read(call, asked) : finish_write(call, asked);
    r->full = got == asked;
    r->error = MIN(got, 0);
    return MAX(got, 0);
}

/* Behind the first of several in flight: the bytes that were moved in one piece behind its own. What is behind a part that failed is given up; of what is to be
 * written, also what is behind one that the server did not take whole. */
static COLD s64 finish_more(struct p9_call *calls, const u32 *asked, unsigned n, u8 type, struct rest *r)
{
    s64 total = 0;
    for (unsigned i = 0; i < n; i++) {
        struct wire w;
        if (r->error || (!r->full && type == P9_TWRITE))
            p9_cancel(&calls[i], &w);
        else if (r->full)
            total += finish_part(&calls[i], type, asked[i], r);
        else
            finish_read(&calls[i], asked[i]);
    }
    return total;
}

/* As many as may be in flight for what lies below `expected`; returns how many. */
static COLD unsigned send_more(struct p9_call *calls, u32 *asked, u8 type, u32 fid, struct rest *r, u64 expected)
{
    struct p9 *client = calls->client;
    unsigned n = 1;
    do
        asked[n] = send_part(&calls[n], client, type, fid, r, expected);
    while (asked[n++] && r->len && n < PARTS && r->offset < expected);
    return n;
}

/* One message, or several. Returns the bytes that were moved in one piece from the start on. */
static inline s64 move_parts(struct p9 *client, u8 type, u32 fid, struct rest *r, u64 expected)
{
    struct p9_call calls[PARTS];
    u32 asked[PARTS];
    unsigned n = 1;
    asked[0] = send_part(calls, client, type, fid, r, expected);
    if (r->len && asked[0] && r->offset < expected)
        n = send_more(calls, asked, type, fid, r, expected);
    p9_expect(client, n);
    s64 total = finish_part(calls, type, asked[0], r);
    return n == 1 ? total : total + finish_more(calls + 1, asked + 1, n - 1, type, r);
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
    bool whole = true;
    struct rest r;
    if (offset < end)
        want = MIN(want, end - offset);
    if (want == 0)
        return 0;
    do {
        r = rest_behind(spans, n, (u64)total);
        r.offset = offset + (u64)total;
        r.len = want - (u64)total;
        got = move_parts(client, P9_TREAD, fid, &r,
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
 * What is appended goes out one message at a time: the server puts each behind the one that it takes first. So does all else from the first answer on that
 * is not for the whole. When room ran out a server may have written a part and not say so: the same bytes go out again by pages, and what it takes then
 * counts. Appended they would be there twice.
 */
s64 p9_write(struct p9 *client, u32 fid, const struct span *spans, unsigned n, u64 offset)
{
    u64 want = mem_span_total(spans, n), most = ~0ull;
    bool append = offset == VFS_CURRENT;
    u64 expected = append ? 0 : ~0ull;
    s64 total = 0;
    while ((u64)total < want) {
        struct rest r = rest_behind(spans, n, (u64)total);
        r.offset = append ? 0 : offset + (u64)total;
        r.len = MIN(want - (u64)total, most - r.offset % most);
        total += move_parts(client, P9_TWRITE, fid, &r, expected);
        if (r.full)
            continue;
        expected = 0;
        if (no_room(r.error) && most > PAGE_SIZE && want - (u64)total > PAGE_SIZE && !append)
            most = PAGE_SIZE;
        else if (r.error)
            return total ? total : r.error;
    }
    return total;
}
