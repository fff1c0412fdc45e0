/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A clock that is set forward ages nothing at once; one that is set back makes nothing older. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vault/retention_clock.h"

#define DAY RETENTION_CLOCK_DAY_US
#define HOUR (DAY / 24)
#define WALL (20000 * DAY)

static void test_an_even_clock(void **state)
{
        (void)state;
        struct retention_clock c;
        retention_clock_init(&c, WALL, 5, 0);
        for (int64_t t = 0; t < 3 * DAY; t += HOUR) /* a minute in each hour is corrected */
                assert_int_equal(
                        retention_clock_now(&c, WALL + t + t / 60, 5 + t), WALL + t + t / 60);
        assert_false(c.apart);
}

static void test_forward_counts_after_a_day(void **state)
{
        (void)state;
        struct retention_clock c;
        int64_t forged = 5000 * DAY;
        retention_clock_init(&c, WALL, 0, WALL - DAY);
        assert_int_equal(retention_clock_now(&c, WALL + forged, 0), WALL);
        assert_true(c.apart);
        assert_int_equal(
                retention_clock_now(&c, WALL + forged + 23 * HOUR, 23 * HOUR), WALL + 23 * HOUR);
        assert_int_equal(retention_clock_now(&c, WALL + forged + DAY, DAY), WALL + forged + DAY);
        assert_false(c.apart);
}

static void test_a_forward_step_that_is_undone(void **state)
{
        (void)state;
        struct retention_clock c;
        retention_clock_init(&c, WALL, 0, 0);
        assert_int_equal(retention_clock_now(&c, WALL + 400 * DAY, 0), WALL);
        assert_int_equal(retention_clock_now(&c, WALL + HOUR, HOUR), WALL + HOUR);
        assert_false(c.apart);
        /* and the next one is held for a day of its own */
        assert_int_equal(retention_clock_now(&c, WALL + 400 * DAY, 20 * HOUR), WALL + 20 * HOUR);
        assert_int_equal(
                retention_clock_now(&c, WALL + 400 * DAY + 20 * HOUR, 40 * HOUR), WALL + 40 * HOUR);
}

static void test_back_counts_at_once(void **state)
{
        (void)state;
        struct retention_clock c;
        retention_clock_init(&c, WALL, 0, 0);
        assert_int_equal(retention_clock_now(&c, 77, HOUR), 77);
        /* set right again: no step forward */
        assert_int_equal(retention_clock_now(&c, WALL + 2 * HOUR, 2 * HOUR), WALL + 2 * HOUR);
        assert_false(c.apart);
}

static void test_a_long_outage(void **state)
{
        (void)state;
        struct retention_clock c;
        retention_clock_init(&c, WALL, 0, WALL - 29 * DAY); /* holidays */
        assert_int_equal(retention_clock_now(&c, WALL, 0), WALL);
        retention_clock_init(&c, WALL, 0, WALL - 31 * DAY);
        assert_int_equal(retention_clock_now(&c, WALL, 0), WALL - 31 * DAY);
        assert_int_equal(retention_clock_now(&c, WALL + DAY, DAY), WALL + DAY);
        retention_clock_init(&c, WALL, 0, WALL + 31 * DAY); /* footage of a time to come */
        assert_int_equal(retention_clock_now(&c, WALL, 0), WALL);
}

/* The recorder begins anew at once; the machine does not. */
static void test_over_a_restart(void **state)
{
        (void)state;
        struct retention_clock c;
        struct retention_clock_kept kept;
        retention_clock_init(&c, WALL, 0, 0);
        assert_int_equal(retention_clock_now(&c, WALL + 400 * DAY + HOUR, HOUR), WALL + HOUR);
        retention_clock_keep(&c, &kept);
        /* footage of the new time is there by now: it does not count */
        retention_clock_resume(&c, &kept, WALL + 400 * DAY + 2 * HOUR, 2 * HOUR);
        assert_int_equal(
                retention_clock_now(&c, WALL + 400 * DAY + 2 * HOUR, 2 * HOUR), WALL + 2 * HOUR);
        assert_true(c.apart);
        assert_int_equal(retention_clock_now(&c, WALL + 401 * DAY, DAY),
                WALL + DAY); /* an hour is missing */
        assert_int_equal(retention_clock_now(&c, WALL + 401 * DAY + HOUR, DAY + HOUR),
                WALL + 401 * DAY + HOUR);
        /* stepped while it was not running, by less than an outage could be */
        retention_clock_init(&c, WALL, 0, 0);
        assert_int_equal(retention_clock_now(&c, WALL + HOUR, HOUR), WALL + HOUR);
        retention_clock_keep(&c, &kept);
        retention_clock_resume(&c, &kept, WALL + 20 * DAY, HOUR + 1);
        assert_int_equal(retention_clock_now(&c, WALL + 20 * DAY, HOUR + 1), WALL + HOUR + 1);
        assert_true(c.apart);
}

static void test_over_a_start_of_the_machine(void **state)
{
        (void)state;
        struct retention_clock c;
        struct retention_clock_kept kept;
        /* off for a week, for two months */
        for (unsigned i = 0; i < 2; i++) {
                int64_t off = i ? 60 * DAY : 7 * DAY;
                retention_clock_init(&c, WALL, 50 * HOUR, 0);
                retention_clock_keep(&c, &kept);
                retention_clock_resume(&c, &kept, WALL + off, 1);
                assert_int_equal(retention_clock_now(&c, WALL + off, 1), i ? WALL : WALL + off);
                assert_int_equal(c.apart, i);
        }
        assert_int_equal(retention_clock_now(&c, WALL + 61 * DAY, DAY + 1), WALL + 61 * DAY);
        /* off for an hour, with a clock that is ahead: so it stays, and what it was held counts */
        retention_clock_init(&c, WALL, 50 * HOUR, 0);
        (void)retention_clock_now(&c, WALL + 20 * DAY, 50 * HOUR);
        (void)retention_clock_now(&c, WALL + 20 * DAY + 20 * HOUR, 70 * HOUR);
        retention_clock_keep(&c, &kept);
        retention_clock_resume(&c, &kept, WALL + 20 * DAY + 21 * HOUR, HOUR);
        assert_int_equal(
                retention_clock_now(&c, WALL + 20 * DAY + 21 * HOUR, HOUR), WALL + 21 * HOUR);
        assert_true(c.apart);
        assert_int_equal(retention_clock_now(&c, WALL + 20 * DAY + 26 * HOUR, 6 * HOUR),
                WALL + 20 * DAY + 26 * HOUR);
        /* put right meanwhile */
        retention_clock_resume(&c, &kept, WALL + 21 * HOUR, HOUR);
        assert_int_equal(retention_clock_now(&c, WALL + 21 * HOUR, HOUR), WALL + 21 * HOUR);
        assert_false(c.apart);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_even_clock),
                cmocka_unit_test(test_forward_counts_after_a_day),
                cmocka_unit_test(test_a_forward_step_that_is_undone),
                cmocka_unit_test(test_back_counts_at_once),
                cmocka_unit_test(test_a_long_outage),
                cmocka_unit_test(test_over_a_restart),
                cmocka_unit_test(test_over_a_start_of_the_machine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
