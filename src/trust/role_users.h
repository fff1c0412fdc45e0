/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The roles' own users (docs/design/processes.md): who each process of a host runs as where Custos
 * is started by root and they exist, and which part of the state directory is whose. They are made
 * by packaging/custos.sysusers. All of them or none: one user for two roles would keep nothing
 * apart. Nothing is changed here; run/state_owners gives the files to them.
 */
#ifndef CUSTOS_TRUST_ROLE_USERS_H
#define CUSTOS_TRUST_ROLE_USERS_H

#include <stdbool.h>

#include "base/err.h"
#include "os/proc.h"

enum role_user_of {
        ROLE_USER_ROOT, /* the supervisor's own */
        ROLE_USER_MANAGER,
        ROLE_USER_RECORDER, /* the recorder's parent */
        ROLE_USER_SEALER,
        ROLE_USER_VOLUME,
        ROLE_USER_WORKER, /* and the prober: both talk to cameras, with their passwords */
        ROLE_USER_CONNECTOR,
        ROLE_USER_PLAYER, /* and the scrubber: both read footage that others opened */
        ROLE_USER_GATEWAY,
        ROLE_USER_TRANSCODER, /* its decoders are where a camera's bytes are most likely to win */
        ROLE_USER_MANAGER_PORTER,
        ROLE_USER_RECORDER_PORTER,
        ROLE_USER_GATEWAY_PORTER, /* in the gateway's group: it writes what the gateway reads */
        ROLE_USERS
};

struct role_users {
        struct proc_user list[ROLE_USERS];
};

#define ROLE_USERS_REMEDY                                                                          \
        "Make them: systemd-sysusers custos.conf (make install does), and start Custos again by "  \
        "root or systemd."

/* Asks the system's database of users. ERR_NOT_FOUND names the first that is not there; ERR_INVALID
 * one that would keep nothing apart (root's number, or another role's). */
int role_users_find(struct role_users *ret, struct err *e) MUST_USE;
/* The user's name, "root" for the first. */
const char *role_users_name(enum role_user_of user);
/* Of a process by its word on the command line, and of a porter ("porter") whose it is. False: no
 * role of this name. */
bool role_users_of(const char *role, const char *whose, enum role_user_of *ret);

/* Part of the state directory. */
struct role_place {
        const char *path; /* below the state directory; "" is that itself */
        enum role_user_of owner, group;
        unsigned mode;     /* of a directory, or of a file that a row names */
        bool is_dir, make; /* is made where it is not there */
        bool whole;        /* what lies in it is its owner's too, its mode as it is */
        bool large;        /* looked through only where it is another's */
};

/* In the order in which they are to be made; a later row counts for what an earlier one covers. */
extern const struct role_place role_places[];
extern const unsigned role_places_n;

#endif
