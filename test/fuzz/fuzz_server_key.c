/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that is to hold the page's private key, and one that is to hold its certificates: texts
 * are fit for people, and what is no page's is refused with a reason. */
#include <stdlib.h>

#include "crypto/server_key.h"
#include "crypto/x509_web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fuzz_text(const char *s)
{
        for (; *s; s++) {
                if (*s < ' ' || *s > '~')
                        __builtin_trap();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static struct x509_web cert;
        struct server_key *key = NULL;
        struct err e = { 0 };

        if (server_key_parse(BYTES(data, n), &key, &e) < 0) {
                if (key || !e.text[0])
                        __builtin_trap();
                return 0;
        }
        /* The same text may hold the certificates. */
        if (x509_web_read(BYTES(data, n), key, INT64_C(1800000000000000), &cert, &e) == 0) {
                fuzz_text(cert.subject);
                for (unsigned i = 0; i < cert.dns_n; i++)
                        fuzz_text(cert.dns[i]);
                for (unsigned i = 0; i < cert.ip_n; i++)
                        fuzz_text(cert.ip[i]);
                if (cert.dns_n + cert.ip_n == 0)
                        __builtin_trap();
        } else if (!e.text[0]) {
                __builtin_trap();
        }
        server_key_freep(&key);
        return 0;
}
