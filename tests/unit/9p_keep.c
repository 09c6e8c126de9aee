/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_keep - the data of files that cache=loose keeps, which this guest's own changes drop: tests of kernel/9p_keep.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

enum { KIB = 1024, MIB = 1 << 20, SIZE = 3 * MIB + 777, GREAT = 64 * MIB };

static struct fake_file *data;
static char *content;
static u8 *bytes;

static int mount_loose(void **state)
{
    (void)state;
    mount_client(CACHE_LOOSE);
    bytes = buffer(SIZE + MIB);
    content = malloc(GREAT);
    data = fake_file(top, "data", S_IFREG | 0644, content, 0);
    return 0;
}

/* The host writes the file anew. */
static void host_writes(unsigned version, u64 size)
{
    for (u64 i = 0; i < size; i++)
        content[i] = (char)(fake_byte(i) + version * 101);
    free(data->own);
    data->own = NULL;
    data->data = content;
    data->size = size;
}

static int begin(void **state)
{
    (void)state;
    fs->cache = CACHE_LOOSE;
    p9_cache_free(client);
    assert_int_equal(mem_kept, 0);
    host_writes(0, SIZE);
    data->version = 0;
    fake_9p_forget(&s);
    return 0;
}

static s64 get(struct file *f, u64 len, u64 offset)
{
    struct span span = {mem_phys(bytes), len};
    memset(bytes, 0xee, len + 1);
    s64 got = vfs_read(f, &span, 1, offset);
    assert_true(got < 0 || bytes[got] == 0xee);
    return got;
}

static void must_get(struct file *f, unsigned version, u64 len, u64 offset)
{
    assert_int_equal(get(f, len, offset), len);
    for (u64 i = 0; i < len; i++)
        if (bytes[i] != (u8)(fake_byte(offset + i) + version * 101))
            fail_msg("byte %llu is not of version %u", (unsigned long long)(offset + i), version);
}

/* From one end to the other, and the end. */
static void read_all(unsigned version, u64 size, u64 block)
{
    struct file *f = opened("/s/data", O_RDONLY);
    for (u64 at = 0, n; at < size; at += n)
        must_get(f, version, n = MIN(block, size - at), at);
    assert_int_equal(get(f, block, size), 0);
    vfs_put(f);
}

static unsigned reads(void)
{
    return s.seen[P9_TREAD];
}

/* And with the table of them, if that is large. */
static u64 pages_for(u64 size)
{
    u64 n = (size + 4095) / 4096;
    return n + (n < 128 ? 0 : (n * 8 + 64 + 4095) / 4096);
}

static void what_was_read_is_not_read_again(void **state)
{
    (void)state;
    static const u64 blocks[] = {4 * KIB, 64 * KIB, 1000, 1024, 100 * KIB + 7, 256 * KIB, MIB, SIZE, SIZE + 1};
    static const u64 sizes[] = {1, 12, 4095, 4096, 4097, 100000, 128 * KIB, MIB + 5, SIZE};
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++)
        for (size_t i = 0; i < ARRAY_LEN(blocks) * ARRAY_LEN(sizes); i++) {
            u64 block = blocks[i % ARRAY_LEN(blocks)], size = sizes[i / ARRAY_LEN(blocks)];
            s.order = order;
            begin(NULL);
            host_writes(0, size);
            read_all(0, size, block);
            unsigned before = reads();
            if (block >= 128 * KIB && size > 128 * KIB) /* that costs one copy wherever it comes from */
                continue;
            assert_int_equal(mem_kept, pages_for(size));
            for (size_t k = 0; k < ARRAY_LEN(blocks); k++)
                read_all(0, size, blocks[k]);
            assert_int_equal(reads(), before);
        }
}

static unsigned offers;

static u64 refuse(u64 va, u64 from, u64 to, u64 len)
{
    assert_true((va | from | to | len) % PAGE_SIZE == 0);
    offers++;
    return 0;
}

/* As by read(), to a buffer of whole pages. */
static void read_pages(u64 size, u64 block)
{
    struct file *f = opened("/s/data", O_RDONLY);
    for (u64 at = 0; at < size; at += block) {
        vfs_reader = (struct vfs_reader){refuse, 0x10000000};
        must_get(f, 0, MIN(block, size - at), at);
        vfs_reader.swap = NULL;
    }
    vfs_put(f);
}

/* A large file's pages are offered as in the other modes, and not copied to be kept. */
static void what_is_handed_over_is_not_copied(void **state)
{
    (void)state;
    offers = 0;
    read_pages(SIZE, 64 * KIB);
    assert_true(offers > 0);
    assert_in_range(mem_kept, 0, 80);
    begin(NULL);
    offers = 0;
    read_pages(SIZE, MIB);
    assert_in_range(mem_kept, 2, 3); /* the table */
    begin(NULL);
    host_writes(0, 128 * KIB);
    offers = 0;
    read_pages(128 * KIB, 16 * KIB);
    assert_int_equal(offers, 0);
    assert_int_equal(mem_kept, 32);
}

static void opening_what_is_kept_takes_three_messages(void **state)
{
    (void)state;
    read_all(0, SIZE, 64 * KIB);
    later_rest();
    u64 before = p9_counters(client)->messages;
    read_all(0, SIZE, 64 * KIB);
    later_rest();
    assert_int_equal(p9_counters(client)->messages - before, 3);
}

static void only_this_mode_keeps_data(void **state)
{
    (void)state;
    for (u8 mode = CACHE_NONE; mode <= CACHE_READAHEAD; mode++) {
        fs->cache = mode;
        read_all(0, SIZE, 64 * KIB);
        host_writes(1, SIZE);
        read_all(1, SIZE, 64 * KIB);
        host_writes(0, SIZE);
        assert_int_equal(mem_kept, 0);
    }
    fs->cache = CACHE_LOOSE;
    vfs_put(opened("/s/data", O_RDONLY));
    struct file *f = opened("/s/data", O_RDONLY | O_DIRECT); /* nor with this */
    must_get(f, 0, 64 * KIB, 0);
    must_get(f, 0, 64 * KIB, 0);
    assert_int_equal(mem_kept, 0);
    vfs_put(f);
}

/* Pieces in any order, by two that have it open. */
static void any_part_of_a_file(void **state)
{
    (void)state;
    struct file *f[2] = {opened("/s/data", O_RDONLY), opened("/s/data", O_RDONLY)};
    srand(5);
    for (unsigned i = 0; i < 3000; i++) {
        u64 at = (u64)rand() % SIZE, len = (u64)rand() % (i % 8 ? 9000 : 100000);
        must_get(f[i & 1], 0, MIN(len, SIZE - at), at);
    }
    vfs_put(f[0]);
    vfs_put(f[1]);
    unsigned before = reads();
    read_all(0, SIZE, 4096);
    assert_in_range(reads() - before, 0, 4);
}

/* ---- changes ---- */

static void write_one(struct file *f, u64 at)
{
    u8 *one = buffer(1);
    struct span span = {mem_phys(one), 1};
    *one = 0x5a;
    assert_int_equal(vfs_write(f, &span, 1, at), 1);
    drop(one, 1);
}

static void by_a_write(const char *path)
{
    struct file *f = opened(path, O_RDWR);
    must_get(f, 0, 4096, 0);
    write_one(f, 5);
    assert_int_equal(get(f, 4096, 0), 4096); /* which is gathered yet */
    assert_int_equal(bytes[5], 0x5a);
    vfs_put(f);
}

static void by_an_append(const char *path)
{
    struct file *f = opened(path, O_WRONLY | O_APPEND);
    write_one(f, VFS_CURRENT);
    vfs_put(f);
}

static void by_cutting(const char *path)
{
    struct attr_change size = {.valid = CHANGE_SIZE, .size = 3};
    assert_int_equal(vfs_change_path(NULL, path, 0, &size), 0);
}

static void by_growing(const char *path)
{
    struct attr_change size = {.valid = CHANGE_SIZE, .size = SIZE + 10};
    struct file *f = opened(path, O_RDWR);
    assert_int_equal(vfs_change(f, &size), 0);
    vfs_put(f);
}

static void by_opening(const char *path)
{
    vfs_put(opened(path, O_WRONLY | O_TRUNC));
}

static void by_a_rename(const char *path)
{
    struct file *f = opened("/s/new", O_CREAT | O_WRONLY);
    write_one(f, 0);
    vfs_put(f);
    assert_int_equal(vfs_rename(NULL, "/s/new", NULL, path, 0), 0);
}

/* What somebody has read who still has it open, and what somebody reads who opens it then. */
static void own_changes_are_seen_at_once(void **state)
{
    (void)state;
    static void (*const changes[])(const char *) = {by_a_write, by_an_append, by_cutting,
                                                    by_growing, by_opening,   by_a_rename};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        begin(NULL);
        read_all(0, SIZE, 64 * KIB);
        struct file *reader = opened("/s/data", O_RDONLY);
        must_get(reader, 0, SIZE, 0);
        changes[i]("/s/data");
        const struct fake_file *now = fake_9p_child(s.root, "data", 4);
        struct file *f = opened("/s/data", O_RDONLY);
        for (unsigned again = 0; again < 2; again++) {
            assert_int_equal(get(f, SIZE + 100, 0), now->size);
            assert_memory_equal(bytes, now->own ? now->own : now->data, now->size);
        }
        vfs_put(f);
        assert_int_equal(get(reader, SIZE + 100, 0), now == data ? data->size : SIZE);
        vfs_put(reader);
        assert_true(now != data || i + 1 < ARRAY_LEN(changes));
    }
    assert_int_equal(vfs_unlink(NULL, "/s/data", false), 0);
    data = fake_file(top, "data", S_IFREG | 0644, content, 0);
}

static void by_another_name_too(void **state)
{
    (void)state;
    static void (*const changes[])(const char *) = {by_a_write, by_an_append, by_cutting, by_growing, by_opening};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct fake_file *hard = fake_file(top, "hard", S_IFREG | 0644, content, SIZE);
        hard->ino = data->ino; /* on a host both would be one file; here it is enough that it could be */
        begin(NULL);
        read_all(0, SIZE, 64 * KIB);
        struct file *reader = opened("/s/data", O_RDONLY);
        must_get(reader, 0, SIZE, 0);
        changes[i]("/s/hard");
        host_writes(1, SIZE);
        must_get(reader, 1, SIZE, 0);
        vfs_put(reader);
        read_all(1, SIZE, 64 * KIB);
        assert_int_equal(vfs_unlink(NULL, "/s/hard", false), 0);
    }
}

/* The server numbers the new one as the old one was. */
static void a_number_that_another_file_has_then(void **state)
{
    (void)state;
    vfs_put(opened("/s/first", O_CREAT | O_WRONLY));
    struct fake_file *first = fake_9p_child(s.root, "first", 5);
    first->data = "one";
    first->size = 3;
    struct file *f = opened("/s/first", O_RDONLY);
    assert_int_equal(get(f, 10, 0), 3);
    vfs_put(f);
    assert_int_equal(vfs_unlink(NULL, "/s/first", false), 0);
    assert_int_equal(mem_kept, 0);
    vfs_put(opened("/s/second", O_CREAT | O_WRONLY));
    struct fake_file *second = fake_9p_child(s.root, "second", 6);
    second->ino = first->ino;
    second->data = "two";
    second->size = 3;
    f = opened("/s/second", O_RDONLY);
    assert_int_equal(get(f, 10, 0), 3);
    assert_memory_equal(bytes, "two", 3);
    vfs_put(f);
    assert_int_equal(vfs_unlink(NULL, "/s/second", false), 0);
}

/* Not by promise, but it costs nothing: the way to the file tells its version. */
static void what_the_host_changed_is_seen_by_who_opens_it(void **state)
{
    (void)state;
    for (unsigned version = 1; version < 4; version++) {
        read_all(version - 1, SIZE, 64 * KIB);
        host_writes(version, SIZE);
        data->version = version;
        read_all(version, SIZE, 64 * KIB);
    }
}

/* What was read ahead before that is not kept with what was read then. */
static void what_is_older_than_that_is_not_kept_then(void **state)
{
    (void)state;
    for (unsigned block = 4096; block <= 64 * KIB; block *= 16) {
        begin(NULL);
        struct file *f = opened("/s/data", O_RDONLY);
        for (u64 at = 0; at < 8 * block; at += block)
            must_get(f, 0, block, at);
        host_writes(1, SIZE);
        data->version = 1;
        struct file *again = opened("/s/data", O_RDONLY);
        must_get(again, 1, 4096, 0);
        for (u64 at = 8 * block; at + block <= SIZE; at += block)
            assert_int_equal(get(f, block, at), block);
        vfs_put(f);
        must_get(again, 1, SIZE, 0);
        for (u64 at = 0; at + 4096 <= SIZE; at += 4096)
            must_get(again, 1, 4096, at);
        vfs_put(again);
    }
}

static void a_server_that_is_there_again(void **state)
{
    (void)state;
    read_all(0, SIZE, 64 * KIB);
    struct file *f = opened("/s/data", O_RDONLY);
    host_writes(1, SIZE);
    s.lives = s.die_after = 1;
    assert_int_equal(vfs_mkdir(NULL, "/s/restart", 0755), 0);
    assert_int_equal(s.lives, 0);
    assert_int_equal(mem_kept, 0);
    must_get(f, 1, 4096, 0);
    vfs_put(f);
    read_all(1, SIZE, 64 * KIB);
}

static void a_mount_begins_with_nothing(void **state)
{
    (void)state;
    read_all(0, SIZE, 64 * KIB);
    assert_true(mem_kept > 0);
    assert_int_equal(vfs_unmount(NULL, "/s"), 0);
    assert_int_equal(vfs_mount(fs, "/s", 0), 0);
    assert_int_equal(mem_kept, 0);
    root = vfs_mount_get(1)->root;
}

/* ---- a server that lies ---- */

static void sizes_that_are_none(void **state)
{
    (void)state;
    static const u64 sizes[] = {0, 1, 4096, 100001, GREAT, 1ull << 40, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        begin(NULL);
        host_writes(0, 100000);
        data->size = sizes[i];
        struct file *f = opened("/s/data", O_RDONLY);
        data->size = 100000;
        u64 before = mem_free_count();
        for (unsigned k = 0; k < 3; k++) {
            s64 got = get(f, 200000, 0);
            assert_in_range(got, MIN(sizes[i], 100000u), 100000);
            assert_true(got == 0 || memcmp(bytes, content, (size_t)got) == 0);
        }
        assert_in_range(before - mem_free_count(), 0, 80);
        vfs_put(f);
    }
}

LIE(more_than_asked)
{
    lie_u32(server, req, r);
}

static void case_p24_counts_that_are_too_big_are_not_kept(void **state)
{
    (void)state;
    host_writes(0, 100000);
    lie(P9_TREAD, more_than_asked, AT(7, 4097));
    struct file *f = opened("/s/data", O_RDONLY);
    assert_int_equal(get(f, 4096, 0), -EIO);
    assert_int_equal(mem_kept, 0);
    s.mangle = NULL;
    must_get(f, 0, 4096, 0);
    vfs_put(f);
}

/* A page of which the server gave less is not taken for whole. */
static void a_server_that_gives_little(void **state)
{
    (void)state;
    for (u32 most = 1; most < 9000; most += 1009) {
        begin(NULL);
        host_writes(0, 30000);
        s.max_read = most;
        read_all(0, 30000, 7000);
        s.max_read = 0;
        read_all(0, 30000, 7000);
        read_all(0, 30000, 4096);
    }
}

/* ---- memory ---- */

static void files_that_were_not_read_for_longest_go_first(void **state)
{
    (void)state;
    char path[32];
    u64 pages = mem_free_count(), size = pages / 16 * PAGE_SIZE;
    struct fake_file *files[6];
    unsigned before;
    free(data->own);
    for (unsigned i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "keep%u", i);
        files[i] = fake_file(top, strdup(path), S_IFREG | 0644, NULL, size);
    }
    for (unsigned i = 0; i < 2 * ARRAY_LEN(files) + 3; i++) {
        /* 0 1 2 0 1 2 0 1 2 are few enough; then 3 4 5 drive out what is older. */
        unsigned n = i < 9 ? i % 3 : i - 6;
        if (n >= ARRAY_LEN(files))
            break;
        snprintf(path, sizeof path, "/s/keep%u", n);
        struct file *f = opened(path, O_RDONLY);
        before = reads();
        for (u64 at = 0; at < size; at += 64 * KIB)
            assert_in_range(get(f, 64 * KIB, at), 1, 64 * KIB);
        vfs_put(f);
        assert_int_equal(reads() == before, i >= 3 && i < 9);
        assert_in_range(mem_kept, size / PAGE_SIZE, pages / 4);
    }
    struct file *f = opened("/s/keep5", O_RDONLY);
    before = reads();
    assert_in_range(get(f, MIB, 0), 1, MIB);
    assert_int_equal(reads(), before);
    vfs_put(f);
}

/* All of it, whatever lies between, with a message on its way. */
static void memory_is_given_back(void **state)
{
    (void)state;
    p9_cache_free(client);
    u64 pa[4096], free_before = mem_free_count();
    read_all(0, SIZE, 64 * KIB);
    assert_true(mem_kept >= SIZE / PAGE_SIZE);
    unsigned n = 0;
    while (n < ARRAY_LEN(pa) && (pa[n] = mem_pages(16, PAGE_SIZE)) != 0)
        n++;
    assert_int_equal(mem_kept, 0);
    read_all(0, SIZE, 64 * KIB); /* with nothing free nothing is kept */
    assert_int_equal(mem_kept, 0);
    while (n)
        mem_pages_free(pa[--n], 16);
    p9_cache_free(client);
    assert_in_range(mem_free_count(), free_before - 64, free_before);
}

static void a_file_that_is_too_long_is_not_kept(void **state)
{
    (void)state;
    u64 size = (mem_free_count() / 8 + 1) * PAGE_SIZE;
    data->data = NULL;
    data->size = size;
    struct file *f = opened("/s/data", O_RDONLY);
    for (u64 at = 0; at < size; at += 64 * KIB)
        assert_in_range(get(f, 64 * KIB, at), 1, 64 * KIB);
    assert_int_equal(mem_kept, 0);
    vfs_put(f);
}

/* Of files that come in large blocks nothing is kept but that they are there: that is little, and counts as well. */
static void files_of_which_nothing_is_kept(void **state)
{
    (void)state;
    enum { FILES = 1000, EACH = 2 * MIB };
    char path[32];
    u64 before = mem_free_count();
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "large%u", i);
        fake_file(top, strdup(path), S_IFREG | 0644, NULL, EACH);
        snprintf(path, sizeof path, "/s/large%u", i);
        struct file *f = opened(path, O_RDONLY);
        assert_int_equal(get(f, MIB, 0), MIB);
        vfs_put(f);
        assert_in_range(mem_kept, 1, before / 4);
    }
    assert_in_range(before - mem_free_count() - mem_kept, 0, 200);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, keeps_rules)
    const struct CMUnitTest tests[] = {
        T(what_was_read_is_not_read_again),
        T(what_is_handed_over_is_not_copied),
        T(opening_what_is_kept_takes_three_messages),
        T(only_this_mode_keeps_data),
        T(any_part_of_a_file),
        T(own_changes_are_seen_at_once),
        T(by_another_name_too),
        T(a_number_that_another_file_has_then),
        T(what_the_host_changed_is_seen_by_who_opens_it),
        T(what_is_older_than_that_is_not_kept_then),
        T(a_server_that_is_there_again),
        T(a_mount_begins_with_nothing),
        T(sizes_that_are_none),
        T(case_p24_counts_that_are_too_big_are_not_kept),
        T(a_server_that_gives_little),
        T(files_that_were_not_read_for_longest_go_first),
        T(memory_is_given_back),
        T(a_file_that_is_too_long_is_not_kept),
        T(files_of_which_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, mount_loose, NULL);
}
