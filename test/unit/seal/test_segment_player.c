/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ordinary player plays a segment: real video and audio, encrypted and sealed, decrypted by
 * ffmpeg with the segment key. Packets and pictures equal those of the source: as a closed file
 * (found by sidx), and, not closed, through a pipe. Skipped with a reason where ffmpeg or the clips
 * are not installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/str.h"
#include "segment_builder.c"

#define CLIPS TEST_SOURCE_ROOT "/../shared/fixtures/video/"
#define PACKETS_MAX 2000
#define REORDER_MAX 16 /* pictures at the cut that may wait for packets behind it */

struct packet {
        int64_t pts, duration;
        uint32_t size;
        bool key;
};

struct clip {
        struct media_config config;
        struct buf data; /* samples as the file has them: NAL units behind 4-byte lengths, or AAC
                            frames */
        struct packet packets[PACKETS_MAX];
        unsigned n;
};

static char dir[] = "/tmp/custos-player-XXXXXX";

/* What the command prints. */
static void PRINTF(2, 3) run(struct buf *out, const char *fmt, ...)
{
        char command[1024];
        va_list args;

        va_start(args, fmt);
        assert_true(vsnprintf(command, sizeof command, fmt, args) < (int)sizeof command);
        va_end(args);
        FILE *f = popen(command, "r");
        assert_non_null(f);
        buf_init(out, 64u << 20);
        for (size_t n = 1; n > 0;) {
                uint8_t *to = buf_reserve(out, 1 << 16);
                assert_non_null(to);
                n = fread(to, 1, 1 << 16, f);
                out->n += n;
        }
        if (pclose(f) != 0)
                fail_msg("%s: failed", command);
        assert_int_equal(buf_append(out, BYTES("", 1), NULL), 0);
}

/* "00000000: 0142 8016 ...  .B.." lines of ffprobe to bytes. */
static size_t read_hexdump(const char *text, uint8_t *to, size_t room)
{
        size_t n = 0;

        for (const char *line = strstr(text, "\n00000000:"); line && line[1] == '0';
                line = strchr(line + 1, '\n')) {
                const char *p = strchr(line, ':') + 2;
                for (unsigned byte, k = 0; k < 16 && sscanf(p, "%2x", &byte) == 1 && p[0] != ' ';
                        k++) {
                        assert_true(n < room);
                        to[n++] = (uint8_t)byte;
                        p += 2;
                        if (k % 2 && *p == ' ')
                                p++;
                }
        }
        return n;
}

static void read_packets(struct clip *c, const char *path, char kind)
{
        CLEANUP(buf_done) struct buf text;
        struct packet p;
        char flags[16];
        int used;

        run(&text,
                "ffprobe -v error -select_streams %c:0 -show_entries "
                "packet=pts,duration,size,flags -of csv=p=0 %s",
                kind, path);
        for (const char *at = (char *)text.p; sscanf(at, "%ld,%ld,%u,%15[^,\n]%n", &p.pts,
                                                      &p.duration, &p.size, flags, &used) == 4;) {
                p.key = flags[0] == 'K';
                assert_true(c->n < PACKETS_MAX);
                c->packets[c->n++] = p;
                at = strchr(at + used, '\n') + 1;
        }
        assert_true(c->n > 0);
}

/* a, b: width and height, or sample rate and channels. */
static struct clip *read_clip(const char *path, enum media_codec codec, uint32_t a, uint32_t b)
{
        struct clip *c = xcalloc(1, sizeof *c);
        char kind = media_is_video(codec) ? 'v' : 'a';
        CLEANUP(buf_done) struct buf text;

        run(&text,
                "ffprobe -v error -select_streams %c:0 -show_data -show_entries stream=extradata "
                "%s",
                kind, path);
        if (media_is_video(codec))
                c->config = (struct media_config){ .codec = codec, .width = a, .height = b };
        else
                c->config =
                        (struct media_config){ .codec = codec, .sample_rate = a, .channels = b };
        c->config.parameters_n =
                read_hexdump((char *)text.p, c->config.parameters, sizeof c->config.parameters);
        read_packets(c, path, kind);
        run(&c->data, "ffmpeg -v error -i %s -map 0:%c:0 -c copy -f data -", path, kind);
        c->data.n--;
        return c;
}

static void free_clip(struct clip *c)
{
        if (c)
                buf_done(&c->data);
        free(c);
}

static int by_pts(const void *a, const void *b)
{
        const int64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Decode times of docs/spec/vault.md section 4: the presentation times of packets [from, to),
 * sorted, in 90 kHz, each behind the one before, over fragments too (*last; -1 at the beginning of
 * a segment); the first of the segment is 0. */
static void add_video(struct segment_builder *b, const struct clip *c, unsigned from, unsigned to,
        size_t *at, int64_t pts_zero, double scale, int64_t *last)
{
        int64_t sorted[PACKETS_MAX + 1];

        for (unsigned i = from; i < to; i++)
                sorted[i - from] = (int64_t)((double)(c->packets[i].pts - pts_zero) * scale + 0.5);
        qsort(sorted, to - from, sizeof *sorted, by_pts);
        for (unsigned i = from; i < to; i++)
                *last = sorted[i - from] = sorted[i - from] <= *last ? *last + 1 : sorted[i - from];
        sorted[to - from] = *last + 1;
        for (unsigned i = from; i < to; i++) {
                const struct packet *p = &c->packets[i];
                int64_t pts = (int64_t)((double)(p->pts - pts_zero) * scale + 0.5),
                        dts = sorted[i - from];
                segment_builder_add(b, 0, bytes_sub(buf_bytes(&c->data), *at, p->size),
                        (uint64_t)dts, (uint32_t)(sorted[i - from + 1] - dts), (int32_t)(pts - dts),
                        p->key);
                *at += p->size;
                b->now_us += 40000;
        }
}

/* As much audio as the video before it lasts. */
static void add_audio(
        struct segment_builder *b, const struct clip *c, unsigned *next, size_t *at, double seconds)
{
        for (; *next < c->n && *next * 1024.0 / c->config.sample_rate < seconds; ++*next) {
                uint32_t n = c->packets[*next].size;
                segment_builder_add(b, 1, bytes_sub(buf_bytes(&c->data), *at, n), *next * 1024ull,
                        1024, 0, true);
                *at += n;
        }
}

/* One segment of the clip's packets, a fragment a group of pictures or a part of one. ticks: of the
 * clip's clock a second. */
static struct segment_builder *record(const struct clip *video, const struct clip *audio,
        double ticks, unsigned packets, bool properly, unsigned *ret_audio)
{
        struct segment_builder *b = segment_builder_new(
                &(struct segment_builder_options){ .seed = 3, .front_free = 24 });
        struct media_config tracks[2] = { video->config };
        unsigned audio_next = 0;
        size_t at = 0, audio_at = 0;
        int64_t zero = video->packets[0].pts, last = -1;

        if (audio)
                tracks[1] = audio->config;
        for (unsigned i = 0; i < packets; i++)
                zero = video->packets[i].pts < zero ? video->packets[i].pts : zero;
        segment_builder_open(b, tracks, audio ? 2 : 1);
        for (unsigned from = 0, to; from < packets; from = to) {
                for (to = from + 1; to < packets && !video->packets[to].key && to - from < 50; to++)
                        ;
                add_video(b, video, from, to, &at, zero, 90000 / ticks, &last);
                if (audio)
                        add_audio(b, audio, &audio_next, &audio_at, to / 25.0);
                if (to < packets || !properly)
                        segment_builder_cut(b);
        }
        segment_builder_close(b, properly);
        *ret_audio = audio_next;
        return b;
}

/* The hashes of framemd5's lines (stream, dts, pts, duration, size, hash, side data), one behind
 * the other; any other line that was printed stays as it is. */
static unsigned keep_hashes(struct buf *text)
{
        char *to = (char *)text->p, *rest = NULL;
        unsigned lines = 0;

        for (char *line = strtok_r(to, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                char *hash = line;
                if (line[0] == '#')
                        continue;
                for (int comma = 0; comma < 5 && hash; comma++)
                        hash = strchr(hash + 1, ',');
                hash = hash ? hash : line;
                size_t n = hash == line ? strlen(line) : 34;
                memmove(to, hash, n);
                to += n;
                lines++;
        }
        *to = '\0';
        return lines;
}

/* how: "-c copy" for packets as stored, of which there are as many as frames says; "" for the first
 * pictures. */
static void assert_same(const char *source, const struct segment_builder *b, char kind,
        const char *how, unsigned frames, bool pipe)
{
        CLEANUP(buf_done) struct buf want, have;
        char key[33], path[64], cat[80], limit[32];

        str_hex(key, BYTES(b->segments[0].key, 16));
        snprintf(path, sizeof path, "%s/segment.mp4", dir);
        snprintf(cat, sizeof cat, "cat %s |", path);
        snprintf(limit, sizeof limit, "-frames:%c %u", kind, frames);
        run(&want, "ffmpeg -v error -i %s -map 0:%c:0 -vsync passthrough %s %s -f framemd5 -",
                source, kind, how, limit);
        run(&have,
                "%s ffmpeg -v error -decryption_key %s -i %s -map 0:%c:0 -vsync passthrough %s %s "
                "-f framemd5 - 2>&1",
                pipe ? cat : "", key, pipe ? "-" : path, kind, how, how[0] ? "" : limit);
        assert_int_equal(keep_hashes(&want), frames);
        unsigned found = keep_hashes(&have);
        if (found != frames || strcmp((char *)want.p, (char *)have.p) != 0)
                fail_msg("%s, %s, %c %s: %u frames of %u, %.200s", source, pipe ? "pipe" : "file",
                        kind, how, found, frames, (char *)have.p);
}

static void save(const struct segment_builder *b)
{
        const struct buf *file = &b->segments[0].file;
        char path[64];

        snprintf(path, sizeof path, "%s/segment.mp4", dir);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(file->p, 1, file->n, f), file->n);
        fclose(f);
}

static void assert_plays(const char *source, const struct clip *video, const char *audio_source,
        const struct clip *audio, double ticks, unsigned packets)
{
        for (int closed = 1; closed >= 0; closed--) {
                unsigned audio_n;
                struct segment_builder *b = record(video, audio, ticks, packets, closed, &audio_n);
                struct segment s;

                segment_builder_read(b, 0, &s);
                assert_int_equal(segment_check_index(&s, NULL), 0);
                segment_done(&s);
                save(b);
                for (int pipe = closed ? 0 : 1; pipe < 2; pipe++) {
                        assert_same(source, b, 'v', "-c copy", packets, pipe);
                        if (audio)
                                assert_same(audio_source, b, 'a', "-c copy", audio_n, pipe);
                }
                assert_same(source, b, 'v', "", packets - REORDER_MAX, !closed);
                segment_builder_free(b);
        }
}

static bool installed(void)
{
        if (system("ffmpeg -version >/dev/null 2>&1 && ffprobe -version >/dev/null 2>&1") != 0) {
                print_message("skipped: ffmpeg and ffprobe are not installed\n");
                return false;
        }
        if (access(CLIPS, R_OK) != 0) {
                print_message("skipped: no clips in " CLIPS "\n");
                return false;
        }
        return true;
}

static void test_h264_with_audio(void **state)
{
        static const char source[] = CLIPS "car-detection_768x432_h264baseline.mp4";

        (void)state;
        if (!installed())
                skip();
        struct clip *video = read_clip(source, MEDIA_H264, 768, 432),
                    *audio = read_clip(source, MEDIA_AAC, 48000, 2);
        assert_plays(source, video, source, audio, 25000, 60);
        free_clip(video);
        free_clip(audio);
}

/* Pictures that are shown in another order than they are sent. */
static void test_h264_reordered(void **state)
{
        static const char source[] = CLIPS "bottle-detection_640x360_h264high.mp4";

        (void)state;
        if (!installed())
                skip();
        struct clip *video = read_clip(source, MEDIA_H264, 640, 360);
        assert_plays(source, video, NULL, NULL, 11456, 110);
        free_clip(video);
}

static void test_h265_with_sine(void **state)
{
        static const char source[] = CLIPS "axis_test_640x480_h265main.mp4";
        CLEANUP(buf_done) struct buf none;
        char sine[64];

        (void)state;
        if (!installed())
                skip();
        snprintf(sine, sizeof sine, "%s/sine.mp4", dir);
        run(&none,
                "ffmpeg -v error -f lavfi -i sine=frequency=440:sample_rate=44100 -t 6 -c:a aac -y "
                "%s",
                sine);
        struct clip *video = read_clip(source, MEDIA_H265, 640, 480),
                    *audio = read_clip(sine, MEDIA_AAC, 44100, 1);
        assert_plays(source, video, sine, audio, 90000, 75);
        free_clip(video);
        free_clip(audio);
}

/* Without the key there is nothing to see: no packet is that of the source, and what decodes is
 * none of its pictures. */
static void test_without_key(void **state)
{
        static const char source[] = CLIPS "axis_test_640x480_h265main.mp4";
        CLEANUP(buf_done) struct buf clear, stored;

        (void)state;
        if (!installed())
                skip();
        struct clip *video = read_clip(source, MEDIA_H265, 640, 480);
        struct segment_builder *b = record(video, NULL, 90000, 50, true, &(unsigned){ 0 });
        save(b);
        run(&clear, "ffmpeg -v error -i %s -frames:v 50 -c copy -f framemd5 -", source);
        run(&stored, "ffmpeg -v error -i %s/segment.mp4 -map 0:v -c copy -f framemd5 -", dir);
        assert_int_equal(keep_hashes(&stored), 50);
        keep_hashes(&clear);
        for (char *hash = (char *)stored.p; *hash; hash += 34) {
                char one[35];
                snprintf(one, sizeof one, "%.34s", hash);
                assert_null(strstr((char *)clear.p, one));
        }
        segment_builder_free(b);
        free_clip(video);
}

static int setup(void **state)
{
        (void)state;
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        static const char *const names[] = { "segment.mp4", "sine.mp4" };
        char path[64];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                snprintf(path, sizeof path, "%s/%s", dir, names[i]);
                unlink(path);
        }
        return rmdir(dir);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_h264_with_audio),
                cmocka_unit_test(test_h264_reordered),
                cmocka_unit_test(test_h265_with_sine),
                cmocka_unit_test(test_without_key),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
