/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What retention asks of an index with 100,000 segments: sums that follow every change, and answers
 * found by indexes alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "vault/index_lock.h"
#include "vault/index_parts.h"
#include "vault/index_retention.h"

#define STREAMS 20
#define EACH 5000 /* minutes */
#define MINUTE INT64_C(60000000)
#define HOUR (60 * MINUTE)
#define BEGIN (INT64_C(482000) * HOUR)

static char dir[64];
static struct index *ix;

static void name_of(char *to, unsigned stream)
{
        snprintf(to, HEAD_PATH_MAX, "cam%02u-main", stream);
}

static struct index_segment row_of(unsigned stream, unsigned minute)
{
        struct index_segment s = { .volume = stream % 2,
                .created_us = BEGIN + minute * MINUTE,
                .first_us = BEGIN + minute * MINUTE,
                .last_us = BEGIN + minute * MINUTE + MINUTE - 1000,
                .bytes = 1000 + stream,
                .fragments = 60,
                .closed = true,
                .ended = true };
        char time[STR_TIME_ROOM];

        name_of(s.stream, stream);
        str_time(time, s.created_us);
        snprintf(s.object_key, sizeof s.object_key, "%s/%.10s/%.2s/%.2s-%.6sZ.0.mp4", s.stream,
                time, time + 11, time + 14, time + 17);
        return s;
}

static int setup(void **state)
{
        char path[96];
        struct err e;
        (void)state;

        snprintf(dir, sizeof dir, "/tmp/cst-keep-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof path, "%s/" INDEX_NAME, dir);
        if (index_create(path, &ix, &e) < 0 || index_begin(ix, &e) < 0)
                return -1;
        for (unsigned m = 0; m < EACH; m++) {
                for (unsigned s = 0; s < STREAMS; s++) {
                        struct index_segment row = row_of(s, m);
                        if (index_put(ix, &row, &e) < 0)
                                return -1;
                }
        }
        return index_commit(ix, &e);
}

static int teardown(void **state)
{
        static const char *const parts[] = { "", "-wal", "-shm" };
        char path[96];
        (void)state;

        ix = index_free(ix);
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                snprintf(path, sizeof path, "%s/" INDEX_NAME "%s", dir, parts[i]);
                unlink(path);
        }
        return rmdir(dir);
}

/* The sums, against what the rows say. */
static struct index_usage *check_sums(size_t *ret_n)
{
        struct index_usage *all = NULL;
        struct db_query *q;
        struct err e;
        size_t n = 0;

        assert_int_equal(index_retention_usage(ix, &all, &n, &e), 0);
        assert_int_equal(db_query(ix->db,
                                 "SELECT stream, volume, sum(bytes), count(*) FROM segment GROUP BY"
                                 " stream, volume ORDER BY stream, volume",
                                 &q, &e),
                0);
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(db_step(q, &e), 1);
                assert_string_equal(db_text(q, 0), all[i].stream);
                assert_int_equal(db_i64(q, 1), all[i].volume);
                assert_int_equal(db_i64(q, 2), all[i].bytes);
                assert_int_equal(db_i64(q, 3), all[i].segments);
        }
        assert_int_equal(db_step(q, &e), 0);
        db_reset(q);
        *ret_n = n;
        return all;
}

static void expect_sums(size_t n)
{
        size_t got;
        free(check_sums(&got));
        assert_int_equal(got, n);
}

/* The end of a stream is asked for at each start (index.c, index_tail.c). */
static void expect_search(const char *sql, const char *by)
{
        CLEANUP(own_freep) char *ask = xasprintf("EXPLAIN QUERY PLAN %s", sql);
        struct db_query *q;
        struct err e;

        assert_int_equal(db_query(ix->db, ask, &q, &e), 0);
        while (db_step(q, &e) > 0) {
                if (!strstr(db_text(q, 3), by))
                        fail_msg("%s\n%s", sql, db_text(q, 3));
        }
}

static void test_no_question_scans(void **state)
{
        (void)state;
        struct db_query *q;
        struct err e;
        unsigned questions = 0;

        expect_search("SELECT * FROM segment WHERE stream = ?1 ORDER BY id DESC LIMIT 1",
                "segment_stream (stream=?)");
        expect_search("SELECT * FROM segment WHERE stream = ?1 AND volume = ?2 AND "
                      "fragments >= ?3 ORDER BY id DESC LIMIT 1",
                "segment_on (stream=? AND volume=?)");
        for (const char *const *sql = index_retention_sql; *sql; sql++, questions++) {
                CLEANUP(own_freep) char *ask = xasprintf("EXPLAIN QUERY PLAN %s", *sql);
                if (db_query(ix->db, ask, &q, &e) < 0)
                        fail_msg("%s: %s", *sql, e.text);
                while (db_step(q, &e) > 0) {
                        const char *plan = db_text(q, 3);
                        /* Walking an index that holds few rows is no scan of segments. */
                        bool scan = strncmp(plan, "SCAN segment", 12) == 0 &&
                                    !strstr(plan, "USING INDEX segment_open") &&
                                    !strstr(plan, "USING INDEX segment_damage");
                        if (scan ||
                                strstr(plan, "SEARCH segment USING INDEX segment_time (stream=?)"))
                                fail_msg("%s\n%s", *sql, plan);
                        /* Nor may anything be sorted where the first of many is wanted. */
                        if (strstr(plan, "ORDER BY") && strstr(*sql, "LIMIT"))
                                fail_msg("%s\n%s", *sql, plan);
                }
        }
        assert_true(questions > 10);
}

static void test_sums_follow_every_change(void **state)
{
        (void)state;
        struct err e;

        expect_sums(STREAMS);
        /* A segment's whole life: made, growing, ended, replaced, elsewhere, gone. */
        const char *key = "cam00-main/2030-01-01/00/00-00.000Z.0.mp4";
        int64_t made = BEGIN + 2 * EACH * MINUTE;
        assert_int_equal(index_created(ix, 7, "cam00-main", key, made, &e), 0);
        expect_sums(STREAMS + 1);
        struct segment_writer_report r = {
                .first_arrival_us = made, .last_arrival_us = made + 5, .end = 4096, .fragment = 1
        };
        snprintf(r.object_key, sizeof r.object_key, "%s", key);
        assert_int_equal(index_durable(ix, "cam00-main", &r, &e), 0);
        expect_sums(STREAMS + 1);
        r.end = 9999;
        r.fragment = 2;
        r.last = true;
        assert_int_equal(index_durable(ix, "cam00-main", &r, &e), 0);
        expect_sums(STREAMS + 1);
        struct index_segment s;
        assert_int_equal(index_newest(ix, "cam00-main", &s, &e), 0);
        assert_string_equal(s.object_key, key);
        s.bytes = 5000;
        assert_int_equal(index_put(ix, &s, &e), 0);
        expect_sums(STREAMS + 1);
        s.volume = 0;
        assert_int_equal(index_put(ix, &s, &e), 0);
        size_t n;
        struct index_usage *all = check_sums(&n);
        assert_int_equal(all[0].bytes, 5000 + EACH * 1000);
        free(all);
        assert_int_equal(index_remove(ix, key, &e), 0);
        /* One that died: ended later than it was reported. */
        assert_int_equal(index_created(ix, 0, "cam00-main", key, made, &e), 0);
        r.last = false;
        assert_int_equal(index_durable(ix, "cam00-main", &r, &e), 0);
        assert_int_equal(index_ended(ix, key, &e), 0);
        assert_int_equal(index_ended(ix, key, &e), 0);
        expect_sums(STREAMS); /* nothing is left on volume 7 */
}

static void sum_volume(void *owner, uint32_t volume, uint64_t bytes)
{
        ((uint64_t *)owner)[volume] += bytes;
}

static void test_oldest_first(void **state)
{
        (void)state;
        struct retention_position at = { INT64_MIN, INT64_MIN };
        struct retention_segment s;
        struct err e;

        for (unsigned m = 0; m < 300; m++) {
                assert_int_equal(index_retention_next(ix, 1, "cam03-main", &at, &s, &e), 1);
                assert_int_equal(s.first_us, BEGIN + m * MINUTE);
                assert_int_equal(s.bytes, 1003);
                assert_true(s.ended);
                at = (struct retention_position){ s.last_us, s.id };
        }
        at = (struct retention_position){ BEGIN + 1000 * MINUTE, INT64_MAX };
        assert_int_equal(index_retention_next(ix, 1, "cam03-main", &at, &s, &e), 1);
        assert_int_equal(s.first_us, BEGIN + 1000 * MINUTE);
        assert_int_equal(index_retention_next(ix, 0, "cam03-main", &at, &s, &e), 0);
        assert_int_equal(index_retention_next(ix, 1, "cam0-main", &at, &s, &e), 0);
        at.last_us = INT64_MAX;
        assert_int_equal(index_retention_next(ix, 1, "cam03-main", &at, &s, &e), 0);
        /* What is being written is not there. */
        at.last_us = BEGIN + (EACH - 1) * MINUTE;
        assert_int_equal(index_retention_next(ix, 1, "cam03-main", &at, &s, &e), 1);
        struct index_segment open = row_of(3, EACH - 1);
        open.ended = open.closed = false;
        assert_int_equal(index_put(ix, &open, &e), 0);
        assert_int_equal(index_retention_next(ix, 1, "cam03-main", &at, &s, &e), 0);
        expect_sums(STREAMS);
        open.ended = open.closed = true;
        assert_int_equal(index_put(ix, &open, &e), 0);
}

static void test_locked_bytes_in_slices(void **state)
{
        (void)state;
        uint64_t sums[2] = { 0 };
        struct retention_position at = { INT64_MIN, INT64_MIN };
        struct err e;
        int r;

        /* From the last instant of minute 9 to the first of minute 1000. */
        unsigned slices = 0;
        do {
                r = index_retention_sum(ix, "cam02-main", BEGIN + 10 * MINUTE - 1000,
                        BEGIN + 1000 * MINUTE, &at, 100, sum_volume, sums, &e);
                slices++;
        } while (r == 1);
        assert_int_equal(r, 0);
        assert_int_equal(sums[0], 992 * 1002);
        assert_int_equal(sums[1], 0);
        assert_int_equal(slices, 10);
        /* Ends of time are no trouble. */
        sums[0] = 0;
        at = (struct retention_position){ INT64_MIN, INT64_MIN };
        r = index_retention_sum(
                ix, "cam02-main", INT64_MIN, INT64_MAX, &at, 2 * EACH, sum_volume, sums, &e);
        assert_int_equal(r, 0);
        assert_int_equal(sums[0], EACH * 1002);
}

static void test_hours(void **state)
{
        (void)state;
        struct index_hour at = { .hour = 0 }, h;
        struct err e;

        /* Nothing was removed yet but what another test did: forget that. */
        while (index_retention_emptied(ix, &at, INT64_MAX, &h, &e) == 1)
                assert_int_equal(index_retention_hour_done(ix, &h, &e), 0);
        /* Hour 2 and all but a minute of hour 3 of a stream go. */
        for (unsigned m = 120; m < 239; m++) {
                struct index_segment s = row_of(5, m);
                assert_int_equal(index_remove(ix, s.object_key, &e), 0);
        }
        assert_int_equal(index_retention_emptied(ix, &at, INT64_MAX, &h, &e), 1);
        assert_int_equal(h.hour, BEGIN / HOUR + 2);
        assert_int_equal(h.volume, 1);
        assert_string_equal(h.stream, "cam05-main");
        assert_int_equal(index_retention_hour_used(ix, &h, &e), 1); /* by hour 1, by hour 3 */
        assert_int_equal(index_retention_emptied(ix, &at, BEGIN / HOUR + 2, &h, &e), 0);
        for (unsigned m = 0; m < 120; m++) {
                struct index_segment s = row_of(5, m);
                assert_int_equal(index_remove(ix, s.object_key, &e), 0);
        }
        at.hour = 0;
        assert_int_equal(index_retention_emptied(ix, &at, INT64_MAX, &h, &e), 1);
        assert_int_equal(h.hour, BEGIN / HOUR);
        assert_int_equal(index_retention_hour_used(ix, &h, &e), 0);
        at = h;
        assert_int_equal(index_retention_emptied(ix, &at, INT64_MAX, &h, &e), 1);
        assert_int_equal(h.hour, BEGIN / HOUR + 1);
        assert_int_equal(index_retention_hour_used(ix, &h, &e), 0);
        at = h;
        assert_int_equal(index_retention_emptied(ix, &at, INT64_MAX, &h, &e), 1);
        assert_int_equal(h.hour, BEGIN / HOUR + 2);
        assert_int_equal(index_retention_hour_used(ix, &h, &e), 1); /* the last minute of hour 3 */
        h.volume = 0; /* which lies on the other volume */
        assert_int_equal(index_retention_hour_used(ix, &h, &e), 0);
        /* A name of another hour, as after a step of the clock, with frames of this one. */
        struct index_segment odd = row_of(5, 150);
        snprintf(
                odd.object_key, sizeof odd.object_key, "cam05-main/2040-01-01/00/00-00.000Z.0.mp4");
        odd.volume = 0;
        assert_int_equal(index_put(ix, &odd, &e), 0);
        assert_int_equal(index_retention_hour_used(ix, &h, &e), 1);
        assert_int_equal(index_retention_hour_done(ix, &h, &e), 0);
}

struct flow {
        uint64_t bytes;
        int64_t from_us;
};

static void on_flow(
        void *owner, const char *stream, uint32_t volume, uint64_t bytes, int64_t from_us)
{
        struct flow *f = owner;

        if (strcmp(stream, "flow-main") != 0 || volume != 1)
                return;
        f->bytes += bytes;
        if (!f->from_us || from_us < f->from_us)
                f->from_us = from_us;
}

static void test_flow(void **state)
{
        (void)state;
        int64_t now = BEGIN + 9000 * MINUTE;
        struct flow f = { 0 };
        struct err e;

        /* 90 minutes, the last of them being written. Only what was recorded counts: not what a
         * rebuild put there (all the others). */
        for (unsigned m = 0; m < 90; m++) {
                struct segment_writer_report r = { .first_arrival_us = now + m * MINUTE,
                        .last_arrival_us = now + m * MINUTE + MINUTE - 1,
                        .end = 100,
                        .fragment = 1,
                        .last = m < 89 };
                snprintf(r.object_key, sizeof r.object_key, "flow-main/x%u", m);
                assert_int_equal(
                        index_created(ix, 1, "flow-main", r.object_key, r.first_arrival_us, &e), 0);
                assert_int_equal(index_durable(ix, "flow-main", &r, &e), 0);
        }
        assert_int_equal(index_retention_flow(ix, 0, on_flow, &f, &e), 0);
        assert_int_equal(f.bytes, 9000);
        assert_int_equal(f.from_us, now);
        f = (struct flow){ 0 };
        assert_int_equal(index_retention_flow(ix, now + HOUR, on_flow, &f, &e), 0);
        assert_int_equal(f.bytes, 3000);
        assert_int_equal(index_retention_flow_forget(ix, now + HOUR, &e), 0);
        f = (struct flow){ 0 };
        assert_int_equal(index_retention_flow(ix, 0, on_flow, &f, &e), 0);
        assert_int_equal(f.bytes, 3000);
        int64_t newest;
        assert_int_equal(index_retention_newest(ix, &newest, &e), 0);
        assert_true(newest >= now + 88 * MINUTE);
}

static void on_terms(void *owner, const struct index_terms *t)
{
        if (strcmp(t->stream, "a-main") == 0)
                *(struct index_terms *)owner = *t;
}

static void test_terms(void **state)
{
        (void)state;
        struct index_terms t = { "a-main", 1, 2, 3 }, got = { "" };
        struct err e;

        assert_int_equal(index_retention_terms_put(ix, &t, &e), 0);
        t.quota_mb = UINT64_C(1) << 40;
        assert_int_equal(index_retention_terms_put(ix, &t, &e), 0);
        assert_int_equal(index_retention_terms(ix, on_terms, &got, &e), 0);
        assert_int_equal(got.min_days, 1);
        assert_int_equal(got.max_days, 2);
        assert_true(got.quota_mb == t.quota_mb);
        assert_int_equal(index_retention_terms_remove(ix, "a-main", &e), 0);
        got.min_days = 77;
        assert_int_equal(index_retention_terms(ix, on_terms, &got, &e), 0);
        assert_int_equal(got.min_days, 77);
}

static void test_checks(void **state)
{
        (void)state;
        unsigned damaged = 9;
        int64_t checked = 9;
        struct db_query *q;
        struct err e;

        assert_int_equal(index_retention_checks(ix, 1, &damaged, &checked, &e), 0);
        assert_int_equal(damaged, 0);
        assert_int_equal(checked, 0);
        assert_int_equal(
                db_query(ix->db,
                        "UPDATE segment SET checked_us = 55 + id, damage = CASE WHEN id = 20 THEN 'x' END WHERE volume = 1",
                        &q, &e),
                0);
        assert_int_equal(db_run(q, &e), 0);
        assert_int_equal(index_retention_checks(ix, 1, &damaged, &checked, &e), 0);
        assert_int_equal(damaged, 1);
        assert_true(checked > 55);
        assert_int_equal(index_retention_checks(ix, 31, &damaged, &checked, &e), 0);
        assert_int_equal(damaged, 0);
        assert_int_equal(checked, 0);
}

static int on_lock(void *owner, const struct index_lock *l, struct err *e)
{
        char *to = owner;

        (void)e;
        snprintf(to + strlen(to), 200 - strlen(to), "%s %s %lld %lld %s|", l->id, l->stream,
                (long long)l->from_us, (long long)l->to_us, l->text);
        return strcmp(l->id, "b") == 0 ? 5 : 0;
}

static void test_locks(void **state)
{
        (void)state;
        char got[200] = "";
        unsigned n = 9;
        struct err e;

        assert_int_equal(index_lock_put(ix, "c", "a-main", 5, 6, "{c}", &e), 0);
        assert_int_equal(index_lock_put(ix, "b", "a-main", 3, 4, "{b}", &e), 0);
        assert_int_equal(index_lock_put(ix, "a", "a-main", 1, 2, "{a}", &e), 0);
        assert_int_equal(index_lock_put(ix, "a", "b-main", -1, 2, "{A}", &e), 0);
        assert_int_equal(index_lock_count(ix, &n, &e), 0);
        assert_int_equal(n, 3);
        assert_int_equal(index_lock_each(ix, "", on_lock, got, &e), 5);
        assert_string_equal(got, "a b-main -1 2 {A}|b a-main 3 4 {b}|");
        got[0] = '\0';
        assert_int_equal(index_lock_each(ix, "b", on_lock, got, &e), 0);
        assert_string_equal(got, "c a-main 5 6 {c}|");
        assert_int_equal(index_lock_remove(ix, "c", &e), 0);
        assert_int_equal(index_lock_remove(ix, "c", &e), ERR_NOT_FOUND);
        assert_int_equal(index_lock_count(ix, &n, &e), 0);
        assert_int_equal(n, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_question_scans),
                cmocka_unit_test(test_sums_follow_every_change),
                cmocka_unit_test(test_oldest_first),
                cmocka_unit_test(test_locked_bytes_in_slices),
                cmocka_unit_test(test_hours),
                cmocka_unit_test(test_flow),
                cmocka_unit_test(test_terms),
                cmocka_unit_test(test_checks),
                cmocka_unit_test(test_locks),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
