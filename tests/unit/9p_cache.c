/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_cache - what cache=loose keeps, and that this guest's own changes are seen at once: tests of kernel/9p_cache.c. */
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

static int mount_loose(void **state)
{
    (void)state;
    mount_client(CACHE_LOOSE);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    fs->cache = CACHE_LOOSE;
    p9_cache_free(client);
    fake_9p_forget(&s);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_no_fids();
    if (s.violation)
        fail_msg("the client broke a rule: %s", s.violation);
    return 0;
}

static int look(const char *path, struct attr *attr)
{
    u64 dev;
    struct attr own;
    return vfs_getattr_path(NULL, path, VFS_NOFOLLOW, attr ? attr : &own, &dev);
}

static struct attr must_see(const char *path)
{
    struct attr attr;
    assert_int_equal(look(path, &attr), 0);
    return attr;
}

static u64 messages(void)
{
    return p9_counters(client)->messages;
}

static void put_bytes(struct file *f, u64 len, u64 offset)
{
    u8 *bytes = buffer(4096);
    struct span span = {mem_phys(bytes), len};
    assert_int_equal(vfs_write(f, &span, 1, offset), len);
    drop(bytes, 4096);
}

static void what_is_known_is_not_asked_again(void **state)
{
    (void)state;
    static const char *const paths[] = {"/s/file", "/s/dir/a", "/s/dir", "/s/link", "/s/dir/deep/deep/deep"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct attr first = must_see(paths[i]);
        u64 before = messages();
        struct attr again = must_see(paths[i]);
        assert_memory_equal(&first, &again, sizeof first);
        assert_int_equal(messages(), before);
    }
    assert_int_equal(look("/s/none", NULL), -ENOENT);
    assert_int_equal(look("/s/dir/none", NULL), -ENOENT);
    assert_int_equal(look("/s/dir/none/x", NULL), -ENOENT);
    u64 before = messages();
    assert_int_equal(look("/s/none", NULL), -ENOENT);
    assert_int_equal(look("/s/dir/none", NULL), -ENOENT);
    assert_int_equal(look("/s/dir/none/x", NULL), -ENOENT);
    assert_int_equal(look("/s/file/x", NULL), -ENOTDIR);
    assert_int_equal(messages(), before);
}

static void a_known_file_is_opened_without_asking_what_it_is(void **state)
{
    (void)state;
    must_see("/s/file");
    fake_9p_forget(&s);
    struct file *f = opened("/s/file", O_RDONLY);
    struct attr attr;
    u64 dev;
    assert_int_equal(vfs_getattr(f, &attr, &dev), 0);
    assert_int_equal(attr.size, 12);
    assert_int_equal(s.seen[P9_TGETATTR], 0);
    vfs_put(f);
}

/* The host's changes are not seen, as promised: in the other modes they are. */
static void only_this_mode_keeps_anything(void **state)
{
    (void)state;
    for (u8 mode = CACHE_NONE; mode <= CACHE_LOOSE; mode++) {
        fs->cache = mode;
        file->mode = S_IFREG | 0644;
        must_see("/s/file");
        assert_int_equal(look("/s/late", NULL), -ENOENT);
        file->mode = S_IFREG | 0600;
        struct fake_file *late = fake_file(top, "late", S_IFREG | 0644, "", 0);
        bool loose = mode == CACHE_LOOSE;
        assert_int_equal(must_see("/s/file").mode & 0777, loose ? 0644 : 0600);
        assert_int_equal(look("/s/late", NULL), loose ? -ENOENT : 0);
        struct fake_file **at = &top->children;
        while (*at != late)
            at = &(*at)->next;
        *at = late->next;
    }
}

static void names_that_this_guest_makes(void **state)
{
    (void)state;
    struct file *f;
    static const char *const names[] = {"/s/n1", "/s/n2", "/s/n3", "/s/n4", "/s/n5"};
    must_see("/s");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(look(names[i], NULL), -ENOENT);
    vfs_put(f = opened(names[0], O_CREAT | O_WRONLY));
    assert_int_equal(vfs_mkdir(NULL, names[1], 0755), 0);
    assert_int_equal(vfs_symlink("x", NULL, names[2]), 0);
    assert_int_equal(vfs_link(NULL, names[0], NULL, names[3], 0), 0);
    assert_int_equal(vfs_mknod(NULL, names[4], S_IFREG | 0600, 0, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        must_see(names[i]);
    assert_int_equal(must_see("/s/n2").mode & S_IFMT, S_IFDIR);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(vfs_unlink(NULL, names[i], i == 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(look(names[i], NULL), -ENOENT);
}

static void attributes_that_this_guest_changes(void **state)
{
    (void)state;
    struct attr_change mode = {.valid = CHANGE_MODE, .mode = 0640}, size = {.valid = CHANGE_SIZE, .size = 3};
    struct file *f = opened("/s/changed", O_CREAT | O_RDWR);
    must_see("/s/changed");
    put_bytes(f, 100, 0);
    assert_int_equal(must_see("/s/changed").size, 100);
    put_bytes(f, 100, 50); /* by a descriptor, behind the end that is known */
    assert_int_equal(must_see("/s/changed").size, 150);
    assert_int_equal(vfs_change_path(NULL, "/s/changed", 0, &mode), 0);
    assert_int_equal(must_see("/s/changed").mode & 0777, 0640);
    assert_int_equal(vfs_change(f, &size), 0);
    assert_int_equal(must_see("/s/changed").size, 3);
    vfs_put(f);
    vfs_put(opened("/s/changed", O_WRONLY | O_TRUNC));
    assert_int_equal(must_see("/s/changed").size, 0);
    assert_int_equal(vfs_unlink(NULL, "/s/changed", false), 0);
}

/* Attributes that are asked for on the way to a change are those before it; and what tells whether a name still leads to the file is not what is kept of the file. */
static void what_is_asked_for_to_change_an_attribute(void **state)
{
    (void)state;
    struct file *f = opened("/s/named", O_CREAT | O_RDWR);
    struct attr attr;
    u64 dev;
    must_see("/s/named");
    assert_int_equal(vfs_setxattr(f, NULL, NULL, 0, "user.word", "value", 5, 0), 0);
    u64 before = messages();
    must_see("/s/named");
    assert_true(messages() > before);
    assert_int_equal(vfs_getattr(f, &attr, &dev), 0);
    fake_9p_child(s.root, "named", 5)->ino += 1000; /* the host puts another one in its place */
    assert_int_equal(vfs_getxattr(f, NULL, NULL, 0, "user.word", NULL, 0), -ESTALE);
    vfs_put(f);
}

static void renames(void **state)
{
    (void)state;
    vfs_put(opened("/s/from", O_CREAT | O_WRONLY));
    vfs_put(opened("/s/to", O_CREAT | O_WRONLY));
    u64 from = must_see("/s/from").qid.path;
    must_see("/s/to");
    assert_int_equal(vfs_rename(NULL, "/s/from", NULL, "/s/to", 0), 0);
    assert_int_equal(look("/s/from", NULL), -ENOENT);
    assert_int_equal(must_see("/s/to").qid.path, from);
    assert_int_equal(vfs_mkdir(NULL, "/s/d1", 0755), 0);
    assert_int_equal(vfs_mkdir(NULL, "/s/d2", 0755), 0);
    vfs_put(opened("/s/d1/x", O_CREAT | O_WRONLY));
    must_see("/s/d1/x");
    assert_int_equal(look("/s/d2/x", NULL), -ENOENT);
    assert_int_equal(vfs_rename(NULL, "/s/d1", NULL, "/s/d2", 0),
                     0); /* over an empty directory whose names are known */
    must_see("/s/d2/x");
    assert_int_equal(look("/s/d1/x", NULL), -ENOENT);
    assert_int_equal(vfs_unlink(NULL, "/s/d2/x", false), 0);
    assert_int_equal(vfs_unlink(NULL, "/s/d2", true), 0);
    assert_int_equal(vfs_unlink(NULL, "/s/to", false), 0);
    assert_int_equal(look("/s/d2/x", NULL), -ENOENT);
}

/* Whose name was forgotten: nothing is believed of any file then. */
static void links_to_what_is_removed_by_an_unknown_name(void **state)
{
    (void)state;
    vfs_put(opened("/s/known", O_CREAT | O_WRONLY));
    assert_int_equal(vfs_link(NULL, "/s/known", NULL, "/s/unknown", 0), 0);
    p9_cache_free(client);
    must_see("/s/known");
    u64 before = messages();
    assert_int_equal(vfs_unlink(NULL, "/s/unknown", false), 0);
    u64 removed = messages();
    assert_true(removed > before);
    must_see("/s/known");
    assert_true(messages() > removed);
    assert_int_equal(vfs_unlink(NULL, "/s/known", false), 0);
}

/* As many names as one likes: what is kept is bounded, and goes when memory is needed. */
static void memory_is_bounded_and_given_back(void **state)
{
    (void)state;
    char path[32];
    u64 before = mem_free_count();
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(path, sizeof path, "/s/missing%u", i);
        assert_int_equal(look(path, NULL), -ENOENT);
    }
    assert_in_range(before - mem_free_count(), 1, 600);
    u64 pa[4096];
    unsigned n = 0;
    while (n < ARRAY_LEN(pa) && (pa[n] = mem_pages(64, PAGE_SIZE)) != 0)
        n++;
    assert_null(client->cache);
    assert_int_equal(look("/s/missing1", NULL), -ENOENT); /* with nothing free nothing is kept */
    assert_null(client->cache);
    while (n)
        mem_pages_free(pa[--n], 64);
}

/* As kvmtool: a walk that stops at its second name is an error, which does not tell at which. */
static void a_server_that_does_not_tell_which_name_is_missing(void **state)
{
    (void)state;
    s.leaves_fids = true;
    assert_int_equal(look("/s/dir/none", NULL), -ENOENT);
    assert_int_equal(look("/s/dir/deep/none", NULL), -ENOENT);
    must_see("/s/dir");
    must_see("/s/dir/a");
    must_see("/s/dir/deep/deep");
    struct file *f;
    assert_int_equal(vfs_open(NULL, "/s/dir/deep/none/x", O_RDONLY, 0, &f), -ENOENT);
    p9_cache_free(client);
    assert_int_equal(vfs_open(NULL, "/s/dir/deep/none/x", O_RDONLY, 0, &f), -ENOENT);
    vfs_put(opened("/s/dir/a", O_RDONLY));
    must_see("/s/dir/deep");
    vfs_put(opened("/s/dir/made", O_CREAT | O_WRONLY));
    must_see("/s/dir/made");
    assert_int_equal(vfs_unlink(NULL, "/s/dir/made", false), 0);
    static const char *const none[] = {"/s/dir/none/x", "/s/none/x/y", "/s/dir/none/../y", "/s/dir/none/."};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(vfs_open(NULL, none[i], O_CREAT | O_WRONLY, 0600, &f), -ENOENT);
    assert_true(vfs_open(NULL, "/s/dir/none/", O_CREAT | O_WRONLY, 0600, &f) < 0);
    assert_int_equal(look("/s/dir/none", NULL), -ENOENT);
    s.leaves_fids = false;
    p9_fids_short(client);
}

static void a_mount_begins_with_nothing(void **state)
{
    (void)state;
    must_see("/s/file");
    assert_non_null(client->cache);
    assert_int_equal(vfs_unmount(NULL, "/s"), 0);
    assert_int_equal(vfs_mount(fs, "/s", 0), 0);
    assert_null(client->cache);
    root = vfs_mount_get(1)->root;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_known_is_not_asked_again),
        T(a_known_file_is_opened_without_asking_what_it_is),
        T(only_this_mode_keeps_anything),
        T(names_that_this_guest_makes),
        T(attributes_that_this_guest_changes),
        T(what_is_asked_for_to_change_an_attribute),
        T(renames),
        T(links_to_what_is_removed_by_an_unknown_name),
        T(memory_is_bounded_and_given_back),
        T(a_server_that_does_not_tell_which_name_is_missing),
        T(a_mount_begins_with_nothing),
    };
    return cmocka_run_group_tests(tests, mount_loose, NULL);
}
