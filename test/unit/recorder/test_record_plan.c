/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a stream is recorded: every mode, events that overlap, and clocks that jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "recorder/record_plan.h"

#define SECOND INT64_C(1000000)

enum { SUN, MON, TUE, WED, THU, FRI, SAT };

/* A stream, and both clocks. */
struct story {
        struct record_terms terms;
        struct record_plan plan;
        struct record_plan_time now;
};

static struct story begin(enum record_mode mode, const char *schedule)
{
        struct story s = { .now = { .boot_us = 1000 * SECOND, .weekday = MON, .minute = 600 } };

        record_terms_defaults(&s.terms);
        s.terms.mode = mode;
        strcpy(s.terms.schedule, schedule);
        assert_int_equal(record_terms_check(&s.terms, NULL), 0);
        record_plan_set(&s.plan, &s.terms);
        return s;
}

static struct record_plan_answer ask(struct story *s)
{
        return record_plan_ask(&s->plan, &s->now);
}

static void pass(struct story *s, unsigned seconds)
{
        s->now.boot_us += seconds * SECOND;
}

static void start(struct story *s, const char *source, unsigned seconds)
{
        assert_int_equal(record_plan_start(&s->plan, source, seconds, s->now.boot_us, NULL), 0);
}

static void stop(struct story *s, const char *source)
{
        assert_int_equal(record_plan_stop(&s->plan, source, s->now.boot_us, NULL), 0);
}

static void test_always_and_off(void **state)
{
        struct story s = begin(RECORD_ALWAYS, "");

        (void)state;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        assert_int_equal(ask(&s).keep_ms, 0);
        assert_false(ask(&s).off);
        s = begin(RECORD_OFF, "");
        start(&s, "door", 10);
        assert_true(ask(&s).off);
        /* A schedule that is left over from another mode counts for nothing. */
        s = begin(RECORD_ALWAYS, "sun 00:00-00:01");
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
}

static void test_schedule(void **state)
{
        struct story s = begin(RECORD_SCHEDULE, "mon-fri 08:00-18:00");

        (void)state;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        s.now.minute = 18 * 60 - 1;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        s.now.minute = 18 * 60;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        assert_int_equal(ask(&s).keep_ms, 5000);
        s.now.weekday = SUN;
        s.now.minute = 600;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        start(&s, "door", 10); /* outside of the schedule: recorded all the same */
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 14);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 1);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        s.terms.between = RECORD_KEY_FRAMES;
        record_plan_set(&s.plan, &s.terms);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_KEYS);
        assert_int_equal(ask(&s).keep_ms, 5000);
}

static void test_event(void **state)
{
        struct story s = begin(RECORD_EVENT, "");

        (void)state;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        assert_int_equal(ask(&s).keep_ms, 5000);
        start(&s, "door", 10);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 4);
        stop(&s, "door"); /* sooner than was said; the post-seconds count from here */
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 4);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        assert_int_equal(record_plan_stop(&s.plan, "door", s.now.boot_us, NULL), ERR_NOT_FOUND);
        start(&s, "door", 2); /* again within them: one recording */
        pass(&s, 6);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 1);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);

        s.terms.post_s = s.terms.pre_s = 0;
        record_plan_set(&s.plan, &s.terms);
        assert_int_equal(ask(&s).keep_ms, 0);
        start(&s, "door", 1);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 1);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
}

static void test_event_within_a_schedule(void **state)
{
        struct story s = begin(RECORD_EVENT, "mon 10:00-11:00");

        (void)state;
        start(&s, "door", 0);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        s.now.minute = 660; /* it goes on, but is outside now */
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        assert_int_equal(ask(&s).keep_ms, 0); /* no event could open it */
        s.now.minute = 659;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
}

static void test_several_sources(void **state)
{
        struct story s = begin(RECORD_EVENT, "");
        struct err e;

        (void)state;
        start(&s, "onvif/door.1", 10);
        start(&s, "motion", 30);
        stop(&s, "onvif/door.1");
        pass(&s, 6); /* its post-seconds are over, the other's event is not */
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        assert_int_equal(s.plan.events_n, 1);
        pass(&s, 28);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 1);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);

        for (char c = 'a'; c < 'a' + RECORD_PLAN_EVENTS_MAX; c++)
                start(&s, (char[]){ c, '\0' }, 10);
        assert_int_equal(record_plan_start(&s.plan, "z", 10, s.now.boot_us, &e), ERR_EXHAUSTED);
        start(&s, "a", 60); /* one that is there */
        pass(&s, 20);
        start(&s, "z", 10); /* the others are over */
        assert_int_equal(s.plan.events_n, 2);
}

static void test_an_event_that_never_ends(void **state)
{
        struct story s = begin(RECORD_EVENT, "");

        (void)state;
        start(&s, "stuck", 0);
        start(&s, "long", 1000000);
        pass(&s, RECORD_PLAN_EVENT_MAX_S + 4);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 1);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        /* Whoever means it says so again. */
        start(&s, "alive", 0);
        pass(&s, 3000);
        start(&s, "alive", 0);
        pass(&s, 3000);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
}

/* Local time repeats an hour, or leaves one out: the schedule goes by what people's clocks show,
 * events by neither. */
static void test_daylight_saving(void **state)
{
        struct story s = begin(RECORD_SCHEDULE, "sun 02:30-03:00");

        (void)state;
        s.now = (struct record_plan_time){ .boot_us = SECOND, .weekday = SUN, .minute = 149 };
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        s.now.minute = 150;
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        s.now.minute = 120; /* three o'clock became two */
        pass(&s, 1800);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
        s.now.minute = 150; /* and half past two comes again */
        pass(&s, 1800);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);

        s = begin(RECORD_EVENT, "");
        start(&s, "door", 60);
        s.now.weekday = SAT; /* days back */
        pass(&s, 59);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        pass(&s, 6);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_WAIT);
}

static void test_sources_names(void **state)
{
        static const char *const bad[] = { "", "Door", "-x", "a b", "a\nb", "/x",
                "0123456789012345678901234567890123456789012345678901234567890123" };
        struct story s = begin(RECORD_EVENT, "");

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(record_plan_start(&s.plan, bad[i], 1, 0, NULL), ERR_INVALID);
        start(&s, "012345678901234567890123456789012345678901234567890123456789012", 1);
        start(&s, "onvif/rule_1.in-2", 1);
}

/* New terms count for what is under way. */
static void test_terms_change_during_an_event(void **state)
{
        struct story s = begin(RECORD_EVENT, "");

        (void)state;
        start(&s, "door", 10);
        pass(&s, 12);
        s.terms.post_s = 60;
        record_plan_set(&s.plan, &s.terms);
        pass(&s, 57);
        assert_int_equal(ask(&s).gate, MESSAGE_GATE_OPEN);
        s.terms.mode = RECORD_OFF;
        record_plan_set(&s.plan, &s.terms);
        assert_true(ask(&s).off);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_always_and_off),
                cmocka_unit_test(test_schedule),
                cmocka_unit_test(test_event),
                cmocka_unit_test(test_event_within_a_schedule),
                cmocka_unit_test(test_several_sources),
                cmocka_unit_test(test_an_event_that_never_ends),
                cmocka_unit_test(test_daylight_saving),
                cmocka_unit_test(test_sources_names),
                cmocka_unit_test(test_terms_change_during_an_event),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
