/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RFC 2435 payloads to JPEG pictures: the headers are built once, in front, and each payload is
 * copied behind them once. For depay.c only.
 *
 * A picture of which a part is missing is dropped whole. Taken: types 0 and 1, with and without
 * restart markers (64, 65); quantization tables by Q or in-band, those of Q 128 to 254 also where
 * they were sent only once; headers in ONVIF's RTP header extension, as pictures above 2040 pixels
 * have them, where the first packet carries all of them.
 */
#ifndef CUSTOS_MEDIA_DEPAY_JPEG_H
#define CUSTOS_MEDIA_DEPAY_JPEG_H

/* Of the RTP header extension: in a picture's first packet, and in the others. */
#define DEPAY_JPEG_EXTENSION_FIRST 0xffd8
#define DEPAY_JPEG_EXTENSION_MORE 0xffff

#include "media/access_unit.h"
#include "media/jpeg.h"

struct depay_jpeg {
        struct buf picture;
        bool open;       /* a picture is under way: */
        size_t scan_at;  /* its headers end here */
        bool extended;   /* its first packet had the header extension */
        uint8_t form[4]; /* type, Q, width and height: the same in all of its packets */
        struct jpeg_frame frame;
        struct depay_jpeg_known {
                bool sent;
                struct jpeg_tables tables;
        } known[127]; /* of Q 128 to 254 */
};

void depay_jpeg_init(struct depay_jpeg *d);
void depay_jpeg_done(struct depay_jpeg *d);
/* One payload, and the extension of its RTP header. ERR_PROTOCOL, ERR_EXHAUSTED: it was bad, and
 * what belongs together with it is dropped. */
int depay_jpeg_packet(struct depay_jpeg *d, struct bytes payload, uint16_t extension_profile,
        struct bytes extension, struct err *e) MUST_USE;
/* The picture under way is complete: the bytes, valid until the next call. ERR_AGAIN: there is
 * none. ERR_PROTOCOL, ERR_EXHAUSTED: it has no data, or is too large; dropped. */
int depay_jpeg_end(struct depay_jpeg *d, struct bytes *ret, struct err *e) MUST_USE;
/* Forgets the picture under way. */
void depay_jpeg_drop(struct depay_jpeg *d);

#endif
