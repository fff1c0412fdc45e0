/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto/x509.h"
#include "media/fmp4.h"
#include "seal/head.h"

static struct head make_head(void)
{
        struct head h = { .version = 1,
                .stream = "lobby-main",
                .object_key = "lobby-main/2026-11-22/15/04-05.678Z.0.mp4",
                .recorder = "custos://site/recorder/r1",
                .seal_cert = BYTES("leaf", 4),
                .issuer_cert = BYTES("issuer", 6),
                .root_cert = BYTES("root", 4),
                .protection = PROTECTION_VERIFIED,
                .tls_version = 0x0304,
                .connected_us = 1795359600000000,
                .source = "rtsps://lobby/\xc3\xa9tage" };

        memset(h.kid, 1, sizeof h.kid);
        memset(h.hour_key_id, 2, sizeof h.hour_key_id);
        memset(h.camera_key, 3, sizeof h.camera_key);
        return h;
}

static void test_bytes(void **state)
{
        /* docs/spec/vault.md section 3: version, then tag, length, value. */
        static const uint8_t expected[] =
                "\1"
                "\0\1\0\x0a"
                "lobby-main"
                "\0\2\0\x29"
                "lobby-main/2026-11-22/15/04-05.678Z.0.mp4"
                "\0\3\0\x10\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
                "\0\4\0\x10\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2"
                "\0\5\0\x19"
                "custos://site/recorder/r1"
                "\0\6\0\4"
                "leaf"
                "\0\7\0\6"
                "issuer"
                "\0\x08\0\4"
                "root"
                "\0\x09\0\x2b"
                "\3"
                "\3\4"
                "\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3"
                "\0\6\x60\xde\xbb\x33\xbc\0"
                "\0\x0a\0\x14"
                "rtsps://lobby/\xc3\xa9tage";
        CLEANUP(buf_done) struct buf out;
        struct head h = make_head(), back;
        struct err e;

        (void)state;
        buf_init(&out, 4096);
        assert_int_equal(head_format(&h, &out, &e), 0);
        assert_int_equal(out.n, sizeof expected - 1);
        assert_memory_equal(out.p, expected, out.n);
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), 0);
        assert_string_equal(back.stream, h.stream);
        assert_string_equal(back.object_key, h.object_key);
        assert_string_equal(back.recorder, h.recorder);
        assert_string_equal(back.source, h.source);
        assert_memory_equal(back.kid, h.kid, 16);
        assert_memory_equal(back.hour_key_id, h.hour_key_id, 16);
        assert_true(bytes_equal(back.seal_cert, h.seal_cert));
        assert_true(bytes_equal(back.issuer_cert, h.issuer_cert));
        assert_true(bytes_equal(back.root_cert, h.root_cert));
        assert_int_equal(back.protection, h.protection);
        assert_int_equal(back.tls_version, h.tls_version);
        assert_memory_equal(back.camera_key, h.camera_key, 32);
        assert_int_equal(back.connected_us, h.connected_us);
}

static void test_user_type(void **state)
{
        static const uint8_t type[16] = { 0xc5, 0xbc, 0xa1, 0xec, 0x3e, 0xa4, 0x42, 0xc0, 0xb3,
                0x94, 0xfe, 0x62, 0x6b, 0x63, 0xc2, 0xcb };

        (void)state;
        assert_memory_equal(head_user_type, type, 16);
        assert_string_equal(protection_name(PROTECTION_OPEN), "open");
        assert_string_equal(protection_name(PROTECTION_VERIFIED), "encrypted and verified");
        assert_string_equal(protection_name((enum protection)4), "unknown");
}

static void test_refused(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct head h;
        struct err e;

        (void)state;
        buf_init(&out, 1 << 16);
#define REFUSED(change)                                                                            \
        do {                                                                                       \
                h = make_head();                                                                   \
                change;                                                                            \
                assert_int_equal(head_format(&h, &out, &e), ERR_INVALID);                          \
                assert_int_equal(out.n, 0);                                                        \
        } while (0)
        REFUSED(strcpy(h.stream, "lobby"));
        REFUSED(strcpy(h.stream, "-main"));
        REFUSED(strcpy(h.stream, "lobby-Main"));
        REFUSED(strcpy(h.object_key, "lobby-main/../../etc/passwd"));
        REFUSED(strcpy(h.object_key, "other-main/2026-11-22/15/04-05.678Z.0.mp4"));
        REFUSED(strcpy(h.object_key, "lobby-main/2026-11-22/15/04-05.678Z.0.mp4/x"));
        REFUSED(strcpy(h.object_key, "lobby-main/2026-11-22/15/04-05.678Z.mp4"));
        REFUSED(h.recorder[0] = '\0');
        REFUSED(strcpy(h.recorder, "a\nb"));
        REFUSED(strcpy(h.source, "\xc3"));         /* cut off */
        REFUSED(strcpy(h.source, "\xc0\xaf"));     /* overlong */
        REFUSED(strcpy(h.source, "\xed\xa0\x80")); /* surrogate */
        REFUSED(strcpy(h.source, "\xc2\x9b"));     /* control character */
        REFUSED(strcpy(h.source, "\xf4\x90\x80\x80"));
        REFUSED(h.root_cert.n = 0);
        REFUSED(h.seal_cert.n = X509_CERT_MAX + 1);
        REFUSED(h.protection = 4);
}

static void test_strict(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct head h = make_head(), back;
        struct err e;

        (void)state;
        buf_init(&out, 4096);
        assert_int_equal(head_format(&h, &out, &e), 0);
        for (size_t n = 0; n < out.n; n++)
                assert_int_equal(head_parse(BYTES(out.p, n), &back, &e), ERR_CORRUPT);
        out.p[0] = 0; /* other versions */
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), ERR_CORRUPT);
        out.p[0] = 3;
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), ERR_CORRUPT);
        out.p[0] = 2;
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), 0);
        assert_int_equal(back.version, 2);
        out.p[0] = 1;
        out.p[2] = 2; /* tag 2 first */
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), ERR_CORRUPT);
        out.p[2] = 1;
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), 0);
        assert_int_equal(buf_append(&out, BYTES("\0\x0b\0\0", 4), NULL), 0); /* an unknown tag */
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), ERR_CORRUPT);
        out.n -= 4;
        out.p[5] = '\0'; /* a NUL in the stream path */
        assert_int_equal(head_parse(buf_bytes(&out), &back, &e), ERR_CORRUPT);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_user_type),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_strict),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
