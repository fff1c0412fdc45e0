/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signing request, as somebody's camera made it. What is taken of a node's is taken of a device's
 * too, with the same key, and texts are fit for people. */
#include "crypto/x509_csr.h"

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
        static struct x509_csr c;
        struct verify_key *k = NULL;
        uint8_t id[32];

        int key = x509_csr_key(BYTES(data, n), &k, NULL);
        int all = x509_csr_read(BYTES(data, n), &c, NULL);
        if (key == 0 && !k)
                __builtin_trap();
        if (key == 0 && all == 0) {
                verify_key_id(k, id);
                if (memcmp(id, c.key, sizeof id) != 0)
                        __builtin_trap();
        }
        if (all == 0) {
                fuzz_text(c.subject);
                for (unsigned i = 0; i < c.dns_n; i++)
                        fuzz_text(c.dns[i]);
                for (unsigned i = 0; i < c.ip_n; i++)
                        fuzz_text(c.ip[i]);
                for (unsigned i = 0; i < c.uris_n; i++)
                        fuzz_text(c.uris[i]);
        }
        verify_key_freep(&k);
        return 0;
}
