/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/datagrams.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/clock.h"
#include "proto/rtp_reorder.h"

/* Packets of one call; the receive buffer holds them all. */
#define BATCH 28
/* One track may not keep the others waiting. */
#define READS_PER_TURN 16
#define SOCKET_BYTES (1 << 20)

struct port {
        uv_poll_t poll;
        struct datagrams *owner;
        int fd; /* owned */
        bool rtcp;
};

struct datagrams {
        struct port ports[2];
        struct stream_shared *shared; /* borrowed */
        const struct datagrams_events *events;
        void *owner;
        unsigned track;
        uint8_t peer[DATAGRAMS_ADDRESS];
        struct stream_turn turn;
        struct timer expiry; /* while packets wait for one that is missing */
        bool expiry_runs;
        struct rtp_reorder reorder;
        struct datagrams_counters counters;
        unsigned busy;    /* our own calls on the stack */
        unsigned handles; /* not yet closed */
        bool freed, stopped;
};

bool datagrams_address(const struct sockaddr_storage *a, uint8_t ret[static DATAGRAMS_ADDRESS])
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

        memset(ret, 0, 10);
        memset(ret + 10, 0xff, 2);
        if (a->ss_family == AF_INET)
                memcpy(ret + 12, &v4->sin_addr, 4);
        else if (a->ss_family == AF_INET6)
                memcpy(ret, &v6->sin6_addr, 16);
        return a->ss_family == AF_INET || a->ss_family == AF_INET6;
}

/* ---- packets ---- */

static int emit(void *owner, struct bytes packet, int64_t wall_us, int64_t steady_us, struct err *e)
{
        struct datagrams *d = owner;
        int r = d->events->on_packet(d->owner, d->track, false, packet, wall_us, steady_us);

        (void)e;
        if (r < 0)
                d->stopped = true;
        return d->freed || d->stopped ? ERR_CANCELLED : 0;
}

static void on_expiry(void *owner);

/* The timer runs while something waits, so that the last packets before a pause come out too. */
static void watch_expiry(struct datagrams *d)
{
        if (d->freed || d->expiry_runs == (d->reorder.held > 0))
                return;
        d->expiry_runs = d->reorder.held > 0;
        if (d->expiry_runs)
                timer_start(&d->expiry, stream_shared_loop(d->shared), RTP_REORDER_WAIT_US / 2000,
                        RTP_REORDER_WAIT_US / 2000, on_expiry, d);
        else
                timer_done(&d->expiry);
}

static void take(
        struct datagrams *d, bool rtcp, struct bytes packet, int64_t wall_us, int64_t steady_us)
{
        if (rtcp) {
                if (d->events->on_packet(d->owner, d->track, true, packet, wall_us, steady_us) < 0)
                        d->stopped = true;
                return;
        }
        (void)!rtp_reorder_push(&d->reorder, packet, wall_us, steady_us, emit, d, NULL);
}

/* One call's worth; returns how many packets there were. */
static int read_batch(struct port *p)
{
        struct datagrams *d = p->owner;
        struct sockaddr_storage from[BATCH];
        struct mmsghdr headers[BATCH];
        struct iovec rooms[BATCH];
        uint8_t address[DATAGRAMS_ADDRESS];
        size_t bytes;
        uint8_t *to = stream_shared_room(d->shared, &bytes);
        int64_t wall_us, steady_us;
        int n;

        _Static_assert(BATCH * DATAGRAMS_PACKET_MAX <= 256 << 10, "fits the receive buffer");
        for (unsigned i = 0; i < BATCH; i++) {
                rooms[i] = (struct iovec){ to + i * (size_t)DATAGRAMS_PACKET_MAX,
                        DATAGRAMS_PACKET_MAX };
                headers[i] = (struct mmsghdr){ .msg_hdr = { .msg_name = &from[i],
                                                       .msg_namelen = sizeof from[i],
                                                       .msg_iov = &rooms[i],
                                                       .msg_iovlen = 1 } };
        }
        n = recvmmsg(p->fd, headers, BATCH, MSG_DONTWAIT, NULL);
        wall_us = clock_wall_us();
        steady_us = clock_boot_us();
        for (int i = 0; i < n && !d->freed && !d->stopped; i++) {
                d->counters.bytes += headers[i].msg_len;
                if (headers[i].msg_hdr.msg_flags & MSG_TRUNC)
                        d->counters.too_long++;
                else if (!datagrams_address(&from[i], address) ||
                         memcmp(address, d->peer, sizeof address) != 0)
                        d->counters.strangers++;
                else
                        take(d, p->rtcp, BYTES(rooms[i].iov_base, headers[i].msg_len), wall_us,
                                steady_us);
        }
        return n;
}

static void read_available(struct port *p)
{
        struct datagrams *d = p->owner;

        for (unsigned i = 0; i < READS_PER_TURN && !d->freed && !d->stopped; i++)
                if (read_batch(p) < BATCH)
                        break;
}

/* ---- when to read ---- */

static void on_closed(uv_handle_t *h)
{
        struct port *p = h->data;
        struct datagrams *d = p->owner;

        if (--d->handles > 0)
                return;
        rtp_reorder_done(&d->reorder);
        free(d);
}

static void enter(struct datagrams *d)
{
        d->busy++;
}

static void leave(struct datagrams *d)
{
        d->busy--;
        if (d->busy == 0 && d->freed)
                for (int i = 0; i < 2; i++)
                        uv_close((uv_handle_t *)&d->ports[i].poll, on_closed);
        else
                watch_expiry(d);
}

static void on_expiry(void *owner)
{
        struct datagrams *d = owner;

        enter(d);
        (void)!rtp_reorder_expire(&d->reorder, clock_boot_us(), emit, d, NULL);
        leave(d);
}

static void on_turn(void *owner)
{
        struct datagrams *d = owner;

        enter(d);
        for (int i = 0; i < 2; i++)
                read_available(&d->ports[i]);
        leave(d);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
        struct port *p = h->data;
        struct datagrams *d = p->owner;

        (void)events;
        enter(d);
        if (status < 0)
                uv_poll_stop(h); /* that the picture stays out is seen by who watches for it */
        else
                read_available(p);
        leave(d);
}

void datagrams_pace(struct datagrams *d, unsigned interval_ms)
{
        stream_shared_pace(d->shared, &d->turn, interval_ms);
        for (int i = 0; i < 2; i++)
                if (interval_ms)
                        uv_poll_stop(&d->ports[i].poll);
                else
                        uv_poll_start(&d->ports[i].poll, UV_READABLE, on_poll);
}

/* ---- life ---- */

static int init_port(struct datagrams *d, unsigned i, int fd)
{
        const int bytes = SOCKET_BYTES;
        struct port *p = &d->ports[i];
        int r = uv_poll_init(loop_uv(stream_shared_loop(d->shared)), &p->poll, fd);

        if (r < 0)
                return r;
        p->poll.data = p;
        p->owner = d;
        p->fd = fd;
        p->rtcp = i == 1;
        d->handles++;
        /* A key frame comes in one burst; the kernel gives what it allows. */
        (void)!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        return 0;
}

int datagrams_new(struct stream_shared *sh, const int fds[static 2], unsigned track,
        const uint8_t peer[static DATAGRAMS_ADDRESS], const struct datagrams_events *events,
        void *owner, struct datagrams **ret, struct err *e)
{
        struct datagrams *d = xcalloc(1, sizeof *d);
        int r;

        d->shared = sh;
        d->events = events;
        d->owner = owner;
        d->track = track;
        d->turn = (struct stream_turn){ .on_turn = on_turn, .owner = d };
        memcpy(d->peer, peer, sizeof d->peer);
        r = init_port(d, 0, fds[0]);
        if (r >= 0)
                r = init_port(d, 1, fds[1]);
        if (r < 0) {
                close(fds[0]);
                close(fds[1]);
                if (d->handles > 0)
                        uv_close((uv_handle_t *)&d->ports[0].poll, on_closed);
                else
                        free(d);
                return err_set(e, ERR_IO, "watching the UDP sockets: %s", uv_strerror(r));
        }
        datagrams_pace(d, 0);
        *ret = d;
        return 0;
}

struct datagrams *datagrams_free(struct datagrams *d)
{
        if (!d || d->freed)
                return NULL;
        timer_done(&d->expiry);
        stream_shared_pace(d->shared, &d->turn, 0);
        for (int i = 0; i < 2; i++) {
                uv_poll_stop(&d->ports[i].poll);
                close(d->ports[i].fd);
        }
        enter(d);
        d->freed = true;
        leave(d);
        return NULL;
}

struct datagrams_counters datagrams_counters(const struct datagrams *d)
{
        return d->counters;
}
