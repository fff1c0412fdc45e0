/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What watchers get: real footage through the muxer, one fragment a frame, and ffmpeg finds the
 * packets, pictures and times of the clip in it; a time line over connections and steps; whole
 * groups where something was left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/clip.h"
#include "frame_hashes.c"
#include "media/box.h"
#include "recorder/live_mux.h"

#define T BOX_TYPE
#define SECOND INT64_C(1000000)
#define START INT64_C(1795400000000000)
#define DEMO TEST_SOURCE_ROOT "/demo/"
#define FIXTURES TEST_SOURCE_ROOT "/../shared/fixtures/video/"

/* A watcher that takes all. */
struct watcher {
        struct live_mux mux;
        const struct media_config *configs[FMP4_TRACKS_MAX];
        struct buf all;
        unsigned headers, frames, left_out;
        /* Of the last frame, as it stands in its moof. */
        struct fmp4_sample sample;
        uint32_t id, sequence;
        uint64_t decode;
};

static void watcher_init(struct watcher *w)
{
        *w = (struct watcher){ 0 };
        live_mux_init(&w->mux);
        live_mux_begin(&w->mux);
        buf_init(&w->all, 64u << 20);
}

static void connect(struct watcher *w, const struct media_config *tracks, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                w->configs[i] = &tracks[i];
        live_mux_connect(&w->mux, w->configs, n);
}

/* moof and mdat's header, and what a MediaSource asks for: nothing else, one track, one sample,
 * offsets from the moof, a decode time. */
static void look_at(struct watcher *w, struct bytes front, size_t data_n)
{
        struct box moof, mfhd, traf, tfhd, tfdt, trun, none;
        uint64_t at = 0;

        assert_int_equal(box_next(front, &at, &moof, NULL), 1);
        assert_int_equal(moof.type, T('m', 'o', 'o', 'f'));
        struct unpack mdat = unpack_of(bytes_sub(front, at, SIZE_MAX));
        assert_int_equal(unpack_u32(&mdat), data_n + 8);
        assert_int_equal(unpack_u32(&mdat), T('m', 'd', 'a', 't'));
        assert_true(unpack_complete(&mdat));
        assert_int_equal(box_find(moof.payload, T('m', 'f', 'h', 'd'), &mfhd, NULL), 0);
        assert_int_equal(box_find(moof.payload, T('t', 'r', 'a', 'f'), &traf, NULL), 0);
        assert_int_equal(moof.payload.n, mfhd.whole.n + traf.whole.n);
        assert_int_equal(box_find(traf.payload, T('t', 'f', 'h', 'd'), &tfhd, NULL), 0);
        assert_int_equal(box_find(traf.payload, T('t', 'f', 'd', 't'), &tfdt, NULL), 0);
        assert_int_equal(box_find(traf.payload, T('t', 'r', 'u', 'n'), &trun, NULL), 0);
        assert_int_equal(traf.payload.n, tfhd.whole.n + tfdt.whole.n + trun.whole.n);
        assert_int_equal(box_find(traf.payload, T('s', 'e', 'n', 'c'), &none, NULL), ERR_NOT_FOUND);
        struct unpack u = unpack_of(mfhd.payload);
        unpack_u32(&u);
        w->sequence = unpack_u32(&u);
        u = unpack_of(tfhd.payload);
        assert_int_equal(unpack_u32(&u), 0x020000); /* default-base-is-moof */
        w->id = unpack_u32(&u);
        u = unpack_of(tfdt.payload);
        unpack_u32(&u);
        w->decode = unpack_u64(&u);
        u = unpack_of(trun.payload);
        unpack_u32(&u);
        assert_int_equal(unpack_u32(&u), 1);
        assert_int_equal(unpack_u32(&u), front.n);
        w->sample.duration = unpack_u32(&u);
        assert_int_equal(unpack_u32(&u), data_n);
        w->sample.key = unpack_u32(&u) == 0x02000000; /* depends on none, a sync sample */
        w->sample.composition_offset = (int32_t)unpack_u32(&u);
        assert_true(unpack_complete(&u));
        assert_true(front.n <= LIVE_MUX_FRONT_MAX);
}

static void push_header(struct watcher *w)
{
        CLEANUP(buf_done) struct buf header;
        struct err e;

        buf_init(&header, LIVE_MUX_HEADER_MAX);
        assert_int_equal(live_mux_header(&w->mux, w->configs, &header, &e), 0);
        assert_int_equal(buf_append(&w->all, buf_bytes(&header), NULL), 0);
        w->headers++;
}

/* True where the frame was sent. */
static bool push(struct watcher *w, unsigned track, const struct access_unit *u)
{
        enum live_mux_step step = live_mux_judge(&w->mux, track, u);
        size_t before = w->all.n;

        if (step == LIVE_MUX_HEADER) {
                push_header(w);
                before = w->all.n;
        }
        if (step == LIVE_MUX_NOTHING || live_mux_frame(&w->mux, track, u, &w->all, NULL) != 1) {
                w->left_out++;
                return false;
        }
        look_at(w, bytes_sub(buf_bytes(&w->all), before, SIZE_MAX), u->data.n);
        assert_int_equal(buf_append(&w->all, u->data, NULL), 0);
        w->frames++;
        return true;
}

/* --- real footage --- */

static int64_t in_us(const struct clip *c, unsigned track, int64_t ticks)
{
        return ticks * SECOND / c->tracks[track].config.clock_rate;
}

static unsigned next_track(const struct clip *c, const size_t *at)
{
        unsigned next = c->tracks_n;

        for (unsigned i = 0; i < c->tracks_n; i++)
                if (at[i] < c->tracks[i].samples_n &&
                        (next == c->tracks_n ||
                                in_us(c, i, c->tracks[i].samples[at[i]].due) <
                                        in_us(c, next, c->tracks[next].samples[at[next]].due)))
                        next = i;
        return next;
}

/* Plays a clip as a camera would send it; returns how many sounds came before the first picture. */
static unsigned play(struct watcher *w, const struct clip *c)
{
        size_t at[TIMELINE_TRACKS_MAX] = { 0 };
        struct media_config tracks[TIMELINE_TRACKS_MAX];
        unsigned next;

        for (unsigned i = 0; i < c->tracks_n; i++)
                tracks[i] = c->tracks[i].config;
        connect(w, tracks, c->tracks_n);
        while ((next = next_track(c, at)) < c->tracks_n) {
                const struct clip_sample *s = &c->tracks[next].samples[at[next]++];
                struct access_unit u = { .data = clip_bytes(c, s),
                        .pts = s->pts + 77777 * (next + 1),
                        .key = s->key,
                        .arrival_us = START + in_us(c, next, s->due),
                        .sender_us = START + in_us(c, next, s->pts) };
                uint64_t decode = w->decode;
                uint32_t id = w->id;

                if (push(w, next, &u) && w->id == id && w->frames > 1)
                        assert_true(w->decode > decode);
        }
        return w->left_out;
}

static void write_file(const char *path, struct bytes b)
{
        FILE *f = fopen(path, "wb");

        assert_non_null(f);
        assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
        assert_int_equal(fclose(f), 0);
}

static void same_hashes(
        const char *clip, const char *live, const char *map, const char *codec, unsigned skipped)
{
        CLEANUP(buf_done) struct buf expected, found;

        buf_init(&expected, 1u << 20);
        buf_init(&found, 1u << 20);
        frame_hashes("", clip, map, codec, &expected);
        buf_consume(&expected, (size_t)skipped * HASH_CHARS);
        frame_hashes("", live, map, codec, &found);
        assert_true(expected.n > 20 * HASH_CHARS);
        assert_int_equal(found.n, expected.n);
        assert_memory_equal(found.p, expected.p, found.n);
}

/* Presentation times of a track, from the first frame of the picture on, in milliseconds, sorted.
 */
static size_t times_of(const char *path, const char *stream, double *to, size_t room)
{
        CLEANUP(own_freep)
        char *command = xasprintf("ffprobe -v error -select_streams %s -show_entries "
                                  "packet=pts_time -of csv=p=0 '%s' | sort -n",
                stream, path);
        FILE *f = popen(command, "r");
        size_t n = 0;

        assert_non_null(f);
        while (n < room && fscanf(f, "%lf%*[^\n]", &to[n]) == 1)
                n++;
        assert_int_equal(pclose(f), 0);
        return n;
}

static void same_times(const char *clip, const char *live, const char *stream, size_t skipped)
{
        static double a[4000], b[4000];
        size_t n = times_of(clip, stream, a, 4000), found = times_of(live, stream, b, 4000);

        assert_true(n > 20);
        assert_int_equal(found, n - skipped);
        for (size_t i = 1; i < found; i++) {
                double d = (a[skipped + i] - a[skipped]) - (b[i] - b[0]);
                assert_true(d < 0.001 && d > -0.001);
        }
}

static void play_file(const char *path)
{
        char live[] = "/tmp/custos-live-XXXXXX";
        struct clip *c = NULL;
        struct watcher w;
        struct err e;

        if (clip_open(path, &c, &e) < 0) {
                print_message("%s: %s\n", path, e.text);
                skip();
        }
        watcher_init(&w);
        unsigned skipped = play(&w, c);
        assert_int_equal(w.headers, 1);
        int fd = mkstemp(live);
        assert_true(fd >= 0);
        close(fd);
        write_file(live, buf_bytes(&w.all));
        same_hashes(path, live, "0:v:0", "-c copy", 0);
        same_hashes(path, live, "0:v:0", "-fps_mode passthrough", 0);
        same_times(path, live, "v:0", 0);
        if (c->tracks_n > 1) {
                same_hashes(path, live, "0:a:0", "-c copy", skipped);
                same_times(path, live, "a:0", skipped);
        }
        unlink(live);
        buf_done(&w.all);
        clip_free(c);
}

static void h264_with_aac(void **state)
{
        (void)state;
        play_file(DEMO "cars-h264-aac.mp4");
}

static void h265(void **state)
{
        (void)state;
        play_file(DEMO "desk-h265.mp4");
}

static void frames_out_of_order(void **state)
{
        (void)state;
        play_file(FIXTURES "derived/vtest_768x576_h264_x264_bframes.mp4");
}

/* Pictures and G.711: what ffmpeg makes here and now. */
static void jpeg_with_g711(void **state)
{
        char path[] = "/tmp/custos-live-XXXXXX.mov";
        int fd = mkstemps(path, 4);

        (void)state;
        assert_true(fd >= 0);
        close(fd);
        CLEANUP(own_freep)
        char *command = xasprintf(
                "ffmpeg -v error -nostdin -y -f lavfi -i testsrc2=size=160x120:rate=10:duration=4 "
                "-f lavfi -i sine=frequency=440:duration=4 -pix_fmt yuvj420p -c:v mjpeg -huffman "
                "default -ar 8000 -c:a pcm_mulaw '%s'",
                path);
        assert_int_equal(system(command), 0);
        struct clip *c = NULL;
        struct watcher w;
        struct err e;
        assert_int_equal(clip_open(path, &c, &e), 0);
        watcher_init(&w);
        play(&w, c);
        char live[] = "/tmp/custos-live-XXXXXX";
        fd = mkstemp(live);
        assert_true(fd >= 0);
        close(fd);
        write_file(live, buf_bytes(&w.all));
        same_hashes(path, live, "0:v:0", "-c copy", 0);
        same_hashes(path, live, "0:v:0", "-fps_mode passthrough", 0);
        static double a[400];
        size_t sounds = times_of(live, "a:0", a, 400);
        assert_int_equal(sounds + w.left_out, c->tracks[1].samples_n);
        assert_true(a[sounds - 1] > 3.9 && a[sounds - 1] < 4);
        unlink(live);
        unlink(path);
        buf_done(&w.all);
        clip_free(c);
}

/* --- the time line --- */

static const struct media_config picture = { .codec = MEDIA_H264,
        .clock_rate = 90000,
        .width = 640,
        .height = 480,
        .parameters = { 1, 66, 0, 30, 255, 224, 0, 0 },
        .parameters_n = 8 };
static const struct media_config sound = {
        .codec = MEDIA_PCMU, .clock_rate = 8000, .sample_rate = 8000, .channels = 1
};

static struct access_unit frame(int64_t pts, int64_t arrival_us, bool key)
{
        return (struct access_unit){ .data = bytes_str("frame"),
                .pts = pts,
                .key = key,
                .arrival_us = arrival_us,
                .sender_us = INT64_MIN };
}

static bool push_frame(struct watcher *w, int64_t pts, int64_t arrival_us, bool key)
{
        struct access_unit u = frame(pts, arrival_us, key);

        return push(w, 0, &u);
}

static void from_the_first_frame(void **state)
{
        struct watcher w;

        (void)state;
        watcher_init(&w);
        connect(&w, &picture, 1);
        assert_false(push_frame(&w, 500, START - 40000, false)); /* waits for a key frame */
        assert_true(push_frame(&w, 9000000, START, true));
        assert_true(w.decode == 0 && w.sample.key && w.sequence == 1);
        assert_true(push_frame(&w, 9003600, START + 40000, false));
        assert_true(w.decode == 3600 && !w.sample.key && w.sequence == 2);
        assert_true(push_frame(&w, 9006000, START + 66000, false));
        assert_true(w.decode == 6000);
        assert_int_equal(w.sample.duration, 2400); /* as the one before */
        assert_int_equal(w.headers, 1);
        buf_done(&w.all);
}

/* Sound lies where it belongs though its stamps count from elsewhere. */
static void sound_beside_the_picture(void **state)
{
        const struct media_config tracks[] = { sound, picture };
        struct access_unit u;
        struct watcher w;

        (void)state;
        watcher_init(&w);
        connect(&w, tracks, 2);
        u = frame(1, START - 20000, true);
        assert_false(push(&w, 0, &u)); /* before the first picture */
        u = frame(90000, START, true);
        assert_true(push(&w, 1, &u));
        assert_int_equal(w.id, 1); /* picture first, whatever the camera's order is */
        u = frame(5000, START + 20000, true);
        assert_true(push(&w, 0, &u));
        assert_int_equal(w.id, 2);
        assert_true(w.decode == 160 && w.sample.key);
        u = frame(5160, START + 41000, true);
        assert_true(push(&w, 0, &u));
        assert_true(w.decode == 320); /* by its stamps, not by arrival */
        buf_done(&w.all);
}

static void another_connection_goes_on(void **state)
{
        struct watcher w;

        (void)state;
        watcher_init(&w);
        connect(&w, &picture, 1);
        push_frame(&w, 1000, START, true);
        push_frame(&w, 1000 + 90000, START + SECOND, true);
        connect(&w, &picture, 1);
        assert_false(push_frame(&w, 5, START + 4 * SECOND, false));
        /* As long as it was by arrival, with a header of its own. */
        assert_true(push_frame(&w, 90005, START + 5 * SECOND, true));
        assert_true(w.decode == 5 * 90000);
        assert_int_equal(w.headers, 2);
        assert_true(push_frame(&w, 93605, START + 5 * SECOND + 40000, false));
        assert_true(w.decode == 5 * 90000 + 3600);
        buf_done(&w.all);
}

static void steps_never_go_back(void **state)
{
        struct access_unit u;
        struct watcher w;

        (void)state;
        watcher_init(&w);
        connect(&w, &picture, 1);
        push_frame(&w, 0, START, true);
        push_frame(&w, 3600, START + 40000, false);
        /* The camera's stamps jump, forth and back. */
        push_frame(&w, 3600 + 90000 * 1000, START + 80000, false);
        assert_true(w.decode == 7200);
        push_frame(&w, 7, START + 120000, false);
        assert_true(w.decode == 10800);
        /* The recorder's clock is set, an hour back and forth. */
        u = frame(7 + 3600, START + 160000 - 3600 * SECOND, false);
        u.clock_stepped = true;
        push(&w, 0, &u);
        assert_true(w.decode == 14400);
        push_frame(&w, 7 + 7200, START + 200000 - 3600 * SECOND, false);
        assert_true(w.decode == 18000);
        u = frame(7 + 10800, START + 240000, false);
        u.clock_stepped = true;
        push(&w, 0, &u);
        assert_true(w.decode == 21600);
        /* Stamps that stand still. */
        push_frame(&w, 7 + 10800, START + 280000, false);
        assert_true(w.decode == 21601);
        buf_done(&w.all);
}

/* --- headers and groups --- */

static void whoever_comes_gets_a_header(void **state)
{
        struct watcher w;

        (void)state;
        watcher_init(&w);
        connect(&w, &picture, 1);
        for (unsigned i = 0; i < 10; i++)
                push_frame(&w, 3600 * i, START + 40000 * i, i % 5 == 0);
        assert_int_equal(w.headers, 1);
        live_mux_begin(&w.mux);
        assert_true(push_frame(&w, 3600 * 10 - 1800, START + 400000 - 20000, false));
        assert_int_equal(w.headers, 1); /* those who watch go on meanwhile */
        assert_true(push_frame(&w, 3600 * 10, START + 400000, true));
        assert_int_equal(w.headers, 2);
        buf_done(&w.all);
}

static void what_was_left_out_ends_with_a_key_frame(void **state)
{
        const struct media_config tracks[] = { picture, sound };
        struct access_unit u;
        struct watcher w;

        (void)state;
        watcher_init(&w);
        connect(&w, tracks, 2);
        push_frame(&w, 0, START, true);
        live_mux_await_key(&w.mux);
        assert_false(push_frame(&w, 3600, START + 40000, false));
        u = frame(800, START + 40000, true);
        assert_false(push(&w, 1, &u));
        assert_true(push_frame(&w, 7200, START + 80000, true));
        assert_true(w.decode == 7200);
        assert_int_equal(w.headers, 1);
        u = frame(1120, START + 80000, true);
        assert_true(push(&w, 1, &u));
        assert_true(push_frame(&w, 10800, START + 120000, false));
        buf_done(&w.all);
}

static void other_parameters_need_a_header(void **state)
{
        struct media_config larger = picture;
        struct access_unit u;
        struct watcher w;
        struct box moov;

        (void)state;
        larger.width = 1280;
        watcher_init(&w);
        connect(&w, &picture, 1);
        push_frame(&w, 0, START, true);
        u = frame(3600, START + 40000, true);
        u.new_config = &larger;
        w.configs[0] = &larger;
        size_t before = w.all.n;
        assert_true(push(&w, 0, &u));
        assert_int_equal(w.headers, 2);
        assert_int_equal(box_find(bytes_sub(buf_bytes(&w.all), before, SIZE_MAX),
                                 T('m', 'o', 'o', 'v'), &moov, NULL),
                0);
        assert_non_null(memmem(moov.payload.p, moov.payload.n, "\x05\0\0\0", 4)); /* 1280.0 */
        assert_null(memmem(moov.payload.p, moov.payload.n, "sinf", 4));
        assert_null(memmem(moov.payload.p, moov.payload.n, "pssh", 4));
        buf_done(&w.all);
}

/* Sound with new parameters waits for the header; the picture goes on. */
static void other_parameters_of_sound(void **state)
{
        struct media_config tracks[] = { picture, sound }, wide = sound;
        struct access_unit u;
        struct watcher w;

        (void)state;
        wide.clock_rate = wide.sample_rate = 16000;
        watcher_init(&w);
        connect(&w, tracks, 2);
        push_frame(&w, 0, START, true);
        u = frame(8000, START + SECOND, true);
        assert_true(push(&w, 1, &u));
        uint64_t decode = w.decode;
        u = frame(8160, START + SECOND + 20000, true);
        u.new_config = &wide;
        w.configs[1] = &wide;
        assert_false(push(&w, 1, &u));
        assert_true(push_frame(&w, 90000, START + SECOND + 20000, false));
        assert_true(push_frame(&w, 93600, START + SECOND + 60000, true));
        assert_int_equal(w.headers, 2);
        u = frame(8800, START + SECOND + 100000, true);
        assert_true(push(&w, 1, &u));
        assert_true(w.decode >= 2 * decode);
        buf_done(&w.all);
}

/* Without the size of its pictures there is nothing that a player could begin with. */
static void what_cannot_be_shown_waits(void **state)
{
        struct media_config half = picture,
                            unseen = { .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 };
        struct media_config tracks[] = { half, unseen };
        CLEANUP(buf_done) struct buf header;
        struct watcher w;

        (void)state;
        half.parameters_n = 0;
        tracks[0] = half;
        watcher_init(&w);
        connect(&w, tracks, 2);
        buf_init(&header, LIVE_MUX_HEADER_MAX);
        struct access_unit u = frame(0, START, true);
        assert_int_equal(live_mux_judge(&w.mux, 0, &u), LIVE_MUX_HEADER);
        assert_int_equal(live_mux_header(&w.mux, w.configs, &header, NULL), ERR_INVALID);
        assert_int_equal(header.n, 0);
        assert_false(push_frame(&w, 3600, START + 40000, false));
        w.configs[0] = &picture;
        assert_true(push_frame(&w, 7200, START + 80000, true));
        u = frame(7200, START + 80000, true);
        assert_false(push(&w, 1, &u)); /* metadata are not shown */
        buf_done(&w.all);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(h264_with_aac),
                cmocka_unit_test(h265),
                cmocka_unit_test(frames_out_of_order),
                cmocka_unit_test(jpeg_with_g711),
                cmocka_unit_test(from_the_first_frame),
                cmocka_unit_test(sound_beside_the_picture),
                cmocka_unit_test(another_connection_goes_on),
                cmocka_unit_test(steps_never_go_back),
                cmocka_unit_test(whoever_comes_gets_a_header),
                cmocka_unit_test(what_was_left_out_ends_with_a_key_frame),
                cmocka_unit_test(other_parameters_need_a_header),
                cmocka_unit_test(other_parameters_of_sound),
                cmocka_unit_test(what_cannot_be_shown_waits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
