/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every role does at its start, in this order: hardening, options, log; and, once it has
 * opened what it needs, the sandbox. A role that cannot start logs why and exits with 1.
 */
#ifndef CUSTOS_OS_ROLE_H
#define CUSTOS_OS_ROLE_H

#include "base/err.h"
#include "base/settings.h"
#include "os/sandbox.h"

struct role_options {
        char state[4096];
        unsigned index;            /* of a worker; the number of a volume */
        char path[1024], name[40]; /* of a volume */
        bool claim;
        char role[16];            /* of a porter: whose it is */
        struct settings settings; /* of the configuration file, or defaults */
};

/* Where state lies when nobody says: $CUSTOS_STATE, else ./var in a checkout or where there is one,
 * else /var/lib/custos. For the command line; roles are told. */
const char *role_default_state(void);

/* Parses --state DIR, --config FILE, --index N, --path DIR, --name NAME, --claim, --role ROLE,
 * --supervised (which tells the manager's process from what a person starts, and is all that it
 * does); hardens the process and opens the log under name. */
int role_start(
        const char *name, int argc, char **argv, struct role_options *ret, struct err *e) MUST_USE;
/* Warm-up, Landlock, capabilities, seccomp. 0, or 1 where the kernel has no Landlock: for the
 * caller to log. */
int role_confine(enum sandbox_role role, const struct sandbox_path *paths, unsigned n,
        struct err *e) MUST_USE;

#endif
