/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets that came by UDP, put back into their order before they count: what comes in order goes
 * through without a copy; behind a gap up to RTP_REORDER_PACKETS wait, each at most
 * RTP_REORDER_WAIT_US, for what is missing. A packet that comes too late or behind a
 * jump, goes through as well: proto/rtp.h knows what to do with it and counts it. The second of two
 * that both had to wait is dropped.
 *
 * Only the sequence number is looked at, which SRTP leaves readable, so this may stand before the
 * proof of who sent a packet: a forged one can spoil the order, never the content.
 */
#ifndef CUSTOS_PROTO_RTP_REORDER_H
#define CUSTOS_PROTO_RTP_REORDER_H

#include "base/bytes.h"
#include "base/err.h"

#define RTP_REORDER_PACKETS 64
#define RTP_REORDER_WAIT_US 100000
#define RTP_REORDER_JUMP 1000 /* a larger step of sequence numbers is a new beginning */

struct rtp_reorder_slot {
        uint8_t *p; /* owned; kept for the next packet in this slot */
        size_t n, room;
        bool used;
        int64_t wall_us, steady_us;
};

struct rtp_reorder {
        bool started;
        uint16_t next; /* sequence number that is waited for */
        unsigned held;
        uint64_t duplicates;                                /* dropped, of packets that waited */
        struct rtp_reorder_slot slots[RTP_REORDER_PACKETS]; /* by sequence number */
};

/* One packet, in order, with the times it was pushed with; borrowed for the call. A negative return
 * ends the push or expiry under way with that code. */
typedef int (*rtp_reorder_emit)(
        void *owner, struct bytes packet, int64_t wall_us, int64_t steady_us, struct err *e);

/* Begins zeroed. packet: borrowed for the call, at most 64 KB. */
int rtp_reorder_push(struct rtp_reorder *r, struct bytes packet, int64_t wall_us, int64_t steady_us,
        rtp_reorder_emit emit, void *owner, struct err *e) MUST_USE;
/* Gives up on what is missing before packets that have waited long enough. Call it at least every
 * RTP_REORDER_WAIT_US while r->held > 0. */
int rtp_reorder_expire(struct rtp_reorder *r, int64_t now_steady_us, rtp_reorder_emit emit,
        void *owner, struct err *e) MUST_USE;
void rtp_reorder_done(struct rtp_reorder *r);

#endif
