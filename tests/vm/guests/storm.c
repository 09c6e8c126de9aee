/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* storm - system calls drawn by lot, with arguments drawn by lot. The program may come to harm; the kernel may not. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64, FILLED = 1024 /* words */ };

#define ROOM ((char *)0x10000000)

static uint64_t state;
static const uint64_t zero[2];

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* All that neither end the program nor wait. */
static const short numbers[] = {
    0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  16,  17,  18,  19,  20,  21,  22,
    23,  24,  25,  26,  28,  32,  33,  39,  40,  41,  42,  43,  44,  45,  46,  47,  48,  49,  50,  51,  52,  53,
    54,  55,  56,  57,  58,  59,  63,  72,  73,  74,  75,  76,  77,  79,  80,  81,  82,  83,  84,  85,  86,  87,
    88,  89,  90,  91,  92,  93,  94,  95,  96,  97,  98,  99,  100, 102, 104, 105, 106, 107, 108, 109, 110, 111,
    112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 124, 127, 131, 133, 137, 138, 149, 150, 151, 152, 157, 158,
    160, 162, 164, 186, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 201, 202, 204, 217, 218, 221,
    227, 228, 229, 257, 258, 259, 260, 262, 263, 264, 265, 266, 267, 268, 269, 270, 271, 273, 280, 285, 288, 292,
    293, 295, 296, 302, 306, 309, 316, 318, 322, 325, 326, 327, 328, 332, 334, 435, 439, 452, 500, 511};
static const char *const paths[] = {"/host/poem.txt",
                                    "/host/d0",
                                    "/host/many",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/console",
                                    "/sys/bus/pci/devices",
                                    "/host/link-loop",
                                    "../x",
                                    "/host/sparse",
                                    "/host/size-9000001",
                                    "",
                                    "/bin/cat",
                                    "/host/fifo",
                                    "/host/link-dir/",
                                    "/",
                                    "/proc/self/maps",
                                    "/proc/self/fd/3",
                                    "/proc/self/cwd",
                                    "/tmp/a",
                                    "/tmp/b",
                                    "/tmp/d",
                                    "/tmp/d/e",
                                    "/tmp/link",
                                    "/host/new",
                                    "/host/new.d",
                                    "/host/new.d/x",
                                    "/host/new.link",
                                    "user.a",
                                    "system.posix_acl_access",
                                    "/dev/full",
                                    "/dev/tty"};

static uint64_t argument(void)
{
    switch (draw() % 13) {
    case 0:
        return draw() % 300;
    case 1:
        return (uint64_t)ROOM + draw() % (PAGES * PAGE);
    case 2:
        return (uint64_t)ROOM + draw() % PAGES * PAGE;
    case 3:
        return (uint64_t)paths[draw() % (sizeof paths / sizeof *paths)];
    case 4:
        return -(draw() % 5000);
    case 5:
        return 1ull << draw() % 64;
    case 6:
        return (1ull << draw() % 64) - 1;
    case 7:
        return draw();
    case 8:
        return 0xffffffff80100000 + draw() % 0x100000;
    case 9:
        return 0xffff800000000000 + draw() % 0x8000000;
    case 10:
        return 0x7ffffffff000 - 0x1000 + draw() % 0x2000;
    case 11:
        return draw() % PAGES * PAGE;
    default:
        return draw() % 8;
    }
}

/* Keeps the program's own text and standard descriptors out of the way. */
static void tame(long number, uint64_t *a)
{
    int on_memory = (number >= 9 && number <= 11) || number == 25 || number == 28;
    int writes = number == 1 || number == 18 || number == 20 || number == 40 || number == 296 || number == 328;
    if (on_memory && (number != 9 || a[3] & MAP_FIXED) && a[0] < 0x800000000000)
        a[0] = (uint64_t)ROOM + draw() % PAGES * PAGE, a[1] %= 1 << 20;
    if (number == 12 && a[0] > 0x10000000)
        a[0] = 0;
    if ((writes || number == 3) && (uint32_t)a[0] < 3)
        a[0] += 3;
    if ((number == 33 || number == 292) && (uint32_t)a[1] < 3)
        a[1] += 3;
    if (number == 7) /* waits: not at all, and two structures of time that say so */
        a[2] = 0;
    if (number == 271)
        a[2] = (uint64_t)zero;
    if (number == 23 || number == 270)
        a[4] = (uint64_t)zero;
    if ((number == 160 || number == 302) &&
        (uint32_t)a[number == 302] < 8) /* limits on descriptors and sizes end all too soon */
        a[number == 302] += 8;
    if (number == 158) /* its C library lives by that register */
        a[0] = 0x1003;
    if (number == 13) /* the signals that this here may earn stay ignored */
        a[0] = 32 + a[0] % 40;
    if (number == 16 && (uint32_t)a[0] < 3)
        a[0] += 3;
}

static void call(long number, const uint64_t *a)
{
    register uint64_t r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4], r9 __asm__("r9") = a[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
}

int main(int argc, char **argv)
{
    state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    mkdir("/tmp/d", 0755);
    for (long i = 0; i < atol(argv[2]); i++) {
        uint64_t a[6];
        if (i % PAGES == 0) {
            mmap(ROOM, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            for (int k = 0; k < FILLED; k++)
                ((uint64_t *)ROOM)[k] = argument();
            for (int fd = 3; i % (16 * PAGES) == 0 && fd < 256; fd++)
                close(fd);
        }
        for (int k = 0; k < 6; k++)
            a[k] = argument();
        long number = numbers[draw() % (sizeof numbers / sizeof *numbers)];
        tame(number, a);
        call(number, a);
    }
    write(1, "done\n", 5);
    _exit(0);
}
