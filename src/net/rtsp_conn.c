/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/loopback.h"

struct rtsp_conn {
        struct stream *stream;     /* owned; or NULL and */
        struct loopback *loopback; /* owned */
        const struct rtsp_conn_events *events;
        void *owner;
};

static void on_ready(void *owner, struct stream *s)
{
        struct rtsp_conn *c = owner;

        (void)s;
        c->events->on_ready(c->owner, c);
}

static int on_stream_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct rtsp_conn *c = owner;

        (void)s;
        (void)e;
        c->events->on_data(c->owner, c, plain);
        return 0;
}

static int on_loopback_data(void *owner, struct bytes b, struct err *e)
{
        struct rtsp_conn *c = owner;

        (void)e;
        c->events->on_data(c->owner, c, b);
        return 0;
}

static void on_stream_end(void *owner, struct stream *s, const struct err *why)
{
        struct rtsp_conn *c = owner;

        (void)s;
        c->events->on_end(c->owner, c, why);
}

static void on_loopback_end(void *owner, const struct err *why)
{
        struct rtsp_conn *c = owner;

        c->events->on_end(c->owner, c, why);
}

static int open_stream(struct rtsp_conn *c, struct stream_shared *sh, int fd,
        struct tls_server_config *config, size_t output_max_bytes, struct err *e)
{
        static const struct stream_events events = {
                .on_ready = on_ready, .on_data = on_stream_data, .on_end = on_stream_end
        };
        const struct stream_options so = { .client = false, .output_max_bytes = output_max_bytes };
        struct tls *tls;
        int r = tls_server_new(config, &tls, e);

        if (r < 0) {
                close(fd);
                return r;
        }
        return stream_new(sh, fd, tls, &so, &events, c, &c->stream, e);
}

int rtsp_conn_new(struct stream_shared *sh, int fd, struct tls_server_config *tls,
        size_t output_max_bytes, const struct rtsp_conn_events *events, void *owner,
        struct rtsp_conn **ret, struct err *e)
{
        static const struct loopback_events loopback_events = { .on_data = on_loopback_data,
                .on_end = on_loopback_end };
        struct rtsp_conn *c = xcalloc(1, sizeof *c);
        int r;

        c->events = events;
        c->owner = owner;
        if (tls)
                r = open_stream(c, sh, fd, tls, output_max_bytes, e);
        else
                r = loopback_new(stream_shared_loop(sh), fd, output_max_bytes, &loopback_events, c,
                        &c->loopback, e);
        if (r < 0) {
                free(c);
                return r;
        }
        *ret = c;
        return 0;
}

struct rtsp_conn *rtsp_conn_free(struct rtsp_conn *c)
{
        if (!c)
                return NULL;
        c->stream = stream_free(c->stream);
        c->loopback = loopback_free(c->loopback);
        free(c);
        return NULL;
}

void rtsp_conn_give(struct rtsp_conn *c, const struct rtsp_conn_events *events, void *owner)
{
        c->events = events;
        c->owner = owner;
}

int rtsp_conn_write(struct rtsp_conn *c, struct bytes b, struct err *e)
{
        return c->stream ? stream_write(c->stream, b, e) : loopback_write(c->loopback, b, e);
}

void rtsp_conn_hold(struct rtsp_conn *c, bool held)
{
        if (c->stream)
                stream_hold(c->stream, held);
}
