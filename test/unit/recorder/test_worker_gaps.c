/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the first seal behind a time without recording says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "recorder/worker_gaps.h"

static struct segment_writer_connection tell(struct worker_gaps *g, int64_t now_us)
{
        struct segment_writer_connection c = { 0 };

        worker_gaps_tell(g, now_us, &c);
        assert_int_equal(g->also.n, 0);
        assert_int_equal(g->unasked_from_us, 0);
        return c;
}

static void assert_also(const struct segment_writer_connection *c, unsigned i, unsigned cause,
        int64_t from_us, int64_t to_us)
{
        assert_true(i < c->also.n);
        assert_int_equal(c->also.gaps[i].cause, cause);
        assert_int_equal(c->also.gaps[i].from_us, from_us);
        assert_int_equal(c->also.gaps[i].to_us, to_us);
}

/* Shut, and opened again. */
static void test_not_asked(void **state)
{
        struct worker_gaps g = { 0 };

        (void)state;
        worker_gaps_begin(&g, SEAL_GAP_NOT_ASKED, 100);
        worker_gaps_close(&g, 150); /* again: it is known */
        struct segment_writer_connection c = tell(&g, 200);
        assert_int_equal(c.gap_cause, SEAL_GAP_NOT_ASKED);
        assert_int_equal(c.gap_from_us, 100);
        assert_int_equal(c.gap_until_us, 0);
        assert_int_equal(c.also.n, 0);
}

/* Recording stopped for a reason of its own, and then nothing was asked for. */
static void test_another_cause_before(void **state)
{
        struct worker_gaps g = { 0 };

        (void)state;
        worker_gaps_begin(&g, SEAL_GAP_CAMERA_LOST, 100);
        worker_gaps_close(&g, 150);
        worker_gaps_close(&g, 160);
        struct segment_writer_connection c = tell(&g, 200);
        assert_int_equal(c.gap_cause, SEAL_GAP_CAMERA_LOST);
        assert_int_equal(c.gap_until_us, 150);
        assert_int_equal(c.also.n, 1);
        assert_also(&c, 0, SEAL_GAP_NOT_ASKED, 150, 200);
}

/* The camera goes while nothing is asked for, and is not there when it is. */
static void test_another_cause_behind(void **state)
{
        struct worker_gaps g = { 0 };

        (void)state;
        worker_gaps_begin(&g, SEAL_GAP_NOT_ASKED, 100);
        worker_gaps_open(&g, 150);
        struct segment_writer_connection c = tell(&g, 200);
        assert_int_equal(c.gap_cause, SEAL_GAP_CAMERA_LOST);
        assert_int_equal(c.gap_from_us, 150);
        assert_int_equal(c.also.n, 1);
        assert_also(&c, 0, SEAL_GAP_NOT_ASKED, 100, 150);
}

static void test_on_both_sides(void **state)
{
        struct worker_gaps g = { 0 };

        (void)state;
        worker_gaps_begin(&g, SEAL_GAP_CAMERA_LOST, 100);
        worker_gaps_close(&g, 120);
        worker_gaps_open(&g, 150);
        worker_gaps_step(&g, 170, -1000);
        struct segment_writer_connection c = tell(&g, 200);
        assert_int_equal(c.gap_cause, SEAL_GAP_CAMERA_LOST);
        assert_int_equal(c.gap_from_us, 100);
        assert_int_equal(c.gap_until_us, 0);
        assert_int_equal(c.also.n, 2);
        assert_also(&c, 0, SEAL_GAP_NOT_ASKED, 120, 150);
        assert_also(&c, 1, SEAL_GAP_CLOCK_STEP, 170, -1000);
}

/* The sealer dies while nothing is asked for: since when, is not forgotten; what was told is. */
static void test_since_when(void **state)
{
        struct worker_gaps g = { 0 };

        (void)state;
        assert_int_equal(worker_gaps_unasked_us(&g, 50), 50);
        worker_gaps_begin(&g, SEAL_GAP_NOT_ASKED, 100);
        assert_int_equal(worker_gaps_unasked_us(&g, 150), 100);
        tell(&g, 200);
        assert_int_equal(worker_gaps_unasked_us(&g, 250), 250);
        worker_gaps_begin(&g, SEAL_GAP_UNCLEAN_STOP, 260);
        worker_gaps_close(&g, 270);
        assert_int_equal(worker_gaps_unasked_us(&g, 280), 270);
        worker_gaps_begin(&g, SEAL_GAP_NOT_ASKED, SEAL_UNKNOWN_US);
        g.unasked_from_us = 0;
        assert_int_equal(worker_gaps_unasked_us(&g, 290), 290);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_not_asked),
                cmocka_unit_test(test_another_cause_before),
                cmocka_unit_test(test_another_cause_behind),
                cmocka_unit_test(test_on_both_sides),
                cmocka_unit_test(test_since_when),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
