/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP of the tracks of one RTSP session, receiving side: which tracks are protected, under which
 * keys, and taking the protection off.
 *
 * A medium whose profile is RTP/SAVP(F) is protected, any other is not. Its keys come from the
 * description: MIKEY of the medium, MIKEY of the session, or the first a=crypto that is understood.
 * Where it names none, they are ours: drawn here, and told to the camera in the KeyMgmt header of
 * SETUP (ONVIF streaming specification, "Stream Initialization").
 *
 * Promises: keys are taken and sent only where the RTSP connection is TLS whose peer was verified
 * or pinned, else the description is refused (FAULT_SRTP_KEYS_IN_CLEAR); of a protected track
 * nothing comes out that did not authenticate; no key in an error.
 *
 * We send no receiver reports for a protected track: the camera's key says nothing about a key of
 * ours for RTCP, and a report in the clear has no place in RTP/SAVP.
 *
 * Not here: the server's half. A server makes keys with srtp_suite_draw_key, puts them into its
 * description with sdp_crypto_format or key_mgmt_encode (struct sdp_media carries the text), reads
 * a client's own with key_mgmt_parse (status 463 where it refuses them), and sends with
 * srtp_session_new_sender. GStreamer 1.22 as client understands MIKEY without an SPI only.
 */
#ifndef CUSTOS_NET_RTSP_SRTP_H
#define CUSTOS_NET_RTSP_SRTP_H

#include "crypto/srtp_session.h"
#include "net/rtsp_link.h"
#include "proto/mikey.h"
#include "proto/sdp.h"

#define RTSP_SRTP_TRACKS_MAX RTSP_LINK_TRACKS_MAX

struct rtsp_srtp_track {
        struct srtp_session *session; /* NULL: the track is not protected */
        bool ours;                    /* the key, to be told in SETUP */
        struct mikey offer;           /* ours */
};

struct rtsp_srtp {
        struct rtsp_srtp_track tracks[RTSP_SRTP_TRACKS_MAX];
};

/* Begins zeroed. */
void rtsp_srtp_done(struct rtsp_srtp *s); /* wipes the keys */

/*
 * Medium `media` of the description becomes track `track`. confidential: the connection that
 * brought it is TLS with its peer verified or pinned. ERR_DENIED with FAULT_SRTP_KEYS_IN_CLEAR, or
 * ERR_INVALID with FAULT_SRTP_KEYS where no key is understood. A track without SRTP is no error.
 */
int rtsp_srtp_take_description(struct rtsp_srtp *s, unsigned track, const struct sdp *sdp,
        unsigned media, bool confidential, struct err *e) MUST_USE;
bool rtsp_srtp_is_on(const struct rtsp_srtp *s, unsigned track);
/* Appends the value of a KeyMgmt header for SETUP of this track, which is a secret; 1: there is
 * one, 0: none is needed. The same each time but for its time stamp. */
int rtsp_srtp_setup_header(const struct rtsp_srtp *s, unsigned track, int64_t wall_us,
        struct buf *out, struct err *e) MUST_USE;

/* owner: &s->tracks[i]. As struct rtsp_track's unprotect: *packet is replaced by what was
 * protected, borrowed until the next call for this track. */
int rtsp_srtp_unprotect(void *owner, bool rtcp, struct bytes *packet);

/* Of all tracks; zeros where none is protected. */
struct srtp_session_counters rtsp_srtp_counters(const struct rtsp_srtp *s);

#endif
