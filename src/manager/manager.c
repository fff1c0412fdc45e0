/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/manager.h"

#include "base/log.h"
#include "manager/requests.h"
#include "net/link.h"
#include "os/proc.h"
#include "os/role.h"

static int manager_on_supervisor(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)c;
        if (m->type != LINK_RECORDER || m->fds_n != 1 || m->body.n)
                return err_set(e, ERR_PROTOCOL, "message %u from the supervisor", m->type);
        requests_attach_recorder(owner, m->fds[0]);
        m->fds[0] = -1;
        return 0;
}

static void manager_on_stop(void *owner)
{
        loop_stop(owner);
}

/* Without its supervisor nobody would restart the manager: it ends, and begins with the next one. */
static void manager_on_supervisor_end(void *owner, struct chan *c, const struct err *e)
{
        (void)c;
        log_info(NULL, "manager.supervisor_gone", "err=\"%s\"", e->text);
        loop_stop(requests_loop(owner));
}

static int manager_confine(const char *state, struct err *e)
{
        const struct sandbox_path paths[] = { { state, true } };

        int r = role_confine(SANDBOX_MANAGER, paths, ARRAY_LEN(paths), e);
        if (r == 1)
                log_warn(NULL, "sandbox.no_landlock", "effect=\"files are confined by seccomp and user alone\"");
        return r < 0 ? r : 0;
}

static int manager_run(const struct role_options *o, struct err *e)
{
        static const struct chan_events events = { manager_on_supervisor, manager_on_supervisor_end };
        struct loop *loop = loop_new();
        struct requests *requests = NULL;

        int r = requests_open(loop, o->state, &requests, e);
        if (r == 0)
                r = manager_confine(o->state, e);
        if (r == 0) {
                struct chan *supervisor = chan_new(loop, PROC_FIRST_FD, &events, requests);
                loop_catch_signals(loop, manager_on_stop, loop);
                loop_run(loop);
                chan_free(supervisor);
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
