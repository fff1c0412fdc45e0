/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/probe_connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tcp_dial.h"
#include "os/clock.h"

#define PORT_TRIES 32

static void address_text(const struct addrinfo *a, char *to, size_t room)
{
        if (getnameinfo(a->ai_addr, a->ai_addrlen, to, (socklen_t)room, NULL, 0, NI_NUMERICHOST))
                snprintf(to, room, "an address of family %d", a->ai_family);
}

static int connect_any(const struct addrinfo *all, uint16_t port, probe_on_step on_step,
        void *owner, struct err *e)
{
        char text[NI_MAXHOST], step[NI_MAXHOST + 64];
        int fd = ERR_UNAVAILABLE;

        for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
                int64_t from_us = clock_boot_us();

                address_text(a, text, sizeof text);
                fd = tcp_dial_address(
                        a->ai_addr, a->ai_addrlen, from_us + PROBE_CONNECT_MS * INT64_C(1000));
                if (fd < 0)
                        fd = tcp_dial_fault(-fd, text, port, e);
                if (fd >= 0)
                        snprintf(step, sizeof step, "%s port %u in %lld ms", text, port,
                                (long long)(clock_boot_us() - from_us) / 1000);
                else
                        snprintf(step, sizeof step, "%s port %u: no", text, port);
                on_step(owner, "connect", step);
        }
        return fd;
}

int probe_connect(
        const char *host, uint16_t port, probe_on_step on_step, void *owner, struct err *e)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
        char service[8], step[PROBE_TEXT_ROOM], text[NI_MAXHOST];
        size_t n;

        snprintf(service, sizeof service, "%u", port);
        int r = getaddrinfo(host, service, &hints, &all);
        if (r != 0)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_NAME_NOT_FOUND,
                        "the name %s has no address: %s", host,
                        r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        n = (size_t)snprintf(step, sizeof step, "%s is", host);
        for (const struct addrinfo *a = all; a && n < sizeof step; a = a->ai_next) {
                address_text(a, text, sizeof text);
                n += (size_t)snprintf(step + n, sizeof step - n, " %s", text);
        }
        on_step(owner, "name", step);
        r = connect_any(all, port, on_step, owner, e);
        freeaddrinfo(all);
        return r;
}

static int bind_port(int family, uint16_t port, uint16_t *ret_port)
{
        struct sockaddr_storage at = { .ss_family = (sa_family_t)family };
        struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
        socklen_t n = sizeof at;
        int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (family == AF_INET6)
                v6->sin6_port = htons(port);
        else
                v4->sin_port = htons(port);
        if (fd >= 0 &&
                bind(fd, (struct sockaddr *)&at, family == AF_INET6 ? sizeof *v6 : sizeof *v4) ==
                        0 &&
                getsockname(fd, (struct sockaddr *)&at, &n) == 0) {
                *ret_port = ntohs(family == AF_INET6 ? v6->sin6_port : v4->sin_port);
                return fd;
        }
        if (fd >= 0)
                close(fd);
        return -1;
}

int probe_connect_datagrams(int like, int ret_fds[static 2], uint16_t *ret_port, struct err *e)
{
        struct sockaddr_storage peer = { 0 };
        socklen_t n = sizeof peer;
        uint16_t port, next;

        if (getpeername(like, (struct sockaddr *)&peer, &n) < 0)
                return err_os(e, ERR_IO, errno, "the connection's address");
        for (unsigned i = 0; i < PORT_TRIES; i++) {
                int first = bind_port(peer.ss_family, 0, &port), second = -1;

                if (first >= 0 && port % 2 == 0)
                        second = bind_port(peer.ss_family, (uint16_t)(port + 1), &next);
                if (second >= 0) {
                        ret_fds[0] = first;
                        ret_fds[1] = second;
                        *ret_port = port;
                        return 0;
                }
                if (first >= 0)
                        close(first);
        }
        return err_set(e, ERR_UNAVAILABLE, "no pair of UDP ports is free");
}
