/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cost - a plugin for QEMU's TCG: what a guest has executed, translated and asked of devices, each time it comes to a marked address.
 *
 * -plugin cost.so,out=FILE,mark=ADDRESS[,mark=ADDRESS...][,interrupts=FROM:TO:LEAVE][,nap=MICROSECONDS][,profile=on]
 * A marked address must be one that is jumped to or called, because a block of instructions is counted when it begins. A line for each time: the
 * address, and since QEMU's start the instructions executed outside of interrupts and in them, those translated, accesses to ports, and to
 * registers in memory outside of interrupts. These come in between FROM and TO and go by LEAVE. nap: after each store to a register.
 * With profile, lines "@ ADDRESS EXECUTED TRANSLATED" before it: instructions since the last mark of each block, by its address.
 * The prototypes are those of qemu-plugin.h, which Debian does not ship. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint64_t u64;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
typedef uint32_t info_t;
enum { CB_NO_REGS = 0, MEM_RW = 3, MAX_MARKS = 64 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(u64 id, void (*cb)(u64 id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned cpu, void *data),
                                                 int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned cpu, void *data),
                                                   int flags, void *data);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                             void (*cb)(unsigned cpu, info_t info, u64 address, void *data), int flags,
                                             int rw, void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern u64 qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *insn);
extern bool qemu_plugin_mem_is_store(info_t info);
extern struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(info_t info, u64 address);
extern bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *address);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version =
    VERSION; /* by QEMU's own: it loads none that is older than it likes, and none that is newer */

struct block {
    struct block *next;
    u64 address, length, count;
    bool shown;
};

static FILE *out;
static u64 marks[MAX_MARKS], executed, interrupted, translated, ports, registers;
static u64 entries, entries_end, leave; /* of interrupts: where they come in, and the block by which they go */
static bool in_interrupt;
static long nap;
static unsigned nmarks;
static bool profile;
static struct block *blocks;

static void show_profile(void)
{
    for (struct block *b = blocks; b; b = b->next) {
        if (b->count || !b->shown)
            fprintf(out, "@ %lx %lu %lu\n", b->address, b->length * b->count, b->shown ? 0 : b->length);
        b->count = 0;
        b->shown = true;
    }
}

static void at_block(unsigned cpu, void *data)
{
    struct block *b = data;
    (void)cpu;
    b->count++;
    if (b->address - entries < entries_end - entries)
        in_interrupt = true;
    *(in_interrupt ? &interrupted : &executed) += b->length;
    if (b->address == leave)
        in_interrupt = false;
}

static void at_mark(unsigned cpu, void *data)
{
    const struct block *b = data;
    (void)cpu;
    if (profile)
        show_profile();
    fprintf(out, "%lx %lu %lu %lu %lu %lu\n", b->address, executed, interrupted, translated, ports, registers);
    fflush(out);
}

static void at_port(unsigned cpu, void *data)
{
    (void)cpu, (void)data;
    ports++;
}

static void at_memory(unsigned cpu, info_t info, u64 address, void *data)
{
    const struct qemu_plugin_hwaddr *place = qemu_plugin_get_hwaddr(info, address);
    bool is_store = qemu_plugin_mem_is_store(info);
    (void)cpu, (void)data;
    if (!place || !qemu_plugin_hwaddr_is_io(place))
        return;
    registers += !in_interrupt;
    if (nap && is_store)
        nanosleep(&(struct timespec){0, nap}, NULL);
}

/* in, out, ins, outs, with a prefix or without. Only short instructions are asked for their text. */
static bool is_port(const struct qemu_plugin_insn *insn)
{
    if (qemu_plugin_insn_size(insn) > 3)
        return false;
    char *text = qemu_plugin_insn_disas(insn);
    const char *word = strncmp(text, "rep ", 4) ? text : text + 4;
    bool yes = !strncmp(word, "out", 3) || (!strncmp(word, "in", 2) && strchr("bwls ", word[2]));
    free(text);
    return yes;
}

static void at_translation(u64 id, struct qemu_plugin_tb *tb)
{
    struct block *b = calloc(1, sizeof(*b));
    (void)id;
    b->address = qemu_plugin_tb_vaddr(tb);
    b->length = qemu_plugin_tb_n_insns(tb);
    b->next = blocks;
    blocks = b;
    translated += b->length;
    for (unsigned i = 0; i < nmarks; i++)
        if (marks[i] == b->address)
            qemu_plugin_register_vcpu_tb_exec_cb(tb, at_mark, CB_NO_REGS, b);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, at_block, CB_NO_REGS, b);
    for (size_t i = 0; i < b->length; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        qemu_plugin_register_vcpu_mem_cb(insn, at_memory, CB_NO_REGS, MEM_RW, NULL);
        if (is_port(insn))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_port, CB_NO_REGS, NULL);
    }
}

EXPORT int qemu_plugin_install(u64 id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
        else if (!strncmp(argv[i], "mark=", 5) && nmarks < MAX_MARKS)
            marks[nmarks++] = strtoull(argv[i] + 5, NULL, 16);
        else if (!strncmp(argv[i], "interrupts=", 11) &&
                 sscanf(argv[i] + 11, "%lx:%lx:%lx", &entries, &entries_end, &leave) == 3)
            ;
        else if (!strncmp(argv[i], "nap=", 4))
            nap = 1000 * atol(argv[i] + 4);
        else if (!strcmp(argv[i], "profile=on"))
            profile = true;
        else
            return -1;
    }
    if (!out)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
    return 0;
}
