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

/* A full queue drops up to the next key frame for which half of it is free again. */
static void test_drops_whole_groups(void **state)
{
        struct unit_queue q = { 0 };

        (void)state;
        assert_true(add(&q, true, true, sizeof million));
        for (unsigned i = 1; i < 8; i++)
                assert_true(add(&q, true, false, sizeof million));
        assert_false(add(&q, true, false, 1));
        assert_false(
                add(&q, false, true, 1)); /* sound does not begin anything, and is not counted */
        assert_false(add(&q, true, true, 1));
        for (unsigned i = 0; i < 5; i++)
                unit_queue_pop(&q);
        assert_false(add(&q, true, false, 1));
        assert_true(add(&q, true, true, 1));
        assert_int_equal(q.tail->dropped, 3);
        assert_true(add(&q, true, false, 1));
        assert_int_equal(q.tail->dropped, 0);
        unit_queue_done(&q);
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
                cmocka_unit_test(test_drops_whole_groups),
                cmocka_unit_test(test_large_frame),
                cmocka_unit_test(test_drop_keeps_a_stop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
