/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/h264.h"

#include "base/pack.h"

#define H264_SIDE_MAX 16384
#define H264_MBS_MAX (H264_SIDE_MAX / 16)

/* Profiles whose SPS tells its chroma format (ITU-T H.264 section 7.3.2.1.1). */
static bool tells_chroma(unsigned profile_idc)
{
        static const uint8_t profiles[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134,
                135 };

        return memchr(profiles, (int)profile_idc, sizeof profiles) != NULL;
}

static void skip_scaling_list(struct nal_bits *b, unsigned size)
{
        int last = 8, next = 8;

        for (unsigned i = 0; i < size && !b->bad; i++) {
                if (next != 0)
                        next = (last + nal_bits_se(b) % 256 + 256) % 256;
                if (next != 0)
                        last = next;
        }
}

static void parse_chroma(struct nal_bits *b, struct h264_sps *s, bool *ret_separate)
{
        uint32_t chroma = nal_bits_ue(b);

        if (chroma > 3)
                b->bad = true;
        s->chroma_format_idc = chroma & 3;
        if (s->chroma_format_idc == 3)
                *ret_separate = nal_bits_u(b, 1);
        uint32_t luma_8 = nal_bits_ue(b), chroma_8 = nal_bits_ue(b);
        if (luma_8 > 6 || chroma_8 > 6)
                b->bad = true;
        s->bit_depth_luma = 8 + (luma_8 & 7);
        s->bit_depth_chroma = 8 + (chroma_8 & 7);
        nal_bits_skip(b, 1);
        if (nal_bits_u(b, 1))
                for (unsigned i = 0; i < (s->chroma_format_idc == 3 ? 12u : 8u); i++)
                        if (nal_bits_u(b, 1))
                                skip_scaling_list(b, i < 6 ? 16 : 64);
}

static void skip_picture_order(struct nal_bits *b)
{
        uint32_t type = nal_bits_ue(b);

        if (type > 2)
                b->bad = true;
        if (type == 0 && nal_bits_ue(b) > 12)
                b->bad = true;
        if (type != 1)
                return;
        nal_bits_skip(b, 1);
        nal_bits_se(b);
        nal_bits_se(b);
        uint32_t n = nal_bits_ue(b);
        if (n > 255)
                b->bad = true;
        for (uint32_t i = 0; i < n && !b->bad; i++)
                nal_bits_se(b);
}

static int parse_size(struct nal_bits *b, struct h264_sps *s, bool separate, struct err *e)
{
        uint64_t mbs_wide = (uint64_t)nal_bits_ue(b) + 1, units_high = (uint64_t)nal_bits_ue(b) + 1;
        unsigned frame_mbs_only = nal_bits_u(b, 1);
        unsigned chroma = separate ? 0 : s->chroma_format_idc;
        uint64_t crop[4] = { 0 };

        if (!frame_mbs_only)
                nal_bits_skip(b, 1);
        nal_bits_skip(b, 1);
        if (nal_bits_u(b, 1))
                for (unsigned i = 0; i < 4; i++)
                        crop[i] = nal_bits_ue(b);
        if (b->bad)
                return err_set(e, ERR_PROTOCOL, "H.264 SPS is cut or malformed");
        uint64_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1;
        uint64_t unit_y = (chroma == 1 ? 2u : 1u) * (2 - frame_mbs_only);
        uint64_t width = mbs_wide * 16, height = units_high * 16 * (2 - frame_mbs_only);
        uint64_t cut_x = (crop[0] + crop[1]) * unit_x, cut_y = (crop[2] + crop[3]) * unit_y;
        if (mbs_wide > H264_MBS_MAX || height > H264_SIDE_MAX || cut_x >= width || cut_y >= height)
                return err_set(e, ERR_PROTOCOL, "H.264 SPS: picture of no or too large a size");
        s->width = (uint32_t)(width - cut_x);
        s->height = (uint32_t)(height - cut_y);
        return 0;
}

/* Section E.1.1. Damage behind the size costs the frame rate alone. */
static uint32_t read_framerate(struct nal_bits *b)
{
        if (!nal_bits_u(b, 1))
                return 0;
        nal_bits_skip_display(b);
        return nal_bits_u(b, 1) ? nal_bits_framerate(b, 2) : 0;
}

int h264_sps_parse(struct bytes nal, struct h264_sps *ret, struct err *e)
{
        struct h264_sps s = { .chroma_format_idc = 1, .bit_depth_luma = 8, .bit_depth_chroma = 8 };
        bool separate = false;

        if (h264_nal_type(nal) != H264_SPS)
                return err_set(e, ERR_PROTOCOL, "not an H.264 SPS");
        struct nal_bits b = nal_bits_of(bytes_sub(nal, 1, nal.n));
        s.profile_idc = (uint8_t)nal_bits_u(&b, 8);
        s.constraints = (uint8_t)nal_bits_u(&b, 8);
        s.level_idc = (uint8_t)nal_bits_u(&b, 8);
        s.id = nal_bits_ue(&b);
        if (s.id > 31)
                b.bad = true;
        if (tells_chroma(s.profile_idc))
                parse_chroma(&b, &s, &separate);
        if (nal_bits_ue(&b) > 12)
                b.bad = true;
        skip_picture_order(&b);
        nal_bits_ue(&b); /* max_num_ref_frames */
        nal_bits_skip(&b, 1);
        int r = parse_size(&b, &s, separate, e);
        if (r < 0)
                return r;
        s.framerate_milli = read_framerate(&b);
        *ret = s;
        return 0;
}

int h264_pps_ids(struct bytes nal, unsigned *ret_id, unsigned *ret_sps_id, struct err *e)
{
        struct nal_bits b = nal_bits_of(bytes_sub(nal, 1, nal.n));
        uint32_t id = nal_bits_ue(&b), sps_id = nal_bits_ue(&b);

        if (h264_nal_type(nal) != H264_PPS || b.bad || id > 255 || sps_id > 31)
                return err_set(e, ERR_PROTOCOL, "H.264 PPS is cut or malformed");
        *ret_id = id;
        *ret_sps_id = sps_id;
        return 0;
}

static unsigned count_type(const struct nal_sets *sets, unsigned type)
{
        unsigned n = 0;

        for (unsigned i = 0; i < sets->n; i++)
                n += h264_nal_type(sets->set[i]) == type;
        return n;
}

static const struct bytes *first_of(const struct nal_sets *sets, unsigned type)
{
        for (unsigned i = 0; i < sets->n; i++)
                if (h264_nal_type(sets->set[i]) == type)
                        return &sets->set[i];
        return NULL;
}

static void pack_sets(struct pack *p, const struct nal_sets *sets, unsigned type)
{
        for (unsigned i = 0; i < sets->n; i++)
                if (h264_nal_type(sets->set[i]) == type)
                        pack_field16(p, sets->set[i]);
}

int h264_config_make(const struct nal_sets *sets, struct media_config *ret, struct err *e)
{
        const struct bytes *first = first_of(sets, H264_SPS);
        unsigned sps_n = count_type(sets, H264_SPS), pps_n = count_type(sets, H264_PPS);
        struct h264_sps s;

        if (sps_n < 1 || sps_n > 31 || pps_n < 1)
                return err_set(e, ERR_INVALID, "H.264: %u SPS and %u PPS", sps_n, pps_n);
        int r = h264_sps_parse(*first, &s, e);
        if (r < 0)
                return r;
        struct buf out;
        buf_init(&out, MEDIA_PARAMETERS_MAX);
        struct pack p = pack_to(&out);
        pack_u8(&p, 1);
        pack_u8(&p, s.profile_idc);
        pack_u8(&p, s.constraints);
        pack_u8(&p, s.level_idc);
        pack_u8(&p, 0xfc | (NAL_LENGTH_BYTES - 1));
        pack_u8(&p, (uint8_t)(0xe0 | sps_n));
        pack_sets(&p, sets, H264_SPS);
        pack_u8(&p, (uint8_t)pps_n);
        pack_sets(&p, sets, H264_PPS);
        if (s.profile_idc != 66 && s.profile_idc != 77 && s.profile_idc != 88) {
                pack_u8(&p, (uint8_t)(0xfc | s.chroma_format_idc));
                pack_u8(&p, (uint8_t)(0xf8 | (s.bit_depth_luma - 8)));
                pack_u8(&p, (uint8_t)(0xf8 | (s.bit_depth_chroma - 8)));
                pack_u8(&p, 0);
        }
        if (p.bad) {
                buf_done(&out);
                return err_set(e, ERR_EXHAUSTED, "H.264 parameter sets of more than %d bytes",
                        MEDIA_PARAMETERS_MAX);
        }
        *ret = (struct media_config){
                .codec = MEDIA_H264,
                .clock_rate = 90000,
                .width = s.width,
                .height = s.height,
                .parameters_n = out.n,
        };
        memcpy(ret->parameters, out.p, out.n);
        buf_done(&out);
        return 0;
}

static void read_sets(struct unpack *u, unsigned n, unsigned type, struct nal_sets *ret)
{
        for (unsigned i = 0; i < n && !u->bad; i++) {
                struct bytes nal = unpack_field16(u, MEDIA_PARAMETERS_MAX);
                if (h264_nal_type(nal) != type || ret->n == NAL_SETS_MAX)
                        u->bad = true;
                else
                        ret->set[ret->n++] = nal;
        }
}

int h264_config_sets(
        struct bytes avcc, struct nal_sets *ret, unsigned *ret_length_bytes, struct err *e)
{
        struct unpack u = unpack_of(avcc);
        struct nal_sets sets = { 0 };

        unsigned version = unpack_u8(&u);
        unpack_bytes(&u, 3);
        unsigned length_bytes = (unpack_u8(&u) & 3u) + 1;
        read_sets(&u, unpack_u8(&u) & 31, H264_SPS, &sets);
        read_sets(&u, unpack_u8(&u), H264_PPS, &sets);
        if (u.bad || version != 1 || length_bytes == 3)
                return err_set(e, ERR_CORRUPT, "avcC of %zu bytes is malformed", avcc.n);
        *ret = sets;
        if (ret_length_bytes)
                *ret_length_bytes = length_bytes;
        return 0;
}
