/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - a virtqueue (virtio 1.x, 2.6-2.8): requests in flight and every check on what the host says; the layouts are virtq_split.c and later others. */
#ifndef VIRTQ_H
#define VIRTQ_H

#include "base.h"

enum {
    VIRTQ_MAX = 32768,     /* entries (2.7) */
    VIRTQ_SENSIBLE = 256,  /* entries that we ask for where the device lets us choose */
    VIRTQ_MAX_SPANS = 128, /* descriptors in one request, never more than the queue's size (2.7.5.3.1) */
};

/* What of virtq was negotiated. LEGACY: one block on whole pages, the used ring on the next page's start (2.7.2), and the device tells the size. */
enum { VIRTQ_INDIRECT = 1, VIRTQ_EVENT_IDX = 2, VIRTQ_LEGACY = 4 };

/* requests were added and completed; their difference is in flight. */
struct virtq_counters {
    u64 requests, completed, kicks, interrupts;
};

/* Opaque to drivers but for the fields that a transport needs. */
struct virtq {
    u16 index;                         /* number of the queue in its device */
    u16 size;                          /* entries, a power of two */
    u16 vector;                        /* MSI-X vector, 0xffff: none, so poll */
    bool broken;                       /* the host lied; nothing is believed any more until the device is reset */
    u32 flags;                         /* VIRTQ_INDIRECT... */
    u16 notify_off;                    /* the transport's */
    void *doorbell;                    /* the transport's: where a kick is written to */
    u64 desc_pa, driver_pa, device_pa; /* the three areas (2.6) */
    struct virtq_counters counters;
    const struct virtq_layout *layout;
    struct virtq_slot *slots;        /* one a head: what is in flight */
    void *ring;                      /* the layout's state */
    void (*notify)(struct virtq *q); /* the doorbell; set by the bus */
    void *device;                    /* the bus's */
    u64 progress, since, beat;       /* the bus's: what virtio_wait() saw last, and at which heartbeats */
    u32 polls, sleeps;               /* the bus's */
};

/* Makes the rings for `size` entries (power of two, 1..VIRTQ_MAX), all zero, nothing in flight. NULL: no memory. Frees: only after device reset. */
struct virtq *virtq_new(u16 index, u16 size, u32 flags);
void virtq_free(struct virtq *q);

/* Queues one request: `out` spans that the device reads, then `in` spans that it writes, all in `spans` (which need not live on; the memory
 * they name must until the request comes back). cookie: not NULL. 0; -ENOSPC: no room now; -E2BIG: too many spans for this queue; -EIO: broken. Never waits. */
int virtq_add(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie);

/* Publishes what was added since the last kick and tells the device, if it wants to be told. */
void virtq_kick(struct virtq *q);

/* The next request that the device has finished: its cookie, and in *written the bytes that it wrote (checked: at most the room given). NULL: none
 * yet, or the queue is broken. */
void *virtq_take(struct virtq *q, u32 *written);

/* Asks for an interrupt at the next completion; true: one may already be there, look again before sleeping. */
bool virtq_arm(struct virtq *q);

/* Takes back a request after the device was reset: each cookie in flight once, then NULL. */
void *virtq_reclaim(struct virtq *q);

unsigned virtq_in_flight(const struct virtq *q);

/* ---- for layouts: what virtq.c asks of one, and the state of a request that the device cannot reach ---- */

struct virtq_slot {
    void *cookie; /* NULL: no request starts at this descriptor */
    void *table;  /* indirect descriptors, made at the first use */
    u32 room;     /* bytes that the device may write */
    u16 next;     /* the following descriptor of the chain or of the free list */
    u16 count;    /* descriptors in the ring that the request takes */
};

struct virtq_layout {
    /* Sets the three areas. 0 or -ENOMEM. */
    int (*init)(struct virtq *q);
    void (*free)(struct virtq *q);
    /* Writes the descriptors of one request and stages it: the slot that stands for it; -ENOSPC. */
    int (*add)(struct virtq *q, const struct span *spans, unsigned out, unsigned in);
    /* Takes the descriptors of a finished request back. */
    void (*release)(struct virtq *q, u16 head);
    /* Publishes what is staged; true: the device wants to be told. */
    bool (*publish)(struct virtq *q);
    /* The next finished request as the device tells it, read once: 1; 0: none; -EPROTO: more than are in flight. */
    int (*used)(struct virtq *q, u32 *id, u32 *len);
    bool (*arm)(struct virtq *q);
};
extern const struct virtq_layout virtq_split;

#endif
