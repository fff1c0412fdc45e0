/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The site's nodes (docs/design/links.md) in the site database: who there is, what key it showed
 * last, whether it was revoked, and the one open enrolment code that each may have. The table is
 * part of the inventory's schema. Decides what a code is good for; signs nothing, and knows no
 * connection: what was issued stands in the register (trust/issued.h). Times are the caller's wall
 * clock.
 */
#ifndef CUSTOS_MANAGER_NODES_H
#define CUSTOS_MANAGER_NODES_H

#include "db/db.h"

#define NODES_ROLE_ROOM 16
#define NODES_NAME_ROOM 48
#define NODES_REASON_MAX 399 /* bytes; as in the record of a lock beside the footage */
#define NODES_ADDRESS_ROOM 64
#define NODES_MAX 256 /* of all roles */
#define NODES_KEY_BYTES 32
#define NODES_HASH_BYTES 32
#define NODES_CODE_LIFE_US (INT64_C(20) * 60 * 1000000)
#define NODES_CODE_TRIES 5

struct nodes_node {
        char role[NODES_ROLE_ROOM], name[NODES_NAME_ROOM];
        int64_t added_us;
        int64_t enrolled_us; /* when it last came by a code; 0: it was there from the start, or has
                                not come yet */
        int64_t revoked_us;  /* 0: not */
        char reason[NODES_REASON_MAX + 1];
        int64_t seen_us; /* 0: never */
        char address[NODES_ADDRESS_ROOM];
        int64_t until_us;             /* end of its newest certificate; 0: none is known */
        uint8_t key[NODES_KEY_BYTES]; /* that it showed last; zeros: none since it enrolled */
        int64_t code_until_us;        /* 0: it has no open code, which may be late already */
        unsigned code_tries;
};

/* Roles: "manager" (main alone, there from the start), "recorder" (main from the start), "gateway",
 * "events". Names as cameras' names, shorter than NODES_NAME_ROOM. */
int nodes_check(const char *role, const char *name, struct err *e) MUST_USE;
/* ERR_NOT_FOUND. */
int nodes_get(struct db *d, const char *role, const char *name, struct nodes_node *ret,
        struct err *e) MUST_USE;
/* By role and name; stops at a negative answer of on_node, and returns that. */
int nodes_each(struct db *d, int (*on_node)(void *owner, const struct nodes_node *n, struct err *e),
        void *owner, struct err *e) MUST_USE;
/* Whether its newest certificate is good. */
bool nodes_is_certified(const struct nodes_node *n, int64_t now_us);

/*
 * A code for a node, which is added where it is not there; an open one is replaced. ERR_STATE where
 * it has a certificate that is good: two hosts of one name. ERR_DENIED for a role that does not
 * come by a code.
 */
int nodes_open_code(struct db *d, const char *role, const char *name,
        const uint8_t hash[static NODES_HASH_BYTES], int64_t now_us, struct err *e) MUST_USE;
/*
 * Whether this is the node's open code. ERR_AUTH, with a text for our own log alone: the asker
 * learns no more than that it is not. A wrong one is counted, durably; the last try closes the
 * code. It stays open until nodes_enrol.
 */
int nodes_check_code(struct db *d, const char *role, const char *name,
        const uint8_t hash[static NODES_HASH_BYTES], int64_t now_us, struct err *e) MUST_USE;
/* It is good for nothing any more. */
int nodes_close_code(struct db *d, const char *role, const char *name, struct err *e) MUST_USE;
/* It came by its code and got a certificate: the code is used, nothing is revoked any more. */
int nodes_enrol(struct db *d, const char *role, const char *name, int64_t until_us, int64_t now_us,
        struct err *e) MUST_USE;
/* It showed this key, and got another certificate. */
int nodes_renew(struct db *d, const char *role, const char *name,
        const uint8_t shown[static NODES_KEY_BYTES], int64_t until_us, struct err *e) MUST_USE;
/* It was heard of. */
struct nodes_sight {
        int64_t at_us;
        const char *address; /* where from */
        bool has_key;
        uint8_t key[NODES_KEY_BYTES]; /* that it showed, */
        int64_t until_us;             /* and the end of its certificate; 0 without a key */
};
int nodes_see(struct db *d, const char *role, const char *name, const struct nodes_sight *s,
        struct err *e) MUST_USE;
/* Its certificates are taken back; an open code is closed. */
int nodes_revoke(struct db *d, const char *role, const char *name, const char *reason,
        int64_t now_us, struct err *e) MUST_USE;
/* ERR_DENIED where it belongs to the site from its beginning. */
int nodes_check_removable(struct db *d, const char *role, const char *name, struct err *e) MUST_USE;
int nodes_remove(struct db *d, const char *role, const char *name, struct err *e) MUST_USE;

/* Whether a code is open; *ret_until_us: when the last of them ends. */
int nodes_any_code(struct db *d, int64_t now_us, int64_t *ret_until_us, struct err *e) MUST_USE;
/* Whether a node that came by a code may connect: it lives on another host. */
int nodes_any_remote(struct db *d, int64_t now_us, bool *ret, struct err *e) MUST_USE;

#endif
