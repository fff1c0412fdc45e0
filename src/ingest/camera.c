/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/camera.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "ingest/backoff.h"
#include "ingest/bit_rate.h"
#include "ingest/camera_track.h"
#include "media/media_config.h"
#include "net/rtsp_client.h"
#include "os/clock.h"

/* docs/spec/vault.md, tag 9 */
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
        enum camera_transport transport;
        uint8_t pin[32];
        bool without_audio;
        unsigned pace_ms;
        struct bit_rate rate;
        struct camera_times times;

        enum camera_state state;
        struct rtsp_client *client; /* owned; one at a time */
        struct digest_client auth;
        struct backoff backoff;
        struct timer
                timer; /* CONNECTING: the socket; WAITING: the next try; STREAMING: the watch */
        struct camera_connection connection;
        struct camera_track tracks[CAMERA_TRACKS_MAX];
        unsigned tracks_n;
        int video;      /* its track, or -1 */
        bool gate_open; /* units are delivered */
        bool stopping;  /* the owner refused a unit */
        int64_t play_us,
                packet_us; /* steady: PLAY, and the newest packet of the track that is watched */
        struct camera_counters counters; /* of former connections; units of all */
        unsigned busy;                   /* our own calls on the stack */
        bool freed;
};

const char *camera_state_name(enum camera_state s)
{
        static const char *const names[] = { "idle", "connecting", "negotiating", "streaming",
                "waiting", "stopped" };

        return s < ARRAY_LEN(names) ? names[s] : "unknown";
}

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
        };
        c->backoff = (struct backoff){
                .quick_ms = or_default(t->quick_ms, 250),
                .first_ms = or_default(t->first_ms, 1000),
                .last_ms = or_default(t->last_ms, 30000),
        };
}

static void set_url(struct camera *c, const char *text)
{
        if (url_parse(text, &c->url, &c->url_fault) < 0)
                return;
        if (c->url.scheme != URL_RTSPS)
                err_set(&c->url_fault, ERR_INVALID,
                        "the camera's URL says %s://, which is not encrypted: refused. Not "
                        "recording. Fix: set an "
                        "rtsps:// URL; the camera's own pages tell its port for RTSP over TLS "
                        "(often 322)",
                        url_scheme_name(c->url.scheme));
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
        set_url(c, o->url);
        c->user = o->user ? xstrdup(o->user) : NULL;
        if (o->password)
                c->password = *o->password;
        c->tls = o->tls;
        c->transport = o->transport;
        if (o->pin)
                memcpy(c->pin, o->pin, sizeof c->pin);
        c->without_audio = o->without_audio;
        c->pace_ms = o->pace_ms;
        c->rate.mbit_max = o->mbit_max;
        set_times(c, &o->times);
        /* Every link of this file is TLS with the peer verified or pinned, so Basic may be the last
         * resort. */
        digest_client_init(&c->auth, /* basic_allowed= */ true);
        return c;
}

static void drop_connection(struct camera *c)
{
        if (c->client) {
                struct rtsp_client_counters n = rtsp_client_counters(c->client);

                c->counters.bytes += n.bytes;
                c->counters.packets += n.packets;
                c->counters.lost_packets += n.lost_packets;
                c->counters.bad_packets += n.bad_packets;
                c->counters.skipped_bytes += n.skipped_bytes;
                c->client = rtsp_client_free(c->client);
        }
        for (unsigned i = 0; i < c->tracks_n; i++) {
                c->counters.bad_packets += c->tracks[i].bad_packets;
                camera_track_done(&c->tracks[i]);
        }
        c->tracks_n = 0;
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

        err_set(&e, ERR_TIMEOUT, "no connection within %u ms", c->times.socket_ms);
        enter(c);
        lost(c, &e);
        leave(c);
}

static void connect_now(struct camera *c)
{
        c->state = CAMERA_CONNECTING;
        timer_start(&c->timer, c->loop, c->times.socket_ms, 0, on_no_answer, c);
        c->events->need_socket(c->owner, c, CAMERA_SOCKET_MAIN);
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

void camera_no_socket(struct camera *c, const struct err *why)
{
        if (c->state != CAMERA_CONNECTING)
                return; /* came too late */
        enter(c);
        lost(c, why);
        leave(c);
}

/* ---- the session's events ---- */

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        struct camera *c = owner;
        struct camera_connection *k = &c->connection;
        bool has_key = tls_peer_key(tls, k->camera_key);

        if (tls_chain_verified(tls))
                k->protection = PROTECTION_VERIFIED;
        else if (c->transport == CAMERA_TLS_PINNED && has_key &&
                 memcmp(k->camera_key, c->pin, sizeof c->pin) == 0)
                k->protection = PROTECTION_PINNED;
        else
                return err_set(e, ERR_AUTH,
                        "the camera's identity was not verified: nothing is sent to it");
        k->tls_version = tls_version(tls);
        snprintf(k->tls_cipher, sizeof k->tls_cipher, "%s", tls_cipher(tls));
        return 0;
}

/* "video H264", "application vnd.onvif.metadata", escaped. */
static void media_name(const struct sdp_media *m, char room[static 80])
{
        char kind[24], encoding[48];

        str_escape(kind, sizeof kind, m->kind_name);
        str_escape(encoding, sizeof encoding, m->encoding);
        snprintf(room, 80, "%s%s%s", kind, encoding[0] ? " " : "", encoding);
}

/* Takes the medium as the next track, or says why not. */
static int take_medium(struct camera *c, const struct sdp_media *m, bool *has, struct err *e)
{
        struct media_config *config = &c->connection.tracks[c->tracks_n];
        int r = camera_track_config(m, config, e);

        if (r < 0)
                return r;
        if (*has)
                return err_set(e, ERR_NOT_FOUND, "one of its kind is recorded already");
        if (m->kind == SDP_AUDIO && c->without_audio)
                return err_set(e, ERR_NOT_FOUND, "recording without audio");
        r = camera_track_init(&c->tracks[c->tracks_n], config, e);
        if (r < 0)
                return r;
        if (m->kind == SDP_VIDEO)
                c->video = (int)c->tracks_n;
        c->tracks_n++;
        *has = true;
        return 0;
}

static int on_describe(void *owner, const struct sdp *sdp,
        unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e)
{
        struct camera *c = owner;
        bool has_video = false, has_audio = false;
        char name[80], last_left_out[80] = "no media";
        struct err why;

        for (unsigned i = 0; i < sdp->media_n && c->tracks_n < CAMERA_TRACKS_MAX; i++) {
                const struct sdp_media *m = &sdp->media[i];

                if (take_medium(c, m, m->kind == SDP_VIDEO ? &has_video : &has_audio, &why) == 0) {
                        wanted[c->tracks_n - 1] = i;
                        continue;
                }
                media_name(m, name);
                log_info(&c->log, "camera.track", "left_out=\"%s\" why=\"%s\"", name, why.text);
                memcpy(last_left_out, name, sizeof name);
        }
        if (c->tracks_n == 0)
                return err_set(e, ERR_NOT_FOUND,
                        "the camera describes nothing that can be recorded (%s). Fix: set its "
                        "stream to "
                        "H.264 or H.265",
                        last_left_out);
        return (int)c->tracks_n;
}

/* What ends a connection that plays, if anything. */
static int look(struct camera *c, int64_t now_us, struct err *e)
{
        int r = bit_rate_look(&c->rate, camera_counters(c).bytes, now_us, e);

        if (r < 0)
                return r;
        if (now_us - c->packet_us >= c->times.idle_ms * INT64_C(1000))
                return err_set(e, ERR_TIMEOUT, "no %s from the camera for %u ms",
                        c->video >= 0 ? "picture" : "sound", c->times.idle_ms);
        if (!c->gate_open && now_us - c->play_us >= c->times.key_ms * INT64_C(1000))
                return err_set(e, ERR_TIMEOUT,
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

static int on_play(void *owner, struct err *e)
{
        struct camera *c = owner;
        struct camera_connection *k = &c->connection;
        unsigned watch_ms = c->times.idle_ms / 4 + 1;

        c->state = CAMERA_STREAMING;
        c->counters.connects++;
        c->gate_open = c->video < 0;
        c->play_us = c->packet_us = clock_boot_us();
        bit_rate_begin(&c->rate, camera_counters(c).bytes, c->play_us);
        k->tracks_n = c->tracks_n;
        timer_start(&c->timer, c->loop, watch_ms, watch_ms, on_watch, c);
        log_info(&c->log, "camera.start", "tracks=%u video=%s protection=%s tls=%04x cipher=%s",
                k->tracks_n,
                c->video >= 0 ? media_config_codec_name(k->tracks[c->video].codec) : "none",
                k->protection == PROTECTION_VERIFIED ? "verified" : "pinned",
                (unsigned)k->tls_version, k->tls_cipher);
        enter(c);
        c->events->on_start(c->owner, c, k);
        leave(c);
        (void)e;
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

/* The pipeline on one screen: packet, access unit, clocks, gate, owner. */
static int on_packet(void *owner, unsigned track, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us, struct err *e)
{
        struct camera *c = owner;
        struct camera_track *t = &c->tracks[track];
        struct access_unit unit;
        int r = 0;

        if (c->video < 0 || (int)track == c->video)
                c->packet_us = clock_boot_us();
        enter(c);
        camera_track_push(t, p, a, arrival_us);
        while (!c->freed && r >= 0 &&
                camera_track_pull(t, rtsp_client_clock(c->client, track), &unit) == 0)
                r = deliver(c, track, &unit, e);
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
        else
                lost(c, &e);
        leave(c);
}

static const struct rtsp_client_events session_handlers = {
        .on_secure = on_secure,
        .on_describe = on_describe,
        .on_play = on_play,
        .on_packet = on_packet,
        .on_end = on_end,
};

static int begin_session(struct camera *c, int fd, struct err *e)
{
        const struct rtsp_client_options o = { .url = &c->url,
                .user = c->user,
                .password = &c->password,
                .auth = &c->auth,
                .handshake_ms = c->times.handshake_ms,
                .step_ms = c->times.step_ms,
                .pace_ms = c->pace_ms };
        struct tls *t;
        int r = tls_client_new(c->tls, c->url.host,
                c->transport == CAMERA_TLS_PINNED ? c->pin : NULL, clock_wall_us(), &t, e);

        if (r < 0) {
                close(fd);
                return r;
        }
        return rtsp_client_new(c->streams, fd, t, &o, &session_handlers, c, &c->client, e);
}

void camera_socket(struct camera *c, int fd)
{
        struct err e;

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
        (void)c; /* nobody asked */
        (void)port;
        close(fds[0]);
        close(fds[1]);
}

void camera_pace(struct camera *c, unsigned interval_ms)
{
        c->pace_ms = interval_ms;
        if (c->client)
                rtsp_client_pace(c->client, interval_ms);
}

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
        for (unsigned i = 0; i < c->tracks_n; i++)
                n.bad_packets += c->tracks[i].bad_packets;
        return n;
}
