/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/md5.h"

#include "crypto/ossl.h"

#include "crypto/ossl.h"

int md5_once(struct bytes b, uint8_t ret[static MD5_BYTES], struct err *e)
{
        uint8_t digest[MD5_BYTES];
        unsigned n = 0;

        ossl_begin();
        if (EVP_Digest(b.p ? (const void *)b.p : "", b.n, digest, &n, EVP_md5(), NULL) != 1 ||
                n != sizeof digest)
                return err_set(e, ERR_INTERNAL, "MD5 is not offered by the crypto library");
        memcpy(ret, digest, sizeof digest);
        return 0;
}
