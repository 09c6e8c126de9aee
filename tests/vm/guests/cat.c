/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cat - greets in the words of its C library's stdio and copies files to standard output; built with glibc and with musl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char line[4096];
    setvbuf(stdout, NULL, _IOFBF, 65536);
    printf("%s %d %.3f\n", "hello", argc, argc / 3.0);
    for (int i = 1; i < argc; i++) {
        FILE *f = strcmp(argv[i], "-") ? fopen(argv[i], "rb") : stdin;
        if (!f) {
            perror(argv[i]);
            return 1;
        }
        for (size_t n; (n = fread(line, 1, sizeof line, f)) > 0;)
            fwrite(line, 1, n, stdout);
        fclose(f);
    }
    return 0;
}
