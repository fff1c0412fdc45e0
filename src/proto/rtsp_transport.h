/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Transport header of RTSP (RFC 2326 section 12.39). */
#ifndef CUSTOS_PROTO_RTSP_TRANSPORT_H
#define CUSTOS_PROTO_RTSP_TRANSPORT_H

#include "base/bytes.h"
#include "base/err.h"

enum rtsp_transport_lower { RTSP_TRANSPORT_UDP, RTSP_TRANSPORT_TCP, RTSP_TRANSPORT_OTHER };

struct rtsp_transport {
        enum rtsp_transport_lower lower; /* TCP means interleaved in the RTSP connection */
        bool secure_profile;             /* RTP/SAVP, RTP/SAVPF */
        bool unicast, multicast;
        bool has_interleaved;
        uint8_t interleaved[2]; /* RTP, RTCP; the second is the first + 1 where only one is said */
        bool has_client_port;
        uint16_t client_port[2];
        bool has_ssrc;
        uint32_t ssrc;
        struct bytes source; /* borrowed; p == NULL: not said */
        bool record;         /* mode=RECORD */
};

/* The index-th of the comma-separated choices; ERR_NOT_FOUND past the last. */
int rtsp_transport_parse(
        struct bytes value, unsigned index, struct rtsp_transport *ret, struct err *e) MUST_USE;
#define RTSP_TRANSPORT_ROOM 128
/* "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0A0B0C0D", by what is set. Returns to. */
char *rtsp_transport_format(const struct rtsp_transport *t, char to[static RTSP_TRANSPORT_ROOM]);

#endif
