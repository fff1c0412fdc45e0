/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs ingest/camera against a camera on this machine and prints what comes out, a line each, for
 * the tests to compare with what other programs say.
 *
 *     ingest_probe URL CA.pem USER PASSWORD-FILE UNITS [paced]
 *
 *     start protection=3 version=0304 tracks=h264:768x432,aac:16000
 *     unit TRACK PTS key|- lost|- SENDER-US NAL-SHA256,NAL-SHA256,...
 *     lost REFUSAL TEXT
 *
 * Ends after UNITS units (0) or when the connection is lost (2).
 */
#include <arpa/inet.h>
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

static void need_socket(void *owner, struct camera *c, enum camera_socket kind)
{
        const struct probe *p = owner;
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(p->url.port) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct err e;

        if (kind != CAMERA_SOCKET_MAIN || inet_pton(AF_INET, p->url.host, &to.sin_addr) != 1 ||
                connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
                close(fd);
                err_set(&e, ERR_UNAVAILABLE, "connect");
                camera_no_socket(c, &e);
                return;
        }
        camera_socket(c, fd);
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
        if (!media_is_video(p->connection.tracks[track].codec)) {
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
        const struct camera_options o = { .name = "probe-main",
                .url = argv[1],
                .user = argv[3],
                .password = &password,
                .tls = tls,
                .transport = CAMERA_TLS,
                .pace_ms = argc > 6 ? 40 : 0 };

        p.camera = camera_new(p.loop, &o, &events, &p);
        camera_start(p.camera);
        loop_run(p.loop);
        camera_free(p.camera);
        loop_free(p.loop);
        tls_client_config_free(tls);
        secret_done(&password);
        buf_done(&roots);
        buf_done(&password_text);
        return p.result;
}
