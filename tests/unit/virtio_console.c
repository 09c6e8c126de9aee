/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_console - tests of kernel/drivers/virtio_console.c and kernel/hvc.c: consoles and ports, and a host that says strange things of them. */
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
#include "print.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

enum { SIZE = 1, MULTIPORT = 2 };
enum { READY_DEVICE, ADD, REMOVE, READY, CONSOLE, RESIZE, OPEN, NAME };
enum { TOLD = 400 };

struct message {
    u32 id;
    u16 event, value;
};

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
static struct fake_virtio device;
static u8 *page;
static struct message told[TOLD]; /* what the driver said */
static unsigned ntold;
static char got[1 << 17]; /* what it sent, by all ports */
static size_t ngot;
static unsigned ports;   /* that the device adds when the driver is ready */
static bool hold_output; /* takes nothing that is sent */
static void (*at_idle)(void);

/* ---- the device ---- */

static void finish(struct fake_queue *q, const struct fake_chain *c, u32 written)
{
    if (fake_ring_push(&q->ring, c->head, written) && q->vector != 0xffff)
        fake_pci_raise(device.pci, q->vector);
}

/* Writes to the next buffer that the driver has lent; false: there is none. claimed: what the device says that it wrote. */
static bool write_to(unsigned queue, const void *bytes, u32 len, u32 claimed)
{
    struct fake_queue *q = &device.queues[queue];
    struct fake_chain c;
    if (!q->enable || !fake_ring_pop(&q->ring, &c))
        return false;
    if (c.out || !c.in)
        fake_complain("DR-CON-1: a receiveq has something to read");
    mem_to_spans(c.spans, c.in, 0, bytes, MIN(len, c.room));
    finish(q, &c, claimed);
    return true;
}

static bool feed(unsigned port, const char *text)
{
    u32 len = (u32)strlen(text);
    return write_to(port ? 2 * port + 2 : 0, text, len, len);
}

static bool say_more(u32 id, u16 event, u16 value, const void *more, size_t len)
{
    u8 bytes[600] = {(u8)id,    (u8)(id >> 8),    (u8)(id >> 16), (u8)(id >> 24),
                     (u8)event, (u8)(event >> 8), (u8)value,      (u8)(value >> 8)};
    memcpy(bytes + 8, more, len);
    return write_to(2, bytes, (u32)(8 + len), (u32)(8 + len));
}

static bool say(u32 id, u16 event, u16 value)
{
    return say_more(id, event, value, "", 0);
}

static void name(u32 id, const char *text)
{
    assert_true(say_more(id, NAME, 1, text, strlen(text) + 1));
}

static void hear_one(const struct fake_chain *c)
{
    struct message m = {0};
    if (c->in || c->out != 1 || mem_from_spans(&m, c->spans, 1, 0, 100) != 8)
        fake_complain("DR-CON-1: what a control message is made of");
    told[ntold++ % TOLD] = m;
    for (unsigned i = 0; m.event == READY_DEVICE && m.value == 1 && i < ports; i++)
        say(i, ADD, 1);
}

static void run(void)
{
    struct fake_chain c;
    struct fake_queue *control = &device.queues[3];
    bool multiport = device.accepted & MULTIPORT;
    while (multiport && control->enable && !device.hold && fake_ring_pop(&control->ring, &c)) {
        hear_one(&c);
        finish(control, &c, 0);
    }
    for (unsigned i = 1; i < device.num_queues && !hold_output; i += 2)
        while ((i != 3 || !multiport) && device.queues[i].enable && fake_ring_pop(&device.queues[i].ring, &c)) {
            if (c.in)
                fake_complain("DR-CON-1: a transmitq has something to write to");
            ngot += mem_from_spans(got + ngot, c.spans, c.out, 0, sizeof got - ngot);
            finish(&device.queues[i], &c, 0);
        }
    if (at_idle)
        at_idle();
}

static void prepare(u64 features, unsigned max_ports)
{
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, 0x1043, 2);
    fake_virtio_caps(&device);
    device.offered |= features;
    device.num_queues = features & MULTIPORT ? FAKE_QUEUES : 2;
    device.config_len = 12;
    memcpy(device.config, (u8[]){80, 0, 25, 0, (u8)max_ports, (u8)(max_ports >> 8)}, 6);
    ports = 3;
    ntold = 0;
    ngot = 0;
    hold_output = false;
    at_idle = NULL;
    fake_idle = run;
    fake_complaint();
}

static int setup(void **state)
{
    (void)state;
    prepare(SIZE | MULTIPORT, 31);
    return 0;
}

static int setup_plain(void **state)
{
    (void)state;
    prepare(SIZE, 0);
    return 0;
}

static struct virtio_device *bring_up(void)
{
    pci_scan(&window);
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
    struct file *f;
    at_idle = NULL;
    unplug();
    assert_null(fake_complaint());
    assert_null(fake_console_device);
    assert_int_equal(vfs_open(NULL, "/dev/hvc0", O_RDONLY, 0, &f), -ENOENT);
    assert_int_equal(vfs_open(NULL, "/dev/virtio-ports/wool", O_RDONLY, 0, &f), -ENOENT);
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

/* ---- programs ---- */

/* Heartbeats go by, and what was watched for is done. Two, as time begins anew with each test, but not for later.c. */
static void beat(void)
{
    for (int i = 0; i < 2; i++) {
        fake_beat(1);
        later_run();
    }
}

/* vport%up%u is named after the device, whose number goes up in this process. */
static const char *vport(unsigned id)
{
    static char path[40];
    snprintf(path, sizeof path, "/dev/vport%sp%u", virtio_first()->name + 6, id);
    return path;
}

static int try_open(const char *path, u32 flags, struct file **f)
{
    return vfs_open(NULL, path, flags, 0, f);
}

static struct file *must(const char *path, u32 flags)
{
    struct file *f;
    assert_int_equal(try_open(path, flags, &f), 0);
    return f;
}

static s64 read_page(struct file *f, u64 n)
{
    memset(page, 0xee, PAGE_SIZE);
    return vfs_read(f, &(struct span){mem_phys(page), n}, 1, VFS_CURRENT);
}

static s64 write_text(struct file *f, const char *text)
{
    memcpy(page, text, strlen(text));
    return vfs_write(f, &(struct span){mem_phys(page), strlen(text)}, 1, VFS_CURRENT);
}

static bool was_told(u32 id, u16 event, u16 value)
{
    for (unsigned i = 0; i < MIN(ntold, (unsigned)TOLD); i++)
        if (told[i].id == id && told[i].event == event && told[i].value == value)
            return true;
    return false;
}

/* Port 1, open on both sides. */
static struct file *open_port(u32 flags)
{
    bring_up();
    assert_true(say(1, OPEN, 1));
    return must(vport(1), O_RDWR | flags);
}

/* ---- as it should be ---- */

static void dr_con_2_the_driver_says_that_it_is_ready(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up();
    assert_false(dev->failed);
    assert_int_equal(dev->nqueues, 64);
    assert_true(told[0].event == READY_DEVICE && told[0].value == 1);
    for (u32 id = 0; id < 3; id++) {
        assert_true(was_told(id, READY, 1));
        vfs_put(must(vport(id), O_PATH));
    }
    struct file *f;
    assert_int_equal(try_open(vport(3), O_RDWR, &f), -ENOENT);
}

static void dr_con_1_bytes_both_ways(void **state)
{
    (void)state;
    struct file *f = open_port(0), *again;
    assert_true(was_told(1, OPEN, 1));
    assert_int_equal(try_open(vport(1), O_RDWR, &again), -EBUSY);
    assert_int_equal(write_text(f, "baa"), 3);
    assert_int_equal(write_text(f, ""), 0);
    assert_int_equal(ngot, 3);
    assert_memory_equal(got, "baa", 3);
    assert_true(feed(1, "wolf") && feed(1, "sheep"));
    assert_int_equal(read_page(f, 2), 2);
    assert_memory_equal(page, "wo", 2);
    assert_int_equal(read_page(f, 100), 7);
    assert_memory_equal(page, "lfsheep", 7);
    assert_int_equal(read_page(f, 0), 0);
    vfs_put(f);
    assert_true(was_told(1, OPEN, 0));
    f = must(vport(1), O_RDWR | O_NONBLOCK);
    assert_int_equal(read_page(f, 1), -EAGAIN);
    vfs_put(f);
}

static void dr_con_3_a_console_is_answered(void **state)
{
    (void)state;
    struct file *f;
    bring_up();
    assert_null(fake_console_device);
    assert_true(say(2, CONSOLE, 1));
    assert_true(say_more(2, RESIZE, 1, (u8[]){132, 0, 43, 0}, 4));
    beat();
    assert_true(was_told(2, OPEN, 1));
    assert_non_null(fake_console_device);
    assert_int_equal(try_open(vport(2), O_RDWR, &f), -ENXIO);
    f = must("/dev/hvc0", O_RDWR);
    struct file *second = must("/dev/hvc0", O_RDWR);
    u16 size[4];
    assert_int_equal(vfs_ioctl(f, 0x5413, size, sizeof size), 0);
    assert_true(size[0] == 43 && size[1] == 132);
    assert_int_equal(write_text(second, "to a terminal"), 13);
    assert_true(feed(2, "typed"));
    assert_int_equal(read_page(f, 100), 5);
    assert_int_equal(vfs_poll(f) & (POLLIN | POLLOUT | POLLHUP), POLLOUT);
    vfs_put(f);
    vfs_put(second);
}

static void a_plain_console(void **state)
{
    (void)state;
    struct virtio_device *dev = bring_up();
    u16 size[4];
    u8 settings[36];
    u32 nothing = 0;
    assert_int_equal(dev->nqueues, 2);
    struct file *f = must("/dev/hvc0", O_RDWR | O_NONBLOCK);
    assert_int_equal(vfs_ioctl(f, 0x5413, size, sizeof size), 0);
    assert_true(size[0] == 25 && size[1] == 80);
    device.config[0] = 100;
    fake_virtio_config_interrupt(&device);
    arch_wait();
    later_run();
    assert_int_equal(vfs_ioctl(f, 0x5413, size, sizeof size), 0);
    assert_int_equal(size[1], 100);
    assert_int_equal(vfs_ioctl(f, 0x5401, settings, sizeof settings), 0);
    assert_int_equal(settings[12] | settings[13], 0); /* neither ICANON nor ECHO */
    assert_int_equal(vfs_ioctl(f, 0x5402, settings, sizeof settings), 0);
    assert_int_equal(vfs_ioctl(f, 0x1234, &nothing, 4), -ENOTTY);
    assert_int_equal(read_page(f, 10), -EAGAIN);
    assert_true(feed(0, "in"));
    assert_int_equal(read_page(f, 10), 2);
    assert_int_equal(write_text(f, "out"), 3);
    assert_memory_equal(got, "out", 3);
    vfs_put(f);
}

static void a_long_write(void **state)
{
    (void)state;
    bring_up();
    assert_true(say(1, OPEN, 1) && say(2, CONSOLE, 1));
    beat();
    u8 *bytes = mem_virt(mem_pages(20, PAGE_SIZE));
    const struct span spans[] = {{mem_phys(bytes), 40000}, {mem_phys(bytes) + 40000, 40000}};
    memset(bytes, 'x', 80000);
    struct file *port = must(vport(1), O_RDWR), *console = must("/dev/hvc0", O_RDWR);
    assert_int_equal(vfs_write(port, spans, 2, VFS_CURRENT), 32768); /* cut, as on Linux */
    assert_int_equal(vfs_write(console, spans, 2, VFS_CURRENT), 80000);
    assert_int_equal(ngot, 32768 + 80000);
    vfs_put(port);
    vfs_put(console);
    mem_pages_free(mem_phys(bytes), 20);
}

static void the_other_side_is_closed(void **state)
{
    (void)state;
    struct file *f = open_port(O_NONBLOCK);
    assert_int_equal(vfs_poll(f), POLLOUT | POLLWRNORM);
    assert_true(feed(1, "last") && say(1, OPEN, 0));
    assert_int_equal(vfs_poll(f), POLLIN | POLLRDNORM | POLLHUP);
    assert_int_equal(read_page(f, 100), 4);
    assert_int_equal(read_page(f, 100), 0);
    assert_int_equal(write_text(f, "x"), -EAGAIN);
    assert_true(say(1, OPEN, 1));
    assert_int_equal(vfs_poll(f), POLLOUT | POLLWRNORM);
    assert_int_equal(write_text(f, "x"), 1);
    vfs_put(f);
}

static unsigned idle;

static void open_later(void)
{
    if (++idle == 5)
        say(1, OPEN, 1);
    if (idle == 10)
        feed(1, "late");
    if (idle == 15)
        say(1, OPEN, 0);
}

static void who_waits_is_woken(void **state)
{
    (void)state;
    bring_up();
    struct file *f = must(vport(1), O_RDWR);
    idle = 0;
    at_idle = open_later;
    assert_int_equal(write_text(f, "x"), 1);
    assert_int_equal(read_page(f, 100), 4);
    assert_int_equal(read_page(f, 100), 0);
    assert_true(idle >= 15);
    vfs_put(f);
}

static void take_output_later(void)
{
    hold_output = ++idle < 50;
}

static void a_host_that_takes_its_time(void **state)
{
    (void)state;
    struct file *f = open_port(0);
    hold_output = true;
    assert_int_equal(write_text(f, "one"), 3);
    assert_int_equal(vfs_set_flags(f, O_NONBLOCK), 0);
    assert_int_equal(vfs_poll(f) & POLLOUT, 0);
    assert_int_equal(write_text(f, "two"), -EAGAIN);
    assert_int_equal(vfs_set_flags(f, 0), 0);
    idle = 0;
    at_idle = take_output_later;
    assert_int_equal(write_text(f, "three"), 5);
    assert_int_equal(ngot, 8);
    assert_memory_equal(got, "onethree", 8);
    vfs_put(f);
}

/* ---- in place of a UART ---- */

static void a_log_that_nobody_takes_is_waited_for_once(void **state)
{
    (void)state;
    bring_up();
    char bytes[8];
    const struct console_device *c = fake_console_device;
    c->write(CONSOLE_LOG, "line\n", 5);
    assert_memory_equal(got, "line\n", 5);
    assert_true(feed(0, "typed"));
    assert_int_equal(c->read(bytes, 3), 3);
    assert_int_equal(c->read(bytes, 8), 2);
    assert_int_equal(c->read(bytes, 8), 0);
    hold_output = true;
    c->write(CONSOLE_LOG, "kept\n", 5); /* the device has it */
    u64 start = arch_heartbeats();
    c->write(CONSOLE_LOG, "lost\n", 5);
    assert_in_range(arch_heartbeats() - start, 1, 100);
    start = arch_heartbeats();
    for (int i = 0; i < 100; i++)
        c->write(CONSOLE_LOG, "lost\n", 5);
    assert_int_equal(arch_heartbeats(), start);
    idle = 0;
    at_idle = take_output_later;
    c->write(CONSOLE_OUT, "program\n", 8); /* is waited for */
    c->write(CONSOLE_LOG, "again\n", 6);
    assert_int_equal(ngot, 5 + 5 + 8 + 6);
    assert_memory_equal(got + 5, "kept\nprogram\nagain\n", 19);
    assert_false(virtio_first()->failed);
}

/* ---- coming and going ---- */

static void remove_later(void)
{
    if (++idle == 5)
        say(1, REMOVE, 1);
}

static void a_port_is_removed_under_a_reader(void **state)
{
    (void)state;
    struct file *f = open_port(0);
    name(1, "wool");
    beat();
    vfs_put(must("/dev/virtio-ports/wool", O_PATH));
    idle = 0;
    at_idle = remove_later;
    assert_int_equal(read_page(f, 10), -ENODEV);
    assert_int_equal(read_page(f, 10), -ENODEV);
    assert_int_equal(write_text(f, "x"), -ENODEV);
    assert_int_equal(vfs_poll(f), POLLERR | POLLHUP);
    struct file *g;
    assert_int_equal(try_open("/dev/virtio-ports/wool", O_RDWR, &g), -ENOENT);
    at_idle = NULL;
    assert_true(say(1, ADD, 1));
    name(1, "fleece");
    assert_true(say(1, OPEN, 1));
    beat();
    g = must("/dev/virtio-ports/fleece", O_RDWR);
    assert_true(feed(1, "new"));
    assert_int_equal(read_page(g, 10), 3);
    assert_int_equal(read_page(f, 10), -ENODEV);
    vfs_put(f);
    vfs_put(g);
}

static void unplug_from_within(struct later *work)
{
    (void)work;
    unplug();
}

static void unplug_later(void)
{
    static struct later work = {.fn = unplug_from_within};
    if (++idle == 5)
        later_ask(&work);
}

/* Who sleeps in the driver has to come out of it, and nothing is lost but what the device had. */
static void the_device_is_unplugged_under_a_reader(void **state)
{
    (void)state;
    u64 before = 0;
    for (int i = 0; i < 3; i++) {
        prepare(SIZE | MULTIPORT, 31);
        struct file *f = open_port(0);
        idle = 0;
        at_idle = unplug_later;
        assert_int_equal(read_page(f, 10), -ENODEV);
        assert_int_equal(read_page(f, 10), -ENODEV);
        vfs_put(f);
        if (i == 1)
            before = mem_free_count();
    }
    assert_true(before - mem_free_count() <= 4 || mem_free_count() >= before); /* the fake machine's own */
}

static void the_kernels_console_is_unplugged(void **state)
{
    (void)state;
    bring_up();
    assert_non_null(fake_console_device);
    struct file *f = must("/dev/hvc0", O_RDWR);
    unplug();
    assert_null(fake_console_device);
    assert_int_equal(write_text(f, "x"), -ENODEV);
    vfs_put(f);
}

/* ---- names ---- */

static void names_that_no_file_has(void **state)
{
    (void)state;
    static char long_name[400];
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc", "../vport", "new\nline", "\x1b[2J", long_name};
    memset(long_name, 'x', sizeof long_name - 1);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct file *f;
        prepare(MULTIPORT, 31);
        bring_up();
        name(1, bad[i]);
        name(2, bad[i]);
        beat();
        assert_int_equal(fake_log_count("a port is not in /dev/virtio-ports"), 1);
        f = must(vport(1), O_RDWR);
        vfs_put(f);
        teardown(NULL);
    }
    setup(NULL);
    bring_up();
    assert_true(say_more(1, NAME, 1, "in\0side", 7));
    assert_true(say_more(2, NAME, 1, "", 0));
    beat();
    assert_int_equal(fake_log_count("a port is not in /dev/virtio-ports"), 1);
}

static void two_ports_of_one_name_and_two_names_of_one_port(void **state)
{
    (void)state;
    char to[64];
    struct file *f;
    bring_up();
    name(1, "wool");
    name(2, "wool");
    name(1, "fleece");
    beat();
    s64 n = vfs_readlink(NULL, "/dev/virtio-ports/wool", to, sizeof to);
    assert_true(n > 2 && memcmp(to + n - 2, "p1", 2) == 0);
    assert_int_equal(fake_log_count("another's already"), 1);
    assert_int_equal(try_open("/dev/virtio-ports/fleece", O_PATH, &f), -ENOENT);
    assert_true(say_more(2, NAME, 1, "unterminated", 12)); /* 5.3.6.2: need not be */
    beat();
    vfs_put(must("/dev/virtio-ports/unterminated", O_PATH));
}

/* ---- a host that lies ---- */

static void messages_that_make_no_sense(void **state)
{
    (void)state;
    bring_up();
    for (u32 len = 0; len < 8; len++)
        assert_true(write_to(2, "\1\0\0\0\2\0\1\0", len, len));
    beat();
    static const u32 ids[] = {3, 30, 31, 63, 64, 65535, 0x7fffffff, 0xffffffff};
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        for (u16 event = 0; event < 10; event++)
            if (event != ADD || ids[i] > 30) {
                assert_true(say_more(ids[i], event, 1, "1234", 4));
                beat();
            }
    for (u16 event = 8; event; event = (u16)(event * 2)) {
        assert_true(say(1, event, 0xffff));
        beat();
    }
    assert_true(say_more(1, RESIZE, 1, "12", 2));
    beat();
    assert_int_equal(fake_log_count("sheepskin: "), 1);
    assert_false(virtio_first()->failed);
    assert_true(say(1, OPEN, 1));
    struct file *f = must(vport(1), O_RDWR);
    assert_int_equal(write_text(f, "baa"), 3);
    vfs_put(f);
}

static void talk_without_end(void)
{
    while (say(1, ADD, 1))
        ;
}

/* However fast the host talks: a program's call takes a bounded number of messages, and the log no line. */
static void endless_messages(void **state)
{
    (void)state;
    struct file *f = open_port(O_NONBLOCK);
    ntold = 0;
    at_idle = talk_without_end;
    for (int i = 0; i < 20; i++)
        assert_int_equal(read_page(f, 10), -EAGAIN);
    assert_true(ntold <= 20 * 33);
    assert_int_equal(fake_log_count("sheepskin: "), 0);
    assert_int_equal(write_text(f, "x"), 1);
    at_idle = NULL;
    vfs_put(f);
}

static void numbers_of_ports(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 2, 63, 64, 65535};
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
        prepare(MULTIPORT, counts[i]);
        ports = 1;
        struct virtio_device *dev = bring_up();
        assert_int_equal(dev->failed, counts[i] == 0);
        assert_int_equal(fake_log_count("it has no ports"), counts[i] == 0);
        if (counts[i])
            assert_int_equal(dev->nqueues, 2 + 2 * MIN(counts[i], 63u));
        teardown(NULL);
    }
    prepare(MULTIPORT, 31);
    device.num_queues = 10; /* fewer than its ports need */
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count("it lacks a queue"), 1);
}

static void case_r17_input_without_a_byte(void **state)
{
    (void)state;
    struct file *f = open_port(O_NONBLOCK);
    unsigned n = 0;
    for (; n < 100; n++) {
        assert_true(write_to(4, "", 0, 0));
        assert_int_equal(read_page(f, 10), -EAGAIN);
    }
    assert_true(feed(1, "x"));
    assert_int_equal(read_page(f, 10), 1);
    vfs_put(f);
}

static void case_r16_input_longer_than_its_buffer(void **state)
{
    (void)state;
    struct file *f = open_port(0);
    assert_true(write_to(4, "x", 1, 4097));
    assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(fake_log_count("beyond the room"), 1);
    assert_true(write_text(f, "x") < 0);
    assert_int_equal(vfs_poll(f) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
    vfs_put(f);
}

static void case_r16_a_message_longer_than_its_buffer(void **state)
{
    (void)state;
    struct file *f = open_port(0);
    assert_true(write_to(2, "x", 1, 513));
    assert_int_equal(read_page(f, 10), -ENODEV); /* it was brought up again meanwhile */
    assert_int_equal(fake_log_count("beyond the room"), 1);
    vfs_put(f);
}

static void fall_ill(void)
{
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
}

static void case_r23_it_needs_a_reset(void **state)
{
    (void)state;
    struct file *f = open_port(0), *g;
    at_idle = fall_ill;
    assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(fake_log_count("it needs a reset"), 1);
    assert_int_equal(try_open(vport(2), O_RDWR, &g), -ENODEV);
    vfs_put(f);
}

static void case_r21_it_never_hears(void **state)
{
    (void)state;
    device.hold = true;
    assert_true(bring_up()->failed);
    assert_int_equal(fake_log_count("it is silent"), 1);
}

static void get_well(void)
{
    device.status_or = 0;
    device.hold = false;
    at_idle = NULL;
}

/* The device is brought up as at the start, and says again which ports it has; who had one open opens it anew. */
static void comes_back(struct file *f, const char *why)
{
    struct file *g;
    s64 r = read_page(f, 10);
    assert_true(r == -EIO || r == -ENODEV);
    assert_int_equal(vfs_poll(f) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
    get_well();
    beat();
    assert_false(virtio_first()->failed);
    assert_int_equal(fake_log_count(why), 1);
    assert_int_equal(read_page(f, 10), -ENODEV);
    unsigned handshakes = 0;
    for (unsigned i = 0; i < ntold; i++)
        handshakes += told[i].event == READY_DEVICE && told[i + 2].event == READY;
    assert_in_range(handshakes, 2, 3);
    assert_true(say(1, OPEN, 1));
    name(1, "wool");
    beat();
    g = must("/dev/virtio-ports/wool", O_RDWR);
    ngot = 0;
    assert_int_equal(write_text(g, "baa"), 3);
    assert_true(ngot == 3 && feed(1, "wolf"));
    assert_int_equal(read_page(g, 10), 4);
    vfs_put(f);
    vfs_put(g);
}

static void case_r23_dr_st_4_it_is_brought_up_again(void **state)
{
    (void)state;
    struct file *f = open_port(0);
    at_idle = fall_ill;
    comes_back(f, "it needs a reset");
}

/* Nobody waits for anything; the device says that it changed. */
static void case_r23_dr_st_4_it_says_that_it_is_ill(void **state)
{
    (void)state;
    struct file *f = open_port(O_NONBLOCK);
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
    fake_virtio_config_interrupt(&device);
    arch_wait();
    later_run();
    assert_true(virtio_first()->failed);
    comes_back(f, "it needs a reset");
}

enum { PORT_IN = 4, PORT_OUT = 5 };

/* A lie behind an answer that is good, in every queue: it comes to light at a heartbeat at the latest, whoever looks. */
static void case_r12_r13_dr_st_4_a_queue_that_breaks_behind_a_good_answer(void **state)
{
    static const unsigned queues[] = {3, 0,       1,
                                      2, PORT_IN, PORT_OUT}; /* a packed control queue is overwritten: no lie */
    for (unsigned i = 1; i < 2 * ARRAY_LEN(queues); i++) {
        prepare(SIZE | MULTIPORT, 31);
        device.offered |= i % 2 ? 0 : VIRTIO_F_RING_PACKED;
        struct file *f = open_port(O_NONBLOCK), *g = must(vport(0), O_RDWR | O_NONBLOCK);
        assert_true(say(0, OPEN, 1) && feed(1, "good"));
        beat();
        fake_ring_push(&device.queues[queues[i / 2]].ring, 9999, 0);
        s64 r = read_page(f, 10), w = write_text(f, "x");
        assert_true(r == 4 || r == -EIO || r == -ENODEV);
        assert_true(w == 1 || w == -EIO || w == -ENODEV);
        read_page(g, 10);
        write_text(g, "x");
        vfs_put(g);
        say(0, ADD, 1); /* is answered */
        for (int k = 0; k < 2 && fake_log_count("it finished") == 0; k++)
            beat();
        comes_back(f, "it finished");
        teardown(state);
    }
    prepare(SIZE | MULTIPORT, 31);
}

static void break_output(void)
{
    struct fake_ring *r = &device.queues[PORT_OUT].ring;
    if (virtq_in_flight(virtio_first()->queues[PORT_OUT]))
        fake_ring_push(r, 9999, 0);
}

/* What was not taken is not said to be. */
static void case_r12_a_write_that_the_device_does_not_take(void **state)
{
    (void)state;
    struct file *f = open_port(0);
    hold_output = true;
    at_idle = break_output;
    assert_int_equal(write_text(f, "x"), -EIO);
    hold_output = false;
    comes_back(f, "it finished");
}

static void dr_st_4_it_is_not_brought_up_without_end(void **state)
{
    (void)state;
    bring_up();
    device.status_or = VIRTIO_STATUS_NEEDS_RESET;
    for (int i = 0; i < 100; i++) {
        fake_virtio_config_interrupt(&device);
        arch_wait();
        later_run();
    }
    assert_true(virtio_first()->failed);
    assert_true(fake_log_count("it needs a reset") <= 3);
    u64 accesses = device.naccesses;
    beat();
    assert_int_equal(device.naccesses, accesses);
}

/* The kernel's own console comes back as such. */
static void case_r23_dr_st_4_the_kernels_console_is_brought_up_again(void **state)
{
    (void)state;
    bring_up();
    virtio_fail(virtio_first(), "provoked");
    fake_console_device->write(CONSOLE_LOG, "lost\n", 5);
    later_run();
    ngot = 0;
    fake_console_device->write(CONSOLE_OUT, "here\n", 5);
    assert_memory_equal(got, "here\n", 5);
    vfs_put(must("/dev/hvc0", O_RDWR));
}

static void case_r11_dr_cl_2_gone_under_a_reader(void **state)
{
    (void)state;
    struct file *f = open_port(0), *g;
    device.gone_from = device.naccesses;
    device.gone_for = ~0ull;
    assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(read_page(f, 10), -EIO);
    assert_int_equal(write_text(f, "x"), -EIO);
    assert_int_equal(vfs_poll(f) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
    assert_int_equal(try_open(vport(2), O_RDWR, &g), -ENODEV);
    u64 accesses = device.naccesses;
    for (int i = 0; i < 10; i++)
        beat();
    assert_true(device.naccesses - accesses < 3);
    assert_int_equal(fake_log_count("it is gone"), 1);
    unplug();
    assert_int_equal(read_page(f, 10), -ENODEV);
    vfs_put(f);
    device.gone_for = 0;
}

int main(void)
{
#define TEST(fn)  cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define PLAIN(fn) cmocka_unit_test_setup_teardown(fn, setup_plain, teardown)
    const struct CMUnitTest tests[] = {
        TEST(dr_con_2_the_driver_says_that_it_is_ready),
        TEST(dr_con_1_bytes_both_ways),
        TEST(dr_con_3_a_console_is_answered),
        PLAIN(a_plain_console),
        TEST(a_long_write),
        TEST(the_other_side_is_closed),
        TEST(who_waits_is_woken),
        TEST(a_host_that_takes_its_time),
        PLAIN(a_log_that_nobody_takes_is_waited_for_once),
        TEST(a_port_is_removed_under_a_reader),
        TEST(the_device_is_unplugged_under_a_reader),
        PLAIN(the_kernels_console_is_unplugged),
        TEST(names_that_no_file_has),
        TEST(two_ports_of_one_name_and_two_names_of_one_port),
        TEST(messages_that_make_no_sense),
        TEST(endless_messages),
        TEST(numbers_of_ports),
        TEST(case_r17_input_without_a_byte),
        TEST(case_r16_input_longer_than_its_buffer),
        TEST(case_r16_a_message_longer_than_its_buffer),
        TEST(case_r23_it_needs_a_reset),
        TEST(case_r21_it_never_hears),
        TEST(case_r23_dr_st_4_it_is_brought_up_again),
        TEST(case_r23_dr_st_4_it_says_that_it_is_ill),
        TEST(case_r12_r13_dr_st_4_a_queue_that_breaks_behind_a_good_answer),
        TEST(case_r12_a_write_that_the_device_does_not_take),
        TEST(dr_st_4_it_is_not_brought_up_without_end),
        PLAIN(case_r23_dr_st_4_the_kernels_console_is_brought_up_again),
        TEST(case_r11_dr_cl_2_gone_under_a_reader),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
