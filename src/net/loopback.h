/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A TCP connection in the clear, for tests on one machine: refuses a socket whose two ends are not
 * both loopback addresses. Same manners as stream.h: non-blocking, a bounded queue, callbacks from
 * the loop only. Not for any other use: everything that leaves a machine goes through stream.h.
 */
#ifndef CUSTOS_NET_LOOPBACK_H
#define CUSTOS_NET_LOOPBACK_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/err.h"
#include "os/loop.h"

struct loopback;

struct loopback_events {
        /* Negative ends the connection with that error. */
        int (*on_data)(void *owner, struct bytes data, struct err *e);
        void (*on_end)(void *owner, const struct err *why);
};

/* 127.0.0.0/8, ::1, and the former mapped into IPv6. */
bool loopback_is(const struct sockaddr_storage *address);
/* Takes fd, also when it fails (ERR_DENIED for an end that is not loopback). */
int loopback_new(struct loop *l, int fd, size_t output_max_bytes,
        const struct loopback_events *events, void *owner, struct loopback **ret,
        struct err *e) MUST_USE;
/* May be called from its callbacks. */
struct loopback *loopback_free(struct loopback *c);
/* ERR_EXHAUSTED: the queue is full and nothing was taken. Never calls back. */
int loopback_write(struct loopback *c, struct bytes data, struct err *e) MUST_USE;

#endif
