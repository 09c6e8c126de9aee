/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* x86 - instructions and numbers that only this folder knows (Intel SDM volumes 2, 3; AMD APM volume 2). */
#ifndef X86_H
#define X86_H

#include "base.h"

enum { KERNEL_CODE = 8, KERNEL_DATA = 16, USER_DATA = 24 | 3, USER_CODE = 32 | 3, TASK_STATE = 40 };
enum { VECTOR_HEARTBEAT = 32, VECTOR_ALARM, VECTOR_FIRST_FREE, VECTOR_SPURIOUS = 63, VECTORS };

#define MSR_APIC_BASE    0x1b
#define MSR_X2APIC       0x800
#define MSR_EFER         0xc0000080
#define MSR_STAR         0xc0000081
#define MSR_LSTAR        0xc0000082
#define MSR_SYSCALL_MASK 0xc0000084
#define MSR_FS_BASE      0xc0000100

#define PTE_PRESENT  1ull
#define PTE_WRITE    2ull
#define PTE_USER     4ull
#define PTE_UNCACHED 0x18ull /* PWT | PCD */
#define PTE_ACCESSED 0x20ull
#define PTE_DIRTY    0x40ull
#define PTE_LARGE    0x80ull
#define PTE_ADDRESS  0x000ffffffffff000ull
#define PTE_NX       (1ull << 63)

struct cpuid {
    u32 a, b, c, d;
};

static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

static inline u64 msr_read(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void msr_write(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

#define CONTROL_REGISTER(n)                                                                                            \
    static inline u64 cr##n##_read(void)                                                                               \
    {                                                                                                                  \
        u64 v;                                                                                                         \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v));                                                              \
        return v;                                                                                                      \
    }                                                                                                                  \
    static inline void cr##n##_write(u64 v)                                                                            \
    {                                                                                                                  \
        __asm__ volatile("mov %0, %%cr" #n ::"r"(v) : "memory");                                                       \
    }

CONTROL_REGISTER(0)
CONTROL_REGISTER(2)
CONTROL_REGISTER(3)
CONTROL_REGISTER(4)

static inline u8 in8(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void out8(u16 port, u8 v)
{
    __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}

/* Channel 0 of the 8254 runs from reset on, and wakes an emulator up to 36 times a second though nobody hears it. In mode 0 without a count it rests. */
static inline void pit_rest(void)
{
    out8(0x43, 0x30);
}

/* From linker.ld and entry.S. */
extern char image_start[], rodata_start[], text_start[], text_end[], image_end[];
extern char kernel_stack_guard[], kernel_stack_top[], fault_stack_guard[], fault_stack_top[];
extern char trap_stubs[];
void syscall_entry(void);

/* cpu.c */
extern u64 cpu_nx; /* PTE_NX, or 0 on a processor without it */
extern unsigned cpu_physical_bits;
extern bool cpu_has_1g_pages, cpu_has_apic;
/* traps.c, apic.c, paging.c: parts of arch_init() */
void traps_init(void);
void apic_irq(unsigned vector);
/* paging.c. A table of 512 entries for 9 bits of an address, level 3 (root) to 0. */
enum { PAGING_ENTRIES = 512 };
static inline unsigned paging_index(u64 va, unsigned level)
{
    return va >> (12 + 9 * level) & (PAGING_ENTRIES - 1);
}
/* The table that *entry points to; if there is none, new_table() makes one, which is clear, and the entry gets `flags`. NULL: no memory. */
u64 *paging_table(u64 *entry, u64 flags, u64 (*new_table)(void));
void paging_copy_kernel(u64 *program_root);
/* space.c. Why a page fault's error code says that the access was: PROT_*. */
int paging_fault_prot(u64 error);

#endif
