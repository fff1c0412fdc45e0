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
#define CONTROL_NAME_ROOM 64

struct control_client {
        struct control *control;
        struct chan *chan; /* NULL: free */
        bool root;         /* who it is: root, or our own user */
};

struct control {
        struct loop *loop;
        struct listener *listener;
        struct control_client clients[CONTROL_CLIENTS_MAX];
        struct desk *desk;
        char own_name[CONTROL_NAME_ROOM], root_name[CONTROL_NAME_ROOM];
        control_on_request on_request;
        void *owner;
};

static uint64_t control_ask(struct control_client *client, const struct link_message *request)
{
        const struct control *c = client->control;
        struct desk_who who = { .role = PEOPLE_HOST };

        if (request->id == 0 || request->failure.code < 0 || request->session[0])
                return 0;
        snprintf(who.person, sizeof who.person, "%s", client->root ? c->root_name : c->own_name);
        return desk_ask(c->desk, client->chan, request->id, &who);
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
        uint64_t tag = control_ask(client, &request);
        if (tag)
                client->control->on_request(client->control->owner, tag, &request);
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
        desk_forget(c->desk, chan);
        client->chan = chan_free(chan);
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

int control_open(struct loop *l, const char *path, struct desk *desk, control_on_request on_request,
        void *owner, struct control **ret, struct err *e)
{
        static const struct listener_events events = { control_on_connection, control_on_refused };
        struct control *c = xcalloc(1, sizeof *c);

        *c = (struct control){ .loop = l, .desk = desk, .on_request = on_request, .owner = owner };
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
