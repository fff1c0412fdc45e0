/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs ingest/camera against a camera on this machine and prints what comes out, a line each, for
 * the tests to compare with what other programs say.
 *
 *     ingest_probe URL CA.pem USER PASSWORD-FILE UNITS [WORD ...]
 *
 * Words: paced; plain, tls-if-available (tls else); tunnel, udp, mjpeg, snapshot (interleaved
 * else); fallback=PORT (where the camera is looked for without TLS); every=MS
 * (snapshots).
 *
 * Says on stderr which sockets are wanted (`want main`, `want datagrams`, then `port 20000`), and
 * at the end `counted packets=N lost=N bad=N`; on stdout:
 *
 *     start protection=3 version=0304 tracks=h264:768x432,aac:16000
 *     unit TRACK PTS key|- lost|- SENDER-US NAL-SHA256,NAL-SHA256,...
 *     lost REFUSAL TEXT
 *
 * Ends after UNITS units (0) or when the connection is lost (2).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "ingest/camera.h"
#include "media/media_config.h"
#include "os/clock.h"
#include "proto/url.h"

struct probe {
        struct url url;
        uint16_t fallback_port; /* where another one is wanted than url_fallback_port says */
        struct loop *loop;
        struct camera *camera;
        struct camera_connection connection;
        unsigned long units, wanted;
        int result;
};

static void must(int r, const struct err *e)
{
        if (r >= 0)
                return;
        fprintf(stderr, "ingest_probe: %s\n", e->text);
        exit(64);
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
        while ((n = fread(block, 1, sizeof block, f)) > 0)
                must(buf_append(to, BYTES(block, n), &e), &e);
        fclose(f);
}

/* Two UDP sockets of adjacent ports, the first even, that cannot send. */
static bool bind_pair(int fds[static 2], uint16_t *ret_port)
{
        for (unsigned port = 20000; port < 60000; port += 2) {
                int bound = 0;

                for (unsigned i = 0; i < 2; i++) {
                        const struct sockaddr_in at = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(port + i)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

                        fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                        bound += bind(fds[i], (const struct sockaddr *)&at, sizeof at) == 0;
                        (void)!shutdown(fds[i], SHUT_WR);
                }
                if (bound == 2) {
                        *ret_port = (uint16_t)port;
                        return true;
                }
                close(fds[0]);
                close(fds[1]);
        }
        return false;
}

static void need_socket(void *owner, struct camera *c, enum camera_socket kind)
{
        static const char *const names[] = { "main", "fallback", "datagrams" };
        const struct probe *p = owner;
        uint16_t port = kind == CAMERA_SOCKET_FALLBACK ? p->fallback_port : p->url.port;
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
        int fds[2] = { -1, -1 };
        struct err e;

        fprintf(stderr, "want %s\n", names[kind]);
        if (kind == CAMERA_SOCKET_DATAGRAMS && bind_pair(fds, &port)) {
                fprintf(stderr, "port %u\n", port);
                camera_datagrams(c, fds, port);
                return;
        }
        fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (inet_pton(AF_INET, p->url.host, &to.sin_addr) != 1 ||
                connect(fds[0], (struct sockaddr *)&to, sizeof to) < 0) {
                close(fds[0]);
                err_fault(&e, ERR_UNAVAILABLE,
                        errno == ECONNREFUSED ? FAULT_CONNECTION_REFUSED : FAULT_NO_CONNECTION,
                        "connect");
                camera_no_socket(c, &e);
                return;
        }
        camera_socket(c, fds[0]);
}

static void on_start(void *owner, struct camera *c, const struct camera_connection *k)
{
        struct probe *p = owner;

        (void)c;
        p->connection = *k;
        printf("start protection=%u version=%04x tracks=", k->protection, (unsigned)k->tls_version);
        for (unsigned i = 0; i < k->tracks_n; i++) {
                const struct media_config *m = &k->tracks[i];

                printf("%s%s:", i ? "," : "", media_config_codec_name(m->codec));
                if (media_is_video(m->codec))
                        printf("%ux%u", m->width, m->height);
                else
                        printf("%u", m->sample_rate);
        }
        printf("\n");
}

static void print_hash(struct bytes b, const char *before)
{
        uint8_t sum[HASH_BYTES];
        char hex[2 * HASH_BYTES + 1];

        hash_once(b, sum);
        printf("%s%s", before, str_hex(hex, BYTES(sum, sizeof sum)));
}

static int on_unit(
        void *owner, struct camera *c, unsigned track, const struct access_unit *u, struct err *e)
{
        struct probe *p = owner;
        const char *before = " ";

        (void)c;
        (void)e;
        printf("unit %u %lld %s %s %lld", track, (long long)u->pts, u->key ? "key" : "-",
                u->lost_before ? "lost" : "-", (long long)u->sender_us);
        if (!media_has_nals(p->connection.tracks[track].codec)) {
                print_hash(u->data, before);
        } else {
                for (size_t at = 0; at + 4 <= u->data.n; before = ",") {
                        const uint8_t *n = u->data.p + at;
                        size_t length =
                                (size_t)n[0] << 24 | (size_t)n[1] << 16 | (size_t)n[2] << 8 | n[3];

                        print_hash(bytes_sub(u->data, at + 4, length), before);
                        at += 4 + length;
                }
        }
        printf("\n");
        if (++p->units == p->wanted)
                loop_stop(p->loop);
        return 0;
}

static void on_lost(void *owner, struct camera *c, const struct err *why)
{
        struct probe *p = owner;

        (void)c;
        printf("lost %s %s\n", why->fault ? fault_name(why->fault) : "ok", why->text);
        p->result = 2;
        loop_stop(p->loop);
}

static void take_word(struct probe *p, struct camera_options *o, const char *word)
{
        static const char *const carriers[] = { "interleaved", "tunnel", "udp", "mjpeg",
                "snapshot" };

        for (unsigned i = 0; i < ARRAY_LEN(carriers); i++)
                if (strcmp(word, carriers[i]) == 0)
                        o->carrier = (enum camera_carrier)i;
        if (strcmp(word, "paced") == 0)
                o->pace_ms = 40;
        else if (strcmp(word, "plain") == 0)
                o->transport = CAMERA_PLAIN;
        else if (strcmp(word, "tls-if-available") == 0)
                o->transport = CAMERA_TLS_IF_AVAILABLE;
        else if (strncmp(word, "every=", 6) == 0)
                o->times.snapshot_ms = (unsigned)atoi(word + 6);
        else if (strncmp(word, "fallback=", 9) == 0)
                p->fallback_port = (uint16_t)atoi(word + 9);
}

int main(int argc, char **argv)
{
        static const struct camera_events events = { need_socket, on_start, on_unit, on_lost };
        struct probe p = { .loop = loop_new() };
        struct buf roots, password_text;
        struct secret password;
        struct tls_client_config *tls;
        struct err e;

        if (argc < 6)
                return 64;
        must(url_parse(argv[1], &p.url, &e), &e);
        buf_init(&roots, 65536);
        buf_init(&password_text, 256);
        read_file(argv[2], &roots);
        read_file(argv[4], &password_text);
        while (password_text.n > 0 && password_text.p[password_text.n - 1] == '\n')
                password_text.n--;
        must(secret_set(&password, buf_bytes(&password_text), &e), &e);
        must(tls_client_config_new(buf_bytes(&roots), &tls, &e), &e);
        log_open("probe", LOG_LEVEL_INFO, clock_log_us);
        p.wanted = strtoul(argv[5], NULL, 10);
        p.fallback_port = url_fallback_port(&p.url);
        struct camera_options o = { .name = "probe-main",
                .url = argv[1],
                .user = argv[3],
                .password = &password,
                .tls = tls,
                .transport = CAMERA_TLS };
        for (int i = 6; i < argc; i++)
                take_word(&p, &o, argv[i]);

        p.camera = camera_new(p.loop, &o, &events, &p);
        camera_start(p.camera);
        loop_run(p.loop);
        const struct camera_counters n = camera_counters(p.camera);
        fprintf(stderr, "counted packets=%llu lost=%llu bad=%llu\n", (unsigned long long)n.packets,
                (unsigned long long)n.lost_packets, (unsigned long long)n.bad_packets);
        camera_free(p.camera);
        loop_free(p.loop);
        tls_client_config_free(tls);
        secret_done(&password);
        buf_done(&roots);
        buf_done(&password_text);
        return p.result;
}
