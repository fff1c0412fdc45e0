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
#include "media/h264.h"

static size_t unhex(uint8_t *to, const char *hex)
{
        size_t n = strlen(hex) / 2;

        assert_int_equal(str_unhex(to, n, hex, NULL), 0);
        return n;
}

/* fixtures protocol/sps/h264_sps.json (mediacommon, MIT), and SPS of cameras' SDP. */
static const struct {
        const char *hex;
        uint32_t width, height;
        uint8_t profile, level;
} known[] = {
        { "6764000cac3b50b04b420000030002000003003d08", 352, 288, 100, 12 },
        { "6742c028d900780227e584000003000400000300f03c60c920", 1920, 1080, 66, 40 },
        { "67640029ac133140780447de03ea020203e000000300200000065280", 1920, 1080, 100, 41 },
        { "67640032ad84010c20086100430802184010c200843b5014005ad370101014000003000400000300a210",
                2560, 1440, 100, 50 },
        { "674d00299a6403c0113f2e02dc04040500000303e80000c350e86000bab40002eac4bbcb8d0c00175680005d5"
          "8977970a0",
                1920, 1080, 77, 41 },
        /* fixtures video: ffprobe says 640x360 and 768x432. */
        { "6764001eacd940a02ff97011000003000600000301660f162d96", 640, 360, 100, 30 },
        { "6742801696540601bd350606064000000300400000066101", 768, 432, 66, 22 },
};

static void sizes(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                uint8_t nal[256];
                size_t n = unhex(nal, known[i].hex);
                struct h264_sps s;
                assert_int_equal(h264_sps_parse(BYTES(nal, n), &s, NULL), 0);
                assert_int_equal(s.width, known[i].width);
                assert_int_equal(s.height, known[i].height);
                assert_int_equal(s.profile_idc, known[i].profile);
                assert_int_equal(s.level_idc, known[i].level);
                assert_int_equal(s.chroma_format_idc, 1);
                assert_int_equal(s.bit_depth_luma, 8);
        }
}

static void refused(void **state)
{
        (void)state;
        uint8_t nal[256];
        struct h264_sps s = { .width = 3 };
        size_t n = unhex(nal, known[0].hex);
        for (size_t cut = 0; cut < 8; cut++) {
                uint8_t *copy = malloc(cut ? cut : 1);
                memcpy(copy, nal, cut);
                assert_int_equal(h264_sps_parse(BYTES(copy, cut), &s, NULL), ERR_PROTOCOL);
                free(copy);
        }
        nal[0] = 0x68;
        assert_int_equal(h264_sps_parse(BYTES(nal, n), &s, NULL), ERR_PROTOCOL);
        /* Baseline, id 0, log2 0, order type 2, refs 0, 2^31 macroblocks wide: ue 31 zeros. */
        n = unhex(nal, "6742001ee400000000800000004000000020");
        assert_int_equal(h264_sps_parse(BYTES(nal, n), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(s.width, 3);
}

/* avcC of two files of fixtures/video, made by other writers. */
static void records(void **state)
{
        (void)state;
        uint8_t avcc[128];
        struct nal_sets sets;
        struct media_config c;
        unsigned length = 0;
        size_t n = unhex(avcc,
                "01428016ffe100176742801696540601bd350606064000000300400000066101000468ce3520");
        assert_int_equal(h264_config_sets(BYTES(avcc, n), &sets, &length, NULL), 0);
        assert_int_equal(length, 4);
        assert_int_equal(sets.n, 2);
        assert_int_equal(h264_nal_type(sets.set[1]), H264_PPS);
        assert_int_equal(h264_config_make(&sets, &c, NULL), 0);
        assert_int_equal(c.codec, MEDIA_H264);
        assert_int_equal(c.width, 768);
        assert_int_equal(c.height, 432);
        assert_int_equal(c.clock_rate, 90000);
        assert_int_equal(c.parameters_n, n);
        assert_memory_equal(c.parameters, avcc, n);
        /* High profile: the record ends in chroma format, depths and no SPS extensions. */
        n = unhex(avcc, "0164001effe1001a6764001eacd940a02ff97011000003000600000301660f162d96010006"
                        "68ebe24b22c0");
        assert_int_equal(h264_config_sets(BYTES(avcc, n), &sets, NULL, NULL), 0);
        assert_int_equal(h264_config_make(&sets, &c, NULL), 0);
        assert_int_equal(c.parameters_n, n + 4);
        assert_memory_equal(c.parameters, avcc, n);
        assert_memory_equal(c.parameters + n, "\xfd\xf8\xf8\x00", 4);
        for (size_t cut = 0; cut < n; cut++) {
                uint8_t *copy = malloc(cut ? cut : 1);
                memcpy(copy, avcc, cut);
                assert_int_equal(
                        h264_config_sets(BYTES(copy, cut), &sets, NULL, NULL), ERR_CORRUPT);
                free(copy);
        }
        sets.n = 1;
        assert_int_equal(h264_config_make(&sets, &c, NULL), ERR_INVALID);
        sets.n = 0;
        assert_int_equal(h264_config_make(&sets, &c, NULL), ERR_INVALID);
}

static void pictures(void **state)
{
        (void)state;
        unsigned id, sps_id;
        assert_int_equal(h264_pps_ids(BYTES("\x68\xce\x35\x20", 4), &id, &sps_id, NULL), 0);
        assert_int_equal(id, 0);
        assert_int_equal(sps_id, 0);
        /* 010 011: ids 1 and 2 */
        assert_int_equal(h264_pps_ids(BYTES("\x68\x4c", 2), &id, &sps_id, NULL), 0);
        assert_int_equal(id, 1);
        assert_int_equal(sps_id, 2);
        assert_int_equal(h264_pps_ids(BYTES("\x68", 1), &id, &sps_id, NULL), ERR_PROTOCOL);
        assert_int_equal(h264_pps_ids(BYTES(NULL, 0), &id, &sps_id, NULL), ERR_PROTOCOL);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(refused),
                cmocka_unit_test(records), cmocka_unit_test(pictures) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
