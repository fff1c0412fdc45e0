/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager's own porter (docs/spec/link.md section 7): its control channel, and the channels of
 * peers that it hands over. The supervisor starts porters and gives the channel to each new one, as
 * message PORTER_LINK_NEW with one descriptor on the manager's descriptor 3; a manager that was
 * started by hand has neither that nor a porter.
 *
 * A porter has checked a peer's certificate; whether the node may be here at all is the owner's.
 */
#ifndef CUSTOS_MANAGER_PORTER_LINK_H
#define CUSTOS_MANAGER_PORTER_LINK_H

#include "manager/nodes.h"
#include "manager/role_link.h"

#define PORTER_LINK_FD 3
#define PORTER_LINK_NEW 120 /* MESSAGE_PORTER of recorder/message.h */

struct porter_link; /* owned */

struct porter_link_peer {
        const char *role, *name; /* checked: of nodes.h */
        struct nodes_sight sight;
};

struct porter_link_events {
        /* A porter is there (again): nothing that an older one was told is in force. */
        void (*on_up)(void *owner);
        /* Takes fd: the channel of a peer that passed. */
        void (*on_peer)(void *owner, const struct porter_link_peer *peer, int fd);
        /* It asks: the answer, *ret_body owned by the caller, or what is to be said instead, with
         * what to do ("" for nothing). */
        int (*on_request)(void *owner, const char *type, json_t *body, json_t **ret_body,
                const char **ret_remedy, struct err *e);
        void (*on_answer)(
                void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy);
};

/* site: whose peers' URIs are. */
struct porter_link *porter_link_new(
        struct loop *l, const char *site, const struct porter_link_events *events, void *owner);
struct porter_link *porter_link_free(struct porter_link *p);
/* Takes descriptor PORTER_LINK_FD. on_end, borrowing owner: the supervisor is gone. */
void porter_link_supervise(struct porter_link *p, void (*on_end)(void *owner), void *owner);
/* As role_link_ask. */
void porter_link_ask(
        struct porter_link *p, const char *type, json_t *body, uint64_t tag, unsigned patience_ms);

#endif
