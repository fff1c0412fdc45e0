/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the fuzz_depay_* targets. Input: packets, each u16 with the length in its lower 13 bits, then
 * marker, new timestamp, loss; then the payload. An input shorter than its first length is one
 * payload. What comes out must be whole units, in no more bytes than went in, and must go through
 * pay and depay again unchanged.
 */
#ifndef CUSTOS_FUZZ_DEPAY_H
#define CUSTOS_FUZZ_DEPAY_H

#include <stdlib.h>

#include "base/pack.h"
#include "media/aac.h"
#include "media/depay.h"
#include "media/h264.h"
#include "media/h265.h"
#include "media/jpeg.h"
#include "media/nal.h"
#include "media/pay.h"

static struct depay *fuzz_depay_open(enum media_codec codec)
{
        struct media_config config = { .codec = codec, .clock_rate = 90000 };
        struct depay *d;

        config.channels = 1;
        if (codec == MEDIA_AAC && aac_config_make(BYTES("\x11\x90", 2), &config, NULL) < 0)
                abort();
        if (depay_new(&config, &d, NULL) < 0)
                abort();
        return d;
}

struct fuzz_depay_again {
        struct depay *d;
        struct bytes unit;
        unsigned same;
};

static int fuzz_depay_on_packet(void *owner, const struct pay_packet *p, struct err *e)
{
        struct fuzz_depay_again *again = owner;
        struct access_unit u;
        size_t n = p->head_n + p->body.n;
        uint8_t *payload = malloc(n);

        (void)e;
        memcpy(payload, p->head, p->head_n);
        memcpy(payload + p->head_n, p->body.p, p->body.n);
        depay_push(again->d,
                &(struct depay_packet){
                        .payload = BYTES(payload, n), .timestamp = 7, .marker = p->marker });
        while (depay_pull(again->d, &u, NULL) == 0)
                again->same += bytes_equal(u.data, again->unit);
        free(payload);
        return 0;
}

/* Single NAL units of these types are aggregation packets and fragments in RTP, so they cannot be
 * sent as they are. */
static bool fuzz_depay_can_be_sent(enum media_codec codec, struct bytes unit)
{
        struct bytes nal;

        /* What looks like a document's beginning within one, cut there, would be one. */
        if (codec == MEDIA_ONVIF_METADATA && unit.n > 100 &&
                (memmem(unit.p + 80, unit.n - 80, "<?xml", 5) ||
                        memmem(unit.p + 80, unit.n - 80, "MetadataStream", 14)))
                return false;
        while (media_has_nals(codec) && nal_next(&unit, &nal)) {
                unsigned type = codec == MEDIA_H264 ? h264_nal_type(nal) : h265_nal_type(nal);
                if (codec == MEDIA_H264 ? type < 1 || type > 23 : type >= 48 || nal.n < 3)
                        return false;
        }
        return true;
}

static size_t fuzz_depay_payload_max(enum media_codec codec)
{
        if (codec == MEDIA_JPEG)
                return PAY_SIZE_MIN_JPEG;
        return media_is_audio(codec) && codec != MEDIA_AAC ? 1 << 16 : 100;
}

/* Others have headers that came in the extension, which pay cannot send. */
static bool fuzz_depay_is_canonical(struct bytes picture)
{
        CLEANUP(buf_done) struct buf headers = { .max = 4096 };
        struct jpeg_frame f;
        struct bytes scan;

        return jpeg_parse(picture, &f, &scan, NULL) == 0 && f.width % 8 == 0 && f.height % 8 == 0 &&
               jpeg_write_headers(&f, &headers, NULL) == 0 &&
               bytes_equal(bytes_sub(picture, 0, picture.n - scan.n), buf_bytes(&headers));
}

static void fuzz_depay_check(enum media_codec codec, const struct access_unit *u)
{
        struct bytes rest = u->data, nal;

        if (u->data.n == 0 || u->data.n > ACCESS_UNIT_MAX)
                abort();
        while (media_has_nals(codec) && nal_next(&rest, &nal))
                if (nal_find_start_code(nal, 0) != SIZE_MAX)
                        abort();
        if (media_has_nals(codec) && rest.n)
                abort();
        if (!fuzz_depay_can_be_sent(codec, u->data))
                return;
        if (codec == MEDIA_JPEG && !fuzz_depay_is_canonical(u->data))
                return;
        struct fuzz_depay_again again = { .d = fuzz_depay_open(codec), .unit = u->data };
        if (codec == MEDIA_ONVIF_METADATA)
                depay_flush(again.d); /* joined at a beginning, whatever it looks like */
        if (pay_unit(codec, u->data, fuzz_depay_payload_max(codec), fuzz_depay_on_packet, &again,
                    NULL) < 0 ||
                again.same != 1)
                abort();
        depay_free(again.d);
}

/* JPEG: the type-specific byte means nothing, so 0x80 says here that the packet has ONVIF's header
 * extension, of the length that follows. */
static struct bytes fuzz_depay_extension(struct bytes *payload)
{
        struct bytes extension = bytes_sub(*payload, 2, payload->n > 1 ? payload->p[1] : 0);

        if (payload->n < 2 || !(payload->p[0] & 0x80))
                return BYTES(NULL, 0);
        *payload = bytes_sub(*payload, 2 + extension.n, payload->n);
        return extension;
}

static void fuzz_depay(enum media_codec codec, struct bytes input)
{
        struct depay *d = fuzz_depay_open(codec);
        struct unpack u = unpack_of(input);
        struct access_unit unit;
        int64_t timestamp = 1;
        int r;

        while (unpack_left(&u) > 2) {
                uint16_t head = unpack_u16(&u);
                struct bytes payload = unpack_bytes(&u, head & 0x1fff);
                if (u.bad)
                        payload = input;
                timestamp += head & 0x4000 ? 3600 : 0;
                struct bytes extension = { 0 };
                if (codec == MEDIA_JPEG)
                        extension = fuzz_depay_extension(&payload);
                uint8_t *copy = malloc(payload.n ? payload.n : 1);
                if (payload.n)
                        memcpy(copy, payload.p, payload.n);
                depay_push(d, &(struct depay_packet){ .payload = BYTES(copy, payload.n),
                                      .extension_profile = extension.p ? 0xffd8 : 0,
                                      .extension = extension,
                                      .timestamp = timestamp,
                                      .marker = head & 0x8000,
                                      .lost_packets = head & 0x2000 ? 1 : 0 });
                while ((r = depay_pull(d, &unit, NULL)) != ERR_AGAIN)
                        if (r == 0)
                                fuzz_depay_check(codec, &unit);
                free(copy);
        }
        depay_flush(d);
        while (depay_pull(d, &unit, NULL) != ERR_AGAIN)
                ;
        depay_free(d);
}

#endif
