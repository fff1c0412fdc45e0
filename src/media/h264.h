/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * H.264: NAL types, the sequence parameter set as far as a recorder needs it (ITU-T H.264 section
 * 7.3.2.1), and the decoder configuration record avcC (ISO/IEC 14496-15 section 5.3.3.1).
 */
#ifndef CUSTOS_MEDIA_H264_H
#define CUSTOS_MEDIA_H264_H

#include "media/access_unit.h"
#include "media/nal.h"

enum { H264_SLICE = 1, H264_IDR = 5, H264_SEI = 6, H264_SPS = 7, H264_PPS = 8, H264_AUD = 9 };

static inline unsigned h264_nal_type(struct bytes nal)
{
        return nal.n ? nal.p[0] & 0x1f : 0;
}
static inline bool h264_is_picture(unsigned type)
{
        return type >= 1 && type <= 5;
}

struct h264_sps {
        unsigned id;
        uint8_t profile_idc, constraints, level_idc;
        unsigned chroma_format_idc;                /* 0..3 */
        unsigned bit_depth_luma, bit_depth_chroma; /* 8..14 */
        uint32_t width, height;                    /* after cropping, 1..16384 */
        uint32_t framerate_milli; /* frames in 1000 s by the VUI; 0 where it says none */
};
int h264_sps_parse(struct bytes nal, struct h264_sps *ret, struct err *e) MUST_USE;
/* The id of a picture parameter set and of the sequence parameter set that it refers to. */
int h264_pps_ids(struct bytes nal, unsigned *ret_id, unsigned *ret_sps_id, struct err *e) MUST_USE;

/* Fills codec, clock rate (90000), size of the picture (of the first SPS) and avcC with 4-byte
 * lengths. ERR_INVALID without at least one SPS and one PPS. */
int h264_config_make(const struct nal_sets *sets, struct media_config *ret, struct err *e) MUST_USE;
/* The parameter sets of an avcC payload, borrowed from it; *ret_length_bytes (may be NULL): 1, 2
 * or 4. */
int h264_config_sets(struct bytes avcc, struct nal_sets *ret, unsigned *ret_length_bytes,
        struct err *e) MUST_USE;

#endif
