/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a timeline asks of the index: the next range, the next gap, and that gaps go with the
 * segment whose seal told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "vault/index_timeline.h"

#define SECOND INT64_C(1000000)

static void put(struct index *ix, const char *stream, unsigned n, int64_t first_s, int64_t last_s)
{
        struct index_segment s = { .volume = 1,
                .first_us = first_s * SECOND,
                .last_us = last_s * SECOND,
                .created_us = first_s * SECOND,
                .fragments = 1,
                .ended = true };

        snprintf(s.stream, sizeof s.stream, "%s", stream);
        snprintf(s.object_key, sizeof s.object_key, "%s/%u", stream, n);
        assert_int_equal(index_put(ix, &s, NULL), 0);
}

static void test_segments(void **state)
{
        struct index *ix = NULL;
        int64_t first = 0, last = 0;

        (void)state;
        assert_int_equal(index_create(NULL, &ix, NULL), 0);
        put(ix, "yard-main", 1, 100, 160);
        put(ix, "yard-main", 2, 160, 220);
        put(ix, "gate-main", 1, 10, 70);
        assert_int_equal(index_timeline_segment(ix, "yard-main", 0, &first, &last, NULL), 1);
        assert_int_equal(first, 100 * SECOND);
        assert_int_equal(last, 160 * SECOND);
        assert_int_equal(
                index_timeline_segment(ix, "yard-main", 160 * SECOND + 1, &first, &last, NULL), 1);
        assert_int_equal(last, 220 * SECOND);
        assert_int_equal(
                index_timeline_segment(ix, "yard-main", 220 * SECOND + 1, &first, &last, NULL), 0);
        assert_int_equal(index_timeline_segment(ix, "door-main", 0, &first, &last, NULL), 0);
        index_free(ix);
}

static void test_gaps_go_with_their_segment(void **state)
{
        const struct seal_gap gaps[] = {
                { .cause = SEAL_GAP_START, .from_us = SEAL_UNKNOWN_US, .to_us = 100 * SECOND },
                { .cause = SEAL_GAP_CAMERA_LOST, .from_us = 80 * SECOND, .to_us = 100 * SECOND }
        };
        struct seal_gap found;
        struct index *ix = NULL;

        (void)state;
        assert_int_equal(index_create(NULL, &ix, NULL), 0);
        put(ix, "yard-main", 1, 100, 160);
        assert_int_equal(index_timeline_put_gaps(ix, "yard-main/1", gaps, 2, NULL), 0);
        assert_int_equal(index_timeline_put_gaps(ix, "yard-main/9", gaps, 2, NULL), 0);
        assert_int_equal(index_timeline_gap(ix, "yard-main", 0, &found, NULL), 1);
        assert_int_equal(found.cause, SEAL_GAP_CAMERA_LOST);
        assert_int_equal(found.from_us, 80 * SECOND);
        assert_int_equal(found.to_us, 100 * SECOND);
        assert_int_equal(index_timeline_gap(ix, "yard-main", 100 * SECOND + 1, &found, NULL), 0);
        assert_int_equal(index_timeline_gap(ix, "gate-main", 0, &found, NULL), 0);

        assert_int_equal(index_timeline_drop_gaps(ix, "yard-main/1", NULL), 0);
        assert_int_equal(index_timeline_gap(ix, "yard-main", 0, &found, NULL), 0);
        assert_int_equal(index_timeline_put_gaps(ix, "yard-main/1", gaps, 2, NULL), 0);
        assert_int_equal(index_remove(ix, "yard-main/1", NULL), 0);
        assert_int_equal(index_timeline_gap(ix, "yard-main", 0, &found, NULL), 0);
        index_free(ix);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_segments),
                cmocka_unit_test(test_gaps_go_with_their_segment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
