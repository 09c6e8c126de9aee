/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci - tests of kernel/pci.c and pci_assign.c. Names carry the case of the list of hostile cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "fake_pci.h"
#include "pci.h"

static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};

/* A driver of our own, for 1234:0001. */
static unsigned probes, removes;
static int probe_result;
static u16 command_in_probe;

static int probe(struct pci_dev *dev)
{
    probes++;
    command_in_probe = pci_read16(dev, 4);
    return probe_result;
}

static void remove_function(struct pci_dev *dev)
{
    (void)dev;
    removes++;
}

static const struct pci_id ids[] = {{0x1234, 1, 0}, {0x1235, 0x10, 0x1f}, {0, 0, 0}};

PCI_DRIVER(test_driver) = {.name = "test-driver", .ids = ids, .probe = probe, .remove = remove_function};

static int setup(void **state)
{
    (void)state;
    probes = removes = 0;
    probe_result = 0;
    fake_pci_start(FAKE_BY_ECAM);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    return 0;
}

static unsigned count(void)
{
    unsigned n = 0;
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        n++;
    return n;
}

static struct pci_dev *named(const char *name)
{
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        if (strcmp(d->name, name) == 0)
            return d;
    return NULL;
}

static struct pci_dev *scan_for(const char *name)
{
    pci_scan(&window);
    struct pci_dev *d = named(name);
    assert_non_null(d);
    return d;
}

/* ---- the scan ---- */

static void test_nothing_there(void **state)
{
    (void)state;
    fake_pci_start(0);
    pci_scan(&window);
    assert_null(pci_first());
    pci_bind_all();
}

static void test_by_ecam(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 4, 0, 0x1af4, 0x1009, 0x000200);
    fake_pci_set32(f, 0x2c, 0x00091af4);
    fake_pci_set16(f, 0x3c, 0x010b);
    struct pci_dev *d = scan_for("0000:00:04.0");
    assert_int_equal(count(), 2);
    assert_non_null(d->ecam);
    assert_int_equal(d->vendor, 0x1af4);
    assert_int_equal(d->device, 0x1009);
    assert_int_equal(d->subvendor, 0x1af4);
    assert_int_equal(d->subdevice, 9);
    assert_int_equal(d->class, 0x000200);
    assert_int_equal(d->irq_line, 11);
    assert_int_equal(d->irq_pin, 1);
}

static void test_by_ports(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_PORTS);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x1237, 0x060000);
    fake_pci_add(NULL, 31, 0, 0x1af4, 0x1009, 0x000200);
    struct pci_dev *d = scan_for("0000:00:1f.0");
    assert_null(d->ecam);
    assert_int_equal(count(), 2);
    assert_int_equal(pci_read8(d, 0), 0xf4);
    assert_int_equal(pci_read8(d, 1), 0x1a);
    assert_int_equal(pci_read16(d, 2), 0x1009);
}

static void test_lines_of_the_log(void **state)
{
    (void)state;
    fake_pci_add(NULL, 3, 0, 0x1234, 0x0001, 0xff0000);
    fake_pci_add(NULL, 4, 0, 0x4321, 0x0001, 0x123456);
    pci_scan(&window);
    assert_string_equal(fake_console(CONSOLE_LOG), "00:00.0 8086:29c0 host bridge\n"
                                                   "00:03.0 1234:0001 test-driver\n"
                                                   "00:04.0 4321:0001 class 123456\n");
}

static void test_functions_only_where_multifunction_says_so(void **state)
{
    (void)state;
    struct fake_function *zero = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_add(NULL, 5, 6, 0x1234, 1, 0);
    pci_scan(&window);
    assert_non_null(named("0000:00:05.6"));
    assert_int_equal(count(), 3);
    zero->config[0x0e] = 0;
    pci_scan(&window);
    assert_int_equal(count(), 2);
}

static void test_case_c18_every_slot_full(void **state)
{
    (void)state;
    for (u8 i = 1; i < 32; i++)
        for (u8 f = 0; f < 8; f++)
            fake_pci_add(NULL, i, f, 0x1af4, 0x1009, 0);
    pci_scan(&window);
    assert_int_equal(count(), 1 + 31 * 8);
}

/* Six small BARs without addresses in every function of every bus, by the ports. */
static u32 full_address, full_bar;

static u32 full_read(void *ctx, u64 offset, unsigned width)
{
    u32 reg = full_address & 0xfc, bus = full_address >> 16 & 0xff;
    bool bridge = (full_address >> 8 & 0xff) == 0;
    (void)ctx;
    if (offset < 4 || reg == 0)
        return 0x10001234;
    if (reg == 0x0c)
        return (bridge ? 0x81u : 0x80u) << (width == 4 ? 16 : 0);
    if (bridge && reg == 0x18)
        return bus == 255 ? 0 : bus | (bus + 1) << 8 | 0xff0000;
    return !bridge && reg >= 0x10 && reg < 0x28 ? full_bar & 0xfffff000 : 0;
}

static void full_write(void *ctx, u64 offset, unsigned width, u32 v)
{
    (void)ctx, (void)width;
    if (offset < 4)
        full_address = v;
    else
        full_bar = (full_address & 0xfc) >= 0x10 ? (v == ~0u ? v : 0) : full_bar;
}

static void test_case_c18_the_whole_bus_full(void **state)
{
    (void)state;
    fake_pci_start(0);
    fake_ports_add(&(struct fake_region){0xcf8, 8, full_read, full_write, NULL});
    pci_scan(&window);
    assert_in_range(count(), 1000, 1024);
    assert_int_equal(fake_log_count("too many functions"), 1);
    unsigned placed = 0;
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        for (unsigned i = 0; i < PCI_BARS; i++)
            placed += d->bars[i].base != 0;
    assert_in_range(placed, 1000, 6 * 1024);
}

static u32 vanish(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)f, (void)width;
    return offset == 0 ? v : ~0u;
}

static void test_case_c19_all_ones_in_the_middle(void **state)
{
    (void)state;
    fake_pci_add(NULL, 5, 0, 0x1234, 1, 0)->config_hook = vanish;
    pci_scan(&window);
    assert_int_equal(count(), 1);
}

static void test_case_c21_header_type(void **state)
{
    (void)state;
    fake_pci_add(NULL, 5, 0, 0x1234, 1, 0)->config[0x0e] = 0x7f;
    fake_pci_add(NULL, 6, 0, 0x1234, 1, 0)->config[0x0e] = 2;
    pci_scan(&window);
    assert_int_equal(count(), 1);
}

/* ---- bridges ---- */

static void test_buses_that_firmware_numbered(void **state)
{
    (void)state;
    struct fake_function *a = fake_pci_bridge(NULL, 1, 1, 2), *b = fake_pci_bridge(NULL, 2, 5, 5);
    struct fake_function *deep = fake_pci_bridge(a, 3, 2, 2);
    fake_pci_add(deep, 7, 0, 0x1234, 1, 0);
    fake_pci_add(b, 0, 0, 0x1234, 1, 0);
    struct pci_dev *d = scan_for("0000:02:07.0");
    assert_string_equal(d->parent->name, "0000:01:03.0");
    assert_string_equal(d->parent->parent->name, "0000:00:01.0");
    assert_non_null(named("0000:05:00.0"));
    assert_int_equal(count(), 6);
    assert_int_equal(fake_pci_get32(b, 0x18), 0x050500);
}

static void test_buses_without_firmware(void **state)
{
    (void)state;
    struct fake_function *a = fake_pci_bridge(NULL, 1, 0, 0), *b = fake_pci_bridge(NULL, 2, 0, 0);
    struct fake_function *deep = fake_pci_bridge(a, 3, 0, 0);
    fake_pci_add(deep, 7, 0, 0x1234, 1, 0);
    fake_pci_add(b, 0, 0, 0x1234, 1, 0);
    pci_scan(&window);
    assert_int_equal(fake_pci_get32(a, 0x18), 0x020100);
    assert_int_equal(fake_pci_get32(deep, 0x18), 0x020201);
    assert_int_equal(fake_pci_get32(b, 0x18), 0x030300);
    assert_non_null(named("0000:02:07.0"));
    assert_non_null(named("0000:03:00.0"));
}

static void test_buses_half_numbered(void **state)
{
    (void)state;
    struct fake_function *a = fake_pci_bridge(NULL, 1, 0, 0), *b = fake_pci_bridge(NULL, 2, 4, 6);
    struct fake_function *inner = fake_pci_bridge(b, 0, 0, 0);
    fake_pci_add(a, 0, 0, 0x1234, 1, 0);
    fake_pci_add(inner, 0, 0, 0x1234, 1, 0);
    pci_scan(&window);
    assert_int_equal(a->config[0x19], 7); /* behind all that firmware gave */
    assert_int_equal(fake_pci_get32(inner, 0x18), 0x050504);
    assert_non_null(named("0000:07:00.0"));
    assert_non_null(named("0000:05:00.0"));
}

static void test_case_c20_bridge_to_its_own_bus(void **state)
{
    (void)state;
    static const u8 bad[][2] = {{0, 255}, {2, 1}, {255, 0}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setup(NULL);
        struct fake_function *outer = fake_pci_bridge(NULL, 1, 2, 5);
        struct fake_function *b = fake_pci_bridge(outer, 1, bad[i][0], bad[i][1]);
        if (i == 0)
            b->config[0x19] = 2; /* the bus that it is on */
        pci_scan(&window);
        assert_int_equal(count(), 3);
        assert_int_equal(fake_log_count("lead nowhere"), 1);
    }
}

static void test_case_c20_two_bridges_to_one_bus(void **state)
{
    (void)state;
    struct fake_function *a = fake_pci_bridge(NULL, 1, 1, 1);
    fake_pci_bridge(NULL, 2, 1, 1);
    fake_pci_add(a, 0, 0, 0x1234, 1, 0);
    pci_scan(&window);
    assert_int_equal(count(), 4);
    assert_int_equal(fake_log_count("lead nowhere"), 1);
}

static void test_case_c20_endless_bridges(void **state)
{
    (void)state;
    struct fake_function *b = NULL;
    for (int i = 0; i < 100; i++)
        b = fake_pci_bridge(b, 1, 0, 0);
    pci_scan(&window);
    assert_true(count() < 50);
    assert_int_equal(fake_log_count("lead nowhere"), 1);
}

static void test_one_slot_behind_an_express_port(void **state)
{
    (void)state;
    struct fake_function *port = fake_pci_bridge(NULL, 1, 1, 1);
    fake_pci_set16(port, fake_pci_cap(port, PCI_CAP_EXPRESS, 60) + 2, 0x42);
    fake_pci_add(port, 0, 0, 0x1234, 1, 0);
    pci_scan(&window);
    u64 accesses = fake_pci_accesses;
    assert_non_null(named("0000:01:00.0"));
    fake_pci_set16(port, 0x42, 0);
    pci_scan(&window);
    assert_int_equal(fake_pci_accesses - accesses, accesses + 31);
}

/* ---- capabilities ---- */

static void test_capabilities(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    u16 a = fake_pci_cap(f, 9, 16), b = fake_pci_cap(f, 0x10, 60), c = fake_pci_cap(f, 9, 20);
    struct pci_dev *d = scan_for("0000:00:05.0");
    assert_int_equal(pci_find_cap(d, 9, 0), a);
    assert_int_equal(pci_find_cap(d, 9, a), c);
    assert_int_equal(pci_find_cap(d, 9, c), 0);
    assert_int_equal(pci_find_cap(d, 0x10, 0), b);
    assert_int_equal(pci_find_cap(d, 0x11, 0), 0);
}

static void loop_case(u8 from, u8 to)
{
    setup(NULL);
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_cap(f, 9, 16);
    fake_pci_cap(f, 9, 16);
    fake_pci_cap(f, 9, 16);
    f->config[from + 1] = to;
    struct pci_dev *d = scan_for("0000:00:05.0");
    unsigned n = 0;
    for (u16 at = 0; (at = pci_find_cap(d, 9, at)) != 0;)
        assert_true(++n <= PCI_CAPS);
    assert_int_equal(fake_log_count("loops"), 1);
    pci_bind_all();
    assert_int_equal(probes, 0);
}

static void test_case_c1_capabilities_loop(void **state)
{
    (void)state;
    loop_case(0x60, 0x40);
}

static void test_case_c3_capability_points_at_itself(void **state)
{
    (void)state;
    loop_case(0x50, 0x50);
}

static u32 endless(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)f;
    return offset >= 0x40 && width == 2 ? (u32)(offset + 4) << 8 | 9 : v;
}

static void test_case_c1_more_than_48(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_cap(f, 9, 16);
    f->config_hook = endless;
    struct pci_dev *d = scan_for("0000:00:05.0");
    assert_true(d->ncaps <= PCI_CAPS);
}

static void test_case_c2_pointer_outside_or_odd(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    u16 a = fake_pci_cap(f, 9, 16);
    for (u8 low = 1; low < 0x40; low++) {
        f->config[0x34] = low;
        assert_int_equal(pci_find_cap(scan_for("0000:00:05.0"), 9, 0), 0);
    }
    f->config[0x34] = (u8)(a | 3);
    assert_int_equal(pci_find_cap(scan_for("0000:00:05.0"), 9, 0), a);
}

static void test_case_c4_no_capability_bit(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_cap(f, 9, 16);
    f->config[6] = 0;
    assert_int_equal(pci_find_cap(scan_for("0000:00:05.0"), 9, 0), 0);
}

/* ---- BARs ---- */

static void test_sizes(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_set16(f, 4, 7);
    fake_pci_bar(f, 0, 0xc000, 32, FAKE_BAR_IO);
    fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
    fake_pci_bar(f, 4, 0x4000000000, 0x400000, FAKE_BAR_64 | FAKE_BAR_PREFETCH);
    struct pci_dev *d = scan_for("0000:00:05.0");
    assert_true(d->bars[0].io);
    assert_int_equal(d->bars[0].base, 0xc000);
    assert_int_equal(d->bars[1].base, 0xc1000000);
    assert_int_equal(d->bars[1].size, 0x1000);
    assert_int_equal(d->bars[2].size, 0);
    assert_true(d->bars[4].wide && d->bars[4].prefetch && !d->bars[4].io);
    assert_int_equal(d->bars[4].base, 0x4000000000);
    assert_int_equal(d->bars[4].size, 0x400000);
    assert_int_equal(d->bars[5].size, 0);
    assert_int_equal(fake_pci_get16(f, 4), 3); /* decoding is on again */
    assert_int_equal(fake_pci_bar_base(f, 4), 0x4000000000);
}

static bool decoded_while_sizing;

static void watch_sizing(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)width;
    if (offset >= 0x10 && offset < 0x28 && v == ~0u)
        decoded_while_sizing |= fake_pci_get16(f, 4) & 3;
}

static void test_no_decoding_while_sizing(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
    fake_pci_set16(f, 4, 7);
    f->write_hook = watch_sizing;
    pci_scan(&window);
    assert_false(decoded_while_sizing);
}

static void test_case_c9_c10_c11_c12_bars_that_are_not_mapped(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0xc000, 32, FAKE_BAR_IO);
    fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
    fake_pci_set32(f, 0x24, 0xc2000000 | FAKE_BAR_64); /* C11 */
    f->writable[0x26] = f->writable[0x27] = 0xff;
    struct pci_dev *d = scan_for("0000:00:05.0");
    assert_null(pci_map_bar(d, 0, 0, 4));
    assert_null(pci_map_bar(d, 2, 0, 4));
    assert_null(pci_map_bar(d, 5, 0, 4));
    assert_null(pci_map_bar(d, 6, 0, 4));
    assert_null(pci_map_bar(d, 255, 0, 4));
    assert_non_null(pci_map_bar(d, 1, 0, 0x1000));
    assert_non_null(pci_map_bar(d, 1, 0xfff, 1));
    assert_null(pci_map_bar(d, 1, 0, 0x1001));
    assert_null(pci_map_bar(d, 1, 0x1000, 1));
    assert_null(pci_map_bar(d, 1, ~0ull, 2));
    assert_null(pci_map_bar(d, 1, 4, ~0ull));
    assert_null(pci_map_bar(d, 1, 4, 0));
}

static void test_case_c12_no_ports_where_the_host_bridge_has_none(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0, 32, FAKE_BAR_IO);
    pci_scan(&window);
    assert_int_equal(fake_pci_bar_base(f, 0), 0);
    assert_int_equal(named("0000:00:05.0")->bars[0].base, 0);
}

static void test_case_c12_bars_without_firmware(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_ECAM | FAKE_BY_PORTS);
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0), *g = fake_pci_add(NULL, 6, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0, 32, FAKE_BAR_IO);
    fake_pci_bar(f, 1, 0, 0x1000, 0);
    fake_pci_bar(f, 4, 0, 0x4000, FAKE_BAR_64 | FAKE_BAR_PREFETCH);
    fake_pci_bar(g, 0, 0, 16, 0);
    fake_pci_bar(g, 2, 0, 1 << 20, 0);
    pci_scan(&window);
    u64 top = FAKE_MMIO + FAKE_MMIO_SIZE;
    assert_int_equal(fake_pci_bar_base(g, 2), top - 0x100000); /* largest first, from the top */
    assert_int_equal(fake_pci_bar_base(f, 4), top - 0x104000);
    assert_int_equal(fake_pci_bar_base(f, 1), top - 0x105000);
    assert_int_equal(fake_pci_bar_base(g, 0), top - 0x106000); /* its own page */
    assert_int_equal(fake_pci_bar_base(f, 0), 0xfee0);         /* ports too */
    assert_int_equal(named("0000:00:05.0")->bars[4].base, top - 0x104000);
}

static void test_case_c12_new_ones_keep_off_what_is_there(void **state)
{
    (void)state;
    u64 top = FAKE_MMIO + FAKE_MMIO_SIZE;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0), *b = fake_pci_bridge(NULL, 6, 1, 1);
    fake_pci_set32(b, 0x20, (u32)((top - 0x200000) >> 16 | (top - 0x200000)));
    fake_pci_bar(f, 0, top - 0x1000, 0x1000, 0);
    fake_pci_bar(f, 1, 0, 0x1000, 0);
    fake_pci_bar(f, 2, 0, 0x100000, 0);
    pci_scan(&window);
    assert_int_equal(fake_pci_bar_base(f, 0), top - 0x1000);
    assert_int_equal(fake_pci_bar_base(f, 1), top - 0x2000);
    assert_int_equal(fake_pci_bar_base(f, 2), top - 0x300000);
}

static void test_case_c12_behind_bridges_without_firmware(void **state)
{
    (void)state;
    struct fake_function *a = fake_pci_bridge(NULL, 1, 0, 0), *b = fake_pci_bridge(a, 0, 0, 0);
    struct fake_function *f = fake_pci_add(b, 0, 0, 0x1234, 1, 0), *g = fake_pci_add(a, 1, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0, 0x200000, 0);
    fake_pci_bar(f, 1, 0, 0x1000, 0);
    fake_pci_bar(g, 0, 0, 0x1000, 0);
    pci_scan(&window);
    struct pci_dev *da = named("0000:00:01.0"), *db = named("0000:01:00.0");
    struct pci_dev *df = named("0000:02:00.0"), *dg = named("0000:01:01.0");
    assert_true(db->windows[1].pa >= da->windows[1].pa);
    assert_true(db->windows[1].pa + db->windows[1].len <= da->windows[1].pa + da->windows[1].len);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(df->bars[i].base >= db->windows[1].pa);
        assert_true(df->bars[i].base + df->bars[i].size <= db->windows[1].pa + db->windows[1].len);
        assert_int_equal(df->bars[i].base % df->bars[i].size, 0);
    }
    assert_true(dg->bars[0].base >= da->windows[1].pa);
    assert_true(dg->bars[0].base < db->windows[1].pa || dg->bars[0].base >= db->windows[1].pa + db->windows[1].len);
    pci_bind_all();
    assert_int_equal(probes, 2);
    assert_int_equal(fake_pci_get16(a, 4) & 7, 7);
    assert_int_equal(fake_pci_get16(b, 4) & 7, 7);
    assert_ptr_equal(pci_map_bar(df, 1, 0, 4), (void *)df->bars[1].base);
}

static void test_case_c13_overlap_and_memory(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0xc1000000, 0x4000, 0);
    fake_pci_bar(f, 1, 0xc1002000, 0x1000, 0);  /* inside BAR 0 */
    fake_pci_bar(f, 2, FAKE_RAM, 0x1000, 0);    /* over RAM */
    fake_pci_bar(f, 3, FAKE_ECAM, 0x100000, 0); /* over configuration space */
    struct pci_dev *d = scan_for("0000:00:05.0");
    assert_int_equal(d->bars[0].base, 0xc1000000);
    for (unsigned i = 1; i < 4; i++) {
        assert_true(d->bars[i].base >= FAKE_MMIO && d->bars[i].base < FAKE_ECAM);
        assert_true(d->bars[i].base < 0xc1000000 || d->bars[i].base >= 0xc1004000);
        assert_int_equal(fake_pci_bar_base(f, i), d->bars[i].base);
    }
    assert_int_equal(fake_log_count("moves"), 3);
}

static void test_case_c13_ports_that_overlap_or_are_the_boards(void **state)
{
    (void)state;
    fake_pci_start(FAKE_BY_ECAM | FAKE_BY_PORTS);
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0), *g = fake_pci_add(NULL, 6, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0xc000, 64, FAKE_BAR_IO);
    fake_pci_bar(f, 1, 0xc020, 32, FAKE_BAR_IO);  /* inside BAR 0 */
    fake_pci_bar(f, 2, 0xce0, 32, FAKE_BAR_IO);   /* over the ports of configuration space */
    fake_pci_bar(f, 3, 0x60, 16, FAKE_BAR_IO);    /* a keyboard's */
    fake_pci_bar(f, 4, 0x700, 64, FAKE_BAR_IO);   /* where firmware has an SMBus controller */
    fake_pci_bar(g, 0, 0xff00, 256, FAKE_BAR_IO); /* the last ones */
    struct pci_dev *d = scan_for("0000:00:05.0");
    assert_int_equal(d->bars[0].base, 0xc000);
    assert_int_equal(d->bars[4].base, 0x700);
    assert_int_equal(named("0000:00:06.0")->bars[0].base, 0xff00);
    for (unsigned i = 1; i < 4; i++) {
        assert_in_range(d->bars[i].base, 0xc040, 0xfeff);
        assert_int_equal(fake_pci_bar_base(f, i), d->bars[i].base);
    }
    assert_int_equal(fake_log_count("moves"), 3);
}

static void test_case_c12_no_room(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 0, 0, 1ull << 40, FAKE_BAR_64);
    fake_pci_bar(f, 2, 0, 1 << 30, 0);
    pci_scan(&window);
    pci_bind_all();
    assert_int_equal(probes, 1); /* there may be other ways to its registers than memory, which stays off */
    assert_int_equal(fake_pci_get16(f, 4) & 3, 0);
    assert_null(pci_map_bar(named("0000:00:05.0"), 2, 0, 4));
    assert_int_equal(fake_log_count("has no address"), 2);
    pci_scan(&(struct span){0, 0});
}

static u32 flicker(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    static u32 turn;
    (void)f, (void)width;
    return offset >= 0x10 && offset < 0x28 ? v ^ (turn += 0x9e3779b9) : v;
}

static void test_case_c22_bars_change_while_they_are_read(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    f->config_hook = flicker;
    for (int i = 0; i < 200; i++) {
        struct pci_dev *d = scan_for("0000:00:05.0");
        for (unsigned b = 0; b < PCI_BARS; b++) {
            if (d->bars[b].io || !d->bars[b].base)
                continue;
            assert_true(d->bars[b].size - 1 <= ~d->bars[b].base);
            assert_true(d->bars[b].base >= FAKE_FIRMWARE + FAKE_FIRMWARE_SIZE ||
                        d->bars[b].base + d->bars[b].size <= FAKE_RAM);
        }
    }
}

/* ---- drivers ---- */

static void test_bind(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0), *other = fake_pci_add(NULL, 6, 0, 0x1234, 2, 0);
    fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
    struct pci_dev *d = scan_for("0000:00:05.0");
    pci_bind_all();
    assert_int_equal(probes, 1);
    assert_string_equal(d->driver->name, "test-driver");
    assert_int_equal(command_in_probe, 2 | 1 << 10);
    assert_int_equal(fake_pci_get16(other, 4), 0);
    pci_bind_all();
    assert_int_equal(probes, 1);
}

static void test_bind_by_range(void **state)
{
    (void)state;
    static const u16 devices[] = {0x0f, 0x10, 0x1f, 0x20};
    for (u8 i = 0; i < 4; i++)
        fake_pci_add(NULL, i + 1, 0, 0x1235, devices[i], 0);
    pci_scan(&window);
    pci_bind_all();
    assert_int_equal(probes, 2);
}

static void test_probe_that_fails_leaves_the_function_off(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
    probe_result = -ENODEV;
    struct pci_dev *d = scan_for("0000:00:05.0");
    pci_bind_all();
    assert_null(d->driver);
    assert_int_equal(fake_pci_get16(f, 4) & 7, 0);
}

/* ---- MSI-X ---- */

static unsigned interrupts;

static void on_interrupt(void *arg)
{
    (void)arg;
    interrupts++;
}

static void test_msix(void **state)
{
    (void)state;
    struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
    fake_pci_msix(f, 1, 0x800, 3);
    struct pci_dev *d = scan_for("0000:00:05.0");
    pci_bind_all();
    assert_int_equal(d->msix_count, 3);
    assert_int_equal(pci_msix_route(d, 0, 0), -EINVAL);
    assert_int_equal(pci_msix_enable(d), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_false(fake_pci_raise(f, i));
    int irq = arch_irq_alloc(on_interrupt, NULL);
    assert_int_equal(pci_msix_route(d, 3, irq), -EINVAL);
    assert_int_equal(pci_msix_route(d, 2, irq), 0);
    interrupts = 0;
    assert_false(fake_pci_raise(f, 2)); /* a message is a write to memory */
    pci_master(d, true);
    assert_true(fake_pci_raise(f, 2));
    arch_wait();
    assert_int_equal(interrupts, 1);
    assert_false(fake_pci_raise(f, 1));
    pci_disable(d);
    assert_false(fake_pci_raise(f, 2));
    assert_int_equal(fake_pci_get16(f, 4) & 7, 0);
}

static void test_msix_table_that_cannot_be(void **state)
{
    (void)state;
    static const u32 where[] = {0xff0 | 1, 6, 7, 2, 0xfffffff8 | 1};
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        setup(NULL);
        struct fake_function *f = fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
        fake_pci_bar(f, 1, 0xc1000000, 0x1000, 0);
        fake_pci_msix(f, 1, 0, 2);
        fake_pci_set32(f, f->msix_cap + 4, where[i]);
        struct pci_dev *d = scan_for("0000:00:05.0");
        assert_int_equal(pci_msix_enable(d), -ENODEV);
    }
}

static void test_no_msix(void **state)
{
    (void)state;
    fake_pci_add(NULL, 5, 0, 0x1234, 1, 0);
    assert_int_equal(pci_msix_enable(scan_for("0000:00:05.0")), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_there, setup),
        cmocka_unit_test_setup(test_by_ecam, setup),
        cmocka_unit_test_setup(test_by_ports, setup),
        cmocka_unit_test_setup(test_lines_of_the_log, setup),
        cmocka_unit_test_setup(test_functions_only_where_multifunction_says_so, setup),
        cmocka_unit_test_setup(test_case_c18_every_slot_full, setup),
        cmocka_unit_test_setup(test_case_c18_the_whole_bus_full, setup),
        cmocka_unit_test_setup(test_case_c19_all_ones_in_the_middle, setup),
        cmocka_unit_test_setup(test_case_c21_header_type, setup),
        cmocka_unit_test_setup(test_buses_that_firmware_numbered, setup),
        cmocka_unit_test_setup(test_buses_without_firmware, setup),
        cmocka_unit_test_setup(test_buses_half_numbered, setup),
        cmocka_unit_test_setup(test_case_c20_bridge_to_its_own_bus, setup),
        cmocka_unit_test_setup(test_case_c20_two_bridges_to_one_bus, setup),
        cmocka_unit_test_setup(test_case_c20_endless_bridges, setup),
        cmocka_unit_test_setup(test_one_slot_behind_an_express_port, setup),
        cmocka_unit_test_setup(test_capabilities, setup),
        cmocka_unit_test_setup(test_case_c1_capabilities_loop, setup),
        cmocka_unit_test_setup(test_case_c1_more_than_48, setup),
        cmocka_unit_test_setup(test_case_c2_pointer_outside_or_odd, setup),
        cmocka_unit_test_setup(test_case_c3_capability_points_at_itself, setup),
        cmocka_unit_test_setup(test_case_c4_no_capability_bit, setup),
        cmocka_unit_test_setup(test_sizes, setup),
        cmocka_unit_test_setup(test_no_decoding_while_sizing, setup),
        cmocka_unit_test_setup(test_case_c9_c10_c11_c12_bars_that_are_not_mapped, setup),
        cmocka_unit_test_setup(test_case_c12_bars_without_firmware, setup),
        cmocka_unit_test_setup(test_case_c12_no_ports_where_the_host_bridge_has_none, setup),
        cmocka_unit_test_setup(test_case_c12_new_ones_keep_off_what_is_there, setup),
        cmocka_unit_test_setup(test_case_c12_behind_bridges_without_firmware, setup),
        cmocka_unit_test_setup(test_case_c13_overlap_and_memory, setup),
        cmocka_unit_test_setup(test_case_c13_ports_that_overlap_or_are_the_boards, setup),
        cmocka_unit_test_setup(test_case_c12_no_room, setup),
        cmocka_unit_test_setup(test_case_c22_bars_change_while_they_are_read, setup),
        cmocka_unit_test_setup(test_bind, setup),
        cmocka_unit_test_setup(test_bind_by_range, setup),
        cmocka_unit_test_setup(test_probe_that_fails_leaves_the_function_off, setup),
        cmocka_unit_test_setup(test_msix, setup),
        cmocka_unit_test_setup(test_msix_table_that_cannot_be, setup),
        cmocka_unit_test_setup(test_no_msix, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
