/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One end of a link between roles on this machine, for the tests to meet with other programs.
 *
 *     role_tls_probe accept SITE KEY CHAIN ROOT ROLE[,ROLE...]
 *     role_tls_probe connect SITE KEY CHAIN ROOT ROLE NAME|- PORT [CRLS]
 *
 * Prints a JSON object a line: listening (port); then of each connection (number): ready (peer or
 * null, tls, cipher), data (text), state (rekeys_sent, rekeys_received), ended (refusal, text).
 * Sends back what it accepted, and says "greetings" where it connected.
 *
 * Is told, a line each, on stdin, for all connections: `rekey`, `state`, `crls FILE` (in force from
 * now on; who lives is judged again), `days N` (judged again as in N days). Ends with stdin.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/tls_role.h"
#include "crypto/x509.h"
#include "net/stream.h"
#include "os/clock.h"

#define LINKS_MAX 64
#define ROLES_MAX 4
#define DAY_US INT64_C(86400000000)

struct probe;

struct link {
        struct probe *probe;
        struct stream *stream;
        struct tls *tls; /* the stream's */
        unsigned number;
};

struct probe {
        struct loop *loop;
        struct stream_shared *shared;
        struct tls_role_config *config;
        const char *roles[ROLES_MAX + 1];
        struct link links[LINKS_MAX];
        unsigned links_n;
        bool accepts;
        int listening;
        uv_poll_t incoming, told;
        char line[512];
        size_t line_n;
};

static void must(int r, const struct err *e)
{
        if (r >= 0)
                return;
        fprintf(stderr, "role_tls_probe: %s\n", e->text);
        exit(64);
}

/* Takes o. */
static void say(const char *event, const struct link *l, json_t *o)
{
        json_object_set_new(o, "event", json_string(event));
        if (l)
                json_object_set_new(o, "link", json_integer(l->number));
        json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        printf("\n");
        fflush(stdout);
        json_decref(o);
}

static void read_file(const char *path, struct buf *to)
{
        FILE *f = fopen(path, "re");
        uint8_t block[4096];
        size_t n;
        struct err e;

        if (!f) {
                perror(path);
                exit(64);
        }
        buf_init(to, X509_PEM_MAX);
        while ((n = fread(block, 1, sizeof block, f)) > 0)
                must(buf_append(to, BYTES(block, n), &e), &e);
        fclose(f);
}

static void on_ready(void *owner, struct stream *s)
{
        struct link *l = owner;
        struct tls_role_peer peer;
        char version[8];
        json_t *shown = json_null();

        if (tls_role_peer(l->tls, &peer))
                shown = json_pack(
                        "{s:s, s:s, s:s}", "uri", peer.uri, "role", peer.role, "name", peer.name);
        snprintf(version, sizeof version, "%04x", (unsigned)tls_version(l->tls));
        say("ready", l,
                json_pack("{s:o, s:s, s:s}", "peer", shown, "tls", version, "cipher",
                        tls_cipher(l->tls)));
        if (!l->probe->accepts)
                (void)!stream_write(s, bytes_str("greetings\n"), NULL);
}

static int on_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct link *l = owner;
        char text[256];

        say("data", l, json_pack("{s:s}", "text", str_escape(text, sizeof text, plain)));
        return l->probe->accepts ? stream_write(s, plain, e) : 0;
}

static void link_end(struct link *l, const char *refusal, const char *text)
{
        say("ended", l, json_pack("{s:s, s:s}", "refusal", refusal, "text", text));
        l->stream = stream_free(l->stream);
        l->tls = NULL;
}

static void on_end(void *owner, struct stream *s, const struct err *why)
{
        (void)s;
        link_end(owner, fault_name(why->fault), why->text);
}

static const struct stream_events events = { on_ready, on_data, NULL, on_end };

static void take(struct probe *p, int fd, struct tls *t)
{
        const struct stream_options o = { .client = !p->accepts };
        struct link *l = &p->links[p->links_n];
        struct err e;

        *l = (struct link){ .probe = p, .tls = t, .number = p->links_n++ };
        must(stream_new(p->shared, fd, t, &o, &events, l, &l->stream, &e), &e);
}

static void on_incoming(uv_poll_t *h, int status, int events_seen)
{
        struct probe *p = h->data;
        int fd = accept4(p->listening, NULL, NULL, SOCK_CLOEXEC);
        struct tls *t = NULL;
        struct err e;

        (void)status;
        (void)events_seen;
        if (fd < 0 || p->links_n == LINKS_MAX)
                exit(65);
        must(tls_role_server_new(p->config, p->roles, clock_wall_us(), &t, &e), &e);
        take(p, fd, t);
}

/* Every living link by what is in force, `days` from now. */
static void judge(struct probe *p, int days)
{
        for (unsigned i = 0; i < p->links_n; i++) {
                struct link *l = &p->links[i];
                struct err e;
                if (l->stream && tls_established(l->tls) &&
                        tls_role_recheck(l->tls, p->config, clock_wall_us() + days * DAY_US, &e) <
                                0)
                        link_end(l, fault_name(e.fault), e.text);
        }
}

static void link_state(const struct link *l)
{
        uint64_t sent = 0, received = 0;

        tls_rekeys(l->tls, &sent, &received);
        say("state", l,
                json_pack("{s:I, s:I}", "rekeys_sent", (json_int_t)sent, "rekeys_received",
                        (json_int_t)received));
}

static void set_crls(struct probe *p, const char *path)
{
        struct buf pem;
        struct err e;

        read_file(path, &pem);
        must(tls_role_config_crls(p->config, buf_bytes(&pem), &e), &e);
        buf_done(&pem);
}

static void told(struct probe *p, const char *line)
{
        struct err e;

        for (unsigned i = 0; i < p->links_n; i++) {
                struct link *l = &p->links[i];
                if (!l->stream)
                        continue;
                if (strcmp(line, "state") == 0)
                        link_state(l);
                if (strcmp(line, "rekey") == 0) {
                        must(tls_rekey(l->tls, &e), &e);
                        stream_hold(l->stream, false); /* sends what stands in tls_output */
                }
        }
        if (strncmp(line, "crls ", 5) == 0) {
                set_crls(p, line + 5);
                judge(p, 0);
        } else if (strncmp(line, "days ", 5) == 0) {
                judge(p, atoi(line + 5));
        }
}

static void on_told(uv_poll_t *h, int status, int events_seen)
{
        struct probe *p = h->data;
        ssize_t n = read(0, p->line + p->line_n, sizeof p->line - p->line_n);

        (void)status;
        (void)events_seen;
        if (n <= 0) {
                loop_stop(p->loop);
                return;
        }
        p->line_n += (size_t)n;
        for (char *end; (end = memchr(p->line, '\n', p->line_n));) {
                *end++ = '\0';
                told(p, p->line);
                p->line_n -= (size_t)(end - p->line);
                memmove(p->line, end, p->line_n);
        }
}

static void set_config(struct probe *p, char **argv)
{
        struct buf key_pem, chain, root_pem, root, issuer;
        struct sign_key *key = NULL;
        struct err e;

        read_file(argv[3], &key_pem);
        read_file(argv[4], &chain);
        read_file(argv[5], &root_pem);
        buf_init(&root, X509_CERT_MAX);
        buf_init(&issuer, X509_CERT_MAX);
        must(sign_key_parse(buf_bytes(&key_pem), &key, &e), &e);
        must(x509_pem_parse(buf_bytes(&root_pem), 0, &root, &e), &e);
        must(x509_pem_parse(buf_bytes(&chain), 1, &issuer, &e), &e);
        const struct tls_role_identity id = { argv[2], buf_bytes(&root), buf_bytes(&issuer),
                buf_bytes(&chain), key };
        must(tls_role_config_new(&id, &p->config, &e), &e);
        sign_key_freep(&key);
        buf_done(&key_pem);
        buf_done(&chain);
        buf_done(&root_pem);
        buf_done(&root);
        buf_done(&issuer);
}

static void start_accept(struct probe *p, char *roles)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof at;
        char *rest = roles;

        for (unsigned i = 0; i < ROLES_MAX && rest; i++)
                p->roles[i] = strsep(&rest, ",");
        p->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (bind(p->listening, (struct sockaddr *)&at, sizeof at) < 0 ||
                listen(p->listening, 16) < 0 ||
                getsockname(p->listening, (struct sockaddr *)&at, &n) < 0)
                exit(65);
        uv_poll_init(loop_uv(p->loop), &p->incoming, p->listening);
        p->incoming.data = p;
        uv_poll_start(&p->incoming, UV_READABLE, on_incoming);
        say("listening", NULL, json_pack("{s:i}", "port", ntohs(at.sin_port)));
}

static void start_connect(struct probe *p, const char *role, const char *name, const char *port)
{
        struct sockaddr_in to = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)atoi(port)),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct tls *t = NULL;
        struct err e;

        if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
                perror("connect");
                exit(65);
        }
        must(tls_role_client_new(
                     p->config, role, strcmp(name, "-") ? name : NULL, clock_wall_us(), &t, &e),
                &e);
        take(p, fd, t);
}

int main(int argc, char **argv)
{
        struct probe p = { .loop = loop_new(), .listening = -1 };

        if (argc < 7 || argc > 10)
                return 64;
        p.shared = stream_shared_new(p.loop);
        p.accepts = strcmp(argv[1], "accept") == 0;
        set_config(&p, argv);
        if (argc == 10)
                set_crls(&p, argv[9]);
        uv_poll_init(loop_uv(p.loop), &p.told, 0);
        p.told.data = &p;
        uv_poll_start(&p.told, UV_READABLE | UV_DISCONNECT, on_told);
        if (p.accepts)
                start_accept(&p, argv[6]);
        else if (argc >= 9)
                start_connect(&p, argv[6], argv[7], argv[8]);
        loop_run(p.loop);
        for (unsigned i = 0; i < p.links_n; i++)
                stream_free(p.links[i].stream);
        stream_shared_free(p.shared);
        tls_role_config_free(p.config);
        loop_free(p.loop);
        if (p.listening >= 0)
                close(p.listening);
        return 0;
}
