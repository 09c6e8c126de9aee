/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_list - directory listings (Treaddir), fetched in larger pieces than programs ask for.
 *
 * What came is kept in memory of ours, copied once from where the device put it. Programs take the rest of the last piece only as long as they could not tell
 * it from a new one: with cache=none while nothing was heard from outside, and for a few milliseconds; else until this guest changes a name. Who
 * goes on listing without hearing anything gets larger pieces. The names stay, also when the directory is closed, until another one is listed: their
 * order is that in which programs ask for attributes (9p_stat.c), or else it is that of their bytes, as of names that a program has sorted. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum {
    PIECES = 8,             /* that are kept, */
    ROOM_MAX = 64,          /* pages of one Rreaddir, */
    ROOM_PART = 64,         /* and this part of the memory that is free */
    ENTRY = 24,             /* a directory entry's bytes before the name */
    SEEN_AHEAD = 8,         /* entries that a program may leave out before the next one that it asks about */
    SORT_MOST = 256 * 1024, /* bytes of entries: of more it takes too long to find the next in order */
    SORTED = 2,             /* see follows() */
    SORT_TRIES = 8,         /* to find a program's order, for each listing */
};

struct piece {
    u64 pa;
    u32 pages, len;
};

/* A place in front of an entry. */
struct cursor {
    u32 piece, at;
};

struct p9_list {
    u32 fid, life; /* whose listing, in which session; P9_NOFID: nobody's any more */
    u64 dir;       /* qid.path of the directory */
    u32 n;         /* pieces, of which programs were given all but the rest of the last one: */
    u32 at;        /* from here on; */
    u64 from;      /* the cookie that leads there, */
    u64 begin;     /* and the one that led to its first entry */
    u32 asked;     /* pages */
    u64 edits;
    struct vfs_moment fetched;
    struct cursor expected;  /* the name that is asked about next, */
    u8 sorted;               /* but from SORTED on, when programs ask in the order of bytes */
    u8 tries, last_len;      /* looks whether they do; */
    char last[VFS_NAME_MAX]; /* the name before, for those */
    struct piece pieces[PIECES];
};

/* Entries in memory of ours. */
struct listing {
    const u8 *p;
    size_t left;
};

/* Is a byte of the word 0? */
static bool has_zero(u64 word)
{
    return (word - 0x0101010101010101) & ~word & 0x8080808080808080;
}

static bool has_bad_byte(u64 word)
{
    return has_zero(word) || has_zero(word ^ 0x2f2f2f2f2f2f2f2f);
}

/* No '/' and no NUL. Eight bytes before the name can be read. */
static bool is_name(const u8 *s, u32 len)
{
    for (u32 i = 0; i + 8 <= len; i += 8)
        if (has_bad_byte(*(const wire64 *)(s + i)))
            return false;
    u32 rest = len % 8;
    u64 last = *(const wire64 *)(s + len - 8);
    return !rest || !has_bad_byte(last >> (64 - 8 * rest) | ~0ull << 8 * rest);
}

/* The next entry. 0: end; -EIO: not an entry. */
static int next_entry(struct listing *l, struct dirent_info *e)
{
    const u8 *p = l->p;
    if (l->left == 0)
        return 0;
    if (l->left < ENTRY)
        return -EIO;
    u32 len = *(const wire16 *)(p + 22);
    if (len == 0 || len > VFS_NAME_MAX || len > l->left - ENTRY || !is_name(p + ENTRY, len))
        return -EIO;
    e->ino = *(const wire64 *)(p + 5);
    e->next = *(const wire64 *)(p + 13);
    e->type = p[21] & 15;
    e->name = (struct name){(const char *)p + ENTRY, (u16)len};
    l->p += ENTRY + len;
    l->left -= ENTRY + len;
    return 1;
}

/* Gives what is left of the last piece to emit. An entry that leads back to where the piece began, or the directory, would be read for ever. */
static int give_entries(struct p9_list *list, dirent_fn emit, void *ctx)
{
    if (!list->n)
        return 0;
    const struct piece *last = &list->pieces[list->n - 1];
    struct listing l = {(const u8 *)mem_virt(last->pa) + list->at, last->len - list->at};
    struct dirent_info e;
    int taken = 0, err;
    while ((err = next_entry(&l, &e)) > 0) {
        if (e.next == list->begin || e.next == 0)
            return taken ? taken : -EIO;
        if (!emit(ctx, &e))
            return taken;
        taken++;
        list->at = last->len - (u32)l.left;
        list->from = e.next;
    }
    return taken ? taken : err;
}

static void free_piece(struct piece *p)
{
    mem_pages_free(p->pa, p->pages);
    *p = (struct piece){0};
}

static void start_over(struct p9_list *list)
{
    while (list->n)
        free_piece(&list->pieces[--list->n]);
    list->expected = (struct cursor){0};
    list->sorted = list->tries = list->last_len = 0;
}

/* A place for one more piece: the first one goes when there are too many. */
static struct piece *new_piece(struct p9_list *list)
{
    if (list->n == PIECES) {
        free_piece(&list->pieces[0]);
        memmove(&list->pieces[0], &list->pieces[1], (PIECES - 1) * sizeof(struct piece));
        list->pieces[--list->n] = (struct piece){0};
        list->expected.at = list->expected.piece ? list->expected.at : 0;
        list->expected.piece -= list->expected.piece != 0;
    }
    list->at = 0;
    return &list->pieces[list->n++];
}

static bool is_fresh(const struct p9 *c, const struct p9_list *list)
{
    if (list->life != c->life || list->edits != c->edits)
        return false;
    return c->fs->cache != CACHE_NONE || vfs_is_still(list->fetched);
}

/* Rreaddir's count, its entries copied to a piece. */
static int take_reply(struct p9_call *call, struct wire *w, struct p9_list *list, struct span room)
{
    u32 count = wire_get32(w);
    if (!wire_ok(w) || count > room.len || count > call->payload)
        return p9_bad(call, "more entries than asked or sent");
    u64 pages = ALIGN_UP(count, PAGE_SIZE) / PAGE_SIZE;
    u64 pa = pages ? mem_pages(pages, PAGE_SIZE) : 0;
    if (!pages)
        return 0;
    if (!pa)
        return -ENOMEM;
    *new_piece(list) = (struct piece){pa, (u32)pages, count};
    memcpy(mem_virt(pa), mem_virt(room.pa), count);
    return 0;
}

static int fetch(struct p9 *c, struct p9_list *list, const struct node *dir, u64 from, u64 pages)
{
    struct p9_call call;
    u64 pa = mem_lend(pages);
    while (!pa && pages > 1)
        pa = mem_lend(pages /= 2);
    if (!pa)
        return -ENOMEM;
    if (list->n) /* what nobody was given yet comes anew */
        list->pieces[list->n - 1].len = list->at;
    struct span room = {pa, MIN(pages * PAGE_SIZE, p9_io(c))};
    list->fetched = vfs_now();
    struct wire w = p9_begin_on(&call, dir, P9_TREADDIR);
    p9_payload(&call, room);
    wire_put64(&w, from);
    wire_put32(&w, (u32)room.len);
    int err = p9_exchange(&call, &w);
    if (err == 0)
        err = take_reply(&call, &w, list, room);
    mem_lent_back(pa, pages);
    list->fid = err ? P9_NOFID : p9_fid(dir);
    list->dir = dir->qid.path;
    list->begin = list->from = from;
    list->life = c->life;
    list->fetched.heard = vfs_heard;
    list->edits = c->edits;
    list->asked = (u32)pages;
    return err;
}

static int bad_entry(struct p9 *c)
{
    struct p9_request req = {.type = P9_TREADDIR};
    return p9_bad(&(struct p9_call){.client = c, .req = &req}, "bad directory entry");
}

/* The room is whole pages, so that it always holds an entry: too small a count looks like the end of the directory. */
int p9_readdir(const struct node *dir, u64 from, size_t room, dirent_fn emit, void *ctx)
{
    struct p9 *c = p9_of(dir);
    if (!c->list && !(c->list = mem_new(sizeof *c->list)))
        return -ENOMEM;
    p9_keep();
    struct p9_list *list = c->list;
    bool goes_on = from && list->fid == p9_fid(dir) && list->from == from;
    bool fresh = goes_on && is_fresh(c, list);
    if (!goes_on)
        start_over(list);
    if (!fresh || !list->n || list->at == list->pieces[list->n - 1].len) {
        u64 wanted = fresh ? 2 * list->asked : ALIGN_UP(MAX(room, 1), PAGE_SIZE) / PAGE_SIZE;
        u64 most = MAX(MIN(mem_free_count() / ROOM_PART, ROOM_MAX), 1);
        p9_cache_busy(true);
        int err = fetch(c, list, dir, from, MIN(wanted, most));
        p9_cache_busy(false);
        if (err < 0)
            return err;
    }
    int n = give_entries(list, emit, ctx);
    return n < 0 ? bad_entry(c) : n;
}

static bool is_dots(struct name name)
{
    return name.s[0] == '.' && (name.len == 1 || (name.len == 2 && name.s[1] == '.'));
}

/* The next name that programs were given, but for "." and "..". false: there is none. */
static bool next_name(const struct p9_list *list, struct cursor *c, struct name *name)
{
    struct dirent_info e;
    while (c->piece < list->n) {
        const struct piece *p = &list->pieces[c->piece];
        u32 end = c->piece == list->n - 1 ? list->at : p->len;
        struct listing l = {(const u8 *)mem_virt(p->pa) + c->at, end - c->at};
        if (c->at >= end || next_entry(&l, &e) <= 0) {
            if (c->piece == list->n - 1)
                return false;
            *c = (struct cursor){c->piece + 1, 0};
            continue;
        }
        c->at = end - (u32)l.left;
        *name = e.name;
        if (!is_dots(e.name))
            return true;
    }
    return false;
}

static int compare(struct name a, struct name b)
{
    int order = memcmp(a.s, b.s, MIN(a.len, b.len));
    return order ? order : a.len - b.len;
}

static u64 size_of(const struct p9_list *list)
{
    u64 size = 0;
    for (u32 i = 0; i < list->n; i++)
        size += list->pieces[i].len;
    return size;
}

/* How much this name of the listing behind the one before speaks for the order of bytes: SORTED: it is the next in that; 1: few stand between them; 0. */
static u8 follows(struct p9_list *list, struct name name)
{
    struct name last = {list->last, list->last_len}, other;
    struct cursor at = {0};
    unsigned between = 0;
    bool listed = false;
    if (!last.len || compare(last, name) >= 0 || list->tries == SORT_TRIES || size_of(list) > SORT_MOST)
        return 0;
    list->tries++;
    while (between < SEEN_AHEAD && next_name(list, &at, &other)) {
        int order = compare(other, name);
        listed |= order == 0;
        between += order < 0 && compare(last, other) < 0;
    }
    return !listed || between == SEEN_AHEAD ? 0 : between ? 1 : SORTED;
}

/* Puts a name into its place among n that are sorted; the last one goes if there are more than `most`. Returns how many there are. */
static unsigned insert(struct name *out, unsigned n, unsigned most, struct name name)
{
    unsigned low = 0, high = n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (compare(out[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == most)
        return n;
    n = MIN(n + 1, most);
    for (unsigned i = n - 1; i > low; i--)
        out[i] = out[i - 1];
    out[low] = name;
    return n;
}

/* As p9_list_expect(), in the order of bytes, once two names came in it, or three nearly. */
static unsigned expect_sorted(struct p9_list *list, struct name name, struct name *out, unsigned most)
{
    struct cursor at = {0};
    struct name other;
    unsigned n = 0;
    if (list->sorted < SORTED && compare(name, (struct name){list->last, list->last_len}) != 0) {
        u8 more = follows(list, name);
        list->sorted = more ? list->sorted + more : 0;
        memcpy(list->last, name.s, name.len);
        list->last_len = (u8)name.len;
    }
    if (list->sorted < SORTED)
        return 0;
    while (most > 1 && next_name(list, &at, &other))
        if (compare(name, other) < 0 && (n < most - 1 || compare(other, out[n]) < 0))
            n = insert(out + 1, n, most - 1, other);
    out[0] = name;
    return n + 1;
}

unsigned p9_list_expect(struct p9 *c, u64 dir, struct name name, struct name *out, unsigned most)
{
    struct p9_list *list = c->list;
    if (!list || list->dir != dir)
        return 0;
    struct cursor at = list->expected;
    for (unsigned i = 0; i < SEEN_AHEAD && list->sorted < SORTED && next_name(list, &at, out); i++) {
        if (!vfs_same_name(*out, name))
            continue;
        list->expected = at;
        unsigned n = 1;
        while (n < most && next_name(list, &at, &out[n]))
            n++;
        return n;
    }
    return expect_sorted(list, name, out, most);
}

void p9_list_close(struct p9 *c, u32 fid)
{
    if (c->list && c->list->fid == fid)
        c->list->fid = P9_NOFID;
}

void p9_list_free(struct p9 *c)
{
    if (!c->list)
        return;
    start_over(c->list);
    mem_delete(c->list, sizeof *c->list);
    c->list = NULL;
}
