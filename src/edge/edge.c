/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/edge.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/tls.h"
#include "edge/edge_client.h"
#include "edge/fault_tweak.h"
#include "edge/feed.h"
#include "net/rtsp_server.h"
#include "proto/key_mgmt.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/sandbox.h"

#define REPORT_US 5000000
#define LATE_US 1000000
#define PEM_MAX (64u << 10)
#define PASSWORD_MAX (SECRET_MAX + 2)
#define REPORT_BYTES_MAX 512

struct edge_camera {
        char name[EDGE_NAME_ROOM];
        struct edge_source *source;
        struct edge_client *clients; /* that play it */
        struct rtsp_tweak tweak;
        bool tweaked;
};

struct edge_source {
        const struct edge_stream *stream; /* borrowed from the options */
        struct feed *feed;
        struct edge_camera *cameras;
        unsigned cameras_n;
};

struct edge {
        const struct edge_options *o;
        struct log_ctx log;
        struct loop *loop;
        struct stream_shared *shared;
        struct tls_server_config *tls;
        struct secret password;
        struct rtsp_server *server;
        struct edge_client *known; /* all, by next_known; owned */
        struct edge_source sources[EDGE_STREAMS_MAX];
        unsigned sources_n;
        struct timer pace;
        int64_t next_report_us;
        struct buf report;
        struct buf metadata; /* the document */
};

static struct edge_camera *find_camera(struct edge *g, const char *path)
{
        for (unsigned i = 0; i < g->sources_n; i++)
                for (unsigned k = 0; k < g->sources[i].cameras_n; k++)
                        if (strcmp(g->sources[i].cameras[k].name, path) == 0)
                                return &g->sources[i].cameras[k];
        return NULL;
}

static struct edge_client *client_of(struct edge *g, struct rtsp_peer *p)
{
        struct edge_client *c = *rtsp_peer_slot(p);

        if (!c) {
                c = edge_client_new(p, g->o->srtp);
                c->record_per_packet = g->o->record_per_packet;
                c->next_known = g->known;
                g->known = c;
                *rtsp_peer_slot(p) = c;
        }
        return c;
}

static int describe(void *owner, struct rtsp_peer *p, const char *path, struct buf *sdp,
        unsigned *ret_tracks, struct err *e)
{
        struct edge *g = owner;
        const struct edge_camera *cam = find_camera(owner, path);
        struct srtp_key keys[TIMELINE_TRACKS_MAX];
        int r = 0;

        if (!cam)
                return err_set(e, ERR_NOT_FOUND, "no camera is called %s", path);
        if (sdp)
                r = feed_describe(cam->source->feed, cam->name,
                        edge_client_keys(client_of(g, p), keys), clock_wall_us(), sdp, e);
        explicit_bzero(keys, sizeof keys);
        if (sdp && r >= 0 && cam->tweaked)
                r = fault_tweak_sdp(&g->o->faults, cam->source->stream->name, cam->name, sdp, e);
        if (r >= 0)
                *ret_tracks = feed_tracks(cam->source->feed);
        return r;
}

static const struct rtsp_tweak *tweak(void *owner, const char *path)
{
        const struct edge_camera *cam = find_camera(owner, path);

        return cam && cam->tweaked ? &cam->tweak : NULL;
}

/* Keys that the client names are for what it sends (RTCP), which is not looked at: they must be
 * right all the same. */
static int set_up(void *owner, struct rtsp_peer *p, const char *path, unsigned track,
        struct bytes key_mgmt, struct err *e)
{
        const struct edge *g = owner;
        struct mikey keys;
        int r;

        (void)p;
        (void)path;
        (void)track;
        if (key_mgmt.n == 0)
                return 0;
        if (!g->o->srtp)
                return err_set(e, ERR_INVALID, "KeyMgmt without SRTP");
        r = key_mgmt_parse(key_mgmt, NULL, &keys, e);
        if (r >= 0)
                mikey_done(&keys);
        return r;
}

static int play(void *owner, struct rtsp_peer *p, const char *path,
        struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e)
{
        struct edge *g = owner;
        struct edge_camera *cam = find_camera(g, path);
        struct feed_start start[TIMELINE_TRACKS_MAX];
        struct edge_client *c = client_of(g, p);
        size_t kept = 0;

        if (!cam)
                return err_set(e, ERR_NOT_FOUND, "no camera is called %s", path);
        (void)feed_gop(cam->source->feed, &kept);
        if (kept)
                feed_gop_start(cam->source->feed, start);
        else
                feed_next_start(cam->source->feed, start);
        c->faults = fault_media_free(c->faults);
        if (cam->tweaked)
                c->faults = fault_media_new(&g->o->faults, cam->source->stream->name, cam->name);
        if (c->faults)
                fault_media_begin(c->faults, cam->source->feed, start, clock_boot_us());
        for (unsigned i = 0; i < feed_tracks(cam->source->feed); i++)
                ret[i] = (struct rtsp_dialog_start){ start[i].sequence, start[i].timestamp };
        return 0;
}

static void link_to(struct edge_client *c, struct edge_camera *cam)
{
        c->camera = cam;
        c->next = cam->clients;
        cam->clients = c;
        c->started = false;
}

static void unlink_from(struct edge_client *c)
{
        struct edge_client **at;

        for (at = &c->camera->clients; *at != c; at = &(*at)->next)
                ;
        *at = c->next;
}

static void log_cut(const struct edge *g, struct edge_client *c)
{
        if (c->cut.code == 0)
                return;
        log_warn(&g->log, "client.cut", "cam=%s client=%s err=\"%s\"", c->camera->name,
                rtsp_peer_address(c->peer), c->cut.text);
        c->cut.code = 0;
}

/* Whether the client gets the unit that comes next. A fault may move it to another camera. */
static bool is_served(struct edge *g, struct edge_client *c, int64_t now_us)
{
        bool moves = false;
        struct edge_camera *to;

        if (edge_client_is_served(c, now_us, &moves))
                return true;
        if (!moves)
                return false;
        to = find_camera(g, fault_media_other_stream(c->faults));
        fault_media_switch(c->faults, to->source->feed);
        unlink_from(c);
        link_to(c, to);
        return false;
}

static void send_to_all(struct edge *g, struct edge_source *src, struct feed_frame *frame)
{
        const bool start = feed_is_start(src->feed, frame);
        const int64_t now_us = clock_boot_us();

        for (unsigned i = 0; i < src->cameras_n; i++) {
                struct edge_camera *cam = &src->cameras[i];

                if (cam->clients)
                        feed_frame_name(src->feed, frame, cam->name);
                for (struct edge_client *c = cam->clients, *next; c; c = next) {
                        next = c->next;
                        if (!is_served(g, c, now_us))
                                continue;
                        c->started |= start;
                        if (c->started)
                                edge_client_frame(c, frame, now_us);
                        log_cut(g, c);
                }
        }
}

static void send_report(
        struct edge *g, struct edge_client *c, unsigned track, int64_t boot_us, int64_t wall_us)
{
        const uint8_t head[RTSP_FRAME_HEAD] = { 0 };
        struct err e;
        int r;

        buf_clear(&g->report);
        r = buf_append(&g->report, BYTES(head, sizeof head), &e);
        if (r >= 0)
                r = feed_report(c->camera->source->feed, track, boot_us, wall_us, c->camera->name,
                        &g->report, &e);
        if (r < 0) {
                log_error(&g->log, "edge.report", "cam=%s err=\"%s\"", c->camera->name, e.text);
                return;
        }
        edge_client_report(c, track, &g->report, boot_us);
        log_cut(g, c);
}

static void send_reports(struct edge *g, struct edge_client *c)
{
        const int64_t boot_us = clock_boot_us(), wall_us = clock_wall_us();

        for (unsigned i = 0; i < feed_tracks(c->camera->source->feed); i++)
                send_report(g, c, i, boot_us, wall_us);
}

static const char *carrier_name(const struct rtsp_peer *p)
{
        for (unsigned i = 0; i < RTSP_DIALOG_TRACKS_MAX; i++)
                if (rtsp_peer_track(p, i) && rtsp_peer_track(p, i)->datagrams)
                        return "datagrams";
        return rtsp_peer_is_tunnelled(p) ? "tunnel" : "interleaved";
}

static void on_play(void *owner, struct rtsp_peer *p)
{
        struct edge *g = owner;
        struct edge_camera *cam = find_camera(g, rtsp_peer_path(p));
        struct edge_client *c = client_of(g, p);
        const int64_t now_us = clock_boot_us();
        struct feed_frame *kept;
        size_t kept_n;

        link_to(c, cam);
        c->playing = true;
        c->stalled = false;
        log_info(&g->log, "client.play", "cam=%s client=%s carrier=%s", cam->name,
                rtsp_peer_address(p), carrier_name(p));
        send_reports(g, c);
        kept = feed_gop(cam->source->feed, &kept_n);
        for (size_t i = 0; i < kept_n; i++) {
                c->started = true;
                feed_frame_name(cam->source->feed, &kept[i], cam->name);
                edge_client_frame(c, &kept[i], now_us);
        }
        log_cut(g, c);
}

static void on_stop(void *owner, struct rtsp_peer *p)
{
        struct edge_client *c = *rtsp_peer_slot(p);

        (void)owner;
        unlink_from(c);
        c->playing = false;
}

static void on_refused(void *owner, struct rtsp_peer *p, const struct err *why)
{
        const struct edge *g = owner;

        log_warn(
                &g->log, "client.refused", "client=%s err=\"%s\"", rtsp_peer_address(p), why->text);
}

static void on_end(void *owner, struct rtsp_peer *p, const struct err *why)
{
        struct edge *g = owner;
        struct edge_client *c = *rtsp_peer_slot(p), **at;

        log_info(&g->log, "client.end", "client=%s err=\"%s\"", rtsp_peer_address(p), why->text);
        if (!c)
                return;
        for (at = &g->known; *at != c; at = &(*at)->next_known)
                ;
        *at = c->next_known;
        edge_client_free(c);
}

static void pull_due(struct edge *g, struct edge_source *src)
{
        int64_t now_us = clock_boot_us(), due_us = feed_due_us(src->feed);
        struct feed_frame *frame;
        struct err e;

        if (now_us - due_us > LATE_US) {
                feed_delay(src->feed, now_us - due_us);
                log_warn(&g->log, "edge.late", "late_ms=%lld",
                        (long long)((now_us - due_us) / 1000));
        }
        while (feed_due_us(src->feed) <= now_us) {
                if (feed_pull(src->feed, clock_wall_us(), &frame, &e) < 0) {
                        log_error(&g->log, "edge.broken", "err=\"%s\"", e.text);
                        loop_stop(g->loop);
                        return;
                }
                send_to_all(g, src, frame);
        }
}

static void report_when_due(struct edge *g)
{
        const int64_t now_us = clock_boot_us();

        if (now_us < g->next_report_us)
                return;
        g->next_report_us = now_us + REPORT_US;
        for (unsigned i = 0; i < g->sources_n; i++)
                for (unsigned k = 0; k < g->sources[i].cameras_n; k++)
                        for (struct edge_client *c = g->sources[i].cameras[k].clients; c;
                                c = c->next)
                                send_reports(g, c);
}

static void on_pace(void *owner)
{
        struct edge *g = owner;
        int64_t next_us = INT64_MAX, now_us;

        for (unsigned i = 0; i < g->sources_n; i++)
                pull_due(g, &g->sources[i]);
        report_when_due(g);
        for (unsigned i = 0; i < g->sources_n; i++)
                next_us = feed_due_us(g->sources[i].feed) < next_us
                                  ? feed_due_us(g->sources[i].feed)
                                  : next_us;
        now_us = clock_boot_us();
        timer_start(&g->pace, g->loop,
                next_us > now_us ? (uint64_t)(next_us - now_us + 999) / 1000 : 0, 0, on_pace, g);
}

static int add_source(struct edge *g, const struct edge_stream *stream, struct err *e)
{
        struct edge_source *src = &g->sources[g->sources_n];
        const struct feed_options fo = { .stamp = g->o->stamp, .keep_gop = g->o->burst };
        struct clip *clip;
        int r = clip_open(stream->file, &clip, e);

        if (r >= 0 && g->o->metadata_file) {
                r = clip_add_metadata(clip, buf_bytes(&g->metadata), e);
                if (r < 0)
                        clip_free(clip);
        }
        if (r >= 0)
                r = feed_new(clip, &fo, &src->feed, e);
        if (r < 0)
                return err_wrap(e, r, "stream %s", stream->name);
        g->sources_n++;
        src->stream = stream;
        src->cameras_n = g->o->count ? g->o->count : 1;
        src->cameras = xcalloc(src->cameras_n, sizeof *src->cameras);
        for (unsigned i = 0; i < src->cameras_n; i++) {
                char name[EDGE_NAME_ROOM + 16];

                if (g->o->count)
                        snprintf(name, sizeof name, "%s%u", stream->name, i);
                else
                        snprintf(name, sizeof name, "%s", stream->name);
                if (!str_is_camera(name) || find_camera(g, name))
                        return err_set(e, ERR_INVALID,
                                "stream %s: %s is not a name or is used twice", stream->name, name);
                memcpy(src->cameras[i].name, name, strlen(name) + 1);
                src->cameras[i].source = src;
                src->cameras[i].tweaked =
                        fault_tweak_make(&g->o->faults, stream->name, name, &src->cameras[i].tweak);
        }
        return 0;
}

/* A fault must name a stream that there is; one that goes on with another stream, one of the same
 * codec. */
static int check_fault(struct edge *g, const struct fault_plan_fault *f, struct err *e)
{
        const struct edge_camera *to = find_camera(g, f->text);
        bool named = !f->stream[0];

        for (unsigned i = 0; i < g->sources_n; i++)
                named |= strcmp(g->sources[i].stream->name, f->stream) == 0;
        if (!named && !find_camera(g, f->stream))
                return err_set(e, ERR_INVALID, "there is no stream %s", f->stream);
        if (f->kind != FAULT_PLAN_CHANGED_PARAMETERS)
                return 0;
        if (!to)
                return err_set(e, ERR_INVALID, "there is no stream %s", f->text);
        for (unsigned i = 0; i < g->sources_n; i++) {
                const struct edge_source *src = &g->sources[i];

                if (fault_plan_find(
                            &g->o->faults, src->stream->name, src->cameras[0].name, f->kind) == f &&
                        (feed_tracks(src->feed) != feed_tracks(to->source->feed) ||
                                feed_config(src->feed, 0)->codec !=
                                        feed_config(to->source->feed, 0)->codec))
                        return err_set(e, ERR_INVALID,
                                "streams %s and %s have not the same codec and tracks",
                                src->stream->name, f->text);
        }
        return 0;
}

static int read_password(struct edge *g, struct err *e)
{
        struct buf b;
        int r;

        buf_init(&b, PASSWORD_MAX);
        r = file_read_secret(g->o->password_file, PASSWORD_MAX, &b, e);
        while (r >= 0 && b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == '\r'))
                b.n--;
        if (r >= 0 && b.n == 0)
                r = err_set(e, ERR_INVALID, "%s: the password is empty", g->o->password_file);
        if (r >= 0)
                r = secret_set(&g->password, buf_bytes(&b), e);
        if (b.p)
                explicit_bzero(b.p, b.room);
        buf_done(&b);
        return r < 0 ? r : 0;
}

static int read_identity(struct edge *g, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = NULL;
        struct buf chain, pem;
        int r;

        buf_init(&chain, PEM_MAX);
        buf_init(&pem, PEM_MAX);
        r = file_read(g->o->cert_file, PEM_MAX, &chain, e);
        if (r >= 0)
                r = file_read_secret(g->o->key_file, PEM_MAX, &pem, e);
        if (r >= 0) {
                r = sign_key_parse(buf_bytes(&pem), &key, e);
                if (r >= 0)
                        r = tls_server_config_new(buf_bytes(&chain), key, &g->tls, e);
                if (r < 0)
                        err_wrap(e, r, "%s, %s", g->o->cert_file, g->o->key_file);
        }
        if (pem.p)
                explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        buf_done(&chain);
        return r < 0 ? r : 0;
}

static int write_port(const char *path, uint16_t port, struct err *e)
{
        char text[16];

        snprintf(text, sizeof text, "%u\n", port);
        return file_write_atomic(path, bytes_str(text), 0644, e);
}

static int open_all(struct edge *g, struct err *e)
{
        int r = 0;

        if (!g->o->plain_loopback_test)
                r = read_identity(g, e);
        if (r >= 0 && g->o->user)
                r = read_password(g, e);
        if (r >= 0 && g->o->metadata_file)
                r = file_read(g->o->metadata_file, CLIP_METADATA_MAX, &g->metadata, e);
        for (unsigned i = 0; r >= 0 && i < g->o->streams_n; i++)
                r = add_source(g, &g->o->streams[i], e);
        for (unsigned i = 0; r >= 0 && i < g->o->faults.n; i++) {
                r = check_fault(g, &g->o->faults.faults[i], e);
                if (r < 0)
                        err_wrap(e, r, "--fault %s", fault_plan_name(g->o->faults.faults[i].kind));
        }
        return r;
}

static int listen_up(struct edge *g, struct err *e)
{
        static const struct rtsp_peer_events events = { .describe = describe,
                .play = play,
                .set_up = set_up,
                .tweak = tweak,
                .on_play = on_play,
                .on_stop = on_stop,
                .on_refused = on_refused,
                .on_end = on_end };
        const struct rtsp_server_options so = { .tls = g->tls,
                .user = g->o->user,
                .password = &g->password,
                .datagrams = g->o->plain_loopback_test || g->o->srtp,
                .secure_media = g->o->srtp,
                .events = &events,
                .owner = g };
        uint16_t port;
        int r;

        g->server = rtsp_server_new(g->shared, &so);
        r = rtsp_server_listen(g->server, g->o->listen, &port, e);
        if (r >= 0 && g->o->port_file)
                r = write_port(g->o->port_file, port, e);
        if (r < 0)
                return r;
        if (!g->o->user)
                log_warn(&g->log, "edge.open",
                        "text=\"nobody is asked for a password: give --user and --password-file\"");
        if (g->o->faults.n)
                log_warn(&g->log, "edge.faults", "faults=%u text=\"a bad camera, on purpose\"",
                        g->o->faults.n);
        if (!g->tls)
                log_warn(
                        &g->log, "edge.plain", "text=\"without TLS, on loopback, for tests only\"");
        log_info(&g->log, "edge.ready", "listen=%s port=%u streams=%u cameras=%u", g->o->listen,
                port, g->sources_n, g->sources_n * g->sources[0].cameras_n);
        return 0;
}

/* All that is needed is open: no file is reached by name from here on. */
static int shut_in(struct edge *g, struct err *e)
{
        int r;

        sandbox_warm_up();
        if (g->o->srtp)
                srtp_session_begin();
        r = sandbox_drop(e);
        if (r < 0)
                return r;
        r = sandbox_files(NULL, 0, e);
        if (r == 0)
                log_warn(&g->log, "edge.sandbox", "text=\"this kernel has no Landlock\"");
        if (r >= 0)
                r = sandbox_syscalls(SANDBOX_EDGE, e);
        return r < 0 ? r : 0;
}

static void on_signal(void *owner)
{
        struct edge *g = owner;

        loop_stop(g->loop);
}

static void done(struct edge *g)
{
        timer_done(&g->pace);
        g->server = rtsp_server_free(g->server);
        while (g->known) {
                struct edge_client *c = g->known;

                g->known = c->next_known;
                edge_client_free(c);
        }
        for (unsigned i = 0; i < g->sources_n; i++) {
                free(g->sources[i].cameras);
                feed_free(g->sources[i].feed);
        }
        g->shared = stream_shared_free(g->shared);
        g->loop = loop_free(g->loop);
        g->tls = tls_server_config_free(g->tls);
        secret_done(&g->password);
        buf_done(&g->report);
        buf_done(&g->metadata);
        free(g);
}

int edge_run(const struct edge_options *o, struct err *e)
{
        struct edge *g = xcalloc(1, sizeof *g);
        int r;

        proc_harden("edge");
        g->o = o;
        g->loop = loop_new();
        g->shared = stream_shared_new(g->loop);
        buf_init(&g->report, REPORT_BYTES_MAX);
        buf_init(&g->metadata, CLIP_METADATA_MAX);
        r = open_all(g, e);
        if (r >= 0)
                r = listen_up(g, e);
        if (r >= 0)
                r = shut_in(g, e);
        if (r >= 0) {
                loop_catch_signals(g->loop, on_signal, g);
                for (unsigned i = 0; i < g->sources_n; i++)
                        feed_begin(g->sources[i].feed, clock_boot_us());
                on_pace(g);
                loop_run(g->loop);
        }
        done(g);
        return r < 0 ? r : 0;
}
