/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* apic - the local APIC (Intel SDM volume 3, chapter 11): message-signalled interrupts, the heartbeat, sleeping; and the end. */
#include "arch.h"
#include "x86.h"

enum {
    ID = 0x20,
    EOI = 0xb0,
    SPURIOUS = 0xf0,
    LVT_TIMER = 0x320,
    LVT_LINT0 = 0x350,
    LVT_LINT1 = 0x360,
    TIMER_COUNT = 0x380,
    TIMER_NOW = 0x390,
    TIMER_DIVIDE = 0x3e0
};
enum { LVT_MASKED = 1 << 16, LVT_PERIODIC = 1 << 17, ENABLED = 0x100, DIVIDE_BY_128 = 10 };
enum { BASE_X2APIC = 1 << 10, BASE_ENABLED = 1 << 11 };

/* Hypervisors run the timer at 1 GHz; real buses are slower, and the heartbeat with them, by some factor that nobody depends on. */
#define TIMER_HZ    (1000000000ull / 128)
#define LONGEST_NAP 100000000000ull /* ns; the counter has 32 bits */

struct irq {
    void (*fn)(void *arg);
    void *arg;
};

static struct irq irqs[VECTORS];
static u8 *registers;
static bool x2apic, present;
static u64 heartbeats, taken;
static u32 id;

static void apic_write(u32 reg, u32 v)
{
    if (x2apic)
        msr_write(MSR_X2APIC + reg / 16, v);
    else
        arch_write32(registers + reg, v);
}

static u32 apic_read(u32 reg)
{
    return x2apic ? (u32)msr_read(MSR_X2APIC + reg / 16) : arch_read32(registers + reg);
}

/* A single alarm is no heartbeat: it says nothing about how long others have waited. */
static void beat(bool periodic, u64 count)
{
    apic_write(LVT_TIMER, periodic ? VECTOR_HEARTBEAT | LVT_PERIODIC : VECTOR_ALARM);
    apic_write(TIMER_COUNT, (u32)MIN(count, 0xffffffffull));
}

/* The old pair of 8259s would raise vectors of its own. */
static void silence_pic(void)
{
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}

void arch_interrupts_init(void)
{
    silence_pic();
    pit_rest();
    if (!cpu_has_apic)
        return;
    u64 base = msr_read(MSR_APIC_BASE);
    x2apic = base & BASE_X2APIC;
    if (!x2apic)
        registers = arch_map_registers(base & PTE_ADDRESS, PAGE_SIZE);
    if (!x2apic && !registers)
        return;
    msr_write(MSR_APIC_BASE, base | BASE_ENABLED);
    present = true;
    id = x2apic ? apic_read(ID) : apic_read(ID) >> 24;
    apic_write(SPURIOUS, ENABLED | VECTOR_SPURIOUS);
    apic_write(LVT_LINT0, LVT_MASKED);
    apic_write(LVT_LINT1, LVT_MASKED);
    apic_write(TIMER_DIVIDE, DIVIDE_BY_128);
    beat(true, TIMER_HZ / 10);
}

void apic_irq(unsigned vector)
{
    taken++;
    if (vector == VECTOR_SPURIOUS)
        return;
    if (vector == VECTOR_HEARTBEAT)
        heartbeats++;
    else if (irqs[vector].fn)
        irqs[vector].fn(irqs[vector].arg);
    apic_write(EOI, 0);
}

int arch_irq_alloc(void (*fn)(void *arg), void *arg)
{
    if (!present)
        return -ENODEV;
    for (int v = VECTOR_FIRST_FREE; v < VECTOR_SPURIOUS; v++) {
        if (irqs[v].fn)
            continue;
        irqs[v] = (struct irq){fn, arg};
        return v;
    }
    return -ENOSPC;
}

void arch_irq_free(int irq)
{
    irqs[irq].fn = NULL;
}

void arch_irq_message(int irq, u64 *address, u32 *data)
{
    *address = 0xfee00000 | (u64)(id & 0xff) << 12;
    *data = (u32)irq;
}

u64 arch_heartbeats(void)
{
    return heartbeats;
}

u64 arch_interrupts(void)
{
    return taken;
}

/* STI holds interrupts off for one more instruction, so none can slip in before HLT. With no timer to wake us, time passes by counting. */
void arch_wait(void)
{
    static u32 pauses;
    if (present) {
        __asm__ volatile("sti; hlt; cli" ::: "memory");
        return;
    }
    __builtin_ia32_pause();
    if (++pauses % (1u << 20) == 0)
        heartbeats++;
}

static u64 elapsed(u64 from)
{
    return from - MIN(apic_read(TIMER_NOW), from);
}

/* There is one timer, so an alarm takes the heartbeat's place; what each of them ran is added up, or there were no heartbeats between short naps. */
void arch_wait_ns(u64 ns)
{
    static u64 ran;
    u64 count = MIN(ns, LONGEST_NAP) / 128;
    if (!present || count == 0) {
        __builtin_ia32_pause();
        return;
    }
    ran += elapsed(TIMER_HZ / 10);
    beat(false, count);
    arch_wait();
    ran += elapsed(count);
    heartbeats += ran / (TIMER_HZ / 10);
    ran %= TIMER_HZ / 10;
    beat(true, TIMER_HZ / 10);
}

/* ---- the end ---- */

static u16 exit_port;

void arch_exit_route(u16 port)
{
    exit_port = port;
}

void arch_exit(u8 status)
{
    if (exit_port)
        arch_out(exit_port, 1, status);
}

void arch_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* The keyboard controller, the chip set's reset register, then a triple fault. */
void arch_reset(void)
{
    struct __attribute__((packed)) {
        u16 limit;
        u64 base;
    } none = {0, 0};
    out8(0x64, 0xfe);
    out8(0xcf9, 6);
    __asm__ volatile("lidt %0; int3" ::"m"(none));
    arch_halt();
}
