/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/manager.h"

#include <stdio.h>

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
        struct loop *loop = loop_new();
        struct requests *requests = NULL;

        int r = requests_open(loop, o->state, &o->settings, &requests, e);
        if (r == 0)
                r = manager_confine(o->state, e);
        if (r == 0) {
                if (o->supervised)
                        requests_supervise(requests, manager_on_stop, loop);
                loop_catch_signals(loop, manager_on_stop, loop);
                loop_run(loop);
        }
        requests_free(requests);
        loop_free(loop);
        return r;
}

static const char manager_help[] =
        "custos manager --state DIR [--config FILE]\n"
        "\n"
        "The manager alone: the inventory of cameras and the control socket, of a site that custos run --init made. It tells\n"
        "the recorder (custos recorder) what to record. custos run starts both.\n"
        "\n"
        "  --state DIR    everything that is kept\n"
        "  --config FILE  settings; custos settings --example prints one\n"
        "\n"
        "Exit: 0 ended as asked, 1 could not start, 64 wrong use.\n";

int manager_main(int argc, char **argv)
{
        struct role_options o;
        struct err e;

        if (argc == 2 && strcmp(argv[1], "--help") == 0) {
                fputs(manager_help, stdout);
                return 0;
        }
        int r = role_start("manager", argc, argv, &o, &e);
        if (r == ERR_INVALID) {
                fprintf(stderr, "custos manager: %s\nTry: custos manager --help\n", e.text);
                return 64;
        }
        if (r == 0)
                r = manager_run(&o, &e);
        if (r < 0)
                log_error(NULL, "role.failed", "err=\"%s\"", e.text);
        return r < 0 ? 1 : 0;
}
