/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One TCP connection to a camera: resolves (names in the pool; an address needs nobody), asks the
 * policy about each address, tries those allowed in turn by the very address that was checked, and
 * hands the connected socket over.
 */
#ifndef CUSTOS_RECORDER_CONNECT_ATTEMPT_H
#define CUSTOS_RECORDER_CONNECT_ATTEMPT_H

#include <stdint.h>

#include "os/loop.h"
#include "recorder/connect_policy.h"

struct connect_attempt;

/* on_done once, never from within connect_attempt_start: fd (the receiver's) or negative with the
 * reason. The attempt is over then and frees itself. policy is borrowed and outlives it. */
struct connect_attempt *connect_attempt_start(struct loop *l, const struct connect_policy *policy,
        const char *host, uint16_t port, unsigned timeout_ms,
        void (*on_done)(void *owner, int fd, const struct err *why), void *owner);
/* Gives the attempt up: on_done will not be called. Returns NULL. */
struct connect_attempt *connect_attempt_cancel(struct connect_attempt *c);

#endif
