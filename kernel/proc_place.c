/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc_place - pieces of a file in a program's memory: read to where they belong, and in as few reads as can be. */
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

static int place(struct reading *r, const struct proc_piece *piece)
{
    u64 start = ALIGN_DOWN(piece->va, PAGE_SIZE), end = ALIGN_UP(piece->va + piece->mem_size, PAGE_SIZE), pa, n;
    u64 skew = piece->va - start, with_bytes = piece->file_size ? ALIGN_UP(skew + piece->file_size, PAGE_SIZE) : 0;
    int result = proc_map(start, end - start, piece->prot);
    for (u64 done = 0; done < with_bytes && result == 0; done += n, skew = 0) {
        n = proc_fill(start + done, with_bytes - done, piece->prot & (PROT_READ | PROT_WRITE | PROT_EXEC), &pa);
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
