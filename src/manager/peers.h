/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The manager's links to the site's nodes, by role and name: a role_link for each, and since when
 * it has been there or away. They come by the porter (porter_link.h), those of this host too. Who
 * may be here is decided elsewhere (nodes.h): what is not in this table cannot be attached.
 */
#ifndef CUSTOS_MANAGER_PEERS_H
#define CUSTOS_MANAGER_PEERS_H

#include "manager/nodes.h"
#include "net/role_link.h"

struct peers; /* owned */

struct peers_events {
        /* It is there (again): what it knows is of an older link, or nothing. */
        void (*on_up)(void *owner, const char *role, const char *name);
        /* was: as role_link.h. */
        void (*on_gone)(void *owner, const char *role, const char *name, const struct chan *was);
        void (*on_event)(
                void *owner, const char *role, const char *name, const char *type, json_t *body);
        /* As role_link.h. */
        void (*on_request)(void *owner, const char *role, const char *name, struct chan *from,
                const struct link_message *m);
        void (*on_answer)(
                void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy);
};

struct peers_state {
        char role[NODES_ROLE_ROOM], name[NODES_NAME_ROOM];
        bool up;
        bool refuses;                     /* it follows another copy of this manager's state */
        int64_t since_us;                 /* wall: since when it has been up or not */
        char address[NODES_ADDRESS_ROOM]; /* of the link there is, or was */
};

struct peers *peers_new(struct loop *l, const struct peers_events *events, void *owner);
struct peers *peers_free(struct peers *p);
/* Idempotent. since_us: since when it has been away. */
void peers_add(struct peers *p, const char *role, const char *name, int64_t since_us);
/* Ends its links too. */
void peers_remove(struct peers *p, const char *role, const char *name);
/* Takes fd. ERR_NOT_FOUND: it is not in the table. */
int peers_attach(struct peers *p, const char *role, const char *name, const char *address, int fd,
        struct err *e) MUST_USE;
/* Its links end, where there are any. */
void peers_drop(struct peers *p, const char *role, const char *name, const char *why);
/* As role_link_ask; of one that is not in the table it fails too. */
void peers_ask(struct peers *p, const char *role, const char *name, const char *type, json_t *body,
        uint64_t tag, unsigned patience_ms);
/* An event for every peer; borrows body. */
void peers_tell_all(struct peers *p, const char *type, json_t *body);
/* Until it comes again. */
void peers_set_refuses(struct peers *p, const char *role, const char *name);
/* An event for this one; takes body. */
void peers_tell(
        struct peers *p, const char *role, const char *name, const char *type, json_t *body);
bool peers_find(const struct peers *p, const char *role, const char *name, struct peers_state *ret);
/* By name: the n-th (from 0) of a role. False behind the last. */
bool peers_nth(const struct peers *p, const char *role, unsigned n, struct peers_state *ret);

#endif
