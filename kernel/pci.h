/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pci - the PCI bus: configuration space, the scan from the host bridge down, BARs, MSI-X, and the table of PCI drivers. */
#ifndef PCI_H
#define PCI_H

#include "base.h"

enum { PCI_BARS = 6, PCI_CAPS = 48, PCI_ANY = 0xffff };

enum { PCI_CAP_VENDOR = 0x09, PCI_CAP_EXPRESS = 0x10, PCI_CAP_MSIX = 0x11 };

struct pci_bar {
    u64 base;                /* physical address or port; 0: not assigned */
    u64 size;                /* bytes; 0: not implemented */
    bool io, wide, prefetch; /* port space; 64 bits (takes the next BAR's slot too); prefetchable */
};

/* One function. Made by a scan, lives until pci_remove(). Everything but `priv` belongs to pci*.c. */
struct pci_dev {
    struct pci_dev *parent; /* the bridge it is behind; NULL on bus 0 */
    void *ecam;             /* its configuration space, mapped; NULL: ports CF8/CFC */
    u16 segment;
    u8 bus, slot, function; /* up to here it is where it is, and from here on what it is */
    struct pci_dev *next;   /* all functions, in the order of the scan */
    const struct pci_driver *driver;
    void *priv; /* the driver's */
    struct pci_bar bars[PCI_BARS];
    struct span windows[3]; /* a bridge's: ports, memory, prefetchable memory; len 0: closed */
    void *msix_table;       /* mapped; NULL until pci_msix_enable() */
    char name[16];          /* "0000:00:04.0" */
    u16 vendor, device, subvendor, subdevice;
    u16 msix_cap, msix_count; /* offset of the capability, 0: none; vectors in its table */
    u8 revision, header;      /* header: type without the multifunction bit */
    u8 irq_line, irq_pin;
    u8 secondary, subordinate; /* a bridge's buses */
    u8 ncaps;
    struct {
        u8 id, offset;
    } caps[PCI_CAPS];          /* the capability list, walked once by the scan */
    struct pci_dev *line_next; /* who else is on its interrupt line; pci_line.c's */
    bool (*claim)(void *arg);  /* whether it was this one that called */
    void *claim_arg;
    u32 number;   /* that no other function ever gets, in the order of the list */
    bool offered; /* to the drivers, once: what was unbound by hand stays so */
    bool bad;     /* its capability list has no end: no driver gets it */
    u32 class;    /* base class, subclass, interface: 0xCCSSII */
};

struct pci_id {
    u16 vendor, device; /* PCI_ANY matches all */
    u16 last;           /* of a range that starts at `device`; 0: that one only */
};

struct pci_driver {
    const char *name;
    const struct pci_id *ids; /* ended by a zero vendor */
    u16 bridges;              /* not 0: instead of ids, every bridge of this class and subclass, 0xCCSS */
    bool last_resort;         /* asked only about what no other driver took */
    /* Takes the function (decoding of memory and I/O is on, bus mastering only if it is a bridge). 0, or -errno: not taken, one line in the log says why. */
    int (*probe)(struct pci_dev *dev);
    /* Lets go of it: afterwards the function does no DMA and raises no interrupt. It may be gone already: then all that is read is ones. */
    void (*remove)(struct pci_dev *dev);
};

/* Declares a driver: PCI_DRIVER(virtio_pci) = {.name = ...}; it is found by the linker section. */
#define PCI_DRIVER(ident)                                                                                              \
    static const struct pci_driver ident;                                                                              \
    TABLE_ENTRY(pci_drivers, struct pci_driver, ident);                                                                \
    static const struct pci_driver ident
extern const struct pci_driver *const __start_pci_drivers[], *const __stop_pci_drivers[];

/* Walks every bus from bus 0 of each segment down: every function of every device behind every bridge; numbers the buses and assigns the BARs
 * and bridge windows that firmware left empty. [window, window + window_size) is address space below 4 GiB that holds no RAM (from the memory map). */
void pci_scan(const struct span *window);
/* Looks again, behind one bridge or (NULL) everywhere: new functions get addresses, and are offered to the drivers. */
void pci_rescan(struct pci_dev *bridge);
/* Takes a function, and all that are behind it, out of the list, away from their drivers, and their memory back. */
void pci_remove(struct pci_dev *dev);
/* A function right behind the bridge; NULL: there is none. */
struct pci_dev *pci_behind(const struct pci_dev *bridge);
/* Counts functions that came and went. */
extern u64 pci_changes;

/* pci_bind.c. Offers each new function to each driver that matches. */
void pci_bind_all(void);
bool pci_matches(const struct pci_driver *driver, const struct pci_dev *dev);
/* Gives a function that has no driver to this one. 0; -ENOSPC: it has no addresses; what probe says. */
int pci_bind(struct pci_dev *dev, const struct pci_driver *driver);
/* Takes it from its driver, if it has one. */
void pci_unbind(struct pci_dev *dev);
/* The first function; follow ->next. */
struct pci_dev *pci_first(void);

u8 pci_read8(const struct pci_dev *dev, u16 offset);
u16 pci_read16(const struct pci_dev *dev, u16 offset);
u32 pci_read32(const struct pci_dev *dev, u16 offset);
void pci_write8(const struct pci_dev *dev, u16 offset, u8 v);
void pci_write16(const struct pci_dev *dev, u16 offset, u16 v);
void pci_write32(const struct pci_dev *dev, u16 offset, u32 v);

/* The next capability with this id behind the one at `from` (0: the first); 0: no more. */
u16 pci_find_cap(const struct pci_dev *dev, u8 id, u16 from);

/* The PCI Express capability of a port that leads down to one slot, and that register of it which says what it is; 0: it is none. */
u16 pci_port(const struct pci_dev *bridge, u16 *flags);
/* The same if something may be plugged in there, and we are told; 0: not so. */
u16 pci_hotplug_slot(const struct pci_dev *bridge);

/* Maps [offset, offset+len) of a memory BAR; NULL when the BAR is not memory or too small, or one of the function's memory BARs has no address, so that none
 * is decoded. */
void *pci_map_bar(const struct pci_dev *dev, unsigned bar, u64 offset, u64 len);
/* Whether the BARs of one kind can be decoded: there is one, and none without an address, which would be decoded at 0. */
bool pci_decodes(const struct pci_dev *dev, bool io);

/* Turns MSI-X on with every vector masked. Returns the number of vectors in the table, or -errno (-ENODEV: no capability). */
int pci_msix_enable(struct pci_dev *dev);
/* Vector `index` raises `irq` (arch.h) from now on. 0 or -EINVAL. */
int pci_msix_route(struct pci_dev *dev, unsigned index, int irq);
/* Turns it off again; the vectors' irqs are the caller's. */
void pci_msix_disable(struct pci_dev *dev);

/* pci_line.c: the function's interrupt line (INTx), which it may share. From now on claim(arg) runs whenever the line calls, with interrupts off, and says
 * whether it was this function, whose call it has ended. 0; -ENODEV: firmware told no line, or nothing leads it to the processor. */
int pci_line_join(struct pci_dev *dev, bool (*claim)(void *arg), void *arg);
void pci_line_leave(struct pci_dev *dev);

/* Whether the function may reach memory: interrupts by MSI-X, too, are writes to memory. Behind a bridge, it must be let. */
void pci_master(const struct pci_dev *dev, bool may);
/* Turns MSI-X, bus mastering and decoding off. */
void pci_disable(struct pci_dev *dev);

/* pci_assign.c, for pci_scan(). Finds out the sizes of a new function's BARs, and a bridge's windows. */
void pci_assign_read(struct pci_dev *dev);
/* Gives addresses to memory BARs that have none, or one that cannot be right, and opens the bridges before them. */
void pci_assign_all(const struct span *window);

#endif
