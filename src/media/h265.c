/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/h265.h"

#include "base/pack.h"
#include "media/h265_vui.h"

#define H265_SIDE_MAX 16384
#define H265_HEAD_BYTES 2

/* General fields to ret, those of sub-layers passed over (ITU-T H.265 section 7.3.3). */
static void parse_profile_tier_level(
        struct nal_bits *b, unsigned sub_layers, uint8_t ret[static 12])
{
        bool has_profile[8] = { 0 }, has_level[8] = { 0 };

        for (unsigned i = 0; i < 12; i++)
                ret[i] = (uint8_t)nal_bits_u(b, 8);
        for (unsigned i = 0; i + 1 < sub_layers; i++) {
                has_profile[i] = nal_bits_u(b, 1);
                has_level[i] = nal_bits_u(b, 1);
        }
        if (sub_layers > 1)
                nal_bits_skip(b, 2 * (9 - sub_layers));
        for (unsigned i = 0; i + 1 < sub_layers; i++) {
                if (has_profile[i])
                        nal_bits_skip(b, 88);
                if (has_level[i])
                        nal_bits_skip(b, 8);
        }
}

static int parse_size(struct nal_bits *b, struct h265_sps *s, struct err *e)
{
        uint64_t width = nal_bits_ue(b), height = nal_bits_ue(b), window[4] = { 0 };

        if (nal_bits_u(b, 1))
                for (unsigned i = 0; i < 4; i++)
                        window[i] = nal_bits_ue(b);
        uint32_t luma_8 = nal_bits_ue(b), chroma_8 = nal_bits_ue(b);
        if (b->bad || luma_8 > 8 || chroma_8 > 8)
                return err_set(e, ERR_PROTOCOL, "H.265 SPS is cut or malformed");
        uint64_t unit_x = s->chroma_format_idc == 1 || s->chroma_format_idc == 2 ? 2 : 1;
        uint64_t unit_y = s->chroma_format_idc == 1 ? 2 : 1;
        uint64_t cut_x = (window[0] + window[1]) * unit_x, cut_y = (window[2] + window[3]) * unit_y;
        if (width > H265_SIDE_MAX || height > H265_SIDE_MAX || cut_x >= width || cut_y >= height)
                return err_set(e, ERR_PROTOCOL, "H.265 SPS: picture of no or too large a size");
        s->width = (uint32_t)(width - cut_x);
        s->height = (uint32_t)(height - cut_y);
        s->bit_depth_luma = 8 + luma_8;
        s->bit_depth_chroma = 8 + chroma_8;
        return 0;
}

int h265_sps_parse(struct bytes nal, struct h265_sps *ret, struct err *e)
{
        struct h265_sps s = { 0 };

        if (h265_nal_type(nal) != H265_SPS)
                return err_set(e, ERR_PROTOCOL, "not an H.265 SPS");
        struct nal_bits b = nal_bits_of(bytes_sub(nal, H265_HEAD_BYTES, nal.n));
        nal_bits_skip(&b, 4);
        s.sub_layers = nal_bits_u(&b, 3) + 1;
        s.temporal_id_nesting = nal_bits_u(&b, 1);
        if (b.bad || s.sub_layers > 7)
                return err_set(e, ERR_PROTOCOL, "H.265 SPS is cut or malformed");
        parse_profile_tier_level(&b, s.sub_layers, s.profile_tier_level);
        s.id = nal_bits_ue(&b);
        s.chroma_format_idc = nal_bits_ue(&b);
        if (s.id > 15 || s.chroma_format_idc > 3)
                return err_set(e, ERR_PROTOCOL, "H.265 SPS is malformed");
        if (s.chroma_format_idc == 3)
                nal_bits_skip(&b, 1);
        int r = parse_size(&b, &s, e);
        if (r < 0)
                return r;
        s.framerate_milli = h265_vui_framerate(&b, s.sub_layers);
        *ret = s;
        return 0;
}

int h265_pps_ids(struct bytes nal, unsigned *ret_id, unsigned *ret_sps_id, struct err *e)
{
        struct nal_bits b = nal_bits_of(bytes_sub(nal, H265_HEAD_BYTES, nal.n));
        uint32_t id = nal_bits_ue(&b), sps_id = nal_bits_ue(&b);

        if (h265_nal_type(nal) != H265_PPS || b.bad || id > 63 || sps_id > 15)
                return err_set(e, ERR_PROTOCOL, "H.265 PPS is cut or malformed");
        *ret_id = id;
        *ret_sps_id = sps_id;
        return 0;
}

int h265_vps_id(struct bytes nal, unsigned *ret_id, struct err *e)
{
        if (h265_nal_type(nal) != H265_VPS || nal.n < H265_HEAD_BYTES + 4)
                return err_set(e, ERR_PROTOCOL, "H.265 VPS is cut or malformed");
        *ret_id = nal.p[H265_HEAD_BYTES] >> 4;
        return 0;
}

static unsigned count_type(const struct nal_sets *sets, unsigned type)
{
        unsigned n = 0;

        for (unsigned i = 0; i < sets->n; i++)
                n += h265_nal_type(sets->set[i]) == type;
        return n;
}

static const struct bytes *first_of(const struct nal_sets *sets, unsigned type)
{
        for (unsigned i = 0; i < sets->n; i++)
                if (h265_nal_type(sets->set[i]) == type)
                        return &sets->set[i];
        return NULL;
}

static void pack_array(struct pack *p, const struct nal_sets *sets, unsigned type)
{
        /* array_completeness is 1, as the sample entry hvc1 demands: what the stream repeats is the
         * same. */
        pack_u8(p, (uint8_t)(0x80 | type));
        pack_u16(p, (uint16_t)count_type(sets, type));
        for (unsigned i = 0; i < sets->n; i++)
                if (h265_nal_type(sets->set[i]) == type)
                        pack_field16(p, sets->set[i]);
}

static void pack_record(struct pack *p, const struct h265_sps *s, const struct nal_sets *sets)
{
        pack_u8(p, 1);
        pack_bytes(p, BYTES(s->profile_tier_level, sizeof s->profile_tier_level));
        pack_u16(p, 0xf000); /* min_spatial_segmentation_idc: not known */
        pack_u8(p, 0xfc);    /* parallelismType: not known */
        pack_u8(p, (uint8_t)(0xfc | s->chroma_format_idc));
        pack_u8(p, (uint8_t)(0xf8 | (s->bit_depth_luma - 8)));
        pack_u8(p, (uint8_t)(0xf8 | (s->bit_depth_chroma - 8)));
        pack_u16(p, 0); /* avgFrameRate: not known */
        pack_u8(p, (uint8_t)(s->sub_layers << 3 | (s->temporal_id_nesting ? 4 : 0) |
                             (NAL_LENGTH_BYTES - 1)));
        pack_u8(p, 3);
        pack_array(p, sets, H265_VPS);
        pack_array(p, sets, H265_SPS);
        pack_array(p, sets, H265_PPS);
}

int h265_config_make(const struct nal_sets *sets, struct media_config *ret, struct err *e)
{
        const struct bytes *first = first_of(sets, H265_SPS);
        struct h265_sps s;

        if (!first || !first_of(sets, H265_VPS) || !first_of(sets, H265_PPS))
                return err_set(e, ERR_INVALID, "H.265: %u VPS, %u SPS and %u PPS",
                        count_type(sets, H265_VPS), count_type(sets, H265_SPS),
                        count_type(sets, H265_PPS));
        int r = h265_sps_parse(*first, &s, e);
        if (r < 0)
                return r;
        struct buf out;
        buf_init(&out, MEDIA_PARAMETERS_MAX);
        struct pack p = pack_to(&out);
        pack_record(&p, &s, sets);
        if (p.bad) {
                buf_done(&out);
                return err_set(e, ERR_EXHAUSTED, "H.265 parameter sets of more than %d bytes",
                        MEDIA_PARAMETERS_MAX);
        }
        *ret = (struct media_config){
                .codec = MEDIA_H265,
                .clock_rate = 90000,
                .width = s.width,
                .height = s.height,
                .parameters_n = out.n,
        };
        memcpy(ret->parameters, out.p, out.n);
        buf_done(&out);
        return 0;
}

/* Other NAL units of an array (SEI) are no parameter sets and are left out. */
static void read_array(struct unpack *u, struct nal_sets *ret)
{
        unsigned type = unpack_u8(u) & 0x3f;
        unsigned n = unpack_u16(u);

        for (unsigned i = 0; i < n && !u->bad; i++) {
                struct bytes nal = unpack_field16(u, MEDIA_PARAMETERS_MAX);
                if (type < H265_VPS || type > H265_PPS)
                        continue;
                if (h265_nal_type(nal) != type || ret->n == NAL_SETS_MAX)
                        u->bad = true;
                else
                        ret->set[ret->n++] = nal;
        }
}

int h265_config_sets(
        struct bytes hvcc, struct nal_sets *ret, unsigned *ret_length_bytes, struct err *e)
{
        struct unpack u = unpack_of(hvcc);
        struct nal_sets sets = { 0 };

        unsigned version = unpack_u8(&u);
        unpack_bytes(&u, 20);
        unsigned length_bytes = (unpack_u8(&u) & 3u) + 1;
        unsigned arrays = unpack_u8(&u);
        for (unsigned i = 0; i < arrays && !u.bad; i++)
                read_array(&u, &sets);
        if (u.bad || version != 1 || length_bytes == 3)
                return err_set(e, ERR_CORRUPT, "hvcC of %zu bytes is malformed", hvcc.n);
        *ret = sets;
        if (ret_length_bytes)
                *ret_length_bytes = length_bytes;
        return 0;
}
