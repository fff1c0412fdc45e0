/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "os/clock.h"

static int64_t seconds_off(void)
{
        return clock_wall_us() / 1000000 - (int64_t)time(NULL);
}

static void test_wall_is_the_systems(void **state)
{
        (void)state;
        unsetenv("CUSTOS_CLOCK_OFFSET_S");
        assert_in_range(seconds_off() + 1, 0, 2);
        assert_in_range(clock_log_us() - clock_wall_us() + 1000000, 0, 1000000);
}

static void test_wall_is_shifted(void **state)
{
        (void)state;
        setenv("CUSTOS_CLOCK_OFFSET_S", "7200", 1);
        assert_in_range(seconds_off(), 7199, 7201);
        setenv("CUSTOS_CLOCK_OFFSET_S", "-86400", 1);
        assert_in_range(-seconds_off(), 86399, 86401);
        unsetenv("CUSTOS_CLOCK_OFFSET_S");
}

static void test_bad_shifts_are_none(void **state)
{
        static const char *const bad[] = { "", "1h", "x", "99999999999999999999",
                "9223372036854775807", "-9223372036854775808" };

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                setenv("CUSTOS_CLOCK_OFFSET_S", bad[i], 1);
                assert_in_range(seconds_off() + 1, 0, 2);
        }
        unsetenv("CUSTOS_CLOCK_OFFSET_S");
}

static void test_boot_is_not_shifted_and_goes_on(void **state)
{
        struct timespec t;

        (void)state;
        setenv("CUSTOS_CLOCK_OFFSET_S", "-86400", 1);
        clock_gettime(CLOCK_BOOTTIME, &t);
        int64_t before = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
        int64_t a = clock_boot_us();
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        int64_t b = clock_boot_us();
        assert_in_range(a - before, 0, 5000000);
        assert_in_range(b - a, 2000, 5000000);
        unsetenv("CUSTOS_CLOCK_OFFSET_S");
}

/* Asking is allowed to everybody; the answer is the kernel's, whatever it is. */
static void test_discipline(void **state)
{
        struct clock_discipline d = { .maximum_error_us = -1 };
        struct err e;

        (void)state;
        int r = clock_discipline(&d, &e);
        if (r < 0) {
                assert_int_equal(r, ERR_UNAVAILABLE);
                assert_int_equal(d.maximum_error_us, -1);
                return;
        }
        assert_true(d.maximum_error_us >= 0 && d.estimated_error_us >= 0);
        int64_t a = clock_slewed_us();
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        int64_t b = clock_slewed_us();
        assert_true(b - a > -100000 && b - a < 100000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wall_is_the_systems),
                cmocka_unit_test(test_wall_is_shifted),
                cmocka_unit_test(test_bad_shifts_are_none),
                cmocka_unit_test(test_boot_is_not_shifted_and_goes_on),
                cmocka_unit_test(test_discipline),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
