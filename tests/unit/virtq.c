/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - tests of kernel/virtq.c and virtq_split.c. Names carry the case or clause that they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "fake_virtio.h"
#include "mem.h"
#include "virtq.h"

enum { BOTH = VIRTQ_INDIRECT | VIRTQ_EVENT_IDX };

static struct virtq *q;
static struct fake_ring ring;
static unsigned notified;
static u8 memory[4096];

static void on_notify(struct virtq *queue)
{
    assert_ptr_equal(queue, q);
    notified++;
}

static void start(u16 size, u32 flags)
{
    q = virtq_new(3, size, flags);
    assert_non_null(q);
    q->notify = on_notify;
    ring = fake_ring_of(q);
    notified = 0;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_complaint();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_null(fake_complaint());
    virtq_free(q);
    return 0;
}

static struct span at(unsigned offset, u64 len)
{
    return (struct span){(u64)memory + offset, len};
}

/* One request of n spans, `out` of them readable, 16 bytes each. */
static int add(unsigned out, unsigned in, void *cookie)
{
    struct span spans[VIRTQ_MAX_SPANS + 1];
    for (unsigned i = 0; i < out + in; i++)
        spans[i] = at(i * 16, 16);
    return virtq_add(q, spans, out, in, cookie);
}

static int cookies[VIRTQ_SENSIBLE + 1];

/* ---- a device that keeps to the rules ---- */

static void one_request(u32 flags)
{
    struct fake_chain c;
    u32 written;
    start(8, flags);
    assert_int_equal(add(2, 1, cookies), 0);
    assert_false(fake_ring_pop(&ring, &c)); /* not before the kick */
    assert_int_equal(notified, 0);
    virtq_kick(q);
    assert_int_equal(notified, 1);
    assert_true(fake_ring_pop(&ring, &c));
    assert_int_equal(c.out, 2);
    assert_int_equal(c.in, 1);
    assert_int_equal(c.indirect, !!(flags & VIRTQ_INDIRECT));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(c.spans[i].pa, (u64)memory + 16 * i);
    assert_int_equal(virtq_in_flight(q), 1);
    assert_null(virtq_take(q, &written));
    fake_ring_push(&ring, c.head, 7);
    assert_ptr_equal(virtq_take(q, &written), cookies);
    assert_int_equal(written, 7);
    assert_null(virtq_take(q, &written));
    assert_int_equal(virtq_in_flight(q), 0);
    assert_int_equal(q->counters.requests, 1);
    assert_int_equal(q->counters.kicks, 1);
}

static void test_one_request(void **state)
{
    (void)state;
    for (u32 flags = 0; flags < 4; flags++) {
        one_request(flags);
        if (flags < 3)
            virtq_free(q);
    }
}

static void test_one_span_needs_no_table(void **state)
{
    (void)state;
    struct fake_chain c;
    start(4, BOTH);
    assert_int_equal(add(0, 1, cookies), 0);
    virtq_kick(q);
    assert_true(fake_ring_pop(&ring, &c));
    assert_false(c.indirect);
}

static void test_DR_SQ_1_alignment_of_all_sizes(void **state)
{
    (void)state;
    struct fake_chain c;
    for (unsigned size = 1; size <= VIRTQ_MAX; size *= 2) {
        start((u16)size, BOTH);
        assert_false(fake_ring_pop(&ring, &c));
        if (size < VIRTQ_MAX)
            virtq_free(q);
    }
}

/* 2.7.2: the device is told one page's number, and finds the rest from there. */
static void test_legacy_layout_of_all_sizes(void **state)
{
    (void)state;
    for (u64 size = 1; size <= VIRTQ_MAX; size *= 2) {
        start((u16)size, VIRTQ_LEGACY);
        assert_int_equal(q->desc_pa % PAGE_SIZE, 0);
        assert_int_equal(q->driver_pa, q->desc_pa + 16 * size);
        assert_int_equal(q->device_pa, ALIGN_UP(q->driver_pa + 6 + 2 * size, PAGE_SIZE));
        for (u64 i = 0; i < 3; i++) {
            struct fake_chain c;
            u32 written;
            assert_int_equal(add(1, 0, cookies), 0);
            virtq_kick(q);
            assert_true(fake_ring_pop(&ring, &c));
            fake_ring_push(&ring, c.head, 0);
            assert_ptr_equal(virtq_take(q, &written), cookies);
        }
        if (size < VIRTQ_MAX)
            virtq_free(q);
    }
}

static void test_full_and_room_again(void **state)
{
    (void)state;
    struct fake_chain c;
    u32 written;
    start(8, BOTH);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(add(1, 2, &cookies[i]), 0);
    assert_int_equal(add(1, 1, &cookies[8]), -ENOSPC);
    virtq_kick(q);
    assert_true(fake_ring_pop(&ring, &c));
    fake_ring_push(&ring, c.head, 0);
    assert_ptr_equal(virtq_take(q, &written), &cookies[0]);
    assert_int_equal(add(1, 1, &cookies[8]), 0);
    assert_int_equal(add(1, 1, &cookies[8]), -ENOSPC);
}

static void test_full_without_indirect(void **state)
{
    (void)state;
    struct fake_chain c;
    u32 written;
    start(8, 0);
    assert_int_equal(add(2, 3, &cookies[0]), 0);
    assert_int_equal(add(2, 2, &cookies[1]), -ENOSPC);
    assert_int_equal(add(2, 1, &cookies[1]), 0);
    virtq_kick(q);
    assert_true(fake_ring_pop(&ring, &c));
    fake_ring_push(&ring, c.head, 0);
    assert_non_null(virtq_take(q, &written));
    assert_int_equal(add(4, 1, &cookies[2]), 0);
}

static void test_DR_IND_3_limits(void **state)
{
    (void)state;
    start(128, BOTH);
    assert_int_equal(add(64, 64, cookies), 0);
    assert_int_equal(add(64, 65, cookies), -E2BIG);
    assert_int_equal(add(0, 0, cookies), -E2BIG);
    virtq_free(q);
    start(4, BOTH);
    assert_int_equal(add(4, 1, cookies), -E2BIG);
    assert_int_equal(add(3, 1, cookies), 0);
}

static void test_DR_SQ_4_lengths(void **state)
{
    (void)state;
    start(8, BOTH);
    struct span good[2] = {at(0, 0x7fffffff), at(0, 0x80000000)};
    assert_int_equal(virtq_add(q, good, 1, 1, cookies), 0);
    struct span sum[2] = {at(0, 0x80000000), at(0, 0x80000000)};
    assert_int_equal(virtq_add(q, sum, 1, 1, cookies), -E2BIG);
    struct span empty[2] = {at(0, 0), at(0, 1)};
    assert_int_equal(virtq_add(q, empty, 1, 1, cookies), -E2BIG);
    struct span wide = at(0, 1ull << 32);
    assert_int_equal(virtq_add(q, &wide, 1, 0, cookies), -E2BIG);
    struct span wrap[2] = {at(0, ~0ull), at(0, 2)};
    assert_int_equal(virtq_add(q, wrap, 0, 2, cookies), -E2BIG);
}

/* Random traffic in random order, over the wrap of all indices (R20), in every combination of features. */
static void churn(u32 flags)
{
    static struct fake_chain held[64];
    unsigned nheld = 0, next = 0;
    u32 written;
    bool out[VIRTQ_SENSIBLE] = {false};
    start(16, flags);
    srand(flags + 1);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned n = (unsigned)rand() % 4 + 1;
        if (rand() % 2 && !out[next] && add(n, 1, &cookies[next]) == 0) {
            out[next] = true;
            next = (next + 1) % 32;
        }
        if (rand() % 3 == 0)
            virtq_kick(q);
        if (fake_ring_pop(&ring, &held[nheld]))
            nheld++;
        if (nheld && rand() % 2) {
            unsigned pick = (unsigned)rand() % nheld;
            fake_ring_push(&ring, held[pick].head, (u32)(held[pick].out));
            held[pick] = held[--nheld];
        }
        int *cookie = rand() % 2 ? virtq_take(q, &written) : NULL;
        if (cookie) {
            assert_in_range(cookie - cookies, 0, 31);
            assert_true(out[cookie - cookies]);
            assert_in_range(written, 1, 4);
            out[cookie - cookies] = false;
        }
    }
    assert_false(q->broken);
    assert_true(q->counters.requests > 0x10000); /* so the indices went round */
}

static void test_R20_random_traffic_round_the_indices(void **state)
{
    (void)state;
    for (u32 flags = 0; flags < 4; flags++) {
        churn(flags);
        if (flags < 3)
            virtq_free(q);
    }
}

/* ---- notifications, both ways ---- */

static void test_DR_AN_2_flags(void **state)
{
    (void)state;
    start(8, VIRTQ_INDIRECT);
    fake_ring_want_kick(&ring, false, 0);
    add(1, 1, cookies);
    virtq_kick(q);
    assert_int_equal(notified, 0);
    fake_ring_want_kick(&ring, true, 0);
    add(1, 1, cookies);
    virtq_kick(q);
    assert_int_equal(notified, 1);
    virtq_kick(q); /* nothing new */
    assert_int_equal(notified, 1);
}

/* Every distance between the event index and what was published, against the rule in words: told when the event lies in [old, new). */
static void test_DR_AN_3_event_index(void **state)
{
    (void)state;
    start(8, BOTH);
    for (unsigned old = 0, step = 0; step < 4000; step++) {
        unsigned n = (unsigned)rand() % 8 + 1;
        u16 event = (u16)(old + rand() % 20 - 6);
        fake_ring_want_kick(&ring, true, event);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(add(1, 1, cookies), 0);
        notified = 0;
        virtq_kick(q);
        bool crossed = false;
        for (unsigned i = 0; i < n; i++)
            crossed |= event == (u16)(old + i);
        assert_int_equal(notified, crossed);
        old += n;
        struct fake_chain c;
        u32 written;
        while (fake_ring_pop(&ring, &c))
            fake_ring_push(&ring, c.head, 0);
        while (virtq_take(q, &written))
            ;
    }
}

static void test_DR_UN_interrupts_are_asked_for_by_arm(void **state)
{
    (void)state;
    for (u32 flags = 0; flags < 4; flags++) {
        struct fake_chain c;
        u32 written;
        start(8, flags);
        for (unsigned i = 0; i < 3; i++)
            add(1, 1, &cookies[i]);
        virtq_kick(q);
        assert_false(virtq_arm(q));
        assert_true(fake_ring_pop(&ring, &c));
        assert_true(fake_ring_push(&ring, c.head, 0));
        assert_true(virtq_arm(q)); /* look again: something is there */
        assert_non_null(virtq_take(q, &written));
        assert_true(fake_ring_pop(&ring, &c));
        assert_false(fake_ring_push(&ring, c.head, 0)); /* nobody waits */
        assert_non_null(virtq_take(q, &written));
        assert_false(virtq_arm(q));
        assert_true(fake_ring_pop(&ring, &c));
        assert_true(fake_ring_push(&ring, c.head, 0));
        if (flags < 3)
            virtq_free(q);
    }
}

/* ---- a device that lies ---- */

static void expect_broken(const char *text)
{
    u32 written;
    assert_null(virtq_take(q, &written));
    assert_true(q->broken);
    assert_non_null(strstr(q->why, text));
    assert_non_null(strstr(q->why, "queue 3"));
    assert_null(virtq_take(q, &written));
    assert_int_equal(add(1, 1, cookies), -EIO);
    notified = 0;
    virtq_kick(q);
    assert_int_equal(notified, 0);
}

/* Two requests out of three slots: heads 0 and 1. */
static void two_out(void)
{
    struct fake_chain c;
    start(8, BOTH);
    add(1, 1, &cookies[0]);
    add(1, 1, &cookies[1]);
    virtq_kick(q);
    fake_ring_pop(&ring, &c);
    fake_ring_pop(&ring, &c);
}

static void test_R12_id_beyond_the_queue(void **state)
{
    (void)state;
    static const u32 ids[] = {8, 9, 32767, 65536, 0x10001, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        setup(NULL);
        two_out();
        fake_ring_push(&ring, ids[i], 0);
        expect_broken("not in flight");
        if (i + 1 < ARRAY_LEN(ids))
            virtq_free(q);
    }
}

static void test_R13_id_not_in_flight(void **state)
{
    (void)state;
    two_out();
    fake_ring_push(&ring, 5, 0);
    expect_broken("not in flight");
}

static void test_R14_same_id_twice(void **state)
{
    (void)state;
    u32 written;
    two_out();
    fake_ring_push(&ring, 1, 0);
    fake_ring_push(&ring, 1, 0);
    assert_ptr_equal(virtq_take(q, &written), &cookies[1]);
    expect_broken("not in flight");
}

static void test_R15_id_inside_a_chain(void **state)
{
    (void)state;
    start(8, 0);
    add(2, 2, cookies);
    virtq_kick(q);
    fake_ring_push(&ring, 2, 0);
    expect_broken("not in flight");
}

static void test_R16_written_beyond_the_room(void **state)
{
    (void)state;
    static const u32 lens[] = {17, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        setup(NULL);
        two_out();
        fake_ring_push(&ring, 0, lens[i]);
        expect_broken("beyond the room");
        if (i + 1 < ARRAY_LEN(lens))
            virtq_free(q);
    }
}

static void test_R16_written_exactly_the_room(void **state)
{
    (void)state;
    u32 written;
    two_out();
    fake_ring_push(&ring, 0, 16);
    assert_non_null(virtq_take(q, &written));
    assert_int_equal(written, 16);
}

static void test_R18_index_jumps(void **state)
{
    (void)state;
    two_out();
    fake_ring_set_used_idx(&ring, 3);
    expect_broken("more than is in flight");
}

static void test_R18_index_counts_what_was_not_published(void **state)
{
    (void)state;
    start(8, BOTH);
    add(1, 1, cookies);
    fake_ring_push(&ring, 0, 0);
    expect_broken("more than is in flight");
}

static void test_R19_index_goes_back(void **state)
{
    (void)state;
    u32 written;
    two_out();
    fake_ring_push(&ring, 0, 0);
    assert_non_null(virtq_take(q, &written));
    fake_ring_set_used_idx(&ring, 0);
    expect_broken("more than is in flight");
}

static void test_R24_device_scribbles_over_what_we_write(void **state)
{
    (void)state;
    struct fake_chain c;
    u32 written;
    for (u32 flags = 0; flags < 4; flags++) {
        start(8, flags);
        for (unsigned round = 0; round < 100; round++) {
            assert_int_equal(add(1, 2, &cookies[0]), 0);
            assert_int_equal(add(2, 1, &cookies[1]), 0);
            virtq_kick(q);
            for (unsigned i = 0; i < 2; i++) {
                assert_true(fake_ring_pop(&ring, &c));
                fake_ring_push(&ring, c.head, 1);
            }
            memset((void *)ring.desc, (int)round, 8 * 16);
            memset((void *)(ring.driver + 4), 0xff, 8 * 2);
            assert_ptr_equal(virtq_take(q, &written), &cookies[0]);
            assert_ptr_equal(virtq_take(q, &written), &cookies[1]);
        }
        if (flags < 3)
            virtq_free(q);
    }
}

static void test_R22_reclaim_gives_each_back_once(void **state)
{
    (void)state;
    for (u32 flags = 0; flags < 4; flags++) {
        unsigned seen = 0;
        u32 written;
        start(16, flags);
        for (unsigned i = 0; i < 5; i++)
            add(1, 2, &cookies[i]);
        virtq_kick(q);
        fake_ring_push(&ring, flags & VIRTQ_INDIRECT ? 1 : 3, 0);
        assert_ptr_equal(virtq_take(q, &written), &cookies[1]);
        for (int *c; (c = virtq_reclaim(q)) != NULL;)
            seen |= 1u << (c - cookies);
        assert_int_equal(seen, 0x1d);
        assert_int_equal(virtq_in_flight(q), 0);
        if (flags < 3)
            virtq_free(q);
    }
}

/* ---- memory ---- */

static void test_no_allocation_after_the_first_use(void **state)
{
    (void)state;
    struct fake_chain c;
    u32 written;
    start(16, BOTH);
    u64 before = 0;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 16; i++)
            assert_int_equal(add(3, 3, &cookies[i]), 0);
        virtq_kick(q);
        while (fake_ring_pop(&ring, &c))
            fake_ring_push(&ring, c.head, 0);
        while (virtq_take(q, &written))
            ;
        if (round == 0)
            before = mem_free_count();
    }
    assert_int_equal(mem_free_count(), before);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_request),
        TEST(test_one_span_needs_no_table),
        TEST(test_DR_SQ_1_alignment_of_all_sizes),
        TEST(test_legacy_layout_of_all_sizes),
        TEST(test_full_and_room_again),
        TEST(test_full_without_indirect),
        TEST(test_DR_IND_3_limits),
        TEST(test_DR_SQ_4_lengths),
        TEST(test_R20_random_traffic_round_the_indices),
        TEST(test_DR_AN_2_flags),
        TEST(test_DR_AN_3_event_index),
        TEST(test_DR_UN_interrupts_are_asked_for_by_arm),
        TEST(test_R12_id_beyond_the_queue),
        TEST(test_R13_id_not_in_flight),
        TEST(test_R14_same_id_twice),
        TEST(test_R15_id_inside_a_chain),
        TEST(test_R16_written_beyond_the_room),
        TEST(test_R16_written_exactly_the_room),
        TEST(test_R18_index_jumps),
        TEST(test_R18_index_counts_what_was_not_published),
        TEST(test_R19_index_goes_back),
        TEST(test_R24_device_scribbles_over_what_we_write),
        TEST(test_R22_reclaim_gives_each_back_once),
        TEST(test_no_allocation_after_the_first_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
