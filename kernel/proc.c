/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc - the running program: its memory, its descriptors, its end. */
#include "proc.h"
#include "arch.h"
#include "mem.h"
#include "power.h"
#include "print.h"
#include "vfs.h"

enum { SIG_KILL = 9, RIGHTS = PROT_READ | PROT_WRITE | PROT_EXEC };

struct proc *proc_current;
const char proc_uname[6][65] = {"Linux", "sheepskin", "6.1.0-sheepskin", "Sheepskin 0.3.0", "x86_64", "(none)"};

/* ---- runs ---- */

/* Runs of physical memory that were looked up, by the page they begin in: programs use their buffers again and again. They count as long as the tables have
 * lost nothing. */
static struct run {
    u64 va, len, pa;
    u64 loss; /* the last one before it was looked up */
    int prot; /* on each byte of it */
} runs[64], *last_run = runs;
static u64 losses = 1; /* no program has the time to make all its numbers pass */

static struct run *run_at(u64 va)
{
    return &runs[va / PAGE_SIZE * 0x9e3779b97f4a7c15ull >> 58]; /* Fibonacci hashing */
}

/* The run at va, as far as it is known; 0: it is not. */
static u64 known_run(u64 va, u64 max, int prot, u64 *pa)
{
    struct run *r = run_at(va);
    u64 skip = va - r->va;
    if (skip >= r->len || (r->prot & prot) != prot || r->loss != losses)
        return 0;
    last_run = r;
    *pa = r->pa + skip;
    return MIN(max, r->len - skip);
}

/* The same from the tables. A run that continues the last one makes that longer. */
static u64 look_up_run(u64 va, u64 max, int prot, u64 *pa)
{
    u64 len = arch_space_lookup(proc_current->space, va, max, prot, pa);
    struct run *r = run_at(va), *last = last_run;
    if (!len)
        return 0;
    if (last->va + last->len == va && last->pa + last->len == *pa && last->prot == prot && last->loss == losses) {
        last->len += len;
        return len;
    }
    bool more = r->va == va && r->len == len && r->loss == losses;
    *r = (struct run){va, len, *pa, losses, more ? r->prot | prot : prot};
    last_run = r;
    return len;
}

/* ---- regions ---- */

static struct region *region_at(u64 va)
{
    struct region *r = proc_current->regions;
    while (r && r->end <= va)
        r = r->next;
    return r && r->start <= va ? r : NULL;
}

/* Makes va a border between regions. */
static int split_at(u64 va)
{
    struct region *r = region_at(va);
    if (!r || r->start == va)
        return 0;
    struct region *upper = mem_new(sizeof *upper);
    if (!upper)
        return -ENOMEM;
    *upper = (struct region){r->next, va, r->end, r->prot};
    r->end = va;
    r->next = upper;
    return 0;
}

/* Neighbours with equal rights become one. */
static void join_regions(void)
{
    for (struct region *r = proc_current->regions; r; r = r->next)
        while (r->next && r->next->start == r->end && r->next->prot == r->prot) {
            struct region *gone = r->next;
            r->end = gone->end;
            r->next = gone->next;
            mem_delete(gone, sizeof *gone);
        }
}

static bool in_program(u64 start, u64 len)
{
    return start >= ARCH_USER_MIN && start < ARCH_USER_MAX && len <= ARCH_USER_MAX - start;
}

/* It may have been read into a moment ago. */
static void page_gone(u64 pa, u64 len)
{
    proc_current->pages -= len / PAGE_SIZE;
    mem_lent_back(pa, len / PAGE_SIZE);
}

int proc_unmap(u64 start, u64 len)
{
    if (!in_program(start, len))
        return -EINVAL;
    losses++;
    int result = split_at(start);
    if (result == 0)
        result = split_at(start + len);
    if (result < 0)
        return result;
    struct region **at = &proc_current->regions;
    while (*at && (*at)->start < start + len) {
        struct region *r = *at;
        if (r->start < start) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        arch_space_unmap(proc_current->space, r->start, r->end - r->start, r->prot & REGION_LENT ? NULL : page_gone);
        mem_delete(r, sizeof *r);
    }
    return 0;
}

int proc_map(u64 start, u64 len, int prot)
{
    int result = proc_unmap(start, len);
    if (result < 0)
        return result;
    struct region *self = mem_new(sizeof *self), **at = &proc_current->regions;
    if (!self)
        return -ENOMEM;
    while (*at && (*at)->start < start)
        at = &(*at)->next;
    *self = (struct region){*at, start, start + len, prot};
    *at = self;
    join_regions();
    return 0;
}

int proc_protect(u64 start, u64 len, int prot)
{
    if (!in_program(start, len))
        return -ENOMEM;
    losses++;
    int result = split_at(start);
    if (result == 0)
        result = split_at(start + len);
    u64 at = start;
    for (struct region *r = region_at(start); result == 0 && at < start + len; r = r->next) {
        if (!r || r->start != at) {
            result = -ENOMEM;
            break;
        }
        if ((r->prot & REGION_CONST) && (prot & PROT_WRITE)) {
            result = -EACCES;
            break;
        }
        if ((r->prot & REGION_LENT) && (prot & PROT_WRITE) && (result = proc_own(r)) < 0)
            break;
        r->prot = prot | (r->prot & ~RIGHTS);
        arch_space_protect(proc_current->space, r->start, r->end - r->start, prot);
        at = r->end;
    }
    join_regions();
    return result;
}

bool proc_is_mapped(u64 start, u64 len)
{
    u64 at = start;
    for (const struct region *r = proc_current->regions; r; r = r->next)
        if (r->start <= at && r->end > at)
            at = r->end;
    return in_program(start, len) && at >= start + len;
}

void proc_discard(u64 start, u64 len)
{
    losses++;
    for (const struct region *r = proc_current->regions; in_program(start, len) && r; r = r->next) {
        u64 from = MAX(r->start, start), to = MIN(r->end, start + len);
        if (from < to && !(r->prot & REGION_FILE))
            arch_space_unmap(proc_current->space, from, to - from, page_gone);
    }
}

static bool is_free(u64 start, u64 len)
{
    for (struct region *r = proc_current->regions; r; r = r->next)
        if (r->start < start + len && r->end > start)
            return false;
    return in_program(start, len);
}

u64 proc_find_gap(u64 len, u64 hint)
{
    if (hint && is_free(hint, len))
        return hint;
    u64 best = 0, low = ARCH_USER_MIN;
    for (struct region *r = proc_current->regions;; r = r->next) {
        u64 high = r ? MIN(r->start, proc_current->map_top) : proc_current->map_top;
        if (high > low && len <= high - low)
            best = high - len;
        if (!r)
            return best;
        low = MAX(low, r->end);
    }
}

/* Moves the pages, not the bytes. */
static int move_pages(u64 from, u64 to, u64 len, int prot)
{
    u64 space = proc_current->space, pa, n;
    losses++;
    for (u64 at = 0; at < len; at += n ? n : PAGE_SIZE) {
        n = arch_space_lookup(space, from + at, len - at, 0, &pa);
        if (n && arch_space_map(space, to + at, pa, n, prot) < 0) {
            arch_space_unmap(space, to, at, NULL);
            return -ENOMEM;
        }
    }
    arch_space_unmap(space, from, len, NULL);
    return 0;
}

s64 proc_grow(u64 start, u64 len, u64 new_len, bool may_move)
{
    struct region *r = region_at(start);
    if (!r || r->end - start < len)
        return -EFAULT;
    int prot = r->prot;
    if (prot & REGION_FILE)
        return -ENOMEM;
    if (r->end == start + len && is_free(r->end, new_len - len))
        return proc_map(r->end, new_len - len, prot) < 0 ? -ENOMEM : (s64)start;
    u64 to = may_move && (prot & RIGHTS) ? proc_find_gap(new_len, 0) : 0;
    if (!to || proc_map(to, new_len, prot) < 0)
        return -ENOMEM;
    if (move_pages(start, to, len, prot & RIGHTS) < 0) {
        proc_unmap(to, new_len);
        return -ENOMEM;
    }
    proc_unmap(start, len);
    return (s64)to;
}

/* ---- pages ---- */

u64 proc_fill(u64 va, u64 len, int prot, u64 *pa)
{
    enum { RUN_MAX = 1024 };
    u64 pages = MIN(len / PAGE_SIZE, (u64)RUN_MAX);
    while (!(*pa = mem_pages(pages, PAGE_SIZE)) && pages > 1)
        pages /= 2;
    if (!*pa)
        return 0;
    if (arch_space_map(proc_current->space, va, *pa, pages * PAGE_SIZE, prot) < 0) {
        mem_pages_free(*pa, pages);
        return 0;
    }
    proc_current->pages += pages;
    return pages * PAGE_SIZE;
}

static bool fill_zero(u64 va, u64 len, int prot)
{
    u64 pa, n = proc_fill(va, len, prot, &pa);
    if (n)
        memset(mem_virt(pa), 0, n);
    return n;
}

/* Bytes from va on, at most len, page-aligned, that have no page yet. */
static u64 hole(u64 va, u64 len)
{
    u64 pa, n = PAGE_SIZE;
    while (n < len && arch_space_lookup(proc_current->space, va + n, 1, 0, &pa) == 0)
        n += PAGE_SIZE;
    return n;
}

/* Pages to put under `page` at once: who touches one page after the other gets more each time, which come in one run, too. */
static u64 pages_ahead(u64 page, const struct region *r)
{
    enum { AHEAD_MAX = 64, SPARE = 64 };
    static u64 next, n;
    n = page == next ? MIN(MIN(2 * n, (u64)AHEAD_MAX), mem_free_count() / SPARE) : 1;
    n = hole(page, MIN(MAX(n, 1u) * PAGE_SIZE, r->end - page)) / PAGE_SIZE;
    next = page + n * PAGE_SIZE;
    return n;
}

int proc_page_fault(u64 va, int prot)
{
    u64 pa, page = ALIGN_DOWN(va, PAGE_SIZE);
    struct region *r = region_at(va);
    if (!r || !(r->prot & prot) || arch_space_lookup(proc_current->space, page, 1, prot, &pa))
        return -EFAULT;
    if (r->prot & REGION_BEHIND)
        return -ENXIO;
    if (fill_zero(page, pages_ahead(page, r) * PAGE_SIZE, r->prot & RIGHTS))
        return 0;
    log_error("%s: out of memory; give the machine more (--memory; QEMU: -m)", proc_current->name);
    proc_exit(128 + SIG_KILL);
}

/* The run at va, filled with zero pages if need be; 0: the program has no such byte, or there is no memory. */
static u64 run(u64 va, u64 max, int prot, u64 *pa)
{
    struct region *r = va >= ARCH_USER_MIN && va < ARCH_USER_MAX ? region_at(va) : NULL;
    if (!r || (r->prot & (prot | REGION_BEHIND)) != prot)
        return 0;
    u64 page = ALIGN_DOWN(va, PAGE_SIZE), len;
    max = MIN(max, r->end - va);
    while (!(len = look_up_run(va, max, prot, pa)))
        if (!fill_zero(page, hole(page, ALIGN_UP(va + max, PAGE_SIZE) - page), r->prot & RIGHTS))
            break;
    return len;
}

unsigned proc_spans(u64 va, u64 len, int prot, struct span *out, unsigned max, u64 *covered)
{
    unsigned n = 0;
    u64 pa, piece = known_run(va, len, prot, &pa), done = 0;
    if (piece == len && len) {
        *out = (struct span){pa, len};
        *covered = len;
        return 1;
    }
    for (; done < len; done += piece) {
        piece = known_run(va + done, len - done, prot, &pa);
        if (!piece && !(piece = run(va + done, len - done, prot, &pa)))
            break;
        if (n && out[n - 1].pa + out[n - 1].len == pa)
            out[n - 1].len += piece;
        else if (n < max)
            out[n++] = (struct span){pa, piece};
        else
            break;
    }
    *covered = done;
    return n;
}

u64 proc_swap(u64 va, u64 from, u64 to, u64 len)
{
    u64 done = arch_space_swap(proc_current->space, va, len, from, to);
    last_run = run_at(va);
    *last_run = (struct run){va, done, to, ++losses, PROT_READ | PROT_WRITE};
    return done;
}

void *proc_known(u64 va, u64 len, int prot)
{
    u64 pa;
    return known_run(va, len, prot, &pa) == len && len ? mem_virt(pa) : NULL;
}

static int copy(u64 va, u8 *bytes, u64 len, int prot)
{
    struct span s;
    for (u64 n; len; va += n, bytes += n, len -= n) {
        if (!proc_spans(va, len, prot, &s, 1, &n))
            return -EFAULT;
        if (prot == PROT_WRITE)
            memcpy(mem_virt(s.pa), bytes, n);
        else
            memcpy(bytes, mem_virt(s.pa), n);
    }
    return 0;
}

int proc_copy_in(void *dst, u64 va, u64 len)
{
    return copy(va, dst, len, PROT_READ);
}

int proc_copy_out(u64 va, const void *src, u64 len)
{
    return copy(va, (u8 *)(uintptr_t)src, len, PROT_WRITE);
}

s64 proc_copy_string(char *dst, u64 va, size_t size)
{
    char *end;
    struct span s;
    u64 n;
    if ((s.len = known_run(va, size, PROT_READ, &s.pa)) && (end = memccpy(dst, mem_virt(s.pa), 0, s.len)))
        return end - dst - 1;
    for (size_t len = 0; len < size; len += n) {
        if (!proc_spans(va + len, MIN(size - len, PAGE_SIZE - (va + len) % PAGE_SIZE), PROT_READ, &s, 1, &n))
            return -EFAULT;
        end = memccpy(dst + len, mem_virt(s.pa), 0, n);
        if (end)
            return end - dst - 1;
    }
    return -ENAMETOOLONG;
}

/* ---- descriptors ---- */

struct file *proc_file(u32 fd)
{
    return fd < PROC_FDS ? proc_current->fds[fd] : NULL;
}

int proc_fd_free(unsigned lowest)
{
    for (unsigned fd = lowest; fd < proc_current->limits[PROC_LIMIT_FDS][0]; fd++)
        if (!proc_current->fds[fd])
            return (int)fd;
    return -EMFILE;
}

int proc_fd_add(struct file *file, unsigned lowest, bool cloexec)
{
    int fd = proc_fd_free(lowest);
    if (fd < 0) {
        vfs_put(file);
        return fd;
    }
    proc_current->fds[fd] = file;
    proc_current->cloexec[fd] = cloexec;
    return fd;
}

int proc_fd_close(u32 fd)
{
    struct file *file = proc_file(fd);
    if (!file)
        return -EBADF;
    proc_current->fds[fd] = NULL;
    vfs_unlock_process(file, proc_current->pid);
    vfs_put(file);
    return 0;
}

/* ---- the end ---- */

void proc_exit(int status)
{
    for (unsigned fd = 0; fd < PROC_FDS; fd++)
        proc_fd_close(fd);
    power_end("exit", (u8)status);
}

static const char *signal_name(int signal)
{
    static const char *const names[] = {[4] = "illegal instruction",
                                        [5] = "trap",
                                        [6] = "aborted",
                                        [7] = "bus error",
                                        [8] = "arithmetic error",
                                        [9] = "killed",
                                        [11] = "segmentation fault"};
    return (unsigned)signal < ARRAY_LEN(names) && names[signal] ? names[signal] : "ended by a signal";
}

void proc_fault(struct arch_frame *frame, int signal, const char *what, u64 va)
{
    log_error("%s: %s (%s at address %lx, instruction %lx)", proc_current->name, signal_name(signal), what, va,
              frame->rip);
    proc_exit(128 + signal);
}

void proc_kill(int signal)
{
    log_error("%s: %s (signal %d)", proc_current->name, signal_name(signal), signal);
    proc_exit(128 + signal);
}

/* ---- what the loader needs ---- */

/* Its first pages come at once, as a program's first deep call would ask for them one by one. */
u64 proc_stack(void)
{
    enum { FIRST = 3 * PAGE_SIZE };
    u64 top = proc_current->stack_top;
    if (proc_map(top - PROC_STACK, PROC_STACK, PROT_READ | PROT_WRITE) < 0)
        return 0;
    fill_zero(top - FIRST, FIRST, PROT_READ | PROT_WRITE);
    return top;
}
