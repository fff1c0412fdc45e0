/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the manager does when it is asked (docs/spec/link.md section 2), what it tells recorders and
 * its porter, and what that and gateways ask: the inventory, the site's nodes and people, the
 * memory of what cameras were seen with, the site's roots.
 */
#ifndef CUSTOS_MANAGER_REQUESTS_H
#define CUSTOS_MANAGER_REQUESTS_H

#include "base/err.h"
#include "base/settings.h"
#include "os/loop.h"

struct requests;

struct requests_options {
        const char *state;
        unsigned node_days, web_days;                 /* how long certificates last */
        unsigned session_hours, session_idle_minutes; /* how long somebody is signed in */
};

/* Opens <state>/site (the CA), site.sqlite, tls-memory.json, and listens on control.sock (people).
 */
int requests_open(struct loop *l, const struct requests_options *o, struct requests **ret,
        struct err *e) MUST_USE;
/* Takes porters from the supervisor on descriptor 3 (porter_link.h). */
void requests_supervise(struct requests *r, void (*on_end)(void *owner), void *owner);
struct requests *requests_free(struct requests *r);

#endif
