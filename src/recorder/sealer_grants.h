/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Grants as the sealer takes them (docs/design/grants.md): each is checked by itself, and written
 * to <state>/recorder/grants.log and synced before anything is released under it. The log was
 * opened before the sandbox.
 */
#ifndef CUSTOS_RECORDER_SEALER_GRANTS_H
#define CUSTOS_RECORDER_SEALER_GRANTS_H

#include "trust/capability.h"

struct sealer_grants;

/* state: the state directory; before the sandbox. Reads the root and what is revoked there. */
int sealer_grants_open(const char *state, struct sealer_grants **ret, struct err *e) MUST_USE;
struct sealer_grants *sealer_grants_free(struct sealer_grants *g);
/* A newer list; one that is not the nodes issuer's is refused. */
int sealer_grants_crls(struct sealer_grants *g, struct bytes crls_pem, struct err *e) MUST_USE;
/* Checks token for this use; in the log once for each grant, stream and use. *ret is good until the
 * next call. ERR_DENIED, ERR_INVALID; ERR_IO where the log cannot take it: then nothing is
 * released. */
int sealer_grants_take(struct sealer_grants *g, struct bytes token, enum capability_use use,
        const char *stream, int64_t now_us, const struct capability **ret, struct err *e) MUST_USE;

#endif
