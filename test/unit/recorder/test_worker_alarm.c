/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a stream says that it is overloaded, and what counts more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recorder/worker_alarm.h"

#define SECOND INT64_C(1000000)

static void test_begins_and_ends_once(void **state)
{
        struct worker_alarm a = { 0 };
        int64_t now = 5 * SECOND;

        (void)state;
        assert_int_equal(worker_alarm_overload(&a, 0, false, now), WORKER_ALARM_SAME);
        assert_int_equal(worker_alarm_fault(&a), FAULT_NONE);
        assert_int_equal(worker_alarm_overload(&a, 25, false, now), WORKER_ALARM_BEGAN);
        assert_int_equal(worker_alarm_fault(&a), FAULT_OVERLOAD);
        for (unsigned i = 1; i <= 20; i++)
                assert_int_equal(worker_alarm_overload(&a, 25 + i, false, now += 2 * SECOND),
                        WORKER_ALARM_SAME);
        assert_int_equal(worker_alarm_overload(&a, 45, false, now + WORKER_ALARM_OVERLOAD_US - 1),
                WORKER_ALARM_SAME);
        assert_int_equal(worker_alarm_overload(&a, 45, false, now + WORKER_ALARM_OVERLOAD_US),
                WORKER_ALARM_ENDED);
        assert_int_equal(worker_alarm_dropped(&a), 45);
        assert_int_equal(worker_alarm_fault(&a), FAULT_NONE);
        assert_int_equal(
                worker_alarm_overload(&a, 46, false, now + 60 * SECOND), WORKER_ALARM_BEGAN);
        assert_int_equal(worker_alarm_dropped(&a), 1);
}

static void test_lasts_as_long_as_it_is_shed(void **state)
{
        struct worker_alarm a = { 0 };

        (void)state;
        assert_int_equal(worker_alarm_overload(&a, 0, true, 0), WORKER_ALARM_BEGAN);
        assert_int_equal(worker_alarm_overload(&a, 0, true, 100 * SECOND), WORKER_ALARM_SAME);
        assert_int_equal(worker_alarm_overload(&a, 0, false, 200 * SECOND), WORKER_ALARM_ENDED);
}

static void test_a_worse_one_counts(void **state)
{
        struct worker_alarm a = { .liveness = FAULT_REPEATED_FOOTAGE };

        (void)state;
        worker_alarm_overload(&a, 1, false, 0);
        assert_int_equal(worker_alarm_fault(&a), FAULT_REPEATED_FOOTAGE);
        a.liveness = FAULT_NONE;
        assert_int_equal(worker_alarm_fault(&a), FAULT_OVERLOAD);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_begins_and_ends_once),
                cmocka_unit_test(test_lasts_as_long_as_it_is_shed),
                cmocka_unit_test(test_a_worse_one_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
