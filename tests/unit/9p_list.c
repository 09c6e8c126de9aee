/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_list - listings and what is kept of them: tests of kernel/9p_list.c. Names carry the hostile case (P) that they show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

/* ---- listing ---- */

enum { MANY = 5000 };

struct list {
    unsigned n, take; /* seen; taken before the taker is full */
    u64 next;
    char last[256];
    bool seen[MANY + 2];
};

static bool add(void *ctx, const struct dirent_info *e)
{
    struct list *l = ctx;
    char name[256] = {0};
    if (l->take == 0)
        return false;
    l->take--;
    memcpy(name, e->name.s, e->name.len);
    unsigned i = strcmp(name, ".") == 0 ? MANY : strcmp(name, "..") == 0 ? MANY + 1 : (unsigned)atoi(name);
    assert_true(i < MANY + 2 && !l->seen[i]);
    l->seen[i] = true;
    l->n++;
    l->next = e->next;
    strcpy(l->last, name);
    return true;
}

static void list_all(size_t room, unsigned take)
{
    static struct list l;
    memset(&l, 0, sizeof l);
    struct node node = must_open("dir");
    int got;
    do {
        l.take = take;
        got = fs->ops->readdir(&node, l.next, room, add, &l);
        assert_true(got >= 0);
    } while (got > 0);
    assert_int_equal(l.n, MANY + 2);
    put(&node);
}

static void case_h18_every_name_once(void **state)
{
    (void)state;
    static char names[MANY][256];
    dir->children = NULL;
    for (unsigned i = 0; i < MANY; i++) {
        int len = snprintf(names[i], 256, "%u", i);
        if (i % 10 == 0) { /* 255 bytes, not UTF-8 */
            memset(names[i] + len, 0xff, 255 - (size_t)len);
            names[i][255] = 0;
        }
        struct fake_file *f = fake_file(NULL, names[i], S_IFREG, "", 0);
        f->next = dir->children;
        dir->children = f;
    }
    list_all(65536, ~0u);
    assert_in_range(s.seen[P9_TREADDIR], 2, 6);
    list_all(100, ~0u);
    list_all(4096, 7);
    list_all(1 << 20, 500);
}

struct raw {
    u8 bytes[70000];
    u32 len;
    u32 count; /* what the reply says; 0: the truth */
} raw;

LIE(lie_listing)
{
    memcpy(r->bytes + 11, raw.bytes, raw.len);
    struct wire w = wire_over(r->bytes + 7, 4);
    wire_put32(&w, raw.count ? raw.count : raw.len);
    r->len = r->written = 11 + raw.len;
    set_size(r, r->written);
}

static void add_raw(u64 next, const char *name, u16 len, u16 said)
{
    struct wire w = wire_over(raw.bytes + raw.len, sizeof raw.bytes - raw.len);
    wire_put8(&w, 0);
    wire_put32(&w, 0);
    wire_put64(&w, 42);
    wire_put64(&w, next);
    wire_put8(&w, 8);
    wire_put16(&w, said);
    memcpy(wire_take(&w, len), name, len);
    raw.len += 24u + len;
}

/* The listing of raw: entries taken or the error. */
static int list_raw(u64 from, unsigned *n)
{
    struct node node = must_open("dir");
    *n = 0;
    lie(P9_TREADDIR, lie_listing, 0);
    int got = fs->ops->readdir(&node, from, MAX(raw.len, 4096u), count_entry, n);
    s.mangle = NULL;
    put(&node);
    return got;
}

static void bad_entry(const char *name, u16 len, u16 said)
{
    unsigned n;
    raw.len = raw.count = 0;
    add_raw(1, name, len, said);
    assert_int_equal(list_raw(0, &n), -EIO);
    assert_int_equal(n, 0);
    raw.len = 0;
    add_raw(1, "good", 4, 4);
    add_raw(2, "fine", 4, 4);
    add_raw(3, name, len, said);
    assert_int_equal(list_raw(0, &n), 2); /* what came before it is given, */
    raw.len = 0;
    add_raw(3, name, len, said);
    assert_int_equal(list_raw(2, &n), -EIO); /* then the error */
}

static void case_p29_listings_longer_than_asked_or_sent(void **state)
{
    (void)state;
    static const u32 counts[] = {29, 4097, 0x7fffffff, 0xffffffff};
    unsigned n;
    raw.len = 0;
    add_raw(1, "good", 4, 4);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        raw.count = counts[i];
        assert_int_equal(list_raw(0, &n), -EIO);
    }
    raw.count = 0;
    assert_int_equal(list_raw(0, &n), 1);
}

static void case_p30_p31_entries_that_are_cut(void **state)
{
    (void)state;
    unsigned n;
    bad_entry("name", 4, 65535);
    bad_entry("name", 4, 5);
    for (u32 len = 1; len < 28; len++) {
        raw.len = raw.count = 0;
        add_raw(1, "name", 4, 4);
        raw.len = len;
        assert_int_equal(list_raw(0, &n), -EIO);
    }
}

static void case_p32_p33_names_that_cannot_be(void **state)
{
    (void)state;
    static char name[65000];
    memset(name, 'n', sizeof name);
    bad_entry("a/b", 3, 3);
    bad_entry("/", 1, 1);
    bad_entry("a\0b", 3, 3);
    bad_entry("\0", 1, 1);
    bad_entry("", 0, 0);
    bad_entry(name, 256, 256);
    bad_entry(name, 65000, 65000);
    bad_entry(name, 65000, 65535);
}

struct names {
    unsigned n;
    char all[64];
};

static bool add_name(void *ctx, const struct dirent_info *e)
{
    struct names *l = ctx;
    l->n++;
    strncat(l->all, e->name.s, e->name.len);
    strcat(l->all, " ");
    return true;
}

/* They are names like others, as often as they come. */
static void case_p34_dots_and_names_twice(void **state)
{
    (void)state;
    static const char *const names[] = {"..", "a", ".", "a", "..", ".", "a"};
    struct names got = {0};
    struct node node = must_open("dir");
    raw.len = raw.count = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add_raw(i + 1, names[i], (u16)strlen(names[i]), (u16)strlen(names[i]));
    lie(P9_TREADDIR, lie_listing, 0);
    assert_int_equal(fs->ops->readdir(&node, 0, 4096, add_name, &got), ARRAY_LEN(names));
    assert_string_equal(got.all, ".. a . a .. . a ");
    s.mangle = NULL;
    put(&node);
}

static void case_p35_listings_that_never_end(void **state)
{
    (void)state;
    unsigned n;
    raw.len = raw.count = 0;
    add_raw(7, "a", 1, 1);
    assert_int_equal(list_raw(0, &n), 1);
    assert_int_equal(list_raw(7, &n), -EIO); /* a constant cookie */
    raw.len = 0;
    add_raw(3, "b", 1, 1);
    assert_int_equal(list_raw(7, &n), 1); /* cookies are opaque: less is not backwards */
    raw.len = 0;
    add_raw(0, "c", 1, 1);
    assert_int_equal(list_raw(7, &n), -EIO); /* but none is the start's */
    struct node node = must_open("dir");
    lie(P9_TREADDIR, lie_listing, 0);
    node.id |= (u64)(1 << 24) << 32; /* as after sixteen million entries */
    assert_int_equal(fs->ops->readdir(&node, 7, 4096, count_entry, &n), -EIO);
    put(&node);
}

static void stopping_taker(void **state)
{
    (void)state;
    struct list l = {.take = 0};
    struct node node = must_open("dir");
    assert_int_equal(fs->ops->readdir(&node, 0, 4096, add, &l), 0);
    put(&node);
}

/* ---- what is kept ---- */

enum { PART = 4096, PARTS_NAMES = 300 };

static void add_names(void)
{
    static char names[PARTS_NAMES][32];
    dir->children = NULL;
    for (unsigned i = 0; i < PARTS_NAMES; i++) {
        snprintf(names[i], sizeof names[i], "%u-a-name-of-some-length", i);
        fake_file(dir, names[i], S_IFREG | 0644, "", 0);
    }
}

/* So many names are taken from the listing, which goes on behind *from. */
static void take_names(struct node *node, u64 *from, unsigned n)
{
    struct list l = {.take = n, .next = *from};
    assert_int_equal(fs->ops->readdir(node, *from, PART, add, &l), n);
    *from = l.next;
}

static void hear(void)
{
    struct attr attr;
    assert_int_equal(fs->ops->getattr(&root, &attr), 0);
}

static void what_was_not_taken_is_kept_until_something_is_heard(void **state)
{
    (void)state;
    u64 from = 0;
    add_names();
    struct node node = must_open("dir");
    take_names(&node, &from, 10);
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 1);
    hear();
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 2);
    fake_cycles_step = 1 << 27; /* time goes by */
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 3);
    put(&node);
}

static void a_mode_that_allows_it_keeps_it_until_names_are_changed(void **state)
{
    (void)state;
    fs->cache = CACHE_READAHEAD;
    u64 from = 0;
    add_names();
    struct node node = must_open("dir");
    take_names(&node, &from, 10);
    hear();
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 1);
    assert_int_equal(fs->ops->mkdir(&root, new_name(), 0755), 0);
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 2);
    from = 0; /* from the start it is a new one */
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 3);
    put(&node);
    node = must_open("dir"); /* and so is another reader's, though he may have the same fid */
    take_names(&node, &from, 10);
    assert_int_equal(s.seen[P9_TREADDIR], 4);
    put(&node);
}

static void who_goes_on_listing_gets_larger_pieces(void **state)
{
    (void)state;
    u64 from = 0;
    unsigned n = 0;
    struct list l = {.take = ~0u};
    add_names();
    struct node node = must_open("dir");
    do {
        from = l.next;
        n = l.n;
        assert_true(fs->ops->readdir(&node, from, PART, add, &l) >= 0);
    } while (l.n > n);
    assert_int_equal(l.n, PARTS_NAMES + 2);
    assert_int_equal(s.seen[P9_TREADDIR], 4); /* pieces of 4, 8 and 16 KiB, and the end */
    put(&node);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(case_h18_every_name_once),
        T(case_p29_listings_longer_than_asked_or_sent),
        T(case_p30_p31_entries_that_are_cut),
        T(case_p32_p33_names_that_cannot_be),
        T(case_p34_dots_and_names_twice),
        T(case_p35_listings_that_never_end),
        T(stopping_taker),
        T(what_was_not_taken_is_kept_until_something_is_heard),
        T(a_mode_that_allows_it_keeps_it_until_names_are_changed),
        T(who_goes_on_listing_gets_larger_pieces),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
