/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* layout - where this program's parts stand: one word each for stack, strings, heap, maps, code; then the rights of every region. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argc;
    int here;
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("stack %p\nstrings %p\nheap %p\nmap %p\ncode %p\n", (void *)&here, (void *)argv[0], sbrk(0), map,
           (void *)main);
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (strchr(line, ' '))
            printf("rights %.4s\n", strchr(line, ' ') + 1);
    return maps ? 0 : 1;
}
