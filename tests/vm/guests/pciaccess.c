/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pciaccess - the PCI functions as libpciaccess finds them in Linux's /sys. */
#include <pciaccess.h>
#include <stdio.h>

static void bridge(struct pci_device *d)
{
    int primary, secondary, subordinate;
    if (pci_device_get_bridge_buses(d, &primary, &secondary, &subordinate) == 0 && pci_device_get_bridge_info(d))
        printf(" buses %d %d %d", primary, secondary, subordinate);
}

int main(void)
{
    if (pci_system_init() != 0)
        return 1;
    struct pci_device_iterator *all = pci_slot_match_iterator_create(NULL);
    for (struct pci_device *d; (d = pci_device_next(all));) {
        uint8_t config[256];
        pciaddr_t got = 0;
        unsigned sum = 0;
        pci_device_probe(d);
        int err = pci_device_cfg_read(d, config, 0, sizeof config, &got);
        for (unsigned i = 0; i < got; i++)
            sum = sum * 31 + config[i];
        printf("%04x:%02x:%02x.%x %04x:%04x %04x:%04x class %06x rev %02x driver %d config %d %d", d->domain, d->bus,
               d->dev, d->func, d->vendor_id, d->device_id, d->subvendor_id, d->subdevice_id, d->device_class,
               d->revision, pci_device_has_kernel_driver(d), err, (int)got);
        printf(" same %d", d->vendor_id == (config[0] | config[1] << 8) && d->revision == config[8]);
        for (int i = 0; i < 6; i++)
            if (d->regions[i].size)
                printf(" bar%d %s%d+%lu%s", i, d->regions[i].is_IO ? "io" : "mem", d->regions[i].is_64 ? 64 : 32,
                       (unsigned long)d->regions[i].size, d->regions[i].base_addr ? "" : " nowhere");
        bridge(d);
        printf("\n");
    }
    pci_iterator_destroy(all);
    return 0;
}
