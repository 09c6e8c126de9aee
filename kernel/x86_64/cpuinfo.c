/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cpuinfo - /proc/cpuinfo: what CPUID tells (Intel SDM volume 2, CPUID), in Linux's format and with Linux's names. */
#include "arch.h"
#include "attrfs.h"
#include "print.h"
#include "x86.h"

#define EXTENDED 0x80000000u

/* Names of the bits from 0 on; "-": no name, or nothing that a program can use here. */
static void add_flags(struct attrfs_text *out, u32 bits, const char *names)
{
    for (; *names; bits >>= 1) {
        size_t len = 0;
        while (names[len] && names[len] != ' ')
            len++;
        if ((bits & 1) && *names != '-')
            attrfs_add(out, " %.*s", (int)len, names);
        names += len + (names[len] == ' ');
    }
}

static void add_all_flags(struct attrfs_text *out)
{
    u32 top = cpuid(EXTENDED, 0).a;
    struct cpuid one = cpuid(1, 0), ext = top > EXTENDED ? cpuid(EXTENDED + 1, 0) : (struct cpuid){0};
    struct cpuid seven = cpuid(0, 0).a >= 7 ? cpuid(7, 0) : (struct cpuid){0};
    attrfs_add(out, "flags\t\t:");
    add_flags(out, one.d,
              "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx "
              "fxsr sse sse2 ss ht tm ia64 pbe");
    add_flags(out, ext.d >> 11, "syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow");
    add_flags(out, one.c,
              "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca "
              "sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor");
    add_flags(out, ext.c,
              "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt "
              "- lwp fma4 tce");
    add_flags(out, seven.b,
              "- tsc_adjust - bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq rdseed "
              "adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl");
    attrfs_add(out, "\n");
}

/* The brand string, without the blanks that some processors begin it with. */
static void add_model_name(struct attrfs_text *out)
{
    struct cpuid words[3];
    char text[sizeof words + 1] = "unknown", *name = text;
    for (unsigned i = 0; i < 3 && cpuid(EXTENDED, 0).a >= EXTENDED + 4; i++) {
        words[i] = cpuid(EXTENDED + 2 + i, 0);
        memcpy(text + i * sizeof words[i], &words[i], sizeof words[i]);
    }
    while (*name == ' ')
        name++;
    attrfs_add(out, "model name\t: %s\n", name);
}

ATTRFS_SHOW(cpuinfo)
{
    struct cpuid zero = cpuid(0, 0), one = cpuid(1, 0);
    u32 vendor[3] = {zero.b, zero.d, zero.c}, family = one.a >> 8 & 15, model = one.a >> 4 & 15;
    u64 hz = arch_cycles_hz();
    if (family == 6 || family == 15)
        model += one.a >> 12 & 0xf0;
    if (family == 15)
        family += one.a >> 20 & 0xff;
    attrfs_add(out, "processor\t: 0\nvendor_id\t: %.*s\ncpu family\t: %u\nmodel\t\t: %u\n", (int)sizeof vendor,
               (const char *)vendor, family, model);
    add_model_name(out);
    attrfs_add(out, "stepping\t: %u\n", one.a & 15);
    if (hz)
        attrfs_add(out, "cpu MHz\t\t: %lu.%03lu\n", hz / 1000000, hz / 1000 % 1000);
    attrfs_add(out,
               "physical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\nfpu\t\t: yes\nfpu_exception\t: yes\n");
    attrfs_add(out, "cpuid level\t: %u\nwp\t\t: yes\n", zero.a);
    add_all_flags(out);
    return attrfs_add(out,
                      "clflush size\t: %u\naddress sizes\t: %u bits physical, 48 bits virtual\npower management:\n\n",
                      (one.b >> 8 & 0xff) * 8, cpu_physical_bits);
}

static const struct attrfs_file files[] = {{"cpuinfo", 0444, show_cpuinfo, 0, NULL}};

static const void *top(unsigned *i, char path[ATTRFS_PATH])
{
    print_text(path, ATTRFS_PATH, "proc");
    return *i ? NULL : files;
}

ATTRFS_CLASS(cpuinfo) = {.object = top, .files = files, .nfiles = 1};
