/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/live.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "gateway/live_parts.h"
#include "os/clock.h"

#define LIVE_TICK_MS 1000
#define LIVE_GRANT_S 300
#define LIVE_RENEW_US INT64_C(200000000)
#define LIVE_AGAIN_US INT64_C(10000000) /* a renewal that failed */
#define LIVE_SEEN_US INT64_C(60000000)
#define LIVE_TEXT_MAX 1024 /* of what a viewer may say */

static void live_ask_grant(struct live_viewer *v);

/* --- one who watches --- */

struct live_viewer *live_viewer_free(struct live_viewer *v)
{
        struct live *l = v->live;

        live_stream_leave(v);
        gateway_links_forget(l->links, v->ticket);
        gateway_links_forget(l->links, v->seen_ticket);
        if (v->watching)
                hub_reader_done(&v->reader);
        *v->at = v->next;
        if (v->next)
                v->next->at = v->at;
        l->viewers_n--;
        json_decref(v->last);
        if (v->grant)
                explicit_bzero(v->grant, strlen(v->grant));
        free(v->grant);
        free(v);
        return NULL;
}

/* Told to go on later, as long as what it has is good. */
static void live_on_not_granted(struct live_viewer *v, const struct err *why)
{
        bool may_pass = why->code == ERR_UNAVAILABLE || why->code == ERR_TIMEOUT ||
                        why->code == ERR_EXHAUSTED;

        if (v->watching && may_pass && clock_boot_us() < v->expires_us)
                v->renew_us = clock_boot_us() + LIVE_AGAIN_US;
        else
                live_viewer_end(v, true, why);
}

static void live_on_grant(void *owner, const struct gateway_answer *a)
{
        struct live_viewer *v = owner;
        const char *grant = json_string_value(json_object_get(a->body, "grant"));
        struct err why;

        v->ticket = 0;
        if (!grant) {
                if (!a->why || a->body)
                        err_set(&why, ERR_PROTOCOL, "the manager made no grant");
                else
                        why = *a->why;
                live_on_not_granted(v, &why);
                return;
        }
        free(v->grant);
        v->grant = xstrdup(grant);
        v->renew_us = v->made_us + LIVE_RENEW_US;
        v->expires_us = v->made_us + (int64_t)LIVE_GRANT_S * 1000000;
        live_stream_show(v);
}

static void live_ask_grant(struct live_viewer *v)
{
        json_t *body =
                json_pack("{s:[s], s:[s], s:s, s:i}", "use", v->playback ? "playback" : "live",
                        "streams", v->path, "session", v->live->session, "seconds", LIVE_GRANT_S);
        struct err why;

        if (v->playback) {
                json_object_set_new(body, "from", json_string(v->from));
                json_object_set_new(body, "until", json_string(v->until));
        }
        v->made_us = clock_boot_us();
        v->ticket =
                gateway_links_ask(v->live->links, v->session, "grant.make", body, live_on_grant, v);
        if (v->ticket)
                return;
        err_set(&why, ERR_EXHAUSTED, "too many requests wait for the manager");
        live_on_not_granted(v, &why);
}

/* Which recorder has it. */
static void live_on_camera(void *owner, const struct gateway_answer *a)
{
        struct live_viewer *v = owner;
        const char *recorder =
                json_string_value(json_object_get(json_object_get(a->body, "camera"), "recorder"));
        struct err why;

        v->ticket = 0;
        if (!a->body) {
                live_viewer_end(v, true, a->why);
        } else if (!recorder || strlen(recorder) >= sizeof v->recorder) {
                err_set(&why, ERR_PROTOCOL, "the manager does not say which recorder has it");
                live_viewer_end(v, true, &why);
        } else {
                snprintf(v->recorder, sizeof v->recorder, "%s", recorder);
                live_ask_grant(v);
        }
}

/* { "until": TIME }: how far he wants to read. */
static int live_take_until(struct live_viewer *v, struct bytes said, struct err *e)
{
        json_t *o = json_loadb((const char *)said.p, said.n, JSON_REJECT_DUPLICATES, NULL);
        const char *until;
        int64_t us;

        int r = json_unpack_ex(o, NULL, JSON_STRICT, "{s:s}", "until", &until) < 0
                        ? err_set(e, ERR_PROTOCOL, "nothing but {\"until\": TIME} can be said here")
                        : str_parse_time(until, &us, e);
        json_decref(o);
        if (r < 0)
                return r;
        v->paced = true;
        v->pace_us = us;
        return 0;
}

static int live_on_said(
        void *owner, struct http_socket *k, const struct websocket_message *m, struct err *e)
{
        struct live_viewer *v = owner;

        (void)k;
        if (!v->playback || m->kind != WEBSOCKET_TEXT)
                return err_set(e, ERR_PROTOCOL, "nothing can be said here");
        int r = live_take_until(v, m->payload, e);
        if (r == 0)
                live_viewer_pump(v);
        return r;
}

static void live_on_drain(void *owner, struct http_socket *k)
{
        (void)k;
        live_viewer_pump(owner);
}

static void live_on_end(void *owner, struct http_socket *k)
{
        (void)k;
        live_viewer_free(owner);
}

/* --- asking --- */

/* "CAMERA-STREAM": the camera's name to `to`. */
static int live_camera_of(const char *path, char to[static LIVE_PATH_ROOM], struct err *e)
{
        const char *dash = strrchr(path, '-');

        if (!dash || strlen(path) >= LIVE_PATH_ROOM || !str_is_stream(dash + 1))
                return err_set(e, ERR_INVALID, "a stream is CAMERA-STREAM, as in cars-main");
        snprintf(to, LIVE_PATH_ROOM, "%.*s", (int)(dash - path), path);
        return str_is_camera(to) ? 0 : err_set(e, ERR_INVALID, "that is no camera's name");
}

static int live_check_times(const json_t *asked, struct err *e)
{
        const char *from = json_string_value(json_object_get(asked, "from"));
        const char *until = json_string_value(json_object_get(asked, "until"));
        int64_t from_us, until_us;

        if (!from || !until || strlen(from) >= 40 || strlen(until) >= 40)
                return err_set(
                        e, ERR_INVALID, "from and until are needed, times as RFC 3339 has them");
        int r = str_parse_time(from, &from_us, e);
        if (r == 0)
                r = str_parse_time(until, &until_us, e);
        if (r == 0 && from_us > until_us)
                r = err_set(e, ERR_INVALID, "from is behind until");
        return r;
}

int live_check(const struct live_wish *w, struct err *e)
{
        char camera[LIVE_PATH_ROOM];

        int r = live_camera_of(w->stream, camera, e);
        return r == 0 && w->playback ? live_check_times(w->asked, e) : r;
}

static int live_admit(const struct live *l, const char *session, struct err *e)
{
        unsigned n = 0;

        for (const struct live_viewer *v = l->viewers; v; v = v->next)
                n += strcmp(v->session, session) == 0;
        if (l->viewers_n >= LIVE_VIEWERS_MAX || n >= LIVE_VIEWERS_OF_SESSION_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "at most %d streams are watched at once, and %d in one session",
                        LIVE_VIEWERS_MAX, LIVE_VIEWERS_OF_SESSION_MAX);
        return 0;
}

static void live_begin(struct live_viewer *v)
{
        char camera[LIVE_PATH_ROOM] = "";
        struct err why;

        int r = live_camera_of(v->path, camera, &why);
        if (r == 0)
                v->ticket = gateway_links_ask(v->live->links, v->session, "camera.show",
                        json_pack("{s:s}", "name", camera), live_on_camera, v);
        if (r == 0 && !v->ticket)
                r = err_set(&why, ERR_EXHAUSTED, "too many requests wait for the manager");
        if (r < 0)
                live_viewer_end(v, true, &why);
}

int live_open(struct live *l, struct http_exchange *x, const struct live_wish *w, struct err *e)
{
        static const struct http_socket_events events = { live_on_said, live_on_drain,
                live_on_end };
        const char *from = json_string_value(json_object_get(w->asked, "from"));
        const char *until = json_string_value(json_object_get(w->asked, "until"));

        int r = live_admit(l, w->session, e);
        if (r < 0)
                return r;
        struct live_viewer *v = xcalloc(1, sizeof *v);
        v->live = l;
        v->playback = w->playback;
        v->keys_only = json_is_true(json_object_get(w->asked, "keys_only"));
        snprintf(v->path, sizeof v->path, "%s", w->stream);
        snprintf(v->session, sizeof v->session, "%s", w->session);
        snprintf(v->person, sizeof v->person, "%s", w->person);
        snprintf(v->from, sizeof v->from, "%s", from ? from : "");
        snprintf(v->until, sizeof v->until, "%s", until ? until : "");
        r = http_exchange_socket(x, LIVE_PROTOCOL, LIVE_TEXT_MAX, 0, &events, v, &v->socket, e);
        if (r < 0) {
                free(v);
                return r;
        }
        v->next = l->viewers;
        v->at = &l->viewers;
        if (v->next)
                v->next->at = &v->next;
        l->viewers = v;
        l->viewers_n++;
        live_begin(v);
        return 0;
}

/* --- time --- */

void live_session_ended(struct live *l, const char *session, const char *why)
{
        struct live_viewer *next;
        struct err e;

        err_set(&e, ERR_AUTH, "the session has ended: %s", why);
        for (struct live_viewer *v = l->viewers; v; v = next) {
                next = v->next;
                if (strcmp(v->session, session) == 0)
                        live_viewer_end(v, true, &e);
        }
}

static void live_on_seen(void *owner, const struct gateway_answer *a)
{
        struct live_viewer *v = owner;
        char session[sizeof v->session];

        v->seen_ticket = 0;
        if (a->body || a->why->code != ERR_AUTH)
                return;
        snprintf(session, sizeof session, "%s", v->session);
        live_session_ended(v->live, session, "expired");
}

/* Watching counts as a request. Of each session once; the first of its viewers asks. */
void live_see(struct live *l)
{
        for (struct live_viewer *v = l->viewers; v; v = v->next) {
                const struct live_viewer *first = l->viewers;
                while (strcmp(first->session, v->session) != 0)
                        first = first->next;
                if (first == v && !v->seen_ticket)
                        v->seen_ticket = gateway_links_ask(l->links, NULL, "session.seen",
                                json_pack("{s:s}", "session", v->session), live_on_seen, v);
        }
}

static void live_renew(struct live_viewer *v, int64_t now_us)
{
        struct err why;

        if (!v->watching || v->last)
                return;
        if (now_us >= v->expires_us) {
                err_fault(&why, ERR_DENIED, FAULT_GRANT_EXPIRED,
                        "what allowed it has run out, and the manager has not renewed it");
                live_viewer_end(v, true, &why);
        } else if (now_us >= v->renew_us && !v->ticket && !v->grant && !v->asking) {
                live_ask_grant(v);
        }
}

static void live_on_tick(void *owner)
{
        int64_t now_us = clock_boot_us();
        struct live *l = owner;
        struct live_viewer *next;

        for (struct live_viewer *v = l->viewers; v; v = next) {
                next = v->next;
                live_renew(v, now_us);
        }
        if (now_us - l->seen_us < LIVE_SEEN_US)
                return;
        l->seen_us = now_us;
        live_see(l);
}

void live_figures(const struct live *l, struct live_figures *ret)
{
        *ret = (struct live_figures){ .viewers = l->viewers_n,
                .bytes_in = l->bytes_in,
                .bytes_out = l->bytes_out,
                .skips = l->skips };
        for (const struct live_stream *s = l->streams; s; s = s->next)
                ret->streams += !s->playback;
}

struct live *live_new(struct loop *loop, struct gateway_links *links)
{
        uint8_t public_key[HPKE_PUBLIC_BYTES];
        struct live *l = xcalloc(1, sizeof *l);

        l->loop = loop;
        l->links = links;
        l->seen_us = clock_boot_us();
        hpke_generate(l->private_key, public_key);
        str_hex(l->session, BYTES(public_key, sizeof public_key));
        buf_init_full(&l->message, MEDIA_MESSAGE_MAX);
        timer_start(&l->tick, loop, LIVE_TICK_MS, LIVE_TICK_MS, live_on_tick, l);
        return l;
}

struct live *live_free(struct live *l)
{
        if (!l)
                return NULL;
        timer_done(&l->tick);
        while (l->viewers)
                live_viewer_free(l->viewers);
        while (l->streams)
                live_stream_free(l->streams);
        explicit_bzero(l->private_key, sizeof l->private_key);
        buf_done(&l->message);
        free(l);
        return NULL;
}
