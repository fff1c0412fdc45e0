/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a camera answers to the GET and the POST of a tunnel, and what goes there. A head must read
 * the same however much comes behind it, and chunks however they are cut up. */
#include <stdlib.h>

#include "base/str.h"
#include "proto/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void answers(struct bytes b)
{
        struct http_answer a, again;
        int r = http_answer_parse(b, &a, NULL);

        if (r == ERR_AGAIN && b.n >= HTTP_HEAD_MAX)
                abort();
        if (r <= 0)
                return;
        if ((size_t)r > b.n || r > HTTP_HEAD_MAX || a.status < 100 || a.status > 599 ||
                a.headers_n > HTTP_HEADERS_MAX)
                abort();
        if (http_answer_parse(bytes_sub(b, 0, (size_t)r), &again, NULL) != r ||
                again.status != a.status || again.headers_n != a.headers_n)
                abort();
        for (unsigned i = 0; i < a.headers_n; i++) {
                struct bytes v = a.headers[i].value;

                (void)http_type_is(v, "multipart/x-mixed-replace");
                struct bytes boundary = http_type_parameter(v, "boundary");
                if (boundary.p && boundary.n > v.n)
                        abort();
        }
}

static uint64_t chunks(struct bytes b, size_t step)
{
        struct http_chunks c = { 0 };
        uint64_t sum = 1;

        while (b.n > 0) {
                struct bytes piece = bytes_sub(b, 0, step), body;
                int r;

                b = bytes_sub(b, piece.n, b.n);
                while ((r = http_chunks_pull(&c, &piece, &body, NULL)) == 1)
                        for (size_t i = 0; i < body.n; i++)
                                sum = (sum ^ body.p[i]) * UINT64_C(1099511628211);
                if (r != 0)
                        return sum + (uint64_t)r;
        }
        return sum;
}

static void requests(struct bytes b)
{
        struct buf out;
        uint8_t *plain = malloc(b.n + 1);

        buf_init(&out, STR_BASE64_ROOM(b.n));
        if (tunnel_encode(&out, b, NULL) < 0 ||
                str_unbase64(plain, b.n + 1, buf_bytes(&out), NULL) != (int)b.n ||
                (b.n && memcmp(plain, b.p, b.n) != 0))
                abort();
        buf_done(&out);
        free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes b = BYTES(data, n);
        size_t step = n ? 1 + data[n - 1] % 16u : 1;

        answers(b);
        (void)tunnel_answer_kind(b);
        if (chunks(b, n ? n : 1) != chunks(b, step))
                abort();
        if (n < 4096)
                requests(b);
        return 0;
}
