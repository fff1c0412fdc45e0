/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/multipart.h"

#include <ctype.h>
#include <strings.h>

#include "base/str.h"

enum { BETWEEN, HEAD, BODY };

int multipart_init(struct multipart *m, struct bytes boundary, size_t part_max, struct err *e)
{
        bool has_hyphens = boundary.n > 2 && memcmp(boundary.p, "--", 2) == 0;

        if (boundary.n == 0 || boundary.n > MULTIPART_BOUNDARY_MAX)
                return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                        "multipart: no boundary, or one longer than %d characters",
                        MULTIPART_BOUNDARY_MAX);
        *m = (struct multipart){ .boundary = "--" };
        memcpy(m->boundary + (has_hyphens ? 0 : 2), boundary.p, boundary.n);
        m->boundary_n = boundary.n + (has_hyphens ? 0 : 2);
        buf_init(&m->line, MULTIPART_LINE_MAX);
        buf_init(&m->part, part_max);
        return 0;
}

void multipart_done(struct multipart *m)
{
        buf_done(&m->line);
        buf_done(&m->part);
}

static int bad(struct err *e, const char *what)
{
        return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER, "multipart: %s", what);
}

static int read_length(struct multipart *m, struct bytes line, struct err *e)
{
        static const char name[] = "content-length:";
        char digits[20];
        size_t at = sizeof name - 1, n;

        if (line.n < at || strncasecmp((const char *)line.p, name, at) != 0)
                return 0;
        while (at < line.n && isspace(line.p[at]))
                at++;
        for (n = line.n - at; n > 0 && isspace(line.p[at + n - 1]);)
                n--;
        if (n == 0 || n >= sizeof digits)
                return bad(e, "a part's Content-Length is no number");
        memcpy(digits, line.p + at, n);
        digits[n] = '\0';
        if (str_uint(digits, 0, m->part.max, &m->left, NULL) < 0)
                return bad(e, "a part's Content-Length is no number, or too large");
        m->has_length = true;
        return 0;
}

/* One line outside of a body, without its end. */
static int take_line(struct multipart *m, struct err *e)
{
        struct bytes line = buf_bytes(&m->line);
        int r = 0;

        if (line.n > 0 && line.p[line.n - 1] == '\r')
                line.n--;
        if (m->state == BETWEEN) {
                if (line.n >= m->boundary_n && memcmp(line.p, m->boundary, m->boundary_n) == 0) {
                        m->state = HEAD;
                        m->has_length = false;
                        m->lines = 0;
                }
        } else if (line.n == 0) {
                m->state = BODY;
                m->scanned = 0;
                buf_clear(&m->part);
        } else if (++m->lines > MULTIPART_LINES_MAX) {
                r = bad(e, "a part's head has too many lines");
        } else {
                r = read_length(m, line, e);
        }
        buf_clear(&m->line);
        return r;
}

static int take_head(struct multipart *m, struct bytes *b, struct err *e)
{
        const uint8_t *end = memchr(b->p, '\n', b->n);
        size_t n = end ? (size_t)(end - b->p) : b->n;
        int r = buf_append(&m->line, bytes_sub(*b, 0, n), NULL);

        if (r < 0)
                return bad(e, "a line is too long");
        *b = bytes_sub(*b, n + (end != NULL), b->n);
        return end ? take_line(m, e) : 0;
}

static int hand_on(
        struct multipart *m, size_t n, multipart_on_part on_part, void *owner, struct err *e)
{
        int r = on_part(owner, BYTES(m->part.p, n), e);

        m->state = BETWEEN;
        return r < 0 ? r : 0;
}

static int take_counted(
        struct multipart *m, struct bytes *b, multipart_on_part on_part, void *owner, struct err *e)
{
        struct bytes piece = bytes_sub(*b, 0, m->left < b->n ? (size_t)m->left : b->n);
        int r = buf_append(&m->part, piece, e);

        if (r < 0)
                return r;
        *b = bytes_sub(*b, piece.n, b->n);
        m->left -= piece.n;
        return m->left == 0 ? hand_on(m, m->part.n, on_part, owner, e) : 0;
}

/* The part ends before the line that begins with the boundary. */
static int take_to_boundary(
        struct multipart *m, struct bytes *b, multipart_on_part on_part, void *owner, struct err *e)
{
        size_t before = m->part.n, from;
        const uint8_t *at;
        int r = buf_append(&m->part, *b, NULL);

        if (r < 0)
                return bad(e, "a part is too large");
        from = m->scanned;
        at = memmem(m->part.p + from, m->part.n - from, m->boundary, m->boundary_n);
        if (!at) {
                m->scanned = m->part.n < m->boundary_n ? 0 : m->part.n - m->boundary_n + 1;
                *b = bytes_sub(*b, b->n, 0);
                return 0;
        }
        size_t found = (size_t)(at - m->part.p), n = found;

        if (n > 0 && m->part.p[n - 1] == '\n')
                n--;
        if (n > 0 && n < found && m->part.p[n - 1] == '\r')
                n--;
        /* What is behind the boundary's first bytes came just now, or a part of the boundary did
         * before: the boundary is put into the line by hand. */
        size_t behind = found + m->boundary_n;
        *b = bytes_sub(*b, behind - before, b->n);
        r = buf_append(&m->line, BYTES(m->boundary, m->boundary_n), NULL);
        return r < 0 ? bad(e, "a line is too long") : hand_on(m, n, on_part, owner, e);
}

int multipart_feed(
        struct multipart *m, struct bytes b, multipart_on_part on_part, void *owner, struct err *e)
{
        int r = 0;

        while (r == 0) {
                if (m->state == BODY && m->has_length && m->left == 0)
                        r = hand_on(m, 0, on_part, owner, e); /* an empty part */
                else if (b.n == 0)
                        return 0;
                else if (m->state != BODY)
                        r = take_head(m, &b, e);
                else if (m->has_length)
                        r = take_counted(m, &b, on_part, owner, e);
                else
                        r = take_to_boundary(m, &b, on_part, owner, e);
        }
        return r;
}
