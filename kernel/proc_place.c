/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc_place - pieces of a file in a program's memory: read to where they belong, and in as few reads as can be; or lent, where the file lies in memory. */
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
    unsigned nspans, ntails;
    struct span spans[SPANS], tails[SPANS]; /* tails: to be zero */
};

static int finish(struct reading *r)
{
    s64 got = r->len ? vfs_read(r->file, r->spans, r->nspans, r->from) : 0;
    if (got != (s64)r->len)
        return got < 0 ? (int)got : -EIO;
    mem_zero_spans(r->tails, r->ntails, 0, mem_span_total(r->tails, r->ntails));
    r->len = r->nspans = r->ntails = 0;
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

/* Where the file has the pages of a piece that the program may only read; 0: they have to be made. What is in them beside the piece is the file's, too. */
static u64 lent_pages(const struct node *node, const struct proc_piece *piece, u64 skew, u64 len)
{
    if (!node->fs->ops->lies || (piece->prot & PROT_WRITE) || piece->file_size != piece->mem_size)
        return 0;
    u64 pa = node->fs->ops->lies(node, piece->file_offset - skew, len);
    return pa % PAGE_SIZE ? 0 : pa;
}

static int place(struct reading *r, const struct proc_piece *piece)
{
    u64 start = ALIGN_DOWN(piece->va, PAGE_SIZE), end = ALIGN_UP(piece->va + piece->mem_size, PAGE_SIZE), n;
    u64 skew = piece->va - start, with_bytes = piece->file_size ? ALIGN_UP(skew + piece->file_size, PAGE_SIZE) : 0;
    u64 pa = lent_pages(&r->file->node, piece, skew, end - start);
    int rights = piece->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
    int flags = (piece->prot & PROT_WRITE ? 0 : REGION_FILE) | (pa ? REGION_LENT : 0);
    int result = proc_map(start, end - start, piece->prot | flags);
    if (pa)
        return result < 0 ? result : arch_space_map(proc_current->space, start, pa, end - start, rights);
    for (u64 done = 0; done < with_bytes && result == 0; done += n, skew = 0) {
        n = proc_fill(start + done, with_bytes - done, rights, &pa);
        if (!n)
            return -ENOMEM;
        u64 at = start + done + skew, len = MIN(n - skew, piece->va + piece->file_size - at);
        memset(mem_virt(pa), 0, skew);
        result = add(r, pa + skew, len, piece->file_offset + (at - piece->va));
        if (skew + len < n)
            r->tails[r->ntails++] = (struct span){pa + skew + len, n - skew - len};
    }
    return result;
}

int proc_place(struct file *file, const struct proc_piece *pieces, unsigned n)
{
    struct reading r = {.file = file};
    int result = 0;
    for (unsigned i = 0; i < n && result == 0; i++)
        result = place(&r, &pieces[i]);
    return result < 0 ? result : finish(&r);
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
