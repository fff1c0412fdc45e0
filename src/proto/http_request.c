/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/http_request.h"

#include <strings.h>

#include "base/str.h"

#define BASIC_MAX 512

static const char *const single[] = { "Authorization", "Connection", "Content-Encoding",
        "Content-Length", "Content-Type", "Content-Transfer-Encoding", "Cookie", "Expect", "Host",
        "Origin", "Range", "Referer", "Sec-Fetch-Site", "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Transfer-Encoding", "Upgrade" };

static const struct http_request_limits whole_limits = { HTTP_REQUEST_HEAD_MAX, 40 };

static int refuse(int *ret_status, int status, const char *text, struct err *e)
{
        *ret_status = status;
        return err_set(e, ERR_PROTOCOL, "HTTP request: %s", text);
}

/* RFC 9110 section 5.6.2 */
static bool is_token(struct bytes s)
{
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
                        return false;
        return s.n > 0;
}

static bool is_text(uint8_t c)
{
        return (c >= ' ' && c < 0x7f) || c == '\t';
}

bool http_request_is_text(struct bytes value)
{
        for (size_t i = 0; i < value.n; i++)
                if (!is_text(value.p[i]))
                        return false;
        return true;
}

/* One line without its CRLF: 1; 0 where its end has not come. */
static int next_line(struct bytes *rest, struct bytes *ret, int *ret_status, struct err *e)
{
        size_t n = 0;

        while (n < rest->n && is_text(rest->p[n]))
                n++;
        if (n == rest->n || (n + 1 == rest->n && rest->p[n] == '\r'))
                return 0;
        if (rest->p[n] != '\r' || rest->p[n + 1] != '\n')
                return refuse(ret_status, 400,
                        rest->p[n] == '\n'   ? "a line that ends in LF alone"
                        : rest->p[n] == '\r' ? "a CR within a line"
                                             : "a character that is not of printable ASCII",
                        e);
        *ret = bytes_sub(*rest, 0, n);
        *rest = bytes_sub(*rest, n + 2, rest->n);
        return 1;
}

static int parse_version(struct bytes version, int *ret_status, struct err *e)
{
        if (bytes_equal(version, bytes_str("HTTP/1.1")))
                return 0;
        if (version.n == 8 && memcmp(version.p, "HTTP/", 5) == 0 && version.p[5] >= '0' &&
                version.p[5] <= '9' && version.p[6] == '.' && version.p[7] >= '0' &&
                version.p[7] <= '9')
                return refuse(ret_status, 505, "HTTP/1.1 alone is spoken here", e);
        return refuse(ret_status, 400, "no request line of HTTP/1.1", e);
}

static struct bytes cut_word(struct bytes *rest)
{
        const uint8_t *end = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
        const struct bytes word = bytes_sub(*rest, 0, end ? (size_t)(end - rest->p) : rest->n);

        *rest = bytes_sub(*rest, word.n + 1, rest->n);
        return word;
}

int http_request_target(struct bytes method, struct bytes target, struct http_request *r,
        int *ret_status, struct err *e)
{
        const uint8_t *query = target.n ? memchr(target.p, '?', target.n) : NULL;
        const size_t path_n = query ? (size_t)(query - target.p) : target.n;

        if (!is_token(method))
                return refuse(ret_status, 400, "no method", e);
        if (method.n >= sizeof r->method)
                return refuse(ret_status, 501, "an unknown method", e);
        if (target.n == 0 || target.p[0] != '/')
                return refuse(ret_status, 400, "the target is not a path", e);
        for (size_t i = 0; i < target.n; i++)
                if (target.p[i] <= ' ' || target.p[i] >= 0x7f || target.p[i] == '#')
                        return refuse(ret_status, 400, "the target is not a path", e);
        if (path_n >= sizeof r->path)
                return refuse(ret_status, 414, "a path of more than 255 bytes", e);
        memcpy(r->method, method.p, method.n);
        r->method[method.n] = '\0';
        memcpy(r->path, target.p, path_n);
        r->path[path_n] = '\0';
        r->has_query = query != NULL;
        r->query = bytes_sub(target, path_n + 1, target.n);
        return 0;
}

/* RFC 9112 section 3: "GET /link/1 HTTP/1.1". */
static int parse_request_line(
        struct bytes line, struct http_request *r, int *ret_status, struct err *e)
{
        const struct bytes method = cut_word(&line), target = cut_word(&line);
        int x = is_token(method) ? parse_version(line, ret_status, e)
                                 : refuse(ret_status, 400, "no request line of HTTP/1.1", e);

        return x < 0 ? x : http_request_target(method, target, r, ret_status, e);
}

static const char *find_single(struct bytes name)
{
        for (size_t i = 0; i < ARRAY_LEN(single); i++)
                if (str_is(name, single[i]))
                        return single[i];
        return NULL;
}

bool http_request_is_single(struct bytes name)
{
        return find_single(name) != NULL;
}

static bool is_second(const struct http_request *r, struct bytes name)
{
        const char *found = find_single(name);

        return found && http_request_header(r, found).p;
}

static int add_header(
        struct bytes line, unsigned max, struct http_request *r, int *ret_status, struct err *e)
{
        const uint8_t *colon = memchr(line.p, ':', line.n);
        const struct bytes name = bytes_sub(line, 0, colon ? (size_t)(colon - line.p) : 0);

        if (line.p[0] == ' ' || line.p[0] == '\t')
                return refuse(ret_status, 400, "a folded line", e);
        if (!is_token(name))
                return refuse(ret_status, 400, "a header without a name", e);
        if (is_second(r, name))
                return refuse(ret_status, 400, "a header that may come once comes twice", e);
        if (r->headers_n == max || r->headers_n == HTTP_REQUEST_HEADERS_MAX) {
                *ret_status = 431;
                return err_set(e, ERR_PROTOCOL, "HTTP request: more than %u headers", max);
        }
        r->headers[r->headers_n++] = (struct http_request_header){ name,
                str_trim_blanks(bytes_sub(line, name.n + 1, line.n)) };
        return 0;
}

/* RFC 9112 section 3.2; what is in it is not used, but who sends something else is no HTTP client.
 */
int http_request_host(struct bytes host, int *ret_status, struct err *e)
{
        if (!host.p || host.n == 0)
                return refuse(ret_status, 400, "without a Host", e);
        for (size_t i = 0; i < host.n; i++)
                if (host.p[i] <= ' ' || host.p[i] >= 0x7f || strchr("/?#@\\\"<>,", host.p[i]))
                        return refuse(ret_status, 400, "Host is not a name or address", e);
        return 0;
}

/* RFC 9112 section 6 */
static int find_body(const struct http_request *r, uint64_t *ret_n, int *ret_status, struct err *e)
{
        const struct bytes length = http_request_header(r, "Content-Length"),
                           coding = http_request_header(r, "Transfer-Encoding");
        char digits[20];

        if (coding.p && length.p)
                return refuse(ret_status, 400, "Content-Length beside Transfer-Encoding", e);
        if (coding.p && !str_is(coding, "chunked"))
                return refuse(ret_status, 501, "an unknown transfer coding", e);
        if (coding.p)
                return refuse(ret_status, 411, "a body in chunks; Content-Length is asked for", e);
        *ret_n = 0;
        if (!length.p)
                return 0;
        if (length.n == 0 || length.n >= sizeof digits)
                return refuse(ret_status, 400, "Content-Length is not a number", e);
        memcpy(digits, length.p, length.n);
        digits[length.n] = '\0';
        if (str_uint(digits, 0, UINT64_MAX, ret_n, NULL) < 0)
                return refuse(ret_status, 400, "Content-Length is not a number", e);
        return 0;
}

static int refuse_long(int *ret_status, int status, const char *what, size_t max, struct err *e)
{
        *ret_status = status;
        return err_set(e, ERR_PROTOCOL, "HTTP request: %s of more than %zu KiB", what, max >> 10);
}

static int parse_head(struct bytes in, const struct http_request_limits *l, struct http_request *r,
        size_t *ret_head_n, uint64_t *ret_body_n, int *ret_status, struct err *e)
{
        const bool full = in.n >= l->head;
        struct bytes rest = bytes_sub(in, 0, l->head), line = { 0 };
        int x = next_line(&rest, &line, ret_status, e);

        if (x == 0)
                return full ? refuse_long(ret_status, 414, "a request line", l->head, e) : 0;
        if (x > 0)
                x = parse_request_line(line, r, ret_status, e);
        while (x >= 0 && (x = next_line(&rest, &line, ret_status, e)) > 0 && line.n > 0)
                x = add_header(line, l->headers, r, ret_status, e);
        if (x < 0)
                return x;
        if (x == 0)
                return full ? refuse_long(ret_status, 431, "a head", l->head, e) : 0;
        x = http_request_host(http_request_header(r, "Host"), ret_status, e);
        if (x == 0)
                x = find_body(r, ret_body_n, ret_status, e);
        if (x == 0 && http_request_header(r, "Expect").p &&
                !str_is(http_request_header(r, "Expect"), "100-continue"))
                x = refuse(ret_status, 417, "an Expect other than 100-continue", e);
        r->keep_alive = !http_request_has_token(r, "Connection", "close");
        *ret_head_n = (size_t)(rest.p - in.p);
        return x < 0 ? x : 1;
}

int http_request_head(struct bytes in, const struct http_request_limits *l,
        struct http_request *ret, size_t *ret_head_n, uint64_t *ret_body_n, int *ret_status,
        struct err *e)
{
        struct http_request r = { 0 };
        uint64_t body_n = 0;
        size_t head_n = 0;
        int x = parse_head(in, l, &r, &head_n, &body_n, ret_status, e);

        if (x <= 0)
                return x;
        *ret = r;
        *ret_head_n = head_n;
        *ret_body_n = body_n;
        return 1;
}

int http_request_parse(
        struct bytes in, struct http_request *ret, size_t *ret_n, int *ret_status, struct err *e)
{
        struct http_request r;
        uint64_t body_n = 0;
        size_t head_n = 0;
        int x = http_request_head(in, &whole_limits, &r, &head_n, &body_n, ret_status, e);

        if (x > 0 && body_n > HTTP_REQUEST_BODY_MAX)
                return refuse_long(ret_status, 413, "a body", HTTP_REQUEST_BODY_MAX, e);
        if (x <= 0 || in.n - head_n < body_n)
                return x < 0 ? x : 0;
        r.body = bytes_sub(in, head_n, (size_t)body_n);
        *ret = r;
        *ret_n = head_n + (size_t)body_n;
        return 1;
}

bool http_request_wants_continue(struct bytes in)
{
        struct http_request r;
        uint64_t body_n = 0;
        size_t head_n = 0;
        int status;

        return http_request_head(in, &whole_limits, &r, &head_n, &body_n, &status, NULL) > 0 &&
               in.n == head_n && body_n > 0 && body_n <= HTTP_REQUEST_BODY_MAX &&
               http_request_header(&r, "Expect").p;
}

struct bytes http_request_header(const struct http_request *r, const char *name)
{
        for (unsigned i = 0; i < r->headers_n; i++)
                if (str_is(r->headers[i].name, name))
                        return r->headers[i].value.p ? r->headers[i].value : BYTES("", 0);
        return BYTES(NULL, 0);
}

bool http_request_has_token(const struct http_request *r, const char *name, const char *token)
{
        struct bytes rest = http_request_header(r, name);

        while (rest.n > 0) {
                const struct bytes one = str_cut(&rest, ',');

                if (str_is(one, token))
                        return true;
        }
        return false;
}

/* "user:password" (RFC 7617 section 2), both without control characters. */
static int split_credentials(struct bytes both, char *user, size_t user_room, char *password,
        size_t password_room, struct err *e)
{
        const uint8_t *colon = both.n ? memchr(both.p, ':', both.n) : NULL;
        const size_t user_n = colon ? (size_t)(colon - both.p) : 0;
        const struct bytes secret = bytes_sub(both, user_n + 1, both.n);

        if (!colon || user_n >= user_room || secret.n >= password_room)
                return err_set(e, ERR_INVALID, "Authorization: no user and password, or too long");
        for (size_t i = 0; i < both.n; i++)
                if (both.p[i] < ' ' || both.p[i] == 0x7f)
                        return err_set(e, ERR_INVALID, "Authorization: a control character");
        memcpy(user, both.p, user_n);
        user[user_n] = '\0';
        if (secret.n > 0)
                memcpy(password, secret.p, secret.n);
        password[secret.n] = '\0';
        return 0;
}

int http_request_basic(const struct http_request *r, char *user, size_t user_room, char *password,
        size_t password_room, struct err *e)
{
        struct bytes rest = http_request_header(r, "Authorization");
        uint8_t both[BASIC_MAX];
        int x;

        if (!str_is(cut_word(&rest), "Basic"))
                return err_set(e, ERR_NOT_FOUND, "no Basic credentials");
        x = str_unbase64(both, sizeof both, str_trim_blanks(rest), NULL);
        x = x < 0 ? err_set(e, ERR_INVALID, "Authorization: not base64, or too long")
                  : split_credentials(
                            BYTES(both, (size_t)x), user, user_room, password, password_room, e);
        explicit_bzero(both, sizeof both);
        return x;
}

const char *http_status_text(int status)
{
        static const struct {
                int status;
                const char *text;
        } rows[] = { { 100, "Continue" }, { 101, "Switching Protocols" }, { 200, "OK" },
                { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
                { 206, "Partial Content" }, { 303, "See Other" }, { 304, "Not Modified" },
                { 308, "Permanent Redirect" }, { 400, "Bad Request" }, { 401, "Unauthorized" },
                { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
                { 406, "Not Acceptable" }, { 408, "Request Timeout" }, { 409, "Conflict" },
                { 410, "Gone" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
                { 413, "Content Too Large" }, { 414, "URI Too Long" },
                { 415, "Unsupported Media Type" }, { 416, "Range Not Satisfiable" },
                { 417, "Expectation Failed" }, { 421, "Misdirected Request" },
                { 422, "Unprocessable Content" }, { 426, "Upgrade Required" },
                { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
                { 500, "Internal Server Error" }, { 501, "Not Implemented" },
                { 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
                { 505, "HTTP Version Not Supported" } };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (rows[i].status == status)
                        return rows[i].text;
        return "";
}

static bool is_clean(const char *s)
{
        for (; *s; s++)
                if ((*s < ' ' && *s != '\t') || *s == 0x7f)
                        return false;
        return true;
}

int http_answer_format(
        int status, const char *const *headers, struct bytes body, struct buf *out, struct err *e)
{
        const bool bodiless = status < 200 || status == 204; /* RFC 9110 section 8.6 */
        const size_t before = out->n;
        int r;

        if (status < 100 || status > 599 || (bodiless && body.n > 0))
                return err_set(
                        e, ERR_INVALID, "no HTTP answer: status %d, %zu bytes", status, body.n);
        r = buf_printf(out, e, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
        for (; r == 0 && headers && *headers; headers++)
                r = is_clean(*headers)
                            ? buf_printf(out, e, "%s\r\n", *headers)
                            : err_set(e, ERR_INVALID, "a header with a control character");
        if (r == 0)
                r = bodiless ? buf_append(out, bytes_str("\r\n"), e)
                             : buf_printf(out, e, "Content-Length: %zu\r\n\r\n", body.n);
        if (r == 0 && body.n > 0)
                r = buf_append(out, body, e);
        if (r < 0)
                out->n = before;
        return r;
}
