/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_irq - how a virtio function on PCI calls: MSI-X, a shared line, or not at all (virtio 1.x, 4.1.5.1, 4.1.5.3). Both transports' part. */
#ifndef VIRTIO_IRQ_H
#define VIRTIO_IRQ_H

#include "base.h"

struct pci_dev;
struct virtio_device;
struct virtq;
struct virtio_vector;

enum { VIRTIO_IRQ_CONFIG = -1 }; /* the event that is no queue's */

struct virtio_irq {
    struct virtio_device *dev;
    struct pci_dev *pci;
    /* Has the device call by this MSI-X vector for a queue, or VIRTIO_IRQ_CONFIG; false: it refused (4.1.5.1.2.2). */
    bool (*map)(struct virtio_device *dev, int event, u16 vector);
    /* The ISR status, which ends the call of the line when it is read. */
    u8 (*isr)(struct virtio_device *dev);
    /* virtio_irq.c's: */
    struct virtio_vector *vectors;
    unsigned nvectors;
    bool line;
    u64 completed; /* requests, at the last call of the line, */
    unsigned vain; /* and calls since more of them were */
};

/* After the device's reset: the best way that works for so many queues, never one that the option virtio.irq=poll|intx|msix excludes.
 * What comes counts in the device and its queues. Returns how many of the queues have an interrupt. */
int virtio_irq_setup(struct virtio_irq *irq, unsigned queues);

/* For a queue that is set up: maps it, and sets q->vector. */
void virtio_irq_queue(struct virtio_irq *irq, struct virtq *q);

void virtio_irq_release(struct virtio_irq *irq);

#endif
