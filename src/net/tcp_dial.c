/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tcp_dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "os/clock.h"

#define TCP_DIAL_EACH_US                                                                           \
        (INT64_C(5) * 1000000) /* of several addresses, so that one has its turn                   \
                                */

/* 0 or an errno. */
static int await_connected(int fd, int64_t until_us)
{
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        int error = 0;
        socklen_t n = sizeof error;

        for (;;) {
                int64_t left_us = until_us - clock_boot_us();
                int r = left_us > 0 ? poll(&p, 1, (int)(left_us / 1000) + 1) : 0;
                if (r == 0)
                        return ETIMEDOUT;
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
                        return errno;
                return error;
        }
}

int tcp_dial_address(const struct sockaddr *address, socklen_t n, int64_t until_us)
{
        int one = 1, error = 0;
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(fd, address, n) < 0)
                error = errno == EINPROGRESS ? await_connected(fd, until_us) : errno;
        if (!error)
                return fd;
        close(fd);
        return -error;
}

int tcp_dial_fault(int os_errno, const char *where, uint16_t port, struct err *e)
{
        if (os_errno == ECONNREFUSED)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_CONNECTION_REFUSED,
                        "nothing listens at %s port %u", where, port);
        if (os_errno == ETIMEDOUT)
                return err_fault(e, ERR_TIMEOUT, FAULT_CONNECTION_TIMEOUT,
                        "no answer from %s port %u", where, port);
        err_os(e, ERR_UNAVAILABLE, os_errno, "no TCP connection to %s port %u", where, port);
        if (e)
                e->fault = FAULT_NO_CONNECTION;
        return ERR_UNAVAILABLE;
}

int tcp_dial(const char *host, uint16_t port, int64_t until_us, struct err *e)
{
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
        char service[8], where[NI_MAXHOST];
        int fd = -1, code = ERR_UNAVAILABLE;

        snprintf(service, sizeof service, "%u", port);
        int r = getaddrinfo(host, service, &hints, &all);
        if (r != 0)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_NAME_NOT_FOUND,
                        "the name %s has no address: %s", host,
                        r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
                int64_t each_us = clock_boot_us() + TCP_DIAL_EACH_US;
                fd = tcp_dial_address(a->ai_addr, a->ai_addrlen,
                        a->ai_next && each_us < until_us ? each_us : until_us);
                if (fd >= 0)
                        continue;
                if (getnameinfo(a->ai_addr, a->ai_addrlen, where, sizeof where, NULL, 0,
                            NI_NUMERICHOST))
                        snprintf(where, sizeof where, "%s", host);
                code = tcp_dial_fault(-fd, where, port, e);
        }
        freeaddrinfo(all);
        return fd >= 0 ? fd : code;
}
