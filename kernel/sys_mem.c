/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_mem - system calls on the program's memory. */
#include "arch.h"
#include "mem.h"
#include "print.h"
#include "proc.h"
#include "syscall.h"
#include "vfs.h"

enum {
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_SHARED_VALIDATE = 3,
    MAP_TYPE = 15,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_NORESERVE = 0x4000,
    MAP_FIXED_NOREPLACE = 0x100000
};

static int check_prot(u64 prot)
{
    if (prot & ~(u64)(PROT_READ | PROT_WRITE | PROT_EXEC))
        return -EINVAL;
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
        return -EACCES; /* W^X */
    return prot ? (int)prot | PROT_READ : 0;
}

/* Bytes rounded up to pages; 0: none, or more than there can be. */
static u64 round_len(u64 len)
{
    return len > ARCH_USER_MAX ? 0 : ALIGN_UP(len, PAGE_SIZE);
}

static s64 choose_address(u64 hint, u64 len, u64 flags)
{
    if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
        u64 at = proc_find_gap(len, ALIGN_DOWN(hint, PAGE_SIZE));
        return at ? (s64)at : -ENOMEM;
    }
    if (hint % PAGE_SIZE)
        return -EINVAL;
    if (hint < ARCH_USER_MIN)
        return -EPERM;
    if (hint >= ARCH_USER_MAX || len > ARCH_USER_MAX - hint)
        return -ENOMEM;
    if ((flags & MAP_FIXED_NOREPLACE) && proc_find_gap(len, hint) != hint)
        return -EEXIST;
    return (s64)hint;
}

/* A mapping of a file is a copy that is made at once. A shared one differs from it in nothing but the host's later changes, if nobody here can write to
 * the file; else what is written to either would have to reach the other, and does not: so it is refused, as Linux refuses it where a file system
 * has no such maps. */
static int check_file(struct file *file, bool shared, bool write, u64 *size)
{
    static bool told;
    struct attr attr;
    u64 dev;
    u32 mode = file->flags & O_ACCMODE;
    if (mode == O_WRONLY || (shared && write && mode == O_RDONLY))
        return -EACCES;
    int result = vfs_getattr(file, &attr, &dev);
    if (result < 0)
        return result;
    *size = attr.size;
    shared &= mode != O_RDONLY;
    if (shared && !told) {
        log_warn("%s: no file in memory to write there (mmap, MAP_SHARED); let it use read and write",
                 proc_current->name);
        told = true;
    }
    u32 type = attr.mode & S_IFMT;
    return shared || (type != S_IFREG && type != S_IFBLK) ? -ENODEV : 0;
}

static s64 map_file(struct file *file, u64 at, u64 len, int prot, u64 offset, u64 size)
{
    size = offset < size ? MIN(len, size - offset) : 0;
    u64 pages = ALIGN_UP(size, PAGE_SIZE);
    int result =
        pages ? proc_place(file, &(struct proc_bytes){0}, &(struct proc_piece){at, pages, offset, size, prot}, 1) : 0;
    if (result == 0 && pages < len)
        result = proc_map(at + pages, len - pages, prot | REGION_BEHIND);
    if (result < 0)
        proc_unmap(at, len);
    return result;
}

/* As Linux does without overcommit_memory: refused is only what can never be. */
static bool too_much(u64 len, int prot, u64 flags)
{
    return (prot & PROT_WRITE) && !(flags & MAP_NORESERVE) && len / PAGE_SIZE > mem_total_count();
}

SYSCALL(mmap)
{
    u64 len = round_len(arg[1]), flags = arg[3], type = flags & MAP_TYPE, size = 0;
    int prot = check_prot(arg[2]);
    struct file *file = flags & MAP_ANONYMOUS ? NULL : proc_file((u32)arg[4]);
    if (arg[5] % PAGE_SIZE)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS) && (!file || (file->flags & O_PATH)))
        return -EBADF;
    if (prot < 0 || !arg[1] || (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE))
        return prot < 0 ? prot : -EINVAL;
    if (!len || too_much(len, prot, flags))
        return -ENOMEM;
    if (arg[5] + len < arg[5])
        return -EOVERFLOW;
    s64 at = choose_address(arg[0], len, flags), result = 0;
    if (at >= 0 && file)
        result = check_file(file, type != MAP_PRIVATE, prot & PROT_WRITE, &size);
    if (at < 0 || result < 0)
        return MIN(at, result);
    prot |= file ? REGION_FILE | (type != MAP_PRIVATE ? REGION_CONST : 0) : 0;
    result = file ? map_file(file, (u64)at, len, prot, arg[5], size) : proc_map((u64)at, len, prot);
    return result < 0 ? result : at;
}

SYSCALL(munmap)
{
    u64 len = round_len(arg[1]);
    return arg[0] % PAGE_SIZE || !len ? -EINVAL : proc_unmap(arg[0], len);
}

SYSCALL(mprotect)
{
    u64 len = round_len(arg[1]);
    int prot = check_prot(arg[2]);
    if (arg[0] % PAGE_SIZE || prot < 0)
        return arg[0] % PAGE_SIZE ? -EINVAL : prot;
    if (!arg[1])
        return 0;
    return len ? proc_protect(arg[0], len, prot) : -ENOMEM;
}

SYSCALL(brk)
{
    struct proc *p = proc_current;
    u64 old_end = ALIGN_UP(p->brk, PAGE_SIZE), new_end = ALIGN_UP(arg[0], PAGE_SIZE);
    if (arg[0] < p->brk_start || arg[0] >= ARCH_USER_MAX)
        return (s64)p->brk;
    int result = 0;
    if (new_end > old_end && (proc_find_gap(new_end - old_end, old_end) != old_end ||
                              (new_end - old_end) / PAGE_SIZE > mem_free_count() + mem_kept + mem_reclaimable))
        result = -ENOMEM;
    else if (new_end > old_end)
        result = proc_map(old_end, new_end - old_end, PROT_READ | PROT_WRITE);
    else if (new_end < old_end)
        result = proc_unmap(new_end, old_end - new_end);
    if (result == 0)
        p->brk = arg[0];
    return (s64)p->brk;
}

/* Advice may be ignored, but MADV_DONTNEED promises zeroes, where it is not a file that is mapped. */
SYSCALL(madvise)
{
    enum { MADV_DONTNEED = 4, MADV_FREE = 8, MADV_LAST = 25 };
    u64 len = round_len(arg[1]);
    u32 advice = (u32)arg[2];
    if (arg[0] % PAGE_SIZE || advice > MADV_LAST || (advice > MADV_DONTNEED && advice < MADV_FREE) ||
        (arg[1] && !len) || len > ~arg[0])
        return -EINVAL;
    if (advice == MADV_DONTNEED && len)
        proc_discard(arg[0], len);
    return len && !proc_is_mapped(arg[0], len) ? -ENOMEM : 0;
}

/* More of a file would have to be read: programs that get ENOMEM map it again. */
SYSCALL(mremap)
{
    enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };
    u64 old_len = round_len(arg[1]), new_len = round_len(arg[2]);
    if (arg[0] % PAGE_SIZE || !old_len || !new_len || (arg[3] & ~(u64)(MREMAP_MAYMOVE | MREMAP_FIXED)))
        return -EINVAL;
    if ((arg[3] & MREMAP_FIXED) && (!(arg[3] & MREMAP_MAYMOVE) || arg[4] % PAGE_SIZE))
        return -EINVAL;
    if (!proc_is_mapped(arg[0], old_len))
        return -EFAULT;
    if ((arg[3] & MREMAP_FIXED) || too_much(new_len, PROT_WRITE, 0))
        return -ENOMEM;
    if (new_len > old_len)
        return proc_grow(arg[0], old_len, new_len, arg[3] & MREMAP_MAYMOVE);
    int result = new_len < old_len ? proc_unmap(arg[0] + new_len, old_len - new_len) : 0;
    return result < 0 ? result : (s64)arg[0];
}

static s64 check_mapped(u64 start, u64 len)
{
    u64 pages = round_len(len);
    if (len && (!pages || !proc_is_mapped(start, pages)))
        return -ENOMEM;
    return 0;
}

/* No mapping has changes that a file lacks. */
SYSCALL(msync)
{
    enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
    u64 flags = (u32)arg[2];
    if (arg[0] % PAGE_SIZE || flags > (MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    return check_mapped(arg[0], arg[1]);
}

/* Nothing is ever swapped out. */
SYSCALL(mlock)
{
    u64 skew = arg[0] % PAGE_SIZE;
    return arg[1] > ARCH_USER_MAX ? -ENOMEM : check_mapped(arg[0] - skew, arg[1] + skew);
}

/* A byte for each page; what was never touched is not there. */
SYSCALL(mincore)
{
    u64 start = arg[0], pages = round_len(arg[1]) / PAGE_SIZE, pa;
    if (start % PAGE_SIZE)
        return -EINVAL;
    if (start > ARCH_USER_MAX || arg[1] > ARCH_USER_MAX - start)
        return -ENOMEM;
    if (arg[2] > ARCH_USER_MAX || pages > ARCH_USER_MAX - arg[2])
        return -EFAULT;
    for (u64 i = 0; i < pages; i++) {
        u64 va = start + i * PAGE_SIZE;
        if (!proc_is_mapped(va, PAGE_SIZE))
            return -ENOMEM;
        u8 there = arch_space_lookup(proc_current->space, va, PAGE_SIZE, 0, &pa) != 0;
        if (proc_copy_out(arg[2] + i, &there, 1) < 0)
            return -EFAULT;
    }
    return 0;
}

SYSCALL(mlockall)
{
    enum { MCL_ONFAULT = 4, MCL_ALL = 7 };
    return !(u32)arg[0] || (u32)arg[0] > MCL_ALL || (u32)arg[0] == MCL_ONFAULT ? -EINVAL : 0;
}
