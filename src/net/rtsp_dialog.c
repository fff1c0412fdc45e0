/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_dialog.h"

#include <stdio.h>

#include "proto/rtsp_transport.h"

#define METHODS "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
#define REALM "custos"
#define SERVER "Custos"
#define TRACK "track"
#define LINES_MAX 8
#define OTHER_CHANNELS 20 /* a tweak's, from those that were asked for */
#define TWEAKED_PORT 6970 /* where a tweak claims to send from, without sockets */
#define CHALLENGE_ROOM 768
#define INFO_ROOM (RTSP_DIALOG_TRACKS_MAX * (URL_MAX + 64))

/* One request on its way to its response. */
struct exchange {
        struct rtsp_dialog *d;
        const struct rtsp_message *m;
        const char *new_session;
        struct buf *out;
        struct err *why;
        const struct rtsp_tweak *tweak; /* NULL: honest */
        char uri[URL_MAX];
        char path[RTSP_DIALOG_PATH_ROOM];
        int track; /* named by the URI; negative: none, the whole presentation */
        struct rtsp_line lines[LINES_MAX];
        unsigned lines_n;
};

struct method {
        const char *name;
        int (*handle)(struct exchange *x);
        bool open; /* without authentication */
        bool in_session;
};

int rtsp_dialog_init(
        struct rtsp_dialog *d, const char nonce[static RTSP_DIALOG_NONCE_ROOM], struct err *e)
{
        d->failures = 0;
        d->playing = false;
        d->session[0] = d->path[0] = 0;
        d->tracks_n = 0;
        memset(d->tracks, 0, sizeof d->tracks);
        return digest_server_init(&d->digest, REALM, nonce, /* md5_allowed= */ true, e);
}

static void add_line(struct exchange *x, const char *name, const char *value)
{
        if (x->lines_n < LINES_MAX)
                x->lines[x->lines_n++] = (struct rtsp_line){ name, value };
}

static int respond(struct exchange *x, unsigned status, struct bytes body)
{
        struct err e = { 0 };
        int r;

        add_line(x, "Server", SERVER);
        r = rtsp_format_response(x->out, status,
                (x->m->has_cseq ? x->m->cseq : 0) + (x->tweak && x->tweak->wrong_cseq), x->lines,
                x->lines_n, body, &e);
        if (r < 0 && x->why)
                *x->why = e;
        return r < 0 ? r : RTSP_DIALOG_GO_ON;
}

static int refuse(struct exchange *x, unsigned status, int code, const char *text)
{
        if (x->why && x->why->code == 0)
                err_set(x->why, code, "%u %s: %s", status, rtsp_reason(status), text);
        return respond(x, status, BYTES(NULL, 0));
}

static int challenge(struct exchange *x, bool stale)
{
        static const enum digest_scheme schemes[] = { DIGEST_SHA256, DIGEST_MD5 };
        char text[ARRAY_LEN(schemes)][CHALLENGE_ROOM];

        for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
                const int r = digest_server_challenge(
                        &x->d->digest, schemes[i], stale, text[i], sizeof text[i], x->why);

                if (r < 0)
                        return r;
                add_line(x, "WWW-Authenticate", text[i]);
        }
        return respond(x, 401, BYTES(NULL, 0));
}

static int tweaked_challenge(struct exchange *x, bool answered)
{
        char text[RTSP_TWEAK_CHALLENGES_MAX][RTSP_TWEAK_CHALLENGE_ROOM];
        const int n = rtsp_tweak_challenge(x->tweak, &x->d->digest, answered, text, x->why);

        for (int i = 0; i < n; i++)
                add_line(x, "WWW-Authenticate", text[i]);
        return n < 0 ? n : respond(x, 401, BYTES(NULL, 0));
}

/* As authenticate, wrong on purpose. */
static bool tweaked_authenticate(struct exchange *x, struct bytes given, int *ret)
{
        const enum rtsp_tweak_auth auth = x->tweak->auth;
        bool stale, fits = false;
        struct err e = { 0 };

        if (auth == RTSP_TWEAK_AUTH_BASIC)
                fits = rtsp_tweak_basic_fits(given, x->d->user, x->d->password);
        else if (auth != RTSP_TWEAK_AUTH_DOWNGRADE && auth != RTSP_TWEAK_AUTH_STALE_LOOP && given.p)
                fits = digest_server_check(&x->d->digest, given, x->m->method, x->m->uri,
                               x->d->user, x->d->password, &stale, &e) >= 0;
        if (!fits)
                *ret = tweaked_challenge(x, given.p != NULL);
        return fits;
}

/* True when the request may go on; else *ret is what the exchange comes to. */
static bool authenticate(struct exchange *x, int *ret)
{
        const struct bytes given = rtsp_header(x->m, "Authorization", 0);
        bool stale = false;
        struct err e = { 0 };

        if (!x->d->user)
                return true;
        if (x->tweak && x->tweak->auth)
                return tweaked_authenticate(x, given, ret);
        if (!given.p) {
                *ret = challenge(x, false);
                return false;
        }
        if (digest_server_check(&x->d->digest, given, x->m->method, x->m->uri, x->d->user,
                    x->d->password, &stale, &e) >= 0)
                return true;
        if (x->why)
                *x->why = e;
        *ret = challenge(x, stale);
        if (*ret >= 0 && ++x->d->failures >= RTSP_DIALOG_FAILURES_MAX)
                *ret = RTSP_DIALOG_CLOSE;
        return false;
}

/* "/cam/track1" to path "cam", track 1. The query is left out of account. */
static int take_uri(struct exchange *x, struct err *e)
{
        struct url u;
        char *end, *slash;
        size_t path_n;

        x->track = -1;
        if (x->m->uri.n >= sizeof x->uri)
                return err_set(e, ERR_INVALID, "a URI of %zu bytes", x->m->uri.n);
        memcpy(x->uri, x->m->uri.p, x->m->uri.n);
        x->uri[x->m->uri.n] = 0;
        if (strcmp(x->uri, "*") == 0)
                return 0;
        if (url_parse(x->uri, &u, e) < 0)
                return ERR_INVALID;
        u.path[strcspn(u.path, "?")] = 0;
        for (end = u.path + strlen(u.path); end > u.path && end[-1] == '/'; end--)
                end[-1] = 0;
        slash = strrchr(u.path, '/');
        if (slash && strncmp(slash + 1, TRACK, strlen(TRACK)) == 0) {
                const char digit = slash[1 + strlen(TRACK)];

                if (digit >= '0' && digit < '0' + RTSP_DIALOG_TRACKS_MAX &&
                        !slash[2 + strlen(TRACK)]) {
                        x->track = digit - '0';
                        *slash = 0;
                }
        }
        path_n = strlen(u.path);
        if (path_n > sizeof x->path)
                return err_set(e, ERR_INVALID, "a path of %zu bytes", path_n);
        if (path_n > 0)
                memcpy(x->path, u.path + 1, path_n);
        return 0;
}

static int on_options(struct exchange *x)
{
        add_line(x, "Public", METHODS);
        return respond(x, 200, BYTES(NULL, 0));
}

static int on_describe(struct exchange *x)
{
        const struct bytes accept = rtsp_header(x->m, "Accept", 0);
        char base[URL_MAX + 1];
        struct buf sdp;
        unsigned tracks;
        int r;

        if (accept.p && !rtsp_list_has(accept, "application/sdp") && !rtsp_list_has(accept, "*/*"))
                return refuse(x, 406, ERR_INVALID, "only application/sdp is spoken");
        if (x->track >= 0)
                return refuse(x, 404, ERR_NOT_FOUND, "a track is not described by itself");
        buf_init(&sdp, x->tweak ? RTSP_TWEAK_BODY_MAX : RTSP_BODY_MAX);
        r = x->d->describe(x->d->owner, x->path, &sdp, &tracks, x->why);
        if (r < 0) {
                buf_done(&sdp);
                return refuse(x, r == ERR_NOT_FOUND ? 404 : 503, r, "no stream is called that");
        }
        snprintf(base, sizeof base, "%s%s", x->uri, x->uri[strlen(x->uri) - 1] == '/' ? "" : "/");
        add_line(x, "Content-Base",
                x->tweak && x->tweak->content_base ? x->tweak->content_base : base);
        add_line(x, "Content-Type", "application/sdp");
        r = respond(x, 200, buf_bytes(&sdp));
        if (sdp.n > 0)
                explicit_bzero(sdp.p, sdp.n); /* it may name keys */
        buf_done(&sdp);
        return r;
}

/* Whether we send this way. Datagrams go where the connection comes from, whatever destination is
 * asked for. */
static bool is_served(const struct exchange *x, const struct rtsp_transport *t)
{
        if (t->secure_profile != x->d->secure || t->multicast || t->record)
                return false;
        if (t->lower == RTSP_TRANSPORT_TCP)
                return !x->tweak || !x->tweak->only_datagrams;
        return t->lower == RTSP_TRANSPORT_UDP && t->has_client_port && t->client_port[0] &&
               t->client_port[1] && x->d->server_port[0];
}

/* The first of the client's choices that is served. */
static bool choose_transport(
        const struct exchange *x, struct bytes offered, struct rtsp_transport *ret)
{
        struct err e;

        for (unsigned i = 0; rtsp_transport_parse(offered, i, ret, &e) >= 0; i++) {
                if (x->tweak && x->tweak->plain_datagrams) {
                        ret->lower = RTSP_TRANSPORT_UDP;
                        return true;
                }
                if (is_served(x, ret))
                        return true;
        }
        return false;
}

static bool channel_is_free(const struct rtsp_dialog *d, int but_for, uint8_t channel)
{
        for (int i = 0; i < RTSP_DIALOG_TRACKS_MAX; i++)
                if (i != but_for && d->tracks[i].set_up && !d->tracks[i].datagrams &&
                        (d->tracks[i].channel == channel || d->tracks[i].rtcp_channel == channel))
                        return false;
        return true;
}

/* The client's channels where they are free, else our own. False: ours are taken too. */
static bool choose_channels(const struct exchange *x, struct rtsp_transport *t)
{
        const struct rtsp_dialog *d = x->d;
        const int track = x->track;

        if (t->has_interleaved && x->tweak && x->tweak->other_channels) {
                t->interleaved[0] = (uint8_t)(t->interleaved[0] + OTHER_CHANNELS);
                t->interleaved[1] = (uint8_t)(t->interleaved[1] + OTHER_CHANNELS);
        }
        if (t->has_interleaved && t->interleaved[0] != t->interleaved[1] &&
                channel_is_free(d, track, t->interleaved[0]) &&
                channel_is_free(d, track, t->interleaved[1]))
                return true;
        t->has_interleaved = true;
        t->interleaved[0] = (uint8_t)(2 * track);
        t->interleaved[1] = (uint8_t)(2 * track + 1);
        return channel_is_free(d, track, t->interleaved[0]) &&
               channel_is_free(d, track, t->interleaved[1]);
}

static void session_line(struct exchange *x, char *text, size_t room)
{
        snprintf(text, room, "%s;timeout=%u", x->d->session, x->d->timeout_s);
        add_line(x, "Session", text);
}

/* What was agreed on, as the track and as the answer's Transport. */
static struct rtsp_transport agree(
        struct exchange *x, struct rtsp_dialog_track *track, const struct rtsp_transport *t)
{
        struct rtsp_transport answer = { .lower = t->lower,
                .secure_profile = x->d->secure,
                .feedback = t->feedback,
                .unicast = true };

        track->set_up = true;
        track->datagrams = t->lower == RTSP_TRANSPORT_UDP;
        memcpy(track->url, x->uri, sizeof track->url);
        if (!track->datagrams) {
                track->channel = t->interleaved[0];
                track->rtcp_channel = t->interleaved[1];
                answer.has_interleaved = true;
                memcpy(answer.interleaved, t->interleaved, sizeof answer.interleaved);
                return answer;
        }
        memcpy(track->client_port, t->client_port, sizeof track->client_port);
        answer.has_client_port = answer.has_server_port = true;
        memcpy(answer.client_port, t->client_port, sizeof answer.client_port);
        memcpy(answer.server_port, x->d->server_port, sizeof answer.server_port);
        if (x->tweak && x->tweak->plain_datagrams) {
                answer.secure_profile = false;
                answer.server_port[0] = TWEAKED_PORT;
                answer.server_port[1] = TWEAKED_PORT + 1;
        }
        return answer;
}

static int accept_track(struct exchange *x, const struct rtsp_transport *t)
{
        char transport[RTSP_TRANSPORT_ROOM], session[RTSP_SESSION_ROOM];
        struct rtsp_transport answer;

        if (!x->d->session[0]) {
                memcpy(x->d->session, x->new_session, sizeof x->d->session);
                memcpy(x->d->path, x->path, sizeof x->d->path);
        }
        answer = agree(x, &x->d->tracks[x->track], t);
        if (!x->tweak || !x->tweak->no_session)
                session_line(x, session, sizeof session);
        add_line(x, "Transport", rtsp_transport_format(&answer, transport));
        return respond(x, 200, BYTES(NULL, 0));
}

static int on_setup(struct exchange *x)
{
        const struct bytes offered = rtsp_header(x->m, "Transport", 0);
        struct rtsp_transport t;
        unsigned tracks;
        int r;

        if (x->d->playing)
                return refuse(x, 455, ERR_STATE, "SETUP while playing");
        if (x->d->session[0] && strcmp(x->d->path, x->path) != 0)
                return refuse(x, 459, ERR_STATE, "one stream in a session");
        r = x->d->describe(x->d->owner, x->path, NULL, &tracks, x->why);
        if (r < 0)
                return refuse(x, r == ERR_NOT_FOUND ? 404 : 503, r, "no stream is called that");
        if (x->track < 0 && tracks == 1)
                x->track = 0;
        if (x->track < 0)
                return refuse(x, 459, ERR_INVALID, "SETUP needs the URL of a track");
        if ((unsigned)x->track >= tracks)
                return refuse(x, 404, ERR_NOT_FOUND, "no such track");
        if (!offered.p || !choose_transport(x, offered, &t) ||
                (t.lower == RTSP_TRANSPORT_TCP && !choose_channels(x, &t)))
                return refuse(x, 461, ERR_INVALID,
                        x->d->secure ? "only RTP/SAVP is served"
                                     : "only RTP/AVP/TCP, interleaved, is served");
        r = x->d->set_up
                    ? x->d->set_up(x->d->owner, x->path, (unsigned)x->track,
                              bytes_sub(rtsp_header(x->m, "KeyMgmt", 0), 0, RTSP_DIALOG_KEYS_MAX),
                              x->why)
                    : 0;
        if (r < 0)
                return refuse(x, 463, r, "KeyMgmt");
        x->d->tracks_n = tracks;
        return accept_track(x, &t);
}

static int on_play(struct exchange *x)
{
        struct rtsp_dialog_start start[RTSP_DIALOG_TRACKS_MAX] = { 0 };
        char session[RTSP_SESSION_ROOM], info[INFO_ROOM] = "";
        size_t n = 0;
        int r;

        if (strcmp(x->path, x->d->path) != 0)
                return refuse(x, 454, ERR_INVALID, "that stream is not set up");
        session_line(x, session, sizeof session);
        if (x->d->playing)
                return respond(x, 200, BYTES(NULL, 0));
        r = x->d->play(x->d->owner, x->d->path, start, x->why);
        if (r < 0)
                return refuse(x, 503, r, "not now");
        for (unsigned i = 0; i < x->d->tracks_n; i++)
                if (x->d->tracks[i].set_up)
                        n += (size_t)snprintf(info + n, sizeof info - n,
                                "%surl=%s;seq=%u;rtptime=%u", n ? "," : "", x->d->tracks[i].url,
                                start[i].sequence, start[i].timestamp);
        add_line(x, "Range", "npt=now-");
        add_line(x, "RTP-Info", info);
        r = respond(x, 200, BYTES(NULL, 0));
        if (r < 0)
                return r;
        x->d->playing = true;
        return RTSP_DIALOG_PLAY;
}

/* GET_PARAMETER and SET_PARAMETER only keep the session alive. */
static int on_parameter(struct exchange *x)
{
        char session[RTSP_SESSION_ROOM];

        if (x->m->body.n > 0)
                return refuse(x, 451, ERR_INVALID, "there are no parameters");
        if (x->d->session[0])
                session_line(x, session, sizeof session);
        return respond(x, 200, BYTES(NULL, 0));
}

static int on_teardown(struct exchange *x)
{
        const int r = respond(x, 200, BYTES(NULL, 0));

        x->d->playing = false;
        x->d->session[0] = x->d->path[0] = 0;
        memset(x->d->tracks, 0, sizeof x->d->tracks);
        return r < 0 ? r : RTSP_DIALOG_STOP;
}

static const struct method methods[] = {
        { "OPTIONS", on_options, .open = true },
        { "DESCRIBE", on_describe },
        { "SETUP", on_setup },
        { "PLAY", on_play, .in_session = true },
        { "GET_PARAMETER", on_parameter },
        { "SET_PARAMETER", on_parameter },
        { "TEARDOWN", on_teardown, .in_session = true },
};

/* A Session header must name ours; some methods need one. */
static bool session_fits(const struct exchange *x, bool needed)
{
        const struct bytes value = rtsp_header(x->m, "Session", 0);
        struct rtsp_session given;
        struct err e;

        if (!value.p)
                return !needed || (x->tweak && x->tweak->no_session);
        if (!x->d->session[0] || rtsp_session_parse(value, &given, &e) < 0)
                return false;
        return secret_equal(bytes_str(given.id), bytes_str(x->d->session));
}

/* What is done wrong for the request's path, before anything else is looked at. */
static void find_tweak(struct exchange *x)
{
        if (x->d->tweak && take_uri(x, NULL) >= 0)
                x->tweak = x->d->tweak(x->d->owner, x->path);
        x->d->tweaked = x->tweak;
}

/* True when a tweak answers, or leaves without an answer, what else would be handled. */
static bool tweaked_answer(struct exchange *x, int *ret)
{
        const struct rtsp_tweak *t = x->tweak;

        if (!t)
                return false;
        *ret = RTSP_DIALOG_GO_ON;
        if (t->frozen || rtsp_tweak_names(t->silent, x->m))
                return true;
        if (rtsp_tweak_names(t->refused, x->m)) {
                *ret = respond(x, t->refused_status, BYTES(NULL, 0));
                return true;
        }
        if (t->redirect && rtsp_method_is(x->m, "DESCRIBE")) {
                add_line(x, "Location", t->redirect);
                *ret = respond(x, 302, BYTES(NULL, 0));
                return true;
        }
        return false;
}

static int handle(struct exchange *x)
{
        const struct bytes require = rtsp_header(x->m, "Require", 0);
        struct err e = { 0 };
        char unsupported[256];
        int r = 0;

        find_tweak(x);
        if (tweaked_answer(x, &r))
                return r;
        for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
                if (!rtsp_method_is(x->m, methods[i].name))
                        continue;
                if (!methods[i].open && !authenticate(x, &r))
                        return r;
                if (require.p) {
                        snprintf(unsupported, sizeof unsupported, "%.*s",
                                (int)(require.n < 200 ? require.n : 200), (const char *)require.p);
                        add_line(x, "Unsupported", unsupported);
                        return refuse(x, 551, ERR_INVALID, "Require");
                }
                if (take_uri(x, &e) < 0)
                        return refuse(x, 400, ERR_PROTOCOL, e.text);
                if (!session_fits(x, methods[i].in_session))
                        return refuse(x, 454, ERR_INVALID, "no such session in this connection");
                return methods[i].handle(x);
        }
        add_line(x, "Allow", METHODS);
        return refuse(x, 501, ERR_INVALID, "method");
}

int rtsp_dialog_answer(struct rtsp_dialog *d, const struct rtsp_message *request,
        const char new_session[static RTSP_DIALOG_NONCE_ROOM], struct buf *out, struct err *why)
{
        struct exchange x = { .d = d,
                .m = request,
                .new_session = new_session,
                .out = out,
                .why = why,
                .track = -1 };
        int r;

        if (why)
                *why = (struct err){ 0 };
        if (!request->is_request)
                return err_set(why, ERR_PROTOCOL, "a response, where requests are expected");
        if (!request->has_cseq) {
                r = refuse(&x, 400, ERR_PROTOCOL, "no CSeq");
                return r < 0 ? r : RTSP_DIALOG_CLOSE;
        }
        return handle(&x);
}
