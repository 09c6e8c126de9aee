/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_pci - tests of kernel/sysfs_pci.c and sysfs_virtio.c: the formats that Linux has and that programs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "attrfs.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "initfs.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "vfs.h"
#include "virtio.h"

static struct fake_virtio device;

/* Each test has a new one, which gets a new number. */
static char VIRTIO[40];

/* The file's content, NUL-terminated; its length or error in *len. */
static const char *show(const char *folder, const char *file, s64 *len)
{
    static char text[8192];
    static u8 *page;
    char path[1100];
    struct file *f;
    snprintf(path, sizeof(path), "/sys/%s/%s", folder, file);
    if (!page)
        page = mem_virt(mem_pages(2, PAGE_SIZE));
    *len = vfs_open(NULL, path, O_RDONLY, 0, &f);
    if (*len < 0)
        return NULL;
    *len = vfs_read(f, &(struct span){mem_phys(page), 2 * PAGE_SIZE - 1}, 1, 0);
    vfs_put(f);
    memcpy(text, page, *len > 0 ? (size_t)*len : 0);
    text[*len > 0 ? *len : 0] = '\0';
    return text;
}

static void expect(const char *folder, const char *file, const char *want)
{
    s64 len;
    const char *is = show(folder, file, &len);
    if (!is || strcmp(is, want) != 0 || len != (s64)strlen(want))
        fail_msg("%s/%s is \"%s\", not \"%s\"", folder, file, is, want);
}

static void expect_link(const char *path, const char *want)
{
    char text[200];
    s64 len = vfs_readlink(NULL, path, text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    assert_string_equal(text, want);
}

static int mount(void **state)
{
    (void)state;
    assert_int_equal(initfs_init(NULL, 0), 0);
    attrfs_init();
    return vfs_mount(vfs_find("initfs"), "/", 0);
}

static int setup(void **state)
{
    (void)state;
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    fake_pci_start(FAKE_BY_ECAM);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    fake_virtio_add(&device, NULL, 4, 0x1009, 2);
    fake_pci_set16(device.pci, 0x2e, 9);
    fake_pci_bar(device.pci, 0, 0xc040, 64, FAKE_BAR_IO);
    device.pci->config[8] = 3;
    device.pci->config[0x3c] = 11;
    fake_virtio_caps(&device);
    device.offered |= 1 | 1ull << 40;
    device.config_len = 6;
    memcpy(device.config, "\4\0host", 6);
    pci_scan(&window);
    pci_bind_all();
    snprintf(VIRTIO, sizeof(VIRTIO), "bus/virtio/devices/%s", virtio_first()->name);
    static bool mounted; /* not before there is anything in it */
    if (!mounted)
        assert_int_equal(vfs_mount(vfs_find("sysfs"), "/sys", 0), 0);
    mounted = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pci_remove(pci_first()->next);
    return 0;
}

#define HOST "devices/pci0000:00/0000:00:00.0"
#define PCI  "devices/pci0000:00/0000:00:04.0"

static void test_links(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev;
    expect_link("/sys/bus/pci/devices/0000:00:04.0", "../../../devices/pci0000:00/0000:00:04.0");
    expect_link("/sys/bus/pci/drivers/virtio-pci/0000:00:04.0", "../../../../devices/pci0000:00/0000:00:04.0");
    expect_link("/sys/bus/pci/devices/0000:00:04.0/driver", "../../../bus/pci/drivers/virtio-pci");
    expect_link("/sys/bus/pci/devices/0000:00:00.0/subsystem", "../../../bus/pci");
    expect_link("/sys/bus/virtio/devices/virtio0", "../../../devices/pci0000:00/0000:00:04.0/virtio0");
    expect_link("/sys/bus/virtio/drivers/virtio_9p/virtio0", "../../../../devices/pci0000:00/0000:00:04.0/virtio0");
    expect_link("/sys/bus/virtio/devices/virtio0/driver", "../../../../bus/virtio/drivers/virtio_9p");
    expect_link("/sys/bus/virtio/devices/virtio0/subsystem", "../../../../bus/virtio");
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/pci/devices/0000:00:00.0/driver", 0, &attr, &dev), -ENOENT);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/pci/drivers/virtio-pci/0000:00:00.0", 0, &attr, &dev), -ENOENT);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/virtio/drivers/virtio_9p/../../../pci", 0, &attr, &dev), 0);
    assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/virtio/devices/virtio1", 0, &attr, &dev), -ENOENT);
}

static void test_pci_files(void **state)
{
    (void)state;
    expect(PCI, "vendor", "0x1af4\n");
    expect(PCI, "device", "0x1009\n");
    expect(PCI, "class", "0x000200\n");
    expect(HOST, "class", "0x060000\n");
    expect(PCI, "revision", "0x03\n");
    expect(PCI, "subsystem_vendor", "0x1af4\n");
    expect(PCI, "subsystem_device", "0x0009\n");
    expect(PCI, "irq", "11\n");
    expect(PCI, "enable", "1\n");
    expect(HOST, "enable", "0\n");
    expect(PCI, "numa_node", "-1\n");
    expect(PCI, "modalias", "pci:v00001AF4d00001009sv00001AF4sd00000009bc00sc02i00\n");
    expect(PCI, "uevent",
           "DRIVER=virtio-pci\nPCI_CLASS=200\nPCI_ID=1AF4:1009\nPCI_SUBSYS_ID=1AF4:0009\nPCI_SLOT_NAME=0000:00:04.0\n"
           "MODALIAS=pci:v00001AF4d00001009sv00001AF4sd00000009bc00sc02i00\n");
}

static void test_pci_resource(void **state)
{
    (void)state;
#define EMPTY "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
    expect(PCI, "resource",
           "0x000000000000c040 0x000000000000c07f 0x0000000000040101\n"
           "0x00000000c0410000 0x00000000c0410fff 0x0000000000040200\n" EMPTY EMPTY
           "0x00000000c0400000 0x00000000c0403fff 0x000000000014220c\n" EMPTY EMPTY);
}

static void test_pci_config(void **state)
{
    (void)state;
    s64 len;
    const char *bytes = show(PCI, "config", &len);
    assert_int_equal(len, 256);
    assert_memory_equal(bytes, device.pci->config, 256);
}

static void test_virtio_files(void **state)
{
    (void)state;
    s64 len;
    expect(VIRTIO, "device", "0x0009\n");
    expect(VIRTIO, "vendor", "0x1af4\n");
    expect(VIRTIO, "status", "0x0000000f\n");
    expect(VIRTIO, "features", "1000000000000000000000000000110010000000100000000000000000000000\n");
    expect(VIRTIO, "features_offered", "1000000000000000000000000000110010000000100000000000000000000000\n");
    expect(VIRTIO, "queues", "0 128 1 0 0 0\n");
    expect(VIRTIO, "modalias", "virtio:d00000009v00001AF4\n");
    expect(VIRTIO, "uevent", "DRIVER=virtio_9p\nMODALIAS=virtio:d00000009v00001AF4\n");
    assert_string_equal(show(VIRTIO, "mount_tag", &len), "host");
    assert_int_equal(len, 5);
}

static void test_case_r30_configuration_shrinks(void **state)
{
    (void)state;
    s64 len;
    device.config[0] = device.config[1] = 0xff;
    show(VIRTIO, "mount_tag", &len);
    assert_int_equal(len, -EIO);
}

/* Any piece of a file is that piece of the whole. */
static void test_pieces(void **state)
{
    (void)state;
    const char *files[][2] = {
        {PCI, "config"}, {PCI, "resource"}, {PCI, "uevent"}, {VIRTIO, "features"}, {VIRTIO, "mount_tag"}};
    char path[200], whole[600];
    u8 *page = mem_virt(mem_pages(1, PAGE_SIZE));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct file *f;
        s64 len;
        memcpy(whole, show(files[i][0], files[i][1], &len), sizeof(whole));
        snprintf(path, sizeof(path), "/sys/%s/%s", files[i][0], files[i][1]);
        assert_int_equal(vfs_open(NULL, path, O_RDONLY, 0, &f), 0);
        for (s64 at = 0; at <= len; at++)
            for (s64 n = 0; n < 9; n++) {
                s64 want = MIN(n, len - at);
                assert_int_equal(vfs_read(f, &(struct span){mem_phys(page), (u64)n}, 1, (u64)at), want);
                assert_memory_equal(page, whole + at, (size_t)want);
            }
        vfs_put(f);
    }
    mem_pages_free(mem_phys(page), 1);
}

static bool count(void *ctx, const struct dirent_info *entry)
{
    *(unsigned *)ctx += entry->name.s[0] != '.';
    return true;
}

static unsigned entries(const char *path)
{
    struct file *f;
    unsigned n = 0;
    assert_int_equal(vfs_open(NULL, path, O_RDONLY, 0, &f), 0);
    while (vfs_readdir(f, 4096, count, &n) > 0)
        ;
    vfs_put(f);
    return n;
}

/* Folders nest as bridges do, as far as a path has room; what is deeper is left out, of all lists. */
static void test_bridges_in_bridges(void **state)
{
    (void)state;
    enum { BRIDGES = 60 };
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    struct fake_function *at = NULL;
    fake_pci_start(FAKE_BY_ECAM);
    for (unsigned i = 0; i < BRIDGES; i++)
        at = fake_pci_bridge(at, 1, 0, 0);
    pci_scan(&window);
    char path[1024] = "devices/pci0000:00";
    unsigned deep = 0;
    s64 len;
    for (unsigned i = 0; i < BRIDGES; i++) {
        snprintf(path + strlen(path), sizeof(path) - strlen(path), "/0000:%02x:01.0", i);
        deep += show(path, "class", &len) != NULL;
        assert_int_equal(len, deep == i + 1 ? 9 : -ENOENT);
    }
    assert_in_range(deep, 32, BRIDGES - 1);
    assert_int_equal(entries("/sys/bus/pci/devices"), deep);
    expect_link("/sys/bus/pci/devices/0000:02:01.0",
                "../../../devices/pci0000:00/0000:00:01.0/0000:01:01.0/0000:02:01.0");
    assert_int_equal(vfs_readlink(NULL, "/sys/bus/pci/devices/0000:3b:01.0", path, sizeof(path)), -ENOENT);
}

/* PCI Express has more of it, where it is reached by memory. */
static void test_extended_configuration(void **state)
{
    (void)state;
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    for (unsigned by = FAKE_BY_ECAM; by <= FAKE_BY_PORTS; by++) {
        struct attr attr;
        u64 dev;
        s64 len;
        fake_pci_start(by);
        struct fake_function *f = fake_pci_add(NULL, 3, 0, 0x1234, 0x5678, 0x020000);
        fake_pci_cap(f, 0x10, 60);
        fake_pci_set32(f, 0xffc, 0xfeedface);
        pci_scan(&window);
        const char *bytes = show("devices/pci0000:00/0000:00:03.0", "config", &len);
        assert_int_equal(len, by == FAKE_BY_ECAM ? 4096 : 256);
        assert_memory_equal(bytes, f->config, (size_t)len);
        assert_int_equal(vfs_getattr_path(NULL, "/sys/bus/pci/devices/0000:00:03.0/config", 0, &attr, &dev), 0);
        assert_int_equal(attr.size, len);
        assert_int_equal(entries("/sys/bus/pci/devices/0000:00:03.0"), 16); /* one of them config; no driver */
    }
}

/* ---- drivers come and go ---- */

/* What write() answers. */
static s64 put_into(const char *file, const char *text)
{
    char path[200];
    struct file *f;
    u8 *page = mem_virt(mem_pages(1, PAGE_SIZE));
    snprintf(path, sizeof(path), "/sys/%s", file);
    memcpy(page, text, strlen(text) + 1);
    assert_int_equal(vfs_open(NULL, path, O_WRONLY | O_TRUNC, 0, &f), 0);
    s64 result = vfs_write(f, &(struct span){mem_phys(page), strlen(text)}, 1, VFS_CURRENT);
    vfs_put(f);
    mem_pages_free(mem_phys(page), 1);
    return result;
}

static bool is_there(const char *file)
{
    struct attr attr;
    char path[200];
    u64 dev;
    snprintf(path, sizeof(path), "/sys/%s", file);
    return vfs_getattr_path(NULL, path, VFS_NOFOLLOW, &attr, &dev) == 0;
}

#define DRIVER "bus/pci/drivers/virtio-pci"

static void test_unbind_and_bind_a_function(void **state)
{
    (void)state;
    const char *name = "0000:00:04.0\n";
    assert_int_equal(put_into(DRIVER "/bind", name), -EBUSY);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(put_into(DRIVER "/unbind", name), strlen(name));
        assert_null(virtio_first());
        assert_int_equal(fake_pci_get16(device.pci, 4) & 7, 0);
        assert_int_equal(device.status, 0);
        assert_false(is_there(VIRTIO) || is_there(PCI "/driver") || is_there(DRIVER "/0000:00:04.0"));
        assert_true(is_there(PCI) && is_there("bus/virtio/devices"));
        assert_int_equal(put_into(DRIVER "/unbind", name), -ENODEV);
        assert_int_equal(put_into(DRIVER "/bind", "0000:00:04.0"), 12);
        assert_string_equal(virtio_first()->name, "virtio0");
        assert_true(is_there(PCI "/driver") && is_there(PCI "/virtio0"));
        expect(VIRTIO, "status", "0x0000000f\n");
    }
    static const char *const others[] = {"0000:00:00.0",  "0000:00:05.0", "virtio0", "",
                                         "0000:00:04.0 ", "0000:00:04",   "\n"};
    for (size_t i = 1; i < ARRAY_LEN(others); i++)
        if (others[i][0])
            assert_int_equal(put_into(DRIVER "/bind", others[i]), -ENODEV);
    assert_int_equal(put_into(DRIVER "/bind", others[0]), -ENODEV); /* not a device of this driver */
}

static void test_unbind_and_bind_a_virtio_device(void **state)
{
    (void)state;
    char bind[80], unbind[80];
    snprintf(bind, sizeof(bind), "bus/virtio/drivers/virtio_9p/bind");
    snprintf(unbind, sizeof(unbind), "bus/virtio/drivers/virtio_9p/unbind");
    u64 before = 0;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(put_into(unbind, "virtio0\n"), 8);
        expect(VIRTIO, "status", "0x00000000\n");
        expect(VIRTIO, "uevent", "MODALIAS=virtio:d00000009v00001AF4\n");
        assert_false(is_there("bus/virtio/devices/virtio0/driver") ||
                     is_there("bus/virtio/drivers/virtio_9p/virtio0") ||
                     is_there("bus/virtio/devices/virtio0/mount_tag"));
        assert_int_equal(put_into(unbind, "virtio0"), -ENODEV);
        assert_int_equal(put_into("bus/virtio/drivers/virtio_rng/bind", "virtio0"), -ENODEV);
        assert_int_equal(put_into(bind, "virtio0"), 7);
        assert_int_equal(put_into(bind, "virtio0"), -EBUSY);
        assert_true(is_there("bus/virtio/devices/virtio0/mount_tag") &&
                    is_there("bus/virtio/drivers/virtio_9p/virtio0"));
        later_run();
        assert_true(i < 2 || mem_free_count() == before);
        before = mem_free_count();
    }
    device.refuse_features = true;
    assert_int_equal(put_into(unbind, "virtio0"), 7);
    assert_int_equal(put_into(bind, "virtio0"), -EIO);
    assert_false(is_there("bus/virtio/devices/virtio0/driver"));
    device.refuse_features = false;
    assert_int_equal(put_into(bind, "virtio0"), 7);
}

static void test_remove_and_rescan(void **state)
{
    (void)state;
    struct file *f;
    u8 *page = mem_virt(mem_pages(1, PAGE_SIZE));
    u64 bar = fake_pci_bar_base(device.pci, 4);
    assert_int_equal(vfs_open(NULL, "/sys/" PCI "/vendor", O_RDONLY, 0, &f), 0);
    assert_int_equal(put_into(PCI "/remove", "0\n"), 2);
    assert_int_equal(put_into(PCI "/remove", "yes"), -EINVAL);
    assert_true(is_there(PCI));
    assert_int_equal(put_into(PCI "/remove", "1\n"), 2);
    assert_false(is_there(PCI) || is_there("bus/pci/devices/0000:00:04.0") || virtio_first());
    assert_int_equal(vfs_read(f, &(struct span){mem_phys(page), 10}, 1, 0), -ENODEV);
    assert_int_equal(put_into("bus/pci/rescan", "x"), -EINVAL);
    assert_int_equal(put_into("bus/pci/rescan", "1"), 1);
    assert_true(is_there(PCI "/virtio0") && is_there("bus/pci/devices/0000:00:04.0"));
    assert_int_equal(fake_pci_bar_base(device.pci, 4), bar);
    /* The new function has the old one's name and is another one all the same. */
    assert_int_equal(vfs_read(f, &(struct span){mem_phys(page), 10}, 1, 0), -ENODEV);
    vfs_put(f);
    mem_pages_free(mem_phys(page), 1);
    expect(VIRTIO, "status", "0x0000000f\n");
    /* What was unbound by hand is nobody's after a scan too. */
    assert_int_equal(put_into(DRIVER "/unbind", "0000:00:04.0"), 12);
    assert_int_equal(put_into(HOST "/rescan", "1"), 1);
    assert_false(is_there(PCI "/driver"));
    assert_int_equal(put_into(DRIVER "/bind", "0000:00:04.0"), 12);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_links),
        TEST(test_pci_files),
        TEST(test_pci_resource),
        TEST(test_pci_config),
        TEST(test_virtio_files),
        TEST(test_case_r30_configuration_shrinks),
        TEST(test_pieces),
        TEST(test_unbind_and_bind_a_function),
        TEST(test_unbind_and_bind_a_virtio_device),
        TEST(test_remove_and_rescan),
        cmocka_unit_test(test_bridges_in_bridges),
        cmocka_unit_test(test_extended_configuration),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
