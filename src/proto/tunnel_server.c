/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/tunnel_server.h"

#include <strings.h>

#include "base/str.h"

#define METHOD_GET "GET "
#define METHOD_POST "POST "
#define PADDING 64 /* the value that stands for '=' */

static bool begins_with(struct bytes b, const char *text)
{
        return b.n >= strlen(text) && memcmp(b.p, text, strlen(text)) == 0;
}

/* b may be the beginning of text. */
static bool could_become(struct bytes b, const char *text)
{
        return b.n < strlen(text) && (b.n == 0 || memcmp(b.p, text, b.n) == 0);
}

enum tunnel_server_look tunnel_server_look(struct bytes first)
{
        if (begins_with(first, METHOD_GET) || begins_with(first, METHOD_POST))
                return TUNNEL_SERVER_YES;
        return could_become(first, METHOD_GET) || could_become(first, METHOD_POST)
                       ? TUNNEL_SERVER_UNSURE
                       : TUNNEL_SERVER_NO;
}

/* The bytes of a head with its empty line; 0 when its end is not there. */
static size_t head_bytes(struct bytes b)
{
        for (size_t i = 0; i < b.n; i++) {
                if (b.p[i] != '\n')
                        continue;
                if (i + 1 < b.n && b.p[i + 1] == '\n')
                        return i + 2;
                if (i + 2 < b.n && b.p[i + 1] == '\r' && b.p[i + 2] == '\n')
                        return i + 3;
        }
        return 0;
}

/* Cuts a line without its end off *rest. */
static struct bytes cut_line(struct bytes *rest)
{
        const uint8_t *end = memchr(rest->p, '\n', rest->n);
        const size_t n = end ? (size_t)(end - rest->p) : rest->n;
        struct bytes line = bytes_sub(*rest, 0, n);

        *rest = bytes_sub(*rest, n + 1, rest->n);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
                line.n--;
        return line;
}

static bool is_clean(struct bytes line)
{
        for (size_t i = 0; i < line.n; i++)
                if ((line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] >= 0x7f)
                        return false;
        return true;
}

/* "GET /cam HTTP/1.1" */
static int parse_request_line(struct bytes line, struct tunnel_server_head *h, struct err *e)
{
        static const char version[] = " HTTP/1.";
        const size_t version_n = sizeof version - 1;

        h->is_post = begins_with(line, METHOD_POST);
        if (line.n < version_n + 1 || (!h->is_post && !begins_with(line, METHOD_GET)) ||
                memcmp(line.p + line.n - version_n - 1, version, version_n) != 0 ||
                (line.p[line.n - 1] != '0' && line.p[line.n - 1] != '1'))
                return err_set(e, ERR_PROTOCOL, "not a GET or POST of HTTP/1.0 or HTTP/1.1");
        return 0;
}

static int take_cookie(struct bytes value, struct tunnel_server_head *h, struct err *e)
{
        if (h->cookie[0])
                return err_set(e, ERR_PROTOCOL, "HTTP: two x-sessioncookie headers");
        if (value.n < TUNNEL_SERVER_COOKIE_MIN || value.n >= sizeof h->cookie)
                return err_set(e, ERR_PROTOCOL,
                        "HTTP: x-sessioncookie of %zu characters; %d to %zu are taken", value.n,
                        TUNNEL_SERVER_COOKIE_MIN, sizeof h->cookie - 1);
        memcpy(h->cookie, value.p, value.n);
        h->cookie[value.n] = 0;
        return 0;
}

static int take_length(struct bytes value, struct tunnel_server_head *h, struct err *e)
{
        char digits[24];
        uint64_t n = 0;

        if (value.n == 0 || value.n >= sizeof digits)
                return err_set(e, ERR_PROTOCOL, "HTTP: Content-Length is not a number");
        memcpy(digits, value.p, value.n);
        digits[value.n] = 0;
        if (str_uint(digits, 0, UINT64_MAX - 1, &n, NULL) < 0)
                return err_set(e, ERR_PROTOCOL, "HTTP: Content-Length is not a number");
        if (h->body_bytes != UINT64_MAX && h->body_bytes != n)
                return err_set(e, ERR_PROTOCOL, "HTTP: two different Content-Lengths");
        h->body_bytes = n;
        return 0;
}

static int parse_header(struct bytes line, struct tunnel_server_head *h, struct err *e)
{
        const uint8_t *colon = memchr(line.p, ':', line.n);
        const size_t name_n = colon ? (size_t)(colon - line.p) : 0;
        const char *name = (const char *)line.p;
        const struct bytes value = str_trim_blanks(bytes_sub(line, name_n + 1, line.n));

        if (name_n == 0 || line.p[0] == ' ' || line.p[0] == '\t')
                return err_set(e, ERR_PROTOCOL, "HTTP: a header without a name");
        if (name_n == 15 && strncasecmp(name, "x-sessioncookie", name_n) == 0)
                return take_cookie(value, h, e);
        if (name_n == 14 && strncasecmp(name, "content-length", name_n) == 0)
                return take_length(value, h, e);
        if (name_n == 17 && strncasecmp(name, "transfer-encoding", name_n) == 0)
                return err_set(e, ERR_PROTOCOL, "HTTP: Transfer-Encoding in a tunnel");
        return 0;
}

int tunnel_server_parse(struct bytes received, struct tunnel_server_head *ret, struct err *e)
{
        struct tunnel_server_head h = { .body_bytes = UINT64_MAX };
        struct bytes rest = bytes_sub(received, 0, TUNNEL_SERVER_HEAD_MAX), line;
        unsigned headers = 0;
        int r;

        h.n = head_bytes(rest);
        if (h.n == 0)
                return received.n < TUNNEL_SERVER_HEAD_MAX
                               ? 0
                               : err_set(e, ERR_PROTOCOL, "HTTP head longer than %d bytes",
                                         TUNNEL_SERVER_HEAD_MAX);
        rest = bytes_sub(rest, 0, h.n);
        line = cut_line(&rest);
        r = is_clean(line) ? parse_request_line(line, &h, e)
                           : err_set(e, ERR_PROTOCOL, "HTTP: a control character in line 1");
        for (line = cut_line(&rest); r >= 0 && line.n > 0; line = cut_line(&rest)) {
                if (++headers > TUNNEL_SERVER_HEADERS_MAX)
                        return err_set(e, ERR_PROTOCOL, "HTTP: more than %d headers",
                                TUNNEL_SERVER_HEADERS_MAX);
                r = is_clean(line) ? parse_header(line, &h, e)
                                   : err_set(e, ERR_PROTOCOL,
                                             "HTTP: a control character in line %u", headers + 1);
        }
        if (r >= 0 && !h.cookie[0])
                r = err_set(e, ERR_PROTOCOL, "HTTP, but no tunnel: there is no x-sessioncookie");
        if (r < 0)
                return r;
        *ret = h;
        return 1;
}

int tunnel_server_answer(struct buf *out, unsigned status, struct err *e)
{
        const char *reason = status == 200   ? "OK"
                             : status == 404 ? "Not Found"
                             : status == 409 ? "Conflict"
                             : status == 503 ? "Service Unavailable"
                                             : "Bad Request";

        if (status == 200)
                return buf_append(out,
                        bytes_str("HTTP/1.0 200 OK\r\nServer: Custos\r\nConnection: close\r\n"
                                  "Cache-Control: no-store\r\nPragma: no-cache\r\n"
                                  "Content-Type: application/x-rtsp-tunnelled\r\n\r\n"),
                        e);
        return buf_printf(out, e,
                "HTTP/1.0 %u %s\r\nServer: Custos\r\nConnection: close\r\nContent-Length: "
                "0\r\n\r\n",
                status, reason);
}

void tunnel_server_init(struct tunnel_server *t, const struct tunnel_server_head *first)
{
        *t = (struct tunnel_server){ .left = first->body_bytes };
        memcpy(t->cookie, first->cookie, sizeof t->cookie);
        buf_init(&t->head, TUNNEL_SERVER_HEAD_MAX);
}

void tunnel_server_done(struct tunnel_server *t)
{
        buf_done(&t->head);
}

/* 0..63, PADDING, or negative. */
static int value_of(uint8_t c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? PADDING : -1;
}

/* Four values to one to three bytes. Each message is encoded for itself, so padding also comes in
 * the middle. */
static int decode_quad(struct tunnel_server *t, uint8_t *to, struct err *e)
{
        const uint8_t *q = t->quad;
        const bool two = q[2] == PADDING, one = q[3] == PADDING;

        if (two && !one)
                return err_set(e, ERR_PROTOCOL, "tunnel: base64 with '=' in a wrong place");
        if ((two && (q[1] & 15)) || (one && !two && (q[2] & 3)))
                return err_set(e, ERR_PROTOCOL, "tunnel: base64 with bits behind its end");
        to[0] = (uint8_t)(q[0] << 2 | q[1] >> 4);
        if (two)
                return 1;
        to[1] = (uint8_t)(q[1] << 4 | q[2] >> 2);
        if (one)
                return 2;
        to[2] = (uint8_t)(q[2] << 6 | q[3]);
        return 3;
}

static int decode(struct tunnel_server *t, struct bytes in, struct buf *out, struct err *e)
{
        uint8_t *to = buf_reserve(out, (in.n + t->quad_n) / 4 * 3 + 3);
        size_t n = 0;

        if (!to)
                return err_set(e, ERR_EXHAUSTED, "tunnel: %zu bytes at once", in.n);
        for (size_t i = 0; i < in.n; i++) {
                const int v = value_of(in.p[i]);
                int r;

                if (in.p[i] == '\r' || in.p[i] == '\n')
                        continue;
                if (v < 0)
                        return err_set(
                                e, ERR_PROTOCOL, "tunnel: byte 0x%02x is no base64", in.p[i]);
                if (v == PADDING && t->quad_n < 2)
                        return err_set(e, ERR_PROTOCOL, "tunnel: base64 with '=' in a wrong place");
                t->quad[t->quad_n++] = (uint8_t)v;
                if (t->quad_n < 4)
                        continue;
                t->quad_n = 0;
                r = decode_quad(t, to + n, e);
                if (r < 0)
                        return r;
                n += (size_t)r;
        }
        out->n += n;
        return 0;
}

/* A head has come whole behind a body: it must go on with the same tunnel. */
static int begin_body(struct tunnel_server *t, const struct tunnel_server_head *h, struct err *e)
{
        if (!h->is_post || strcmp(h->cookie, t->cookie) != 0)
                return err_set(e, ERR_PROTOCOL, "tunnel: another tunnel's head behind a POST");
        t->left = h->body_bytes;
        t->quad_n = 0;
        buf_consume(&t->head, h->n);
        return 0;
}

/* Behind a body's end: another POST, or more of the same body. Takes bytes one by one until that is
 * clear, which is rare and short. */
static int feed_head(struct tunnel_server *t, struct bytes *in, struct buf *out, struct err *e)
{
        struct tunnel_server_head h;
        int r = 0;

        while (in->n > 0) {
                if (t->head.n == 0 && (in->p[0] == '\r' || in->p[0] == '\n')) {
                        *in = bytes_sub(*in, 1, in->n);
                        continue;
                }
                r = buf_append(&t->head, bytes_sub(*in, 0, 1), e);
                if (r < 0)
                        return err_wrap(e, ERR_PROTOCOL, "tunnel: the head of a POST");
                *in = bytes_sub(*in, 1, in->n);
                if (begins_with(buf_bytes(&t->head), METHOD_POST)) {
                        if (t->head.p[t->head.n - 1] != '\n')
                                continue;
                        r = tunnel_server_parse(buf_bytes(&t->head), &h, e);
                        if (r != 0)
                                return r < 0 ? r : begin_body(t, &h, e);
                } else if (!could_become(buf_bytes(&t->head), METHOD_POST)) {
                        r = decode(t, buf_bytes(&t->head), out, e);
                        buf_clear(&t->head);
                        t->left = UINT64_MAX;
                        return r;
                }
        }
        return 0;
}

int tunnel_server_feed(
        struct tunnel_server *t, struct bytes received, struct buf *out, struct err *e)
{
        const size_t before = out->n;
        int r = 0;

        while (r >= 0 && received.n > 0) {
                if (t->left == 0) {
                        r = feed_head(t, &received, out, e);
                } else {
                        const size_t n = t->left < received.n ? (size_t)t->left : received.n;

                        r = decode(t, bytes_sub(received, 0, n), out, e);
                        received = bytes_sub(received, n, received.n);
                        if (t->left != UINT64_MAX)
                                t->left -= n;
                }
        }
        if (r < 0)
                out->n = before;
        return r < 0 ? r : 0;
}
