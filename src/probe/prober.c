/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/prober.h"

#include <stdio.h>
#include <strings.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "crypto/srtp_session.h"
#include "crypto/x509.h"
#include "ingest/camera_track.h"
#include "media/media_config.h"
#include "net/rtsp_client.h"
#include "os/chan.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/role.h"
#include "probe/probe_message.h"

#define SDP_LINES_SHOWN 120
#define PACKET_WATCH_MS 10

struct prober {
        struct loop *loop;
        struct chan *caller;
        struct tls_client_config *tls;
        struct camera *camera; /* NULL until it is told what to look at */
        unsigned seconds;
        bool brief;
        struct timer end, packet_watch;
        struct buf out;
        struct probe_result result;
        unsigned steps;
        bool packet_told;
        bool told;       /* the result was sent */
        int video;       /* its track; -1: none */
        uint32_t rate;   /* of its clock */
        int64_t play_us; /* steady */
        uint64_t pictures;
        int64_t first_pts, last_pts;
};

static void say(struct prober *c, const char *name, const char *text)
{
        struct pack p = pack_to(&c->out);

        /* A camera that talks without end must not fill the channel, which the result needs. */
        if (c->steps == PROBE_STEPS_MAX)
                return;
        c->steps++;
        buf_clear(&c->out);
        pack_string(&p, name);
        pack_string(&p, text);
        if (!p.bad)
                (void)!chan_send(c->caller, PROBE_STEP, buf_bytes(&c->out), NULL, 0, NULL);
}

/* Appends what the camera said, cut to fit. As str_escape, but quotes stay as they are: the other
 * half puts this text into no log. */
static void add(char *to, size_t room, const char *before, struct bytes foreign)
{
        size_t n = strlen(to);

        n += (size_t)snprintf(to + n, room - n, "%s", before);
        for (size_t i = 0; i < foreign.n && n + 5 < room; i++) {
                bool plain = foreign.p[i] >= ' ' && foreign.p[i] <= '~';
                n += (size_t)snprintf(to + n, room - n, plain ? "%c" : "\\x%02x", foreign.p[i]);
        }
}

/* ---- what the session says ---- */

static void on_secure(struct prober *c, const struct tls *tls)
{
        char text[PROBE_TEXT_ROOM], hex[65];
        uint16_t version = tls ? tls_version(tls) : 0;

        if (!tls) {
                say(c, "tls", "none: whoever is in between can read and change everything");
                return;
        }
        snprintf(text, sizeof text, "TLS 1.%u, %s", version & 0xff ? (version & 0xffu) - 1 : 0,
                tls_cipher(tls));
        say(c, "tls", text);
        snprintf(text, sizeof text, "%s", tls_chain_verified(tls) ? "verified: " : "pinned: ");
        tls_peer_names(tls, text + strlen(text), sizeof text - strlen(text));
        say(c, "certificate", text);
        c->result.has_key = tls_peer_key(tls, c->result.key);
        if (c->result.has_key)
                say(c, "fingerprint", str_hex(hex, BYTES(c->result.key, 32)));
}

/* Which of an answer's headers are told; none of them holds a secret. */
static bool is_told(struct bytes name)
{
        static const char *const told[] = { "Server", "Public", "Session", "Transport",
                "WWW-Authenticate", "Content-Base", "Content-Type", "Location", "RTP-Info" };
        char text[32];

        str_escape(text, sizeof text, name);
        for (size_t i = 0; i < ARRAY_LEN(told); i++)
                if (strcasecmp(text, told[i]) == 0)
                        return true;
        return false;
}

static void say_description(struct prober *c, struct bytes body)
{
        for (unsigned i = 0; body.n > 0 && i < SDP_LINES_SHOWN; i++) {
                const uint8_t *end = memchr(body.p, '\n', body.n);
                size_t n = end ? (size_t)(end - body.p) : body.n;
                struct bytes line = bytes_sub(body, 0, n);
                char text[PROBE_TEXT_ROOM] = "";

                body = bytes_sub(body, n + 1, body.n);
                while (line.n > 0 && line.p[line.n - 1] == '\r')
                        line.n--;
                /* The keys of SRTP (RFC 4568, RFC 4567) stay here. */
                if ((line.n > 9 && strncasecmp((const char *)line.p, "a=crypto:", 9) == 0) ||
                        (line.n > 11 && strncasecmp((const char *)line.p, "a=key-mgmt:", 11) == 0))
                        snprintf(text, sizeof text, "%.*s(withheld)",
                                (int)strcspn((const char *)line.p, ":") + 1, (const char *)line.p);
                else
                        add(text, sizeof text, "", line);
                if (line.n > 0)
                        say(c, "sdp", text);
        }
}

/* What cannot be recorded whatever else is there; of two of a kind the camera takes the first. */
static void say_left_out(struct prober *c, struct bytes description)
{
        struct media_config config;
        struct sdp sdp;
        struct err why;

        if (sdp_parse(description, &sdp, NULL) < 0)
                return;
        for (unsigned i = 0; i < sdp.media_n; i++) {
                char text[PROBE_TEXT_ROOM] = "";

                if (camera_track_config(&sdp.media[i], &config, &why) == 0)
                        continue;
                add(text, sizeof text, "", sdp.media[i].kind_name);
                add(text, sizeof text, " ", sdp.media[i].encoding);
                add(text, sizeof text, ": ", bytes_str(why.text));
                say(c, "left out", text);
        }
}

/* Which of the challenges is answered: as the session does it, and remembers nothing else. */
static void say_choice(struct prober *c, const struct rtsp_client_trace *t)
{
        struct bytes values[DIGEST_CHALLENGES_MAX];
        struct digest_client choice;
        char text[PROBE_TEXT_ROOM];
        unsigned n = 0;
        struct err why;

        for (unsigned i = 0; i < t->headers_n && n < DIGEST_CHALLENGES_MAX; i++)
                if (sdp_encoding_is(t->headers[i].name, "WWW-Authenticate"))
                        values[n++] = t->headers[i].value;
        digest_client_init(&choice, true);
        if (digest_client_challenge(&choice, values, n, &why) < 0)
                snprintf(text, sizeof text, "%s", why.text);
        else
                snprintf(text, sizeof text, "%s is the strongest that is offered",
                        digest_scheme_name(choice.strongest_seen));
        say(c, "login", text);
}

static void on_answer(struct prober *c, const struct rtsp_client_trace *t)
{
        char text[PROBE_TEXT_ROOM];

        snprintf(text, sizeof text, "%u", t->status);
        add(text, sizeof text, " ", t->reason);
        say(c, "<", text);
        for (unsigned i = 0; i < t->headers_n; i++) {
                if (!is_told(t->headers[i].name))
                        continue;
                snprintf(text, sizeof text, "  ");
                add(text, sizeof text, "", t->headers[i].name);
                add(text, sizeof text, ": ", t->headers[i].value);
                say(c, "<", text);
        }
        if (t->status == 401)
                say_choice(c, t);
        if (t->status != 200 || !bytes_equal(t->method, bytes_str("DESCRIBE")))
                return;
        say_description(c, t->body);
        say_left_out(c, t->body);
}

static void on_request(struct prober *c, const struct rtsp_client_trace *t)
{
        char text[PROBE_TEXT_ROOM] = "";

        add(text, sizeof text, "", t->method);
        add(text, sizeof text, " ", t->url);
        for (unsigned i = 0; i < t->headers_n; i++) {
                /* cut to its scheme by the client */
                if (bytes_equal(t->headers[i].name, bytes_str("Authorization")))
                        add(text, sizeof text, "  with ", t->headers[i].value);
                if (bytes_equal(t->headers[i].name, bytes_str("Transport")))
                        add(text, sizeof text, "  ", t->headers[i].value);
        }
        say(c, ">", text);
}

static void on_trace(void *owner, struct camera *camera, const struct rtsp_client_trace *t)
{
        struct prober *c = owner;
        char text[PROBE_TEXT_ROOM] = "";

        (void)camera;
        switch (t->kind) {
        case RTSP_CLIENT_TRACE_SECURE:
                on_secure(c, t->tls);
                break;
        case RTSP_CLIENT_TRACE_REQUEST:
                on_request(c, t);
                break;
        case RTSP_CLIENT_TRACE_ANSWER:
                on_answer(c, t);
                break;
        case RTSP_CLIENT_TRACE_ASKED:
                add(text, sizeof text, "the camera asks: ", t->method);
                say(c, "<", text);
                break;
        }
}

/* ---- the camera's events ---- */

/* The pipeline tells of whole pictures alone; that packets come at all is seen from the counters.
 */
static void on_packet_watch(void *owner)
{
        struct prober *c = owner;
        char text[PROBE_TEXT_ROOM];

        if (c->packet_told || camera_counters(c->camera).packets == 0)
                return;
        c->packet_told = true;
        timer_done(&c->packet_watch);
        snprintf(text, sizeof text, "the first within %lld ms of PLAY",
                (long long)(clock_boot_us() - c->play_us) / 1000);
        say(c, "packet", text);
}

static void finish(struct prober *c, const struct err *why)
{
        struct camera_counters n = { 0 };
        struct probe_result *r = &c->result;

        if (c->told)
                return;
        c->told = true;
        if (c->camera)
                n = camera_counters(c->camera);
        r->bytes = n.bytes;
        r->packets = n.packets;
        r->lost_packets = n.lost_packets;
        r->bad_packets = n.bad_packets;
        r->units = n.units;
        if (r->plays)
                r->received_us = (uint64_t)(clock_boot_us() - c->play_us);
        if (c->pictures > 1 && c->last_pts > c->first_pts)
                r->framerate_milli = (uint32_t)((c->pictures - 1) * c->rate * 1000 /
                                                (uint64_t)(c->last_pts - c->first_pts));
        if (why)
                r->why = *why;
        r->has_certificate = c->tls && tls_client_config_seen(c->tls, &r->certificate);
        buf_clear(&c->out);
        if (probe_message_pack_result(r, &c->out, NULL) == 0)
                (void)!chan_send(c->caller, PROBE_RESULT, buf_bytes(&c->out), NULL, 0, NULL);
        chan_flush(c->caller);
        loop_stop(c->loop);
}

static void on_need_socket(void *owner, struct camera *camera, enum camera_socket kind)
{
        struct prober *c = owner;
        const uint8_t body = (uint8_t)kind;

        (void)camera;
        if (chan_send(c->caller, PROBE_NEED_SOCKET, BYTES(&body, 1), NULL, 0, NULL) < 0)
                loop_stop(c->loop);
}

static void on_end_of_time(void *owner)
{
        finish(owner, NULL);
}

static void say_track(struct prober *c, const struct camera_connection *k, unsigned i)
{
        const struct media_config *m = &k->tracks[i];
        char text[PROBE_TEXT_ROOM];

        if (media_is_video(m->codec) && m->width)
                snprintf(text, sizeof text, "%u: %s, %u x %u", i + 1,
                        media_config_codec_name(m->codec), m->width, m->height);
        else if (media_is_video(m->codec))
                snprintf(text, sizeof text, "%u: %s, its size only in the stream", i + 1,
                        media_config_codec_name(m->codec));
        else if (m->sample_rate == 0)
                snprintf(text, sizeof text, "%u: %s", i + 1, media_config_codec_name(m->codec));
        else
                snprintf(text, sizeof text, "%u: %s, %u Hz", i + 1,
                        media_config_codec_name(m->codec), m->sample_rate);
        say(c, "track", text);
}

static void on_start(void *owner, struct camera *camera, const struct camera_connection *k)
{
        struct prober *c = owner;

        (void)camera;
        c->result.plays = true;
        c->result.protection = k->protection;
        c->play_us = clock_boot_us();
        for (unsigned i = 0; i < k->tracks_n; i++) {
                say_track(c, k, i);
                if (media_is_video(k->tracks[i].codec) && c->video < 0) {
                        c->video = (int)i;
                        c->rate = k->tracks[i].clock_rate;
                        c->result.width = k->tracks[i].width;
                        c->result.height = k->tracks[i].height;
                }
        }
        say(c, "play", "accepted");
        timer_start(
                &c->packet_watch, c->loop, PACKET_WATCH_MS, PACKET_WATCH_MS, on_packet_watch, c);
        timer_start(&c->end, c->loop, c->seconds * 1000u, 0, on_end_of_time, c);
}

static void on_picture(struct prober *c, const struct access_unit *unit)
{
        char text[PROBE_TEXT_ROOM];

        if (c->pictures++ == 0) {
                on_packet_watch(c);
                c->result.key_frame = true;
                c->first_pts = unit->pts;
                snprintf(text, sizeof text, "%lld ms behind PLAY, %zu bytes",
                        (long long)(clock_boot_us() - c->play_us) / 1000, unit->data.n);
                say(c, "key frame", text);
                if (c->brief)
                        timer_start(&c->end, c->loop, PROBE_BRIEF_MS, 0, on_end_of_time, c);
        }
        c->last_pts = unit->pts;
        if (unit->new_config) {
                c->result.width = unit->new_config->width;
                c->result.height = unit->new_config->height;
        }
}

static int on_unit(void *owner, struct camera *camera, unsigned track,
        const struct access_unit *unit, struct err *e)
{
        struct prober *c = owner;

        (void)camera;
        (void)e;
        if ((int)track == c->video)
                on_picture(c, unit);
        if (c->video < 0)
                c->result.key_frame = true; /* sound alone begins anywhere */
        if (unit->sender_us != INT64_MIN) {
                c->result.has_clock = true;
                c->result.clock_offset_us = unit->sender_us - unit->arrival_us;
        }
        return 0;
}

static void on_lost(void *owner, struct camera *camera, const struct err *why)
{
        (void)camera;
        finish(owner, why);
}

/* ---- who asks ---- */

static const struct camera_events camera_handlers = {
        .need_socket = on_need_socket,
        .on_start = on_start,
        .on_unit = on_unit,
        .on_lost = on_lost,
        .on_trace = on_trace,
};

static int begin_tls(struct prober *c, const struct probe_look *l, struct err *e)
{
        struct buf issuer;

        buf_init(&issuer, X509_CERT_MAX);
        int r = tls_client_config_new(l->roots_pem, &c->tls, e);
        if (r == 0 && l->issuer_pem.n) {
                r = x509_pem_parse(l->issuer_pem, 0, &issuer, e);
                if (r == 0)
                        r = tls_client_config_only_issuer(c->tls, buf_bytes(&issuer), e);
        }
        if (r == 0 && l->crls_pem.n)
                r = tls_client_config_crls(c->tls, l->crls_pem, e);
        if (r == 0)
                tls_client_config_remember(c->tls);
        buf_done(&issuer);
        return r;
}

static void begin(struct prober *c, const struct probe_look *l)
{
        /* What does not come within the time of receiving counts as not coming. */
        unsigned wait_ms = l->seconds * 750u;
        const struct camera_options options = { .name = "test",
                .url = l->url,
                .user = l->user[0] ? l->user : NULL,
                .password = &l->password,
                .tls = c->tls,
                .transport = l->transport,
                .carrier = l->carrier,
                .pin = l->pinned ? l->pin : NULL,
                .without_audio = l->without_audio,
                .times = { .idle_ms = wait_ms < 10000 ? wait_ms : 0,
                        .key_ms = wait_ms < 60000 ? wait_ms : 0 } };

        c->seconds = l->seconds;
        c->brief = l->brief;
        c->camera = camera_new(c->loop, &options, &camera_handlers, c);
        camera_start(c->camera);
}

static int on_look(struct prober *c, struct bytes body, struct err *e)
{
        struct probe_look l;
        struct err why;

        if (c->tls)
                return err_set(e, ERR_PROTOCOL, "a second camera to look at");
        int r = probe_message_unpack_look(body, &l, e);
        if (r < 0)
                return r;
        if (begin_tls(c, &l, &why) < 0)
                finish(c, &why);
        else
                begin(c, &l);
        secret_done(&l.password);
        return 0;
}

static int on_no_socket(struct prober *c, struct bytes body, struct err *e)
{
        struct err why;
        int r = probe_message_unpack_failure(body, &why, e);

        if (r == 0)
                camera_no_socket(c->camera, &why);
        return r;
}

static int on_caller(void *owner, struct chan *chan, struct chan_message *m, struct err *e)
{
        struct prober *c = owner;
        struct unpack u = unpack_of(m->body);

        (void)chan;
        if (m->type == PROBE_LOOK && m->fds_n == 0)
                return on_look(c, m->body, e);
        if (!c->camera)
                return err_set(e, ERR_PROTOCOL, "message %u before there is a camera", m->type);
        if (m->type == PROBE_SOCKET && m->fds_n == 1) {
                camera_socket(c->camera, m->fds[0]);
                m->fds[0] = -1;
        } else if (m->type == PROBE_DATAGRAMS && m->fds_n == 2) {
                camera_datagrams(c->camera, m->fds, unpack_u16(&u));
                m->fds[0] = m->fds[1] = -1;
        } else if (m->type == PROBE_NO_SOCKET && m->fds_n == 0) {
                return on_no_socket(c, m->body, e);
        } else {
                return err_set(e, ERR_PROTOCOL, "message %u to a prober", m->type);
        }
        return 0;
}

static void on_caller_end(void *owner, struct chan *chan, const struct err *e)
{
        struct prober *c = owner;

        (void)chan;
        (void)e;
        loop_stop(c->loop);
}

/* Hardened already. */
static int serve(int fd)
{
        static const struct chan_events events = { on_caller, on_caller_end };
        struct prober c = { .video = -1 };
        struct err e;

        log_open("prober", LOG_LEVEL_ERROR, clock_log_us); /* the steps say it already */
        buf_init(&c.out, CHAN_BODY_MAX);
        c.loop = loop_new();
        c.caller = chan_new(c.loop, fd, &events, &c);
        srtp_session_begin();
        int r = role_confine(SANDBOX_WORKER, NULL, 0, &e);
        if (r >= 0)
                loop_run(c.loop);
        else
                finish(&c, &e);
        c.camera = camera_free(c.camera);
        tls_client_config_free(c.tls);
        timer_done(&c.end);
        timer_done(&c.packet_watch);
        chan_free(c.caller);
        buf_done(&c.out);
        loop_free(c.loop);
        return r < 0;
}

int prober_run(int fd)
{
        struct err e;

        proc_harden("prober");
        /* What takes this process over must not write to the terminal. */
        if (proc_leave_terminal(&e) < 0)
                return 1;
        return serve(fd);
}

int prober_main(int argc, char **argv)
{
        struct role_options options;
        struct err e;

        if (role_start("prober", argc, argv, &options, &e) < 0) {
                log_error(NULL, "role.failed", "err=\"%s\"", e.text);
                return 1;
        }
        return serve(PROC_FIRST_FD);
}
