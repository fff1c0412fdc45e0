/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/key_mgmt.h"

/* The header of ONVIF's streaming specification, "Stream Initialization". */
#define ONVIF                                                                                      \
        "AQAFAP1td9ABAADCD1UcAAAAAAoAAdOOGc75XD0BAAAAGAABAQEBEAIBAQMBFAcBAQgBAQoBAQsBCgAAACcAIQ"   \
        "Ae30C59UrClE0e27UP5h/Wty9UL8+dfzg+2ttmmo3kBAAAAC8A"

static void header(void **state)
{
        static const char *const values[] = {
                "prot=mikey;uri=\"\";data=\"" ONVIF "\"",
                "prot=mikey; uri=\"rtsps://a/b;c,d\"; data=\"" ONVIF "\"",
                "PROT=MIKEY;data=\"" ONVIF "\"",
                "prot=mikey;uri=;data=" ONVIF,
                "prot=other;uri=\"a,b;c\";data=\"x\", prot=mikey;data=\"" ONVIF "\"",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                struct bytes uri;
                struct mikey m;
                struct err e;

                if (key_mgmt_parse(bytes_str(values[i]), &uri, &m, &e) < 0)
                        fail_msg("%s: %s", values[i], e.text);
                assert_int_equal(m.streams[0].ssrc, 0xc20f551c);
                assert_int_equal(m.keys[0].mki[3], 0x2f);
                if (i == 1)
                        assert_true(bytes_equal(uri, bytes_str("rtsps://a/b;c,d")));
                mikey_done(&m);
        }
}

static void refused(void **state)
{
        static const char *const values[] = { "", "prot=mikey", "prot=mikey;data=\"\"",
                "prot=mikey;data=\"AQAF!\"", "prot=mikey;data=\"" ONVIF, "data=\"" ONVIF "\"",
                "prot=other;data=\"" ONVIF "\"" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                struct mikey m;
                struct err e;

                if (key_mgmt_parse(bytes_str(values[i]), NULL, &m, &e) >= 0)
                        fail_msg("taken: %s", values[i]);
                assert_null(strstr(e.text, "30C59"));
        }
        char *longest = xcalloc(1, 8192);
        struct mikey m;
        memset(longest, 'A', 8188);
        assert_int_equal(key_mgmt_decode(bytes_str(longest), &m, NULL), ERR_PROTOCOL);
        free(longest);
}

static void way_back(void **state)
{
        static const uint8_t random[MIKEY_RAND_BYTES] = { 9 };
        struct mikey m = { .csb_id = 3, .streams_n = 1, .streams = { { 8, 1 } }, .keys_n = 1 };
        struct mikey got;
        struct bytes uri;
        struct buf out;
        struct err e;

        (void)state;
        srtp_suite_draw_key(SRTP_SUITE_AEAD_AES_256_GCM, &m.keys[0]);
        buf_init(&out, 4096);
        assert_int_equal(key_mgmt_format(&m, 1, random, "rtsps://a/b", &out, &e), 0);
        if (key_mgmt_parse(buf_bytes(&out), &uri, &got, &e) < 0)
                fail_msg("%s", e.text);
        assert_true(bytes_equal(uri, bytes_str("rtsps://a/b")));
        assert_memory_equal(&got, &m, sizeof m);
        assert_int_equal(key_mgmt_format(&m, 1, random, "a\"b", &out, &e), ERR_INVALID);
        assert_int_equal(key_mgmt_format(&m, 1, random, "a\r\nb", &out, &e), ERR_INVALID);
        buf_clear(&out);
        assert_int_equal(key_mgmt_encode(&m, 1, random, &out, &e), 0);
        assert_int_equal(key_mgmt_decode(buf_bytes(&out), &got, &e), 0);
        assert_memory_equal(&got, &m, sizeof m);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(header),
                cmocka_unit_test(refused),
                cmocka_unit_test(way_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
