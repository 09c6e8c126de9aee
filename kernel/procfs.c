/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* procfs - /proc: what the machine and the kernel tell of themselves, in Linux's formats (proc(5)). The processor's part is in x86_64/. */
#include "arch.h"
#include "attrfs.h"
#include "mem.h"
#include "print.h"
#include "proc.h"
#include "time.h"
#include "vfs.h"

#define TICK (SECOND / 100)

ATTRFS_SHOW(version)
{
    return attrfs_add(out, "%s version %s (root@%s) %s\n", proc_uname[0], proc_uname[2], proc_uname[1], proc_uname[3]);
}

/* Nobody counts what the one processor does when the one program waits. */
ATTRFS_SHOW(uptime)
{
    u64 ns = time_ns();
    return attrfs_add(out, "%lu.%02lu 0.00\n", ns / SECOND, ns % SECOND / TICK);
}

ATTRFS_SAYS(loadavg, "0.00 0.00 0.00 1/1 1\n")

ATTRFS_SHOW(stat)
{
    u64 now = time_ns();
    for (unsigned i = 0; i < 2; i++)
        attrfs_add(out, "%s %lu 0 0 0 0 0 0 0 0 0\n", i ? "cpu0" : "cpu ", now / TICK);
    return attrfs_add(out, "intr %lu\nctxt 0\nbtime %lu\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
                      arch_interrupts(), (time_wall_ns() - now) / SECOND);
}

ATTRFS_SHOW(meminfo)
{
    static const char *const names[] = {
        "MemTotal:",  "MemFree:",  "MemAvailable:", "Buffers:",  "Cached:",      "SwapCached:",
        "Active:",    "Inactive:", "SwapTotal:",    "SwapFree:", "Dirty:",       "Writeback:",
        "AnonPages:", "Mapped:",   "Shmem:",        "Slab:",     "SReclaimable:"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        u64 pages = i == 0 ? mem_total_count() : i <= 2 ? mem_free_count() : 0;
        pages += i == 2 || i == 4 ? mem_kept : 0;
        attrfs_add(out, "%-16s%8lu kB\n", names[i], pages * (PAGE_SIZE / 1024));
    }
    return 0;
}

/* Each type once; none of them needs a block device. */
ATTRFS_SHOW(filesystems)
{
    const struct fs *fs, *before;
    for (unsigned i = 0; (fs = vfs_registered(i)); i++) {
        unsigned first = 0;
        while ((before = vfs_registered(first)) != fs && strcmp(before->ops->type, fs->ops->type) != 0)
            first++;
        if (first == i)
            attrfs_add(out, "nodev\t%s\n", fs->ops->type);
    }
    return 0;
}

ATTRFS_SAYS(mounts, "self/mounts")

ATTRFS_SHOW(self)
{
    return proc_current ? attrfs_add(out, "%lu", proc_current->pid) : -ENOENT;
}

static const struct attrfs_file files[] = {
    {"version", 0444, show_version, 0, NULL},  {"uptime", 0444, show_uptime, 0, NULL},
    {"loadavg", 0444, show_loadavg, 0, NULL},  {"stat", 0444, show_stat, 0, NULL},
    {"meminfo", 0444, show_meminfo, 0, NULL},  {"filesystems", 0444, show_filesystems, 0, NULL},
    {"mounts", S_IFLNK, show_mounts, 0, NULL}, {"self", S_IFLNK, show_self, 0, NULL},
};

static const void *top(unsigned *i, char path[ATTRFS_PATH])
{
    print_text(path, ATTRFS_PATH, "proc");
    return *i ? NULL : files;
}

ATTRFS_CLASS(procfs) = {.object = top, .files = files, .nfiles = ARRAY_LEN(files)};
