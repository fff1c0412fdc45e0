/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A listening Unix socket (SOCK_SEQPACKET, mode 0600) on the loop: hands each connection of the
 * same user or root (SO_PEERCRED) to its owner, for os/chan. Replaces a socket file that a dead
 * process left behind.
 */
#ifndef CUSTOS_OS_LISTENER_H
#define CUSTOS_OS_LISTENER_H

#include "base/err.h"
#include "os/loop.h"

struct listener;

/* on_connection takes fd; uid is the peer's: ours or 0. on_refused, which may be NULL, is told of
 * another user's attempt. */
struct listener_events {
        void (*on_connection)(void *owner, int fd, unsigned uid);
        void (*on_refused)(void *owner, unsigned uid);
};

int listener_open(struct loop *l, const char *path, const struct listener_events *events,
        void *owner, struct listener **ret, struct err *e) MUST_USE;
struct listener *listener_free(struct listener *n);

#endif
