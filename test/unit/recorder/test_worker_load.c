/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who goes down to key frames when the processor does not keep up, and when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "recorder/worker_load.h"

#define MAX 200

static char names[MAX][16];
static struct worker_load_stream streams[MAX];

static void cameras(unsigned n, uint64_t rate)
{
        for (unsigned i = 0; i < n; i++) {
                snprintf(names[i], sizeof names[i], "cam-%03u", i);
                streams[i] = (struct worker_load_stream){ names[i], rate, false };
        }
}

static unsigned shed(unsigned n)
{
        unsigned count = 0;

        for (unsigned i = 0; i < n; i++)
                count += streams[i].shed;
        return count;
}

/* Seconds in which every beat is this late. */
static unsigned seconds(struct worker_load *l, unsigned s, uint64_t late_ms, unsigned n)
{
        unsigned changed = 0;

        for (unsigned i = 0; i < s; i++) {
                for (unsigned k = 0; k < 10; k++)
                        worker_load_beat(l, late_ms);
                changed += worker_load_second(l, streams, n);
        }
        return changed;
}

static void test_on_time(void **state)
{
        struct worker_load l = { 0 };

        (void)state;
        cameras(50, 500000);
        assert_int_equal(seconds(&l, 1000, 40, 50), 0);
        assert_int_equal(seconds(&l, 1000, WORKER_LOAD_LATE_MS - 1, 50), 0);
        assert_int_equal(shed(50), 0);
}

/* A process that was stopped, or a disk that came late once: nothing is done. */
static void test_a_short_delay(void **state)
{
        struct worker_load l = { 0 };

        (void)state;
        cameras(50, 500000);
        for (unsigned i = 0; i < 500; i++) {
                worker_load_beat(&l, 10000);
                for (unsigned k = 0; k < 9; k++)
                        worker_load_beat(&l, 5);
                assert_int_equal(worker_load_second(&l, streams, 50), 0);
        }
        for (unsigned i = 0; i < 100; i++) {
                assert_int_equal(seconds(&l, WORKER_LOAD_LATE_S - 1, 3000, 50), 0);
                assert_int_equal(seconds(&l, 1, 5, 50), 0);
        }
}

/* The bomb alone pays. */
static void test_the_largest_first(void **state)
{
        struct worker_load l = { 0 };

        (void)state;
        cameras(50, 500000);
        streams[17].rate = 20000000;
        streams[31].rate = 5000000;
        assert_int_equal(seconds(&l, WORKER_LOAD_LATE_S - 1, 900, 50), 0);
        assert_int_equal(seconds(&l, 1, 900, 50), 1);
        assert_true(streams[17].shed);
        assert_int_equal(seconds(&l, WORKER_LOAD_LATE_S, 900, 50), 1);
        assert_true(streams[31].shed);
        /* The others are below their share: nothing more is done, however late it is. */
        assert_int_equal(seconds(&l, 100, 900, 50), 0);
        assert_true(worker_load_exhausted(&l));
        assert_int_equal(shed(50), 2);
        assert_int_equal(seconds(&l, 1, 5, 50), 0);
        assert_false(worker_load_exhausted(&l));
}

/* Equal ones: a tenth at a time, always the same; who needs least, is never touched. */
static void test_equal_ones(void **state)
{
        struct worker_load l = { 0 };

        (void)state;
        cameras(100, 500000);
        streams[99].rate = 10000;
        assert_in_range(seconds(&l, WORKER_LOAD_LATE_S, 900, 100), 10, 11);
        for (unsigned i = 0; i < 10; i++)
                assert_true(streams[i].shed);
        assert_int_equal(shed(100) <= 11, 1);
        seconds(&l, 300, 900, 100);
        assert_int_equal(shed(100), 99);
        assert_false(streams[99].shed);
        /* And back, the smallest share at a time. */
        assert_int_equal(seconds(&l, WORKER_LOAD_CALM_S - 1, 5, 100), 0);
        assert_in_range(seconds(&l, 1, 5, 100), 5, 6);
        seconds(&l, 300, 5, 100);
        assert_int_equal(shed(100), 0);
}

/* Where all together are too many and all but one are not: it does not go back and forth. */
static void test_no_flapping(void **state)
{
        struct worker_load l = { 0 };
        unsigned changes = 0;

        (void)state;
        cameras(20, 500000);
        streams[3].rate = 8000000;
        for (unsigned s = 0; s < 3600; s++)
                changes += seconds(&l, 1, streams[3].shed ? 5 : 900, 20);
        assert_true(streams[3].shed || changes > 0);
        /* Tried after 10, 20, 40, ... 600 s: about a dozen times in an hour, there and back. */
        assert_in_range(changes, 8, 30);
        assert_int_equal(shed(20) - streams[3].shed, 0);
        /* When there is room again, it comes back and stays. */
        assert_in_range(seconds(&l, 700, 5, 20), 0, 1);
        assert_int_equal(shed(20), 0);
        seconds(&l, 1500, 5, 20);
        /* And trouble much later begins anew. */
        seconds(&l, WORKER_LOAD_LATE_S, 900, 20);
        assert_true(streams[3].shed);
        assert_int_equal(seconds(&l, WORKER_LOAD_CALM_S, 5, 20), 1);
}

static void test_few(void **state)
{
        struct worker_load l = { 0 };

        (void)state;
        assert_int_equal(seconds(&l, 10, 900, 0), 0);
        cameras(1, 500000);
        assert_int_equal(seconds(&l, 10, 900, 1), 1); /* what it brings is too much */
        cameras(3, 0);
        assert_int_equal(seconds(&l, 10, 900, 3), 0); /* it is not the cameras */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_on_time),
                cmocka_unit_test(test_a_short_delay),
                cmocka_unit_test(test_the_largest_first),
                cmocka_unit_test(test_equal_ones),
                cmocka_unit_test(test_no_flapping),
                cmocka_unit_test(test_few),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
