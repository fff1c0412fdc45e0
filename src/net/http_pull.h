/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * GET of one URL of a camera over a connected socket, once (an endless answer) or again and again
 * (a picture each): HTTP/1.1 (proto/http.h) on net/stream, with Digest, with Basic as a last resort
 * where the login's owner allows it, never a redirect. Each connection is verified before the
 * request goes out, and all of one pull must show the same key.
 *
 * The caller owes: http_pull_free after on_end, and from any callback when it likes.
 *
 * Not here: what the body holds (ingest/camera_pull.h), connecting.
 */
#ifndef CUSTOS_NET_HTTP_PULL_H
#define CUSTOS_NET_HTTP_PULL_H

#include "net/login.h"
#include "net/stream.h"
#include "proto/http.h"

#define HTTP_PULL_ANSWER_MS 10000u

struct http_pull_options {
        const struct url *url; /* copied */
        bool plain;            /* without TLS */
        struct login login;
        unsigned handshake_ms; /* 0: STREAM_HANDSHAKE_MS */
        unsigned answer_ms;    /* for each answer, with its body; 0: HTTP_PULL_ANSWER_MS */
};

struct http_pull;

/* All are called with the owner; a negative return, with e set, ends the pull with that error. */
struct http_pull_events {
        /* The peer of a connection is verified (tls NULL: plain); the request did not go out. */
        int (*on_secure)(void *owner, const struct tls *tls, struct err *e);
        /* An answer of 200, borrowed. 1: it is endless, its end is no answer's end; 0: it is not.
         */
        int (*on_head)(void *owner, const struct http_answer *a, struct err *e);
        int (*on_body)(void *owner, struct bytes piece, struct err *e);
        /* The body is whole. http_pull_again asks for the next, also from within. */
        int (*on_done)(void *owner, struct err *e);
        /* One more connection to the same place is wanted: answered, also from within, by
         * http_pull_connection. */
        void (*need_connection)(void *owner);
        /* Over. Once, never from within a function of this header, never after http_pull_free. */
        void (*on_end)(void *owner, const struct err *why);
};

/* Takes fd and t (NULL with plain), also on failure. events is borrowed and outlives the pull. */
int http_pull_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct http_pull_options *o, const struct http_pull_events *events, void *owner,
        struct http_pull **ret, struct err *e) MUST_USE;
struct http_pull *http_pull_free(struct http_pull *p); /* NULL is fine */
/* Takes both, also on failure. What came of it is told by events. */
void http_pull_connection(struct http_pull *p, int fd, struct tls *t);
void http_pull_no_connection(struct http_pull *p, const struct err *why);
/* The next GET; nothing, while an answer is still under way. */
void http_pull_again(struct http_pull *p);
/* Event-driven (0) or paced reading, from now on. */
void http_pull_pace(struct http_pull *p, unsigned interval_ms);
uint64_t http_pull_received(const struct http_pull *p);

#endif
