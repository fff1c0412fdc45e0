/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * H.265: NAL types, the sequence parameter set as far as a recorder needs it (ITU-T H.265 section
 * 7.3.2.2), and the decoder configuration record hvcC (ISO/IEC 14496-15 section 8.3.3.1).
 */
#ifndef CUSTOS_MEDIA_H265_H
#define CUSTOS_MEDIA_H265_H

#include "media/access_unit.h"
#include "media/nal.h"

enum {
        H265_IRAP_FIRST = 16,
        H265_IRAP_LAST = 21,
        H265_VPS = 32,
        H265_SPS = 33,
        H265_PPS = 34,
        H265_AUD = 35,
        H265_SEI_PREFIX = 39,
        H265_SEI_SUFFIX = 40
};

static inline unsigned h265_nal_type(struct bytes nal)
{
        return nal.n ? (nal.p[0] >> 1) & 0x3f : 0;
}
static inline bool h265_is_picture(unsigned type)
{
        return type < 32;
}
/* Decoding can start at an intra random access point. */
static inline bool h265_is_irap(unsigned type)
{
        return type >= H265_IRAP_FIRST && type <= H265_IRAP_LAST;
}

struct h265_sps {
        unsigned id;
        unsigned sub_layers; /* 1..7 */
        bool temporal_id_nesting;
        uint8_t profile_tier_level[12]; /* general_profile_space .. general_level_idc, as stored in
                                           hvcC */
        unsigned chroma_format_idc, bit_depth_luma, bit_depth_chroma;
        uint32_t width, height;   /* after the conformance window, 1..16384 */
        uint32_t framerate_milli; /* frames in 1000 s by the VUI; 0 where it says none */
};
int h265_sps_parse(struct bytes nal, struct h265_sps *ret, struct err *e) MUST_USE;
int h265_pps_ids(struct bytes nal, unsigned *ret_id, unsigned *ret_sps_id, struct err *e) MUST_USE;
int h265_vps_id(struct bytes nal, unsigned *ret_id, struct err *e) MUST_USE;

/* As h264_config_make, with hvcC; at least one VPS, SPS and PPS. */
int h265_config_make(const struct nal_sets *sets, struct media_config *ret, struct err *e) MUST_USE;
int h265_config_sets(struct bytes hvcc, struct nal_sets *ret, unsigned *ret_length_bytes,
        struct err *e) MUST_USE;

#endif
