/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_xattr - extended attributes of a share: tests of kernel/9p_xattr.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

#define ROOT ((u32)root.id)
static u8 *value; /* XATTR_SIZE_MAX bytes */

static int set(const char *name, u64 size, u32 how)
{
    return fs->ops->setxattr(&root, name_of(name), size ? value : NULL, size, how);
}

static s64 get(const char *name, u64 size)
{
    memset(value, 0xee, XATTR_SIZE_MAX);
    return fs->ops->getxattr(&root, name_of(name), size ? value : NULL, size);
}

static void set_get_list_remove(void **state)
{
    (void)state;
    memcpy(value, "one value", 9);
    assert_int_equal(set("user.one", 9, 0), 0);
    assert_sent(P9_TXATTRCREATE, 25 + 8, "4s84", ROOT + 1, "user.one", 9ull, 0u);
    assert_sent(P9_TWRITE, 23 + 9, "484d", ROOT + 1, 0ull, 9u, "one value", 9ull);
    assert_sent(P9_TCLUNK, 11, "4", ROOT + 1);
    assert_int_equal(get("user.one", 100), 9);
    assert_sent(P9_TXATTRWALK, 17 + 8, "44s", ROOT, ROOT + 1, "user.one");
    assert_memory_equal(value, "one value\xee", 10);
    assert_int_equal(get("user.one", 9), 9);
    assert_int_equal(get("user.one", 0), 9); /* only asks */
    assert_int_equal(get("user.one", 8), -ERANGE);
    assert_int_equal(value[0], 0xee);
    assert_int_equal(get("user.none", 100), -ENODATA);
    assert_int_equal(get("", 100), 12 + 9);
    assert_memory_equal(value, "user.always\0user.one\0", 21);
    assert_int_equal(get("", 20), -ERANGE);
    assert_int_equal(set("user.one", 0, 0), 0);
    assert_sent(P9_TXATTRCREATE, 25 + 8, "4s84", ROOT + 1, "user.one", 0ull, 0u);
    assert_int_equal(set("user.one", 0, 0), -ENODATA); /* what Rclunk says */
    assert_int_equal(get("", 100), 12);
    assert_no_fids();
}

static void create_and_replace(void **state)
{
    (void)state;
    memset(value, 'v', 10);
    assert_int_equal(set("user.a", 5, XATTR_REPLACE), -ENODATA);
    assert_int_equal(set("user.a", 5, XATTR_CREATE), 0);
    assert_int_equal(set("user.a", 6, XATTR_CREATE), -EEXIST);
    assert_int_equal(set("user.a", 7, XATTR_REPLACE), 0);
    assert_int_equal(get("user.a", 100), 7);
    assert_no_fids();
}

/* The largest that there is, in messages of the smallest msize, whole and in short pieces. */
static void values_of_64_kib(void **state)
{
    (void)state;
    for (u32 piece = 0; piece <= 1000; piece += 1000) {
        make_client();
        s.msize_max = 4096;
        s.max_write = s.max_read = piece;
        assert_int_equal(fs->ops->attach(fs, &root), -90);
        s.msize_max = 8192;
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        for (u64 i = 0; i < XATTR_SIZE_MAX; i++)
            value[i] = fake_byte(i);
        assert_int_equal(set("user.big", XATTR_SIZE_MAX, 0), 0);
        assert_int_equal(get("user.big", XATTR_SIZE_MAX), XATTR_SIZE_MAX);
        assert_pattern(value, XATTR_SIZE_MAX, 0);
        assert_no_fids();
    }
}

LIE(lie_value_size)
{
    struct wire w = wire_over(r->bytes + 7, 8);
    wire_put64(&w, server->arg);
}

static void sizes_that_cannot_be(void **state)
{
    (void)state;
    static const u64 sizes[] = {XATTR_SIZE_MAX + 1, 1ull << 32, 1ull << 63, ~0ull};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        lie(P9_TXATTRWALK, lie_value_size, sizes[i]);
        assert_int_equal(get("user.always", 100), -EIO);
        assert_int_equal(get("user.always", 0), -EIO);
        assert_no_fids();
    }
    lie(P9_TXATTRWALK, lie_value_size, 6); /* more than comes */
    assert_int_equal(get("user.always", 100), -EIO);
    lie(P9_TXATTRWALK, lie_value_size, 4); /* less: what lies behind is not asked for */
    assert_int_equal(get("user.always", 100), 4);
    assert_int_equal(value[4], 0xee);
    assert_no_fids();
}

static void writes_that_stop(void **state)
{
    (void)state;
    memset(value, 'v', 100);
    lie(P9_TWRITE, lie_u32, AT(7, 0)); /* "nothing written" */
    assert_int_equal(set("user.a", 100, 0), -EIO);
    lie(P9_TWRITE, lie_u32, AT(7, 101));
    assert_int_equal(set("user.a", 100, 0), -EIO);
    assert_no_fids();
    s.mangle = NULL;
    s.refuse = P9_TWRITE;
    s.arg = ENOSPC;
    assert_int_equal(set("user.b", 100, 0), -ENOSPC);
    s.refuse = 0;
    assert_int_equal(get("user.b", 0), -ENODATA); /* a value that is not whole is none */
    assert_no_fids();
}

static void the_error_of_the_commit_is_the_result(void **state)
{
    (void)state;
    static const u32 errors[] = {ENOSPC, EPERM, EOPNOTSUPP, 122};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        lie(P9_TCLUNK, lie_error, errors[i]);
        assert_int_equal(set("user.a", 5, 0), -(int)errors[i]);
        assert_no_fids();
    }
}

static void every_step_may_fail(void **state)
{
    (void)state;
    static const u8 steps[] = {P9_TWALK, P9_TXATTRCREATE, P9_TWRITE, P9_TCLUNK};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        s.refuse = steps[i];
        s.arg = EPERM;
        assert_int_equal(set("user.a", 5, 0), -EPERM);
        s.refuse = 0;
        assert_no_fids();
    }
    s.refuse = P9_TXATTRWALK;
    s.arg = EOPNOTSUPP;
    assert_int_equal(get("user.a", 5), -EOPNOTSUPP);
    s.refuse = P9_TREAD;
    s.arg = EIO;
    assert_int_equal(get("user.always", 5), -EIO);
    s.refuse = 0;
    assert_no_fids();
}

static int begin(void **state)
{
    value = buffer(XATTR_SIZE_MAX);
    return start(state);
}

static int end(void **state)
{
    drop(value, XATTR_SIZE_MAX);
    return finish(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(set_get_list_remove), T(create_and_replace),
        T(values_of_64_kib),    T(sizes_that_cannot_be),
        T(writes_that_stop),    T(the_error_of_the_commit_is_the_result),
        T(every_step_may_fail), T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
