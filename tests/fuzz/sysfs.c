/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs - any texts to every file of /sys that can be written, with files open and a share mounted, on a bus whose slot changes at will. */
#include <stdio.h>

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

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static const u8 *at, *end;
static struct fake_virtio devices[2];
static struct fake_function *port;
static u16 cap, slot;

static u8 next(void)
{
    return at < end ? *at++ : 0;
}

/* The slot says what the data says; so does, now and then, any other register. */
static u32 lie(struct fake_function *f, u16 offset, unsigned width, u32 v)
{
    (void)width;
    if (f == port && offset == cap + 0x1a)
        return slot;
    return (slot & 0xf000) == 0xf000 ? ~0u : v;
}

static void build(void)
{
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    fake_pci_start(FAKE_BY_ECAM);
    fake_pci_add(NULL, 0, 0, 0x8086, 0x29c0, 0x060000);
    fake_virtio_add(&devices[0], NULL, 4, 0x1049, 2);
    port = fake_pci_bridge(NULL, 5, 0, 0);
    cap = fake_pci_cap(port, 0x10, 0x3c);
    fake_pci_set16(port, cap + 2, 0x142);
    fake_pci_set32(port, cap + 0x14, 0x7b);
    port->config_hook = lie;
    fake_virtio_add(&devices[1], port, 0, 0x1044, 2);
    devices[1].pci->config_hook = lie;
    for (unsigned i = 0; i < 2; i++) {
        fake_virtio_caps(&devices[i]);
        devices[i].offered |= 1;
        devices[i].config_len = 6;
        memcpy(devices[i].config, "\4\0host", 6);
    }
    slot = 0x40;
    pci_scan(&window);
    pci_bind_all();
    later_run();
}

static const char *const files[] = {
    "bus/pci/rescan",
    "bus/pci/drivers/virtio-pci/bind",
    "bus/pci/drivers/virtio-pci/unbind",
    "bus/pci/drivers/virtio-pci-legacy/bind",
    "bus/pci/drivers/pcieport/bind",
    "bus/pci/drivers/pcieport/unbind",
    "bus/virtio/drivers/virtio_9p/bind",
    "bus/virtio/drivers/virtio_9p/unbind",
    "bus/virtio/drivers/virtio_rng/bind",
    "bus/virtio/drivers/virtio_rng/unbind",
    "bus/pci/devices/0000:00:00.0/remove",
    "bus/pci/devices/0000:00:04.0/remove",
    "bus/pci/devices/0000:00:05.0/remove",
    "bus/pci/devices/0000:01:00.0/remove",
    "bus/pci/devices/0000:01:00.0/rescan",
    "bus/pci/devices/0000:00:04.0/config",
    "bus/pci/devices/0000:00:04.0/virtio0/mount_tag",
    "bus/virtio/devices/virtio1/status",
};

static const char *const words[] = {"1",       "0",       "0000:00:04.0", "0000:00:05.0", "0000:01:00.0",
                                    "virtio0", "virtio1", "0000:00:00.0"};

enum { OPEN = 4 };
static struct file *open_files[OPEN];
static u8 *page;

static void put_back(unsigned i)
{
    if (open_files[i])
        vfs_put(open_files[i]);
    open_files[i] = NULL;
}

static u64 take_text(void)
{
    u8 how = next();
    u64 n = 0;
    if (how < 0xc0) {
        const char *word = words[how % ARRAY_LEN(words)];
        n = strlen(word);
        memcpy(page, word, n);
        page[n] = '\n';
        return n + (how >> 5 & 1);
    }
    for (u8 left = how & 0x3f; n < left; n++)
        page[n] = next();
    return n;
}

static void step(void)
{
    char path[100];
    u8 what = next();
    unsigned i = what % OPEN;
    switch (what >> 5) {
    case 0:
        slot = (u16)(next() | next() << 8);
        break;
    case 1:
        fake_beat(1);
        later_run();
        break;
    case 2:
    case 3:
        put_back(i);
        snprintf(path, sizeof path, "/sys/%s", files[next() % ARRAY_LEN(files)]);
        vfs_open(NULL, path, what & 4 ? O_WRONLY | O_TRUNC : O_RDONLY, 0, &open_files[i]);
        break;
    case 4:
        if (open_files[i])
            vfs_read(open_files[i], &(struct span){mem_phys(page), PAGE_SIZE}, 1, VFS_CURRENT);
        break;
    default:
        if (open_files[i])
            vfs_write(open_files[i], &(struct span){mem_phys(page), take_text()}, 1, VFS_CURRENT);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static bool mounted;
    at = data;
    end = data + len;
    build();
    if (!mounted) {
        page = mem_virt(mem_pages(1, PAGE_SIZE));
        initfs_init(NULL, 0);
        attrfs_init();
        vfs_mount(vfs_find("initfs"), "/", 0);
        vfs_mount(vfs_find("sysfs"), "/sys", 0);
        mounted = true;
    }
    for (unsigned i = 0; i < 200 && at < end; i++) {
        step();
        later_run();
    }
    for (unsigned i = 0; i < OPEN; i++)
        put_back(i);
    while (pci_first())
        pci_remove(pci_first());
    later_run();
    if (virtio_first())
        __builtin_trap();
    return 0;
}
