/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader of a head box accepts is written again byte for byte, and its object key is a
 * path below its stream. */
#include <stdlib.h>

#include "seal/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        CLEANUP(buf_done) struct buf again = { .max = 1 << 20 };
        struct bytes in = BYTES(data, n);
        struct head h;

        if (head_parse(in, &h, NULL) < 0)
                return 0;
        if (strstr(h.object_key, "..") || strncmp(h.object_key, h.stream, strlen(h.stream)) != 0)
                abort();
        if (head_format(&h, &again, NULL) < 0 || !bytes_equal(in, buf_bytes(&again)))
                abort();
        return 0;
}
