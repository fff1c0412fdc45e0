/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "porter/porter_parts.h"

/* The other side closes one that was moved away from, or answers a close. */
#define PORTER_CONN_LINGER_MS 10000

static void porter_conn_finish(struct porter_conn *l)
{
        if (!l->open)
                l->porter->unfinished_n -= l->accepted;
        l->open = true;
}

static void porter_conn_on_open(void *owner, struct role_conn *c)
{
        struct porter_conn *l = owner;

        (void)c;
        porter_conn_finish(l);
        porter_peer_opened(l);
}

static int porter_conn_on_message(
        void *owner, struct role_conn *c, bool text, struct bytes m, struct err *e)
{
        struct porter_conn *l = owner;

        (void)c;
        return l->done ? 0 : porter_peer_received(l, text, m, e);
}

static void porter_conn_on_drain(void *owner, struct role_conn *c)
{
        struct porter_conn *l = owner;

        (void)c;
        if (!l->done)
                porter_peer_drained(l);
}

static void porter_conn_on_request(
        void *owner, struct role_conn *c, const struct http_request *request)
{
        (void)c;
        porter_est_requested(owner, request);
}

/* Ended before it was a peer's. */
static void porter_conn_not_opened(struct porter_conn *l, const struct err *why)
{
        struct porter_target *t = l->target;
        struct role_conn_state state;

        if (t) {
                l->target = NULL;
                t->link = NULL;
                porter_dial_failed(t, why);
        } else if (why->fault != FAULT_CONNECTION_CLOSED) {
                role_conn_state(l->conn, &state);
                porter_status_refused(l->porter, state.address, why);
        }
}

static void porter_conn_on_end(void *owner, struct role_conn *c, const struct err *why)
{
        struct porter_conn *l = owner;

        (void)c;
        if (l->peer)
                porter_peer_lost(l, why);
        else if (!l->done)
                porter_conn_not_opened(l, why);
        porter_conn_free(l);
}

static const struct role_conn_events porter_conn_events = {
        .on_open = porter_conn_on_open,
        .on_message = porter_conn_on_message,
        .on_drain = porter_conn_on_drain,
        .on_request = porter_conn_on_request,
        .on_end = porter_conn_on_end,
};

static void porter_conn_attach(struct porter_conn *l)
{
        struct porter *p = l->porter;

        l->next = p->links;
        l->at = &p->links;
        if (l->next)
                l->next->at = &l->next;
        p->links = l;
        p->links_n++;
        p->unfinished_n += l->accepted;
}

int porter_conn_accept(
        struct porter *p, int fd, const uint8_t from[static NETWORK_ADDRESS_BYTES], struct err *e)
{
        struct tls *t = NULL;

        int r = tls_role_server_new(p->config, p->kind->takes, clock_wall_us(), &t, e);
        if (r < 0) {
                close(fd);
                return r;
        }
        struct porter_conn *l = xcalloc(1, sizeof *l);
        *l = (struct porter_conn){ .porter = p, .accepted = true };
        memcpy(l->from, from, sizeof l->from);
        r = role_conn_accept(p->shared, fd, t, &porter_conn_events, l, &l->conn, e);
        if (r < 0) {
                free(l);
                return r;
        }
        porter_conn_attach(l);
        return 0;
}

int porter_conn_connect(struct porter_target *target, int fd, struct err *e)
{
        struct porter *p = target->porter;
        struct tls *t = NULL;

        int r = tls_role_client_new(p->config, target->role, target->name, clock_wall_us(), &t, e);
        if (r < 0) {
                close(fd);
                return r;
        }
        struct porter_conn *l = xcalloc(1, sizeof *l);
        *l = (struct porter_conn){ .porter = p, .target = target };
        r = role_conn_connect(p->shared, fd, t, &porter_conn_events, l, &l->conn, e);
        if (r < 0) {
                free(l);
                return r;
        }
        target->link = l;
        porter_conn_attach(l);
        return 0;
}

struct porter_conn *porter_conn_free(struct porter_conn *l)
{
        if (!l)
                return NULL;
        timer_done(&l->deadline);
        role_conn_free(l->conn);
        porter_conn_finish(l);
        l->porter->links_n--;
        *l->at = l->next;
        if (l->next)
                l->next->at = l->at;
        free(l);
        return NULL;
}

static void porter_conn_on_deadline(void *owner)
{
        porter_conn_free(owner);
}

void porter_conn_leave(struct porter_conn *l)
{
        l->peer = NULL;
        l->target = NULL;
        l->done = true;
        role_conn_hold(l->conn, false);
        timer_start(&l->deadline, l->porter->loop, PORTER_CONN_LINGER_MS, 0,
                porter_conn_on_deadline, l);
}

void porter_conn_close(struct porter_conn *l, uint16_t status, const char *reason)
{
        porter_conn_leave(l);
        role_conn_close(l->conn, status, reason);
}

void porter_conn_free_all(struct porter *p)
{
        while (p->links)
                porter_conn_free(p->links);
}
