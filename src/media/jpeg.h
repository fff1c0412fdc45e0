/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JPEG pictures of the form that RTP can carry (RFC 2435): baseline, three components, 4:2:2 or
 * 4:2:0, the Huffman tables of ITU-T T.81 annex K. Their headers are left out on the wire; they are
 * built again here as appendix B of the RFC does it, byte for byte.
 *
 * Not here: packets (depay_jpeg.h, pay.h), decoding.
 */
#ifndef CUSTOS_MEDIA_JPEG_H
#define CUSTOS_MEDIA_JPEG_H

#include "base/buf.h"

#define JPEG_SIDE_MAX 2040 /* what RFC 2435 can say: 255 blocks */
#define JPEG_TABLE_VALUES 64

/* Quantization: luminance, then chrominance; in zigzag order as in DQT. */
struct jpeg_tables {
        bool wide[2]; /* 16-bit values, big-endian */
        uint8_t table[2][2 * JPEG_TABLE_VALUES];
};

struct jpeg_frame {
        uint32_t width, height;    /* 1 to JPEG_SIDE_MAX; on the wire multiples of 8 */
        bool half_height;          /* chrominance: 4:2:0, else 4:2:2 */
        uint16_t restart_interval; /* 0: none */
        struct jpeg_tables tables;
};

/* RFC 2435 section 4.2, appendix A; q is 1 to 99. */
void jpeg_tables_of_q(unsigned q, struct jpeg_tables *ret);
static inline size_t jpeg_table_bytes(const struct jpeg_tables *t, unsigned i)
{
        return t->wide[i] ? 2 * JPEG_TABLE_VALUES : JPEG_TABLE_VALUES;
}
/* Appends everything from SOI to SOS; the entropy-coded data follow. */
int jpeg_write_headers(const struct jpeg_frame *f, struct buf *out, struct err *e) MUST_USE;
/* Likewise, with the segments that ONVIF's RTP header extension has of them (ONVIF streaming
 * specification section 5.1.3.1): they take precedence, and what is missing is added as the RFC has
 * it. f: as the RTP headers say; width and height 0: the extension says them; without tables
 * (has_tables) it has them as well. Sets f's width and height. ERR_PROTOCOL where neither does. */
int jpeg_write_extended(struct jpeg_frame *f, bool has_tables, struct bytes extension,
        struct buf *out, struct err *e) MUST_USE;
/* *ret_scan: the entropy-coded data and what follows them, borrowed. ERR_INVALID for a picture
 * that RFC 2435 cannot carry (progressive, other sampling or Huffman tables, too large). */
int jpeg_parse(struct bytes picture, struct jpeg_frame *ret, struct bytes *ret_scan,
        struct err *e) MUST_USE;

#endif
