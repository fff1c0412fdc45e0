/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams with another camera's key, merged into pages of a recorder's status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "manager/key_alarm.h"

static json_t *page(const char *streams, bool more)
{
        return json_pack("{s:o, s:b}", "streams", json_loads(streams, 0, NULL), "more", (int)more);
}

/* Names of the page's streams, in order, with a space behind each. */
static const char *names(const json_t *status, char *to)
{
        json_t *s;
        size_t i;

        to[0] = '\0';
        json_array_foreach(json_object_get(status, "streams"), i, s)
        {
                strcat(to, json_string_value(json_object_get(s, "stream")));
                strcat(to, " ");
        }
        return to;
}

static const char *text_of(const json_t *status, size_t i, const char *key)
{
        return json_string_value(
                json_object_get(json_array_get(json_object_get(status, "streams"), i), key));
}

static void alarm_set(struct key_alarm *a, const char *stream, bool stopped, const char *text)
{
        struct err why;

        err_fault(&why, ERR_DENIED, FAULT_DUPLICATE_KEY, "%s", text);
        key_alarm_set(a, "main", stream, stopped, &why);
}

static void test_stopped_streams_stand_in_their_place(void **state)
{
        struct key_alarm a = { 0 };
        char room[256];
        (void)state;

        alarm_set(&a, "c-main", true, "key of camera a");
        alarm_set(&a, "x-main", true, "key of camera b");
        assert_int_equal(key_alarm_fault(&a, "c-main"), FAULT_DUPLICATE_KEY);
        assert_int_equal(key_alarm_fault(&a, "other-main"), FAULT_NONE);
        json_t *whole = page("[{\"stream\": \"b-main\"}, {\"stream\": \"d-main\"}]", false);
        key_alarm_merge(&a, "main", "", whole);
        assert_string_equal(names(whole, room), "b-main c-main d-main x-main ");
        assert_string_equal(text_of(whole, 1, "fault"), "duplicate-key");
        assert_string_equal(text_of(whole, 1, "state"), "stopped");
        assert_string_equal(text_of(whole, 1, "error"), "key of camera a");
        assert_true(strlen(text_of(whole, 1, "remedy")) > 20);
        json_decref(whole);

        /* In pages each comes once: behind `after`, and not behind the last one of a page that goes
         * on. */
        json_t *first = page("[{\"stream\": \"b-main\"}]", true);
        json_t *second = page("[{\"stream\": \"d-main\"}]", false);
        key_alarm_merge(&a, "main", "", first);
        key_alarm_merge(&a, "main", "b-main", second);
        assert_string_equal(names(first, room), "b-main ");
        assert_string_equal(names(second, room), "c-main d-main x-main ");
        json_decref(first);
        json_decref(second);

        assert_true(key_alarm_stops(&a, "c-main"));
        key_alarm_clear(&a, "c-main");
        key_alarm_clear(&a, "c-main");
        assert_false(key_alarm_stops(&a, "c-main"));
        json_t *after = page("[]", false);
        key_alarm_merge(&a, "main", "", after);
        assert_string_equal(names(after, room), "x-main ");
        json_decref(after);
        key_alarm_done(&a);
}

static void test_a_recorded_stream_gets_the_words_alone(void **state)
{
        struct key_alarm a = { 0 };
        char room[256];
        (void)state;

        alarm_set(&a, "b-main", false, "same address");
        alarm_set(&a, "z-main", false, "not in the page, and not stopped");
        json_t *status =
                page("[{\"stream\": \"b-main\", \"error\": \"\", \"fault\": \"\"}]", false);
        key_alarm_merge(&a, "main", "", status);
        assert_string_equal(names(status, room), "b-main ");
        assert_string_equal(text_of(status, 0, "error"), "same address");
        assert_string_equal(text_of(status, 0, "fault"), "");
        assert_false(key_alarm_stops(&a, "b-main"));
        json_decref(status);

        json_t *busy = page("[{\"stream\": \"b-main\", \"error\": \"disk full\"}]", false);
        key_alarm_merge(&a, "main", "", busy);
        assert_string_equal(text_of(busy, 0, "error"), "disk full");
        json_decref(busy);

        json_t *away = json_null(); /* the recorder does not answer */
        key_alarm_merge(&a, "main", "", away);
        key_alarm_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stopped_streams_stand_in_their_place),
                cmocka_unit_test(test_a_recorded_stream_gets_the_words_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
