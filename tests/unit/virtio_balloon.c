/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_balloon - tests of kernel/drivers/virtio_balloon.c: memory goes to the host and comes back, also when the host lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "virtio.h"
#include "virtq.h"

enum { MUST_TELL_HOST = 0, STATS_VQ = 1, DEFLATE_ON_OOM = 2 };
enum { INFLATE, DEFLATE, STATS, PAGES = FAKE_RAM_SIZE / PAGE_SIZE, RESERVE = 1024 };

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
static struct fake_virtio device;
static bool theirs[PAGES]; /* pages that the device has */
static u64 held, requests, before;
static u8 statistics[64];
static u64 nstatistics, answers; /* bytes in the last buffer; buffers that were seen */
static unsigned silent_after;    /* so many requests are answered; 0: all */
static u32 written_lie;

static u32 get32(const u8 *p)
{
    return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static void take_pages(const struct fake_chain *c, unsigned queue)
{
    u64 len = mem_span_total(c->spans, c->out);
    requests++;
    if (c->in || len % 4 || len == 0)
        fake_complain("no list of page numbers");
    for (u64 at = 0; at < len; at += 4) {
        u8 pfn[4];
        mem_from_spans(pfn, c->spans, c->out, at, 4);
        u64 page = get32(pfn) - FAKE_RAM / PAGE_SIZE;
        if (page >= PAGES || theirs[page] == (queue == INFLATE)) {
            fake_complain("a page that is not its to give, or to take");
            return;
        }
        theirs[page] = queue == INFLATE;
        held = queue == INFLATE ? held + 1 : held - 1;
        memset(mem_virt(FAKE_RAM + page * PAGE_SIZE), queue == INFLATE ? 0xb5 : 0, PAGE_SIZE);
    }
}

static void keep_statistics(struct fake_queue *q)
{
    struct fake_chain c;
    while (fake_ring_pop(&q->ring, &c)) {
        nstatistics = mem_from_spans(statistics, c.spans, c.out, 0, sizeof statistics);
        answers++;
        if (c.in)
            fake_complain("statistics to be written to");
    }
}

static void run(void)
{
    struct fake_chain c;
    for (unsigned i = 0; i < 2; i++) {
        struct fake_queue *q = &device.queues[i];
        while (q->enable && (!silent_after || requests < silent_after) && fake_ring_pop(&q->ring, &c)) {
            take_pages(&c, i);
            if (fake_ring_push(&q->ring, c.head, written_lie))
                fake_pci_raise(device.pci, q->vector);
        }
    }
    if (device.num_queues > STATS && device.queues[STATS].enable)
        keep_statistics(&device.queues[STATS]);
}

static void add(unsigned vectors)
{
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, 0x1045, vectors);
    device.num_queues = 3;
    fake_virtio_caps(&device);
    device.config_len = 8;
    device.writable = 0xf0;
    fake_idle = run;
}

static int setup(void **state)
{
    (void)state;
    add(4);
    memset(theirs, 0, sizeof theirs);
    held = requests = answers = 0;
    silent_after = 0;
    written_lie = 0;
    fake_complaint();
    return 0;
}

static struct virtio_device *bring_up(void)
{
    pci_scan(&window);
    before = mem_free_count();
    pci_bind_all();
    return virtio_first();
}

static void unplug(void)
{
    for (struct pci_dev *d = pci_first(); d; d = d->next) {
        if (d->driver && d->priv)
            d->driver->remove(d);
        d->driver = NULL;
    }
}

static int teardown(void **state)
{
    (void)state;
    const char *complaint = fake_complaint();
    if (complaint)
        fail_msg("%s", complaint);
    unplug();
    assert_null(mem_reclaim);
    assert_int_equal(mem_reclaimable, 0);
    return 0;
}

static void ask(u32 pages)
{
    put32(device.config, pages);
    fake_virtio_config_interrupt(&device);
    arch_wait();
    later_run();
}

static void offer(unsigned bit)
{
    device.offered |= 1ull << bit;
}

static u32 actual(void)
{
    return get32(device.config + 4);
}

static void pages_go_and_come(void **state)
{
    (void)state;
    assert_false(bring_up()->failed);
    u64 free = mem_free_count();
    static const u32 sizes[] = {1, 1000, 1021, 5000, 4999, 3, 2041, 0, 7, 0};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        ask(sizes[i]);
        assert_int_equal(held, sizes[i]);
        assert_int_equal(actual(), sizes[i]);
        assert_in_range(free - mem_free_count(), sizes[i], sizes[i] + sizes[i] / 1000 + 2);
    }
    assert_int_equal(mem_free_count(), free);
}

/* It is asked for at the start, and told so at once. */
static void a_size_from_the_start(void **state)
{
    (void)state;
    put32(device.config, 300);
    assert_false(bring_up()->failed);
    assert_int_equal(actual(), 300);
    unplug();
    assert_int_equal(mem_free_count(), before);
}

static u64 kept;

static bool give_kept(void)
{
    if (!mem_kept)
        return false;
    mem_pages_free(kept + --mem_kept * PAGE_SIZE, 1);
    return true;
}

/* What is kept of files can be spared. */
static void what_is_only_kept_goes_too(void **state)
{
    (void)state;
    static struct mem_keeper keeper = {.give = give_kept};
    mem_keep(&keeper);
    bring_up();
    mem_kept = 3 * RESERVE;
    kept = mem_pages(mem_kept, PAGE_SIZE);
    assert_true(kept);
    ask(~0u);
    assert_in_range(mem_free_count() + mem_kept, RESERVE - 1, RESERVE);
    assert_int_equal(actual(), held);
    while (give_kept())
        ;
}

static void no_more_than_can_be_spared(void **state)
{
    (void)state;
    static const u32 sizes[] = {~0u, 0x80000000, PAGES};
    bring_up();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        ask(sizes[i]);
        assert_in_range(mem_free_count(), RESERVE - 1, RESERVE);
        assert_int_equal(actual(), held);
        u64 pa = mem_pages(500, PAGE_SIZE);
        assert_true(pa);
        mem_pages_free(pa, 500);
    }
    ask(0);
    assert_int_equal(held, 0);
}

/* Who has no vector for it is asked at each heartbeat. */
static void without_interrupts(void **state)
{
    (void)state;
    add(0);
    bring_up();
    put32(device.config, 10);
    device.generation++;
    fake_beat(1);
    later_run();
    assert_int_equal(actual(), 10);
    unsigned reads = device.config_reads;
    for (int i = 0; i < 20; i++) { /* nothing changes, nothing is read */
        fake_beat(1);
        later_run();
    }
    assert_int_equal(device.config_reads, reads);
}

static void memory_comes_back_when_there_is_none(void **state)
{
    (void)state;
    offer(DEFLATE_ON_OOM);
    bring_up();
    ask(PAGES);
    u64 had = held, pa[64];
    assert_int_equal(mem_reclaimable, had);
    for (size_t i = 0; i < ARRAY_LEN(pa); i++) {
        pa[i] = mem_pages(100, PAGE_SIZE);
        assert_true(pa[i]);
        for (u64 page = pa[i]; page < pa[i] + 100 * PAGE_SIZE; page += PAGE_SIZE)
            assert_false(theirs[(page - FAKE_RAM) / PAGE_SIZE]); /* told, and answered, before it is used */
    }
    assert_true(held < had);
    assert_int_equal(actual(), held);
    for (size_t i = 0; i < ARRAY_LEN(pa); i++)
        mem_pages_free(pa[i], 100);
    had = held;
    fake_beat(1);
    later_run();
    assert_int_equal(held, had); /* not again before another size is asked for */
    ask(PAGES - 1);
    assert_true(held > had);
    assert_false(mem_pages(PAGES, PAGE_SIZE)); /* and at last there is an end */
    assert_int_equal(held, 0);
}

static void memory_stays_away_where_that_was_not_offered(void **state)
{
    (void)state;
    bring_up();
    ask(PAGES);
    u64 had = held;
    assert_false(mem_pages(RESERVE + 1, PAGE_SIZE));
    assert_int_equal(held, had);
}

static u64 statistic(unsigned tag)
{
    for (u64 i = 0; i + 10 <= nstatistics; i += 10)
        if ((statistics[i] | statistics[i + 1] << 8) == (int)tag)
            return get32(statistics + i + 2) | (u64)get32(statistics + i + 6) << 32;
    return ~0ull;
}

static void give_statistics_back(void)
{
    struct fake_queue *q = &device.queues[STATS];
    run();
    if (fake_ring_push(&q->ring, 0, 0))
        fake_pci_raise(device.pci, q->vector);
    fake_beat(1);
    later_run();
    run();
}

static void statistics_are_told_when_asked_for(void **state)
{
    (void)state;
    offer(STATS_VQ);
    bring_up();
    run();
    assert_int_equal(answers, 1); /* a buffer from the start */
    ask(100);
    for (unsigned i = 2; i < 20; i++) {
        give_statistics_back();
        assert_int_equal(answers, i);
        assert_int_equal(nstatistics, 30);
        assert_int_equal(statistic(4), mem_free_count() * PAGE_SIZE);
        assert_int_equal(statistic(5), (mem_total_count() - 100) * PAGE_SIZE);
        assert_int_equal(statistic(6), statistic(4));
    }
    assert_int_equal(virtq_in_flight(virtio_first()->queues[STATS]), 1);
}

/* ---- devices that lie ---- */

static void case_r21_never_answers(void **state)
{
    (void)state;
    bring_up();
    silent_after = 3;
    ask(8000);
    assert_true(virtio_first()->failed);
    assert_int_equal(fake_log_count("silent"), 1);
    unplug();
    assert_int_equal(mem_free_count(), before); /* it was reset: it forgets what it was given */
}

static void a_host_that_must_be_told_keeps_what_it_had(void **state)
{
    (void)state;
    offer(MUST_TELL_HOST);
    bring_up();
    ask(3000);
    silent_after = (unsigned)requests;
    ask(0);
    assert_true(virtio_first()->failed);
    assert_int_equal(fake_log_count("keeps 3000 pages"), 1);
    for (unsigned i = 0; i < 100; i++) {
        u64 pa = mem_pages(1, PAGE_SIZE);
        assert_false(theirs[(pa - FAKE_RAM) / PAGE_SIZE]);
        mem_pages_free(pa, 1);
    }
}

static void case_r16_writes_where_nothing_is_to_be_written(void **state)
{
    (void)state;
    bring_up();
    written_lie = 1;
    ask(10);
    assert_true(virtio_first()->failed);
    assert_int_equal(fake_log_count("beyond the room"), 1);
    unplug();
    assert_int_equal(mem_free_count(), before);
}

static void case_r26_configuration_never_settles(void **state)
{
    (void)state;
    bring_up();
    device.generation_moves = -1;
    ask(10);
    assert_true(virtio_first()->failed);
    assert_int_equal(fake_log_count("cannot be read"), 1);
    assert_int_equal(held, 0);
}

static void case_r13_dr_st_4_statistics_that_nobody_gave(void **state)
{
    (void)state;
    offer(STATS_VQ);
    bring_up();
    run();
    fake_ring_push(&device.queues[STATS].ring, 77, 0);
    for (int i = 0; i < 2; i++) {
        fake_beat(1);
        later_run();
    }
    assert_int_equal(fake_log_count("not in flight"), 1);
    assert_false(virtio_first()->failed); /* it was brought up again */
    answers = 0;
    run();
    assert_int_equal(answers, 1);
}

static void begin_anew(void)
{
    memset(theirs, 0, sizeof theirs); /* as the device does, when it is reset */
    held = 0;
}

/* The pages are the guest's again, and are given once more: nothing is lost, however often; and not for ever. */
static void case_r23_dr_st_4_it_needs_a_reset_and_is_brought_up_again(void **state)
{
    (void)state;
    bring_up();
    u64 all = mem_free_count();
    unsigned i = 0;
    for (; i < 40; i++) {
        ask(300);
        if (virtio_first()->failed)
            break;
        assert_int_equal(held, 300);
        assert_int_equal(mem_free_count(), all - 301);
        device.status_or = VIRTIO_STATUS_NEEDS_RESET;
        ask(299);
        assert_true(virtio_first()->failed);
        device.status_or = 0;
        begin_anew();
        later_run();
    }
    assert_int_equal(i, 17);
    assert_true(fake_log_count("it needs a reset") <= 2);
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
}

static void case_r13_dr_st_4_a_lie_and_then_the_truth(void **state)
{
    (void)state;
    bring_up();
    ask(300);
    fake_ring_push(&device.queues[INFLATE].ring, 5, 0);
    ask(400);
    assert_int_equal(fake_log_count("queue 0: it finished"), 1);
    begin_anew();
    later_run();
    assert_false(virtio_first()->failed);
    assert_int_equal(held, 400);
}

/* Nobody asks it for anything; what its configuration reads as then is no size. */
static void case_r11_dr_cl_2_gone_with_pages(void **state)
{
    (void)state;
    bring_up();
    ask(300);
    u64 all = mem_free_count() + 301;
    device.gone_from = device.naccesses;
    device.gone_for = ~0ull;
    ask(1000);
    fake_beat(100);
    later_run();
    assert_true(virtio_first()->failed);
    assert_int_equal(fake_log_count("it is gone"), 1);
    assert_int_equal(mem_free_count(), all - 301); /* until somebody takes it away */
    unplug();
    assert_int_equal(mem_free_count(), before);
    device.gone_for = 0;
}

static void removed_with_pages(void **state)
{
    (void)state;
    offer(STATS_VQ);
    offer(DEFLATE_ON_OOM);
    bring_up();
    ask(5000);
    unplug();
    assert_int_equal(mem_free_count(), before);
    assert_null(mem_reclaim);
    fake_beat(1);
    later_run();
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(pages_go_and_come),
        T(a_size_from_the_start),
        T(no_more_than_can_be_spared),
        T(what_is_only_kept_goes_too),
        T(without_interrupts),
        T(memory_comes_back_when_there_is_none),
        T(memory_stays_away_where_that_was_not_offered),
        T(statistics_are_told_when_asked_for),
        T(case_r21_never_answers),
        T(case_r16_writes_where_nothing_is_to_be_written),
        T(case_r26_configuration_never_settles),
        T(case_r13_dr_st_4_statistics_that_nobody_gave),
        T(case_r23_dr_st_4_it_needs_a_reset_and_is_brought_up_again),
        T(case_r13_dr_st_4_a_lie_and_then_the_truth),
        T(case_r11_dr_cl_2_gone_with_pages),
        T(removed_with_pages),
        T(a_host_that_must_be_told_keeps_what_it_had), /* the last: memory is lost */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
