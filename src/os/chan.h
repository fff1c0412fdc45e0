/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages and descriptors between processes: a SOCK_SEQPACKET Unix socket on the loop. A message
 * is a u16 type and a body of at most CHAN_BODY_MAX bytes, with at most CHAN_FDS_MAX descriptors;
 * it arrives whole or not at all.
 *
 * Sending never blocks: messages wait in a queue of at most CHAN_QUEUE_MAX bytes; beyond that
 * ERR_EXHAUSTED, and the owner decides what to drop. The peer's end, a malformed message or an
 * unexpected descriptor ends the channel: on_end is called once, always from the loop (never from
 * within chan_send), and never after chan_free. Messages that the peer had sent before its end are
 * delivered first. What a message means is the owner's: no types are defined here.
 */
#ifndef CUSTOS_OS_CHAN_H
#define CUSTOS_OS_CHAN_H

#include "base/bytes.h"
#include "base/err.h"
#include "os/loop.h"

#define CHAN_BODY_MAX (128u << 10)
#define CHAN_FDS_MAX 4
#define CHAN_QUEUE_MAX (8u << 20)

struct chan;

struct chan_message {
        uint16_t type;
        struct bytes body;     /* borrowed for the call */
        int fds[CHAN_FDS_MAX]; /* -1 where none; the receiver sets those that it keeps to -1, the
                                  rest is closed */
        unsigned fds_n;
};

struct chan_events {
        /* Negative ends the channel (on_end with that error). */
        int (*on_message)(void *owner, struct chan *c, struct chan_message *m, struct err *e);
        void (*on_end)(void *owner, struct chan *c, const struct err *e);
        /* All that waited was sent. May be NULL; may free the channel. */
        void (*on_room)(void *owner, struct chan *c);
};

/* Takes fd (made non-blocking and close-on-exec); borrows events, which outlive it. */
struct chan *chan_new(struct loop *l, int fd, const struct chan_events *events, void *owner);
/* Closes the socket at once and drops what was not sent; allowed in its own callbacks, and in those
 * of others. */
struct chan *chan_free(struct chan *c);
/* fds are borrowed: duplicated by the kernel, still the caller's to close; queued copies are made
 * by dup. ERR_UNAVAILABLE when the peer is gone (on_end follows, or was called). */
int chan_send(struct chan *c, uint16_t type, struct bytes body, const int *fds, unsigned fds_n,
        struct err *e) MUST_USE;
/* What waits to be sent, of CHAN_QUEUE_MAX: for whoever sends what may be left out or wait, so that
 * what must not has room. */
size_t chan_queued(const struct chan *c);
/* Waits until all was sent or the peer is gone (at most 5 s); for orderly ends only. */
void chan_flush(struct chan *c);
/* A connected pair, close-on-exec. */
int chan_pair(int ret[static 2], struct err *e) MUST_USE;
/* Blocking use without a loop, for the CLI and tests: one message each, on a socket of chan_pair
 * that is no channel. Reading appends the body; timeout in ms, negative for none. ERR_UNAVAILABLE
 * at the peer's end; ret_fds are then the caller's, -1 where none. */
int chan_write_blocking(int fd, uint16_t type, struct bytes body, const int *fds, unsigned fds_n,
        struct err *e) MUST_USE;
struct buf;
int chan_read_blocking(int fd, int timeout_ms, uint16_t *ret_type, struct buf *ret_body,
        int ret_fds[static CHAN_FDS_MAX], struct err *e) MUST_USE;

#endif
