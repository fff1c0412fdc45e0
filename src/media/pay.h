/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Access units to RTP payloads, the other direction of depay.h: H.264 and H.265 as single NAL units
 * and fragments (RFC 6184, packetization mode 1; RFC 7798), AAC-hbr (RFC 3640). Nothing is copied.
 */
#ifndef CUSTOS_MEDIA_PAY_H
#define CUSTOS_MEDIA_PAY_H

#include "media/access_unit.h"

#define PAY_HEAD_MAX 4
#define PAY_SIZE_MIN 16

struct pay_packet {
        uint8_t head[PAY_HEAD_MAX]; /* in front of body in the payload; head_n bytes */
        size_t head_n;
        struct bytes body; /* a view into the unit */
        bool marker;
};
/* A negative return ends it. */
typedef int (*pay_on_packet)(void *owner, const struct pay_packet *p, struct err *e);

/* unit: as access_unit.data. payload_max: bytes of a payload (MTU less headers), at least
 * PAY_SIZE_MIN. Returns the number of packets, or negative. */
int pay_unit(enum media_codec codec, struct bytes unit, size_t payload_max, pay_on_packet on_packet,
        void *owner, struct err *e) MUST_USE;

#endif
