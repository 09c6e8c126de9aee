/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* storm - system calls drawn by lot, with arguments drawn by lot. The program may come to harm; the kernel may not. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64 };

#define ROOM ((char *)0x10000000)

static uint64_t state;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* All that neither end the program nor wait. */
static const short numbers[] = {0,   1,   2,   3,   4,   5,   6,   8,   9,   10,  11,  12,  13,  14,  16,
                                17,  18,  19,  20,  21,  24,  25,  28,  32,  33,  39,  63,  72,  79,  80,
                                81,  85,  89,  95,  96,  97,  99,  100, 131, 137, 138, 201, 217, 218, 228,
                                229, 257, 262, 267, 269, 273, 292, 295, 296, 302, 318, 332, 334, 439, 500};
static const char *const paths[] = {"/host/poem.txt", "/host/d0",     "/host/many",           "/dev/null",
                                    "/dev/zero",      "/dev/console", "/sys/bus/pci/devices", "/host/link-loop",
                                    "../x",           "/host/sparse", "/host/size-9000001",   "",
                                    "/bin/cat",       "/host/fifo",   "/host/link-dir/",      "/"};

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
    int on_memory = number >= 9 && number <= 11 || number == 25 || number == 28;
    int writes = number == 1 || number == 18 || number == 20 || number == 296;
    if (on_memory && (number != 9 || a[3] & MAP_FIXED) && a[0] < 0x800000000000)
        a[0] = (uint64_t)ROOM + draw() % PAGES * PAGE, a[1] %= 1 << 20;
    if (number == 12 && a[0] > 0x10000000)
        a[0] = 0;
    if ((writes || number == 3) && (uint32_t)a[0] < 3)
        a[0] += 3;
    if ((number == 33 || number == 292) && (uint32_t)a[1] < 3)
        a[1] += 3;
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
    for (long i = 0; i < atol(argv[2]); i++) {
        uint64_t a[6];
        if (i % PAGES == 0) {
            mmap(ROOM, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            for (int k = 0; k < 20; k++)
                ((uint64_t *)ROOM)[k * 97] = argument();
            for (int fd = 3; fd < 256; fd++)
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
