/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The payload of an evidence box: what is read is written again, to the same bytes but for the
 * checksum at the end. */
#include <stdlib.h>

#include "seal/evidence.h"

#define CHECKSUM_BYTES 32
#define ROOM (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        int64_t from_us, to_us;
        struct evidence ev;
        struct buf out;
        struct err e;

        if (evidence_read_back(BYTES(data, n), &ev, &from_us, &to_us, &e) < 0)
                return 0;
        buf_init(&out, ROOM);
        if (evidence_write_back(&ev, &out, &e) == 0 &&
                (out.n != n + EVIDENCE_HEADER_BYTES ||
                        memcmp(out.p + EVIDENCE_HEADER_BYTES, data, n - CHECKSUM_BYTES) != 0))
                abort();
        buf_clear(&out);
        if (evidence_write_front(&ev, &out, &e) == 0 && out.n == 0)
                abort();
        buf_done(&out);
        evidence_done(&ev);
        return 0;
}
