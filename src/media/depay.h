/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTP payloads of one track to access units: H.264 (RFC 6184, packetization modes 0 and 1), H.265
 * (RFC 7798, without DONL), AAC (RFC 3640, AAC-hbr), JPEG (RFC 2435), G.711 and G.726 (RFC 3551),
 * Opus (RFC 7587), ONVIF metadata. One buffer a track, reused.
 *
 *     depay_push(d, &packet);
 *     while ((r = depay_pull(d, &unit, e)) != ERR_AGAIN)
 *             if (r == 0) use(&unit); else count(e);
 *
 * NAL units are kept byte for byte as received, SEI, delimiters and parameter sets included, in
 * their order. A unit ends at the marker or where the timestamp changes. One without a picture
 * (parameter sets in a packet with marker, or with a time of their own) waits for its picture and
 * goes out before it. JPEG pictures end likewise; metadata documents at the marker or where another
 * begins, for their timestamps mean nothing. Of G.711, G.726 and Opus
 * each packet is a unit.
 *
 * Loss: a NAL unit of which a part is missing is dropped whole; what else arrived of the unit is
 * kept. A JPEG picture or a document is dropped whole. lost_before and lost_packets tell it on the
 * next unit that goes out, a bad packet counting as one.
 */
#ifndef CUSTOS_MEDIA_DEPAY_H
#define CUSTOS_MEDIA_DEPAY_H

#include "media/access_unit.h"

struct depay; /* owned */

struct depay_packet {
        struct bytes payload; /* borrowed until depay_pull returned ERR_AGAIN */
        int64_t timestamp;    /* extended to 64 bits */
        bool marker;
        uint32_t lost_packets; /* directly before it */
        /* Of the RTP header, borrowed likewise; looked at for JPEG alone (0xffd8, 0xffff). */
        uint16_t extension_profile;
        struct bytes extension;
};

/* initial: copied; its parameters may be missing (parameters_n 0). ERR_INVALID for codec
 * MEDIA_NONE. */
int depay_new(const struct media_config *initial, struct depay **ret, struct err *e) MUST_USE;
struct depay *depay_free(struct depay *d);
void depay_freep(struct depay **d);

/* One packet; call depay_pull until ERR_AGAIN before the next. */
void depay_push(struct depay *d, const struct depay_packet *p);
/*
 * 0: *ret is the next unit; its bytes and new_config are valid until the next call on d. ERR_AGAIN:
 * all used up. ERR_PROTOCOL or ERR_EXHAUSTED: the packet, or the unit under way, was bad and is
 * dropped; go on pulling. arrival_us and sender_us of *ret are for ingest to fill.
 */
int depay_pull(struct depay *d, struct access_unit *ret, struct err *e) MUST_USE;
/* The end of a stream or a new sender: ends the unit under way as a changed timestamp would; pull
 * after it. A NAL unit in parts is dropped. */
void depay_flush(struct depay *d);
/* Parameter sets, and size of the picture, as known now. */
const struct media_config *depay_config(const struct depay *d);

#endif
