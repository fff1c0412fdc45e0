/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names and addresses that the page of a gateway is opened by, as an administrator gave them,
 * in the site database (the table is part of the inventory's schema). Where none were given, there
 * are none here: what counts then is the caller's to say.
 */
#ifndef CUSTOS_MANAGER_NODE_NAMES_H
#define CUSTOS_MANAGER_NODE_NAMES_H

#include "db/db.h"
#include "trust/web_names.h"

int node_names_get(struct db *d, const char *role, const char *name, struct web_names *ret,
        struct err *e) MUST_USE;
/* These instead of those before; durable. ERR_STATE: there is no such node. */
int node_names_set(struct db *d, const char *role, const char *name, const struct web_names *names,
        struct err *e) MUST_USE;

#endif
