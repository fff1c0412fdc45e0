/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/random.h"
#include "os/clock.h"
#include "porter/porter_parts.h"

#define PORTER_DIAL_CONNECT_MS 10000
#define PORTER_DIAL_AGAIN_MS 1000u
#define PORTER_DIAL_AGAIN_MAX_MS 30000u
/* The manager of this host: it may be just starting, as we are, and that is not worth a line. */
#define PORTER_DIAL_HERE_MS 50u
#define PORTER_DIAL_HERE_MAX_MS 500u
#define PORTER_DIAL_HERE_QUIET 4u /* tries */

static void porter_dial_start(struct porter_target *t);

const char *porter_dial_host(const struct porter *p)
{
        return p->identity.manager.host[0] ? p->identity.manager.host : "127.0.0.1";
}

int porter_dial_port(struct porter *p, uint16_t port, uint16_t *ret, struct err *e)
{
        char text[8] = "";
        uint64_t number = 0;

        if (port) {
                *ret = port;
                return 0;
        }
        ssize_t n =
                p->manager_port_fd < 0 ? 0 : pread(p->manager_port_fd, text, sizeof text - 1, 0);
        text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
        if (str_uint(text, 1, 65535, &number, NULL) < 0)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_NO_CONNECTION,
                        "this host's manager has not said yet at which port it listens");
        *ret = (uint16_t)number;
        return 0;
}

static void porter_dial_on_again(void *owner)
{
        struct porter_target *t = owner;

        timer_done(&t->again);
        porter_dial_start(t);
}

/* Doubling, within a quarter, so that many nodes do not come in step. */
static void porter_dial_again(struct porter_target *t)
{
        unsigned ms = t->port ? PORTER_DIAL_AGAIN_MS : PORTER_DIAL_HERE_MS;
        unsigned max_ms = t->port ? PORTER_DIAL_AGAIN_MAX_MS : PORTER_DIAL_HERE_MAX_MS;

        for (unsigned i = 0; i < t->tries && ms < max_ms; i++)
                ms *= 2;
        if (ms > max_ms)
                ms = max_ms;
        t->tries++;
        ms = ms - ms / 4 + (unsigned)(random_u64() % (ms / 2));
        timer_start(&t->again, t->porter->loop, ms, 0, porter_dial_on_again, t);
}

/* By TLS, or by the other side's answer: trying again is of no use before somebody mends it. */
static bool porter_dial_is_refusal(const struct err *why)
{
        return fault_is_tls(why->fault) || why->code == ERR_AUTH || why->code == ERR_DENIED;
}

void porter_dial_failed(struct porter_target *t, const struct err *why)
{
        if (strcmp(t->last.text, why->text) != 0)
                t->said = false;
        if (!t->said && (t->port || t->tries >= PORTER_DIAL_HERE_QUIET)) {
                t->said = true;
                log_warn(NULL, "link.not_made", "peer=%s/%s host=%s err=\"%s\"", t->role, t->name,
                        t->host, why->text);
        }
        bool was = t->refused && t->last.fault == why->fault;
        t->last = *why;
        t->refused = porter_dial_is_refusal(why);
        if (t->refused && !was)
                porter_status_not_let_in(t);
        if (t->peer)
                porter_peer_not_moved(t->peer, why);
        else
                porter_dial_again(t);
}

static void porter_dial_on_connected(void *owner, int fd, const struct err *why)
{
        struct porter_target *t = owner;
        struct err e;

        t->attempt = NULL;
        if (fd < 0)
                porter_dial_failed(t, why);
        else if (porter_conn_connect(t, fd, &e) < 0)
                porter_dial_failed(t, &e);
}

static void porter_dial_start(struct porter_target *t)
{
        struct porter *p = t->porter;
        uint16_t port = 0;
        struct err e;

        if (porter_dial_port(p, t->port, &port, &e) < 0) {
                porter_dial_failed(t, &e);
                return;
        }
        t->attempt = connect_attempt_start(
                p->loop, NULL, t->host, port, PORTER_DIAL_CONNECT_MS, porter_dial_on_connected, t);
}

void porter_dial_further(struct porter_target *t)
{
        if (!t->attempt && !t->link)
                porter_dial_start(t);
}

void porter_dial_opened(struct porter_target *t, struct porter_peer *peer)
{
        t->link = NULL;
        t->peer = peer;
        t->tries = 0;
        t->refused = t->said = false;
        t->last = (struct err){ 0 };
        if (t->porter->web && strcmp(t->role, "manager") == 0)
                porter_renew_want(t->porter->web, false);
}

void porter_dial_lost(struct porter_target *t, const struct err *why)
{
        t->peer = NULL;
        t->last = *why;
        t->refused = porter_dial_is_refusal(why);
        if (t->refused)
                porter_status_not_let_in(t);
        if (!t->attempt && !t->link)
                porter_dial_again(t);
}

/* --- what the role wants --- */

static struct porter_target *porter_dial_find(struct porter *p, const char *role, const char *name)
{
        for (struct porter_target *t = p->targets; t; t = t->next) {
                if (strcmp(t->role, role) == 0 && strcmp(t->name, name) == 0)
                        return t;
        }
        return NULL;
}

/* Whatever it has of a connection ends. */
static void porter_dial_stop(struct porter_target *t, const char *why)
{
        struct porter_peer *peer = t->peer;

        timer_done(&t->again);
        t->attempt = connect_attempt_cancel(t->attempt);
        if (t->link)
                porter_conn_close(TAKE(t->link), 1000, why);
        if (peer)
                porter_peer_end(peer, why);
        timer_done(&t->again);
}

static bool porter_dial_is_host(const char *host)
{
        for (const char *c = host; *c; c++) {
                if (!isalnum((unsigned char)*c) && !strchr(".-:_", *c))
                        return false;
        }
        return host[0] != '\0';
}

static int porter_dial_check(const char *role, const char *name, const char *host, struct err *e)
{
        if (strcmp(role, "manager") != 0 && strcmp(role, "recorder") != 0)
                return err_set(e, ERR_INVALID, "porter.dial: only a manager or a recorder listens");
        if (!str_is_camera(name) || strlen(name) >= TLS_ROLE_NAME_ROOM)
                return err_set(e, ERR_INVALID, "porter.dial: that is no name of a node");
        if (!porter_dial_is_host(host) || strlen(host) > 253)
                return err_set(e, ERR_INVALID, "porter.dial: that is no name or address of a host");
        return 0;
}

int porter_dial_set(struct porter *p, const char *role, const char *name, const char *host,
        uint16_t port, struct err *e)
{
        struct porter_target *t = porter_dial_find(p, role, name);
        unsigned n = 0;

        int r = porter_dial_check(role, name, host, e);
        if (r < 0)
                return r;
        if (t && strcmp(t->host, host) == 0 && t->port == port)
                return 0;
        for (const struct porter_target *other = p->targets; other; other = other->next)
                n++;
        if (!t && n == PORTER_TARGETS_MAX)
                return err_set(e, ERR_EXHAUSTED, "porter.dial: more than %d", PORTER_TARGETS_MAX);
        if (t) {
                porter_dial_stop(t, "the peer is elsewhere now");
        } else {
                t = xcalloc(1, sizeof *t);
                t->porter = p;
                t->next = p->targets;
                p->targets = t;
        }
        snprintf(t->role, sizeof t->role, "%s", role);
        snprintf(t->name, sizeof t->name, "%s", name);
        snprintf(t->host, sizeof t->host, "%s", host);
        t->port = port;
        t->tries = 0;
        porter_dial_start(t);
        return 0;
}

static void porter_dial_free(struct porter *p, struct porter_target *t)
{
        struct porter_target **at = &p->targets;

        while (*at != t)
                at = &(*at)->next;
        *at = t->next;
        timer_done(&t->again);
        connect_attempt_cancel(t->attempt);
        free(t);
}

int porter_dial_remove(struct porter *p, const char *role, const char *name, struct err *e)
{
        struct porter_target *t = porter_dial_find(p, role, name);

        if (!t)
                return err_set(e, ERR_NOT_FOUND, "%s/%s is not dialed", role, name);
        porter_dial_stop(t, "the role hangs up");
        porter_dial_free(p, t);
        return 0;
}

void porter_dial_free_all(struct porter *p)
{
        while (p->targets)
                porter_dial_free(p, p->targets);
}
