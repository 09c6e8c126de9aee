/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* socket_link - a struct p9_link over a connected socket: the client of kernel/ talks to servers that nobody here wrote. */
#ifndef SOCKET_LINK_H
#define SOCKET_LINK_H

#include "9p.h"

/* Lives for ever. What comes late is waited for; after a socket's end the link can be restarted, with who listens
 * at the same place then. */
struct p9_link *socket_link(int fd, const char *aname);

/* Until nothing is on its way on any of them, such as the answers to Tclunk that nobody waits for. */
void socket_links_settle(void);

#endif
