/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first byte chooses the codec of those whose packets are units. */
#include "fuzz_depay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const enum media_codec codecs[] = { MEDIA_PCMU, MEDIA_PCMA, MEDIA_G726, MEDIA_OPUS };

        if (n > 0)
                fuzz_depay(codecs[data[0] % 4], BYTES(data + 1, n - 1));
        return 0;
}
