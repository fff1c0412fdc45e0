/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader of ftyp and moov accepts is written again byte for byte. */
#include <stdlib.h>

#include "media/fmp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        CLEANUP(buf_done) struct buf again = { .max = 1 << 20 };
        struct fmp4_header h;
        struct bytes in = BYTES(data, n);

        if (fmp4_read_header(in, &h, NULL) < 0)
                return 0;
        if (fmp4_write_header(&h, &again, NULL) < 0 || !bytes_equal(in, buf_bytes(&again)))
                abort();
        return 0;
}
