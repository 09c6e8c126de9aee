/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci_bind - functions and their drivers: who takes which, and lets go of it again (PCI Local Bus 3.0, 6.2.2). */
#include "pci.h"
#include "print.h"

enum { REG_COMMAND = 0x04, HEADER_BRIDGE = 1 };
enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_INTX_OFF = 1 << 10 };

extern const struct pci_driver *const __start_pci_drivers[], *const __stop_pci_drivers[];

bool pci_matches(const struct pci_driver *driver, const struct pci_dev *dev)
{
    if (dev->bad || (dev->header == HEADER_BRIDGE) != (driver->bridges != 0))
        return false;
    if (driver->bridges)
        return driver->bridges == dev->class >> 8;
    for (const struct pci_id *id = driver->ids; id->vendor; id++)
        if (id->vendor == dev->vendor && (id->device == PCI_ANY || id->device == dev->device ||
                                          (dev->device > id->device && dev->device <= id->last)))
            return true;
    return false;
}

static void set_command(const struct pci_dev *dev, u16 clear, u16 set)
{
    u16 command = pci_read16(dev, REG_COMMAND);
    pci_write16(dev, REG_COMMAND, (u16)((command & ~clear) | set));
}

/* What the command register must say for these BARs; -ENOSPC when a memory BAR has no address: decoding would put it at 0. */
static int command_for(const struct pci_dev *dev)
{
    int command = COMMAND_MASTER | COMMAND_INTX_OFF | (dev->header ? COMMAND_IO | COMMAND_MEMORY : 0);
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &dev->bars[i];
        if (bar->size && !bar->io && !bar->base && !dev->header)
            return -ENOSPC;
        if (bar->size && bar->base)
            command |= bar->io ? COMMAND_IO : COMMAND_MEMORY;
    }
    return command;
}

int pci_bind(struct pci_dev *dev, const struct pci_driver *driver)
{
    int command = command_for(dev);
    if (command < 0) {
        log_warn("%s: not used, its BARs have no addresses", dev->name);
        return command;
    }
    for (struct pci_dev *b = dev->parent; b; b = b->parent)
        set_command(b, 0, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    set_command(dev, COMMAND_IO | COMMAND_MEMORY, (u16)command);
    dev->driver = driver;
    int err = driver->probe(dev);
    if (err >= 0)
        return 0;
    dev->driver = NULL;
    if (dev->header == 0)
        pci_disable(dev);
    return err;
}

void pci_unbind(struct pci_dev *dev)
{
    if (dev->driver)
        dev->driver->remove(dev);
    dev->driver = NULL;
}

void pci_bind_all(void)
{
    for (struct pci_dev *dev = pci_first(); dev; dev = dev->next) {
        bool is_new = !dev->offered;
        dev->offered = true;
        for (const struct pci_driver *const *d = __start_pci_drivers; is_new && d < __stop_pci_drivers; d++)
            if (!dev->driver && pci_matches(*d, dev))
                pci_bind(dev, *d);
    }
}

void pci_disable(struct pci_dev *dev)
{
    pci_msix_disable(dev);
    set_command(dev, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER, COMMAND_INTX_OFF);
}
