/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Session descriptions (RFC 8866, as RFC 2326 appendix C uses them), parsed as cameras send them
 * and formatted for our own server. All views are borrowed from the text. What a format means is
 * decided in media/media_config.h: an encoding unknown there keeps its name here, so that the track
 * can be named and left out.
 */
#ifndef CUSTOS_PROTO_SDP_H
#define CUSTOS_PROTO_SDP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define SDP_MEDIA_MAX 16
#define SDP_TEXT_MAX 65536
#define SDP_LINES_MAX 2048

enum sdp_kind { SDP_VIDEO, SDP_AUDIO, SDP_APPLICATION, SDP_OTHER };
/* As the describing side says it: a camera's picture is recvonly or sendrecv or not said at all,
 * seen from us; sendonly audio is a back channel (ONVIF streaming specification section 5.3). */
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
};

struct sdp {
        struct bytes name;            /* s= */
        struct bytes control;         /* of the whole presentation */
        enum sdp_direction direction; /* for media that say none: already applied to them */
        unsigned media_n;
        struct sdp_media media[SDP_MEDIA_MAX];
        unsigned media_left_out; /* beyond SDP_MEDIA_MAX */
};

/* Unknown and malformed lines are passed over, as cameras need it; ERR_PROTOCOL when the text holds
 * no line of SDP, a NUL, or is over-long. No media is not a fault. */
int sdp_parse(struct bytes text, struct sdp *ret, struct err *e) MUST_USE;

/* Appends a description: origin_id names it (o=), address is ours. Takes name, control, direction
 * and of each media all but port, which is 0. ERR_INVALID for a control character in a part. */
int sdp_format(const struct sdp *s, uint64_t origin_id, const char *address, struct buf *out,
        struct err *e) MUST_USE;

/* Encodings compare without case (RFC 4855 section 3). */
bool sdp_encoding_is(struct bytes encoding, const char *name);

#endif
