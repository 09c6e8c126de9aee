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

#define NUMBER(name, expression) ATTRFS_LINE(name, struct block_device, "%lu\n", (u64)(expression))

NUMBER(size, o->size / SECTOR)
NUMBER(ro, o->readonly)
NUMBER(alignment_offset, o->alignment)
NUMBER(logical_block_size, o->block)
NUMBER(physical_block_size, o->physical)
NUMBER(minimum_io_size, o->min_io)
NUMBER(optimal_io_size, o->opt_io)
NUMBER(discard_granularity, o->granularity)
NUMBER(discard_max_bytes, o->most[BLOCK_DISCARD])
NUMBER(write_zeroes_max_bytes, o->most[BLOCK_ZERO])
NUMBER(max_segments, o->max_spans)
NUMBER(max_segment_size, o->max_span)

/* ---- the others ---- */

/* Numbers that Linux gives a disk. */
ATTRFS_SAYS(none, "0\n")
ATTRFS_SAYS(rotational, "1\n")
ATTRFS_SAYS(range, "16\n")
ATTRFS_SAYS(ext_range, "256\n")
ATTRFS_SAYS(zoned, "none\n")
ATTRFS_SAYS(subsystem, "class/block")

ATTRFS_LINE(dev, struct block_device, "%u:%u\n", o->major, o->minor)
ATTRFS_LINE(cache, struct block_device, "write %s\n", o->volatile_cache ? "back" : "through")
ATTRFS_LINE(diskseq, struct block_device, "%u\n", o->number + 1)
ATTRFS_LINE(uevent, struct block_device, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=disk\nDISKSEQ=%u\n", o->major,
            o->minor, o->name, o->number + 1)

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

/* The first disk from number *i on, which becomes its own. */
static const struct block_device *from_number(unsigned *i)
{
    const struct block_device *b = block_next(*i);
    *i = b ? b->number : *i;
    return b;
}

static const void *disk(unsigned *i, char path[ATTRFS_PATH])
{
    const struct block_device *b = from_number(i);
    if (b)
        folder_of(b, path);
    return b;
}

static const void *queue(unsigned *i, char path[ATTRFS_PATH])
{
    const struct block_device *b = disk(i, path);
    size_t len = b ? strlen(path) : 0;
    if (len)
        print_text(path + len, ATTRFS_PATH - len, "/queue");
    return b;
}

static const void *listed(unsigned *i, char path[ATTRFS_PATH])
{
    const struct block_device *b = from_number(i);
    if (b)
        print_text(path, ATTRFS_PATH, "sys/block/%s", b->name);
    return b;
}

static const void *in_class(unsigned *i, char path[ATTRFS_PATH])
{
    const struct block_device *b = from_number(i);
    if (b)
        print_text(path, ATTRFS_PATH, "sys/class/block/%s", b->name);
    return b;
}

static const void *by_number(unsigned *i, char path[ATTRFS_PATH])
{
    const struct block_device *b = from_number(i);
    if (b)
        print_text(path, ATTRFS_PATH, "sys/dev/block/%u:%u", b->major, b->minor);
    return b;
}

ATTRFS_CLASS(disks) = {.object = disk, .files = files, .nfiles = ARRAY_LEN(files)};
ATTRFS_CLASS(disk_queues) = {.object = queue, .files = queue_files, .nfiles = ARRAY_LEN(queue_files)};
ATTRFS_CLASS(disks_listed) = {.object = listed, .files = links, .nfiles = 1};
ATTRFS_CLASS(disks_in_class) = {.object = in_class, .files = links, .nfiles = 1};
ATTRFS_CLASS(disks_by_number) = {.object = by_number, .files = links, .nfiles = 1};
