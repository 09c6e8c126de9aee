/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pcieport - a port with a slot in which functions come and go (PCI Express 5.0, 6.7 and 7.5.3): power, indicators, button, surprise.
 *
 * An interrupt, or the heartbeat where there is none, asks for a look at the slot; looks happen at safe points, and none of them waits: what takes time
 * goes on at the next heartbeat. So a slot that says something else at each look costs a look each time, and never more. */
#include "arch.h"
#include "later.h"
#include "mem.h"
#include "pci.h"
#include "print.h"

/* From the capability on. */
enum {
    LINK_CAPABILITIES = 0x0c,
    LINK_STATUS = 0x12,
    SLOT_CAPABILITIES = 0x14,
    SLOT_CONTROL = 0x18,
    SLOT_STATUS = 0x1a
};
enum { LINK_TELLS_ACTIVE = 1 << 20, LINK_ACTIVE = 1 << 13 };
enum { HAS_POWER = 1 << 1, HAS_ATTENTION_INDICATOR = 1 << 3, HAS_POWER_INDICATOR = 1 << 4, NO_COMPLETION = 1 << 18 };
enum {
    BUTTON = 1 << 0, /* an event, and what enables its interrupt */
    PRESENCE = 1 << 3,
    COMPLETED = 1 << 4,
    LINK_EVENT = 1 << 8, /* in the status */
    PRESENT = 1 << 6,
    EVENTS = 0x11f
};
enum {
    INTERRUPT = 1 << 5,
    ATTENTION_OFF = 3 << 6,
    LIGHT_ON = 1 << 8,
    LIGHT_BLINK = 2 << 8,
    LIGHT_OFF = 3 << 8,
    POWER_OFF = 1 << 10,
    LINK_INTERRUPT = 1 << 12
};
enum { GONE = 0xffff, COMPLETION_READS = 1000, SETTLE_BEATS = 1, LINK_BEATS = 10, LOOKS = 4 };

struct port {
    struct later work;
    struct pci_dev *dev;
    u16 cap;
    u32 capabilities;
    enum { OFF, STARTING, ON } state;
    bool refused; /* what is in it does not work: it stays off until something else comes, or the button is pressed */
    bool unanswered; /* a command was never said to be complete: none is waited for any more */
    u64 since;       /* STARTING: the heartbeat of the power */
    int irq;         /* or negative: there is none */
};

static u16 status_of(const struct port *p)
{
    return pci_read16(p->dev, p->cap + SLOT_STATUS);
}

/* The slot takes one command at a time (6.7.3.2). */
static void command(struct port *p, u16 light, bool power)
{
    u32 has = p->capabilities;
    u16 control = BUTTON | PRESENCE | LINK_INTERRUPT | (p->irq >= 0 ? INTERRUPT : 0);
    control |= has & HAS_ATTENTION_INDICATOR ? ATTENTION_OFF : 0;
    control |= has & HAS_POWER_INDICATOR ? light : 0;
    control |= has & HAS_POWER && !power ? POWER_OFF : 0;
    pci_write16(p->dev, p->cap + SLOT_CONTROL, control);
    for (unsigned i = 0; !(has & NO_COMPLETION) && !p->unanswered; i++) {
        if (status_of(p) & COMPLETED)
            break;
        p->unanswered = i == COMPLETION_READS;
    }
    pci_write16(p->dev, p->cap + SLOT_STATUS, COMPLETED);
}

/* What happened since the last look; *status: how it is now. */
static u16 take_events(struct port *p, u16 *status)
{
    u16 events = 0;
    for (unsigned i = 0; i < LOOKS; i++) {
        *status = status_of(p);
        if (*status == GONE || !(*status & EVENTS))
            break;
        events |= *status & EVENTS;
        pci_write16(p->dev, p->cap + SLOT_STATUS, *status & EVENTS);
    }
    return events;
}

static void empty(struct port *p)
{
    struct pci_dev *dev;
    while ((dev = pci_behind(p->dev)) != NULL)
        pci_remove(dev);
}

static void turn_off(struct port *p, const char *why)
{
    log_info("%s: slot off, %s", p->dev->name, why);
    empty(p);
    command(p, LIGHT_OFF, false);
    p->state = OFF;
}

static void turn_on(struct port *p)
{
    command(p, LIGHT_BLINK, true);
    p->state = STARTING;
    p->since = arch_heartbeats();
}

static bool link_is_up(const struct port *p)
{
    bool tells = pci_read32(p->dev, p->cap + LINK_CAPABILITIES) & LINK_TELLS_ACTIVE;
    return !tells || pci_read16(p->dev, p->cap + LINK_STATUS) & LINK_ACTIVE;
}

/* A function has 100 ms from power to its first answer (6.6.1), which a heartbeat or two are. */
static void go_on_starting(struct port *p)
{
    u64 beats = arch_heartbeats() - p->since;
    if (beats <= SETTLE_BEATS || (beats <= LINK_BEATS && !link_is_up(p)))
        return;
    pci_rescan(p->dev);
    p->refused = !pci_behind(p->dev);
    if (p->refused) {
        turn_off(p, "nothing answers in it");
        return;
    }
    log_info("%s: slot on", p->dev->name);
    command(p, LIGHT_ON, true);
    p->state = ON;
}

/*
 * The button is pressed by a VMM's command, not by a hand that may change its mind: there are no five seconds to press it again. While the light blinks the
 * functions are taken from their drivers; then the power goes, by which the VMM knows that it may have them.
 */
static void look(struct later *work)
{
    struct port *p = container_of(work, struct port, work);
    u16 status, events = take_events(p, &status);
    bool present = status & PRESENT;
    if (status == GONE)
        return;
    if (p->state != OFF && !present)
        turn_off(p, "nothing is in it any more");
    else if (p->state == ON && events & PRESENCE)
        turn_off(p, "something else is in it");
    else if (p->state == ON && events & LINK_EVENT && !link_is_up(p))
        turn_off(p, "its link is down");
    else if (p->state == ON && events & BUTTON) {
        command(p, LIGHT_BLINK, true);
        turn_off(p, "by request");
        p->refused = true;
        events = 0;
    } else if (p->state == STARTING)
        go_on_starting(p);
    p->refused = p->refused && present && !(events & (BUTTON | PRESENCE));
    if (p->state == OFF && present && !p->refused)
        turn_on(p);
    if (p->irq < 0 || p->state == STARTING || status & EVENTS)
        later_watch(work);
    else
        later_forget(work);
}

static void on_interrupt(void *port)
{
    later_ask(&((struct port *)port)->work);
}

static int take_interrupt(struct port *p, u16 flags)
{
    int vectors = pci_msix_enable(p->dev), irq = vectors < 0 ? vectors : arch_irq_alloc(on_interrupt, p);
    if (irq >= 0 && pci_msix_route(p->dev, flags >> 9 & 31, irq) < 0) {
        arch_irq_free(irq);
        irq = -ENODEV;
    }
    return irq;
}

/* What firmware left in the slot stays. A slot that does not know what it holds is not told of it either: a VMM has kept it to ACPI. */
static int probe(struct pci_dev *dev)
{
    u16 flags, status, cap = pci_hotplug_slot(dev);
    if (!cap || !dev->secondary || (pci_behind(dev) && !(pci_read16(dev, cap + SLOT_STATUS) & PRESENT)))
        return -ENODEV;
    struct port *p = mem_new(sizeof(*p));
    if (!p)
        return -ENOMEM;
    pci_port(dev, &flags);
    *p = (struct port){.work = {.fn = look}, .dev = dev, .cap = cap};
    p->capabilities = pci_read32(dev, cap + SLOT_CAPABILITIES);
    p->irq = take_interrupt(p, flags);
    p->state = pci_behind(dev) ? ON : OFF;
    dev->priv = p;
    take_events(p, &status);
    if (p->state == ON || !(status & PRESENT))
        command(p, p->state == ON ? LIGHT_ON : LIGHT_OFF, p->state == ON);
    later_ask(&p->work);
    return 0;
}

/* What is in the slot stays, and is told of no more. */
static void remove(struct pci_dev *dev)
{
    struct port *p = dev->priv;
    u16 quiet = BUTTON | PRESENCE | INTERRUPT | LINK_INTERRUPT;
    u16 control = pci_read16(dev, p->cap + SLOT_CONTROL);
    pci_write16(dev, p->cap + SLOT_CONTROL, (u16)(control & ~quiet));
    later_forget(&p->work);
    if (p->irq >= 0)
        arch_irq_free(p->irq);
    pci_msix_disable(dev);
    mem_delete(p, sizeof(*p));
    dev->priv = NULL;
}

PCI_DRIVER(pcieport) = {.name = "pcieport", .bridges = 0x0604, .probe = probe, .remove = remove};
