/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/play_cut.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define PLAY_CUT_DAMAGED "damaged"

void play_cut_init(struct play_cut *c, const char *stream, const uint8_t root[static 32])
{
        *c = (struct play_cut){ .stream = stream, .await_key = true, .shown_us = SEAL_UNKNOWN_US };
        c->signers = signers_new(root);
        buf_init(&c->header, PLAY_CUT_HEADER_MAX);
}

void play_cut_close(struct play_cut *c)
{
        if (c->open)
                segment_done(&c->segment);
        explicit_bzero(c->key, sizeof c->key);
        c->open = false;
}

void play_cut_done(struct play_cut *c)
{
        play_cut_close(c);
        signers_free(c->signers);
        buf_done(&c->header);
}

void play_cut_set_key(struct play_cut *c, const uint8_t key[static 16])
{
        memcpy(c->key, key, sizeof c->key);
}

void play_cut_missed(struct play_cut *c, const char *cause)
{
        c->cause = cause;
        c->await_key = true;
}

static bool play_cut_asked(const struct play_cut *c, const struct seal *s)
{
        return s->last_arrival_us >= c->from_us && s->first_arrival_us <= c->until_us;
}

/* By the certificate in the head, which was good then and hangs from the site's root. */
static bool play_cut_signed(struct play_cut *c, const struct segment_fragment *f)
{
        char text[CHAIN_TEXT_ROOM];

        return strcmp(f->seal.stream, c->stream) == 0 &&
               memcmp(f->seal.header_hash, c->segment.header_hash, sizeof f->seal.header_hash) ==
                       0 &&
               signers_signed(c->signer, &f->seal, f->seal_payload) &&
               signers_standing(c->signers, c->signer, f->seal.sealed_us, text, sizeof text) ==
                       VERDICT_AUTHENTIC;
}

int play_cut_open(struct play_cut *c, struct bytes file, struct bytes *ret_seal, struct err *e)
{
        struct segment *s = &c->segment;

        play_cut_close(c);
        int r = segment_read(file, s, e);
        if (r < 0)
                return r;
        c->open = true;
        if (strcmp(s->head.stream, c->stream) != 0)
                r = err_set(e, ERR_DENIED, "a segment of another stream");
        if (r == 0)
                r = signers_of_head(c->signers, &s->head, &c->signer, e);
        for (unsigned i = 0; i < s->fragments_n && r == 0; i++) {
                const struct segment_fragment *f = &s->fragments[i];
                if (!play_cut_asked(c, &f->seal) || !play_cut_signed(c, f))
                        continue;
                *ret_seal = f->seal_payload;
                r = 1;
        }
        c->next = c->next_gap = 0;
        c->looked = false;
        c->header_due = true;
        c->placed = false;
        if (r < 1)
                play_cut_close(c);
        return r;
}

/* --- time --- */

static uint64_t play_cut_us(uint64_t ticks, uint32_t timescale)
{
        return ticks / timescale * 1000000 + ticks % timescale * 1000000 / timescale;
}

static uint64_t play_cut_ticks(uint64_t us, uint32_t timescale)
{
        return us / 1000000 * timescale + us % 1000000 * timescale / 1000000;
}

static uint32_t play_cut_timescale(const struct play_cut *c, uint32_t track_id)
{
        return c->segment.header.tracks[track_id - 1].timescale;
}

/* As docs/spec/evidence.md section 2: a segment stands as early as no track begins before the same
 * track of those before has ended. */
static void play_cut_place(struct play_cut *c, const struct fmp4_fragment *f)
{
        c->zero_us = UINT64_MAX;
        for (unsigned i = 0; i < f->tracks_n; i++) {
                const struct fmp4_fragment_track *t = &f->tracks[i];
                uint64_t us = play_cut_us(t->decode_time, play_cut_timescale(c, t->id));
                c->zero_us = us < c->zero_us ? us : c->zero_us;
        }
        c->base_us = 0;
        for (unsigned i = 0; i < f->tracks_n; i++) {
                const struct fmp4_fragment_track *t = &f->tracks[i];
                uint64_t offset =
                        play_cut_us(t->decode_time, play_cut_timescale(c, t->id)) - c->zero_us;
                uint64_t end = c->ends_us[t->id - 1];
                if (end > offset && end - offset > c->base_us)
                        c->base_us = end - offset;
        }
        c->placed = true;
}

static void play_cut_move(struct play_cut *c, struct fmp4_fragment_track *t)
{
        uint32_t timescale = play_cut_timescale(c, t->id);
        uint64_t zero = play_cut_ticks(c->zero_us, timescale);
        uint64_t duration = 0;

        t->decode_time = play_cut_ticks(c->base_us, timescale) +
                         (t->decode_time > zero ? t->decode_time - zero : 0);
        for (unsigned i = 0; i < t->samples_n; i++)
                duration += t->samples[i].duration;
        c->ends_us[t->id - 1] = play_cut_us(t->decode_time + duration, timescale) + 1;
}

/* --- things --- */

static void play_cut_begin(struct play_cut_thing *ret, uint8_t kind, int64_t time_us)
{
        buf_clear(&ret->front);
        buf_clear(&ret->data);
        ret->message = (struct media_message){ .kind = kind, .time_us = time_us };
}

static int play_cut_gap(struct play_cut *c, int64_t from_us, int64_t to_us, const char *cause,
        struct play_cut_thing *ret, struct err *e)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM], text[PLAY_CUT_GAP_MAX];

        if (from_us == SEAL_UNKNOWN_US || from_us < c->from_us)
                from_us = c->from_us;
        play_cut_begin(ret, MEDIA_MESSAGE_GAP, from_us);
        int n = snprintf(text, sizeof text, "{\"from\":\"%s\",\"to\":\"%s\",\"cause\":\"%s\"}",
                str_time(from, from_us), str_time(to, to_us), cause);
        int r = buf_append(&ret->front, BYTES(text, n), e);
        return r < 0 ? r : 1;
}

static bool play_cut_shows(enum media_codec codec)
{
        return codec != MEDIA_NONE && codec != MEDIA_ONVIF_METADATA;
}

/* 0: it is the one that is there already. */
static int play_cut_header(
        struct play_cut *c, int64_t time_us, struct play_cut_thing *ret, struct err *e)
{
        const struct fmp4_header *h = &c->segment.header;
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        unsigned n = 0;

        for (unsigned i = 0; i < h->tracks_n; i++)
                if (play_cut_shows(h->tracks[i].config.codec))
                        tracks[n++] = h->tracks[i];
        play_cut_begin(ret, MEDIA_MESSAGE_HEADER, time_us);
        int r = fmp4_write_clear_header(tracks, n, &ret->front, e);
        free(tracks);
        if (r < 0)
                return r;
        c->header_due = false;
        if (bytes_equal(buf_bytes(&ret->front), buf_bytes(&c->header)))
                return 0;
        buf_clear(&c->header);
        r = buf_append(&c->header, buf_bytes(&ret->front), e);
        return r < 0 ? r : 1;
}

/* Of what can be shown, in front; keys_only: its first picture alone, where that is a key frame. */
static void play_cut_select(const struct play_cut *c, struct fmp4_fragment *f)
{
        unsigned n = 0;

        for (unsigned i = 0; i < f->tracks_n; i++) {
                struct fmp4_fragment_track t = f->tracks[i];
                enum media_codec codec = c->segment.header.tracks[t.id - 1].config.codec;
                bool wanted =
                        play_cut_shows(codec) && t.samples_n &&
                        (!c->keys_only || (n == 0 && media_is_video(codec) && t.samples[0].key));
                if (wanted) { /* the others' samples stay owned where they are */
                        f->tracks[i] = f->tracks[n];
                        f->tracks[n++] = t;
                }
        }
        if (c->keys_only && n) {
                f->tracks[0].samples_n = 1;
                f->tracks[0].bytes = f->tracks[0].samples[0].size;
                f->tracks[0].ranges_total = f->tracks[0].samples[0].ranges_n;
        }
        f->tracks_n = n;
}

/* Whoever begins to read here can decode it: what has no pictures, always. */
static bool play_cut_is_key(const struct play_cut *c, const struct fmp4_fragment *f)
{
        const struct fmp4_header *h = &c->segment.header;
        bool pictures = false;

        for (unsigned i = 0; i < h->tracks_n; i++)
                pictures = pictures || media_is_video(h->tracks[i].config.codec);
        for (unsigned i = 0; i < f->tracks_n && pictures; i++) {
                const struct fmp4_fragment_track *t = &f->tracks[i];
                if (media_is_video(h->tracks[t->id - 1].config.codec))
                        return t->samples[0].key;
        }
        return !pictures;
}

static int play_cut_data(struct play_cut *c, unsigned i, const struct fmp4_fragment *f,
        struct play_cut_thing *ret, struct err *e)
{
        int r = 0;

        for (unsigned k = 0; k < f->tracks_n && r == 0; k++) {
                size_t before = ret->data.n;
                r = segment_decrypt(&c->segment, i, f->tracks[k].id, c->key, &ret->data, e);
                if (r == 0 && c->keys_only)
                        ret->data.n = before + f->tracks[k].bytes;
        }
        return r;
}

static int play_cut_fragment(struct play_cut *c, unsigned i, struct fmp4_fragment *f,
        struct play_cut_thing *ret, struct err *e)
{
        const struct seal *seal = &c->segment.fragments[i].seal;

        play_cut_begin(ret, MEDIA_MESSAGE_FRAGMENT, seal->first_arrival_us);
        ret->message.flags = play_cut_is_key(c, f) ? MEDIA_MESSAGE_KEY : 0;
        if (!c->placed)
                play_cut_place(c, f);
        for (unsigned k = 0; k < f->tracks_n; k++)
                play_cut_move(c, &f->tracks[k]);
        f->sequence = ++c->sequence;
        int r = fmp4_write_clear_moof(f, &ret->front, e);
        if (r == 0)
                r = play_cut_data(c, i, f, ret, e);
        if (r < 0)
                return r;
        c->await_key = false;
        c->shown_us = seal->last_arrival_us;
        c->cause = NULL;
        return 1;
}

/* What the seal itself says is missing before it. */
static int play_cut_sealed_gap(
        struct play_cut *c, const struct seal *seal, struct play_cut_thing *ret, struct err *e)
{
        while (c->next_gap < seal->gaps_n) {
                const struct seal_gap *g = &seal->gaps[c->next_gap++];
                if (g->to_us >= c->from_us &&
                        (g->from_us == SEAL_UNKNOWN_US || g->from_us <= c->until_us))
                        return play_cut_gap(
                                c, g->from_us, g->to_us, seal_gap_name(g->cause), ret, e);
        }
        return 0;
}

/* One fragment, good and asked for: the gaps before it, a header where it has another, itself. */
static int play_cut_show(
        struct play_cut *c, unsigned i, struct play_cut_thing *ret, bool *ret_done, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };
        const struct segment_fragment *f = &c->segment.fragments[i];

        *ret_done = false;
        int r = play_cut_sealed_gap(c, &f->seal, ret, e);
        if (r == 0)
                r = fmp4_read_moof(f->moof, &layout, e);
        if (r != 0)
                return r;
        struct fmp4_fragment shown = layout; /* its samples are the layout's */
        play_cut_select(c, &shown);
        if (!shown.tracks_n || (c->await_key && !play_cut_is_key(c, &shown))) {
                *ret_done = true;
                return 0;
        }
        if (c->cause) {
                r = play_cut_gap(c, c->shown_us, f->seal.first_arrival_us, c->cause, ret, e);
                c->cause = NULL;
                return r;
        }
        if (c->header_due)
                r = play_cut_header(c, f->seal.first_arrival_us, ret, e);
        if (r != 0)
                return r;
        *ret_done = true;
        return play_cut_fragment(c, i, &shown, ret, e);
}

/* A copy of one that was shown, or one that belongs before it. */
static bool play_cut_is_late(const struct play_cut *c, const struct seal_link *self)
{
        return c->last.sequence && self->sequence <= c->last.sequence &&
               memcmp(self->epoch, c->last.epoch, sizeof self->epoch) == 0;
}

/* Sealed, and as it was sealed; behind the seal that it names, unless it says itself that there is
 * a gap. */
static bool play_cut_is_good(struct play_cut *c, const struct segment_fragment *f)
{
        const struct seal_link *before = &f->seal.previous;
        struct seal_link self = seal_link_of(&f->seal, f->seal_payload);

        if (!play_cut_signed(c, f) || play_cut_is_late(c, &self)) {
                play_cut_missed(c, PLAY_CUT_DAMAGED);
                return false;
        }
        bool hole = c->last.sequence && f->seal.gaps_n == 0 &&
                    (c->last.sequence != before->sequence ||
                            memcmp(c->last.hash, before->hash, sizeof before->hash) != 0);
        bool good = segment_check_fragment(&c->segment, c->next, NULL) == 0;
        c->last = self;
        if (!good || (hole && !c->cause)) /* else it is known already why something is missing */
                play_cut_missed(c, PLAY_CUT_DAMAGED);
        return good;
}

int play_cut_next(struct play_cut *c, struct play_cut_thing *ret, struct err *e)
{
        while (c->open && c->next < c->segment.fragments_n) {
                const struct segment_fragment *f = &c->segment.fragments[c->next];
                bool done = true;
                int r = 0;

                if (!c->looked)
                        c->good = play_cut_asked(c, &f->seal) && play_cut_is_good(c, f);
                c->looked = true;
                if (c->good)
                        r = play_cut_show(c, c->next, ret, &done, e);
                if (done || r < 0) {
                        c->next++;
                        c->next_gap = 0;
                        c->looked = false;
                }
                if (r != 0)
                        return r;
        }
        return 0;
}

int play_cut_last(struct play_cut *c, struct play_cut_thing *ret, struct err *e)
{
        if (!c->cause)
                return 0;
        int r = play_cut_gap(c, c->shown_us, c->until_us, c->cause, ret, e);
        c->cause = NULL;
        return r;
}
