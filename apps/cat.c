/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* cat - copies files, or standard input, to standard output. */
#include <app.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static _Alignas(4096) char buffer[128 * 1024];

static int copy(int fd, const char *name)
{
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0)
        if (write_all(STDOUT_FILENO, buffer, (size_t)n) < 0) {
            warn("write error");
            _exit(1);
        }
    return n < 0 ? warn("%s", name) : 0;
}

static int copy_file(const char *name)
{
    if (strcmp(name, "-") == 0)
        return copy(STDIN_FILENO, name);
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return warn("%s", name);
    int status = copy(fd, name);
    close(fd);
    return status;
}

int main(int argc, char **argv)
{
    unsigned given;
    int n = take_options(argv, "", "cat [FILE | -]...", &given), status = 0;
    (void)argc;
    if (n < 0)
        return 1;
    if (n == 0)
        return copy(STDIN_FILENO, "-");
    for (int i = 1; i <= n; i++)
        status |= copy_file(argv[i]);
    return status;
}
