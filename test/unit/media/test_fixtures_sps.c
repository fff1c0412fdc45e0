/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parameter sets of the fixtures, with the sizes and frame rates that their authors name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/str.h"
#include "fixtures.c"
#include "media/h264.h"
#include "media/h265.h"

struct size {
        uint32_t width, height, framerate_milli;
};

static void parse(bool h264, const char *name, struct bytes nal, struct size *ret)
{
        struct h264_sps a = { 0 };
        struct h265_sps b = { 0 };
        struct err e = { 0 };

        if ((h264 ? h264_sps_parse(nal, &a, &e) : h265_sps_parse(nal, &b, &e)) < 0)
                fail_msg("%s: %s", name, e.text);
        *ret = h264 ? (struct size){ a.width, a.height, a.framerate_milli }
                    : (struct size){ b.width, b.height, b.framerate_milli };
}

/* Whatever is cut off behind the size costs the frame rate alone, and never more. */
static void parse_cut(bool h264, struct bytes nal, const struct size *whole)
{
        for (size_t n = 0; n < nal.n; n++) {
                struct h264_sps a = { .width = whole->width };
                struct h265_sps b = { .width = whole->width };
                uint8_t *copy = malloc(n + 1);

                memcpy(copy, nal.p, n);
                int r = h264 ? h264_sps_parse(BYTES(copy, n), &a, NULL)
                             : h265_sps_parse(BYTES(copy, n), &b, NULL);
                if (r == 0)
                        assert_int_equal(h264 ? a.width : b.width, whole->width);
                free(copy);
        }
}

static void check_file(const char *file, bool h264, size_t expected)
{
        static uint8_t text[65536];
        struct bytes b = fixtures_load(file, text, sizeof text);
        json_t *all = json_loadb((const char *)b.p, b.n, 0, NULL), *one;
        size_t i;

        assert_int_equal(json_array_size(all), expected);
        json_array_foreach(all, i, one)
        {
                const char *name = json_string_value(json_object_get(one, "case"));
                const char *hex = json_string_value(json_object_get(one, "sps_hex"));
                double fps = json_number_value(json_object_get(one, "fps"));
                uint8_t nal[256];
                struct size s;

                assert_true(strlen(hex) / 2 <= sizeof nal);
                assert_int_equal(str_unhex(nal, strlen(hex) / 2, hex, NULL), 0);
                parse(h264, name, BYTES(nal, strlen(hex) / 2), &s);
                if (s.width != json_integer_value(json_object_get(one, "width")) ||
                        s.height != json_integer_value(json_object_get(one, "height")) ||
                        s.framerate_milli != (uint32_t)(fps * 1000 + 0.5))
                        fail_msg("%s %s: %ux%u at %u.%03u", file, name, s.width, s.height,
                                s.framerate_milli / 1000, s.framerate_milli % 1000);
                parse_cut(h264, BYTES(nal, strlen(hex) / 2), &s);
        }
        json_decref(all);
}

static void h264(void **state)
{
        (void)state;
        fixtures_or_skip();
        check_file("sps/h264_sps.json", true, 5);
}

static void h265(void **state)
{
        (void)state;
        fixtures_or_skip();
        check_file("sps/h265_sps.json", false, 4);
}

static void none_without_a_row(void **state)
{
        static const char *const names[] = { "sps/h264_sps.json", "sps/h265_sps.json" };

        (void)state;
        fixtures_or_skip();
        fixtures_all_named("sps", NULL, names, ARRAY_LEN(names), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(h264),
                cmocka_unit_test(h265),
                cmocka_unit_test(none_without_a_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
