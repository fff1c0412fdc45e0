/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/connector.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "net/connect_attempt.h"
#include "os/chan.h"
#include "os/proc.h"
#include "recorder/confine.h"
#include "recorder/connect_policy.h"
#include "recorder/datagram_pair.h"
#include "recorder/message.h"

struct connector {
        struct loop *loop;
        struct chan *parent;
        struct connect_policy cameras;
        struct connect_attempt_policy policy;
        unsigned timeout_ms;
        uint16_t udp_first, udp_last;
        struct connector_slot {
                struct connector *connector;
                struct connect_attempt *attempt; /* NULL: free */
                uint32_t id;
        } slots[CONNECTOR_ATTEMPTS_MAX];
        struct buf out; /* one message under construction */
};

static void connector_send(struct connector *c, uint16_t type, const int *fds, unsigned fds_n)
{
        struct err e;

        if (c->parent && chan_send(c->parent, type, buf_bytes(&c->out), fds, fds_n, &e) < 0)
                log_error(NULL, "connector.parent_unreachable", "err=\"%s\"", e.text);
}

static void connector_say_made(
        struct connector *c, uint32_t id, uint16_t port, const int *fds, unsigned fds_n)
{
        struct message_connected m = { .id = id, .port = port };

        buf_clear(&c->out);
        if (message_connected_pack(&m, &c->out, NULL) == 0)
                connector_send(c, MESSAGE_CONNECTED, fds, fds_n);
}

static void connector_say_failed(struct connector *c, uint32_t id, const struct err *why)
{
        buf_clear(&c->out);
        if (message_not_connected_pack(id, why, &c->out, NULL) == 0)
                connector_send(c, MESSAGE_NOT_CONNECTED, NULL, 0);
}

static void connector_on_done(void *owner, int fd, const struct err *why)
{
        struct connector_slot *s = owner;

        s->attempt = NULL;
        if (fd < 0) {
                connector_say_failed(s->connector, s->id, why);
                return;
        }
        connector_say_made(s->connector, s->id, 0, &fd, 1);
        close(fd);
}

static int connector_check(
        const void *terms, const struct sockaddr *address, const char *host, struct err *e)
{
        return connect_policy_check(terms, address, connect_policy_is_literal(host), e);
}

static void connector_make_datagrams(struct connector *c, uint32_t id)
{
        struct err why;
        uint16_t port;
        int fds[2];

        if (datagram_pair_open(c->udp_first, c->udp_last, fds, &port, &why) < 0) {
                connector_say_failed(c, id, &why);
                return;
        }
        connector_say_made(c, id, port, fds, 2);
        close(fds[0]);
        close(fds[1]);
}

static struct connector_slot *connector_free_slot(struct connector *c)
{
        for (unsigned i = 0; i < CONNECTOR_ATTEMPTS_MAX; i++) {
                if (!c->slots[i].attempt)
                        return &c->slots[i];
        }
        return NULL;
}

static int connector_connect(struct connector *c, struct bytes body, struct err *e)
{
        struct message_connect m;
        struct err why;

        int r = message_connect_parse(body, &m, e);
        if (r < 0)
                return r;
        if (m.kind == CAMERA_SOCKET_DATAGRAMS) {
                connector_make_datagrams(c, m.id);
                return 0;
        }
        struct connector_slot *s = connector_free_slot(c);
        if (!s) {
                err_fault(&why, ERR_EXHAUSTED, FAULT_CONNECTOR_GONE,
                        "more than %d connections are being made", CONNECTOR_ATTEMPTS_MAX);
                connector_say_failed(c, m.id, &why);
                return 0;
        }
        s->connector = c;
        s->id = m.id;
        s->attempt = connect_attempt_start(
                c->loop, &c->policy, m.host, m.port, c->timeout_ms, connector_on_done, s);
        return 0;
}

static int connector_cancel(struct connector *c, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint32_t id = unpack_u32(&u);

        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "cancel: malformed message");
        for (unsigned i = 0; i < CONNECTOR_ATTEMPTS_MAX; i++) {
                struct connector_slot *s = &c->slots[i];
                if (s->attempt && s->id == id)
                        s->attempt = connect_attempt_cancel(s->attempt);
        }
        return 0;
}

static int connector_on_parent(
        void *owner, struct chan *chan, struct chan_message *m, struct err *e)
{
        struct connector *c = owner;

        (void)chan;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor for the connector");
        switch (m->type) {
        case MESSAGE_CONNECT_TO:
                return connector_connect(c, m->body, e);
        case MESSAGE_CONNECT_CANCEL:
                return connector_cancel(c, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the parent", m->type);
        }
}

static void connector_on_parent_end(void *owner, struct chan *chan, const struct err *e)
{
        struct connector *c = owner;

        log_info(NULL, "connector.parent_gone", "err=\"%s\"", e->text);
        c->parent = chan_free(chan);
        loop_stop(c->loop);
}

static int connector_confine(struct err *e)
{
        struct sandbox_path paths[SANDBOX_RESOLVER_PATHS_MAX];

        return confine_role(SANDBOX_CONNECTOR, paths, sandbox_resolver_paths(paths), e);
}

static void connector_free(struct connector *c)
{
        for (unsigned i = 0; i < CONNECTOR_ATTEMPTS_MAX; i++)
                connect_attempt_cancel(c->slots[i].attempt);
        c->parent = chan_free(c->parent);
        buf_done(&c->out);
        loop_free(c->loop);
        free(c);
}

int connector_main(int argc, char **argv)
{
        static const struct chan_events events = { connector_on_parent, connector_on_parent_end };
        struct connector *c = xcalloc(1, sizeof *c);
        struct role_options options;
        struct err e;

        int r = role_start("connector", argc, argv, &options, &e);
        if (r == 0)
                r = connect_policy_init(&c->cameras, &options.settings, &e);
        if (r < 0) {
                free(c);
                return confine_failed(&e);
        }
        c->policy = (struct connect_attempt_policy){ connector_check, &c->cameras };
        c->timeout_ms = (unsigned)settings_get(&options.settings, SETTINGS_CONNECT_TIMEOUT_MS);
        c->udp_first = (uint16_t)settings_get(&options.settings, SETTINGS_UDP_PORT_FIRST);
        c->udp_last = (uint16_t)settings_get(&options.settings, SETTINGS_UDP_PORT_LAST);
        buf_init(&c->out, CHAN_BODY_MAX);
        c->loop = loop_new();
        c->parent = chan_new(c->loop, PROC_FIRST_FD, &events, c);
        r = connector_confine(&e);
        if (r == 0)
                loop_run(c->loop);
        else
                confine_failed(&e);
        connector_free(c);
        return r < 0 ? 1 : 0;
}
