/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_bus - /sys/bus/BUS: links to devices, a folder for each driver with links to what it has, and bind and unbind, as on Linux.
 *
 * An object's number is its bus's, in the high byte, and that of the driver or device on it. */
#include "attrfs.h"
#include "print.h"
#include "sysfs.h"
#include "vfs.h"

enum { BUS_SHIFT = 24, ON_BUS = (1 << BUS_SHIFT) - 1 };

extern const struct sysfs_bus *const __start_sysfs_buses[], *const __stop_sysfs_buses[];

static const struct sysfs_bus *bus_of(unsigned number)
{
    const struct sysfs_bus *const *bus = __start_sysfs_buses + (number >> BUS_SHIFT);
    return bus < __stop_sysfs_buses ? *bus : NULL;
}

/* ---- the folders, which are there without devices ---- */

static const void *folder(unsigned *i, char path[ATTRFS_PATH])
{
    const struct sysfs_bus *bus = bus_of(*i / 2 << BUS_SHIFT);
    if (bus)
        print_text(path, ATTRFS_PATH, "sys/bus/%s/%s/", bus->name, *i % 2 ? "drivers" : "devices");
    return bus;
}

ATTRFS_CLASS(bus_folders) = {.object = folder};

/* ---- links to devices ---- */

struct found {
    const struct sysfs_bus *bus;
    const void *device, *driver;
    const char *name, *driver_name;
};

/* The first number on the bus behind this one. */
static unsigned next_bus(unsigned number)
{
    return ((number >> BUS_SHIFT) + 1) << BUS_SHIFT;
}

/* The first from this number on. It stands until the next one is looked for. */
static const struct found *find(unsigned *number)
{
    static struct found f;
    f = (struct found){0};
    for (; !f.device && (f.bus = bus_of(*number)); *number = f.device ? *number : next_bus(*number)) {
        unsigned on_bus = *number & ON_BUS;
        f.device = f.bus->device(&on_bus, &f.name, &f.driver);
        *number = (*number & ~(unsigned)ON_BUS) | on_bus;
    }
    for (unsigned i = 0; f.device && f.driver && f.bus->driver(i, &f.driver_name) != f.driver; i++)
        ;
    return f.device ? &f : NULL;
}

ATTRFS_SHOW(link)
{
    const struct found *f = object;
    char path[ATTRFS_PATH] = "";
    f->bus->folder(f->device, path);
    return path[0] ? attrfs_add(out, "%s", path + strlen("sys/")) : -ENOENT;
}

static const struct attrfs_file links[] = {{"", S_IFLNK, show_link, 0, NULL}};

static const void *listed(unsigned *number, char path[ATTRFS_PATH])
{
    const struct found *f = find(number);
    if (f)
        print_text(path, ATTRFS_PATH, "sys/bus/%s/devices/%s", f->bus->name, f->name);
    return f;
}

static const void *driven(unsigned *number, char path[ATTRFS_PATH])
{
    const struct found *f = find(number);
    if (f && f->driver)
        print_text(path, ATTRFS_PATH, "sys/bus/%s/drivers/%s/%s", f->bus->name, f->driver_name, f->name);
    return f;
}

/* ---- drivers ---- */

struct on_bus {
    const struct sysfs_bus *bus;
    const void *driver;
};

/* It stands until the next one is asked for. */
static const void *driver(unsigned *number, char path[ATTRFS_PATH])
{
    static struct on_bus d;
    const char *name;
    while ((d.bus = bus_of(*number)) && !(d.driver = d.bus->driver(*number & ON_BUS, &name)))
        *number = next_bus(*number);
    if (d.bus)
        print_text(path, ATTRFS_PATH, "sys/bus/%s/drivers/%s", d.bus->name, name);
    return d.bus ? &d : NULL;
}

/* The device of the bus that was named; NULL: there is none. */
static void *named(const struct sysfs_bus *bus, const char *text, const void **has)
{
    const char *name;
    const void *device;
    for (unsigned i = 0; (device = bus->device(&i, &name, has)); i++)
        if (attrfs_says(text, name))
            return (void *)device;
    return NULL;
}

ATTRFS_STORE(bind)
{
    const struct on_bus d = *(const struct on_bus *)object;
    const void *has;
    void *device = named(d.bus, text, &has);
    return device ? d.bus->bind(device, d.driver) : -ENODEV;
}

ATTRFS_STORE(unbind)
{
    const struct on_bus d = *(const struct on_bus *)object;
    const void *has;
    void *device = named(d.bus, text, &has);
    if (!device || has != d.driver)
        return -ENODEV;
    d.bus->unbind(device);
    return 0;
}

static const struct attrfs_file files[] = {{"bind", 0200, NULL, 0, store_bind},
                                           {"unbind", 0200, NULL, 0, store_unbind}};

ATTRFS_CLASS(bus_listed) = {.object = listed, .files = links, .nfiles = 1};
ATTRFS_CLASS(bus_drivers) = {.object = driver, .files = files, .nfiles = ARRAY_LEN(files)};
ATTRFS_CLASS(bus_driven) = {.object = driven, .files = links, .nfiles = 1};
