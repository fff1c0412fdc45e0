/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access units to RTP payloads, the other direction of depay.h: H.264 and H.265 as single NAL units
 * and fragments (RFC 6184, packetization mode 1; RFC 7798), AAC-hbr (RFC 3640), JPEG with its
 * quantization tables in-band (RFC 2435, Q 255), G.711, G.726 and Opus as they are (RFC 3551, RFC
 * 7587), ONVIF metadata. Nothing is copied but the few bytes of headers.
 */
#ifndef CUSTOS_MEDIA_PAY_H
#define CUSTOS_MEDIA_PAY_H

#include "media/access_unit.h"

#define PAY_HEAD_MAX                                                                               \
        (8 + 4 + 4 + 256) /* JPEG: main, restart and tables header, two wide tables                \
                           */
#define PAY_SIZE_MIN 16
#define PAY_SIZE_MIN_JPEG (PAY_HEAD_MAX + 1)

struct pay_packet {
        uint8_t head[PAY_HEAD_MAX]; /* in front of body in the payload; head_n bytes */
        size_t head_n;
        struct bytes body; /* a view into the unit */
        bool marker;
};
/* A negative return ends it. */
typedef int (*pay_on_packet)(void *owner, const struct pay_packet *p, struct err *e);

/* unit: as access_unit.data. payload_max: bytes of a payload (MTU less headers), at least
 * PAY_SIZE_MIN (of JPEG PAY_SIZE_MIN_JPEG). Returns the number of packets, or negative: ERR_INVALID
 * for a unit that cannot be sent, such as a packet of sound larger than payload_max. */
int pay_unit(enum media_codec codec, struct bytes unit, size_t payload_max, pay_on_packet on_packet,
        void *owner, struct err *e) MUST_USE;

#endif
