/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* io - device registers and ports: each call is one access of its width. */
#include "arch.h"
#include "x86.h"

u8 arch_read8(const void *reg)
{
    return *(const volatile u8 *)reg;
}

u16 arch_read16(const void *reg)
{
    return *(const volatile u16 *)reg;
}

u32 arch_read32(const void *reg)
{
    return *(const volatile u32 *)reg;
}

void arch_write8(void *reg, u8 v)
{
    *(volatile u8 *)reg = v;
}

void arch_write16(void *reg, u16 v)
{
    *(volatile u16 *)reg = v;
}

void arch_write32(void *reg, u32 v)
{
    *(volatile u32 *)reg = v;
}

u32 arch_in(u16 port, unsigned width)
{
    u32 v = 0;
    if (width == 1)
        v = in8(port);
    else if (width == 2)
        __asm__ volatile("inw %w1, %w0" : "=a"(v) : "Nd"(port));
    else
        __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(port));
    return width == 2 ? (u16)v : v;
}

void arch_out(u16 port, unsigned width, u32 v)
{
    if (width == 1)
        out8(port, (u8)v);
    else if (width == 2)
        __asm__ volatile("outw %w0, %w1" ::"a"(v), "Nd"(port));
    else
        __asm__ volatile("outl %0, %w1" ::"a"(v), "Nd"(port));
}
