/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "gateway/api_parts.h"
#include "gateway/exports.h"
#include "gateway/still.h"
#include "net/link.h"

#define API_HEADERS_MAX 24
#define API_DEPTH_MAX 16 /* of a body's JSON */

/* --- answers --- */

const char *const api_headers[] = { "strict-transport-security", "max-age=31536000",
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'",
        "x-content-type-options", "nosniff", "referrer-policy", "no-referrer",
        "cross-origin-opener-policy", "same-origin", "cross-origin-resource-policy", "same-origin",
        NULL };

static void api_free_request(struct api_request *q)
{
        *q->at = q->next;
        if (q->next)
                q->next->at = q->at;
        gateway_links_forget(q->api->o.links, q->ticket);
        if (q->job)
                exports_leave(q->job);
        still_forget(q->still);
        json_decref(q->body);
        free(q);
}

void api_release(struct api_request *q)
{
        api_free_request(q);
}

static bool api_has(const char *const *headers, const char *name)
{
        for (; headers && *headers; headers += 2) {
                if (strcmp(headers[0], name) == 0)
                        return true;
        }
        return false;
}

/* Those that every answer has, and these. */
static void api_head(struct api_request *q, int status, const char *type,
        const char *const *headers, const char *all[static API_HEADERS_MAX])
{
        size_t n = 0;

        while (api_headers[n]) {
                all[n] = api_headers[n];
                n++;
        }
        if (!api_has(headers, "cache-control")) {
                all[n++] = "cache-control";
                all[n++] = "no-store";
        }
        if (type) {
                all[n++] = "content-type";
                all[n++] = type;
        }
        for (; headers && *headers && n + 2 < API_HEADERS_MAX; headers++)
                all[n++] = *headers;
        all[n] = NULL;
        q->api->count.answers[status / 100 < 6 ? status / 100 : 0]++;
}

void api_begin(struct api_request *q, int status, const char *type, const char *const *headers,
        int64_t length)
{
        const char *all[API_HEADERS_MAX];

        api_head(q, status, type, headers, all);
        http_exchange_begin(q->x, status, all, length);
}

void api_answer_bytes(struct api_request *q, int status, const char *type,
        const char *const *headers, struct bytes body)
{
        const char *all[API_HEADERS_MAX];
        struct http_exchange *x = q->x;

        api_head(q, status, type, headers, all);
        http_exchange_set_owner(x, NULL);
        api_free_request(q);
        http_exchange_answer(x, status, all, body);
}

void api_answer(struct api_request *q, int status, json_t *body)
{
        char *text = body ? json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

        api_answer_bytes(
                q, status, text ? "application/json" : NULL, NULL, bytes_str(text ? text : ""));
        own_freep(&text);
}

/* --- the manager's answer --- */

static json_t *api_list_after(const struct api_route *r, json_t *body, json_t *items, json_t *asked)
{
        const json_t *last = json_array_get(items, json_array_size(items) - 1);
        json_int_t known = json_integer_value(json_object_get(asked, "after"));

        if (r->key[0] == '\0')
                return json_incref(json_object_get(body, "after"));
        if (!json_is_true(json_object_get(body, "more")) || !last)
                return NULL;
        if (strcmp(r->key, "#") == 0)
                return json_integer(known + (json_int_t)json_array_size(items));
        return json_incref(json_object_get(last, r->key));
}

/* The member, which may lie within another: "recorder.streams". Borrowed; NULL where there is none.
 */
static json_t *api_member(json_t *body, const char *path)
{
        const char *dot = strchr(path, '.');
        char first[40];

        if (!dot)
                return json_object_get(body, path);
        snprintf(first, sizeof first, "%.*s", (int)(dot - path), path);
        return json_object_get(json_object_get(body, first), dot + 1);
}

static json_t *api_list(const struct api_request *q, json_t *body)
{
        const char *dot = strrchr(q->route->member, '.');
        json_t *items = api_member(body, q->route->member);
        json_t *whose = dot ? json_object_get(body, "recorder") : body;
        json_t *after =
                json_is_array(items) ? api_list_after(q->route, whose, items, q->body) : NULL;

        return json_pack("{s:o, s:b, s:o}", "items",
                json_is_array(items) ? json_incref(items) : json_array(), "more",
                json_is_true(json_object_get(whose, "more")), "after", after ? after : json_null());
}

static void api_on_opened(struct api_request *q, json_t *body)
{
        const char *token = json_string_value(json_object_get(body, "token"));
        char cookie[API_COOKIE_ROOM];

        api_session_cookie(cookie, token ? token : "");
        const char *headers[] = { "set-cookie", cookie, NULL };
        json_t *rest = json_copy(body);
        json_object_del(rest, "token");
        char *text = json_dumps(rest, JSON_COMPACT | JSON_PRESERVE_ORDER);
        json_decref(rest);
        api_answer_bytes(
                q, q->route->status, "application/json", headers, bytes_str(text ? text : ""));
        explicit_bzero(cookie, sizeof cookie);
        own_freep(&text);
}

/* A recorder that is away is no empty list. */
static bool api_lacks_recorder(const struct api_request *q, json_t *body)
{
        return q->route->form == API_LIST && strchr(q->route->member, '.') &&
               !json_is_object(json_object_get(body, "recorder"));
}

static void api_on_answer(void *owner, const struct gateway_answer *a)
{
        struct api_request *q = owner;

        q->ticket = 0;
        if (!a->body) {
                if (a->why->code == ERR_AUTH && !(q->route->flags & API_OPEN))
                        api_session_forget(q->api, q->who.handle);
                api_problem_answer(q, a);
                return;
        }
        if (api_lacks_recorder(q, a->body)) {
                api_problem(q, 503, "unavailable", "",
                        "The recorder is not connected at the moment.",
                        "GET /api/v1/nodes says since when.");
                return;
        }
        json_t *made = NULL;
        switch (q->route->form) {
        case API_EMPTY:
                break;
        case API_WHOLE:
                made = json_incref(a->body);
                break;
        case API_MEMBER:
                made = json_incref(json_object_get(a->body, q->route->member));
                break;
        case API_LIST:
                made = api_list(q, a->body);
                break;
        case API_SESSION:
                api_on_opened(q, a->body);
                return;
        }
        api_answer(q, q->route->status, made);
        json_decref(made);
}

/* --- the request --- */

static bool api_is_loopback(const char *address)
{
        return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
               strncmp(address, "::ffff:127.", 11) == 0;
}

/* Who asks, for the manager's throttle and its list of sessions. */
static void api_add_person(struct api_request *q)
{
        const char *agent = http_exchange_header(q->x, "user-agent");
        char shown[200];

        json_object_set_new(q->body, "address", json_string(http_exchange_address(q->x)));
        json_object_set_new(q->body, "agent",
                json_string(str_escape(shown, sizeof shown, bytes_str(agent ? agent : ""))));
        if (strcmp(q->route->type, "setup.finish") == 0)
                json_object_set_new(q->body, "loopback",
                        json_boolean(api_is_loopback(http_exchange_address(q->x))));
}

static unsigned api_depth(const json_t *value, unsigned left)
{
        const json_t *one;
        const char *key;
        size_t i;

        if (left == 0)
                return 1;
        if (json_is_array(value)) {
                json_array_foreach(value, i, one) if (api_depth(one, left - 1)) return 1;
        } else if (json_is_object(value)) {
                json_object_foreach((json_t *)(uintptr_t)value, key, one)
                {
                        if (api_depth(one, left - 1))
                                return 1;
                }
        }
        return 0;
}

static bool api_is_json(const struct http_exchange *x)
{
        const char *type = http_exchange_header(x, "content-type");
        struct bytes rest = bytes_str(type ? type : "");

        if (!str_is(str_cut(&rest, ';'), "application/json"))
                return false;
        return rest.n == 0 || str_is(rest, "charset=utf-8");
}

/* The body's members join those of path and query. */
static int api_read_body(struct api_request *q, struct err *e)
{
        struct bytes text = http_exchange_body(q->x);
        json_error_t why;
        const char *key;
        json_t *value;
        int r = 0;

        json_t *body = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);
        if (!body)
                return err_set(e, ERR_INVALID, "the body is no JSON at byte %d", why.position);
        if (!json_is_object(body) || api_depth(body, API_DEPTH_MAX))
                r = err_set(e, ERR_INVALID, "the body is a JSON object, at most %d levels deep",
                        API_DEPTH_MAX);
        json_object_foreach(body, key, value)
        {
                if (r == 0 && json_object_get(q->body, key))
                        r = err_set(e, ERR_INVALID, "%.60s stands in the address already", key);
                if (r == 0)
                        json_object_set(q->body, key, value);
        }
        json_decref(body);
        return r;
}

/* Where a password was: our own copies, as far as they are ours. */
static void api_wipe(json_t *body)
{
        const char *key;
        json_t *value;

        json_object_foreach(body, key, value)
        {
                const char *text = json_string_value(value);
                if (text && (strcmp(key, "password") == 0 || strcmp(key, "old") == 0 ||
                                    strcmp(key, "new") == 0 || strcmp(key, "code") == 0))
                        explicit_bzero((char *)(uintptr_t)text, json_string_length(value));
        }
}

static void api_ask(struct api_request *q)
{
        const char *session = q->route->flags & API_OPEN ? NULL : q->who.handle;
        json_t *asked = json_copy(q->body);

        if (link_json_bytes(asked) > API_MESSAGE_MAX) {
                json_decref(asked);
                api_problem(q, 413, "invalid", "", "The request is too large.",
                        "Ask for less at a time.");
                return;
        }
        q->ticket = gateway_links_ask(
                q->api->o.links, session, q->route->type, asked, api_on_answer, q);
        api_wipe(q->body);
        if (!q->ticket)
                api_problem(q, 503, "unavailable", "", "Too many requests wait for the manager.",
                        "Try again in a moment.");
}

void api_go_on(struct api_request *q)
{
        struct err e;

        int r = api_query_read(http_exchange_query(q->x), q->route->query, q->body, &e);
        if (r == 0 && q->route->flags & API_BODY) {
                if (!api_is_json(q->x)) {
                        api_problem(q, 415, "invalid", "", "The body has to be JSON.",
                                "Send it with Content-Type: application/json.");
                        return;
                }
                r = api_read_body(q, &e);
                http_exchange_wipe(q->x);
        } else if (r == 0 && http_exchange_body(q->x).n) {
                r = err_set(&e, ERR_INVALID, "this takes no body");
        }
        if (r < 0) {
                api_problem(q, 400, "invalid", "", e.text, "docs: GET /api/v1/openapi.json");
                return;
        }
        if (q->route->flags & API_PERSON) {
                static const char *const ours[] = { "address", "agent", "loopback" };
                for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
                        if (!json_object_get(q->body, ours[i]))
                                continue;
                        api_problem(q, 400, "invalid", "",
                                "address, agent and loopback are not for the asker to say.", "");
                        return;
                }
                api_add_person(q);
        }
        if (q->route->run)
                q->route->run(q);
        else
                api_ask(q);
}

/* --- routes --- */

/* Whether path is the template's; its parameters into q. */
static bool api_matches(struct api_request *q, const char *template, const char *path)
{
        q->params_n = 0;
        while (*template) {
                if (*template != '{') {
                        if (*template ++ != *path++)
                                return false;
                        continue;
                }
                size_t name = strcspn(template + 1, "}"), value = strcspn(path, "/");
                if (value == 0 || q->params_n == API_PARAMS_MAX)
                        return false;
                snprintf(
                        q->names[q->params_n], sizeof q->names[0], "%.*s", (int)name, template + 1);
                if (api_query_decode(BYTES(path, value), q->params[q->params_n],
                            sizeof q->params[0], NULL) < 0)
                        return false;
                q->params_n++;
                template += name + 2;
                path += value;
        }
        return *path == '\0';
}

/* GET, POST, ... of the path, for a 405. Returns to; "" where there is no such path. */
static const char *api_allowed(struct api_request *q, const char *path, char *to, size_t room)
{
        size_t n = 0;

        to[0] = '\0';
        for (size_t i = 0; i < api_routes_n && n < room; i++) {
                if (api_matches(q, api_routes[i].path, path))
                        n += (size_t)snprintf(
                                to + n, room - n, "%s%s", n ? ", " : "", api_routes[i].method);
        }
        return to;
}

static const struct api_route *api_find(struct api_request *q, const char *method, const char *path)
{
        if (strcmp(method, "HEAD") == 0)
                method = "GET";
        for (size_t i = 0; i < api_routes_n; i++) {
                if (strcmp(api_routes[i].method, method) == 0 &&
                        api_matches(q, api_routes[i].path, path))
                        return &api_routes[i];
        }
        return NULL;
}

static bool api_is_change(const char *method)
{
        return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static void api_no_route(struct api_request *q, const char *method, const char *path)
{
        char allowed[80], detail[120];

        if (!api_is_change(method) && api_asset_answer(q, path))
                return;
        api_allowed(q, path, allowed, sizeof allowed);
        if (!allowed[0]) {
                api_problem(q, 404, "not_found", "", "There is nothing at this address.",
                        "GET /api/v1/openapi.json lists what there is.");
                return;
        }
        snprintf(detail, sizeof detail, "Here go: %s.", allowed);
        const char *headers[] = { "allow", allowed, NULL };
        json_t *body = api_problem_format(405, "invalid", "", detail, "");
        char *text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);
        json_decref(body);
        api_answer_bytes(q, 405, "application/problem+json", headers, bytes_str(text ? text : ""));
        own_freep(&text);
}

/* "{id#}" is a number. */
static bool api_take_params(struct api_request *q)
{
        for (unsigned i = 0; i < q->params_n; i++) {
                char *kind = strchr(q->names[i], '#');
                uint64_t number = 0;
                if (kind && str_uint(q->params[i], 0, INT64_MAX, &number, NULL) < 0)
                        return false;
                if (kind)
                        *kind = '\0';
                json_object_set_new(q->body, q->names[i],
                        kind ? json_integer((json_int_t)number) : json_string(q->params[i]));
        }
        return true;
}

void api_on_request(void *owner, struct http_exchange *x)
{
        const char *method = http_exchange_method(x), *path = http_exchange_path(x);
        struct api_request *q = xcalloc(1, sizeof *q);
        struct api *a = owner;

        q->api = a;
        q->x = x;
        q->body = json_object();
        q->next = a->requests;
        q->at = &a->requests;
        if (q->next)
                q->next->at = &q->next;
        a->requests = q;
        a->count.requests++;
        http_exchange_set_owner(x, q);
        q->route = api_find(q, method, path);
        if (!q->route) {
                api_no_route(q, method, path);
                return;
        }
        if ((api_is_change(method) || q->route->flags & API_ORIGIN) &&
                !api_session_origin(x, q->route->flags & API_ORIGIN)) {
                a->count.refused_origin++;
                api_problem(q, 403, "denied", "", "This request came from another page.",
                        "A change needs the header Origin: https://HOST:PORT of this page.");
                return;
        }
        if (!api_take_params(q)) {
                api_problem(q, 404, "not_found", "", "There is nothing at this address.", "");
                return;
        }
        if (q->route->flags & API_OPEN)
                api_go_on(q);
        else
                api_session_check(q);
}

void api_on_gone(void *owner, struct http_exchange *x)
{
        struct api_request *q = http_exchange_owner(x);

        (void)owner;
        if (q)
                api_free_request(q);
}

size_t api_body_max(void *owner, const struct http_exchange *x)
{
        (void)owner;
        return api_is_change(http_exchange_method(x)) ? API_BODY_MAX : 0;
}

struct api *api_new(const struct api_options *o)
{
        struct api *a = xcalloc(1, sizeof *a);

        a->o = *o;
        a->sessions = xcalloc(API_SESSIONS_MAX, sizeof *a->sessions);
        return a;
}

struct api *api_free(struct api *a)
{
        if (!a)
                return NULL;
        while (a->requests) {
                if (a->requests->x)
                        http_exchange_set_owner(a->requests->x, NULL);
                api_free_request(a->requests);
        }
        api_session_free(a);
        free(a);
        return NULL;
}

void api_session_ended(struct api *a, const char *session)
{
        api_session_forget(a, session);
}
