/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Passwords are hashed in the pool (crypto/password.h), HASH_QUEUE_AT_ONCE at a time, so that the
 * loop goes on and memory has a limit: HASH_QUEUE_AT_ONCE times 64 MiB, however many ask.
 * HASH_QUEUE_WAITING wait; who comes then is refused.
 */
#ifndef CUSTOS_MANAGER_HASH_QUEUE_H
#define CUSTOS_MANAGER_HASH_QUEUE_H

#include "base/secret.h"
#include "crypto/password.h"
#include "os/loop.h"

#define HASH_QUEUE_AT_ONCE 2
#define HASH_QUEUE_WAITING 32

struct hash_queue; /* owned */

struct hash_queue_result {
        bool same;                /* the password is the one of `kept` */
        char made[PASSWORD_ROOM]; /* of `fresh`; of the same password where `kept` is of another
                                     cost and same; else "" */
        struct err why;           /* code < 0: neither could be done */
};
/* context is the caller's again. */
typedef void (*hash_queue_then)(void *owner, void *context, const struct hash_queue_result *result);

struct hash_queue_job {
        bool compare; /* password with kept */
        struct secret password;
        const char *kept;     /* PHC. NULL, "": nobody's, which takes as long and is never same */
        struct secret fresh;  /* of which one is made, where nothing is compared or that is the
                                 same; empty: none */
        hash_queue_then then; /* never from within hash_queue_add */
        void *context;
};

struct hash_queue *hash_queue_new(struct loop *l, void *owner);
/* What still waits or runs is not told any more; free_context is called for each. */
struct hash_queue *hash_queue_free(struct hash_queue *q, void (*free_context)(void *context));
/* Copies job, and wipes its secrets, also on failure. ERR_UNAVAILABLE: too many wait. */
int hash_queue_add(struct hash_queue *q, struct hash_queue_job *job, struct err *e) MUST_USE;

#endif
