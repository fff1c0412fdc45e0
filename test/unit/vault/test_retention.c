/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes when: each rule from a table of streams, volumes and segments, and what must stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/retention.h"

#define DAY RETENTION_DAY_US
#define NOW (20000 * DAY)
#define MINUTE INT64_C(60000000)

/* A segment of a minute that ended so many days ago. */
struct row {
        int64_t id;
        unsigned stream, volume;
        double days_ago;
        uint64_t bytes;
        bool open;
};

struct lock {
        unsigned stream;
        double from_days_ago, to_days_ago;
};

struct setup {
        struct retention_stream streams[4];
        struct retention_volume volumes[3];
        struct row rows[12];
        struct lock locks[4];
        int64_t horizon_us;
        const char *want;  /* "id:why ..." in the order of removal */
        const char *stuck; /* numbers of volumes */
};

struct run {
        const struct setup *setup;
        struct retention_lane lanes[12];
        unsigned lanes_n, asked;
};

static int64_t ago(double days)
{
        return NOW - (int64_t)(days * (double)DAY);
}

static int on_next(void *owner, unsigned lane, const struct retention_position *after,
        struct retention_segment *ret, struct err *e)
{
        struct run *run = owner;
        const struct row *best = NULL;
        (void)e;

        run->asked++;
        for (const struct row *r = run->setup->rows; r->id; r++) {
                int64_t last = ago(r->days_ago);
                if (r->stream != run->lanes[lane].stream || r->volume != run->lanes[lane].volume ||
                        last < after->last_us || (last == after->last_us && r->id <= after->id))
                        continue;
                if (!best || last < ago(best->days_ago) ||
                        (last == ago(best->days_ago) && r->id < best->id))
                        best = r;
        }
        if (!best)
                return 0;
        *ret = (struct retention_segment){ .id = best->id,
                .first_us = ago(best->days_ago) - MINUTE,
                .last_us = ago(best->days_ago),
                .bytes = best->bytes,
                .ended = !best->open };
        return 1;
}

static void find_lanes(struct run *run)
{
        for (const struct row *r = run->setup->rows; r->id; r++) {
                unsigned i = 0;
                while (i < run->lanes_n &&
                        (run->lanes[i].stream != r->stream || run->lanes[i].volume != r->volume))
                        i++;
                run->lanes[i].stream = r->stream;
                run->lanes[i].volume = r->volume;
                run->lanes[i].bytes += r->bytes;
                run->lanes_n += i == run->lanes_n;
        }
}

static void check(const struct setup *setup, bool everything)
{
        struct run run = { .setup = setup };
        struct lock_set *locks = lock_set_new();
        struct retention_input in = { .now_us = NOW,
                .horizon_us = setup->horizon_us ? setup->horizon_us : INT64_MIN,
                .everything = everything,
                .streams = setup->streams,
                .volumes = setup->volumes,
                .lanes = run.lanes,
                .locks = locks,
                .next = on_next,
                .owner = &run };
        struct retention_result result;
        char got[512] = "", stuck[64] = "";
        struct err e;

        for (const struct lock *l = setup->locks; l->from_days_ago > 0; l++)
                lock_set_add(locks, setup->streams[l->stream].name, ago(l->from_days_ago),
                        ago(l->to_days_ago));
        lock_set_seal(locks);
        while (in.streams_n < 4 && setup->streams[in.streams_n].name)
                in.streams_n++;
        while (in.volumes_n < 3 &&
                (setup->volumes[in.volumes_n].room || setup->volumes[in.volumes_n].wanted_bytes ||
                        setup->volumes[in.volumes_n].number))
                in.volumes_n++;
        find_lanes(&run);
        in.lanes_n = run.lanes_n;
        assert_int_equal(retention_plan(&in, &result, &e), 0);
        for (unsigned i = 0; i < result.n; i++)
                snprintf(got + strlen(got), sizeof got - strlen(got), "%s%lld:%s", i ? " " : "",
                        (long long)result.items[i].segment.id,
                        retention_reason_name(result.items[i].why));
        for (unsigned i = 0; i < in.volumes_n; i++) {
                if (result.volumes[i].stuck)
                        snprintf(stuck + strlen(stuck), sizeof stuck - strlen(stuck), "%u",
                                setup->volumes[i].number);
        }
        assert_string_equal(got, setup->want);
        assert_string_equal(stuck, setup->stuck ? setup->stuck : "");
        retention_result_done(&result);
        lock_set_free(locks);
}

#define VOLUME(wanted, needed)                                                                     \
        {                                                                                          \
                .number = 1, .room = 64, .wanted_bytes = wanted, .needed_bytes = needed            \
        }

static void test_nothing_to_do(void **state)
{
        (void)state;
        static const struct setup enough = { { { "a", 0, 0, 0, false } }, { VOLUME(0, 0) },
                { { 1, 0, 0, 900, 5, false } }, { { 0 } }, 0, "", NULL };
        static const struct setup empty = { { { "a", 1, 2, 3, false } }, { VOLUME(5, 5) },
                { { 0 } }, { { 0 } }, 0, "", "1" };
        check(&enough, true);
        check(&empty, true); /* it needs room and there is nothing at all */
}

static void test_age_is_law(void **state)
{
        (void)state;
        /* Older than max_days goes though there is room; at exactly max_days it stays; a stream
         * without the term keeps it for good. */
        static const struct setup s = { { { "a", 0, 30, 0, false }, { "b", 0, 0, 0, false } },
                { VOLUME(0, 0) },
                { { 1, 0, 0, 31, 5, false }, { 2, 0, 0, 30.01, 5, false },
                        { 3, 0, 0, 30, 5, false }, { 4, 0, 0, 1, 5, false },
                        { 5, 1, 0, 3000, 5, false } },
                { { 0 } }, 0, "1:max_days 2:max_days", NULL };
        check(&s, true);
        /* Not in a run that only makes room. */
        struct setup quick = s;
        quick.want = "";
        check(&quick, false);
}

static void test_quota(void **state)
{
        (void)state;
        /* Over both volumes the oldest of that stream, until it fits; minimum days do not help. */
        static const struct setup s = { { { "a", 100, 0, 12, false }, { "b", 0, 0, 0, false } },
                { VOLUME(0, 0), { .number = 2, .room = 64 } },
                { { 1, 0, 0, 4, 5, false }, { 2, 0, 1, 3, 5, false }, { 3, 0, 0, 2, 5, false },
                        { 4, 0, 1, 1, 5, true }, { 5, 1, 0, 9, 50, false } },
                { { 0 } }, 0, "1:quota 2:quota", NULL };
        check(&s, true);
}

static void test_quota_waits_for_what_is_on_its_way(void **state)
{
        (void)state;
        /* Volume 2 has a batch under way: its oldest counts as gone, and nothing younger goes in
         * its place. */
        static const struct setup s = { { { "a", 0, 0, 11, false } },
                { VOLUME(0, 0), { .number = 2, .room = 0 } },
                { { 1, 0, 1, 4, 5, false }, { 2, 0, 1, 3, 5, false }, { 3, 0, 0, 2, 5, false } },
                { { 0 } }, 0, "", NULL };
        check(&s, true);
        struct setup more = s; /* what is there does not suffice: the next oldest is elsewhere */
        more.streams[0].quota_bytes = 1;
        more.want = "3:quota";
        check(&more, true);
}

static void test_space_takes_the_oldest_of_all(void **state)
{
        (void)state;
        static const struct setup s = { { { "a", 0, 0, 0, false }, { "b", 0, 0, 0, false } },
                { VOLUME(12, 12) },
                { { 1, 0, 0, 4, 5, false }, { 2, 1, 0, 3, 5, false }, { 3, 0, 0, 2, 5, false },
                        { 4, 1, 0, 1, 5, false } },
                { { 0 } }, 0, "1:space 2:space 3:space", NULL };
        check(&s, false);
        /* Of the volume that wants room alone. */
        static const struct setup other = { { { "a", 0, 0, 0, false } },
                { VOLUME(0, 0), { .number = 2, .room = 64, .wanted_bytes = 1 } },
                { { 1, 0, 0, 4, 5, false }, { 2, 0, 1, 3, 5, false } }, { { 0 } }, 0, "2:space",
                NULL };
        check(&other, false);
}

static void test_ties_go_by_the_order_of_recording(void **state)
{
        (void)state;
        static const struct setup s = { { { "a", 0, 0, 0, false }, { "b", 0, 0, 0, false } },
                { VOLUME(10, 10) },
                { { 7, 0, 0, 4, 5, false }, { 6, 1, 0, 4, 5, false }, { 9, 0, 0, 4, 5, false },
                        { 8, 1, 0, 4, 5, false } },
                { { 0 } }, 0, "6:space 7:space", NULL };
        check(&s, false);
}

static void test_minimum_is_kept_before_the_youth_of_others(void **state)
{
        (void)state;
        /* b has older footage, but a's is beyond its minimum. */
        static const struct setup s = { { { "a", 1, 0, 0, false }, { "b", 10, 0, 0, false } },
                { VOLUME(10, 0) },
                { { 1, 0, 0, 3, 5, false }, { 2, 0, 0, 2, 5, false }, { 3, 0, 0, 0.5, 5, false },
                        { 4, 1, 0, 9, 5, false }, { 5, 1, 0, 8, 5, false } },
                { { 0 } }, 0, "1:space 2:space", NULL };
        check(&s, false);
        /* More is wanted but not needed: minimum days stay. */
        struct setup more = s;
        more.volumes[0].wanted_bytes = 1000;
        check(&more, false);
}

static void test_who_takes_most_pays_below_the_minimum(void **state)
{
        (void)state;
        /* The flood has more bytes: its oldest goes, though the other's are older, until they are
         * alike. */
        static const struct setup s = {
                { { "quiet", 10, 0, 0, false }, { "flood", 10, 0, 0, false } }, { VOLUME(45, 45) },
                { { 1, 0, 0, 9, 5, false }, { 2, 0, 0, 8, 5, false }, { 3, 1, 0, 2, 20, false },
                        { 4, 1, 0, 1, 20, false }, { 5, 1, 0, 0.5, 20, false } },
                { { 0 } }, 0, "3:below_minimum 4:below_minimum 5:below_minimum", NULL
        };
        check(&s, false);
        /* What is beyond anybody's minimum goes first. */
        struct setup first = s;
        first.rows[0].days_ago = 11;
        first.want = "1:space 3:below_minimum 4:below_minimum";
        check(&first, false);
        /* Of equals the first. */
        static const struct setup tie = { { { "a", 10, 0, 0, false }, { "b", 10, 0, 0, false } },
                { VOLUME(5, 5) }, { { 1, 0, 0, 1, 5, false }, { 2, 1, 0, 2, 5, false } }, { { 0 } },
                0, "1:below_minimum", NULL };
        check(&tie, false);
}

static void test_what_is_being_written_stays(void **state)
{
        (void)state;
        static const struct setup s = { { { "a", 0, 1, 1, false } }, { VOLUME(99, 99) },
                { { 1, 0, 0, 9, 5, true }, { 2, 0, 0, 8, 5, false }, { 3, 0, 0, 7, 5, true } },
                { { 0 } }, 0, "2:max_days", "1" };
        check(&s, true);
}

static void test_locks_beat_every_rule(void **state)
{
        (void)state;
        /* 1, 2 and 4 are locked: 1 by its last instant (the lock begins where it ends), 2 in the
         * middle, 4 by its first (a minute before its end). */
        static const struct setup s = { { { "a", 0, 1, 1, false }, { "b", 0, 0, 0, false } },
                { VOLUME(99, 99) },
                { { 1, 0, 0, 9, 5, false }, { 2, 0, 0, 8, 5, false }, { 3, 0, 0, 7, 5, false },
                        { 4, 0, 0, 6, 5, false }, { 5, 1, 0, 8, 5, false } },
                { { 0, 9, 7.5 }, { 0, 6.5, 6 + 1.0 / 1440 } }, 0, "3:max_days 5:space", "1" };
        check(&s, true);
        /* A microsecond beside the lock is outside. */
        struct setup beside = s;
        beside.locks[0].from_days_ago = 9 - 1e-6;
        beside.want = "1:max_days 3:max_days 5:space";
        check(&beside, true);
        /* The locks of one stream are no other's. */
        struct setup other = s;
        other.locks[0] = (struct lock){ 1, 9, 7.5 };
        other.locks[1] = (struct lock){ 1, 9, 7.5 };
        other.want = "1:max_days 2:max_days 3:max_days 4:max_days";
        check(&other, true);
}

static void test_a_clock_that_was_set_back(void **state)
{
        (void)state;
        /* Footage of a time to come is new: it is beyond no minimum, no maximum, and goes last. */
        static const struct setup s = { { { "a", 1, 2, 0, false } }, { VOLUME(5, 5) },
                { { 1, 0, 0, -5, 5, false }, { 2, 0, 0, 0.1, 5, false } }, { { 0 } }, 0,
                "2:below_minimum", NULL };
        check(&s, true);
        static const struct setup free_for_all = { { { "a", 0, 0, 0, false } }, { VOLUME(10, 10) },
                { { 1, 0, 0, -5, 5, false }, { 2, 0, 0, 0.1, 5, false } }, { { 0 } }, 0,
                "2:space 1:space", NULL };
        check(&free_for_all, true);
}

static void test_nothing_is_known_of_a_stream(void **state)
{
        (void)state;
        /* Not by age, not by quota, not for room but where recording would stop. */
        static const struct setup s = { { { "a", 0, 1, 1, true }, { "b", 0, 0, 0, false } },
                { VOLUME(5, 0) }, { { 1, 0, 0, 9, 5, false }, { 2, 1, 0, 8, 5, false } }, { { 0 } },
                0, "2:space", NULL };
        check(&s, true);
        struct setup need = s;
        need.volumes[0] = (struct retention_volume)VOLUME(10, 10);
        need.want = "2:space 1:below_minimum";
        check(&need, true);
}

static void test_a_retired_volume_keeps_pace(void **state)
{
        (void)state;
        /* What is as old as footage that went elsewhere for room; minimum days and locks hold. */
        static const struct setup s = { { { "a", 1, 0, 0, false }, { "b", 20, 0, 0, false } },
                { { .number = 1, .room = 64, .retired = true } },
                { { 1, 0, 0, 9, 5, false }, { 2, 0, 0, 8, 5, false }, { 3, 0, 0, 7, 5, false },
                        { 4, 1, 0, 9, 5, false } },
                { { 0, 9, 8.9 } }, NOW - 15 * (DAY / 2), "2:retired", NULL };
        check(&s, true);
        struct setup unknown = s; /* nothing went elsewhere yet */
        unknown.horizon_us = 0;
        unknown.want = "";
        check(&unknown, true);
}

static void test_a_batch_has_its_bound(void **state)
{
        (void)state;
        static const struct setup s = { { { "a", 0, 1, 0, false } },
                { { .number = 1, .room = 2, .wanted_bytes = 99, .needed_bytes = 99 } },
                { { 1, 0, 0, 9, 5, false }, { 2, 0, 0, 8, 5, false }, { 3, 0, 0, 7, 5, false } },
                { { 0 } }, 0, "1:max_days 2:max_days", NULL };
        check(&s, true);
        struct setup busy = s;
        busy.volumes[0].room = 0;
        busy.want = "";
        check(&busy, true);
}

/* A lock of a year is passed over in one step, not segment by segment. */
static void test_a_long_lock_costs_one_question(void **state)
{
        (void)state;
        static const struct setup s = { { { "a", 0, 0, 0, false } }, { VOLUME(1, 1) },
                { { 1, 0, 0, 9, 5, false }, { 2, 0, 0, 8, 5, false }, { 3, 0, 0, 7, 5, false },
                        { 4, 0, 0, 6, 5, false }, { 5, 0, 0, 5, 5, false } },
                { { 0, 400, 5.5 } }, 0, "5:space", NULL };
        struct run run = { .setup = &s };
        struct lock_set *locks = lock_set_new();
        lock_set_add(locks, "a", ago(400), ago(5.5));
        lock_set_seal(locks);
        find_lanes(&run);
        struct retention_input in = { NOW, INT64_MIN, false, 1, 1, 1, s.streams, s.volumes,
                run.lanes, locks, on_next, &run };
        struct retention_result result;
        assert_int_equal(retention_plan(&in, &result, NULL), 0);
        assert_int_equal(result.n, 1);
        assert_int_equal(run.asked, 2);
        retention_result_done(&result);
        lock_set_free(locks);
}

static int on_next_fails(void *owner, unsigned lane, const struct retention_position *after,
        struct retention_segment *ret, struct err *e)
{
        (void)owner;
        (void)lane;
        (void)after;
        (void)ret;
        return err_set(e, ERR_IO, "the index cannot be read");
}

static void test_an_index_that_fails_removes_nothing(void **state)
{
        (void)state;
        static const struct setup s = { { { "a", 0, 1, 1, false } }, { VOLUME(9, 9) },
                { { 1, 0, 0, 9, 5, false } }, { { 0 } }, 0, "", NULL };
        struct retention_lane lane = { 0, 0, 5 };
        struct lock_set *locks = lock_set_new();
        lock_set_seal(locks);
        struct retention_input in = { NOW, INT64_MIN, true, 1, 1, 1, s.streams, s.volumes, &lane,
                locks, on_next_fails, NULL };
        struct retention_result result = { .n = 77 };
        struct err e;
        assert_int_equal(retention_plan(&in, &result, &e), ERR_IO);
        assert_int_equal(result.n, 77);
        lock_set_free(locks);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_to_do),
                cmocka_unit_test(test_age_is_law),
                cmocka_unit_test(test_quota),
                cmocka_unit_test(test_quota_waits_for_what_is_on_its_way),
                cmocka_unit_test(test_space_takes_the_oldest_of_all),
                cmocka_unit_test(test_ties_go_by_the_order_of_recording),
                cmocka_unit_test(test_minimum_is_kept_before_the_youth_of_others),
                cmocka_unit_test(test_who_takes_most_pays_below_the_minimum),
                cmocka_unit_test(test_what_is_being_written_stays),
                cmocka_unit_test(test_locks_beat_every_rule),
                cmocka_unit_test(test_a_clock_that_was_set_back),
                cmocka_unit_test(test_nothing_is_known_of_a_stream),
                cmocka_unit_test(test_a_retired_volume_keeps_pace),
                cmocka_unit_test(test_a_batch_has_its_bound),
                cmocka_unit_test(test_a_long_lock_costs_one_question),
                cmocka_unit_test(test_an_index_that_fails_removes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
