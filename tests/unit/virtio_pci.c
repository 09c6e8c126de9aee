/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_pci - tests of kernel/virtio_pci.c over a fake device behind a fake bus. Names carry the case or clause that they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "pci.h"
#include "virtio.h"
#include "virtq.h"

enum { ID = 63, DEVICE_ID = 0x107f };

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
static struct fake_virtio device;
static unsigned probes;

static int probe(struct virtio_device *dev)
{
    (void)dev;
    probes++;
    return 0;
}

static void remove_device(struct virtio_device *dev)
{
    for (unsigned i = 0; i < 2; i++)
        while (virtq_reclaim(dev->queues[i]))
            ;
}

VIRTIO_DRIVER(test_driver) = {
    .name = "test-driver", .id = ID, .features = 1, .queues = 2, .probe = probe, .remove = remove_device};

static void start(u16 device_id, unsigned vectors)
{
    fake_pci_start(FAKE_BY_ECAM);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    fake_virtio_add(&device, NULL, 4, device_id, vectors);
    device.num_queues = 2;
    device.offered |= 1;
    device.config_len = 16;
    for (u8 i = 0; i < 16; i++)
        device.config[i] = i + 1;
    probes = 0;
}

static int setup(void **state)
{
    (void)state;
    start(DEVICE_ID, 3);
    fake_complaint();
    return 0;
}

static struct pci_dev *function(void)
{
    struct pci_dev *d = pci_first();
    while (d && d->vendor != 0x1af4)
        d = d->next;
    return d;
}

/* The virtio device that came out of the function; NULL: none. */
static struct virtio_device *bring_up(void)
{
    pci_scan(&window);
    pci_bind_all();
    return virtio_first();
}

static int teardown(void **state)
{
    (void)state;
    assert_null(fake_complaint());
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        if (d->driver && d->priv)
            d->driver->remove(d);
    assert_null(virtio_first());
    assert_null(fake_complaint());
    return 0;
}

static int cookie;
static u8 memory[64];

static void exchange(struct virtio_device *dev, unsigned queue)
{
    struct virtq *q = dev->queues[queue];
    struct span spans[2] = {{(u64)memory, 32}, {(u64)memory + 32, 32}};
    u32 written;
    fake_virtio_run_when_idle(&device);
    memset(memory, 0, sizeof(memory));
    assert_int_equal(virtq_add(q, spans, 1, 1, &cookie), 0);
    virtq_kick(q);
    if (q->vector == VIRTIO_NO_VECTOR)
        fake_virtio_run(&device);
    while (!virtq_take(q, &written))
        assert_int_equal(virtio_wait(dev, q), 0);
    assert_int_equal(written, 32);
    assert_int_equal(memory[63], 0x5a);
    assert_int_equal(memory[0], 0);
}

/* ---- a device that keeps to the rules ---- */

static void test_dr_st_1_dr_st_2_dr_in_1_dr_in_6_dr_cp_6_up_and_running(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_non_null(dev);
    assert_false(dev->failed);
    assert_int_equal(dev->id, ID);
    assert_string_equal(dev->parent, "0000:00:04.0");
    static const u8 statuses[] = {0, 1, 3, 11, 15};
    assert_int_equal(device.nstatus, sizeof(statuses));
    assert_memory_equal(device.status_log, statuses, sizeof(statuses));
    exchange(dev, 0);
    exchange(dev, 1);
    assert_int_equal(dev->queues[0]->vector, 1);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
    assert_int_equal(dev->queues[1]->counters.interrupts, 1);
    assert_int_equal(dev->config_changes, 0);
    assert_int_equal(device.queues[1].kicks, 1);
    assert_int_equal(fake_pci_aborts, 0);
}

static void test_without_indirect_and_event_index(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered = 1ull << 32;
    exchange(bring_up(), 0);
    assert_int_equal(device.accepted, 1ull << 32);
}

static void test_dr_pd_1_dr_pd_2_dr_pd_3_ids(void **state)
{
    (void)state;
    static const struct {
        u16 device, subsystem, id;
    } cases[] = {{0x1000, 1, 1}, {0x1009, 9, 9}, {0x103f, 62, 62}, {0x1040, 0, 0}, {0x1049, 9, 9}, {0x107f, 0, 63}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start(cases[i].device, 3);
        fake_pci_set16(device.pci, 0x2e, cases[i].subsystem);
        fake_virtio_caps(&device);
        device.pci->config[8] = (u8)(i * 77); /* DR-PD-3: any revision */
        struct virtio_device *dev = bring_up();
        assert_non_null(dev);
        assert_int_equal(dev->id, cases[i].id);
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
}

static void test_case_c17_other_ids(void **state)
{
    (void)state;
    static const u16 ids[] = {0x0fff, 0x1080, 0x10ff, 0x1110};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        start(ids[i], 3);
        fake_virtio_caps(&device);
        assert_null(bring_up());
        assert_int_equal(device.nstatus, 0);
    }
}

static void test_case_c17_legacy_only(void **state)
{
    (void)state;
    assert_null(bring_up()); /* a modern id, but no capabilities */
    assert_int_equal(fake_log_count("missing: common notify isr"), 1);
    assert_int_equal(fake_pci_get16(device.pci, 4) & 7, 0);
}

static void test_case_c12_without_firmware(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_pci_bar(device.pci, 4, 0, FAKE_BAR_BYTES, FAKE_BAR_64);
    fake_pci_bar(device.pci, 1, 0, 0x1000, 0);
    exchange(bring_up(), 0);
}

static void test_case_c12_bar_above_4_GiB(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_pci_bar(device.pci, 4, FAKE_MMIO_HIGH, FAKE_BAR_BYTES, FAKE_BAR_64 | FAKE_BAR_PREFETCH);
    exchange(bring_up(), 0);
}

static void test_case_c18_two_devices(void **state)
{
    (void)state;
    static struct fake_virtio second;
    fake_virtio_caps(&device);
    fake_virtio_add(&second, NULL, 9, DEVICE_ID, 3);
    second.num_queues = 2;
    fake_virtio_caps(&second);
    struct virtio_device *dev = bring_up();
    assert_non_null(dev->next);
    assert_null(dev->next->next);
    assert_int_equal(probes, 2);
    exchange(dev, 0);
}

/* ---- configuration ---- */

static void test_dr_cf_4_dr_cp_5_config_of_a_surprising_size(void **state)
{
    (void)state;
    u8 byte;
    fake_virtio_cap(&device, 4, 4, FAKE_DEVICE, 0x2000);
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_int_equal(virtio_config(dev, 0xfff, &byte, 1), 0);
    assert_int_equal(virtio_config(dev, 0x1000, &byte, 1), -EINVAL);
}

static void test_dr_pl_1_config_widths(void **state)
{
    (void)state;
    u8 bytes[16];
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    device.config_reads = device.widest_config_read = 0;
    assert_int_equal(virtio_config(dev, 2, bytes, 2), 0);
    assert_int_equal(device.config_reads, 1);
    assert_int_equal(virtio_config(dev, 4, bytes, 4), 0);
    assert_int_equal(device.config_reads, 2);
    device.widest_config_read = 0;
    assert_int_equal(virtio_config(dev, 1, bytes, 15), 0);
    assert_int_equal(virtio_config(dev, 3, bytes + 15, 1), 0);
    assert_int_equal(virtio_config(dev, 2, bytes, 4), 0); /* across its alignment */
    assert_int_equal(device.widest_config_read, 1);
    assert_int_equal(bytes[0], 3);
    assert_int_equal(virtio_config(dev, 0xfff, bytes, 2), -EINVAL);
    assert_int_equal(virtio_config(dev, ~0u, bytes, 1), -EINVAL);
}

/* Whichever of its reads the change comes before: all bytes are from before it, or all from behind it. */
static void test_dr_cf_1_dr_cf_2_several_reads_are_of_one_moment(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    for (u32 len = 2; len <= 16; len++)
        for (unsigned at = 1; at <= len + 1; at++) {
            u8 bytes[16];
            memset(device.config, (int)at, sizeof(device.config));
            device.changes_in = at;
            assert_int_equal(virtio_config(dev, 0, bytes, len), 0);
            for (u32 i = 1; i < len; i++)
                assert_int_equal(bytes[i], bytes[0]);
            device.changes_in = 0;
        }
}

static void test_case_c8_no_device_configuration(void **state)
{
    (void)state;
    u8 byte;
    fake_virtio_cap(&device, 1, 4, FAKE_COMMON, 0x1000);
    fake_virtio_cap(&device, 2, 4, FAKE_NOTIFY, 0x1000);
    fake_virtio_cap(&device, 3, 4, FAKE_ISR, 1);
    fake_virtio_cap(&device, 4, 4, FAKE_DEVICE, 0);
    struct virtio_device *dev = bring_up();
    assert_non_null(dev);
    assert_int_equal(virtio_config(dev, 0, &byte, 1), -EINVAL);
    exchange(dev, 0);
}

static void test_dr_cf_5_window_of_exactly_the_size(void **state)
{
    (void)state;
    u8 bytes[6];
    fake_virtio_cap(&device, 4, 4, FAKE_DEVICE, 6);
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_int_equal(virtio_config(dev, 0, bytes, 6), 0);
    assert_int_equal(virtio_config(dev, 1, bytes, 6), -EINVAL);
}

/* ---- capabilities that cannot be ---- */

/* Each of these stands before the good ones and must be passed over. */
static void test_case_c5_c6_c7_c8_c9_c14_dr_cp_1_dr_cp_2_unusable_instances(void **state)
{
    (void)state;
    static const struct {
        u8 kind, bar;
        u32 offset, len;
        u8 cap_len; /* 0: right */
    } bad[] = {
        {1, 4, FAKE_DEVICE, 0x1000, 1},   /* C5 */
        {1, 4, FAKE_DEVICE, 0x1000, 2},   /* C5 */
        {1, 4, FAKE_DEVICE, 0x1000, 15},  /* C5 */
        {1, 4, FAKE_DEVICE, 0x1000, 255}, /* C5: runs past 256 */
        {2, 4, FAKE_DEVICE, 0x1000, 19},  /* C5: no multiplier */
        {1, 6, 0, 0x1000, 0},             /* C6 */
        {1, 7, 0, 0x1000, 0},             /* C6 */
        {1, 255, 0, 0x1000, 0},           /* C6 */
        {1, 4, 0x3fe0, 56, 0},            /* C7: beyond the BAR */
        {1, 4, 0xfffffff0, 56, 0},        /* C7: wraps */
        {2, 4, 0x3000, 0xfffffff0, 0},    /* C7 */
        {1, 4, FAKE_DEVICE, 55, 0},       /* C8 */
        {2, 4, FAKE_DEVICE, 1, 0},        /* C8 */
        {1, 4, 2, 0x100, 0},              /* not aligned */
        {2, 4, 0x3001, 0x100, 0},         /* not aligned */
        {1, 3, 0, 0x1000, 0},             /* C9: not implemented */
        {0, 4, 0, 0x1000, 0},             /* DR-CP-1 */
        {5, 4, 0, 0x1000, 0},             /* the window through configuration space */
        {9, 4, 0, 0x1000, 0},             /* vendor data */
        {255, 4, 0, 0x1000, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(DEVICE_ID, 3);
        fake_pci_bar(device.pci, 0, 0xc000, 64, FAKE_BAR_IO);
        u16 at = fake_virtio_cap(&device, bad[i].kind, bad[i].bar, bad[i].offset, bad[i].len);
        if (bad[i].cap_len)
            device.pci->config[at + 2] = bad[i].cap_len;
        fake_virtio_caps(&device);
        struct virtio_device *dev = bring_up();
        assert_non_null(dev);
        exchange(dev, 0);
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
}

static void test_case_c5_capability_at_the_very_end(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.pci->free_cap = 0xf4;
    fake_virtio_cap(&device, 4, 4, 0, 0x1000); /* its last fields would lie beyond 256 */
    assert_non_null(bring_up());
}

static void test_case_c14_dr_cp_4_first_usable_instance(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_virtio_cap(&device, 1, 4, FAKE_DEVICE, 0x1000);
    fake_virtio_cap(&device, 2, 4, FAKE_COMMON, 0x1000);
    exchange(bring_up(), 0);
}

/* As on a machine without ports, with QEMU's order: the window, a doorbell in ports that have no address, one in memory. */
static void test_dr_cp_4_memory_goes_before_the_window(void **state)
{
    (void)state;
    fake_pci_bar(device.pci, 2, 0, 4, FAKE_BAR_IO);
    fake_virtio_cap(&device, 5, 0, 0, 0);
    fake_virtio_cap(&device, 2, 2, 0, 4);
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_non_null(dev->queues[0]->doorbell);
    exchange(dev, 0);
}

static void test_case_c15_a_structure_is_missing(void **state)
{
    (void)state;
    static const char *const names[] = {"", " common", " notify", " isr"};
    for (u8 missing = 1; missing <= 3; missing++) {
        start(DEVICE_ID, 3);
        for (u8 kind = 1; kind <= 4; kind++)
            if (kind != missing)
                fake_virtio_cap(&device, kind, 4, kind == 2 ? FAKE_NOTIFY : (kind - 1) * 0x1000u, 0x1000);
        assert_null(bring_up());
        assert_int_equal(fake_log_count(names[missing]), 1);
        assert_int_equal(device.nstatus, 0);
    }
}

static u32 moving(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    static u32 turn;
    return width == 4 && offset > f->last_cap && offset < f->free_cap ? v + 0x1000 * turn++ : v;
}

static void test_case_c22_capability_moves_while_it_is_read(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        start(DEVICE_ID, 3);
        fake_virtio_caps(&device);
        device.pci->config_hook = moving; /* the last one, notify */
        bring_up();
        assert_int_equal(fake_pci_aborts, 0); /* nothing was touched outside the BAR */
        fake_complaint();
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
}

/* ---- notification ---- */

static void refused(const char *why)
{
    struct virtio_device *dev = bring_up();
    assert_non_null(dev); /* it stays visible */
    assert_true(dev->failed);
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
    assert_int_equal(fake_log_count(why), 1);
    assert_int_equal(probes, 0);
}

static void test_case_c16_doorbell_outside(void **state)
{
    (void)state;
    static const struct {
        u32 multiplier, len;
        u16 notify_off;
    } bad[] = {{4, 0x1000, 0x400}, {4, 0x1000, 0x7fff}, {0xffffffff, 0x1000, 1}, {0xffffffff, 0x1000, 0xffff},
               {4, 5, 1},          {1, 0x1000, 1},      {3, 0x1000, 1}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        start(DEVICE_ID, 3);
        u16 at = fake_virtio_cap(&device, 2, 4, FAKE_NOTIFY, bad[i].len);
        fake_pci_set32(device.pci, at + 16, bad[i].multiplier);
        fake_virtio_caps(&device);
        device.queues[1].notify_off = bad[i].notify_off;
        refused("cannot be enabled");
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
}

static void test_case_c16_multiplier_0(void **state)
{
    (void)state;
    u16 at = fake_virtio_cap(&device, 2, 4, FAKE_NOTIFY, 2);
    fake_pci_set32(device.pci, at + 16, 0);
    fake_virtio_caps(&device);
    device.queues[1].notify_off = 0x7fff;
    struct virtio_device *dev = bring_up();
    assert_false(dev->failed);
    assert_ptr_equal(dev->queues[0]->doorbell, dev->queues[1]->doorbell);
}

static void test_case_c16_dr_cp_5_page_per_queue(void **state)
{
    (void)state;
    fake_pci_bar(device.pci, 2, FAKE_MMIO_HIGH, 4 << 20, FAKE_BAR_64);
    u16 at = fake_virtio_cap(&device, 2, 2, 0, 4 << 20);
    fake_pci_set32(device.pci, at + 16, 4096);
    fake_virtio_caps(&device);
    device.notify_bar = 2;
    device.notify_at = 0;
    device.multiplier = 4096;
    struct virtio_device *dev = bring_up();
    assert_false(dev->failed);
    exchange(dev, 1);
    assert_ptr_equal(dev->queues[1]->doorbell, (void *)(FAKE_MMIO_HIGH + 4096));
}

/* ---- queues ---- */

static void test_case_r5_no_queues(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.num_queues = 0;
    refused("lacks a queue");
}

static void test_case_r6_r7_r8_queue_size(void **state)
{
    (void)state;
    static const u16 sizes[][2] = {{3, 2}, {32768, 256}, {65535, 256}, {1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        start(DEVICE_ID, 3);
        fake_virtio_caps(&device);
        device.queues[0].max = device.queues[0].size = sizes[i][0];
        struct virtio_device *dev = bring_up();
        assert_false(dev->failed);
        assert_int_equal(device.queues[0].size, sizes[i][1]); /* written back */
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
    fake_virtio_caps(&device);
    device.queues[0].max = device.queues[0].size = 0;
    refused("lacks a queue");
}

static void test_case_r9_enabled_before_set_up(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.enabled_at_once = true;
    refused("cannot be enabled");
}

/* ---- refusals of the bus, seen at the registers ---- */

static void test_case_r1_r2_refused(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered = 1ull << 28;
    refused("VERSION_1");
    teardown(NULL);
    start(DEVICE_ID, 3);
    fake_virtio_caps(&device);
    device.refuse_features = true;
    refused("features");
}

static void test_case_r4_dr_fb_4_dr_fb_5_everything_offered(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered = ~0ull;
    exchange(bring_up(), 0);
    assert_int_equal(device.accepted, 0x1dfull << 32 | 3ull << 28 | 1);
}

static void test_case_r10_reset_never_ends(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.reset_reads = -1;
    struct virtio_device *dev = bring_up();
    assert_true(dev->failed);
    assert_int_equal(probes, 0);
}

static void test_case_r10_cut_off_is_no_bus_master(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_int_equal(fake_pci_get16(device.pci, 4) & 4, 4);
    device.reset_reads = -1;
    virtio_fail(dev, "it is broken");
    assert_int_equal(fake_pci_get16(device.pci, 4) & 4, 0);
}

static bool is_master(void)
{
    return fake_pci_get16(device.pci, 4) & 4;
}

/* What it was told to write to before is other people's memory by now. */
static void case_r10_case_r22_a_device_that_was_cut_off_is_let_in_only_when_it_is_reset(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    bring_up();
    struct pci_dev *pci = function();
    const struct pci_driver *driver = pci->driver;
    device.reset_reads = -1;
    pci_unbind(pci);
    assert_false(is_master());
    pci_bind(pci, driver); /* complains if it were let in */
    assert_true(virtio_first()->failed);
    assert_false(is_master());
    pci_unbind(pci);
    device.reset_reads = 3;
    pci_bind(pci, driver);
    assert_false(virtio_first()->failed);
    assert_true(is_master());
    exchange(virtio_first(), 0);
}

/* Its word that it is reset is not all that keeps it out. */
static void case_r12_case_r22_a_device_that_failed_is_no_bus_master(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    virtio_fail(dev, "it lies");
    assert_false(is_master());
    assert_int_equal(virtio_restart(dev), 0);
    assert_true(is_master());
    virtio_unbind(dev);
    assert_false(is_master());
}

/* Firmware may have left it at work. */
static void case_r22_no_function_reaches_memory_before_its_driver_lets_it(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 9, 0, 0x8086, 0x100e, 0x020000);
    struct fake_function *bridge = fake_pci_bridge(NULL, 10, 1, 1);
    fake_pci_set16(f, 4, 7);
    fake_pci_set16(bridge, 4, 7);
    fake_pci_set16(device.pci, 4, 7);
    pci_scan(&window);
    assert_int_equal(fake_pci_get16(f, 4), 3);
    assert_int_equal(fake_pci_get16(bridge, 4), 7); /* others are behind it */
    assert_false(is_master());
}

/* ---- interrupts ---- */

static void test_dr_mx_1_dr_mx_2_vectors(void **state)
{
    (void)state;
    static const struct {
        unsigned table;
        u16 config, queue0, queue1;
    } cases[] = {{0, 0xffff, 0xffff, 0xffff}, {1, 0, 0, 0}, {2, 0, 0, 0}, {3, 0, 1, 2}, {33, 0, 1, 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start(DEVICE_ID, cases[i].table);
        fake_virtio_caps(&device);
        struct virtio_device *dev = bring_up();
        assert_int_equal(device.config_vector, cases[i].config);
        assert_int_equal(device.queues[0].vector, cases[i].queue0);
        assert_int_equal(device.queues[1].vector, cases[i].queue1);
        exchange(dev, 0);
        exchange(dev, 1);
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
}

static void test_no_apic(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_apic = false;
    struct virtio_device *dev = bring_up();
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
    exchange(dev, 0);
}

static void test_case_r29_dr_mx_3_vector_refused(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.refuse_vectors = 1; /* takes vector 0 only, so that is for everything */
    struct virtio_device *dev = bring_up();
    assert_int_equal(dev->queues[0]->vector, 0);
    assert_int_equal(dev->queues[1]->vector, 0);
    assert_int_equal(device.config_vector, 0);
    exchange(dev, 0);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
    teardown(NULL);
    start(DEVICE_ID, 3);
    fake_virtio_caps(&device);
    device.refuse_vectors = 0; /* then by the line, with MSI-X off */
    fake_virtio_line(&device, 11);
    dev = bring_up();
    assert_int_equal(dev->queues[0]->vector, VIRTIO_LINE);
    assert_false(fake_pci_has_msix(device.pci));
    exchange(dev, 0);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
    teardown(NULL);
    start(DEVICE_ID, 1);
    fake_virtio_caps(&device);
    device.refuse_vectors = 0; /* or by looking */
    dev = bring_up();
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
    exchange(dev, 0);
}

static void test_case_r28_interrupts_never_come(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    device.mute = true;
    for (int i = 0; i < 6; i++)
        exchange(dev, 0);
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
}

static void test_dr_nc_1_config_interrupt_and_shared_vector(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    fake_virtio_config_interrupt(&device);
    arch_wait();
    assert_int_equal(dev->config_changes, 1);
    assert_int_equal(dev->queues[0]->counters.interrupts, 0);
    teardown(NULL);
    start(DEVICE_ID, 1);
    fake_virtio_caps(&device);
    dev = bring_up();
    exchange(dev, 0);
    assert_int_equal(dev->config_changes, 1);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
}

static void test_case_r23_needs_reset(void **state)
{
    (void)state;
    struct span s = {(u64)memory, 32};
    u32 written;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    struct virtq *q = dev->queues[0];
    assert_int_equal(virtq_add(q, &s, 1, 0, &cookie), 0);
    virtq_kick(q);
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
    fake_virtio_config_interrupt(&device);
    u64 before = arch_heartbeats();
    while (!virtq_take(q, &written) && virtio_wait(dev, q) == 0)
        ;
    assert_int_equal(arch_heartbeats(), before);
    assert_true(dev->failed);
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
    assert_int_equal(device.queues[0].enable, 0);
}

/* ---- ways to the registers ---- */

static void test_case_c10_dr_cp_4_structures_in_an_io_bar(void **state)
{
    (void)state;
    fake_pci_bar(device.pci, 0, 0x8000, FAKE_BAR_BYTES, FAKE_BAR_IO);
    device.alias_bar = 0;
    for (u8 kind = 1; kind <= 4; kind++)
        fake_virtio_cap(&device, kind, 0,
                        kind == 2 ? FAKE_NOTIFY : (kind - (kind > 2)) * 0x1000u - 0x1000u * (kind == 1), 0x1000);
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    exchange(dev, 1);
    assert_null(dev->queues[1]->doorbell); /* no memory of a port's number */
    for (u64 i = 0; i < device.naccesses && i < FAKE_ACCESSES; i++)
        assert_int_equal(device.accesses[i].bar, 0);
    assert_int_equal(fake_pci_aborts, 0);
}

/* QEMU's modern-pio-notify=on: only notifications are in an I/O BAR, and that capability comes first. */
static void test_case_c14_dr_cp_4_notifications_by_port(void **state)
{
    (void)state;
    fake_pci_bar(device.pci, 2, 0x9000, 4, FAKE_BAR_IO);
    fake_pci_set32(device.pci, fake_virtio_cap(&device, 2, 2, 0, 4) + 16, 0);
    fake_virtio_caps(&device);
    device.notify_bar = 2;
    device.notify_at = device.multiplier = 0;
    struct virtio_device *dev = bring_up();
    exchange(dev, 0);
    exchange(dev, 1);
    assert_int_equal(device.queues[1].kicks, 1);
}

static void test_dr_pc_1_registers_through_configuration_space(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_virtio_window(&device);
    fake_pci_bar(device.pci, 4, 0, 1ull << 40, FAKE_BAR_64); /* there is no place for so much */
    fake_pci_bar(device.pci, 1, 0, 0, 0);
    struct virtio_device *dev = bring_up();
    assert_non_null(dev);
    assert_false(dev->failed);
    exchange(dev, 0);
    exchange(dev, 1);
    u8 bytes[16];
    assert_int_equal(virtio_config(dev, 1, bytes, 15), 0);
    assert_int_equal(bytes[14], 16);
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR); /* its vectors' table is not to be reached */
    assert_int_equal(fake_pci_get16(device.pci, 4) & 2, 0);
    assert_int_equal(fake_pci_aborts, 0);
}

static void test_case_c12_no_way_to_the_registers(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_pci_bar(device.pci, 4, 0, 1ull << 40, FAKE_BAR_64);
    assert_null(bring_up());
    assert_int_equal(fake_log_count("missing: common notify isr"), 1);
    assert_int_equal(fake_pci_aborts, 0);
}

static void test_dr_cp_3_longer_capabilities(void **state)
{
    (void)state;
    u16 at = fake_virtio_cap(&device, 1, 4, FAKE_COMMON, 0x1000);
    device.pci->config[at + 2] = 40;
    device.pci->free_cap = at + 40;
    fake_virtio_cap(&device, 1, 4, FAKE_DEVICE, 0x1000);
    fake_virtio_caps(&device);
    exchange(bring_up(), 0);
}

/* ---- accesses, one by one ---- */

/* Offsets of the fields of the common configuration (4.1.4.3) with their widths; 64-bit ones are two of 32. */
static unsigned width_of(u32 offset)
{
    if (offset == 20 || offset == 21)
        return 1;
    return offset < 16 || (offset >= 32 && offset < 56) ? 4 : 2;
}

static void test_dr_pl_1_dr_cc_1_dr_cc_2_dr_cc_3_dr_cc_5_every_access(void **state)
{
    (void)state;
    static const u8 read_only[] = {4, 18, 21, 30, 56};
    unsigned enabled = 0, fields = 0;
    u32 selected = 0;
    fake_virtio_caps(&device);
    exchange(bring_up(), 0);
    assert_in_range(device.naccesses, 20, FAKE_ACCESSES);
    for (u64 i = 0; i < device.naccesses; i++) {
        const struct fake_access *a = &device.accesses[i];
        if (a->offset >= 0x1000)
            continue;
        assert_int_equal(a->offset % a->width, 0);
        assert_int_equal(a->width, width_of(a->offset));
        for (unsigned r = 0; r < sizeof(read_only) && a->write; r++)
            assert_int_not_equal(a->offset, read_only[r]);
        if (!a->write)
            continue;
        fields =
            a->offset == 22 && a->value != selected
                ? 0
                : fields | (a->offset == 24) | (a->offset >= 32 && a->offset < 56 ? 2u << (a->offset - 32) / 4 : 0);
        selected = a->offset == 22 ? a->value : selected;
        if (a->offset == 24)
            assert_true(a->value && (a->value & (a->value - 1)) == 0);
        if (a->offset == 28) {
            enabled++;
            assert_int_equal(a->value, 1);
            assert_int_equal(fields, 0x7f); /* size, and six halves of addresses, of this very queue */
        }
    }
    assert_int_equal(enabled, 2);
}

static void test_dr_rs_1_dr_cc_4_reset_is_waited_for(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.reset_reads = 5;
    exchange(bring_up(), 0);
    assert_int_equal(device.accesses[1].offset, 18 + 2);
    unsigned reads = 0;
    for (u64 i = 0; i < device.naccesses; i++) {
        const struct fake_access *a = &device.accesses[i];
        if (a->write && a->value == VIRTIO_STATUS_ACKNOWLEDGE)
            break;
        reads += !a->write && a->offset == 20;
    }
    assert_int_equal(reads, 6);
}

static void test_dr_st_3_a_reset_behind_failed(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    virtio_fail(dev, "of no matter");
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
    device.nstatus = 0;
    assert_int_equal(virtio_restart(dev), 0);
    static const u8 statuses[] = {0, 1, 3, 11, 15};
    assert_int_equal(device.nstatus, sizeof(statuses));
    assert_memory_equal(device.status_log, statuses, sizeof(statuses));
    exchange(dev, 0);
    assert_int_equal(dev->queues[0]->vector, 1);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
}

/* ---- configuration that changes ---- */

static void test_dr_cf_1_dr_cf_2_one_generation(void **state)
{
    (void)state;
    u8 bytes[3];
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    device.config_reads = 0;
    device.generation_moves = 4;
    device.config_moves = 4;
    assert_int_equal(virtio_config(dev, 0, bytes, 3), 0);
    assert_memory_equal(bytes, device.config, 3);
    assert_in_range(device.config_reads, 6, 12);
}

static void test_case_r26_generation_never_settles(void **state)
{
    (void)state;
    u8 byte;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    device.config_reads = 0;
    device.generation_moves = -1;
    assert_int_equal(virtio_config(dev, 0, &byte, 1), -EIO);
    assert_in_range(device.config_reads, 2, 16);
}

static void test_case_r30_configuration_shrinks(void **state)
{
    (void)state;
    u8 bytes[16];
    start(DEVICE_ID, 0);
    fake_virtio_line(&device, 10);
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    device.config_len = 3;
    fake_virtio_config_interrupt(&device);
    arch_wait();
    assert_int_equal(dev->config_changes, 1);
    assert_int_equal(virtio_config(dev, 0, bytes, 16), 0);
    assert_int_equal(bytes[2], 3);
    assert_int_equal(bytes[3], 0xff); /* what the device has for what it has not */
    assert_int_equal(dev->queues[0]->counters.interrupts, 0);
    exchange(dev, 0);
}

/* ---- notifications ---- */

static void test_dr_nt_2_dr_rf_9_notification_data(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered |= VIRTIO_F_NOTIFICATION_DATA;
    device.offered &= ~VIRTIO_F_EVENT_IDX; /* every request is told */
    struct virtio_device *dev = bring_up();
    for (u32 n = 1; n <= 3; n++) {
        exchange(dev, 1);
        assert_int_equal(device.queues[1].told, 1 | n << 16);
    }
}

static void test_dr_nt_1_dr_rf_7_the_number_that_the_device_wants(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered |= VIRTIO_F_NOTIF_CONFIG_DATA;
    exchange(bring_up(), 1);
    assert_int_equal(device.queues[1].told, 0x101);
    teardown(NULL);
    start(DEVICE_ID, 3);
    fake_virtio_cap(&device, 1, 4, FAKE_COMMON, 56); /* has no such register */
    fake_virtio_caps(&device);
    device.offered |= VIRTIO_F_NOTIF_CONFIG_DATA | VIRTIO_F_RING_RESET;
    exchange(bring_up(), 1);
    assert_int_equal(device.queues[1].told, 1);
    assert_int_equal(device.accepted & (VIRTIO_F_NOTIF_CONFIG_DATA | VIRTIO_F_RING_RESET), 0);
}

static void test_dr_qr_1_dr_qr_2_dr_cc_6_one_queue_comes_back(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered |= VIRTIO_F_RING_RESET;
    struct virtio_device *dev = bring_up();
    exchange(dev, 0);
    device.slow_queue_reset = 4;
    u64 before = device.naccesses;
    assert_int_equal(virtio_queue_stop(dev, dev->queues[0]), 0);
    unsigned reads = 0;
    for (u64 i = before; i < device.naccesses; i++)
        reads += !device.accesses[i].write && device.accesses[i].offset == 58;
    assert_int_equal(reads, 4);
    assert_int_equal(device.queue_resets, 1);
    assert_int_equal(virtio_queue_start(dev, dev->queues[0]), 0);
    exchange(dev, 0);
    exchange(dev, 1);
    assert_int_equal(device.queues[0].vector, 1);
    device.slow_queue_reset = -1; /* and then never again */
    assert_int_equal(virtio_queue_stop(dev, dev->queues[1]), -EIO);
    assert_true(dev->failed);
}

/* ---- interrupts by the line ---- */

static struct virtio_device *bring_up_with_line(u8 line)
{
    start(DEVICE_ID, 0);
    fake_virtio_line(&device, line);
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_int_equal(dev->queues[0]->vector, VIRTIO_LINE);
    assert_true(fake_line_is_open(line));
    return dev;
}

static void test_dr_is_1_isr_only_without_msix(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    fake_virtio_line(&device, 10);
    exchange(bring_up(), 0);
    assert_int_equal(device.isr_reads, 0);
    teardown(NULL);
    struct virtio_device *dev = bring_up_with_line(10);
    exchange(dev, 0);
    exchange(dev, 1);
    assert_in_range(device.isr_reads, 2, 4);
    assert_int_equal(device.isr, 0); /* the call was ended */
    assert_int_equal(dev->queues[0]->counters.interrupts, 2);
    assert_int_equal(dev->config_changes, 0);
}

static void test_dr_nc_1_one_call_for_both(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up_with_line(10);
    device.isr = 3;
    arch_wait();
    assert_int_equal(dev->interrupts, 1);
    assert_int_equal(dev->config_changes, 1);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
}

static unsigned calls;

static bool always(void)
{
    calls++;
    return true;
}

static void test_case_r28_line_that_calls_for_nobody(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up_with_line(12);
    calls = 0;
    fake_line(12, always);
    while (fake_line_is_open(12) && calls < 100000)
        arch_wait();
    assert_in_range(calls, 1, 1000);
    assert_int_equal(fake_log_count("masked"), 1);
    for (int i = 0; i < 6; i++)
        exchange(dev, 0);
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
}

static bool always_its_own(void)
{
    device.isr = 1;
    return always();
}

/* It says each time that it was its call, and calls again before anything else can run. */
static void case_r28_a_device_that_calls_without_end(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up_with_line(14);
    calls = 0;
    fake_line(14, always_its_own);
    while (fake_line_is_open(14) && calls < 100000)
        arch_wait();
    assert_in_range(calls, 1, 2001);
    assert_int_equal(fake_log_count("masked"), 1);
    for (int i = 0; i < 6; i++)
        exchange(dev, 0);
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
}

static void test_case_r28_spurious_calls(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up_with_line(10);
    for (int i = 0; i < 5000; i++) { /* claimed now and then, so it is not stuck */
        device.isr = i % 100 == 0;
        arch_wait();
    }
    assert_true(fake_line_is_open(10));
    exchange(dev, 0);
}

static void test_case_r28_interrupts_stop_coming(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    exchange(dev, 0);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
    device.mute = true;
    for (int i = 0; i < 6; i++)
        exchange(dev, 0);
    assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
}

static void test_lines_that_firmware_did_not_tell(void **state)
{
    (void)state;
    static const u8 lines[][2] = {{0, 1}, {255, 1}, {10, 0}, {10, 5}, {200, 1}};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        start(DEVICE_ID, 0);
        device.pci->config[0x3c] = lines[i][0];
        device.pci->config[0x3d] = lines[i][1];
        fake_virtio_caps(&device);
        struct virtio_device *dev = bring_up();
        assert_int_equal(dev->queues[0]->vector, VIRTIO_NO_VECTOR);
        exchange(dev, 0);
        teardown(NULL);
    }
    start(DEVICE_ID, 3);
}

static void test_two_functions_on_one_line(void **state)
{
    (void)state;
    static struct fake_virtio other;
    struct virtio_device *dev = bring_up_with_line(10);
    fake_virtio_add(&other, NULL, 5, DEVICE_ID, 0);
    fake_virtio_caps(&other);
    other.num_queues = 2;
    fake_virtio_line(&other, 10);
    fake_virtio_line(&device, 10); /* whose level it is in this test */
    teardown(NULL);
    dev = bring_up();
    exchange(dev, 0);
    assert_int_equal(dev->queues[0]->counters.interrupts, 1);
    assert_true(other.isr_reads > 0); /* it was asked as well */
    assert_int_equal(dev->next->queues[0]->counters.interrupts, 0);
    struct pci_dev *d = function();
    d->driver->remove(d);
    d->driver = NULL;
    assert_true(fake_line_is_open(10));
}

/* ---- a device that goes away ---- */

/* All that is read is ones, from one access on, or of one access only; whatever is done with it comes to an end, and with right data or an error. */
static bool survives(u64 from, u64 count)
{
    struct span spans[2] = {{(u64)memory, 32}, {(u64)memory + 32, 32}};
    u32 written;
    bool done = true;
    start(DEVICE_ID, 3);
    fake_virtio_caps(&device);
    device.gone_from = from;
    device.gone_for = count;
    struct virtio_device *dev = bring_up();
    fake_complaint(); /* ones may lead it to do what a device in its senses would not see */
    fake_virtio_run_when_idle(&device);
    for (unsigned n = 0; n < 3 && dev && !dev->failed; n++) {
        struct virtq *q = dev->queues[0];
        memset(memory, 0, sizeof(memory));
        bool added = virtq_add(q, spans, 1, 1, &cookie) == 0;
        virtq_kick(q);
        done = false;
        while (added && !(done = virtq_take(q, &written)) && virtio_wait(dev, q) == 0)
            ;
        if (done)
            assert_true(written == 32 && memory[63] == 0x5a && memory[0] == 0);
        else
            assert_true(dev->failed || q->broken);
    }
    bool well = dev && !dev->failed && done;
    u64 accesses = device.naccesses;
    device.gone_for = 0;
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        if (d->driver && d->priv)
            d->driver->remove(d);
    assert_null(virtio_first());
    fake_complaint();
    return well && accesses > from;
}

static void test_case_r11_gone_at_every_access(void **state)
{
    (void)state;
    assert_false(survives(1 << 20, 0)); /* an honest run, to see how many accesses there are */
    u64 honest = device.naccesses;
    assert_in_range(honest, 40, 200);
    for (u64 n = 0; n < honest; n++)
        assert_false(n + 4 < honest && survives(n, ~0ull));
    start(DEVICE_ID, 3);
}

static void test_case_r11_ones_at_one_access(void **state)
{
    (void)state;
    survives(1 << 20, 0);
    u64 honest = device.naccesses;
    for (u64 n = 0; n < honest; n++)
        survives(n, 1);
    start(DEVICE_ID, 3);
}

static void test_case_r11_gone_while_waiting(void **state)
{
    (void)state;
    struct span s = {(u64)memory, 32};
    u32 written;
    fake_virtio_caps(&device);
    struct virtio_device *dev = bring_up();
    assert_int_equal(virtq_add(dev->queues[0], &s, 1, 0, &cookie), 0);
    device.gone_from = device.naccesses;
    device.gone_for = ~0ull;
    virtq_kick(dev->queues[0]);
    u64 before = arch_heartbeats();
    while (!virtq_take(dev->queues[0], &written) && virtio_wait(dev, dev->queues[0]) == 0)
        ;
    assert_true(dev->failed);
    assert_in_range(arch_heartbeats() - before, 0, 60);
    assert_int_equal(fake_log_count("it is gone"), 1);
    assert_int_equal(fake_pci_get16(device.pci, 4) & 4, 0); /* and cut off, as it does not reset */
}

static void test_remove_leaves_nothing_behind(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    assert_non_null(bring_up());
    struct pci_dev *d = function();
    d->driver->remove(d);
    assert_null(virtio_first());
    assert_int_equal(device.status, 0);
    assert_int_equal(fake_pci_get16(device.pci, 4) & 7, 0);
    assert_int_equal(fake_pci_get16(device.pci, device.pci->msix_cap + 2) & 0x8000, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(arch_irq_alloc((void (*)(void *))1, NULL), i); /* all are free again */
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_dr_st_1_dr_st_2_dr_in_1_dr_in_6_dr_cp_6_up_and_running),
        TEST(test_without_indirect_and_event_index),
        TEST(test_dr_pd_1_dr_pd_2_dr_pd_3_ids),
        TEST(test_case_c17_other_ids),
        TEST(test_case_c17_legacy_only),
        TEST(test_case_c12_without_firmware),
        TEST(test_case_c12_bar_above_4_GiB),
        TEST(test_case_c18_two_devices),
        TEST(test_dr_cf_4_dr_cp_5_config_of_a_surprising_size),
        TEST(test_dr_pl_1_config_widths),
        TEST(test_dr_cf_1_dr_cf_2_several_reads_are_of_one_moment),
        TEST(test_case_c8_no_device_configuration),
        TEST(test_dr_cf_5_window_of_exactly_the_size),
        TEST(test_case_c5_c6_c7_c8_c9_c14_dr_cp_1_dr_cp_2_unusable_instances),
        TEST(test_case_c5_capability_at_the_very_end),
        TEST(test_case_c14_dr_cp_4_first_usable_instance),
        TEST(test_dr_cp_4_memory_goes_before_the_window),
        TEST(test_case_c15_a_structure_is_missing),
        TEST(test_case_c22_capability_moves_while_it_is_read),
        TEST(test_case_c16_doorbell_outside),
        TEST(test_case_c16_multiplier_0),
        TEST(test_case_c16_dr_cp_5_page_per_queue),
        TEST(test_case_r5_no_queues),
        TEST(test_case_r6_r7_r8_queue_size),
        TEST(test_case_r9_enabled_before_set_up),
        TEST(test_case_r1_r2_refused),
        TEST(test_case_r4_dr_fb_4_dr_fb_5_everything_offered),
        TEST(test_case_r10_reset_never_ends),
        TEST(test_case_r10_cut_off_is_no_bus_master),
        TEST(case_r10_case_r22_a_device_that_was_cut_off_is_let_in_only_when_it_is_reset),
        TEST(case_r12_case_r22_a_device_that_failed_is_no_bus_master),
        TEST(case_r22_no_function_reaches_memory_before_its_driver_lets_it),
        TEST(test_dr_mx_1_dr_mx_2_vectors),
        TEST(test_no_apic),
        TEST(test_case_r29_dr_mx_3_vector_refused),
        TEST(test_case_r28_interrupts_never_come),
        TEST(test_dr_nc_1_config_interrupt_and_shared_vector),
        TEST(test_case_r23_needs_reset),
        TEST(test_case_c10_dr_cp_4_structures_in_an_io_bar),
        TEST(test_case_c14_dr_cp_4_notifications_by_port),
        TEST(test_dr_pc_1_registers_through_configuration_space),
        TEST(test_case_c12_no_way_to_the_registers),
        TEST(test_dr_cp_3_longer_capabilities),
        TEST(test_dr_pl_1_dr_cc_1_dr_cc_2_dr_cc_3_dr_cc_5_every_access),
        TEST(test_dr_rs_1_dr_cc_4_reset_is_waited_for),
        TEST(test_dr_st_3_a_reset_behind_failed),
        TEST(test_dr_cf_1_dr_cf_2_one_generation),
        TEST(test_case_r26_generation_never_settles),
        TEST(test_case_r30_configuration_shrinks),
        TEST(test_dr_nt_2_dr_rf_9_notification_data),
        TEST(test_dr_nt_1_dr_rf_7_the_number_that_the_device_wants),
        TEST(test_dr_qr_1_dr_qr_2_dr_cc_6_one_queue_comes_back),
        TEST(test_dr_is_1_isr_only_without_msix),
        TEST(test_dr_nc_1_one_call_for_both),
        TEST(test_case_r28_line_that_calls_for_nobody),
        TEST(case_r28_a_device_that_calls_without_end),
        TEST(test_case_r28_spurious_calls),
        TEST(test_case_r28_interrupts_stop_coming),
        TEST(test_lines_that_firmware_did_not_tell),
        TEST(test_two_functions_on_one_line),
        TEST(test_case_r11_gone_at_every_access),
        TEST(test_case_r11_ones_at_one_access),
        TEST(test_case_r11_gone_while_waiting),
        TEST(test_remove_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
