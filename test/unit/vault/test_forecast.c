/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Days ahead, reckoned by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vault/forecast.h"

#define GB UINT64_C(1000000000)
#define TB (1000 * GB)

static void near(double got, double want)
{
        assert_true(got > want - 0.02 && got < want + 0.02);
}

static void test_full(void **state)
{
        (void)state;
        struct forecast_volume v = {
                .free_bytes = 1025 * GB, .reserve_bytes = 20u * GB, .bytes_a_day = 100e9
        };
        near(forecast_full_in_days(&v), 10); /* 1000 GB above what retention keeps free */
        v.free_bytes = 25u * GB;
        assert_true(forecast_full_in_days(&v) == 0);
        v.bytes_a_day = 0; /* it is full, whatever comes */
        assert_true(forecast_full_in_days(&v) == 0);
        v.free_bytes = TB;
        assert_true(forecast_full_in_days(&v) == FORECAST_NEVER);
        v = (struct forecast_volume){ 0 };
        assert_true(forecast_full_in_days(&v) == 0);
}

static void test_keeps(void **state)
{
        (void)state;
        struct forecast_volume v = { .free_bytes = 20u * GB,
                .reserve_bytes = 20u * GB,
                .footage_bytes = TB,
                .locked_bytes = 400u * GB,
                .bytes_a_day = 50e9 };
        near(forecast_keeps_days(&v), 12); /* 600 of 1000 GB may go */
        v.locked_bytes = 2 * TB;           /* never less than nothing */
        assert_true(forecast_keeps_days(&v) == 0);
        v.bytes_a_day = 0;
        assert_true(forecast_keeps_days(&v) == FORECAST_NEVER);
}

static void test_minimum(void **state)
{
        (void)state;
        struct forecast_volume v[2] = { { .free_bytes = 500u * GB }, { .free_bytes = 500u * GB } };
        struct forecast_stream s[2] = { { .bytes_a_day = 10e9, .min_days = 30 },
                { .bytes_a_day = 10e9, .min_days = 30 } };
        assert_true(forecast_minimum_in_days(v, 2, s, 2) == FORECAST_NEVER); /* 600 of 1000 GB */
        s[0].bytes_a_day = 90e9; /* 3000 GB: full after ten days */
        near(forecast_minimum_in_days(v, 2, s, 2), 10);
        near(forecast_minimum_in_days(v, 1, s, 2), 5);
        /* A stream without a minimum claims nothing. */
        s[0].min_days = 0;
        assert_true(forecast_minimum_in_days(v, 2, s, 2) == FORECAST_NEVER);
        /* What it has counts as long as it is within the minimum: 20 days of 40 GB, and 40 more a
         * day. */
        struct forecast_volume full = { .free_bytes = 200u * GB, .footage_bytes = 800u * GB };
        struct forecast_stream one = {
                .bytes = 800u * GB, .days_kept = 20, .bytes_a_day = 40e9, .min_days = 30
        };
        near(forecast_minimum_in_days(&full, 1, &one, 1), 5);
        one.bytes_a_day =
                20e9; /* after 10 days the old ones begin to leave faster than new ones come */
        assert_true(forecast_minimum_in_days(&full, 1, &one, 1) == FORECAST_NEVER);
        /* It gives way already. */
        full.locked_bytes = 300u * GB;
        assert_true(forecast_minimum_in_days(&full, 1, &one, 1) == 0);
        assert_true(forecast_minimum_in_days(NULL, 0, NULL, 0) == FORECAST_NEVER);
}

static void test_stops(void **state)
{
        (void)state;
        struct forecast_volume v = { .free_bytes = 30u * GB,
                .reserve_bytes = 20u * GB,
                .footage_bytes = 500u * GB,
                .locked_bytes = 310u * GB };
        struct forecast_stream s[2] = { { .bytes_a_day = 10e9 }, { .bytes_a_day = 90e9 } };
        assert_true(forecast_stops_in_days(&v, 1, s, 2) == FORECAST_NEVER);
        s[0].locking = true; /* 200 GB are not locked yet, and 10 more are locked each day */
        near(forecast_stops_in_days(&v, 1, s, 2), 20);
        v.locked_bytes = 500u * GB;
        v.free_bytes = 20u * GB;
        assert_true(forecast_stops_in_days(&v, 1, s, 2) == 0);
        s[0].locking = false;
        assert_true(forecast_stops_in_days(&v, 1, s, 2) == 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_full),
                cmocka_unit_test(test_keeps),
                cmocka_unit_test(test_minimum),
                cmocka_unit_test(test_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
