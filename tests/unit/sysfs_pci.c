/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_pci - tests of kernel/sysfs_pci.c and sysfs_virtio.c: the formats that Linux has and that programs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "pci.h"
#include "sysfs.h"
#include "virtio.h"

extern const struct sysfs_class *const __start_sysfs_classes[], *const __stop_sysfs_classes[];

static struct fake_virtio device;

static const struct sysfs_class *class_of(const char *path)
{
    for (const struct sysfs_class *const *c = __start_sysfs_classes; c < __stop_sysfs_classes; c++)
        if (strcmp((*c)->path, path) == 0)
            return *c;
    return NULL;
}

/* The file's content, NUL-terminated; its length or error in *len. */
static const char *show(const char *path, unsigned i, const char *file, s64 *len)
{
    static char buf[4096];
    char name[32];
    const struct sysfs_class *c = class_of(path);
    const void *object = c->object(i, name);
    assert_non_null(object);
    for (unsigned a = 0; a < c->nattrs; a++) {
        if (strcmp(c->attrs[a].name, file) != 0)
            continue;
        *len = c->attrs[a].show(object, buf, sizeof(buf));
        buf[*len > 0 ? *len : 0] = '\0';
        return buf;
    }
    fail_msg("no file %s", file);
    return NULL;
}

static void expect(const char *path, unsigned i, const char *file, const char *want)
{
    s64 len;
    assert_string_equal(show(path, i, file, &len), want);
    assert_int_equal(len, strlen(want));
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
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct pci_dev *d = pci_first()->next;
    d->driver->remove(d);
    return 0;
}

#define PCI    "bus/pci/devices"
#define VIRTIO "bus/virtio/devices"

static void test_names(void **state)
{
    (void)state;
    char name[32];
    const struct sysfs_class *c = class_of(PCI);
    assert_non_null(c->object(1, name));
    assert_string_equal(name, "0000:00:04.0");
    assert_null(c->object(2, name));
    c = class_of(VIRTIO);
    assert_non_null(c->object(0, name));
    assert_string_equal(name, virtio_first()->name);
    assert_null(c->object(1, name));
}

static void test_pci_files(void **state)
{
    (void)state;
    s64 len;
    expect(PCI, 1, "vendor", "0x1af4\n");
    expect(PCI, 1, "device", "0x1009\n");
    expect(PCI, 1, "class", "0x000200\n");
    expect(PCI, 0, "class", "0x060000\n");
    expect(PCI, 1, "revision", "0x03\n");
    expect(PCI, 1, "subsystem_vendor", "0x1af4\n");
    expect(PCI, 1, "subsystem_device", "0x0009\n");
    expect(PCI, 1, "irq", "11\n");
    expect(PCI, 1, "driver", "../../../bus/pci/drivers/virtio-pci");
    show(PCI, 0, "driver", &len);
    assert_int_equal(len, -ENOENT);
}

static void test_pci_resource(void **state)
{
    (void)state;
#define EMPTY "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
    expect(PCI, 1, "resource",
           "0x000000000000c040 0x000000000000c07f 0x0000000000000101\n"
           "0x00000000c0410000 0x00000000c0410fff 0x0000000000000200\n" EMPTY EMPTY
           "0x00000000c0400000 0x00000000c0403fff 0x000000000010220c\n" EMPTY EMPTY);
}

static void test_pci_config(void **state)
{
    (void)state;
    s64 len;
    const char *bytes = show(PCI, 1, "config", &len);
    assert_int_equal(len, 256);
    assert_memory_equal(bytes, device.pci->config, 256);
}

static void test_virtio_files(void **state)
{
    (void)state;
    s64 len;
    expect(VIRTIO, 0, "device", "0x0009\n");
    expect(VIRTIO, 0, "vendor", "0x1af4\n");
    expect(VIRTIO, 0, "status", "0x0000000f\n");
    expect(VIRTIO, 0, "features", "1000000000000000000000000000110010000000000000000000000000000000\n");
    expect(VIRTIO, 0, "features_offered", "1000000000000000000000000000110010000000100000000000000000000000\n");
    expect(VIRTIO, 0, "queues", "0 128 1 0 0 0\n");
    expect(VIRTIO, 0, "driver", "../../../bus/virtio/drivers/virtio-9p");
    assert_string_equal(show(VIRTIO, 0, "mount_tag", &len), "host");
    assert_int_equal(len, 5);
}

static void test_R30_configuration_shrinks(void **state)
{
    (void)state;
    s64 len;
    device.config[0] = device.config[1] = 0xff;
    show(VIRTIO, 0, "mount_tag", &len);
    assert_int_equal(len, -EIO);
}

/* No buffer is too small. */
static void test_small_buffers(void **state)
{
    (void)state;
    static const char *const paths[] = {PCI, VIRTIO};
    char name[32], buf[300];
    for (unsigned p = 0; p < 2; p++) {
        const struct sysfs_class *c = class_of(paths[p]);
        const void *object = c->object(p ? 0 : 1, name);
        for (unsigned a = 0; a < c->nattrs; a++)
            for (size_t size = 0; size < 280; size++) {
                memset(buf, 0x7e, sizeof(buf));
                assert_true(c->attrs[a].show(object, buf, size) <= (s64)size);
                for (size_t i = size; i < sizeof(buf); i++)
                    assert_int_equal(buf[i], 0x7e);
            }
    }
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_names),         TEST(test_pci_files),    TEST(test_pci_resource),
        TEST(test_pci_config),    TEST(test_virtio_files), TEST(test_R30_configuration_shrinks),
        TEST(test_small_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
