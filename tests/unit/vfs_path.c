/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_path - paths, links, mounts: tests of kernel/vfs_path.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tree.h"

/* ---- paths ---- */

static void paths_become_canonical(void **state)
{
    (void)state;
    leads_to(NULL, "/", "/");
    leads_to(NULL, ".", "/");
    leads_to(NULL, "host/file", "/host/file");
    leads_to(NULL, "//host///dir/./a", "/host/dir/a");
    leads_to(NULL, "/host/dir/", "/host/dir");
    leads_to(NULL, "/host/dir/..", "/host");
    leads_to(NULL, "/host/dir/../dir/b", "/host/dir/b");
    leads_to(NULL, "/host/..", "/");
    leads_to(NULL, "/host/../dev/null", "/dev/null");
    leads_to(NULL, "/../../..", "/");
    leads_to(NULL, "/some/where/else/dir", "/some/where/else/dir");
    leads_to(NULL, "/some/where/else/..", "/some/where");
}

static void relative_paths(void **state)
{
    (void)state;
    struct file *at = opened("/host/dir", O_DIRECTORY), *top_dir = opened("/", O_DIRECTORY),
                *f = opened("/host/file", 0);
    leads_to(at, "a", "/host/dir/a");
    leads_to(at, ".", "/host/dir");
    leads_to(at, "..", "/host");
    leads_to(at, "../../dev", "/dev");
    leads_to(at, "../file", "/host/file");
    leads_to(at, "/dev/zero", "/dev/zero");
    leads_to(top_dir, "host/file", "/host/file");
    struct file *none;
    assert_int_equal(vfs_open(f, "x", 0, 0, &none), -ENOTDIR);
    assert_int_equal(vfs_open(f, "/host/file", 0, 0, &none), 0);
    vfs_put(none);
    vfs_put(at);
    vfs_put(top_dir);
    vfs_put(f);
}

/* The names of the working directory are not walked again: it is known to be one. */
static void dot_dot_of_a_known_directory_costs_nothing(void **state)
{
    (void)state;
    struct file *at = opened("/host/dir", O_DIRECTORY);
    struct attr attr;
    u64 dev;
    fake_9p_forget(&s);
    assert_int_equal(vfs_getattr_path(at, "../file", 0, &attr, &dev), 0);
    assert_int_equal(s.log_len, 3);
    vfs_put(at);
}

static void errors_of_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int error;
    } rows[] = {
        {"", -ENOENT},
        {"/host/nope", -ENOENT},
        {"/host/nope/x", -ENOENT},
        {"/host/nope/..", -ENOENT},
        {"/host/dir/nope", -ENOENT},
        {"/host/dir/nope/x", -ENOENT},
        {"/host/file/", -ENOTDIR},
        {"/host/file/.", -ENOTDIR},
        {"/host/file/..", -ENOTDIR},
        {"/host/file/x", -ENOTDIR},
        {"/host/dir/a/x/y", -ENOTDIR},
        {"/host/relative/x", -ENOTDIR},
        {"/host/relative/", -ENOTDIR},
        {"/host/absolute/.", -ENOTDIR},
        {"/host/fileslash", -ENOTDIR},
        {"/host/dangling", -ENOENT},
        {"/host/dangling/x", -ENOENT},
        {"/host/locked/x", -EACCES},
        {"/host/locked/x/y", -EACCES},
        {"/dev/null/x", -ENOTDIR},
        {"/dev/nope", -ENOENT},
        {"/nope", -ENOENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (stat_of(rows[i].path, 0) != rows[i].error)
            fail_msg("%s: %d, not %d", rows[i].path, stat_of(rows[i].path, 0), rows[i].error);
}

static void c16_names_and_paths_that_are_too_long(void **state)
{
    (void)state;
    char path[5000] = "/host/";
    memset(path + 6, 'n', 256);
    assert_int_equal(stat_of(path, 0), -ENAMETOOLONG);
    path[6 + 255] = 0;
    assert_int_equal(stat_of(path, 0), -ENOENT);
    memset(path, '/', sizeof path);
    path[4096] = 0;
    assert_int_equal(stat_of(path, 0), -ENAMETOOLONG);
    path[4095] = 0;
    assert_int_equal(stat_of(path, 0), 0);
    struct file *at = opened("/host/dir", O_DIRECTORY), *f;
    for (int i = 0; i < 4090; i += 2)
        memcpy(path + i, "a/", 2);
    path[4090] = 0;
    assert_int_equal(vfs_open(at, path, 0, 0, &f), -ENOTDIR); /* "a" is a file, and the path itself is not too long */
    vfs_put(at);
    char name[400];
    memset(name, 'n', 256);
    name[256] = 0;
    static const struct {
        const char *directory;
        int error;
    } rows[] = {
        {"/host/", -ENAMETOOLONG}, {"/host/nope/", -ENOENT}, {"/host/file/", -ENOTDIR}, {"/host/relative/", -ENOTDIR}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) { /* a bad path is told before a bad name */
        snprintf(path, sizeof path, "%s%s", rows[i].directory, name);
        assert_int_equal(stat_of(path, 0), rows[i].error);
        assert_int_equal(vfs_mkdir(NULL, path, 0755), rows[i].error);
    }
}

static void deep_path(char *path, int link)
{
    strcpy(path, "/host");
    for (int i = 0; i < TREE_DEPTH; i++)
        strcat(path, i == link ? "/l" : "/n");
    strcat(path, "/bottom");
}

static void deep_paths_with_a_link_anywhere(void **state)
{
    (void)state;
    char path[1000], direct[1000];
    deep_path(direct, -1);
    u64 ino = ino_of(direct);
    for (int i = 0; i < TREE_DEPTH; i++) {
        deep_path(path, i);
        assert_int_equal(ino_of(path), ino);
        leads_to(NULL, path, direct);
    }
    strcat(direct, "/x");
    assert_int_equal(stat_of(direct, 0), -ENOTDIR);
    strcpy(strrchr(direct, '/') - 6, "nope");
    assert_int_equal(stat_of(direct, 0), -ENOENT);
}

static void files_in_the_middle_of_deep_paths(void **state)
{
    (void)state;
    char path[1000] = "/host";
    for (int i = 0; i < TREE_DEPTH; i++) {
        size_t len = strlen(path);
        strcpy(path + len, "/f/x");
        assert_int_equal(stat_of(path, 0), -ENOTDIR);
        strcpy(path + len, "/n");
    }
}

/* The floor: one walk however deep, the question, and a Tclunk that nobody waits for. */
static void stat_takes_three_messages_and_two_waits(void **state)
{
    (void)state;
    static const char *const paths[] = {"/host/file", "/host/dir/a", "/host/dir/deep/deep/deep/deep/deep/deep"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct p9_counters before = *p9_counters(client);
        assert_int_equal(stat_of(paths[i], 0), 0);
        assert_int_equal(p9_counters(client)->messages - before.messages, 3);
        assert_int_equal(p9_counters(client)->waits - before.waits, 2);
    }
}

/* ---- links ---- */

static void case_p38_links_are_followed_as_the_guest_sees_paths(void **state)
{
    (void)state;
    leads_to(NULL, "/host/relative", "/host/dir/a");
    leads_to(NULL, "/host/absolute", "/host/file");
    leads_to(NULL, "/host/todir/b", "/host/dir/b");
    leads_to(NULL, "/host/todir/../file", "/host/file");
    leads_to(NULL, "/host/slash/a", "/host/dir/a");
    leads_to(NULL, "/host/here/here/here/file", "/host/file");
    leads_to(NULL, "/host/null", "/dev/null");
    leads_to(NULL, "/host/up", "/");
    leads_to(NULL, "/host/up/host/up/dev/null", "/dev/null");
    assert_int_equal(stat_of("/host/out", 0), -ENOENT); /* the guest's /etc, not the host's */
    assert_int_equal(ino_of("/some/where/else/absolute"), ino_of("/host/file"));
}

static void case_p38_loops_and_chains_end(void **state)
{
    (void)state;
    assert_int_equal(stat_of("/host/loop1", 0), -ELOOP);
    assert_int_equal(stat_of("/host/loop1/x", 0), -ELOOP);
    assert_int_equal(open_error("/host/loop2", O_RDONLY), -ELOOP);
    assert_int_equal(stat_of("/host/chain2", 0), 0);
    assert_int_equal(stat_of("/host/chain1", 0), -ELOOP);
}

static void the_last_link_can_stay(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev;
    char buf[32];
    assert_int_equal(vfs_getattr_path(NULL, "/host/relative", VFS_NOFOLLOW, &attr, &dev), 0);
    assert_int_equal(attr.mode & S_IFMT, S_IFLNK);
    assert_int_equal(vfs_getattr_path(NULL, "/host/todir/", VFS_NOFOLLOW, &attr, &dev), 0);
    assert_int_equal(attr.mode & S_IFMT, S_IFDIR);
    assert_int_equal(stat_of("/host/loop1", VFS_NOFOLLOW), 0);
    assert_int_equal(vfs_readlink(NULL, "/host/relative", buf, sizeof buf), 5);
    assert_memory_equal(buf, "dir/a", 5);
    assert_int_equal(vfs_readlink(NULL, "/host/relative", buf, 3), 3);
    assert_int_equal(vfs_readlink(NULL, "/host/todir/../relative", buf, sizeof buf), 5);
    assert_int_equal(vfs_readlink(NULL, "/host/file", buf, sizeof buf), -EINVAL);
    assert_int_equal(vfs_readlink(NULL, "/host/dir", buf, sizeof buf), -EINVAL);
    assert_int_equal(vfs_readlink(NULL, "/host/nope", buf, sizeof buf), -ENOENT);
}

/* ---- mounts ---- */

static void mount_points_are_listed(void **state)
{
    (void)state;
    struct file *d = opened("/", O_RDONLY);
    struct listing l = {.room = 64};
    assert_int_equal(vfs_readdir(d, 4096, list_name, &l), 7);
    assert_true(lists(&l, "dev") && lists(&l, "sys") && lists(&l, "host") && lists(&l, "some") && lists(&l, "tmp"));
    vfs_put(d);
}

static void the_mount_table(void **state)
{
    (void)state;
    assert_string_equal(vfs_mount_get(0)->path, "/");
    assert_string_equal(vfs_mount_get(0)->fs->ops->type, "initfs");
    assert_string_equal(vfs_mount_get(4)->path, "/some/where/else");
    assert_int_equal(vfs_mount_get(4)->flags, MOUNT_READONLY);
    assert_null(vfs_mount_get(6));
    assert_ptr_equal(vfs_find(fs->tag), fs);
    assert_null(vfs_find("no such tag"));
    unsigned n = 0;
    while (vfs_registered(n))
        n++;
    assert_true(n >= 5);
}

static void mounts_that_fail(void **state)
{
    (void)state;
    assert_int_equal(vfs_mount(fs, "/host", 0), -EBUSY);
    assert_int_equal(vfs_mount(fs, "/host/../host/.", 0), -EBUSY);
    assert_int_equal(vfs_mount(fs, "host", 0), -EINVAL);
    assert_int_equal(vfs_mount(fs, "/host/file", 0), -ENOTDIR);
    assert_int_equal(vfs_mount(fs, "/host/nope/x", 0), -ENOENT);
    static struct fs other;
    other.ops = fs->ops;
    strcpy(other.tag, fs->tag);
    assert_int_equal(vfs_register(&other), -EEXIST);
    assert_ptr_equal(vfs_find(fs->tag), fs);
}

/* What is mounted last is what is seen, and it hides what had been mounted below the same place. */
static void a_mount_over_mounts(void **state)
{
    (void)state;
    struct fs *tmpfs = vfs_find("tmpfs");
    struct attr attr;
    u64 dev, other;
    assert_int_equal(vfs_mkdir(NULL, "/tmp/m", 0755), 0);
    assert_int_equal(vfs_mkdir(NULL, "/tmp/m/sys", 0755), 0);
    assert_int_equal(vfs_mount(vfs_find("sysfs"), "/tmp/m/sys", 0), 0);
    assert_int_equal(stat_of("/tmp/m/sys/bus", 0), 0);
    assert_int_equal(vfs_getattr_path(NULL, "/tmp/m", 0, &attr, &dev), 0);
    assert_int_equal(vfs_mount(vfs_find("devtmpfs"), "/tmp/m", 0), 0);
    assert_int_equal(vfs_mount(vfs_find("devtmpfs"), "/tmp/m", 0), -EBUSY);
    assert_int_equal(stat_of("/tmp/m/null", 0), 0);
    assert_int_equal(stat_of("/tmp/m/sys", 0), -ENOENT);
    assert_int_equal(vfs_getattr_path(NULL, "/tmp/m", 0, &attr, &other), 0);
    assert_int_not_equal(dev, other);
    assert_int_equal(vfs_unlink(NULL, "/tmp/m", true), -EBUSY);
    assert_int_equal(vfs_unlink(NULL, "/tmp/m", false), -EISDIR);
    assert_int_equal(vfs_mkdir(NULL, "/tmp/m", 0755), -EEXIST);
    assert_int_equal(vfs_rename(NULL, "/tmp/m", NULL, "/tmp/n", 0), -EBUSY);
    /* Renamed, what is above a mount takes it along. */
    assert_int_equal(vfs_mkdir(NULL, "/tmp/p", 0755), 0);
    assert_int_equal(vfs_mkdir(NULL, "/tmp/p/q", 0755), 0);
    assert_int_equal(vfs_mount(tmpfs, "/tmp/p/q", 0), 0);
    assert_int_equal(vfs_rename(NULL, "/tmp/p", NULL, "/tmp/longer", 0), 0);
    assert_int_equal(stat_of("/tmp/longer/q/m", 0), 0);
    assert_int_equal(stat_of("/tmp/p/q", 0), -ENOENT);
    leads_to(NULL, "/tmp/longer/q/..", "/tmp/longer");
}

/* Given up, a mount shows what was under it; a place in the table that is free hides nothing that it should not, and is hidden by nothing. */
static void mounts_are_given_up(void **state)
{
    (void)state;
    struct fs *sysfs = vfs_find("sysfs"), *dev = vfs_find("devtmpfs");
    assert_int_equal(vfs_mkdir(NULL, "/tmp/u", 0755), 0);
    assert_int_equal(vfs_mkdir(NULL, "/tmp/w", 0755), 0);
    assert_int_equal(vfs_symlink("/tmp/u", NULL, "/tmp/to-u"), 0);
    assert_int_equal(vfs_unmount(NULL, "/tmp/u"), -EINVAL);
    assert_int_equal(vfs_unmount(NULL, "/tmp/nope"), -ENOENT);
    assert_int_equal(vfs_unmount(NULL, "/host/file"), -EINVAL);
    assert_int_equal(vfs_unmount(NULL, "/host/file/x"), -ENOTDIR);
    assert_int_equal(vfs_unmount(NULL, "/"), -EBUSY);
    assert_int_equal(vfs_unmount(NULL, "/tmp"), -EBUSY); /* something is mounted in it */
    static const char *const names[] = {"/tmp/u", "/tmp/u/", "/tmp/../tmp/u", "/tmp/to-u"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(vfs_mount(sysfs, "/tmp/u", 0), 0);
        struct file *f = opened("/tmp/u/bus", O_RDONLY);
        assert_int_equal(vfs_unmount(NULL, names[i]), -EBUSY);
        vfs_put(f);
        assert_int_equal(vfs_unmount(NULL, names[i]), 0);
        assert_int_equal(stat_of("/tmp/u/bus", 0), -ENOENT);
        assert_int_equal(vfs_unmount(NULL, names[i]), -EINVAL);
    }
    assert_int_equal(vfs_mount(dev, "/tmp/u", 0), 0);
    assert_int_equal(vfs_mount(dev, "/tmp/w", 0), 0);
    assert_int_equal(vfs_unmount(NULL, "/tmp/u"), 0);
    assert_int_equal(vfs_mount(sysfs, "/tmp/w", 0), 0);
    assert_int_equal(stat_of("/tmp/w/bus", 0), 0);
    assert_int_equal(vfs_mount(sysfs, "/tmp/u", 0), 0);
    assert_int_equal(stat_of("/tmp/u/bus", 0), 0);
    assert_int_equal(vfs_unmount(NULL, "/tmp/w"), 0);
    assert_int_equal(stat_of("/tmp/w/null", 0), 0);
    assert_int_equal(vfs_unmount(NULL, "/tmp/w"), 0);
    assert_int_equal(vfs_unmount(NULL, "/tmp/u"), 0);
}

static void the_mount_table_is_full(void **state)
{
    (void)state;
    static struct fs more[VFS_MOUNTS];
    int err = 0;
    for (unsigned i = 0; i < VFS_MOUNTS && err == 0; i++) {
        more[i] = *vfs_find("tmpfs");
        err = vfs_mount(&more[i], "/tmp/longer/q", 0);
    }
    assert_int_equal(err, -ENOSPC);
    assert_null(vfs_mount_get(VFS_MOUNTS));
    assert_int_equal(vfs_mount_get(VFS_MOUNTS - 1)->index, VFS_MOUNTS - 1);
}

/* A share as the root has no /dev that could be made: it is mounted on all the same. Last, for it stays mounted. */
static void a_missing_mount_point_on_a_share(void **state)
{
    (void)state;
    assert_int_equal(vfs_mount(vfs_find("devtmpfs"), "/host/dev", 0), 0);
    leads_to(NULL, "/host/dev/null", "/host/dev/null");
    leads_to(NULL, "/host/dev/..", "/host");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(paths_become_canonical),
        T(relative_paths),
        T(dot_dot_of_a_known_directory_costs_nothing),
        T(errors_of_paths),
        T(c16_names_and_paths_that_are_too_long),
        T(deep_paths_with_a_link_anywhere),
        T(files_in_the_middle_of_deep_paths),
        T(stat_takes_three_messages_and_two_waits),
        T(case_p38_links_are_followed_as_the_guest_sees_paths),
        T(case_p38_loops_and_chains_end),
        T(the_last_link_can_stay),
        T(mount_points_are_listed),
        T(the_mount_table),
        T(mounts_that_fail),
        T(a_missing_mount_point_on_a_share),
        T(a_mount_over_mounts),
        T(mounts_are_given_up),
        T(the_mount_table_is_full),
    };
    return cmocka_run_group_tests(tests, mount_all, NULL);
}
