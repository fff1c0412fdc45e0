/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libavutil/frame.h>
#include <string.h>

#include "transcoder/picture_scaler.h"

static void test_sizes(void **state)
{
        static const struct {
                int width, height, to_width, to_height;
        } cases[] = { { 640, 480, 640, 480 }, { 1920, 1080, 1920, 1080 },
                { 1920, 1088, 1904, 1080 }, { 3840, 2160, 1920, 1080 }, { 2160, 3840, 1080, 1920 },
                { 4000, 3000, 1440, 1080 }, { 641, 481, 640, 480 }, { 1, 1, 2, 2 },
                { 16384, 2, 1920, 2 } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int width, height;
                picture_scaler_fit(cases[i].width, cases[i].height, &width, &height);
                assert_int_equal(width, cases[i].to_width);
                assert_int_equal(height, cases[i].to_height);
        }
}

static void test_widths(void **state)
{
        AVFrame *f = av_frame_alloc();
        int width, height;

        (void)state;
        f->width = 704;
        f->height = 576;
        f->sample_aspect_ratio = (AVRational){ 16, 11 }; /* shown 1024 x 576 */
        picture_scaler_to_width(f, 320, &width, &height);
        assert_int_equal(width, 320);
        assert_int_equal(height, 180);
        picture_scaler_to_width(f, 0, &width, &height);
        assert_int_equal(width, 1024);
        assert_int_equal(height, 576);
        f->sample_aspect_ratio = (AVRational){ 1, 1000 }; /* that is none */
        picture_scaler_to_width(f, 2000, &width, &height);
        assert_int_equal(width, 704); /* never larger */
        assert_int_equal(height, 576);
        av_frame_free(&f);
}

/* Of 10 bits and 4:2:2, as cameras of better kinds send. */
static void test_forms(void **state)
{
        static const int forms[] = { AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ422P,
                AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_GRAY8,
                AV_PIX_FMT_YUVJ444P };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
                struct picture_scaler s = { 0 };
                AVFrame *f = av_frame_alloc(), *got;
                f->width = 128;
                f->height = 96;
                f->format = forms[i];
                assert_int_equal(av_frame_get_buffer(f, 0), 0);
                for (int p = 0; p < 3 && f->data[p]; p++)
                        memset(f->data[p], 0, (size_t)f->linesize[p]); /* the rest is whatever */
                assert_int_equal(picture_scaler_run(&s, f, 64, 48, true, &got, &e), 0);
                assert_true(got->width == 64 && got->height == 48);
                assert_true(got->format == AV_PIX_FMT_YUV420P);
                assert_int_equal(got->color_range, AVCOL_RANGE_JPEG);
                picture_scaler_done(&s);
                av_frame_free(&f);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_widths),
                cmocka_unit_test(test_forms),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
