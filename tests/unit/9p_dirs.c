/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_dirs - changes in a directory that is known: what they cost, and that they act on what a path means now. Tests of kernel/9p_dirs.c. */
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

static int mount_share(void **state)
{
    (void)state;
    mount_client(CACHE_NONE);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    fs->cache = CACHE_NONE;
    fake_cycles_step = 0;
    settle();
    fake_9p_forget(&s);
    return 0;
}

static int end(void **state)
{
    (void)state;
    fs->cache = CACHE_NONE;
    fake_cycles_step = 0;
    assert_no_fids();
    if (s.violation)
        fail_msg("the client broke a rule: %s", s.violation);
    return 0;
}

/* Messages and waits since the last call, all sent. */
static void assert_cost(unsigned messages, unsigned waits)
{
    static struct p9_counters before;
    const struct p9_counters *now = p9_counters(client);
    if (waits != ~0u) {
        assert_int_equal(now->messages - before.messages, messages);
        assert_int_equal(now->waits - before.waits, waits);
    }
    before = *now;
}

static int make(const char *path)
{
    return vfs_symlink("target", NULL, path);
}

static int unlink(const char *path)
{
    return vfs_unlink(NULL, path, false);
}

static struct fake_file *directory(const char *name)
{
    return fake_file(top, name, S_IFDIR | 0755, "", 0);
}

static void a_second_change_needs_no_walk(void **state)
{
    (void)state;
    struct fake_file *d = directory("second");
    assert_cost(0, ~0u);
    assert_int_equal(make("/s/second/a"), 0);
    assert_cost(2, 2);
    assert_int_equal(make("/s/second/b"), 0);
    assert_int_equal(vfs_rename(NULL, "/s/second/b", NULL, "/s/second/c", 0), 0);
    assert_int_equal(unlink("/s/second/c"), 0);
    assert_cost(3, 3);
    assert_int_equal(vfs_mkdir(NULL, "/s/second/d", 0755), 0);
    assert_cost(2, 2); /* and its mode */
    assert_int_equal(vfs_mkdir(NULL, "/s/second/e", 0755), 0);
    assert_int_equal(vfs_unlink(NULL, "/s/second/e", true), 0);
    assert_cost(2, 2);
    assert_non_null(fake_9p_child(d, "a", 1));
    assert_null(fake_9p_child(d, "c", 1));
}

/* What one call asks on its way is told by its end only: that it was done in both. */
static void a_rename_between_known_directories_needs_no_walk(void **state)
{
    (void)state;
    struct fake_file *a = directory("from"), *b = directory("to");
    assert_int_equal(make("/s/from/a"), 0);
    assert_int_equal(make("/s/from/b"), 0);
    assert_cost(0, ~0u);
    assert_int_equal(vfs_rename(NULL, "/s/from/a", NULL, "/s/to/a", 0), 0);
    assert_cost(2, 2); /* to the second */
    assert_int_equal(vfs_rename(NULL, "/s/from/b", NULL, "/s/to/b", 0), 0);
    assert_int_equal(vfs_rename(NULL, "/s/to/b", NULL, "/s/from/c", 0), 0);
    assert_cost(2, 2);
    assert_int_equal(vfs_rename(NULL, "/s/to/a", NULL, "/s/from/d", RENAME_NOREPLACE), 0);
    assert_int_equal(unlink("/s/from/c"), 0);
    vfs_heard++;
    assert_cost(0, ~0u);
    assert_int_equal(vfs_rename(NULL, "/s/from/d", NULL, "/s/to/d", 0), 0);
    assert_cost(5, 3); /* and two old fids end */
    assert_non_null(fake_9p_child(b, "d", 1));
    assert_null(fake_9p_child(a, "d", 1));
}

/* The file is walked to, its new directory is known. */
static void a_link_in_a_known_directory_needs_no_walk_to_it(void **state)
{
    (void)state;
    directory("links");
    assert_int_equal(make("/s/links/a"), 0);
    assert_cost(0, ~0u);
    assert_int_equal(vfs_link(NULL, "/s/file", NULL, "/s/links/b", 0), 0);
    assert_int_equal(vfs_link(NULL, "/s/file", NULL, "/s/links/c", 0), 0);
    assert_cost(5, 4); /* one fid is still to end */
}

static void an_open_directory_serves_itself(void **state)
{
    (void)state;
    struct file *at = NULL;
    directory("open");
    assert_int_equal(vfs_open(NULL, "/s/open", O_RDONLY | O_DIRECTORY, 0, &at), 0);
    assert_cost(0, ~0u);
    assert_int_equal(vfs_symlink("x", at, "a"), 0);
    assert_int_equal(vfs_rename(at, "a", NULL, "/s/b", 0), 0);
    assert_int_equal(unlink("/s/b"), 0);
    assert_cost(3, 3);
    vfs_put(at);
}

/* Whatever a program hears, it may have heard that the path means another directory. */
static void who_heard_something_walks_again(void **state)
{
    struct attr attr;
    (void)state;
    struct fake_file *was = directory("d");
    assert_int_equal(make("/s/d/a"), 0);
    was->name = "moved";
    struct fake_file *is = directory("d");
    vfs_heard++; /* "it is another one now" */
    assert_int_equal(make("/s/d/b"), 0);
    assert_non_null(fake_9p_child(is, "b", 1));
    assert_null(fake_9p_child(was, "b", 1));
    is->name = "moved too";
    is = directory("d");
    assert_int_equal(fs->ops->getattr(&root, &attr), 0);
    assert_int_equal(make("/s/d/c"), 0);
    assert_non_null(fake_9p_child(is, "c", 1));
    is->name = "moved three";
    is = directory("d");
    assert_int_equal(unlink("/s/d/none"), -ENOENT); /* a failed change is heard */
    assert_int_equal(make("/s/d/d"), 0);
    assert_non_null(fake_9p_child(is, "d", 1));
}

/* A rename that fails by one of two known directories is tried by new look-ups; who heard that one was moved does not meet the other's old walk. */
static void a_rename_that_fails_looks_again(void **state)
{
    (void)state;
    for (u32 flags = 0; flags <= RENAME_NOREPLACE; flags++) {
        struct fake_file *was[] = {directory("ra"), directory("rb")};
        assert_int_equal(make("/s/ra/a"), 0);
        assert_int_equal(make("/s/ra/b"), 0);
        assert_int_equal(vfs_rename(NULL, "/s/ra/a", NULL, "/s/rb/a", 0), 0);
        was[0]->name = "ra was";
        was[1]->name = "rb was";
        struct fake_file *is[] = {directory("ra"), directory("rb")};
        fake_file(is[0], "only", S_IFREG | 0600, "", 0);
        assert_int_equal(vfs_rename(NULL, "/s/ra/only", NULL, "/s/rb/x", flags), 0);
        assert_non_null(fake_9p_child(is[1], "x", 1));
        assert_int_equal(vfs_rename(NULL, "/s/ra/none", NULL, "/s/rb/y", flags), -ENOENT);
        is[1]->name = "rb was too";
        struct fake_file *now = directory("rb");
        fake_file(is[0], "only", S_IFREG | 0600, "", 0);
        assert_int_equal(vfs_rename(NULL, "/s/ra/only", NULL, "/s/rb/y", flags), 0);
        assert_non_null(fake_9p_child(now, "y", 1));
        is[0]->name = "ra was too";
        now->name = "rb was three";
    }
}

static void time_makes_it_old(void **state)
{
    (void)state;
    directory("time");
    fake_cycles_step = 1 << 28;
    assert_cost(0, ~0u);
    assert_int_equal(make("/s/time/a"), 0);
    assert_cost(2, 2);
    assert_int_equal(make("/s/time/b"), 0);
    later_rest();
    fake_cycles_step = 0;
    settle();
    assert_int_equal(s.seen[P9_TWALK], 2);
}

/* A change that fails by the old directory is tried by the new one. */
static void a_change_that_fails_looks_again(void **state)
{
    (void)state;
    fs->cache = CACHE_LOOSE;
    struct fake_file *was = directory("l");
    assert_int_equal(make("/s/l/a"), 0);
    was->name = "elsewhere";
    struct fake_file *is = directory("l");
    fake_file(is, "only-here", S_IFREG | 0600, "", 0);
    p9_cache_free(client);
    assert_int_equal(unlink("/s/l/only-here"), 0);
    assert_null(fake_9p_child(is, "only-here", 9));
    assert_int_equal(unlink("/s/l/only-here"), -ENOENT);
    vfs_unmount(NULL, "/nothing");
    later_rest();
    assert_int_equal(make("/s/l/b"), 0);
    assert_int_equal(vfs_rename(NULL, "/s/l", NULL, "/s/l2", 0), 0); /* and who moves it himself knows */
    is = directory("l");
    assert_int_equal(make("/s/l/c"), 0);
    assert_non_null(fake_9p_child(is, "c", 1));
    assert_int_equal(unlink("/s/l/c"), 0);
    assert_int_equal(vfs_unlink(NULL, "/s/l", true), 0);
    assert_int_equal(make("/s/l/c"), -ENOENT);
    fs->cache = CACHE_NONE;
    p9_cache_free(client);
    p9_idle();
}

/* With loose they are kept while nothing is done, but never more than a few. */
static void a_few_are_kept(void **state)
{
    char path[64];
    (void)state;
    static char names[40][8];
    fs->cache = CACHE_LOOSE;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "k%u", i);
        directory(names[i]);
        snprintf(path, sizeof path, "/s/k%u/a", i);
        assert_int_equal(make(path), 0);
    }
    settle();
    assert_in_range(fake_9p_fids(&s), 2, 1 + P9_DIRS);
    fake_9p_forget(&s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(s.seen[P9_TWALK], 0);
    fs->cache = CACHE_NONE;
    p9_idle();
}

/* Fids that are only kept go when there are no others: the server's, and ours. */
static void c11_none_is_kept_when_fids_are_short(void **state)
{
    static u32 taken[P9_FIDS];
    unsigned n = 0;
    (void)state;
    fs->cache = CACHE_LOOSE;
    directory("short");
    for (unsigned ours = 0; ours < 2; ours++) {
        assert_int_equal(make(ours ? "/s/short/b" : "/s/short/a"), 0);
        settle();
        fake_9p_forget(&s);
        assert_int_equal(client->counters->fids, 2);
        s.most_fids = ours ? 0 : 2;
        while (ours && client->counters->fids < P9_FIDS)
            taken[n++] = p9_fid_new(client);
        struct node node = must_walk("file");
        assert_int_equal(s.seen[P9_TCLUNK], 1);
        assert_int_equal(s.seen[P9_TWALK], ours ? 1 : 2);
        struct qid qid;
        struct node second;
        struct name name = name_of("file");
        assert_int_equal(fs->ops->walk(&root, &name, 1, &second, &qid), ours ? -ENFILE : -EMFILE);
        assert_int_equal(s.seen[P9_TWALK], ours ? 1 : 3);
        while (n)
            p9_fid_free(client, taken[--n]);
        put(&node);
        settle();
    }
    s.most_fids = 0;
    fs->cache = CACHE_NONE;
}

/* A file that is closed ends with the next message; whoever opens one first when there are no more fids sends that before. */
static void c11_what_was_to_end_ends_when_fids_are_short(void **state)
{
    (void)state;
    struct node node = must_open("file");
    s.most_fids = 2;
    put(&node);
    assert_int_equal(client->nriding, 1);
    node = must_walk("big");
    put(&node);
    s.most_fids = 0;
}

static void set_group_id_of_a_known_directory(void **state)
{
    struct attr_change change = {.valid = CHANGE_MODE, .mode = 02755};
    (void)state;
    fs->cache = CACHE_LOOSE;
    struct fake_file *d = directory("group");
    assert_int_equal(vfs_mkdir(NULL, "/s/group/a", 0755), 0);
    assert_int_equal(vfs_change_path(NULL, "/s/group", 0, &change), 0);
    assert_int_equal(vfs_mkdir(NULL, "/s/group/b", 0755), 0);
    assert_int_equal(fake_9p_child(d, "a", 1)->mode & S_ISGID, 0);
    assert_int_equal(fake_9p_child(d, "b", 1)->mode & S_ISGID, S_ISGID);
    fs->cache = CACHE_NONE;
    p9_idle();
}

/* The session begins again at each message of three changes in one directory. */
static void c12_a_reset_at_each_message(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 12; n++) {
        char name[2][16], path[32];
        snprintf(name[0], sizeof name[0], "reset%u", n);
        struct fake_file *d = fake_file(top, strdup(name[0]), S_IFDIR | 0755, "", 0);
        s.lives = 1;
        s.die_after = n;
        int err[3];
        for (int i = 0; i < 3; i++) {
            snprintf(path, sizeof path, "/s/%s/%c", name[0], 'a' + i);
            err[i] = make(path);
            assert_true(err[i] == 0 || err[i] == -EIO);
        }
        s.die_after = s.lives = 0;
        for (int i = 0; i < 3; i++) {
            char c = (char)('a' + i);
            assert_true(err[i] < 0 || fake_9p_child(d, &c, 1));
        }
        snprintf(path, sizeof path, "/s/%s/d", name[0]);
        assert_int_equal(make(path), 0);
        assert_no_fids();
    }
}

static void a_share_with_known_directories_can_be_given_up(void **state)
{
    (void)state;
    fs->cache = CACHE_LOOSE;
    directory("last");
    assert_int_equal(make("/s/last/a"), 0);
    assert_int_equal(vfs_unmount(NULL, "/s"), 0);
    later_rest();
    assert_int_equal(p9_counters(client)->fids - client->in_flight, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_second_change_needs_no_walk),
        T(a_rename_between_known_directories_needs_no_walk),
        T(a_link_in_a_known_directory_needs_no_walk_to_it),
        T(an_open_directory_serves_itself),
        T(who_heard_something_walks_again),
        T(a_rename_that_fails_looks_again),
        T(time_makes_it_old),
        T(a_change_that_fails_looks_again),
        T(a_few_are_kept),
        T(c11_none_is_kept_when_fids_are_short),
        T(c11_what_was_to_end_ends_when_fids_are_short),
        T(set_group_id_of_a_known_directory),
        T(c12_a_reset_at_each_message),
        cmocka_unit_test(a_share_with_known_directories_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, mount_share, NULL);
}
