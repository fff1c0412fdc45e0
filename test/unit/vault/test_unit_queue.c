/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "vault/unit_queue.h"

static uint8_t million[1u << 20];

static bool add(struct unit_queue *q, bool main, bool key, size_t n)
{
        struct access_unit u = { .data = BYTES(million, n), .key = key };

        return unit_queue_push_unit(q, main ? 0 : 1, main, &u);
}

static void test_order_and_copies(void **state)
{
        struct media_config config = { .codec = MEDIA_H264, .width = 640 };
        struct access_unit u = {
                .data = BYTES("abc", 3), .pts = 7, .key = true, .new_config = &config
        };
        struct unit_queue q = { 0 };

        (void)state;
        assert_true(unit_queue_push_unit(&q, 0, true, &u));
        unit_queue_push_mark(&q, UNIT_QUEUE_END, NULL);
        config.width = 0; /* the queue has its own copy */
        assert_int_equal(q.head->unit.pts, 7);
        assert_memory_equal(q.head->unit.data.p, "abc", 3);
        assert_int_equal(q.head->unit.new_config->width, 640);
        unit_queue_pop(&q);
        assert_int_equal(q.head->kind, UNIT_QUEUE_END);
        unit_queue_pop(&q);
        assert_null(q.head);
        assert_null(q.tail);
        assert_int_equal(q.bytes + q.marks, 0);
        unit_queue_done(&q);
}

/* A full queue drops its oldest group; what is left goes on to what comes. */
static void test_drops_the_oldest_group(void **state)
{
        struct unit_queue q = { 0 };

        (void)state;
        for (unsigned group = 0; group < 2; group++) {
                assert_true(add(&q, true, true, sizeof million));
                assert_true(add(&q, false, true, 100));
                assert_true(add(&q, true, false, sizeof million));
                assert_true(add(&q, true, false, sizeof million));
        }
        assert_true(add(&q, true, false, sizeof million));
        size_t full = q.bytes;
        assert_true(add(&q, true, false, sizeof million));
        assert_true(q.bytes < full);
        assert_true(q.head->main && q.head->unit.key);
        assert_int_equal(q.head->dropped, 3); /* sound is not counted */
        assert_int_equal(q.head->cause, SEAL_GAP_OVERLOAD);
        assert_int_equal(q.overload_frames, 3);
        assert_int_equal(q.tail->dropped, 0);
        unit_queue_done(&q);
        assert_int_equal(q.overload_frames, 3);
}

/* Where the group that is coming has to go, all of it goes. */
static void test_a_group_larger_than_the_queue(void **state)
{
        struct unit_queue q = { .cause = SEAL_GAP_DISK };

        (void)state;
        assert_true(add(&q, true, true, sizeof million));
        for (unsigned i = 1; i < 7; i++)
                assert_true(add(&q, true, false, sizeof million));
        assert_false(add(&q, true, false, sizeof million));
        assert_null(q.head);
        assert_false(add(&q, true, false, 1));
        assert_false(add(&q, false, true, 1));
        assert_true(add(&q, true, true, 1));
        assert_int_equal(q.head->dropped, 9);
        assert_int_equal(q.head->cause, SEAL_GAP_DISK);
        assert_int_equal(q.overload_frames, 0);
        assert_true(add(&q, true, false, 1));
        assert_int_equal(q.tail->dropped, 0);
        unit_queue_done(&q);
}

/* Marks stay, and a group does not reach over them. */
static void test_marks_stay(void **state)
{
        struct unit_queue q = { 0 };

        (void)state;
        unit_queue_push_mark(&q, UNIT_QUEUE_BEGIN, xcalloc(1, 10));
        for (unsigned i = 0; i < 4; i++)
                assert_true(add(&q, true, i == 0, sizeof million));
        unit_queue_push_mark(&q, UNIT_QUEUE_END, NULL);
        unit_queue_push_mark(&q, UNIT_QUEUE_BEGIN, xcalloc(1, 10));
        for (unsigned i = 0; i < 5; i++)
                assert_true(add(&q, true, i == 0, sizeof million));
        assert_int_equal(q.head->kind, UNIT_QUEUE_BEGIN);
        assert_int_equal(q.head->next->kind, UNIT_QUEUE_END);
        assert_int_equal(q.head->next->dropped, 4);
        assert_int_equal(q.head->next->next->kind, UNIT_QUEUE_BEGIN);
        assert_int_equal(q.head->next->next->dropped, 0);
        assert_int_equal(q.marks, 3);
        unit_queue_done(&q);
}

/* One that takes more than the others pays for all; those below their share lose nothing. */
static void test_budget_is_shared(void **state)
{
        struct unit_budget b = { .max = 16u << 20 };
        struct unit_queue bomb = { .budget = &b }, modest[3] = { { 0 } };

        (void)state;
        for (unsigned i = 0; i < 3; i++)
                modest[i].budget = &b;
        for (unsigned i = 0; i < 60; i++) {
                if (i % 15 == 0) {
                        for (unsigned k = 0; k < 3; k++)
                                assert_true(add(&modest[k], true, i == 0, 700000));
                }
                add(&bomb, true, i % 4 == 0, sizeof million);
                assert_true(b.used <= b.max);
        }
        for (unsigned k = 0; k < 3; k++) {
                assert_int_equal(modest[k].overload_frames, 0);
                assert_in_range(modest[k].bytes, 4 * 700000, 4 * 701000);
        }
        assert_true(bomb.overload_frames > 0);
        assert_in_range(bomb.bytes, 1, b.max - 3 * 4 * 700000);
        assert_true(bomb.head->unit.key);
        /* The bomb stands still, the others grow: it still gives way, up to the same share. */
        while (b.used + 2 * sizeof million <= b.max)
                add(&bomb, true, true, sizeof million);
        size_t before = bomb.bytes;
        for (unsigned k = 0; k < 3; k++)
                assert_true(add(&modest[k], true, false, 700000));
        assert_true(bomb.bytes < before);
        unit_queue_done(&bomb);
        for (unsigned k = 0; k < 3; k++)
                unit_queue_done(&modest[k]);
        assert_int_equal(b.used, 0);
        assert_null(b.holders);
}

/* A camera that sends many small units pays for what lies around them too. */
static void test_small_units_count(void **state)
{
        struct unit_budget b = { .max = 1u << 20 };
        struct unit_queue q = { .budget = &b };
        unsigned n = 0;

        (void)state;
        for (unsigned i = 0; i < 100000; i++)
                add(&q, true, true, 1);
        for (const struct unit_queue_item *i = q.head; i; i = i->next)
                n++;
        assert_true(n * sizeof *q.head <= b.max);
        unit_queue_done(&q);
}

/* Parameter sets that came with what was dropped go to what is left, or to what comes. */
static void test_parameters_are_not_lost(void **state)
{
        struct media_config first = { .codec = MEDIA_H264, .width = 1 };
        struct media_config second = { .codec = MEDIA_H264, .width = 2 };
        struct access_unit u = { .data = BYTES(million, sizeof million), .key = true };
        struct unit_queue q = { 0 };

        (void)state;
        u.new_config = &first;
        assert_true(unit_queue_push_unit(&q, 0, true, &u));
        u.new_config = NULL;
        for (unsigned i = 1; i < 7; i++)
                assert_true(unit_queue_push_unit(&q, 0, true, &u));
        assert_true(add(&q, true, false, sizeof million));
        assert_int_equal(q.head->unit.new_config->width, 1); /* of the second group now */
        assert_int_equal(q.head->dropped, 1);
        unit_queue_done(&q);

        assert_true(add(&q, true, true, sizeof million));
        for (unsigned i = 1; i < 7; i++)
                assert_true(add(&q, true, false, sizeof million));
        u.key = false;
        u.new_config = &second;
        assert_false(unit_queue_push_unit(&q, 0, true, &u));
        assert_true(add(&q, true, true, 10));
        assert_int_equal(q.head->unit.new_config->width, 2);
        assert_true(add(&q, true, false, 10));
        assert_null(q.tail->unit.new_config);

        /* Not of another connection. */
        q.dropping = true;
        assert_false(unit_queue_push_unit(&q, 0, true, &u));
        unit_queue_push_mark(&q, UNIT_QUEUE_BEGIN, xcalloc(1, 10));
        assert_true(add(&q, true, true, 10));
        assert_null(q.tail->unit.new_config);
        unit_queue_done(&q);
}

static void test_move(void **state)
{
        struct unit_budget b = { .max = 1u << 20 };
        struct unit_queue from = { .budget = &b }, to = { .budget = &b };

        (void)state;
        add(&from, true, true, 10);
        add(&from, true, false, 20);
        size_t used = b.used;
        unit_queue_move(&to, &from);
        assert_int_equal(b.used, used);
        unit_queue_move(&to, &from);
        assert_null(from.head);
        assert_int_equal(from.bytes, 0);
        assert_ptr_equal(b.holders, &to);
        assert_int_equal(to.tail->unit.data.n, 20);
        unit_queue_done(&to);
        unit_queue_done(&from);
        assert_int_equal(b.used, 0);
}

/* A single frame larger than the queue passes when nothing else waits. */
static void test_large_frame(void **state)
{
        uint8_t *large = calloc(1, UNIT_QUEUE_MAX + 1);
        struct access_unit u = { .data = BYTES(large, UNIT_QUEUE_MAX + 1), .key = true };
        struct unit_queue q = { 0 };

        (void)state;
        assert_true(unit_queue_push_unit(&q, 0, true, &u));
        assert_false(unit_queue_push_unit(&q, 0, true, &u));
        unit_queue_done(&q);
        free(large);
}

static void test_drop_keeps_a_stop(void **state)
{
        struct unit_queue q = { 0 };

        (void)state;
        unit_queue_push_mark(&q, UNIT_QUEUE_BEGIN, xcalloc(1, 10));
        add(&q, true, true, 10);
        add(&q, false, true, 10);
        assert_false(unit_queue_stopping(&q));
        unit_queue_push_mark(&q, UNIT_QUEUE_STOP, NULL);
        assert_true(unit_queue_stopping(&q));
        unit_queue_drop(&q);
        assert_int_equal(q.head->kind, UNIT_QUEUE_STOP);
        assert_int_equal(q.head->dropped, 1);
        assert_ptr_equal(q.head, q.tail);
        unit_queue_done(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order_and_copies),
                cmocka_unit_test(test_drops_the_oldest_group),
                cmocka_unit_test(test_a_group_larger_than_the_queue),
                cmocka_unit_test(test_marks_stay),
                cmocka_unit_test(test_budget_is_shared),
                cmocka_unit_test(test_small_units_count),
                cmocka_unit_test(test_parameters_are_not_lost),
                cmocka_unit_test(test_move),
                cmocka_unit_test(test_large_frame),
                cmocka_unit_test(test_drop_keeps_a_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
