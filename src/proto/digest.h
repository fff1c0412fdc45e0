/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP authentication as RTSP uses it: Digest with SHA-256 or MD5, and Basic (RFC 7616, RFC 2617,
 * RFC 7617), client and server side. The strongest offered is taken, and what was once offered is
 * remembered: a later, weaker offer is refused. Nonces and client nonces are drawn by the caller.
 * Whether the link is fit for a password at all is the caller's decision (ingest: verified TLS
 * only).
 */
#ifndef CUSTOS_PROTO_DIGEST_H
#define CUSTOS_PROTO_DIGEST_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define DIGEST_TEXT_ROOM 256
#define DIGEST_USER_MAX 128
#define DIGEST_ANSWER_ROOM 3072
#define DIGEST_CHALLENGES_MAX 8

/* Weak to strong; a -sess variant is as strong as its plain one. */
enum digest_scheme {
        DIGEST_NONE,
        DIGEST_BASIC,
        DIGEST_MD5,
        DIGEST_MD5_SESS,
        DIGEST_SHA256,
        DIGEST_SHA256_SESS,
};
/* "Basic", "Digest MD5", "Digest SHA-256", ... */
const char *digest_scheme_name(enum digest_scheme s);

struct digest_challenge {
        enum digest_scheme scheme;
        char realm[DIGEST_TEXT_ROOM];
        char nonce[DIGEST_TEXT_ROOM];
        char opaque[DIGEST_TEXT_ROOM];
        bool has_opaque;
        bool qop_auth; /* false: the legacy form of RFC 2069 */
        bool stale;
        bool says_algorithm;
};

/* The challenges of one WWW-Authenticate value, at most `room`; returns the count. Schemes,
 * algorithms and qop values that are not understood are left out. */
int digest_challenges_parse(
        struct bytes value, struct digest_challenge *ret, unsigned room, struct err *e) MUST_USE;

/* What a client remembers about one camera, also over reconnects. */
struct digest_client {
        bool basic_allowed;
        enum digest_scheme strongest_seen;
        struct digest_challenge current; /* scheme DIGEST_NONE: none yet */
        uint32_t nc;                     /* answers made to the current nonce */
        bool answered;                   /* an answer to `current` went out */
};
void digest_client_init(struct digest_client *c, bool basic_allowed);
/* A new connection: the nonce is forgotten, the strength is not. */
void digest_client_reconnect(struct digest_client *c);
/*
 * Takes the WWW-Authenticate values of one 401. 0: answer and send the request again. ERR_AUTH:
 * user or password is wrong (an answer was refused, and not as stale). ERR_DENIED: weaker than
 * before
 * ("Camera asked for Basic after offering Digest: refused"), or only Basic where that is not
 * allowed. ERR_PROTOCOL: nothing understandable was offered. c is unchanged on failure.
 */
int digest_client_challenge(struct digest_client *c, const struct bytes *values, unsigned values_n,
        struct err *e) MUST_USE;
/* After a request with an answer succeeded: a later 401 is then a new nonce, not a wrong password.
 */
void digest_client_accepted(struct digest_client *c);
/* False: no challenge is known yet, so send the request without. */
bool digest_client_ready(const struct digest_client *c);
/* The Authorization value for one request. cnonce: random hex, new for each nonce at least. With
 * Basic the text holds the password: the caller wipes `to` (explicit_bzero) when it is sent. */
int digest_client_answer(struct digest_client *c, const char *method, const char *uri,
        const char *user, const struct secret *password, const char *cnonce,
        char to[static DIGEST_ANSWER_ROOM], struct err *e) MUST_USE;

/* One nonce given out, and what was accepted with it: one for each connection. */
struct digest_server {
        char realm[DIGEST_TEXT_ROOM];
        char nonce[DIGEST_TEXT_ROOM];
        bool md5_allowed;
        uint32_t last_nc;
};
int digest_server_init(struct digest_server *s, const char *realm, const char *nonce,
        bool md5_allowed, struct err *e) MUST_USE;
/* One WWW-Authenticate value; send one for DIGEST_SHA256 and, where allowed, a second for
 * DIGEST_MD5. */
int digest_server_challenge(const struct digest_server *s, enum digest_scheme scheme, bool stale,
        char *to, size_t room, struct err *e) MUST_USE;
/* 0 when the Authorization value proves user and password for this request. ERR_AUTH when not; then
 * *ret_stale says whether the answer was to another nonce, so that the challenge carries
 * stale=true. The comparison takes constant time. Basic is never accepted. */
int digest_server_check(struct digest_server *s, struct bytes authorization, struct bytes method,
        struct bytes uri, const char *user, const struct secret *password, bool *ret_stale,
        struct err *e) MUST_USE;

#endif
