/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/porter_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

struct porter_link {
        struct loop *loop;
        char site[64];
        struct role_link *link;
        struct chan *supervisor;
        struct porter_link_events events;
        void *owner;
        void (*on_end)(void *owner);
        void *end_owner;
};

static int porter_link_read_node(const struct porter_link *p, struct tls_role_peer *node,
        const char *uri, const char *role, const char *name, struct err *e)
{
        int r = tls_role_parse_uri(uri, p->site, node->role, node->name, e);

        if (r < 0)
                return err_wrap(e, ERR_PROTOCOL, "peer");
        if (strcmp(node->role, role) != 0 || strcmp(node->name, name) != 0)
                return err_set(e, ERR_PROTOCOL, "peer: its uri is not that of its role and name");
        snprintf(node->uri, sizeof node->uri, "%s", uri);
        return 0;
}

static int porter_link_read_peer(
        const struct porter_link *p, json_t *body, struct porter_link_peer *peer, struct err *e)
{
        const char *uri, *role, *name, *key, *address, *not_after;
        json_error_t why;
        int accepted;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "uri",
                    &uri, "role", &role, "name", &name, "key", &key, "address", &address,
                    "not_after", &not_after, "accepted", &accepted) < 0)
                return err_set(e, ERR_PROTOCOL, "peer: %s", why.text);
        int r = porter_link_read_node(p, &peer->node, uri, role, name, e);
        if (r == 0 && strlen(address) >= sizeof peer->address)
                r = err_set(e, ERR_PROTOCOL, "peer: its address is too long");
        if (r == 0)
                r = str_unhex(peer->node.key, sizeof peer->node.key, key, e);
        if (r == 0)
                r = str_parse_time(not_after, &peer->node.not_after_us, e);
        if (r < 0)
                return r;
        snprintf(peer->address, sizeof peer->address, "%s", address);
        peer->accepted = accepted;
        return 0;
}

static int porter_link_on_peer(void *owner, struct bytes text, int fd, struct err *e)
{
        struct porter_link_peer peer = { 0 };
        struct porter_link *p = owner;
        struct link_message m;

        int r = link_parse(text, &m, e);
        if (r < 0) {
                close(fd);
                return r;
        }
        if (m.id != 0 || strcmp(m.type, "peer") != 0)
                r = err_set(e, ERR_PROTOCOL, "not the event peer");
        else
                r = porter_link_read_peer(p, m.body, &peer, e);
        if (r == 0)
                p->events.on_peer(p->owner, &peer, fd);
        else
                close(fd);
        link_message_done(&m);
        return r < 0 ? ERR_PROTOCOL : 0;
}

static void porter_link_not_let_in(struct porter_link *p, const json_t *body)
{
        const char *role, *name, *fault, *text;
        struct err why;

        if (!p->events.on_not_let_in)
                return; /* the porter's log has it */
        if (json_unpack((json_t *)(uintptr_t)body, "{s:s, s:s, s:s, s:s}", "role", &role, "name",
                    &name, "fault", &fault, "text", &text) < 0) {
                log_warn(NULL, "porter.malformed_event", "type=porter.not_let_in");
                return;
        }
        err_fault(&why, ERR_UNAVAILABLE, fault_find(fault), "%s", text);
        p->events.on_not_let_in(p->owner, role, name, &why);
}

static void porter_link_on_event(void *owner, const char *type, json_t *body)
{
        const char *error = json_string_value(json_object_get(body, "error"));
        const char *text = json_string_value(json_object_get(body, "text"));

        if (strcmp(type, "porter.refused") == 0)
                log_warn(NULL, "porter.refused", "why=\"%s\"", text ? text : "");
        else if (strcmp(type, "porter.not_let_in") == 0)
                porter_link_not_let_in(owner, body);
        else if (strcmp(type, "porter.certificate") == 0 && error && error[0])
                log_warn(NULL, "porter.not_renewed", "err=\"%s\"", error);
        else if (strcmp(type, "porter.certificate") != 0)
                log_warn(NULL, "porter.unknown_event", "why=\"another version?\"");
}

static void porter_link_on_request(void *owner, struct chan *from, const struct link_message *m)
{
        struct porter_link *p = owner;
        const char *remedy = "";
        json_t *body = NULL;
        struct err why, e;

        int r = p->events.on_request(p->owner, m->type, m->body, &body, &remedy, &why);
        r = r < 0 ? link_send_failure(from, m->id, &why, remedy, &e)
                  : link_send_answer(from, m->id, body ? body : json_object(), &e);
        if (r < 0)
                log_warn(NULL, "porter.unanswered", "err=\"%s\"", e.text);
}

static void porter_link_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct porter_link *p = owner;

        p->events.on_answer(p->owner, tag, body, why, remedy);
}

void porter_link_attach(struct porter_link *p, int fd)
{
        role_link_attach(p->link, fd);
        if (p->events.on_up)
                p->events.on_up(p->owner);
}

static int porter_link_on_supervisor(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct porter_link *p = owner;

        (void)c;
        if (m->type != PORTER_LINK_NEW && p->events.on_supervisor)
                return p->events.on_supervisor(p->owner, m, e);
        if (m->type != PORTER_LINK_NEW || m->fds_n != 1 || m->body.n)
                return err_set(e, ERR_PROTOCOL, "message %u from the supervisor", m->type);
        int fd = m->fds[0];
        m->fds[0] = -1;
        porter_link_attach(p, fd);
        return 0;
}

static void porter_link_on_supervisor_end(void *owner, struct chan *c, const struct err *e)
{
        struct porter_link *p = owner;

        log_info(NULL, "role.supervisor_gone", "err=\"%s\"", e->text);
        p->supervisor = chan_free(c);
        p->on_end(p->end_owner);
}

void porter_link_supervise(struct porter_link *p, void (*on_end)(void *owner), void *owner)
{
        static const struct chan_events events = { porter_link_on_supervisor,
                porter_link_on_supervisor_end };

        p->on_end = on_end;
        p->end_owner = owner;
        p->supervisor = chan_new(p->loop, PORTER_LINK_FD, &events, p);
}

int porter_link_ask_supervisor(
        struct porter_link *p, uint16_t type, struct bytes body, struct err *e)
{
        return p->supervisor ? chan_send(p->supervisor, type, body, NULL, 0, e)
                             : err_set(e, ERR_UNAVAILABLE, "no supervisor is there");
}

void porter_link_ask(
        struct porter_link *p, const char *type, json_t *body, uint64_t tag, unsigned patience_ms)
{
        role_link_ask(p->link, type, body, tag, patience_ms);
}

struct porter_link *porter_link_new(struct loop *l, const char *role, const char *site,
        const struct porter_link_events *events, void *owner)
{
        const struct role_link_events link_events = { .on_event = porter_link_on_event,
                .on_request = events->on_request ? porter_link_on_request : NULL,
                .on_peer = porter_link_on_peer,
                .on_answer = porter_link_on_answer };
        struct porter_link *p = xcalloc(1, sizeof *p);
        char what[ROLE_LINK_WHAT_ROOM];

        p->loop = l;
        snprintf(p->site, sizeof p->site, "%s", site);
        p->events = *events;
        p->owner = owner;
        snprintf(what, sizeof what, "the %s's porter", role);
        p->link = role_link_new(l, what, &link_events, p);
        return p;
}

struct porter_link *porter_link_free(struct porter_link *p)
{
        if (!p)
                return NULL;
        role_link_free(p->link);
        chan_free(p->supervisor);
        free(p);
        return NULL;
}
