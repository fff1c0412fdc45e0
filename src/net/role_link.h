/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One channel of a role to another, or to its own porter (docs/spec/link.md): requests out with
 * their answers back to whoever asked, by number, each within its patience; events and requests in.
 * The role may be away: then requests fail at once with ERR_UNAVAILABLE.
 *
 * What a message means is the owner's.
 */
#ifndef CUSTOS_NET_ROLE_LINK_H
#define CUSTOS_NET_ROLE_LINK_H

#include "net/link.h"

#define ROLE_LINK_WHAT_ROOM 80

struct role_link; /* owned */

struct role_link_events {
        /* The channel `was` ended, or was replaced or dropped: it is good for nothing any more but
         * to be told from others. May be NULL. */
        void (*on_gone)(void *owner, const struct chan *was, const char *why);
        /* body is borrowed. */
        void (*on_event)(void *owner, const char *type, json_t *body);
        /* It asks, and is answered by this channel (link_send_answer, link_send_failure) in here,
         * or later, until on_gone. m is borrowed. NULL: it may not ask. */
        void (*on_request)(void *owner, struct chan *from, const struct link_message *m);
        /* Message LINK_PEER; takes fd. NULL: there is none from here. Negative ends the channel. */
        int (*on_peer)(void *owner, struct bytes text, int fd, struct err *e);
        /* A binary message (LINK_MEDIA). NULL: there is none from here. Negative ends the channel.
         */
        int (*on_media)(void *owner, struct bytes message, struct err *e);
        /* body is borrowed, NULL when why says what failed, and remedy ("" where there is none)
         * what to do. */
        void (*on_answer)(
                void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy);
};

/* what: "recorder main", for texts. */
struct role_link *role_link_new(
        struct loop *l, const char *what, const struct role_link_events *events, void *owner);
struct role_link *role_link_free(struct role_link *r);
/* Takes fd: the channel to it from now on; the old one is forgotten, its open requests fail. */
void role_link_attach(struct role_link *r, int fd);
/* Ends the channel, where there is one. */
void role_link_drop(struct role_link *r, const char *why);
bool role_link_is_up(const struct role_link *r);
/* Within on_answer: after how many seconds it is worth another try; 0: not said. */
unsigned role_link_retry_after(const struct role_link *r);
/* Takes body. The answer comes through on_answer with tag, never from within this call; tag 0:
 * nobody waits for it. */
void role_link_ask(
        struct role_link *r, const char *type, json_t *body, uint64_t tag, unsigned patience_ms);
/* The same in the name of a session, as link_send_request_in. */
void role_link_ask_in(struct role_link *r, const char *session, const char *type, json_t *body,
        uint64_t tag, unsigned patience_ms);
/* An event for it; takes body. Nothing where it is away. */
void role_link_tell(struct role_link *r, const char *type, json_t *body);

#endif
