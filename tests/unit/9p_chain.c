/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_chain - servers that work in order: how they are known, what is asked of them in one kick, and what comes of it when they do not keep to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

enum { LOOKS = 20 }; /* after which it is known */

/* ---- what a system call asks, with the hint that it gives ---- */

static int walk_for(const char *name, u8 next, struct node *node)
{
    fs->next_verb = next;
    return walk1(name, node);
}

static int stat_of(const char *name, struct attr *attr)
{
    struct node node;
    int err = walk_for(name, VFS_NEXT_GETATTR, &node);
    if (err < 0)
        return err;
    err = fs->ops->getattr(&node, attr);
    put(&node);
    return err;
}

static s64 open_and_read(const char *name)
{
    u8 *bytes = buffer(100);
    struct attr attr;
    struct node node;
    s64 got = walk_for(name, VFS_NEXT_OPEN, &node);
    if (got == 1) {
        got = fs->ops->open(&node, O_RDONLY, &attr);
        got = got < 0 ? got : read_at(&node, bytes, 100, 0);
        put(&node);
    }
    drop(bytes, 100);
    return got;
}

static int target_of(const char *name, char *text, size_t size)
{
    struct node node;
    int got = walk_for(name, VFS_NEXT_READLINK, &node);
    if (got == 1) {
        got = fs->ops->readlink(&node, text, size);
        put(&node);
    }
    return got;
}

static s64 op_stat(void)
{
    struct attr attr;
    int err = stat_of("file", &attr);
    if (err == 0)
        assert_int_equal(attr.size, 12);
    return err;
}

static s64 op_open_and_read(void)
{
    s64 got = open_and_read("file");
    if (got >= 0)
        assert_int_equal(got, 12);
    return MIN(got, 0);
}

static s64 op_target(void)
{
    char text[100];
    int got = target_of("link", text, sizeof text);
    if (got >= 0) {
        assert_int_equal(got, 10);
        assert_memory_equal(text, "dir/target", 10);
    }
    return MIN(got, 0);
}

static s64 (*const chains[])(void) = {op_stat, op_open_and_read, op_target};

static void look(unsigned times)
{
    while (times--)
        assert_int_equal(op_stat(), 0);
}

static bool in_order(void)
{
    return p9_counters(client)->in_order;
}

static int start_in_order(void **state)
{
    start(state);
    s.serial = true;
    look(LOOKS);
    assert_true(in_order());
    settle();
    fake_9p_forget(&s);
    return 0;
}

/* ---- how they are known ---- */

static void one_that_is_not_is_told_apart_without_waiting(void **state)
{
    (void)state;
    look(LOOKS);
    assert_false(in_order());
    settle();
    assert_int_equal(s.seen[P9_TWALK], LOOKS + 1);
    assert_int_equal(s.seen[P9_TCLUNK], LOOKS + 2); /* one that came too early */
    assert_int_equal(p9_counters(client)->waits, 2 + 2 * LOOKS + 2);
    assert_no_fids();
    fake_9p_forget(&s); /* once and for all */
    look(1000);
    later_rest();
    assert_int_equal(s.seen[P9_TWALK], 1000);
    assert_int_equal(s.log_len, 3000);
}

static void a_program_that_looks_at_a_few_files_does_not_try(void **state)
{
    (void)state;
    look(15);
    later_rest();
    assert_int_equal(s.log_len, 45);
}

static void one_that_is_is_known_after_three_times(void **state)
{
    (void)state;
    s.serial = true;
    look(17);
    assert_false(in_order());
    look(1);
    assert_true(in_order());
    settle();
    assert_int_equal(s.seen[P9_TWALK], 18 + 3);
    assert_no_fids();
}

/* A server that is short of files refuses the clone, which says nothing of its order. */
static void one_that_is_short_of_files_is_known_later(void **state)
{
    (void)state;
    s.serial = true;
    s.most_fids = 3;
    look(LOOKS);
    assert_false(in_order());
    assert_in_range(s.seen[P9_TWALK], LOOKS + 1, LOOKS + 1 + LOOKS / 16);
    s.most_fids = 0;
    look(LOOKS);
    assert_true(in_order());
    assert_no_fids();
}

/* A chance that it was, twice. */
static void one_that_was_by_chance(void **state)
{
    (void)state;
    s.serial = true;
    look(17);
    s.serial = false;
    look(LOOKS);
    assert_false(in_order());
    assert_no_fids();
}

/* ---- what is asked of them ---- */

static void each_chain_is_one_wait(void **state)
{
    static const struct {
        unsigned messages, waits;
    } costs[] = {{3, 1}, {5, 2}, {3, 1}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        struct p9_counters before = *p9_counters(client);
        assert_int_equal(chains[i](), 0);
        later_rest();
        assert_int_equal(p9_counters(client)->messages - before.messages, costs[i].messages);
        assert_int_equal(p9_counters(client)->waits - before.waits, costs[i].waits);
        settle();
    }
    assert_no_fids();
}

static void answers_may_come_in_any_order(void **state)
{
    (void)state;
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++) {
        s.order = order;
        for (size_t i = 0; i < ARRAY_LEN(chains); i++)
            assert_int_equal(chains[i](), 0);
    }
    settle();
    assert_no_fids();
}

static void what_is_not_there_is_not_there(void **state)
{
    struct attr attr;
    char text[100];
    (void)state;
    assert_int_equal(stat_of("none", &attr), -ENOENT);
    assert_int_equal(open_and_read("none"), -ENOENT);
    assert_int_equal(target_of("none", text, sizeof text), -ENOENT);
    assert_int_equal(s.seen[P9_TCLUNK], 0);
    assert_true(in_order());
    assert_no_fids();
}

/* Asked twice, as it might have been the order; the answer stays. */
static void what_fails_fails(void **state)
{
    (void)state;
    file->error = -EACCES;
    assert_int_equal(open_and_read("file"), -EACCES);
    assert_int_equal(s.seen[P9_TLOPEN], 2);
    file->error = 0;
    assert_int_equal(open_and_read("fifo"), -ENXIO);
    assert_int_equal(s.seen[P9_TLOPEN], 3);
    assert_true(in_order());
    assert_int_equal(op_open_and_read(), 0);
    settle();
    assert_no_fids();
}

static void links_are_not_opened_twice_and_files_not_read_as_links(void **state)
{
    struct node node;
    char text[4];
    (void)state;
    link_file->error = -ELOOP;
    assert_int_equal(walk_for("link", VFS_NEXT_OPEN, &node), 1);
    assert_sent(P9_TLOPEN, 15, "44", (u32)node.id, O_RDONLY | O_NONBLOCK | O_LARGEFILE | O_NOFOLLOW);
    put(&node);
    assert_int_equal(s.seen[P9_TLOPEN], 1);
    assert_int_equal(walk_for("file", VFS_NEXT_READLINK, &node), 1);
    put(&node);
    assert_int_equal(s.seen[P9_TREADLINK], 1);
    assert_int_equal(target_of("link", text, sizeof text), -ENAMETOOLONG);
    settle();
    assert_no_fids();
}

/* An answer is for the fid that it was asked of, and for once. */
static void answers_are_used_once(void **state)
{
    struct attr attr;
    struct node node, other;
    (void)state;
    assert_int_equal(walk_for("file", VFS_NEXT_GETATTR, &node), 1);
    assert_int_equal(fs->ops->getattr(&root, &attr), 0);
    assert_int_equal(attr.mode & S_IFMT, S_IFDIR);
    assert_int_equal(fs->ops->getattr(&node, &attr), 0);
    assert_int_equal(s.seen[P9_TGETATTR], 2);
    file->size = 5;
    assert_int_equal(fs->ops->getattr(&node, &attr), 0);
    assert_int_equal(attr.size, 5);
    put(&node);
    settle();
    /* Given up unused: the next of that number is another. */
    assert_int_equal(walk_for("file", VFS_NEXT_GETATTR, &node), 1);
    put(&node);
    settle();
    assert_int_equal(walk_for("big", 0, &other), 1);
    assert_int_equal((u32)other.id, (u32)node.id);
    assert_int_equal(fs->ops->getattr(&other, &attr), 0);
    assert_int_equal(attr.size, big->size);
    put(&other);
    settle();
    assert_no_fids();
    file->size = 12;
}

static void a_long_path_is_asked_at_its_end(void **state)
{
    struct name names[40];
    struct qid qids[40];
    struct node far;
    struct attr attr;
    (void)state;
    names[0] = name_of("dir");
    for (int i = 1; i < 40; i++)
        names[i] = name_of("deep");
    fs->next_verb = VFS_NEXT_GETATTR;
    assert_int_equal(fs->ops->walk(&root, names, 40, &far, qids), 40);
    assert_int_equal(s.seen[P9_TGETATTR], 1);
    assert_int_equal(fs->ops->getattr(&far, &attr), 0);
    assert_int_equal(attr.qid.path, qids[39].path);
    assert_int_equal(s.seen[P9_TGETATTR], 1);
    put(&far);
    names[20] = name_of("none");
    fs->next_verb = VFS_NEXT_GETATTR;
    assert_int_equal(fs->ops->walk(&root, names, 40, &far, qids), 20);
    settle();
    assert_no_fids();
}

/* ---- when they do not keep to it ---- */

static void one_that_stops_to_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        start_in_order(state);
        s.serial = false;
        assert_int_equal(chains[i](), 0);
        assert_false(in_order());
        settle();
        for (size_t j = 0; j < ARRAY_LEN(chains); j++)
            assert_int_equal(chains[j](), 0);
        settle();
        assert_no_fids();
        assert_int_equal(fake_log_count("does not work in order after all"), 1);
        assert_null(s.violation);
    }
}

/* The last answer that came with a walk is the last: not taken, it is not for another file that has the number later. */
static void its_last_answers_are_for_no_other(void **state)
{
    static const u8 verbs[] = {VFS_NEXT_GETATTR, VFS_NEXT_OPEN};
    struct node node, other;
    struct attr attr;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        start_in_order(state);
        s.serial = false;
        assert_int_equal(walk_for("file", verbs[i], &node), 1);
        assert_false(in_order());
        put(&node);
        settle();
        assert_int_equal(walk_for("big", 0, &other), 1);
        assert_int_equal((u32)other.id, (u32)node.id);
        if (verbs[i] == VFS_NEXT_OPEN)
            assert_int_equal(fs->ops->open(&other, O_RDONLY, &attr), 0);
        else
            assert_int_equal(fs->ops->getattr(&other, &attr), 0);
        assert_int_equal(attr.size, big->size);
        put(&other);
        settle();
        assert_no_fids();
    }
}

/* The open came through, what was asked behind it did not: it is not opened twice, which the server watches over. */
static void early_getattr(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    if (req->type == P9_TGETATTR && server->arg) {
        server->arg = 0;
        memcpy(r->bytes, (const u8[]){11, 0, 0, 0, P9_RLERROR, (u8)req->tag, 0, ENOENT, 0, 0, 0}, 11);
        r->len = r->written = 11;
    }
}

static void a_part_of_a_chain(void **state)
{
    (void)state;
    lie(P9_TGETATTR, early_getattr, 1);
    assert_int_equal(op_open_and_read(), 0);
    assert_int_equal(s.seen[P9_TLOPEN], 1);
    assert_int_equal(s.seen[P9_TGETATTR], 2);
    assert_false(in_order());
    s.mangle = NULL;
    settle();
    assert_no_fids();
}

/* As kvmtool does. The fid that a failed walk leaves is used again, and given back when it turns out to stand for something. */
static void fids_that_failed_walks_leave(void **state)
{
    struct attr attr;
    char text[100];
    (void)state;
    s.leaves_fids = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stat_of("none", &attr), -ENOENT);
        assert_int_equal(open_and_read("none"), -ENOENT);
        assert_int_equal(target_of("none", text, sizeof text), -ENOENT);
        for (size_t j = 0; j < ARRAY_LEN(chains); j++)
            assert_int_equal(chains[j](), 0);
    }
    later_rest();
    assert_int_equal(s.seen[P9_TCLUNK], 9);
    s.ghosts_answer = true; /* the file came behind the walk */
    assert_int_equal(stat_of("none", &attr), -ENOENT);
    later_rest();
    assert_int_equal(s.seen[P9_TCLUNK], 10);
    assert_true(in_order());
    settle();
    assert_no_fids();
}

/* ---- lies, and links that die ---- */

static void lies_in_a_chain_are_refused(void **state)
{
    static const struct {
        u8 type;
        s64 (*run)(void);
    } rows[] = {{P9_TWALK, op_stat},           {P9_TGETATTR, op_stat},
                {P9_TLOPEN, op_open_and_read}, {P9_TGETATTR, op_open_and_read},
                {P9_TWALK, op_open_and_read},  {P9_TREADLINK, op_target},
                {P9_TWALK, op_target}};
    static const struct {
        mangle_fn mangle;
        u64 arg;
    } lies[] = {{lie_cut, 0}, {lie_size, 0x7fffffff}, {lie_tag, 0}, {lie_type, 99}, {lie_beyond, 0}, {lie_error, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t j = 0; j < ARRAY_LEN(lies); j++) {
            start_in_order(state);
            lie(rows[i].type, lies[j].mangle, lies[j].arg);
            assert_int_equal(rows[i].run(), -EIO);
            s.mangle = NULL;
            for (size_t k = 0; k < ARRAY_LEN(chains); k++)
                assert_int_equal(chains[k](), 0);
            settle();
            assert_no_fids();
            assert_null(s.violation);
        }
}

/* false: it was over before. */
static bool meets_death(s64 (*run)(void), bool known, unsigned messages, unsigned waits)
{
    start(NULL);
    s.serial = true;
    look(known ? LOOKS : 15);
    settle();
    fake_9p_forget(&s);
    s.lives = 1;
    s.die_after = messages;
    s.die_wait = waits;
    assert_int_equal(run(), 0);
    bool died = s.lives == 0;
    s.die_after = s.die_wait = 0;
    look(LOOKS);
    assert_true(known ? in_order() : true);
    for (size_t i = 0; i < ARRAY_LEN(chains); i++)
        assert_int_equal(chains[i](), 0);
    settle();
    assert_no_fids();
    finish(NULL);
    return died;
}

static void c12_each_chain_at_each_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++)
        for (int known = 0; known < 2; known++) {
            unsigned n = 1, waits = 1;
            while (meets_death(chains[i], known, n, 0))
                n++;
            while (meets_death(chains[i], known, 0, waits))
                waits++;
            assert_true(n > 1 && waits > 1);
        }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
#define O(name) cmocka_unit_test_setup_teardown(name, start_in_order, finish)
    const struct CMUnitTest tests[] = {
        T(one_that_is_not_is_told_apart_without_waiting),
        T(a_program_that_looks_at_a_few_files_does_not_try),
        T(one_that_is_is_known_after_three_times),
        T(one_that_is_short_of_files_is_known_later),
        T(one_that_was_by_chance),
        O(each_chain_is_one_wait),
        O(answers_may_come_in_any_order),
        O(what_is_not_there_is_not_there),
        O(what_fails_fails),
        O(links_are_not_opened_twice_and_files_not_read_as_links),
        O(answers_are_used_once),
        O(a_long_path_is_asked_at_its_end),
        O(one_that_stops_to_be),
        O(its_last_answers_are_for_no_other),
        O(a_part_of_a_chain),
        O(fids_that_failed_walks_leave),
        O(lies_in_a_chain_are_refused),
        T(c12_each_chain_at_each_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
