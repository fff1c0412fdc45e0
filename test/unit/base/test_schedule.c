/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Schedules: what people write, what they mistype, and which minutes of a week lie inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/schedule.h"

enum { SUN, MON, TUE, WED, THU, FRI, SAT };

static struct schedule parsed(const char *text)
{
        struct schedule s;
        struct err e;

        if (schedule_parse(text, &s, &e) < 0)
                fail_msg("%s: %s", text, e.text);
        return s;
}

static bool at(const struct schedule *s, unsigned day, unsigned hour, unsigned minute)
{
        return schedule_inside(s, day, hour * 60 + minute);
}

static unsigned minutes_inside(const struct schedule *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < SCHEDULE_WEEK_MINUTES; i++)
                n += schedule_inside(s, i / SCHEDULE_DAY_MINUTES, i % SCHEDULE_DAY_MINUTES);
        return n;
}

static void test_working_hours(void **state)
{
        struct schedule s = parsed("mon-fri 08:00-18:00, sat 10:00-14:00");

        (void)state;
        assert_int_equal(minutes_inside(&s), 5 * 600 + 240);
        assert_false(at(&s, MON, 7, 59));
        assert_true(at(&s, MON, 8, 0));
        assert_true(at(&s, FRI, 17, 59));
        assert_false(at(&s, FRI, 18, 0));
        assert_true(at(&s, SAT, 10, 0));
        assert_false(at(&s, SUN, 12, 0));
}

static void test_over_midnight_and_over_the_week(void **state)
{
        struct schedule s = parsed("sat 22:00-05:30");

        (void)state;
        assert_true(at(&s, SAT, 23, 59));
        assert_true(at(&s, SUN, 0, 0)); /* the first minute of the table */
        assert_true(at(&s, SUN, 5, 29));
        assert_false(at(&s, SUN, 5, 30));
        assert_false(at(&s, SAT, 0, 0));
        assert_int_equal(minutes_inside(&s), 450);

        s = parsed("fri-mon 00:00-24:00");
        assert_int_equal(minutes_inside(&s), 4 * 1440);
        assert_true(at(&s, SUN, 12, 0));
        assert_false(at(&s, TUE, 0, 0));

        s = parsed("wed 23:00-00:00");
        assert_int_equal(minutes_inside(&s), 60);
}

static void test_forms(void **state)
{
        struct schedule s = parsed("");

        (void)state;
        assert_int_equal(minutes_inside(&s), SCHEDULE_WEEK_MINUTES);
        s = parsed("  ");
        assert_int_equal(minutes_inside(&s), SCHEDULE_WEEK_MINUTES);
        s = parsed("daily 00:00-24:00");
        assert_int_equal(minutes_inside(&s), SCHEDULE_WEEK_MINUTES);
        s = parsed("  mon   08:00-09:00,mon 08:30-10:00  ,tue-tue 00:00-00:01");
        assert_int_equal(minutes_inside(&s), 121);
        s = parsed("daily 00:01-00:00");
        assert_int_equal(minutes_inside(&s), 7 * 1439);
}

static void test_what_is_refused(void **state)
{
        static const char *const bad[] = { "mon", "08:00-18:00", "mon 8:00-18:00",
                "mon 08:00-18:00,", ",mon 08:00-18:00", "mon 08:00-18:00,,tue 08:00-18:00",
                "mon 08:00", "mon 08:00-08:00", "mon 24:00-06:00", "mon 08:00-24:01",
                "mon 08:60-09:00", "mon 25:00-26:00", "mon 08.00-18.00", "Mon 08:00-18:00",
                "monday 08:00-18:00", "mon-fry 08:00-18:00", "mon- 08:00-18:00",
                "mon,tue 08:00-18:00", "mon-wed-fri 08:00-18:00", "daily-mon 08:00-18:00",
                "mon 08:00 - 18:00", "mon 08:00-18:00 x", "mon 08:00-18:00; tue 08:00-18:00",
                "mon -8:00-18:00", "mon +8:00-18:00", "mon\t08:00-18:00" };
        struct schedule s, before;
        struct err e;

        (void)state;
        memset(&s, 0x5a, sizeof s);
        before = s;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                if (schedule_parse(bad[i], &s, &e) != ERR_INVALID)
                        fail_msg("taken: %s", bad[i]);
                assert_memory_equal(&s, &before, sizeof s);
        }
        assert_int_equal(schedule_parse("sat 10:00-14:00, son 1:00-2:00", &s, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "\"son 1:00-2:00\" is not DAYS HH:MM-HH:MM"));
}

static void test_next_change(void **state)
{
        struct schedule s = parsed("mon-fri 08:00-18:00");

        (void)state;
        assert_int_equal(schedule_next_change(&s, MON, 7 * 60), 60);
        assert_int_equal(schedule_next_change(&s, MON, 8 * 60), 600);
        assert_int_equal(schedule_next_change(&s, MON, 18 * 60 - 1), 1);
        /* From Friday's end over the week's to Monday. */
        assert_int_equal(schedule_next_change(&s, FRI, 18 * 60), 6 * 60 + 2 * 1440 + 8 * 60);
        s = parsed("");
        assert_int_equal(schedule_next_change(&s, WED, 0), 0);
        s = parsed("mon 00:00-00:01");
        assert_int_equal(schedule_next_change(&s, MON, 1), SCHEDULE_WEEK_MINUTES - 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_working_hours),
                cmocka_unit_test(test_over_midnight_and_over_the_week),
                cmocka_unit_test(test_forms), cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_next_change) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
