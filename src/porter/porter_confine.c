/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "porter/porter_confine.h"

#include "base/log.h"
#include "os/role.h"

int porter_confine(const char *dir, const char *web, struct err *e)
{
        struct sandbox_path paths[SANDBOX_RESOLVER_PATHS_MAX + 2];
        unsigned n = sandbox_resolver_paths(paths);

        paths[n++] = (struct sandbox_path){ dir, true };
        if (web)
                paths[n++] = (struct sandbox_path){ web, true };
        int r = role_confine(SANDBOX_PORTER, paths, n, e);
        if (r == 1)
                log_warn(NULL, "sandbox.no_landlock",
                        "effect=\"files are confined by seccomp and user alone\"");
        return r < 0 ? r : 0;
}
