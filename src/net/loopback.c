/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/loopback.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

#define RECEIVE_BYTES 16384

struct loopback {
        uv_poll_t poll;
        const struct loopback_events *events;
        void *owner;
        int fd; /* owned */
        struct buf output;
        bool busy, freed, ended;
};

bool loopback_is(const struct sockaddr_storage *address)
{
        const struct sockaddr_in *v4 = (const void *)address;
        const struct sockaddr_in6 *v6 = (const void *)address;

        if (address->ss_family == AF_INET)
                return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        if (address->ss_family != AF_INET6)
                return false;
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
}

static bool both_ends_are(int fd)
{
        struct sockaddr_storage ours, theirs;
        socklen_t ours_n = sizeof ours, theirs_n = sizeof theirs;

        return getsockname(fd, (struct sockaddr *)&ours, &ours_n) == 0 &&
               getpeername(fd, (struct sockaddr *)&theirs, &theirs_n) == 0 && loopback_is(&ours) &&
               loopback_is(&theirs);
}

static void on_closed(uv_handle_t *h)
{
        struct loopback *c = h->data;

        buf_done(&c->output);
        free(c);
}

static void release(struct loopback *c)
{
        uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void on_poll(uv_poll_t *h, int status, int events);

static void watch(struct loopback *c)
{
        if (c->freed || c->ended)
                uv_poll_stop(&c->poll);
        else
                uv_poll_start(&c->poll, UV_READABLE | (c->output.n ? UV_WRITABLE : 0), on_poll);
}

static void end(struct loopback *c, const struct err *why)
{
        if (c->freed || c->ended)
                return;
        c->ended = true;
        watch(c);
        c->events->on_end(c->owner, why);
}

static int flush(struct loopback *c, struct err *e)
{
        while (c->output.n > 0) {
                const ssize_t n =
                        send(c->fd, c->output.p, c->output.n, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return 0;
                if (n < 0)
                        return err_os(e, ERR_IO, errno, "sending");
                buf_consume(&c->output, (size_t)n);
        }
        return 0;
}

static void read_once(struct loopback *c)
{
        uint8_t room[RECEIVE_BYTES];
        const ssize_t n = recv(c->fd, room, sizeof room, MSG_DONTWAIT);
        struct err e = { 0 };

        if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
                return;
        if (n < 0)
                err_os(&e, ERR_IO, errno, "receiving");
        else if (n == 0)
                err_set(&e, ERR_UNAVAILABLE, "the other side closed the connection");
        else if (c->events->on_data(c->owner, BYTES(room, (size_t)n), &e) >= 0)
                return;
        end(c, &e);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
        struct loopback *c = h->data;
        struct err e = { 0 };

        c->busy = true;
        if (status < 0) {
                err_set(&e, ERR_IO, "the connection broke");
                end(c, &e);
        }
        if (!c->freed && !c->ended && (events & UV_WRITABLE) && flush(c, &e) < 0)
                end(c, &e);
        if (!c->freed && !c->ended && (events & UV_READABLE))
                read_once(c);
        c->busy = false;
        if (c->freed)
                release(c);
        else
                watch(c);
}

int loopback_new(struct loop *l, int fd, size_t output_max_bytes,
        const struct loopback_events *events, void *owner, struct loopback **ret, struct err *e)
{
        struct loopback *c;
        const int on = 1;

        if (!both_ends_are(fd)) {
                close(fd);
                return err_set(e, ERR_DENIED, "without TLS only loopback connections are taken");
        }
        c = xcalloc(1, sizeof *c);
        *c = (struct loopback){ .events = events, .owner = owner, .fd = fd };
        if (uv_poll_init(loop_uv(l), &c->poll, fd) < 0) {
                close(fd);
                free(c);
                return err_set(e, ERR_IO, "watching the socket");
        }
        c->poll.data = c;
        buf_init(&c->output, output_max_bytes);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(c);
        *ret = c;
        return 0;
}

struct loopback *loopback_free(struct loopback *c)
{
        if (!c || c->freed)
                return NULL;
        if (!c->ended)
                (void)!flush(c, NULL);
        c->freed = true;
        uv_poll_stop(&c->poll);
        close(c->fd);
        c->fd = -1;
        if (!c->busy)
                release(c);
        return NULL;
}

int loopback_write(struct loopback *c, struct bytes data, struct err *e)
{
        int r;

        if (c->freed || c->ended)
                return err_set(e, ERR_STATE, "the connection is not open");
        r = buf_append(&c->output, data, e);
        if (r >= 0)
                r = flush(c, e);
        if (!c->busy)
                watch(c);
        return r;
}
