/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A camera for a vault_owner, and what is asserted of what was recorded. A test includes this file
 * behind cmocka.h; it includes vault_owner.c. */
#include "vault_owner.c"

#define SECOND INT64_C(1000000)

/* A camera: 25 frames a second, a group of pictures of `gop`, sound at 48 kHz where it has it. What
 * was pushed is kept. */
struct source {
        struct vault_owner *o;
        unsigned gop;
        bool sound;
        size_t frame_bytes;
        unsigned frames, sounds;
        int64_t pts, sound_pts;
        struct buf frame, video, audio;
        bool lost_before; /* of the next frame */
        uint32_t unasked_before;
        bool clock_stepped;
        const struct media_config *new_config;
};

void source_init(struct source *s, struct vault_owner *o, unsigned gop, bool sound)
{
        *s = (struct source){ .o = o,
                .gop = gop,
                .sound = sound,
                .frame_bytes = 900,
                .pts = 123456,
                .sound_pts = 777 };
        buf_init(&s->frame, 16u << 20);
        buf_init(&s->video, 256u << 20);
        buf_init(&s->audio, 64u << 20);
}

void source_done(struct source *s)
{
        buf_done(&s->frame);
        buf_done(&s->video);
        buf_done(&s->audio);
}

void push(struct source *s, unsigned track, const struct access_unit *u, struct buf *kept)
{
        struct err e;

        assert_int_equal(segment_writer_push(s->o->writer, track, u, &e), 0);
        if (kept)
                assert_int_equal(buf_append(kept, u->data, NULL), 0);
        if (s->o->sealed_n > s->o->written_n + 1)
                vault_owner_settle(s->o);
}

void push_sound(struct source *s)
{
        uint8_t sample[40];
        struct access_unit u = { .data = BYTES(sample, sizeof sample),
                .pts = s->sound_pts,
                .key = true,
                .arrival_us = s->o->now_us,
                .sender_us = INT64_MIN };

        memset(sample, (int)s->sounds, sizeof sample);
        sample[0] = (uint8_t)(s->sounds >> 8);
        push(s, 1, &u, &s->audio);
        s->sound_pts += 1024;
        s->sounds++;
}

void push_frame(struct source *s, bool keep)
{
        bool key = s->frames % s->gop == 0;
        struct access_unit u = { .pts = s->pts,
                .key = key,
                .arrival_us = s->o->now_us,
                .sender_us = INT64_MIN,
                .lost_before = s->lost_before,
                .unasked_before = s->unasked_before,
                .clock_stepped = s->clock_stepped,
                .new_config = s->new_config };

        vault_owner_frame(s->frames + 1, key, key ? 6 * s->frame_bytes : s->frame_bytes, &s->frame);
        u.data = buf_bytes(&s->frame);
        push(s, 0, &u, keep ? &s->video : NULL);
        s->lost_before = s->clock_stepped = false;
        s->unasked_before = 0;
        s->new_config = NULL;
        s->frames++;
        s->pts += 3600;
        s->o->now_us += 40000;
        while (s->sound && (s->sound_pts - 777) * 25 < (int64_t)s->frames * 48000)
                push_sound(s);
}

void play(struct source *s, unsigned frames)
{
        for (unsigned i = 0; i < frames; i++)
                push_frame(s, true);
}

void assert_recorded(struct source *s)
{
        CLEANUP(buf_done) struct buf video, audio;

        buf_init(&video, 256u << 20);
        buf_init(&audio, 64u << 20);
        vault_owner_decrypt(s->o, 1, &video);
        assert_int_equal(video.n, s->video.n);
        assert_memory_equal(video.p, s->video.p, video.n);
        if (s->sound) {
                vault_owner_decrypt(s->o, 2, &audio);
                assert_int_equal(audio.n, s->audio.n);
                assert_memory_equal(audio.p, s->audio.p, audio.n);
        }
}

/* All seals of all segments are one chain, in the order of creation. */
void assert_chain(struct vault_owner *o)
{
        struct seal_link previous = { 0 };
        bool first = true;

        for (unsigned i = 0; i < o->segments_n; i++) {
                struct vault_owner_file f;

                if (o->segments[i].unused)
                        continue;
                vault_owner_read(o, i, &f);
                for (unsigned k = 0; k < f.segment.fragments_n; k++) {
                        const struct segment_fragment *at = &f.segment.fragments[k];
                        if (!first)
                                assert_memory_equal(&at->seal.previous, &previous, sizeof previous);
                        previous = seal_link_of(&at->seal, at->seal_payload);
                        first = false;
                        assert_int_equal(at->offset % 4096, 0);
                        for (unsigned t = 0; t < at->seal.tracks_n; t++)
                                assert_true(at->seal.tracks[t].duration <=
                                            2 * (uint64_t)f.segment.header
                                                            .tracks[at->seal.tracks[t].id - 1]
                                                            .timescale);
                }
                vault_owner_file_done(&f);
        }
}

bool begins_with_key(const struct segment_fragment *f)
{
        struct fmp4_fragment layout;

        assert_int_equal(fmp4_read_moof(f->moof, &layout, NULL), 0);
        bool key = layout.tracks[0].samples[0].key;
        fmp4_fragment_done(&layout);
        return key;
}

const struct seal_gap *gap_of(const struct segment *s, unsigned fragment, unsigned cause)
{
        const struct seal *seal = &s->fragments[fragment].seal;

        for (unsigned i = 0; i < seal->gaps_n; i++) {
                if (seal->gaps[i].cause == cause)
                        return &seal->gaps[i];
        }
        return NULL;
}

const struct media_config *both(void)
{
        static struct media_config tracks[2];

        tracks[0] = vault_owner_h264;
        tracks[1] = vault_owner_aac;
        return tracks;
}
