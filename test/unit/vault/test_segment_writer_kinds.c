/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The segment writer with the tracks of format version 2: no video, JPEG, several tracks of sound,
 * metadata. What comes out is decrypted again and compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "media/sound_config.h"
#include "vault_owner.c"

#define SECOND INT64_C(1000000)
#define TRACKS_MAX 4

struct source {
        struct vault_owner *o;
        struct media_config config[TRACKS_MAX];
        unsigned n;
        struct buf given[TRACKS_MAX];
        int64_t pts[TRACKS_MAX];
        uint32_t count;
};

static void source_init(struct source *s)
{
        *s = (struct source){ .o = vault_owner_new(SECOND, 10 * SECOND, 0) };
        for (unsigned i = 0; i < TRACKS_MAX; i++)
                buf_init(&s->given[i], 16u << 20);
}

static void source_done(struct source *s)
{
        for (unsigned i = 0; i < TRACKS_MAX; i++)
                buf_done(&s->given[i]);
        vault_owner_free(s->o);
}

static void push(struct source *s, unsigned track, uint32_t ticks, size_t bytes,
        const struct media_config *c)
{
        static uint8_t data[4096];
        struct access_unit u = { .data = BYTES(data, bytes),
                .pts = s->pts[track],
                .key = true,
                .arrival_us = s->o->now_us,
                .sender_us = INT64_MIN,
                .new_config = c };
        struct err e = { 0 };

        for (size_t i = 0; i < bytes; i++)
                data[i] = (uint8_t)(s->count * 31 + i * 7 + track);
        s->count++;
        if (segment_writer_push(s->o->writer, track, &u, &e) < 0)
                fail_msg("%s", e.text);
        assert_int_equal(buf_append(&s->given[track], u.data, NULL), 0);
        s->pts[track] += ticks;
        if (s->o->sealed_n > s->o->written_n + 1)
                vault_owner_settle(s->o);
}

/* Track i of the camera lies at place[i] in the file. */
static void assert_recorded(struct source *s, const unsigned *place)
{
        vault_owner_stop(s->o);
        assert_int_equal(s->o->faults_n, 0);
        for (unsigned i = 0; i < s->n; i++) {
                CLEANUP(buf_done) struct buf out;
                buf_init(&out, 16u << 20);
                vault_owner_decrypt(s->o, place[i] + 1, &out);
                assert_int_equal(out.n, s->given[i].n);
                assert_memory_equal(out.p, s->given[i].p, out.n);
        }
}

/* 25 s of sound make fragments by time, and a segment each 10 s, without a frame lost. */
static void test_sound_alone(void **state)
{
        struct source s;

        (void)state;
        source_init(&s);
        s.n = 2;
        assert_int_equal(sound_config_pcm(MEDIA_PCMA, 8000, 1, &s.config[1], NULL), 0);
        s.config[0] = (struct media_config){ .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 };
        vault_owner_begin(s.o, s.config, s.n, SEAL_GAP_START);
        for (unsigned i = 0; i < 25 * 50; i++) {
                push(&s, 1, 160, 160, NULL);
                if (i % 50 == 10)
                        push(&s, 0, 90000, 900, NULL);
                s.o->now_us += SECOND / 50;
        }
        assert_recorded(&s, (const unsigned[]){ 1, 0 }); /* sound is the main track */
        assert_int_equal(s.o->segments_n - s.o->unused_n, 3);
        for (unsigned i = 0; i < 3; i++) {
                struct vault_owner_file f;
                vault_owner_read(s.o, i, &f);
                assert_int_equal(f.segment.head.version, 2);
                assert_int_equal(f.segment.header.tracks[0].config.codec, MEDIA_PCMA);
                assert_int_equal(f.segment.header.tracks[0].timescale, 8000);
                assert_in_range(f.segment.fragments_n, 4, 12);
                for (unsigned k = 0; k + 2 < f.segment.fragments_n; k++) {
                        const struct seal *seal = &f.segment.fragments[k].seal;
                        assert_in_range(seal->tracks[0].duration, 7000, 9600); /* about 1 s */
                        assert_int_equal(seal->tracks[0].id, 1);
                        assert_int_equal(seal->gaps_n, i == 0 && k == 0);
                }
                vault_owner_file_done(&f);
        }
        source_done(&s);
}

/* Picture, two tracks of sound and metadata in the camera's order; another size of the picture
 * opens another segment. */
static void test_jpeg_with_everything(void **state)
{
        struct source s;
        struct media_config
                small = { .codec = MEDIA_JPEG, .clock_rate = 90000, .width = 320, .height = 240 },
                large = { .codec = MEDIA_JPEG, .clock_rate = 90000, .width = 640, .height = 480 };
        static const unsigned seconds[] = { 3, 2 };

        (void)state;
        source_init(&s);
        s.n = 4;
        s.config[0] = (struct media_config){ .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 };
        assert_int_equal(sound_config_opus(48000, 2, &s.config[1], NULL), 0);
        s.config[2] = (struct media_config){ .codec = MEDIA_JPEG,
                .clock_rate = 90000 }; /* size unknown */
        assert_int_equal(sound_config_g726("G726-32", 8000, 1, &s.config[3], NULL), 0);
        vault_owner_begin(s.o, s.config, s.n, SEAL_GAP_START);
        for (unsigned part = 0; part < 2; part++)
                for (unsigned i = 0; i < 10 * seconds[part]; i++) {
                        push(&s, 2, 9000, 3000, i ? NULL : part ? &large : &small);
                        for (unsigned k = 0; k < 5; k++) {
                                push(&s, 1, 960, 120, NULL);
                                push(&s, 3, 160, 80, NULL);
                        }
                        if (i % 10 == 3)
                                push(&s, 0, 90000, 1500, NULL);
                        s.o->now_us += SECOND / 10;
                }
        assert_recorded(&s, (const unsigned[]){ 3, 1, 0, 2 });
        assert_int_equal(s.o->segments_n - s.o->unused_n, 2);
        for (unsigned i = 0; i < 2; i++) {
                static const enum media_codec order[] = { MEDIA_JPEG, MEDIA_OPUS, MEDIA_G726,
                        MEDIA_ONVIF_METADATA };
                struct vault_owner_file f;
                vault_owner_read(s.o, i, &f);
                assert_int_equal(f.segment.header.tracks[0].config.width, i ? 640 : 320);
                for (unsigned t = 0; t < 4; t++)
                        assert_int_equal(f.segment.header.tracks[t].config.codec, order[t]);
                vault_owner_file_done(&f);
        }
        source_done(&s);
}

/* Metadata whose stamps mean nothing do not move: they are placed by their arrival. */
static void test_metadata_without_a_clock(void **state)
{
        struct source s;

        (void)state;
        source_init(&s);
        s.n = 2;
        assert_int_equal(sound_config_pcm(MEDIA_PCMU, 8000, 1, &s.config[0], NULL), 0);
        s.config[1] = (struct media_config){ .codec = MEDIA_ONVIF_METADATA, .clock_rate = 90000 };
        vault_owner_begin(s.o, s.config, s.n, SEAL_GAP_START);
        for (unsigned i = 0; i < 8 * 50; i++) {
                push(&s, 0, 160, 160, NULL);
                if (i % 50 == 10) {
                        s.pts[1] = (i * 2654435761u) % 4000000000u;
                        push(&s, 1, 0, 500, NULL);
                }
                s.o->now_us += SECOND / 50;
        }
        assert_recorded(&s, (const unsigned[]){ 0, 1 });
        struct vault_owner_file f;
        vault_owner_read(s.o, 0, &f);
        unsigned documents = 0;
        for (unsigned k = 0; k < f.segment.fragments_n; k++) {
                const struct seal *seal = &f.segment.fragments[k].seal;
                for (unsigned t = 0; t < seal->tracks_n; t++) {
                        if (seal->tracks[t].id != 2)
                                continue;
                        /* 0.2 s, 1.2 s, ... behind the first packet of sound */
                        assert_int_equal(seal->tracks[t].decode_time, 18000 + 90000 * documents);
                        documents += seal->tracks[t].samples;
                }
        }
        assert_int_equal(documents, 8);
        vault_owner_file_done(&f);
        source_done(&s);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sound_alone),
                cmocka_unit_test(test_jpeg_with_everything),
                cmocka_unit_test(test_metadata_without_a_clock),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
