/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tunnel's POST connection: the same bytes must decode to the same, however they are cut up. */
#include <stdlib.h>

#include "proto/tunnel_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int feed(const struct tunnel_server_head *h, struct bytes body, size_t step, struct buf *out)
{
        struct tunnel_server t;
        int r = 0;

        tunnel_server_init(&t, h);
        for (size_t at = 0; r >= 0 && at < body.n; at += step)
                r = tunnel_server_feed(&t, bytes_sub(body, at, step), out, NULL);
        if (t.quad_n > 3 || t.head.n > TUNNEL_SERVER_HEAD_MAX)
                abort();
        tunnel_server_done(&t);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const struct bytes all = BYTES(data, n);
        const size_t step = n ? 1 + data[n - 1] % 64u : 1;
        struct tunnel_server_head h;
        struct buf whole, cut;
        int r;

        (void)tunnel_server_look(all);
        if (tunnel_server_parse(all, &h, NULL) != 1)
                return 0;
        if (h.n > n || strlen(h.cookie) < TUNNEL_SERVER_COOKIE_MIN)
                abort();
        buf_init(&whole, n + 8);
        buf_init(&cut, n + 8);
        r = feed(&h, bytes_sub(all, h.n, n), n, &whole);
        if (feed(&h, bytes_sub(all, h.n, n), step, &cut) != r)
                abort();
        if (r >= 0 && !bytes_equal(buf_bytes(&whole), buf_bytes(&cut)))
                abort();
        buf_done(&whole);
        buf_done(&cut);
        return 0;
}
