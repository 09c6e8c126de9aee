/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_gather - small writes that go out together: tests of kernel/9p_gather.c. Nobody in the guest misses a byte, and none is lost unsaid. */
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

enum { BYTES = 1 << 20 };

static u8 *bytes;
static struct fake_file *out;
static u64 free_before;

static int begin(void **state)
{
    int err = start(state);
    bytes = bytes ? bytes : buffer(BYTES);
    out = fake_file(top, "out", S_IFREG | 0644, "", 0);
    fs->cache = CACHE_READAHEAD;
    free_before = mem_free_count();
    return err;
}

static int end(void **state)
{
    s.refuse = 0;
    s.room = 0;
    if (!s.dead)
        assert_no_fids();
    free(out->own);
    out->own = NULL;
    return finish(state);
}

/* n writes of `size` bytes on end, of a pattern. */
static u64 write_on(struct node *node, u64 offset, unsigned n, u64 size)
{
    while (n--) {
        for (u64 i = 0; i < size; i++)
            bytes[i] = fake_byte(offset + i);
        assert_int_equal(write_at(node, bytes, size, offset), size);
        offset += size;
    }
    return offset;
}

static void assert_out(u64 size)
{
    assert_int_equal(out->size, size);
    for (u64 i = 0; i < size; i++)
        if ((u8)out->data[i] != fake_byte(i))
            fail_msg("byte %llu is wrong", (unsigned long long)i);
}

static unsigned writes(void)
{
    return s.seen[P9_TWRITE];
}

static void small_writes_go_out_together(void **state)
{
    (void)state;
    static const u64 sizes[] = {1, 100, 1000, 4096, 50000, 65535};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct node node = must_open_with("out", O_RDWR | O_TRUNC);
        unsigned before = writes();
        u64 size = write_on(&node, 0, 600, sizes[i]);
        assert_in_range(writes() - before, 0, size / (192 * 1024) + 1);
        assert_int_equal(fs->ops->flush(&node, true), 0);
        assert_out(size);
        assert_in_range(writes() - before, 1, size / (192 * 1024) + 1);
        put(&node);
    }
}

static void nothing_is_gathered(unsigned n)
{
    struct node node = must_open_with("out", O_RDWR | O_TRUNC);
    node.through = n == 2;
    unsigned before = writes();
    write_on(&node, 0, 20, n == 3 ? 65536 : 100);
    assert_int_equal(writes() - before, 20);
    put(&node);
}

static void where_each_write_counts_nothing_is_gathered(void **state)
{
    (void)state;
    fs->cache = CACHE_NONE;
    nothing_is_gathered(0);
    fs->cache = CACHE_LOOSE;
    fs->sync = true;
    nothing_is_gathered(1);
    fs->sync = false;
    nothing_is_gathered(2);
    nothing_is_gathered(3);
}

static struct node other;

static void by_close(struct node *node)
{
    put(node);
    *node = must_open_with("out", O_RDWR);
}

static void by_fsync(struct node *node)
{
    assert_int_equal(fs->ops->fsync(node, false), 0);
}

static void by_asking(struct node *node)
{
    struct attr attr;
    assert_int_equal(fs->ops->getattr(node, &attr), 0);
    assert_int_equal(attr.size, 1000);
}

static void by_asking_elsewhere(struct node *node)
{
    struct attr attr;
    (void)node;
    assert_int_equal(fs->ops->getattr(&other, &attr), 0);
    assert_int_equal(attr.size, 1000);
}

static void by_looking_up(struct node *node)
{
    struct node found = must_walk("file");
    (void)node;
    put(&found);
}

static void by_reading(struct node *node)
{
    assert_int_equal(read_at(node, bytes, 4096, 0), 1000);
    assert_pattern(bytes, 1000, 0);
}

static void by_reading_elsewhere(struct node *node)
{
    (void)node;
    assert_int_equal(read_at(&other, bytes, 4096, 10), 990);
    assert_pattern(bytes, 990, 10);
}

static void by_writing_elsewhere(struct node *node)
{
    (void)node;
    bytes[0] = fake_byte(5);
    assert_int_equal(write_at(&other, bytes, 1, 5), 1);
}

static void by_writing_somewhere(struct node *node)
{
    bytes[0] = fake_byte(5);
    assert_int_equal(write_at(node, bytes, 1, 5), 1);
}

static void by_truncating(struct node *node)
{
    struct attr_change cut = {.valid = CHANGE_SIZE, .size = 1000};
    (void)node;
    assert_int_equal(fs->ops->setattr(&other, &cut), 0);
}

static void by_asking_how_much_room_there_is(struct node *node)
{
    struct fs_stat st;
    assert_int_equal(fs->ops->statfs(node, &st), 0);
}

static void by_mounting_anew(struct node *node)
{
    struct node again;
    (void)node;
    assert_int_equal(fs->ops->attach(fs, &again), 0);
    put(&again);
}

static void by_syncing_elsewhere(struct node *node)
{
    (void)node;
    assert_int_equal(fs->ops->fsync(&other, false), 0);
}

static void by_locking(struct node *node)
{
    struct file_lock lock = {.type = F_WRLCK};
    assert_int_equal(fs->ops->lock(node, &lock), 0);
}

static void whoever_could_miss_bytes_has_them_sent(void **state)
{
    (void)state;
    static void (*const ways[])(struct node *) = {by_close,
                                                  by_fsync,
                                                  by_asking,
                                                  by_asking_elsewhere,
                                                  by_looking_up,
                                                  by_reading,
                                                  by_locking,
                                                  by_reading_elsewhere,
                                                  by_writing_elsewhere,
                                                  by_writing_somewhere,
                                                  by_truncating,
                                                  by_syncing_elsewhere,
                                                  by_asking_how_much_room_there_is,
                                                  by_mounting_anew};
    for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
        out->size = 0;
        struct node node = must_open_with("out", O_RDWR | O_TRUNC);
        other = must_open_with("out", O_RDWR);
        write_on(&node, 0, 10, 100);
        assert_int_equal(out->size, 0);
        ways[way](&node);
        assert_out(1000);
        put(&node);
        put(&other);
        assert_out(1000);
    }
}

/* ---- errors ---- */

static void a_lost_write_is_told_once(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct node node = must_open_with("out", O_RDWR | O_TRUNC);
        write_on(&node, 0, 3, 100);
        s.refuse = P9_TWRITE;
        s.arg = EIO;
        if (how == 3) { /* somebody else's question finds it out */
            struct attr attr;
            assert_int_equal(fs->ops->getattr(&node, &attr), 0);
        }
        if (how == 0)
            assert_int_equal(fs->ops->flush(&node, true), -EIO);
        else if (how == 1)
            assert_int_equal(fs->ops->fsync(&node, false), -EIO);
        else
            assert_int_equal(write_at(&node, bytes, 1, how == 2 ? 5000 : 300), -EIO);
        s.refuse = 0;
        assert_int_equal(fs->ops->flush(&node, true), 0);
        write_on(&node, 0, 1, 100);
        put(&node);
        assert_out(100);
        assert_int_equal(fake_log_count("had not taken all"), 0);
    }
}

/* By another descriptor of the file, and then by the one that wrote it: each is told once. */
static void who_syncs_the_file_sends_what_others_wrote(void **state)
{
    (void)state;
    for (unsigned fails = 0; fails < 2; fails++) {
        struct node node = must_open_with("out", O_RDWR | O_TRUNC), reader = must_open_with("out", O_RDONLY);
        write_on(&node, 0, 3, 100);
        s.refuse = fails ? P9_TWRITE : 0;
        s.arg = EIO;
        assert_int_equal(fs->ops->fsync(&reader, true), fails ? -EIO : 0);
        s.refuse = 0;
        if (!fails)
            assert_out(300);
        assert_int_equal(fs->ops->fsync(&reader, true), 0);
        assert_int_equal(fs->ops->fsync(&node, true), fails ? -EIO : 0);
        assert_int_equal(fs->ops->fsync(&node, true), 0);
        put(&reader);
        put(&node);
        assert_int_equal(fake_log_count("had not taken all"), 0);
    }
}

static void where_nobody_is_left_the_log_is_told(void **state)
{
    (void)state;
    struct node node = must_open_with("out", O_RDWR | O_TRUNC);
    write_on(&node, 0, 3, 100);
    s.refuse = P9_TWRITE;
    s.arg = EIO;
    put(&node);
    assert_int_equal(fake_log_count("had not taken all"), 1);
}

static void when_room_runs_out(void **state)
{
    (void)state;
    struct node node = must_open_with("out", O_RDWR | O_TRUNC);
    s.room = 20000;
    write_on(&node, 0, 50, 1000);
    assert_int_equal(fs->ops->flush(&node, true), -ENOSPC);
    assert_out(20000);
    put(&node);
}

/* What was not sent can be sent in the next session; what was on its way may have been carried out or not. */
static void c12_a_reset_between_and_within(void **state)
{
    (void)state;
    struct node node = must_open_with("out", O_RDWR | O_TRUNC);
    s.lives = 2;
    write_on(&node, 0, 10, 100);
    fake_9p_kill(&s);
    assert_int_equal(fs->ops->flush(&node, true), 0);
    assert_out(1000);
    write_on(&node, 1000, 10, 100);
    s.die_wait = 1;
    assert_int_equal(fs->ops->flush(&node, true), -EIO);
    assert_int_equal(fs->ops->flush(&node, true), 0);
    put(&node);
    assert_int_equal(fake_log_count("had not taken all"), 0);
}

static void many_files_and_no_memory(void **state)
{
    (void)state;
    static struct fake_file *files[20];
    static char names[20][8];
    struct node nodes[20];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "many%u", i);
        files[i] = fake_file(top, names[i], S_IFREG | 0644, "", 0);
        nodes[i] = must_open_with(names[i], O_RDWR);
    }
    for (unsigned step = 0; step < 400; step++)
        write_on(&nodes[step % 20], step / 20 * 100, 1, 100);
    u64 taken = mem_free_count() - 200, pa = mem_pages(taken, PAGE_SIZE);
    struct node node = must_open_with("out", O_RDWR);
    unsigned before = writes();
    write_on(&node, 0, 5, 100);
    assert_int_equal(writes() - before, 5);
    put(&node);
    if (pa)
        mem_pages_free(pa, taken);
    for (unsigned i = 0; i < 20; i++) {
        put(&nodes[i]);
        assert_int_equal(files[i]->size, 2000);
        for (u64 k = 0; k < 2000; k++)
            assert_int_equal((u8)files[i]->data[k], fake_byte(k));
        free(files[i]->own);
        files[i]->own = NULL;
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(small_writes_go_out_together),
        T(where_each_write_counts_nothing_is_gathered),
        T(whoever_could_miss_bytes_has_them_sent),
        T(a_lost_write_is_told_once),
        T(who_syncs_the_file_sends_what_others_wrote),
        T(where_nobody_is_left_the_log_is_told),
        T(when_room_runs_out),
        T(c12_a_reset_between_and_within),
        T(many_files_and_no_memory),
        cmocka_unit_test(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
