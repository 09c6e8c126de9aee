/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys/ioctl.h - the two questions to a terminal that programs here ask. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#define TCGETS     0x5401
#define TIOCGWINSZ 0x5413

struct winsize {
    unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

int ioctl(int fd, unsigned long request, void *arg);

#endif
