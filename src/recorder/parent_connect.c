/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "recorder/parent.h"

#define PARENT_CONNECT_GRACE_MS 5000 /* for a connector that begins, or one that hangs */

struct parent_connect_asked {
        struct parent_connect *connect;
        uint32_t id; /* 0: free */
        bool sent;
        enum camera_socket kind;
        char stream[HEAD_PATH_MAX];
        struct parent_connect_client *client; /* NULL: of the stream */
        struct timer deadline;
};

struct parent_connect {
        struct parent *parent;
        struct chan *chan; /* NULL while there is no connector */
        unsigned timeout_ms;
        uint32_t last_id;
        struct parent_connect_asked asked[PARENT_CONNECT_MAX];
};

unsigned parent_connect_kinds(enum camera_transport transport, enum camera_carrier carrier)
{
        unsigned kinds = 1u << CAMERA_SOCKET_MAIN;

        if (transport == CAMERA_TLS_IF_AVAILABLE)
                kinds |= 1u << CAMERA_SOCKET_FALLBACK;
        if (carrier == CAMERA_UDP)
                kinds |= 1u << CAMERA_SOCKET_DATAGRAMS;
        return kinds;
}

static struct parent_connect_asked *parent_connect_find(struct parent_connect *c, uint32_t id)
{
        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++) {
                if (c->asked[i].id == id)
                        return &c->asked[i];
        }
        return NULL;
}

static void parent_connect_free_place(struct parent_connect_asked *a)
{
        timer_done(&a->deadline);
        a->id = 0;
}

static struct parent_stream *parent_connect_stream(struct parent_connect_asked *a)
{
        return a->client ? NULL : table_get(&a->connect->parent->streams, a->stream);
}

static void parent_connect_fail(struct parent_connect_asked *a, const struct err *why)
{
        struct parent_connect_client *client = a->client;
        struct parent_stream *t = parent_connect_stream(a); /* NULL: it is gone */

        parent_connect_free_place(a);
        if (client)
                client->failed(client, a->kind, why);
        else if (t)
                parent_stream_no_socket(t, why);
}

static void parent_connect_on_deadline(void *owner)
{
        struct parent_connect_asked *a = owner;
        struct err why;

        err_fault(&why, ERR_TIMEOUT, FAULT_CONNECTOR_GONE,
                "the process that makes connections does not answer");
        parent_connect_fail(a, &why);
}

static int parent_connect_on_made(struct parent_connect *c, struct chan_message *m, struct err *e)
{
        struct message_connected made;

        int r = message_connected_parse(m->body, &made, e);
        if (r < 0)
                return r;
        struct parent_connect_asked *a = made.id ? parent_connect_find(c, made.id) : NULL;
        if (!a)
                return 0; /* given up meanwhile */
        bool pair = a->kind == CAMERA_SOCKET_DATAGRAMS;
        if (m->fds_n != (pair ? 2 : 1))
                return err_set(e, ERR_PROTOCOL, "%u descriptors from the connector", m->fds_n);
        struct parent_connect_client *client = a->client;
        struct parent_stream *t = parent_connect_stream(a);
        parent_connect_free_place(a);
        if (client)
                client->made(client, a->kind, m->fds, m->fds_n, made.port);
        else if (t)
                parent_stream_socket(t, m->fds, m->fds_n, made.port);
        return 0;
}

static int parent_connect_on_failed(struct parent_connect *c, struct bytes body, struct err *e)
{
        struct err why;
        uint32_t id;

        int r = message_not_connected_parse(body, &id, &why, e);
        struct parent_connect_asked *a = r == 0 && id ? parent_connect_find(c, id) : NULL;
        if (a)
                parent_connect_fail(a, &why);
        return r;
}

static int parent_connect_on_message(
        void *owner, struct chan *chan, struct chan_message *m, struct err *e)
{
        (void)chan;
        switch (m->type) {
        case MESSAGE_CONNECTED:
                return parent_connect_on_made(owner, m, e);
        case MESSAGE_NOT_CONNECTED:
                return parent_connect_on_failed(owner, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the connector", m->type);
        }
}

static void parent_connect_on_end(void *owner, struct chan *chan, const struct err *e)
{
        struct parent_connect *c = owner;
        struct err why;

        log_warn(
                NULL, "connector.gone", "err=\"%s\" effect=\"what is connected goes on\"", e->text);
        c->chan = chan_free(chan);
        err_fault(&why, ERR_UNAVAILABLE, FAULT_CONNECTOR_GONE,
                "the process that makes connections has ended; it is being restarted");
        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++) {
                struct parent_connect_asked *a = &c->asked[i];
                if (a->id && a->sent)
                        parent_connect_fail(a, &why);
        }
}

/* Nothing where the stream is gone. */
static void parent_connect_send(struct parent_connect_asked *a)
{
        struct parent_connect *c = a->connect;
        struct buf *out = &c->parent->out;
        struct message_connect m = { .id = a->id, .kind = (uint8_t)a->kind };
        const struct parent_stream *t = parent_connect_stream(a);
        const bool fallback = a->kind == CAMERA_SOCKET_FALLBACK;
        struct err e;

        if (!t && !a->client)
                return;
        if (a->kind != CAMERA_SOCKET_DATAGRAMS) {
                snprintf(m.host, sizeof m.host, "%s", t ? t->host : a->client->host);
                if (t)
                        m.port = fallback ? t->fallback_port : t->port;
                else
                        m.port = fallback ? a->client->fallback_port : a->client->port;
        }
        buf_clear(out);
        int r = message_connect_pack(&m, out, &e);
        if (r == 0)
                r = chan_send(c->chan, MESSAGE_CONNECT_TO, buf_bytes(out), NULL, 0, &e);
        if (r < 0)
                log_error(NULL, "connector.unreachable", "err=\"%s\"", e.text);
        a->sent = true; /* where sending failed, the channel's end or the deadline answers */
}

void parent_connect_attach(struct parent_connect *c, int fd)
{
        static const struct chan_events events = { parent_connect_on_message,
                parent_connect_on_end };

        if (c->chan) {
                struct err why;
                err_set(&why, ERR_CANCELLED, "replaced");
                parent_connect_on_end(c, c->chan, &why);
        }
        c->chan = chan_new(c->parent->loop, fd, &events, c);
        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++) {
                if (c->asked[i].id)
                        parent_connect_send(&c->asked[i]);
        }
}

/* A place for who asks; NULL where there is none. */
static struct parent_connect_asked *parent_connect_begin(struct parent_connect *c,
        const char *stream, struct parent_connect_client *client, enum camera_socket kind,
        struct err *why)
{
        struct parent_connect_asked *a = parent_connect_find(c, 0);

        if (!a) {
                err_fault(why, ERR_EXHAUSTED, FAULT_CONNECTOR_GONE,
                        "more than %d connections are being made", PARENT_CONNECT_MAX);
                return NULL;
        }
        c->last_id = c->last_id == UINT32_MAX ? 1 : c->last_id + 1;
        a->connect = c;
        a->id = c->last_id;
        a->sent = false;
        a->kind = kind;
        a->client = client;
        snprintf(a->stream, sizeof a->stream, "%s", stream);
        timer_start(&a->deadline, c->parent->loop, c->timeout_ms + PARENT_CONNECT_GRACE_MS, 0,
                parent_connect_on_deadline, a);
        if (c->chan)
                parent_connect_send(a);
        return a;
}

void parent_connect_ask(struct parent_connect *c, struct parent_stream *t, enum camera_socket kind)
{
        const char *stream = t->assign.stream;
        struct err why;

        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++) {
                const struct parent_connect_asked *a = &c->asked[i];
                if (a->id && !a->client && a->kind == kind && strcmp(a->stream, stream) == 0)
                        return;
        }
        if (!parent_connect_begin(c, stream, NULL, kind, &why))
                parent_stream_no_socket(t, &why);
}

void parent_connect_ask_for(
        struct parent_connect *c, struct parent_connect_client *client, enum camera_socket kind)
{
        struct err why;

        if (!parent_connect_begin(c, "", client, kind, &why))
                client->failed(client, kind, &why);
}

static void parent_connect_give_up(struct parent_connect_asked *a)
{
        struct parent_connect *c = a->connect;
        struct buf *out = &c->parent->out;

        buf_clear(out);
        struct pack p = pack_to(out);
        pack_u32(&p, a->id);
        if (c->chan && a->sent &&
                chan_send(c->chan, MESSAGE_CONNECT_CANCEL, buf_bytes(out), NULL, 0, NULL) < 0)
                log_error(NULL, "connector.unreachable", "");
        parent_connect_free_place(a);
}

void parent_connect_forget(struct parent_connect *c, const struct parent_connect_client *client)
{
        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++) {
                if (c->asked[i].id && c->asked[i].client == client)
                        parent_connect_give_up(&c->asked[i]);
        }
}

void parent_connect_cancel(struct parent_connect *c, const struct parent_stream *t)
{
        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++) {
                struct parent_connect_asked *a = &c->asked[i];
                if (a->id && !a->client && strcmp(a->stream, t->assign.stream) == 0)
                        parent_connect_give_up(a);
        }
}

struct parent_connect *parent_connect_new(struct parent *p, unsigned timeout_ms)
{
        struct parent_connect *c = xcalloc(1, sizeof *c);

        c->parent = p;
        c->timeout_ms = timeout_ms;
        return c;
}

struct parent_connect *parent_connect_free(struct parent_connect *c)
{
        if (!c)
                return NULL;
        for (unsigned i = 0; i < PARENT_CONNECT_MAX; i++)
                timer_done(&c->asked[i].deadline);
        chan_free(c->chan);
        free(c);
        return NULL;
}
