/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_pci - transport: virtio 1.x over PCI capabilities (virtio 1.x, 4.1). */
#include "arch.h"
#include "mem.h"
#include "pci.h"
#include "print.h"
#include "time.h"
#include "virtio.h"
#include "virtio_bar.h"
#include "virtio_irq.h"
#include "virtq.h"

enum { VENDOR = 0x1af4, TRANSITIONAL_FIRST = 0x1000, MODERN_FIRST = 0x1040, MODERN_LAST = 0x107f };
enum { CONFIG_MAX = 4096 }; /* bytes of device configuration that are mapped, however many there are (4.1.4.1) */

/* 4.1.4.3; each field is accessed in its own width, 64-bit ones as two halves (4.1.3.1). What follows COMMON_LEAST came with virtio 1.2. */
struct common_cfg {
    le32 device_feature_select, device_feature;
    le32 driver_feature_select, driver_feature;
    le16 config_msix_vector, num_queues;
    u8 device_status, config_generation;
    le16 queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    le32 queue_desc[2], queue_driver[2], queue_device[2];
    le16 queue_notif_config_data, queue_reset;
};
enum { COMMON_LEAST = 56 };
_Static_assert(sizeof(struct common_cfg) == COMMON_LEAST + 4, "virtio 4.1.4.3");

enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_WINDOW = 5, CAP_KINDS = 5 };

struct function {
    struct virtio_device dev;
    struct pci_dev *pci;
    struct virtio_bar places[CAP_KINDS]; /* the structures that capabilities point to (4.1.4) */
    u32 multiplier;                      /* of queue_notify_off */
    u16 window;                          /* VIRTIO_PCI_CAP_PCI_CFG; 0: none */
    u16 num_queues;
    struct virtio_irq irq;
};

static struct function *function_of(const struct virtio_device *dev)
{
    return dev->transport_priv;
}

/* ---- registers ---- */

#define FIELD(field) __builtin_offsetof(struct common_cfg, field), sizeof(((struct common_cfg *)0)->field)

static u32 get(const struct function *f, u32 at, unsigned width)
{
    return virtio_bar_read(&f->places[CAP_COMMON], at, width);
}

static void set(const struct function *f, u32 at, unsigned width, u32 v)
{
    virtio_bar_write(&f->places[CAP_COMMON], at, width, v);
}

static u8 get_status(struct virtio_device *dev)
{
    return (u8)get(function_of(dev), FIELD(device_status));
}

static void set_status(struct virtio_device *dev, u8 status)
{
    set(function_of(dev), FIELD(device_status), status);
}

/* Features whose registers lie behind the structure's end are none. */
static u64 get_features(struct virtio_device *dev)
{
    const struct function *f = function_of(dev);
    set(f, FIELD(device_feature_select), 0);
    u64 features = get(f, FIELD(device_feature));
    set(f, FIELD(device_feature_select), 1);
    features |= (u64)get(f, FIELD(device_feature)) << 32;
    bool complete = f->places[CAP_COMMON].len >= sizeof(struct common_cfg);
    return complete ? features : features & ~(VIRTIO_F_NOTIF_CONFIG_DATA | VIRTIO_F_RING_RESET);
}

static void set_features(struct virtio_device *dev, u64 features)
{
    const struct function *f = function_of(dev);
    for (u32 i = 0; i < 2; i++) {
        set(f, FIELD(driver_feature_select), i);
        set(f, FIELD(driver_feature), (u32)(features >> 32 * i));
    }
}

static u8 generation(struct virtio_device *dev)
{
    return (u8)get(function_of(dev), FIELD(config_generation));
}

/* Past its end a device may answer anything, all ones for the whole access among them. NULL: [offset, offset+len) is not inside. */
static const struct virtio_bar *config_with(const struct virtio_device *dev, u32 offset, u32 len)
{
    const struct virtio_bar *config = &function_of(dev)->places[CAP_DEVICE];
    u32 size = MIN(config->len, (u32)CONFIG_MAX);
    return config->pci && offset <= size && len <= size - offset ? config : NULL;
}

static int config_read(struct virtio_device *dev, u32 offset, void *bytes, u32 len)
{
    const struct virtio_bar *config = config_with(dev, offset, len);
    if (config)
        virtio_bar_get(config, offset, bytes, len);
    return config ? 0 : -EINVAL;
}

static int config_write(struct virtio_device *dev, u32 offset, const void *bytes, u32 len)
{
    const struct virtio_bar *config = config_with(dev, offset, len);
    if (config)
        virtio_bar_put(config, offset, bytes, len);
    return config ? 0 : -EINVAL;
}

/* ---- queues ---- */

static u16 queue_max(struct virtio_device *dev, u16 index)
{
    const struct function *f = function_of(dev);
    if (index >= f->num_queues)
        return 0;
    set(f, FIELD(queue_select), index);
    return (u16)get(f, FIELD(queue_size));
}

static void set_address(const struct function *f, u32 at, u64 pa)
{
    set(f, at, 4, (u32)pa);
    set(f, at + 4, 4, (u32)(pa >> 32));
}

static unsigned notify_width(const struct virtq *q)
{
    return virtio_has(q->device, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2;
}

/* The way to the queue's doorbell, which lies in its structure (4.1.4.4) and is mapped alone; false: it does not. */
static bool find_doorbell(const struct virtq *q, struct virtio_bar *out)
{
    const struct function *f = function_of(q->device);
    const struct virtio_bar *place = &f->places[CAP_NOTIFY];
    u64 offset = (u64)q->notify_off * f->multiplier;
    u32 width = notify_width(q);
    if (offset > place->len || place->len - offset < width || (place->offset + offset) % width)
        return false;
    *out = (struct virtio_bar){.pci = f->pci, .bar = place->bar, .offset = place->offset + (u32)offset, .len = width};
    return virtio_bar_open(out, width, f->window) == 0;
}

static bool map_vector(struct virtio_device *dev, int event, u16 vector)
{
    const struct function *f = function_of(dev);
    if (event == VIRTIO_IRQ_CONFIG) {
        set(f, FIELD(config_msix_vector), vector);
        return get(f, FIELD(config_msix_vector)) == vector;
    }
    set(f, FIELD(queue_select), (u16)event);
    set(f, FIELD(queue_msix_vector), vector);
    return get(f, FIELD(queue_msix_vector)) == vector;
}

static int queue_enable(struct virtio_device *dev, struct virtq *q)
{
    struct function *f = function_of(dev);
    struct virtio_bar doorbell;
    set(f, FIELD(queue_select), q->index);
    if (get(f, FIELD(queue_enable)) != 0)
        return -EBUSY;
    q->notify_off = (u16)get(f, FIELD(queue_notify_off));
    q->notify_id = virtio_has(dev, VIRTIO_F_NOTIF_CONFIG_DATA) ? (u16)get(f, FIELD(queue_notif_config_data)) : q->index;
    if (!find_doorbell(q, &doorbell))
        return -EINVAL;
    q->doorbell = doorbell.mapped;
    set(f, FIELD(queue_size), q->size);
    virtio_irq_queue(&f->irq, q);
    set_address(f, __builtin_offsetof(struct common_cfg, queue_desc), q->desc_pa);
    set_address(f, __builtin_offsetof(struct common_cfg, queue_driver), q->driver_pa);
    set_address(f, __builtin_offsetof(struct common_cfg, queue_device), q->device_pa);
    set(f, FIELD(queue_enable), 1);
    return 0;
}

static int queue_reset(struct virtio_device *dev, struct virtq *q)
{
    const struct function *f = function_of(dev);
    struct patience p = {0};
    set(f, FIELD(queue_select), q->index);
    set(f, FIELD(queue_reset), 1);
    while (get(f, FIELD(queue_reset)) != 0)
        if (!time_patience(&p))
            return -EIO;
    return get(f, FIELD(queue_enable)) == 0 ? 0 : -EIO;
}

/* The queue's number, or what the device wants instead; with NOTIFICATION_DATA also how far the ring is filled (4.1.5.2). */
static void notify(struct virtq *q)
{
    struct virtio_bar doorbell;
    bool wide = notify_width(q) == 4;
    u32 value = q->notify_id | (wide ? (u32)q->available << 16 : 0);
    if (q->doorbell && wide)
        arch_write32(q->doorbell, value);
    else if (q->doorbell)
        arch_write16(q->doorbell, (u16)value);
    else if (find_doorbell(q, &doorbell))
        virtio_bar_write(&doorbell, 0, doorbell.len, value);
}

/* ---- interrupts ---- */

static int irqs(struct virtio_device *dev, unsigned queues)
{
    struct function *f = function_of(dev);
    return virtio_irq_setup(&f->irq, MIN(queues, (unsigned)f->num_queues));
}

static u8 isr(struct virtio_device *dev)
{
    return (u8)virtio_bar_read(&function_of(dev)->places[CAP_ISR], 0, 1);
}

/* Without bus mastering a function reaches no memory. */
static void admit(struct virtio_device *dev, bool may)
{
    pci_master(function_of(dev)->pci, may);
}

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
    .queue_reset = queue_reset,
    .notify = notify,
    .config_read = config_read,
    .config_write = config_write,
    .generation = generation,
    .irqs = irqs,
    .admit = admit,
    .cut_off = cut_off,
};

/* ---- capabilities (4.1.4) ---- */

enum { CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_SIZE = 16, CAP_MULTIPLIER = 16 };

/* For each kind: bytes that it has at least, that are mapped at most, and what its offset is a multiple of (4.1.4.1). */
static const struct {
    u32 least, most, align;
} limits[CAP_KINDS] = {[CAP_COMMON] = {COMMON_LEAST, sizeof(struct common_cfg), 4},
                       [CAP_NOTIFY] = {2, 2, 2},
                       [CAP_ISR] = {1, 1, 1},
                       [CAP_DEVICE] = {1, CONFIG_MAX, 4}};

/* Takes the capability at `cap` if it is the first usable one of its kind; reads each of its fields once. */
static void read_cap(struct function *f, u16 cap, bool by_window)
{
    u8 len = pci_read8(f->pci, cap + CAP_LEN), kind = pci_read8(f->pci, cap + CAP_TYPE);
    if (kind == 0 || kind > CAP_WINDOW || (kind < CAP_KINDS && f->places[kind].pci))
        return;
    u32 size = CAP_SIZE + (kind == CAP_NOTIFY || kind == CAP_WINDOW ? 4 : 0);
    if (len >= size && len <= 256 - cap && kind == CAP_WINDOW) {
        f->window = cap;
        return;
    }
    if (len >= size && len <= 256 - cap) {
        struct virtio_bar b = {.pci = f->pci, .bar = pci_read8(f->pci, cap + CAP_BAR)};
        b.offset = pci_read32(f->pci, cap + CAP_OFFSET);
        b.len = pci_read32(f->pci, cap + CAP_LENGTH);
        u32 multiplier = kind == CAP_NOTIFY ? pci_read32(f->pci, cap + CAP_MULTIPLIER) : 0;
        if (b.len >= limits[kind].least && b.offset % limits[kind].align == 0 &&
            virtio_bar_open(&b, limits[kind].most, by_window ? f->window : 0) == 0) {
            f->places[kind] = b;
            f->multiplier = kind == CAP_NOTIFY ? multiplier : f->multiplier;
            return;
        }
    }
    log_debug("%s: virtio capability of type %u at 0x%x is not usable", f->pci->name, kind, cap);
}

/* What nothing else leads to is reached by the window in configuration space, if there is one, so there is a second look. */
static int map_structures(struct function *f)
{
    const struct virtio_bar *p = f->places;
    unsigned seen = 0;
    for (unsigned look = 0; look < 2; look++)
        for (u16 cap = 0; (cap = pci_find_cap(f->pci, PCI_CAP_VENDOR, cap)) != 0; seen++)
            read_cap(f, cap, look > 0);
    if (p[CAP_COMMON].pci && p[CAP_NOTIFY].pci && p[CAP_ISR].pci)
        return 0;
    if (seen || f->pci->device >= MODERN_FIRST)
        log_warn("%s: a virtio device without usable capabilities (missing:%s%s%s)", f->pci->name,
                 p[CAP_COMMON].pci ? "" : " common", p[CAP_NOTIFY].pci ? "" : " notify", p[CAP_ISR].pci ? "" : " isr");
    return -ENODEV;
}

/* ---- the PCI driver ---- */

static void free_function(struct function *f)
{
    virtio_irq_release(&f->irq);
    mem_delete(f, sizeof(*f));
}

/* A device that the bus refuses stays ours, reset and marked, so that people can see what it said. */
static int probe(struct pci_dev *pci)
{
    struct function *f = mem_new(sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->pci = pci;
    f->irq = (struct virtio_irq){.dev = &f->dev, .pci = pci, .map = map_vector, .isr = isr};
    int result = map_structures(f);
    if (result < 0) {
        free_function(f);
        return result;
    }
    f->num_queues = (u16)get(f, FIELD(num_queues));
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
