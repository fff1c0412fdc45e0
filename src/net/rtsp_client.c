/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "net/rtsp_media.h"
#include "net/rtsp_refusal.h"
#include "net/rtsp_srtp.h"
#include "net/rtsp_target.h"
#include "os/clock.h"

#define KEEPALIVE_MIN_MS 500u
#define KEEPALIVE_MAX_MS 60000u
#define REQUEST_MAX 16384
#define REQUEST_LINES_MAX 6
#define USER_AGENT "Custos"

enum step {
        STEP_CONNECT,
        STEP_TUNNEL,
        STEP_OPTIONS,
        STEP_DESCRIBE,
        STEP_SETUP,
        STEP_PLAY,
        STEP_PLAYING,
};

struct rtsp_client {
        struct stream_shared *shared; /* borrowed */
        struct rtsp_link *link;       /* owned */
        const struct rtsp_client_events *events;
        void *owner;
        struct url url; /* as requests name it */
        struct login login;
        bool plain;
        unsigned step_ms, keepalive_ms, report_ms, pace_ms;

        enum step step;
        bool waiting;       /* for the answer to `cseq` */
        bool wants_sockets; /* RTSP_CLIENT_DATAGRAMS were asked for */
        bool explained;     /* our own error ended the link */
        bool ended, freed;
        bool can_get_parameter; /* by Public, until refused */
        unsigned busy;          /* our own calls on the stack */
        uint32_t cseq;
        const char *method; /* of the newest request */
        struct timer step_timer, keepalive_timer, report_timer;
        struct err broken;           /* told by step_timer */
        struct rtsp_session session; /* id empty: none yet */
        char aggregate_url[URL_MAX];

        uint32_t ssrc;      /* ours, in reports */
        unsigned at_set_up; /* the track whose SETUP is under way */
        struct rtsp_media media;
        struct rtsp_link_time now; /* of the item being taken */
        uint64_t item_at;          /* in the stream, of the item being read */
};

/* ---- requests ---- */

static const char *step_name(const struct rtsp_client *c, char room[static 32])
{
        static const char *const names[] = { "TLS", "tunnel", "OPTIONS", "DESCRIBE", "SETUP",
                "PLAY", "while playing" };

        if (c->step == STEP_SETUP)
                snprintf(room, 32, "SETUP of track %u", c->at_set_up + 1);
        else if (c->step == STEP_CONNECT && c->plain)
                snprintf(room, 32, "connection");
        else
                snprintf(room, 32, "%s", names[c->step]);
        return room;
}

static void destroy(struct rtsp_client *c)
{
        rtsp_srtp_done(&c->media.srtp);
        free(c);
}

static void enter(struct rtsp_client *c)
{
        c->busy++;
}

/* False: c is gone. */
static bool leave(struct rtsp_client *c)
{
        if (--c->busy > 0 || !c->freed)
                return !c->freed;
        destroy(c);
        return false;
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

        if (c->broken.code) {
                fail(c, &c->broken);
                return;
        }
        err_fault(&e, ERR_TIMEOUT, FAULT_NO_ANSWER, "%s: no answer within %u ms",
                step_name(c, room), c->step_ms);
        fail(c, &e);
}

static void start_step_timer(struct rtsp_client *c)
{
        timer_start(&c->step_timer, stream_shared_loop(c->shared), c->step_ms, 0, on_step_late, c);
}

/* In a call of the owner's: told from the loop. */
static void fail_soon(struct rtsp_client *c, const struct err *why)
{
        c->broken = *why;
        timer_start(&c->step_timer, stream_shared_loop(c->shared), 0, 0, on_step_late, c);
}

/* ---- sending ---- */

/* Formats and sends one request. answer: the Authorization value, or NULL. */
static int send_formatted(struct rtsp_client *c, const char *method, const char *url,
        const char *answer, const struct rtsp_line *extra, unsigned extra_n, struct err *e)
{
        struct rtsp_line lines[REQUEST_LINES_MAX] = { { "User-Agent", USER_AGENT },
                { "Authorization", answer },
                { "Session", c->session.id[0] ? c->session.id : NULL } };
        struct buf out;
        char room[32];
        int r;

        for (unsigned i = 0; i < extra_n; i++)
                lines[3 + i] = extra[i];
        rtsp_client_trace_request(
                c->events->on_trace, c->owner, step_name(c, room), method, url, lines, 3 + extra_n);
        c->method = method;
        buf_init(&out, REQUEST_MAX);
        r = rtsp_format_request(
                &out, method, url, ++c->cseq, lines, 3 + extra_n, BYTES(NULL, 0), e);
        if (r >= 0)
                r = rtsp_link_send(c->link, buf_bytes(&out), e);
        if (out.p)
                explicit_bzero(out.p, out.n); /* with Basic it holds the password */
        buf_done(&out);
        return r;
}

static int send_request(struct rtsp_client *c, const char *method, const char *url,
        const struct rtsp_line *extra, unsigned extra_n, struct err *e)
{
        char answer[DIGEST_ANSWER_ROOM];
        int r = login_answer(&c->login, method, url, answer, e);

        if (r < 0)
                return r;
        r = send_formatted(c, method, url, r ? answer : NULL, extra, extra_n, e);
        explicit_bzero(answer, sizeof answer);
        return r;
}

static int send_setup(struct rtsp_client *c, struct err *e)
{
        char text[RTSP_TRANSPORT_ROOM];
        struct rtsp_line lines[2] = { { "Transport",
                rtsp_media_transport(&c->media, c->at_set_up, c->link, text) } };
        struct buf keys;
        int r;

        buf_init(&keys, REQUEST_MAX);
        /* All its room at once, so that no copy of a key stays behind where it grew. */
        if (!buf_reserve(&keys, REQUEST_MAX))
                return err_set(e, ERR_EXHAUSTED, "no room for a request");
        r = rtsp_srtp_setup_header(&c->media.srtp, c->at_set_up, clock_wall_us(), &keys, e);
        if (r > 0)
                r = buf_append(&keys, BYTES("", 1), e);
        if (r >= 0) {
                lines[1] = (struct rtsp_line){ "KeyMgmt", keys.n ? (char *)keys.p : NULL };
                r = send_request(c, "SETUP", c->media.tracks[c->at_set_up].url, lines, 2, e);
        }
        explicit_bzero(keys.p, keys.room);
        buf_done(&keys);
        return r;
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
        case STEP_CONNECT:
        case STEP_TUNNEL:
                return err_set(e, ERR_INTERNAL, "a request before the handshake");
        }
        if (r < 0)
                return r;
        c->waiting = true;
        /* Some cameras never answer a keep-alive; that they still send is seen from their packets.
         */
        if (c->step != STEP_PLAYING)
                start_step_timer(c);
        return 0;
}

/* Two ports for the track that is set up next, before SETUP can name them. */
static int ask_for_datagrams(struct rtsp_client *c, struct err *e)
{
        if (!c->plain && !rtsp_srtp_is_on(&c->media.srtp, c->at_set_up))
                return err_fault(e, ERR_DENIED, FAULT_MEDIA_OUTSIDE_TLS,
                        "media by UDP are asked for, and the camera offers no SRTP: refused");
        c->wants_sockets = true;
        start_step_timer(c);
        c->events->need_socket(c->owner, RTSP_CLIENT_DATAGRAMS);
        return 0;
}

static int begin_step(struct rtsp_client *c, enum step step, struct err *e)
{
        char room[32];
        int r;

        c->step = step;
        c->login.tries = 0;
        if (step == STEP_SETUP && rtsp_link_carrier(c->link) == RTSP_LINK_DATAGRAMS)
                r = ask_for_datagrams(c, e);
        else
                r = send_step(c, e);
        return r < 0 ? err_wrap(e, r, "%s", step_name(c, room)) : 0;
}

/* ---- playing ---- */

static void on_keepalive(void *owner)
{
        struct rtsp_client *c = owner;
        struct err e;
        int r;

        c->login.tries = 0;
        enter(c);
        r = send_step(c, &e);
        if (r < 0 && !c->freed) {
                err_wrap(&e, r, "keep-alive");
                fail(c, &e);
        }
        leave(c);
}

/* Reports are a courtesy: where the camera does not read, there is none. */
static void on_report(void *owner)
{
        struct rtsp_client *c = owner;
        struct buf out;

        buf_init(&out, REQUEST_MAX);
        for (unsigned i = 0; i < c->media.tracks_n; i++)
                if (!c->media.left_out[i] && !rtsp_srtp_is_on(&c->media.srtp, i))
                        (void)!rtsp_track_report(
                                &c->media.tracks[i], c->ssrc, clock_wall_us(), &out, NULL);
        if (out.n > 0)
                rtsp_link_report(c->link, buf_bytes(&out));
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
        rtsp_link_pace(c->link, c->pace_ms);
        return c->events->on_play(c->owner, e);
}

static int on_rtp(struct rtsp_client *c, unsigned i, struct bytes frame, struct err *e)
{
        struct rtp_packet p;
        struct rtp_arrival a;
        struct err damage;
        int r;

        if (c->step == STEP_PLAY) {
                /* The first picture can overtake the answer, and it is the one that begins with a
                 * key frame. */
                r = play(c, e);
                if (r < 0 || c->freed)
                        return r;
        }
        r = rtsp_track_push_rtp(&c->media.tracks[i], frame, c->now.steady_us, &p, &a, &damage);
        if (r < 0 && c->events->on_damage)
                c->events->on_damage(c->owner, i, c->item_at, &damage);
        if (r <= 0)
                return 0;
        return c->events->on_packet(c->owner, i, &p, &a, c->now.wall_us, e);
}

static int on_frame(struct rtsp_client *c, uint8_t channel, struct bytes frame, struct err *e)
{
        struct rtsp_track *t;
        bool rtcp;
        unsigned i;

        if (c->step < STEP_PLAY) {
                c->media.stray_frames++;
                return 0;
        }
        if (!rtsp_media_find(&c->media, channel, &i, &rtcp))
                return 0;
        t = &c->media.tracks[i];
        if (t->unprotect && t->unprotect(t->unprotect_owner, rtcp, &frame) < 0) {
                t->bad_packets++;
                return 0;
        }
        if (!rtcp)
                return on_rtp(c, i, frame, e);
        if (rtsp_track_push_rtcp(t, frame, c->now.wall_us))
                return err_fault(e, ERR_UNAVAILABLE, FAULT_TRACK_ENDED,
                        "the camera ended track %u (RTCP BYE)", i + 1);
        return 0;
}

/* ---- answers ---- */

static int refused(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        char room[32];

        return rtsp_refusal_set(e, step_name(c, room), m->status, m->reason,
                rtsp_header(m, "Location", 0),
                c->step == STEP_SETUP ? FAULT_SETUP_REFUSED : FAULT_REQUEST_REFUSED);
}

static int on_unauthorized(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct bytes values[DIGEST_CHALLENGES_MAX];
        unsigned n = 0;
        char room[32];
        int r;

        while (n < DIGEST_CHALLENGES_MAX && (values[n] = rtsp_header(m, "WWW-Authenticate", n)).p)
                n++;
        r = login_challenge(&c->login, values, n, e);
        if (r >= 0)
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
                /* Without plain there is TLS, and its peer was verified or pinned before a request
                 * went. */
                r = rtsp_media_describe(&c->media, i, sdp, wanted[i], &c->url, base, !c->plain, e);
                if (r < 0)
                        return r;
        }
        c->media.tracks_n = (unsigned)n;
        return 0;
}

static int on_described(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct bytes base = rtsp_header(m, "Content-Base", 0);
        struct sdp sdp;
        /* A description without an announced length has no end that could be waited for. */
        int r = m->body.n ? sdp_parse(m->body, &sdp, e)
                          : err_set(e, ERR_PROTOCOL,
                                    "the answer holds no description: its Content-Length is 0 or "
                                    "missing");

        if (base.n == 0)
                base = rtsp_header(m, "Content-Location", 0);
        if (r >= 0)
                r = prepare_tracks(c, &sdp, base, e);
        if (c->freed)
                return r;
        if (r < 0 && e && !e->fault)
                e->fault = FAULT_BAD_DESCRIPTION;
        if (r < 0)
                return err_wrap(e, r, "DESCRIBE");
        return begin_step(c, STEP_SETUP, e);
}

static int take_session(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct rtsp_session session;
        struct bytes value = rtsp_header(m, "Session", 0);
        int r;

        if (!value.p && c->session.id[0])
                return 0;
        if (!value.p)
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "the answer names no session");
        r = rtsp_session_parse(value, &session, e);
        if (r < 0)
                return r;
        if (c->session.id[0] && strcmp(c->session.id, session.id) != 0)
                return err_fault(
                        e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "the camera changed the session");
        c->session = session;
        return 0;
}

/* The next track, or PLAY behind the last. */
static int after_setup(struct rtsp_client *c, struct err *e)
{
        c->at_set_up++;
        return begin_step(c, c->at_set_up < c->media.tracks_n ? STEP_SETUP : STEP_PLAY, e);
}

static int on_set_up(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        char room[32];
        int r = take_session(c, m, e);

        if (r >= 0)
                r = rtsp_media_set_up(
                        &c->media, c->at_set_up, c->link, rtsp_header(m, "Transport", 0), e);
        if (r < 0)
                return err_wrap(e, r, "%s", step_name(c, room));
        return after_setup(c, e);
}

/* Without this track, where the owner agrees and another one is or may be left. */
static int on_set_up_refused(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        struct err why;
        int r = refused(c, m, &why);

        if (e)
                *e = why;
        if (m->status < 400 || !c->events->on_left_out || rtsp_media_count(&c->media) == 1)
                return r;
        c->media.left_out[c->at_set_up] = true;
        r = c->events->on_left_out(c->owner, c->at_set_up, &why, e);
        return r < 0 || c->freed ? r : after_setup(c, e);
}

static int on_keepalive_answer(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        if (m->status == 454)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_SESSION_ENDED,
                        "the camera dropped the session (454)");
        /* A camera that lists GET_PARAMETER and then does not know it gets OPTIONS from now on. */
        if (m->status >= 400)
                c->can_get_parameter = false;
        return 0;
}

static int on_answer(struct rtsp_client *c, const struct rtsp_message *m, struct err *e)
{
        /* Provisional, or the late answer to an old request. A number that no request ever had is a
         * camera's mistake: it answers the one that waits. */
        if (m->status < 200 || !c->waiting || (m->has_cseq && m->cseq < c->cseq && m->cseq > 0))
                return 0;
        c->waiting = false;
        rtsp_link_answered(c->link);
        timer_done(&c->step_timer);
        if (m->status == 401)
                return on_unauthorized(c, m, e);
        if (m->status < 300)
                digest_client_accepted(c->login.auth);
        if (c->step == STEP_PLAYING && strcmp(c->method, "PLAY") != 0)
                return on_keepalive_answer(c, m, e);
        if (c->step == STEP_OPTIONS && (m->status < 300 || m->status >= 400)) {
                /* Nothing depends on OPTIONS: a camera without it can still play. */
                c->can_get_parameter = m->status < 300 &&
                                       rtsp_list_has(rtsp_header(m, "Public", 0), "GET_PARAMETER");
                return begin_step(c, STEP_DESCRIBE, e);
        }
        if (m->status >= 300)
                return c->step == STEP_SETUP ? on_set_up_refused(c, m, e) : refused(c, m, e);
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
                return err_fault(e, ERR_DENIED, FAULT_REDIRECT,
                        "the camera asks to go elsewhere (REDIRECT): refused");
        for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
                if (rtsp_method_is(m, harmless[i]))
                        status = 200;
        buf_init(&out, REQUEST_MAX);
        r = rtsp_format_response(
                &out, status, m->has_cseq ? m->cseq : 0, NULL, 0, BYTES(NULL, 0), e);
        if (r >= 0)
                r = rtsp_link_send(c->link, buf_bytes(&out), e);
        buf_done(&out);
        return r;
}

/* ---- the link's events ---- */

static int on_item(
        void *owner, const struct rtsp_item *item, const struct rtsp_link_time *at, struct err *e)
{
        struct rtsp_client *c = owner;
        char room[32];
        int r;

        if (c->ended)
                return ERR_CANCELLED;
        c->now = *at;
        c->item_at = item->at;
        enter(c);
        if (item->message)
                rtsp_client_trace_message(c->events->on_trace, c->owner, step_name(c, room),
                        c->method, item->message);
        if (!item->message)
                r = on_frame(c, item->channel, item->frame, e);
        else if (item->message->is_request)
                r = on_request(c, item->message, e);
        else
                r = on_answer(c, item->message, e);
        if (!leave(c))
                return ERR_CANCELLED;
        c->explained = r < 0;
        return r;
}

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        struct rtsp_client *c = owner;
        char room[32];
        int r;

        enter(c);
        rtsp_client_trace_secure(c->events->on_trace, c->owner, step_name(c, room), tls);
        r = c->events->on_secure(c->owner, tls, e);
        if (r >= 0 && !c->freed && c->step == STEP_CONNECT &&
                rtsp_link_carrier(c->link) == RTSP_LINK_TUNNEL) {
                c->step = STEP_TUNNEL;
                start_step_timer(c);
        }
        if (!leave(c))
                return ERR_CANCELLED;
        c->explained = r < 0;
        return r;
}

static int on_open(void *owner, struct err *e)
{
        struct rtsp_client *c = owner;
        int r;

        enter(c);
        r = begin_step(c, STEP_OPTIONS, e);
        if (!leave(c))
                return ERR_CANCELLED;
        c->explained = r < 0;
        return r;
}

static void need_connection(void *owner)
{
        struct rtsp_client *c = owner;

        enter(c);
        c->events->need_socket(c->owner, RTSP_CLIENT_CONNECTION);
        leave(c);
}

static void on_link_end(void *owner, const struct err *why)
{
        struct rtsp_client *c = owner;
        struct err e = *why;
        char room[32];

        if (!c->explained && c->step != STEP_PLAYING)
                err_wrap(&e, e.code, "%s", step_name(c, room));
        if (e.code == ERR_PROTOCOL && !e.fault)
                e.fault = FAULT_BAD_ANSWER;
        fail(c, &e);
}

static const struct rtsp_link_events link_handlers = {
        .on_secure = on_secure,
        .on_open = on_open,
        .on_item = on_item,
        .need_connection = need_connection,
        .on_end = on_link_end,
};

/* ---- life ---- */

int rtsp_client_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct rtsp_client_options *o, const struct rtsp_client_events *events, void *owner,
        struct rtsp_client **ret, struct err *e)
{
        struct rtsp_client *c = xcalloc(1, sizeof *c);
        int r;

        c->shared = sh;
        c->events = events;
        c->owner = owner;
        c->url = *o->url;
        /* What is tunnelled is RTSP all the same, and its requests say so. */
        if (c->url.scheme == URL_HTTP || c->url.scheme == URL_HTTPS)
                c->url.scheme = URL_RTSP;
        c->plain = o->plain;
        c->login = (struct login){ .user = o->user, .password = o->password, .auth = o->auth };
        c->step_ms = o->step_ms ? o->step_ms : RTSP_CLIENT_STEP_MS;
        c->report_ms = o->report_ms ? o->report_ms : RTSP_CLIENT_REPORT_MS;
        c->keepalive_ms = o->keepalive_ms;
        c->pace_ms = o->pace_ms;
        c->ssrc = (uint32_t)random_u64();
        digest_client_reconnect(o->auth);
        const struct rtsp_link_options lo = { .carrier = o->carrier,
                .plain = o->plain,
                .url = o->url,
                .login = c->login,
                .handshake_ms = o->handshake_ms };
        r = rtsp_link_new(sh, fd, t, &lo, &link_handlers, c, &c->link, e);
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
        if (c->ended || !c->session.id[0] || !rtsp_link_idle(c->link))
                return;
        (void)!send_request(c, "TEARDOWN", c->aggregate_url, NULL, 0, NULL);
}

struct rtsp_client *rtsp_client_free(struct rtsp_client *c)
{
        if (!c)
                return NULL;
        stop_timers(c);
        send_teardown(c);
        c->freed = true;
        c->link = rtsp_link_free(c->link);
        if (c->busy == 0)
                destroy(c);
        return NULL;
}

void rtsp_client_connection(struct rtsp_client *c, int fd, struct tls *t)
{
        rtsp_link_connection(c->link, fd, t);
}

void rtsp_client_datagrams(struct rtsp_client *c, const int fds[static 2], uint16_t port)
{
        char room[32];
        struct err e;
        int r;

        if (c->ended || !c->wants_sockets) {
                close(fds[0]);
                close(fds[1]);
                return;
        }
        c->wants_sockets = false;
        c->media.ports[c->at_set_up] = port;
        enter(c);
        r = rtsp_link_datagrams(c->link, c->at_set_up, fds, &e);
        if (r >= 0)
                r = send_step(c, &e);
        if (r < 0) {
                err_wrap(&e, r, "%s", step_name(c, room));
                fail_soon(c, &e);
        }
        leave(c);
}

void rtsp_client_no_socket(struct rtsp_client *c, const struct err *why)
{
        if (!c->ended)
                fail_soon(c, why);
}

void rtsp_client_pace(struct rtsp_client *c, unsigned interval_ms)
{
        c->pace_ms = interval_ms;
        if (c->step == STEP_PLAYING)
                rtsp_link_pace(c->link, interval_ms);
}

const struct rtcp_clock *rtsp_client_clock(const struct rtsp_client *c, unsigned track)
{
        return &c->media.tracks[track].clock;
}

struct rtsp_client_counters rtsp_client_counters(const struct rtsp_client *c)
{
        struct rtsp_client_counters n = {
                .bytes = rtsp_link_received(c->link),
                .stray_frames = c->media.stray_frames,
                .skipped_bytes = rtsp_link_skipped(c->link),
        };

        for (unsigned i = 0; i < c->media.tracks_n; i++) {
                const struct rtsp_track *t = &c->media.tracks[i];

                n.packets += t->packets;
                n.lost_packets += t->source.lost;
                n.bad_packets += t->bad_packets;
        }
        n.srtp = rtsp_srtp_counters(&c->media.srtp);
        return n;
}
