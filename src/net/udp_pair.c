/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/udp_pair.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/own.h"

#define TRIES 64
#define SEND_BYTES (1 << 20)

static socklen_t with_port(struct sockaddr_storage *a, uint16_t port)
{
        if (a->ss_family == AF_INET6) {
                ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons(port);
                return sizeof(struct sockaddr_in6);
        }
        ((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
        return sizeof(struct sockaddr_in);
}

/* A socket on that port (0: any); *ret_port is the one it got. */
static int bind_one(
        const struct sockaddr_storage *address, uint16_t port, uint16_t *ret_port, struct err *e)
{
        CLEANUP(own_closep)
        int fd = socket(address->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct sockaddr_storage a = *address, bound = { 0 };
        socklen_t n = with_port(&a, port), bound_n = sizeof bound;
        const int room = SEND_BYTES;
        int taken;

        if (fd < 0 || bind(fd, (const struct sockaddr *)&a, n) < 0 ||
                getsockname(fd, (struct sockaddr *)&bound, &bound_n) < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "a UDP socket");
        (void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        *ret_port = ntohs(bound.ss_family == AF_INET6
                                  ? ((const struct sockaddr_in6 *)(const void *)&bound)->sin6_port
                                  : ((const struct sockaddr_in *)(const void *)&bound)->sin_port);
        taken = fd;
        fd = -1;
        return taken;
}

int udp_pair_open(struct udp_pair *p, const struct sockaddr_storage *address, struct err *e)
{
        for (int i = 0; i < TRIES; i++) {
                CLEANUP(own_closep) int first = -1;
                uint16_t port, next;
                int second;

                first = bind_one(address, 0, &port, e);
                if (first < 0)
                        return first;
                if (port % 2)
                        continue;
                second = bind_one(address, (uint16_t)(port + 1), &next, e);
                if (second < 0)
                        continue;
                *p = (struct udp_pair){ .fds = { first, second }, .port = port };
                first = -1;
                return 0;
        }
        return err_set(e, ERR_UNAVAILABLE, "no pair of adjacent UDP ports is free");
}

void udp_pair_close(struct udp_pair *p)
{
        own_closep(&p->fds[0]);
        own_closep(&p->fds[1]);
}

void udp_pair_send(const struct udp_pair *p, bool rtcp, const struct sockaddr_storage *to,
        uint16_t port, struct bytes packet)
{
        struct sockaddr_storage a = *to;
        const socklen_t n = with_port(&a, port);

        (void)!sendto(p->fds[rtcp], packet.p, packet.n, MSG_DONTWAIT | MSG_NOSIGNAL,
                (const struct sockaddr *)&a, n);
}
