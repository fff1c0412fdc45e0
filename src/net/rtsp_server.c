/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/loopback.h"
#include "net/udp_pair.h"

#define BACKLOG 512
#define ACCEPTS_PER_TURN 64
/* After accept() found no descriptor or memory; trying at once would only spin. */
#define REST_MS 200

struct rtsp_server {
        struct stream_shared *shared;
        struct rtsp_server_options o;
        int fd;                    /* -1: not listening */
        struct udp_pair datagrams; /* owned; fds -1: none */
        uv_poll_t *poll;
        struct timer rest;
        struct rtsp_peer **peers;
        unsigned peers_n;
        uint64_t refused;
};

struct rtsp_server *rtsp_server_new(struct stream_shared *sh, const struct rtsp_server_options *o)
{
        struct rtsp_server *s = xcalloc(1, sizeof *s);

        s->shared = sh;
        s->o = *o;
        s->o.connections_max = o->connections_max ? o->connections_max : RTSP_SERVER_CONNECTIONS;
        s->fd = -1;
        s->datagrams = (struct udp_pair){ .fds = { -1, -1 } };
        s->peers = xcalloc(s->o.connections_max, sizeof(struct rtsp_peer *));
        return s;
}

static void on_closed(uv_handle_t *h)
{
        free(h);
}

struct rtsp_server *rtsp_server_free(struct rtsp_server *s)
{
        if (!s)
                return NULL;
        timer_done(&s->rest);
        if (s->poll) {
                uv_poll_stop(s->poll);
                uv_close((uv_handle_t *)s->poll, on_closed);
        }
        own_closep(&s->fd);
        for (unsigned i = 0; i < s->peers_n; i++)
                rtsp_peer_free(s->peers[i]);
        udp_pair_close(&s->datagrams);
        free(s->peers);
        free(s);
        return NULL;
}

static void on_gone(void *server, struct rtsp_peer *p)
{
        struct rtsp_server *s = server;

        for (unsigned i = 0; i < s->peers_n; i++)
                if (s->peers[i] == p) {
                        s->peers[i] = s->peers[--s->peers_n];
                        break;
                }
        rtsp_peer_free(p);
}

/* p, a GET or POST that has just named its cookie, meets its other half or waits for it. */
static int on_half(void *server, struct rtsp_peer *p, unsigned *ret_status, struct err *e)
{
        struct rtsp_server *s = server;
        const bool is_post = rtsp_peer_half(p) == RTSP_PEER_POST;
        struct rtsp_peer *other = NULL;
        unsigned waiting = 0;

        for (unsigned i = 0; i < s->peers_n; i++) {
                struct rtsp_peer *at = s->peers[i];
                const enum rtsp_peer_half half = rtsp_peer_half(at);

                waiting += half == RTSP_PEER_GET || half == RTSP_PEER_POST;
                if (at == p || !rtsp_peer_belongs(at, p))
                        continue;
                if ((half == RTSP_PEER_POST) == is_post) {
                        *ret_status = 409;
                        return err_set(e, ERR_DENIED, "tunnel: that cookie is in use");
                }
                other = at;
        }
        if (other) {
                rtsp_peer_join(is_post ? other : p, is_post ? p : other);
                on_gone(s, is_post ? p : other);
                return 0;
        }
        if (waiting > RTSP_SERVER_HALVES_MAX) {
                *ret_status = 503;
                return err_set(
                        e, ERR_EXHAUSTED, "tunnel: %u halves wait already", RTSP_SERVER_HALVES_MAX);
        }
        return 0;
}

static void take(struct rtsp_server *s, int fd)
{
        const struct rtsp_peer_options po = { .shared = s->shared,
                .tls = s->o.tls,
                .user = s->o.user,
                .password = s->o.password,
                .datagrams = s->datagrams.fds[0] >= 0 ? &s->datagrams : NULL,
                .secure_media = s->o.secure_media,
                .request_ms = s->o.request_ms,
                .idle_ms = s->o.idle_ms,
                .events = s->o.events,
                .owner = s->o.owner,
                .on_gone = on_gone,
                .on_half = on_half,
                .server = s };
        struct err e;

        if (s->peers_n >= s->o.connections_max) {
                close(fd);
                s->refused++;
        } else if (rtsp_peer_new(&po, fd, &s->peers[s->peers_n], &e) < 0) {
                s->refused++;
        } else {
                s->peers_n++;
        }
}

static void on_poll(uv_poll_t *h, int status, int events);

static void on_rested(void *owner)
{
        struct rtsp_server *s = owner;

        uv_poll_start(s->poll, UV_READABLE, on_poll);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
        struct rtsp_server *s = h->data;

        (void)status;
        (void)events;
        for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
                const int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0) {
                        take(s, fd);
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                           errno == ENOMEM) {
                        s->refused++;
                        uv_poll_stop(s->poll);
                        timer_start(
                                &s->rest, stream_shared_loop(s->shared), REST_MS, 0, on_rested, s);
                        return;
                } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                        return;
                } /* else that one connection is gone already: the next */
        }
}

/* "HOST:PORT" to a socket address. */
static int parse_address(
        const char *text, struct sockaddr_storage *ret, socklen_t *ret_n, struct err *e)
{
        const char *colon = strrchr(text, ':');
        struct sockaddr_storage a = { 0 };
        struct sockaddr_in *v4 = (void *)&a;
        struct sockaddr_in6 *v6 = (void *)&a;
        char host[INET6_ADDRSTRLEN + 2];
        const size_t n = colon ? (size_t)(colon - text) : 0;
        uint64_t port;

        if (!colon || n >= sizeof host || str_uint(colon + 1, 0, 65535, &port, NULL) < 0)
                return err_set(e, ERR_INVALID,
                        "the address must be ADDRESS:PORT, as in 127.0.0.1:8322 or [::1]:8322");
        memcpy(host, text, n);
        host[n] = 0;
        if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
                host[n - 1] = 0;
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons((uint16_t)port);
                if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
                        return err_set(e, ERR_INVALID, "the text in brackets is no IPv6 address");
                *ret_n = sizeof *v6;
        } else {
                v4->sin_family = AF_INET;
                v4->sin_port = htons((uint16_t)port);
                if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
                        return err_set(e, ERR_INVALID,
                                "not a numeric IPv4 address (IPv6 goes in brackets)");
                *ret_n = sizeof *v4;
        }
        *ret = a;
        return 0;
}

static int bind_to(
        int fd, const struct sockaddr_storage *a, socklen_t n, uint16_t *ret_port, struct err *e)
{
        struct sockaddr_storage bound = { 0 };
        socklen_t bound_n = sizeof bound;
        const int on = 1;

        (void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->ss_family == AF_INET6)
                (void)!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, (const struct sockaddr *)a, n) < 0 || listen(fd, BACKLOG) < 0 ||
                getsockname(fd, (struct sockaddr *)&bound, &bound_n) < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "listening");
        *ret_port =
                ntohs(a->ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
                                               : ((struct sockaddr_in *)(void *)&bound)->sin_port);
        return 0;
}

int rtsp_server_listen(
        struct rtsp_server *s, const char *address, uint16_t *ret_port, struct err *e)
{
        CLEANUP(own_closep) int fd = -1;
        struct sockaddr_storage a;
        socklen_t n = 0;
        uint16_t port = 0;
        int r = parse_address(address, &a, &n, e);

        if (r < 0)
                return r;
        if (s->fd >= 0)
                return err_set(e, ERR_STATE, "it listens already");
        if (!s->o.tls && !loopback_is(&a))
                return err_set(e, ERR_DENIED,
                        "without TLS only a loopback address is served: give a certificate and "
                        "key");
        if (s->o.datagrams && s->o.tls && !s->o.secure_media)
                return err_set(e, ERR_DENIED,
                        "beside TLS no media go out in the clear: without SRTP there are no "
                        "datagrams");
        fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "a socket for %s", address);
        r = bind_to(fd, &a, n, &port, e);
        if (r < 0)
                return err_wrap(e, r, "%s", address);
        r = s->o.datagrams ? udp_pair_open(&s->datagrams, &a, e) : 0;
        if (r < 0)
                return err_wrap(e, r, "%s", address);
        s->poll = xcalloc(1, sizeof *s->poll);
        if (uv_poll_init(loop_uv(stream_shared_loop(s->shared)), s->poll, fd) < 0) {
                free(TAKE(s->poll));
                return err_set(e, ERR_IO, "watching the listening socket");
        }
        s->poll->data = s;
        uv_poll_start(s->poll, UV_READABLE, on_poll);
        s->fd = fd;
        fd = -1;
        *ret_port = port;
        return 0;
}

unsigned rtsp_server_connections(const struct rtsp_server *s)
{
        return s->peers_n;
}

uint64_t rtsp_server_refused(const struct rtsp_server *s)
{
        return s->refused;
}
