/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of a role_conn, shared by the files role_conn*.c and nobody else. */
#ifndef CUSTOS_NET_ROLE_CONN_PARTS_H
#define CUSTOS_NET_ROLE_CONN_PARTS_H

#include "net/role_conn.h"
#include "proto/websocket.h"

#define ROLE_CONN_PROTOCOL "custos.link.1"

enum role_conn_phase {
        ROLE_CONN_TLS,     /* handshake */
        ROLE_CONN_ASKED,   /* connecting side: waits for the answer to its upgrade */
        ROLE_CONN_HTTP,    /* accepting side: requests */
        ROLE_CONN_UP,      /* messages */
        ROLE_CONN_CLOSING, /* we said close; waits for the other side's */
        /* The last word was said, and all that comes is dropped until the other side closes:
         * closing at once would make TCP send a reset, which can overtake what was said. */
        ROLE_CONN_LINGER,
        ROLE_CONN_OVER, /* on_end is due at the loop's next turn */
        ROLE_CONN_ENDED,
};

struct role_conn {
        enum role_conn_phase phase;
        struct loop *loop;     /* borrowed */
        struct stream *stream; /* owned; NULL once ended */
        struct tls *tls;       /* the stream's */
        const struct role_conn_events *events;
        void *owner;
        struct role_conn_limits limits;
        bool accepted, have_peer, held, freed;
        unsigned depth; /* our own calls on the stack that came from the loop */
        struct tls_role_peer peer;
        char address[64];
        struct err why; /* of the end, from ROLE_CONN_CLOSING on */

        struct timer deadline, ping, silence, again;
        uint64_t heard_ms;           /* the loop's clock at the last byte */
        struct role_conn_state last; /* once ended */
        int64_t opened_us;

        struct buf in;  /* HTTP that was not used yet */
        struct buf out; /* one message, as it is written */

        /* Before it is open. */
        char accept[WEBSOCKET_ACCEPT_ROOM]; /* what the answer to the upgrade carries */
        bool asked;      /* accepting side: a request waits for the owner's answer */
        bool keep_alive; /* another may follow it */
        bool serving;    /* role_conn_serve is on the stack */
        bool continued;  /* "100 Continue" was said */

        struct websocket_reader *reader; /* once open */
};

/* role_conn.c: open; rest came behind the opening. */
void role_conn_up(struct role_conn *c, struct bytes rest);
/* It ends for that reason: at the loop's next turn; or once the other side has read our last word.
 */
void role_conn_over(struct role_conn *c, const struct err *why);
void role_conn_linger(struct role_conn *c, const struct err *why);
/* What the socket is to be read for. */
void role_conn_update_reading(struct role_conn *c);
/* For callbacks of the loop: c lives until role_conn_leave at the least, and no longer where that
 * returns false. */
void role_conn_enter(struct role_conn *c);
bool role_conn_leave(struct role_conn *c);

/* role_conn_open.c: the connecting side's request, and what came for it; the accepting side's. */
void role_conn_ask(struct role_conn *c);
void role_conn_take_answer(struct role_conn *c, struct bytes plain);
void role_conn_take_requests(struct role_conn *c, struct bytes plain);

#endif
