/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture that can be carried has the same headers after being written and read again. */
#include <stdlib.h>

#include "media/jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        CLEANUP(buf_done) struct buf out = { .max = 4096 };
        struct jpeg_frame f, again;
        struct bytes scan, none;

        if (jpeg_parse(BYTES(data, n), &f, &scan, NULL) < 0)
                return 0;
        if (scan.n > n || jpeg_write_headers(&f, &out, NULL) < 0 ||
                jpeg_parse(buf_bytes(&out), &again, &none, NULL) < 0 || none.n > 0 ||
                again.width != f.width || again.height != f.height ||
                again.half_height != f.half_height || again.restart_interval != f.restart_interval)
                abort();
        return 0;
}
