/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sealer and worker judge grants by, each for itself (docs/design/grants.md): the site's root
 * and the nodes issuer's list of what is revoked, read from the recorder's own directory before the
 * sandbox. Later lists come from the parent, which may be captured: one counts only with the
 * issuer's signature, and only where it is newer than the one that is known. So a parent can keep a
 * list back (until the process begins again), and cannot make one up or go back to an older one.
 */
#ifndef CUSTOS_RECORDER_GRANT_TRUST_H
#define CUSTOS_RECORDER_GRANT_TRUST_H

#include "trust/capability.h"

#define GRANT_TRUST_CRLS_MAX (64u << 10) /* PEM */

struct grant_trust; /* owned */

/*
 * Of <state>/recorder: the root behind the seal certificate (seal.pem); the nodes issuer from
 * node.pem and the list from nodes.crl, where these are. ERR_CORRUPT where the list is not good:
 * without it a revoked key would pass.
 */
int grant_trust_read(const char *state, struct grant_trust **ret, struct err *e) MUST_USE;
struct grant_trust *grant_trust_free(struct grant_trust *t);
/* A newer list; the text may carry the nodes issuer's certificate too. ERR_AUTH where it is not
 * that issuer's, ERR_STATE where it is older than the one that is known; the same again is none. */
int grant_trust_crls(struct grant_trust *t, struct bytes crls_pem, struct err *e) MUST_USE;
/* How many lists were taken: grants that were good before are to be judged again when it grows. */
unsigned grant_trust_version(const struct grant_trust *t);
/* For capability_parse; borrowed, until the next list. */
struct capability_trust grant_trust_of(const struct grant_trust *t);

#endif
