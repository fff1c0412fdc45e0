/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/key_mgmt.h"
#include "proto/sdp.h"
#include "proto/sdp_crypto.h"

#define FIXTURES TEST_SOURCE_ROOT "/../shared/fixtures/protocol/rtsp/"
/* RFC 4568 section 4, and what its base64 is. */
#define RFC_KEY "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
#define RFC_HEX                                                                                    \
        "3d2d6e40255e7821426a75667239293f2c2335685c603d265d7b7169505"                              \
        "1"

static struct sdp_crypto parsed(const char *value)
{
        struct sdp_crypto c;
        struct err e;

        if (sdp_crypto_parse(bytes_str(value), &c, &e) < 0)
                fail_msg("%s: %s", value, e.text);
        return c;
}

static void lines(void **state)
{
        char hex[2 * SECRET_MAX + 1];

        (void)state;
        struct sdp_crypto c =
                parsed("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|2^20|1:4 WSH=64");
        assert_int_equal(c.tag, 1);
        assert_int_equal(c.keys_n, 1);
        assert_int_equal(c.keys[0].suite, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80);
        assert_string_equal(str_hex(hex, secret_bytes(&c.keys[0].master)), RFC_HEX);
        assert_int_equal(c.keys[0].mki_n, 4);
        assert_memory_equal(c.keys[0].mki, "\0\0\0\1", 4);

        c = parsed("2 AES_CM_128_HMAC_SHA1_32 inline:" RFC_KEY);
        assert_int_equal(c.keys[0].suite, SRTP_SUITE_AES_CM_128_HMAC_SHA1_32);
        assert_int_equal(c.keys[0].mki_n, 0);
        c = parsed("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|1066:2");
        assert_memory_equal(c.keys[0].mki, "\4\x2a", 2);
        c = parsed("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|1048576");
        assert_int_equal(c.keys[0].mki_n, 0);

        /* Two keys, told apart by their MKIs (RFC 4568 section 6.1). */
        c = parsed("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|2^20|1:4;inline:" RFC_KEY
                   "|2^20|2:4 FEC_ORDER=FEC_SRTP -x-of-somebody=1");
        assert_int_equal(c.keys_n, 2);
        assert_int_equal(c.keys[1].mki[3], 2);

        /* RFC 7714 section 14.2: 28 and 44 bytes, with and without the padding. */
        c = parsed("1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw==");
        assert_string_equal(str_hex(hex, secret_bytes(&c.keys[0].master)),
                "000102030405060708090a0b0c0d0e0fa0a1a2a3a4a5a6a7a8a9aaab");
        c = parsed("1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0OD6ChoqOkpaanqKmqqw");
        assert_int_equal(c.keys[0].master.n, 28);
        c = parsed("1 AEAD_AES_256_GCM "
                   "inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+goaKjpKWmp6ipqqs=");
        assert_int_equal(c.keys[0].master.n, 44);
        sdp_crypto_done(&c);
        assert_int_equal(c.keys_n, 0);
}

static void refused(void **state)
{
        static const struct {
                const char *value;
                int code;
                const char *why;
        } cases[] = {
                { "", ERR_PROTOCOL, "no tag" },
                { "AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY, ERR_PROTOCOL, "no tag" },
                { "1 F8_128_HMAC_SHA1_80 inline:" RFC_KEY, ERR_INVALID, "F8_128_HMAC_SHA1_80" },
                { "1 AES_256_CM_HMAC_SHA1_80 inline:" RFC_KEY, ERR_INVALID, "AES_256_CM" },
                { "1 NULL_HMAC_SHA1_80 inline:" RFC_KEY, ERR_INVALID, "NULL_HMAC" },
                { "1 AES_CM_128_HMAC_SHA1_80", ERR_PROTOCOL, "no key" },
                { "1 AES_CM_128_HMAC_SHA1_80 uri:" RFC_KEY, ERR_INVALID, "not inline" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:", ERR_PROTOCOL, "30 bytes" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "AAAA", ERR_PROTOCOL, "30 bytes" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVe", ERR_PROTOCOL, "30 bytes" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:*" RFC_KEY, ERR_PROTOCOL, "30 bytes" },
                { "1 AEAD_AES_256_GCM inline:" RFC_KEY, ERR_PROTOCOL, "44 bytes" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|soon", ERR_PROTOCOL, "lifetime" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|1:0", ERR_PROTOCOL, "MKI" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|256:1", ERR_PROTOCOL, "MKI" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|1:17", ERR_INVALID, "17 bytes" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "|x:4", ERR_PROTOCOL, "MKI" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY " UNENCRYPTED_SRTP", ERR_INVALID,
                        "UNENCRYPTED_SRTP" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY " UNENCRYPTED_SRTCP", ERR_INVALID,
                        "UNENCRYPTED_SRTCP" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY " UNAUTHENTICATED_SRTP", ERR_INVALID,
                        "UNAUTHENTICATED_SRTP" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY " KDR=4", ERR_INVALID, "KDR" },
                { "1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY " FEC_KEY=inline:" RFC_KEY,
                        ERR_INVALID, "FEC_KEY" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct sdp_crypto c = { .tag = 77 };
                struct err e = { 0 };
                int r = sdp_crypto_parse(bytes_str(cases[i].value), &c, &e);

                if (r != cases[i].code || !strstr(e.text, cases[i].why))
                        fail_msg("%s: %d \"%s\"", cases[i].value, r, e.text);
                assert_null(strstr(e.text, "PS1u"));
                assert_int_equal(c.tag, 77);
        }
}

static void way_back(void **state)
{
        (void)state;
        for (enum srtp_suite suite = 1; suite < SRTP_SUITES; suite++) {
                struct sdp_crypto c = { .tag = 3, .keys_n = 2 }, got;
                struct buf out;
                struct err e;

                for (unsigned i = 0; i < 2; i++) {
                        srtp_suite_draw_key(suite, &c.keys[i]);
                        c.keys[i].mki_n = 2;
                        c.keys[i].mki[1] = (uint8_t)(i + 1);
                }
                buf_init(&out, 4096);
                assert_int_equal(sdp_crypto_format(&c, &out, &e), 0);
                if (sdp_crypto_parse(buf_bytes(&out), &got, &e) < 0)
                        fail_msg("%s", e.text);
                assert_memory_equal(&got, &c, sizeof c);
                buf_done(&out);
        }
}

#define MIKEY_64 "AQAFAHojKV4BAACVjCMnAAAAAAsA6/mdTLBeokwKEGwcAuPrxj6/enyb+A2+rNcB"
#define DESCRIPTION                                                                                \
        "v=0\r\ns=x\r\na=key-mgmt:kerberos AAAA\r\na=key-mgmt:mikey " MIKEY_64 "\r\n"              \
        "k=base64:" MIKEY_64 "\r\n"                                                                \
        "m=video 0 RTP/SAVP 96\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY "\r\n"       \
        "a=crypto:2 X inline:" RFC_KEY "|2^31\r\n"                                                 \
        "m=audio 0 RTP/SAVPF 97\r\n  A=Key-Mgmt:mikey " MIKEY_64 "\n"                              \
        "m=application 0 RTP/AVP 98\r\n"

static void in_a_description(void **state)
{
        struct sdp s, again;
        struct buf out;
        struct err e;

        (void)state;
        assert_int_equal(sdp_parse(bytes_str(DESCRIPTION), &s, &e), 0);
        assert_int_equal(s.media_n, 3);
        assert_true(bytes_equal(s.key_mgmt, bytes_str(MIKEY_64)));
        assert_true(sdp_is_secure(&s.media[0]) && sdp_is_secure(&s.media[1]));
        assert_false(sdp_is_secure(&s.media[2]));
        assert_int_equal(s.media[0].crypto_n, 2);
        assert_true(bytes_equal(
                s.media[0].crypto[0], bytes_str("1 AES_CM_128_HMAC_SHA1_80 inline:" RFC_KEY)));
        assert_int_equal(s.media[0].key_mgmt.n, 0);
        assert_int_equal(s.media[1].crypto_n, 0);

        buf_init(&out, SDP_TEXT_MAX);
        assert_int_equal(sdp_format(&s, 1, "192.0.2.1", &out, &e), 0);
        assert_int_equal(sdp_parse(buf_bytes(&out), &again, &e), 0);
        assert_true(bytes_equal(again.key_mgmt, s.key_mgmt));
        assert_int_equal(again.media[0].crypto_n, 2);
        assert_true(bytes_equal(again.media[0].crypto[1], s.media[0].crypto[1]));
        assert_true(sdp_is_secure(&again.media[1]));
        buf_clear(&out);
        s.media[0].crypto[0] = bytes_str("1 X\r\na=y");
        assert_int_equal(sdp_format(&s, 1, "192.0.2.1", &out, &e), ERR_INVALID);
        assert_int_equal(out.n, 0);
        buf_done(&out);
}

/* Read by hand: SSRC 958c2327, TEK of 30 bytes beginning 5fc5, no SPI. */
static void fixture(void **state)
{
        FILE *f = fopen(FIXTURES "gortsplib-sdp/session__key_mgmt_in_media.sdp", "re");
        static char text[4096];
        struct mikey m;
        struct sdp s;
        struct err e;

        (void)state;
        if (!f)
                skip();
        size_t n = fread(text, 1, sizeof text, f);
        fclose(f);
        assert_int_equal(sdp_parse(BYTES(text, n), &s, &e), 0);
        assert_int_equal(s.media_n, 1);
        assert_true(sdp_is_secure(&s.media[0]));
        assert_true(bytes_equal(s.media[0].encoding, bytes_str("H264")));
        if (key_mgmt_decode(s.media[0].key_mgmt, &m, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(m.streams[0].ssrc, 0x958c2327);
        assert_int_equal(m.keys[0].master.n, 30);
        assert_int_equal(m.keys[0].master.p[0], 0x5f);
        mikey_done(&m);
}

static void redacted(void **state)
{
        static const char text[] = DESCRIPTION "KeyMgmt: prot=mikey;uri=\"\";data=\"" MIKEY_64
                                               "\"\r\nmikey: " MIKEY_64;
        struct buf out;

        (void)state;
        buf_init(&out, SDP_TEXT_MAX);
        assert_int_equal(sdp_crypto_redact(bytes_str(text), &out, NULL), 0);
        assert_int_equal(buf_append(&out, BYTES("", 1), NULL), 0);
        assert_string_equal((char *)out.p,
                "v=0\r\ns=x\r\na=key-mgmt:kerberos ...\r\na=key-mgmt:mikey ...\r\nk=base64:...\r\n"
                "m=video 0 RTP/SAVP 96\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:...\r\n"
                "a=crypto:2 X inline:...\r\nm=audio 0 RTP/SAVPF 97\r\n  A=Key-Mgmt:mikey ...\r\n"
                "m=application 0 RTP/AVP 98\r\nKeyMgmt:...\r\nmikey:...");
        /* Without what should stand before the key, nothing of the line is shown. */
        buf_clear(&out);
        assert_int_equal(
                sdp_crypto_redact(bytes_str("a=crypto:" RFC_KEY "\nk=" RFC_KEY), &out, NULL), 0);
        assert_int_equal(buf_append(&out, BYTES("", 1), NULL), 0);
        assert_string_equal((char *)out.p, "a=crypto:...\r\nk=...");
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lines),
                cmocka_unit_test(refused),
                cmocka_unit_test(way_back),
                cmocka_unit_test(in_a_description),
                cmocka_unit_test(fixture),
                cmocka_unit_test(redacted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
