/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtp.h"

static struct rtp_packet packet(uint16_t sequence, uint32_t timestamp)
{
        return (struct rtp_packet){ .sequence = sequence, .timestamp = timestamp, .ssrc = 1 };
}

static struct rtp_arrival push(struct rtp_source *s, uint16_t sequence, uint32_t timestamp)
{
        struct rtp_packet p = packet(sequence, timestamp);
        struct rtp_arrival a;

        rtp_source_push(s, &p, 0, &a);
        return a;
}

static void headers(void **state)
{
        (void)state;
        static const uint8_t plain[] = { 0x80, 0xe0, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 'a', 'b' };
        struct rtp_packet p;
        assert_int_equal(rtp_parse(BYTES(plain, sizeof plain), &p, NULL), 0);
        assert_true(p.marker);
        assert_int_equal(p.payload_type, 96);
        assert_int_equal(p.sequence, 0x1234);
        assert_int_equal(p.timestamp, 0x01020304);
        assert_int_equal(p.ssrc, 0x05060708);
        assert_int_equal(p.payload.n, 2);
        assert_memory_equal(p.payload.p, "ab", 2);
        uint8_t head[RTP_HEAD_BYTES];
        rtp_format_head(head, 96, true, 0x1234, 0x01020304, 0x05060708);
        assert_memory_equal(head, plain, sizeof head);
        /* Two contributing sources, an extension of one word, two bytes of padding. */
        static const uint8_t full[] = { 0xb2, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 1, 2, 2,
                2, 2, 0xab, 0xac, 0, 1, 9, 9, 9, 9, 'x', 0, 2 };
        assert_int_equal(rtp_parse(BYTES(full, sizeof full), &p, NULL), 0);
        assert_false(p.marker);
        assert_true(p.has_extension);
        assert_int_equal(p.extension_profile, 0xabac);
        assert_int_equal(p.extension.n, 4);
        assert_int_equal(p.payload.n, 1);
        assert_int_equal(p.payload.p[0], 'x');
        /* Every cut is refused, in memory of exactly that size. */
        for (size_t n = 0; n < 28; n++) {
                uint8_t *cut = malloc(n ? n : 1);
                memcpy(cut, full, n);
                assert_int_equal(rtp_parse(BYTES(cut, n), &p, NULL), ERR_PROTOCOL);
                free(cut);
        }
        uint8_t bad[14];
        memcpy(bad, plain, sizeof bad);
        bad[0] = 0x40;
        assert_int_equal(rtp_parse(BYTES(bad, sizeof bad), &p, NULL), ERR_PROTOCOL);
        bad[0] = 0xa0;
        for (unsigned padding = 0; padding < 256; padding++) {
                bad[13] = (uint8_t)padding;
                int r = rtp_parse(BYTES(bad, sizeof bad), &p, NULL);
                assert_int_equal(r, padding == 1 || padding == 2 ? 0 : ERR_PROTOCOL);
        }
}

/* fixtures protocol/rtp/axis/RTP_PACKET1_FULL.rtp (MIT) begins with these bytes. */
static void axis_packet(void **state)
{
        (void)state;
        static const uint8_t axis[] = { 0x80, 0xe2, 0x0e, 0xd9, 0x8c, 0xfc, 0xe8, 0x3a, 0x1f, 0x93,
                0xc2, 0xba, '<', '?', 'x', 'm', 'l' };
        struct rtp_packet p;
        assert_int_equal(rtp_parse(BYTES(axis, sizeof axis), &p, NULL), 0);
        assert_int_equal(p.payload_type, 98);
        assert_int_equal(p.sequence, 3801);
        assert_int_equal(p.payload.n, 5);
}

static void sequences(void **state)
{
        (void)state;
        struct rtp_source s;
        rtp_source_init(&s, 90000);
        assert_int_equal(push(&s, 65534, 0).sequence, 65534);
        assert_int_equal(push(&s, 65535, 0).lost_packets, 0);
        struct rtp_arrival a = push(&s, 0, 0);
        assert_int_equal(a.sequence, 65536);
        assert_int_equal(a.lost_packets, 0);
        a = push(&s, 4, 0);
        assert_int_equal(a.lost_packets, 3);
        assert_int_equal(a.sequence, 65540);
        assert_true(push(&s, 4, 0).discard);
        assert_true(push(&s, 2, 0).discard);
        assert_true(push(&s, 65535, 0).discard);
        assert_int_equal(s.lost, 3);
        assert_int_equal(s.duplicates, 1);
        assert_int_equal(s.late, 2);
        assert_int_equal(s.received, 7);
        assert_int_equal(push(&s, 5, 0).lost_packets, 0);
}

static void jumps(void **state)
{
        (void)state;
        struct rtp_source s;
        rtp_source_init(&s, 90000);
        push(&s, 100, 0);
        /* One stray packet changes nothing; two in a row do. */
        assert_true(push(&s, 20000, 0).discard);
        assert_int_equal(push(&s, 101, 0).lost_packets, 0);
        assert_true(push(&s, 30000, 0).discard);
        struct rtp_arrival a = push(&s, 30001, 0);
        assert_false(a.discard);
        assert_true(a.restarted);
        assert_int_equal(a.lost_packets, 1);
        assert_int_equal(push(&s, 30002, 0).lost_packets, 0);
        assert_int_equal(s.restarts, 1);
}

static void timestamps(void **state)
{
        (void)state;
        struct rtp_source s;
        rtp_source_init(&s, 90000);
        assert_int_equal(push(&s, 1, 0xfffffff0).timestamp, 0xfffffff0);
        struct rtp_arrival a = push(&s, 2, 0x10);
        assert_int_equal(a.timestamp, 0x100000010);
        assert_false(a.timestamp_jumped);
        /* Back a little, as frames out of display order are. */
        assert_int_equal(push(&s, 3, 0xffffffff).timestamp, 0xffffffff);
        assert_int_equal(rtp_source_extend(&s, 5), 0x100000005);
        a = push(&s, 4, 90000 * 10);
        assert_true(a.timestamp_jumped);
        a = push(&s, 5, 90000 * 20);
        assert_false(a.timestamp_jumped);
        a = push(&s, 6, 90000 * 5);
        assert_true(a.timestamp_jumped);
        assert_int_equal(a.timestamp, 0x100000000 + 90000 * 5);
        struct rtp_packet other = { .sequence = 7, .timestamp = 3, .ssrc = 2 };
        rtp_source_push(&s, &other, 0, &a);
        assert_true(a.ssrc_changed);
        assert_false(a.discard);
        assert_int_equal(a.timestamp, 3);
        assert_int_equal(a.lost_packets, 0);
}

/* RFC 3550 section 6.4.1: J += (|D| - J) / 16. */
static void jitter(void **state)
{
        (void)state;
        struct rtp_source s;
        struct rtp_arrival a;
        rtp_source_init(&s, 8000);
        for (unsigned i = 0; i < 100; i++) {
                struct rtp_packet p = packet((uint16_t)i, i * 160);
                /* 20 ms apart, and every second one 10 ms (80 units) late: |D| is 80 each time. */
                rtp_source_push(&s, &p, (int64_t)i * 20000 + (i % 2) * 10000, &a);
                if (i == 1)
                        assert_int_equal(s.jitter_16, 80);
        }
        assert_in_range(s.jitter_16 >> 4, 78, 80);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(headers),
                cmocka_unit_test(axis_packet), cmocka_unit_test(sequences), cmocka_unit_test(jumps),
                cmocka_unit_test(timestamps), cmocka_unit_test(jitter) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
