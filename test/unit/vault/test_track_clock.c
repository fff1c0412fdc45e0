/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vault/track_clock.h"

#define WALL INT64_C(1795359600000000)

/* A picture with stamp 900000 was received at WALL and, by the camera's reports, taken 3 s earlier.
 */
static const struct track_clock_mark picture = {
        .pts = 900000, .arrival_us = WALL, .sender_us = WALL - 3000000, .clock_rate = 90000
};

static struct track_clock sound_clock(void)
{
        return (struct track_clock){ .clock_rate = 48000, .timescale = 48000 };
}

static void test_rescale(void **state)
{
        (void)state;
        assert_true(track_clock_rescale(1, 90000, 48000) == 0);
        assert_true(track_clock_rescale(-1, 90000, 48000) == -1); /* downwards */
        assert_true(track_clock_rescale(90000 * INT64_C(1000000000), 90000, 48000) ==
                    48000 * INT64_C(1000000000));
        assert_true(track_clock_rescale(-15, 15, 8) == -8);
}

/* Sound that was received with the picture, and by the reports belongs 200 ms before it. */
static void test_reports_are_preferred(void **state)
{
        struct access_unit u = { .pts = 5000, .arrival_us = WALL, .sender_us = WALL - 3200000 };
        struct track_clock c = sound_clock();

        (void)state;
        track_clock_align(&c, &u, &picture);
        assert_true(track_clock_time(&c, &u, &picture, 900000 - 90000) == 48000 - 9600);
        u.pts += 1024;
        u.arrival_us += 21333;
        assert_true(track_clock_time(&c, &u, &picture, 900000 - 90000) == 48000 - 9600 + 1024);
}

static void test_arrival_without_reports(void **state)
{
        struct access_unit u = { .pts = 5000, .arrival_us = WALL + 500000, .sender_us = INT64_MIN };
        struct track_clock c = sound_clock();

        (void)state;
        track_clock_align(&c, &u, &picture);
        assert_true(track_clock_time(&c, &u, &picture, 900000) == 24000);
        /* Without reports it stays as it is: jitter of arrival does not move the sound. */
        u.arrival_us += 300000;
        track_clock_align(&c, &u, &picture);
        assert_true(track_clock_time(&c, &u, &picture, 900000) == 24000);
}

/* Reports of two clocks that have nothing to do with each other, and reports that are lies. */
static void test_wild_reports(void **state)
{
        static const int64_t wild[] = { 0, INT64_MAX, INT64_MIN + 1, WALL + 60000000, -WALL };

        (void)state;
        for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
                struct access_unit u = { .pts = 5000, .arrival_us = WALL, .sender_us = wild[i] };
                struct track_clock c = sound_clock();
                track_clock_align(&c, &u, &picture);
                assert_true(track_clock_time(&c, &u, &picture, 900000) == 0);
        }
}

static void test_stamps_that_leave_their_arrival(void **state)
{
        struct access_unit u = { .pts = 5000, .arrival_us = WALL, .sender_us = INT64_MIN };
        struct track_clock c = sound_clock();

        (void)state;
        track_clock_align(&c, &u, &picture);
        u.pts += 48000 * INT64_C(100);
        u.arrival_us += 40000;
        assert_true(track_clock_time(&c, &u, &picture, 900000) == 1920);
        u.pts = -TRACK_CLOCK_PTS_MAX;
        assert_true(track_clock_time(&c, &u, &picture, 900000) == 1920);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rescale),
                cmocka_unit_test(test_reports_are_preferred),
                cmocka_unit_test(test_arrival_without_reports),
                cmocka_unit_test(test_wild_reports),
                cmocka_unit_test(test_stamps_that_leave_their_arrival),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
