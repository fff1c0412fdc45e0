/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/pay.h"

#include "media/nal.h"

enum { H264_FU_A = 28, H265_FU = 49 };
#define PAY_AAC_FRAME_MAX 8191

struct sink {
        pay_on_packet on_packet;
        void *owner;
        size_t payload_max;
        int n;
};

static int emit(struct sink *s, const struct pay_packet *p, struct err *e)
{
        int r = s->on_packet(s->owner, p, e);

        s->n++;
        return r < 0 ? r : 0;
}

/* Rewrites the NAL header into the fragment's; returns the bytes of the NAL unit that it stands
 * for. */
static size_t fragment_head(enum media_codec codec, struct bytes nal, struct pay_packet *p)
{
        if (codec == MEDIA_H264) {
                p->head[0] = (uint8_t)((nal.p[0] & 0xe0) | H264_FU_A);
                p->head[1] = nal.p[0] & 0x1f;
                p->head_n = 2;
                return 1;
        }
        p->head[0] = (uint8_t)((nal.p[0] & 0x81) | H265_FU << 1);
        p->head[1] = nal.p[1];
        p->head[2] = (nal.p[0] >> 1) & 0x3f;
        p->head_n = 3;
        return 2;
}

static int pay_nal(
        enum media_codec codec, struct bytes nal, bool last_nal, struct sink *s, struct err *e)
{
        struct pay_packet p = { .body = nal, .marker = last_nal };
        int r = 0;

        if (nal.n <= s->payload_max)
                return emit(s, &p, e);
        size_t at = fragment_head(codec, nal, &p);
        uint8_t *flags = &p.head[p.head_n - 1];
        *flags |= 0x80;
        while (r == 0 && at < nal.n) {
                p.body = bytes_sub(nal, at, s->payload_max - p.head_n);
                at += p.body.n;
                if (at == nal.n)
                        *flags |= 0x40;
                p.marker = last_nal && at == nal.n;
                r = emit(s, &p, e);
                *flags &= 0x3f;
        }
        return r;
}

static int pay_video(enum media_codec codec, struct bytes unit, struct sink *s, struct err *e)
{
        size_t shortest = codec == MEDIA_H265 ? 2 : 1;
        struct bytes nal;
        int r = 0;

        while (r == 0 && nal_next(&unit, &nal)) {
                if (nal.n < shortest)
                        return err_set(e, ERR_INVALID, "NAL unit without a header");
                r = pay_nal(codec, nal, unit.n == 0, s, e);
        }
        if (r == 0 && unit.n > 0)
                r = err_set(e, ERR_INVALID, "access unit with broken NAL lengths");
        return r;
}

/* Each packet carries the whole frame's size, also where it holds a part of it only. */
static int pay_aac(struct bytes frame, struct sink *s, struct err *e)
{
        struct pay_packet p = { .head = { 0, 16, (uint8_t)(frame.n >> 5), (uint8_t)(frame.n << 3) },
                .head_n = 4 };
        int r = 0;

        if (frame.n > PAY_AAC_FRAME_MAX)
                return err_set(e, ERR_INVALID, "AAC frame of %zu bytes", frame.n);
        for (size_t at = 0; r == 0 && at < frame.n; at += p.body.n) {
                p.body = bytes_sub(frame, at, s->payload_max - p.head_n);
                p.marker = at + p.body.n == frame.n;
                r = emit(s, &p, e);
        }
        return r;
}

int pay_unit(enum media_codec codec, struct bytes unit, size_t payload_max, pay_on_packet on_packet,
        void *owner, struct err *e)
{
        struct sink s = { .on_packet = on_packet, .owner = owner, .payload_max = payload_max };

        if (payload_max < PAY_SIZE_MIN || unit.n == 0 || unit.n > ACCESS_UNIT_MAX ||
                codec == MEDIA_NONE)
                return err_set(
                        e, ERR_INVALID, "unit of %zu bytes in packets of %zu", unit.n, payload_max);
        int r = codec == MEDIA_AAC ? pay_aac(unit, &s, e) : pay_video(codec, unit, &s, e);
        return r < 0 ? r : s.n;
}
