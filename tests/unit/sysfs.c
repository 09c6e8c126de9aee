/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs - the tree of classes, objects and attributes: tests of kernel/sysfs.c, and of the 9P client's counters in it. */
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
#include "share.h"
#include "sysfs.h"

/* A class that the test controls: objects "a0".."a3", one file that only "a1" has, one link. */
static unsigned objects = 4;
static u32 numbers[4] = {10, 11, 12, 13};

static const void *object(unsigned i, char name[32])
{
    if (i >= objects)
        return NULL;
    snprintf(name, 32, "a%u", i);
    return &numbers[i];
}

static s64 show_number(const void *o, char *buf, size_t size)
{
    return snprintf(buf, size, "%u\n", *(const u32 *)o);
}

static s64 show_one(const void *o, char *buf, size_t size)
{
    return o == &numbers[1] ? snprintf(buf, size, "only\n") : -ENOENT;
}

static s64 show_big(const void *o, char *buf, size_t size)
{
    (void)o;
    memset(buf, 'b', size);
    return (s64)size;
}

static s64 show_link(const void *o, char *buf, size_t size)
{
    (void)o;
    return snprintf(buf, size, "../a0/number");
}

static const struct sysfs_attr attrs[] = {
    {"number", 0444, show_number},
    {"one", 0444, show_one},
    {"big", 0444, show_big},
    {"link", S_IFLNK, show_link},
};

SYSFS_CLASS(test_class) = {.path = "bus/test/devices", .object = object, .attrs = attrs, .nattrs = ARRAY_LEN(attrs)};
SYSFS_CLASS(test_other) = {.path = "bus/testing", .object = object, .attrs = attrs, .nattrs = 1};

static int mount(void **state)
{
    assert_int_equal(start(state), 0);
    assert_int_equal(initfs_init(NULL, 0), 0);
    sysfs_init();
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    assert_int_equal(vfs_mount(fs, "/host", 0), 0);
    return vfs_mount(vfs_find("sysfs"), "/sys", 0);
}

static int begin(void **state)
{
    (void)state;
    objects = 4;
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
    assert_int_equal(strlen(content("/sys/bus/test/devices/a1/big")), 4096);
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
}

static void attributes(void **state)
{
    (void)state;
    struct attr attr, other;
    u64 dev;
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFDIR | 0555);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/test/devices/a0/number", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFREG | 0444);
    assert_int_equal(attr.size, 4096);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/test/devices/a0/link", VFS_NOFOLLOW, &other, &dev), 0);
    assert_int_equal(other.mode, S_IFLNK | 0777);
    assert_int_not_equal(attr.qid.path, other.qid.path);
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
    assert_int_equal(l.n, 5); /* . .. number big link */
    assert_int_equal(times(&l, "one"), 0);
    l = list("/sys/bus/test/devices/a1");
    assert_int_equal(l.n, 6);
}

static void nothing_is_written(void **state)
{
    (void)state;
    struct file *f;
    assert_int_equal(vfs_open(NULL, "/sys/bus/testing/a0/number", O_RDWR, 0, &f), -EROFS);
    assert_int_equal(vfs_open(NULL, "/sys/bus/testing/a0", O_RDWR, 0, &f), -EISDIR);
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
    assert_int_equal(counter("kicks") - kicks, 3);
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
        T(files_show_their_objects), T(what_is_not_there),       T(objects_that_go_away), T(attributes), T(listings),
        T(nothing_is_written),       T(counters_of_a_9p_client),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
