/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* lspci - the tree of PCI functions, as /sys/bus/pci/devices tells it: address, ids, revision, class, driver. */
#include <app.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char devices[] = "/sys/bus/pci/devices";

struct function {
    char *name, *path;
    unsigned long domain, bus; /* where it is */
    long secondary;            /* the bus that it opens; -1: it is no bridge */
};

static const struct {
    unsigned long code;
    const char *name;
} classes[] = {
    {0x0000, "unclassified"},
    {0x0002, "unclassified"},
    {0x0100, "SCSI controller"},
    {0x0101, "IDE controller"},
    {0x0106, "SATA controller"},
    {0x0108, "NVM controller"},
    {0x0180, "mass storage"},
    {0x0200, "Ethernet controller"},
    {0x0280, "network controller"},
    {0x0300, "VGA controller"},
    {0x0380, "display controller"},
    {0x0403, "audio device"},
    {0x0500, "RAM controller"},
    {0x0600, "host bridge"},
    {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},
    {0x0680, "bridge"},
    {0x0700, "serial controller"},
    {0x0780, "communication controller"},
    {0x0880, "system peripheral"},
    {0x0980, "input device"},
    {0x0c03, "USB controller"},
    {0x0c05, "SMBus"},
    {0x1000, "encryption controller"},
    {0x00ff, "unclassified"},
    {0xff00, "unassigned class"},
    {0xffff, "unassigned class"},
};

static const char *class_name(unsigned long code)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].code == code)
            return classes[i].name;
    return "device";
}

/* A number that stands in a file of the function, hexadecimal with 0x or decimal; fallback when there is none. */
static long number(const struct function *f, const char *name, long fallback)
{
    char text[64];
    return read_attribute(f->path, name, text, sizeof text) > 0 ? strtol(text, NULL, 0) : fallback;
}

/* The bus behind a bridge, from its configuration space: header type 1 has it at 0x19 (PCI-to-PCI bridge specification 3.2.5.4). */
static long secondary_bus(const struct function *f)
{
    char config[65];
    if (read_attribute(f->path, "config", config, sizeof config) < 0x1a || (config[0x0e] & 0x7f) != 1)
        return -1;
    return (unsigned char)config[0x19];
}

static void show(const struct function *f, int depth)
{
    char *link = join(f->path, "driver"), *driver = link_target(link);
    unsigned long class = (unsigned long)number(f, "class", 0);
    printf("%*s%s %04lx:%04lx (rev %02lx) %04lx %s", 2 * depth, "", f->name, number(f, "vendor", 0xffff),
           number(f, "device", 0xffff), number(f, "revision", 0), class >> 8, class_name(class >> 8));
    if (f->secondary >= 0)
        printf(" to bus %02lx", f->secondary);
    if (driver)
        printf(", driver %s", strrchr(driver, '/') ? strrchr(driver, '/') + 1 : driver);
    putchar('\n');
    free(driver);
    free(link);
}

/* Whether a bridge that was found leads to this bus; buses that no bridge leads to are the roots. */
static int behind_bridge(const struct function *all, size_t n, const struct function *f)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].domain == f->domain && all[i].secondary == (long)f->bus && all[i].bus != f->bus)
            return 1;
    return 0;
}

/* Bus numbers grow on the way down, so the depth is bounded even when the files lie. */
static void show_bus(const struct function *all, size_t n, unsigned long domain, unsigned long bus, int depth)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].domain == domain && all[i].bus == bus) {
            show(&all[i], depth);
            if (all[i].secondary > (long)bus)
                show_bus(all, n, domain, (unsigned long)all[i].secondary, depth + 1);
        }
}

int main(void)
{
    size_t names_n, n = 0;
    char **names = list_names(devices, &names_n);
    if (!names)
        return warn("%s", devices);
    struct function *all = calloc(names_n + 1, sizeof *all);
    if (!all)
        return warn("memory");
    for (size_t i = 0; i < names_n; i++) {
        struct function *f = &all[n];
        if (sscanf(names[i], "%lx:%lx:", &f->domain, &f->bus) != 2)
            continue;
        f->name = names[i];
        f->path = join(devices, names[i]);
        f->secondary = secondary_bus(f);
        n++;
    }
    if (n == 0)
        puts("no PCI functions here");
    for (size_t i = 0; i < n; i++) {
        int new = i == 0 || all[i].domain != all[i - 1].domain || all[i].bus != all[i - 1].bus;
        if (new && !behind_bridge(all, n, &all[i]))
            show_bus(all, n, all[i].domain, all[i].bus, 0);
    }
    return finish(0);
}
