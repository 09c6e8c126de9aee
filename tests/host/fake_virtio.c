/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_virtio - a modern virtio-pci function, which checks what the driver writes (virtio 1.x, 4.1). */
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NO_VECTOR = 0xffff };

/* Offsets in the common configuration (4.1.4.3). */
enum {
    DEVICE_FEATURE_SELECT = 0,
    DEVICE_FEATURE = 4,
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    CONFIG_VECTOR = 16,
    NUM_QUEUES = 18,
    STATUS = 20,
    GENERATION = 21,
    QUEUE_SELECT = 22,
    QUEUE_SIZE = 24,
    QUEUE_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY_OFF = 30,
    QUEUE_DESC = 32,
    QUEUE_NOTIF_CONFIG_DATA = 56,
    QUEUE_RESET = 58,
    COMMON_END = 60
};

/* Offsets in the registers of a legacy device (4.1.4.10). */
enum {
    LEGACY_DEVICE_FEATURES = 0,
    LEGACY_DRIVER_FEATURES = 4,
    LEGACY_QUEUE_ADDRESS = 8,
    LEGACY_QUEUE_SIZE = 12,
    LEGACY_QUEUE_SELECT = 14,
    LEGACY_QUEUE_NOTIFY = 16,
    LEGACY_STATUS = 18,
    LEGACY_ISR = 19,
    LEGACY_CONFIG_VECTOR = 20,
    LEGACY_QUEUE_VECTOR = 22,
    LEGACY_CONFIG_MSIX = 24
};

enum { PCI_COMMAND = 4, PCI_MASTER = 4 };
enum { F_NOTIFICATION_DATA = 38, F_NOTIF_CONFIG_DATA = 39, F_RING_RESET = 40 };

static void reset(struct fake_virtio *v)
{
    v->status = 0;
    v->accepted = 0;
    v->offer_select = v->accept_select = 0;
    v->select = 0;
    v->config_vector = NO_VECTOR;
    v->isr = 0;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        struct fake_queue *q = &v->queues[i];
        *q = (struct fake_queue){.max = q->max,
                                 .size = q->max,
                                 .vector = NO_VECTOR,
                                 .notify_off = q->notify_off,
                                 .notify_id = q->notify_id,
                                 .kicks = q->kicks};
        q->enable = v->enabled_at_once;
    }
}

/* ---- the common configuration ---- */

static unsigned width_at(u64 offset)
{
    if (offset == STATUS || offset == GENERATION)
        return 1;
    return (offset >= CONFIG_VECTOR && offset < QUEUE_DESC) || offset >= QUEUE_NOTIF_CONFIG_DATA ? 2 : 4;
}

static struct fake_queue *selected(struct fake_virtio *v)
{
    return &v->queues[v->select % FAKE_QUEUES];
}

static u8 read_status(struct fake_virtio *v)
{
    if (v->status == 0 && v->nstatus && v->reset_reads != 0) {
        v->reset_reads -= v->reset_reads > 0;
        return ACKNOWLEDGE;
    }
    v->reset_seen |= v->status == 0;
    return v->status & DRIVER_OK ? v->status | v->status_or : v->status;
}

static u8 read_generation(struct fake_virtio *v)
{
    if (v->generation_moves) {
        v->generation++;
        v->generation_moves -= v->generation_moves > 0;
    }
    return v->generation;
}

static u32 common_read(struct fake_virtio *v, u64 offset)
{
    const struct fake_queue *q = selected(v);
    switch (offset) {
    case DEVICE_FEATURE:
        return v->offer_select < 2 ? (u32)(v->offered >> 32 * v->offer_select) : 0;
    case CONFIG_VECTOR:
        return v->config_vector;
    case NUM_QUEUES:
        return v->num_queues;
    case STATUS:
        return read_status(v);
    case GENERATION:
        return read_generation(v);
    case QUEUE_SIZE:
        return v->bad_queue_size ? v->bad_queue_size : q->size;
    case QUEUE_VECTOR:
        return q->vector;
    case QUEUE_ENABLE:
        return q->enable;
    case QUEUE_NOTIFY_OFF:
        return q->notify_off;
    case QUEUE_NOTIF_CONFIG_DATA:
        if (!(v->accepted >> F_NOTIF_CONFIG_DATA & 1))
            fake_complain("DR-CF-3: queue_notif_config_data without its feature");
        return q->notify_id;
    case QUEUE_RESET:
        v->slow_queue_reset -= v->slow_queue_reset > 0;
        return v->slow_queue_reset != 0;
    default:
        fake_complain("a read of a register that nobody needs");
        return 0;
    }
}

static void write_status(struct fake_virtio *v, u8 status)
{
    if (v->nstatus < FAKE_STATUS_LOG)
        v->status_log[v->nstatus++] = status;
    if (status == 0) {
        reset(v);
        v->reset_seen = false;
        return;
    }
    if ((status & v->status) != v->status)
        fake_complain("DR-ST-2: a status bit was cleared");
    if (status & FEATURES_OK && !(v->status & FEATURES_OK)) {
        if (v->accepted & ~v->offered)
            fake_complain("DR-FB-1: a feature that was not offered");
        if (v->refuse_features || v->accepted & ~v->offered)
            status &= (u8)~FEATURES_OK;
    }
    if (status & DRIVER_OK && !(status & FEATURES_OK) && !v->legacy)
        fake_complain("DR-IN-1: DRIVER_OK without FEATURES_OK");
    if (v->dropped_status)
        status &= (u8)~DRIVER_OK;
    v->status = status;
}

static void reset_queue(struct fake_virtio *v, struct fake_queue *q, u16 value)
{
    if (value != 1 || !(v->accepted >> F_RING_RESET & 1) || !q->enable)
        fake_complain("queue_reset of what cannot be reset");
    *q = (struct fake_queue){
        .max = q->max, .size = q->max, .vector = NO_VECTOR, .notify_off = q->notify_off, .kicks = q->kicks};
    v->queue_resets++;
}

static void enable_queue(struct fake_virtio *v, struct fake_queue *q, u16 enable)
{
    if (enable != 1 || q->enable || !(v->status & FEATURES_OK) || (v->status & DRIVER_OK && !v->queue_resets))
        fake_complain("DR-CC-3/5: queue_enable");
    if (!q->desc || !q->driver || !q->device)
        fake_complain("DR-CC-3: a queue without addresses");
    q->enable = 1;
    q->ring = (struct fake_ring){.size = q->size,
                                 .desc = q->desc,
                                 .driver = q->driver,
                                 .device = q->device,
                                 .event_idx = v->accepted >> 29 & 1,
                                 .indirect = v->accepted >> 28 & 1,
                                 .packed = v->accepted >> 34 & 1,
                                 .in_order = v->accepted >> 35 & 1};
}

static u16 take_vector(const struct fake_virtio *v, u16 vector)
{
    if (vector != NO_VECTOR && vector >= v->pci->msix_count)
        fake_complain("DR-MX-2: a vector beyond the table");
    return vector >= v->refuse_vectors ? NO_VECTOR : vector;
}

static void set_half(u64 *address, u64 offset, u32 v)
{
    u64 shift = offset & 4 ? 32 : 0;
    *address = (*address & ~(0xffffffffull << shift)) | (u64)v << shift;
}

static void queue_write(struct fake_virtio *v, u64 offset, u32 value)
{
    struct fake_queue *q = selected(v);
    if (q->enable && !v->enabled_at_once && offset != QUEUE_ENABLE && offset != QUEUE_RESET)
        fake_complain("DR-CC-3: a field of a live queue was written");
    if (offset == QUEUE_SIZE) {
        if (value == 0 || (value & (value - 1) && !(v->accepted >> 34 & 1)) || value > q->max)
            fake_complain("DR-CC-2: queue_size");
        q->size = (u16)value;
    } else if (offset == QUEUE_VECTOR) {
        q->vector = take_vector(v, (u16)value);
    } else if (offset == QUEUE_RESET) {
        reset_queue(v, q, (u16)value);
    } else if (offset >= QUEUE_NOTIF_CONFIG_DATA) {
        fake_complain("DR-CC-1: queue_notif_config_data was written");
    } else if (offset == QUEUE_ENABLE) {
        enable_queue(v, q, (u16)value);
    } else if (offset >= QUEUE_DESC) {
        u64 *const address[] = {&q->desc, &q->driver, &q->device};
        set_half(address[(offset - QUEUE_DESC) / 8], offset, value);
    } else {
        fake_complain("DR-CC-1: a write to a register of the device");
    }
}

static void common_write(struct fake_virtio *v, u64 offset, u32 value)
{
    if (offset == STATUS) {
        write_status(v, (u8)value);
    } else if (offset == DEVICE_FEATURE_SELECT) {
        v->offer_select = value;
    } else if (offset == DRIVER_FEATURE_SELECT) {
        v->accept_select = value;
    } else if (offset == DRIVER_FEATURE) {
        if (v->status & FEATURES_OK || !(v->status & DRIVER))
            fake_complain("DR-IN-1/3: features at the wrong time");
        if (v->accept_select < 2)
            set_half(&v->accepted, v->accept_select * 4, value);
    } else if (offset == CONFIG_VECTOR) {
        v->config_vector = take_vector(v, (u16)value);
    } else if (offset == QUEUE_SELECT) {
        v->select = (u16)value;
        if (value >= v->num_queues)
            fake_complain("a queue that is not there was selected");
    } else {
        queue_write(v, offset, value);
    }
}

/* ---- registers ---- */

static u32 config_read(struct fake_virtio *v, u64 offset, unsigned width)
{
    u32 value = 0;
    v->config_reads++;
    v->widest_config_read = MAX(v->widest_config_read, width);
    if (v->config_moves && v->config_len) {
        v->config[offset % v->config_len]++;
        v->config_moves -= v->config_moves > 0;
    }
    if (v->changes_in && --v->changes_in == 0) {
        v->generation++;
        for (u32 i = 0; i < v->config_len; i++)
            v->config[i]++;
    }
    if (offset % width)
        fake_complain("DR-PL-1: configuration read across its alignment");
    if (offset >= v->config_len || width > v->config_len - offset)
        return ~0u;
    memcpy(&value, v->config + offset, width);
    return value;
}

static u8 read_isr(struct fake_virtio *v, unsigned width)
{
    u8 isr = v->isr;
    v->isr_reads++;
    if (width != 1 || fake_pci_has_msix(v->pci))
        fake_complain("DR-IS-1: ISR read with MSI-X on, or too wide");
    v->isr = 0;
    return isr;
}

static void kick(struct fake_virtio *v, u64 offset, unsigned width, u32 value)
{
    bool data = v->accepted >> F_NOTIFICATION_DATA & 1, own = v->accepted >> F_NOTIF_CONFIG_DATA & 1;
    struct fake_queue *q = NULL;
    for (unsigned i = 0; i < v->num_queues && i < FAKE_QUEUES && !q; i++)
        if ((u16)value == (own ? v->queues[i].notify_id : i))
            q = &v->queues[i];
    if (!(v->status & DRIVER_OK))
        fake_complain("DR-IN-6: a notification before DRIVER_OK");
    if (!q || width != (data ? 4 : 2) || (!v->legacy && offset != (u64)q->notify_off * v->multiplier)) {
        fake_complain("DR-NT-1/2: notification");
        return;
    }
    q->kicks++;
    q->told = value;
}

static u32 legacy_read(struct fake_virtio *v, u64 offset, unsigned width)
{
    static const u8 widths[] = {[0] = 4, [4] = 4, [8] = 4, [12] = 2, [14] = 2, [16] = 2, [18] = 1, [19] = 1};
    bool msix = fake_pci_has_msix(v->pci);
    u64 config = msix ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG_VECTOR;
    if (offset >= config)
        return config_read(v, offset - config, width);
    if (width != (offset >= LEGACY_CONFIG_VECTOR ? 2 : widths[offset]))
        fake_complain("DR-PL-1: width of a legacy register");
    switch (offset) {
    case LEGACY_DEVICE_FEATURES:
        return (u32)v->offered;
    case LEGACY_QUEUE_ADDRESS:
        return (u32)(selected(v)->desc >> 12) | v->enabled_at_once;
    case LEGACY_QUEUE_SIZE:
        return v->select >= v->num_queues ? 0 : v->bad_queue_size ? v->bad_queue_size : selected(v)->size;
    case LEGACY_STATUS:
        return read_status(v);
    case LEGACY_ISR:
        return read_isr(v, width);
    case LEGACY_CONFIG_VECTOR:
        return v->config_vector;
    case LEGACY_QUEUE_VECTOR:
        return selected(v)->vector;
    default:
        fake_complain("a read of a legacy register that is there to be written");
        return 0;
    }
}

/* The rings from one page on: descriptors, available ring, and on the next page's start the used ring (2.7.2). */
static void legacy_enable(struct fake_virtio *v, u32 page)
{
    struct fake_queue *q = selected(v);
    if (q->desc && page)
        fake_complain("DR-LG-1: a queue got its address twice");
    q->desc = (u64)page << 12;
    q->driver = q->desc + 16ull * q->size;
    q->device = ALIGN_UP(q->driver + 6 + 2ull * q->size, 4096);
    q->enable = page != 0;
    q->ring = (struct fake_ring){.size = q->size,
                                 .desc = q->desc,
                                 .driver = q->driver,
                                 .device = q->device,
                                 .event_idx = v->accepted >> 29 & 1,
                                 .indirect = v->accepted >> 28 & 1};
}

static void config_write(struct fake_virtio *v, u64 offset, unsigned width, u32 value)
{
    u64 bytes = ((1ull << width) - 1) << (offset & 63);
    if (offset % width || offset + width > MIN(v->config_len, 64u) || (v->writable & bytes) != bytes)
        fake_complain("a write to a field of the configuration that is the device's");
    else
        memcpy(v->config + offset, &value, width);
}

static void legacy_write(struct fake_virtio *v, u64 offset, unsigned width, u32 value)
{
    static const u8 widths[] = {[4] = 4, [8] = 4, [14] = 2, [16] = 2, [18] = 1, [20] = 2, [22] = 2};
    u64 config = fake_pci_has_msix(v->pci) ? LEGACY_CONFIG_MSIX : LEGACY_CONFIG_VECTOR;
    if (offset >= config) {
        config_write(v, offset - config, width, value);
        return;
    }
    if (offset >= ARRAY_LEN(widths) || width != widths[offset]) {
        fake_complain("DR-PL-1: a write to a legacy register that is none, or in the wrong width");
        return;
    }
    if (offset == LEGACY_DRIVER_FEATURES) {
        v->accepted = value;
        if (value & ~(u32)v->offered || !(v->status & DRIVER) || v->status & DRIVER_OK)
            fake_complain("DR-FB-1: a feature that was not offered, or at the wrong time");
    } else if (offset == LEGACY_QUEUE_ADDRESS) {
        legacy_enable(v, value);
    } else if (offset == LEGACY_QUEUE_SELECT) {
        v->select = (u16)value;
    } else if (offset == LEGACY_QUEUE_NOTIFY) {
        kick(v, 0, width, value);
    } else if (offset == LEGACY_STATUS) {
        if (value & FEATURES_OK)
            fake_complain("DR-LG-1: FEATURES_OK told to a legacy device");
        write_status(v, (u8)value);
    } else if (offset == LEGACY_CONFIG_VECTOR) {
        v->config_vector = take_vector(v, (u16)value);
    } else {
        selected(v)->vector = take_vector(v, (u16)value);
    }
}

/* Notes the access; true: the device is gone at this moment. */
static bool note(struct fake_virtio *v, bool write, unsigned bar, u64 offset, unsigned width, u32 value)
{
    u64 n = v->naccesses++;
    if (n < FAKE_ACCESSES)
        v->accesses[n] = (struct fake_access){write, (u8)bar, (u8)width, (u32)offset, value};
    bool gone = n - v->gone_from < v->gone_for && (!write || v->gone_for == ~0ull);
    v->hold |= gone && v->gone_for == ~0ull;
    return gone;
}

static u32 bar_read(struct fake_function *f, unsigned bar, u64 offset, unsigned width)
{
    struct fake_virtio *v = f->ctx;
    if (note(v, false, bar, offset, width, 0))
        return ~0u;
    bar = bar == v->alias_bar ? 4 : bar;
    if (v->legacy && bar == 0)
        return legacy_read(v, offset, width);
    if (bar != 4)
        fake_complain("a read of another BAR");
    if (offset >= FAKE_ISR && offset < FAKE_DEVICE)
        return read_isr(v, width);
    if (offset >= FAKE_DEVICE && offset < FAKE_NOTIFY)
        return config_read(v, offset - FAKE_DEVICE, width);
    if (offset >= COMMON_END || width != width_at(offset))
        fake_complain("DR-PL-1: width, or beyond the structure");
    return common_read(v, offset);
}

static void bar_write(struct fake_function *f, unsigned bar, u64 offset, unsigned width, u32 value)
{
    struct fake_virtio *v = f->ctx;
    if (note(v, true, bar, offset, width, value))
        return;
    bar = bar == v->alias_bar ? 4 : bar;
    if (v->legacy && bar == 0)
        legacy_write(v, offset, width, value);
    else if (bar == v->notify_bar && offset >= v->notify_at)
        kick(v, offset - v->notify_at, width, value);
    else if (bar == 4 && offset >= FAKE_DEVICE)
        config_write(v, offset - FAKE_DEVICE, width, value);
    else if (bar != 4 || offset >= COMMON_END || width != width_at(offset))
        fake_complain("DR-PL-1: a write of the wrong width, or beyond the structure");
    else
        common_write(v, offset, value);
}

/* ---- the window in configuration space (4.1.4.9) ---- */

static bool window_leads(struct fake_virtio *v, u16 offset, unsigned width, u8 *bar, u32 *at)
{
    struct fake_function *f = v->pci;
    *bar = f->config[v->window + 4];
    *at = fake_pci_get32(f, v->window + 8);
    if (!v->window || offset != v->window + 16)
        return false;
    if (fake_pci_get32(f, v->window + 12) != width || *at % width || *bar >= 6 || *at >= f->bar_size[*bar])
        fake_complain("DR-PC-1: the window points nowhere");
    return true;
}

static u32 window_read(struct fake_function *f, u16 offset, unsigned width, u32 value)
{
    struct fake_virtio *v = f->ctx;
    u8 bar;
    u32 at;
    return window_leads(v, offset, width, &bar, &at) ? bar_read(f, bar, at, width) : value;
}

/* DR-CP-6. And who becomes a bus master may write wherever it was told to before, until it is reset. */
static void check_config_write(struct fake_function *f, u16 offset, unsigned width, u32 value)
{
    struct fake_virtio *v = f->ctx;
    u8 bar;
    u32 at;
    if (offset == PCI_COMMAND && value & PCI_MASTER && !v->reset_seen)
        fake_complain("bus mastering before the device was seen to be reset");
    if (window_leads(v, offset, width, &bar, &at))
        bar_write(f, bar, at, width, value);
    if (offset >= 0x40 && !(offset - f->msix_cap < 12 && f->msix_cap) && !(v->window && offset - v->window < 20))
        fake_complain("DR-CP-6: a write to a capability");
}

/* ---- the device at work ---- */

static u32 fill(const struct fake_chain *chain)
{
    u32 written = 0;
    for (unsigned i = 0; i < chain->in; i++) {
        memset((void *)chain->spans[chain->out + i].pa, 0x5a, chain->spans[chain->out + i].len);
        written += (u32)chain->spans[chain->out + i].len;
    }
    return written;
}

static void raise(struct fake_virtio *v, u16 vector, u8 isr)
{
    if (v->mute)
        return;
    v->isr |= isr;
    if (vector != NO_VECTOR)
        fake_pci_raise(v->pci, vector);
}

static bool answer(struct fake_virtio *v, struct fake_queue *q)
{
    struct fake_chain chain;
    if (!q->enable || !(v->status & DRIVER_OK) || v->hold || !(v->pci->config[PCI_COMMAND] & PCI_MASTER) ||
        !fake_ring_pop(&q->ring, &chain))
        return false;
    u32 written = v->serve ? v->serve(v, &chain) : fill(&chain);
    if (fake_ring_push(&q->ring, chain.head, written))
        raise(v, q->vector, 1);
    return true;
}

unsigned fake_virtio_answer(struct fake_virtio *v, unsigned n)
{
    unsigned done = 0;
    while (done < n && answer(v, &v->queues[0]))
        done++;
    return done;
}

void fake_virtio_run(struct fake_virtio *v)
{
    for (unsigned i = 0; i < v->num_queues && i < FAKE_QUEUES; i++)
        while (answer(v, &v->queues[i]))
            ;
}

static struct fake_virtio *running;

static void run_idle(void)
{
    fake_virtio_run(running);
}

void fake_virtio_run_when_idle(struct fake_virtio *v)
{
    running = v;
    fake_idle = run_idle;
}

void fake_virtio_config_interrupt(struct fake_virtio *v)
{
    raise(v, v->config_vector, 2);
}

/* ---- building ---- */

static struct fake_virtio *on_line;

static bool line_level(void)
{
    return on_line->isr && fake_pci_has_intx(on_line->pci);
}

void fake_virtio_line(struct fake_virtio *v, u8 line)
{
    on_line = v;
    v->pci->config[0x3c] = line;
    v->pci->config[0x3d] = 1;
    fake_line(line, line_level);
}

void fake_virtio_window(struct fake_virtio *v)
{
    u16 at = fake_pci_cap(v->pci, 9, 20);
    v->pci->config[at + 2] = 20;
    v->pci->config[at + 3] = 5;
    memset(v->pci->writable + at + 4, 0xff, 16);
    v->window = at;
    v->pci->config_hook = window_read;
}

void fake_virtio_legacy(struct fake_virtio *v, u16 port)
{
    v->legacy = true;
    v->offered &= 0xffffffff;
    fake_pci_bar(v->pci, 0, port, 64, FAKE_BAR_IO);
}

u16 fake_virtio_cap(struct fake_virtio *v, u8 kind, u8 bar, u32 offset, u32 len)
{
    u8 size = kind == 2 ? 20 : 16;
    u16 at = fake_pci_cap(v->pci, 9, size);
    v->pci->config[at + 2] = size;
    v->pci->config[at + 3] = kind;
    v->pci->config[at + 4] = bar;
    fake_pci_set32(v->pci, at + 8, offset);
    fake_pci_set32(v->pci, at + 12, len);
    if (kind == 2)
        fake_pci_set32(v->pci, at + 16, 4);
    return at;
}

void fake_virtio_caps(struct fake_virtio *v)
{
    fake_virtio_cap(v, 1, 4, FAKE_COMMON, 0x1000);
    fake_virtio_cap(v, 3, 4, FAKE_ISR, 0x1000);
    fake_virtio_cap(v, 4, 4, FAKE_DEVICE, 0x1000);
    fake_virtio_cap(v, 2, 4, FAKE_NOTIFY, 0x1000);
}

void fake_virtio_add(struct fake_virtio *v, struct fake_function *parent, u8 slot, u16 device, unsigned vectors)
{
    *v = (struct fake_virtio){.offered = 1ull << 32 | 1 << 28 | 1 << 29,
                              .num_queues = 1,
                              .refuse_vectors = NO_VECTOR,
                              .alias_bar = 0xff,
                              .notify_bar = 4,
                              .notify_at = FAKE_NOTIFY,
                              .multiplier = 4};
    v->pci = fake_pci_add(parent, slot, 0, 0x1af4, device, 0x000200);
    fake_pci_set16(v->pci, 0x2c, 0x1af4);
    v->pci->ctx = v;
    v->pci->bar_read = bar_read;
    v->pci->bar_write = bar_write;
    v->pci->write_hook = check_config_write;
    fake_pci_bar(v->pci, 4, FAKE_MMIO + slot * 0x100000ull, FAKE_BAR_BYTES, FAKE_BAR_64 | FAKE_BAR_PREFETCH);
    fake_pci_bar(v->pci, 1, FAKE_MMIO + slot * 0x100000ull + 0x10000, 0x1000, 0);
    if (vectors)
        fake_pci_msix(v->pci, 1, 0, vectors);
    for (u16 i = 0; i < FAKE_QUEUES; i++) {
        v->queues[i].max = 128;
        v->queues[i].notify_off = i;
        v->queues[i].notify_id = (u16)(0x100 + i);
    }
    reset(v);
}
