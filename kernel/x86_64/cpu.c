/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cpu - what the processor can do and is told to do; its clocks and its random source. */
#include "arch.h"
#include "x86.h"

#define CR0_MP         (1u << 1)
#define CR0_EM         (1u << 2)
#define CR0_TS         (1u << 3)
#define CR0_NE         (1u << 5)
#define CR0_WP         (1u << 16)
#define CR0_AM         (1u << 18)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP       (1u << 11)
#define CR4_OSXSAVE    (1u << 18)
#define CR4_SMEP       (1u << 20)
#define CR4_SMAP       (1u << 21)
#define EFER_SCE       1u
#define EFER_NXE       (1u << 11)
#define HYPERVISOR     0x40000000u
#define EXTENDED       0x80000000u

u64 cpu_nx;
unsigned cpu_physical_bits;
bool cpu_has_1g_pages, cpu_has_apic;
size_t arch_string_least = SIZE_MAX;
static bool has_rdrand;
static u64 hwcap;
static u32 vector_states, vector_bytes; /* of xsave; 0: there is none, fxsave is it */

/* State components that programs may use: x87, SSE, AVX, AVX-512. The kernel itself touches none of them. */
static void enable_xsave(void)
{
    enum { STATES = 0xe7 };
    vector_states = cpuid(13, 0).a & STATES;
    __asm__ volatile("xsetbv" ::"c"(0), "a"(vector_states), "d"(0));
    vector_bytes = cpuid(13, 0).b; /* with just these states: 2.7 KiB at most */
    if (vector_bytes > ARCH_VECTORS)
        vector_bytes = 0;
}

static void enable_features(const struct cpuid *one, u32 seven_b, u32 seven_c)
{
    u64 cr4 = cr4_read() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= (seven_b >> 7 & 1 ? CR4_SMEP : 0) | (seven_b >> 20 & 1 ? CR4_SMAP : 0) | (seven_c >> 2 & 1 ? CR4_UMIP : 0);
    bool xsave = one->c >> 26 & 1;
    cr4_write(cr4 | (xsave ? CR4_OSXSAVE : 0));
    if (xsave)
        enable_xsave();
    cr0_write((cr0_read() | CR0_MP | CR0_NE | CR0_WP | CR0_AM) & ~(u64)(CR0_EM | CR0_TS));
}

/* SYSCALL: kernel CS 8 and SS 16; SYSRET: SS USER_DATA, CS USER_CODE. It clears TF, IF, DF, NT and AC, so that no program's flag acts on the kernel. */
static void enable_syscall(void)
{
    msr_write(MSR_STAR, (u64)KERNEL_CODE << 32 | (u64)(KERNEL_DATA | 3) << 48);
    msr_write(MSR_LSTAR, (u64)syscall_entry);
    msr_write(MSR_SYSCALL_MASK, 0x44700);
}

/* QEMU's emulation does a string instruction byte by byte, at 150 times the price of moving words. */
static bool is_emulated(const struct cpuid *one)
{
    struct cpuid vendor = one->c >> 31 ? cpuid(HYPERVISOR, 0) : (struct cpuid){0};
    return memcmp(&vendor.b, "TCGTCGTCGTCG", 12) == 0;
}

/* ERMS: "rep movsb" and "rep stosb" are quick, once they have begun. */
static void choose_copies(const struct cpuid *one, u32 seven_b)
{
    enum { LEAST = 512 };
    if ((seven_b >> 9 & 1) && !is_emulated(one))
        arch_string_least = LEAST;
}

void *arch_string_copy(void *dst, const void *src, size_t n)
{
    void *d = dst;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n)::"memory");
    return dst;
}

void *arch_string_fill(void *dst, int byte, size_t n)
{
    void *d = dst;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(byte) : "memory");
    return dst;
}

void arch_init(void)
{
    struct cpuid one = cpuid(1, 0), seven = {0}, extended = {0};
    if (cpuid(0, 0).a >= 7)
        seven = cpuid(7, 0);
    if (cpuid(EXTENDED, 0).a >= EXTENDED + 1)
        extended = cpuid(EXTENDED + 1, 0);
    cpu_physical_bits = cpuid(EXTENDED, 0).a >= EXTENDED + 8 ? cpuid(EXTENDED + 8, 0).a & 0xff : 36;
    cpu_nx = extended.d >> 20 & 1 ? PTE_NX : 0;
    cpu_has_1g_pages = extended.d >> 26 & 1;
    cpu_has_apic = one.d >> 9 & 1;
    has_rdrand = one.c >> 30 & 1;
    hwcap = one.d;
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | (cpu_nx ? EFER_NXE : 0));
    enable_features(&one, seven.b, seven.c);
    choose_copies(&one, seven.b);
    enable_syscall();
    traps_init();
}

enum { FXSAVE_BYTES = 512, MXCSR = 24, MXCSR_KNOWN = 0xffbf, XSAVE_HEADER = 64 };

size_t arch_vectors_save(void *area)
{
    if (!vector_bytes) {
        __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
        return FXSAVE_BYTES;
    }
    memset((u8 *)area + FXSAVE_BYTES, 0, XSAVE_HEADER); /* xsave leaves most of it as it is */
    __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(vector_states), "d"(0) : "memory");
    return vector_bytes;
}

/* Bits that are reserved would be a fault here, in ring 0. */
void arch_vectors_restore(void *area)
{
    u64 *header = (u64 *)((u8 *)area + FXSAVE_BYTES);
    *(u32 *)((u8 *)area + MXCSR) &= MXCSR_KNOWN;
    if (!vector_bytes) {
        __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
        return;
    }
    u64 states = header[0] & vector_states;
    memset(header, 0, XSAVE_HEADER);
    header[0] = states;
    __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(vector_states), "d"(0) : "memory");
}

u64 arch_hwcap(void)
{
    return hwcap;
}

void arch_set_tls(u64 base)
{
    msr_write(MSR_FS_BASE, base);
}

u64 arch_get_tls(void)
{
    return msr_read(MSR_FS_BASE);
}

u64 arch_cycles(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

/* Leaf 15h (ratio and crystal), 16h (base MHz, as Linux takes it), or the hypervisor's timing leaf (kHz). */
u64 arch_cycles_hz(void)
{
    u32 top = cpuid(0, 0).a;
    if (cpuid(1, 0).c >> 31 && cpuid(HYPERVISOR, 0).a >= HYPERVISOR + 0x10) {
        u64 khz = cpuid(HYPERVISOR + 0x10, 0).a;
        if (khz)
            return khz * 1000;
    }
    struct cpuid ratio = top >= 0x15 ? cpuid(0x15, 0) : (struct cpuid){0};
    if (ratio.a && ratio.b && ratio.c)
        return (u64)ratio.c * ratio.b / ratio.a;
    return top >= 0x16 && ratio.a && ratio.b ? (u64)(cpuid(0x16, 0).a & 0xffff) * 1000000 : 0;
}

/* KVM's clock (Linux's Documentation/virt/kvm/x86/cpuid.rst, msr.rst). */
const u8 *arch_host_clock(bool on)
{
    enum { KVM_FEATURE_CLOCKSOURCE2 = 1 << 3, MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01, CLOCK_ON = 1 };
    static u8 clock[PVCLOCK_SIZE] __attribute__((aligned(PVCLOCK_SIZE)));
    struct cpuid vendor = cpuid(1, 0).c >> 31 ? cpuid(HYPERVISOR, 0) : (struct cpuid){0};
    if (memcmp(&vendor.b, "KVMKVMKVM\0\0", 12) != 0 || !(cpuid(HYPERVISOR + 1, 0).a & KVM_FEATURE_CLOCKSOURCE2))
        return NULL;
    msr_write(MSR_KVM_SYSTEM_TIME_NEW, on ? arch_virt_to_phys(clock) | CLOCK_ON : 0);
    return clock;
}

/* Counter 0 of the 8254, which counts down at 1.193182 MHz. Latched first, then read low byte first. */
static u16 pit_now(void)
{
    out8(0x43, 0);
    u8 low = in8(0x40);
    return (u16)(low | in8(0x40) << 8);
}

u64 arch_cycles_measure(void)
{
    enum { PIT_HZ = 1193182, WINDOW = PIT_HZ / 500, TRIES = 20000 };
    out8(0x43, 0x34); /* rate generator, 16 bits, from 65536 */
    out8(0x40, 0);
    out8(0x40, 0);
    u16 p0 = pit_now(), ticks = 0;
    u64 c0 = arch_cycles(), cycles = 0;
    for (unsigned i = 0; i < TRIES && ticks < WINDOW; i++) {
        ticks = (u16)(p0 - pit_now());
        cycles = arch_cycles() - c0;
    }
    pit_rest();
    return ticks < WINDOW ? 0 : cycles * PIT_HZ / ticks;
}

bool arch_random(u64 *out)
{
    for (unsigned tries = 0; has_rdrand && tries < 10; tries++) {
        u8 ok;
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok)::"cc");
        if (ok)
            return true;
    }
    return false;
}

/* ---- the battery clock (MC146818) ---- */

static u8 cmos(u8 reg)
{
    out8(0x70, reg);
    return in8(0x71);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar, with the year taken to begin in March. */
static u64 days(u32 year, u32 month, u32 day)
{
    u32 y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    return (u64)y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

static u64 read_clock(void)
{
    enum { SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, FIELDS };
    static const u8 regs[FIELDS] = {0, 2, 4, 7, 8, 9};
    u32 v[FIELDS];
    u8 b = cmos(11);
    for (unsigned i = 0; i < FIELDS; i++) {
        u8 raw = cmos(regs[i]);
        u8 low = raw & (i == HOURS ? 0x7f : 0xff);
        v[i] = b & 4 ? low : (low >> 4) * 10u + (low & 15);
        if (i == HOURS && !(b & 2))
            v[i] = v[i] % 12 + (raw & 0x80 ? 12 : 0);
    }
    if (v[MONTH] - 1 > 11 || v[DAY] - 1 > 30)
        return 0;
    return days(2000 + v[YEAR], v[MONTH], v[DAY]) * 86400 + v[HOURS] * 3600 + v[MINUTES] * 60 + v[SECONDS];
}

/* Twice the same, or it was read while it moved on. */
u64 arch_wall_seconds(void)
{
    if (cmos(10) == 0xff)
        return 0;
    u64 last = 0, now = read_clock();
    for (unsigned tries = 0; now != last && tries < 10; tries++) {
        last = now;
        now = read_clock();
    }
    return now;
}
