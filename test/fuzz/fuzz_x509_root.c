/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A root of somebody else's, as a file that an administrator was given: what is taken is taken
 * again by its DER, and texts are fit for people. */
#include "crypto/x509_root.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const int64_t now_us = INT64_C(1795000000) * 1000000;
        static struct x509_root c, again;

        if (x509_root_read(BYTES(data, n), now_us, &c, NULL) < 0)
                return 0;
        if (c.until_us <= now_us || x509_root_read(BYTES(c.der, c.der_n), now_us, &again, NULL) ||
                memcmp(c.fingerprint, again.fingerprint, sizeof c.fingerprint) != 0)
                __builtin_trap();
        for (const char *s = c.subject; *s; s++) {
                if (*s < ' ' || *s > '~')
                        __builtin_trap();
        }
        return 0;
}
