/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* forge - frames of signals that no signal made, and stacks that cannot hold one. `forge flags` goes through twenty thousand; the others end it. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TF = 0x100, DF = 0x400, OURS = 0x40dd5 };

/* What rt_sigreturn finds at rsp. */
static struct {
    uint64_t head[5], r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags,
        segments, error, vector, old_mask, cr2, vectors, tail[64];
} frame;
static uint64_t vectors[512] __attribute__((aligned(64))); /* what stands where the vector registers should */
static const uint32_t usual_mxcsr = 0x1f80;

/* Leaves by the frame and comes back; the flags and the code and stack segments then. */
static uint64_t leave(uint64_t at, uint16_t *cs, uint16_t *ss)
{
    uint64_t flags;
    __asm__ volatile("sub $128, %%rsp\n"
                     "mov %%rsp, %[rsp]\n"
                     "mov %%rbp, %[rbp]\n"
                     "mov %%rax, %%rsp\n"
                     "mov $15, %%eax\n"
                     "syscall\n"
                     "back: fninit\n"
                     "ldmxcsr %[mxcsr]\n"
                     "pushfq\n"
                     "pop %%rax\n"
                     "pushq $2\n"
                     "popfq\n"
                     "add $128, %%rsp\n"
                     "mov %%cs, %%ecx\n"
                     "mov %%ss, %%edx\n"
                     : "=a"(flags), "=c"(*cs), "=d"(*ss), [rsp] "=m"(frame.rsp), [rbp] "=m"(frame.rbp)
                     : "a"(at), [mxcsr] "m"(usual_mxcsr)
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "memory", "cc");
    return flags;
}

extern char back[];

static void draw_frame(void)
{
    for (unsigned i = 0; i < sizeof frame / 8; i++)
        ((uint64_t *)&frame)[i] = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ random();
    for (unsigned i = 0; i < sizeof vectors / 8; i++)
        vectors[i] = ((uint64_t *)&frame)[random() % 64] * (random() % 4 > 0);
    frame.vectors = random() % 2 ? (uint64_t)vectors : 0;
    frame.rip = (uint64_t)back;
}

/* No program's flag is more than its own; interrupts stay on; the segments are what they were. */
static int flags(void)
{
    uint16_t cs, ss, code, stack;
    __asm__("mov %%cs, %0; mov %%ss, %1" : "=r"(code), "=r"(stack));
    for (int i = 0; i < 20000; i++) {
        draw_frame();
        frame.rflags = (i % 64 ? frame.rflags : 1ull << i / 64 % 64) & ~(uint64_t)TF;
        uint64_t want = (frame.rflags & OURS) | 0x202, got = leave((uint64_t)&frame, &cs, &ss);
        if ((got ^ want) & ~0x10000ull || cs != code || ss != stack) {
            printf("rflags %lx became %lx, cs %x, ss %x\n", frame.rflags, got, cs, ss);
            return 1;
        }
    }
    puts("as they should be");
    return 0;
}

static void nothing(int signal)
{
}

static void signal_on(uint64_t sp, uint64_t size)
{
    stack_t stack = {(void *)sp, 0, size};
    struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    printf("%d\n", sigaltstack(&stack, NULL));
    fflush(stdout);
    raise(SIGUSR1);
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 16);
}

int main(int argc, char **argv)
{
    uint16_t cs, ss;
    if (strcmp(argv[1], "flags") == 0)
        return flags();
    draw_frame();
    frame.rflags = 2;
    if (strcmp(argv[1], "trap") == 0)
        frame.rflags = TF;
    if (strcmp(argv[1], "rip") == 0)
        frame.rip = number(argv[2]);
    if (strcmp(argv[1], "stack") == 0)
        signal_on(number(argv[2]), number(argv[3]));
    else
        leave(strcmp(argv[1], "at") ? (uint64_t)&frame : number(argv[2]), &cs, &ss);
    puts("still there");
    return 0;
}
