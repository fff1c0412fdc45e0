/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Old footage played again, and a camera's clock that is not one; and what must not look like it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "ingest/liveness.h"

#define SECOND INT64_C(1000000)
#define WALL INT64_C(1763000000000000) /* November 2025 */
#define FRAME_US 40000
#define GROUP 25 /* units: a second */

static const uint8_t key[LIVENESS_KEY_BYTES] = "0123456789abcdef";

/* A camera, its frames made from numbers: the same number, the same bytes. */
struct camera {
        struct liveness *l;
        int64_t now_us;
        int64_t report_us, report_came_us;
        size_t key_bytes, tail_bytes;
        bool lost;
        unsigned units;      /* until the alarm came, or of all */
        enum fault alarm;    /* newest answer */
        uint8_t room[20000]; /* one unit */
};

static struct camera *camera(void)
{
        struct camera *c = calloc(1, sizeof *c);

        c->l = liveness_new(key);
        c->now_us = 1000 * SECOND;
        c->report_us = c->report_came_us = INT64_MIN;
        c->key_bytes = 12000;
        c->tail_bytes = 600;
        return c;
}

static void done(struct camera *c)
{
        liveness_free(c->l);
        free(c);
}

static enum fault unit(struct camera *c, bool is_key, uint64_t number)
{
        struct access_unit u = { .data = BYTES(c->room, is_key ? c->key_bytes : c->tail_bytes),
                .key = is_key,
                .lost_before = c->lost,
                .report_us = c->report_us,
                .report_came_us = c->report_came_us };

        memset(c->room, (int)(number & 0xff), u.data.n);
        memcpy(c->room, &number, sizeof number);
        c->now_us += FRAME_US;
        c->units++;
        c->alarm = liveness_push(c->l, &u, c->now_us);
        return c->alarm;
}

/* A second of footage. Stops where an alarm begins. */
static enum fault group(struct camera *c, uint64_t number)
{
        for (unsigned i = 0; i < GROUP; i++) {
                enum fault before = c->alarm;
                if (unit(c, i == 0, number * 100 + i) && !before)
                        break;
        }
        return c->alarm;
}

static enum fault groups(struct camera *c, uint64_t from, uint64_t n)
{
        for (uint64_t i = from; i < from + n; i++) {
                if (group(c, i))
                        return c->alarm;
        }
        return FAULT_NONE;
}

/* Before the first group that is played again has ended: at its sixth unit. */
static void test_old_footage_within_one_group(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, 600), FAULT_NONE);
        c->units = 0;
        assert_int_equal(groups(c, 200, 10), FAULT_REPEATED_FOOTAGE);
        assert_int_equal(c->units, 6);
        done(c);
}

static void test_nine_hours_of_new_footage(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, LIVENESS_GROUPS_MAX), FAULT_NONE);
        /* All of it is still known, but for the few whose set was full. */
        assert_int_equal(groups(c, 40000, 5000), FAULT_NONE);
        c->units = 0;
        assert_int_equal(groups(c, LIVENESS_GROUPS_MAX - 3000, 10), FAULT_REPEATED_FOOTAGE);
        assert_in_range(c->units, 6, 5 * GROUP);
        done(c);
}

/* A camera sends its newest group again to who connects anew. */
static void test_the_last_seconds_again(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, 20), FAULT_NONE);
        liveness_restart(c->l);
        assert_int_equal(groups(c, 15, 5), FAULT_NONE);
        assert_int_equal(groups(c, 20, 100), FAULT_NONE);
        done(c);
}

/* However long that group is, or the camera was away; but the group may not stay. */
static void test_the_newest_group_again(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, 20), FAULT_NONE);
        for (uint64_t i = 20; i < 24; i++) {
                c->now_us += 40 * SECOND;
                liveness_restart(c->l);
                assert_int_equal(groups(c, i - 1, 2), FAULT_NONE);
        }
        c->now_us += 40 * SECOND;
        liveness_restart(c->l);
        assert_int_equal(groups(c, 22, 1), FAULT_REPEATED_FOOTAGE); /* the one before it */
        done(c);

        c = camera();
        assert_int_equal(groups(c, 0, 20), FAULT_NONE);
        c->now_us += 40 * SECOND;
        liveness_restart(c->l);
        assert_int_equal(groups(c, 19, 1), FAULT_NONE);
        c->now_us += 40 * SECOND;
        assert_int_equal(groups(c, 19, 1), FAULT_REPEATED_FOOTAGE); /* on the same connection */
        done(c);

        c = camera();
        assert_int_equal(groups(c, 0, 20), FAULT_NONE);
        for (unsigned i = 0; i < 2; i++) {
                c->now_us += 40 * SECOND;
                liveness_restart(c->l);
                assert_int_equal(groups(c, 19, 1), i ? FAULT_REPEATED_FOOTAGE : FAULT_NONE);
        }
        done(c);
}

/* Another connection, where the old footage comes from: what was seen stays known. */
static void test_over_connections(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, 30), FAULT_NONE);
        liveness_restart(c->l);
        assert_int_equal(groups(c, 0, 3), FAULT_REPEATED_FOOTAGE);
        done(c);
}

/* Fed with one still picture, x264 puts out four groups in turn, with some 30 bytes for each unit
 * behind the key frame (measured). So does it again after somebody walked by. */
static void test_a_still_test_picture(void **state)
{
        struct camera *c = camera();

        (void)state;
        c->tail_bytes = 40;
        for (unsigned i = 0; i < 300; i++)
                assert_int_equal(group(c, i % 4), FAULT_NONE);
        c->tail_bytes = 600;
        assert_int_equal(groups(c, 1000, 60), FAULT_NONE);
        c->tail_bytes = 40;
        for (unsigned i = 0; i < 300; i++)
                assert_int_equal(group(c, i % 4), FAULT_NONE);
        done(c);
}

/* Footage with hardly a movement, but noise in its key frames. */
static void test_eight_in_order_without_movement(void **state)
{
        struct camera *c = camera();

        (void)state;
        c->tail_bytes = 40;
        assert_int_equal(groups(c, 0, 60), FAULT_NONE);
        c->units = 0;
        assert_int_equal(groups(c, 20, 10), FAULT_REPEATED_FOOTAGE);
        assert_int_equal(c->units, 7 * GROUP + 6);
        done(c);

        c = camera(); /* not in their order */
        c->tail_bytes = 40;
        assert_int_equal(groups(c, 0, 60), FAULT_NONE);
        for (unsigned i = 40; i > 5; i--)
                assert_int_equal(group(c, i), FAULT_NONE);
        done(c);
}

/* Every unit a key frame: JPEG, or a camera set to groups of one. */
static void test_key_frames_only(void **state)
{
        struct camera *c = camera();

        (void)state;
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(unit(c, true, i), FAULT_NONE);
        c->units = 0;
        for (unsigned i = 300; i < 320 && !c->alarm; i++)
                unit(c, true, i);
        assert_int_equal(c->alarm, FAULT_REPEATED_FOOTAGE);
        assert_in_range(c->units, 8, 9);
        done(c);
}

static void test_a_black_picture(void **state)
{
        struct camera *c = camera();

        (void)state;
        c->key_bytes = 279; /* x264, 640x360, measured */
        c->tail_bytes = 300;
        assert_int_equal(groups(c, 0, 60), FAULT_NONE);
        assert_int_equal(groups(c, 0, 60), FAULT_NONE);
        done(c);
}

/* A group with a hole is not the group that was seen; the next whole one is. */
static void test_loss_hides_one_group_only(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, 30), FAULT_NONE);
        unit(c, true, 500);
        c->lost = true;
        assert_int_equal(unit(c, false, 501), FAULT_NONE);
        c->lost = false;
        assert_int_equal(group(c, 6), FAULT_REPEATED_FOOTAGE);
        done(c);
}

static void test_the_alarm_ends(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(groups(c, 0, 30), FAULT_NONE);
        assert_int_equal(groups(c, 3, 1), FAULT_REPEATED_FOOTAGE);
        int64_t until_us = c->now_us + 600 * SECOND;
        for (uint64_t i = 5000; c->now_us + SECOND < until_us; i++)
                assert_int_equal(group(c, i), FAULT_REPEATED_FOOTAGE);
        c->now_us += SECOND;
        assert_int_equal(groups(c, 9000, 5), FAULT_NONE);
        done(c);
}

/* Another key, other digests: nobody can prepare two groups that meet. */
static void test_any_byte_counts(void **state)
{
        struct camera *c = camera();

        (void)state;
        for (unsigned i = 0; i < 60; i++)
                assert_int_equal(group(c, i), FAULT_NONE);
        c->key_bytes++; /* longer by one */
        assert_int_equal(groups(c, 0, 60), FAULT_NONE);
        c->key_bytes--;
        c->tail_bytes++;
        assert_int_equal(groups(c, 0, 60), FAULT_NONE);
        c->tail_bytes--;
        assert_int_equal(groups(c, 0, 1), FAULT_REPEATED_FOOTAGE);
        done(c);
}

/* ---- the camera's clock ---- */

/* Five seconds of new footage, with a sender report in front. */
static enum fault report(struct camera *c, int64_t report_us)
{
        static uint64_t number = 100000;

        c->report_us = report_us;
        c->report_came_us = c->now_us;
        for (unsigned i = 0; i < 5; i++)
                group(c, number++);
        return c->alarm;
}

static void test_a_clock_that_goes_back(void **state)
{
        struct camera *c = camera();

        (void)state;
        assert_int_equal(report(c, WALL), FAULT_NONE);
        assert_int_equal(report(c, WALL + 5 * SECOND), FAULT_NONE);
        assert_int_equal(report(c, WALL + 3 * SECOND), FAULT_NONE); /* corrected by a little */
        assert_int_equal(report(c, WALL + 1 * SECOND), FAULT_TIME_WENT_BACK);
        done(c);

        c = camera(); /* yesterday, from another connection */
        assert_int_equal(report(c, WALL), FAULT_NONE);
        liveness_restart(c->l);
        c->report_us = INT64_MIN;
        assert_int_equal(groups(c, 0, 5), FAULT_NONE);
        int64_t before_us = c->now_us;
        assert_int_equal(report(c, WALL - 86400 * SECOND), FAULT_TIME_WENT_BACK);
        assert_true(c->now_us - before_us <= 5 * 25 * FRAME_US);
        done(c);
}

static void test_a_clock_put_right(void **state)
{
        struct camera *c = camera();
        int64_t t = WALL;

        (void)state;
        /* Never set: not a clock. Set at last, ahead by hours, set right again. */
        for (int64_t since_boot = 0; since_boot < 100 * SECOND; since_boot += 5 * SECOND)
                assert_int_equal(report(c, since_boot), FAULT_NONE);
        assert_int_equal(report(c, 0), FAULT_NONE);
        for (unsigned i = 0; i < 20; i++, t += 5 * SECOND)
                assert_int_equal(report(c, t), FAULT_NONE);
        t += 7200 * SECOND;
        assert_int_equal(report(c, t), FAULT_NONE);
        t -= 7195 * SECOND;
        assert_int_equal(report(c, t), FAULT_TIME_WENT_BACK);
        /* Ten minutes after it has passed where it was. */
        for (unsigned i = 0; i < (7200 + 500) / 5; i++, t += 5 * SECOND)
                assert_int_equal(report(c, t), FAULT_TIME_WENT_BACK);
        for (unsigned i = 0; i < 30; i++, t += 5 * SECOND)
                report(c, t);
        assert_int_equal(c->alarm, FAULT_NONE);
        done(c);
}

static void test_a_clock_that_stands_still(void **state)
{
        struct camera *c = camera();

        (void)state;
        for (unsigned i = 0; i < 12; i++)
                assert_int_equal(report(c, WALL), FAULT_NONE);
        report(c, WALL);
        assert_int_equal(report(c, WALL), FAULT_TIME_WENT_BACK);
        done(c);

        c = camera(); /* one report, and never another */
        assert_int_equal(report(c, WALL), FAULT_NONE);
        assert_int_equal(groups(c, 0, 300), FAULT_NONE);
        done(c);

        c = camera(); /* one a minute and a half */
        for (unsigned i = 0; i < 10; i++) {
                assert_int_equal(report(c, WALL + i * 90 * SECOND), FAULT_NONE);
                assert_int_equal(groups(c, i * 100, 85), FAULT_NONE);
        }
        done(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_old_footage_within_one_group),
                cmocka_unit_test(test_nine_hours_of_new_footage),
                cmocka_unit_test(test_the_last_seconds_again),
                cmocka_unit_test(test_the_newest_group_again),
                cmocka_unit_test(test_over_connections),
                cmocka_unit_test(test_a_still_test_picture),
                cmocka_unit_test(test_eight_in_order_without_movement),
                cmocka_unit_test(test_key_frames_only),
                cmocka_unit_test(test_a_black_picture),
                cmocka_unit_test(test_loss_hides_one_group_only),
                cmocka_unit_test(test_the_alarm_ends),
                cmocka_unit_test(test_any_byte_counts),
                cmocka_unit_test(test_a_clock_that_goes_back),
                cmocka_unit_test(test_a_clock_put_right),
                cmocka_unit_test(test_a_clock_that_stands_still),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
