/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The people's port: HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113, by nghttp2) over TLS, and WebSocket
 * (RFC 6455, over HTTP/1.1). What it allows, and until when: docs/design/web.md. Knows no route, no
 * cookie's meaning, no file.
 *
 * A request is handed up when its head and body are whole (what is wrong before that is answered
 * here: 400, 408, 411, 413, 414, 417, 431, 501, 505). It is answered whole, or begun and written to
 * its end; a writer that goes on while nobody reads has ERR_EXHAUSTED and waits for on_writable.
 *
 * The caller owes: single-threaded use on the loop's thread; http_server_free after all its
 * exchanges and sockets ended (it ends them, with on_gone and on_end). Any callback may call any
 * function here but http_server_free.
 */
#ifndef CUSTOS_NET_HTTP_SERVER_H
#define CUSTOS_NET_HTTP_SERVER_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/tls.h"
#include "net/stream.h"
#include "proto/websocket.h"

struct http_server;
struct http_exchange; /* a request and its answer; the server's, until it was answered or gone */
struct http_socket;   /* a WebSocket; the server's, until on_end */

struct http_server_events {
        /* Answer it now, or later. Until then x is good; on_gone comes where its peer left before
         * the end of the answer, and never after it. */
        void (*on_request)(void *owner, struct http_exchange *x);
        void (*on_gone)(void *owner, struct http_exchange *x);
        void (*on_writable)(void *owner, struct http_exchange *x); /* of one that was begun */
        /* How large the body of this request may be, bytes; asked once its head is whole. 0: none.
         * NULL: HTTP_SERVER_BODY_MAX of each. */
        size_t (*body_max)(void *owner, const struct http_exchange *x);
        /* Go with the answers that are made here, as http_exchange_answer's; may be NULL. */
        const char *const *headers;
};

#define HTTP_SERVER_HEAD_MAX 16384u
#define HTTP_SERVER_BODY_MAX (1u << 20)
/* Bytes of one answer or socket that wait for its peer. */
#define HTTP_SERVER_QUEUE_MAX (1u << 20)
/* Bytes of bodies and answers in memory: of one address, of all. Beyond: 503, and a writer has to
 * wait; no route may allow a larger body. */
#define HTTP_SERVER_HELD_OF_ADDRESS_MAX (64u << 20)
#define HTTP_SERVER_HELD_MAX (256u << 20)

struct http_server_limits { /* 0: as docs/design/web.md */
        unsigned connections, of_one_address, handshake_ms, head_ms, idle_ms, streams;
};

/* Takes listen_fd (listening, not blocking), also when it fails. config is referenced and may be
 * replaced at any time (http_server_config); without one (NULL) connections are closed at once.
 * events and owner are borrowed. */
int http_server_new(struct stream_shared *sh, int listen_fd, struct tls_server_config *config,
        const struct http_server_limits *limits, const struct http_server_events *events,
        void *owner, struct http_server **ret, struct err *e) MUST_USE;
/* New connections use it; those that are there go on. */
void http_server_config(struct http_server *s, struct tls_server_config *config);
struct http_server *http_server_free(struct http_server *s);

/* The request; all borrowed until its end. */
const char *http_exchange_method(const struct http_exchange *x);
const char *http_exchange_path(const struct http_exchange *x);  /* as sent, no query, no decoding */
const char *http_exchange_query(const struct http_exchange *x); /* behind the '?'; "" without */
/* NULL without. Name in lower case; of several of that name the first, and of those of which there
 * may be one alone a second was refused before. */
const char *http_exchange_header(const struct http_exchange *x, const char *name);
/* The value of one cookie (RFC 6265), as sent; NULL without, or where it is there twice. */
const char *http_exchange_cookie(
        const struct http_exchange *x, const char *name, char *to, size_t room);
struct bytes http_exchange_body(const struct http_exchange *x);
const char *http_exchange_address(const struct http_exchange *x); /* of the peer, no port */
const char *http_exchange_version(const struct http_exchange *x); /* "1.1", "2" */
/* Wipes the body: it held a password. */
void http_exchange_wipe(struct http_exchange *x);
/* For its owner's use. */
void http_exchange_set_owner(struct http_exchange *x, void *owner);
void *http_exchange_owner(const struct http_exchange *x);

/* headers: pairs of name (lower case) and value, NULL-terminated; may be NULL. Content-Length is
 * added. A HEAD's body is left out. x is over. */
void http_exchange_answer(
        struct http_exchange *x, int status, const char *const *headers, struct bytes body);
/* length: bytes that will be written, or -1 (chunked; h2 has its own). Who finishes before them
 * aborts. */
void http_exchange_begin(
        struct http_exchange *x, int status, const char *const *headers, int64_t length);
/* part: at most HTTP_SERVER_QUEUE_MAX, and no more than was announced (ERR_INVALID). ERR_EXHAUSTED:
 * more than that would wait; nothing was taken, on_writable comes. 0 although the peer is gone,
 * when on_gone is on its way. */
int http_exchange_write(struct http_exchange *x, struct bytes part, struct err *e) MUST_USE;
void http_exchange_finish(struct http_exchange *x); /* x is over */
void http_exchange_abort(struct http_exchange *x);  /* x is over, and its peer can tell */

struct http_socket_events {
        int (*on_message)(void *owner, struct http_socket *k, const struct websocket_message *m,
                struct err *e); /* text and binary alone; negative closes with 1008 and e's text */
        void (*on_drain)(void *owner, struct http_socket *k); /* what waited has been sent */
        void (*on_end)(void *owner, struct http_socket *k);   /* at most once; k is over */
};

/* Is it one that asks for a WebSocket of this sub-protocol? */
bool http_exchange_wants_socket(const struct http_exchange *x, const char *protocol);
/* Accepts it; x is over. text_max, binary_max: of a message that comes. Pings by itself. */
int http_exchange_socket(struct http_exchange *x, const char *protocol, size_t text_max,
        size_t binary_max, const struct http_socket_events *events, void *owner,
        struct http_socket **ret, struct err *e) MUST_USE;
/* ERR_EXHAUSTED: more than HTTP_SERVER_QUEUE_MAX would wait; nothing was taken. */
int http_socket_send(struct http_socket *k, enum websocket_kind kind, struct bytes payload,
        struct err *e) MUST_USE;
size_t http_socket_queued(const struct http_socket *k);
/* Says it (RFC 6455 section 7.4.1) and ends; no callback follows. */
void http_socket_close(struct http_socket *k, uint16_t status, const char *reason);

#endif
