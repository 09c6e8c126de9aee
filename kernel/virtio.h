/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio - the virtio bus: devices that transports register, negotiation, and the table of virtio drivers (virtio 1.x, chapters 2, 3, 6). */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "base.h"

struct virtq;

/* Device ids (chapter 5). */
enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4, VIRTIO_ID_BALLOON = 5, VIRTIO_ID_9P = 9 };

/* Device status bits (2.1). */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* Feature bits that belong to no device type (chapter 6). */
#define VIRTIO_F_ANY_LAYOUT        (1ull << 27) /* legacy devices' */
#define VIRTIO_F_INDIRECT_DESC     (1ull << 28)
#define VIRTIO_F_EVENT_IDX         (1ull << 29)
#define VIRTIO_F_VERSION_1         (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM   (1ull << 33)
#define VIRTIO_F_RING_PACKED       (1ull << 34)
#define VIRTIO_F_IN_ORDER          (1ull << 35)
#define VIRTIO_F_ORDER_PLATFORM    (1ull << 36)
#define VIRTIO_F_NOTIFICATION_DATA (1ull << 38)
#define VIRTIO_F_NOTIF_CONFIG_DATA (1ull << 39)
#define VIRTIO_F_RING_RESET        (1ull << 40)

enum { VIRTIO_QUEUES = 128 }; /* that a driver may have at most */
/* What a queue's vector is when it is none of MSI-X. */
enum { VIRTIO_LINE = 0xfffe, VIRTIO_NO_VECTOR = 0xffff };

struct virtio_device;

/* What a transport can do. All registers' values are the host's: not to be believed. */
struct virtio_transport {
    const char *name;
    bool legacy; /* virtio 0.9: no VERSION_1, no FEATURES_OK, queues as long as the device says (2.2.3, 2.3.4) */
    u8 (*get_status)(struct virtio_device *dev);
    void (*set_status)(struct virtio_device *dev, u8 status); /* 0: asks for reset; the bus waits for it */
    /* What is offered, without what this transport cannot do: NOTIFICATION_DATA, NOTIF_CONFIG_DATA, RING_RESET are its work. */
    u64 (*get_features)(struct virtio_device *dev);
    void (*set_features)(struct virtio_device *dev, u64 features);
    u16 (*queue_max)(struct virtio_device *dev, u16 index); /* entries; 0: no such queue */
    /* Tells the device a queue's size, addresses and vector, and enables it. Sets what of q is the transport's. 0 or -errno. */
    int (*queue_enable)(struct virtio_device *dev, struct virtq *q);
    /* Takes one queue back from the device (RING_RESET, 2.6.1) and waits until it is back; queue_enable() may follow. 0; -EIO: it stays the device's.
     * NULL: only the whole device can be reset. */
    int (*queue_reset)(struct virtio_device *dev, struct virtq *q);
    void (*notify)(struct virtq *q);
    /* Device configuration: 2 and 4 aligned bytes are one field, read as such (4.1.3.1); all else byte by byte. -EINVAL beyond its end. */
    int (*config_read)(struct virtio_device *dev, u32 offset, void *bytes, u32 len);
    /* The same in the other direction. */
    int (*config_write)(struct virtio_device *dev, u32 offset, const void *bytes, u32 len);
    u8 (*generation)(struct virtio_device *dev);
    /* Interrupts for `queues` queues and for configuration changes: how many of the queues have a vector (0: poll). They count in
     * dev->interrupts and the queue's counters, or call virtio_config_interrupt(). */
    int (*irqs)(struct virtio_device *dev, unsigned queues);
    /* Whether the device may reach memory at all: only from a reset of it that was seen to its end, until it fails or its driver lets go. */
    void (*admit)(struct virtio_device *dev, bool may);
    /* For a device that does not reset: keeps it from our memory by other means. It may not be reachable afterwards. */
    void (*cut_off)(struct virtio_device *dev);
};

struct virtio_device {
    struct virtio_device *next;
    const struct virtio_transport *transport;
    void *transport_priv;
    const struct virtio_driver *driver;
    void *priv;         /* the driver's */
    const char *parent; /* name of the function or slot it came out of, e.g. "0000:00:04.0"; the transport's */
    u32 id;             /* VIRTIO_ID_... */
    u32 vendor;
    char name[12];         /* "virtio0": the lowest that was free, as on Linux */
    u32 number;            /* that no other device ever gets, in the order of the list */
    u64 offered, accepted; /* feature bits */
    struct virtq **queues; /* nqueues of them; the bus's */
    unsigned nqueues;
    u64 interrupts, config_changes, config_seen;
    u8 status;     /* as we set it last */
    u8 generation; /* of its configuration, where no vector tells of changes */
    u8 revivals;   /* how often it was bound again because it failed */
    bool bound;    /* its driver's probe took it, so remove is owed */
    u8 silences;   /* how often it was given up because it did not answer */
    bool silent; /* it was given up so, or cut off: it is not brought up again, unless silence is all that it can say */
    const char *told_why; /* the cause that the log last had for its failing */
    u64 told;             /* and when */
    bool failed;          /* gone, broken or refused: its driver answers EIO */
    bool changed;         /* its configuration changed and the driver was not told yet */
};

struct virtio_driver {
    const char *name;
    u32 id;
    u64 features; /* device-type bits that it understands; the bus adds what it and virtq understand itself */
    struct {
        u64 feature, base;
    } needs[4];      /* bits of its type that mean nothing without others */
    unsigned queues; /* that it needs at least; the bus has made and enabled them (DRIVER_OK set) when probe runs */
    u16 queue_size;  /* entries that it has use for in each; 0: as many as make sense */
    /* How many queues this device has use for, when that depends on features and configuration, which may be read; at most VIRTIO_QUEUES. NULL: `queues`. */
    unsigned (*count_queues)(struct virtio_device *dev);
    /* 0, or -errno: the device gets FAILED, and has no memory of the driver's by then, or was failed first. Configuration may be read. */
    int (*probe)(struct virtio_device *dev);
    /* The configuration may have changed: called at a safe point (later.h). Without a vector it is found out at a heartbeat. May wait. May be NULL. */
    void (*config_changed)(struct virtio_device *dev);
    /* The device is reset or cut off already: no DMA any more. Takes back what was in flight (virtq_reclaim) and frees its own. */
    void (*remove)(struct virtio_device *dev);
    /* Nothing of what it did for a device need outlive that device's failing: it is removed and probed again at a safe point, 16 times at most. */
    bool again;
};

/* Declares a driver: VIRTIO_DRIVER(rng) = {.name = "virtio_rng", ...}; */
#define VIRTIO_DRIVER(ident)                                                                                           \
    static const struct virtio_driver ident;                                                                           \
    TABLE_ENTRY(virtio_drivers, struct virtio_driver, ident);                                                          \
    static const struct virtio_driver ident
extern const struct virtio_driver *const __start_virtio_drivers[], *const __stop_virtio_drivers[];

/* For transports. The device (zeroed but for transport, transport_priv, parent, id, vendor) lives until virtio_unregister. Finds the driver, negotiates and probes.
 * 0, also when there is no driver for it; -errno when it was refused: then it stays, failed, for people to see. Waits for the device's reset. */
int virtio_register(struct virtio_device *dev);
void virtio_unregister(struct virtio_device *dev);

/* Brings a device that has no driver up for this one. 0; -EIO: it was refused, and stays without. Waits for the device's reset. */
int virtio_bind(struct virtio_device *dev, const struct virtio_driver *driver);
/* Resets it and takes it from its driver, whose users hear EIO or ENODEV from then on. */
void virtio_unbind(struct virtio_device *dev);
/* The driver that has the device now, or NULL. */
static inline const struct virtio_driver *virtio_driver_of(const struct virtio_device *dev)
{
    return dev->bound ? dev->driver : NULL;
}

/* The first device; follow ->next. */
struct virtio_device *virtio_first(void);

static inline bool virtio_has(const struct virtio_device *dev, u64 feature)
{
    return (dev->accepted & feature) != 0;
}

/* Reads [offset, offset+len) of the device's configuration, whole at one generation (2.5.1); 8 bytes are two fields of 4. 0; -EINVAL beyond its end;
 * -EIO when the generation never settles. */
int virtio_config(struct virtio_device *dev, u32 offset, void *bytes, u32 len);
/* Writes a field that the driver may write. 0; -EINVAL beyond its end. */
int virtio_config_write(struct virtio_device *dev, u32 offset, const void *bytes, u32 len);

/* Waits until something may have happened on q: an interrupt, or a moment's pause where there is none. Call virtq_take() before and after.
 * 0; -EIO: the device says it needs reset, is gone, or was silent for VIRTIO_SILENCE heartbeats (or what the option virtio.silence says)
 * since the last completion. */
enum { VIRTIO_SILENCE = 300 };
int virtio_wait(struct virtio_device *dev, struct virtq *q);
/* The same for who can go on only when n are completed: it may not be woken before. */
int virtio_wait_for(struct virtio_device *dev, struct virtq *q, unsigned n);

/* The same for what the device may keep as long as it likes, such as a buffer for input: silence is no fault. */
int virtio_idle(struct virtio_device *dev, struct virtq *q);
/* The same for who has no limit of his own: sleeps on, beyond the next heartbeat. */
int virtio_rest(struct virtio_device *dev, struct virtq *q);

/* Asks for an interrupt at the next completion, for who sleeps elsewhere. false: there will be none, or there is something already. */
bool virtio_listen(struct virtio_device *dev, struct virtq *q);

/* Why the device cannot go on, by its own word; NULL: it says that it is well. */
const char *virtio_ailment(struct virtio_device *dev);

/* For transports, from an interrupt: the device says that its configuration, or its status, changed. */
void virtio_config_interrupt(struct virtio_device *dev);

/* The features to accept, of dev->offered. */
u64 virtio_features(const struct virtio_device *dev);

/* Takes one queue back from a device that goes on, so that what was in flight in it can be taken back (virtq_reclaim), and brings it up again, empty.
 * 0. -EOPNOTSUPP: the device cannot do it. -EIO: it did not, and was given up. Waits for the device. */
int virtio_queue_stop(struct virtio_device *dev, struct virtq *q);
int virtio_queue_start(struct virtio_device *dev, struct virtq *q);

/*
 * Recovery. A device that says NEEDS_RESET, or whose queue is broken, is failed by virtio_wait() or by its driver: reset already, so that it does no more DMA. A
 * driver that can go on without what the device knew may then, in this order and not from config_changed: take back all that was in flight (virtq_reclaim),
 * call virtio_restart(), fetch its queues anew from dev->queues, set the device up as probe did, and submit what may be done twice once more. What may not,
 * its users hear as EIO. A driver that cannot says `again`, or does nothing: it answers EIO until the device is bound again. A driver bounds how often it tries.
 */
/* Brings a device that failed up again as at the start, with new queues in dev->queues, the same features and nothing in flight; what was in flight must
 * have been taken back (virtq_reclaim). 0; -EIO: it is gone, or does not come up. Waits for the device's reset. */
int virtio_restart(struct virtio_device *dev);

/* Gives the device up: resets it, so that it does no more DMA, and marks it failed. One line in the log gives `why`, or by what a queue of it was
 * broken; a device that fails again and again has a line now and then. */
void virtio_fail(struct virtio_device *dev, const char *why);

#endif
