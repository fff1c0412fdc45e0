/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who asks the manager, and what of it is not answered yet: people of this host (by the control
 * socket) and sessions (by a gateway's link). Each question gets a tag, by which it is answered at
 * once or later, and by which anybody can look up who asked. Knows no request by name, and decides
 * nothing: that a session lives is checked before it stands here.
 */
#ifndef CUSTOS_MANAGER_DESK_H
#define CUSTOS_MANAGER_DESK_H

#include "manager/nodes.h"
#include "manager/people.h"
#include "net/link.h"

#define DESK_ASKED_MAX 1024
#define DESK_ASKED_OF_ONE 256 /* open questions of one channel */
#define DESK_BY_ROOM (PEOPLE_NAME_ROOM + NODES_NAME_ROOM + 16)

struct desk; /* owned */

struct desk_who {
        char person[PEOPLE_NAME_ROOM];   /* of the site, or on this host the user's name */
        char gateway[NODES_NAME_ROOM];   /* the node's name; "" on this host */
        char session[LINK_SESSION_ROOM]; /* "" on this host, and where there is none yet */
        enum people_role role;           /* PEOPLE_NOBODY where there is no session yet */
        int64_t until_us;                /* wall: end of the session; 0 on this host */
};

struct desk *desk_new(void);
struct desk *desk_free(struct desk *d);
/* A question of this channel, with its number there: the tag, 0 where too many are open. */
uint64_t desk_ask(struct desk *d, struct chan *from, int64_t id, const struct desk_who *who);
/* The channel is gone: what it asked needs no answer. Before it is freed, or its memory used
 * again. */
void desk_forget(struct desk *d, const struct chan *from);
/* Takes body. Nothing happens when the asker is gone. */
void desk_answer(struct desk *d, uint64_t tag, json_t *body);
void desk_fail(struct desk *d, uint64_t tag, const struct err *why, const char *remedy);
void desk_fail_later(struct desk *d, uint64_t tag, const struct err *why, unsigned retry_after_s);
/* Never NULL: nobody, without a role, when the asker is gone. Valid until the next call. */
const struct desk_who *desk_who(struct desk *d, uint64_t tag);
/* The same as a text for logs and locks: "root", or "NAME (gateway G)". Valid until the next call.
 */
const char *desk_by(struct desk *d, uint64_t tag);

#endif
