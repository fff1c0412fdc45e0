/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "media/stamp.h"

static const struct stamp sample = {
        .camera = "lobby-7", .counter = 0x1234, .wall_us = 1795361401221000
};

static void test_bytes_as_the_standards_say(void **state)
{
        uint8_t nal[STAMP_NAL_ROOM];
        static const char text[] = "0000000000001234 000660df26902f88 lobby-7 ";

        (void)state;
        assert_int_equal(stamp_format(MEDIA_H264, 1, &sample, nal), 1 + 2 + 16 + 97 + 1);
        assert_int_equal(nal[0], 6);       /* nal_unit_type SEI, nal_ref_idc 0 */
        assert_int_equal(nal[1], 5);       /* user_data_unregistered */
        assert_int_equal(nal[2], 16 + 97); /* payloadSize */
        assert_memory_equal(nal + 3 + 16, text, sizeof text - 1);
        assert_int_equal(nal[3 + 16 + 97], 0x80); /* rbsp_trailing_bits */

        assert_int_equal(stamp_format(MEDIA_H265, 3, &sample, nal), STAMP_NAL_ROOM);
        assert_int_equal(nal[0], 39 << 1); /* PREFIX_SEI_NUT, layer 0 */
        assert_int_equal(nal[1], 3);
        assert_int_equal(nal[2], 5);
        assert_int_equal(nal[3], 16 + 97);
}

static void test_round_trip(void **state)
{
        static const struct stamp stamps[] = {
                { .camera = "a", .counter = 0, .wall_us = 0 },
                { .camera = "cam255", .counter = UINT64_MAX, .wall_us = INT64_MAX },
                { .camera = "x", .counter = 1, .wall_us = -1 },
                { .camera = "a23456789-123456789-123456789-123456789-123456789-123456789-12z",
                        .counter = 7,
                        .wall_us = 9 },
        };
        static const enum media_codec codecs[] = { MEDIA_H264, MEDIA_H265 };
        uint8_t nal[STAMP_NAL_ROOM];
        struct stamp got;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(stamps); i++)
                for (size_t k = 0; k < ARRAY_LEN(codecs); k++) {
                        const size_t n = stamp_format(codecs[k], 1, &stamps[i], nal);

                        assert_int_equal(n, stamp_nal_bytes(codecs[k]));
                        for (size_t b = 0; b < n; b++) /* no emulation, ever */
                                assert_int_not_equal(nal[b], 0);
                        assert_true(stamp_parse(codecs[k], BYTES(nal, n), &got));
                        assert_string_equal(got.camera, stamps[i].camera);
                        assert_true(got.counter == stamps[i].counter);
                        assert_true(got.wall_us == stamps[i].wall_us);
                }
}

static void test_behind_another_message(void **state)
{
        uint8_t nal[STAMP_NAL_ROOM], both[400];
        const size_t n = stamp_format(MEDIA_H264, 1, &sample, nal);
        struct stamp got;
        size_t at = 0;

        (void)state;
        both[at++] = 6;
        both[at++] = 5; /* an encoder's user data of 255 + 2 bytes */
        both[at++] = 255;
        both[at++] = 2;
        memset(both + at, 'x', 257);
        at += 257;
        memcpy(both + at, nal + 1, n - 1);
        at += n - 1;
        assert_true(stamp_parse(MEDIA_H264, BYTES(both, at), &got));
        assert_string_equal(got.camera, "lobby-7");
}

static void test_hostile(void **state)
{
        uint8_t nal[STAMP_NAL_ROOM], copy[STAMP_NAL_ROOM];
        const size_t n = stamp_format(MEDIA_H264, 1, &sample, nal);
        struct stamp got = { .counter = 99 };

        (void)state;
        for (size_t cut = 0; cut + 1 < n; cut++)
                assert_false(stamp_parse(MEDIA_H264, BYTES(nal, cut), &got));
        for (size_t i = 0; i < n - 1; i++) {
                memcpy(copy, nal, n);
                copy[i] = 0; /* one byte broken: type, size, UUID, separators, digits, name */
                assert_false(stamp_parse(MEDIA_H264, BYTES(copy, n), &got));
        }
        assert_false(stamp_parse(MEDIA_H265, BYTES(nal, n), &got));
        assert_false(stamp_parse(MEDIA_AAC, BYTES(nal, n), &got));
        memset(copy, 255, sizeof copy);
        copy[0] = 6;
        assert_false(stamp_parse(MEDIA_H264, BYTES(copy, sizeof copy), &got));
        assert_true(got.counter == 99); /* untouched */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes_as_the_standards_say),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_behind_another_message),
                cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
