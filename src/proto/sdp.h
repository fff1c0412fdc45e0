/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Session descriptions (RFC 8866, as RFC 2326 appendix C uses them), parsed as cameras send them
 * and formatted for our own server. All views are borrowed from the text. What a format means is
 * decided in media/media_config.h: an encoding unknown there keeps its name here, so that the track
 * can be named and left out.
 *
 * A description can hold keys of SRTP: they stay text here (proto/sdp_crypto.h and proto/key_mgmt.h
 * read them), and a description that is shown goes through sdp_crypto_redact first.
 */
#ifndef CUSTOS_PROTO_SDP_H
#define CUSTOS_PROTO_SDP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define SDP_MEDIA_MAX 16
#define SDP_TEXT_MAX 65536
#define SDP_LINES_MAX 2048
#define SDP_CRYPTO_MAX 4

enum sdp_kind { SDP_VIDEO, SDP_AUDIO, SDP_APPLICATION, SDP_OTHER };
/* As the describing side says it: a camera's picture is recvonly or sendrecv or not said at all,
 * seen from us; sendonly is a back channel (ONVIF streaming specification section 5.3). */
enum sdp_direction { SDP_NOT_SAID, SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE };

struct sdp_media {
        enum sdp_kind kind;
        struct bytes kind_name; /* "video" */
        struct bytes protocol;  /* "RTP/AVP" */
        uint16_t port;
        int payload_type;      /* the first of the formats, 0..127, or -1 when it is no number */
        struct bytes encoding; /* by rtpmap, or of a static payload type (RFC 3551); else empty */
        uint32_t clock_rate;   /* 0 when not known */
        uint32_t channels;     /* audio; 1 when not said */
        struct bytes fmtp;     /* parameters behind the payload type */
        struct bytes control;  /* for url_resolve */
        enum sdp_direction direction;
        uint32_t framerate_milli; /* frames in 1000 s, or 0 */
        /* Values of a=crypto (RFC 4568), for sdp_crypto_parse; those beyond the maximum are left
         * out, as they come in the order of preference. */
        unsigned crypto_n;
        struct bytes crypto[SDP_CRYPTO_MAX];
        struct bytes key_mgmt; /* base64 of a=key-mgmt:mikey (RFC 4567), for key_mgmt_decode */
};

struct sdp {
        struct bytes name;            /* s= */
        struct bytes control;         /* of the whole presentation */
        enum sdp_direction direction; /* for media that say none: already applied to them */
        struct bytes key_mgmt;        /* as of a medium, for all: stream i for the i-th medium */
        unsigned media_n;
        struct sdp_media media[SDP_MEDIA_MAX];
        unsigned media_left_out; /* beyond SDP_MEDIA_MAX */
};

/* Unknown and malformed lines are passed over, as cameras need it; ERR_PROTOCOL when the text holds
 * no line of SDP, a NUL, or is over-long. No media is not a fault. */
int sdp_parse(struct bytes text, struct sdp *ret, struct err *e) MUST_USE;

/* Appends a description: origin_id names it (o=), address is ours. Takes name, control, direction,
 * keys and of each media all but port, which is 0. ERR_INVALID for a control character in a part.
 * Where there are keys, out is a secret: the caller wipes it. */
int sdp_format(const struct sdp *s, uint64_t origin_id, const char *address, struct buf *out,
        struct err *e) MUST_USE;

/* RTP/SAVP or RTP/SAVPF: nothing but SRTP. */
bool sdp_is_secure(const struct sdp_media *m);
/* RTP/AVPF or RTP/SAVPF (RFC 4585, RFC 5124). */
bool sdp_is_feedback(const struct sdp_media *m);

/* Encodings compare without case (RFC 4855 section 3). */
bool sdp_encoding_is(struct bytes encoding, const char *name);

#endif
