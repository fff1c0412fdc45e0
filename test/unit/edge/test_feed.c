/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The demo footage played over several rounds: what a client would see, packet by packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "edge/feed.h"
#include "proto/rtp.h"
#include "proto/rtsp.h"

#define CARS TEST_SOURCE_ROOT "/demo/cars-h264-aac.mp4"
#define DESK TEST_SOURCE_ROOT "/demo/desk-h265.mp4"
#define BEGIN_US 7000000

static struct feed *open_feed(const char *path, bool stamp, bool keep_gop)
{
        const struct feed_options o = { .stamp = stamp, .keep_gop = keep_gop };
        struct clip *clip = NULL;
        struct feed *f = NULL;
        struct err e = { 0 };

        if (clip_open(path, &clip, &e) < 0 || feed_new(clip, &o, &f, &e) < 0)
                fail_msg("%s", e.text);
        feed_begin(f, BEGIN_US);
        return f;
}

/* One track as a receiver sees it. */
struct seen {
        bool started;
        uint16_t sequence;
        uint32_t timestamp;
        uint64_t frames, packets;
};

static struct rtp_packet packet_of(const struct feed_frame *f, size_t i)
{
        const size_t at = f->packet_at[i],
                     to = i + 1 < f->packets_n ? f->packet_at[i + 1] : f->bytes.n;
        const uint8_t *p = f->bytes.p + at;
        struct rtp_packet r;

        assert_int_equal(p[0], '$');
        assert_int_equal(p[2] << 8 | p[3], to - at - 4);
        assert_true(to - at - 4 <= FEED_RTP_BYTES);
        assert_int_equal(rtp_parse(BYTES(p + 4, to - at - 4), &r, NULL), 0);
        return r;
}

static void see(struct seen *s, const struct feed_frame *f, int64_t longest_step)
{
        for (size_t i = 0; i < f->packets_n; i++) {
                const struct rtp_packet p = packet_of(f, i);

                if (s->started)
                        assert_int_equal(p.sequence, (uint16_t)(s->sequence + 1));
                s->sequence = p.sequence;
                assert_int_equal(p.marker, i + 1 == f->packets_n);
                assert_int_equal(p.timestamp, f->timestamp);
                s->packets++;
        }
        if (s->started) { /* onwards, also where the clip begins again, and never far */
                assert_true((int32_t)(f->timestamp - s->timestamp) > 0);
                assert_true((int32_t)(f->timestamp - s->timestamp) <= longest_step);
        }
        s->timestamp = f->timestamp;
        s->started = true;
        s->frames++;
}

static void test_time_and_sequence_run_on_over_rounds(void **state)
{
        struct feed *f = open_feed(CARS, true, false);
        struct seen seen[2] = { 0 };
        struct feed_frame *frame;
        int64_t due_us, last_us = 0;
        uint64_t counter = 0;

        (void)state;
        while (seen[0].frames < 2 * 377 + 50) {
                due_us = feed_due_us(f);
                assert_true(due_us >= last_us);
                last_us = due_us;
                assert_int_equal(feed_pull(f, due_us, &frame, NULL), 0);
                /* 80 ms a picture, 1024 samples a sound; at the end of a round one may wait a frame
                 * of the other. */
                see(&seen[frame->track], frame, frame->track ? 1024 + 48 * 80 : 7200 + 2000);
                if (frame->track == 0)
                        assert_true(frame->stamp.counter == counter++);
        }
        /* Both tracks have covered the same time, to within a frame or two. */
        assert_true(llabs((long long)seen[1].frames * 1024 * 1000 / 48000 -
                            (long long)seen[0].frames * 80) < 200);
        assert_true(last_us - BEGIN_US >= (int64_t)(seen[0].frames - 1) * 80000);
        assert_true(last_us - BEGIN_US < (int64_t)(seen[0].frames + 2) * 80000);
        feed_free(f);
}

static void check_predictions(const char *path, bool stamp)
{
        struct feed *f = open_feed(path, stamp, false);
        struct feed_start promised[TIMELINE_TRACKS_MAX], now[TIMELINE_TRACKS_MAX];
        struct feed_frame *frame;
        bool waiting[TIMELINE_TRACKS_MAX], started;
        unsigned starts = 0;

        /* At every frame of more than a round: what PLAY would promise then is what comes. */
        feed_next_start(f, promised);
        waiting[0] = waiting[1] = true;
        started = false;
        for (int i = 0; i < 2500; i++) {
                feed_next_start(f, now);
                if (!started)
                        for (unsigned k = 0; k < feed_tracks(f); k++)
                                assert_true(now[k].sequence == promised[k].sequence &&
                                            now[k].timestamp == promised[k].timestamp);
                assert_int_equal(feed_pull(f, 1, &frame, NULL), 0);
                started |= feed_is_start(f, frame);
                if (started && waiting[frame->track]) {
                        waiting[frame->track] = false;
                        assert_int_equal(
                                packet_of(frame, 0).sequence, promised[frame->track].sequence);
                        assert_true(
                                packet_of(frame, 0).timestamp == promised[frame->track].timestamp);
                }
                if (started && !waiting[0] && (feed_tracks(f) == 1 || !waiting[1])) {
                        started = false; /* the next client */
                        waiting[0] = waiting[1] = true;
                        feed_next_start(f, promised);
                        starts++;
                }
        }
        assert_true(starts > 20);
        feed_free(f);
}

static void test_play_promises_what_comes(void **state)
{
        (void)state;
        check_predictions(CARS, false);
        check_predictions(CARS, true);
        check_predictions(DESK, true);
}

/* The stamp lies in a packet of its own, which alone changes. */
static void check_stamps(const char *path, enum media_codec codec)
{
        struct feed *stamped = open_feed(path, true, false), *plain = open_feed(path, false, false);
        struct feed_frame *a, *b;

        for (int i = 0; i < 40; i++) {
                struct stamp s;
                size_t found = 0, k = 0;

                assert_int_equal(feed_pull(stamped, 123456 + i, &a, NULL), 0);
                assert_int_equal(feed_pull(plain, 123456 + i, &b, NULL), 0);
                assert_int_equal(b->stamp_at, 0);
                if (a->track != 0)
                        continue;
                feed_frame_name(stamped, a, "another-and-longer-name");
                feed_frame_name(stamped, a, "cam3");
                assert_int_equal(a->packets_n, b->packets_n + 1);
                for (size_t p = 0; p < a->packets_n; p++) {
                        const struct rtp_packet x = packet_of(a, p);

                        if (stamp_parse(codec, x.payload, &s)) {
                                assert_string_equal(s.camera, "cam3");
                                assert_true(s.wall_us == 123456 + i);
                                assert_true(s.counter == a->stamp.counter);
                                found++;
                        } else { /* all else is as without stamps */
                                assert_true(bytes_equal(x.payload, packet_of(b, k++).payload));
                        }
                }
                assert_int_equal(found, 1);
        }
        feed_free(stamped);
        feed_free(plain);
}

static void test_stamps(void **state)
{
        (void)state;
        check_stamps(CARS, MEDIA_H264);
        check_stamps(DESK, MEDIA_H265);
}

static void test_channels(void **state)
{
        struct feed *f = open_feed(CARS, false, false);
        struct feed_frame *frame;

        (void)state;
        assert_int_equal(feed_pull(f, 0, &frame, NULL), 0);
        feed_frame_channel(frame, 6);
        for (size_t i = 0; i < frame->packets_n; i++)
                assert_int_equal(frame->bytes.p[frame->packet_at[i] + 1], 6);
        feed_frame_channel(frame, 0);
        for (size_t i = 0; i < frame->packets_n; i++)
                assert_int_equal(frame->bytes.p[frame->packet_at[i] + 1], 0);
        feed_free(f);
}

static void test_the_current_group_is_kept(void **state)
{
        struct feed *f = open_feed(CARS, true, true);
        struct feed_frame *frame, *kept;
        struct feed_start start[TIMELINE_TRACKS_MAX];
        size_t n, most = 0;

        (void)state;
        for (int i = 0; i < 300; i++) {
                struct seen seen[2] = { 0 };

                assert_int_equal(feed_pull(f, i, &frame, NULL), 0);
                kept = feed_gop(f, &n);
                if (n == 0) { /* sound before the first picture */
                        assert_int_equal(frame->track, 1);
                        continue;
                }
                assert_true(feed_is_start(f, &kept[0]));
                assert_ptr_equal(frame, &kept[n - 1]);
                for (size_t k = 0; k < n; k++)
                        see(&seen[kept[k].track], &kept[k], 1 << 20);
                feed_gop_start(f, start);
                assert_int_equal(start[0].sequence, kept[0].sequence);
                if (seen[1].frames == 0) { /* then the next sound is the first */
                        struct feed_start next[TIMELINE_TRACKS_MAX];

                        feed_next_start(f, next);
                        assert_true((int32_t)(next[1].timestamp - start[1].timestamp) >= 0);
                }
                most = n > most ? n : most;
        }
        assert_true(most >= 12 + 12 * 80 * 48 / 1024); /* a group of 12 pictures with its sound */
        feed_free(f);
}

static void test_report_and_picture_agree(void **state)
{
        struct feed *f = open_feed(CARS, false, false);
        struct feed_frame *frame;
        struct buf b;
        struct rtcp r;
        int64_t due_us;

        (void)state;
        buf_init(&b, 1024);
        do {
                due_us = feed_due_us(f);
                assert_int_equal(feed_pull(f, 0, &frame, NULL), 0);
        } while (frame->track != 0);
        assert_int_equal(feed_report(f, 0, due_us, INT64_C(1795361401221000), "cam", &b, NULL), 0);
        assert_int_equal(rtcp_parse(buf_bytes(&b), &r, NULL), 0);
        /* Without reordering a picture is captured when it is sent. */
        assert_true(llabs((long long)(int32_t)(r.sender_report.timestamp - frame->timestamp)) <= 1);
        assert_true(llabs((long long)(rtcp_us_of_ntp(r.sender_report.ntp) -
                                      INT64_C(1795361401221000))) <= 1);
        assert_int_equal(r.sender_report.packets, frame->packets_n);
        assert_int_equal(r.sender_report.ssrc, packet_of(frame, 0).ssrc);
        buf_done(&b);
        feed_free(f);
}

static void test_description(void **state)
{
        struct feed *f = open_feed(CARS, false, false);
        struct buf b;

        (void)state;
        buf_init(&b, 65536);
        assert_int_equal(feed_describe(f, "lobby", NULL, 0, &b, NULL), 0);
        assert_int_equal(buf_append(&b, BYTES("", 1), NULL), 0);
        assert_non_null(strstr((char *)b.p, "s=lobby\r\n"));
        assert_non_null(strstr((char *)b.p, "m=video 0 RTP/AVP 96\r\n"));
        assert_non_null(strstr((char *)b.p, "a=rtpmap:96 H264/90000\r\n"));
        assert_non_null(strstr((char *)b.p, "packetization-mode=1"));
        assert_non_null(strstr((char *)b.p, "sprop-parameter-sets="));
        assert_non_null(strstr((char *)b.p, "a=control:track0\r\n"));
        assert_non_null(strstr((char *)b.p, "m=audio 0 RTP/AVP 97\r\n"));
        assert_non_null(strstr((char *)b.p, "48000"));
        assert_non_null(strstr((char *)b.p, "a=control:track1\r\n"));
        buf_done(&b);
        feed_free(f);
}

static void test_clip_refuses(void **state)
{
        struct clip *c = NULL;
        struct err e;

        (void)state;
        assert_true(clip_open("/nonexistent.mp4", &c, &e) < 0);
        assert_non_null(strstr(e.text, "/nonexistent.mp4"));
        assert_true(clip_open(TEST_SOURCE_ROOT "/meson.build", &c, &e) < 0);
        assert_null(c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_time_and_sequence_run_on_over_rounds),
                cmocka_unit_test(test_play_promises_what_comes),
                cmocka_unit_test(test_stamps),
                cmocka_unit_test(test_channels),
                cmocka_unit_test(test_the_current_group_is_kept),
                cmocka_unit_test(test_report_and_picture_agree),
                cmocka_unit_test(test_description),
                cmocka_unit_test(test_clip_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
