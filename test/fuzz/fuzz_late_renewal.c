/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a stranger sends as its old key's word. What was taken has a URI that ends, and a key. */
#include "base/bytes.h"
#include "trust/late_renewal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct late_renewal l;
        struct err e;

        if (late_renewal_parse(BYTES(data, n), &l, &e) < 0)
                return 0;
        if (memchr(l.uri, '\0', sizeof l.uri) == NULL || !l.key || !l.uri[0])
                __builtin_trap();
        (void)late_renewal_check(&l, BYTES(data, n));
        late_renewal_done(&l);
        return 0;
}
