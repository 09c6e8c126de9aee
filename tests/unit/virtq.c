/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - tests of kernel/virtq.c, virtq_split.c and virtq_packed.c. Names carry the case or clause that they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "fake_arch.h"
#include "fake_virtio.h"
#include "mem.h"
#include "virtq.h"

/* Every combination of what may be negotiated. */
enum { KINDS = 16, BOTH = VIRTQ_INDIRECT | VIRTQ_EVENT_IDX };
static const u32 layouts[] = {0, VIRTQ_PACKED, VIRTQ_IN_ORDER, VIRTQ_PACKED | VIRTQ_IN_ORDER};

static struct virtq *q;
static struct fake_ring ring;
static unsigned notified;
static u8 memory[4096];
static int cookies[VIRTQ_SENSIBLE + 1];

static u32 kind(unsigned i)
{
    return (i & 1 ? VIRTQ_INDIRECT : 0) | (i & 2 ? VIRTQ_EVENT_IDX : 0) | (i & 4 ? VIRTQ_PACKED : 0) |
           (i & 8 ? VIRTQ_IN_ORDER : 0);
}

/* 2.9: what the device is to know of the ring when it is told. */
static u16 expected_available(void)
{
    const struct fake_ring *r = &ring;
    return r->packed ? (u16)(r->seen | !r->seen_odd << 15) : r->seen;
}

static void on_notify(struct virtq *queue)
{
    assert_ptr_equal(queue, q);
    notified++;
}

/* room: descriptors that there is a place for, which are all entries but for packed rings in order. */
static void start(u16 room, u32 flags)
{
    bool spare = flags & VIRTQ_PACKED && flags & VIRTQ_IN_ORDER && room > 1;
    if (q)
        virtq_free(q);
    q = virtq_new(3, room + spare, flags);
    assert_non_null(q);
    assert_int_equal(virtq_room(q), room);
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
    const char *complaint = fake_complaint();
    if (complaint)
        fail_msg("%s", complaint);
    if (q)
        virtq_free(q);
    q = NULL;
    return 0;
}

static struct span at(unsigned offset, u64 len)
{
    return (struct span){(u64)memory + offset, len};
}

/* One request of out + in spans, 16 bytes each. */
static int add(unsigned out, unsigned in, void *cookie)
{
    struct span spans[VIRTQ_MAX_SPANS + 1];
    for (unsigned i = 0; i < out + in; i++)
        spans[i] = at(i * 16, 16);
    return virtq_add(q, spans, out, in, cookie);
}

/* The device answers all it has, one by one. */
static void answer_all(u32 len)
{
    struct fake_chain c;
    while (fake_ring_pop(&ring, &c))
        fake_ring_push(&ring, c.head, len);
}

static unsigned take_all(void)
{
    unsigned n = 0;
    for (u32 written; virtq_take(q, &written); n++)
        ;
    return n;
}

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
    for (unsigned i = 0; i < KINDS; i++)
        one_request(kind(i));
}

static void test_dr_sq_3_no_more_descriptors_than_needed(void **state)
{
    (void)state;
    struct fake_chain c;
    for (unsigned i = 0; i < KINDS; i++) {
        start(4, kind(i));
        assert_int_equal(add(0, 1, cookies), 0); /* one span needs no table */
        assert_int_equal(add(1, 2, cookies), 0);
        virtq_kick(q);
        assert_true(fake_ring_pop(&ring, &c));
        assert_false(c.indirect);
        assert_int_equal(c.count, 1);
        assert_true(fake_ring_pop(&ring, &c));
        assert_int_equal(c.count, kind(i) & VIRTQ_INDIRECT ? 1 : 3);
        assert_int_equal(c.out + c.in, 3);
    }
}

/* A message of each length through a table that was laid out once, also when the rings are new ones. */
static void one_pair(u32 flags)
{
    struct virtq_pair *pair = mem_new(sizeof *pair);
    struct fake_chain c;
    u32 written;
    start(4, flags);
    assert_int_equal(virtq_lay_out(q, pair, (u64)memory, (u64)memory + 64), !!(flags & VIRTQ_INDIRECT));
    for (u32 i = 1; pair->table_pa && i < 20; i++) {
        assert_int_equal(virtq_add_pair(q, pair, i, 2 * i, cookies), 0);
        assert_false(fake_ring_pop(&ring, &c));
        virtq_kick(q);
        assert_true(fake_ring_pop(&ring, &c));
        assert_true(c.indirect && c.out == 1 && c.in == 1 && c.count == 1);
        assert_true(c.spans[0].pa == (u64)memory && c.spans[0].len == i);
        assert_true(c.spans[1].pa == (u64)memory + 64 && c.spans[1].len == 2 * i);
        fake_ring_push(&ring, c.head, 2 * i);
        assert_ptr_equal(virtq_take(q, &written), cookies);
        assert_int_equal(written, 2 * i);
        if (i == 10) {
            assert_int_equal(virtq_renew(q), 0);
            ring = fake_ring_of(q);
        }
    }
    for (unsigned i = 0; pair->table_pa && i < 4; i++)
        assert_int_equal(virtq_add_pair(q, pair, 1, 1, cookies), 0);
    if (pair->table_pa)
        assert_int_equal(virtq_add_pair(q, pair, 1, 1, cookies), -ENOSPC);
    mem_delete(pair, sizeof *pair);
}

static void test_dr_ind_2_dr_ind_5_pairs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        one_pair(kind(i));
}

/* The room of a pair is that of the last message, not of one before. */
static void test_a_pair_and_who_writes_beyond_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct virtq_pair *pair = mem_new(sizeof *pair);
        struct fake_chain c;
        u32 written;
        start(4, kind(i) | VIRTQ_INDIRECT);
        virtq_lay_out(q, pair, (u64)memory, (u64)memory + 64);
        for (unsigned room = 100; room; room = room == 100 ? 10 : 0) {
            virtq_add_pair(q, pair, 10, room, cookies);
            virtq_kick(q);
            assert_true(fake_ring_pop(&ring, &c));
            fake_ring_push(&ring, c.head, 100);
            assert_ptr_equal(virtq_take(q, &written), room == 100 ? cookies : NULL);
        }
        assert_true(q->broken);
        assert_int_equal(virtq_add_pair(q, pair, 1, 1, cookies), -EIO);
        mem_delete(pair, sizeof *pair);
    }
}

/* ---- what stands in the memory that the device sees ---- */

static void test_dr_sq_1_alignment_of_all_sizes(void **state)
{
    (void)state;
    struct fake_chain c;
    for (unsigned size = 1; size <= VIRTQ_MAX; size *= 2) {
        start((u16)size, BOTH);
        assert_false(fake_ring_pop(&ring, &c));
    }
}

static void test_dr_pq_1_alignment_of_all_sizes(void **state)
{
    (void)state;
    struct fake_chain c;
    for (unsigned size = 1; size <= VIRTQ_MAX; size += size < 300 ? 1 : 4639) {
        start((u16)size, BOTH | VIRTQ_PACKED);
        assert_int_equal(q->desc_pa % 16 + q->driver_pa % 4 + q->device_pa % 4, 0);
        assert_false(fake_ring_pop(&ring, &c));
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
            assert_int_equal(add(1, 0, cookies), 0);
            virtq_kick(q);
            answer_all(0);
            assert_int_equal(take_all(), 1);
        }
    }
}

struct raw {
    u64 addr;
    u32 len;
    u16 a, b; /* split: flags, next; packed: id, flags */
};

static u16 raw_flags(const struct raw *d)
{
    return q->flags & VIRTQ_PACKED ? d->b : d->a;
}

/* A table is pointed to by one descriptor that is in no chain; its own say WRITE and, split, NEXT, one behind the other. */
static void test_dr_ind_2_dr_ind_4_dr_ind_5_dr_pq_9_dr_pq_10_dr_rf_3_tables(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        start(8, VIRTQ_INDIRECT | layouts[l]);
        add(2, 3, cookies);
        virtq_kick(q);
        bool packed = layouts[l] & VIRTQ_PACKED;
        const struct raw *head = (const struct raw *)q->desc_pa, *table = (const struct raw *)head->addr;
        assert_int_equal(raw_flags(head) & 7, 4);
        assert_int_equal(head->len, 5 * 16);
        assert_in_range(head->addr, FAKE_RAM, FAKE_RAM + FAKE_RAM_SIZE - 5 * 16);
        for (u16 i = 0; i < 5; i++) {
            assert_int_equal(table[i].addr, (u64)memory + 16 * i);
            assert_int_equal(table[i].len, 16);
            assert_int_equal(raw_flags(&table[i]), (i >= 2 ? 2 : 0) | (packed || i == 4 ? 0 : 1));
            assert_int_equal(packed ? 0 : table[i].b, packed || i == 4 ? 0 : i + 1);
        }
    }
}

static void test_dr_ind_1_dr_pq_9_no_table_that_was_not_negotiated(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        start(8, layouts[l]);
        add(2, 3, cookies);
        virtq_kick(q);
        const struct raw *d = (const struct raw *)q->desc_pa;
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(d[i].addr, (u64)memory + 16 * i);
            assert_int_equal(raw_flags(&d[i]) & 7, (i >= 2 ? 2 : 0) | (i < 4 ? 1 : 0));
        }
    }
}

/* With IN_ORDER the descriptor behind x is x + 1, behind the last of the table 0: the fake looks at each. */
static void test_dr_sq_5_chains_in_order(void **state)
{
    (void)state;
    u32 written;
    start(8, VIRTQ_IN_ORDER);
    unsigned wrapped = 0;
    for (unsigned i = 0; i < 100; i++) {
        struct fake_chain c;
        u16 n = (u16)(i % 5 + 1);
        assert_int_equal(add(n - 1, 1, cookies), 0);
        virtq_kick(q);
        assert_true(fake_ring_pop(&ring, &c));
        assert_int_equal(c.count, n);
        wrapped += c.head + n > 8;
        fake_ring_push(&ring, c.head, 0);
        assert_ptr_equal(virtq_take(q, &written), cookies);
    }
    assert_true(wrapped > 10);
}

static void test_dr_sq_2_dr_pq_6_writable_behind_readable(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        start(8, kind(i));
        for (unsigned out = 0; out <= 4; out++) {
            struct fake_chain c;
            assert_int_equal(add(out, 4 - out, cookies), 0);
            virtq_kick(q);
            assert_true(fake_ring_pop(&ring, &c)); /* and complains of any other order */
            assert_int_equal(c.out, out);
            assert_int_equal(c.in, 4 - out);
            fake_ring_push(&ring, c.head, 0);
            assert_int_equal(take_all(), 1);
        }
    }
}

/* ---- room ---- */

static void test_full_and_room_again(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        struct fake_chain c;
        u32 written;
        start(8, BOTH | layouts[l]);
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
}

static void test_full_without_indirect(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        struct fake_chain c;
        u32 written;
        start(8, layouts[l]);
        assert_int_equal(add(2, 3, &cookies[0]), 0);
        assert_int_equal(add(2, 2, &cookies[1]), -ENOSPC);
        assert_int_equal(add(2, 1, &cookies[1]), 0);
        virtq_kick(q);
        assert_true(fake_ring_pop(&ring, &c));
        fake_ring_push(&ring, c.head, 0);
        assert_non_null(virtq_take(q, &written));
        assert_int_equal(add(4, 1, &cookies[2]), 0);
    }
}

/* A list for which there is no room leaves no trace, and the device's descriptors are not touched: not by what does not fit, not before they are used. */
static void test_dr_pq_2_dr_pq_3_dr_pq_7_dr_cl_1_what_the_device_has_is_left_alone(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        u8 before[8 * 16];
        struct fake_chain c;
        start(8, layouts[l]);
        add(3, 3, &cookies[0]);
        virtq_kick(q);
        memcpy(before, (void *)q->desc_pa, sizeof before);
        assert_int_equal(add(2, 1, &cookies[1]), -ENOSPC);
        virtq_kick(q);
        assert_memory_equal(before, (void *)q->desc_pa, sizeof before);
        assert_int_equal(add(1, 1, &cookies[1]), 0);
        virtq_kick(q);
        assert_memory_equal(before, (void *)q->desc_pa, 6 * 16);
        assert_true(fake_ring_pop(&ring, &c));
        fake_ring_push(&ring, c.head, 0);
        memcpy(before, (void *)q->desc_pa, sizeof before);
        assert_int_equal(take_all(), 1);
        assert_memory_equal(before, (void *)q->desc_pa, sizeof before);
    }
}

static void test_dr_ind_3_dr_pq_5_limits(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        start(128, BOTH | layouts[l]);
        assert_int_equal(add(64, 64, cookies), 0);
        assert_int_equal(add(64, 65, cookies), -E2BIG);
        assert_int_equal(add(0, 0, cookies), -E2BIG);
        for (u16 size = 1; size <= 4; size++) {
            if (size == 3 && !(layouts[l] & VIRTQ_PACKED))
                continue;
            start(size, BOTH | layouts[l]);
            assert_int_equal(add(size, 1, cookies), -E2BIG);
            assert_int_equal(add(size - 1, 1, cookies), 0);
        }
    }
}

static void test_dr_sq_4_lengths(void **state)
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

/* ---- notifications, both ways ---- */

static void test_dr_an_1_the_device_wants_to_hear_at_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        start(8, kind(i));
        assert_int_equal(*(u32 *)q->device_pa, 0); /* used.flags and index; packed: the device's event */
        add(1, 0, cookies);
        virtq_kick(q);
        assert_int_equal(notified, 1);
    }
}

static void test_dr_an_2_flags(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        start(8, VIRTQ_INDIRECT | layouts[l]);
        bool packed = layouts[l] & VIRTQ_PACKED;
        if (!packed)
            *(u16 *)(q->device_pa + 4 + 8 * 8) = 0x4321; /* avail_event, which means nothing */
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
}

/* Every distance between the event and what was published, against the rule in words: told when the event lies in [old, new). */
static void test_dr_an_3_event_index(void **state)
{
    (void)state;
    start(8, BOTH);
    *(u16 *)q->device_pa = 1; /* used.flags, which mean nothing */
    for (unsigned old = 0, i = 0; i < 4000; i++) {
        unsigned n = (unsigned)rand() % 8 + 1;
        u16 event = (u16)(old + rand() % 20 - 6);
        fake_ring_want_kick(&ring, true, event);
        for (unsigned k = 0; k < n; k++)
            assert_int_equal(add(1, 1, cookies), 0);
        notified = 0;
        virtq_kick(q);
        bool crossed = false;
        for (unsigned k = 0; k < n; k++)
            crossed |= event == (u16)(old + k);
        assert_int_equal(notified, crossed);
        old += n;
        answer_all(0);
        assert_int_equal(take_all(), n);
    }
}

/* The same where places of two laps stand for the index. */
static void test_dr_an_3_event_place_of_packed_rings(void **state)
{
    (void)state;
    for (u16 size = 1; size < 12; size++) {
        start(size, VIRTQ_EVENT_IDX | VIRTQ_PACKED);
        for (unsigned old = 0, i = 0; i < 1000; i++) {
            unsigned n = (unsigned)rand() % size + 1, event = (unsigned)rand() % (2u * size);
            fake_ring_want_kick(&ring, true, (u16)(event % size | (event < size) << 15));
            for (unsigned k = 0; k < n; k++)
                assert_int_equal(add(1, 0, cookies), 0);
            notified = 0;
            virtq_kick(q);
            bool crossed = false;
            for (unsigned k = 0; k < n; k++)
                crossed |= event == (old + k) % (2u * size);
            assert_int_equal(notified, crossed);
            old += n;
            answer_all(0);
            assert_int_equal(take_all(), n);
        }
    }
}

static void test_interrupts_are_asked_for_by_arm(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct fake_chain c;
        u32 written;
        start(8, kind(i));
        for (unsigned k = 0; k < 3; k++)
            add(1, 1, &cookies[k]);
        virtq_kick(q);
        assert_false(virtq_arm(q, 1));
        assert_true(fake_ring_pop(&ring, &c));
        assert_true(fake_ring_push(&ring, c.head, 0));
        assert_true(virtq_arm(q, 1)); /* look again: something is there */
        assert_non_null(virtq_take(q, &written));
        assert_true(fake_ring_pop(&ring, &c));
        assert_false(fake_ring_push(&ring, c.head, 0)); /* nobody waits */
        assert_non_null(virtq_take(q, &written));
        assert_false(virtq_arm(q, 1));
        assert_true(fake_ring_pop(&ring, &c));
        assert_true(fake_ring_push(&ring, c.head, 0));
    }
}

/* Who waits for many is called at the last of them, where the device can be told so, over the end of the ring and of the index. */
static void test_one_interrupt_for_a_batch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        struct fake_chain c;
        start(32, kind(i));
        for (unsigned round = 0; round < 5000; round++) {
            unsigned n = 2 + (unsigned)rand() % 31, calls = 0;
            for (unsigned k = 0; k < n; k++)
                if (add(1, 1, cookies + k) < 0)
                    n = k;
            virtq_kick(q);
            assert_false(virtq_arm(q, (u16)n));
            for (unsigned k = 0; k < n; k++) {
                assert_true(fake_ring_pop(&ring, &c));
                bool called = fake_ring_push(&ring, c.head, 0);
                calls += called;
                if (q->flags & VIRTQ_EVENT_IDX && q->flags & VIRTQ_INDIRECT)
                    assert_int_equal(called, k == n - 1);
            }
            assert_true(calls);
            assert_int_equal(take_all(), n);
        }
    }
}

static void test_dr_un_1_dr_un_2_flags_of_the_driver(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        unsigned seen = 0;
        start(8, kind(i));
        for (unsigned step = 0; step < 300; step++) {
            if (rand() % 2)
                add(1, 0, cookies);
            virtq_kick(q);
            if (rand() % 2)
                virtq_arm(q, 1);
            if (rand() % 2)
                answer_all(0);
            take_all();
            u16 flags = kind(i) & VIRTQ_PACKED ? *(u16 *)(q->driver_pa + 2) : *(u16 *)q->driver_pa;
            assert_in_range(flags, 0, 2);
            seen |= 1u << flags;
        }
        if (kind(i) & VIRTQ_PACKED)
            assert_int_equal(seen, kind(i) & VIRTQ_EVENT_IDX ? 6 : 3);
        else
            assert_int_equal(seen, kind(i) & VIRTQ_EVENT_IDX ? 1 : 3);
    }
}

static void test_dr_un_3_interrupts_for_nothing(void **state)
{
    (void)state;
    u32 written;
    for (unsigned i = 0; i < KINDS; i++) {
        start(8, kind(i));
        add(1, 1, cookies);
        virtq_kick(q);
        for (unsigned k = 0; k < 100; k++) {
            assert_null(virtq_take(q, &written));
            assert_false(virtq_arm(q, 1));
        }
        answer_all(3);
        assert_ptr_equal(virtq_take(q, &written), cookies);
        assert_int_equal(written, 3);
    }
}

static void test_dr_av_1_the_index_counts_what_was_published(void **state)
{
    (void)state;
    start(16, 0);
    u16 expected = 0;
    for (unsigned i = 0; i < 80000; i++) {
        unsigned n = (unsigned)rand() % 4;
        for (unsigned k = 0; k < n; k++)
            assert_int_equal(add(1, 0, cookies), 0);
        assert_int_equal(*(u16 *)(q->driver_pa + 2), expected);
        virtq_kick(q);
        expected += (u16)n;
        assert_int_equal(*(u16 *)(q->driver_pa + 2), expected);
        answer_all(0);
        take_all();
    }
}

static void test_dr_pq_4_dr_rf_9_what_a_notification_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        u16 size = kind(i) & VIRTQ_PACKED ? 7 : 8;
        start(size, kind(i) & ~(u32)VIRTQ_EVENT_IDX);
        for (unsigned k = 0; k < 70000; k++) {
            struct fake_chain c;
            add(k % 3, 1, cookies);
            virtq_kick(q);
            assert_true(fake_ring_pop(&ring, &c));
            assert_int_equal(q->available, expected_available());
            fake_ring_push(&ring, c.head, 0);
            assert_int_equal(take_all(), 1);
        }
        assert_int_equal(notified, 70000);
    }
}

/* ---- random traffic ---- */

static struct fake_chain held[VIRTQ_SENSIBLE];
static unsigned nheld;

static void drop(unsigned i)
{
    for (nheld--; i < nheld; i++)
        held[i] = held[i + 1];
}

/* The device returns one request that it holds, or with IN_ORDER by chance several by one word; true: the driver wants to know. */
static bool push_some(void)
{
    unsigned n = 1, descriptors = 0;
    if (!ring.in_order) {
        unsigned i = (unsigned)rand() % nheld;
        bool interrupt = fake_ring_push(&ring, held[i].head, held[i].in * 16);
        drop(i);
        return interrupt;
    }
    n += rand() % 2 ? (unsigned)rand() % nheld : 0;
    for (unsigned i = 0; i < n; i++)
        descriptors += fake_ring_forget(&ring, held[i].head);
    bool interrupt = fake_ring_push_batch(&ring, n, descriptors, held[n - 1].head, held[n - 1].in * 16);
    while (n--)
        drop(0);
    return interrupt;
}

/* The two sides take turns by chance, and sleep when they have nothing to do until the other one wakes them. */
static bool driver_sleeps, device_sleeps;
static bool busy[VIRTQ_SENSIBLE]; /* cookies */
static unsigned rooms[VIRTQ_SENSIBLE];
static unsigned added, done;

static void wake_device(struct virtq *queue)
{
    assert_ptr_equal(queue, q);
    notified++;
    device_sleeps = false;
}

static bool try_add(unsigned most)
{
    unsigned i = (unsigned)rand() % VIRTQ_SENSIBLE, n = (unsigned)rand() % MIN(4u, (unsigned)q->size) + 1,
             in = (unsigned)rand() % (n + 1);
    if (added == most || busy[i] || add(n - in, in, &cookies[i]) < 0)
        return false;
    busy[i] = true;
    rooms[i] = in * 16;
    added++;
    return true;
}

static bool take_one(void)
{
    u32 written;
    int *cookie = virtq_take(q, &written);
    if (!cookie)
        return false;
    unsigned i = (unsigned)(cookie - cookies);
    assert_in_range(i, 0, VIRTQ_SENSIBLE - 1);
    assert_true(busy[i]);
    assert_int_equal(written, rooms[i]);
    busy[i] = false;
    done++;
    return true;
}

static void drive(unsigned most)
{
    switch (rand() % 4) {
    case 0:
    case 1:
        try_add(most);
        break;
    case 2:
        virtq_kick(q);
        break;
    default:
        if (take_one() || !virtq_in_flight(q) || rand() % 4)
            break;
        virtq_kick(q);
        driver_sleeps = !virtq_arm(q, 1);
    }
}

static void serve(void)
{
    if (nheld < VIRTQ_SENSIBLE && rand() % 2 && fake_ring_pop(&ring, &held[nheld])) {
        nheld++;
        return;
    }
    if (nheld && rand() % 2 && push_some())
        driver_sleeps = false;
    if (rand() % 8 == 0)
        fake_ring_want_kick(&ring, false, expected_available());
    if (nheld)
        return;
    fake_ring_want_kick(&ring, true, expected_available());
    if (fake_ring_pop(&ring, &held[0]))
        nheld = 1;
    else
        device_sleeps = true;
}

static void traffic(u16 size, u32 flags, unsigned requests)
{
    start(size, flags);
    q->notify = wake_device;
    driver_sleeps = device_sleeps = false;
    nheld = added = done = 0;
    memset(busy, 0, sizeof busy);
    srand(size * 64u + flags);
    while (done < requests) {
        if (driver_sleeps && device_sleeps)
            fail_msg("size %u, flags %u: both sides sleep, %u of %u done", size, flags, done, added);
        if (!driver_sleeps && (device_sleeps || rand() % 2))
            drive(requests);
        else
            serve();
        assert_false(q->broken);
    }
    assert_int_equal(virtq_in_flight(q), 0);
    assert_int_equal(q->counters.requests, requests);
    assert_int_equal(q->counters.kicks, notified);
}

static void test_dr_an_3_dr_cl_1_random_turns_of_both_sides(void **state)
{
    (void)state;
    static const u16 sizes[] = {1, 2, 3, 4, 256};
    for (unsigned i = 0; i < KINDS; i++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            if (sizes[s] != 3 || kind(i) & VIRTQ_PACKED)
                traffic(sizes[s], kind(i), 5000);
}

static void test_case_r20_random_traffic_round_the_indices(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        traffic(16, kind(i), 70000);
}

/* 2.7.9: one word ends all requests up to the one that it names, those before the last used to their end. */
static void test_dr_io_1_dr_rf_8_one_entry_for_a_batch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        u32 flags = VIRTQ_IN_ORDER | (i & 1 ? VIRTQ_PACKED : 0) | (i & 2 ? VIRTQ_INDIRECT : 0);
        start(16, flags);
        for (unsigned round = 0; round < 100; round++) {
            unsigned n = round % 4 + 1, descriptors = 0;
            struct fake_chain c;
            u32 written;
            for (unsigned k = 0; k < n; k++)
                assert_int_equal(add(1, k % 3 + 1, &cookies[k]), 0);
            virtq_kick(q);
            for (unsigned k = 0; k < n; k++) {
                assert_true(fake_ring_pop(&ring, &c));
                descriptors += fake_ring_forget(&ring, c.head);
            }
            fake_ring_push_batch(&ring, n, descriptors, c.head, 5);
            for (unsigned k = 0; k < n; k++) {
                assert_ptr_equal(virtq_take(q, &written), &cookies[k]);
                assert_int_equal(written, k + 1 < n ? (k % 3 + 1) * 16 : 5);
            }
            assert_null(virtq_take(q, &written));
        }
        assert_false(q->broken);
    }
}

/* ---- both sides at the same time: the order of stores and loads ---- */

enum { THREAD_REQUESTS = 12000 };

/* Each side spins on the other's bell, so that one goes to sleep just when the other looks whether it sleeps. */
struct bell {
    unsigned rung, heard;
};
static struct bell kicked, interrupted;

static void ring_bell(struct bell *b)
{
    __atomic_add_fetch(&b->rung, 1, __ATOMIC_RELEASE);
}

static void post_kick(struct virtq *queue)
{
    (void)queue;
    ring_bell(&kicked);
}

/* A wake-up that is lost leaves the other side here. */
static bool wait_on(struct bell *b)
{
    time_t until = time(NULL) + 60;
    for (unsigned spins = 1; __atomic_load_n(&b->rung, __ATOMIC_ACQUIRE) == b->heard; spins++) {
        if (spins % 1000 == 0)
            sched_yield();
        if (spins % 100000 == 0 && time(NULL) > until)
            return false;
    }
    b->heard = __atomic_load_n(&b->rung, __ATOMIC_ACQUIRE);
    return true;
}

/* Looks at a request the moment that it shows. */
static void *device_thread(void *arg)
{
    unsigned left = THREAD_REQUESTS;
    struct fake_chain c;
    while (left) {
        bool there = fake_ring_pop(&ring, &c);
        if (!there) {
            fake_ring_want_kick(&ring, true, expected_available());
            there = fake_ring_pop(&ring, &c);
        }
        if (!there && !wait_on(&kicked)) {
            fake_complain("DR-SB-2, DR-PQ-12: a notification was lost");
            break;
        }
        if (!there)
            continue;
        u32 *bytes = (u32 *)c.spans[c.out].pa;
        *bytes = ~*(u32 *)c.spans[0].pa;
        if (fake_ring_push(&ring, c.head, 4))
            ring_bell(&interrupted);
        left--;
    }
    return arg;
}

static void both_at_once(u32 flags, unsigned idle)
{
    static u32 words[8][2];
    unsigned sent = 0, got = 0;
    u32 *free_words[8], written;
    pthread_t device;
    start(32, flags);
    q->notify = post_kick;
    kicked = interrupted = (struct bell){0, 0};
    for (unsigned i = 0; i < 8; i++)
        free_words[i] = words[i];
    pthread_create(&device, NULL, device_thread, NULL);
    while (got < THREAD_REQUESTS) {
        while (idle && sent < THREAD_REQUESTS) {
            u32 *w = free_words[--idle];
            w[0] = sent++;
            struct span spans[2] = {{(u64)w, 4}, {(u64)(w + 1), 4}};
            assert_int_equal(virtq_add(q, spans, 1, 1, w), 0);
            virtq_kick(q);
        }
        u32 *w = virtq_take(q, &written);
        if (w) {
            assert_int_equal(w[1], ~w[0]); /* its bytes are there when it is */
            free_words[idle++] = w;
            got++;
        } else if (!virtq_arm(q, 1) && !wait_on(&interrupted)) {
            fail_msg("an interrupt was lost");
        }
    }
    pthread_join(device, NULL);
    assert_false(q->broken);
}

static void test_dr_sb_1_dr_sb_2_dr_pq_8_dr_pq_11_dr_pq_12_dr_rf_5_two_threads(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++)
        both_at_once(kind(i), 1), both_at_once(kind(i), 8);
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

/* Two requests are out, heads 0 and 1, in the given layout. */
static void two_out(u32 layout)
{
    struct fake_chain c;
    fake_reset();
    start(8, BOTH | layout);
    add(1, 1, &cookies[0]);
    add(1, 1, &cookies[1]);
    virtq_kick(q);
    fake_ring_pop(&ring, &c);
    fake_ring_pop(&ring, &c);
}

static void test_case_r12_id_beyond_the_queue(void **state)
{
    (void)state;
    static const u32 ids[] = {8, 9, 32767, 0xffff, 65536, 0x10001, 0x80000000, 0xffffffff};
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++)
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            if (layouts[l] & VIRTQ_PACKED && ids[i] > 0xffff)
                continue; /* has 16 bits there */
            two_out(layouts[l]);
            fake_ring_push(&ring, ids[i], 0);
            expect_broken("not in flight");
        }
}

static void test_case_r13_id_not_in_flight(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        two_out(layouts[l]);
        fake_ring_push(&ring, 5, 0);
        expect_broken("not in flight");
    }
}

/* A request whose buffers the device may know, but which it was not given yet. */
static void test_case_r13_id_that_was_not_published(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        two_out(layouts[l]);
        add(1, 1, &cookies[2]);
        fake_ring_push(&ring, 2, 0);
        expect_broken("not in flight");
    }
}

static void test_case_r14_same_id_twice(void **state)
{
    (void)state;
    u32 written;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        u16 id = layouts[l] & VIRTQ_IN_ORDER ? 0 : 1;
        two_out(layouts[l]);
        fake_ring_push(&ring, id, 0);
        fake_ring_push(&ring, id, 0);
        assert_ptr_equal(virtq_take(q, &written), &cookies[id]);
        expect_broken("not in flight");
    }
}

static void test_case_r15_id_inside_a_chain(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        fake_reset();
        start(8, layouts[l]);
        add(2, 2, cookies);
        virtq_kick(q);
        fake_ring_push(&ring, 2, 0);
        expect_broken("not in flight");
    }
}

static void test_case_r16_written_beyond_the_room(void **state)
{
    (void)state;
    static const u32 lens[] = {17, 0x80000000, 0xffffffff};
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++)
        for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
            two_out(layouts[l]);
            fake_ring_push(&ring, 0, lens[i]);
            expect_broken("beyond the room");
        }
}

static void test_case_r16_case_r17_any_length_that_fits_is_passed_on(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++)
        for (u32 len = 0; len <= 16; len++) {
            u32 written = 99;
            two_out(layouts[l]);
            fake_ring_push(&ring, 0, len);
            assert_ptr_equal(virtq_take(q, &written), &cookies[0]);
            assert_int_equal(written, len);
        }
}

static void test_case_r18_index_jumps(void **state)
{
    (void)state;
    static const u16 jumps[] = {3, 9, 0x7fff, 0x8000, 0xffff};
    for (size_t i = 0; i < 2 * ARRAY_LEN(jumps); i++) {
        two_out(i % 2 ? VIRTQ_IN_ORDER : 0);
        fake_ring_set_used_idx(&ring, jumps[i / 2]);
        expect_broken("more than is in flight");
    }
}

/* A packed ring's jump: a descriptor is used while the device has none. */
static void test_case_r18_more_than_is_in_flight(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        two_out(layouts[l]);
        fake_ring_push(&ring, 0, 0);
        fake_ring_push(&ring, 1, 0);
        assert_int_equal(take_all(), 2);
        fake_ring_push(&ring, 0, 0);
        expect_broken("more than is in flight");
    }
}

static void test_case_r18_index_counts_what_was_not_published(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        fake_reset();
        start(8, BOTH | layouts[l]);
        add(1, 1, cookies);
        fake_ring_push(&ring, 0, 0);
        expect_broken("more than is in flight");
    }
}

/* The batch that an id stands for is larger than what the index counts. */
static void test_case_r18_in_order_but_out_of_order(void **state)
{
    (void)state;
    two_out(VIRTQ_IN_ORDER);
    fake_ring_push(&ring, 1, 0);
    expect_broken("out of order");
}

static void test_case_r19_index_goes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        u32 written;
        two_out(i ? VIRTQ_IN_ORDER : 0);
        fake_ring_push(&ring, 0, 0);
        assert_non_null(virtq_take(q, &written));
        fake_ring_set_used_idx(&ring, 0);
        expect_broken("more than is in flight");
    }
}

/* What is not used any more when we look was never used. */
static void test_case_r19_packed_flags_go_back(void **state)
{
    (void)state;
    u32 written;
    for (unsigned i = 0; i < 2; i++) {
        two_out(VIRTQ_PACKED | (i ? VIRTQ_IN_ORDER : 0));
        fake_ring_push(&ring, 0, 7);
        fake_ring_mark(&ring, 0, 1 << 7);
        assert_null(virtq_take(q, &written));
        assert_false(q->broken);
        fake_ring_mark(&ring, 0, 1 << 7 | 1 << 15);
        assert_ptr_equal(virtq_take(q, &written), &cookies[0]);
    }
}

static void scribble(unsigned pattern)
{
    for (u16 i = 0; i < q->size; i++) {
        memset((void *)(ring.desc + 16 * (u64)i), (int)pattern, 16);
        if (ring.packed)
            fake_ring_mark(&ring, i, 1 << 7); /* neither used in this lap nor in the other */
    }
    if (!ring.packed)
        memset((void *)(ring.driver + 4), (int)pattern, 2 * q->size);
}

static void test_case_r24_device_scribbles_over_what_we_write(void **state)
{
    (void)state;
    u32 written;
    for (unsigned i = 0; i < KINDS; i++) {
        start(8, kind(i));
        for (unsigned round = 0; round < 100; round++) {
            assert_int_equal(add(1, 2, &cookies[0]), 0);
            assert_int_equal(add(2, 1, &cookies[1]), 0);
            virtq_kick(q);
            struct fake_chain c[2];
            assert_true(fake_ring_pop(&ring, &c[0]));
            assert_true(fake_ring_pop(&ring, &c[1]));
            u16 n[2] = {fake_ring_forget(&ring, c[0].head), fake_ring_forget(&ring, c[1].head)};
            memset(ring.places, 0, sizeof ring.places);
            for (unsigned k = 0; k < 2; k++) {
                scribble(round + k);
                fake_ring_push_batch(&ring, 1, n[k], c[k].head, 1);
                assert_ptr_equal(virtq_take(q, &written), &cookies[k]);
                assert_int_equal(written, 1);
            }
        }
        assert_false(q->broken);
    }
}

/* What the device said is read once: what it writes there afterwards changes nothing. */
static void test_case_r25_used_entry_changes_after_it_was_read(void **state)
{
    (void)state;
    u32 written;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        two_out(layouts[l]);
        fake_ring_push(&ring, 0, 7);
        assert_ptr_equal(virtq_take(q, &written), &cookies[0]);
        fake_ring_used(&ring, 0, 5, 0x80000000);
        assert_int_equal(written, 7);
        assert_null(virtq_take(q, &written));
        fake_ring_push(&ring, 1, 8);
        assert_ptr_equal(virtq_take(q, &written), &cookies[1]);
        assert_int_equal(written, 8);
    }
}

/* ---- taking back ---- */

static void test_case_r22_reclaim_gives_each_back_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        unsigned seen = 0, finished = kind(i) & VIRTQ_IN_ORDER ? 0 : 1;
        u32 written;
        struct fake_chain c[5];
        start(16, kind(i));
        for (unsigned k = 0; k < 5; k++)
            add(1, 2, &cookies[k]);
        virtq_kick(q);
        for (unsigned k = 0; k < 5; k++)
            assert_true(fake_ring_pop(&ring, &c[k]));
        fake_ring_push(&ring, c[finished].head, 0);
        assert_ptr_equal(virtq_take(q, &written), &cookies[finished]);
        for (int *cookie; (cookie = virtq_reclaim(q)) != NULL;)
            seen |= 1u << (cookie - cookies);
        assert_int_equal(seen, 0x1f & ~(1u << finished));
        assert_int_equal(virtq_in_flight(q), 0);
    }
}

/* The rings as new; the counters go on; late words about the old rings are not to be found in the new. */
static void test_dr_qr_2_renew(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KINDS; i++) {
        u32 written;
        start(8, kind(i));
        for (unsigned round = 0; round < 20; round++) {
            for (unsigned k = 0; k < 1 + round % 2; k++)
                assert_int_equal(add(1, 2, &cookies[k]), 0);
            virtq_kick(q);
            answer_all(1);
            if (round % 2)
                virtq_take(q, &written);
            while (virtq_reclaim(q))
                ;
            q->broken = true;
            assert_int_equal(virtq_renew(q), 0);
            ring = fake_ring_of(q);
            assert_null(virtq_take(q, &written));
            assert_false(q->broken);
            for (unsigned k = 0; k < 2; k++)
                assert_int_equal(add(2, 2, &cookies[k]), 0);
            virtq_kick(q);
            answer_all(2);
            assert_int_equal(take_all(), 2);
        }
        assert_int_equal(q->counters.requests, q->counters.completed);
    }
}

/* ---- memory ---- */

static void test_no_allocation_after_the_first_use(void **state)
{
    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(layouts); l++) {
        u64 before = 0;
        start(16, BOTH | layouts[l]);
        for (unsigned round = 0; round < 50; round++) {
            for (unsigned i = 0; i < 16; i++)
                assert_int_equal(add(3, 3, &cookies[i]), 0);
            virtq_kick(q);
            answer_all(0);
            assert_int_equal(take_all(), 16);
            if (round == 0)
                before = mem_free_count();
        }
        assert_int_equal(mem_free_count(), before);
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_one_request),
        TEST(test_dr_ind_2_dr_ind_5_pairs),
        TEST(test_a_pair_and_who_writes_beyond_it),
        TEST(test_dr_sq_3_no_more_descriptors_than_needed),
        TEST(test_dr_sq_1_alignment_of_all_sizes),
        TEST(test_dr_pq_1_alignment_of_all_sizes),
        TEST(test_legacy_layout_of_all_sizes),
        TEST(test_dr_ind_2_dr_ind_4_dr_ind_5_dr_pq_9_dr_pq_10_dr_rf_3_tables),
        TEST(test_dr_ind_1_dr_pq_9_no_table_that_was_not_negotiated),
        TEST(test_dr_sq_5_chains_in_order),
        TEST(test_dr_sq_2_dr_pq_6_writable_behind_readable),
        TEST(test_full_and_room_again),
        TEST(test_full_without_indirect),
        TEST(test_dr_pq_2_dr_pq_3_dr_pq_7_dr_cl_1_what_the_device_has_is_left_alone),
        TEST(test_dr_ind_3_dr_pq_5_limits),
        TEST(test_dr_sq_4_lengths),
        TEST(test_dr_an_1_the_device_wants_to_hear_at_first),
        TEST(test_dr_an_2_flags),
        TEST(test_dr_an_3_event_index),
        TEST(test_one_interrupt_for_a_batch),
        TEST(test_dr_an_3_event_place_of_packed_rings),
        TEST(test_interrupts_are_asked_for_by_arm),
        TEST(test_dr_un_1_dr_un_2_flags_of_the_driver),
        TEST(test_dr_un_3_interrupts_for_nothing),
        TEST(test_dr_av_1_the_index_counts_what_was_published),
        TEST(test_dr_pq_4_dr_rf_9_what_a_notification_says),
        TEST(test_dr_an_3_dr_cl_1_random_turns_of_both_sides),
        TEST(test_case_r20_random_traffic_round_the_indices),
        TEST(test_dr_io_1_dr_rf_8_one_entry_for_a_batch),
        TEST(test_dr_sb_1_dr_sb_2_dr_pq_8_dr_pq_11_dr_pq_12_dr_rf_5_two_threads),
        TEST(test_case_r12_id_beyond_the_queue),
        TEST(test_case_r13_id_not_in_flight),
        TEST(test_case_r13_id_that_was_not_published),
        TEST(test_case_r14_same_id_twice),
        TEST(test_case_r15_id_inside_a_chain),
        TEST(test_case_r16_written_beyond_the_room),
        TEST(test_case_r16_case_r17_any_length_that_fits_is_passed_on),
        TEST(test_case_r18_index_jumps),
        TEST(test_case_r18_more_than_is_in_flight),
        TEST(test_case_r18_index_counts_what_was_not_published),
        TEST(test_case_r18_in_order_but_out_of_order),
        TEST(test_case_r19_index_goes_back),
        TEST(test_case_r19_packed_flags_go_back),
        TEST(test_case_r24_device_scribbles_over_what_we_write),
        TEST(test_case_r25_used_entry_changes_after_it_was_read),
        TEST(test_case_r22_reclaim_gives_each_back_once),
        TEST(test_dr_qr_2_renew),
        TEST(test_no_allocation_after_the_first_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
