/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes TCP connections to cameras: resolves (in the pool), tries each address in turn, hands the
 * connected socket over. Part of the parent for now; a process of its own later, which is why
 * nothing else is known here.
 */
#ifndef CUSTOS_RECORDER_CONNECTOR_H
#define CUSTOS_RECORDER_CONNECTOR_H

#include <stdint.h>

#include "base/err.h"
#include "os/loop.h"

struct connector; /* one attempt */

/* on_done once, never from within connector_start: fd (the receiver's) or negative with the reason.
 * The attempt is over then and frees itself. */
struct connector *connector_start(struct loop *l, const char *host, uint16_t port,
        unsigned timeout_ms, void (*on_done)(void *owner, int fd, const struct err *why),
        void *owner);
/* Gives the attempt up: on_done will not be called. Returns NULL. */
struct connector *connector_cancel(struct connector *c);

#endif
