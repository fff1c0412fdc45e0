/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/pack.h"
#include "media/cenc.h"

static struct cenc_range ranges[CENC_RANGES_MAX];

/* NAL units of the given sizes, each behind its length. */
static void put_nals(struct buf *out, const uint32_t *sizes, size_t n)
{
        struct pack p = pack_to(out);

        for (size_t i = 0; i < n; i++) {
                pack_u32(&p, sizes[i]);
                pack_zeros(&p, sizes[i]);
        }
        assert_false(p.bad);
}

struct expected {
        enum media_codec codec;
        uint32_t sizes[4];
        size_t sizes_n;
        struct cenc_range ranges[4];
        int ranges_n;
};

static void test_plans(void **state)
{
        /* docs/spec/vault.md section 5: length, NAL header and what makes the rest a multiple of 16
         * are clear. */
        static const struct expected cases[] = {
                { MEDIA_H264, { 17 }, 1, { { 5, 16 } }, 1 },
                { MEDIA_H264, { 16 }, 1, { { 20, 0 } }, 1 },
                { MEDIA_H264, { 32 }, 1, { { 4 + 1 + 15, 16 } }, 1 },
                { MEDIA_H264, { 33 }, 1, { { 5, 32 } }, 1 },
                { MEDIA_H265, { 33 }, 1, { { 4 + 2 + 15, 16 } }, 1 },
                { MEDIA_H265, { 34 }, 1, { { 6, 32 } }, 1 },
                { MEDIA_H265, { 1 }, 1, { { 5, 0 } }, 1 },
                { MEDIA_H264, { 0 }, 1, { { 4, 0 } }, 1 },
                /* An access unit delimiter joins the clear run of what follows; a clear end has a
                   range of its own. */
                { MEDIA_H264, { 2, 17, 1000, 3 }, 4,
                        { { 6 + 5, 16 }, { 4 + 1 + 7, 992 }, { 7, 0 } }, 3 },
                { MEDIA_AAC, { 100 }, 1, { { 0, 0 } }, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct expected *c = &cases[i];
                CLEANUP(buf_done) struct buf in;
                buf_init(&in, 4096);
                put_nals(&in, c->sizes, c->sizes_n);
                int n = cenc_plan(c->codec, buf_bytes(&in), ranges, NULL);
                assert_int_equal(n, c->ranges_n);
                for (int k = 0; k < n; k++) {
                        assert_int_equal(ranges[k].clear, c->ranges[k].clear);
                        assert_int_equal(ranges[k].protected_bytes, c->ranges[k].protected_bytes);
                }
        }
}

static void test_broken(void **state)
{
        static const uint8_t too_long[] = { 0, 0, 0, 3, 0x65, 1 };
        static const uint8_t rest[] = { 0, 0, 0, 1, 0x65, 0, 0, 0 };
        static const uint8_t huge[] = { 255, 255, 255, 255, 0x65 };
        struct err e;

        (void)state;
        assert_int_equal(
                cenc_plan(MEDIA_H264, BYTES(too_long, sizeof too_long), ranges, &e), ERR_PROTOCOL);
        assert_int_equal(cenc_plan(MEDIA_H264, BYTES(rest, sizeof rest), ranges, &e), ERR_PROTOCOL);
        assert_int_equal(cenc_plan(MEDIA_H265, BYTES(huge, sizeof huge), ranges, &e), ERR_PROTOCOL);
        assert_int_equal(cenc_plan(MEDIA_H264, BYTES(NULL, 0), ranges, &e), ERR_PROTOCOL);
        assert_int_equal(cenc_plan(MEDIA_AAC, BYTES(NULL, 0), ranges, &e), ERR_PROTOCOL);
        assert_int_equal(
                cenc_plan(MEDIA_AAC, BYTES(too_long, (size_t)ACCESS_UNIT_MAX + 1), ranges, &e),
                ERR_PROTOCOL);
}

static void test_many(void **state)
{
        CLEANUP(buf_done) struct buf in;

        (void)state;
        buf_init(&in, ACCESS_UNIT_MAX);
        for (int i = 0; i < CENC_RANGES_MAX; i++)
                put_nals(&in, (const uint32_t[]){ 17 }, 1);
        assert_int_equal(cenc_plan(MEDIA_H264, buf_bytes(&in), ranges, NULL), CENC_RANGES_MAX);
        put_nals(&in, (const uint32_t[]){ 17 }, 1);
        assert_int_equal(cenc_plan(MEDIA_H264, buf_bytes(&in), ranges, NULL), ERR_EXHAUSTED);
}

/* A clear run longer than 65535 is split, and nothing of the sample is left out. */
static void test_long_clear_run(void **state)
{
        CLEANUP(buf_done) struct buf in;

        (void)state;
        buf_init(&in, ACCESS_UNIT_MAX);
        for (int i = 0; i < 7000; i++)
                put_nals(&in, (const uint32_t[]){ 16 }, 1);
        put_nals(&in, (const uint32_t[]){ 17 }, 1);
        int n = cenc_plan(MEDIA_H264, buf_bytes(&in), ranges, NULL);
        assert_int_equal(n, 3);
        assert_int_equal(ranges[0].clear, 65535);
        assert_int_equal(ranges[0].protected_bytes, 0);
        assert_int_equal(ranges[1].clear, 65535);
        assert_int_equal(ranges[2].clear, 7000 * 20 + 5 - 2 * 65535);
        assert_int_equal(ranges[2].protected_bytes, 16);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plans),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_long_clear_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
