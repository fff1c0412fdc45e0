/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/stamp.h"

#include <assert.h>

#define H264_NAL_SEI 6
#define H265_NAL_PREFIX_SEI 39
#define SEI_USER_DATA_UNREGISTERED 5
#define SEI_PAYLOAD_MAX (1u << 20)
#define HEX_DIGITS 16
#define NAME_AT (2 * HEX_DIGITS + 2)

/* Drawn at random once, without zero bytes. */
static const uint8_t stamp_uuid[STAMP_UUID_BYTES] = { 0xd3, 0x5a, 0x1e, 0x97, 0x6c, 0x42, 0x4b,
        0xe8, 0xa9, 0x31, 0xf6, 0x2d, 0x84, 0x7b, 0xc5, 0x19 };

static size_t header_bytes(enum media_codec codec)
{
        return codec == MEDIA_H265 ? 2 : 1;
}

size_t stamp_nal_bytes(enum media_codec codec)
{
        return header_bytes(codec) + 2 + STAMP_UUID_BYTES + STAMP_TEXT_BYTES + 1;
}

static void put_hex(uint8_t *to, uint64_t v)
{
        for (unsigned i = 0; i < HEX_DIGITS; i++)
                to[i] = (uint8_t) "0123456789abcdef"[(v >> (60 - 4 * i)) & 15];
}

size_t stamp_format(enum media_codec codec, unsigned temporal_id_plus1, const struct stamp *s,
        uint8_t ret[static STAMP_NAL_ROOM])
{
        const size_t name_n = strnlen(s->camera, STAMP_CAMERA_ROOM);
        uint8_t *p = ret;

        assert(media_has_nals(codec) && name_n > 0 && name_n < STAMP_CAMERA_ROOM);
        assert(temporal_id_plus1 >= 1 && temporal_id_plus1 <= 7);
        if (codec == MEDIA_H265) {
                *p++ = H265_NAL_PREFIX_SEI << 1;
                *p++ = (uint8_t)temporal_id_plus1;
        } else {
                *p++ = H264_NAL_SEI;
        }
        *p++ = SEI_USER_DATA_UNREGISTERED;
        *p++ = STAMP_UUID_BYTES + STAMP_TEXT_BYTES;
        memcpy(p, stamp_uuid, STAMP_UUID_BYTES);
        p += STAMP_UUID_BYTES;
        put_hex(p, s->counter);
        p[HEX_DIGITS] = ' ';
        put_hex(p + HEX_DIGITS + 1, (uint64_t)s->wall_us);
        p[NAME_AT - 1] = ' ';
        memset(p + NAME_AT, ' ', STAMP_TEXT_BYTES - NAME_AT);
        memcpy(p + NAME_AT, s->camera, name_n);
        p += STAMP_TEXT_BYTES;
        *p++ = 0x80; /* rbsp_trailing_bits */
        return (size_t)(p - ret);
}

static bool take_hex(const uint8_t *p, uint64_t *ret)
{
        uint64_t v = 0;

        for (unsigned i = 0; i < HEX_DIGITS; i++) {
                if (p[i] >= '0' && p[i] <= '9')
                        v = v << 4 | (uint64_t)(p[i] - '0');
                else if (p[i] >= 'a' && p[i] <= 'f')
                        v = v << 4 | (uint64_t)(p[i] - 'a' + 10);
                else
                        return false;
        }
        *ret = v;
        return true;
}

static bool take_name(const uint8_t *p, char ret[static STAMP_CAMERA_ROOM])
{
        size_t n = STAMP_TEXT_BYTES - NAME_AT;

        while (n > 0 && p[n - 1] == ' ')
                n--;
        for (size_t i = 0; i < n; i++)
                if (p[i] <= ' ' || p[i] > '~')
                        return false;
        memcpy(ret, p, n);
        ret[n] = 0;
        return n > 0;
}

static bool take_text(struct bytes payload, struct stamp *ret)
{
        struct stamp s = { 0 };
        const uint8_t *p = payload.p + STAMP_UUID_BYTES;
        uint64_t wall;

        if (payload.n != STAMP_UUID_BYTES + STAMP_TEXT_BYTES ||
                memcmp(payload.p, stamp_uuid, STAMP_UUID_BYTES))
                return false;
        if (p[HEX_DIGITS] != ' ' || p[NAME_AT - 1] != ' ' || !take_hex(p, &s.counter) ||
                !take_hex(p + HEX_DIGITS + 1, &wall) || !take_name(p + NAME_AT, s.camera))
                return false;
        s.wall_us = (int64_t)wall;
        *ret = s;
        return true;
}

/* A payload type or size: 255 means "and more follows". */
static bool take_sei_number(struct bytes b, size_t *at, size_t *ret)
{
        size_t v = 0;

        while (*at < b.n && v < SEI_PAYLOAD_MAX) {
                const uint8_t c = b.p[(*at)++];

                v += c;
                if (c != 255) {
                        *ret = v;
                        return true;
                }
        }
        return false;
}

static bool is_sei(enum media_codec codec, struct bytes nal)
{
        if (nal.n < header_bytes(codec))
                return false;
        return codec == MEDIA_H265 ? (nal.p[0] >> 1 & 63) == H265_NAL_PREFIX_SEI
                                   : (nal.p[0] & 31) == H264_NAL_SEI;
}

bool stamp_parse(enum media_codec codec, struct bytes nal, struct stamp *ret)
{
        size_t at = header_bytes(codec), type, n;

        if (!media_has_nals(codec) || !is_sei(codec, nal))
                return false;
        while (take_sei_number(nal, &at, &type) && take_sei_number(nal, &at, &n) &&
                n <= nal.n - at) {
                if (type == SEI_USER_DATA_UNREGISTERED && take_text(bytes_sub(nal, at, n), ret))
                        return true;
                at += n;
        }
        return false;
}
