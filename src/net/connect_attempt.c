/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/connect_attempt.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connect_attempt {
        struct loop *loop;
        const struct connect_attempt_policy *policy;
        char host[256];
        uint16_t port;
        uv_getaddrinfo_t lookup;
        struct addrinfo *addresses, *next;
        uv_poll_t *poll; /* of the socket that is connecting */
        int fd;
        struct timer deadline, soon;
        bool looking_up, cancelled;
        struct err last;
        void (*on_done)(void *owner, int fd, const struct err *why);
        void *owner;
};

static void connect_attempt_on_poll_closed(uv_handle_t *h)
{
        free(h);
}

static void connect_attempt_end_poll(struct connect_attempt *c)
{
        if (c->poll)
                uv_close((uv_handle_t *)c->poll, connect_attempt_on_poll_closed);
        c->poll = NULL;
}

/* libuv owns the lookup request until its callback: an attempt that is cancelled meanwhile is freed
 * there. */
static void connect_attempt_free(struct connect_attempt *c)
{
        connect_attempt_end_poll(c);
        timer_done(&c->deadline);
        timer_done(&c->soon);
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
        if (c->looking_up)
                return;
        uv_freeaddrinfo(c->addresses);
        free(c);
}

struct connect_attempt *connect_attempt_cancel(struct connect_attempt *c)
{
        if (!c)
                return NULL;
        c->cancelled = true;
        if (c->looking_up)
                uv_cancel((uv_req_t *)&c->lookup);
        connect_attempt_free(c);
        return NULL;
}

/* fd: the attempt's own socket, or -1. */
static void connect_attempt_finish(struct connect_attempt *c, int fd, const struct err *why)
{
        void (*on_done)(void *, int, const struct err *) = c->on_done;
        void *owner = c->owner;
        struct err e = why ? *why : (struct err){ 0 };

        if (fd >= 0)
                c->fd = -1; /* the receiver's now */
        c->cancelled = true;
        connect_attempt_free(c);
        on_done(owner, fd, &e);
}

static void connect_attempt_try_next(struct connect_attempt *c);

static void connect_attempt_note(struct connect_attempt *c, int os_errno)
{
        static const struct {
                int os_errno;
                enum fault fault;
        } faults[] = { { ECONNREFUSED, FAULT_CONNECTION_REFUSED },
                { ETIMEDOUT, FAULT_CONNECTION_TIMEOUT } };
        enum fault fault = FAULT_NO_CONNECTION;

        for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
                if (faults[i].os_errno == os_errno)
                        fault = faults[i].fault;
        }
        err_fault(&c->last, ERR_UNAVAILABLE, fault, "no TCP connection to %s port %u: %s", c->host,
                c->port, strerror(os_errno));
}

static void connect_attempt_on_writable(uv_poll_t *h, int status, int events)
{
        struct connect_attempt *c = h->data;
        int error = 0;
        socklen_t n = sizeof error;

        (void)events;
        /* What went wrong stands in the socket; status alone says only that something did. */
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || (!error && status < 0))
                error = EIO;
        connect_attempt_end_poll(c);
        if (!error) {
                connect_attempt_finish(c, c->fd, NULL);
                return;
        }
        close(c->fd);
        c->fd = -1;
        connect_attempt_note(c, error);
        connect_attempt_try_next(c);
}

static int connect_attempt_connect(struct connect_attempt *c, const struct addrinfo *a)
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
        return uv_poll_start(c->poll, UV_WRITABLE, connect_attempt_on_writable);
}

static void connect_attempt_try_next(struct connect_attempt *c)
{
        while (c->next) {
                const struct addrinfo *a = c->next;
                c->next = a->ai_next;
                if (c->policy &&
                        c->policy->check(c->policy->terms, a->ai_addr, c->host, &c->last) < 0)
                        continue;
                int r = connect_attempt_connect(c, a);
                if (r == 0)
                        return;
                connect_attempt_end_poll(c);
                if (c->fd >= 0)
                        close(c->fd);
                c->fd = -1;
                connect_attempt_note(c, -r);
        }
        connect_attempt_finish(c, -1, &c->last);
}

static void connect_attempt_on_resolved(
        uv_getaddrinfo_t *request, int status, struct addrinfo *result)
{
        struct connect_attempt *c = request->data;

        c->looking_up = false;
        c->addresses = c->next = result;
        if (c->cancelled) {
                connect_attempt_free(c);
                return;
        }
        if (status < 0) {
                err_fault(&c->last, ERR_UNAVAILABLE, FAULT_NAME_NOT_FOUND,
                        "the name %s has no address: %s. Check the name and the DNS server",
                        c->host, uv_strerror(status));
                connect_attempt_finish(c, -1, &c->last);
                return;
        }
        connect_attempt_try_next(c);
}

static void connect_attempt_on_deadline(void *owner)
{
        struct connect_attempt *c = owner;
        struct err why;

        if (c->looking_up)
                err_fault(&why, ERR_TIMEOUT, FAULT_NAME_NOT_FOUND,
                        "no name server says what %s resolves to. Check the DNS server, or enter "
                        "an address",
                        c->host);
        else
                err_fault(&why, ERR_TIMEOUT, FAULT_CONNECTION_TIMEOUT,
                        "no answer from %s port %u. Check address, power and network", c->host,
                        c->port);
        if (c->looking_up)
                uv_cancel((uv_req_t *)&c->lookup);
        connect_attempt_finish(c, -1, &why);
}

/* What can be said at once is told from the loop like everything else. */
static void connect_attempt_on_soon(void *owner)
{
        struct connect_attempt *c = owner;

        timer_done(&c->soon);
        if (c->last.code)
                connect_attempt_finish(c, -1, &c->last);
        else
                connect_attempt_try_next(c);
}

/* An address needs no server, so none that is slow can hold it up. */
static bool connect_attempt_take_address(struct connect_attempt *c, const char *service)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };

        if (getaddrinfo(c->host, service, &hints, &c->addresses) != 0)
                return false;
        c->next = c->addresses;
        return true;
}

static int connect_attempt_look_up(struct connect_attempt *c, const char *service)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };

        c->lookup.data = c;
        int r = uv_getaddrinfo(loop_uv(c->loop), &c->lookup, connect_attempt_on_resolved, c->host,
                service, &hints);
        if (r < 0)
                return err_fault(&c->last, ERR_UNAVAILABLE, FAULT_NAME_NOT_FOUND,
                        "cannot look up %s: %s", c->host, uv_strerror(r));
        c->looking_up = true;
        return 0;
}

struct connect_attempt *connect_attempt_start(struct loop *l,
        const struct connect_attempt_policy *policy, const char *host, uint16_t port,
        unsigned timeout_ms, void (*on_done)(void *owner, int fd, const struct err *why),
        void *owner)
{
        struct connect_attempt *c = xcalloc(1, sizeof *c);
        char service[8];

        *c = (struct connect_attempt){ .loop = l,
                .policy = policy,
                .port = port,
                .fd = -1,
                .on_done = on_done,
                .owner = owner };
        snprintf(c->host, sizeof c->host, "%s", host);
        snprintf(service, sizeof service, "%u", port);
        timer_start(&c->deadline, l, timeout_ms, 0, connect_attempt_on_deadline, c);
        if (connect_attempt_take_address(c, service) || connect_attempt_look_up(c, service) < 0)
                timer_start(&c->soon, l, 0, 0, connect_attempt_on_soon, c);
        return c;
}
