/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_arch - all of arch.h that the kernel's portable files need, over scripted registers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define PROT_READ  HOST_PROT_READ
#define PROT_WRITE HOST_PROT_WRITE
#define PROT_EXEC  HOST_PROT_EXEC
#include <sys/mman.h>
enum { HOST_READ = 1, HOST_WRITE = 2 };
#undef PROT_READ
#undef PROT_WRITE
#undef PROT_EXEC

#include "fake_arch.h"
#include "mem.h"

enum { REGIONS = 64, IRQS = 256, LINES = 24, CONSOLE_SIZE = 1 << 18, WAITS_MAX = 10000000, BEAT_NS = 100000000 };

static struct fake_region regions[REGIONS], ports[REGIONS];
static unsigned nregions, nports;
static struct {
    void (*fn)(void *arg);
    void *arg;
    unsigned pending;
} irqs[IRQS];
static struct {
    bool (*level)(void);
    int irq;
    bool open;
} lines[LINES];
static u64 napped;
static u64 heartbeats, cycles, waits;
static char console[CONSOLES][CONSOLE_SIZE];
static size_t console_len[CONSOLES];
static u8 input[1 << 16];
static size_t input_len;

void (*fake_idle)(void);
bool fake_apic, fake_has_random;
int fake_exit_status;
const u8 *fake_host_clock;
int fake_host_clock_on;
u64 fake_cycles_hz, fake_cycles_step;

static void map_fixed(u64 at, u64 size)
{
    void *got = mmap((void *)at, size, HOST_READ | HOST_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != (void *)at) {
        fprintf(stderr, "fake_arch: no memory at %#llx\n", (unsigned long long)at);
        abort();
    }
}

__attribute__((constructor)) static void start(void)
{
    map_fixed(FAKE_RAM, FAKE_RAM_SIZE);
    map_fixed(FAKE_FIRMWARE, FAKE_FIRMWARE_SIZE);
    map_fixed(FAKE_BIOS, FAKE_BIOS_SIZE);
    mem_init(&(struct span){FAKE_RAM, FAKE_RAM_SIZE}, 1);
    fake_reset();
}

void fake_reset(void)
{
    nregions = nports = 0;
    memset(irqs, 0, sizeof(irqs));
    memset(lines, 0, sizeof(lines));
    napped = 0;
    heartbeats = cycles = waits = 0;
    for (unsigned i = 0; i < CONSOLES; i++)
        console_len[i] = 0;
    input_len = 0;
    fake_console_calls = false;
    fake_idle = NULL;
    fake_apic = fake_has_random = true;
    fake_exit_status = -1;
    fake_cycles_hz = 1000000000;
    fake_cycles_step = 1000;
    fake_host_clock = NULL;
    fake_host_clock_on = 0;
    memset((void *)FAKE_FIRMWARE, 0, FAKE_FIRMWARE_SIZE);
    memset((void *)FAKE_BIOS, 0, FAKE_BIOS_SIZE);
}

/* ---- registers and ports ---- */

static void add(struct fake_region *table, unsigned *n, const struct fake_region *region)
{
    if (*n == REGIONS)
        abort();
    table[(*n)++] = *region;
}

void fake_region_add(const struct fake_region *region)
{
    add(regions, &nregions, region);
}

void fake_ports_add(const struct fake_region *region)
{
    add(ports, &nports, region);
}

static const struct fake_region *find(const struct fake_region *table, unsigned n, u64 pa)
{
    for (unsigned i = 0; i < n; i++)
        if (pa - table[i].pa < table[i].len)
            return &table[i];
    return NULL;
}

static u32 reg_read(const void *reg, unsigned width)
{
    const struct fake_region *r = find(regions, nregions, (u64)reg);
    u32 v = 0;
    if (r)
        return r->read(r->ctx, (u64)reg - r->pa, width);
    memcpy(&v, reg, width);
    return v;
}

static void reg_write(void *reg, unsigned width, u32 v)
{
    const struct fake_region *r = find(regions, nregions, (u64)reg);
    if (r)
        r->write(r->ctx, (u64)reg - r->pa, width, v);
    else
        memcpy(reg, &v, width);
}

u8 arch_read8(const void *reg)
{
    return (u8)reg_read(reg, 1);
}

u16 arch_read16(const void *reg)
{
    return (u16)reg_read(reg, 2);
}

u32 arch_read32(const void *reg)
{
    return reg_read(reg, 4);
}

void arch_write8(void *reg, u8 v)
{
    reg_write(reg, 1, v);
}

void arch_write16(void *reg, u16 v)
{
    reg_write(reg, 2, v);
}

void arch_write32(void *reg, u32 v)
{
    reg_write(reg, 4, v);
}

u32 arch_in(u16 port, unsigned width)
{
    const struct fake_region *r = find(ports, nports, port);
    u32 v = r ? r->read(r->ctx, port - r->pa, width) : ~0u;
    return width == 4 ? v : v & ((1u << 8 * width) - 1);
}

void arch_out(u16 port, unsigned width, u32 v)
{
    const struct fake_region *r = find(ports, nports, port);
    if (r)
        r->write(r->ctx, port - r->pa, width, v);
}

void *arch_map_registers(u64 pa, u64 len)
{
    return pa >= FAKE_BIOS && pa >> 46 == 0 && len && len <= 1ull << 30 ? (void *)pa : NULL;
}

void *arch_phys_to_virt(u64 pa)
{
    return (void *)pa;
}

u64 arch_virt_to_phys(const void *va)
{
    return (u64)va;
}

/* ---- interrupts and time ---- */

int arch_irq_alloc(void (*fn)(void *arg), void *arg)
{
    if (!fake_apic)
        return -ENODEV;
    for (int i = 0; i < IRQS; i++) {
        if (irqs[i].fn)
            continue;
        irqs[i].fn = fn;
        irqs[i].arg = arg;
        return i;
    }
    return -ENOSPC;
}

void arch_irq_free(int irq)
{
    irqs[irq].fn = NULL;
}

void arch_irq_message(int irq, u64 *address, u32 *data)
{
    *address = 0xfee00000;
    *data = 0x4000 + (u32)irq;
}

int arch_line_open(u32 gsi, bool active_low, int irq)
{
    (void)active_low;
    if (gsi >= LINES)
        return -ENODEV;
    lines[gsi].irq = irq;
    lines[gsi].open = true;
    return 0;
}

void arch_line_close(u32 gsi)
{
    lines[gsi].open = false;
}

bool fake_line_is_open(u32 gsi)
{
    return lines[gsi].open;
}

void fake_line(u32 gsi, bool (*level)(void))
{
    lines[gsi].level = level;
}

void fake_msi(u64 address, u32 data)
{
    if (address == 0xfee00000 && data - 0x4000 < IRQS)
        irqs[data - 0x4000].pending++;
}

static bool deliver(void)
{
    bool any = false;
    for (int i = 0; i < LINES; i++) {
        if (!lines[i].open || !lines[i].level || !lines[i].level())
            continue;
        irqs[lines[i].irq].fn(irqs[lines[i].irq].arg);
        any = true;
    }
    for (int i = 0; i < IRQS; i++) {
        if (!irqs[i].pending || !irqs[i].fn)
            continue;
        irqs[i].pending = 0;
        irqs[i].fn(irqs[i].arg);
        any = true;
    }
    return any;
}

void fake_beat(u64 n)
{
    heartbeats += n;
    cycles += n * 100000000;
}

void arch_wait(void)
{
    if (++waits > WAITS_MAX) {
        fprintf(stderr, "fake_arch: the kernel waits for ever\n");
        abort();
    }
    if (deliver())
        return;
    if (fake_idle)
        fake_idle();
    if (!deliver())
        fake_beat(1);
}

void arch_wait_ns(u64 ns)
{
    cycles += ns;
    napped += ns;
    heartbeats += napped / BEAT_NS;
    napped %= BEAT_NS;
    if (!deliver() && fake_idle)
        fake_idle();
}

u64 arch_heartbeats(void)
{
    return heartbeats;
}

u64 arch_interrupts(void)
{
    return waits;
}

u64 arch_cycles(void)
{
    return cycles += fake_cycles_step;
}

u64 fake_physical_limit = 1ull << 44;

size_t arch_string_least = SIZE_MAX;

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

u64 arch_physical_limit(void)
{
    return fake_physical_limit;
}

const u8 *arch_host_clock(bool on)
{
    if (fake_host_clock)
        fake_host_clock_on += on ? 1 : -1;
    return fake_host_clock;
}

u64 arch_cycles_measure(void)
{
    return 0;
}

u64 arch_cycles_hz(void)
{
    return fake_cycles_hz;
}

u64 arch_wall_seconds(void)
{
    return 1700000000;
}

bool arch_random(u64 *out)
{
    static u64 state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    *out = state;
    return fake_has_random;
}

/* ---- console ---- */

void arch_console_init(void)
{
}

void arch_console_route(enum console channel, u16 port)
{
    (void)channel, (void)port;
}

void arch_console_write(enum console channel, const void *bytes, size_t n)
{
    if (getenv("FAKE_LOG"))
        fwrite(bytes, 1, n, stderr);
    if (n > CONSOLE_SIZE - 1 - console_len[channel])
        console_len[channel] = 0;
    if (n > CONSOLE_SIZE - 1)
        return;
    memcpy(console[channel] + console_len[channel], bytes, n);
    console_len[channel] += n;
}

const char *fake_console(enum console channel)
{
    console[channel][console_len[channel]] = '\0';
    return console[channel];
}

unsigned fake_log_count(const char *text)
{
    unsigned n = 0;
    for (const char *at = fake_console(CONSOLE_LOG); (at = strstr(at, text)) != NULL; n++)
        at += strcspn(at, "\n");
    return n;
}

void fake_console_input(const void *bytes, size_t n)
{
    if (n > sizeof(input) - input_len)
        abort();
    memcpy(input + input_len, bytes, n);
    input_len += n;
}

const u8 *fake_console_endless;

bool fake_console_calls;

bool arch_console_listen(void)
{
    return fake_console_calls;
}

size_t arch_console_read(void *bytes, size_t n)
{
    static unsigned which;
    for (size_t i = 0; fake_console_endless && !input_len && i < n; i++)
        ((u8 *)bytes)[i] = fake_console_endless[which++ % 2];
    if (fake_console_endless && !input_len)
        return n;
    n = MIN(n, input_len);
    memcpy(bytes, input, n);
    memmove(input, input + n, input_len - n);
    input_len -= n;
    return n;
}

const struct console_device *fake_console_device;

void arch_console_device(const struct console_device *device)
{
    fake_console_device = device;
}

/* ---- end ---- */

void arch_exit_route(u16 port)
{
    (void)port;
}

void arch_exit(u8 status)
{
    fake_exit_status = status;
}

void arch_reset(void)
{
    fprintf(stderr, "fake_arch: reset\n%s", fake_console(CONSOLE_LOG));
    abort();
}

void arch_halt(void)
{
    arch_reset();
}

size_t arch_backtrace(u64 sp, u64 *out, size_t max)
{
    (void)sp, (void)out, (void)max;
    return 0;
}

const char *arch_symbol(u64 address, char *buf, size_t size)
{
    snprintf(buf, size, "%#llx", (unsigned long long)address);
    return buf;
}
