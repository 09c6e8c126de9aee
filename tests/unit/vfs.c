/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs - opening and open files: tests of kernel/vfs.c over initial files, /dev and a share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mem.h"
#include "tree.h"

/* ---- opening ---- */

static void open_flags(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        u32 flags;
        int error;
    } rows[] = {
        {"/host/file", O_RDONLY, 0},
        {"/host/file", O_WRONLY, -EROFS},
        {"/host/file", O_RDWR, -EROFS},
        {"/host/file", O_RDONLY | O_TRUNC, -EROFS},
        {"/host/file", O_ACCMODE, -EROFS},
        {"/host/file", O_DIRECTORY, -ENOTDIR},
        {"/host/file", O_CREAT, 0},
        {"/host/file", O_CREAT | O_EXCL, -EEXIST},
        {"/host/dangling", O_CREAT | O_EXCL, -EEXIST},
        {"/host/new", O_CREAT | O_WRONLY, -EROFS},
        {"/host/dir/deep/new", O_CREAT | O_WRONLY, -EROFS},
        {"/host/nope/new", O_CREAT | O_WRONLY, -ENOENT},
        {"/host/new/", O_CREAT | O_WRONLY, -EISDIR},
        {"/host/dir", O_TMPFILE, -EINVAL},
        {"/host/dir", O_TMPFILE | O_RDWR, -EROFS},
        {"/host/file", O_TMPFILE | O_RDWR, -ENOTDIR},
        {"/host/nope", O_TMPFILE | O_RDWR, -ENOENT},
        {"/host/dir", O_TMPFILE | O_RDWR | O_CREAT, -EINVAL},
        {"/host/file/", O_CREAT | O_WRONLY, -EISDIR},
        {"/host/dir/", O_CREAT | O_EXCL, -EISDIR},
        {"/host/nope/.", O_CREAT | O_WRONLY, -ENOENT},
        {"/host/file/new", O_CREAT | O_WRONLY, -ENOTDIR},
        {"/host/dir", O_RDONLY, 0},
        {"/host/dir", O_DIRECTORY, 0},
        {"/host/dir", O_WRONLY, -EISDIR},
        {"/host/dir", O_RDWR, -EISDIR},
        {"/host/dir", O_CREAT, -EISDIR},
        {"/host/dir", O_CREAT | O_DIRECTORY, -EINVAL},
        {"/host/todir", O_DIRECTORY, 0},
        {"/host/todir", O_DIRECTORY | O_NOFOLLOW, -ENOTDIR},
        {"/host/relative", O_NOFOLLOW, -ELOOP},
        {"/host/relative", O_NOFOLLOW | O_PATH, 0},
        {"/host/todir/a", O_NOFOLLOW, 0},
        {"/host/fifo", O_RDONLY, -ENXIO},
        {"/host/fifo", O_PATH, 0},
        {"/host/dir", O_PATH | O_WRONLY | O_CREAT, 0},
        {"/dev/null", O_RDWR, 0},
        {"/dev/null", O_WRONLY | O_TRUNC | O_CREAT, 0},
        {"/dev", O_RDWR, -EISDIR},
        {"/dev/new", O_CREAT | O_RDWR, -EROFS},
        {"/some", O_RDONLY | O_DIRECTORY, 0},
        {"/new", O_CREAT | O_RDWR, -EROFS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (open_error(rows[i].path, rows[i].flags) != rows[i].error)
            fail_msg("%s, 0%o: not %d", rows[i].path, rows[i].flags, rows[i].error);
}

static void unreadable_files(void **state)
{
    (void)state;
    file->error = -EACCES;
    assert_int_equal(open_error("/host/file", O_RDONLY), -EACCES);
    assert_int_equal(stat_of("/host/file", 0), 0);
    file->error = 0;
}

/* ---- open files ---- */

static s64 read_into(struct file *f, u8 *bytes, u64 len, u64 offset)
{
    struct span span = {mem_phys(bytes), len};
    return vfs_read(f, &span, 1, offset);
}

static struct span told; /* where the server was to put the data */

static void note_payload(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    (void)server, (void)r;
    if (req->type == P9_TREAD)
        told = req->payload[0];
}

/* What the kernel itself goes by. A device may write once more to where it was told to. */
static void case_l26_case_r25_a_copy_that_no_device_was_told_of(void **state)
{
    (void)state;
    u8 *bytes = buffer(4096);
    struct file *f = opened("/host/file", O_RDONLY);
    s.mangle = note_payload;
    assert_int_equal(vfs_read_copy(f, bytes, 4096, 0), 12);
    s.mangle = NULL;
    assert_memory_equal(bytes, "hello, world", 12);
    assert_true(told.len == 4096 || told.len == 12); /* it was asked */
    u64 pa = mem_phys(bytes);
    assert_true(told.pa + told.len <= pa || pa + 4096 <= told.pa);
    assert_int_equal(vfs_read_copy(f, bytes, 4096, 7), 5);
    assert_memory_equal(bytes, "world", 5);
    vfs_put(f);
    f = opened("/host/dir", O_RDONLY);
    assert_int_equal(vfs_read_copy(f, bytes, 4096, 0), -EISDIR);
    vfs_put(f);
    drop(bytes, 4096);
}

static void reading_moves_the_position(void **state)
{
    (void)state;
    u8 *bytes = buffer(4096);
    struct file *f = opened("/host/file", O_RDONLY);
    assert_int_equal(read_into(f, bytes, 5, VFS_CURRENT), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(read_into(f, bytes, 5, 7), 5);
    assert_memory_equal(bytes, "world", 5);
    assert_int_equal(f->offset, 5);
    assert_int_equal(read_into(f, bytes, 100, VFS_CURRENT), 7);
    assert_int_equal(read_into(f, bytes, 100, VFS_CURRENT), 0);
    assert_int_equal(f->offset, 12);
    assert_int_equal(read_into(f, bytes, 100, 1ull << 63), -EINVAL);
    struct file *same = vfs_get(f);
    vfs_put(f);
    assert_int_equal(read_into(same, bytes, 5, 0), 5);
    assert_int_equal(vfs_write(same, &(struct span){mem_phys(bytes), 5}, 1, VFS_CURRENT), -EBADF);
    vfs_put(same);
    drop(bytes, 4096);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    u8 *bytes = buffer(4096);
    struct file *d = opened("/host/dir", O_RDONLY), *p = opened("/host/file", O_PATH),
                *w = opened("/dev/null", O_WRONLY);
    assert_int_equal(read_into(d, bytes, 5, VFS_CURRENT), -EISDIR);
    assert_int_equal(read_into(p, bytes, 5, VFS_CURRENT), -EBADF);
    assert_int_equal(read_into(w, bytes, 5, VFS_CURRENT), -EBADF);
    assert_int_equal(vfs_seek(p, 0, 0), -EBADF);
    assert_int_equal(vfs_readdir(p, 100, count_entry, &(unsigned){0}), -EBADF);
    assert_int_equal(vfs_readdir(w, 100, count_entry, &(unsigned){0}), -ENOTDIR);
    assert_int_equal(vfs_ioctl(d, 0x5401, bytes, 36), -ENOTTY);
    vfs_put(d);
    vfs_put(p);
    vfs_put(w);
    drop(bytes, 4096);
}

static void seeking(void **state)
{
    (void)state;
    enum { SET, CUR, END, DATA, HOLE };
    struct file *f = opened("/host/file", O_RDONLY), *null = opened("/dev/null", O_RDONLY);
    assert_int_equal(vfs_seek(f, 3, SET), 3);
    assert_int_equal(vfs_seek(f, 4, CUR), 7);
    assert_int_equal(vfs_seek(f, -2, CUR), 5);
    assert_int_equal(vfs_seek(f, -2, END), 10);
    assert_int_equal(vfs_seek(f, 1000, END), 1012);
    assert_int_equal(vfs_seek(f, -1, SET), -EINVAL);
    assert_int_equal(vfs_seek(f, -13, END), -EINVAL);
    assert_int_equal(vfs_seek(f, 0, 5), -EINVAL);
    assert_int_equal(vfs_seek(f, 4, DATA), 4);
    assert_int_equal(vfs_seek(f, 4, HOLE), 12); /* behind all that there is */
    assert_int_equal(vfs_seek(f, 0, CUR), 12);
    assert_int_equal(vfs_seek(f, 12, DATA), -ENXIO);
    assert_int_equal(vfs_seek(f, -1, HOLE), -ENXIO);
    assert_int_equal(vfs_seek(f, 5, SET), 5);
    assert_int_equal(vfs_seek(f, -1, -1), -EINVAL);
    assert_int_equal(vfs_seek(f, INT64_MAX, CUR), -EINVAL);
    assert_int_equal(vfs_seek(f, INT64_MIN, CUR), -EINVAL);
    assert_int_equal(vfs_seek(f, INT64_MAX, SET), INT64_MAX);
    assert_int_equal(vfs_seek(f, 0, CUR), INT64_MAX);
    assert_int_equal(vfs_seek(null, 7, SET), 0);
    vfs_put(f);
    vfs_put(null);
}

static void a_console_has_no_positions(void **state)
{
    (void)state;
    u8 *bytes = buffer(4096);
    struct span span = {mem_phys(bytes), 1};
    struct file *in = opened("/dev/console", O_RDONLY), *out = opened("/dev/console", O_WRONLY);
    assert_int_equal(vfs_seek(in, 0, 1), -ESPIPE);
    assert_int_equal(read_into(in, bytes, 1, 0), -ESPIPE);
    assert_int_equal(vfs_write(out, &span, 1, 0), -ESPIPE);
    vfs_put(in);
    vfs_put(out);
    drop(bytes, 4096);
}

static void what_fcntl_tells_of_the_flags(void **state)
{
    (void)state;
    static const struct {
        u32 open, told;
    } rows[] = {
        {O_RDONLY, O_LARGEFILE},
        {O_CREAT | O_NOCTTY | O_CLOEXEC | O_NONBLOCK, O_LARGEFILE | O_NONBLOCK},
        {O_PATH | O_RDWR | O_NOFOLLOW, O_PATH | O_NOFOLLOW},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct file *f = opened("/host/file", rows[i].open);
        assert_int_equal(f->flags, rows[i].told);
        vfs_put(f);
    }
}

static void access_for_root(void **state)
{
    (void)state;
    assert_int_equal(vfs_access(NULL, "/host/file", 0, 0), 0);
    assert_int_equal(vfs_access(NULL, "/host/file", 0, VFS_WRITE), -EROFS);
    assert_int_equal(vfs_access(NULL, "/host/file", 0, VFS_EXECUTE), -EACCES);
    assert_int_equal(vfs_access(NULL, "/host/dir", 0, VFS_EXECUTE), 0);
    assert_int_equal(vfs_access(NULL, "/host/dir", 0, VFS_WRITE), -EROFS);
    assert_int_equal(vfs_access(NULL, "/dev/null", 0, VFS_WRITE), 0);
    assert_int_equal(vfs_access(NULL, "/host/nope", 0, VFS_WRITE), -ENOENT);
    assert_int_equal(vfs_access(NULL, "/host/dangling", 0, 0), -ENOENT);
    assert_int_equal(vfs_access(NULL, "/host/dangling", VFS_NOFOLLOW, 0), 0);
}

static void the_position_in_a_directory(void **state)
{
    (void)state;
    struct file *d = opened("/host/dir", O_RDONLY);
    struct listing l = {0};
    for (unsigned want = 1; want <= 8; want++) { /* . .. a b c d e deep, one by one */
        l.room = want;
        assert_int_equal(vfs_readdir(d, 4096, list_name, &l), 1);
    }
    assert_int_equal(vfs_readdir(d, 4096, list_name, &l), 0);
    assert_true(lists(&l, ".") && lists(&l, "a") && lists(&l, "e") && lists(&l, "deep"));
    assert_int_equal(vfs_seek(d, 0, 0), 0);
    l.n = 0;
    assert_int_equal(vfs_readdir(d, 4096, list_name, &l), 8);
    vfs_put(d);
}

static void attributes_and_statfs(void **state)
{
    (void)state;
    struct file *f = opened("/host/file", O_RDONLY);
    struct attr attr;
    struct fs_stat st;
    u64 dev;
    assert_int_equal(vfs_getattr(f, &attr, &dev), 0);
    assert_int_equal(attr.size, 12);
    assert_int_equal(attr.qid.path, file->ino);
    assert_int_equal(dev, f->mount + 1);
    assert_int_equal(f->mode, S_IFREG | 0644);
    assert_int_equal(vfs_statfs(f, &st), 0);
    assert_int_equal(st.type, 0x01021997);
    assert_int_equal(vfs_statfs_path(NULL, "/dev", &st), 0);
    assert_int_equal(st.namelen, 255);
    assert_int_equal(vfs_statfs_path(NULL, "/nope", &st), -ENOENT);
    vfs_put(f);
}

/* What a device or a server said may be about a file: its size is asked for again. */
static void what_is_heard_is_counted(void **state)
{
    (void)state;
    struct file *f = opened("/host/file", O_RDONLY), *null = opened("/dev/null", O_RDONLY);
    u64 before = vfs_heard;
    u8 *bytes = buffer(10);
    assert_int_equal(read_into(null, bytes, 10, VFS_CURRENT), 0);
    assert_int_equal(vfs_heard, before + 1);
    vfs_poll(null);
    assert_int_equal(vfs_heard, before + 2);
    assert_int_equal(read_into(f, bytes, 10, VFS_CURRENT), 10);
    assert_int_equal(vfs_heard, before + 3);
    drop(bytes, 10);
    vfs_put(f);
    vfs_put(null);
}

/* result: as of vfs_mount_words(); odd: of which word. */
static void words_of_a_mount(void **state)
{
    static const struct {
        const char *words;
        int result;
        const char *odd;
        struct mount_options is;
    } rows[] = {
        {"", 0, "", {0}},
        {"ro", 0, "", {.flags = MOUNT_READONLY}},
        {"sync,ro,cache=loose", 0, "", {MOUNT_READONLY, CACHE_LOOSE, true}},
        {"cache=loose:cache=none", 0, "", {0}},
        {"cache=mmap,cache=fscache,", 0, "", {.cache = CACHE_LOOSE}},
        {"trans=virtio,version=9p2000.L,msize=262144,cache=readahead,posixacl,access=client,uname=u,aname=/"
         "x,debug=0xff,"
         "rfdno=3,wfdno=4,port=564,nodevmap,cachetag=t,noxattr,dfltuid=1,dfltgid=1,afid=1,locktimeout=1,ignoreqv,"
         "directio",
         0,
         "",
         {.cache = CACHE_READAHEAD}},
        {"cache=", -EINVAL, "cache=", {0}},
        {"ro,cache=loosely,sync", -EINVAL, "cache=loosely", {.flags = MOUNT_READONLY}},
        {"cache=loos", -EINVAL, "cache=loos", {0}},
        {"trans=tcp", -EINVAL, "trans=tcp", {0}},
        {"version=9p2000", -EINVAL, "version=9p2000", {0}},
        {"cache", 1, "cache", {0}},
        {"ro=1,sync", 1, "ro=1", {.sync = true}},
        {"rw,sync", 1, "rw", {.sync = true}},
        {"s", 1, "s", {0}},
        {",sync", 1, "", {.sync = true}},
        {"cache=loose=none", -EINVAL, "cache=loose=none", {0}},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mount_options o = {0};
        struct name odd = {"", 0};
        assert_int_equal(vfs_mount_words(&o, rows[i].words, ",:", &odd), rows[i].result);
        assert_int_equal(odd.len, strlen(rows[i].odd));
        assert_memory_equal(odd.s, rows[i].odd, odd.len);
        assert_int_equal(o.flags, rows[i].is.flags);
        assert_int_equal(o.cache, rows[i].is.cache);
        assert_int_equal(o.sync, rows[i].is.sync);
    }
    struct mount_options o = {0};
    struct name odd;
    assert_int_equal(vfs_mount_words(&o, "cache=loose,ro", ":", &odd), -EINVAL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(open_flags),
        T(unreadable_files),
        T(what_is_heard_is_counted),
        T(case_l26_case_r25_a_copy_that_no_device_was_told_of),
        T(reading_moves_the_position),
        T(what_cannot_be_read),
        T(seeking),
        T(a_console_has_no_positions),
        T(what_fcntl_tells_of_the_flags),
        T(access_for_root),
        T(words_of_a_mount),
        T(the_position_in_a_directory),
        T(attributes_and_statfs),
    };
    return cmocka_run_group_tests(tests, mount_all, NULL);
}
