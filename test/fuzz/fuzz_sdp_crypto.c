/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One value of a=crypto and the way back; and any text without its keys, twice the same. */
#include <stdlib.h>
#include <string.h>

#include "proto/sdp_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct sdp_crypto c, again;
        struct buf out, twice;

        buf_init(&out, 8 * n + 8192);
        buf_init(&twice, 64 * n + 65536);
        if (sdp_crypto_parse(BYTES(data, n), &c, NULL) == 0) {
                if (sdp_crypto_format(&c, &out, NULL) == 0)
                        if (sdp_crypto_parse(buf_bytes(&out), &again, NULL) < 0 ||
                                memcmp(&again, &c, sizeof c) != 0)
                                abort();
                sdp_crypto_done(&c);
        }
        buf_clear(&out);
        if (sdp_crypto_redact(BYTES(data, n), &out, NULL) == 0 &&
                sdp_crypto_redact(buf_bytes(&out), &twice, NULL) == 0 &&
                !bytes_equal(buf_bytes(&out), buf_bytes(&twice)))
                abort();
        buf_done(&out);
        buf_done(&twice);
        return 0;
}
