/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio - a virtio-9p function that lies in capabilities, registers, rings and replies, from the scan to a mounted share. */
#include <stdlib.h>
#include <unistd.h>

#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "mem.h"
#include "pci.h"
#include "vfs.h"
#include "virtio.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static struct fake_virtio device;
static const u8 *at, *end;
static u32 (*honest)(struct fake_function *f, unsigned bar, u64 offset, unsigned width);

static u8 next(void)
{
    return at < end ? *at++ : 0xff;
}

static u32 lie(struct fake_function *f, unsigned bar, u64 offset, unsigned width)
{
    u32 v = honest(f, bar, offset, width);
    return next() < 0x20 ? v ^ (u32)next() << 8 * (next() % width) : v;
}

/* Right in size, type and tag, the rest as it comes. */
static u32 serve(struct fake_virtio *v, const struct fake_chain *c)
{
    u8 bytes[64];
    u32 len = 7 + next() % 57;
    (void)v;
    mem_from_spans(bytes, c->spans, c->out, 0, sizeof bytes);
    for (unsigned i = 7; i < len && bytes[4] != 100; i++)
        bytes[i] = next();
    len = bytes[4] == 100 ? 21 : len;
    put32(bytes, len);
    bytes[4]++;
    mem_to_spans(c->spans + c->out, c->in, 0, bytes, len);
    return next() < 0x10 ? len + next() : len;
}

static void work(void)
{
    struct fake_ring *r = &device.queues[0].ring;
    if (next() < 0x10 && r->size)
        fake_ring_used(r, next(), next(), next());
    if (next() < 0x10 && r->size)
        fake_ring_set_used_idx(r, next());
    fake_virtio_run(&device);
}

/* The device needs a reset, and may be another one behind it. */
static void ail(void)
{
    u8 how = next();
    device.status_or = how & 1 ? 64 : 0;
    device.hold = how & 2;
    device.bad_queue_size = how & 4 ? next() : 0;
    if (how & 8)
        device.offered ^= 1ull << next() % 64;
    if (how & 16 && virtio_first())
        virtio_fail(virtio_first(), "provoked");
    if (how & 32)
        device.pci->config[0x40 + next() % 0xc0] = next();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    struct fs *fs;
    struct node root;
    struct attr attr;
    unsigned known = 0;
    at = data;
    end = data + len;
    fake_pci_start(FAKE_BY_ECAM);
    fake_virtio_add(&device, NULL, 4, 0x1049, 2);
    fake_virtio_caps(&device);
    device.offered |= 1 | (u64)next() << 33; /* any ring layout, and what else there is up to RING_RESET */
    device.config_len = 6;
    put32(device.config, 4);
    device.serve = serve;
    honest = device.pci->bar_read;
    device.pci->bar_read = lie;
    for (unsigned n = next() % 8; n; n--)
        device.pci->config[0x40 + next() % 0xc0] = next();
    fake_idle = work;
    while (vfs_registered(known))
        known++;
    pci_scan(&window);
    pci_bind_all();
    if ((fs = vfs_registered(known)) && fs->ops->attach(fs, &root) == 0) {
        for (unsigned n = next() % 8; n; n--) {
            ail();
            fs->ops->getattr(&root, &attr);
        }
        fs->ops->clunk(&root);
    }
    device.status_or = 0;
    device.hold = false;
    device.bad_queue_size = 0;
    for (struct pci_dev *d = pci_first(); d; d = d->next)
        if (d->driver && d->priv)
            d->driver->remove(d);
    if (mem_free_count() < mem_total_count() / 2)
        _exit(0); /* shares live for ever */
    return 0;
}
