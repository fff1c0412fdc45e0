/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fuzz_depay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        fuzz_depay(MEDIA_ONVIF_METADATA, BYTES(data, n));
        return 0;
}
