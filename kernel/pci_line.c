/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci_line - interrupt lines that functions share (PCI Local Bus 3.0, 2.2.6, 6.2.4). */
#include "acpi.h"
#include "arch.h"
#include "pci.h"
#include "print.h"

/*
 * Which line a function has is AML's to say (_PRT), which we do not run; firmware leaves the same in the interrupt line register, as the number of an
 * ISA interrupt. Where that is wrong the line stays quiet, or calls for nobody: who waits sees to it that nothing depends on it. A line that calls
 * and calls for nobody would keep the processor from all else, so it is masked for ever.
 */
enum { LINES = 8, UNCLAIMED_MAX = 1000, REG_COMMAND = 4, COMMAND_INTX_OFF = 1 << 10, PINS = 4, NO_LINE = 0xff };

struct line {
    struct pci_dev *users; /* NULL: closed */
    u32 gsi;
    int irq;
    unsigned unclaimed; /* calls running */
    bool stuck;
};
static struct line lines[LINES];

static void on_call(void *arg)
{
    struct line *line = arg;
    bool claimed = false;
    for (struct pci_dev *dev = line->users; dev; dev = dev->line_next)
        claimed |= dev->claim(dev->claim_arg);
    line->unclaimed = claimed ? 0 : line->unclaimed + 1;
    if (line->unclaimed < UNCLAIMED_MAX || line->stuck)
        return;
    arch_line_close(line->gsi);
    line->stuck = true;
    log_warn("interrupt line %u calls for nobody and is masked", line->gsi);
}

/* The line with this number, or an unused one; NULL: there are too many. */
static struct line *find(u32 gsi)
{
    struct line *unused = NULL;
    for (unsigned i = 0; i < LINES; i++) {
        if (lines[i].gsi == gsi && (lines[i].users || lines[i].stuck))
            return &lines[i];
        if (!lines[i].users && !lines[i].stuck)
            unused = &lines[i];
    }
    return unused;
}

static int open_line(struct line *line, u32 gsi, bool active_low)
{
    *line = (struct line){.gsi = gsi, .irq = arch_irq_alloc(on_call, line)};
    int result = line->irq < 0 ? line->irq : arch_line_open(gsi, active_low, line->irq);
    if (result < 0 && line->irq >= 0)
        arch_irq_free(line->irq);
    return result;
}

static void set_intx(const struct pci_dev *dev, bool on)
{
    u16 command = pci_read16(dev, REG_COMMAND) & (u16)~COMMAND_INTX_OFF;
    pci_write16(dev, REG_COMMAND, on ? command : command | COMMAND_INTX_OFF);
}

int pci_line_join(struct pci_dev *dev, bool (*claim)(void *arg), void *arg)
{
    bool active_low;
    if (dev->irq_pin == 0 || dev->irq_pin > PINS || dev->irq_line == 0 || dev->irq_line == NO_LINE || dev->claim)
        return -ENODEV;
    u32 gsi = acpi_isa_line(dev->irq_line, &active_low);
    struct line *line = find(gsi);
    if (!line || line->stuck || (!line->users && open_line(line, gsi, active_low) < 0))
        return -ENODEV;
    dev->claim = claim;
    dev->claim_arg = arg;
    dev->line_next = line->users;
    line->users = dev;
    set_intx(dev, true);
    return 0;
}

void pci_line_leave(struct pci_dev *dev)
{
    set_intx(dev, false);
    for (struct line *line = lines; line < lines + LINES && dev->claim; line++) {
        struct pci_dev **at = &line->users;
        while (*at && *at != dev)
            at = &(*at)->line_next;
        if (!*at)
            continue;
        *at = dev->line_next;
        dev->claim = NULL;
        if (line->users)
            return;
        arch_line_close(line->gsi);
        arch_irq_free(line->irq);
    }
}
