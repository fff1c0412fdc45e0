/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a gateway that was taken over can begin a transcoder with, and such a transcoder say to it:
 * the first byte chooses. */
#include <stdlib.h>

#include "proto/transcode_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes body = n ? BYTES(data + 1, n - 1) : BYTES(data, 0);
        struct transcode_begin begin;
        struct err why;
        struct buf out;

        buf_init(&out, 1024);
        if (n && data[0] % 2) {
                if (transcode_begin_parse(body, &begin, NULL) == 0 &&
                        (transcode_begin_pack(&begin, &out, NULL) < 0 ||
                                !bytes_equal(buf_bytes(&out), body)))
                        abort();
        } else if (transcode_failure_parse(body, &why, NULL) == 0) {
                for (const char *c = why.text; *c; c++)
                        if (*c < ' ' || *c > '~')
                                abort();
        }
        buf_done(&out);
        return 0;
}
