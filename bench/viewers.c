/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * viewers PORT ROOT.pem TARGET N SECONDS: N viewers of one live stream (docs/spec/live.md), each
 * a TLS 1.3 connection of its own, from addresses 127.0.0.2 on, 100 of each; cookies, a line each,
 * come by standard input and are taken in turn. Reads what comes for SECONDS from when all have
 * their first bytes, then prints as JSON what they got. What is read is taken apart no further
 * than messages: a gateway's figure, no test.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/ossl.h"
#include "proto/websocket.h"

#define PER_ADDRESS 100
#define COOKIES_MAX 256
#define COOKIE_ROOM 256
#define READ_BYTES (64 << 10)
#define WAIT_S 60

struct viewer {
        int fd;
        SSL *tls;
        struct websocket_reader *reader;
        uint64_t bytes, messages, skipped;
        bool ended;
};

static char cookies[COOKIES_MAX][COOKIE_ROOM];
static unsigned cookies_n;

static void die(const char *what)
{
        fprintf(stderr, "viewers: %s: %s\n", what, errno ? strerror(errno) : "no");
        ERR_print_errors_fp(stderr);
        exit(1);
}

static double now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_cookies(void)
{
        while (cookies_n < COOKIES_MAX && fgets(cookies[cookies_n], COOKIE_ROOM, stdin)) {
                cookies[cookies_n][strcspn(cookies[cookies_n], "\n")] = '\0';
                cookies_n += cookies[cookies_n][0] != '\0';
        }
        if (cookies_n == 0)
                die("no cookie in standard input");
}

/* A gateway takes 256 connections of one address. */
static int connect_from(unsigned i, unsigned port)
{
        struct sockaddr_in from = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(0x7f000002u + i / PER_ADDRESS) };
        struct sockaddr_in to = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
                connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
                die("connect");
        return fd;
}

static void upgrade(struct viewer *v, unsigned i, unsigned port, const char *target)
{
        char request[1024], answer[4096];
        uint8_t random[16];
        char key[WEBSOCKET_KEY_ROOM];
        size_t n = 0;

        if (getrandom(random, sizeof random, 0) != sizeof random)
                die("random");
        websocket_key(random, key);
        int length = snprintf(request, sizeof request,
                "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nOrigin: https://localhost:%u\r\n"
                "Cookie: __Host-custos=%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Protocol: custos.live.1\r\n\r\n",
                target, port, port, cookies[i % cookies_n], key);
        if (length < 0 || (size_t)length >= sizeof request ||
                SSL_write(v->tls, request, length) != length)
                die("request");
        /* byte by byte, so that no frame is taken for a part of the head */
        while (n < sizeof answer - 1 && (n < 4 || memcmp(answer + n - 4, "\r\n\r\n", 4) != 0)) {
                if (SSL_read(v->tls, answer + n, 1) != 1)
                        die("answer");
                n++;
        }
        answer[n] = '\0';
        if (strncmp(answer, "HTTP/1.1 101 ", 13) != 0) {
                fprintf(stderr, "viewers: %s\n", answer);
                exit(1);
        }
}

static void viewer_open(
        struct viewer *v, SSL_CTX *ctx, unsigned i, unsigned port, const char *target)
{
        v->fd = connect_from(i, port);
        v->tls = SSL_new(ctx);
        if (!v->tls || SSL_set_fd(v->tls, v->fd) != 1 || SSL_set1_host(v->tls, "localhost") != 1 ||
                SSL_set_tlsext_host_name(v->tls, "localhost") != 1 || SSL_connect(v->tls) != 1)
                die("handshake");
        upgrade(v, i, port, target);
        v->reader = websocket_reader_new(false, 64 << 10, 1 << 20);
        fcntl(v->fd, F_SETFL, O_NONBLOCK);
}

static void pong(struct viewer *v, struct bytes payload)
{
        CLEANUP(buf_done) struct buf frame;
        const uint8_t mask[4] = { 1, 2, 3, 4 };
        struct err e;

        buf_init(&frame, 256);
        if (websocket_format(WEBSOCKET_PONG, payload, mask, &frame, &e) < 0 ||
                SSL_write(v->tls, frame.p, (int)frame.n) <= 0)
                v->ended = true;
}

static int on_message(void *owner, const struct websocket_message *m, struct err *e)
{
        struct viewer *v = owner;

        (void)e;
        if (m->kind == WEBSOCKET_BINARY) {
                v->bytes += m->payload.n;
                v->messages++;
        } else if (m->kind == WEBSOCKET_PING) {
                pong(v, m->payload);
        } else if (m->kind == WEBSOCKET_CLOSE) {
                v->ended = true;
        } else if (m->kind == WEBSOCKET_TEXT && m->payload.n > 10 &&
                   memcmp(m->payload.p, "{\"skipped\"", 10) == 0) {
                v->skipped++;
        }
        return 0;
}

static void viewer_read(struct viewer *v)
{
        static uint8_t room[READ_BYTES];
        uint16_t status;
        struct err e;
        int n = 0;

        while (!v->ended && (n = SSL_read(v->tls, room, sizeof room)) > 0) {
                if (websocket_reader_push(
                            v->reader, BYTES(room, (size_t)n), on_message, v, &status, &e) < 0) {
                        fprintf(stderr, "viewers: %s\n", e.text);
                        v->ended = true;
                }
        }
        if (!v->ended && SSL_get_error(v->tls, n) != SSL_ERROR_WANT_READ)
                v->ended = true;
}

static void turn(int poll, struct viewer *all)
{
        struct epoll_event events[64];
        int n = epoll_wait(poll, events, 64, 100);

        for (int i = 0; i < n; i++)
                viewer_read(&all[events[i].data.u32]);
}

static unsigned count_ready(const struct viewer *all, unsigned n)
{
        unsigned ready = 0;

        for (unsigned i = 0; i < n; i++)
                ready += all[i].bytes > 0 || all[i].ended;
        return ready;
}

static void report(const struct viewer *all, unsigned n, double seconds)
{
        uint64_t least = UINT64_MAX, sum = 0, skipped = 0;
        unsigned ended = 0;

        for (unsigned i = 0; i < n; i++) {
                least = all[i].bytes < least ? all[i].bytes : least;
                sum += all[i].bytes;
                skipped += all[i].skipped;
                ended += all[i].ended;
        }
        printf("{\"viewers\": %u, \"seconds\": %.2f, \"ended\": %u, \"skipped\": %" PRIu64
               ", \"bytes\": %" PRIu64 ", \"least_bytes\": %" PRIu64 "}\n",
                n, seconds, ended, skipped, sum, least);
}

static SSL_CTX *context(const char *root)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

        if (!ctx || SSL_CTX_load_verify_locations(ctx, root, NULL) != 1 ||
                SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1)
                die("the root's certificate");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        return ctx;
}

static struct viewer *open_all(
        int poll, unsigned n, unsigned port, SSL_CTX *ctx, const char *target)
{
        struct viewer *all = xcalloc(n, sizeof *all);

        for (unsigned i = 0; i < n; i++) {
                struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
                viewer_open(&all[i], ctx, i, port, target);
                if (epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event) < 0)
                        die("epoll");
                turn(poll, all);
        }
        return all;
}

int main(int argc, char **argv)
{
        struct rlimit files = { 16384, 16384 };
        int poll = epoll_create1(EPOLL_CLOEXEC);

        if (argc != 6 || poll < 0) {
                fprintf(stderr, "usage: viewers PORT ROOT.pem TARGET N SECONDS <cookies\n");
                return 64;
        }
        setrlimit(RLIMIT_NOFILE, &files);
        read_cookies();
        unsigned n = (unsigned)strtoul(argv[4], NULL, 10);
        struct viewer *all =
                open_all(poll, n, (unsigned)strtoul(argv[1], NULL, 10), context(argv[2]), argv[3]);
        double end = now_s() + WAIT_S;
        while (count_ready(all, n) < n && now_s() < end)
                turn(poll, all);
        for (unsigned i = 0; i < n; i++)
                all[i].bytes = all[i].skipped = 0;
        /* The benchmark's window begins with this line. */
        printf("watching\n");
        fflush(stdout);
        double start = now_s(), stop = start + strtod(argv[5], NULL);
        while (now_s() < stop)
                turn(poll, all);
        report(all, n, now_s() - start);
        return 0;
}
