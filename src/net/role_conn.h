/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection between two nodes of a site: TLS (crypto/tls_role), then either WebSocket messages
 * or, on the accepting side, HTTP requests one after the other (docs/design/links.md). Owns the
 * stream. For the porter; it knows no role's messages.
 *
 * It ends: when the peer or the owner closes it, at the first thing that is not to the protocol,
 * after 10 s without being open, after 30 s in which nothing was heard. Who is refused is told why:
 * by a close frame or an HTTP answer, behind which what still comes is dropped for a second at
 * most.
 *
 * The accepting side answers itself: GET /link/1 (the upgrade; 401 without a certificate, 426 where
 * it is not for WebSocket or for custos.link.1), any other /link/N (426), what is no request of
 * HTTP/1.1, and methods but GET and POST (405).
 *
 * Callbacks come from the loop only, and on_end last, once, never after role_conn_free. Each may
 * call any function here, role_conn_free included.
 */
#ifndef CUSTOS_NET_ROLE_CONN_H
#define CUSTOS_NET_ROLE_CONN_H

#include "crypto/tls_role.h"
#include "net/stream.h"
#include "proto/http_request.h"

#define ROLE_CONN_TEXT_MAX (128u << 10)
#define ROLE_CONN_BINARY_MAX (128u << 10)
#define ROLE_CONN_QUEUE_MAX (4u << 20) /* bytes that wait for the socket; beyond: ERR_EXHAUSTED */

/* What a link's times are; 0: the constant. */
#define ROLE_CONN_OPEN_MS 10000
#define ROLE_CONN_PING_MS 10000
#define ROLE_CONN_SILENCE_MS 30000
#define ROLE_CONN_CLOSE_MS 5000 /* for the other side's close, once ours was said */
struct role_conn_limits {
        unsigned open_ms, ping_ms, silence_ms, close_ms;
};

struct role_conn;

struct role_conn_events {
        /* WebSocket is open; peer says who it is. */
        void (*on_open)(void *owner, struct role_conn *c);
        /* text: JSON, not parsed here; else a media message. Negative ends it with e, and the other
         * side is told the name of e's code. */
        int (*on_message)(
                void *owner, struct role_conn *c, bool text, struct bytes m, struct err *e);
        /* What waited for the socket fell below ROLE_CONN_LOW; may be NULL. */
        void (*on_drain)(void *owner, struct role_conn *c);
        /* Accepting side, before it is open: a request other than the upgrade, whole; the owner
         * answers with role_conn_answer, now or later; the next request comes when it has.
         * role_conn_peer is NULL without a certificate. Borrowed for the call. NULL: 404. */
        void (*on_request)(void *owner, struct role_conn *c, const struct http_request *r);
        /* why->fault says what a certificate was refused for. ERR_CANCELLED: role_conn_close. The
         * connection is closed; role_conn_peer and role_conn_state still answer. */
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
/* Says close (1001, going away) where it is open, when that does not wait. */
struct role_conn *role_conn_free(struct role_conn *c);
/* Other times, before the loop runs again after it was made. */
void role_conn_limit(struct role_conn *c, const struct role_conn_limits *l);

/* Once open; text: UTF-8. ERR_EXHAUSTED: ROLE_CONN_QUEUE_MAX; ERR_INVALID: longer than a message
 * may be; ERR_STATE: not open; nothing was taken. */
int role_conn_send(struct role_conn *c, bool text, struct bytes m, struct err *e) MUST_USE;
size_t role_conn_queued(const struct role_conn *c);
/* What comes is not read from the socket while held, and the other side's silence is not counted;
 * what was read before (256 KiB at most) still comes up. */
void role_conn_hold(struct role_conn *c, bool held);
/* Says close (status of RFC 6455 section 7.4.1) behind what is queued and ends in order: on_end
 * follows when the other side has said it too. Messages that still come are dropped. */
void role_conn_close(struct role_conn *c, uint16_t status, const char *reason);
/* To the request that waits for it (else ERR_STATE); headers: "Name: value", NULL-terminated, at
 * most 12, or NULL. The connection ends behind it where the client wished so. */
int role_conn_answer(struct role_conn *c, int status, const char *const *headers, struct bytes body,
        struct err *e) MUST_USE;

/* NULL without a certificate. */
const struct tls_role_peer *role_conn_peer(const struct role_conn *c);
int role_conn_rekey(struct role_conn *c, struct err *e) MUST_USE;
/* By what config says now; ends it where the peer fails. */
void role_conn_recheck(struct role_conn *c, struct tls_role_config *config, int64_t now_us);

struct role_conn_state {
        bool open, accepted;
        char address[64]; /* of the peer: numeric, with its port; "" where it has none */
        uint16_t tls_version;
        const char *cipher;
        int64_t opened_us;            /* wall clock; 0: never was */
        uint64_t bytes_in, bytes_out; /* on the wire */
        uint64_t plaintext_bytes;     /* those of them without TLS */
        uint64_t rekeys_in, rekeys_out;
        size_t queued;
};
void role_conn_state(const struct role_conn *c, struct role_conn_state *ret);

#endif
