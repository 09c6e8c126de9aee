/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pipefs - pipes: tests of kernel/pipefs.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "mem.h"
#include "pipefs.h"
#include "vfs.h"

enum { SIZE = 65536 };

static struct file *ends[2];
static u8 *bytes; /* twice SIZE */

static int begin(void **state)
{
    (void)state;
    fake_reset();
    if (!bytes)
        bytes = mem_virt(mem_pages(2 * SIZE / PAGE_SIZE, PAGE_SIZE));
    return pipefs_make(0, ends);
}

static s64 put(const char *text, u64 n)
{
    memcpy(bytes, text, n);
    return vfs_write(ends[1], &(struct span){mem_phys(bytes), n}, 1, VFS_CURRENT);
}

static s64 get(u64 n)
{
    memset(bytes, 0xee, n);
    return vfs_read(ends[0], (struct span[]){{mem_phys(bytes), n / 2}, {mem_phys(bytes) + n / 2, n - n / 2}}, 2,
                    VFS_CURRENT);
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    assert_int_equal(put("wool", 4), 4);
    assert_int_equal(put("len", 3), 3);
    assert_int_equal(get(5), 5);
    assert_memory_equal(bytes, "wooll", 5);
    assert_int_equal(get(100), 2);
    assert_memory_equal(bytes, "en", 2);
    assert_int_equal(get(100), -EAGAIN);
    assert_int_equal(get(0), 0);
    vfs_put(ends[0]);
    vfs_put(ends[1]);
}

static void round_the_end(void **state)
{
    (void)state;
    u8 in = 0, out = 0;
    for (unsigned turn = 0; turn < 40; turn++) {
        for (unsigned i = 0; i < 5000; i++)
            bytes[i] = in++;
        assert_int_equal(vfs_write(ends[1], &(struct span){mem_phys(bytes), 5000}, 1, VFS_CURRENT), 5000);
        assert_int_equal(get(turn % 2 ? 9000 : 1000), turn % 2 ? 9000 : 1000);
        for (unsigned i = 0; i < (turn % 2 ? 9000 : 1000); i++)
            assert_int_equal(bytes[i], out++);
    }
    vfs_put(ends[0]);
    vfs_put(ends[1]);
}

static void full(void **state)
{
    (void)state;
    struct span all = {mem_phys(bytes), SIZE + 1000};
    int waiting;
    assert_int_equal(vfs_write(ends[1], &all, 1, VFS_CURRENT), SIZE);
    assert_int_equal(vfs_write(ends[1], &all, 1, VFS_CURRENT), -EAGAIN);
    assert_int_equal(vfs_poll(ends[1]), 0);
    assert_int_equal(vfs_ioctl(ends[0], FIONREAD, &waiting, 4), 0);
    assert_int_equal(waiting, SIZE);
    assert_int_equal(get(10), 10);
    assert_int_equal(put("eleven bytes", 11), -EAGAIN); /* so few go in at once or not at all */
    assert_int_equal(vfs_poll(ends[1]), 0);
    assert_int_equal(get(4086), 4086);
    assert_int_equal(vfs_poll(ends[1]), POLLOUT | POLLWRNORM);
    assert_int_equal(vfs_write(ends[1], &all, 1, VFS_CURRENT), 4096);
    vfs_put(ends[0]);
    vfs_put(ends[1]);
}

static void ends_that_are_closed(void **state)
{
    (void)state;
    assert_int_equal(vfs_poll(ends[0]), 0);
    assert_int_equal(vfs_poll(ends[1]), POLLOUT | POLLWRNORM);
    put("last", 4);
    vfs_put(ends[1]);
    assert_int_equal(vfs_poll(ends[0]), POLLIN | POLLRDNORM | POLLHUP);
    assert_int_equal(get(100), 4);
    assert_int_equal(get(100), 0);
    assert_int_equal(vfs_poll(ends[0]), POLLHUP);
    vfs_put(ends[0]);
    assert_int_equal(pipefs_make(0, ends), 0);
    vfs_put(ends[0]);
    assert_int_equal(vfs_poll(ends[1]) & POLLERR, POLLERR);
    assert_int_equal(put("x", 1), -EPIPE);
    vfs_put(ends[1]);
}

static void what_it_is(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev;
    assert_int_equal(vfs_getattr(ends[0], &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFIFO | 0600);
    assert_int_equal(vfs_seek(ends[0], 0, 1), -ESPIPE);
    assert_int_equal(vfs_write(ends[0], NULL, 0, VFS_CURRENT), -EBADF);
    assert_int_equal(vfs_read(ends[1], NULL, 0, VFS_CURRENT), -EBADF);
    assert_int_equal(vfs_read(ends[0], NULL, 0, 5), -ESPIPE);
    assert_int_equal(vfs_ioctl(ends[0], 0x5401, bytes, 36), -ENOTTY);
    vfs_put(ends[0]);
    vfs_put(ends[1]);
}

static void nothing_is_kept(void **state)
{
    (void)state;
    vfs_put(ends[0]);
    vfs_put(ends[1]);
    u64 before = mem_free_count();
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pipefs_make(0, ends), 0);
        put("x", 1);
        vfs_put(ends[i % 2]);
        vfs_put(ends[1 - i % 2]);
    }
    assert_int_equal(mem_free_count(), before);
}

/* With whatever memory there is, all of it or nothing. */
static void without_memory(void **state)
{
    (void)state;
    vfs_put(ends[0]);
    vfs_put(ends[1]);
    static u64 held[1 << 18];
    u64 pages = 0;
    while (pages < ARRAY_LEN(held) && (held[pages] = mem_pages(1, PAGE_SIZE)))
        pages++;
    u64 before = mem_free_count();
    assert_int_equal(pipefs_make(0, ends), -ENOMEM);
    assert_int_equal(mem_free_count(), before);
    while (pages)
        mem_pages_free(held[--pages], 1);
    assert_int_equal(pipefs_make(0, ends), 0);
    vfs_put(ends[0]);
    vfs_put(ends[1]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(what_goes_in_comes_out), T(round_the_end),  T(full), T(ends_that_are_closed), T(what_it_is),
        T(nothing_is_kept),        T(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
