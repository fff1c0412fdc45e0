/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What storage.get says: numbers, times, and what is foreseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "fake_storage.h"
#include "net/link.h"
#include "recorder/parent_storage_status.h"

static struct err failure;

static json_t *get(json_t *body)
{
        json_t *ret = NULL;
        int r = parent_storage_status_get(&fake_parent, body, &ret, &failure);

        json_decref(body);
        return r < 0 ? NULL : ret;
}

static json_t *of(const json_t *list, size_t i, const char *member)
{
        return json_object_get(json_array_get(list, i), member);
}

static void near(const json_t *value, double want)
{
        assert_true(json_is_number(value));
        double got = json_number_value(value);
        if (got < want * 0.98 - 0.001 || got > want * 1.02 + 0.001)
                fail_msg("%f, not %f", got, want);
}

/* Recorded, minute by minute, until a minute ago, as a worker reports it. */
static void record(const char *stream, uint32_t volume, unsigned minutes, uint64_t bytes)
{
        struct err e;

        assert_int_equal(index_begin(fake_parent.index, &e), 0);
        for (unsigned m = minutes; m > 0; m--) {
                struct segment_writer_report r = { .first_arrival_us =
                                                           fake_wall_us - m * 60 * SECOND,
                        .last_arrival_us = fake_wall_us - (m - 1) * 60 * SECOND - 1,
                        .end = bytes,
                        .fragment = 60,
                        .last = true };
                snprintf(r.object_key, sizeof r.object_key, "%s/%u/%u", stream, volume, m);
                assert_int_equal(index_created(fake_parent.index, volume, stream, r.object_key,
                                         r.first_arrival_us, &e),
                        0);
                assert_int_equal(index_durable(fake_parent.index, stream, &r, &e), 0);
        }
        assert_int_equal(index_commit(fake_parent.index, &e), 0);
}

static void test_a_healthy_volume(void **state)
{
        (void)state;
        char time[STR_TIME_ROOM];
        struct parent_volume *v = fake_volume("main", 100 * MB + 1440 * MB);
        fake_stream("a-main", 0, 0);
        fake_stream("idle-main", 0, 0);
        record("a-main", 0, 120, MB); /* 1440 MB a day */
        snprintf(v->state.device, sizeof v->state.device, "8:1 ext4");
        json_t *a = get(json_object()), *volumes = json_object_get(a, "volumes"),
               *streams = json_object_get(a, "streams");
        assert_non_null(a);
        assert_int_equal(json_array_size(volumes), 1);
        assert_string_equal(json_string_value(of(volumes, 0, "name")), "main");
        assert_string_equal(json_string_value(of(volumes, 0, "state")), "healthy");
        assert_string_equal(json_string_value(of(volumes, 0, "device")), "8:1 ext4");
        assert_int_equal(json_integer_value(of(volumes, 0, "footage_bytes")), 120 * MB);
        assert_int_equal(json_integer_value(of(volumes, 0, "segments")), 120);
        assert_int_equal(json_integer_value(of(volumes, 0, "reserve_bytes")), 80 * MB);
        assert_string_equal(json_string_value(of(volumes, 0, "oldest")),
                str_time(time, fake_wall_us - 2 * HOUR));
        near(of(volumes, 0, "full_in_days"), 1);
        near(of(volumes, 0, "keeps_days"), (1440 + 20 + 120) / 1440.0);
        assert_true(json_is_null(of(volumes, 0, "checked")));
        assert_int_equal(json_array_size(streams), 2);
        assert_string_equal(json_string_value(of(streams, 0, "stream")), "a-main");
        assert_int_equal(json_integer_value(of(streams, 0, "bytes")), 120 * MB);
        near(of(streams, 0, "days_kept"), 2 / 24.0);
        near(of(streams, 0, "bytes_a_day"), 1440.0 * MB);
        assert_true(json_is_false(of(streams, 0, "below_minimum")));
        assert_true(json_is_null(of(streams, 1, "oldest")));
        assert_true(json_is_null(of(streams, 1, "bytes_a_day")));
        assert_true(
                json_is_null(json_object_get(json_object_get(a, "forecast"), "minimum_in_days")));
        assert_true(json_is_null(json_object_get(json_object_get(a, "forecast"), "stops_in_days")));
        assert_true(json_is_false(json_object_get(a, "more")));
        json_decref(a);
}

static void test_states_and_retired_ones(void **state)
{
        (void)state;
        struct parent_volume *v = fake_volume("main", 85 * MB), *bad = fake_volume("two", 900 * MB),
                             *old = fake_volume("three", 900 * MB);
        record("a-main", 0, 10, MB);
        record("a-main", 1, 10, MB);
        record("a-main", 2, 10, MB);
        bad->fault = FAULT_VOLUME_READ_ONLY;
        snprintf(bad->text, sizeof bad->text, "remounted");
        bad->since_us = fake_wall_us - HOUR;
        old->entry.retired = true;
        (void)v;
        json_t *a = get(json_object()), *volumes = json_object_get(a, "volumes");
        assert_true(json_number_value(of(volumes, 0, "full_in_days")) == 0);
        assert_string_equal(json_string_value(of(volumes, 1, "state")), "volume-read-only");
        assert_string_equal(json_string_value(of(volumes, 1, "text")), "remounted");
        assert_true(strlen(json_string_value(of(volumes, 1, "remedy"))) > 10);
        assert_true(json_is_string(of(volumes, 1, "since")));
        assert_true(json_is_null(of(volumes, 1, "full_in_days")));
        assert_true(json_is_true(of(volumes, 2, "retired")));
        assert_true(json_is_null(of(volumes, 2, "keeps_days")));
        json_decref(a);
}

static void test_what_is_foreseen(void **state)
{
        (void)state;
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];
        fake_volume("main", 80 * MB + 1440 * MB);
        struct parent_stream *t = fake_stream("a-main", 5, 0);
        record("a-main", 0, 120, MB);
        fake_pass(1); /* terms are learnt */
        json_t *a = get(json_object()), *ret = NULL;
        /* Room for 1560 MB; the minimum claims 1440 a day, and has 120. */
        near(json_object_get(json_object_get(a, "forecast"), "minimum_in_days"), 1);
        json_decref(a);
        /* All that comes is locked, and what there is. */
        json_t *lock = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id",
                "0123456789abcdef0123456789abcdef", "stream", "a-main", "from",
                str_time(from, fake_wall_us - DAY), "to", str_time(to, fake_wall_us + 100 * DAY),
                "by", "jo", "reason", "");
        assert_int_equal(parent_locks_add(&fake_parent, lock, &ret, &failure), 0);
        json_decref(lock);
        json_decref(ret);
        fake_pass(5);
        a = get(json_object());
        near(json_object_get(json_object_get(a, "forecast"), "stops_in_days"), 1);
        assert_int_equal(
                json_integer_value(of(json_object_get(a, "volumes"), 0, "locked_bytes")), 120 * MB);
        json_decref(a);
        /* The minimum gave way: said until it is kept again. */
        t->below_minimum_us = fake_wall_us;
        a = get(json_object());
        assert_true(json_is_true(of(json_object_get(a, "streams"), 0, "below_minimum")));
        json_decref(a);
        t->terms.min_days = 0;
        a = get(json_object());
        assert_true(json_is_false(of(json_object_get(a, "streams"), 0, "below_minimum")));
        json_decref(a);
}

static void test_pages(void **state)
{
        (void)state;
        char name[40], after[96] = "";
        unsigned n = 0;
        bool more = true;
        fake_volume("main", 500 * MB);
        for (unsigned i = 0; i < 2000; i++) {
                snprintf(name, sizeof name, "a-camera-with-a-long-name-%04u-main", i);
                fake_segment(name, 0, HOUR, 123456789, true);
        }
        while (more) {
                json_t *a = get(json_pack("{s:s}", "after", after)),
                       *streams = json_object_get(a, "streams");
                assert_true(link_json_bytes(a) < CHAN_BODY_MAX - 1000);
                for (size_t i = 0; i < json_array_size(streams); i++, n++) {
                        assert_true(strcmp(json_string_value(of(streams, i, "stream")), after) > 0);
                        snprintf(after, sizeof after, "%s",
                                json_string_value(of(streams, i, "stream")));
                }
                more = json_is_true(json_object_get(a, "more"));
                json_decref(a);
                assert_true(more || n == 2000);
        }
        assert_int_equal(n, 2000);
        json_t *a = get(json_pack("{s:i}", "limit", 3));
        assert_int_equal(json_array_size(json_object_get(a, "streams")), 3);
        assert_true(json_is_true(json_object_get(a, "more")));
        json_decref(a);
        assert_null(get(json_pack("{s:i}", "limit", 0)));
        assert_null(get(json_pack("{s:i}", "limit", 501)));
        assert_null(get(json_pack("{s:i}", "volume", 1)));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_a_healthy_volume),
                CASE(test_states_and_retired_ones),
                CASE(test_what_is_foreseen),
                CASE(test_pages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
