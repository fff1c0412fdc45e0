/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Headers of MP4, right and wrong: a short text without quotes. */
#include <stdlib.h>

#include "gateway/codec_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char to[CODEC_TEXT_ROOM];

        codec_text(BYTES(data, n), to);
        if (strlen(to) >= sizeof to || strpbrk(to, "\"\\"))
                abort();
        return 0;
}
