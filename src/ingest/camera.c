/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera.h"

#include <inttypes.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "ingest/backoff.h"
#include "ingest/bit_rate.h"
#include "ingest/camera_policy.h"
#include "ingest/camera_pull.h"
#include "ingest/camera_track.h"
#include "media/media_config.h"
#include "net/rtsp_client.h"
#include "os/clock.h"

/* docs/spec/vault.md, tag 9 */
#define PROTECTION_OPEN 0
#define PROTECTION_PINNED 2
#define PROTECTION_VERIFIED 3

/* Streaming for so long, a connection counts as having been well. */
#define WELL_US 10000000

struct camera {
        struct loop *loop;             /* borrowed */
        struct stream_shared *streams; /* counted */
        const struct camera_events *events;
        void *owner;
        struct log_ctx log;
        struct url url;
        struct err url_fault; /* code 0: the URL is good */
        char *user;           /* owned; NULL: none */
        struct secret password;
        struct tls_client_config *tls; /* borrowed */
        struct camera_policy policy;
        uint8_t pin[32];
        bool without_audio;
        unsigned pace_ms;
        struct camera_times times;

        enum camera_state state;
        bool fell_back;             /* this connection goes without TLS (tls-if-available) */
        bool wants;                 /* a socket was asked for while the session runs */
        struct rtsp_client *client; /* owned; one at a time */
        struct camera_pull *pull;   /* owned; instead of client, over HTTP */
        struct digest_client auth;
        struct backoff backoff;
        struct timer
                timer; /* CONNECTING: the socket; WAITING: the next try; STREAMING: the watch */
        struct camera_connection connection;
        struct camera_track tracks[CAMERA_TRACKS_MAX];
        unsigned tracks_n;
        int track_of[RTSP_CLIENT_TRACKS_MAX]; /* by the session's track; -1: left out */
        int video;                            /* its track, or -1 */
        bool gate_open;                       /* units are delivered */
        bool stopping;                        /* the owner refused a unit */
        int64_t play_us,
                packet_us; /* steady: PLAY, and the newest packet of the track that is watched */
        struct bit_rate rate;
        struct camera_counters counters; /* of former connections; units of all */
        unsigned busy;                   /* our own calls on the stack */
        bool freed;
};

enum camera_state camera_state(const struct camera *c)
{
        return c->state;
}

/* ---- life ---- */

static unsigned or_default(unsigned v, unsigned other)
{
        return v ? v : other;
}

static void set_times(struct camera *c, const struct camera_times *t)
{
        c->times = (struct camera_times){
                .socket_ms = or_default(t->socket_ms, 30000),
                .handshake_ms = or_default(t->handshake_ms, STREAM_HANDSHAKE_MS),
                .step_ms = or_default(t->step_ms, RTSP_CLIENT_STEP_MS),
                .idle_ms = or_default(t->idle_ms, 10000),
                .key_ms = or_default(t->key_ms, 60000),
                .snapshot_ms = or_default(t->snapshot_ms, CAMERA_PULL_SNAPSHOT_MS),
        };
        c->backoff = (struct backoff){
                .quick_ms = or_default(t->quick_ms, 250),
                .first_ms = or_default(t->first_ms, 1000),
                .last_ms = or_default(t->last_ms, 30000),
        };
}

struct camera *camera_new(struct loop *l, const struct camera_options *o,
        const struct camera_events *events, void *owner)
{
        struct camera *c = xcalloc(1, sizeof *c);

        assert(o->transport != CAMERA_TLS_PINNED || o->pin);
        c->loop = l;
        c->streams = stream_shared_new(l);
        c->events = events;
        c->owner = owner;
        snprintf(c->log.prefix, sizeof c->log.prefix, "cam=%s", o->name);
        c->policy.transport = o->transport;
        c->policy.carrier = o->carrier;
        (void)!camera_policy_parse_url(&c->policy, o->url, &c->url, &c->url_fault);
        c->user = o->user ? xstrdup(o->user) : NULL;
        if (o->password)
                c->password = *o->password;
        c->tls = o->tls;
        if (o->pin)
                memcpy(c->pin, o->pin, sizeof c->pin);
        c->without_audio = o->without_audio;
        c->pace_ms = o->pace_ms;
        c->rate.mbit_max = o->mbit_max;
        set_times(c, &o->times);
        digest_client_init(&c->auth, /* basic_allowed= */ false); /* begin_session decides */
        return c;
}

/* With those of the connection that is there. */
struct camera_counters camera_counters(const struct camera *c)
{
        struct camera_counters n = c->counters;

        if (c->client) {
                struct rtsp_client_counters now = rtsp_client_counters(c->client);

                n.bytes += now.bytes;
                n.packets += now.packets;
                n.lost_packets += now.lost_packets;
                n.bad_packets += now.bad_packets;
                n.skipped_bytes += now.skipped_bytes;
        }
        if (c->pull) {
                struct camera_pull_counters now = camera_pull_counters(c->pull);

                n.bytes += now.bytes;
                n.packets += now.pictures;
                n.bad_packets += now.bad;
        }
        for (unsigned i = 0; i < c->tracks_n; i++)
                n.bad_packets += c->tracks[i].bad_packets;
        return camera_counters_mark(n, c->counters, c->connection.protection < PROTECTION_PINNED);
}

static void drop_connection(struct camera *c)
{
        c->counters = camera_counters(c);
        c->client = rtsp_client_free(c->client);
        c->pull = camera_pull_free(c->pull);
        for (unsigned i = 0; i < c->tracks_n; i++)
                camera_track_done(&c->tracks[i]);
        c->tracks_n = 0;
        c->wants = false;
        timer_done(&c->timer);
}

static void enter(struct camera *c)
{
        c->busy++;
}

static void leave(struct camera *c)
{
        c->busy--;
        if (c->busy > 0 || !c->freed)
                return;
        for (unsigned i = 0; i < c->tracks_n; i++)
                camera_track_done(&c->tracks[i]);
        secret_done(&c->password);
        explicit_bzero(&c->auth, sizeof c->auth);
        stream_shared_free(c->streams);
        free(c->user);
        free(c);
}

/* Within a callback the tracks are still in use: leave() frees them. */
struct camera *camera_free(struct camera *c)
{
        if (!c)
                return NULL;
        enter(c);
        c->freed = true;
        c->state = CAMERA_STOPPED;
        c->client = rtsp_client_free(c->client);
        c->pull = camera_pull_free(c->pull);
        timer_done(&c->timer);
        leave(c);
        return NULL;
}

/* ---- trying ---- */

static void connect_now(struct camera *c);

static void on_retry(void *owner)
{
        struct camera *c = owner;

        enter(c);
        connect_now(c);
        leave(c);
}

static enum backoff_cause cause_of(const struct camera *c, const struct err *why)
{
        /* Neither a password that is refused nor what policy refuses changes in a second; and each
         * try gives whoever answers another Digest to work on. */
        if ((why->code == ERR_AUTH || why->code == ERR_DENIED) && !fault_is_tls(why->fault))
                return BACKOFF_REFUSED;
        if (c->state != CAMERA_STREAMING || !c->gate_open)
                return BACKOFF_FAILED;
        return clock_boot_us() - c->play_us >= WELL_US ? BACKOFF_WAS_WELL : BACKOFF_STREAMED;
}

/* Ends the connection, or the try, and plans the next. */
static void lost(struct camera *c, const struct err *why)
{
        unsigned ms = backoff_next(&c->backoff, cause_of(c, why), (uint32_t)random_u64());

        drop_connection(c);
        c->state = CAMERA_WAITING;
        timer_start(&c->timer, c->loop, ms, 0, on_retry, c);
        log_warn(&c->log, "camera.lost", "err=\"%s\" fault=%s retry_ms=%u", why->text,
                fault_name(why->fault), ms);
        c->events->on_lost(c->owner, c, why);
}

static void stop(struct camera *c, const struct err *why)
{
        drop_connection(c);
        c->state = CAMERA_STOPPED;
        log_error(&c->log, "camera.stopped", "err=\"%s\"", why->text);
}

static void on_no_answer(void *owner)
{
        struct camera *c = owner;
        struct err e;

        err_fault(&e, ERR_TIMEOUT, FAULT_NO_CONNECTION, "no connection within %u ms",
                c->times.socket_ms);
        enter(c);
        lost(c, &e);
        leave(c);
}

static void ask_for_connection(struct camera *c)
{
        c->state = CAMERA_CONNECTING;
        timer_start(&c->timer, c->loop, c->times.socket_ms, 0, on_no_answer, c);
        c->events->need_socket(
                c->owner, c, c->policy.fell_back ? CAMERA_SOCKET_FALLBACK : CAMERA_SOCKET_MAIN);
}

/* Every try begins with what the policy asks for. */
static void connect_now(struct camera *c)
{
        c->policy.fell_back = false;
        ask_for_connection(c);
}

static void fall_back(struct camera *c, const struct err *why)
{
        log_warn(&c->log, "camera.no_tls", "err=\"%s\" fault=%s then=plain", why->text,
                fault_name(why->fault));
        drop_connection(c);
        c->policy.fell_back = true;
        ask_for_connection(c);
}

void camera_start(struct camera *c)
{
        if (c->state != CAMERA_IDLE)
                return;
        enter(c);
        if (c->url_fault.code) {
                stop(c, &c->url_fault);
                c->events->on_lost(c->owner, c, &c->url_fault);
        } else {
                connect_now(c);
        }
        leave(c);
}

static void no_more_sockets(struct camera *c, const struct err *why)
{
        c->wants = false;
        if (c->pull)
                camera_pull_no_connection(c->pull, why);
        else
                rtsp_client_no_socket(c->client, why);
}

void camera_no_socket(struct camera *c, const struct err *why)
{
        if (c->state != CAMERA_CONNECTING && !c->wants)
                return; /* came too late */
        enter(c);
        if (c->wants) {
                no_more_sockets(c, why);
        } else if (camera_policy_may_fall_back(&c->policy, why)) {
                fall_back(c, why);
        } else {
                lost(c, why);
        }
        leave(c);
}

/* ---- the session's events ---- */

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        struct camera *c = owner;
        struct camera_connection *k = &c->connection;
        bool has_key = tls && tls_peer_key(tls, k->camera_key);

        if (!tls && camera_policy_is_plain(&c->policy)) {
                k->protection = PROTECTION_OPEN;
                return 0;
        }
        if (tls && tls_chain_verified(tls))
                k->protection = PROTECTION_VERIFIED;
        else if (c->policy.transport == CAMERA_TLS_PINNED && has_key &&
                 memcmp(k->camera_key, c->pin, sizeof c->pin) == 0)
                k->protection = PROTECTION_PINNED;
        else
                return err_set(e, ERR_AUTH,
                        "the camera's identity was not verified: nothing is sent to it");
        c->policy.was_on_tls = true;
        k->tls_version = tls_version(tls);
        (void)tls_peer_dates(tls, &k->from_us, &k->until_us);
        snprintf(k->tls_cipher, sizeof k->tls_cipher, "%s", tls_cipher(tls));
        return 0;
}

/* Takes the medium as the next track, or says why not. */
static int take_medium(struct camera *c, const struct sdp_media *m, struct err *e)
{
        struct media_config config;
        int r = camera_track_config(m, &config, e);

        if (r < 0)
                return r;
        if (m->kind == SDP_VIDEO && c->video >= 0)
                return err_set(e, ERR_NOT_FOUND, "one of its kind is recorded already");
        if (m->kind == SDP_AUDIO && c->without_audio)
                return err_set(e, ERR_NOT_FOUND, "recording without audio");
        if (c->tracks_n == CAMERA_TRACKS_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "%d tracks are recorded already", CAMERA_TRACKS_MAX);
        r = camera_track_init(&c->tracks[c->tracks_n], &config, e);
        if (r < 0)
                return r;
        if (m->kind == SDP_VIDEO)
                c->video = (int)c->tracks_n;
        c->connection.tracks[c->tracks_n++] = config;
        return 0;
}

static int on_describe(void *owner, const struct sdp *sdp,
        unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e)
{
        struct camera *c = owner;
        char name[80], last_left_out[80] = "no media", left_out[800];
        size_t n = 0;
        struct err why;

        for (unsigned i = 0; i < sdp->media_n; i++) {
                const struct sdp_media *m = &sdp->media[i];

                if (take_medium(c, m, &why) == 0) {
                        wanted[c->tracks_n - 1] = i;
                        continue;
                }
                camera_track_name(m, name);
                if (n < sizeof left_out)
                        n += (size_t)snprintf(left_out + n, sizeof left_out - n, "%s%s: %s",
                                n ? "; " : "", name, why.text);
                memcpy(last_left_out, name, sizeof name);
        }
        for (unsigned i = 0; i < c->tracks_n; i++)
                c->track_of[i] = (int)i;
        /* At once: the log shortens what repeats itself. */
        if (n)
                log_info(&c->log, "camera.track", "left_out=\"%s\"", left_out);
        if (media_config_main_track(c->connection.tracks, c->tracks_n) < 0)
                return err_fault(e, ERR_NOT_FOUND, FAULT_NOTHING_RECORDABLE,
                        "the camera describes nothing that can be recorded (%s). Fix: set its "
                        "stream to "
                        "H.264 or H.265",
                        c->tracks_n ? "metadata alone" : last_left_out);
        return (int)c->tracks_n;
}

/* The others move up: the owner sees only what is recorded. */
static int on_left_out(void *owner, unsigned track, const struct err *why, struct err *e)
{
        struct camera *c = owner;
        int at = c->track_of[track];

        /* Without the track that segments go by there is nothing to record. */
        if (at == media_config_main_track(c->connection.tracks, c->tracks_n)) {
                if (e)
                        *e = *why;
                return why->code;
        }
        log_warn(&c->log, "camera.track", "left_out=\"%s\" why=\"%s\" fault=%s",
                media_config_codec_name(c->tracks[at].config.codec), why->text,
                fault_name(why->fault));
        camera_track_done(&c->tracks[at]);
        for (unsigned i = (unsigned)at + 1; i < c->tracks_n; i++) {
                c->tracks[i - 1] = c->tracks[i];
                c->connection.tracks[i - 1] = c->connection.tracks[i];
        }
        c->tracks_n--;
        c->video -= at < c->video;
        for (unsigned i = 0; i < RTSP_CLIENT_TRACKS_MAX; i++)
                c->track_of[i] = i == track ? -1 : c->track_of[i] - (c->track_of[i] > at);
        return 0;
}

/* Nothing for a while, or nothing that could be believed. */
static int describe_silence(const struct camera *c, struct err *e)
{
        struct srtp_session_counters n = { 0 };

        if (c->client)
                n = rtsp_client_counters(c->client).srtp;
        if (n.packets == 0 && n.unauthenticated + n.foreign + n.malformed > 0)
                return err_fault(e, ERR_AUTH, FAULT_SRTP_UNAUTHENTICATED,
                        "SRTP: packets came, and none authenticates under the keys that the camera "
                        "told (%" PRIu64 " altered or of another key, %" PRIu64
                        " of another sender or key name)",
                        n.unauthenticated + n.malformed, n.foreign);
        return err_fault(e, ERR_TIMEOUT, FAULT_NO_PICTURE, "no %s from the camera for %u ms",
                c->video >= 0 ? "picture" : "sound", c->times.idle_ms);
}

/* What ends a connection that plays, if anything. */
static int look(struct camera *c, int64_t now_us, struct err *e)
{
        int r = bit_rate_look(&c->rate, camera_counters(c).bytes, now_us, e);

        if (r < 0)
                return r;
        if (now_us - c->packet_us >= c->times.idle_ms * INT64_C(1000))
                return describe_silence(c, e);
        if (!c->gate_open && now_us - c->play_us >= c->times.key_ms * INT64_C(1000))
                return err_fault(e, ERR_TIMEOUT, FAULT_NO_KEY_FRAME,
                        "no key frame with parameter sets from the camera for %u ms",
                        c->times.key_ms);
        return 0;
}

static void on_watch(void *owner)
{
        struct camera *c = owner;
        struct err e;

        if (look(c, clock_boot_us(), &e) == 0)
                return;
        enter(c);
        lost(c, &e);
        leave(c);
}

/* The camera plays what k->tracks says. */
static void begin_streaming(struct camera *c)
{
        struct camera_connection *k = &c->connection;
        unsigned watch_ms = c->times.idle_ms / 4 + 1;

        c->state = CAMERA_STREAMING;
        c->counters.connects++;
        c->gate_open = c->video < 0 || c->pull; /* a JPEG picture needs none before it */
        c->play_us = c->packet_us = clock_boot_us();
        bit_rate_begin(&c->rate, camera_counters(c).bytes, c->play_us);
        timer_start(&c->timer, c->loop, watch_ms, watch_ms, on_watch, c);
        log_info(&c->log, "camera.start", "tracks=%u video=%s protection=%s tls=%04x cipher=%s",
                k->tracks_n,
                c->video >= 0 ? media_config_codec_name(k->tracks[c->video].codec) : "none",
                k->protection == PROTECTION_VERIFIED ? "verified"
                : k->protection == PROTECTION_PINNED ? "pinned"
                                                     : "open",
                (unsigned)k->tls_version, k->tls_cipher);
        enter(c);
        c->events->on_start(c->owner, c, k);
        leave(c);
}

static int on_play(void *owner, struct err *e)
{
        struct camera *c = owner;

        (void)e;
        c->connection.tracks_n = c->tracks_n;
        begin_streaming(c);
        return 0;
}

/* Before the first key frame nothing could be decoded, so nothing goes on: the audio waits with it.
 */
static bool pass_gate(struct camera *c, unsigned track, const struct access_unit *unit)
{
        if (!c->gate_open && (int)track == c->video && unit->key &&
                camera_track_decodable(&c->tracks[track]))
                c->gate_open = true;
        if (!c->gate_open)
                c->counters.gated_units++;
        return c->gate_open;
}

static int deliver(struct camera *c, unsigned track, struct access_unit *unit, struct err *e)
{
        struct camera_track *t = &c->tracks[track];
        int r;

        if (!pass_gate(c, track, unit)) {
                camera_track_hold(t, unit);
                return 0;
        }
        camera_track_tell(t, unit);
        c->counters.units++;
        r = c->events->on_unit(c->owner, c, track, unit, e);
        if (r < 0)
                c->stopping = true;
        return r;
}

/* One damaged packet is left out and said, with its place; the rest goes on. */
static void on_damage(void *owner, unsigned of, uint64_t item_at, const struct err *why)
{
        struct camera *c = owner;

        log_warn(&c->log, "camera.damaged", "track=%d byte=%llu err=\"%s\"", c->track_of[of],
                (unsigned long long)item_at, why->text);
}

static void say_damage(struct camera *c, unsigned track)
{
        struct camera_track *t = &c->tracks[track];

        if (!t->damage.code)
                return;
        log_warn(&c->log, "camera.damaged", "track=%u packet=%llu err=\"%s\"", track,
                (unsigned long long)t->sequence, t->damage.text);
        t->damage.code = 0;
}

/* The pipeline on one screen: packet, access unit, clocks, gate, owner. */
static int on_packet(void *owner, unsigned of, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us, struct err *e)
{
        struct camera *c = owner;
        unsigned track = (unsigned)c->track_of[of];
        struct camera_track *t = &c->tracks[track];
        struct access_unit unit;
        int r = 0;

        if (c->video < 0 || (int)track == c->video)
                c->packet_us = clock_boot_us();
        enter(c);
        camera_track_push(t, p, a, arrival_us);
        while (!c->freed && r >= 0 &&
                camera_track_pull(t, rtsp_client_clock(c->client, of), &unit) == 0)
                r = deliver(c, track, &unit, e);
        if (!c->freed)
                say_damage(c, track);
        leave(c);
        return r;
}

static void on_end(void *owner, const struct err *why)
{
        struct camera *c = owner;
        struct err e = *why; /* theirs may go with the connection */

        enter(c);
        if (c->stopping)
                stop(c, &e);
        else if (camera_policy_may_fall_back(&c->policy, &e))
                fall_back(c, &e);
        else
                lost(c, &e);
        leave(c);
}

static void want_socket(struct camera *c, enum camera_socket kind)
{
        c->wants = true;
        enter(c);
        c->events->need_socket(c->owner, c, kind);
        leave(c);
}

static void need_connection(void *owner)
{
        struct camera *c = owner;

        want_socket(c, c->policy.fell_back ? CAMERA_SOCKET_FALLBACK : CAMERA_SOCKET_MAIN);
}

static void need_socket(void *owner, enum rtsp_client_socket kind)
{
        if (kind == RTSP_CLIENT_DATAGRAMS)
                want_socket(owner, CAMERA_SOCKET_DATAGRAMS);
        else
                need_connection(owner);
}

static void on_trace(void *owner, const struct rtsp_client_trace *t)
{
        struct camera *c = owner;

        if (c->events->on_trace)
                c->events->on_trace(c->owner, c, t);
}

static const struct rtsp_client_events session_handlers = {
        .on_secure = on_secure,
        .on_describe = on_describe,
        .on_left_out = on_left_out,
        .on_play = on_play,
        .on_packet = on_packet,
        .on_damage = on_damage,
        .need_socket = need_socket,
        .on_end = on_end,
        .on_trace = on_trace,
};

/* ---- pictures over HTTP ---- */

static int on_pull_start(void *owner, const struct media_config *config, struct err *e)
{
        struct camera *c = owner;

        (void)e;
        c->connection.tracks[0] = *config;
        c->connection.tracks_n = 1;
        c->video = 0;
        begin_streaming(c);
        return 0;
}

static int on_pull_unit(void *owner, const struct access_unit *unit, struct err *e)
{
        struct camera *c = owner;
        int r;

        c->packet_us = clock_boot_us();
        c->counters.units++;
        if (unit->new_config)
                c->connection.tracks[0] = *unit->new_config;
        enter(c);
        r = c->events->on_unit(c->owner, c, 0, unit, e);
        c->stopping = r < 0;
        leave(c);
        return r;
}

static const struct camera_pull_events pull_handlers = {
        .on_secure = on_secure,
        .on_start = on_pull_start,
        .on_unit = on_pull_unit,
        .need_connection = need_connection,
        .on_end = on_end,
};

/* ---- connections ---- */

/* The same verification for every connection to a camera, whatever it is to carry; NULL for one
 * without TLS. */
static int begin_tls(struct camera *c, struct tls **ret, struct err *e)
{
        *ret = NULL;
        if (camera_policy_is_plain(&c->policy))
                return 0;
        return tls_client_new(c->tls, c->url.host,
                c->policy.transport == CAMERA_TLS_PINNED ? c->pin : NULL, clock_wall_us(), ret, e);
}

static int begin_pull(struct camera *c, int fd, struct tls *t, const struct url *url, struct err *e)
{
        const struct camera_pull_options o = {
                .http = { .url = url,
                        .plain = camera_policy_is_plain(&c->policy),
                        .login = { .user = c->user, .password = &c->password, .auth = &c->auth },
                        .handshake_ms = c->times.handshake_ms,
                        .answer_ms = c->times.step_ms },
                .snapshot_ms = c->policy.carrier == CAMERA_SNAPSHOT ? c->times.snapshot_ms : 0,
                .pace_ms = c->pace_ms
        };

        return camera_pull_new(c->streams, fd, t, &o, &pull_handlers, c, &c->pull, e);
}

static int begin_session(struct camera *c, int fd, struct err *e)
{
        const struct url url = camera_policy_url(&c->policy, &c->url);
        const struct rtsp_client_options o = { .url = &url,
                .carrier = c->policy.carrier == CAMERA_TUNNEL ? RTSP_LINK_TUNNEL
                           : c->policy.carrier == CAMERA_UDP  ? RTSP_LINK_DATAGRAMS
                                                              : RTSP_LINK_INTERLEAVED,
                .plain = camera_policy_is_plain(&c->policy),
                .user = c->user,
                .password = &c->password,
                .auth = &c->auth,
                .handshake_ms = c->times.handshake_ms,
                .step_ms = c->times.step_ms,
                .pace_ms = c->pace_ms };
        struct tls *t;
        int r = begin_tls(c, &t, e);

        if (r < 0) {
                close(fd);
                return r;
        }
        /* Where the peer is verified or pinned, Basic may be the last resort; else never. */
        c->auth.basic_allowed = t != NULL;
        if (c->policy.carrier == CAMERA_MJPEG || c->policy.carrier == CAMERA_SNAPSHOT)
                return begin_pull(c, fd, t, &url, e);
        return rtsp_client_new(c->streams, fd, t, &o, &session_handlers, c, &c->client, e);
}

/* One more connection of the session that runs. */
static void add_connection(struct camera *c, int fd)
{
        struct tls *t;
        struct err e;

        if (begin_tls(c, &t, &e) < 0) {
                close(fd);
                no_more_sockets(c, &e);
                return;
        }
        c->wants = false;
        if (c->pull)
                camera_pull_connection(c->pull, fd, t);
        else
                rtsp_client_connection(c->client, fd, t);
}

void camera_socket(struct camera *c, int fd)
{
        struct err e;

        if (c->wants) {
                add_connection(c, fd);
                return;
        }
        if (c->state != CAMERA_CONNECTING) {
                close(fd); /* came too late */
                return;
        }
        enter(c);
        timer_done(&c->timer);
        c->state = CAMERA_NEGOTIATING;
        c->connection = (struct camera_connection){ .connected_us = clock_wall_us() };
        c->video = -1;
        c->gate_open = false;
        if (begin_session(c, fd, &e) < 0)
                lost(c, &e);
        leave(c);
}

void camera_datagrams(struct camera *c, const int fds[static 2], uint16_t port)
{
        if (!c->wants || !c->client) {
                close(fds[0]);
                close(fds[1]);
                return;
        }
        c->wants = false;
        rtsp_client_datagrams(c->client, fds, port);
}

const struct media_config *camera_config(const struct camera *c, unsigned track)
{
        if (c->state != CAMERA_STREAMING || track >= c->connection.tracks_n)
                return NULL;
        return c->pull ? &c->connection.tracks[track] : camera_track_now(&c->tracks[track]);
}

void camera_pace(struct camera *c, unsigned interval_ms)
{
        c->pace_ms = interval_ms;
        if (c->client)
                rtsp_client_pace(c->client, interval_ms);
        if (c->pull)
                camera_pull_pace(c->pull, interval_ms);
}
