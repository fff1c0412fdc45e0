/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/confine.h"

#include "base/log.h"

int confine_role(
        enum sandbox_role role, const struct sandbox_path *paths, unsigned n, struct err *e)
{
        int r = role_confine(role, paths, n, e);
        if (r == 1)
                log_warn(NULL, "sandbox.no_landlock",
                        "effect=\"files are confined by seccomp and user alone\"");
        return r < 0 ? r : 0;
}

int confine_failed(const struct err *e)
{
        log_error(NULL, "role.failed", "err=\"%s\"", e->text);
        return 1;
}
