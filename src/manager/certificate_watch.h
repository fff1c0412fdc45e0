/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificate watch: every certificate that the site depends on, and what has to be said of
 * it, each warning once. What was said is in the site database, so that a restart does not say it
 * again; a certificate that took another's place begins anew. A look is made by the owner: _begin,
 * _add for each, _end. No clock, no network.
 */
#ifndef CUSTOS_MANAGER_CERTIFICATE_WATCH_H
#define CUSTOS_MANAGER_CERTIFICATE_WATCH_H

#include <jansson.h>

#include "db/db.h"

#define CERTIFICATE_WATCH_MAX 20000

/* Who takes care of its renewal. */
enum certificate_watch_care {
        CERTIFICATE_WATCH_PEOPLE, /* nobody else */
        CERTIFICATE_WATCH_NODE,   /* itself, at 2/3 of its life and 1/10 of jitter: nothing is told
                                     before a fifth is left */
        CERTIFICATE_WATCH_USE,    /* made anew when it is next needed: never told */
};

/* warning: of certificate_watch_name. Negative: it could not be told, and is told again later. */
typedef int (*certificate_watch_tell)(void *owner, const char *what, const char *subject,
        int64_t until_us, const char *warning, struct err *e);

struct certificate_watch; /* owned */

/* Borrows d, which has the table certificate_told (inventory.c). */
struct certificate_watch *certificate_watch_new(struct db *d);
struct certificate_watch *certificate_watch_free(struct certificate_watch *w);

/* A look of its own, so that two may be made at a time; takes nothing from the last one. */
struct certificate_watch_look; /* owned */
struct certificate_watch_look *certificate_watch_begin(void);
/* Of several with the same what and subject the one that is good for longest counts. Those beyond
 * CERTIFICATE_WATCH_MAX are left out. */
void certificate_watch_add(struct certificate_watch_look *l, const char *what, const char *subject,
        int64_t from_us, int64_t until_us, enum certificate_watch_care care);
/* Takes l, which is what is known from now on; tells what became due. */
int certificate_watch_end(struct certificate_watch *w, struct certificate_watch_look *l,
        int64_t now_us, certificate_watch_tell tell, void *owner, struct err *e) MUST_USE;
void certificate_watch_drop(struct certificate_watch_look *l);

/* Of the last look: the rows from `after` on, at most limit, soonest first: { what, subject,
 * not_after, days_left, warning } (docs/spec/link.md). *ret_more: there are others behind. */
json_t *certificate_watch_list(const struct certificate_watch *w, size_t after, size_t limit,
        int64_t now_us, bool *ret_more);
size_t certificate_watch_due(const struct certificate_watch *w, int64_t now_us);

#endif
