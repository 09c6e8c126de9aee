/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_pci_legacy - transport: virtio 0.9 over the registers in BAR 0 of a PCI function (virtio 1.x, 4.1.4.10 and the other legacy notes). */
#include "mem.h"
#include "pci.h"
#include "print.h"
#include "virtio.h"
#include "virtio_bar.h"
#include "virtio_irq.h"
#include "virtq.h"

/*
 * All registers are in the guest's byte order, which is ours on every processor that legacy devices are for. A queue has the size that the device says, and is
 * known to it by the number of its first page; there are 32 feature bits, no FEATURES_OK, and no generation of the configuration.
 */
enum { VENDOR = 0x1af4, FIRST = 0x1000, LAST = 0x103f, REVISION = 0, CONFIG_TRIES = 16, PART = 64, NOBODY = 0xff };

/* 4.1.4.10. */
struct registers {
    le32 device_features, driver_features, queue_address;
    le16 queue_size, queue_select, queue_notify;
    u8 device_status, isr_status;
    le16 config_msix_vector, queue_msix_vector; /* there only while MSI-X is on; else the configuration begins here */
};
enum { CONFIG = 20, CONFIG_MSIX = 24 };
_Static_assert(sizeof(struct registers) == CONFIG_MSIX, "virtio 4.1.4.10");

struct function {
    struct virtio_device dev;
    struct virtio_bar bar;
    struct virtio_irq irq;
};

static struct function *function_of(const struct virtio_device *dev)
{
    return dev->transport_priv;
}

/* ---- registers ---- */

#define FIELD(field) __builtin_offsetof(struct registers, field), sizeof(((struct registers *)0)->field)

static u32 get(const struct virtio_device *dev, u32 at, unsigned width)
{
    return virtio_bar_read(&function_of(dev)->bar, at, width);
}

static void set(const struct virtio_device *dev, u32 at, unsigned width, u32 v)
{
    virtio_bar_write(&function_of(dev)->bar, at, width, v);
}

static u8 get_status(struct virtio_device *dev)
{
    return (u8)get(dev, FIELD(device_status));
}

static void set_status(struct virtio_device *dev, u8 status)
{
    set(dev, FIELD(device_status), status);
}

static u64 get_features(struct virtio_device *dev)
{
    return get(dev, FIELD(device_features));
}

static void set_features(struct virtio_device *dev, u64 features)
{
    set(dev, FIELD(driver_features), (u32)features);
}

/* Where `offset` of the configuration stands; 0: [offset, offset+len) is not inside. */
static u32 config_at(const struct virtio_device *dev, u32 offset, u32 len)
{
    const struct function *f = function_of(dev);
    u32 start = f->irq.nvectors ? CONFIG_MSIX : CONFIG;
    return offset <= f->bar.len - start && len <= f->bar.len - start - offset ? start + offset : 0;
}

/* With no generation, a part is what two readings agree on (2.5.3). */
static int read_part(const struct virtio_bar *bar, u32 at, u8 *part, u32 len)
{
    u8 again[PART];
    for (int tries = 0; tries < CONFIG_TRIES; tries++) {
        virtio_bar_get(bar, at, part, len);
        virtio_bar_get(bar, at, again, len);
        if (memcmp(part, again, len) == 0)
            return 0;
    }
    return -EIO;
}

static int config_read(struct virtio_device *dev, u32 offset, void *bytes, u32 len)
{
    u32 at = config_at(dev, offset, len);
    int result = at ? 0 : -EINVAL;
    for (u32 done = 0; done < len && result == 0; done += PART)
        result = read_part(&function_of(dev)->bar, at + done, (u8 *)bytes + done, MIN(len - done, (u32)PART));
    return result;
}

static int config_write(struct virtio_device *dev, u32 offset, const void *bytes, u32 len)
{
    u32 at = config_at(dev, offset, len);
    if (at)
        virtio_bar_put(&function_of(dev)->bar, at, bytes, len);
    return at ? 0 : -EINVAL;
}

static u8 generation(struct virtio_device *dev)
{
    (void)dev;
    return 0;
}

/* ---- queues ---- */

static u16 queue_max(struct virtio_device *dev, u16 index)
{
    set(dev, FIELD(queue_select), index);
    return (u16)get(dev, FIELD(queue_size));
}

static bool map_vector(struct virtio_device *dev, int event, u16 vector)
{
    if (event == VIRTIO_IRQ_CONFIG) {
        set(dev, FIELD(config_msix_vector), vector);
        return get(dev, FIELD(config_msix_vector)) == vector;
    }
    set(dev, FIELD(queue_select), (u16)event);
    set(dev, FIELD(queue_msix_vector), vector);
    return get(dev, FIELD(queue_msix_vector)) == vector;
}

/* A queue that has an address is in use by somebody already. */
static int queue_enable(struct virtio_device *dev, struct virtq *q)
{
    u64 page = q->desc_pa >> PAGE_SHIFT;
    set(dev, FIELD(queue_select), q->index);
    if (get(dev, FIELD(queue_address)) != 0)
        return -EBUSY;
    if (page >> 32 || q->desc_pa % (1u << PAGE_SHIFT))
        return -EINVAL;
    virtio_irq_queue(&function_of(dev)->irq, q);
    set(dev, FIELD(queue_address), (u32)page);
    return 0;
}

static void notify(struct virtq *q)
{
    set(q->device, FIELD(queue_notify), q->index);
}

/* ---- interrupts ---- */

static int irqs(struct virtio_device *dev, unsigned queues)
{
    return virtio_irq_setup(&function_of(dev)->irq, queues);
}

static u8 isr(struct virtio_device *dev)
{
    return (u8)get(dev, FIELD(isr_status));
}

/* Without bus mastering a function reaches no memory. */
static void admit(struct virtio_device *dev, bool may)
{
    pci_master(function_of(dev)->bar.pci, may);
}

static void cut_off(struct virtio_device *dev)
{
    pci_disable(function_of(dev)->bar.pci);
}

static const struct virtio_transport transport = {
    .name = "pci-legacy",
    .legacy = true,
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .queue_max = queue_max,
    .queue_enable = queue_enable,
    .notify = notify,
    .config_read = config_read,
    .config_write = config_write,
    .generation = generation,
    .irqs = irqs,
    .admit = admit,
    .cut_off = cut_off,
};

/* ---- the PCI driver ---- */

static int probe(struct pci_dev *pci)
{
    struct virtio_bar bar = {.pci = pci, .len = (u32)MIN(pci->bars[0].size, (u64)PAGE_SIZE)};
    if (pci->revision != REVISION || bar.len < CONFIG_MSIX || virtio_bar_open(&bar, PAGE_SIZE, 0) < 0 ||
        virtio_bar_read(&bar, FIELD(device_status)) == NOBODY) {
        log_warn("%s: a virtio device with neither usable capabilities nor the registers of a legacy one", pci->name);
        return -ENODEV;
    }
    struct function *f = mem_new(sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->bar = bar;
    f->irq = (struct virtio_irq){.dev = &f->dev, .pci = pci, .map = map_vector, .isr = isr};
    f->dev.transport = &transport;
    f->dev.transport_priv = f;
    f->dev.parent = pci->name;
    f->dev.vendor = pci->subvendor;
    f->dev.id = pci->subdevice;
    pci->priv = f;
    virtio_register(&f->dev);
    return 0;
}

static void remove(struct pci_dev *pci)
{
    struct function *f = pci->priv;
    virtio_unregister(&f->dev);
    pci_disable(pci);
    virtio_irq_release(&f->irq);
    mem_delete(f, sizeof(*f));
    pci->priv = NULL;
}

static const struct pci_id ids[] = {{VENDOR, FIRST, LAST}, {0, 0, 0}};

PCI_DRIVER(virtio_pci_legacy) = {
    .name = "virtio-pci-legacy", .ids = ids, .last_resort = true, .probe = probe, .remove = remove};
