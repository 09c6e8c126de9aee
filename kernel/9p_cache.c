/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_cache - what cache=loose keeps: which names a directory has and has not, and the attributes of what they lead to.
 *
 * Names are known by their directory's qid.path, attributes by the object's own, so that every path and descriptor of an object shares them and a renamed
 * directory keeps its names. What this guest changes is dropped before it is asked for again, whether the change succeeded or not; what the host changes is
 * not noticed. Where the object behind a changed name is not known, whatever it may have been is dropped. The memory is what is free; it goes back when it is
 * needed. */
#include "9p.h"
#include "9p_client.h"
#include "mem.h"
#include "vfs.h"

enum {
    BUCKETS = 1024,
    MOST = 8192,      /* names and attributes together */
    LEAST_FREE = 1024 /* pages of memory that stay free */
};

struct known {
    struct known *next;
    u64 of; /* qid.path of the directory, or with len 0 of the object itself */
    u16 len;
    bool there;
    u32 age; /* of attributes: p9_cache.age when they came */
    union {
        struct qid qid;
        struct {
            struct attr attr;
            struct kept *data; /* of this version, size and time; NULL: none */
        };
    };
};

struct p9_cache {
    struct known *buckets[BUCKETS];
    u32 n, hand; /* how many; the bucket that goes next */
    u32 age;     /* attributes that came before are not believed any more */
};

static bool busy; /* memory is being asked for: nothing may go */

void p9_cache_busy(bool now)
{
    busy = now;
}

bool p9_is_loose(const struct p9 *c)
{
    return c->fs && c->fs->cache == CACHE_LOOSE;
}

static size_t size_of(const struct known *k)
{
    return k->len ? offsetof(struct known, qid) + sizeof k->qid + k->len : sizeof *k;
}

static char *name_of(struct known *k)
{
    return (char *)(&k->qid + 1);
}

static struct known **find(struct p9_cache *cache, u64 of, struct name name)
{
    u64 hash = (of ^ of >> 32) * 0x9e3779b1;
    for (u16 i = 0; i < name.len; i++)
        hash = hash * 31 + (u8)name.s[i];
    struct known **at = &cache->buckets[(hash ^ hash >> 17) % BUCKETS];
    while (*at &&
           ((*at)->of != of || (*at)->len != name.len || (name.len && memcmp(name_of(*at), name.s, name.len) != 0)))
        at = &(*at)->next;
    return at;
}

static void drop(struct p9_cache *cache, struct known **at)
{
    struct known *k = *at;
    if (!k)
        return;
    *at = k->next;
    cache->n--;
    if (!k->len && k->data)
        p9_keep_drop(k->data);
    mem_delete(k, size_of(k));
}

static void drop_bucket(struct p9_cache *cache)
{
    struct known **at = &cache->buckets[cache->hand++ % BUCKETS];
    while (*at)
        drop(cache, at);
}

static bool give_back(void)
{
    const char *tag;
    struct p9 *c;
    bool some = false;
    for (unsigned i = 0; !busy && (c = p9_client(i, &tag)); i++) {
        some |= c->cache || c->list || c->batch;
        p9_cache_free(c);
        p9_list_free(c);
        p9_stat_free(c);
    }
    return some;
}

void p9_keep(void)
{
    static struct mem_keeper keeper = {.give = give_back};
    static bool told;
    if (!told)
        mem_keep(&keeper);
    told = true;
}

void p9_cache_free(struct p9 *c)
{
    for (unsigned i = 0; c->cache && i < BUCKETS; i++)
        drop_bucket(c->cache);
    mem_delete(c->cache, sizeof *c->cache);
    c->cache = NULL;
}

/* One that is new, or the old one with this key. NULL: it is not kept. */
static struct known *make(struct p9 *c, u64 of, struct name name)
{
    if (!p9_is_loose(c) || mem_free_count() < LEAST_FREE)
        return NULL;
    bool was = busy;
    busy = true;
    if (!c->cache)
        c->cache = mem_new(sizeof *c->cache);
    p9_keep();
    struct known **at = c->cache ? find(c->cache, of, name) : NULL, *k = at ? *at : NULL;
    if (at && !k && (k = mem_new(size_of(&(struct known){.len = name.len}))) != NULL) {
        k->of = of;
        k->len = name.len;
        if (name.len)
            memcpy(name_of(k), name.s, name.len);
        k->next = NULL;
        *at = k;
        c->cache->n++;
    }
    busy = was;
    return k;
}

/* ---- attributes ---- */

bool p9_cache_attr(struct p9 *c, u64 ino, struct attr *attr)
{
    if (!c->cache || !p9_is_loose(c))
        return false;
    const struct known *k = *find(c->cache, ino, (struct name){0});
    if (!k || k->age != c->cache->age)
        return false;
    *attr = k->attr;
    return true;
}

struct kept **p9_cache_data(struct p9 *c, u64 ino, const struct attr **attr)
{
    struct known *k = c->cache ? *find(c->cache, ino, (struct name){0}) : NULL;
    *attr = k && k->age == c->cache->age ? &k->attr : NULL;
    return k ? &k->data : NULL;
}

static bool is_other(const struct attr *a, const struct attr *b)
{
    return a->qid.version != b->qid.version || a->size != b->size || memcmp(&a->mtime, &b->mtime, sizeof a->mtime) != 0;
}

void p9_cache_learn_attr(struct p9 *c, const struct attr *attr)
{
    struct known *k = make(c, attr->qid.path, (struct name){0});
    if (!k)
        return;
    if (k->data && is_other(&k->attr, attr))
        p9_keep_drop(k->data);
    k->attr = *attr;
    k->age = c->cache->age;
    while (c->cache->n > MOST)
        drop_bucket(c->cache);
}

void p9_cache_changed(struct p9 *c, u64 ino)
{
    if (c->cache)
        drop(c->cache, find(c->cache, ino, (struct name){0}));
}

/* ---- names ---- */

static COLD int walk(const struct node *from, const struct name *names, unsigned n, struct qid *qids)
{
    struct p9 *c = p9_of(from);
    u64 dir = from->qid.path;
    if (!n)
        return -EAGAIN;
    for (unsigned i = 0; i < n; i++) {
        const struct known *k = *find(c->cache, dir, names[i]);
        if (!k)
            return -EAGAIN;
        if (!k->there)
            return i ? (int)i : -ENOENT;
        qids[i] = k->qid;
        if (i + 1 < n && !(k->qid.type & QID_DIR))
            return (int)i + 1;
        dir = k->qid.path;
    }
    return (int)n;
}

int p9_cache_walk(const struct node *from, const struct name *names, unsigned n, struct qid *qids)
{
    return p9_of(from)->cache && p9_is_loose(p9_of(from)) ? walk(from, names, n, qids) : -EAGAIN;
}

bool p9fs_absent(const struct node *from, const struct name *names, unsigned n)
{
    struct qid qids[P9_NAMES];
    return n <= P9_NAMES && p9_cache_walk(from, names, n, qids) == (n == 1 ? -ENOENT : (int)n - 1);
}

static void learn_name(struct p9 *c, u64 dir, struct name name, const struct qid *qid)
{
    struct known *k = make(c, dir, name);
    if (!k)
        return;
    k->there = qid != NULL;
    if (qid)
        k->qid = *qid;
    while (c->cache->n > MOST)
        drop_bucket(c->cache);
}

/* A walk tells which version it found, so that attributes of another one are known to be old. */
static void drop_old(struct p9 *c, const struct qid *qid)
{
    struct known **at = c->cache ? find(c->cache, qid->path, (struct name){0}) : NULL;
    if (at && *at && ((*at)->attr.qid.version != qid->version || (*at)->attr.qid.type != qid->type))
        drop(c->cache, at);
}

static COLD void learn_walk(const struct node *from, const struct name *names, unsigned n, int got,
                            const struct qid *qids)
{
    struct p9 *c = p9_of(from);
    u64 dir = from->qid.path;
    for (int i = 0; i < got; i++) {
        learn_name(c, dir, names[i], &qids[i]);
        drop_old(c, &qids[i]);
        dir = qids[i].path;
    }
    if (got == -ENOENT && n == 1) /* of several, servers do not all tell which */
        learn_name(c, dir, names[0], NULL);
}

void p9_cache_learn_walk(const struct node *from, const struct name *names, unsigned n, int got, const struct qid *qids)
{
    if (p9_is_loose(p9_of(from)))
        learn_walk(from, names, n, got, qids);
}

/* Its names are no more: the number may be another directory's by then. */
static void drop_children(struct p9_cache *cache, u64 dir)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct known **at = &cache->buckets[i]; *at;)
            if ((*at)->len && (*at)->of == dir)
                drop(cache, at);
            else
                at = &(*at)->next;
}

void p9_cache_edit(const struct node *dir, struct name name, bool gone)
{
    struct p9 *c = p9_of(dir);
    if (!c->cache)
        return;
    p9_cache_changed(c, dir->qid.path);
    struct known **at = find(c->cache, dir->qid.path, name);
    if (*at && (*at)->there) {
        struct qid qid = (*at)->qid;
        drop(c->cache, at);
        p9_cache_changed(c, qid.path);
        if (gone && (qid.type & QID_DIR))
            drop_children(c->cache, qid.path);
        return;
    }
    drop(c->cache, at);
    if (gone)
        c->cache->age++;
}

/* For a directory, whose names go with it. */
static void edit_directory(const struct node *dir, struct name name)
{
    struct p9 *c = p9_of(dir);
    const struct known *k = c->cache ? *find(c->cache, dir->qid.path, name) : NULL;
    if (k && k->there)
        p9_cache_edit(dir, name, true);
    else
        p9_cache_free(c);
}

void p9_cache_remove(const struct node *dir, struct name name, bool directory)
{
    if (directory)
        edit_directory(dir, name);
    else
        p9_cache_edit(dir, name, true);
}

void p9_cache_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    struct p9 *c = p9_of(from);
    struct qid qid;
    if (!c->cache)
        return;
    p9_cache_remove(to, new_name, p9_cache_walk(from, &old_name, 1, &qid) != 1 || (qid.type & QID_DIR));
    if (c->cache)
        p9_cache_edit(from, old_name, false);
    if (c->cache)
        c->cache->age++;
}
