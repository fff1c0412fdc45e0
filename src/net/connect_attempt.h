/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One TCP connection to a host: resolves (names in the pool; an address needs nobody), asks about
 * each address whether it is allowed, tries those in turn by the very address that was checked, and
 * hands the connected socket over.
 */
#ifndef CUSTOS_NET_CONNECT_ATTEMPT_H
#define CUSTOS_NET_CONNECT_ATTEMPT_H

#include <stdint.h>

#include "os/loop.h"

struct connect_attempt;
struct sockaddr;

/* Which addresses may be connected to: 0, or ERR_DENIED. host: what the address comes from. */
struct connect_attempt_policy {
        int (*check)(
                const void *terms, const struct sockaddr *address, const char *host, struct err *e);
        const void *terms;
};

/* on_done once, never from within connect_attempt_start: fd (the receiver's) or negative with the
 * reason. The attempt is over then and frees itself. policy is borrowed and outlives it; NULL: any
 * address. */
struct connect_attempt *connect_attempt_start(struct loop *l,
        const struct connect_attempt_policy *policy, const char *host, uint16_t port,
        unsigned timeout_ms, void (*on_done)(void *owner, int fd, const struct err *why),
        void *owner);
/* Gives the attempt up: on_done will not be called. Returns NULL. */
struct connect_attempt *connect_attempt_cancel(struct connect_attempt *c);

#endif
