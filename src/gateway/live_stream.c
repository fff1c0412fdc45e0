/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A subscription at a recorder. A recorder looks at one grant of a subscription at a time: whoever
 * comes with another waits. The first one opens it, the others show theirs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "gateway/exports.h"
#include "gateway/grant_key.h"
#include "gateway/live_parts.h"
#include "os/clock.h"

static void live_stream_settle(struct live_stream *s);

/* --- grants before the recorder --- */

static void live_stream_tell(struct live_stream *s, const char *type, json_t *body)
{
        struct err why;

        /* Nobody waits for it; where the link is full, its end follows. */
        if (!gateway_links_ask_recorder(s->live->links, s->recorder, type, body, NULL, NULL)) {
                err_set(&why, ERR_EXHAUSTED, "too much waits for recorder %s", s->recorder);
                log_warn(NULL, "recorder.not_told", "err=\"%s\"", why.text);
        }
}

static void live_stream_join(struct live_stream *s, struct live_viewer *v)
{
        v->asking = false;
        if (v->watching)
                return; /* it was renewed */
        if (hub_reader_init(&v->reader, 1, s->playback ? HUB_READER_WINDOW_MAX : LIVE_VIEWER_WINDOW,
                    NULL) < 0)
                abort();
        v->watching = true;
        if (v->as_h264)
                live_transcode_join(v);
        else if (s->header)
                live_viewer_push(v, s->header);
}

static int live_stream_opened_by(struct live_stream *s, const json_t *answer, struct err *e)
{
        const char *wrap = json_string_value(json_object_get(answer, "wrap"));

        s->open = true;
        return grant_key_open(s->live->private_key, s->path, s->grant, wrap, &s->box, e);
}

static void live_stream_on_shown(void *owner, const struct gateway_answer *a)
{
        struct live_stream *s = owner;
        struct live_viewer *v = s->before;
        struct err why;
        int r = 0;

        s->ticket = 0;
        s->before = NULL;
        s->busy = true;
        if (!a->body) {
                why = *a->why;
                r = why.code;
        } else if (!s->open) {
                r = live_stream_opened_by(s, a->body, &why);
        }
        own_freep(&s->grant);
        s->grant = NULL;
        if (v && r < 0) {
                v->asking = false;
                live_viewer_end(v, false, &why);
        } else if (v) {
                live_stream_join(s, v);
        }
        live_stream_settle(s);
}

static json_t *live_stream_question(const struct live_stream *s, const struct live_viewer *v)
{
        json_t *body =
                json_pack("{s:i, s:s}", "subscription", (int)s->subscription, "grant", s->grant);

        if (s->open)
                return body;
        json_object_set_new(body, "use", json_string(s->playback ? "playback" : "live"));
        json_object_set_new(body, "stream", json_string(s->path));
        json_object_set_new(body, "credit", json_integer(LIVE_WINDOW));
        if (s->playback) {
                json_object_set_new(body, "from", json_string(v->from));
                json_object_set_new(body, "until", json_string(v->until));
                json_object_set_new(body, "keys_only", json_boolean(v->keys_only));
        }
        return body;
}

/* Shows the next grant that waits. True: it was of no use, and the one behind it has its turn. */
static bool live_stream_turn(struct live_stream *s)
{
        struct live_viewer *v = s->viewers;
        struct err why;

        while (v && (!v->grant || v->last))
                v = v->next_same;
        if (!v || s->ticket || s->ended)
                return false;
        s->grant = TAKE(v->grant);
        s->before = v;
        v->asking = true;
        s->ticket = gateway_links_ask_recorder(s->live->links, s->recorder,
                s->open ? "media.grant" : "media.open", live_stream_question(s, v),
                live_stream_on_shown, s);
        if (s->ticket)
                return false;
        own_freep(&s->grant);
        s->grant = NULL;
        s->before = NULL;
        v->asking = false;
        err_fault(&why, ERR_UNAVAILABLE, FAULT_NO_CONNECTION,
                "recorder %s is not connected to this gateway at the moment", s->recorder);
        live_viewer_end(v, false, &why);
        return true;
}

static void live_stream_settle(struct live_stream *s)
{
        s->busy = true;
        while (live_stream_turn(s))
                ;
        s->busy = false;
        if (!s->viewers && !s->ticket)
                live_stream_free(s);
}

/* --- life --- */

static struct live_stream *live_stream_find(struct live *l, const struct live_viewer *v)
{
        for (struct live_stream *s = l->streams; s; s = s->next) {
                if (!s->playback && !s->ended && strcmp(s->path, v->path) == 0 &&
                        strcmp(s->recorder, v->recorder) == 0)
                        return s;
        }
        return NULL;
}

static struct live_stream *live_stream_new(struct live *l, const struct live_viewer *v)
{
        struct live_stream *s = xcalloc(1, sizeof *s);

        s->live = l;
        s->playback = v->playback;
        snprintf(s->path, sizeof s->path, "%s", v->path);
        snprintf(s->recorder, sizeof s->recorder, "%s", v->recorder);
        l->subscriptions = l->subscriptions % (EXPORTS_SUBSCRIPTION_FIRST - 1) + 1;
        s->subscription = l->subscriptions;
        buf_init(&s->opened, MEDIA_MESSAGE_MAX);
        s->next = l->streams;
        s->at = &l->streams;
        if (s->next)
                s->next->at = &s->next;
        l->streams = s;
        return s;
}

struct live_stream *live_stream_free(struct live_stream *s)
{
        if (s->open)
                live_stream_tell(
                        s, "media.close", json_pack("{s:i}", "subscription", (int)s->subscription));
        gateway_links_forget(s->live->links, s->ticket);
        *s->at = s->next;
        if (s->next)
                s->next->at = s->at;
        media_box_free(s->box);
        hub_gather_done(&s->gather);
        hub_thing_unref(s->header);
        live_transcode_close(s);
        json_decref(s->last);
        buf_done(&s->opened);
        own_freep(&s->grant);
        free(s);
        return NULL;
}

void live_stream_show(struct live_viewer *v)
{
        struct live_stream *s = v->stream;

        if (!s) {
                s = v->playback ? NULL : live_stream_find(v->live, v);
                if (!s)
                        s = live_stream_new(v->live, v);
                v->stream = s;
                v->next_same = s->viewers;
                v->at_same = &s->viewers;
                if (v->next_same)
                        v->next_same->at_same = &v->next_same;
                s->viewers = v;
        }
        live_stream_settle(s);
}

void live_stream_leave(struct live_viewer *v)
{
        struct live_stream *s = v->stream;

        if (!s)
                return;
        v->stream = NULL;
        *v->at_same = v->next_same;
        if (v->next_same)
                v->next_same->at_same = v->at_same;
        if (s->before == v)
                s->before = NULL;
        if (v->as_h264)
                live_transcode_leave(s);
        live_stream_look(s);
}

/* While the recorder is asked, it is closed when that has answered: it may have opened it. */
void live_stream_look(struct live_stream *s)
{
        if (!s->viewers && !s->ticket && !s->busy)
                live_stream_free(s);
}

/* --- what comes --- */

void live_stream_taken(struct live_stream *s)
{
        const struct live_viewer *v = s->viewers;
        uint64_t waiting = s->playback && v ? live_viewer_waiting(v) : 0;

        if (s->transcoding && waiting <= LIVE_VIEWER_WINDOW / 2)
                transcoding_hold(s->transcoding, false);
        if (s->transcoding && s->playback)
                waiting += transcoding_waiting(s->transcoding);
        if (s->owed < LIVE_WINDOW / 4 || waiting > LIVE_WINDOW / 2 || !s->open)
                return;
        live_stream_tell(s, "media.credit",
                json_pack("{s:i, s:I}", "subscription", (int)s->subscription, "bytes",
                        (json_int_t)s->owed));
        s->owed = 0;
}

/* The same message in clear form, with nothing where its tag was: what hub/ holds has one form. */
static int live_stream_opened(struct live_stream *s, struct bytes message, struct err *e)
{
        static const uint8_t no_tag[MEDIA_MESSAGE_TAG_BYTES];
        uint8_t aad[MEDIA_MESSAGE_HEADER_BYTES], head[MEDIA_MESSAGE_HEADER_BYTES];
        struct media_message m;
        struct bytes sealed;

        int r = media_message_parse(message, &m, &sealed, e);
        if (r < 0)
                return r;
        media_message_aad(&m, aad);
        m.subscription = 0;
        media_message_format(&m, head);
        buf_clear(&s->opened);
        r = buf_append(&s->opened, BYTES(head, sizeof head), e);
        if (r == 0)
                r = media_box_open(s->box, m.number, BYTES(aad, sizeof aad), sealed, &s->opened, e);
        return r < 0 ? r : buf_append(&s->opened, BYTES(no_tag, sizeof no_tag), e);
}

static void live_stream_fan_out(struct live_stream *s, struct hub_thing *t)
{
        bool made = false, busy = s->busy;
        struct live_viewer *next;

        s->busy = true; /* the last one may leave in here */
        if (t->kind == MEDIA_MESSAGE_HEADER) {
                hub_thing_unref(s->header);
                s->header = hub_thing_ref(t);
        }
        for (struct live_viewer *v = s->viewers; v; v = next) {
                next = v->next_same;
                made = made || v->as_h264;
                if (!v->as_h264)
                        live_viewer_push(v, t);
        }
        if (made)
                live_transcode_push(s, t);
        s->busy = busy;
        live_stream_look(s);
}

static struct live_stream *live_stream_of(
        struct live *l, const char *recorder, uint32_t subscription)
{
        for (struct live_stream *s = l->streams; s; s = s->next) {
                if (s->subscription == subscription && strcmp(s->recorder, recorder) == 0)
                        return s;
        }
        return NULL;
}

int live_on_media(struct live *l, const char *recorder, struct bytes message, struct err *e)
{
        struct hub_thing *t = NULL;
        struct media_message m;
        struct bytes sealed;

        int r = media_message_parse(message, &m, &sealed, e);
        if (r == 0 && m.kind > MEDIA_MESSAGE_GAP)
                r = err_set(e, ERR_PROTOCOL, "media message: kind %u is of an export", m.kind);
        if (r < 0)
                return r;
        struct live_stream *s = live_stream_of(l, recorder, m.subscription);
        if (!s || !s->box)
                return 0; /* it was closed just now */
        l->bytes_in += message.n;
        r = live_stream_opened(s, message, e);
        if (r == 0)
                r = hub_gather_push(&s->gather, buf_bytes(&s->opened), &t, e);
        if (r < 0)
                return r;
        s->owed += message.n;
        live_stream_taken(s);
        if (r == 1) {
                live_stream_fan_out(s, t);
                hub_thing_unref(t);
        }
        return 0;
}

static void live_stream_ended(struct live_stream *s, json_t *body)
{
        struct live_viewer *next;

        bool busy = s->busy, later = live_transcode_last(s, body);

        s->open = false; /* there is nothing to close */
        s->ended = true;
        s->busy = true;
        for (struct live_viewer *v = s->viewers; v; v = next) {
                next = v->next_same;
                if (!later || !v->as_h264)
                        live_viewer_ended(v, body);
        }
        s->busy = busy;
        live_stream_look(s);
}

void live_on_recorder_event(struct live *l, const char *recorder, const char *type, json_t *body)
{
        json_int_t number = json_integer_value(json_object_get(body, "subscription"));

        if (strcmp(type, "media.ended") != 0 || number < 1 || number > INT32_MAX)
                return;
        struct live_stream *s = live_stream_of(l, recorder, (uint32_t)number);
        if (s)
                live_stream_ended(s, body);
}

void live_on_recorder_gone(struct live *l, const char *recorder)
{
        json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "code", "unavailable", "fault",
                fault_name(FAULT_NO_CONNECTION), "text",
                "The recorder is not connected at the moment.", "remedy",
                "Watch again: it comes back by itself where its host runs.");
        struct live_stream *next;

        for (struct live_stream *s = l->streams; s; s = next) {
                next = s->next;
                if (strcmp(s->recorder, recorder) == 0)
                        live_stream_ended(s, body);
        }
        json_decref(body);
}
