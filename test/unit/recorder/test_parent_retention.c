/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of volumes that are short of room, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "fake_storage.h"
#include "vault/index_parts.h"

/* With a reserve of 80 MB room is made below 90, until there are 100. */
#define SHORT (85 * MB)
#define ENOUGH (90 * MB)

static bool was_removed(const char *name)
{
        return strstr(fake.removed, name) != NULL;
}

static void test_there_is_room(void **state)
{
        (void)state;
        fake_volume("main", ENOUGH);
        fake_stream("a-main", 0, 0);
        fake_segment("a-main", 0, 900 * DAY, 5 * MB, true);
        fake_pass(30);
        assert_int_equal(fake.removals, 0);
}

static void test_room_is_made_and_no_more(void **state)
{
        (void)state;
        char first[HEAD_KEY_MAX], second[HEAD_KEY_MAX], other[HEAD_KEY_MAX];
        fake_volume("main", SHORT);
        fake_volume("two", ENOUGH);
        fake_stream("a-main", 0, 0);
        snprintf(other, sizeof other, "%s", fake_segment("a-main", 1, 5 * DAY, 8 * MB, true));
        snprintf(first, sizeof first, "%s", fake_segment("a-main", 0, 3 * DAY, 8 * MB, true));
        snprintf(second, sizeof second, "%s", fake_segment("a-main", 0, 2 * DAY, 8 * MB, true));
        fake_segment("a-main", 0, DAY, 8 * MB, true);
        fake_pass(1);
        assert_int_equal(fake.removals, 1);
        assert_int_equal(fake.removal[0].n, 2); /* 15 MB are wanted */
        assert_string_equal(fake.removal[0].names[0], first);
        assert_string_equal(fake.removal[0].names[1], second);
        assert_false(was_removed(other));
        /* Nothing more is asked for while that is under way. */
        fake_pass(20);
        assert_int_equal(fake.removals, 1);
        assert_int_equal(fake.twice, 0);
        /* Nor before the volume has said again how much is free. */
        fake_done(0, 0);
        fake_pass(2);
        assert_int_equal(fake.removals, 1);
        assert_int_equal(
                parent_retention_removed(fake_parent.retention)->segments[RETENTION_SPACE], 2);
        assert_int_equal(parent_retention_removed(fake_parent.retention)->bytes, 16 * MB);
        /* It says that nothing was freed: the next. */
        fake.volumes[0].state.free_bytes = SHORT + 1;
        fake_pass(1);
        assert_int_equal(fake.removals, 2);
        assert_int_equal(fake.removal[0].n, 1);
        fake_done(0, 16 * MB);
        fake_pass(20);
        assert_int_equal(fake.removals, 2);
}

static void test_batches(void **state)
{
        (void)state;
        fake_volume("main", MB);
        fake_stream("a-main", 0, 0);
        for (unsigned i = 0; i < 150; i++)
                fake_segment("a-main", 0, (500 - i) * HOUR, MB / 16, true);
        fake_segment("a-main", 0, 0, 5 * MB, false);
        fake_pass(1);
        assert_int_equal(fake.removal[0].n, PARENT_STORAGE_REMOVE_MAX);
        fake_done(0, 0); /* the next follows at once */
        assert_int_equal(fake.removal[0].n, PARENT_STORAGE_REMOVE_MAX);
        assert_int_equal(fake.removals, 2);
        fake_done(0, 0);
        assert_int_equal(fake.removal[0].n, 150 - 2 * PARENT_STORAGE_REMOVE_MAX);
        fake_done(0, 0);
        fake_pass(60); /* what is being written stays: it will end */
        assert_int_equal(fake.removals, 3);
        assert_false(fake.full[0]);
        size_t n = 0;
        struct index_usage *usage = NULL;
        struct err e;
        assert_int_equal(index_retention_usage(fake_parent.index, &usage, &n, &e), 0);
        assert_int_equal(n, 1);
        assert_int_equal(usage[0].segments, 1);
        free(usage);
}

static int ask(const char *what, const char *id, const char *stream, int64_t from_us, int64_t to_us)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];
        json_t *ret = NULL, *body;
        struct err e;

        body = strcmp(what, "add") == 0
                       ? json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "stream", stream,
                                 "from", str_time(from, from_us), "to", str_time(to, to_us), "by",
                                 "root", "reason", "case 12")
                       : json_pack("{s:s}", "id", id);
        int r = strcmp(what, "add") == 0 ? parent_locks_add(&fake_parent, body, &ret, &e)
                                         : parent_locks_remove(&fake_parent, body, &ret, &e);
        json_decref(body);
        json_decref(ret);
        return r;
}

#define LOCK "00000000000000000000000000000001"

static void test_only_locked_footage_is_left(void **state)
{
        (void)state;
        fake_volume("main", 70 * MB); /* below the reserve */
        fake_stream("a-main", 0, 1);
        char locked[HEAD_KEY_MAX], also[HEAD_KEY_MAX];
        snprintf(locked, sizeof locked, "%s", fake_segment("a-main", 0, 3 * DAY, 8 * MB, true));
        snprintf(also, sizeof also, "%s", fake_segment("a-main", 0, 2 * DAY, 8 * MB, true));
        fake_segment("a-main", 0, HOUR, 5 * MB, true);
        /* It covers a second of each of the two. */
        assert_int_equal(ask("add", LOCK, "a-main", fake_wall_us - 3 * DAY - SECOND,
                                 fake_wall_us - 2 * DAY - 59 * SECOND),
                0);
        fake_pass(1);
        assert_int_equal(fake.removal[0].n, 1); /* the third */
        assert_false(fake.full[0]);
        fake_done(0, 5 * MB);
        fake_pass(30);
        assert_int_equal(fake.removals, 1);
        assert_true(fake.full[0]);
        assert_int_equal(fake.set_full_calls, 1);
        /* The lock goes: at once what may go does, and recording goes on. */
        assert_int_equal(ask("remove", LOCK, NULL, 0, 0), 0);
        assert_int_equal(fake.removals, 2);
        assert_false(fake.full[0]);
        assert_true(was_removed(locked) && was_removed(also));
        fake_done(0, 30 * MB);
        fake_pass(30);
        assert_int_equal(fake.removals, 2);
        assert_int_equal(fake.set_full_calls, 2);
}

static void test_a_volume_that_has_room_again(void **state)
{
        (void)state;
        fake_volume("main", 70 * MB);
        fake_pass(1);
        assert_true(fake.full[0]);
        fake.volumes[0].state.free_bytes = 85 * MB; /* not yet: it would be full at once again */
        fake_pass(30);
        assert_true(fake.full[0]);
        fake.volumes[0].state.free_bytes = ENOUGH;
        fake_pass(1);
        assert_false(fake.full[0]);
}

static void test_a_lock_table_that_cannot_be_read(void **state)
{
        (void)state;
        struct db_query *q;
        struct err e;
        fake_volume("main", SHORT);
        fake_segment("a-main", 0, 3 * DAY, 8 * MB, true);
        fake_stream("a-main", 0, 1);
        assert_int_equal(db_query(fake_parent.index->db, "DROP TABLE lock", &q, &e), 0);
        assert_int_equal(db_run(q, &e), 0);
        fake_pass(60);
        assert_int_equal(fake.removals, 0);
        assert_false(fake.full[0]);
}

static void test_below_the_minimum_the_flood_pays(void **state)
{
        (void)state;
        char oldest[HEAD_KEY_MAX];
        struct parent_volume *v = fake_volume("main", SHORT);
        struct parent_stream *quiet = fake_stream("quiet-main", 10, 0),
                             *flood = fake_stream("flood-main", 10, 0);
        snprintf(oldest, sizeof oldest, "%s", fake_segment("quiet-main", 0, 9 * DAY, 3 * MB, true));
        for (unsigned i = 0; i < 10; i++)
                fake_segment("flood-main", 0, (10 - i) * HOUR, 3 * MB, true);
        fake_pass(1);
        assert_int_equal(fake.removal[0].n, 2); /* up to 90 MB and no further */
        assert_false(was_removed(oldest));
        fake_done(0, 6 * MB);
        assert_true(parent_retention_below_minimum(flood, fake_wall_us));
        assert_false(parent_retention_below_minimum(quiet, fake_wall_us));
        assert_int_equal(
                parent_retention_removed(fake_parent.retention)->segments[RETENTION_BELOW_MINIMUM],
                2);
        int64_t since = flood->below_minimum_since_us;
        fake_pass(500);
        assert_true(parent_retention_below_minimum(flood, fake_wall_us));
        v->state.free_bytes = SHORT; /* again, within the ten minutes: the same alarm */
        fake_pass(1);
        fake_done(0, 6 * MB);
        assert_int_equal(flood->below_minimum_since_us, since);
        fake_pass(700);
        assert_false(parent_retention_below_minimum(flood, fake_wall_us));
        assert_false(was_removed(oldest));
}

static void test_a_volume_that_cannot_be_reached(void **state)
{
        (void)state;
        struct parent_volume *v = fake_volume("main", SHORT);
        fake_segment("a-main", 0, 3 * DAY, 8 * MB, true);
        fake_stream("a-main", 0, 1);
        v->fault = FAULT_VOLUME_READ_ONLY;
        fake_pass(30);
        v->fault = FAULT_NONE;
        v->state.readable = false;
        fake_pass(30);
        v->state.readable = true;
        v->chan = NULL;
        fake_pass(30);
        assert_int_equal(fake.removals, 0);
        v->chan = (struct chan *)&fake;
        fake_pass(10);
        assert_int_equal(fake.removals, 1);
        /* It fails: the rows stay, and it is tried again after a while. */
        fake_failed(0);
        fake_pass(5);
        assert_int_equal(fake.removals, 1);
        fake_pass(6);
        assert_int_equal(fake.removals, 2);
        assert_int_equal(fake.removal[0].n, 1);
}

static void test_age_is_law_and_a_step_of_the_clock_is_none(void **state)
{
        (void)state;
        fake_volume("main", 500 * MB);
        fake_stream("a-main", 0, 7);
        fake_segment("a-main", 0, 6 * DAY, MB, true);
        fake_pass(11);
        assert_int_equal(fake.removals, 0);
        fake_wall_us += 365 * DAY; /* somebody says that it is next year */
        fake_pass(60);
        assert_int_equal(fake.removals, 0);
        fake_wall_us -= 365 * DAY;
        fake_wall_us += DAY + 60 * SECOND; /* a day goes by */
        fake_boot_us += DAY + 60 * SECOND;
        fake_pass(11);
        assert_int_equal(fake.removals, 1);
        fake_done(0, MB);
        assert_int_equal(
                parent_retention_removed(fake_parent.retention)->segments[RETENTION_MAX_DAYS], 1);
}

static void test_what_holds_is_known_without_a_manager(void **state)
{
        (void)state;
        char unknown[HEAD_KEY_MAX];
        struct parent_stream *t;
        struct parent_volume *v = fake_volume("main", 500 * MB);
        fake_stream("a-main", 30, 0);
        fake_stream("b-main", 0, 0);
        fake_stream("old-main", 20, 20);
        fake_segment("a-main", 0, 9 * DAY, 3 * MB, true);
        fake_segment("old-main", 0, 19 * DAY + 23 * HOUR, 3 * MB, true);
        fake_pass(11);
        assert_int_equal(fake.removals, 0);
        /* The recorder begins again; no manager has said anything. */
        fake_end();
        while (fake_parent.streams.n) {
                size_t at = 0;
                t = table_next(&fake_parent.streams, &at);
                free(table_take(&fake_parent.streams, t->assign.stream));
        }
        fake_begin();
        assert_int_equal(parent_retention_min_days(fake_parent.retention, "a-main"), 30);
        snprintf(unknown, sizeof unknown, "%s", fake_segment("new-main", 0, 8 * DAY, 3 * MB, true));
        fake_segment("b-main", 0, 7 * DAY, 30 * MB, true);
        v->state.free_bytes = SHORT;
        fake_pass(1);
        assert_true(was_removed("b-main/"));
        assert_false(was_removed("new-main/")); /* older, and nobody has said what holds for it */
        fake_done(0, 30 * MB);
        fake_pass(30);
        assert_int_equal(fake.removals, 1);
        /* Law holds for a camera that was removed. */
        fake_wall_us += HOUR;
        fake_boot_us += HOUR;
        fake_pass(11);
        assert_int_equal(fake.removals, 2);
        assert_true(was_removed("old-main/"));
        fake_done(0, 3 * MB);
        /* A manager is there, and says nothing of new-main: it goes as any other. */
        v->state.free_bytes = 95 * MB;
        fake_parent.manager = (struct chan *)&fake;
        fake_pass(70);
        v->state.free_bytes = 88 * MB;
        fake_pass(1);
        assert_true(was_removed(unknown));
}

static void test_keys_go_with_their_hour(void **state)
{
        (void)state;
        char hour[96], time[STR_TIME_ROOM];
        fake_volume("main", 500 * MB);
        struct parent_stream *t = fake_stream("a-main", 0, 0);
        int64_t old = fake_wall_us - 30 * HOUR; /* the middle of the day */
        fake_segment("a-main", 0, 29 * HOUR + HOUR / 2, MB, true);
        char last[HEAD_KEY_MAX];
        snprintf(
                last, sizeof last, "%s", fake_segment("a-main", 0, 29 * HOUR + HOUR / 4, MB, true));
        fake_segment("a-main", 0, HOUR, MB, true);
        str_time(time, old);
        snprintf(hour, sizeof hour, "keys/a-main/%.10s/%.2s.*", time, time + 11);
        assert_int_equal(
                ask("add", LOCK, "a-main", old + 44 * 60 * SECOND, old + 46 * 60 * SECOND), 0);
        fake.keys_by_hand = true;
        t->terms.max_days = 1;
        fake_pass(11);
        assert_int_equal(fake.removal[0].n, 1);
        fake_done(0, MB);
        fake_pass(30);
        assert_int_equal(fake.key_removals, 0); /* a locked segment needs them */
        assert_int_equal(ask("remove", LOCK, NULL, 0, 0), 0);
        assert_true(was_removed(last));
        assert_false(was_removed("keys/"));
        fake_done(0, MB);
        fake_pass(5);
        assert_int_equal(fake.key_removals, 1);
        assert_string_equal(fake.removal[0].names[0], hour);
        fake_failed(0); /* it is tried again */
        fake_pass(30);
        assert_int_equal(fake.key_removals, 2);
        assert_string_equal(fake.removal[0].names[0], hour);
        fake_done(0, 0);
        fake_pass(60);
        assert_int_equal(fake.key_removals, 2);
        /* Of an hour that is hardly over no key goes: the next segment may need it. */
        t->terms.max_days = 0;
        fake.volumes[0].state.free_bytes = SHORT;
        fake_pass(1);
        assert_int_equal(fake.removals, 3);
        fake_done(0, 20 * MB);
        fake_pass(300);
        assert_int_equal(fake.key_removals, 2);
}

static void test_it_ends_in_the_middle(void **state)
{
        (void)state;
        fake_volume("main", SHORT);
        fake_segment("a-main", 0, 3 * DAY, 8 * MB, true);
        fake_stream("a-main", 0, 0);
        fake_pass(1);
        assert_true(fake.removal[0].asked); /* and the teardown frees it; nothing is called after */
        fake_end();
        assert_false(fake.removal[0].asked);
        fake_begin();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_there_is_room),
                CASE(test_room_is_made_and_no_more),
                CASE(test_batches),
                CASE(test_only_locked_footage_is_left),
                CASE(test_a_volume_that_has_room_again),
                CASE(test_a_lock_table_that_cannot_be_read),
                CASE(test_below_the_minimum_the_flood_pays),
                CASE(test_a_volume_that_cannot_be_reached),
                CASE(test_age_is_law_and_a_step_of_the_clock_is_none),
                CASE(test_what_holds_is_known_without_a_manager),
                CASE(test_keys_go_with_their_hour),
                CASE(test_it_ends_in_the_middle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
