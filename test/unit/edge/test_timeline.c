/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/timeline.h"

static void test_round_fits_both_clocks(void **state)
{
        const uint32_t clocks[] = { 90000, 48000 };
        const int64_t ends[] = { 2714400, 1447936 }; /* 30.16 s of pictures, 1414 AAC frames */
        struct timeline t;

        (void)state;
        assert_int_equal(timeline_init(&t, clocks, ends, 2, NULL), 0);
        /* 1414 * 1024 / 48000 s = 30.165333 s, in 1/6000 s: 180992 exactly. */
        assert_int_equal(t.round_ticks[0], 180992 * 15);
        assert_int_equal(t.round_ticks[1], 180992 * 8);
}

static void test_rounds_up_to_a_common_tick(void **state)
{
        const uint32_t clocks[] = { 90000, 44100 };
        const int64_t ends[] = { 1,
                44100 * 10 + 1 }; /* a hair above 10 s; the common tick is 1/900 s */
        struct timeline t;

        (void)state;
        assert_int_equal(timeline_init(&t, clocks, ends, 2, NULL), 0);
        assert_int_equal(t.round_ticks[0], 9001 * 100);
        assert_int_equal(t.round_ticks[1], 9001 * 49);
}

static void test_no_drift_after_years(void **state)
{
        const uint32_t clocks[] = { 90000, 44100 };
        const int64_t ends[] = { 903003, 442368 };
        const uint64_t rounds = 30000000; /* of 10 s: nine and a half years */
        struct timeline t;
        int64_t video, audio;

        (void)state;
        assert_int_equal(timeline_init(&t, clocks, ends, 2, NULL), 0);
        video = timeline_ticks(&t, 0, rounds, 0);
        audio = timeline_ticks(&t, 1, rounds, 0);
        assert_true(
                video % 90000 * 44100 == audio % 44100 * 90000); /* the same fraction of a second */
        assert_true(timeline_us(&t, 0, video) == timeline_us(&t, 1, audio));
        assert_true(timeline_us(&t, 0, video) / 1000000 == video / 90000);
        assert_true(timeline_ticks_of_us(&t, 0, timeline_us(&t, 0, video)) >= video - 1);
        assert_true(timeline_ticks_of_us(&t, 0, timeline_us(&t, 0, video)) <= video);
}

static void test_microseconds(void **state)
{
        const uint32_t clocks[] = { 90000 };
        const int64_t ends[] = { 90000 };
        struct timeline t;

        (void)state;
        assert_int_equal(timeline_init(&t, clocks, ends, 1, NULL), 0);
        assert_true(timeline_us(&t, 0, 3600) == 40000);
        assert_true(timeline_us(&t, 0, 90001) == 1000011);
        assert_true(timeline_ticks_of_us(&t, 0, 1500000) == 135000);
        assert_true(timeline_ticks(&t, 0, 3, 7) == 270007);
}

static void test_refuses(void **state)
{
        const uint32_t clocks[] = { 90000, 0 }, fast[] = { 90000, TIMELINE_CLOCK_MAX + 1 },
                       good[] = { 90000, 48000 };
        const int64_t ends[] = { 1, 1 }, empty[] = { 1, 0 }, negative[] = { -1, 1 },
                      endless[] = { INT64_MAX, 1 };
        struct timeline t = { .tracks_n = 77 };
        struct err e;

        (void)state;
        assert_int_equal(timeline_init(&t, clocks, ends, 2, &e), ERR_INVALID);
        assert_int_equal(timeline_init(&t, fast, ends, 2, &e), ERR_INVALID);
        assert_int_equal(timeline_init(&t, good, empty, 2, &e), ERR_INVALID);
        assert_int_equal(timeline_init(&t, good, negative, 2, &e), ERR_INVALID);
        assert_int_equal(timeline_init(&t, good, endless, 2, &e), ERR_INVALID);
        assert_int_equal(t.tracks_n, 77);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_fits_both_clocks),
                cmocka_unit_test(test_rounds_up_to_a_common_tick),
                cmocka_unit_test(test_no_drift_after_years),
                cmocka_unit_test(test_microseconds),
                cmocka_unit_test(test_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
