/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The key that signs grants (docs/design/grants.md) and its certificate: grant.key (0600) and
 * grant.pem (leaf, nodes issuer) in <state>/manager. Both are made where they are missing, do not
 * belong together or are revoked, and made anew at two thirds of the certificate's life, when a
 * grant is made: a key that signs nothing needs no certificate. Blocking, as the manager's files
 * are. Who may see what is not decided here.
 */
#ifndef CUSTOS_MANAGER_GRANT_MAKER_H
#define CUSTOS_MANAGER_GRANT_MAKER_H

#include "trust/capability.h"
#include "trust/site_ca.h"

#define GRANT_MAKER_DAYS 14

struct grant_maker; /* owned */

/* ca is borrowed as long as the maker lives. name: of the manager. */
int grant_maker_open(const char *dir, struct site_ca *ca, const char *name, int64_t now_us,
        struct grant_maker **ret, struct err *e) MUST_USE;
struct grant_maker *grant_maker_free(struct grant_maker *g);
/* Appends the token. A certificate that cannot be renewed is used to its end. */
int grant_maker_make(struct grant_maker *g, const struct capability *c, int64_t now_us,
        struct buf *out, struct err *e) MUST_USE;

#endif
