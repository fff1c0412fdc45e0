/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/http.h"

#include <ctype.h>
#include <stdio.h>

#include "base/str.h"

static bool is_token(struct bytes s)
{
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
                        return false;
        return s.n > 0;
}

/* The head's bytes with its empty line, 0 when it has not ended. */
static size_t head_bytes(struct bytes b)
{
        for (size_t at = 0; at < b.n; at++) {
                if (b.p[at] != '\n')
                        continue;
                if (at + 1 < b.n && b.p[at + 1] == '\n')
                        return at + 2;
                if (at + 2 < b.n && b.p[at + 1] == '\r' && b.p[at + 2] == '\n')
                        return at + 3;
        }
        return 0;
}

static struct bytes next_line(struct bytes *rest)
{
        const uint8_t *end = memchr(rest->p, '\n', rest->n);
        size_t n = end ? (size_t)(end - rest->p) : rest->n;
        struct bytes line = bytes_sub(*rest, 0, n);

        if (line.n > 0 && line.p[line.n - 1] == '\r')
                line.n--;
        *rest = bytes_sub(*rest, n + (end != NULL), rest->n);
        return line;
}

/* "HTTP/1.1 200 OK" */
static int parse_status(struct bytes line, struct http_answer *a, bool *ret_old, struct err *e)
{
        unsigned status = 0;

        if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || !isdigit(line.p[7]) ||
                line.p[8] != ' ')
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "no answer of HTTP/1.x");
        for (size_t i = 9; i < 12; i++) {
                if (!isdigit(line.p[i]))
                        return err_fault(
                                e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: the status is no number");
                status = status * 10 + (unsigned)(line.p[i] - '0');
        }
        if (status < 100 || status > 599 || (line.n > 12 && line.p[12] != ' '))
                return err_fault(
                        e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: the status is no number");
        a->status = status;
        a->reason = str_trim_blanks(bytes_sub(line, 12, line.n));
        *ret_old = line.p[7] == '0';
        return 0;
}

static int add_header(struct http_answer *a, struct bytes line, struct err *e)
{
        const uint8_t *colon = memchr(line.p, ':', line.n);
        struct bytes name = colon ? bytes_sub(line, 0, (size_t)(colon - line.p)) : BYTES(NULL, 0);

        if (!is_token(name))
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: header %u has no name",
                        a->headers_n + 1);
        if (memchr(line.p, '\0', line.n) || memchr(line.p, '\r', line.n))
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                        "HTTP: header %u holds a control character", a->headers_n + 1);
        if (a->headers_n == HTTP_HEADERS_MAX)
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: more than %d headers",
                        HTTP_HEADERS_MAX);
        a->headers[a->headers_n++] =
                (struct http_header){ name, str_trim_blanks(bytes_sub(line, name.n + 1, line.n)) };
        return 0;
}

/* RFC 9112 section 6.3 */
static int find_body(struct http_answer *a, bool old, struct err *e)
{
        struct bytes coding = http_answer_header(a, "Transfer-Encoding", 0),
                     length = http_answer_header(a, "Content-Length", 0),
                     connection = http_answer_header(a, "Connection", 0);
        char digits[20];

        if (coding.p && !str_is(coding, "identity")) {
                if (!str_is(coding, "chunked") || length.p)
                        return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                                "HTTP: a transfer coding that is not understood, or a length "
                                "beside it");
                a->body = HTTP_BODY_CHUNKED;
        } else if (length.p) {
                struct bytes second = http_answer_header(a, "Content-Length", 1);

                if (length.n == 0 || length.n >= sizeof digits ||
                        (second.p && !bytes_equal(length, second)))
                        return err_fault(
                                e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: bad Content-Length");
                memcpy(digits, length.p, length.n);
                digits[length.n] = '\0';
                if (str_uint(digits, 0, INT64_MAX, &a->length, NULL) < 0)
                        return err_fault(
                                e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: bad Content-Length");
                a->body = HTTP_BODY_LENGTH;
        }
        if (a->status < 200 || a->status == 204 || a->status == 304) {
                a->body = HTTP_BODY_LENGTH;
                a->length = 0;
        }
        a->stays_open = a->body != HTTP_BODY_CLOSE &&
                        (old ? str_is(connection, "keep-alive") : !str_is(connection, "close"));
        return 0;
}

int http_answer_parse(struct bytes b, struct http_answer *ret, struct err *e)
{
        struct http_answer a = { 0 };
        size_t n = head_bytes(bytes_sub(b, 0, HTTP_HEAD_MAX));
        struct bytes rest = bytes_sub(b, 0, n), line;
        bool old = false;
        int r;

        if (b.n > 0 && memcmp(b.p, "HTTP/1.", b.n < 7 ? b.n : 7) != 0)
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "no answer of HTTP/1.x");
        if (n == 0)
                return b.n < HTTP_HEAD_MAX
                               ? ERR_AGAIN
                               : err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                                         "HTTP: a head longer than %d bytes", HTTP_HEAD_MAX);
        r = parse_status(next_line(&rest), &a, &old, e);
        while (r == 0 && (line = next_line(&rest)).n > 0)
                r = add_header(&a, line, e);
        if (r == 0)
                r = find_body(&a, old, e);
        if (r < 0)
                return r;
        *ret = a;
        return (int)n;
}

struct bytes http_answer_header(const struct http_answer *a, const char *name, unsigned index)
{
        for (unsigned i = 0; i < a->headers_n; i++)
                if (str_is(a->headers[i].name, name) && index-- == 0)
                        return a->headers[i].value.p ? a->headers[i].value : BYTES("", 0);
        return BYTES(NULL, 0);
}

/* Up to the next ';' outside of quotes. */
static struct bytes next_parameter(struct bytes *rest)
{
        bool quoted = false;
        size_t n = 0;

        while (n < rest->n && (quoted || rest->p[n] != ';'))
                if (rest->p[n++] == '"')
                        quoted = !quoted;
        struct bytes part = str_trim_blanks(bytes_sub(*rest, 0, n));
        *rest = bytes_sub(*rest, n + 1, rest->n);
        return part;
}

bool http_type_is(struct bytes content_type, const char *type)
{
        return str_is(next_parameter(&content_type), type);
}

struct bytes http_type_parameter(struct bytes content_type, const char *name)
{
        (void)next_parameter(&content_type);
        while (content_type.n > 0) {
                struct bytes part = next_parameter(&content_type), value;
                const uint8_t *equals = part.n ? memchr(part.p, '=', part.n) : NULL;

                if (!equals ||
                        !str_is(str_trim_blanks(bytes_sub(part, 0, (size_t)(equals - part.p))),
                                name))
                        continue;
                value = str_trim_blanks(bytes_sub(part, (size_t)(equals - part.p) + 1, part.n));
                if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
                        value = bytes_sub(value, 1, value.n - 2);
                return value.p ? value : BYTES("", 0);
        }
        return BYTES(NULL, 0);
}

static bool is_clean(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

int http_request_format(struct buf *out, const char *method, const struct url *u,
        const struct http_line *lines, unsigned lines_n, struct err *e)
{
        bool ipv6 = strchr(u->host, ':') != NULL;
        size_t before = out->n;
        char port[8] = "";
        int r;

        if (!is_clean(u->path) || !is_clean(u->host) || strchr(u->path, ' '))
                return err_set(e, ERR_INVALID, "HTTP request with a bad URL");
        if (u->port != url_default_port(u->scheme))
                snprintf(port, sizeof port, ":%u", u->port);
        r = buf_printf(out, e, "%s %s HTTP/1.1\r\nHost: %s%s%s%s\r\n", method, u->path,
                ipv6 ? "[" : "", u->host, ipv6 ? "]" : "", port);
        for (unsigned i = 0; r == 0 && i < lines_n; i++) {
                if (!lines[i].value)
                        continue;
                r = is_clean(lines[i].value)
                            ? buf_printf(out, e, "%s: %s\r\n", lines[i].name, lines[i].value)
                            : err_set(e, ERR_INVALID, "HTTP header %u with a control character",
                                      i + 1);
        }
        if (r == 0)
                r = buf_append(out, bytes_str("\r\n"), e);
        if (r < 0)
                out->n = before;
        return r;
}

/* ---- chunks ---- */

enum { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_DONE };
#define CHUNK_LINE_MAX 4096

static int bad_chunk(struct err *e)
{
        return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "HTTP: a chunk without a good size");
}

/* The end of a line of a size, or of a trailer. */
static void end_line(struct http_chunks *c)
{
        if (c->state == CHUNK_TRAILER) {
                c->state = c->line_n == 0 ? CHUNK_DONE : CHUNK_TRAILER;
        } else {
                c->left = c->size;
                c->state = c->size ? CHUNK_DATA : CHUNK_TRAILER;
        }
        c->line_n = 0;
        c->size = 0;
        c->has_digit = false;
}

static int take_size_digit(struct http_chunks *c, uint8_t byte, struct err *e)
{
        unsigned digit = isdigit(byte) ? byte - (unsigned)'0' : (byte | 0x20u) - 'a' + 10u;

        c->size = c->size * 16 + digit;
        c->has_digit = true;
        return c->size > HTTP_CHUNK_MAX ? bad_chunk(e) : 0;
}

/* One byte outside of the data. */
static int take_byte(struct http_chunks *c, uint8_t byte, struct err *e)
{
        if (byte == '\n') {
                if (c->state <= CHUNK_EXTENSION && !c->has_digit)
                        return bad_chunk(e);
                if (c->state == CHUNK_DATA_END)
                        c->state = CHUNK_SIZE;
                else
                        end_line(c);
                return 0;
        }
        if (byte == '\r')
                return 0;
        if (c->state == CHUNK_DATA_END)
                return bad_chunk(e);
        if (++c->line_n > CHUNK_LINE_MAX)
                return bad_chunk(e);
        if (c->state == CHUNK_SIZE) {
                if (isxdigit(byte))
                        return take_size_digit(c, byte, e);
                if (!c->has_digit || (byte != ';' && byte != ' ' && byte != '\t'))
                        return bad_chunk(e);
                c->state = CHUNK_EXTENSION;
        }
        return 0;
}

int http_chunks_pull(struct http_chunks *c, struct bytes *b, struct bytes *ret, struct err *e)
{
        while (b->n > 0 && c->state != CHUNK_DONE) {
                if (c->state == CHUNK_DATA) {
                        *ret = bytes_sub(*b, 0, c->left < b->n ? (size_t)c->left : b->n);
                        *b = bytes_sub(*b, ret->n, b->n);
                        c->left -= ret->n;
                        if (c->left == 0)
                                c->state = CHUNK_DATA_END;
                        return 1;
                }
                int r = take_byte(c, b->p[0], e);
                if (r < 0)
                        return r;
                *b = bytes_sub(*b, 1, b->n);
        }
        return c->state == CHUNK_DONE ? 2 : 0;
}
