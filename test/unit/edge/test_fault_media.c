/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each fault of what is sent, as a receiver sees it: the demo footage through the plan, packet by
 * packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/own.h"
#include "edge/fault_media.h"
#include "media/h264.h"
#include "proto/rtp.h"

#define CARS TEST_SOURCE_ROOT "/demo/cars-h264-aac.mp4"
#define DESK TEST_SOURCE_ROOT "/demo/desk-h265.mp4"
#define BEGIN_US 5000000
#define PACKETS_MAX 20000
#define SECOND 90000u

struct seen_packet {
        struct rtp_packet p; /* its payload is gone */
        uint8_t first[2];    /* of the payload */
        size_t n;            /* of the payload */
        int64_t at_us;
};

struct fixture {
        struct fault_plan plan;
        struct feed *feed;
        struct fault_media *m;
        struct feed_start starts[TIMELINE_TRACKS_MAX];
        int64_t now_us;
        struct seen_packet *video;
        size_t video_n, packets_n, garbage, rtcp, frames_in, packets_in, end_of_fu;
        uint64_t sum; /* over the payloads of the last frame */
        enum fault_media_deed deed;
        uint8_t goodbye[16];
};

static int setup(void **state)
{
        struct fixture *x = xcalloc(1, sizeof *x);

        x->video = xcalloc(PACKETS_MAX, sizeof *x->video);
        *state = x;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *x = *state;

        fault_media_free(x->m);
        feed_free(x->feed);
        free(x->video);
        free(x);
        return 0;
}

static struct feed *open_feed(const char *path)
{
        const struct feed_options o = { 0 };
        struct clip *clip = NULL;
        struct feed *f = NULL;
        struct err e;

        if (clip_open(path, &clip, &e) < 0 || feed_new(clip, &o, &f, &e) < 0)
                fail_msg("%s", e.text);
        feed_begin(f, BEGIN_US);
        return f;
}

static void begin(struct fixture *x, const char *fault, const char *path)
{
        assert_int_equal(fault_plan_add(&x->plan, fault, NULL), 0);
        x->feed = open_feed(path);
        x->m = fault_media_new(&x->plan, "cam", "cam");
        assert_non_null(x->m);
        feed_next_start(x->feed, x->starts);
        x->now_us = BEGIN_US;
        fault_media_begin(x->m, x->feed, x->starts, x->now_us);
}

static void on_packet(void *owner, unsigned track, enum fault_media_kind kind, struct bytes packet)
{
        struct fixture *x = owner;
        struct seen_packet *s = &x->video[x->video_n];

        if (kind == FAULT_MEDIA_GARBAGE) {
                x->garbage += packet.n;
                return;
        }
        if (kind == FAULT_MEDIA_RTCP) {
                x->rtcp++;
                assert_int_equal(packet.n, sizeof x->goodbye);
                memcpy(x->goodbye, packet.p, packet.n);
                return;
        }
        x->packets_n++;
        if (track != 0)
                return;
        assert_true(x->video_n < PACKETS_MAX);
        assert_int_equal(rtp_parse(packet, &s->p, NULL), 0);
        assert_true(s->p.payload.n >= 2);
        memcpy(s->first, s->p.payload.p, 2);
        s->n = s->p.payload.n;
        s->at_us = x->now_us;
        for (size_t i = 0; i < s->p.payload.n; i++)
                x->sum = (x->sum ^ s->p.payload.p[i]) * UINT64_C(1099511628211);
        s->p.payload = BYTES(NULL, 0);
        x->video_n++;
}

static struct feed_frame *next_frame(struct fixture *x)
{
        struct feed_frame *frame;

        x->now_us = feed_due_us(x->feed);
        assert_int_equal(feed_pull(x->feed, x->now_us, &frame, NULL), 0);
        return frame;
}

/* Plays for so many seconds. */
static void play(struct fixture *x, int seconds)
{
        const int64_t until = x->now_us + seconds * INT64_C(1000000);

        while (feed_due_us(x->feed) < until) {
                struct feed_frame *frame = next_frame(x);

                x->deed = fault_media_due(x->m, x->now_us, on_packet, x);
                if (x->deed != FAULT_MEDIA_GO_ON)
                        return;
                x->frames_in += frame->track == 0;
                if (frame->track == 0)
                        x->packets_in += frame->packets_n;
                x->sum = 0;
                fault_media_frame(x->m, frame, x->now_us, on_packet, x);
        }
}

static int step(const struct fixture *x, size_t i)
{
        return (int16_t)(uint16_t)(x->video[i].p.sequence - x->video[i - 1].p.sequence);
}

static size_t steps_that_are(const struct fixture *x, int from, int to)
{
        size_t n = 0;

        for (size_t i = 1; i < x->video_n; i++)
                n += step(x, i) >= from && step(x, i) <= to;
        return n;
}

static size_t markers(const struct fixture *x)
{
        size_t n = 0;

        for (size_t i = 0; i < x->video_n; i++)
                n += x->video[i].p.marker;
        return n;
}

/* A plan that concerns nothing that is sent changes nothing; one whose time has not come neither.
 */
static void test_nothing(void **state)
{
        struct fixture *x = *state;
        size_t i = 0;

        assert_int_equal(fault_plan_add(&x->plan, "basic", NULL), 0);
        assert_int_equal(fault_plan_add(&x->plan, "other=lost:50", NULL), 0);
        assert_null(fault_media_new(&x->plan, "cam", "cam"));
        begin(x, "lost:50@3600s", CARS);
        while (i < 2000) {
                struct feed_frame *frame = next_frame(x);

                assert_int_equal(fault_media_due(x->m, x->now_us, on_packet, x), FAULT_MEDIA_GO_ON);
                x->video_n = 0;
                fault_media_frame(x->m, frame, x->now_us, on_packet, x);
                for (size_t k = 0; frame->track == 0 && k < frame->packets_n; k++) {
                        struct rtp_packet p;

                        assert_int_equal(rtp_parse(feed_frame_packet(frame, k), &p, NULL), 0);
                        assert_int_equal(x->video[k].p.sequence, p.sequence);
                        assert_int_equal(x->video[k].p.timestamp, p.timestamp);
                        assert_int_equal(x->video[k].p.ssrc, p.ssrc);
                        assert_int_equal(x->video[k].p.marker, p.marker);
                        assert_int_equal(x->video[k].n, p.payload.n);
                        i++;
                }
        }
}

static void test_deeds(void **state)
{
        static const struct {
                const char *fault;
                enum fault_media_deed deed;
                size_t frames;
        } cases[] = {
                { "close@3", FAULT_MEDIA_CLOSE, 3 },
                { "stall@1s", FAULT_MEDIA_STALL, 13 }, /* 80 ms a picture */
                { "half-open@1", FAULT_MEDIA_FREEZE, 1 },
                { "changed-parameters:b@2", FAULT_MEDIA_SWITCH, 2 },
                { "bye@4", FAULT_MEDIA_STALL, 4 },
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct fixture *x = *state;

                begin(x, cases[i].fault, CARS);
                play(x, 5);
                assert_int_equal(x->deed, cases[i].deed);
                assert_int_equal(x->frames_in, cases[i].frames);
                if (cases[i].deed == FAULT_MEDIA_STALL && i > 1) {
                        assert_int_equal(x->rtcp, 2); /* a track each */
                        assert_int_equal(x->goodbye[9], 203);
                }
                teardown(state);
                setup(state);
        }
}

static void test_lost_and_doubled(void **state)
{
        struct fixture *x = *state;

        begin(x, "lost:10", CARS);
        play(x, 8);
        assert_true(steps_that_are(x, 2, 3) > 0);
        assert_int_equal(steps_that_are(x, 1, 3), x->video_n - 1);
        assert_true(x->video_n < x->packets_in * 93 / 100);
        assert_true(x->video_n > x->packets_in * 87 / 100);
        teardown(state);
        setup(state);
        x = *state;
        begin(x, "duplicate:25", CARS);
        play(x, 8);
        assert_true(steps_that_are(x, 0, 0) > x->packets_in / 5);
        assert_int_equal(steps_that_are(x, 0, 1), x->video_n - 1);
}

static void test_out_of_order(void **state)
{
        struct fixture *x = *state;

        begin(x, "reorder", DESK);
        play(x, 6);
        assert_int_equal(x->video_n, x->packets_in - (x->packets_in % 10 == 0));
        assert_true(steps_that_are(x, -1, -1) >= x->packets_in / 10 - 1);
        teardown(state);
        setup(state);
        x = *state;
        begin(x, "late:300", CARS);
        play(x, 20);
        assert_true(x->packets_in > 200);
        assert_true(steps_that_are(x, -1000, -2) >= x->packets_in / 50 - 2);
        assert_true(x->video_n >= x->packets_in - 2);
}

static void test_jumps(void **state)
{
        static const struct {
                const char *fault;
                int64_t timestamp, sequence;
        } cases[] = {
                { "jump:3600@2s", INT64_C(3600) * SECOND, 1 },
                { "jump:-10@2s", INT64_C(-10) * SECOND, 1 },
                { "sequence-jump:300@2s", 0, 301 },
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct fixture *x = *state;
                size_t jumps = 0;

                begin(x, cases[i].fault, CARS);
                play(x, 5);
                for (size_t k = 1; k < x->video_n; k++) {
                        const int64_t ts =
                                (int32_t)(x->video[k].p.timestamp - x->video[k - 1].p.timestamp);
                        const bool at = x->video[k - 1].at_us < BEGIN_US + 2000000 &&
                                        x->video[k].at_us >= BEGIN_US + 2000000;

                        if (!at) {
                                assert_true(ts >= 0 && ts < SECOND);
                                assert_int_equal(step(x, k), 1);
                                continue;
                        }
                        jumps++;
                        assert_true(llabs(ts - cases[i].timestamp) < SECOND);
                        assert_int_equal(step(x, k), cases[i].sequence);
                }
                assert_int_equal(jumps, 1);
                teardown(state);
                setup(state);
        }
}

static void test_wrap(void **state)
{
        struct fixture *x = *state;
        bool wrapped = false;

        begin(x, "wrap", CARS);
        assert_int_equal(x->starts[0].timestamp, 0u - 2 * SECOND);
        play(x, 10);
        assert_int_equal(x->video[0].p.sequence, x->starts[0].sequence);
        assert_int_equal(x->video[0].p.timestamp, x->starts[0].timestamp);
        assert_int_equal(steps_that_are(x, 1, 1), x->video_n - 1);
        for (size_t i = 1; i < x->video_n; i++)
                wrapped |= x->video[i].p.sequence < x->video[i - 1].p.sequence;
        assert_true(wrapped);
        assert_true(x->video[x->video_n - 1].p.timestamp < 0x10000000u);
}

static void test_another_source(void **state)
{
        struct fixture *x = *state;
        uint8_t report[64] = { 0x80, 200 };
        uint32_t ssrc;

        begin(x, "ssrc-change@1s", CARS);
        play(x, 3);
        ssrc = x->video[x->video_n - 1].p.ssrc;
        assert_int_not_equal(x->video[0].p.ssrc, ssrc);
        assert_int_equal(steps_that_are(x, 1, 1), x->video_n - 1);
        assert_true(fault_media_report(x->m, 0, report, sizeof report, x->now_us));
        assert_int_equal(report[4], ssrc >> 24);
        assert_int_equal(report[7], ssrc & 0xff);
}

static void test_markers(void **state)
{
        struct fixture *x = *state;

        begin(x, "no-marker", CARS);
        play(x, 3);
        assert_int_equal(markers(x), 0);
        teardown(state);
        setup(state);
        x = *state;
        begin(x, "extra-marker", CARS);
        play(x, 3);
        assert_int_equal(markers(x), x->video_n);
}

static void test_truncated_fragments(void **state)
{
        struct fixture *x = *state;
        size_t begun = 0, ended = 0;

        begin(x, "truncated-fu", CARS);
        play(x, 20);
        assert_int_equal(steps_that_are(x, 1, 1), x->video_n - 1);
        for (size_t i = 0; i < x->video_n; i++)
                if ((x->video[i].first[0] & 0x1f) == 28) {
                        begun += x->video[i].first[1] >> 7;
                        ended += x->video[i].first[1] >> 6 & 1;
                }
        assert_true(begun > 20);
        assert_int_equal(begun - ended, begun / 10);
}

static void test_garbage(void **state)
{
        struct fixture *x = *state;

        begin(x, "garbage:25", CARS);
        play(x, 4);
        assert_true(x->garbage >= (x->packets_n / 10 - 2) * 25);
        assert_int_equal(x->garbage % 25, 0);
        assert_int_equal(x->video_n, x->packets_in);
}

static void test_bomb(void **state)
{
        struct fixture *x = *state;
        uint64_t bytes = 0;

        begin(x, "bit-rate-bomb:8@1s", CARS);
        play(x, 3);
        for (size_t i = 0; i < x->video_n; i++) {
                bytes += x->video[i].n;
                if ((x->video[i].first[0] & 0x1f) == 12)
                        assert_false(x->video[i].p.marker);
        }
        assert_true(bytes > 1900000 && bytes < 2400000); /* two seconds of a megabyte */
        assert_int_equal(markers(x), x->frames_in);
        assert_int_equal(steps_that_are(x, 1, 1), x->video_n - 1);
}

/* The pictures of one group come again and again, their packets' headers go on. */
static void test_replay(void **state)
{
        struct fixture *x = *state;
        uint64_t sums[2000];
        size_t n = 0, same = 0, period = 0;

        begin(x, "replay", CARS);
        while (n < 400) {
                struct feed_frame *frame = next_frame(x);

                x->sum = 0;
                (void)fault_media_due(x->m, x->now_us, on_packet, x);
                fault_media_frame(x->m, frame, x->now_us, on_packet, x);
                if (frame->track == 0)
                        sums[n++] = x->sum;
        }
        while (++period < 100 && sums[n - 1] != sums[n - 1 - period])
                ;
        for (size_t i = n - 150; i < n; i++)
                same += sums[i] == sums[i - period];
        assert_int_equal(same, 150);
        assert_int_equal(steps_that_are(x, 1, 1), x->video_n - 1);
        for (size_t i = 1; i < x->video_n; i++)
                assert_true((int32_t)(x->video[i].p.timestamp - x->video[i - 1].p.timestamp) >= 0);
}

static void test_other_parameters(void **state)
{
        struct fixture *x = *state;
        struct feed *other = open_feed(CARS);
        size_t at, sets = 0;

        begin(x, "changed-parameters:b@1s", CARS);
        play(x, 3);
        assert_int_equal(x->deed, FAULT_MEDIA_SWITCH);
        assert_string_equal(fault_media_other_stream(x->m), "b");
        at = x->video_n;
        fault_media_switch(x->m, other);
        while (feed_due_us(other) < x->now_us) { /* it has run all the time */
                struct feed_frame *frame;

                assert_int_equal(feed_pull(other, 0, &frame, NULL), 0);
        }
        feed_free(x->feed);
        x->feed = other;
        play(x, 20);
        assert_int_equal(steps_that_are(x, 1, 1), x->video_n - 1);
        for (size_t i = 0; i < x->video_n; i++) {
                assert_int_equal(x->video[i].p.ssrc, x->video[0].p.ssrc);
                if ((x->video[i].first[0] & 0x1f) == H264_SPS) {
                        sets++;
                        assert_true(i >= at);
                }
        }
        assert_true(sets > 3);
        assert_int_equal(x->video[at].p.timestamp - x->video[at - 1].p.timestamp, SECOND / 25);
}

static void test_clocks(void **state)
{
        static const struct {
                const char *fault;
                int64_t us; /* of the report; made for 2026-11-22 */
        } cases[] = {
                { "wrong-clock:-86400", INT64_C(1795305600000000) },
                { "old-clock", INT64_C(1577836800000000) },
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct fixture *x = *state;
                uint8_t report[64] = { 0x80, 200 };
                uint64_t ntp = rtcp_ntp_of_us(INT64_C(1795392000000000));

                begin(x, cases[i].fault, CARS);
                for (unsigned k = 0; k < 8; k++)
                        report[8 + k] = (uint8_t)(ntp >> (56 - 8 * k));
                assert_true(fault_media_report(x->m, 0, report, sizeof report, BEGIN_US));
                ntp = 0;
                for (unsigned k = 0; k < 8; k++)
                        ntp = ntp << 8 | report[8 + k];
                assert_true(llabs(rtcp_us_of_ntp(ntp) - cases[i].us) < 2);
                teardown(state);
                setup(state);
        }
        struct fixture *x = *state;
        uint8_t report[64] = { 0x80, 200 };

        begin(x, "no-rtcp", CARS);
        assert_false(fault_media_report(x->m, 0, report, sizeof report, BEGIN_US));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deeds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_and_doubled, setup, teardown),
                cmocka_unit_test_setup_teardown(test_out_of_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_jumps, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
                cmocka_unit_test_setup_teardown(test_another_source, setup, teardown),
                cmocka_unit_test_setup_teardown(test_markers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_truncated_fragments, setup, teardown),
                cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bomb, setup, teardown),
                cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
                cmocka_unit_test_setup_teardown(test_other_parameters, setup, teardown),
                cmocka_unit_test_setup_teardown(test_clocks, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
