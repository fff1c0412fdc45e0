/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "proto/rtp_reorder.h"

struct out {
        char text[512]; /* the sequence numbers that came out, each with a space */
        int64_t newest_us;
        int stop_at;
};

static int emit(void *owner, struct bytes p, int64_t wall_us, int64_t steady_us, struct err *e)
{
        struct out *o = owner;
        int sequence = p.p[2] << 8 | p.p[3];

        (void)e;
        assert_int_equal(wall_us, steady_us + 1000);
        o->newest_us = steady_us;
        snprintf(o->text + strlen(o->text), sizeof o->text - strlen(o->text), "%d ", sequence);
        return sequence == o->stop_at ? ERR_CANCELLED : 0;
}

static int push(struct rtp_reorder *r, struct out *o, unsigned sequence, int64_t us)
{
        const uint8_t packet[12] = { 0x80, 96, (uint8_t)(sequence >> 8), (uint8_t)sequence };

        return rtp_reorder_push(r, BYTES(packet, sizeof packet), us + 1000, us, emit, o, NULL);
}

static void in_and_out(const unsigned *in, size_t n, const char *expected)
{
        struct rtp_reorder r = { 0 };
        struct out o = { .stop_at = -1 };

        for (size_t i = 0; i < n; i++)
                assert_int_equal(push(&r, &o, in[i], 0), 0);
        assert_string_equal(o.text, expected);
        rtp_reorder_done(&r);
}
#define IN_AND_OUT(expected, ...)                                                                  \
        do {                                                                                       \
                const unsigned in[] = { __VA_ARGS__ };                                             \
                in_and_out(in, ARRAY_LEN(in), expected);                                           \
        } while (0)

static void test_order(void **state)
{
        (void)state;
        IN_AND_OUT("7 8 9 ", 7, 8, 9);
        IN_AND_OUT("0 1 2 3 ", 0, 2, 1, 3);
        IN_AND_OUT("0 1 2 3 4 5 ", 0, 5, 4, 3, 2, 1);
        IN_AND_OUT("65534 65535 0 1 2 ", 65534, 0, 2, 65535, 1);
        IN_AND_OUT("0 ", 0, 2, 3);                /* waits for 1 */
        IN_AND_OUT("0 1 2 3 ", 0, 2, 2, 3, 2, 1); /* held once */
        /* Too late or twice, behind what went on: for the source to judge. */
        IN_AND_OUT("5 6 4 6 7 ", 5, 6, 4, 6, 7);
        /* A new beginning lets go what waited. */
        IN_AND_OUT("0 2 5000 5001 ", 0, 2, 5000, 5001);
        IN_AND_OUT("9000 9002 10 11 ", 9000, 9002, 10, 11);
}

/* 64 are as many as wait: the next one lets go the gap, and what follows it at once. */
static void test_a_full_window_gives_up_the_gap(void **state)
{
        struct rtp_reorder r = { 0 };
        struct out o = { .stop_at = -1 };

        (void)state;
        assert_int_equal(push(&r, &o, 0, 0), 0);
        for (unsigned i = 2; i < 1 + RTP_REORDER_PACKETS; i++)
                assert_int_equal(push(&r, &o, i, 0), 0);
        assert_string_equal(o.text, "0 ");
        assert_int_equal(r.held, RTP_REORDER_PACKETS - 1);
        assert_int_equal(push(&r, &o, 1 + RTP_REORDER_PACKETS, 0), 0);
        assert_int_equal(strncmp(o.text, "0 2 3 4 5 ", 10), 0);
        assert_int_equal(r.held, 0);
        rtp_reorder_done(&r);
}

static void test_waits_no_longer_than_it_should(void **state)
{
        struct rtp_reorder r = { 0 };
        struct out o = { .stop_at = -1 };

        (void)state;
        assert_int_equal(push(&r, &o, 0, 0), 0);
        assert_int_equal(push(&r, &o, 4, 10), 0);
        assert_int_equal(push(&r, &o, 2, 50), 0);
        assert_int_equal(push(&r, &o, 6, 60), 0);
        assert_int_equal(rtp_reorder_expire(&r, RTP_REORDER_WAIT_US + 9, emit, &o, NULL), 0);
        assert_string_equal(o.text, "0 ");
        /* 4 has waited long enough, so 2 goes as well, with its own time; 6 still waits. */
        assert_int_equal(rtp_reorder_expire(&r, RTP_REORDER_WAIT_US + 10, emit, &o, NULL), 0);
        assert_string_equal(o.text, "0 2 4 ");
        assert_int_equal(o.newest_us, 10);
        assert_int_equal(r.held, 1);
        assert_int_equal(push(&r, &o, 5, 70), 0);
        assert_string_equal(o.text, "0 2 4 5 6 ");
        rtp_reorder_done(&r);
}

static void test_stops_where_it_is_told(void **state)
{
        struct rtp_reorder r = { 0 };
        struct out o = { .stop_at = 2 };

        (void)state;
        assert_int_equal(push(&r, &o, 0, 0), 0);
        assert_int_equal(push(&r, &o, 2, 0), 0);
        assert_int_equal(push(&r, &o, 3, 0), 0);
        assert_int_equal(push(&r, &o, 1, 0), ERR_CANCELLED);
        assert_string_equal(o.text, "0 1 2 ");
        rtp_reorder_done(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_a_full_window_gives_up_the_gap),
                cmocka_unit_test(test_waits_no_longer_than_it_should),
                cmocka_unit_test(test_stops_where_it_is_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
