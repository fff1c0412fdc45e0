/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes out is decoded by libavcodec again, and is the tone that went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libavcodec/avcodec.h>
#include <string.h>

#include "media/sound_config.h"
#include "transcoder/av.h"
#include "transcoder/sound_recoder.h"

#define RATE 8000
#define PACKET 160
#define TONE 440.0

/* ITU-T G.711, mu-law. */
static uint8_t ulaw(double v)
{
        int x = (int)(v * 32635), sign = x < 0 ? 0x80 : 0, exponent = 7;

        x = (x < 0 ? -x : x) + 132;
        while (exponent > 0 && !(x & (0x80 << exponent)))
                exponent--;
        return (uint8_t) ~(sign | exponent << 4 | (x >> (exponent + 3) & 15));
}

/* The next packet of one tone: a pointer that turns by 2 pi TONE / RATE with each sample. */
static struct bytes tone(uint8_t *to)
{
        static double x = 0.5, y = 0;
        const double cosine = 0.9408807689542253, sine = 0.3387379202452914;

        for (unsigned i = 0; i < PACKET; i++) {
                double was = x;
                to[i] = ulaw(y);
                x = x * cosine - y * sine;
                y = was * sine + y * cosine;
        }
        return BYTES(to, PACKET);
}

static struct sound_recoder *recoder(void)
{
        struct media_config c;
        struct sound_recoder *s;
        struct err e;

        assert_int_equal(sound_config_pcm(MEDIA_PCMU, RATE, 1, &c, &e), 0);
        assert_int_equal(sound_recoder_new(&c, &s, &e), 0);
        return s;
}

struct heard {
        AVCodecContext *decoder;
        AVPacket *packet;
        AVFrame *frame;
        unsigned crossings, samples, frames;
        float last;
        uint64_t first, next;
};

static void hear(struct heard *h, const struct sound_frame *f)
{
        if (h->frames++ == 0)
                h->first = f->time;
        h->next = f->time + f->duration;
        assert_int_equal(av_new_packet(h->packet, (int)f->data.n), 0);
        memcpy(h->packet->data, f->data.p, f->data.n);
        assert_int_equal(avcodec_send_packet(h->decoder, h->packet), 0);
        av_packet_unref(h->packet);
        while (avcodec_receive_frame(h->decoder, h->frame) == 0) {
                const float *v = (const float *)(const void *)h->frame->extended_data[0];
                for (int i = 0; i < h->frame->nb_samples; i++) {
                        h->crossings += h->last < 0 && v[i] >= 0;
                        h->last = v[i];
                        h->samples++;
                }
        }
}

static void test_tone(void **state)
{
        const struct media_config *c;
        struct sound_recoder *s = recoder();
        struct heard h = { 0 };
        struct sound_frame f;
        uint8_t packet[PACKET];
        struct err e;
        int r;

        (void)state;
        c = sound_recoder_config(s);
        assert_int_equal(c->codec, MEDIA_AAC);
        assert_int_equal(c->sample_rate, RATE);
        h.decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_AAC));
        h.decoder->extradata = av_mallocz(c->parameters_n + AV_INPUT_BUFFER_PADDING_SIZE);
        memcpy(h.decoder->extradata, c->parameters, c->parameters_n);
        h.decoder->extradata_size = (int)c->parameters_n;
        assert_int_equal(avcodec_open2(h.decoder, NULL, NULL), 0);
        h.packet = av_packet_alloc();
        h.frame = av_frame_alloc();
        for (uint64_t at = 5000; at < 5000 + 4 * RATE; at += PACKET) {
                /* Cameras' stamps are not quite what they send. */
                assert_int_equal(sound_recoder_push(s, tone(packet), at + at % 7, &e), 0);
                while ((r = sound_recoder_pull(s, &f, &e)) == 1)
                        hear(&h, &f);
                assert_int_equal(r, 0);
        }
        assert_true(h.samples > 3 * RATE);
        double heard = (double)h.crossings * RATE / h.samples;
        assert_true(heard > TONE * 0.95 && heard < TONE * 1.05);
        /* Its window begins a frame before. */
        assert_in_range(h.first, 5000 - 1024, 5010);
        assert_in_range(h.next, 5000 + 4 * RATE - 3 * 1024, 5000 + 4 * RATE);
        avcodec_free_context(&h.decoder);
        av_packet_free(&h.packet);
        av_frame_free(&h.frame);
        sound_recoder_free(s);
}

/* A hole in the sound is one in what comes out; a step back goes on where it was. */
static void test_holes(void **state)
{
        struct sound_recoder *s = recoder();
        static const uint64_t from[] = { 0, 10 * RATE, 2 * RATE };
        uint64_t last = 0, beyond = 0;
        struct sound_frame f;
        uint8_t packet[PACKET];
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(from); i++) {
                for (uint64_t at = from[i]; at < from[i] + RATE; at += PACKET) {
                        assert_int_equal(sound_recoder_push(s, tone(packet), at, &e), 0);
                        while (sound_recoder_pull(s, &f, &e) == 1) {
                                assert_true(last == 0 || f.time > last);
                                beyond += f.time >= 9 * RATE;
                                last = f.time;
                        }
                }
        }
        assert_true(beyond > 5);
        sound_recoder_free(s);
}

static void test_broken(void **state)
{
        static const uint8_t rubbish[4000] = { 0xff, 0x00, 0xaa };
        struct sound_recoder *s;
        struct media_config c;
        struct sound_frame f;
        struct err e;

        (void)state;
        av_quiet();
        assert_int_equal(sound_config_opus(48000, 2, &c, &e), 0);
        assert_int_equal(sound_recoder_new(&c, &s, &e), 0);
        for (unsigned i = 0; i < 300; i++) {
                assert_int_equal(sound_recoder_push(s, BYTES(rubbish, i * 13 + 1), i * 960, &e), 0);
                while (sound_recoder_pull(s, &f, &e) == 1)
                        assert_true(f.data.n > 0);
        }
        sound_recoder_free(s);
        c.channels = 6;
        assert_int_equal(sound_recoder_new(&c, &s, &e), ERR_UNAVAILABLE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tone),
                cmocka_unit_test(test_holes),
                cmocka_unit_test(test_broken),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
