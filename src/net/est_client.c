/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/est_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/tls_stranger.h"
#include "net/tcp_dial.h"
#include "os/clock.h"
#include "proto/http.h"

#define EST_BODY_MAX (STR_BASE64_ROOM(X509_PKCS7_MAX) * 2) /* with ends of lines, and more */
#define EST_ANSWER_MAX (HTTP_HEAD_MAX + EST_BODY_MAX)
#define EST_REQUEST_MAX (STR_BASE64_ROOM(16384) + 4096)
#define EST_READ_BYTES 16384

/* One request on one connection; either of the two sessions. */
struct est_conn {
        int fd;
        int64_t until_us;
        struct tls_stranger *stranger;
        struct tls *tls;
        struct buf answer;
        bool closed; /* the other side has said so, or hung up */
};

static int est_start(struct est_conn *c, struct err *e)
{
        return c->tls ? tls_start(c->tls, e) : tls_stranger_start(c->stranger, e);
}

static struct buf *est_output(struct est_conn *c)
{
        return c->tls ? tls_output(c->tls) : tls_stranger_output(c->stranger);
}

static int est_on_data(void *owner, struct bytes plain, struct err *e)
{
        struct est_conn *c = owner;

        return buf_append(&c->answer, plain, e) < 0
                       ? err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                                 "an answer of more than %zu bytes", (size_t)EST_ANSWER_MAX)
                       : 0;
}

static int est_feed(struct est_conn *c, struct bytes received, struct err *e)
{
        return c->tls ? tls_feed(c->tls, received, est_on_data, c, &c->closed, e)
                      : tls_stranger_feed(c->stranger, received, est_on_data, c, &c->closed, e);
}

static int est_wait(struct est_conn *c, short events, struct err *e)
{
        struct pollfd p = { .fd = c->fd, .events = events };

        for (;;) {
                int64_t left_us = c->until_us - clock_boot_us();
                int r = left_us > 0 ? poll(&p, 1, (int)(left_us / 1000) + 1) : 0;
                if (r > 0)
                        return 0;
                if (r == 0)
                        return err_fault(e, ERR_TIMEOUT, FAULT_NO_ANSWER,
                                "it took the connection, but has not answered within %d s",
                                (int)(EST_CLIENT_DEADLINE_US / 1000000));
                if (errno != EINTR)
                        return err_os(e, ERR_IO, errno, "waiting for the answer");
        }
}

static int est_send(struct est_conn *c, struct err *e)
{
        struct buf *out = est_output(c);

        while (out->n) {
                ssize_t n = send(c->fd, out->p, out->n, MSG_NOSIGNAL);
                if (n >= 0) {
                        buf_consume(out, (size_t)n);
                        continue;
                }
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return err_fault(e, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                                "it closed the connection (%s)", strerror(errno));
                int r = est_wait(c, POLLOUT, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Reads and feeds once. 1: the handshake is done. */
static int est_receive(struct est_conn *c, struct err *e)
{
        uint8_t received[EST_READ_BYTES];
        int r = est_wait(c, POLLIN, e);

        if (r < 0)
                return r;
        ssize_t n = recv(c->fd, received, sizeof received, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                c->closed = true;
                return 0;
        }
        r = est_feed(c, BYTES(received, (size_t)n), e);
        int sent = est_send(c, r < 0 ? NULL : e); /* after a refusal the alert, where it goes */
        return r < 0 ? r : sent < 0 ? sent : r;
}

/* Head and body of a whole answer; 0 while more is to come. */
static int est_whole(struct est_conn *c, struct http_answer *ret, struct bytes *body, struct err *e)
{
        int head = http_answer_parse(buf_bytes(&c->answer), ret, e);

        if (head == ERR_AGAIN && !c->closed)
                return 0;
        if (head == ERR_AGAIN)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                        "it closed the connection without an answer");
        if (head < 0)
                return head;
        *body = bytes_sub(buf_bytes(&c->answer), (size_t)head, c->answer.n);
        switch (ret->body) {
        case HTTP_BODY_LENGTH:
                if (ret->length > EST_BODY_MAX)
                        return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                                "an answer of more than %zu bytes", (size_t)EST_BODY_MAX);
                if (body->n >= ret->length) {
                        body->n = (size_t)ret->length;
                        return 1;
                }
                return c->closed ? err_fault(e, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                                           "it closed the connection within its answer")
                                 : 0;
        case HTTP_BODY_CLOSE:
                return c->closed;
        default:
                return err_fault(
                        e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "an answer in chunks, not in one piece");
        }
}

/* request: to be sent once the peer was verified; empty for a stranger's. */
static int est_exchange(struct est_conn *c, struct bytes request, struct http_answer *answer,
        struct bytes *body, struct err *e)
{
        bool asked = request.n == 0;
        int r = est_start(c, e);

        if (r == 0)
                r = est_send(c, e);
        while (r == 0) {
                int done = est_receive(c, e);
                if (done < 0)
                        return done;
                if (done == 1 && !asked) {
                        asked = true;
                        r = tls_write(c->tls, request, e);
                        if (r == 0)
                                r = est_send(c, e);
                }
                if (r == 0)
                        r = est_whole(c, answer, body, e);
        }
        return r < 0 ? r : 0;
}

/* --- the body --- */

/* RFC 7030 section 4.1.3: base64, of RFC 8951 with any white space. */
static int est_decode(struct bytes body, struct x509_pkcs7 *ret, struct err *e)
{
        struct bytes text = { 0 };
        CLEANUP(own_freep) uint8_t *squeezed = NULL;
        CLEANUP(own_freep) uint8_t *der = NULL;
        size_t n = 0;

        if (body.n > EST_BODY_MAX)
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                        "an answer of more than %zu bytes", (size_t)EST_BODY_MAX);
        squeezed = xcalloc(EST_BODY_MAX, 1);
        der = xcalloc(X509_PKCS7_MAX, 1);
        for (size_t i = 0; i < body.n; i++) {
                if (!memchr(" \t\r\n", body.p[i], 4))
                        squeezed[n++] = body.p[i];
        }
        text = BYTES(squeezed, n);
        int r = str_unbase64(der, X509_PKCS7_MAX, text, e);
        if (r >= 0)
                r = x509_pkcs7_parse(BYTES(der, (size_t)r), ret, e);
        return r < 0 ? err_wrap(e, ERR_PROTOCOL, "its answer") : 0;
}

/* The first line of a text, for people. */
static const char *est_reason(const struct http_answer *a, struct bytes body, char *to, size_t room)
{
        struct bytes said = a->reason;

        if (http_type_is(http_answer_header(a, "Content-Type", 0), "text/plain") && body.n)
                said = str_cut(&body, '\n');
        return str_escape(to, room, said);
}

static int est_take(
        const struct http_answer *a, struct bytes body, struct x509_pkcs7 *ret, struct err *e)
{
        char said[200];

        if (a->status == 401 || a->status == 403)
                return err_set(e, ERR_DENIED, "it answers %u %s", a->status,
                        est_reason(a, body, said, sizeof said));
        if (a->status != 200)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_REQUEST_REFUSED, "it answers %u %s",
                        a->status, est_reason(a, body, said, sizeof said));
        if (!http_type_is(http_answer_header(a, "Content-Type", 0), "application/pkcs7-mime"))
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                        "its answer is not of the type application/pkcs7-mime");
        int r = est_decode(body, ret, e);
        if (r < 0 && e)
                e->fault = FAULT_BAD_ANSWER;
        return r;
}

/* Takes what c holds. */
static int est_talk(struct est_conn *c, const struct url *at, struct bytes request,
        struct x509_pkcs7 *ret, struct err *e)
{
        struct http_answer *answer = xcalloc(1, sizeof *answer);
        struct bytes body = { 0 };
        int r;

        buf_init(&c->answer, EST_ANSWER_MAX);
        c->until_us = clock_boot_us() + EST_CLIENT_DEADLINE_US;
        c->fd = tcp_dial(at->host, at->port, c->until_us, e);
        r = c->fd < 0 ? c->fd : est_exchange(c, request, answer, &body, e);
        if (r == 0)
                r = est_take(answer, body, ret, e);
        if (c->fd >= 0)
                close(c->fd);
        buf_done(&c->answer);
        free(answer);
        return r;
}

int est_client_cacerts(const struct url *at, struct x509_pkcs7 *ret, struct err *e)
{
        CLEANUP(tls_stranger_freep) struct tls_stranger *stranger = tls_stranger_new();
        struct est_conn c = { .stranger = stranger };

        return est_talk(&c, at, BYTES(NULL, 0), ret, e);
}

/* --- simpleenroll --- */

static int est_authorization(const struct est_client_request *r, char to[static 256], struct err *e)
{
        char plain[150];

        to[0] = '\0';
        if (!r->user)
                return 0;
        int n = snprintf(plain, sizeof plain, "%s:%s", r->user, r->password);
        if (n < 0 || (size_t)n >= sizeof plain)
                return err_set(e, ERR_INVALID, "a user or password that is too long");
        memcpy(to, "Basic ", 7);
        str_base64(to + 6, BYTES(plain, (size_t)n));
        explicit_bzero(plain, sizeof plain);
        return 0;
}

/* Appends; out is wiped by the caller. */
static int est_format(
        const struct url *at, const struct est_client_request *r, struct buf *out, struct err *e)
{
        CLEANUP(own_freep) char *body = NULL;
        char authorization[256], length[24];
        struct url u = *at;

        if (r->csr_der.n == 0 || STR_BASE64_ROOM(r->csr_der.n) + 2048 > EST_REQUEST_MAX)
                return err_set(e, ERR_INVALID, "a request of %zu bytes", r->csr_der.n);
        body = xcalloc(STR_BASE64_ROOM(r->csr_der.n), 1);
        str_base64(body, r->csr_der);
        snprintf(length, sizeof length, "%zu", strlen(body));
        snprintf(u.path, sizeof u.path, "/.well-known/est/%s%ssimpleenroll",
                r->label ? r->label : "", r->label ? "/" : "");
        int result = est_authorization(r, authorization, e);
        const struct http_line lines[] = {
                { "Authorization", authorization[0] ? authorization : NULL },
                { "Content-Type", "application/pkcs10" },
                { "Content-Transfer-Encoding", "base64" },
                { "Content-Length", length },
                { "Connection", "close" },
        };
        if (result == 0)
                result = http_request_format(out, "POST", &u, lines, ARRAY_LEN(lines), e);
        if (result == 0)
                result = buf_append(out, bytes_str(body), e);
        explicit_bzero(authorization, sizeof authorization);
        return result;
}

int est_client_enroll(const struct url *at, struct tls_role_config *as,
        const struct est_client_request *r, int64_t now_us, struct x509_pkcs7 *ret,
        struct tls_role_peer *ret_manager, struct err *e)
{
        CLEANUP(tls_freep) struct tls *tls = NULL;
        struct buf request;
        struct est_conn c = { 0 };

        buf_init_full(&request, EST_REQUEST_MAX); /* growing would leave a copy behind */
        int result = est_format(at, r, &request, e);
        if (result == 0)
                result = tls_role_client_new(as, "manager", NULL, now_us, &tls, e);
        if (result == 0) {
                c.tls = tls;
                result = est_talk(&c, at, buf_bytes(&request), ret, e);
        }
        if (result == 0 && ret_manager && !tls_role_peer(tls, ret_manager)) {
                x509_pkcs7_done(ret);
                result = err_set(e, ERR_AUTH, "nobody was verified");
        }
        explicit_bzero(request.p, request.room);
        buf_done(&request);
        return result;
}
