/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_edit - what changes trees, and where relative paths start: over a file system in memory whose every call is watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "tmpfs.h"
#include "vfs.h"

/* ---- the watched file system: tmpfs, with a count of the nodes that it gave away, of what would change it, and with lies ---- */

static const struct fs_ops *real;
static struct fs spy, *tmpfs;
static struct node spy_root; /* for what others do to it behind our back */
static struct {
    int nodes;
    unsigned changes, creates, walks;
    bool hide;         /* walk finds nothing */
    bool other;        /* what is opened is another file by then */
    int create_answer; /* if not 0 */
} seen;

static void check_name(struct name name)
{
    if (name.len == 0 || name.len > VFS_NAME_MAX || memchr(name.s, '/', name.len) || memchr(name.s, 0, name.len))
        fail_msg("a bad name was sent");
    if (name.s[0] == '.' && (name.len == 1 || (name.len == 2 && name.s[1] == '.')))
        fail_msg("a name \".\" or \"..\" was sent");
}

static int spy_attach(struct fs *fs, struct node *root)
{
    return real->attach(fs, root);
}

static int spy_walk(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids)
{
    for (unsigned i = 0; i < n; i++)
        check_name(names[i]);
    seen.walks++;
    if (seen.hide && n)
        n--;
    int got = real->walk(from, names, n, out, qids);
    if (got == (int)n && seen.hide) {
        real->clunk(out);
        return got ? got : -ENOENT;
    }
    seen.nodes += got == (int)n;
    return got;
}

static void spy_clunk(struct node *node)
{
    seen.nodes--;
    real->clunk(node);
}

static int spy_create(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr)
{
    check_name(name);
    seen.changes++;
    seen.creates++;
    return seen.create_answer ? seen.create_answer : real->create(dir, name, flags, mode, attr);
}

static int spy_open(struct node *node, u32 flags, struct attr *attr)
{
    seen.changes += flags & O_TRUNC ? 1 : 0;
    int err = real->open(node, flags, attr);
    node->qid.path += seen.other;
    return err;
}

static int spy_mkdir(const struct node *dir, struct name name, u32 mode)
{
    check_name(name);
    seen.changes++;
    return real->mkdir(dir, name, mode);
}

static int spy_symlink(const struct node *dir, struct name name, const char *target, size_t len)
{
    check_name(name);
    seen.changes++;
    return real->symlink(dir, name, target, len);
}

static int spy_mknod(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor)
{
    check_name(name);
    seen.changes++;
    return real->mknod(dir, name, mode, major, minor);
}

static int spy_link(const struct node *dir, struct name name, const struct node *target)
{
    check_name(name);
    seen.changes++;
    return real->link(dir, name, target);
}

static int spy_rename(const struct node *from, struct name old_name, const struct node *to, struct name new_name)
{
    check_name(old_name);
    check_name(new_name);
    seen.changes++;
    return real->rename(from, old_name, to, new_name);
}

static int spy_unlink(const struct node *dir, struct name name, bool directory)
{
    check_name(name);
    seen.changes++;
    return real->unlink(dir, name, directory);
}

static int spy_setattr(struct node *node, const struct attr_change *change)
{
    seen.changes++;
    return real->setattr(node, change);
}

static int mount_all(void **state)
{
    (void)state;
    static struct fs_ops ops;
    assert_int_equal(tmpfs_init(), 0);
    tmpfs = vfs_find("tmpfs");
    real = tmpfs->ops;
    ops = *real;
    ops.attach = spy_attach;
    ops.walk = spy_walk;
    ops.clunk = spy_clunk;
    ops.open = spy_open;
    ops.create = spy_create;
    ops.mkdir = spy_mkdir;
    ops.symlink = spy_symlink;
    ops.mknod = spy_mknod;
    ops.link = spy_link;
    ops.rename = spy_rename;
    ops.unlink = spy_unlink;
    ops.setattr = spy_setattr;
    spy = (struct fs){.ops = &ops, .priv = tmpfs->priv, .tag = "spy"};
    assert_int_equal(vfs_mount(&spy, "/", 0), 0);
    assert_int_equal(vfs_mkdir(NULL, "/ro", 0755), 0);
    assert_int_equal(vfs_mkdir(NULL, "/other", 0755), 0);
    /* The same tree once more, where it must not change, and where it is another file system to programs. */
    assert_int_equal(vfs_mount(&spy, "/ro", MOUNT_READONLY), 0);
    assert_int_equal(vfs_mount(&spy, "/other", 0), 0);
    return real->attach(&spy, &spy_root);
}

static struct name name_of(const char *s)
{
    return (struct name){s, (u16)strlen(s)};
}

static struct file *must(const struct file *at, const char *path, u32 flags)
{
    struct file *f = NULL;
    int err = vfs_open(at, path, flags, 0644, &f);
    if (err)
        fail_msg("%s: %d", path, err);
    return f;
}

static int open_error(const struct file *at, const char *path, u32 flags)
{
    struct file *f;
    int err = vfs_open(at, path, flags, 0644, &f);
    if (err == 0)
        vfs_put(f);
    return err;
}

static u64 ino_of(const struct file *at, const char *path)
{
    struct attr a;
    u64 dev;
    return vfs_getattr_path(at, path, VFS_NOFOLLOW, &a, &dev) == 0 ? a.qid.path : 0;
}

static void make_file(const char *path, const char *text)
{
    struct file *f = must(NULL, path, O_CREAT | O_TRUNC | O_WRONLY);
    u8 *page = mem_new(PAGE_SIZE);
    memcpy(page, text, strlen(text));
    assert_int_equal(vfs_write(f, &(struct span){mem_phys(page), strlen(text)}, 1, 0), strlen(text));
    mem_delete(page, PAGE_SIZE);
    vfs_put(f);
}

static void make_dir(const char *path)
{
    assert_int_equal(vfs_mkdir(NULL, path, 0755), 0);
}

/* Each test has a directory "/t" of its own. */
static int begin(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    make_dir("/t");
    return 0;
}

static bool add(void *ctx, const struct dirent_info *e)
{
    char(*names)[16] = ctx;
    unsigned i = 0;
    while (i < 64 && names[i][0])
        i++;
    if (i < 64)
        snprintf(names[i], 16, "%.*s", (int)e->name.len, e->name.s);
    return i < 64;
}

static void wipe(struct file *at, const char *name)
{
    char names[65][16] = {0};
    struct file *d = must(at, name, O_DIRECTORY | O_NOFOLLOW);
    while (vfs_readdir(d, 4096, add, names) > 0)
        ;
    for (unsigned i = 2; names[i][0]; i++) {
        int err = vfs_unlink(d, names[i], false);
        if (err == -EISDIR)
            wipe(d, names[i]);
        else
            assert_int_equal(err, 0);
    }
    vfs_put(d);
    assert_int_equal(vfs_unlink(at, name, true), 0);
}

/* No node was lost. */
static int end(void **state)
{
    (void)state;
    wipe(NULL, "/t");
    assert_int_equal(seen.nodes, 0);
    return 0;
}

/* ---- where relative paths start ---- */

static void an_open_directory_is_found_whatever_its_name(void **state)
{
    (void)state;
    make_dir("/t/a");
    make_dir("/t/a/b");
    make_file("/t/a/b/f", "f");
    struct file *d = must(NULL, "/t/a/b", O_DIRECTORY);
    u64 ino = ino_of(NULL, "/t/a/b/f");
    /* Somebody else renames it, and puts another one in its place. */
    struct node t;
    struct qid qid;
    assert_int_equal(real->walk(&spy_root, &(struct name){"t", 1}, 1, &t, &qid), 1);
    assert_int_equal(real->rename(&t, name_of("a"), &t, name_of("moved")), 0);
    make_dir("/t/a");
    make_dir("/t/a/b");
    assert_int_equal(ino_of(d, "f"), ino);
    assert_int_equal(ino_of(NULL, "/t/a/b/f"), 0);
    assert_int_equal(vfs_mkdir(d, "new", 0755), 0);
    assert_int_not_equal(ino_of(NULL, "/t/moved/b/new"), 0);
    assert_int_equal(open_error(d, "made", O_CREAT | O_WRONLY), 0);
    assert_int_not_equal(ino_of(NULL, "/t/moved/b/made"), 0);
    assert_int_equal(vfs_rename(d, "f", d, "new/f", 0), 0);
    assert_int_equal(ino_of(NULL, "/t/moved/b/new/f"), ino);
    assert_int_equal(vfs_unlink(d, "new/f", false), 0);
    vfs_put(d);
    real->clunk(&t);
}

static void renames_take_open_paths_along(void **state)
{
    (void)state;
    make_dir("/t/a");
    make_dir("/t/a/b");
    make_dir("/t/ab");
    struct file *a = must(NULL, "/t/a", O_DIRECTORY), *b = must(a, "b", O_PATH), *ab = must(NULL, "/t/ab", O_DIRECTORY);
    assert_int_equal(vfs_rename(NULL, "/t/a", NULL, "/t/a/b/c", 0), -EINVAL);
    assert_string_equal(b->path, "/t/a/b");
    assert_int_equal(vfs_rename(NULL, "/t/a", NULL, "/t/much-longer", 0), 0);
    assert_string_equal(a->path, "/t/much-longer");
    assert_string_equal(b->path, "/t/much-longer/b");
    assert_string_equal(ab->path, "/t/ab");
    assert_int_equal(ino_of(b, "../../much-longer/b"), ino_of(b, "."));
    assert_int_equal(vfs_rename(b, "../../much-longer", b, "../../x", 0), 0);
    assert_string_equal(b->path, "/t/x/b");
    /* Over an empty directory, which is no more. */
    assert_int_equal(vfs_rename(NULL, "/t/x/b", NULL, "/t/ab", 0), 0);
    assert_string_equal(b->path, "/t/ab");
    assert_true(ab->removed && !b->removed);
    assert_int_equal(open_error(ab, "f", O_CREAT | O_WRONLY), -ENOENT);
    assert_int_equal(open_error(b, "f", O_CREAT | O_WRONLY), 0);
    /* On itself nothing happens. */
    assert_int_equal(vfs_rename(NULL, "/t/ab", NULL, "/t/ab", 0), 0);
    assert_false(b->removed);
    vfs_put(a);
    vfs_put(b);
    vfs_put(ab);
}

static void a_removed_directory_has_no_name(void **state)
{
    (void)state;
    make_dir("/t/d");
    struct file *d = must(NULL, "/t/d", O_PATH | O_DIRECTORY), *f;
    assert_int_equal(vfs_unlink(NULL, "/t/d", true), 0);
    assert_true(d->removed);
    make_dir("/t/d"); /* another one */
    make_file("/t/d/f", "f");
    assert_int_equal(ino_of(d, "f"), 0);
    assert_int_equal(open_error(d, "f", O_RDONLY), -ENOENT);
    assert_int_equal(open_error(d, "g", O_RDONLY | O_CREAT), -ENOENT);
    assert_int_equal(vfs_open(d, ".", O_PATH, 0, &f), 0);
    vfs_put(f);
    assert_int_equal(ino_of(d, ".."), ino_of(NULL, "/t"));
    vfs_put(d);
}

/* A path may have 4,095 bytes, wherever it starts. */
static void deeper_than_a_path_can_tell(void **state)
{
    (void)state;
    enum { STEPS = 30 };
    char name[256];
    memset(name, 'n', 250);
    name[250] = 0;
    struct file *at = must(NULL, "/t", O_PATH);
    for (unsigned i = 0; i < STEPS; i++) {
        assert_int_equal(vfs_mkdir(at, name, 0755), 0);
        struct file *next = must(at, name, O_PATH | O_DIRECTORY);
        vfs_put(at);
        at = next;
    }
    assert_true(strlen(at->path) > VFS_PATH_MAX);
    assert_int_equal(open_error(at, "f", O_CREAT | O_RDWR), 0);
    assert_int_equal(vfs_rename(at, "f", at, "g", 0), 0);
    assert_int_equal(vfs_unlink(at, "g", false), 0);
    /* Up and down again. */
    for (unsigned i = 0; i < STEPS; i++) {
        struct file *up = must(at, "..", O_PATH);
        assert_int_equal(vfs_unlink(up, name, true), 0);
        vfs_put(at);
        at = up;
    }
    assert_string_equal(at->path, "/t");
    /* Without an end: an error, and nothing is overwritten. */
    int err = 0;
    unsigned made = 0;
    while (err == 0 && made < 100) {
        struct file *next;
        err = vfs_mkdir(at, name, 0755);
        if (err == 0 && (err = vfs_open(at, name, O_PATH, 0, &next)) == 0) {
            vfs_put(at);
            at = next;
        }
        made++;
    }
    assert_int_equal(err, -ENAMETOOLONG);
    /* A name higher up that grows takes the path beyond what can be looked up. */
    char grown[256];
    memset(grown, 'm', 255);
    grown[255] = 0;
    struct file *t = must(NULL, "/t", O_PATH);
    assert_int_equal(vfs_rename(t, name, t, grown, 0), 0);
    assert_int_equal(vfs_rename(t, grown, t, name, 0), 0);
    vfs_put(t);
    for (;;) {
        vfs_unlink(at, name, true);
        if (strcmp(at->path, "/t") == 0)
            break;
        struct file *up = must(at, "..", O_PATH);
        vfs_put(at);
        at = up;
    }
    vfs_put(at);
}

static void an_empty_path_is_the_file_itself(void **state)
{
    (void)state;
    make_file("/t/f", "text");
    struct file *f = must(NULL, "/t/f", O_RDONLY);
    struct attr a;
    u64 dev;
    assert_int_equal(vfs_getattr_path(f, "", 0, &a, &dev), -ENOENT);
    assert_int_equal(vfs_getattr_path(f, "", VFS_EMPTY, &a, &dev), 0);
    assert_int_equal(a.qid.path, ino_of(NULL, "/t/f"));
    assert_int_equal(vfs_link(f, "", NULL, "/t/g", VFS_EMPTY), 0);
    assert_int_equal(ino_of(NULL, "/t/g"), a.qid.path);
    assert_int_equal(vfs_getattr_path(f, "x", VFS_EMPTY, &a, &dev), -ENOTDIR);
    vfs_put(f);
}

/* ---- making ---- */

static void links_to_what_is_not_there(void **state)
{
    (void)state;
    vfs_symlink("new", NULL, "/t/l");
    vfs_symlink("l", NULL, "/t/ll");
    vfs_symlink("nowhere/new", NULL, "/t/deep");
    vfs_symlink("loop", NULL, "/t/loop");
    vfs_symlink("dir/", NULL, "/t/slash");
    assert_int_equal(open_error(NULL, "/t/l", O_CREAT | O_EXCL | O_WRONLY), -EEXIST);
    assert_int_equal(open_error(NULL, "/t/l", O_CREAT | O_NOFOLLOW | O_WRONLY), -ELOOP);
    assert_int_equal(ino_of(NULL, "/t/new"), 0);
    assert_int_equal(open_error(NULL, "/t/ll", O_CREAT | O_WRONLY), 0);
    assert_int_not_equal(ino_of(NULL, "/t/new"), 0);
    assert_int_equal(open_error(NULL, "/t/deep", O_CREAT | O_WRONLY), -ENOENT);
    assert_int_equal(open_error(NULL, "/t/loop", O_CREAT | O_WRONLY), -ELOOP);
    assert_int_equal(open_error(NULL, "/t/slash", O_CREAT | O_WRONLY), -EISDIR);
    static const struct {
        const char *path;
        int mkdir, mknod;
    } rows[] = {
        {"/t/l", -EEXIST, -EEXIST},      {"/t/loop", -EEXIST, -EEXIST},    {"/t/deep/", -EEXIST, -EEXIST},
        {"/t/nope/x", -ENOENT, -ENOENT}, {"/t/new/x", -ENOTDIR, -ENOTDIR}, {"/", -EEXIST, -EEXIST},
        {"/t/.", -EEXIST, -EEXIST},      {"/t/..", -EEXIST, -EEXIST},      {"/t/y/", 0, -EEXIST},
        {"/t/z/", 0, -EEXIST},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(vfs_mkdir(NULL, rows[i].path, 0755), rows[i].mkdir);
        assert_int_equal(vfs_mknod(NULL, rows[i].path, S_IFREG | 0644, 0, 0), rows[i].mknod);
    }
    assert_int_equal(vfs_mknod(NULL, "/t/none/", S_IFREG | 0644, 0, 0), -ENOENT);
    assert_int_equal(vfs_symlink("x", NULL, "/t/none/"), -ENOENT);
    assert_int_equal(vfs_symlink("", NULL, "/t/none"), -ENOENT);
}

/* A server that says that a name is there and then that it is not, for ever. */
static void a_server_that_contradicts_itself(void **state)
{
    (void)state;
    seen.create_answer = -EEXIST;
    assert_int_equal(open_error(NULL, "/t/f", O_CREAT | O_WRONLY), -EEXIST);
    assert_true(seen.creates > 1 && seen.creates <= 16);
    seen.creates = 0;
    assert_int_equal(open_error(NULL, "/t/f", O_CREAT | O_EXCL | O_WRONLY), -EEXIST);
    assert_int_equal(seen.creates, 1);
    seen.create_answer = -ENOENT;
    assert_int_equal(open_error(NULL, "/t/f", O_CREAT | O_WRONLY), -ENOENT);
    seen.create_answer = 0;
    make_file("/t/there", "x");
    seen.hide = true; /* what is there is not found, and cannot be made */
    seen.creates = 0;
    assert_true(open_error(NULL, "/t/there", O_CREAT | O_WRONLY) < 0);
    assert_true(seen.creates <= 16);
    seen.hide = false;
}

/* ---- mounts ---- */

static void a_read_only_mount_sends_nothing(void **state)
{
    (void)state;
    make_file("/t/f", "keep");
    make_dir("/t/d");
    struct file *f = must(NULL, "/ro/t/f", O_RDONLY), *d = must(NULL, "/ro/t", O_DIRECTORY);
    struct attr_change c = {.valid = CHANGE_MODE, .mode = 0}, size = {.valid = CHANGE_SIZE};
    seen.changes = 0;
    static const struct {
        u32 flags;
        int error;
    } opens[] = {{O_RDONLY, 0},
                 {O_WRONLY, -EROFS},
                 {O_RDWR, -EROFS},
                 {O_RDONLY | O_TRUNC, -EROFS},
                 {O_RDONLY | O_CREAT, 0},
                 {O_CREAT | O_EXCL, -EEXIST},
                 {O_WRONLY | O_APPEND, -EROFS},
                 {O_PATH | O_WRONLY | O_TRUNC, 0}};
    for (unsigned i = 0; i < ARRAY_LEN(opens); i++)
        assert_int_equal(open_error(d, "f", opens[i].flags), opens[i].error);
    assert_int_equal(open_error(d, "new", O_CREAT | O_WRONLY), -EROFS);
    assert_int_equal(vfs_mkdir(d, "new", 0755), -EROFS);
    assert_int_equal(vfs_mkdir(d, "d", 0755), -EEXIST);
    assert_int_equal(vfs_mknod(d, "new", S_IFREG, 0, 0), -EROFS);
    assert_int_equal(vfs_symlink("x", d, "new"), -EROFS);
    assert_int_equal(vfs_link(d, "f", d, "new", 0), -EROFS);
    assert_int_equal(vfs_link(d, "f", d, "d", 0), -EEXIST);
    assert_int_equal(vfs_rename(d, "f", d, "new", 0), -EROFS);
    assert_int_equal(vfs_rename(d, "nope", d, "new", 0), -EROFS);
    assert_int_equal(vfs_unlink(d, "f", false), -EROFS);
    assert_int_equal(vfs_unlink(d, "nope", false), -EROFS);
    assert_int_equal(vfs_unlink(d, "d", true), -EROFS);
    assert_int_equal(vfs_change_path(d, "f", 0, &c), -EROFS);
    assert_int_equal(vfs_change_path(d, "f", 0, &size), -EROFS);
    assert_int_equal(vfs_change_path(d, "d", 0, &size), -EISDIR);
    assert_int_equal(vfs_change(f, &c), -EROFS);
    assert_int_equal(vfs_setxattr(f, NULL, NULL, 0, "user.x", "v", 1, 0), -EROFS);
    assert_int_equal(vfs_access(d, "f", 0, VFS_WRITE), -EROFS);
    assert_int_equal(seen.changes, 0);
    vfs_put(f);
    vfs_put(d);
}

static void nothing_goes_from_mount_to_mount(void **state)
{
    (void)state;
    make_file("/t/f", "x");
    make_dir("/t/d");
    seen.changes = 0;
    assert_int_equal(vfs_rename(NULL, "/t/f", NULL, "/other/t/g", 0), -EXDEV);
    assert_int_equal(vfs_rename(NULL, "/t/f", NULL, "/other/t/.", 0), -EXDEV);
    assert_int_equal(vfs_rename(NULL, "/t/nope", NULL, "/ro/t/g", 0), -EXDEV);
    assert_int_equal(vfs_link(NULL, "/t/f", NULL, "/other/t/g", 0), -EXDEV);
    assert_int_equal(vfs_link(NULL, "/t/f", NULL, "/other/t/f", 0), -EEXIST);
    assert_int_equal(vfs_link(NULL, "/t/d", NULL, "/other/t/g", 0), -EXDEV);
    assert_int_equal(vfs_link(NULL, "/t/nope", NULL, "/other/t/f", 0), -ENOENT);
    assert_int_equal(seen.changes, 0);
    struct attr a, b;
    u64 dev, other;
    vfs_getattr_path(NULL, "/t/f", 0, &a, &dev);
    vfs_getattr_path(NULL, "/other/t/f", 0, &b, &other);
    assert_int_equal(a.qid.path, b.qid.path);
    assert_int_not_equal(dev, other);
}

static void mount_points_stay(void **state)
{
    (void)state;
    make_file("/t/f", "x");
    make_dir("/t/d");
    seen.changes = 0;
    assert_int_equal(vfs_unlink(NULL, "/other", true), -EBUSY);
    assert_int_equal(vfs_unlink(NULL, "/other", false), -EISDIR);
    assert_int_equal(vfs_rename(NULL, "/other", NULL, "/t/x", 0), -EBUSY);
    assert_int_equal(vfs_rename(NULL, "/t/d", NULL, "/other", 0), -EBUSY);
    assert_int_equal(vfs_rename(NULL, "/t/f", NULL, "/other", 0), -EISDIR);
    assert_int_equal(vfs_mkdir(NULL, "/other", 0755), -EEXIST);
    assert_int_equal(vfs_unlink(NULL, "/", true), -EBUSY);
    assert_int_equal(vfs_unlink(NULL, "/other/", true), -EBUSY);
    assert_int_equal(seen.changes, 0);
}

/* ---- removing, names that are none ---- */

static void names_that_are_none(void **state)
{
    (void)state;
    make_file("/t/f", "x");
    make_dir("/t/d");
    vfs_symlink("d", NULL, "/t/l");
    static const struct {
        const char *path;
        int unlink, rmdir;
    } rows[] = {
        {"/", -EISDIR, -EBUSY},         {"/t/.", -EISDIR, -EINVAL},      {"/t/..", -EISDIR, -ENOTEMPTY},
        {"/t/d/./", -EISDIR, -EINVAL},  {"/t/f/", -ENOTDIR, -ENOTDIR},   {"/t/d/", -EISDIR, 1},
        {"/t/l/", -ENOTDIR, -ENOTDIR},  {"/t/nope/", -ENOENT, -ENOENT},  {"/t/f/x", -ENOTDIR, -ENOTDIR},
        {"/t/f/.", -ENOTDIR, -ENOTDIR}, {"/t/nope/.", -ENOENT, -ENOENT}, {"", -ENOENT, -ENOENT},
        {"/t", -EISDIR, -ENOTEMPTY},    {"/t/f", 1, -ENOTDIR},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].unlink <= 0 && vfs_unlink(NULL, rows[i].path, false) != rows[i].unlink)
            fail_msg("unlink of \"%s\" is not %d", rows[i].path, rows[i].unlink);
        if (rows[i].rmdir <= 0 && vfs_unlink(NULL, rows[i].path, true) != rows[i].rmdir)
            fail_msg("rmdir of \"%s\" is not %d", rows[i].path, rows[i].rmdir);
    }
}

/* ---- attributes and positions ---- */

static void trunc_needs_no_right_to_write(void **state)
{
    (void)state;
    make_file("/t/f", "some text");
    struct file *f = must(NULL, "/t/f", O_RDONLY | O_TRUNC);
    struct attr a;
    u64 dev;
    assert_int_equal(vfs_getattr(f, &a, &dev), 0);
    assert_int_equal(a.size, 0);
    vfs_put(f);
}

static s64 put(struct file *f, u64 len, u64 offset)
{
    static u8 *page;
    if (!page)
        page = mem_new(PAGE_SIZE);
    return vfs_write(f, &(struct span){mem_phys(page), len}, 1, offset);
}

/* What is appended puts the position behind it, whatever comes later by other ways. */
static void positions_behind_what_was_appended(void **state)
{
    (void)state;
    struct file *a = must(NULL, "/t/f", O_CREAT | O_WRONLY | O_APPEND), *b = must(NULL, "/t/f", O_WRONLY | O_APPEND),
                *w = must(NULL, "/t/f", O_WRONLY);
    assert_int_equal(put(a, 10, VFS_CURRENT), 10);
    assert_int_equal(put(b, 5, VFS_CURRENT), 5);
    assert_int_equal(vfs_seek(a, 0, 1), 10);
    assert_int_equal(put(w, 1, 99), 1);
    assert_int_equal(vfs_seek(b, 0, 1), 15);
    assert_int_equal(put(a, 1, VFS_CURRENT), 1);
    assert_int_equal(vfs_change_path(NULL, "/t/f", 0, &(struct attr_change){.valid = CHANGE_SIZE, .size = 3}), 0);
    assert_int_equal(vfs_seek(a, 0, 1), 101);
    assert_int_equal(put(a, 2, 0), 2); /* pwrite() appends too, and moves no position */
    assert_int_equal(vfs_seek(a, 0, 1), 101);
    assert_int_equal(vfs_seek(a, 0, 2), 5);
    assert_int_equal(put(a, 2, VFS_CURRENT), 2);
    assert_int_equal(put(a, 2, 0), 2);
    assert_int_equal(vfs_seek(a, 0, 1), 7);
    assert_int_equal(put(a, 2, VFS_CURRENT), 2);
    vfs_put(must(NULL, "/t/f", O_CREAT | O_WRONLY | O_TRUNC));
    assert_int_equal(vfs_seek(a, 0, 1), 11);
    assert_int_equal(put(a, 3, VFS_CURRENT), 3);
    vfs_put(must(NULL, "/t/f", O_RDONLY | O_TRUNC));
    assert_int_equal(vfs_seek(a, 0, 1), 3);
    vfs_put(a);
    vfs_put(b);
    vfs_put(w);
}

/* A file is opened once more when it is not to append any longer: if that leads to another one, it stays what it was, with its locks. */
static void a_file_does_not_become_another_one(void **state)
{
    (void)state;
    make_file("/t/f", "x");
    struct file *a = must(NULL, "/t/f", O_RDWR | O_APPEND), *b = must(NULL, "/t/f", O_RDWR);
    u64 object = a->node.qid.path;
    a->appends = true; /* as if its server did */
    seen.other = true;
    assert_int_equal(vfs_set_flags(a, O_RDWR), -ESTALE);
    seen.other = false;
    assert_int_equal(a->node.qid.path, object);
    assert_true(a->flags & O_APPEND);
    assert_int_equal(vfs_set_flags(a, O_RDWR), 0);
    assert_false(a->flags & O_APPEND);
    vfs_put(a);
    vfs_put(b);
}

static void no_attributes_with_names_here(void **state)
{
    (void)state;
    make_file("/t/f", "x");
    char value[8];
    assert_int_equal(vfs_getxattr(NULL, NULL, "/t/f", 0, "user.x", value, 8), -EOPNOTSUPP);
    assert_int_equal(vfs_getxattr(NULL, NULL, "/t/f", 0, "", value, 8), 0);
    assert_int_equal(vfs_setxattr(NULL, NULL, "/t/f", 0, "user.x", "v", 1, 0), -EOPNOTSUPP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(an_open_directory_is_found_whatever_its_name),
        T(renames_take_open_paths_along),
        T(a_removed_directory_has_no_name),
        T(deeper_than_a_path_can_tell),
        T(an_empty_path_is_the_file_itself),
        T(links_to_what_is_not_there),
        T(a_server_that_contradicts_itself),
        T(a_read_only_mount_sends_nothing),
        T(nothing_goes_from_mount_to_mount),
        T(mount_points_stay),
        T(names_that_are_none),
        T(trunc_needs_no_right_to_write),
        T(positions_behind_what_was_appended),
        T(a_file_does_not_become_another_one),
        T(no_attributes_with_names_here),
    };
    return cmocka_run_group_tests(tests, mount_all, NULL);
}
