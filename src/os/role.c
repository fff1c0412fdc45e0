/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/role.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"
#include "os/config.h"
#include "os/file.h"
#include "os/proc.h"

static int role_options(int argc, char **argv, struct role_options *o, struct err *e)
{
        static const struct option names[] = { { "state", required_argument, NULL, 's' },
                { "config", required_argument, NULL, 'c' },
                { "index", required_argument, NULL, 'i' }, { "path", required_argument, NULL, 'p' },
                { "name", required_argument, NULL, 'n' }, { "claim", no_argument, NULL, 'l' },
                { "role", required_argument, NULL, 'r' }, { "supervised", no_argument, NULL, 'v' },
                { 0 } };
        const char *config = NULL;
        uint64_t index = 0;
        int c;

        optind = 1;
        while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (c == 's')
                        snprintf(o->state, sizeof o->state, "%s", optarg);
                else if (c == 'c')
                        config = optarg;
                else if (c == 'p')
                        snprintf(o->path, sizeof o->path, "%s", optarg);
                else if (c == 'n')
                        snprintf(o->name, sizeof o->name, "%s", optarg);
                else if (c == 'l')
                        o->claim = true;
                else if (c == 'r')
                        snprintf(o->role, sizeof o->role, "%s", optarg);
                else if (c != 'v' && (c != 'i' || str_uint(optarg, 0, UINT32_MAX, &index, e) < 0))
                        return err_set(e, ERR_INVALID, "an option that this role does not have");
        }
        if (!o->state[0])
                return err_set(e, ERR_INVALID, "--state DIR is missing");
        o->index = (unsigned)index;
        settings_defaults(&o->settings);
        return config ? config_read(config, &o->settings, e) : 0;
}

const char *role_default_state(void)
{
        const char *environment = getenv("CUSTOS_STATE");

        if (environment && environment[0])
                return environment;
        return file_exists("src/layers.txt") || file_exists("var/vault") ? "./var"
                                                                         : "/var/lib/custos";
}

int role_start(const char *name, int argc, char **argv, struct role_options *ret, struct err *e)
{
        struct role_options o = { 0 };
        char title[32];

        proc_harden(name);
        /* A key pressed at the terminal is for the supervisor, which then ends the roles in their
         * order; so is the signal that the kernel sends when it dies. Who needs an orderly end
         * catches it (loop_catch_signals). */
        (void)setpgid(0, 0);
        signal(SIGTERM, SIG_IGN);
        log_open(name, LOG_LEVEL_INFO, clock_log_us);
        int r = role_options(argc, argv, &o, e);
        if (r < 0)
                return r;
        if (strcmp(name, "worker") == 0 || strcmp(name, "volume") == 0) {
                snprintf(title, sizeof title, "%s.%u", name, o.index);
                name = title;
        }
        if (o.role[0]) {
                snprintf(title, sizeof title, "%.12s.%.15s", name, o.role);
                name = title;
        }
        log_open(name, (enum log_level)settings_get(&o.settings, SETTINGS_LOG_LEVEL), clock_log_us);
        *ret = o;
        return 0;
}

int role_confine(
        enum sandbox_role role, const struct sandbox_path *paths, unsigned n, struct err *e)
{
        sandbox_warm_up();
        int r = sandbox_drop(e);
        int abi = r < 0 ? r : sandbox_files(paths, n, e);
        if (abi < 0)
                return abi;
        r = sandbox_syscalls(role, e);
        return r < 0 ? r : abi == 0;
}
