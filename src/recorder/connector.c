/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/connector.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connector {
        struct loop *loop;
        char host[256];
        uint16_t port;
        uv_getaddrinfo_t lookup;
        struct addrinfo *addresses, *next;
        uv_poll_t *poll; /* of the socket that is connecting */
        int fd;
        struct timer deadline;
        bool looking_up, cancelled;
        struct err last;
        void (*on_done)(void *owner, int fd, const struct err *why);
        void *owner;
};

static void connector_on_poll_closed(uv_handle_t *h)
{
        free(h);
}

static void connector_end_poll(struct connector *c)
{
        if (c->poll)
                uv_close((uv_handle_t *)c->poll, connector_on_poll_closed);
        c->poll = NULL;
}

/* libuv owns the lookup request until its callback: an attempt that is cancelled meanwhile is freed
 * there. */
static void connector_free(struct connector *c)
{
        connector_end_poll(c);
        timer_done(&c->deadline);
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
        if (c->looking_up)
                return;
        uv_freeaddrinfo(c->addresses);
        free(c);
}

struct connector *connector_cancel(struct connector *c)
{
        if (!c)
                return NULL;
        c->cancelled = true;
        if (c->looking_up)
                uv_cancel((uv_req_t *)&c->lookup);
        connector_free(c);
        return NULL;
}

/* fd: the attempt's own socket, or -1. */
static void connector_finish(struct connector *c, int fd, const struct err *why)
{
        void (*on_done)(void *, int, const struct err *) = c->on_done;
        void *owner = c->owner;
        struct err e = why ? *why : (struct err){ 0 };

        if (fd >= 0)
                c->fd = -1; /* the receiver's now */
        c->cancelled = true;
        connector_free(c);
        on_done(owner, fd, &e);
}

static void connector_try_next(struct connector *c);

static void connector_on_writable(uv_poll_t *h, int status, int events)
{
        struct connector *c = h->data;
        int error = 0;
        socklen_t n = sizeof error;

        (void)events;
        /* What went wrong stands in the socket; status alone says only that something did. */
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || (!error && status < 0))
                error = EIO;
        connector_end_poll(c);
        if (!error) {
                connector_finish(c, c->fd, NULL);
                return;
        }
        close(c->fd);
        c->fd = -1;
        err_os(&c->last, ERR_UNAVAILABLE, error, "no TCP connection to %s port %u", c->host,
                c->port);
        connector_try_next(c);
}

static int connector_connect(struct connector *c, const struct addrinfo *a)
{
        int one = 1;

        c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
                return -errno;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(c->fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
                return -errno;
        c->poll = xcalloc(1, sizeof *c->poll);
        c->poll->data = c;
        int r = uv_poll_init(loop_uv(c->loop), c->poll, c->fd);
        if (r < 0) {
                free(c->poll);
                c->poll = NULL;
                return r;
        }
        return uv_poll_start(c->poll, UV_WRITABLE, connector_on_writable);
}

static void connector_try_next(struct connector *c)
{
        while (c->next) {
                const struct addrinfo *a = c->next;
                c->next = a->ai_next;
                int r = connector_connect(c, a);
                if (r == 0)
                        return;
                connector_end_poll(c);
                if (c->fd >= 0)
                        close(c->fd);
                c->fd = -1;
                err_os(&c->last, ERR_UNAVAILABLE, -r, "no TCP connection to %s port %u", c->host,
                        c->port);
        }
        connector_finish(c, -1, &c->last);
}

static void connector_on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *result)
{
        struct connector *c = request->data;

        c->looking_up = false;
        c->addresses = c->next = result;
        if (c->cancelled) {
                connector_free(c);
                return;
        }
        if (status < 0) {
                err_set(&c->last, ERR_UNAVAILABLE,
                        "the name %s has no address: %s. Check the name and the DNS server",
                        c->host, uv_strerror(status));
                connector_finish(c, -1, &c->last);
                return;
        }
        connector_try_next(c);
}

static void connector_on_deadline(void *owner)
{
        struct connector *c = owner;
        struct err why;

        err_set(&why, ERR_TIMEOUT, "no answer from %s port %u. Check address, power and network",
                c->host, c->port);
        if (c->looking_up)
                uv_cancel((uv_req_t *)&c->lookup);
        connector_finish(c, -1, &why);
}

/* uv_getaddrinfo refused at once (no memory): told from the loop like everything else. */
static void connector_on_refused(void *owner)
{
        struct connector *c = owner;

        connector_finish(c, -1, &c->last);
}

struct connector *connector_start(struct loop *l, const char *host, uint16_t port,
        unsigned timeout_ms, void (*on_done)(void *owner, int fd, const struct err *why),
        void *owner)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct connector *c = xcalloc(1, sizeof *c);
        char service[8];

        *c = (struct connector){
                .loop = l, .port = port, .fd = -1, .on_done = on_done, .owner = owner
        };
        snprintf(c->host, sizeof c->host, "%s", host);
        snprintf(service, sizeof service, "%u", port);
        c->lookup.data = c;
        int r = uv_getaddrinfo(
                loop_uv(l), &c->lookup, connector_on_resolved, c->host, service, &hints);
        if (r < 0) {
                err_set(&c->last, ERR_UNAVAILABLE, "cannot look up %s: %s", c->host,
                        uv_strerror(r));
                timer_start(&c->deadline, l, 0, 0, connector_on_refused, c);
                return c;
        }
        c->looking_up = true;
        timer_start(&c->deadline, l, timeout_ms, 0, connector_on_deadline, c);
        return c;
}
