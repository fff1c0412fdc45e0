/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripted_rtsp.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "os/clock.h"

/* A test's own preparations do not fail; if they do, it ends here and says what failed. */
static void scripted_must(int r, const struct err *e, const char *what)
{
        if (r >= 0)
                return;
        fprintf(stderr, "%s: %s\n", what, e->text);
        abort();
}

/* ---- certificates ---- */

#define DAY_US (24 * 3600 * INT64_C(1000000))

static void issue(enum x509_purpose purpose, const char *const *ip, bool expired,
        struct sign_key *subject, struct bytes issuer, struct sign_key *issuer_key, struct buf *pem,
        struct buf *der)
{
        struct x509_request r = { .purpose = purpose,
                .common_name = "test",
                .ip = ip,
                .not_before_us = clock_wall_us() - 10 * DAY_US,
                .not_after_us = clock_wall_us() + (expired ? -DAY_US : DAY_US) };
        struct err e;

        if (purpose == X509_ROOT) { /* outlives what it issues a moment later */
                r.not_before_us -= DAY_US;
                r.not_after_us += DAY_US;
        }

        buf_init(der, 65536);
        scripted_must(x509_issue(&r, subject, issuer, issuer_key, der, &e), &e, "issue");
        scripted_must(x509_pem_format(buf_bytes(der), pem, &e), &e, "pem");
}

void scripted_pki_init(struct scripted_pki *p, enum scripted_fault fault)
{
        static const char *const right[] = { "127.0.0.1", NULL }, *const wrong[] = { "127.0.0.2",
                NULL };
        struct sign_key *ca = sign_key_generate(), *other = sign_key_generate(),
                        *cam = sign_key_generate();
        const char *const *ip = fault == SCRIPTED_WRONG_NAME ? wrong : right;
        bool self = fault == SCRIPTED_SELF_SIGNED;
        struct buf roots, chain, ca_der, other_der, cam_der, rest, rest_der;
        struct err e;

        buf_init(&roots, 65536);
        buf_init(&chain, 65536);
        buf_init(&rest, 65536);
        issue(X509_ROOT, NULL, false, ca, BYTES(NULL, 0), ca, &roots, &ca_der);
        issue(X509_ROOT, NULL, false, other, BYTES(NULL, 0), other, &rest, &other_der);
        if (self)
                issue(X509_ROOT, ip, false, cam, BYTES(NULL, 0), cam, &chain, &cam_der);
        else if (fault == SCRIPTED_OTHER_CA)
                issue(X509_CAMERA, ip, false, cam, buf_bytes(&other_der), other, &chain, &cam_der);
        else
                issue(X509_CAMERA, ip, fault == SCRIPTED_EXPIRED, cam, buf_bytes(&ca_der), ca,
                        &chain, &cam_der);
        scripted_must(
                tls_client_config_new(buf_bytes(&roots), &p->client, &e), &e, "client config");
        scripted_must(
                tls_server_config_new(buf_bytes(&chain), cam, &p->server, &e), &e, "server config");
        sign_key_id(cam, p->camera_key);
        buf_clear(&chain);
        issue(X509_CAMERA, right, false, other, buf_bytes(&ca_der), ca, &chain, &rest_der);
        scripted_must(tls_server_config_new(buf_bytes(&chain), other, &p->second, &e), &e,
                "second config");
        buf_done(&rest_der);
        buf_done(&roots);
        buf_done(&chain);
        buf_done(&rest);
        buf_done(&ca_der);
        buf_done(&other_der);
        buf_done(&cam_der);
        sign_key_free(ca);
        sign_key_free(other);
        sign_key_free(cam);
}

void scripted_pki_done(struct scripted_pki *p)
{
        p->client = tls_client_config_free(p->client);
        p->server = tls_server_config_free(p->server);
        p->second = tls_server_config_free(p->second);
}

/* ---- the server ---- */

static void scripted_go_on(struct scripted_rtsp *s);

void scripted_rtsp_send(struct scripted_rtsp *s, struct bytes b)
{
        size_t piece = s->piece_bytes ? s->piece_bytes : b.n;
        struct stream *to =
                s->tunnel.answers_on_post && s->tunnel.post ? s->tunnel.post : s->stream;

        /* A client that has gone is what some tests are about. */
        for (size_t at = 0; at < b.n && !s->ended; at += piece)
                s->ended = stream_write(to, bytes_sub(b, at, piece), NULL) < 0;
}

static void scripted_send_step(struct scripted_rtsp *s, const struct scripted_step *step)
{
        struct buf out;
        struct err e;

        buf_init(&out, 1 << 20);
        if (step->status) {
                scripted_must(
                        buf_printf(&out, &e, "RTSP/1.0 %s\r\nCSeq: %u\r\n", step->status, s->cseq),
                        &e, "reply");
                if (step->body)
                        scripted_must(
                                buf_printf(&out, &e, "Content-Length: %zu\r\n", strlen(step->body)),
                                &e, "reply");
                scripted_must(
                        buf_printf(&out, &e, "\r\n%s", step->body ? step->body : ""), &e, "reply");
        }
        scripted_must(buf_append(&out, step->after, &e), &e, "reply");
        scripted_rtsp_send(s, buf_bytes(&out));
        buf_done(&out);
        if (step->drop)
                shutdown(s->fd, SHUT_RDWR);
        if (step->close || step->drop)
                s->ended = true;
        if (s->at == s->steps_n && s->on_finished)
                s->on_finished(s->owner);
}

static void scripted_on_wait(void *owner)
{
        struct scripted_rtsp *s = owner;

        s->waiting = false;
        scripted_send_step(s, &s->steps[s->at++]);
        scripted_go_on(s);
}

/* One request, or false: none is complete. */
static bool scripted_take_request(struct scripted_rtsp *s, char method[static 32])
{
        struct err e;

        while (s->in.n >= 4 && s->in.p[0] == '$') {
                size_t n = (size_t)s->in.p[2] << 8 | s->in.p[3];

                if (s->in.n < 4 + n)
                        return false;
                s->frames++;
                s->frame_channel = s->in.p[1];
                s->frame_n = n < sizeof s->frame ? n : sizeof s->frame;
                memcpy(s->frame, s->in.p + 4, s->frame_n);
                buf_consume(&s->in, 4 + n);
        }
        const uint8_t *end = s->in.n ? memmem(s->in.p, s->in.n, "\r\n\r\n", 4) : NULL;

        if (!end)
                return false;
        struct bytes head = BYTES(s->in.p, (size_t)(end - s->in.p) + 4);
        char text[4096];

        assert(head.n < sizeof text);
        memcpy(text, head.p, head.n);
        text[head.n] = '\0';
        sscanf(text, "%31s", method);
        const char *cseq = strstr(text, "CSeq: ");

        s->cseq = cseq ? (uint32_t)strtoul(cseq + 6, NULL, 10) : 0;
        scripted_must(buf_append(&s->requests, head, &e), &e, "requests");
        s->requests_n++;
        buf_consume(&s->in, head.n);
        if (s->tunnel.post_closes)
                s->tunnel.post = stream_free(s->tunnel.post);
        return true;
}

static void scripted_go_on(struct scripted_rtsp *s)
{
        const struct scripted_step surprise = { .status = "555 Not In The Script" };
        char method[32];

        while (!s->waiting && !s->ended) {
                const struct scripted_step *step = s->at < s->steps_n ? &s->steps[s->at] : NULL;

                if (!step || step->method) {
                        if (!scripted_take_request(s, method))
                                return;
                        if (strncmp(method, "RTSP/", 5) == 0)
                                continue; /* an answer to a request of ours */
                        if (!step || strcmp(step->method, method) != 0) {
                                scripted_send_step(s, &surprise);
                                continue;
                        }
                }
                if (step->wait_ms) {
                        s->waiting = true;
                        timer_start(&s->wait, s->loop, step->wait_ms, 0, scripted_on_wait, s);
                        return;
                }
                s->at++;
                scripted_send_step(s, step);
        }
        if (s->ended)
                s->stream = stream_free(s->stream);
}

static void scripted_on_ready(void *owner, struct stream *stream)
{
        struct scripted_rtsp *s = owner;

        (void)stream;
        s->ready = true;
        if (!s->tunnel.on)
                scripted_go_on(s);
}

/* ---- the tunnel ---- */

/* Answers the head of a GET or POST; false: the connection was refused. */
static bool scripted_answer_head(struct scripted_rtsp *s, struct stream *stream, bool post)
{
        struct scripted_tunnel *t = &s->tunnel;
        unsigned *n = post ? &t->posts : &t->gets;
        const char *refusal = *n < 4 ? (post ? t->post_refusals : t->refusals)[*n] : NULL;
        struct buf out;
        struct err e;

        ++*n;
        buf_init(&out, 4096);
        scripted_must(buf_printf(&out, &e, "HTTP/1.0 %s\r\nContent-Type: %s\r\n\r\n",
                              refusal ? refusal : "200 OK",
                              refusal ? "text/plain" : "application/x-rtsp-tunnelled"),
                &e, "answer");
        if (refusal || !post || t->post_ok)
                (void)!stream_write(stream, buf_bytes(&out), NULL);
        buf_done(&out);
        return !refusal;
}

static void scripted_take_base64(struct scripted_rtsp *s, struct bytes b)
{
        struct scripted_tunnel *t = &s->tunnel;
        uint8_t plain[3];
        struct err e;

        scripted_must(buf_append(&t->base64, b, &e), &e, "base64");
        for (; t->base64.n >= 4; buf_consume(&t->base64, 4)) {
                int n = str_unbase64(plain, sizeof plain, BYTES(t->base64.p, 4), &e);

                scripted_must(n, &e, "base64");
                scripted_must(buf_append(&s->in, BYTES(plain, (size_t)n), &e), &e, "requests");
        }
        scripted_go_on(s);
}

static void scripted_take_tunnel(struct scripted_rtsp *s, struct stream *stream, struct bytes b)
{
        struct scripted_tunnel *t = &s->tunnel;
        const uint8_t *end;
        struct err e;

        if (stream == t->post) {
                scripted_take_base64(s, b);
                return;
        }
        scripted_must(buf_append(&t->head, b, &e), &e, "head");
        end = memmem(t->head.p, t->head.n, "\r\n\r\n", 4);
        if (!end)
                return;
        struct bytes head = BYTES(t->head.p, (size_t)(end - t->head.p) + 4);
        bool post = head.p[0] == 'P';

        scripted_must(buf_append(&t->heads, head, &e), &e, "heads");
        if (stream == t->fresh)
                t->fresh = NULL;
        if (!scripted_answer_head(s, stream, post)) {
                if (stream == s->stream)
                        s->stream = NULL;
                stream_free(stream);
        } else if (post) {
                stream_free(t->post);
                t->post = stream;
                struct bytes rest = BYTES(end + 4, t->head.n - (size_t)(end + 4 - t->head.p));
                scripted_take_base64(s, rest);
        } else {
                s->stream = stream;
        }
        buf_clear(&t->head);
}

static int scripted_on_data(void *owner, struct stream *stream, struct bytes plain, struct err *e)
{
        struct scripted_rtsp *s = owner;
        int r;

        if (s->tunnel.on) {
                scripted_take_tunnel(s, stream, plain);
                return 0;
        }
        r = buf_append(&s->in, plain, e);
        if (r >= 0)
                scripted_go_on(s);
        return r;
}

static void scripted_on_end(void *owner, struct stream *stream, const struct err *why)
{
        struct scripted_rtsp *s = owner;

        (void)why;
        if (stream == s->tunnel.fresh)
                s->tunnel.fresh = stream_free(stream);
        else if (stream == s->tunnel.post)
                s->tunnel.post = stream_free(stream);
        else
                s->ended = true;
}

static const struct stream_events scripted_events = { scripted_on_ready, scripted_on_data, NULL,
        scripted_on_end };

static struct stream *scripted_stream(struct scripted_rtsp *s, const struct scripted_pki *p, int fd)
{
        const struct stream_options o = { .plain = !p, .output_max_bytes = 4 << 20 };
        struct stream *stream;
        struct tls *t = NULL;
        struct err e;

        if (p)
                scripted_must(tls_server_new(p->server, &t, &e), &e, "server session");
        scripted_must(stream_new(s->shared, fd, t, &o, &scripted_events, s, &stream, &e), &e,
                "server stream");
        return stream;
}

void scripted_rtsp_connection(struct scripted_rtsp *s, const struct scripted_pki *p, int fd)
{
        stream_free(s->tunnel.fresh);
        s->tunnel.fresh = scripted_stream(s, p, fd);
}

void scripted_rtsp_init(struct scripted_rtsp *s, struct loop *l, const struct scripted_pki *p,
        int fd, const struct scripted_step *steps, unsigned steps_n, unsigned piece_bytes)
{
        *s = (struct scripted_rtsp){
                .loop = l, .fd = fd, .steps = steps, .steps_n = steps_n, .piece_bytes = piece_bytes
        };
        s->shared = stream_shared_new(l);
        buf_init(&s->in, SCRIPTED_REQUESTS_MAX);
        buf_init(&s->requests, SCRIPTED_REQUESTS_MAX);
        buf_init(&s->tunnel.heads, SCRIPTED_REQUESTS_MAX);
        buf_init(&s->tunnel.head, SCRIPTED_REQUESTS_MAX);
        buf_init(&s->tunnel.base64, SCRIPTED_REQUESTS_MAX);
        s->stream = scripted_stream(s, p, fd);
}

void scripted_rtsp_done(struct scripted_rtsp *s)
{
        s->stream = stream_free(s->stream);
        s->tunnel.post = stream_free(s->tunnel.post);
        s->tunnel.fresh = stream_free(s->tunnel.fresh);
        buf_done(&s->tunnel.heads);
        buf_done(&s->tunnel.head);
        buf_done(&s->tunnel.base64);
        timer_done(&s->wait);
        s->shared = stream_shared_free(s->shared);
        buf_done(&s->in);
        buf_done(&s->requests);
}

static unsigned scripted_count(const struct buf *b, const char *text)
{
        const uint8_t *at = b->p, *end = at + b->n;
        unsigned n = 0;

        while (at && (at = memmem(at, (size_t)(end - at), text, strlen(text)))) {
                n++;
                at++;
        }
        return n;
}

unsigned scripted_rtsp_count(const struct scripted_rtsp *s, const char *text)
{
        return scripted_count(&s->requests, text);
}

unsigned scripted_tunnel_count(const struct scripted_rtsp *s, const char *text)
{
        return scripted_count(&s->tunnel.heads, text);
}

/* ---- packets ---- */

static void scripted_frame(
        struct buf *to, uint8_t channel, const uint8_t *head, size_t head_n, struct bytes rest)
{
        size_t n = head_n + rest.n;
        const uint8_t frame[4] = { '$', channel, (uint8_t)(n >> 8), (uint8_t)n };
        struct err e;

        scripted_must(buf_append(to, BYTES(frame, 4), &e), &e, "packet");
        scripted_must(buf_append(to, BYTES(head, head_n), &e), &e, "packet");
        scripted_must(buf_append(to, rest, &e), &e, "packet");
}

static void scripted_put32(uint8_t *to, uint32_t v)
{
        to[0] = (uint8_t)(v >> 24);
        to[1] = (uint8_t)(v >> 16);
        to[2] = (uint8_t)(v >> 8);
        to[3] = (uint8_t)v;
}

/* RFC 3550 section 5.1, written out here apart from proto/rtp.c. */
void scripted_rtp(struct buf *to, uint8_t channel, uint8_t payload_type, bool marker,
        uint16_t sequence, uint32_t timestamp, uint32_t ssrc, struct bytes payload)
{
        uint8_t head[12] = { 0x80, (uint8_t)((marker ? 0x80 : 0) | payload_type),
                (uint8_t)(sequence >> 8), (uint8_t)sequence };

        scripted_put32(head + 4, timestamp);
        scripted_put32(head + 8, ssrc);
        scripted_frame(to, channel, head, sizeof head, payload);
}

/* RFC 3550 section 6.4.1. */
void scripted_sender_report(
        struct buf *to, uint8_t channel, uint32_t ssrc, uint64_t ntp, uint32_t timestamp)
{
        uint8_t p[28] = { 0x80, 200, 0, 6 };

        scripted_put32(p + 4, ssrc);
        scripted_put32(p + 8, (uint32_t)(ntp >> 32));
        scripted_put32(p + 12, (uint32_t)ntp);
        scripted_put32(p + 16, timestamp);
        scripted_frame(to, channel, p, sizeof p, BYTES(NULL, 0));
}
