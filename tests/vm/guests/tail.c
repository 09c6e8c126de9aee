/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* tail - prints a file's size and its last four bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct stat st;
    char end[5] = "";
    int fd = open(argv[1], O_RDONLY);
    if (argc != 2 || fd < 0 || fstat(fd, &st) || lseek(fd, -4, SEEK_END) != st.st_size - 4 || read(fd, end, 4) != 4)
        return 1;
    printf("%lld %s", (long long)st.st_size, end);
    return 0;
}
