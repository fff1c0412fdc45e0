/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup holds the site's keys: that one is made is in the audit log first, and so in the backup.
 */
#include "base/log.h"
#include "manager/requests_parts.h"

int requests_backup_begin(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        if (json_object_size(body))
                return err_set(e, ERR_INVALID, "site.backup: nothing goes with it");
        int done = requests_route_announce(r, "site.backup", NULL, NULL,
                json_pack("{s:o}", "by", requests_text(desk_by(r->desk, tag))), e);
        if (done < 0)
                return done;
        log_warn(NULL, "site.backup", "holds=\"keys of the site's issuers\"");
        desk_answer(r->desk, tag,
                json_pack("{s:s, s:s}", "site", r->site, "fingerprint", r->fingerprint));
        return 0;
}
