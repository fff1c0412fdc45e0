/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a hostile camera answers to a ClientHello, in pieces: the first byte of the input says how
 * large. */
#include "crypto/tls.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int fuzz_on_data(void *owner, struct bytes plain, struct err *e)
{
        (void)owner;
        (void)plain;
        (void)e;
        abort(); /* nobody without the key gets as far as data */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct tls_client_config *config = NULL;
        struct tls *t = NULL;
        struct err e;
        bool closed = false;
        int r = 0;

        if (n < 2 || tls_client_config_new(BYTES(NULL, 0), &config, &e) < 0)
                return 0;
        if (tls_client_new(config, "lobby-3", NULL, INT64_C(1795000000000000), &t, &e) < 0 ||
                tls_start(t, &e) < 0)
                abort();
        size_t piece = (size_t)data[0] * 8 + 1;
        for (size_t at = 1; at < n && r >= 0; at += piece)
                r = tls_feed(
                        t, bytes_sub(BYTES(data, n), at, piece), fuzz_on_data, NULL, &closed, &e);
        if (r == 1 || tls_established(t) || (r < 0) != (tls_refusal(t) != TLS_OK))
                abort();
        tls_freep(&t);
        tls_client_config_freep(&config);
        return 0;
}
