/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_arch - the fake processor that the kernel's files run over on the host: physical address = pointer. */
#ifndef FAKE_ARCH_H
#define FAKE_ARCH_H

#include "arch.h"

/* Physical memory: [FAKE_RAM, FAKE_RAM + FAKE_RAM_SIZE), low enough for 32-bit tables. The allocator has it from the start. */
#define FAKE_RAM      0x10000000ull
#define FAKE_RAM_SIZE (64ull << 20)
/* More of it that the allocator does not have, for what firmware leaves behind. */
#define FAKE_FIRMWARE      0x20000000ull
#define FAKE_FIRMWARE_SIZE (4ull << 20)
/* Where a BIOS has its tables; below it is nothing. */
#define FAKE_BIOS      0xe0000ull
#define FAKE_BIOS_SIZE 0x20000ull

/* Forgets devices, interrupts, log and time; takes the firmware's memory back to zeroes. Memory that was allocated stays so. */
void fake_reset(void);

/* Registers [pa, pa+len): every access becomes a call. What no region has is plain memory. */
struct fake_region {
    u64 pa, len;
    u32 (*read)(void *ctx, u64 offset, unsigned width);
    void (*write)(void *ctx, u64 offset, unsigned width, u32 v);
    void *ctx;
};
void fake_region_add(const struct fake_region *region);
/* The same for ports; a port that nobody has reads all ones. */
void fake_ports_add(const struct fake_region *region);

/* Devices' turn: runs when the kernel sleeps with no interrupt pending. */
extern void (*fake_idle)(void);
/* false: no local APIC, so no message-signalled interrupts. */
extern bool fake_apic;
/* What arch_physical_limit() says. */
extern u64 fake_physical_limit;
/* false: arch_random() fails. */
extern bool fake_has_random;
/* The message of an MSI: the interrupt runs at the next arch_wait(). */
void fake_msi(u64 address, u32 data);
/* A level-triggered line: it calls at each arch_wait() while level() says so. */
void fake_line(u32 gsi, bool (*level)(void));
bool fake_line_is_open(u32 gsi);
void fake_beat(u64 heartbeats);
/* What arch_host_clock() gives, and how often it was asked to begin less how often to end. */
extern const u8 *fake_host_clock;
extern int fake_host_clock_on;
/* What arch_cycles_hz() states, and cycles between two looks at the counter. */
extern u64 fake_cycles_hz, fake_cycles_step;

/* What a channel has got since fake_reset(), NUL-terminated. */
const char *fake_console(enum console channel);
/* What arch_console_read() gives. */
void fake_console_input(const void *bytes, size_t n);
/* Then these two bytes again and again, without end; NULL: not. */
extern const u8 *fake_console_endless;
/* Whether arch_console_listen() promises an interrupt. */
extern bool fake_console_calls;
/* What arch_console_device() was given last. */
extern const struct console_device *fake_console_device;
/* How many lines of the log contain `text`. */
unsigned fake_log_count(const char *text);
/* arch_exit()'s last status; -1: none. */
extern int fake_exit_status;

#endif
