/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio - tests of kernel/virtio.c over a scripted transport. Names carry the case or clause that they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmdline.h"
#include "fake_arch.h"
#include "fake_virtio.h"
#include "later.h"
#include "virtio.h"
#include "virtq.h"

enum { ID = 63, FEATURE = 5, ON_IT = 6, ON_THAT = 7 };

#define OWN_FEATURES (1ull << FEATURE | 1ull << ON_IT | 1ull << ON_THAT)

/* ---- a transport that writes down what is asked of it ---- */

static struct script {
    u64 features, accepted;
    u8 status, status_or;
    int reset_reads; /* until a reset shows; -1: never */
    bool admitted;   /* to memory */
    bool refuse_features;
    u16 queue_max[4];
    int enable_result, reset_result, vectors;
    u8 generation;
    int generation_moves;
    u8 config[64];
    char log[512]; /* 's' status, 'f' features, 'q' queue, 'i' irqs, 'n' notify, 'r' queue reset, 'c' config */
} script;

static struct virtio_device dev;
static struct fake_ring ring;

static void note(const char *text)
{
    size_t at = strlen(script.log), n = strlen(text);
    if (at + n < sizeof(script.log))
        memcpy(script.log + at, text, n + 1);
}

static u8 get_status(struct virtio_device *d)
{
    (void)d;
    if (script.status == 0 && script.reset_reads) {
        script.reset_reads -= script.reset_reads > 0;
        return 1;
    }
    bool gone = script.status_or == 0xff, runs = script.status & VIRTIO_STATUS_DRIVER_OK;
    return gone || runs ? script.status | script.status_or : script.status;
}

static void set_status(struct virtio_device *d, u8 status)
{
    char text[8];
    (void)d;
    snprintf(text, sizeof(text), "s%u ", status);
    note(text);
    if (status && (status & script.status) != script.status)
        fake_complain("DR-ST-2: a status bit was cleared");
    if (status & VIRTIO_STATUS_DRIVER_OK && !script.admitted)
        fake_complain("started without a way to memory");
    script.status = script.refuse_features ? status & (u8)~VIRTIO_STATUS_FEATURES_OK : status;
}

static u64 get_features(struct virtio_device *d)
{
    (void)d;
    return script.features;
}

static void set_features(struct virtio_device *d, u64 features)
{
    (void)d;
    note("f ");
    script.accepted = features;
}

static u16 queue_max(struct virtio_device *d, u16 index)
{
    (void)d;
    return index < 4 ? script.queue_max[index] : 0;
}

static int queue_enable(struct virtio_device *d, struct virtq *q)
{
    (void)d;
    note("q ");
    q->vector = script.vectors ? q->index + 1 : VIRTIO_NO_VECTOR;
    if (q->index == 0)
        ring = fake_ring_of(q);
    return script.enable_result;
}

static int queue_reset(struct virtio_device *d, struct virtq *q)
{
    (void)d, (void)q;
    note("r ");
    return script.reset_result;
}

static void notify(struct virtq *q)
{
    (void)q;
    note("n ");
}

static int config_read(struct virtio_device *d, u32 offset, void *bytes, u32 len)
{
    (void)d;
    if (offset > sizeof(script.config) || len > sizeof(script.config) - offset)
        return -EINVAL;
    memcpy(bytes, script.config + offset, len);
    script.config[offset]++; /* so that a second reading can be told */
    return 0;
}

static int config_write(struct virtio_device *d, u32 offset, const void *bytes, u32 len)
{
    (void)d, (void)offset, (void)bytes, (void)len;
    note("c ");
    return 0;
}

static u8 generation(struct virtio_device *d)
{
    (void)d;
    if (script.generation_moves) {
        script.generation_moves -= script.generation_moves > 0;
        script.generation++;
    }
    return script.generation;
}

static int irqs(struct virtio_device *d, unsigned queues)
{
    (void)d, (void)queues;
    note("i ");
    return script.vectors;
}

static void admit(struct virtio_device *d, bool may)
{
    (void)d;
    if (may && (script.status || script.reset_reads))
        fake_complain("let in before its reset was seen");
    script.admitted = may;
}

static void cut_off(struct virtio_device *d)
{
    (void)d;
    note("x ");
}

static struct virtio_transport transport = {
    .name = "script",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .queue_max = queue_max,
    .queue_enable = queue_enable,
    .queue_reset = queue_reset,
    .notify = notify,
    .config_read = config_read,
    .config_write = config_write,
    .generation = generation,
    .irqs = irqs,
    .admit = admit,
    .cut_off = cut_off,
};

/* ---- a driver ---- */

static int probe_result;
static unsigned probes, removes;
static u8 status_in_probe, status_in_remove;

static bool probe_works;

static int probe(struct virtio_device *d)
{
    static u8 buffer[8];
    struct span span = {(u64)buffer, sizeof buffer};
    probes++;
    if (probe_works) {
        assert_int_equal(virtq_add(d->queues[0], &span, 1, 0, buffer), 0);
        virtq_kick(d->queues[0]);
        assert_int_equal(virtio_config_write(d, 0, buffer, 1), 0);
    }
    status_in_probe = d->transport->get_status(d);
    return probe_result;
}

static void remove_device(struct virtio_device *d)
{
    removes++;
    status_in_remove = d->transport->get_status(d);
    while (virtq_reclaim(d->queues[0]))
        ;
}

VIRTIO_DRIVER(test_driver) = {.name = "test_driver",
                              .id = ID,
                              .features = OWN_FEATURES,
                              .needs = {{1ull << ON_THAT, 1ull << ON_IT}, {1ull << ON_IT, 1ull << FEATURE}},
                              .queues = 2,
                              .probe = probe,
                              .remove = remove_device};

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake_complaint();
    probes = removes = 0;
    probe_result = 0;
    probe_works = false;
    transport.legacy = false;
    cmdline_boot = NULL;
    script =
        (struct script){.features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | 1 << FEATURE,
                        .queue_max = {128, 64, 0, 0},
                        .vectors = 2};
    dev = (struct virtio_device){.transport = &transport, .id = ID, .parent = "script"};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_null(fake_complaint());
    virtio_unregister(&dev);
    return 0;
}

/* ---- start ---- */

static void test_dr_in_1_order(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    assert_string_equal(script.log, "s0 s1 s3 f s11 i q q s15 ");
    assert_int_equal(probes, 1);
    assert_int_equal(status_in_probe, 15);
    assert_int_equal(script.accepted, script.features);
    assert_int_equal(dev.queues[0]->size, 128);
    assert_int_equal(dev.queues[1]->size, 64);
    assert_ptr_equal(virtio_first(), &dev);
}

static void test_no_driver(void **state)
{
    (void)state;
    dev.id = 62;
    assert_int_equal(virtio_register(&dev), 0);
    assert_string_equal(script.log, "");
    assert_int_equal(fake_log_count("no driver"), 1);
    assert_false(dev.failed);
    assert_int_equal(dev.offered, script.features); /* for /sys */
}

static void refused(const char *why)
{
    assert_int_equal(virtio_register(&dev), -EIO);
    assert_true(dev.failed);
    assert_int_equal(script.status, VIRTIO_STATUS_FAILED); /* behind a reset: it reads and writes nothing */
    assert_non_null(strstr(script.log, "s0 s128 "));
    assert_int_equal(fake_log_count(why), 1);
    assert_int_equal(virtio_wait(&dev, NULL), -EIO);
}

static void test_case_r1_dr_fb_6_no_VERSION_1(void **state)
{
    (void)state;
    script.features &= ~VIRTIO_F_VERSION_1;
    refused("VERSION_1");
    assert_int_equal(probes, 0);
}

static void test_case_r2_dr_in_4_features_not_taken(void **state)
{
    (void)state;
    script.refuse_features = true;
    refused("features");
    assert_null(strstr(script.log, "q "));
}

static void test_case_r4_dr_fb_4_dr_fb_5_all_features_offered(void **state)
{
    (void)state;
    script.features = ~0ull;
    assert_int_equal(virtio_register(&dev), 0);
    assert_int_equal(script.accepted, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC |
                                          VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER |
                                          VIRTIO_F_ORDER_PLATFORM | VIRTIO_F_NOTIFICATION_DATA |
                                          VIRTIO_F_NOTIF_CONFIG_DATA | VIRTIO_F_RING_RESET | OWN_FEATURES);
    assert_int_equal(dev.offered, ~0ull);
}

static void test_dr_fb_1_never_more_than_offered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        setup(NULL);
        script.features = ((u64)rand() << 42 ^ (u64)rand() << 21 ^ (u64)rand()) | VIRTIO_F_VERSION_1;
        assert_int_equal(virtio_register(&dev), 0);
        assert_int_equal(script.accepted & ~script.features, 0);
        assert_int_equal(dev.queues[0]->flags,
                         (script.features >> 28 & 1) * VIRTQ_INDIRECT | (script.features >> 29 & 1) * VIRTQ_EVENT_IDX |
                             (script.features >> 34 & 1) * VIRTQ_PACKED | (script.features >> 35 & 1) * VIRTQ_IN_ORDER);
        virtio_unregister(&dev);
    }
}

static void test_dr_fb_2_dr_fb_3_nothing_without_what_it_is_built_on(void **state)
{
    (void)state;
    for (u64 offer = 0; offer < 8; offer++) {
        static const u64 taken[] = {0, 1, 0, 3, 0, 1, 0, 7};
        setup(NULL);
        script.features = VIRTIO_F_VERSION_1 | offer << FEATURE;
        assert_int_equal(virtio_register(&dev), 0);
        assert_int_equal(script.accepted, VIRTIO_F_VERSION_1 | taken[offer] << FEATURE);
        virtio_unregister(&dev);
    }
}

static void test_dr_rf_1_dr_rf_2_dr_rf_4_dr_rf_5_dr_rf_7_dr_rf_8_dr_rf_9_accepted_when_offered(void **state)
{
    (void)state;
    static const u64 bits[] = {VIRTIO_F_ACCESS_PLATFORM,   VIRTIO_F_RING_PACKED,       VIRTIO_F_IN_ORDER,
                               VIRTIO_F_ORDER_PLATFORM,    VIRTIO_F_NOTIFICATION_DATA, VIRTIO_F_RING_RESET,
                               VIRTIO_F_NOTIF_CONFIG_DATA, VIRTIO_F_INDIRECT_DESC,     VIRTIO_F_EVENT_IDX};
    for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
        setup(NULL);
        script.features = VIRTIO_F_VERSION_1 | bits[i];
        assert_int_equal(virtio_register(&dev), 0);
        assert_int_equal(script.accepted, script.features);
        virtio_unregister(&dev);
    }
}

/* ---- features from the command line ---- */

static void with_options(const char *text)
{
    static struct cmdline line;
    static char copy[256];
    size_t len = (size_t)snprintf(copy, sizeof copy, "%s", text);
    setup(NULL);
    assert_int_equal(cmdline_parse(&line, copy, len), 0);
    cmdline_boot = &line;
    script.features = ~0ull;
    virtio_register(&dev);
}

static void test_features_switched_off(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        u64 off;
    } cases[] = {
        {"virtio.features=-packed", VIRTIO_F_RING_PACKED},
        {"virtio.features=-packed,-event_idx,-indirect_desc",
         VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC},
        {"virtio.features=-access_platform,-in_order,-order_platform",
         VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_IN_ORDER | VIRTIO_F_ORDER_PLATFORM},
        {"virtio.features=-notification_data,-notif_config_data,-ring_reset",
         VIRTIO_F_NOTIFICATION_DATA | VIRTIO_F_NOTIF_CONFIG_DATA | VIRTIO_F_RING_RESET},
        {"virtio.features=-packed,+packed", 0},
        {"virtio.features=+packed,-packed", VIRTIO_F_RING_PACKED},
        {"virtio.features=-packed virtio.features=+packed,-in_order", VIRTIO_F_IN_ORDER},
        {"virtio.features=driver:-packed", VIRTIO_F_RING_PACKED},
        {"virtio.features=rng:-packed", 0},
        {"virtio.features=-packed virtio.features=driver:+packed", 0},
        {"virtio.features=", 0},
        {"virtio.features", 0},
        {"virtio.features=,,", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        with_options(cases[i].options);
        assert_int_equal(~script.accepted & (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC |
                                             VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER |
                                             VIRTIO_F_ORDER_PLATFORM | VIRTIO_F_NOTIFICATION_DATA |
                                             VIRTIO_F_NOTIF_CONFIG_DATA | VIRTIO_F_RING_RESET | OWN_FEATURES),
                         cases[i].off);
        virtio_unregister(&dev);
    }
    with_options("virtio.features=-version_1");
    assert_true(dev.failed);
    assert_int_equal(fake_log_count("VERSION_1 is switched off"), 1);
}

/* Once, however many devices there are. It stands first of all tests, as it is once in a boot. */
static void test_slips_in_virtio_features_are_named(void **state)
{
    (void)state;
    with_options("virtio.features=-paked,event_idx,-,+IN_ORDER,-packed virtio.features=diver:-foo "
                 "virtio.features=driver:+packed");
    assert_int_equal(fake_log_count("\"-paked\""), 1);
    assert_int_equal(fake_log_count("\"event_idx\""), 1);
    assert_int_equal(fake_log_count("\"-\""), 1);
    assert_int_equal(fake_log_count("\"+IN_ORDER\""), 1);
    assert_int_equal(fake_log_count("\"-foo\""), 1);
    assert_int_equal(fake_log_count("before one of indirect_desc event_idx version_1"), 5);
    assert_int_equal(fake_log_count("no driver virtio_diver"), 1);
    assert_int_equal(fake_log_count("virtio.features"), 6);
    assert_true(script.accepted & VIRTIO_F_RING_PACKED);
    virtio_unregister(&dev);
    with_options("virtio.features=-paked");
    assert_int_equal(fake_log_count("virtio.features"), 0);
}

/* ---- steps ---- */

/* A driver may send and write the configuration as soon as it is probed, which is behind DRIVER_OK; features are told once, before FEATURES_OK. */
static void test_dr_in_2_dr_in_3_dr_in_6_nothing_is_sent_or_written_before_DRIVER_OK(void **state)
{
    (void)state;
    probe_works = true;
    assert_int_equal(virtio_register(&dev), 0);
    assert_string_equal(script.log, "s0 s1 s3 f s11 i q q s15 n c ");
}

static void test_dr_st_3_a_reset_between_FAILED_and_the_next_try(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    virtio_fail(&dev, "it is broken");
    script.log[0] = 0;
    while (virtq_reclaim(dev.queues[0]))
        ;
    assert_int_equal(virtio_restart(&dev), 0);
    assert_string_equal(script.log, "s0 s1 s3 f s11 i q q s15 ");
}

static void test_dr_in_5_a_step_that_fails_is_the_last(void **state)
{
    (void)state;
    static const char *const logs[] = {
        "s0 s1 s3 s0 s128 ",                 /* no VERSION_1 */
        "s0 s1 s3 f s11 s0 s128 ",           /* features refused */
        "s0 s1 s3 f s11 i s0 s128 ",         /* no queue */
        "s0 s1 s3 f s11 i q s0 s128 ",       /* not enabled */
        "s0 s1 s3 f s11 i q q s15 s0 s128 ", /* its driver refuses it */
    };
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        setup(NULL);
        script.features = i == 0 ? 0 : script.features;
        script.refuse_features = i == 1;
        script.queue_max[0] = i == 2 ? 0 : 128;
        script.enable_result = i == 3 ? -EINVAL : 0;
        probe_result = i == 4 ? -ENODEV : 0;
        assert_int_equal(virtio_register(&dev), -EIO);
        assert_string_equal(script.log, logs[i]);
        virtio_unregister(&dev);
    }
}

static void test_case_r5_r6_queue_missing(void **state)
{
    (void)state;
    script.queue_max[1] = 0;
    refused("lacks a queue");
    assert_int_equal(probes, 0);
}

static void test_case_r7_r8_dr_cc_2_queue_sizes(void **state)
{
    (void)state;
    static const u16 cases[][2] = {{1, 1},     {2, 2},     {3, 2},       {127, 64},
                                   {128, 128}, {256, 256}, {32768, 256}, {65535, 256}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(NULL);
        script.queue_max[0] = cases[i][0];
        assert_int_equal(virtio_register(&dev), 0);
        assert_int_equal(dev.queues[0]->size, cases[i][1]);
        virtio_unregister(&dev);
    }
}

static void test_case_r7_r8_dr_cc_2_packed_queue_sizes(void **state)
{
    (void)state;
    static const u16 cases[][2] = {{1, 1}, {3, 3}, {127, 127}, {128, 128}, {300, 256}, {32768, 256}, {65535, 256}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(NULL);
        script.features |= VIRTIO_F_RING_PACKED;
        script.queue_max[0] = cases[i][0];
        assert_int_equal(virtio_register(&dev), 0);
        assert_int_equal(dev.queues[0]->size, cases[i][1]);
        virtio_unregister(&dev);
    }
}

/* A legacy device tells its size; it has none of the features and statuses that came with virtio 1.0. */
static void test_case_r7_r8_legacy_queue_sizes(void **state)
{
    (void)state;
    static const u16 cases[][2] = {{1, 1}, {2, 2}, {128, 128}, {1024, 1024}, {32768, 32768}, {3, 0}, {65535, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(NULL);
        transport.legacy = true;
        script.features = ~0ull;
        script.queue_max[0] = cases[i][0];
        if (cases[i][1] == 0) {
            refused("a size that no ring has");
        } else {
            assert_int_equal(virtio_register(&dev), 0);
            assert_string_equal(script.log, "s0 s1 s3 f i q q s7 ");
            assert_int_equal(script.accepted,
                             VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | OWN_FEATURES);
            assert_int_equal(dev.queues[0]->size, cases[i][1]);
            assert_int_equal(dev.queues[0]->flags, VIRTQ_INDIRECT | VIRTQ_EVENT_IDX | VIRTQ_LEGACY);
        }
        virtio_unregister(&dev);
    }
}

static void test_case_r9_queue_enable_fails(void **state)
{
    (void)state;
    script.enable_result = -EBUSY;
    refused("cannot be enabled");
}

static void test_dr_rs_1_slow_reset(void **state)
{
    (void)state;
    script.reset_reads = 1010; /* more than are polled without sleeping */
    assert_int_equal(virtio_register(&dev), 0);
}

static void test_case_r10_reset_never_ends(void **state)
{
    (void)state;
    script.reset_reads = -1;
    assert_int_equal(virtio_register(&dev), -EIO);
    assert_true(dev.failed);
    assert_int_equal(fake_log_count("does not reset"), 1);
    assert_null(strstr(script.log, "q "));
}

static void test_case_r11_all_ones_from_the_start(void **state)
{
    (void)state;
    script.status_or = 0xff;
    assert_int_equal(virtio_register(&dev), -EIO);
}

static void test_probe_refuses(void **state)
{
    (void)state;
    probe_result = -ENODEV;
    refused("its driver refused it");
    assert_int_equal(probes, 1);
    virtio_unregister(&dev);
    assert_int_equal(removes, 0);
}

static void test_dr_cl_2_unregister_resets_first(void **state)
{
    (void)state;
    int cookie;
    assert_int_equal(virtio_register(&dev), 0);
    struct span s = {(u64)script.config, 8};
    assert_int_equal(virtq_add(dev.queues[0], &s, 1, 0, &cookie), 0);
    virtq_kick(dev.queues[0]);
    virtio_unregister(&dev);
    assert_int_equal(removes, 1);
    assert_int_equal(status_in_remove, 0);
    assert_null(virtio_first());
}

/* R10, R22: what was in flight comes back only when the device cannot write there any more. */
static void test_case_r10_a_device_that_does_not_reset_is_cut_off(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    script.reset_reads = -1;
    virtio_fail(&dev, "it is broken");
    assert_non_null(strstr(script.log, "s0 x "));
    assert_int_equal(removes, 0);
    virtio_unregister(&dev);
    assert_int_equal(removes, 1); /* a driver hears of it, broken or not */
    setup(NULL);
    assert_int_equal(virtio_register(&dev), 0);
    script.reset_reads = -1;
    virtio_unregister(&dev);
    assert_non_null(strstr(script.log, "s0 x "));
    assert_int_equal(removes, 1);
}

/* ---- configuration ---- */

static void test_config(void **state)
{
    (void)state;
    u8 bytes[4];
    assert_int_equal(virtio_register(&dev), 0);
    memcpy(script.config, "\1\2\3\4", 4);
    assert_int_equal(virtio_config(&dev, 0, bytes, 4), 0);
    assert_memory_equal(bytes, "\1\2\3\4", 4);
    u8 high = script.config[20], wide[8];
    assert_int_equal(virtio_config(&dev, 16, wide, 8), 0); /* DR-CF-1: 64 bits are two accesses of 32 */
    assert_int_equal(script.config[20], (u8)(high + 1));
    assert_int_equal(virtio_config(&dev, 60, wide, 8), -EINVAL);
    assert_int_equal(virtio_config(&dev, 63, bytes, 2), -EINVAL);
    assert_int_equal(virtio_config(&dev, ~0u, bytes, 2), -EINVAL);
}

static void test_dr_cf_2_generation_moves_once(void **state)
{
    (void)state;
    u8 byte;
    assert_int_equal(virtio_register(&dev), 0);
    script.config[9] = 40;
    script.generation_moves = 2; /* differs around the first reading; the second reading stands */
    assert_int_equal(virtio_config(&dev, 9, &byte, 1), 0);
    assert_int_equal(byte, 41);
}

static void test_case_r26_generation_never_settles(void **state)
{
    (void)state;
    u8 byte;
    assert_int_equal(virtio_register(&dev), 0);
    script.config[9] = 0;
    script.generation_moves = -1;
    assert_int_equal(virtio_config(&dev, 9, &byte, 1), -EIO);
    assert_int_equal(script.config[9], 16);
}

/* ---- waiting ---- */

static int cookie;

static struct virtq *submit(void)
{
    static u8 memory[16];
    struct span spans[2] = {{(u64)memory, 8}, {(u64)memory + 8, 8}};
    struct virtq *q = dev.queues[0];
    assert_int_equal(virtq_add(q, spans, 1, 1, &cookie), 0);
    virtq_kick(q);
    return q;
}

static void complete(void)
{
    struct fake_chain c;
    if (fake_ring_pop(&ring, &c) && fake_ring_push(&ring, c.head, 1))
        dev.queues[0]->counters.interrupts++;
}

/* Waits until a request comes back; the number of times, or -1 when the wait fails. */
static int wait_for(struct virtq *q)
{
    u32 written;
    for (int i = 0;; i++) {
        if (virtq_take(q, &written))
            return i;
        if (virtio_wait(&dev, q) < 0)
            return -1;
    }
}

static void test_wait_by_interrupt(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    fake_idle = complete;
    for (int i = 0; i < 50; i++)
        assert_int_equal(wait_for(submit()), 1);
    assert_int_equal(dev.queues[0]->vector, 1);
}

static void test_wait_does_not_sleep_when_it_is_there(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    struct virtq *q = submit();
    complete();
    assert_int_equal(virtio_wait(&dev, q), 0);
    assert_int_equal(arch_heartbeats(), 0);
}

/* ---- does it pay to look for the answer? ---- */

/* The device answers so many cycles behind the kick. */
static u64 latency, due;

static void answer_in_time(void)
{
    if (arch_cycles() >= due)
        complete();
}

/* That many requests, one behind the other. */
static void exchange(unsigned times)
{
    while (times--) {
        due = arch_cycles() + latency;
        assert_true(wait_for(submit()) >= 0);
    }
}

static void test_wait_spins_while_that_pays(void **state)
{
    (void)state;
    enum { SLOW = 1000000, QUICK = 5000, TRIALS = 1024 };
    assert_int_equal(virtio_register(&dev), 0);
    const struct virtq_counters *counters = &dev.queues[0]->counters;
    fake_idle = answer_in_time;
    latency = SLOW;
    exchange(TRIALS - 1);
    assert_int_equal(counters->spins + counters->misses, 0); /* it sleeps, first of all */
    exchange(20 * TRIALS);
    assert_in_range(counters->misses, 1, 5); /* each in vain makes trials rarer */
    assert_int_equal(counters->spins, 0);
    latency = QUICK; /* the host has a CPU to spare */
    unsigned rounds = 0;
    for (; !counters->spins && rounds < 40; rounds++)
        exchange(TRIALS);
    u64 spins = counters->spins, misses = counters->misses;
    exchange(1000);
    assert_int_equal(counters->spins - spins, 1000);
    assert_int_equal(counters->misses, misses);
    latency = SLOW; /* not any more */
    exchange(1000);
    assert_in_range(counters->misses - misses, 1, 5);
    spins = counters->spins;
    exchange(1000);
    assert_int_equal(counters->spins, spins);
    latency = QUICK; /* for a miss or two it goes on */
    exchange(2 * TRIALS);
    spins = counters->spins;
    for (unsigned i = 0; i < 100; i++) {
        latency = i % 10 ? QUICK : SLOW;
        exchange(1);
    }
    assert_int_equal(counters->spins - spins, 90);
}

static void test_wait_by_polling(void **state)
{
    (void)state;
    script.vectors = 0;
    assert_int_equal(virtio_register(&dev), 0);
    struct virtq *q = submit();
    for (int i = 0; i < 100; i++)
        assert_int_equal(virtio_wait(&dev, q), 0);
    assert_int_equal(arch_heartbeats(), 0); /* short requests are not slept through */
    fake_idle = complete;
    assert_true(wait_for(q) > 0);
    assert_true(arch_heartbeats() <= 1);
}

static void complete_silently(void)
{
    struct fake_chain c;
    if (fake_ring_pop(&ring, &c))
        fake_ring_push(&ring, c.head, 1);
}

static void test_case_r28_interrupts_never_come(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    fake_idle = complete_silently;
    for (int i = 0; i < 10; i++)
        assert_true(wait_for(submit()) >= 0);
    assert_int_equal(dev.queues[0]->vector, VIRTIO_NO_VECTOR);
    assert_int_equal(fake_log_count("polling"), 1);
}

/* One request at each heartbeat; no word of it but with the last of those that are waited for together. */
static unsigned together;

static void complete_slowly(void)
{
    complete_silently();
    if (--together == 0)
        dev.queues[0]->counters.interrupts++;
}

static void test_wait_for_several_that_come_one_by_one(void **state)
{
    (void)state;
    enum { N = 6 };
    u32 written;
    script.features |= VIRTIO_F_EVENT_IDX;
    assert_int_equal(virtio_register(&dev), 0);
    fake_idle = complete_slowly;
    for (unsigned round = 0; round < 3; round++) {
        struct virtq *q = NULL;
        for (unsigned i = 0; i < N; i++)
            q = submit();
        for (together = N; virtq_in_flight(q);)
            if (!virtq_take(q, &written))
                assert_int_equal(virtio_wait_for(&dev, q, virtq_in_flight(q)), 0);
    }
    assert_int_equal(dev.queues[0]->vector, 1);
    assert_int_equal(fake_log_count("polling"), 0);
}

static void spurious(void)
{
    dev.queues[0]->counters.interrupts++;
    dev.config_changes++;
    fake_beat(1);
}

static void test_case_r21_r28_storm_without_progress_ends(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    fake_idle = spurious;
    assert_int_equal(wait_for(submit()), -1);
    assert_int_equal(fake_log_count("silent"), 1);
}

static void test_case_r21_silence_is_bounded(void **state)
{
    (void)state;
    for (int vectors = 0; vectors < 2; vectors++) {
        setup(NULL);
        script.vectors = vectors;
        assert_int_equal(virtio_register(&dev), 0);
        struct virtq *q = submit();
        assert_int_equal(wait_for(q), -1);
        assert_in_range(arch_heartbeats(), VIRTIO_SILENCE, VIRTIO_SILENCE + 2);
        assert_true(dev.failed);
        assert_int_equal(fake_log_count("silent"), 1);
        /* R22: the memory is ours again only now, behind the reset */
        assert_non_null(strstr(script.log, "s0 s128 "));
        assert_ptr_equal(virtq_reclaim(q), &cookie);
        if (vectors == 0)
            virtio_unregister(&dev);
    }
}

static unsigned answered;

static void one_in_100_heartbeats(void)
{
    fake_beat(99);
    if (answered++ < 8)
        complete();
}

/* H14: slow is not silent; each completion starts the count again. */
static void test_case_h14_slow_answers(void **state)
{
    (void)state;
    answered = 0;
    assert_int_equal(virtio_register(&dev), 0);
    fake_idle = one_in_100_heartbeats;
    for (int i = 0; i < 8; i++)
        submit();
    for (int i = 0; i < 8; i++)
        assert_true(wait_for(dev.queues[0]) >= 0);
}

static void test_case_h12_idle_time_is_no_silence(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    fake_idle = complete;
    assert_true(wait_for(submit()) >= 0);
    fake_beat(10 * VIRTIO_SILENCE);
    assert_true(wait_for(submit()) >= 0);
}

static void ails(u8 status, bool config_interrupt, const char *why)
{
    setup(NULL);
    assert_int_equal(virtio_register(&dev), 0);
    struct virtq *q = submit();
    assert_int_equal(virtio_wait(&dev, q), 0);
    script.status_or = status;
    if (config_interrupt)
        dev.config_changes++;
    u64 before = arch_heartbeats();
    assert_int_equal(wait_for(q), -1);
    u64 allowed = status == 0xff ? 60 : config_interrupt ? 0 : 2; /* all ones never show a reset: that is waited for */
    assert_true(arch_heartbeats() - before <= allowed);
    assert_int_equal(fake_log_count(why), 1);
    script.status_or = 0;
    virtio_unregister(&dev);
}

static void test_case_r11_gone(void **state)
{
    (void)state;
    ails(0xff, false, "it is gone");
}

static void test_case_r23_needs_reset(void **state)
{
    (void)state;
    ails(VIRTIO_STATUS_NEEDS_RESET, false, "needs a reset");
    ails(VIRTIO_STATUS_NEEDS_RESET, true, "needs a reset");
}

static unsigned changes_told;

static void config_changed(struct virtio_device *d)
{
    (void)d;
    changes_told++;
}

static int probe_anew(struct virtio_device *d)
{
    (void)d;
    probes++;
    return 0;
}

/* One that is told of changes, and begins anew when its device failed. */
VIRTIO_DRIVER(listener) = {.name = "listener",
                           .id = ID + 1,
                           .queues = 1,
                           .probe = probe_anew,
                           .config_changed = config_changed,
                           .remove = remove_device,
                           .again = true};

static void beats(unsigned n)
{
    for (; n; n--) {
        fake_beat(1);
        later_run();
    }
}

static void listen_to(int vectors, bool legacy)
{
    setup(NULL);
    dev.id = ID + 1;
    changes_told = 0;
    script.vectors = vectors;
    transport.legacy = legacy;
    script.generation = 7;
    assert_int_equal(virtio_register(&dev), 0);
    beats(3);
    changes_told = 0;
}

/* Who has no vector is looked at once in a heartbeat; its driver hears of it when there is something new. */
static void changes_that_no_interrupt_tells(void **state)
{
    (void)state;
    listen_to(0, false);
    beats(10);
    assert_int_equal(changes_told, 0);
    script.generation++;
    beats(10);
    assert_int_equal(changes_told, 1);
    virtio_unregister(&dev);
    listen_to(2, false); /* this one would have called */
    script.generation++;
    beats(10);
    assert_int_equal(changes_told, 0);
    virtio_config_interrupt(&dev);
    later_run();
    assert_int_equal(changes_told, 1);
    virtio_unregister(&dev);
    listen_to(0, true); /* has no generation: its driver has to look itself */
    beats(10);
    assert_int_equal(changes_told, 10);
}

/* Nobody waits for anything. What a change of the configuration means may be that. */
static void case_r23_dr_st_4_it_says_that_it_needs_a_reset(void **state)
{
    (void)state;
    listen_to(2, false);
    script.status_or = VIRTIO_STATUS_NEEDS_RESET;
    virtio_config_interrupt(&dev);
    later_run();
    assert_true(dev.failed);
    assert_int_equal(changes_told, 0);
    script.status_or = 0;
    later_run();
    assert_false(dev.failed);
    assert_int_equal(probes, 2);
    assert_int_equal(removes, 1);
    assert_int_equal(fake_log_count("it needs a reset"), 1);
}

static void case_r13_dr_st_4_a_queue_broken_and_nobody_waits(void **state)
{
    (void)state;
    u32 written;
    listen_to(2, false);
    fake_ring_push(&ring, 77, 0);
    assert_null(virtq_take(dev.queues[0], &written));
    beats(2);
    assert_int_equal(fake_log_count("it finished"), 1);
    assert_false(dev.failed || dev.queues[0]->broken);
    assert_int_equal(probes, 2);
}

static void dr_st_4_it_is_not_brought_up_without_end(void **state)
{
    (void)state;
    listen_to(2, false);
    for (int i = 0; i < 100; i++) {
        virtio_fail(&dev, "provoked");
        later_run();
    }
    assert_int_equal(probes, 17);
    assert_true(dev.failed);
    virtio_unregister(&dev);
    listen_to(2, false); /* gone: it is left alone */
    script.status_or = 0xff;
    virtio_config_interrupt(&dev);
    beats(5);
    assert_int_equal(probes, 1);
    assert_int_equal(fake_log_count("it is gone"), 1);
    script.status_or = 0;
}

static void test_device_forgot_that_it_runs(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    struct virtq *q = submit();
    script.status = 0;
    assert_int_equal(wait_for(q), -1);
    assert_int_equal(fake_log_count("stopped by itself"), 1);
}

static void test_wait_on_a_broken_queue(void **state)
{
    (void)state;
    u32 written;
    assert_int_equal(virtio_register(&dev), 0);
    struct virtq *q = submit();
    fake_ring_push(&ring, 77, 0);
    assert_null(virtq_take(q, &written));
    assert_int_equal(virtio_wait(&dev, q), -EIO);
    virtio_fail(&dev, "its queue is broken");
    virtio_fail(&dev, "its queue is broken");
    assert_int_equal(fake_log_count("queue 0: it finished what is not in flight, id 77; it was reset"),
                     1); /* by what, once */
    assert_int_equal(fake_log_count("its queue is broken"), 0);
}

/* ---- one queue of a device that goes on ---- */

static void test_dr_qr_1_dr_qr_2_a_queue_taken_back_and_brought_up_again(void **state)
{
    (void)state;
    for (u32 packed = 0; packed < 2; packed++) {
        setup(NULL);
        script.features |= VIRTIO_F_RING_RESET | (packed ? VIRTIO_F_RING_PACKED : 0);
        assert_int_equal(virtio_register(&dev), 0);
        struct virtq *q = submit();
        script.log[0] = 0;
        assert_int_equal(virtio_queue_stop(&dev, q), 0);
        assert_string_equal(script.log, "r "); /* and what was in flight is still there until now */
        assert_ptr_equal(virtq_reclaim(q), &cookie);
        assert_null(virtq_reclaim(q));
        assert_int_equal(virtio_queue_start(&dev, q), 0);
        assert_string_equal(script.log, "r q ");
        assert_int_equal(script.status, 15);
        fake_idle = complete;
        for (unsigned i = 0; i < 300; i++)
            assert_true(wait_for(submit()) >= 0);
        if (!packed)
            virtio_unregister(&dev);
    }
}

static void test_dr_qr_1_a_queue_that_is_not_given_back(void **state)
{
    (void)state;
    assert_int_equal(virtio_register(&dev), 0);
    assert_int_equal(virtio_queue_stop(&dev, dev.queues[0]), -EOPNOTSUPP);
    assert_false(dev.failed);
    virtio_unregister(&dev);
    setup(NULL);
    script.features |= VIRTIO_F_RING_RESET;
    assert_int_equal(virtio_register(&dev), 0);
    struct virtq *q = submit();
    script.reset_result = -EIO;
    assert_int_equal(virtio_queue_stop(&dev, q), -EIO);
    assert_true(dev.failed); /* so its memory is ours behind the reset of all */
    assert_non_null(strstr(script.log, "r s0 s128 "));
    assert_int_equal(virtio_queue_start(&dev, q), -EIO);
    assert_ptr_equal(virtq_reclaim(q), &cookie);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_slips_in_virtio_features_are_named),
        TEST(test_dr_in_1_order),
        TEST(test_no_driver),
        TEST(test_case_r1_dr_fb_6_no_VERSION_1),
        TEST(test_case_r2_dr_in_4_features_not_taken),
        TEST(test_case_r4_dr_fb_4_dr_fb_5_all_features_offered),
        TEST(test_dr_fb_1_never_more_than_offered),
        TEST(test_dr_fb_2_dr_fb_3_nothing_without_what_it_is_built_on),
        TEST(test_dr_rf_1_dr_rf_2_dr_rf_4_dr_rf_5_dr_rf_7_dr_rf_8_dr_rf_9_accepted_when_offered),
        TEST(test_features_switched_off),
        TEST(test_dr_in_2_dr_in_3_dr_in_6_nothing_is_sent_or_written_before_DRIVER_OK),
        TEST(test_dr_st_3_a_reset_between_FAILED_and_the_next_try),
        TEST(test_dr_in_5_a_step_that_fails_is_the_last),
        TEST(test_case_r5_r6_queue_missing),
        TEST(test_case_r7_r8_dr_cc_2_queue_sizes),
        TEST(test_case_r7_r8_dr_cc_2_packed_queue_sizes),
        TEST(test_case_r7_r8_legacy_queue_sizes),
        TEST(test_case_r9_queue_enable_fails),
        TEST(test_dr_rs_1_slow_reset),
        TEST(test_case_r10_reset_never_ends),
        TEST(test_case_r11_all_ones_from_the_start),
        TEST(test_probe_refuses),
        TEST(test_dr_cl_2_unregister_resets_first),
        TEST(test_case_r10_a_device_that_does_not_reset_is_cut_off),
        TEST(test_config),
        TEST(test_dr_cf_2_generation_moves_once),
        TEST(test_case_r26_generation_never_settles),
        TEST(test_wait_by_interrupt),
        TEST(test_wait_does_not_sleep_when_it_is_there),
        TEST(test_wait_by_polling),
        TEST(test_wait_for_several_that_come_one_by_one),
        TEST(test_wait_spins_while_that_pays),
        TEST(test_case_r28_interrupts_never_come),
        TEST(test_case_r21_r28_storm_without_progress_ends),
        TEST(test_case_r21_silence_is_bounded),
        TEST(test_case_h14_slow_answers),
        TEST(test_case_h12_idle_time_is_no_silence),
        TEST(test_case_r11_gone),
        TEST(test_case_r23_needs_reset),
        TEST(changes_that_no_interrupt_tells),
        TEST(case_r23_dr_st_4_it_says_that_it_needs_a_reset),
        TEST(case_r13_dr_st_4_a_queue_broken_and_nobody_waits),
        TEST(dr_st_4_it_is_not_brought_up_without_end),
        TEST(test_device_forgot_that_it_runs),
        TEST(test_wait_on_a_broken_queue),
        TEST(test_dr_qr_1_dr_qr_2_a_queue_taken_back_and_brought_up_again),
        TEST(test_dr_qr_1_a_queue_that_is_not_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
