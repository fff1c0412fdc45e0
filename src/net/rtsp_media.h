/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tracks of one RTSP session and what each of them was given to travel on: what SETUP asks for,
 * which answers are taken, and whose packet a channel brings (rtsp_link.h: datagrams come by
 * channel too). What a track does with its packets is rtsp_track.h; requests are rtsp_client.h.
 *
 * Promise: under TLS no answer is taken that puts media outside of it (ERR_DENIED,
 * FAULT_MEDIA_OUTSIDE_TLS), nor one that names another host.
 */
#ifndef CUSTOS_NET_RTSP_MEDIA_H
#define CUSTOS_NET_RTSP_MEDIA_H

#include "net/rtsp_link.h"
#include "net/rtsp_srtp.h"
#include "net/rtsp_track.h"
#include "proto/rtsp_transport.h"

struct rtsp_media {
        unsigned tracks_n;
        struct rtsp_track tracks[RTSP_LINK_TRACKS_MAX];
        struct rtsp_srtp srtp;
        bool left_out[RTSP_LINK_TRACKS_MAX];  /* its SETUP was refused */
        bool feedback[RTSP_LINK_TRACKS_MAX];  /* described as RTP/AVPF or RTP/SAVPF */
        uint16_t ports[RTSP_LINK_TRACKS_MAX]; /* ours, of datagrams; 0: none yet */
        uint8_t channels[256];                /* 0: nobody's; else 1 + 2 * track, + 1 for RTCP */
        uint64_t stray_frames;
};

/* Medium `medium` of the description becomes track i. home: the URL of DESCRIBE, base: its answer's
 * Content-Base; confidential: as rtsp_srtp_take_description. */
int rtsp_media_describe(struct rtsp_media *m, unsigned i, const struct sdp *sdp, unsigned medium,
        const struct url *home, struct bytes base, bool confidential, struct err *e) MUST_USE;
/* The Transport value that SETUP of track i asks for. */
char *rtsp_media_transport(const struct rtsp_media *m, unsigned i, const struct rtsp_link *link,
        char to[static RTSP_TRANSPORT_ROOM]);
/* Takes the Transport value of the answer (p == NULL: there was none). The camera may choose other
 * channels than were asked for. */
int rtsp_media_set_up(struct rtsp_media *m, unsigned i, const struct rtsp_link *link,
        struct bytes value, struct err *e) MUST_USE;
/* Whose the channel is: its track and whether it is RTCP. False: nobody's, and counted. */
bool rtsp_media_find(struct rtsp_media *m, uint8_t channel, unsigned *ret_track, bool *ret_rtcp);
/* Tracks that were set up. */
unsigned rtsp_media_count(const struct rtsp_media *m);

#endif
