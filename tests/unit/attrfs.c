/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* attrfs - trees of objects and their files: tests of kernel/attrfs.c, and of the 9P client's counters in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "attrfs.h"
#include "fake_arch.h"
#include "initfs.h"
#include "mem.h"
#include "share.h"

/* A class that the test controls: objects "a0".."a3", one file that only "a1" has, one link. */
static unsigned objects = 4, first_name;
static u32 numbers[4] = {10, 11, 12, 13};

static const void *named(unsigned i, const char *top, char path[ATTRFS_PATH])
{
    if (i >= objects)
        return NULL;
    snprintf(path, ATTRFS_PATH, "%s/a%u", top, first_name + i);
    return &numbers[i];
}

static const void *device(unsigned *i, char path[ATTRFS_PATH])
{
    return named(*i, "sys/bus/test/devices", path);
}

static const void *other(unsigned *i, char path[ATTRFS_PATH])
{
    return named(*i, "sys/bus/testing", path);
}

/* Below the first device; every second number is free; the folder stands without them. */
static const void *part(unsigned *number, char path[ATTRFS_PATH])
{
    unsigned i = *number;
    if (i > 4)
        return NULL;
    if (i % 2 == 0)
        snprintf(path, ATTRFS_PATH, i ? "sys/bus/test/devices/a0/parts/%u" : "sys/bus/test/devices/a0/parts/", i);
    return &numbers[0];
}

ATTRFS_SHOW(number)
{
    return attrfs_add(out, "%u\n", *(const u32 *)object);
}

ATTRFS_SHOW(one)
{
    return object == &numbers[1] ? attrfs_add(out, "only\n") : -ENOENT;
}

ATTRFS_SHOW(big)
{
    for (unsigned i = 0; i < 3000; i++)
        attrfs_add(out, "%u\n", 10000 + i);
    return 0;
}

ATTRFS_SHOW(link)
{
    return attrfs_add(out, "bus/testing/a0/number");
}

ATTRFS_SHOW(away)
{
    return attrfs_add(out, "/host/dir") + ATTRFS_AS_IT_IS;
}

static const struct attrfs_file files[] = {
    {"number", 0444, show_number, 0, NULL}, {"one", 0444, show_one, 0, NULL},      {"big", 0444, show_big, 18000, NULL},
    {"link", S_IFLNK, show_link, 0, NULL},  {"away", S_IFLNK, show_away, 0, NULL},
};
static char stored[8192];
static size_t stored_len, stores;

ATTRFS_STORE(text)
{
    memcpy(stored, text, (stored_len = strlen(text)) + 1);
    stores++;
    return attrfs_says(text, "bad") ? -EINVAL : 0;
}

static const struct attrfs_file knobs[] = {{"number", 0444, show_number, 0, NULL},
                                           {"knob", 0644, show_number, 0, store_text},
                                           {"push", 0200, NULL, 0, store_text}};
static const struct attrfs_file more[] = {{"more", 0400, show_number, 0, NULL}};
static const struct attrfs_file itself[] = {{"", S_IFLNK, show_link, 0, NULL}};

ATTRFS_CLASS(test_class) = {.object = device, .files = files, .nfiles = ARRAY_LEN(files)};
ATTRFS_CLASS(test_more) = {.object = device, .files = more, .nfiles = 1};
ATTRFS_CLASS(test_other) = {.object = other, .files = knobs, .nfiles = ARRAY_LEN(knobs)};

/* Things that come and go, and whose numbers never come again. */
static unsigned things[8], nthings, kinds[8] = {0, 1, 2, 3, 4, 5, 6, 7};

static const void *thing(unsigned *number, char path[ATTRFS_PATH])
{
    for (unsigned i = 0; i < nthings; i++)
        if (things[i] >= *number) {
            *number = things[i];
            snprintf(path, ATTRFS_PATH, "sys/things/t%u", *number % 1000);
            return &kinds[*number % 8];
        }
    return NULL;
}

ATTRFS_CLASS(test_things) = {.object = thing, .files = knobs, .nfiles = ARRAY_LEN(knobs)};
ATTRFS_CLASS(test_parts) = {.object = part, .files = itself, .nfiles = 1};

static int mount(void **state)
{
    assert_int_equal(start(state), 0);
    assert_int_equal(initfs_init(NULL, 0), 0);
    attrfs_init();
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    assert_int_equal(vfs_mount(fs, "/host", 0), 0);
    return vfs_mount(vfs_find("sysfs"), "/sys", 0);
}

static int begin(void **state)
{
    (void)state;
    objects = 4;
    first_name = 0;
    stores = 0;
    return 0;
}

static const char *content(const char *path)
{
    static char text[8192];
    struct file *f;
    if (vfs_open(NULL, path, O_RDONLY, 0, &f) < 0)
        return NULL;
    u8 *bytes = buffer(8192);
    s64 got = vfs_read(f, &(struct span){mem_phys(bytes), 8000}, 1, VFS_CURRENT);
    assert_true(got >= 0);
    memcpy(text, bytes, (size_t)got);
    text[got] = 0;
    drop(bytes, 8192);
    vfs_put(f);
    return text;
}

static void files_show_their_objects(void **state)
{
    (void)state;
    assert_string_equal(content("/sys/bus/test/devices/a0/number"), "10\n");
    assert_string_equal(content("/sys/bus/test/devices/a3/number"), "13\n");
    assert_string_equal(content("/sys/bus/testing/a2/number"), "12\n");
    assert_string_equal(content("/sys/bus/test/devices/a1/one"), "only\n");
    assert_string_equal(content("/sys/bus/test/devices/a3/link"), "10\n");
    assert_string_equal(content("/sys/bus/test/devices/a3/more"), "13\n");
    assert_string_equal(content("/sys/bus/test/devices/a0/parts/4"), "10\n");
    numbers[2] = 99;
    assert_string_equal(content("/sys/bus/testing/a2/number"), "99\n");
}

static void what_is_not_there(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/sys/nope",
        "/sys/bus/tes",
        "/sys/bus/test/device",
        "/sys/bus/test/devices/a4",
        "/sys/bus/test/devices/a0/one",
        "/sys/bus/test/devices/a0/nope",
        "/sys/bus/testing/a0/one",
        "/sys/bus/test/devices/a1/parts",
        "/sys/bus/test/devices/a0/parts/1",
    };
    struct attr attr;
    u64 dev;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (vfs_getattr_path(NULL, paths[i], 0, &attr, &dev) != -ENOENT)
            fail_msg("%s", paths[i]);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/testing/a0/number/x", 0, &attr, &dev), -ENOTDIR);
}

static void objects_that_go_away(void **state)
{
    (void)state;
    struct file *f, *d;
    assert_int_equal(vfs_open(NULL, "/sys/bus/test/devices/a3/number", O_RDONLY, 0, &f), 0);
    assert_int_equal(vfs_open(NULL, "/sys/bus/test/devices/a3", O_RDONLY, 0, &d), 0);
    objects = 3;
    u8 *bytes = buffer(100);
    assert_int_equal(vfs_read(f, &(struct span){mem_phys(bytes), 10}, 1, 0), -ENODEV);
    assert_int_equal(vfs_readdir(d, 4096, count_entry, &(unsigned){0}), 2);
    drop(bytes, 100);
    vfs_put(f);
    vfs_put(d);
    assert_null(content("/sys/bus/test/devices/a3/number"));
    assert_null(content("/sys/bus/test/devices/a3/link"));
    objects = 4;
    assert_string_equal(content("/sys/bus/test/devices/a3/number"), "13\n");
}

/* A name is found again whatever stands at its number by now. */
static void objects_that_move(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        first_name = i;
        for (unsigned k = 0; k < 6; k++) {
            char path[64], want[16];
            snprintf(path, sizeof path, "/sys/bus/test/devices/a%u/number", k);
            snprintf(want, sizeof want, "%u\n", numbers[(k - i) % 4]);
            const char *is = content(path);
            if (k < i || k >= i + objects)
                assert_null(is);
            else
                assert_string_equal(is, want);
        }
    }
}

static void attributes(void **state)
{
    (void)state;
    struct attr attr, other;
    u64 dev;
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFDIR | 0755);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/test/devices/a0/number", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFREG | 0444);
    assert_int_equal(attr.size, 4096);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/test/devices/a0/big", 0, &other, &dev), 0);
    assert_int_equal(other.size, 18000);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/test/devices/a0/link", VFS_NOFOLLOW, &other, &dev), 0);
    assert_int_equal(other.mode, S_IFLNK | 0777);
    assert_int_not_equal(attr.qid.path, other.qid.path);
}

/* Longer than a page, read in every size of pieces: the same bytes. */
static void long_content(void **state)
{
    (void)state;
    struct file *f;
    char want[18001];
    u8 *bytes = buffer(32768);
    for (unsigned i = 0; i < 3000; i++)
        snprintf(want + 6 * i, 7, "%u\n", 10000 + i);
    assert_int_equal(vfs_open(NULL, "/sys/bus/test/devices/a1/big", O_RDONLY, 0, &f), 0);
    static const u64 offsets[] = {0, 1, 4090, 4095, 4096, 8191, 17999};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++)
        for (u64 size = 1; size < 30000; size = size * 3 + 1) {
            u64 left = MIN(size, 18000 - offsets[i]);
            assert_int_equal(vfs_read(f, &(struct span){mem_phys(bytes), size}, 1, offsets[i]), left);
            assert_memory_equal(bytes, want + offsets[i], left);
        }
    assert_int_equal(vfs_read(f, &(struct span){mem_phys(bytes), 10}, 1, 18000), 0);
    assert_int_equal(vfs_read(f, &(struct span){mem_phys(bytes), 10}, 1, INT64_MAX - 10), 0);
    drop(bytes, 32768);
    vfs_put(f);
}

/* As Linux writes them: from the folder that the link is in. */
static void link_targets(void **state)
{
    (void)state;
    static const char *const links[][2] = {
        {"/sys/bus/test/devices/a0/link", "../../../../bus/testing/a0/number"},
        {"/sys/bus/test/devices/a0/parts/2", "../../../../../bus/testing/a0/number"},
        {"/sys/bus/test/devices/a0/away", "/host/dir"},
    };
    char target[200];
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        s64 len = vfs_readlink(NULL, links[i][0], target, sizeof target);
        assert_int_equal(len, strlen(links[i][1]));
        assert_memory_equal(target, links[i][1], (size_t)len);
    }
    struct attr attr;
    u64 dev;
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/test/devices/a0/away/a", 0, &attr, &dev), 0);
}

static void file_system_types(void **state)
{
    (void)state;
    struct fs_stat st;
    assert_int_equal(vfs_statfs_path(NULL, "/sys/bus", &st), 0);
    assert_int_equal(st.type, 0x62656572);
    assert_string_equal(vfs_find("sysfs")->ops->type, "sysfs");
    assert_string_equal(vfs_find("proc")->ops->type, "proc");
}

struct names {
    unsigned n, room;
    char text[64][32];
};

static bool take(void *ctx, const struct dirent_info *e)
{
    struct names *l = ctx;
    if (l->n == l->room)
        return false;
    snprintf(l->text[l->n++], 32, "%.*s", (int)e->name.len, e->name.s);
    return true;
}

/* One entry a call, so that every cookie is used. */
static struct names list(const char *path)
{
    struct names l = {0};
    struct file *f;
    assert_int_equal(vfs_open(NULL, path, O_RDONLY, 0, &f), 0);
    for (l.room = 1; vfs_readdir(f, 4096, take, &l) > 0;)
        l.room++;
    vfs_put(f);
    return l;
}

static unsigned times(const struct names *l, const char *name)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->n; i++)
        n += strcmp(l->text[i], name) == 0;
    return n;
}

static void listings(void **state)
{
    (void)state;
    struct names l = list("/sys");
    assert_int_equal(times(&l, "bus"), 1);
    assert_int_equal(times(&l, "fs"), 1);
    assert_int_equal(times(&l, "."), 1);
    assert_int_equal(times(&l, ".."), 1);
    l = list("/sys/bus");
    assert_int_equal(times(&l, "test"), 1);
    assert_int_equal(times(&l, "testing"), 1);
    assert_int_equal(times(&l, "pci"), 1);
    l = list("/sys/bus/test");
    assert_int_equal(l.n, 3);
    l = list("/sys/bus/test/devices");
    assert_int_equal(l.n, 6);
    l = list("/sys/bus/test/devices/a0");
    assert_int_equal(l.n, 8); /* . .. number big link away more parts */
    assert_int_equal(times(&l, "one"), 0);
    l = list("/sys/bus/test/devices/a1");
    assert_int_equal(l.n, 8);
    l = list("/sys/bus/test/devices/a0/parts");
    assert_int_equal(l.n, 4);
    assert_int_equal(times(&l, "2"), 1);
    assert_int_equal(times(&l, "4"), 1);
}

static s64 write_to(struct file *f, const char *text, size_t len, u64 offset)
{
    u8 *bytes = buffer(8192);
    memcpy(bytes, text, len);
    s64 result = vfs_write(f, &(struct span){mem_phys(bytes), len}, 1, offset);
    drop(bytes, 8192);
    return result;
}

/* A file's mode counts for root too, as on Linux; nothing can be made, and what can be made smaller stays as it is. */
static void who_may_write(void **state)
{
    (void)state;
    struct file *f;
    static const struct {
        const char *path;
        u32 flags;
        int result;
    } cases[] = {
        {"/sys/bus/testing/a0/number", O_RDWR, -EACCES},
        {"/sys/bus/testing/a0/number", O_WRONLY | O_TRUNC, -EACCES},
        {"/sys/bus/testing/a0/knob", O_RDWR, 0},
        {"/sys/bus/testing/a0/knob", O_RDONLY, 0},
        {"/sys/bus/testing/a0/push", O_WRONLY, 0},
        {"/sys/bus/testing/a0/push", O_RDONLY, -EACCES},
        {"/sys/bus/testing/a0/push", O_RDWR, -EACCES},
        {"/sys/bus/testing/a0/push", O_WRONLY | O_TRUNC | O_CREAT, 0},
        {"/sys/bus/testing/a0/pusch", O_WRONLY | O_CREAT, -EACCES},
        {"/sys/bus/testing/a0", O_RDWR, -EISDIR},
        {"/sys/bus/testing/a0/pusch", O_WRONLY, -ENOENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int result = vfs_open(NULL, cases[i].path, cases[i].flags, 0644, &f);
        if (result != cases[i].result)
            fail_msg("%s %o: %d", cases[i].path, cases[i].flags, result);
        if (result == 0)
            vfs_put(f);
    }
    assert_int_equal(vfs_mkdir(NULL, "/sys/bus/new", 0755), -EPERM);
    assert_int_equal(stores, 0);
}

/* Each write is a content of its own, whatever the position; the file's own moves on. */
static void what_is_written(void **state)
{
    (void)state;
    struct file *f;
    static char large[PAGE_SIZE + 100];
    memset(large, 'x', sizeof large);
    assert_int_equal(vfs_open(NULL, "/sys/bus/testing/a0/knob", O_RDWR | O_TRUNC, 0, &f), 0);
    assert_int_equal(write_to(f, "word\n", 5, VFS_CURRENT), 5);
    assert_int_equal(stored_len, 5);
    assert_memory_equal(stored, "word\n", 5);
    assert_int_equal(write_to(f, "two", 3, VFS_CURRENT), 3);
    assert_memory_equal(stored, "two", 3);
    assert_int_equal(vfs_seek(f, 0, 1), 8);
    assert_int_equal(write_to(f, "far", 3, 1 << 20), 3);
    assert_int_equal(write_to(f, large, sizeof large, 0), PAGE_SIZE);
    assert_int_equal(stored_len, PAGE_SIZE);
    stores = 0;
    assert_int_equal(write_to(f, "", 0, 0), 0);
    assert_int_equal(stores, 0);
    assert_int_equal(write_to(f, "bad\n", 4, VFS_CURRENT), -EINVAL);
    assert_int_equal(vfs_seek(f, 0, 1), 8);
    objects = 0;
    stores = 0;
    assert_int_equal(write_to(f, "late", 4, 0), -ENODEV);
    assert_int_equal(stores, 0);
    vfs_put(f);
}

static void words_and_numbers(void **state)
{
    (void)state;
    u64 n;
    assert_true(attrfs_says("a", "a") && attrfs_says("a\n", "a"));
    assert_false(attrfs_says("a\n\n", "a") || attrfs_says("", "a") || attrfs_says("ab", "a"));
    assert_int_equal(attrfs_number("17\n", &n), 0);
    assert_int_equal(n, 17);
    assert_int_equal(attrfs_number("0x10", &n), 0);
    assert_int_equal(n, 16);
    static const char *const bad[] = {"", "\n", "one", "1 2", "-1", "111111111111111111111111111111", "1\n\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(attrfs_number(bad[i], &n), -EINVAL);
}

static void set_things(unsigned n, const unsigned numbers_of[])
{
    memcpy(things, numbers_of, n * sizeof *things);
    nthings = n;
}

/* A file that is open belongs to its object, not to what comes to stand in its place or gets its name. */
static void what_comes_and_goes(void **state)
{
    (void)state;
    struct file *f[3], *d;
    u8 *bytes = buffer(100);
    set_things(3, (unsigned[]){1, 5, 6});
    for (unsigned i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "/sys/things/t%u/knob", things[i]);
        assert_int_equal(vfs_open(NULL, path, O_RDWR, 0, &f[i]), 0);
    }
    set_things(3, (unsigned[]){1, 6, 1005});
    for (unsigned i = 0; i < 3; i++) {
        bool there = i != 1;
        assert_int_equal(vfs_read(f[i], &(struct span){mem_phys(bytes), 10}, 1, 0), there ? 2 : -ENODEV);
        assert_int_equal(bytes[0], '0' + (i == 2 ? 6 : 1));
        assert_int_equal(write_to(f[i], "x", 1, 0), there ? 1 : -ENODEV);
        vfs_put(f[i]);
    }
    assert_string_equal(content("/sys/things/t5/knob"), "5\n");
    struct names l = list("/sys/things");
    assert_int_equal(l.n, 5);
    /* Between two entries of a listing: what stays is told once. */
    l = (struct names){.room = 4};
    assert_int_equal(vfs_open(NULL, "/sys/things", O_RDONLY, 0, &d), 0);
    assert_true(vfs_readdir(d, 4096, take, &l) > 0);
    set_things(2, (unsigned[]){1, 1005});
    l.room = 64;
    while (vfs_readdir(d, 4096, take, &l) > 0)
        ;
    assert_int_equal(times(&l, "t1"), 1);
    assert_int_equal(times(&l, "t5"), 1);
    vfs_put(d);
    /* The top is there without any of them. */
    assert_int_equal(vfs_open(NULL, "/sys", O_RDONLY, 0, &d), 0);
    nthings = 0;
    objects = 0;
    assert_true(vfs_readdir(d, 4096, take, &(struct names){.room = 64}) > 2);
    vfs_put(d);
    l = list("/sys");
    assert_int_equal(times(&l, "things"), 0);
    drop(bytes, 100);
}

static u64 counter(const char *file_name)
{
    char path[100];
    snprintf(path, sizeof path, "/sys/fs/9p/%s/%s", fs->tag, file_name);
    return strtoull(content(path), NULL, 10);
}

static void counters_of_a_9p_client(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev, messages = counter("messages"), waits = counter("waits"), kicks = counter("kicks");
    assert_int_equal(messages, p9_counters(client)->messages);
    assert_int_equal(vfs_getattr_path(NULL, "/host/dir/a", 0, &attr, &dev), 0);
    assert_int_equal(counter("messages") - messages, 3);
    assert_int_equal(counter("waits") - waits, 2);
    assert_int_equal(counter("kicks") - kicks, 2);
    char path[100], line[32];
    snprintf(path, sizeof path, "/sys/fs/9p/%s/by_type", fs->tag);
    const char *text = content(path);
    assert_non_null(strstr(text, "Tversion 1\n"));
    snprintf(line, sizeof line, "Twalk %llu\n", (unsigned long long)p9_counters(client)->by_type[P9_TWALK]);
    assert_non_null(strstr(text, line));
    assert_null(strstr(text, "Tflush"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(files_show_their_objects),
        T(what_is_not_there),
        T(objects_that_go_away),
        T(objects_that_move),
        T(attributes),
        T(listings),
        T(who_may_write),
        T(what_is_written),
        T(words_and_numbers),
        T(what_comes_and_goes),
        T(long_content),
        T(link_targets),
        T(file_system_types),
        T(counters_of_a_9p_client),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
