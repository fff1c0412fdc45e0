/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child: what it is called with, as whom, and what it holds. */
#include <stdio.h>

#include "run/supervisor_parts.h"

const char *supervisor_start_role(enum supervisor_kind kind)
{
        static const char *const roles[] = { "manager", "parent", "sealer", "connector", "worker",
                "volume", "scrubber", "porter", "player", "gateway", "prober", "transcoder" };

        return roles[kind];
}

static int start_lock(const struct supervisor_child *c)
{
        const struct supervisor_options *o = &c->supervisor->options;

        if (c->kind == SUPERVISOR_MANAGER || supervisor_is_managers(c))
                return o->manager_lock_fd;
        return c->kind == SUPERVISOR_GATEWAY || supervisor_is_gateways(c) ? o->gateway_lock_fd
                                                                          : o->recorder_lock_fd;
}

/* Whom it runs as. The demo's cameras are no role: they stay with whoever started the demo. */
static int start_user(const struct supervisor_child *c, const struct proc_user **ret, struct err *e)
{
        const struct role_users *users = c->supervisor->options.users;
        enum role_user_of user;

        *ret = NULL;
        if (!users || c->kind == SUPERVISOR_EXTRA)
                return 0;
        if (!role_users_of(supervisor_start_role(c->kind), c->role, &user))
                return err_set(e, ERR_INTERNAL, "no user is named for the role %s",
                        supervisor_start_role(c->kind));
        *ret = &users->list[user];
        return 0;
}

#define START_ARGS_MAX 16

/* index: room for the text of one. */
static void start_args(
        const struct supervisor_child *c, const char *args[START_ARGS_MAX], char index[static 16])
{
        const struct supervisor_options *o = &c->supervisor->options;
        unsigned n = 0;

        args[n++] = supervisor_start_role(c->kind);
        args[n++] = "--state";
        args[n++] = o->state;
        if (o->config) {
                args[n++] = "--config";
                args[n++] = o->config;
        }
        if (c->kind == SUPERVISOR_MANAGER || c->kind == SUPERVISOR_GATEWAY)
                args[n++] = "--supervised";
        if (c->kind == SUPERVISOR_PORTER) {
                args[n++] = "--role";
                args[n++] = c->role;
        }
        if (c->kind == SUPERVISOR_WORKER || c->kind == SUPERVISOR_VOLUME) {
                snprintf(index, 16, "%u", c->index);
                args[n++] = "--index";
                args[n++] = index;
        }
        if (c->kind == SUPERVISOR_VOLUME) {
                args[n++] = "--path";
                args[n++] = c->start.path;
                args[n++] = "--name";
                args[n++] = c->start.name;
                if (c->start.claim)
                        args[n++] = "--claim";
        }
        args[n] = NULL;
}

int supervisor_start_child(struct supervisor_child *c, int fd, int key_fd,
        void (*on_exit)(void *owner, struct proc *p, int status, int signal), struct err *e)
{
        const struct proc_user *user;
        const char *args[START_ARGS_MAX];
        char index[16];
        bool extra = c->kind == SUPERVISOR_EXTRA;
        int fds[3];
        unsigned fds_n = 0;

        int r = start_user(c, &user, e);
        if (r < 0)
                return r;
        if (!extra)
                start_args(c, args, index);
        /* Its channels where it has them, then the lock, which only needs to be held. */
        if (fd >= 0)
                fds[fds_n++] = fd;
        if (key_fd >= 0)
                fds[fds_n++] = key_fd;
        if (!extra && !supervisor_may_hang(c) && c->kind != SUPERVISOR_TRANSCODER)
                fds[fds_n++] = start_lock(c);
        struct proc_options o = { .args = extra ? c->args : args,
                .fds = fds,
                .fds_n = fds_n,
                .user = user,
                .on_exit = on_exit,
                .owner = c };
        return proc_start(c->supervisor->loop, &o, &c->proc, e);
}
