/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates in PKCS#7, as somebody answers a node's request. What is taken is written and taken
 * again as it was. */
#include "crypto/x509_pkcs7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes certs[X509_PKCS7_CERTS_MAX];
        struct x509_pkcs7 first, second;
        struct buf der;

        if (x509_pkcs7_parse(BYTES(data, n), &first, NULL) < 0)
                return 0;
        buf_init(&der, 2 * X509_PKCS7_MAX);
        for (unsigned i = 0; i < first.n; i++)
                certs[i] = buf_bytes(&first.certs[i]);
        if (x509_pkcs7_format(certs, first.n, &der, NULL) == 0 &&
                x509_pkcs7_parse(buf_bytes(&der), &second, NULL) == 0) {
                if (second.n != first.n)
                        __builtin_trap();
                for (unsigned i = 0; i < second.n; i++) {
                        if (!bytes_equal(certs[i], buf_bytes(&second.certs[i])))
                                __builtin_trap();
                }
                x509_pkcs7_done(&second);
        }
        buf_done(&der);
        x509_pkcs7_done(&first);
        return 0;
}
