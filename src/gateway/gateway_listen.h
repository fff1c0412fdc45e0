/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The people's port: a listening socket, and where it is. Before the sandbox. */
#ifndef CUSTOS_GATEWAY_GATEWAY_LISTEN_H
#define CUSTOS_GATEWAY_GATEWAY_LISTEN_H

#include <stdint.h>

#include "base/err.h"

/* address "": all there are, IPv6 and IPv4. port 0: that of `last_path` where it is free, else any.
 * The port in force is written there. *ret_fd is the caller's, not blocking. */
int gateway_listen(const char *address, uint16_t port, const char *last_path, int *ret_fd,
        uint16_t *ret_port, struct err *e) MUST_USE;

#endif
