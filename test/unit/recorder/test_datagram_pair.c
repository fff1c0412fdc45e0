/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pairs of UDP sockets on loopback: even and odd, in their range, able to receive and to do nothing
 * else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recorder/datagram_pair.h"

static void open_pair(uint16_t first, uint16_t last, int fds[static 2], uint16_t *port)
{
        struct err e;

        if (datagram_pair_open(first, last, fds, port, &e) < 0)
                fail_msg("%s", e.text);
}

static void close_pair(const int fds[static 2])
{
        close(fds[0]);
        close(fds[1]);
}

static struct sockaddr_in at(uint16_t port)
{
        return (struct sockaddr_in){ .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* What is sent to the port from elsewhere arrives on this socket. */
static void arrives(int fd, uint16_t port)
{
        struct sockaddr_in to = at(port);
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char got[8] = "";
        int sender = socket(AF_INET, SOCK_DGRAM, 0);

        assert_int_equal(sendto(sender, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
        assert_int_equal(poll(&p, 1, 2000), 1);
        assert_int_equal(recv(fd, got, sizeof got, 0), 5);
        assert_memory_equal(got, "hello", 5);
        close(sender);
}

static void test_even_and_odd(void **state)
{
        uint16_t port = 0;
        int fds[2];

        (void)state;
        for (int i = 0; i < 20; i++) {
                open_pair(0, 65535, fds, &port);
                assert_true(port > 1023 && port % 2 == 0);
                arrives(fds[0], port);
                arrives(fds[1], (uint16_t)(port + 1));
                close_pair(fds);
        }
}

static void cannot_send(int fd)
{
        int reader = socket(AF_INET, SOCK_DGRAM, 0);
        struct sockaddr_in v4 = at(0);
        struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
        socklen_t n = sizeof v4;
        struct iovec iov = { (char[]){ "x" }, 1 };
        char got;

        assert_int_equal(bind(reader, (struct sockaddr *)&v4, n), 0);
        assert_int_equal(getsockname(reader, (struct sockaddr *)&v4, &n), 0);
        inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
        mapped.sin6_port = v4.sin_port;
        struct msghdr m = {
                .msg_name = &mapped, .msg_namelen = sizeof mapped, .msg_iov = &iov, .msg_iovlen = 1
        };
        assert_int_equal(
                sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&mapped, sizeof mapped), -1);
        assert_int_equal(errno, EPIPE);
        assert_int_equal(sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&v4, sizeof v4), -1);
        assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), -1);
        assert_int_equal(errno, EPIPE);
        assert_int_equal(write(fd, "x", 1), -1);
        /* The reader gets nothing, and would have: a socket that was not shut down reaches it. */
        assert_int_equal(recv(reader, &got, 1, MSG_DONTWAIT), -1);
        int other = socket(AF_INET6, SOCK_DGRAM, 0);
        assert_int_equal(sendto(other, "x", 1, 0, (struct sockaddr *)&mapped, sizeof mapped), 1);
        struct pollfd p = { .fd = reader, .events = POLLIN };
        assert_int_equal(poll(&p, 1, 2000), 1);
        close(other);
        close(reader);
}

static void test_they_can_only_receive(void **state)
{
        uint16_t port;
        int fds[2];

        (void)state;
        open_pair(0, 65535, fds, &port);
        cannot_send(fds[0]);
        cannot_send(fds[1]);
        arrives(fds[0], port);
        int copy = dup(fds[0]); /* nor does a copy, as another process has it */
        cannot_send(copy);
        close(copy);
        close_pair(fds);
}

static void test_a_range(void **state)
{
        int fds[4][2], one[2];
        uint16_t first, port;
        struct err e;

        (void)state;
        open_pair(
                0, 65535, one, &first); /* a place that is free, most likely with its neighbours */
        close_pair(one);
        unsigned n = 0;
        for (; n < 4; n++) {
                if (datagram_pair_open(
                            (uint16_t)(first - 1), (uint16_t)(first + 4), fds[n], &port, &e) < 0)
                        break;
                assert_in_range(port, first, first + 2);
                assert_int_equal(port % 2, 0);
        }
        assert_in_range(n, 1, 2); /* two pairs lie in there, whole */
        assert_int_equal(e.code, ERR_EXHAUSTED);
        assert_int_equal(e.fault, FAULT_NO_UDP_PORTS);
        while (n)
                close_pair(fds[--n]);
        /* No pair fits. */
        assert_int_equal(
                datagram_pair_open((uint16_t)(first + 1), (uint16_t)(first + 2), one, &port, &e),
                ERR_EXHAUSTED);
        assert_int_equal(datagram_pair_open(5000, 4000, one, &port, &e), ERR_EXHAUSTED);
        assert_int_equal(datagram_pair_open(65534, 65534, one, &port, &e), ERR_EXHAUSTED);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_even_and_odd),
                cmocka_unit_test(test_they_can_only_receive), cmocka_unit_test(test_a_range) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
