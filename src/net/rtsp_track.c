/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_track.h"

#include <stdio.h>

#include "proto/rtsp.h"

void rtsp_track_init(struct rtsp_track *t, uint32_t clock_rate, int payload_type)
{
        *t = (struct rtsp_track){ .payload_type = payload_type };
        rtp_source_init(&t->source, clock_rate);
}

int rtsp_track_push_rtp(struct rtsp_track *t, struct bytes frame, int64_t steady_us,
        struct rtp_packet *ret_packet, struct rtp_arrival *ret_arrival, struct err *e)
{
        struct rtp_packet p;
        struct rtp_arrival a;

        int r = rtp_parse(frame, &p, e);
        bool other = r == 0 && t->payload_type >= 0 && p.payload_type != t->payload_type;
        if (r < 0) {
                t->bad_packets++;
                return r;
        }
        /* Another sender's, of another type, on our channel (repair packets, a second track). */
        if (other && t->source.started && p.ssrc != t->source.ssrc)
                return 0;
        /* Another payload type under the same sequence numbers would be taken for loss: it is
         * counted by the source first, and only then left out. */
        rtp_source_push(&t->source, &p, steady_us, &a);
        if (a.ssrc_changed || a.timestamp_jumped)
                t->clock = (struct rtcp_clock){ 0 };
        if (a.discard)
                return 0;
        t->packets++;
        a.lost_packets += t->lost_carried;
        if (other) {
                t->lost_carried = a.lost_packets;
                return 0;
        }
        t->lost_carried = 0;
        *ret_packet = p;
        *ret_arrival = a;
        return 1;
}

int rtsp_track_push_rtcp(struct rtsp_track *t, struct bytes frame, int64_t wall_us)
{
        struct rtcp r;

        if (rtcp_parse(frame, &r, NULL) < 0) {
                t->bad_packets++;
                return 0;
        }
        /* A report of a sender that is not (yet) the one heard maps other timestamps. */
        if (r.has_sender_report && t->source.started && r.sender_report.ssrc == t->source.ssrc)
                (void)!rtcp_clock_update(&t->clock, &r.sender_report, &t->source, wall_us);
        return r.has_bye && t->source.started && r.bye_ssrc == t->source.ssrc;
}

int rtsp_track_report(
        struct rtsp_track *t, uint32_t our_ssrc, int64_t wall_us, struct buf *out, struct err *e)
{
        size_t at = out->n;
        char name[16];
        int r = buf_append(out, BYTES("$\0\0\0", RTSP_FRAME_HEAD), e);

        if (r < 0)
                return r;
        /* A name that says nothing about this machine (RFC 7022). */
        snprintf(name, sizeof name, "%08x", (unsigned)our_ssrc);
        r = rtcp_format_receiver_report(
                our_ssrc, &t->source, t->clock.known ? &t->clock : NULL, wall_us, name, out, e);
        if (r < 0) {
                out->n = at;
                return r;
        }
        rtsp_frame_head(out->p + at, t->rtcp_channel, (uint16_t)(out->n - at - RTSP_FRAME_HEAD));
        return 0;
}
