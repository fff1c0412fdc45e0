/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_grants.h"

#include "base/log.h"
#include "recorder/grant_trust.h"

void parent_grants_on_revoked(struct parent *p, const json_t *body)
{
        const json_t *crls = json_object_get(body, "crls");
        struct bytes pem = BYTES(json_string_value(crls), json_string_length(crls));
        struct err e;

        if (!json_is_string(crls) || pem.n > GRANT_TRUST_CRLS_MAX) {
                log_warn(NULL, "grants.list_refused", "err=\"link.revoked: malformed\"");
                return;
        }
        if (pem.n == 0) /* nothing was ever revoked */
                return;
        if (p->sealer && chan_send(p->sealer, MESSAGE_CRLS, pem, NULL, 0, &e) < 0)
                log_error(NULL, "sealer.unreachable", "err=\"%s\"", e.text);
        for (unsigned i = 0; i < PARENT_WORKERS_MAX; i++) {
                struct chan *worker = p->workers[i].chan;
                if (worker && chan_send(worker, MESSAGE_CRLS, pem, NULL, 0, &e) < 0)
                        log_error(NULL, "worker.unreachable", "worker=%u err=\"%s\"", i, e.text);
        }
}
