/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_irq - how a virtio function on PCI calls: MSI-X, a shared line, or not at all (virtio 1.x, 4.1.5.1, 4.1.5.3). */
#include "virtio_irq.h"

#include "arch.h"
#include "cmdline.h"
#include "mem.h"
#include "pci.h"
#include "print.h"
#include "virtio.h"
#include "virtq.h"

/*
 * In this order: a vector for configuration changes and one for each queue; one vector for everything; the line; polling. Each is tried whole: a device
 * that refuses one vector has the next way. What was promised and does not come is found out by who waits (virtio.c).
 */
enum { ISR_QUEUE = 1, ISR_CONFIG = 2, ISR_GONE = 0xff };
enum { VAIN_MAX = 1000 };

struct virtio_vector {
    struct virtio_irq *owner;
    int event, irq;
};

/* ---- calls ---- */

static void count(struct virtio_device *dev, int event, bool all)
{
    for (unsigned i = 0; i < dev->nqueues; i++)
        if (dev->queues[i] && (all || event == (int)i))
            dev->queues[i]->counters.interrupts++;
    if (all || event == VIRTIO_IRQ_CONFIG)
        virtio_config_interrupt(dev);
}

static void on_vector(void *arg)
{
    const struct virtio_vector *v = arg;
    v->owner->dev->interrupts++;
    count(v->owner->dev, v->event, v->owner->nvectors == 1);
}

/* One call may mean both a changed configuration and used buffers (4.1.5.4.2). Who calls and calls, and nobody gets to look at what he finished, is not
 * believed any more: the line is closed in the end (pci_line.c). */
static bool on_line(void *arg)
{
    struct virtio_irq *irq = arg;
    struct virtio_device *dev = irq->dev;
    u64 completed = 0;
    u8 isr = irq->isr(dev);
    for (unsigned i = 0; i < dev->nqueues; i++)
        completed += dev->queues[i] ? dev->queues[i]->counters.completed : 0;
    if (isr == ISR_GONE || !(isr & (ISR_QUEUE | ISR_CONFIG)))
        return false; /* on a shared line it was another's call */
    irq->vain = completed == irq->completed ? irq->vain + 1 : 0;
    irq->completed = completed;
    dev->interrupts++;
    for (unsigned i = 0; isr & ISR_QUEUE && i < dev->nqueues; i++)
        count(dev, (int)i, false);
    if (isr & ISR_CONFIG)
        count(dev, VIRTIO_IRQ_CONFIG, false);
    return irq->vain < VAIN_MAX;
}

/* ---- ways ---- */

static bool add_vector(struct virtio_irq *irq, unsigned i)
{
    struct virtio_vector *v = &irq->vectors[i];
    *v = (struct virtio_vector){irq, (int)i + VIRTIO_IRQ_CONFIG, arch_irq_alloc(on_vector, v)};
    return v->irq >= 0 && pci_msix_route(irq->pci, i, v->irq) == 0;
}

static u16 vector_of(const struct virtio_irq *irq, int event)
{
    return irq->nvectors == 1 ? 0 : (u16)(event - VIRTIO_IRQ_CONFIG);
}

static bool map_all(struct virtio_irq *irq, unsigned queues)
{
    bool all = irq->map(irq->dev, VIRTIO_IRQ_CONFIG, vector_of(irq, VIRTIO_IRQ_CONFIG));
    for (int i = 0; all && i < (int)queues; i++)
        all = irq->map(irq->dev, i, vector_of(irq, i));
    return all;
}

static bool try_vectors(struct virtio_irq *irq, unsigned n, unsigned queues)
{
    bool good = pci_msix_enable(irq->pci) >= (int)n;
    irq->vectors = good ? mem_new(n * sizeof(*irq->vectors)) : NULL;
    irq->nvectors = irq->vectors ? n : 0;
    good = irq->nvectors;
    for (unsigned i = 0; i < irq->nvectors; i++)
        good = add_vector(irq, i) && good;
    good = good && map_all(irq, queues);
    if (!good)
        virtio_irq_release(irq);
    return good;
}

static bool try_line(struct virtio_irq *irq)
{
    irq->line = pci_line_join(irq->pci, on_line, irq) == 0;
    return irq->line;
}

static bool may(const char *way)
{
    const char *option = cmdline_boot ? cmdline_option(cmdline_boot, "virtio.irq", 0) : NULL;
    return !option || strcmp(option, way) == 0;
}

int virtio_irq_setup(struct virtio_irq *irq, unsigned queues)
{
    if (irq->nvectors || irq->line)
        virtio_irq_release(irq); /* what was before a restart */
    bool some = may("msix") && (try_vectors(irq, queues + 1, queues) || try_vectors(irq, 1, queues));
    some = some || (may("intx") && try_line(irq));
    log_debug("%s: %u vectors%s%s", irq->dev->name, irq->nvectors, irq->line ? ", its line" : "",
              some ? "" : ", polled");
    return some ? (int)queues : 0;
}

void virtio_irq_queue(struct virtio_irq *irq, struct virtq *q)
{
    q->vector = irq->line ? VIRTIO_LINE : VIRTIO_NO_VECTOR;
    if (irq->nvectors && irq->map(irq->dev, q->index, vector_of(irq, q->index)))
        q->vector = vector_of(irq, q->index);
}

void virtio_irq_release(struct virtio_irq *irq)
{
    for (unsigned i = 0; i < irq->nvectors; i++)
        if (irq->vectors[i].irq >= 0)
            arch_irq_free(irq->vectors[i].irq);
    mem_delete(irq->vectors, irq->nvectors * sizeof(*irq->vectors));
    irq->vectors = NULL;
    irq->nvectors = 0;
    pci_msix_disable(irq->pci);
    if (irq->line)
        pci_line_leave(irq->pci);
    irq->line = false;
}
