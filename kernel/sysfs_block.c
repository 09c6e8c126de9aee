/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_block - /sys/block and the disks in /sys/devices, in Linux's files (its Documentation/ABI, stable/sysfs-block). */
#include "attrfs.h"
#include "block.h"
#include "print.h"
#include "sysfs.h"
#include "vfs.h"

enum { SECTOR = 512 };

static void folder_of(const struct block_device *b, char path[ATTRFS_PATH])
{
    sysfs_pci_folder(b->parent, path);
    size_t len = strlen(path);
    if (len && print_text(path + len, ATTRFS_PATH - len, "/%s/block/%s", b->bus_name, b->name) >= ATTRFS_PATH - len)
        path[0] = 0;
}

/* ---- files that hold one number ---- */

#define NUMBER(name, expression)                                                                                       \
    ATTRFS_SHOW(name)                                                                                                  \
    {                                                                                                                  \
        const struct block_device *b = object;                                                                         \
        return attrfs_add(out, "%lu\n", (u64)(expression));                                                            \
    }

NUMBER(size, b->size / SECTOR)
NUMBER(ro, b->readonly)
NUMBER(alignment_offset, b->alignment)
NUMBER(logical_block_size, b->block)
NUMBER(physical_block_size, b->physical)
NUMBER(minimum_io_size, b->min_io)
NUMBER(optimal_io_size, b->opt_io)
NUMBER(discard_granularity, b->granularity)
NUMBER(discard_max_bytes, b->most[BLOCK_DISCARD])
NUMBER(write_zeroes_max_bytes, b->most[BLOCK_ZERO])
NUMBER(max_segments, b->max_spans)
NUMBER(max_segment_size, b->max_span)

/* ---- the others ---- */

#define SAYS(name, what)                                                                                               \
    ATTRFS_SHOW(name)                                                                                                  \
    {                                                                                                                  \
        return attrfs_add(out, what);                                                                                  \
    }

/* Numbers that Linux gives a disk. */
SAYS(none, "0\n")
SAYS(rotational, "1\n")
SAYS(range, "16\n")
SAYS(ext_range, "256\n")
SAYS(zoned, "none\n")
SAYS(subsystem, "class/block")

ATTRFS_SHOW(dev)
{
    return attrfs_add(out, "%u:%u\n", block_major(object), block_minor(object));
}

ATTRFS_SHOW(cache)
{
    return attrfs_add(out, ((const struct block_device *)object)->volatile_cache ? "write back\n" : "write through\n");
}

/* Asked of the device each time, as on Linux; no newline, as there. */
ATTRFS_SHOW(serial)
{
    struct block_device *b = (struct block_device *)object;
    char text[BLOCK_SERIAL + 1] = {0};
    if (out->size == out->len)
        return 0;
    int err = b->ops->serial(b, text);
    return err < 0 && err != -EOPNOTSUPP ? err : attrfs_add_bytes(out, text, strnlen(text, BLOCK_SERIAL));
}

ATTRFS_SHOW(uevent)
{
    const struct block_device *b = object;
    return attrfs_add(out, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=disk\nDISKSEQ=%u\n", block_major(b), block_minor(b),
                      b->name, b->number + 1);
}

ATTRFS_SHOW(diskseq)
{
    return attrfs_add(out, "%u\n", ((const struct block_device *)object)->number + 1);
}

/* What it came out of. */
ATTRFS_SHOW(device)
{
    char path[ATTRFS_PATH] = "";
    const struct block_device *b = object;
    sysfs_pci_folder(b->parent, path);
    return path[0] ? attrfs_add(out, "%s/%s", path + strlen("sys/"), b->bus_name) : -ENOENT;
}

static const struct attrfs_file files[] = {
    {"size", 0444, show_size, 0, NULL},
    {"ro", 0444, show_ro, 0, NULL},
    {"dev", 0444, show_dev, 0, NULL},
    {"removable", 0444, show_none, 0, NULL},
    {"hidden", 0444, show_none, 0, NULL},
    {"range", 0444, show_range, 0, NULL},
    {"ext_range", 0444, show_ext_range, 0, NULL},
    {"alignment_offset", 0444, show_alignment_offset, 0, NULL},
    {"discard_alignment", 0444, show_none, 0, NULL},
    {"cache_type", 0444, show_cache, 0, NULL},
    {"serial", 0444, show_serial, 0, NULL},
    {"diskseq", 0444, show_diskseq, 0, NULL},
    {"uevent", 0444, show_uevent, 0, NULL},
    {"device", S_IFLNK, show_device, 0, NULL},
    {"subsystem", S_IFLNK, show_subsystem, 0, NULL},
};

static const struct attrfs_file queue_files[] = {
    {"logical_block_size", 0444, show_logical_block_size, 0, NULL},
    {"hw_sector_size", 0444, show_logical_block_size, 0, NULL},
    {"physical_block_size", 0444, show_physical_block_size, 0, NULL},
    {"minimum_io_size", 0444, show_minimum_io_size, 0, NULL},
    {"optimal_io_size", 0444, show_optimal_io_size, 0, NULL},
    {"discard_granularity", 0444, show_discard_granularity, 0, NULL},
    {"discard_max_bytes", 0444, show_discard_max_bytes, 0, NULL},
    {"discard_max_hw_bytes", 0444, show_discard_max_bytes, 0, NULL},
    {"discard_zeroes_data", 0444, show_none, 0, NULL},
    {"write_zeroes_max_bytes", 0444, show_write_zeroes_max_bytes, 0, NULL},
    {"max_segments", 0444, show_max_segments, 0, NULL},
    {"max_segment_size", 0444, show_max_segment_size, 0, NULL},
    {"rotational", 0444, show_rotational, 0, NULL},
    {"write_cache", 0444, show_cache, 0, NULL},
    {"fua", 0444, show_none, 0, NULL},
    {"nr_zones", 0444, show_none, 0, NULL},
    {"zoned", 0444, show_zoned, 0, NULL},
};

ATTRFS_SHOW(link)
{
    char path[ATTRFS_PATH] = "";
    folder_of(object, path);
    return path[0] ? attrfs_add(out, "%s", path + strlen("sys/")) : -ENOENT;
}

static const struct attrfs_file links[] = {{"", S_IFLNK, show_link, 0, NULL}};

/* ---- where they are ---- */

static unsigned next(unsigned from)
{
    const struct block_device *b = block_next(from);
    return b ? b->number : ~0u;
}

static const struct block_device *at(unsigned i)
{
    const struct block_device *b = block_next(i);
    return b && b->number == i ? b : NULL;
}

static const void *disk(unsigned i, char path[ATTRFS_PATH])
{
    const struct block_device *b = at(i);
    if (b)
        folder_of(b, path);
    return b;
}

static const void *queue(unsigned i, char path[ATTRFS_PATH])
{
    const struct block_device *b = disk(i, path);
    size_t len = b ? strlen(path) : 0;
    if (len)
        print_text(path + len, ATTRFS_PATH - len, "/queue");
    return b;
}

static const void *listed(unsigned i, char path[ATTRFS_PATH])
{
    const struct block_device *b = at(i);
    if (b)
        print_text(path, ATTRFS_PATH, "sys/block/%s", b->name);
    return b;
}

static const void *in_class(unsigned i, char path[ATTRFS_PATH])
{
    const struct block_device *b = at(i);
    if (b)
        print_text(path, ATTRFS_PATH, "sys/class/block/%s", b->name);
    return b;
}

static const void *by_number(unsigned i, char path[ATTRFS_PATH])
{
    const struct block_device *b = at(i);
    if (b)
        print_text(path, ATTRFS_PATH, "sys/dev/block/%u:%u", block_major(b), block_minor(b));
    return b;
}

ATTRFS_CLASS(disks) = {.object = disk, .next = next, .files = files, .nfiles = ARRAY_LEN(files)};
ATTRFS_CLASS(disk_queues) = {.object = queue, .next = next, .files = queue_files, .nfiles = ARRAY_LEN(queue_files)};
ATTRFS_CLASS(disks_listed) = {.object = listed, .next = next, .files = links, .nfiles = 1};
ATTRFS_CLASS(disks_in_class) = {.object = in_class, .next = next, .files = links, .nfiles = 1};
ATTRFS_CLASS(disks_by_number) = {.object = by_number, .next = next, .files = links, .nfiles = 1};
