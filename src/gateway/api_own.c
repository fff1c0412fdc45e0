/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the gateway answers itself. */
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "gateway/api_parts.h"
#include "gateway/exports.h"
#include "gateway/live.h"

/* Says nothing of the site that a stranger may not know. */
void api_own_health(struct api_request *q)
{
        struct gateway_links *links = q->api->o.links;
        bool manager = gateway_links_manager_up(links);
        const struct err *shut_out = gateway_links_shut_out(links);
        unsigned up, n = gateway_links_recorders(links, &up);

        bool recorders = up == n;
        json_t *body = json_pack("{s:s, s:s, s:i, s:i, s:s, s:s}", "state",
                shut_out     ? "not let in"
                : !manager   ? "manager away"
                : !recorders ? "recorder away"
                             : "ok",
                "manager", manager ? "connected" : "away", "recorders", (int)n,
                "recorders_connected", (int)up, "text",
                shut_out   ? shut_out->text
                : !manager ? "The manager is not connected: nobody can sign in or change anything."
                : !recorders ? "A recorder is not connected: its cameras cannot be watched."
                             : "",
                "remedy",
                shut_out ? fault_remedy(shut_out->fault)
                : manager && recorders
                        ? ""
                        : "Recording goes on. Look on that host whether Custos runs, and whether "
                          "this one reaches it: custos security links.");
        api_answer(q, manager ? 200 : 503, body);
        json_decref(body);
}

void api_own_root(struct api_request *q)
{
        if (q->api->o.root_der->n == 0) {
                api_problem(q, 404, "not_found", "", "This gateway has no root to give.", "");
                return;
        }
        api_answer_bytes(q, 200, "application/x-x509-ca-cert", NULL, buf_bytes(q->api->o.root_der));
}

void api_own_openapi(struct api_request *q)
{
        api_answer_bytes(q, 200, "application/json", NULL, api_asset_openapi());
}

/* --- figures, for Prometheus --- */

static bool own_may_measure(const struct api_request *q)
{
        const char *given = http_exchange_header(q->x, "authorization");
        const char *token = q->api->o.metrics_token;

        return given && strncmp(given, "Bearer ", 7) == 0 &&
               secret_equal(bytes_str(given + 7), bytes_str(token));
}

static int own_figure(struct buf *to, const char *name, const char *type, const char *about,
        uint64_t value, struct err *e)
{
        return buf_printf(to, e,
                "# HELP custos_gateway_%s %s\n# TYPE custos_gateway_%s %s\n"
                "custos_gateway_%s %llu\n",
                name, about, name, type, name, (unsigned long long)value);
}

void api_own_metrics(struct api_request *q)
{
        const struct api *a = q->api;
        struct live_figures live;
        struct buf text;
        unsigned up, n = gateway_links_recorders(a->o.links, &up);

        if (!a->o.metrics_token || !own_may_measure(q)) {
                api_problem(q, a->o.metrics_token ? 401 : 404,
                        a->o.metrics_token ? "auth" : "not_found", "",
                        "Figures are for whoever has the token.",
                        "Write one into gateway/metrics_token of the state directory, and send it as "
                        "Authorization: Bearer.");
                return;
        }
        live_figures(a->o.live, &live);
        const struct {
                const char *name, *type, *about;
                uint64_t value;
        } figures[] = { { "manager_up", "gauge", "1 while the manager is connected.",
                                gateway_links_manager_up(a->o.links) },
                { "recorders", "gauge", "Recorders of the site.", n },
                { "recorders_up", "gauge", "Recorders that are connected.", up },
                { "requests_total", "counter", "Requests.", a->count.requests },
                { "answers_2xx_total", "counter", "Answers of success.", a->count.answers[2] },
                { "answers_4xx_total", "counter", "Requests refused.", a->count.answers[4] },
                { "answers_5xx_total", "counter", "Failures.", a->count.answers[5] },
                { "origin_refused_total", "counter", "Requests of other pages.",
                        a->count.refused_origin },
                { "no_session_total", "counter", "Requests without a session.",
                        a->count.no_session },
                { "viewers", "gauge", "Who watches now.", live.viewers },
                { "streams", "gauge", "Streams that are watched live, one copy each.",
                        live.streams },
                { "media_in_bytes_total", "counter", "Media from recorders.", live.bytes_in },
                { "media_out_bytes_total", "counter", "Media to viewers.", live.bytes_out },
                { "skips_total", "counter", "Times that a slow viewer skipped to a key frame.",
                        live.skips },
                { "transcoders", "gauge", "Processes that transcode now.",
                        transcoders_running(a->o.transcoders) } };
        buf_init(&text, 16u << 10);
        for (size_t i = 0; i < ARRAY_LEN(figures); i++)
                (void)own_figure(&text, figures[i].name, figures[i].type, figures[i].about,
                        figures[i].value, NULL);
        api_answer_bytes(
                q, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, buf_bytes(&text));
        buf_done(&text);
}

/* --- the own session --- */

static void own_on_closed(void *owner, const struct gateway_answer *a)
{
        struct api_request *q = owner;
        char cookie[API_COOKIE_ROOM];

        q->ticket = 0;
        if (!a->body && a->why->code != ERR_AUTH) {
                api_problem_answer(q, a);
                return;
        }
        api_session_forget(q->api, q->who.handle);
        live_session_ended(q->api->o.live, q->who.handle, "signed out");
        exports_session_ended(q->api->o.exports, q->who.handle, "signed out");
        const char *headers[] = { "set-cookie", api_session_cookie(cookie, NULL), NULL };
        api_answer_bytes(q, 204, NULL, headers, BYTES(NULL, 0));
}

void api_own_session(struct api_request *q)
{
        if (strcmp(q->route->method, "GET") == 0) {
                json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "session", q->who.handle, "person",
                        q->who.person, "role", q->who.role, "expires", q->who.expires);
                api_answer(q, 200, body);
                json_decref(body);
                return;
        }
        q->ticket = gateway_links_ask(q->api->o.links, NULL, "session.close",
                json_pack("{s:s}", "session", q->who.handle), own_on_closed, q);
        if (!q->ticket)
                api_problem(q, 503, "unavailable", "", "Too many requests wait for the manager.",
                        "Try again in a moment.");
}

/* --- watching --- */

static void own_watch(struct api_request *q, bool playback)
{
        const struct live_wish wish = { .stream = q->params[0],
                .session = q->who.handle,
                .person = q->who.person,
                .playback = playback,
                .asked = q->body };
        struct err e;

        if (!http_exchange_wants_socket(q->x, LIVE_PROTOCOL)) {
                static const char *const upgrade[] = { "upgrade", "websocket", NULL };
                bool may =
                        strcmp(http_exchange_version(q->x), "1.1") == 0; /* RFC 9113: not in h2 */
                json_t *body = api_problem_format(426, "invalid", "",
                        "Pictures go over a WebSocket of sub-protocol " LIVE_PROTOCOL ".",
                        "Ask with Upgrade: websocket.");
                char *text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);
                json_decref(body);
                api_answer_bytes(q, 426, "application/problem+json", may ? upgrade : NULL,
                        bytes_str(text ? text : ""));
                own_freep(&text);
                return;
        }
        if (live_check(&wish, &e) < 0) {
                api_problem_err(q, &e, "");
                return;
        }
        int r = live_open(q->api->o.live, q->x, &wish, &e);
        if (r < 0)
                api_problem_err(q, &e, "");
        else
                api_release(q);
}

void api_own_live(struct api_request *q)
{
        own_watch(q, false);
}

void api_own_playback(struct api_request *q)
{
        own_watch(q, true);
}
