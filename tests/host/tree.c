/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tree - initial files, /dev, /sys, a share that is read only and a writable /tmp, for the tests of paths and open files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "devfs.h"
#include "initfs.h"
#include "attrfs.h"
#include "tmpfs.h"
#include "tree.h"

enum { CHAIN = 41 };

static struct fake_file *locked;

static struct fake_file *add_link(struct fake_file *in, const char *name, const char *target)
{
    return fake_file(in, name, S_IFLNK | 0777, target, strlen(target));
}

/* chain0 -> chain1 -> ... -> chain41 -> file: following chain1 takes 41 links, chain2 takes 40. */
static void add_chain(void)
{
    static char names[CHAIN + 2][24];
    for (int i = 0; i <= CHAIN + 1; i++)
        snprintf(names[i], sizeof names[i], "chain%d", i);
    for (int i = 0; i <= CHAIN; i++)
        add_link(top, names[i], i == CHAIN ? "file" : names[i + 1]);
}

/* n/n/n/...; in each of them l -> n and a file f. */
static void add_depth(void)
{
    struct fake_file *at = top;
    for (int i = 0; i < TREE_DEPTH; i++) {
        add_link(at, "l", "n");
        fake_file(at, "f", S_IFREG | 0644, "", 0);
        at = fake_file(at, "n", S_IFDIR | 0755, "", 0);
    }
    fake_file(at, "bottom", S_IFREG | 0644, "deep", 4);
}

int mount_all(void **state)
{
    (void)state;
    make_client();
    assert_int_equal(initfs_init(NULL, 0), 0);
    devfs_init();
    attrfs_init();
    tmpfs_init();
    assert_int_equal(vfs_mount(vfs_find("devtmpfs"), "/dev", 0), -ENOENT); /* no root yet */
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    assert_int_equal(vfs_mount(vfs_find("devtmpfs"), "/dev", 0), 0);
    assert_int_equal(vfs_mount(vfs_find("sysfs"), "/sys", 0), 0);
    assert_int_equal(vfs_mount(fs, "/host", MOUNT_READONLY), 0);
    assert_int_equal(vfs_mount(fs, "/some/where//else/", MOUNT_READONLY), 0);
    assert_int_equal(vfs_mount(vfs_find("tmpfs"), "/tmp", 0), 0);
    add_link(top, "relative", "dir/a");
    add_link(top, "absolute", "/host/file");
    add_link(top, "loop1", "loop2");
    add_link(top, "loop2", "loop1");
    add_link(top, "out", "../../etc/passwd");
    add_link(top, "up", "..");
    add_link(top, "here", ".");
    add_link(top, "todir", "dir");
    add_link(top, "slash", "dir/");
    add_link(top, "fileslash", "file/");
    add_link(top, "dangling", "nowhere");
    add_link(top, "null", "/dev/null");
    locked = fake_file(top, "locked", S_IFDIR | 0, "", 0);
    locked->error = -EACCES;
    fake_file(locked, "x", S_IFREG | 0644, "", 0);
    add_chain();
    add_depth();
    return 0;
}

int begin(void **state)
{
    (void)state;
    fake_9p_forget(&s);
    return 0;
}

/* After each test: no rule broken, no fid left but the two mounts' roots. */
int end(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev;
    s.order = FAKE_FIRST;
    for (int i = 0; i < 2; i++)
        assert_int_equal(vfs_getattr_path(NULL, "/host", 0, &attr, &dev), 0);
    while (s.npending)
        s.link.ops->wait(&s.link, 1);
    assert_int_equal(fake_9p_fids(&s), 2);
    if (s.violation)
        fail_msg("a rule was broken: %s", s.violation);
    return 0;
}

int stat_of(const char *path, u32 flags)
{
    struct attr attr;
    u64 dev;
    return vfs_getattr_path(NULL, path, flags, &attr, &dev);
}

u64 ino_of(const char *path)
{
    struct attr attr;
    u64 dev;
    int err = vfs_getattr_path(NULL, path, 0, &attr, &dev);
    if (err)
        fail_msg("%s: %d", path, err);
    return attr.qid.path;
}

int open_error(const char *path, u32 flags)
{
    struct file *f;
    int err = vfs_open(NULL, path, flags, 0, &f);
    if (err == 0)
        vfs_put(f);
    return err;
}

void leads_to(const struct file *at, const char *path, const char *canonical)
{
    struct file *f;
    int err = vfs_open(at, path, O_RDONLY, 0, &f);
    if (err)
        fail_msg("%s: %d", path, err);
    assert_string_equal(f->path, canonical);
    vfs_put(f);
}

bool list_name(void *listing, const struct dirent_info *e)
{
    struct listing *l = listing;
    if (l->n == l->room || l->n == ARRAY_LEN(l->names))
        return false;
    snprintf(l->names[l->n++], 32, "%.*s", (int)e->name.len, e->name.s);
    return true;
}

bool lists(const struct listing *l, const char *name)
{
    for (unsigned i = 0; i < l->n; i++)
        if (strcmp(l->names[i], name) == 0)
            return true;
    return false;
}
