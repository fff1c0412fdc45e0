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
#include "media/h265.h"

static size_t unhex(uint8_t *to, const char *hex)
{
        size_t n = strlen(hex) / 2;

        assert_int_equal(str_unhex(to, n, hex, NULL), 0);
        return n;
}

/* fixtures protocol/sps/h265_sps.json (mediacommon, MIT); the last two from fixtures/video by
 * ffprobe. */
static const struct {
        const char *hex;
        uint32_t width, height;
        uint8_t level;
} known[] = {
        { "420101016000000300900000030000030078a003c08010e596666924cae010000003001000000301e080",
                1920, 1080, 120 },
        { "420101040800000300980800000300005d9000501005a2294b7494985ffe00020002d40404041000000300100"
          "0000301e080",
                1280, 720, 93 },
        { "4201010140000003000003000003000003007ba003c0801107cb96b4a42592e3016a020202080000030008000"
          "00301e3002ef2880007270"
          "c0000989682",
                1920, 1080, 123 },
        { "420101016000000300b0000003000003005da00280802d1636b924cbf0080000030008000003019508",
                1280, 720, 93 },
        { "42010121400000030080000003000003007ba0050201e16793b91283caae6e02020208", 640, 480, 123 },
        { "42010101600000030090000003000003005aa006020090596566924cae680800000300080000030050", 768,
                576, 90 },
};

static void sizes(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                uint8_t nal[256];
                size_t n = unhex(nal, known[i].hex);
                struct h265_sps s;
                assert_int_equal(h265_sps_parse(BYTES(nal, n), &s, NULL), 0);
                assert_int_equal(s.width, known[i].width);
                assert_int_equal(s.height, known[i].height);
                assert_int_equal(s.profile_tier_level[11], known[i].level);
                assert_int_equal(s.sub_layers, 1);
        }
}

/* Made with x265 3.5, two temporal layers; ffprobe says 322x182 at level 60. */
static void sub_layers(void **state)
{
        (void)state;
        uint8_t nal[256];
        struct h265_sps s;
        size_t n = unhex(nal, "42010201600000030090000003000003003c0000a00a480b9c95965652b2c9265780"
                              "b4040000030004000003006420");
        assert_int_equal(h265_sps_parse(BYTES(nal, n), &s, NULL), 0);
        assert_int_equal(s.sub_layers, 2);
        assert_int_equal(s.width, 322);
        assert_int_equal(s.height, 182);
        assert_int_equal(s.profile_tier_level[11], 60);
}

static void refused(void **state)
{
        (void)state;
        uint8_t nal[256];
        struct h265_sps s = { .width = 3 };
        size_t n = unhex(nal, known[0].hex);
        for (size_t cut = 0; cut < 22; cut++) {
                uint8_t *copy = malloc(cut ? cut : 1);
                memcpy(copy, nal, cut);
                assert_int_equal(h265_sps_parse(BYTES(copy, cut), &s, NULL), ERR_PROTOCOL);
                free(copy);
        }
        nal[2] |= 0x0e; /* eight sub-layers */
        assert_int_equal(h265_sps_parse(BYTES(nal, n), &s, NULL), ERR_PROTOCOL);
        nal[0] = 0x40;
        assert_int_equal(h265_sps_parse(BYTES(nal, n), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(s.width, 3);
}

/* hvcC of fixtures/video/axis_test_640x480_h265main.mp4, made by GStreamer. */
static const char axis_hvcc[] = "0121400000008000000000007bf000fcfdf8f800000f03200001001840010c01ff"
                                "ff2140000003008000000300000"
                                "3007b130240210001002c42010121400000030080000003000003007ba0050201e"
                                "16793b91283caae6e0202020800"
                                "6ddd000cdfe6004022000100084401c0373c046c90";

static void records(void **state)
{
        (void)state;
        uint8_t hvcc[200];
        struct nal_sets sets;
        struct media_config c;
        unsigned length = 0, id, sps_id;
        size_t n = unhex(hvcc, axis_hvcc);
        assert_int_equal(h265_config_sets(BYTES(hvcc, n), &sets, &length, NULL), 0);
        assert_int_equal(length, 4);
        assert_int_equal(sets.n, 3);
        assert_int_equal(h265_vps_id(sets.set[0], &id, NULL), 0);
        assert_int_equal(id, 0);
        assert_int_equal(h265_pps_ids(sets.set[2], &id, &sps_id, NULL), 0);
        assert_int_equal(id, 0);
        assert_int_equal(h265_vps_id(sets.set[1], &id, NULL), ERR_PROTOCOL);
        assert_int_equal(h265_pps_ids(sets.set[1], &id, &sps_id, NULL), ERR_PROTOCOL);
        assert_int_equal(h265_config_make(&sets, &c, NULL), 0);
        assert_int_equal(c.width, 640);
        assert_int_equal(c.height, 480);
        /* The same record but for array_completeness, which hvc1 demands. */
        assert_int_equal(c.parameters_n, n);
        hvcc[23] |= 0x80;
        hvcc[23 + 5 + 24] |= 0x80;
        hvcc[23 + 5 + 24 + 5 + 44] |= 0x80;
        assert_memory_equal(c.parameters, hvcc, n);
        for (size_t cut = 0; cut < n; cut++) {
                uint8_t *copy = malloc(cut ? cut : 1);
                memcpy(copy, hvcc, cut);
                assert_int_equal(
                        h265_config_sets(BYTES(copy, cut), &sets, NULL, NULL), ERR_CORRUPT);
                free(copy);
        }
        assert_int_equal(h265_config_sets(BYTES(hvcc, n), &sets, NULL, NULL), 0);
        sets.n = 2;
        assert_int_equal(h265_config_make(&sets, &c, NULL), ERR_INVALID);
}

static void types(void **state)
{
        (void)state;
        /* ITU-T H.265 table 7-1 */
        assert_true(h265_is_irap(16) && h265_is_irap(19) && h265_is_irap(21));
        assert_false(h265_is_irap(15) || h265_is_irap(22) || h265_is_irap(1));
        assert_true(h265_is_picture(0) && h265_is_picture(31));
        assert_false(h265_is_picture(32));
        assert_int_equal(h265_nal_type(BYTES("\x26\x01", 2)), 19);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(sub_layers),
                cmocka_unit_test(refused), cmocka_unit_test(records), cmocka_unit_test(types) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
