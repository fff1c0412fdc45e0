/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Grants as the sealer takes them (docs/design/grants.md): each is checked by itself, and written
 * to <state>/recorder/grants.log (docs/spec/audit.md) and synced before anything is released under
 * it. The log is opened before the sandbox; where that fails, or where a line cannot be written,
 * nothing is released and sealing goes on.
 *
 * Lines are written and synced in the pool: a sync may take as long as the disk likes, and on this
 * loop every fragment of every stream waits for its seal. What comes meanwhile is written with the
 * next sync, together.
 */
#ifndef CUSTOS_RECORDER_SEALER_GRANTS_H
#define CUSTOS_RECORDER_SEALER_GRANTS_H

#include "os/loop.h"
#include "recorder/grant_trust.h"

struct sealer_grants;

/* state: the state directory; before the sandbox. Opens the log, reads the root and what is
 * revoked. Always succeeds: what is missing is said in the log, and is why each grant is refused.
 */
struct sealer_grants *sealer_grants_open(const char *state, struct loop *l);
/* Grants that wait for the log get ERR_CANCELLED. Before loop_free. */
struct sealer_grants *sealer_grants_free(struct sealer_grants *g);
/* As grant_trust_crls. */
int sealer_grants_crls(struct sealer_grants *g, struct bytes crls_pem, struct err *e) MUST_USE;

/* What was asked, as it was asked; and c, what may be released under, or NULL, and why says why
 * not: ERR_DENIED, ERR_INVALID, ERR_IO where the log cannot take it. All borrowed for the call. */
struct sealer_grants_answer {
        uint32_t watch;
        const char *stream;
        struct bytes token;
        const struct capability *c;
        const struct err *why;
};
typedef void (*sealer_grants_on_taken)(void *owner, const struct sealer_grants_answer *a);

/* Checks token for this use of stream; in the log once for each grant, stream and use. on_taken is
 * called once: from within this call where it is refused or in the log already. owner lives as long
 * as g. */
void sealer_grants_take(struct sealer_grants *g, uint32_t watch, const char *stream,
        enum capability_use use, struct bytes token, int64_t now_us,
        sealer_grants_on_taken on_taken, void *owner);

#endif
