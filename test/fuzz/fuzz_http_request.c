/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request, of a role port whole, of the people's port its head: what is one is the same however
 * much of it came at a time. */
#include <stdlib.h>

#include "proto/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look(const struct http_request *r, struct bytes in, size_t used)
{
        char user[32], password[32];

        if (used > in.n || r->headers_n > HTTP_REQUEST_HEADERS_MAX ||
                r->body.n > HTTP_REQUEST_BODY_MAX || r->path[0] != '/' ||
                !http_request_header(r, "Host").p)
                abort();
        (void)http_request_has_token(r, "Connection", "upgrade");
        if (http_request_basic(r, user, sizeof user, password, sizeof password, NULL) == 0 &&
                (strlen(user) >= sizeof user || strlen(password) >= sizeof password))
                abort();
}

/* A head alone, with limits of its own; and one whose target comes from elsewhere (HTTP/2). */
static void look_at_head(struct bytes all)
{
        const struct http_request_limits limits = { .head = 300, .headers = 5 };
        struct http_request r = { 0 };
        uint64_t body_n = 0;
        size_t head_n = 0;
        int status = 0, x;

        x = http_request_head(all, &limits, &r, &head_n, &body_n, &status, NULL);
        if (x > 0 && (head_n > limits.head || head_n > all.n || r.headers_n > limits.headers ||
                             r.path[0] != '/' || (!r.has_query && r.query.n > 0)))
                abort();
        for (unsigned i = 0; x > 0 && i < r.headers_n; i++)
                if (!http_request_is_text(r.headers[i].name) ||
                        !http_request_is_text(r.headers[i].value))
                        abort();
        if (x < 0 && (status < 400 || status > 599))
                abort();
        x = http_request_target(bytes_sub(all, 0, all.n % 10), bytes_sub(all, all.n % 10, all.n),
                &r, &status, NULL);
        if (x == 0 && (strlen(r.path) >= sizeof r.path || r.path[0] != '/' || r.method[0] == '\0'))
                abort();
        (void)!http_request_host(all, &status, NULL);
        (void)http_request_is_single(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const struct bytes all = BYTES(data, n);
        const size_t step = n ? 1 + data[n - 1] % 16u : 1;
        int status = 0, other_status = 0, x = 0;
        struct http_request r, other;
        size_t used = 0, other_used = 0, at = 0;
        const int whole = http_request_parse(all, &r, &used, &status, NULL);

        if (whole > 0)
                look(&r, all, used);
        (void)http_request_wants_continue(all);
        look_at_head(all);
        for (; x == 0 && at < n; at += step)
                x = http_request_parse(
                        bytes_sub(all, 0, at + step), &other, &other_used, &other_status, NULL);
        if (x != whole)
                abort();
        if (x > 0 && (used != other_used || memcmp(r.path, other.path, sizeof r.path) != 0))
                abort();
        if (x < 0 && status != other_status)
                abort();
        return 0;
}
