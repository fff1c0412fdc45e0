/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps, drift and synchronization of the recorder's clock, as they are noticed and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/fault.h"
#include "recorder/parent_clock.h"

#define SECOND INT64_C(1000000)
#define NOON INT64_C(1795348800000000) /* 2026-11-22T12:00:00Z */

struct story {
        struct parent_clock clock;
        struct parent_clock_reading now;
};

static struct story begin(void)
{
        struct story s = { .now = { .wall_us = NOON, .boot_us = 500 * SECOND, .told = true } };

        s.now.kept.synchronized = true;
        parent_clock_look(&s.clock, &s.now);
        return s;
}

/* A second of which the wall clock makes something else. */
static void tick(struct story *s, int64_t extra_us)
{
        s->now.boot_us += SECOND;
        s->now.wall_us += SECOND + extra_us;
        parent_clock_look(&s->clock, &s->now);
}

static json_t *told(struct story *s)
{
        return parent_clock_format(&s->clock);
}

static json_int_t number(const json_t *o, const char *key)
{
        assert_true(json_is_integer(json_object_get(o, key)));
        return json_integer_value(json_object_get(o, key));
}

static void test_steps(void **state)
{
        struct story s = begin();

        (void)state;
        tick(&s, 99999);
        tick(&s, -99999);
        assert_int_equal(s.clock.steps_total, 0);
        tick(&s, 100000);
        tick(&s, -3600 * SECOND);
        tick(&s, 3600 * SECOND);
        json_t *o = told(&s), *list = json_object_get(o, "last_steps");
        assert_int_equal(number(o, "steps"), 3);
        assert_int_equal(json_array_size(list), 3);
        assert_int_equal(number(json_array_get(list, 0), "step_us"), 100000);
        assert_int_equal(number(json_array_get(list, 1), "step_us"), -3600 * SECOND);
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "time")),
                "2026-11-22T11:00:04.100Z");
        assert_int_equal(number(json_array_get(list, 2), "step_us"), 3600 * SECOND);
        json_decref(o);
}

/* A machine that slept, or a parent that had no turn for a minute: both clocks went on. */
static void test_what_is_no_step(void **state)
{
        struct story s = begin();

        (void)state;
        s.now.boot_us += 3600 * SECOND;
        s.now.wall_us += 3600 * SECOND + 20000;
        parent_clock_look(&s.clock, &s.now);
        /* Slow drift, of which no look sees much: 500 ppm over an hour. */
        for (unsigned i = 0; i < 3600; i++)
                tick(&s, 500);
        assert_int_equal(s.clock.steps_total, 0);
}

static void test_the_last_steps_are_kept(void **state)
{
        struct story s = begin();

        (void)state;
        for (int i = 1; i <= PARENT_CLOCK_STEPS_KEPT + 5; i++)
                tick(&s, i * SECOND);
        json_t *o = told(&s), *list = json_object_get(o, "last_steps");
        assert_int_equal(number(o, "steps"), PARENT_CLOCK_STEPS_KEPT + 5);
        assert_int_equal(json_array_size(list), PARENT_CLOCK_STEPS_KEPT);
        assert_int_equal(number(json_array_get(list, 0), "step_us"), 6 * SECOND);
        assert_int_equal(number(json_array_get(list, PARENT_CLOCK_STEPS_KEPT - 1), "step_us"),
                (PARENT_CLOCK_STEPS_KEPT + 5) * SECOND);
        json_decref(o);
}

static void test_drift(void **state)
{
        struct story s = begin();
        json_t *o;

        (void)state;
        s.now.slewed_us = 100;
        tick(&s, 0);
        o = told(&s);
        assert_true(json_is_null(json_object_get(o, "drift_ppm"))); /* too soon to say */
        json_decref(o);
        s.now.boot_us += 999 * SECOND;
        s.now.wall_us += 999 * SECOND;
        s.now.slewed_us = -25000;
        parent_clock_look(&s.clock, &s.now);
        o = told(&s);
        assert_int_equal(number(o, "slewed_us"), -25000);
        assert_true(json_real_value(json_object_get(o, "drift_ppm")) == -25.0);
        json_decref(o);
}

static void assert_state(struct story *s, const char *name, const char *since)
{
        json_t *o = told(s);

        assert_string_equal(json_string_value(json_object_get(o, "state")), name);
        assert_string_equal(json_string_value(json_object_get(o, "since")), since);
        json_decref(o);
}

static void test_synchronization(void **state)
{
        struct story s = begin();

        (void)state;
        s.now.kept = (struct clock_discipline){ true, -70, 30, 2000 };
        tick(&s, 0);
        json_t *o = told(&s);
        assert_true(json_is_true(json_object_get(o, "synchronized")));
        assert_int_equal(number(o, "offset_us"), -70);
        assert_int_equal(number(o, "estimated_error_us"), 30);
        assert_int_equal(number(o, "maximum_error_us"), 2000);
        json_decref(o);
        assert_state(&s, "healthy", "2026-11-22T12:00:00.000Z");

        s.now.kept.synchronized = false;
        tick(&s, 0);
        tick(&s, 0);
        assert_state(&s, "clock-not-synchronized", "2026-11-22T12:00:02.000Z");
        o = told(&s);
        assert_string_equal(json_string_value(json_object_get(o, "remedy")),
                fault_remedy(FAULT_CLOCK_NOT_SYNCHRONIZED));
        json_decref(o);

        s.now.kept.synchronized = true;
        tick(&s, 0);
        assert_state(&s, "healthy", "2026-11-22T12:00:04.000Z");

        s.now.told = false; /* nobody knows: said as such, and an alarm all the same */
        tick(&s, 0);
        assert_state(&s, "clock-not-synchronized", "2026-11-22T12:00:05.000Z");
        o = told(&s);
        assert_true(json_is_null(json_object_get(o, "synchronized")));
        assert_true(json_is_null(json_object_get(o, "offset_us")));
        json_decref(o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_steps),
                cmocka_unit_test(test_what_is_no_step),
                cmocka_unit_test(test_the_last_steps_are_kept),
                cmocka_unit_test(test_drift),
                cmocka_unit_test(test_synchronization),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
