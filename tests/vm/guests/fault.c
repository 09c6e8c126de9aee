/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fault - ends as its argument tells: with a status, or by a fault of that kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int constant = 7;
static volatile int zero;

static int deeper(volatile char *p)
{
    volatile char here[4096];
    here[0] = *p;
    return deeper(here) + here[0];
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "0";
    static unsigned char code[] = {0xc3};
    printf("before\n");
    fflush(stdout);
    if (!strcmp(how, "null"))
        return *(volatile int *)(unsigned long)zero;
    if (!strcmp(how, "kernel"))
        return *(volatile int *)0xffffffff80100000;
    if (!strcmp(how, "direct-map"))
        return *(volatile int *)0xffff800000100000;
    if (!strcmp(how, "odd-address"))
        return *(volatile int *)0x8000000000000000;
    if (!strcmp(how, "write-constant"))
        *(volatile int *)&constant = 8;
    if (!strcmp(how, "write-code"))
        *(volatile char *)(unsigned long)main = 0;
    if (!strcmp(how, "run-data"))
        ((void (*)(void))(unsigned long)code)();
    if (!strcmp(how, "run-stack")) {
        volatile unsigned char here[] = {0xc3};
        ((void (*)(void))(unsigned long)here)();
    }
    if (!strcmp(how, "stack"))
        return deeper(argv[0]);
    if (!strcmp(how, "divide"))
        return 100 / zero;
    if (!strcmp(how, "ud2"))
        __asm__ volatile("ud2");
    if (!strcmp(how, "int3"))
        __asm__ volatile("int3");
    if (!strcmp(how, "cli"))
        __asm__ volatile("cli");
    if (!strcmp(how, "hlt"))
        __asm__ volatile("hlt");
    if (!strcmp(how, "out"))
        __asm__ volatile("outb %%al, %%dx" ::"a"(0), "d"(0xf4));
    if (!strcmp(how, "in"))
        __asm__ volatile("inb %%dx, %%al" ::"d"(0x60) : "eax");
    if (!strcmp(how, "sti"))
        __asm__ volatile("sti");
    if (!strcmp(how, "wrmsr"))
        __asm__ volatile("wrmsr" ::"c"(0xc0000082), "a"(0), "d"(0));
    if (!strcmp(how, "mov-cr3"))
        __asm__ volatile("mov %0, %%cr3" ::"r"(0ul));
    if (!strcmp(how, "lidt"))
        __asm__ volatile("lidt (%%rsp)" ::);
    if (!strcmp(how, "swapgs"))
        __asm__ volatile("swapgs");
    if (!strcmp(how, "sysret"))
        __asm__ volatile("sysretq");
    if (!strcmp(how, "iret"))
        __asm__ volatile("push $0\n push $0\n push $0\n push $8\n push $0\n iretq");
    if (!strcmp(how, "rdmsr"))
        __asm__ volatile("rdmsr" ::"c"(0xc0000080) : "eax", "edx");
    if (!strcmp(how, "int-21h"))
        __asm__ volatile("int $0x21");
    return atoi(how);
}
