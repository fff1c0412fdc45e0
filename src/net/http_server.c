/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening, connections and their number, deadlines. */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crypto/random.h"
#include "net/http_server_parts.h"
#include "os/clock.h"

#define CONNECTIONS 8192
#define OF_ONE_ADDRESS 256
#define HANDSHAKE_MS 10000
#define HEAD_MS 10000
#define IDLE_MS 75000
#define STREAMS 100
#define LINGER_MS 1000
#define ACCEPTS_PER_TURN 32 /* the others of the loop have their turn too */
#define PAUSE_MS 100        /* where no descriptor is left */
#define BUCKETS 1024
#define TIGHT (4u * HTTP_SERVER_QUEUE_MAX) /* of one connection */
/* What a socket's queue may have, what is moved at once, and answers to what the peer says. */
#define OUTPUT_MAX (HTTP_SERVER_QUEUE_MAX + HTTP_SERVER_HIGH + 4 * HTTP_SERVER_STEP)

_Static_assert(OUTPUT_MAX < TLS_OUTPUT_MAX, "the stream refuses before TLS does");

struct http_server {
        struct loop *loop;
        struct stream_shared *shared;
        struct tls_server_config *config; /* owned */
        const struct http_server_events *events;
        void *owner;
        struct http_server_limits limits;
        int fd; /* listening, owned */
        uv_poll_t poll;
        struct timer pause;

        TAILQ_HEAD(, http_server_conn) conns, quiet; /* quiet: for the longest first */
        unsigned conns_n;
        struct http_server_peer *peers[BUCKETS];
        uint64_t seed;
        size_t held;

        struct buf scratch;
        int64_t date_s;
        char date[HTTP_SERVER_DATE_ROOM];
};

uint64_t http_server_now(const struct http_server *s)
{
        return uv_now(loop_uv(s->loop));
}

const struct http_server_events *http_server_events(const struct http_server *s, void **ret_owner)
{
        *ret_owner = s->owner;
        return s->events;
}

const struct http_server_limits *http_server_limits(const struct http_server *s)
{
        return &s->limits;
}

struct loop *http_server_loop(const struct http_server *s)
{
        return s->loop;
}

struct buf *http_server_scratch(struct http_server *s)
{
        buf_clear(&s->scratch);
        return &s->scratch;
}

const char *http_server_date(struct http_server *s)
{
        const time_t now = (time_t)(clock_wall_us() / 1000000);
        struct tm tm;

        if (now != s->date_s && gmtime_r(&now, &tm)) {
                strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
                s->date_s = now;
        }
        return s->date;
}

/* ---- who has how much ---- */

bool http_server_is_full(const struct http_server_conn *c, size_t more)
{
        return more > HTTP_SERVER_HELD_OF_ADDRESS_MAX ||
               c->peer->held > HTTP_SERVER_HELD_OF_ADDRESS_MAX - more ||
               c->server->held > HTTP_SERVER_HELD_MAX - more;
}

bool http_server_is_tight(const struct http_server_conn *c)
{
        return c->held > TIGHT || http_server_is_full(c, 0);
}

void http_server_hold(struct http_server_conn *c, size_t before, size_t after)
{
        c->held += after - before;
        c->peer->held += after - before;
        c->server->held += after - before;
}

static struct http_server_peer **find_peer(struct http_server *s, const uint8_t key[static 16])
{
        uint64_t hash = s->seed, word;
        struct http_server_peer **at;

        for (size_t i = 0; i < 16; i += sizeof word) {
                memcpy(&word, key + i, sizeof word);
                hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
                hash ^= hash >> 29;
        }
        at = &s->peers[hash % BUCKETS];
        while (*at && memcmp((*at)->key, key, sizeof(*at)->key) != 0)
                at = &(*at)->next;
        return at;
}

static struct http_server_peer *take_peer(struct http_server *s, const uint8_t key[static 16])
{
        struct http_server_peer **at = find_peer(s, key);

        if (!*at) {
                *at = xcalloc(1, sizeof **at);
                memcpy((*at)->key, key, sizeof(*at)->key);
                TAILQ_INIT(&(*at)->quiet);
        }
        (*at)->conns++;
        return *at;
}

static void drop_peer(struct http_server *s, struct http_server_peer *p)
{
        if (--p->conns > 0)
                return;
        struct http_server_peer **at = find_peer(s, p->key);
        *at = p->next;
        free(p);
}

static void set_quiet(struct http_server_conn *c, bool quiet)
{
        if (quiet == c->is_quiet)
                return;
        c->is_quiet = quiet;
        if (quiet) {
                TAILQ_INSERT_TAIL(&c->server->quiet, c, quiet);
                TAILQ_INSERT_TAIL(&c->peer->quiet, c, quiet_of_peer);
        } else {
                TAILQ_REMOVE(&c->server->quiet, c, quiet);
                TAILQ_REMOVE(&c->peer->quiet, c, quiet_of_peer);
        }
}

/* ---- the end of a connection ---- */

/* From the loop: nothing of the owner's, of the stream's or of ours is on the stack. */
static void finish(struct http_server_conn *c)
{
        struct http_server *s = c->server;
        struct http_exchange *x;

        c->phase = HTTP_SERVER_OVER;
        timer_done(&c->timer);
        timer_done(&c->soon);
        set_quiet(c, false);
        if (c->socket)
                http_socket_gone(c);
        while ((x = TAILQ_FIRST(&c->exchanges))) {
                if (x->asked && !x->over) {
                        x->over = true;
                        s->events->on_gone(s->owner, x);
                }
                http_exchange_free(x);
        }
        http_server_h2_done(c);
        stream_free(c->stream);
        buf_done(&c->in);
        TAILQ_REMOVE(&s->conns, c, all);
        s->conns_n--;
        drop_peer(s, c->peer);
        free(c);
}

/* ---- deadlines ---- */

static void arm(struct http_server_conn *c);

/* Nothing of what waits has been taken since that was last looked at. */
static bool is_stalled(struct http_server_conn *c)
{
        const uint64_t sent = stream_sent(c->stream), now = http_server_now(c->server);

        if (stream_queued(c->stream) > 0 && sent == c->sent_then)
                return now - c->moved_ms >= c->server->limits.idle_ms;
        c->sent_then = sent;
        c->moved_ms = now;
        return false;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a == 0 || (b != 0 && b < a) ? b : a;
}

static uint64_t deadline(const struct http_server_conn *c)
{
        uint64_t at = 0;

        switch (c->phase) {
        case HTTP_SERVER_TLS:    /* the stream has one */
        case HTTP_SERVER_SOCKET: /* and so have sockets */
                break;
        case HTTP_SERVER_H1:
                at = http_server_h1_deadline(c);
                break;
        case HTTP_SERVER_H2:
                at = http_server_h2_deadline(c);
                break;
        case HTTP_SERVER_CLOSING:
                break;
        case HTTP_SERVER_LINGER:
                return c->since_ms + LINGER_MS;
        case HTTP_SERVER_OVER:
                return 1;
        }
        if (stream_queued(c->stream) > 0)
                at = earlier(at, c->moved_ms + c->server->limits.idle_ms);
        return at;
}

static void time_out(struct http_server_conn *c, uint64_t now)
{
        uint64_t at;

        if (c->phase == HTTP_SERVER_H1) {
                at = http_server_h1_deadline(c);
                if (at && at <= now)
                        http_server_h1_timeout(c);
        } else if (c->phase == HTTP_SERVER_H2) {
                at = http_server_h2_deadline(c);
                if (at && at <= now)
                        http_server_h2_timeout(c);
        }
}

static void on_timer(void *owner)
{
        struct http_server_conn *c = owner;
        const uint64_t now = http_server_now(c->server), at = deadline(c);

        c->armed_ms = 0;
        if (at == 0 || at > now) {
                arm(c);
        } else if (c->phase >= HTTP_SERVER_LINGER || is_stalled(c)) {
                finish(c);
        } else {
                time_out(c, now);
                arm(c);
        }
}

/* A timer that fires too early looks again: so most of what happens costs none. */
static void arm(struct http_server_conn *c)
{
        const uint64_t now = http_server_now(c->server), at = deadline(c);

        if (at == 0 || (c->armed_ms && c->armed_ms <= at))
                return;
        c->armed_ms = at > now ? at : now + (c->phase != HTTP_SERVER_OVER);
        timer_start(&c->timer, c->server->loop, c->armed_ms - now, 0, on_timer, c);
}

void http_server_touch(struct http_server_conn *c)
{
        const bool busy = c->phase == HTTP_SERVER_SOCKET || !TAILQ_EMPTY(&c->exchanges);

        set_quiet(c, !busy && stream_queued(c->stream) == 0);
        if (stream_queued(c->stream) == 0)
                c->moved_ms = http_server_now(c->server);
        arm(c);
}

void http_server_over(struct http_server_conn *c)
{
        c->phase = HTTP_SERVER_OVER;
        arm(c);
}

static void close_on(struct http_server_conn *c)
{
        if (c->phase != HTTP_SERVER_CLOSING || stream_queued(c->stream) > 0)
                return;
        c->phase = c->lingers ? HTTP_SERVER_LINGER : HTTP_SERVER_OVER;
        c->since_ms = http_server_now(c->server);
}

void http_server_close(struct http_server_conn *c, bool lingers)
{
        if (c->phase >= HTTP_SERVER_CLOSING)
                return;
        c->phase = HTTP_SERVER_CLOSING;
        c->lingers = lingers;
        stream_pause(c->stream, false);
        close_on(c);
        arm(c);
}

void http_server_tell_writable(struct http_server_conn *c)
{
        struct http_server *s = c->server;
        struct http_exchange *x = TAILQ_FIRST(&c->exchanges);

        while (x) {
                const size_t waiting = http_exchange_waiting(x);

                if (!x->waits || x->over || waiting > HTTP_SERVER_QUEUE_MAX / 2 ||
                        (waiting > 0 && http_server_is_tight(c))) {
                        x = TAILQ_NEXT(x, all);
                        continue;
                }
                x->waits = false;
                s->events->on_writable(s->owner, x);
                x = TAILQ_FIRST(&c->exchanges); /* any of them may have ended */
        }
}

/* ---- the stream ---- */

static void on_ready(void *owner, struct stream *st)
{
        struct http_server_conn *c = owner;
        const struct bytes protocol = tls_protocol(stream_tls(st));

        c->since_ms = http_server_now(c->server);
        if (bytes_equal(protocol, bytes_str("h2")))
                http_server_h2_open(c);
        else
                c->phase = HTTP_SERVER_H1;
        http_server_touch(c);
}

static int on_data(void *owner, struct stream *st, struct bytes plain, struct err *e)
{
        struct http_server_conn *c = owner;

        (void)st;
        (void)e;
        if (c->phase == HTTP_SERVER_H1)
                http_server_h1_take(c, plain);
        else if (c->phase == HTTP_SERVER_H2)
                http_server_h2_take(c, plain);
        else if (c->phase == HTTP_SERVER_SOCKET)
                http_socket_take(c, plain);
        return 0;
}

static void on_drain(void *owner, struct stream *st)
{
        struct http_server_conn *c = owner;

        (void)st;
        if (c->phase == HTTP_SERVER_H1) {
                http_server_h1_pump(c);
                http_server_tell_writable(c);
                http_server_h1_serve(c);
        } else if (c->phase == HTTP_SERVER_H2) {
                http_server_h2_drained(c);
        } else if (c->phase == HTTP_SERVER_SOCKET) {
                http_socket_drained(c);
        } else {
                close_on(c);
        }
        http_server_touch(c);
}

static void on_stream_end(void *owner, struct stream *st, const struct err *why)
{
        (void)st;
        (void)why;
        finish(owner);
}

/* ---- accepting ---- */

/* The address as text, and what is counted: IPv4 whole, of IPv6 what a customer is given. */
static void read_address(const struct sockaddr_storage *a, char text[static INET6_ADDRSTRLEN],
        uint8_t key[static 16])
{
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

        memset(key, 0, 16);
        text[0] = '\0';
        if (a->ss_family == AF_INET) {
                memcpy(key + 12, &v4->sin_addr, 4);
                inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN);
        } else if (a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
                memcpy(key + 12, v6->sin6_addr.s6_addr + 12, 4);
                inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, INET6_ADDRSTRLEN);
        } else if (a->ss_family == AF_INET6) {
                memcpy(key, &v6->sin6_addr, 8);
                inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN);
        }
}

/* Room for one more of that address, where need be by the end of who waits the longest. */
static bool make_room(struct http_server *s, const uint8_t key[static 16])
{
        struct http_server_peer *p = *find_peer(s, key);
        struct http_server_conn *c = NULL;

        if (p && p->conns >= s->limits.of_one_address)
                c = TAILQ_FIRST(&p->quiet);
        else if (s->conns_n >= s->limits.connections)
                c = TAILQ_FIRST(&s->quiet);
        else
                return true;
        if (c)
                finish(c);
        return c != NULL;
}

static void take_connection(struct http_server *s, int fd, const struct sockaddr_storage *a)
{
        static const struct stream_events handlers = { on_ready, on_data, on_drain, on_stream_end };
        const struct stream_options o = { .handshake_ms = s->limits.handshake_ms,
                .output_max_bytes = OUTPUT_MAX };
        struct http_server_conn *c;
        struct tls *t = NULL;
        char address[INET6_ADDRSTRLEN];
        uint8_t key[16];

        read_address(a, address, key);
        if (!s->config || !make_room(s, key) || tls_server_new(s->config, &t, NULL) < 0) {
                close(fd);
                return;
        }
        c = xcalloc(1, sizeof *c);
        c->server = s;
        memcpy(c->address, address, sizeof c->address);
        TAILQ_INIT(&c->exchanges);
        buf_init(&c->in, 0);
        if (stream_new(s->shared, fd, t, &o, &handlers, c, &c->stream, NULL) < 0) {
                free(c);
                return;
        }
        c->peer = take_peer(s, key);
        TAILQ_INSERT_TAIL(&s->conns, c, all);
        s->conns_n++;
        http_server_touch(c);
}

static void on_connection(uv_poll_t *h, int status, int what);

static void on_pause_end(void *owner)
{
        struct http_server *s = owner;

        uv_poll_start(&s->poll, UV_READABLE, on_connection);
}

static void on_connection(uv_poll_t *h, int status, int what)
{
        struct http_server *s = h->data;

        (void)status;
        (void)what;
        for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
                struct sockaddr_storage a = { 0 };
                socklen_t n = sizeof a;
                int fd = accept4(s->fd, (struct sockaddr *)&a, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0) {
                        take_connection(s, fd, &a);
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                           errno == ENOMEM) {
                        /* It stays readable, and would be asked again at once. */
                        uv_poll_stop(&s->poll);
                        timer_start(&s->pause, s->loop, PAUSE_MS, 0, on_pause_end, s);
                        return;
                } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                        return;
                } /* else: one that left before it was taken (accept(2)) */
        }
}

/* ---- what the owner calls ---- */

static struct http_server_limits with_defaults(const struct http_server_limits *l)
{
        const struct http_server_limits none = { 0 };

        l = l ? l : &none;
        return (struct http_server_limits){
                .connections = l->connections ? l->connections : CONNECTIONS,
                .of_one_address = l->of_one_address ? l->of_one_address : OF_ONE_ADDRESS,
                .handshake_ms = l->handshake_ms ? l->handshake_ms : HANDSHAKE_MS,
                .head_ms = l->head_ms ? l->head_ms : HEAD_MS,
                .idle_ms = l->idle_ms ? l->idle_ms : IDLE_MS,
                .streams = l->streams ? l->streams : STREAMS,
        };
}

int http_server_new(struct stream_shared *sh, int listen_fd, struct tls_server_config *config,
        const struct http_server_limits *limits, const struct http_server_events *events,
        void *owner, struct http_server **ret, struct err *e)
{
        struct http_server *s = xcalloc(1, sizeof *s);
        int r;

        s->loop = stream_shared_loop(sh);
        r = uv_poll_init(loop_uv(s->loop), &s->poll, listen_fd);
        if (r < 0) {
                close(listen_fd);
                free(s);
                return err_set(e, ERR_IO, "watching the https port: %s", uv_strerror(r));
        }
        s->poll.data = s;
        s->fd = listen_fd;
        s->shared = sh;
        s->config = config ? tls_server_config_ref(config) : NULL;
        s->events = events;
        s->owner = owner;
        s->limits = with_defaults(limits);
        s->seed = random_u64();
        TAILQ_INIT(&s->conns);
        TAILQ_INIT(&s->quiet);
        buf_init(&s->scratch, 4 * HTTP_SERVER_STEP);
        uv_poll_start(&s->poll, UV_READABLE, on_connection);
        *ret = s;
        return 0;
}

void http_server_config(struct http_server *s, struct tls_server_config *config)
{
        struct tls_server_config *next = tls_server_config_ref(config);

        tls_server_config_free(s->config);
        s->config = next;
}

static void on_poll_closed(uv_handle_t *h)
{
        free(h->data);
}

struct http_server *http_server_free(struct http_server *s)
{
        struct http_server_conn *c;

        if (!s)
                return NULL;
        uv_close((uv_handle_t *)&s->poll, on_poll_closed);
        close(s->fd);
        timer_done(&s->pause);
        while ((c = TAILQ_FIRST(&s->conns)))
                finish(c);
        tls_server_config_free(s->config);
        buf_done(&s->scratch);
        return NULL;
}
