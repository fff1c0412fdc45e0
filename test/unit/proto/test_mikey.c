/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Four messages that others made, taken apart by hand after RFC 3830 section 6:
 *
 *   ONVIF_SETUP, ONVIF_REKEY  the examples of ONVIF's streaming specification, "MIKEY"
 *   CAMERA                    fixture protocol/rtsp/gortsplib-sdp/session__key_mgmt_in_media.sdp
 *   GSTREAMER, GSTREAMER_GCM  descriptions of GStreamer's rtsp-server 1.22, captured
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/mikey.h"

#define ONVIF_SETUP                                                                                \
        "01000500fd6d77d00100"     /* version 1, PSK, next T, PRF 0, CSB, 1 session, SRTP-ID */    \
        "00c20f551c00000000"       /* policy 0, SSRC, ROC */                                       \
        "0a00d38e19cef95c3d01"     /* T: next SP, NTP-UTC */                                       \
        "0100000018"               /* SP: next KEMAC, policy 0, SRTP, 24 bytes */                  \
        "000101010110020101030114" /* AES-CM, 16, HMAC-SHA-1, 20 */                                \
        "0701010801010a01010b010a" /* SRTP and SRTCP encrypted, authenticated, tag 10 */           \
        "00000027"                 /* KEMAC: last, not encrypted, 39 bytes */                      \
        "0021001e"                 /* last key, TEK, with SPI, 30 bytes */                         \
        "df40b9f54ac2944d1edbb50fe61fd6b72f542fcf9d7f383edadb669a8de4"                             \
        "040000002f" /* SPI */                                                                     \
        "00"         /* no MAC */

#define ONVIF_REKEY                                                                                \
        "010005006802afc1010000d2bf1824000000000a0001d38e2bb52286a20100000018000101010110020101"   \
        "0301140701010801010a01010b010a000000270021001ea5e923b3cf20f90ec053a2c0bd1b285729f5f195"   \
        "b526e5c8f6a86de20ebe040000000200"

#define CAMERA                                                                                     \
        "010005007a23295e010000958c2327000000000b00ebf99d4cb05ea24c0a106c1c02e3ebc63ebf7a7c9bf8"   \
        "0dbeacd7010000001500010101011002010103010a0701010801010a0101000000220020001e5fc5ef382c"   \
        "c8321d094ce5a2bd62f111f953512a757e38f68bcc46ec3f4300"

#define GSTREAMER                                                                                  \
        "010005004c7c2a910100"                 /* next T */                                        \
        "00ebc552c600000000"                   /* the sender's SSRC, as a=ssrc says it too */      \
        "0b00eeadd023a908a265"                 /* T: next RAND */                                  \
        "0a10572021e16388639cd6630556a4416335" /* RAND of 16 bytes, next SP */                     \
        "0100000015"                           /* SP of 21 bytes */                                \
        "000101010110020101"                   /* AES-CM, 16, HMAC-SHA-1 */                        \
        "03010a"             /* "authentication key of 10 bytes": it means the tag */              \
        "0701010801010a0101" /* encrypted, authenticated */                                        \
        "00000022"           /* KEMAC of 34 bytes */                                               \
        "0020001e"           /* TEK, no SPI, 30 bytes: key and salt */                             \
        "2fa2f72617deae65f49900d792f8ce8c634c8a221bbaaf10e1a1468f1fd6"                             \
        "00"

/* The same with aes-256-gcm: cipher 6, a key of 32 bytes, no authentication apart; TEK of 44 bytes.
 */
#define GSTREAMER_GCM                                                                              \
        "0100050040146b720100"                                                                     \
        "00425ac88a00000000"                                                                       \
        "0b00eeadda6962c0d6f5"                                                                     \
        "0a1077a63cf4f130bbeb214ca12d90b18a20"                                                     \
        "0100000015"                                                                               \
        "0001060101200201000301000701010801010a0101"                                               \
        "00000030"                                                                                 \
        "0020002c"                                                                                 \
        "6f07dc301051d74c977bfe80f3cdcb383b2022f68dac667d427be51972dd6741"                         \
        "7818f1be42841040f617cf76"                                                                 \
        "00"

#define TEXT_MAX (2 * MIKEY_MESSAGE_MAX + 1)

static struct bytes unhex(const char *hex)
{
        static uint8_t room[MIKEY_MESSAGE_MAX];

        assert_int_equal(str_unhex(room, strlen(hex) / 2, hex, NULL), 0);
        return BYTES(room, strlen(hex) / 2);
}

static void expect(const char *hex, uint32_t csb, uint32_t ssrc, enum srtp_suite suite,
        const char *master, const char *mki)
{
        struct mikey m;
        struct err e;
        char got[2 * SECRET_MAX + 1];

        if (mikey_parse(unhex(hex), &m, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(m.csb_id, csb);
        assert_int_equal(m.streams_n, 1);
        assert_int_equal(m.streams[0].ssrc, ssrc);
        assert_int_equal(m.streams[0].roc, 0);
        assert_int_equal(m.keys_n, 1);
        assert_int_equal(m.keys[0].suite, suite);
        assert_string_equal(str_hex(got, secret_bytes(&m.keys[0].master)), master);
        assert_string_equal(str_hex(got, BYTES(m.keys[0].mki, m.keys[0].mki_n)), mki);
        mikey_done(&m);
}

static void messages_of_others(void **state)
{
        (void)state;
        expect(ONVIF_SETUP, 0xfd6d77d0, 0xc20f551c, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                "df40b9f54ac2944d1edbb50fe61fd6b72f542fcf9d7f383edadb669a8de4", "0000002f");
        expect(ONVIF_REKEY, 0x6802afc1, 0xd2bf1824, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                "a5e923b3cf20f90ec053a2c0bd1b285729f5f195b526e5c8f6a86de20ebe", "00000002");
        expect(CAMERA, 0x7a23295e, 0x958c2327, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                "5fc5ef382cc8321d094ce5a2bd62f111f953512a757e38f68bcc46ec3f43", "");
        expect(GSTREAMER, 0x4c7c2a91, 0xebc552c6, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                "2fa2f72617deae65f49900d792f8ce8c634c8a221bbaaf10e1a1468f1fd6", "");
        expect(GSTREAMER_GCM, 0x40146b72, 0x425ac88a, SRTP_SUITE_AEAD_AES_256_GCM,
                "6f07dc301051d74c977bfe80f3cdcb383b2022f68dac667d427be51972dd6741"
                "7818f1be42841040f617cf76",
                "");
}

/* Pieces of messages, written out. */
#define HDR(next)                                                                                  \
        "0100" next "0011223344"                                                                   \
        "0100"                                                                                     \
        "00000000070000000a" /* SSRC 7, ROC 10 */
#define KEY_16 "000102030405060708090a0b0c0d0e0f"
#define KEY_30 KEY_16 "101112131415161718191a1b1c1d"
#define KEY_32 KEY_16 "101112131415161718191a1b1c1d1e1f"
#define SALT_12 "c0c1c2c3c4c5c6c7c8c9cacb"
#define SP(length, parameters)                                                                     \
        "01"                                                                                       \
        "00"                                                                                       \
        "00" length parameters
#define KEMAC_30                                                                                   \
        "00000022"                                                                                 \
        "0020001e" KEY_30 "00"

static void expect_key(const char *hex, enum srtp_suite suite, const char *master)
{
        struct mikey m;
        struct err e;
        char got[2 * SECRET_MAX + 1];

        if (mikey_parse(unhex(hex), &m, &e) < 0)
                fail_msg("%s: %s", hex, e.text);
        assert_int_equal(m.streams[0].ssrc, 7);
        assert_int_equal(m.streams[0].roc, 10);
        assert_int_equal(m.keys[0].suite, suite);
        assert_string_equal(str_hex(got, secret_bytes(&m.keys[0].master)), master);
        mikey_done(&m);
}

static void forms(void **state)
{
        (void)state;
        /* Without a policy SRTP's defaults hold (ONVIF: a new key may come without one). */
        expect_key(HDR("01") KEMAC_30, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, KEY_30);
        /* TEK+SALT with AES-CM. */
        expect_key(HDR("01") "00000024"
                             "00300010" KEY_16 "000e"
                             "101112131415161718191a1b1c1d"
                             "00",
                SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, KEY_30);
        /* A tag of 4 bytes, as the parameter says it, and as GStreamer does. */
        expect_key(HDR("0a") SP("0003", "0b0104") KEMAC_30, SRTP_SUITE_AES_CM_128_HMAC_SHA1_32,
                KEY_30);
        expect_key(HDR("0a") SP("0003", "030104") KEMAC_30, SRTP_SUITE_AES_CM_128_HMAC_SHA1_32,
                KEY_30);
        /* AES-GCM: TEK+SALT as ONVIF wants it, and TEK with the salt behind (GStreamer). */
        expect_key(HDR("0a") SP("0015", "000106010110020100"
                                        "04010c"
                                        "070101080101"
                                        "140110") "00000022"
                                                  "00300010" KEY_16 "000c" SALT_12 "00",
                SRTP_SUITE_AEAD_AES_128_GCM, KEY_16 SALT_12);
        expect_key(HDR("0a") SP("0009", "000106"
                                        "010120"
                                        "020100") "00000030"
                                                  "0020002c" KEY_32 SALT_12 "00",
                SRTP_SUITE_AEAD_AES_256_GCM, KEY_32 SALT_12);
        /* ID and a general extension are passed over, a MAC too; ID comes between RAND and SP. */
        expect_key(HDR("05") "0b02"
                             "00000000"
                             "06"
                             "04"
                             "01020304"
                             "1500"
                             "0002"
                             "4142"
                             "0101"
                             "0001"
                             "55"
                             "00000022"
                             "0020001e" KEY_30 "01"
                             "ffffffffffffffffffffffffffffffffffffffff",
                SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, KEY_30);
        /* Policy 1 of two is the one that the session names. */
        expect_key("01000a0011223344"
                   "0100"
                   "01000000070000000a"
                   "0a"
                   "00"
                   "00"
                   "0003"
                   "000100"
                   "01"
                   "01"
                   "00"
                   "0003"
                   "0b0104" KEMAC_30,
                SRTP_SUITE_AES_CM_128_HMAC_SHA1_32, KEY_30);
}

static void several_streams_and_keys(void **state)
{
        struct mikey m;
        struct err e;

        (void)state;
        if (mikey_parse(unhex("010001001122334402000000000001000000020000000003000000ff"
                              "0000004a"
                              "1421001e" KEY_30 "020001"
                              "0021001e" KEY_30 "020002"
                              "00"),
                    &m, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(m.streams_n, 2);
        assert_int_equal(m.streams[0].ssrc, 1);
        assert_int_equal(m.streams[0].roc, 2);
        assert_int_equal(m.streams[1].ssrc, 3);
        assert_int_equal(m.streams[1].roc, 255);
        assert_int_equal(m.keys_n, 2);
        assert_memory_equal(m.keys[0].mki, "\0\1", 2);
        assert_memory_equal(m.keys[1].mki, "\0\2", 2);
        mikey_done(&m);

        /* No crypto session at all: a key for whoever sends. */
        assert_int_equal(mikey_parse(unhex("0100010011223344"
                                           "0000" KEMAC_30),
                                 &m, &e),
                0);
        assert_int_equal(m.streams_n, 0);
        assert_int_equal(m.keys_n, 1);
        mikey_done(&m);
}

/* Each is refused, with a text that names why. */
static void refused(void **state)
{
        static const struct {
                const char *hex, *why;
        } cases[] = {
                { "", "cut short" },
                { "02000100112233440100"
                  "00000000070000000a" KEMAC_30,
                        "version 2" },
                { "01020100112233440100"
                  "00000000070000000a" KEMAC_30,
                        "public-key" },
                { "01040100112233440100"
                  "00000000070000000a" KEMAC_30,
                        "Diffie-Hellman" },
                { "01070100112233440100"
                  "00000000070000000a" KEMAC_30,
                        "Diffie-Hellman with HMAC" },
                { "01060c00112233440100"
                  "00000000070000000a"
                  "00050000",
                        "an error" },
                { "01630100112233440100"
                  "00000000070000000a" KEMAC_30,
                        "unknown kind" },
                { "01000100112233440102"
                  "00000000070000000a" KEMAC_30,
                        "SRTP-ID" },
                { "0100010011223344ff00"
                  "00000000070000000a" KEMAC_30,
                        "255 crypto sessions" },
                { HDR("01") "00010022"
                            "0020001e" KEY_30 "00",
                        "encrypted" },
                { HDR("01") "00000022"
                            "0020001e" KEY_30 "07",
                        "MAC 7" },
                { HDR("01") "00000022"
                            "0000001e" KEY_30 "00",
                        "TGK" },
                { HDR("01") "00000022"
                            "0060001e" KEY_30 "00",
                        "unknown (6)" },
                { HDR("01") "00000026"
                            "0022001e" KEY_30 "01000100"
                            "00",
                        "interval" },
                { HDR("01") "00000014"
                            "00200010" KEY_16 "00",
                        "a salt of 0" },
                { HDR("01") "00000023"
                            "0020001f" KEY_30 "1e"
                            "00",
                        "a salt of 15" },
                { HDR("01") "00000022"
                            "0020001e" KEY_30 "00"
                            "00",
                        "behind the last" },
                { HDR("01") "00000022"
                            "0020001e" KEY_30,
                        "cut short" },
                { HDR("01") "00000023"
                            "0020001e" KEY_30 "00"
                            "00",
                        "no key (0)" },
                { HDR("00"), "no key in the message" },
                { HDR("02") "00000001"
                            "00",
                        "payload 2" },
                { HDR("14") "00000001"
                            "00",
                        "payload 20" },
                { HDR("0a") SP("0003", "000100") KEMAC_30, "without encryption" },
                { HDR("0a") SP("0003", "070100") KEMAC_30, "without encryption" },
                { HDR("0a") SP("0003", "080100") KEMAC_30, "without encryption" },
                { HDR("0a") SP("0003", "020100") KEMAC_30, "without authentication" },
                { HDR("0a") SP("0003", "0a0100") KEMAC_30, "without authentication" },
                { HDR("0a") SP("0003", "000102") KEMAC_30, "cipher 2" },
                { HDR("0a") SP("0003", "010120") KEMAC_30, "32 bytes" },
                { HDR("0a") SP("0003", "0b0108") KEMAC_30, "neither" },
                { HDR("0a") SP("0003", "06010a") KEMAC_30, "key derivation" },
                { HDR("0a") SP("0003", "0d0101") KEMAC_30, "parameter 13" },
                { HDR("0a") SP("0006", "000106"
                                       "140108") KEMAC_30,
                        "neither" },
                { HDR("0a") SP("0002", "0005") KEMAC_30, "cut short" },
                { HDR("0a") "01"
                            "01"
                            "00"
                            "0003"
                            "0b0104" KEMAC_30,
                        "policy 0 is not" },
                { HDR("0a") "01"
                            "00"
                            "01"
                            "0000" KEMAC_30,
                        "not SRTP" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct mikey m = { .csb_id = 99 };
                struct err e = { 0 };
                int r = mikey_parse(unhex(cases[i].hex), &m, &e);

                if (r >= 0 || !strstr(e.text, cases[i].why))
                        fail_msg("case %zu: %d, \"%s\", expected \"%s\"", i, r, e.text,
                                cases[i].why);
                assert_int_equal(m.csb_id, 99);
                /* No byte of the key in the text. */
                assert_null(strstr(e.text, "0405"));
        }
}

/* Whatever is cut off, something is missing. */
static void cut_anywhere(void **state)
{
        struct bytes whole = unhex(GSTREAMER);
        struct mikey m;

        (void)state;
        for (size_t n = 0; n < whole.n; n++) {
                uint8_t *exact = xcalloc(1, n ? n : 1);
                memcpy(exact, whole.p, n);
                assert_true(mikey_parse(BYTES(exact, n), &m, NULL) < 0);
                free(exact);
        }
}

static void way_back(void **state)
{
        static const uint8_t random[MIKEY_RAND_BYTES] = { 1, 2, 3 };

        (void)state;
        for (enum srtp_suite suite = 1; suite < SRTP_SUITES; suite++) {
                struct mikey m = {
                        .csb_id = 5, .streams_n = 2, .streams = { { 0, 0 }, { 9, 4 } }, .keys_n = 2
                };
                struct mikey got;
                struct buf out;
                struct err e;

                for (unsigned i = 0; i < 2; i++) {
                        srtp_suite_draw_key(suite, &m.keys[i]);
                        m.keys[i].mki_n = 4;
                        m.keys[i].mki[3] = (uint8_t)(i + 1);
                }
                buf_init(&out, MIKEY_MESSAGE_MAX);
                assert_int_equal(mikey_format(&m, 77, random, &out, &e), 0);
                if (mikey_parse(buf_bytes(&out), &got, &e) < 0)
                        fail_msg("%s: %s", srtp_suite_name(suite), e.text);
                assert_int_equal(got.csb_id, 5);
                assert_int_equal(got.streams_n, 2);
                assert_memory_equal(got.streams, m.streams, 2 * sizeof m.streams[0]);
                assert_int_equal(got.keys_n, 2);
                assert_memory_equal(got.keys, m.keys, 2 * sizeof m.keys[0]);
                mikey_done(&got);
                buf_done(&out);
        }
}

/* The ONVIF example, formatted here: the same bytes but for T and RAND, and the order of two
 * parameters. */
static void formatted_as_onvif_does(void **state)
{
        static const uint8_t random[MIKEY_RAND_BYTES] = { 0 };
        struct mikey m;
        struct buf out;
        char text[TEXT_MAX];
        struct err e;

        (void)state;
        assert_int_equal(mikey_parse(unhex(ONVIF_SETUP), &m, &e), 0);
        buf_init(&out, MIKEY_MESSAGE_MAX);
        assert_int_equal(mikey_format(&m, 0xd38e19cef95c3d01, random, &out, &e), 0);
        assert_string_equal(str_hex(text, buf_bytes(&out)),
                "01000500fd6d77d00100"
                "00c20f551c00000000"
                "0b00d38e19cef95c3d01"
                "0a1000000000000000000000000000000000"
                "0100000018"
                "000101010110020101030114"
                "0a01010701010801010b010a"
                "00000027"
                "0021001e"
                "df40b9f54ac2944d1edbb50fe61fd6b72f542fcf9d7f383edadb669a8de4"
                "040000002f"
                "00");
        mikey_done(&m);
        assert_int_equal(mikey_format(&m, 0, random, &out, &e), ERR_INVALID);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages_of_others),
                cmocka_unit_test(forms),
                cmocka_unit_test(several_streams_and_keys),
                cmocka_unit_test(refused),
                cmocka_unit_test(cut_anywhere),
                cmocka_unit_test(way_back),
                cmocka_unit_test(formatted_as_onvif_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
