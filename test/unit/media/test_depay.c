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
#include "base/str.h"
#include "crypto/hash.h"
#include "media/aac.h"
#include "media/depay.h"
#include "media/nal.h"

#define LITERAL(s) BYTES(s, sizeof(s) - 1)

/* Two SPS of fixtures protocol/sps (352x288 and 1920x1080 baseline) and a PPS, id 0 each. */
#define SPS_A "\x67\x64\x00\x0c\xac\x3b\x50\xb0\x4b\x42\x00\x00\x03\x00\x02\x00\x00\x03\x00\x3d\x08"
#define SPS_B                                                                                      \
        "\x67\x42\xc0\x28\xd9\x00\x78\x02\x27\xe5\x84\x00\x00\x03\x00\x04\x00\x00\x03\x00\xf0\x3c" \
        "\x60\xc9\x20"
#define PPS "\x68\xce\x35\x20"

/* A depacketizer whose output is written down: "[pts flags:nal,nal]" with k key, c new config, lN
 * lost; E an error. */
struct rig {
        struct depay *d;
        char out[8192];
        uint32_t lost; /* before the next packet */
        struct media_config config;
};

static void rig_open(struct rig *r, enum media_codec codec)
{
        memset(r, 0, sizeof *r);
        if (codec == MEDIA_AAC)
                assert_int_equal(aac_config_make(LITERAL("\x14\x90"), &r->config, NULL), 0);
        r->config.codec = codec;
        r->config.clock_rate = codec == MEDIA_AAC ? 12000 : 90000;
        assert_int_equal(depay_new(&r->config, &r->d, NULL), 0);
}

static char *write_hex(char *to, struct bytes b)
{
        return str_hex(to, bytes_sub(b, 0, 8)) + 2 * (b.n < 8 ? b.n : 8);
}

static void rig_write(struct rig *r, const struct access_unit *u)
{
        char *to = r->out + strlen(r->out);
        struct bytes rest = u->data, nal;

        assert_true(to - r->out < 6000);
        to += sprintf(
                to, "[%lld%s%s", (long long)u->pts, u->key ? "k" : "", u->new_config ? "c" : "");
        if (u->lost_before)
                to += sprintf(to, "l%u", u->lost_packets);
        if (u->new_config)
                r->config = *u->new_config;
        *to++ = ':';
        if (r->config.codec == MEDIA_AAC) {
                to = write_hex(to, u->data);
        } else {
                while (nal_next(&rest, &nal)) {
                        to = write_hex(to, nal);
                        *to++ = ',';
                }
                assert_int_equal(rest.n, 0);
                to--;
        }
        strcpy(to, "]");
}

static void rig_pull(struct rig *r)
{
        struct access_unit u;
        struct err e = { 0 };
        int n, rounds = 0;

        while ((n = depay_pull(r->d, &u, &e)) != ERR_AGAIN) {
                assert_true(++rounds < 100);
                if (n < 0) {
                        assert_true(*e.text);
                        strcat(r->out, "E");
                } else {
                        rig_write(r, &u);
                }
        }
}

/* The payload lies in memory of exactly its size, gone after the call. */
static void rig_push(struct rig *r, struct bytes payload, int64_t timestamp, bool marker)
{
        uint8_t *copy = malloc(payload.n ? payload.n : 1);

        if (payload.n)
                memcpy(copy, payload.p, payload.n);
        depay_push(r->d, &(struct depay_packet){ .payload = BYTES(copy, payload.n),
                                 .timestamp = timestamp,
                                 .marker = marker,
                                 .lost_packets = r->lost });
        r->lost = 0;
        rig_pull(r);
        free(copy);
}

static void rig_expect(struct rig *r, const char *expected)
{
        if (strcmp(r->out, expected) != 0)
                fail_msg("%s, expected %s", r->out, expected);
        r->d = depay_free(r->d);
}

static void h264_single_and_stap(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H264);
        rig_push(&r, LITERAL("\x78\0\x15" SPS_A "\0\4" PPS "\0\2\x09\x10"), 10, false);
        rig_push(&r, LITERAL("\x06\x05\x01\xff\x80"), 10, false);
        rig_push(&r, LITERAL("\x65\x88\x80"), 10, true);
        rig_push(&r, LITERAL("\x41\x9a"), 20, true);
        assert_int_equal(r.config.width, 352);
        rig_expect(&r, "[10kc:6764000cac3b50b0,68ce3520,0910,060501ff80,658880][20:419a]");
}

static void h264_boundaries(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H264);
        /* Several slices; no marker; a packet that ends one unit and is one itself. */
        rig_push(&r, LITERAL("\x65\x01"), 1, false);
        rig_push(&r, LITERAL("\x65\x02"), 1, false);
        rig_push(&r, LITERAL("\x41\x03"), 2, true);
        /* Parameter sets with a marker, or a time of their own, wait for the picture. */
        rig_push(&r, LITERAL(PPS), 3, true);
        rig_push(&r, LITERAL("\x06\x01"), 4, false);
        rig_push(&r, LITERAL("\x65\x04"), 5, true);
        /* An empty payload is nothing, and what is left goes out at the end. */
        rig_push(&r, BYTES(NULL, 0), 6, false);
        rig_push(&r, LITERAL("\x41\x05"), 6, false);
        depay_flush(r.d);
        rig_pull(&r);
        rig_expect(&r, "[1k:6501,6502][2:4103][5k:68ce3520,0601,6504][6:4105]");
}

static void h264_fragments(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H264);
        rig_push(&r,
                LITERAL("\x7c\x85"
                        "ab"),
                1, false);
        rig_push(&r,
                LITERAL("\x7c\x05"
                        "cd"),
                1, false);
        rig_push(&r,
                LITERAL("\x7c\x45"
                        "e"),
                1, true);
        rig_expect(&r, "[1k:656162636465]");
        /* Its middle is lost: it is dropped, its neighbour of the same unit stays. */
        rig_open(&r, MEDIA_H264);
        rig_push(&r, LITERAL("\x41\x01"), 1, false);
        rig_push(&r,
                LITERAL("\x7c\x81"
                        "ab"),
                1, false);
        r.lost = 2;
        rig_push(&r,
                LITERAL("\x7c\x41"
                        "ef"),
                1, true);
        rig_push(&r, LITERAL("\x41\x02"), 2, true);
        rig_expect(&r, "[1l2:4101][2:4102]");
        /* Its end never comes: the marker, another unit, another fragment, another time. */
        rig_open(&r, MEDIA_H264);
        rig_push(&r,
                LITERAL("\x7c\x81"
                        "ab"),
                1, true);
        rig_push(&r,
                LITERAL("\x7c\x81"
                        "ab"),
                2, false);
        rig_push(&r, LITERAL("\x41\x02"), 2, true);
        rig_push(&r,
                LITERAL("\x7c\x81"
                        "ab"),
                3, false);
        rig_push(&r,
                LITERAL("\x7c\xc1"
                        "cd"),
                3, true);
        rig_push(&r,
                LITERAL("\x7c\x81"
                        "ab"),
                4, false);
        rig_push(&r, LITERAL("\x41\x05"), 5, true);
        rig_expect(&r, "E[2l2:4102]E[3l1:616364][5l1:4105]");
        /* A marker on every packet: not believed within a fragmented unit. */
        rig_open(&r, MEDIA_H264);
        for (int64_t t = 1; t <= 2; t++) {
                rig_push(&r,
                        LITERAL("\x7c\x81"
                                "ab"),
                        t, true);
                rig_push(&r,
                        LITERAL("\x7c\x01"
                                "cd"),
                        t, true);
                rig_push(&r,
                        LITERAL("\x7c\x41"
                                "ef"),
                        t, true);
        }
        rig_expect(&r, "[1:61616263646566][2:61616263646566]");
        /* Joined in the middle: passed over in silence; then a stray one is an error. */
        rig_open(&r, MEDIA_H264);
        rig_push(&r,
                LITERAL("\x7c\x05"
                        "ab"),
                1, false);
        rig_push(&r,
                LITERAL("\x7c\x45"
                        "cd"),
                1, true);
        rig_push(&r, LITERAL("\x41\x01"), 2, true);
        rig_push(&r,
                LITERAL("\x7c\x05"
                        "ab"),
                3, true);
        rig_push(&r, LITERAL("\x41\x02"), 4, true);
        rig_expect(&r, "[2:4101]E[4l1:4102]");
}

static void h264_refused(void **state)
{
        (void)state;
        const struct bytes bad[] = { LITERAL("\x78\0\5"
                                             "ab"),
                LITERAL("\x78\0"), LITERAL("\x7c"),
                LITERAL("\x7c\x9c"
                        "a"),
                LITERAL("\x79"
                        "abcdef"),
                LITERAL("\x7a"
                        "abcdef"),
                LITERAL("\x7d\x81"
                        "ab"),
                LITERAL("\x78\0\2\x78\0"), LITERAL("\x1f"), LITERAL("\x00\x41") };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct rig r;
                rig_open(&r, MEDIA_H264);
                rig_push(&r, bad[i], 1, true);
                rig_push(&r, LITERAL("\x41\x01"), 2, true);
                rig_expect(&r, "E[2l1:4101]");
        }
}

static void loss_is_told(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H264);
        rig_push(&r, LITERAL("\x65\x01"), 1, true);
        r.lost = 3;
        rig_push(&r, LITERAL("\x41\x02"), 2, true);
        rig_push(&r, LITERAL("\x41\x03"), 3, false);
        /* Lost between a unit without marker and the next: of either. The number is told once. */
        r.lost = 1;
        rig_push(&r, LITERAL("\x41\x04"), 4, true);
        rig_push(&r, LITERAL("\x41\x05"), 5, true);
        rig_expect(&r, "[1k:6501][2l3:4102][3l1:4103][4l0:4104][5:4105]");
}

static void start_codes_are_split(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H264);
        rig_push(&r, LITERAL("\0\0\0\1" SPS_A "\0\0\0\1" PPS "\0\0\1\x65\x01"), 1, true);
        rig_push(&r, LITERAL("\x7c\x87\x64\x00\x0c\xac\x3b\x50\xb0\x4b\x42\x00\x00\x03\x00\x02"), 2,
                false);
        rig_push(&r, LITERAL("\x7c\x07\x00\x00\x03\x00\x3d\x08\0\0\1" PPS "\0"), 2, false);
        rig_push(&r, LITERAL("\x7c\x47\0\1\x65\x02\x03"), 2, true);
        rig_push(&r, LITERAL("\0\0\1\x41\x07"), 3, true);
        rig_expect(&r, "[1kc:6764000cac3b50b0,68ce3520,6501][2k:6764000cac3b50b0,68ce3520,650203]["
                       "3:4107]");
}

static void config_changes(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H264);
        rig_push(&r, LITERAL(SPS_A), 1, false);
        rig_push(&r, LITERAL("\x65\x01"), 1, true); /* no PPS yet */
        rig_push(&r, LITERAL(PPS), 2, false);
        rig_push(&r, LITERAL("\x65\x02"), 2, true);
        rig_push(&r, LITERAL(SPS_A), 3, false);
        rig_push(&r, LITERAL(PPS), 3, false);
        rig_push(&r, LITERAL("\x65\x03"), 3, true); /* the same again */
        assert_int_equal(r.config.width, 352);
        rig_push(&r, LITERAL(SPS_B), 4, false);
        rig_push(&r, LITERAL("\x65\x04"), 4, true);
        assert_int_equal(r.config.width, 1920);
        assert_int_equal(depay_config(r.d)->height, 1080);
        rig_push(&r, LITERAL("\x67\x42"), 5, false); /* broken: kept in the unit, not believed */
        rig_push(&r, LITERAL("\x41\x05"), 5, true);
        struct media_config known = *depay_config(r.d);
        rig_expect(&r,
                "[1k:6764000cac3b50b0,6501][2kc:68ce3520,6502][3k:6764000cac3b50b0,68ce3520,6503]"
                "[4kc:6742c028d9007802,6504][5:6742,4105]");
        /* Known from the session description already: nothing changes. */
        memset(&r, 0, sizeof r);
        r.config = known;
        assert_int_equal(depay_new(&known, &r.d, NULL), 0);
        rig_push(&r, LITERAL(SPS_B), 1, false);
        rig_push(&r, LITERAL(PPS), 1, false);
        rig_push(&r, LITERAL("\x65\x01"), 1, true);
        rig_expect(&r, "[1k:6742c028d9007802,68ce3520,6501]");
}

static void h265(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_H265);
        rig_push(&r, LITERAL("\x60\x01\0\x04\x46\x01\x10\x80\0\x03\x28\x01\x77"), 1, false);
        rig_push(&r,
                LITERAL("\x62\x01\x93"
                        "ab"),
                2, false);
        rig_push(&r,
                LITERAL("\x62\x01\x13"
                        "c"),
                2, false);
        rig_push(&r,
                LITERAL("\x62\x01\x53"
                        "d"),
                2, true);
        rig_push(&r,
                LITERAL("\x02\x01"
                        "x"),
                3, false);
        rig_push(&r,
                LITERAL("\x62\x01\x81"
                        "lost"),
                3, false);
        r.lost = 1;
        rig_push(&r,
                LITERAL("\x62\x01\x41"
                        "end"),
                3, true);
        rig_push(&r,
                LITERAL("\x02\x01"
                        "y"),
                4, true);
        rig_expect(&r, "[1k:46011080,280177][2k:260161626364][3l1:020178][4:020179]");
        const struct bytes bad[] = { LITERAL("\x02\x01"), LITERAL("\x60\x01\0"),
                LITERAL("\x60\x01\0\x09"
                        "ab"),
                LITERAL("\x60\x01\0\x01"
                        "a"),
                LITERAL("\x60\x01\0\x03\x60\x01\x00"),
                LITERAL("\x62\x01\xb1"
                        "a"),
                LITERAL("\x64\x01"
                        "paci"),
                LITERAL("\x7e\x01"
                        "abc") };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                rig_open(&r, MEDIA_H265);
                rig_push(&r, bad[i], 1, true);
                rig_push(&r,
                        LITERAL("\x02\x01"
                                "x"),
                        2, true);
                rig_expect(&r, "E[2l1:020178]");
        }
}

static void h265_config(void **state)
{
        (void)state;
        /* Parameter sets of fixtures/video/axis_test_640x480_h265main.mp4. */
        static const char *const sets[] = { "40010c01ffff21400000030080000003000003007b130240",
                ("42010121400000030080000003000003007ba0050201e16793b91283caae6e02020208006ddd000c"
                 "dfe60040"),
                "4401c0373c046c90" };
        struct rig r;
        rig_open(&r, MEDIA_H265);
        for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
                uint8_t nal[64];
                size_t n = strlen(sets[i]) / 2;
                assert_int_equal(str_unhex(nal, n, sets[i], NULL), 0);
                rig_push(&r, BYTES(nal, n), 1, false);
        }
        rig_push(&r, LITERAL("\x26\x01x"), 1, true);
        assert_int_equal(r.config.width, 640);
        assert_int_equal(r.config.height, 480);
        rig_expect(&r, "[1kc:40010c01ffff2140,4201012140000003,4401c0373c046c90,260178]");
}

static void aac(void **state)
{
        (void)state;
        struct rig r;
        rig_open(&r, MEDIA_AAC);
        rig_push(&r,
                LITERAL("\0\x10\0\x18"
                        "abc"),
                100, true);
        rig_push(&r,
                LITERAL("\0\x30\0\x08\0\x10\0\x18"
                        "abbccc"),
                2000, true);
        rig_expect(&r, "[100k:616263][2000k:61][3024k:6262][4048k:636363]");
        rig_open(&r, MEDIA_AAC);
        rig_push(&r,
                LITERAL("\0\x10\0\x28"
                        "ab"),
                1, false);
        rig_push(&r,
                LITERAL("\0\x10\0\x28"
                        "cde"),
                1, true);
        rig_push(&r,
                LITERAL("\0\x10\0\x28"
                        "ab"),
                2, false);
        r.lost = 1;
        rig_push(&r,
                LITERAL("\0\x10\0\x28"
                        "e"),
                2, true);
        rig_push(&r,
                LITERAL("\0\x10\0\x08"
                        "f"),
                3, true);
        rig_push(&r,
                LITERAL("\0\x10\0\x28"
                        "gh"),
                4, false);
        rig_push(&r,
                LITERAL("\0\x10\0\x08"
                        "i"),
                5, true);
        rig_expect(&r, "[1k:6162636465][3kl2:66][5kl1:69]");
        const struct bytes bad[] = { BYTES(NULL, 0), LITERAL("\0"),
                LITERAL("\0\0"
                        "ab"),
                LITERAL("\0\x0f\0\x08"
                        "a"),
                LITERAL("\0\x20\0\x08"
                        "a"),
                LITERAL("\0\x10\0\0"
                        "a"),
                LITERAL("\0\x10\0\x10"),
                LITERAL("\xff\xff\0\x10"
                        "a"),
                LITERAL("\0\x20\0\x28\0\x28"
                        "abcd") };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                rig_open(&r, MEDIA_AAC);
                rig_push(&r, bad[i], 1, true);
                rig_push(&r,
                        LITERAL("\0\x10\0\x08"
                                "f"),
                        2, true);
                rig_expect(&r, "E[2kl1:66]");
        }
        rig_open(&r, MEDIA_AAC);
        rig_push(&r,
                LITERAL("\0\x20\0\x08\0\x09"
                        "ab"),
                1, true); /* interleaved */
        rig_push(&r,
                LITERAL("\0\x10\0\x18"
                        "ab"),
                2, false);
        rig_push(&r,
                LITERAL("\0\x10\0\x20"
                        "cd"),
                2, false);
        rig_push(&r,
                LITERAL("\0\x10\0\x18"
                        "ab"),
                3, false);
        rig_push(&r,
                LITERAL("\0\x10\0\x18"
                        "cd"),
                3, true);
        rig_expect(&r, "[1k:61]EEE");
        struct media_config none = { .codec = MEDIA_NONE };
        assert_int_equal(depay_new(&none, &r.d, NULL), ERR_INVALID);
        none.codec = MEDIA_AAC;
        assert_int_equal(depay_new(&none, &r.d, NULL), ERR_INVALID);
}

/* Neither endless fragments nor endless units without a marker grow past the limit. */
static void bounded(void **state)
{
        (void)state;
        struct media_config config = { .codec = MEDIA_H264, .clock_rate = 90000 };
        struct access_unit u;
        struct depay *d;
        uint8_t payload[60000] = { 0x7c, 0x81 };
        int r = ERR_AGAIN;
        unsigned packets = 0;
        memset(payload + 2, 0xaa, sizeof payload - 2);
        assert_int_equal(depay_new(&config, &d, NULL), 0);
        while (r == ERR_AGAIN && packets++ < 400) {
                depay_push(d, &(struct depay_packet){
                                      .payload = BYTES(payload, sizeof payload), .timestamp = 1 });
                r = depay_pull(d, &u, NULL);
                payload[1] = 0x01;
        }
        assert_int_equal(r, ERR_EXHAUSTED);
        assert_in_range(packets, 270, 290);
        assert_int_equal(depay_pull(d, &u, NULL), ERR_AGAIN);
        r = ERR_AGAIN;
        for (packets = 0; r == ERR_AGAIN && packets < 1000; packets++) {
                depay_push(d,
                        &(struct depay_packet){ .payload = LITERAL("\x41\x01"), .timestamp = 2 });
                r = depay_pull(d, &u, NULL);
        }
        assert_int_equal(r, ERR_EXHAUSTED);
        assert_int_equal(packets, ACCESS_UNIT_NALS_MAX + 1);
        depay_freep(&d);
        assert_null(d);
}

struct sum {
        struct hash *hash;
        unsigned units, keys, configs;
        size_t bytes;
        int64_t last_pts;
        uint32_t lost;
};

static void drain(struct depay *d, struct sum *s)
{
        struct access_unit u;
        int r;

        while ((r = depay_pull(d, &u, NULL)) != ERR_AGAIN) {
                assert_int_equal(r, 0);
                hash_update(s->hash, u.data);
                s->units++;
                s->keys += u.key;
                s->configs += u.new_config != NULL;
                s->bytes += u.data.n;
                s->last_pts = u.pts;
                s->lost += u.lost_packets;
        }
}

static void expect_sum(
        struct sum *s, unsigned units, size_t bytes, int64_t last_pts, const char *sha256)
{
        uint8_t digest[HASH_BYTES];
        char hex[2 * HASH_BYTES + 1];

        hash_finish(s->hash, digest);
        s->hash = hash_free(s->hash);
        assert_int_equal(s->units, units);
        assert_int_equal(s->bytes, bytes);
        assert_int_equal(s->last_pts, last_pts);
        assert_int_equal(s->lost, 0);
        assert_string_equal(str_hex(hex, BYTES(digest, sizeof digest)), sha256);
}

/*
 * fixtures protocol/rtsp/retina/bunny.rtsp (MIT/Apache-2.0): H.264 on channel 2, AAC on 0, RTP
 * headers of 12 bytes. The numbers come from a depacketizer of thirty lines of Python written for
 * this from the two RFCs.
 */
static void capture(void **state)
{
        (void)state;
        FILE *f =
                fopen(TEST_SOURCE_ROOT "/../shared/fixtures/protocol/rtsp/retina/bunny.rtsp", "rb");
        if (!f) {
                print_message("skipped: fixtures are not beside the checkout\n");
                skip();
        }
        uint8_t *data = malloc(200000);
        size_t n = fread(data, 1, 200000, f);
        fclose(f);
        struct media_config video = { .codec = MEDIA_H264, .clock_rate = 90000 }, audio;
        assert_int_equal(aac_config_make(LITERAL("\x14\x90"), &audio, NULL), 0);
        struct depay *depays[2];
        struct sum sums[2] = { { .hash = hash_new() }, { .hash = hash_new() } };
        hash_start(sums[0].hash);
        hash_start(sums[1].hash);
        assert_int_equal(depay_new(&audio, &depays[0], NULL), 0);
        assert_int_equal(depay_new(&video, &depays[1], NULL), 0);
        for (size_t at = 0; at < n;) {
                const uint8_t *p = data + at;
                size_t frame = (size_t)p[2] << 8 | p[3];
                unsigned track = p[1] / 2;
                depay_push(depays[track],
                        &(struct depay_packet){ .payload = BYTES(p + 16, frame - 12),
                                .timestamp = p[8] << 24 | p[9] << 16 | p[10] << 8 | p[11],
                                .marker = p[5] & 0x80 });
                drain(depays[track], &sums[track]);
                at += 4 + frame;
        }
        expect_sum(&sums[1], 245, 112510, 915030,
                "31d00e760198887299ff676ad3b9bf70040acc63e59893bef8a8b48f2ee43630");
        assert_int_equal(sums[1].keys, 6);
        assert_int_equal(sums[1].configs, 1);
        assert_int_equal(depay_config(depays[1])->width, 240);
        assert_int_equal(depay_config(depays[1])->height, 160);
        expect_sum(&sums[0], 120, 44290, 121856,
                "06b5697034b447c9d439b94388a74615766e3244862f3f3a63ff95e223706828");
        depay_free(depays[0]);
        depay_free(depays[1]);
        free(data);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(h264_single_and_stap),
                cmocka_unit_test(h264_boundaries), cmocka_unit_test(h264_fragments),
                cmocka_unit_test(h264_refused), cmocka_unit_test(loss_is_told),
                cmocka_unit_test(start_codes_are_split), cmocka_unit_test(config_changes),
                cmocka_unit_test(h265), cmocka_unit_test(h265_config), cmocka_unit_test(aac),
                cmocka_unit_test(bounded), cmocka_unit_test(capture) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
