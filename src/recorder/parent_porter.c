/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_porter.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "net/link.h"
#include "recorder/parent_grants.h"
#include "recorder/parent_media.h"

struct parent_porter {
        struct parent *parent;
        struct chan *control;
        struct chan *manager; /* the link of a manager that asks by another way */
        int64_t last_id;
};

/* --- a manager's link --- */

static int parent_porter_on_manager(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct parent_porter *o = owner;
        struct link_message event;

        (void)c;
        if (m->type != LINK_MESSAGE || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from the manager", m->type);
        int r = link_parse(m->body, &event, e);
        if (r < 0)
                return r;
        if (event.id > 0)
                r = err_set(e, ERR_PROTOCOL, "a request of the manager by its second link");
        else if (strcmp(event.type, "link.revoked") == 0)
                parent_porter_on_revoked(o, event.body);
        link_message_done(&event);
        return r;
}

static void parent_porter_on_manager_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_porter *o = owner;

        (void)e;
        if (o->manager == c)
                o->manager = NULL;
        chan_free(c);
}

static void parent_porter_take_manager(struct parent_porter *o, int fd)
{
        static const struct chan_events events = { .on_message = parent_porter_on_manager,
                .on_end = parent_porter_on_manager_end };

        if (!o->parent->manager) {
                parent_manager_attach(o->parent, fd);
                return;
        }
        chan_free(o->manager);
        o->manager = chan_new(o->parent->loop, fd, &events, o);
}

/* --- the porter --- */

static int parent_porter_check_peer(const struct parent_porter *o, json_t *body,
        const char **ret_uri, const char **ret_role, struct err *e)
{
        const char *uri = json_string_value(json_object_get(body, "uri"));
        const char *role = json_string_value(json_object_get(body, "role"));
        const char *name = json_string_value(json_object_get(body, "name"));
        const char *ours = o->parent->recorder;
        const char *end = strstr(ours, "/recorder/");
        char wanted[HEAD_TEXT_MAX];

        if (!uri || !role || !name || !end)
                return err_set(e, ERR_PROTOCOL, "peer: malformed event");
        snprintf(wanted, sizeof wanted, "%.*s/%.15s/%.47s", (int)(end - ours), ours, role, name);
        if (strcmp(uri, wanted) != 0)
                return err_set(e, ERR_PROTOCOL, "peer: its uri is not that of its role and name");
        *ret_uri = uri;
        *ret_role = role;
        return 0;
}

static int parent_porter_on_peer(struct parent_porter *o, json_t *body, int fd, struct err *e)
{
        const char *uri = NULL, *role = NULL;

        int r = parent_porter_check_peer(o, body, &uri, &role, e);
        if (r < 0) {
                close(fd);
                return r;
        }
        if (strcmp(role, "gateway") == 0) {
                parent_media_attach(o->parent->media, fd, uri);
        } else if (strcmp(role, "manager") == 0) {
                parent_porter_take_manager(o, fd);
        } else {
                log_warn(NULL, "porter.peer_unknown", "role=%.15s", role);
                close(fd);
        }
        return 0;
}

static void parent_porter_on_event(const char *type, json_t *body)
{
        const char *error = json_string_value(json_object_get(body, "error"));
        const char *text = json_string_value(json_object_get(body, "text"));

        if (strcmp(type, "porter.refused") == 0)
                log_warn(NULL, "porter.refused", "why=\"%s\"", text ? text : "");
        else if (strcmp(type, "porter.certificate") == 0 && error && error[0])
                log_warn(NULL, "porter.not_renewed", "err=\"%s\"", error);
}

static int parent_porter_on_message(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct parent_porter *o = owner;
        struct link_message message;

        (void)c;
        bool peer = m->type == LINK_PEER && m->fds_n == 1;
        if (!peer && (m->type != LINK_MESSAGE || m->fds_n))
                return err_set(e, ERR_PROTOCOL, "message %u from the porter", m->type);
        int r = link_parse(m->body, &message, e);
        if (r < 0)
                return r;
        if (peer && message.id == 0 && strcmp(message.type, "peer") == 0) {
                int fd = m->fds[0];
                m->fds[0] = -1;
                r = parent_porter_on_peer(o, message.body, fd, e);
        } else if (peer) {
                r = err_set(e, ERR_PROTOCOL, "a descriptor with another event than peer");
        } else if (message.id == 0) {
                parent_porter_on_event(message.type, message.body);
        } else if (message.failure.code < 0) {
                log_warn(NULL, "porter.not_told", "err=\"%s\"", message.failure.text);
        }
        link_message_done(&message);
        return r;
}

static void parent_porter_on_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_porter *o = owner;

        log_warn(NULL, "porter.gone", "err=\"%s\"", e->text);
        o->control = chan_free(c);
}

void parent_porter_attach(struct parent_porter *o, int fd)
{
        static const struct chan_events events = { .on_message = parent_porter_on_message,
                .on_end = parent_porter_on_end };

        chan_free(o->control);
        o->control = chan_new(o->parent->loop, fd, &events, o);
}

void parent_porter_on_revoked(struct parent_porter *o, json_t *body)
{
        const char *crls = json_string_value(json_object_get(body, "crls"));
        struct err e;

        parent_grants_on_revoked(o->parent, body);
        if (!crls || !o->control)
                return;
        o->last_id = o->last_id % INT32_MAX + 1;
        if (link_send_request(o->control, o->last_id, "porter.crls",
                    json_pack("{s:s}", "crls", crls), &e) < 0)
                log_warn(NULL, "porter.not_told", "err=\"%s\"", e.text);
}

struct parent_porter *parent_porter_new(struct parent *p)
{
        struct parent_porter *o = xcalloc(1, sizeof *o);

        o->parent = p;
        return o;
}

struct parent_porter *parent_porter_free(struct parent_porter *o)
{
        if (!o)
                return NULL;
        chan_free(o->control);
        chan_free(o->manager);
        free(o);
        return NULL;
}
