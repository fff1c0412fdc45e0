/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who asks: the token of the cookie, which the manager is asked about once and believed for a
 * minute (docs/design/web.md). Tokens are kept as their hash alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "gateway/api_parts.h"
#include "os/clock.h"

#define API_SESSION_BELIEVED_US INT64_C(60000000)
#define API_SESSION_TOKEN_BYTES 43 /* 32 bytes in base64url */

char *api_session_cookie(char to[static API_COOKIE_ROOM], const char *token)
{
        snprintf(to, API_COOKIE_ROOM, "%s=%.80s; Path=/; Secure; HttpOnly; SameSite=Strict%s",
                API_COOKIE, token ? token : "", token ? "" : "; Max-Age=0");
        return to;
}

bool api_session_origin(const struct http_exchange *x, bool always)
{
        const char *origin = http_exchange_header(x, "origin");
        const char *host = http_exchange_header(x, "host");
        const char *site = http_exchange_header(x, "sec-fetch-site");

        if (!origin)
                return !always && site && strcmp(site, "same-origin") == 0;
        return host && strncmp(origin, "https://", 8) == 0 && strcmp(origin + 8, host) == 0;
}

/* --- what is believed --- */

static struct api_session *session_find(struct api *a, const uint8_t hash[static HASH_BYTES])
{
        for (unsigned i = 0; i < API_SESSIONS_MAX; i++) {
                struct api_session *s = &a->sessions[i];
                if (s->checked_us && memcmp(s->hash, hash, HASH_BYTES) == 0)
                        return s;
        }
        return NULL;
}

/* The place of one that is forgotten, or was asked about longest ago. */
static struct api_session *session_place(struct api *a)
{
        struct api_session *place = &a->sessions[0];

        for (unsigned i = 0; i < API_SESSIONS_MAX; i++) {
                if (a->sessions[i].checked_us < place->checked_us)
                        place = &a->sessions[i];
        }
        return place;
}

void api_session_forget(struct api *a, const char *handle)
{
        for (unsigned i = 0; i < API_SESSIONS_MAX; i++) {
                struct api_session *s = &a->sessions[i];
                if (s->checked_us && strcmp(s->handle, handle) == 0)
                        *s = (struct api_session){ 0 };
        }
}

void api_session_free(struct api *a)
{
        free(a->sessions);
        a->sessions = NULL;
}

/* --- asking --- */

static void session_refuse(struct api_request *q, const char *detail)
{
        q->api->count.no_session++;
        api_problem(q, 401, "auth", "not-signed-in", detail, "Sign in: POST /api/v1/session.");
}

static int session_read(const json_t *body, struct api_session *s)
{
        const char *handle = NULL, *person = NULL, *role = NULL, *expires = NULL;

        if (json_unpack((json_t *)(uintptr_t)body, "{s:s, s:s, s:s, s:s}", "session", &handle,
                    "person", &person, "role", &role, "expires", &expires) < 0 ||
                strlen(handle) != API_SESSION_ROOM - 1 || strlen(person) >= sizeof s->person ||
                strlen(role) >= sizeof s->role || strlen(expires) >= sizeof s->expires)
                return ERR_PROTOCOL;
        snprintf(s->handle, sizeof s->handle, "%s", handle);
        snprintf(s->person, sizeof s->person, "%s", person);
        snprintf(s->role, sizeof s->role, "%s", role);
        snprintf(s->expires, sizeof s->expires, "%s", expires);
        return 0;
}

static void session_on_checked(void *owner, const struct gateway_answer *a)
{
        struct api_request *q = owner;
        struct api_session s = { 0 };

        q->ticket = 0;
        if (!a->body && a->why->code == ERR_AUTH) {
                session_refuse(q, "This session has ended.");
        } else if (!a->body) {
                api_problem_answer(q, a);
        } else if (session_read(a->body, &s) < 0) {
                api_problem(q, 503, "unavailable", "", "The manager answers in another language.",
                        "Gateway and manager have to be of the same version.");
        } else {
                memcpy(s.hash, q->token_hash, sizeof s.hash);
                s.checked_us = clock_boot_us();
                struct api_session *known = session_find(q->api, s.hash);
                *(known ? known : session_place(q->api)) = s;
                q->who = s;
                api_go_on(q);
        }
}

static bool session_is_token(const char *token)
{
        static const char letters[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

        return strlen(token) == API_SESSION_TOKEN_BYTES &&
               strspn(token, letters) == API_SESSION_TOKEN_BYTES;
}

void api_session_check(struct api_request *q)
{
        char token[API_TOKEN_ROOM];
        struct api *a = q->api;

        if (!http_exchange_cookie(q->x, API_COOKIE, token, sizeof token) ||
                !session_is_token(token)) {
                session_refuse(q, "Nobody is signed in.");
                return;
        }
        hash_once(bytes_str(token), q->token_hash);
        struct api_session *known = session_find(a, q->token_hash);
        if (known && clock_boot_us() - known->checked_us < API_SESSION_BELIEVED_US) {
                q->who = *known;
                explicit_bzero(token, sizeof token);
                api_go_on(q);
                return;
        }
        q->ticket = gateway_links_ask(a->o.links, NULL, "session.check",
                json_pack("{s:s, s:s}", "token", token, "address", http_exchange_address(q->x)),
                session_on_checked, q);
        explicit_bzero(token, sizeof token);
        if (!q->ticket)
                api_problem(q, 503, "unavailable", "", "Too many requests wait for the manager.",
                        "Try again in a moment.");
}
