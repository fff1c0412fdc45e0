/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a recorder says of a file before its first byte: a length within its bounds, or nothing. */
#include <stdlib.h>

#include "gateway/export_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        uint64_t bytes = 0;

        int r = export_text_plan(BYTES(data, n), &bytes, NULL);
        if (r == 0 ? bytes < 1 || bytes > EXPORT_TEXT_BYTES_MAX : bytes != 0)
                abort();
        return 0;
}
