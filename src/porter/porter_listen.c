/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "os/file.h"
#include "porter/porter_parts.h"

#define PORTER_LISTEN_SOCKETS 3
#define PORTER_LISTEN_BACKLOG 64
#define PORTER_LISTEN_AGAIN_MS 5000 /* where the port is taken */
#define PORTER_LISTEN_PAUSE_MS 1000 /* without descriptors */
#define PORTER_LISTEN_ROUND 16

struct porter_listen {
        struct porter *porter;
        struct porter_socket {
                struct porter_listen *owner;
                int fd;
                uv_poll_t *poll;
        } sockets[PORTER_LISTEN_SOCKETS];
        unsigned sockets_n;
        uint16_t port; /* in force; 0 while there is none */
        bool network;
        struct timer again, pause;
};

/* An address to listen at; one that may be missing is left out where the machine does not have it.
 */
struct porter_place {
        const char *address;
        bool may_miss;
};

static void porter_listen_on_readable(uv_poll_t *poll, int status, int events);

/* --- taking connections --- */

static void porter_listen_address(
        const struct sockaddr_storage *a, uint8_t ret[static NETWORK_ADDRESS_BYTES])
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

        if (a->ss_family == AF_INET6) {
                memcpy(ret, &((const struct sockaddr_in6 *)a)->sin6_addr, NETWORK_ADDRESS_BYTES);
        } else {
                memcpy(ret, mapped, sizeof mapped);
                memcpy(ret + sizeof mapped, &((const struct sockaddr_in *)a)->sin_addr, 4);
        }
}

/* A host has a whole /64 of IPv6. */
static bool porter_listen_same(const uint8_t *a, const uint8_t *b)
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        bool v4 = memcmp(a, mapped, sizeof mapped) == 0;

        return memcmp(a, b, v4 ? NETWORK_ADDRESS_BYTES : NETWORK_ADDRESS_BYTES / 2) == 0;
}

static int porter_listen_admit(const struct porter *p, const uint8_t *from, struct err *e)
{
        unsigned of_one = 0;

        for (const struct porter_conn *l = p->links; l; l = l->next)
                of_one += l->accepted && !l->open && porter_listen_same(l->from, from);
        if (p->links_n >= PORTER_LINKS_MAX)
                return err_fault(e, ERR_EXHAUSTED, FAULT_NO_CONNECTION,
                        "there are %u connections already", p->links_n);
        if (p->unfinished_n >= PORTER_UNFINISHED_MAX)
                return err_fault(e, ERR_EXHAUSTED, FAULT_NO_CONNECTION,
                        "%u connections are unfinished already", p->unfinished_n);
        if (of_one >= PORTER_UNFINISHED_OF_ONE)
                return err_fault(e, ERR_EXHAUSTED, FAULT_NO_CONNECTION,
                        "%u connections of this address are unfinished already", of_one);
        return 0;
}

static void porter_listen_take(struct porter *p, int fd, const struct sockaddr_storage *a)
{
        uint8_t from[NETWORK_ADDRESS_BYTES];
        char address[INET6_ADDRSTRLEN] = "";
        struct err e;

        porter_listen_address(a, from);
        int r = porter_listen_admit(p, from, &e);
        if (r < 0)
                close(fd);
        else
                r = porter_conn_accept(p, fd, from, &e);
        if (r >= 0)
                return;
        if (a->ss_family == AF_INET6)
                inet_ntop(AF_INET6, from, address, sizeof address);
        else
                inet_ntop(AF_INET, from + 12, address, sizeof address);
        porter_status_refused(p, address, &e);
}

static void porter_listen_watch(struct porter_listen *n, bool on)
{
        for (unsigned i = 0; i < n->sockets_n; i++) {
                if (on)
                        (void)uv_poll_start(
                                n->sockets[i].poll, UV_READABLE, porter_listen_on_readable);
                else
                        (void)uv_poll_stop(n->sockets[i].poll);
        }
}

static void porter_listen_on_pause(void *owner)
{
        struct porter_listen *n = owner;

        timer_done(&n->pause);
        porter_listen_watch(n, true);
}

static void porter_listen_on_readable(uv_poll_t *poll, int status, int events)
{
        struct porter_socket *s = poll->data;
        struct porter_listen *n = s->owner;

        (void)events;
        for (int i = 0; status == 0 && i < PORTER_LISTEN_ROUND; i++) {
                struct sockaddr_storage from = { 0 };
                socklen_t size = sizeof from;
                int fd = accept4(
                        s->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd >= 0) {
                        porter_listen_take(n->porter, fd, &from);
                        continue;
                }
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                        log_warn(NULL, "listen.paused", "err=\"%s\"", strerror(errno));
                        porter_listen_watch(n, false);
                        timer_start(&n->pause, n->porter->loop, PORTER_LISTEN_PAUSE_MS, 0,
                                porter_listen_on_pause, n);
                }
                return;
        }
}

/* --- sockets --- */

static void porter_listen_on_closed(uv_handle_t *h)
{
        free(h);
}

static void porter_listen_close(struct porter_listen *n)
{
        for (unsigned i = 0; i < n->sockets_n; i++) {
                uv_close((uv_handle_t *)n->sockets[i].poll, porter_listen_on_closed);
                close(n->sockets[i].fd);
        }
        n->sockets_n = 0;
        timer_done(&n->pause);
}

static int porter_listen_sockaddr(
        const char *text, uint16_t port, struct sockaddr_storage *ret, socklen_t *ret_n)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

        memset(ret, 0, sizeof *ret);
        if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                *ret_n = sizeof *v4;
        } else {
                if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
                        return -1;
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(port);
                *ret_n = sizeof *v6;
        }
        return 0;
}

static int porter_listen_bind(const char *address, uint16_t *port, struct err *e)
{
        struct sockaddr_storage a;
        socklen_t n = 0;
        const int on = 1;

        if (porter_listen_sockaddr(address, *port, &a, &n) < 0)
                return err_set(e, ERR_INVALID, "link_address = %s is no address", address);
        CLEANUP(own_closep)
        int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a.ss_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, PORTER_LISTEN_BACKLOG) < 0)
                return err_os(
                        e, ERR_UNAVAILABLE, errno, "cannot listen on %s port %u", address, *port);
        if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "getsockname");
        *port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                              : ((struct sockaddr_in *)&a)->sin_port);
        int given = fd;
        fd = -1;
        return given;
}

static void porter_listen_add(struct porter_listen *n, int fd)
{
        struct porter_socket *s = &n->sockets[n->sockets_n++];

        *s = (struct porter_socket){ n, fd, xcalloc(1, sizeof *s->poll) };
        s->poll->data = s;
        if (uv_poll_init(loop_uv(n->porter->loop), s->poll, fd) < 0 ||
                uv_poll_start(s->poll, UV_READABLE, porter_listen_on_readable) < 0)
                abort(); /* a listening socket can always be polled */
}

static unsigned porter_listen_places(
        const struct porter_listen *n, bool network, struct porter_place to[PORTER_LISTEN_SOCKETS])
{
        const char *address = settings_text(&n->porter->settings, SETTINGS_LINK_ADDRESS);
        unsigned count = 0;

        if (network && !address[0]) {
                to[count++] = (struct porter_place){ "0.0.0.0", false };
                to[count++] = (struct porter_place){ "::", true };
                return count;
        }
        to[count++] = (struct porter_place){ "127.0.0.1", false };
        to[count++] = (struct porter_place){ "::1", true };
        if (network && strcmp(address, "127.0.0.1") != 0 && strcmp(address, "::1") != 0)
                to[count++] = (struct porter_place){ address, false };
        return count;
}

/* All of them, at one port, or none. */
static int porter_listen_open(struct porter_listen *n, bool network, uint16_t port, struct err *e)
{
        struct porter_place places[PORTER_LISTEN_SOCKETS];
        unsigned places_n = porter_listen_places(n, network, places);

        porter_listen_close(n);
        for (unsigned i = 0; i < places_n; i++) {
                int fd = porter_listen_bind(places[i].address, &port, e);
                if (fd >= 0) {
                        porter_listen_add(n, fd);
                } else if (!places[i].may_miss) {
                        porter_listen_close(n);
                        return fd;
                }
        }
        n->port = port;
        n->network = network;
        return 0;
}

/* --- the port in force --- */

static uint16_t porter_listen_last_port(const struct porter *p)
{
        char text[8] = "";
        uint64_t number = 0;
        ssize_t n = pread(p->port_fd, text, sizeof text - 1, 0);

        text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
        return str_uint(text, 1, 65535, &number, NULL) == 0 ? (uint16_t)number : 0;
}

/* A few bytes of a file that is open: no name changes, so whoever holds it open goes on reading
 * it. */
static int porter_listen_say_port(const struct porter_listen *n, struct err *e)
{
        char text[8];
        int length = snprintf(text, sizeof text, "%u\n", n->port);

        int r = file_write_at(n->porter->port_fd, "port", BYTES(text, (size_t)length), 0, e);
        return r < 0 ? r : file_set_length(n->porter->port_fd, "port", (uint64_t)length, e);
}

static void porter_listen_begin(void *owner)
{
        struct porter_listen *n = owner;
        struct porter *p = n->porter;
        uint16_t wanted = (uint16_t)settings_get(&p->settings, p->kind->port);
        uint16_t last = wanted ? wanted : porter_listen_last_port(p);
        struct err e = { 0 };

        timer_done(&n->again);
        /* Any free port: the last one, where it is free, so that peers find it again. */
        int r = porter_listen_open(n, n->network, last, &e);
        if (r < 0 && !wanted && last)
                r = porter_listen_open(n, n->network, 0, &e);
        if (r == 0)
                r = porter_listen_say_port(n, &e);
        if (r < 0) {
                log_error(NULL, "listen.failed", "err=\"%s\"", e.text);
                timer_start(&n->again, p->loop, PORTER_LISTEN_AGAIN_MS, 0, porter_listen_begin, n);
                return;
        }
        log_info(NULL, "listen.open", "port=%u network=%d", n->port, n->network);
}

struct porter_listen *porter_listen_new(struct porter *p)
{
        struct porter_listen *n = xcalloc(1, sizeof *n);

        n->porter = p;
        porter_listen_begin(n);
        return n;
}

struct porter_listen *porter_listen_free(struct porter_listen *n)
{
        if (!n)
                return NULL;
        porter_listen_close(n);
        timer_done(&n->again);
        free(n);
        return NULL;
}

int porter_listen_network(struct porter_listen *n, bool network, uint16_t *ret_port, struct err *e)
{
        bool before = n->network;
        int r = 0;

        if (n->again.handle) { /* nowhere yet: there then */
                n->network = network;
                return err_set(e, ERR_UNAVAILABLE, "the port is taken; it is tried again");
        }
        if (network != before)
                r = porter_listen_open(n, network, n->port, e);
        if (r < 0) {
                if (porter_listen_open(n, before, n->port, NULL) < 0)
                        timer_start(&n->again, n->porter->loop, PORTER_LISTEN_AGAIN_MS, 0,
                                porter_listen_begin, n);
                return r;
        }
        *ret_port = n->port;
        return 0;
}
