/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_io - reads and writes in parallel: tests of kernel/9p_io.c. Names carry the client rule (C) or the hostile case (P) that they show. */
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
#include "share.h"
#include "wire.h"

enum { MIB = 1 << 20 };

/* Attaches again with a small msize, so that a read takes many messages: 61,440 bytes each. */
static void small_messages(void)
{
    make_client();
    s.msize_max = 65536;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
}

/* ---- reading ---- */

static void big_reads_keep_eight_messages_in_flight(void **state)
{
    (void)state;
    u8 *bytes = buffer(4 * MIB);
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++) {
        small_messages();
        s.order = order;
        struct node node = must_open("big");
        assert_int_equal(read_at(&node, bytes, 4 * MIB, 0), 3000000);
        assert_pattern(bytes, 3000000, 0);
        assert_int_equal(bytes[3000000], 0xee);
        assert_int_equal(s.most_in_flight, 8);
        assert_int_equal(s.seen[P9_TREAD], 49); /* and none behind the size that is known */
        assert_int_equal(*(const wire64 *)(s.sent[P9_TREAD] + 11) + s.last_read_count, 3000000);
        assert_int_equal(read_at(&node, bytes, 4 * MIB, 3000000), 0);
        assert_int_equal(s.seen[P9_TREAD], 50);
        assert_int_equal(read_at(&node, bytes, 4 * MIB, 1ull << 40), 0);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, 4 * MIB);
}

/* What takes two messages is not one long one and one short one. */
static void parts_are_of_one_length(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    struct node node;
    small_messages();
    node = must_open_with("big", O_RDWR);
    assert_int_equal(read_at(&node, bytes, 65536, 0), 65536);
    assert_int_equal(s.seen[P9_TREAD], 2);
    assert_int_equal(s.last_read_count, 32768);
    assert_int_equal(read_at(&node, bytes, 200001, 7), 200001);
    assert_int_equal(s.seen[P9_TREAD], 2 + 4);
    assert_int_equal(s.last_read_count, 200001 - 53248 - 2 * 49152); /* in whole pages */
    assert_int_equal(write_at(&node, bytes, 65536, 0), 65536);
    assert_int_equal(s.seen[P9_TWRITE], 2);
    assert_int_equal(s.sent_len[P9_TWRITE], 23 + 32768);
    /* What there is is one message's, however much was asked for; the next asks whether there is more. */
    assert_int_equal(read_at(&node, bytes, MIB, 3000000 - 61440), 61440);
    assert_int_equal(s.seen[P9_TREAD], 2 + 4 + 2);
    put(&node);
    drop(bytes, MIB);
}

static void every_offset_and_length(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    struct node node = must_open("big");
    srand(9);
    for (int i = 0; i < 200; i++) {
        u64 offset = (u64)rand() % 3000100, len = (u64)rand() % 5000;
        u64 want = offset < 3000000 ? MIN(len, 3000000 - offset) : 0;
        assert_int_equal(read_at(&node, bytes, len, offset), want);
        assert_pattern(bytes, want, offset);
    }
    drop(bytes, MIB);
    put(&node);
}

static u64 seen_pa;

LIE(look_at_payload)
{
    seen_pa = req->npayload == 1 ? req->payload[0].pa : 0;
    assert_int_equal(req->in.len, 11);
}

static void c03_data_goes_straight_to_the_callers_memory(void **state)
{
    (void)state;
    u8 *bytes = buffer(PAGE_SIZE);
    struct node node = must_open("file");
    lie(P9_TREAD, look_at_payload, 0);
    assert_int_equal(read_at(&node, bytes + 5, 4000, 7), 5);
    assert_int_equal(seen_pa, mem_phys(bytes + 5));
    assert_memory_equal(bytes + 5, "world", 5);
    assert_int_equal(s.last_read_count, 5); /* C9 */
    drop(bytes, PAGE_SIZE);
    put(&node);
}

static void scattered_memory(void **state)
{
    (void)state;
    static struct span spans[1000];
    u8 *bytes = buffer(4 * MIB);
    u64 total = 0;
    srand(3);
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) { /* descending, with holes and empty ones between */
        u64 len = i % 7 ? 1 + (u64)rand() % 1500 : 0;
        spans[i] = (struct span){mem_phys(bytes) + 4 * MIB - (i + 1) * 3000, len};
        total += len;
    }
    for (unsigned max = 1; max <= P9_SPANS; max += 25) {
        memset(bytes, 0, 4 * MIB);
        s.link.max_spans = max;
        s.order = FAKE_SHUFFLED;
        struct node node = must_open("big");
        assert_int_equal(fs->ops->read(&node, spans, ARRAY_LEN(spans), 1000), total);
        u64 at = 1000;
        for (size_t i = 0; i < ARRAY_LEN(spans); at += spans[i++].len)
            assert_pattern(mem_virt(spans[i].pa), spans[i].len, at);
        put(&node);
    }
    drop(bytes, 4 * MIB);
}

static void short_replies_are_continued(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    struct node node = must_open("big");
    s.max_read = 100000;
    assert_int_equal(read_at(&node, bytes, MIB, 17), MIB);
    assert_pattern(bytes, MIB, 17);
    drop(bytes, MIB);
    put(&node);
}

/* A file whose size says nothing, as under /proc: one message for each read, and what it brings is the answer. */
static void size_unknown(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    small_messages();
    file->size = 0;
    struct node node = must_open("file");
    file->size = 12;
    fake_9p_forget(&s);
    assert_int_equal(read_at(&node, bytes, MIB, 0), 12);
    assert_int_equal(s.seen[P9_TREAD], 1);
    assert_int_equal(read_at(&node, bytes, MIB, 12), 0);
    assert_int_equal(s.seen[P9_TREAD], 2);
    drop(bytes, MIB);
    put(&node);
}

/* ---- what is known of a file's size ---- */

static void c09_a_read_right_behind_the_open_asks_for_no_more_than_there_is(void **state)
{
    (void)state;
    struct attr attr;
    u8 *bytes = buffer(MIB);
    struct node node = must_open("file");
    assert_int_equal(read_at(&node, bytes, MIB, 0), 12);
    assert_int_equal(s.last_read_count, 12);
    assert_int_equal(fs->ops->getattr(&node, &attr), 0); /* as programs do that make their buffers by it */
    assert_int_equal(read_at(&node, bytes, MIB, 5), 7);
    assert_int_equal(s.last_read_count, 7);
    assert_int_equal(s.seen[P9_TREAD], 2);
    drop(bytes, MIB);
    put(&node);
}

/* Whatever the host appended before a read began comes with that read. */
static void c09_case_h4_a_file_that_grows(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    struct attr attr;
    small_messages();
    for (int how = 0; how < 4; how++) {
        big->size = 1000;
        struct node node = must_open("big");
        big->size = 200000;
        if (how == 0)
            fake_beat(1); /* time went by, */
        if (how == 1)
            assert_int_equal(op_getattr(), 0); /* or something was asked, */
        if (how == 2)
            assert_int_equal(fs->ops->getattr(&node, &attr), 0); /* or just this */
        if (how == 3)
            vfs_heard++; /* or a device was looked at */
        assert_int_equal(read_at(&node, bytes, MIB, 0), 200000);
        assert_pattern(bytes, 200000, 0);
        big->size = 300000;
        assert_int_equal(read_at(&node, bytes, MIB, 0), 300000);
        assert_int_equal(read_at(&node, bytes, MIB, 300000), 0);
        big->size = 300001;
        assert_int_equal(read_at(&node, bytes, MIB, 300000), 1);
        put(&node);
    }
    drop(bytes, MIB);
}

static void c09_what_another_fid_wrote_is_read(void **state)
{
    (void)state;
    u8 *bytes = buffer(4096);
    struct node reader = must_open("file"), writer = must_open_with("file", O_WRONLY | O_APPEND);
    assert_int_equal(read_at(&reader, bytes, 4096, 0), 12);
    struct node fresh = must_open("file");
    memcpy(bytes, " and more", 9);
    assert_int_equal(write_at(&writer, bytes, 9, 0), 9);
    assert_int_equal(read_at(&fresh, bytes, 4096, 0), 21);
    assert_memory_equal(bytes, "hello, world and more", 21);
    assert_int_equal(read_at(&reader, bytes, 4096, 12), 9);
    put(&reader);
    put(&writer);
    put(&fresh);
    drop(bytes, 4096);
}

static void case_h2_p26_a_file_that_shrinks(void **state)
{
    (void)state;
    u8 *bytes = buffer(4 * MIB);
    small_messages();
    struct node node = must_open("big");
    big->size = 100000;
    assert_int_equal(read_at(&node, bytes, 4 * MIB, 0), 100000);
    assert_int_equal(read_at(&node, bytes, 4 * MIB, 100000), 0);
    big->size = 0;
    assert_int_equal(read_at(&node, bytes, 4 * MIB, 0), 0);
    drop(bytes, 4 * MIB);
    put(&node);
}

static void beyond_4_gib(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    small_messages();
    big->size = 5ull << 30;
    struct node node = must_open("big");
    assert_int_equal(read_at(&node, bytes, MIB, (5ull << 30) - 1000), 1000);
    assert_pattern(bytes, 1000, (5ull << 30) - 1000);
    assert_int_equal(read_at(&node, bytes, MIB, 0xfffff000), MIB);
    assert_pattern(bytes, MIB, 0xfffff000);
    drop(bytes, MIB);
    put(&node);
}

LIE(fail_nth) /* the arg-th Tread from now on */
{
    if (server->arg-- == 0) {
        u64 left = server->arg;
        server->arg = EIO;
        lie_error(server, req, r);
        server->arg = left;
    }
}

static void errors_in_the_middle(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    for (u64 part = 0; part < 8; part++) {
        small_messages();
        struct node node = must_open("big");
        lie(P9_TREAD, fail_nth, part);
        s64 got = read_at(&node, bytes, 8 * 61440, 0);
        assert_int_equal(got, part ? (s64)part * 61440 : -EIO);
        assert_pattern(bytes, part * 61440, 0);
        assert_int_equal(read_at(&node, bytes, 8 * 61440, 0), 8 * 61440);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, MIB);
}

/* The others are flushed; their memory is ours again when the link gave them back, before or behind Rflush. */
static void case_p40_parts_behind_an_error_are_flushed(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    for (int first = 0; first <= 1; first++) {
        small_messages();
        struct node node = must_open("big");
        lie(P9_TREAD, fail_nth, 0);
        s.hold = P9_TREAD;
        s.hold_after = 1;
        s.flush_first = first;
        assert_int_equal(read_at(&node, bytes, 8 * 61440, 0), -EIO);
        assert_int_equal(s.seen[P9_TFLUSH], 7);
        assert_int_equal(s.npending, 0);
        assert_int_equal(fake_log_count("bad reply"), 0); /* used.len 0 of a cancelled request is none */
        s.hold = 0;
        assert_int_equal(read_at(&node, bytes, 8 * 61440, 0), 8 * 61440);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, MIB);
}

static void case_p24_p25_counts_that_are_too_big(void **state)
{
    (void)state;
    static const u32 counts[] = {13, 101, 0x7fffffff, 0xffffffff};
    u8 *bytes = buffer(4096);
    struct node node = must_open("file");
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        lie(P9_TREAD, lie_u32, AT(7, counts[i]));
        assert_int_equal(read_at(&node, bytes, 100, 0), -EIO);
    }
    drop(bytes, 4096);
    put(&node);
}

/* ---- writing ---- */

static u8 *pattern(size_t len, u64 offset)
{
    u8 *bytes = buffer(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = fake_byte(offset + i);
    return bytes;
}

static void a_write_on_the_wire(void **state)
{
    (void)state;
    u8 *bytes = pattern(1000, 77);
    struct node node = must_open_with("file", O_WRONLY);
    assert_int_equal(write_at(&node, bytes, 1000, 77), 1000);
    assert_sent(P9_TWRITE, 23 + 1000, "484d", (u32)node.id, 77ull, 1000u, bytes, 1000ull);
    assert_int_equal(file->size, 1077);
    assert_int_equal(write_at(&node, bytes, 0, 0), 0); /* nothing is sent for nothing */
    assert_int_equal(s.seen[P9_TWRITE], 1);
    drop(bytes, 1000);
    put(&node);
}

static void big_writes_are_split_by_msize(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 5000);
    for (u32 turn = 0; turn < 2 * FAKE_ALL + 2; turn++) {
        u32 most = turn % 2 ? 10000 : 0; /* the server takes all, or a little at a time: */
        small_messages();
        s.max_write = most;
        s.order = (enum fake_order)(turn / 2);
        struct node node = must_open_with("file", O_RDWR);
        assert_int_equal(write_at(&node, bytes, MIB, 5000), MIB);
        assert_int_equal(s.most_in_flight, 8);
        /* then what the first one left is sent in the place of what went out together with it. */
        assert_int_equal(s.seen[P9_TWRITE], most ? 7 + MIB / 10000 + 1 : MIB / 61440 + 1);
        assert_int_equal(file->size, 5000 + MIB);
        u8 *back = buffer(MIB);
        assert_int_equal(read_at(&node, back, MIB, 5000), MIB);
        assert_pattern(back, MIB, 5000);
        drop(back, MIB);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, MIB);
}

static void writes_from_scattered_memory(void **state)
{
    (void)state;
    static struct span spans[1000];
    u8 *bytes = buffer(4 * MIB);
    u64 total = 0;
    srand(4);
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        u64 len = i % 7 ? 1 + (u64)rand() % 1500 : 0;
        u8 *at = bytes + 4 * MIB - (i + 1) * 3000;
        spans[i] = (struct span){mem_phys(at), len};
        for (u64 k = 0; k < len; k++)
            at[k] = fake_byte(total + k);
        total += len;
    }
    for (unsigned max = 1; max <= P9_SPANS; max += 25) {
        file->size = 0;
        s.link.max_spans = max;
        struct node node = must_open_with("file", O_WRONLY);
        assert_int_equal(fs->ops->write(&node, spans, ARRAY_LEN(spans), 0), total);
        assert_int_equal(file->size, total);
        assert_pattern((const u8 *)file->own, total, 0);
        put(&node);
    }
    drop(bytes, 4 * MIB);
}

static void writes_that_fail_in_the_middle(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 0);
    for (u64 part = 0; part < 8; part++) {
        small_messages();
        struct node node = must_open_with("file", O_WRONLY);
        lie(P9_TWRITE, fail_nth, part);
        assert_int_equal(write_at(&node, bytes, 8 * 61440, 0), part ? (s64)part * 61440 : -EIO);
        assert_int_equal(s.seen[P9_TWRITE], 8);
        assert_pattern((const u8 *)file->own, part * 61440, 0);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, MIB);
}

LIE(take_less) /* of the arg-th Twrite from now on */
{
    if (server->arg-- == 0)
        *(wire32 *)(r->bytes + 7) = 1000;
}

/* What went out behind a part that the server did not take whole is written again, behind what it took. */
static void a_part_that_is_not_taken_whole(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 0);
    for (u64 part = 0; part < 8; part++) {
        small_messages();
        struct node node = must_open_with("file", O_WRONLY);
        lie(P9_TWRITE, take_less, part);
        assert_int_equal(write_at(&node, bytes, 8 * 61440, 0), 8 * 61440);
        assert_int_equal(s.seen[P9_TWRITE], 8 + 8 - part);
        assert_int_equal(file->size, 8 * 61440);
        assert_pattern((const u8 *)file->own, 8 * 61440, 0);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, MIB);
}

/* As those of a read: nothing of the program's memory stays with the device. */
static void case_p40_writes_behind_an_error_are_flushed(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 0);
    for (int first = 0; first <= 1; first++) {
        small_messages();
        struct node node = must_open_with("file", O_WRONLY);
        lie(P9_TWRITE, fail_nth, 0);
        s.hold = P9_TWRITE;
        s.hold_after = 1;
        s.flush_first = first;
        assert_int_equal(write_at(&node, bytes, 8 * 61440, 0), -EIO);
        assert_int_equal(s.seen[P9_TFLUSH], 7);
        assert_int_equal(s.npending, 0);
        assert_int_equal(fake_log_count("bad reply"), 0);
        s.hold = 0;
        assert_int_equal(write_at(&node, bytes, 8 * 61440, 0), 8 * 61440);
        put(&node);
        assert_null(s.violation);
    }
    drop(bytes, MIB);
}

/* Two at a time could come to lie in another order than the program's. */
static void appends_go_one_by_one(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 12);
    for (u32 most = 0; most <= 10000; most += 10000) {
        small_messages();
        s.max_write = most;
        struct node node = must_open_with("file", O_WRONLY | O_APPEND);
        s.most_in_flight = 0;
        assert_int_equal(write_at(&node, bytes, MIB, VFS_CURRENT), MIB);
        assert_int_equal(s.most_in_flight, 1);
        assert_int_equal(file->size, 12 + MIB);
        assert_pattern((const u8 *)file->own + 12, MIB, 12);
        put(&node);
    }
    drop(bytes, MIB);
}

static void case_p27_p28_counts_that_cannot_be(void **state)
{
    (void)state;
    static const u32 counts[] = {0, 101, 0x7fffffff, 0xffffffff};
    u8 *bytes = pattern(100, 0);
    struct node node = must_open_with("file", O_WRONLY);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        lie(P9_TWRITE, lie_u32, AT(7, counts[i]));
        fake_9p_forget(&s);
        assert_int_equal(write_at(&node, bytes, 100, 0), -EIO);
        assert_int_equal(s.seen[P9_TWRITE], 1);
    }
    assert_int_equal(fake_log_count("bad reply"), 1);
    drop(bytes, 100);
    put(&node);
}

/* A server that writes what fits and says ENOSPC of all: what is told is what is there. */
static void a_full_disk(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 0);
    struct node node = must_open_with("file", O_RDWR);
    s.room = 300 * 1024;
    assert_int_equal(write_at(&node, bytes, MIB, 0), s.room);
    assert_int_equal(file->size, s.room);
    assert_pattern((const u8 *)file->own, s.room, 0);
    assert_int_equal(write_at(&node, bytes, MIB, s.room), -ENOSPC);
    assert_int_equal(write_at(&node, bytes, 100, s.room), -ENOSPC);
    assert_int_equal(write_at(&node, bytes, 1000, s.room - 1000), 1000);
    s.room = 400 * 1024;
    assert_int_equal(write_at(&node, bytes, 1000, 300 * 1024), 1000);
    put(&node);
    /* Appended bytes that go out again would be there twice. */
    node = must_open_with("file", O_WRONLY | O_APPEND);
    fake_9p_forget(&s);
    assert_int_equal(write_at(&node, bytes, MIB, VFS_CURRENT), -ENOSPC);
    assert_int_equal(s.seen[P9_TWRITE], 1);
    put(&node);
    drop(bytes, MIB);
}

/* Several that append know nothing of each other's length: the server puts each behind the last. */
static void appends_by_several_fids(void **state)
{
    (void)state;
    struct node nodes[3];
    u8 *bytes = pattern(3000, 12);
    for (int i = 0; i < 3; i++)
        nodes[i] = must_open_with("file", O_WRONLY | O_APPEND);
    for (u64 i = 0; i < 30; i++)
        assert_int_equal(write_at(&nodes[i % 3], bytes + i * 100, 100, VFS_CURRENT), 100);
    assert_int_equal(file->size, 12 + 3000);
    assert_memory_equal(file->own, "hello, world", 12);
    assert_pattern((const u8 *)file->own + 12, 3000, 12);
    for (int i = 0; i < 3; i++)
        put(&nodes[i]);
    drop(bytes, 3000);
}

/* What becomes of a write whose answer never came is not known: it has failed. All else goes on. */
static void c12_writes_in_flight_fail_with_eio(void **state)
{
    (void)state;
    u8 *bytes = pattern(MIB, 0);
    for (unsigned part = 0; part < 4; part++) {
        small_messages();
        struct node node = must_open_with("file", O_RDWR);
        s.die_after = s.log_len + part;
        assert_int_equal(write_at(&node, bytes, MIB, 0),
                         -EIO); /* the first one was not answered, wherever the others were */
        assert_int_equal(write_at(&node, bytes, MIB, 0), -EIO);
        assert_int_equal(read_at(&node, bytes, 100, 0), -EIO);
        assert_int_equal(op_mkdir(), -EIO);
        assert_int_equal(fs->ops->unlink(&root, name_of("file"), false), -EIO);
        assert_int_equal(op_setxattr(), -EIO);
        put(&node);
        assert_null(s.violation);
    }
    make_client(); /* another share */
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    struct node node = must_open_with("file", O_RDWR);
    assert_int_equal(write_at(&node, bytes, MIB, 0), MIB);
    put(&node);
    drop(bytes, MIB);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(big_reads_keep_eight_messages_in_flight),
        T(parts_are_of_one_length),
        T(every_offset_and_length),
        T(c03_data_goes_straight_to_the_callers_memory),
        T(scattered_memory),
        T(short_replies_are_continued),
        T(size_unknown),
        T(c09_a_read_right_behind_the_open_asks_for_no_more_than_there_is),
        T(c09_case_h4_a_file_that_grows),
        T(c09_what_another_fid_wrote_is_read),
        T(case_h2_p26_a_file_that_shrinks),
        T(beyond_4_gib),
        T(errors_in_the_middle),
        T(case_p40_parts_behind_an_error_are_flushed),
        T(case_p24_p25_counts_that_are_too_big),
        T(a_write_on_the_wire),
        T(big_writes_are_split_by_msize),
        T(writes_from_scattered_memory),
        T(writes_that_fail_in_the_middle),
        T(case_p27_p28_counts_that_cannot_be),
        T(a_part_that_is_not_taken_whole),
        T(case_p40_writes_behind_an_error_are_flushed),
        T(appends_go_one_by_one),
        T(a_full_disk),
        T(appends_by_several_fids),
        T(c12_writes_in_flight_fail_with_eio),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
