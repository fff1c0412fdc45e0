/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One track of an RTSP session on its two channels, receiving side: which packets
 * count, what was lost, the sender's clock, and our reports back (RFC 3550). What a payload means
 * is for media/depay.h; when to report, for the session.
 */
#ifndef CUSTOS_NET_RTSP_TRACK_H
#define CUSTOS_NET_RTSP_TRACK_H

#include "base/buf.h"
#include "base/err.h"
#include "proto/rtcp.h"
#include "proto/rtp.h"
#include "proto/url.h"

struct rtsp_track {
        char url[URL_MAX]; /* of its SETUP */
        uint8_t rtp_channel, rtcp_channel;
        int payload_type; /* packets of another one are left out; -1: all are taken */
        /* Takes the protection off a packet, whatever carried it, before anything of it counts;
         * negative: it is not from who it should be. *packet may be changed in place and
         * shortened. NULL: packets come as they are. */
        int (*unprotect)(void *owner, bool rtcp, struct bytes *packet);
        void *unprotect_owner;
        struct rtp_source source;
        struct rtcp_clock clock; /* not known again after the sender or its timestamps jumped */
        uint32_t lost_carried;   /* lost before a packet that was left out */
        uint64_t packets, bad_packets;
};

void rtsp_track_init(struct rtsp_track *t, uint32_t clock_rate, int payload_type);
/* 1: deliver *ret_packet; 0: nothing to deliver (duplicate, late, another payload type); negative:
 * damaged, counted, and e says how. */
int rtsp_track_push_rtp(struct rtsp_track *t, struct bytes frame, int64_t steady_us,
        struct rtp_packet *ret_packet, struct rtp_arrival *ret_arrival, struct err *e);
/* 1: the sender said goodbye; 0 otherwise. Damaged reports are counted and passed over. */
int rtsp_track_push_rtcp(struct rtsp_track *t, struct bytes frame, int64_t wall_us);
/* Appends a receiver report with its interleaved head. */
int rtsp_track_report(struct rtsp_track *t, uint32_t our_ssrc, int64_t wall_us, struct buf *out,
        struct err *e) MUST_USE;

#endif
