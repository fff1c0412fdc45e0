/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A segment file, whatever is in it: looked at and judged, and never authentic, for nobody gave
 * this fingerprint. */
#include <stdlib.h>

#include "verify/line.h"
#include "verify/segment_inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const uint8_t trust[32] = { 1 };
        struct signers *signers = signers_new(trust);
        struct verdict v;
        struct piece p;

        verdict_init(&v);
        piece_init(&p, "fuzz.mp4");
        segment_inspect(BYTES(data, n), signers, &p);
        line_judge(LINE_VAULT, "lobby-main", &p, 1, signers, &v);
        if (verdict_overall(&v) == 0)
                abort();
        piece_done(&p);
        verdict_done(&v);
        signers_free(signers);
        return 0;
}
