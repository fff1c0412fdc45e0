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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_even_clock),
                cmocka_unit_test(test_forward_counts_after_a_day),
                cmocka_unit_test(test_a_forward_step_that_is_undone),
                cmocka_unit_test(test_back_counts_at_once),
                cmocka_unit_test(test_a_long_outage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
