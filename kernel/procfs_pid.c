/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* procfs_pid - /proc/PID: a program's memory, names, descriptors and mounts, in Linux's formats (proc(5)). */
#include "arch.h"
#include "attrfs.h"
#include "print.h"
#include "proc.h"
#include "time.h"
#include "vfs.h"

enum { KIB = 1024, TICK_NS = 10000000 };

/* ---- memory ---- */

struct sizes {
    u64 all, code, data, stack; /* bytes */
};

static bool is_stack(const struct region *r)
{
    return r->end == proc_current->stack_top;
}

static struct sizes sizes_of(const struct proc *p)
{
    struct sizes s = {0, 0, 0, 0};
    for (const struct region *r = p->regions; r; r = r->next) {
        u64 len = r->end - r->start;
        s.all += len;
        *(is_stack(r) ? &s.stack : r->prot & PROT_EXEC ? &s.code : &s.data) += len;
    }
    return s;
}

/* What lies below the heap is the program's file. */
static void add_map(const struct proc *p, const struct region *r, u64 start, u64 end, struct attrfs_text *out)
{
    char line[80];
    const char *name = is_stack(r) ? "[stack]" : end <= p->brk_start ? p->exe : start < p->brk ? "[heap]" : NULL;
    if (start >= end)
        return;
    print_text(line, sizeof line, "%08lx-%08lx %c%c%cp 00000000 00:00 0 ", start, end, r->prot & PROT_READ ? 'r' : '-',
               r->prot & PROT_WRITE ? 'w' : '-', r->prot & PROT_EXEC ? 'x' : '-');
    attrfs_add(out, name ? "%-73s%s\n" : "%s%s\n", line, name ? name : "");
}

ATTRFS_SHOW(maps)
{
    const struct proc *p = object;
    for (const struct region *r = p->regions; r; r = r->next) {
        u64 border = MAX(r->start, MIN(r->end, p->brk_start));
        add_map(p, r, r->start, border, out);
        add_map(p, r, border, r->end, out);
    }
    return 0;
}

ATTRFS_SHOW(statm)
{
    const struct proc *p = object;
    struct sizes s = sizes_of(p);
    return attrfs_add(out, "%lu %lu 0 %lu 0 %lu 0\n", s.all / PAGE_SIZE, p->pages, s.code / PAGE_SIZE,
                      (s.data + s.stack) / PAGE_SIZE);
}

/* Bytes of the program's memory; what it unmapped is missing. */
static int add_memory(u64 start, u64 end, struct attrfs_text *out)
{
    char bytes[256];
    while (start < end && out->len < out->size) {
        u64 n = MIN(end - start, sizeof bytes);
        if (proc_copy_in(bytes, start, n) < 0)
            break;
        attrfs_add_bytes(out, bytes, n);
        start += n;
    }
    return 0;
}

ATTRFS_SHOW(cmdline)
{
    const struct proc *p = object;
    return add_memory(p->arg_start, p->env_start, out);
}

ATTRFS_SHOW(environ)
{
    const struct proc *p = object;
    return add_memory(p->env_start, p->env_end, out);
}

/* ---- the program as a whole ---- */

ATTRFS_LINE(comm, struct proc, "%s\n", o->name)

/* Its fields in the order of proc(5); a program that can ask is running, alone, since the start, and all that it is. */
ATTRFS_SHOW(stat)
{
    const struct proc *p = object;
    attrfs_add(out, "%lu (%s) R 0 %lu %lu 0 -1 0 0 0 0 0 %lu 0 0 0 20 0 1 0 0 %lu %lu %lu", p->pid, p->name, p->pid,
               p->pid, time_ns() / TICK_NS, sizes_of(p).all, p->pages, ~0ul);
    attrfs_add(out, " 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 %lu %lu %lu", p->brk_start, p->arg_start,
               p->env_start);
    return attrfs_add(out, " %lu %lu 0\n", p->env_start, p->env_end);
}

ATTRFS_SHOW(status)
{
    const struct proc *p = object;
    struct sizes s = sizes_of(p);
    attrfs_add(
        out,
        "Name:\t%s\nUmask:\t0%u%u%u\nState:\tR (running)\nTgid:\t%lu\nNgid:\t0\nPid:\t%lu\nPPid:\t0\nTracerPid:\t0\n",
        p->name, p->umask >> 6, p->umask >> 3 & 7, p->umask & 7, p->pid, p->pid);
    attrfs_add(out, "Uid:\t%u\t%u\t%u\t%u\n", p->uids[0], p->uids[1], p->uids[2], p->uids[1]);
    attrfs_add(out, "Gid:\t%u\t%u\t%u\t%u\n", p->gids[0], p->gids[1], p->gids[2], p->gids[1]);
    attrfs_add(out, "FDSize:\t%u\nGroups:\t \n", PROC_FDS);
    attrfs_add(out, "VmSize:\t%8lu kB\nVmRSS:\t%8lu kB\nVmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n",
               s.all / KIB, p->pages * (PAGE_SIZE / KIB), s.data / KIB, s.stack / KIB, s.code / KIB);
    return attrfs_add(out, "Threads:\t1\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n");
}

/* ---- mounts ---- */

/* What would end a field stands as \ooo. */
static void add_escaped(struct attrfs_text *out, const char *s)
{
    for (; *s; s++)
        if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\' || *s == '#')
            attrfs_add(out, "\\%u%u%u", (u32)*s >> 6, (u32)*s >> 3 & 7, (u32)*s & 7);
        else
            attrfs_add(out, "%c", *s);
}

static const char *rights(const struct mount *m)
{
    return !m->fs->ops->write || vfs_is_readonly(m->index) ? "ro" : "rw";
}

static const char *own_options(const struct mount *m)
{
    static const char *const options[] = {
        [CACHE_NONE] = ",trans=virtio",
        [CACHE_READAHEAD] = ",cache=readahead,trans=virtio",
        [CACHE_LOOSE] = ",cache=loose,trans=virtio",
    };
    return strcmp(m->fs->ops->type, "9p") == 0 ? options[m->fs->cache] : "";
}

ATTRFS_SHOW(mounts)
{
    const struct mount *m;
    for (unsigned i = 0; i < VFS_MOUNTS; i++) {
        if (!(m = vfs_mount_get(i)))
            continue;
        add_escaped(out, m->fs->tag);
        attrfs_add(out, " ");
        add_escaped(out, m->path);
        attrfs_add(out, " %s %s%s,relatime%s 0 0\n", m->fs->ops->type, rights(m), m->fs->sync ? ",sync" : "",
                   own_options(m));
    }
    return 0;
}

/* The mount that this one was found in; the first is its own. */
static const struct mount *parent_of(const struct mount *m)
{
    const struct mount *p;
    for (unsigned i = m->index; i > 0; i--)
        if ((p = vfs_mount_get(i - 1)) && vfs_path_below(m->path, p->path))
            return p;
    return vfs_mount_get(0);
}

ATTRFS_SHOW(mountinfo)
{
    const struct mount *m;
    for (unsigned i = 0; i < VFS_MOUNTS; i++) {
        if (!(m = vfs_mount_get(i)))
            continue;
        attrfs_add(out, "%u %u 0:%u / ", i + 1, parent_of(m)->index + 1, i + 1);
        add_escaped(out, m->path);
        attrfs_add(out, " %s,relatime - %s ", rights(m), m->fs->ops->type);
        add_escaped(out, m->fs->tag);
        attrfs_add(out, " %s%s\n", rights(m), own_options(m));
    }
    return 0;
}

/* ---- names ---- */

ATTRFS_SHOW(exe)
{
    const struct proc *p = object;
    return p->exe ? attrfs_add(out, "%s", p->exe) + ATTRFS_AS_IT_IS : -ENOENT;
}

static int add_path(const struct file *file, struct attrfs_text *out)
{
    if (!file->path[0])
        attrfs_add(out, "%s:[%lu]", file->node.fs->ops->type, file->node.qid.path);
    return attrfs_add(out, "%s%s", file->path, file->removed ? " (deleted)" : "") + ATTRFS_AS_IT_IS;
}

ATTRFS_SHOW(cwd)
{
    return add_path(((const struct proc *)object)->cwd, out);
}

ATTRFS_SHOW(root)
{
    return attrfs_add(out, "/") + ATTRFS_AS_IT_IS;
}

static const struct attrfs_file files[] = {
    {"cmdline", 0444, show_cmdline, 0, NULL}, {"comm", 0444, show_comm, 0, NULL},
    {"cwd", S_IFLNK, show_cwd, 0, NULL},      {"environ", 0400, show_environ, 0, NULL},
    {"exe", S_IFLNK, show_exe, 0, NULL},      {"maps", 0444, show_maps, 0, NULL},
    {"mounts", 0444, show_mounts, 0, NULL},   {"mountinfo", 0444, show_mountinfo, 0, NULL},
    {"root", S_IFLNK, show_root, 0, NULL},    {"stat", 0444, show_stat, 0, NULL},
    {"statm", 0444, show_statm, 0, NULL},     {"status", 0444, show_status, 0, NULL},
};

static const void *program(unsigned *i, char path[ATTRFS_PATH])
{
    if (*i || !proc_current)
        return NULL;
    print_text(path, ATTRFS_PATH, "proc/%lu", proc_current->pid);
    return proc_current;
}

ATTRFS_CLASS(procfs_pid) = {.object = program, .files = files, .nfiles = ARRAY_LEN(files)};

/* ---- descriptors: a link's number is its place in the table ---- */

ATTRFS_SHOW(fd)
{
    return add_path(*(struct file *const *)object, out);
}

static const struct attrfs_file fd_files[] = {{"", S_IFLNK, show_fd, 0, NULL}};

/* The first one is their folder, which is there though nothing is open. */
static const void *descriptor(unsigned *number, char path[ATTRFS_PATH])
{
    unsigned i = *number;
    if (i > PROC_FDS || !proc_current)
        return NULL;
    if (i == 0)
        print_text(path, ATTRFS_PATH, "proc/%lu/fd/", proc_current->pid);
    else if (proc_current->fds[i - 1])
        print_text(path, ATTRFS_PATH, "proc/%lu/fd/%u", proc_current->pid, i - 1);
    return &proc_current->fds[i ? i - 1 : 0];
}

ATTRFS_CLASS(procfs_fds) = {.object = descriptor, .files = fd_files, .nfiles = 1};
