/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "porter/porter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/role.h"
#include "porter/porter_confine.h"
#include "porter/porter_parts.h"

#define PORTER_TICK_MS 1000
#define PORTER_RECHECK_US INT64_C(60000000) /* of the dates of living links */

static const char *const porter_of_manager[] = { "recorder", "gateway", NULL };
static const char *const porter_of_recorder[] = { "gateway", NULL };
static const char *const porter_of_nobody[] = { NULL };

static const struct porter_kind porter_kinds[] = {
        { "manager", true, SETTINGS_MANAGER_PORT, porter_of_manager, true, false },
        { "recorder", true, SETTINGS_RECORDER_PORT, porter_of_recorder, false, false },
        { "gateway", false, SETTINGS_COUNT, porter_of_nobody, false, true },
};

/* --- the role --- */

void porter_tell(struct porter *p, const char *type, json_t *body)
{
        struct err e;

        if (p->role && link_send_event(p->role, type, body, &e) < 0)
                log_warn(NULL, "role.unreachable", "err=\"%s\"", e.text);
        else if (!p->role)
                json_decref(body);
}

void porter_fail(struct porter *p, int64_t id, const struct err *why, const char *remedy)
{
        struct err e;

        if (p->role && link_send_failure(p->role, id, why, remedy, &e) < 0)
                log_warn(NULL, "role.unreachable", "err=\"%s\"", e.text);
}

void porter_answer(struct porter *p, int64_t id, json_t *body)
{
        struct err e;

        if (!p->role)
                json_decref(body);
        else if (link_send_answer(p->role, id, body, &e) < 0)
                porter_fail(p, id, &e, "");
}

int porter_ask(struct porter *p, const char *type, json_t *body, int64_t *ret_id, struct err *e)
{
        int64_t id = p->last_request % INT32_MAX + 1;

        if (!p->role) {
                json_decref(body);
                return err_set(e, ERR_UNAVAILABLE, "the role does not run");
        }
        int r = link_send_request(p->role, id, type, body, e);
        if (r < 0)
                return r;
        *ret_id = p->last_request = id;
        return 0;
}

static int porter_unpacked(int r, const char *type, const json_error_t *why, struct err *e)
{
        return r == 0 ? 0 : err_set(e, ERR_INVALID, "%s: %s", type, why->text);
}

static int porter_on_dial(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        const char *role = "", *name = "", *host = "";
        json_int_t port = 0;
        json_error_t why;

        int r = porter_unpacked(json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s, s:I}",
                                        "role", &role, "name", &name, "host", &host, "port", &port),
                "porter.dial", &why, e);
        if (r == 0 && (port < 0 || port > 65535))
                r = err_set(e, ERR_INVALID, "porter.dial: that is no port");
        if (r == 0) /* host "": the manager's, as this node reaches it */
                r = porter_dial_set(
                        p, role, name, host[0] ? host : porter_dial_host(p), (uint16_t)port, e);
        if (r == 0)
                porter_answer(p, id, json_object());
        return r;
}

static int porter_on_hang_up(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        const char *role = "", *name = "";
        json_error_t why;

        int r = porter_unpacked(
                json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s}", "role", &role, "name", &name),
                "porter.hang_up", &why, e);
        if (r == 0)
                r = porter_dial_remove(p, role, name, e);
        if (r == 0)
                porter_answer(p, id, json_object());
        return r;
}

static int porter_on_listen(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        json_error_t why;
        int network = 0;
        uint16_t port = 0;

        int r = porter_unpacked(
                json_unpack_ex(body, &why, JSON_STRICT, "{s:b}", "network", &network),
                "porter.listen", &why, e);
        if (r == 0 && !p->listen)
                r = err_set(e, ERR_INVALID, "a %s does not listen", p->kind->role);
        if (r == 0)
                r = porter_listen_network(p->listen, network, &port, e);
        if (r == 0)
                porter_answer(p, id, json_pack("{s:i}", "port", (int)port));
        return r;
}

static int porter_on_crls(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        const char *pem = "";
        json_error_t why;

        int r = porter_unpacked(json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "crls", &pem),
                "porter.crls", &why, e);
        if (r == 0)
                porter_identity_revoked(p, id, pem);
        return r;
}

static int porter_on_links(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        (void)body;
        (void)e;
        porter_answer(p, id, porter_status_links(p));
        return 0;
}

static int porter_on_rekey(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        const char *role = NULL, *name = NULL;
        json_error_t why;
        int handshake = 0;

        int r = porter_unpacked(json_unpack_ex(body, &why, JSON_STRICT, "{s?:s, s?:s, s?:b}",
                                        "role", &role, "name", &name, "handshake", &handshake),
                "porter.rekey", &why, e);
        if (r == 0 && !role != !name)
                r = err_set(e, ERR_INVALID, "porter.rekey: role and name go together");
        if (r == 0)
                porter_answer(p, id,
                        json_pack("{s:i}", "links",
                                (int)porter_peer_rekey(p, role, name, handshake)));
        return r;
}

static int porter_on_web(struct porter *p, int64_t id, json_t *body, struct err *e)
{
        int r = p->web ? porter_web_wanted(p, body, e)
                       : err_set(e, ERR_INVALID, "a %s shows no page", p->kind->role);

        if (r == 0)
                porter_answer(p, id, json_object());
        return r;
}

static void porter_on_request(struct porter *p, const struct link_message *m)
{
        static const struct {
                const char *type;
                int (*run)(struct porter *p, int64_t id, json_t *body, struct err *e);
        } known[] = { { "porter.dial", porter_on_dial }, { "porter.hang_up", porter_on_hang_up },
                { "porter.listen", porter_on_listen }, { "porter.crls", porter_on_crls },
                { "porter.links", porter_on_links }, { "porter.rekey", porter_on_rekey },
                { "porter.web", porter_on_web } };
        struct err e = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (strcmp(m->type, known[i].type) != 0)
                        continue;
                if (known[i].run(p, m->id, m->body, &e) < 0)
                        porter_fail(p, m->id, &e, fault_remedy(e.fault));
                return;
        }
        err_set(&e, ERR_INVALID, "there is no request of that type");
        porter_fail(p, m->id, &e, "docs/spec/link.md lists them.");
}

static int porter_on_role(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct porter *p = owner;
        struct link_message message;

        (void)c;
        if (m->type != LINK_MESSAGE || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from the role", m->type);
        int r = link_parse(m->body, &message, e);
        if (r < 0)
                return r;
        if (message.id == 0)
                r = err_set(e, ERR_PROTOCOL, "an event from the role");
        else if (message.failure.code == 0 && strcmp(message.type, "answer") != 0)
                porter_on_request(p, &message);
        else if (!porter_est_answered(p, &message) && !porter_renew_answered(p, &message))
                log_info(NULL, "role.answer_late", "id=%lld", (long long)message.id);
        link_message_done(&message);
        return r;
}

static void porter_on_role_end(void *owner, struct chan *c, const struct err *e)
{
        struct porter *p = owner;

        log_info(NULL, "porter.role_gone", "err=\"%s\"", e->text);
        p->role = chan_free(c);
        loop_stop(p->loop);
}

/* --- life --- */

static void porter_on_tick(void *owner)
{
        struct porter *p = owner;

        porter_peer_tick(p);
        if (clock_boot_us() - p->rechecked_us < PORTER_RECHECK_US)
                return;
        p->rechecked_us = clock_boot_us();
        porter_peer_recheck(p);
}

/* Held open, so that it can be read and written in the sandbox, where its directory, which may hold
 * secrets of the role, is out of reach. */
static int porter_open_port(
        const struct porter *p, const char *role, int flags, int *ret, struct err *e)
{
        char path[4200];

        snprintf(path, sizeof path, "%.4000s/%s", p->state, role);
        int r = file_make_dirs(path, 0700, e);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "%.4000s/%s/port", p->state, role);
        int fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        *ret = fd;
        return 0;
}

static int porter_open(struct porter *p, struct err *e)
{
        char web[PORTER_DIR_ROOM];
        int r = porter_identity_open(p, e);

        if (r == 0 && p->kind->listens)
                r = porter_open_port(p, p->kind->role, O_RDWR, &p->port_fd, e);
        if (r == 0 && strcmp(p->kind->role, "manager") != 0 && p->identity.manager.port == 0)
                r = porter_open_port(p, "manager", O_RDONLY, &p->manager_port_fd, e);
        if (r == 0 && p->kind->shows)
                r = porter_web_open(p, web, e);
        return r < 0 ? r : porter_confine(p->dir, p->kind->shows ? web : NULL, e);
}

static int porter_start(struct porter *p, struct err *e)
{
        const struct node_identity *n = &p->identity;

        p->renew = porter_renew_new(p, &porter_renew_node);
        p->web = p->kind->shows ? porter_renew_new(p, &porter_renew_web) : NULL;
        p->rechecked_us = clock_boot_us();
        if (p->kind->listens)
                p->listen = porter_listen_new(p);
        timer_start(&p->tick, p->loop, PORTER_TICK_MS, PORTER_TICK_MS, porter_on_tick, p);
        if (strcmp(p->kind->role, "manager") == 0)
                return 0;
        return porter_dial_set(
                p, "manager", n->manager.name, porter_dial_host(p), n->manager.port, e);
}

static void porter_free(struct porter *p)
{
        p->ending = true;
        timer_done(&p->tick);
        p->listen = porter_listen_free(p->listen);
        p->renew = porter_renew_free(p->renew);
        p->web = porter_renew_free(p->web);
        porter_conn_free_all(p);
        porter_peer_free_all(p);
        porter_dial_free_all(p);
        p->role = chan_free(p->role);
        p->shared = stream_shared_free(p->shared);
        loop_free(p->loop);
        porter_identity_done(p);
        own_closep(&p->port_fd);
        own_closep(&p->manager_port_fd);
}

static int porter_run(struct porter *p, const struct role_options *o, struct err *e)
{
        static const struct chan_events events = { porter_on_role, porter_on_role_end };

        for (size_t i = 0; i < ARRAY_LEN(porter_kinds); i++) {
                if (strcmp(o->role, porter_kinds[i].role) == 0)
                        p->kind = &porter_kinds[i];
        }
        if (!p->kind)
                return err_set(e, ERR_INVALID, "--role is manager, recorder or gateway");
        p->settings = o->settings;
        snprintf(p->state, sizeof p->state, "%s", o->state);
        snprintf(p->dir, sizeof p->dir, "%.4000s/node/%s", o->state, p->kind->role);
        p->loop = loop_new();
        p->shared = stream_shared_new(p->loop);
        p->role = chan_new(p->loop, PROC_FIRST_FD, &events, p);
        int r = porter_open(p, e);
        if (r == 0)
                r = porter_start(p, e);
        if (r == 0)
                loop_run(p->loop);
        porter_free(p);
        return r;
}

int porter_main(int argc, char **argv)
{
        struct porter *p = xcalloc(1, sizeof *p);
        struct role_options o;
        struct err e;

        p->port_fd = p->manager_port_fd = -1;
        int r = role_start("porter", argc, argv, &o, &e);
        if (r == 0)
                r = porter_run(p, &o, &e);
        if (r < 0)
                log_error(NULL, "role.failed", "err=\"%s\"", e.text);
        free(p);
        return r < 0 ? 1 : 0;
}
