/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tmpfs - files in memory: bytes against a model, names, times, and memory that runs out. */
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
#include "time.h"
#include "tmpfs.h"
#include "vfs.h"

static u8 *page; /* the programs' memory: PAGES pages */
enum { PAGES = 16, ROOM = PAGES * PAGE_SIZE };
static u64 free_at_start;

/* ---- helpers ---- */

static struct attr attr_of(const char *path)
{
    struct attr a = {0};
    u64 dev;
    int err = vfs_getattr_path(NULL, path, VFS_NOFOLLOW, &a, &dev);
    if (err)
        fail_msg("%s: %d", path, err);
    return a;
}

static int mount_it(void **state)
{
    (void)state;
    assert_int_equal(tmpfs_init(), 0);
    assert_int_equal(vfs_mount(vfs_find("tmpfs"), "/", 0), 0);
    page = mem_new(ROOM);
    attr_of("/"); /* the first look-up takes memory that all others use */
    return 0;
}

static struct file *must(const char *path, u32 flags)
{
    struct file *f = NULL;
    int err = vfs_open(NULL, path, flags, 0644, &f);
    if (err)
        fail_msg("%s: %d", path, err);
    return f;
}

static s64 put(struct file *f, const void *bytes, u64 len, u64 offset)
{
    memcpy(page, bytes, len);
    return vfs_write(f, &(struct span){mem_phys(page), len}, 1, offset);
}

static s64 get(struct file *f, u64 len, u64 offset)
{
    memset(page, 0xee, ROOM);
    return vfs_read(f, &(struct span){mem_phys(page), len}, 1, offset);
}

static int exists(const char *path)
{
    struct attr a;
    u64 dev;
    return vfs_getattr_path(NULL, path, VFS_NOFOLLOW, &a, &dev);
}

static int make_file(const char *path)
{
    struct file *f;
    int err = vfs_open(NULL, path, O_CREAT | O_EXCL | O_WRONLY, 0644, &f);
    if (err == 0)
        vfs_put(f);
    return err;
}

static int resize(struct file *f, u64 size)
{
    return vfs_change(f, &(struct attr_change){.valid = CHANGE_SIZE, .size = size});
}

struct list {
    unsigned n, room;
    char names[600][16];
};

static bool add(void *ctx, const struct dirent_info *e)
{
    struct list *l = ctx;
    if (l->n == l->room)
        return false;
    snprintf(l->names[l->n++], 16, "%.*s", (int)e->name.len, e->name.s);
    return true;
}

static unsigned count(const struct list *l, const char *name)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++)
        n += strcmp(l->names[i], name) == 0;
    return n;
}

/* Removes all that is below "/". */
static void wipe(const char *path)
{
    static struct list l;
    for (;;) {
        struct file *d = must(path, O_DIRECTORY);
        l.n = 0;
        l.room = 3;
        while (l.n < 3 && vfs_readdir(d, 4096, add, &l) > 0)
            ;
        vfs_put(d);
        if (l.n < 3)
            return;
        char name[256];
        snprintf(name, sizeof name, "%s/%s", path[1] ? path : "", l.names[2]);
        if ((attr_of(name).mode & S_IFMT) == S_IFDIR) {
            wipe(name);
            assert_int_equal(vfs_unlink(NULL, name, true), 0);
            continue;
        }
        assert_int_equal(vfs_unlink(NULL, name, false), 0);
    }
}

/* One of everything: how many steps went wrong for want of memory. */
static int one_of_everything(void)
{
    struct file *f = NULL;
    int errors = 0, err[8];
    err[0] = vfs_mkdir(NULL, "/d", 0755);
    err[1] = vfs_open(NULL, "/d/f", O_CREAT | O_RDWR, 0644, &f);
    err[2] = vfs_symlink("somewhere", NULL, "/d/l");
    err[3] = vfs_mknod(NULL, "/d/fifo", S_IFIFO | 0644, 0, 0);
    err[4] = vfs_link(NULL, "/d/f", NULL, "/hard", 0);
    err[5] = err[6] = err[7] = 0;
    if (err[1] == 0) {
        s64 got = put(f, "x", 1, 5ull << 40);
        err[5] = (int)MIN(got, 0);
        assert_int_equal(attr_of("/d/f").size, got == 1 ? (5ull << 40) + 1 : 0);
        err[6] = vfs_rename(NULL, "/d/f", NULL, "/renamed", 0);
        assert_int_equal(exists("/d/f") == 0, err[6] < 0);
        vfs_put(f);
    }
    err[7] = vfs_mkdir(NULL, "/another", 0755);
    for (unsigned i = 0; i < 8; i++) {
        bool follows = err[0] < 0 || err[1] < 0; /* ENOENT below what could not be made */
        if (err[i] != 0 && err[i] != -ENOSPC && err[i] != -ENOMEM && !(follows && err[i] == -ENOENT))
            fail_msg("step %u: %d", i, err[i]);
        errors += err[i] != 0;
    }
    return errors;
}

static int begin(void **state)
{
    (void)state;
    free_at_start = mem_free_count();
    return 0;
}

/* Nothing is left and nothing is lost. */
static int end(void **state)
{
    (void)state;
    wipe("/");
    struct attr a = attr_of("/");
    assert_int_equal(a.nlink, 2);
    assert_int_equal(a.size, 40);
    assert_int_equal(mem_free_count(), free_at_start);
    return 0;
}

/* ---- bytes ---- */

static u32 seed = 7;
static u32 next(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Writes, truncations and reads of every alignment in a window that starts at `base`. */
static void window(u64 base)
{
    enum { WINDOW = 12 * PAGE_SIZE };
    static u8 model[WINDOW], bytes[WINDOW];
    struct file *f = must("/f", O_CREAT | O_RDWR);
    u64 size = 0;
    memset(model, 0, WINDOW);
    for (unsigned k = 0; k < 3000; k++) {
        u64 at = next() % WINDOW, len = next() % MIN(WINDOW - at, next() % 8 ? 300ul : 3ul * PAGE_SIZE) + 1;
        len = MIN(len, WINDOW - at);
        switch (next() % 4) {
        case 0:
        case 1:
            for (u64 i = 0; i < len; i++)
                bytes[i] = (u8)next();
            assert_int_equal(put(f, bytes, len, base + at), len);
            memcpy(model + at, bytes, len);
            size = MAX(size, at + len);
            break;
        case 2:
            assert_int_equal(resize(f, base + at), 0);
            memset(model + at, 0, WINDOW - at);
            size = at;
            break;
        default:
            assert_int_equal(get(f, len, base + at), at < size ? MIN(len, size - at) : 0);
            assert_memory_equal(page, model + at, at < size ? MIN(len, size - at) : 0);
        }
        assert_int_equal(attr_of("/f").size, size || base ? base + size : 0);
    }
    vfs_put(f);
    assert_int_equal(vfs_unlink(NULL, "/f", false), 0);
}

static void bytes_against_a_model(void **state)
{
    (void)state;
    static const u64 bases[] = {0, 511 * PAGE_SIZE, (1ull << 30) - 3, 1ull << 40, INT64_MAX - 12 * PAGE_SIZE};
    for (unsigned i = 0; i < ARRAY_LEN(bases); i++) {
        struct file *f = must("/f", O_CREAT | O_RDWR);
        assert_int_equal(resize(f, bases[i]), 0);
        vfs_put(f);
        window(bases[i]);
    }
}

static void the_largest_file_costs_a_few_pages(void **state)
{
    (void)state;
    struct file *f = must("/f", O_CREAT | O_RDWR);
    assert_int_equal(put(f, "x", 1, INT64_MAX - 1), 1);
    assert_int_equal(put(f, "a", 1, 0), 1);
    struct attr a = attr_of("/f");
    assert_int_equal(a.size, INT64_MAX);
    assert_int_equal(a.blocks, 16);
    assert_true(free_at_start - mem_free_count() < 20);
    assert_int_equal(get(f, 10, INT64_MAX - 1), -EINVAL); /* the end of the range would be negative */
    assert_int_equal(get(f, 1, INT64_MAX - 1), 1);
    assert_int_equal(page[0], 'x');
    assert_int_equal(get(f, 4, 1ull << 50), 4);
    assert_memory_equal(page, "\0\0\0\0", 4);
    assert_int_equal(put(f, "xy", 1, INT64_MAX), -EINVAL);
    assert_int_equal(vfs_seek(f, 0, 2), INT64_MAX);
    assert_int_equal(put(f, "x", 1, VFS_CURRENT), -EINVAL);
    assert_int_equal(resize(f, 1), 0);
    assert_int_equal(attr_of("/f").blocks, 8);
    assert_int_equal(get(f, 10, 0), 1);
    vfs_put(f);
}

static void a_removed_file_lives_until_it_is_closed(void **state)
{
    (void)state;
    struct file *f = must("/f", O_CREAT | O_RDWR), *same = must("/f", O_RDONLY);
    struct attr a;
    u64 dev;
    assert_int_equal(put(f, "hello", 5, 0), 5);
    assert_int_equal(vfs_unlink(NULL, "/f", false), 0);
    assert_int_equal(exists("/f"), -ENOENT);
    assert_int_equal(vfs_getattr(f, &a, &dev), 0);
    assert_int_equal(a.nlink, 0);
    assert_int_equal(put(f, "J", 1, 0), 1);
    vfs_put(f);
    assert_int_equal(get(same, 9, 0), 5);
    assert_memory_equal(page, "Jello", 5);
    assert_int_equal(vfs_link(same, "", NULL, "/g", VFS_EMPTY), -ENOENT);
    vfs_put(same);
    struct file *old = must("/a", O_CREAT | O_RDWR);
    assert_int_equal(put(old, "old", 3, 0), 3);
    assert_int_equal(make_file("/b"), 0);
    assert_int_equal(vfs_rename(NULL, "/b", NULL, "/a", 0), 0);
    assert_int_equal(get(old, 9, 0), 3);
    assert_int_equal(attr_of("/a").size, 0);
    vfs_put(old);
}

/* ---- names ---- */

static void links_of_directories(void **state)
{
    (void)state;
    assert_int_equal(vfs_mkdir(NULL, "/d", 0750), 0);
    assert_int_equal(vfs_mkdir(NULL, "/d/e", 0700), 0);
    assert_int_equal(vfs_mkdir(NULL, "/d/f", 0700), 0);
    assert_int_equal(make_file("/d/g"), 0);
    struct attr a = attr_of("/d");
    assert_int_equal(a.nlink, 4);
    assert_int_equal(a.size, 40 + 3 * 20);
    assert_int_equal(a.mode, S_IFDIR | 0750);
    assert_int_equal(vfs_rename(NULL, "/d/e", NULL, "/e", 0), 0);
    assert_int_equal(attr_of("/d").nlink, 3);
    assert_int_equal(attr_of("/e").nlink, 2);
    assert_int_equal(attr_of("/").nlink, 4);
    assert_int_equal(vfs_rename(NULL, "/e", NULL, "/d/f", 0), 0); /* over an empty directory */
    assert_int_equal(attr_of("/d").nlink, 3);
    assert_int_equal(attr_of("/").nlink, 3);
    assert_int_equal(vfs_rename(NULL, "/d/f", NULL, "/d/h", 0), 0);
    assert_int_equal(attr_of("/d").nlink, 3);
    assert_int_equal(attr_of("/d").size, 40 + 2 * 20);
}

static void renames_that_fail(void **state)
{
    (void)state;
    vfs_mkdir(NULL, "/d", 0755);
    vfs_mkdir(NULL, "/d/e", 0755);
    vfs_mkdir(NULL, "/empty", 0755);
    make_file("/f");
    vfs_link(NULL, "/f", NULL, "/g", 0);
    static const struct {
        const char *from, *to;
        int error;
    } rows[] = {
        {"/nope", "/x", -ENOENT},
        {"/f", "/nope/x", -ENOENT},
        {"/f", "/d", -EISDIR},
        {"/d", "/f", -ENOTDIR},
        {"/d", "/d/e/x", -EINVAL},
        {"/d", "/d/e", -EINVAL},
        {"/d/e", "/d", -ENOTEMPTY},
        {"/empty", "/d", -ENOTEMPTY},
        {"/f", "/f", 0},
        {"/d", "/d", 0},
        {"/f", "/g", 0},
        {"/f/", "/x", -ENOTDIR},
        {"/f", "/x/", -ENOTDIR},
        {"/", "/x", -EBUSY},
        {"/d/.", "/x", -EBUSY},
        {"/f", "/d/..", -EBUSY},
        {"/nope/", "/x", -ENOENT},
        {"/d/nope", "/d", -ENOENT},
        {"/f", "/f/x", -ENOTDIR},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        if (vfs_rename(NULL, rows[i].from, NULL, rows[i].to, 0) != rows[i].error)
            fail_msg("%s to %s: not %d", rows[i].from, rows[i].to, rows[i].error);
    assert_int_equal(attr_of("/f").nlink, 2); /* two names of one file: nothing happens */
    assert_int_equal(exists("/g"), 0);
    assert_int_equal(vfs_rename(NULL, "/f", NULL, "/g", RENAME_NOREPLACE), -EEXIST);
    assert_int_equal(vfs_rename(NULL, "/f", NULL, "/new", RENAME_NOREPLACE), 0);
}

static void a_removed_directory(void **state)
{
    (void)state;
    vfs_mkdir(NULL, "/d", 0755);
    struct file *d = must("/d", O_DIRECTORY), *f;
    assert_int_equal(vfs_unlink(NULL, "/d", false), -EISDIR);
    assert_int_equal(vfs_unlink(NULL, "/d", true), 0);
    assert_true(d->removed);
    assert_int_equal(vfs_open(d, "x", O_CREAT | O_RDWR, 0644, &f), -ENOENT);
    assert_int_equal(vfs_mkdir(d, "x", 0755), -ENOENT);
    assert_int_equal(vfs_symlink("x", d, "y"), -ENOENT);
    assert_int_equal(vfs_readdir(d, 4096, add, &(struct list){.room = 9}), -ENOENT);
    struct attr a;
    u64 dev;
    assert_int_equal(vfs_getattr(d, &a, &dev), 0);
    assert_int_equal(a.nlink, 0);
    make_file("/f");
    assert_int_equal(vfs_rename(NULL, "/f", d, "f", 0), -ENOENT);
    assert_int_equal(vfs_link(NULL, "/f", d, "f", 0), -ENOENT);
    vfs_put(d);
}

static void names_that_stay_are_listed_once(void **state)
{
    (void)state;
    enum { MANY = 500 };
    static struct list l;
    char name[16], other[16];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "/%s%u", i % 3 ? "gone" : "stays", i);
        assert_int_equal(make_file(name), 0);
    }
    struct file *d = must("/", O_DIRECTORY);
    l.n = 0;
    unsigned gone = 0;
    for (l.room = 7;; l.room += 7) { /* seven entries, then some names go, some come, some change */
        int got = vfs_readdir(d, 4096, add, &l);
        assert_true(got >= 0);
        if (got == 0)
            break;
        for (unsigned k = 0; k < 12 && gone < MANY; gone++) {
            snprintf(name, sizeof name, "/gone%u", (gone * 7) % MANY);
            snprintf(other, sizeof other, "/new%u", gone);
            if (exists(name) == 0) {
                k++;
                assert_int_equal(gone % 2 ? vfs_unlink(NULL, name, false) : vfs_rename(NULL, name, NULL, other, 0), 0);
            }
        }
        assert_true(l.room < 590);
    }
    for (unsigned i = 0; i < MANY; i += 3) {
        snprintf(name, sizeof name, "stays%u", i);
        assert_int_equal(count(&l, name), 1);
    }
    assert_int_equal(count(&l, "."), 1);
    assert_int_equal(count(&l, ".."), 1);
    vfs_put(d);
}

static void links_and_devices(void **state)
{
    (void)state;
    char buf[8];
    assert_int_equal(vfs_symlink("target", NULL, "/l"), 0);
    assert_int_equal(attr_of("/l").size, 6);
    assert_int_equal(attr_of("/l").mode, S_IFLNK | 0777);
    assert_int_equal(vfs_readlink(NULL, "/l", buf, sizeof buf), 6);
    assert_memory_equal(buf, "target", 6);
    struct file *f = must("/l", O_CREAT | O_RDWR); /* makes what the link leads to */
    vfs_put(f);
    assert_int_equal(exists("/target"), 0);
    assert_int_equal(vfs_mknod(NULL, "/null", S_IFCHR | 0666, 1, 3), 0);
    assert_int_equal(attr_of("/null").rdev_minor, 3);
    assert_int_equal(vfs_open(NULL, "/null", O_RDWR, 0, &f), -ENXIO);
    assert_int_equal(vfs_change_path(NULL, "/null", 0, &(struct attr_change){.valid = CHANGE_SIZE}), -EINVAL);
    assert_int_equal(vfs_link(NULL, "/l", NULL, "/l2", VFS_NOFOLLOW), 0);
    assert_int_equal(attr_of("/l2").nlink, 2);
    assert_int_equal(vfs_mkdir(NULL, "/d", 0755), 0);
    assert_int_equal(vfs_link(NULL, "/d", NULL, "/d2", 0), -EPERM);
    assert_int_equal(vfs_link(NULL, "/d", NULL, "/l", 0), -EEXIST);
    assert_int_equal(vfs_link(NULL, "/nope", NULL, "/l", 0), -ENOENT);
}

/* ---- attributes ---- */

static void owners_and_modes(void **state)
{
    (void)state;
    make_file("/f");
    vfs_change_path(NULL, "/f", 0, &(struct attr_change){.valid = CHANGE_MODE, .mode = 06775});
    assert_int_equal(attr_of("/f").mode, S_IFREG | 06775);
    vfs_change_path(NULL, "/f", 0, &(struct attr_change){.valid = CHANGE_UID, .uid = 5});
    assert_int_equal(attr_of("/f").mode, S_IFREG | 0775);
    assert_int_equal(attr_of("/f").uid, 5);
    vfs_mkdir(NULL, "/d", 0755);
    vfs_change_path(NULL, "/d", 0, &(struct attr_change){.valid = CHANGE_MODE | CHANGE_GID, .mode = 02775, .gid = 9});
    make_file("/d/f");
    vfs_mkdir(NULL, "/d/e", 0755);
    assert_int_equal(attr_of("/d/f").gid, 9);
    assert_int_equal(attr_of("/d/f").mode, S_IFREG | 0644);
    assert_int_equal(attr_of("/d/e").gid, 9);
    assert_int_equal(attr_of("/d/e").mode, S_IFDIR | 02755);
}

static bool newer(struct timestamp a, struct timestamp b)
{
    return a.sec > b.sec || (a.sec == b.sec && a.nsec > b.nsec);
}

static void later(void)
{
    time_sleep(1000000);
}

static void times(void **state)
{
    (void)state;
    struct file *f = must("/f", O_CREAT | O_RDWR);
    put(f, "abc", 3, 0);
    struct attr a = attr_of("/f"), b;
    later();
    get(f, 3, 0); /* the first read after a change */
    b = attr_of("/f");
    assert_true(newer(b.atime, a.atime) && !newer(b.mtime, a.mtime) && !newer(b.ctime, a.ctime));
    later();
    get(f, 3, 0);
    assert_false(newer(attr_of("/f").atime, b.atime));
    put(f, "x", 0, 0);
    assert_false(newer(attr_of("/f").mtime, b.mtime));
    put(f, "x", 1, 0);
    a = attr_of("/f");
    assert_true(newer(a.mtime, b.mtime) && newer(a.ctime, b.ctime));
    later();
    vfs_change(f, &(struct attr_change){.valid = CHANGE_ATIME | CHANGE_ATIME_SET | CHANGE_MTIME | CHANGE_MTIME_SET,
                                        .atime = {1, 999999999},
                                        .mtime = {2, 5}});
    b = attr_of("/f");
    assert_true(b.atime.sec == 1 && b.atime.nsec == 999999999 && b.mtime.sec == 2 && b.mtime.nsec == 5);
    assert_true(newer(b.ctime, a.ctime));
    a = attr_of("/");
    later();
    vfs_rename(NULL, "/f", NULL, "/g", 0);
    assert_true(newer(attr_of("/").mtime, a.mtime));
    assert_true(newer(attr_of("/g").ctime, b.ctime));
    assert_int_equal(attr_of("/g").mtime.sec, 2);
    vfs_put(f);
}

/* ---- memory ---- */

static void files_leave_memory_to_others(void **state)
{
    (void)state;
    struct file *f = must("/f", O_CREAT | O_RDWR);
    struct fs_stat st;
    u64 done = 0, kept = mem_total_count() / 8;
    s64 got;
    memset(page, 5, ROOM);
    while ((got = vfs_write(f, &(struct span){mem_phys(page), ROOM}, 1, done)) > 0)
        done += (u64)got;
    assert_int_equal(got, -ENOSPC);
    assert_true(mem_free_count() >= kept - 4 && mem_free_count() <= kept);
    assert_int_equal(attr_of("/f").size, done);
    assert_int_equal(vfs_statfs_path(NULL, "/", &st), 0);
    assert_int_equal(st.bfree, 0);
    assert_true(st.blocks < mem_total_count());
    assert_int_equal(make_file("/g"), -ENOSPC);
    assert_int_equal(vfs_mkdir(NULL, "/g", 0755), -ENOSPC);
    assert_int_equal(put(f, "y", 1, 0), 1); /* what is there can be written, and read */
    assert_int_equal(get(f, 2, 0), 2);
    assert_memory_equal(page, "y\5", 2);
    assert_int_equal(vfs_rename(NULL, "/f", NULL, "/longer", 0), -ENOSPC);
    assert_int_equal(resize(f, 0), 0);
    assert_int_equal(make_file("/g"), 0);
    vfs_put(f);
}

static void memory_that_runs_out_at_each_step(void **state)
{
    (void)state;
    static u64 taken[FAKE_RAM_SIZE / PAGE_SIZE];
    u64 kept = mem_total_count() / 8;
    unsigned n = 0, failed = 0, worked = 0;
    while (mem_free_count() > kept + 12)
        taken[n++] = mem_pages(1, PAGE_SIZE);
    for (unsigned more = 0; more < 14; more++) { /* ever fewer pages: from 12 to none */
        one_of_everything() ? failed++ : worked++;
        wipe("/");
        if (mem_free_count() > kept)
            taken[n++] = mem_pages(1, PAGE_SIZE);
    }
    assert_true(failed && worked);
    /* And when there is nothing at all. */
    while ((taken[n] = mem_pages(1, PAGE_SIZE)))
        n++;
    assert_true(one_of_everything() > 0);
    while (n)
        mem_pages_free(taken[--n], 1);
    assert_int_equal(one_of_everything(), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(bytes_against_a_model),
        T(the_largest_file_costs_a_few_pages),
        T(a_removed_file_lives_until_it_is_closed),
        T(links_of_directories),
        T(renames_that_fail),
        T(a_removed_directory),
        T(names_that_stay_are_listed_once),
        T(links_and_devices),
        T(owners_and_modes),
        T(times),
        T(files_leave_memory_to_others),
        T(memory_that_runs_out_at_each_step),
    };
    return cmocka_run_group_tests(tests, mount_it, NULL);
}
