/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/datagram_pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/random.h"

#define DATAGRAM_PAIR_TRIES 64 /* of what the kernel gives */

/* Of both families where the machine has IPv6, else of IPv4. */
static int datagram_pair_socket(int *ret_family)
{
        int zero = 0;
        int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) == 0) {
                *ret_family = AF_INET6;
                return fd;
        }
        own_closep(&fd);
        *ret_family = AF_INET;
        return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* A socket on that port, 0 for any; negative errno. */
static int datagram_pair_bind(uint16_t port, uint16_t *ret_port)
{
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_storage bound;
        socklen_t n = sizeof bound;
        int family;
        int fd = datagram_pair_socket(&family);

        if (fd < 0)
                return -errno;
        int r = family == AF_INET6 ? bind(fd, (struct sockaddr *)&v6, sizeof v6)
                                   : bind(fd, (struct sockaddr *)&v4, sizeof v4);
        if (r == 0)
                r = getsockname(fd, (struct sockaddr *)&bound, &n);
        if (r < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        if (family == AF_INET6)
                memcpy(&v6, &bound, sizeof v6);
        else
                memcpy(&v4, &bound, sizeof v4);
        *ret_port = ntohs(family == AF_INET6 ? v6.sin6_port : v4.sin_port);
        return fd;
}

/* The port and the one beside it that makes a pair. */
static int datagram_pair_try(uint16_t port, int fds[static 2], uint16_t *ret_port)
{
        uint16_t got, other;
        int a = datagram_pair_bind(port, &got);

        if (a < 0)
                return a;
        int b = datagram_pair_bind(got ^ 1, &other);
        if (b < 0) {
                close(a);
                return b;
        }
        fds[got & 1] = a;
        fds[other & 1] = b;
        *ret_port = (uint16_t)(got & ~1u);
        return 0;
}

static int datagram_pair_find(uint16_t first, uint16_t last, int fds[static 2], uint16_t *ret_port)
{
        unsigned even = first + (first & 1u), pairs = last > even ? (last - even + 1u) / 2 : 0;
        int r = -EADDRINUSE;

        if (first == 0) {
                for (unsigned i = 0; r < 0 && i < DATAGRAM_PAIR_TRIES; i++)
                        r = datagram_pair_try(0, fds, ret_port);
                return r;
        }
        /* From a place of its own each time: ports that were just given back may still be sent to.
         */
        unsigned start = pairs ? (unsigned)(random_u64() % pairs) : 0;
        for (unsigned i = 0; r < 0 && i < pairs; i++)
                r = datagram_pair_try((uint16_t)(even + 2 * ((start + i) % pairs)), fds, ret_port);
        return r;
}

/*
 * Linux shuts an unconnected UDP socket's sending half down although it answers ENOTCONN
 * (inet_shutdown); from then on sendmsg is EPIPE. That is not written in any manual, so each socket
 * is tried: a datagram to itself that would go out shows that it does not hold here.
 */
static int datagram_pair_mute(int fd, struct err *e)
{
        struct sockaddr_storage self;
        socklen_t n = sizeof self;
        int bytes = DATAGRAM_PAIR_BUFFER_BYTES;

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        if (shutdown(fd, SHUT_WR) < 0 && errno != ENOTCONN)
                return err_os(e, ERR_INTERNAL, errno, "shut a UDP socket's sending down");
        if (getsockname(fd, (struct sockaddr *)&self, &n) < 0)
                return err_os(e, ERR_INTERNAL, errno, "ask for a UDP socket's port");
        if (sendto(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&self, n) >= 0 ||
                errno != EPIPE)
                return err_set(e, ERR_INTERNAL,
                        "this kernel lets a UDP socket send after its shutdown: none is handed out");
        return 0;
}

int datagram_pair_open(
        uint16_t first, uint16_t last, int ret_fds[static 2], uint16_t *ret_port, struct err *e)
{
        uint16_t port = 0;
        int fds[2];

        int r = datagram_pair_find(first, last, fds, &port);
        if (r == -EADDRINUSE && first)
                return err_fault(e, ERR_EXHAUSTED, FAULT_NO_UDP_PORTS,
                        "no two adjacent UDP ports are free from %u to %u. Widen udp_port_first "
                        "to udp_port_last in the settings",
                        first, last);
        if (r < 0)
                return err_fault(e, ERR_EXHAUSTED, FAULT_NO_UDP_PORTS,
                        "no two adjacent UDP ports can be had: %s", strerror(-r));
        r = datagram_pair_mute(fds[0], e);
        if (r == 0)
                r = datagram_pair_mute(fds[1], e);
        if (r < 0) {
                close(fds[0]);
                close(fds[1]);
                return r;
        }
        ret_fds[0] = fds[0];
        ret_fds[1] = fds[1];
        *ret_port = port;
        return 0;
}
