/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/random.h"
#include "net/rtsp_target.h"
#include "net/rtsp_track.h"
#include "os/clock.h"
#include "proto/rtsp_splitter.h"
#include "proto/rtsp_transport.h"

#define KEEPALIVE_MIN_MS 500u
#define KEEPALIVE_MAX_MS 60000u
#define REQUEST_MAX 16384
#define REQUEST_LINES_MAX 6
#define TALK_MAX (1u << 20) /* bytes before PLAY: certificates, and answers of at most 96 KB */
#define USER_AGENT "Custos"

enum step { STEP_TLS, STEP_OPTIONS, STEP_DESCRIBE, STEP_SETUP, STEP_PLAY, STEP_PLAYING };

struct rtsp_client {
        struct stream_shared *shared; /* borrowed */
        struct stream *stream;        /* owned */
        const struct rtsp_client_events *events;
        void *owner;
        struct url url;
        const char *user;
        const struct secret *password;
        struct digest_client *auth;
        unsigned step_ms, keepalive_ms, report_ms, pace_ms;

        enum step step;
        bool waiting;   /* for the answer to `cseq` */
        bool explained; /* our own error ended the stream */
        bool ended, freed;
        bool can_get_parameter; /* by Public, until refused */
        unsigned busy;          /* the splitter is on the stack */
        unsigned auth_tries;    /* answers to challenges for this request */
        uint32_t cseq;
        const char *method; /* of the newest request */
        struct rtsp_splitter splitter;
        struct timer step_timer, keepalive_timer, report_timer;
        struct rtsp_session session; /* id empty: none yet */
        char aggregate_url[URL_MAX];

        uint32_t ssrc; /* ours, in reports */
        unsigned tracks_n, tracks_set_up;
        struct rtsp_track tracks[RTSP_CLIENT_TRACKS_MAX];
        uint8_t channels[256];      /* 0: nobody's; else 1 + 2 * track, + 1 for RTCP */
        int64_t wall_us, steady_us; /* of the record being read */
        uint64_t stray_frames;
};

/* ---- requests ---- */

static const char *step_name(const struct rtsp_client *c, char room[static 32])
{
        static const char *const names[] = { "TLS", "OPTIONS", "DESCRIBE", "SETUP", "PLAY",
                "while playing" };

        if (c->step == STEP_SETUP)
                snprintf(room, 32, "SETUP of track %u", c->tracks_set_up + 1);
        else
                snprintf(room, 32, "%s", names[c->step]);
        return room;
}

static void stop_timers(struct rtsp_client *c)
{
        timer_done(&c->step_timer);
        timer_done(&c->keepalive_timer);
        timer_done(&c->report_timer);
}

/* Ends the session from a timer. c may be gone afterwards. */
static void fail(struct rtsp_client *c, const struct err *why)
{
        if (c->ended || c->freed)
                return;
        c->ended = true;
        stop_timers(c);
        c->events->on_end(c->owner, why);
}

static void on_step_late(void *owner)
{
        struct rtsp_client *c = owner;
        char room[32];
        struct err e;

        err_set(&e, ERR_TIMEOUT, "%s: no answer within %u ms", step_name(c, room), c->step_ms);
        fail(c, &e);
}

/* Formats and sends one request. answer: the Authorization value, or NULL. */
static int send_formatted(struct rtsp_client *c, const char *method, const char *url,
        const char *answer, const struct rtsp_line *extra, unsigned extra_n, struct err *e)
{
        struct rtsp_line lines[REQUEST_LINES_MAX] = { { "User-Agent", USER_AGENT },
                { "Authorization", answer },
                { "Session", c->session.id[0] ? c->session.id : NULL } };
        struct buf out;
        int r;

        for (unsigned i = 0; i < extra_n; i++)
                lines[3 + i] = extra[i];
        buf_init(&out, REQUEST_MAX);
        r = rtsp_format_request(
                &out, method, url, ++c->cseq, lines, 3 + extra_n, BYTES(NULL, 0), e);
        if (r >= 0)
                r = stream_write(c->stream, buf_bytes(&out), e);
        if (out.p)
                explicit_bzero(out.p, out.n); /* with Basic it holds the password */
        buf_done(&out);
        if (r < 0)
                return r;
        c->method = method;
        return 0;
}

static int send_request(struct rtsp_client *c, const char *method, const char *url,
        const struct rtsp_line *extra, unsigned extra_n, struct err *e)
{
        static const struct secret none = { 0 };
        char answer[DIGEST_ANSWER_ROOM], cnonce[33];
        uint8_t random[16];
        bool with_answer = c->user && digest_client_ready(c->auth);
        int r;

        if (with_answer) {
                random_bytes(random, sizeof random);
                r = digest_client_answer(c->auth, method, url, c->user,
                        c->password ? c->password : &none,
                        str_hex(cnonce, BYTES(random, sizeof random)), answer, e);
                if (r < 0)
                        return r;
        }
        r = send_formatted(c, method, url, with_answer ? answer : NULL, extra, extra_n, e);
        explicit_bzero(answer, sizeof answer);
        return r;
}

static int send_setup(struct rtsp_client *c, struct err *e)
{
        struct rtsp_track *t = &c->tracks[c->tracks_set_up];
        struct rtsp_transport transport = { .lower = RTSP_TRANSPORT_TCP,
                .unicast = true,
                .has_interleaved = true,
                .interleaved = {
                        (uint8_t)(2 * c->tracks_set_up), (uint8_t)(2 * c->tracks_set_up + 1) } };
        char text[RTSP_TRANSPORT_ROOM];
        struct rtsp_line line = { "Transport", rtsp_transport_format(&transport, text) };

        return send_request(c, "SETUP", t->url, &line, 1, e);
}

/* The request of the present step, also again, with an answer to a challenge. */
static int send_step(struct rtsp_client *c, struct err *e)
{
        const struct rtsp_line accept = { "Accept", "application/sdp" },
                               range = { "Range", "npt=0.000-" };
        char url[URL_MAX];
        int r = url_format(&c->url, url, sizeof url, e);

        if (r < 0)
                return r;
        switch (c->step) {
        case STEP_OPTIONS:
                r = send_request(c, "OPTIONS", url, NULL, 0, e);
                break;
        case STEP_DESCRIBE:
                r = send_request(c, "DESCRIBE", url, &accept, 1, e);
                break;
        case STEP_SETUP:
                r = send_setup(c, e);
                break;
        case STEP_PLAY:
                r = send_request(c, "PLAY", c->aggregate_url, &range, 1, e);
                break;
        case STEP_PLAYING:
                r = send_request(c, c->can_get_parameter ? "GET_PARAMETER" : "OPTIONS",
                        c->aggregate_url, NULL, 0, e);
                break;
        case STEP_TLS:
                return err_set(e, ERR_INTERNAL, "a request before the handshake");
        }
        if (r < 0)
                return r;
        c->waiting = true;
        /* Some cameras never answer a keep-alive; that they still send is seen from their packets.
         */
        if (c->step != STEP_PLAYING)
                timer_start(&c->step_timer, stream_shared_loop(c->shared), c->step_ms, 0,
                        on_step_late, c);
        return 0;
}

static int begin_step(struct rtsp_client *c, enum step step, struct err *e)
{
        char room[32];
        int r;

        c->step = step;
        c->auth_tries = 0;
        r = send_step(c, e);
        return r < 0 ? err_wrap(e, r, "%s", step_name(c, room)) : 0;
}

/* ---- playing ---- */

static void on_keepalive(void *owner)
{
        struct rtsp_client *c = owner;
        struct err e;
        int r;

        c->auth_tries = 0;
        r = send_step(c, &e);
        if (r < 0) {
                err_wrap(&e, r, "keep-alive");
                fail(c, &e);
        }
}

/* Reports are a courtesy: where the camera does not read, there is none. */
static void on_report(void *owner)
{
        struct rtsp_client *c = owner;
        struct buf out;

        buf_init(&out, REQUEST_MAX);
        for (unsigned i = 0; i < c->tracks_n; i++)
                (void)!rtsp_track_report(&c->tracks[i], c->ssrc, clock_wall_us(), &out, NULL);
        if (out.n > 0 && stream_queued(c->stream) == 0)
                (void)!stream_write(c->stream, buf_bytes(&out), NULL);
        buf_done(&out);
}

static unsigned keepalive_ms(const struct rtsp_client *c)
{
        unsigned ms = c->session.timeout_s * 500u;

        if (c->keepalive_ms)
                return c->keepalive_ms;
        return ms < KEEPALIVE_MIN_MS   ? KEEPALIVE_MIN_MS
               : ms > KEEPALIVE_MAX_MS ? KEEPALIVE_MAX_MS
                                       : ms;
}

static int play(struct rtsp_client *c, struct err *e)
{
        struct loop *l = stream_shared_loop(c->shared);

        c->step = STEP_PLAYING;
        timer_done(&c->step_timer);
        timer_start(&c->keepalive_timer, l, keepalive_ms(c), keepalive_ms(c), on_keepalive, c);
        timer_start(&c->report_timer, l, c->report_ms, c->report_ms, on_report, c);
        stream_pace(c->stream, c->pace_ms);
        return c->events->on_play(c->owner, e);
}

static int on_rtp(struct rtsp_client *c, unsigned i, struct bytes frame, struct err *e)
{
        struct rtp_packet p;
        struct rtp_arrival a;
        int r;

        if (c->step == STEP_PLAY) {
                /* The first picture can overtake the answer, and it is the one that begins with a
                 * key frame. */
                r = play(c, e);
                if (r < 0 || c->freed)
                        return r;
        }
        if (!rtsp_track_push_rtp(&c->tracks[i], frame, c->steady_us, &p, &a))
                return 0;
        return c->events->on_packet(c->owner, i, &p, &a, c->wall_us, e);
}

static int on_frame(struct rtsp_client *c, uint8_t channel, struct bytes frame, struct err *e)
{
        unsigned what = c->channels[channel], i;

        if (what == 0 || c->step < STEP_PLAY) {
                c->stray_frames++;
                return 0;
        }
        i = (what - 1) / 2;
        if (what % 2 == 1)
                return on_rtp(c, i, frame, e);
        if (rtsp_track_push_rtcp(&c->tracks[i], frame, c->wall_us))
                return err_set(e, ERR_UNAVAILABLE, "the camera ended track %u (RTCP BYE)", i + 1);
        return 0;
}

/* ---- answers ---- */

static int code_of_status(unsigned status)
{
        switch (status) {
        case 401:
                return ERR_AUTH;
        case 403:
                return ERR_DENIED;
        case 404:
                return ERR_NOT_FOUND;
        case 408:
                return ERR_TIMEOUT;
        case 453:
                return ERR_UNAVAILABLE;
        default:
                return status >= 500 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
        }
}

static int refused(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        char reason[128], where[192], room[32];

        str_escape(reason, sizeof reason, m->reason);
        if (m->status >= 300 && m->status < 400) {
                str_escape(where, sizeof where, rtsp_header(m, "Location", 0));
                return err_set(e, ERR_DENIED,
                        "%s: %u %s: the camera redirects to %s: refused. Redirects are not "
                        "followed; set the new "
                        "address as the camera's URL if it is right",
                        step_name(c, room), m->status, reason, where[0] ? where : "nowhere");
        }
        return err_set(
                e, code_of_status(m->status), "%s: %u %s", step_name(c, room), m->status, reason);
}

static int on_unauthorized(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct bytes values[DIGEST_CHALLENGES_MAX];
        unsigned n = 0;
        char room[32];
        int r;

        if (!c->user)
                return err_set(e, ERR_AUTH,
                        "%s: 401 Unauthorized: the camera asks for a user and a password, and none "
                        "is set",
                        step_name(c, room));
        while (n < DIGEST_CHALLENGES_MAX) {
                values[n] = rtsp_header(m, "WWW-Authenticate", n);
                if (!values[n].p)
                        break;
                n++;
        }
        if (c->auth_tries >= RTSP_CLIENT_AUTH_MAX)
                return err_set(e, ERR_AUTH, "%s: 401 Unauthorized, %u times", step_name(c, room),
                        c->auth_tries + 1);
        r = digest_client_challenge(c->auth, values, n, e);
        if (r < 0)
                return err_wrap(e, r, "%s: 401 Unauthorized", step_name(c, room));
        c->auth_tries++;
        r = send_step(c, e);
        return r < 0 ? err_wrap(e, r, "%s", step_name(c, room)) : 0;
}

static int prepare_tracks(
        struct rtsp_client *c, const struct sdp *sdp, struct bytes base, struct err *e)
{
        unsigned wanted[RTSP_CLIENT_TRACKS_MAX];
        int n = c->events->on_describe(c->owner, sdp, wanted, e), r;

        if (n < 0 || c->freed)
                return n;
        if (n == 0 || n > RTSP_CLIENT_TRACKS_MAX)
                return err_set(e, ERR_INTERNAL, "%d tracks wanted", n);
        r = rtsp_target_resolve(&c->url, base, sdp->control, c->aggregate_url, e);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < (unsigned)n; i++) {
                assert(wanted[i] < sdp->media_n);
                const struct sdp_media *m = &sdp->media[wanted[i]];

                rtsp_track_init(
                        &c->tracks[i], m->clock_rate ? m->clock_rate : 90000, m->payload_type);
                r = rtsp_target_resolve(&c->url, base, m->control, c->tracks[i].url, e);
                if (r < 0)
                        return r;
        }
        c->tracks_n = (unsigned)n;
        return 0;
}

static int on_described(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct bytes base = rtsp_header(m, "Content-Base", 0);
        struct sdp sdp;
        int r = sdp_parse(m->body, &sdp, e);

        if (base.n == 0)
                base = rtsp_header(m, "Content-Location", 0);
        if (r >= 0)
                r = prepare_tracks(c, &sdp, base, e);
        if (c->freed)
                return r;
        if (r < 0)
                return err_wrap(e, r, "DESCRIBE");
        return begin_step(c, STEP_SETUP, e);
}

/* The camera may choose other channels than we asked for. */
static int take_transport(
        struct rtsp_client *c, const struct rtsp_message *m, uint8_t ret[static 2], struct err *e)
{
        struct bytes value = rtsp_header(m, "Transport", 0);
        struct rtsp_transport t;
        int r;

        ret[0] = (uint8_t)(2 * c->tracks_set_up);
        ret[1] = (uint8_t)(ret[0] + 1);
        if (!value.p)
                return 0;
        r = rtsp_transport_parse(value, 0, &t, e);
        if (r < 0)
                return r;
        if (t.lower != RTSP_TRANSPORT_TCP)
                return err_set(e, ERR_DENIED,
                        "the camera would send outside of the TLS connection: refused");
        if (t.has_interleaved)
                memcpy(ret, t.interleaved, 2);
        return 0;
}

static int take_session(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct rtsp_session session;
        struct bytes value = rtsp_header(m, "Session", 0);
        int r;

        if (!value.p && c->session.id[0])
                return 0;
        if (!value.p)
                return err_set(e, ERR_PROTOCOL, "the answer names no session");
        r = rtsp_session_parse(value, &session, e);
        if (r < 0)
                return r;
        if (c->session.id[0] && strcmp(c->session.id, session.id) != 0)
                return err_set(e, ERR_PROTOCOL, "the camera changed the session");
        c->session = session;
        return 0;
}

static int take_setup(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct rtsp_track *t = &c->tracks[c->tracks_set_up];
        uint8_t channel[2];
        int r = take_session(c, m, e);

        if (r >= 0)
                r = take_transport(c, m, channel, e);
        if (r < 0)
                return r;
        if (channel[0] == channel[1] || c->channels[channel[0]] || c->channels[channel[1]])
                return err_set(e, ERR_PROTOCOL, "the camera gives channels %u-%u twice", channel[0],
                        channel[1]);
        t->rtp_channel = channel[0];
        t->rtcp_channel = channel[1];
        c->channels[channel[0]] = (uint8_t)(1 + 2 * c->tracks_set_up);
        c->channels[channel[1]] = (uint8_t)(2 + 2 * c->tracks_set_up);
        return 0;
}

static int on_set_up(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        char room[32];
        int r = take_setup(c, m, e);

        if (r < 0)
                return err_wrap(e, r, "%s", step_name(c, room));
        c->tracks_set_up++;
        return begin_step(c, c->tracks_set_up < c->tracks_n ? STEP_SETUP : STEP_PLAY, e);
}

static int on_keepalive_answer(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        if (m->status == 454)
                return err_set(e, ERR_UNAVAILABLE, "the camera dropped the session (454)");
        /* A camera that lists GET_PARAMETER and then does not know it gets OPTIONS from now on. */
        if (m->status >= 400)
                c->can_get_parameter = false;
        return 0;
}

static int on_answer(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        if (m->status < 200 || !c->waiting || (m->has_cseq && m->cseq != c->cseq))
                return 0; /* provisional, or the late answer to an old request */
        c->waiting = false;
        timer_done(&c->step_timer);
        if (m->status == 401)
                return on_unauthorized(c, m, e);
        if (m->status < 300)
                digest_client_accepted(c->auth);
        if (c->step == STEP_PLAYING && strcmp(c->method, "PLAY") != 0)
                return on_keepalive_answer(c, m, e);
        if (c->step == STEP_OPTIONS && (m->status < 300 || m->status >= 400)) {
                /* Nothing depends on OPTIONS: a camera without it can still play. */
                c->can_get_parameter = m->status < 300 &&
                                       rtsp_list_has(rtsp_header(m, "Public", 0), "GET_PARAMETER");
                return begin_step(c, STEP_DESCRIBE, e);
        }
        if (m->status >= 300)
                return refused(c, m, e);
        switch (c->step) {
        case STEP_DESCRIBE:
                return on_described(c, m, e);
        case STEP_SETUP:
                return on_set_up(c, m, e);
        case STEP_PLAY:
                return play(c, e);
        default:
                return 0; /* the answer to PLAY, behind the first packets */
        }
}

/* A camera may ask too (RFC 2326 allows it; few do). */
static int on_request(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        static const char *const harmless[] = { "OPTIONS", "GET_PARAMETER", "SET_PARAMETER",
                "ANNOUNCE" };
        unsigned status = 501;
        struct buf out;
        int r;

        if (rtsp_method_is(m, "REDIRECT"))
                return err_set(
                        e, ERR_DENIED, "the camera asks to go elsewhere (REDIRECT): refused");
        for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
                if (rtsp_method_is(m, harmless[i]))
                        status = 200;
        buf_init(&out, REQUEST_MAX);
        r = rtsp_format_response(
                &out, status, m->has_cseq ? m->cseq : 0, NULL, 0, BYTES(NULL, 0), e);
        if (r >= 0)
                r = stream_write(c->stream, buf_bytes(&out), e);
        buf_done(&out);
        return r;
}

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct rtsp_client *c = owner;
        int r;

        if (!item->message)
                r = on_frame(c, item->channel, item->frame, e);
        else if (item->message->is_request)
                r = on_request(c, item->message, e);
        else
                r = on_answer(c, item->message, e);
        return c->freed ? ERR_CANCELLED : r;
}

/* ---- the stream's events ---- */

static void destroy(struct rtsp_client *c)
{
        rtsp_splitter_done(&c->splitter);
        free(c);
}

static void on_stream_ready(void *owner, struct stream *s)
{
        struct rtsp_client *c = owner;
        struct err e = { 0 };
        int r;

        c->busy++;
        r = c->events->on_secure(c->owner, stream_tls(s), &e);
        if (r >= 0 && !c->freed)
                r = begin_step(c, STEP_OPTIONS, &e);
        c->busy--;
        if (c->freed)
                destroy(c);
        else if (r < 0)
                fail(c, &e);
}

static int on_stream_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct rtsp_client *c = owner;
        int r;

        (void)s;
        if (c->ended)
                return ERR_CANCELLED;
        c->wall_us = clock_wall_us();
        c->steady_us = clock_boot_us();
        c->busy++;
        r = rtsp_splitter_feed(&c->splitter, plain, on_item, c, e);
        c->busy--;
        if (c->freed) {
                destroy(c);
                return ERR_CANCELLED;
        }
        c->explained = r < 0;
        return r;
}

static void on_stream_end(void *owner, struct stream *s, const struct err *why)
{
        struct rtsp_client *c = owner;
        struct err e = *why;
        char room[32];

        (void)s;
        if (c->ended)
                return;
        if (!c->explained && c->step != STEP_PLAYING)
                err_wrap(&e, e.code, "%s", step_name(c, room));
        c->ended = true;
        stop_timers(c);
        c->events->on_end(c->owner, &e);
}

static const struct stream_events stream_handlers = {
        .on_ready = on_stream_ready,
        .on_data = on_stream_data,
        .on_end = on_stream_end,
};

int rtsp_client_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct rtsp_client_options *o, const struct rtsp_client_events *events, void *owner,
        struct rtsp_client **ret, struct err *e)
{
        const struct stream_options so = {
                .client = true, .handshake_ms = o->handshake_ms, .talk_max_bytes = TALK_MAX
        };
        struct rtsp_client *c = xcalloc(1, sizeof *c);
        int r;

        c->shared = sh;
        c->events = events;
        c->owner = owner;
        c->url = *o->url;
        c->user = o->user;
        c->password = o->password;
        c->auth = o->auth;
        c->step_ms = o->step_ms ? o->step_ms : RTSP_CLIENT_STEP_MS;
        c->report_ms = o->report_ms ? o->report_ms : RTSP_CLIENT_REPORT_MS;
        c->keepalive_ms = o->keepalive_ms;
        c->pace_ms = o->pace_ms;
        c->ssrc = (uint32_t)random_u64();
        rtsp_splitter_init(&c->splitter);
        digest_client_reconnect(c->auth);
        r = stream_new(sh, fd, t, &so, &stream_handlers, c, &c->stream, e);
        if (r < 0) {
                destroy(c);
                return r;
        }
        *ret = c;
        return 0;
}

/* Best effort: the session dies with the connection anyway. */
static void send_teardown(struct rtsp_client *c)
{
        if (c->ended || !c->session.id[0] || stream_queued(c->stream) > 0)
                return;
        (void)!send_request(c, "TEARDOWN", c->aggregate_url, NULL, 0, NULL);
}

struct rtsp_client *rtsp_client_free(struct rtsp_client *c)
{
        if (!c)
                return NULL;
        stop_timers(c);
        send_teardown(c);
        c->stream = stream_free(c->stream);
        c->freed = true;
        if (c->busy == 0)
                destroy(c);
        return NULL;
}

void rtsp_client_pace(struct rtsp_client *c, unsigned interval_ms)
{
        c->pace_ms = interval_ms;
        if (c->step == STEP_PLAYING)
                stream_pace(c->stream, interval_ms);
}

const struct rtcp_clock *rtsp_client_clock(const struct rtsp_client *c, unsigned track)
{
        return &c->tracks[track].clock;
}

struct rtsp_client_counters rtsp_client_counters(const struct rtsp_client *c)
{
        struct rtsp_client_counters n = {
                .bytes = stream_received(c->stream),
                .stray_frames = c->stray_frames,
                .skipped_bytes = c->splitter.skipped_bytes,
        };

        for (unsigned i = 0; i < c->tracks_n; i++) {
                n.packets += c->tracks[i].packets;
                n.lost_packets += c->tracks[i].source.lost;
                n.bad_packets += c->tracks[i].bad_packets;
        }
        return n;
}
