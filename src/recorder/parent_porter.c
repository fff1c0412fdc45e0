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
        bool network; /* other hosts are to reach it */
};

static void parent_porter_on_peer(void *owner, const struct porter_link_peer *peer, int fd)
{
        struct parent_porter *o = owner;

        if (strcmp(peer->node.role, "gateway") == 0) {
                parent_media_attach(o->parent->media, fd, peer->node.uri);
        } else if (strcmp(peer->node.role, "manager") == 0) {
                parent_manager_attach(o->parent, fd);
        } else {
                log_warn(NULL, "porter.peer_unknown", "role=%s", peer->node.role);
                close(fd);
        }
}

/* In a tag, above the request's number: it is link.listen that is answered, and not links.get. */
#define PARENT_PORTER_LISTENING (UINT64_C(1) << 31)

static int parent_porter_port(const json_t *porter, json_t **ret, struct err *e)
{
        json_int_t port = json_integer_value(json_object_get(porter, "port"));

        if (port < 1 || port > 65535)
                return err_set(e, ERR_PROTOCOL, "porter.listen: no port");
        *ret = json_pack("{s:I}", "port", port);
        return 0;
}

/* To links.get and link.listen: nothing else of what the porter is asked has a tag. */
static void parent_porter_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        const struct parent_status_ticket ticket = { .link = tag >> 32, .id = tag & INT32_MAX };
        struct parent_porter *o = owner;
        json_t *links = NULL;
        struct err e;

        (void)remedy;
        if (body)
                why = (tag & PARENT_PORTER_LISTENING ? parent_porter_port(body, &links, &e)
                                                     : parent_links_answer(body, &links, &e)) < 0
                              ? &e
                              : NULL;
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

static void parent_porter_ask_port(struct parent_porter *o, uint64_t tag)
{
        porter_link_ask(o->link, "porter.listen", json_pack("{s:b}", "network", o->network), tag,
                PARENT_PORTER_PATIENCE_MS);
}

int parent_porter_listen(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const struct parent_status_ticket ticket = parent_status_ticket(p);
        struct parent_porter *o = p->porter;
        int network = 0;
        json_error_t why;

        (void)ret;
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:b}", "network", &network) < 0)
                return err_set(e, ERR_INVALID, "link.listen: %s", why.text);
        o->network = network;
        parent_porter_ask_port(
                o, ticket.link << 32 | PARENT_PORTER_LISTENING | (uint64_t)ticket.id);
        return PARENT_STATUS_LATER;
}

void parent_porter_attach(struct parent_porter *o, int fd)
{
        porter_link_attach(o->link, fd);
        if (o->network) /* an older one was told; the port is the same again */
                parent_porter_ask_port(o, 0);
}

void parent_porter_on_revoked(struct parent_porter *o, json_t *body)
{
        const char *crls = json_string_value(json_object_get(body, "crls"));

        parent_grants_on_revoked(o->parent, body);
        if (crls)
                porter_link_ask(o->link, "porter.crls", json_pack("{s:s}", "crls", crls), 0, 0);
}

struct parent_porter *parent_porter_new(struct parent *p)
{
        static const struct porter_link_events events = { .on_peer = parent_porter_on_peer,
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
        free(o);
        return NULL;
}
