/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* traps - segments, the interrupt table, and what to do when the processor stops at an instruction. */
#include "arch.h"
#include "later.h"
#include "print.h"
#include "proc.h"
#include "x86.h"

enum { TRAP_NMI = 2, TRAP_BREAKPOINT, TRAP_OVERFLOW, TRAP_INVALID_OPCODE = 6, TRAP_DOUBLE_FAULT = 8 };
enum { TRAP_PAGE_FAULT = 14, TRAP_MACHINE_CHECK = 18 };
enum { SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11 };

struct gate {
    u64 low, high; /* type and stack are bytes of the low half (Intel SDM volume 3, 6.14.1) */
};
#define GATE_PROGRAMS (0x60ull << 40) /* who may come through by an instruction */
#define GATE_STACK    (1ull << 32)    /* the first of task.ist */

struct task_state {
    u32 reserved0;
    u32 rsp[6];
    u32 reserved1[2];
    u32 ist[14];
    u32 reserved2[2];
    u16 reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct task_state) == 104, "64-bit TSS");

struct __attribute__((packed)) table_register {
    u16 limit;
    u64 base;
};

static struct gate gates[VECTORS];
static struct task_state task;
static u64 segments[] = {
    0,
    0x00af9b000000ffff, /* kernel code */
    0x00cf93000000ffff, /* kernel data */
    0x00cff3000000ffff, /* user data */
    0x00affb000000ffff, /* user code */
    0,
    0, /* task state */
};

static const char trap_names[] =
    "divide error\0debug\0NMI\0breakpoint\0overflow\0bound range\0invalid opcode\0no coprocessor\0double fault\0"
    "coprocessor\0invalid TSS\0segment not present\0stack fault\0protection fault\0page fault\0reserved\0"
    "x87 error\0alignment check\0machine check\0SIMD error\0";

void trap_handle(struct arch_frame *frame);

static void set_gates(void)
{
    u64 at = (u64)trap_stubs;
    for (struct gate *g = gates; g < gates + VECTORS; g++, at += 16)
        *g = (struct gate){(at & 0xffff) | KERNEL_CODE << 16 | 0x8eull << 40 | (at & 0xffff0000) << 32, at >> 32};
    gates[TRAP_BREAKPOINT].low |= GATE_PROGRAMS, gates[TRAP_OVERFLOW].low |= GATE_PROGRAMS;
    gates[TRAP_NMI].low |= GATE_STACK, gates[TRAP_DOUBLE_FAULT].low |= GATE_STACK;
    gates[TRAP_MACHINE_CHECK].low |= GATE_STACK;
}

static void load_segments(void)
{
    u64 tss = (u64)&task;
    segments[5] = (sizeof task - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    segments[6] = tss >> 32;
    struct table_register gdt = {sizeof segments - 1, (u64)segments};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "lea 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1: mov %2, %%ss\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "ltr %w3" ::"m"(gdt),
                     "i"(KERNEL_CODE), "r"((u32)KERNEL_DATA), "r"((u32)TASK_STATE)
                     : "rax", "memory");
}

void traps_init(void)
{
    u64 stack = (u64)kernel_stack_top, fault_stack = (u64)fault_stack_top;
    task.rsp[0] = (u32)stack, task.rsp[1] = (u32)(stack >> 32);
    task.ist[0] = (u32)fault_stack, task.ist[1] = (u32)(fault_stack >> 32);
    task.io_map = sizeof task;
    load_segments();
    set_gates();
    struct table_register idt = {sizeof gates - 1, (u64)gates};
    __asm__ volatile("lidt %0" ::"m"(idt));
}

static const char *trap_name(u64 vector)
{
    const char *name = trap_names;
    for (; vector && *name; vector--)
        name += strlen(name) + 1;
    return *name ? name : "trap";
}

static void dump(enum log_level level, const struct arch_frame *f)
{
    print_log(level, "  rip %016lx  rsp %016lx  flags %lx  error %lx  cr2 %lx", f->rip, f->rsp, f->rflags, f->error,
              cr2_read());
    print_log(level, "  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
    print_log(level, "  rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
    print_log(level, "  r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", f->r9, f->r10, f->r11, f->r12);
    print_log(level, "  r13 %016lx  r14 %016lx  r15 %016lx  cr3 %016lx", f->r13, f->r14, f->r15, cr3_read());
}

static int signal_of(u64 vector)
{
    static const u8 signals[] = {SIG_FPE,  SIG_TRAP, 0,       SIG_TRAP, SIG_SEGV, SIG_SEGV, SIG_ILL,
                                 SIG_FPE,  0,        SIG_FPE, SIG_SEGV, SIG_SEGV, SIG_SEGV, SIG_SEGV,
                                 SIG_SEGV, 0,        SIG_FPE, SIG_BUS,  0,        SIG_FPE};
    return vector < ARRAY_LEN(signals) && signals[vector] ? signals[vector] : SIG_SEGV;
}

/* si_code: why. */
static int code_of(u64 vector, u64 va)
{
    enum {
        SI_KERNEL = 0x80,
        SEGV_MAPERR = 1,
        SEGV_ACCERR = 2 /* or BUS_ADRERR */,
        FPE_INTDIV = 1,
        FPE_FLTINV = 7,
        ILL_ILLOPN = 2
    };
    if (vector == TRAP_PAGE_FAULT)
        return proc_is_mapped(va, 1) ? SEGV_ACCERR : SEGV_MAPERR;
    switch (signal_of(vector)) {
    case SIG_FPE:
        return vector ? FPE_FLTINV : FPE_INTDIV;
    case SIG_ILL:
        return ILL_ILLOPN;
    default:
        return SI_KERNEL;
    }
}

static void program_trap(struct arch_frame *f)
{
    bool page_fault = f->vector == TRAP_PAGE_FAULT;
    u64 va = page_fault ? cr2_read() : f->rip;
    int err = page_fault ? proc_page_fault(va, paging_fault_prot(f->error)) : -EFAULT;
    if (err == 0)
        return;
    int signal = err == -ENXIO ? SIG_BUS : signal_of(f->vector);
    bool somewhere = page_fault || signal == SIG_FPE || signal == SIG_ILL;
    if (signal_fault(f, signal, code_of(f->vector, va), somewhere ? va : 0))
        return;
    dump(LOG_DEBUG, f);
    proc_fault(f, signal, trap_name(f->vector), va);
}

static const struct arch_frame *trapped; /* by what the kernel ends, if by a trap */

static _Noreturn void kernel_trap(const struct arch_frame *f)
{
    char where[64];
    print_level = MAX(print_level, LOG_ERROR);
    dump(LOG_ERROR, f);
    trapped = f;
    u64 touched = cr2_read(), guard = (u64)kernel_stack_guard;
    const char *what = touched - guard < PAGE_SIZE ? "stack overflow" : trap_name(f->vector);
    if (f->vector == TRAP_INVALID_OPCODE)
        what = "undefined behaviour"; /* the compiler's checks end in one */
    panic("%s in the kernel at %s, address %lx", what, arch_symbol(f->rip, where, sizeof where), touched);
}

void trap_handle(struct arch_frame *f)
{
    if (f->vector >= VECTOR_HEARTBEAT) {
        apic_irq((unsigned)f->vector);
        if (f->cs == USER_CODE) {
            later_run();
            signal_deliver(f);
        }
    } else if (f->vector == TRAP_NMI)
        log_debug(
            "the host sent an NMI; it means nothing here"); /* on a stack of its own, so it may come at any time */
    else if (f->cs == USER_CODE && f->vector != TRAP_DOUBLE_FAULT && f->vector != TRAP_MACHINE_CHECK)
        program_trap(f);
    else
        kernel_trap(f);
}

/* ---- names for addresses ---- */

/* What tools/symbols.sh makes of the linked image: low halves of the functions' addresses, ascending; behind them their names in the same order. */
static const struct names {
    u32 text_end, count, start[];
} * names;
static u32 names_count;
static const char *names_end;

void arch_names(const void *file, size_t len)
{
    const struct names *n = file;
    if (len < sizeof *n || n->text_end != (u32)(u64)text_end || n->count > (len - sizeof *n) / sizeof n->start[0])
        return;
    names = n;
    names_count = n->count;
    names_end = (const char *)file + len;
}

/* The file's bytes are a loader's: what it says is no more than the wrong name. */
const char *arch_symbol(u64 address, char *buf, size_t size)
{
    u32 low = (u32)address, i = 0;
    while (i < names_count && names->start[i] <= low)
        i++;
    const char *name = names_count ? (const char *)&names->start[names_count] : NULL;
    for (u32 left = i; left > 1 && name < names_end; left--)
        name += strnlen(name, (size_t)(names_end - name)) + 1;
    if (i && name < names_end && address >= (u64)text_start && address < (u64)text_end)
        print_text(buf, size, "%.*s+0x%x", (int)MIN(names_end - name, 64), name, low - names->start[i - 1]);
    else
        print_text(buf, size, "0x%lx", address);
    return buf;
}

/* Does the instruction before this address call something? A relative call, or one through a register or a place in memory, of two to seven bytes. */
static bool follows_call(u64 at)
{
    enum { CALL = 0xe8, GROUP_5 = 0xff, WHICH = 0x38, CALL_OF_5 = 2 << 3, LONGEST = 7 };
    u64 start = (u64)text_start, size = (u64)text_end - start;
    const u8 *p = (const u8 *)at;
    if (at - start < LONGEST || at - start >= size)
        return false;
    s32 distance;
    memcpy(&distance, p - sizeof distance, sizeof distance);
    if (p[-5] == CALL)
        return at + (u64)(s64)distance - start < size;
    for (int n = 2; n <= LONGEST; n++)
        if (p[-n] == GROUP_5 && (p[1 - n] & WHICH) == CALL_OF_5)
            return true;
    return false;
}

/* Functions keep no frame pointers: each word of the stack that may be a return address is taken for one. Where a frame has room that was not written,
 * it may be that of a call that is over. */
size_t arch_backtrace(u64 sp, u64 *out, size_t max)
{
    size_t n = 0;
    sp = trapped ? trapped->rsp : sp;
    bool fault = sp >= (u64)kernel_stack_top;
    u64 low = (u64)(fault ? fault_stack_guard : kernel_stack_guard) + PAGE_SIZE,
        high = (u64)(fault ? fault_stack_top : kernel_stack_top);
    for (sp = MAX(ALIGN_UP(sp, 8), low); n < max && sp < high; sp += 8) {
        u64 at = *(const u64 *)sp;
        if (follows_call(at))
            out[n++] = at - 1; /* within the call, which may be a function's last instruction */
    }
    return n;
}
