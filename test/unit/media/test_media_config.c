/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/h264.h"
#include "media/media_config.h"

static struct media_config of_sdp(const char *encoding, uint32_t rate, const char *fmtp)
{
        struct media_config c;
        struct err e = { 0 };

        if (media_config_of_sdp(bytes_str(encoding), rate, 1, bytes_str(fmtp), &c, &e) < 0)
                fail_msg("%s %s: %s", encoding, fmtp, e.text);
        return c;
}

/* fmtp of fixtures protocol/rtsp. The sizes are what ffmpeg (trace_headers) reads from the SPS; two
 * of the cameras round theirs (to 832 and 720) where they name it in the description. */
static void cameras(void **state)
{
        (void)state;
        static const struct {
                const char *encoding, *fmtp;
                uint32_t width, height;
        } cases[] = {
                { "H264",
                        "packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets="
                        "Z0LAHtkDxWhAAAADAEAAAAwDxYuS,"
                        "aMuMsg==",
                        240, 160 },
                { "H264",
                        "profile-level-id=420029; packetization-mode=1; "
                        "sprop-parameter-sets=Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==,aO48gA==",
                        1920, 1080 },
                { "h264", "packetization-mode=1; sprop-parameter-sets=J2QAH6xWwYBp+kA=,KO48sA==",
                        384, 830 },
                { "H265",
                        "packetization-mode=0;profile-space=0;profile-id=1;tier-flag=0;level-id="
                        "153;"
                        "sprop-vps=QAEMAf//AUAAAAMAAAMAAAMAAAMAmawJ;"
                        "sprop-sps=QgEBAUAAAAMAAAMAAAMAAAMAmaACgIAsH+Wu5Gwa5VE1BQYFAIA=;sprop-pps="
                        "RAHAc8BBgwk=",
                        1280, 704 },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct media_config c = of_sdp(cases[i].encoding, 90000, cases[i].fmtp);
                assert_true(c.parameters_n > 0);
                assert_int_equal(c.width, cases[i].width);
                assert_int_equal(c.height, cases[i].height);
        }
}

static void sets_may_be_missing(void **state)
{
        (void)state;
        static const char *const cases[] = { "", "packetization-mode=1",
                "sprop-parameter-sets=", "sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS",
                "sprop-parameter-sets=####,aMuMsg==", "sprop-parameter-sets=,,,;;;=;=,",
                "sprop-parameter-sets=AAAA,AAAA" };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct media_config c = of_sdp("H264", 90000, cases[i]);
                assert_int_equal(c.codec, MEDIA_H264);
                assert_int_equal(c.clock_rate, 90000);
                assert_int_equal(c.parameters_n, 0);
                assert_int_equal(c.width, 0);
        }
        /* Padding forgotten, and start codes in front. */
        assert_true(
                of_sdp("H264", 90000, "sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg")
                        .parameters_n > 0);
        assert_true(of_sdp("H264", 90000,
                            "sprop-parameter-sets=AAAAAWdCwB7ZA8VoQAAAAwBAAAAMA8WLkgAAAAFoy4yy")
                            .parameters_n > 0);
}

static void audio(void **state)
{
        (void)state;
        struct media_config c = of_sdp("mpeg4-generic", 12000,
                "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
                "config=1490");
        assert_int_equal(c.codec, MEDIA_AAC);
        assert_int_equal(c.sample_rate, 12000);
        assert_int_equal(c.channels, 2);
        of_sdp("mpeg4-generic", 8000,
                "streamtype=5; profile-level-id=15; mode=AAC-hbr; sizeLength=13; indexLength=3; "
                "indexDeltalength=3; config=1588; CTSDeltaLength=0;");
        static const struct {
                const char *encoding, *fmtp;
                uint32_t rate;
                int code;
        } bad[] = {
                { "MP4V-ES", "", 90000, ERR_NOT_FOUND },
                { "G726-48", "", 8000, ERR_NOT_FOUND },
                { "", "", 0, ERR_NOT_FOUND },
                { "vnd.onvif.metadata.gzip", "", 90000, ERR_NOT_FOUND },
                { "vnd.onvif.metadata+gzip", "", 90000, ERR_NOT_FOUND },
                { "vnd.onvif.metadata.exi.onvif", "", 90000, ERR_NOT_FOUND },
                { "vnd.onvif.metadatas", "", 90000, ERR_NOT_FOUND },
                { "JPEG", "", 8000, ERR_INVALID },
                { "opus", "", 44100, ERR_INVALID },
                { "PCMA", "", 999, ERR_INVALID },
                { "vnd.onvif.metadata", "", 1000001, ERR_INVALID },
                { "MPEG4-GENERIC", "mode=AAC-hbr;config=1190", 1000001, ERR_INVALID },
                { "MPEG4-GENERIC", "mode=AAC-lbr;config=1490", 12000, ERR_INVALID },
                { "MPEG4-GENERIC", "mode=AAC-hbr;sizelength=6;config=1490", 12000, ERR_INVALID },
                { "MPEG4-GENERIC", "mode=AAC-hbr", 12000, ERR_INVALID },
                { "MPEG4-GENERIC", "mode=AAC-hbr;config=149", 12000, ERR_INVALID },
                { "MPEG4-GENERIC", "mode=AAC-hbr;config=xyzz", 12000, ERR_INVALID },
                { "H264", "packetization-mode=2", 90000, ERR_INVALID },
                { "H264", "", 8000, ERR_INVALID },
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(media_config_of_sdp(bytes_str(bad[i].encoding), bad[i].rate, 1,
                                         bytes_str(bad[i].fmtp), &c, NULL),
                        bad[i].code);
        assert_int_equal(c.codec, MEDIA_AAC);
}

/* Each word of a description, and what a file will say. */
static void other_codecs(void **state)
{
        (void)state;
        static const struct {
                const char *encoding;
                uint32_t rate, channels;
                enum media_codec codec;
                uint32_t want_rate, want_channels;
                const char *want_encoding;
        } cases[] = {
                { "JPEG", 90000, 1, MEDIA_JPEG, 90000, 0, "JPEG" },
                { "pcmu", 0, 1, MEDIA_PCMU, 8000, 1, "PCMU" },
                { "PCMA", 16000, 2, MEDIA_PCMA, 16000, 2, "PCMA" },
                { "G726-16", 8000, 1, MEDIA_G726, 8000, 1, "G726-16" },
                { "g726-40", 8000, 1, MEDIA_G726, 8000, 1, "G726-40" },
                { "AAL2-G726-24", 8000, 1, MEDIA_G726, 8000, 1, "AAL2-G726-24" },
                { "OPUS", 48000, 2, MEDIA_OPUS, 48000, 2, "opus" },
                { "vnd.onvif.metadata", 0, 1, MEDIA_ONVIF_METADATA, 90000, 0,
                        "vnd.onvif.metadata" },
                { "VND.ONVIF.METADATA", 1000, 1, MEDIA_ONVIF_METADATA, 1000, 0,
                        "vnd.onvif.metadata" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct media_config c;
                assert_int_equal(media_config_of_sdp(bytes_str(cases[i].encoding), cases[i].rate,
                                         cases[i].channels, BYTES(NULL, 0), &c, NULL),
                        0);
                assert_int_equal(c.codec, cases[i].codec);
                assert_int_equal(c.clock_rate, cases[i].want_rate);
                assert_int_equal(media_timescale(&c), cases[i].want_rate);
                assert_int_equal(c.channels, cases[i].want_channels);
                assert_string_equal(media_config_encoding(&c), cases[i].want_encoding);
                assert_int_equal(media_config_complete(&c), cases[i].codec != MEDIA_JPEG);
        }
        /* Opus: dOps by hand. */
        struct media_config opus;
        assert_int_equal(
                media_config_of_sdp(bytes_str("opus"), 48000, 2, BYTES(NULL, 0), &opus, NULL), 0);
        assert_int_equal(opus.parameters_n, 11);
        assert_memory_equal(opus.parameters, "\0\2\0\0\0\0\xbb\x80\0\0\0", 11);
        /* AAC whose config leaves the channels to a program config element: those of the map. */
        struct media_config aac;
        assert_int_equal(media_config_of_sdp(bytes_str("MPEG4-GENERIC"), 48000, 2,
                                 bytes_str("mode=AAC-hbr;config=1180"), &aac, NULL),
                0);
        assert_int_equal(aac.channels, 2);
}

static void main_track(void **state)
{
        (void)state;
        struct media_config t[3] = { { .codec = MEDIA_ONVIF_METADATA }, { .codec = MEDIA_PCMU },
                { .codec = MEDIA_JPEG } };

        assert_int_equal(media_config_main_track(t, 3), 2);
        assert_int_equal(media_config_main_track(t, 2), 1);
        assert_int_equal(media_config_main_track(t, 1), -1);
        assert_int_equal(media_config_main_track(t, 0), -1);
}

static void there_and_back(void **state)
{
        (void)state;
        static const struct {
                const char *encoding, *fmtp;
        } cases[] = {
                { "H264", "packetization-mode=1;profile-level-id=42C01E;"
                          "sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==" },
                { "H265",
                        "sprop-vps=QAEMAf//AUAAAAMAAAMAAAMAAAMAmawJ;"
                        "sprop-sps=QgEBAUAAAAMAAAMAAAMAAAMAmaACgIAsH+Wu5Gwa5VE1BQYFAIA=;sprop-pps="
                        "RAHAc8BBgwk=" },
                { "MPEG4-GENERIC",
                        "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
                        "indexdeltalength=3;config=1490" },
                { "H264", "packetization-mode=1" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct buf out;
                buf_init(&out, 8192);
                struct media_config c = of_sdp(cases[i].encoding, i == 2 ? 12000 : 90000,
                                            cases[i].fmtp),
                                    again;
                assert_int_equal(media_config_fmtp(&c, &out, NULL), 0);
                assert_int_equal(out.n, strlen(cases[i].fmtp));
                assert_memory_equal(out.p, cases[i].fmtp, out.n);
                assert_string_equal(media_config_encoding(&c), cases[i].encoding);
                buf_done(&out);
                if (!c.parameters_n)
                        continue;
                assert_int_equal(media_config_of_record(c.codec,
                                         BYTES(c.parameters, c.parameters_n), &again, NULL),
                        0);
                assert_true(media_config_equal(&c, &again));
                again.parameters[again.parameters_n - 1] ^= 1;
                assert_false(media_config_equal(&c, &again));
        }
        struct media_config c;
        assert_int_equal(
                media_config_of_record(MEDIA_H264, BYTES("\1x", 2), &c, NULL), ERR_CORRUPT);
        assert_int_equal(
                media_config_of_record(MEDIA_NONE, BYTES("\1x", 2), &c, NULL), ERR_INVALID);
        assert_string_equal(media_config_codec_name(MEDIA_H265), "h265");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(cameras),
                cmocka_unit_test(sets_may_be_missing), cmocka_unit_test(audio),
                cmocka_unit_test(other_codecs), cmocka_unit_test(main_track),
                cmocka_unit_test(there_and_back) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
