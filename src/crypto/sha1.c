/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/sha1.h"

#include "crypto/ossl.h"

void sha1_once(struct bytes b, uint8_t ret[static SHA1_BYTES])
{
        unsigned n = 0;

        ossl_begin();
        ossl_must(EVP_Digest(b.p ? (const void *)b.p : "", b.n, ret, &n, EVP_sha1(), NULL) == 1 &&
                          n == SHA1_BYTES,
                "SHA-1");
}
