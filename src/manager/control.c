/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/control.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "os/listener.h"

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_ASKED_MAX 256
#define CONTROL_NAME_ROOM 64

struct control_client {
        struct control *control;
        struct chan *chan; /* NULL: free */
        uint64_t number;   /* never used twice, so that a late answer finds nobody else */
        bool root;         /* who it is: root, or our own user */
};

struct control {
        struct loop *loop;
        struct listener *listener;
        struct control_client clients[CONTROL_CLIENTS_MAX];
        struct control_asked {
                uint64_t tag; /* 0: free */
                uint64_t client;
                int64_t id;
        } asked[CONTROL_ASKED_MAX];
        uint64_t last_number, last_tag;
        char own_name[CONTROL_NAME_ROOM], root_name[CONTROL_NAME_ROOM];
        control_on_request on_request;
        void *owner;
};

static struct chan *control_chan(struct control *c, uint64_t number)
{
        for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                if (c->clients[i].chan && c->clients[i].number == number)
                        return c->clients[i].chan;
        }
        return NULL;
}

/* Whoever asked under this tag; forgets it. */
static struct chan *control_take(struct control *c, uint64_t tag, int64_t *ret_id)
{
        for (unsigned i = 0; i < CONTROL_ASKED_MAX; i++) {
                struct control_asked *a = &c->asked[i];
                if (a->tag != tag)
                        continue;
                a->tag = 0;
                *ret_id = a->id;
                return control_chan(c, a->client);
        }
        return NULL;
}

const char *control_person(struct control *c, uint64_t tag)
{
        for (unsigned i = 0; i < CONTROL_ASKED_MAX; i++) {
                if (c->asked[i].tag != tag)
                        continue;
                for (unsigned j = 0; j < CONTROL_CLIENTS_MAX; j++) {
                        const struct control_client *client = &c->clients[j];
                        if (client->chan && client->number == c->asked[i].client)
                                return client->root ? c->root_name : c->own_name;
                }
        }
        return "";
}

void control_answer(struct control *c, uint64_t tag, json_t *body)
{
        int64_t id;
        struct chan *chan = control_take(c, tag, &id);
        struct err e;

        if (!chan) {
                json_decref(body);
                return;
        }
        int r = link_send_answer(chan, id, body, &e);
        if (r == ERR_EXHAUSTED)
                r = link_send_failure(chan, id, &e, "Ask with a smaller limit.", &e);
        if (r < 0)
                log_warn(NULL, "control.client_gone", "err=\"%s\"", e.text);
}

void control_fail(struct control *c, uint64_t tag, const struct err *why, const char *remedy)
{
        int64_t id;
        struct chan *chan = control_take(c, tag, &id);
        struct err e;

        if (chan && link_send_failure(chan, id, why, remedy, &e) < 0)
                log_warn(NULL, "control.client_gone", "err=\"%s\"", e.text);
}

static struct control_asked *control_ask(struct control *c, uint64_t client, int64_t id)
{
        for (unsigned i = 0; i < CONTROL_ASKED_MAX; i++) {
                struct control_asked *a = &c->asked[i];
                if (a->tag)
                        continue;
                *a = (struct control_asked){ .tag = ++c->last_tag, .client = client, .id = id };
                return a;
        }
        return NULL;
}

static int control_on_message(void *owner, struct chan *chan, struct chan_message *m, struct err *e)
{
        struct control_client *client = owner;
        struct link_message request;

        (void)chan;
        if (m->type != LINK_MESSAGE || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u on the control socket", m->type);
        int r = link_parse(m->body, &request, e);
        if (r < 0)
                return r;
        struct control_asked *a = request.id > 0 && request.failure.code == 0
                                          ? control_ask(client->control, client->number, request.id)
                                          : NULL;
        if (a)
                client->control->on_request(client->control->owner, a->tag, &request);
        else
                r = err_set(e, ERR_PROTOCOL, "not a request, or too many open ones");
        link_message_done(&request);
        return r;
}

static void control_on_end(void *owner, struct chan *chan, const struct err *e)
{
        struct control_client *client = owner;
        struct control *c = client->control;

        if (e->code == ERR_PROTOCOL)
                log_warn(NULL, "control.refused", "err=\"%s\"", e->text);
        client->chan = chan_free(chan);
        for (unsigned i = 0; i < CONTROL_ASKED_MAX; i++) {
                if (c->asked[i].client == client->number)
                        c->asked[i].tag = 0;
        }
}

static struct control_client *control_free_client(struct control *c)
{
        for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                if (!c->clients[i].chan)
                        return &c->clients[i];
        }
        return NULL;
}

static void control_on_connection(void *owner, int fd, unsigned uid)
{
        static const struct chan_events chan_events = { control_on_message, control_on_end };
        struct control *c = owner;

        struct control_client *client = control_free_client(c);
        if (!client) {
                log_warn(NULL, "control.refused", "why=\"too many connections\"");
                close(fd);
                return;
        }
        client->control = c;
        client->number = ++c->last_number;
        client->root = uid == 0;
        client->chan = chan_new(c->loop, fd, &chan_events, client);
}

static void control_on_refused(void *owner, unsigned uid)
{
        (void)owner;
        log_warn(NULL, "control.refused", "why=\"another user\" uid=%u", uid);
}

/* A name that JSON can carry. */
static void control_name(char to[static CONTROL_NAME_ROOM], uid_t uid)
{
        struct passwd entry, *found = NULL;
        char room[1024];

        if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found && found->pw_name[0])
                str_escape(to, CONTROL_NAME_ROOM, bytes_str(found->pw_name));
        else
                snprintf(to, CONTROL_NAME_ROOM, "uid %u", (unsigned)uid);
}

int control_open(struct loop *l, const char *path, control_on_request on_request, void *owner,
        struct control **ret, struct err *e)
{
        static const struct listener_events events = { control_on_connection, control_on_refused };
        struct control *c = xcalloc(1, sizeof *c);

        *c = (struct control){ .loop = l, .on_request = on_request, .owner = owner };
        control_name(c->own_name, geteuid());
        control_name(c->root_name, 0);
        int r = listener_open(l, path, &events, c, &c->listener, e);
        if (r < 0) {
                free(c);
                return r;
        }
        *ret = c;
        return 0;
}

struct control *control_free(struct control *c)
{
        if (!c)
                return NULL;
        for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
                chan_free(c->clients[i].chan);
        listener_free(c->listener);
        free(c);
        return NULL;
}
