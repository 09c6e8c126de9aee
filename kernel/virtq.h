/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - a virtqueue (virtio 1.x, 2.6-2.9): requests in flight and every check on what the host says; the layouts are virtq_split.c, virtq_packed.c. */
#ifndef VIRTQ_H
#define VIRTQ_H

#include "base.h"

enum {
    VIRTQ_MAX = 32768,     /* entries (2.7) */
    VIRTQ_SENSIBLE = 256,  /* entries that we ask for where the device lets us choose */
    VIRTQ_MAX_SPANS = 128, /* descriptors in one request, never more than the queue's size (2.7.5.3.1) */
};

/* What of virtq was negotiated. LEGACY: one block on whole pages, the used ring on the next page's start (2.7.2), and the device tells the size. */
enum { VIRTQ_INDIRECT = 1, VIRTQ_EVENT_IDX = 2, VIRTQ_LEGACY = 4, VIRTQ_PACKED = 8, VIRTQ_IN_ORDER = 16 };

/* requests were added and completed; their difference is in flight. */
struct virtq_counters {
    u64 requests, completed, kicks, interrupts;
    u64 spins, misses; /* waits that an answer ended while we looked; those in which we looked in vain */
};

/* Opaque to drivers but for the fields that a transport needs. */
struct virtq {
    u16 index;                 /* number of the queue in its device */
    u16 size;                  /* entries; split: a power of two */
    u16 vector;                /* MSI-X vector; 0xfffe: a line; 0xffff: none, so poll */
    bool broken;               /* the host lied; nothing is believed any more until the device is reset */
    char why[80];              /* it is broken; for the log */
    u32 flags;                 /* VIRTQ_INDIRECT... */
    u16 max_spans;             /* in one request */
    u16 notify_off, notify_id; /* the transport's */
    u16 available;  /* the layout's: where the next request will stand, as NOTIFICATION_DATA tells it (2.9) */
    void *doorbell; /* the transport's: where a kick is written to */
    u64 desc_pa, driver_pa, device_pa; /* the three areas (2.6) */
    struct virtq_counters counters;
    const struct virtq_layout *layout;
    struct virtq_slot *slots;        /* one a head: what is in flight */
    void *ring;                      /* the layout's state */
    u32 published;                   /* number of the last request that the device may see; requests count from 1 */
    u32 batch, batch_written;        /* IN_ORDER: finished and not yet taken; what was written in the last of them */
    u16 oldest;                      /* IN_ORDER: the head that finishes next */
    void (*notify)(struct virtq *q); /* the doorbell; set by the bus */
    void *device;                    /* the bus's */
    u64 progress, since, beat;       /* the bus's: what virtio_wait() saw last, and at which heartbeats */
    u32 polls, sleeps, idles;        /* the bus's */
    u64 spun_from;                   /* its: the cycle at which the wait that spins began; 0: it sleeps */
    u32 trial, trials;               /* waits until the next spin for trial, and from one to the next */
    u8 luck;                         /* above 0: spinning pays */
};

/* Makes the rings for `size` entries (1..VIRTQ_MAX; a power of two unless PACKED), all zero, nothing in flight. NULL: no memory. Frees: only
 * after the device or this queue was reset. */
struct virtq *virtq_new(u16 index, u16 size, u32 flags);
void virtq_free(struct virtq *q);

/* The queue as new, for a device that forgot the old rings; what was in flight was taken back. The counters go on. 0 or -ENOMEM. */
int virtq_renew(struct virtq *q);

/* Queues one request: `out` spans that the device reads, then `in` spans that it writes, all in `spans` (which need not live on; the memory
 * they name must until the request comes back). cookie: not NULL. 0; -ENOSPC: no room now; -E2BIG: too many spans for this queue; -EIO: broken. Never waits. */
static inline int virtq_add(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie);

/*
 * A request of one span for the device to read and one for it to write, at places that never change: its indirect table is laid out once, and then only the
 * lengths are written. The driver keeps it, all zero before. lay_out: false: it is to be added by virtq_add(). add_pair: as virtq_add().
 */
struct virtq_pair {
    u64 table[4]; /* two descriptors */
    u64 table_pa; /* 0: it is not laid out */
};

bool virtq_lay_out(struct virtq *q, struct virtq_pair *pair, u64 out_pa, u64 in_pa);
static inline int virtq_add_pair(struct virtq *q, struct virtq_pair *pair, u32 out, u32 in, void *cookie);

/* Publishes what was added since the last kick and tells the device, if it wants to be told. */
void virtq_kick(struct virtq *q);

/* The next request that the device has finished: its cookie, and in *written the bytes that it wrote (checked: at most the room given). NULL: none
 * yet, or the queue is broken. */
void *virtq_take(struct virtq *q, u32 *written);

/* Asks for an interrupt at the n-th completion from now on, where EVENT_IDX was negotiated, else at the next; true: one may already be there, look again
 * before sleeping. n: 1..in flight. */
bool virtq_arm(struct virtq *q, u16 n);

/* Takes back a request after the device was reset: each cookie in flight once, then NULL. */
void *virtq_reclaim(struct virtq *q);

static inline unsigned virtq_in_flight(const struct virtq *q)
{
    return (unsigned)(q->counters.requests - q->counters.completed);
}

/* Descriptors that may be in the ring at once. QEMU 10 loses what is finished in order while a packed ring is full, so one place stays free there. */
static inline u16 virtq_room(const struct virtq *q)
{
    bool spare = q->flags & VIRTQ_PACKED && q->flags & VIRTQ_IN_ORDER && q->size > 1;
    return (u16)(q->size - spare);
}

/* ---- for layouts: what virtq.c asks of one, and the state of a request that the device cannot reach ---- */

struct virtq_slot {
    void *cookie; /* NULL: no request starts at this descriptor */
    void *table;  /* indirect descriptors, made at the first use */
    u64 table_pa;
    u32 room;   /* bytes that the device may write */
    u32 number; /* of the request */
    u16 next;   /* the following descriptor of the chain or of the free list */
    u16 count;  /* descriptors in the ring that the request takes */
};

/* What the device says: how many requests are finished, and of the next one which it is and how many bytes were written. */
struct virtq_used {
    u32 finished, id, len;
};

/* With IN_ORDER a head is the place of its first descriptor, so that the next request's head is `count` further (2.7.5.2, 2.7.9). */
struct virtq_layout {
    /* Sets the three areas. 0 or -ENOMEM. */
    int (*init)(struct virtq *q);
    void (*free)(struct virtq *q);
    /* virtq_add(): virtq_check(), the descriptors, virtq_staged(). */
    int (*add)(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie);
    /* virtq_lay_out() with INDIRECT, and virtq_add_pair(). */
    void (*lay_out)(struct virtq_pair *pair, u64 out_pa, u64 in_pa);
    int (*add_pair)(struct virtq *q, struct virtq_pair *pair, u32 out, u32 in, void *cookie);
    /* Takes the descriptors of a finished request back, and looks behind it from now on. */
    void (*release)(struct virtq *q, u16 head);
    /* Publishes what is staged; true: the device wants to be told. */
    bool (*publish)(struct virtq *q);
    /* Each word of the device is read once; nothing is finished: all 0. A packed ring tells no number: as many as it has, `out`. */
    struct virtq_used (*used)(struct virtq *q, u32 out);
    bool (*arm)(struct virtq *q, u16 n);
};
extern const struct virtq_layout virtq_split, virtq_packed;

/* Room for MIN(size, VIRTQ_MAX_SPANS) indirect descriptors of 16 bytes that belong to this head; NULL: no memory. */
void *virtq_table(struct virtq *q, u16 head);

/* What every request has to keep to. *room: the bytes that the device may write. 0; -E2BIG; -EIO: broken. */
static inline int virtq_check(const struct virtq *q, const struct span *spans, unsigned out, unsigned in, u64 *room)
{
    const u64 most = 0xffffffff;
    u64 total = 0, read = 0;
    if (q->broken)
        return -EIO;
    if (out + in > q->max_spans)
        return -E2BIG;
    /* No span may be empty, and no chain have more than 32 bits (2.7.5.2). */
    for (unsigned i = 0; i < out + in; i++) {
        u64 len = spans[i].len;
        if (len - 1 >= most)
            return -E2BIG;
        total += len;
        read += i < out ? len : 0;
    }
    *room = total - read;
    return total - 1 < most ? 0 : -E2BIG;
}

/* The request that starts at `head` is staged: it takes so many descriptors of the ring. */
static inline int virtq_staged(struct virtq *q, u16 head, unsigned count, u64 room, void *cookie)
{
    struct virtq_slot *slot = &q->slots[head];
    slot->cookie = cookie;
    slot->room = (u32)room;
    slot->number = (u32)++q->counters.requests;
    slot->count = (u16)count;
    return 0;
}

static inline int virtq_add(struct virtq *q, const struct span *spans, unsigned out, unsigned in, void *cookie)
{
    return q->layout->add(q, spans, out, in, cookie);
}

static inline int virtq_add_pair(struct virtq *q, struct virtq_pair *pair, u32 out, u32 in, void *cookie)
{
    return q->layout->add_pair(q, pair, out, in, cookie);
}

#endif
