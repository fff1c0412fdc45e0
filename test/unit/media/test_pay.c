/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "media/aac.h"
#include "media/depay.h"
#include "media/jpeg.h"
#include "media/nal.h"
#include "media/pay.h"

#define LITERAL(s) BYTES(s, sizeof(s) - 1)

struct packets {
        unsigned n;
        struct {
                uint8_t *p;
                size_t n;
                bool marker;
        } packet[4096];
};

static int on_packet(void *owner, const struct pay_packet *p, struct err *e)
{
        struct packets *all = owner;

        if (all->n == ARRAY_LEN(all->packet))
                return err_set(e, ERR_EXHAUSTED, "too many");
        size_t n = p->head_n + p->body.n;
        uint8_t *to = malloc(n);
        memcpy(to, p->head, p->head_n);
        memcpy(to + p->head_n, p->body.p, p->body.n);
        all->packet[all->n].p = to;
        all->packet[all->n].n = n;
        all->packet[all->n++].marker = p->marker;
        return 0;
}

static void clear(struct packets *all)
{
        for (unsigned i = 0; i < all->n; i++)
                free(all->packet[i].p);
        all->n = 0;
}

static void is(const struct packets *all, unsigned i, struct bytes payload, bool marker)
{
        assert_true(i < all->n);
        assert_int_equal(all->packet[i].n, payload.n);
        assert_memory_equal(all->packet[i].p, payload.p, payload.n);
        assert_int_equal(all->packet[i].marker, marker);
}

/* Written by RFC 6184 section 5.8, RFC 7798 section 4.4.3, RFC 3640 section 3.3.6. */
static void known(void **state)
{
        (void)state;
        struct packets *all = calloc(1, sizeof *all);
        struct bytes h264 = LITERAL("\0\0\0\2\x09\x10\0\0\0\x10\x65"
                                    "abcdefghijklmno\0\0\0\x11\x65"
                                    "0123456789abcdef");
        assert_int_equal(pay_unit(MEDIA_H264, h264, 16, on_packet, all, NULL), 4);
        is(all, 0, LITERAL("\x09\x10"), false);
        is(all, 1,
                LITERAL("\x65"
                        "abcdefghijklmno"),
                false);
        is(all, 2,
                LITERAL("\x7c\x85"
                        "0123456789abcd"),
                false);
        is(all, 3,
                LITERAL("\x7c\x45"
                        "ef"),
                true);
        clear(all);
        struct bytes h265 = LITERAL("\0\0\0\x24\x26\x09"
                                    "0123456789abcdef0123456789abcdefgh");
        assert_int_equal(pay_unit(MEDIA_H265, h265, 16, on_packet, all, NULL), 3);
        is(all, 0,
                LITERAL("\x62\x09\x93"
                        "0123456789abc"),
                false);
        is(all, 1,
                LITERAL("\x62\x09\x13"
                        "def0123456789"),
                false);
        is(all, 2,
                LITERAL("\x62\x09\x53"
                        "abcdefgh"),
                true);
        clear(all);
        assert_int_equal(pay_unit(MEDIA_AAC, LITERAL("abc"), 16, on_packet, all, NULL), 1);
        is(all, 0,
                LITERAL("\0\x10\0\x18"
                        "abc"),
                true);
        clear(all);
        assert_int_equal(
                pay_unit(MEDIA_AAC, LITERAL("0123456789abcdef"), 16, on_packet, all, NULL), 2);
        is(all, 0,
                LITERAL("\0\x10\0\x80"
                        "0123456789ab"),
                false);
        is(all, 1,
                LITERAL("\0\x10\0\x80"
                        "cdef"),
                true);
        clear(all);
        free(all);
}

static int stop(void *owner, const struct pay_packet *p, struct err *e)
{
        (void)owner;
        (void)p;
        return err_set(e, ERR_CANCELLED, "enough");
}

static void refused(void **state)
{
        (void)state;
        struct packets *all = calloc(1, sizeof *all);
        uint8_t large[8192] = { 0 };
        assert_int_equal(pay_unit(MEDIA_H264, LITERAL("\0\0\0\2a"), 1400, on_packet, all, NULL),
                ERR_INVALID);
        assert_int_equal(
                pay_unit(MEDIA_H264, LITERAL("\0\0\0\0"), 1400, on_packet, all, NULL), ERR_INVALID);
        assert_int_equal(pay_unit(MEDIA_H265, LITERAL("\0\0\0\1a"), 1400, on_packet, all, NULL),
                ERR_INVALID);
        assert_int_equal(
                pay_unit(MEDIA_H264, BYTES(NULL, 0), 1400, on_packet, all, NULL), ERR_INVALID);
        assert_int_equal(
                pay_unit(MEDIA_H264, LITERAL("\0\0\0\1a"), 15, on_packet, all, NULL), ERR_INVALID);
        assert_int_equal(pay_unit(MEDIA_NONE, LITERAL("\0\0\0\1a"), 1400, on_packet, all, NULL),
                ERR_INVALID);
        assert_int_equal(
                pay_unit(MEDIA_AAC, BYTES(large, 8192), 1400, on_packet, all, NULL), ERR_INVALID);
        assert_int_equal(all->n, 0);
        assert_int_equal(
                pay_unit(MEDIA_H264, LITERAL("\0\0\0\1a\0\0\0\1b"), 1400, stop, NULL, NULL),
                ERR_CANCELLED);
        free(all);
}

/* xorshift: the same units on every run. */
static uint32_t next(uint32_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 17;
        *seed ^= *seed << 5;
        return *seed;
}

/* A random unit of 1..5 NAL units, the last a slice; bytes that make no start code. */
static size_t random_unit(enum media_codec codec, uint32_t *seed, uint8_t *to)
{
        size_t at = 0;

        if (!media_has_nals(codec)) { /* one packet of sound has to fit the smallest */
                size_t n =
                        1 + next(seed) % (media_is_audio(codec) && codec != MEDIA_AAC ? 16 : 3000);
                for (; at < n; at++)
                        to[at] = (uint8_t)next(seed);
                return n;
        }
        for (unsigned nals = 1 + next(seed) % 5; nals > 0; nals--) {
                size_t n = 3 + next(seed) % (next(seed) % 4 ? 60 : 9000);
                static const uint8_t h264[] = { 0x06, 0x41, 0x65, 0x09 },
                                     h265[] = { 0x4e, 0x02, 0x26, 0x46 };
                uint8_t type = codec == MEDIA_H264 ? h264[next(seed) % 4] : h265[next(seed) % 4];
                if (nals == 1)
                        type = codec == MEDIA_H264 ? 0x41 : 0x02;
                memcpy(to + at, (uint8_t[]){ 0, 0, (uint8_t)(n >> 8), (uint8_t)n, type, 0x01 }, 6);
                for (size_t i = 2; i < n; i++)
                        to[at + 4 + i] = (uint8_t)(next(seed) | 2);
                at += 4 + n;
        }
        return at;
}

static struct depay *depay_of(enum media_codec codec)
{
        struct media_config config = { .codec = codec, .clock_rate = 90000 };
        struct depay *d;

        if (codec == MEDIA_AAC)
                assert_int_equal(aac_config_make(LITERAL("\x11\x90"), &config, NULL), 0);
        assert_int_equal(depay_new(&config, &d, NULL), 0);
        return d;
}

/* Without loss every unit comes back byte for byte, one for one. */
static void round_trip(void **state)
{
        (void)state;
        static const enum media_codec codecs[] = { MEDIA_H264, MEDIA_H265, MEDIA_AAC, MEDIA_PCMU,
                MEDIA_PCMA, MEDIA_G726, MEDIA_OPUS, MEDIA_ONVIF_METADATA };
        struct packets *all = calloc(1, sizeof *all);
        uint8_t *unit = malloc(60000);
        uint32_t seed = 4711;

        for (size_t k = 0; k < ARRAY_LEN(codecs); k++) {
                struct depay *d = depay_of(codecs[k]);
                for (int64_t t = 1; t <= 300; t++) {
                        if (codecs[k] == MEDIA_ONVIF_METADATA && t == 1)
                                depay_flush(d); /* so that the first document need not begin well */
                        size_t n = random_unit(codecs[k], &seed, unit),
                               payload_max = 16 + next(&seed) % 1500;
                        struct access_unit out;
                        assert_true(pay_unit(codecs[k], BYTES(unit, n), payload_max, on_packet, all,
                                            NULL) > 0);
                        for (unsigned i = 0; i < all->n; i++) {
                                assert_true(all->packet[i].n <= payload_max);
                                depay_push(d,
                                        &(struct depay_packet){ .payload = BYTES(all->packet[i].p,
                                                                        all->packet[i].n),
                                                .timestamp = t * 3600,
                                                .marker = all->packet[i].marker });
                                int r = depay_pull(d, &out, NULL);
                                assert_int_equal(r, i + 1 == all->n ? 0 : ERR_AGAIN);
                        }
                        assert_int_equal(out.data.n, n);
                        assert_memory_equal(out.data.p, unit, n);
                        assert_int_equal(out.pts, t * 3600);
                        assert_false(out.lost_before);
                        assert_int_equal(depay_pull(d, &out, NULL), ERR_AGAIN);
                        clear(all);
                }
                depay_free(d);
        }
        free(unit);
        free(all);
}

#define PICTURES TEST_SOURCE_ROOT "/test/data/media/"

/* What a receiver makes of a picture: the headers of RFC 2435, and the data of the picture. */
static void pictures(void **state)
{
        (void)state;
        static const char *const names[] = { PICTURES "picture-420.jpg",
                PICTURES "picture-422.jpg" };
        struct packets *all = calloc(1, sizeof *all);

        for (size_t k = 0; k < 2 * ARRAY_LEN(names); k++) {
                static uint8_t room[1 << 16];
                CLEANUP(buf_done) struct buf made;
                FILE *f = fopen(names[k % 2], "rb");
                assert_non_null(f);
                struct bytes picture = BYTES(room, fread(room, 1, sizeof room, f)), scan;
                fclose(f);
                struct jpeg_frame frame;
                assert_int_equal(jpeg_parse(picture, &frame, &scan, NULL), 0);
                if (k >= ARRAY_LEN(names)) {
                        frame.restart_interval = 7;
                        frame.tables.wide[1] = true;
                }
                buf_init(&made, 1 << 16);
                assert_int_equal(jpeg_write_headers(&frame, &made, NULL), 0);
                assert_int_equal(buf_append(&made, scan, NULL), 0);

                struct depay *d = depay_of(MEDIA_JPEG);
                struct access_unit out;
                int n = pay_unit(
                        MEDIA_JPEG, k < 2 ? picture : buf_bytes(&made), 300, on_packet, all, NULL);
                assert_true(n > 3);
                for (int i = 0; i < n; i++) {
                        assert_true(all->packet[i].n <= 300);
                        depay_push(d, &(struct depay_packet){
                                              .payload = BYTES(all->packet[i].p, all->packet[i].n),
                                              .timestamp = 3600,
                                              .marker = all->packet[i].marker });
                        assert_int_equal(depay_pull(d, &out, NULL), i + 1 == n ? 0 : ERR_AGAIN);
                }
                assert_true(bytes_equal(out.data, buf_bytes(&made)));
                assert_int_equal(out.new_config->width, 64);
                assert_int_equal(out.new_config->height, 48);
                clear(all);
                depay_free(d);
        }
        free(all);
}

static void not_to_be_sent(void **state)
{
        (void)state;
        struct packets *all = calloc(1, sizeof *all);

        assert_int_equal(
                pay_unit(MEDIA_OPUS, LITERAL("0123456789abcdefg"), 16, on_packet, all, NULL),
                ERR_INVALID);
        assert_int_equal(
                pay_unit(MEDIA_JPEG, LITERAL("\xff\xd8\xff\xd9"), 1400, on_packet, all, NULL),
                ERR_INVALID);
        assert_int_equal(
                pay_unit(MEDIA_NONE, LITERAL("x"), 1400, on_packet, all, NULL), ERR_INVALID);
        assert_int_equal(all->n, 0);
        free(all);
}

/* True when every NAL unit of part is one of whole, in order. */
static bool is_part(struct bytes part, struct bytes whole)
{
        struct bytes a, b;

        while (nal_next(&part, &a)) {
                do
                        if (!nal_next(&whole, &b))
                                return false;
                while (!bytes_equal(a, b));
        }
        return part.n == 0;
}

/* With loss nothing comes out that was not put in, every loss is counted once, and no unit that
 * lost a packet is silent about it. */
static void dropped_packets(void **state)
{
        (void)state;
        struct packets *all = calloc(1, sizeof *all);
        uint8_t *unit = malloc(60000);
        uint32_t seed = 99;

        for (unsigned k = 0; k < 2; k++) {
                enum media_codec codec = k ? MEDIA_H265 : MEDIA_H264;
                struct depay *d = depay_of(codec);
                uint64_t dropped = 0, told = 0;
                uint32_t pending = 0;
                unsigned whole = 0, complete_seen = 0;
                for (int64_t t = 1; t <= 500; t++) {
                        size_t n = random_unit(codec, &seed, unit);
                        uint64_t dropped_before = dropped;
                        struct access_unit out;
                        bool seen = false;
                        int r;
                        assert_true(pay_unit(codec, BYTES(unit, n), 200, on_packet, all, NULL) > 0);
                        /* The last packet always arrives: so a unit never mixes with the next. */
                        for (unsigned i = 0; i < all->n; i++) {
                                if (i + 1 < all->n && next(&seed) % 30 == 0) {
                                        pending++;
                                        dropped++;
                                        continue;
                                }
                                depay_push(d,
                                        &(struct depay_packet){ .payload = BYTES(all->packet[i].p,
                                                                        all->packet[i].n),
                                                .timestamp = t * 3600,
                                                .marker = all->packet[i].marker,
                                                .lost_packets = pending });
                                pending = 0;
                                while ((r = depay_pull(d, &out, NULL)) != ERR_AGAIN) {
                                        assert_int_equal(r, 0);
                                        told += out.lost_packets;
                                        seen = true;
                                        assert_true(is_part(out.data, BYTES(unit, n)));
                                        if (out.data.n == n && memcmp(out.data.p, unit, n) == 0)
                                                complete_seen++;
                                        else if (out.pts == t * 3600 && !out.lost_before)
                                                fail_msg("a damaged unit is silent about it");
                                }
                        }
                        if (dropped == dropped_before && seen)
                                whole++;
                        clear(all);
                }
                assert_true(dropped > 100);
                assert_in_range(complete_seen, whole * 9 / 10, 500);
                depay_flush(d);
                struct access_unit out;
                while (depay_pull(d, &out, NULL) == 0)
                        told += out.lost_packets;
                assert_in_range(told, dropped * 9 / 10, dropped);
                depay_free(d);
        }
        free(unit);
        free(all);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(known), cmocka_unit_test(refused),
                cmocka_unit_test(round_trip), cmocka_unit_test(pictures),
                cmocka_unit_test(not_to_be_sent), cmocka_unit_test(dropped_packets) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
