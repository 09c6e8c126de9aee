/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc_place - pieces of a file in a program's memory: read to where they belong, and in as few reads as can be; given or lent,
 * where all of the file is in memory. */
#include "arch.h"
#include "mem.h"
#include "proc.h"
#include "vfs.h"

/*
 * The segments of a program follow each other in its file, at most a page apart. So they come by one read, whose spans are their pages; what is between two
 * of them goes where the first one's last page has room, which is cleared afterwards.
 */
enum { SPANS = 24 };

struct reading {
    struct file *file;
    u64 from, len; /* of the file */
    unsigned nspans, nclear;
    struct span spans[SPANS], clear[2 * SPANS]; /* clear: to be zero, when all that comes has come */
    const struct proc_bytes *bytes;
    u64 given; /* of their own pages, those before this byte are the program's, but for the skipped, */
    unsigned nskipped;
    struct span skipped[SPANS]; /* which another piece may still be copied from */
};

static int finish(struct reading *r)
{
    s64 got = r->len ? vfs_read(r->file, r->spans, r->nspans, r->from) : 0;
    if (got != (s64)r->len)
        return got < 0 ? (int)got : -EIO;
    mem_zero_spans(r->clear, r->nclear, 0, mem_span_total(r->clear, r->nclear));
    r->len = r->nspans = r->nclear = 0;
    return 0;
}

/* The file's bytes from `offset` on are to come to [pa, pa+len). */
static int add(struct reading *r, u64 pa, u64 len, u64 offset)
{
    struct span *last = r->spans + r->nspans - 1;
    u64 gap = offset - (r->from + r->len);
    if (r->nspans == 0 || r->nspans == SPANS || gap > -(last->pa + last->len) % PAGE_SIZE) {
        int result = finish(r);
        if (result < 0)
            return result;
        r->from = offset;
    } else {
        last->len += gap;
        r->len += gap;
    }
    r->spans[r->nspans++] = (struct span){pa, len};
    r->len += len;
    return 0;
}

/* Pages in which the file was read become the program's: those from byte `from` of it on. */
static u64 give(struct reading *r, u64 from, u64 va, u64 len, int rights, u64 *pa)
{
    *pa = r->bytes->pa + from;
    if (arch_space_map(proc_current->space, va, *pa, len, rights) < 0)
        return 0;
    proc_current->pages += len / PAGE_SIZE;
    r->skipped[r->nskipped++] = (struct span){r->bytes->pa + r->given, from - r->given};
    r->given = from + len;
    return len;
}

/* Pages for [va, va+len), which is from byte `from` of the file on; none is given twice. */
static u64 get_pages(struct reading *r, u64 from, u64 va, u64 len, int rights, u64 *pa)
{
    if (r->bytes->own && from >= r->given)
        return give(r, from, va, len, rights, pa);
    return proc_fill(va, r->bytes->own ? MIN(len, r->given - from) : len, rights, pa);
}

/* A piece that the program may only read, in a file that stays where it is. What is in its pages beside it is the file's, too. */
static bool may_lend(const struct proc_bytes *b, const struct proc_piece *piece, u64 from, u64 len)
{
    return b->pa && b->pa % PAGE_SIZE == 0 && !b->own && !(piece->prot & PROT_WRITE) &&
           piece->file_size == piece->mem_size && len <= b->len - from;
}

static void clear(struct reading *r, u64 pa, u64 len)
{
    if (len)
        r->clear[r->nclear++] = (struct span){pa, len};
}

static int place(struct reading *r, const struct proc_piece *piece)
{
    const struct proc_bytes *b = r->bytes;
    u64 start = ALIGN_DOWN(piece->va, PAGE_SIZE), end = ALIGN_UP(piece->va + piece->mem_size, PAGE_SIZE), pa, n;
    u64 skew = piece->va - start, with_bytes = piece->file_size ? ALIGN_UP(skew + piece->file_size, PAGE_SIZE) : 0;
    u64 from = piece->file_offset - skew;
    bool lent = may_lend(b, piece, from, end - start);
    int rights = piece->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
    int flags = (piece->prot & PROT_WRITE ? 0 : REGION_FILE) | (lent ? REGION_LENT : 0);
    int result = proc_map(start, end - start, piece->prot | flags);
    if (lent)
        return result < 0 ? result : arch_space_map(proc_current->space, start, b->pa + from, end - start, rights);
    for (u64 done = 0; done < with_bytes && result == 0; done += n, skew = 0) {
        n = get_pages(r, from + done, start + done, with_bytes - done, rights, &pa);
        if (!n)
            return -ENOMEM;
        u64 at = start + done + skew, len = MIN(n - skew, piece->va + piece->file_size - at);
        clear(r, pa, skew);
        if (!b->pa)
            result = add(r, pa + skew, len, from + done + skew);
        else if (pa != b->pa + from + done)
            memcpy(mem_virt(pa + skew), mem_virt(b->pa + from + done + skew), len);
        clear(r, pa + skew + len, n - skew - len);
    }
    return result;
}

int proc_place(struct file *file, const struct proc_bytes *bytes, const struct proc_piece *pieces, unsigned n)
{
    struct reading r = {.file = file, .bytes = bytes};
    int result = 0;
    for (unsigned i = 0; i < n && result == 0; i++)
        result = place(&r, &pieces[i]);
    if (result == 0)
        result = finish(&r);
    while (r.nskipped--)
        mem_lent_back(r.skipped[r.nskipped].pa, r.skipped[r.nskipped].len / PAGE_SIZE);
    if (bytes->own)
        mem_lent_back(bytes->pa + r.given, bytes->own - r.given / PAGE_SIZE);
    return result;
}

int proc_own(struct region *r)
{
    u64 space = proc_current->space, len = r->end - r->start, own = mem_pages(len / PAGE_SIZE, PAGE_SIZE), pa, n;
    if (!own)
        return -ENOMEM;
    arch_space_protect(space, r->start, len, PROT_READ);
    for (u64 at = 0; at < len; at += n) {
        n = arch_space_lookup(space, r->start + at, len - at, PROT_READ, &pa);
        memcpy(mem_virt(own + at), mem_virt(pa), n);
    }
    arch_space_unmap(space, r->start, len, NULL);
    proc_current->pages += len / PAGE_SIZE;
    r->prot &= ~REGION_LENT;
    return arch_space_map(space, r->start, own, len, PROT_READ); /* no table is missing */
}
