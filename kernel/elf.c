/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* elf - what a static ELF64 program wants in memory (System V gABI chapter 5, x86-64 psABI). Pure: bytes in, a checked description out. */
#include "elf.h"
#include "arch.h"

enum { ET_EXEC = 2, ET_DYN = 3, EM_X86_64 = 62 };
enum { PT_LOAD = 1, PT_INTERP = 3, PT_TLS = 7 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

struct ehdr {
    u8 ident[16];
    le16 type, machine;
    le32 version;
    le64 entry, phoff, shoff;
    le32 flags;
    le16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
_Static_assert(sizeof(struct ehdr) == 64, "Elf64_Ehdr");

struct phdr {
    le32 type, flags;
    le64 offset, vaddr, paddr, filesz, memsz, align;
};
_Static_assert(sizeof(struct phdr) == 56, "Elf64_Phdr");

#define AGAIN "; build or copy it again"

/* Largest alignment of thread-local storage that a program may ask for. */
#define TLS_ALIGN_MAX (1ull << 20)

static const char *check_header(const struct ehdr *h, size_t len)
{
    static const u8 magic[4] = {0x7f, 'E', 'L', 'F'};
    if (len >= 2 && h->ident[0] == '#' && h->ident[1] == '!')
        return "a script, not an ELF file; name its interpreter, a static program, and then the script";
    if (len < sizeof *h || memcmp(h->ident, magic, 4) != 0)
        return "not an ELF file; name a static x86-64 program";
    if (h->ident[4] != 2)
        return "a 32-bit ELF file; build it for x86-64";
    if (h->ident[5] != 1 || le16_get(h->machine) != EM_X86_64)
        return "ELF for another machine; build it for x86-64";
    if (h->ident[6] != 1 || le32_get(h->version) != 1)
        return "an ELF file of an unknown version; build it for x86-64";
    if (le16_get(h->type) != ET_EXEC && le16_get(h->type) != ET_DYN)
        return "an object or core file, not a program; link it with -static";
    if (le16_get(h->phentsize) != sizeof(struct phdr) || le16_get(h->phnum) == 0)
        return "damaged: no program headers" AGAIN;
    if (le64_get(h->phoff) > len || le16_get(h->phnum) * sizeof(struct phdr) > len - le64_get(h->phoff))
        return "damaged: program headers beyond the file's first page" AGAIN;
    return NULL;
}

static const char *check_range(const struct phdr *p, u64 file_size, u64 base)
{
    u64 offset = le64_get(p->offset), va = le64_get(p->vaddr), filesz = le64_get(p->filesz), memsz = le64_get(p->memsz);
    if (offset > file_size || filesz > file_size - offset)
        return "cut short: a segment goes beyond the end of the file" AGAIN;
    if (filesz > memsz)
        return "damaged: a segment has more bytes in the file than in memory" AGAIN;
    if (va < base || va >= ARCH_USER_MAX || memsz > ARCH_USER_MAX - va)
        return "damaged: a segment lies outside a program's memory" AGAIN;
    if (offset % PAGE_SIZE != va % PAGE_SIZE)
        return "damaged: a segment's place in the file does not fit its address" AGAIN;
    return NULL;
}

static const char *add_segment(struct elf_image *out, const struct phdr *p, u64 file_size)
{
    u32 flags = le32_get(p->flags);
    const char *why = check_range(p, file_size, out->pie ? 0 : ARCH_USER_MIN);
    if (why || le64_get(p->memsz) == 0)
        return why;
    if ((flags & (PF_W | PF_X)) == (PF_W | PF_X))
        return "a segment is writable and executable, which is refused; link it without -z execstack or -N";
    u64 va = le64_get(p->vaddr), end = ALIGN_UP(va + le64_get(p->memsz), PAGE_SIZE);
    if (out->nsegments && ALIGN_DOWN(va, PAGE_SIZE) < out->high)
        return "damaged: segments overlap, share a page or are out of order" AGAIN;
    if (out->nsegments == ELF_SEGMENTS)
        return "too many segments; link it with fewer";
    int prot = (flags ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
    out->segments[out->nsegments++] =
        (struct elf_segment){va, le64_get(p->offset), le64_get(p->filesz), le64_get(p->memsz), prot};
    if (out->nsegments == 1)
        out->low = ALIGN_DOWN(va, PAGE_SIZE);
    out->high = end;
    return NULL;
}

static const char *check_tls(const struct phdr *p, unsigned *count)
{
    u64 align = le64_get(p->align);
    if ((*count)++ > 0 || align > TLS_ALIGN_MAX || (align & (align - 1)) || le64_get(p->filesz) > le64_get(p->memsz))
        return "damaged: thread-local storage" AGAIN;
    return NULL;
}

static const char *read_segments(const struct phdr *p, unsigned n, u64 file_size, struct elf_image *out)
{
    const char *why = NULL;
    unsigned tls = 0;
    for (unsigned i = 0; i < n && !why; i++) {
        u32 type = le32_get(p[i].type);
        if (type == PT_INTERP)
            why = "dynamic ELF; link it with -static";
        else if (type == PT_LOAD)
            why = add_segment(out, &p[i], file_size);
        else if (type == PT_TLS)
            why = check_tls(&p[i], &tls);
    }
    return why;
}

/* The segment that holds the n bytes at va. */
static const struct elf_segment *holds(const struct elf_image *image, u64 va, u64 n)
{
    for (unsigned i = 0; i < image->nsegments; i++) {
        const struct elf_segment *s = &image->segments[i];
        if (va >= s->va && va - s->va < s->mem_size && n <= s->mem_size - (va - s->va))
            return s;
    }
    return NULL;
}

/* Where the program headers end up in memory, for AT_PHDR. */
static void find_headers(struct elf_image *out, u64 phoff, u64 size)
{
    for (unsigned i = 0; i < out->nsegments && !out->phdr_va; i++) {
        const struct elf_segment *s = &out->segments[i];
        if (phoff >= s->file_offset && phoff - s->file_offset < s->file_size &&
            size <= s->file_size - (phoff - s->file_offset))
            out->phdr_va = s->va + (phoff - s->file_offset);
    }
}

static const char *check_entry(const struct elf_image *out)
{
    if (out->nsegments == 0)
        return "damaged: nothing to load" AGAIN;
    const struct elf_segment *s = holds(out, out->entry, 1);
    if (!s || !(s->prot & PROT_EXEC))
        return "damaged: the entry point is in no executable segment" AGAIN;
    return NULL;
}

int elf_parse(const void *head, size_t len, u64 file_size, struct elf_image *out, const char **why)
{
    const struct ehdr *h = head;
    len = MIN(len, (size_t)ELF_HEAD);
    memset(out, 0, sizeof *out);
    *why = check_header(h, len);
    if (*why)
        return -ENOEXEC;
    out->pie = le16_get(h->type) == ET_DYN;
    out->entry = le64_get(h->entry);
    out->phnum = le16_get(h->phnum);
    const struct phdr *p = (const void *)((const u8 *)head + le64_get(h->phoff));
    if (le64_get(h->phoff) % _Alignof(struct phdr))
        *why = "damaged: program headers are not aligned" AGAIN;
    else
        *why = read_segments(p, out->phnum, file_size, out);
    if (!*why)
        *why = check_entry(out);
    if (*why)
        return -ENOEXEC;
    find_headers(out, le64_get(h->phoff), out->phnum * sizeof *p);
    return 0;
}
