/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clear export plays in a player that is not ours: real footage is sealed into segments,
 * exported, and what ffmpeg decodes from the export is compared, frame by frame, with what it
 * decodes from the source. Skipped, with a word, where the clips or ffmpeg are not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "export_builder.c"
#include "film.c"
#include "media/box.h"
#include "segment_builder.c"

#define CLIPS TEST_SOURCE_ROOT "/../shared/fixtures/video/"
#define BASE_US INT64_C(1795359600000000)
#define FRAMES_MAX 2000

static char dir[64];

static int PRINTF(1, 2) run(const char *fmt, ...)
{
        char command[1024];
        va_list args;

        va_start(args, fmt);
        vsnprintf(command, sizeof command, fmt, args);
        va_end(args);
        return system(command);
}

static int setup(void **state)
{
        (void)state;
        snprintf(dir, sizeof dir, "/tmp/custos-evidence-XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        return run("rm -rf %s", dir);
}

struct frames {
        size_t n;
        char hash[FRAMES_MAX][33];
        double pts[FRAMES_MAX];
};

/* What ffmpeg makes of a stream of a file: a hash for each frame (decoded, or as stored where
 * `options` says copy). */
static struct frames *frames_of(const char *file, const char *options)
{
        struct frames *f = xcalloc(1, sizeof *f);
        char command[512], line[256];

        snprintf(command, sizeof command,
                "ffmpeg -v error -i %s/%s %s -vsync passthrough -f framemd5 - 2>&1", dir, file,
                options);
        FILE *p = popen(command, "r");
        double timebase = 0;
        while (fgets(line, sizeof line, p)) {
                long long pts;
                unsigned num, den;
                if (sscanf(line, "#tb 0: %u/%u", &num, &den) == 2)
                        timebase = (double)num / den;
                if (line[0] == '#')
                        continue;
                assert_true(f->n < FRAMES_MAX);
                if (sscanf(line, " 0, %*d, %lld, %*d, %*d, %32s", &pts, f->hash[f->n]) != 2) {
                        print_error("ffmpeg on %s: %s", file, line);
                        fail();
                }
                f->pts[f->n] = (double)pts * timebase;
                f->n++;
        }
        assert_int_equal(pclose(p), 0);
        return f;
}

static void write_file(const char *name, struct bytes content)
{
        char path[128];

        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *f = fopen(path, "wb");
        assert_int_equal(fwrite(content.p, 1, content.n, f), content.n);
        fclose(f);
}

/* Decode times as docs/spec/vault.md section 4 makes them: the presentation times of the fragment,
 * sorted. */
static int by_value(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static void add_group(struct segment_builder *b, const struct film *v, size_t from, size_t to,
        int64_t zero, int64_t end)
{
        int64_t dts[FRAMES_MAX];
        size_t n = to - from;

        for (size_t i = 0; i < n; i++)
                dts[i] = v->samples[from + i].pts - zero;
        qsort(dts, n, sizeof *dts, by_value);
        for (size_t i = 0; i < n; i++) {
                const struct film_sample *s = &v->samples[from + i];
                int64_t next = i + 1 < n ? dts[i + 1] : end - zero;
                b->now_us = BASE_US + (dts[i] + zero) * 100 / 9;
                segment_builder_add(b, 0, s->data, (uint64_t)dts[i], (uint32_t)(next - dts[i]),
                        (int32_t)(s->pts - zero - dts[i]), s->key);
        }
}

/* A group of pictures in decoding order; its first picture shown may come before the key frame. */
struct group {
        size_t from, to;
        int64_t begin, end;
};

static struct group group_at(const struct film *v, size_t from)
{
        struct group g = { from, from + 1, v->samples[from].pts, v->end };

        while (g.to < v->n && !v->samples[g.to].key)
                g.to++;
        for (size_t i = g.from; i < g.to; i++)
                g.begin = v->samples[i].pts < g.begin ? v->samples[i].pts : g.begin;
        for (size_t i = g.to; i < v->n && (i == g.to || !v->samples[i].key); i++)
                g.end = v->samples[i].pts < g.end ? v->samples[i].pts : g.end;
        return g;
}

/* A segment for each `groups` groups of pictures; audio goes to the segment and fragment where its
 * time is. Returns how many audio frames were recorded. */
static size_t record(
        struct segment_builder *b, const struct film *v, const struct film *a, unsigned groups)
{
        struct media_config tracks[2] = { v->config };
        size_t audio = 0;
        int64_t zero = 0;
        unsigned n = 0;

        if (a)
                tracks[1] = a->config;
        for (struct group g = { 0 }; g.to < v->n; n++) {
                g = group_at(v, g.to);
                if (n % groups == 0) {
                        zero = g.begin;
                        b->now_us = BASE_US + zero * 100 / 9;
                        segment_builder_open(b, tracks, a ? 2 : 1);
                }
                add_group(b, v, g.from, g.to, zero, g.end);
                for (; a && audio < a->n && a->samples[audio].pts_us < g.end * 100 / 9; audio++)
                        segment_builder_add(b, 1, a->samples[audio].data,
                                (uint64_t)(a->samples[audio].pts -
                                           zero * a->config.clock_rate / 90000),
                                1024, 0, true);
                segment_builder_cut(b);
        }
        segment_builder_close(b, false);
        return audio;
}

static bool have(const char *clip)
{
        char path[512];

        snprintf(path, sizeof path, CLIPS "%s", clip);
        if (access(path, R_OK) == 0 && run("ffmpeg -version >/dev/null 2>&1") == 0)
                return true;
        print_message("skipped: %s or ffmpeg is not here\n", path);
        return false;
}

static void assert_same_frames(
        const struct frames *a, size_t from, const struct frames *b, size_t n)
{
        assert_int_equal(b->n, n);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(a->hash[from + i], b->hash[i]) != 0) {
                        print_error("frame %zu differs\n", i);
                        fail();
                }
                double expected = a->pts[from + i] - a->pts[from], found = b->pts[i] - b->pts[0];
                assert_true(expected - found < 0.0015 && found - expected < 0.0015);
        }
}

static void check_players_layout(const char *name)
{
        /* The order of boxes and a 64-bit mdat, by the file itself. */
        struct buf file;
        char path[128];
        struct box b;
        uint64_t at = 0;
        static const uint32_t types[] = { BOX_TYPE('f', 't', 'y', 'p'),
                BOX_TYPE('m', 'o', 'o', 'v'), BOX_TYPE('m', 'd', 'a', 't'),
                BOX_TYPE('u', 'u', 'i', 'd') };

        snprintf(path, sizeof path, "%s/%s", dir, name);
        film_load(path, &file);
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                assert_int_equal(box_next(buf_bytes(&file), &at, &b, NULL), 1);
                assert_int_equal(b.type, types[i]);
                if (i >= 2)
                        assert_int_equal(b.whole.p[3], 1);
        }
        assert_int_equal(at, file.n);
        buf_done(&file);
}

struct media_case {
        const char *clip;
        enum media_codec codec;
        unsigned seconds, groups;
        bool audio;
};

static void check_whole(struct segment_builder *b, const struct media_case *mc,
        const struct frames *source, size_t audio)
{
        struct buf out = export_builder_make(b, &(struct export_builder_options){ 0 });

        write_file("export.mp4", buf_bytes(&out));
        buf_done(&out);
        check_players_layout("export.mp4");
        struct frames *video = frames_of("export.mp4", "-map 0:v");
        assert_same_frames(source, 0, video, source->n);
        free(video);
        if (!mc->audio)
                return;
        struct frames *wanted = frames_of("a.mp4", "-map 0:a -c copy"),
                      *sound = frames_of("export.mp4", "-map 0:a -c copy");
        assert_same_frames(wanted, 0, sound, audio);
        free(wanted);
        free(sound);

        out = export_builder_make(b, &(struct export_builder_options){ .without_audio = true });
        write_file("silent.mp4", buf_bytes(&out));
        buf_done(&out);
        video = frames_of("silent.mp4", "-map 0");
        assert_same_frames(source, 0, video, source->n);
        free(video);
}

/* From the middle of one group to the middle of another: exactly the frames shown in that time. */
static void check_trimmed(struct segment_builder *b, const struct frames *source)
{
        double from = source->pts[source->n / 4] - source->pts[0] + 0.011;
        double to = source->pts[source->n * 3 / 4] - source->pts[0] + 0.003;
        struct export_builder_options o = { .from_us = BASE_US + (int64_t)(from * 1e6),
                .to_us = BASE_US + (int64_t)(to * 1e6) };
        size_t first = 0, n = 0;

        struct buf out = export_builder_make(b, &o);
        write_file("trimmed.mp4", buf_bytes(&out));
        buf_done(&out);
        for (size_t i = 0; i < source->n; i++) {
                double at = source->pts[i] - source->pts[0];
                if (at <= from)
                        first = i;
        }
        while (first + n < source->n && source->pts[first + n] - source->pts[0] < to)
                n++;
        struct frames *video = frames_of("trimmed.mp4", "-map 0:v");
        assert_same_frames(source, first, video, n);
        free(video);
}

static void run_case(const struct media_case *mc)
{
        char path[128];

        if (!have(mc->clip)) {
                skip();
                return;
        }
        assert_int_equal(run("ffmpeg -v error -y -i " CLIPS "%s -map 0:v:0 -t %u -c copy %s/v.mp4",
                                 mc->clip, mc->seconds, dir),
                0);
        snprintf(path, sizeof path, "%s/v.mp4", dir);
        struct film *v = film_read(path, mc->codec), *a = NULL;
        if (mc->audio) {
                assert_int_equal(run("ffmpeg -v error -y -f lavfi -i "
                                     "sine=frequency=440:sample_rate=48000 -t %u -c:a aac "
                                     "-b:a 48k %s/a.mp4",
                                         mc->seconds, dir),
                        0);
                snprintf(path, sizeof path, "%s/a.mp4", dir);
                a = film_read(path, MEDIA_AAC);
        }
        struct segment_builder *b =
                segment_builder_new(&(struct segment_builder_options){ .seed = 5 });
        size_t audio = record(b, v, a, mc->groups);
        print_message("%s: %u segments, %zu frames\n", mc->clip, b->segments_n, v->n);
        struct frames *source = frames_of("v.mp4", "-map 0:v");
        check_whole(b, mc, source, audio);
        if (b->segments_n == 1)
                check_trimmed(b, source);
        free(source);
        film_free(v);
        if (a)
                film_free(a);
        segment_builder_free(b);
}

static void test_h264_baseline_audio(void **state)
{
        (void)state;
        run_case(&(struct media_case){
                "car-detection_768x432_h264baseline.mp4", MEDIA_H264, 4, 2, true });
}

static void test_h264_high(void **state)
{
        (void)state;
        run_case(&(struct media_case){
                "bottle-detection_640x360_h264high.mp4", MEDIA_H264, 4, 100, false });
}

static void test_h264_bframes(void **state)
{
        (void)state;
        run_case(&(struct media_case){
                "derived/vtest_768x576_h264_x264_bframes.mp4", MEDIA_H264, 7, 100, true });
}

static void test_h265(void **state)
{
        (void)state;
        run_case(&(struct media_case){ "axis_test_640x480_h265main.mp4", MEDIA_H265, 6, 1, false });
}

static void test_h265_bframes_audio(void **state)
{
        (void)state;
        run_case(&(struct media_case){
                "derived/vtest_768x576_h265_x265.mp4", MEDIA_H265, 6, 1, true });
}

/* Read back, every byte comes out again; the same film twice gives the same file. */
static void test_round_trip(void **state)
{
        struct segment_builder *b =
                segment_builder_new(&(struct segment_builder_options){ .seed = 2 });
        struct err e = { 0 };
        struct evidence ev;
        struct buf again;

        (void)state;
        segment_builder_run(b, "IAPPAIPSIPAGIPEIAPP");
        struct buf out = export_builder_make(b, &(struct export_builder_options){ 0 });
        struct buf out2 = export_builder_make(b, &(struct export_builder_options){ 0 });
        assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&out2)));

        struct box box;
        uint64_t at = 0;
        while (box_next(buf_bytes(&out), &at, &box, &e) > 0)
                ;
        assert_memory_equal(box.user_type, evidence_user_type, 16);
        assert_int_equal(evidence_read_back(box.payload, &ev, NULL, NULL, &e), 0);
        assert_int_equal(ev.segments_n, b->segments_n);
        buf_init(&again, 1 << 20);
        assert_int_equal(evidence_write_front(&ev, &again, &e), 0);
        assert_memory_equal(again.p, out.p, again.n);
        buf_clear(&again);
        assert_int_equal(evidence_write_back(&ev, &again, &e), 0);
        assert_memory_equal(again.p, out.p + out.n - again.n, again.n);
        /* The form is strict: a byte more or less is not read. */
        for (size_t cut = 0; cut < box.payload.n; cut += 97) {
                struct evidence none;
                if (evidence_read_back(bytes_sub(box.payload, 0, cut), &none, NULL, NULL, NULL) ==
                        0) {
                        assert_true(none.segments_n < ev.segments_n);
                        evidence_done(&none);
                }
        }
        evidence_done(&ev);
        buf_done(&again);
        buf_done(&out);
        buf_done(&out2);
        segment_builder_free(b);
}

/* What cannot be one film is refused with ERR_STATE, so that the exporter begins another file. */
static void test_joins(void **state)
{
        struct segment_builder *b =
                segment_builder_new(&(struct segment_builder_options){ .seed = 3 });
        struct segment_builder *other = segment_builder_new(
                &(struct segment_builder_options){ .seed = 4, .stream = "door-main" });
        struct segment s[3];
        struct evidence ev;
        struct err e = { 0 };

        (void)state;
        segment_builder_run(b, "IPP");
        segment_builder_run(b, "IAPA");
        segment_builder_run(other, "IPP");
        segment_builder_read(b, 0, &s[0]);
        segment_builder_read(b, 1, &s[1]);
        segment_builder_read(other, 0, &s[2]);
        evidence_init(&ev);
        assert_int_equal(evidence_add_fragment(
                                 &ev, s[0].fragments[0].moof, s[0].fragments[0].seal_payload, &e),
                ERR_STATE);
        assert_int_equal(evidence_add_segment(&ev, s[0].header_bytes, b->segments[0].key, &e), 0);
        assert_int_equal(
                evidence_add_segment(&ev, s[1].header_bytes, b->segments[1].key, &e), ERR_STATE);
        assert_int_equal(evidence_add_segment(&ev, s[2].header_bytes, other->segments[0].key, &e),
                ERR_STATE);
        assert_int_equal(evidence_add_segment(
                                 &ev, bytes_sub(s[0].header_bytes, 0, 100), b->segments[0].key, &e),
                ERR_CORRUPT);
        /* A moof under the seal of another. */
        assert_int_equal(evidence_add_fragment(
                                 &ev, s[1].fragments[0].moof, s[0].fragments[0].seal_payload, &e),
                ERR_CORRUPT);
        assert_int_equal(evidence_add_fragment(
                                 &ev, s[0].fragments[0].moof, s[0].fragments[0].seal_payload, &e),
                0);
        assert_int_equal(ev.segments_n, 1);
        evidence_done(&ev);
        for (unsigned i = 0; i < 3; i++)
                segment_done(&s[i]);
        segment_builder_free(b);
        segment_builder_free(other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_joins),
                cmocka_unit_test(test_h264_baseline_audio),
                cmocka_unit_test(test_h264_high),
                cmocka_unit_test(test_h264_bframes),
                cmocka_unit_test(test_h265),
                cmocka_unit_test(test_h265_bframes_audio),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
