/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_console - consoles /dev/hvc0 and ports /dev/vport0p1, by name in /dev/virtio-ports (virtio 1.x, 5.3).
 * The host adds and removes ports; their queues, and the buffers in them, stay as long as the device. A program may sleep in a read while that is
 * unplugged: who is inside when that happens frees what the driver had. */
#include "arch.h"
#include "devfs.h"
#include "hvc.h"
#include "later.h"
#include "mem.h"
#include "print.h"
#include "vfs.h"
#include "virtio.h"
#include "virtq.h"

#define VIRTIO_CONSOLE_F_SIZE      (1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT (1ull << 1)

/* Control messages (5.3.6.2); their names begin with VIRTIO_CONSOLE_. */
enum { DEVICE_READY, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };
struct virtio_console_control {
    le32 id;
    le16 event, value;
};
_Static_assert(sizeof(struct virtio_console_control) == 8, "virtio 5.3.6.2");

enum { CONFIG_SIZE = 0, CONFIG_MAX_NR_PORTS = 4 }; /* le16 cols, rows; le32 */
/* Queues; the first two are port 0's, those behind them port 1's and so on. */
enum { IN, OUT, CONTROL_IN, CONTROL_OUT };
enum { MAJOR = 242, PORTS_MAX = VIRTIO_QUEUES / 2 - 1, MOMENT = 2 /* heartbeats */ };
enum { INPUTS = 4, INPUT = 4096, OUTPUT = 32768, MESSAGES = 32, MESSAGE = 512 };

/* What the device reads and writes. */
struct traffic {
    u8 input[INPUTS][INPUT];
    u8 output[OUTPUT];
};

struct port {
    struct serial *on;
    u32 id;
    bool there, host_open, guest_open, is_console;
    struct traffic *traffic; /* made when it is opened first */
    u8 *buffer;              /* the input that came last, from which `left` bytes at `at` are still to be read */
    u32 at, left;
    char vport_name[24], link_to[32], name[VFS_NAME_MAX + 1];
    struct device vport, link, console;
    struct hvc hvc;
};

struct serial {
    struct virtio_device *dev;
    struct port *ports;     /* nports of them */
    unsigned nports, users; /* users: programs that are inside, and may sleep */
    bool multiport, gone, hearing, complained;
    struct later watch;
    struct virtio_console_control told; /* the message to the device */
    u8 (*messages)[MESSAGE];            /* from the device */
};

static bool hear(struct serial *s);

/* The first complaint about a device is told; a host that goes on lying makes no flood. */
static void complain(struct serial *s, const char *what, u32 number)
{
    if (!s->complained)
        log_warn("%s: %s (%u)", s->dev->name, what, number);
    s->complained = true;
}

/* ---- queues ---- */

static struct virtq *queue(const struct port *p, unsigned which)
{
    return p->on->dev->queues[p->id ? 2 * (p->id + 1) + which : which];
}

/* What the device is done with; a queue that lies ends it. */
static void *take_from(struct serial *s, struct virtq *q, u32 *len)
{
    void *buffer = s->dev->failed ? NULL : virtq_take(q, len);
    if (q->broken)
        virtio_fail(s->dev, "its queue is broken");
    return buffer;
}

/* Lends the device a buffer to write to. */
static void lend(struct virtq *q, u8 *buffer, u32 len)
{
    virtq_add(q, &(struct span){mem_phys(buffer), len}, 0, 1, buffer);
    virtq_kick(q);
}

static bool start_traffic(struct port *p)
{
    if (p->traffic || !(p->traffic = mem_new(sizeof *p->traffic)))
        return p->traffic;
    for (unsigned i = 0; i < INPUTS; i++)
        lend(queue(p, IN), p->traffic->input[i], INPUT);
    return true;
}

static void use_input(struct port *p, u32 n)
{
    p->at += n;
    p->left -= n;
    if (!p->left)
        lend(queue(p, IN), p->buffer, INPUT);
}

static bool has_input(struct port *p)
{
    for (unsigned tries = 0; p->traffic && !p->left && tries < INPUTS; tries++) {
        u8 *buffer = take_from(p->on, queue(p, IN), &p->left);
        if (!buffer)
            break;
        p->buffer = buffer;
        p->at = 0;
        use_input(p, 0); /* there may be nothing in it */
    }
    return p->left;
}

static void drop_input(struct port *p)
{
    for (unsigned tries = 0; tries < INPUTS && has_input(p); tries++)
        use_input(p, p->left);
}

/* Whether the device has taken what was sent last. */
static bool has_room(struct port *p)
{
    u32 none;
    take_from(p->on, queue(p, OUT), &none);
    return virtq_in_flight(queue(p, OUT)) == 0;
}

/* Tells the device, and waits until it has heard. */
static void tell(struct serial *s, u32 id, u16 event, u16 value)
{
    u32 none;
    if (!s->multiport || s->dev->failed)
        return;
    struct virtq *q = s->dev->queues[CONTROL_OUT];
    s->told = (struct virtio_console_control){to_le32(id), to_le16(event), to_le16(value)};
    virtq_add(q, &(struct span){mem_phys(&s->told), sizeof s->told}, 1, 0, s);
    virtq_kick(q);
    while (!take_from(s, q, &none) && virtio_wait(s->dev, q) == 0)
        ;
}

/* ---- programs that are inside ---- */

static s64 leave(struct serial *s, s64 result)
{
    if (--s->users || !s->gone)
        return result;
    for (unsigned i = 0; s->ports && i < s->nports; i++)
        mem_delete(s->ports[i].traffic, sizeof(struct traffic));
    mem_delete(s->ports, s->nports * sizeof(struct port));
    mem_delete(s->messages, MESSAGES * sizeof *s->messages);
    mem_delete(s, sizeof *s);
    return result;
}

/* Waits until something may have happened on a queue of the port, or, unless the caller is in the middle of something (held), anywhere. */
static int wait(struct port *p, unsigned which, bool held)
{
    struct serial *s = p->on;
    if (!held && !s->dev->failed) {
        later_run();
        if (hear(s))
            return 0;
        if (s->gone || !p->there)
            return -ENODEV;
        if (s->multiport && !s->dev->failed && virtq_arm(s->dev->queues[CONTROL_IN], 1))
            return 0;
    }
    return (held ? virtio_idle : virtio_rest)(s->dev, queue(p, which));
}

/* ---- data ---- */

/* The other side of a console is always there. */
static bool connected(const struct port *p)
{
    return p->is_console || p->host_open || !p->there;
}

static u64 take(struct port *p, const struct span *spans, unsigned n)
{
    u64 done = 0, len = mem_span_total(spans, n);
    for (u32 piece; done < len && has_input(p); done += piece) {
        piece = (u32)MIN(len - done, p->left);
        mem_to_spans(spans, n, done, p->buffer + p->at, piece);
        use_input(p, piece);
    }
    return done;
}

/* Until the device has taken what was sent last; -EAGAIN: it did not within so many heartbeats. Who sets a limit is in the middle of something. */
static int flush(struct port *p, u64 beats)
{
    u64 start = arch_heartbeats();
    int err = 0;
    while (err == 0 && !has_room(p))
        err = arch_heartbeats() - start >= beats ? -EAGAIN : wait(p, OUT, beats != HVC_FOREVER);
    return err < 0 ? err : p->on->dev->failed ? -EIO : 0;
}

/* Sends as much as has room, and gives the device a moment to take it: if the machine ended next, nobody would wait for that. */
static int send(struct port *p, const struct span *spans, unsigned n, u64 *done, u64 beats)
{
    int err = flush(p, beats);
    if (err < 0)
        return err;
    u64 len = mem_from_spans(p->traffic->output, spans, n, *done, OUTPUT);
    virtq_add(queue(p, OUT), &(struct span){mem_phys(p->traffic->output), len}, 1, 0, p);
    virtq_kick(queue(p, OUT));
    if (flush(p, MOMENT) == -EIO)
        return -EIO;
    *done += len;
    return 0;
}

static s64 port_read(const struct device *node, const struct span *spans, unsigned n, u64 offset)
{
    struct port *p = node->priv;
    bool some = mem_span_total(spans, n);
    int err = 0;
    (void)offset;
    p->on->users++;
    while (some && err == 0 && !has_input(p) && connected(p))
        err = wait(p, IN, false);
    return leave(p->on, err < 0 ? err : (s64)take(p, spans, n));
}

/* As on Linux, a write to a port may be cut, waits while the other side is closed, and does not wait until its bytes are taken. */
static s64 port_write(const struct device *node, const struct span *spans, unsigned n, u64 offset)
{
    struct port *p = node->priv;
    u64 done = 0, len = mem_span_total(spans, n);
    int err = 0;
    (void)offset;
    p->on->users++;
    vfs_heard += !connected(p) || !has_room(p); /* who waits for the other side hears of it */
    while (len && err == 0 && !connected(p))
        err = wait(p, OUT, false);
    while (err == 0 && done < len && (!done || p->is_console))
        err = send(p, spans, n, &done, HVC_FOREVER);
    return leave(p->on, done ? (s64)done : err);
}

static u32 port_poll(const struct device *node)
{
    struct port *p = node->priv;
    hear(p->on);
    if (p->on->dev->failed || !connected(p))
        return POLLIN | POLLRDNORM | POLLHUP | (p->on->dev->failed ? POLLERR : 0);
    return (has_input(p) ? POLLIN | POLLRDNORM : 0) | (has_room(p) ? POLLOUT | POLLWRNORM : 0) |
           (virtio_listen(p->on->dev, queue(p, IN)) && virtio_listen(p->on->dev, queue(p, OUT)) ? 0 : VFS_POLL_AGAIN);
}

static int port_open(const struct device *node)
{
    struct port *p = node->priv;
    if (p->on->dev->failed || node == &p->console)
        return p->on->dev->failed ? -ENODEV : 0;
    if (p->is_console || p->guest_open)
        return p->is_console ? -ENXIO : -EBUSY;
    if (!start_traffic(p))
        return -ENOMEM;
    p->guest_open = true;
    tell(p->on, p->id, PORT_OPEN, 1);
    hear(p->on);
    return 0;
}

static void port_close(const struct device *node)
{
    struct port *p = node->priv;
    if (node == &p->console)
        return;
    tell(p->on, p->id, PORT_OPEN, 0);
    p->guest_open = false;
    drop_input(p);
}

static struct device device_of(struct port *p)
{
    struct device dev = {.name = p->vport_name, .major = MAJOR, .minor = p->id, .perm = 0600, .priv = p};
    dev.read = port_read, dev.write = port_write, dev.poll = port_poll, dev.open = port_open, dev.close = port_close;
    return dev;
}

static bool console_put(struct hvc *hvc, const void *bytes, size_t n, u64 beats)
{
    struct port *p = hvc->priv;
    const struct span span = {mem_phys(bytes), n};
    u64 done = 0;
    int err = 0;
    p->on->users++;
    while (err == 0 && done < n)
        err = send(p, &span, 1, &done, beats);
    return leave(p->on, err == 0);
}

static size_t console_take(struct hvc *hvc, void *bytes, size_t n)
{
    return take(hvc->priv, &(struct span){mem_phys(bytes), n}, 1);
}

/* ---- what the host says of its ports ---- */

static void add_port(struct port *p)
{
    struct serial *s = p->on;
    if (!p->there) {
        print_text(p->vport_name, sizeof p->vport_name, "vport%sp%u", s->dev->name + strlen("virtio"), p->id);
        p->vport = device_of(p);
        p->there = devfs_add(&p->vport) == 0;
    }
    tell(s, p->id, PORT_READY, p->there);
}

static void remove_port(struct port *p)
{
    if (p->is_console)
        hvc_remove(&p->hvc);
    devfs_remove(&p->vport);
    devfs_remove(&p->link);
    p->there = p->host_open = p->guest_open = p->is_console = false;
    memset(p->name, 0, sizeof p->name);
    drop_input(p);
}

/* It keeps the first one. */
static void name_port(struct port *p, const u8 *s, u32 len)
{
    static const struct device folder = {.name = "virtio-ports", .folder = true};
    len -= len > 0 && !s[len - 1]; /* it need not be terminated, but QEMU's are */
    if (p->name[0])
        return;
    memcpy(p->name, s, MIN(len, VFS_NAME_MAX));
    print_text(p->link_to, sizeof p->link_to, "../%s", p->vport_name);
    p->link = (struct device){.name = p->name, .in = &folder, .link = p->link_to};
    devfs_add(&folder);
    if (strlen(p->name) == len && devfs_add(&p->link) == 0)
        return;
    complain(p->on, "a port is not in /dev/virtio-ports: its name is another's already, or none for a file", p->id);
    memset(p->name, 0, sizeof p->name);
}

static void make_console(struct port *p)
{
    if (!p->is_console && start_traffic(p)) {
        p->console = device_of(p);
        p->hvc.node = &p->console, p->hvc.priv = p;
        p->hvc.put = console_put, p->hvc.take = console_take;
        p->is_console = hvc_add(&p->hvc) == 0;
    }
    tell(p->on, p->id, PORT_OPEN, 1);
}

static void handle(struct serial *s, const u8 *bytes, u32 len)
{
    struct virtio_console_control m = {to_le32(~0u), to_le16(PORT_ADD), to_le16(0)};
    memcpy(&m, bytes, len < sizeof m ? 0 : sizeof m);
    u32 id = le32_get(m.id), event = le16_get(m.event);
    struct port *p = id < s->nports ? &s->ports[id] : NULL;
    bytes += sizeof m;
    len -= sizeof m;
    if (p && event == PORT_ADD)
        add_port(p);
    else if (!p || (!p->there && event != PORT_OPEN)) /* QEMU opens before it adds */
        complain(s, "a control message is about a port that is not there", id);
    else if (event == PORT_REMOVE)
        remove_port(p);
    else if (event == CONSOLE_PORT && le16_get(m.value))
        make_console(p);
    else if (event == PORT_OPEN)
        p->host_open = le16_get(m.value);
    else if (event == PORT_NAME)
        name_port(p, bytes, len);
    else if (event == RESIZE && len >= 4) {
        p->hvc.cols = (u16)(bytes[0] | bytes[1] << 8);
        p->hvc.rows = (u16)(bytes[2] | bytes[3] << 8);
    } else
        log_debug("%s: port %u: control message %u is not understood", s->dev->name, id, event);
}

/* Does what the host asked for since the last time; false: nothing. */
static bool hear(struct serial *s)
{
    u8 copy[MESSAGE], *message;
    u32 len, n = 0;
    if (!s->multiport || s->gone || s->hearing)
        return false;
    struct virtq *q = s->dev->queues[CONTROL_IN];
    s->hearing = true;
    for (; n < MESSAGES && (message = take_from(s, q, &len)) != NULL; n++) {
        memcpy(copy, message, len);
        lend(q, message, MESSAGE);
        handle(s, copy, len);
    }
    s->hearing = false;
    virtio_listen(s->dev, q);
    return n;
}

static void hear_later(struct later *work)
{
    hear(container_of(work, struct serial, watch));
}

/* ---- the device ---- */

static unsigned count_queues(struct virtio_device *dev)
{
    le32 ports = {0};
    if (virtio_has(dev, VIRTIO_CONSOLE_F_MULTIPORT))
        virtio_config(dev, CONFIG_MAX_NR_PORTS, &ports, sizeof ports);
    return 2 * MIN(le32_get(ports), (u32)PORTS_MAX) + 2;
}

static void config_changed(struct virtio_device *dev)
{
    struct serial *s = dev->priv;
    le16 size[2];
    if (!virtio_has(dev, VIRTIO_CONSOLE_F_SIZE) || virtio_config(dev, CONFIG_SIZE, size, sizeof size) < 0)
        return;
    s->ports[0].hvc.cols = le16_get(size[0]);
    s->ports[0].hvc.rows = le16_get(size[1]);
}

/* Ports that the host has at once are there before the first program runs. */
static bool start_ports(struct serial *s)
{
    s->ports = mem_new(s->nports * sizeof(struct port));
    s->messages = mem_new(MESSAGES * sizeof *s->messages);
    if (!s->ports || !s->messages)
        return false;
    for (unsigned i = 0; i < s->nports; i++)
        s->ports[i] = (struct port){.on = s, .id = i};
    config_changed(s->dev);
    if (!s->multiport) {
        add_port(&s->ports[0]);
        make_console(&s->ports[0]);
        return s->ports[0].is_console;
    }
    for (unsigned i = 0; i < MESSAGES; i++)
        lend(s->dev->queues[CONTROL_IN], s->messages[i], MESSAGE);
    s->watch = (struct later){.fn = hear_later, .seldom = s->dev->queues[CONTROL_IN]->vector < VIRTIO_LINE};
    later_watch(&s->watch);
    tell(s, 0, DEVICE_READY, 1);
    for (unsigned rounds = 0; rounds < s->nports && hear(s); rounds++)
        ;
    return true;
}

static void console_remove(struct virtio_device *dev)
{
    struct serial *s = dev->priv;
    for (unsigned i = 0; s->ports && i < s->nports; i++)
        remove_port(&s->ports[i]);
    later_forget(&s->watch);
    s->gone = true;
    s->users++;
    leave(s, 0);
}

static int console_probe(struct virtio_device *dev)
{
    struct serial *s = mem_new(sizeof *s);
    if (!s)
        return -ENOMEM;
    s->dev = dev;
    dev->priv = s;
    s->multiport = virtio_has(dev, VIRTIO_CONSOLE_F_MULTIPORT);
    s->nports = s->multiport ? dev->nqueues / 2 - 1 : 1;
    if (!s->nports)
        virtio_fail(dev, "it has no ports");
    else if (start_ports(s))
        return 0;
    virtio_fail(dev, "no memory for its ports");
    console_remove(dev);
    return -EINVAL;
}

VIRTIO_DRIVER(virtio_console) = {
    .name = "virtio_console",
    .id = VIRTIO_ID_CONSOLE,
    .features = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT,
    .queues = 2,
    .queue_size = MESSAGES,
    .count_queues = count_queues,
    .probe = console_probe,
    .config_changed = config_changed,
    .remove = console_remove,
    .again = true,
};
