/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* elf - what a static ELF64 program wants in memory (System V gABI chapter 5, x86-64 psABI). */
#ifndef ELF_H
#define ELF_H

#include "base.h"

enum { ELF_SEGMENTS = 16, ELF_HEAD = 4096 };

struct elf_segment {
    u64 va, file_offset, file_size, mem_size; /* bytes; va before the load bias */
    int prot;                                 /* PROT_* */
};

struct elf_image {
    u64 entry, phdr_va; /* before the bias; phdr_va 0: the headers are in no segment */
    u16 phnum;
    bool pie;      /* position independent: may be loaded at any page */
    u64 low, high; /* the range that all segments cover, page-aligned */
    unsigned nsegments;
    struct elf_segment segments[ELF_SEGMENTS]; /* ascending, page-wise disjoint */
};

/*
 * Checks the first `len` bytes (at most ELF_HEAD are needed) of a program file of `file_size` bytes. A pure function. 0, or -ENOEXEC / -EINVAL, with *why then
 * one line for the user: "not an ELF file", "ELF for another machine", "dynamic ELF"...
 */
int elf_parse(const void *head, size_t len, u64 file_size, struct elf_image *out, const char **why);

#endif
