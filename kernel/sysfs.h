/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs - what the parts of /sys need of each other. */
#ifndef SYSFS_H
#define SYSFS_H

#include "base.h"

/* The folder of a PCI function, by its name: "sys/devices/pci0000:00/0000:00:05.0/0000:01:00.0". "" when there is none. */
void sysfs_pci_folder(const char *name, char path[]);

/* A bus for /sys/bus (sysfs_bus.c). Devices have numbers that no other ever gets. */
struct sysfs_bus {
    const char *name;
    /* The i-th driver; NULL: no more. */
    const void *(*driver)(unsigned i, const char **name);
    /* The first device from *number on, which becomes its own; its name, and who drives it (or NULL). NULL: no more. */
    const void *(*device)(unsigned *number, const char **name, const void **driver);
    /* Its folder, or "" where that is too deep. */
    void (*folder)(const void *device, char path[]);
    /* -ENODEV: the driver is not for it; -EBUSY: it has one. */
    int (*bind)(void *device, const void *driver);
    void (*unbind)(void *device);
};

/* Declares one: SYSFS_BUS(pci) = {.name = "pci", ...}; */
#define SYSFS_BUS(ident)                                                                                               \
    static const struct sysfs_bus ident;                                                                               \
    TABLE_ENTRY(sysfs_buses, struct sysfs_bus, ident);                                                                 \
    static const struct sysfs_bus ident

#endif
