/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/digest.h"

#include <stdio.h>
#include <strings.h>

#include "base/str.h"
#include "proto/auth_params.h"
#include "proto/digest_hash.h"

/* Forms of one strength have one rank. */
static int rank(enum digest_scheme s)
{
        switch (s) {
        case DIGEST_BASIC:
                return 1;
        case DIGEST_MD5:
        case DIGEST_MD5_SESS:
                return 2;
        case DIGEST_SHA256:
        case DIGEST_SHA256_SESS:
                return 3;
        default:
                return 0;
        }
}

const char *digest_scheme_name(enum digest_scheme s)
{
        static const char *const names[] = {
                [DIGEST_NONE] = "none",
                [DIGEST_BASIC] = "Basic",
                [DIGEST_MD5] = "Digest MD5",
                [DIGEST_MD5_SESS] = "Digest MD5-sess",
                [DIGEST_SHA256] = "Digest SHA-256",
                [DIGEST_SHA256_SESS] = "Digest SHA-256-sess",
        };

        return names[s];
}

/* A challenge being read. */
struct reading {
        struct digest_challenge c;
        bool usable;
        bool has_nonce;
};

static bool list_has_auth(const char *list)
{
        for (const char *s = list; *s;) {
                s += strspn(s, ", \t");
                size_t n = strcspn(s, ", \t");
                if (n == 4 && strncasecmp(s, "auth", 4) == 0)
                        return true;
                s += n;
        }
        return false;
}

static void set_text(struct reading *r, char to[static DIGEST_TEXT_ROOM], const char *value)
{
        if (strlen(value) >= DIGEST_TEXT_ROOM)
                r->usable = false;
        else
                memcpy(to, value, strlen(value) + 1);
}

static void read_param(struct reading *r, const struct auth_params *a)
{
        struct digest_challenge *c = &r->c;

        if (auth_params_is(a->name, "realm")) {
                set_text(r, c->realm, a->value);
        } else if (c->scheme == DIGEST_BASIC) {
                return;
        } else if (auth_params_is(a->name, "nonce")) {
                r->has_nonce = true;
                set_text(r, c->nonce, a->value);
        } else if (auth_params_is(a->name, "opaque")) {
                c->has_opaque = true;
                set_text(r, c->opaque, a->value);
        } else if (auth_params_is(a->name, "stale")) {
                c->stale = strcasecmp(a->value, "true") == 0;
        } else if (auth_params_is(a->name, "algorithm")) {
                c->says_algorithm = true;
                c->scheme = digest_hash_scheme(a->value);
                r->usable &= c->scheme != DIGEST_NONE;
        } else if (auth_params_is(a->name, "qop")) {
                c->qop_auth = list_has_auth(a->value);
                r->usable &= c->qop_auth;
        }
}

static unsigned keep(
        const struct reading *r, struct digest_challenge *ret, unsigned n, unsigned room)
{
        bool digest = r->c.scheme != DIGEST_BASIC;

        if (!r->usable || (digest && !r->has_nonce) || n == room)
                return n;
        /* -sess needs a client nonce, which only qop carries (RFC 7616 section 3.4.2). */
        if ((r->c.scheme == DIGEST_MD5_SESS || r->c.scheme == DIGEST_SHA256_SESS) && !r->c.qop_auth)
                return n;
        ret[n] = r->c;
        return n + 1;
}

int digest_challenges_parse(
        struct bytes value, struct digest_challenge *ret, unsigned room, struct err *e)
{
        struct auth_params a = auth_params_of(value);
        struct reading r = { 0 };
        unsigned n = 0;

        for (;;) {
                enum auth_params_kind kind = auth_params_next(&a);
                if (kind == AUTH_PARAMS_BAD)
                        return err_set(e, ERR_PROTOCOL,
                                "WWW-Authenticate cannot be read at byte %zu", value.n - a.rest.n);
                if (kind == AUTH_PARAMS_PARAM) {
                        read_param(&r, &a);
                        continue;
                }
                n = keep(&r, ret, n, room);
                if (kind == AUTH_PARAMS_END)
                        return (int)n;
                r = (struct reading){ 0 };
                if (auth_params_is(a.name, "Digest"))
                        r = (struct reading){ .c.scheme = DIGEST_MD5, .usable = true };
                else if (auth_params_is(a.name, "Basic"))
                        r = (struct reading){ .c.scheme = DIGEST_BASIC, .usable = true };
        }
}

void digest_client_init(struct digest_client *c, bool basic_allowed)
{
        *c = (struct digest_client){ .basic_allowed = basic_allowed };
}

void digest_client_reconnect(struct digest_client *c)
{
        c->current = (struct digest_challenge){ 0 };
        c->nc = 0;
        c->answered = false;
}

bool digest_client_ready(const struct digest_client *c)
{
        return c->current.scheme != DIGEST_NONE;
}

void digest_client_accepted(struct digest_client *c)
{
        c->answered = false;
}

static int choose(
        const struct bytes *values, unsigned values_n, struct digest_challenge *ret, struct err *e)
{
        struct digest_challenge all[DIGEST_CHALLENGES_MAX];

        ret->scheme = DIGEST_NONE;
        for (unsigned i = 0; i < values_n; i++) {
                int n = digest_challenges_parse(values[i], all, ARRAY_LEN(all), NULL);
                for (int k = 0; k < n; k++)
                        if (rank(all[k].scheme) > rank(ret->scheme))
                                *ret = all[k];
        }
        if (ret->scheme == DIGEST_NONE)
                return err_fault(e, ERR_PROTOCOL, FAULT_UNKNOWN_AUTH,
                        "the camera asks for a password but offers neither Digest nor Basic "
                        "in a form that is understood");
        return 0;
}

/* "Digest" alone where Basic is the other: the difference that matters is plain then. */
static const char *seen_name(const struct digest_client *c, const struct digest_challenge *offer)
{
        return offer->scheme == DIGEST_BASIC ? "Digest" : digest_scheme_name(c->strongest_seen);
}

int digest_client_challenge(
        struct digest_client *c, const struct bytes *values, unsigned values_n, struct err *e)
{
        struct digest_challenge offer = { 0 };
        int r = choose(values, values_n, &offer, e);

        if (r < 0)
                return r;
        if (rank(offer.scheme) < rank(c->strongest_seen))
                return err_fault(e, ERR_DENIED, FAULT_WEAKER_AUTH,
                        "Camera asked for %s after offering %s: refused",
                        digest_scheme_name(offer.scheme), seen_name(c, &offer));
        if (offer.scheme == DIGEST_BASIC && !c->basic_allowed)
                return err_fault(e, ERR_DENIED, FAULT_BASIC_ONLY,
                        "Camera offers Basic only, which shows it the password: refused; turn on "
                        "Digest in the camera");
        if (c->answered && !offer.stale)
                return err_fault(e, ERR_AUTH, FAULT_WRONG_PASSWORD,
                        "user or password is wrong (%s)", digest_scheme_name(offer.scheme));
        if (rank(offer.scheme) > rank(c->strongest_seen))
                c->strongest_seen = offer.scheme;
        if (strcmp(c->current.nonce, offer.nonce) != 0 || c->current.scheme != offer.scheme)
                c->nc = 0;
        c->current = offer;
        c->answered = false;
        return 0;
}

static int answer_basic(const char *user, const struct secret *password, char *to, struct err *e)
{
        uint8_t both[DIGEST_USER_MAX + 1 + SECRET_MAX];
        char text[STR_BASE64_ROOM(sizeof both)];
        size_t user_n = strlen(user);

        if (strchr(user, ':'))
                return err_set(e, ERR_INVALID, "a user name with ':' cannot be used with Basic");
        memcpy(both, user, user_n);
        both[user_n] = ':';
        memcpy(both + user_n + 1, password->p, password->n);
        str_base64(text, BYTES(both, user_n + 1 + password->n));
        snprintf(to, DIGEST_ANSWER_ROOM, "Basic %s", text);
        explicit_bzero(both, sizeof both);
        explicit_bzero(text, sizeof text);
        return 0;
}

/* s between quotes, quotes and backslashes escaped. False when it does not fit. */
static bool quote(char *to, size_t room, const char *s)
{
        size_t n = 0;

        for (; *s; s++) {
                if (n + 3 > room)
                        return false;
                if (*s == '"' || *s == '\\')
                        to[n++] = '\\';
                to[n++] = *s;
        }
        to[n] = '\0';
        return true;
}

static int write_answer(const struct digest_client *c, const struct digest_hash_input *in, char *to,
        const char *response, struct err *e)
{
        const struct digest_challenge *o = &c->current;
        char user[2 * DIGEST_USER_MAX + 2], realm[2 * DIGEST_TEXT_ROOM],
                nonce[2 * DIGEST_TEXT_ROOM], opaque[2 * DIGEST_TEXT_ROOM], algorithm[40] = "",
                                                                           qop[160] = "";

        if (!quote(user, sizeof user, in->user) || !quote(realm, sizeof realm, o->realm) ||
                !quote(nonce, sizeof nonce, o->nonce) || !quote(opaque, sizeof opaque, o->opaque))
                return err_set(e, ERR_INTERNAL, "Digest: a value is too long");
        if (o->says_algorithm)
                snprintf(algorithm, sizeof algorithm, ", algorithm=%s",
                        digest_hash_algorithm(o->scheme));
        if (o->qop_auth)
                snprintf(qop, sizeof qop, ", qop=auth, nc=%s, cnonce=\"%s\"", in->nc, in->cnonce);
        int n = snprintf(to, DIGEST_ANSWER_ROOM,
                "Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", "
                "response=\"%s\"%s%s%s%s%s",
                user, realm, nonce, in->uri, response, algorithm,
                o->has_opaque ? ", opaque=\"" : "", o->has_opaque ? opaque : "",
                o->has_opaque ? "\"" : "", qop);
        if (n < 0 || n >= DIGEST_ANSWER_ROOM)
                return err_set(e, ERR_EXHAUSTED, "Digest: answer longer than %d bytes",
                        DIGEST_ANSWER_ROOM - 1);
        return 0;
}

static bool is_printable(const char *s, const char *without)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f || strchr(without, *s))
                        return false;
        return true;
}

int digest_client_answer(struct digest_client *c, const char *method, const char *uri,
        const char *user, const struct secret *password, const char *cnonce,
        char to[static DIGEST_ANSWER_ROOM], struct err *e)
{
        char response[DIGEST_HASH_HEX_ROOM], nc[16];

        if (!digest_client_ready(c))
                return err_set(e, ERR_STATE, "no challenge to answer yet");
        if (strlen(user) > DIGEST_USER_MAX || !is_printable(user, ""))
                return err_set(e, ERR_INVALID, "user name longer than %d bytes, or not printable",
                        DIGEST_USER_MAX);
        if (strlen(cnonce) > 64 || !*cnonce || !is_printable(cnonce, "\"\\ ") ||
                !is_printable(uri, "\"\\ "))
                return err_set(e, ERR_INVALID, "Digest: bad client nonce or URL");
        if (c->current.scheme == DIGEST_BASIC) {
                int r = answer_basic(user, password, to, e);
                c->answered = r == 0;
                return r;
        }
        snprintf(nc, sizeof nc, "%08x", c->nc + 1);
        struct digest_hash_input in = {
                .scheme = c->current.scheme,
                .user = user,
                .password = password,
                .realm = c->current.realm,
                .nonce = c->current.nonce,
                .method = method,
                .uri = uri,
                .qop_auth = c->current.qop_auth,
                .nc = nc,
                .cnonce = cnonce,
        };
        int r = digest_hash_response(&in, response, e);
        if (r == 0)
                r = write_answer(c, &in, to, response, e);
        if (r < 0)
                return r;
        c->nc++;
        c->answered = true;
        return 0;
}
