/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is signed in (docs/design/web.md): sessions, each opened through one gateway, in memory and
 * in the site database, so that they outlive this process. The database has the SHA-256 of each
 * token alone. Times are the caller's wall clock.
 *
 * Not in here: passwords, roles (a session has that of its person at the moment it is used), who is
 * told of an end (on_end).
 */
#ifndef CUSTOS_MANAGER_SESSIONS_H
#define CUSTOS_MANAGER_SESSIONS_H

#include "manager/nodes.h"
#include "manager/people.h"
#include "net/link.h"

#define SESSIONS_MAX 1024
#define SESSIONS_OF_ONE 64 /* of one person: the one that was not used for longest gives way */
#define SESSIONS_AGENT_MAX 200
#define SESSIONS_TOKEN_BYTES 32

struct sessions; /* owned */

struct session {
        char id[LINK_SESSION_ROOM]; /* the handle: 16 random bytes, hex */
        char person[PEOPLE_NAME_ROOM];
        char gateway[NODES_NAME_ROOM];    /* through which it was opened, and is used alone */
        char address[NODES_ADDRESS_ROOM]; /* where it was used last */
        char agent[SESSIONS_AGENT_MAX + 1];
        uint8_t token[32]; /* SHA-256 */
        int64_t opened_us, until_us, seen_us;
};

enum sessions_reason {
        SESSIONS_SIGNED_OUT,
        SESSIONS_REVOKED,
        SESSIONS_EXPIRED,
        SESSIONS_IDLE,
        SESSIONS_PASSWORD,
        SESSIONS_DISABLED,
        SESSIONS_REMOVED,
};
const char *sessions_reason_name(enum sessions_reason reason); /* "signed out", ... */

struct sessions_terms {
        int64_t life_us, idle_us;
        /* It is over, and can be used no more. s is borrowed; nothing of sessions may be called. */
        void (*on_end)(void *owner, const struct session *s, enum sessions_reason reason);
        void *owner;
};

/* Those that the database has. Borrows d. */
int sessions_open(struct db *d, const struct sessions_terms *terms, struct sessions **ret,
        struct err *e) MUST_USE;
/* What was seen and not yet written is. */
struct sessions *sessions_free(struct sessions *s);

/* Of what, person, gateway, address and agent count. *ret is borrowed until the next call that adds
 * or ends one; ret_token is the secret, and is kept nowhere. ERR_EXHAUSTED. */
int sessions_add(struct sessions *s, const struct session *what, int64_t now_us,
        uint8_t ret_token[static SESSIONS_TOKEN_BYTES], const struct session **ret,
        struct err *e) MUST_USE;
/* A living one, borrowed likewise; NULL where there is none: it never was, or it has ended, also by
 * time. */
const struct session *sessions_of(const struct sessions *s, const char *id, int64_t now_us);
const struct session *sessions_of_token(
        const struct sessions *s, const uint8_t token[static SESSIONS_TOKEN_BYTES], int64_t now_us);
/* The first of the living behind that id ("": of all); NULL behind the last. */
const struct session *sessions_behind(const struct sessions *s, const char *id, int64_t now_us);
/* It was used, from there (NULL: where it was before). Written once a minute by sessions_sweep. */
void sessions_see(struct sessions *s, const char *id, const char *address, int64_t now_us);

/* Each tells on_end. What cannot be taken out of the database is over all the same, until this
 * process ends: that is returned. */
int sessions_end(
        struct sessions *s, const char *id, enum sessions_reason reason, struct err *e) MUST_USE;
/* All of a person, or opened through a gateway (either may be NULL: any), but `except` (NULL: no
 * exception). *ret_n (may be NULL): how many. */
int sessions_end_all(struct sessions *s, const char *person, const char *gateway,
        const char *except, enum sessions_reason reason, unsigned *ret_n, struct err *e) MUST_USE;
/* Those whose time is over; what was seen is written. To be called every few seconds. */
int sessions_sweep(struct sessions *s, int64_t now_us, struct err *e) MUST_USE;

#endif
