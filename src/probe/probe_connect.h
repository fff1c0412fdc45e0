/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets for a probe, made by the caller's process, one attempt after the other, blocking. For
 * probe.c only. */
#ifndef CUSTOS_PROBE_PROBE_CONNECT_H
#define CUSTOS_PROBE_PROBE_CONNECT_H

#include "probe/probe.h"

#define PROBE_CONNECT_MS 10000

/* A connected TCP socket; tells "name" and "connect". */
int probe_connect(const char *host, uint16_t port, probe_on_step on_step, void *owner,
        struct err *e) MUST_USE;
/* Two bound UDP sockets on adjacent ports, the first even, of the family of `like` (a connected
 * socket). */
int probe_connect_datagrams(
        int like, int ret_fds[static 2], uint16_t *ret_port, struct err *e) MUST_USE;

#endif
