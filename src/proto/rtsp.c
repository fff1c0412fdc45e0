/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/rtsp.h"

#include <ctype.h>
#include <stdio.h>

#include "base/str.h"

static bool is_space(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts *rest at the first `separator`; false when nothing is left. */
static bool next_part(struct bytes *rest, char separator, struct bytes *ret)
{
        if (!rest->p)
                return false;
        const uint8_t *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
        size_t n = end ? (size_t)(end - rest->p) : rest->n;
        *ret = str_trim(bytes_sub(*rest, 0, n));
        *rest = end ? bytes_sub(*rest, n + 1, rest->n) : BYTES(NULL, 0);
        return true;
}

static int parse_number(struct bytes s, uint64_t max, uint64_t *ret)
{
        char digits[24];

        if (s.n == 0 || s.n >= sizeof digits)
                return ERR_PROTOCOL;
        memcpy(digits, s.p, s.n);
        digits[s.n] = '\0';
        return str_uint(digits, 0, max, ret, NULL);
}

/* A line without its end; false when nothing is left. */
static bool next_line(struct bytes *rest, struct bytes *ret)
{
        if (rest->n == 0)
                return false;
        const uint8_t *end = memchr(rest->p, '\n', rest->n);
        size_t n = end ? (size_t)(end - rest->p) : rest->n;
        *ret = bytes_sub(*rest, 0, n);
        if (ret->n && ret->p[ret->n - 1] == '\r')
                ret->n--;
        *rest = bytes_sub(*rest, n + (end != NULL), rest->n);
        return true;
}

static bool is_version(struct bytes s)
{
        return s.n == 8 && memcmp(s.p, "RTSP/", 5) == 0 && isdigit(s.p[5]) && s.p[6] == '.' &&
               isdigit(s.p[7]);
}

static bool is_token(struct bytes s)
{
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", s.p[i]))
                        return false;
        return s.n > 0;
}

/* "RTSP/1.0 200 OK"; the reason may be missing. */
static int parse_status_line(struct bytes line, struct rtsp_message *m, struct err *e)
{
        struct bytes code = str_trim(bytes_sub(line, 8, line.n));
        struct bytes digits = bytes_sub(code, 0, 3);
        uint64_t status;

        if (parse_number(digits, 999, &status) < 0 || status < 100 ||
                (code.n > 3 && !is_space(code.p[3])))
                return err_set(e, ERR_PROTOCOL, "RTSP status line without a status");
        m->status = (unsigned)status;
        m->reason = str_trim(bytes_sub(code, 3, code.n));
        return 0;
}

/* "DESCRIBE rtsp://... RTSP/1.0" */
static int parse_request_line(struct bytes line, struct rtsp_message *m, struct err *e)
{
        struct bytes rest = line, method, uri, version;

        if (!next_part(&rest, ' ', &method) || !next_part(&rest, ' ', &uri) ||
                !next_part(&rest, ' ', &version) || rest.p || !is_token(method) || uri.n == 0 ||
                !is_version(version))
                return err_set(e, ERR_PROTOCOL, "neither an RTSP request nor a status line");
        for (size_t i = 0; i < uri.n; i++)
                if (uri.p[i] <= ' ' || uri.p[i] >= 0x7f)
                        return err_set(e, ERR_PROTOCOL, "RTSP request: bad character in the URL");
        m->is_request = true;
        m->method = method;
        m->uri = uri;
        return 0;
}

static int parse_first_line(struct bytes line, struct rtsp_message *m, struct err *e)
{
        if (memchr(line.p, '\0', line.n))
                return err_set(e, ERR_PROTOCOL, "RTSP first line holds a NUL");
        if (is_version(bytes_sub(line, 0, 8)) && line.n > 8 && is_space(line.p[8]))
                return parse_status_line(line, m, e);
        return parse_request_line(line, m, e);
}

static int add_header(struct rtsp_message *m, struct bytes line, struct err *e)
{
        const uint8_t *colon = memchr(line.p, ':', line.n);

        if (memchr(line.p, '\0', line.n))
                return err_set(e, ERR_PROTOCOL, "RTSP header %u holds a NUL", m->headers_n + 1);
        /* A folded line (RFC 2326 section 4.2) belongs to the value before it. */
        if (line.p[0] == ' ' || line.p[0] == '\t') {
                if (m->headers_n == 0)
                        return err_set(e, ERR_PROTOCOL, "RTSP: folded line without a header");
                struct bytes *value = &m->headers[m->headers_n - 1].value;
                *value = str_trim(BYTES(value->p, (size_t)(line.p + line.n - value->p)));
                return 0;
        }
        struct bytes name = colon ? bytes_sub(line, 0, (size_t)(colon - line.p)) : BYTES(NULL, 0);
        if (!is_token(str_trim(name)))
                return err_set(e, ERR_PROTOCOL, "RTSP header %u has no name", m->headers_n + 1);
        if (m->headers_n == RTSP_HEADERS_MAX)
                return err_set(e, ERR_PROTOCOL, "RTSP: more than %d headers", RTSP_HEADERS_MAX);
        m->headers[m->headers_n++] = (struct rtsp_header){
                .name = str_trim(name),
                .value = str_trim(bytes_sub(line, name.n + 1, line.n)),
        };
        return 0;
}

/* Content-Length decides where the next message begins: said twice, it must agree. */
static int read_content_length(struct rtsp_message *m, struct err *e)
{
        uint64_t first = 0, n;

        for (unsigned i = 0;; i++) {
                struct bytes value = rtsp_header(m, "Content-Length", i);
                if (!value.p)
                        break;
                if (parse_number(value, UINT32_MAX, &n) < 0)
                        return err_set(e, ERR_PROTOCOL, "RTSP: Content-Length is not a number");
                if (n > RTSP_BODY_MAX)
                        return err_set(e, ERR_PROTOCOL, "RTSP: body of %zu bytes, at most %d",
                                (size_t)n, RTSP_BODY_MAX);
                if (i > 0 && n != first)
                        return err_set(e, ERR_PROTOCOL, "RTSP: two different Content-Lengths");
                first = n;
        }
        m->content_length = (size_t)first;
        return 0;
}

int rtsp_parse_head(struct bytes head, struct rtsp_message *ret, struct err *e)
{
        struct rtsp_message m;
        struct bytes rest = head, line;
        uint64_t cseq;

        memset(&m, 0, offsetof(struct rtsp_message, headers));
        m.body = BYTES(NULL, 0);
        if (head.n > RTSP_HEAD_MAX)
                return err_set(e, ERR_PROTOCOL, "RTSP head longer than %d bytes", RTSP_HEAD_MAX);
        if (!next_line(&rest, &line) || line.n == 0)
                return err_set(e, ERR_PROTOCOL, "RTSP message without a first line");
        int r = parse_first_line(line, &m, e);
        while (r == 0 && next_line(&rest, &line) && line.n > 0) {
                if (line.n > RTSP_LINE_MAX)
                        return err_set(e, ERR_PROTOCOL, "RTSP header %u longer than %d bytes",
                                m.headers_n + 1, RTSP_LINE_MAX);
                r = add_header(&m, line, e);
        }
        if (r == 0)
                r = read_content_length(&m, e);
        if (r < 0)
                return r;
        if (parse_number(rtsp_header(&m, "CSeq", 0), UINT32_MAX, &cseq) == 0) {
                m.has_cseq = true;
                m.cseq = (uint32_t)cseq;
        }
        *ret = m;
        return 0;
}

struct bytes rtsp_header(const struct rtsp_message *m, const char *name, unsigned index)
{
        for (unsigned i = 0; i < m->headers_n; i++)
                if (str_is(m->headers[i].name, name) && index-- == 0)
                        return m->headers[i].value;
        return BYTES(NULL, 0);
}

bool rtsp_method_is(const struct rtsp_message *m, const char *method)
{
        return m->is_request && bytes_equal(m->method, bytes_str(method));
}

bool rtsp_list_has(struct bytes value, const char *token)
{
        struct bytes part;

        while (next_part(&value, ',', &part))
                if (str_is(part, token))
                        return true;
        return false;
}

int rtsp_session_parse(struct bytes value, struct rtsp_session *ret, struct err *e)
{
        struct rtsp_session s = { .timeout_s = RTSP_SESSION_TIMEOUT_S };
        struct bytes id, part;

        if (!next_part(&value, ';', &id) || id.n == 0)
                return err_set(e, ERR_PROTOCOL, "Session header without an id");
        if (id.n >= sizeof s.id)
                return err_set(
                        e, ERR_PROTOCOL, "Session id longer than %zu bytes", sizeof s.id - 1);
        for (size_t i = 0; i < id.n; i++)
                if (id.p[i] <= ' ' || id.p[i] >= 0x7f)
                        return err_set(e, ERR_PROTOCOL, "Session id with a bad character");
        memcpy(s.id, id.p, id.n);
        while (next_part(&value, ';', &part)) {
                uint64_t n;
                if (part.n > 8 && str_is(bytes_sub(part, 0, 8), "timeout=") &&
                        parse_number(str_trim(bytes_sub(part, 8, part.n)), 86400, &n) == 0 && n > 0)
                        s.timeout_s = (unsigned)n;
        }
        *ret = s;
        return 0;
}

static void read_info_part(struct bytes part, struct rtsp_info *info)
{
        uint64_t n;

        if (part.n > 4 && str_is(bytes_sub(part, 0, 4), "seq=") &&
                parse_number(bytes_sub(part, 4, part.n), UINT16_MAX, &n) == 0) {
                info->has_sequence = true;
                info->sequence = (uint16_t)n;
        } else if (part.n > 8 && str_is(bytes_sub(part, 0, 8), "rtptime=") &&
                   parse_number(bytes_sub(part, 8, part.n), UINT32_MAX, &n) == 0) {
                info->has_time = true;
                info->rtp_time = (uint32_t)n;
        }
}

/* An entry ends at a comma that "url=" follows: URLs may hold commas themselves. */
static size_t info_entry_bytes(struct bytes s)
{
        for (size_t i = 0; i < s.n; i++)
                if (s.p[i] == ',') {
                        struct bytes next = str_trim(bytes_sub(s, i + 1, s.n));
                        if (str_is(bytes_sub(next, 0, 4), "url="))
                                return i;
                }
        return s.n;
}

int rtsp_info_parse(struct bytes value, struct rtsp_info ret[static RTSP_INFO_MAX], struct err *e)
{
        struct rtsp_info all[RTSP_INFO_MAX];
        unsigned n = 0;

        for (value = str_trim(value); value.n > 0;) {
                size_t entry_n = info_entry_bytes(value);
                struct bytes entry = bytes_sub(value, 0, entry_n), part;
                value = str_trim(bytes_sub(value, entry_n + 1, value.n));
                if (n == RTSP_INFO_MAX)
                        return err_set(e, ERR_PROTOCOL, "RTP-Info with more than %d entries",
                                RTSP_INFO_MAX);
                struct rtsp_info info = { 0 };
                if (!next_part(&entry, ';', &part) || part.n < 4 ||
                        !str_is(bytes_sub(part, 0, 4), "url="))
                        return err_set(e, ERR_PROTOCOL, "RTP-Info entry %u without url=", n + 1);
                info.url = str_trim(bytes_sub(part, 4, part.n));
                while (next_part(&entry, ';', &part))
                        read_info_part(part, &info);
                all[n++] = info;
        }
        memcpy(ret, all, n * sizeof *all);
        return (int)n;
}
