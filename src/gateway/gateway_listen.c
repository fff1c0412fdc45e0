/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/gateway_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "os/file.h"

#define GATEWAY_LISTEN_BACKLOG 512
#define GATEWAY_LISTEN_PORT_ROOM 8

static int listen_bind(const struct sockaddr *a, socklen_t n, int *ret_fd, struct err *e)
{
        CLEANUP(own_closep)
        int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1, off = 0;

        if (fd < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "cannot make a socket");
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->sa_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (bind(fd, a, n) < 0 || listen(fd, GATEWAY_LISTEN_BACKLOG) < 0)
                return err_os(e, errno == EADDRINUSE ? ERR_STATE : ERR_UNAVAILABLE, errno,
                        "cannot listen for https");
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static int listen_at(const char *address, uint16_t port, int *ret_fd, struct err *e)
{
        struct sockaddr_in6 six = {
                .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any
        };
        struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };

        if (address[0] == '\0') {
                int r = listen_bind((const struct sockaddr *)&six, sizeof six, ret_fd, e);
                if (r == 0 || r == ERR_STATE)
                        return r; /* else a host without IPv6 */
        } else if (inet_pton(AF_INET6, address, &six.sin6_addr) == 1) {
                return listen_bind((const struct sockaddr *)&six, sizeof six, ret_fd, e);
        } else if (inet_pton(AF_INET, address, &four.sin_addr) != 1) {
                return err_set(e, ERR_INVALID, "https_address is no address: %s", address);
        }
        return listen_bind((const struct sockaddr *)&four, sizeof four, ret_fd, e);
}

static uint16_t listen_last(const char *path)
{
        uint64_t port = 0;
        struct buf text;

        buf_init(&text, GATEWAY_LISTEN_PORT_ROOM);
        if (file_read(path, GATEWAY_LISTEN_PORT_ROOM - 1, &text, NULL) >= 0 &&
                buf_append(&text, BYTES("", 1), NULL) == 0) {
                char *line = (char *)text.p;
                line[strcspn(line, "\n")] = '\0';
                if (str_uint(line, 1, 65535, &port, NULL) < 0)
                        port = 0;
        }
        buf_done(&text);
        return (uint16_t)port;
}

static int listen_write(int fd, const char *path, uint16_t *ret_port, struct err *e)
{
        struct sockaddr_storage a;
        socklen_t n = sizeof a;
        char text[GATEWAY_LISTEN_PORT_ROOM];

        if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
                return err_os(e, ERR_INTERNAL, errno, "the port's number");
        uint16_t port = ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                                      : ((struct sockaddr_in *)&a)->sin_port);
        int length = snprintf(text, sizeof text, "%u\n", port);
        int r = file_write_atomic(path, BYTES(text, (size_t)length), 0644, e);
        if (r == 0)
                *ret_port = port;
        return r;
}

int gateway_listen(const char *address, uint16_t port, const char *last_path, int *ret_fd,
        uint16_t *ret_port, struct err *e)
{
        CLEANUP(own_closep) int fd = -1;
        uint16_t last = port ? port : listen_last(last_path);

        int r = listen_at(address, last, &fd, e);
        if (r < 0 && port == 0 && last)
                r = listen_at(address, 0, &fd, e);
        if (r == ERR_STATE)
                return err_wrap(e, r,
                        "port %u: another program has it, or another Custos; choose one with "
                        "https_port",
                        port);
        if (r == 0)
                r = listen_write(fd, last_path, ret_port, e);
        if (r < 0)
                return r;
        *ret_fd = fd;
        fd = -1;
        return 0;
}
