/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP connections for the command line: blocking, one attempt after the other. Roles have theirs
 * from the connector, or make them on their loop. */
#ifndef CUSTOS_NET_TCP_DIAL_H
#define CUSTOS_NET_TCP_DIAL_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

/* A connected, non-blocking socket of one address, or a negative errno. until_us: clock_boot_us. */
int tcp_dial_address(const struct sockaddr *address, socklen_t n, int64_t until_us);
/* Why not, with its fault. where: the address as text. Returns the code. */
int tcp_dial_fault(int os_errno, const char *where, uint16_t port, struct err *e);
/* Of the addresses that the name has the first that answers; looking the name up may take longer
 * than until_us. */
int tcp_dial(const char *host, uint16_t port, int64_t until_us, struct err *e) MUST_USE;

#endif
