/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection between two nodes of a site: TLS (crypto/tls_role), then either WebSocket messages
 * or, on the accepting side, HTTP requests one after the other (docs/design/links.md). Owns the
 * stream. For the porter; it knows no role's messages.
 *
 * It ends: when the peer or the owner closes it, at the first thing that is not to the protocol,
 * after 10 s without being open, after 30 s in which nothing was heard. on_end comes once, from the
 * loop, never after role_conn_free.
 */
#ifndef CUSTOS_NET_ROLE_CONN_H
#define CUSTOS_NET_ROLE_CONN_H

#include "crypto/tls_role.h"
#include "net/stream.h"
#include "proto/http_request.h"

#define ROLE_CONN_TEXT_MAX (128u << 10)
#define ROLE_CONN_BINARY_MAX (128u << 10)
#define ROLE_CONN_QUEUE_MAX (8u << 20) /* bytes that wait for the socket; beyond: ERR_EXHAUSTED */
#define ROLE_CONN_OPEN_MS 10000
#define ROLE_CONN_PING_MS 10000
#define ROLE_CONN_SILENCE_MS 30000

struct role_conn;

struct role_conn_events {
        /* WebSocket is open; peer says who it is. */
        void (*on_open)(void *owner, struct role_conn *c);
        /* text: JSON, not parsed here; else a media message. Negative ends it with e. */
        int (*on_message)(
                void *owner, struct role_conn *c, bool text, struct bytes m, struct err *e);
        /* What waited for the socket fell below ROLE_CONN_LOW; may be NULL. */
        void (*on_drain)(void *owner, struct role_conn *c);
        /* Accepting side, before it is open: a request other than the upgrade, whole; the owner
         * answers with role_conn_answer, now or later. peer is NULL without a certificate.
         * Borrowed. */
        void (*on_request)(void *owner, struct role_conn *c, const struct http_request *r);
        /* why->fault says what a certificate was refused for. */
        void (*on_end)(void *owner, struct role_conn *c, const struct err *why);
};

#define ROLE_CONN_LOW (256u << 10)

/* Connecting side; takes fd (connected) and t (tls_role_client_new). */
int role_conn_connect(struct stream_shared *sh, int fd, struct tls *t,
        const struct role_conn_events *events, void *owner, struct role_conn **ret,
        struct err *e) MUST_USE;
/* Accepting side; t of tls_role_server_new. */
int role_conn_accept(struct stream_shared *sh, int fd, struct tls *t,
        const struct role_conn_events *events, void *owner, struct role_conn **ret,
        struct err *e) MUST_USE;
struct role_conn *role_conn_free(struct role_conn *c);

/* Once open. ERR_EXHAUSTED: ROLE_CONN_QUEUE_MAX, nothing was taken. */
int role_conn_send(struct role_conn *c, bool text, struct bytes m, struct err *e) MUST_USE;
size_t role_conn_queued(const struct role_conn *c);
/* What comes is not read from the socket while held. */
void role_conn_hold(struct role_conn *c, bool held);
/* Says close (status of RFC 6455 section 7.4.1) and ends in order. */
void role_conn_close(struct role_conn *c, uint16_t status, const char *reason);
int role_conn_answer(struct role_conn *c, int status, const char *const *headers, struct bytes body,
        struct err *e) MUST_USE;

/* NULL without a certificate. */
const struct tls_role_peer *role_conn_peer(const struct role_conn *c);
int role_conn_rekey(struct role_conn *c, struct err *e) MUST_USE;
/* By what config says now; ends it where the peer fails. */
void role_conn_recheck(struct role_conn *c, struct tls_role_config *config, int64_t now_us);

struct role_conn_state {
        bool open, accepted;
        char address[64]; /* of the peer: numeric, with its port */
        uint16_t tls_version;
        const char *cipher;
        int64_t opened_us; /* wall clock */
        uint64_t bytes_in, bytes_out, rekeys_in, rekeys_out;
        size_t queued;
};
void role_conn_state(const struct role_conn *c, struct role_conn_state *ret);

#endif
