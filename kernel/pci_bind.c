/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci_bind - functions and their drivers: who takes which, and lets go of it again (PCI Local Bus 3.0, 6.2.2). */
#include "pci.h"
#include "print.h"

enum { REG_COMMAND = 0x04, HEADER_BRIDGE = 1 };
enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_INTX_OFF = 1 << 10 };

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

/* What the command register must say for these BARs. */
static u16 command_for(const struct pci_dev *dev)
{
    if (dev->header)
        return COMMAND_MASTER | COMMAND_INTX_OFF | COMMAND_IO | COMMAND_MEMORY;
    for (unsigned i = 0; i < PCI_BARS; i++)
        if (dev->bars[i].size && !dev->bars[i].base)
            print_log(dev->bars[i].io ? LOG_DEBUG : LOG_WARN, "%s: BAR %u has no address, so none of its kind is used",
                      dev->name, i);
    return COMMAND_INTX_OFF | (pci_decodes(dev, true) ? COMMAND_IO : 0) |
           (pci_decodes(dev, false) ? COMMAND_MEMORY : 0);
}

int pci_bind(struct pci_dev *dev, const struct pci_driver *driver)
{
    u16 command = command_for(dev);
    for (struct pci_dev *b = dev->parent; b; b = b->parent)
        set_command(b, 0, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER);
    set_command(dev, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER, command);
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

static void offer(struct pci_dev *dev, bool last_resort)
{
    for (const struct pci_driver *const *d = __start_pci_drivers; d < __stop_pci_drivers; d++)
        if (!dev->driver && (*d)->last_resort == last_resort && pci_matches(*d, dev))
            pci_bind(dev, *d);
}

void pci_bind_all(void)
{
    for (struct pci_dev *dev = pci_first(); dev; dev = dev->next) {
        bool is_new = !dev->offered;
        dev->offered = true;
        for (unsigned last = 0; is_new && last < 2; last++)
            offer(dev, last);
    }
}

void pci_master(const struct pci_dev *dev, bool may)
{
    set_command(dev, COMMAND_MASTER, may ? COMMAND_MASTER : 0);
}

void pci_disable(struct pci_dev *dev)
{
    pci_msix_disable(dev);
    set_command(dev, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER, COMMAND_INTX_OFF);
}
