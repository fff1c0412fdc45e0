/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pack.h"
#include "os/chan.h"
#include "os/clock.h"
#include "probe/probe_connect.h"
#include "probe/probe_message.h"
#include "probe/prober.h"
#include "proto/url.h"

/* Beside the time of receiving: for connecting, the handshake and the requests. */
#define PROBE_GRACE_MS 90000

struct probe {
        const struct probe_options *options;
        probe_on_step on_step;
        void *owner;
        struct url url;
        int fd;        /* the chan's end */
        int connected; /* a copy of the newest TCP connection, for its address; -1: none */
        unsigned steps;
        bool has_result;
};

static int take_step(struct probe *p, struct bytes body, struct err *e)
{
        char name[PROBE_NAME_ROOM], text[PROBE_TEXT_ROOM];
        int r = probe_message_unpack_step(body, name, text, e);

        if (r == 0 && ++p->steps <= PROBE_STEPS_MAX)
                p->on_step(p->owner, name, text);
        return r;
}

static int send_no_socket(struct probe *p, const struct err *why, struct err *e)
{
        struct buf body;

        buf_init(&body, CHAN_BODY_MAX);
        int r = probe_message_pack_failure(why, &body, e);
        if (r == 0)
                r = chan_write_blocking(p->fd, PROBE_NO_SOCKET, buf_bytes(&body), NULL, 0, e);
        buf_done(&body);
        return r;
}

static int send_look(struct probe *p, const struct probe_look *l, struct err *e)
{
        struct buf body;

        buf_init(&body, CHAN_BODY_MAX);
        int r = probe_message_pack_look(l, &body, e);
        if (r == 0)
                r = chan_write_blocking(p->fd, PROBE_LOOK, buf_bytes(&body), NULL, 0, e);
        if (body.p)
                explicit_bzero(body.p, body.n); /* the password was in it */
        buf_done(&body);
        return r;
}

static int send_datagrams(struct probe *p, struct err *e)
{
        uint16_t port;
        uint8_t body[2];
        int fds[2];
        struct err why;

        if (p->connected < 0)
                return err_set(e, ERR_PROTOCOL, "the confined half asks for UDP before TCP");
        if (probe_connect_datagrams(p->connected, fds, &port, &why) < 0)
                return send_no_socket(p, &why, e);
        body[0] = (uint8_t)(port >> 8);
        body[1] = (uint8_t)port;
        int r = chan_write_blocking(p->fd, PROBE_DATAGRAMS, BYTES(body, 2), fds, 2, e);
        close(fds[0]);
        close(fds[1]);
        return r;
}

static int send_connection(struct probe *p, uint16_t port, struct err *e)
{
        struct err why;
        int fd = probe_connect(p->url.host, port, p->on_step, p->owner, &why);

        if (fd < 0)
                return send_no_socket(p, &why, e);
        int r = chan_write_blocking(p->fd, PROBE_SOCKET, BYTES(NULL, 0), &fd, 1, e);
        if (p->connected >= 0)
                close(p->connected);
        p->connected = fd;
        return r;
}

/* Host and ports are this half's: the other can ask for nothing else. */
static int give_socket(struct probe *p, struct bytes body, struct err *e)
{
        switch (body.n == 1 ? body.p[0] : UINT8_MAX) {
        case CAMERA_SOCKET_MAIN:
                return send_connection(p, p->url.port, e);
        case CAMERA_SOCKET_FALLBACK:
                return send_connection(p, url_fallback_port(&p->url), e);
        case CAMERA_SOCKET_DATAGRAMS:
                return send_datagrams(p, e);
        default:
                return err_set(e, ERR_PROTOCOL, "the confined half asks for an unknown socket");
        }
}

static int take_message(
        struct probe *p, uint16_t type, struct bytes body, struct probe_result *ret, struct err *e)
{
        int r;

        switch (type) {
        case PROBE_STEP:
                return take_step(p, body, e);
        case PROBE_NEED_SOCKET:
                return give_socket(p, body, e);
        case PROBE_RESULT:
                r = probe_message_unpack_result(body, ret, e);
                p->has_result = r == 0;
                return r;
        default:
                return err_set(e, ERR_PROTOCOL, "the confined half said message %u", type);
        }
}

static int listen_to_child(struct probe *p, struct probe_result *ret, struct err *e)
{
        int64_t until_us =
                clock_boot_us() + (p->options->seconds * INT64_C(1000) + PROBE_GRACE_MS) * 1000;
        int r = 0;

        while (r == 0 && !p->has_result) {
                int fds[CHAN_FDS_MAX];
                int64_t left_ms = (until_us - clock_boot_us()) / 1000;
                uint16_t type;
                struct buf body;

                if (left_ms <= 0)
                        return err_set(e, ERR_TIMEOUT, "the look did not end in its time");
                buf_init(&body, CHAN_BODY_MAX);
                r = chan_read_blocking(p->fd, (int)left_ms, &type, &body, fds, e);
                for (int i = 0; r >= 0 && i < CHAN_FDS_MAX; i++)
                        if (fds[i] >= 0)
                                close(fds[i]); /* none is expected */
                if (r >= 0)
                        r = take_message(p, type, buf_bytes(&body), ret, e);
                buf_done(&body);
        }
        return r;
}

/* By its own id; it is our child and not yet waited for. */
static int end_child(pid_t pid, bool ends_by_itself, struct err *e)
{
        int status = 0;

        if (!ends_by_itself)
                kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (!ends_by_itself || (WIFEXITED(status) && WEXITSTATUS(status) <= 1))
                return 0;
        return err_set(e, ERR_INTERNAL,
                "the process that read what the camera sent ended by %s %d: please report it",
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int run(struct probe *p, const struct probe_look *l, struct probe_result *ret, struct err *e)
{
        int pair[2];
        int r = chan_pair(pair, e);

        if (r < 0)
                return r;
        fflush(stdout); /* or the child would have it twice */
        pid_t pid = fork();
        if (pid == 0) {
                close(pair[0]);
                _exit(prober_run(pair[1]));
        }
        close(pair[1]);
        p->fd = pair[0];
        r = pid < 0 ? err_os(e, ERR_UNAVAILABLE, errno, "make a process") : send_look(p, l, e);
        if (r == 0)
                r = listen_to_child(p, ret, e);
        close(p->fd);
        if (p->connected >= 0)
                close(p->connected);
        if (pid > 0) {
                bool gone = r == ERR_UNAVAILABLE; /* it closed its end */
                int ended = end_child(pid, p->has_result || gone, e);
                r = r < 0 ? r : ended;
        }
        return r;
}

int probe_run(const struct probe_options *o, probe_on_step on_step, void *owner,
        struct probe_result *ret, struct err *e)
{
        struct probe p = { .options = o, .on_step = on_step, .owner = owner, .connected = -1 };
        struct probe_look look;
        int r = probe_message_look_of(o, &look, e);

        if (r < 0)
                return r;
        r = url_parse(o->url, &p.url, e);
        if (r == 0)
                r = run(&p, &look, ret, e);
        secret_done(&look.password);
        return r;
}
