/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* again - FILE: writes five lines, each at its place; what fails with EIO is told and tried again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Makes sure that it says the same both times: a step can be repeated. */
static int step(const char *what, int result)
{
    if (result < 0)
        printf("%s: %s\n", what, errno == EIO ? "EIO" : strerror(errno));
    return result;
}

int main(int argc, char **argv)
{
    int fd = -1, good = 0;
    for (int i = 0; argc == 2 && i < 2 && fd < 0; i++)
        fd = step("open", open(argv[1], O_CREAT | O_RDWR, 0644));
    for (int i = 0; i < 5; i++) {
        char line[3] = {(char)('1' + i), '\n'};
        for (int tries = 0; tries < 2; tries++)
            if (step("pwrite", (int)pwrite(fd, line, 2, i * 2)) == 2)
                break;
        for (int tries = 0; tries < 2; tries++)
            if (step("fsync", fsync(fd)) == 0)
                break;
        char back[3] = "";
        good += step("pread", (int)pread(fd, back, 2, i * 2)) == 2 && strcmp(line, back) == 0;
    }
    step("close", close(fd));
    printf("%d of 5\n", good);
    return 0;
}
