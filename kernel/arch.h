/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* arch - what a processor owes the kernel; x86_64/ supplies it, tests/host/ a fake. At the end, what the kernel owes the processor's code. */
#ifndef ARCH_H
#define ARCH_H

#include "base.h"

struct boot;

/* ---- registers of devices: one access of exactly this width, in program order ---- */
u8 arch_read8(const void *reg);
u16 arch_read16(const void *reg);
u32 arch_read32(const void *reg);
void arch_write8(void *reg, u8 v);
void arch_write16(void *reg, u16 v);
void arch_write32(void *reg, u32 v);
/* Ports. A processor without them reads all ones. width: 1, 2 or 4 bytes. */
u32 arch_in(u16 port, unsigned width);
void arch_out(u16 port, unsigned width, u32 v);

/* ---- start ---- */
/* The processor and its traps; before anything else. */
void arch_init(void);
/* Bytes that the kernel image takes from boot->kernel_pa on. */
u64 arch_image_size(void);
/* The kernel's final page tables: the physical map over RAM, ACPI memory and the blobs; text read-only, the rest not executable. Takes the pages for them from the
 * front of the free ranges. Gives up the door's tables. 0; -ENOMEM. */
int arch_memory_init(const struct boot *boot, struct span *free, size_t n);
/* Message-signalled interrupts and the heartbeat. Needs memory. */
void arch_interrupts_init(void);

/* ---- kernel memory ---- */
/* First physical address that the processor, or the physical map, does not reach. */
u64 arch_physical_limit(void);
/* Maps the registers at physical [pa, pa+len), uncached; returns their address, or NULL (no room, or the processor cannot reach them). Repeating a call is free. */
void *arch_map_registers(u64 pa, u64 len);
/* Where RAM at pa is mapped, and back; mem.h is what others use. */
void *arch_phys_to_virt(u64 pa);
u64 arch_virt_to_phys(const void *va);

/* Copies and fills of so many bytes or more are quickest by the processor's own instructions for them, which are these; SIZE_MAX: none is.
 * Both return dst. */
extern size_t arch_string_least;
void *arch_string_copy(void *dst, const void *src, size_t n);
void *arch_string_fill(void *dst, int byte, size_t n);

/* ---- interrupts: the kernel runs with them off; they come in while a program runs and in arch_wait() ---- */
/* A message-signalled interrupt: fn(arg) runs with interrupts off and must be short. Returns an irq number >= 0, or -ENOSPC / -ENODEV (no local APIC). */
int arch_irq_alloc(void (*fn)(void *arg), void *arg);
void arch_irq_free(int irq);
/* What a device must write where (MSI message) to raise `irq`. */
void arch_irq_message(int irq, u64 *address, u32 *data);
/* Leads a level-triggered line (its global number, ACPI 6.5, 5.2.13) to `irq`, and masks it again. -ENODEV: no I/O APIC has that line. */
int arch_line_open(u32 gsi, bool active_low, int irq);
void arch_line_close(u32 gsi);
/* Sleeps until an interrupt came; returns at once if one is pending. With no local APIC: a short pause. */
void arch_wait(void);
/* The same, but wakes after about ns nanoseconds at the latest, or 100 seconds. */
void arch_wait_ns(u64 ns);
/* A heartbeat of about ten a second that stands still while the machine is stopped: time-outs are counted in it, so that a guest
 * that was suspended has no false ones. Advances only in arch_wait() and while a program runs. */
u64 arch_heartbeats(void);
/* Interrupts taken since the start. */
u64 arch_interrupts(void);

/* ---- time and chance ---- */
u64 arch_cycles(void);
/* Cycles a second as the processor or the hypervisor states them; 0: not stated. */
u64 arch_cycles_hz(void);
/* Where the host writes how many nanoseconds a cycle takes (struct pvclock_vcpu_time_info, little endian), from arch_host_clock(true) to
 * arch_host_clock(false); NULL: it does not. Its bytes are read by arch_read8() and arch_read32(). */
enum { PVCLOCK_VERSION = 0, PVCLOCK_MUL = 24, PVCLOCK_SHIFT = 28, PVCLOCK_SIZE = 32 };
const u8 *arch_host_clock(bool on);
/* Cycles a second against a timer that only this kind of machine has; waits about 2 ms. 0: there is none. */
u64 arch_cycles_measure(void);
/* UTC from a battery clock, seconds since 1970; 0: none. */
u64 arch_wall_seconds(void);
/* 64 bits from the processor's random source; false: there is none or it failed. */
bool arch_random(u64 *out);

/* ---- console: byte channels to whoever started the machine ---- */
enum console { CONSOLE_OUT, CONSOLE_ERR, CONSOLE_LOG, CONSOLE_CTL, CONSOLES };
void arch_console_init(void);
/* Sends a channel to a debug port instead of what was found (0xe9-style: a byte written is a byte sent). */
void arch_console_route(enum console channel, u16 port);
void arch_console_write(enum console channel, const void *bytes, size_t n);
/* What has come in, at most n bytes; 0: nothing yet. Never waits. */
size_t arch_console_read(void *bytes, size_t n);
/* Asks for one interrupt when more comes in. false: there will be none, or something is there already. */
bool arch_console_listen(void);
/* A device that stands in for the UART where there is none: for input, and for the channels (never CTL) that go to no debug port. What these had
 * to say before it came is kept, as far as there is room, and told then. write: channels OUT and ERR may wait, LOG not for ever. */
struct console_device {
    void (*write)(enum console channel, const void *bytes, size_t n);
    size_t (*read)(void *bytes, size_t n);
    bool (*listen)(void);
};
/* NULL: there is none any more. Later ones replace earlier ones. */
void arch_console_device(const struct console_device *device);

/* ---- end ---- */
/* Names a port where an exit device listens (QEMU's isa-debug-exit). */
void arch_exit_route(u16 port);
/* Ends the machine with `status` if there is such a device; else returns. */
void arch_exit(u8 status);
/* Resets, by whatever works; at last stops the processor. */
_Noreturn void arch_reset(void);
_Noreturn void arch_halt(void);
/* What seem to be return addresses on the stack from sp on, or from where the kernel was trapped; innermost first. */
size_t arch_backtrace(u64 sp, u64 *out, size_t max);
/* Hands over the names of the kernel's functions (tools/symbols.sh), which stay where they are; others' are left alone. */
void arch_names(const void *file, size_t len);
/* "function+0x12" for a kernel address, in buf, without names the address; returns buf. */
const char *arch_symbol(u64 address, char *buf, size_t size);

/* ---- programs ---- */
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
/* Programs live in [ARCH_USER_MIN, ARCH_USER_MAX). */
#define ARCH_USER_MIN 0x10000ull
#define ARCH_USER_MAX 0x7ffffffff000ull

/* An address space: the physical address of its root table; 0: no memory. It stays: there is one program. */
u64 arch_space_new(void);
void arch_space_use(u64 space);
/* Maps whole pages; replaces nothing (the caller unmaps first). 0, or -ENOMEM with nothing mapped. */
int arch_space_map(u64 space, u64 va, u64 pa, u64 len, int prot);
/* Changes or removes what is mapped in [va, va+len); holes are skipped. gone() gets each physical run that was unmapped. */
void arch_space_protect(u64 space, u64 va, u64 len, int prot);
void arch_space_unmap(u64 space, u64 va, u64 len, void (*gone)(u64 pa, u64 len));
/* The physical run that starts at va and is mapped with at least `prot`: bytes in it, at most max; 0: not mapped so. */
u64 arch_space_lookup(u64 space, u64 va, u64 max, int prot, u64 *pa);
/* Puts the pages [to, to+len) in the place of [from, from+len), which are mapped at va for writing, page-aligned; with the same rights. Returns the bytes
 * for which that was done, which may be less than all. */
u64 arch_space_swap(u64 space, u64 va, u64 len, u64 from, u64 to);

/* Registers of a program at a trap or system call, as x86_64/entry.S pushes them. */
struct arch_frame {
    u64 r15, r14, r13, r12, rbp, rbx, r11, rcx, rax;
    union {
        struct {
            u64 rdi, rsi, rdx, r10, r8, r9;
        };
        u64 arg[6]; /* of a system call */
    };
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

/* Runs the program from entry with the given stack pointer; all other registers zero. Never returns. */
_Noreturn void arch_enter_program(u64 entry, u64 sp);
void arch_set_tls(u64 base);
u64 arch_get_tls(void);
/* The program's vector registers, into an area of that many bytes at a multiple of 64, and back. What stands in the area may be the program's
 * choice: what the processor would not take is left out. Returns the bytes that count. */
enum { ARCH_VECTORS = 4096 };
size_t arch_vectors_save(void *area);
void arch_vectors_restore(void *area);
/* AT_HWCAP of the ELF ABI. */
u64 arch_hwcap(void);

/* ---- what the kernel owes the processor's code ---- */
/* A program's system call; the result goes to the program's rax by the callee (syscall.c). */
void syscall_enter(struct arch_frame *frame);
/* A program touched va without a right to it. 0: mended, go on; else the fault stands (proc.c); -ENXIO: as the file that is mapped there has no such byte. */
int proc_page_fault(u64 va, int prot);
/* The program goes on after something else than a system call: lets in the signals that wait (sys_signal.c). */
void signal_deliver(struct arch_frame *frame);
/* A program's fault that stands: it goes on in its handler, if it has one that can be entered; else false. code: si_code. */
bool signal_fault(struct arch_frame *frame, int signal, int code, u64 va);
/* A program's fault that nobody handles: ends the program with 128 + signal (proc.c). */
_Noreturn void proc_fault(struct arch_frame *frame, int signal, const char *what, u64 va);

#endif
