/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/gateway_links.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "net/porter_link.h"
#include "proto/transcode_message.h"

/* No more than a role_link has places: then each of these gets its answer. */
#define GATEWAY_LINKS_ASKED_MAX 256
#define GATEWAY_LINKS_PATIENCE_MS 100000 /* behind the manager's own with a recorder's disk */
#define GATEWAY_LINKS_RECORDER_PATIENCE_MS 15000
#define GATEWAY_LINKS_PORTER_PATIENCE_MS 5000

struct gateway_recorder {
        struct gateway_links *links;
        struct role_link *link; /* NULL: free */
        char name[TLS_ROLE_NAME_ROOM], host[256];
        int port;
        bool named; /* by the newest list; else it was hung up, and its place is for the next */
};

struct gateway_links {
        struct loop *loop;
        struct gateway_links_events events;
        void *owner;
        struct porter_link *porter;
        struct role_link *manager;
        struct err
                shut_out; /* the manager does not let this gateway in; code 0: nothing is known */
        struct gateway_recorder recorders[GATEWAY_LINKS_RECORDERS_MAX];
        struct gateway_asked {
                uint32_t turn; /* above the place in a ticket: a late one finds nobody else */
                bool busy;
                gateway_then then; /* NULL: forgotten */
                void *owner;
        } asked[GATEWAY_LINKS_ASKED_MAX];
};

/* --- who waits --- */

static uint64_t gateway_links_wait(struct gateway_links *k, gateway_then then, void *owner)
{
        for (uint32_t i = 0; i < GATEWAY_LINKS_ASKED_MAX; i++) {
                struct gateway_asked *a = &k->asked[i];
                if (a->busy)
                        continue;
                a->turn++;
                a->busy = true;
                a->then = then;
                a->owner = owner;
                return (uint64_t)a->turn << 32 | (i + 1);
        }
        return 0;
}

static struct gateway_asked *gateway_links_asked(struct gateway_links *k, uint64_t ticket)
{
        uint32_t place = (uint32_t)ticket;
        struct gateway_asked *a =
                place && place <= GATEWAY_LINKS_ASKED_MAX ? &k->asked[place - 1] : NULL;

        return a && a->busy && a->turn == (uint32_t)(ticket >> 32) ? a : NULL;
}

void gateway_links_forget(struct gateway_links *k, uint64_t ticket)
{
        struct gateway_asked *a = gateway_links_asked(k, ticket);

        if (a)
                a->then = NULL; /* its place is free when the answer has come */
}

static void gateway_links_answered(struct gateway_links *k, uint64_t tag, json_t *body,
        const struct err *why, const char *remedy)
{
        struct gateway_asked *a = gateway_links_asked(k, tag);
        const struct gateway_answer answer = { body, why, remedy,
                role_link_retry_after(k->manager) };

        if (!a)
                return;
        gateway_then then = a->then;
        a->busy = false;
        if (then)
                then(a->owner, &answer);
}

static void gateway_links_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        gateway_links_answered(owner, tag, body, why, remedy);
}

/* What is asked in vain because the site has sent this gateway away is told so. */
static void gateway_links_on_manager_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct gateway_links *k = owner;
        const struct err *shut_out = gateway_links_shut_out(k);

        if (!body && why->code == ERR_UNAVAILABLE && shut_out)
                why = shut_out;
        gateway_links_answered(k, tag, body, why, remedy);
}

uint64_t gateway_links_ask(struct gateway_links *k, const char *session, const char *type,
        json_t *body, gateway_then then, void *owner)
{
        uint64_t ticket = gateway_links_wait(k, then, owner);

        if (ticket)
                role_link_ask_in(
                        k->manager, session, type, body, ticket, GATEWAY_LINKS_PATIENCE_MS);
        else
                json_decref(body);
        return ticket;
}

/* --- recorders --- */

static struct gateway_recorder *gateway_links_recorder(struct gateway_links *k, const char *name)
{
        for (unsigned i = 0; i < GATEWAY_LINKS_RECORDERS_MAX; i++) {
                struct gateway_recorder *r = &k->recorders[i];
                if (r->link && r->named && strcmp(r->name, name) == 0)
                        return r;
        }
        return NULL;
}

uint64_t gateway_links_ask_recorder(struct gateway_links *k, const char *recorder, const char *type,
        json_t *body, gateway_then then, void *owner)
{
        struct gateway_recorder *r = gateway_links_recorder(k, recorder);
        uint64_t ticket = r ? gateway_links_wait(k, then, owner) : 0;

        if (ticket)
                role_link_ask(r->link, type, body, ticket, GATEWAY_LINKS_RECORDER_PATIENCE_MS);
        else
                json_decref(body);
        return ticket;
}

static void gateway_recorder_on_gone(void *owner, const struct chan *was, const char *why)
{
        struct gateway_recorder *r = owner;

        (void)was;
        (void)why;
        r->links->events.on_recorder_gone(r->links->owner, r->name);
}

static void gateway_recorder_on_event(void *owner, const char *type, json_t *body)
{
        struct gateway_recorder *r = owner;

        r->links->events.on_recorder_event(r->links->owner, r->name, type, body);
}

static int gateway_recorder_on_media(void *owner, struct bytes message, struct err *e)
{
        struct gateway_recorder *r = owner;

        return r->links->events.on_media(r->links->owner, r->name, message, e);
}

static void gateway_recorder_on_answer(
        void *owner, uint64_t tag, json_t *body, const struct err *why, const char *remedy)
{
        struct gateway_recorder *r = owner;

        gateway_links_answered(r->links, tag, body, why, remedy);
}

/* A place that nobody ever had first: who waits for one that is gone is still to be told so. */
static struct gateway_recorder *gateway_links_place(struct gateway_links *k)
{
        struct gateway_recorder *place = NULL;

        for (unsigned i = 0; i < GATEWAY_LINKS_RECORDERS_MAX; i++) {
                struct gateway_recorder *r = &k->recorders[i];
                if (!r->link)
                        return r;
                if (!r->named)
                        place = r;
        }
        return place;
}

static struct gateway_recorder *gateway_links_add(struct gateway_links *k, const char *name)
{
        static const struct role_link_events events = { .on_gone = gateway_recorder_on_gone,
                .on_event = gateway_recorder_on_event,
                .on_media = gateway_recorder_on_media,
                .on_answer = gateway_recorder_on_answer };
        struct gateway_recorder *r = gateway_links_place(k);
        char what[ROLE_LINK_WHAT_ROOM];

        if (!r)
                return NULL;
        role_link_free(r->link);
        *r = (struct gateway_recorder){ .links = k };
        snprintf(r->name, sizeof r->name, "%s", name);
        snprintf(what, sizeof what, "recorder %s", name);
        r->link = role_link_new(k->loop, what, &events, r);
        return r;
}

static void gateway_links_tell_porter(struct gateway_links *k, const char *type, json_t *body)
{
        porter_link_ask(k->porter, type, body, 0, GATEWAY_LINKS_PORTER_PATIENCE_MS);
}

static void gateway_links_dial(struct gateway_recorder *r)
{
        gateway_links_tell_porter(r->links, "porter.dial",
                json_pack("{s:s, s:s, s:s, s:i}", "role", "recorder", "name", r->name, "host",
                        r->host, "port", r->port));
}

/* One that the manager no longer names: its link ends, and the porter leaves it alone. */
static void gateway_links_remove(struct gateway_recorder *r)
{
        gateway_links_tell_porter(r->links, "porter.hang_up",
                json_pack("{s:s, s:s}", "role", "recorder", "name", r->name));
        role_link_drop(r->link, "the site has it no longer");
}

static void gateway_links_take(struct gateway_links *k, json_t *one, bool now[])
{
        const char *name = NULL, *host = NULL;
        int port = 0;

        if (json_unpack_ex(one, NULL, JSON_STRICT, "{s:s, s:s, s:i}", "name", &name, "host", &host,
                    "port", &port) < 0 ||
                port < 0 || port > UINT16_MAX || strlen(name) >= TLS_ROLE_NAME_ROOM ||
                strlen(host) >= sizeof k->recorders[0].host) {
                log_warn(NULL, "recorders.malformed", "");
                return;
        }
        struct gateway_recorder *r = gateway_links_recorder(k, name);
        bool same = r && (port == 0 || (strcmp(r->host, host) == 0 && r->port == port));
        if (!r && port)
                r = gateway_links_add(k, name);
        if (!r)
                return;
        r->named = true;
        now[r - k->recorders] = true;
        if (same)
                return;
        snprintf(r->host, sizeof r->host, "%s", host);
        r->port = port;
        gateway_links_dial(r);
}

/* link.recorders: all that there are, and where. */
static void gateway_links_on_recorders(struct gateway_links *k, json_t *body)
{
        bool now[GATEWAY_LINKS_RECORDERS_MAX] = { false };
        json_t *one;
        size_t i;

        json_array_foreach(json_object_get(body, "recorders"), i, one)
                gateway_links_take(k, one, now);
        for (i = 0; i < GATEWAY_LINKS_RECORDERS_MAX; i++) {
                struct gateway_recorder *r = &k->recorders[i];
                if (!r->named || now[i])
                        continue;
                r->named = false;
                gateway_links_remove(r);
        }
}

/* --- the manager --- */

static void gateway_links_on_event(void *owner, const char *type, json_t *body)
{
        const char *session = json_string_value(json_object_get(body, "session"));
        const char *reason = json_string_value(json_object_get(body, "reason"));
        const char *crls = json_string_value(json_object_get(body, "crls"));
        struct gateway_links *k = owner;

        if (strcmp(type, "link.recorders") == 0)
                gateway_links_on_recorders(k, body);
        else if (strcmp(type, "link.revoked") == 0 && crls)
                gateway_links_tell_porter(k, "porter.crls", json_pack("{s:s}", "crls", crls));
        else if (strcmp(type, "web.names") == 0) /* the porter knows what it has */
                gateway_links_tell_porter(k, "porter.web", json_incref(body));
        else if (strcmp(type, "session.ended") == 0 && session)
                k->events.on_session_ended(k->owner, session, reason ? reason : "");
        else
                log_warn(NULL, "manager.unknown_event", "why=\"another version?\"");
}

/* --- the porter --- */

static void gateway_links_on_porter(void *owner)
{
        struct gateway_links *k = owner;

        for (unsigned i = 0; i < GATEWAY_LINKS_RECORDERS_MAX; i++) {
                if (k->recorders[i].named)
                        gateway_links_dial(&k->recorders[i]);
        }
}

static void gateway_links_on_peer(void *owner, const struct porter_link_peer *peer, int fd)
{
        struct gateway_links *k = owner;
        struct gateway_recorder *r = strcmp(peer->node.role, "recorder") == 0
                                             ? gateway_links_recorder(k, peer->node.name)
                                             : NULL;

        if (strcmp(peer->node.role, "manager") == 0) {
                k->shut_out = (struct err){ 0 };
                role_link_attach(k->manager, fd);
                k->events.on_manager(k->owner);
        } else if (r) {
                role_link_attach(r->link, fd);
        } else {
                log_warn(NULL, "peer.unexpected", "role=%s name=%s", peer->node.role,
                        peer->node.name);
                close(fd);
                return;
        }
        log_info(NULL, "peer.connected", "role=%s name=%s address=%s", peer->node.role,
                peer->node.name, peer->address);
}

static void gateway_links_on_not_let_in(
        void *owner, const char *role, const char *name, const struct err *why)
{
        struct gateway_links *k = owner;

        (void)name;
        if (strcmp(role, "manager") == 0)
                err_fault(&k->shut_out, ERR_UNAVAILABLE, why->fault,
                        "The site's manager does not let this gateway in: %s", why->text);
}

static int gateway_links_on_supervisor(void *owner, struct chan_message *m, struct err *e)
{
        struct gateway_links *k = owner;
        struct unpack u = unpack_of(m->body);
        uint32_t number = unpack_u32(&u);

        if (m->type != TRANSCODE_CHANNEL || m->fds_n != 1 || !unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "message %u from the supervisor", m->type);
        int fd = m->fds[0];
        m->fds[0] = -1;
        k->events.on_transcoder(k->owner, number, fd);
        return 0;
}

int gateway_links_transcoder(struct gateway_links *k, uint16_t type, uint32_t number, struct err *e)
{
        CLEANUP(buf_done) struct buf body;

        buf_init(&body, sizeof number);
        struct pack p = pack_to(&body);
        pack_u32(&p, number);
        return porter_link_ask_supervisor(k->porter, type, buf_bytes(&body), e);
}

void gateway_links_supervise(struct gateway_links *k, void (*on_end)(void *owner), void *owner)
{
        porter_link_supervise(k->porter, on_end, owner);
}

void gateway_links_tell_manager(struct gateway_links *k, const char *type, json_t *body)
{
        role_link_tell(k->manager, type, body);
}

bool gateway_links_manager_up(const struct gateway_links *k)
{
        return role_link_is_up(k->manager);
}

const struct err *gateway_links_shut_out(const struct gateway_links *k)
{
        return k->shut_out.code < 0 && !role_link_is_up(k->manager) ? &k->shut_out : NULL;
}

unsigned gateway_links_recorders(const struct gateway_links *k, unsigned *ret_up)
{
        unsigned n = 0, up = 0;

        for (unsigned i = 0; i < GATEWAY_LINKS_RECORDERS_MAX; i++) {
                n += k->recorders[i].named;
                up += k->recorders[i].named && role_link_is_up(k->recorders[i].link);
        }
        *ret_up = up;
        return n;
}

struct gateway_links *gateway_links_new(
        struct loop *l, const char *site, const struct gateway_links_events *events, void *owner)
{
        static const struct porter_link_events porter = { .on_up = gateway_links_on_porter,
                .on_peer = gateway_links_on_peer,
                .on_not_let_in = gateway_links_on_not_let_in,
                .on_answer = gateway_links_on_answer,
                .on_supervisor = gateway_links_on_supervisor };
        static const struct role_link_events manager = { .on_event = gateway_links_on_event,
                .on_answer = gateway_links_on_manager_answer };
        struct gateway_links *k = xcalloc(1, sizeof *k);

        k->loop = l;
        k->events = *events;
        k->owner = owner;
        k->porter = porter_link_new(l, "gateway", site, &porter, k);
        k->manager = role_link_new(l, "the manager", &manager, k);
        return k;
}

struct gateway_links *gateway_links_free(struct gateway_links *k)
{
        if (!k)
                return NULL;
        for (unsigned i = 0; i < GATEWAY_LINKS_RECORDERS_MAX; i++)
                role_link_free(k->recorders[i].link);
        role_link_free(k->manager);
        porter_link_free(k->porter);
        free(k);
        return NULL;
}
