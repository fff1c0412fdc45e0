/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is kept of a camera's stream while nobody can seal it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "recorder/worker_hold.h"

#define FRAME_US INT64_C(40000)

static const uint8_t bytes_of_a_unit[100];

/* A frame every 40 ms; a key frame each `gop`. */
static void feed(struct worker_hold *h, struct camera_connection *c, int from, int to, int gop)
{
        for (int i = from; i < to; i++) {
                struct access_unit u = { .data = BYTES(bytes_of_a_unit, sizeof bytes_of_a_unit),
                        .key = i % gop == 0,
                        .pts = i,
                        .arrival_us = i * FRAME_US };
                worker_hold_unit(h, c, 0, &u);
        }
}

static int64_t count(const struct worker_hold *h)
{
        int64_t n = 0;

        for (const struct unit_queue_item *i = h->queue.head; i; i = i->next)
                n++;
        return n;
}

static struct camera_connection video(void)
{
        return (struct camera_connection){ .tracks_n = 2,
                .tracks = { { .codec = MEDIA_H264, .width = 1 }, { .codec = MEDIA_AAC } } };
}

static void test_begins_at_a_key_frame(void **state)
{
        struct camera_connection c = video();
        struct worker_hold h = { 0 };
        (void)state;

        worker_hold_reset(&h);
        feed(&h, &c, 1, 25, 25);
        assert_null(h.queue.head);
        feed(&h, &c, 25, 30, 25);
        assert_int_equal(h.queue.head->unit.pts, 25);
        assert_int_equal(count(&h), 5);
        struct access_unit sound = { .data = BYTES(bytes_of_a_unit, 10), .key = true, .pts = 1000 };
        worker_hold_unit(&h, &c, 1, &sound);
        assert_int_equal(count(&h), 6);
        worker_hold_reset(&h);
        worker_hold_unit(&h, &c, 1, &sound); /* sound alone begins nothing */
        assert_null(h.queue.head);
        worker_hold_done(&h);
}

static void test_keeps_the_newest_groups(void **state)
{
        struct camera_connection c = video();
        struct worker_hold h = { 0 };
        (void)state;

        worker_hold_reset(&h);
        feed(&h, &c, 0, 1000, 25);
        const struct unit_queue_item *first = h.queue.head;
        assert_true(first->unit.key);
        assert_int_equal(h.queue.tail->unit.pts, 999);
        /* Two seconds, and at most one group more. */
        assert_in_range(999 - first->unit.pts, 24, 2000000 / FRAME_US + 25);
        assert_int_equal(count(&h), 1000 - first->unit.pts);
        worker_hold_done(&h);
}

static void test_parameters_belong_to_the_first_held_unit(void **state)
{
        struct camera_connection c = video();
        struct media_config changed = { .codec = MEDIA_H264, .width = 2 };
        struct worker_hold h = { 0 };
        (void)state;

        /* Not held: the next writer begins with the new ones. */
        worker_hold_reset(&h);
        struct access_unit u = { .data = BYTES(bytes_of_a_unit, 10), .new_config = &changed };
        worker_hold_unit(&h, &c, 0, &u);
        assert_int_equal(c.tracks[0].width, 2);

        /* Held behind others: the writer begins with the old ones, and is told on the way. */
        c = video();
        feed(&h, &c, 0, 5, 25);
        u.key = true;
        u.arrival_us = 5 * FRAME_US;
        worker_hold_unit(&h, &c, 0, &u);
        assert_int_equal(c.tracks[0].width, 1);
        assert_int_equal(h.queue.tail->unit.new_config->width, 2);
        /* Until the group with the old ones has gone. */
        feed(&h, &c, 75, 76, 25);
        assert_int_equal(c.tracks[0].width, 2);
        assert_int_equal(h.queue.head->unit.pts, 75);
        worker_hold_done(&h);
}

/* What the patience with a disk has cost is kept beside the two seconds; all of it counts against
 * the budget, and goes with the connection. */
static void test_keeps_more_behind_a_slow_disk(void **state)
{
        struct unit_budget budget = { .max = 16u << 20 };
        struct worker_hold h = { .queue.budget = &budget };
        struct camera_connection c = video();

        (void)state;
        worker_hold_reset(&h);
        h.more_us = 5000000;
        feed(&h, &c, 0, 175, 25);
        assert_int_equal(count(&h), 175);
        assert_true(budget.used > 175 * sizeof bytes_of_a_unit);
        feed(&h, &c, 175, 1000, 25);
        assert_in_range(count(&h), 7000000 / FRAME_US, 7000000 / FRAME_US + 25);
        worker_hold_reset(&h);
        assert_int_equal(budget.used, 0);
        feed(&h, &c, 0, 1000, 25);
        assert_in_range(count(&h), 25, 2000000 / FRAME_US + 25);
        worker_hold_done(&h);
        assert_int_equal(budget.used, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_begins_at_a_key_frame),
                cmocka_unit_test(test_keeps_the_newest_groups),
                cmocka_unit_test(test_keeps_more_behind_a_slow_disk),
                cmocka_unit_test(test_parameters_belong_to_the_first_held_unit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
