/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtcp.h"

/* SR of 0x01020304 at NTP 0xE0000000.80000000, RTP 1000, 5 packets, 600 bytes; SDES; BYE. */
static const uint8_t compound[] = { 0x80, 200, 0, 6, 1, 2, 3, 4, 0xe0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0,
        3, 0xe8, 0, 0, 0, 5, 0, 0, 2, 0x58, 0x81, 202, 0, 3, 1, 2, 3, 4, 1, 4, 'c', 'a', 'm', '1',
        0, 0, 0x81, 203, 0, 1, 1, 2, 3, 4 };

static void parsed(void **state)
{
        (void)state;
        struct rtcp c;
        assert_int_equal(rtcp_parse(BYTES(compound, sizeof compound), &c, NULL), 0);
        assert_int_equal(c.packets_n, 3);
        assert_true(c.has_sender_report && c.has_bye);
        assert_int_equal(c.sender_report.ssrc, 0x01020304);
        assert_true(c.sender_report.ntp == UINT64_C(0xe000000080000000));
        assert_int_equal(c.sender_report.timestamp, 1000);
        assert_int_equal(c.sender_report.packets, 5);
        assert_int_equal(c.sender_report.bytes, 600);
        assert_int_equal(c.bye_ssrc, 0x01020304);
}

static void refused(void **state)
{
        (void)state;
        struct rtcp c = { .packets_n = 9 };
        for (size_t n = 0; n < sizeof compound; n++) {
                if (n == 28 || n == 44)
                        continue;
                uint8_t *cut = malloc(n ? n : 1);
                memcpy(cut, compound, n);
                assert_int_equal(rtcp_parse(BYTES(cut, n), &c, NULL), ERR_PROTOCOL);
                free(cut);
        }
        static const uint8_t version[] = { 0x40, 200, 0, 0 };
        assert_int_equal(rtcp_parse(BYTES(version, 4), &c, NULL), ERR_PROTOCOL);
        assert_int_equal(c.packets_n, 9);
        /* An SR too short for its fields, and a BYE of nobody, say nothing. */
        static const uint8_t empty[] = { 0x80, 200, 0, 1, 1, 2, 3, 4, 0x80, 203, 0, 0 };
        assert_int_equal(rtcp_parse(BYTES(empty, sizeof empty), &c, NULL), 0);
        assert_false(c.has_sender_report || c.has_bye);
}

static void sender_report(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 1024);
        struct rtcp_sender_report r = { .ssrc = 0x01020304,
                .ntp = UINT64_C(0xe000000080000000),
                .timestamp = 1000,
                .packets = 5,
                .bytes = 600 };
        assert_int_equal(rtcp_format_sender_report(&r, "cam1", &out, NULL), 0);
        assert_int_equal(out.n, 44);
        assert_memory_equal(out.p, compound, 44);
        struct rtcp c;
        for (unsigned n = 0; n < 9; n++) {
                /* Every length of name ends in at least one zero, on a multiple of four. */
                char name[16] = "";
                memset(name, 'x', n);
                buf_clear(&out);
                assert_int_equal(rtcp_format_sender_report(&r, name, &out, NULL), 0);
                assert_int_equal(out.n % 4, 0);
                assert_int_equal(out.p[out.n - 1], 0);
                assert_int_equal(rtcp_parse(buf_bytes(&out), &c, NULL), 0);
                assert_int_equal(c.packets_n, 2);
        }
        buf_done(&out);
        buf_init(&out, 20);
        assert_int_equal(rtcp_format_sender_report(&r, "cam1", &out, NULL), ERR_EXHAUSTED);
        assert_int_equal(out.n, 0);
        buf_done(&out);
}

static void push(struct rtp_source *s, uint16_t sequence)
{
        struct rtp_packet p = { .sequence = sequence, .timestamp = 500, .ssrc = 0x01020304 };
        struct rtp_arrival a;

        rtp_source_push(s, &p, 0, &a);
}

static void receiver_report(void **state)
{
        (void)state;
        struct rtp_source s;
        struct rtcp_clock clock = { 0 };
        struct rtcp c;
        struct buf out;
        buf_init(&out, 1024);
        rtp_source_init(&s, 90000);
        assert_int_equal(rtcp_format_receiver_report(7, &s, &clock, 0, "me", &out, NULL), 0);
        static const uint8_t empty[] = { 0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 202, 0, 3, 0, 0, 0, 7,
                1, 2, 'm', 'e', 0, 0, 0, 0 };
        assert_int_equal(out.n, sizeof empty);
        assert_memory_equal(out.p, empty, sizeof empty);
        push(&s, 65535);
        push(&s, 2); /* 0 and 1 are lost: 2 of 4 expected */
        assert_int_equal(rtcp_parse(BYTES(compound, 28), &c, NULL), 0);
        assert_true(rtcp_clock_update(&clock, &c.sender_report, &s, 1000000));
        buf_clear(&out);
        assert_int_equal(rtcp_format_receiver_report(7, &s, &clock, 1500000, "me", &out, NULL), 0);
        static const uint8_t block[] = { 0x81, 201, 0, 7, 0, 0, 0, 7, 1, 2, 3, 4, 128, 0, 0, 2, 0,
                1, 0, 2, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x80, 0 };
        assert_memory_equal(out.p, block, sizeof block);
        push(&s, 3);
        buf_clear(&out);
        assert_int_equal(rtcp_format_receiver_report(7, &s, &clock, 1500000, "me", &out, NULL), 0);
        assert_int_equal(out.p[12], 0); /* nothing lost since */
        assert_int_equal(out.p[15], 2); /* in all */
        buf_done(&out);
}

/* 2208988800 s lie between 1900 and 1970 (RFC 868); the NTP second counter wraps on 2036-02-07
 * 06:28:16 UTC. */
static void times(void **state)
{
        (void)state;
        assert_true(rtcp_us_of_ntp(0) == INT64_MIN);
        assert_true(rtcp_us_of_ntp(UINT64_C(2208988800) << 32) == 0);
        assert_true(rtcp_us_of_ntp((UINT64_C(2208988800) << 32) + (UINT64_C(1) << 31)) == 500000);
        assert_true(rtcp_us_of_ntp(1) == INT64_C(2085978496000000));
        assert_true(rtcp_ntp_of_us(INT64_C(2085978496000000)) == 0);
        assert_true(rtcp_ntp_of_us(500000) == (UINT64_C(2208988800) << 32) + (UINT64_C(1) << 31));
        static const int64_t same[] = { 0, 1, 999999, INT64_C(1795448401221337),
                INT64_C(2085978495999999), INT64_C(2085978496000001), INT64_C(4000000000123456) };
        for (size_t i = 0; i < ARRAY_LEN(same); i++)
                assert_true(rtcp_us_of_ntp(rtcp_ntp_of_us(same[i])) == same[i]);
}

static void wall_clock(void **state)
{
        (void)state;
        struct rtp_source s;
        struct rtcp_clock clock = { 0 };
        rtp_source_init(&s, 90000);
        assert_true(rtcp_clock_wall_us(&clock, 0, 90000) == INT64_MIN);
        struct rtcp_sender_report r = { .ssrc = 0x01020304,
                .ntp = rtcp_ntp_of_us(INT64_C(1795448401000000)),
                .timestamp = 500 + 90000 };
        assert_false(rtcp_clock_update(&clock, &r, &s, 0));
        push(&s, 1);
        assert_true(rtcp_clock_update(&clock, &r, &s, 0));
        assert_true(rtcp_clock_wall_us(&clock, 500 + 90000, 90000) == INT64_C(1795448401000000));
        assert_true(rtcp_clock_wall_us(&clock, 500, 90000) == INT64_C(1795448400000000));
        assert_true(rtcp_clock_wall_us(&clock, 500 + 90000 + 45000, 90000) ==
                    INT64_C(1795448401500000));
        assert_true(rtcp_clock_wall_us(&clock, INT64_MAX, 90000) == INT64_MIN);
        assert_true(rtcp_clock_wall_us(&clock, INT64_MIN, 90000) == INT64_MIN);
        r.ssrc = 9;
        assert_false(rtcp_clock_update(&clock, &r, &s, 0));
        r.ssrc = 0x01020304;
        r.ntp = 0;
        assert_false(rtcp_clock_update(&clock, &r, &s, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(parsed), cmocka_unit_test(refused),
                cmocka_unit_test(sender_report), cmocka_unit_test(receiver_report),
                cmocka_unit_test(times), cmocka_unit_test(wall_clock) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
