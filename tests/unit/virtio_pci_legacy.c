/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_pci_legacy - tests of kernel/virtio_pci_legacy.c over a fake device with the registers of virtio 0.9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cmdline.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "pci.h"
#include "virtio.h"
#include "virtq.h"

enum { ID = 62, DEVICE_ID = 0x103f };

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
    for (unsigned i = 0; i < dev->nqueues; i++)
        while (virtq_reclaim(dev->queues[i]))
            ;
}

VIRTIO_DRIVER(test_driver) = {
    .name = "test-driver", .id = ID, .features = 1, .queues = 2, .probe = probe, .remove = remove_device};

static void start(unsigned vectors, u16 port)
{
    fake_pci_start(FAKE_BY_ECAM | FAKE_BY_PORTS);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    fake_virtio_add(&device, NULL, 4, DEVICE_ID, vectors);
    fake_virtio_legacy(&device, port);
    fake_pci_set16(device.pci, 0x2e, ID);
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
    start(3, 0xc000);
    fake_complaint();
    return 0;
}

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
    while (!virtq_take(q, &written))
        assert_int_equal(virtio_wait(dev, q), 0);
    assert_int_equal(written, 32);
    assert_int_equal(memory[63], 0x5a);
    assert_int_equal(memory[0], 0);
}

static void test_case_c17_dr_lg_1_up_and_running(void **state)
{
    (void)state;
    static const u8 statuses[] = {0, 1, 3, 7}; /* no FEATURES_OK */
    struct virtio_device *dev = bring_up();
    assert_non_null(dev);
    assert_false(dev->failed);
    assert_string_equal(dev->transport->name, "pci-legacy");
    assert_int_equal(dev->id, ID);
    assert_int_equal(device.nstatus, sizeof(statuses));
    assert_memory_equal(device.status_log, statuses, sizeof(statuses));
    for (int i = 0; i < 300; i++) /* round the ring */
        exchange(dev, i % 2);
    assert_int_equal(device.queues[0].size, 128); /* the device's, untold */
    assert_int_equal(device.queues[0].desc % 4096, 0);
    assert_int_equal(dev->queues[0]->device_pa % 4096, 0);
    assert_int_equal(dev->queues[0]->vector, 1);
    assert_int_equal(fake_pci_aborts, 0);
}

static void test_dr_lg_1_features(void **state)
{
    (void)state;
    device.offered = ~0ull;
    exchange(bring_up(), 0);
    assert_int_equal(device.accepted, 1ull << 29 | 1ull << 28 | 1ull << 27 | 1);
}

static void test_ports_without_firmware(void **state)
{
    (void)state;
    start(3, 0);
    exchange(bring_up(), 0);
    assert_in_range(fake_pci_bar_base(device.pci, 0), 0xc000, 0xfeff);
}

static void test_ports_behind_a_bridge_without_firmware(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_ECAM | FAKE_BY_PORTS);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    struct fake_function *bridge = fake_pci_bridge(NULL, 2, 0, 0);
    fake_virtio_add(&device, bridge, 4, DEVICE_ID, 0);
    fake_virtio_legacy(&device, 0);
    fake_pci_bar(device.pci, 4, 0, FAKE_BAR_BYTES, FAKE_BAR_64);
    fake_pci_bar(device.pci, 1, 0, 0x1000, 0);
    fake_pci_set16(device.pci, 0x2e, ID);
    device.num_queues = 2;
    exchange(bring_up(), 0);
    assert_int_equal(fake_pci_aborts, 0);
}

static void test_no_ports_behind_the_host_bridge(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, DEVICE_ID, 0);
    fake_virtio_legacy(&device, 0);
    assert_null(bring_up());
    assert_int_equal(fake_log_count("nor the registers of a legacy one"), 1);
    assert_int_equal(fake_pci_aborts, 0);
}

/* The configuration begins four bytes later while MSI-X is on. */
static void test_dr_lg_1_configuration(void **state)
{
    (void)state;
    u8 bytes[16];
    for (unsigned vectors = 0; vectors < 4; vectors += 3) {
        start(vectors, 0xc000);
        struct virtio_device *dev = bring_up();
        assert_int_equal(virtio_config(dev, 0, bytes, 16), 0);
        assert_memory_equal(bytes, device.config, 16);
        device.config_reads = 0;
        assert_int_equal(virtio_config(dev, 4, bytes, 4), 0);
        assert_int_equal(device.config_reads, 2); /* no generation: two readings that agree */
        assert_int_equal(bytes[3], 8);
        assert_int_equal(virtio_config(dev, 60, bytes, 4), -EINVAL);
        assert_int_equal(virtio_config(dev, ~0u, bytes, 4), -EINVAL);
        teardown(NULL);
    }
    start(3, 0xc000);
}

static void test_configuration_is_written(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up();
    device.writable = ~0ull;
    assert_int_equal(virtio_config_write(dev, 4, "abcd", 4), 0);
    assert_memory_equal(device.config + 4, "abcd", 4);
    assert_int_equal(virtio_config_write(dev, 60, "abcd", 4), -EINVAL);
    assert_int_equal(virtio_config_write(dev, ~0u, "abcd", 4), -EINVAL);
}

/* It has an address already, though the device was reset. */
static void test_queue_of_somebody_else(void **state)
{
    (void)state;
    device.enabled_at_once = true;
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count("a queue cannot be enabled"), 1);
}

static void with_option(const char *text)
{
    static struct cmdline line;
    static char copy[64];
    size_t len = strlen(text);
    memcpy(copy, text, len);
    assert_int_equal(cmdline_parse(&line, copy, len), 0);
    cmdline_boot = &line;
}

/* virtio.irq= allows one way only, however many the device has. */
static void test_interrupts_one_way_only(void **state)
{
    (void)state;
    static const struct {
        const char *option;
        u16 vector;
        bool interrupts;
    } cases[] = {{"virtio.irq=msix", 1, true},
                 {"virtio.irq=intx", VIRTIO_LINE, true},
                 {"virtio.irq=poll", VIRTIO_NO_VECTOR, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start(3, 0xc000);
        fake_virtio_line(&device, 9);
        with_option(cases[i].option);
        struct virtio_device *dev = bring_up();
        cmdline_boot = NULL;
        assert_int_equal(dev->queues[0]->vector, cases[i].vector);
        exchange(dev, 0);
        assert_int_equal(dev->queues[0]->counters.interrupts > 0, cases[i].interrupts);
        teardown(NULL);
    }
    start(3, 0xc000);
}

static void test_case_r26_configuration_never_settles(void **state)
{
    (void)state;
    u8 bytes[4];
    struct virtio_device *dev = bring_up();
    device.config_moves = 3;
    assert_int_equal(virtio_config(dev, 0, bytes, 4), 0);
    assert_memory_equal(bytes, device.config, 4);
    device.config_moves = -1;
    device.config_reads = 0;
    assert_int_equal(virtio_config(dev, 0, bytes, 4), -EIO);
    assert_in_range(device.config_reads, 2, 64);
}

static void test_dr_mx_1_dr_mx_2_dr_is_1_interrupts(void **state)
{
    (void)state;
    static const struct {
        unsigned table;
        u16 queue0, queue1;
    } cases[] = {{0, VIRTIO_LINE, VIRTIO_LINE}, {1, 0, 0}, {2, 0, 0}, {3, 1, 2}, {33, 1, 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start(cases[i].table, 0xc000);
        fake_virtio_line(&device, 9);
        struct virtio_device *dev = bring_up();
        assert_int_equal(dev->queues[0]->vector, cases[i].queue0);
        assert_int_equal(dev->queues[1]->vector, cases[i].queue1);
        exchange(dev, 0);
        exchange(dev, 1);
        assert_true(dev->queues[1]->counters.interrupts > 0);
        assert_int_equal(device.isr_reads > 0, cases[i].table == 0);
        teardown(NULL);
    }
    start(3, 0xc000);
}

static void test_case_r29_dr_mx_3_vector_refused(void **state)
{
    (void)state;
    device.refuse_vectors = 0;
    fake_virtio_line(&device, 9);
    struct virtio_device *dev = bring_up();
    u8 byte;
    assert_int_equal(dev->queues[0]->vector, VIRTIO_LINE);
    assert_int_equal(virtio_config(dev, 0, &byte, 1), 0); /* with MSI-X off it stands where it stood */
    assert_int_equal(byte, 1);
    exchange(dev, 0);
}

static void refused(const char *why)
{
    struct virtio_device *dev = bring_up();
    assert_true(dev && dev->failed);
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
    assert_int_equal(fake_log_count(why), 1);
    assert_int_equal(probes, 0);
}

static void test_case_r6_r7_queue_sizes_that_cannot_be(void **state)
{
    (void)state;
    static const u16 sizes[] = {3, 129, 65535, 49152};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        start(3, 0xc000);
        device.bad_queue_size = sizes[i];
        refused("a size that no ring has");
        teardown(NULL);
    }
    start(3, 0xc000);
    device.num_queues = 1;
    refused("lacks a queue");
}

static void test_case_r10_reset_never_ends(void **state)
{
    (void)state;
    device.reset_reads = -1;
    assert_true(bring_up()->failed);
    assert_int_equal(probes, 0);
    assert_int_equal(fake_pci_get16(device.pci, 4) & 4, 0);
}

/* It has no NEEDS_RESET: it is silent, and is brought up again a few times, not for ever. */
static void test_case_r21_r23_dr_lg_1_silence_ends_in_a_restart(void **state)
{
    (void)state;
    struct span s = {(u64)memory, 32};
    u32 written;
    struct virtio_device *dev = bring_up();
    int restarts = 0;
    for (; restarts < 10; restarts++) {
        device.hold = true;
        assert_int_equal(virtq_add(dev->queues[0], &s, 1, 0, &cookie), 0);
        virtq_kick(dev->queues[0]);
        u64 before = arch_heartbeats();
        while (!virtq_take(dev->queues[0], &written) && virtio_wait(dev, dev->queues[0]) == 0)
            ;
        assert_true(dev->failed);
        assert_in_range(arch_heartbeats() - before, VIRTIO_SILENCE, VIRTIO_SILENCE + 60);
        assert_ptr_equal(virtq_reclaim(dev->queues[0]), &cookie);
        if (virtio_restart(dev) < 0)
            break;
        device.hold = false;
        exchange(dev, 0);
        exchange(dev, 1);
    }
    assert_int_equal(restarts, 3);
    assert_int_equal(virtio_restart(dev), -EIO);
}

/* What the device offers decides, not its id. */
static void test_case_c17_which_transport(void **state)
{
    (void)state;
    fake_virtio_caps(&device);
    device.offered |= 1ull << 32;
    struct virtio_device *dev = bring_up();
    assert_string_equal(dev->transport->name, "pci");
    device.legacy = false;
    teardown(NULL);
    start(3, 0xc000);
    fake_virtio_cap(&device, 1, 4, FAKE_COMMON, 8); /* of no use */
    exchange(bring_up(), 0);
    assert_string_equal(virtio_first()->transport->name, "pci-legacy");
}

static void test_case_c17_neither_modern_nor_legacy(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        start(3, 0xc000);
        if (i == 0)
            device.pci->config[8] = 1; /* a revision that no legacy device has */
        else
            fake_pci_bar(device.pci, 0, i == 1 ? 0xc000 : 0, i == 1 ? 16 : 0, i == 1 ? FAKE_BAR_IO : 0);
        assert_null(bring_up());
        assert_int_equal(fake_log_count("nor the registers of a legacy one"), 1);
        assert_int_equal(fake_pci_get16(device.pci, 4) & 7, 0);
        assert_int_equal(device.naccesses, 0);
    }
    start(3, 0xc000);
}

static void test_case_r11_gone_at_every_access(void **state)
{
    (void)state;
    struct span s = {(u64)memory, 32};
    u32 written;
    exchange(bring_up(), 0);
    u64 honest = device.naccesses;
    teardown(NULL);
    for (u64 n = 0; n < honest; n++) {
        start(3, 0xc000);
        device.gone_from = n;
        device.gone_for = ~0ull;
        struct virtio_device *dev = bring_up();
        fake_virtio_run_when_idle(&device);
        if (dev && !dev->failed && virtq_add(dev->queues[0], &s, 0, 1, &cookie) == 0) {
            virtq_kick(dev->queues[0]);
            while (!virtq_take(dev->queues[0], &written) && virtio_wait(dev, dev->queues[0]) == 0)
                ;
        }
        assert_true(!dev || dev->failed || n + 2 >= honest);
        device.gone_for = 0;
        fake_complaint();
        teardown(NULL);
    }
    start(3, 0xc000);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_case_c17_dr_lg_1_up_and_running),
        TEST(test_dr_lg_1_features),
        TEST(test_ports_without_firmware),
        TEST(test_ports_behind_a_bridge_without_firmware),
        TEST(test_no_ports_behind_the_host_bridge),
        TEST(test_dr_lg_1_configuration),
        TEST(test_configuration_is_written),
        TEST(test_queue_of_somebody_else),
        TEST(test_interrupts_one_way_only),
        TEST(test_case_r26_configuration_never_settles),
        TEST(test_dr_mx_1_dr_mx_2_dr_is_1_interrupts),
        TEST(test_case_r29_dr_mx_3_vector_refused),
        TEST(test_case_r6_r7_queue_sizes_that_cannot_be),
        TEST(test_case_r10_reset_never_ends),
        TEST(test_case_r21_r23_dr_lg_1_silence_ends_in_a_restart),
        TEST(test_case_c17_which_transport),
        TEST(test_case_c17_neither_modern_nor_legacy),
        TEST(test_case_r11_gone_at_every_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
