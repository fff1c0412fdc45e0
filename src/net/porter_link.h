/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A role's own porter (docs/spec/link.md section 7): its control channel, asked and told by it, and
 * the channels of peers that it hands over. The supervisor starts porters, and gives the channel to
 * each new one to the role; what an older one was told is then no longer in force.
 *
 * A porter faces the network, and may have been captured: it has checked a peer's certificate, and
 * here what it says of one is held to the form and to the site. Whether that node may be here at
 * all is the owner's.
 */
#ifndef CUSTOS_NET_PORTER_LINK_H
#define CUSTOS_NET_PORTER_LINK_H

#include "crypto/tls_role.h"
#include "net/role_link.h"

#define PORTER_LINK_FD 3
#define PORTER_LINK_NEW 120 /* from the supervisor: empty, with one descriptor, the channel */
#define PORTER_LINK_ADDRESS_ROOM 64

struct porter_link; /* owned */

struct porter_link_peer {
        struct tls_role_peer node; /* uri, role and name belong together, and to the site */
        char address[PORTER_LINK_ADDRESS_ROOM];
        bool accepted; /* it connected to us */
};

struct porter_link_events {
        /* A porter is there (again). May be NULL. */
        void (*on_up)(void *owner);
        /* Takes fd: the channel of a peer that passed. */
        void (*on_peer)(void *owner, const struct porter_link_peer *peer, int fd);
        /* It asks: the answer, *ret_body owned by the caller, or what is to be said instead, with
         * what to do ("" for nothing). NULL: a porter has nothing to ask of this role. */
        int (*on_request)(void *owner, const char *type, json_t *body, json_t **ret_body,
                const char **ret_remedy, struct err *e);
        void (*on_answer)(
                void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy);
        /* A peer that is dialed does not let this node in: why, with a fault. May be NULL. */
        void (*on_not_let_in)(
                void *owner, const char *role, const char *name, const struct err *why);
        /* Of porter_link_supervise: another message of the supervisor. NULL: there is none. */
        int (*on_supervisor)(void *owner, struct chan_message *m, struct err *e);
};

/* role: "manager", for texts; site: whose nodes its peers are. Both are copied. */
struct porter_link *porter_link_new(struct loop *l, const char *role, const char *site,
        const struct porter_link_events *events, void *owner);
struct porter_link *porter_link_free(struct porter_link *p);
/* The channel to a new porter; takes fd. What was asked of the one before fails. */
void porter_link_attach(struct porter_link *p, int fd);
/* Takes descriptor PORTER_LINK_FD, the supervisor's, and attaches the porters that come by it.
 * on_end, borrowing owner: the supervisor is gone. */
void porter_link_supervise(struct porter_link *p, void (*on_end)(void *owner), void *owner);
/* Asks the supervisor for something else. ERR_UNAVAILABLE. */
int porter_link_ask_supervisor(
        struct porter_link *p, uint16_t type, struct bytes body, struct err *e) MUST_USE;
/* As role_link_ask: fails with ERR_UNAVAILABLE where there is no porter. */
void porter_link_ask(
        struct porter_link *p, const char *type, json_t *body, uint64_t tag, unsigned patience_ms);

#endif
