/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/pay.h"

#include "media/jpeg.h"
#include "media/nal.h"

enum { H264_FU_A = 28, H265_FU = 49 };
#define PAY_AAC_FRAME_MAX 8191
#define PAY_JPEG_RESTART 64
#define PAY_JPEG_TABLES_SENT 255
#define PAY_JPEG_DATA_MAX 0xffffff /* an offset has 24 bits */

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

static void put(struct pay_packet *p, const void *from, size_t n)
{
        memcpy(p->head + p->head_n, from, n);
        p->head_n += n;
}

/* Main header, restart header, and in the first packet the tables (RFC 2435 section 3.1). */
static void jpeg_head(const struct jpeg_frame *f, size_t at, struct pay_packet *p)
{
        uint8_t type = (f->half_height ? 1 : 0) | (f->restart_interval ? PAY_JPEG_RESTART : 0);
        const struct jpeg_tables *t = &f->tables;
        size_t n = jpeg_table_bytes(t, 0) + jpeg_table_bytes(t, 1);

        p->head_n = 0;
        put(p,
                (uint8_t[]){ 0, (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at, type,
                        PAY_JPEG_TABLES_SENT, (uint8_t)((f->width + 7) / 8),
                        (uint8_t)((f->height + 7) / 8) },
                8);
        if (f->restart_interval) /* the picture counts as one piece */
                put(p,
                        (uint8_t[]){ (uint8_t)(f->restart_interval >> 8),
                                (uint8_t)f->restart_interval, 0xff, 0xff },
                        4);
        if (at > 0)
                return;
        put(p,
                (uint8_t[]){
                        0, (uint8_t)(t->wide[0] | t->wide[1] << 1), (uint8_t)(n >> 8), (uint8_t)n },
                4);
        for (unsigned i = 0; i < 2; i++)
                put(p, t->table[i], jpeg_table_bytes(t, i));
}

static int pay_jpeg(struct bytes picture, struct sink *s, struct err *e)
{
        struct jpeg_frame f;
        struct bytes scan;
        struct pay_packet p = { 0 };
        int r = jpeg_parse(picture, &f, &scan, e);

        if (r < 0)
                return r;
        if (scan.n == 0 || scan.n > PAY_JPEG_DATA_MAX || s->payload_max < PAY_SIZE_MIN_JPEG)
                return err_set(e, ERR_INVALID,
                        "JPEG picture with %zu bytes of data in packets of %zu", scan.n,
                        s->payload_max);
        for (size_t at = 0; r == 0 && at < scan.n; at += p.body.n) {
                jpeg_head(&f, at, &p);
                p.body = bytes_sub(scan, at, s->payload_max - p.head_n);
                p.marker = at + p.body.n == scan.n;
                r = emit(s, &p, e);
        }
        return r;
}

static int pay_metadata(struct bytes document, struct sink *s, struct err *e)
{
        struct pay_packet p = { 0 };
        int r = 0;

        for (size_t at = 0; r == 0 && at < document.n; at += p.body.n) {
                p.body = bytes_sub(document, at, s->payload_max);
                p.marker = at + p.body.n == document.n;
                r = emit(s, &p, e);
        }
        return r;
}

/* The marker would tell of a talkspurt's beginning (RFC 3551 section 4.1); a camera's microphone
 * has none. */
static int pay_packet(struct bytes packet, struct sink *s, struct err *e)
{
        struct pay_packet p = { .body = packet };

        if (packet.n > s->payload_max)
                return err_set(e, ERR_INVALID, "%zu bytes of sound in packets of %zu", packet.n,
                        s->payload_max);
        return emit(s, &p, e);
}

static int pay_any(enum media_codec codec, struct bytes unit, struct sink *s, struct err *e)
{
        switch (codec) {
        case MEDIA_H264:
        case MEDIA_H265:
                return pay_video(codec, unit, s, e);
        case MEDIA_AAC:
                return pay_aac(unit, s, e);
        case MEDIA_JPEG:
                return pay_jpeg(unit, s, e);
        case MEDIA_ONVIF_METADATA:
                return pay_metadata(unit, s, e);
        default:
                return pay_packet(unit, s, e);
        }
}

int pay_unit(enum media_codec codec, struct bytes unit, size_t payload_max, pay_on_packet on_packet,
        void *owner, struct err *e)
{
        struct sink s = { .on_packet = on_packet, .owner = owner, .payload_max = payload_max };

        if (payload_max < PAY_SIZE_MIN || unit.n == 0 || unit.n > ACCESS_UNIT_MAX ||
                codec == MEDIA_NONE)
                return err_set(
                        e, ERR_INVALID, "unit of %zu bytes in packets of %zu", unit.n, payload_max);
        int r = pay_any(codec, unit, &s, e);
        return r < 0 ? r : s.n;
}
