/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_rng - tests of kernel/drivers/virtio_rng.c: /dev/hwrng and the secret behind getrandom, from devices that are slow, silent or lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "devfs.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "initfs.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "rand.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
static struct fake_virtio device, second;
static u8 *page;
static u32 at_once; /* bytes that the device gives at a time */
static u8 next_byte;

/* ---- a device that counts, so that no byte can be taken for another ---- */

static u32 serve(struct fake_virtio *v, const struct fake_chain *c)
{
    u8 bytes[256];
    u32 n = MIN(at_once, (u32)c->room);
    if (c->out || !c->in)
        fake_complain("DR-RNG-1: a buffer that the device can read");
    memset(bytes, v == &device ? 0 : 0xff, sizeof bytes);
    for (u32 i = 0; v == &device && i < n; i++)
        bytes[i] = next_byte++;
    mem_to_spans(c->spans + c->out, c->in, 0, bytes, n);
    return n;
}

static void run_both(void)
{
    fake_virtio_run(&device);
    if (second.pci)
        fake_virtio_run(&second);
}

static void add(struct fake_virtio *v, u8 slot)
{
    fake_virtio_add(v, NULL, slot, 0x1044, 2);
    fake_virtio_caps(v);
    v->serve = serve;
}

static int setup(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_ECAM);
    second.pci = NULL;
    add(&device, 4);
    at_once = 256;
    next_byte = 0;
    fake_idle = run_both;
    fake_has_random = false;
    fake_complaint();
    return 0;
}

static struct virtio_device *bring_up(void)
{
    pci_scan(&window);
    pci_bind_all();
    return virtio_first();
}

static void unplug(struct pci_dev *d)
{
    if (d->driver && d->priv)
        d->driver->remove(d);
    d->driver = NULL;
}

static int teardown(void **state)
{
    (void)state;
    assert_null(fake_complaint());
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        unplug(d);
    struct file *f;
    assert_int_equal(vfs_open(NULL, "/dev/hwrng", O_RDONLY, 0, &f), -ENOENT);
    return 0;
}

static int mount(void **state)
{
    (void)state;
    assert_int_equal(initfs_init(NULL, 0), 0);
    devfs_init();
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    page = mem_virt(mem_pages(1, PAGE_SIZE));
    return vfs_mount(vfs_find("devtmpfs"), "/dev", 0);
}

static struct file *hwrng(u32 flags)
{
    struct file *f;
    assert_int_equal(vfs_open(NULL, "/dev/hwrng", O_RDONLY | flags, 0, &f), 0);
    return f;
}

static s64 read_page(struct file *f, u64 n)
{
    memset(page, 0xee, PAGE_SIZE);
    return vfs_read(f, &(struct span){mem_phys(page), n}, 1, VFS_CURRENT);
}

/* ---- the secret; these come first, as it never goes away ---- */

static void b14_without_bytes_there_is_no_secret(void **state)
{
    (void)state;
    u8 bytes[32];
    device.hold = true;
    bring_up();
    u64 start = arch_heartbeats();
    assert_false(rand_bytes(bytes, sizeof bytes));
    assert_in_range(arch_heartbeats() - start, 1, 100);
    start = arch_heartbeats();
    for (int i = 0; i < 100; i++) /* who was waited for in vain is not waited for again */
        assert_false(rand_bytes(bytes, sizeof bytes));
    assert_true(arch_heartbeats() - start < 2);
    assert_false(virtio_first()->failed);
}

static u64 slowest;

static void one_byte_a_second(void)
{
    if (arch_heartbeats() - slowest < 10)
        return;
    slowest = arch_heartbeats();
    fake_virtio_answer(&device, 1);
}

/* What comes drop by drop is no secret before there is enough of it, and none of it is lost. */
static void b14_dr_rng_2_a_throttled_device_makes_a_secret_in_the_end(void **state)
{
    (void)state;
    u8 bytes[32];
    at_once = 1;
    fake_idle = one_byte_a_second;
    slowest = arch_heartbeats();
    bring_up();
    assert_false(rand_bytes(bytes, sizeof bytes));
    assert_in_range(next_byte, 1, 15);
    for (int i = 0; i < 40 && !rand_bytes(bytes, sizeof bytes); i++)
        fake_virtio_answer(&device, 1);
    assert_int_equal(next_byte, 32);
    assert_true(rand_bytes(bytes, sizeof bytes));
}

static void the_next_device_is_not_waited_for(void **state)
{
    (void)state;
    u8 bytes[32];
    device.hold = true;
    bring_up();
    u64 start = arch_heartbeats();
    assert_true(rand_bytes(bytes, sizeof bytes));
    assert_int_equal(arch_heartbeats(), start);
}

/* ---- /dev/hwrng ---- */

static void dr_rng_1_bytes_as_the_device_gives_them(void **state)
{
    (void)state;
    struct attr attr;
    bool seen[256] = {false};
    u64 on;
    bring_up();
    assert_int_equal(vfs_getattr_path(NULL, "/dev/hwrng", 0, &attr, &on), 0);
    assert_int_equal(attr.mode, S_IFCHR | 0600);
    assert_true(attr.rdev_major == 10 && attr.rdev_minor == 183);
    struct file *f = hwrng(0);
    assert_int_equal(read_page(f, 0), 0);
    assert_int_equal(read_page(f, 200), 200);
    for (int i = 0; i < 200; i++) { /* each byte once, to one reader */
        assert_false(seen[page[i]]);
        seen[page[i]] = true;
    }
    assert_int_equal(page[200], 0xee);
    vfs_put(f);
}

static void dr_rng_2_only_what_was_written_counts(void **state)
{
    (void)state;
    at_once = 1;
    bring_up();
    struct file *f = hwrng(0);
    assert_int_equal(read_page(f, 4), 4);
    assert_memory_equal(page, "\0\1\2\3", 4);
    vfs_put(f);
}

static void a_throttled_device_makes_a_read_short(void **state)
{
    (void)state;
    at_once = 1;
    fake_idle = one_byte_a_second;
    slowest = arch_heartbeats();
    bring_up();
    struct file *f = hwrng(0);
    assert_int_equal(read_page(f, 100), 1);
    assert_int_equal(read_page(f, 100), 1);
    vfs_put(f);
}

static void case_r21_a_silent_device_is_not_waited_for_without_end(void **state)
{
    (void)state;
    bring_up();
    device.hold = true;
    fake_virtio_run(&device);
    struct file *f = hwrng(0), *g = hwrng(O_NONBLOCK);
    assert_int_equal(read_page(g, 10), -EAGAIN);
    assert_int_equal(vfs_poll(g), VFS_POLL_AGAIN); /* no interrupt is asked for */
    assert_int_equal(read_page(f, 10), -EIO);
    device.hold = false; /* it may go on at any time */
    assert_int_equal(read_page(f, 10), 10);
    assert_int_equal(vfs_poll(g) & POLLIN, POLLIN);
    assert_int_equal(read_page(g, 10), 10);
    vfs_put(f);
    vfs_put(g);
}

static u32 lie_about_length(struct fake_virtio *v, const struct fake_chain *c)
{
    return serve(v, c) + 1;
}

/* Its users hear of it once, in time; the next read works, as the device was reset meanwhile. */
static void fails_once(struct file *f, const char *why)
{
    u64 start = arch_heartbeats();
    assert_int_equal(read_page(f, 10), -EIO);
    assert_true(virtio_first()->failed);
    assert_int_equal(device.status, VIRTIO_STATUS_FAILED);
    assert_int_equal(fake_log_count(why), 1);
    assert_true(arch_heartbeats() - start < 10);
    device.serve = serve;
    device.status_or = 0;
    device.hold = false;
    at_once = 256;
    assert_int_equal(read_page(f, 10), 10);
    assert_false(virtio_first()->failed);
    assert_int_equal(fake_log_count("sheepskin: "), 1);
    vfs_put(f);
}

static void case_r17_dr_st_4_it_says_that_it_wrote_nothing(void **state)
{
    (void)state;
    bring_up();
    at_once = 0;
    fails_once(hwrng(0), "no random bytes");
}

static void case_r16_dr_st_4_it_says_that_it_wrote_too_much(void **state)
{
    (void)state;
    device.serve = lie_about_length;
    bring_up();
    fails_once(hwrng(0), "beyond the room");
}

static u32 return_another(struct fake_virtio *v, const struct fake_chain *c)
{
    ((struct fake_chain *)c)->head = 0x7fff;
    return serve(v, c);
}

static void case_r12_dr_st_4_used_id_out_of_range(void **state)
{
    (void)state;
    device.serve = return_another;
    bring_up();
    fails_once(hwrng(0), "not in flight, id 32767");
}

static u32 return_twice(struct fake_virtio *v, const struct fake_chain *c)
{
    struct fake_ring *r = &v->queues[0].ring;
    fake_ring_used(r, r->used, c->head, 64);
    fake_ring_used(r, (u16)(r->used + 1), c->head, 64);
    fake_ring_set_used_idx(r, (u16)(r->used + 2));
    r->used++;
    return serve(v, c);
}

static void case_r14_dr_st_4_one_buffer_twice(void **state)
{
    (void)state;
    device.serve = return_twice;
    bring_up();
    fails_once(hwrng(0), "it finished more than is in flight");
}

static void case_r23_dr_st_4_it_needs_a_reset(void **state)
{
    (void)state;
    bring_up();
    device.hold = true;
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
    fails_once(hwrng(0), "it needs a reset");
}

/* It needs a reset, and does not come up again: without queues, or with one that has no ring. */
static void case_r23_case_r2_case_r6_it_does_not_come_up_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        setup(NULL);
        bring_up();
        struct file *f = hwrng(0);
        virtio_fail(virtio_first(), "it is ill");
        device.refuse_features = i == 0;
        device.queues[0].max = device.queues[0].size = i ? 0 : 128;
        for (unsigned tries = 0; tries < 3; tries++) {
            vfs_poll(f);
            read_page(f, 200);
            u8 bytes[32];
            rand_bytes(bytes, sizeof bytes);
        }
        assert_true(virtio_first()->failed);
        vfs_put(f);
        if (!i)
            teardown(NULL);
    }
}

static void case_r11_it_is_gone(void **state)
{
    (void)state;
    device.hold = true;
    bring_up();
    struct file *f = hwrng(0);
    device.gone_for = ~0ull;
    device.gone_from = device.naccesses;
    assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(fake_log_count("it is gone"), 1);
    u64 start = arch_heartbeats();
    for (int i = 0; i < 40; i++)
        assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(arch_heartbeats(), start);
    assert_int_equal(fake_log_count("sheepskin: "), 1);
    assert_int_equal(vfs_poll(f), POLLERR | POLLHUP);
    device.gone_for = 0;
    device.hold = false;
    vfs_put(f);
}

/* A device that never gets well is given up in the end. */
static void dr_st_4_recovery_ends(void **state)
{
    (void)state;
    u8 bytes[8];
    at_once = 0;
    bring_up();
    struct file *f = hwrng(0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(read_page(f, 10), -EIO);
    assert_true(fake_log_count("no random bytes") < 5);
    u64 accesses = device.naccesses;
    assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(device.naccesses, accesses);
    assert_true(rand_bytes(bytes, sizeof bytes));
    vfs_put(f);
}

/* ---- coming and going ---- */

static void the_second_device_takes_over(void **state)
{
    (void)state;
    add(&second, 5);
    bring_up();
    struct file *f = hwrng(0);
    assert_int_equal(read_page(f, 10), 10);
    assert_int_not_equal(page[0], 0xff);
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        if (d->slot == 4)
            unplug(d);
    assert_int_equal(read_page(f, 10), 10);
    assert_memory_equal(page, "\xff\xff\xff\xff", 4);
    vfs_put(f);
}

static void unplugged_under_a_reader(void **state)
{
    (void)state;
    bring_up();
    struct file *f = hwrng(0);
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        unplug(d);
    assert_int_equal(read_page(f, 10), -ENODEV);
    vfs_put(f);
}

static void pull_now(struct later *work)
{
    (void)work;
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        unplug(d);
}

static void pull(void)
{
    static struct later work;
    if (arch_heartbeats() < 20)
        return;
    work.fn = pull_now;
    later_ask(&work);
}

/* Who sleeps in a read of a throttled device hears of it at once, and goes on with another one if there is. */
static void dr_cl_2_unplugged_under_a_reader_who_sleeps(void **state)
{
    (void)state;
    bring_up();
    device.hold = true;
    fake_idle = pull;
    struct file *f = hwrng(0);
    rand_bytes(page, 32);
    assert_int_equal(read_page(f, 10), -ENODEV);
    assert_in_range(arch_heartbeats(), 20, 30);
    vfs_put(f);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(b14_without_bytes_there_is_no_secret),
        TEST(b14_dr_rng_2_a_throttled_device_makes_a_secret_in_the_end),
        TEST(the_next_device_is_not_waited_for),
        TEST(dr_rng_1_bytes_as_the_device_gives_them),
        TEST(dr_rng_2_only_what_was_written_counts),
        TEST(a_throttled_device_makes_a_read_short),
        TEST(case_r21_a_silent_device_is_not_waited_for_without_end),
        TEST(case_r17_dr_st_4_it_says_that_it_wrote_nothing),
        TEST(case_r16_dr_st_4_it_says_that_it_wrote_too_much),
        TEST(case_r12_dr_st_4_used_id_out_of_range),
        TEST(case_r14_dr_st_4_one_buffer_twice),
        TEST(case_r23_dr_st_4_it_needs_a_reset),
        TEST(case_r23_case_r2_case_r6_it_does_not_come_up_again),
        TEST(case_r11_it_is_gone),
        TEST(dr_st_4_recovery_ends),
        TEST(the_second_device_takes_over),
        TEST(unplugged_under_a_reader),
        TEST(dr_cl_2_unplugged_under_a_reader_who_sleeps),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
