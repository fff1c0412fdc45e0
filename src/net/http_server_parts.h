/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inside of net/http_server, shared by the files http_server*.c, http_exchange.c, http_socket.c
 * and nobody else.
 *
 * A connection is freed from the loop alone (http_server_finish); whoever wants its end says
 * http_server_over, or http_server_close where what waits is to be sent before.
 */
#ifndef CUSTOS_NET_HTTP_SERVER_PARTS_H
#define CUSTOS_NET_HTTP_SERVER_PARTS_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "net/http_server.h"
#include "proto/http_request.h"

/* So many bytes wait for a socket before nothing more is asked for. */
#define HTTP_SERVER_HIGH (256u << 10)
#define HTTP_SERVER_STEP (64u << 10) /* moved at once */
#define HTTP_SERVER_DATE_ROOM 32

enum http_server_phase {
        HTTP_SERVER_TLS, /* handshake */
        HTTP_SERVER_H1,
        HTTP_SERVER_H2,
        HTTP_SERVER_SOCKET,  /* WebSocket */
        HTTP_SERVER_CLOSING, /* what waits is sent, what comes is dropped */
        /* The last word was said, and all that comes is dropped until the other side closes:
         * closing at once would make TCP send a reset, which can overtake what was said. */
        HTTP_SERVER_LINGER,
        HTTP_SERVER_OVER, /* ends at the loop's next turn */
};

struct http_server_peer { /* an address (IPv6: /64) that has connections */
        struct http_server_peer *next;
        uint8_t key[16];
        unsigned conns;
        size_t held;
        TAILQ_HEAD(, http_server_conn) quiet; /* as the server's */
};

struct http_server_conn {
        struct http_server *server;
        struct http_server_peer *peer;
        struct stream *stream;
        enum http_server_phase phase;
        char address[INET6_ADDRSTRLEN];
        TAILQ_ENTRY(http_server_conn) all, quiet, quiet_of_peer;
        bool is_quiet;
        TAILQ_HEAD(, http_exchange) exchanges;
        size_t held;

        struct timer timer;
        uint64_t armed_ms;  /* when it fires; 0: it does not */
        uint64_t since_ms;  /* of being quiet, of the head under way, or of the phase */
        uint64_t moved_ms;  /* when something was last seen to have been sent */
        uint64_t sent_then; /* how much it was then */
        bool lingers;       /* after HTTP_SERVER_CLOSING */

        /* HTTP/1.1 */
        struct buf in;   /* what was not used yet */
        size_t searched; /* of it, for an end of a line */
        bool in_head;    /* part of a head is there */
        bool last;       /* closes behind the answer under way */
        bool serving;    /* http_server_h1_serve is on the stack */
        struct timer soon;

        struct http_server_h2 *h2;
        struct http_socket *socket;
};

struct http_exchange {
        struct http_server_conn *conn;
        TAILQ_ENTRY(http_exchange) all;
        TAILQ_ENTRY(http_exchange) ready; /* HTTP/2: whole, and not handed up yet */
        void *owner;
        char method[HTTP_REQUEST_METHOD_ROOM];
        char path[HTTP_REQUEST_PATH_ROOM];
        struct buf text; /* the query, then name and value of each header; all end in NUL */
        unsigned headers_n;

        struct buf body;
        size_t body_need; /* as its Content-Length says; 0: does not say */
        size_t body_max;
        uint64_t since_ms; /* since its head was whole */
        bool receiving;    /* its body comes */

        bool asked;   /* the owner has it */
        bool begun;   /* there is an answer */
        bool over;    /* the answer is whole */
        bool no_body; /* the answer to HEAD, or of a status without one */
        bool chunked;
        bool waits;   /* on_writable is due */
        int64_t left; /* bytes that are to be written still; -1: not known */
        struct buf out;
        size_t out_at; /* of out, gone on */
        size_t held;   /* as counted */

        /* HTTP/2 */
        int32_t stream_id;
        size_t list_bytes; /* RFC 9113 section 6.5.2 */
        int refusal;       /* status; 0: none */
        bool is_ready, has_authority;
        bool closed;                  /* its stream is, and the owner is to be told */
        uint64_t answered_ms;         /* to its end, though it is receiving; 0: it was not */
        uint64_t moved_ms;            /* when some of its answer was last taken */
        struct buf cookie, authority; /* until the head is whole; crumbs joined (section 8.2.3) */
};

/* http_server.c */
uint64_t http_server_now(const struct http_server *s); /* ms, of the loop */
const struct http_server_events *http_server_events(const struct http_server *s, void **ret_owner);
const struct http_server_limits *http_server_limits(const struct http_server *s);
struct loop *http_server_loop(const struct http_server *s);
/* Room for what is put together and written at once; empty, and only until the caller returns. */
struct buf *http_server_scratch(struct http_server *s);
const char *http_server_date(struct http_server *s); /* RFC 9110 section 5.6.7 */
bool http_server_is_full(const struct http_server_conn *c, size_t more);
void http_server_hold(struct http_server_conn *c, size_t before, size_t after);
/* Something has changed of what c waits for: its deadline, and whether it is quiet. */
void http_server_touch(struct http_server_conn *c);
void http_server_over(struct http_server_conn *c);
void http_server_close(struct http_server_conn *c, bool lingers);
/* Those that were refused and have room again. From the loop alone. */
void http_server_tell_writable(struct http_server_conn *c);

/* http_exchange.c */
struct http_exchange *http_exchange_new(struct http_server_conn *c);
void http_exchange_free(struct http_exchange *x);
/* Counts what it holds. */
void http_exchange_account(struct http_exchange *x);
size_t http_exchange_waiting(const struct http_exchange *x);
/* Up to n bytes of what waits; they are gone on then. */
struct bytes http_exchange_pull(struct http_exchange *x, size_t n);
int http_exchange_set_query(struct http_exchange *x, struct bytes query) MUST_USE;
int http_exchange_add_header(
        struct http_exchange *x, struct bytes name, struct bytes value) MUST_USE;
bool http_exchange_is_known(const char *method);
/* Whether its body may be that large; 0, or the status of the refusal. */
int http_exchange_admit(struct http_exchange *x, uint64_t body_n);
/* By when its body has to be there. */
uint64_t http_exchange_body_deadline(const struct http_exchange *x);
void http_exchange_give(struct http_exchange *x); /* to the owner */

/* http_server_h1.c */
void http_server_h1_take(struct http_server_conn *c, struct bytes plain);
void http_server_h1_serve(struct http_server_conn *c);
void http_server_h1_pump(struct http_server_conn *c);
/* length: of the body, -1: chunked. */
void http_server_h1_head(
        struct http_exchange *x, int status, const char *const *headers, int64_t length);
void http_server_h1_part(struct http_exchange *x, struct bytes part);
void http_server_h1_finish(struct http_exchange *x);
void http_server_h1_timeout(struct http_server_conn *c);
uint64_t http_server_h1_deadline(const struct http_server_conn *c); /* 0: none */

/* http_server_h2.c */
void http_server_h2_open(struct http_server_conn *c);
void http_server_h2_done(struct http_server_conn *c);
void http_server_h2_take(struct http_server_conn *c, struct bytes plain);
void http_server_h2_pump(struct http_server_conn *c);
void http_server_h2_drained(struct http_server_conn *c);
void http_server_h2_head(
        struct http_exchange *x, int status, const char *const *headers, int64_t length);
void http_server_h2_resume(struct http_exchange *x);
void http_server_h2_abort(struct http_exchange *x);
void http_server_h2_timeout(struct http_server_conn *c);
uint64_t http_server_h2_deadline(const struct http_server_conn *c);

/* http_socket.c */
struct http_socket *http_socket_new(struct http_server_conn *c, size_t text_max, size_t binary_max,
        const struct http_socket_events *events, void *owner);
void http_socket_take(struct http_server_conn *c, struct bytes plain);
void http_socket_drained(struct http_server_conn *c);
void http_socket_gone(struct http_server_conn *c); /* tells it, and frees */

#endif
