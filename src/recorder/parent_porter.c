/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_porter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/porter_link.h"
#include "recorder/parent_grants.h"
#include "recorder/parent_links.h"
#include "recorder/parent_media.h"

#define PARENT_PORTER_PATIENCE_MS 4000 /* less than the manager's */

_Static_assert(
        (int)MESSAGE_PORTER == PORTER_LINK_NEW, "the supervisor gives every role its porter alike");

struct parent_porter {
        struct parent *parent;
        struct porter_link *link;
        struct chan *manager; /* the link of a manager that asks by another way */
        bool network;         /* gateways of other hosts are to reach the porter */
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
        else if (strcmp(event.type, "link.listen") == 0)
                parent_porter_on_listen(o, event.body);
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

static void parent_porter_on_peer(void *owner, const struct porter_link_peer *peer, int fd)
{
        struct parent_porter *o = owner;

        if (strcmp(peer->node.role, "gateway") == 0) {
                parent_media_attach(o->parent->media, fd, peer->node.uri);
        } else if (strcmp(peer->node.role, "manager") == 0) {
                parent_porter_take_manager(o, fd);
        } else {
                log_warn(NULL, "porter.peer_unknown", "role=%s", peer->node.role);
                close(fd);
        }
}

/* To links.get: nothing else of what the porter is asked has a tag. */
static void parent_porter_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        const struct parent_status_ticket ticket = { .link = tag >> 32, .id = tag & UINT32_MAX };
        struct parent_porter *o = owner;
        json_t *links = NULL;
        struct err e;

        (void)remedy;
        if (body)
                why = parent_links_answer(body, &links, &e) < 0 ? &e : NULL;
        parent_status_answer(o->parent, &ticket, links, why);
}

int parent_porter_links(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const struct parent_status_ticket ticket = parent_status_ticket(p);

        (void)ret;
        if (json_object_size(body))
                return err_set(e, ERR_INVALID, "links.get: its body is empty");
        porter_link_ask(p->porter->link, "porter.links", json_object(),
                ticket.link << 32 | (uint64_t)ticket.id, PARENT_PORTER_PATIENCE_MS);
        return PARENT_STATUS_LATER;
}

void parent_porter_attach(struct parent_porter *o, int fd)
{
        porter_link_attach(o->link, fd);
}

void parent_porter_on_revoked(struct parent_porter *o, json_t *body)
{
        const char *crls = json_string_value(json_object_get(body, "crls"));

        parent_grants_on_revoked(o->parent, body);
        if (crls)
                porter_link_ask(o->link, "porter.crls", json_pack("{s:s}", "crls", crls), 0, 0);
}

static void parent_porter_tell_listen(struct parent_porter *o)
{
        porter_link_ask(o->link, "porter.listen", json_pack("{s:b}", "network", o->network), 0, 0);
}

void parent_porter_on_listen(struct parent_porter *o, json_t *body)
{
        bool network = json_is_true(json_object_get(body, "network"));

        if (network == o->network)
                return;
        o->network = network;
        parent_porter_tell_listen(o);
}

/* On loopback alone until it is told. */
static void parent_porter_on_up(void *owner)
{
        struct parent_porter *o = owner;

        if (o->network)
                parent_porter_tell_listen(o);
}

struct parent_porter *parent_porter_new(struct parent *p)
{
        static const struct porter_link_events events = { .on_up = parent_porter_on_up,
                .on_peer = parent_porter_on_peer,
                .on_answer = parent_porter_on_answer };
        struct parent_porter *o = xcalloc(1, sizeof *o);
        const char *site = p->recorder + strlen("custos://");
        char name[HEAD_TEXT_MAX];

        snprintf(name, sizeof name, "%.*s", (int)strcspn(site, "/"), site);
        o->parent = p;
        o->link = porter_link_new(p->loop, "recorder", name, &events, o);
        return o;
}

struct parent_porter *parent_porter_free(struct parent_porter *o)
{
        if (!o)
                return NULL;
        porter_link_free(o->link);
        chan_free(o->manager);
        free(o);
        return NULL;
}
