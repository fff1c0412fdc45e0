/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER_BACKLOG 16

struct listener {
        int fd;
        uv_poll_t *poll;
        struct listener_events events;
        void *owner;
};

static void listener_on_readable(uv_poll_t *poll, int status, int events)
{
        struct listener *n = poll->data;
        struct ucred peer;
        socklen_t size = sizeof peer;

        (void)events;
        int fd = status < 0 ? -1 : accept4(n->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                (peer.uid == 0 || peer.uid == geteuid())) {
                n->events.on_connection(n->owner, fd, peer.uid);
                return;
        }
        close(fd);
        if (n->events.on_refused)
                n->events.on_refused(n->owner, peer.uid);
}

static int listener_bind(const char *path, struct err *e)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof address.sun_path)
                return err_set(e, ERR_INVALID,
                        "%s is too long for a socket (at most %zu characters): choose a shorter "
                        "state directory",
                        path, sizeof address.sun_path - 1);
        memcpy(address.sun_path, path, strlen(path));
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_os(e, ERR_IO, errno, "socket");
        unlink(path);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 ||
                listen(fd, LISTENER_BACKLOG) < 0) {
                int r = err_os(e, ERR_IO, errno, "cannot listen on %s", path);
                close(fd);
                return r;
        }
        return fd;
}

int listener_open(struct loop *l, const char *path, const struct listener_events *events,
        void *owner, struct listener **ret, struct err *e)
{
        int fd = listener_bind(path, e);
        if (fd < 0)
                return fd;
        struct listener *n = xcalloc(1, sizeof *n);
        *n = (struct listener){ .fd = fd, .events = *events, .owner = owner };
        n->poll = xcalloc(1, sizeof *n->poll);
        n->poll->data = n;
        if (uv_poll_init(loop_uv(l), n->poll, fd) < 0 ||
                uv_poll_start(n->poll, UV_READABLE, listener_on_readable) < 0)
                abort(); /* a listening socket can always be polled */
        *ret = n;
        return 0;
}

static void listener_on_closed(uv_handle_t *h)
{
        free(h);
}

struct listener *listener_free(struct listener *n)
{
        if (!n)
                return NULL;
        uv_close((uv_handle_t *)n->poll, listener_on_closed);
        close(n->fd);
        free(n);
        return NULL;
}
