/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server side of digest.h. */
#include <stdio.h>
#include <strings.h>

#include "base/str.h"
#include "proto/auth_params.h"
#include "proto/digest_hash.h"

static bool is_quotable(const char *s)
{
        size_t n = strlen(s);

        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < ' ' || s[i] == 0x7f || s[i] == '"' || s[i] == '\\')
                        return false;
        return n > 0 && n < DIGEST_TEXT_ROOM;
}

int digest_server_init(struct digest_server *s, const char *realm, const char *nonce,
        bool md5_allowed, struct err *e)
{
        if (!is_quotable(realm) || !is_quotable(nonce))
                return err_set(e, ERR_INVALID, "Digest: bad realm or nonce");
        *s = (struct digest_server){ .md5_allowed = md5_allowed };
        snprintf(s->realm, sizeof s->realm, "%s", realm);
        snprintf(s->nonce, sizeof s->nonce, "%s", nonce);
        return 0;
}

int digest_server_challenge(const struct digest_server *s, enum digest_scheme scheme, bool stale,
        char *to, size_t room, struct err *e)
{
        if (scheme != DIGEST_SHA256 && !(scheme == DIGEST_MD5 && s->md5_allowed))
                return err_set(e, ERR_INVALID, "%s is not offered", digest_scheme_name(scheme));
        int n = snprintf(to, room,
                "Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s", s->realm,
                s->nonce, digest_hash_algorithm(scheme), stale ? ", stale=true" : "");
        if (n < 0 || (size_t)n >= room)
                return err_set(e, ERR_EXHAUSTED, "Digest: no room for the challenge");
        return 0;
}

/* What the other side answered. */
struct answer {
        enum digest_scheme scheme;
        bool qop_auth;
        char user[DIGEST_TEXT_ROOM], realm[DIGEST_TEXT_ROOM], nonce[DIGEST_TEXT_ROOM];
        char uri[AUTH_PARAMS_TEXT_ROOM];
        char response[DIGEST_HASH_HEX_ROOM];
        char nc[16], cnonce[DIGEST_TEXT_ROOM];
};

/* Each may come once, and must fit. */
static int read_param(struct answer *a, const struct auth_params *p, struct err *e)
{
        const struct {
                const char *name;
                char *to;
                size_t room;
        } fields[] = {
                { "username", a->user, sizeof a->user },
                { "realm", a->realm, sizeof a->realm },
                { "nonce", a->nonce, sizeof a->nonce },
                { "uri", a->uri, sizeof a->uri },
                { "response", a->response, sizeof a->response },
                { "nc", a->nc, sizeof a->nc },
                { "cnonce", a->cnonce, sizeof a->cnonce },
        };

        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
                if (auth_params_is(p->name, fields[i].name)) {
                        if (*fields[i].to || strlen(p->value) >= fields[i].room)
                                return err_set(
                                        e, ERR_PROTOCOL, "Authorization: bad %s", fields[i].name);
                        memcpy(fields[i].to, p->value, strlen(p->value) + 1);
                        return 0;
                }
        if (auth_params_is(p->name, "algorithm")) {
                a->scheme = digest_hash_scheme(p->value);
                if (a->scheme == DIGEST_NONE)
                        return err_set(e, ERR_AUTH, "Authorization: algorithm is not offered");
        } else if (auth_params_is(p->name, "qop")) {
                if (strcasecmp(p->value, "auth") != 0)
                        return err_set(e, ERR_AUTH, "Authorization: qop is not offered");
                a->qop_auth = true;
        }
        return 0;
}

static int parse_answer(struct bytes value, struct answer *ret, struct err *e)
{
        struct auth_params p = auth_params_of(value);

        *ret = (struct answer){ .scheme = DIGEST_MD5 };
        if (auth_params_next(&p) != AUTH_PARAMS_SCHEME || !auth_params_is(p.name, "Digest"))
                return err_set(e, ERR_AUTH, "Authorization is not Digest");
        for (;;) {
                enum auth_params_kind kind = auth_params_next(&p);
                if (kind == AUTH_PARAMS_END)
                        return 0;
                if (kind != AUTH_PARAMS_PARAM)
                        return err_set(e, ERR_PROTOCOL, "Authorization cannot be read at byte %zu",
                                value.n - p.rest.n);
                int r = read_param(ret, &p, e);
                if (r < 0)
                        return r;
        }
}

/*
 * nc: 8 hex digits, larger than any before with this nonce: an overheard answer opens nothing
 * twice. The legacy form without it is taken with MD5 only, for the clients that know no other
 * (GStreamer); the nonce is of one connection.
 */
static int check_count(
        const struct digest_server *s, const struct answer *a, uint32_t *ret, struct err *e)
{
        uint8_t nc[4];

        if (!a->qop_auth) {
                if (a->scheme != DIGEST_MD5)
                        return err_set(e, ERR_AUTH, "Authorization without qop");
                *ret = s->last_nc;
                return 0;
        }
        if (!*a->cnonce || str_unhex(nc, sizeof nc, a->nc, NULL) < 0)
                return err_set(e, ERR_PROTOCOL, "Authorization: bad nc or cnonce");
        *ret = (uint32_t)nc[0] << 24 | (uint32_t)nc[1] << 16 | (uint32_t)nc[2] << 8 | nc[3];
        if (*ret <= s->last_nc)
                return err_set(e, ERR_AUTH, "Authorization: nc was used before");
        return 0;
}

static int check_terms(const struct digest_server *s, const struct answer *a, struct bytes uri,
        bool *ret_stale, struct err *e)
{
        if (a->scheme != DIGEST_SHA256 && !(s->md5_allowed && a->scheme == DIGEST_MD5))
                return err_set(e, ERR_AUTH, "%s is not offered", digest_scheme_name(a->scheme));
        if (strcmp(a->realm, s->realm) != 0)
                return err_set(e, ERR_AUTH, "Authorization for another realm");
        if (!bytes_equal(bytes_str(a->uri), uri))
                return err_set(e, ERR_AUTH, "Authorization for another URL than the request's");
        if (strcmp(a->nonce, s->nonce) != 0) {
                *ret_stale = true;
                return err_set(e, ERR_AUTH, "Authorization with a nonce that is no longer valid");
        }
        return 0;
}

int digest_server_check(struct digest_server *s, struct bytes authorization, struct bytes method,
        struct bytes uri, const char *user, const struct secret *password, bool *ret_stale,
        struct err *e)
{
        struct answer a;
        char expected[DIGEST_HASH_HEX_ROOM], name[64];
        uint32_t nc = 0;

        *ret_stale = false;
        if (method.n == 0 || method.n >= sizeof name)
                return err_set(e, ERR_PROTOCOL, "method of %zu bytes", method.n);
        memcpy(name, method.p, method.n);
        name[method.n] = '\0';
        int r = parse_answer(authorization, &a, e);
        if (r == 0)
                r = check_terms(s, &a, uri, ret_stale, e);
        if (r == 0)
                r = check_count(s, &a, &nc, e);
        if (r < 0)
                return r;
        struct digest_hash_input in = {
                .scheme = a.scheme,
                .user = user,
                .password = password,
                .realm = s->realm,
                .nonce = s->nonce,
                .method = name,
                .uri = a.uri,
                .qop_auth = a.qop_auth,
                .nc = a.nc,
                .cnonce = a.cnonce,
        };
        r = digest_hash_response(&in, expected, e);
        if (r < 0)
                return r;
        bool same = secret_equal(bytes_str(expected), bytes_str(a.response));
        explicit_bzero(expected, sizeof expected);
        if (!same || strcmp(a.user, user) != 0)
                return err_set(e, ERR_AUTH, "user or password is wrong");
        s->last_nc = nc;
        return 0;
}
