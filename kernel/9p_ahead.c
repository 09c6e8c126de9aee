/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_ahead - reads ahead of who reads a file from one end to the other: the next piece is on its way while he takes the last.
 *
 * What lies in a window may be used only while the program could not have heard that the file is another one. The guest's own changes to a file
 * drop all windows on it. Of the host's: a window tells what was there when its message was sent, so with cache=none it is good until the guest
 * hears of something later (vfs_heard), and a few milliseconds; else until the file is closed, or its data begin to be kept (9p_keep.c). Handing out a
 * window's first byte is such a hearing. The end of a file is never taken from a window: who reads there asks the server.
 *
 * A window's pages are the device's until its message came back; what is given up before then waits in `orphans`. */
#include "9p.h"
#include "9p_client.h"
#include "arch.h"
#include "later.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum {
    STREAMS = 8,         /* files that somebody reads at the same time */
    WINDOWS = 4,         /* of one stream */
    SHORT_PAGES = 4,     /* a window of less does not pay */
    FIRST_PAGES = 32,    /* the first one, */
    GROWTH = 8,          /* the next is so much larger, */
    MOST_PAGES = 960,    /* at most this; */
    SLOW_PAGES = 256,    /* or this, once some came in vain: they may be too old when a slow reader comes to them */
    PART = 8,            /* of the memory that is free, for all windows together */
    LEAST_FREE = 256,    /* pages; with less there are none */
    MOST = 48,           /* windows: a server that keeps answers back holds no more of 128 messages */
    DIRECT = 128 * 1024, /* who reads as much at a time needs no windows: it goes straight into his memory; */
    DIRECT_PAGES = 512 * 1024, /* whole pages, which need no copy */
    SHORT_MOST = 3,     /* windows of a file for which the server gave less than was asked: it is not read ahead then */
    PATIENCE = 2,       /* reads on end before the first window; */
    PATIENCE_MOST = 64, /* doubled up to here each time that one was not used up */
    TOGETHER = 16,      /* pages that are handed over wherever they go */
    IDLE_BEATS = 10,    /* after which a file's windows go */
    SPANS = 64
};

struct window {
    struct window *next;
    struct p9_call call;
    u64 pa, pages;
    u64 offset;
    u32 asked, got; /* bytes from there on */
    bool flying;    /* not answered, or the answer was not looked at */
    bool used;
    struct vfs_moment sent;
};

struct stream {
    struct stream *next; /* the one used last comes first */
    struct p9 *client;
    u64 qid_path;
    u32 fid;
    u32 run, patience; /* reads on end, and how many are wanted */
    u64 at;            /* where the last one ended */
    u64 pages, most;   /* of the next window, of any */
    u32 shorts;        /* answers that stopped where the file does not */
    u64 beat;          /* of the last use */
    struct window *windows;
};

static struct stream *streams;
static struct window *orphans;
static u64 held; /* pages */
/* Where in the program the last read went. */
static struct {
    u64 va, end;
} taken;
static unsigned nwindows;
static bool busy; /* in the middle of a read: its windows stay */
u64 p9_ahead_had;

/* ---- windows ---- */

static void free_window(struct window *w)
{
    mem_lent_back(w->pa, w->pages);
    held -= w->pages;
    nwindows--;
    mem_delete(w, sizeof *w);
}

/* Waits for the answer and looks at it. What came is in w->got: nothing after an error, which is told to who asks for those bytes again. */
static void land(struct window *w)
{
    struct wire reply;
    if (!w->flying)
        return;
    int err = p9_collect(&w->call, &reply);
    w->flying = !p9_answered(&w->call);
    if (err < 0)
        return;
    u32 count = wire_get32(&reply);
    if (wire_ok(&reply) && count <= w->asked && count <= w->call.payload)
        w->got = count;
    else
        p9_bad(&w->call, "more data than asked or sent");
}

static void drop_window(struct window *w)
{
    if (w->flying && p9_answered(&w->call))
        land(w);
    if (!w->flying) {
        free_window(w);
        return;
    }
    w->next = orphans;
    orphans = w;
}

static void reap(void)
{
    for (struct window **at = &orphans, *w; (w = *at);) {
        if (!p9_answered(&w->call)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        land(w);
        free_window(w);
    }
}

static void drop_first(struct stream *s)
{
    struct window *w = s->windows;
    s->windows = w->next;
    drop_window(w);
}

/* Gives up what was fetched in vain, and is slower to fetch for this file again. */
static void drop_all(struct stream *s)
{
    if (s->windows) {
        s->patience = MIN(s->patience * 2, (u32)PATIENCE_MOST);
        s->most = SLOW_PAGES;
    }
    while (s->windows)
        drop_first(s);
    s->run = 0;
    s->pages = FIRST_PAGES;
}

/* Memory for `len` bytes, or for less; NULL: it is needed elsewhere. */
static struct window *make_window(u64 offset, u64 len, u64 most)
{
    u64 pages = MIN(ALIGN_UP(len, PAGE_SIZE) / PAGE_SIZE, most), pa = 0;
    reap();
    u64 available = (mem_free_count() + held) / PART;
    if (mem_free_count() < LEAST_FREE || held >= available || nwindows == MOST)
        return NULL;
    pages = MIN(pages, available - held);
    while (pages >= MIN((u64)SHORT_PAGES, most) && !(pa = mem_lend_if_free(pages)))
        pages /= 2;
    struct window *w = pa ? mem_new(sizeof *w) : NULL;
    if (!w) {
        mem_lent_back(pa, pa ? pages : 0);
        return NULL;
    }
    held += pages;
    nwindows++;
    *w = (struct window){.pa = pa, .pages = pages, .offset = offset, .asked = (u32)MIN(len, pages * PAGE_SIZE)};
    w->sent = vfs_now();
    return w;
}

/* Nobody hears what it brings before he takes from it, so that it does not count as heard yet. */
static void send_window(struct stream *s, struct window *w)
{
    u64 heard = vfs_heard;
    struct wire message = p9_begin_fid(&w->call, s->client, P9_TREAD, s->fid);
    p9_payload(&w->call, (struct span){w->pa, w->asked});
    wire_put64(&message, w->offset);
    wire_put32(&message, w->asked);
    p9_send(&w->call, &message);
    w->flying = !w->call.error;
    vfs_heard = heard;
}

/* Sends for what is behind the last window, as far as the file is known to reach. */
static void send_ahead(struct stream *s, u64 known)
{
    struct window **end = &s->windows;
    u64 at = s->at, most = p9_io(s->client) / PAGE_SIZE;
    unsigned n = 0;
    for (; *end; end = &(*end)->next, n++)
        at = (*end)->offset + (*end)->asked;
    unsigned limit = most < MOST_PAGES ? WINDOWS : WINDOWS / 2;
    for (; n < limit && at < known; n++) {
        struct window *w = make_window(at, known - at, MIN(s->pages, MAX(most, 1)));
        if (!w)
            break;
        send_window(s, w);
        if (!w->flying) {
            free_window(w);
            break;
        }
        *end = w;
        end = &w->next;
        at += w->asked;
        s->pages = MIN(s->pages * GROWTH, s->most);
    }
    p9_kick(s->client);
}

/* ---- streams ---- */

static bool give(void);
static void tick(struct later *work);
static struct mem_keeper keeper = {.give = give};
static struct later clock = {.fn = tick, .seldom = true};

static struct stream *find(const struct p9 *client, u32 fid)
{
    for (struct stream **at = &streams, *s; (s = *at); at = &s->next) {
        if (s->client != client || s->fid != fid)
            continue;
        *at = s->next;
        s->next = streams;
        return streams = s;
    }
    return NULL;
}

static void remove(struct stream **at)
{
    struct stream *s = *at;
    *at = s->next;
    drop_all(s);
    mem_delete(s, sizeof *s);
}

/* From where a read ended, in a file that goes on. The one that was not used for longest makes room. */
static void add(const struct node *node, u64 at)
{
    unsigned n = 1;
    struct stream **last = &streams, *s = mem_new(sizeof *s);
    if (!s)
        return;
    *s = (struct stream){.next = streams, .client = p9_of(node), .fid = p9_fid(node), .at = at};
    s->qid_path = node->qid.path;
    s->run = 1;
    s->patience = PATIENCE;
    s->pages = FIRST_PAGES;
    s->most = MOST_PAGES;
    if (!clock.watched) {
        mem_keep(&keeper);
        later_watch(&clock);
    }
    for (streams = s; *last && n <= STREAMS; n++)
        last = &(*last)->next;
    if (*last)
        remove(last);
}

/* Memory is short. */
static bool give(void)
{
    u64 before = held;
    reap();
    for (struct stream *s = streams; s && held == before && !busy; s = s->next)
        drop_all(s);
    return held < before;
}

/* At a heartbeat: what nobody reads on any more is not worth its pages. */
static void tick(struct later *work)
{
    (void)work;
    reap();
    for (struct stream *s = streams; s; s = s->next)
        if (s->windows && arch_heartbeats() - s->beat > IDLE_BEATS)
            drop_all(s);
}

void p9_ahead_changed(const struct node *node)
{
    for (struct stream *s = streams; s; s = s->next)
        if (s->client == p9_of(node) && s->qid_path == node->qid.path)
            drop_all(s);
}

void p9_ahead_close(const struct node *node)
{
    p9_gather_close(node);
    if (streams && find(p9_of(node), p9_fid(node)))
        remove(&streams);
}

void p9_ahead_bury(struct p9 *client)
{
    reap();
    for (struct stream **at = &streams; *at;)
        if ((*at)->client == client)
            remove(at);
        else
            at = &(*at)->next;
}

/* ---- reading ---- */

/* The first byte of a window tells what was so when it was sent: what was sent for before that is old from now on, but for this and what came later. */
static void hear(struct stream *s, u64 known)
{
    u64 before = vfs_heard++;
    for (struct window *w = s->windows; w; w = w->next)
        w->sent.heard += w->sent.heard == before;
    s->windows->used = true;
    send_ahead(s, known);
}

/* The window that byte `at` is in, landed; NULL: none, or it may not be used, and all are gone. */
static struct window *window_at(struct stream *s, const struct fs *fs, u64 at, u64 known)
{
    struct window *w;
    while ((w = s->windows) && at - w->offset >= w->asked && w->next && at >= w->next->offset)
        drop_first(s);
    bool good = w && at - w->offset < w->asked && (fs->cache != CACHE_NONE || vfs_is_still(w->sent));
    if (good && !w->used)
        hear(s, known);
    if (good)
        land(w);
    if (good && at - w->offset < w->got)
        return w;
    s->shorts += good;
    drop_all(s);
    return NULL;
}

/* The first bytes are no longer the window's. */
static void shrink(struct window *w, u64 len)
{
    w->pa += len;
    w->pages -= len / PAGE_SIZE;
    held -= len / PAGE_SIZE;
    w->offset += len;
    w->asked -= (u32)len;
    w->got -= (u32)len;
}

/* Few pages are worth a hole in what lay together before only for who reads to the same place again, or on. */
static bool is_worth_it(u64 va, u64 len)
{
    bool worth = len >= TOGETHER * PAGE_SIZE || va == taken.va || va == taken.end;
    taken.va = va;
    taken.end = va + len;
    return worth;
}

/* Whole pages, from byte `skip` of the window on, that the program takes as they are for its own at byte `done` of the spans; of `len` bytes, which came. How
 * many bytes. */
static u64 hand_over(struct window *w, u64 skip, const struct span *spans, u64 done, u64 len)
{
    u64 at = done, va = vfs_reader.va + done;
    for (; at >= spans->len; spans++)
        at -= spans->len;
    u64 from = spans->pa + at;
    len = ALIGN_DOWN(MIN(len, spans->len - at), PAGE_SIZE);
    if (!len || (from | skip) % PAGE_SIZE)
        return 0;
    mem_lent_back(w->pa, skip / PAGE_SIZE);
    shrink(w, skip);
    len = vfs_reader.swap(va, from, w->pa, len);
    shrink(w, len);
    mem_lent_back(from, len / PAGE_SIZE); /* what was one window may be one again so */
    return len;
}

/* Bytes that windows had. */
static u64 take(struct stream *s, const struct fs *fs, u64 known, const struct span *spans, unsigned n, u64 offset,
                u64 want)
{
    u64 done = 0;
    struct window *w;
    bool worth = vfs_reader.swap && is_worth_it(vfs_reader.va, want);
    while (done < want && s->windows && (w = window_at(s, fs, offset + done, known))) {
        u64 at = offset + done, piece = MIN(w->got - (at - w->offset), want - done);
        u64 got = worth ? hand_over(w, at - w->offset, spans, done, piece) : 0;
        if (!got)
            got = mem_to_spans(spans, n, done, (u8 *)mem_virt(w->pa) + (at - w->offset), piece);
        done += got;
        if (at + got - w->offset < w->asked)
            continue;
        s->patience = PATIENCE;
        if (fs->cache == CACHE_LOOSE)
            shrink(w, p9_keep_pages(s->client, s->qid_path, w->pa, w->pages, w->offset, w->got) * PAGE_SIZE);
        drop_first(s);
    }
    return done;
}

/* Pieces behind the first `skip` bytes; how many. */
static unsigned cut(struct span *out, const struct span *spans, unsigned n, u64 skip)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        u64 gone = MIN(skip, spans[i].len);
        skip -= gone;
        if (spans[i].len > gone)
            out[count++] = (struct span){spans[i].pa + gone, spans[i].len - gone};
    }
    return count;
}

static bool may_begin(const struct stream *s)
{
    return s->run >= s->patience && !s->windows && s->shorts < SHORT_MOST;
}

/* What no window had, and with it the next window, where this was a read on. */
static s64 fetch(struct stream *s, u64 known, u64 end, struct span *spans, unsigned n, u64 offset, u64 want)
{
    struct window *w = NULL;
    if (may_begin(s) && want < known && offset < known - want && want + s->pages * PAGE_SIZE <= p9_io(s->client))
        w = make_window(offset + want, known - want - offset, s->pages);
    if (w) {
        spans[n++] = (struct span){w->pa, w->asked};
        known = offset + want; /* a server that gives less is asked once more for this only */
    }
    s64 got = p9_read(s->client, s->fid, known, end, spans, n, offset);
    if (!w || got <= (s64)want) {
        if (w)
            free_window(w);
        return got;
    }
    w->got = (u32)((u64)got - want);
    w->sent.heard = vfs_heard; /* the program hears this answer, but no later one */
    s->windows = w;
    s->pages = MIN(s->pages * GROWTH, s->most);
    return (s64)want;
}

static s64 read_stream(struct stream *s, struct node *node, u64 known, u64 end, const struct span *spans, unsigned n,
                       u64 offset, u64 want)
{
    struct span rest[SPANS + 1];
    s->beat = arch_heartbeats();
    s->run = offset == s->at ? s->run + 1 : 0;
    if (!s->windows && s->run < s->patience) {
        s64 got = p9_read(s->client, s->fid, known, end, spans, n, offset);
        s->at = offset + (u64)MAX(got, 0);
        return got;
    }
    u64 done = take(s, node->fs, known, spans, n, offset, want);
    s64 got = 0;
    p9_ahead_had = done;
    if (done < want)
        got = fetch(s, known, done ? 0 : end, rest, cut(rest, spans, n, done), offset + done, want - done);
    if (done == 0 && got < 0)
        return got;
    done += (u64)MAX(got, 0);
    s->at = offset + done;
    if (done == want && may_begin(s) && want + s->pages * PAGE_SIZE > p9_io(s->client))
        send_ahead(s, known); /* by messages of its own */
    return (s64)done;
}

s64 p9_ahead_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    u64 want = mem_span_total(spans, n), end = p9_sure_size(node);
    u64 known = p9_hint(node) == ~0u ? ~0ull : p9_hint(node);
    struct stream *s = streams ? find(p9_of(node), p9_fid(node)) : NULL;
    s64 got;
    p9_gather_read(node);
    bool pages = vfs_reader.swap && n && spans->pa % PAGE_SIZE == 0;
    bool small = want && want < (pages ? DIRECT_PAGES : DIRECT) && n <= SPANS && !node->through;
    if (s && small) {
        busy = true;
        got = read_stream(s, node, known, end, spans, n, offset, want);
        busy = false;
        return got;
    }
    if (s)
        drop_all(s);
    got = p9_read(p9_of(node), p9_fid(node), known, end, spans, n, offset);
    if (!s && small && got == (s64)want && want < known && offset < known - want)
        add(node, offset + want);
    return got;
}
