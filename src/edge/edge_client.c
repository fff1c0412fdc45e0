/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/edge_client.h"

#include <stdlib.h>

#include "proto/rtsp.h"

struct edge_client *edge_client_new(struct rtsp_peer *peer, enum srtp_suite suite)
{
        struct edge_client *c = xcalloc(1, sizeof *c);

        c->peer = peer;
        c->suite = suite;
        for (unsigned i = 0; suite && i < TIMELINE_TRACKS_MAX; i++)
                srtp_suite_draw_key(suite, &c->srtp[i].key);
        buf_init(&c->out, RTSP_PEER_OUTPUT_MAX);
        return c;
}

struct edge_client *edge_client_free(struct edge_client *c)
{
        if (!c)
                return NULL;
        for (unsigned i = 0; i < TIMELINE_TRACKS_MAX; i++) {
                srtp_suite_wipe_key(&c->srtp[i].key);
                srtp_session_free(c->srtp[i].session);
        }
        fault_media_free(c->faults);
        buf_done(&c->out);
        free(c);
        return NULL;
}

const struct srtp_key *edge_client_keys(
        const struct edge_client *c, struct srtp_key ret[static TIMELINE_TRACKS_MAX])
{
        if (!c->suite)
                return NULL;
        for (unsigned i = 0; i < TIMELINE_TRACKS_MAX; i++)
                ret[i] = c->srtp[i].key;
        return ret;
}

static void write_bytes(struct edge_client *c, struct bytes b)
{
        struct err e = { 0 };

        if (c->over || b.n == 0 || rtsp_peer_write(c->peer, b, &e) >= 0)
                return;
        c->over = true;
        c->cut = e;
}

static void flush(struct edge_client *c)
{
        write_bytes(c, buf_bytes(&c->out));
        buf_clear(&c->out);
}

/* A packet as SRTP or SRTCP; a session has one source, so another one begins with each (which only
 * a fault makes happen). Negative: this packet does not go out, as one that is sent twice. */
static int protect(struct edge_client *c, unsigned track, bool rtcp, struct bytes packet,
        struct bytes *ret, struct err *e)
{
        struct edge_client_srtp *s = &c->srtp[track];
        const uint8_t *p = packet.p + (rtcp ? 4 : 8);
        const uint32_t ssrc =
                (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        const struct srtp_session_options o = {
                .keys = &s->key, .keys_n = 1, .has_ssrc = true, .ssrc = ssrc
        };
        int r = 0;

        if (!s->session || s->ssrc != ssrc) {
                s->session = srtp_session_free(s->session);
                r = srtp_session_new_sender(&o, &s->session, e);
                s->ssrc = ssrc;
        }
        if (r >= 0)
                r = rtcp ? srtp_session_protect_rtcp(s->session, packet, ret, e)
                         : srtp_session_protect_rtp(s->session, packet, ret, e);
        return r;
}

/* One packet, the way that its track was set up. */
static void send_packet(
        void *owner, unsigned track, enum fault_media_kind kind, struct bytes packet)
{
        struct edge_client *c = owner;
        const struct rtsp_dialog_track *chosen = rtsp_peer_track(c->peer, track);
        const bool rtcp = kind == FAULT_MEDIA_RTCP;
        uint8_t head[RTSP_FRAME_HEAD];
        struct err e;
        int r = 0;

        if (!chosen || c->over)
                return;
        if (c->suite && kind != FAULT_MEDIA_GARBAGE &&
                protect(c, track, rtcp, packet, &packet, &e) < 0)
                return;
        if (chosen->datagrams) {
                if (kind != FAULT_MEDIA_GARBAGE)
                        rtsp_peer_datagram(c->peer, track, rtcp, packet);
                return;
        }
        if (kind != FAULT_MEDIA_GARBAGE) {
                rtsp_frame_head(
                        head, rtcp ? chosen->rtcp_channel : chosen->channel, (uint16_t)packet.n);
                r = buf_append(&c->out, BYTES(head, sizeof head), &e);
        }
        if (r >= 0)
                r = buf_append(&c->out, packet, &e);
        if (r < 0) {
                c->over = true;
                c->cut = e;
                rtsp_peer_close(c->peer, &e);
        } else if (c->record_per_packet) {
                flush(c);
        }
}

/* As it lies in the feed, but for the channel. */
static void send_whole(struct edge_client *c, struct feed_frame *frame, uint8_t channel)
{
        const struct bytes all = buf_bytes(&frame->bytes);

        feed_frame_channel(frame, channel);
        if (!c->record_per_packet) {
                write_bytes(c, all);
                return;
        }
        rtsp_peer_hold(c->peer, true);
        for (size_t i = 0; i < frame->packets_n; i++) {
                const size_t to = i + 1 < frame->packets_n ? frame->packet_at[i + 1] : all.n;

                write_bytes(c, bytes_sub(all, frame->packet_at[i], to - frame->packet_at[i]));
        }
        rtsp_peer_hold(c->peer, false);
}

void edge_client_frame(struct edge_client *c, struct feed_frame *frame, int64_t now_us)
{
        const struct rtsp_dialog_track *chosen = rtsp_peer_track(c->peer, frame->track);

        if (!chosen)
                return;
        if (!c->faults && !c->suite && !chosen->datagrams) {
                send_whole(c, frame, chosen->channel);
                return;
        }
        rtsp_peer_hold(c->peer, true);
        if (c->faults)
                fault_media_frame(c->faults, frame, now_us, send_packet, c);
        else
                for (size_t i = 0; i < frame->packets_n; i++)
                        send_packet(c, frame->track, FAULT_MEDIA_RTP, feed_frame_packet(frame, i));
        flush(c);
        rtsp_peer_hold(c->peer, false);
}

void edge_client_report(struct edge_client *c, unsigned track, struct buf *report, int64_t now_us)
{
        uint8_t *p = report->p + RTSP_FRAME_HEAD;
        const size_t n = report->n - RTSP_FRAME_HEAD;

        if (c->stalled || (c->faults && !fault_media_report(c->faults, track, p, n, now_us)))
                return;
        send_packet(c, track, FAULT_MEDIA_RTCP, BYTES(p, n));
        flush(c);
}

bool edge_client_is_served(struct edge_client *c, int64_t now_us, bool *ret_switch)
{
        struct err why;

        if (!c->faults || c->stalled || c->over)
                return !c->stalled && !c->over;
        switch (fault_media_due(c->faults, now_us, send_packet, c)) {
        case FAULT_MEDIA_GO_ON:
                return true;
        case FAULT_MEDIA_SWITCH:
                *ret_switch = true;
                return false;
        case FAULT_MEDIA_CLOSE:
                err_set(&why, ERR_CANCELLED, "closed on purpose");
                rtsp_peer_close(c->peer, &why);
                break;
        case FAULT_MEDIA_FREEZE:
                rtsp_peer_freeze(c->peer);
                break;
        case FAULT_MEDIA_STALL:
                break;
        }
        flush(c); /* a goodbye */
        c->stalled = true;
        return false;
}
