/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection of the people's port: HTTP/1.1, HTTP/2 (nghttp2 and what we do with it) and
 * WebSocket, on a stream that is none. The same requests however the bytes are cut up (not of h2:
 * nghttp2 counts the pieces of a CONTINUATION's header as so many); who was handed up is answered
 * or told that he is gone, and nothing is held when it is over.
 *
 * First byte: 1 h2, 2 the peer reads late, 4 answers come late or in parts; the rest is received.
 */
#include <stdlib.h>

#include "base/str.h"
#include "net/http_server.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define LATER_MAX 8

/* ---- a stream, and what http_server asks of TLS ---- */

struct stream {
        const struct stream_events *events;
        void *owner;
        size_t queued, sent;
        bool paused;
};

struct stream_shared {
        struct loop *loop;
};

static struct {
        struct stream *stream;
        bool h2, late_reader;
} fake;

int stream_new(struct stream_shared *sh, int fd, struct tls *t, const struct stream_options *o,
        const struct stream_events *events, void *owner, struct stream **ret, struct err *e)
{
        (void)sh;
        (void)fd;
        (void)t;
        (void)o;
        (void)e;
        *ret = fake.stream = xcalloc(1, sizeof **ret);
        fake.stream->events = events;
        fake.stream->owner = owner;
        return 0;
}

struct stream *stream_free(struct stream *s)
{
        free(s);
        fake.stream = NULL;
        return NULL;
}

int stream_write(struct stream *s, struct bytes plain, struct err *e)
{
        if (s->queued + plain.n > OUTPUT_MAX)
                return err_set(e, ERR_EXHAUSTED, "full");
        for (size_t i = 0; i < plain.n; i++)
                s->sent += plain.p[i]; /* reads each, for the sanitizers */
        if (fake.late_reader)
                s->queued += plain.n;
        return 0;
}

void stream_pause(struct stream *s, bool paused)
{
        s->paused = paused;
}

size_t stream_queued(const struct stream *s)
{
        return s->queued;
}

uint64_t stream_sent(const struct stream *s)
{
        return s->sent;
}

const struct tls *stream_tls(const struct stream *s)
{
        (void)s;
        return NULL;
}

struct loop *stream_shared_loop(const struct stream_shared *sh)
{
        return sh->loop;
}

struct bytes tls_protocol(const struct tls *t)
{
        (void)t;
        return bytes_str(fake.h2 ? "h2" : "http/1.1");
}

int tls_server_new(struct tls_server_config *c, struct tls **ret, struct err *e)
{
        (void)c;
        (void)ret;
        (void)e;
        return 0;
}

struct tls_server_config *tls_server_config_ref(struct tls_server_config *c)
{
        return c;
}

struct tls_server_config *tls_server_config_free(struct tls_server_config *c)
{
        (void)c;
        return NULL;
}

/* ---- an owner ---- */

struct owner {
        bool late;
        uint64_t hash;
        struct http_exchange *later[LATER_MAX];
        unsigned sockets;
};

static void mix(struct owner *o, struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                o->hash = (o->hash ^ b.p[i]) * UINT64_C(1099511628211);
        o->hash = (o->hash ^ b.n) * UINT64_C(1099511628211);
}

static void forget(struct owner *o, const struct http_exchange *x)
{
        for (size_t i = 0; i < LATER_MAX; i++)
                if (o->later[i] == x)
                        o->later[i] = NULL;
}

static int on_message(
        void *owner, struct http_socket *k, const struct websocket_message *m, struct err *e)
{
        struct owner *o = owner;

        mix(o, m->payload);
        if (str_is(m->payload, "refuse"))
                return err_set(e, ERR_DENIED, "no");
        if (str_is(m->payload, "close")) {
                o->sockets--;
                http_socket_close(k, 4000, "yes");
                return 0;
        }
        return http_socket_send(k, m->kind, m->payload, e);
}

static void on_socket_end(void *owner, struct http_socket *k)
{
        struct owner *o = owner;

        (void)k;
        o->sockets--;
}

static const struct http_socket_events socket_events = { on_message, NULL, on_socket_end };

static void answer(struct owner *o, struct http_exchange *x)
{
        static const char *const headers[] = { "content-type", "text/plain", NULL };
        static uint8_t much[100000];
        const char *path = http_exchange_path(x);

        forget(o, x);
        if (path[1] == 'a') {
                http_exchange_abort(x);
        } else if (path[1] == 's' || path[1] == 'l') {
                http_exchange_begin(x, 200, headers, path[1] == 'l' ? 200000 : -1);
                (void)!http_exchange_write(x, BYTES(much, sizeof much), NULL);
                (void)!http_exchange_write(x, BYTES(much, sizeof much), NULL);
                http_exchange_finish(x);
        } else {
                http_exchange_answer(x, 200, headers, http_exchange_body(x));
        }
}

static void fuzz_request(void *owner, struct http_exchange *x)
{
        struct owner *o = owner;
        struct http_socket *k;
        char cookie[32];

        if (http_exchange_path(x)[0] != '/' || !http_exchange_is_known(http_exchange_method(x)) ||
                !http_exchange_header(x, "host") || http_exchange_body(x).n > 5000)
                abort();
        mix(o, bytes_str(http_exchange_method(x)));
        mix(o, bytes_str(http_exchange_path(x)));
        mix(o, bytes_str(http_exchange_query(x)));
        mix(o, http_exchange_body(x));
        if (http_exchange_cookie(x, "c", cookie, sizeof cookie))
                mix(o, bytes_str(cookie));
        if (http_exchange_wants_socket(x, "p") &&
                http_exchange_socket(x, "p", 1000, 2000, &socket_events, o, &k, NULL) == 0) {
                o->sockets++;
                return;
        }
        for (size_t i = 0; o->late && i < LATER_MAX; i++) {
                if (!o->later[i]) {
                        o->later[i] = x;
                        return;
                }
        }
        answer(o, x);
}

static void fuzz_gone(void *owner, struct http_exchange *x)
{
        forget(owner, x);
}

static void fuzz_writable(void *owner, struct http_exchange *x)
{
        (void)owner;
        (void)x;
}

static size_t fuzz_body_max(void *owner, const struct http_exchange *x)
{
        (void)owner;
        return http_exchange_path(x)[1] == 'n' ? 0 : 5000;
}

static const struct http_server_events fuzz_events = { fuzz_request, fuzz_gone, fuzz_writable,
        fuzz_body_max, NULL };

/* ---- a connection ---- */

static void turn(struct loop *l)
{
        uv_run(loop_uv(l), UV_RUN_NOWAIT);
}

static void drain(struct loop *l)
{
        if (!fake.stream || fake.stream->queued == 0)
                return;
        fake.stream->queued = 0;
        fake.stream->events->on_drain(fake.stream->owner, fake.stream);
        turn(l);
}

static uint64_t serve(struct loop *l, uint8_t how, struct bytes in, size_t step)
{
        const struct sockaddr_storage from = { .ss_family = AF_INET };
        struct stream_shared shared = { l };
        struct owner o = { .late = how & 4 };
        struct http_server *s = NULL;
        char config; /* it is there; nobody looks into it */
        int ends[2];

        fake.h2 = how & 1;
        fake.late_reader = how & 2;
        if (pipe(ends) < 0 ||
                http_server_new(&shared, ends[0], (struct tls_server_config *)(void *)&config, NULL,
                        &fuzz_events, &o, &s, NULL) < 0)
                abort();
        take_connection(s, -1, &from);
        fake.stream->events->on_ready(fake.stream->owner, fake.stream);
        for (size_t at = 0; at < in.n && fake.stream; at += step) {
                (void)!fake.stream->events->on_data(
                        fake.stream->owner, fake.stream, bytes_sub(in, at, step), NULL);
                turn(l);
                if (at / step % 4 == 3) {
                        for (size_t i = 0; i < LATER_MAX; i++)
                                if (o.later[i])
                                        answer(&o, o.later[i]);
                        turn(l);
                        drain(l);
                }
        }
        if (fake.stream)
                fake.stream->events->on_end(fake.stream->owner, fake.stream, NULL);
        if (fake.stream || s->held > 0 || s->conns_n > 0 || o.sockets > 0)
                abort();
        for (size_t i = 0; i < LATER_MAX; i++)
                if (o.later[i])
                        abort(); /* not told that it is gone */
        http_server_free(s);
        close(ends[1]);
        turn(l);
        return o.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct loop *l;
        const size_t step = n ? 1 + data[n - 1] % 64u : 1;

        if (n < 2 || n > 100000)
                return 0;
        if (!l)
                l = loop_new();
        const struct bytes in = BYTES(data + 1, n - 1);
        const uint64_t whole = serve(l, data[0] & 7, in, TLS_RECORD_MAX);
        if (serve(l, data[0] & 7, in, step) != whole && !(data[0] & 7))
                abort();
        return 0;
}
