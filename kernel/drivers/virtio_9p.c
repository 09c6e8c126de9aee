/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_9p - a share: one queue, in which each request is a whole 9P message and room for its reply. */
#include "9p.h"
#include "mem.h"
#include "print.h"
#include "provoke.h"
#include "virtio.h"
#include "virtq.h"

/* Bit 0: the configuration holds le16 tag_len and that many bytes, no NUL. */
#define VIRTIO_9P_F_MOUNT_TAG (1ull << 0)
enum { TAG_MAX = 63, SPANS_LEAST = 3 };

_Static_assert(sizeof(struct virtq_pair) <= sizeof((struct p9_request){0}.own),
               "a message's table stands in its request");

struct share {
    struct p9_link link;
    struct p9 *client;
    struct virtio_device *dev;
    struct virtq *q;
};

/*
 * A queue that is broken is no case for RING_RESET: what was in flight has an unknown fate at the server, so the session must begin again anyway, and a device
 * that lied is believed only after a reset of all of it. This shows on the real thing that one queue can be taken back while nothing is in flight.
 */
static void renew_queue(struct share *s)
{
    if (!virtq_in_flight(s->q) && virtio_queue_stop(s->dev, s->q) == 0 && virtio_queue_start(s->dev, s->q) == 0)
        log_info("%s: its queue was reset, and is up again", s->dev->name);
}

/* A message whose payload stands between it and the room for the reply. */
static int add_payload_out(struct share *s, struct p9_request *req)
{
    struct span spans[P9_SPANS + 2];
    spans[0] = req->out;
    for (unsigned i = 0; i < req->npayload; i++)
        spans[1 + i] = req->payload[i];
    spans[1 + req->npayload] = req->in;
    return virtq_add(s->q, spans, 1 + req->npayload, 1, req);
}

/* No message has six bytes: QEMU's device is broken by it. */
static COLD int add_broken(struct share *s, struct p9_request *req)
{
    return virtq_add(s->q, (struct span[]){{req->out.pa, 6}, req->in}, 1, 1, req);
}

static int submit(struct p9_link *link, struct p9_request *req)
{
    struct share *s = link->priv;
    if (!s->q || s->dev->failed)
        return -EIO;
    if (req->npayload > link->max_spans)
        return -E2BIG;
    if (provoke_queue())
        renew_queue(s);
    if (provoke_device())
        return add_broken(s, req);
    struct virtq_pair *pair = (struct virtq_pair *)req->own;
    bool paired = req->fixed && !req->npayload;
    if (paired && (pair->table_pa || virtq_lay_out(s->q, pair, req->out.pa, req->in.pa)))
        return virtq_add_pair(s->q, pair, (u32)req->out.len, (u32)req->in.len, req);
    if (req->npayload && !req->payload_in)
        return add_payload_out(s, req);
    return virtq_add(s->q, req->spans, 1, 1 + req->npayload, req);
}

static void kick(struct p9_link *link)
{
    struct share *s = link->priv;
    if (s->q && !s->dev->failed)
        virtq_kick(s->q);
}

/* The device does no DMA any more: what was in flight ends here. */
static void abandon(struct share *s)
{
    struct p9_request *req;
    while ((req = virtq_reclaim(s->q)) != NULL)
        p9_complete(req, 0, -EIO);
}

static int wait(struct p9_link *link, unsigned n)
{
    struct share *s = link->priv;
    struct p9_request *req;
    u32 written;
    if (!s->q)
        return -EIO;
    do {
        u64 before = s->q->counters.completed;
        while ((req = virtq_take(s->q, &written)) != NULL)
            p9_complete(req, written, 0);
        if (s->q->counters.completed != before && !s->q->broken)
            return 0;
    } while (virtio_wait_for(s->dev, s->q, n) == 0);
    virtio_fail(s->dev, "its queue is broken");
    abandon(s);
    return -EIO;
}

/* The message for which this is called came back already. Others did not, if the bus found the device out. */
static int restart(struct p9_link *link)
{
    struct share *s = link->priv;
    u16 size = s->q ? s->q->size : 0;
    if (s->q && s->dev->failed)
        abandon(s);
    int err = s->q ? virtio_restart(s->dev) : -EIO;
    s->q = s->q && s->dev->nqueues ? s->dev->queues[0] : NULL;
    if (err == 0 && s->q->size < size) {
        virtio_fail(s->dev, "its queue is smaller than before");
        err = -EIO;
    }
    return err;
}

static void free_share(struct p9_link *link)
{
    mem_delete(link->priv, sizeof(struct share));
}

static const struct p9_link_ops link_ops = {
    .submit = submit, .kick = kick, .wait = wait, .restart = restart, .free = free_share};

/* NULL, and the device failed: it has no tag that could be used. */
static const char *read_tag(struct virtio_device *dev, char tag[TAG_MAX + 1])
{
    le16 len = {0};
    if (!virtio_has(dev, VIRTIO_9P_F_MOUNT_TAG))
        return dev->name;
    if (virtio_config(dev, 0, &len, sizeof(len)) < 0)
        virtio_fail(dev, "its configuration holds no mount tag");
    else if (le16_get(len) > TAG_MAX)
        virtio_fail(dev, "its mount tag is longer than 63 bytes; give it a shorter mount_tag=");
    else if (virtio_config(dev, sizeof(len), tag, le16_get(len)) < 0)
        virtio_fail(dev, "its mount tag runs out of its configuration");
    return dev->failed ? NULL : tag[0] ? tag : dev->name;
}

static int probe(struct virtio_device *dev)
{
    char bytes[TAG_MAX + 1] = {0};
    struct virtq *q = dev->queues[0];
    const char *tag = read_tag(dev, bytes);
    if (!tag)
        return -EINVAL;
    if (q->max_spans < SPANS_LEAST) {
        virtio_fail(dev, "its queue is too small for a request");
        return -EINVAL;
    }
    struct share *s = mem_new(sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = (struct share){.dev = dev, .q = q};
    s->link = (struct p9_link){
        .ops = &link_ops,
        .priv = s,
        .max_spans = MIN((unsigned)P9_SPANS, q->max_spans - 2u),
        .depth = MIN((unsigned)P9_REQUESTS, q->size),
    };
    dev->priv = s;
    log_info("%s: 9p, tag \"%s\"", dev->name, tag);
    s->client = p9_new(&s->link, tag);
    if (!s->client)
        mem_delete(s, sizeof(*s));
    return s->client ? 0 : -ENOMEM;
}

/* The client outlives the device as long as something of it is open or mounted. */
static void remove(struct virtio_device *dev)
{
    struct share *s = dev->priv;
    if (s->q)
        abandon(s);
    s->q = NULL;
    p9_retire(s->client);
}

VIRTIO_DRIVER(virtio_9p) = {
    .name = "virtio_9p",
    .id = VIRTIO_ID_9P,
    .features = VIRTIO_9P_F_MOUNT_TAG,
    .queues = 1,
    .probe = probe,
    .remove = remove,
};
