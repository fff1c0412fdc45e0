/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real footage through the segment writer, read back by ffmpeg with the segment key: packets and
 * pictures are those of the clip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/clip.h"
#include "frame_hashes.c"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define DEMO TEST_SOURCE_ROOT "/demo/"
#define FIXTURES TEST_SOURCE_ROOT "/../shared/fixtures/video/"

static int64_t in_us(const struct clip *c, unsigned track, int64_t ticks)
{
        return ticks * SECOND / c->tracks[track].config.clock_rate;
}

/* Plays a clip as a camera would send it, in the order in which samples are due. */
static void record(struct vault_owner *o, const struct clip *c)
{
        size_t at[TIMELINE_TRACKS_MAX] = { 0 };
        struct media_config tracks[TIMELINE_TRACKS_MAX];
        int64_t start = o->now_us;

        for (unsigned i = 0; i < c->tracks_n; i++)
                tracks[i] = c->tracks[i].config;
        vault_owner_begin(o, tracks, c->tracks_n, SEAL_GAP_START);
        for (;;) {
                unsigned next = TIMELINE_TRACKS_MAX;
                for (unsigned i = 0; i < c->tracks_n; i++) {
                        if (at[i] < c->tracks[i].samples_n &&
                                (next == TIMELINE_TRACKS_MAX ||
                                        in_us(c, i, c->tracks[i].samples[at[i]].due) <
                                                in_us(c, next,
                                                        c->tracks[next].samples[at[next]].due)))
                                next = i;
                }
                if (next == TIMELINE_TRACKS_MAX)
                        break;
                const struct clip_sample *s = &c->tracks[next].samples[at[next]++];
                o->now_us = start + in_us(c, next, s->due);
                struct access_unit u = { .data = clip_bytes(c, s),
                        .pts = s->pts,
                        .key = s->key,
                        .arrival_us = o->now_us,
                        .sender_us = start + in_us(c, next, s->pts) };
                struct err e;
                assert_int_equal(segment_writer_push(o->writer, next, &u, &e), 0);
                if (o->sealed_n > o->written_n + 1)
                        vault_owner_settle(o);
        }
        vault_owner_stop(o);
        assert_int_equal(o->refused_n + o->faults_n, 0);
}

/* skipped: samples at the beginning that came before the first picture and are not recorded. */
static void assert_same_hashes(struct vault_owner *o, const char *clip, const char *map,
        const char *codec, unsigned skipped)
{
        CLEANUP(buf_done) struct buf expected, found;

        buf_init(&expected, 1u << 20);
        buf_init(&found, 1u << 20);
        frame_hashes("", clip, map, codec, &expected);
        buf_consume(&expected, skipped * HASH_CHARS);
        for (unsigned i = 0; i < o->segments_n; i++) {
                char key[33], options[64];
                if (o->segments[i].unused)
                        continue;
                CLEANUP(own_freep)
                char *path = xasprintf("%s/%s", o->dir, o->segments[i].object_key);
                snprintf(options, sizeof options, "-decryption_key %s",
                        str_hex(key, BYTES(o->segments[i].key, 16)));
                frame_hashes(options, path, map, codec, &found);
        }
        assert_true(expected.n > 100 * HASH_CHARS);
        assert_int_equal(found.n, expected.n);
        assert_memory_equal(found.p, expected.p, found.n);
}

static unsigned sounds_before_picture(const struct clip *c)
{
        unsigned n = 0;

        while (in_us(c, 1, c->tracks[1].samples[n].due) < in_us(c, 0, c->tracks[0].samples[0].due))
                n++;
        return n;
}

static void play_clip(const char *path, int64_t segment_us, bool decode)
{
        struct vault_owner *o = vault_owner_new(SECOND, segment_us, 0);
        struct clip *c = NULL;
        struct err e;

        if (clip_open(path, &c, &e) < 0) {
                print_message("%s: %s\n", path, e.text);
                vault_owner_free(o);
                skip();
        }
        record(o, c);
        assert_same_hashes(o, path, "0:v:0", "-c copy", 0);
        if (decode)
                assert_same_hashes(o, path, "0:v:0", "-fps_mode passthrough", 0);
        if (c->tracks_n > 1)
                assert_same_hashes(o, path, "0:a:0", "-c copy", sounds_before_picture(c));
        clip_free(c);
        vault_owner_free(o);
}

static void test_h264_with_sound(void **state)
{
        (void)state;
        play_clip(DEMO "cars-h264-aac.mp4", 60 * SECOND, true);
}

static void test_h265(void **state)
{
        (void)state;
        play_clip(DEMO "desk-h265.mp4", 60 * SECOND, true);
}

static void test_short_segments(void **state)
{
        (void)state;
        play_clip(DEMO "cars-h264-aac.mp4", 4 * SECOND, false);
}

static void test_frames_out_of_order(void **state)
{
        (void)state;
        play_clip(FIXTURES "derived/vtest_768x576_h264_x264_bframes.mp4", 60 * SECOND, true);
}

/* A decoder that makes something of everything gets no picture of the clip without the key. */
static void test_no_key_no_picture(void **state)
{
        struct vault_owner *o = vault_owner_new(SECOND, 60 * SECOND, 0);
        CLEANUP(buf_done) struct buf pictures, found;
        struct clip *c = NULL;
        struct err e;

        (void)state;
        assert_int_equal(clip_open(DEMO "desk-h265.mp4", &c, &e), 0);
        record(o, c);
        buf_init(&pictures, 1u << 20);
        buf_init(&found, 1u << 20);
        frame_hashes("", DEMO "desk-h265.mp4", "0:v:0", "-fps_mode passthrough", &pictures);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", o->dir, o->segments[0].object_key);
        frame_hashes("-v quiet", path, "0:v:0", "-fps_mode passthrough", &found);
        assert_true(pictures.n >= HASH_CHARS);
        for (size_t i = 0; i + HASH_CHARS <= found.n; i += HASH_CHARS)
                assert_null(memmem(pictures.p, pictures.n, found.p + i, HASH_CHARS));
        clip_free(c);
        vault_owner_free(o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_h264_with_sound),
                cmocka_unit_test(test_h265),
                cmocka_unit_test(test_short_segments),
                cmocka_unit_test(test_frames_out_of_order),
                cmocka_unit_test(test_no_key_no_picture),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
