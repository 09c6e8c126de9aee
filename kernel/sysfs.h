/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs - what the parts of /sys need of each other. */
#ifndef SYSFS_H
#define SYSFS_H

#include "base.h"

/* The folder of a PCI function, by its name: "sys/devices/pci0000:00/0000:00:05.0/0000:01:00.0". "" when there is none. */
void sysfs_pci_folder(const char *name, char path[]);

#endif
