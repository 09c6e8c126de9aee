/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* boot - what every door hands to kmain(): all that crosses from boot/ into the kernel. */
#ifndef BOOT_H
#define BOOT_H

#include "base.h"

/* Kinds of physical memory. Only BOOT_RAM is ever handed out; ACPI tables are read from any kind but BOOT_RAM too. */
enum boot_kind { BOOT_RAM = 1, BOOT_RESERVED = 2, BOOT_ACPI = 3, BOOT_NVS = 4 };

/* What is memory, whoever may use it, and stands in the physical map. */
static inline bool boot_is_memory(u64 kind)
{
    return kind == BOOT_RAM || kind == BOOT_ACPI || kind == BOOT_NVS;
}

struct boot_range {
    u64 base; /* physical address, bytes */
    u64 size; /* bytes */
    u64 kind; /* enum boot_kind */
};

/* Physical memory that the door filled and the kernel must not hand out; len 0: absent. */
struct boot_blob {
    u64 pa;
    u64 len;
};

struct boot_framebuffer {
    u64 pa; /* 0: none */
    u32 width, height;
    u32 pitch;  /* bytes from one line to the next */
    u32 format; /* EFI_GRAPHICS_PIXEL_FORMAT */
};

enum { BOOT_RANGES = 128 };

/* Nothing here is trusted: memory ranges may overlap, wrap or lie (mem.c cleans them), blobs may lie outside RAM. */
struct boot {
    char door[8];             /* "pvh" or "efi" */
    u64 kernel_pa;            /* physical address of the first byte of the image */
    u64 rsdp;                 /* physical address of ACPI's root pointer; 0: unknown */
    u64 wall_ns;              /* UTC at the hand-over, nanoseconds since 1970; 0: unknown */
    struct boot_blob cmdline; /* no terminator counted, but the byte behind it is the kernel's too */
    struct boot_blob initfs;  /* initial files, cpio newc */
    bool initfs_lost;         /* the loader put the initial files over the kernel: there is too little memory */
    struct boot_framebuffer framebuffer;
    u64 nranges;
    struct boot_range ranges[BOOT_RANGES];
};

#endif
