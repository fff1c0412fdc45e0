/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One track's media by UDP: two bound sockets that only receive, RTP on the first and RTCP on the
 * second. Reads many packets with one call into the loop's receive buffer, event-driven or paced as
 * streams are (net/stream.h); packets from another address than the peer's are passed over and
 * counted; RTP comes out in its order (proto/rtp_reorder.h).
 *
 * Not here: what the packets mean, taking protection off them (net/rtsp_client).
 */
#ifndef CUSTOS_NET_DATAGRAMS_H
#define CUSTOS_NET_DATAGRAMS_H

#include "net/stream.h"

#define DATAGRAMS_PACKET_MAX 9216 /* bytes; a longer one is passed over and counted */
#define DATAGRAMS_ADDRESS 16      /* IPv6, or IPv4 mapped into it */

struct datagrams;

struct datagrams_events {
        /* One packet, borrowed, with the times when it was read. May free the datagrams. Negative:
         * nothing more is read. */
        int (*on_packet)(void *owner, unsigned track, bool rtcp, struct bytes packet,
                int64_t wall_us, int64_t steady_us);
};

/* Takes fds, also on failure. events is borrowed and outlives it; on_packet is called from the loop
 * only. */
int datagrams_new(struct stream_shared *sh, const int fds[static 2], unsigned track,
        const uint8_t peer[static DATAGRAMS_ADDRESS], const struct datagrams_events *events,
        void *owner, struct datagrams **ret, struct err *e) MUST_USE;
struct datagrams *datagrams_free(struct datagrams *d); /* NULL is fine */
void datagrams_pace(struct datagrams *d, unsigned interval_ms);

/* An address as packets are compared by; false for a family other than IP. */
struct sockaddr_storage;
bool datagrams_address(const struct sockaddr_storage *a, uint8_t ret[static DATAGRAMS_ADDRESS]);

struct datagrams_counters {
        uint64_t bytes, strangers, too_long;
};
struct datagrams_counters datagrams_counters(const struct datagrams *d);

#endif
