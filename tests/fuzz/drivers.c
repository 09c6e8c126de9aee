/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* drivers - an rng, a disk, a console or a balloon whose configuration and answers are anything, and whose files in /dev are used meanwhile. */
#include <stdlib.h>
#include <unistd.h>

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

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static struct fake_virtio device;
static const u8 *at, *end;

static u8 next(void)
{
    return at < end ? *at++ : 0;
}

/* Most answers are what an honest device gives: all the room is written, and the last byte, a disk's status, says that it went well. */
static u32 serve(struct fake_virtio *v, const struct fake_chain *c)
{
    u8 bytes[256] = {0}, how = next();
    u32 len = (u32)c->room;
    (void)v;
    if (how & 0x80)
        len = how & 0x40 ? len + next() : MIN(len, next());
    for (unsigned i = 0; i < (how & 15u); i++)
        bytes[i] = next();
    mem_to_spans(c->spans + c->out, c->in, 0, bytes, MIN(c->room, sizeof bytes - 1));
    if (c->room)
        mem_to_spans(c->spans + c->out, c->in, c->room - 1, &(u8){how & 0x20 ? next() : 0}, 1);
    return len;
}

static void work(void)
{
    u8 how = next();
    device.hold = how == 0xff;
    if (how & 0x80 && device.config_len) {
        device.config[next() % device.config_len] = next();
        device.generation++;
        fake_virtio_config_interrupt(&device);
    }
    fake_virtio_run(&device);
}

static void use(struct file *f, u64 pa)
{
    u32 length = 1 + next() * 64u;
    struct span span = {pa, MIN(length, 4 * PAGE_SIZE)};
    struct attr attr;
    u64 dev;
    switch (next() % 7) {
    case 0:
        vfs_read(f, &span, 1, VFS_CURRENT);
        break;
    case 1:
        vfs_write(f, &span, 1, VFS_CURRENT);
        break;
    case 2:
        vfs_seek(f, next() * 512, next() % 3);
        break;
    case 3:
        vfs_poll(f);
        break;
    case 4:
        vfs_fsync(f, next() & 1);
        break;
    case 5:
        vfs_getattr(f, &attr, &dev);
        break;
    default: {
        static const u32 commands[] = {0x1260, 0x1261, 0x1268, 0x1272, 0x1277, 0x127f, 0x125e, 0x5401, 0x5402, 0x5413};
        vfs_ioctl(f, commands[next() % ARRAY_LEN(commands)], mem_virt(pa), 16);
    }
    }
}

static void use_files(u64 pa)
{
    static const char *const names[] = {"/dev/hwrng", "/dev/vda", "/dev/hvc0", "/dev/vport0p1", "/dev/virtio-ports/a"};
    struct file *f;
    u8 secret[16];
    while (at < end) {
        u8 which = next();
        if (which % 8 == 7)
            rand_bytes(secret, sizeof secret);
        later_run();
        if (vfs_open(NULL, names[which % ARRAY_LEN(names)], which & 0x40 ? O_RDWR | O_NONBLOCK : O_RDONLY | O_NONBLOCK,
                     0, &f) < 0) {
            work(); /* what nobody opens may still come */
            continue;
        }
        for (unsigned n = next() % 8; n; n--)
            use(f, pa);
        vfs_put(f);
    }
}

/* Which device, what it offers, how much configuration of what: small numbers, mostly. */
static void make_device(void)
{
    static const u8 ids[] = {4, 2, 3, 5};
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, 0x1040 + ids[next() % ARRAY_LEN(ids)], next() % 4);
    fake_virtio_caps(&device);
    device.num_queues = FAKE_QUEUES;
    device.offered |= (u64)next() | (u64)next() << 8 | (u64)next() << 28;
    if (device.pci->config[2] == 0x45 && next() != 0xa7)
        device.offered &= ~1ull; /* MUST_TELL_HOST: what a broken balloon holds is lost for ever */
    device.config_len = 96;
    device.writable = ~0ull;
    for (unsigned n = next() % 64; n; n--)
        device.config[next() % device.config_len] = next();
    device.serve = serve;
    fake_idle = work;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    static u64 pa;
    if (!pa) {
        initfs_init(NULL, 0);
        devfs_init();
        if (vfs_mount(vfs_find("initfs"), "/", 0) < 0 || vfs_mount(vfs_find("devtmpfs"), "/dev", 0) < 0)
            abort();
        pa = mem_pages(4, PAGE_SIZE);
    }
    at = data;
    end = data + len;
    make_device();
    pci_scan(&window);
    pci_bind_all();
    use_files(pa);
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        pci_unbind(d);
    later_run();
    fake_complaint();
    if (virtio_first() || vfs_files())
        abort();
    if (mem_free_count() < mem_total_count() / 2)
        _exit(0); /* functions live for ever */
    return 0;
}
