/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_9p - tests of kernel/drivers/virtio_9p.c: a share from the PCI function up to the mount table. Names carry the case that they are about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "9p.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
static struct fake_virtio device;
static unsigned served[128];

/* ---- a server that knows its root and nothing else ---- */

static u32 reply(const struct fake_chain *c, u8 type, u16 tag, const void *body, u32 len)
{
    u8 head[7 + 64];
    put32(head, 7 + len);
    head[4] = type;
    put16(head + 5, tag);
    memcpy(head + 7, body, len);
    return (u32)mem_to_spans(c->spans + c->out, c->in, 0, head, 7 + len);
}

static u32 serve(struct fake_virtio *v, const struct fake_chain *c)
{
    u8 request[64] = {0}, body[64] = {0};
    u64 n = mem_from_spans(request, c->spans, c->out, 0, sizeof(request));
    u16 tag = (u16)(request[5] | request[6] << 8);
    (void)v;
    assert_true(n >= 7);
    served[request[4] & 127]++;
    switch (request[4]) {
    case P9_TVERSION:
        memcpy(body, request + 7, 14); /* as asked */
        return reply(c, P9_TVERSION + 1, tag, body, 14);
    case P9_TATTACH:
        body[0] = QID_DIR;
        body[5] = 42;
        return reply(c, P9_TATTACH + 1, tag, body, 13);
    case P9_TCLUNK:
        return reply(c, P9_TCLUNK + 1, tag, body, 0);
    default:
        body[0] = ENOENT;
        return reply(c, P9_RLERROR, tag, body, 4);
    }
}

static void set_tag(const char *tag, size_t len)
{
    device.offered |= 1;
    device.config_len = (u32)(2 + len);
    put16(device.config, (u16)len);
    memcpy(device.config + 2, tag, len);
}

static void start(unsigned vectors)
{
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, 0x1009, vectors);
    fake_pci_set16(device.pci, 0x2e, 9);
    fake_virtio_caps(&device);
    device.serve = serve;
    memset(served, 0, sizeof(served));
    fake_virtio_run_when_idle(&device);
}

static int setup(void **state)
{
    (void)state;
    start(2);
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
    return 0;
}

/* ---- the tag ---- */

static void test_tag(void **state)
{
    (void)state;
    set_tag("host", 4);
    struct virtio_device *dev = bring_up();
    char line[64];
    assert_false(dev->failed);
    assert_non_null(vfs_find("host"));
    snprintf(line, sizeof(line), "%s: 9p, tag \"host\"\n", dev->name);
    assert_int_equal(fake_log_count(line), 1);
}

static void test_case_r27_tags_of_every_length(void **state)
{
    (void)state;
    char tag[65];
    for (size_t len = 0; len <= 64; len++) {
        start(2);
        memset(tag, 'a' + (int)len % 26, sizeof(tag));
        snprintf(tag, 4, "%02zu", len);
        tag[2] = 'x';
        set_tag(tag, len);
        tag[len] = '\0';
        struct virtio_device *dev = bring_up();
        assert_int_equal(dev->failed, len > 63);
        if (len == 0)
            assert_non_null(vfs_find(dev->name));
        else if (len > 2)
            assert_int_equal(vfs_find(tag) != NULL, len <= 63);
        teardown(NULL);
    }
    start(2);
}

static void test_case_r3_dr_cf_3_no_tag_feature(void **state)
{
    (void)state;
    set_tag("nobody", 6);
    device.offered &= ~1ull;
    struct virtio_device *dev = bring_up();
    assert_false(dev->failed);
    assert_int_equal(device.config_reads, 0);
    assert_non_null(vfs_find(dev->name));
    assert_null(vfs_find("nobody"));
}

static void test_case_r27_tag_length_lies(void **state)
{
    (void)state;
    static const u16 lens[] = {64, 4095, 65535};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        start(2);
        set_tag("liar", 4);
        put16(device.config, lens[i]);
        assert_true(bring_up()->failed);
        assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
        assert_int_equal(fake_log_count("mount_tag="), 1);
        assert_null(vfs_find("liar"));
        teardown(NULL);
    }
    start(2);
}

static void test_case_r27_tag_runs_out_of_the_configuration(void **state)
{
    (void)state;
    set_tag("short", 5);
    for (u16 at = 0x40; at; at = device.pci->config[at + 1]) /* the device structure is 5 bytes long */
        if (device.pci->config[at] == 9 && device.pci->config[at + 3] == 4)
            fake_pci_set32(device.pci, at + 12, 5);
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count("runs out"), 1);
}

static void test_case_r26_configuration_never_settles(void **state)
{
    (void)state;
    set_tag("host", 4);
    device.generation_moves = -1;
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count("no mount tag"), 1);
}

static void test_case_r6_queue_too_small(void **state)
{
    (void)state;
    set_tag("tiny", 4);
    device.queues[0].max = device.queues[0].size = 2;
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count("too small"), 1);
}

/* ---- a session ---- */

static struct fs *share(const char *tag)
{
    set_tag(tag, strlen(tag));
    assert_false(bring_up()->failed);
    struct fs *fs = vfs_find(tag);
    assert_non_null(fs);
    return fs;
}

static void session(const char *tag, unsigned vectors)
{
    struct node root, none;
    struct qid qid;
    struct name name = {"nothing", 7};
    start(vectors);
    struct fs *fs = share(tag);
    if (vectors == 0)
        fake_idle = NULL;
    fake_virtio_run_when_idle(&device);
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    assert_int_equal(root.qid.path, 42);
    assert_int_equal(fs->ops->walk(&root, &name, 1, &none, &qid), -ENOENT);
    assert_int_equal(served[P9_TVERSION], 1);
    assert_int_equal(served[P9_TATTACH], 1);
    assert_int_equal(served[P9_TWALK], 1);
}

static void test_session(void **state)
{
    (void)state;
    session("s2", 2);
    struct virtq *q = virtio_first()->queues[0];
    assert_int_equal(q->counters.requests, q->counters.completed);
    assert_true(q->counters.interrupts > 0 && q->counters.interrupts <= q->counters.requests);
}

static void test_session_with_a_shared_vector(void **state)
{
    (void)state;
    session("s1", 1);
}

static void test_session_by_polling(void **state)
{
    (void)state;
    session("s0", 0);
}

static void test_smallest_queue(void **state)
{
    (void)state;
    struct node root;
    device.queues[0].max = device.queues[0].size = 4;
    struct fs *fs = share("four");
    assert_int_equal(fs->ops->attach(fs, &root), 0);
}

static unsigned direct; /* requests that took more than one place in the ring */

static u32 serve_and_look(struct fake_virtio *v, const struct fake_chain *c)
{
    direct += !c->indirect;
    return serve(v, c);
}

/* Each request takes one place: as many are in flight as the device has places, and never more. */
static void c13_as_many_requests_as_the_queue_has_places(void **state)
{
    (void)state;
    static const u16 sizes[] = {128, 8, 4};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        static const char *const tags[] = {"q128", "q8", "q4"};
        struct node root;
        start(2);
        device.offered |= VIRTIO_F_INDIRECT_DESC;
        device.queues[0].max = device.queues[0].size = sizes[i];
        device.serve = serve_and_look;
        direct = 0;
        struct fs *fs = share(tags[i]);
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        device.hold = true;
        for (unsigned n = 1; n <= sizes[i]; n++) {
            struct node node = {.fs = fs, .id = root.id + n};
            fs->ops->clunk(&node); /* the message that nobody waits for */
            later_rest();
            assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), n);
        }
        device.hold = false;
        struct node node = {.fs = fs, .id = root.id + 1000};
        fs->ops->clunk(&node); /* has to wait for a place */
        assert_in_range(virtq_in_flight(virtio_first()->queues[0]), 1, sizes[i]);
        assert_int_equal(direct, 0);
        teardown(NULL);
    }
    start(2);
}

/* ---- ends ---- */

/* The share answers EIO from now on, at once, with one line in the log. */
static void expect_dead(struct fs *fs, const char *why)
{
    struct node node;
    assert_int_equal(fs->ops->attach(fs, &node), -EIO);
    assert_true(virtio_first()->failed);
    assert_int_equal(fake_log_count(why), 1);
    assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), 0);
    u64 before = arch_heartbeats();
    assert_int_equal(fs->ops->attach(fs, &node), -EIO);
    assert_int_equal(arch_heartbeats(), before);
    assert_int_equal(fake_log_count(virtio_first()->name), 2); /* its tag, and why it ended */
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
}

static void test_case_r21_never_answers(void **state)
{
    (void)state;
    device.hold = true;
    expect_dead(share("mute"), "silent");
}

static void test_case_r23_needs_reset(void **state)
{
    (void)state;
    device.hold = true;
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
    expect_dead(share("sick"), "needs a reset");
}

/* Under an attached share: it is attached again, with interrupts, and what was asked for is answered. */
static void c12_case_r23_dr_st_4_needs_reset_once(void **state)
{
    (void)state;
    struct node root, node;
    struct qid qid;
    struct name name = {"x", 1};
    struct fs *fs = share("again");
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    struct virtio_device *dev = virtio_first();
    u64 features = dev->accepted;
    for (unsigned i = 1; i <= 3; i++) {
        virtio_fail(dev, "provoked");
        assert_int_equal(fs->ops->walk(&root, &name, 1, &node, &qid), -ENOENT); /* the server's own answer */
        assert_int_equal(served[P9_TATTACH], 1 + i);
        assert_false(dev->failed);
        assert_int_equal(dev->accepted, features);
        assert_int_equal(device.status & VIRTIO_STATUS_FAILED, 0);
        assert_true(dev->queues[0]->vector != VIRTIO_NO_VECTOR);
        assert_true(dev->queues[0]->counters.interrupts > 0);
    }
    assert_int_equal(fake_log_count("without an interrupt"), 0);
}

/* Somebody else found the device out while a message was on its way for which nobody waits. */
static void c12_case_r22_case_r23_what_was_on_its_way_when_it_failed(void **state)
{
    (void)state;
    struct node root, node;
    struct name name = {"x", 1};
    struct qid qid;
    const char *tag;
    struct fs *fs = share("way");
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    assert_int_equal(fs->ops->attach(fs, &node), 0);
    const struct p9_counters *counters = p9_counters(p9_client(0, &tag));
    assert_int_equal(counters->fids, 2);
    device.hold = true;
    fs->ops->clunk(&node);
    later_rest();
    assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), 1);
    virtio_fail(virtio_first(), "provoked");
    device.hold = false;
    assert_int_equal(fs->ops->walk(&root, &name, 1, &node, &qid), -ENOENT);
    assert_int_equal(counters->fids, 1);
}

static void c12_other_features_after_the_reset(void **state)
{
    (void)state;
    struct node root;
    struct attr attr;
    struct fs *fs = share("other");
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    virtio_fail(virtio_first(), "provoked");
    device.offered &= ~1ull;
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
    assert_int_equal(fake_log_count("other features"), 1);
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
    assert_int_equal(served[P9_TVERSION], 1);
}

static void c12_a_smaller_queue_after_the_reset(void **state)
{
    (void)state;
    struct node root;
    struct attr attr;
    struct fs *fs = share("small");
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    virtio_fail(virtio_first(), "provoked");
    device.bad_queue_size = 2;
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
    assert_int_equal(fake_log_count("smaller than before"), 1);
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
    assert_int_equal(served[P9_TVERSION], 1);
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
}

static u32 lie_about_length(struct fake_virtio *v, const struct fake_chain *c)
{
    return serve(v, c) | 0x80000000;
}

static void test_case_r16_writes_more_than_there_is_room_for(void **state)
{
    (void)state;
    device.serve = lie_about_length;
    expect_dead(share("long"), "beyond the room");
}

static u32 lie_about_id(struct fake_virtio *v, const struct fake_chain *c)
{
    fake_ring_used(&v->queues[0].ring, v->queues[0].ring.used, 99999, 0);
    fake_ring_set_used_idx(&v->queues[0].ring, (u16)(v->queues[0].ring.used + 1));
    return serve(v, c);
}

static void test_case_r12_id_beyond_the_queue(void **state)
{
    (void)state;
    device.serve = lie_about_id;
    expect_dead(share("mad"), "it finished more than is in flight");
}

/* The second of two messages comes back twice, the first never. Once. */
static u32 repeat_the_second(struct fake_virtio *v, const struct fake_chain *c)
{
    static bool lied;
    static struct fake_chain second;
    if (lied || !fake_ring_pop(&v->queues[0].ring, &second))
        return serve(v, c);
    lied = true;
    u32 written = serve(v, &second);
    fake_ring_push(&v->queues[0].ring, second.head, written);
    ((struct fake_chain *)c)->head = second.head;
    return written;
}

/* The lie comes to light behind an answer that is good, and nobody waits for another: the next message finds the device brought up again. */
static void case_r14_used_twice_behind_a_good_answer(void **state)
{
    (void)state;
    struct node root, node;
    struct qid qid;
    struct name name = {"x", 1};
    struct fs *fs = share("twice");
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    device.hold = true;
    device.serve = repeat_the_second;
    fs->ops->clunk(&(struct node){.fs = fs, .id = root.id + 1});
    device.hold = false;
    assert_int_equal(fs->ops->walk(&root, &name, 1, &node, &qid), -ENOENT);
    assert_int_equal(fs->ops->walk(&root, &name, 1, &node, &qid), -ENOENT);
    assert_int_equal(fake_log_count("queue 0: it finished what is not in flight, id"), 1);
    assert_int_equal(served[P9_TATTACH], 2);
    assert_false(virtio_first()->failed);
}

static u32 say_nothing(struct fake_virtio *v, const struct fake_chain *c)
{
    (void)v, (void)c;
    return 0;
}

/* R17: no byte written is no reply; the session cannot start, but the device lives. */
static void test_case_r17_dr_9p_4_written_0(void **state)
{
    (void)state;
    struct node node;
    device.serve = say_nothing;
    struct fs *fs = share("void");
    assert_int_equal(fs->ops->attach(fs, &node) < 0, 1);
    assert_int_equal(virtq_in_flight(virtio_first()->queues[0]), 0);
}

static void test_removed_under_a_client(void **state)
{
    (void)state;
    struct node node;
    struct fs *fs = share("pull");
    struct pci_dev *d = pci_first();
    d->driver->remove(d);
    d->driver = NULL;
    assert_int_equal(fs->ops->attach(fs, &node), -EIO);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_tag),
        TEST(test_case_r27_tags_of_every_length),
        TEST(test_case_r3_dr_cf_3_no_tag_feature),
        TEST(test_case_r27_tag_length_lies),
        TEST(test_case_r27_tag_runs_out_of_the_configuration),
        TEST(test_case_r26_configuration_never_settles),
        TEST(test_case_r6_queue_too_small),
        TEST(test_session),
        TEST(test_session_with_a_shared_vector),
        TEST(test_session_by_polling),
        TEST(test_smallest_queue),
        TEST(c13_as_many_requests_as_the_queue_has_places),
        TEST(test_case_r21_never_answers),
        TEST(test_case_r23_needs_reset),
        TEST(c12_case_r23_dr_st_4_needs_reset_once),
        TEST(c12_case_r22_case_r23_what_was_on_its_way_when_it_failed),
        TEST(c12_other_features_after_the_reset),
        TEST(c12_a_smaller_queue_after_the_reset),
        TEST(test_case_r16_writes_more_than_there_is_room_for),
        TEST(test_case_r12_id_beyond_the_queue),
        TEST(case_r14_used_twice_behind_a_good_answer),
        TEST(test_case_r17_dr_9p_4_written_0),
        TEST(test_removed_under_a_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
