/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/x509.h"
#include "gateway/api.h"
#include "gateway/exports.h"
#include "gateway/gateway_certificate.h"
#include "gateway/gateway_links.h"
#include "gateway/gateway_listen.h"
#include "gateway/live.h"
#include "gateway/still.h"
#include "net/http_server.h"
#include "os/file.h"
#include "os/role.h"
#include "trust/site_ca.h"

#define GATEWAY_TOKEN_MAX 256

struct gateway {
        struct loop *loop;
        struct stream_shared *shared;
        char dir[4200]; /* <state>/gateway */
        char site[64];
        struct buf root_der, metrics_token;
        int listen_fd;
        uint16_t port;
        bool serves;
        struct gateway_certificate *certificate;
        struct gateway_links *links;
        struct transcoders *transcoders;
        struct live *live;
        struct exports *exports;
        struct stills *stills;
        struct api *api;
        struct http_server *http;
};

/* --- what happens --- */

/* Once. The first certificate of a gateway on another host comes by its porter. */
static void gateway_say_serving(struct gateway *g)
{
        if (g->serves || !gateway_certificate_config(g->certificate))
                return;
        g->serves = true;
        log_info(NULL, "gateway.serves", "port=%u", g->port);
}

static void gateway_on_manager(void *owner)
{
        struct gateway *g = owner;

        live_see(g->live);
        exports_see(g->exports);
        if (gateway_certificate_config(g->certificate))
                gateway_links_tell_manager(
                        g->links, "web.certificate", gateway_certificate_shown(g->certificate));
}

static void gateway_on_config(void *owner, struct tls_server_config *config)
{
        struct gateway *g = owner;

        http_server_config(g->http, config);
        gateway_say_serving(g);
}

static void gateway_on_shown(void *owner)
{
        struct gateway *g = owner;

        gateway_links_tell_manager(
                g->links, "web.certificate", gateway_certificate_shown(g->certificate));
}

static void gateway_on_session_ended(void *owner, const char *session, const char *reason)
{
        struct gateway *g = owner;

        api_session_ended(g->api, session);
        live_session_ended(g->live, session, reason);
        exports_session_ended(g->exports, session, reason);
}

static int gateway_on_media(void *owner, const char *recorder, struct bytes message, struct err *e)
{
        struct gateway *g = owner;

        return exports_is_theirs(message) ? exports_on_media(g->exports, recorder, message, e)
                                          : live_on_media(g->live, recorder, message, e);
}

static void gateway_on_recorder_event(
        void *owner, const char *recorder, const char *type, json_t *body)
{
        struct gateway *g = owner;

        live_on_recorder_event(g->live, recorder, type, body);
        exports_on_recorder_event(g->exports, recorder, type, body);
}

static void gateway_on_recorder_gone(void *owner, const char *recorder)
{
        struct gateway *g = owner;

        live_on_recorder_gone(g->live, recorder);
        exports_on_recorder_gone(g->exports, recorder);
}

static void gateway_on_transcoder(void *owner, uint32_t number, int fd)
{
        struct gateway *g = owner;

        transcoders_on_channel(g->transcoders, number, fd);
}

static void gateway_on_stop(void *owner)
{
        loop_stop(owner);
}

/* --- start --- */

static int gateway_read_root(struct gateway *g, const char *state, struct err *e)
{
        char path[4300], name[SITE_CA_NAME_MAX + 1];
        struct buf pem;

        snprintf(path, sizeof path, "%.4000s/node/gateway/root.crt", state);
        buf_init(&pem, X509_PEM_MAX);
        int r = file_read(path, X509_PEM_MAX, &pem, e);
        if (r >= 0)
                r = x509_pem_parse(buf_bytes(&pem), 0, &g->root_der, e);
        if (r >= 0)
                r = site_ca_site_of(buf_bytes(&g->root_der), name, e);
        if (r >= 0)
                snprintf(g->site, sizeof g->site, "%s", name);
        buf_done(&pem);
        return r < 0 ? err_wrap(e, r, "this gateway's node") : 0;
}

/* Without one there are no figures; one that others may read is none. */
static void gateway_read_token(struct gateway *g)
{
        char path[4300];
        struct err e;

        snprintf(path, sizeof path, "%.4200s/metrics_token", g->dir);
        if (!file_exists(path))
                return;
        if (file_read_secret(path, GATEWAY_TOKEN_MAX, &g->metrics_token, &e) < 0) {
                log_warn(NULL, "metrics.no_token", "err=\"%s\"", e.text);
                return;
        }
        while (g->metrics_token.n && strchr("\r\n", g->metrics_token.p[g->metrics_token.n - 1]))
                g->metrics_token.n--;
        if (g->metrics_token.n == 0 || buf_append(&g->metrics_token, BYTES("", 1), NULL) < 0)
                buf_clear(&g->metrics_token);
}

/* All that is read and opened, before the sandbox. */
static int gateway_open(struct gateway *g, const struct role_options *o, struct err *e)
{
        char path[4300];

        snprintf(g->dir, sizeof g->dir, "%.4000s/gateway", o->state);
        int r = file_make_dirs(g->dir, 0700, e);
        if (r == 0)
                r = gateway_read_root(g, o->state, e);
        snprintf(path, sizeof path, "%.4200s/port", g->dir);
        if (r == 0)
                r = gateway_listen(settings_text(&o->settings, SETTINGS_HTTPS_ADDRESS),
                        (uint16_t)settings_get(&o->settings, SETTINGS_HTTPS_PORT), path,
                        &g->listen_fd, &g->port, e);
        if (r == 0)
                r = gateway_certificate_open(o->state, &o->settings, &g->certificate, e);
        if (r == 0)
                gateway_read_token(g);
        return r;
}

static int gateway_confine(const struct gateway *g, struct err *e)
{
        char dirs[WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM];
        struct sandbox_path paths[WEB_IDENTITY_PATHS_MAX];
        unsigned n = gateway_certificate_paths(g->certificate, dirs);

        for (unsigned i = 0; i < n; i++)
                paths[i] = (struct sandbox_path){ dirs[i], false };
        int r = role_confine(SANDBOX_GATEWAY, paths, n, e);
        if (r == 1)
                log_warn(NULL, "sandbox.no_landlock",
                        "effect=\"files are confined by seccomp and user alone\"");
        return r < 0 ? r : 0;
}

static int gateway_serve(struct gateway *g, const struct role_options *o, struct err *e)
{
        static const struct gateway_links_events links = { gateway_on_manager,
                gateway_on_session_ended, gateway_on_media, gateway_on_recorder_event,
                gateway_on_recorder_gone, gateway_on_transcoder };
        static const struct gateway_certificate_events certificate = { gateway_on_config,
                gateway_on_shown };
        static struct http_server_events http = { .on_request = api_on_request,
                .on_gone = api_on_gone,
                .on_writable = api_on_writable,
                .body_max = api_body_max,
                .headers = api_headers };

        g->links = gateway_links_new(g->loop, g->site, &links, g);
        g->transcoders = transcoders_new(
                g->loop, g->links, (unsigned)settings_get(&o->settings, SETTINGS_TRANSCODERS));
        g->live = live_new(g->loop, g->links, g->transcoders);
        g->stills = stills_new(g->loop, g->links, g->live, g->transcoders);
        g->exports = exports_new(g->loop, g->links);
        const struct api_options api = { .loop = g->loop,
                .links = g->links,
                .live = g->live,
                .exports = g->exports,
                .stills = g->stills,
                .transcoders = g->transcoders,
                .root_der = gateway_certificate_root(g->certificate),
                .metrics_token = g->metrics_token.n ? (const char *)g->metrics_token.p : NULL };
        g->api = api_new(&api);
        gateway_links_supervise(g->links, gateway_on_stop, g->loop);
        int fd = g->listen_fd;
        g->listen_fd = -1;
        int r = http_server_new(g->shared, fd, gateway_certificate_config(g->certificate), NULL,
                &http, g->api, &g->http, e);
        if (r == 0)
                gateway_certificate_watch(g->certificate, g->loop, &certificate, g);
        return r;
}

static int gateway_run(struct gateway *g, const struct role_options *o, struct err *e)
{
        int r = gateway_open(g, o, e);

        g->loop = loop_new();
        g->shared = stream_shared_new(g->loop);
        if (r == 0)
                r = gateway_confine(g, e);
        if (r == 0)
                r = gateway_serve(g, o, e);
        if (r == 0) {
                gateway_say_serving(g);
                if (!g->serves)
                        log_info(NULL, "gateway.waits", "for=\"its page's certificate\"");
                loop_catch_signals(g->loop, gateway_on_stop, g->loop);
                loop_run(g->loop);
        }
        http_server_free(g->http);
        api_free(g->api);
        gateway_certificate_free(g->certificate);
        stills_free(g->stills);
        live_free(g->live);
        exports_free(g->exports);
        transcoders_free(g->transcoders);
        gateway_links_free(g->links);
        stream_shared_free(g->shared);
        loop_free(g->loop);
        own_closep(&g->listen_fd);
        if (g->metrics_token.p)
                explicit_bzero(g->metrics_token.p, g->metrics_token.room);
        buf_done(&g->metrics_token);
        buf_done(&g->root_der);
        return r;
}

int gateway_main(int argc, char **argv)
{
        struct gateway *g = xcalloc(1, sizeof *g);
        struct role_options o;
        struct err e;

        g->listen_fd = -1;
        buf_init(&g->root_der, X509_CERT_MAX);
        buf_init(&g->metrics_token, GATEWAY_TOKEN_MAX + 1);
        int r = role_start("gateway", argc, argv, &o, &e);
        if (r == 0)
                r = gateway_run(g, &o, &e);
        if (r < 0)
                log_error(NULL, "role.failed", "err=\"%s\"", e.text);
        free(g);
        return r < 0 ? 1 : 0;
}
