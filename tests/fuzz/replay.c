/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* replay - gives a fuzz target the inputs that are named, files or folders of them, without libFuzzer: each in a process of its own. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
const char *__asan_default_options(void);

enum { INPUT_MAX = 1 << 20, SECONDS = 60 };
static unsigned passed, failed;

/* What the kernel has is never given back. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static void give(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (!f) {
        perror(path);
        exit(1);
    }
    fclose(f);
    uint8_t *data = malloc(len ? len : 1); /* so that what lies behind the last byte is nobody's */
    memcpy(data, bytes, len);
    alarm(SECONDS);
    LLVMFuzzerTestOneInput(data, len);
    exit(0);
}

static void replay(const char *path)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        give(path);
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        perror("replay");
        exit(1);
    }
    passed += status == 0;
    failed += status != 0;
    if (status)
        fprintf(stderr, "%s: this input fails\n", path);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct dirent **names;
        int n = scandir(argv[i], &names, NULL, alphasort);
        if (n < 0)
            replay(argv[i]);
        for (int k = 0; k < n; k++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], names[k]->d_name);
            if (names[k]->d_name[0] != '.')
                replay(path);
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
