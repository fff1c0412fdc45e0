/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stream's transcoder, between what comes from the recorder and those who asked for H.264: one
 * for all of them. A stream that every browser plays needs none; its header says so.
 */
#include <stdio.h>
#include <string.h>

#include "gateway/codec_text.h"
#include "gateway/live_parts.h"

static void live_transcode_show(struct live_stream *s, struct hub_thing *t)
{
        struct live_viewer *next;

        for (struct live_viewer *v = s->viewers; v; v = next) {
                next = v->next_same;
                if (v->as_h264)
                        live_viewer_push(v, t);
        }
}

static void live_transcode_on_thing(void *owner, struct hub_thing *t)
{
        struct live_stream *s = owner;

        if (t->kind == MEDIA_MESSAGE_HEADER) {
                hub_thing_unref(s->made_header);
                s->made_header = hub_thing_ref(t);
        }
        live_transcode_show(s, t);
        /* He waits, so it waits. */
        if (s->playback && s->viewers && live_viewer_waiting(s->viewers) > LIVE_VIEWER_WINDOW)
                transcoding_hold(s->transcoding, true);
}

static void live_transcode_on_taken(void *owner)
{
        struct live_stream *s = owner;

        if (s->playback)
                live_stream_taken(s);
}

void live_transcode_close(struct live_stream *s)
{
        s->transcoding = transcoding_free(s->transcoding);
        s->made_header = hub_thing_unref(s->made_header);
}

/* All that asked for it are told; body: as media.ended, or NULL, and then it is why. */
static void live_transcode_end(struct live_stream *s, const struct err *why, json_t *body)
{
        struct live_viewer *next;
        bool busy = s->busy;

        s->busy = true; /* the last one leaves in here */
        live_transcode_close(s);
        for (struct live_viewer *v = s->viewers; v; v = next) {
                next = v->next_same;
                if (v->as_h264 && body)
                        live_viewer_ended(v, body);
                else if (v->as_h264)
                        live_viewer_end(v, false, why);
        }
        s->busy = busy;
        live_stream_look(s);
}

static void live_transcode_on_over(void *owner, const struct err *why)
{
        struct live_stream *s = owner;
        json_t *last = s->last; /* of the recorder, which has nothing more */
        struct err none;

        s->last = NULL;
        if (!why && !last) {
                err_fault(&none, ERR_UNAVAILABLE, FAULT_TRANSCODER_FAILED,
                        "the transcoder ended before its stream");
                why = &none;
        }
        live_transcode_end(s, why, why ? NULL : last);
        json_decref(last);
}

static int live_transcode_open(struct live_stream *s, struct err *e)
{
        static const struct transcoding_events events = { live_transcode_on_thing,
                live_transcode_on_taken, live_transcode_on_over };

        return transcoding_new(s->live->transcoders,
                s->playback ? TRANSCODING_RECORDED : TRANSCODING_LIVE, 0, &events, s,
                &s->transcoding, e);
}

/* What a header says; a thing's messages have no more than their place where a tag was. */
static void live_transcode_words(const struct hub_thing *header, char to[static CODEC_TEXT_ROOM])
{
        struct media_message m;
        struct bytes body;
        size_t at = 0;

        if (media_message_parse(hub_thing_message(header, &at), &m, &body, NULL) < 0)
                abort(); /* it was when it came */
        codec_text(bytes_sub(body, 0, body.n - MEDIA_MESSAGE_TAG_BYTES), to);
}

/* The stream has this header now: it needs a transcoder, or none. Whom it fails is told. */
static void live_transcode_header(struct live_stream *s)
{
        char words[CODEC_TEXT_ROOM];
        struct err why;
        int r = 0;

        live_transcode_words(s->header, words);
        s->plain = codec_text_is_common(words);
        if (s->plain) {
                live_transcode_close(s);
                return;
        }
        snprintf(s->made_of, sizeof s->made_of, "%s", words);
        if (!s->transcoding)
                r = live_transcode_open(s, &why);
        if (r < 0)
                live_transcode_end(s, &why, NULL);
}

void live_transcode_join(struct live_viewer *v)
{
        struct live_stream *s = v->stream;

        if (!s->header)
                return;
        if (!s->transcoding) {
                live_transcode_header(s);
                if (!s->transcoding && !s->plain)
                        return; /* v was told, and may be gone */
                if (s->transcoding)
                        transcoding_push(s->transcoding, s->header);
        }
        if (s->plain)
                live_viewer_push(v, s->header);
        else if (s->made_header)
                live_viewer_push(v, s->made_header);
}

void live_transcode_leave(struct live_stream *s)
{
        const struct live_viewer *v = s->viewers;

        while (v && !v->as_h264)
                v = v->next_same;
        if (!v)
                live_transcode_close(s);
}

void live_transcode_push(struct live_stream *s, struct hub_thing *t)
{
        if (t->kind == MEDIA_MESSAGE_HEADER)
                live_transcode_header(s);
        if (s->transcoding && !(t->kind == MEDIA_MESSAGE_GAP && !s->made_header))
                transcoding_push(s->transcoding, t);
        else if (s->plain || t->kind == MEDIA_MESSAGE_GAP) /* nothing stands before it */
                live_transcode_show(s, t);
}

bool live_transcode_last(struct live_stream *s, json_t *body)
{
        if (!s->transcoding || s->last)
                return false;
        s->last = json_incref(body);
        transcoding_end(s->transcoding);
        return true;
}
