/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stamped H.264 byte streams made from the demo footage, frames left out, doubled and swapped on
 * purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <unistd.h>

#include "edge/clip.h"
#include "edge/stamp_check.h"
#include "media/h264.h"

#define CLIP TEST_SOURCE_ROOT "/demo/cars-h264-aac.mp4"
#define FRAME_US 40000

static const uint8_t start_code[] = { 0, 0, 0, 1 };

static void put_nal(FILE *f, struct bytes nal)
{
        fwrite(start_code, sizeof start_code, 1, f);
        fwrite(nal.p, nal.n, 1, f);
}

/* Writes the frames with these counters, ended by -1; from 1000 on without a stamp. */
static void write_file(
        const char *path, const struct clip *c, const char *camera, const int *counters)
{
        const struct clip_track *t = &c->tracks[0];
        FILE *f = fopen(path, "wb");
        struct nal_sets sets;

        assert_non_null(f);
        assert_true(h264_config_sets(BYTES(t->config.parameters, t->config.parameters_n), &sets,
                            NULL, NULL) >= 0);
        for (unsigned i = 0; i < sets.n; i++)
                put_nal(f, sets.set[i]);
        for (int i = 0; counters[i] >= 0; i++) {
                struct stamp s = { .counter = (uint64_t)counters[i],
                        .wall_us = (int64_t)counters[i] * FRAME_US };
                struct bytes rest = clip_bytes(c, &t->samples[i]), nal;
                uint8_t sei[STAMP_NAL_ROOM];

                snprintf(s.camera, sizeof s.camera, "%s", camera);
                if (counters[i] < 1000)
                        put_nal(f, BYTES(sei, stamp_format(MEDIA_H264, 1, &s, sei)));
                while (nal_next(&rest, &nal))
                        if (h264_is_picture(h264_nal_type(nal)))
                                put_nal(f, nal);
        }
        fclose(f);
}

struct fixture {
        struct clip *clip;
        struct stamp_check *check;
        char path[64];
};

static int setup(void **state)
{
        struct fixture *x = xcalloc(1, sizeof *x);

        snprintf(x->path, sizeof x->path, "/tmp/custos-stamps-%d.h264", getpid());
        x->check = stamp_check_new();
        *state = x;
        return clip_open(CLIP, &x->clip, NULL);
}

static int teardown(void **state)
{
        struct fixture *x = *state;

        unlink(x->path);
        stamp_check_free(x->check);
        clip_free(x->clip);
        free(x);
        return 0;
}

static const struct stamp_check_camera *check(
        struct fixture *x, const char *camera, const int *counters)
{
        size_t n;
        struct err e = { 0 };
        const struct stamp_check_camera *all;

        write_file(x->path, x->clip, camera, counters);
        if (stamp_check_file(x->check, x->path, &e) < 0)
                fail_msg("%s", e.text);
        all = stamp_check_cameras(x->check, &n);
        assert_true(n > 0);
        return &all[n - 1];
}

static void test_nothing_missing(void **state)
{
        static const int counters[] = { 5, 6, 7, 8, 9, 10, -1 };
        const struct stamp_check_camera *c = check(*state, "cam", counters);
        struct fixture *x = *state;

        assert_string_equal(c->name, "cam");
        assert_true(c->frames == 6 && c->first == 5 && c->last == 10 && c->missing == 0);
        assert_true(c->first_us == 5 * FRAME_US && c->last_us == 10 * FRAME_US);
        assert_true(stamp_check_complete(x->check));
}

static void test_gaps_are_counted_and_timed(void **state)
{
        static const int counters[] = { 1, 2, 5, 6, 16, -1 };
        const struct stamp_check_camera *c = check(*state, "cam", counters);
        struct fixture *x = *state;

        assert_true(c->frames == 5 && c->missing == 2 + 9 && c->gaps_n == 2);
        assert_true(c->gaps[0].first == 3 && c->gaps[0].last == 4 && c->gaps[0].us == 3 * FRAME_US);
        assert_true(
                c->gaps[1].first == 7 && c->gaps[1].last == 15 && c->gaps[1].us == 10 * FRAME_US);
        assert_true(c->duplicates == 0 && c->out_of_order == 0);
        assert_false(stamp_check_complete(x->check));
}

static void test_doubled_and_swapped(void **state)
{
        static const int counters[] = { 1, 2, 2, 4, 3, 5, -1 };
        const struct stamp_check_camera *c = check(*state, "cam", counters);
        struct fixture *x = *state;

        assert_true(
                c->frames == 5 && c->missing == 0 && c->duplicates == 1 && c->out_of_order == 1);
        assert_true(stamp_check_complete(x->check)); /* nothing is missing */
}

static void test_files_go_on_and_cameras_are_apart(void **state)
{
        static const int one[] = { 1, 2, 3, -1 }, two[] = { 5, 6, -1 }, other[] = { 4, 5, -1 };
        struct fixture *x = *state;
        const struct stamp_check_camera *all;
        size_t n;

        check(x, "a", one);
        assert_true(stamp_check_complete(x->check));
        check(x, "b", other);
        check(x, "a", two);
        all = stamp_check_cameras(x->check, &n);
        assert_int_equal(n, 2);
        assert_true(all[0].frames == 5 && all[0].missing == 1 && all[0].gaps[0].first == 4);
        assert_true(all[1].frames == 2 && all[1].missing == 0);
        assert_false(stamp_check_complete(x->check));
}

static void test_frames_without_a_stamp(void **state)
{
        static const int counters[] = { 1, 2, 1000, 3, -1 };
        struct fixture *x = *state;
        const struct stamp_check_camera *c = check(x, "cam", counters);

        assert_true(c->missing == 0);
        assert_true(stamp_check_unstamped(x->check) == 1);
        assert_false(stamp_check_complete(x->check));
}

static void test_no_stamps_at_all(void **state)
{
        struct fixture *x = *state;
        size_t n;

        assert_int_equal(stamp_check_file(x->check, CLIP, NULL), 0);
        (void)stamp_check_cameras(x->check, &n);
        assert_int_equal(n, 0);
        assert_true(stamp_check_unstamped(x->check) == x->clip->tracks[0].samples_n);
        assert_false(stamp_check_complete(x->check));
}

static void test_not_media(void **state)
{
        struct fixture *x = *state;
        struct err e;

        assert_true(stamp_check_file(x->check, TEST_SOURCE_ROOT "/meson.build", &e) < 0);
        assert_true(stamp_check_file(x->check, "/nonexistent", &e) < 0);
        assert_non_null(strstr(e.text, "/nonexistent"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing_missing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gaps_are_counted_and_timed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_doubled_and_swapped, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_files_go_on_and_cameras_are_apart, setup, teardown),
                cmocka_unit_test_setup_teardown(test_frames_without_a_stamp, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_stamps_at_all, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_media, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
