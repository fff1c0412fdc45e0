/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader of a seal accepts is, signed anew, the same payload but for signer and signature.
 */
#include <stdlib.h>

#include "seal/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct sign_key *key;
        CLEANUP(buf_done) struct buf again = { .max = SEAL_BYTES_MAX };
        struct seal s;

        if (!key)
                key = sign_key_generate();
        if (seal_parse(BYTES(data, n), &s, NULL) < 0)
                return 0;
        if (seal_sign(&s, key, &again, NULL) < 0 || again.n != n ||
                memcmp(again.p, data, n - 32 - SIGN_BYTES) != 0)
                abort();
        return 0;
}
