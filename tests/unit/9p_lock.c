/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_lock - locks that the server keeps: tests of kernel/9p_lock.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "share.h"
#include "wire.h"

enum { ID = 26 }; /* bytes of what tells guests apart */

static const char *client_id(u8 type, u32 at)
{
    static char id[ID + 1];
    memcpy(id, s.sent[type] + at, ID);
    return id;
}

static void lock_on_the_wire(void **state)
{
    (void)state;
    struct file_lock lock = {F_WRLCK, 42, 0x100000000, 7};
    struct node node = must_open("file");
    assert_int_equal(fs->ops->lock(&node, &lock), 0);
    const char *id = client_id(P9_TLOCK, 38);
    assert_memory_equal(id, "sheepskin-", 10);
    assert_sent(P9_TLOCK, 38 + ID, "414884s", (u32)node.id, 1u, 0u, 0x100000000ull, 7ull, 42u, id);
    lock = (struct file_lock){F_UNLCK, 42, 0, 0};
    assert_int_equal(fs->ops->lock(&node, &lock), 0);
    assert_sent(P9_TLOCK, 38 + ID, "414884s", (u32)node.id, 2u, 0u, 0ull, 0ull, 42u, id);
    assert_int_equal(fs->ops->getlock(&node, &lock), 0);
    assert_sent(P9_TGETLOCK, 34 + ID, "41884s", (u32)node.id, 2u, 0ull, 0ull, 42u, id);
    put(&node);
}

static void every_status(void **state)
{
    (void)state;
    static const int want[] = {0, -EAGAIN, -ENOLCK, -EAGAIN, -EIO, -EIO};
    struct file_lock lock = {F_RDLCK, 1, 0, 0};
    struct node node = must_open("file");
    for (u8 status = 0; status < ARRAY_LEN(want); status++) {
        s.lock_status = status;
        assert_int_equal(fs->ops->lock(&node, &lock), want[status]);
    }
    s.lock_status = 255;
    assert_int_equal(fs->ops->lock(&node, &lock), -EIO);
    put(&node);
}

static void who_holds_it(void **state)
{
    (void)state;
    struct file_lock lock = {F_WRLCK, 1, 10, 20};
    struct node node = must_open("file");
    assert_int_equal(fs->ops->getlock(&node, &lock), 0);
    assert_int_equal(lock.type, F_UNLCK);
    assert_int_equal(lock.start, 10); /* else as it was */
    assert_int_equal(lock.pid, 1);
    s.held_type = F_RDLCK;
    s.held_start = 5;
    s.held_len = 6;
    s.held_pid = 77;
    lock = (struct file_lock){F_WRLCK, 1, 10, 20};
    assert_int_equal(fs->ops->getlock(&node, &lock), 0);
    assert_int_equal(lock.type, F_RDLCK);
    assert_int_equal(lock.start, 5);
    assert_int_equal(lock.len, 6);
    assert_int_equal(lock.pid, 77);
    put(&node);
}

static void locks_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        u8 type;
        u64 start, len;
    } bad[] = {{3, 0, 0}, {255, 0, 0}, {0, 1ull << 63, 0}, {1, 0, 1ull << 63}, {1, INT64_MAX, 1}, {0, 1, ~0ull}};
    struct node node = must_open("file");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct file_lock lock = {F_WRLCK, 1, 10, 20};
        s.held_type = bad[i].type;
        s.held_start = bad[i].start;
        s.held_len = bad[i].len;
        assert_int_equal(fs->ops->getlock(&node, &lock), -EIO);
        assert_int_equal(lock.type, F_WRLCK);
    }
    put(&node);
}

/* QEMU grants what is asked of a fid that is not open. */
static void never_on_an_unopened_fid(void **state)
{
    (void)state;
    struct file_lock lock = {F_WRLCK, 1, 0, 0};
    struct node node = must_walk("file");
    assert_int_equal(fs->ops->lock(&node, &lock), -EBADF);
    assert_int_equal(fs->ops->getlock(&node, &lock), -EBADF);
    assert_int_equal(s.seen[P9_TLOCK] + s.seen[P9_TGETLOCK], 0);
    put(&node);
}

static void a_server_without_locks(void **state)
{
    (void)state;
    struct file_lock lock = {F_WRLCK, 1, 0, 0};
    struct node node = must_open("file");
    s.lacks = P9_TLOCK;
    assert_int_equal(fs->ops->lock(&node, &lock), -EOPNOTSUPP);
    put(&node);
    assert_no_fids();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(lock_on_the_wire),
        T(every_status),
        T(who_holds_it),
        T(locks_that_cannot_be),
        T(never_on_an_unopened_fid),
        T(a_server_without_locks),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
