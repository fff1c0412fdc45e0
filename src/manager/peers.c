/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"

struct peer {
        struct peers *peers;
        struct role_link *link; /* NULL: free */
        struct peers_state state;
};

struct peers {
        struct loop *loop;
        struct peers_events events;
        void *owner;
        struct peer all[NODES_MAX];
        struct role_link *nobody; /* fails what is asked of one that is not in the table */
};

static struct peer *peers_of(const struct peers *p, const char *role, const char *name)
{
        for (unsigned i = 0; i < NODES_MAX; i++) {
                const struct peer *one = &p->all[i];
                if (one->link && strcmp(one->state.role, role) == 0 &&
                        strcmp(one->state.name, name) == 0)
                        return &((struct peers *)(uintptr_t)p)->all[i];
        }
        return NULL;
}

/* Its link came or went. */
static void peers_note(struct peer *one)
{
        bool was = one->state.up;

        one->state.up = role_link_is_up(one->link);
        if (one->state.up != was)
                one->state.since_us = clock_wall_us();
}

static void peers_on_gone(void *owner, const struct chan *was, const char *why)
{
        struct peer *one = owner;
        struct peers *p = one->peers;

        (void)why;
        peers_note(one);
        p->events.on_gone(p->owner, one->state.role, one->state.name, was);
}

static void peers_on_event(void *owner, const char *type, json_t *body)
{
        struct peer *one = owner;

        one->peers->events.on_event(
                one->peers->owner, one->state.role, one->state.name, type, body);
}

static void peers_on_request(void *owner, struct chan *from, const struct link_message *m)
{
        struct peer *one = owner;

        one->peers->events.on_request(one->peers->owner, one->state.role, one->state.name, from, m);
}

static void peers_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct peer *one = owner;

        one->peers->events.on_answer(one->peers->owner, tag, body, why, remedy);
}

static void peers_on_nobody_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct peers *p = owner;

        p->events.on_answer(p->owner, tag, body, why, remedy);
}

void peers_add(struct peers *p, const char *role, const char *name, int64_t since_us)
{
        static const struct role_link_events events = { .on_gone = peers_on_gone,
                .on_event = peers_on_event,
                .on_request = peers_on_request,
                .on_answer = peers_on_answer };
        char what[ROLE_LINK_WHAT_ROOM];

        if (peers_of(p, role, name))
                return;
        snprintf(what, sizeof what, "%s %s", role, name);
        for (unsigned i = 0; i < NODES_MAX; i++) {
                struct peer *one = &p->all[i];
                if (one->link)
                        continue;
                *one = (struct peer){ .peers = p, .state = { .since_us = since_us } };
                snprintf(one->state.role, sizeof one->state.role, "%s", role);
                snprintf(one->state.name, sizeof one->state.name, "%s", name);
                one->link = role_link_new(p->loop, what, &events, one);
                return;
        }
        log_error(NULL, "peer.no_room", "which=\"%s\"", what); /* the table of nodes has no more */
}

void peers_remove(struct peers *p, const char *role, const char *name)
{
        struct peer *one = peers_of(p, role, name);

        if (!one)
                return;
        peers_drop(p, role, name, "it was removed");
        one->link = role_link_free(one->link);
}

int peers_attach(struct peers *p, const char *role, const char *name, const char *address, int fd,
        struct err *e)
{
        struct peer *one = peers_of(p, role, name);

        if (!one) {
                close(fd);
                return err_set(e, ERR_NOT_FOUND, "the site has no %s of that name", role);
        }
        role_link_attach(one->link, fd);
        peers_note(one);
        snprintf(one->state.address, sizeof one->state.address, "%s", address);
        p->events.on_up(p->owner, one->state.role, one->state.name);
        return 0;
}

void peers_drop(struct peers *p, const char *role, const char *name, const char *why)
{
        struct peer *one = peers_of(p, role, name);

        if (one)
                role_link_drop(one->link, why);
}

void peers_ask(struct peers *p, const char *role, const char *name, const char *type, json_t *body,
        uint64_t tag, unsigned patience_ms)
{
        struct peer *one = peers_of(p, role, name);

        role_link_ask(one ? one->link : p->nobody, type, body, tag, patience_ms);
}

void peers_tell(struct peers *p, const char *role, const char *name, const char *type, json_t *body)
{
        struct peer *one = peers_of(p, role, name);

        if (one)
                role_link_tell(one->link, type, body);
        else
                json_decref(body);
}

void peers_tell_all(struct peers *p, const char *type, json_t *body)
{
        for (unsigned i = 0; i < NODES_MAX; i++) {
                if (p->all[i].link)
                        role_link_tell(p->all[i].link, type, json_deep_copy(body));
        }
}

bool peers_find(const struct peers *p, const char *role, const char *name, struct peers_state *ret)
{
        const struct peer *one = peers_of(p, role, name);

        if (one)
                *ret = one->state;
        return one != NULL;
}

/* The first behind `after` by name. */
static const struct peer *peers_behind(const struct peers *p, const char *role, const char *after)
{
        const struct peer *first = NULL;

        for (unsigned i = 0; i < NODES_MAX; i++) {
                const struct peer *one = &p->all[i];
                if (one->link && strcmp(one->state.role, role) == 0 &&
                        strcmp(one->state.name, after) > 0 &&
                        (!first || strcmp(one->state.name, first->state.name) < 0))
                        first = one;
        }
        return first;
}

bool peers_nth(const struct peers *p, const char *role, unsigned n, struct peers_state *ret)
{
        const struct peer *one = peers_behind(p, role, "");

        while (one && n--)
                one = peers_behind(p, role, one->state.name);
        if (one)
                *ret = one->state;
        return one != NULL;
}

struct peers *peers_new(struct loop *l, const struct peers_events *events, void *owner)
{
        static const struct role_link_events nobody = { .on_answer = peers_on_nobody_answer };
        struct peers *p = xcalloc(1, sizeof *p);

        p->loop = l;
        p->events = *events;
        p->owner = owner;
        p->nobody = role_link_new(l, "the recorder", &nobody, p);
        return p;
}

struct peers *peers_free(struct peers *p)
{
        if (!p)
                return NULL;
        for (unsigned i = 0; i < NODES_MAX; i++)
                role_link_free(p->all[i].link);
        role_link_free(p->nobody);
        free(p);
        return NULL;
}
