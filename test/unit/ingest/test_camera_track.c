/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a unit arrived: with its own first packet, whatever its time stamp is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ingest/camera_track.h"

struct story {
        struct camera_track track;
        int64_t arrivals[16];
        unsigned units;
};

static struct story begin(enum media_codec codec)
{
        struct story s = { 0 };
        struct media_config c = { .codec = codec,
                .clock_rate = codec == MEDIA_PCMU ? 8000 : 90000,
                .sample_rate = 8000,
                .channels = 1 };

        assert_int_equal(camera_track_init(&s.track, &c, NULL), 0);
        return s;
}

static void receive(
        struct story *s, struct bytes payload, int64_t timestamp, bool marker, int64_t arrival_us)
{
        struct rtp_packet p = { .marker = marker, .payload = payload };
        struct rtp_arrival a = { .timestamp = timestamp };
        struct rtcp_clock clock = { 0 };
        struct access_unit u;

        camera_track_push(&s->track, &p, &a, arrival_us);
        while (camera_track_pull(&s->track, &clock, &u) == 0)
                s->arrivals[s->units++] = u.arrival_us;
}

/* Pictures of two packets each. */
static void picture(struct story *s, int64_t timestamp, int64_t arrival_us)
{
        static const uint8_t begin_idr[] = { 0x7c, 0x85, 1, 2, 3 }, end_idr[] = { 0x7c, 0x45, 4 };

        receive(s, BYTES(begin_idr, sizeof begin_idr), timestamp, false, arrival_us);
        receive(s, BYTES(end_idr, sizeof end_idr), timestamp, true, arrival_us + 5);
}

static void test_as_it_should_be(void **state)
{
        struct story s = begin(MEDIA_H264);

        (void)state;
        picture(&s, 0, 1000);
        picture(&s, 3600, 41000);
        assert_int_equal(s.units, 2);
        assert_int_equal(s.arrivals[0], 1000); /* the first packet's */
        assert_int_equal(s.arrivals[1], 41000);
        camera_track_done(&s.track);
}

static void test_stamps_that_never_change(void **state)
{
        struct story s = begin(MEDIA_H264);
        struct story sound = begin(MEDIA_PCMU);

        (void)state;
        for (int64_t i = 0; i < 8; i++) {
                picture(&s, 77, 1000 + i * 40000);
                receive(&sound, BYTES("................", 16), 77, false, 2000 + i * 20000);
        }
        assert_int_equal(s.units, 8);
        assert_int_equal(sound.units, 8);
        for (int64_t i = 0; i < 8; i++) {
                assert_int_equal(s.arrivals[i], 1000 + i * 40000);
                assert_int_equal(sound.arrivals[i], 2000 + i * 20000);
        }
        camera_track_done(&s.track);
        camera_track_done(&sound.track);
}

/* Stamps that come again: the newest packet counts. */
static void test_stamps_that_come_again(void **state)
{
        struct story s = begin(MEDIA_H264);

        (void)state;
        for (int64_t i = 0; i < 6; i++)
                picture(&s, i % 2 * 3600, 1000 + i * 40000);
        assert_int_equal(s.units, 6);
        for (int64_t i = 0; i < 6; i++)
                assert_int_equal(s.arrivals[i], 1000 + i * 40000);
        camera_track_done(&s.track);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_it_should_be),
                cmocka_unit_test(test_stamps_that_never_change),
                cmocka_unit_test(test_stamps_that_come_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
