/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures that are made here, as JPEG and as H.264, with G.711: what comes out is read and decoded
 * again. H.265 comes from a camera: integ/62. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libavutil/frame.h>
#include <stdlib.h>
#include <string.h>

#include "media/sound_config.h"
#include "transcoder/av.h"
#include "transcoder/picture_decoder.h"
#include "transcoder/picture_encoder.h"
#include "transcoder/transcode.h"

#define FRAME 3600 /* 25 a second */
#define THINGS_MAX 400

/* --- what went out --- */

struct thing {
        struct media_message m;
        struct buf bytes;
};

static struct {
        struct thing list[THINGS_MAX];
        unsigned n;
} out;

static int on_out(void *owner, const struct media_message *m, struct bytes front, struct bytes data,
        struct err *e)
{
        struct thing *t = &out.list[out.n++];

        (void)owner;
        assert_true(out.n < THINGS_MAX);
        t->m = *m;
        buf_init(&t->bytes, MEDIA_MESSAGE_THING_MAX);
        return buf_append(&t->bytes, front, e) == 0 ? buf_append(&t->bytes, data, e) : -1;
}

static int forget(void **state)
{
        (void)state;
        for (unsigned i = 0; i < out.n; i++)
                buf_done(&out.list[i].bytes);
        out.n = 0;
        return 0;
}

/* --- what goes in --- */

/* A grey slope that moves with the number. */
static AVFrame *picture(int width, int height, unsigned number)
{
        AVFrame *f = av_frame_alloc();

        f->width = width;
        f->height = height;
        f->format = AV_PIX_FMT_YUV420P;
        f->color_range = AVCOL_RANGE_JPEG;
        assert_int_equal(av_frame_get_buffer(f, 0), 0);
        for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                        f->data[0][y * f->linesize[0] + x] =
                                (uint8_t)(40 + (x + y + 4 * (int)number) % 160);
        for (int p = 1; p < 3; p++)
                for (int y = 0; y < height / 2; y++)
                        memset(f->data[p] + y * f->linesize[p], 100 + 20 * p, (size_t)width / 2);
        return f;
}

static void header(
        struct transcode *t, const struct media_config *picture_config, bool sound, int expected)
{
        struct fmp4_track *tracks = xcalloc(2, sizeof *tracks);
        const struct media_message m = { .kind = MEDIA_MESSAGE_HEADER };
        struct buf thing;
        struct err e;

        tracks[0] = (struct fmp4_track){ .id = 1, .timescale = 90000, .config = *picture_config };
        tracks[1] = (struct fmp4_track){ .id = 2, .timescale = 8000 };
        assert_int_equal(sound_config_pcm(MEDIA_PCMA, 8000, 1, &tracks[1].config, &e), 0);
        buf_init(&thing, 1u << 16);
        assert_int_equal(fmp4_write_clear_header(tracks, sound ? 2 : 1, &thing, &e), 0);
        assert_int_equal(transcode_push(t, &m, buf_bytes(&thing), &e), expected);
        buf_done(&thing);
        free(tracks);
}

static int frame(struct transcode *t, uint32_t track, uint64_t decode, uint32_t duration, bool key,
        uint16_t flags, struct bytes data, struct err *e)
{
        struct fmp4_sample sample = { .size = (uint32_t)data.n, .duration = duration, .key = key };
        struct fmp4_fragment f = { .sequence = 1, .tracks_n = 1 };
        struct media_message m = { .kind = MEDIA_MESSAGE_FRAGMENT, .flags = flags, .time_us = 77 };
        struct buf thing;

        if (key && track == 1)
                m.flags |= MEDIA_MESSAGE_KEY;
        f.tracks[0] = (struct fmp4_fragment_track){ .id = track,
                .decode_time = decode,
                .samples_n = 1,
                .samples = &sample,
                .bytes = data.n };
        buf_init(&thing, MEDIA_MESSAGE_THING_MAX);
        assert_int_equal(fmp4_write_clear_moof(&f, &thing, NULL), 0);
        assert_int_equal(buf_append(&thing, data, NULL), 0);
        int r = transcode_push(t, &m, buf_bytes(&thing), e);
        buf_done(&thing);
        return r;
}

static struct media_config jpeg_config(uint32_t width, uint32_t height)
{
        return (struct media_config){
                .codec = MEDIA_JPEG, .clock_rate = 90000, .width = width, .height = height
        };
}

static void jpegs(struct transcode *t, int width, int height, unsigned from, unsigned n)
{
        struct buf jpeg;
        struct err e;

        buf_init(&jpeg, PICTURE_ENCODER_JPEG_MAX);
        for (unsigned i = from; i < from + n; i++) {
                AVFrame *f = picture(width, height, i);
                buf_clear(&jpeg);
                assert_int_equal(picture_encoder_jpeg(f, &jpeg, &e), 0);
                av_frame_free(&f);
                assert_int_equal(frame(t, 1, i * FRAME, FRAME, true, 0, buf_bytes(&jpeg), &e), 0);
        }
        buf_done(&jpeg);
}

static struct transcode *begin(uint8_t kind, uint16_t width)
{
        const struct transcode_begin b = { .kind = kind, .width = width };

        av_quiet();
        return transcode_new(&b, on_out, NULL);
}

/* --- what is looked at --- */

static void read_header(const struct thing *t, struct fmp4_track *tracks, int n)
{
        assert_int_equal(t->m.kind, MEDIA_MESSAGE_HEADER);
        assert_int_equal(fmp4_read_clear_header(buf_bytes(&t->bytes), tracks, NULL), n);
}

/* Mean of squared differences of the luma. */
static double difference(const AVFrame *a, const AVFrame *b)
{
        double sum = 0;

        assert_true(a->width == b->width && a->height == b->height);
        for (int y = 0; y < a->height; y++)
                for (int x = 0; x < a->width; x++) {
                        int d = a->data[0][y * a->linesize[0] + x] -
                                b->data[0][y * b->linesize[0] + x];
                        sum += d * d;
                }
        return sum / a->width / a->height;
}

static void test_jpeg_becomes_h264(void **state)
{
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        const struct media_config c = jpeg_config(320, 240);
        struct transcode *t = begin(TRANSCODE_STREAM, 0);
        struct picture_decoder *d;
        uint64_t last_key = 0;
        unsigned pictures = 0;
        AVFrame *got;
        struct err e;

        (void)state;
        header(t, &c, false, 0);
        jpegs(t, 320, 240, 0, 100);
        read_header(&out.list[0], tracks, 1);
        assert_int_equal(tracks[0].config.codec, MEDIA_H264);
        assert_true(transcode_is_plain(&tracks[0].config));
        assert_int_equal(tracks[0].config.parameters[1], 66); /* baseline */
        assert_true(tracks[0].config.parameters[2] & 0x40);   /* constrained */
        assert_int_equal(picture_decoder_new(&tracks[0].config, &d, &e), 0);
        assert_int_equal(out.n, 101); /* a picture for a picture, at once */
        for (unsigned i = 1; i < out.n; i++) {
                struct fmp4_fragment f;
                struct bytes data;
                assert_int_equal(out.list[i].m.time_us, 77);
                assert_int_equal(
                        fmp4_read_clear_fragment(buf_bytes(&out.list[i].bytes), &f, &data, &e), 0);
                assert_int_equal(f.tracks[0].decode_time, (i - 1) * FRAME);
                assert_int_equal(f.tracks[0].samples[0].duration, FRAME);
                bool key = f.tracks[0].samples[0].key;
                assert_int_equal(key, (out.list[i].m.flags & MEDIA_MESSAGE_KEY) != 0);
                if (key && i > 1)
                        assert_in_range(f.tracks[0].decode_time - last_key, 90000, 180000);
                last_key = key ? f.tracks[0].decode_time : last_key;
                assert_int_equal(
                        picture_decoder_push(d, data, (int64_t)f.tracks[0].decode_time, FRAME, &e),
                        0);
                while (picture_decoder_pull(d, &got, &e) == 1) {
                        AVFrame *was = picture(320, 240, (unsigned)(got->pts / FRAME));
                        assert_true(difference(was, got) < 65); /* 30 dB */
                        av_frame_free(&was);
                        pictures++;
                }
                fmp4_fragment_done(&f);
        }
        assert_true(pictures > 95 && last_key > 180000);
        picture_decoder_free(d);
        transcode_free(t);
        free(tracks);
}

/* H.264 goes through as it came; the sound is made. */
static void test_h264_is_copied(void **state)
{
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        struct transcode *t = begin(TRANSCODE_STREAM, 0);
        struct picture_encoder *n;
        uint8_t sound[320];
        unsigned frames = 0, sounds = 0;
        struct buf unit;
        bool key;
        struct err e;

        (void)state;
        AVFrame *first = picture(320, 240, 0);
        assert_int_equal(picture_encoder_new(first, FRAME, &n, &e), 0);
        av_frame_free(&first);
        header(t, picture_encoder_config(n), true, 0);
        buf_init(&unit, 1u << 20);
        memset(sound, 0x55, sizeof sound);
        for (unsigned i = 0; i < 50; i++) {
                AVFrame *f = picture(320, 240, i);
                f->pts = i * FRAME;
                buf_clear(&unit);
                assert_int_equal(picture_encoder_run(n, f, &unit, &key, &e), 0);
                av_frame_free(&f);
                assert_int_equal(frame(t, 1, i * FRAME, FRAME, key, 0, buf_bytes(&unit), &e), 0);
                struct bytes whole = buf_bytes(&out.list[out.n - 1].bytes);
                assert_true(whole.n > unit.n); /* and ends with the same bytes */
                assert_memory_equal(whole.p + whole.n - unit.n, unit.p, unit.n);
                assert_int_equal(
                        frame(t, 2, i * 320, 320, true, 0, BYTES(sound, sizeof sound), &e), 0);
        }
        read_header(&out.list[0], tracks, 2);
        assert_true(media_config_equal(&tracks[0].config, picture_encoder_config(n)));
        assert_int_equal(tracks[1].config.codec, MEDIA_AAC);
        for (unsigned i = 1; i < out.n; i++) {
                struct fmp4_fragment f;
                struct bytes data;
                assert_int_equal(
                        fmp4_read_clear_fragment(buf_bytes(&out.list[i].bytes), &f, &data, &e), 0);
                frames += f.tracks[0].id == 1;
                sounds += f.tracks[0].id == 2;
                /* A stream is joined at a picture, never at a sound. */
                assert_true(f.tracks[0].id == 1 || !(out.list[i].m.flags & MEDIA_MESSAGE_KEY));
                fmp4_fragment_done(&f);
        }
        assert_int_equal(frames, 50);
        assert_in_range(sounds, 13, 16);
        buf_done(&unit);
        picture_encoder_free(n);
        transcode_free(t);
        free(tracks);
}

static void test_a_still_picture(void **state)
{
        const struct media_config c = jpeg_config(320, 240);
        struct transcode *t = begin(TRANSCODE_STILL, 160);
        struct picture_decoder *d;
        struct buf jpeg;
        AVFrame *got;
        struct err e;

        (void)state;
        header(t, &c, true, 0);
        buf_init(&jpeg, PICTURE_ENCODER_JPEG_MAX);
        AVFrame *f = picture(320, 240, 5);
        assert_int_equal(picture_encoder_jpeg(f, &jpeg, &e), 0);
        av_frame_free(&f);
        assert_int_equal(frame(t, 1, 0, FRAME, true, 0, buf_bytes(&jpeg), &e), 1);
        transcode_free(t);
        assert_int_equal(out.n, 1);
        assert_int_equal(picture_decoder_new(&c, &d, &e), 0);
        assert_int_equal(picture_decoder_push(d, buf_bytes(&out.list[0].bytes), 0, 0, &e), 0);
        assert_int_equal(picture_decoder_pull(d, &got, &e), 1);
        assert_true(got->width == 160 && got->height == 120);
        picture_decoder_free(d);

        /* Of its own size it is the camera's own. */
        t = begin(TRANSCODE_STILL, 0);
        header(t, &c, false, 0);
        assert_int_equal(frame(t, 1, 0, FRAME, true, 0, buf_bytes(&jpeg), &e), 1);
        assert_true(bytes_equal(buf_bytes(&out.list[1].bytes), buf_bytes(&jpeg)));
        transcode_free(t);
        buf_done(&jpeg);
}

static void test_another_size(void **state)
{
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        const struct media_config c = jpeg_config(320, 240);
        struct transcode *t = begin(TRANSCODE_STREAM, 0);

        (void)state;
        header(t, &c, false, 0);
        jpegs(t, 320, 240, 0, 3);
        jpegs(t, 160, 120, 3, 3); /* without a word */
        assert_int_equal(out.n, 8);
        read_header(&out.list[4], tracks, 1);
        assert_int_equal(tracks[0].config.width, 160);
        assert_true(out.list[5].m.flags & MEDIA_MESSAGE_KEY);
        transcode_free(t);
        free(tracks);
}

static void test_what_was_left_out_is_said(void **state)
{
        const struct media_config c = jpeg_config(64, 64);
        struct transcode *t = begin(TRANSCODE_STREAM, 0);
        struct media_message gap = { .kind = MEDIA_MESSAGE_GAP };
        unsigned said = 0;
        struct buf jpeg;
        struct err e;

        (void)state;
        header(t, &c, false, 0);
        jpegs(t, 64, 64, 0, 5);
        AVFrame *f = picture(64, 64, 0);
        buf_init(&jpeg, PICTURE_ENCODER_JPEG_MAX);
        assert_int_equal(picture_encoder_jpeg(f, &jpeg, &e), 0);
        av_frame_free(&f);
        for (unsigned i = 50; i < 80; i++)
                assert_int_equal(frame(t, 1, i * FRAME, FRAME, true,
                                         i == 50 ? MEDIA_MESSAGE_SKIPPED : 0, buf_bytes(&jpeg), &e),
                        0);
        for (unsigned i = 0; i < out.n; i++)
                if (out.list[i].m.flags & MEDIA_MESSAGE_SKIPPED) {
                        assert_true(out.list[i].m.flags & MEDIA_MESSAGE_KEY);
                        said++;
                }
        assert_int_equal(said, 1);
        assert_int_equal(transcode_push(t, &gap, bytes_str("{}"), &e), 0);
        assert_int_equal(out.list[out.n - 1].m.kind, MEDIA_MESSAGE_GAP);
        assert_true(bytes_equal(buf_bytes(&out.list[out.n - 1].bytes), bytes_str("{}")));
        buf_done(&jpeg);
        transcode_free(t);
}

static void test_rubbish(void **state)
{
        const struct media_config c = jpeg_config(64, 64);
        struct transcode *t = begin(TRANSCODE_STREAM, 0);
        struct media_message m = { .kind = MEDIA_MESSAGE_FRAGMENT };
        static const uint8_t rubbish[500] = { 0xff, 0xd8, 0xff, 0xc4, 1, 2, 3 };
        unsigned i = 0;
        struct err e;
        int r = 0;

        (void)state;
        assert_int_equal(transcode_push(t, &m, bytes_str("moof"), &e), ERR_PROTOCOL);
        m.kind = MEDIA_MESSAGE_HEADER;
        assert_int_equal(transcode_push(t, &m, bytes_str("ftyp"), &e), ERR_CORRUPT);
        header(t, &c, false, 0);
        jpegs(t, 64, 64, 0, 2);
        for (; i < 200 && r == 0; i++)
                r = frame(
                        t, 1, (i + 2) * FRAME, FRAME, true, 0, BYTES(rubbish, sizeof rubbish), &e);
        assert_int_equal(r, ERR_PROTOCOL); /* it is passed over, for a while */
        assert_in_range(i, PICTURE_DECODER_PATIENCE / 2, PICTURE_DECODER_PATIENCE + 2);
        assert_non_null(strstr(e.text, "cannot be decoded"));
        assert_int_equal(out.n, 3);
        transcode_free(t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_jpeg_becomes_h264, forget),
                cmocka_unit_test_teardown(test_h264_is_copied, forget),
                cmocka_unit_test_teardown(test_a_still_picture, forget),
                cmocka_unit_test_teardown(test_another_size, forget),
                cmocka_unit_test_teardown(test_what_was_left_out_is_said, forget),
                cmocka_unit_test_teardown(test_rubbish, forget),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
