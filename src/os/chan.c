/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/clock.h"

#define CHAN_TYPE_BYTES 2
#define CHAN_MESSAGE_MAX (CHAN_TYPE_BYTES + CHAN_BODY_MAX)
/* At least a few of the largest messages; what net.core.wmem_max does not allow is waited for in
 * our queue. */
#define CHAN_SOCKET_BYTES (1 << 20)
#define CHAN_FLUSH_US 5000000
#define CHAN_WRITE_BLOCKING_US 5000000
/* Messages read at one readiness, so that a busy peer leaves room for others. */
#define CHAN_ROUND 64

/* A message that waits for room in the socket. */
struct chan_waiting {
        struct chan_waiting *next;
        uint16_t type;
        unsigned fds_n;
        int fds[CHAN_FDS_MAX];
        size_t body_n;
        uint8_t body[];
};

struct chan {
        uv_poll_t poll;
        struct loop *loop;
        int fd;
        const struct chan_events *events;
        void *owner;
        struct chan_waiting *head, **tail;
        size_t queued_bytes;
        bool held;
        int watched; /* what the poll handle is started with; 0: stopped */
        bool ended;  /* on_end was called or is due no more */
        bool freed;  /* the struct lives on until libuv has let go of it */
};

union chan_control {
        struct cmsghdr align;
        char room[CMSG_SPACE(CHAN_FDS_MAX * sizeof(int))];
};

/* --- one message on a socket --- */

static void chan_close_fds(int *fds, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                if (fds[i] >= 0)
                        close(fds[i]);
                fds[i] = -1;
        }
}

static int chan_fail_send(struct err *e)
{
        int n = errno;

        switch (n) {
        case EAGAIN:
        case ENOBUFS:
        case ENOMEM:
                return err_set(e, ERR_AGAIN, "the channel is full");
        case EPIPE:
        case ECONNRESET:
        case ENOTCONN:
        case ECONNREFUSED:
                return err_set(e, ERR_UNAVAILABLE, "the other end of the channel is gone");
        case ETOOMANYREFS:
                return err_os(e, ERR_EXHAUSTED, n, "send on a channel");
        default:
                return err_os(e, ERR_IO, n, "send on a channel");
        }
}

/* By sendmsg only where descriptors go along: workers and the sealer may not use that. */
static ssize_t chan_put_once(int fd, struct iovec *iov, int iov_n, const int *fds, unsigned fds_n)
{
        const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
        union chan_control control = { 0 };
        struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)iov_n };
        uint8_t whole[CHAN_MESSAGE_MAX];
        size_t n = 0;

        for (int i = 0; fds_n == 0 && i < iov_n; i++) {
                memcpy(whole + n, iov[i].iov_base, iov[i].iov_len);
                n += iov[i].iov_len;
        }
        if (fds_n == 0) {
                ssize_t sent = send(fd, whole, n, flags);
                explicit_bzero(whole, n); /* keys and passwords travel */
                return sent;
        }
        m.msg_control = control.room;
        m.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fds_n * sizeof(int));
        return sendmsg(fd, &m, flags);
}

static int chan_put(
        int fd, uint16_t type, struct bytes body, const int *fds, unsigned fds_n, struct err *e)
{
        uint8_t head[CHAN_TYPE_BYTES] = { (uint8_t)(type >> 8), (uint8_t)type };
        struct iovec iov[2] = { { head, sizeof head }, { (void *)(uintptr_t)body.p, body.n } };
        ssize_t n;

        do
                n = chan_put_once(fd, iov, body.n ? 2 : 1, fds, fds_n);
        while (n < 0 && errno == EINTR);
        return n < 0 ? chan_fail_send(e) : 0;
}

/* Every descriptor that came goes to m->fds, so that none is lost whatever else is wrong. */
static void chan_take_fds(struct msghdr *h, struct chan_message *m)
{
        for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n && m->fds_n < CHAN_FDS_MAX; i++)
                        memcpy(&m->fds[m->fds_n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        }
}

/* 1 and a message in room (CHAN_MESSAGE_MAX bytes), 0 at the peer's end, ERR_AGAIN when there is
 * none yet. */
static int chan_get(int fd, uint8_t *room, struct chan_message *m, struct err *e)
{
        union chan_control control = { 0 };
        struct iovec iov = { room, CHAN_MESSAGE_MAX };
        struct msghdr h = { .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = control.room,
                .msg_controllen = sizeof control.room };
        ssize_t n;

        *m = (struct chan_message){ .fds = { -1, -1, -1, -1 } };
        /* ECONNRESET says that the peer left something of ours unread; what it sent before is still
         * there. */
        do
                n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        while (n < 0 && (errno == EINTR || errno == ECONNRESET));
        if (n < 0 && errno == EAGAIN)
                return ERR_AGAIN;
        if (n < 0)
                return err_os(e, ERR_IO, errno, "receive on a channel");
        chan_take_fds(&h, m);
        if (n == 0 && m->fds_n == 0)
                return 0;
        if (n < CHAN_TYPE_BYTES || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
                chan_close_fds(m->fds, m->fds_n);
                return err_set(e, ERR_PROTOCOL, "malformed message on a channel (%zd bytes%s%s)", n,
                        h.msg_flags & MSG_TRUNC ? ", too long" : "",
                        h.msg_flags & MSG_CTRUNC ? ", too many descriptors" : "");
        }
        m->type = (uint16_t)(room[0] << 8 | room[1]);
        m->body = BYTES(room + CHAN_TYPE_BYTES, (size_t)n - CHAN_TYPE_BYTES);
        return 1;
}

_Static_assert(CHAN_FDS_MAX == 4, "the initialisers of fds above");

/* --- a channel on the loop --- */

static void chan_on_poll(uv_poll_t *poll, int status, int events);

static void chan_watch(struct chan *c)
{
        int events = (c->held ? 0 : UV_READABLE) | (c->head ? UV_WRITABLE : 0);

        if (c->freed || c->ended || events == c->watched)
                return;
        c->watched = events;
        /* Fails only for a handle that is closing, and then nothing is to be watched. */
        if (events)
                (void)uv_poll_start(&c->poll, events, chan_on_poll);
        else
                (void)uv_poll_stop(&c->poll);
}

static void chan_forget(struct chan_waiting *w)
{
        chan_close_fds(w->fds, w->fds_n);
        explicit_bzero(w->body, w->body_n);
        free(w);
}

static void chan_drop_queue(struct chan *c)
{
        while (c->head) {
                struct chan_waiting *w = c->head;
                c->head = w->next;
                chan_forget(w);
        }
        c->tail = &c->head;
        c->queued_bytes = 0;
}

static void chan_end(struct chan *c, const struct err *e)
{
        if (c->ended)
                return;
        c->ended = true;
        uv_poll_stop(&c->poll);
        chan_drop_queue(c);
        c->events->on_end(c->owner, c, e);
}

/* Sends from the queue until it is empty or the socket full. When the peer is gone the queue is
 * dropped; reading says so. */
static int chan_drain(struct chan *c, struct err *e)
{
        while (c->head) {
                struct chan_waiting *w = c->head;
                int r = chan_put(c->fd, w->type, BYTES(w->body, w->body_n), w->fds, w->fds_n, e);
                if (r == ERR_AGAIN)
                        return r;
                if (r < 0) {
                        chan_drop_queue(c);
                        return r;
                }
                c->head = w->next;
                if (!c->head)
                        c->tail = &c->head;
                c->queued_bytes -= sizeof *w + w->body_n;
                chan_forget(w);
        }
        return 0;
}

/* Hands over what has come. After each callback the channel may be freed: the struct still lives,
 * but is not touched. */
static void chan_read(struct chan *c, unsigned most)
{
        uint8_t *room = loop_receive_room(c->loop, CHAN_MESSAGE_MAX);
        struct chan_message m;
        struct err e = { 0 };

        for (unsigned i = 0; i < most && !c->freed && !c->ended && !c->held; i++) {
                int r = chan_get(c->fd, room, &m, &e);
                if (r == ERR_AGAIN)
                        return;
                if (r == 0)
                        r = err_set(&e, ERR_UNAVAILABLE, "the other end of the channel is gone");
                if (r > 0) {
                        size_t came = CHAN_TYPE_BYTES + m.body.n;
                        r = c->events->on_message(c->owner, c, &m, &e);
                        chan_close_fds(m.fds, m.fds_n);
                        explicit_bzero(room, came);
                }
                if (r < 0 && !c->freed)
                        chan_end(c, &e);
        }
}

static void chan_on_poll(uv_poll_t *poll, int status, int events)
{
        struct chan *c = poll->data;
        struct err e = { 0 };

        if (status < 0) {
                /* The socket has an error, and libuv has stopped: read what there is, up to the
                 * end. */
                c->held = false;
                chan_read(c, (unsigned)(CHAN_QUEUE_MAX / CHAN_TYPE_BYTES));
                err_set(&e, ERR_UNAVAILABLE, "the channel broke");
                if (!c->freed)
                        chan_end(c, &e);
                return;
        }
        if (events & UV_WRITABLE && chan_drain(c, NULL) == 0 && c->events->on_room)
                c->events->on_room(c->owner, c);
        if (!c->freed && !c->ended)
                chan_read(c, CHAN_ROUND);
        chan_watch(c);
}

struct chan *chan_new(struct loop *l, int fd, const struct chan_events *events, void *owner)
{
        struct chan *c = xcalloc(1, sizeof *c);
        int bytes = CHAN_SOCKET_BYTES;

        c->loop = l;
        c->fd = fd;
        c->events = events;
        c->owner = owner;
        c->tail = &c->head;
        c->poll.data = c;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        if (uv_poll_init(loop_uv(l), &c->poll, fd) < 0)
                abort(); /* no socket, or one that the loop has already: our own bug */
        chan_watch(c);
        return c;
}

static void chan_closed(uv_handle_t *handle)
{
        free(handle->data);
}

struct chan *chan_free(struct chan *c)
{
        if (!c || c->freed)
                return NULL;
        c->freed = true;
        c->ended = true;
        chan_drop_queue(c);
        uv_close((uv_handle_t *)&c->poll, chan_closed); /* takes fd out of the loop at once */
        close(c->fd);
        c->fd = -1;
        return NULL;
}

void chan_hold(struct chan *c, bool held)
{
        c->held = held;
        chan_watch(c);
}

size_t chan_queued(const struct chan *c)
{
        return c->queued_bytes;
}

static int chan_queue(struct chan *c, uint16_t type, struct bytes body, const int *fds,
        unsigned fds_n, struct err *e)
{
        size_t bytes = sizeof(struct chan_waiting) + body.n;

        if (bytes > CHAN_QUEUE_MAX - c->queued_bytes)
                return err_set(e, ERR_EXHAUSTED, "the channel's queue of %u bytes is full",
                        CHAN_QUEUE_MAX);
        struct chan_waiting *w = xcalloc(1, bytes); /* bounded: CHAN_BODY_MAX */
        w->type = type;
        w->body_n = body.n;
        if (body.n)
                memcpy(w->body, body.p, body.n);
        for (; w->fds_n < fds_n; w->fds_n++) {
                w->fds[w->fds_n] = fcntl(fds[w->fds_n], F_DUPFD_CLOEXEC, 0);
                if (w->fds[w->fds_n] < 0) {
                        int code = err_os(e, ERR_EXHAUSTED, errno, "keep a descriptor to send");
                        chan_forget(w);
                        return code;
                }
        }
        *c->tail = w;
        c->tail = &w->next;
        c->queued_bytes += bytes;
        return 0;
}

static int chan_check(struct bytes body, unsigned fds_n, struct err *e)
{
        if (body.n > CHAN_BODY_MAX || fds_n > CHAN_FDS_MAX)
                return err_set(e, ERR_INVALID,
                        "message of %zu bytes and %u descriptors; at most %u and %d", body.n, fds_n,
                        CHAN_BODY_MAX, CHAN_FDS_MAX);
        return 0;
}

int chan_send(struct chan *c, uint16_t type, struct bytes body, const int *fds, unsigned fds_n,
        struct err *e)
{
        int r = chan_check(body, fds_n, e);

        if (r < 0)
                return r;
        if (c->ended)
                return err_set(e, ERR_UNAVAILABLE, "the other end of the channel is gone");
        if (!c->head) {
                r = chan_put(c->fd, type, body, fds, fds_n, e);
                if (r != ERR_AGAIN)
                        return r;
        }
        r = chan_queue(c, type, body, fds, fds_n, e);
        if (r == 0)
                chan_watch(c);
        return r;
}

/* Waits for events until the time is over; an interruption counts as not ready. */
static bool chan_wait(int fd, short events, int64_t until_us)
{
        struct pollfd p = { .fd = fd, .events = events };
        int64_t left_us = until_us - clock_boot_us();

        if (left_us <= 0)
                return false;
        (void)poll(&p, 1, (int)((left_us + 999) / 1000));
        return true;
}

void chan_flush(struct chan *c)
{
        int64_t until_us = clock_boot_us() + CHAN_FLUSH_US;

        while (!c->ended && chan_drain(c, NULL) == ERR_AGAIN) {
                if (!chan_wait(c->fd, POLLOUT, until_us))
                        return;
        }
}

/* --- without a loop --- */

int chan_pair(int ret[static 2], struct err *e)
{
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return err_os(e, ERR_EXHAUSTED, errno, "make a channel");
        ret[0] = fds[0];
        ret[1] = fds[1];
        return 0;
}

int chan_write_blocking(
        int fd, uint16_t type, struct bytes body, const int *fds, unsigned fds_n, struct err *e)
{
        int64_t until_us = clock_boot_us() + CHAN_WRITE_BLOCKING_US;
        int r = chan_check(body, fds_n, e);

        if (r < 0)
                return r;
        while ((r = chan_put(fd, type, body, fds, fds_n, e)) == ERR_AGAIN) {
                if (!chan_wait(fd, POLLOUT, until_us))
                        return err_set(
                                e, ERR_TIMEOUT, "the other end of the channel takes nothing");
        }
        return r;
}

static int chan_get_blocking(
        int fd, int timeout_ms, uint8_t *room, struct chan_message *m, struct err *e)
{
        int64_t until_us =
                timeout_ms < 0 ? INT64_MAX : clock_boot_us() + timeout_ms * INT64_C(1000);
        int r;

        while ((r = chan_get(fd, room, m, e)) == ERR_AGAIN) {
                int64_t step_us = clock_boot_us() + 60000000;
                if (clock_boot_us() >= until_us)
                        return err_set(e, ERR_TIMEOUT, "no answer within %d ms", timeout_ms);
                (void)chan_wait(fd, POLLIN, step_us < until_us ? step_us : until_us);
        }
        if (r == 0)
                return err_set(e, ERR_UNAVAILABLE, "the other end of the channel is gone");
        return r;
}

int chan_read_blocking(int fd, int timeout_ms, uint16_t *ret_type, struct buf *ret_body,
        int ret_fds[static CHAN_FDS_MAX], struct err *e)
{
        CLEANUP(own_freep) uint8_t *room = xcalloc(1, CHAN_MESSAGE_MAX);
        struct chan_message m;
        int r = chan_get_blocking(fd, timeout_ms, room, &m, e);

        if (r < 0)
                return r;
        r = buf_append(ret_body, m.body, e);
        explicit_bzero(room, CHAN_TYPE_BYTES + m.body.n);
        if (r < 0) {
                chan_close_fds(m.fds, m.fds_n);
                return r;
        }
        *ret_type = m.type;
        memcpy(ret_fds, m.fds, sizeof m.fds);
        return 0;
}
