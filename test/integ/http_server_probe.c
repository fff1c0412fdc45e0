/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * net/http_server on a socket of this machine, for tests whose other end is another program.
 *
 *     http_server_probe CHAIN KEY [LIMIT ...]
 *
 * Limits: connections=N of_one_address=N handshake=MS head=MS idle=MS streams=N; port=N (0: any).
 *
 * Answers GET /hello (JSON with method, query, address, version, cookie "c"), POST /echo with the
 * body (1 MiB; /big: 8 MiB; anything else: none), GET /late after 300 ms, GET /never not at all,
 * GET /stream?BYTES in parts of 16 KiB chunked, GET /length?BYTES the same with its length, GET
 * /blob?BYTES at once, GET /abort a beginning, GET /bad a header that is none, GET /reload with the
 * certificate read again, WebSocket /ws (sub-protocol "probe.1"): echoes; "close" closes with 4000,
 * "refuse" is refused, "flood N" sends N messages of 64 KiB as they are taken. Anything else 404.
 *
 * Says, a line each: `port N`, `request METHOD PATH BYTES`, `gone PATH`, `refused N` (a writer, at
 * so many bytes), `message text|binary BYTES`, `end`.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/http_server.h"

#define PART 16384u
#define BLOB_MAX (16u << 20)

struct probe {
        struct loop *loop;
        struct stream_shared *shared;
        struct http_server *server;
        const char *chain, *key;
        bool quiet;
};

struct job { /* of one exchange or socket */
        struct probe *probe;
        struct http_exchange *x;
        struct http_socket *k;
        struct timer late;
        size_t left, sent;
        char path[64];
};

static uint8_t blob[BLOB_MAX];

static void must(int r, const struct err *e)
{
        if (r >= 0)
                return;
        fprintf(stderr, "http_server_probe: %s\n", e->text);
        exit(64);
}

static void read_file(const char *path, struct buf *to)
{
        uint8_t block[4096];
        struct err e;
        size_t n;

        FILE *f = fopen(path, "re");
        if (!f) {
                perror(path);
                exit(64);
        }
        buf_init(to, 65536);
        while ((n = fread(block, 1, sizeof block, f)) > 0)
                must(buf_append(to, BYTES(block, n), &e), &e);
        fclose(f);
}

static struct tls_server_config *config_of(const struct probe *p)
{
        struct tls_server_config *c;
        struct buf chain, key_text;
        struct sign_key *key;
        struct err e;

        read_file(p->chain, &chain);
        read_file(p->key, &key_text);
        must(sign_key_parse(buf_bytes(&key_text), &key, &e), &e);
        must(tls_server_config_new(buf_bytes(&chain), key, &c, &e), &e);
        tls_server_config_web(c);
        sign_key_free(key);
        buf_done(&chain);
        buf_done(&key_text);
        return c;
}

static struct job *job_new(struct probe *p, struct http_exchange *x)
{
        struct job *j = xcalloc(1, sizeof *j);

        j->probe = p;
        j->x = x;
        snprintf(j->path, sizeof j->path, "%s", http_exchange_path(x));
        http_exchange_set_owner(x, j);
        return j;
}

static void job_free(struct job *j)
{
        if (!j)
                return;
        timer_done(&j->late);
        free(j);
}

static void on_late(void *owner)
{
        struct job *j = owner;

        http_exchange_answer(j->x, 200, NULL, bytes_str("late\n"));
        job_free(j);
}

static void write_on(struct job *j)
{
        struct err e;

        while (j->left > 0) {
                const size_t n = j->left < PART ? j->left : PART;
                int r = http_exchange_write(j->x, BYTES(blob + j->sent % PART, n), &e);

                if (r == ERR_EXHAUSTED) {
                        printf("refused %zu\n", j->sent);
                        return;
                }
                must(r, &e);
                j->left -= n;
                j->sent += n;
        }
        http_exchange_finish(j->x);
        job_free(j);
}

static void on_writable(void *owner, struct http_exchange *x)
{
        (void)owner;
        write_on(http_exchange_owner(x));
}

static void on_gone(void *owner, struct http_exchange *x)
{
        struct job *j = http_exchange_owner(x);

        (void)owner;
        printf("gone %s\n", http_exchange_path(x));
        job_free(j);
}

static void flood_on(struct job *j)
{
        struct err e;

        while (j->left > 0 && http_socket_queued(j->k) < HTTP_SERVER_QUEUE_MAX / 2) {
                must(http_socket_send(j->k, WEBSOCKET_BINARY, BYTES(blob, 65536), &e), &e);
                j->left--;
        }
}

static int on_message(
        void *owner, struct http_socket *k, const struct websocket_message *m, struct err *e)
{
        struct job *j = owner;
        char text[16] = "";

        printf("message %s %zu\n", m->kind == WEBSOCKET_TEXT ? "text" : "binary", m->payload.n);
        if (m->payload.n > 0)
                memcpy(text, m->payload.p,
                        m->payload.n < sizeof text ? m->payload.n : sizeof text - 1);
        if (strncmp(text, "flood ", 6) == 0) {
                j->left = strtoul(text + 6, NULL, 10);
                flood_on(j);
                return 0;
        }
        if (strcmp(text, "close") == 0) {
                http_socket_close(k, 4000, "as you wish");
                job_free(j);
                return 0;
        }
        if (strcmp(text, "refuse") == 0)
                return err_set(e, ERR_DENIED, "not that");
        return http_socket_send(k, m->kind, m->payload, e);
}

static void on_socket_drain(void *owner, struct http_socket *k)
{
        (void)k;
        flood_on(owner);
}

static void on_end(void *owner, struct http_socket *k)
{
        (void)k;
        printf("end\n");
        job_free(owner);
}

static const struct http_socket_events socket_events = { on_message, on_socket_drain, on_end };

static void hello(struct http_exchange *x)
{
        static const char *const json[] = { "content-type", "application/json", NULL };
        const char *agent = http_exchange_header(x, "user-agent");
        char text[2048], cookie[64], escaped[200];

        snprintf(text, sizeof text,
                "{\"method\":\"%s\",\"query\":\"%s\",\"address\":\"%s\",\"version\":\"%s\","
                "\"cookie\":\"%s\",\"agent\":\"%s\"}\n",
                http_exchange_method(x), http_exchange_query(x), http_exchange_address(x),
                http_exchange_version(x),
                http_exchange_cookie(x, "c", cookie, sizeof cookie) ? cookie : "-",
                str_escape(escaped, sizeof escaped, bytes_str(agent ? agent : "-")));
        http_exchange_answer(x, 200, json, bytes_str(text));
}

static void reload(struct probe *p, struct http_exchange *x)
{
        struct tls_server_config *c = config_of(p);

        http_server_config(p->server, c);
        tls_server_config_free(c);
        http_exchange_answer(x, 204, NULL, BYTES(NULL, 0));
}

static void begin_job(struct probe *p, struct http_exchange *x)
{
        const size_t n = strtoul(http_exchange_query(x), NULL, 10);
        struct job *j = job_new(p, x);
        struct err e;

        j->left = n;
        if (strcmp(j->path, "/late") == 0) {
                timer_start(&j->late, p->loop, 300, 0, on_late, j);
        } else if (strcmp(j->path, "/abort") == 0) {
                http_exchange_begin(x, 200, NULL, -1);
                must(http_exchange_write(x, bytes_str("half"), &e), &e);
                http_exchange_abort(x);
                job_free(j);
        } else if (strcmp(j->path, "/never") != 0) {
                http_exchange_begin(
                        x, 200, NULL, strcmp(j->path, "/length") == 0 ? (int64_t)n : -1);
                write_on(j);
        }
}

static void on_request(void *owner, struct http_exchange *x)
{
        static const char *const bad[] = { "x-split", "a\r\nset-cookie: b", NULL };
        struct probe *p = owner;
        const char *path = http_exchange_path(x);
        const size_t n = strtoul(http_exchange_query(x), NULL, 10);
        struct job *j;
        struct err e;

        if (!p->quiet)
                printf("request %s %s %zu\n", http_exchange_method(x), path,
                        http_exchange_body(x).n);
        if (strcmp(path, "/hello") == 0) {
                hello(x);
        } else if (strcmp(path, "/echo") == 0 || strcmp(path, "/big") == 0) {
                http_exchange_answer(x, 200, NULL, http_exchange_body(x));
        } else if (strcmp(path, "/wipe") == 0) {
                http_exchange_wipe(x);
                http_exchange_answer(x, 200, NULL, http_exchange_body(x));
        } else if (strcmp(path, "/blob") == 0 && n <= BLOB_MAX) {
                http_exchange_answer(x, 200, NULL, BYTES(blob, n));
        } else if (strcmp(path, "/bad") == 0) {
                http_exchange_answer(x, 200, bad, bytes_str("x"));
        } else if (strcmp(path, "/reload") == 0) {
                reload(p, x);
        } else if (strcmp(path, "/ws") == 0 && http_exchange_wants_socket(x, "probe.1")) {
                j = job_new(p, x);
                must(http_exchange_socket(
                             x, "probe.1", 131072, 1u << 20, &socket_events, j, &j->k, &e),
                        &e);
        } else if (strcmp(path, "/late") == 0 || strcmp(path, "/never") == 0 ||
                   strcmp(path, "/abort") == 0 || strcmp(path, "/stream") == 0 ||
                   strcmp(path, "/length") == 0) {
                begin_job(p, x);
        } else {
                http_exchange_answer(x, 404, NULL, bytes_str("nothing here\n"));
        }
}

static size_t body_max(void *owner, const struct http_exchange *x)
{
        const char *path = http_exchange_path(x);

        (void)owner;
        return strcmp(path, "/big") == 0                                  ? 8u << 20
               : strcmp(path, "/echo") == 0 || strcmp(path, "/wipe") == 0 ? HTTP_SERVER_BODY_MAX
                                                                          : 0;
}

static int listen_here(unsigned port)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_ANY) };
        socklen_t n = sizeof at;
        const int on = 1;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0 ||
                getsockname(fd, (struct sockaddr *)&at, &n) < 0) {
                perror("listening");
                exit(64);
        }
        printf("port %u\n", ntohs(at.sin_port));
        return fd;
}

static void take_word(
        struct probe *p, struct http_server_limits *l, unsigned *port, const char *word)
{
        const struct {
                const char *name;
                unsigned *to;
        } known[] = { { "connections", &l->connections }, { "of_one_address", &l->of_one_address },
                { "handshake", &l->handshake_ms }, { "head", &l->head_ms }, { "idle", &l->idle_ms },
                { "streams", &l->streams }, { "port", port } };
        const char *value = strchr(word, '=');
        const size_t n = value ? (size_t)(value - word) : 0;

        if (strcmp(word, "quiet") == 0)
                p->quiet = true;
        for (size_t i = 0; value && i < ARRAY_LEN(known); i++)
                if (strlen(known[i].name) == n && strncmp(known[i].name, word, n) == 0)
                        *known[i].to = (unsigned)strtoul(value + 1, NULL, 10);
}

int main(int argc, char **argv)
{
        static const char *const headers[] = { "x-content-type-options", "nosniff", NULL };
        static const struct http_server_events events = { on_request, on_gone, on_writable,
                body_max, headers };
        struct probe p = { .loop = loop_new() };
        struct http_server_limits l = { 0 };
        struct rlimit files;
        unsigned port = 0;
        struct err e;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (argc < 3)
                return 64;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        for (int i = 3; i < argc; i++)
                take_word(&p, &l, &port, argv[i]);
        for (size_t i = 0; i < sizeof blob; i++)
                blob[i] = (uint8_t)(i * 7 + i / 251);
        p.chain = argv[1];
        p.key = argv[2];
        p.shared = stream_shared_new(p.loop);
        loop_catch_signals(p.loop, NULL, NULL);
        struct tls_server_config *c = config_of(&p);
        must(http_server_new(p.shared, listen_here(port), c, &l, &events, &p, &p.server, &e), &e);
        tls_server_config_free(c);
        loop_run(p.loop);
        http_server_free(p.server);
        stream_shared_free(p.shared);
        loop_free(p.loop);
        return 0;
}
