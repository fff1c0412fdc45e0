/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/transcode.h"

#include <libavutil/frame.h>
#include <stdlib.h>

#include "media/aac.h"
#include "transcoder/picture_decoder.h"
#include "transcoder/picture_encoder.h"
#include "transcoder/picture_scaler.h"
#include "transcoder/sound_recoder.h"

#define TRANSCODE_FRONT_MAX (64u << 10)
#define TRANSCODE_TIME_MAX (INT64_MAX / 4)

enum transcode_way { TRANSCODE_LEFT, TRANSCODE_COPIED, TRANSCODE_MADE };

/* The picture's track, or the sound's. */
struct transcode_track {
        enum transcode_way way;
        uint32_t from; /* id in the source */
        uint32_t id;   /* in what goes out */
        struct media_config config;
        uint64_t next; /* the least decode time of the next frame */
};

struct transcode {
        struct transcode_begin begin;
        transcode_out out;
        void *owner;
        struct transcode_track picture, sound;
        bool header_due;
        uint32_t sequence;
        bool skipped;    /* something was left out before what comes out next */
        int64_t time_us; /* of the thing that is worked on */
        int64_t last_pts;
        struct picture_decoder *decoder;
        struct picture_scaler scaler;
        struct picture_encoder *encoder;
        struct sound_recoder *recoder;
        bool done;         /* the still picture was sent */
        struct buf header; /* as it came */
        struct buf front, frame;
};

bool transcode_is_plain(const struct media_config *c)
{
        struct aac_config aac;

        switch (c->codec) {
        case MEDIA_H264: /* baseline, main, high: 8 bits, 4:2:0 */
                return c->parameters_n > 1 && (c->parameters[1] == 66 || c->parameters[1] == 77 ||
                                                      c->parameters[1] == 100);
        case MEDIA_AAC:
                return aac_config_parse(BYTES(c->parameters, c->parameters_n), &aac, NULL) == 0 &&
                       aac.object_type == 2;
        default:
                return false;
        }
}

/* --- what goes out --- */

static int transcode_send(
        struct transcode *t, uint8_t kind, bool key, struct bytes data, struct err *e)
{
        struct media_message m = { .kind = kind, .time_us = t->time_us };

        m.flags = key ? MEDIA_MESSAGE_KEY : 0;
        if (t->skipped && key)
                m.flags |= MEDIA_MESSAGE_SKIPPED;
        t->skipped = t->skipped && !key;
        return t->out(t->owner, &m, buf_bytes(&t->front), data, e);
}

static void transcode_place(struct transcode_track *t, struct fmp4_track *tracks, unsigned *n)
{
        if (t->way == TRANSCODE_LEFT)
                return;
        t->id = ++*n;
        tracks[*n - 1] = (struct fmp4_track){
                .id = t->id, .timescale = media_timescale(&t->config), .config = t->config
        };
}

static int transcode_send_header(struct transcode *t, struct err *e)
{
        struct fmp4_track *tracks = xcalloc(2, sizeof *tracks);
        unsigned n = 0;

        transcode_place(&t->picture, tracks, &n);
        transcode_place(&t->sound, tracks, &n);
        buf_clear(&t->front);
        int r = fmp4_write_clear_header(tracks, n, &t->front, e);
        free(tracks);
        if (r == 0)
                r = transcode_send(t, MEDIA_MESSAGE_HEADER, false, BYTES(NULL, 0), e);
        if (r == 0)
                t->header_due = false;
        return r;
}

/* One frame; what comes before its header is left out. */
static int transcode_send_frame(struct transcode *t, struct transcode_track *track, int64_t pts,
        uint32_t duration, bool key, struct bytes data, struct err *e)
{
        if (t->header_due)
                return 0;
        uint64_t decode = (uint64_t)pts < track->next ? track->next : (uint64_t)pts;
        int64_t offset = pts - (int64_t)decode;
        struct fmp4_sample sample = { .size = (uint32_t)data.n,
                .duration = duration,
                .composition_offset = offset < INT32_MIN ? INT32_MIN : (int32_t)offset,
                .key = key };
        t->sequence = t->sequence == UINT32_MAX ? 1 : t->sequence + 1;
        struct fmp4_fragment f = { .sequence = t->sequence, .tracks_n = 1 };
        f.tracks[0] = (struct fmp4_fragment_track){ .id = track->id,
                .decode_time = decode,
                .samples_n = 1,
                .samples = &sample,
                .bytes = data.n };
        buf_clear(&t->front);
        int r = fmp4_write_clear_moof(&f, &t->front, e);
        if (r < 0)
                return r;
        track->next = decode + 1;
        /* A stream is joined at its pictures, where it has any. */
        bool begins = key && (track == &t->picture || t->picture.way == TRANSCODE_LEFT);
        return transcode_send(t, MEDIA_MESSAGE_FRAGMENT, begins, data, e);
}

/* --- pictures --- */

static int transcode_still(struct transcode *t, struct AVFrame *f, struct err *e)
{
        struct AVFrame *scaled;
        int width, height;

        picture_scaler_to_width(f, t->begin.width, &width, &height);
        int r = picture_scaler_run(&t->scaler, f, width, height, true, &scaled, e);
        buf_clear(&t->frame);
        if (r == 0)
                r = picture_encoder_jpeg(scaled, &t->frame, e);
        buf_clear(&t->front);
        if (r == 0)
                r = transcode_send(t, MEDIA_MESSAGE_FRAGMENT, true, buf_bytes(&t->frame), e);
        t->done = r == 0;
        return r;
}

static int transcode_encoder(struct transcode *t, const struct AVFrame *f, struct err *e)
{
        if (t->encoder && picture_encoder_fits(t->encoder, f))
                return t->header_due ? transcode_send_header(t, e) : 0;
        t->encoder = picture_encoder_free(t->encoder);
        int r = picture_encoder_new(f, f->pkt_duration, &t->encoder, e);
        if (r < 0)
                return r;
        t->picture.config = *picture_encoder_config(t->encoder);
        return transcode_send_header(t, e);
}

static int transcode_picture(struct transcode *t, struct AVFrame *f, struct err *e)
{
        struct AVFrame *scaled;
        int width, height;
        bool key = false;

        if (t->begin.kind == TRANSCODE_STILL)
                return t->done ? 0 : transcode_still(t, f, e);
        if (f->pts < 0 || f->pts > TRANSCODE_TIME_MAX || f->pts <= t->last_pts)
                return 0; /* its place is behind us */
        picture_scaler_fit(f->width, f->height, &width, &height);
        int r = picture_scaler_run(&t->scaler, f, width, height, false, &scaled, e);
        if (r == 0)
                r = transcode_encoder(t, scaled, e);
        buf_clear(&t->frame);
        if (r == 0)
                r = picture_encoder_run(t->encoder, scaled, &t->frame, &key, e);
        if (r < 0)
                return r;
        t->last_pts = f->pts;
        uint32_t duration = f->pkt_duration > 0 && f->pkt_duration < INT32_MAX
                                    ? (uint32_t)f->pkt_duration
                                    : 3600;
        return transcode_send_frame(t, &t->picture, f->pts, duration, key, buf_bytes(&t->frame), e);
}

static int transcode_pictures(struct transcode *t, struct err *e)
{
        struct AVFrame *f;
        int r;

        while ((r = picture_decoder_pull(t->decoder, &f, e)) == 1) {
                r = transcode_picture(t, f, e);
                if (r < 0)
                        return r;
        }
        return r;
}

/* What its decoder holds back comes out, and it begins anew. */
static int transcode_drain_pictures(struct transcode *t, struct err *e)
{
        if (!t->decoder)
                return 0;
        int r = picture_decoder_push(t->decoder, BYTES(NULL, 0), 0, 0, e);
        if (r == 0)
                r = transcode_pictures(t, e);
        picture_decoder_restart(t->decoder);
        return r;
}

static int transcode_sounds(struct transcode *t, struct err *e)
{
        struct sound_frame f;
        int r;

        while ((r = sound_recoder_pull(t->recoder, &f, e)) == 1) {
                if (f.time > TRANSCODE_TIME_MAX)
                        continue;
                r = transcode_send_frame(
                        t, &t->sound, (int64_t)f.time, f.duration, true, f.data, e);
                if (r < 0)
                        return r;
        }
        return r;
}

/* --- what comes --- */

static void transcode_close(struct transcode *t)
{
        t->decoder = picture_decoder_free(t->decoder);
        t->encoder = picture_encoder_free(t->encoder);
        t->recoder = sound_recoder_free(t->recoder);
        picture_scaler_done(&t->scaler);
}

static int transcode_open_picture(struct transcode *t, struct err *e)
{
        struct transcode_track *p = &t->picture;

        if (p->way == TRANSCODE_LEFT)
                return 0;
        p->way = t->begin.kind == TRANSCODE_STREAM && transcode_is_plain(&p->config)
                         ? TRANSCODE_COPIED
                         : TRANSCODE_MADE;
        return p->way == TRANSCODE_MADE ? picture_decoder_new(&p->config, &t->decoder, e) : 0;
}

/* Sound that cannot be made AAC is left out. */
static int transcode_open_sound(struct transcode *t, struct err *e)
{
        struct transcode_track *s = &t->sound;
        struct err why;

        if (s->way == TRANSCODE_LEFT)
                return 0;
        s->way = TRANSCODE_COPIED;
        if (transcode_is_plain(&s->config))
                return 0;
        int r = sound_recoder_new(&s->config, &t->recoder, &why);
        s->way = r == 0 ? TRANSCODE_MADE : TRANSCODE_LEFT;
        if (r == 0)
                s->config = *sound_recoder_config(t->recoder);
        return r == 0 || t->picture.way != TRANSCODE_LEFT ? 0
                                                          : err_set(e, why.code, "%s", why.text);
}

static void transcode_choose(struct transcode *t, const struct fmp4_track *tracks, unsigned n)
{
        const uint64_t picture = t->picture.next, sound = t->sound.next;

        t->picture = (struct transcode_track){ .next = picture };
        t->sound = (struct transcode_track){ .next = sound };
        for (unsigned i = n; i-- > 0;) {
                enum media_codec codec = tracks[i].config.codec;
                struct transcode_track *to = media_is_video(codec)   ? &t->picture
                                             : media_is_audio(codec) ? &t->sound
                                                                     : NULL;
                if (!to)
                        continue;
                to->way = TRANSCODE_COPIED;
                to->from = tracks[i].id;
                to->config = tracks[i].config;
                to->config.clock_rate = tracks[i].timescale;
        }
        if (t->begin.kind == TRANSCODE_STILL)
                t->sound.way = TRANSCODE_LEFT;
}

static int transcode_on_header(struct transcode *t, struct bytes thing, struct err *e)
{
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        int n = fmp4_read_clear_header(thing, tracks, e);

        if (n >= 0) {
                transcode_close(t);
                transcode_choose(t, tracks, (unsigned)n);
        }
        free(tracks);
        if (n < 0)
                return n;
        buf_clear(&t->header);
        if (buf_append(&t->header, thing, e) < 0)
                return ERR_EXHAUSTED;
        if (t->picture.way == TRANSCODE_LEFT &&
                (t->sound.way == TRANSCODE_LEFT || t->begin.kind == TRANSCODE_STILL))
                return err_set(e, ERR_UNAVAILABLE, "there is no picture in it");
        int r = transcode_open_picture(t, e);
        if (r == 0)
                r = transcode_open_sound(t, e);
        t->header_due = true;
        t->last_pts = -1;
        /* Else it waits for the first picture: its size is known then. */
        return r == 0 && t->picture.way != TRANSCODE_MADE && t->begin.kind == TRANSCODE_STREAM
                       ? transcode_send_header(t, e)
                       : r;
}

/* Passes as it is: a picture that is a JPEG, and not too large. */
static bool transcode_passes(const struct transcode *t)
{
        const struct media_config *c = &t->picture.config;

        return t->begin.kind == TRANSCODE_STILL && c->codec == MEDIA_JPEG &&
               (t->begin.width == 0 || c->width <= t->begin.width);
}

static int transcode_on_picture(struct transcode *t, const struct fmp4_sample *s, int64_t pts,
        struct bytes data, struct err *e)
{
        if (t->picture.way == TRANSCODE_COPIED)
                return transcode_send_frame(t, &t->picture, pts, s->duration, s->key, data, e);
        if (transcode_passes(t)) {
                buf_clear(&t->front);
                t->done = true;
                return transcode_send(t, MEDIA_MESSAGE_FRAGMENT, true, data, e);
        }
        int r = picture_decoder_push(t->decoder, data, pts, s->duration, e);
        if (r == 0 && t->begin.kind == TRANSCODE_STILL) /* no other is waited for */
                return transcode_drain_pictures(t, e);
        return r < 0 ? r : transcode_pictures(t, e);
}

static int transcode_on_sample(struct transcode *t, uint32_t id, const struct fmp4_sample *s,
        int64_t decode, struct bytes data, struct err *e)
{
        int64_t pts = decode + s->composition_offset;

        if (data.n == 0 || pts < 0 || pts > TRANSCODE_TIME_MAX || t->done)
                return 0;
        if (t->picture.way != TRANSCODE_LEFT && id == t->picture.from)
                return transcode_on_picture(t, s, pts, data, e);
        if (t->sound.way == TRANSCODE_LEFT || id != t->sound.from)
                return 0;
        if (t->sound.way == TRANSCODE_COPIED)
                return transcode_send_frame(t, &t->sound, pts, s->duration, true, data, e);
        int r = sound_recoder_push(t->recoder, data, (uint64_t)pts, e);
        return r < 0 ? r : transcode_sounds(t, e);
}

static int transcode_on_fragment(
        struct transcode *t, const struct fmp4_fragment *f, struct bytes data, struct err *e)
{
        size_t at = 0;
        int r = 0;

        for (unsigned i = 0; i < f->tracks_n; i++) {
                const struct fmp4_fragment_track *track = &f->tracks[i];
                uint64_t decode = track->decode_time;
                for (unsigned k = 0; k < track->samples_n && r == 0; k++) {
                        const struct fmp4_sample *s = &track->samples[k];
                        if (decode > TRANSCODE_TIME_MAX)
                                return err_set(e, ERR_PROTOCOL, "a time that cannot be");
                        r = transcode_on_sample(
                                t, track->id, s, (int64_t)decode, bytes_sub(data, at, s->size), e);
                        at += s->size;
                        decode += s->duration;
                }
        }
        return r;
}

int transcode_push(
        struct transcode *t, const struct media_message *m, struct bytes thing, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment f = { 0 };
        struct bytes data;
        int r = 0;

        /* A recorder sends it again where somebody joins. */
        if (m->kind == MEDIA_MESSAGE_HEADER && bytes_equal(thing, buf_bytes(&t->header)))
                return 0;
        if (m->flags & MEDIA_MESSAGE_SKIPPED || m->kind != MEDIA_MESSAGE_FRAGMENT)
                r = transcode_drain_pictures(t, e);
        if (r < 0)
                return r;
        t->time_us = m->time_us;
        t->skipped = t->skipped || m->flags & MEDIA_MESSAGE_SKIPPED;
        if (m->kind == MEDIA_MESSAGE_HEADER)
                return transcode_on_header(t, thing, e);
        if (m->kind == MEDIA_MESSAGE_GAP) {
                buf_clear(&t->front);
                return transcode_send(t, MEDIA_MESSAGE_GAP, false, thing, e);
        }
        if (t->picture.way == TRANSCODE_LEFT && t->sound.way == TRANSCODE_LEFT)
                return err_set(e, ERR_PROTOCOL, "a fragment without a header");
        r = fmp4_read_clear_fragment(thing, &f, &data, e);
        if (r == 0)
                r = transcode_on_fragment(t, &f, data, e);
        return r < 0 ? r : t->done;
}

int transcode_drain(struct transcode *t, struct err *e)
{
        return transcode_drain_pictures(t, e);
}

struct transcode *transcode_new(const struct transcode_begin *b, transcode_out out, void *owner)
{
        struct transcode *t = xcalloc(1, sizeof *t);

        t->begin = *b;
        t->out = out;
        t->owner = owner;
        t->last_pts = -1;
        buf_init(&t->header, TRANSCODE_FRONT_MAX);
        buf_init(&t->front, TRANSCODE_FRONT_MAX);
        buf_init(&t->frame, ACCESS_UNIT_MAX);
        return t;
}

struct transcode *transcode_free(struct transcode *t)
{
        if (!t)
                return NULL;
        transcode_close(t);
        buf_done(&t->header);
        buf_done(&t->front);
        buf_done(&t->frame);
        free(t);
        return NULL;
}
