/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/aac.h"

static struct aac_config parsed(const void *p, size_t n)
{
        struct aac_config c;
        struct err e = { 0 };

        if (aac_config_parse(BYTES(p, n), &c, &e) < 0)
                fail_msg("%s", e.text);
        return c;
}

/* config= of the fixtures' SDP, whose rtpmap says the rate: 1490 is 12000/2, 1188 48000, 1408
 * 16000, 1588 8000/1. */
static void cameras(void **state)
{
        (void)state;
        struct aac_config c = parsed("\x14\x90", 2);
        assert_int_equal(c.object_type, 2);
        assert_int_equal(c.sample_rate, 12000);
        assert_int_equal(c.channels, 2);
        assert_int_equal(c.frame_samples, 1024);
        assert_int_equal(parsed("\x11\x88", 2).sample_rate, 48000);
        assert_int_equal(parsed("\x14\x08", 2).sample_rate, 16000);
        c = parsed("\x15\x88", 2);
        assert_int_equal(c.sample_rate, 8000);
        assert_int_equal(c.channels, 1);
        /* With an SBR tail behind (1188 56E500). */
        assert_int_equal(parsed("\x11\x88\x56\xe5\x00", 5).sample_rate, 48000);
        /* Object type 5 in front: 00101 0110 0001 0011 00010 0.. is SBR, 24000, mono, 48000, core
         * LC. */
        c = parsed("\x2b\x09\x88\x00", 4);
        assert_int_equal(c.object_type, 2);
        assert_int_equal(c.sample_rate, 24000);
        assert_int_equal(c.output_rate, 48000);
        /* 00010 1111, 24 bits of 44056, 0010, 1: an explicit rate and frames of 960. */
        c = parsed("\x17\x80\x56\x0c\x14\x00", 6);
        assert_int_equal(c.sample_rate, 44056);
        assert_int_equal(c.channels, 2);
        assert_int_equal(c.frame_samples, 960);
}

static void refused(void **state)
{
        (void)state;
        static const char *const bad[] = { "\x16\x90", /* index 13 */
                "\xf8\x20", /* object type 33 */ "\x14\xc0",
                /* 8 channels */ "\x02\x10", /* type 0 */
                "\x17\x80" /* cut behind the escape */ };
        struct aac_config c = { .channels = 7 };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(aac_config_parse(BYTES(bad[i], 2), &c, NULL), ERR_INVALID);
        assert_int_equal(aac_config_parse(BYTES("\x14", 1), &c, NULL), ERR_INVALID);
        assert_int_equal(aac_config_parse(BYTES(NULL, 0), &c, NULL), ERR_INVALID);
        assert_int_equal(c.channels, 7);
}

static void formatted(void **state)
{
        (void)state;
        uint8_t to[2];
        assert_int_equal(aac_config_format(12000, 2, to, NULL), 0);
        assert_memory_equal(to, "\x14\x90", 2);
        assert_int_equal(aac_config_format(8000, 1, to, NULL), 0);
        assert_memory_equal(to, "\x15\x88", 2);
        assert_int_equal(aac_config_format(44056, 1, to, NULL), ERR_INVALID);
        assert_int_equal(aac_config_format(48000, 7, to, NULL), ERR_INVALID);
        struct media_config m;
        assert_int_equal(aac_config_make(BYTES("\x14\x90", 2), &m, NULL), 0);
        assert_int_equal(m.codec, MEDIA_AAC);
        assert_int_equal(m.clock_rate, 12000);
        assert_int_equal(m.channels, 2);
        assert_int_equal(m.parameters_n, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(cameras), cmocka_unit_test(refused),
                cmocka_unit_test(formatted) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
