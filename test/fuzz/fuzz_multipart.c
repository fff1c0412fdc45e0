/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures pushed over HTTP: the same parts, however the bytes are cut up. */
#include <stdlib.h>

#include "proto/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PART_MAX 4096

static int on_part(void *owner, struct bytes part, struct err *e)
{
        uint64_t *sum = owner;

        (void)e;
        if (part.n > PART_MAX)
                abort();
        for (size_t i = 0; i < part.n; i++)
                *sum = (*sum ^ part.p[i]) * UINT64_C(1099511628211);
        *sum = (*sum ^ part.n) * UINT64_C(1099511628211);
        return 0;
}

static int feed(struct bytes b, size_t step, uint64_t *sum)
{
        struct multipart m;
        int r = multipart_init(&m, bytes_str("b"), PART_MAX, NULL);

        while (r == 0 && b.n > 0) {
                struct bytes piece = bytes_sub(b, 0, step);

                b = bytes_sub(b, piece.n, b.n);
                r = multipart_feed(&m, piece, on_part, sum, NULL);
        }
        multipart_done(&m);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        uint64_t one = 0, other = 0;

        if (n < 2)
                return 0;
        int r = feed(BYTES(data, n), 1, &one);
        /* A part that is too large is told sooner when more of it comes at once. */
        if (feed(BYTES(data, n), 1 + data[n - 1] % 64u, &other) == r && r == 0 && one != other)
                abort();
        return 0;
}
