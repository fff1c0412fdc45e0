/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/still.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/* What is looked at before the moment: fragments stand one behind the other with a frame between
 * them; and, where none of these begins with a key frame, those of a camera with long groups. */
#define STILL_BACK_US INT64_C(1000000)
#define STILL_FAR_BACK_US INT64_C(60000000)
#define STILL_AROUND_US INT64_C(2000000) /* of the timeline, for the cause */
#define STILL_JPEG_MAX (16u << 20)

struct still {
        struct stills *of;
        struct still *next, **at;
        char stream[96], session[33], person[260];
        bool now;
        int64_t at_us, back_us;
        uint16_t width;
        still_then then;
        void *owner;
        struct live_viewer *look;
        struct transcoding *transcoding;
        struct hub_thing *header, *picture;
        uint64_t ticket; /* asked the manager for the timeline */
        struct buf jpeg;
        struct timer deadline;
};

struct stills {
        struct loop *loop;
        struct gateway_links *links;
        struct live *live;
        struct transcoders *transcoders;
        struct still *list; /* the youngest first */
        struct timer again;
};

static void still_look(struct still *q);
static void stills_go_on(struct stills *s);

/* --- its end --- */

static void still_free(struct still *q)
{
        struct stills *s = q->of;

        if (q->look)
                live_look_end(q->look);
        transcoding_free(q->transcoding);
        gateway_links_forget(s->links, q->ticket);
        hub_thing_unref(q->header);
        hub_thing_unref(q->picture);
        timer_done(&q->deadline);
        if (q->jpeg.p)
                explicit_bzero(q->jpeg.p, q->jpeg.room);
        buf_done(&q->jpeg);
        *q->at = q->next;
        if (q->next)
                q->next->at = q->at;
        free(q);
        stills_go_on(s);
}

void still_forget(struct still *q)
{
        if (q)
                still_free(q);
}

static void still_answer(struct still *q, const struct err *why)
{
        still_then then = TAKE(q->then);
        void *owner = q->owner;

        then(owner, why ? BYTES(NULL, 0) : buf_bytes(&q->jpeg), why);
        still_free(q);
}

static void still_on_deadline(void *owner)
{
        struct still *q = owner;
        struct err why;

        if (q->now)
                err_set(&why, ERR_TIMEOUT, "no key frame came within %d s: try again",
                        STILL_PATIENCE_MS / 1000);
        else
                err_set(&why, ERR_TIMEOUT, "it took longer than %d s: try again",
                        STILL_PATIENCE_MS / 1000);
        still_answer(q, &why);
}

/* --- the picture --- */

static void still_on_made(void *owner, struct hub_thing *t)
{
        struct still *q = owner;
        struct media_message m;
        struct bytes message, body;
        size_t at = 0;

        for (unsigned i = 0; i < t->messages_n && t->kind == MEDIA_MESSAGE_FRAGMENT; i++) {
                message = hub_thing_message(t, &at);
                if (media_message_parse(message, &m, &body, NULL) < 0 ||
                        buf_append(&q->jpeg, bytes_sub(body, 0, body.n - MEDIA_MESSAGE_TAG_BYTES),
                                NULL) < 0)
                        return; /* it has no end then */
        }
}

static void still_on_taken(void *owner)
{
        (void)owner;
}

static void still_on_over(void *owner, const struct err *why)
{
        struct still *q = owner;
        struct err none;

        if (!why && q->jpeg.n < 4) {
                err_fault(&none, ERR_UNAVAILABLE, FAULT_TRANSCODER_FAILED,
                        "no picture could be made of that key frame");
                why = &none;
        }
        still_answer(q, why);
}

static void still_make(struct still *q)
{
        transcoding_push(q->transcoding, q->header);
        transcoding_push(q->transcoding, q->picture);
        transcoding_end(q->transcoding);
}

/* --- the look --- */

static void still_on_thing(void *owner, struct hub_thing *t)
{
        struct still *q = owner;

        if (t->kind == MEDIA_MESSAGE_HEADER && !(q->now && q->picture)) {
                hub_thing_unref(q->header);
                q->header = hub_thing_ref(t);
        }
        if (t->kind != MEDIA_MESSAGE_FRAGMENT || !(t->flags & MEDIA_MESSAGE_KEY) || !q->header)
                return;
        hub_thing_unref(q->picture);
        q->picture = hub_thing_ref(t);
        if (!q->now) /* the last one counts */
                return;
        live_look_end(q->look);
        q->look = NULL;
        still_make(q);
}

static bool still_is_within(const struct still *q, json_t *span)
{
        const char *from = json_string_value(json_object_get(span, "from"));
        const char *to = json_string_value(json_object_get(span, "to"));
        int64_t from_us, to_us;

        return from && to && str_parse_time(from, &from_us, NULL) == 0 &&
               str_parse_time(to, &to_us, NULL) == 0 && from_us <= q->at_us && q->at_us <= to_us;
}

/* Nothing was shown: why not. */
static void still_on_timeline(void *owner, const struct gateway_answer *a)
{
        struct still *q = owner;
        const char *cause = NULL;
        char at[STR_TIME_ROOM], shown[64];
        bool recorded = false;
        struct err why;
        json_t *one;
        size_t i;

        q->ticket = 0;
        if (!a->body) {
                still_answer(q, a->why);
                return;
        }
        json_array_foreach(json_object_get(a->body, "gaps"), i, one)
        {
                if (still_is_within(q, one))
                        cause = json_string_value(json_object_get(one, "cause"));
        }
        json_array_foreach(json_object_get(a->body, "ranges"), i, one) recorded =
                recorded || still_is_within(q, one);
        if (recorded && !cause && q->back_us != STILL_FAR_BACK_US) {
                q->back_us = STILL_FAR_BACK_US;
                still_look(q);
                return;
        }
        err_fault(&why, ERR_NOT_FOUND, FAULT_NOTHING_RECORDED, "nothing was recorded at %s%s%s",
                str_time(at, q->at_us), cause ? ": " : "",
                cause ? str_escape(shown, sizeof shown, bytes_str(cause)) : "");
        still_answer(q, &why);
}

static void still_ask_timeline(struct still *q)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM], camera[96];
        const char *dash = strrchr(q->stream, '-');
        struct err why;

        snprintf(camera, sizeof camera, "%.*s", (int)(dash - q->stream), q->stream);
        q->ticket = gateway_links_ask(q->of->links, q->session, "timeline.get",
                json_pack("{s:s, s:s, s:s, s:s}", "camera", camera, "stream", dash + 1, "from",
                        str_time(from, q->at_us - STILL_AROUND_US), "to",
                        str_time(to, q->at_us + STILL_AROUND_US)),
                still_on_timeline, q);
        if (q->ticket)
                return;
        err_set(&why, ERR_EXHAUSTED, "too many requests wait for the manager");
        still_answer(q, &why);
}

/* In the words of media.ended. */
static void still_not_shown(struct still *q, json_t *body)
{
        const char *code = json_string_value(json_object_get(body, "code"));
        const char *fault = json_string_value(json_object_get(body, "fault"));
        const char *text = json_string_value(json_object_get(body, "text"));
        int number = ERR_UNAVAILABLE;
        struct err why;

        for (int i = ERR_INVALID; i >= ERR_INTERNAL && code; i--) {
                if (strcmp(err_name(i), code) == 0)
                        number = i;
        }
        err_fault(&why, number, fault_find(fault ? fault : ""), "%s", text ? text : "");
        still_answer(q, &why);
}

static void still_on_ended(void *owner, json_t *body)
{
        struct still *q = owner;
        const char *code = json_string_value(json_object_get(body, "code"));

        q->look = NULL;
        if (q->picture)
                still_make(q);
        else if (!q->now && code && strcmp(code, "ok") == 0)
                still_ask_timeline(q);
        else
                still_not_shown(q, body);
}

static int still_open_look(struct still *q, struct err *e)
{
        static const struct live_look_events events = { still_on_thing, still_on_ended };
        char from[STR_TIME_ROOM], until[STR_TIME_ROOM];
        json_t *asked =
                q->now ? json_object()
                       : json_pack("{s:s, s:s, s:b}", "from", str_time(from, q->at_us - q->back_us),
                                 "until", str_time(until, q->at_us), "keys_only", 1);
        const struct live_wish wish = { .stream = q->stream,
                .session = q->session,
                .person = q->person,
                .playback = !q->now,
                .asked = asked };

        int r = live_look(q->of->live, &wish, &events, q, &q->look, e);
        json_decref(asked);
        return r;
}

static void still_look(struct still *q)
{
        struct err why;

        if (still_open_look(q, &why) < 0)
                still_answer(q, &why);
}

/* --- whose turn it is --- */

/* The process is begun while the picture comes. */
static int still_begin(struct still *q, struct err *e)
{
        static const struct transcoding_events events = { still_on_made, still_on_taken,
                still_on_over };

        int r = transcoding_new(
                q->of->transcoders, TRANSCODING_STILL, q->width, &events, q, &q->transcoding, e);
        return r < 0 ? r : still_open_look(q, e);
}

static struct still *stills_next(struct stills *s)
{
        struct still *oldest = NULL;

        for (struct still *q = s->list; q; q = q->next)
                oldest = q->transcoding || !q->then ? oldest : q;
        return oldest;
}

static void stills_on_again(void *owner)
{
        struct stills *s = owner;
        struct still *q;
        struct err why;

        timer_done(&s->again);
        while ((q = stills_next(s)) &&
                transcoders_admit(s->transcoders, TRANSCODING_STILL, &why) == 0) {
                if (still_begin(q, &why) < 0)
                        still_answer(q, &why);
        }
}

/* Not from within whatever ended the one before. */
static void stills_go_on(struct stills *s)
{
        if (stills_next(s))
                timer_start(&s->again, s->loop, 0, 0, stills_on_again, s);
}

static int stills_admit(const struct stills *s, const struct still_wish *w, struct err *e)
{
        unsigned n = 0, of_session = 0;
        struct err why;

        if (transcoders_admit(s->transcoders, TRANSCODING_STILL, &why) == ERR_UNAVAILABLE)
                return err_fault(e, why.code, why.fault, "%s", why.text);
        for (const struct still *q = s->list; q; q = q->next, n++)
                of_session += strcmp(q->session, w->session) == 0;
        if (n >= STILL_WAITING_MAX || of_session >= STILL_OF_SESSION_MAX)
                return err_fault(e, ERR_EXHAUSTED, FAULT_TRANSCODERS,
                        "at most %d still pictures wait at once, and %d of one session",
                        STILL_WAITING_MAX, STILL_OF_SESSION_MAX);
        return 0;
}

int still_ask(struct stills *s, const struct still_wish *w, still_then then, void *owner,
        struct still **ret, struct err *e)
{
        const struct live_wish asked = { .stream = w->stream, .session = w->session };

        int r = live_check(&asked, e);
        if (r == 0)
                r = stills_admit(s, w, e);
        if (r < 0)
                return r;
        struct still *q = xcalloc(1, sizeof *q);
        q->of = s;
        snprintf(q->stream, sizeof q->stream, "%s", w->stream);
        snprintf(q->session, sizeof q->session, "%s", w->session);
        snprintf(q->person, sizeof q->person, "%s", w->person);
        q->now = w->now;
        q->at_us = w->at_us;
        q->back_us = STILL_BACK_US;
        q->width = w->width;
        q->then = then;
        q->owner = owner;
        buf_init(&q->jpeg, STILL_JPEG_MAX);
        timer_start(&q->deadline, s->loop, STILL_PATIENCE_MS, 0, still_on_deadline, q);
        q->next = s->list;
        q->at = &s->list;
        if (q->next)
                q->next->at = &q->next;
        s->list = q;
        *ret = q;
        stills_go_on(s);
        return 0;
}

struct stills *stills_new(struct loop *l, struct gateway_links *links, struct live *live,
        struct transcoders *transcoders)
{
        struct stills *s = xcalloc(1, sizeof *s);

        s->loop = l;
        s->links = links;
        s->live = live;
        s->transcoders = transcoders;
        return s;
}

struct stills *stills_free(struct stills *s)
{
        if (!s)
                return NULL;
        timer_done(&s->again);
        free(s);
        return NULL;
}
