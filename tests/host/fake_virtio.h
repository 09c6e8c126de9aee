/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_virtio - a virtio device as the specification wants it, with knobs to make it lie, that notes what the driver does wrong. */
#ifndef FAKE_VIRTIO_H
#define FAKE_VIRTIO_H

#include "base.h"

struct fake_function;
struct virtq;

/* ---- the device's side of a ring, of either layout ---- */

enum { FAKE_CHAIN = 256, FAKE_IDS = 1024 };

/* A request that the device has got: where it stands, its table, and sums of both, as nobody may change them meanwhile. */
struct fake_taken {
    u16 at, count;
    u32 table_len;
    u64 table, sum;
};

struct fake_ring {
    u16 size;
    u64 desc, driver, device;
    bool event_idx, indirect, packed, in_order;
    u16 seen;                /* split: available entries consumed; packed: the next place to look at */
    u16 used;                /* split: used index as we count it; packed: the place of the next used descriptor */
    bool seen_odd, used_odd; /* packed: in the second lap, the fourth... */
    u16 head;                /* in_order: where the next request is to stand */
    struct fake_taken taken[FAKE_IDS];
    u64 places[FAKE_IDS]; /* packed: sums of the descriptors that are the device's */
};

/* One request as the device finds it. */
struct fake_chain {
    u16 head;  /* packed: the id */
    u16 count; /* descriptors in the ring */
    unsigned out, in;
    struct span spans[FAKE_CHAIN];
    u64 room;
    bool indirect;
    u64 table;
    u32 table_len;
};

/* The device's view of a queue that virtq_new() made. */
struct fake_ring fake_ring_of(const struct virtq *q);
/* The next available request; false: none. What is wrong with it goes to fake_complain(). */
bool fake_ring_pop(struct fake_ring *r, struct fake_chain *chain);
/* Returns it; true: the driver wants an interrupt. */
bool fake_ring_push(struct fake_ring *r, u32 id, u32 len);
/* The device has done with it: the descriptors in the ring that it took; 1 for one that it never got. */
u16 fake_ring_forget(struct fake_ring *r, u32 id);
/* in_order: returns n requests at once, of which `id` is the last; n and the descriptors of all are what the device says;
 * fake_ring_forget() is up to the caller. */
bool fake_ring_push_batch(struct fake_ring *r, unsigned n, unsigned descriptors, u32 id, u32 len);
/* Steps of the same, for devices that lie: an entry or descriptor; split: the index; packed: flags of a descriptor. */
void fake_ring_used(struct fake_ring *r, u16 at, u32 id, u32 len);
void fake_ring_set_used_idx(struct fake_ring *r, u16 idx);
void fake_ring_mark(struct fake_ring *r, u16 at, u16 flags);
/* Wants to be told of the next request / of none (EVENT_IDX: of the one behind index or place `at`; packed: bit 15 is the lap's parity). */
void fake_ring_want_kick(struct fake_ring *r, bool want, u16 at);
/* The driver asks not to be interrupted. */
bool fake_ring_is_quiet(const struct fake_ring *r);

/* The driver broke the specification: the first text is kept. fake_complaint() is NULL when it never did; forgets it. */
void fake_complain(const char *what);
const char *fake_complaint(void);

/* ---- a whole device ---- */

enum { FAKE_QUEUES = 128, FAKE_STATUS_LOG = 64, FAKE_ACCESSES = 1024 };

/* One access to a register: offset in the structure, as the driver made it. */
struct fake_access {
    bool write;
    u8 bar, width;
    u32 offset, value;
};

struct fake_queue {
    u16 max, size, vector, notify_off, notify_id, enable;
    u64 desc, driver, device;
    struct fake_ring ring;
    u64 kicks;
    u32 told; /* by the last one: all bits that were written */
};

struct fake_virtio {
    struct fake_function *pci;
    u64 offered, accepted;
    u32 offer_select, accept_select;
    u8 status, generation;
    u16 num_queues, select, config_vector;
    struct fake_queue queues[FAKE_QUEUES];
    u8 config[256];
    u32 config_len;
    u64 writable;                   /* bit i: the driver may write byte i of the configuration */
    u8 status_log[FAKE_STATUS_LOG]; /* what the driver wrote */
    unsigned nstatus, config_reads, widest_config_read;
    bool legacy;    /* registers as in 4.1.4.10, in BAR 0 */
    u8 isr;         /* bit 0: used buffers, bit 1: configuration */
    u8 notify_bar;  /* where notifications go */
    u32 notify_at;  /* and from where on there */
    u32 multiplier; /* of notify_off */
    u8 alias_bar;   /* accesses to it are to BAR 4; 0xff: none */
    u16 window;     /* offset of a capability VIRTIO_PCI_CAP_PCI_CFG; 0: none */
    u64 naccesses;  /* to registers, in order; the first of them: */
    struct fake_access accesses[FAKE_ACCESSES];
    unsigned queue_resets, isr_reads;
    bool reset_seen; /* by the driver, since it asked for it last */

    /* Answers a request; the bytes written. NULL: fills everything with 0x5a. */
    u32 (*serve)(struct fake_virtio *v, const struct fake_chain *chain);
    void *ctx;

    /* How it misbehaves. */
    int reset_reads;         /* status reads until a reset shows; -1: never */
    bool refuse_features;    /* FEATURES_OK does not stick */
    u16 refuse_vectors;      /* from this vector on */
    unsigned changes_in;     /* reads of the configuration until all of it changes; 0: it does not */
    int generation_moves;    /* so many reads of the generation differ; -1: all */
    u8 status_or;            /* shows in every read of the status once DRIVER_OK is set */
    bool hold;               /* answers nothing */
    bool mute;               /* raises no interrupts */
    bool enabled_at_once;    /* queues are enabled from the start */
    u16 bad_queue_size;      /* not 0: what queue_size reads */
    bool dropped_status;     /* DRIVER_OK is forgotten */
    u64 gone_from, gone_for; /* so many accesses from this one on give all ones; ~0: and writes do nothing */
    int slow_queue_reset;    /* reads of queue_reset until it shows; -1: never */
    int config_moves;        /* so many reads of the configuration differ from what was before; -1: all */
};

enum { FAKE_COMMON = 0x0, FAKE_ISR = 0x1000, FAKE_DEVICE = 0x2000, FAKE_NOTIFY = 0x3000, FAKE_BAR_BYTES = 0x4000 };

/* A modern virtio function at 00:slot.0 with BARs placed, `vectors` MSI-X vectors (0: none) and one queue of 128. */
void fake_virtio_add(struct fake_virtio *v, struct fake_function *parent, u8 slot, u16 device, unsigned vectors);
/* A capability of this kind; extra: the notify multiplier. Returns its offset. */
u16 fake_virtio_cap(struct fake_virtio *v, u8 kind, u8 bar, u32 offset, u32 len);
/* The window in configuration space. */
void fake_virtio_window(struct fake_virtio *v);
/* Makes it a legacy device: an I/O BAR 0 at this port (0: without firmware), revision 0. */
void fake_virtio_legacy(struct fake_virtio *v, u16 port);
/* Gives it an interrupt line. */
void fake_virtio_line(struct fake_virtio *v, u8 line);
/* The four that a device must have. */
void fake_virtio_caps(struct fake_virtio *v);
/* Answers everything that is available; sets fake_idle to do so whenever the kernel sleeps. */
void fake_virtio_run(struct fake_virtio *v);
void fake_virtio_run_when_idle(struct fake_virtio *v);
/* Answers n requests of queue 0. */
unsigned fake_virtio_answer(struct fake_virtio *v, unsigned n);
void fake_virtio_config_interrupt(struct fake_virtio *v);

#endif
