/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signing request, as somebody's camera made it. */
#include "crypto/x509_csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct verify_key *k = NULL;

        if (x509_csr_key(BYTES(data, n), &k, NULL) == 0 && !k)
                __builtin_trap();
        verify_key_freep(&k);
        return 0;
}
