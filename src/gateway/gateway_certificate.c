/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/gateway_certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"

#define GATEWAY_CERTIFICATE_SOON_MS 500 /* between two looks for the first one */
#define GATEWAY_CERTIFICATE_AGAIN 20    /* of them until one that was refused is judged again */

struct gateway_certificate {
        struct web_identity_source *source;
        struct web_identity shown;
        struct tls_server_config *config;
        char error[ERR_TEXT_BYTES]; /* why another one is not used; "" */
        struct loop *loop;
        struct timer look;
        unsigned looks; /* without a certificate */
        const struct gateway_certificate_events *events;
        void *owner;
};

/* Whether that is something new. */
static bool gateway_certificate_refused(struct gateway_certificate *c, const struct err *why)
{
        if (strcmp(c->error, why->text) == 0)
                return false;
        if (c->config || why->code != ERR_NOT_FOUND) /* else it is still to come */
                log_warn(NULL, "page.certificate_refused", "fault=%s err=\"%s\"",
                        fault_name(why->fault), why->text);
        snprintf(c->error, sizeof c->error, "%s", why->text);
        return true;
}

/* Takes w, unless it fails. */
static int gateway_certificate_use(
        struct gateway_certificate *c, struct web_identity *w, struct err *e)
{
        struct tls_server_config *config = NULL;
        char until[STR_TIME_ROOM];

        int r = tls_server_config_new_with(buf_bytes(&w->chain_pem), w->key, &config, e);
        if (r < 0)
                return r;
        tls_server_config_web(config);
        struct tls_server_config *before = c->config;
        web_identity_done(&c->shown);
        c->shown = *w;
        c->config = config;
        if (c->events)
                c->events->on_config(c->owner, config);
        tls_server_config_free(before);
        log_info(NULL, "page.certificate", "own=%d subject=\"%s\" until=%s", w->own,
                w->cert.subject, str_time(until, w->cert.not_after_us));
        return 0;
}

/* 1: another one is in force; 0; negative: none is, or the one before stays. */
static int gateway_certificate_look(struct gateway_certificate *c, struct err *e)
{
        struct web_identity w;

        int r = web_identity_look(c->source, clock_wall_us(), &w, e);
        if (r <= 0)
                return r;
        struct err why = *e; /* the user's own cannot be used */
        c->error[0] = '\0';
        if (why.code < 0)
                (void)gateway_certificate_refused(c, &why);
        r = gateway_certificate_use(c, &w, e);
        if (r < 0)
                web_identity_done(&w);
        return r < 0 ? r : 1;
}

static void gateway_certificate_on_look(void *owner);

static void gateway_certificate_look_again(struct gateway_certificate *c)
{
        unsigned ms = c->config ? WEB_IDENTITY_LOOK_MS : GATEWAY_CERTIFICATE_SOON_MS;

        timer_start(&c->look, c->loop, ms, 0, gateway_certificate_on_look, c);
}

static void gateway_certificate_on_look(void *owner)
{
        struct gateway_certificate *c = owner;
        struct err e;

        timer_done(&c->look);
        if (!c->config && ++c->looks % GATEWAY_CERTIFICATE_AGAIN == 0)
                web_identity_again(c->source);
        int r = gateway_certificate_look(c, &e);
        bool news = r > 0 || (r < 0 && gateway_certificate_refused(c, &e));
        if (news && c->config)
                c->events->on_shown(c->owner);
        gateway_certificate_look_again(c);
}

int gateway_certificate_open(const char *state, const struct settings *settings,
        struct gateway_certificate **ret, struct err *e)
{
        struct gateway_certificate *c = xcalloc(1, sizeof *c);
        struct err why = { 0 };

        int r = web_identity_source_new(state, settings_text(settings, SETTINGS_WEB_CERTIFICATE),
                settings_text(settings, SETTINGS_WEB_KEY), &c->source, &why);
        if (r < 0) {
                gateway_certificate_free(c);
                return err_set(e, r, "the page's certificate: %s", why.text);
        }
        if (gateway_certificate_look(c, &why) < 0)
                (void)gateway_certificate_refused(c, &why);
        *ret = c;
        return 0;
}

struct gateway_certificate *gateway_certificate_free(struct gateway_certificate *c)
{
        if (!c)
                return NULL;
        timer_done(&c->look);
        web_identity_source_free(c->source);
        web_identity_done(&c->shown);
        tls_server_config_free(c->config);
        free(c);
        return NULL;
}

unsigned gateway_certificate_paths(const struct gateway_certificate *c,
        char to[static WEB_IDENTITY_PATHS_MAX][WEB_IDENTITY_PATH_ROOM])
{
        return web_identity_paths(c->source, to);
}

void gateway_certificate_watch(struct gateway_certificate *c, struct loop *l,
        const struct gateway_certificate_events *events, void *owner)
{
        c->loop = l;
        c->events = events;
        c->owner = owner;
        gateway_certificate_look_again(c);
}

struct tls_server_config *gateway_certificate_config(const struct gateway_certificate *c)
{
        return c->config;
}

const struct buf *gateway_certificate_root(const struct gateway_certificate *c)
{
        return &c->shown.root_der;
}

json_t *gateway_certificate_shown(const struct gateway_certificate *c)
{
        const struct x509_web *w = &c->shown.cert;
        char from[STR_TIME_ROOM], until[STR_TIME_ROOM];
        json_t *names = json_array(), *error = json_string(c->error);

        for (unsigned i = 0; i < w->dns_n; i++)
                json_array_append_new(names, json_string(w->dns[i]));
        for (unsigned i = 0; i < w->ip_n; i++)
                json_array_append_new(names, json_string(w->ip[i]));
        return json_pack("{s:b, s:s, s:s, s:o, s:o}", "own", c->shown.own, "from",
                str_time(from, w->not_before_us), "until", str_time(until, w->not_after_us),
                "names", names, "error", error ? error : json_string("(unprintable)"));
}
