/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * net/role_conn on a socket of this machine, for tests whose other end is another program.
 *
 *     role_conn_probe listen SITE DIR ROLE,ROLE [LIMIT ...]
 *     role_conn_probe connect SITE DIR ROLE NAME PORT [LIMIT ...]
 *
 * DIR: root.crt, nodes.crt, node.pem (leaf and issuer), node.key. Limits: open=MS ping=MS
 * silence=MS close=MS.
 *
 * Listening it echoes messages, closes with 4000 at the text "close" and rekeys at "rekey"; answers
 * GET /hello with the peer's URI (401 to nobody), POST /echo with the body, GET /late after 300 ms,
 * anything else 404. Connecting it sends texts of 0, 126 and 131072 bytes and a binary message,
 * and closes with 1000 when all have come back; exit status 0 then, 2 else.
 *
 * Says, a line each: `port N`, `open URI ADDRESS`, `message text|binary BYTES SHA256`, `request
 * METHOD PATH BYTES URI|-`, `end CODE FAULT MS BYTES-IN BYTES-OUT REKEYS TEXT` (MS since it was
 * accepted).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "net/role_conn.h"
#include "os/clock.h"

#define ROLES_MAX 4
#define SENT_N 4

struct probe {
        struct loop *loop;
        struct stream_shared *shared;
        struct tls_role_config *config;
        struct role_conn_limits limits;
        char roles_text[64];
        const char *roles[ROLES_MAX + 1];
        uv_poll_t listener;
        int fd;
        bool connects;
        unsigned echoes;
        int result;
        struct conn *conns; /* list */
};

struct conn {
        struct probe *probe;
        struct role_conn *c;
        struct timer late;
        int64_t since_us;
        struct conn *next, **link;
};

static void must(int r, const struct err *e)
{
        if (r >= 0)
                return;
        fprintf(stderr, "role_conn_probe: %s\n", e->text);
        exit(64);
}

static void read_file(const char *dir, const char *name, struct buf *to)
{
        char path[512];
        uint8_t block[4096];
        struct err e;
        size_t n;

        snprintf(path, sizeof path, "%s/%s", dir, name);
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

static void read_cert(const char *dir, const char *name, struct buf *to)
{
        struct buf pem;
        struct err e;

        read_file(dir, name, &pem);
        buf_init(to, X509_CERT_MAX);
        must(x509_pem_parse(buf_bytes(&pem), 0, to, &e), &e);
        buf_done(&pem);
}

static struct tls_role_config *config_of(const char *site, const char *dir)
{
        struct buf root, nodes, chain, key_text;
        struct tls_role_config *c;
        struct sign_key *key;
        struct err e;

        read_cert(dir, "root.crt", &root);
        read_cert(dir, "nodes.crt", &nodes);
        read_file(dir, "node.pem", &chain);
        read_file(dir, "node.key", &key_text);
        must(sign_key_parse(buf_bytes(&key_text), &key, &e), &e);
        const struct tls_role_identity id = { .site = site,
                .root_der = buf_bytes(&root),
                .issuer_der = buf_bytes(&nodes),
                .chain_pem = buf_bytes(&chain),
                .key = key };
        must(tls_role_config_new(&id, &c, &e), &e);
        sign_key_free(key);
        buf_done(&root);
        buf_done(&nodes);
        buf_done(&chain);
        buf_done(&key_text);
        return c;
}

static void conn_free(struct conn *k)
{
        *k->link = k->next;
        if (k->next)
                k->next->link = k->link;
        timer_done(&k->late);
        role_conn_free(k->c);
        free(k);
}

static void on_open(void *owner, struct role_conn *c)
{
        static char text[131072];
        struct conn *k = owner;
        struct role_conn_state s;
        struct err e;

        role_conn_state(c, &s);
        printf("open %s %s\n", role_conn_peer(c)->uri, s.address);
        if (!k->probe->connects)
                return;
        memset(text, 'x', sizeof text);
        must(role_conn_send(c, true, BYTES(text, 0), &e), &e);
        must(role_conn_send(c, true, BYTES(text, 126), &e), &e);
        must(role_conn_send(c, true, BYTES(text, sizeof text), &e), &e);
        must(role_conn_send(c, false, BYTES("\xff\0\xfe", 3), &e), &e);
}

static int on_message(void *owner, struct role_conn *c, bool text, struct bytes m, struct err *e)
{
        struct conn *k = owner;
        uint8_t sum[HASH_BYTES];
        char hex[2 * HASH_BYTES + 1];

        hash_once(m, sum);
        printf("message %s %zu %s\n", text ? "text" : "binary", m.n,
                str_hex(hex, BYTES(sum, sizeof sum)));
        if (k->probe->connects) {
                if (++k->probe->echoes == SENT_N)
                        role_conn_close(c, 1000, "all came back");
                return 0;
        }
        if (str_is(m, "close"))
                role_conn_close(c, 4000, "as you wish");
        else if (str_is(m, "refuse"))
                return err_set(e, ERR_DENIED, "as you wish");
        else if (str_is(m, "rekey") && role_conn_rekey(c, e) < 0)
                return ERR_INTERNAL;
        return str_is(m, "close") ? 0 : role_conn_send(c, text, m, e);
}

static void on_late(void *owner)
{
        struct conn *k = owner;

        (void)!role_conn_answer(k->c, 200, NULL, bytes_str("late\n"), NULL);
}

static void on_request(void *owner, struct role_conn *c, const struct http_request *r)
{
        static const char *const ask[] = { "WWW-Authenticate: Certificate", NULL };
        const struct tls_role_peer *peer = role_conn_peer(c);
        struct conn *k = owner;
        const bool get = strcmp(r->method, "GET") == 0;
        struct err e;

        printf("request %s %s %zu %s\n", r->method, r->path, r->body.n, peer ? peer->uri : "-");
        if (get && strcmp(r->path, "/hello") == 0)
                must(role_conn_answer(c, peer ? 200 : 401, peer ? NULL : ask,
                             bytes_str(peer ? peer->uri : "who?\n"), &e),
                        &e);
        else if (!get && strcmp(r->path, "/echo") == 0)
                must(role_conn_answer(c, 200, NULL, r->body, &e), &e);
        else if (get && strcmp(r->path, "/late") == 0)
                timer_start(&k->late, k->probe->loop, 300, 0, on_late, k);
        else
                must(role_conn_answer(c, 404, NULL, bytes_str("nothing here\n"), &e), &e);
}

static void on_end(void *owner, struct role_conn *c, const struct err *why)
{
        struct conn *k = owner;
        struct role_conn_state s;

        role_conn_state(c, &s);
        printf("end %s %s %lld %llu %llu %llu %s\n", err_name(why->code), fault_name(why->fault),
                (long long)(clock_boot_us() - k->since_us) / 1000, (unsigned long long)s.bytes_in,
                (unsigned long long)s.bytes_out, (unsigned long long)(s.rekeys_in + s.rekeys_out),
                why->text);
        if (k->probe->connects) {
                k->probe->result = k->probe->echoes == SENT_N && why->code == ERR_CANCELLED ? 0 : 2;
                loop_stop(k->probe->loop);
        }
        conn_free(k);
}

static const struct role_conn_events events = { on_open, on_message, NULL, on_request, on_end };

static void begin(struct probe *p, int fd, struct tls *t)
{
        struct conn *k = xcalloc(1, sizeof *k);
        struct err e;
        int r;

        k->probe = p;
        k->since_us = clock_boot_us();
        k->next = p->conns;
        k->link = &p->conns;
        if (k->next)
                k->next->link = &k->next;
        p->conns = k;
        r = p->connects ? role_conn_connect(p->shared, fd, t, &events, k, &k->c, &e)
                        : role_conn_accept(p->shared, fd, t, &events, k, &k->c, &e);
        must(r, &e);
        role_conn_limit(k->c, &p->limits);
}

static void on_connection(uv_poll_t *h, int status, int what)
{
        struct probe *p = h->data;
        struct tls *t = NULL;
        struct err e;
        int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        (void)status;
        (void)what;
        if (fd < 0)
                return;
        must(tls_role_server_new(p->config, p->roles, clock_wall_us(), &t, &e), &e);
        begin(p, fd, t);
}

static void listen_here(struct probe *p)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof at;

        p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (bind(p->fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(p->fd, 64) < 0 ||
                getsockname(p->fd, (struct sockaddr *)&at, &n) < 0) {
                perror("listening");
                exit(64);
        }
        uv_poll_init(loop_uv(p->loop), &p->listener, p->fd);
        p->listener.data = p;
        uv_poll_start(&p->listener, UV_READABLE, on_connection);
        printf("port %u\n", ntohs(at.sin_port));
}

static void connect_there(struct probe *p, const char *role, const char *name, unsigned port)
{
        const struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct tls *t = NULL;
        struct err e;

        p->connects = true;
        if (connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
                perror("connecting");
                exit(64);
        }
        must(tls_role_client_new(p->config, role, name, clock_wall_us(), &t, &e), &e);
        begin(p, fd, t);
}

static void take_limit(struct role_conn_limits *l, const char *word)
{
        const char *value = strchr(word, '=');
        unsigned ms = value ? (unsigned)strtoul(value + 1, NULL, 10) : 0;

        if (strncmp(word, "open=", 5) == 0)
                l->open_ms = ms;
        else if (strncmp(word, "ping=", 5) == 0)
                l->ping_ms = ms;
        else if (strncmp(word, "silence=", 8) == 0)
                l->silence_ms = ms;
        else if (strncmp(word, "close=", 6) == 0)
                l->close_ms = ms;
}

int main(int argc, char **argv)
{
        struct probe p = { .loop = loop_new(), .fd = -1, .result = 0 };
        const bool listens = argc >= 5 && strcmp(argv[1], "listen") == 0;
        int first = listens ? 5 : 7;
        unsigned n = 0;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (!listens && (argc < 7 || strcmp(argv[1], "connect") != 0))
                return 64;
        for (int i = first; i < argc; i++)
                take_limit(&p.limits, argv[i]);
        p.shared = stream_shared_new(p.loop);
        p.config = config_of(argv[2], argv[3]);
        loop_catch_signals(p.loop, NULL, NULL);
        if (listens) {
                char *rest = p.roles_text, *role;

                snprintf(p.roles_text, sizeof p.roles_text, "%s", argv[4]);
                while ((role = strsep(&rest, ",")) && n < ROLES_MAX)
                        p.roles[n++] = role;
                listen_here(&p);
        } else {
                connect_there(&p, argv[4], argv[5], (unsigned)strtoul(argv[6], NULL, 10));
        }
        loop_run(p.loop);
        while (p.conns)
                conn_free(p.conns);
        if (listens) {
                uv_close((uv_handle_t *)&p.listener, NULL);
                close(p.fd);
        }
        tls_role_config_free(p.config);
        stream_shared_free(p.shared);
        loop_free(p.loop);
        return p.result;
}
