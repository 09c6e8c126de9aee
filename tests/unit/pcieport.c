/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pcieport - tests of kernel/drivers/pcieport.c: a slot that keeps to the rules, one in which things happen by surprise, and one that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "virtio.h"

enum { PRESENCE = 8, COMPLETED = 0x10, BUTTON = 1, LINK = 0x100, PRESENT = 0x40, EVENTS = 0x11f };
enum { LIGHT = 0x300, LIGHT_ON = 0x100, LIGHT_BLINK = 0x200, POWER_OFF = 0x400 };
enum { CAPABILITIES = 0x7b }; /* button, power, both indicators, surprise, hot-plug */

extern const struct pci_driver *const __start_pci_drivers[];

static struct fake_virtio device;
static struct fake_function *port;
static u16 cap, events, control, blinked;
static bool present, link_down, never_completes, sticky, all_ones;
static bool empty_says_the_slot; /* whatever is in it */
static u64 looks_at_status;
static unsigned bound_at_power_off; /* virtio devices when the power went */

static bool visible(void)
{
    return present && !(control & POWER_OFF);
}

static u32 read_port(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)f, (void)width;
    if (all_ones)
        return ~0u;
    if (offset == cap + 0x1a) {
        looks_at_status++;
        return events | (present && !empty_says_the_slot ? PRESENT : 0);
    }
    return offset == cap + 0x12 ? visible() && !link_down ? 1 << 13 : 0 : v;
}

static void raise_event(u16 event)
{
    events |= event;
    fake_pci_raise(port, 0);
}

static void write_port(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)f, (void)width;
    if (offset == cap + 0x1a && !sticky)
        events &= (u16)~v;
    if (offset != cap + 0x18)
        return;
    blinked |= (v & LIGHT) == LIGHT_BLINK;
    if ((v & POWER_OFF) && !(control & POWER_OFF))
        bound_at_power_off = virtio_first() != NULL;
    control = (u16)v;
    events |= never_completes ? 0 : COMPLETED;
}

static u32 read_device(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)f, (void)offset, (void)width;
    return visible() ? v : ~0u;
}

static void plug(bool in)
{
    present = in;
    device.pci->config[4] = 0; /* it decodes nothing, so that its registers are all ones */
    for (unsigned i = 0; i < 6; i++)
        if (device.pci->bar_size[i])
            fake_pci_set32(device.pci, (u16)(0x10 + 4 * i), device.pci->config[0x10 + 4 * i] & 15);
}

static void build(bool interrupts, bool there)
{
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    fake_pci_start(FAKE_BY_ECAM);
    fake_apic = interrupts;
    events = control = blinked = 0;
    link_down = never_completes = sticky = all_ones = false;
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    port = fake_pci_bridge(NULL, 5, 0, 0);
    fake_pci_bar(port, 0, 0, 0x1000, 0);
    cap = fake_pci_cap(port, 0x10, 0x3c);
    fake_pci_set16(port, cap + 2, 0x142);
    fake_pci_set32(port, cap + 0x0c, 1 << 20);
    fake_pci_set32(port, cap + 0x14, CAPABILITIES);
    fake_pci_msix(port, 0, 0, 1);
    port->config_hook = read_port;
    port->write_hook = write_port;
    fake_virtio_add(&device, port, 0, 0x1049, 2);
    fake_virtio_caps(&device);
    device.offered |= 1;
    device.config_len = 6;
    memcpy(device.config, "\4\0slot", 6);
    device.pci->config_hook = read_device;
    plug(there);
    pci_scan(&window);
    pci_bind_all();
    later_run();
}

static void end(void)
{
    while (pci_first())
        pci_remove(pci_first());
    later_run();
    assert_null(virtio_first());
    fake_apic = true;
}

static struct pci_dev *the_port(void)
{
    return pci_first()->next;
}

static unsigned beats;

/* So many heartbeats with a safe point each; what interrupts there are come in. */
static void beat(unsigned n)
{
    while (n--) {
        fake_beat(1);
        arch_wait();
        later_run();
        beats++;
    }
}

static void bring_in(void)
{
    plug(true);
    raise_event(PRESENCE | BUTTON);
    beat(4);
    assert_non_null(pci_behind(the_port()));
    assert_non_null(virtio_first());
}

static void plug_and_unplug(bool interrupts)
{
    build(interrupts, false);
    assert_string_equal(the_port()->driver->name, "pcieport");
    assert_int_equal(control & POWER_OFF, POWER_OFF);
    assert_int_equal(control & LIGHT, LIGHT);
    assert_true(the_port()->windows[1].len >= 2 << 20);
    u64 before = 0;
    for (unsigned i = 0; i < 20; i++) {
        bring_in();
        assert_int_equal(control & (POWER_OFF | LIGHT), LIGHT_ON);
        struct span w = the_port()->windows[1];
        u64 bar = fake_pci_bar_base(device.pci, 4);
        assert_true(bar >= w.pa && bar - w.pa < w.len);
        blinked = 0;
        bound_at_power_off = 9;
        raise_event(BUTTON);
        beat(2);
        assert_true(blinked);
        assert_int_equal(bound_at_power_off, 0);
        assert_int_equal(control & (POWER_OFF | LIGHT), POWER_OFF | LIGHT);
        assert_null(pci_behind(the_port()));
        assert_null(virtio_first());
        beat(5); /* it is still in the slot, and stays off */
        assert_int_equal(control & POWER_OFF, POWER_OFF);
        plug(false);
        raise_event(PRESENCE);
        beat(2);
        assert_true(i < 2 || mem_free_count() == before);
        before = mem_free_count();
    }
    end();
}

static void plug_and_unplug_polled(void **state)
{
    (void)state;
    plug_and_unplug(false);
}

static void plug_and_unplug_called(void **state)
{
    (void)state;
    plug_and_unplug(true);
}

static void what_firmware_found_stays(void **state)
{
    (void)state;
    build(true, true);
    assert_non_null(virtio_first());
    assert_int_equal(control & (POWER_OFF | LIGHT), LIGHT_ON);
    raise_event(BUTTON);
    beat(1);
    assert_null(virtio_first());
    end();
}

static void surprise(void **state)
{
    (void)state;
    build(true, false);
    for (unsigned i = 0; i < 3; i++) {
        bring_in();
        plug(false);
        raise_event(PRESENCE | LINK);
        u64 before = beats;
        beat(1);
        assert_int_equal(beats - before, 1);
        assert_null(pci_behind(the_port()));
        assert_null(virtio_first());
        assert_int_equal(control & POWER_OFF, POWER_OFF);
    }
    end();
}

static void something_else_is_in_it(void **state)
{
    (void)state;
    build(true, false);
    bring_in();
    u32 number = pci_behind(the_port())->number;
    plug(true);
    raise_event(PRESENCE);
    beat(5);
    assert_true(pci_behind(the_port())->number > number);
    /* And its link is lost while it is there. */
    link_down = true;
    raise_event(LINK);
    beat(1);
    assert_null(pci_behind(the_port()));
    end();
}

static void nothing_answers(void **state)
{
    (void)state;
    build(true, false);
    device.pci->config[0] = device.pci->config[1] = 0xff;
    link_down = true;
    plug(true);
    raise_event(PRESENCE);
    beat(40);
    assert_int_equal(control & POWER_OFF, POWER_OFF);
    assert_int_equal(fake_log_count("nothing answers"), 1);
    fake_pci_set16(device.pci, 0, 0x1af4);
    link_down = false;
    raise_event(BUTTON);
    beat(5);
    assert_non_null(virtio_first());
    end();
}

/* Whatever it says, a safe point makes a bounded number of accesses, and nothing is lost. */
static void expect_bounded(u64 most, unsigned rounds, void (*lie)(unsigned i))
{
    for (unsigned i = 0; i < rounds; i++) {
        lie(i);
        u64 before = fake_pci_accesses;
        beat(1);
        if (fake_pci_accesses - before > most)
            fail_msg("round %u: %llu accesses", i, (unsigned long long)(fake_pci_accesses - before));
    }
}

static void flap(unsigned i)
{
    plug(i % 2);
    raise_event(PRESENCE);
}

static void flap_slowly(unsigned i)
{
    if (i % 5 == 0)
        flap(i / 5);
}

static void presence_flaps_for_ever(void **state)
{
    (void)state;
    build(true, false);
    expect_bounded(3000, 1000, flap);
    u64 before = mem_free_count();
    expect_bounded(3000, 1000, flap_slowly);
    plug(false);
    raise_event(PRESENCE);
    beat(3);
    assert_true(mem_free_count() >= before);
    end();
}

static void nothing(unsigned i)
{
    (void)i;
}

static void storm(unsigned i)
{
    sticky = true;
    raise_event((u16)(EVENTS & ~(i % 7)));
    for (unsigned k = 0; k < 20; k++)
        fake_pci_raise(port, 0);
}

static void events_that_never_end(void **state)
{
    (void)state;
    build(true, false);
    expect_bounded(100, 100, storm);
    sticky = false;
    events = 0;
    plug(false);
    beat(3);
    looks_at_status = 0;
    beat(20);
    assert_true(looks_at_status <= 4); /* and it is quiet again */
    bring_in();
    expect_bounded(3000, 100, storm);
    end();
}

static void commands_never_complete(void **state)
{
    (void)state;
    build(true, false);
    never_completes = true;
    bring_in();
    expect_bounded(100, 50, nothing);
    raise_event(BUTTON);
    beat(1);
    assert_null(virtio_first());
    end();
}

static void the_port_itself_is_gone(void **state)
{
    (void)state;
    build(true, false);
    bring_in();
    all_ones = true;
    for (unsigned i = 0; i < 20; i++) {
        raise_event(PRESENCE);
        beat(1);
    }
    all_ones = false;
    end();
}

/* A VMM that keeps the slot to ACPI shows a function in a slot that says it is empty. */
static void slots_of_others(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_pci_start(FAKE_BY_ECAM);
        fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
        port = fake_pci_bridge(NULL, 5, 0, 0);
        cap = fake_pci_cap(port, 0x10, 0x3c);
        fake_pci_set16(port, cap + 2, i == 0 ? 0x042 : i == 1 ? 0x152 : 0x142);
        fake_pci_set32(port, cap + 0x14, i == 2 ? 0x3b : CAPABILITIES);
        static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
        pci_scan(&window);
        pci_bind_all();
        assert_null(the_port()->driver); /* no slot; an upstream port; no hot-plug */
        end();
    }
    empty_says_the_slot = true;
    build(true, true);
    empty_says_the_slot = false;
    assert_null(the_port()->driver);
    assert_non_null(virtio_first());
    end();
}

static void let_go_of(void **state)
{
    (void)state;
    build(true, false);
    bring_in();
    pci_unbind(the_port());
    assert_int_equal(control & 0x20, 0);
    assert_non_null(virtio_first());
    raise_event(BUTTON);
    beat(3);
    assert_non_null(virtio_first());
    const struct pci_driver *const *driver = __start_pci_drivers;
    while (strcmp((*driver)->name, "pcieport") != 0)
        driver++;
    assert_int_equal(pci_bind(the_port(), *driver), 0);
    raise_event(BUTTON);
    beat(2);
    assert_null(virtio_first());
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plug_and_unplug_called),    cmocka_unit_test(plug_and_unplug_polled),
        cmocka_unit_test(what_firmware_found_stays), cmocka_unit_test(surprise),
        cmocka_unit_test(something_else_is_in_it),   cmocka_unit_test(nothing_answers),
        cmocka_unit_test(presence_flaps_for_ever),   cmocka_unit_test(events_that_never_end),
        cmocka_unit_test(commands_never_complete),   cmocka_unit_test(the_port_itself_is_gone),
        cmocka_unit_test(slots_of_others),           cmocka_unit_test(let_go_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
