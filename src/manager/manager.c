/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/manager.h"

#include "base/log.h"
#include "manager/requests.h"
#include "os/role.h"

static void manager_on_stop(void *owner)
{
        loop_stop(owner);
}

static int manager_confine(const char *state, struct err *e)
{
        const struct sandbox_path paths[] = { { state, true } };

        int r = role_confine(SANDBOX_MANAGER, paths, ARRAY_LEN(paths), e);
        if (r == 1)
                log_warn(NULL, "sandbox.no_landlock",
                        "effect=\"files are confined by seccomp and user alone\"");
        return r < 0 ? r : 0;
}

static int manager_run(const struct role_options *o, struct err *e)
{
        const struct settings *s = &o->settings;
        const struct requests_options asked = { .state = o->state,
                .node_days = (unsigned)settings_get(s, SETTINGS_NODE_DAYS),
                .web_days = (unsigned)settings_get(s, SETTINGS_WEB_DAYS),
                .session_hours = (unsigned)settings_get(s, SETTINGS_SESSION_HOURS),
                .session_idle_minutes = (unsigned)settings_get(s, SETTINGS_SESSION_IDLE_MINUTES) };
        struct loop *loop = loop_new();
        struct requests *requests = NULL;

        int r = requests_open(loop, &asked, &requests, e);
        if (r == 0)
                r = manager_confine(o->state, e);
        if (r == 0) {
                requests_supervise(requests, manager_on_stop, loop);
                loop_catch_signals(loop, manager_on_stop, loop);
                loop_run(loop);
        }
        requests_free(requests);
        loop_free(loop);
        return r;
}

int manager_main(int argc, char **argv)
{
        struct role_options o;
        struct err e;

        int r = role_start("manager", argc, argv, &o, &e);
        if (r == 0)
                r = manager_run(&o, &e);
        if (r < 0)
                log_error(NULL, "role.failed", "err=\"%s\"", e.text);
        return r < 0 ? 1 : 0;
}
