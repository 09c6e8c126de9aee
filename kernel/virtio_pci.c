/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_pci - transport: virtio 1.x over PCI capabilities (virtio 1.x, 4.1). */
#include "arch.h"
#include "mem.h"
#include "pci.h"
#include "print.h"
#include "virtio.h"
#include "virtq.h"

enum { VENDOR = 0x1af4, TRANSITIONAL_FIRST = 0x1000, MODERN_FIRST = 0x1040, MODERN_LAST = 0x107f };
enum { CONFIG_MAX = 4096 }; /* bytes of device configuration that are mapped, however many there are (4.1.4.1) */

/* 4.1.4.3; each field is accessed in its own width, 64-bit ones as two halves (4.1.3.1). */
struct common_cfg {
    le32 device_feature_select, device_feature;
    le32 driver_feature_select, driver_feature;
    le16 config_msix_vector, num_queues;
    u8 device_status, config_generation;
    le16 queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    le32 queue_desc[2], queue_driver[2], queue_device[2];
};
_Static_assert(sizeof(struct common_cfg) == 56, "virtio 4.1.4.3");

enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_KINDS = 5 };

/* One structure that a capability points to (4.1.4), inside a memory BAR. */
struct place {
    bool there;
    u8 bar;
    u32 offset, len;
    u32 multiplier; /* of queue_notify_off; notify only */
};

/* An interrupt of the device; index -1: configuration changes. */
struct vector {
    struct virtio_device *dev;
    int index, irq;
    bool shared; /* means everything */
};

enum { VECTORS = 9 }; /* a device with more queues gets one for all */

struct function {
    struct virtio_device dev;
    struct pci_dev *pci;
    struct common_cfg *common;
    u8 *config;
    struct place places[CAP_KINDS];
    u16 num_queues;
    unsigned nvectors;
    struct vector vectors[VECTORS];
};

static struct function *function_of(const struct virtio_device *dev)
{
    return dev->transport_priv;
}

/* ---- registers ---- */

static u8 get_status(struct virtio_device *dev)
{
    return arch_read8(&function_of(dev)->common->device_status);
}

static void set_status(struct virtio_device *dev, u8 status)
{
    arch_write8(&function_of(dev)->common->device_status, status);
}

static u64 get_features(struct virtio_device *dev)
{
    struct common_cfg *c = function_of(dev)->common;
    arch_write32(&c->device_feature_select, 0);
    u64 low = arch_read32(&c->device_feature);
    arch_write32(&c->device_feature_select, 1);
    return (low | (u64)arch_read32(&c->device_feature) << 32) &
           ~(VIRTIO_F_NOTIFICATION_DATA | VIRTIO_F_NOTIF_CONFIG_DATA);
}

static void set_features(struct virtio_device *dev, u64 features)
{
    struct common_cfg *c = function_of(dev)->common;
    for (u32 i = 0; i < 2; i++) {
        arch_write32(&c->driver_feature_select, i);
        arch_write32(&c->driver_feature, (u32)(features >> 32 * i));
    }
}

static u8 generation(struct virtio_device *dev)
{
    return arch_read8(&function_of(dev)->common->config_generation);
}

/* Past its end a device may answer anything, all ones for the whole access among them. */
static int config_read(struct virtio_device *dev, u32 offset, void *bytes, u32 len)
{
    struct function *f = function_of(dev);
    u32 size = f->places[CAP_DEVICE].len;
    if (offset > size || len > size - offset)
        return -EINVAL;
    const u8 *from = f->config + offset;
    le16 half = {0};
    le32 word = {0};
    if (len == 2 && offset % 2 == 0) {
        half = to_le16(arch_read16(from));
        memcpy(bytes, &half, 2);
    } else if (len == 4 && offset % 4 == 0) {
        word = to_le32(arch_read32(from));
        memcpy(bytes, &word, 4);
    } else {
        for (u32 i = 0; i < len; i++)
            ((u8 *)bytes)[i] = arch_read8(from + i);
    }
    return 0;
}

static int config_write(struct virtio_device *dev, u32 offset, const void *bytes, u32 len)
{
    struct function *f = function_of(dev);
    u32 size = f->places[CAP_DEVICE].len;
    if (offset > size || len > size - offset)
        return -EINVAL;
    u8 *to = f->config + offset;
    le16 half;
    le32 word;
    if (len == 2 && offset % 2 == 0) {
        memcpy(&half, bytes, 2);
        arch_write16(to, le16_get(half));
    } else if (len == 4 && offset % 4 == 0) {
        memcpy(&word, bytes, 4);
        arch_write32(to, le32_get(word));
    } else {
        for (u32 i = 0; i < len; i++)
            arch_write8(to + i, ((const u8 *)bytes)[i]);
    }
    return 0;
}

/* ---- queues ---- */

static u16 queue_max(struct virtio_device *dev, u16 index)
{
    struct function *f = function_of(dev);
    if (index >= f->num_queues)
        return 0;
    arch_write16(&f->common->queue_select, index);
    return arch_read16(&f->common->queue_size);
}

static void write_address(le32 reg[2], u64 pa)
{
    arch_write32(&reg[0], (u32)pa);
    arch_write32(&reg[1], (u32)(pa >> 32));
}

/* The doorbell of the selected queue, for which only its two bytes are mapped; NULL: it lies outside its structure (4.1.4.4). */
static void *map_doorbell(struct function *f, u16 notify_off)
{
    const struct place *p = &f->places[CAP_NOTIFY];
    u64 offset = (u64)notify_off * p->multiplier;
    if (offset > p->len || p->len - offset < 2 || (p->offset + offset) % 2)
        return NULL;
    return pci_map_bar(f->pci, p->bar, p->offset + offset, 2);
}

/* Which vector serves the queue; the device may refuse it (4.1.5.1.2.2). */
static u16 set_queue_vector(struct function *f, u16 index)
{
    u16 vector = VIRTIO_NO_VECTOR;
    if (f->nvectors && f->vectors[0].shared)
        vector = 0;
    else if (index + 1u < f->nvectors)
        vector = index + 1;
    arch_write16(&f->common->queue_msix_vector, vector);
    return arch_read16(&f->common->queue_msix_vector) == vector ? vector : VIRTIO_NO_VECTOR;
}

static int queue_enable(struct virtio_device *dev, struct virtq *q)
{
    struct function *f = function_of(dev);
    struct common_cfg *c = f->common;
    arch_write16(&c->queue_select, q->index);
    if (arch_read16(&c->queue_enable) != 0)
        return -EBUSY;
    q->notify_off = arch_read16(&c->queue_notify_off);
    q->doorbell = map_doorbell(f, q->notify_off);
    if (!q->doorbell)
        return -EINVAL;
    arch_write16(&c->queue_size, q->size);
    q->vector = set_queue_vector(f, q->index);
    write_address(c->queue_desc, q->desc_pa);
    write_address(c->queue_driver, q->driver_pa);
    write_address(c->queue_device, q->device_pa);
    arch_write16(&c->queue_enable, 1);
    return 0;
}

static void notify(struct virtq *q)
{
    arch_write16(q->doorbell, q->index);
}

/* ---- interrupts ---- */

static void on_interrupt(void *arg)
{
    const struct vector *v = arg;
    v->dev->interrupts++;
    if (v->index < 0 || v->shared)
        virtio_config_interrupt(v->dev);
    for (unsigned i = 0; i < v->dev->nqueues; i++)
        if (v->dev->queues[i] && (v->shared || v->index == (int)i))
            v->dev->queues[i]->counters.interrupts++;
}

static bool add_vector(struct function *f, bool shared)
{
    struct vector *v = &f->vectors[f->nvectors];
    *v = (struct vector){&f->dev, (int)f->nvectors - 1, 0, shared};
    v->irq = arch_irq_alloc(on_interrupt, v);
    if (v->irq < 0)
        return false;
    f->nvectors++;
    return pci_msix_route(f->pci, f->nvectors - 1, v->irq) == 0;
}

/* Vector 0 for configuration changes and one for each queue; if the table is too small for that, vector 0 for everything. */
static int irqs(struct virtio_device *dev, unsigned queues)
{
    struct function *f = function_of(dev);
    int n = pci_msix_enable(f->pci);
    unsigned want = n > (int)queues && queues < VECTORS ? queues + 1 : 1;
    for (unsigned i = 0; i < f->nvectors; i++) /* from before a restart */
        pci_msix_route(f->pci, i, f->vectors[i].irq);
    while (n > 0 && f->nvectors < want && add_vector(f, want == 1))
        ;
    u16 vector = f->nvectors ? 0 : VIRTIO_NO_VECTOR;
    arch_write16(&f->common->config_msix_vector, vector);
    if (arch_read16(&f->common->config_msix_vector) != vector)
        log_debug("%s: no interrupt for configuration changes", dev->name);
    return want == 1 ? (int)(f->nvectors * queues) : MAX((int)f->nvectors - 1, 0);
}

/* Without bus mastering a function reaches no memory. */
static void cut_off(struct virtio_device *dev)
{
    pci_disable(function_of(dev)->pci);
}

static const struct virtio_transport transport = {
    .name = "pci",
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
    .cut_off = cut_off,
};

/* ---- capabilities (4.1.4) ---- */

enum { CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MULTIPLIER = 16, CAP_SIZE = 16 };

static bool usable(const struct function *f, u8 kind, const struct place *p)
{
    static const struct {
        u32 len, align;
    } least[CAP_KINDS] = {[CAP_COMMON] = {sizeof(struct common_cfg), 4},
                          [CAP_NOTIFY] = {2, 2},
                          [CAP_ISR] = {1, 1},
                          [CAP_DEVICE] = {1, 4}};
    if (p->bar >= PCI_BARS || p->len < least[kind].len || p->offset % least[kind].align)
        return false;
    const struct pci_bar *bar = &f->pci->bars[p->bar];
    return bar->base && !bar->io && p->offset <= bar->size && p->len <= bar->size - p->offset;
}

/* Takes the capability at `cap` if it is the first usable one of its kind; reads each of its fields once. */
static void read_cap(struct function *f, u16 cap)
{
    u8 len = pci_read8(f->pci, cap + CAP_LEN), kind = pci_read8(f->pci, cap + CAP_TYPE);
    if (kind == 0 || kind >= CAP_KINDS || f->places[kind].there)
        return;
    u32 size = CAP_SIZE + (kind == CAP_NOTIFY ? 4 : 0);
    struct place p = {.there = true};
    if (len >= size && len <= 256 - cap) {
        p.bar = pci_read8(f->pci, cap + CAP_BAR);
        p.offset = pci_read32(f->pci, cap + CAP_OFFSET);
        p.len = pci_read32(f->pci, cap + CAP_LENGTH);
        p.multiplier = kind == CAP_NOTIFY ? pci_read32(f->pci, cap + CAP_MULTIPLIER) : 0;
        if (usable(f, kind, &p)) {
            f->places[kind] = p;
            return;
        }
    }
    log_debug("%s: virtio capability of type %u at 0x%x is not usable", f->pci->name, kind, cap);
}

static void *map_place(const struct function *f, u8 kind, u64 len)
{
    const struct place *p = &f->places[kind];
    return p->there ? pci_map_bar(f->pci, p->bar, p->offset, len) : NULL;
}

static int map_structures(struct function *f)
{
    unsigned seen = 0;
    for (u16 cap = 0; (cap = pci_find_cap(f->pci, PCI_CAP_VENDOR, cap)) != 0; seen++)
        read_cap(f, cap);
    const struct place *p = f->places;
    if (seen == 0) {
        log_warn("%s: a legacy virtio device; start it without disable-modern=on", f->pci->name);
        return -ENODEV;
    }
    f->common = map_place(f, CAP_COMMON, sizeof(*f->common));
    f->places[CAP_DEVICE].len = MIN(f->places[CAP_DEVICE].len, CONFIG_MAX);
    f->config = map_place(f, CAP_DEVICE, p[CAP_DEVICE].len);
    if (f->common && p[CAP_NOTIFY].there && p[CAP_ISR].there && (f->config || !p[CAP_DEVICE].there))
        return 0;
    log_warn("%s: a virtio device without usable capabilities (missing:%s%s%s)", f->pci->name,
             f->common ? "" : " common", p[CAP_NOTIFY].there ? "" : " notify", p[CAP_ISR].there ? "" : " isr");
    return -ENODEV;
}

/* ---- the PCI driver ---- */

static void free_function(struct function *f)
{
    for (unsigned i = 0; i < f->nvectors; i++)
        arch_irq_free(f->vectors[i].irq);
    mem_delete(f, sizeof(*f));
}

/* A device that the bus refuses stays ours, reset and marked, so that people can see what it said. */
static int probe(struct pci_dev *pci)
{
    struct function *f = mem_new(sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->pci = pci;
    int result = map_structures(f);
    if (result < 0) {
        free_function(f);
        return result;
    }
    f->num_queues = arch_read16(&f->common->num_queues);
    f->dev.transport = &transport;
    f->dev.transport_priv = f;
    f->dev.parent = pci->name;
    f->dev.vendor = pci->subvendor;
    f->dev.id = pci->device >= MODERN_FIRST ? pci->device - (u32)MODERN_FIRST : pci->subdevice;
    pci->priv = f;
    virtio_register(&f->dev);
    return 0;
}

static void remove(struct pci_dev *pci)
{
    struct function *f = pci->priv;
    virtio_unregister(&f->dev);
    pci_disable(pci);
    free_function(f);
    pci->priv = NULL;
}

static const struct pci_id ids[] = {{VENDOR, TRANSITIONAL_FIRST, MODERN_LAST}, {0, 0, 0}};

PCI_DRIVER(virtio_pci) = {.name = "virtio-pci", .ids = ids, .probe = probe, .remove = remove};
