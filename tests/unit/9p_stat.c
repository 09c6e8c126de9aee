/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_stat - attributes by name, alone and in batches behind a listing: tests of kernel/9p_stat.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

enum { NAMES = 200 };
static struct fake_file *files[NAMES];
static char names[NAMES][256];
static struct node open_dir;
/* Names are asked for from here: from the open directory, or by all that leads to it, which is more than one Twalk takes. */
static const struct node *from_here = &open_dir;
enum { DEPTH = 20 };
static struct name way[DEPTH + 1];
static unsigned depth;

/* name: what its number becomes. */
static void fill(const char *name)
{
    if (depth) {
        dir = top;
        for (unsigned i = 0; i < DEPTH; i++) {
            struct fake_file *below = fake_9p_child(dir, way[i].s, way[i].len);
            dir = below ? below : fake_file(dir, way[i].s, S_IFDIR | 0755, "", 0);
        }
    }
    dir->children = NULL;
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], name, i);
        files[i] = fake_file(dir, names[i], S_IFREG | 0644, "", 1000 + i);
    }
}

static unsigned listed;
static char order[NAMES + 2][256]; /* as it was listed */

static bool note(void *ctx, const struct dirent_info *e)
{
    (void)ctx;
    if (e->name.s[0] == '.')
        return true;
    memcpy(order[listed], e->name.s, e->name.len);
    order[listed++][e->name.len] = 0;
    return true;
}

/* In the order that makes the listing's the files': order[i] is names[i]. */
static void list(void)
{
    struct fake_file *found[NAMES];
    u64 from = 0;
    listed = 0;
    if (depth) {
        struct qid qids[DEPTH];
        assert_int_equal(fs->ops->walk(&root, way, DEPTH, &open_dir, qids), DEPTH);
        assert_int_equal(fs->ops->open(&open_dir, O_RDONLY | O_DIRECTORY, NULL), 0);
    } else {
        open_dir = must_open("dir");
    }
    memset(order, 0, sizeof order);
    assert_true(fs->ops->readdir(&open_dir, from, 65536, note, NULL) > 0);
    for (unsigned i = 0; i < listed; i++)
        found[i] = fake_9p_child(dir, order[i], strlen(order[i]));
    memcpy(files, found, listed * sizeof *found);
    fake_9p_forget(&s);
}

static int ask(const char *name, bool follow, struct node *node, struct qid *qid, struct attr *attr)
{
    struct qid qids[DEPTH + 1];
    way[depth] = name_of(name);
    int got = fs->ops->stat(from_here, way, depth + 1, follow, node, qids, attr);
    *qid = qids[depth];
    return got < 0 || !depth ? got : got == (int)depth ? -ENOENT : got - (int)depth;
}

static int stat_name(const char *name, bool follow, struct attr *attr)
{
    struct node node;
    struct qid qid;
    int got = ask(name, follow, &node, &qid, attr);
    if (got == 1 && node.fs)
        put(&node);
    return got;
}

static void check(unsigned i)
{
    struct attr attr;
    assert_int_equal(stat_name(order[i], false, &attr), 1);
    assert_int_equal(attr.size, files[i]->size);
    assert_int_equal(attr.qid.path, files[i]->ino);
    assert_int_equal(attr.mode, files[i]->mode);
}

/* The first two names, so that the next ones were asked about, too. */
static void begin_batch(void)
{
    list();
    check(0);
    assert_int_equal(s.seen[P9_TGETATTR], 1);
    check(1);
    assert_in_range(s.seen[P9_TGETATTR], 10, 100);
    fake_9p_forget(&s);
}

static void end_batch(void)
{
    put(&open_dir);
    assert_no_fids();
}

/* The first Rgetattr is this error instead. */
static void fail_once(struct fake_9p *server, const struct p9_request *req, struct fake_reply *reply)
{
    if (req->type != P9_TGETATTR)
        return;
    struct wire w = wire_over(reply->bytes, 11);
    wire_put32(&w, 11);
    wire_put8(&w, P9_RLERROR);
    wire_put16(&w, req->tag);
    wire_put32(&w, (u32)server->arg);
    reply->len = reply->written = 11;
    server->mangle = NULL;
}

/* A server that is short of files says so, and the fid has ended by then: whoever asked it again would hear that there is no such thing. */
static void what_has_ended_is_not_asked_again(void **state)
{
    struct attr attr;
    (void)state;
    fill("short%u");
    list();
    s.arg = EMFILE;
    s.mangle = fail_once;
    assert_int_equal(stat_name(order[0], false, &attr), -EMFILE);
    check(0);
    end_batch();
}

static void all_of_a_listing_in_few_waits(void **state)
{
    (void)state;
    for (enum fake_order o = FAKE_FIRST; o <= FAKE_ALL; o++) {
        s.order = o;
        fill("f%u");
        list();
        u64 before = p9_counters(client)->waits;
        for (unsigned i = 0; i < NAMES; i++)
            check(i);
        /* and once to see whether the server works in order */
        assert_in_range(s.seen[P9_TGETATTR], NAMES, depth ? NAMES + 1 : NAMES);
        assert_in_range(p9_counters(client)->waits - before, 1, depth ? 20 : 12);
        end_batch();
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(order[*(const unsigned *)a], order[*(const unsigned *)b]);
}

/* Numbers of the names in the order of their bytes. */
static void sort(unsigned numbers[NAMES])
{
    for (unsigned i = 0; i < NAMES; i++)
        numbers[i] = i;
    qsort(numbers, NAMES, sizeof *numbers, by_name);
}

static void as_listed(unsigned numbers[NAMES])
{
    for (unsigned i = 0; i < NAMES; i++)
        numbers[i] = i;
}

/* Asks for each `step`-th of the names in this order; messages and waits. */
static void ask_for(const unsigned *numbers, unsigned step, unsigned *messages, unsigned *waits)
{
    u64 before = p9_counters(client)->waits;
    fake_9p_forget(&s);
    for (unsigned i = 0; i < NAMES; i += step)
        check(numbers[i]);
    *messages = s.seen[P9_TGETATTR];
    *waits = (unsigned)(p9_counters(client)->waits - before);
}

/* As a shell's `ls -l *` does. */
static void names_that_were_sorted(void **state)
{
    (void)state;
    unsigned numbers[NAMES], messages, waits;
    for (unsigned loose = 0; loose < 2; loose++) {
        fs->cache = loose ? CACHE_LOOSE : CACHE_NONE;
        fill("f%u");
        list();
        sort(numbers);
        ask_for(numbers, 1, &messages, &waits);
        assert_in_range(messages, NAMES, NAMES + 84); /* the first ones came in both orders */
        assert_in_range(waits, 1, 20);
        end_batch();
        list();
        ask_for(numbers, 2, &messages, &waits); /* a part of them */
        assert_in_range(messages, loose ? 0 : NAMES / 2, NAMES * 3 / 2);
        assert_in_range(waits, 0, 30);
        end_batch();
        list(); /* and in the listing's order once more */
        as_listed(numbers);
        ask_for(numbers, 1, &messages, &waits);
        assert_in_range(waits, 0, 12);
        end_batch();
        p9_cache_free(client);
    }
    fs->cache = CACHE_NONE;
}

static void names_that_were_sorted_are_asked_again_after_something_was_heard(void **state)
{
    (void)state;
    unsigned numbers[NAMES];
    fill("f%u");
    list();
    sort(numbers);
    for (unsigned i = 0; i < 50; i++)
        check(numbers[i]);
    for (unsigned i = 50; i < NAMES; i++)
        files[numbers[i]]->size = 7 * i;
    vfs_heard++;
    for (unsigned i = 50; i < NAMES; i++)
        check(numbers[i]);
    end_batch();
}

static void names_in_no_order_cost_what_they_did(void **state)
{
    (void)state;
    unsigned numbers[NAMES], messages, waits;
    srand(1);
    fill("f%u");
    list();
    sort(numbers);
    for (unsigned i = NAMES; i > 1; i--) {
        unsigned other = (unsigned)rand() % i, number = numbers[i - 1];
        numbers[i - 1] = numbers[other];
        numbers[other] = number;
    }
    ask_for(numbers, 1, &messages, &waits);
    assert_in_range(messages, NAMES, NAMES + 60);
    end_batch();
}

/* What is kept takes the answers, and who goes on is not thought to have left. */
static void a_listing_of_which_all_is_kept(void **state)
{
    (void)state;
    fill("f%u");
    fs->cache = CACHE_LOOSE;
    list();
    u64 before = p9_counters(client)->waits;
    for (unsigned i = 0; i < NAMES; i++)
        check(i);
    assert_in_range(p9_counters(client)->waits - before, 1, 12);
    fs->cache = CACHE_NONE;
    p9_cache_free(client);
    end_batch();
}

static void each_answer_is_given_once(void **state)
{
    (void)state;
    fill("f%u");
    begin_batch();
    check(2);
    assert_int_equal(s.seen[P9_TGETATTR], 0);
    files[2]->size = 77;
    check(2);
    assert_int_equal(s.seen[P9_TGETATTR], 1);
    end_batch();
}

static void names_may_be_left_out(void **state)
{
    (void)state;
    fill("f%u");
    begin_batch();
    check(4);
    check(9);
    assert_int_equal(s.seen[P9_TGETATTR], 0);
    files[5]->size = 77; /* it was passed over */
    check(5);
    assert_int_equal(s.seen[P9_TGETATTR], 1);
    end_batch();
}

static void after_something_was_heard_all_is_asked_again(void **state)
{
    (void)state;
    struct attr attr;
    fill("f%u");
    begin_batch();
    for (unsigned i = 2; i < 20; i++)
        files[i]->size = 5 * i;
    assert_int_equal(fs->ops->getattr(&root, &attr), 0);
    for (unsigned i = 2; i < 20; i++)
        check(i);
    vfs_heard++; /* a console's input, say */
    for (unsigned i = 20; i < 40; i++)
        files[i]->size = 5 * i;
    for (unsigned i = 20; i < 40; i++)
        check(i);
    end_batch();
}

static void after_a_while_all_is_asked_again(void **state)
{
    (void)state;
    fill("f%u");
    begin_batch();
    fake_cycles_step = 1 << 27;
    for (unsigned i = 2; i < 20; i++) {
        files[i]->size = 5 * i;
        check(i);
    }
    end_batch();
}

/* Who hears of other things all the time has no use for batches: they end. */
static void batches_that_are_for_nothing_end(void **state)
{
    (void)state;
    struct attr attr;
    fill("f%u");
    list();
    for (unsigned i = 0; i < NAMES; i++) {
        check(i);
        assert_int_equal(fs->ops->getattr(&root, &attr), 0);
    }
    assert_in_range(s.seen[P9_TWALK], NAMES, NAMES + 80);
    end_batch();
}

static void names_that_go_in_between(void **state)
{
    (void)state;
    struct attr attr;
    fill("f%u");
    list();
    check(0);
    for (unsigned i = 2; i < NAMES; i += 2)
        files[i]->parent = NULL;
    struct fake_file **at = &dir->children;
    while (*at)
        if ((*at)->parent)
            at = &(*at)->next;
        else
            *at = (*at)->next;
    for (unsigned i = 1; i < NAMES; i++)
        if (i % 2)
            check(i);
        else
            assert_int_equal(stat_name(order[i], false, &attr), -ENOENT);
    end_batch();
}

static void links_and_what_they_lead_to(void **state)
{
    (void)state;
    struct attr attr;
    fill("f%u");
    for (unsigned i = 0; i < NAMES; i += 3) {
        files[i]->mode = S_IFLNK | 0777;
        files[i]->data = "target";
    }
    list();
    for (unsigned i = 0; i < NAMES; i++)
        check(i); /* lstat */
    put(&open_dir);
    list();
    for (unsigned i = 0; i < NAMES; i++) {
        struct node node;
        struct qid qid;
        assert_int_equal(ask(order[i], true, &node, &qid, &attr), 1);
        bool link = (files[i]->mode & S_IFMT) == S_IFLNK;
        assert_int_equal(qid.type, link ? QID_SYMLINK : 0);
        assert_int_equal(node.fs != NULL, link); /* a link is only walked to */
        if (link)
            put(&node);
        else
            assert_int_equal(attr.size, files[i]->size);
    }
    end_batch();
}

static void long_names(void **state)
{
    (void)state;
    static char format[256];
    memset(format, 'n', 250);
    memcpy(format + 250, "%03u", 5);
    fill(format);
    list();
    for (unsigned i = 0; i < NAMES; i++)
        check(i);
    end_batch();
}

static void a_reset_in_the_middle(void **state)
{
    (void)state;
    for (unsigned after = 1; after < 150; after += depth ? 3 : 1) {
        make_client();
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        fill("f%u");
        list();
        s.lives = 1;
        s.die_after = after;
        for (unsigned i = 0; i < 100; i++)
            check(i);
        assert_int_equal(p9_counters(client)->restarts, 1);
        end_batch();
    }
}

static void lies_in_a_batch(void **state)
{
    (void)state;
    static const u8 types[] = {P9_TWALK, P9_TGETATTR};
    static const mangle_fn lies[] = {lie_tag, lie_one_short, lie_size_less};
    for (size_t t = 0; t < ARRAY_LEN(types); t++)
        for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
            struct attr attr;
            fill("f%u");
            list();
            check(0);
            lie(types[t], lies[i], 0);
            for (unsigned k = 1; k < 20; k++)
                assert_int_equal(stat_name(order[k], false, &attr), -EIO);
            s.mangle = NULL;
            for (unsigned k = 20; k < 60; k++)
                check(k);
            end_batch();
        }
}

static int start_deep(void **state)
{
    static const char *const names[] = {"a", "bb", "ccc"};
    int err = start(state);
    from_here = &root;
    for (depth = 0; depth < DEPTH; depth++)
        way[depth] = name_of(names[depth % ARRAY_LEN(names)]);
    return err;
}

static int finish_deep(void **state)
{
    from_here = &open_dir;
    depth = 0;
    return finish(state);
}

/* What is on the way to all names is no directory, or a link. */
static void a_long_way_that_ends_early(void **state)
{
    struct attr attr;
    struct node node;
    struct qid qids[DEPTH + 1];
    (void)state;
    fill("f%u");
    list();
    way[DEPTH] = name_of("f1");
    for (unsigned i = 1; i < DEPTH; i++) {
        struct fake_file *at = dir;
        for (unsigned up = DEPTH - 1; up > i; up--)
            at = at->parent;
        u32 mode = at->mode;
        at->mode = S_IFREG | 0644;
        assert_int_equal(fs->ops->stat(&root, way, DEPTH + 1, true, &node, qids, &attr), i + 1);
        assert_int_equal(qids[i].type, 0);
        at->mode = S_IFLNK | 0777;
        assert_int_equal(fs->ops->stat(&root, way, DEPTH + 1, true, &node, qids, &attr), i + 1);
        assert_int_equal(qids[i].type, QID_SYMLINK);
        at->mode = mode;
        struct name was = way[i];
        way[i] = name_of("none");
        int got = fs->ops->stat(&root, way, DEPTH + 1, true, &node, qids, &attr);
        assert_true(got == (int)i || got == -ENOENT);
        way[i] = was;
    }
    end_batch();
}

static void memory_is_short(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    (void)server;
    (void)r;
    if (req->type == P9_TWALK)
        p9_stat_free(client);
}

/* While the directory is walked to, what is known of the listing is given back. */
static void a_long_way_with_memory_short(void **state)
{
    struct attr attr;
    (void)state;
    fill("f%u");
    list();
    s.mangle = memory_is_short;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(stat_name(order[i], true, &attr), 1);
        assert_int_equal(attr.qid.path, files[i]->ino);
    }
    s.mangle = NULL;
    end_batch();
}

int main(void)
{
#define DEEP(name) cmocka_unit_test_setup_teardown(name, start_deep, finish_deep)
#define T(name)    cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(what_has_ended_is_not_asked_again),
        T(all_of_a_listing_in_few_waits),
        T(names_that_were_sorted),
        T(names_that_were_sorted_are_asked_again_after_something_was_heard),
        T(names_in_no_order_cost_what_they_did),
        T(a_listing_of_which_all_is_kept),
        T(each_answer_is_given_once),
        T(names_may_be_left_out),
        T(after_something_was_heard_all_is_asked_again),
        T(after_a_while_all_is_asked_again),
        T(batches_that_are_for_nothing_end),
        T(names_that_go_in_between),
        T(links_and_what_they_lead_to),
        T(long_names),
        DEEP(all_of_a_listing_in_few_waits),
        DEEP(names_that_were_sorted_are_asked_again_after_something_was_heard),
        DEEP(a_listing_of_which_all_is_kept),
        DEEP(each_answer_is_given_once),
        DEEP(names_may_be_left_out),
        DEEP(after_something_was_heard_all_is_asked_again),
        DEEP(names_that_go_in_between),
        DEEP(links_and_what_they_lead_to),
        DEEP(long_names),
        DEEP(a_long_way_that_ends_early),
        T(a_reset_in_the_middle),
        DEEP(a_reset_in_the_middle),
        T(lies_in_a_batch),
        DEEP(a_long_way_with_memory_short),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
