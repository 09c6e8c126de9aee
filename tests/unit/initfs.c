/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* initfs - archives good and bad: tests of kernel/initfs.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "initfs.h"
#include "mem.h"
#include "vfs.h"

static u8 archive[1 << 16];
static size_t len;

static void pad(void)
{
    while (len % 4)
        archive[len++] = 0;
}

/* One entry; namesize counts the NUL. */
static void add_raw(const char *name, size_t namesize, u32 mode, u32 ino, u32 nlink, const void *data, u32 size)
{
    len += (size_t)sprintf((char *)archive + len, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ino,
                           mode, 7, 8, nlink, 1234567, size, 0, 0, 0, 0, (unsigned)namesize, 0);
    memcpy(archive + len, name, namesize);
    len += namesize;
    pad();
    memcpy(archive + len, data, size);
    len += size;
    pad();
}

static void add(const char *name, u32 mode, const char *data)
{
    add_raw(name, strlen(name) + 1, mode, 1, 1, data, (u32)strlen(data));
}

static void trailer(void)
{
    add("TRAILER!!!", 0, "");
}

/* Each test has a folder of its own, for the tree is one for the whole run. The archive lies at the end of its memory, so that ASan sees a byte read behind it. */
static void unpack(void)
{
    u8 *copy = malloc(len);
    memcpy(copy, archive, len);
    assert_int_equal(initfs_init(copy, len), 0);
    static u8 *kept[4096];
    static unsigned n;
    kept[n++ % ARRAY_LEN(kept)] = copy;
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    len = 0;
    return 0;
}

static int mount(void **state)
{
    (void)state;
    assert_int_equal(initfs_init(NULL, 0), 0);
    return vfs_mount(vfs_find("initfs"), "/", 0);
}

static s64 content(const char *path, char *out, size_t size)
{
    struct file *f;
    s64 got = vfs_open(NULL, path, O_RDONLY, 0, &f);
    if (got < 0)
        return got;
    u8 *page = mem_virt(mem_pages(16, PAGE_SIZE));
    got = vfs_read(f, &(struct span){mem_phys(page), size}, 1, 0);
    if (got > 0)
        memcpy(out, page, (size_t)got);
    mem_pages_free(mem_phys(page), 16);
    vfs_put(f);
    return got;
}

static void has(const char *path, const char *want)
{
    char text[100];
    s64 got = content(path, text, sizeof text);
    if (got != (s64)strlen(want) || memcmp(text, want, strlen(want)) != 0)
        fail_msg("%s: %lld", path, (long long)got);
}

static void has_not(const char *path)
{
    char text[100];
    assert_int_equal(content(path, text, sizeof text), -ENOENT);
}

static void files_folders_and_links(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev;
    add(".", S_IFDIR | 0755, "");
    add("good", S_IFDIR | 0750, "");
    add("good/a", S_IFREG | 0755, "hello");
    add("./good/b", S_IFREG | 0644, "");
    add("/good/sub/c", S_IFREG | 0644, "made its folder");
    add("good/link", S_IFLNK | 0777, "sub/c");
    add("good/fifo", S_IFIFO | 0644, "");
    trailer();
    add("good/behind", S_IFREG | 0644, "x");
    unpack();
    has("/good/a", "hello");
    has("/good/b", "");
    has("/good/sub/c", "made its folder");
    has("/good/link", "made its folder");
    has_not("/good/behind");
    has_not("/good/fifo");
    assert_int_equal(fake_log_count("initfs:"), 0);
    assert_int_equal(vfs_getattr_path(NULL, "/good/a", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFREG | 0755);
    assert_int_equal(attr.uid, 7);
    assert_int_equal(attr.gid, 8);
    assert_int_equal(attr.mtime.sec, 1234567);
    assert_int_equal(attr.size, 5);
    assert_int_equal(vfs_getattr_path(NULL, "/good", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFDIR | 0750);
    assert_int_equal(attr.nlink, 3);
}

static void bytes_in_place(void **state)
{
    (void)state;
    size_t n = 1;
    add("place/file", S_IFREG | 0644, "bytes");
    trailer();
    unpack();
    assert_memory_equal(initfs_bytes("place", "file", &n), "bytes", 5);
    assert_int_equal(n, 5);
    assert_null(initfs_bytes("place", "none", &n));
    assert_int_equal(n, 0);
    assert_null(initfs_bytes("nowhere", "file", &n));
}

static void parts_of_a_file(void **state)
{
    (void)state;
    struct file *f;
    add("parts", S_IFREG | 0644, "0123456789");
    trailer();
    unpack();
    u8 *page = mem_virt(mem_pages(1, PAGE_SIZE));
    struct span spans[] = {{mem_phys(page) + 100, 3}, {mem_phys(page), 4}};
    assert_int_equal(vfs_open(NULL, "/parts", O_RDONLY, 0, &f), 0);
    assert_int_equal(vfs_read(f, spans, 2, 2), 7);
    assert_memory_equal(page + 100, "234", 3);
    assert_memory_equal(page, "5678", 4);
    assert_int_equal(vfs_read(f, spans, 2, 9), 1);
    assert_int_equal(vfs_read(f, spans, 2, 10), 0);
    assert_int_equal(vfs_read(f, spans, 2, 1ull << 40), 0);
    vfs_put(f);
}

static void names_that_cannot_be(void **state)
{
    (void)state;
    char name[300];
    memset(name, 'n', sizeof name);
    memcpy(name, "odd/", 4);
    name[4 + 256] = 0;
    add("odd/../up", S_IFREG | 0644, "x");
    add("../up", S_IFREG | 0644, "x");
    add(name, S_IFREG | 0644, "x");
    add_raw("odd/nul\0x", 10, S_IFREG | 0644, 1, 1, "x", 1);
    add("odd/file", S_IFREG | 0644, "x");
    add("odd/file/x", S_IFREG | 0644, "x");
    add("odd/file", S_IFDIR | 0755, "");
    add("odd", S_IFREG | 0644, "x");
    add("", S_IFREG | 0644, "x");
    name[4 + 255] = 0;
    add(name, S_IFREG | 0644, "longest");
    add("odd/.hidden", S_IFREG | 0644, "a dot");
    add("odd/..two", S_IFREG | 0644, "two dots");
    trailer();
    unpack();
    has_not("/up");
    has_not("/odd/nul");
    has("/odd/file", "x");
    has("/odd/.hidden", "a dot");
    has("/odd/..two", "two dots");
    char path[300] = "/";
    has(strcat(path, name), "longest");
    assert_int_equal(fake_log_count("left out"), 8);
}

/* Others than NULs behind a name are no name of ours. */
static void names_with_nuls_behind_them(void **state)
{
    static char longest[VFS_PATH_MAX] = "padded/much";
    (void)state;
    add_raw("padded/two\0\0", 12, S_IFREG | 0644, 1, 1, "2", 1);
    add_raw("padded\0\0\0\0\0", 11, S_IFDIR | 0700, 1, 1, "", 0);
    add_raw(longest, sizeof longest, S_IFREG | 0644, 1, 1, "much", 4);
    add_raw("padded/x\0y\0\0", 12, S_IFREG | 0644, 1, 1, "x", 1);
    add("padded/behind", S_IFREG | 0644, "b");
    trailer();
    unpack();
    has("/padded/two", "2");
    has("/padded/much", "much");
    has("/padded/behind", "b");
    has_not("/padded/x");
    assert_int_equal(fake_log_count("left out"), 1);
}

static void where_bytes_lie(void **state)
{
    struct file *f;
    (void)state;
    add("lies", S_IFREG | 0644, "0123456789");
    trailer();
    unpack();
    assert_int_equal(vfs_open(NULL, "/lies", O_RDONLY, 0, &f), 0);
    for (u64 offset = 0; offset <= 12; offset++)
        for (u64 n = 0; n <= 12; n++) {
            u64 pa = f->node.fs->ops->lies(&f->node, offset, n);
            assert_int_equal(pa != 0, offset + n <= 10);
            assert_memory_equal(pa ? mem_virt(pa) : NULL, "0123456789" + offset, pa ? n : 0);
        }
    assert_int_equal(f->node.fs->ops->lies(&f->node, 2, ~0ull), 0);
    assert_int_equal(f->node.fs->ops->lies(&f->node, ~0ull, 2), 0);
    vfs_put(f);
}

static void later_content_wins(void **state)
{
    (void)state;
    add("twice", S_IFREG | 0644, "first");
    add("twice", S_IFREG | 0600, "second one");
    trailer();
    unpack();
    has("/twice", "second one");
}

/* cpio gives the content of a file with several names with the last of them only; others write it with the first. */
/* Once as the first of all names that are linked, then as one of several. */
static void hard_links_that_come_twice(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        add_raw("twice1", 7, S_IFREG | 0644, 60, 2, "1st", 3);
        add_raw("twice2", 7, S_IFREG | 0644, 60, 2, "", 0);
    }
    trailer();
    unpack();
    has("/twice1", "1st");
    has("/twice2", "1st");
}

static void hard_links_share_their_content(void **state)
{
    (void)state;
    add_raw("hard1", 6, S_IFREG | 0644, 50, 3, "", 0);
    add_raw("hard2", 6, S_IFREG | 0644, 50, 3, "", 0);
    add_raw("other", 6, S_IFREG | 0644, 51, 2, "", 0);
    add_raw("hard3", 6, S_IFREG | 0644, 50, 3, "shared", 6);
    add_raw("soft1", 6, S_IFREG | 0644, 60, 2, "first", 5);
    add_raw("soft2", 6, S_IFREG | 0644, 60, 2, "", 0);
    trailer();
    unpack();
    has("/hard1", "shared");
    has("/hard2", "shared");
    has("/hard3", "shared");
    has("/other", "");
    has("/soft2", "first");
}

/* Whatever is wrong with the second entry, the first is there, and one line says where it ended. */
static void bad_second(size_t start)
{
    unpack();
    assert_int_equal(fake_log_count("no cpio entry at byte"), 1);
    (void)start;
}

static void bad_headers(void **state)
{
    (void)state;
    enum { FIELD_MODE = 14, FIELD_SIZE = 54, FIELD_NAME = 94 };
    static const struct {
        size_t at;
        const char *text;
    } rows[] = {
        {0, "070707"},
        {0, "070703"},
        {0, "xxxxxx"},
        {FIELD_MODE, "0000g000"},
        {FIELD_SIZE, "FFFFFFFF"},
        {FIELD_SIZE, "00010000"},
        {FIELD_SIZE, "0000 000"},
        {FIELD_NAME, "00000000"},
        {FIELD_NAME, "FFFFFFFF"},
        {FIELD_NAME, "00000003"},
        {FIELD_NAME, "00001001"},
        {FIELD_NAME, "7FFFFFFF"},
        {FIELD_NAME, "-0000001"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_reset();
        len = 0;
        add("bad/first", S_IFREG | 0644, "here");
        size_t second = len;
        add("bad/second", S_IFREG | 0644, "not here");
        trailer();
        memcpy(archive + second + rows[i].at, rows[i].text, strlen(rows[i].text));
        bad_second(second);
        has("/bad/first", "here");
        has_not("/bad/second");
    }
}

static void archives_cut_anywhere(void **state)
{
    (void)state;
    add("cut/one", S_IFREG | 0644, "1");
    add("cut/two", S_IFLNK | 0777, "one");
    trailer();
    size_t whole = len;
    for (len = 0; len < whole; len++)
        unpack();
    has("/cut/one", "1");
}

static void random_bytes(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < 3000; i++) {
        len = 0;
        add("random/file", S_IFREG | 0644, "content");
        add("random/dir", S_IFDIR | 0755, "");
        trailer();
        for (int n = rand() % 8; n >= 0; n--)
            archive[(size_t)rand() % len] = "0123456789abcdefABCDEF/.\0zx"[rand() % 27];
        u8 *copy = malloc(len); /* stays: the tree points into it */
        memcpy(copy, archive, len);
        assert_int_equal(initfs_init(copy, len), 0);
        static u8 *kept[3000];
        kept[i] = copy;
        assert_non_null(kept[i]);
    }
}

struct names {
    unsigned n, room;
    char text[64][32];
    u64 next;
};

static bool take(void *ctx, const struct dirent_info *e)
{
    struct names *l = ctx;
    if (l->n == l->room)
        return false;
    snprintf(l->text[l->n++], 32, "%.*s", (int)e->name.len, e->name.s);
    return true;
}

static void listing_and_mount_points(void **state)
{
    (void)state;
    struct file *f;
    struct names l = {0};
    struct node root, made;
    struct qid qid;
    const struct fs_ops *ops = vfs_find("initfs")->ops;
    add("list/b", S_IFREG | 0644, "");
    add("list/a", S_IFREG | 0644, "");
    trailer();
    unpack();
    assert_int_equal(ops->attach(vfs_find("initfs"), &root), 0);
    char name[] = "list";
    assert_int_equal(ops->walk(&root, &(struct name){name, 4}, 1, &made, &qid), 1);
    char new[] = "made";
    assert_int_equal(ops->mount_point(&made, (struct name){new, 4}), 0);
    assert_int_equal(ops->mount_point(&made, (struct name){new, 4}), -EEXIST);
    memset(new, 'x', 4); /* it has its own copy */
    assert_int_equal(vfs_open(NULL, "/list", O_RDONLY, 0, &f), 0);
    for (l.room = 1; l.room <= 5; l.room++)
        assert_int_equal(vfs_readdir(f, 4096, take, &l), 1);
    assert_int_equal(vfs_readdir(f, 4096, take, &l), 0);
    static const char *const want[] = {".", "..", "b", "a", "made"};
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(l.text[i], want[i]);
    vfs_put(f);
    assert_int_equal(vfs_open(NULL, "/list/a", O_WRONLY, 0, &f), -EROFS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(files_folders_and_links),
        T(bytes_in_place),
        T(parts_of_a_file),
        T(names_that_cannot_be),
        T(names_with_nuls_behind_them),
        T(where_bytes_lie),
        T(later_content_wins),
        T(hard_links_that_come_twice), /* before all others */
        T(hard_links_share_their_content),
        T(bad_headers),
        T(archives_cut_anywhere),
        T(random_bytes),
        T(listing_and_mount_points),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
